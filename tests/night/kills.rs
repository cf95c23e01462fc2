//! F26, I21: nights that are killed at random moments and begun again end as if nothing had been.

use std::collections::BTreeSet;
use std::time::Duration;

use chaobiao::domain::{Coded, Day, RunKind, Source};
use chaobiao::store::Address;
use simulator::fault::Plan as Faults;
use simulator::seed::Seed;
use simulator::world::file::{EditionName, WorldFile};
use tokio::time::sleep;

use crate::postgres::Cluster;
use crate::rig::{Town, TownPlan, all_faults, config, day, world};

/// What is left when all nights are over: outcomes, readings, curves, status words and events, as text.
type Outcome = BTreeSet<String>;

/// Nights of a small town, with its kills.
struct Nights {
    world: WorldFile,
    days: Vec<Day>,
    faults: Option<Faults>,
    /// How many kills at least, at moments drawn from a seed.
    kills: Option<(u64, Seed)>,
}

/// Lives through the nights, and says what is left and how often the head-end was killed.
async fn live_through(nights: Nights, address: Address) -> (Outcome, u64) {
    let Nights { world, days, faults, kills } = nights;
    let first = *days.first().unwrap();
    let config = config(&world, "[collection]\nrepair_days = 2\n[intervals]\nrepair_days = 2");
    let mut plan = TownPlan::new(world, config, first, address);
    plan.faults = faults;
    let town = Town::new(plan).await;
    let mut killed = 0;
    for today in &days {
        let start = town.config.collection.start.on(*today);
        town.clock.sleep_until(start).await;
        loop {
            let head_end = town.head_end();
            let longest = match kills {
                Some((most, seed)) if killed < most => {
                    Duration::from_millis(u64::try_from(seed.between(killed, 20, 15_000)).unwrap())
                }
                _ => Duration::from_secs(86_400),
            };
            let ended = tokio::select! {
                biased;
                report = head_end.collector.run_night(*today, &head_end.stop) => Some(report.unwrap()),
                () = sleep(longest) => None,
            };
            // What the head-end was doing has been dropped where it stood.
            head_end.close().await;
            if ended.is_some() {
                break;
            }
            killed += 1;
            sleep(Duration::from_secs(3)).await;
        }
    }
    let findings = town.judge((first.plus(-3), *days.last().unwrap()), &days).await;
    assert_eq!(findings.wrong, Vec::<String>::new());
    println!("{killed} kills, {findings:?}");
    let outcome = what_is_left(&town, &days).await;
    town.close().await;
    (outcome, killed)
}

async fn what_is_left(town: &Town, days: &[Day]) -> Outcome {
    let (first, last) = (*days.first().unwrap(), *days.last().unwrap());
    let mut left = Outcome::new();
    let mut add = |line: String| assert!(left.insert(line.clone()), "twice: {line}");
    assert_eq!(town.store.newest_runs(1000).await.unwrap().len(), days.len(), "f35: one run for each day");
    let meters = town.numbers().await;
    for day in days {
        let run = town.store.run_of("site", *day, RunKind::Nightly).await.unwrap().unwrap();
        add(format!("run {day} {:?} {}", run.state, run.planned));
        for meter in town.store.run_meters(run.id).await.unwrap() {
            add(format!("run {day} {:?} {:?} {:?}", meter.meter, meter.outcome, meter.holes));
        }
    }
    for (id, address) in meters {
        for entry in town.store.ledger(id, first.plus(-9).start(), last.next().start()).await.unwrap() {
            let reading = entry.reading;
            let (item, quality, source) =
                (reading.item.code(), reading.quality.name(), reading.source.name());
            // What is read live is what the meter showed at that moment, whenever it was.
            let what = match reading.source {
                Source::Live => format!("on {}", Day::of(reading.as_of)),
                _ => format!("at {} {}", reading.as_of, reading.value),
            };
            add(format!("{address} {item} {what} {quality} {source} version {}", entry.version));
        }
        for curve in
            town.store.curves(&[id], &town.config.intervals.items, first.plus(-9), last).await.unwrap()
        {
            add(format!("{address} {} {} {:?}", curve.item.code(), curve.day, curve.values()));
        }
        for event in town.store.events_of(id).await.unwrap() {
            add(format!("{address} {} {} {}", event.kind, event.began, event.record));
        }
        let words = town.store.status_words_of(id).await.unwrap();
        add(format!("{address} {:?}", words.map(|words| (words.day, words.words))));
    }
    left
}

/// A town of both editions.
fn town() -> WorldFile {
    let mut world = world(8, 2, 9600, 21, false);
    for meter in world.meter.iter_mut().step_by(4) {
        meter.edition = EditionName::E1997;
    }
    world
}

async fn killed_and_not_killed(nights: i64, kills: u64, addresses: [Address; 2]) {
    let days: Vec<Day> = (0..nights).map(|number| day("2026-11-22").plus(number)).collect();
    let plan = |kills| Nights { world: town(), days: days.clone(), faults: None, kills };
    let [one, other] = addresses;
    let (quiet, none) = live_through(plan(None), one).await;
    let seed = Seed::new(5).named("kills");
    let (killed, count) = live_through(plan(Some((kills, seed))), other).await;
    assert_eq!(none, 0);
    assert!(count == kills, "{count} kills");
    let differs: Vec<_> = quiet.symmetric_difference(&killed).collect();
    assert!(differs.is_empty(), "f26: {differs:#?}");
}

#[tokio::test]
async fn f26_i21_a_hundred_kills_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let addresses = ["quiet.db", "killed.db"].map(|file| Address::Sqlite(folder.path().join(file)));
    killed_and_not_killed(8, 100, addresses).await;
}

#[tokio::test]
#[ignore = "takes half a minute: tests/check.sh ci"]
async fn f26_i21_a_hundred_kills_change_nothing_on_postgres() {
    let Some(cluster) = Cluster::shared() else { return };
    let addresses = [cluster.new_database().await, cluster.new_database().await].map(Address::Postgres);
    killed_and_not_killed(8, 100, addresses).await;
}

#[tokio::test]
async fn f26_i21_kills_on_a_faulty_line_book_nothing_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let days: Vec<Day> = (0..3).map(|number| day("2026-11-22").plus(number)).collect();
    let kills = Some((40, Seed::new(6).named("kills")));
    let faults = Some(all_faults("1%", 6));
    let nights = Nights { world: town(), days, faults, kills };
    let (_, count) = live_through(nights, Address::Sqlite(folder.path().join("town.db"))).await;
    assert_eq!(count, 40);
}
