use proptest::prelude::*;

use super::*;

fn bytes(text: &str) -> Vec<u8> {
    text.split_whitespace().map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

fn only_frame(bytes: &[u8]) -> FramePiece {
    let pieces = pieces(bytes);
    let [Piece::Frame(frame)] = pieces.as_slice() else { panic!("{pieces:?}") };
    (**frame).clone()
}

/// Every byte is in one piece or a wake-up byte in front of one, and every byte of a frame in one line.
pub(super) fn check_cover(bytes: &[u8]) {
    let mut at = 0;
    for piece in pieces(bytes) {
        let (offset, length, preamble) = match &piece {
            Piece::Frame(frame) => (frame.offset, frame.length, frame.preamble),
            Piece::Garbage(garbage) => (garbage.offset, garbage.length, 0),
        };
        assert_eq!(at + preamble, offset, "a gap or an overlap in {bytes:02X?}");
        assert!(length > 0);
        at = offset + length;
        let Piece::Frame(frame) = piece else { continue };
        assert_eq!(frame.bytes, bytes[offset..offset + length]);
        let mut inside = 0;
        for line in &frame.lines {
            assert_eq!(line.offset, inside, "{line:?} of {bytes:02X?}");
            assert!(!line.name.is_empty() && !line.name_zh.is_empty());
            assert_eq!(line.meaning.is_empty(), line.meaning_zh.is_empty(), "{line:?}");
            inside += line.length;
        }
        assert_eq!(inside, length, "lines of {bytes:02X?}");
        assert_eq!((frame.ok, frame.ok), (frame.error.is_none(), frame.error_kind.is_none()));
        if frame.ok || length >= 6 {
            assert_eq!(front(&bytes[offset..]).map(|front| front.bytes), Some(frame.bytes));
        }
    }
    assert_eq!(at, bytes.len());
}

fn show(line: &Line) -> String {
    let value = line.value.as_deref().unwrap_or("-");
    format!(
        "{} {}+{} {} = {value} {} [{}]",
        line.level, line.offset, line.length, line.name, line.unit, line.meaning
    )
}

const TRIP: &str = "68 FA 00 FA 00 68 4B 00 11 39 30 02 10 65 00 00 01 00 1F 6B BC 0A 1C 00 68 01 00 00 00 00 00 68
    1C 10 35 33 33 33 33 33 33 33 4D 33 33 33 33 64 45 CC 25 16 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 09 16";

#[test]
fn a_forwarded_frame_is_a_span_of_opaque_bytes() {
    let frame = only_frame(&bytes(TRIP));
    let inner: Vec<_> = frame.lines.iter().filter(|line| line.is_meter_frame).collect();
    let [inner] = inner.as_slice() else { panic!("{frame:?}") };
    let span = &frame.bytes[inner.offset..inner.offset + inner.length];
    assert_eq!((span.len(), span[0], span[27]), (28, 0x68, 0x16));
    let shown: Vec<String> = frame.lines.iter().map(show).collect();
    assert_eq!(
        shown[10..17],
        [
            "0 14+4 data unit = p0 F1  [transparent relay]",
            "1 18+1 port = 31  []",
            "1 19+1 line settings = 6B  []",
            "1 20+1 time-out of the answer = BC  [60 s]",
            "1 21+1 time-out between bytes, 10 ms steps = 10  []",
            "1 22+2 length = 28  []",
            "1 24+28 frame of the meter = 68010000000000681c1035333333333333334d333333336445cc2516  []",
        ]
    );
    assert!(shown[17].starts_with("0 52+16 message authentication PW = -  [none]"), "{}", shown[17]);
}

#[test]
fn a_freeze_shows_items_and_the_instant() {
    let text =
        "68 52 01 52 01 68 88 00 11 39 30 02 0D 42 01 01 01 14 20 08 24 15 00 21 08 24 04 00 56 34 12 00
         60 45 23 01 00 80 36 70 03 00 40 82 93 04 00 20 91 46 02 00 02 01 01 14 20 08 24 15 00 21 08 24
         04 00 87 99 00 00 70 98 09 00 00 10 96 29 00 00 80 94 39 00 00 40 97 19 00 00 03 16";
    let frame = only_frame(&bytes(text));
    assert!(frame.is_part && frame.ok);
    let total = frame.lines.iter().find(|line| line.name == "forward active energy, total").unwrap();
    assert_eq!((total.name_zh.as_str(), total.value.as_deref()), ("正向有功电能示值(总)", Some("1234.5600")));
    assert_eq!((total.item.as_deref(), total.unit), (Some("1-0:1.8.0"), "kWh"));
    assert_eq!(total.as_of.as_deref(), Some("2024-08-21 00:00:00"));
    let fourth = frame.lines.iter().find(|line| line.name == "forward active energy, tariff 4").unwrap();
    assert_eq!(fourth.item.as_deref(), Some("1-0:1.8.4"));
}

#[test]
fn events_are_named_and_their_bodies_taken_apart() {
    let text =
        "68 66 00 66 00 68 CA 00 11 39 30 00 0E 71 00 00 01 00 05 00 04 05 0C 07 00 01 21 08 24 02 80 B5 16";
    let frame = only_frame(&bytes(text));
    let shown: Vec<String> = frame.lines.iter().map(show).collect();
    assert!(shown.contains(&"2 22+1 event code (ERC) 1 = 12  [meter clock off]".to_owned()), "{shown:#?}");
    assert!(shown.contains(&"3 24+5 event time = 2024-08-21 01:00  []".to_owned()), "{shown:#?}");
}

#[test]
fn broken_frames_say_why_and_reach_no_further() {
    let login = bytes("68 32 00 32 00 68 C9 00 02 34 12 00 02 71 00 00 01 00 85 16");
    let told = |bytes: &[u8]| {
        check_cover(bytes);
        let shown: Vec<String> = pieces(bytes)
            .into_iter()
            .map(|piece| match piece {
                Piece::Frame(frame) => frame.error.unwrap_or_else(|| "ok".to_owned()),
                Piece::Garbage(garbage) => format!("garbage {}", garbage.length),
            })
            .collect();
        shown
    };
    let mut wrong = login.clone();
    wrong[18] = 0x86;
    assert_eq!(told(&[wrong, login.clone()].concat()), ["checksum is 86, should be 85", "ok"]);
    assert_eq!(told(&[&login[..12], &login].concat()), ["cut short: another frame begins inside", "ok"]);
    assert_eq!(told(&login[..12]), ["cut short by 8 bytes"]);
    let mut end = login.clone();
    end[19] = 0x17;
    assert_eq!(told(&end), ["end byte 17 where the length puts it, should be 16"]);
    let plain_length = bytes("68 0C 00 0C 00 68 4B 32 01 00 01 00 0C 60 01 01 01 00 EE 16");
    assert_eq!(told(&plain_length), ["the length counts the bytes without the two protocol bits below"]);
    let longer = bytes("68 4A 00 4A 00 68 88 02 37 45 23 70 00 E0 00 00 01 00 7A 16");
    assert_eq!(told(&longer), ["the length says 18 bytes, but the frame ends as if it were 12"]);
    assert_eq!(told(&[0x0D, 0x0A, 0x68, 0x12]), ["garbage 4"]);
    assert_eq!(told(&[&[0xFE, 0xFE][..], &login, &[0x0D]].concat()), ["ok", "garbage 1"]);
}

/// A megabyte of what a modem or a wrong port may give takes no longer than a moment.
#[test]
fn long_rubbish_is_explained_in_linear_time() {
    let login = bytes("68 32 00 32 00 68 C9 00 02 34 12 00 02 71 00 00 01 00 85 16");
    for rubbish in [&[0xFE][..], &[0x68], b"+CSQ: 31,99\r\n", &[0x68, 0x16, 0x16, 0x16, 0x16, 0x68]] {
        let mut input: Vec<u8> = rubbish.iter().copied().cycle().take(1_000_000).collect();
        input.extend(&login);
        let pieces = pieces(&input);
        let Some(Piece::Frame(last)) = pieces.last() else { panic!("{rubbish:02X?}") };
        assert!(last.ok && last.offset + last.length == input.len(), "{rubbish:02X?}");
    }
}

#[test]
fn a_unit_that_is_not_known_stays_as_bytes_with_its_reason() {
    let text = "68 8A 00 8A 00 68 4B 02 37 02 00 06 0C 71 00 00 02 7D 14 00 70 70 61 30 30 38 65 67 73 2F 6C 61 63 6F 6C
         2F 74 6E 6D 2F 9B 16";
    let frame = only_frame(&bytes(text));
    assert!(frame.ok);
    assert_eq!(frame.notes[0].en, "AFN 0C F1002 is not in the catalogue");
    let line = frame.lines.iter().find(|line| line.name == "not taken apart").unwrap();
    assert_eq!((line.offset, line.length), (18, 22));
}

proptest! {
    #[test]
    fn every_byte_is_in_one_line(
        bytes in proptest::collection::vec(
            prop_oneof![Just(0x68_u8), Just(0x16), Just(0xFE), Just(0x00), Just(0x32), any::<u8>()],
            0..200,
        ),
    ) {
        check_cover(&bytes);
    }

    /// Frames around any data units, sound and with one byte changed.
    #[test]
    fn any_units_are_explained_to_the_last_byte(
        control in any::<u8>(),
        afn in 0..=0x11_u8,
        seq in any::<u8>(),
        identifier in any::<[u8; 4]>(),
        body in proptest::collection::vec(any::<u8>(), 0..120),
        change in any::<Option<(prop::sample::Index, u8)>>(),
    ) {
        // Often one point and one item of those that exist.
        let [da1, da2, dt1, dt2] = identifier;
        let one = |byte: u8| 1 << (byte & 7);
        let body = [&[one(da1), da2 & 3, one(dt1), dt2 & 0x1F][..], &body].concat();
        let frame = crate::frame::Frame {
            code: crate::frame::LengthCode::GDW_376,
            control: crate::control::Control(control),
            address: crate::address::AddressField::from_wire([0; 5]),
            afn: crate::afn::Afn(afn),
            seq: crate::seq::Seq(seq),
            body: &body,
        };
        let mut bytes = frame.to_bytes().unwrap();
        if let Some((place, byte)) = change {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        check_cover(&bytes);
    }
}
