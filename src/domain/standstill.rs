//! A register that stood still although power flowed (停走, F15).
//!
//! It is judged by the power that the same meter recorded, and only where nothing else explains it: the power has a sign, so
//! that what was given back does not count as used, every slot is there and undoubted, and at the least of them a whole unit
//! must have been missed. Currents would not do: a current may be reactive, or flow back.

use std::time::Duration;

use super::curve::DayCurve;
use super::item::Item;
use super::moment::Moment;
use super::quality::Quality;

/// The register that is judged: forward active energy, total.
#[must_use]
pub fn register() -> Option<Item> {
    Item::parse("1.8.0")
}

/// What it is judged by: active power, total, positive where energy is used.
#[must_use]
pub fn power() -> Option<Item> {
    Item::parse("16.7.0")
}

/// The least power from an instant up to another one of the day of the curve, in watts; `None` where a slot is missing or
/// doubted, and where energy was given back.
#[must_use]
pub fn least_watts(curve: &DayCurve, from: Moment, until: Moment) -> Option<u32> {
    let slots = curve.slots();
    let mut inside =
        (0..slots.count()).filter(|slot| (from..until).contains(&slots.instant(curve.day, *slot)));
    let value = |slot: u16| {
        let slot = curve.values().get(usize::from(slot)).copied().flatten();
        slot.filter(|slot| slot.quality == Quality::Good).map(|slot| slot.value)
    };
    let first = value(inside.next()?)?;
    let least = inside.try_fold(first, |least, slot| Some(least.min(value(slot)?)))?;
    // A kilowatt has as many thousandths as its unit says.
    let unit = 10_i64.checked_pow(curve.item.decimals().into())?;
    u32::try_from(least.checked_mul(1000)?.div_euclid(unit)).ok().filter(|watts| *watts > 0)
}

/// Whether a register that did not move stood still although at least so many watts flowed all the time: one unit (1 kWh)
/// must have been missed to say so.
#[must_use]
pub fn stood_still(elapsed: Duration, least_watts: u32) -> bool {
    elapsed.as_secs() * u64::from(least_watts) / 3600 >= 1000
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Day, Id, SlotValue, SlotsPerDay, Suspicion};

    #[test]
    fn f15_a_register_that_stands_still_while_power_flows_is_noticed() {
        let (hour, day) = (Duration::from_secs(3600), Duration::from_secs(86_400));
        assert!(stood_still(hour, 1000) && !stood_still(hour, 999));
        assert!(stood_still(day, 42) && !stood_still(day, 41));
    }

    #[test]
    fn f15_the_least_power_is_known_only_where_every_slot_is_there_and_undoubted() {
        let day: Day = "2026-11-21".parse().unwrap();
        let slots = SlotsPerDay::new(24).unwrap();
        let good = |value| Some(SlotValue { value, quality: Quality::Good });
        let curve = |values: Vec<Option<SlotValue>>| {
            DayCurve::of_values(Id::new(1), power().unwrap(), day, slots, values)
        };
        let least = |values, from, until| {
            let at = |hour| slots.instant(day, hour);
            let until = if until == 24 { day.next().start() } else { at(until) };
            least_watts(&curve(values), at(from), until)
        };
        let mut values = vec![good(5_000); 24];
        values[7] = good(1_239);
        assert_eq!(least(values.clone(), 0, 24), Some(123), "0.1239 kW");
        assert_eq!(least(values.clone(), 8, 24), Some(500));
        for wrong in [
            None,
            good(-5_000),
            good(0),
            Some(SlotValue { value: 5_000, quality: Quality::Suspect(Suspicion::Clock) }),
        ] {
            values[23] = wrong;
            assert_eq!(least(values.clone(), 0, 24), None, "{wrong:?}");
            assert_eq!(least(values.clone(), 8, 23), Some(500));
        }
        assert_eq!(least(values, 5, 5), None);
    }
}
