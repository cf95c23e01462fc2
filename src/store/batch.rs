//! Saving what was collected: everything of a batch in one transaction, durable when the call returns (I1).

use std::collections::HashMap;
use std::time::Duration;

use super::billing::{self, Due};
use super::error::{Refusal, StoreError};
use super::interval::{self, IntervalConflict};
use super::latest::{self, Latest};
use super::ledger::{self, Offer};
use super::session::{self, Notes};
use super::transaction::Transaction;
use super::{Store, fetch, review, run};
use crate::domain::standstill;
use crate::domain::version::Booking;
use crate::domain::{Day, DayCurve, Fetch, Id, Moment, Quality, RegisterReading, RunMeter, Source};

/// What was collected and is to be saved together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// The exchanges that brought it.
    pub fetches: Vec<Fetch>,
    /// Registers, judged.
    pub registers: Vec<RegisterReading>,
    /// Curves or parts of them, each with the fetch that brought it.
    pub curves: Vec<(Id<Fetch>, DayCurve)>,
    /// What is noted beside.
    pub notes: Notes,
    /// What became of meters in their runs.
    pub outcomes: Vec<RunMeter>,
}

/// What became of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// What became of each register, in the order of the batch.
    pub registers: Vec<Booking>,
    /// How many slots were filled.
    pub filled: usize,
    /// Values that differ from the one in their slot.
    pub conflicts: Vec<IntervalConflict>,
    /// How many slots were refused because they lie in the future.
    pub future: usize,
}

impl Store {
    /// Saves a batch, whole or not at all. Saving the same again changes nothing.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot; what [`StoreError::remedy`] says can be tried again without harm.
    pub async fn save(&self, batch: &Batch, now: Moment) -> Result<Receipt, StoreError> {
        self.make_partitions(batch.days()).await?;
        for _ in 0..RACES {
            let mut writing = self.write("saving what was collected").await?;
            if let Some(receipt) = save(&mut writing, batch, now).await? {
                writing.commit().await?;
                return Ok(receipt);
            }
        }
        Err(StoreError::Refused(Refusal::Raced))
    }
}

/// `None` when another writer was faster and all must be tried again.
async fn save(writing: &mut Transaction, batch: &Batch, now: Moment) -> Result<Option<Receipt>, StoreError> {
    if !batch.outcomes.is_empty() {
        // What counts them takes it as well, behind what billing has noted; whoever settles has taken both in this order.
        billing::hold_still(writing).await?;
    }
    let limit = now.plus(AHEAD);
    let past = |(fetch, curve): &(Id<Fetch>, DayCurve)| (*fetch, curve.up_to(limit));
    let curves: Vec<(Id<Fetch>, (DayCurve, usize))> = batch.curves.iter().map(past).collect();
    let future = curves.iter().map(|(_, (_, lost))| lost).sum();
    let curves: Vec<(Id<Fetch>, &DayCurve)> =
        curves.iter().map(|(fetch, (curve, _))| (*fetch, curve)).collect();
    fetch::save(writing, &batch.fetches, &curves).await?;
    let offers: Vec<Offer<'_>> = batch.registers.iter().map(Offer::of).collect();
    let Some(registers) = save_offers(writing, &offers, now).await? else { return Ok(None) };
    let Some(saved) = interval::save(writing, &curves, now).await? else { return Ok(None) };
    latest::save(writing, newest_slots(&batch.fetches, &curves)).await?;
    let power = standstill::power();
    let flowed = curves.iter().filter(|(_, curve)| Some(curve.item) == power);
    let flowed = flowed.map(|(_, curve)| Due { meter: curve.meter, as_of: curve.day.start() });
    billing::note(writing, flowed).await?;
    session::save(writing, &batch.notes).await?;
    run::save_outcomes(writing, &batch.outcomes, now).await?;
    Ok(Some(Receipt { registers, filled: saved.filled, conflicts: saved.conflicts, future }))
}

/// Books register reads, queues the suspect ones for review, keeps the newest values and notes what billing is due.
pub(super) async fn save_offers(
    writing: &mut Transaction,
    offers: &[Offer<'_>],
    now: Moment,
) -> Result<Option<Vec<Booking>>, StoreError> {
    let Some(booked) = ledger::book(writing, offers, now).await? else { return Ok(None) };
    let mut suspects = Vec::new();
    let mut newest = Vec::new();
    for (Offer { reading, .. }, booked) in offers.iter().zip(&booked) {
        match booked.booking {
            Booking::New(version, Quality::Suspect(_)) => {
                suspects.push((reading.key(), version, booked.before));
            }
            Booking::New(_, quality) => newest.push(latest_of(reading, quality)),
            Booking::Same(_) => {}
        }
    }
    review::open(writing, suspects.into_iter(), now).await?;
    let due = newest.iter().map(|latest| Due { meter: latest.meter, as_of: latest.at });
    billing::note(writing, due).await?;
    latest::save(writing, newest.into_iter()).await?;
    Ok(Some(booked.into_iter().map(|booked| booked.booking).collect()))
}

const fn latest_of(reading: &RegisterReading, quality: Quality) -> Latest {
    let RegisterReading { meter, item, as_of, value, source, collected_at, .. } = *reading;
    Latest { meter, item, at: as_of, value, quality, source, collected_at }
}

impl Batch {
    /// Whether there is nothing in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.fetches.is_empty()
            && self.registers.is_empty()
            && self.curves.is_empty()
            && self.notes.is_empty()
            && self.outcomes.is_empty()
    }

    /// The days its rows are kept under.
    fn days(&self) -> impl Iterator<Item = Day> {
        let fetches = self.fetches.iter().map(|fetch| Day::of(fetch.from));
        let registers = self.registers.iter().map(|reading| Day::of(reading.as_of));
        fetches.chain(registers).chain(self.curves.iter().map(|(_, curve)| curve.day))
    }
}

/// The last value of each curve, as its fetch brought it.
fn newest_slots<'a>(
    fetches: &'a [Fetch],
    curves: &'a [(Id<Fetch>, &DayCurve)],
) -> impl Iterator<Item = Latest> + 'a {
    let fetches: HashMap<Id<Fetch>, &Fetch> = fetches.iter().map(|fetch| (fetch.id, fetch)).collect();
    curves.iter().filter_map(move |(fetch, curve)| {
        let fetch = fetches.get(fetch);
        let source = fetch.map_or(Source::LoadRecord, |fetch| fetch.source);
        let (at, slot) = curve.newest()?;
        let (meter, item) = (curve.meter, curve.item);
        let collected_at = fetch.map_or(at, |fetch| fetch.collected_at);
        let (value, quality) = (slot.value, slot.quality);
        Some(Latest { meter, item, at, value, quality, source, collected_at })
    })
}

/// How far a meter's clock may be ahead before its slots count as future ones.
const AHEAD: Duration = Duration::from_secs(600);
/// How often a batch is tried again when other writers are faster.
pub(super) const RACES: usize = 5;
