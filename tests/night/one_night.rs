//! One night, and what goes wrong in it.

use std::collections::BTreeMap;
use std::time::Duration;

use chaobiao::config::Config;
use chaobiao::domain::{MissingCause, RunOutcome, RunState};
use chaobiao::store::Address;
use simulator::bus::settings::Pace;
use simulator::fault::Plan as Faults;
use simulator::seed::Seed;

use simulator::world::file::{AbsentPhasesName, EditionName, Habits};

use crate::rig::{Town, TownPlan, config, day, set_clocks, world};
use crate::truth::held;

#[tokio::test]
async fn a_quiet_night_is_complete_and_true() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(24, 3, 9600, 7, false);
    let (config, address) = (config(&world, ""), Address::Sqlite(folder.path().join("town.db")));
    let plan = TownPlan::new(world, config, day("2026-11-22"), address);
    let town = Town::new(plan).await;
    let head_end = town.head_end();
    let begun = tokio::time::Instant::now();
    let report = town.night(&head_end, day("2026-11-22")).await;
    println!("{report:?} in {:?}", begun.elapsed());
    assert_eq!((report.run.state, report.progress.read), (RunState::Done, 24), "{:?}", report.progress);
    let outcomes = town.store.run_meters(report.run.id).await.unwrap();
    assert!(outcomes.iter().all(|meter| meter.outcome == RunOutcome::Read), "{outcomes:?}");
    let findings = town.judge((day("2026-11-14"), day("2026-11-22")), &[day("2026-11-22")]).await;
    assert_eq!(findings.wrong, Vec::<String>::new());
    // Two registers with four tariffs, tonight and seven midnights before; two curves of seven days.
    assert_eq!(findings.registers, 24 * 10 * 8, "{findings:?}");
    assert_eq!(findings.slots, 24 * 2 * 96 * 7, "{findings:?}");
    assert_eq!(findings.suspect.len(), 0, "{findings:?}");
    head_end.close().await;
    town.close().await;
}

#[tokio::test]
async fn i20_without_faults_meters_of_every_make_are_complete() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(32, 4, 9600, 100, true);
    set_clocks(&mut world);
    let has = |habit: fn(&Habits) -> bool| world.meter.iter().any(|meter| habit(&meter.habits));
    assert!(has(|h| h.flags_events) && has(|h| h.is_silent_on_unknown) && has(|h| h.separates_freezes));
    assert!(has(|h| h.ends_blocks_with_aa) && has(|h| h.absent_phases == AbsentPhasesName::LeftOut));
    let old = world.meter.iter().filter(|meter| meter.edition == EditionName::E1997).count();
    let config = config(&world, "[collection]\nrepair_days = 1\n[intervals]\nrepair_days = 1");
    let address = Address::Sqlite(folder.path().join("town.db"));
    let tonight = day("2026-11-22");
    let town = Town::new(TownPlan::new(world, config, tonight, address)).await;
    let head_end = town.head_end();
    let report = town.night(&head_end, tonight).await;
    assert_eq!(report.run.state, RunState::Done, "{:?}", report.progress);
    let findings = town.judge((tonight.previous(), tonight), &[tonight]).await;
    assert_eq!(findings.wrong, Vec::<String>::new());
    assert!(findings.holes.is_empty() && findings.suspect.is_empty(), "{findings:?}");
    assert_eq!((findings.live, findings.slots), (old * 10, (32 - old) * 2 * 96), "{findings:?}");
    head_end.close().await;
    town.close().await;
}

#[tokio::test]
async fn f14_i19_a_day_that_is_past_is_read_from_freezes_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(4, 1, 9600, 4, false);
    world.meter.iter_mut().take(1).for_each(|meter| meter.edition = EditionName::E1997);
    let old = world.meter.first().unwrap().address;
    let config = config(&world, "[intervals]\nmode = \"off\"\n[collection]\nrepair_days = 0\nevents = false");
    let (past, address) = (day("2026-11-20"), Address::Sqlite(folder.path().join("town.db")));
    let town = Town::new(TownPlan::new(world, config, day("2026-11-22"), address)).await;
    let head_end = town.head_end();
    let report = town.night(&head_end, past).await;
    assert_eq!((report.run.state, report.progress.read), (RunState::Partial, 3));
    assert_eq!(town.missing(past).await, BTreeMap::from([(old, MissingCause::NoSuchData)]));
    let findings = town.judge((past, day("2026-11-22")), &[past]).await;
    assert_eq!((findings.wrong, findings.registers, findings.live), (Vec::new(), 3 * 10, 0));
    head_end.close().await;
    town.close().await;
}

#[tokio::test]
async fn f35_a_night_that_was_done_is_not_done_again_and_a_day_to_come_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(4, 1, 9600, 3, false);
    let config = config(&world, "[intervals]\nmode = \"off\"\n[collection]\nrepair_days = 0\nevents = false");
    let address = Address::Sqlite(folder.path().join("town.db"));
    let plan = TownPlan::new(world, config, day("2026-11-22"), address);
    let town = Town::new(plan).await;
    let head_end = town.head_end();
    let refused = head_end.collector.run_night(day("2026-11-22"), &head_end.stop).await.unwrap_err();
    assert_eq!(refused.kind(), "not_yet");
    let first = town.night(&head_end, day("2026-11-22")).await;
    let requests = town.requests();
    let again = town.night(&head_end, day("2026-11-22")).await;
    assert_eq!((again.run.id, again.run.state), (first.run.id, RunState::Done));
    assert_eq!(town.requests(), requests, "no meter was asked again");
    head_end.close().await;
    town.close().await;
}

#[tokio::test]
async fn slots_are_polled_where_meters_keep_no_record() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(6, 2, 2400, 5, true);
    let config = config(&world, "[intervals]\nmode = \"poll\"");
    let address = Address::Sqlite(folder.path().join("town.db"));
    let plan = TownPlan::new(world, config, day("2026-11-21"), address);
    let town = Town::new(plan).await;
    let head_end = town.head_end();
    let slots = town.config.intervals.slots;
    for number in 1..=8 {
        let slot = slots.instant(day("2026-11-21"), number);
        town.clock.sleep_until(slot).await;
        let report = head_end.collector.poll_slot(slot, &head_end.stop).await.unwrap();
        assert_eq!((report.planned, report.read), (6, 6));
    }
    for (id, address) in town.numbers().await {
        let items = &town.config.intervals.items;
        let today = day("2026-11-21");
        for curve in town.store.curves(&[id], items, today, today).await.unwrap() {
            assert_eq!(curve.filled().count(), 8, "{address}");
            for (instant, slot) in curve.filled() {
                let meter = town.shared(address);
                let (from, until) = (instant, instant.plus(Duration::from_secs(60)));
                let truth = [from, until].map(|moment| held(meter, curve.item, moment).unwrap());
                assert!((truth[0]..=truth[1]).contains(&slot.value), "{address} {instant}");
            }
        }
    }
    head_end.close().await;
    town.close().await;
}

#[tokio::test]
async fn f11_a_line_that_loses_a_third_of_its_answers_waits_behind_no_meter() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(20, 2, 9600, 9, false);
    let mut faults = Faults::new(Seed::new(9));
    faults.add("silence=30%").unwrap();
    let few = "[intervals]\nmode = \"off\"\n[collection]\nrepair_days = 0\nevents = false\npasses = 5\npass_pause = \"5s\"";
    let (mut config, address) = (config(&world, few), Address::Sqlite(folder.path().join("town.db")));
    config.collection.until_deadline = false;
    let plan = TownPlan { faults: Some(faults), ..TownPlan::new(world, config, day("2026-11-22"), address) };
    let town = Town::new(plan).await;
    let head_end = town.head_end();
    let report = town.night(&head_end, day("2026-11-22")).await;
    let took = report.run.ended_at.unwrap().since(report.run.started_at);
    // A few minutes of questions; no probe of a dead meter, due after five, is waited for.
    assert!(took < Duration::from_secs(4 * 60), "{took:?} for {:?}", report.progress);
    assert!(report.progress.read >= 18, "{:?} in {took:?}", report.progress);
    head_end.close().await;
    town.close().await;
}

/// PERFORMANCE goal 5: what visits bring is gathered for a while before it is kept; a line that is quicker asks its other meters
/// meanwhile.
#[tokio::test]
async fn a_line_does_not_wait_until_its_visits_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (world, tonight) = (world(60, 1, 9600, 5, false), day("2026-11-22"));
    let line = &world.bus.first().unwrap().name;
    let text = format!(
        "[database]\npath = \"unused.db\"\n[collection]\nrepair_days = 0\nevents = false\n[intervals]\nmode = \"off\"\n\
         [profiles]\ndirectory = \".\"\n\
         [[line]]\nname = \"{line}\"\ntcp = \"127.0.0.1:7001\"\nbaud = 9600\nquiet_after_answer = \"0ms\"\n"
    );
    let swift = "name = \"swift\"\nabout = \"needs no quiet\"\n[line]\nquiet_after_answer = \"0ms\"\n";
    std::fs::write(folder.path().join("swift.toml"), swift).unwrap();
    let config = Config::parse(&folder.path().join("town.toml"), &text).unwrap().config;
    let mut plan = TownPlan::new(world, config, tonight, Address::Sqlite(folder.path().join("town.db")));
    plan.pace = Pace::Unpaced;
    plan.archive.iter_mut().for_each(|entry| entry.meter.profile = Some("swift".to_owned()));
    let town = Town::new(plan).await;
    let head_end = town.head_end();
    town.clock.sleep_until(head_end.collector.night(tonight).start).await;
    let begun = tokio::time::Instant::now();
    let report = town.night(&head_end, tonight).await;
    println!("{} questions in {:?}", town.requests(), begun.elapsed());
    assert_eq!((report.run.state, report.progress.read), (RunState::Done, 60));
    // Three at a time would wait for twenty gatherings.
    assert!(begun.elapsed() < Duration::from_millis(1500), "{:?}", begun.elapsed());
    head_end.close().await;
    town.close().await;
}
