//! A night that is told to stop while nothing may be asked, as the site may be another's: what waits for its turn is not
//! waited for (F36).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chaobiao::domain::{Day, RunState};
use chaobiao::link::Ours;
use chaobiao::store::Address;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::behind::{self, NO_HISTORY, swift};
use crate::rig::{HeadEnd, Town, TownPlan, config, day, world};

/// Runs a night, `after` whose beginning nothing may be asked any more, stops it, and has it go on when it may.
async fn stopped(town: &Town, head_end: HeadEnd, tonight: Day, after: Duration) {
    let stop = CancellationToken::new();
    let is_ours = Arc::new(AtomicBool::new(true));
    let asks = Arc::clone(&is_ours);
    head_end.lines.only_while(&Ours::when(move || asks.load(Ordering::Relaxed)));
    town.clock.sleep_until(head_end.collector.night(tonight).start).await;
    let told = async {
        sleep(after).await;
        is_ours.store(false, Ordering::Relaxed);
        sleep(Duration::from_secs(60)).await;
        stop.cancel();
        Instant::now()
    };
    let (report, told_at) = tokio::join!(head_end.collector.run_night(tonight, &stop), told);
    let (report, took) = (report.unwrap(), told_at.elapsed());
    assert!(report.was_stopped, "{:?}", report.progress);
    assert!(took < Duration::from_secs(1), "{took:?}");
    is_ours.store(true, Ordering::Relaxed);
    let report = town.night(&head_end, tonight).await;
    assert_eq!((report.run.state, report.was_stopped), (RunState::Done, false), "{:?}", report.progress);
    head_end.close().await;
}

#[tokio::test]
async fn f36_a_night_on_lines_that_may_be_anothers_stops_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(12, 1, 2400, 31, false);
    let config = config(&world, "[intervals]\nmode = \"off\"\n[collection]\nrepair_days = 0\nevents = false");
    let address = Address::Sqlite(folder.path().join("town.db"));
    let town = Town::new(TownPlan::new(world, config, day("2026-11-22"), address)).await;
    stopped(&town, town.head_end(), day("2026-11-22"), Duration::from_secs(3)).await;
    town.close().await;
}

#[tokio::test]
async fn f36_a_night_behind_terminals_that_may_be_anothers_stops_at_once() {
    let (_folder, town) = behind::town(behind::world(12, 1, 31), NO_HISTORY, swift).await;
    let head_end = town.head_end();
    // From the second night on it is the terminal that is asked.
    assert_eq!(town.night(&head_end, day("2026-11-22")).await.run.state, RunState::Done);
    stopped(&town, head_end, day("2026-11-23"), Duration::from_millis(300)).await;
    town.close().await;
}
