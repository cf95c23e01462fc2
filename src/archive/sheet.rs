//! A table of any list: which columns it has, and its cells by column, with the same care as the archive file.

use super::book;
use super::cell;
use super::cell::{Read, TextKind};
use super::encoding::{self, Encoding};
use super::fault::{Fault, FaultKind, Faults};
use super::head::{self, Head};
use super::table::{self, Record, Records};
use crate::config::shortened;

/// A column of a list: its names in English and in Chinese, and whether a list without it says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SheetColumn {
    pub(super) en: &'static str,
    pub(super) zh: &'static str,
    pub(super) is_required: bool,
}

impl SheetColumn {
    fn is_named(&self, name: &str) -> bool {
        head::is_named(name, self.en, self.zh)
    }

    /// Both its names.
    fn shown(&self) -> String {
        format!("{} ({})", self.en, self.zh)
    }
}

/// The lines of a list.
pub(super) struct Sheet {
    columns: &'static [SheetColumn],
    /// Where each column stands.
    places: Vec<Option<usize>>,
    width: usize,
    records: Vec<Record>,
    /// The columns that the list does not know.
    ignored: Vec<String>,
}

impl Sheet {
    pub(super) fn read(
        bytes: &[u8],
        told: Option<Encoding>,
        columns: &'static [SheetColumn],
    ) -> Result<Self, Faults> {
        if book::is_book(bytes) {
            return Self::of_book(bytes, columns);
        }
        let (text, _) = encoding::decode(bytes, told)?;
        table::check(&text)?;
        Self::of_records(Records::new(&text), columns)
    }

    /// The one sheet of a workbook that has the columns.
    fn of_book(bytes: &[u8], columns: &'static [SheetColumn]) -> Result<Self, Faults> {
        if bytes.len() > encoding::MOST_BYTES {
            return Err(FaultKind::TooLarge.into());
        }
        let (mut found, mut refused) = (Vec::new(), None);
        for sheet in book::sheets(bytes)? {
            match Self::of_records(sheet.records.into_iter(), columns) {
                Ok(read) => found.push((sheet.name, read, sheet.wrong)),
                Err(faults) => refused = refused.or_else(|| Some(faults.of_sheet(Some(&sheet.name)))),
            }
        }
        if found.len() > 1 {
            let names = found.into_iter().map(|(name, ..)| name).collect();
            return Err(FaultKind::SeveralSheets { names }.into());
        }
        let Some((name, sheet, wrong)) = found.pop() else {
            return Err(refused.unwrap_or_else(|| FaultKind::Empty.into()));
        };
        // What is merged in titles and headers is only dress.
        let first_line = sheet.records.first().map_or(u64::MAX, |record| record.line);
        let mut faults = Faults::default();
        for (line, _, kind) in wrong.into_iter().filter(|(line, ..)| *line >= first_line) {
            faults.push(Fault::of_line(line, kind));
        }
        if faults.is_empty() { Ok(sheet) } else { Err(faults.sorted().of_sheet(Some(&name))) }
    }

    fn of_records(
        records: impl Iterator<Item = Record>,
        columns: &'static [SheetColumn],
    ) -> Result<Self, Faults> {
        let mut records: Vec<_> = records.collect();
        let fewest = columns.iter().filter(|column| column.is_required).count().min(FEWEST);
        let found = head::find(&records, fewest, |name| columns.iter().any(|one| one.is_named(name)));
        let first = || records.first().map(|first| Head { record: first.clone(), taken: 1 });
        let Some(Head { record: first, taken }) = found.or_else(first) else {
            return Err(FaultKind::Empty.into());
        };
        records.drain(..taken);
        let names: Vec<String> = first.cells.iter().map(head::shown).collect();
        let known: Vec<_> =
            names.iter().map(|name| columns.iter().position(|one| one.is_named(name))).collect();
        let place = |of: usize| known.iter().position(|known| *known == Some(of));
        let places: Vec<_> = (0..columns.len()).map(&place).collect();
        let mut faults = Faults::default();
        let fault = |column: Option<&str>, kind| {
            let column = column.map(shortened);
            Fault { line: Some(first.line), column, found: None, kind }
        };
        for (at, (name, known)) in names.iter().zip(&known).enumerate() {
            let before = known.and_then(&place).filter(|before| *before != at);
            if let Some(before) = before.and_then(|before| names.get(before)) {
                faults.push(fault(Some(name), FaultKind::RepeatedColumn { first: shortened(before) }));
            }
        }
        let lacking = || columns.iter().zip(&places).filter(|(_, place)| place.is_none()).map(|(one, _)| one);
        for column in lacking().filter(|column| column.is_required) {
            faults.push(fault(None, FaultKind::NoColumn { en: column.en, zh: column.zh }));
        }
        let unknown = names.iter().zip(&known).enumerate().filter(|(_, (_, known))| known.is_none());
        let ignored = ignored(unknown.map(|(at, (name, _))| (at, name.as_str())), &records);
        // It may be one of those, misspelt, and what stands there would be read as if it were not there.
        let others: Vec<String> = lacking().filter(|one| !one.is_required).map(SheetColumn::shown).collect();
        if !others.is_empty() {
            for name in &ignored {
                faults.push(fault(Some(name.as_str()), FaultKind::UnknownColumn { others: others.clone() }));
            }
        }
        if faults.is_empty() && records.is_empty() {
            return Err(FaultKind::HeaderOnly.into());
        }
        let sheet = Self { columns, places, width: names.len(), records, ignored };
        if faults.is_empty() { Ok(sheet) } else { Err(faults) }
    }

    /// The columns that the list does not know, of a list that has all it knows.
    pub(super) fn ignored(&self) -> Vec<String> {
        self.ignored.clone()
    }

    /// What each line says, or every fault of the list.
    pub(super) fn rows<T>(
        &self,
        read: impl Fn(&mut SheetRow<'_>) -> Option<T>,
    ) -> Result<Vec<(u64, T)>, Faults> {
        let mut faults = Faults::default();
        let mut rows = Vec::new();
        for record in &self.records {
            let (found, expected) = (record.cells.len(), self.width);
            if found != expected {
                faults.push(Fault::of_line(record.line, FaultKind::Cells { found, expected }));
                continue;
            }
            let mut row = SheetRow { sheet: self, record, faults: &mut faults };
            if let Some(read) = read(&mut row) {
                rows.push((record.line, read));
            }
        }
        if faults.is_empty() { Ok(rows) } else { Err(faults) }
    }
}

/// A line that names so many columns is a header; of a list with fewer, one that names all it must have.
const FEWEST: usize = 3;

/// The columns that no list knows. Behind the last comma of an exported table there is often nothing.
fn ignored<'a>(unknown: impl Iterator<Item = (usize, &'a str)>, records: &[Record]) -> Vec<String> {
    let is_filled = |at: usize| {
        let mut cells = records.iter().filter_map(|record| record.cells.get(at));
        cells.any(|cell| !cell.trim().is_empty())
    };
    let there = unknown.filter(|(at, name)| !name.is_empty() || is_filled(*at));
    there.map(|(at, name)| if name.is_empty() { format!("#{}", at + 1) } else { shortened(name) }).collect()
}

/// One line of a list.
pub(super) struct SheetRow<'a> {
    sheet: &'a Sheet,
    record: &'a Record,
    faults: &'a mut Faults,
}

impl SheetRow<'_> {
    /// A cell that must be filled.
    pub(super) fn required<T>(&mut self, name: &str, read: impl FnOnce(&str) -> Read<T>) -> Option<T> {
        let cell = self.cell(name);
        match cell.as_deref() {
            None => self.fault(name, None, FaultKind::Missing),
            Some(text) => match read(text) {
                Ok(value) => return Some(value),
                Err(kind) => self.fault(name, cell.clone(), kind),
            },
        }
        None
    }

    /// A cell that may be empty; `None` for a fault.
    pub(super) fn optional<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&str) -> Read<T>,
    ) -> Option<Option<T>> {
        if self.cell(name).is_none() { Some(None) } else { self.required(name, read).map(Some) }
    }

    /// A text that must be there.
    pub(super) fn text(&mut self, name: &str, kind: TextKind) -> Option<String> {
        self.required(name, |cell| cell::text(cell, kind))
    }

    /// What nobody can read: a fault of its cell, told by the one who asks.
    pub(super) fn refuse(&mut self, name: &str, kind: FaultKind) {
        let cell = self.cell(name);
        self.fault(name, cell, kind);
    }

    fn cell(&self, name: &str) -> Option<String> {
        let place = self.sheet.columns.iter().position(|column| column.en == name)?;
        let place = self.sheet.places.get(place).copied().flatten()?;
        let cell = self.record.cells.get(place)?.trim();
        (!cell.is_empty()).then(|| cell.to_owned())
    }

    fn fault(&mut self, name: &str, found: Option<String>, kind: FaultKind) {
        let column = self.sheet.columns.iter().find(|column| column.en == name);
        let column = column.map(SheetColumn::shown);
        let found = found.map(|found| shortened(&found));
        self.faults.push(Fault { line: Some(self.record.line), column, found, kind });
    }
}
