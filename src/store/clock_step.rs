//! A clock that was set (F33). Back: what waits for a moment waits as long as it would have, not until the clock shows that
//! moment for the second time. Ahead: nothing is let go for its age.

use std::time::Duration;

use super::Store;
use super::error::StoreError;
use super::supply::halts_in_force;
use super::transaction::Transaction;
use crate::domain::Moment;
use crate::domain::supply::HaltKind;

impl Store {
    /// When the newest entry of the audit log was made, by the clock of then; `None` where there is none.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn last_noted(&self) -> Result<Option<Moment>, StoreError> {
        let mut reading = self.read("reading when something was noted last").await?;
        let row: Option<(i64,)> = reading.row(LAST_NOTED, &[]).await?;
        Ok(row.map(|(at,)| Moment::from_micros(at)))
    }

    /// Notes that the clock was set by so many microseconds and shows `now`. What waits follows one that was set back: messages of
    /// alarms, billing values and receivers that rest, and looks at meters after an order. What a person has fixed, such as the
    /// window of an order, stays. Says how much was moved.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot; then nothing was moved.
    pub async fn follow_clock(&self, by_us: i64, now: Moment) -> Result<u64, StoreError> {
        let mut writing = self.write("following a clock that was set").await?;
        let back = 0_i64.saturating_sub(by_us).max(0);
        writing.execute(STEP, &[now.into()]).await?;
        writing.execute(OUTDATED, &[now.into()]).await?;
        let mut moved = 0;
        for statement in WAITING.iter().filter(|_| back > 0) {
            moved += writing.execute(*statement, &[back.into(), now.into()]).await?;
        }
        writing.commit().await?;
        Ok(moved)
    }
}

/// When the clock was set last before it showed `now`. Sessions before that were dated by another one, as were those in
/// `clock_outdated`.
pub(in crate::store) async fn last_set(
    reading: &mut Transaction,
    now: Moment,
) -> Result<Option<Moment>, StoreError> {
    let row: Option<(Option<i64>,)> = reading.row(LAST_SET, &[now.into()]).await?;
    Ok(row.and_then(|(at,)| at).map(Moment::from_micros))
}

/// From when the age of what is let go is counted: from the newest row that is a day old by this clock, so that one which has just
/// leapt ahead lets nothing go. `newest` gives that row. `None` where there is no such row, or while nobody has said that the clock
/// may be trusted again.
pub(in crate::store) async fn surely_past(
    writing: &mut Transaction,
    newest: &'static str,
    now: Moment,
) -> Result<Option<Moment>, StoreError> {
    if halts_in_force(writing).await?.contains(&HaltKind::Clock) {
        return Ok(None);
    }
    let row: Option<(Option<i64>,)> = writing.row(newest, &[now.minus(A_DAY).into()]).await?;
    Ok(row.and_then(|(at,)| at).map(Moment::from_micros))
}

/// Within so long a clock that has leapt ahead is found out.
const A_DAY: Duration = Duration::from_secs(86_400);

const STEP: &str = "INSERT INTO clock_step (at) VALUES ($1) ON CONFLICT DO NOTHING";
const OUTDATED: &str = "INSERT INTO clock_outdated (meter_id, at) SELECT meter_id, at FROM clock_ledger WHERE at > $1 ON CONFLICT DO NOTHING";
const LAST_SET: &str = "SELECT max(at) FROM clock_step WHERE at <= $1";

const LAST_NOTED: &str = "SELECT at FROM audit ORDER BY number DESC LIMIT 1";

/// States of points of orders: 6 accepted, 8 unknown, of every kind; 3 approved and 4 armed of those that no window holds.
const WAITING: [&str; 5] = [
    "UPDATE outbox SET next_at = next_at - $1 WHERE state IN (1, 2) AND next_at > $2",
    "UPDATE billing_receiver SET rest_until = rest_until - $1 WHERE rest_until > $2",
    "UPDATE alarm_message SET next_at = next_at - $1 WHERE state IN (1, 2) AND next_at > $2",
    "UPDATE alarm_message SET repeat_at = repeat_at - $1 WHERE repeat_at > $2",
    "UPDATE supply_order_point SET due_at = due_at - $1 WHERE due_at > $2 AND (state IN (6, 8) OR state IN (3, 4) \
        AND order_id IN (SELECT id FROM supply_order WHERE kind NOT IN (1, 7)))",
];
