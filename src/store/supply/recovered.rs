//! Attempts that nobody is about any more: the process that was sending them has ended, or its task has.

use super::attempt::{AttemptOutcome, conclude};
use super::commit_in_any_case;
use super::damaged::unless_damaged;
use super::head::{Head, Step};
use crate::domain::supply::{OrderEvent, SupplyOrder};
use crate::domain::{AuditEntry, Id, MeteringPoint, Moment};
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::transaction::Transaction;

impl Store {
    /// Makes unknown what was being sent when the process ended: nobody can tell whether a byte left (F28). Says how many.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot.
    pub async fn recover_attempts(&self, now: Moment) -> Result<usize, StoreError> {
        let mut writing = self.change_supply("recovering supply orders").await?;
        let open: Vec<(i64, i64, i64)> = writing.rows(CUT_OFF, &[]).await?;
        lose(writing, &open, "cut_off", now).await
    }

    /// The same while the process lives, of what nobody is busy with any more: whoever was sending it broke off, or could
    /// not keep what became of it (I15).
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot.
    pub async fn lose_sending(
        &self,
        is_busy: impl Fn(Id<SupplyOrder>, Id<MeteringPoint>) -> bool,
        now: Moment,
    ) -> Result<usize, StoreError> {
        let mut reading = self.read("reading what is being sent").await?;
        let since = Moment::from_micros(now.micros() - LONGEST_SENDING);
        let sending: Vec<(i64, i64, i64)> = reading.rows(LEFT_OFF, &[since.into(), now.into()]).await?;
        drop(reading);
        let is_left = |(order, point, _): &(i64, i64, i64)| !is_busy(Id::new(*order), Id::new(*point));
        let left: Vec<_> = sending.into_iter().filter(is_left).collect();
        if left.is_empty() {
            return Ok(0);
        }
        lose(self.change_supply("recovering supply orders").await?, &left, "left_off", now).await
    }
}

/// Makes these attempts unknown, and says how many.
async fn lose(
    mut writing: Transaction,
    open: &[(i64, i64, i64)],
    detail: &str,
    now: Moment,
) -> Result<usize, StoreError> {
    if open.is_empty() {
        return Ok(0);
    }
    let mut lost = 0;
    for (order, point, attempt) in open {
        let head = Head::load_for(&mut writing, (Id::new(*order), Id::new(*point))).await;
        let id = Id::new(*order);
        let Some(mut head) = unless_damaged(&mut writing, head, id, now).await? else { continue };
        conclude(&mut writing, Id::new(*attempt), (AttemptOutcome::Unknown, detail), now).await?;
        let step = Step { due: Some(now), ..Step::of(OrderEvent::LoseTrack, now) };
        head.step(&mut writing, Id::new(*point), &step).await?;
        head.settle(&mut writing, now).await?;
        lost += 1;
    }
    if lost == 0 {
        writing.commit().await?;
        return Ok(0);
    }
    let entry = AuditEntry::of_system(now, "order.recover", format!("{lost} points"));
    commit_in_any_case(writing, &entry.ending("unknown")).await?;
    Ok(lost)
}

/// So long, in microseconds, something may be in sending without anybody being busy with it.
const LONGEST_SENDING: i64 = 120_000_000;

/// State 5 is being sent.
const CUT_OFF: &str = "SELECT p.order_id, p.point_id, t.id FROM supply_order_point p \
    JOIN supply_attempt t ON t.order_id = p.order_id AND t.point_id = p.point_id AND t.outcome IS NULL WHERE p.state = 5";

/// The same since a while, or since a moment that is still to come: the clock was set back.
const LEFT_OFF: &str = "SELECT p.order_id, p.point_id, t.id FROM supply_order_point p \
    JOIN supply_attempt t ON t.order_id = p.order_id AND t.point_id = p.point_id AND t.outcome IS NULL \
    WHERE p.state = 5 AND (p.changed_at <= $1 OR p.changed_at > $2)";
