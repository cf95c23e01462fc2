//! What is not carried out, or not yet: what becomes of it, and how that is told (T27).

use super::attempt::object;
use super::commit_step;
use super::head::{Head, Mark, Step};
use super::left::{LeftBy, leave_off};
use super::order::{QUARANTINE, quarantine};
use crate::domain::supply::{CeilingUse, Objection, OrderEvent, OrderState, SupplyOrder, words_of};
use crate::domain::{AuditEntry, Coded, Id, MeteringPoint, Moment};
use crate::store::error::StoreError;
use crate::store::transaction::Transaction;

/// What stood against an order or one of its points when it was to be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldRecord {
    /// Since when.
    pub at: Moment,
    /// The point; `None` when the whole order was found to be above a ceiling.
    pub point: Option<Id<MeteringPoint>>,
    /// What.
    pub objections: Vec<Objection>,
}

/// What has kept an order back, in order of time; of many the last ones.
pub(super) async fn held(
    reading: &mut Transaction,
    order: Id<SupplyOrder>,
) -> Result<Vec<HeldRecord>, StoreError> {
    let args = [order.into(), HOLD_BACK.into(), QUARANTINE.into()];
    let rows: Vec<(i64, String, String)> = reading.rows(HELD, &args).await?;
    Ok(rows.into_iter().rev().map(record).collect())
}

fn record((at, object, result): (i64, String, String)) -> HeldRecord {
    let point = object.rsplit_once(" point ").and_then(|(_, point)| point.parse().ok());
    HeldRecord {
        at: Moment::from_micros(at),
        point: point.map(Id::new),
        objections: result.split_whitespace().filter_map(Objection::from_name).collect(),
    }
}

/// Notes why a point is not carried out. What no waiting helps is taken out of its order, what needs another approval
/// waits for one, all of an order that is above a ceiling for two, and the rest is tried again until the window has passed.
/// It is entered in the audit log once, not each time that the same stands against it (T27).
pub(super) async fn hold_back(
    mut writing: Transaction,
    head: &mut Head,
    point: Id<MeteringPoint>,
    (objections, over): (&[Objection], &[CeilingUse]),
    now: Moment,
) -> Result<(), StoreError> {
    let event = if head.kind().is_cut_class() && now >= head.content.window.until {
        Some(OrderEvent::Expire)
    } else if objections.iter().any(|objection| objection.is_final()) {
        Some(OrderEvent::Cancel)
    } else if objections.iter().any(|objection| objection.is_ceiling()) {
        let ceilings: Vec<_> =
            objections.iter().copied().filter(|objection| objection.is_ceiling()).collect();
        quarantine(&mut writing, head, (&ceilings, over), now).await?;
        head.settle(&mut writing, now).await?;
        return writing.commit().await;
    } else if objections.iter().any(|objection| objection.needs_approval()) {
        Some(OrderEvent::Withdraw)
    } else {
        None
    };
    let Some(event) = event else {
        let again = if head.kind().is_cut_class() { AGAIN } else { SOON };
        let due = Moment::from_micros(now.micros() + again);
        let words = words_of(objections);
        let known: Option<(String,)> = writing.row(KNOWN, &[head.id.into(), point.into()]).await?;
        let args = [head.id.into(), point.into(), words.as_str().into(), due.into(), now.into()];
        writing.execute(WAIT, &args).await?;
        if known.is_some_and(|(known,)| known == words) {
            return writing.commit().await;
        }
        let state = head.point(point)?.state;
        return commit_step(writing, head.kind(), &held_back(head, point, (state, objections), now)).await;
    };
    let state = if event == OrderEvent::Cancel {
        head.mark(&mut writing, Mark::Flagged).await?;
        leave_off(&mut writing, head, point, (objections, LeftBy::Program), now).await?
    } else {
        head.step(&mut writing, point, &Step { objections, ..Step::of(event, now) }).await?
    };
    head.settle(&mut writing, now).await?;
    commit_step(writing, head.kind(), &held_back(head, point, (state, objections), now)).await
}

/// What the audit log says of a point that is not carried out, or not yet.
fn held_back(
    head: &Head,
    point: Id<MeteringPoint>,
    (state, objections): (OrderState, &[Objection]),
    now: Moment,
) -> AuditEntry {
    let entry = AuditEntry::of_system(now, HOLD_BACK, object(head.id, point));
    let result = format!("{}: {}", state.name(), words_of(objections));
    entry.for_order(head.id.number()).ending(result)
}

/// After how long what stands against an order is asked again, in microseconds.
const AGAIN: i64 = 60_000_000;
/// The same for what somebody waits for in the dark.
const SOON: i64 = 5_000_000;

/// What it is called in the audit log when a point is not carried out, or not yet.
const HOLD_BACK: &str = "order.hold_back";

const KNOWN: &str = "SELECT objections FROM supply_order_point WHERE order_id = $1 AND point_id = $2";

/// State 4 is armed: it is tried for the first time when something stands against it first.
const WAIT: &str = "UPDATE supply_order_point SET changed_at = CASE WHEN state = 4 AND objections = '' \
    THEN CAST($5 AS bigint) ELSE changed_at END, objections = $3, due_at = $4 WHERE order_id = $1 AND point_id = $2";

const HELD: &str = "SELECT at, object, result FROM audit WHERE order_id = $1 AND action IN ($2, $3) \
    ORDER BY number DESC LIMIT 200";
