//! What becomes of orders when the database came from a backup (F41): nothing that was approved, waited or was under way
//! then sends a frame now.
//!
//! The site went on after the backup, and nobody knows here what it did. So all approvals end; what would give supply back
//! and was not sent is taken back, to be asked for again by whoever still wants it; and what was being sent goes to people.

use super::AttemptOutcome;
use super::attempt::{conclude, object};
use super::damaged::unless_damaged;
use super::head::{Head, Step};
use super::left::{LeftBy, leave_off, may_have_left};
use super::order::end_approvals;
use crate::domain::supply::{Objection, OrderEvent, OrderState};
use crate::domain::{Alarm, AlarmKind, AuditEntry, Id, Moment};
use crate::store::Restored;
use crate::store::alarm::raise;
use crate::store::error::StoreError;
use crate::store::transaction::Transaction;

/// Puts every order that has not ended where nothing is sent of it any more.
pub(in crate::store) async fn quiet_orders(
    writing: &mut Transaction,
    found: &mut Restored,
    now: Moment,
) -> Result<(), StoreError> {
    let sending: Vec<(i64, i64, i64)> = writing.rows(SENDING, &[]).await?;
    for (_, _, attempt) in &sending {
        conclude(writing, Id::new(*attempt), (AttemptOutcome::Unknown, "restored"), now).await?;
    }
    let open: Vec<(i64,)> = writing.rows(OPEN, &[]).await?;
    for (id,) in open {
        let id = Id::new(id);
        let ended = end_approvals(writing, id, None, AuditEntry::SYSTEM, now).await?;
        found.approvals += ended;
        let head = Head::load(writing, id).await;
        let Some(mut head) = unless_damaged(writing, head, id, now).await? else { continue };
        for point in head.points.clone() {
            quiet_point(writing, &mut head, point.ordered.point, (point.state, point.area), found, now)
                .await?;
        }
        head.settle(writing, now).await?;
    }
    Ok(())
}

async fn quiet_point(
    writing: &mut Transaction,
    head: &mut Head,
    point: Id<crate::domain::MeteringPoint>,
    (state, area): (OrderState, Option<Id<crate::domain::TransformerArea>>),
    found: &mut Restored,
    now: Moment,
) -> Result<(), StoreError> {
    let is_cut = head.kind().is_cut_class();
    let objections = &[Objection::DatabaseRestored];
    let was_sent = state == OrderState::Armed && !is_cut && may_have_left(writing, head.id, point).await?;
    if state.is_before_intent() && !was_sent {
        let event = match state {
            OrderState::Approved | OrderState::Armed if is_cut => OrderEvent::Withdraw,
            _ if is_cut => return Ok(()),
            _ => OrderEvent::Cancel,
        };
        if event == OrderEvent::Cancel {
            leave_off(writing, head, point, (objections, LeftBy::Program), now).await?;
            found.taken_back += 1;
        } else {
            head.step(writing, point, &Step { objections, ..Step::of(event, now) }).await?;
        }
        return Ok(());
    }
    if !was_sent && !state.is_in_flight() {
        return Ok(());
    }
    if state != OrderState::Unknown {
        let step = Step { due: Some(now), objections, ..Step::of(OrderEvent::LoseTrack, now) };
        head.step(writing, point, &step).await?;
    }
    let mut kind = AlarmKind::OrderUnknown;
    if !is_cut {
        // It would be tried again by itself, and nobody knows whether it still should be.
        head.step(writing, point, &Step { objections, ..Step::of(OrderEvent::GiveUp, now) }).await?;
        if head.kind().is_restore() {
            kind = AlarmKind::RestoreHandedOver;
        }
    }
    found.unknown += 1;
    let alarm = Alarm::new(kind, object(head.id, point), now).for_order(head.id.number()).in_area(area);
    let alarm = alarm
        .saying("数据库由备份恢复，请现场或召测核实", "the database came from a backup: look at the meter");
    raise(writing, &alarm).await?;
    Ok(())
}

const SENDING: &str = "SELECT p.order_id, p.point_id, t.id FROM supply_order_point p \
    JOIN supply_attempt t ON t.order_id = p.order_id AND t.point_id = p.point_id AND t.outcome IS NULL WHERE p.state = 5";

const OPEN: &str =
    "SELECT DISTINCT order_id FROM supply_order_point WHERE state IN (1, 2, 3, 4, 5, 6, 8) ORDER BY order_id";
