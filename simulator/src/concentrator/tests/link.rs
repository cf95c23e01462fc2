use core::time::Duration;

use super::rig::*;
use crate::concentrator::Act;
use crate::concentrator::habits::{Front, Habits};
use crate::concentrator::settings::Air;
use crate::sample;

const LOGIN: &str = "68 32 00 32 00 68 C9 00 11 39 30 00 02 70 00 00 01 00 B6 16";
const HEARTBEAT: &str = "68 4A 00 4A 00 68 C9 00 11 39 30 00 02 71 00 00 04 00 30 05 12 20 48 24 8D 16";

// covers [1376 3.3] [1376 9]
#[test]
fn login_and_heartbeat_are_those_of_the_worked_frames() {
    let mut setup = setup(1);
    setup.start = sample::at(2024, 8, 20, 12, 0).plus(30);
    let mut rig = Rig::new(setup);
    rig.run(Duration::from_secs(299));
    assert_eq!(rig.frames, [hex(LOGIN)]);
    assert!(rig.terminal.is_online());
    rig.run(Duration::from_secs(2));
    assert_eq!(rig.frames, [hex(LOGIN), hex(HEARTBEAT)]);
}

#[test]
fn an_old_heartbeat_has_no_clock_and_a_login_may_have_another_a3() {
    let mut setup = setup(1);
    setup.habits = Habits { heartbeat_has_clock: false, own_a3: 2, ..Habits::default() };
    let mut rig = Rig::new(setup);
    rig.run(Duration::from_secs(301));
    let lengths: Vec<_> = rig.frames.iter().map(|frame| (frame.len(), frame[11], frame[16])).collect();
    assert_eq!(lengths, [(20, 2, 1), (20, 2, 4)]);
}

#[test]
fn a_login_without_answer_is_repeated_and_then_dialled_anew_ever_more_slowly() {
    let mut rig = Rig::new(setup(1));
    rig.confirms = false;
    rig.run(Duration::from_secs(1200));
    let dials: Vec<_> =
        rig.acts.iter().filter(|(_, act)| matches!(act, Act::Dial(_))).map(|(at, _)| *at).collect();
    let pauses: Vec<_> = dials.windows(2).map(|pair| pair[1].since(pair[0]).as_secs()).collect();
    assert!(pauses.len() >= 4 && pauses[0] >= 100 && pauses[3] > pauses[0] + 60, "{pauses:?}");
    let first = rig.heard.iter().filter(|(_, link, _)| *link == rig.links[0]);
    let numbers: Vec<u8> = first.map(|(_, _, bytes)| bytes[13]).collect();
    assert_eq!(numbers, [0x70; 3], "three times the same login on one connection");
    assert!(rig.acts.iter().any(|(_, act)| *act == Act::Close(rig.links[0])));
}

#[test]
fn three_heartbeats_without_answer_end_the_line() {
    let mut rig = Rig::on_line(setup(1));
    rig.confirms = false;
    rig.run(Duration::from_secs(300 + 3 * 30 + 20));
    assert_eq!(rig.links.len(), 2);
    let beats = rig.heard.iter().filter(|(_, link, bytes)| *link == rig.links[0] && bytes[16] == 4).count();
    assert_eq!(beats, 3);
}

#[test]
fn a_refused_login_ends_the_connection() {
    let mut rig = Rig::new(setup(1));
    rig.confirms = false;
    rig.run(Duration::from_secs(1));
    rig.send(&hex("68 32 00 32 00 68 0B 00 11 39 30 00 00 60 00 00 02 00 E7 16"));
    assert!(!rig.terminal.is_online());
    assert!(rig.acts.iter().any(|(_, act)| *act == Act::Close(rig.links[0])));
    rig.confirms = true;
    rig.run(Duration::from_secs(60));
    assert!(rig.terminal.is_online());
}

#[test]
fn a_heartbeat_confirmed_item_by_item_is_confirmed() {
    let mut rig = Rig::new(setup(1));
    rig.confirms = false;
    rig.run(Duration::from_secs(1));
    rig.send(&hex("68 4A 00 4A 00 68 0B 00 11 39 30 00 00 60 00 00 04 00 02 00 00 01 00 00 EC 16"));
    assert!(rig.terminal.is_online());
}

#[test]
fn frames_come_in_pieces_behind_what_modems_say() {
    for front in [Front::WakeUp, Front::ModemText, Front::Noise] {
        let mut setup = setup(3);
        setup.habits = Habits { front, splits_at: 5, leaves_out_fir: true, ..Habits::default() };
        let mut rig = Rig::on_line(setup);
        assert!(rig.heard.len() > 4 && rig.heard.iter().all(|(_, _, bytes)| bytes.len() <= 5));
        let answer = rig.ask_one(gdw1376::afn::Afn::CLASS_1, &[0, 0, 2, 0]);
        assert_eq!((answer[6], answer[13]), (0x88, 0x21), "FIR is left out");
    }
}

#[test]
fn a_terminal_that_lost_its_power_says_so_and_is_gone_without_a_word() {
    let mut rig = Rig::on_line(setup(3));
    rig.run(Duration::from_secs(60));
    rig.terminal.power_off(rig.now);
    rig.take_acts();
    rig.run(Duration::from_secs(600));
    let report = rig.frames.iter().find(|frame| frame[12] == 0x0E).unwrap();
    assert_eq!((report[6], report[22], report[23]), (0xCA, 14, 10), "ERC 14 with ten bytes");
    assert_eq!(rig.links.len(), 1);
    assert!(rig.acts.iter().any(|(_, act)| *act == Act::Leave(rig.links[0])));
    assert!(!rig.terminal.has_power() && rig.terminal.next_at().is_none());
    rig.frames.clear();
    rig.terminal.power_on(rig.now);
    rig.run(Duration::from_secs(30));
    assert_eq!(rig.links.len(), 2);
    let report = rig.frames.iter().find(|frame| frame[12] == 0x0E).unwrap();
    let (off, on) = (&report[24..29], &report[29..34]);
    assert_eq!((off, on), (&[0x16, 0x10, 0x21, 0x11, 0x26][..], &[0x26, 0x10, 0x21, 0x11, 0x26][..]));
    assert_eq!(rig.terminal.events(true).count(), 2);
}

#[test]
fn a_report_is_repeated_with_its_number_until_somebody_confirms() {
    let mut rig = Rig::on_line(setup(2));
    rig.confirms = false;
    rig.terminal.power_off(rig.now);
    rig.terminal.power_on(rig.now);
    rig.confirms = true;
    rig.run(Duration::from_secs(14));
    rig.confirms = false;
    rig.frames.clear();
    // The login is confirmed by hand, the report is not.
    rig.run(Duration::from_secs(2));
    let login = rig.frames.iter().find(|frame| frame[12] == 2).unwrap().clone();
    let message = gdw1376::frame::Frame::parse(&login).unwrap();
    let message = gdw1376::message::Message::of(&message).unwrap();
    let confirmation = gdw1376::confirmation::Confirmation::All.reply_to(&message).unwrap();
    rig.send(&confirmation);
    rig.run(Duration::from_secs(100));
    let reports: Vec<_> = rig.frames.iter().filter(|frame| frame[12] == 0x0E).cloned().collect();
    assert_eq!(reports.len(), 3, "sent three times");
    assert!(reports.iter().all(|report| *report == reports[0]), "unchanged");
    // While it waits, answers say so.
    let answer = rig.ask_one(gdw1376::afn::Afn::CLASS_1, &[0, 0, 2, 0]);
    let length = answer.len();
    assert_eq!((answer[6], &answer[length - 4..length - 2]), (0xA8, &[2, 0][..]));
    rig.confirms = true;
    rig.run(Duration::from_secs(700));
    let answer = rig.ask_one(gdw1376::afn::Afn::CLASS_1, &[0, 0, 2, 0]);
    assert_eq!(answer[6], 0x88, "everything is confirmed");
}

#[test]
fn an_answer_takes_as_long_as_its_network() {
    let take = |air| {
        let mut setup = setup(1);
        (setup.settings.air, setup.settings.thinks) = (air, (Duration::ZERO, Duration::ZERO));
        let mut rig = Rig::on_line(setup);
        let asked_at = rig.now;
        rig.ask(gdw1376::afn::Afn::CLASS_1, &[0, 0, 2, 0]);
        let (at, _, bytes) = rig.heard.last().unwrap();
        (at.since(asked_at), u32::try_from(bytes.len()).unwrap())
    };
    let (at_once, _) = take(Air::default());
    let (gprs, bytes) = take(Air::GPRS);
    assert_eq!(at_once, Duration::ZERO);
    assert_eq!(gprs, Duration::from_millis(700) + Duration::from_micros(400) * (bytes + 40));
}
