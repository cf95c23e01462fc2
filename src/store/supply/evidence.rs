//! What the rules need to know of customers: notices that reached them, arrears, payments, and whose meter is whose.
//!
//! Whatever way an entry comes, it is refused when it tells of a time that has not come: it could become evidence by waiting.

use std::collections::HashMap;

use super::head::{Head, Step};
use super::paid::tell_of_paid;
use super::{SupplyError, commit_with};
use crate::domain::access::{Acting, Action};
use crate::domain::supply::{NoticeKind, Objection, OrderEvent, OrderState, lies_ahead};
use crate::domain::{AuditEntry, Coded, Customer, Id, Meter, MeteringPoint, Moment};
use crate::store::error::{Refusal, StoreError};
use crate::store::sql::{Kind, Rows, Table};
use crate::store::transaction::Transaction;
use crate::store::{Store, code};

/// A notice that was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticeEntry {
    /// Of which point.
    pub point: Id<MeteringPoint>,
    /// Which notice.
    pub kind: NoticeKind,
    /// When it reached the customer.
    pub given_at: Moment,
    /// How: by hand, posted, by message.
    pub how: String,
    /// Who gave it.
    pub given_by: String,
}

/// What a customer owes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArrearsEntry {
    /// Who.
    pub customer: Id<Customer>,
    /// Since when.
    pub since: Moment,
    /// How much, in fen.
    pub amount_fen: i64,
    /// The instant it holds for: later payments are taken off.
    pub as_of: Moment,
}

/// A payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentEntry {
    /// Whose.
    pub customer: Id<Customer>,
    /// Its number at whoever took it; the same again is the same payment.
    pub reference: String,
    /// How much, in fen.
    pub amount_fen: i64,
    /// When.
    pub paid_at: Moment,
}

/// That somebody has checked which meter is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityEntry {
    /// The point.
    pub point: Id<MeteringPoint>,
    /// The meter that was found there.
    pub meter: Id<Meter>,
    /// When.
    pub verified_at: Moment,
    /// It supplies another household.
    pub is_crossed: bool,
    /// Who looked.
    pub verified_by: String,
}

/// What payments have done to cuts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paid {
    /// How many points were taken back.
    pub taken_back: usize,
    /// Points at which something is under way: it may be held back yet.
    pub under_way: Vec<Id<MeteringPoint>>,
}

impl Store {
    /// Enters notices that were given, all or none. The same again changes nothing.
    ///
    /// # Errors
    /// [`SupplyError`] when the role may not, or the database cannot; [`Refusal::Ahead`] for a time that has not come.
    pub async fn enter_notices(
        &self,
        acting: &Acting,
        notices: &[NoticeEntry],
        now: Moment,
    ) -> Result<(), SupplyError> {
        let action = "evidence.notice";
        let entered = async {
            let mut writing = self.begin_entry(acting, Action::EnterEvidence).await?;
            has_come(now, notices.iter().map(|notice| [notice.given_at; 2]))?;
            let customers: Vec<(i64, i64)> =
                writing.rows("SELECT id, customer_id FROM metering_point", &[]).await?;
            let customers: HashMap<i64, i64> = customers.into_iter().collect();
            let mut rows = Rows::new(&NOTICE);
            for notice in notices {
                rows.push([
                    self.numbers.next(now).into(),
                    notice.point.into(),
                    notice.kind.code().into(),
                    notice.given_at.into(),
                    notice.how.as_str().into(),
                    notice.given_by.as_str().into(),
                    now.into(),
                    acting.name.as_str().into(),
                    customers.get(&notice.point.number()).copied().into(),
                ]);
            }
            writing.insert(&NOTICE, &rows).await?;
            let of = notices.iter().map(|notice| (notice.point.number(), notice.kind.name()));
            end_entry(writing, acting, action, (notices.len(), told(of)), now).await
        };
        self.ended(entered.await, acting, action, "notices".into(), now).await
    }

    /// Takes over who owes what: the list is whole, and whoever is not on it owes nothing.
    ///
    /// # Errors
    /// As [`Self::enter_notices`].
    pub async fn enter_arrears(
        &self,
        acting: &Acting,
        arrears: &[ArrearsEntry],
        now: Moment,
    ) -> Result<(), SupplyError> {
        let action = "evidence.arrears";
        let entered = async {
            let mut writing = self.begin_entry(acting, Action::EnterEvidence).await?;
            has_come(now, arrears.iter().map(|entry| [entry.since, entry.as_of]))?;
            writing.execute("DELETE FROM supply_arrears", &[]).await?;
            let mut rows = Rows::new(&ARREARS);
            for entry in arrears {
                rows.push([
                    entry.customer.into(),
                    entry.since.into(),
                    entry.amount_fen.into(),
                    entry.as_of.into(),
                    now.into(),
                    acting.name.as_str().into(),
                ]);
            }
            writing.insert(&ARREARS, &rows).await?;
            let of = arrears.iter().map(|entry| (entry.customer.number(), "arrears"));
            end_entry(writing, acting, action, (arrears.len(), told(of)), now).await
        };
        self.ended(entered.await, acting, action, "arrears".into(), now).await
    }

    /// Enters what some customers owe, beside what the list says of others.
    ///
    /// # Errors
    /// As [`Self::enter_notices`].
    pub async fn add_arrears(
        &self,
        acting: &Acting,
        arrears: &[ArrearsEntry],
        now: Moment,
    ) -> Result<(), SupplyError> {
        let action = "evidence.arrears";
        let entered = async {
            let mut writing = self.begin_entry(acting, Action::EnterEvidence).await?;
            has_come(now, arrears.iter().map(|entry| [entry.since, entry.as_of]))?;
            for entry in arrears {
                let args = [
                    entry.customer.into(),
                    entry.since.into(),
                    entry.amount_fen.into(),
                    entry.as_of.into(),
                    now.into(),
                    acting.name.as_str().into(),
                ];
                writing.execute(OWES, &args).await?;
            }
            let of = arrears.iter().map(|entry| (entry.customer.number(), "arrears"));
            end_entry(writing, acting, action, (arrears.len(), told(of)), now).await
        };
        self.ended(entered.await, acting, action, "arrears".into(), now).await
    }

    /// Enters payments. One that is new takes back, in the same transaction, every cut of its customer for arrears that was
    /// not sent yet, and sees to it that those under way are sent no more.
    ///
    /// # Errors
    /// As [`Self::enter_notices`].
    pub async fn enter_payments(
        &self,
        acting: &Acting,
        payments: &[PaymentEntry],
        now: Moment,
    ) -> Result<Paid, SupplyError> {
        let action = "evidence.payment";
        let entered = async {
            let mut writing = self.begin_entry(acting, Action::EnterPayments).await?;
            has_come(now, payments.iter().map(|payment| [payment.paid_at; 2]))?;
            let mut paid = Paid::default();
            for payment in payments {
                let args = [
                    self.numbers.next(now).into(),
                    payment.customer.into(),
                    payment.reference.as_str().into(),
                    payment.amount_fen.into(),
                    payment.paid_at.into(),
                    now.into(),
                    acting.name.as_str().into(),
                ];
                if writing.execute(PAYMENT, &args).await? > 0 {
                    paid.taken_back += void_cuts(&mut writing, payment.customer, now).await?;
                    paid.under_way.extend(hold_cuts(&mut writing, payment.customer, now).await?);
                }
            }
            let of = payments.iter().map(|payment| (payment.customer.number(), payment.reference.as_str()));
            end_entry(writing, acting, action, (payments.len(), told(of)), now).await?;
            Ok(paid)
        };
        self.ended(entered.await, acting, action, "payments".into(), now).await
    }

    /// Enters which meters were found at which points.
    ///
    /// # Errors
    /// As [`Self::enter_notices`].
    pub async fn enter_identities(
        &self,
        acting: &Acting,
        identities: &[IdentityEntry],
        now: Moment,
    ) -> Result<(), SupplyError> {
        let action = "evidence.identity";
        let entered = async {
            let mut writing = self.begin_entry(acting, Action::EnterEvidence).await?;
            has_come(now, identities.iter().map(|entry| [entry.verified_at; 2]))?;
            let mut rows = Rows::new(&IDENTITY);
            for identity in identities {
                rows.push([
                    self.numbers.next(now).into(),
                    identity.point.into(),
                    identity.meter.into(),
                    identity.verified_at.into(),
                    i64::from(identity.is_crossed).into(),
                    identity.verified_by.as_str().into(),
                    now.into(),
                    acting.name.as_str().into(),
                ]);
            }
            writing.insert(&IDENTITY, &rows).await?;
            let crossed = |entry: &IdentityEntry| if entry.is_crossed { "crossed" } else { "verified" };
            let of = identities.iter().map(|entry| (entry.point.number(), crossed(entry)));
            end_entry(writing, acting, action, (identities.len(), told(of)), now).await
        };
        self.ended(entered.await, acting, action, "identities".into(), now).await
    }

    async fn begin_entry(&self, acting: &Acting, action: Action) -> Result<Transaction, SupplyError> {
        if !acting.may(action) {
            return Err(Objection::NoRight.into());
        }
        Ok(self.change_supply("entering what supply orders go by").await?)
    }
}

/// Refuses the first entry one of whose times has not come.
fn has_come(now: Moment, entries: impl Iterator<Item = [Moment; 2]>) -> Result<(), SupplyError> {
    for (place, times) in (1..).zip(entries) {
        if times.into_iter().any(|at| lies_ahead(at, now)) {
            return Err(StoreError::Refused(Refusal::Ahead(place)).into());
        }
    }
    Ok(())
}

async fn end_entry(
    writing: Transaction,
    acting: &Acting,
    action: &'static str,
    (count, told): (usize, String),
    now: Moment,
) -> Result<(), SupplyError> {
    let entry = AuditEntry::by(acting, now, action, format!("{count} entries"));
    Ok(commit_with(writing, &entry.saying(told)).await?)
}

/// What was entered, as the audit log tells it; of very many the first.
fn told<'a>(entries: impl Iterator<Item = (i64, &'a str)>) -> String {
    let first: Vec<_> = entries.take(MOST_TOLD).map(|(id, what)| serde_json::json!([id, what])).collect();
    serde_json::Value::from(first).to_string()
}

/// Takes back every cut of a customer for arrears that was not sent yet.
async fn void_cuts(
    writing: &mut Transaction,
    customer: Id<Customer>,
    now: Moment,
) -> Result<usize, StoreError> {
    let open: Vec<(i64, i64)> = writing.rows(OPEN_CUTS, &[customer.into()]).await?;
    for (order, point) in &open {
        let mut head = Head::load(writing, Id::new(*order)).await?;
        let step = Step { objections: &[Objection::Paid], ..Step::of(OrderEvent::Cancel, now) };
        head.step(writing, Id::new(*point), &step).await?;
        head.settle(writing, now).await?;
    }
    Ok(open.len())
}

/// Keeps with every cut of a customer for arrears that is under way that it was paid since: it is sent no more, whatever the
/// clock says later. Says at which points.
async fn hold_cuts(
    writing: &mut Transaction,
    customer: Id<Customer>,
    now: Moment,
) -> Result<Vec<Id<MeteringPoint>>, StoreError> {
    let under_way: Vec<(i64, i64, i64)> = writing.rows(CUTS_UNDER_WAY, &[customer.into()]).await?;
    for (order, point, state) in &under_way {
        writing.execute(IS_PAID, &[(*order).into(), (*point).into()]).await?;
        // One that is being sent may still be held back; what became of it tells.
        if code::<OrderState>("order_state", *state)? != OrderState::Sending {
            let (order, point) = (Id::new(*order), Id::new(*point));
            let head = Head::load_for(writing, (order, point)).await?;
            tell_of_paid(writing, &head, point, now).await?;
        }
    }
    Ok(under_way.into_iter().map(|(_, point, _)| Id::new(point)).collect())
}

/// How many entries the audit log names.
const MOST_TOLD: usize = 1000;

const OWES: &str = "INSERT INTO supply_arrears (customer_id, since, amount_fen, as_of, entered_at, entered_by) \
    VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (customer_id) DO UPDATE SET since = excluded.since, \
    amount_fen = excluded.amount_fen, as_of = excluded.as_of, entered_at = excluded.entered_at, \
    entered_by = excluded.entered_by";

const PAYMENT: &str = "INSERT INTO supply_payment (id, customer_id, reference, amount_fen, paid_at, entered_at, entered_by) \
    VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (customer_id, reference) DO NOTHING";

/// Kind 1 and reason 1: a cut for arrears.
const OPEN_CUTS: &str = "SELECT p.order_id, p.point_id FROM supply_order_point p JOIN supply_order o ON o.id = p.order_id \
    WHERE p.customer_id = $1 AND o.kind = 1 AND o.reason = 1 AND p.state IN (2, 3, 4)";

/// The same of those that are under way.
const CUTS_UNDER_WAY: &str = "SELECT p.order_id, p.point_id, p.state FROM supply_order_point p \
    JOIN supply_order o ON o.id = p.order_id \
    WHERE p.customer_id = $1 AND o.kind = 1 AND o.reason = 1 AND p.state IN (5, 6, 8)";

const IS_PAID: &str = "UPDATE supply_order_point SET is_paid = 1 WHERE order_id = $1 AND point_id = $2";

const NOTICE: Table = Table {
    name: "supply_notice",
    columns: &[
        ("id", Kind::Int),
        ("point_id", Kind::Int),
        ("kind", Kind::Int),
        ("given_at", Kind::Int),
        ("how", Kind::Text),
        ("given_by", Kind::Text),
        ("entered_at", Kind::Int),
        ("entered_by", Kind::Text),
        ("customer_id", Kind::Int),
    ],
    on_conflict: "(point_id, kind, given_at) DO NOTHING",
};

const ARREARS: Table = Table {
    name: "supply_arrears",
    columns: &[
        ("customer_id", Kind::Int),
        ("since", Kind::Int),
        ("amount_fen", Kind::Int),
        ("as_of", Kind::Int),
        ("entered_at", Kind::Int),
        ("entered_by", Kind::Text),
    ],
    on_conflict: "",
};

const IDENTITY: Table = Table {
    name: "supply_identity",
    columns: &[
        ("id", Kind::Int),
        ("point_id", Kind::Int),
        ("meter_id", Kind::Int),
        ("verified_at", Kind::Int),
        ("is_crossed", Kind::Int),
        ("verified_by", Kind::Text),
        ("entered_at", Kind::Int),
        ("entered_by", Kind::Text),
    ],
    on_conflict: "",
};
