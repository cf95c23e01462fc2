use super::*;
use crate::address::{AddressField, TerminalAddress};
use crate::auxiliary::Auxiliary;
use crate::civil::Civil;
use crate::control::Control;
use crate::frame::{Frame, LengthCode};
use crate::identifier::{FnNumber, Point};
use crate::request::{Freeze, Period};
use crate::seq::Seq;

fn address() -> AddressField {
    AddressField::single(TerminalAddress::new(1100, 12345).unwrap(), 1)
}

fn freeze() -> Request {
    Request::ReadFreeze(Freeze {
        points: (1..=8).filter_map(Point::new).collect(),
        functions: vec![FnNumber::new(161).unwrap()],
        period: Period::Day(Civil::date(2024, 8, 20).unwrap()),
    })
}

fn set_clock() -> Request {
    Request::SetClock(Civil::date(2024, 8, 20).unwrap())
}

fn begin(request: &Request, now: Instant) -> Dialogue {
    Dialogue::begin(request, &Envelope::new(address(), 2), Timing::STORED, now).unwrap()
}

fn frame(afn: Afn, seq: Seq, units: &[u8]) -> Message<'_> {
    let control = if afn == Afn::CONFIRM { Control::ACKNOWLEDGE } else { Control::DATA };
    let auxiliary = Auxiliary::default();
    Message { code: LengthCode::GDW_376, control, address: address(), afn, seq, units, auxiliary }
}

const SECOND: Duration = Duration::from_secs(1);
const CONFIRM_ALL: [u8; 4] = [0, 0, 1, 0];
const DENY_ALL: [u8; 4] = [0, 0, 2, 0];

#[expect(clippy::disallowed_methods, reason = "any instant will do")]
fn start() -> Instant {
    Instant::now()
}

// covers [1376 5] [1376 8]
#[test]
fn a_question_is_repeated_with_the_same_bytes_and_then_given_up() {
    let mut now = start();
    let mut dialogue = begin(&freeze(), now);
    let first = dialogue.poll_transmit().unwrap();
    assert_eq!(dialogue.poll_transmit(), None, "once");
    for sent in 2..=3 {
        now = dialogue.poll_timeout().unwrap();
        dialogue.handle_timeout(now - SECOND);
        assert_eq!(dialogue.poll_transmit(), None, "not yet");
        dialogue.handle_timeout(now);
        assert_eq!(dialogue.poll_transmit().as_ref(), Some(&first));
        assert_eq!((dialogue.sent(), dialogue.poll()), (sent, None));
    }
    now = dialogue.poll_timeout().unwrap();
    dialogue.handle_timeout(now);
    assert_eq!((dialogue.poll(), dialogue.poll()), (Some(Outcome::Silent), None));
    assert_eq!((dialogue.poll_timeout(), dialogue.poll_transmit()), (None, None));
}

#[test]
fn what_may_change_something_is_sent_once_and_silence_is_unknown() {
    let mut dialogue = begin(&set_clock(), start());
    assert!(dialogue.poll_transmit().is_some());
    let limit = dialogue.poll_timeout().unwrap();
    dialogue.handle_timeout(limit);
    assert_eq!((dialogue.poll(), dialogue.poll_transmit()), (Some(Outcome::Unknown), None));
    let late = frame(Afn::CONFIRM, Seq::single(2), &CONFIRM_ALL);
    assert_eq!(dialogue.handle(&late, limit), Heard::Foreign, "too late, whatever it says");
    assert_eq!(dialogue.poll(), None);
}

#[test]
fn confirmations_and_denials_end_it() {
    let now = start();
    let outcome = |request: &Request, units: &[u8]| {
        let mut dialogue = begin(request, now);
        assert_eq!(dialogue.handle(&frame(Afn::CONFIRM, Seq::single(2), units), now), Heard::Noted);
        dialogue.poll().unwrap()
    };
    assert_eq!(outcome(&set_clock(), &CONFIRM_ALL), Outcome::Confirmed(Confirmation::All));
    assert_eq!(outcome(&set_clock(), &DENY_ALL).kind(), "denied");
    assert_eq!(outcome(&freeze(), &DENY_ALL), Outcome::Confirmed(Confirmation::None));
    // Counters behind it that the head does not announce, and an identifier that was taken for counters by half.
    assert_eq!(outcome(&set_clock(), &[0, 0, 1, 0, 0x11, 0x00]), Outcome::Confirmed(Confirmation::All));
    for unreadable in [&[9][..], &[0, 0], &[0, 0, 4, 0, 5, 0]] {
        assert_eq!(outcome(&set_clock(), unreadable), Outcome::Unknown, "{unreadable:?} is no refusal");
        assert_eq!(outcome(&freeze(), unreadable), Outcome::Silent, "{unreadable:?} is not \"no such data\"");
    }
}

#[test]
fn each_frame_of_an_answer_starts_the_wait_anew_and_a_lost_one_is_told() {
    let mut now = start();
    let mut dialogue = begin(&freeze(), now);
    let _ = dialogue.poll_transmit();
    now += 29 * SECOND;
    assert_eq!(dialogue.handle(&frame(Afn::CLASS_2, Seq::part(2, true, false), &[1]), now), Heard::Answer);
    now += 29 * SECOND;
    assert_eq!(
        dialogue.handle(&frame(Afn::CLASS_2, Seq::part(2, true, false), &[1]), now),
        Heard::Noted,
        "twice"
    );
    assert_eq!(dialogue.handle(&frame(Afn::CLASS_2, Seq::part(4, false, true), &[3]), now), Heard::Answer);
    assert_eq!(dialogue.poll(), None, "number 3 is missing and may come yet");
    let limit = dialogue.poll_timeout().unwrap();
    assert_eq!(limit, now + 30 * SECOND);
    dialogue.handle_timeout(limit);
    assert_eq!(dialogue.poll(), Some(Outcome::Answered { is_complete: false }));
    assert_eq!(dialogue.poll_transmit(), None, "what came is kept, nothing is asked again here");
}

#[test]
fn a_report_in_between_does_not_take_the_place_of_the_answer() {
    let now = start();
    let mut dialogue = begin(&freeze(), now);
    let report = Message { control: Control::REPORT_TO_CONFIRM, ..frame(Afn::CLASS_2, Seq::single(2), &[1]) };
    assert_eq!(dialogue.handle(&report, now), Heard::Foreign);
    let late = frame(Afn::CLASS_2, Seq::single(1), &[1]);
    assert_eq!(dialogue.handle(&late, now), Heard::Foreign);
    assert_eq!(dialogue.poll(), None);
    assert_eq!(dialogue.handle(&frame(Afn::CLASS_2, Seq::single(2), &[1]), now), Heard::Answer);
    assert_eq!(dialogue.poll(), Some(Outcome::Answered { is_complete: true }));
}

#[test]
fn a_frame_that_asks_for_it_is_confirmed_also_when_it_comes_twice() {
    let now = start();
    let mut dialogue = begin(&freeze(), now);
    let _ = dialogue.poll_transmit();
    let first = frame(Afn::CLASS_2, Seq::part(2, true, false).to_confirm(), &[1]);
    for heard in [Heard::Answer, Heard::Noted] {
        assert_eq!(dialogue.handle(&first, now), heard);
        let reply = dialogue.poll_transmit().unwrap();
        let reply = Message::of(&Frame::parse(&reply).unwrap()).unwrap();
        assert_eq!(
            (reply.control, reply.seq, reply.address),
            (Control::REPORT_REPLY, Seq::single(2), address())
        );
        assert_eq!(Confirmation::of(&reply), Ok(Confirmation::All));
        assert_eq!(dialogue.poll_transmit(), None);
    }
}

#[test]
fn a_denial_behind_data_keeps_the_data() {
    let now = start();
    let mut dialogue = begin(&freeze(), now);
    assert_eq!(dialogue.handle(&frame(Afn::CLASS_2, Seq::part(2, true, false), &[1]), now), Heard::Answer);
    assert_eq!(
        dialogue.handle(&frame(Afn::CONFIRM, Seq::part(4, false, true), &DENY_ALL), now),
        Heard::Noted
    );
    assert_eq!(dialogue.poll(), Some(Outcome::Answered { is_complete: false }));
}

#[test]
fn an_answer_without_end_ends() {
    let now = start();
    let timing = Timing { frames: 3, ..Timing::STORED };
    let mut dialogue = Dialogue::begin(&freeze(), &Envelope::new(address(), 0), timing, now).unwrap();
    for place in 0..3 {
        let frame = frame(Afn::CLASS_2, Seq::part(place, place == 0, false), &[1]);
        assert_eq!(dialogue.handle(&frame, now), Heard::Answer);
    }
    assert_eq!(dialogue.handle(&frame(Afn::CLASS_2, Seq::part(3, false, false), &[1]), now), Heard::Noted);
    assert_eq!(dialogue.poll().map(|outcome| outcome.kind()), Some("incomplete"));
}
