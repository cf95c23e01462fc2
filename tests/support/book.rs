//! Workbooks as spreadsheets write them.
#![allow(dead_code, clippy::unwrap_used, reason = "not every test uses every kind of cell")]

use std::io::{Cursor, Write};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// A cell as a spreadsheet keeps it.
#[derive(Clone, Copy)]
pub(crate) enum Cell {
    Text(&'static str),
    Number(&'static str),
    /// A number that is shown as a date.
    Date(&'static str),
    Error,
    None,
}

/// A sheet: its name, its rows, and which cells are merged.
pub(crate) type Sheet<'a> = (&'a str, Vec<Vec<Cell>>, &'a [&'a str]);

/// A workbook of these sheets, which counts days from 1900 or from 1904.
pub(crate) fn book(sheets: &[Sheet<'_>], is_1904: bool) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let mut part = |name: String, text: String| {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    };
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let package = "http://schemas.openxmlformats.org/package/2006/relationships";
    let (mut named, mut related) = (String::new(), String::new());
    for (place, (name, rows, merged)) in sheets.iter().enumerate() {
        let id = place + 1;
        named.push_str(&format!("<sheet name=\"{name}\" sheetId=\"{id}\" r:id=\"r{id}\"/>"));
        related.push_str(&format!(
            "<Relationship Id=\"r{id}\" Type=\"{relations}/worksheet\" Target=\"worksheets/sheet{id}.xml\"/>"
        ));
        let rows: String = (1..).zip(rows).map(|(number, cells)| row(number, cells)).collect();
        let merged: String = merged.iter().map(|cells| format!("<mergeCell ref=\"{cells}\"/>")).collect();
        let merged = if merged.is_empty() { merged } else { format!("<mergeCells>{merged}</mergeCells>") };
        let text = format!("<worksheet xmlns=\"{main}\"><sheetData>{rows}</sheetData>{merged}</worksheet>");
        part(format!("xl/worksheets/sheet{id}.xml"), text);
    }
    let dates = if is_1904 { "<workbookPr date1904=\"1\"/>" } else { "" };
    let book = format!(
        "<workbook xmlns=\"{main}\" xmlns:r=\"{relations}\">{dates}<sheets>{named}</sheets></workbook>"
    );
    part("xl/workbook.xml".to_owned(), book);
    let root =
        format!("<Relationship Id=\"r1\" Type=\"{relations}/officeDocument\" Target=\"xl/workbook.xml\"/>");
    part("_rels/.rels".to_owned(), format!("<Relationships xmlns=\"{package}\">{root}</Relationships>"));
    let related = format!("<Relationships xmlns=\"{package}\">{related}</Relationships>");
    part("xl/_rels/workbook.xml.rels".to_owned(), related);
    let formats = "<cellXfs count=\"2\"><xf numFmtId=\"0\"/><xf numFmtId=\"14\"/></cellXfs>";
    part("xl/styles.xml".to_owned(), format!("<styleSheet xmlns=\"{main}\">{formats}</styleSheet>"));
    zip.finish().unwrap().into_inner()
}

fn row(number: usize, cells: &[Cell]) -> String {
    let cell = |(place, cell): (u8, &Cell)| {
        let at = format!("{}{number}", char::from(b'A' + place));
        match cell {
            Cell::Text(text) => format!("<c r=\"{at}\" t=\"inlineStr\"><is><t>{text}</t></is></c>"),
            Cell::Number(number) => format!("<c r=\"{at}\"><v>{number}</v></c>"),
            Cell::Date(number) => format!("<c r=\"{at}\" s=\"1\"><v>{number}</v></c>"),
            Cell::Error => format!("<c r=\"{at}\" t=\"e\"><v>#N/A</v></c>"),
            Cell::None => String::new(),
        }
    };
    format!("<row r=\"{number}\">{}</row>", (0..).zip(cells).map(cell).collect::<String>())
}
