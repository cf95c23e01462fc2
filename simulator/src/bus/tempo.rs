//! A rate as it really runs on a bus: when each bit begins and what level it has.

use super::rate::{Parity, Rate};

/// A rate as it really runs on a bus: the speed times what the bus is hurried by.
///
/// Bit n of a stretch of bytes begins n / baud after the stretch, rounded down once, so that no error adds up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tempo {
    baud: u64,
    parity: Parity,
}

impl Tempo {
    pub(super) fn of(rate: Rate, hurry: u64) -> Self {
        Self { baud: u64::from(rate.baud()).saturating_mul(hurry.max(1)), parity: rate.parity() }
    }

    /// Bits in a byte, start and stop bit included.
    pub(super) const fn bits(self) -> u64 {
        match self.parity {
            Parity::None => 10,
            Parity::Even | Parity::Odd => 11,
        }
    }

    /// Nanoseconds that so many bits take.
    pub(super) fn nanos(self, bits: u64) -> u64 {
        Self::divide(u128::from(bits) * SECOND, u128::from(self.baud))
    }

    /// Nanoseconds that so many bytes take.
    pub(super) fn bytes(self, bytes: usize) -> u64 {
        self.nanos(count(bytes).saturating_mul(self.bits()))
    }

    /// Nanoseconds from the start of a byte to the middle of its bit `bit`.
    pub(super) fn middle(self, bit: u64) -> u64 {
        Self::divide((u128::from(bit) * 2 + 1) * SECOND, u128::from(self.baud) * 2)
    }

    /// In which bit of a stretch the moment `nanos` after its start falls.
    pub(super) fn bit_at(self, nanos: u64) -> u64 {
        let past = (u128::from(nanos) + 1) * u128::from(self.baud);
        Self::divide(past.div_ceil(SECOND) - 1, 1)
    }

    /// How many bytes are over `nanos` after the start of a stretch.
    pub(super) fn bytes_within(self, nanos: u64) -> usize {
        usize::try_from(self.bit_at(nanos) / self.bits()).unwrap_or(usize::MAX)
    }

    /// The level that `byte` puts on the line during its bit `bit`: true is mark, the level of rest.
    pub(super) fn level(self, byte: u8, bit: u64) -> bool {
        match bit {
            0 => false,
            1..=8 => byte >> (bit - 1) & 1 == 1,
            9 => self.parity_bit(byte).unwrap_or(true),
            _ => true,
        }
    }

    /// The ninth bit, where there is one.
    pub(super) const fn parity_bit(self, byte: u8) -> Option<bool> {
        match self.parity {
            Parity::Even => Some(byte.count_ones() % 2 == 1),
            Parity::Odd => Some(byte.count_ones().is_multiple_of(2)),
            Parity::None => None,
        }
    }

    fn divide(number: u128, by: u128) -> u64 {
        u64::try_from(number / by.max(1)).unwrap_or(u64::MAX)
    }
}

/// A length as a number.
fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

const SECOND: u128 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_falls_in_the_bit_that_covers_it() {
        for (baud, hurry) in [(300, 1), (2_400, 1), (2_400, 41_666), (115_200, 1), (115_200, 868)] {
            let tempo = Tempo::of(Rate::new(baud, Parity::Even).unwrap(), hurry);
            for bit in 0..2_000 {
                let begins = tempo.nanos(bit);
                assert_eq!(tempo.bit_at(begins), bit, "{baud} x {hurry}");
                assert_eq!(tempo.bit_at(tempo.nanos(bit + 1) - 1), bit, "{baud} x {hurry}");
            }
            assert_eq!(tempo.bytes_within(tempo.bytes(7)), 7);
            assert_eq!(tempo.bytes_within(tempo.bytes(7) - 1), 6);
        }
    }
}
