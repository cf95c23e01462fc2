//! What of the last days is missing and may still be in the meter (I20).

use std::collections::{BTreeMap, HashMap};

use crate::domain::{Accepted, Day, DayCurve, Id, Item, Meter, Moment, RegisterKey, SlotsPerDay};

/// Registers of a midnight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Midnight {
    /// The day that begins with it.
    pub day: Day,
    /// Totals; their tariffs come with them.
    pub items: Vec<Item>,
}

/// Slots of a day's curves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CurveGap {
    /// The day.
    pub day: Day,
    /// The items of which slots are missing.
    pub items: Vec<Item>,
    /// The first instant at which something is missing.
    pub from: Moment,
    /// The last one.
    pub until: Moment,
    /// How many values.
    pub slots: u32,
}

/// The midnights before `today` whose freeze is missing, the newest first, as far back as `days` and as the meter was
/// there.
#[must_use]
pub fn register_gaps(
    meter: Id<Meter>,
    totals: &[Item],
    (today, days): (Day, u8),
    installed_at: Moment,
    accepted: &HashMap<RegisterKey, Accepted>,
) -> Vec<Midnight> {
    let is_missing =
        |item: Item, day: Day| !accepted.contains_key(&RegisterKey { meter, item, as_of: day.start() });
    let midnight = |back: u8| {
        let day = today.plus(-i64::from(back));
        let items: Vec<Item> = totals.iter().copied().filter(|item| is_missing(*item, day)).collect();
        (day.start() >= installed_at && !items.is_empty()).then_some(Midnight { day, items })
    };
    (1..=days).filter_map(midnight).collect()
}

/// The days with holes in their curves, from yesterday back, up to `until`. Items with the same span of holes come
/// together.
#[must_use]
pub fn curve_gaps(
    items: &[Item],
    slots: SlotsPerDay,
    (yesterday, days): (Day, u8),
    (installed_at, until): (Moment, Moment),
    curves: &HashMap<(Item, Day), DayCurve>,
) -> Vec<CurveGap> {
    let mut gaps = Vec::new();
    for back in 0..days {
        let day = yesterday.plus(-i64::from(back));
        let mut spans: BTreeMap<(Moment, Moment), CurveGap> = BTreeMap::new();
        for item in items {
            let empty = DayCurve::new(Id::new(0), *item, day, slots);
            let curve = curves.get(&(*item, day)).unwrap_or(&empty);
            // A curve that was kept finer is looked at where this cut has its slots.
            let is_hole = |at: &Moment| curve.at(*at).is_none() && *at >= installed_at && *at <= until;
            let holes: Vec<Moment> =
                (0..slots.count()).map(|slot| slots.instant(day, slot)).filter(is_hole).collect();
            let (Some(first), Some(last)) = (holes.first(), holes.last()) else { continue };
            let new = CurveGap { day, items: Vec::new(), from: *first, until: *last, slots: 0 };
            let gap = spans.entry((*first, *last)).or_insert(new);
            gap.items.push(*item);
            gap.slots += u32::try_from(holes.len()).unwrap_or(u32::MAX);
        }
        gaps.extend(spans.into_values());
    }
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Quality, SlotValue, Source};

    fn item(code: &str) -> Item {
        Item::parse(code).unwrap()
    }

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    #[test]
    fn i20_a_midnight_without_an_accepted_freeze_is_a_gap_as_long_as_the_meter_was_there() {
        let meter = Id::new(7);
        let (forward, reverse) = (item("1.8.0"), item("2.8.0"));
        let read_at = day("2026-11-20").start();
        let accepted =
            Accepted { value: 1, quality: Quality::Good, version: 1, read_at, source: Source::Freeze };
        let held: HashMap<RegisterKey, Accepted> =
            [(forward, "2026-11-20"), (reverse, "2026-11-20"), (forward, "2026-11-19")]
                .into_iter()
                .map(|(item, on)| (RegisterKey { meter, item, as_of: day(on).start() }, accepted))
                .collect();
        let installed = day("2026-11-18").start();
        let gaps = register_gaps(meter, &[forward, reverse], (day("2026-11-21"), 7), installed, &held);
        let expected = [
            Midnight { day: day("2026-11-19"), items: vec![reverse] },
            Midnight { day: day("2026-11-18"), items: vec![forward, reverse] },
        ];
        assert_eq!(gaps, expected);
        assert_eq!(register_gaps(meter, &[forward], (day("2026-11-21"), 0), installed, &held), []);
    }

    #[test]
    fn f18_holes_are_found_day_by_day_and_items_with_the_same_holes_go_together() {
        let (forward, reverse) = (item("1.8.0"), item("2.8.0"));
        let slots = SlotsPerDay::QUARTER_HOURS;
        let full = |item, on: &str, holes: &[u16]| {
            let value =
                |slot| (!holes.contains(&slot)).then_some(SlotValue { value: 1, quality: Quality::Good });
            let values = (0..96).map(value).collect();
            ((item, day(on)), DayCurve::of_values(Id::new(1), item, day(on), slots, values))
        };
        let curves: HashMap<_, _> = [
            full(forward, "2026-11-20", &[40, 42]),
            full(reverse, "2026-11-20", &[40, 42]),
            full(forward, "2026-11-19", &[]),
            full(reverse, "2026-11-19", &[95]),
        ]
        .into_iter()
        .collect();
        let span = (day("2026-11-18").start(), day("2026-11-21").start());
        let gaps = curve_gaps(&[forward, reverse], slots, (day("2026-11-20"), 3), span, &curves);
        let seen: Vec<_> = gaps.iter().map(|gap| (gap.day.to_string(), gap.items.len(), gap.slots)).collect();
        assert_eq!(
            seen,
            [("2026-11-20".into(), 2, 4), ("2026-11-19".into(), 1, 1), ("2026-11-18".into(), 2, 192)]
        );
        assert_eq!(gaps[0].from, slots.instant(day("2026-11-20"), 40));
        assert_eq!(gaps[0].until, slots.instant(day("2026-11-20"), 42));
    }
}
