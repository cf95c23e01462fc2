//! Nights of meters behind terminals: what is kept is compared with what the meters held, and terminals that lie, drop the
//! line or have another archive are found out (F19, F24).

use std::collections::BTreeSet;
use std::time::Duration;

use chaobiao::domain::access::Regions;
use chaobiao::domain::{
    ClockOffset, Coded, Item, MissingCause, Moment, Quality, RunState, Source, Suspicion,
};
use chaobiao::store::terminal::{DifferenceKind, VerifiedPoint};
use chaobiao::store::{Address, Batch};
use simulator::concentrator::fault::{Kind, Plan};
use simulator::concentrator::habits::Habits;
use simulator::concentrator::settings::{Air, Settings};
use simulator::concentrator::{EventRecord, Setup};
use simulator::fault::Share;
use simulator::world::file::{BusEntry, EventName, Moment as Written, WorldFile};

use crate::clocks::happens;
use crate::rig::{Town, TownPlan, at, config, day, set_clocks};

/// A neighbourhood behind so many terminals.
pub(crate) fn world(meters: usize, terminals: u16, seed: u64) -> WorldFile {
    let bus = |number| BusEntry {
        name: format!("1100-{number:04X}"),
        tcp: None,
        pty: None,
        baud: 2400,
        echo: false,
    };
    let plan = simulator::world::generate::Plan {
        meters,
        seed,
        first_address: "202411110001".parse().unwrap(),
        lines: (1..=terminals).map(bus).collect(),
        is_varied: false,
    };
    let mut world = plan.draw().unwrap();
    set_clocks(&mut world);
    world
}

pub(crate) fn swift(setup: Setup) -> Setup {
    Setup { settings: Settings::swift(), ..setup }
}

pub(crate) async fn town(
    world: WorldFile,
    more: &str,
    terminals: fn(Setup) -> Setup,
) -> (tempfile::TempDir, Town) {
    let folder = tempfile::tempdir().unwrap();
    let address = Address::Sqlite(folder.path().join("town.db"));
    let config = config(&world, more);
    let plan = TownPlan { terminals, ..TownPlan::new(world, config, day("2026-11-22"), address) };
    (folder, Town::new(plan).await)
}

/// What was before the first night is not asked for, and no meter behind a terminal for its events.
pub(crate) const NO_HISTORY: &str =
    "[collection]\nforwarded_events = \"0ms\"\nrepair_days = 0\n[intervals]\nrepair_days = 1\n";

#[tokio::test]
async fn i02_the_first_night_asks_the_meters_and_the_second_one_believes_the_terminal() {
    let (_folder, town) = town(world(12, 2, 7), NO_HISTORY, swift).await;
    let head_end = town.head_end();
    let (first, second) = (day("2026-11-22"), day("2026-11-23"));
    let report = town.night(&head_end, first).await;
    println!("{:?}", report.progress);
    assert_eq!((report.run.state, report.progress.read), (RunState::Done, 12), "{:?}", report.progress);
    let asked = forwarded(&town);
    assert!(asked >= 12 * 8, "{asked} frames reached meters");
    let terminal = town.store.terminal(town.terminals[0].address, &Regions::All).await.unwrap().unwrap();
    assert_eq!((terminal.verified, terminal.meters), (6, 6), "{terminal:?}");
    assert_eq!(terminal.archive.as_ref().map(|(_, records, told)| (*records, told.len())), Some((6, 0)));

    let report = town.night(&head_end, second).await;
    assert_eq!((report.run.state, report.progress.read), (RunState::Done, 12), "{:?}", report.progress);
    assert_eq!(forwarded(&town), asked, "no meter is asked any more");
    let findings = town.judge((first, second), &[first, second]).await;
    assert_eq!(findings.wrong, Vec::<String>::new());
    assert_eq!(findings.registers, 12 * 10 * 2, "{findings:?}");
    assert_eq!((findings.slots, findings.suspect.len()), (12 * 2 * 96, 0), "{findings:?}");
    head_end.close().await;
    town.close().await;
}

/// Puts the whole neighbourhood on the list of verified points, as nights before would have.
pub(crate) async fn verify(town: &Town) {
    let mut notes = chaobiao::store::Notes::default();
    for terminal in &town.terminals {
        for (point, meter) in town.store.meters_at(terminal.address).await.unwrap() {
            let (terminal, at) = (terminal.address, town.clock.now());
            notes.terminals.verified.push(VerifiedPoint { meter, terminal, point, at });
        }
    }
    town.store.save(&Batch { notes, ..Batch::default() }, town.clock.now()).await.unwrap();
}

pub(crate) fn set_faults(town: &Town, faults: &[(Kind, &str)]) {
    for terminal in &town.terminals {
        let plan = faults
            .iter()
            .fold(Plan::default(), |plan, (kind, share)| plan.with(*kind, share.parse::<Share>().unwrap()));
        terminal.live.with(|c| c.faults_mut().set_plan(plan));
    }
}

pub(crate) fn forwarded(town: &Town) -> usize {
    town.terminals.iter().map(|terminal| terminal.live.with(|c| c.reached().len())).sum()
}

pub(crate) fn struck(town: &Town, kind: Kind) -> u64 {
    town.terminals.iter().map(|terminal| terminal.live.with(|c| c.faults().counts().of(kind))).sum()
}

/// The registers that are kept of a midnight: meter, item, value.
async fn registers(town: &Town, midnight: Moment) -> BTreeSet<(String, String, i64)> {
    let mut rows = BTreeSet::new();
    for (id, address) in town.numbers().await {
        for kept in town.store.ledger(id, midnight, midnight.plus(Duration::from_secs(1))).await.unwrap() {
            let read = kept.reading;
            assert_eq!((read.source, read.quality), (Source::Freeze, Quality::Good), "{read:?}");
            rows.insert((address.to_string(), read.item.code().to_string(), read.value));
        }
    }
    rows
}

#[tokio::test]
async fn one_meter_read_on_both_ways_gives_the_same_rows() {
    let night = day("2026-11-22");
    let mut both = Vec::new();
    for is_verified in [false, true] {
        let (_folder, town) = town(world(6, 1, 9), NO_HISTORY, swift).await;
        if is_verified {
            verify(&town).await;
        }
        let head_end = town.head_end();
        let report = town.night(&head_end, night).await;
        assert_eq!(report.run.state, RunState::Done, "{:?}", report.progress);
        assert_eq!(forwarded(&town) == 0, is_verified, "the other way is not used");
        both.push(registers(&town, night.start()).await);
        head_end.close().await;
        town.close().await;
    }
    assert_eq!(both[0].len(), 6 * 10);
    assert_eq!(both[0], both[1]);
}

#[tokio::test]
async fn f19_terminals_that_drop_the_line_lose_no_meter_and_book_nothing_twice() {
    let (_folder, town) = town(world(24, 2, 21), NO_HISTORY, swift).await;
    verify(&town).await;
    set_faults(&town, &[(Kind::Reconnect, "15%"), (Kind::HalfOpen, "15%")]);
    let head_end = town.head_end();
    let night = day("2026-11-22");
    let report = town.night(&head_end, night).await;
    assert_eq!(report.progress.read, 24, "{:?}", report.progress);
    assert!(struck(&town, Kind::Reconnect) > 2 && struck(&town, Kind::HalfOpen) > 2);
    let findings = town.judge((night.previous(), night), &[night]).await;
    assert_eq!(findings.wrong, Vec::<String>::new());
    assert_eq!((findings.registers, findings.slots), (24 * 10, 24 * 2 * 96), "{findings:?}");
    head_end.close().await;
    town.close().await;
}

#[tokio::test]
async fn f24_a_terminal_that_tells_old_data_or_those_of_other_points_is_not_believed() {
    for kind in [Kind::OldData, Kind::WrongPoint] {
        let (_folder, town) = town(world(12, 1, 22), NO_HISTORY, swift).await;
        verify(&town).await;
        set_faults(&town, &[(kind, "30%")]);
        let head_end = town.head_end();
        let night = day("2026-11-22");
        let report = town.night(&head_end, night).await;
        println!("{kind}: {} lies, {:?}", struck(&town, kind), report.progress);
        assert!(struck(&town, kind) > 2, "{kind}");
        assert_eq!(report.progress.read, 12, "{kind}: {:?}", report.progress);
        let findings = town.judge((night.previous(), night), &[night]).await;
        assert_eq!(findings.wrong, Vec::<String>::new(), "{kind}");
        assert!(findings.slots > 12 * 96, "{kind}: {findings:?}");
        head_end.close().await;
        town.close().await;
    }
}

/// A meter whose clock was ten minutes fast until noon froze too early. That it was right when it was seen last says nothing
/// of the midnight before.
#[tokio::test]
async fn f14_what_a_meter_froze_by_a_wrong_clock_does_not_count_when_its_terminal_tells_it_later() {
    let (first, second) = (day("2026-11-22"), day("2026-11-23"));
    let mut world = world(6, 1, 33);
    happens(&mut world.meter[0], EventName::ClockJump, first.previous(), 12, 600);
    happens(&mut world.meter[0], EventName::ClockJump, first, 12, -600);
    let spoilt = world.meter[0].address;
    let more = "[collection]\nforwarded_events = \"0ms\"\nrepair_days = 1\n[intervals]\nrepair_days = 2\n";
    let (_folder, town) = town(world, more, swift).await;
    verify(&town).await;
    let meter = town.number(spoilt).await;
    let seen = |hours: u64, fast_us| ClockOffset {
        at: first.start().plus(Duration::from_secs(3600 * hours)),
        fast_us,
        uncertainty: Duration::from_secs(1),
    };
    let clocks = vec![(meter, seen(1, 600_000_000)), (meter, seen(13, 0))];
    let notes = chaobiao::store::Notes { clocks, ..chaobiao::store::Notes::default() };
    town.store.save(&Batch { notes, ..Batch::default() }, town.clock.now()).await.unwrap();
    let head_end = town.head_end();
    let report = town.night(&head_end, second).await;
    assert_eq!(report.progress.read, 6, "{:?}", report.progress);
    assert_eq!(forwarded(&town), 0, "all is the terminal's word");
    let findings = town.judge((first.previous(), second), &[second]).await;
    assert_eq!(findings.wrong, Vec::<String>::new());
    assert!(findings.suspect_slots > 0, "its curve of that day is as doubtful: {findings:?}");
    for (id, address) in town.numbers().await {
        let until = first.start().plus(Duration::from_secs(1));
        let kept = town.store.ledger(id, first.start(), until).await.unwrap();
        let expected = if address == spoilt { Quality::Suspect(Suspicion::Clock) } else { Quality::Good };
        assert_eq!(kept.len(), 10, "{address}");
        assert!(kept.iter().all(|kept| kept.reading.quality == expected), "{address}: {kept:?}");
    }
    head_end.close().await;
    town.close().await;
}

#[tokio::test]
async fn f24_what_a_terminal_stored_before_its_point_was_verified_is_not_believed() {
    let more = "[collection]\nforwarded_events = \"0ms\"\nrepair_days = 3\n[intervals]\nrepair_days = 3\n";
    let (_folder, town) = town(world(6, 1, 34), more, swift).await;
    let head_end = town.head_end();
    let before = day("2026-11-22");
    let (verified, missed, last) = (before.next(), before.plus(2), before.plus(3));
    let report = town.night(&head_end, verified).await;
    assert_eq!(report.progress.read, 6, "{:?}", report.progress);
    let terminal = town.store.terminal(town.terminals[0].address, &Regions::All).await.unwrap().unwrap();
    assert_eq!(terminal.verified, 6);
    assert_eq!(registers(&town, before.start()).await.len(), 0, "nobody has compared them");
    // A midnight since then that nobody asked for.
    let report = town.night(&head_end, last).await;
    assert_eq!(report.progress.read, 6, "{:?}", report.progress);
    let counts = [before, verified, missed, last].map(|day| day.start());
    for (midnight, expected) in counts.into_iter().zip([0, 60, 60, 60]) {
        assert_eq!(registers(&town, midnight).await.len(), expected, "{midnight:?}");
    }
    head_end.close().await;
    town.close().await;
}

/// The second point stores what the first does.
fn alike(setup: Setup) -> Setup {
    let mut setup = swift(setup);
    if let [one, two, ..] = setup.wired.as_mut_slice() {
        *two.meter.truth_mut() = one.meter.truth().clone();
    }
    setup
}

#[tokio::test]
async fn f24_totals_that_any_point_could_have_verify_none() {
    let mut world = world(5, 1, 35);
    // Put in lately, with nothing behind it.
    world.meter[3].mean_day_wh = Some(0);
    world.meter[3].installed_at = Written(at(day("2026-11-21").start()));
    let (_folder, town) = town(world, NO_HISTORY, alike).await;
    let head_end = town.head_end();
    let terminal = async || {
        town.store.terminal(town.terminals[0].address, &Regions::All).await.unwrap().unwrap().verified
    };
    let report = town.night(&head_end, day("2026-11-22")).await;
    assert_eq!(report.progress.read, 5, "{:?}", report.progress);
    assert_eq!(terminal().await, 2, "neither the two that are alike nor the one that shows nothing");
    let asked = forwarded(&town);
    let report = town.night(&head_end, day("2026-11-23")).await;
    assert_eq!(report.progress.read, 5, "{:?}", report.progress);
    assert!(forwarded(&town) >= asked + 3 * 8, "they are asked themselves again");
    head_end.close().await;
    town.close().await;
}

#[tokio::test]
async fn f24_a_curve_without_a_register_to_compare_it_with_is_not_booked() {
    // The reverse registers of no midnight are read, so nothing tells a reverse curve from that of another point.
    let more = format!("{NO_HISTORY}items = [\"1.8.0\", \"2.8.0\"]\n")
        .replace("repair_days = 0", "repair_days = 0\nregisters = [\"1.8.0\"]");
    let (_folder, town) = town(world(12, 1, 31), &more, swift).await;
    verify(&town).await;
    set_faults(&town, &[(Kind::WrongPoint, "30%")]);
    let head_end = town.head_end();
    let night = day("2026-11-22");
    let report = town.night(&head_end, night).await;
    assert_eq!(report.progress.read, 12, "{:?}", report.progress);
    assert!(struck(&town, Kind::WrongPoint) > 2);
    let findings = town.judge((night.previous(), night), &[night]).await;
    assert_eq!(findings.wrong, Vec::<String>::new());
    let numbers: Vec<_> = town.numbers().await.into_iter().map(|(id, _)| id).collect();
    let [forward, reverse]: [Item; 2] = town.config.intervals.items.clone().try_into().unwrap();
    let (first, last) = (night.previous(), night);
    let booked = town.store.curves(&numbers, &[forward], first, last).await.unwrap();
    assert!(booked.len() > 6, "curves that can be judged are taken: {}", booked.len());
    assert_eq!(town.store.curves(&numbers, &[reverse], first, last).await.unwrap(), Vec::new());
    let untold = findings.holes.get(MissingCause::PointNotVerified.name()).copied().unwrap_or_default();
    assert!(untold >= 6 * 96, "{:?}", findings.holes);
    head_end.close().await;
    town.close().await;
}

/// The records of points 1 and 2 are exchanged, and there is none of point 3.
pub(crate) fn other_archive(setup: Setup) -> Setup {
    let mut setup = swift(setup);
    if let [one, two, ..] = setup.records.as_mut_slice() {
        std::mem::swap(&mut one.address, &mut two.address);
    }
    setup.records.remove(2);
    setup
}

#[tokio::test]
async fn f24_points_at_which_the_archives_differ_are_read_from_their_meters() {
    let (_folder, town) = town(world(6, 1, 23), NO_HISTORY, other_archive).await;
    verify(&town).await;
    let head_end = town.head_end();
    let night = day("2026-11-22");
    let report = town.night(&head_end, night).await;
    assert_eq!(report.progress.read, 6, "{:?}", report.progress);
    let findings = town.judge((night, night), &[night]).await;
    assert_eq!(findings.wrong, Vec::<String>::new());
    assert_eq!(findings.registers, 6 * 10);
    let terminal = town.store.terminal(town.terminals[0].address, &Regions::All).await.unwrap().unwrap();
    let (_, records, told) = terminal.archive.unwrap();
    let told: Vec<_> = told.iter().map(|told| (told.point, told.kind)).collect();
    let expected =
        [(1, DifferenceKind::OtherMeter), (2, DifferenceKind::OtherMeter), (3, DifferenceKind::Lacking)];
    assert_eq!((records, told), (5, expected.to_vec()));
    head_end.close().await;
    town.close().await;
}

#[tokio::test]
async fn f24_a_point_whose_values_are_not_its_meters_is_told_and_never_booked() {
    let (_folder, town) = town(world(6, 1, 24), NO_HISTORY, swift).await;
    set_faults(&town, &[(Kind::WrongPoint, "100%")]);
    let head_end = town.head_end();
    let night = day("2026-11-22");
    let report = town.night(&head_end, night).await;
    assert_eq!(report.progress.read, 6, "{:?}", report.progress);
    let findings = town.judge((night.previous(), night), &[night]).await;
    assert_eq!(findings.wrong, Vec::<String>::new());
    assert_eq!((findings.registers, findings.slots), (6 * 10, 0), "{findings:?}");
    let terminal = town.store.terminal(town.terminals[0].address, &Regions::All).await.unwrap().unwrap();
    let (.., told) = terminal.archive.unwrap();
    assert_eq!(terminal.verified, 0);
    assert!(told.len() >= 5 && told.iter().all(|told| told.kind == DifferenceKind::OtherValues), "{told:?}");
    head_end.close().await;
    town.close().await;
}

#[tokio::test]
async fn i20_a_terminal_that_is_away_is_told_and_its_gap_closes_when_it_is_back() {
    let more = "[collection]\nforwarded_events = \"0ms\"\nrepair_days = 3\n[intervals]\nrepair_days = 3\n";
    let (_folder, town) = town(world(8, 2, 25), more, swift).await;
    verify(&town).await;
    let head_end = town.head_end();
    let (first, second) = (day("2026-11-22"), day("2026-11-23"));
    town.terminals[0].live.power_off();
    let report = town.night(&head_end, first).await;
    let offline = report.progress.missing.get(&MissingCause::TerminalOffline).copied();
    assert_eq!((report.run.state, report.progress.read, offline), (RunState::Partial, 4, Some(4)));
    town.terminals[0].live.power_on();
    let report = town.night(&head_end, second).await;
    assert_eq!((report.run.state, report.progress.read), (RunState::Done, 8), "{:?}", report.progress);
    let findings = town.judge((first, second), &[first, second]).await;
    assert_eq!(findings.wrong, Vec::<String>::new());
    let kept = registers(&town, first.start()).await;
    println!("{} registers of the first night, {findings:?}", kept.len());
    head_end.close().await;
    town.close().await;
}

pub(crate) fn as_they_are(setup: Setup) -> Setup {
    let seed = setup.seed;
    Setup { habits: Habits::drawn(seed), ..setup }
}

#[tokio::test]
async fn i19_a_slow_power_line_and_the_habits_of_makers_cost_time_and_no_truth() {
    let (_folder, town) = town(world(40, 4, 26), NO_HISTORY, as_they_are).await;
    verify(&town).await;
    let head_end = town.head_end();
    let night = day("2026-11-22");
    let report = town.night(&head_end, night).await;
    println!("{:?}", report.progress);
    let findings = town.judge((night, night), &[night]).await;
    assert_eq!(findings.wrong, Vec::<String>::new());
    assert!(report.progress.read >= 38, "{:?}", report.progress);
    head_end.close().await;
    town.close().await;
}

#[tokio::test]
async fn f26_a_head_end_that_is_killed_goes_on_with_what_is_missing() {
    let (_folder, town) = town(world(16, 2, 27), NO_HISTORY, swift).await;
    let night = day("2026-11-22");
    town.clock.sleep_until(town.config.collection.start.on(night)).await;
    let mut kills = 0;
    let report = loop {
        let head_end = town.head_end();
        let limit = Duration::from_millis(1500 + 500 * kills);
        let ended = tokio::time::timeout(limit, town.night(&head_end, night)).await;
        head_end.close().await;
        match ended {
            Ok(report) => break report,
            Err(_) => kills += 1,
        }
    };
    println!("{kills} kills");
    assert!(kills > 1, "it was killed {kills} times");
    assert_eq!((report.run.state, report.progress.read), (RunState::Done, 16), "{:?}", report.progress);
    let findings = town.judge((night, night), &[night]).await;
    assert_eq!(findings.wrong, Vec::<String>::new());
    assert_eq!(findings.registers, 16 * 10);
    town.close().await;
}

#[tokio::test]
async fn f07_events_of_terminals_are_kept_exactly_once() {
    let (_folder, town) = town(world(4, 1, 28), NO_HISTORY, swift).await;
    verify(&town).await;
    let head_end = town.head_end();
    let nights = [day("2026-11-22"), day("2026-11-23")];
    set_faults(&town, &[(Kind::Duplicate, "20%"), (Kind::Silence, "10%"), (Kind::Reconnect, "10%")]);
    for night in nights {
        town.night(&head_end, night).await;
        for _ in 0..6 {
            town.terminals[0].live.power_off();
            tokio::time::sleep(Duration::from_secs(600)).await;
            town.terminals[0].live.power_on();
            tokio::time::sleep(Duration::from_secs(900)).await;
        }
    }
    set_faults(&town, &[]);
    town.night(&head_end, day("2026-11-24")).await;
    let body =
        |record: &EventRecord| record.body.iter().map(|byte| format!("{byte:02X}")).collect::<String>();
    let mut held: Vec<String> = town.terminals[0].live.with(|c| {
        c.events(true)
            .chain(c.events(false))
            .map(|record| format!("{} {}", record.code, body(record)))
            .collect()
    });
    held.sort_unstable();
    let sql = "SELECT count(*) FROM terminal_event";
    assert_eq!(usize::try_from(town.ask(sql).await).unwrap(), held.len());
    let kept = town.store.terminal_events(None, 1000).await.unwrap();
    assert!(held.len() >= 12, "{held:?}");
    let off = kept.iter().filter(|event| event.code == 14).count();
    assert_eq!(off, held.iter().filter(|text| text.starts_with("14 ")).count());
    head_end.close().await;
    town.close().await;
}

/// What the questions of a night weigh, against what they have to: 38 bytes for a point with four tariffs, 395 for a curve
/// of a day, each with the heads of its frames.
#[tokio::test]
async fn a_night_costs_the_bytes_that_it_has_to() {
    const METERS: u64 = 200;
    let mut costs = Vec::new();
    for mode in ["off", "load-record"] {
        let more = format!(
            "[collection]\nrepair_days = 0\nevents = false\n[intervals]\nmode = \"{mode}\"\nrepair_days = 1\n"
        );
        let (_folder, town) = town(world(200, 1, 30), &more, swift).await;
        verify(&town).await;
        let head_end = town.head_end();
        let report = town.night(&head_end, day("2026-11-22")).await;
        assert_eq!(report.progress.read, 200, "{:?}", report.progress);
        let status = head_end.terminals.status(town.terminals[0].address).unwrap();
        costs.push((status.requests, status.sent_bytes, status.received_bytes));
        head_end.close().await;
        town.close().await;
    }
    let (registers, both) = (costs[0], costs[1]);
    println!("questions, bytes down, bytes up: registers {registers:?}, with two curves of each {both:?}");
    // Two registers of each, forward and reverse, asked for twice; the archive comes with 27 bytes of each.
    assert!(registers.2 < METERS * (4 * 45 + 45), "{registers:?}");
    let curves = both.2 - registers.2;
    assert!((METERS * 2 * 391..METERS * 2 * 430).contains(&curves), "{curves}");
    assert!(registers.0 < 3 * METERS.div_ceil(16) + 12, "{registers:?}");
}

/// What makes of a terminal one of a network.
type Network = fn(Setup) -> Setup;

fn over_gprs(setup: Setup) -> Setup {
    let setup = swift(setup);
    Setup { settings: Settings { air: Air::GPRS, ..setup.settings }, ..setup }
}

fn over_4g(setup: Setup) -> Setup {
    let setup = swift(setup);
    Setup { settings: Settings { air: Air::CAT_1, ..setup.settings }, ..setup }
}

/// A site behind terminals of 500 meters each, over both kinds of network: what each terminal costs, and how long it takes.
/// There are 100,000 meters where `CHAOBIAO_TERMINALS` is 200.
#[tokio::test]
#[ignore = "takes minutes; a long run"]
async fn a_night_of_terminals_takes_the_minutes_of_their_network() {
    const EACH: usize = 500;
    let terminals: u16 = std::env::var("CHAOBIAO_TERMINALS").map_or(4, |text| text.parse().unwrap());
    let networks: [(&str, Network, u64); 2] = [("GPRS", over_gprs, 20), ("4G", over_4g, 2)];
    let only = std::env::var("CHAOBIAO_NETWORK").ok();
    for (name, network, limit) in networks {
        if only.as_ref().is_some_and(|only| only != name) {
            continue;
        }
        let meters = EACH * usize::from(terminals);
        let more = NO_HISTORY.replace("[intervals]", "events = false\n[intervals]");
        let (_folder, town) = town(world(meters, terminals, 32), &more, network).await;
        verify(&town).await;
        let head_end = town.head_end();
        let night = day("2026-11-22");
        let report = town.night(&head_end, night).await;
        assert_eq!(usize::try_from(report.progress.read).unwrap(), meters, "{:?}", report.progress);
        let took = report.run.ended_at.unwrap().since(report.run.started_at);
        let each: Vec<_> =
            head_end.terminals.all().iter().map(|s| (s.requests, s.sent_bytes, s.received_bytes)).collect();
        println!("{name}: {meters} meters in {} s", took.as_secs());
        println!(
            "questions, bytes down, bytes up of a terminal: {:?} to {:?}",
            each.iter().min(),
            each.iter().max()
        );
        let findings = town.judge((night.previous(), night), &[night]).await;
        println!("{} registers, {} slots", findings.registers, findings.slots);
        assert_eq!(findings.wrong, Vec::<String>::new());
        assert_eq!((findings.registers, findings.slots), (meters * 10, meters * 2 * 96), "{findings:?}");
        assert!(took <= Duration::from_secs(limit * 60), "{took:?}");
        head_end.close().await;
        town.close().await;
    }
}
