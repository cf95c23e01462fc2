//! F43: more than a year of nights, one after the other in one process: nothing drifts, nothing leaks, what is kept is bounded
//! by what is to be kept.

use std::time::Duration;

use chaobiao::domain::RunState;
use chaobiao::store::{Address, Large};

use crate::postgres::Cluster;
use crate::rig::{Town, TownPlan, config, day, set_clocks, world};

/// How long curves are kept.
const KEEP_DAYS: i64 = 62;

/// What a process takes, and what is kept, on some day.
#[derive(Clone, Copy, Debug)]
struct Measured {
    memory: i64,
    database: i64,
    curve_days: i64,
    registers: i64,
}

impl Town {
    async fn measured(&self) -> Measured {
        let memory = std::fs::read_to_string("/proc/self/statm").unwrap();
        let memory = memory.split(' ').nth(1).unwrap().parse::<i64>().unwrap() * 4096;
        let size = match &self.address {
            Address::Sqlite(_) => {
                // What was let go is used again: pages that hold something.
                "SELECT (p.page_count - f.freelist_count) * s.page_size \
                 FROM pragma_page_count p, pragma_freelist_count f, pragma_page_size s"
            }
            Address::Postgres(_) => "SELECT pg_database_size(current_database())",
        };
        Measured {
            memory,
            database: self.asked(size).await,
            curve_days: self.asked("SELECT count(DISTINCT day) FROM interval_day").await,
            registers: self.asked("SELECT count(*) FROM register_ledger").await,
        }
    }

    /// What a query says. Time of the town stands still meanwhile, as it does while its store works.
    async fn asked(&self, sql: &str) -> i64 {
        let (end, ended) = std::sync::mpsc::sync_channel::<()>(0);
        let held = tokio::task::spawn_blocking(move || ended.recv());
        let told = self.ask(sql).await;
        drop(end);
        // It has nothing to say.
        drop(held.await);
        told
    }
}

async fn live_for(days: i64, meters: usize, address: Address) {
    let mut world = world(meters, meters.div_ceil(25), 9600, 43, true);
    set_clocks(&mut world);
    let first = day("2026-11-22");
    let config = config(&world, "[collection]\nrepair_days = 1\n[intervals]\nrepair_days = 1");
    let town = Town::new(TownPlan::new(world, config, first, address)).await;
    if matches!(town.address, Address::Postgres(_)) {
        // Its days lie ahead of the clock of the server, which lets nothing young go.
        let changed = "WITH c AS (UPDATE partitioned SET may_go_after = -3650 WHERE list = 'interval_day' RETURNING 1) SELECT count(*) FROM c";
        assert_eq!(town.asked(changed).await, 1);
    }
    let head_end = town.head_end();
    let (mut spent, mut measured, mut slowest) = (Duration::ZERO, Vec::new(), Duration::ZERO);
    for number in 0..days {
        let today = first.plus(number);
        // Wall time of the machine: the town's own stands still or jumps.
        let wall = wall_clock();
        // As a service does before each night.
        town.store.make_partitions((0..35).map(|ahead| today.plus(ahead))).await.unwrap();
        town.store.let_go(Large::Intervals, today.plus(-KEEP_DAYS)).await.unwrap();
        let run = town.night(&head_end, today).await.run;
        let start = town.config.collection.start.on(today);
        let mut missing = town.store.run_meters(run.id).await.unwrap();
        missing.retain(|meter| !meter.outcome.is_read());
        assert_eq!((run.state, run.day), (RunState::Done, today), "{missing:?}");
        assert!(run.started_at.since(start) < Duration::from_secs(60), "{} of {today}", run.started_at);
        slowest = slowest.max(run.ended_at.unwrap().since(run.started_at));
        town.bill().await;
        spent += wall_clock().saturating_sub(wall);
        if [50, 100, 200, 300, 400].contains(&(number + 1)) || number + 1 == days {
            let now = town.measured().await;
            let each = spent / u32::try_from(number + 1).unwrap();
            let Measured { memory, database, curve_days, registers } = now;
            println!(
                "f43: day {}, {meters} meters: {memory} bytes of memory, {database} of database, {curve_days} days of \
                 curves, {registers} registers, {each:?} a night",
                number + 1
            );
            measured.push((number + 1, now));
        }
    }
    println!("f43: the slowest night took {slowest:?} of its own time");
    assert_eq!(town.store.newest_runs(10_000).await.unwrap().len(), usize::try_from(days).unwrap());
    // By half of it everything has been filled that is filled once.
    let (_, early) = *measured.iter().find(|(day, _)| day * 2 >= days).unwrap();
    let (_, late) = *measured.last().unwrap();
    assert!(late.curve_days <= KEEP_DAYS + 2, "{late:?}");
    // Ten registers of a meter and a night, and those of the nights before the first.
    let nights = i64::try_from(meters).unwrap() * 10 * (days + 2);
    assert!(late.registers <= nights, "{late:?}");
    let grown = late.memory - early.memory;
    assert!(grown < 8 * 1024 * 1024, "it grew by {grown} bytes: {measured:?}");
    head_end.close().await;
    town.close().await;
}

/// Time that goes on whatever tokio's clock does.
fn wall_clock() -> Duration {
    let text = std::fs::read_to_string("/proc/uptime").unwrap();
    let (seconds, rest) = text.split_once('.').unwrap();
    let hundredths = rest.get(..2).unwrap();
    let millis = seconds.parse::<u64>().unwrap() * 1000 + hundredths.parse::<u64>().unwrap() * 10;
    Duration::from_millis(millis)
}

/// A number that the environment may give; 400 days of 2,000 meters take hours.
fn setting<T: std::str::FromStr>(name: &str, default: T) -> T {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn size() -> (i64, usize) {
    (setting("CHAOBIAO_YEAR_DAYS", 400), setting("CHAOBIAO_YEAR_METERS", 50))
}

#[tokio::test]
#[ignore = "takes minutes: tests/check.sh nightly"]
async fn f43_four_hundred_days_drift_and_leak_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (days, meters) = size();
    live_for(days, meters, Address::Sqlite(folder.path().join("town.db"))).await;
}

#[tokio::test]
#[ignore = "takes minutes: tests/check.sh nightly"]
async fn f43_four_hundred_days_on_a_server_drift_and_leak_nothing() {
    let Some(cluster) = Cluster::shared() else { return };
    let (days, meters) = size();
    live_for(days, meters, Address::Postgres(cluster.new_database().await)).await;
}
