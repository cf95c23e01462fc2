//! From bytes to values without allocating, once the catalogue has been read.
#![expect(clippy::unwrap_used, reason = "a frame that does not hold must end its test")]

mod support;

use dlt645::catalog::{self, Content, Reading};
use dlt645::data_id::DataId;
use dlt645::decoder::Decoder;
use dlt645::edition::Edition;

/// What was found on the way.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    frames: usize,
    values: usize,
    items: usize,
    freezes: usize,
    records: usize,
    deviations: usize,
}

impl Counts {
    fn add<'a>(&mut self, values: impl Iterator<Item = Reading<'a>>) {
        for reading in values {
            self.values += 1;
            self.items += usize::from(reading.item().is_some());
        }
    }
}

/// Reads every answer in the stream that carries an identifier.
fn read(decoder: &mut Decoder, pieces: &[&[u8]]) -> Counts {
    let mut counts = Counts::default();
    for piece in pieces {
        let mut rest = *piece;
        while let Some(found) = decoder.next_frame(&mut rest) {
            counts.frames += 1;
            let frame = found.frame;
            let edition = Edition::of(frame.control, frame.data).unwrap_or(Edition::E2007);
            if !frame.control.is_response() || frame.control.function() != edition.read_function() {
                continue;
            }
            let Some((entry, data)) =
                DataId::split(edition, frame.data).and_then(|(id, data)| Some((catalog::find(id)?, data)))
            else {
                continue;
            };
            match entry.read(data) {
                Ok(Content::Values(values)) => counts.add(values),
                Ok(Content::Freeze(block)) => {
                    counts.freezes += 1;
                    counts.add(block.values().flatten());
                }
                Ok(Content::LoadRecords(blocks)) => {
                    for block in blocks.flatten() {
                        counts.records += 1;
                        counts.add((1..=6).filter_map(|kind| block.values(kind, entry)).flatten());
                    }
                }
                Ok(Content::Opaque(_) | Content::Nothing) => {}
                Err(_) => counts.deviations += 1,
            }
        }
    }
    counts
}

#[test]
fn golden_frames_are_read_to_values_without_allocating() {
    let freeze = [&[0x01, 0xFF, 0x06, 0x05][..], &[0x11; 29 + 48 * 3]].concat();
    let freeze = dlt645::frame::Frame {
        address: dlt645::address::AddressField::WILDCARD,
        control: dlt645::control::Control(0x91),
        data: &freeze,
    };
    let mut frames = [support::wires("dlt645-2007"), support::wires("dlt645-1997")].concat();
    frames.push(freeze.to_bytes().unwrap());
    let stream = frames.join(&[0x00, 0x68][..]);
    assert!(catalog::find("00010000".parse().unwrap()).is_some(), "reads the catalogue");

    let mut decoder = Decoder::new();
    let whole = [&stream[..]];
    let bytewise: Vec<&[u8]> = stream.chunks(1).collect();
    for pieces in [&whole[..], &bytewise] {
        let mut counts = Counts::default();
        let used = allocation_counter::measure(|| counts = read(&mut decoder, pieces));
        assert_eq!(used.count_total, 0, "{} bytes were allocated: {counts:?}", used.bytes_total);
        assert_eq!(counts.frames, frames.len());
        assert!(counts.values > 150 && counts.items > 100 && counts.deviations > 0, "{counts:?}");
        assert!(counts.freezes > 0 && counts.records > 0, "{counts:?}");
    }
    let seen = allocation_counter::measure(|| drop(std::hint::black_box(Box::new(1))));
    assert_eq!(seen.count_total, 1, "the counter counts");
}
