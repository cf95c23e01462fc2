//! Answers of terminals of which frames are lost, that tell values of times to come, and questions that they drop: what came is
//! used, what is missing is asked for again, and no meter costs another (F18, I20).
#![expect(clippy::indexing_slicing, reason = "a terminal or meter that is not there must end its test")]

use chaobiao::domain::access::Regions;
use chaobiao::domain::{MissingCause, RunKind, RunState};
use chaobiao::store::terminal::TerminalLine;
use simulator::concentrator::Setup;
use simulator::concentrator::fault::Kind;
use simulator::concentrator::habits::Habits;
use simulator::concentrator::settings::Settings;

use crate::behind::{NO_HISTORY, forwarded, set_faults, struck, swift, town, verify, world};
use crate::rig::{Town, day};

/// Short frames, of which the master is not told: a curve of a day is an answer in two.
fn in_short_frames(setup: Setup) -> Setup {
    let setup = swift(setup);
    let habits = Habits { lacks: &[(0x09, 2)], ..setup.habits };
    Setup { habits, settings: Settings { sends: 256, ..setup.settings }, ..setup }
}

fn without_first_frames(setup: Setup) -> Setup {
    let setup = in_short_frames(setup);
    Setup { habits: Habits { loses_first_frame: true, ..setup.habits }, ..setup }
}

async fn kept(town: &Town) -> TerminalLine {
    town.store.terminal(town.terminals[0].address, &Regions::All).await.unwrap().unwrap()
}

#[tokio::test]
async fn i20_answers_of_which_the_first_frame_never_comes_are_used_for_what_they_hold() {
    let (_folder, town) = town(world(12, 1, 101), NO_HISTORY, without_first_frames).await;
    verify(&town).await;
    let head_end = town.head_end();
    let night = day("2026-11-22");
    let report = town.night(&head_end, night).await;
    assert_eq!((report.run.state, report.progress.read), (RunState::Done, 12), "{:?}", report.progress);
    assert_eq!(forwarded(&town), 0, "no meter had to be asked itself");
    let findings = town.judge((night.previous(), night), &[night]).await;
    assert_eq!(findings.wrong, Vec::<String>::new());
    assert_eq!((findings.registers, findings.slots), (12 * 10, 12 * 2 * 96), "{findings:?}");
    head_end.close().await;
    town.close().await;
}

#[tokio::test]
async fn i20_each_answer_in_several_frames_loses_one_and_nothing_is_missing_or_told_as_lacking() {
    let (_folder, town) = town(world(12, 1, 102), NO_HISTORY, in_short_frames).await;
    verify(&town).await;
    set_faults(&town, &[(Kind::LostFrame, "100%")]);
    let head_end = town.head_end();
    let (first, second) = (day("2026-11-22"), day("2026-11-23"));
    let report = town.night(&head_end, first).await;
    assert_eq!((report.run.state, report.progress.read), (RunState::Done, 12), "{:?}", report.progress);
    assert!(struck(&town, Kind::LostFrame) > 12, "{}", struck(&town, Kind::LostFrame));
    let findings = town.judge((first.previous(), first), &[first]).await;
    assert_eq!(findings.wrong, Vec::<String>::new());
    assert_eq!((findings.registers, findings.slots), (12 * 10, 12 * 2 * 96), "{findings:?}");
    // Its list of meters is one of these answers: it never came whole, and nobody is said to be missing in it.
    assert_eq!(kept(&town).await.archive, None);
    // One frame in three: the list is there when it came whole once.
    set_faults(&town, &[(Kind::LostFrame, "30%")]);
    let report = town.night(&head_end, second).await;
    assert_eq!((report.run.state, report.progress.read), (RunState::Done, 12), "{:?}", report.progress);
    let told = town.judge_terminals(second, second.start(), false).await;
    assert_eq!((told.wrong, told.untold_slots.len(), told.slots), (Vec::new(), 0, 12 * 2 * 96));
    let archive = kept(&town).await.archive;
    assert_eq!(archive.map(|(_, records, differences)| (records, differences.len())), Some((12, 0)));
    head_end.close().await;
    town.close().await;
}

/// The forward curve of the second point.
fn with_a_secret(setup: Setup) -> Setup {
    let setup = swift(setup);
    Setup { habits: Habits { withholds: &[(2, 101)], ..setup.habits }, ..setup }
}

#[tokio::test]
async fn i20_a_meter_whose_curve_a_terminal_leaves_unanswered_costs_no_other_its_own() {
    let (_folder, town) = town(world(8, 1, 103), NO_HISTORY, with_a_secret).await;
    verify(&town).await;
    let head_end = town.head_end();
    let night = day("2026-11-22");
    let report = town.night(&head_end, night).await;
    assert_eq!((report.run.state, report.progress.read), (RunState::Done, 8), "{:?}", report.progress);
    let findings = town.judge((night.previous(), night), &[night]).await;
    assert_eq!(findings.wrong, Vec::<String>::new());
    assert_eq!(findings.registers, 8 * 10, "{findings:?}");
    let run = town.store.run_of("site", night, RunKind::Nightly).await.unwrap().unwrap();
    let outcomes = town.store.run_meters(run.id).await.unwrap();
    let holes: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.holes).collect();
    let whole = holes.iter().filter(|holes| **holes == (0, None)).count();
    assert_eq!(whole, 7, "{holes:?}");
    let left: Vec<_> = holes.iter().filter(|(left, _)| *left > 0).collect();
    assert!(matches!(left.as_slice(), [(96.., Some(MissingCause::TerminalSilent))]), "{holes:?}");
    assert!(findings.slots >= 7 * 2 * 96, "{findings:?}");
    // It is let be after three times, and the night ends long before its deadline.
    let deadline = town.config.collection.deadline.on(night);
    assert!(report.run.ended_at.unwrap() < deadline.minus(std::time::Duration::from_secs(3600)));
    head_end.close().await;
    town.close().await;
}

fn ahead_of_its_time(setup: Setup) -> Setup {
    let setup = swift(setup);
    let habits = Habits { dates_ahead: true, ..setup.habits };
    Setup { habits, settings: Settings { density: 254, ..setup.settings }, ..setup }
}

#[tokio::test]
async fn f18_a_value_that_is_dated_far_ahead_ends_no_curve() {
    let more = format!("{NO_HISTORY}period = \"5min\"\n");
    let (_folder, town) = town(world(2, 1, 104), &more, ahead_of_its_time).await;
    verify(&town).await;
    let head_end = town.head_end();
    let night = day("2026-11-22");
    let report = town.night(&head_end, night).await;
    assert_eq!((report.run.state, report.progress.read), (RunState::Done, 2), "{:?}", report.progress);
    let findings = town.judge((night.previous(), night), &[night]).await;
    assert_eq!(findings.wrong, Vec::<String>::new());
    // Each answer has one such value, of two questions for each of two curves of each meter.
    assert_eq!(findings.slots, 2 * 2 * (288 - 2), "{findings:?}");
    assert_eq!(findings.holes, [("wrong form", 2 * 2 * 2)].into(), "they are named");
    head_end.close().await;
    town.close().await;
}

/// One answer of stored data in three is that of the day before: of eight meters some curve comes wrong twice in a row.
#[tokio::test]
async fn f18_a_curve_that_came_wrong_twice_is_asked_for_again_in_the_same_night() {
    let (_folder, town) = town(world(8, 1, 109), NO_HISTORY, swift).await;
    verify(&town).await;
    set_faults(&town, &[(Kind::OldData, "35%")]);
    let head_end = town.head_end();
    let night = day("2026-11-22");
    let report = town.night(&head_end, night).await;
    assert_eq!(report.run.state, RunState::Done, "{:?}", report.progress);
    assert!(struck(&town, Kind::OldData) > 4, "{}", struck(&town, Kind::OldData));
    let findings = town.judge((night.previous(), night), &[night]).await;
    assert_eq!(findings.wrong, Vec::<String>::new());
    assert_eq!(findings.slots, 8 * 2 * 96, "{findings:?}");
    head_end.close().await;
    town.close().await;
}
