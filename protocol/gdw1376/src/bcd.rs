//! Packed decimal digits (BCD): two digits a byte, low byte first, and back.
//!
//! Signs, decimals and fill bytes are left to [`crate::format`]. [1376 4]

/// Reads up to eight bytes of packed BCD, low byte first, as a number; `None` when a nibble is above nine or there are
/// more than eight bytes.
///
/// ```
/// assert_eq!(gdw1376::bcd::decode(&[0x00, 0x56, 0x34, 0x12]), Some(12_345_600));
/// assert_eq!(gdw1376::bcd::decode(&[0xEE]), None);
/// ```
#[must_use]
pub fn decode(bytes: &[u8]) -> Option<u64> {
    if bytes.len() > 8 {
        return None;
    }
    bytes.iter().rev().try_fold(0_u64, |sum, byte| Some(sum * 100 + u64::from(two_digits(*byte)?)))
}

/// Appends `number` as `width` bytes of packed BCD, low byte first; false, with nothing appended, when it has more
/// digits than fit.
#[must_use]
pub fn encode(number: u64, width: usize, out: &mut Vec<u8>) -> bool {
    let begin = out.len();
    let mut rest = number;
    for _ in 0..width {
        out.push(from_two_digits(rest % 100));
        rest /= 100;
    }
    if rest != 0 {
        out.truncate(begin);
    }
    rest == 0
}

/// One byte holding the two lowest decimal digits of `number`.
#[must_use]
pub const fn from_two_digits(number: u64) -> u8 {
    let digits = ((number % 100 / 10) << 4) | (number % 10);
    digits.to_le_bytes()[0]
}

/// The two digits of one byte as a number 0 to 99; `None` when a nibble is above nine.
#[must_use]
pub const fn two_digits(byte: u8) -> Option<u8> {
    if byte & 0x0F > 9 || byte >> 4 > 9 { None } else { Some((byte >> 4) * 10 + (byte & 0x0F)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_reads_as_its_digits_or_not_at_all() {
        for byte in 0..=255_u8 {
            let text = format!("{byte:02X}");
            assert_eq!(two_digits(byte), text.parse().ok(), "{text}");
        }
        for number in 0..100 {
            assert_eq!(two_digits(from_two_digits(number)).map(u64::from), Some(number));
        }
    }

    #[test]
    fn low_byte_first_both_ways_and_too_many_digits_leave_nothing() {
        let mut out = vec![7];
        assert!(encode(123_456, 4, &mut out));
        assert_eq!(out, [7, 0x56, 0x34, 0x12, 0x00]);
        assert_eq!(decode(&out[1..]), Some(123_456));
        assert!(!encode(100, 1, &mut out));
        assert_eq!(out.len(), 5);
        assert_eq!(decode(&[0; 9]), None);
    }
}
