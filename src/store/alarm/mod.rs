//! Alarms: raised in the transaction of what they tell of, so that neither is kept without the other.
//!
//! While an alarm is open, the same kind and subject again is counted and sends nothing. With a new one a message is
//! put into the outbox for each channel that wants its severity; how messages leave is told in [`Lease`]. Raising and
//! clearing write no audit entry: they are records themselves, and an alarm about the audit log must not wait for it.
//! Acknowledging does (T27).

mod list;
mod message;

pub use list::{AlarmCounts, AlarmFilter, AlarmTellings};
pub use message::{AlarmChannel, Lease, LeaseEnd, Message, MessageState, Take, Tells};

use super::error::{Refusal, StoreError};
use super::transaction::Transaction;
use super::{Store, audit, code};
use crate::domain::access::{Acting, Regions};
use crate::domain::{Alarm, AlarmKind, AuditEntry, Coded, Id, Moment, Severity, TransformerArea, alarm_key};

/// An alarm as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmRecord {
    /// Its number.
    pub id: Id<Alarm>,
    /// What it is about.
    pub kind: AlarmKind,
    /// How grave it is.
    pub severity: Severity,
    /// Of what.
    pub subject: String,
    /// The area it belongs to; `None` for what all may know.
    pub area: Option<Id<TransformerArea>>,
    /// The supply order it belongs to.
    pub order: Option<i64>,
    /// What more was said last, in Chinese.
    pub detail_zh: String,
    /// The same in English.
    pub detail: String,
    /// How often it came while it was open.
    pub count: i64,
    /// When it came first.
    pub first_at: Moment,
    /// When it came last.
    pub last_at: Moment,
    /// Who has taken note of it.
    pub acknowledged: Option<Acknowledged>,
    /// When it was over; `None` while it is open.
    pub ended_at: Option<Moment>,
}

/// Who has taken note of an alarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    /// When.
    pub at: Moment,
    /// The name of the account.
    pub by: String,
    /// What they said.
    pub note: String,
}

/// What raising did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raised {
    /// The alarm.
    pub id: Id<Alarm>,
    /// False when it was open already, and is counted.
    pub is_new: bool,
}

impl Store {
    /// Raises an alarm by itself, for what changes nothing else in the database.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be kept.
    pub async fn raise_alarm(&self, alarm: &Alarm) -> Result<Raised, StoreError> {
        let mut writing = self.write("raising an alarm").await?;
        let raised = raise(&mut writing, alarm).await?;
        writing.commit().await?;
        Ok(raised)
    }

    /// Ends an alarm, because what it told of has ended; says whether it was open.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot.
    pub async fn clear_alarm(&self, kind: AlarmKind, subject: &str, now: Moment) -> Result<bool, StoreError> {
        let mut writing = self.write("ending an alarm").await?;
        let was_open = clear(&mut writing, kind, subject, now).await?;
        writing.commit().await?;
        Ok(was_open)
    }

    /// Notes that somebody takes care of an alarm: it is not told again, and ends when it does not last by itself. Says
    /// false when somebody has done so before. Whether the role may is for the caller to ask.
    ///
    /// # Errors
    /// [`Refusal::NotThere`] for an alarm that is none, or belongs to an area that they may not see; else when the
    /// database cannot.
    pub async fn acknowledge_alarm(
        &self,
        id: Id<Alarm>,
        acting: &Acting,
        note: &str,
        now: Moment,
    ) -> Result<bool, StoreError> {
        let mut writing = self.write("acknowledging an alarm").await?;
        let alarm = list::one(&mut writing, id).await?;
        let alarm = alarm.filter(|alarm| sees(&acting.regions, alarm));
        let alarm = alarm.ok_or(StoreError::Refused(Refusal::NotThere))?;
        let note = note.replace('\0', "\u{fffd}");
        let ends = i64::from(!alarm.kind.lasts());
        let args = [id.into(), now.into(), acting.name.as_str().into(), note.as_str().into(), ends.into()];
        if writing.execute(ACKNOWLEDGE, &args).await? == 0 {
            return Ok(false);
        }
        writing.execute(WITHDRAW, &[id.into(), now.into()]).await?;
        let object = format!("alarm {id}");
        let entry = AuditEntry::by(acting, now, "alarm.acknowledge", object);
        let detail = serde_json::json!({
            "kind": alarm.kind.name(),
            "subject": alarm.subject,
            "note": note,
        });
        let entry = AuditEntry { order: alarm.order, ..entry.saying(detail.to_string()) };
        audit::append(&mut writing, &entry).await?;
        writing.commit().await?;
        Ok(true)
    }
}

/// True when an alarm is among what somebody with these regions may see: what belongs to no area is everybody's.
fn sees(regions: &Regions, alarm: &AlarmRecord) -> bool {
    alarm.area.is_none() || regions.hold(alarm.area)
}

/// Raises an alarm in the transaction of what it tells of.
pub(super) async fn raise(writing: &mut Transaction, alarm: &Alarm) -> Result<Raised, StoreError> {
    let severity = alarm.kind.severity();
    let args = [
        alarm.key().into(),
        alarm.kind.code().into(),
        severity.code().into(),
        alarm.subject.as_str().into(),
        alarm.area.into(),
        alarm.order.into(),
        alarm.detail_zh.as_str().into(),
        alarm.detail.as_str().into(),
        alarm.at.into(),
    ];
    let raised: Option<(i64, i64)> = writing.row(RAISE, &args).await?;
    let (id, count) = raised.ok_or(StoreError::Refused(Refusal::NotThere))?;
    let is_new = count == 1;
    if is_new {
        message::put(writing, id, severity, alarm.at).await?;
    }
    Ok(Raised { id: Id::new(id), is_new })
}

/// Ends an alarm in the transaction of what ended it; says whether it was open.
pub(super) async fn clear(
    writing: &mut Transaction,
    kind: AlarmKind,
    subject: &str,
    now: Moment,
) -> Result<bool, StoreError> {
    let ended: Option<(i64,)> = writing.row(END, &[alarm_key(kind, subject).into(), now.into()]).await?;
    if let Some((id,)) = ended {
        message::put_end(writing, id, now).await?;
    }
    Ok(ended.is_some())
}

type Row = (
    i64,
    i64,
    i64,
    String,
    Option<i64>,
    Option<i64>,
    String,
    String,
    i64,
    i64,
    i64,
    Option<i64>,
    Option<String>,
    Option<String>,
    Option<i64>,
);

fn record(row: Row) -> Result<AlarmRecord, StoreError> {
    let (
        id,
        kind,
        severity,
        subject,
        area,
        order,
        detail_zh,
        detail,
        count,
        first_at,
        last_at,
        at,
        by,
        note,
        ended,
    ) = row;
    let acknowledged = at.zip(by).map(|(at, by)| Acknowledged {
        at: Moment::from_micros(at),
        by,
        note: note.unwrap_or_default(),
    });
    Ok(AlarmRecord {
        id: Id::new(id),
        kind: code("alarm_kind", kind)?,
        severity: code("alarm_severity", severity)?,
        subject,
        area: area.map(Id::new),
        order,
        detail_zh,
        detail,
        count,
        first_at: Moment::from_micros(first_at),
        last_at: Moment::from_micros(last_at),
        acknowledged,
        ended_at: ended.map(Moment::from_micros),
    })
}

const RAISE: &str = "INSERT INTO alarm \
        (key, kind, severity, subject, area_id, order_id, detail_zh, detail, count, first_at, last_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9, $9) \
    ON CONFLICT (key) WHERE ended_at IS NULL DO UPDATE SET count = alarm.count + 1, \
        last_at = CASE WHEN excluded.last_at > alarm.last_at THEN excluded.last_at ELSE alarm.last_at END, \
        detail_zh = excluded.detail_zh, detail = excluded.detail \
    RETURNING id, count";

const END: &str = "UPDATE alarm SET ended_at = $2 WHERE key = $1 AND ended_at IS NULL RETURNING id";

const ACKNOWLEDGE: &str = "UPDATE alarm SET acknowledged_at = $2, acknowledged_by = $3, note = $4, \
        ended_at = CASE WHEN ended_at IS NULL AND $5 = 1 THEN $2 ELSE ended_at END \
    WHERE id = $1 AND acknowledged_at IS NULL";

/// Repeats that were not sent yet.
const WITHDRAW: &str =
    "UPDATE alarm_message SET state = 4, done_at = $2 WHERE alarm_id = $1 AND tells = 2 AND state = 1";
