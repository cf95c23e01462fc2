//! Packed decimal digits (BCD): two digits a byte, low byte first, and back.
//!
//! The decoder works on a whole word at a time, because this is the inner loop of everything. It leaves signs,
//! decimals and fill bytes to `catalog`.

/// Reads up to eight bytes of packed BCD, low byte first, as a number; `None` when a nibble is above nine or the
/// slice is longer than eight bytes.
///
/// ```
/// assert_eq!(dlt645::bcd::decode(&[0x56, 0x34, 0x12, 0x00]), Some(123456));
/// assert_eq!(dlt645::bcd::decode(&[0x0E]), None);
/// ```
#[must_use]
#[inline]
pub fn decode(bytes: &[u8]) -> Option<u64> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return decode_four(four).map(u64::from);
    }
    if bytes.len() > 8 {
        return None;
    }
    decode_word(bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)))
}

/// The same as [`decode`] for four bytes, the width of energies.
#[must_use]
#[inline]
pub const fn decode_four(bytes: [u8; 4]) -> Option<u32> {
    const SIX: u32 = 0x6666_6666;
    const CARRY: u32 = 0x1111_1110;
    let word = u32::from_le_bytes(bytes);
    let (sum, overflow) = word.overflowing_add(SIX);
    if overflow || (sum ^ word ^ SIX) & CARRY != 0 {
        return None;
    }
    let pairs = word - 6 * (word >> 4 & 0x0F0F_0F0F);
    let fours = (pairs & 0x00FF_00FF) + 100 * (pairs >> 8 & 0x00FF_00FF);
    Some((fours & 0xFFFF) + 10_000 * (fours >> 16))
}

/// Reads the sixteen nibbles of `word` as decimal digits, the lowest nibble the lowest digit.
#[must_use]
#[inline]
pub const fn decode_word(word: u64) -> Option<u64> {
    if is_decimal(word) { Some(from_digits(word)) } else { None }
}

/// True when no nibble of `word` is above nine.
#[must_use]
#[inline]
pub const fn is_decimal(word: u64) -> bool {
    // A nibble of ten or more carries into its neighbour when six is added; the carries are compared nibble by
    // nibble with what an addition without carry would give.
    const SIX: u64 = 0x6666_6666_6666_6666;
    const CARRY: u64 = 0x1111_1111_1111_1110;
    let (sum, overflow) = word.overflowing_add(SIX);
    !overflow && (sum ^ word ^ SIX) & CARRY == 0
}

/// The number whose decimal digits are the nibbles of `word`, none of them above nine.
#[inline]
pub(crate) const fn from_digits(word: u64) -> u64 {
    // Digits pairwise to bytes, bytes pairwise to 16 bits, and so on upward.
    let pairs = word - 6 * (word >> 4 & 0x0F0F_0F0F_0F0F_0F0F);
    let fours = (pairs & 0x00FF_00FF_00FF_00FF) + 100 * (pairs >> 8 & 0x00FF_00FF_00FF_00FF);
    let eights = (fours & 0x0000_FFFF_0000_FFFF) + 10_000 * (fours >> 16 & 0x0000_FFFF_0000_FFFF);
    (eights & 0xFFFF_FFFF) + 100_000_000 * (eights >> 32)
}

/// Writes `number` as packed BCD, low byte first, over the whole of `out`; false (and `out` unchanged) when it
/// has more digits than fit.
#[must_use]
pub fn encode(number: u64, out: &mut [u8]) -> bool {
    let mut rest = number;
    for _ in 0..out.len() {
        rest /= 100;
    }
    if rest != 0 {
        return false;
    }
    rest = number;
    for byte in out {
        *byte = from_two_digits(rest % 100);
        rest /= 100;
    }
    true
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

    /// The plain way, digit by digit, to check the word-parallel one against.
    fn plainly(bytes: &[u8]) -> Option<u64> {
        bytes.iter().rev().try_fold(0_u64, |sum, byte| Some(sum * 100 + u64::from(two_digits(*byte)?)))
    }

    #[test]
    fn every_pair_of_bytes_reads_like_the_plain_loop() {
        for low in 0..=255_u8 {
            for high in 0..=255_u8 {
                let bytes = [low, high];
                assert_eq!(decode(&bytes), plainly(&bytes), "{bytes:02X?}");
                let four = [low, 0x10, high, low];
                assert_eq!(decode(&four), plainly(&four), "{four:02X?}");
                let eight = [0x99, low, 0, high, 0x12, high, 0x99, low];
                assert_eq!(decode(&eight), plainly(&eight), "{eight:02X?}");
            }
        }
    }

    #[test]
    fn encode_is_the_inverse_and_refuses_too_many_digits() {
        let mut out = [0xEE; 4];
        assert!(encode(99_999_999, &mut out));
        assert_eq!((out, decode(&out)), ([0x99; 4], Some(99_999_999)));
        assert!(!encode(100_000_000, &mut out));
        assert_eq!(out, [0x99; 4], "unchanged");
        let mut long = [0; 10];
        assert!(encode(u64::MAX, &mut long));
        assert_eq!(plainly(&long[..8]), Some(u64::MAX % 10_000_000_000_000_000));
        assert_eq!(decode(&long), None, "nine bytes and more are no number here");
    }
}
