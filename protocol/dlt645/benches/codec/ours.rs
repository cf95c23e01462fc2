//! The product's own path, as a head-end goes it: decoder, identifier, catalogue, values.

use dlt645::catalog::{self, Content, Value};
use dlt645::data_id::DataId;
use dlt645::decoder::Decoder;
use dlt645::edition::Edition;

use crate::Totals;

/// Reads every sound frame in `bytes` and adds up what it says.
pub(crate) fn scan(bytes: &[u8]) -> Totals {
    add(&mut Decoder::new(), bytes, Totals::default())
}

/// The same with the bytes in pieces, as a line gives them.
pub(crate) fn scan_in_pieces(bytes: &[u8]) -> Totals {
    let mut decoder = Decoder::new();
    bytes.chunks(PIECE).fold(Totals::default(), |totals, piece| add(&mut decoder, piece, totals))
}

/// Bytes that one read from a line gives: frames are cut at any place.
const PIECE: usize = 61;

fn add(decoder: &mut Decoder, piece: &[u8], totals: Totals) -> Totals {
    let Totals { mut frames, mut addresses, mut ids, mut values, mut absent } = totals;
    let mut rest = piece;
    while let Some(found) = decoder.next_frame(&mut rest) {
        frames += 1;
        addresses += found.frame.address.as_meter().map_or(0, |meter| meter.number());
        let Some((id, data)) = DataId::split(Edition::E2007, found.frame.data) else { continue };
        ids += u64::from(id.code());
        let Some(entry) = catalog::find(id) else { continue };
        let Ok(Content::Values(readings)) = entry.read(data) else { continue };
        for reading in readings {
            match reading.value {
                Value::Number(number) => values += number.scaled(),
                _ => absent += 1,
            }
        }
    }
    Totals { frames, addresses, ids, values, absent }
}
