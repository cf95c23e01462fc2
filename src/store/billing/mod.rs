//! What is handed to billing: what is due, the values with their versions, the outbox, and the built-in ledger.
//!
//! What is due is noted in the transaction that accepted a reading or recorded a change, so a kill loses none of it.
//! Settling takes what is due, adds versions and their outbox rows and takes the notes away in one transaction; one at a
//! time settles, leases or takes receipts. What the values are is computed by `crate::billing`.

mod consumption;
mod due;
mod floor;
mod ledger;
mod list;
mod load;
mod origin;
mod outbox;
mod receiver;
mod recorded;
mod rules;
mod said;
mod settling;

pub(super) use due::{note, note_since};
pub(super) use floor::raise as raise_floor;
pub(super) use load::look;

pub use consumption::DayConsumption;
pub use due::Due;
pub use ledger::Entered;
pub use list::{BillingLine, Delivery, Which};
pub use load::{MeterType, Span};
pub use origin::{BroughtBy, ReadVersion};
pub use outbox::{Lease, LeaseEnd, OutboxRecord, OutboxState};
pub use receiver::{ReceiverStatus, RetryKeys};
pub use recorded::Recorded;
pub use rules::OtherRules;
pub use said::SaidLine;
pub use settling::{Change, Settling};

use super::error::StoreError;
use super::seal::Seal;
use super::sql::Dialect;
use super::transaction::Transaction;
use super::{code, item};
use crate::domain::{BillingContent, BillingKey, Day, Id, Moment};

/// Lets one at a time change what billing is given; SQLite has one writer anyway.
async fn lock(writing: &mut Transaction) -> Result<(), StoreError> {
    if writing.dialect() == Dialect::Postgres {
        writing.execute("SELECT pg_advisory_xact_lock(645200719970003)", &[]).await?;
    }
    Ok(())
}

/// Lets nobody settle until this transaction ends. To be asked for before anything that settling holds to its end.
pub(super) async fn hold_still(writing: &mut Transaction) -> Result<(), StoreError> {
    if writing.dialect() == Dialect::Postgres {
        writing.execute("SELECT pg_advisory_xact_lock_shared(645200719970003)", &[]).await?;
    }
    Ok(())
}

/// Point, item, kind, beginning, version: what a row is of.
type KeyRow = (i64, i64, i64, i64, i64);

/// The numbers of a version's key, as the tables have them.
fn numbers(key: BillingKey, version: i64) -> [i64; 5] {
    let item = i64::from(key.item.key().number());
    [key.point.number(), item, crate::domain::Coded::code(key.kind), key.day.start().micros(), version]
}

fn key((point, of, kind, at, version): KeyRow) -> Result<(BillingKey, i64), StoreError> {
    let day = Day::of(Moment::from_micros(at));
    Ok((
        BillingKey { point: Id::new(point), item: item(of)?, kind: code("billing_kind", kind)?, day },
        version,
    ))
}

/// What a version says, unless its row is not as it was written (F42).
fn content(
    (point, item, kind, at, version): KeyRow,
    [value, quality, read_at]: [Option<i64>; 3],
    lineage: String,
    kept: Option<i64>,
) -> Result<BillingContent, StoreError> {
    let key = [point, item, kind, at, version];
    if !seal(key, [value, quality, read_at], &lineage).fits(kept) {
        return Ok(BillingContent { value: None, read_at: None, lineage: DAMAGED.to_owned() });
    }
    let quality = quality.map(|quality| code("quality", quality)).transpose()?;
    Ok(BillingContent { value: value.zip(quality), read_at: read_at.map(Moment::from_micros), lineage })
}

/// Over all of a version.
fn seal(key: [i64; 5], said: [Option<i64>; 3], lineage: &str) -> Seal {
    Seal::default().numbers(key).numbers(said).text(lineage)
}

/// What stands for the lineage of a version that is not as it was written; it says nothing.
const DAMAGED: &str = r#"{"rule":"damaged"}"#;
