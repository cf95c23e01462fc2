//! What is fuzzed: one function for each target, called by the fuzzer and, on the seeds and all golden cases, by an
//! ordinary test (`tests/fuzz_replay.rs`), so that stable toolchains run them as well.
//!
//! ```sh
//! cargo install cargo-fuzz
//! cd protocol/dlt645
//! cargo +nightly fuzz run decoder fuzz/corpus/decoder fuzz/seeds/decoder -- -max_total_time=300
//! ```
//!
//! New inputs go to `corpus`, which is not kept; one that found a fault, made as small as it gets, goes to `seeds`.

use dlt645::address::AddressField;
use dlt645::catalog::{self, Absence, Reading, Value};
use dlt645::control::Control;
use dlt645::data_id::DataId;
use dlt645::decoder::{Decoder, Dropped};
use dlt645::edition::Edition;
use dlt645::explain::{self, Piece};
use dlt645::frame::{Frame, WAKE_UP};
use dlt645::request::Request;
use dlt645::response::{Content, Response};

/// The size of the pieces, 0 for all at once, then what comes on the line: any split gives the same frames, each is
/// encoded to the same bytes again, and every byte is given out or counted.
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
            assert_eq!(next.frame.to_bytes().as_deref(), Ok(next.wire), "encoded again");
            found.push(next.wire.to_vec());
        }
    }
    while let Some(next) = decoder.quiet() {
        assert_eq!(next.frame.to_bytes().as_deref(), Ok(next.wire), "encoded again");
        found.push(next.wire.to_vec());
    }
    (found, decoder.dropped())
}

/// The edition (odd for 1997), an identifier and data: whatever can be read can be named and shown, uses up the data, and
/// is written to the same bytes again.
pub fn catalog(input: &[u8]) {
    let Some((edition, rest)) = input.split_first() else { return };
    let edition = if edition % 2 == 1 { Edition::E1997 } else { Edition::E2007 };
    let Some((id, data)) = DataId::split(edition, rest) else { return };
    let Some(entry) = catalog::find(id) else { return };
    let _ = (entry.name_en(), entry.name_zh(), entry.lengths().to_string(), entry.tariff());
    match entry.read(data) {
        Ok(catalog::Content::Values(values)) => {
            assert!(entry.admits_length(data.len()), "{id} is read from {} bytes", data.len());
            let readings: Vec<Reading<'_>> = values.collect();
            readings.iter().for_each(show);
            let used: usize = readings.iter().map(|reading| reading.raw.len()).sum();
            assert!(used <= data.len(), "{id} reads more than there is");
            let values: Vec<Value<'_>> = readings.iter().map(|reading| reading.value).collect();
            if !values.iter().any(is_lost) && used == data.len() {
                assert_eq!(entry.encode(&values).as_deref(), Ok(data), "{id} written again");
            }
        }
        Ok(catalog::Content::Freeze(block)) => block.values().flatten().for_each(|reading| show(&reading)),
        Ok(catalog::Content::LoadRecords(blocks)) => {
            for block in blocks {
                let Ok(block) = block else { break };
                (1..=6)
                    .filter_map(|kind| block.values(kind, entry))
                    .flatten()
                    .for_each(|reading| show(&reading));
            }
        }
        Ok(catalog::Content::Opaque(_) | catalog::Content::Nothing) => {}
        Err(deviation) => assert_eq!(deviation.found, data.len()),
    }
    if let Ok(catalog::Content::Values(values)) = entry.read_request(data) {
        values.for_each(|reading| show(&reading));
    }
}

fn show(reading: &Reading<'_>) {
    assert!(!reading.name_en().is_empty() && !reading.name_zh().is_empty(), "a value without a name");
    let _ = (reading.value.to_string(), reading.tariff(), reading.settlement_day());
    let _ = reading.item().map(|item| item.to_string());
}

/// True for what keeps nothing of its bytes but that they were wrong.
fn is_lost(value: &Value<'_>) -> bool {
    matches!(value, Value::Absent(Absence::NotDecimal | Absence::NotATime))
}

/// The edition (0 unknown, odd 1997, even 2007) and bytes: every byte is in one piece, or is a wake-up byte in front of a
/// frame.
pub fn explain(input: &[u8]) {
    let Some((edition, bytes)) = input.split_first() else { return };
    let edition = match edition {
        0 => None,
        odd if odd % 2 == 1 => Some(Edition::E1997),
        _ => Some(Edition::E2007),
    };
    let mut at = 0;
    for piece in explain::pieces(bytes, edition) {
        let (offset, length, preamble) = match &piece {
            Piece::Frame(frame) => (frame.offset, frame.length, frame.preamble),
            Piece::Garbage(garbage) => (garbage.offset, garbage.length, 0),
        };
        assert_eq!(at + preamble, offset, "a gap or an overlap");
        let front = bytes.get(at..offset).unwrap_or_default();
        assert!(front.iter().all(|byte| *byte == WAKE_UP), "no wake-up bytes in front of {offset}");
        assert!(length > 0, "an empty piece");
        at = offset + length;
    }
    assert_eq!(at, bytes.len(), "bytes left over");
}

/// A control code, an address and data: what is understood as a request is written to the same bytes, and so is what is
/// understood as an answer.
pub fn request(input: &[u8]) {
    let Some((control, rest)) = input.split_first() else { return };
    let Some((address, data)) = rest.split_first_chunk::<6>() else { return };
    let data = data.get(..255).unwrap_or(data);
    let frame = Frame { address: AddressField::from_wire(*address), control: Control(*control), data };
    let Ok(bytes) = frame.to_bytes() else { return };
    for edition in [Edition::E2007, Edition::E1997] {
        match Request::parse(edition, &frame) {
            Ok(request) => {
                assert_eq!(request.to_bytes(), bytes);
                assert_eq!(Request::parse_wire(edition, &bytes), Ok(request));
            }
            Err(error) => assert!(!error.kind().is_empty() && !error.to_string().is_empty()),
        }
        match Response::parse(edition, &frame) {
            Ok(response) => {
                // What a later revision adds to the answer to a relay order is not kept.
                let is_shortened = response.content == Content::Accepted { word: None } && !data.is_empty();
                let again = response.to_bytes();
                assert!(
                    is_shortened || again.as_ref() == Ok(&bytes),
                    "{response:?} is written as {again:02X?}"
                );
            }
            Err(error) => assert!(!error.kind().is_empty() && !error.to_string().is_empty()),
        }
    }
    let _ = Request::parse_unprotected_write(&frame);
}
