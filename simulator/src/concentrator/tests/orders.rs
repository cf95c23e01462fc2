use core::time::Duration;

use gdw1376::afn::Afn;
use gdw1376::confirmation::{Confirmation, UnitResult};
use gdw1376::frame::Frame;
use gdw1376::identifier::Identifier;
use gdw1376::message::Message;
use gdw1376::{answer, unit};

use super::rig::*;
use crate::concentrator::Setup;
use crate::concentrator::archive::Record;
use crate::concentrator::habits::{Habits, Unknown};
use crate::sample;
use crate::seed::Seed;

const SET_TWO: &str = "68 52 01 52 01 68 4A 00 11 39 30 02 04 71 00 00 02 01 02 00 02 00 02 00 7F 1E 01 00 00 00 00 00 \
00 00 00 00 00 00 04 09 00 00 00 00 00 00 50 03 00 03 00 7F 1E 02 00 00 00 00 00 00 00 00 00 \
00 00 04 09 00 00 00 00 00 00 50 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 41 16";
const TAKEN: &str = "68 32 00 32 00 68 80 00 11 39 30 02 00 61 00 00 01 00 5E 16";
const READ_TWO: &str = "68 4A 00 4A 00 68 4B 00 11 39 30 02 0A 67 00 00 02 01 02 00 02 00 03 00 42 16";

fn empty() -> Setup {
    let mut setup = Setup::new(terminal(), start(), Seed::new(1));
    setup.settings = super::rig::setup(0).settings;
    setup
}

fn confirmation(frame: &[u8]) -> Confirmation {
    Confirmation::of(&Message::of(&Frame::parse(frame).unwrap()).unwrap()).unwrap()
}

// covers [1376 3.4] [1376 9]
#[test]
fn an_archive_is_set_and_read_back_as_in_the_worked_frames() {
    let mut rig = Rig::on_line(empty());
    assert_eq!(rig.ask_bytes(&hex(SET_TWO)), [hex(TAKEN)]);
    let told = rig.ask_bytes(&hex(READ_TWO)).remove(0);
    let message = Frame::parse(&told).unwrap();
    let message = Message::of(&message).unwrap();
    let cut = unit::cut(&message);
    let (records, impossible) = answer::archive(&cut.units[0]).unwrap();
    assert_eq!((records.len(), impossible), (2, 0));
    assert_eq!(told[18..20], [2, 0]);
    assert_eq!(told[20..20 + 54], hex(SET_TWO)[20..20 + 54], "byte by byte what was set");
    assert!(rig.terminal.events(false).any(|event| event.code == 3), "a change of parameters is an event");
}

#[test]
fn an_address_that_is_in_use_is_told_by_its_number() {
    let mut rig = Rig::on_line(setup(3));
    let mut record = *rig.terminal.archive().record(1).unwrap();
    (record.number, record.point) = (9, 9);
    let units = [&[0, 0, 2, 1, 1, 0][..], &record.wire()].concat();
    let answer = rig.ask_one(Afn::SET_PARAMETERS, &units);
    let refused = vec![(Identifier::from_wire([0, 0, 2, 1]), UnitResult::ADDRESS_IN_USE)];
    assert_eq!(confirmation(&answer), Confirmation::Each { afn: Afn::SET_PARAMETERS, units: refused });
    record.point = 0;
    record.number = 2;
    assert_eq!(
        confirmation(&rig.ask_one(Afn::SET_PARAMETERS, &[&[0, 0, 2, 1, 1, 0][..], &record.wire()].concat())),
        Confirmation::All
    );
    assert_eq!(rig.terminal.archive().points().collect::<Vec<_>>(), [1, 3]);
}

#[test]
fn a_long_archive_comes_in_several_frames_one_number_after_the_other() {
    let mut setup = setup(90);
    setup.settings.sends = 512;
    let mut rig = Rig::on_line(setup);
    let numbers: Vec<u8> = (1..=90_u16).flat_map(u16::to_le_bytes).collect();
    let frames = rig.ask(Afn::READ_PARAMETERS, &[&[0, 0, 2, 1, 90, 0][..], &numbers].concat());
    assert!(frames.len() >= 5 && frames.iter().all(|frame| frame.len() <= 512 + 8), "{}", frames.len());
    let seqs: Vec<u8> = frames.iter().map(|frame| frame[13]).collect();
    assert_eq!((seqs[0] & 0xF0, seqs[1] & 0xF0, seqs[seqs.len() - 1] & 0xF0), (0x40, 0x00, 0x20));
    assert!(seqs.windows(2).all(|pair| pair[1] & 0x0F == (pair[0] + 1) & 0x0F), "{seqs:02X?}");
    let records: usize = frames.iter().map(|frame| usize::from(frame[18])).sum();
    assert_eq!(records, 90);
    assert!(frames.iter().all(|frame| Record::from_wire(&frame[20..]).is_some()));
}

#[test]
fn timing_set_by_the_master_is_kept_and_read_back() {
    let mut rig = Rig::on_line(setup(1));
    let timing = [0x14, 0x00, 0x14, 0x20, 0x04, 0x02];
    let answer = rig.ask_one(Afn::SET_PARAMETERS, &[&[0, 0, 1, 0][..], &timing].concat());
    assert_eq!(confirmation(&answer), Confirmation::All);
    assert_eq!(rig.ask_one(Afn::READ_PARAMETERS, &[0, 0, 1, 0])[18..24], timing);
    rig.run(Duration::from_secs(400));
    rig.frames.clear();
    rig.run(Duration::from_secs(600));
    assert_eq!(rig.frames.len(), 5, "a heartbeat every two minutes");
}

#[test]
fn several_parameters_are_answered_one_by_one() {
    let mut rig = Rig::on_line(setup(1));
    let units = [&[0, 0, 0x10, 0][..], &[0, 0, 0], &[0, 0, 0x02, 0x0B], &[1, 2, 3]].concat();
    match confirmation(&rig.ask_one(Afn::SET_PARAMETERS, &units)) {
        Confirmation::Each { units, .. } => {
            assert_eq!(units.iter().map(|(_, result)| result.0).collect::<Vec<_>>(), [0, 1]);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(confirmation(&rig.ask_one(Afn::SET_PARAMETERS, &[0, 0, 0x02, 0x0B, 1])), Confirmation::None);
}

// covers [1376 3.5] [1376 9]
#[test]
fn the_clock_is_set_and_the_own_relays_are_refused() {
    let mut rig = Rig::on_line(setup(1));
    let set = "68 8A 00 8A 00 68 4A 00 11 39 30 02 05 75 00 00 40 03 00 00 12 21 68 24 00 00 00 00 00 00 00 00 \
00 00 00 00 00 00 00 00 42 16";
    let answer = rig.ask_bytes(&hex(set)).remove(0);
    assert_eq!((confirmation(&answer), answer[13]), (Confirmation::All, 0x65));
    let clock = rig.ask_one(Afn::CLASS_1, &[0, 0, 2, 0]);
    assert_eq!(clock[18 + 1..18 + 6], [0x00, 0x12, 0x21, 0x68, 0x24]);
    for refused in [&[1, 1, 1, 0, 0][..], &[1, 1, 2, 0], &[0, 0, 0x40, 3, 0x99, 0x99, 0, 0, 0, 0]] {
        assert_eq!(confirmation(&rig.ask_one(Afn::CONTROL, refused)), Confirmation::None);
    }
}

#[test]
fn reading_is_paused_resumed_and_done_again_where_that_is_known() {
    let mut rig = Rig::on_line(setup(4));
    let order = |rig: &mut Rig, item: u8| confirmation(&rig.ask_one(Afn::CONTROL, &[0, 0, item, 6, 31]));
    assert_eq!(order(&mut rig, 0x01), Confirmation::All);
    rig.run_to(sample::at(2026, 11, 22, 3, 0));
    assert_eq!(rig.terminal.progress(), (0, 4));
    assert_eq!(order(&mut rig, 0x02), Confirmation::All);
    assert_eq!(order(&mut rig, 0x04), Confirmation::All);
    rig.run(Duration::from_secs(300));
    assert_eq!(rig.terminal.progress(), (4, 4));
    assert_eq!(order(&mut rig, 0x10), Confirmation::All);
    assert_eq!(rig.terminal.archive().records().count(), 0, "all meters of the port are deleted");
    let mut refusing = setup(4);
    refusing.habits = Habits { refuses_reading_orders: true, ..Habits::default() };
    let mut rig = Rig::on_line(refusing);
    assert_eq!(order(&mut rig, 0x10), Confirmation::None);
}

// covers [1376 3.2] [1376 3.7]
#[test]
fn a_reset_is_confirmed_and_then_the_terminal_logs_in_again() {
    let mut rig = Rig::on_line(setup(1));
    let version = rig.ask_one(Afn::CONFIGURATION, &[0, 0, 1, 0]);
    assert_eq!(version.len(), 14 + 4 + 41 + 2);
    let ports = rig.ask_one(Afn::CONFIGURATION, &[0, 0, 2, 0]);
    let message = Frame::parse(&ports).unwrap();
    let message = Message::of(&message).unwrap();
    let cut = unit::cut(&message);
    let limits = answer::frame_limits(&cut.units[0]).unwrap();
    assert_eq!((limits.takes, limits.sends), (2048, 1024));
    let answer = rig.ask_one(Afn::RESET, &[0, 0, 1, 0]);
    assert_eq!(confirmation(&answer), Confirmation::All);
    rig.frames.clear();
    rig.run(Duration::from_secs(60));
    assert_eq!((rig.links.len(), rig.frames[0][12]), (2, 2));
    assert_eq!(confirmation(&rig.ask_one(Afn::RESET, &[0, 0, 4, 0])), Confirmation::All);
    assert_eq!(rig.terminal.archive().records().count(), 0, "as it left the factory");
}

// covers [1376 3.10]
#[test]
fn events_are_read_by_their_pointers() {
    let mut rig = Rig::on_line(setup(1));
    for _ in 0..3 {
        rig.terminal.power_off(rig.now);
        rig.run(Duration::from_secs(60));
        rig.terminal.power_on(rig.now);
        rig.run(Duration::from_secs(60));
    }
    let counters = rig.ask_one(Afn::CLASS_1, &[0, 0, 0x40, 0]);
    assert_eq!(counters[18..20], [6, 0]);
    let told = rig.ask_one(Afn::CLASS_3, &[0, 0, 1, 0, 4, 6]);
    let message = Frame::parse(&told).unwrap();
    let message = Message::of(&message).unwrap();
    let cut = unit::cut(&message);
    let events = answer::events(&cut.units[0]).unwrap();
    assert_eq!((events.from, events.to, events.records.len()), (4, 6, 2));
    assert!(events.records.iter().all(|record| record.code == 14));
    assert_eq!(rig.ask_one(Afn::CLASS_3, &[0, 0, 2, 0, 0, 6])[6], 0x89, "no ordinary ones");
}

#[test]
fn other_functions_are_denied_and_other_terminals_are_not_answered_for() {
    let mut rig = Rig::on_line(setup(1));
    for afn in [0x03, 0x06, 0x08, 0x0B, 0x0F, 0x52] {
        let answer = rig.ask_one(Afn(afn), &[0, 0, 1, 0]);
        assert_eq!(confirmation(&answer), Confirmation::None, "AFN {afn:02X}");
    }
    let mut other = request(5, Afn::CLASS_1, &[0, 0, 2, 0]);
    other[9] ^= 1;
    let last = other.len() - 2;
    other[last] = other[last].wrapping_add_signed(if other[9] & 1 == 1 { 1 } else { -1 });
    assert!(rig.ask_bytes(&other).is_empty());
}

#[test]
fn a_code_is_wanted_wherever_a_request_carries_one_and_what_is_not_known_is_denied_or_ignored() {
    let mut setup = setup(1);
    setup.habits = Habits { password: [7; 16], lacks: &[(0x0C, 2)], ..setup.habits };
    let mut rig = Rig::on_line(setup);
    // AFN 05 F31, with a code of zeros.
    let set_clock = [0x00, 0x00, 0x40, 0x03, 0x00, 0x00, 0x12, 0x21, 0xDB, 0x26];
    assert_eq!(confirmation(&rig.ask_one(Afn::CONTROL, &set_clock)), Confirmation::None);
    assert_eq!(confirmation(&rig.ask_one(Afn::CLASS_1, &[0, 0, 2, 0])), Confirmation::None);
    rig.terminal.habits_mut().unknown = Unknown::Ignored;
    assert_eq!(rig.ask(Afn::CLASS_1, &[0, 0, 2, 0]), Vec::<Vec<u8>>::new());
    rig.terminal.habits_mut().lacks = &[];
    assert_eq!(rig.ask(Afn::CLASS_1, &[0, 0, 2, 0]).len(), 1);
}
