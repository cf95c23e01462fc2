//! Orders whose end no meter tells any more, ended by what two persons say that was found on site.
//!
//! The state is that of an order about which nothing is left to do, and how it is known says that people saw it: what only a
//! meter can prove is never said.

use super::attempt::{end_alarms_of_others, object};
use super::head::{Head, Step};
use crate::domain::access::Acting;
use crate::domain::proposal::{ChangeFault, Found, OrderSettlement};
use crate::domain::supply::{OrderEvent, OrderState, SupplyOrder};
use crate::domain::{AlarmKind, AuditEntry, Id, MeteringPoint, Moment};
use crate::store::alarm::clear;
use crate::store::audit::append;
use crate::store::error::{Refusal, StoreError};
use crate::store::sql::Dialect;
use crate::store::transaction::Transaction;
use crate::store::{DoesNotFit, ProposalError};

/// Whether an order may be ended at a point by what was found there.
///
/// # Errors
/// [`DoesNotFit`] says what stands against it.
pub(in crate::store) async fn may_be_settled(
    reading: &mut Transaction,
    settlement: &OrderSettlement,
    point: Id<MeteringPoint>,
) -> Result<(), ProposalError> {
    judged(reading, settlement, point).await.map(|_| ())
}

/// Ends an order at a point by what was found there, as one person proposed and another confirms.
///
/// # Errors
/// As [`may_be_settled`].
pub(in crate::store) async fn settle_on_site(
    writing: &mut Transaction,
    settlement: &OrderSettlement,
    (point, acting, proposed_as): (Id<MeteringPoint>, &Acting, &str),
    now: Moment,
) -> Result<(), ProposalError> {
    if writing.dialect() == Dialect::Postgres {
        writing.execute(super::TURN, &[]).await?;
    }
    let (mut head, found) = judged(writing, settlement, point).await?;
    head.step(writing, point, &Step::of(OrderEvent::Finish, now)).await?;
    let args = [head.id.into(), point.into(), found.proof().into()];
    writing.execute(KNOWN_BY, &args).await?;
    for kind in OVER {
        clear(writing, kind, &object(head.id, point), now).await?;
    }
    if found == Found::Closed {
        end_alarms_of_others(writing, (head.id, point), &OVER, now).await?;
    }
    head.settle(writing, now).await?;
    let detail = serde_json::json!({ "found": found.en(), "at": settlement.at().to_string(),
        "seen_by": settlement.seen_by, "evidence": settlement.evidence, "proposed_by": proposed_as });
    let entry = AuditEntry::by(acting, now, "order.settle", object(head.id, point));
    append(writing, &entry.for_order(head.id.number()).saying(detail.to_string())).await?;
    Ok(())
}

async fn judged(
    reading: &mut Transaction,
    settlement: &OrderSettlement,
    point: Id<MeteringPoint>,
) -> Result<(Head, Found), ProposalError> {
    let does_not_fit = |what| Err(ProposalError::DoesNotFit(what));
    let found = settlement.found().ok_or_else(|| ProposalError::Faults(vec![ChangeFault::Found]))?;
    let head = match Head::load(reading, Id::<SupplyOrder>::new(settlement.order)).await {
        Err(StoreError::Refused(Refusal::NotThere)) => return Err(ProposalError::NotThere),
        head => head?,
    };
    let ordered = head.point(point)?;
    if ordered.state != OrderState::Unknown {
        return does_not_fit(DoesNotFit::NotUnknown);
    }
    let last: Option<(i64, i64)> = reading.row(LAST, &[head.id.into(), point.into()]).await?;
    let obeyed_until =
        last.map(|(intent, expires)| if head.kind().is_cut_class() { expires } else { intent });
    if obeyed_until.is_some_and(|until| settlement.at().micros() < until) {
        return does_not_fit(DoesNotFit::FoundTooEarly);
    }
    if head.kind().is_restore() && found == Found::Open {
        return does_not_fit(DoesNotFit::StillDark);
    }
    let args = [point.into(), ordered.ordered.meter.into()];
    let is_there: Option<(i64,)> = reading.row(THERE, &args).await?;
    if found == Found::Gone && is_there.is_some() {
        return does_not_fit(DoesNotFit::StillThere);
    }
    Ok((head, found))
}

/// What was told of it, and of supply that is away.
const OVER: [AlarmKind; 8] = [
    AlarmKind::OrderUnknown,
    AlarmKind::CutNotProven,
    AlarmKind::RestoreHandedOver,
    AlarmKind::RestoreLate1h,
    AlarmKind::RestoreLate4h,
    AlarmKind::RestoreLate12h,
    AlarmKind::RestorePromiseMissed,
    AlarmKind::RestoreRefused,
];

const LAST: &str = "SELECT intent_at, expires_at FROM supply_attempt WHERE order_id = $1 AND point_id = $2 \
    ORDER BY number DESC LIMIT 1";

const THERE: &str =
    "SELECT point_id FROM installation WHERE point_id = $1 AND meter_id = $2 AND removed_at IS NULL";

const KNOWN_BY: &str = "UPDATE supply_order_point SET proof = $3 WHERE order_id = $1 AND point_id = $2";
