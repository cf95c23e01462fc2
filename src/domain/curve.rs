//! Values at regular instants of a day (负荷曲线): each slot is filled once.

use std::time::Duration;

use super::archive::Meter;
use super::day::Day;
use super::id::Id;
use super::item::Item;
use super::moment::Moment;
use super::quality::Quality;

/// Into how many slots a day is cut: 24, 48, 96, 288, 1440, or any number that divides the minutes of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SlotsPerDay(u16);

impl SlotsPerDay {
    /// One every 15 minutes.
    pub const QUARTER_HOURS: Self = Self(96);

    /// So many; `None` unless a slot is a whole number of minutes.
    #[must_use]
    pub fn new(slots: i64) -> Option<Self> {
        let fits = slots > 0 && 1440 % slots == 0;
        u16::try_from(slots).ok().filter(|_| fits).map(Self)
    }

    /// How many.
    #[must_use]
    pub const fn count(self) -> u16 {
        self.0
    }

    /// From one slot to the next.
    #[must_use]
    pub fn period(self) -> Duration {
        Duration::from_secs(86_400 / u64::from(self.0))
    }

    /// The instant of slot 0, 1, 2 ... of a day; slot 0 is 00:00.
    #[must_use]
    pub fn instant(self, day: Day, slot: u16) -> Moment {
        day.start().plus(self.period() * u32::from(slot))
    }

    /// The day and slot of an instant; `None` between two slots.
    #[must_use]
    pub fn slot_of(self, at: Moment) -> Option<(Day, u16)> {
        let day = Day::of(at);
        // In 64 bits: this is asked for each slot of each curve that is kept.
        let since = u64::try_from(at.micros() - day.start().micros()).ok()?;
        let period = 86_400_000_000 / u64::from(self.0);
        let slot = since.is_multiple_of(period).then(|| since / period)?;
        Some((day, u16::try_from(slot).ok()?))
    }

    /// The coarsest cut that has the slots of both.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        let (mut a, mut b) = (self.0, other.0);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        // 1440 is a common multiple, so the least one divides it and fits.
        Self(self.0 / a * other.0)
    }
}

/// One value of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotValue {
    /// A whole number of the item's last decimal place.
    pub value: i64,
    /// How far it may be trusted.
    pub quality: Quality,
}

/// The values of one item of one meter on one day, with holes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayCurve {
    /// The meter.
    pub meter: Id<Meter>,
    /// What is measured.
    pub item: Item,
    /// The day.
    pub day: Day,
    slots: SlotsPerDay,
    /// Ends with the last filled slot.
    values: Vec<Option<SlotValue>>,
}

/// A slot that was filled and for which another value came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotConflict {
    /// The instant.
    pub at: Moment,
    /// The value that was there first, and stays.
    pub kept: i64,
    /// The value that came later.
    pub offered: i64,
}

impl DayCurve {
    /// A day without values.
    #[must_use]
    pub const fn new(meter: Id<Meter>, item: Item, day: Day, slots: SlotsPerDay) -> Self {
        Self { meter, item, day, slots, values: Vec::new() }
    }

    /// A day with these values from slot 0 on; those behind the last slot are dropped.
    #[must_use]
    pub fn of_values(
        meter: Id<Meter>,
        item: Item,
        day: Day,
        slots: SlotsPerDay,
        mut values: Vec<Option<SlotValue>>,
    ) -> Self {
        values.truncate(slots.0.into());
        let filled = values.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
        values.truncate(filled);
        Self { meter, item, day, slots, values }
    }

    /// How the day is cut.
    #[must_use]
    pub const fn slots(&self) -> SlotsPerDay {
        self.slots
    }

    /// The slots from 0 to the last filled one.
    #[must_use]
    pub fn values(&self) -> &[Option<SlotValue>] {
        &self.values
    }

    /// The filled slots and their instants.
    pub fn filled(&self) -> impl Iterator<Item = (Moment, SlotValue)> {
        (0..).zip(&self.values).filter_map(|(slot, value)| Some((self.instant(slot), (*value)?)))
    }

    /// How many slots are filled.
    #[must_use]
    pub fn count(&self) -> usize {
        self.values.iter().flatten().count()
    }

    /// The last filled slot and its instant.
    #[must_use]
    pub fn newest(&self) -> Option<(Moment, SlotValue)> {
        let last = u16::try_from(self.values.len().checked_sub(1)?).ok()?;
        Some((self.instant(last), self.values.last().copied().flatten()?))
    }

    /// The instants of this day at which a value is missing, up to and with `until` (F18).
    pub fn holes(&self, until: Moment) -> impl Iterator<Item = Moment> {
        let is_hole = |slot: &u16| self.values.get(usize::from(*slot)).copied().flatten().is_none();
        (0..self.slots.0).filter(is_hole).map(|slot| self.instant(slot)).take_while(move |at| *at <= until)
    }

    /// The same curve without the slots behind `limit`, and how many values that cost.
    #[must_use]
    pub fn up_to(&self, limit: Moment) -> (Self, usize) {
        if self.newest().is_none_or(|(at, _)| at <= limit) {
            return (self.clone(), 0);
        }
        let is_kept = |slot: u16| self.instant(slot) <= limit;
        let values = (0..).zip(&self.values).map(|(slot, value)| value.filter(|_| is_kept(slot))).collect();
        let kept = Self::of_values(self.meter, self.item, self.day, self.slots, values);
        let lost = self.count() - kept.count();
        (kept, lost)
    }

    /// The same curve with the slots of these instants only.
    #[must_use]
    pub fn only(&self, is_kept: impl Fn(Moment) -> bool) -> Self {
        let kept = |(slot, value): (u16, &Option<SlotValue>)| value.filter(|_| is_kept(self.instant(slot)));
        let values = (0..).zip(&self.values).map(kept).collect();
        Self::of_values(self.meter, self.item, self.day, self.slots, values)
    }

    /// Fills a slot; says false, and changes nothing, when `at` is not one of this day or is filled already.
    pub fn fill(&mut self, at: Moment, value: SlotValue) -> bool {
        let Some((day, slot)) = self.slots.slot_of(at) else { return false };
        let slot = usize::from(slot);
        if day != self.day {
            return false;
        }
        if self.values.len() <= slot {
            self.values.resize(slot + 1, None);
        }
        match self.values.get_mut(slot) {
            Some(place @ None) => {
                *place = Some(value);
                true
            }
            _ => false,
        }
    }

    /// Takes over the values of `other`, a curve of the same meter, item and day, where there are none yet. A slot that
    /// is filled keeps its value; where the other one differs, that is told. A finer cut refines this one.
    pub fn merge(&mut self, other: &Self) -> Vec<SlotConflict> {
        self.refine(self.slots.with(other.slots));
        if self.values.is_empty() && self.day == other.day && self.slots == other.slots {
            self.values.clone_from(&other.values);
            return Vec::new();
        }
        let mut conflicts = Vec::new();
        for (at, offered) in other.filled() {
            if self.fill(at, offered) {
                continue;
            }
            if let Some(kept) = self.at(at).filter(|kept| kept.value != offered.value) {
                conflicts.push(SlotConflict { at, kept: kept.value, offered: offered.value });
            }
        }
        conflicts
    }

    /// The value of an instant.
    #[must_use]
    pub fn at(&self, at: Moment) -> Option<SlotValue> {
        let (day, slot) = self.slots.slot_of(at)?;
        self.values.get(usize::from(slot)).copied().flatten().filter(|_| day == self.day)
    }

    fn refine(&mut self, slots: SlotsPerDay) {
        if slots == self.slots {
            return;
        }
        let mut finer = Self::new(self.meter, self.item, self.day, slots);
        for (at, value) in self.filled() {
            finer.fill(at, value);
        }
        *self = finer;
    }

    fn instant(&self, slot: u16) -> Moment {
        self.slots.instant(self.day, slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn curve(slots: i64, values: &[Option<i64>]) -> DayCurve {
        let values =
            values.iter().map(|value| value.map(|value| SlotValue { value, quality: Quality::Good }));
        let (item, day) = (Item::parse("1.8.0").unwrap(), "2026-11-21".parse().unwrap());
        DayCurve::of_values(Id::new(1), item, day, SlotsPerDay::new(slots).unwrap(), values.collect())
    }

    #[test]
    fn only_whole_minutes_cut_a_day() {
        for slots in [1, 24, 48, 96, 144, 288, 1440] {
            assert_eq!(SlotsPerDay::new(slots).map(SlotsPerDay::count).map(i64::from), Some(slots));
        }
        for slots in [0, -96, 97, 100, 1441, 2880, i64::MAX] {
            assert_eq!(SlotsPerDay::new(slots), None, "{slots}");
        }
        let cut = |slots| SlotsPerDay::new(slots).unwrap();
        assert_eq!((cut(96).with(cut(48)), cut(96).with(cut(144))), (cut(96), cut(288)));
    }

    #[test]
    fn f18_a_slot_is_filled_once_and_what_differs_is_told() {
        let mut stored = curve(96, &[Some(10), None, Some(30)]);
        let later = curve(96, &[Some(11), Some(20), Some(30), Some(40)]);
        let midnight = stored.day.start();
        assert_eq!(stored.merge(&later), [SlotConflict { at: midnight, kept: 10, offered: 11 }]);
        assert_eq!(stored, curve(96, &[Some(10), Some(20), Some(30), Some(40)]));
    }

    #[test]
    fn f18_forty_eight_and_ninety_six_points_share_their_slots() {
        let mut stored = curve(48, &[Some(0), Some(2)]);
        let finer = curve(96, &[Some(0), Some(1), Some(2), Some(3)]);
        assert_eq!(stored.merge(&finer), []);
        assert_eq!(stored, finer);
        assert_eq!(stored.merge(&curve(48, &[Some(0), Some(5), Some(4)])).len(), 1);
        assert_eq!(stored, curve(96, &[Some(0), Some(1), Some(2), Some(3), Some(4)]));
    }

    #[test]
    fn f18_holes_are_listed_up_to_now() {
        let stored = curve(24, &[Some(0), None, Some(2)]);
        let hour = |hour| stored.slots.instant(stored.day, hour);
        assert_eq!(stored.holes(hour(4)).collect::<Vec<_>>(), [hour(1), hour(3), hour(4)]);
        assert_eq!(stored.holes(stored.day.next().start()).count(), 22);
        assert_eq!(stored.holes(stored.day.previous().start()).count(), 0);
    }

    #[test]
    fn f18_slots_of_the_future_are_left_out() {
        let curve = curve(24, &[Some(0), None, Some(2), Some(3)]);
        let hour = |hour| curve.slots.instant(curve.day, hour);
        let filled = |(curve, lost): (DayCurve, usize)| (curve.filled().count(), lost);
        assert_eq!(filled(curve.up_to(hour(2))), (2, 1));
        assert_eq!(filled(curve.up_to(hour(23))), (3, 0));
        assert_eq!(filled(curve.up_to(curve.day.previous().start())), (0, 3));
    }

    #[test]
    fn an_instant_of_another_day_or_between_two_slots_is_not_filled() {
        let mut stored = curve(24, &[]);
        let value = SlotValue { value: 1, quality: Quality::Good };
        assert!(!stored.fill(stored.day.next().start(), value));
        assert!(!stored.fill(stored.day.start().plus(Duration::from_secs(1)), value));
        assert_eq!(stored.filled().count(), 0);
    }

    fn any_curve() -> impl Strategy<Value = DayCurve> {
        let slots = prop::sample::select(vec![24_i64, 48, 96, 144]);
        (slots, prop::collection::vec(prop::option::of(0_i64..3), 0..20))
            .prop_map(|(slots, values)| curve(slots, &values))
    }

    proptest! {
        #[test]
        fn f18_whatever_comes_each_slot_keeps_its_first_value(arrivals in prop::collection::vec(any_curve(), 1..8)) {
            let mut stored = arrivals[0].clone();
            let mut conflicts = 0;
            for arrival in &arrivals {
                conflicts += stored.merge(arrival).len();
                let again = stored.clone();
                stored.merge(arrival);
                prop_assert_eq!(&stored, &again, "the same again changes nothing");
            }
            let mut first = std::collections::BTreeMap::new();
            let mut differing = 0;
            for (at, value) in arrivals.iter().flat_map(DayCurve::filled) {
                differing += usize::from(*first.entry(at).or_insert(value.value) != value.value);
            }
            let kept: Vec<_> = stored.filled().map(|(at, value)| (at, value.value)).collect();
            prop_assert_eq!(kept, first.into_iter().collect::<Vec<_>>());
            prop_assert_eq!(conflicts, differing);
        }
    }
}
