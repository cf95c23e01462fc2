//! A workbook (XLSX) to the records of its sheets.
//!
//! A workbook is a compressed archive of XML. It is unpacked once without keeping anything, so that one that would grow
//! without bounds is refused before anything is made of it (T15, T20); cells are then read one by one. Every row gets as many
//! cells as the widest one, so rows, and rows times columns, are bounded as well. Numbers come exactly as they are kept, not as they
//! are shown: an address that is shown as 2.02E+11 is whole. Dates are those of the workbook, which counts from 1900 or
//! from 1904.

use std::collections::BTreeMap;
use std::io::{self, Cursor, Read};

use calamine::{DataRef, Dimensions, Reader, SheetVisible, Xlsx, XlsxError};
use csv::StringRecord;
use zip::ZipArchive;

use super::fault::{Fault, FaultKind, Faults};
use super::table::Record;

/// A sheet of a workbook.
pub(super) struct BookSheet {
    /// Its name.
    pub(super) name: String,
    /// Its rows that say something, each with its number.
    pub(super) records: Vec<Record>,
    /// What cannot be taken from it: the row, the place of the column, and why.
    pub(super) wrong: Vec<(u64, usize, FaultKind)>,
}

/// Whether these are the bytes of a workbook.
pub(super) fn is_book(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04")
}

/// The sheets that are seen and say something.
pub(super) fn sheets(bytes: &[u8]) -> Result<Vec<BookSheet>, Faults> {
    unpacked(bytes)?;
    let mut book: Xlsx<_> = calamine::open_workbook_from_rs(Cursor::new(bytes)).map_err(broken)?;
    let seen = |sheet: &calamine::Sheet| sheet.visible == SheetVisible::Visible;
    let names: Vec<String> =
        book.sheets_metadata().iter().filter(|sheet| seen(sheet)).map(|sheet| sheet.name.clone()).collect();
    let mut sheets = Vec::new();
    for name in names {
        // A sheet that is a chart has no cells.
        let merged = book.merge_cells_by_sheet_name(&name).unwrap_or_default();
        let sheet = read(&mut book, name, &merged)?;
        if !sheet.records.is_empty() {
            sheets.push(sheet);
        }
    }
    Ok(sheets)
}

/// Refuses a workbook that is too large when it is unpacked, whatever it says of itself.
fn unpacked(bytes: &[u8]) -> Result<(), Faults> {
    let broken = |_| Faults::from(FaultKind::BrokenBook);
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(broken)?;
    if archive.len() > MOST_PARTS {
        return Err(FaultKind::BookTooLarge.into());
    }
    let mut left = MOST_UNPACKED;
    for place in 0..archive.len() {
        let part = archive.by_index(place).map_err(broken)?;
        let copied = io::copy(&mut part.take(left + 1), &mut io::sink());
        let copied = copied.map_err(|_| Faults::from(FaultKind::BrokenBook))?;
        left = left.checked_sub(copied).ok_or_else(|| Faults::from(FaultKind::BookTooLarge))?;
    }
    Ok(())
}

fn read(book: &mut Xlsx<Cursor<&[u8]>>, name: String, merged: &[Dimensions]) -> Result<BookSheet, Faults> {
    let mut rows: BTreeMap<u32, Vec<(u32, String)>> = BTreeMap::new();
    let (mut wrong, mut width) = (Vec::new(), 0);
    let mut cells = match book.worksheet_cells_reader(&name) {
        Ok(cells) => cells,
        Err(XlsxError::NotAWorksheet(_)) => return Ok(BookSheet { name, records: Vec::new(), wrong }),
        Err(error) => return Err(broken(error)),
    };
    while let Some(cell) = cells.next_cell().map_err(broken)? {
        let (row, column) = cell.get_position();
        let text = match text(cell.get_value()) {
            Ok(text) => text,
            Err(kind) => {
                wrong.push((line(row), place(column), kind));
                UNREADABLE.to_owned()
            }
        };
        if text.trim().is_empty() {
            continue;
        }
        if column >= MOST_COLUMNS {
            return Err(Fault::of_line(line(row), FaultKind::BookTooLarge).into());
        }
        width = width.max(column + 1);
        rows.entry(row).or_default().push((column, text));
        if rows.len() > MOST_ROWS || rows.len().saturating_mul(place(width)) > MOST_CELLS {
            return Err(Fault::of_line(line(row), FaultKind::BookTooLarge).into());
        }
    }
    for region in merged.iter().filter(|region| region.start != region.end) {
        let (row, column) = region.start;
        wrong.push((line(row), place(column), FaultKind::Merged { cells: cells_of(region) }));
    }
    let record = |(row, cells): (u32, Vec<(u32, String)>)| {
        let mut texts = vec![String::new(); place(width)];
        for (column, text) in cells {
            if let Some(cell) = texts.get_mut(place(column)) {
                *cell = text;
            }
        }
        Record { line: line(row), cells: StringRecord::from(texts) }
    };
    Ok(BookSheet { name, records: rows.into_iter().map(record).collect(), wrong })
}

/// A cell as a file of text would have it.
fn text(cell: &DataRef<'_>) -> Result<String, FaultKind> {
    Ok(match cell {
        DataRef::Empty => String::new(),
        DataRef::String(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Int(number) => number.to_string(),
        // Beyond so many digits the last ones are lost.
        DataRef::Float(number) if number.abs() >= EXACT || is_rounded(*number) => {
            return Err(FaultKind::Scientific);
        }
        DataRef::Float(number) => number.to_string(),
        DataRef::Bool(is) => if *is { "yes" } else { "no" }.to_owned(),
        DataRef::DateTime(at) if at.is_duration() => return Err(FaultKind::CellError),
        DataRef::DateTime(at) => {
            let (year, month, day, hour, minute, second, _) = at.to_ymd_hms_milli();
            format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
        }
        DataRef::DateTimeIso(at) => at.clone(),
        DataRef::DurationIso(_) | DataRef::Error(_) => return Err(FaultKind::CellError),
    })
}

/// Whether a long number ends with so many zeros that it was written as `2.02411E+11` once: what stood there is lost.
fn is_rounded(number: f64) -> bool {
    number.abs() >= LONG && number.to_string().ends_with(ROUND)
}

fn broken<E>(_: E) -> Faults {
    FaultKind::BrokenBook.into()
}

/// Rows count from 1 for people.
fn line(row: u32) -> u64 {
    u64::from(row) + 1
}

fn place(column: u32) -> usize {
    usize::try_from(column).unwrap_or(usize::MAX)
}

/// `A3:B5`
fn cells_of(region: &Dimensions) -> String {
    let cell = |(row, column): (u32, u32)| format!("{}{}", letters(column), line(row));
    format!("{}:{}", cell(region.start), cell(region.end))
}

/// The letters of a column: A, B, ... Z, AA.
fn letters(column: u32) -> String {
    let last = char::from_digit(column % 26 + 10, 36).unwrap_or('?').to_ascii_uppercase();
    match column / 26 {
        0 => last.to_string(),
        before => format!("{}{last}", letters(before - 1)),
    }
}

/// What stands for a cell that cannot be taken, so that its row is not taken for one that says nothing.
const UNREADABLE: &str = "?";
/// How many bytes a workbook may have when it is unpacked: some hundred thousand meters.
const MOST_UNPACKED: u64 = 128 << 20;
const MOST_PARTS: usize = 1000;
const MOST_COLUMNS: u32 = 256;
const MOST_ROWS: usize = 500_000;
/// Rows times columns, whatever stands in them: the archive of 250,000 meters.
const MOST_CELLS: usize = 5_000_000;
/// A number of a spreadsheet has 15 digits.
const EXACT: f64 = 1e15;
/// Spreadsheets show numbers from here on with an exponent, and with six digits of them.
const LONG: f64 = 1e11;
const ROUND: &str = "000000";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_letters() {
        let named: Vec<String> = [0, 25, 26, 51, 52, 701, 702].map(letters).to_vec();
        assert_eq!(named, ["A", "Z", "AA", "AZ", "BA", "ZZ", "AAA"]);
    }

    #[test]
    fn numbers_come_whole() {
        assert_eq!(text(&DataRef::Float(202_411_110_001.0)).unwrap(), "202411110001");
        assert_eq!(text(&DataRef::Float(1234.56)).unwrap(), "1234.56");
        assert_eq!(text(&DataRef::Float(99_999_000_000.0)).unwrap(), "99999000000");
        for lost in [1e15, 1.23e11, 2.02411e11] {
            assert_eq!(text(&DataRef::Float(lost)), Err(FaultKind::Scientific), "{lost}");
        }
    }
}
