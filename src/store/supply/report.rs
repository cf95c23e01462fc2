//! What was cut on a day and by whom, and whether that is far more than usual (T31).

use crate::domain::{Alarm, AlarmKind, Day, Moment};
use crate::store::Store;
use crate::store::alarm::raise;
use crate::store::error::StoreError;
use crate::store::transaction::Transaction;

/// What one account has asked to be cut on a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CutsAsked {
    /// The account.
    pub by: String,
    /// In how many orders.
    pub orders: u64,
    /// How many points.
    pub points: u64,
    /// To how many of them a frame was sent, or may have been.
    pub sent: u64,
    /// How many were read to be open.
    pub open: u64,
}

impl Store {
    /// What was asked to be cut on a day, by account, the most first: for approvers and the auditor.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn cuts_of_day(&self, day: Day) -> Result<Vec<CutsAsked>, StoreError> {
        let mut reading = self.read("reading the cuts of a day").await?;
        let args = [day.start().into(), day.next().start().into()];
        let rows: Vec<(String, i64, i64, i64, i64)> = reading.rows(OF_DAY, &args).await?;
        let count = |number: i64| u64::try_from(number).unwrap_or(0);
        let asked = |(by, orders, points, sent, open)| CutsAsked {
            by,
            orders: count(orders),
            points: count(points),
            sent: count(sent),
            open: count(open),
        };
        Ok(rows.into_iter().map(asked).collect())
    }
}

/// Tells people when more than three times as many points as on a usual day were asked to be cut within a day.
pub(super) async fn watch_pattern(writing: &mut Transaction, now: Moment) -> Result<(), StoreError> {
    let day_ago = Moment::from_micros(now.micros() - DAY);
    let month_ago = Moment::from_micros(now.micros() - DAY * 31);
    let counts: Option<(i64, i64)> = writing.row(COUNTS, &[day_ago.into(), month_ago.into()]).await?;
    let (today, month) = counts.unwrap_or_default();
    if today >= LEAST && today * 30 > month * 3 {
        raise(writing, &Alarm::new(AlarmKind::CutPattern, format!("cuts {}", Day::of(now)), now)).await?;
    }
    Ok(())
}

/// Microseconds of a day.
const DAY: i64 = 24 * 3_600_000_000;
/// Fewer points than this are no pattern.
const LEAST: i64 = 10;

/// Kinds 1 and 7 take supply away; state 1 is a draft, 9 read to be open.
const OF_DAY: &str = "SELECT o.requested_name, count(DISTINCT o.id), count(*), \
    CAST(sum(CASE WHEN EXISTS (SELECT 1 FROM supply_attempt t WHERE t.order_id = p.order_id AND t.point_id = p.point_id \
        AND coalesce(t.outcome, 0) <> 3) THEN 1 ELSE 0 END) AS bigint), \
    CAST(sum(CASE WHEN p.state = 9 THEN 1 ELSE 0 END) AS bigint) \
    FROM supply_order o JOIN supply_order_point p ON p.order_id = o.id \
    WHERE o.kind IN (1, 7) AND p.state <> 1 AND o.submitted_at >= $1 AND o.submitted_at < $2 \
    GROUP BY o.requested_name ORDER BY 3 DESC, 1";

const COUNTS: &str = "SELECT CAST(coalesce(sum(CASE WHEN o.submitted_at > $1 THEN 1 ELSE 0 END), 0) AS bigint), \
    CAST(coalesce(sum(CASE WHEN o.submitted_at <= $1 THEN 1 ELSE 0 END), 0) AS bigint) \
    FROM supply_order o JOIN supply_order_point p ON p.order_id = o.id \
    WHERE o.kind IN (1, 7) AND p.state <> 1 AND o.submitted_at > $2";
