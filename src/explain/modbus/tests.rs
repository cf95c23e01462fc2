use proptest::prelude::*;

use super::*;
use crate::explain::{has_frame, pieces};
use crate::link::check_bytes;

fn checked(frame: &[u8]) -> Vec<u8> {
    [frame, &check_bytes(frame)[..]].concat()
}

fn over(number: u8, body: &[u8]) -> Vec<u8> {
    [&[0, number, 0, 0, 0, u8::try_from(body.len()).unwrap()], body].concat()
}

fn terminals(bytes: &[u8]) -> Vec<FramePiece> {
    let piece = |found| match found {
        Found::Terminal(terminal) => Some(terminal.piece),
        Found::Meter(..) => None,
    };
    pieces(bytes, None).into_iter().filter_map(piece).collect()
}

/// Protocol, place, direction and verdict of each piece; every byte of a frame is in one line.
fn told(bytes: &[u8]) -> Vec<String> {
    let told = |found: &Found| match found {
        Found::Meter(Piece::Frame(it), _) => format!("{} {}+{}", it.protocol, it.offset, it.length),
        Found::Meter(Piece::Garbage(it), _) => format!("garbage {}+{}", it.offset, it.length),
        Found::Terminal(it) => {
            let piece = &it.piece;
            let lines: usize = piece.lines.iter().map(|line| line.length).sum();
            assert_eq!(lines, piece.length, "{piece:?}");
            let direction = piece.direction.unwrap_or("either");
            let error = piece.error_kind.unwrap_or("ok");
            format!("{} {}+{} {direction} {error}", piece.protocol, piece.offset, piece.length)
        }
    };
    pieces(bytes, None).iter().map(told).collect()
}

/// A line of a frame.
fn value<'a>(piece: &'a FramePiece, name: &str) -> (&'a str, &'a str) {
    let line = piece.lines.iter().find(|line| line.name == name).unwrap();
    (line.value.as_deref().unwrap_or_default(), &line.meaning)
}

#[test]
fn every_function_is_told_on_a_bus_and_over_tcp() {
    for (body, direction) in [
        (&[17, 3, 0, 0x6B, 0, 3][..], "request"),
        (&[17, 3, 6, 2, 0x2B, 0, 0, 0, 0x64], "response"),
        (&[17, 4, 2, 0, 10], "response"),
        (&[17, 1, 2, 0xCD, 0x6B], "response"),
        (&[17, 2, 0, 0xC4, 0, 0x16], "request"),
        (&[17, 5, 0, 0xAC, 0xFF, 0], "either"),
        (&[17, 6, 0, 1, 0, 3], "either"),
        (&[17, 15, 0, 0x13, 0, 10, 2, 0xCD, 1], "request"),
        (&[17, 15, 0, 0x13, 0, 10], "response"),
        (&[17, 16, 0, 1, 0, 2, 4, 0, 10, 1, 2], "request"),
        (&[17, 16, 0, 1, 0, 2], "response"),
        (&[17, 22, 0, 4, 0, 0xF2, 0, 0x25], "either"),
        (&[17, 23, 0, 3, 0, 6, 0, 14, 0, 1, 2, 0, 0xFF], "request"),
    ] {
        let frame = checked(body);
        assert_eq!(told(&frame), [format!("modbus-rtu 0+{} {direction} ok", frame.len())], "{body:02X?}");
        let frame = over(7, body);
        assert_eq!(told(&frame), [format!("modbus-tcp 0+{} {direction} ok", frame.len())], "{body:02X?}");
        let [piece] = &terminals(&frame)[..] else { panic!() };
        assert_eq!((piece.address.as_deref(), value(piece, "number").0), (Some("017"), "7"));
        assert_eq!(piece.notes.len(), usize::from(direction == "either"), "{body:02X?}");
    }
}

#[test]
fn an_answer_behind_its_question_says_which_registers_it_holds() {
    let both = [checked(&[17, 3, 0x10, 0, 0, 2]), checked(&[17, 3, 4, 0, 1, 0xE2, 0x40])].concat();
    let [question, answer] = &terminals(&both)[..] else { panic!() };
    assert_eq!((value(question, "first register").0, value(question, "registers").0), ("4096", "2"));
    assert_eq!((value(answer, "register 4096").0, value(answer, "register 4097").0), ("1", "57920"));
    // Of another unit, or another number, it answers something else.
    let other = [checked(&[18, 3, 0x10, 0, 0, 2]), checked(&[17, 3, 4, 0, 1, 0xE2, 0x40])].concat();
    assert_eq!(value(&terminals(&other)[1], "register +0").0, "1");
    let other = [over(1, &[17, 3, 0x10, 0, 0, 1]), over(2, &[17, 3, 2, 0, 9])].concat();
    assert_eq!(value(&terminals(&other)[1], "register +0").0, "9");
    // Behind its question a frame of either form is the answer.
    let bits = checked(&[17, 1, 3, 0, 1, 0]);
    assert_eq!(told(&bits), ["modbus-rtu 0+8 either ok"]);
    assert!(
        terminals(&bits)[0].notes[0].en.contains("a question for 256 bits from 768 on, or an answer of 3")
    );
    let both = [checked(&[17, 1, 0, 0, 0, 20]), bits].concat();
    assert_eq!(told(&both), ["modbus-rtu 0+8 request ok", "modbus-rtu 8+8 response ok"]);
}

#[test]
fn f10_refusals_are_named() {
    for (code, name) in [(1, "illegal function"), (2, "illegal data address"), (6, "server device busy")] {
        for frame in [checked(&[17, 0x83, code]), over(1, &[17, 0x83, code])] {
            let [piece] = &terminals(&frame)[..] else { panic!() };
            assert_eq!((piece.ok, piece.error_kind), (true, Some(name)));
            assert_eq!(value(piece, "exception"), (format!("{code:02X}").as_str(), name));
            assert_eq!(piece.function.as_deref(), Some("read holding registers"));
        }
    }
}

#[test]
fn a_wrong_check_and_a_frame_that_is_cut_short_are_told_when_they_are_all() {
    let mut frame = checked(&[17, 3, 0, 0x6B, 0, 3]);
    frame[7] ^= 1;
    assert_eq!(told(&frame), ["modbus-rtu 0+8 request checksum"]);
    assert_eq!(terminals(&frame)[0].error.as_deref(), Some("check is 76 86, should be 76 87"));
    let whole = over(1, &[17, 3, 4, 0, 1, 2, 3]);
    assert_eq!(told(&whole[..11]), ["modbus-tcp 0+11 either truncated"]);
    // Among others it is no frame.
    assert_eq!(
        told(&[&frame[..], &checked(&[17, 3, 0, 1, 0, 1])].concat()),
        ["garbage 0+8", "modbus-rtu 8+8 request ok"]
    );
    assert_eq!(told(&[1, 2, 3]), ["garbage 0+3"]);
}

const METER: [u8; 12] = [0x68, 0x12, 0x90, 0x78, 0x56, 0x34, 0x12, 0x68, 0x94, 0x00, 0x1A, 0x16];

#[test]
fn frames_stand_among_noise_and_among_those_of_other_meters() {
    let question = checked(&[17, 3, 0x10, 0, 0, 1]);
    let answer = checked(&[17, 3, 2, 0, 9]);
    let all = [&[0][..], &question, &answer, &METER, &[0xFF, 0], &answer].concat();
    assert_eq!(
        told(&all),
        [
            "garbage 0+1",
            "modbus-rtu 1+8 request ok",
            "modbus-rtu 9+7 response ok",
            "dlt645-2007 16+12",
            "garbage 28+2",
            "modbus-rtu 30+7 response ok"
        ]
    );
    // Unit 104 is 68H.
    assert_eq!(told(&checked(&[0x68, 3, 0, 0, 0, 2])), ["modbus-rtu 0+8 request ok"]);
    assert!(has_frame(&question) && has_frame(&over(1, &[1, 4, 2, 0, 1])));
    assert!(!has_frame(b"01 03 00 00 00 0A C5 CD") && !has_frame(&question[..7]));
}

#[test]
fn what_could_be_of_two_kinds_says_so() {
    // A meter's frame in six registers: sound both ways.
    let carrying = checked(&[&[17, 3, 12][..], &METER].concat());
    assert_eq!(told(&carrying), ["garbage 0+3", "dlt645-2007 3+12", "garbage 15+2"]);
    let found = pieces(&carrying, None);
    let [Found::Meter(Piece::Garbage(first), _), ..] = found.as_slice() else { panic!() };
    let said = first.notes.iter().any(|note| note.en.contains("could as well be modbus-rtu, unit 017"));
    assert!(said, "{:?}", first.notes);
    // One on a bus that is one over TCP as well: a register is masked, and the check begins with 1, the bytes of an answer.
    let both = checked(&[1, 22, 0, 0, 0, 4, 73, 2]);
    assert_eq!(both[8], 1);
    assert_eq!(told(&both), ["modbus-rtu 0+10 either ok"]);
    let [piece] = &terminals(&both)[..] else { panic!() };
    assert!(
        piece.notes[1].en.starts_with("could as well be modbus-tcp, unit 073, read discrete inputs"),
        "{piece:?}"
    );
}

proptest! {
    /// Whatever is given, every byte is in one piece.
    #[test]
    fn f01_any_bytes_are_covered(
        parts in proptest::collection::vec(
            prop_oneof![
                Just(checked(&[17, 3, 0x10, 0, 0, 1])),
                Just(checked(&[17, 0x83, 2])),
                Just(over(1, &[17, 3, 2, 0, 9])),
                Just(METER.to_vec()),
                proptest::collection::vec(prop_oneof![Just(0_u8), Just(3), Just(17), any::<u8>()], 0..12),
            ],
            0..6,
        ),
        cut in any::<prop::sample::Index>(),
    ) {
        let bytes = parts.concat();
        let bytes = &bytes[cut.index(bytes.len() + 1)..];
        told(bytes);
        let mut at = 0;
        for found in pieces(bytes, None) {
            let (offset, length) = match &found {
                Found::Meter(Piece::Frame(frame), _) => (frame.offset - frame.preamble, frame.bytes.len() + frame.preamble),
                Found::Meter(Piece::Garbage(garbage), _) => (garbage.offset, garbage.length),
                Found::Terminal(terminal) => {
                    (terminal.piece.offset - terminal.piece.preamble, terminal.piece.length + terminal.piece.preamble)
                }
            };
            prop_assert_eq!(offset, at);
            at += length;
        }
        prop_assert_eq!(at, bytes.len());
    }
}
