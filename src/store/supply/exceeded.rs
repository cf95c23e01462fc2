//! Which ceilings an order is above, and by how much: what a second approver is to know.

use super::facts::{Judging, exceeded};
use super::head::Head;
use super::list::OrderView;
use super::order::Limits;
use crate::domain::supply::{CeilingUse, Ceilings, OrderState, Shown, Stage, SupplyOrder};
use crate::domain::{Id, Moment};
use crate::store::Store;
use crate::store::error::StoreError;

/// A ceiling that an order is above, and the name of the transformer area where it is one of areas.
pub type Excess = (CeilingUse, String);

/// An order and what it is above of, as whoever approves is shown them.
#[must_use]
pub fn as_shown(order: &OrderView, over: &[Excess]) -> Shown {
    Shown { hash: order.hash, over: over.iter().map(|(over, _)| *over).collect() }
}

impl Store {
    /// The ceilings that an order is above as long as it may be approved, to be shown.
    ///
    /// # Errors
    /// As [`Self::exceeded_ceilings`].
    pub async fn excess_of(
        &self,
        order: &OrderView,
        configured: Ceilings,
        now: Moment,
    ) -> Result<Vec<Excess>, StoreError> {
        let state = order.order.state;
        if !state.is_before_intent() || state == OrderState::Draft {
            return Ok(Vec::new());
        }
        let over = self.exceeded_ceilings(order.order.id, configured, now).await?;
        let names = if over.is_empty() { Default::default() } else { self.names_of_areas().await? };
        let name =
            |over: &CeilingUse| over.area.and_then(|area| names.get(&area).cloned()).unwrap_or_default();
        Ok(over.into_iter().map(|over| (over, name(&over))).collect())
    }

    /// The ceilings that an order which waits for approval is above now, by the stricter of what was entered and what the
    /// configuration says; none for what takes no supply away.
    ///
    /// # Errors
    /// [`StoreError`] when there is no such order, or the database does not answer.
    pub async fn exceeded_ceilings(
        &self,
        id: Id<SupplyOrder>,
        configured: Ceilings,
        now: Moment,
    ) -> Result<Vec<CeilingUse>, StoreError> {
        let mut reading = self.read("reading which ceilings an order is above").await?;
        let head = Head::load(&mut reading, id).await?;
        if !head.kind().is_cut_class() {
            return Ok(Vec::new());
        }
        let limits = Limits { ceilings: configured, incapable: &[] };
        let judging = Judging { stage: Stage::Approve, limits: &limits, now };
        exceeded(&mut reading, &head, judging).await
    }
}
