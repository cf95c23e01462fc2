//! F33: our own clock is set wrong, in the day and in the middle of a night, and right again: nothing that it dated is wrong,
//! no cut goes out by it, and when it is right every meter is read.

use std::time::Duration;

use chaobiao::domain::supply::HaltKind;
use chaobiao::domain::{Day, Moment, RunKind, RunState};
use chaobiao::store::Address;
use simulator::world::file::EditionName;

use crate::rig::{HeadEnd, Town, TownPlan, config, day, set_clocks, world};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

fn first() -> Day {
    day("2026-12-30")
}

/// Moves a moment by so many seconds.
fn moved(at: Moment, seconds: i64) -> Moment {
    let by = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 { at.minus(by) } else { at.plus(by) }
}

/// Runs the night that a service would run now; some steps lead before the first day there is.
async fn night_of_now(town: &Town, head_end: &HeadEnd) {
    let today = Day::of(town.clock.now());
    let report = head_end.collector.run_night(today, &head_end.stop).await.unwrap();
    assert_ne!(report.run.state, RunState::Running);
}

/// The clock is off by so much from before the first night, or from the middle of it.
async fn off_by(seconds: i64, in_the_middle: bool) {
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(9, 2, 9600, 61, false);
    set_clocks(&mut world);
    // Meters without a freeze, which are read by our clock alone, and one that nobody looked after.
    world.meter.iter_mut().skip(1).step_by(3).for_each(|meter| meter.edition = EditionName::E1997);
    world.meter.last_mut().unwrap().clock_offset_seconds = 1800;
    let mut config =
        config(&world, "[intervals]\nmode = \"off\"\n[collection]\nevents = false\nrepair_days = 1");
    // There is time left for another go once the clock is right.
    config.collection.until_deadline = false;
    let address = Address::Sqlite(folder.path().join("town.db"));
    let mut plan = TownPlan::new(world, config, first(), address);
    // Seen right once before.
    plan.start = plan.start.minus(Duration::from_secs(86_400));
    let town = Town::new(plan).await;
    let head_end = town.head_end();
    let before = first().previous();
    assert_eq!(town.night(&head_end, before).await.run.state, RunState::Done);
    town.clock.sleep_until(town.config.collection.start.on(first())).await;
    if in_the_middle {
        let set = async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            town.set_clock(moved(town.clock.now(), seconds));
        };
        let night = head_end.collector.run_night(first(), &head_end.stop);
        let (report, ()) = tokio::join!(night, set);
        assert_ne!(report.unwrap().run.state, RunState::Running);
    } else {
        town.set_clock(moved(town.clock.now(), seconds));
        night_of_now(&town, &head_end).await;
    }
    // The night before that was done asks no meter.
    let was_asked = in_the_middle || Day::of(town.clock.now()) >= first();
    let halts = town.store.halts().await.unwrap();
    let is_halted = halts.iter().any(|halt| halt.kind == HaltKind::Clock);
    assert_eq!(is_halted, was_asked, "cuts are kept back: {seconds} s, {halts:?}");
    // Right again: the night that was not read, and the one behind it.
    town.set_clock(moved(town.clock.now(), -seconds));
    tokio::time::sleep(Duration::from_secs(2 * 3600)).await;
    night_of_now(&town, &head_end).await;
    let next = first().next();
    town.clock.sleep_until(town.config.collection.start.on(next)).await;
    night_of_now(&town, &head_end).await;
    for day in [first(), next] {
        let run = town.store.run_of("site", day, RunKind::Nightly).await.unwrap().unwrap();
        assert_eq!(run.state, RunState::Done, "{seconds} {day}: {:?}", town.missing(day).await);
    }
    let findings = town.judge((before, next), &[before, first(), next]).await;
    assert_eq!(findings.wrong, Vec::<String>::new(), "{seconds}");
    assert!(findings.registers > 0 && findings.live > 0, "{findings:?}");
    println!("f33: {seconds} s, in the middle {in_the_middle}: {findings:?}");
    head_end.close().await;
    town.close().await;
}

#[tokio::test]
async fn f33_our_clock_set_wrong_before_a_night_dates_nothing_wrong() {
    for seconds in [HOUR, -HOUR, DAY, -DAY, 3650 * DAY] {
        off_by(seconds, false).await;
    }
}

#[tokio::test]
async fn f33_our_clock_set_wrong_in_a_night_dates_nothing_wrong() {
    for seconds in [HOUR, -HOUR, DAY, -DAY] {
        off_by(seconds, true).await;
    }
}
