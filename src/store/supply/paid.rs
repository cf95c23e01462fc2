//! A customer who pays when a cut cannot be held back any more.

use super::attempt::object;
use super::head::Head;
use crate::domain::{Alarm, AlarmKind, Id, MeteringPoint, Moment};
use crate::store::alarm::raise;
use crate::store::error::StoreError;
use crate::store::transaction::Transaction;

/// Tells people at once that a customer had paid when a cut could not be held back any more (F45, F48).
pub(super) async fn tell_of_paid(
    writing: &mut Transaction,
    head: &Head,
    point: Id<MeteringPoint>,
    now: Moment,
) -> Result<(), StoreError> {
    let paid: Option<(i64,)> = writing.row(PAID, &[head.id.into(), point.into()]).await?;
    if paid.is_none() {
        return Ok(());
    }
    let alarm = Alarm::new(AlarmKind::RestoreHandedOver, object(head.id, point), now);
    let alarm = alarm.for_order(head.id.number()).in_area(head.point(point)?.area).saying(
        "用户缴费时停电命令已下发，可能已断电：请核实并复电",
        "the customer has paid when the cut had left already: see whether supply is cut, and order it back",
    );
    raise(writing, &alarm).await?;
    Ok(())
}

const PAID: &str =
    "SELECT point_id FROM supply_order_point WHERE order_id = $1 AND point_id = $2 AND is_paid = 1";
