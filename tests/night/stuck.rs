//! Terminals that cannot bring all of their meters, or know less than others: what they lack costs no other meter its night
//! (I19, I20).

use std::time::Duration;

use chaobiao::domain::{MissingCause, RunOutcome, RunState};
use chaobiao::store::terminal::EventsRead;
use chaobiao::store::{Batch, Notes};
use simulator::concentrator::fault::Kind;
use simulator::concentrator::habits::Unknown;
use simulator::concentrator::{Setup, Wired};
use simulator::world::file::EditionName;

use crate::behind::{NO_HISTORY, other_archive, set_faults, swift, town, verify, world};
use crate::rig::day;

/// Points 3 and 4 are without supply, and the terminal does not come back to them in this night.
fn two_dead(setup: Setup) -> Setup {
    let mut setup = swift(setup);
    setup.settings.pass_pause = Duration::from_secs(86_400);
    setup.wired.truncate(2);
    setup
}

#[tokio::test]
async fn i20_a_dead_meter_keeps_no_other_from_being_asked_through_its_terminal() {
    let mut world = world(4, 1, 71);
    // It keeps no freezes: the terminal will never have anything of it.
    world.meter[1].edition = EditionName::E1997;
    let (_folder, town) = town(world, NO_HISTORY, two_dead).await;
    verify(&town).await;
    let head_end = town.head_end();
    let night = day("2026-11-22");
    let back = town.meters[2].1.lock().unwrap().meter.clone();
    let at_one = night.start().plus(Duration::from_secs(3600));
    let at_three = night.start().plus(Duration::from_secs(3 * 3600));
    let events = async {
        town.clock.sleep_until(at_one).await;
        town.terminals[0].live.with(|c| c.wired_mut().push(Wired { meter: back, port: 31 }));
        town.clock.sleep_until(at_three).await;
        set_faults(&town, &[(Kind::Silence, "100%")]);
    };
    let (report, ()) = tokio::join!(town.night(&head_end, night), events);
    assert_eq!((report.run.state, report.progress.read), (RunState::Partial, 3), "{:?}", report.progress);
    let findings = town.judge((night, night), &[night]).await;
    assert_eq!(findings.wrong, Vec::<String>::new());
    let first = town.terminals[0].live.with(|c| c.reached()[0].clone());
    println!("the first that was forwarded: {first:?}");
    // What is told of the dead one is what came of asking it, also when the terminal falls silent later.
    let dead = town.number(town.meters[3].0.address).await;
    let told = town.store.run_meters(report.run.id).await.unwrap();
    let told = told.into_iter().find(|told| told.meter == dead).unwrap();
    assert_eq!(told.outcome, RunOutcome::Missing(MissingCause::Silent), "{told:?}");
    assert!(!told.detail.as_deref().unwrap_or_default().starts_with("clock:"), "{told:?}");
    head_end.close().await;
    town.close().await;
}

/// Old firmware: neither its ports, nor its list of meters, nor how far it is.
fn knows_little(setup: Setup) -> Setup {
    let mut setup = swift(setup);
    setup.habits.lacks = &[(0x09, 2), (0x0A, 10), (0x0C, 11)];
    setup.habits.unknown = Unknown::Ignored;
    setup
}

#[tokio::test]
async fn i20_a_terminal_that_ignores_what_it_does_not_know_is_read_all_the_same() {
    let (_folder, town) = town(world(6, 1, 72), NO_HISTORY, knows_little).await;
    let head_end = town.head_end();
    for night in [day("2026-11-22"), day("2026-11-23")] {
        let report = town.night(&head_end, night).await;
        assert_eq!((report.run.state, report.progress.read), (RunState::Done, 6), "{:?}", report.progress);
        let findings = town.judge((night, night), &[night]).await;
        assert_eq!((findings.wrong, findings.registers), (Vec::new(), 60));
    }
    head_end.close().await;
    town.close().await;
}

#[tokio::test]
async fn i19_a_terminal_that_answers_nothing_is_told_so_and_no_meter_is_called_silent() {
    let (_folder, town) = town(world(3, 1, 73), NO_HISTORY, swift).await;
    verify(&town).await;
    let head_end = town.head_end();
    set_faults(&town, &[(Kind::Silence, "100%")]);
    let report = town.night(&head_end, day("2026-11-22")).await;
    let missing: Vec<_> = report.progress.missing.iter().map(|(cause, count)| (*cause, *count)).collect();
    assert_eq!(missing, [(MissingCause::TerminalSilent, 3)]);
    head_end.close().await;
    town.close().await;
}

#[tokio::test]
async fn f24_a_list_of_meters_that_is_not_told_tonight_is_believed_no_further_than_before() {
    let (_folder, town) = town(world(6, 1, 74), NO_HISTORY, other_archive).await;
    verify(&town).await;
    let head_end = town.head_end();
    let (first, second) = (day("2026-11-22"), day("2026-11-23"));
    let report = town.night(&head_end, first).await;
    assert_eq!(report.progress.read, 6, "{:?}", report.progress);
    town.terminals[0].live.with(|c| {
        c.habits_mut().lacks = &[(0x0A, 10)];
        c.habits_mut().unknown = Unknown::Ignored;
    });
    let report = town.night(&head_end, second).await;
    assert_eq!(report.progress.read, 6, "{:?}", report.progress);
    let findings = town.judge((first, second), &[first, second]).await;
    assert_eq!((findings.wrong, findings.registers), (Vec::new(), 120));
    head_end.close().await;
    town.close().await;
}

#[tokio::test]
async fn f07_events_behind_a_reset_of_the_terminal_are_read_and_reading_goes_on_behind_them() {
    let (_folder, town) = town(world(2, 1, 75), NO_HISTORY, swift).await;
    verify(&town).await;
    let head_end = town.head_end();
    let terminal = town.terminals[0].address;
    // It was read up to here before its memory went.
    let read = |important| EventsRead { terminal, important, read_to: Some(200), events: Vec::new() };
    let mut notes = Notes::default();
    notes.terminals.events = vec![read(true), read(false)];
    town.store.save(&Batch { notes, ..Batch::default() }, town.clock.now()).await.unwrap();
    town.terminals[0].live.with(|c| c.forget_events());
    for _ in 0..3 {
        town.terminals[0].live.power_off();
        tokio::time::sleep(Duration::from_secs(600)).await;
        town.terminals[0].live.power_on();
        tokio::time::sleep(Duration::from_secs(900)).await;
    }
    let report = town.night(&head_end, day("2026-11-23")).await;
    assert_eq!(report.progress.read, 2, "{:?}", report.progress);
    let [important, ordinary] = town.terminals[0].live.with(|c| c.event_counters());
    assert!(important >= 3, "{important}");
    let told = town.store.told_of_terminal(terminal).await.unwrap();
    assert_eq!(told.events_read, (Some(important), Some(ordinary)));
    head_end.close().await;
    town.close().await;
}

fn takes_little(setup: Setup) -> Setup {
    let mut setup = swift(setup);
    setup.settings.takes = 300;
    setup
}

/// How long requests may be is asked once, and known in every later process.
#[tokio::test]
async fn the_longest_request_that_a_terminal_takes_is_known_after_a_restart() {
    let (_folder, town) = town(world(4, 1, 78), NO_HISTORY, takes_little).await;
    let terminal = town.terminals[0].address;
    for night in ["2026-11-22", "2026-11-23"] {
        let head_end = town.head_end();
        let most = || head_end.terminals.status(terminal).unwrap().most_request;
        assert_eq!(most(), 512, "nothing is known yet");
        let report = town.night(&head_end, day(night)).await;
        assert_eq!((report.run.state, report.progress.read), (RunState::Done, 4), "{:?}", report.progress);
        assert_eq!(most(), 300, "{night}");
        head_end.close().await;
    }
    town.close().await;
}
