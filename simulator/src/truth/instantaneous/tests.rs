use proptest::prelude::*;

use super::*;
use crate::load::shape::Shape;
use crate::sample::{at, meter, shapes};
use crate::truth::event::Event;

proptest! {
    #[test]
    fn power_is_the_energy_of_the_slot(shape in shapes(), seed in 0_u64..100, after in 1_000..60_000_000_i64) {
        let meter = meter(shape, seed);
        let at = meter.installed_at().plus(after);
        let slot = at.slot_start();
        let grown = |energy| {
            let register = Register::total(energy);
            meter.exact(register, slot.plus(900)) - meter.exact(register, slot)
        };
        let now = meter.instantaneous(at);
        let active = grown(Energy::ForwardActive) - grown(Energy::ReverseActive);
        prop_assert!((now.active.total - active / 25).abs() <= 1);
        let [first, second, third, fourth] = Quadrant::ALL.map(|quadrant| grown(Energy::Reactive(quadrant)));
        prop_assert!((now.reactive.total - (first + second - third - fourth) / 25).abs() <= 1);
        prop_assert!((now.active.phases.iter().sum::<i64>() - now.active.total).abs() <= 3);
    }

    #[test]
    fn values_are_what_a_person_expects(shape in shapes(), seed in 0_u64..100, after in 1_000..60_000_000_i64) {
        let meter = meter(shape, seed);
        let now = meter.instantaneous(meter.installed_at().plus(after));
        let phases = if meter.wiring() == Wiring::SinglePhase { 1 } else { 3 };
        for phase in 0..phases {
            prop_assert!((2_100..2_320).contains(&now.voltage[phase]), "{now:?}");
            // U times I is S, in 0.1 mVA against 100 mVA.
            let apparent = now.voltage[phase] * now.current[phase].abs() / 1000;
            prop_assert!((apparent - now.apparent.phases[phase]).abs() <= 4, "{apparent} {now:?}");
            prop_assert!((650..=1000).contains(&now.power_factor.phases[phase].abs()), "{now:?}");
            prop_assert!(now.current[phase].abs() < 60_000, "{now:?}");
            let angle = now.angle[phase];
            let quadrant = usize::try_from(angle / 900).unwrap();
            let signs = [(1, 1), (-1, 1), (-1, -1), (1, -1)][quadrant];
            prop_assert!(now.active.phases[phase] * signs.0 >= -1 && now.reactive.phases[phase] * signs.1 >= -9);
        }
        prop_assert!(now.voltage[phases..].iter().chain(&now.current[phases..]).all(|value| *value == 0));
        prop_assert!((4_995..=5_005).contains(&now.frequency));
        prop_assert!((-150..550).contains(&now.temperature), "{now:?}");
        prop_assert!((355..375).contains(&now.clock_battery) && (590..610).contains(&now.reading_battery));
        prop_assert!(now.neutral <= now.current.iter().map(|current| current.abs()).sum::<i64>());
    }
}

#[test]
fn an_angle_is_that_of_the_power() {
    let of = |active, reactive| angle(Power { active, reactive });
    let powers = [
        (1000, 0),
        (1000, 1000),
        (0, 1000),
        (-1000, 1000),
        (-1000, 0),
        (-1000, -1000),
        (0, -1000),
        (1000, -1000),
    ];
    assert_eq!(
        powers.map(|(active, reactive)| of(active, reactive)),
        [0, 450, 900, 1350, 1800, 2250, 2700, 3150]
    );
    assert_eq!((of(0, 0), of(866_025, 500_000), of(79_999_900, 1)), (0, 300, 0));
}

#[test]
fn events_show_in_the_values() {
    let now = at(2025, 11, 21, 19, 40);
    let with = |kind| {
        let mut meter = meter(Shape::Shop, 11);
        meter.insert(Event { kind, from: now.plus(-60), to: None, operator: 0 });
        meter.instantaneous(now)
    };
    let open = with(EventKind::RelayOpen);
    assert_eq!((open.current, open.active, open.neutral), ([0; 3], Phased::default(), 0));
    assert!(open.voltage.iter().all(|voltage| *voltage > 2_000) && open.power_factor.total == 1000);
    let dark = with(EventKind::PowerCut);
    assert_eq!((dark.voltage, dark.frequency, dark.active), ([0; 3], 0, Phased::default()));
    let lost = with(EventKind::VoltageLoss(Phase::B));
    assert!(
        lost.voltage[1] < 20 && lost.current[1] > 100 && lost.active.phases[1] == 0 && lost.active.total > 0
    );
    let cut = with(EventKind::CurrentLoss(Phase::C));
    assert!(cut.voltage[2] > 2_000 && cut.current[2] == 0 && cut.neutral > cut.current[0] / 2);
    let turned = with(EventKind::CurrentReversed(Phase::A));
    assert!(turned.active.phases[0] < 0 && turned.current[0] < 0 && turned.active.total > 0);
    assert_eq!(with(EventKind::ClockBatteryLow).clock_battery, 262);
}
