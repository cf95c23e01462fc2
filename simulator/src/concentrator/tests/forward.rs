use core::time::Duration;

use gdw1376::afn::Afn;
use gdw1376::frame::Frame;
use gdw1376::message::Message;
use gdw1376::{answer, unit};

use super::rig::*;
use crate::concentrator::Setup;
use crate::concentrator::habits::{Habits, Silent};
use crate::concentrator::plc::Plc;
use crate::load::shape::Shape;
use crate::meter::{Editions, Manners, Meter};
use crate::sample;
use crate::seed::Seed;
use crate::truth::Truth;
use crate::truth::register::{Energy, Register};

/// AFN 10 F1 with an inner frame, port 31, 60 s, 100 ms.
pub(super) fn transparent(inner: &[u8]) -> Vec<u8> {
    let mut units = vec![0, 0, 1, 0, 0x1F, 0x6B, 0xBC, 0x0A];
    units.extend(u16::try_from(inner.len()).unwrap().to_le_bytes());
    units.extend(inner);
    units
}

/// A meter whose forward register came to so many hundredths of a kWh at the start of the tests.
fn meter_at(address: &str, hundredths: i64) -> Meter {
    let at = start();
    // The total is the sum of tariffs that are each cut, so that it may fall short of what was aimed at.
    let aims = (1..9).flat_map(|seed| (hundredths..hundredths + 8).map(move |aim| (seed, aim)));
    let mut aimed = aims.map(|(seed, aim)| {
        let installation = sample::installation(Shape::Household, seed, at.plus(-60));
        let mut truth = Truth::install(installation.reaching(aim, at));
        truth.hold(at);
        truth
    });
    let total = Register::total(Energy::ForwardActive);
    let truth = aimed.find(|truth| truth.shown(total, at) == hundredths).unwrap();
    Meter::new(address.parse().unwrap(), Editions::ONLY_2007, Manners::default(), truth)
}

fn with_meter(meter: Meter) -> Setup {
    let mut setup = Setup::new(terminal(), start(), Seed::new(1)).with_meters([meter]);
    setup.settings = super::rig::setup(0).settings;
    setup
}

const TRIP: &str = "68 FA 00 FA 00 68 4B 00 11 39 30 02 10 65 00 00 01 00 1F 6B BC 0A 1C 00 68 01 00 00 00 00 00 68 \
1C 10 35 33 33 33 33 33 33 33 4D 33 33 33 33 64 45 CC 25 16 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 09 16";
const TRIPPED: &str = "68 6E 00 6E 00 68 88 00 11 39 30 02 10 65 00 00 01 00 1F 0C 00 68 01 00 00 00 00 00 68 9C 00 6D 16 95 16";
const PERMIT: &str = "68 FA 00 FA 00 68 4B 00 11 39 30 02 10 66 00 00 01 00 1F 6B BC 0A 1C 00 68 01 00 00 00 00 00 68 \
1C 10 35 33 33 33 33 33 33 33 4E 33 33 33 33 64 45 CC 26 16 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 0C 16";
const STATUS: &str = "68 CA 00 CA 00 68 4B 00 11 39 30 02 10 67 00 00 01 00 1F 6B BC 0A 10 00 68 01 00 00 00 00 00 68 \
11 04 36 38 33 37 BE 16 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 31 16";

// covers [1376 7] [1376 9]
#[test]
fn a_trip_through_a_terminal_is_that_of_the_worked_frames() {
    let mut rig = Rig::on_line(with_meter(meter_at("000000000001", 12_345_600)));
    let asked_at = rig.now;
    assert_eq!(rig.ask_bytes(&hex(TRIP)), [hex(TRIPPED)]);
    assert!(rig.now.since(asked_at) >= Duration::from_millis(700), "the line takes its time");
    let status = rig.ask_bytes(&hex(STATUS)).remove(0);
    // Bit 4: open. The frame inside is 16 bytes of head and identifier in front of the word.
    assert_eq!(status[status.len() - 6].wrapping_sub(0x33) & 0x10, 0x10, "{status:02X?}");
    assert_eq!(rig.ask_bytes(&hex(PERMIT)).len(), 1);
    let reached = rig.terminal.reached();
    let controls: Vec<_> = reached.iter().map(|reached| (reached.control(), reached.is_astray)).collect();
    assert_eq!(controls, [(Some(0x1C), false), (Some(0x11), false), (Some(0x1C), false)]);
    let meter = rig.terminal.meter_of(1).unwrap();
    assert_eq!(meter.relay().switchings().len(), 1);
}

// covers [1376 3.12] [1376 9]
#[test]
fn one_identifier_is_read_as_in_the_worked_frames() {
    let mut rig = Rig::on_line(with_meter(meter_at("000000000001", 12_345_600)));
    let asked = "68 A6 00 A6 00 68 4B 00 11 39 30 02 10 68 00 00 01 01 1F 00 01 00 00 00 00 00 01 00 00 01 00 00 \
00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 63 16";
    let told = "68 76 00 76 00 68 88 00 11 39 30 02 10 68 00 00 01 01 1F 01 00 00 00 00 00 05 08 00 00 01 00 00 \
56 34 12 48 16";
    assert_eq!(rig.ask_bytes(&hex(asked)), [hex(told)]);
}

// covers [1376 9]
#[test]
fn a_captured_read_gets_the_captured_answer() {
    let mut setup = with_meter(meter_at("151230011061", 678));
    setup.address = "0200-1234".parse().unwrap();
    setup.start = sample::at(2026, 11, 21, 23, 51).plus(15);
    let mut rig = Rig::new(setup);
    rig.run(Duration::from_secs(5));
    let asked = "68 E2 00 E2 00 68 4B 00 02 34 12 04 10 E0 00 00 01 00 1F 6B BC 0A 10 00 68 61 10 01 30 12 15 68 \
11 04 33 33 34 33 7B 16 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 13 51 23 21 05 A1 16";
    let told =
        "00 00 01 00 1F 14 00 68 61 10 01 30 12 15 68 91 08 33 33 34 33 AB 39 33 33 49 16 00 13 51 23 21 05";
    let asked = hex(asked);
    // Without the event counters, and with the time of the request where the captured one has its own.
    let answer = rig.ask_bytes(&asked).remove(0);
    assert_eq!(answer[14..answer.len() - 2], hex(told));
}

fn silent(habit: Silent) -> Vec<u8> {
    let mut setup = setup(2);
    setup.habits = Habits { silent: habit, ..Habits::default() };
    setup.wired.clear();
    let mut rig = Rig::on_line(setup);
    let asked_at = rig.now;
    let answer = rig.ask_bytes(&hex(STATUS)).remove(0);
    assert_eq!(rig.now.since(asked_at).as_secs(), 60, "as long as the request says");
    answer
}

#[test]
fn a_silent_meter_is_denied_or_answered_with_nothing() {
    let denied = silent(Silent::Denied);
    assert_eq!((denied[12], &denied[14..18]), (0, &[0, 0, 2, 0][..]));
    let empty = silent(Silent::Empty);
    assert_eq!(empty[12..empty.len() - 2], [0x10, 0x67, 0, 0, 1, 0, 0x1F, 0, 0]);
}

#[test]
fn wake_up_bytes_inside_are_not_forwarded() {
    let mut rig = Rig::on_line(setup(1));
    let inner = hex("FE FE FE FE 68 01 00 00 00 00 00 68 11 04 36 38 33 37 BE 16");
    assert_eq!(rig.ask(Afn::FORWARD, &transparent(&inner)).len(), 1);
    assert_eq!(rig.terminal.reached()[0].frame, inner[4..]);
}

#[test]
fn an_answer_that_is_lost_on_the_line_leaves_the_order_done() {
    let mut setup = with_meter(meter_at("000000000001", 12_345_600));
    setup.settings.plc =
        Plc { loses_answers: 1024, loses_requests: 0, unreachable_days: 0, ..Plc::default() };
    let mut rig = Rig::on_line(setup);
    let answer = rig.ask_bytes(&hex(TRIP)).remove(0);
    assert_eq!(answer[12], 0, "denied, though it was done");
    assert_eq!(rig.terminal.reached().len(), 1);
    assert!(rig.terminal.reached()[0].answer.is_some());
    assert_eq!(rig.terminal.meter_of(1).unwrap().relay().switchings().len(), 1);
}

#[test]
fn a_forwarded_frame_waits_for_the_line_and_goes_before_the_night() {
    let mut rig = Rig::on_line(setup(30));
    rig.run_to(sample::at(2026, 11, 22, 0, 2).plus(30));
    let before = rig.terminal.exchanges();
    assert_eq!(rig.ask_bytes(&hex(STATUS)).len(), 1);
    assert!(rig.terminal.exchanges() <= before + 2, "behind the one that was on the way");
}

#[test]
fn a_tag_that_is_too_old_makes_the_terminal_keep_silent() {
    let mut rig = Rig::on_line(setup(1));
    // Read the clock with a tag of the 21st, 10:00:00, good for five minutes; it is past 10:15.
    let bytes = |delay: u8| {
        use gdw1376::address::AddressField;
        use gdw1376::control::Control;
        use gdw1376::frame::{Frame, LengthCode};
        use gdw1376::seq::Seq;
        let body = [0, 0, 2, 0, 7, 0x00, 0x00, 0x10, 0x21, delay];
        let (address, seq) = (AddressField::single(terminal(), 1), Seq::single(3).with_time_tag(true));
        let frame = Frame {
            code: LengthCode::GDW_376,
            control: Control::QUERY,
            address,
            afn: Afn::CLASS_1,
            seq,
            body: &body,
        };
        frame.to_bytes().unwrap()
    };
    assert!(rig.ask_bytes(&bytes(5)).is_empty());
    for delay in [0, 20] {
        let answer = rig.ask_bytes(&bytes(delay)).remove(0);
        assert_eq!(
            answer[answer.len() - 8..answer.len() - 2],
            [7, 0x00, 0x00, 0x10, 0x21, delay],
            "the tag comes back"
        );
    }
}

/// The line is taken when the terminal's own night begins: it begins when the line is free again.
#[test]
fn a_night_that_comes_due_under_a_forwarded_frame_waits_for_it() {
    let setup = setup(2);
    let after = i64::try_from(setup.settings.reads_after_midnight.as_secs()).unwrap();
    let begins = sample::at(2026, 11, 22, 0, 0).plus(after);
    let mut rig = Rig::on_line(setup);
    rig.run_to(begins.plus(-5));
    let nobody = "68 99 99 99 99 99 99 68 11 04 33 33 34 33";
    let mut inner = hex(nobody);
    inner.push(inner.iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte)));
    inner.push(0x16);
    let asked_at = rig.now;
    rig.ask_one(Afn::FORWARD, &transparent(&inner));
    assert!(rig.now.since(asked_at) >= Duration::from_secs(5), "the line was taken when the night began");
    rig.run(Duration::from_secs(3600));
    let frame = rig.ask_one(Afn::CLASS_1, &[0, 0, 4, 1]);
    let message = Frame::parse(&frame).unwrap();
    let message = Message::of(&message).unwrap();
    let progress = answer::progress(&unit::cut(&message).units[0]).unwrap();
    assert_eq!((progress[0].read, progress[0].meters), (2, 2));
}
