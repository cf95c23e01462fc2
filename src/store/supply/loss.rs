//! What becomes of cuts when the database has lost what it had kept (F31): a STOP, a payment or a withdrawal may be among what
//! is gone, and so may the intent of a cut that was sent. All cuts are kept back, and none goes out by an approval of before.

use serde_json::{Value, json};

use super::commit_in_any_case;
use super::damaged::unless_damaged;
use super::halt::{HALT, halts_in_force, subject};
use super::head::{Head, Step};
use super::order::end_approvals;
use crate::domain::supply::{HaltKind, Objection, OrderEvent, OrderState};
use crate::domain::{Alarm, AlarmKind, AuditEntry, Coded, Id, Moment};
use crate::store::alarm::raise;
use crate::store::error::StoreError;
use crate::store::{Loss, Store, billing};

impl Store {
    /// Keeps all cuts back until somebody has looked into what is missing, ends their approvals, lets billing values go on
    /// above all versions that may have been made, and tells of it. Doing it again changes nothing.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot.
    pub async fn halt_for_loss(&self, loss: Loss, now: Moment) -> Result<(), StoreError> {
        const KIND: HaltKind = HaltKind::DatabaseBehind;
        let mut reading = self.read("reading what keeps cuts back").await?;
        let is_held = halts_in_force(&mut reading).await?.contains(&KIND);
        drop(reading);
        if is_held {
            return Ok(());
        }
        let mut writing = self.change_supply("stopping all cuts").await?;
        if self.witness.loss() != Some(loss) {
            return Ok(());
        }
        let reason = loss.to_string();
        let by = AuditEntry::SYSTEM;
        let args = [
            self.numbers.next(now).into(),
            KIND.code().into(),
            now.into(),
            by.into(),
            reason.as_str().into(),
        ];
        if writing.execute(HALT, &args).await? == 0 {
            return Ok(());
        }
        billing::raise_floor(&mut writing, now).await?;
        let (mut approvals, open) = (0, writing.rows::<(i64,)>(OPEN, &[]).await?);
        for (id,) in open {
            let id = Id::new(id);
            let head = Head::load(&mut writing, id).await;
            let Some(mut head) = unless_damaged(&mut writing, head, id, now).await? else {
                // Of what kind it is cannot be told: none goes out by an approval of before.
                approvals += end_approvals(&mut writing, id, None, by, now).await?;
                continue;
            };
            if !head.kind().is_cut_class() {
                continue;
            }
            approvals += end_approvals(&mut writing, head.id, None, by, now).await?;
            for point in head.points.clone() {
                if matches!(point.state, OrderState::Approved | OrderState::Armed) {
                    let objections = &[Objection::DatabaseBehind];
                    let step = Step { objections, ..Step::of(OrderEvent::Withdraw, now) };
                    head.step(&mut writing, point.ordered.point, &step).await?;
                }
            }
            head.settle(&mut writing, now).await?;
        }
        let (zh, en, detail) = told(loss);
        let alarm = Alarm::new(AlarmKind::DatabaseBehind, subject(KIND), now).saying(
            &format!("{zh}曾经提交，现已不在库中；停电已暂停，原审批作废"),
            &format!("{en} were kept and are gone; cuts are held, approvals have ended"),
        );
        raise(&mut writing, &alarm).await?;
        let entry = AuditEntry::of_system(now, "audit.behind", format!("entries {reason}"));
        let detail = json!({ "lost": detail, "approvals": approvals });
        commit_in_any_case(writing, &entry.saying(detail.to_string())).await?;
        tracing::error!(
            approvals,
            "the database has lost what it had kept: {en} are missing; no cut goes out until an administrator has looked into it"
        );
        Ok(())
    }
}

fn told(loss: Loss) -> (String, String, Value) {
    match loss {
        Loss::Entries { first, last } => (
            format!("审计日志第 {first} 至 {last} 条"),
            format!("entries {first} to {last} of the audit log"),
            json!({ "first": first, "last": last }),
        ),
        Loss::Waiting { id } => (
            format!("编号 {id} 的待补录审计记录（此前的也可能缺失）"),
            format!("entries that waited for the audit log, number {id} and perhaps some before it,"),
            json!({ "waiting": id }),
        ),
    }
}

/// Orders that are handed in, approved or armed.
const OPEN: &str =
    "SELECT DISTINCT order_id FROM supply_order_point WHERE state IN (2, 3, 4) ORDER BY order_id";
