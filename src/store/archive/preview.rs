//! What an archive would change, entry by entry, and the digest by which somebody agrees to it.

use std::collections::HashMap;

use ring::digest::{Context, SHA256};
use serde_json::{Map, Value, json};

use super::known::Taken;
use super::save::ArchiveReport;
use crate::domain::{ArchiveEntry, Coded, MeterPath, write_hex};

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

impl ArchivePreview {
    /// What is changed of what was there before, as the audit log tells it (T27): the number of the point, and of each thing that
    /// differs what it was and what it is. Of very many the first.
    pub(super) fn told(&self, entries: &[ArchiveEntry]) -> Value {
        let both =
            |change: &'_ EntryChange| entries.get(change.place).map(|entry| (change.before.clone(), entry));
        let both = self.changes.iter().filter_map(both).filter_map(|(before, entry)| Some((before?, entry)));
        let told = both.take(MOST_TOLD).map(|(before, entry)| {
            let (was, is) = (things(&before), things(entry));
            let differs = was.into_iter().zip(is).filter(|((_, was), (_, is))| is.is_some() && was != is);
            let differs = differs.map(|((name, was), (_, is))| (name.to_owned(), json!([was, is])));
            json!([entry.point.number, differs.collect::<Map<_, _>>()])
        });
        told.collect()
    }
}

/// What an entry says that counts for reading, billing or cutting, by name; `None` for what it does not say.
fn things(entry: &ArchiveEntry) -> [(&'static str, Option<String>); 9] {
    let ArchiveEntry { customer, point, meter, .. } = entry;
    let path = match &meter.path {
        MeterPath::Line { line, .. } => format!("line {line}"),
        MeterPath::Terminal { terminal, measuring_point, .. } => {
            format!("terminal {terminal} {measuring_point}")
        }
    };
    [
        ("customer", Some(customer.number.clone())),
        ("class", customer.class.map(|class| class.name().to_owned())),
        ("point", Some(point.number.clone())),
        ("role", Some(point.role.name().to_owned())),
        ("area", point.area.clone()),
        ("protection", point.protection.clone()),
        ("protocol", Some(meter.protocol.name().to_owned())),
        ("profile", meter.profile.clone()),
        ("path", Some(path)),
    ]
}

/// How many entries the audit log names.
const MOST_TOLD: usize = 200;

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
