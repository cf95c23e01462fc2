//! What is kept of one point that the rules of cuts go by, as people look at it.

use super::facts::ahead;
use super::protection::protections_of;
use super::terms::terms_in_force;
use crate::domain::supply::{NoticeKind, ProtectionKind, Terms, terms_for};
use crate::domain::{CustomerClass, Day, Id, MeteringPoint, Moment};
use crate::store::error::StoreError;
use crate::store::transaction::Transaction;
use crate::store::{Store, code};

/// What is kept of a point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointEvidence {
    /// The point.
    pub point: Id<MeteringPoint>,
    /// Its number (计量点编号).
    pub number: String,
    /// Number and name of its customer.
    pub customer: (String, String),
    /// The address of the meter there.
    pub meter: Option<String>,
    /// Why it is protected; nothing where it is not.
    pub protections: Vec<ProtectionKind>,
    /// What its customer owes.
    pub arrears: Option<ArrearsRecord>,
    /// What they paid, the newest first.
    pub payments: Vec<PaymentRecord>,
    /// What they were told, the newest first.
    pub notices: Vec<NoticeKept>,
    /// When it was last checked which meter is there.
    pub identity: Option<IdentityRecord>,
    /// When the meter itself last answered; what people read of it does not count.
    pub last_read: Option<Moment>,
    /// What a cut of it has to keep to today.
    pub terms: Terms,
}

/// What a customer owes, as the newest list says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArrearsRecord {
    /// Since when.
    pub since: Moment,
    /// How much the list says, in fen.
    pub amount_fen: i64,
    /// The instant that holds for.
    pub as_of: Moment,
    /// How much is left after later payments, in fen; nothing below nothing.
    pub left_fen: i64,
    /// When it was entered, and by whom.
    pub entered: (Moment, String),
}

/// A payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentRecord {
    /// Its number.
    pub reference: String,
    /// How much, in fen.
    pub amount_fen: i64,
    /// When.
    pub paid_at: Moment,
    /// When it was entered, and by whom.
    pub entered: (Moment, String),
}

/// A notice that was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticeKept {
    /// Which.
    pub kind: NoticeKind,
    /// When it reached the customer.
    pub given_at: Moment,
    /// How.
    pub how: String,
    /// Who gave it.
    pub given_by: String,
    /// When it was entered, and by whom.
    pub entered: (Moment, String),
}

/// A check of which meter is at a point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityRecord {
    /// The address of the meter that was found.
    pub meter: String,
    /// It is the one that is there now.
    pub is_current: bool,
    /// When.
    pub verified_at: Moment,
    /// It supplies another household.
    pub is_crossed: bool,
    /// Who looked.
    pub verified_by: String,
}

impl Store {
    /// What is kept of a point that the rules go by; `None` where there is no such point.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or holds what this version does not know.
    pub async fn evidence_of(
        &self,
        point: Id<MeteringPoint>,
        now: Moment,
    ) -> Result<Option<PointEvidence>, StoreError> {
        let mut reading = self.read("reading what is kept of a point").await?;
        let there: Option<PointRow> = reading.row(POINT, &[point.into()]).await?;
        let Some((number, customer, of, name, class, area, archived, meter)) = there else { return Ok(None) };
        let class: Option<CustomerClass> = class.map(|class| code("class", class)).transpose()?;
        let rows = terms_in_force(&mut reading).await?;
        let protections = protections_of(&mut reading, point, (class, archived.as_deref()), now).await?;
        let last_read: Option<(Option<i64>,)> = reading.row(LAST_READ, &[point.into()]).await?;
        Ok(Some(PointEvidence {
            point,
            number,
            customer: (of, name),
            meter: meter.clone(),
            protections,
            arrears: arrears(&mut reading, customer).await?,
            payments: payments(&mut reading, customer).await?,
            notices: notices(&mut reading, point).await?,
            identity: identity(&mut reading, point, meter).await?,
            last_read: last_read.and_then(|(at,)| at).map(Moment::from_micros),
            terms: terms_for(&rows, Day::of(now), area.map(Id::new), class),
        }))
    }
}

/// Number of the point; customer, their number, name and class; area; protection by the archive; address of the meter.
type PointRow = (String, i64, String, String, Option<i64>, Option<i64>, Option<String>, Option<String>);

async fn arrears(reading: &mut Transaction, customer: i64) -> Result<Option<ArrearsRecord>, StoreError> {
    let row: Option<(i64, i64, i64, i64, i64, String)> = reading.row(ARREARS, &[customer.into()]).await?;
    Ok(row.map(|(since, amount_fen, as_of, left, at, by)| ArrearsRecord {
        since: Moment::from_micros(since),
        amount_fen,
        as_of: Moment::from_micros(as_of),
        left_fen: left.max(0),
        entered: (Moment::from_micros(at), by),
    }))
}

async fn payments(reading: &mut Transaction, customer: i64) -> Result<Vec<PaymentRecord>, StoreError> {
    let rows: Vec<(String, i64, i64, i64, String)> =
        reading.rows(PAYMENTS, &[customer.into(), MOST.into()]).await?;
    let payment = |(reference, amount_fen, paid_at, at, by)| PaymentRecord {
        reference,
        amount_fen,
        paid_at: Moment::from_micros(paid_at),
        entered: (Moment::from_micros(at), by),
    };
    Ok(rows.into_iter().map(payment).collect())
}

async fn notices(reading: &mut Transaction, point: Id<MeteringPoint>) -> Result<Vec<NoticeKept>, StoreError> {
    let rows: Vec<(i64, i64, String, String, i64, String)> =
        reading.rows(NOTICES, &[point.into(), MOST.into()]).await?;
    let notice = |(kind, given_at, how, given_by, at, by)| {
        Ok(NoticeKept {
            kind: code("notice_kind", kind)?,
            given_at: Moment::from_micros(given_at),
            how,
            given_by,
            entered: (Moment::from_micros(at), by),
        })
    };
    rows.into_iter().map(notice).collect()
}

async fn identity(
    reading: &mut Transaction,
    point: Id<MeteringPoint>,
    meter: Option<String>,
) -> Result<Option<IdentityRecord>, StoreError> {
    let row: Option<(String, i64, i64, String)> =
        reading.row(IDENTITY, &[point.into(), ahead().into()]).await?;
    Ok(row.map(|(address, verified_at, crossed, verified_by)| IdentityRecord {
        is_current: meter.as_deref() == Some(address.as_str()),
        meter: address,
        verified_at: Moment::from_micros(verified_at),
        is_crossed: crossed != 0,
        verified_by,
    }))
}

/// How many payments and notices are shown.
const MOST: i64 = 200;

const POINT: &str = "SELECT p.number, c.id, c.number, c.name, c.class, p.area_id, p.protection, m.address \
    FROM metering_point p JOIN customer c ON c.id = p.customer_id \
    LEFT JOIN installation n ON n.point_id = p.id AND n.removed_at IS NULL \
    LEFT JOIN meter m ON m.id = n.meter_id WHERE p.id = $1";

/// As the rules of cuts take it: when the meter itself answered.
const LAST_READ: &str = "SELECT max(l.collected_at) FROM latest l JOIN installation n ON n.meter_id = l.meter_id \
    AND n.removed_at IS NULL WHERE n.point_id = $1 AND l.source IN (1, 2, 3)";

/// What is left is what the rules take for it.
const ARREARS: &str = "SELECT a.since, a.amount_fen, a.as_of, \
    CAST(a.amount_fen - coalesce((SELECT sum(p.amount_fen) FROM supply_payment p \
        WHERE p.customer_id = a.customer_id AND (p.paid_at >= a.as_of OR p.paid_at >= a.entered_at)), 0) AS bigint), \
    a.entered_at, a.entered_by FROM supply_arrears a WHERE a.customer_id = $1";

const PAYMENTS: &str = "SELECT reference, amount_fen, paid_at, entered_at, entered_by FROM supply_payment \
    WHERE customer_id = $1 ORDER BY paid_at DESC, id DESC LIMIT $2";

const NOTICES: &str = "SELECT kind, given_at, how, given_by, entered_at, entered_by FROM supply_notice \
    WHERE point_id = $1 ORDER BY given_at DESC, id DESC LIMIT $2";

/// The one that the rules take.
const IDENTITY: &str = "SELECT m.address, i.verified_at, i.is_crossed, i.verified_by FROM supply_identity i \
    JOIN meter m ON m.id = i.meter_id WHERE i.point_id = $1 AND i.verified_at <= i.entered_at + $2 \
    ORDER BY CASE WHEN i.is_crossed <> 0 AND i.id > coalesce((SELECT max(c.id) FROM supply_identity c \
        WHERE c.point_id = $1 AND c.is_crossed = 0), 0) THEN 0 ELSE 1 END, i.verified_at DESC, i.id DESC LIMIT 1";
