//! Registers of Modbus meters: which unit a meter is, and how words become the number of an item, exactly.
//!
//! A meter that speaks Modbus has no address of twelve digits. In the archive it gets one all the same, so that it has a
//! name of its own everywhere: the last three digits are its unit number, 001 to 247, those before tell it from meters of the
//! same number on other lines.
//!
//! Numbers are made with whole numbers only. What has more decimals than its item keeps is refused, unless the register map
//! says that it is rounded; then halves are rounded away from zero. The bits of an IEEE 754 number are taken apart and
//! rounded in the same way.

use dlt645::address::MeterAddress;

use super::{Item, Way};

/// The unit number of a meter that speaks Modbus: the last three digits of its address, 1 to 247. `None` for others.
/// [Modbus over serial line 2.2]
#[must_use]
pub fn unit_of(address: MeterAddress) -> Option<u8> {
    u8::try_from(address.number() % 1000).ok().filter(|unit| (1..=LAST_UNIT).contains(unit))
}

/// Which registers are read, and so by which function. [Modbus 6.3, 6.4]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Holding registers (保持寄存器), function 03.
    Holding,
    /// Input registers (输入寄存器), function 04.
    Input,
}

impl Table {
    /// The function that reads them.
    #[must_use]
    pub const fn function(self) -> u8 {
        match self {
            Self::Holding => 3,
            Self::Input => 4,
        }
    }
}

/// How a number stands in registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberKind {
    /// A whole number without sign, of so many registers: 1, 2 or 4.
    Unsigned(u8),
    /// A whole number in two's complement.
    Signed(u8),
    /// Four decimal digits in each register.
    Bcd(u8),
    /// IEEE 754, single precision, two registers.
    Float,
}

impl NumberKind {
    /// How many registers it takes.
    #[must_use]
    pub const fn words(self) -> u8 {
        match self {
            Self::Unsigned(words) | Self::Signed(words) | Self::Bcd(words) => words,
            Self::Float => 2,
        }
    }
}

/// Which register of a number comes first; within a register the high byte always does. [Modbus 4.2]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WordOrder {
    /// The one with the high digits.
    HighFirst,
    /// The one with the low digits.
    LowFirst,
}

/// What a meter sends where it has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// All ones in numbers without sign and digits, the lowest number in those with one.
    Usual,
    /// These bits, in the order of their weight.
    Bits(u64),
    /// Nothing: all bits mean a number.
    Never,
}

/// How the number of an item stands in the registers of a meter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NumberForm {
    /// How it stands there.
    pub kind: NumberKind,
    /// Which register comes first.
    pub order: WordOrder,
    /// The number is to be multiplied by ten to this power to get the unit of the item.
    pub exponent: i8,
    /// Whether decimals that the item does not keep are rounded; without, such a number is refused.
    pub is_rounded: bool,
    /// What stands for no value.
    pub absence: Absence,
}

/// Why registers give no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoNumber {
    /// The meter says that it has no value.
    #[error("the meter has no value")]
    Absent,
    /// A digit above nine.
    #[error("a digit above nine")]
    NoDigits,
    /// Below zero, where the item cannot be.
    #[error("a register below zero")]
    Negative,
    /// More decimals than the item keeps.
    #[error("more decimals than the item keeps")]
    TooFine,
    /// Larger than any that is stored.
    #[error("too large")]
    TooLarge,
    /// Not as many registers as it takes.
    #[error("not the registers that it takes")]
    Cut,
}

impl NumberForm {
    /// Whether every whole number of this form is stored exactly for `item`.
    #[must_use]
    pub fn is_exact_for(&self, item: Item) -> bool {
        self.kind != NumberKind::Float && self.shift(item) >= 0
    }

    /// The number under which the item is stored: a whole one of its last decimal place.
    ///
    /// # Errors
    /// [`NoNumber`] says why there is none.
    pub fn decode(&self, words: &[u16], item: Item) -> Result<i64, NoNumber> {
        if words.len() != usize::from(self.kind.words()) {
            return Err(NoNumber::Cut);
        }
        let add = |bits: u64, word: &u16| bits << 16 | u64::from(*word);
        let bits = match self.order {
            WordOrder::HighFirst => words.iter().fold(0, add),
            WordOrder::LowFirst => words.iter().rev().fold(0, add),
        };
        if self.is_absent(bits) {
            return Err(NoNumber::Absent);
        }
        let scaled = match self.kind {
            NumberKind::Unsigned(_) => self.scale(bits.into(), item)?,
            NumberKind::Signed(words) => self.scale(signed(bits, words), item)?,
            NumberKind::Bcd(_) => self.scale(digits(bits).ok_or(NoNumber::NoDigits)?, item)?,
            NumberKind::Float => self.of_float(bits, item)?,
        };
        let number = i64::try_from(scaled).map_err(|_| NoNumber::TooLarge)?;
        if number < 0 && item.way() == Some(Way::Up) { Err(NoNumber::Negative) } else { Ok(number) }
    }

    fn is_absent(&self, bits: u64) -> bool {
        let width = u32::from(self.kind.words()) * 16;
        let ones = u64::MAX >> (64 - width.clamp(1, 64));
        match (self.absence, self.kind) {
            (Absence::Never, _) => false,
            (Absence::Bits(absent), _) => bits == absent,
            (Absence::Usual, NumberKind::Unsigned(_) | NumberKind::Bcd(_)) => bits == ones,
            (Absence::Usual, NumberKind::Signed(_)) => bits == ones ^ (ones >> 1),
            // What is no number is none in any case.
            (Absence::Usual, NumberKind::Float) => false,
        }
    }

    /// By which power of ten a number becomes the stored one.
    fn shift(&self, item: Item) -> i32 {
        i32::from(self.exponent) + i32::from(item.decimals())
    }

    fn scale(&self, raw: i128, item: Item) -> Result<i128, NoNumber> {
        let shift = self.shift(item);
        let power = 10_i128.checked_pow(shift.unsigned_abs()).ok_or(NoNumber::TooLarge)?;
        if shift >= 0 {
            return raw.checked_mul(power).ok_or(NoNumber::TooLarge);
        }
        if raw % power == 0 {
            return Ok(raw / power);
        }
        if self.is_rounded { Ok(rounded(raw, power)) } else { Err(NoNumber::TooFine) }
    }

    /// Sign, eight bits of exponent, 23 of the fraction. [IEEE 754 3.4]
    fn of_float(&self, bits: u64, item: Item) -> Result<i128, NoNumber> {
        let (exponent, fraction) = (bits >> 23 & 0xFF, i128::from(bits & 0x7F_FFFF));
        let (significand, exponent) = match exponent {
            0xFF => return Err(NoNumber::Absent),
            0 => (fraction, -149),
            _ => (fraction | 0x80_0000, i32::try_from(exponent).unwrap_or(0) - 150),
        };
        let shift = self.shift(item);
        let ten = 10_i128.checked_pow(shift.unsigned_abs()).ok_or(NoNumber::TooLarge)?;
        let two = |exponent: i32| 1_i128.checked_shl(exponent.unsigned_abs()).filter(|power| *power > 0);
        let mut above = significand;
        let mut below = 1_i128;
        if shift >= 0 {
            above = above.checked_mul(ten).ok_or(NoNumber::TooLarge)?;
        } else {
            below = ten;
        }
        if exponent >= 0 {
            let power = two(exponent).ok_or(NoNumber::TooLarge)?;
            above = above.checked_mul(power).ok_or(NoNumber::TooLarge)?;
        } else {
            // So far below the last decimal place that it is zero, or rounds to it.
            let power = two(exponent).and_then(|power| below.checked_mul(power));
            let Some(power) = power.filter(|power| *power < i128::MAX / 4) else {
                return if significand == 0 || self.is_rounded { Ok(0) } else { Err(NoNumber::TooFine) };
            };
            below = power;
        }
        if above % below != 0 && !self.is_rounded {
            return Err(NoNumber::TooFine);
        }
        let number = rounded(above, below);
        Ok(if bits >> 31 & 1 == 1 { -number } else { number })
    }
}

/// The quotient, halves away from zero.
fn rounded(above: i128, below: i128) -> i128 {
    let (whole, rest) = (above / below, above % below);
    let away = if rest.unsigned_abs().saturating_mul(2) >= below.unsigned_abs() { rest.signum() } else { 0 };
    whole + away
}

fn signed(bits: u64, words: u8) -> i128 {
    let width = u32::from(words) * 16;
    let number = i128::from(bits);
    let half = 1_i128 << (width.clamp(1, 64) - 1);
    if number >= half { number - half * 2 } else { number }
}

fn digits(bits: u64) -> Option<i128> {
    (0..16).rev().try_fold(0_i128, |number, place| {
        let digit = bits >> (place * 4) & 0xF;
        (digit <= 9).then(|| number * 10 + i128::from(digit))
    })
}

/// Numbers above are reserved. [Modbus over serial line 2.2]
const LAST_UNIT: u8 = 247;

#[cfg(test)]
mod tests;
