//! Saving entries of the archive: all of them, or none and a list of what is wrong.
//!
//! What is there is read first, the entries are compared with it in memory, and what is new or differs is written by
//! few statements, so that fifty thousand meters take seconds.

use std::collections::HashSet;

use super::known::{Known, Taken};
use super::load::entries_of;
use super::preview::{self, ArchivePreview};
use crate::domain::{ArchiveEntry, ArchiveProblem, AuditEntry, Day, Moment, repeated};
use crate::store::Store;
use crate::store::audit;
use crate::store::batch;
use crate::store::error::{Refusal, StoreError};
use crate::store::ledger::Offer;
use crate::store::sql::Dialect;
use crate::store::transaction::Transaction;

/// Why an archive was not saved.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The store could not.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Entries are wrong; nothing was changed. Each with its place, counted from 0.
    #[error("{} entries are wrong", .0.len())]
    Problems(Vec<(usize, ArchiveProblem)>),
    /// More than a fifth of the archive would change, and nobody said that this is meant; nothing was changed (F38).
    #[error("{} of {} meters would be added or changed", .0.added + .0.changed, .0.before)]
    Large(ArchiveReport),
    /// What would change is not what was agreed to; nothing was changed.
    #[error("what would change is not what was agreed to")]
    Moved,
}

impl ArchiveError {
    /// Its kind, for metrics and problem codes.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Store(error) => error.kind(),
            Self::Problems(_) => "archive_problems",
            Self::Large(_) => "archive_large_change",
            Self::Moved => "archive_moved",
        }
    }
}

/// What saving an archive changed, or would.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ArchiveReport {
    /// Meters in the archive before.
    pub before: usize,
    /// Meters that were not there.
    pub added: usize,
    /// Entries that differ in anything from what was there.
    pub changed: usize,
    /// Entries that say what was there.
    pub same: usize,
}

impl ArchiveReport {
    /// Meters in the archive that no entry names. They stay as they are.
    #[must_use]
    pub const fn absent(&self) -> usize {
        self.before.saturating_sub(self.changed + self.same)
    }

    /// What the audit log says of it, with the changes one by one.
    fn detail(&self, changes: &serde_json::Value) -> String {
        let Self { before, added, changed, same } = self;
        let absent = self.absent();
        format!(
            r#"{{"before":{before},"added":{added},"changed":{changed},"same":{same},"absent":{absent},"changes":{changes}}}"#
        )
    }

    /// Whether so much changes that somebody must confirm it: more than a fifth of what was there (F38).
    #[must_use]
    pub const fn is_large(&self) -> bool {
        self.before > 0 && (self.added + self.changed) * 100 > self.before * LARGE_PERCENT
    }
}

/// Whether an archive is saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saving<'a> {
    /// Yes, unless so much would change that somebody must confirm it.
    Save,
    /// Yes, however much changes: somebody has confirmed it.
    Confirmed,
    /// Yes, when what changes is what somebody was shown: the digest of [`ArchivePreview`].
    Agreed(&'a str),
    /// No: only say what it would change.
    DryRun,
}

impl Store {
    /// Saves entries, whole or not at all. Things are known again by their numbers, addresses and names. What is not
    /// named stays. The first reading of a new installation goes into the ledger with it.
    ///
    /// # Errors
    /// [`ArchiveError::Problems`] names every wrong entry, [`ArchiveError::Large`] asks for a confirmation;
    /// [`ArchiveError::Store`] when the database cannot.
    pub async fn save_archive(
        &self,
        entries: &[ArchiveEntry],
        now: Moment,
        saving: Saving<'_>,
    ) -> Result<ArchiveReport, ArchiveError> {
        self.take_archive(entries, now, saving, None).await
    }

    /// Saves entries that somebody has brought in a file, and enters that in the audit log with what it changed.
    ///
    /// # Errors
    /// As [`Self::save_archive`]; [`ArchiveError::Moved`] when what was agreed to is not what would change by now.
    pub async fn import_archive(
        &self,
        entries: &[ArchiveEntry],
        now: Moment,
        saving: Saving<'_>,
        entry: &AuditEntry,
    ) -> Result<ArchiveReport, ArchiveError> {
        self.take_archive(entries, now, saving, Some(entry)).await
    }

    /// What saving entries would change, one by one; nothing is changed.
    ///
    /// # Errors
    /// As [`Self::save_archive`].
    pub async fn preview_archive(
        &self,
        entries: &[ArchiveEntry],
        now: Moment,
    ) -> Result<ArchivePreview, ArchiveError> {
        let mut reading = self.read("comparing an archive").await?;
        let kept = entries_of(&mut reading).await?;
        let mut known = Known::load(&mut reading).await?;
        let (report, taken) = compare(&mut known, entries, now)?;
        Ok(preview::of(entries, &taken, kept, report))
    }

    async fn take_archive(
        &self,
        entries: &[ArchiveEntry],
        now: Moment,
        saving: Saving<'_>,
        entry: Option<&AuditEntry>,
    ) -> Result<ArchiveReport, ArchiveError> {
        let mut has_partitions = false;
        for _ in 0..batch::RACES {
            let mut writing = self.write("saving the archive").await?;
            lock(&mut writing).await?;
            let kept = entries_of(&mut writing).await?;
            let mut known = Known::load(&mut writing).await?;
            let (report, taken) = compare(&mut known, entries, now)?;
            let preview = preview::of(entries, &taken, kept, report);
            match saving {
                Saving::DryRun => return Ok(report),
                Saving::Save if report.is_large() => return Err(ArchiveError::Large(report)),
                Saving::Agreed(digest) if preview.digest != digest => return Err(ArchiveError::Moved),
                Saving::Save | Saving::Confirmed | Saving::Agreed(_) => {}
            }
            let readings = known.first_readings(now);
            if !readings.is_empty() && !has_partitions && writing.dialect() == Dialect::Postgres {
                // Partitions are made beside, and would wait for this transaction.
                drop(writing);
                self.make_partitions(readings.iter().map(|reading| Day::of(reading.as_of))).await?;
                has_partitions = true;
                continue;
            }
            known.save(&mut writing, now).await?;
            let offers: Vec<Offer<'_>> = readings.iter().map(Offer::of).collect();
            if batch::save_offers(&mut writing, &offers, now).await?.is_some() {
                if let Some(entry) = entry {
                    audit::append(&mut writing, &entry.clone().saying(report.detail(&preview.told(entries))))
                        .await?;
                }
                writing.commit().await?;
                return Ok(report);
            }
        }
        Err(StoreError::Refused(Refusal::Raced).into())
    }
}

/// Takes all entries over in memory, and says what became of each; or what stands against them.
fn compare(
    known: &mut Known,
    entries: &[ArchiveEntry],
    now: Moment,
) -> Result<(ArchiveReport, Vec<Taken>), ArchiveError> {
    let mut report = ArchiveReport { before: known.meter_count(), ..ArchiveReport::default() };
    let mut became = Vec::with_capacity(entries.len());
    let mut problems = repeated(entries);
    let wrong: HashSet<usize> = problems.iter().map(|(place, _)| *place).collect();
    for (place, entry) in entries.iter().enumerate().filter(|(place, _)| !wrong.contains(place)) {
        let found = known.problems(entry, now);
        if !found.is_empty() {
            problems.extend(found.into_iter().map(|problem| (place, problem)));
            continue;
        }
        let taken = known.take(entry, now);
        match taken {
            Taken::Added => report.added += 1,
            Taken::Changed => report.changed += 1,
            Taken::Same => report.same += 1,
        }
        became.push(taken);
    }
    if problems.is_empty() {
        problems = known.rivals(entries);
    }
    problems.sort_by_key(|(place, _)| *place);
    if problems.is_empty() { Ok((report, became)) } else { Err(ArchiveError::Problems(problems)) }
}

/// One writer of the archive at a time, since numbers are given out here.
pub(super) async fn lock(writing: &mut Transaction) -> Result<(), StoreError> {
    if writing.dialect() == Dialect::Postgres {
        writing
            .execute("LOCK TABLE meter, metering_point, customer IN SHARE ROW EXCLUSIVE MODE", &[])
            .await?;
    }
    Ok(())
}

/// Which share of the archive may change without a confirmation.
const LARGE_PERCENT: usize = 20;
