//! What an archive would change, entry by entry, and the digest by which somebody agrees to it.

use std::collections::HashMap;

use ring::digest::{Context, SHA256};

use super::known::Taken;
use super::save::ArchiveReport;
use crate::domain::{ArchiveEntry, write_hex};

/// What an archive would change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchivePreview {
    /// How much.
    pub report: ArchiveReport,
    /// Every entry that is new or differs, in their order.
    pub changes: Vec<EntryChange>,
    /// Covers every change with what stood there before, in hexadecimal: as long as it is the same, the same would
    /// happen. Whoever agrees names it.
    pub digest: String,
}

/// An entry that is new or differs from what is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryChange {
    /// Its place among the entries, from 0.
    pub place: usize,
    /// What is kept of its meter; `None` for a new one.
    pub before: Option<ArchiveEntry>,
}

/// What became of each entry, against what was kept.
pub(super) fn of(
    entries: &[ArchiveEntry],
    taken: &[Taken],
    kept: Vec<ArchiveEntry>,
    report: ArchiveReport,
) -> ArchivePreview {
    let mut kept: HashMap<_, _> = kept.into_iter().map(|entry| (entry.meter.address, entry)).collect();
    let mut context = Context::new(&SHA256);
    let mut changes = Vec::new();
    for (place, entry) in
        entries.iter().enumerate().filter(|(place, _)| taken.get(*place) != Some(&Taken::Same))
    {
        let before = kept.remove(&entry.meter.address);
        context.update(format!("{before:?}\n{entry:?}\n").as_bytes());
        changes.push(EntryChange { place, before });
    }
    let mut digest = String::new();
    // Writing to a string cannot fail.
    let _ = write_hex(&mut digest, context.finish().as_ref());
    ArchivePreview { report, changes, digest }
}
