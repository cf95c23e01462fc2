use proptest::prelude::*;

use super::*;
use crate::instant::DAYS;
use crate::load::delivered::Direction::{Export, Import};
use crate::load::shape::Shape;
use crate::sample::{day, load, shapes};
use crate::tariff::{Schedule, Tariff};

/// Watt-hours of each hour of a day, imports less exports, averaged over a hundred customers.
fn hours(shape: Shape, day: u32) -> Vec<i64> {
    let at = |hour: i64| At::midnight(day).plus(hour * 3600);
    let mut hours = vec![0; 24];
    for seed in 0..100 {
        let load = load(shape, seed);
        let net = |at| load.delivered(at).total(Import) - load.delivered(at).total(Export);
        hours
            .iter_mut()
            .zip(0..)
            .for_each(|(hour, from)| *hour += (net(at(from + 1)) - net(at(from))) / 100_000);
    }
    hours
}

proptest! {
    #[test]
    fn sums_never_fall(shape in shapes(), seed in 0_u64..500, at in 0..At::END.seconds(), step in 0_i64..100_000) {
        let load = load(shape, seed);
        let (from, to) = (At::from_seconds(at), At::from_seconds(at).plus(step));
        let grown = load.delivered(to).since(&load.delivered(from));
        prop_assert!(Channel::ALL.iter().all(|channel| grown.of(*channel) >= 0), "{from} to {to}: {grown:?}");
    }

    #[test]
    fn slots_integrate_to_the_sum(shape in shapes(), seed in 0_u64..500, day in 0..DAYS) {
        let load = load(shape, seed);
        let ends: Vec<(At, Delivered)> = load.slot_ends(day).collect();
        prop_assert_eq!(ends.len(), 96);
        prop_assert_eq!(ends[95].1, load.day(day + 1).start);
        for (slot, end) in (1_i64..).zip(ends) {
            let at = At::midnight(day).plus(slot * 900);
            prop_assert_eq!(end, (at, load.delivered(at)));
        }
    }

    #[test]
    fn inside_a_slot_energy_runs_evenly(seed in 0_u64..500, slot in 0_u32..3_500_000, into in 0_i64..=900) {
        let load = load(Shape::Factory, seed);
        let start = At::from_seconds(slot * 900);
        let sum = |seconds| load.delivered(start.plus(seconds)).total(Import) - load.delivered(start).total(Import);
        prop_assert!((sum(into) - sum(900) * into / 900).abs() <= 1);
    }

    #[test]
    fn the_same_seed_is_the_same_customer(shape in shapes(), seed in 0_u64..500, at in 86_400..At::END.seconds()) {
        let at = At::from_seconds(at);
        prop_assert_eq!(load(shape, seed).delivered(at), load(shape, seed).delivered(at));
        prop_assert_ne!(load(shape, seed).delivered(at), load(shape, seed + 1).delivered(at));
    }
}

#[test]
fn energy_flows_only_under_the_tariff_in_force() {
    let schedule = Schedule::default();
    let load = load(Shape::SolarHousehold, 9);
    for slot in 0..96 {
        let from = At::midnight(day(2026, 6, 12)).plus(slot * 900);
        let grown = load.delivered(from.plus(900)).since(&load.delivered(from));
        let moved: Vec<Tariff> = Channel::ALL
            .iter()
            .filter(|channel| grown.of(**channel) > 0)
            .map(|channel| channel.tariff)
            .collect();
        assert_eq!(moved, [schedule.tariff(from.civil().unwrap())], "{from}");
    }
}

#[test]
fn days_are_of_believable_size() {
    let sizes = |shape, direction, low: i64, high: i64| {
        let mut days: Vec<i64> = Vec::new();
        for seed in 0..20 {
            let load = load(shape, seed);
            let from = day(2026, 1, 1);
            let sums = (from..=from + 365).map(|day| load.delivered(At::midnight(day)).total(direction));
            let sums: Vec<i64> = sums.collect();
            let multiplier = i64::from(load.profile().multiplier);
            days.extend(sums.windows(2).map(|pair| (pair[1] - pair[0]) / 1_000_000 * multiplier));
        }
        days.sort_unstable();
        let at = |share: usize| days[(days.len() - 1) * share / 1000];
        println!("{shape:?} {direction:?} kWh: {:?}", [0, 5, 100, 500, 900, 995, 1000].map(at));
        assert!(at(5) >= low && at(995) <= high, "99 % of days within {low} to {high} kWh");
    };
    sizes(Shape::Household, Import, 1, 30);
    sizes(Shape::Shop, Import, 15, 120);
    sizes(Shape::Factory, Import, 150, 6_000);
    sizes(Shape::SolarHousehold, Import, 1, 30);
    sizes(Shape::SolarHousehold, Export, 0, 30);
}

/// Prints the days; look at them with `--nocapture`.
#[test]
fn a_day_looks_like_a_day() {
    let days =
        [("Wednesday", day(2026, 10, 21)), ("Sunday", day(2026, 10, 25)), ("hot Tuesday", day(2026, 7, 28))];
    let [household, shop, factory, solar] = Shape::ALL.map(|shape| {
        println!("{shape:?}, Wh by the hour");
        days.map(|(name, day)| {
            let hours = hours(shape, day);
            println!("  {name:12} {:>6}: {hours:5?}", hours.iter().sum::<i64>());
            hours
        })
    });
    let [working, sunday, hot] = &household;
    assert!(working[19] > 3 * working[3], "an evening peak over the night's valley");
    assert!(working[7] > 2 * working[4] && working[7] > working[10], "a morning peak");
    assert!(sunday[13] > working[13] * 5 / 4, "people are at home on Sundays");
    assert!(hot[21] > working[21] * 5 / 4, "the air conditioner runs on a hot evening");
    let [working, sunday, _] = &shop;
    assert!(
        working[15] > 4 * working[3] && sunday[15] > working[15],
        "shops are open by day and full on Sundays"
    );
    let [working, sunday, _] = &factory;
    assert!(working[12] < working[11] * 9 / 10 && working[12] < working[13] * 9 / 10, "a break at noon");
    assert!(sunday.iter().sum::<i64>() * 2 < working.iter().sum(), "a factory rests on Sundays");
    let [_, _, sunny] = &solar;
    assert!(sunny[12] < 0 && sunny[21] > 0, "the roof feeds the grid at noon and not at night");
}

#[test]
fn a_year_is_near_the_size_of_the_profile() {
    for shape in Shape::ALL {
        let load = load(shape, 3);
        let years = |from, to| {
            load.delivered(At::midnight(day(to, 1, 1))).total(Import)
                - load.delivered(At::midnight(day(from, 1, 1))).total(Import)
        };
        let mean = years(2020, 2030) / 3653;
        assert!((mean - load.profile().mean_day_on_the_meter()).abs() < mean / 20, "{shape:?} {mean}");
    }
}
