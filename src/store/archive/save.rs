//! Saving entries of the archive: all of them, or none and a list of what is wrong.
//!
//! What is there is read first, the entries are compared with it in memory, and what is new or differs is written by
//! few statements, so that fifty thousand meters take seconds.

use std::collections::HashMap;
use std::hash::Hash;

use super::known::{Known, Taken};
use crate::domain::{ArchiveEntry, Customer, Moment};
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::sql::Dialect;
use crate::store::transaction::Transaction;

/// What is wrong with an entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveProblem {
    /// The meter stands in an earlier entry as well.
    #[error("the meter stands in entry {first} already")]
    RepeatedMeter {
        /// Which, counted from 0.
        first: usize,
    },
    /// The point stands in an earlier entry as well.
    #[error("the metering point stands in entry {first} already")]
    RepeatedPoint {
        /// Which, counted from 0.
        first: usize,
    },
    /// An earlier entry says something else of the same customer.
    #[error("entry {first} names this customer otherwise")]
    OtherCustomer {
        /// Which, counted from 0.
        first: usize,
    },
    /// An earlier entry hangs the same transformer area on another feeder.
    #[error("entry {first} hangs this transformer area on another feeder")]
    OtherFeeder {
        /// Which, counted from 0.
        first: usize,
    },
    /// An earlier entry gives the same route another reading day.
    #[error("entry {first} gives this reading route another reading day")]
    OtherReadingDay {
        /// Which, counted from 0.
        first: usize,
    },
    /// Another meter measures the point: that is an exchange, which has a date and two readings.
    #[error("the metering point is measured by meter {address}: record an exchange")]
    PointHasMeter {
        /// Address of that meter.
        address: String,
    },
    /// The meter measures another point.
    #[error("the meter measures point {point}")]
    MeterElsewhere {
        /// Number of that point.
        point: String,
    },
    /// The meter was installed before the last one was taken out, or before it was itself taken out elsewhere.
    #[error("the installation overlaps an earlier one of the point or of the meter")]
    Overlap,
    /// The transformers differ from those recorded, which change only from an instant on and by two persons.
    #[error("the recorded transformers are {ct} and {vt}: record their change")]
    OtherTransformers {
        /// The recorded ratio of the current.
        ct: String,
        /// The recorded ratio of the voltage.
        vt: String,
    },
    /// The multiplier of the transformers cannot be applied exactly.
    #[error("the multiplier has more than two decimals or is too large")]
    Multiplier,
    /// The point is protected; taking that away needs a second person.
    #[error("the metering point is protected, which a file cannot take away")]
    Protected,
}

/// Why an archive was not saved.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The store could not.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Entries are wrong; nothing was changed. Each with its place, counted from 0.
    #[error("{} entries are wrong", .0.len())]
    Problems(Vec<(usize, ArchiveProblem)>),
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

/// Whether an archive is saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saving {
    /// Yes.
    Save,
    /// No: only say what it would change.
    DryRun,
}

impl Store {
    /// Saves entries, whole or not at all. Things are known again by their numbers, addresses and names.
    ///
    /// # Errors
    /// [`ArchiveError::Problems`] names every wrong entry; [`ArchiveError::Store`] when the database cannot.
    pub async fn save_archive(
        &self,
        entries: &[ArchiveEntry],
        now: Moment,
        saving: Saving,
    ) -> Result<ArchiveReport, ArchiveError> {
        let mut writing = self.write("saving the archive").await?;
        lock(&mut writing).await?;
        let mut known = Known::load(&mut writing).await?;
        let mut seen = Seen::default();
        let mut report = ArchiveReport { before: known.meter_count(), ..ArchiveReport::default() };
        let mut problems = Vec::new();
        for (place, entry) in entries.iter().enumerate() {
            let mut wrong = seen.problems(place, entry);
            if wrong.is_empty() {
                wrong = known.problems(entry, now);
            }
            if !wrong.is_empty() {
                problems.extend(wrong.into_iter().map(|problem| (place, problem)));
                continue;
            }
            match known.take(entry, now) {
                Taken::Added => report.added += 1,
                Taken::Changed => report.changed += 1,
                Taken::Same => report.same += 1,
            }
        }
        if !problems.is_empty() {
            return Err(ArchiveError::Problems(problems));
        }
        if saving == Saving::Save {
            known.save(&mut writing, now).await?;
            writing.commit().await?;
        }
        Ok(report)
    }
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

/// What earlier entries of the same file said.
#[derive(Default)]
struct Seen<'a> {
    addresses: HashMap<dlt645::address::MeterAddress, usize>,
    points: HashMap<&'a str, usize>,
    customers: HashMap<&'a str, (usize, &'a Customer)>,
    feeders: HashMap<&'a str, (usize, Option<&'a str>)>,
    reading_days: HashMap<&'a str, (usize, Option<u8>)>,
}

impl<'a> Seen<'a> {
    fn problems(&mut self, place: usize, entry: &'a ArchiveEntry) -> Vec<ArchiveProblem> {
        let mut found = Vec::new();
        if let Some(first) = first(&mut self.addresses, entry.meter.address, place) {
            found.push(ArchiveProblem::RepeatedMeter { first });
        }
        if let Some(first) = first(&mut self.points, entry.point.number.as_str(), place) {
            found.push(ArchiveProblem::RepeatedPoint { first });
        }
        let customer = &entry.customer;
        let (first, other) = *self.customers.entry(&customer.number).or_insert((place, customer));
        if other != customer {
            found.push(ArchiveProblem::OtherCustomer { first });
        }
        if let Some(area) = &entry.point.area {
            let said = (place, entry.feeder.as_deref());
            let (first, feeder) = *self.feeders.entry(area).or_insert(said);
            if feeder != said.1 {
                found.push(ArchiveProblem::OtherFeeder { first });
            }
        }
        if let Some(route) = &entry.point.route {
            let said = (place, entry.reading_day);
            let (first, day) = *self.reading_days.entry(route).or_insert(said);
            if day != said.1 {
                found.push(ArchiveProblem::OtherReadingDay { first });
            }
        }
        found
    }
}

/// Remembers where a thing was seen first; says where, when that was earlier.
fn first<K: Eq + Hash>(seen: &mut HashMap<K, usize>, key: K, place: usize) -> Option<usize> {
    let first = *seen.entry(key).or_insert(place);
    (first != place).then_some(first)
}
