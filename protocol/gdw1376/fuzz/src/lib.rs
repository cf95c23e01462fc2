//! What is fuzzed: one function for each target, called by the fuzzer and, on the seeds and all golden cases, by an
//! ordinary test (`tests/fuzz_replay.rs`), so that stable toolchains run them as well.
//!
//! ```sh
//! cargo install cargo-fuzz
//! cd protocol/gdw1376
//! cargo +nightly fuzz run decoder fuzz/corpus/decoder fuzz/seeds/decoder -- -max_total_time=300
//! ```
//!
//! New inputs go to `corpus`, which is not kept; one that found a fault, made as small as it gets, goes to `seeds`.

use gdw1376::address::AddressField;
use gdw1376::afn::Afn;
use gdw1376::answer;
use gdw1376::catalog::{self, Decoded, Layout};
use gdw1376::confirmation::Confirmation;
use gdw1376::control::Control;
use gdw1376::decoder::{Decoder, Dropped};
use gdw1376::dlt698;
use gdw1376::explain::{self, Piece};
use gdw1376::format::{Absence, Value};
use gdw1376::frame::{Frame, LengthCode, WAKE_UP};
use gdw1376::message::Message;
use gdw1376::reading;
use gdw1376::request::{ArchiveRecord, Forward};
use gdw1376::seq::Seq;
use gdw1376::unit::{self, Unit};

/// The size of the pieces, 0 for all at once, then what comes on the line: any split gives the same frames, each is written to
/// the same bytes again, and every byte is given out or counted.
pub fn decoder(input: &[u8]) {
    let Some((size, stream)) = input.split_first() else { return };
    let whole = frames(&[stream]);
    let pieces: Vec<&[u8]> = stream.chunks(usize::from(*size).max(1)).collect();
    if *size > 0 {
        assert_eq!(frames(&pieces), whole, "in pieces of {size}");
    }
    let (found, dropped) = whole;
    let given: usize = found.iter().map(Vec::len).sum();
    let counted = u64::try_from(given).unwrap_or(u64::MAX) + dropped.noise_bytes + dropped.wake_up_bytes;
    assert_eq!(counted, u64::try_from(stream.len()).unwrap_or(u64::MAX), "{dropped:?}");
}

fn frames(pieces: &[&[u8]]) -> (Vec<Vec<u8>>, Dropped) {
    let mut decoder = Decoder::new();
    let mut found = Vec::new();
    for piece in pieces {
        let mut rest = *piece;
        while let Some(next) = decoder.next_frame(&mut rest) {
            check_written(&next.frame, next.wire);
            found.push(next.wire.to_vec());
        }
    }
    while let Some(next) = decoder.quiet() {
        check_written(&next.frame, next.wire);
        found.push(next.wire.to_vec());
    }
    (found, decoder.dropped())
}

/// The same bytes again, unless the length code is one that is never sent.
fn check_written(frame: &Frame<'_>, wire: &[u8]) {
    match frame.to_bytes() {
        Ok(bytes) => assert_eq!(bytes, wire, "written again"),
        Err(error) => assert!(!frame.code.is_standard(), "{error}"),
    }
}

/// Control byte, function, sequence byte, then the body of a frame: it is cut into units without a gap or an overlap, what
/// can be read is written to the same bytes again, and everything that is made of units takes them.
pub fn message(input: &[u8]) {
    let Some(([control, afn, seq], body)) = input.split_first_chunk() else { return };
    let frame = Frame {
        code: LengthCode::GDW_376,
        control: Control(*control),
        address: AddressField::from_wire([0x00, 0x11, 0x39, 0x30, 0x02]),
        afn: Afn(*afn),
        seq: Seq(*seq),
        body: body.get(..16_000).unwrap_or(body),
    };
    let Ok(message) = Message::of(&frame) else { return };
    assert_eq!(message.to_bytes().ok(), frame.to_bytes().ok(), "written again");
    let cut = unit::cut(&message);
    let mut at = 0;
    for unit in &cut.units {
        let is_new = unit.identifier_at == at;
        assert!(is_new || unit.data_at == at, "a gap or an overlap at {at}");
        at = unit.data_at + unit.data.len();
        check_unit(unit, control & 0x80 != 0);
    }
    match cut.rest {
        Some(rest) => {
            assert_eq!(rest.offset, at, "a gap in front of the rest");
            assert_eq!(Some(rest.bytes), message.units.get(at..));
            assert!(!rest.why.kind().is_empty() && !rest.why.to_string().is_empty());
        }
        None => assert_eq!(at, message.units.len(), "bytes left over"),
    }
    let _ = Confirmation::of(&message);
    let told = answer::events_of(&frame);
    let is_plain = cut.rest.is_none() && !told.events.is_empty();
    assert!(!is_plain || told.is_whole, "what comes out as it says is taken so");
}

fn check_unit(unit: &Unit<'_>, is_up: bool) {
    let used: usize = unit.values.iter().map(|decoded| decoded.raw.len()).sum();
    assert_eq!(used, unit.data.len(), "{} F{}", unit.row.afn, unit.row.function);
    let values: Vec<Value<'_>> = unit.values.iter().map(|decoded| decoded.value).collect();
    values.iter().for_each(|value| assert!(!value.to_string().is_empty() || !is_number(value)));
    let layouts = if is_up { unit.row.up.layouts() } else { unit.row.down.layouts() };
    // A count that is filled with EE does not say how many values are written behind it.
    let is_filled = |decoded: &Decoded<'_>| decoded.field.count.is_some() && is_absent(&decoded.value);
    if !values.iter().any(is_lost) && !unit.values.iter().any(is_filled) {
        let same = |layout: &Layout| {
            let mut out = Vec::new();
            catalog::write(layout, &values, &mut out).is_ok() && out == unit.data
        };
        assert!(layouts.iter().any(same), "{} F{} written again", unit.row.afn, unit.row.function);
    }
    for reading in reading::readings(unit) {
        assert!(reading.item.d > 0 && reading.unit.is_ascii());
    }
    let _ =
        (answer::clock(unit), answer::forwarded(unit), answer::frame_limits(unit), answer::progress(unit));
    if let Some((records, _)) = answer::archive(unit) {
        for record in records.iter().filter_map(|record| record.wire().ok()) {
            assert!(ArchiveRecord::from_wire(record).is_some());
        }
    }
    if let Some(events) = answer::events(unit) {
        let bodies: usize = events.records.iter().map(|record| record.body.len() + 2).sum();
        assert_eq!(bodies + 4, unit.data.len());
    }
    let _ = Forward::read(unit.data);
}

const fn is_absent(value: &Value<'_>) -> bool {
    matches!(value, Value::Absent(_))
}

const fn is_number(value: &Value<'_>) -> bool {
    matches!(value, Value::Number(_) | Value::Time(_) | Value::Bits { .. })
}

/// True for what keeps nothing of its bytes but that they were wrong, and for the two formats that write one number in
/// several ways: A2 and A3.
fn is_lost(value: &Value<'_>) -> bool {
    match value {
        Value::Absent(absence) => *absence != Absence::Missing && *absence != Absence::Unsupported,
        Value::Number(number) => number.decimals() == 0 && number.scaled() % 10 == 0,
        _ => false,
    }
}

/// Bytes: every byte is in one piece, or is a wake-up byte in front of a frame, and every byte of a frame is in one line.
pub fn explain(input: &[u8]) {
    let mut at = 0;
    for piece in explain::pieces(input) {
        let (offset, length, preamble) = match &piece {
            Piece::Frame(frame) => (frame.offset, frame.length, frame.preamble),
            Piece::Garbage(garbage) => (garbage.offset, garbage.length, 0),
        };
        assert_eq!(at + preamble, offset, "a gap or an overlap");
        let front = input.get(at..offset).unwrap_or_default();
        assert!(front.iter().all(|byte| *byte == WAKE_UP), "no wake-up bytes in front of {offset}");
        assert!(length > 0, "an empty piece");
        at = offset + length;
        if let Piece::Frame(frame) = piece {
            let mut inside = 0;
            for line in &frame.lines {
                assert_eq!(line.offset, inside, "{line:?}");
                inside += line.length;
            }
            assert_eq!(inside, length, "bytes without a line");
        }
    }
    assert_eq!(at, input.len(), "bytes left over");
    if let Ok(frame) = dlt698::Frame::parse(input) {
        let bytes = frame.to_bytes().unwrap_or_default();
        assert!(input.starts_with(&bytes) && !bytes.is_empty());
    }
}
