//! What a line changes of what is kept, cell by cell, as people read it.

use super::column::Column;
use super::write::shown;
use crate::domain::{ArchiveEntry, Coded};

/// A cell that differs from what is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellChange {
    /// Of which column.
    pub column: Column,
    /// What is kept; empty for nothing.
    pub before: String,
    /// What would be; empty for nothing.
    pub after: String,
}

/// What an entry changes of the one that is kept of its meter. What it does not say stays, but for how the meter is
/// reached, which is replaced as a whole.
#[must_use]
pub fn cells_changed(before: &ArchiveEntry, after: &ArchiveEntry) -> Vec<CellChange> {
    let cells = |column: Column| {
        let text = |entry: &ArchiveEntry| match column {
            // A file leaves the usual role out.
            Column::Role => Some(entry.point.role.name().to_owned()),
            column => shown(entry, column),
        };
        let says = |entry: &ArchiveEntry| text(entry).unwrap_or_default();
        let is_said = text(after).is_some() || REPLACED.contains(&column);
        let (before, after) = (says(before), says(after));
        (is_said && before != after).then_some(CellChange { column, before, after })
    };
    Column::ALL.iter().filter_map(|(column, ..)| cells(*column)).collect()
}

/// What an entry says of these replaces what is kept, also by nothing.
const REPLACED: &[Column] = &[
    Column::Profile,
    Column::Line,
    Column::Terminal,
    Column::MeasuringPoint,
    Column::TerminalPort,
    Column::Baud,
    Column::Parity,
];
