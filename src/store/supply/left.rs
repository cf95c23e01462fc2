//! Orders that are left off. What nothing has left of is taken back; what may have been obeyed is not, but is sent no more
//! and looked at, and people are told.

use super::attempt::{AttemptOutcome, object};
use super::head::{Head, Step};
use crate::domain::supply::{Objection, OrderEvent, OrderState, SupplyOrder};
use crate::domain::{Alarm, AlarmKind, Coded, Id, MeteringPoint, Moment};
use crate::store::Store;
use crate::store::alarm::raise;
use crate::store::error::StoreError;
use crate::store::transaction::Transaction;

/// Who leaves an order off.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum LeftBy {
    /// Somebody who knows that they do.
    Person,
    /// The program: whoever waits for supply has to hear of it (I12).
    Program,
}

impl Store {
    /// How an order was sent to a point until now.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn how_sent(
        &self,
        order: Id<SupplyOrder>,
        point: Id<MeteringPoint>,
    ) -> Result<HowSent, StoreError> {
        let mut reading = self.read("reading how an order was sent").await?;
        let unread: Option<(Option<i64>,)> = reading.row(UNREAD, &[order.into(), point.into()]).await?;
        let last: Option<(Option<i64>,)> = reading.row(LAST, &[order.into(), point.into()]).await?;
        Ok(HowSent {
            unread_at: unread.and_then(|(at,)| at).map(Moment::from_micros),
            was_refused: last.and_then(|(outcome,)| outcome) == Some(AttemptOutcome::Refused.code()),
        })
    }
}

/// How an order was sent to a point until now; what was not sent does not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HowSent {
    /// When it was sent last without the meter's clock.
    pub unread_at: Option<Moment>,
    /// The meter refused it the last time.
    pub was_refused: bool,
}

/// Whether anything of an order may have reached the meter of a point.
pub(super) async fn may_have_left(
    reading: &mut Transaction,
    order: Id<SupplyOrder>,
    point: Id<MeteringPoint>,
) -> Result<bool, StoreError> {
    let found: Option<(i64,)> = reading.row(LEFT, &[order.into(), point.into()]).await?;
    Ok(found.is_some())
}

/// The points of an order that wait to be sent once more, and may have obeyed before.
pub(super) async fn sent_before(
    reading: &mut Transaction,
    head: &Head,
) -> Result<Vec<Id<MeteringPoint>>, StoreError> {
    if head.kind().is_cut_class() {
        return Ok(Vec::new());
    }
    let rows: Vec<(i64,)> = reading.rows(SENT_BEFORE, &[head.id.into()]).await?;
    Ok(rows.into_iter().map(|(point,)| Id::new(point)).collect())
}

/// Leaves a point off before its next intent, and says how it stands. A cut is sent again only when the first one was read
/// not to have been obeyed and can no more be: there is nothing left to look at.
pub(super) async fn leave_off(
    writing: &mut Transaction,
    head: &mut Head,
    point: Id<MeteringPoint>,
    (objections, by): (&[Objection], LeftBy),
    now: Moment,
) -> Result<OrderState, StoreError> {
    let is_armed = head.point(point)?.state == OrderState::Armed;
    let is_sent = is_armed && !head.kind().is_cut_class() && may_have_left(writing, head.id, point).await?;
    let event = if is_sent { OrderEvent::LoseTrack } else { OrderEvent::Cancel };
    let due = is_sent.then_some(now);
    let state = head.step(writing, point, &Step { due, objections, ..Step::of(event, now) }).await?;
    let is_known = by == LeftBy::Person || objections.contains(&Objection::TakenBack);
    if is_sent || (!is_known && head.kind().is_restore()) {
        let kind =
            if head.kind().is_restore() { AlarmKind::RestoreHandedOver } else { AlarmKind::OrderUnknown };
        let alarm = Alarm::new(kind, object(head.id, point), now).for_order(head.id.number());
        raise(writing, &alarm.in_area(head.point(point)?.area)).await?;
        writing.execute(TOLD, &[head.id.into(), point.into()]).await?;
    }
    Ok(state)
}

/// An outcome of 3 is a frame that certainly was not sent.
const LEFT: &str = "SELECT id FROM supply_attempt WHERE order_id = $1 AND point_id = $2 \
    AND coalesce(outcome, 0) <> 3 LIMIT 1";

/// State 4 is armed.
const SENT_BEFORE: &str = "SELECT DISTINCT p.point_id FROM supply_order_point p \
    JOIN supply_attempt t ON t.order_id = p.order_id AND t.point_id = p.point_id AND coalesce(t.outcome, 0) <> 3 \
    WHERE p.order_id = $1 AND p.state = 4 ORDER BY p.point_id";

/// The same of those before which the meter had told nothing, or no clock.
const UNREAD: &str = "SELECT max(intent_at) FROM supply_attempt WHERE order_id = $1 AND point_id = $2 \
    AND coalesce(outcome, 0) <> 3 AND (before = '' OR before LIKE '%\"clock_offset_seconds\":null%')";

const LAST: &str = "SELECT outcome FROM supply_attempt WHERE order_id = $1 AND point_id = $2 \
    AND coalesce(outcome, 0) <> 3 ORDER BY number DESC LIMIT 1";

const TOLD: &str =
    "UPDATE supply_order_point SET told = 1 WHERE order_id = $1 AND point_id = $2 AND told = 0";
