//! Seals: a check sum kept beside a row, over what of it counts, so that bits which flipped on a disk are seen where the row
//! is read, and are not used (F42).
//!
//! It tells of accidents. Whoever means to alter a row can make its seal fit; that is for the rights of the database and
//! the audit log.

use crc::{CRC_64_XZ, Crc, Digest, Table};

/// A seal on its way.
pub(super) struct Seal(Digest<'static, u64, Table<1>>);

impl Default for Seal {
    fn default() -> Self {
        Self(CRC.digest())
    }
}

impl Seal {
    /// With this number, or none.
    pub(super) fn number(mut self, number: impl Into<Option<i64>>) -> Self {
        match number.into() {
            Some(number) => {
                self.0.update(&[1]);
                self.0.update(&number.to_le_bytes());
            }
            None => self.0.update(&[0]),
        }
        self
    }

    /// With each of these.
    pub(super) fn numbers<T: Into<Option<i64>>>(self, numbers: impl IntoIterator<Item = T>) -> Self {
        numbers.into_iter().fold(self, Self::number)
    }

    /// With this text.
    pub(super) fn text(mut self, text: &str) -> Self {
        self.0.update(text.as_bytes());
        self
    }

    /// As it is kept.
    pub(super) fn made(self) -> i64 {
        self.0.finalize().cast_signed()
    }

    /// Whether a row is as it was written. One that was written before there were seals has none.
    pub(super) fn fits(self, kept: Option<i64>) -> bool {
        kept.is_none_or(|kept| kept == self.made())
    }
}

static CRC: Crc<u64, Table<1>> = Crc::<u64, Table<1>>::new(&CRC_64_XZ);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f42_no_single_flipped_bit_fits_and_a_gap_is_no_zero() {
        let row = [17_i64, 1 << 40, -3, 0];
        let made = || Seal::default().numbers(row).text("1-0:1.8.0").made();
        assert!(Seal::default().numbers(row).text("1-0:1.8.0").fits(Some(made())));
        for place in 0..row.len() {
            for bit in 0..64 {
                let mut other = row;
                other[place] ^= 1 << bit;
                assert!(
                    !Seal::default().numbers(other).text("1-0:1.8.0").fits(Some(made())),
                    "{place} {bit}"
                );
            }
        }
        assert!(!Seal::default().number(0).fits(Some(Seal::default().number(None).made())));
        assert!(Seal::default().number(5).fits(None), "written before there were seals");
    }
}
