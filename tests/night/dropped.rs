//! Curves of terminals that drop the line, or are not there for a while: read when they are back (F18, F19); and curves of more
//! slots than one answer bears.

use std::time::Duration;

use chaobiao::domain::RunState;
use simulator::concentrator::Setup;
use simulator::concentrator::settings::{Air, Settings};

use crate::behind::{NO_HISTORY, swift, town, verify, world};
use crate::rig::{Town, day};

/// Over GPRS, so that curves take their time.
fn slow(setup: Setup) -> Setup {
    let setup = swift(setup);
    Setup { settings: Settings { air: Air::GPRS, ..setup.settings }, ..setup }
}

async fn slots(town: &Town) -> i64 {
    town.ask("SELECT count(*) FROM meter_fetch WHERE from_at < until_at").await
}

#[tokio::test]
async fn f19_curves_of_a_terminal_that_goes_and_comes_back_are_read_in_the_same_night() {
    let more = format!("[terminals]\nreturn_within = \"5s\"\n{NO_HISTORY}");
    let (_folder, town) = town(world(12, 1, 97), &more, slow).await;
    verify(&town).await;
    let head_end = town.head_end();
    let night = day("2026-11-22");
    let goes_and_comes = async {
        // When the first curves are kept it goes, for longer than is waited for at a question.
        let mut progress = head_end.collector.progress();
        progress.wait_for(|progress| progress.slots > 0).await.unwrap();
        town.terminals[0].live.power_off();
        tokio::time::sleep(Duration::from_secs(20 * 60)).await;
        let before = slots(&town).await;
        town.terminals[0].live.power_on();
        before
    };
    let (report, before) = tokio::join!(town.night(&head_end, night), goes_and_comes);
    assert_eq!((report.run.state, report.progress.read), (RunState::Done, 12), "{:?}", report.progress);
    let findings = town.judge((night.previous(), night), &[night]).await;
    assert!(before > 0 && before < 12 * 2, "{before} curves before it went");
    assert_eq!(findings.wrong, Vec::<String>::new());
    assert_eq!((findings.registers, findings.slots), (12 * 10, 12 * 2 * 96), "{findings:?}");
    assert_eq!(slots(&town).await, 12 * 2, "each was brought once");
    head_end.close().await;
    town.close().await;
}

fn of_five_minutes(setup: Setup) -> Setup {
    let setup = swift(setup);
    Setup { settings: Settings { density: 254, ..setup.settings }, ..setup }
}

fn of_one_minute(setup: Setup) -> Setup {
    let setup = swift(setup);
    Setup { settings: Settings { density: 255, sends: 512, ..setup.settings }, ..setup }
}

/// What becomes of the terminals.
type Terminals = fn(Setup) -> Setup;

#[tokio::test]
async fn f18_curves_of_five_minutes_and_of_one_are_read_whole_in_one_night() {
    let densities: [(&str, Terminals, usize); 2] =
        [("5min", of_five_minutes, 288), ("1min", of_one_minute, 1440)];
    for (period, terminals, slots) in densities {
        let more = format!("{NO_HISTORY}period = \"{period}\"\n");
        let (_folder, town) = town(world(2, 1, 98), &more, terminals).await;
        verify(&town).await;
        let head_end = town.head_end();
        let night = day("2026-11-22");
        let report = town.night(&head_end, night).await;
        assert_eq!((report.run.state, report.progress.read), (RunState::Done, 2), "{:?}", report.progress);
        let findings = town.judge((night.previous(), night), &[night]).await;
        assert_eq!(findings.wrong, Vec::<String>::new(), "{period}");
        assert_eq!(findings.slots, 2 * 2 * slots, "{period}: {findings:?}");
        head_end.close().await;
        town.close().await;
    }
}
