//! Supply orders: what was asked, approved and tried, and the evidence that the rules go by.
//!
//! Whatever changes an order reads in its own transaction all that it depends on, steps only along the edges of
//! [`OrderState`](crate::domain::supply::OrderState), and writes its audit entry before it commits. Such transactions come one after the other, on either
//! database: a payment, a protection, a withdrawn approval or STOP is seen by every intent that is kept after it, and no
//! intent is kept beside it (F45). The rules themselves are those of [`crate::domain::supply`]; when to arm, send and look
//! is left to `supply`.

mod attempt;
mod damaged;
mod due;
mod emergency;
mod evidence;
mod exceeded;
mod facts;
mod halt;
mod handed_over;
mod head;
mod held;
mod known;
mod left;
mod list;
mod loss;
mod on_site;
mod order;
mod pace;
mod paid;
mod preview;
mod protection;
mod recovered;
mod report;
mod restored;
mod terms;
mod undone;
mod written;

pub use attempt::{AttemptOutcome, AttemptRecord, BeforeRecord, Intended, Intent, NOT_AUTHORISED, Seen};
pub use damaged::Damaged;
pub use due::{Due, DueOnLine, DueWork, LateRestore, Work};
pub use emergency::EmergencyReport;
pub use evidence::{ArrearsEntry, IdentityEntry, NoticeEntry, Paid, PaymentEntry};
pub use exceeded::{Excess, as_shown};
pub(super) use halt::halts_in_force;
pub use halt::{HaltRecord, Lifting};
pub use handed_over::HandedOver;
pub use held::HeldRecord;
pub use known::{ArrearsRecord, IdentityRecord, NoticeKept, PaymentRecord, PointEvidence};
pub use left::HowSent;
pub use list::{ApprovalRecord, NoticeRecord, OrderFilter, OrderRecord, OrderView, PointRecord};
pub(super) use on_site::{may_be_settled, settle_on_site};
pub use order::{Limits, Submitted};
pub use preview::HoldEnd;
pub(in crate::store) use preview::word as status_word_3;
pub use protection::{CalendarEntry, ProtectionEntry, ProtectionRecord};
pub use report::CutsAsked;
pub(super) use restored::quiet_orders;
pub use terms::{TermsEntry, TermsRecord};
pub use written::NewOrder;

use std::fmt;

use super::audit_spool::{append_or_spool, enter_waiting};
use super::error::StoreError;
use super::sql::Dialect;
use super::transaction::Transaction;
use super::{Store, audit};
use crate::domain::access::Acting;
use crate::domain::supply::{CeilingUse, Objection, OrderKind, words_of};
use crate::domain::{AuditEntry, Id, MeteringPoint, Moment};

/// Why an order was not changed.
#[derive(Debug, thiserror::Error)]
pub enum SupplyError {
    /// Something stands against it.
    #[error("{0}")]
    Objected(Objected),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SupplyError {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Objected(_) => "objected",
            Self::Store(error) => error.kind(),
        }
    }
}

/// All that stands against an order and its points.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Objected {
    /// Against the whole.
    pub order: Vec<Objection>,
    /// Against single points.
    pub points: Vec<PointObjections>,
    /// By how much it is above which ceilings, where that was not shown to whoever approves.
    pub over: Vec<CeilingUse>,
}

/// What stands against one point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointObjections {
    /// The point.
    pub point: Id<MeteringPoint>,
    /// Its number (计量点编号); empty for one that is not there.
    pub number: String,
    /// What.
    pub objections: Vec<Objection>,
}

impl Objected {
    fn names(&self) -> String {
        let of_points = self.points.iter().flat_map(|point| &point.objections);
        let mut all: Vec<_> = self.order.iter().chain(of_points).copied().collect();
        all.sort_unstable();
        all.dedup();
        words_of(&all)
    }
}

impl From<Objection> for SupplyError {
    fn from(objection: Objection) -> Self {
        vec![objection].into()
    }
}

impl From<Vec<Objection>> for SupplyError {
    fn from(order: Vec<Objection>) -> Self {
        Self::Objected(Objected { order, ..Objected::default() })
    }
}

impl fmt::Display for Objected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("refused  已拒绝")?;
        for objection in &self.order {
            write!(f, "\n  {}  {}", objection.en(), objection.zh())?;
        }
        for CeilingUse { ceiling, used, most, .. } in &self.over {
            write!(f, "\n  {}  {}: {used} / {most}", ceiling.en(), ceiling.zh())?;
        }
        for point in &self.points {
            for objection in &point.objections {
                write!(f, "\n  {}: {}  {}", point.number, objection.en(), objection.zh())?;
            }
        }
        Ok(())
    }
}

impl Store {
    /// Begins to change orders or what they depend on: others that do wait until this one ends.
    async fn change_supply(&self, doing: &'static str) -> Result<Transaction, StoreError> {
        let mut writing = self.write(doing).await?;
        if writing.dialect() == Dialect::Postgres {
            writing.execute(TURN, &[]).await?;
        }
        Ok(writing)
    }

    /// Ends what somebody wanted: an error undoes all of it, and a refusal is entered in the audit log by itself (T27).
    async fn ended<T>(
        &self,
        done: Result<T, SupplyError>,
        acting: &Acting,
        action: &'static str,
        object: String,
        now: Moment,
    ) -> Result<T, SupplyError> {
        if let Err(SupplyError::Objected(objected)) = &done {
            let entry = AuditEntry::by(acting, now, action, object);
            self.audit_or_spool(&entry.ending(format!("refused: {}", objected.names()))).await?;
        }
        done
    }
}

/// Who changes orders takes their turn by this, on a server.
const TURN: &str = "SELECT pg_advisory_xact_lock(645200719970008)";

/// Adds the audit entry, the last thing before the end, and commits.
async fn commit_with(mut writing: Transaction, entry: &AuditEntry) -> Result<(), StoreError> {
    // What was done while the log took no entry stands in front of it; where that cannot be entered, neither can this.
    enter_waiting(&mut writing, entry.at).await?;
    audit::append(&mut writing, entry).await?;
    writing.commit().await
}

/// The same for what gives supply back, keeps it or holds cuts back, and for what has happened already: where the audit log does
/// not take the entry, it waits to be entered (T26).
async fn commit_in_any_case(mut writing: Transaction, entry: &AuditEntry) -> Result<(), StoreError> {
    append_or_spool(&mut writing, entry).await?;
    writing.commit().await
}

/// The same for a step of an order towards its meter, which waits for no audit log unless supply is taken away by it.
async fn commit_step(writing: Transaction, kind: OrderKind, entry: &AuditEntry) -> Result<(), StoreError> {
    if kind.is_cut_class() {
        commit_with(writing, entry).await
    } else {
        commit_in_any_case(writing, entry).await
    }
}
