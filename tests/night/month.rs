//! Nights over a neighbourhood of both editions with every kind of fault on.

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
    let config = config(&world, "");
    let mut plan = TownPlan::new(world, config, first, address);
    plan.faults = Some(all_faults(share, seed));
    let town = Town::new(plan).await;
    let head_end = town.head_end();
    let days: Vec<_> = (0..nights).map(|number| first.plus(number)).collect();
    for today in &days {
        town.night(&head_end, *today).await;
    }
    let findings = town.judge((first.plus(-7), first.plus(nights - 1)), &days).await;
    println!("seed {seed}, {meters} meters, {nights} nights, missing {:?}", findings.missing);
    println!(
        "{} registers ({} live), {} slots ({} suspect, {} empty), suspect {:?}",
        findings.registers,
        findings.live,
        findings.slots,
        findings.suspect_slots,
        findings.holes,
        findings.suspect
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
