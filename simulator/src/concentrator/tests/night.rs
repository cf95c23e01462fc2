use core::time::Duration;

use gdw1376::afn::Afn;
use gdw1376::frame::Frame;
use gdw1376::message::Message;
use gdw1376::quantity::Quantity;
use gdw1376::{answer, reading, unit};

use super::rig::*;
use crate::concentrator::Setup;
use crate::concentrator::habits::{Habits, Missing};
use crate::concentrator::plc::Plc;
use crate::instant::At;
use crate::load::shape::Shape;
use crate::meter::{Editions, Manners, Meter};
use crate::sample;
use crate::seed::Seed;
use crate::tariff::Tariff;
use crate::truth::event::{Event, EventKind};
use crate::truth::register::{Energy, Register};

/// Registers as the master reads them: point, item, value, and the time of reading.
fn readings(frames: &[Vec<u8>]) -> Vec<(u16, String, Option<Quantity>)> {
    let mut found = Vec::new();
    for frame in frames {
        let message = Message::of(&Frame::parse(frame).unwrap()).unwrap();
        let cut = unit::cut(&message);
        assert!(cut.rest.is_none(), "{:?}", cut.rest);
        for unit in &cut.units {
            let told = reading::readings(unit).into_iter();
            found.extend(
                told.map(|reading| (reading.point.number(), reading.item.to_string(), reading.value.ok())),
            );
        }
    }
    found
}

/// F161 and F163 of points 1 to 8 for the day with these digits.
fn day_request(day: [u8; 3]) -> Vec<u8> {
    [&[0xFF, 0x01, 0x05, 0x14][..], &day].concat()
}

fn progress(rig: &mut Rig) -> (u16, u16) {
    let frame = rig.ask_one(Afn::CLASS_1, &[0, 0, 4, 1]);
    let message = Frame::parse(&frame).unwrap();
    let message = Message::of(&message).unwrap();
    let cut = unit::cut(&message);
    let progress = answer::progress(&cut.units[0]).unwrap();
    assert_eq!(progress.len(), 1);
    (progress[0].read, progress[0].meters)
}

// covers [1376 3.9] [1376 6]
#[test]
fn freezes_told_are_those_that_the_meters_hold_of_the_next_date() {
    let mut rig = Rig::on_line(setup(8));
    rig.run_to(sample::at(2026, 11, 22, 6, 0));
    assert_eq!(progress(&mut rig), (8, 8));
    let frames = rig.ask(Afn::CLASS_2, &day_request([0x21, 0x11, 0x26]));
    let told = readings(&frames);
    assert_eq!(told.len(), 8 * 2 * 5);
    let midnight = sample::at(2026, 11, 22, 0, 0);
    for point in 1..=8_u16 {
        let meter = rig.terminal.meter_of(point).unwrap();
        for (energy, c) in [(Energy::ForwardActive, 1), (Energy::ReverseActive, 2)] {
            let registers = std::iter::once(Register::total(energy))
                .chain(Tariff::ALL.map(|tariff| Register::tariff(energy, tariff)));
            for (e, register) in registers.enumerate() {
                let item = format!("1-0:{c}.8.{e}");
                let value =
                    told.iter().find(|(at, name, _)| *at == point && *name == item).unwrap().2.unwrap();
                let truth = meter.truth().shown(register, midnight);
                assert_eq!(value, Quantity::new(truth * 100, 4), "p{point} {item}");
            }
        }
    }
}

#[test]
fn a_day_before_the_world_began_is_known_as_well_and_a_month() {
    let mut rig = Rig::on_line(setup(8));
    let told = readings(&rig.ask(Afn::CLASS_2, &day_request([0x15, 0x11, 0x26])));
    assert_eq!(told.len(), 80);
    let truth = |rig: &Rig, at: At| {
        let meter = rig.terminal.meter_of(3).unwrap();
        Quantity::new(meter.truth().shown(Register::total(Energy::ForwardActive), at) * 100, 4)
    };
    let of_three = |told: &[(u16, String, Option<Quantity>)]| {
        told.iter().find(|(point, item, _)| *point == 3 && item == "1-0:1.8.0").unwrap().2
    };
    assert_eq!(of_three(&told), Some(truth(&rig, sample::at(2026, 11, 16, 0, 0))));
    let month = readings(&rig.ask(Afn::CLASS_2, &[0xFF, 0x01, 0x01, 0x16, 0x10, 0x26]));
    assert_eq!(of_three(&month), Some(truth(&rig, sample::at(2026, 11, 1, 0, 0))));
    // Older than it keeps, and today, which is not over.
    for day in [[0x15, 0x09, 0x26], [0x21, 0x11, 0x26]] {
        let told = readings(&rig.ask(Afn::CLASS_2, &day_request(day)));
        assert!(told.iter().all(|(_, _, value)| value.is_none()), "{day:02X?}");
    }
}

#[test]
fn a_wrong_clock_begins_the_night_early_and_dates_its_readings() {
    for (offset, read_at) in [(600, [0x32, 0x00]), (-600, [0x02, 0x00])] {
        let mut rig = Rig::on_line(setup(1).with_clock(offset, 20));
        let clock = rig.ask_one(Afn::CLASS_1, &[0, 0, 2, 0]);
        assert_eq!(clock[19..21], if offset > 0 { [0x25, 0x10] } else { [0x05, 0x10] });
        rig.run_to(sample::at(2026, 11, 22, 1, 0));
        let told = rig.ask_one(Afn::CLASS_2, &[0x01, 0x01, 0x01, 0x14, 0x21, 0x11, 0x26]);
        // A clock ten minutes fast: at its 00:02 the meter has no freeze yet, and is tried again half an hour later.
        assert_eq!(told[21..23], read_at, "offset {offset}");
        let old = readings(&rig.ask(Afn::CLASS_2, &day_request([0x01, 0x11, 0x26])));
        assert!(old.iter().all(|(_, _, value)| value.is_some()), "the past is there");
    }
}

#[test]
fn a_slow_line_shows_in_the_progress_and_missing_meters_come_later() {
    let mut setup = setup(40);
    setup.settings.plc = Plc { unreachable_days: 250, ..Plc::default() };
    let mut rig = Rig::on_line(setup);
    rig.run_to(sample::at(2026, 11, 22, 0, 1));
    assert_eq!(progress(&mut rig), (0, 40));
    rig.run_to(sample::at(2026, 11, 22, 0, 5));
    let (early, _) = progress(&mut rig);
    assert!(early > 0 && early < 30, "{early}");
    rig.run_to(sample::at(2026, 11, 22, 2, 0));
    let (night, _) = progress(&mut rig);
    assert!(night > early && night < 40, "{night}");
    assert!(rig.terminal.events(true).any(|event| event.code == 31), "failures are told");
    rig.run_to(sample::at(2026, 11, 22, 23, 0));
    let (evening, _) = progress(&mut rig);
    assert!(evening > night, "{evening}");
}

#[test]
fn what_was_not_read_is_filled_or_left_out() {
    let silent = |missing| {
        let mut setup = setup(3);
        setup.habits = Habits { missing, ..Habits::default() };
        setup.wired.remove(1);
        let mut rig = Rig::on_line(setup);
        rig.run_to(sample::at(2026, 11, 22, 3, 0));
        rig.ask(Afn::CLASS_2, &[0xFF, 0x01, 0x01, 0x14, 0x21, 0x11, 0x26])
    };
    let filled = silent(Missing::Filled);
    let told = readings(&filled);
    assert_eq!(told.len(), 15, "points that are not in the archive are left out");
    assert!(told.iter().all(|(point, _, value)| value.is_none() == (*point == 2)));
    assert_eq!(filled[0][14 + 38 + 7..14 + 38 + 12], [0xEE; 5], "the time of reading, too");
    let left_out = readings(&silent(Missing::LeftOut));
    assert_eq!(left_out.len(), 10);
    assert!(left_out.iter().all(|(point, _, value)| *point != 2 && value.is_some()));
}

#[test]
fn meters_without_a_freeze_and_of_1997_are_read_as_they_are() {
    let manners = Manners { has_daily_freeze: false, ..Manners::default() };
    let new =
        Meter::new("7".parse().unwrap(), Editions::ONLY_2007, manners, sample::meter(Shape::Household, 7));
    let old = sample::meter(Shape::Household, 8);
    let old = Meter::new("8".parse().unwrap(), Editions::ONLY_1997, Manners::default(), old);
    let mut setup = Setup::new(terminal(), start(), Seed::new(1)).with_meters([new, old]);
    setup.settings = super::rig::setup(0).settings;
    let mut rig = Rig::on_line(setup);
    rig.run_to(sample::at(2026, 11, 22, 3, 0));
    let frames = rig.ask(Afn::CLASS_2, &[0x03, 0x01, 0x01, 0x14, 0x21, 0x11, 0x26]);
    let told = readings(&frames);
    for point in [1, 2] {
        let value = told.iter().find(|(at, item, _)| *at == point && item == "1-0:1.8.0").unwrap().2.unwrap();
        let meter = rig.terminal.meter_of(point).unwrap();
        let shown =
            |at| Quantity::new(meter.truth().shown(Register::total(Energy::ForwardActive), at) * 100, 4);
        let (from, to) = (shown(sample::at(2026, 11, 22, 0, 2)), shown(sample::at(2026, 11, 22, 0, 10)));
        assert!(
            value.scaled() >= from.scaled() && value.scaled() <= to.scaled(),
            "{value} of {from} to {to}"
        );
    }
}

#[test]
fn a_meter_with_a_wrong_date_has_no_freeze_of_that_day() {
    let mut setup = setup(2);
    setup.wired[0].meter.truth_mut().clock_mut().jump(start(), -86_400);
    let mut rig = Rig::on_line(setup);
    rig.run_to(sample::at(2026, 11, 22, 3, 0));
    let told = readings(&rig.ask(Afn::CLASS_2, &[0x03, 0x01, 0x01, 0x14, 0x21, 0x11, 0x26]));
    assert!(told.iter().all(|(point, _, value)| value.is_none() == (*point == 1)));
    assert!(rig.terminal.events(true).any(|event| event.code == 31 || event.code == 12));
}

// covers [1376 3.9]
#[test]
fn curves_hold_the_registers_of_their_instants_and_nothing_of_times_without_supply() {
    let mut setup = setup(2);
    setup.settings.plc.unreachable_days = 0;
    let cut = Event {
        kind: EventKind::PowerCut,
        from: sample::at(2026, 11, 20, 2, 0),
        to: Some(sample::at(2026, 11, 20, 3, 1)),
        operator: 0,
    };
    setup.wired[1].meter.truth_mut().insert(cut);
    let mut rig = Rig::on_line(setup);
    let frames = rig.ask(Afn::CLASS_2, &[0x02, 0x01, 0x10, 0x0C, 0x00, 0x00, 0x20, 0x11, 0x26, 0x01, 0x60]);
    assert_eq!(frames[0][14..25], [0x02, 0x01, 0x10, 0x0C, 0x00, 0x00, 0x20, 0x11, 0x26, 0x01, 0x60]);
    let told = readings(&frames);
    assert_eq!(told.len(), 96);
    let meter = rig.terminal.meter_of(2).unwrap();
    for (slot, (_, _, value)) in (0..).zip(&told) {
        let at = sample::at(2026, 11, 20, 0, 0).plus(slot * 900);
        let truth = meter.truth().shown(Register::total(Energy::ForwardActive), at);
        let expected = (!(8..=12).contains(&slot)).then(|| Quantity::new(truth, 2));
        assert_eq!(*value, expected, "slot {slot}");
    }
    // A day too old, coarser data than asked for, and a function without a curve.
    let old = readings(&rig.ask(Afn::CLASS_2, &[0x02, 0x01, 0x10, 0x0C, 0, 0, 0x09, 0x11, 0x26, 0x01, 0x04]));
    assert!(old.len() == 4 && old.iter().all(|(_, _, value)| value.is_none()));
    let fine = rig.ask_one(Afn::CLASS_2, &[0x02, 0x01, 0x10, 0x0C, 0, 0, 0x20, 0x11, 0x26, 0xFF, 0x3C]);
    assert_eq!(fine[23..25], [1, 4], "an hour in quarters and not in minutes");
    assert_eq!(
        rig.ask_one(Afn::CLASS_2, &[0x02, 0x01, 0x80, 0x0B, 0, 0, 0x20, 0x11, 0x26, 0x01, 0x04])[6],
        0x89
    );
}

// covers [1376 3.8]
#[test]
fn what_was_read_last_has_the_time_of_its_reading() {
    let mut rig = Rig::on_line(setup(5));
    for (point, phases) in [([0x01, 0x01], 1), ([0x10, 0x01], 3)] {
        let frame = rig.ask_one(Afn::CLASS_1, &[point[0], point[1], 0x01, 0x03]);
        assert_eq!((frame.len(), &frame[18..23]), (14 + 4 + 67 + 2, &[0x15, 0x10, 0x21, 0x11, 0x26][..]));
        let voltages: Vec<_> = frame[18 + 37..18 + 43].chunks(2).filter(|v| *v != [0xEE; 2]).collect();
        assert_eq!(voltages.len(), phases);
        assert!(voltages.iter().all(|v| (0x20..=0x24).contains(&v[1])), "{voltages:02X?}");
    }
    let told = readings(&rig.ask(Afn::CLASS_1, &[0x1F, 0x01, 0x01, 0x10]));
    assert_eq!(told.len(), 25);
    let meter = rig.terminal.meter_of(4).unwrap();
    let truth = meter.truth().shown(Register::total(Energy::ForwardActive), start());
    let value = told.iter().find(|(point, item, _)| *point == 4 && item == "1-0:1.8.0").unwrap().2;
    assert_eq!(value, Some(Quantity::new(truth * 100, 4)));
}

#[test]
fn a_day_is_the_same_each_time_to_the_byte_and_the_moment() {
    let live = || {
        let mut setup = setup(12);
        setup.settings.plc = Plc::default();
        let mut rig = Rig::on_line(setup);
        rig.run(Duration::from_secs(86_400));
        let answer = rig.ask(Afn::CLASS_2, &day_request([0x21, 0x11, 0x26]));
        (rig.heard, answer, rig.terminal.exchanges())
    };
    assert_eq!(live(), live());
}

#[test]
fn an_archive_with_errors_has_missing_strange_and_exchanged_meters() {
    let mut rig = Rig::on_line(setup(6).with_archive_errors(1, 2, 1));
    assert_eq!(rig.terminal.archive().points().count(), 7);
    let told = readings(&rig.ask(Afn::CLASS_2, &[0xFF, 0x01, 0x01, 0x14, 0x20, 0x11, 0x26]));
    let missing: Vec<u16> = told
        .iter()
        .filter(|(_, item, value)| item == "1-0:1.8.0" && value.is_none())
        .map(|(point, ..)| *point)
        .collect();
    assert_eq!(missing, [6, 7], "meters that are not there");
    let addresses: Vec<_> =
        (1..=5).map(|point| rig.terminal.meter_of(point).unwrap().address().to_string()).collect();
    let ends: Vec<_> = addresses.iter().map(|address| &address[11..]).collect();
    assert_eq!(ends, ["2", "1", "3", "4", "5"]);
}

#[test]
fn a_maker_may_number_the_port_of_the_power_line_otherwise() {
    let mut setup = Setup::new(terminal(), start(), Seed::new(1));
    setup.settings = super::rig::setup(0).settings;
    setup.habits = Habits { plc_port: 1, ..Habits::default() };
    let mut rig = Rig::on_line(setup.with_meters(meters(2)));
    rig.run_to(sample::at(2026, 11, 22, 1, 0));
    assert_eq!((progress(&mut rig), rig.terminal.archive().record(1).unwrap().port()), ((2, 2), 1));
}

// covers [1376 3.10]
#[test]
fn what_happens_to_a_meter_becomes_events_at_its_next_reading() {
    let mut rig = Rig::on_line(setup(2));
    rig.run_to(sample::at(2026, 11, 22, 12, 0));
    assert_eq!(rig.terminal.events(true).chain(rig.terminal.events(false)).count(), 0);
    let at = rig.terminal.at();
    let truth = rig.terminal.wired_mut()[1].meter.truth_mut();
    truth.record(EventKind::ClockSet, at, 0);
    truth.clock_mut().jump(at, 600);
    truth.begin(EventKind::RelayOpen, at, 0);
    rig.terminal.wired_mut()[1].meter.truth_mut().begin(EventKind::ClockBatteryLow, at, 0);
    rig.run_to(sample::at(2026, 11, 23, 3, 0));
    let codes = |rig: &Rig, is_important| {
        rig.terminal.events(is_important).map(|event| event.code).collect::<Vec<_>>()
    };
    assert_eq!((codes(&rig, true), codes(&rig, false)), (vec![12, 33], vec![8]));
    for (function, count) in [(1, 2), (2, 1)] {
        let told = rig.ask_one(Afn::CLASS_3, &[0, 0, function, 0, 0, 9]);
        let message = Frame::parse(&told).unwrap();
        let message = Message::of(&message).unwrap();
        let cut = unit::cut(&message);
        let events = answer::events(&cut.units[0]).unwrap();
        assert_eq!(events.records.len(), count);
        for record in &events.records {
            assert_eq!(record.point().map(|(point, _)| point.number()), Some(2), "ERC {}", record.code);
            assert!(record.at().is_some());
        }
    }
}

#[test]
fn how_often_time_is_let_pass_changes_nothing() {
    let live = |steps: u64| {
        let mut setup = setup(6);
        setup.start = sample::at(2026, 11, 21, 23, 59);
        setup.settings.plc = Plc::default();
        let mut rig = Rig::new(setup);
        (0..steps).for_each(|_| rig.run(Duration::from_millis(3_600_000 / steps)));
        (rig.heard, rig.terminal.exchanges(), rig.terminal.progress())
    };
    let once = live(1);
    assert_eq!(live(7_200), once);
    assert_eq!(once.2, (6, 6));
}

#[test]
fn a_terminal_without_supply_reads_its_night_later_and_has_no_curve_of_it() {
    let mut rig = Rig::on_line(setup(3));
    rig.run_to(sample::at(2026, 11, 21, 23, 10));
    rig.terminal.power_off(rig.now);
    rig.run_to(sample::at(2026, 11, 22, 6, 5));
    assert!(!rig.terminal.is_online());
    rig.terminal.power_on(rig.now);
    rig.run_to(sample::at(2026, 11, 22, 7, 0));
    assert_eq!(progress(&mut rig), (3, 3));
    let freeze = rig.ask_one(Afn::CLASS_2, &[0x01, 0x01, 0x01, 0x14, 0x21, 0x11, 0x26]);
    assert_eq!(freeze[22..24], [0x06, 0x22], "read after six");
    let curve =
        readings(&rig.ask(Afn::CLASS_2, &[0x01, 0x01, 0x10, 0x0C, 0x00, 0x23, 0x21, 0x11, 0x26, 0x01, 0x20]));
    let there: Vec<bool> = curve.iter().map(|(_, _, value)| value.is_some()).collect();
    let expected: Vec<bool> = (0..32).map(|slot| slot < 1 || (29..).contains(&slot)).collect();
    assert_eq!(there, expected, "23:00, and from 06:15 on");
}

#[test]
fn days_that_were_missed_are_fetched_from_the_freezes_that_meters_still_hold() {
    let mut setup = setup(2);
    setup.settings.catch_up_days = 3;
    let mut rig = Rig::on_line(setup);
    rig.run_to(sample::at(2026, 11, 21, 20, 0));
    rig.terminal.power_off(rig.now);
    rig.run_to(sample::at(2026, 11, 24, 9, 0));
    rig.terminal.power_on(rig.now);
    rig.run_to(sample::at(2026, 11, 24, 12, 0));
    for day in [0x21, 0x22, 0x23] {
        let told = readings(&rig.ask(Afn::CLASS_2, &[0x03, 0x01, 0x01, 0x14, day, 0x11, 0x26]));
        assert_eq!(told.iter().filter(|(_, _, value)| value.is_some()).count(), 10, "{day:02X}");
        let at = sample::at(
            2026,
            11,
            if day == 0x21 {
                22
            } else if day == 0x22 {
                23
            } else {
                24
            },
            0,
            0,
        );
        let truth =
            rig.terminal.meter_of(1).unwrap().truth().shown(Register::total(Energy::ForwardActive), at);
        assert_eq!(told[0].2, Some(Quantity::new(truth * 100, 4)));
    }
    assert!(!rig.terminal.events(true).any(|event| event.code == 31));
}
