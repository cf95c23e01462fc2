//! What is shown is what the meter held while it was asked, and never what it held before.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chaobiao::domain::access::Regions;
use chaobiao::domain::{AlarmKind, Day, Item, Moment, ReadAnswer, ReadGroup, ReadState, ReadValue, RunState};
use chaobiao::store::alarm::AlarmFilter;
use dlt645::address::MeterAddress;
use dlt645::explain::{self, Piece};
use dlt645::password::{DigitOrder, Level, OperatorCode, Password};
use dlt645::relay::{Command, Deadline, Order};
use dlt645::request::Request;
use simulator::fault::{Kind, Plan as Faults};
use simulator::seed::Seed;
use simulator::world::file::EditionName;

use crate::desk::{Desk, addresses, file, today};
use crate::held::held;
use crate::rig::{Town, TownPlan, at, config, set_clocks, world};

/// A shown decimal in the item's last decimal place.
fn scaled(item: Item, text: &str) -> i64 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{whole}{fraction:0<width$}", width = usize::from(item.decimals()));
    digits.parse().unwrap()
}

/// What a meter showed of an energy lies between what it held when it was asked and when it had answered.
fn judge_energy(town: &Town, meter: MeterAddress, (from, until): (Moment, Moment), value: &ReadValue) {
    let item = Item::parse(value.item.as_deref().unwrap()).unwrap();
    let shown = scaled(item, value.value.as_deref().unwrap());
    let earliest = held(town.shared(meter), item, from.minus(SECOND)).unwrap();
    let latest = held(town.shared(meter), item, until.plus(SECOND)).unwrap();
    assert!(earliest <= shown && shown <= latest, "{meter}: {value:?} is not in {earliest}..={latest}");
}

/// The frames of an answer say what its values say.
fn judge_frames(answer: &ReadAnswer) {
    let pieces = explain::pieces(&answer.frames, None);
    let mut directions = BTreeSet::new();
    for piece in &pieces {
        let Piece::Frame(frame) = piece else { panic!("{piece:?} in {answer:?}") };
        assert!(frame.ok, "{frame:?}");
        directions.insert(frame.direction);
    }
    let is_curve = answer.group == ReadGroup::Curve;
    assert_eq!(directions.len(), if is_curve { 1 } else { 2 }, "question and answer: {answer:?}");
}

#[tokio::test]
async fn i19_every_group_of_both_editions_shows_what_the_meters_hold() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(6, 2, 9600, 401, false);
    set_clocks(&mut world);
    world.meter.iter_mut().step_by(3).for_each(|meter| meter.edition = EditionName::E1997);
    let config = config(&world, "[collection]\nrepair_days = 0\n[intervals]\nrepair_days = 0");
    let town = Town::new(TownPlan::new(world, config, today(), file(&folder))).await;
    let head_end = town.head_end();
    assert_eq!(town.night(&head_end, today()).await.run.state, RunState::Done);
    town.clock.sleep_until(today().start().plus(Duration::from_secs(15 * 3600))).await;
    let desk = Desk::new(&town, &head_end);
    let groups: Vec<ReadGroup> = ReadGroup::all().collect();
    let (job, told) = desk.read(&addresses(&town), &groups).await;
    assert_eq!((job.state, job.waiting, told.len()), (ReadState::Partly, 0, 6));
    let mut seen: BTreeMap<ReadGroup, usize> = BTreeMap::new();
    for (read, answers) in &told {
        let entry = &town.meters.iter().find(|(entry, _)| entry.address == read.address).unwrap().0;
        let is_old = entry.edition == EditionName::E1997;
        assert_eq!(
            read.state,
            if is_old { ReadState::Partly } else { ReadState::Done },
            "{read:?} {answers:?}"
        );
        for answer in answers {
            if let Some((cause, detail)) = &answer.missing {
                let without = [ReadGroup::Freezes, ReadGroup::Curve, ReadGroup::Events];
                assert!(is_old && without.contains(&answer.group), "{cause:?} {detail}");
                continue;
            }
            let (from, until) = answer.given.unwrap();
            assert!(job.created_at <= from && from <= until && until <= job.ended_at.unwrap());
            assert!(!answer.is_doubtful && !answer.values.is_empty(), "{answer:?}");
            judge_frames(answer);
            *seen.entry(answer.group).or_default() += 1;
            judge_values(&town, read.address, answer);
        }
    }
    assert_eq!(seen.len(), 8, "{seen:?}");
    head_end_closes(desk, head_end).await;
    town.close().await;
}

/// Compares the values of an answer with the meter's.
fn judge_values(town: &Town, meter: MeterAddress, answer: &ReadAnswer) {
    let span = answer.given.unwrap();
    let midnight = today().start();
    for value in &answer.values {
        match answer.group {
            ReadGroup::Registers => {
                judge_energy(town, meter, span, value);
                let item = Item::parse(value.item.as_deref().unwrap()).unwrap();
                let before = value.before.as_ref().unwrap();
                let then = held(town.shared(meter), item, midnight).unwrap();
                let is_old = before.as_of != midnight.to_string();
                // An old meter has no freeze: what stands in for it was read a little later.
                assert!(is_old || scaled(item, &before.value) == then, "{before:?}");
                let change = scaled(item, value.value.as_deref().unwrap()) - scaled(item, &before.value);
                assert_eq!(change, scaled(item, &before.change));
            }
            ReadGroup::Freezes => {
                let dated = value.meter_time.as_deref().unwrap();
                let back =
                    (1..=3).find(|back| dated.starts_with(&today().plus(1 - back).to_string())).unwrap();
                let item = Item::parse(value.item.as_deref().unwrap()).unwrap();
                let then = held(town.shared(meter), item, today().plus(1 - back).start()).unwrap();
                assert_eq!(scaled(item, value.value.as_deref().unwrap()), then, "{dated}: {value:?}");
            }
            ReadGroup::Curve => {
                let item = Item::parse(value.item.as_deref().unwrap()).unwrap();
                let (day, time) = value.meter_time.as_deref().unwrap().split_once(' ').unwrap();
                let [hours, minutes, _] = *time.split(':').collect::<Vec<_>>() else { panic!("{time}") };
                let seconds = hours.parse::<u64>().unwrap() * 3600 + minutes.parse::<u64>().unwrap() * 60;
                let slot = day.parse::<Day>().unwrap().start().plus(Duration::from_secs(seconds));
                assert!(midnight <= slot && slot <= span.1);
                assert_eq!(
                    Some(scaled(item, value.value.as_deref().unwrap())),
                    held(town.shared(meter), item, slot),
                    "{value:?}"
                );
            }
            ReadGroup::Instantaneous if value.item.as_deref() == Some("1-0:32.7.0") => {
                let shared = town.shared(meter).lock().unwrap();
                let volts = |moment| shared.meter.truth().instantaneous(at(moment)).voltage[0];
                let shown = scaled(Item::parse("32.7.0").unwrap(), value.value.as_deref().unwrap());
                let (first, last) = (volts(span.0), volts(span.1));
                // In tenths; a meter of 1997 shows whole volts.
                let (low, high) = (first.min(last) - 10, first.max(last) + 10);
                assert!(low <= shown && shown <= high, "{shown} is not in {low}..={high}");
            }
            ReadGroup::Clock if value.name == "clock is fast by" => {
                let offset = town.shared(meter).lock().unwrap().meter.truth().clock().offset(at(span.0));
                let tenths: i64 = value.value.as_deref().unwrap().replace('.', "").parse().unwrap();
                assert!((tenths - offset * 10).abs() <= 20, "{tenths} tenths, and it is {offset} s fast");
            }
            ReadGroup::Status => assert!(!value.bits.is_empty(), "every bit has a name: {value:?}"),
            // What the meter marked as none is no value, and says why.
            _ => assert_ne!(value.value.is_some(), value.absent.is_some(), "{value:?}"),
        }
    }
}

async fn head_end_closes(desk: Desk, head_end: crate::rig::HeadEnd) {
    drop(desk);
    head_end.close().await;
}

#[tokio::test]
async fn f06_no_answer_to_an_earlier_question_is_shown_as_one_to_this() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(8, 2, 9600, 402, false);
    set_clocks(&mut world);
    let config = config(&world, "");
    let mut plan = TownPlan::new(world, config, today(), file(&folder));
    let mut faults = Faults::new(Seed::new(402).named("faults"));
    faults.add("late=8%").unwrap();
    faults.add("stale=4%").unwrap();
    faults.add("silence=4%").unwrap();
    faults.add("duplicate-late=4%").unwrap();
    plan.faults = Some(faults);
    let town = Town::new(plan).await;
    let head_end = town.head_end();
    let desk = Desk::new(&town, &head_end);
    let meters = addresses(&town);
    let (mut answered, mut doubtful) = (0, 0);
    for round in 0..24_u64 {
        town.clock.sleep_until(today().start().plus(Duration::from_secs(round * 600))).await;
        let (job, told) = desk.read(&meters, &[ReadGroup::Registers, ReadGroup::Clock]).await;
        for (read, answers) in told {
            for answer in answers.iter().filter(|answer| answer.missing.is_none()) {
                let (from, until) = answer.given.unwrap();
                assert!(answer.is_doubtful || job.created_at <= from, "{answer:?}");
                assert!(from <= until && until <= job.ended_at.unwrap());
                answered += 1;
                doubtful += usize::from(answer.is_doubtful);
                let energies = answer.values.iter().filter(|_| answer.group == ReadGroup::Registers);
                energies.for_each(|value| judge_energy(&town, read.address, (from, until), value));
                if answer.group == ReadGroup::Clock {
                    judge_clock(&town, read.address, (from, until), answer);
                }
            }
        }
    }
    let counts = town.faults();
    println!("{answered} answers, {doubtful} of them doubtful; {counts}");
    for kind in [Kind::Late, Kind::Stale, Kind::Silence, Kind::DuplicateLate] {
        assert!(counts.of(kind) > 20, "{kind:?}: {counts}");
    }
    assert!(answered > 500, "{answered} answers");
    head_end_closes(desk, head_end).await;
    town.close().await;
}

/// A clock tells to the second when it was asked.
fn judge_clock(town: &Town, meter: MeterAddress, (from, until): (Moment, Moment), answer: &ReadAnswer) {
    let shared = town.shared(meter).lock().unwrap();
    let clock = shared.meter.truth().clock();
    let [first, last] = [from.minus(SECOND), until.plus(SECOND)].map(|moment| clock.shown(at(moment)));
    let Some(value) = answer.values.iter().find(|value| value.name.contains("time")) else { return };
    let shown = value.value.as_deref().unwrap();
    let mut moments = (0..=last.since(first)).map(|seconds| first.plus(seconds).civil().unwrap().to_string());
    assert!(moments.any(|civil| civil.ends_with(shown)), "{shown} is not between {first:?} and {last:?}");
}

#[tokio::test]
async fn i03_a_meter_that_fell_silent_is_not_answered_for_by_what_was_known() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(2, 1, 9600, 403, false);
    let config = config(&world, "");
    let town = Town::new(TownPlan::new(world, config, today(), file(&folder))).await;
    let head_end = town.head_end();
    assert_eq!(town.night(&head_end, today()).await.run.state, RunState::Done);
    let desk = Desk::new(&town, &head_end);
    let meters = addresses(&town);
    let (job, _) = desk.read(&meters, &[ReadGroup::Registers]).await;
    assert_eq!(job.state, ReadState::Done);
    let mut voice = None;
    town.swap_voice(meters[0], &mut voice);
    let (job, told) = desk.read(&meters, &[ReadGroup::Registers, ReadGroup::Status]).await;
    assert_eq!(job.state, ReadState::Partly);
    let (read, answers) = told.iter().find(|(read, _)| read.address == meters[0]).unwrap();
    assert_eq!(read.state, ReadState::Failed);
    assert!(answers.iter().all(|answer| answer.values.is_empty() && answer.given.is_none()), "{answers:?}");
    assert!(answers.iter().all(|answer| answer.missing.is_some()));
    // Nothing of it reached the registers or a bill.
    let ledger = town.ask("SELECT count(*) FROM register_ledger WHERE source = 3").await;
    assert_eq!(ledger, 0, "no live read was booked");
    head_end_closes(desk, head_end).await;
    town.close().await;
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn t03_a_status_that_somebody_asks_for_tells_of_a_relay_that_moved_without_an_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(1, 1, 9600, 403, false);
    set_clocks(&mut world);
    let config = config(&world, "[collection]\nrepair_days = 0\n[intervals]\nrepair_days = 0");
    let town = Town::new(TownPlan::new(world, config, today(), file(&folder))).await;
    let head_end = town.head_end();
    assert_eq!(town.night(&head_end, today()).await.run.state, RunState::Done);
    town.clock.sleep_until(today().start().plus(Duration::from_secs(15 * 3600))).await;
    let desk = Desk::new(&town, &head_end);
    let meter = addresses(&town)[0];
    let told = async || {
        let filter =
            AlarmFilter { is_open: true, kind: Some(AlarmKind::RelayMoved), ..AlarmFilter::default() };
        town.store.alarms(&filter, &Regions::All, i64::MAX, 10).await.unwrap()
    };
    desk.read(&[meter], &[ReadGroup::Status]).await;
    assert_eq!(told().await.len(), 0, "it stands as the night has found it");
    // Somebody else knows the password and cuts it.
    let now = town.clock.now();
    let deadline = Deadline::at(now.plus(Duration::from_secs(3600)).civil().unwrap()).unwrap();
    let password = Password::new(Level::CONTROL, "000000", DigitOrder::LowFirst).unwrap();
    let (command, operator) = (Command::Trip, OperatorCode::default());
    let order = Request::relay(Order { meter, command, deadline, password, operator });
    let mut room = Vec::new();
    let reply = town.shared(meter).lock().unwrap().meter.answer(at(now), &order.frame(&mut room)).unwrap();
    assert_eq!(reply.frame[8], 0x9C, "it obeys");
    tokio::time::sleep(Duration::from_secs(1800)).await;
    for times in 1..=2 {
        desk.read(&[meter], &[ReadGroup::Status]).await;
        let told = told().await;
        assert_eq!(told.iter().map(|alarm| alarm.count).collect::<Vec<_>>(), [times], "{told:?}");
        assert!(
            told[0].subject.contains(&meter.to_string()) && told[0].detail.contains("is open"),
            "{told:?}"
        );
    }
    desk.read(&[meter], &[ReadGroup::Registers]).await;
    assert_eq!(told().await[0].count, 2, "nothing else compares it");
    head_end_closes(desk, head_end).await;
    town.close().await;
}
