//! What the gate knows of Modbus: the check of a frame on a bus, and which frames only read.

use std::ops::Range;

use crc::{CRC_16_MODBUS, Crc};

use crate::config::Framing;

/// The check that ends a frame on a bus (CRC), as it stands there, low byte first. [Modbus over serial line 2.5.1.2]
#[must_use]
pub fn check_bytes(frame: &[u8]) -> [u8; 2] {
    CHECK.checksum(frame).to_le_bytes()
}

/// A frame of Modbus among others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisterFrame {
    /// Where it stands.
    pub span: Range<usize>,
    /// The unit it goes to or comes from.
    pub unit: u8,
    /// Its function, 1 to 4.
    pub function: u8,
    /// It asks; otherwise it answers.
    pub is_question: bool,
    /// The code of a refusal.
    pub refusal: Option<u8>,
}

/// The frames of Modbus that these bytes consist of, on a bus or over TCP; `None` when there is anything else among them.
#[must_use]
pub fn register_frames(bytes: &[u8]) -> Option<Vec<RegisterFrame>> {
    let (mut frames, mut at) = (Vec::new(), 0);
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let (length, body) = on_a_bus(rest).or_else(|| over_tcp(rest))?;
        let (unit, function) = (*body.first()?, *body.get(1)?);
        frames.push(RegisterFrame {
            span: at..at + length,
            unit,
            function: function & 0x7F,
            is_question: is_question(body),
            refusal: body.get(2).copied().filter(|_| function & 0x80 > 0),
        });
        at += length;
    }
    (!frames.is_empty()).then_some(frames)
}

/// How long the frame is that these bytes begin with, and it from the unit on, without its check.
fn on_a_bus(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let body = |length: usize| {
        let (body, check) = bytes.get(..length)?.split_last_chunk::<2>()?;
        (check_bytes(body) == *check).then_some((length, body))
    };
    let as_answer = match *bytes {
        [1..=247, 1..=4, count, ..] => usize::from(count) + 5,
        [1..=247, 0x81..=0x84, ..] => 5,
        _ => return None,
    };
    body(8).filter(|(_, body)| is_question(body)).or_else(|| body(as_answer))
}

fn over_tcp(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let [_, _, 0, 0, 0, length, ..] = *bytes else { return None };
    let length = 6 + usize::from(length);
    let body = bytes.get(6..length)?;
    match *body {
        [1..=247, 0x81..=0x84, _] => Some((length, body)),
        [1..=247, 1..=4, count, ref data @ ..] if usize::from(count) == data.len() => Some((length, body)),
        _ => is_question(body).then_some((length, body)),
    }
}

/// True for exactly one whole frame that reads registers or single bits of one unit, and so changes nothing.
pub(super) fn is_read(framing: Framing, bytes: &[u8]) -> bool {
    match (framing, bytes) {
        (Framing::Bus, [frame @ .., low, high]) => is_question(frame) && check_bytes(frame) == [*low, *high],
        // Transaction, protocol 0, six more bytes. [Modbus TCP 3.1.3]
        (Framing::ModbusTcp, [_, _, 0, 0, 0, 6, frame @ ..]) => is_question(frame),
        _ => false,
    }
}

/// Unit, function, where from, how many. [Modbus 6.1 to 6.4]
fn is_question(frame: &[u8]) -> bool {
    let [1..=247, function, _, _, high, low] = *frame else { return false };
    let most = match function {
        1 | 2 => 2000,
        3 | 4 => 125,
        _ => return false,
    };
    (1..=most).contains(&u16::from_be_bytes([high, low]))
}

const CHECK: Crc<u16> = Crc::<u16>::new(&CRC_16_MODBUS);

#[cfg(test)]
mod tests {
    use super::*;

    /// The question that is the example of every manual: ten holding registers from 0 of unit 1.
    const QUESTION: [u8; 8] = [0x01, 0x03, 0x00, 0x00, 0x00, 0x0A, 0xC5, 0xCD];

    #[test]
    fn frames_are_told_and_nothing_else_is() {
        let answer =
            [&[0x01, 0x03, 0x02, 0x00, 0x68][..], &check_bytes(&[0x01, 0x03, 0x02, 0x00, 0x68])].concat();
        let refusal = [&[0x01, 0x83, 0x02][..], &check_bytes(&[0x01, 0x83, 0x02])].concat();
        let all = [&QUESTION[..], &answer, &refusal].concat();
        let frames = register_frames(&all).unwrap();
        let told: Vec<_> =
            frames.iter().map(|f| (f.span.clone(), f.unit, f.function, f.is_question, f.refusal)).collect();
        assert_eq!(
            told,
            [(0..8, 1, 3, true, None), (8..15, 1, 3, false, None), (15..20, 1, 3, false, Some(2))]
        );
        let over_tcp = [0, 1, 0, 0, 0, 6, 17, 4, 0, 0, 0, 1, 0, 1, 0, 0, 0, 5, 17, 4, 2, 0, 9];
        let frames = register_frames(&over_tcp).unwrap();
        assert_eq!(
            frames.iter().map(|f| (f.unit, f.is_question)).collect::<Vec<_>>(),
            [(17, true), (17, false)]
        );
        assert_eq!(register_frames(&[]), None);
        assert!(
            (1..all.len())
                .filter(|end| ![8, 15].contains(end))
                .all(|end| register_frames(&all[..end]).is_none())
        );
        let meter = [0x68, 0x12, 0x90, 0x78, 0x56, 0x34, 0x12, 0x68, 0x94, 0x00, 0x1A, 0x16];
        assert_eq!(register_frames(&meter), None);
    }

    #[test]
    fn i17_only_whole_questions_that_read_pass() {
        assert!(is_read(Framing::Bus, &QUESTION));
        assert!(!is_read(Framing::ModbusTcp, &QUESTION));
        let over_tcp = |frame: [u8; 6]| [&[0x12, 0x34, 0, 0, 0, 6], &frame[..]].concat();
        let on_a_bus = |frame: [u8; 6]| [&frame[..], &check_bytes(&frame)[..]].concat();
        for function in 0..=255 {
            for unit in [0, 1, 247, 248, 255] {
                let frame = [unit, function, 0, 0, 0, 1];
                let may = matches!(function, 1..=4) && matches!(unit, 1 | 247);
                assert_eq!(is_read(Framing::Bus, &on_a_bus(frame)), may, "{frame:?}");
                assert_eq!(is_read(Framing::ModbusTcp, &over_tcp(frame)), may, "{frame:?}");
            }
        }
        for (count, may) in [(0_u16, false), (125, true), (126, false), (0xFF00, false)] {
            let [high, low] = count.to_be_bytes();
            assert_eq!(is_read(Framing::Bus, &on_a_bus([1, 3, 0, 0, high, low])), may, "{count}");
        }
        // A byte more or less, or another one, is no such question.
        assert!(!is_read(Framing::Bus, &[&QUESTION[..], &[0]].concat()));
        assert!((0..QUESTION.len()).all(|end| !is_read(Framing::Bus, &QUESTION[..end])));
        for place in 0..QUESTION.len() {
            let mut turned = QUESTION;
            turned[place] ^= 0x10;
            assert!(!is_read(Framing::Bus, &turned), "{turned:?}");
        }
    }
}
