//! The data formats of appendix A (附录A): bytes of one field to an exact value and back. No floats, nothing guessed.
//!
//! All digits are packed decimal, low byte first; a binary number (`BINn`) is low byte first and unsigned. What the terminal
//! does not have it fills with EEH in each byte, whatever the format; some fill with FFH. One byte of a binary number
//! or of bits is taken as it is, because 238 and 255 are counts like any other. [1376 4] [1376 1.9]

use core::fmt;

use crate::bcd;
use crate::quantity::Quantity;
use crate::terminal_time::{TerminalTime, TimeFormat};

mod encode;
mod scaled;

pub use self::encode::{EncodeError, encode};

/// How the bytes of one field are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Packed digits with a fixed point: A5 to A9, A10, A11, A13, A14, A22, A23, A25 to A27.
    Digits {
        /// Bytes on the wire.
        bytes: u8,
        /// Digits behind the point.
        decimals: u8,
        /// Whether the top bit is a sign.
        signed: bool,
    },
    /// A2: three digits and a power of ten from 10^4 down to 10^-3, with a sign. Two bytes.
    Power,
    /// A3: seven digits with a sign, in kWh or MWh (or 0.001 yuan and yuan): the unit bit is worked into the value, which is
    /// always in the smaller unit. Four bytes.
    Energy,
    /// A4: two digits, the top bit set for down. One byte.
    Percent,
    /// Unsigned binary, low byte first, 1 to 8 bytes.
    Binary {
        /// Bytes on the wire.
        bytes: u8,
    },
    /// A string of bits, D0 first, 1 to 8 bytes.
    Bits {
        /// Bytes on the wire.
        bytes: u8,
    },
    /// A date or time.
    Time(TimeFormat),
    /// Digits that are a name and not a number, low byte first, 1 to 16 bytes: A12, a region code. Hexadecimal ones
    /// are kept.
    Name {
        /// Bytes on the wire.
        bytes: u8,
    },
    /// Characters in reading order.
    Text,
    /// Bytes without a meaning of their own.
    Octets,
}

impl Format {
    /// The format with this number in appendix A; `None` for A28, whose layout is not sure, and for what is none.
    #[must_use]
    pub const fn number(number: u8) -> Option<Self> {
        const fn digits(bytes: u8, decimals: u8, signed: bool) -> Format {
            Format::Digits { bytes, decimals, signed }
        }
        Some(match number {
            1 => Self::Time(TimeFormat::A1),
            2 => Self::Power,
            3 => Self::Energy,
            4 => Self::Percent,
            5 => digits(2, 1, true),
            6 => digits(2, 2, true),
            7 => digits(2, 1, false),
            8 => digits(2, 0, false),
            9 => digits(3, 4, true),
            10 => digits(3, 0, false),
            11 => digits(4, 2, false),
            12 => Self::Name { bytes: 6 },
            13 => digits(4, 4, false),
            14 => digits(5, 4, false),
            15 => Self::Time(TimeFormat::A15),
            16 => Self::Time(TimeFormat::A16),
            17 => Self::Time(TimeFormat::A17),
            18 => Self::Time(TimeFormat::A18),
            19 => Self::Time(TimeFormat::A19),
            20 => Self::Time(TimeFormat::A20),
            21 => Self::Time(TimeFormat::A21),
            22 => digits(1, 1, false),
            23 => digits(3, 4, false),
            24 => Self::Time(TimeFormat::A24),
            25 => digits(3, 3, true),
            26 => digits(2, 3, false),
            27 => digits(4, 0, false),
            _ => return None,
        })
    }

    /// How many bytes it has on the wire; `None` where the layout says it.
    #[must_use]
    pub fn width(self) -> Option<usize> {
        Some(match self {
            Self::Digits { bytes, .. }
            | Self::Binary { bytes }
            | Self::Bits { bytes }
            | Self::Name { bytes } => bytes.into(),
            Self::Power => 2,
            Self::Energy => 4,
            Self::Percent => 1,
            Self::Time(format) => format.width(),
            Self::Text | Self::Octets => return None,
        })
    }
}

/// The value of one field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// An exact number.
    Number(Quantity),
    /// A time the calendar and the clock have.
    Time(TerminalTime),
    /// Digits that are a name, in wire order.
    Name(&'a [u8]),
    /// Bits, the first byte on the wire the lowest.
    Bits {
        /// The bits.
        word: u64,
        /// How many bytes it has.
        bytes: u8,
    },
    /// Characters in reading order, with what pads them.
    Text(&'a [u8]),
    /// Bytes in wire order.
    Octets(&'a [u8]),
    /// No value, and why.
    Absent(Absence),
}

/// Why a field holds no value. None of these is ever zero. [1376 1.9]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Absence {
    /// All EEH: the terminal has no such value.
    Missing,
    /// All FFH: the terminal knows no such value.
    Unsupported,
    /// A sign without a number.
    MinusZero,
    /// A digit above nine: corrupt, to be counted.
    NotDecimal,
    /// A time of all zeros: it never happened.
    Never,
    /// A month 13, a 31st of February, 24:60: corrupt, to be counted.
    NotATime,
}

impl Absence {
    /// True for what no terminal in order sends: to be counted.
    #[must_use]
    pub const fn is_corrupt(self) -> bool {
        matches!(self, Self::MinusZero | Self::NotDecimal | Self::NotATime)
    }

    /// A short reason in English.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Missing => "filled with EE: no value",
            Self::Unsupported => "filled with FF: not supported",
            Self::MinusZero => "minus zero",
            Self::NotDecimal => "not BCD",
            Self::Never => "never happened",
            Self::NotATime => "not a time",
        }
    }

    /// A short reason in Chinese.
    #[must_use]
    pub const fn reason_zh(self) -> &'static str {
        match self {
            Self::Missing => "EE填充,无数据",
            Self::Unsupported => "FF填充,不支持",
            Self::MinusZero => "负零",
            Self::NotDecimal => "非BCD码",
            Self::Never => "未发生",
            Self::NotATime => "非法时间",
        }
    }
}

/// Reads one field. `bytes` are as many as the format is wide.
///
/// ```
/// use gdw1376::format::{Absence, Format, Value, decode};
/// use gdw1376::quantity::Quantity;
/// let energy = Format::number(14).unwrap();
/// assert_eq!(decode(energy, &[0x00, 0x56, 0x34, 0x12, 0x00]), Value::Number(Quantity::new(12_345_600, 4)));
/// assert_eq!(decode(energy, &[0xEE; 5]), Value::Absent(Absence::Missing));
/// ```
#[must_use]
pub fn decode(format: Format, bytes: &[u8]) -> Value<'_> {
    match format {
        Format::Digits { decimals, signed, .. } => digits(bytes, decimals, signed),
        Format::Power => filled_or(bytes, scaled::power),
        Format::Energy => filled_or(bytes, scaled::energy),
        Format::Percent => filled_or(bytes, scaled::percent),
        Format::Binary { .. } => {
            let number = i64::try_from(little_endian(bytes)).map(|number| Quantity::new(number, 0));
            match (wide_fill(bytes), number) {
                (None, Ok(number)) => Value::Number(number),
                (fill, _) => Value::Absent(fill.unwrap_or(Absence::Unsupported)),
            }
        }
        Format::Bits { bytes: width } => match wide_fill(bytes) {
            Some(Absence::Missing) => Value::Absent(Absence::Missing),
            // All ones are flags like any others.
            _ => Value::Bits { word: little_endian(bytes), bytes: width },
        },
        Format::Time(format) => time(format, bytes),
        Format::Name { .. } => match fill(bytes) {
            Some(Absence::Missing) => Value::Absent(Absence::Missing),
            _ => Value::Name(bytes),
        },
        Format::Text => wide_fill(bytes).map_or(Value::Text(bytes), Value::Absent),
        Format::Octets => Value::Octets(bytes),
    }
}

fn digits(bytes: &[u8], decimals: u8, signed: bool) -> Value<'static> {
    if let Some(fill) = fill(bytes) {
        return Value::Absent(fill);
    }
    let Some((top, low)) = bytes.split_last() else { return Value::Absent(Absence::NotDecimal) };
    let negative = signed && top & 0x80 != 0;
    let top = if signed { top & 0x7F } else { *top };
    let number = bcd::decode(low).zip(bcd::two_digits(top)).and_then(|(number, top)| {
        let place = 100_i64.checked_pow(u32::try_from(low.len()).ok()?)?;
        i64::from(top).checked_mul(place)?.checked_add(i64::try_from(number).ok()?)
    });
    match number {
        Some(0) if negative => Value::Absent(Absence::MinusZero),
        Some(number) => Value::Number(Quantity::new(if negative { -number } else { number }, decimals)),
        None => Value::Absent(Absence::NotDecimal),
    }
}

fn time(format: TimeFormat, bytes: &[u8]) -> Value<'_> {
    if let Some(fill) = fill(bytes) {
        return Value::Absent(fill);
    }
    let Some(time) = TerminalTime::from_wire(format, bytes) else {
        return Value::Absent(Absence::NotATime);
    };
    // Midnight is a time; a day or a month 0 is not.
    let has_date = !matches!(format, TimeFormat::A19 | TimeFormat::Hour);
    if has_date && bytes.iter().all(|byte| *byte == 0) {
        return Value::Absent(Absence::Never);
    }
    if time.is_possible() { Value::Time(time) } else { Value::Absent(Absence::NotATime) }
}

fn filled_or(bytes: &[u8], read: fn(&[u8]) -> Value<'static>) -> Value<'_> {
    fill(bytes).map_or_else(|| read(bytes), Value::Absent)
}

fn fill(bytes: &[u8]) -> Option<Absence> {
    match bytes.split_first() {
        Some((0xEE, rest)) if rest.iter().all(|byte| *byte == 0xEE) => Some(Absence::Missing),
        Some((0xFF, rest)) if rest.iter().all(|byte| *byte == 0xFF) => Some(Absence::Unsupported),
        _ => None,
    }
}

/// The same for formats that know no digits, where a single byte is a value like any other.
fn wide_fill(bytes: &[u8]) -> Option<Absence> {
    if bytes.len() > 1 { fill(bytes) } else { None }
}

/// Up to eight bytes, low byte first.
fn little_endian(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

impl fmt::Display for Value<'_> {
    /// Exact decimals, times as they stand, names most significant digit first, bits and bytes in hexadecimal, `-` for
    /// no value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Time(time) => write!(f, "{time}"),
            Self::Name(bytes) => bytes.iter().rev().try_for_each(|byte| write!(f, "{byte:02X}")),
            Self::Bits { word, bytes } => write!(f, "{word:0width$X}", width = 2 * usize::from(*bytes)),
            Self::Text(bytes) => {
                let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
                let shown =
                    |byte: u8| if byte == b' ' || byte.is_ascii_graphic() { char::from(byte) } else { '.' };
                bytes.iter().take(end).try_for_each(|byte| write!(f, "{}", shown(*byte)))
            }
            Self::Octets(bytes) => bytes.iter().try_for_each(|byte| write!(f, "{byte:02X}")),
            Self::Absent(_) => f.write_str("-"),
        }
    }
}

#[cfg(test)]
mod tests;
