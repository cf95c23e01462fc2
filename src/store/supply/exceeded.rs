//! Which ceilings an order is above, and by how much: what a second approver is to know.

use super::facts::{Judging, exceeded};
use super::head::Head;
use super::order::Limits;
use crate::domain::supply::{CeilingUse, Ceilings, Stage, SupplyOrder};
use crate::domain::{Id, Moment};
use crate::store::Store;
use crate::store::error::StoreError;

impl Store {
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
