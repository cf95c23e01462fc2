//! F14: whatever a meter's clock does, nothing counts for a midnight that it was not read for.

use std::collections::BTreeMap;

use chaobiao::domain::{Day, Quality, RunState, Source, Suspicion};
use chaobiao::store::Address;
use dlt645::address::MeterAddress;
use simulator::world::file::{EventEntry, EventName, MeterEntry, Moment as Written};

use crate::rig::{Town, TownPlan, at, config, day, world};
use crate::truth::held;

fn first() -> Day {
    day("2026-11-22")
}

const NIGHTS: i64 = 5;

pub(crate) fn happens(meter: &mut MeterEntry, kind: EventName, day: Day, hour: i64, seconds: i64) {
    let from = Written(at(day.start()).plus(hour * 3600));
    meter.event.push(EventEntry { kind, from, to: None, seconds });
}

/// What is wrong with a clock, and in how many of the nights the freeze of midnight may count.
type Case = (&'static str, fn(&mut MeterEntry), usize);

/// Everything happens behind the second night, whose day is `first + 1`; the freeze of the third is the first to suffer.
const CASES: [Case; 13] = [
    ("right", |_| {}, 5),
    ("a minute fast", |meter| meter.clock_offset_seconds = 60, 5),
    ("a minute slow", |meter| meter.clock_offset_seconds = -60, 5),
    ("ten minutes fast", |meter| meter.clock_offset_seconds = 600, 0),
    ("ten minutes slow", |meter| meter.clock_offset_seconds = -600, 0),
    ("a day fast", |meter| meter.clock_offset_seconds = 86_400, 0),
    ("a year slow", |meter| meter.clock_offset_seconds = -365 * 86_400, 0),
    ("stops at noon", |meter| happens(meter, EventName::ClockStops, noon(), 12, 0), 2),
    ("battery lost at noon", |meter| happens(meter, EventName::ClockBatteryLost, noon(), 12, 0), 2),
    ("jumps back an hour at noon", |meter| happens(meter, EventName::ClockJump, noon(), 12, -3600), 2),
    ("jumps back a day at noon", |meter| happens(meter, EventName::ClockJump, noon(), 12, -86_400), 2),
    ("jumps on a day at noon", |meter| happens(meter, EventName::ClockJump, noon(), 12, 86_400), 2),
    // Wrong at one midnight only: set right again at noon of the next day. The midnight behind that is not believed either,
    // since nobody saw when the clock was set.
    (
        "wrong for a day",
        |meter| {
            happens(meter, EventName::ClockJump, noon(), 12, 600);
            happens(meter, EventName::ClockJump, noon().next(), 12, -600);
        },
        3,
    ),
];

fn noon() -> Day {
    first().next()
}

#[tokio::test]
async fn f14_no_clock_makes_a_value_count_for_a_midnight_that_is_not_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(CASES.len(), 2, 9600, 41, false);
    for (meter, (_, spoil, _)) in world.meter.iter_mut().zip(CASES) {
        spoil(meter);
    }
    let names: BTreeMap<MeterAddress, Case> =
        world.meter.iter().map(|meter| meter.address).zip(CASES).collect();
    let (config, address) = (config(&world, ""), Address::Sqlite(folder.path().join("town.db")));
    let town = Town::new(TownPlan::new(world, config, first(), address)).await;
    let head_end = town.head_end();
    let days: Vec<Day> = (0..NIGHTS).map(|number| first().plus(number)).collect();
    for today in &days {
        let report = town.night(&head_end, *today).await;
        // Where the freeze does not count, the register of the moment is there, marked as such.
        assert_eq!(report.run.state, RunState::Done, "{today}: {:?}", town.missing(*today).await);
    }
    let last = *days.last().unwrap();
    let findings = town.judge((first().plus(-8), last), &days).await;
    println!("{findings:?}");
    assert_eq!(findings.wrong, Vec::<String>::new());
    let total = *town.config.collection.registers.first().unwrap();
    for (id, address) in town.numbers().await {
        let (name, _, frozen) = names[&address];
        let meter = town.shared(address);
        let mut of_nights = 0;
        for entry in town.store.ledger(id, first().start(), last.next().start()).await.unwrap() {
            let reading = entry.reading;
            if reading.item != total {
                continue;
            }
            match (reading.source, reading.quality) {
                (Source::Freeze, Quality::Good) => of_nights += 1,
                (Source::Freeze, quality) => {
                    assert_eq!(quality, Quality::Suspect(Suspicion::Clock), "{name}: {reading:?}");
                }
                (_, _) => {
                    let span =
                        [reading.as_of, reading.collected_at].map(|at| held(meter, total, at).unwrap());
                    assert!(
                        (span[0]..=span[1]).contains(&reading.value),
                        "{name}: of the instant of the read"
                    );
                }
            }
        }
        assert_eq!(of_nights, frozen, "{name}: freezes that count");
    }
    assert!(findings.suspect["suspect: clock"] > 0 && findings.suspect_slots > 0, "{findings:?}");
    head_end.close().await;
    town.close().await;
}
