//! Above which version new versions of billing values begin (F31, F41).
//!
//! A receiver knows a version by its key, and what comes again under a key is the same to it. A database that was put back
//! from a backup, or that was behind when it took the place of another, does not know what it had said in the time it has
//! lost, and would give the same versions to other content. So it raises a floor then, above all that it may have said.

use crate::domain::Moment;
use crate::domain::supply::HaltKind;
use crate::store::error::StoreError;
use crate::store::supply::halts_in_force;
use crate::store::transaction::Transaction;

/// The floor.
pub(super) async fn floor(reading: &mut Transaction) -> Result<i64, StoreError> {
    let row: Option<(i64,)> = reading.row("SELECT floor FROM billing_floor", &[]).await?;
    Ok(row.map_or(0, |(floor,)| floor))
}

/// Notes the highest version of what is booked.
pub(super) async fn note(writing: &mut Transaction, highest: Option<i64>) -> Result<(), StoreError> {
    if let Some(highest) = highest {
        writing.execute(NOTE, &[highest.into()]).await?;
    }
    Ok(())
}

/// Raises the floor above all that may have been said: by more versions than a value ever has, and so that the same backup,
/// put back another time, begins elsewhere.
pub(in crate::store) async fn raise(writing: &mut Transaction, now: Moment) -> Result<(), StoreError> {
    writing.execute(RAISE, &[STEP.into(), (now.micros() / MINUTE - SINCE_2000).into()]).await?;
    Ok(())
}

/// Whether the database has lost what it had kept and the floor is not raised yet: that is done where cuts are stopped for it.
pub(super) async fn is_to_be_raised(writing: &mut Transaction) -> Result<bool, StoreError> {
    if writing.is_audit_there().await?.is_none() {
        return Ok(false);
    }
    Ok(!halts_in_force(writing).await?.contains(&HaltKind::DatabaseBehind))
}

const NOTE: &str = "UPDATE billing_floor SET highest = $1 WHERE highest < $1";

const RAISE: &str = "UPDATE billing_floor SET floor = CASE \
    WHEN $2 >= floor + $1 AND $2 >= highest + $1 THEN $2 WHEN highest > floor THEN highest + $1 ELSE floor + $1 END";

const STEP: i64 = 1000;
const MINUTE: i64 = 60_000_000;
/// Minutes from 1970 to 2000.
const SINCE_2000: i64 = 15_778_080;
