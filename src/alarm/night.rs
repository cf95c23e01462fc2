//! How nights end, as alarms.

use std::collections::BTreeMap;

use crate::domain::{Alarm, AlarmKind, Coded, Day, MissingCause, Moment};
use crate::store::{Store, StoreError};

/// How a night ended.
#[derive(Clone, Copy, Debug)]
pub struct NightEnd<'a> {
    /// Its day.
    pub day: Day,
    /// How many meters it was planned for.
    pub planned: u32,
    /// How many of them were read.
    pub read: u32,
    /// The others, by cause.
    pub missing: &'a BTreeMap<MissingCause, u32>,
}

/// Raises an alarm when more than `percent` of a night's meters are missing, and ends the one that told that the night
/// could not be run.
///
/// # Errors
/// [`StoreError`] when the database cannot.
pub async fn night_ended(
    store: &Store,
    end: &NightEnd<'_>,
    percent: u8,
    now: Moment,
) -> Result<(), StoreError> {
    store.clear_alarm(AlarmKind::NightFailed, &subject(end.day), now).await?;
    if let Some(alarm) = partial(end, percent, now) {
        store.raise_alarm(&alarm).await?;
    }
    Ok(())
}

/// Raises the alarm of a night that cannot be run, for a reason of a closed set.
///
/// # Errors
/// As [`night_ended`].
pub async fn night_failed(store: &Store, day: Day, reason: &str, now: Moment) -> Result<(), StoreError> {
    let alarm = Alarm::new(AlarmKind::NightFailed, subject(day), now).saying(reason, reason);
    store.raise_alarm(&alarm).await.map(|_| ())
}

fn subject(day: Day) -> String {
    format!("night {day}")
}

fn partial(end: &NightEnd<'_>, percent: u8, now: Moment) -> Option<Alarm> {
    let (planned, missing) = (u64::from(end.planned), u64::from(end.planned.saturating_sub(end.read)));
    if missing * 100 <= planned * u64::from(percent) {
        return None;
    }
    let mut causes: Vec<(MissingCause, u32)> =
        end.missing.iter().map(|(cause, count)| (*cause, *count)).collect();
    causes.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let listed = |name: fn(MissingCause) -> &'static str| {
        let listed: Vec<String> =
            causes.iter().take(3).map(|(cause, count)| format!("{} {count}", name(*cause))).collect();
        listed.join(", ")
    };
    let zh = format!("应抄{planned}，漏抄{missing}（{}）", listed(MissingCause::name_zh));
    let en = format!("{missing} of {planned} meters ({})", listed(<MissingCause as Coded>::name));
    Some(Alarm::new(AlarmKind::NightPartial, subject(end.day), now).saying(&zh, &en))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_night_is_told_above_its_share() {
        let missing = BTreeMap::from([(MissingCause::Silent, 2), (MissingCause::LineDown, 3)]);
        let end =
            |planned, read| NightEnd { day: "2026-11-22".parse().unwrap(), planned, read, missing: &missing };
        let now = Moment::from_micros(0);
        assert_eq!(partial(&end(250, 245), 2, now), None);
        assert_eq!(partial(&end(0, 0), 0, now), None);
        let told = partial(&end(249, 244), 2, now).unwrap();
        assert_eq!(told.subject, "night 2026-11-22");
        assert_eq!(told.detail_zh, "应抄249，漏抄5（线路不通 3, 电表无应答 2）");
        assert_eq!(told.detail, "5 of 249 meters (line down 3, silent 2)");
        assert!(partial(&end(100, 99), 0, now).is_some());
    }
}
