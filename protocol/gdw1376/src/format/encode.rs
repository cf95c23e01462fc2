//! Values to bytes, the inverse of [`decode`](super::decode).

use super::{Absence, Format, Value, decode, scaled};
use crate::bcd;
use crate::quantity::Quantity;

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
    /// The bytes would be taken for "no value", or for another value.
    #[error("the bytes of this value would be read as another")]
    Ambiguous,
    /// More or fewer values than the layout has places.
    #[error("value {place} of the unit: the layout has another number of fields")]
    WrongCount {
        /// The place of the first that is missing or too many, from 0.
        place: usize,
    },
    /// The item has no layout that values could be put into.
    #[error("the item has no layout")]
    NoLayout,
}

impl EncodeError {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::WrongKind => "wrong_kind",
            Self::DoesNotFit => "does_not_fit",
            Self::NoSign => "no_sign",
            Self::Ambiguous => "ambiguous_value",
            Self::WrongCount { .. } => "wrong_count",
            Self::NoLayout => "no_layout",
        }
    }
}

/// Writes one field of `width` bytes, the inverse of [`decode`]: the bytes are appended to `out`. Of the absent values the two
/// that are a filling can be written, and a time that never was.
///
/// # Errors
/// [`EncodeError`], with nothing appended; [`EncodeError::Ambiguous`] for the rare number whose bytes are those of a
/// filling.
pub fn encode(format: Format, value: Value<'_>, width: usize, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let begin = out.len();
    let written = write(format, value, width, out).and_then(|()| {
        let bytes = out.get(begin..).unwrap_or_default();
        if bytes.len() != width {
            return Err(EncodeError::DoesNotFit);
        }
        let read = decode(format, bytes);
        if is_same(read, value) { Ok(()) } else { Err(EncodeError::Ambiguous) }
    });
    if written.is_err() {
        out.truncate(begin);
    }
    written
}

fn is_same(read: Value<'_>, given: Value<'_>) -> bool {
    match (read, given) {
        (Value::Number(read), Value::Number(given)) => given.rescaled(read.decimals()) == Some(read),
        (Value::Bits { word, .. }, Value::Bits { word: given, .. }) => word == given,
        _ => read == given,
    }
}

fn write(format: Format, value: Value<'_>, width: usize, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    match (format, value) {
        (_, Value::Absent(Absence::Missing)) => out.extend(core::iter::repeat_n(0xEE, width)),
        (_, Value::Absent(Absence::Unsupported)) => out.extend(core::iter::repeat_n(0xFF, width)),
        (Format::Time(_), Value::Absent(Absence::Never)) => out.extend(core::iter::repeat_n(0, width)),
        (Format::Digits { decimals, signed, .. }, Value::Number(number)) => {
            digits(number.rescaled(decimals).ok_or(EncodeError::DoesNotFit)?, signed, width, out)?;
        }
        (Format::Power, Value::Number(number)) => {
            out.extend(scaled::power_bytes(number).ok_or(EncodeError::DoesNotFit)?);
        }
        (Format::Energy, Value::Number(number)) => {
            out.extend(scaled::energy_bytes(number).ok_or(EncodeError::DoesNotFit)?);
        }
        (Format::Percent, Value::Number(number)) => {
            out.push(scaled::percent_byte(number).ok_or(EncodeError::DoesNotFit)?);
        }
        (Format::Binary { .. }, Value::Number(number)) => {
            let number = number.rescaled(0).ok_or(EncodeError::DoesNotFit)?;
            let number = u64::try_from(number.scaled()).map_err(|_| EncodeError::NoSign)?;
            binary(number, width, out)?;
        }
        (Format::Bits { .. }, Value::Bits { word, .. }) => binary(word, width, out)?,
        (Format::Time(wanted), Value::Time(time)) if time.format() == wanted => out.extend(time.wire()),
        (Format::Name { .. }, Value::Name(bytes))
        | (Format::Text, Value::Text(bytes))
        | (Format::Octets, Value::Octets(bytes)) => out.extend(bytes),
        _ => return Err(EncodeError::WrongKind),
    }
    Ok(())
}

fn digits(number: Quantity, signed: bool, width: usize, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let negative = number.scaled() < 0;
    if negative && !signed {
        return Err(EncodeError::NoSign);
    }
    if !bcd::encode(number.scaled().unsigned_abs(), width, out) {
        return Err(EncodeError::DoesNotFit);
    }
    match out.last_mut() {
        Some(top) if signed && *top & 0x80 != 0 => Err(EncodeError::DoesNotFit),
        Some(top) if negative => {
            *top |= 0x80;
            Ok(())
        }
        _ => Ok(()),
    }
}

fn binary(number: u64, width: usize, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let bytes = number.to_le_bytes();
    let (low, high) = bytes.split_at_checked(width).unwrap_or((&bytes, &[]));
    if high.iter().any(|byte| *byte != 0) {
        return Err(EncodeError::DoesNotFit);
    }
    out.extend(low);
    Ok(())
}
