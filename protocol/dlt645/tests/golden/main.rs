//! Walks over the golden cases below `fixtures/`: what each frame says, the same bytes again, and the stream faults
//! F1 to F3 on every one of them.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a case that does not hold must end its test"
)]

mod cases;
mod explained;
mod values;

use std::collections::{BTreeMap, BTreeSet};

use cases::{Case, Direction, Refused};
use dlt645::address::AddressField;
use dlt645::catalog::{self, Content};
use dlt645::commissioning::WriteAddress;
use dlt645::control::Control;
use dlt645::data_id::DataId;
use dlt645::decoder::{Decoder, Dropped};
use dlt645::edition::Edition;
use dlt645::frame::{Fault, Frame, MAX_DATA, START, WAKE_UP, WireFrame};
use dlt645::request::Request;
use dlt645::response::{Response, ResponseError};
use values::{Parts, check_values};

// covers [645-2007 1 wake-up] [645-2007 4 clear meter] [645-2007 4 errors] [645-2007 12 curves] [645-2007 13]
// covers [645-1997 3 password] [645-1997 3 errors] [645-1997 7]
#[test]
fn golden_frames_say_what_their_case_says() {
    let mut counts = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut values = 0;
    for case in cases::valid() {
        check_form(&case);
        let control = check_frame(&case);
        explained::check_frame(&case);
        let folder = format!("{} {}", case.edition, case.folder());
        values += case.expect.values.len();
        seen.insert((folder.clone(), control.0));
        *counts.entry(folder).or_insert(0) += 1;
    }
    let wanted =
        FOLDERS.iter().flat_map(|(folder, codes)| codes.iter().map(|code| ((*folder).to_owned(), *code)));
    assert_eq!(seen, wanted.collect(), "the control codes of each folder");
    print_counts("valid frames", &counts);
    println!("values: {values}");
}

// covers [645-2007 4 subsequent] [645-2007 9 records]
#[test]
fn a_golden_record_in_two_pieces_is_read_when_joined() {
    let cases = cases::valid();
    let piece = |file: &str| {
        let case = cases.iter().find(|case| case.path.ends_with(file)).unwrap();
        let mut room = [0; MAX_DATA];
        let frame = WireFrame::parse(case.frame()).unwrap().frame(&mut room);
        let parts = Parts::of(case.edition(), frame);
        (parts.id.unwrap(), parts.rest.to_vec())
    };
    let (id, first) = piece("read/standard-demand-clear-record-first.toml");
    let (id_again, last) = piece("subsequent/standard-demand-clear-record-last.toml");
    assert_eq!(id, id_again);
    let record = [first, last].concat();
    let Ok(Content::Values(values)) = catalog::find(id).unwrap().read(&record) else { panic!("no record") };
    let shown: Vec<_> = values.map(|reading| format!("{} {}", reading.value, reading.field.unit)).collect();
    assert_eq!(shown.len(), 50, "time, operator, and 24 times a demand with its time");
    assert_eq!(shown[..4], ["2026-11-21 10:15:30 ", "12345678 ", "0.0000 kW", "- "]);
    assert!(shown[2..].chunks(2).all(|pair| pair[0].starts_with("0.0000 k") && pair[1] == "- "), "{shown:?}");
}

#[test]
fn malformed_cases_are_refused_for_the_stated_reason() {
    let mut counts = BTreeMap::new();
    for case in cases::load("dlt645-malformed") {
        let refused = case.refused.unwrap_or_else(|| panic!("{}: says no reason", case.path.display()));
        let start = case.wire.0.iter().position(|byte| *byte == START).unwrap_or_default();
        let bytes = &case.wire.0[start..];
        let fault = WireFrame::parse(bytes).expect_err("a frame after all");
        let found = match fault {
            Fault::NoStart => Refused::NoFrame,
            Fault::Truncated { .. } => Refused::Truncated,
            Fault::Checksum { .. } => Refused::Checksum,
            Fault::EndByte { .. } => Refused::EndByte,
            Fault::Length { .. } => Refused::Length,
        };
        assert_eq!(found, refused, "{}: {fault}", case.path.display());
        assert_eq!(frames(&[&case.wire.0]).0, [[0; 0]; 0], "{}", case.path.display());
        check_readable(&case, bytes);
        explained::check_malformed(&case);
        *counts.entry(format!("{refused:?}")).or_insert(0) += 1;
    }
    assert_eq!(counts.len(), 5, "every reason has a case: {counts:?}");
    print_counts("malformed", &counts);
}

#[test]
fn f01_streams_give_exactly_their_frames() {
    let streams = cases::load("dlt645-streams");
    for case in &streams {
        let expected: Vec<&[u8]> = case.frames.iter().map(|frame| &frame.0[..]).collect();
        assert!(!expected.is_empty(), "{}: holds no frame", case.path.display());
        assert_eq!(frames(&[&case.wire.0]).0, expected, "{}", case.path.display());
        let bytewise: Vec<&[u8]> = case.wire.0.chunks(1).collect();
        assert_eq!(frames(&bytewise).0, expected, "{} byte by byte", case.path.display());
    }
    println!("streams: {}", streams.len());
}

#[test]
fn f01_noise_around_a_golden_frame_never_loses_it() {
    let noises: [&[u8]; 5] = [
        &[0x00, 0xFF, 0x16, 0x0D],
        &[START],
        &[WAKE_UP, WAKE_UP, 0xAA, 0xAA],
        &[START, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, START, 0x11],
        &[START, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, START, 0x91, 0xFF, START, START, 0x16],
    ];
    let (mut tried, mut dropped) = (0, 0);
    for case in cases::valid() {
        for noise in noises {
            let (found, counts) = frames(&[noise, case.frame(), noise]);
            assert_eq!(found, [case.frame()], "{} in noise {noise:02X?}", case.path.display());
            dropped += counts.noise_bytes + counts.wake_up_bytes;
            tried += 1;
        }
    }
    assert!(dropped > 0);
    println!("in noise: {tried} frames, {dropped} bytes dropped");
}

#[test]
fn f02_no_prefix_of_a_golden_frame_is_a_frame() {
    let mut tried = 0;
    for case in cases::valid() {
        for cut in 0..case.wire.0.len() {
            let bytewise: Vec<&[u8]> = case.wire.0[..cut].chunks(1).collect();
            let (found, counts) = frames(&bytewise);
            assert_eq!(found, [[0; 0]; 0], "{} cut after {cut} bytes", case.path.display());
            let all = u64::try_from(cut).unwrap();
            assert_eq!(counts.noise_bytes + counts.wake_up_bytes, all, "{}", case.path.display());
            tried += 1;
        }
    }
    println!("prefixes: {tried}");
}

#[test]
fn f03_golden_frames_doubled_glued_and_behind_a_cut_one() {
    let all = cases::valid();
    let mut tried = 0;
    for (case, other) in all.iter().zip(all.iter().cycle().skip(1)) {
        let (frame, other) = (case.frame(), other.frame());
        let name = case.path.display();
        assert_eq!(frames(&[&[frame, frame].concat()]).0, [frame, frame], "{name} doubled");
        assert_eq!(frames(&[&[frame, other, frame].concat()]).0, [frame, other, frame], "{name} glued");
        let (cut, _) = frame.split_at(frame.len() / 2);
        assert_eq!(frames(&[&[cut, other].concat()]).0, [other], "{name} cut, another behind");
        let mut bad = frame.to_vec();
        if let Some(sum) = bad.iter_mut().rev().nth(1) {
            *sum = sum.wrapping_add(1);
        }
        assert_eq!(frames(&[&[&bad, other].concat()]).0, [other], "{name} bad, another behind");
        assert_eq!(frames(&[&[other, &bad].concat()]).0, [other], "{name} bad, another in front");
        tried += 5;
    }
    println!("doubled, glued, cut and bad: {tried}");
}

/// All frames of `pieces`, handed over one after the other before the line goes quiet, and what was dropped.
fn frames(pieces: &[&[u8]]) -> (Vec<Vec<u8>>, Dropped) {
    let mut decoder = Decoder::new();
    let mut found = Vec::new();
    for piece in pieces {
        let mut rest = *piece;
        while let Some(frame) = decoder.next_frame(&mut rest) {
            found.push(frame.wire.to_vec());
        }
    }
    while let Some(frame) = decoder.quiet() {
        found.push(frame.wire.to_vec());
    }
    (found, decoder.dropped())
}

/// What must hold for the file of a valid frame whatever its bytes are.
fn check_form(case: &Case) {
    let name = case.path.display();
    assert!(case.frames.is_empty() && case.refused.is_none(), "{name}: of another kind");
    assert!(case.path.starts_with(format!("dlt645-{}", case.edition)), "{name}: in the wrong folder");
    assert!(case.source.starts_with("captured: ") || case.source.starts_with("made: "), "{name}: source");
    assert!(!case.about.is_empty() && !case.about.ends_with('.'), "{name}: about");
    assert!(case.deviation.is_none() || case.expect.values.is_empty(), "{name}: values of a deviation");
    let relay_order = case.expect.control.as_deref() == Some("1C");
    assert_eq!(case.relay.is_some(), relay_order, "{name}: relay is told of orders, and of each");
    let judged = case.relay.as_deref().is_none_or(|word| word == "ok" || word.starts_with("refused: "));
    assert!(judged, "{name}: relay is `ok` or `refused: why`");
    for value in &case.expect.values {
        let told = [value.value.is_some(), value.absent, value.not_bcd].into_iter().filter(|told| *told);
        assert_eq!(told.count(), 1, "{name}: {} is a value, absent or no number", value.name);
    }
}

/// Every part of the frame, the same bytes again, and the decoder's view of it; gives its control code.
fn check_frame(case: &Case) -> Control {
    let name = case.path.display();
    let (front, frame) = case.wire.0.split_at(case.expect.preamble);
    assert!(front.iter().all(|byte| *byte == WAKE_UP), "{name}: wake-up bytes");
    let wire = WireFrame::parse(frame).unwrap_or_else(|fault| panic!("{name}: {fault}"));
    assert_eq!(wire.bytes(), frame, "{name}: bytes behind the frame");
    let mut room = [0; MAX_DATA];
    let plain = wire.frame(&mut room);
    assert_eq!(plain.to_bytes().unwrap(), frame, "{name}: other bytes when encoded again");

    let (found, dropped) = frames(&[&case.wire.0]);
    assert_eq!(found, [frame], "{name}: what the decoder finds");
    let wake_up_bytes = u64::try_from(front.len()).unwrap();
    assert_eq!(dropped, Dropped { wake_up_bytes, ..Dropped::default() }, "{name}: what the decoder drops");

    check_header(case, plain);
    check_data(case, plain);
    check_length(case, plain);
    check_typed(case, plain);
    check_values(case, plain);
    plain.control
}

/// Address, control code, direction and edition.
fn check_header(case: &Case, frame: Frame<'_>) {
    let name = case.path.display();
    let expect = &case.expect;
    assert_eq!(Some(frame.address.to_string()), expect.address, "{name}: address");
    assert_eq!(Some(frame.control.to_string()), expect.control, "{name}: control code");
    let sender = if frame.control.is_response() { Direction::Response } else { Direction::Request };
    assert_eq!(Some(sender), case.direction, "{name}: direction");
    assert_eq!(frame.control.has_more() && frame.control.is_response(), expect.more, "{name}: more follows");
    let told = Edition::of(frame.control, frame.data).map(|edition| edition.to_string());
    assert_eq!(told, (!case.edition_hint).then(|| case.edition.clone()), "{name}: edition");
}

/// Identifier, refusal and sequence number.
fn check_data(case: &Case, frame: Frame<'_>) {
    let name = case.path.display();
    let expect = &case.expect;
    let parts = Parts::of(case.edition(), frame);
    assert_eq!(parts.id.map(|id| id.to_string()), expect.di, "{name}: identifier");
    if let (Some(id), Some(text)) = (parts.id, &expect.di) {
        assert_eq!(text.parse(), Ok(id), "{name}: identifier read from text");
    }
    assert_eq!(parts.sequence, expect.sequence, "{name}: sequence number");
    let (byte, word) = match (frame.control.is_refusal(), frame.data) {
        (true, [byte]) => (Some(format!("{byte:02X}")), None),
        (true, [low, high]) => (None, Some(format!("{high:02X}{low:02X}"))),
        _ => (None, None),
    };
    assert_eq!((&byte, &word), (&expect.error_byte, &expect.error_word), "{name}: refusal");
    assert_eq!(
        byte.is_some() || word.is_some(),
        frame.control.is_refusal(),
        "{name}: refusal without a word"
    );
}

/// Where the function alone says how long the data are, a case tells when they are not.
fn check_length(case: &Case, frame: Frame<'_>) {
    let length = frame.data.len();
    let fits = match frame.control.0 {
        0x01 | 0x02 => length == 2,
        0x11 => matches!(length, 4 | 5 | 10),
        0x12 => length == 5,
        0x13 => length == 0,
        0x91 => length >= 4,
        _ => return,
    };
    let is_excused = fits || case.deviation.is_some();
    assert!(is_excused, "{}: {length} data bytes and no deviation told", case.path.display());
}

/// The typed request or answer it is, and the same bytes again; or why it is none.
fn check_typed(case: &Case, frame: Frame<'_>) {
    let edition = case.edition();
    let emitted = if frame.control.is_response() {
        let response = Response::parse(edition, &frame).map_err(ResponseError::kind);
        response.map(|response| response.to_bytes().unwrap())
    } else if let Some(order) = WriteAddress::parse(edition, &frame) {
        Ok(order.to_bytes())
    } else {
        Request::parse(edition, &frame).map(|request| request.to_bytes()).map_err(|error| error.kind())
    };
    let refused = match (case.relay.as_deref(), case.untyped.as_deref()) {
        (None | Some("ok"), untyped) => untyped,
        (Some(word), _) => word.strip_prefix("refused: "),
    };
    let expected = refused.map_or_else(|| Ok(case.frame()), Err);
    assert_eq!(emitted.as_deref(), expected.as_ref().copied(), "{}: typed", case.path.display());
}

/// The head of a malformed frame, as far as the bytes go and its case tells.
fn check_readable(case: &Case, bytes: &[u8]) {
    let name = case.path.display();
    let Some(address) = &case.expect.address else { return };
    let front = case.wire.0.len() - bytes.len();
    assert_eq!(front, case.expect.preamble, "{name}: wake-up bytes");
    let field = AddressField::from_wire(bytes[1..7].try_into().unwrap());
    assert_eq!(&field.to_string(), address, "{name}: address");
    let control = Control(bytes[8]);
    assert_eq!(Some(control.to_string()), case.expect.control, "{name}: control code");
    if let Some(text) = &case.expect.di {
        let plain: Vec<u8> = bytes[10..].iter().map(|byte| byte.wrapping_sub(0x33)).collect();
        let (id, _) = DataId::split(case.edition(), &plain).unwrap();
        assert_eq!(&id.to_string(), text, "{name}: identifier");
    }
}

fn print_counts(kind: &str, counts: &BTreeMap<String, usize>) {
    println!("{kind}: {}", counts.values().sum::<usize>());
    for (folder, count) in counts {
        println!("  {folder}: {count}");
    }
}

/// The folders of valid frames with the control codes that lie there; each code must have a case (R2).
const FOLDERS: [(&str, &[u8]); 24] = [
    ("2007 read", &[0x11, 0x91, 0xB1, 0xD1]),
    ("2007 subsequent", &[0x12, 0x92, 0xB2, 0xD2]),
    ("2007 read-address", &[0x13, 0x93]),
    ("2007 write", &[0x14, 0x94, 0xD4]),
    ("2007 write-address", &[0x15, 0x95]),
    ("2007 time", &[0x08]),
    ("2007 freeze", &[0x16, 0x96, 0xD6]),
    ("2007 rate", &[0x17, 0x97, 0xD7]),
    ("2007 password", &[0x18, 0x98, 0xD8]),
    ("2007 clear", &[0x19, 0x99, 0xD9, 0x1A, 0x9A, 0xDA, 0x1B, 0x9B, 0xDB]),
    ("2007 relay", &[0x1C, 0x9C, 0xDC]),
    ("2007 output", &[0x1D, 0x9D, 0xDD]),
    ("2007 security", &[0x03, 0x83, 0xC3]),
    ("2007 vendor", &[0x00]),
    ("1997 read", &[0x01, 0x81, 0xA1, 0xC1]),
    ("1997 subsequent", &[0x02, 0x82, 0xA2, 0xC2]),
    ("1997 reread", &[0x03, 0x83, 0xC3]),
    ("1997 write", &[0x04, 0x84, 0xC4]),
    ("1997 write-address", &[0x0A, 0x8A]),
    ("1997 time", &[0x08]),
    ("1997 rate", &[0x0C, 0x8C, 0xCC]),
    ("1997 password", &[0x0F, 0x8F, 0xCF]),
    ("1997 clear", &[0x10, 0x90, 0xD0]),
    ("1997 vendor", &[0x00, 0x23]),
];
