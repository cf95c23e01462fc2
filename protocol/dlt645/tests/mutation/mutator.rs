//! Golden and made-up frames, and everything that may happen to them on the way.

use super::oracle::{self, Parts};

/// Numbers that look random and follow from the seed alone (splitmix64).
#[derive(Clone, Debug)]
pub(crate) struct Draw(u64);

impl Draw {
    /// Each case has its own, so that any of them can be had again.
    pub(crate) const fn new(seed: u64, case: u64) -> Self {
        Self(seed ^ case.wrapping_mul(0xA076_1D64_78BD_642F))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ word >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ word >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ word >> 31
    }

    /// Below `end`, or zero.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    pub(crate) fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.next() as u8
    }

    pub(crate) fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    /// Two decimal digits.
    pub(crate) fn digits(&mut self) -> u8 {
        (self.below(10) * 16 + self.below(10)) as u8
    }
}

/// What may happen to a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    BitFlip,
    BytesChanged,
    ByteLost,
    ByteAdded,
    BytesSwapped,
    LengthChanged,
    Mended,
    DataMended,
    LengthMended,
    HeadMended,
    Filled,
    Cut,
    Spliced,
    Inserted,
    Repeated,
    Glued,
    StartDoubled,
    NoiseInFront,
    NoiseBehind,
    FalseStart,
    OffsetForgotten,
    AddressReversed,
    ParityNoise,
}

impl Kind {
    pub(crate) const ALL: [Self; 23] = [
        Self::BitFlip,
        Self::BytesChanged,
        Self::ByteLost,
        Self::ByteAdded,
        Self::BytesSwapped,
        Self::LengthChanged,
        Self::Mended,
        Self::DataMended,
        Self::LengthMended,
        Self::HeadMended,
        Self::Filled,
        Self::Cut,
        Self::Spliced,
        Self::Inserted,
        Self::Repeated,
        Self::Glued,
        Self::StartDoubled,
        Self::NoiseInFront,
        Self::NoiseBehind,
        Self::FalseStart,
        Self::OffsetForgotten,
        Self::AddressReversed,
        Self::ParityNoise,
    ];

    /// True for what leaves a wrong content under a right checksum (F8).
    pub(crate) const fn mends(self) -> bool {
        matches!(self, Self::Mended | Self::DataMended | Self::LengthMended | Self::HeadMended | Self::Filled)
    }
}

/// Does it to `bytes`, which hold one frame or what is left of it. `others` are frames that may come along.
pub(crate) fn apply(kind: Kind, bytes: &mut Vec<u8>, others: &[Vec<u8>], draw: &mut Draw) {
    let place = draw.below(bytes.len());
    match kind {
        Kind::BitFlip => change(bytes, place, |byte, draw| *byte ^= 1 << draw.below(8), draw),
        Kind::BytesChanged => {
            for _ in 0..=draw.below(4) {
                let place = draw.below(bytes.len());
                change(bytes, place, |byte, draw| *byte = special(draw), draw);
            }
        }
        Kind::ByteLost => drop(bytes.splice(place..(place + 1).min(bytes.len()), [])),
        Kind::ByteAdded => bytes.insert(place, special(draw)),
        Kind::BytesSwapped => {
            let other = draw.below(bytes.len());
            if !bytes.is_empty() {
                bytes.swap(place, other);
            }
        }
        Kind::LengthChanged => change(bytes, 9, |byte, draw| *byte = small_step(*byte, draw), draw),
        Kind::Mended => {
            change(bytes, place, |byte, draw| *byte ^= 1 << draw.below(8), draw);
            mend(bytes);
        }
        Kind::DataMended => {
            let data = bytes.len().saturating_sub(16);
            let place = 14 + draw.below(data);
            change(bytes, place, |byte, draw| *byte = draw.digits().wrapping_add(0x33), draw);
            mend(bytes);
        }
        Kind::LengthMended => lengthen(bytes, draw),
        Kind::HeadMended => {
            let place = 1 + draw.below(13);
            change(bytes, place, |byte, draw| *byte = special(draw), draw);
            mend(bytes);
        }
        Kind::Filled => {
            let fill = *draw.of(&[0xFF_u8, 0xEE, 0xAA, 0x00, 0x80, 0x99, 0x9A]);
            let end = bytes.len().saturating_sub(2);
            let begin = (14 + 4 * draw.below(end.saturating_sub(14) / 4)).min(end);
            let length = 1 + draw.below(4);
            bytes[begin..end].iter_mut().take(length).for_each(|byte| *byte = fill.wrapping_add(0x33));
            mend(bytes);
        }
        Kind::Cut => bytes.truncate(place),
        Kind::Spliced => {
            let other = draw.of(others);
            let from = draw.below(other.len());
            bytes.truncate(place);
            bytes.extend(&other[from..]);
        }
        Kind::Inserted => drop(bytes.splice(place..place, draw.of(others).iter().copied())),
        Kind::Repeated => bytes.extend_from_within(..),
        Kind::Glued => drop(bytes.splice(0..0, draw.of(others).iter().copied())),
        Kind::StartDoubled => drop(bytes.splice(0..0, std::iter::repeat_n(0x68, 1 + place % 9))),
        Kind::NoiseInFront => drop(bytes.splice(0..0, noise(draw))),
        Kind::NoiseBehind => bytes.extend(noise(draw)),
        Kind::FalseStart => {
            let length = special(draw);
            let start = [0x68, draw.byte(), 1, 2, 3, 4, draw.byte(), 0x68, 0x91, length, 0x33, 0x16];
            let cut = 8 + draw.below(5);
            bytes.splice(0..0, start[..cut].iter().copied());
        }
        Kind::OffsetForgotten => {
            let end = bytes.len().saturating_sub(2);
            bytes.iter_mut().take(end).skip(10).for_each(|byte| *byte = byte.wrapping_sub(0x33));
        }
        Kind::AddressReversed => {
            if let Some(address) = bytes.get_mut(1..7) {
                address.reverse();
            }
        }
        // A line with its parity bit taken for the highest bit of data.
        Kind::ParityNoise => {
            bytes.iter_mut().filter(|byte| byte.count_ones() % 2 == 1).for_each(|byte| *byte |= 0x80);
        }
    }
}

fn change(bytes: &mut [u8], place: usize, how: impl Fn(&mut u8, &mut Draw), draw: &mut Draw) {
    if let Some(byte) = bytes.get_mut(place) {
        how(byte, draw);
    }
}

/// Any byte, but more often one that means something.
fn special(draw: &mut Draw) -> u8 {
    const MEANT: [u8; 16] =
        [0x68, 0x16, 0xFE, 0x33, 0xAA, 0xFF, 0x00, 0x99, 0x91, 0x81, 0xB1, 0xD1, 0x11, 0xDD, 0x34, 0x04];
    if draw.one_in(2) { *draw.of(&MEANT) } else { draw.byte() }
}

fn small_step(byte: u8, draw: &mut Draw) -> u8 {
    let step = 1 + draw.below(4) as u8;
    match draw.below(3) {
        0 => byte.wrapping_add(step),
        1 => byte.wrapping_sub(step),
        _ => draw.byte(),
    }
}

/// Makes the last byte but one the sum of those before it.
fn mend(bytes: &mut [u8]) {
    if let Some(end) = bytes.len().checked_sub(2) {
        bytes[end] = bytes[..end].iter().fold(0, |sum, byte| sum.wrapping_add(*byte));
    }
}

/// Gives the frame more or fewer data bytes, with length byte and checksum to match.
fn lengthen(bytes: &mut Vec<u8>, draw: &mut Draw) {
    let [range] = &oracle::sound_frames(bytes)[..] else { return };
    let Parts { address, control, mut data } = oracle::parts(&bytes[range.clone()]);
    let step = if draw.one_in(2) { 4 } else { 1 + draw.below(5) };
    if draw.one_in(2) {
        data.truncate(data.len().saturating_sub(step));
    } else {
        let mark = draw.one_in(3).then_some(0xAA);
        data.extend(std::iter::from_fn(|| Some(mark.unwrap_or_else(|| draw.digits()))).take(step));
        data.truncate(255);
    }
    *bytes = oracle::frame(&Parts { address, control, data });
}

fn noise(draw: &mut Draw) -> Vec<u8> {
    let length = if draw.one_in(8) { draw.below(300) } else { draw.below(24) };
    let wake_up = draw.one_in(3);
    (0..length).map(|_| if wake_up { 0xFE } else { special(draw) }).collect()
}
