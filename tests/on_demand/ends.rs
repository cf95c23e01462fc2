//! Every job ends, whatever becomes of meters, lines, and the head-end itself; and what may be asked for is bounded.

use std::sync::atomic::Ordering;
use std::time::Duration;

use chaobiao::collect::on_demand::{LiveRead, ReadError, ReadRequest};
use chaobiao::domain::access::{Regions, Role};
use chaobiao::domain::{Id, MissingCause, ReadGroup, ReadState};
use dlt645::address::MeterAddress;

use crate::desk::{Desk, acting, addresses, file, today};
use crate::rig::{HeadEnd, Town, TownPlan, config, world};

/// A town of so many meters on so many lines, by day.
async fn town(folder: &tempfile::TempDir, meters: usize, lines: usize, seed: u64, more: &str) -> Town {
    let world = world(meters, lines, 2400, seed, false);
    let config = config(&world, more);
    let town = Town::new(TownPlan::new(world, config, today(), file(folder))).await;
    town.clock.sleep_until(today().start().plus(Duration::from_secs(10 * 3600))).await;
    town
}

async fn close(desk: Desk, head_end: HeadEnd) {
    drop(desk);
    head_end.close().await;
}

#[tokio::test]
async fn i19_dead_meters_and_a_dead_line_end_with_their_cause_beside_those_that_answer() {
    let folder = tempfile::tempdir().unwrap();
    let town = town(&folder, 9, 3, 411, "").await;
    let cut = town.wires.first().unwrap();
    cut.is_cut.store(true, Ordering::Relaxed);
    let head_end = town.head_end();
    let desk = Desk::new(&town, &head_end);
    let on_line = |line: &str| {
        let own = town.meters.iter().filter(|(entry, _)| entry.bus == line);
        own.map(|(entry, _)| entry.address).collect::<Vec<_>>()
    };
    let dead = on_line(&town.wires[1].name)[0];
    town.swap_voice(dead, &mut None);
    let (job, told) = desk.read(&addresses(&town), &[ReadGroup::Registers, ReadGroup::Clock]).await;
    assert_eq!((job.state, job.waiting), (ReadState::Partly, 0));
    for (read, answers) in &told {
        let (state, cause) = if read.address == dead {
            (ReadState::Failed, Some(MissingCause::Silent))
        } else if on_line(&cut.name).contains(&read.address) {
            (ReadState::Failed, Some(MissingCause::LineDown))
        } else {
            (ReadState::Done, None)
        };
        assert_eq!((read.state, read.cause), (state, cause), "{read:?}");
        assert_eq!(answers.iter().any(|answer| answer.missing.is_none()), state == ReadState::Done);
    }
    close(desk, head_end).await;
    town.close().await;
}

#[tokio::test]
async fn i19_a_job_that_is_taken_back_ends_at_once_and_nothing_of_it_is_asked_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let town = town(&folder, 12, 1, 412, "").await;
    let head_end = town.head_end();
    let desk = Desk::new(&town, &head_end);
    let mut changes = desk.service.changes();
    let job = desk.ask(&addresses(&town), &[ReadGroup::Registers, ReadGroup::Status]).await;
    // The first meter has given its registers.
    while desk.told(job.id).await.iter().all(|(_, answers)| answers.is_empty()) {
        changes.recv().await.unwrap();
    }
    let status = desk.service.meters(&desk.by, job.id, (0, 100)).await.unwrap();
    let waiting: Vec<usize> = status
        .iter()
        .filter_map(|status| match status.live {
            Some(LiveRead::Waiting { before }) => Some(before),
            _ => None,
        })
        .collect();
    assert!(waiting.is_sorted() && waiting.len() >= 9, "{waiting:?}");
    assert_eq!(waiting, (0..waiting.len()).collect::<Vec<_>>(), "each knows its place");
    let asking = status.iter().filter(|status| matches!(status.live, Some(LiveRead::Asking(_)))).count();
    assert_eq!(asking, 3);
    let cancelled = desk.service.cancel(&desk.by, job.id).await.unwrap();
    assert_eq!((cancelled.state, cancelled.waiting), (ReadState::Cancelled, 0));
    let kept = desk.told(job.id).await;
    // The question on the line may end; nothing else is asked.
    town.clock.sleep_until(town.clock.now().plus(Duration::from_secs(5))).await;
    let heard = town.requests();
    town.clock.sleep_until(town.clock.now().plus(Duration::from_secs(600))).await;
    assert_eq!(town.requests(), heard);
    assert_eq!(desk.told(job.id).await, kept, "what has ended stays as it is");
    let again = desk.service.cancel(&desk.by, job.id).await.unwrap();
    assert_eq!(again, cancelled, "taking it back twice changes nothing");
    let entries = town.store.audit_after(0, 100).await.unwrap();
    let actions: Vec<_> = entries.iter().map(|entry| (entry.action.as_str(), entry.actor.as_str())).collect();
    assert_eq!(actions, [("read.submit", "li"), ("read.cancel", "li")]);
    close(desk, head_end).await;
    town.close().await;
}

#[tokio::test]
async fn i19_a_job_whose_time_is_over_ends_with_what_came_until_then() {
    let folder = tempfile::tempdir().unwrap();
    let town = town(&folder, 12, 1, 413, "").await;
    let head_end = town.head_end();
    let desk = Desk::new(&town, &head_end);
    let minute = Duration::from_secs(60);
    let job = desk.ask_for(&addresses(&town), &[ReadGroup::Registers, ReadGroup::Events], Some(minute)).await;
    assert_eq!(job.expires_at, job.created_at.plus(minute));
    let ended = desk.ended(job.id).await;
    assert_eq!(ended.state, ReadState::Partly);
    let late = ended.ended_at.unwrap().since(job.expires_at);
    assert!(late < Duration::from_secs(1), "{late:?} too late");
    let heard = town.requests();
    let told = desk.told(job.id).await;
    let states = |state: ReadState| told.iter().filter(|(read, _)| read.state == state).count();
    assert!(states(ReadState::Expired) >= 6 && states(ReadState::Done) >= 1, "{told:?}");
    assert!(told.iter().all(|(read, _)| read.state.has_ended()));
    town.clock.sleep_until(town.clock.now().plus(minute)).await;
    assert!(town.requests() <= heard + 1, "at most the one on the line");
    close(desk, head_end).await;
    town.close().await;
}

#[tokio::test]
async fn i19_a_job_that_was_cut_off_goes_on_where_it_stopped_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let town = town(&folder, 8, 1, 414, "").await;
    let head_end = town.head_end();
    let desk = Desk::new(&town, &head_end);
    let mut changes = desk.service.changes();
    let groups = [ReadGroup::Registers, ReadGroup::Clock];
    let job = desk.ask(&addresses(&town), &groups).await;
    let short = desk.ask_for(&addresses(&town), &groups, Some(Duration::from_secs(120))).await;
    while desk.told(job.id).await.iter().filter(|(read, _)| read.state.has_ended()).count() < 2 {
        changes.recv().await.unwrap();
    }
    close(desk, head_end).await;
    let kept = town.store.meters_of_read(job.id, 0, 100).await.unwrap();
    assert!(kept.iter().filter(|read| !read.state.has_ended()).count() >= 4, "{kept:?}");
    town.clock.sleep_until(job.created_at.plus(Duration::from_secs(300))).await;
    let head_end = town.head_end();
    let desk = Desk::new(&town, &head_end);
    let before = desk.told(job.id).await;
    assert_eq!(desk.service.resume().await.unwrap(), 1, "the other has expired");
    assert_eq!(desk.service.resume().await.unwrap(), 0, "what goes on is not taken up twice");
    assert!(desk.ended(short.id).await.state.has_ended());
    assert_eq!(desk.ended(job.id).await.state, ReadState::Done);
    let after = desk.told(job.id).await;
    for ((read, before), (_, after)) in before.iter().zip(&after) {
        assert!(after.starts_with(before), "answers stay: {read:?}");
        // Two registers, date and time: each once.
        assert_eq!(after.len(), 4, "{read:?} {after:?}");
    }
    close(desk, head_end).await;
    town.close().await;
}

#[tokio::test]
async fn f39_t18_what_may_be_asked_for_is_bounded_and_the_same_key_is_the_same_job() {
    let folder = tempfile::tempdir().unwrap();
    let town = town(&folder, 6, 1, 415, "[on_demand]\nmost_meters = 4\nmost_waiting = 6").await;
    let head_end = town.head_end();
    let desk = Desk::new(&town, &head_end);
    let meters = addresses(&town);
    let request = |meters: &[MeterAddress], key: Option<&str>| ReadRequest {
        meters: meters.to_vec(),
        groups: vec![ReadGroup::Events],
        expires_after: None,
        key: key.map(str::to_owned),
    };
    let ask = async |by, request: ReadRequest| desk.service.submit(by, &request).await;
    let by = &desk.by;
    let kind = |asked: Result<_, ReadError>| asked.err().map_or("taken", |error| error.kind());
    let first = ask(by, request(&meters[..4], Some("one"))).await.unwrap();
    assert!(first.is_new);
    let again = ask(by, request(&meters[..4], Some("one"))).await.unwrap();
    assert_eq!((again.is_new, again.job.id), (false, first.job.id));
    let nobody = MeterAddress::from_number(987_654_321_098).unwrap();
    let mut elsewhere = acting(Role::Operator);
    elsewhere.regions = Regions::Areas(vec![Id::new(4711)]);
    elsewhere.account = Id::new(2);
    let (viewer, admin) = (acting(Role::Viewer), acting(Role::Admin));
    let long =
        ReadRequest { expires_after: Some(Duration::from_secs(90_000)), ..request(&meters[..1], None) };
    for (asked, expected) in [
        (ask(by, request(&meters[..3], Some("one"))).await, "other_under_key"),
        (ask(by, request(&meters[..3], None)).await, "busy"),
        (ask(by, request(&meters[..5], None)).await, "too_many_meters"),
        (ask(by, request(&[], None)).await, "no_meter"),
        (ask(by, ReadRequest { groups: Vec::new(), ..request(&meters[..1], None) }).await, "no_group"),
        (ask(by, long).await, "expiry"),
        (ask(by, request(&meters[..1], Some(""))).await, "key"),
        (ask(by, request(&[nobody], None)).await, "no_such_meter"),
        (ask(&elsewhere, request(&meters[..1], None)).await, "no_such_meter"),
        (ask(&viewer, request(&meters[..1], None)).await, "not_allowed"),
        (ask(&admin, request(&meters[..1], None)).await, "not_allowed"),
        (ask(by, request(&meters[..2], None)).await, "taken"),
    ] {
        assert_eq!(kind(asked), expected);
    }
    let hidden = desk.service.job(&elsewhere, first.job.id).await;
    assert_eq!(hidden.unwrap_err().kind(), "not_there", "a job of another region is not found out");
    assert_eq!(desk.service.jobs(&elsewhere, i64::MAX, 10).await.unwrap(), []);
    assert_eq!(desk.service.jobs(by, i64::MAX, 10).await.unwrap().len(), 2);
    assert_eq!(desk.ended(first.job.id).await.state, ReadState::Done);
    // There is room again.
    assert!(ask(by, request(&meters[..4], None)).await.unwrap().is_new);
    close(desk, head_end).await;
    town.close().await;
}

#[tokio::test]
async fn a_large_job_does_not_hold_up_a_small_one() {
    let folder = tempfile::tempdir().unwrap();
    let town = town(&folder, 40, 1, 416, "").await;
    let head_end = town.head_end();
    let desk = Desk::new(&town, &head_end);
    let meters = addresses(&town);
    let large = desk.ask(&meters, &[ReadGroup::Registers]).await;
    let small = desk.ask(&meters[39..], &[ReadGroup::Clock]).await;
    let ended = desk.ended(small.id).await;
    let took = ended.ended_at.unwrap().since(small.created_at);
    assert!(took < Duration::from_secs(20), "{took:?}");
    let left = desk.service.job(&desk.by, large.id).await.unwrap().waiting;
    assert!(left > 30, "{left} of the large one are left");
    assert_eq!(desk.ended(large.id).await.state, ReadState::Done);
    close(desk, head_end).await;
    town.close().await;
}
