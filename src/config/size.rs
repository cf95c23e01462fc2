//! Sizes of files.

use toml::de::DeValue;

use super::setting::Setting;
use super::words::Words;

/// A number of bytes, written with its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(u64);

impl ByteSize {
    pub(super) const fn mebibytes(number: u64) -> Self {
        Self(MEBI.saturating_mul(number))
    }

    /// How many bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl Setting for ByteSize {
    fn form() -> Words {
        Words::of(
            "a size with its unit (KiB, MiB, GiB) such as \"64MiB\"",
            "带单位的大小（KiB、MiB、GiB），如 \"64MiB\"",
        )
    }

    fn read(value: &DeValue<'_>) -> Option<Self> {
        let text = value.as_str()?;
        let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
        let (_, size) = UNITS.iter().find(|(name, _)| *name == unit)?;
        number.parse::<u64>().ok()?.checked_mul(*size).map(Self)
    }

    fn show(&self) -> String {
        let largest = UNITS.iter().rev().find(|(_, size)| self.0 > 0 && self.0.is_multiple_of(*size));
        let (name, size) = largest.copied().unwrap_or(("KiB", KIBI));
        format!("\"{}{name}\"", self.0 / size)
    }
}

const KIBI: u64 = 1024;
const MEBI: u64 = 1024 * KIBI;
const UNITS: &[(&str, u64)] = &[("KiB", KIBI), ("MiB", MEBI), ("GiB", 1024 * MEBI)];
