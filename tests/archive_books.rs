//! Archives as offices keep them: workbooks with titles, merged cells, numbers and dates of the spreadsheet.
#![expect(clippy::unwrap_used, reason = "a failing step must end its test")]

#[path = "support/book.rs"]
mod book;

use std::io::{Cursor, Write};
use std::path::Path;
use std::process::Command;

use chaobiao::archive::{self, ArchiveFile, Faults, Site, Told};
use chaobiao::domain::Day;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use Cell::{Date, Error, None as Blank, Number, Text};
use book::{Cell, book};

/// Nothing is merged.
const NONE: &[&str] = &[];

const HEAD: [Cell; 8] = [
    Text("户号"),
    Text("计量点编号"),
    Text("通信地址"),
    Text("规约"),
    Text("线路"),
    Text("CT"),
    Text("安装日期"),
    Text("起度"),
];

const CSV: &str = "户号,计量点编号,通信地址,规约,线路,CT,安装日期,起度\n\
    1001,P1,202411110001,645-2007,一号线,200/5,2026-03-01,12.5\n\
    1002,P2,12345678,645-2007,一号线,40,2026-03-01 12:00,0\n";

/// The rows of `CSV` as a spreadsheet keeps them; the day is the given number.
fn rows(day: [&'static str; 2]) -> Vec<Vec<Cell>> {
    vec![
        vec![
            Text("1001"),
            Text("P1"),
            // Shown as 2.02411E+11, and kept whole.
            Number("202411110001"),
            Text("645-2007"),
            Text("一号线"),
            Text("200/5"),
            Date(day[0]),
            Number("12.5"),
        ],
        vec![
            Number("1002"),
            Text("P2"),
            // 000012345678 typed into a cell for numbers.
            Number("12345678"),
            Text("645-2007"),
            Text("一号线"),
            Number("40"),
            Date(day[1]),
            Text("0"),
        ],
    ]
}

const DAY_1900: [&str; 2] = ["46082", "46082.5"];
const DAY_1904: [&str; 2] = ["44620", "44620.5"];

fn read(bytes: &[u8]) -> Result<ArchiveFile, Faults> {
    let now = "2026-11-21".parse::<Day>().unwrap().start();
    archive::read(bytes, None, &Site { lines: None, profiles: None, now: Some(now) })
}

fn told(bytes: &[u8]) -> String {
    let faults = read(bytes).err().unwrap_or_default();
    Told { faults: &faults, file: Path::new("a.xlsx"), most: 50 }.to_string()
}

fn with(head: Vec<Vec<Cell>>, body: Vec<Vec<Cell>>) -> Vec<Vec<Cell>> {
    [head, body].concat()
}

#[test]
fn a_workbook_says_what_the_same_table_as_text_says() {
    let plain = read(CSV.as_bytes()).unwrap();
    assert_eq!(plain.entries.len(), 2);
    let title = vec![Text("光明站电能表档案"), Blank];
    // A group above two columns, the other names merged over both lines.
    let upper = vec![
        Text("户号"),
        Text("计量点编号"),
        Text("通信地址"),
        Text("规约"),
        Text("线路"),
        Text("互感器与安装"),
        Blank,
        Blank,
    ];
    let lower = vec![Blank, Blank, Blank, Blank, Blank, Text("CT"), Text("安装日期"), Text("起度")];
    let merged: &[&str] = &["A1:H1", "A2:A3", "F2:H2"];
    for (name, sheet, is_1904) in [
        ("plain", ("档案", with(vec![HEAD.to_vec()], rows(DAY_1900)), NONE), false),
        ("counted from 1904", ("档案", with(vec![HEAD.to_vec()], rows(DAY_1904)), &[]), true),
        (
            "title",
            ("档案", with(vec![title.clone(), vec![], HEAD.to_vec()], rows(DAY_1900)), &["A1:H1"]),
            false,
        ),
        ("two lines", ("档案", with(vec![title, upper, lower], rows(DAY_1900)), merged), false),
    ] {
        let bytes =
            book(&[("说明", vec![vec![Text("填写说明")]], &[]), sheet, ("空表", vec![], &[])], is_1904);
        let file = read(&bytes).unwrap_or_else(|_| panic!("{name}: {}", told(&bytes)));
        assert_eq!(file.entries, plain.entries, "{name}");
        assert_eq!(file.sheet.as_deref(), Some("档案"));
    }
    let two = "抄表档案,,,,,,,\n户号,计量点编号,通信地址,规约,线路,互感器,,\n,,,,,CT,安装日期,起度\n";
    let text = CSV.replace(CSV.lines().next().unwrap(), two.trim_end());
    assert_eq!(read(text.as_bytes()).unwrap().entries, plain.entries, "the same as text");
}

#[test]
fn f38_what_a_spreadsheet_has_spoilt_is_refused_by_sheet_row_and_column_with_what_to_do() {
    let spoilt = |place: usize, cell: Cell| {
        let mut rows = rows(DAY_1900);
        rows[1][place] = cell;
        book(&[("档案", with(vec![HEAD.to_vec()], rows), &[])], false)
    };
    for (place, cell, at, en, zh) in [
        (2, Number("1234567890123456"), "a.xlsx [档案]:3: 通信地址", "spreadsheet", "文本"),
        (2, Number("202411000000"), "a.xlsx [档案]:3: 通信地址", "spreadsheet", "文本"),
        (2, Text("2.02411E+11"), "[档案]:3: 通信地址 = 2.02411E+11", "spreadsheet", "文本"),
        (2, Text("２０２４１１１１０００１"), "[档案]:3: 通信地址", "202411110001", "202411110001"),
        (5, Date("46300"), "[档案]:3: CT = 2026-10-05 00:00:00", "becomes a date", "会变成日期"),
        (6, Number("46082"), "[档案]:3: 安装日期 = 46082", "counts 2026-03-01", "日期序号"),
        (7, Error, "[档案]:3: 起度", "holds an error", "错误值"),
        (0, Blank, "[档案]:3: 户号", "", ""),
        (
            1,
            Text("P1"),
            "[档案]:3: 计量点编号 = P1",
            "line 2 has the same metering point",
            "与第 2 行的计量点相同",
        ),
    ] {
        let said = told(&spoilt(place, cell));
        assert!(said.contains(at) && said.contains(en) && said.contains(zh), "{said}");
        assert!(said.contains("nothing was changed"), "{said}");
    }
    let merged = book(&[("档案", with(vec![HEAD.to_vec()], rows(DAY_1900)), &["A2:A3"])], false);
    let said = told(&merged);
    assert!(
        said.contains("[档案]:2: 户号\n    the cells A2:A3 are merged") && said.contains("取消合并"),
        "{said}"
    );
}

#[test]
fn f38_a_workbook_that_says_nothing_or_too_much_is_refused() {
    let whole = |name| (name, with(vec![HEAD.to_vec()], rows(DAY_1900)), NONE);
    let said = told(&book(&[whole("一"), whole("二")], false));
    assert!(said.contains("several sheets hold meters: 一, 二"), "{said}");
    let said = told(&book(&[("档案", vec![HEAD.to_vec()], &[])], false));
    assert!(said.contains("an empty list never means all"), "{said}");
    assert!(told(&book(&[("空", vec![], &[])], false)).contains("an empty list never means all"));
    let said = told(&book(&[("档案", vec![HEAD[..4].to_vec(), rows(DAY_1900)[0].clone()], &[])], false));
    assert!(said.contains("[档案]") && said.contains("终端地址"), "{said}");
    let bytes = book(&[whole("档案")], false);
    for length in [30, bytes.len() / 2, bytes.len() - 10] {
        assert!(told(&bytes[..length]).contains("cannot be read"), "{length}");
    }
}

/// The same workbook with a text of its parts changed.
fn changed(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes.to_vec())).unwrap();
    let mut made = ZipWriter::new(Cursor::new(Vec::new()));
    for place in 0..zip.len() {
        let mut part = zip.by_index(place).unwrap();
        let mut text = String::new();
        std::io::Read::read_to_string(&mut part, &mut text).unwrap();
        let name = part.name().unwrap().into_owned();
        made.start_file(name, SimpleFileOptions::default()).unwrap();
        made.write_all(text.replace(from, to).as_bytes()).unwrap();
    }
    made.finish().unwrap().into_inner()
}

#[test]
fn t15_t20_a_workbook_that_grows_without_bounds_is_refused() {
    // A cell far away from the others is not filled up to.
    let far = with(vec![HEAD.to_vec()], rows(DAY_1900));
    let bytes = book(&[("档案", far, &[])], false);
    let moved = changed(&bytes, "<row r=\"3\"><c r=\"A3\"", "<row r=\"1048576\"><c r=\"XFD1048576\"");
    assert!(
        told(&moved).contains("[档案]") || told(&moved).contains("more than 256 columns"),
        "{}",
        told(&moved)
    );
    // A part of nothing but blanks, small as it is sent.
    let mut zip = ZipWriter::new_append(Cursor::new(bytes)).unwrap();
    zip.start_file("xl/sharedStrings.xml", SimpleFileOptions::default()).unwrap();
    let blanks = vec![b' '; 1 << 20];
    for _ in 0..129 {
        zip.write_all(&blanks).unwrap();
    }
    let bomb = zip.finish().unwrap().into_inner();
    assert!(bomb.len() < 2 << 20, "{} bytes", bomb.len());
    let said = told(&bomb);
    assert!(said.contains("too large when it is unpacked"), "{said}");
}

/// Each row gets as many cells as the widest one, so that a wide one among many narrow ones costs much.
#[test]
fn t15_one_wide_row_among_many_narrow_ones_is_not_filled_up() {
    let bytes = |count: usize| {
        let rows =
            std::iter::once(vec![Text("a"), Text("b")]).chain(std::iter::repeat_n(vec![Text("a")], count));
        changed(&book(&[("档案", rows.collect(), &[])], false), "r=\"B1\"", "r=\"IV1\"")
    };
    let said = told(&bytes(20_000));
    assert!(said.contains("5,000,000 cells") && said.contains(":19532"), "{said}");
    assert!(!told(&bytes(15_000)).contains("5,000,000 cells"), "what fits is read");
}

#[test]
fn f38_a_workbook_is_imported_by_command_and_asks_before_it_changes_much() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let run = |file: &str, more: &[&str]| {
        let file = place(file);
        let database = place("a.db");
        let arguments = [&["meters", "import", &file, "--database", &database], more].concat();
        let done = Command::new(env!("CARGO_BIN_EXE_chaobiao")).args(arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (done.status.code().unwrap(), text(done.stdout), text(done.stderr))
    };
    let whole = with(vec![HEAD.to_vec()], rows(DAY_1900));
    std::fs::write(place("a.xlsx"), book(&[("档案", whole.clone(), &[])], false)).unwrap();
    let (code, out, told) = run("a.xlsx", &[]);
    assert!(code == 0 && out.contains("XLSX [档案]") && out.contains("saved"), "{out}{told}");
    assert!(run("a.xlsx", &[]).1.contains("2 meters"));
    let mut changed = whole;
    changed[2].push(Text("A1"));
    changed[0].push(Text("抄表段"));
    std::fs::write(place("b.xlsx"), book(&[("档案", changed, &[])], false)).unwrap();
    let (code, _, told) = run("b.xlsx", &[]);
    assert!(code == 1 && told.contains("more than a fifth") && told.contains("--confirm"), "{told}");
    let (code, out, _) = run("b.xlsx", &["--confirm", "--json"]);
    let said: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (code, &said["changed"], &said["sheet"], &said["is_saved"]),
        (0, &1.into(), &"档案".into(), &true.into())
    );
}
