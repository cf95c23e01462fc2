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

/// A frame of 1100-3039 under a length code, whatever stands in it.
fn built(code: u8, control: u8, afn: u8, seq: u8, body: &[u8]) -> Vec<u8> {
    let user = [&[control, 0x00, 0x11, 0x39, 0x30, 0x02, afn, seq][..], body].concat();
    let [low, high] = u16::try_from(user.len() << 2 | usize::from(code)).unwrap().to_le_bytes();
    let sum = user.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    [&[0x68, low, high, low, high, 0x68][..], &user, &[sum, 0x16]].concat()
}

/// What a sound frame says: its units with their values, then its notes.
fn said(bytes: &[u8]) -> (Vec<String>, Vec<String>) {
    check_cover(bytes);
    let frame = only_frame(bytes);
    let is_shown = |line: &&Line| line.level > 0 || line.name == "data unit" || line.name.ends_with("PW");
    let lines = frame.lines.iter().filter(is_shown);
    let shown = lines.map(|line| format!("{} = {}", line.name, line.value.as_deref().unwrap_or("-")));
    (shown.collect(), frame.notes.iter().map(|note| note.en.clone()).collect())
}

fn carried(bytes: &[u8]) -> Vec<Vec<u8>> {
    check_cover(bytes);
    let pieces = pieces(bytes);
    let frames = pieces.iter().filter_map(|piece| match piece {
        Piece::Frame(frame) => Some(frame),
        Piece::Garbage(_) => None,
    });
    let inner = frames.flat_map(|frame| {
        let lines = frame.lines.iter().filter(|line| line.is_meter_frame);
        lines.map(|line| frame.bytes[line.offset..line.offset + line.length].to_vec())
    });
    inner.collect()
}

/// The meter's answer to an order: done.
const DONE: [u8; 12] = [0x68, 1, 0, 0, 0, 0, 0, 0x68, 0x9C, 0x00, 0x6D, 0x16];
/// A question to it.
const ASKED: [u8; 16] = [0x68, 1, 0, 0, 0, 0, 0, 0x68, 0x11, 0x04, 0x33, 0x33, 0x34, 0x33, 0xB3, 0x16];

#[test]
fn every_edition_is_this_protocol_and_the_length_code_is_told() {
    let body = [0, 0, 1, 0];
    for code in 0..4 {
        let frame = only_frame(&built(code, 0xC9, 0x02, 0x70, &body));
        assert_eq!((frame.protocol, frame.length_code, frame.ok), ("gdw1376", Some(code), true));
        let is_warned = frame.notes.iter().any(|note| note.en.starts_with("laid out by Q/GDW 376.1"));
        assert_eq!(is_warned, code == 1, "{code}");
        let cut = &built(code, 0xC9, 0x02, 0x70, &body)[..12];
        assert_eq!((only_frame(cut).protocol, only_frame(cut).length_code), ("gdw1376", Some(code)));
    }
    // The terminal version stands elsewhere in the edition of 2005.
    let version = [&[0, 0, 1, 0][..], b"ABCD12345678V1.0\x08\x08\x14CAPACITY\0\0\0"].concat();
    assert!(said(&built(1, 0x88, 0x0C, 0x60, &version)).0.contains(&"software version = V1.0".to_owned()));
    assert!(said(&built(2, 0x88, 0x0C, 0x60, &version)).0[0].starts_with("data unit = p0 F1"));
    assert!(said(&built(2, 0x88, 0x0C, 0x60, &version)).0[1].starts_with("not taken apart"));
}

// covers [1376 1.7]
#[test]
fn a_part_that_the_head_announces_and_nobody_sent_takes_nothing_from_the_units() {
    let asked = [&[0, 0, 1, 0, 0x1F, 0x6B, 0xBC, 0x0A, 0x10, 0x00][..], &ASKED].concat();
    let tag = [0x05, 0x51, 0x23, 0x21, 0x05, 0x00];
    for (code, seq, front, behind) in [
        (2, 0x60, &[][..], &[][..]),
        (2, 0xE0, &[], &tag[..]),
        (1, 0x60, &[], &[0; 16]),
        (2, 0x60, &[], &[0; 2]),
    ] {
        let frame = built(code, 0x4B, 0x10, seq, &[&asked[..], front, behind].concat());
        assert_eq!(carried(&frame), [ASKED.to_vec()], "{code} {seq:02X} {behind:?}");
        let (_, notes) = said(&frame);
        assert!(
            notes[0].contains("(PW)") && notes[0].ends_with("only so do the data units come out"),
            "{notes:?}"
        );
    }
    // An order and a setting without PW, and with it.
    let clock = [0, 0, 0x40, 3, 0, 0, 0x12, 0x21, 0x68, 0x24];
    let without = said(&built(2, 0x4A, 0x05, 0x70, &clock));
    assert_eq!(without.0, ["data unit = p0 F31", "clock = 2024-08-21 12:00:00"]);
    assert_eq!(
        without.1,
        ["no message authentication code (PW) where one belongs: only so do the data units come out"]
    );
    let with = said(&built(2, 0x4A, 0x05, 0x70, &[&clock[..], &[7; 16]].concat()));
    assert_eq!((with.0.last().unwrap().as_str(), with.1.len()), ("message authentication PW = -", 0));
    // ACD without counters, TpV without a tag, both; and as it should be.
    for (control, seq, notes) in [
        (0xA0, 0x60, &["no event counters (EC), though ACD is set: only so do the data units come out"][..]),
        (0x80, 0xE0, &["no time tag (Tp), though TpV is set: only so do the data units come out"]),
        (
            0xA0,
            0xE0,
            &[
                "no event counters (EC), though ACD is set; no time tag (Tp), though TpV is set: only so do the data units come out",
            ],
        ),
        (0x80, 0x60, &[]),
    ] {
        let (units, found) = said(&built(2, control, 0x00, seq, &[0, 0, 1, 0]));
        assert_eq!(
            (units.as_slice(), found.as_slice()),
            (
                &["data unit = p0 F1".to_owned()][..],
                &notes.iter().map(|note| (*note).to_owned()).collect::<Vec<_>>()[..]
            )
        );
    }
    let answer = [&[0, 0, 1, 0, 0x1F, 0x0C, 0x00][..], &DONE].concat();
    assert_eq!(carried(&built(2, 0xA8, 0x10, 0x65, &answer)), [DONE.to_vec()]);
    // Nothing fits: all stays as the head has it.
    let unknown = said(&built(2, 0xA8, 0x0C, 0x65, &[0, 0, 0x80, 0x1E, 1, 2, 3]));
    assert_eq!(unknown.0[0], "data unit = p0 F248");
}

#[test]
fn an_address_of_two_bytes_more_is_hinted_at() {
    // What is AFN 02 of a terminal 12345678H, read with an address of two bytes, is AFN 34.
    let hints = |afn: u8, body: &[u8]| -> Vec<String> {
        let (_, notes) = said(&built(2, 0xC9, afn, 0x12, body));
        notes.into_iter().filter(|note| note.contains("two bytes more")).collect()
    };
    assert_eq!(
        hints(0x34, &[0x02, 0x70, 0, 0, 1, 0]),
        [
            "if the address has two bytes more, as in some provinces, this is AFN 02 (link interface check), p0 F1"
        ]
    );
    assert_eq!(hints(0x34, &[0x02, 0x70, 0, 0, 0x80, 0]), [""; 0], "no item");
    assert_eq!(hints(0x02, &[0x02, 0x70, 0, 0, 1, 0]), [""; 0], "a function that there is");
}

// covers [1376 3.12]
#[test]
fn a_meter_frame_is_found_where_the_unit_around_it_does_not_fit() {
    let up = |front: &[u8], behind: &[u8]| {
        built(2, 0x88, 0x10, 0x65, &[&[0, 0, 1, 0][..], front, &DONE, behind].concat())
    };
    for (front, behind) in [
        // As it should be; a length of one byte; too much, too little, by a lot.
        (&[0x1F, 0x0C, 0x00][..], &[][..]),
        (&[0x1F, 0x0C], &[]),
        (&[0x1F, 0x10, 0x00], &[]),
        (&[0x1F, 0x08, 0x00], &[]),
        (&[0x1F, 0x00, 0x00], &[]),
        (&[0x1F, 0x08, 0x00], &[0x11, 0x22, 0x33]),
        (&[0x1F, 0x0C, 0x00], &[0x11, 0x22]),
    ] {
        assert_eq!(carried(&up(front, behind)), [DONE.to_vec()], "{front:?} {behind:?}");
    }
    let with_wake_up = [&[0xFE, 0xFE][..], &DONE].concat();
    assert_eq!(carried(&up(&[0x1F, 0x00, 0x01, 0xFE, 0xFE], &[])), [with_wake_up]);
    // What is made of a length that is too small is no unit.
    let (units, _) = said(&up(&[0x1F, 0x08, 0x00], &[]));
    assert_eq!(units.iter().filter(|line| line.starts_with("data unit")).count(), 1, "{units:?}");
    // Items and functions that the catalogue does not know.
    assert_eq!(
        carried(&built(2, 0x88, 0x10, 0x65, &[&[0, 0, 0x08, 0x01, 9][..], &DONE].concat())),
        [DONE.to_vec()]
    );
    assert_eq!(
        carried(&built(2, 0x88, 0x52, 0x65, &[&[0, 0, 0x01, 0x00, 9][..], &DONE].concat())),
        [DONE.to_vec()]
    );
    // With a length of one byte and no PW, of which sixteen bytes would be taken from the frame.
    let asked = [&[0, 0, 1, 0, 0x1F, 0x6B, 0xBC, 0x0A, 0x10][..], &ASKED].concat();
    assert_eq!(carried(&built(1, 0x4B, 0x10, 0x65, &asked)), [ASKED.to_vec()]);
    assert_eq!(carried(&built(2, 0x4B, 0x10, 0x65, &asked)), [ASKED.to_vec()]);
    // The same bytes under another function are what that says.
    let event = [&[0, 0, 1, 0, 1, 0, 0, 1, 0x2E, 0x0C][..], &DONE].concat();
    assert!(carried(&built(2, 0xC4, 0x0E, 0x65, &event)).is_empty());
}

// covers [1376 3.10]
#[test]
fn event_records_that_are_there_are_shown_whatever_their_places_say() {
    let record = |minute: u8| [0x0E, 0x0A, minute, 1, 0x21, 8, 0x24, minute, 2, 0x21, 8, 0x24];
    let report = |pm: u8, pn: u8, records: usize, behind: &[u8]| {
        let bodies: Vec<u8> = (0..records).flat_map(|number| record(u8::try_from(number).unwrap())).collect();
        built(2, 0xC4, 0x0E, 0x60, &[&[0, 0, 1, 0, 7, 0, pm, pn][..], &bodies, behind].concat())
    };
    for (pm, pn, there) in [(5, 6, 1), (5, 5, 1), (5, 8, 2), (5, 6, 3), (254, 1, 3)] {
        let bytes = report(pm, pn, there, &[]);
        let (units, notes) = said(&bytes);
        let codes = units.iter().filter(|line| line.starts_with("event code")).count();
        let told = usize::from(pn.wrapping_sub(pm));
        assert_eq!((codes, units.iter().filter(|line| line.starts_with("data unit")).count()), (there, 1));
        let wanted = format!("Pm and Pn tell of {told} records, there are {there}");
        assert_eq!(notes, if told == there { Vec::new() } else { vec![wanted] });
        let numbers: Vec<_> = only_frame(&bytes).lines.iter().filter_map(|line| line.record).collect();
        assert_eq!(numbers.last().map(|last| usize::from(*last) + 1), Some(there));
    }
    // What does not fit behind them is no record; what is another unit stays one.
    let (units, _) = said(&report(5, 8, 1, &[0x0E, 0x0A, 1, 2, 3]));
    assert!(units.last().unwrap().starts_with("not taken apart"), "{units:?}");
    let (units, _) = said(&report(5, 7, 1, &[0, 0, 2, 0, 7, 0, 3, 3]));
    assert_eq!(units.iter().filter(|line| line.starts_with("data unit")).count(), 2, "{units:?}");
}

#[test]
fn rows_of_tariffs_are_named_total_and_tariffs() {
    let energies = [0x01, 0x01, 0x01, 0x05, 0x02, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0];
    let frame = only_frame(&built(2, 0x88, 0x0C, 0x60, &energies));
    let named: Vec<_> = frame.lines.iter().filter(|line| line.level == 2).collect();
    let names: Vec<_> = named.iter().map(|line| line.name.as_str()).collect();
    assert_eq!(
        names,
        ["total", "tariff 1", "tariff 2"].map(|of| format!("forward active energy of the period, {of}"))
    );
    assert!(named[0].name_zh.ends_with("(总)") && named[2].name_zh.ends_with("(费率2)"), "{named:?}");
    assert_eq!(named.iter().map(|line| line.tariff).collect::<Vec<_>>(), [Some(0), Some(1), Some(2)]);
    // A maximum and its time stand beside each other, both under the tariff.
    let demand =
        [0x01, 0x01, 0x01, 0x12, 0x15, 0, 0x21, 8, 0x24, 0x01, 1, 0, 0, 0, 1, 1, 1, 2, 0, 0, 0, 2, 2, 2];
    let frame = only_frame(&built(2, 0x88, 0x0C, 0x60, &demand));
    let tariffs: Vec<_> = frame.lines.iter().filter_map(|line| line.tariff).collect();
    assert_eq!(tariffs, [0, 0, 1, 1]);
    assert!(frame.lines.iter().all(|line| line.record.is_none()));
}

#[test]
fn bits_of_events_are_named_and_codes_of_relays_are_hexadecimal() {
    let flags = [0, 0, 0x80, 0, 0x01, 0x20, 0, 0, 0, 0, 0, 0];
    let frame = only_frame(&built(2, 0x88, 0x0C, 0x60, &flags));
    let bits = &frame.lines.iter().find(|line| !line.bits.is_empty()).unwrap().bits;
    let set: Vec<_> = bits.iter().filter(|bit| bit.value == 1).map(|bit| (bit.bit, bit.meaning)).collect();
    assert_eq!((set, bits.len()), (vec![(0, "happened"), (13, "happened")], 41));
    let relay =
        [0x01, 0x01, 0x01, 0x14, 0x15, 0, 0x21, 8, 0x24, 0x11, 0, 9, 0x20, 8, 0x24, 0, 9, 0x20, 8, 0x24];
    assert!(said(&built(2, 0x88, 0x0C, 0x60, &relay)).0.contains(&"relay state = 11H".to_owned()));
    let read =
        [&[0, 0, 1, 1, 0x1F][..], &[1, 0, 0, 0, 0, 0], &[5, 8, 0, 0, 1, 0, 0, 0x56, 0x34, 0x12]].concat();
    let (units, _) = said(&built(2, 0x88, 0x10, 0x60, &read));
    assert!(units.iter().any(|line| line.ends_with(" = 00010000")), "{units:?}");
}

#[test]
fn a_damaged_frame_tells_what_can_be_told() {
    let answer = [&[0, 0, 1, 0, 0x1F, 0x0C, 0x00][..], &DONE].concat();
    let whole = built(2, 0x88, 0x10, 0x65, &answer);
    let told = |bytes: &[u8]| {
        check_cover(bytes);
        let frame = only_frame(bytes);
        assert!(!frame.ok);
        (frame.error_kind.unwrap(), frame.address, frame.control, frame.function, frame.sequence)
    };
    let head = |kind| {
        let text = |text: &str| Some(text.to_owned());
        (kind, text("1100-3039"), text("88"), text("data relay"), Some(5))
    };
    let mut end = whole.clone();
    *end.last_mut().unwrap() = 0x17;
    assert_eq!((told(&end), carried(&end)), (head("end byte"), vec![DONE.to_vec()]));
    let mut longer = whole.clone();
    (longer[1], longer[3]) = (longer[1] + 0x20, longer[3] + 0x20);
    assert_eq!((told(&longer), carried(&longer)), (head("length"), vec![DONE.to_vec()]));
    let length = only_frame(&longer).lines[1].clone();
    assert_eq!(length.value.as_deref(), Some("35"), "what stands there, not what it should be");
    assert_eq!(told(&whole[..14]), head("truncated"));
    assert_eq!(told(&whole[..20]), head("truncated"));
    assert_eq!(told(&whole[..13]), ("truncated", None, None, None, None));
    // Neither end nor sum where the length puts them.
    let mut both = whole.clone();
    both.iter_mut().rev().take(2).for_each(|byte| *byte ^= 1);
    assert_eq!((told(&both), carried(&both).len()), (head("end byte"), 0));
}

#[test]
fn the_head_of_the_next_frame_is_no_frame_of_a_meter() {
    for (bytes, is_head) in [
        (&[0x68, 0x32, 0x00, 0x32, 0x00][..], true),
        (&[0x68, 0x32, 0x00, 0x32, 0x01], false),
        (&[0x68, 0x02, 0x00, 0x02, 0x00], false),
        (&[0x68, 0x32, 0x00, 0x32], false),
        (&[0x68], false),
    ] {
        assert_eq!(
            front(bytes).map(|found| found.error_kind),
            is_head.then_some(Some("truncated")),
            "{bytes:?}"
        );
    }
}

/// The login of a terminal of DL/T 698.45, as the text has it.
const LOGIN_698: &str =
    "68 1E 00 81 05 01 00 00 00 00 00 00 D2 B6 01 00 00 01 2C 07 E6 02 17 03 08 06 38 03 22 1C BC 16";

// covers [1376 11]
#[test]
fn damaged_frames_of_the_other_protocol_say_what_is_wrong() {
    let login = bytes(LOGIN_698);
    let told = |bytes: &[u8]| -> Vec<String> {
        check_cover(bytes);
        let told = |piece| match piece {
            Piece::Frame(frame) => {
                assert_eq!((frame.protocol, frame.address.as_deref()), ("dlt698.45", Some("000000000001")));
                assert_eq!(
                    (frame.control.as_deref(), frame.function.as_deref()),
                    (Some("81"), Some("LINK request"))
                );
                format!("{} {:?}", frame.error_kind.unwrap_or("ok"), frame.error_offset)
            }
            Piece::Garbage(garbage) => format!("garbage {}", garbage.length),
        };
        pieces(bytes).into_iter().map(told).collect()
    };
    let changed = |place: usize, by: u8| {
        let mut changed = login.clone();
        changed[place] ^= by;
        changed
    };
    assert_eq!(told(&login), ["ok None"]);
    assert_eq!(told(&changed(20, 0x01)), ["checksum Some(29)"], "a byte of the data");
    assert_eq!(told(&changed(29, 0x01)), ["checksum Some(29)"], "FCS");
    assert_eq!(told(&changed(31, 0x01)), ["end byte None"]);
    assert_eq!(told(&login[..20]), ["truncated None"]);
    let two_and_a_half = [&login[..], &login, &login[..16]].concat();
    assert_eq!(told(&two_and_a_half), ["ok None", "ok None", "truncated None"]);
    assert_eq!(told(&[&login[..20], &login].concat()), ["truncated None", "ok None"]);
    // The head check wrong by itself: FCS counts it in, and is made to fit.
    let mut head = changed(12, 0x01);
    let fcs = crate::dlt698::crc(&head[1..29]).to_le_bytes();
    head[29..31].copy_from_slice(&fcs);
    assert_eq!(told(&head), ["checksum Some(12)"]);
    // A length that counts kilobytes.
    let mut kilobytes = changed(2, 0x40);
    let hcs = crate::dlt698::crc(&kilobytes[1..12]).to_le_bytes();
    kilobytes[12..14].copy_from_slice(&hcs);
    assert_eq!(told(&kilobytes), ["length None"]);
    // Both checks wrong, or the head cut off: nobody knows what it was.
    let mut neither = changed(12, 0x01);
    neither[20] ^= 1;
    for bytes in [&neither[..], &login[..13]] {
        assert!(
            pieces(bytes)
                .iter()
                .all(|piece| !matches!(piece, Piece::Frame(frame) if frame.protocol == "dlt698.45"))
        );
    }
}

#[test]
fn frames_of_meters_in_the_other_protocol_are_shown() {
    let of = |control: u8, head: u8, link: &[u8]| {
        let server = crate::dlt698::ServerAddress { head, bytes: &[2, 1, 0, 0, 0, 0, 0] };
        let control = crate::dlt698::Control(control);
        crate::dlt698::Frame { control, server, client: 0x10, link }.to_bytes().unwrap()
    };
    let proxy = [&[0x09, 0x07, 0x01, 0xF2, 0x09, 0x02, 0x01, 0x10][..], &ASKED, &[0x00]].concat();
    assert_eq!(carried(&of(0x43, 0x06, &proxy)), [ASKED.to_vec()]);
    let get = [&[0x05, 0x01, 0x01][..], &ASKED].concat();
    assert!(carried(&of(0x43, 0x06, &get)).is_empty());
    // Bit 5 of SA may mean more than the text at hand says.
    assert!(only_frame(&of(0x43, 0x06, &get)).notes.is_empty());
    let frame = only_frame(&of(0x43, 0x26, &get));
    assert_eq!(frame.address.as_deref(), Some("00000000000102"));
    assert!(frame.notes[0].en.ends_with("that is 2 and the address 000000000001"), "{:?}", frame.notes);
}
