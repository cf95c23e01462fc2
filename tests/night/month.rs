//! Nights over a neighbourhood of both editions with every kind of fault on, billed each morning.

use chaobiao::domain::Day;
use chaobiao::store::Address;
use simulator::fault::{Counts, Kind};
use simulator::world::file::{AreaPowerCut, EventEntry, EventName, Moment as Written, WorldFile};

use crate::behind::NO_HISTORY;
use crate::postgres::Cluster;
use crate::rig::{Town, TownPlan, all_faults, at, config, day, set_clocks, world};
use crate::truth::Findings;

/// What a stretch of nights was like.
struct Nights {
    meters: usize,
    lines: usize,
    nights: i64,
    /// What the configuration says beside the lines.
    more: &'static str,
    /// How often each kind of fault strikes.
    share: &'static str,
    seed: u64,
}

/// Lives through the nights, judges them, and tells what was found; says how often each fault happened.
async fn live_through(nights: Nights, address: Address) -> Counts {
    let Nights { meters, nights: days, seed, .. } = nights;
    let (findings, counts, requests) = lived(nights, address).await;
    println!("seed {seed}, {meters} meters, {days} nights, {requests} requests");
    println!("missing {:?}, suspect {:?}", findings.missing, findings.suspect);
    println!(
        "{} registers ({} live), {} slots ({} suspect, empty {:?}), {} billing values",
        findings.registers,
        findings.live,
        findings.slots,
        findings.suspect_slots,
        findings.holes,
        findings.billed
    );
    println!("faults {:?}", Kind::ALL.map(|kind| (kind.name(), counts.of(kind))));
    assert!(findings.registers > 0 && findings.slots > 0 && findings.billed > 0);
    counts
}

/// Lives through the nights, of which nothing may be wrong; says what was found, how often each fault happened, and how many
/// requests the meters heard.
async fn lived(nights: Nights, address: Address) -> (Findings, Counts, u64) {
    let Nights { meters, lines, nights, more, share, seed } = nights;
    let mut world = world(meters, lines, 9600, seed, true);
    set_clocks(&mut world);
    // A tenth was never looked after: their clocks are off by more than counts as right.
    world.meter.iter_mut().step_by(10).for_each(|meter| meter.clock_offset_seconds = 1800);
    let first = day("2026-11-22");
    if nights >= 30 {
        a_month_happens(&mut world, first);
    }
    let config = config(&world, more);
    let mut plan = TownPlan::new(world, config, first, address);
    plan.faults = Some(all_faults(share, seed));
    let town = Town::new(plan).await;
    let head_end = town.head_end();
    let days: Vec<Day> = (0..nights).map(|number| first.plus(number)).collect();
    for today in &days {
        town.night(&head_end, *today).await;
        town.bill().await;
    }
    let findings = town.judge((first.plus(-7), first.plus(nights - 1)), &days).await;
    let (counts, requests) = (town.faults(), town.requests());
    assert_eq!(findings.wrong, Vec::<String>::new(), "seed {seed}");
    head_end.close().await;
    town.close().await;
    (findings, counts, requests)
}

/// What happens in a month besides faults of lines: an area without supply over a midnight, meters that die, registers that
/// roll over, clocks that jump, stop and lose their battery.
fn a_month_happens(world: &mut WorldFile, first: Day) {
    let when = |night: i64, seconds: i64| Written(at(first.plus(night).start()).plus(seconds));
    let event = |kind, night, to: Option<i64>, seconds| EventEntry {
        kind,
        from: when(night, 43_200),
        to: to.map(|night| when(night, 43_200)),
        seconds,
    };
    let area = world.meter.first().unwrap().customer.transformer_area.clone();
    let (from, to) = (when(9, -9600), when(9, 1500));
    world.power_cut.push(AreaPowerCut { transformer_area: area, from, to });
    for (number, meter) in world.meter.iter_mut().enumerate() {
        match number % 40 {
            1 => {
                meter.event.clear();
                meter.rolls_over_at = Some(when(12, 40_000));
            }
            3 => meter.event.push(event(EventName::Removed, 20, None, 0)),
            5 => meter.event.push(event(EventName::PowerCut, 14, Some(17), 0)),
            7 => meter.event.push(event(EventName::ClockJump, 6, None, 86_400)),
            9 => meter.event.push(event(EventName::ClockJump, 6, None, -1200)),
            11 => meter.event.push(event(EventName::ClockStops, 18, None, 0)),
            13 => meter.event.push(event(EventName::ClockBatteryLost, 18, None, 0)),
            _ => {}
        }
    }
}

/// A fault that never happened was not tried (R2).
fn all_happened(counts: Counts) {
    for kind in Kind::ALL {
        assert!(counts.of(kind) > 0, "r2: {kind} never happened");
    }
}

const FEW: Nights = Nights { meters: 24, lines: 3, nights: 3, more: "", share: "2%", seed: 11 };

/// With these shares about one question in twenty meets a fault.
fn month() -> Nights {
    Nights {
        meters: setting("METERS", 100),
        lines: 8,
        nights: setting("NIGHTS", 30),
        more: "",
        share: "0.3%",
        seed: setting("SEED", 12),
    }
}

#[tokio::test]
async fn i02_i05_faulty_nights_are_true_and_billed_so() {
    let folder = tempfile::tempdir().unwrap();
    all_happened(live_through(FEW, Address::Sqlite(folder.path().join("town.db"))).await);
}

#[tokio::test]
async fn i02_i05_faulty_nights_are_true_on_postgres() {
    let Some(cluster) = Cluster::shared() else { return };
    all_happened(live_through(FEW, Address::Postgres(cluster.new_database().await)).await);
}

#[tokio::test]
#[ignore = "takes minutes: tests/check.sh ci"]
async fn i02_i05_i19_a_faulty_month_is_true_and_billed_so() {
    let folder = tempfile::tempdir().unwrap();
    all_happened(live_through(month(), Address::Sqlite(folder.path().join("town.db"))).await);
}

#[tokio::test]
#[ignore = "takes minutes: tests/check.sh ci"]
async fn i02_i05_i19_a_faulty_month_is_true_on_postgres() {
    let Some(cluster) = Cluster::shared() else { return };
    all_happened(live_through(month(), Address::Postgres(cluster.new_database().await)).await);
}

#[tokio::test]
#[ignore = "takes a minute: tests/check.sh ci; more seeds in tests/check.sh nightly"]
async fn i02_i05_faulty_nights_of_even_seeds_are_true() {
    many(0).await;
}

#[tokio::test]
#[ignore = "takes a minute: tests/check.sh ci; more seeds in tests/check.sh nightly"]
async fn i02_i05_faulty_nights_of_odd_seeds_are_true() {
    many(1).await;
}

/// Small towns, each of another seed: these and as many again are asked for.
async fn many(offset: u64) {
    let (first, towns) = (setting("SEED", 100), setting("TOWNS", 500_u64));
    let (mut all, mut requests, mut values) = (Counts::default(), 0, [0; 3]);
    for place in 0..towns {
        let share =
            ["0.5%", "1%", "2%", "4%"].into_iter().cycle().nth(usize::try_from(place % 4).unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let nights = Nights {
            meters: 2,
            lines: 1,
            nights: 1,
            more: NO_HISTORY,
            share,
            seed: first + 2 * place + offset,
        };
        let (findings, counts, heard) = lived(nights, Address::Sqlite(folder.path().join("town.db"))).await;
        all = all.plus(&counts);
        requests += heard;
        let found = [findings.registers, findings.slots, findings.billed];
        values.iter_mut().zip(found).for_each(|(all, found)| *all += found);
    }
    let [registers, slots, billed] = values;
    println!(
        "{towns} towns, {requests} requests, {registers} registers, {slots} slots, {billed} billing values"
    );
    println!("faults {:?}", Kind::ALL.map(|kind| (kind.name(), all.of(kind))));
    all_happened(all);
}

/// A number that the environment may give.
pub(crate) fn setting<T: std::str::FromStr>(name: &str, default: T) -> T {
    std::env::var(format!("CHAOBIAO_{name}")).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}
