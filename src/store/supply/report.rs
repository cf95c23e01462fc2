//! What was cut on a day and by whom, and whether that is far more than usual (T31).

use std::time::Duration;

use crate::domain::access::Regions;
use crate::domain::supply::HaltKind;
use crate::domain::{Alarm, AlarmKind, Coded, Day, Moment};
use crate::store::Store;
use crate::store::alarm::raise;
use crate::store::error::StoreError;
use crate::store::transaction::Transaction;
use crate::store::view::areas;

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
    /// What was asked to be cut on a day in these regions, by account, the most first: for approvers and the auditor.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn cuts_of_day(&self, day: Day, regions: &Regions) -> Result<Vec<CutsAsked>, StoreError> {
        let mut reading = self.read("reading the cuts of a day").await?;
        of_day(&mut reading, day, regions).await
    }

    /// Tells of the cuts that were asked for on the day before, once, from seven in the morning on; a day without any is not
    /// told of, nor any while our clock is in doubt (F33). Says whether it did (T31).
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot.
    pub async fn tell_cuts_of_yesterday(&self, now: Moment) -> Result<bool, StoreError> {
        let today = Day::of(now);
        let is_doubted = self.halts().await?.iter().any(|halt| halt.kind == HaltKind::Clock);
        if is_doubted || now < today.start().plus(TOLD_FROM) {
            return Ok(false);
        }
        let day = today.previous();
        let subject = format!("cuts {day}");
        let mut reading = self.read("reading whether the cuts of a day are told of").await?;
        let args = [AlarmKind::CutsReport.code().into(), subject.as_str().into()];
        let told: Option<(i64,)> = reading.row(TOLD, &args).await?;
        if told.is_some() {
            return Ok(false);
        }
        let asked = of_day(&mut reading, day, &Regions::All).await?;
        drop(reading);
        if asked.is_empty() {
            return Ok(false);
        }
        let (zh, en) = summed_up(&asked);
        self.raise_alarm(&Alarm::new(AlarmKind::CutsReport, subject, now).saying(&zh, &en)).await?;
        Ok(true)
    }
}

async fn of_day(
    reading: &mut Transaction,
    day: Day,
    regions: &Regions,
) -> Result<Vec<CutsAsked>, StoreError> {
    let args = [day.start().into(), day.next().start().into(), areas(regions).into()];
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

/// What is said of the cuts of a day, in Chinese and in English: all together, and the most that one account asked for. Accounts
/// are named where cuts are listed, to those who may see them; an alarm is seen by more people.
fn summed_up(asked: &[CutsAsked]) -> (String, String) {
    let sum = |of: fn(&CutsAsked) -> u64| asked.iter().map(of).sum::<u64>();
    let (orders, points) = (sum(|by| by.orders), sum(|by| by.points));
    let (sent, open) = (sum(|by| by.sent), sum(|by| by.open));
    let (accounts, most) = (asked.len(), asked.iter().map(|by| by.points).max().unwrap_or(0));
    let zh = format!(
        "工单{orders}张，申请停电{points}户，已下发{sent}户，已断开{open}户；申请人{accounts}名，其中一人最多申请{most}户"
    );
    let en = format!(
        "{orders} orders, {points} points asked, {sent} sent, {open} open; accounts: {accounts}, \
         the most by one of them: {most} points"
    );
    (zh, en)
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
/// From then on the day before is told of: when people come to work.
const TOLD_FROM: Duration = Duration::from_secs(7 * 3600);

const TOLD: &str = "SELECT id FROM alarm WHERE kind = $1 AND subject = $2 LIMIT 1";

/// Kinds 1 and 7 take supply away; state 1 is a draft, 9 read to be open.
const OF_DAY: &str = "SELECT o.requested_name, count(DISTINCT o.id), count(*), \
    CAST(sum(CASE WHEN EXISTS (SELECT 1 FROM supply_attempt t WHERE t.order_id = p.order_id AND t.point_id = p.point_id \
        AND coalesce(t.outcome, 0) <> 3) THEN 1 ELSE 0 END) AS bigint), \
    CAST(sum(CASE WHEN p.state = 9 THEN 1 ELSE 0 END) AS bigint) \
    FROM supply_order o JOIN supply_order_point p ON p.order_id = o.id \
    WHERE o.kind IN (1, 7) AND p.state <> 1 AND o.submitted_at >= $1 AND o.submitted_at < $2 \
    AND ($3 = '' OR $3 LIKE '%,' || coalesce(CAST(p.area_id AS text), '') || ',%') \
    GROUP BY o.requested_name ORDER BY 3 DESC, 1";

const COUNTS: &str = "SELECT CAST(coalesce(sum(CASE WHEN o.submitted_at > $1 THEN 1 ELSE 0 END), 0) AS bigint), \
    CAST(coalesce(sum(CASE WHEN o.submitted_at <= $1 THEN 1 ELSE 0 END), 0) AS bigint) \
    FROM supply_order o JOIN supply_order_point p ON p.order_id = o.id \
    WHERE o.kind IN (1, 7) AND p.state <> 1 AND o.submitted_at > $2";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t31_what_is_said_of_a_day_names_no_account() {
        let asked = |by: &str, points| CutsAsked { by: by.to_owned(), orders: 2, points, sent: 1, open: 0 };
        let (zh, en) = summed_up(&[asked("li", 30), asked("wu", 20), asked("xu", 9)]);
        assert_eq!(zh, "工单6张，申请停电59户，已下发3户，已断开0户；申请人3名，其中一人最多申请30户");
        assert_eq!(
            en,
            "6 orders, 59 points asked, 3 sent, 0 open; accounts: 3, the most by one of them: 30 points"
        );
    }
}
