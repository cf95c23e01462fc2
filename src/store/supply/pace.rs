//! A batch of cuts that goes wrong stops itself, and so not all of it is under way before that can be seen (F51).

use super::head::{Head, HeadPoint, Mark};
use crate::domain::supply::{OrderState, SupplyOrder, stops_itself};
use crate::domain::{Alarm, AlarmKind, Id, MeteringPoint, Moment};
use crate::store::Store;
use crate::store::alarm::raise;
use crate::store::error::StoreError;
use crate::store::transaction::Transaction;

impl Store {
    /// How many points an order has.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn size_of_order(&self, order: Id<SupplyOrder>) -> Result<i64, StoreError> {
        let mut reading = self.read("reading how large an order is").await?;
        let row: Option<(i64,)> = reading.row(SIZE, &[order.into()]).await?;
        Ok(row.map_or(0, |(size,)| size))
    }

    /// Whether a point of an order has to wait for the results of others; if so, it is due again later.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot.
    pub async fn waits_for_its_batch(
        &self,
        order: Id<SupplyOrder>,
        point: Id<MeteringPoint>,
        now: Moment,
    ) -> Result<bool, StoreError> {
        let mut reading = self.read("reading how many cuts are under way").await?;
        let row: Option<(i64,)> = reading.row(OPEN, &[order.into()]).await?;
        drop(reading);
        if row.is_none_or(|(open,)| usize::try_from(open).is_ok_and(|open| open < MOST_OPEN)) {
            return Ok(false);
        }
        let mut writing = self.change_supply("letting a cut wait for others of its order").await?;
        wait(&mut writing, (order, point), now).await?;
        writing.commit().await?;
        Ok(true)
    }
}

/// True while as many points of an order as may be are on their way without a result. What is not known is a result: it
/// counts against the batch.
pub(super) fn is_full(head: &Head) -> bool {
    let is_open = |point: &&HeadPoint| matches!(point.state, OrderState::Sending | OrderState::Accepted);
    head.points.iter().filter(is_open).count() >= MOST_OPEN
}

/// Lets a point be due again when others may have a result.
pub(super) async fn wait(
    writing: &mut Transaction,
    (order, point): (Id<SupplyOrder>, Id<MeteringPoint>),
    now: Moment,
) -> Result<(), StoreError> {
    let later = now.plus(PACE);
    writing.execute(WAIT, &[order.into(), point.into(), later.into()]).await?;
    Ok(())
}

/// Stops a batch of cuts, or of ends of holds, in which too much ends otherwise than expected (F51).
pub(super) async fn watch_batch(
    writing: &mut Transaction,
    head: &Head,
    now: Moment,
) -> Result<(), StoreError> {
    if !head.kind().is_cut_class() || head.has_stopped_itself {
        return Ok(());
    }
    let tried = |state: OrderState| !state.is_before_intent() && state != OrderState::Sending;
    let void = [OrderState::Cancelled, OrderState::Expired];
    let ended = head.points.iter().filter(|point| tried(point.state) && !void.contains(&point.state));
    let odd = [OrderState::Rejected, OrderState::Unknown, OrderState::VerifiedClosed, OrderState::Failed];
    let unexpected = ended.clone().filter(|point| odd.contains(&point.state)).count();
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    if stops_itself(count(ended.count()), count(unexpected)) {
        head.mark(writing, Mark::StoppedItself).await?;
        let alarm = Alarm::new(AlarmKind::BatchStopped, head.object(), now);
        raise(writing, &alarm.for_order(head.id.number())).await?;
    }
    Ok(())
}

/// On how many points of an order a result may be waited for at once: as many as a batch is judged by first.
const MOST_OPEN: usize = 10;
/// After how long it is looked again whether others have one.
const PACE: std::time::Duration = std::time::Duration::from_secs(15);

const SIZE: &str = "SELECT count(*) FROM supply_order_point WHERE order_id = $1";

/// States: 5 is being sent, 6 accepted.
const OPEN: &str = "SELECT count(*) FROM supply_order_point WHERE order_id = $1 AND state IN (5, 6)";

/// State 4 is armed.
const WAIT: &str =
    "UPDATE supply_order_point SET due_at = $3 WHERE order_id = $1 AND point_id = $2 AND state = 4";
