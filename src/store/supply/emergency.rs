//! Written reports of emergency cuts (紧急停电书面报告): due within a day of the first frame (F44).

use std::time::Duration;

use super::{SupplyError, commit_with};
use crate::domain::access::{Acting, Action, Regions};
use crate::domain::supply::{Objection, SupplyOrder};
use crate::domain::{Alarm, AlarmKind, AuditEntry, Id, Moment};
use crate::store::error::{Refusal, StoreError};
use crate::store::view::areas;
use crate::store::{Store, alarm};

/// How the report of an emergency cut stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmergencyReport {
    /// The order.
    pub order: Id<SupplyOrder>,
    /// When its first frame was sent, or may have been.
    pub sent_at: Moment,
    /// What was written, when it was entered and by whom.
    pub written: Option<(String, Moment, String)>,
}

impl EmergencyReport {
    /// Until when it is to be written.
    #[must_use]
    pub fn due_at(&self) -> Moment {
        self.sent_at.plus(WITHIN)
    }
}

impl Store {
    /// The report of an order; `None` where none is due: it is no emergency cut, or nothing was sent.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn emergency_report(
        &self,
        order: Id<SupplyOrder>,
    ) -> Result<Option<EmergencyReport>, StoreError> {
        let mut reading = self.read("reading the report of an emergency cut").await?;
        let row: Option<Row> = reading.row(ONE, &[order.into()]).await?;
        Ok(row.map(report))
    }

    /// Reports that are due and not written, the oldest first, of these regions.
    ///
    /// # Errors
    /// As [`Self::emergency_report`].
    pub async fn emergency_reports_due(&self, regions: &Regions) -> Result<Vec<EmergencyReport>, StoreError> {
        let mut reading = self.read("reading which reports of emergency cuts are due").await?;
        let rows: Vec<Row> = reading.rows(DUE, &[areas(regions).into()]).await?;
        Ok(rows.into_iter().map(report).collect())
    }

    /// Raises an alarm for each report that should be written by now. Says how many are new.
    ///
    /// # Errors
    /// As [`Self::emergency_report`].
    pub async fn tell_late_reports(&self, now: Moment) -> Result<usize, StoreError> {
        let due = self.emergency_reports_due(&Regions::All).await?;
        let mut told = 0;
        for report in due.iter().filter(|report| report.due_at() <= now) {
            let alarm = Alarm::new(AlarmKind::ReportMissing, format!("order {}", report.order), now);
            let mut writing = self.write("telling that a report is not written").await?;
            let raised = alarm::raise(&mut writing, &alarm.for_order(report.order.number())).await?;
            writing.commit().await?;
            told += usize::from(raised.is_new);
        }
        Ok(told)
    }

    /// Enters the report of an emergency cut, once.
    ///
    /// # Errors
    /// [`Objection::WrongState`] when none is due or it is written already; else when the role may not, or the database
    /// cannot.
    pub async fn write_emergency_report(
        &self,
        acting: &Acting,
        order: Id<SupplyOrder>,
        text: &str,
        now: Moment,
    ) -> Result<(), SupplyError> {
        let object = format!("order {order}");
        let written = async {
            if !acting.may(Action::RequestCut) {
                return Err(Objection::NoRight.into());
            }
            if text.trim().is_empty() {
                return Err(Objection::TextMissing.into());
            }
            let mut writing = self.change_supply("entering the report of an emergency cut").await?;
            let there: Option<(i64,)> = writing.row(THERE, &[order.into()]).await?;
            there.ok_or(StoreError::Refused(Refusal::NotThere))?;
            let due: Option<Row> = writing.row(ONE, &[order.into()]).await?;
            if due.map(report).is_none_or(|report| report.written.is_some()) {
                return Err(Objection::WrongState.into());
            }
            let args = [order.into(), text.into(), now.into(), acting.name.as_str().into()];
            writing.execute(WRITE, &args).await?;
            alarm::clear(&mut writing, AlarmKind::ReportMissing, &object, now).await?;
            let detail = serde_json::json!({ "text": text }).to_string();
            let entry = AuditEntry::by(acting, now, "order.report", object.clone()).for_order(order.number());
            Ok(commit_with(writing, &entry.saying(detail)).await?)
        };
        self.ended(written.await, acting, "order.report", object.clone(), now).await
    }
}

/// Order, first intent; text, when, by whom.
type Row = (i64, i64, Option<String>, Option<i64>, Option<String>);

fn report((order, sent, text, at, by): Row) -> EmergencyReport {
    let written = text.zip(at).map(|(text, at)| (text, Moment::from_micros(at), by.unwrap_or_default()));
    EmergencyReport { order: Id::new(order), sent_at: Moment::from_micros(sent), written }
}

/// How long there is for a report.
const WITHIN: Duration = Duration::from_secs(86_400);

const THERE: &str = "SELECT id FROM supply_order WHERE id = $1";

/// Kind 1 is a cut, reasons 3 and 4 are emergencies; an outcome of 3 is one that was certainly not sent.
const ONE: &str = "SELECT o.id, min(t.intent_at), r.text, r.entered_at, r.entered_by FROM supply_order o \
    JOIN supply_attempt t ON t.order_id = o.id AND coalesce(t.outcome, 0) <> 3 \
    LEFT JOIN supply_report r ON r.order_id = o.id \
    WHERE o.id = $1 AND o.kind = 1 AND o.reason IN (3, 4) GROUP BY o.id, r.text, r.entered_at, r.entered_by";

const DUE: &str = "SELECT o.id, min(t.intent_at), CAST(NULL AS text), CAST(NULL AS bigint), CAST(NULL AS text) \
    FROM supply_order o JOIN supply_attempt t ON t.order_id = o.id AND coalesce(t.outcome, 0) <> 3 \
    WHERE o.kind = 1 AND o.reason IN (3, 4) AND NOT EXISTS (SELECT 1 FROM supply_report r WHERE r.order_id = o.id) \
    AND ($1 = '' OR NOT EXISTS (SELECT 1 FROM supply_order_point q WHERE q.order_id = o.id \
        AND $1 NOT LIKE '%,' || coalesce(CAST(q.area_id AS text), '') || ',%')) \
    GROUP BY o.id ORDER BY 2";

const WRITE: &str =
    "INSERT INTO supply_report (order_id, text, entered_at, entered_by) VALUES ($1, $2, $3, $4)";

#[cfg(test)]
mod tests {
    use crate::domain::Coded;
    use crate::domain::supply::Reason;

    #[test]
    fn the_reasons_in_statements_are_those_of_emergencies() {
        let codes: Vec<_> =
            Reason::TABLE.iter().filter(|row| row.0.is_emergency()).map(|row| row.1).collect();
        assert_eq!(codes, [3, 4]);
    }
}
