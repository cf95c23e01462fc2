//! What the gate knows of Modbus: the check of a frame on a bus, and which frames only read.

use crc::{CRC_16_MODBUS, Crc};

use crate::config::Framing;

/// The check that ends a frame on a bus (CRC), as it stands there, low byte first. [Modbus over serial line 2.5.1.2]
#[must_use]
pub fn check_bytes(frame: &[u8]) -> [u8; 2] {
    CHECK.checksum(frame).to_le_bytes()
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
