use core::time::Duration;

use gdw1376::afn::Afn;

use super::forward::transparent;
use super::rig::*;
use crate::concentrator::Act;
use crate::concentrator::fault::{Kind, Plan};
use crate::fault::Share;
use crate::sample;
use crate::truth::register::{Energy, Register};

fn rig(meters: u64, kind: Kind) -> Rig {
    let mut rig = Rig::on_line(setup(meters));
    rig.terminal.faults_mut().set_plan(Plan::default().with(kind, Share::ALL));
    rig
}

fn count(rig: &Rig, kind: Kind) -> u64 {
    assert_eq!(rig.terminal.faults().counts().total(), rig.terminal.faults().counts().of(kind));
    rig.terminal.faults().counts().of(kind)
}

const CLOCK: [u8; 4] = [0, 0, 2, 0];

/// F161 of point 1 for 2026-11-15.
const DAY: [u8; 7] = [0x01, 0x01, 0x01, 0x14, 0x15, 0x11, 0x26];

#[test]
fn answers_stay_away_come_late_twice_broken_or_cut() {
    let mut silent = rig(1, Kind::Silence);
    assert!(silent.ask(Afn::CLASS_1, &CLOCK).is_empty());
    assert_eq!(count(&silent, Kind::Silence), 1);
    let mut late = rig(1, Kind::Late);
    let asked_at = late.now;
    assert_eq!(late.ask(Afn::CLASS_1, &CLOCK).len(), 1);
    assert!((60..=301).contains(&late.now.since(asked_at).as_secs()));
    let mut twice = rig(1, Kind::Duplicate);
    twice.ask(Afn::CLASS_1, &CLOCK);
    twice.run(Duration::from_secs(1));
    assert_eq!(twice.heard.iter().filter(|(_, _, bytes)| bytes[12] == 0x0C).count(), 2);
    for kind in [Kind::Flip, Kind::Cut] {
        let mut broken = rig(1, kind);
        let heard = broken.heard.len();
        assert!(broken.ask(Afn::CLASS_1, &CLOCK).is_empty(), "{kind}");
        assert!(broken.heard.len() > heard, "something came");
        assert_eq!(count(&broken, kind), 1);
    }
}

#[test]
fn an_answer_comes_behind_the_next_one() {
    let mut rig = rig(1, Kind::Reorder);
    rig.send(&request(1, Afn::CLASS_1, &CLOCK));
    rig.terminal.faults_mut().set_plan(Plan::default());
    rig.send(&request(2, Afn::CLASS_1, &CLOCK));
    rig.run(Duration::from_secs(60));
    let numbers: Vec<u8> =
        rig.frames.iter().filter(|frame| frame[12] == 0x0C).map(|frame| frame[13] & 0x0F).collect();
    assert_eq!(numbers, [2, 1]);
}

#[test]
fn a_terminal_dials_anew_at_a_request_and_may_leave_the_old_connection_open() {
    for (kind, leaves) in [(Kind::Reconnect, false), (Kind::HalfOpen, true)] {
        let mut rig = rig(1, kind);
        assert!(rig.ask(Afn::CLASS_1, &CLOCK).is_empty());
        assert_eq!((rig.links.len(), rig.terminal.is_online()), (2, true));
        let old = rig.links[0];
        let expected = if leaves { Act::Leave(old) } else { Act::Close(old) };
        assert!(rig.acts.iter().any(|(_, act)| *act == expected));
        rig.terminal.faults_mut().set_plan(Plan::default());
        assert_eq!(rig.ask(Afn::CLASS_1, &CLOCK).len(), 1, "on the new one it answers");
    }
}

#[test]
fn stored_data_of_the_day_before_come_under_their_own_date() {
    let mut rig = rig(3, Kind::OldData);
    let lie = rig.ask_one(Afn::CLASS_2, &DAY);
    assert_eq!(lie[18..21], [0x14, 0x11, 0x26]);
    rig.terminal.faults_mut().set_plan(Plan::default());
    let truth = rig.ask_one(Afn::CLASS_2, &[&DAY[..4], &[0x14, 0x11, 0x26]].concat());
    assert_eq!(lie[14..lie.len() - 2], truth[14..truth.len() - 2], "true for that day");
}

#[test]
fn data_of_another_point_come_under_the_one_asked_for() {
    let mut rig = rig(3, Kind::WrongPoint);
    let lie = rig.ask_one(Afn::CLASS_2, &DAY);
    rig.terminal.faults_mut().set_plan(Plan::default());
    let truth = rig.ask_one(Afn::CLASS_2, &DAY);
    let other = rig.ask_one(Afn::CLASS_2, &[&[0x02][..], &DAY[1..]].concat());
    assert_eq!(lie[14..21], truth[14..21], "the identifier and the date of the question");
    assert_ne!(lie[27..52], truth[27..52]);
    assert_eq!(lie[27..52], other[27..52]);
    let shown = rig
        .terminal
        .meter_of(2)
        .unwrap()
        .truth()
        .shown(Register::total(Energy::ForwardActive), sample::at(2026, 11, 16, 0, 0));
    assert!(shown > 0);
}

fn trip() -> Vec<u8> {
    transparent(&hex("68 01 00 00 00 00 00 68 1C 10 35 33 33 33 33 33 33 33 4D 33 33 33 33 64 45 CC 25 16"))
}

#[test]
fn a_relay_order_is_kept_for_hours_and_then_carried_out() {
    let mut rig = rig(2, Kind::Buffered);
    let asked_at = rig.terminal.at();
    assert!(rig.ask(Afn::FORWARD, &trip()).is_empty());
    assert!(rig.terminal.reached().is_empty());
    rig.run(Duration::from_secs(7 * 3600));
    let reached = rig.terminal.reached();
    assert_eq!((reached.len(), reached[0].is_astray), (1, true));
    assert!((3_600..=6 * 3_600 + 60).contains(&reached[0].at.since(asked_at)), "{}", reached[0].at);
    assert_eq!(rig.terminal.meter_of(1).unwrap().relay().switchings().len(), 1);
}

#[test]
fn a_forwarded_frame_reaches_the_meter_twice() {
    let mut rig = rig(2, Kind::Doubled);
    assert_eq!(rig.ask(Afn::FORWARD, &trip()).len(), 1);
    let reached: Vec<_> = rig.terminal.reached().iter().map(|reached| reached.is_astray).collect();
    assert_eq!(reached, [true, false]);
}
