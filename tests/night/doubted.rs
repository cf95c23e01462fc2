//! F14, F33: a site whose meters' clocks are all off. Nobody can tell whose clock it is before a person does; then its meters are
//! read, and bear our clock out as long as they are off by as much.
#![expect(clippy::indexing_slicing, reason = "a step that fails must end its test")]

use std::time::Duration;

use chaobiao::domain::access::{Acting, Regions, Role};
use chaobiao::domain::supply::HaltKind;
use chaobiao::domain::{Day, Id, MissingCause, RunState};
use chaobiao::store::Address;
use dlt645::address::MeterAddress;

use crate::rig::{HeadEnd, Town, TownPlan, config, day, set_clocks, world};

const MINUTE: i64 = 60;

fn nights() -> Vec<Day> {
    (0..5).map(|number| day("2026-11-22").plus(number)).collect()
}

/// A town of as many meters as clocks, each fast by so many seconds.
async fn town(clocks: &[i64]) -> (tempfile::TempDir, Town) {
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(clocks.len(), 1, 9600, 67, false);
    set_clocks(&mut world);
    for (meter, fast) in world.meter.iter_mut().zip(clocks) {
        meter.clock_offset_seconds = *fast;
        meter.event.clear();
    }
    let text = "[collection]\nrepair_days = 0\nevents = false\n[intervals]\nrepair_days = 1\n";
    let config = config(&world, text);
    let plan = TownPlan::new(world, config, nights()[0], Address::Sqlite(folder.path().join("town.db")));
    (folder, Town::new(plan).await)
}

fn addresses(town: &Town) -> Vec<MeterAddress> {
    town.meters.iter().map(|(entry, _)| entry.address).collect()
}

/// A person says that our clock is right now.
async fn confirm(town: &Town) {
    let by = Acting {
        person: Id::new(1),
        account: Id::new(1),
        name: "li".to_owned(),
        role: Role::Operator,
        role_since: nights()[0].start(),
        regions: Regions::All,
        source: "command line".to_owned(),
        request: None,
    };
    let now = town.clock.now();
    let doubted = town.store.doubted_clocks(now).await.unwrap();
    assert_eq!(doubted.len(), town.meters.len());
    for (address, clock) in doubted {
        let (entry, _) = town.meters.iter().find(|(entry, _)| entry.address == address).unwrap();
        let wrong = (clock.fast_us / 1_000_000).abs_diff(entry.clock_offset_seconds);
        assert!(wrong <= 2, "{address}: {clock:?}");
    }
    town.store.confirm_clock(&by, "", now).await.unwrap();
}

/// The night is over, and no meter was read in it, for its clock.
async fn is_doubted(town: &Town, head_end: &HeadEnd, night: Day) {
    assert_eq!(town.night(head_end, night).await.run.state, RunState::Partial, "{night}");
    let missing = town.missing(night).await;
    assert_eq!(missing.keys().copied().collect::<Vec<_>>(), addresses(town));
    assert!(missing.values().all(|cause| *cause == MissingCause::Clock), "{missing:?}");
}

/// How many sessions are kept of the first meter: sure ones, and those in which our clock was in doubt.
async fn sessions(town: &Town) -> (usize, usize) {
    let id = town.number(addresses(town)[0]).await;
    let kept = town.store.clocks_of(id).await.unwrap();
    let doubted = kept.iter().filter(|session| session.is_doubted).count();
    (kept.len() - doubted, doubted)
}

async fn is_confirmed_once(clocks: &[i64]) {
    let (_folder, town) = town(clocks).await;
    let head_end = town.head_end();
    let nights = nights();
    let (first, rest) = nights.split_at(2);
    for night in first {
        is_doubted(&town, &head_end, *night).await;
        assert_eq!(sessions(&town).await.0, 0);
    }
    assert!(sessions(&town).await.1 > 1, "kept, and the same again proves nothing");
    confirm(&town).await;
    let (last, rest) = rest.split_last().unwrap();
    for night in rest {
        let report = town.night(&head_end, *night).await;
        assert_eq!(report.run.state, RunState::Done, "{night} {:?}", town.missing(*night).await);
    }
    assert_eq!(sessions(&town).await.0, rest.len());
    let halted =
        |halts: &[chaobiao::store::supply::HaltRecord]| halts.iter().any(|halt| halt.kind == HaltKind::Clock);
    assert_eq!(halted(&town.store.halts().await.unwrap()), clocks.len() > 2, "three of them halt cuts once");
    // Our clock is set wrong: their word holds for the time at which they were off by as much.
    let hour = Duration::from_secs(3600);
    town.clock.sleep_until(last.start().minus(hour * 2)).await;
    town.set_clock(town.clock.now().plus(hour));
    is_doubted(&town, &head_end, *last).await;
    town.set_clock(town.clock.now().minus(hour));
    let findings = town.judge((nights[0].previous(), *last), &nights).await;
    assert_eq!(findings.wrong, Vec::<String>::new());
    // Freezes are dated by clocks that were wrong, and do not count.
    assert_eq!((findings.registers, findings.live), (20 * clocks.len(), 20 * clocks.len()), "{findings:?}");
    assert!(findings.suspect_slots > 0, "{findings:?}");
    head_end.close().await;
    town.close().await;
}

#[tokio::test]
async fn f14_a_site_whose_clocks_are_all_off_is_read_once_a_person_has_confirmed_ours() {
    is_confirmed_once(&[20 * MINUTE]).await;
    is_confirmed_once(&[20 * MINUTE, -7 * MINUTE]).await;
    is_confirmed_once(&[20 * MINUTE, 20 * MINUTE + 10, 20 * MINUTE - 10]).await;
}

/// What was confirmed while our clock was wrong is how far both are apart: once it is right, nobody bears it out again.
#[tokio::test]
async fn f33_a_clock_of_ours_that_is_set_after_it_was_confirmed_is_borne_out_by_nobody() {
    let (_folder, town) = town(&[20 * MINUTE]).await;
    let head_end = town.head_end();
    let nights = nights();
    is_doubted(&town, &head_end, nights[0]).await;
    confirm(&town).await;
    town.set_clock(town.clock.now().plus(Duration::from_secs(600)));
    is_doubted(&town, &head_end, nights[1]).await;
    let id = town.number(addresses(&town)[0]).await;
    let kept = town.store.ledger(id, nights[0].start(), nights[2].start()).await.unwrap();
    assert!(kept.iter().all(|entry| !entry.reading.quality.is_accepted()), "{kept:?}");
    head_end.close().await;
    town.close().await;
}
