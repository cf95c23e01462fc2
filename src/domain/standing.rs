//! Which reading stands for a midnight.
//!
//! The accepted reading of that very instant does. Where there is none, because the meter holds no freeze or had no
//! answer then, the first accepted live reading behind it stands in for it: it keeps its own instant, and whatever is
//! made of it is an estimate. Every day uses the same stand-in at both sides of a midnight, so the days still add up.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::archive::{Installation, Meter, TransformersFrom};
use super::consumption::Accepted;
use super::day::Day;
use super::id::Id;
use super::item::Item;
use super::moment::Moment;
use super::quality::{Quality, Source};

/// The current accepted readings of registers, by the instant they hold for, with how they were come by.
pub type Readings = HashMap<(Id<Meter>, Item), BTreeMap<Moment, (Accepted, Source)>>;

/// What happened at a point, and how long behind a midnight a live reading may stand in for it.
#[derive(Clone, Copy, Debug)]
pub struct Standing<'a> {
    /// Which meters measured, in order of time.
    pub installations: &'a [Installation],
    /// Behind which transformers, in order of time.
    pub transformers: &'a [TransformersFrom],
    /// How long behind a midnight a stand-in may have been read.
    pub window: Duration,
}

impl Standing<'_> {
    /// The reading of a meter's register that stands for an instant. Only a midnight has a stand-in, and only one that
    /// was read before the meter was taken out or its transformers changed. What does not move one way alone has none: a
    /// maximum demand may have risen since, or been cleared.
    #[must_use]
    pub fn reading(&self, readings: &Readings, meter: Id<Meter>, item: Item, at: Moment) -> Option<Accepted> {
        let of_register = readings.get(&(meter, item))?;
        if let Some((exact, _)) = of_register.get(&at) {
            return Some(*exact);
        }
        item.way()?;
        let until = self.stand_in_until(meter, at)?;
        let (live, _) =
            of_register.range(at..until).map(|(_, held)| held).find(|(_, source)| *source == Source::Live)?;
        Some(Accepted { quality: live.quality.and(Quality::Estimated), ..*live })
    }

    /// As [`Self::reading`], at the end of a stretch of time. Where the transformers change at that very instant nothing
    /// stands in: what flowed behind it would be multiplied by those of before.
    #[must_use]
    pub fn closing(&self, readings: &Readings, meter: Id<Meter>, item: Item, at: Moment) -> Option<Accepted> {
        let change = self.transformers.iter().any(|entry| entry.from == at);
        self.reading(readings, meter, item, at).filter(|reading| reading.read_at == at || !change)
    }

    /// The meter whose register is that of the point at an instant: the one that measures from then on, or else the one
    /// that was taken out at that instant.
    #[must_use]
    pub fn meter_at(&self, at: Moment) -> Option<Id<Meter>> {
        let measured = |installation: &&Installation| {
            installation.installed_at < at && installation.removed_at == Some(at)
        };
        let found = self.installations.iter().find(|installation| installation.covers(at));
        found.or_else(|| self.installations.iter().rev().find(measured)).map(|found| found.meter)
    }

    /// The end of the time in which a live reading may stand in for the instant; `None` where none may.
    fn stand_in_until(&self, meter: Id<Meter>, at: Moment) -> Option<Moment> {
        if Day::of(at).start() != at {
            return None;
        }
        let mut of_meter = self.installations.iter().filter(|installation| installation.meter == meter);
        let installation = of_meter.find(|installation| installation.covers(at))?;
        let changes = self.transformers.iter().map(|entry| entry.from).filter(|from| *from > at);
        changes.chain(installation.removed_at).chain([at.plus(self.window)]).min()
    }
}

impl Installation {
    /// Whether the meter measures from this instant on.
    fn covers(&self, at: Moment) -> bool {
        self.installed_at <= at && self.removed_at.is_none_or(|removed| at < removed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::multiplier::Transformers;

    const WINDOW: Duration = Duration::from_secs(6 * 3600);

    fn midnight() -> Moment {
        "2026-11-22".parse::<Day>().unwrap().start()
    }

    fn minute(minute: u64) -> Moment {
        midnight().plus(Duration::from_secs(60 * minute))
    }

    fn item() -> Item {
        Item::parse("1.8.0").unwrap()
    }

    fn readings(list: &[(i64, u64, i64, Source)]) -> Readings {
        let mut readings = Readings::new();
        for (meter, at, value, source) in list {
            let read_at = minute(*at);
            let accepted =
                Accepted { value: *value, quality: Quality::Good, version: 1, read_at, source: *source };
            readings.entry((Id::new(*meter), item())).or_default().insert(read_at, (accepted, *source));
        }
        readings
    }

    fn installed(meter: i64, from: Moment, until: Option<Moment>) -> Installation {
        Installation { point: Id::new(1), meter: Id::new(meter), installed_at: from, removed_at: until }
    }

    fn stands(
        history: &[Installation],
        changes: &[TransformersFrom],
        held: &Readings,
    ) -> Option<(i64, Quality)> {
        let standing = Standing { installations: history, transformers: changes, window: WINDOW };
        let found = standing.reading(held, Id::new(1), item(), midnight())?;
        Some((found.value, found.quality))
    }

    #[test]
    fn f14_the_reading_of_the_instant_stands_before_any_live_one() {
        let since = [installed(1, minute(0).minus(WINDOW), None)];
        let held = readings(&[(1, 0, 100, Source::Freeze), (1, 10, 101, Source::Live)]);
        assert_eq!(stands(&since, &[], &held), Some((100, Quality::Good)));
        let manual = readings(&[(1, 0, 99, Source::Manual)]);
        assert_eq!(stands(&since, &[], &manual), Some((99, Quality::Good)));
    }

    #[test]
    fn f14_the_first_live_reading_in_the_window_stands_in_as_an_estimate_with_its_own_time() {
        let since = [installed(1, minute(0).minus(WINDOW), None)];
        let held =
            readings(&[(1, 5, 100, Source::Manual), (1, 10, 101, Source::Live), (1, 20, 102, Source::Live)]);
        assert_eq!(stands(&since, &[], &held), Some((101, Quality::Estimated)));
        let standing = Standing { installations: &since, transformers: &[], window: WINDOW };
        let found = standing.reading(&held, Id::new(1), item(), midnight()).unwrap();
        assert_eq!(found.read_at, minute(10), "never re-stamped");
        assert_eq!(standing.reading(&held, Id::new(1), item(), minute(3)), None, "no midnight");
        let last = readings(&[(1, 359, 5, Source::Live)]);
        assert_eq!(stands(&since, &[], &last), Some((5, Quality::Estimated)));
        assert_eq!(stands(&since, &[], &readings(&[(1, 360, 5, Source::Live)])), None, "the deadline");
    }

    #[test]
    fn f16_nothing_stands_in_across_an_exchange_or_a_change_of_transformers() {
        let held = readings(&[(1, 10, 101, Source::Live)]);
        let start = minute(0).minus(WINDOW);
        assert_eq!(stands(&[installed(1, start, Some(minute(10)))], &[], &held), None);
        assert_eq!(stands(&[installed(1, start, Some(minute(0)))], &[], &held), None);
        assert_eq!(stands(&[installed(1, minute(5), None)], &[], &held), None);
        let there = [installed(1, start, Some(minute(11)))];
        assert!(stands(&there, &[], &held).is_some());
        let change = |from| TransformersFrom { from, transformers: Transformers::NONE };
        assert_eq!(stands(&there, &[change(minute(10))], &held), None);
        assert!(stands(&there, &[change(minute(0)), change(minute(11))], &held).is_some());
    }

    #[test]
    fn f16_the_register_of_a_point_is_that_of_the_meter_that_measures_from_then_on() {
        let start = minute(0).minus(WINDOW);
        let meter = |history: &[Installation]| {
            let standing = Standing { installations: history, transformers: &[], window: WINDOW };
            standing.meter_at(midnight()).map(Id::number)
        };
        let (old, new) = (installed(1, start, Some(minute(0))), installed(2, minute(0), None));
        assert_eq!(meter(&[old, new]), Some(2));
        assert_eq!(meter(&[old]), Some(1), "its closing value");
        assert_eq!(meter(&[installed(1, start, Some(start))]), None);
        assert_eq!(meter(&[installed(2, minute(1), None)]), None);
    }
}
