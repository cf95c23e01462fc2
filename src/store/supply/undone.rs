//! A cut and the supply that is ordered back behind it: how long the one may fire into the other, and what follows when it
//! did (I9).

use super::attempt::object;
use super::head::{Head, Step};
use crate::domain::supply::{OrderEvent, OrderState};
use crate::domain::{Alarm, AlarmKind, Id, MeteringPoint, Moment};
use crate::store::alarm::raise;
use crate::store::error::StoreError;
use crate::store::transaction::Transaction;
use crate::store::{Store, code};

impl Store {
    /// Until when a cut that was sent to a point and whose end is not known may be obeyed; `None` when none may.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn cut_may_fire_until(
        &self,
        point: Id<MeteringPoint>,
        now: Moment,
    ) -> Result<Option<Moment>, StoreError> {
        let mut reading = self.read("reading whether a cut may fire yet").await?;
        let row: Option<(Option<i64>,)> = reading.row(MAY_FIRE, &[point.into(), now.into()]).await?;
        Ok(row.and_then(|(until,)| until).map(Moment::from_micros))
    }
}

/// Tells of a cut that was read to be done although supply had been ordered back behind it, and sends the last such order
/// again, unless it has ended without supply: people have to order anew. One that has not left yet will do without a word.
pub(super) async fn order_again(
    writing: &mut Transaction,
    cut: &Head,
    point: Id<MeteringPoint>,
    now: Moment,
) -> Result<(), StoreError> {
    let last: Option<(i64, i64)> = writing.row(BEHIND, &[cut.id.into(), point.into()]).await?;
    let Some((order, state)) = last else { return Ok(()) };
    let state: OrderState = code("order_state", state)?;
    if state.is_before_intent() || state == OrderState::Sending {
        return Ok(());
    }
    let alarm = Alarm::new(AlarmKind::RestoreHandedOver, object(cut.id, point), now);
    let (zh, en) = if state.has_ended() && state != OrderState::VerifiedClosed { ENDED } else { AGAIN };
    let alarm = alarm.for_order(cut.id.number()).in_area(cut.point(point)?.area).saying(zh, en);
    raise(writing, &alarm).await?;
    let mut head = Head::load(writing, Id::new(order)).await?;
    if state == OrderState::VerifiedClosed {
        let step = Step { due: Some(now), ..Step::of(OrderEvent::SeeUndone, now) };
        head.step(writing, point, &step).await?;
        head.settle(writing, now).await?;
    } else {
        writing.execute(AT_ONCE, &[order.into(), point.into(), now.into()]).await?;
    }
    Ok(())
}

/// What people are told when supply is ordered again.
const AGAIN: (&str, &str) = (
    "停电命令在复电之后才执行，已断电，正在重新下发复电",
    "a cut was obeyed after supply had been ordered back: it is ordered again",
);
/// What they are told when nothing is sent any more.
const ENDED: (&str, &str) = (
    "停电命令在复电之后才执行，已断电；复电工单已结束，不会再下发，请重新下达复电或派人到现场",
    "a cut was obeyed after supply had been ordered back, and that order has ended: nothing is sent any more, order supply back \
     anew or send somebody",
);

/// Kind 1 is a cut; states 5, 6 and 8 are those in flight. A frame that was refused (2) or not sent (3) is not obeyed.
const MAY_FIRE: &str = "SELECT max(t.expires_at) FROM supply_order_point p \
    JOIN supply_attempt t ON t.order_id = p.order_id AND t.point_id = p.point_id AND t.kind = 1 \
    WHERE p.point_id = $1 AND p.state IN (5, 6, 8) AND coalesce(t.outcome, 0) NOT IN (2, 3) AND t.expires_at > $2";

/// Kinds 2 and 3 give supply back; state 1 is a draft, 13 was taken back.
const BEHIND: &str = "SELECT p.order_id, p.state FROM supply_order_point p JOIN supply_order o ON o.id = p.order_id \
    WHERE p.point_id = $2 AND o.kind IN (2, 3) AND p.state NOT IN (1, 13) AND o.submitted_at >= \
        (SELECT max(t.intent_at) FROM supply_attempt t WHERE t.order_id = $1 AND t.point_id = $2 AND coalesce(t.outcome, 0) <> 3) \
    ORDER BY o.submitted_at DESC, o.id DESC LIMIT 1";

const AT_ONCE: &str = "UPDATE supply_order_point SET due_at = $3 WHERE order_id = $1 AND point_id = $2 \
    AND state IN (6, 8) AND due_at > $3";
