//! The archive file (档案文件): CSV text to entries of the archive, or a list of all that is wrong with it, and back.
//!
//! A file is taken whole or not at all. Every fault says line, column, what stands there and what was expected, in both
//! languages, and all are told together. UTF-8 and GBK are told apart by the bytes; a file that could be either is
//! refused until somebody says which. What would run as a formula in a spreadsheet is refused, so that what is written
//! needs no escapes and is read back as it was.
//!
//! Nothing here does I/O. Comparing entries with what is kept is left to `store`, asking for files to the commands.

mod cell;
mod column;
mod encoding;
pub mod evidence;
mod fault;
mod problem;
mod row;
mod sheet;
mod site;
mod table;
#[cfg(test)]
mod tests;
mod word;
mod words;
mod write;

pub use column::Column;
pub use encoding::{Encoding, MOST_BYTES};
pub use fault::{Fault, FaultKind, Faults, Told};
pub use site::Site;
pub use write::{Headings, write};

use crate::domain::{ArchiveEntry, ArchiveProblem, repeated};
use column::Header;
use row::Row;
use table::Records;

/// A file without fault.
#[derive(Clone, Debug)]
pub struct ArchiveFile {
    /// What it says, in the order of its lines.
    pub entries: Vec<ArchiveEntry>,
    /// How it is written.
    pub encoding: Encoding,
    /// The columns that are not known and were not read, as they are named there.
    pub ignored: Vec<String>,
    header: Header,
    /// The line at which each entry begins.
    lines: Vec<u64>,
}

/// Reads a file.
///
/// # Errors
/// Every fault of the file.
pub fn read(bytes: &[u8], told: Option<Encoding>, site: &Site<'_>) -> Result<ArchiveFile, Faults> {
    let (text, encoding) = encoding::decode(bytes, told)?;
    table::check(&text)?;
    let mut records = Records::new(&text);
    let Some(first) = records.next() else { return Err(FaultKind::Empty.into()) };
    let header = Header::read(&first)?;
    let mut faults = Faults::default();
    let (mut entries, mut lines) = (Vec::new(), Vec::new());
    let mut is_empty = true;
    for record in records {
        is_empty = false;
        if let Some(entry) = Row::new(site, &header, &record).read(&mut faults) {
            entries.push(entry);
            lines.push(record.line);
        }
    }
    if is_empty {
        return Err(FaultKind::HeaderOnly.into());
    }
    let ignored = header.ignored();
    let file = ArchiveFile { entries, encoding, ignored, header, lines };
    faults.extend(file.faults(&repeated(&file.entries)));
    if faults.is_empty() { Ok(file) } else { Err(faults.sorted()) }
}

impl ArchiveFile {
    /// What stands against entries, told as faults of the lines they came from.
    #[must_use]
    pub fn faults(&self, problems: &[(usize, ArchiveProblem)]) -> Faults {
        let line = |place: usize| self.lines.get(place).copied();
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
        faults
    }
}
