//! Orders that hold what this version does not know: something has damaged them, and nothing can be done about them. They stop
//! no other order, and people are told (F42).

use super::attempt::object;
use super::commit_in_any_case;
use super::head::Head;
use crate::domain::supply::{OrderState, SupplyOrder};
use crate::domain::{Alarm, AlarmKind, AuditEntry, Id, MeteringPoint, Moment};
use crate::store::alarm::raise;
use crate::store::error::StoreError;
use crate::store::transaction::Transaction;
use crate::store::{Store, code};

/// A point of an order that cannot be read.
#[derive(Debug)]
pub struct Damaged {
    /// The order.
    pub order: Id<SupplyOrder>,
    /// The point.
    pub point: Id<MeteringPoint>,
    /// What is wrong with it.
    pub error: StoreError,
}

impl Store {
    /// Points in states that there are not: nothing finds them to be due.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn damaged_points(&self) -> Result<Vec<Damaged>, StoreError> {
        let mut reading = self.read("reading which points of orders are damaged").await?;
        let rows: Vec<(i64, i64, i64)> = reading.rows(NO_STATE, &[]).await?;
        let damaged = rows.into_iter().filter_map(|(order, point, state)| {
            let error = code::<OrderState>("order_state", state).err()?;
            Some(Damaged { order: Id::new(order), point: Id::new(point), error })
        });
        Ok(damaged.collect())
    }

    /// Tells of a point of an order that cannot be read, as long as people have not been told; says whether it did.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot.
    pub async fn tell_damaged(&self, damaged: &Damaged, now: Moment) -> Result<bool, StoreError> {
        let Damaged { order, point, error } = damaged;
        let mut writing = self.change_supply("telling of a damaged supply order").await?;
        let subject = object(*order, *point);
        if !tell(&mut writing, *order, &subject, now).await? {
            return Ok(false);
        }
        let entry = AuditEntry::of_system(now, "order.damaged", subject);
        let detail = serde_json::json!({ "error": error.to_string() }).to_string();
        commit_in_any_case(writing, &entry.for_order(order.number()).saying(detail)).await?;
        Ok(true)
    }
}

/// An order among others that is to be changed: `None` for one that is damaged, which is left as it is and told of.
pub(super) async fn unless_damaged(
    writing: &mut Transaction,
    loaded: Result<Head, StoreError>,
    order: Id<SupplyOrder>,
    now: Moment,
) -> Result<Option<Head>, StoreError> {
    match loaded {
        Ok(head) => Ok(Some(head)),
        Err(error @ StoreError::Unknown { .. }) => {
            if tell(writing, order, &format!("order {order}"), now).await? {
                tracing::error!(order.id = %order, "order {order} is damaged and left as it is: {error}");
            }
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Raises the alarm; true when it is new.
async fn tell(
    writing: &mut Transaction,
    order: Id<SupplyOrder>,
    subject: &str,
    now: Moment,
) -> Result<bool, StoreError> {
    let alarm = Alarm::new(AlarmKind::OrderUnknown, subject, now).for_order(order.number()).saying(
        "库中工单数据损坏，无法读取，不再执行；请现场核实、重新下单并通知管理员",
        "the order is damaged in the database and cannot be read: nothing more is done about it; look on site, order anew and tell the \
         administrator",
    );
    Ok(raise(writing, &alarm).await?.is_new)
}

/// States are numbered from 1 to 14.
const NO_STATE: &str =
    "SELECT order_id, point_id, state FROM supply_order_point WHERE state < 1 OR state > 14 LIMIT 100";
