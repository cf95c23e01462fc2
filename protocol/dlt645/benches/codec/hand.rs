//! The limit: a scanner made by hand for one kind of answer, word by word wherever that pays.
//!
//! It knows that every value has four bytes and two decimals. There is no catalogue, no stream that comes in pieces, no
//! reason why a frame was refused.

use crate::Totals;

const START_WORD: u64 = 0x6800_0000_0000_0068;
const START_MASK: u64 = 0xFF00_0000_0000_00FF;
const STARTS: u64 = 0x6868_6868_6868_6868;
const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;
const EVEN: u64 = 0x00FF_00FF_00FF_00FF;

/// Reads every sound frame in `bytes` and adds up what it says.
pub(crate) fn scan(bytes: &[u8]) -> Totals {
    let mut totals = Totals::default();
    let mut rest = bytes;
    while let Some(front) = rest.first_chunk::<12>() {
        let word = word(front);
        if word & START_MASK != START_WORD {
            rest = skip(rest, word);
            continue;
        }
        let length = usize::from(front[9]);
        let Some((frame, behind)) = rest.split_at_checked(12 + length) else {
            rest = &rest[1..];
            continue;
        };
        if frame[11 + length] != 0x16 || checksum(&frame[..10 + length]) != frame[10 + length] {
            rest = &rest[1..];
            continue;
        }
        rest = behind;
        totals.frames += 1;
        totals.addresses += decimal(word >> 8 & 0xFFFF_FFFF_FFFF).unwrap_or(0);
        let Some((id, data)) = frame[10..10 + length].split_first_chunk::<4>() else { continue };
        totals.ids += u64::from(unmask(u32::from_le_bytes(*id)));
        for value in data.as_chunks::<4>().0 {
            match decimal_4(unmask(u32::from_le_bytes(*value))) {
                Some(value) => totals.values += i64::from(value),
                None => totals.absent += 1,
            }
        }
    }
    totals
}

/// Goes on to the next 68H, but at least one byte and at most eight.
fn skip(rest: &[u8], word: u64) -> &[u8] {
    let unlike = (word ^ STARTS) & !0xFF | 0xFF;
    let starts = unlike.wrapping_sub(LOW) & !unlike & HIGH;
    let bytes = if starts == 0 { 8 } else { starts.trailing_zeros() / 8 };
    &rest[bytes as usize..]
}

fn word(bytes: &[u8; 12]) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *bytes;
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// The sum modulo 256 of at least eight bytes: the words of eight, then the last eight less what was added already.
fn checksum(bytes: &[u8]) -> u8 {
    let (words, tail) = bytes.as_chunks::<8>();
    let mut sums = 0;
    for word in words {
        let word = u64::from_le_bytes(*word);
        sums += (word & EVEN) + (word >> 8 & EVEN);
    }
    let last = bytes.last_chunk::<8>().map_or(0, |last| u64::from_le_bytes(*last));
    let last = last.unbounded_shr(64 - 8 * tail.len() as u32);
    sums += (last & EVEN) + (last >> 8 & EVEN);
    (sums.wrapping_mul(0x0001_0001_0001_0001) >> 48) as u8
}

/// Four bytes less 33H each.
fn unmask(word: u32) -> u32 {
    ((word | 0x8080_8080) - 0x3333_3333) ^ (!word & 0x8080_8080)
}

fn decimal_4(word: u32) -> Option<u32> {
    if word > 0x9999_9999 || (word.wrapping_add(0x0666_6666) ^ word ^ 0x0666_6666) & 0x1111_1110 != 0 {
        return None;
    }
    let pairs = word - 6 * (word >> 4 & 0x0F0F_0F0F);
    let fours = (pairs & 0x00FF_00FF) + 100 * (pairs >> 8 & 0x00FF_00FF);
    Some((fours & 0xFFFF) + 10_000 * (fours >> 16))
}

/// The same for twelve digits.
fn decimal(word: u64) -> Option<u64> {
    const SIX: u64 = 0x0666_6666_6666_6666;
    if ((word + SIX) ^ word ^ SIX) & 0x1111_1111_1111_1110 != 0 {
        return None;
    }
    let pairs = word - 6 * (word >> 4 & 0x0F0F_0F0F_0F0F_0F0F);
    let fours = (pairs & EVEN) + 100 * (pairs >> 8 & EVEN);
    let eights = (fours & 0xFFFF_0000_FFFF) + 10_000 * (fours >> 16 & 0xFFFF_0000_FFFF);
    Some((eights & 0xFFFF_FFFF) + 100_000_000 * (eights >> 32))
}
