//! Events and status words of meters behind terminals: as of a meter on a bus, each once, in turns and in a bounded time.
#![expect(clippy::indexing_slicing, reason = "a terminal or meter that is not there must end its test")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chaobiao::domain::{Day, Moment, RunState};
use chaobiao::store::terminal::{EventsRead, TerminalEvent};
use chaobiao::store::{Address, Batch, Notes};
use dlt645::address::MeterAddress;
use simulator::concentrator::fault::Kind;
use simulator::concentrator::settings::{Air, Settings};
use simulator::concentrator::{Reached, Setup};
use simulator::truth::event::{Event, EventKind};
use simulator::world::file::{EventEntry, EventName, Moment as Written, WorldFile};

use crate::behind::{set_faults, struck, swift, town, verify, world};
use crate::rig::{Town, TownPlan, at, config, day};

/// Half an hour of events, and nothing of days before the first.
const EVENTS: &str =
    "[collection]\nforwarded_events = \"30min\"\nrepair_days = 0\n[intervals]\nmode = \"off\"\n";

/// The kinds of events that are read, and what they are to the simulator.
const KINDS: [(&str, EventKind); 7] = [
    ("03300000", EventKind::Programming),
    ("03300400", EventKind::ClockSet),
    ("03300D00", EventKind::CoverOpen),
    ("03300E00", EventKind::TerminalCoverOpen),
    ("03350000", EventKind::MagneticField),
    ("03300200", EventKind::DemandClear),
    ("03110000", EventKind::PowerCut),
];

fn first() -> Day {
    day("2026-11-22")
}

/// Something happens to every meter each day, and to every other one now and then.
fn lively(mut world: WorldFile, days: i64) -> WorldFile {
    for (number, meter) in (0_i64..).zip(&mut world.meter) {
        for back in -2..days {
            let mut add = |kind, hour: i64, hours: i64| {
                let from = at(first().plus(back).start()).plus(hour * 3600 + 60 * number);
                let to = (hours > 0).then(|| Written(from.plus(hours * 3600)));
                meter.event.push(EventEntry { kind, from: Written(from), to, seconds: 0 });
            };
            add(EventName::Programming, 9, 0);
            if (back + number) % 2 == 0 {
                add(EventName::CoverOpen, 10, 1);
                add(EventName::PowerCut, 13, 2);
            }
            if (back + number) % 3 == 0 {
                add(EventName::TerminalCoverOpen, 15, 1);
                add(EventName::MagneticField, 16, 1);
                add(EventName::ClockSet, 18, 0);
                add(EventName::DemandClear, 19, 0);
            }
        }
    }
    world
}

/// What is kept of the events of each meter: address, kind, beginning.
async fn kept(town: &Town) -> BTreeSet<(String, String, String)> {
    let mut rows = BTreeSet::new();
    for (id, address) in town.numbers().await {
        for event in town.store.events_of(id).await.unwrap() {
            rows.insert((address.to_string(), event.kind, event.began));
        }
    }
    rows
}

/// What the meters behind the first terminal know to have begun up to now.
fn truth(town: &Town) -> BTreeSet<(String, String, String)> {
    let mut rows = BTreeSet::new();
    town.terminals[0].live.with(|c| {
        for wired in c.wired() {
            let address = wired.meter.address().as_meter().unwrap().to_string();
            for event in wired.meter.truth().log().begun(c.at()) {
                if let Some((kind, _)) = KINDS.iter().find(|(_, kind)| *kind == event.kind) {
                    rows.insert((address.clone(), (*kind).to_owned(), event.from.to_string()));
                }
            }
        }
    });
    rows
}

/// The frames for meters that a terminal has passed on since a moment.
fn reached(town: &Town, since: Moment) -> Vec<Reached> {
    let since = at(since);
    town.terminals[0].live.with(|c| c.reached().iter().filter(|one| one.at >= since).cloned().collect())
}

/// The meters that were asked, in the order of their first frames.
fn asked(frames: &[Reached]) -> Vec<[u8; 6]> {
    let mut seen = Vec::new();
    for frame in frames {
        if !seen.contains(&frame.address) {
            seen.push(frame.address);
        }
    }
    seen
}

async fn rest(hours: u64) {
    tokio::time::sleep(Duration::from_secs(3600 * hours)).await;
}

#[tokio::test]
async fn f07_events_of_meters_behind_terminals_are_each_kept_once_whatever_goes_wrong() {
    const NIGHTS: i64 = 3;
    let (_folder, town) = town(lively(world(4, 1, 51), NIGHTS), EVENTS, swift).await;
    verify(&town).await;
    let shares = [Kind::Silence, Kind::Late, Kind::Reorder, Kind::Flip, Kind::Cut, Kind::Duplicate];
    let faults: Vec<_> =
        shares.into_iter().chain([Kind::Reconnect, Kind::HalfOpen]).map(|kind| (kind, "2%")).collect();
    let mut head_end = town.head_end();
    for number in 0..NIGHTS {
        set_faults(&town, &faults);
        let night = first().plus(number);
        let report = town.night(&head_end, night).await;
        assert_eq!(report.run.state, RunState::Done, "{:?}", report.progress);
        if number == 1 {
            // Killed in the middle of it.
            tokio::time::sleep(Duration::from_secs(20)).await;
            head_end.close().await;
            head_end = town.head_end();
            assert_eq!(town.night(&head_end, night).await.run.state, RunState::Done);
        }
        rest(3).await;
    }
    for (kind, _) in &faults {
        println!("{kind}: {}", struck(&town, *kind));
        assert!(struck(&town, *kind) > 0, "{kind}");
    }
    set_faults(&town, &[]);
    town.night(&head_end, first().plus(NIGHTS)).await;
    rest(1).await;
    let (kept, truth) = (kept(&town).await, truth(&town));
    assert!(truth.len() > 50, "{}", truth.len());
    assert_eq!(kept.difference(&truth).collect::<Vec<_>>(), Vec::<&_>::new(), "what never happened");
    assert_eq!(truth.difference(&kept).collect::<Vec<_>>(), Vec::<&_>::new(), "what was missed");
    let rows = town.ask("SELECT count(*) FROM meter_event").await;
    assert_eq!(usize::try_from(rows).unwrap(), truth.len(), "none twice");
    assert_eq!(town.ask("SELECT count(*) FROM event_turn").await, 4);
    head_end.close().await;
    town.close().await;
}

#[tokio::test]
async fn events_and_status_words_are_the_same_from_a_bus_and_through_a_terminal() {
    let mut both = Vec::new();
    for is_behind in [false, true] {
        let mut world = lively(world(4, 1, 52), 1);
        if !is_behind {
            world.bus[0].name = "line 1".to_owned();
            world.meter.iter_mut().for_each(|meter| meter.bus = "line 1".to_owned());
        }
        let folder = tempfile::tempdir().unwrap();
        let address = Address::Sqlite(folder.path().join("town.db"));
        let config = config(&world, EVENTS);
        let plan = TownPlan { terminals: swift, ..TownPlan::new(world, config, first(), address) };
        let town = Town::new(plan).await;
        verify(&town).await;
        let head_end = town.head_end();
        assert_eq!(town.night(&head_end, first()).await.run.state, RunState::Done);
        rest(1).await;
        let mut rows = BTreeSet::new();
        for (id, address) in town.numbers().await {
            for event in town.store.events_of(id).await.unwrap() {
                rows.insert(format!("{address} {} {} {}", event.kind, event.began, event.record));
            }
            for ((_, kind), count) in town.store.event_counts(&[id]).await.unwrap() {
                rows.insert(format!("{address} {kind} {count}"));
            }
            let words = town.store.status_words_of(id).await.unwrap().unwrap();
            assert_eq!(words.day, first());
            rows.insert(format!("{address} {}", words.words));
        }
        both.push(rows);
        head_end.close().await;
        town.close().await;
    }
    assert!(both[0].len() > 4 * (10 + 1 + 4), "{}", both[0].len());
    assert_eq!(both[0].symmetric_difference(&both[1]).collect::<Vec<_>>(), Vec::<&String>::new());
}

/// Two minutes of events each night, over a network on which an exchange takes a second and more.
const SHORT: &str =
    "[collection]\nforwarded_events = \"2min\"\nrepair_days = 0\n[intervals]\nmode = \"off\"\n";

fn on_air(setup: Setup) -> Setup {
    Setup { settings: Settings { air: Air::GPRS, ..Settings::swift() }, ..setup }
}

#[tokio::test]
async fn i20_events_take_their_time_beside_the_run_and_every_meter_has_its_turn() {
    const METERS: usize = 8;
    let mut took = Vec::new();
    for more in [SHORT.replace("2min", "0ms"), SHORT.to_owned()] {
        let (_folder, town) = town(world(METERS, 1, 53), &more, on_air).await;
        verify(&town).await;
        let head_end = town.head_end();
        let report = town.night(&head_end, first()).await;
        assert_eq!((report.run.state, report.progress.read), (RunState::Done, 8), "{:?}", report.progress);
        took.push(report.run.ended_at.unwrap().since(report.run.started_at).as_secs());
        rest(1).await;
        let ids: Vec<_> = town.numbers().await.into_iter().map(|(id, _)| id).collect();
        let (mut turns, mut before) = (BTreeMap::<i64, usize>::new(), BTreeMap::new());
        let mut since = report.run.started_at;
        let mut nights = 1;
        while more == SHORT && nights < 30 && turns.values().sum::<usize>() < 2 * METERS {
            let frames = reached(&town, since);
            let (begin, end) = (frames[0].at, frames[frames.len() - 1].at);
            assert!((60..=125).contains(&end.since(begin)), "{} s", end.since(begin));
            let asked = town.store.event_turns(&ids, &[]).await.unwrap().asked;
            let after: BTreeMap<i64, Moment> = asked.iter().map(|(id, at)| (id.number(), *at)).collect();
            let (came, others): (Vec<i64>, Vec<i64>) =
                ids.iter().map(|id| id.number()).partition(|id| after.get(id) != before.get(id));
            assert!((1..METERS).contains(&came.len()), "{} of {METERS} in a night", came.len());
            for (one, other) in came.iter().flat_map(|one| others.iter().map(move |other| (one, other))) {
                assert!(before.get(one) <= before.get(other), "night {nights}: {one} before {other}");
            }
            came.into_iter().for_each(|meter| *turns.entry(meter).or_default() += 1);
            before = after;
            since = town.clock.now();
            let report = town.night(&head_end, first().plus(nights)).await;
            assert_eq!(report.run.state, RunState::Done, "{:?}", report.progress);
            nights += 1;
            rest(1).await;
        }
        if more == SHORT {
            println!("{nights} nights, {turns:?}");
            assert_eq!(turns.len(), METERS, "everybody has had its turn");
        } else {
            assert_eq!(reached(&town, first().previous().start()), []);
        }
        head_end.close().await;
        town.close().await;
    }
    assert!(took[1] <= took[0] + 2, "the run does not wait for them: {took:?}");
}

#[tokio::test]
async fn a_meter_of_which_its_terminal_has_told_a_change_is_asked_first() {
    let (_folder, town) = town(world(8, 1, 54), SHORT, on_air).await;
    verify(&town).await;
    let head_end = town.head_end();
    let terminal = town.terminals[0].address;
    let of_point =
        |point| town.terminals[0].live.with(|c| c.meter_of(point).unwrap().address().as_meter().unwrap());
    // A cover that was opened, and a voltage that says nothing of its events.
    let told = [(7, 37), (8, 24)];
    let mut events = Vec::new();
    for (place, (point, code)) in (0..).zip(told) {
        let meter = Some(town.number(of_point(point)).await);
        let (began, body, record) = (None, format!("{point:02X}"), "{}".to_owned());
        events.push(TerminalEvent {
            place,
            code,
            meter,
            began,
            body,
            record,
            collected_at: town.clock.now(),
        });
    }
    let mut notes = Notes::default();
    notes.terminals.events.push(EventsRead { terminal, important: true, read_to: None, events });
    town.store.save(&Batch { notes, ..Batch::default() }, town.clock.now()).await.unwrap();
    for (night, is_first) in [(first(), true), (first().next(), false)] {
        let since = town.clock.now();
        town.night(&head_end, night).await;
        rest(1).await;
        let came = asked(&reached(&town, since));
        let wire = |address: MeterAddress| address.field().wire();
        assert_eq!(came.first() == Some(&wire(of_point(7))), is_first, "{night}: {came:X?}");
        assert!(!came.contains(&wire(of_point(8))) || !is_first, "{night}: {came:X?}");
    }
    head_end.close().await;
    town.close().await;
}

/// Between the count of a kind and its records one more begins, which pushes the others back by a place.
#[tokio::test]
async fn f07_an_event_in_the_middle_of_a_visit_hides_no_other() {
    const COVER: [u8; 4] = [0x00, 0x0D, 0x30, 0x03];
    let (_folder, town) = town(lively(world(1, 1, 55), 3), EVENTS, on_air).await;
    verify(&town).await;
    let head_end = town.head_end();
    town.night(&head_end, first()).await;
    rest(1).await;
    let before = kept(&town).await.len();
    let counts = |frames: Vec<Reached>| {
        let is_count = |one: &Reached| {
            let id: Vec<u8> = one.frame[10..14].iter().map(|byte| byte.wrapping_sub(0x33)).collect();
            id == COVER
        };
        frames.iter().filter(|one| is_count(one)).count()
    };
    let since = town.clock.now();
    let opens = async {
        town.clock.sleep_until(head_end.collector.night(first().plus(2)).start).await;
        // Counts are read twice: once both have been, a cover is opened.
        while counts(reached(&town, since)) < 2 {
            assert!(
                town.clock.now() < first().plus(2).start().plus(Duration::from_secs(3600)),
                "never asked"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        town.terminals[0].live.with(|c| {
            let from = c.at();
            let event = Event { kind: EventKind::CoverOpen, from, to: Some(from.plus(60)), operator: 0 };
            c.wired_mut()[0].meter.truth_mut().insert(event);
        });
    };
    let night = async {
        town.night(&head_end, first().plus(2)).await;
        rest(1).await;
    };
    tokio::join!(night, opens);
    let (kept, truth) = (kept(&town).await, truth(&town));
    assert!(kept.len() > before + 2, "{before} and {}", kept.len());
    assert_eq!(truth.difference(&kept).collect::<Vec<_>>(), Vec::<&_>::new(), "what was missed");
    assert_eq!(kept.difference(&truth).collect::<Vec<_>>(), Vec::<&_>::new(), "what never happened");
    head_end.close().await;
    town.close().await;
}
