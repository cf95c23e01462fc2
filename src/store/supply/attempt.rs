//! Carrying orders out: arming, the intent before the first byte, what became of it, and what was seen afterwards.

use super::facts::{Judging, hold_still, judge_order, judge_point};
use super::head::{Head, Step};
use super::held::hold_back;
use super::order::Limits;
use super::pace::{is_full, wait, watch_batch};
use super::paid::tell_of_paid;
use super::undone::order_again;
use super::{commit_in_any_case, commit_step};
use crate::domain::relay::{Currents, Look, StatusWord3};
use crate::domain::supply::{Attempt, Objection, OrderEvent, OrderState, Stage, SupplyOrder};
use crate::domain::{Alarm, AlarmKind, AuditEntry, Coded, Id, Meter, MeteringPoint, Moment, TransformerArea};
use crate::store::alarm::{clear, raise};
use crate::store::error::{Refusal, StoreError};
use crate::store::transaction::Transaction;
use crate::store::{Store, code};

/// What became of a frame, as far as the sender knows (R6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AttemptOutcome {
    /// The meter has accepted it.
    Accepted,
    /// The meter has refused it.
    Refused,
    /// Certainly no byte has left.
    NotSent,
    /// It may have been obeyed or not.
    Unknown,
}

impl Coded for AttemptOutcome {
    const TABLE: &'static [(Self, i64, &'static str)] = &[
        (Self::Accepted, 1, "accepted"),
        (Self::Refused, 2, "refused"),
        (Self::NotSent, 3, "not_sent"),
        (Self::Unknown, 4, "unknown"),
    ];
}

/// What is noted of a refusal that lies in the password, or in what is allowed now: it stops every repetition (F48).
pub const NOT_AUTHORISED: &str = "not_authorised";

/// What a meter said before it was given an order (F53).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BeforeRecord {
    /// Status word 3 and the currents, where they could be read.
    pub look: Option<Look>,
    /// All of it, as JSON.
    pub told: String,
}

/// What is to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Intent<'a> {
    /// For which order.
    pub order: Id<SupplyOrder>,
    /// To the meter of which point.
    pub point: Id<MeteringPoint>,
    /// Until when the meter may obey it, by our clock.
    pub expires: Moment,
    /// What it said before.
    pub before: &'a BeforeRecord,
    /// What stands against it by what the meter said.
    pub found: &'a [Objection],
}

/// What became of an intent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Intended {
    /// It is kept: one frame may leave.
    Kept(Id<Attempt>),
    /// Nothing may leave.
    Objected(Vec<Objection>),
    /// Nothing leaves yet: so much of the order has no result (F51).
    Waits,
}

/// An attempt as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptRecord {
    /// Its number.
    pub id: Id<Attempt>,
    /// For which order.
    pub order: Id<SupplyOrder>,
    /// Of which point.
    pub point: Id<MeteringPoint>,
    /// To which meter.
    pub meter: Id<Meter>,
    /// The how manieth for this point.
    pub number: i64,
    /// When it was decided to send.
    pub intent_at: Moment,
    /// Until when the meter may obey it.
    pub expires_at: Moment,
    /// What became of it; `None` while it is not known.
    pub outcome: Option<AttemptOutcome>,
    /// Since when that is known.
    pub told_at: Option<Moment>,
    /// What more is known, in short.
    pub detail: String,
    /// What the meter said before.
    pub before: BeforeRecord,
}

/// What was seen of a point after an attempt, and what follows.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The order.
    pub order: Id<SupplyOrder>,
    /// The point.
    pub point: Id<MeteringPoint>,
    /// The attempt, and what was seen after it.
    pub look: Option<(Id<Attempt>, Look)>,
    /// What follows for the state.
    pub event: Option<OrderEvent>,
    /// What it proves, in a short name.
    pub proof: &'a str,
    /// When to look again, or to do what comes next.
    pub due: Moment,
    /// What people are to be told, and how often they have been then.
    pub tell: Option<(AlarmKind, i64)>,
    /// Alarms of this order that have ended; when supply was seen to be back, those of all others at the point, too.
    pub over: &'a [AlarmKind],
}

impl Store {
    /// Arms a point whose window has come, to be carried out at `due`. Says what stands against it.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot.
    pub async fn arm_point(
        &self,
        (order, point): (Id<SupplyOrder>, Id<MeteringPoint>),
        due: Moment,
        limits: &Limits<'_>,
        now: Moment,
    ) -> Result<Vec<Objection>, StoreError> {
        let mut writing = self.change_supply("arming a supply order").await?;
        let mut head = Head::load_for(&mut writing, (order, point)).await?;
        let known = head.point(point)?;
        if known.state != OrderState::Approved {
            return Ok(vec![Objection::WrongState]);
        }
        let judging = Judging { stage: Stage::Arm, limits, now };
        let (facts, mut objections) = judge_order(&mut writing, &head, judging).await?;
        objections.extend(judge_point(&mut writing, &head, &facts, known, judging).await?);
        if !objections.is_empty() {
            hold_back(writing, &mut head, point, (&objections, &facts.over), now).await?;
            return Ok(objections);
        }
        head.step(&mut writing, point, &Step { due: Some(due), ..Step::of(OrderEvent::Arm, now) }).await?;
        head.settle(&mut writing, now).await?;
        let entry = AuditEntry::of_system(now, "order.arm", object(order, point));
        commit_step(writing, head.kind(), &entry.for_order(order.number())).await?;
        Ok(objections)
    }

    /// Keeps the intent to send one frame, having checked once more all that could stand against it (F45). What is not
    /// kept may not be sent.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot: then nothing may be sent either.
    pub async fn intend(
        &self,
        intent: &Intent<'_>,
        limits: &Limits<'_>,
        now: Moment,
    ) -> Result<Intended, StoreError> {
        let Intent { order, point, .. } = *intent;
        let mut writing = self.change_supply("keeping the intent of a supply order").await?;
        let mut head = Head::load_for(&mut writing, (order, point)).await?;
        let known = head.point(point)?;
        if known.state != OrderState::Armed {
            return Ok(Intended::Objected(vec![Objection::WrongState]));
        }
        if head.kind().is_cut_class() {
            self.fullness.admit_cut("keeping the intent of a supply order")?;
            if is_full(&head) {
                wait(&mut writing, (order, point), now).await?;
                writing.commit().await?;
                return Ok(Intended::Waits);
            }
            // Found out here, it is judged below.
            writing.is_audit_there().await?;
        }
        let judging = Judging { stage: Stage::Intent, limits, now };
        hold_still(&mut writing, &head, point).await?;
        let (facts, mut objections) = judge_order(&mut writing, &head, judging).await?;
        objections.extend(judge_point(&mut writing, &head, &facts, known, judging).await?);
        objections.extend(intent.found);
        if !objections.is_empty() {
            hold_back(writing, &mut head, point, (&objections, &facts.over), now).await?;
            return Ok(Intended::Objected(objections));
        }
        let id = self.numbers.next(now);
        add(&mut writing, &head, intent, (id, known.area_now.or(known.area)), now).await?;
        head.step(&mut writing, point, &Step::of(OrderEvent::Intend, now)).await?;
        head.settle(&mut writing, now).await?;
        let entry = AuditEntry::of_system(now, "order.intent", object(order, point));
        let detail = serde_json::json!({
            "attempt": id,
            "kind": head.kind().name(),
            "meter": known.ordered.meter.number(),
            "expires": intent.expires.to_string(),
        });
        commit_step(writing, head.kind(), &entry.for_order(order.number()).saying(detail.to_string()))
            .await?;
        Ok(Intended::Kept(Id::new(id)))
    }

    /// Notes what became of the frame of an attempt, and when something is to be done next.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot: then it stays as unknown as it is.
    pub async fn note_outcome(
        &self,
        attempt: &AttemptRecord,
        (outcome, detail): (AttemptOutcome, &str),
        due: Moment,
        now: Moment,
    ) -> Result<(), StoreError> {
        let mut writing = self.change_supply("noting what became of a supply order").await?;
        let mut head = Head::load_for(&mut writing, (attempt.order, attempt.point)).await?;
        if head.point(attempt.point)?.state != OrderState::Sending {
            return Err(StoreError::Refused(Refusal::Raced));
        }
        conclude(&mut writing, attempt.id, (outcome, detail), now).await?;
        let event = match outcome {
            AttemptOutcome::Accepted => OrderEvent::Accept,
            // Too late, or busy with something else: that is no end for what somebody waits for (F48).
            AttemptOutcome::Refused if head.kind().is_repeated() && detail != NOT_AUTHORISED => {
                OrderEvent::LoseTrack
            }
            AttemptOutcome::Refused => OrderEvent::Reject,
            AttemptOutcome::NotSent => OrderEvent::NotSent,
            AttemptOutcome::Unknown => OrderEvent::LoseTrack,
        };
        let step = Step { due: Some(due), ..Step::of(event, now) };
        head.step(&mut writing, attempt.point, &step).await?;
        if event == OrderEvent::Reject && head.kind().is_restore() {
            let subject = object(attempt.order, attempt.point);
            let alarm = Alarm::new(AlarmKind::RestoreRefused, subject, now);
            raise(&mut writing, &alarm.for_order(attempt.order.number())).await?;
            writing.execute(TELL, &[attempt.order.into(), attempt.point.into(), 1.into()]).await?;
        }
        if matches!(outcome, AttemptOutcome::Accepted | AttemptOutcome::Unknown) {
            tell_of_paid(&mut writing, &head, attempt.point, now).await?;
        }
        watch_batch(&mut writing, &head, now).await?;
        head.settle(&mut writing, now).await?;
        let entry = AuditEntry::of_system(now, "order.sent", object(attempt.order, attempt.point));
        let entry = entry.for_order(attempt.order.number()).ending(outcome.name());
        let detail = serde_json::json!({ "attempt": attempt.id.number(), "detail": detail }).to_string();
        commit_in_any_case(writing, &entry.saying(detail)).await
    }

    /// Notes what was seen after an attempt.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot.
    pub async fn note_seen(&self, seen: &Seen<'_>, now: Moment) -> Result<OrderState, StoreError> {
        let mut writing = self.change_supply("noting what was seen of a supply order").await?;
        let mut head = Head::load_for(&mut writing, (seen.order, seen.point)).await?;
        if let Some((attempt, look)) = seen.look {
            add_look(&mut writing, attempt, look).await?;
        }
        let args = [seen.order.into(), seen.point.into(), seen.proof.into(), seen.due.into()];
        writing.execute(PROVE, &args).await?;
        let subject = object(seen.order, seen.point);
        if let Some((kind, told)) = seen.tell {
            let alarm = Alarm::new(kind, subject.clone(), now).for_order(seen.order.number());
            raise(&mut writing, &alarm.in_area(head.point(seen.point)?.area)).await?;
            writing.execute(TELL, &[seen.order.into(), seen.point.into(), told.into()]).await?;
        }
        end_alarms(&mut writing, seen, now).await?;
        let Some(event) = seen.event else {
            writing.commit().await?;
            return Ok(head.point(seen.point)?.state);
        };
        let step = Step { due: Some(seen.due), ..Step::of(event, now) };
        let state = head.step(&mut writing, seen.point, &step).await?;
        watch_batch(&mut writing, &head, now).await?;
        head.settle(&mut writing, now).await?;
        if event == OrderEvent::SeeOpen {
            order_again(&mut writing, &head, seen.point, now).await?;
        }
        let entry = AuditEntry::of_system(now, "order.seen", subject).for_order(seen.order.number());
        let detail = serde_json::json!({ "proof": seen.proof });
        commit_in_any_case(writing, &entry.ending(state.name()).saying(detail.to_string())).await?;
        Ok(state)
    }

    /// The last attempt of a point of an order, and what was seen after it.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or holds what this version does not know.
    pub async fn last_attempt(
        &self,
        order: Id<SupplyOrder>,
        point: Id<MeteringPoint>,
    ) -> Result<Option<(AttemptRecord, Vec<Look>)>, StoreError> {
        let mut reading = self.read("reading an attempt").await?;
        let row: Option<AttemptRow> = reading.row(LAST, &[order.into(), point.into()]).await?;
        let Some(row) = row else { return Ok(None) };
        let attempt = attempt(row)?;
        let looks: Vec<LookRow> = reading.rows(LOOKS, &[attempt.id.into()]).await?;
        Ok(Some((attempt, looks.into_iter().filter_map(look).collect())))
    }

    /// The attempt that a point is being sent, if there is one. Whatever is still being committed is waited for.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot.
    pub async fn open_attempt(
        &self,
        order: Id<SupplyOrder>,
        point: Id<MeteringPoint>,
    ) -> Result<Option<Id<Attempt>>, StoreError> {
        let mut waiting = self.change_supply("looking for an intent of a supply order").await?;
        let head = Head::load_for(&mut waiting, (order, point)).await?;
        if head.point(point)?.state != OrderState::Sending {
            return Ok(None);
        }
        let row: Option<AttemptRow> = waiting.row(LAST, &[order.into(), point.into()]).await?;
        row.map(|row| attempt(row).map(|attempt| attempt.id)).transpose()
    }

    /// The attempts of an order, in order of time.
    ///
    /// # Errors
    /// As [`Self::last_attempt`].
    pub async fn attempts_of(&self, order: Id<SupplyOrder>) -> Result<Vec<AttemptRecord>, StoreError> {
        let mut reading = self.read("reading the attempts of an order").await?;
        let rows: Vec<AttemptRow> = reading.rows(OF_ORDER, &[order.into()]).await?;
        rows.into_iter().map(attempt).collect()
    }
}

/// Ends alarms of this order. Supply that is back ends all that was told of it being away, whichever order it was told of;
/// what is not known of another order stays unknown.
async fn end_alarms(writing: &mut Transaction, seen: &Seen<'_>, now: Moment) -> Result<(), StoreError> {
    for kind in seen.over {
        clear(writing, *kind, &object(seen.order, seen.point), now).await?;
    }
    if seen.over.is_empty() || seen.event != Some(OrderEvent::SeeClosed) {
        return Ok(());
    }
    end_alarms_of_others(writing, (seen.order, seen.point), seen.over, now).await
}

/// Ends what was told of supply being away by other orders at a point where it is back.
pub(super) async fn end_alarms_of_others(
    writing: &mut Transaction,
    (order, point): (Id<SupplyOrder>, Id<MeteringPoint>),
    over: &[AlarmKind],
    now: Moment,
) -> Result<(), StoreError> {
    let orders: Vec<(i64,)> = writing.rows(AT_POINT, &[point.into(), order.into()]).await?;
    for (order,) in orders {
        for kind in over.iter().filter(|kind| **kind != AlarmKind::OrderUnknown) {
            clear(writing, *kind, &object(Id::new(order), point), now).await?;
        }
    }
    Ok(())
}

/// Adds the row of an intent.
async fn add(
    writing: &mut Transaction,
    head: &Head,
    intent: &Intent<'_>,
    (id, area): (i64, Option<Id<TransformerArea>>),
    now: Moment,
) -> Result<(), StoreError> {
    let key = [intent.order.into(), intent.point.into()];
    let (number,): (i64,) = writing.row(NUMBER, &key).await?.unwrap_or((1,));
    let approval: Option<(Option<i64>,)> = writing.row(APPROVAL, &[intent.order.into()]).await?;
    let look = intent.before.look;
    let [a, b, c] = look.map(|look| look.currents.0).unwrap_or_default();
    let args = [
        id.into(),
        intent.order.into(),
        intent.point.into(),
        head.point(intent.point)?.ordered.meter.into(),
        area.into(),
        head.kind().code().into(),
        number.into(),
        approval.and_then(|(approval,)| approval).into(),
        now.into(),
        intent.expires.into(),
        intent.before.told.as_str().into(),
        look.map(|look| look.at.micros()).into(),
        look.map(|look| i64::from(look.status.bits())).into(),
        a.into(),
        b.into(),
        c.into(),
    ];
    writing.execute(ADD, &args).await?;
    Ok(())
}

pub(super) async fn conclude(
    writing: &mut Transaction,
    attempt: Id<Attempt>,
    (outcome, detail): (AttemptOutcome, &str),
    now: Moment,
) -> Result<(), StoreError> {
    let args = [attempt.into(), outcome.code().into(), now.into(), detail.into()];
    if writing.execute(CONCLUDE, &args).await? == 1 {
        Ok(())
    } else {
        Err(StoreError::Refused(Refusal::Raced))
    }
}

async fn add_look(writing: &mut Transaction, attempt: Id<Attempt>, look: Look) -> Result<(), StoreError> {
    let Currents([a, b, c]) = look.currents;
    let status = i64::from(look.status.bits());
    let args = [attempt.into(), look.at.into(), status.into(), a.into(), b.into(), c.into()];
    writing.execute(LOOK, &args).await?;
    Ok(())
}

/// Keeps what is known of a point, how often people have been told of it, and that it is due.
pub(super) async fn tell_of(
    writing: &mut Transaction,
    (order, point): (Id<SupplyOrder>, Id<MeteringPoint>),
    (proof, told): (&str, i64),
    due: Moment,
) -> Result<(), StoreError> {
    writing.execute(PROVE, &[order.into(), point.into(), proof.into(), due.into()]).await?;
    writing.execute(TELL, &[order.into(), point.into(), told.into()]).await?;
    Ok(())
}

/// A point of an order in the audit log and as what an alarm is about.
pub(super) fn object(order: Id<SupplyOrder>, point: Id<MeteringPoint>) -> String {
    format!("order {order} point {point}")
}

/// Number, order, point, meter, number for the point, intent, expiry, outcome, since when, detail; what the meter said
/// before, when, status, currents.
type AttemptRow = (
    i64,
    i64,
    i64,
    i64,
    i64,
    i64,
    i64,
    Option<i64>,
    Option<i64>,
    String,
    String,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
);
/// At, status, currents.
type LookRow = (i64, i64, Option<i64>, Option<i64>, Option<i64>);

fn attempt(row: AttemptRow) -> Result<AttemptRecord, StoreError> {
    let (
        id,
        order,
        point,
        meter,
        number,
        intent_at,
        expires_at,
        outcome,
        told_at,
        detail,
        told,
        at,
        status,
        a,
        b,
        c,
    ) = row;
    let seen = at.zip(status).and_then(|(at, status)| look((at, status, a, b, c)));
    Ok(AttemptRecord {
        id: Id::new(id),
        order: Id::new(order),
        point: Id::new(point),
        meter: Id::new(meter),
        number,
        intent_at: Moment::from_micros(intent_at),
        expires_at: Moment::from_micros(expires_at),
        outcome: outcome.map(|outcome| code("attempt_outcome", outcome)).transpose()?,
        told_at: told_at.map(Moment::from_micros),
        detail,
        before: BeforeRecord { look: seen, told },
    })
}

fn look((at, status, a, b, c): LookRow) -> Option<Look> {
    let status = StatusWord3::from_bits(u16::try_from(status).ok()?);
    Some(Look { at: Moment::from_micros(at), status, currents: Currents([a, b, c]) })
}

const NUMBER: &str = "SELECT CAST(coalesce(max(number), 0) + 1 AS bigint) FROM supply_attempt WHERE order_id = $1 AND point_id = $2";

const APPROVAL: &str = "SELECT max(id) FROM supply_approval WHERE order_id = $1 AND ended_at IS NULL";

const ADD: &str = "INSERT INTO supply_attempt (id, order_id, point_id, meter_id, area_id, kind, number, approval_id, \
    intent_at, expires_at, detail, before, before_at, before_status, before_a, before_b, before_c) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, '', $11, $12, $13, $14, $15, $16)";

const CONCLUDE: &str = "UPDATE supply_attempt SET outcome = $2, told_at = $3, detail = $4 \
    WHERE id = $1 AND outcome IS NULL";

const LOOK: &str = "INSERT INTO supply_look (attempt_id, at, status, current_a, current_b, current_c) \
    VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";

const PROVE: &str =
    "UPDATE supply_order_point SET proof = $3, due_at = $4 WHERE order_id = $1 AND point_id = $2";

const AT_POINT: &str =
    "SELECT order_id FROM supply_order_point WHERE point_id = $1 AND order_id <> $2 ORDER BY order_id";

const TELL: &str = "UPDATE supply_order_point SET told = $3 WHERE order_id = $1 AND point_id = $2";

const LAST: &str = "SELECT id, order_id, point_id, meter_id, number, intent_at, expires_at, outcome, told_at, detail, \
    before, before_at, before_status, before_a, before_b, before_c FROM supply_attempt \
    WHERE order_id = $1 AND point_id = $2 ORDER BY number DESC LIMIT 1";

const OF_ORDER: &str = "SELECT id, order_id, point_id, meter_id, number, intent_at, expires_at, outcome, told_at, detail, \
    before, before_at, before_status, before_a, before_b, before_c FROM supply_attempt \
    WHERE order_id = $1 ORDER BY intent_at, id";

const LOOKS: &str =
    "SELECT at, status, current_a, current_b, current_c FROM supply_look WHERE attempt_id = $1 ORDER BY at";
