use proptest::prelude::*;

use super::*;
use crate::load::shape::Shape;
use crate::sample::{at, meter, shapes};
use crate::tariff::{Schedule, Tariff};
use crate::truth::event::Event;
use crate::truth::register::Energy;

const FORWARD: Register = Register::total(Energy::ForwardActive);

/// The same by asking for the register at the end of each slot.
fn slow_peak(meter: &Truth, register: Register, after: At, until: At) -> Peak {
    let mut peak = Peak::default();
    let mut from = after;
    while from < until {
        let end = from.slot_start().plus(900);
        if end <= until {
            let power = (meter.exact(register, end) - meter.exact(register, from)) / 25;
            if power > peak.tenth_watts {
                peak = Peak { tenth_watts: power, at: Some(end) };
            }
        }
        from = end;
    }
    peak
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_peak_is_that_of_the_registers(
        shape in shapes(), seed in 0_u64..50, after in 0_i64..3_000_000, length in 0_i64..400_000, cut in 0_i64..400_000,
        energy in prop::sample::select(Energy::ALL.to_vec()),
    ) {
        let mut meter = meter(shape, seed);
        let after = meter.installed_at().plus(after);
        let cut = after.plus(cut);
        meter.insert(Event { kind: EventKind::PowerCut, from: cut, to: Some(cut.plus(30_000)), operator: 0 });
        let until = after.plus(length);
        let parts = Tariff::ALL.map(|tariff| Register::tariff(energy, tariff));
        for register in [Register::total(energy)].into_iter().chain(parts) {
            let slow = slow_peak(&meter, register, after, until);
            prop_assert_eq!(meter.peak(register, after, until), slow);
        }
    }
}

#[test]
fn settlements_and_clears_start_the_demand_again() {
    let mut meter = meter(Shape::Factory, 1);
    let settled = at(2024, 6, 1, 0, 0);
    assert_eq!(meter.demand(FORWARD, settled), Peak::default());
    let may = meter.demand(FORWARD, settled.plus(-1));
    assert_eq!(meter.settled_demand(FORWARD, 1, settled), Some(may));
    assert_eq!(meter.settled_demand(FORWARD, 2, settled), None);
    assert_eq!(meter.settled_demand(FORWARD, 0, settled), None);

    let cleared = at(2024, 6, 12, 10, 7);
    let june = meter.demand(FORWARD, cleared);
    meter.record(EventKind::DemandClear, cleared, 3);
    assert_eq!(meter.demand(FORWARD, cleared), Peak::default());
    assert_eq!(meter.demand(FORWARD, cleared.plus(-1)), june);
    let first = meter.demand(FORWARD, at(2024, 6, 12, 10, 15));
    assert_eq!(first.at, Some(at(2024, 6, 12, 10, 15)), "the open slot counts from the clear on");
    assert!(first.tenth_watts * 10 < june.tenth_watts * 9, "{first:?} {june:?}");
    let closed = meter.settled_demand(FORWARD, 1, at(2024, 7, 2, 0, 0)).unwrap();
    assert_eq!(closed, meter.peak(FORWARD, cleared, at(2024, 7, 1, 0, 0)));
}

#[test]
fn a_factory_peaks_in_working_hours_under_the_right_tariff() {
    let meter = meter(Shape::Factory, 7);
    let now = at(2025, 5, 31, 23, 59);
    let total = meter.demand(FORWARD, now);
    let peak_at = total.at.unwrap().civil().unwrap();
    assert!((7..20).contains(&peak_at.hour()), "{peak_at}");
    for tariff in Tariff::ALL {
        let peak = meter.demand(Register::tariff(Energy::ForwardActive, tariff), now);
        let slot = peak.at.unwrap().plus(-1).civil().unwrap();
        assert_eq!(Schedule::default().tariff(slot), tariff);
        assert!(peak.tenth_watts <= total.tenth_watts && peak.tenth_watts > total.tenth_watts / 5);
    }
    assert!(total.tenth_watts < 799_999, "fits the display: {total:?}");
}

#[test]
fn the_running_demand_is_that_of_the_last_whole_slot() {
    let meter = meter(Shape::Shop, 7);
    let (start, end) = (at(2025, 5, 31, 12, 0), at(2025, 5, 31, 12, 15));
    let power = (meter.exact(FORWARD, end) - meter.exact(FORWARD, start)) / 25;
    assert!(power > 0);
    assert_eq!([0, 1, 899].map(|late| meter.running_demand(FORWARD, end.plus(late))), [power; 3]);
    assert_ne!(meter.running_demand(FORWARD, end.plus(900)), power);
}
