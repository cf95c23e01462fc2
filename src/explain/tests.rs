use proptest::prelude::*;

use super::*;

const LOGIN: &str = "68 32 00 32 00 68 C9 00 02 34 12 00 02 71 00 00 01 00 85 16";
const ANSWER: &str = "68 12 90 78 56 34 12 68 91 08 33 33 34 33 89 67 45 33 54 16";
const RELAYED: &str = "68 6E 00 6E 00 68 88 00 11 39 30 02 10 65 00 00 01 00 1F 0C 00 68 01 00 00 00 00 00 68 9C 00 6D 16 95 16";
const GET: &str = "68 17 00 43 05 22 22 22 22 22 22 10 C1 D6 05 01 07 00 10 02 00 00 04 01 16";

fn bytes(text: &str) -> Vec<u8> {
    text.split_whitespace().map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

/// Protocol, place and verdict of each piece.
fn told(bytes: &[u8]) -> Vec<String> {
    let verdict = |ok: bool| if ok { "ok" } else { "bad" };
    let told = |found: &Found| match found {
        Found::Meter(Piece::Frame(it), _) => {
            format!("{} {}+{} {}", it.protocol, it.offset, it.length, verdict(it.ok))
        }
        Found::Meter(Piece::Garbage(it), _) => format!("garbage {}+{}", it.offset, it.length),
        Found::Terminal(it) => {
            format!("{} {}+{} {}", it.piece.protocol, it.piece.offset, it.piece.length, verdict(it.piece.ok))
        }
    };
    check_cover(bytes);
    pieces(bytes, None).iter().map(told).collect()
}

/// Every byte is in one piece or a wake-up byte in front of one, and every byte of a frame in one line.
fn check_cover(bytes: &[u8]) {
    let mut at = 0;
    for found in pieces(bytes, None) {
        let (offset, length, preamble) = match &found {
            Found::Meter(Piece::Frame(frame), places) => {
                assert!(places.is_empty());
                (frame.offset, frame.bytes.len(), frame.preamble)
            }
            Found::Meter(Piece::Garbage(garbage), _) => (garbage.offset, garbage.length, 0),
            Found::Terminal(terminal) => {
                let piece = &terminal.piece;
                let lines: usize = piece.lines.iter().map(|line| line.length).sum();
                assert_eq!(lines, piece.length);
                (piece.offset, piece.length, piece.preamble)
            }
        };
        assert_eq!(at + preamble, offset, "a gap or an overlap in {bytes:02X?}");
        at = offset + length;
    }
    assert_eq!(at, bytes.len(), "{bytes:02X?}");
}

#[test]
fn protocols_are_told_apart_wherever_they_stand() {
    let all = bytes(&format!("{GET} FE FE {LOGIN} 0D 0A FE {ANSWER} {RELAYED} {GET} {ANSWER}"));
    assert_eq!(
        told(&all),
        [
            "dlt698.45 0+25 ok",
            "gdw1376 27+20 ok",
            "garbage 47+2",
            "dlt645-2007 50+20 ok",
            "gdw1376 70+35 ok",
            "dlt698.45 105+25 ok",
            "dlt645-2007 130+20 ok",
        ]
    );
}

#[test]
fn a_meter_frame_is_carried_and_not_listed() {
    let found = pieces(&bytes(&format!("00 {RELAYED}")), None);
    let [_, Found::Terminal(terminal)] = found.as_slice() else { panic!() };
    let [(_, carried)] = terminal.carried.as_slice() else { panic!() };
    let [Found::Meter(Piece::Frame(inner), places)] = carried.as_slice() else { panic!() };
    assert_eq!((inner.offset, inner.length, inner.ok, places.len()), (22, 12, true, 0));
}

#[test]
fn what_stands_in_a_cut_off_frame_is_found() {
    let relayed = bytes(RELAYED);
    // Its end is lost, so that the meter's frame is all that is whole.
    assert_eq!(told(&relayed[..33]), ["gdw1376 0+21 bad", "dlt645-2007 21+12 ok"]);
    assert_eq!(told(&relayed[..3]), ["dlt645-2007 0+3 bad"], "as without this protocol");
    let cut_and_whole = [&relayed[..12], &bytes(LOGIN)].concat();
    assert_eq!(told(&cut_and_whole), ["gdw1376 0+12 bad", "gdw1376 12+20 ok"]);
    // Only the checksum is wrong: all else is as it should be, and the meter's frame stays inside.
    let mut wrong = relayed;
    wrong[33] ^= 1;
    assert_eq!(told(&wrong), ["gdw1376 0+35 bad"]);
}

#[test]
fn start_bytes_alone_and_the_head_of_the_next_frame_are_told_as_what_they_are() {
    let login = bytes(LOGIN);
    assert_eq!(told(&[&login[..], &[0x68]].concat()), ["gdw1376 0+20 ok", "garbage 20+1"]);
    assert_eq!(told(&[&login[..], &[0xFE, 0x68]].concat()), ["gdw1376 0+20 ok", "garbage 20+2"]);
    assert_eq!(told(&[&[0x68; 4][..], &login].concat()), ["garbage 0+4", "gdw1376 4+20 ok"]);
    assert_eq!(told(&[&login[..], &login[..5]].concat()), ["gdw1376 0+20 ok", "gdw1376 20+5 bad"]);
    assert_eq!(
        told(&[&bytes(ANSWER)[..], &login[..5]].concat()),
        ["dlt645-2007 0+20 ok", "gdw1376 20+5 bad"]
    );
}

/// A frame of AFN 10 or 0C of 1100-3039 with these units.
fn up(afn: u8, units: &[u8]) -> Vec<u8> {
    let user = [&[0x88, 0x00, 0x11, 0x39, 0x30, 0x02, afn, 0x65][..], units].concat();
    let [low, high] = u16::try_from(user.len() << 2 | 2).unwrap().to_le_bytes();
    let sum = checksum(&user);
    [&[START, low, high, low, high, START][..], &user, &[sum, 0x16]].concat()
}

#[test]
fn what_a_terminal_read_by_identifier_is_named_by_the_dictionary_of_meters() {
    let read = |data: &[u8]| {
        let length = u8::try_from(data.len()).unwrap();
        let bytes = up(0x10, &[&[0, 0, 1, 1, 0x1F, 1, 0, 0, 0, 0, 0, 5, length][..], data].concat());
        check_cover(&bytes);
        let found = pieces(&bytes, None);
        let [Found::Terminal(terminal)] = found.as_slice() else { panic!() };
        let piece = &terminal.piece;
        let named = piece
            .lines
            .iter()
            .filter(|line| line.length == 0)
            .map(|line| format!("{} {} {}", line.name, line.value.as_deref().unwrap_or("-"), line.unit));
        (named.collect::<Vec<_>>(), piece.notes.iter().map(|note| note.en.clone()).collect::<Vec<_>>())
    };
    let (named, notes) = read(&[0x00, 0x00, 0x01, 0x00, 0x00, 0x56, 0x34, 0x12]);
    assert_eq!((named, notes.len()), (vec!["forward active energy, total 123456.00 kWh".to_owned()], 0));
    // An identifier of two bytes, as the edition of 2009 has it: said, and not told as a value.
    let (named, notes) = read(&[0x10, 0x90, 0x56, 0x34, 0x12, 0x00]);
    assert_eq!(named, [""; 0]);
    assert!(notes[0].contains("9010") && notes[0].ends_with(": 1234.56"), "{notes:?}");
    let (named, notes) = read(&[0x99, 0x99, 0x99, 0x99, 0x01]);
    assert_eq!((named.len(), notes.len()), (0, 0));
}

#[test]
fn the_bits_of_status_words_are_named() {
    let words: Vec<u8> = (0..7).flat_map(|word| if word == 2 { [0x50, 0] } else { [0, 0] }).collect();
    let time = [0x15, 0x00, 0x21, 0x08, 0x24];
    let bytes = up(0x0C, &[&[0x01, 0x01, 0x08, 0x03][..], &time, &[0; 14], &words].concat());
    let found = pieces(&bytes, None);
    let [Found::Terminal(terminal)] = found.as_slice() else { panic!() };
    let named: Vec<_> = terminal.piece.lines.iter().filter(|line| !line.bits.is_empty()).collect();
    assert_eq!(named.len(), 7);
    let relay = named[2].bits.iter().find(|bit| bit.bit == 4).unwrap();
    assert_eq!((named[2].name.as_str(), relay.value), ("status word 3", 1));
    assert!(relay.name.contains("relay"), "{relay:?}");
}

/// What is wrong with a frame of DL/T 698.45 reaches as far as the frame does, with a meter's frame inside.
#[test]
fn a_damaged_frame_of_the_other_protocol_keeps_what_it_carries() {
    let link = [&[0x09, 0x07, 0x01, 0xF2, 0x09, 0x02, 0x01, 0x14][..], &bytes(ANSWER), &[0x00]].concat();
    let server = gdw1376::dlt698::ServerAddress { head: 0x05, bytes: &[1, 0, 0, 0, 0, 0] };
    let control = gdw1376::dlt698::Control(0x43);
    let frame = gdw1376::dlt698::Frame { control, server, client: 0x10, link: &link };
    let frame = frame.to_bytes().unwrap();
    let mut ends = frame.clone();
    *ends.last_mut().unwrap() = 0x17;
    for (bytes, verdict) in [(&frame, "ok"), (&ends, "bad")] {
        assert_eq!(told(bytes), [format!("dlt698.45 0+{} {verdict}", frame.len())]);
        let found = pieces(bytes, None);
        let [Found::Terminal(terminal)] = found.as_slice() else { panic!() };
        let [(_, carried)] = terminal.carried.as_slice() else { panic!() };
        assert!(
            matches!(&carried[..], [Found::Meter(Piece::Frame(inner), _)] if inner.ok && inner.length == 20)
        );
    }
}

#[test]
fn whole_frames_tell_raw_bytes_from_text() {
    for frame in [LOGIN, ANSWER, RELAYED, GET] {
        assert!(has_frame(&[b"CONNECT\r\n".as_slice(), &bytes(frame)].concat()));
        assert!(!has_frame(frame.as_bytes()));
    }
}

#[test]
fn long_rubbish_ends_in_time() {
    for rubbish in [&[0xFE][..], &[0x68], &[0x68, 0x16, 0x16, 0x16, 0x16, 0x68]] {
        let mut input: Vec<u8> = rubbish.iter().copied().cycle().take(200_000).collect();
        input.extend(bytes(LOGIN));
        assert!(has_frame(&input), "{rubbish:02X?}");
    }
}

proptest! {
    #[test]
    fn every_byte_is_in_one_piece(
        parts in proptest::collection::vec(
            prop_oneof![
                Just(bytes(LOGIN)),
                Just(bytes(ANSWER)),
                Just(bytes(RELAYED)),
                Just(bytes(GET)),
                proptest::collection::vec(prop_oneof![Just(0x68_u8), Just(0x16), Just(0xFE), any::<u8>()], 0..20),
            ],
            0..6,
        ),
        change in any::<Option<(prop::sample::Index, u8)>>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = parts.concat();
        if let Some((place, byte)) = change.filter(|_| !bytes.is_empty()) {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        check_cover(&bytes);
        check_cover(&bytes[cut.index(bytes.len() + 1)..]);
    }
}
