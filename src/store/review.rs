//! The review queue (复核): suspect values that wait for a person. Both values are kept, whatever is decided.
//!
//! A version that counts waits here, too, where its register stood still while power flowed: it came before that was known.

use super::batch::save_offers;
use super::billing::{self, Due};
use super::error::{Refusal, StoreError};
use super::ledger::{LedgerEntry, Offer};
use super::sql::{Kind, Rows, Table};
use super::transaction::Transaction;
use super::{Store, item, ledger};
use crate::domain::version::{Booking, Decision};
use crate::domain::{Coded, Id, Moment, Quality, RegisterKey, RegisterReading, Suspicion};

/// A suspect value and what it stands against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    /// Its number.
    pub id: Id<Self>,
    /// The suspect version, with the reason in its quality.
    pub suspect: LedgerEntry,
    /// The version that counted when it came in.
    pub current_version: Option<i64>,
    /// Since when it waits.
    pub opened_at: Moment,
}

/// Who decides, and why.
#[derive(Clone, Copy, Debug)]
pub struct Decided<'a> {
    /// What.
    pub decision: Decision,
    /// Who.
    pub by: &'a str,
    /// Why.
    pub note: &'a str,
    /// When.
    pub now: Moment,
}

impl Store {
    /// What waits, the oldest first, at most so many.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or holds what this version does not know.
    pub async fn open_reviews(&self, at_most: u32) -> Result<Vec<Review>, StoreError> {
        let mut reading = self.read("reading the review queue").await?;
        let rows: Vec<Row> = reading.rows(OPEN, &[i64::from(at_most).into()]).await?;
        let mut reviews = Vec::with_capacity(rows.len());
        for row in rows {
            reviews.push(review(&mut reading, row).await?);
        }
        Ok(reviews)
    }

    /// Closes a review; an accepted value gets a version of its own that counts. Says `None` when it was closed before.
    ///
    /// # Errors
    /// [`Refusal::NotThere`] for a number that is none; else when the database cannot.
    pub async fn decide_review(
        &self,
        id: Id<Review>,
        decided: Decided<'_>,
    ) -> Result<Option<Booking>, StoreError> {
        let mut writing = self.write("deciding a review").await?;
        let booking = decide(&mut writing, id, decided).await?;
        if booking.is_some() {
            writing.commit().await?;
        }
        Ok(booking)
    }
}

/// Closes a review; see [`Store::decide_review`]. Nothing has happened when it says `None`.
pub(super) async fn decide(
    writing: &mut Transaction,
    id: Id<Review>,
    decided: Decided<'_>,
) -> Result<Option<Booking>, StoreError> {
    let Decided { decision, by, note, now } = decided;
    let row: Option<Row> = writing.row(ONE, &[id.into()]).await?;
    let row = row.ok_or(StoreError::Refused(Refusal::NotThere))?;
    let suspect = review(writing, row).await?.suspect;
    let args = [id.into(), now.into(), decision.code().into(), by.into(), note.into()];
    if writing.execute(CLOSE, &args).await? == 0 {
        return Ok(None);
    }
    if decision == Decision::Reject {
        return Ok(Some(Booking::Same(suspect.version)));
    }
    if suspect.reading.quality == Quality::Suspect(Suspicion::Damaged) {
        return Err(StoreError::Refused(Refusal::Damaged));
    }
    let reading = RegisterReading { quality: Quality::Good, ..suspect.reading };
    let offers = [Offer { decided: Some((by, note)), ..Offer::of(&reading) }];
    let booked = save_offers(writing, &offers, now).await?;
    // Only another process could have taken the version since; the caller may ask again.
    let raced = || StoreError::Refused(Refusal::Raced);
    let booking = booked.and_then(|booked| booked.first().copied()).ok_or_else(raced)?;
    if let Booking::Same(_) = booking {
        // It counts already, and may be billed now that it is believed.
        billing::note(writing, [Due { meter: reading.meter, as_of: reading.as_of }]).await?;
    }
    Ok(Some(booking))
}

type Row = (i64, i64, i64, i64, i64, Option<i64>, i64);

async fn review(reading: &mut Transaction, row: Row) -> Result<Review, StoreError> {
    let (id, meter, key, as_of, version, current_version, opened_at) = row;
    let key = RegisterKey { meter: Id::new(meter), item: item(key)?, as_of: Moment::from_micros(as_of) };
    let suspect = ledger::version_of(reading, key, version).await?;
    let suspect = suspect.ok_or(StoreError::Refused(Refusal::NotThere))?;
    Ok(Review { id: Id::new(id), suspect, current_version, opened_at: Moment::from_micros(opened_at) })
}

/// Queues suspect versions.
pub(super) async fn open(
    writing: &mut Transaction,
    suspects: impl Iterator<Item = (RegisterKey, i64, Option<i64>)>,
    now: Moment,
) -> Result<(), StoreError> {
    let mut rows = Rows::new(&REVIEW);
    for (RegisterKey { meter, item, as_of }, version, current) in suspects {
        rows.push([meter.into(), item.into(), as_of.into(), version.into(), current.into(), now.into()]);
    }
    writing.insert(&REVIEW, &rows).await?;
    Ok(())
}

const REVIEW: Table = Table {
    name: "review",
    columns: &[
        ("meter_id", Kind::Int),
        ("item", Kind::Int),
        ("as_of", Kind::Int),
        ("version", Kind::Int),
        ("current_version", Kind::Int),
        ("opened_at", Kind::Int),
    ],
    on_conflict: "DO NOTHING",
};

const OPEN: &str = "SELECT id, meter_id, item, as_of, version, current_version, opened_at FROM review \
    WHERE closed_at IS NULL ORDER BY opened_at, id LIMIT $1";

const ONE: &str =
    "SELECT id, meter_id, item, as_of, version, current_version, opened_at FROM review WHERE id = $1";

const CLOSE: &str = "UPDATE review SET closed_at = $2, decision = $3, decided_by = $4, note = $5 \
    WHERE id = $1 AND closed_at IS NULL";
