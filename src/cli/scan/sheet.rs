//! The commissioning sheet of a line (线路调试单), as a page that prints and as CSV, in both languages.

use std::path::Path;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::against::Commissioned;
use crate::cli::CliError;
use crate::domain::{Coded, Moment};

/// What stands above a sheet.
pub(super) struct Head<'a> {
    pub(super) line: &'a str,
    pub(super) place: &'a str,
    pub(super) at: Moment,
    /// False when the search was broken off.
    pub(super) is_complete: bool,
}

/// Writes a sheet into a file that is not there yet: a page for `.html`, a table for `.csv`.
pub(super) fn write(file: &Path, head: &Head<'_>, rows: &[Commissioned]) -> Result<(), CliError> {
    let text = match file.extension().and_then(|extension| extension.to_str()) {
        Some("html" | "htm") => page(head, rows).into_string(),
        Some("csv") => table(rows)?,
        _ => {
            return Err(CliError::Usage(
                "--sheet takes a .html or a .csv file  --sheet 须为 .html 或 .csv".into(),
            ));
        }
    };
    let made = std::fs::File::create_new(file)
        .and_then(|mut made| std::io::Write::write_all(&mut made, text.as_bytes()));
    made.map_err(|error| CliError::Failed(format!("{}: {error}", file.display())))
}

/// The columns, in Chinese and in English.
const COLUMNS: [(&str, &str); 12] = [
    ("通信地址", "address"),
    ("状态", "state"),
    ("核对结果", "findings"),
    ("户号", "customer"),
    ("户名", "name"),
    ("计量点", "point"),
    ("档案资产编号", "recorded asset number"),
    ("表内资产编号", "asset number of the meter"),
    ("规约", "edition"),
    ("速率", "rate"),
    ("时钟偏差(秒)", "clock off by (s)"),
    ("正向有功总(kWh)", "forward active (kWh)"),
];

/// What stands in the columns.
fn cells(row: &Commissioned) -> [String; 12] {
    let Commissioned { address, found, entry, findings } = row;
    let of_found =
        |cell: fn(&super::Found) -> Option<String>| found.as_ref().and_then(cell).unwrap_or_default();
    let of_entry =
        |cell: fn(&crate::domain::ArchiveEntry) -> String| entry.as_ref().map(cell).unwrap_or_default();
    let told = findings.iter().map(|finding| {
        let words = finding.words();
        format!("{} {}", words.zh, words.en)
    });
    let state = if findings.is_empty() { "相符 agrees" } else { "待处理 to be looked into" };
    [
        address.clone(),
        state.to_owned(),
        told.collect::<Vec<_>>().join("; "),
        of_entry(|entry| entry.customer.number.clone()),
        of_entry(|entry| entry.customer.name.clone()),
        of_entry(|entry| entry.point.number.clone()),
        of_entry(|entry| entry.meter.asset_number.clone().unwrap_or_default()),
        of_found(|found| found.asset_number.clone()),
        match (found, entry) {
            (Some(found), _) => found.edition.to_owned(),
            (None, Some(entry)) => entry.meter.protocol.name().to_owned(),
            (None, None) => String::new(),
        },
        of_found(|found| Some(format!("{} {}", found.baud, found.parity))),
        of_found(|found| found.fast_seconds.clone()),
        of_found(|found| found.forward_active.clone()),
    ]
}

fn table(rows: &[Commissioned]) -> Result<String, CliError> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    let failed = |error: csv::Error| CliError::Failed(error.to_string());
    writer.write_record(COLUMNS.iter().map(|(zh, en)| format!("{zh} {en}"))).map_err(failed)?;
    for row in rows {
        // What a meter says of itself could be run by a spreadsheet.
        let plain = cells(row).map(|cell| match cell.chars().next() {
            Some('=' | '@' | '+') => format!("'{cell}"),
            _ => cell,
        });
        writer.write_record(plain).map_err(failed)?;
    }
    let bytes = writer.into_inner().map_err(|error| CliError::Failed(error.to_string()))?;
    Ok(format!("\u{FEFF}{}", String::from_utf8_lossy(&bytes)))
}

fn page(head: &Head<'_>, rows: &[Commissioned]) -> Markup {
    let count = |fits: fn(&Commissioned) -> bool| rows.iter().filter(|row| fits(row)).count();
    html! {
        (DOCTYPE)
        html lang="zh-CN" {
            head {
                meta charset="utf-8";
                title { "线路调试单 " (head.line) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "线路调试单 " small { "Commissioning sheet of a line" } }
                p { "线路 Line: " b { (head.line) } " · " (head.place) " · " (head.at.in_china().to_string()) }
                @if !head.is_complete { p.bad { "搜表未完成，结果可能不全 The search was broken off: there may be more" } }
                p {
                    "应答 answer: " b { (count(|row| row.found.is_some())) }
                    " · 相符 agree: " b { (count(|row| row.findings.is_empty())) }
                    " · 无档案 without a record: " b { (count(|row| row.entry.is_none())) }
                    " · 无应答 without an answer: " b { (count(|row| row.found.is_none())) }
                }
                table {
                    thead { tr { @for (zh, en) in COLUMNS { th { (zh) br; small { (en) } } } } }
                    tbody { @for row in rows {
                        tr.bad[!row.findings.is_empty()] { @for cell in cells(row) { td { (cell) } } }
                    } }
                }
                p.sign { "调试人 Commissioned by: ____________  日期 Date: ____________  复核人 Checked by: ____________" }
            }
        }
    }
}

const STYLE: &str = "body{font:12px sans-serif;margin:1em}table{border-collapse:collapse;width:100%}\
th,td{border:1px solid #888;padding:2px 4px;text-align:left;vertical-align:top}small{font-weight:normal;color:#555}\
.bad{font-weight:bold}.sign{margin-top:3em}@page{size:A4 landscape;margin:1cm}thead{display:table-header-group}";

#[cfg(test)]
mod tests {
    use super::super::against::compare;
    use super::super::against::tests::{entry, found};
    use super::*;

    fn rows() -> Vec<Commissioned> {
        let mut strange = found("000000000003");
        strange.asset_number = Some("=1+1<b>".to_owned());
        compare(
            "东区1号线",
            &[found("000000000001"), strange],
            &[entry("000000000001", "东区1号线"), entry("000000000002", "东区1号线")],
            &std::collections::BTreeSet::new(),
        )
    }

    #[test]
    fn a_sheet_is_a_page_that_prints_and_says_what_is_to_be_done() {
        let at = "2026-11-29".parse::<crate::domain::Day>().unwrap().start();
        let head = Head { line: "东区1号线", place: "127.0.0.1:7001", at, is_complete: false };
        let page = page(&head, &rows()).into_string();
        for part in [
            "线路调试单",
            "2026-11-29 00:00:00",
            "搜表未完成",
            "应答 answer: <b>2</b>",
            "无档案 without a record: <b>1</b>",
            "无应答 without an answer: <b>1</b>",
            "=1+1&lt;b&gt;",
            "123.45",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert!(!page.contains("<script") && !page.contains("http"));
    }

    #[test]
    fn a_table_holds_what_a_spreadsheet_does_not_run() {
        let text = table(&rows()).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 4);
        assert!(lines[0].starts_with("\u{FEFF}通信地址 address,状态 state"));
        assert!(lines[1].starts_with("000000000001,相符 agrees,,C1,王,P1,A1,A1,2007,2400 8E1,-3.0,123.45"));
        assert!(lines[2].contains("无应答") && lines[3].contains("'=1+1<b>"), "{text}");
    }
}
