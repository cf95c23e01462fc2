//! What is said of a fault: what is wrong and what to do, in both languages.

use super::fault::FaultKind;
use crate::config::Words;
use crate::domain::Item;

impl FaultKind {
    /// What is wrong and what to do.
    #[must_use]
    pub fn words(&self) -> Words {
        self.of_file().or_else(|| self.of_site()).unwrap_or_else(|| self.of_cell())
    }

    /// Of the file as a whole and of its form.
    fn of_file(&self) -> Option<Words> {
        let of = |en: &str, zh: &str| Some(Words::of(en, zh));
        match self {
            Self::Empty => of(
                "the file is empty; an empty list never means all meters",
                "文件为空；空表不代表全部电能表",
            ),
            Self::HeaderOnly => of(
                "there is no line below the header; an empty list never means all meters",
                "表头下面没有数据；空表不代表全部电能表",
            ),
            Self::TooLarge => {
                let most = super::MOST_BYTES >> 20;
                Some(Words::new(
                    format!("the file is larger than {most} MiB; split it"),
                    format!("文件超过 {most} MiB，请拆分后导入"),
                ))
            }
            Self::Workbook => of(
                "this is an old workbook (XLS), one with a password, or one where only CSV is read; save the sheet as CSV UTF-8",
                "这是旧式（XLS）、带密码的，或此处不支持的 Excel 工作簿；请将工作表另存为“CSV UTF-8”",
            ),
            Self::BrokenBook => of(
                "this workbook cannot be read; open it and save it again as XLSX, or as CSV UTF-8",
                "工作簿无法读取；请打开后重新另存为 XLSX 或“CSV UTF-8”",
            ),
            Self::BookTooLarge => of(
                "the workbook is too large when it is unpacked, or has more than 256 columns, 500,000 rows or 5,000,000 cells; save the sheet as CSV UTF-8",
                "工作簿解压后过大，或超过 256 列、50 万行或 500 万个单元格；请将工作表另存为“CSV UTF-8”",
            ),
            Self::SeveralSheets { names } => Some(Words::new(
                format!(
                    "several sheets hold meters: {}; keep one of them in the file",
                    listed(names, ", ", "none")
                ),
                format!("有多个工作表都是档案：{}；请在文件中只保留一个", listed(names, "、", "无")),
            )),
            Self::Utf16 => {
                of("this is text in UTF-16; save it as CSV UTF-8", "文件编码为 UTF-16，请另存为“CSV UTF-8”")
            }
            Self::NotUtf8 => of(
                "not UTF-8 from this line on, though the file is marked or told to be; save it again as CSV UTF-8",
                "从此行起不是 UTF-8 编码，与文件标记或指定的编码不符；请重新另存为“CSV UTF-8”",
            ),
            Self::NeitherEncoding => of(
                "neither UTF-8 nor GBK from this line on; save the file again as CSV UTF-8",
                "从此行起既不是 UTF-8 也不是 GBK 编码，请将文件重新另存为“CSV UTF-8”",
            ),
            Self::EitherEncoding => of(
                "these bytes are text in UTF-8 and in GBK; say which by --encoding utf-8 or --encoding gbk",
                "文件内容按 UTF-8 和 GBK 都能解读，请用 --encoding utf-8 或 --encoding gbk 指定",
            ),
            Self::Nul => of(
                "a byte of zero: this is no text, or UTF-16; save it as CSV UTF-8",
                "含有零字节：不是文本文件，或编码为 UTF-16；请另存为“CSV UTF-8”",
            ),
            Self::OpenQuote => of(
                "the quote that opens in this line is never closed; close it, or write it twice if it is part of the text",
                "此行的双引号没有结束；请补上结束的双引号，若引号是内容的一部分请写成两个",
            ),
            Self::BehindQuote => of(
                "text stands behind a quote that closes, or a quote before it was never closed; write quotes that are \
                 part of the text twice",
                "结束的双引号后面还有内容，或前面的双引号没有结束；内容里的引号请写成两个",
            ),
            Self::BlankBeforeQuote => of(
                "blanks stand between a comma and a quote; take them out",
                "逗号与双引号之间有空格，请删除空格",
            ),
            _ => self.of_table(),
        }
    }

    /// Of the header and of whole lines.
    fn of_table(&self) -> Option<Words> {
        Some(match self {
            Self::Separator(sign) => Words::new(
                format!("cells are separated by {sign:?}, expected commas; save the file as CSV with commas"),
                format!("单元格之间用的是 {sign:?}，应为英文逗号；请另存为逗号分隔的 CSV"),
            ),
            Self::RepeatedColumn { first } => Words::new(
                format!("the column is there already as {first}; take one of them out"),
                format!("该列与 {first} 重复，请删除其中一列"),
            ),
            Self::MissingColumn(column) => Words::new(
                format!("there is no column {} ({}); add it", column.en(), column.zh()),
                format!("缺少列“{}”（{}），请补上", column.zh(), column.en()),
            ),
            Self::NoColumn { en, zh } => Words::new(
                format!("there is no column {en} ({zh}); add it"),
                format!("缺少列“{zh}”（{en}），请补上"),
            ),
            Self::UnknownColumn { others } => {
                let (en, zh) = (listed(others, ", ", "none"), listed(others, "、", "无"));
                Words::new(
                    format!(
                        "the list knows no such column; expected {en}: correct the name, or take the column out"
                    ),
                    format!("清单没有这一列；此外可有的列为 {zh}，请更正列名或删除该列"),
                )
            }
            Self::NoPathColumn => Words::of(
                "there is neither a column line (线路) nor terminal (终端地址); add the one by which meters are reached",
                "“线路”（line）和“终端地址”（terminal）两列都没有，请补上电能表所用的一列",
            ),
            Self::Merged { cells } => Words::new(
                format!(
                    "the cells {cells} are merged; unmerge them, and fill in what is the same in each row"
                ),
                format!("单元格 {cells} 已合并；请取消合并，并在每一行填写相同的内容"),
            ),
            Self::CellError => Words::of(
                "the cell holds an error or a length of time instead of a value; correct its formula or format",
                "单元格是错误值或时长，不是数值或文字；请更正公式或格式",
            ),
            Self::Cells { found, expected } => Words::new(
                format!(
                    "the line has {found} cells, the header {expected}; put texts with commas in double quotes"
                ),
                format!("此行有 {found} 个单元格，表头有 {expected} 个；含逗号的内容请加英文双引号"),
            ),
            _ => return None,
        })
    }

    /// Of what does not go with the configuration, other lines, or what is kept.
    fn of_site(&self) -> Option<Words> {
        Some(match self {
            Self::UnknownLine { known } => Words::new(
                format!("the configuration has no such line; it has {}", listed(known, ", ", "none")),
                format!("配置中没有这条线路；已有：{}", listed(known, "、", "无")),
            ),
            Self::UnknownProfile { protocol, known } if known.is_empty() => Words::new(
                format!(
                    "there is no profile for {protocol}; name one, and give -c with the configuration that has it"
                ),
                format!("没有规约 {protocol} 的表型；请填写表型，并用 -c 指定含有该表型的配置"),
            ),
            Self::UnknownProfile { protocol, known } => Words::new(
                format!(
                    "there is no such profile for {protocol}; correct the name, or give -c with the configuration that \
                     has it; known are {}",
                    listed(known, ", ", "none")
                ),
                format!(
                    "规约 {protocol} 没有这个表型，请更正名称，或用 -c 指定含有该表型的配置；已有：{}",
                    listed(known, "、", "无")
                ),
            ),
            Self::OtherProtocol { profile } => Words::new(
                format!("this is a profile for {profile}; correct the profile or the protocol"),
                format!("该表型属于规约 {profile}，请更正表型或规约"),
            ),
            Self::OnlyModbus => Words::of(
                "the line is for meters that speak Modbus TCP; put the meter on another line, or correct its protocol",
                "该线路只能接 Modbus TCP 表；请改用其他线路，或更正规约",
            ),
            Self::ModbusBehindTerminal => Words::of(
                "meters that speak Modbus are not read through terminals; put the meter on a line",
                "Modbus 表不能经采集终端抄读；请改接到线路上",
            ),
            Self::Future => Words::of(
                "lies in the future; give the day on which the meter was installed",
                "日期在未来，请填写实际安装日期",
            ),
            Self::Problem { problem, first } => super::problem::words(problem, *first),
            _ => return None,
        })
    }

    /// Of one cell.
    fn of_cell(&self) -> Words {
        match self {
            Self::Expected(words) => {
                Words::new(format!("expected {}", words.en), format!("应为{}", words.zh))
            }
            Self::TooLong { most } => {
                Words::new(format!("longer than {most} characters"), format!("超过 {most} 个字符"))
            }
            Self::Sign(sign) => Words::new(
                format!("holds the sign {}, which cannot be seen; take it out", sign.escape_unicode()),
                format!("含有不可见字符 {}，请删除", sign.escape_unicode()),
            ),
            Self::FullWidth { plain } => Words::new(
                format!("written in full width; write {plain}"),
                format!("使用了全角字符，请改为半角：{plain}"),
            ),
            Self::Scientific => Words::of(
                "a spreadsheet has shortened the number and lost its digits; give the column the format text and fill \
                 it in again",
                "数字被表格软件转成了科学计数法，末尾数字已丢失；请将该列设为“文本”格式后重新填写",
            ),
            Self::Formula => Words::of(
                "begins with = + - or @, which a spreadsheet runs as a formula; begin with something else",
                "以 =、+、- 或 @ 开头，会被表格软件当作公式执行；请更改开头的字符",
            ),
            Self::NoPath => Words::of(
                "the meter needs a line or a terminal; fill in one of them",
                "电能表须有线路或终端地址，请填写其中之一",
            ),
            Self::Needs { other } => Words::new(
                format!("has no meaning without {}; fill that in, or take this out", other.en),
                format!("缺少{}时没有意义，请补填或删除此项", other.zh),
            ),
            Self::Excludes { other } => Words::new(
                format!("stands beside {}; a meter is reached one way: take one of them out", other.en),
                format!("与{}同时填写；电能表只能有一种接入方式，请删除其中之一", other.zh),
            ),
            Self::Inexact => Words::of(
                "the multiplier has more than two decimals or is too large",
                "倍率超过两位小数或过大",
            ),
            Self::Product { product } => Words::new(
                format!("the transformers make {product}; correct one of them"),
                format!("与 CT、PT 算出的倍率 {product} 不一致，请更正"),
            ),
            // All others were told above.
            _ => Words::of("must be filled in", "不能为空"),
        }
    }
}

/// Names in one line, not all of very many.
fn listed(names: &[String], between: &str, none: &str) -> String {
    match names {
        [] => none.to_owned(),
        names => {
            let end = if names.len() > LISTED { "…" } else { "" };
            let names: Vec<&str> = names.iter().take(LISTED).map(String::as_str).collect();
            names.join(between) + end
        }
    }
}

/// How many names are listed.
const LISTED: usize = 12;

/// Energy as it is told.
pub(super) fn energy(scaled: i64) -> String {
    Item::parse("1.8.0").map(|item| item.quantity(scaled).to_string()).unwrap_or_default()
}
