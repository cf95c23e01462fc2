//! A little meter that knows nothing of the code under test: it frames, reads requests and answers by itself.

use std::collections::BTreeMap;

pub(super) const METER: [u8; 6] = [0x12, 0x90, 0x78, 0x56, 0x34, 0x12];
pub(super) const OTHER: [u8; 6] = [0x13, 0x90, 0x78, 0x56, 0x34, 0x12];

/// A frame, made by hand.
pub(super) fn framed(address: [u8; 6], control: u8, data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x68];
    bytes.extend(address);
    bytes.extend([0x68, control, u8::try_from(data.len()).unwrap()]);
    bytes.extend(data.iter().map(|byte| byte.wrapping_add(0x33)));
    bytes.push(bytes.iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte)));
    bytes.push(0x16);
    bytes
}

/// Puts the right checksum on a frame that was tampered with.
pub(super) fn mend(frame: &mut [u8]) {
    let end = frame.len() - 2;
    frame[end] = frame[..end].iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte));
}

/// Address, control code and plain data of a request, wake-up bytes skipped.
pub(super) fn unframed(bytes: &[u8]) -> ([u8; 6], u8, Vec<u8>) {
    let bytes = &bytes[bytes.iter().position(|byte| *byte == 0x68).unwrap()..];
    let data = bytes[10..bytes.len() - 2].iter().map(|byte| byte.wrapping_sub(0x33)).collect();
    (bytes[1..7].try_into().unwrap(), bytes[8], data)
}

/// A meter with some long and short items.
#[derive(Clone, Debug)]
pub(super) struct Meter {
    pub(super) address: [u8; 6],
    /// Identifier in wire order (four bytes, or two for 1997) and its data.
    pub(super) items: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The most data bytes of one piece.
    pub(super) piece: usize,
    /// Event reporting is on and there are events: "more follows" stands in every answer.
    pub(super) flags_events: bool,
    /// The 1997 edition has no numbers: where the reading stands, and the last answer given.
    place: usize,
    last: Vec<u8>,
}

impl Meter {
    pub(super) fn new(address: [u8; 6], items: &[(&[u8], Vec<u8>)]) -> Self {
        let items = items.iter().map(|(item, data)| (item.to_vec(), data.clone())).collect();
        Self { address, items, piece: 196, flags_events: false, place: 0, last: Vec::new() }
    }

    /// What it answers, if the request is for it.
    pub(super) fn answer(&mut self, request: &[u8]) -> Option<Vec<u8>> {
        let (address, control, data) = unframed(request);
        if !address.iter().zip(self.address).all(|(asked, own)| *asked == 0xAA || *asked == own) {
            return None;
        }
        match control {
            0x11 => Some(self.piece_of(&data, 0x91, 0, None)),
            0x12 => {
                let (sequence, item) = data.split_last().unwrap();
                Some(self.piece_of(item, 0x92, usize::from(*sequence), Some(*sequence)))
            }
            0x01 | 0x02 => {
                self.place = if control == 0x01 { 0 } else { self.place + 1 };
                let answer = self.piece_of(&data, control | 0x80, self.place, None);
                self.last = answer.clone();
                Some(answer)
            }
            0x03 if !self.last.is_empty() => {
                let (_, _, data) = unframed(&self.last);
                Some(framed(self.address, self.last[8] & 0xE0 | 0x03, &data))
            }
            _ => None,
        }
    }

    fn piece_of(&self, item: &[u8], control: u8, place: usize, sequence: Option<u8>) -> Vec<u8> {
        let refusal = framed(self.address, control | 0x40, &[0x02]);
        let Some(value) = self.items.get(item) else { return refusal };
        let Some(piece) = value.get(place * self.piece..).filter(|piece| place == 0 || !piece.is_empty())
        else {
            return refusal;
        };
        let piece = &piece[..piece.len().min(self.piece)];
        let more = (place + 1) * self.piece < value.len() || self.flags_events;
        let mut data = item.to_vec();
        data.extend(piece);
        data.extend(sequence);
        framed(self.address, control | if more { 0x20 } else { 0 }, &data)
    }
}
