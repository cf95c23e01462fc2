//! I20: who is missing in a night is missing for its cause, and what the meter still holds is fetched when it is back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::time::Duration;

use chaobiao::domain::{Coded, Day, MissingCause, RunKind, RunOutcome, RunState, Source};
use chaobiao::store::Address;
use dlt645::address::MeterAddress;
use simulator::world::file::{AreaPowerCut, Moment as Written};

use crate::rig::{Town, TownPlan, at, config, day, world};

impl Town {
    /// The meters missing in the night of a day, with their causes.
    pub(crate) async fn missing(&self, day: Day) -> BTreeMap<MeterAddress, MissingCause> {
        let run = self.store.run_of("site", day, RunKind::Nightly).await.unwrap().unwrap();
        let addresses: BTreeMap<i64, MeterAddress> =
            self.numbers().await.into_iter().map(|(id, address)| (id.number(), address)).collect();
        let mut missing = BTreeMap::new();
        for meter in self.store.run_meters(run.id).await.unwrap() {
            if let RunOutcome::Missing(cause) = meter.outcome {
                missing.insert(*addresses.get(&meter.meter.number()).unwrap(), cause);
            }
        }
        missing
    }
}

fn first() -> Day {
    day("2026-11-22")
}

fn nights(count: i64) -> Vec<Day> {
    (0..count).map(|number| first().plus(number)).collect()
}

/// How many register values there are of so many meters and midnights: two registers with four tariffs.
const EACH: usize = 10;

/// How many slots a day has, of two items.
const SLOTS: usize = 2 * 96;

#[tokio::test]
async fn i20_dead_meters_alone_are_missing_and_their_gaps_close_when_they_are_back() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(20, 2, 9600, 31, false);
    let dead: BTreeSet<MeterAddress> = world.meter.iter().skip(2).step_by(5).map(|m| m.address).collect();
    let (config, address) = (config(&world, ""), Address::Sqlite(folder.path().join("town.db")));
    let town = Town::new(TownPlan::new(world, config, first(), address)).await;
    let head_end = town.head_end();
    let mut voices: Vec<_> = dead.iter().map(|address| (*address, None)).collect();
    for today in nights(3) {
        if today == first() {
            voices.iter_mut().for_each(|(address, voice)| town.swap_voice(*address, voice));
        }
        let report = town.night(&head_end, today).await;
        assert_eq!(report.run.state, RunState::Partial);
        let missing = town.missing(today).await;
        assert_eq!(
            missing.keys().copied().collect::<BTreeSet<_>>(),
            dead,
            "{today}: a fifth, and exactly those"
        );
        assert!(missing.values().all(|cause| *cause == MissingCause::Silent), "{missing:?}");
    }
    voices.iter_mut().for_each(|(address, voice)| town.swap_voice(*address, voice));
    let last = first().plus(3);
    assert_eq!(town.night(&head_end, last).await.run.state, RunState::Done);
    let findings = town.judge((first().plus(-7), last), &nights(4)).await;
    assert_eq!(findings.wrong, Vec::<String>::new());
    // Those that were dead hold seven midnights before the last one; the others were read since seven before the first.
    let (alive, back) = (20 - dead.len(), dead.len());
    assert_eq!(findings.registers, EACH * (alive * 11 + back * 8), "{findings:?}");
    assert_eq!(findings.live, 0);
    assert_eq!(findings.slots, SLOTS * (alive * 10 + back * 7), "{findings:?}");
    assert_eq!(findings.missing, BTreeMap::from([("silent", 3 * dead.len())]));
    head_end.close().await;
    town.close().await;
}

#[tokio::test]
async fn f11_i20_nobody_waits_for_the_dead() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(14, 1, 9600, 37, false);
    // Among the first, so that the others would have to wait.
    let dead: Vec<MeterAddress> = world.meter.iter().skip(1).take(6).map(|meter| meter.address).collect();
    // Back ten minutes behind midnight, night for night.
    let late = world.meter.get(9).unwrap().address;
    let config = config(&world, "[collection]\nrepair_days = 2\n[intervals]\nrepair_days = 2");
    let address = Address::Sqlite(folder.path().join("town.db"));
    let town = Town::new(TownPlan::new(world, config, first(), address)).await;
    let head_end = town.head_end();
    let mut voices: Vec<_> = dead.iter().map(|address| (*address, None)).collect();
    voices.iter_mut().for_each(|(address, voice)| town.swap_voice(*address, voice));
    for today in nights(6) {
        let mut voice = None;
        town.swap_voice(late, &mut voice);
        let back = async {
            town.clock.sleep_until(today.start().plus(Duration::from_secs(600))).await;
            town.swap_voice(late, &mut voice);
        };
        tokio::join!(town.night(&head_end, today), back);
        let missing = town.missing(today).await;
        assert_eq!(missing.keys().copied().collect::<Vec<_>>(), dead, "{today}");
        for (id, address) in town.numbers().await {
            if dead.contains(&address) {
                continue;
            }
            let kept = town.store.ledger(id, today.start(), today.start()).await.unwrap();
            let last = kept.iter().map(|entry| entry.recorded_at).max().unwrap();
            let hour = Duration::from_secs(3600);
            assert!(last < today.start().plus(hour), "{today} {address}: not before {last}");
            let run = town.store.run_of("site", today, RunKind::Nightly).await.unwrap().unwrap();
            let outcomes = town.store.run_meters(run.id).await.unwrap();
            let outcome = outcomes.iter().find(|outcome| outcome.meter == id).unwrap();
            assert_eq!(outcome.holes, Some((0, None)), "{today} {address}");
        }
    }
    head_end.close().await;
    town.close().await;
}

/// What is billed comes before what is recorded: who missed the first question has the next one before anybody's curves.
#[tokio::test]
async fn i20_who_missed_one_question_does_not_wait_behind_the_curves_of_all() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(12, 1, 1200, 38, false);
    let late = world.meter.first().unwrap().address;
    let config = config(&world, "[collection]\nevents = false\nrepair_days = 1\npass_pause = \"1h\"");
    let address = Address::Sqlite(folder.path().join("town.db"));
    let town = Town::new(TownPlan::new(world, config, first(), address)).await;
    let head_end = town.head_end();
    let mut voice = None;
    town.swap_voice(late, &mut voice);
    let start = town.config.collection.start.on(first());
    let back = async {
        town.clock.sleep_until(start.plus(Duration::from_secs(20))).await;
        town.swap_voice(late, &mut voice);
    };
    let (report, ()) = tokio::join!(town.night(&head_end, first()), back);
    assert_eq!(report.run.state, RunState::Done);
    let slots = town.config.intervals.items.len();
    let mut curves_from = None;
    for (id, address) in town.numbers().await {
        let kept = town.store.ledger(id, first().start(), first().start()).await.unwrap();
        let registers = kept.iter().map(|entry| entry.recorded_at).max().unwrap();
        let curve = town.store.fetches(id, first().previous().start(), first().start()).await.unwrap();
        let records = curve.iter().filter(|fetch| fetch.source == Source::LoadRecord);
        let read = records.map(|fetch| fetch.collected_at).min().unwrap();
        curves_from = Some(curves_from.map_or(read, |from: chaobiao::domain::Moment| from.min(read)));
        if address == late {
            assert!(registers > start.plus(Duration::from_secs(20)), "it was away");
            assert!(registers < start.plus(Duration::from_secs(1200)), "{registers}");
        }
    }
    assert!(slots > 0 && curves_from.unwrap() > start);
    let id = town.number(late).await;
    let kept = town.store.ledger(id, first().start(), first().start()).await.unwrap();
    assert!(kept.iter().all(|entry| entry.reading.collected_at < curves_from.unwrap()), "{curves_from:?}");
    head_end.close().await;
    town.close().await;
}

/// Passes go on until the deadline, ever more seldom; who comes back behind the first few is read in the same night.
#[tokio::test]
async fn i20_who_is_back_at_five_is_read_in_the_same_night() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(4, 1, 9600, 39, false);
    let (late, dead) = (world.meter[1].address, world.meter[2].address);
    let config = config(&world, "[collection]\nrepair_days = 1\n[intervals]\nrepair_days = 1");
    let address = Address::Sqlite(folder.path().join("town.db"));
    let town = Town::new(TownPlan::new(world, config, first(), address)).await;
    let head_end = town.head_end();
    let (mut voice, mut other) = (None, None);
    town.swap_voice(late, &mut voice);
    town.swap_voice(dead, &mut other);
    let back = async {
        town.clock.sleep_until(first().start().plus(Duration::from_secs(5 * 3600 - 1800))).await;
        town.swap_voice(late, &mut voice);
    };
    let (report, ()) = tokio::join!(town.night(&head_end, first()), back);
    assert_eq!(town.missing(first()).await.keys().copied().collect::<Vec<_>>(), [dead]);
    let ended = report.run.ended_at.unwrap();
    assert!(ended <= report.run.deadline.plus(Duration::from_secs(60)), "{ended}");
    // A meter that does not answer is asked once a pass, of which there are about ten.
    let requests = town.requests();
    assert!(requests < 4 * 200, "{requests}");
    head_end.close().await;
    town.close().await;
}

#[tokio::test]
async fn i20_a_line_that_is_down_for_a_night_is_told_so_and_caught_up_with() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(8, 2, 9600, 32, false);
    let cut: BTreeSet<MeterAddress> =
        world.meter.iter().filter(|meter| meter.bus == "line 2").map(|meter| meter.address).collect();
    let (config, address) = (config(&world, ""), Address::Sqlite(folder.path().join("town.db")));
    let town = Town::new(TownPlan::new(world, config, first(), address)).await;
    let is_cut = &town.wires.iter().find(|wire| wire.name == "line 2").unwrap().is_cut;
    is_cut.store(true, Ordering::Relaxed);
    let head_end = town.head_end();
    let report = town.night(&head_end, first()).await;
    assert_eq!((report.run.state, report.progress.read), (RunState::Partial, 4));
    let missing = town.missing(first()).await;
    assert_eq!(missing.keys().copied().collect::<BTreeSet<_>>(), cut);
    assert!(missing.values().all(|cause| *cause == MissingCause::LineDown), "{missing:?}");
    // In the second night it comes back at two o'clock.
    let second = first().next();
    let back = async {
        town.clock.sleep_until(second.start().plus(Duration::from_secs(7200))).await;
        is_cut.store(false, Ordering::Relaxed);
    };
    let (report, ()) = tokio::join!(town.night(&head_end, second), back);
    assert_eq!((report.run.state, report.progress.read), (RunState::Done, 8), "{:?}", report.progress);
    assert!(report.run.ended_at.unwrap() > second.start().plus(Duration::from_secs(7200)));
    let findings = town.judge((first().plus(-7), second), &nights(2)).await;
    assert_eq!(findings.wrong, Vec::<String>::new());
    assert_eq!(findings.registers, EACH * (4 * 9 + 4 * 8), "{findings:?}");
    assert_eq!(findings.slots, SLOTS * (4 * 8 + 4 * 7), "{findings:?}");
    head_end.close().await;
    town.close().await;
}

#[tokio::test]
async fn i20_a_midnight_without_supply_is_read_live_and_its_curve_has_holes_with_a_cause() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(6, 1, 9600, 33, false);
    let dark: Vec<MeterAddress> = world.meter.iter().take(3).map(|meter| meter.address).collect();
    for meter in world.meter.iter_mut().take(3) {
        meter.customer.transformer_area = "the dark one".to_owned();
    }
    let midnight = at(first().start());
    world.power_cut.push(AreaPowerCut {
        transformer_area: "the dark one".to_owned(),
        from: Written(midnight.plus(-9600)),
        to: Written(midnight.plus(120)),
    });
    let (config, address) = (config(&world, ""), Address::Sqlite(folder.path().join("town.db")));
    let town = Town::new(TownPlan::new(world, config, first(), address)).await;
    let head_end = town.head_end();
    for today in nights(2) {
        assert_eq!(town.night(&head_end, today).await.run.state, RunState::Done);
    }
    let findings = town.judge((first().plus(-7), first().next()), &nights(2)).await;
    assert_eq!(findings.wrong, Vec::<String>::new());
    // The freezes before are nearer than the calendar says, and found all the same.
    assert_eq!(findings.registers, EACH * 6 * 9, "{findings:?}");
    assert_eq!(findings.live, EACH * 3, "{findings:?}");
    // From 21:20 on: 21:30 to 23:45. What was live at 00:00 of the next day is its own first slot.
    assert_eq!(findings.holes, BTreeMap::from([("no value", 3 * 2 * (10 + 1))]), "{findings:?}");
    for address in &dark {
        let id = town.number(*address).await;
        let entries =
            town.store.ledger(id, first().start(), first().next().start().minus(Duration::from_secs(1)));
        for entry in entries.await.unwrap() {
            assert_eq!(entry.reading.source, Source::Live);
            assert!(entry.reading.as_of > first().start(), "never stamped back: {entry:?}");
        }
        for (today, holes) in [(first(), 20), (first().next(), 2)] {
            let run = town.store.run_of("site", today, RunKind::Nightly).await.unwrap().unwrap();
            let outcomes = town.store.run_meters(run.id).await.unwrap();
            let outcome = outcomes.iter().find(|outcome| outcome.meter == id).unwrap();
            let (count, cause) = outcome.holes.unwrap();
            assert_eq!((count, cause.unwrap().name()), (holes, "no value"), "{today} {address}");
        }
    }
    head_end.close().await;
    town.close().await;
}

#[tokio::test]
async fn i19_a_night_that_is_too_short_ends_with_those_it_did_not_come_to() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(8, 1, 300, 34, false);
    let config = config(
        &world,
        "[collection]\nstart = \"00:05\"\ndeadline = \"00:06\"\nevents = false\n[intervals]\nmode = \"off\"",
    );
    let address = Address::Sqlite(folder.path().join("town.db"));
    let town = Town::new(TownPlan::new(world, config, first(), address)).await;
    let head_end = town.head_end();
    let report = town.night(&head_end, first()).await;
    assert_eq!(report.run.state, RunState::Partial);
    assert!(
        report.run.ended_at.unwrap() < first().start().plus(Duration::from_secs(370)),
        "{:?}",
        report.run
    );
    let missing = town.missing(first()).await;
    assert!(report.progress.read > 0 && !missing.is_empty(), "{:?}", report.progress);
    assert!(missing.values().all(|cause| *cause == MissingCause::OutOfTime), "{missing:?}");
    assert_eq!(usize::try_from(report.progress.read).unwrap() + missing.len(), 8);
    // Asked for again by day, the run goes on with those alone and has an hour.
    town.clock.sleep_until(first().start().plus(Duration::from_secs(36_000))).await;
    let again = town.night(&head_end, first()).await;
    assert_eq!((again.run.id, again.run.state), (report.run.id, RunState::Done));
    let findings = town.judge((first(), first()), &[first()]).await;
    assert_eq!((findings.wrong, findings.registers), (Vec::new(), EACH * 8));
    head_end.close().await;
    town.close().await;
}

#[tokio::test]
async fn f33_nights_over_the_end_of_a_year_and_a_leap_day_are_whole() {
    for begins in ["2027-12-31", "2028-02-28"] {
        let folder = tempfile::tempdir().unwrap();
        let world = world(3, 1, 9600, 35, false);
        let config = config(&world, "[collection]\nrepair_days = 1\n[intervals]\nrepair_days = 1");
        let (begins, address) = (day(begins), Address::Sqlite(folder.path().join("town.db")));
        let town = Town::new(TownPlan::new(world, config, begins, address)).await;
        let head_end = town.head_end();
        let days = [begins, begins.next(), begins.plus(2)];
        for today in days {
            assert_eq!(town.night(&head_end, today).await.run.state, RunState::Done, "{today}");
            town.bill().await;
        }
        let findings = town.judge((begins.previous(), begins.plus(2)), &days).await;
        assert_eq!(findings.wrong, Vec::<String>::new());
        assert_eq!((findings.registers, findings.slots), (EACH * 3 * 4, SLOTS * 3 * 3), "{findings:?}");
        assert_eq!(findings.billed, EACH * 3 * 7, "four midnights, three days");
        head_end.close().await;
        town.close().await;
    }
}

#[tokio::test]
async fn f12_two_meters_of_one_address_are_never_mixed() {
    // Both talk at once, or one is always in front of the other; then only an asset number could tell which it is.
    for (delays, cause) in [([50, 50], Some("damaged answers")), ([20, 500], None)] {
        let folder = tempfile::tempdir().unwrap();
        let mut world = world(4, 1, 9600, 36, false);
        let [one, other, ..] = world.meter.as_mut_slice() else { unreachable!() };
        [one.answer_delay_ms, other.answer_delay_ms] = delays;
        let (twin, stranger) = (one.address, other.address);
        let config = config(&world, "[collection]\nrepair_days = 1\n[intervals]\nrepair_days = 1");
        let address = Address::Sqlite(folder.path().join("town.db"));
        let mut plan = TownPlan::new(world, config, first(), address);
        plan.archive.retain(|entry| entry.meter.address != stranger);
        let town = Town::new(plan).await;
        town.rename(stranger, twin);
        let head_end = town.head_end();
        town.night(&head_end, first()).await;
        let missing: Vec<_> = town.missing(first()).await.into_iter().collect();
        let told: Vec<_> = missing.iter().map(|(address, cause)| (*address, cause.name())).collect();
        assert_eq!(told, cause.map(|cause| (twin, cause)).into_iter().collect::<Vec<_>>(), "{delays:?}");
        let findings = town.judge((first().previous(), first()), &[first()]).await;
        assert_eq!(findings.wrong, Vec::<String>::new(), "{delays:?}: of the one that is heard");
        let id = town.number(twin).await;
        let kept = town.store.ledger(id, first().plus(-9).start(), first().next().start()).await.unwrap();
        assert_eq!(kept.is_empty(), cause.is_some(), "{delays:?}");
        head_end.close().await;
        town.close().await;
    }
}
