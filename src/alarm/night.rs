//! How nights end, as alarms.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::access::Regions;
use crate::domain::{Alarm, AlarmKind, Coded, Day, MissingCause, Moment, Run, RunMeter, RunOutcome};
use crate::store::alarm::AlarmFilter;
use crate::store::{ClocksJumped, Store, StoreError};

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

/// Raises an alarm for each line on which the clocks of many meters jumped since the session before this run: somebody may
/// have broadcast a time (T6). What the meters froze meanwhile is held back by what each clock showed.
///
/// # Errors
/// As [`night_ended`].
pub async fn clocks_jumped(store: &Store, run: &Run, now: Moment) -> Result<(), StoreError> {
    for jumped in store.clocks_that_jumped((run.id, run.started_at), JUMP, MOST_JUMPED).await? {
        let ClocksJumped { line, meters, by_us: (least, most) } = jumped;
        let (least, most) = (least / 1_000_000, most / 1_000_000);
        let zh = format!("{}：{meters}块表，跳变{least:+}至{most:+}秒", run.day);
        let en = format!("{}: {meters} meters, by {least:+} to {most:+} s", run.day);
        let alarm = Alarm::new(AlarmKind::ClocksJumped, format!("line {line}"), now);
        store.raise_alarm(&alarm.saying(&zh, &en)).await?;
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

/// Raises an alarm when a night was cut off, its deadline has passed, and more than `percent` of its meters are missing;
/// those that nobody asked any more count as out of time.
///
/// # Errors
/// As [`night_ended`].
pub async fn night_cut_off(
    store: &Store,
    run: &Run,
    meters: &[RunMeter],
    percent: u8,
    now: Moment,
) -> Result<(), StoreError> {
    let (mut read, mut missing) = (0, BTreeMap::new());
    for meter in meters {
        match meter.outcome {
            RunOutcome::Read => read += 1,
            RunOutcome::Missing(cause) => *missing.entry(cause).or_insert(0) += 1,
            RunOutcome::Waiting => *missing.entry(MissingCause::OutOfTime).or_insert(0) += 1,
        }
    }
    let end = NightEnd { day: run.day, planned: run.planned, read, missing: &missing };
    if let Some(alarm) = partial(&end, percent, now) {
        let (zh, en) =
            (format!("采集中断，{}", alarm.detail_zh), format!("it was cut off: {}", alarm.detail));
        store.raise_alarm(&alarm.saying(&zh, &en)).await?;
    }
    Ok(())
}

/// Raises the alarm of a night whose deadline has passed and that was never begun, once for each; `last` is the night
/// that was run before it.
///
/// # Errors
/// As [`night_ended`].
pub async fn night_missed(store: &Store, day: Day, last: Day, now: Moment) -> Result<(), StoreError> {
    let kind = AlarmKind::NightFailed;
    let filter = AlarmFilter { kind: Some(kind), ..AlarmFilter::default() };
    let told = store.alarms(&filter, &Regions::All, i64::MAX, NIGHTS_LOOKED_BACK).await?;
    if told.iter().any(|alarm| alarm.subject == subject(day)) {
        return Ok(());
    }
    let (zh, en) = (
        format!("未执行，此前最近一次为{last}"),
        format!("it was not run; the last one before it was {last}"),
    );
    store.raise_alarm(&Alarm::new(kind, subject(day), now).saying(&zh, &en)).await.map(|_| ())
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

/// A clock that stands otherwise by more has jumped: no clock drifts so far within days.
const JUMP: Duration = Duration::from_secs(60);
/// So many on a line may be chance, or people who set them one by one.
const MOST_JUMPED: u32 = 10;
/// How many nights that failed are looked at for one that was told before.
const NIGHTS_LOOKED_BACK: u32 = 20;

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
