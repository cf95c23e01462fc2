//! Puts records in their slots, so that what is missing shows. (F18)

use std::collections::BTreeMap;
use std::time::Duration;

use dlt645::meter_time::Civil;

use super::super::trouble::Trouble;
use super::collect::{Collected, Measured};
use crate::domain::Moment;

/// What is known of one slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    Record(Vec<Measured>),
    /// The meter marks its record as faulty.
    Faulty,
    /// The meter has no record.
    Hole,
}

impl Slot {
    pub(super) const fn state(&self) -> &'static str {
        match self {
            Self::Record(_) => "ok",
            Self::Faulty => "faulty",
            Self::Hole => "hole",
        }
    }
}

/// The load records of a span, complete with what is missing.
pub(super) struct Profile {
    pub(super) span: (Civil, Civil),
    pub(super) slots: BTreeMap<Civil, Slot>,
    /// Minutes between records, where known.
    pub(super) interval: Option<u16>,
    pub(super) future: usize,
    pub(super) duplicates: usize,
    pub(super) conflicts: usize,
    pub(super) undated: usize,
    pub(super) broke: Option<(Trouble, Civil)>,
}

impl Profile {
    pub(super) fn is_empty(&self) -> bool {
        self.count("ok") + self.count("faulty") == 0
    }

    pub(super) fn count(&self, state: &str) -> usize {
        self.slots.values().filter(|slot| slot.state() == state).count()
    }
}

pub(super) fn arrange(
    collected: Collected,
    span: (Civil, Civil),
    interval: Option<u16>,
    now: Moment,
) -> Profile {
    let (from, to) = span;
    let within = |at: &Civil| (from..=to).contains(at);
    let records = collected.records.into_iter().filter(|(at, _)| within(at));
    let mut slots: BTreeMap<Civil, Slot> = records.map(|(at, values)| (at, Slot::Record(values))).collect();
    for at in collected.faulty.into_iter().filter(within) {
        slots.entry(at).or_insert(Slot::Faulty);
    }
    let interval = interval.or_else(|| closest(&slots));
    // Nothing is known of what was not read, and the newest record may not have been made yet.
    let until = collected.broke.as_ref().map_or(to, |(_, at)| *at);
    let until = now.minus(LATE).civil().map_or(until, |newest| newest.min(until));
    let is_known = |at: &Civil| collected.broke.is_none() || *at < until;
    if let Some(minutes) = interval {
        for at in grid(from, until, minutes).filter(is_known) {
            slots.entry(at).or_insert(Slot::Hole);
        }
    }
    Profile {
        span,
        slots,
        interval,
        future: collected.future,
        duplicates: collected.duplicates,
        conflicts: collected.conflicts,
        undated: collected.undated,
        broke: collected.broke,
    }
}

/// The times at which records are due, counted from midnight.
fn grid(from: Civil, until: Civil, minutes: u16) -> impl Iterator<Item = Civil> {
    let seconds = u32::from(minutes.max(1)) * 60;
    let first = from.seconds_since_2000();
    let midnight = first - first % 86_400;
    let first = midnight + (first - midnight).div_ceil(seconds) * seconds;
    (first..=until.seconds_since_2000())
        .step_by(usize::try_from(seconds).unwrap_or(usize::MAX))
        .filter_map(Civil::from_seconds_since_2000)
}

/// The shortest pause between two records, where there are enough to trust it.
fn closest(slots: &BTreeMap<Civil, Slot>) -> Option<u16> {
    let times: Vec<u32> = slots.keys().map(|at| at.seconds_since_2000() / 60).collect();
    let pauses = times.iter().zip(times.iter().skip(1)).map(|(one, next)| next - one);
    let shortest = pauses.min().filter(|_| times.len() > 2)?;
    u16::try_from(shortest).ok().filter(|minutes| *minutes > 0 && 1440 % minutes == 0)
}

/// So long after its time a record may still be missing without being a hole.
const LATE: Duration = Duration::from_secs(120);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: u8, minute: u8) -> Civil {
        Civil::new(2026, 11, 21, hour, minute, 0).unwrap()
    }

    fn records(times: &[Civil]) -> Collected {
        Collected { records: times.iter().map(|at| (*at, Vec::new())).collect(), ..Collected::default() }
    }

    fn states(profile: &Profile) -> Vec<(Civil, &'static str)> {
        profile.slots.iter().map(|(at, slot)| (*at, slot.state())).collect()
    }

    #[test]
    fn f18_holes_are_listed_as_holes_and_the_newest_slot_may_be_late() {
        let now = Moment::from_civil(at(11, 1));
        let mut collected = records(&[at(10, 15), at(10, 45)]);
        collected.faulty.insert(at(10, 30));
        let profile = arrange(collected, (at(9, 50), at(11, 0)), Some(15), now);
        let expected = [(at(10, 0), "hole"), (at(10, 15), "ok"), (at(10, 30), "faulty"), (at(10, 45), "ok")];
        assert_eq!(states(&profile), expected, "11:00 may still come");
    }

    #[test]
    fn f18_what_was_not_read_is_no_hole() {
        let now = Moment::from_civil(at(23, 0));
        let broke = Some((Trouble::new("no answer", "无应答"), at(10, 31)));
        let collected = Collected { broke, ..records(&[at(10, 0), at(10, 30)]) };
        let profile = arrange(collected, (at(10, 0), at(12, 0)), Some(15), now);
        assert_eq!(states(&profile), [(at(10, 0), "ok"), (at(10, 15), "hole"), (at(10, 30), "ok")]);
    }

    #[test]
    fn the_interval_is_seen_from_the_records_where_the_meter_does_not_say() {
        let now = Moment::from_civil(at(23, 0));
        let span = (at(10, 0), at(12, 0));
        let collected = records(&[at(10, 0), at(10, 30), at(11, 30)]);
        let profile = arrange(collected, span, None, now);
        assert_eq!((profile.interval, profile.count("hole")), (Some(30), 2));
        assert_eq!(arrange(records(&[at(10, 0), at(10, 7)]), span, None, now).interval, None);
    }
}
