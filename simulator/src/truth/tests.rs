use proptest::prelude::*;

use super::event::EventKind as Kind;
use super::face::{CAPACITY, SIGNED_CAPACITY};
use super::register::{Energy, Phase, Quadrant};
use super::*;
use crate::load::shape::Shape;
use crate::sample::{at, installation, meter, shapes};
use crate::tariff::Tariff;

const FORWARD: Register = Register::total(Energy::ForwardActive);
const REVERSE: Register = Register::total(Energy::ReverseActive);

/// A meter and the events of its life, from 2024-05-06 on, over some 23 days.
fn lives() -> impl Strategy<Value = Truth> {
    let kind = prop::sample::select(vec![
        Kind::RelayOpen,
        Kind::PowerCut,
        Kind::VoltageLoss(Phase::B),
        Kind::CurrentLoss(Phase::A),
        Kind::CurrentReversed(Phase::A),
        Kind::CoverOpen,
        Kind::DemandClear,
    ]);
    let event = (kind, 0..2_000_000_i64, 0..200_000_i64);
    (shapes(), 0_u64..200, prop::collection::vec(event, 0..6)).prop_map(|(shape, seed, events)| {
        let mut meter = meter(shape, seed);
        for (kind, from, length) in events {
            let from = meter.installed_at().plus(from);
            meter.insert(Event { kind, from, to: Some(from.plus(length)), operator: 0 });
        }
        meter
    })
}

fn all_registers() -> impl Iterator<Item = Register> {
    Energy::ALL.into_iter().flat_map(|energy| {
        let tariffs = Tariff::ALL.map(|tariff| Register::tariff(energy, tariff));
        let phases = Phase::ALL.map(|phase| Register::phase(energy, phase));
        [Register::total(energy)].into_iter().chain(tariffs).chain(phases)
    })
}

proptest! {
    #[test]
    fn the_total_is_the_sum_of_the_tariffs_as_shown(meter in lives(), after in 0..3_000_000_i64) {
        let at = meter.installed_at().plus(after);
        for energy in Energy::ALL {
            let tariffs = Tariff::ALL.map(|tariff| meter.shown(Register::tariff(energy, tariff), at));
            prop_assert_eq!(meter.shown(Register::total(energy), at), tariffs.iter().sum::<i64>());
        }
    }

    #[test]
    fn registers_never_fall(meter in lives(), after in 0..3_000_000_i64, step in 0..90_000_i64) {
        let from = meter.installed_at().plus(after);
        let (earlier, later) = (meter.counted(from), meter.counted(from.plus(step)));
        for register in all_registers() {
            let [earlier, later] = [&earlier, &later].map(|counted| meter.face().exact(register, counted));
            prop_assert!(later >= earlier, "{register:?} at {from}: {earlier} to {later}");
        }
    }

    #[test]
    fn the_curve_integrates_to_the_registers(meter in lives(), day in 1_u32..40) {
        let day = meter.installed_at().day() + day;
        for (end, delivered) in meter.load().slot_ends(day) {
            let counted = meter.pieces.counted(end, &delivered, meter.face().shares());
            prop_assert_eq!(counted, meter.counted(end), "{}", end);
        }
    }

    #[test]
    fn while_nothing_flows_nothing_moves(meter in lives(), after in 0..2_000_000_i64, length in 1..400_000_i64) {
        let mut meter = meter;
        let from = meter.installed_at().plus(after);
        let to = from.plus(length);
        meter.insert(Event { kind: Kind::RelayOpen, from, to: Some(to), operator: 7 });
        let within = from.plus(length / 2);
        prop_assert_eq!(meter.counted(from), meter.counted(within));
        prop_assert_eq!(meter.counted(from), meter.counted(to));
        prop_assert_eq!(meter.instantaneous(within).active.total, 0);
        prop_assert!(meter.counted(to.plus(172_800)) != meter.counted(to) || !meter.log().bends_after(to).is_empty());
    }

    #[test]
    fn the_order_of_telling_does_not_matter(meter in lives(), after in 0..3_000_000_i64) {
        let mut again = Truth { log: EventLog::default(), ..meter.clone() };
        let mut events: Vec<Event> = meter.log().begun(At::END).copied().collect();
        events.sort_by_key(|event| event.to);
        events.into_iter().for_each(|event| again.insert(event));
        let at = meter.installed_at().plus(after);
        prop_assert_eq!(again.counted(at), meter.counted(at));
    }
}

#[test]
fn a_total_rolls_over_on_the_day_that_was_chosen() {
    for (capacity, energy) in [(CAPACITY, Energy::ForwardActive), (SIGNED_CAPACITY, Energy::CombinedActive)] {
        let (installed, rolls) = (at(2026, 1, 1, 0, 0), at(2026, 11, 18, 12, 0));
        let new = installation(Shape::Household, 4, installed).reaching(capacity, rolls);
        let meter = Truth::install(new);
        let total = Register::total(energy);
        assert!((capacity - 100..capacity).contains(&meter.shown(total, rolls.plus(-300))));
        assert!((0..100).contains(&meter.shown(total, rolls.plus(3600))));
        let tariffs =
            Tariff::ALL.map(|tariff| meter.shown(Register::tariff(energy, tariff), rolls.plus(3600)));
        assert_eq!(tariffs.iter().sum::<i64>() % capacity, meter.shown(total, rolls.plus(3600)));
        assert!(
            tariffs.iter().all(|tariff| *tariff > capacity / 50),
            "an old meter under all tariffs: {tariffs:?}"
        );
    }
}

#[test]
fn a_clear_starts_everything_again() {
    let mut meter = meter(Shape::Shop, 2);
    let cleared = at(2024, 8, 9, 15, 7);
    meter.record(Kind::MeterClear, cleared, 42);
    assert!(meter.shown_before(FORWARD, cleared) > 100_000);
    assert_eq!(all_registers().map(|register| meter.shown(register, cleared)).sum::<i64>(), 0);
    assert!(meter.shown(FORWARD, cleared.plus(86_400)) > 1_000);
    assert_eq!(meter.settlements(at(2024, 8, 31, 0, 0)).count(), 0);
    assert_eq!(meter.settlements(at(2024, 9, 2, 0, 0)).count(), 1);
    assert_eq!(meter.settlements(at(2024, 8, 9, 15, 6)).count(), 3, "it still knew them the minute before");
}

#[test]
fn a_new_meter_goes_on_where_the_old_one_ends() {
    let mut old = meter(Shape::Household, 8);
    let swap = at(2025, 3, 4, 11, 0);
    let new = old.exchange(installation(Shape::Household, 8, swap));
    let later = swap.plus(864_000);
    assert_eq!(old.shown(FORWARD, later), old.shown(FORWARD, swap));
    assert_eq!((new.shown(FORWARD, swap), new.shown(FORWARD, swap.plus(-5))), (0, 0));
    let stayed = meter(Shape::Household, 8);
    assert_eq!(old.exact(FORWARD, later) + new.exact(FORWARD, later), stayed.exact(FORWARD, later));
    assert!(!old.is_powered(later) && new.is_powered(later) && !new.is_powered(swap.plus(-1)));
}

#[test]
fn a_current_turned_round_counts_backwards() {
    let mut meter = meter(Shape::Household, 3);
    let (from, to) = (at(2025, 1, 1, 0, 0), at(2025, 1, 11, 0, 0));
    meter.begin(Kind::CurrentReversed(Phase::A), from, 0);
    let honest = crate::sample::meter(Shape::Household, 3);
    assert_eq!(meter.shown(FORWARD, to), meter.shown(FORWARD, from));
    let stolen = honest.exact(FORWARD, to) - honest.exact(FORWARD, from);
    assert_eq!(meter.exact(REVERSE, to) - meter.exact(REVERSE, from), stolen);
    let third = Register::total(Energy::Reactive(Quadrant::III));
    assert!(meter.exact(third, to) > stolen / 5);
    assert!(meter.instantaneous(to).active.total < 0 && meter.instantaneous(to).current[0] < 0);
    assert!(
        meter.end(Kind::CurrentReversed(Phase::A), to) && !meter.end(Kind::CurrentReversed(Phase::A), to)
    );
    assert!(meter.shown(FORWARD, to.plus(86_400)) > meter.shown(FORWARD, to));
}

#[test]
fn a_lost_phase_is_missed() {
    let mut meter = meter(Shape::Factory, 3);
    let (from, to) = (at(2025, 1, 1, 0, 0), at(2025, 1, 11, 0, 0));
    meter.begin(Kind::VoltageLoss(Phase::B), from, 0);
    let honest = crate::sample::meter(Shape::Factory, 3);
    let grown = |meter: &Truth, register| meter.exact(register, to) - meter.exact(register, from);
    assert_eq!(grown(&meter, Register::phase(Energy::ForwardActive, Phase::B)), 0);
    for phase in [Phase::A, Phase::C] {
        let register = Register::phase(Energy::ForwardActive, phase);
        assert_eq!(grown(&meter, register), grown(&honest, register));
    }
    let share = grown(&meter, FORWARD) * 1000 / grown(&honest, FORWARD);
    assert!((600..730).contains(&share), "{share}");
}

#[test]
fn phases_add_up_to_nearly_the_total() {
    let meter = meter(Shape::Factory, 5);
    for energy in Energy::ALL {
        let at = at(2026, 9, 9, 9, 9);
        let phases = Phase::ALL.map(|phase| meter.shown(Register::phase(energy, phase), at));
        let total = meter.shown(Register::total(energy), at);
        assert!(
            (phases.iter().sum::<i64>() - total).abs() <= 30 + total.abs() / 500,
            "{energy:?} {phases:?} {total}"
        );
    }
}

#[test]
fn events_of_one_second_take_effect_together() {
    let mut meter = meter(Shape::Household, 3);
    let [dark, light, closed] = [10, 11, 12].map(|hour| at(2025, 1, 1, hour, 0));
    meter.begin(Kind::PowerCut, dark, 0);
    meter.end(Kind::PowerCut, light);
    meter.begin(Kind::RelayOpen, light, 0);
    assert!(!meter.begin(Kind::RelayOpen, light.plus(5), 0), "it is open already");
    assert_eq!(meter.counted(closed), meter.counted(dark));
    meter.end(Kind::RelayOpen, closed);
    meter.record(Kind::MeterClear, closed, 0);
    assert_eq!(meter.shown(FORWARD, closed), 0);
    assert!(meter.exact(FORWARD, closed.plus(3600)) > 10_000);
    assert_eq!(meter.shown_before(FORWARD, closed), meter.shown(FORWARD, dark));
}

#[test]
fn held_registers_stand_still_and_the_clock_goes_on() {
    let mut meter = meter(Shape::Shop, 5);
    let held = at(2026, 9, 9, 9, 9);
    let before = (meter.counted(held), meter.instantaneous(held).active, meter.demand(FORWARD, held));
    meter.hold(held);
    for later in [held, held.plus(1), held.plus(4_000), held.plus(1_000_000)] {
        assert_eq!((meter.counted(later), meter.instantaneous(later).active), (before.0, before.1));
        assert_eq!(meter.clock().shown(later), later);
    }
    assert_eq!(meter.demand(FORWARD, held.plus(10_000)), before.2);
    meter.begin(Kind::RelayOpen, held.plus(60), 0);
    assert_eq!(meter.instantaneous(held.plus(61)).active.total, 0);
    assert_eq!(meter.counted(held.plus(100_000)), before.0);
}

#[test]
fn settlements_follow_the_clock_of_the_meter() {
    let mut meter = meter(Shape::Household, 6);
    meter.clock_mut().jump(at(2024, 6, 15, 12, 0), 600);
    let now = at(2024, 9, 20, 0, 0);
    let dates: Vec<String> = meter.settlements(now).map(|mark| mark.at.to_string()).collect();
    assert_eq!(
        dates,
        ["2024-08-31 23:50:00", "2024-07-31 23:50:00", "2024-06-30 23:50:00", "2024-06-01 00:00:00"]
    );
    meter.set_settlement_days(SettlementDays::monthly(15, 6).unwrap());
    assert_eq!(meter.settlements(now).next().unwrap().shown, at(2024, 9, 15, 6, 0));
}

#[test]
fn a_meter_is_small() {
    let mut meter = meter(Shape::Factory, 6);
    for month in 1..=6 {
        let from = at(2025, month, 3, 4, 5);
        meter.insert(Event { kind: Kind::PowerCut, from, to: Some(from.plus(5_000)), operator: 0 });
        meter.record(Kind::DemandClear, from.plus(50_000), 1);
        meter.record(Kind::ClockSet, from.plus(60_000), 1);
        meter.clock_mut().set(from.plus(60_000), from.plus(60_003));
    }
    println!("{} bytes", meter.bytes());
    assert!(meter.bytes() < 4096, "{}", meter.bytes());
}
