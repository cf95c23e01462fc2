//! The archive file (档案文件): CSV text to entries of the archive, or a list of all that is wrong with it, and back.
//!
//! A file is taken whole or not at all. Every fault says line, column, what stands there and what was expected, in both
//! languages, and all are told together. UTF-8 and GBK are told apart by the bytes; a file that could be either is
//! refused until somebody says which. What would run as a formula in a spreadsheet is refused, so that what is written
//! needs no escapes and is read back as it was.
//!
//! Nothing here does I/O. Comparing entries with what is kept is left to `store`, asking for files to the commands.

mod book;
mod cell;
mod change;
mod column;
mod encoding;
pub mod evidence;
mod fault;
mod head;
mod notice;
mod problem;
pub mod reads;
mod row;
mod sheet;
mod site;
mod table;
#[cfg(test)]
mod tests;
mod word;
mod words;
mod write;

pub use change::{CellChange, cells_changed};
pub use column::Column;
pub use encoding::{Encoding, MOST_BYTES};
pub use fault::{Fault, FaultKind, Faults, Told};
pub use notice::{Notice, NoticeKind};
pub use site::Site;
pub use write::{Headings, write};

use crate::domain::{ArchiveEntry, ArchiveProblem, repeated};
use column::Header;
use row::Row;
use table::{Record, Records};

/// A file without fault.
#[derive(Clone, Debug)]
pub struct ArchiveFile {
    /// What it says, in the order of its lines.
    pub entries: Vec<ArchiveEntry>,
    /// How it is written.
    pub encoding: Encoding,
    /// The sheet it was, in a workbook.
    pub sheet: Option<String>,
    /// The columns that are not known and were not read, as they are named there.
    pub ignored: Vec<String>,
    /// What was taken otherwise than it stands there.
    pub notices: Vec<Notice>,
    header: Header,
    /// The line at which each entry begins.
    lines: Vec<u64>,
}

/// Reads a file.
///
/// # Errors
/// Every fault of the file.
pub fn read(bytes: &[u8], told: Option<Encoding>, site: &Site<'_>) -> Result<ArchiveFile, Faults> {
    if book::is_book(bytes) {
        return of_book(bytes, site);
    }
    let (text, encoding) = encoding::decode(bytes, told)?;
    table::check(&text)?;
    let mut records = Records::new(&text);
    let first: Vec<Record> = records.by_ref().take(head::WITHIN).collect();
    let (header, taken) = Header::find(&first)?;
    of_records(
        header,
        first.into_iter().skip(taken).chain(records),
        (encoding, None),
        site,
        Faults::default(),
    )
}

/// Reads the one sheet of a workbook that holds an archive.
fn of_book(bytes: &[u8], site: &Site<'_>) -> Result<ArchiveFile, Faults> {
    if bytes.len() > MOST_BYTES {
        return Err(FaultKind::TooLarge.into());
    }
    let mut found = Vec::new();
    let mut refused = None;
    for sheet in book::sheets(bytes)? {
        let first = sheet.records.get(..head::WITHIN).unwrap_or(&sheet.records);
        match Header::find(first) {
            Ok((header, taken)) => found.push((sheet, header, taken)),
            Err(faults) => refused = refused.or_else(|| Some(faults.of_sheet(Some(&sheet.name)))),
        }
    }
    if found.len() > 1 {
        let names = found.into_iter().map(|(sheet, ..)| sheet.name).collect();
        return Err(FaultKind::SeveralSheets { names }.into());
    }
    let Some((sheet, header, taken)) = found.pop() else {
        return Err(refused.unwrap_or_else(|| FaultKind::Empty.into()));
    };
    let body = sheet.records.get(taken..).unwrap_or_default();
    let first_line = body.first().map_or(u64::MAX, |record| record.line);
    let mut faults = Faults::default();
    // What is merged in titles and headers is only dress.
    for (line, place, kind) in sheet.wrong.into_iter().filter(|(line, ..)| *line >= first_line) {
        faults.push(Fault { line: Some(line), column: Some(header.at(place)), found: None, kind });
    }
    if !faults.is_empty() {
        return Err(faults.sorted().of_sheet(Some(&sheet.name)));
    }
    let form = (Encoding::Utf8, Some(sheet.name));
    of_records(header, sheet.records.into_iter().skip(taken), form, site, faults)
}

fn of_records(
    header: Header,
    records: impl Iterator<Item = Record>,
    (encoding, sheet): (Encoding, Option<String>),
    site: &Site<'_>,
    mut faults: Faults,
) -> Result<ArchiveFile, Faults> {
    let (mut entries, mut lines, mut notices) = (Vec::new(), Vec::new(), Vec::new());
    let mut is_empty = true;
    for record in records {
        is_empty = false;
        if let Some(entry) = Row::new(site, &header, &record).read(&mut faults, &mut notices) {
            entries.push(entry);
            lines.push(record.line);
        }
    }
    if is_empty {
        return Err(Faults::from(FaultKind::HeaderOnly).of_sheet(sheet.as_deref()));
    }
    let ignored = header.ignored();
    let file = ArchiveFile { entries, encoding, sheet, ignored, notices, header, lines };
    faults.extend(file.faults(&repeated(&file.entries)));
    if faults.is_empty() { Ok(file) } else { Err(faults.sorted().of_sheet(file.sheet.as_deref())) }
}

impl ArchiveFile {
    /// The line at which an entry begins.
    #[must_use]
    pub fn line(&self, place: usize) -> Option<u64> {
        self.lines.get(place).copied()
    }

    /// What stands against entries, told as faults of the lines they came from.
    #[must_use]
    pub fn faults(&self, problems: &[(usize, ArchiveProblem)]) -> Faults {
        let line = |place: usize| self.line(place);
        let mut faults = Faults::default();
        for (place, wrong) in problems {
            let column = problem::column_of(wrong);
            let first = wrong.first().and_then(line);
            faults.push(Fault {
                line: line(*place),
                column: Some(self.header.name(column)),
                found: self.entries.get(*place).and_then(|entry| write::shown(entry, column)),
                kind: FaultKind::Problem { problem: wrong.clone(), first },
            });
        }
        faults.of_sheet(self.sheet.as_deref())
    }
}
