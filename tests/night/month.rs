//! Nights over a neighbourhood of both editions with every kind of fault on.

use std::collections::BTreeMap;
use std::time::Duration;

use chaobiao::domain::{Coded, RunOutcome, RunState};
use chaobiao::store::Address;
use simulator::fault::Kind;

use crate::rig::{Town, TownPlan, all_faults, config, day, world};

/// What a stretch of nights was like.
struct Nights {
    meters: usize,
    lines: usize,
    nights: i64,
    share: &'static str,
    seed: u64,
}

/// Runs the nights and judges them.
async fn run(nights: Nights, address: Address) {
    let Nights { meters, lines, nights, share, seed } = nights;
    let world = world(meters, lines, 9600, seed, true);
    let first = day("2026-11-22");
    let plan = TownPlan {
        config: config(&world, ""),
        world,
        faults: Some(all_faults(share, seed)),
        start: first.start().minus(Duration::from_secs(600)),
        address,
    };
    let town = Town::new(plan).await;
    let head_end = town.head_end();
    let mut causes: BTreeMap<&str, usize> = BTreeMap::new();
    for number in 0..nights {
        let today = first.plus(number);
        let report = town.night(&head_end, today).await;
        let outcomes = town.store.run_meters(report.run.id).await.unwrap();
        assert_eq!(outcomes.len(), meters, "i19: read and missing are what was planned");
        for outcome in outcomes {
            match outcome.outcome {
                RunOutcome::Read => {}
                RunOutcome::Missing(cause) => *causes.entry(cause.name()).or_default() += 1,
                RunOutcome::Waiting => panic!("i19: {outcome:?}"),
            }
        }
        assert!(matches!(report.run.state, RunState::Done | RunState::Partial));
    }
    let last = first.plus(nights - 1);
    let findings = town.judge(first.plus(-7), last).await;
    println!("seed {seed}, {meters} meters, {nights} nights, causes {causes:?}");
    println!(
        "{} registers ({} live), {} slots, suspect {:?}",
        findings.registers, findings.live, findings.slots, findings.suspect
    );
    let counts = town.faults();
    println!("faults {:?}", Kind::ALL.map(|kind| (kind.name(), counts.of(kind))));
    assert_eq!(findings.wrong, Vec::<String>::new());
    for kind in Kind::ALL {
        assert!(counts.of(kind) > 0, "r2: {kind} never happened");
    }
    head_end.close().await;
    town.close().await;
}

#[tokio::test]
async fn i02_faulty_nights_are_true() {
    let folder = tempfile::tempdir().unwrap();
    let nights = Nights { meters: 24, lines: 3, nights: 3, share: "2%", seed: 11 };
    run(nights, Address::Sqlite(folder.path().join("town.db"))).await;
}

#[tokio::test]
#[ignore = "takes a minute: tests/check.sh ci"]
async fn i02_a_faulty_month_is_true() {
    let folder = tempfile::tempdir().unwrap();
    let nights = Nights {
        meters: setting("METERS", 200),
        lines: 4,
        nights: 30,
        share: "2%",
        seed: setting("SEED", 12),
    };
    run(nights, Address::Sqlite(folder.path().join("town.db"))).await;
}

/// A number that the environment may give.
fn setting<T: std::str::FromStr>(name: &str, default: T) -> T {
    std::env::var(format!("CHAOBIAO_{name}")).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}
