//! Bytes of one field to a typed value and back. No floats, nothing guessed: what is no number is said to be none.

use core::fmt;

use super::field::Format;
use crate::bcd;
use crate::data_id::DataId;
use crate::meter_time::{MeterTime, Part, TimeFormat};
use crate::quantity::Quantity;

/// The value of one field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// An exact number.
    Number(Quantity),
    /// A time the calendar and the clock have.
    Time(MeterTime),
    /// Digits that are a name, in wire order; hexadecimal digits are kept.
    Digits(&'a [u8]),
    /// A word of bits.
    Bits {
        /// The bits, the first byte on the wire the lowest.
        word: u64,
        /// How many bytes it has.
        bytes: u8,
    },
    /// Text in wire order, that is last character first.
    Text(&'a [u8]),
    /// Bytes without a meaning of their own, in wire order.
    Octets(&'a [u8]),
    /// A data identifier.
    DataId(DataId),
    /// No value, and why.
    Absent(Absence),
}

/// Why a field holds no value (F9). None of these is ever zero. [645-2007 8 no value]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Absence {
    /// All FFH: the meter has no such value.
    Filled,
    /// All EEH: a concentrator or meter fill.
    FilledEe,
    /// A sign without a number.
    MinusZero,
    /// A digit above nine.
    NotDecimal,
    /// A date of all zeros: it never happened.
    Never,
    /// A time of all nines: not used.
    Unused,
    /// A month 13, a 31st of February, 24:60.
    NotATime,
}

impl Absence {
    /// True for what no meter in order sends: the value is lost, and not absent.
    #[must_use]
    pub const fn is_corrupt(self) -> bool {
        matches!(self, Self::MinusZero | Self::NotDecimal | Self::NotATime)
    }

    /// A short reason in English.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Filled => "filled with FF",
            Self::FilledEe => "filled with EE",
            Self::MinusZero => "minus zero",
            Self::NotDecimal => "not BCD",
            Self::Never => "never happened",
            Self::Unused => "not used",
            Self::NotATime => "not a time",
        }
    }

    /// A short reason in Chinese.
    #[must_use]
    pub const fn reason_zh(self) -> &'static str {
        match self {
            Self::Filled => "FF填充,无数据",
            Self::FilledEe => "EE填充,无数据",
            Self::MinusZero => "负零",
            Self::NotDecimal => "非BCD码",
            Self::Never => "未发生",
            Self::Unused => "未使用",
            Self::NotATime => "非法时间",
        }
    }
}

/// Reads one field. `bytes` are plain (33H taken off) and as many as the format is wide.
#[must_use]
pub fn decode(format: Format, bytes: &[u8]) -> Value<'_> {
    match format {
        Format::Number { decimals, signed, .. } => number(bytes, decimals, signed),
        Format::Binary { decimals, .. } => match i64::try_from(little_endian(bytes)) {
            Ok(_) if fill(bytes) == Some(Absence::Filled) => Value::Absent(Absence::Filled),
            Ok(number) => Value::Number(Quantity::new(number, decimals)),
            Err(_) => Value::Absent(Absence::Filled),
        },
        Format::Time(format) => time(format, bytes),
        Format::Digits { .. } => fill(bytes).map_or(Value::Digits(bytes), Value::Absent),
        Format::Bits { bytes: width, .. } => Value::Bits { word: little_endian(bytes), bytes: width },
        Format::Text { .. } => fill(bytes).map_or(Value::Text(bytes), Value::Absent),
        Format::Octets { .. } | Format::Operator | Format::Separator => Value::Octets(bytes),
        Format::DataId { bytes: width } => {
            let code = u32::try_from(little_endian(bytes)).unwrap_or(u32::MAX);
            match u16::try_from(code) {
                Ok(code) if width == 2 => Value::DataId(DataId::new_1997(code)),
                _ => Value::DataId(DataId::new_2007(code)),
            }
        }
    }
}

/// Digits, and where the format has a sign the top bit of the last byte. [645-2007 8 signs]
fn number(bytes: &[u8], decimals: u8, signed: bool) -> Value<'static> {
    let word = little_endian(bytes);
    let top = if bytes.is_empty() { 0 } else { 0x80_u64 << (8 * (bytes.len() - 1).min(7)) };
    let negative = signed && word & top != 0;
    let magnitude = if negative { word & !top } else { word };
    match bcd::decode_word(magnitude).and_then(|number| i64::try_from(number).ok()) {
        Some(0) if negative => Value::Absent(Absence::MinusZero),
        Some(number) => Value::Number(Quantity::new(if negative { -number } else { number }, decimals)),
        None => Value::Absent(fill(bytes).unwrap_or(Absence::NotDecimal)),
    }
}

fn time(format: TimeFormat, bytes: &[u8]) -> Value<'_> {
    if let Some(fill) = fill(bytes) {
        return Value::Absent(fill);
    }
    let Some(time) = MeterTime::from_wire(format, bytes) else {
        return Value::Absent(Absence::NotATime);
    };
    let has_day = time.raw(Part::Day).is_some();
    if has_day && time.is_filled_with(0) {
        return Value::Absent(Absence::Never);
    }
    if time.is_filled_with(0x99) {
        return Value::Absent(Absence::Unused);
    }
    if is_possible(time) { Value::Time(time) } else { Value::Absent(Absence::NotATime) }
}

/// True when every part the format has is within its range, and the whole date in the calendar where it is whole.
fn is_possible(time: MeterTime) -> bool {
    let within = |part, low: u8, high: u8| match time.raw(part) {
        None => true,
        Some(_) => time.part(part).is_some_and(|number| (low..=high).contains(&number)),
    };
    let parts = within(Part::Year, 0, 99)
        && within(Part::Month, 1, 12)
        && within(Part::Day, 1, 31)
        && within(Part::Weekday, 0, 7)
        && within(Part::Hour, 0, 23)
        && within(Part::Minute, 0, 59)
        && within(Part::Second, 0, 59);
    let whole_date = time.raw(Part::Year).is_some();
    parts && (!whole_date || time.civil().is_some())
}

fn fill(bytes: &[u8]) -> Option<Absence> {
    match bytes.split_first() {
        Some((0xFF, rest)) if rest.iter().all(|byte| *byte == 0xFF) => Some(Absence::Filled),
        Some((0xEE, rest)) if rest.iter().all(|byte| *byte == 0xEE) => Some(Absence::FilledEe),
        _ => None,
    }
}

/// Up to eight bytes, low byte first.
#[inline]
fn little_endian(bytes: &[u8]) -> u64 {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return u32::from_le_bytes(four).into();
    }
    bytes.iter().take(8).rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

/// Why a value cannot stand in a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The value is of another kind than the field.
    #[error("the field holds another kind of value")]
    WrongKind,
    /// Too many digits, too long, or more decimals than the field has.
    #[error("the value does not fit the field")]
    DoesNotFit,
    /// Negative where the field has no sign.
    #[error("the field has no sign")]
    NoSign,
    /// More or fewer values than the layout has places.
    #[error("the layout has another number of fields")]
    WrongCount,
    /// The identifier has no layout that values could be put into.
    #[error("the identifier has no layout")]
    NoLayout,
}

/// Writes one field, the inverse of [`decode`]: plain bytes in wire order are appended to `out`.
///
/// # Errors
/// [`EncodeError`], with nothing appended.
pub fn encode(format: Format, value: Value<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let width = format.width();
    let same_length = |bytes: &[u8]| if bytes.len() == width { Ok(()) } else { Err(EncodeError::DoesNotFit) };
    match (format, value) {
        (_, Value::Absent(absence)) => encode_absence(format, absence, out),
        (Format::Number { decimals, signed, .. }, Value::Number(quantity)) => {
            let quantity = quantity.rescaled(decimals).ok_or(EncodeError::DoesNotFit)?;
            encode_number(quantity.scaled(), signed, width, out)
        }
        (Format::Binary { decimals, .. }, Value::Number(quantity)) => {
            let scaled = quantity.rescaled(decimals).ok_or(EncodeError::DoesNotFit)?.scaled();
            let number = u64::try_from(scaled).map_err(|_| EncodeError::NoSign)?;
            encode_word(number, width, out)
        }
        (Format::Time(format), Value::Time(time)) if time.format() == format => {
            out.extend(time.wire());
            Ok(())
        }
        (Format::Digits { .. }, Value::Digits(bytes))
        | (Format::Text { .. }, Value::Text(bytes))
        | (Format::Octets { .. } | Format::Operator | Format::Separator, Value::Octets(bytes)) => {
            same_length(bytes)?;
            out.extend(bytes);
            Ok(())
        }
        (Format::Bits { .. }, Value::Bits { word, .. }) => encode_word(word, width, out),
        (Format::DataId { .. }, Value::DataId(id)) => encode_word(id.code().into(), width, out),
        _ => Err(EncodeError::WrongKind),
    }
}

fn encode_number(scaled: i64, signed: bool, width: usize, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    if scaled < 0 && !signed {
        return Err(EncodeError::NoSign);
    }
    let mut room = [0_u8; 8];
    let bytes = room.get_mut(..width).ok_or(EncodeError::DoesNotFit)?;
    if !bcd::encode(scaled.unsigned_abs(), bytes) {
        return Err(EncodeError::DoesNotFit);
    }
    if let (true, Some(top)) = (signed, bytes.last_mut()) {
        if *top & 0x80 != 0 {
            return Err(EncodeError::DoesNotFit);
        }
        *top |= if scaled < 0 { 0x80 } else { 0 };
    }
    out.extend_from_slice(bytes);
    Ok(())
}

fn encode_word(word: u64, width: usize, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let bytes = word.to_le_bytes();
    let (kept, lost) = bytes.split_at_checked(width).ok_or(EncodeError::DoesNotFit)?;
    if lost.iter().any(|byte| *byte != 0) {
        return Err(EncodeError::DoesNotFit);
    }
    out.extend(kept);
    Ok(())
}

fn encode_absence(format: Format, absence: Absence, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let fill = match (absence, format) {
        (
            _,
            Format::Bits { .. }
            | Format::Octets { .. }
            | Format::Operator
            | Format::Separator
            | Format::DataId { .. },
        ) => return Err(EncodeError::WrongKind),
        (Absence::Filled, _) => 0xFF,
        (Absence::FilledEe, Format::Binary { .. }) => return Err(EncodeError::WrongKind),
        (Absence::FilledEe, _) => 0xEE,
        (Absence::Never, Format::Time(format)) if format.parts().contains(&Part::Day) => 0x00,
        (Absence::Unused, Format::Time(_)) => 0x99,
        (Absence::MinusZero, Format::Number { signed: true, bytes, .. }) => {
            out.extend(core::iter::repeat_n(0, usize::from(bytes).saturating_sub(1)));
            out.push(0x80);
            return Ok(());
        }
        _ => return Err(EncodeError::WrongKind),
    };
    out.extend(core::iter::repeat_n(fill, format.width()));
    Ok(())
}

impl fmt::Display for Value<'_> {
    /// Exact decimals, times, digits high first, words as hexadecimal digits, text as it reads; `-` for no value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(quantity) => write!(f, "{quantity}"),
            Self::Time(time) => write!(f, "{time}"),
            Self::Digits(bytes) | Self::Octets(bytes) => {
                bytes.iter().rev().try_for_each(|byte| write!(f, "{byte:02X}"))
            }
            Self::Bits { word, bytes } => write!(f, "{word:0width$X}", width = usize::from(*bytes) * 2),
            Self::Text(bytes) => write_text(f, bytes),
            Self::DataId(id) => write!(f, "{id}"),
            Self::Absent(_) => write!(f, "-"),
        }
    }
}

/// Printable ASCII as it stands, padding blanks and NULs at either end left out, all else as `\xNN`.
fn write_text(f: &mut fmt::Formatter<'_>, wire: &[u8]) -> fmt::Result {
    let is_padding = |byte: &u8| matches!(byte, 0x00 | 0x20 | 0xFF);
    let skip_front = wire.iter().take_while(|byte| is_padding(byte)).count();
    let body = wire.get(skip_front..).unwrap_or_default();
    let skip_back = body.iter().rev().take_while(|byte| is_padding(byte)).count();
    body.iter().rev().skip(skip_back).try_for_each(|byte| match byte {
        0x20..=0x7E => write!(f, "{}", char::from(*byte)),
        other => write!(f, "\\x{other:02X}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn absence(format: Format, bytes: &[u8]) -> Option<Absence> {
        match decode(format, bytes) {
            Value::Absent(absence) => Some(absence),
            _ => None,
        }
    }

    // covers [645-2007 8 no value] [645-2007 8 signs]
    #[test]
    fn f09_what_is_no_number_is_said_to_be_none() {
        let signed = Format::Number { bytes: 4, decimals: 2, signed: true };
        for (bytes, expected) in [
            ([0xFF; 4], Some(Absence::Filled)),
            ([0xEE; 4], Some(Absence::FilledEe)),
            ([0x00, 0x00, 0x00, 0x80], Some(Absence::MinusZero)),
            ([0x00, 0x00, 0x00, 0x00], None),
            ([0x01, 0x00, 0x00, 0x80], None),
            ([0x0A, 0x00, 0x00, 0x00], Some(Absence::NotDecimal)),
            ([0x00, 0x00, 0xA0, 0x80], Some(Absence::NotDecimal)),
            ([0xFF, 0xFF, 0xFF, 0x7F], Some(Absence::NotDecimal)),
        ] {
            assert_eq!(absence(signed, &bytes), expected, "{bytes:02X?}");
        }
        // Whatever the width, one digit above nine anywhere and there is no number.
        for bytes in 1..=8_u8 {
            for place in 0..usize::from(bytes) * 2 {
                let mut word = [0x12; 8];
                word[place / 2] = if place % 2 == 0 { 0x1B } else { 0xB1 };
                let plain = Format::Number { bytes, decimals: 0, signed: false };
                let given = &word[..usize::from(bytes)];
                assert_eq!(absence(plain, given), Some(Absence::NotDecimal), "{given:02X?}");
            }
        }
    }

    // covers [645-2007 8 no value]
    #[test]
    fn f09_what_is_no_time_is_said_to_be_none() {
        let minute = Format::Time(TimeFormat::YYMMDDhhmm);
        for (bytes, expected) in [
            ([0x15, 0x10, 0x21, 0x11, 0x26], None),
            ([0x00; 5], Some(Absence::Never)),
            ([0x99; 5], Some(Absence::Unused)),
            ([0xFF; 5], Some(Absence::Filled)),
            ([0x99, 0x99, 0x21, 0x11, 0x26], Some(Absence::NotATime)),
            ([0x15, 0x10, 0x00, 0x00, 0x26], Some(Absence::NotATime)),
            ([0x15, 0x10, 0x29, 0x02, 0x26], Some(Absence::NotATime)),
            ([0x15, 0x24, 0x21, 0x11, 0x26], Some(Absence::NotATime)),
            ([0x15, 0x1A, 0x21, 0x11, 0x26], Some(Absence::NotATime)),
        ] {
            assert_eq!(absence(minute, &bytes), expected, "{bytes:02X?}");
        }
    }
}
