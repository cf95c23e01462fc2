//! What a terminal read later than usual, or not of all registers, is no midnight by itself (F24, I2).

use std::time::Duration;

use chaobiao::domain::{MissingCause, Quality, RunOutcome, RunState};
use simulator::concentrator::habits::Lasting;
use simulator::meter::{Editions, Manners, Meter as SimulatedMeter};

use crate::behind::{NO_HISTORY, forwarded, swift, town, verify, world};
use crate::rig::{Town, day};

const AFTERNOON: &str =
    "[collection]\nstart = \"15:00\"\ndeadline = \"16:00\"\nrepair_days = 0\n[intervals]\nrepair_days = 1\n";

/// Six meters through which much flows, so that an hour shows.
fn busy() -> simulator::world::file::WorldFile {
    let mut world = world(6, 1, 81);
    world.meter.iter_mut().for_each(|meter| meter.mean_day_wh = Some(200_000));
    world
}

/// The terminal has no supply until an hour of the day, and reads the meter of point 1 as it is then.
async fn off_until(town: &Town, night: chaobiao::domain::Day, minutes: u64) {
    let terminal = &town.terminals.first().unwrap().live;
    terminal.with(|c| c.lose_freeze(1));
    terminal.power_off();
    town.clock.sleep_until(night.start().plus(Duration::from_secs(minutes * 60))).await;
    terminal.power_on();
}

#[tokio::test]
async fn f24_a_register_that_a_terminal_read_in_the_day_is_no_midnight() {
    let (_folder, town) = town(busy(), AFTERNOON, swift).await;
    verify(&town).await;
    let night = day("2026-11-22");
    off_until(&town, night, 14 * 60).await;
    let head_end = town.head_end();
    let report = town.night(&head_end, night).await;
    let findings = town.judge((night, night), &[night]).await;
    assert_eq!(findings.wrong, Vec::<String>::new());
    assert_eq!((report.run.state, report.progress.read), (RunState::Done, 6), "{:?}", report.progress);
    assert_eq!(findings.registers, 60, "all come from the meters themselves");
    let terminal = town.terminals[0].live.with(|c| c.reached().len());
    assert!(terminal >= 6 * 4, "{terminal}");
    head_end.close().await;
    town.close().await;
}

#[tokio::test]
async fn f24_a_register_of_the_day_whose_meter_is_gone_is_missing_and_suspect() {
    let (_folder, town) = town(busy(), AFTERNOON, swift).await;
    verify(&town).await;
    let night = day("2026-11-22");
    off_until(&town, night, 14 * 60).await;
    town.clock.sleep_until(night.start().plus(Duration::from_secs(14 * 3600 + 1800))).await;
    town.terminals[0].live.with(|c| c.wired_mut().remove(0));
    let head_end = town.head_end();
    let report = town.night(&head_end, night).await;
    assert_eq!((report.run.state, report.progress.read), (RunState::Partial, 5), "{:?}", report.progress);
    let meter = town.number(town.meters[0].0.address).await;
    let told = town.store.run_meters(report.run.id).await.unwrap();
    let told = told.into_iter().find(|told| told.meter == meter).unwrap();
    assert_eq!(told.outcome, RunOutcome::Missing(MissingCause::NoFreeze), "{told:?}");
    assert!(told.detail.as_deref().unwrap_or_default().contains("14:0"), "{told:?}");
    let until = night.start().plus(Duration::from_secs(1));
    let kept = town.store.ledger(meter, night.start(), until).await.unwrap();
    assert!(!kept.is_empty() && kept.iter().all(|kept| matches!(kept.reading.quality, Quality::Suspect(_))));
    head_end.close().await;
    town.close().await;
}

#[tokio::test]
async fn f24_a_point_that_is_read_hours_after_its_usual_turn_is_asked_itself() {
    let (_folder, town) = town(busy(), NO_HISTORY, swift).await;
    let (first, second) = (day("2026-11-22"), day("2026-11-23"));
    let head_end = town.head_end();
    let report = town.night(&head_end, first).await;
    assert_eq!(report.progress.read, 6, "{:?}", report.progress);
    let off = async {
        town.clock.sleep_until(second.start().minus(Duration::from_secs(600))).await;
        off_until(&town, second, 3 * 60 + 10).await;
    };
    let (report, ()) = tokio::join!(town.night(&head_end, second), off);
    let findings = town.judge((first, second), &[first, second]).await;
    assert_eq!(findings.wrong, Vec::<String>::new());
    assert_eq!((report.progress.read, findings.registers), (6, 120), "{:?}", report.progress);
    head_end.close().await;
    town.close().await;
}

#[tokio::test]
async fn f09_a_freeze_without_its_forward_total_is_not_read_until_the_meter_gives_it() {
    let (_folder, town) = town(world(6, 1, 82), NO_HISTORY, swift).await;
    let nights = [day("2026-11-22"), day("2026-11-23"), day("2026-11-24")];
    let head_end = town.head_end();
    let report = town.night(&head_end, nights[0]).await;
    assert_eq!(report.progress.read, 6, "{:?}", report.progress);
    // The terminal brings no forward total of point 2 any more; what it has of it beside that is right.
    town.terminals[0].live.with(|c| c.habits_mut().fails = &[(2, 161)]);
    let report = town.night(&head_end, nights[1]).await;
    assert_eq!(report.progress.read, 6, "{:?}", report.progress);
    let findings = town.judge((nights[0], nights[1]), &nights[..2]).await;
    assert_eq!((findings.wrong, findings.registers), (Vec::new(), 120));
    // The next night the meter itself is gone when it is asked.
    let gone = nights[2].start().plus(Duration::from_secs(240));
    let leaves = async {
        town.clock.sleep_until(gone).await;
        town.terminals[0].live.with(|c| c.wired_mut().remove(1));
    };
    let (report, ()) = tokio::join!(town.night(&head_end, nights[2]), leaves);
    assert_eq!((report.run.state, report.progress.read), (RunState::Partial, 5), "{:?}", report.progress);
    let meter = town.number(town.meters[1].0.address).await;
    let until = nights[2].start().plus(Duration::from_secs(1));
    let kept = town.store.ledger(meter, nights[2].start(), until).await.unwrap();
    assert_eq!(kept.len(), 5, "the reverse registers are kept: {kept:?}");
    head_end.close().await;
    town.close().await;
}

#[tokio::test]
async fn f09_i05_a_tariff_that_a_terminal_fills_costs_no_register_beside_it() {
    let mut world = world(6, 1, 84);
    for (number, meter) in (0..).zip(&mut world.meter) {
        meter.habits.tariffs = [2, 4, 1][number % 3];
    }
    let (_folder, town) = town(world, NO_HISTORY, swift).await;
    let (first, second) = (day("2026-11-22"), day("2026-11-23"));
    let head_end = town.head_end();
    let report = town.night(&head_end, first).await;
    assert_eq!((report.run.state, report.progress.read), (RunState::Done, 6), "{:?}", report.progress);
    let asked = forwarded(&town);
    let report = town.night(&head_end, second).await;
    assert_eq!((report.run.state, report.progress.read), (RunState::Done, 6), "{:?}", report.progress);
    assert_eq!(forwarded(&town), asked, "what the terminal says is enough");
    town.bill().await;
    let findings = town.judge((first, second), &[first, second]).await;
    assert_eq!(findings.wrong, Vec::<String>::new());
    assert_eq!(findings.suspect.len(), 0, "{findings:?}");
    // Of two nights and two ways, each meter's total and its tariffs.
    assert_eq!(findings.registers, 2 * 2 * 2 * (3 + 5 + 2), "{findings:?}");
    assert!(findings.billed > 0, "{findings:?}");
    head_end.close().await;
    town.close().await;
}

#[tokio::test]
async fn f09_i19_a_tariff_that_had_a_value_and_is_filled_is_told_and_the_total_is_kept() {
    let (_folder, town) = town(world(3, 1, 85), NO_HISTORY, swift).await;
    let (first, second) = (day("2026-11-22"), day("2026-11-23"));
    let head_end = town.head_end();
    assert_eq!(town.night(&head_end, first).await.run.state, RunState::Done);
    // All tariffs of the one are gone, and all but one of the other: those do not add up to its total any more.
    town.terminals[0].live.with(|c| {
        for ((tariffs, wired), (entry, _)) in (0..=1).zip(c.wired_mut()).zip(&town.meters) {
            let (address, truth) = (entry.address, wired.meter.truth().clone());
            let manners = Manners { tariffs, ..Manners::default() };
            wired.meter = SimulatedMeter::new(address, Editions::ONLY_2007, manners, truth);
        }
    });
    let report = town.night(&head_end, second).await;
    assert_eq!((report.run.state, report.progress.read), (RunState::Partial, 1), "{:?}", report.progress);
    let missing = town.missing(second).await;
    let cause = |place: usize| missing.get(&town.meters[place].0.address).copied();
    let (lost, doubted) = (MissingCause::NoValue, MissingCause::NoFreeze);
    assert_eq!((cause(0), cause(1)), (Some(lost), Some(doubted)), "both were asked themselves");
    let until = second.start().plus(Duration::from_secs(1));
    let kept = async |place: usize| {
        let meter = town.number(town.meters[place].0.address).await;
        let ledger = town.store.ledger(meter, second.start(), until).await.unwrap();
        ledger.iter().filter(|kept| kept.reading.quality == Quality::Good).count()
    };
    assert_eq!((kept(0).await, kept(1).await, kept(2).await), (2, 0, 10), "totals, nothing, all");
    head_end.close().await;
    town.close().await;
}

#[tokio::test]
async fn f24_lies_that_a_terminal_tells_each_time_are_found_by_asking_the_meter() {
    for lasting in [Lasting::OldValues, Lasting::OtherPoint] {
        let (_folder, town) = town(world(6, 1, 83), NO_HISTORY, swift).await;
        let head_end = town.head_end();
        let nights = [day("2026-11-22"), day("2026-11-23"), day("2026-11-24"), day("2026-11-25")];
        for night in &nights[..2] {
            let report = town.night(&head_end, *night).await;
            assert_eq!(report.progress.read, 6, "{:?}", report.progress);
        }
        // All points are verified; from now on it lies, each time the same.
        town.terminals[0].live.with(|c| c.habits_mut().lasting = lasting);
        for night in &nights[2..] {
            let report = town.night(&head_end, *night).await;
            assert_eq!(report.progress.read, 6, "{lasting:?}: {:?}", report.progress);
        }
        let findings = town.judge((nights[0], nights[3]), &nights).await;
        assert_eq!(findings.wrong, Vec::<String>::new(), "{lasting:?}");
        assert_eq!(findings.registers, 6 * 10 * 4, "{lasting:?}");
        head_end.close().await;
        town.close().await;
    }
}
