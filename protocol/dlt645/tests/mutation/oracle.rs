//! The judge: the rules of the standard once more, slowly and plainly, sharing no code with the crate.
//!
//! It knows frames, the answers a master may take, and energies, whose digits are all that is read here.

use std::ops::Range;

/// Where the sound frames of `bytes` stand, when all bytes have come: 68H, a second one seven bytes on, as many bytes as
/// the tenth says and two more, the sum, 16H. After anything else it goes on one byte further.
pub(crate) fn sound_frames(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        match sound_length(&bytes[at..]) {
            Some(length) => {
                found.push(at..at + length);
                at += length;
            }
            None => at += 1,
        }
    }
    found
}

fn sound_length(bytes: &[u8]) -> Option<usize> {
    if bytes.len() < 12 || bytes[0] != 0x68 || bytes[7] != 0x68 {
        return None;
    }
    let length = bytes[9] as usize + 12;
    if bytes.len() < length || bytes[length - 1] != 0x16 {
        return None;
    }
    let mut sum = 0_u32;
    for byte in &bytes[..length - 2] {
        sum += *byte as u32;
    }
    (sum % 256 == bytes[length - 2] as u32).then_some(length)
}

/// A sound frame taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) address: [u8; 6],
    pub(crate) control: u8,
    pub(crate) data: Vec<u8>,
}

pub(crate) fn parts(frame: &[u8]) -> Parts {
    let mut address = [0; 6];
    address.copy_from_slice(&frame[1..7]);
    let data =
        frame[10..frame.len() - 2].iter().map(|byte| ((*byte as u32 + 256 - 0x33) % 256) as u8).collect();
    Parts { address, control: frame[8], data }
}

/// The bytes of a frame, the inverse of [`parts`].
pub(crate) fn frame(parts: &Parts) -> Vec<u8> {
    let mut bytes = vec![0x68];
    bytes.extend(parts.address);
    bytes.extend([0x68, parts.control, parts.data.len() as u8]);
    bytes.extend(parts.data.iter().map(|byte| ((*byte as u32 + 0x33) % 256) as u8));
    bytes.push((bytes.iter().map(|byte| *byte as u32).sum::<u32>() % 256) as u8);
    bytes.push(0x16);
    bytes
}

/// What the data behind an identifier say, if it is one of a plain energy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Energy {
    /// Another identifier.
    Other,
    /// Data of a length that the identifier does not have.
    Length,
    /// The registers in hundredths; `None` where there is no number.
    Registers(Vec<Option<i64>>),
}

/// How many registers an identifier has, and whether they have a sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Registers {
    pub(crate) count: Count,
    signed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Count {
    Exactly(usize),
    OneOrMore,
    /// One or more, and perhaps AAH behind them.
    OneOrMoreAndMark,
}

/// The energies of both editions: class 00, quantities 00 to 0A; 9xH, kinds 1 to 6.
pub(crate) fn registers(edition: u16, id: &[u8]) -> Option<Registers> {
    match (edition, id) {
        (2007, [day, tariff, quantity @ 0..=0x0A, 0]) => {
            let signed = matches!(quantity, 0 | 3 | 4);
            let count = match (tariff, day) {
                (0..=0x3F, 0..=0x0C) => Count::Exactly(1),
                (0..=0x3F, 0xFF) => Count::Exactly(13),
                (0xFF, 0..=0x0C) => Count::OneOrMore,
                _ => return None,
            };
            Some(Registers { count, signed })
        }
        (1997, [low, high @ (0x90 | 0x91 | 0x94 | 0x95 | 0x98 | 0x99)]) => {
            let kinds = if high % 2 == 0 { 2 } else { 6 };
            if low / 16 < 1 || low / 16 > kinds {
                return None;
            }
            let count = if low % 16 == 15 { Count::OneOrMoreAndMark } else { Count::Exactly(1) };
            Some(Registers { count, signed: false })
        }
        _ => None,
    }
}

/// Reads the data of an answer behind its identifier.
pub(crate) fn energy(edition: u16, id: &[u8], data: &[u8]) -> Energy {
    let Some(registers) = registers(edition, id) else { return Energy::Other };
    if !fits(registers.count, data) {
        return Energy::Length;
    }
    let whole = data.len() / 4;
    Energy::Registers(
        (0..whole).map(|place| number(&data[4 * place..4 * place + 4], registers.signed)).collect(),
    )
}

pub(crate) fn fits(count: Count, data: &[u8]) -> bool {
    match count {
        Count::Exactly(count) => data.len() == 4 * count,
        Count::OneOrMore => !data.is_empty() && data.len().is_multiple_of(4),
        Count::OneOrMoreAndMark => {
            data.len() >= 4
                && (data.len().is_multiple_of(4) || data.len() % 4 == 1 && data.last() == Some(&0xAA))
        }
    }
}

/// Eight digits, lowest pair first; the highest bit is a minus where there are signs. Minus zero is no number.
fn number(bytes: &[u8], signed: bool) -> Option<i64> {
    let mut bytes = bytes.to_vec();
    let negative = signed && bytes[3] >= 0x80;
    if negative {
        bytes[3] -= 0x80;
    }
    let mut sum = 0;
    for byte in bytes.iter().rev() {
        for digit in [byte / 16, byte % 16] {
            if digit > 9 {
                return None;
            }
            sum = sum * 10 + digit as i64;
        }
    }
    match (negative, sum) {
        (true, 0) => None,
        (true, sum) => Some(-sum),
        (false, sum) => Some(sum),
    }
}

/// A reading of one energy by one meter.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) edition: u16,
    pub(crate) address: [u8; 6],
    pub(crate) id: Vec<u8>,
}

/// What becomes of the question when these bytes come and then silence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Answered with these data.
    Answered(Vec<u8>),
    /// Refused.
    Refused,
    /// Neither.
    Nothing,
}

/// Goes by the first frame of the meter that is an answer to the question: its control code, its identifier, a length
/// that was allowed. "More follows" on a register that has one length only is taken for new events.
pub(crate) fn verdict(asked: &Asked, bytes: &[u8]) -> Verdict {
    let read = if asked.edition == 2007 { 0x11 } else { 0x01 };
    let Some(registers) = registers(asked.edition, &asked.id) else { return Verdict::Nothing };
    for range in sound_frames(bytes) {
        let Parts { address, control, data } = parts(&bytes[range]);
        if address != asked.address {
            continue;
        }
        if control == read + 0xC0 && data.len() <= 1 {
            return Verdict::Refused;
        }
        let is_answer = control == read + 0x80 || control == read + 0xA0;
        if !is_answer || !data.starts_with(&asked.id) {
            continue;
        }
        let data = &data[asked.id.len()..];
        match registers.count {
            Count::Exactly(count) if data.len() == 4 * count => return Verdict::Answered(data.to_vec()),
            Count::Exactly(_) => {}
            // The first piece of a long answer: the rest never comes.
            _ if control == read + 0xA0 => return Verdict::Nothing,
            _ if !data.is_empty() && data.len().is_multiple_of(4) => return Verdict::Answered(data.to_vec()),
            _ => {}
        }
    }
    Verdict::Nothing
}
