//! Formats A2, A3 and A4, whose last byte holds a power of ten, a unit or a direction beside a digit. [1376 4]

use super::{Absence, Value};
use crate::bcd;
use crate::quantity::Quantity;

/// A2: `b1` tens and units; `b2` D7-5 G, D4 sign, D3-0 hundreds. G 0 to 7 stands for 10^4 down to 10^-3.
pub(super) fn power(bytes: &[u8]) -> Value<'static> {
    let [low, high] = *bytes else { return Value::Absent(Absence::NotDecimal) };
    let digits = bcd::two_digits(low).zip(bcd::two_digits(high & 0x0F));
    let Some((tens, hundreds)) = digits else { return Value::Absent(Absence::NotDecimal) };
    let mantissa = i64::from(hundreds) * 100 + i64::from(tens);
    let (factor, decimals) = match high >> 5 {
        0 => (10_000, 0),
        1 => (1_000, 0),
        2 => (100, 0),
        3 => (10, 0),
        below => (1, below - 4),
    };
    signed(mantissa * factor, high & 0x10 != 0, decimals)
}

/// A3: seven digits; `b4` D6 the larger unit, D4 sign, D3-0 millions, D7 and D5 zero.
pub(super) fn energy(bytes: &[u8]) -> Value<'static> {
    let [a, b, c, high] = *bytes else { return Value::Absent(Absence::NotDecimal) };
    let digits = bcd::decode(&[a, b, c, high & 0x0F]).and_then(|number| i64::try_from(number).ok());
    let Some(mantissa) = digits.filter(|_| high & 0xA0 == 0) else {
        return Value::Absent(Absence::NotDecimal);
    };
    let factor = if high & 0x40 == 0 { 1 } else { 1_000 };
    signed(mantissa * factor, high & 0x10 != 0, 0)
}

/// A4: D7 0 up, 1 down; D6-4 tens 0 to 7; D3-0 units.
pub(super) fn percent(bytes: &[u8]) -> Value<'static> {
    let [byte] = *bytes else { return Value::Absent(Absence::NotDecimal) };
    match bcd::two_digits(byte & 0x7F) {
        Some(number) => signed(number.into(), byte & 0x80 != 0, 0),
        None => Value::Absent(Absence::NotDecimal),
    }
}

fn signed(magnitude: i64, negative: bool, decimals: u8) -> Value<'static> {
    match (magnitude, negative) {
        (0, true) => Value::Absent(Absence::MinusZero),
        (_, true) => Value::Number(Quantity::new(-magnitude, decimals)),
        _ => Value::Number(Quantity::new(magnitude, decimals)),
    }
}

/// The bytes of A2; `None` when the value has more digits than fit.
pub(super) fn power_bytes(number: Quantity) -> Option<[u8; 2]> {
    let (mut mantissa, mut code) = (number.scaled().unsigned_abs(), 4 + u64::from(number.decimals()));
    if number.decimals() == 0 {
        // The least power of ten that leaves three digits.
        while mantissa > 999 && mantissa.is_multiple_of(10) && code > 0 {
            (mantissa, code) = (mantissa / 10, code - 1);
        }
    }
    if mantissa > 999 || code > 7 {
        return None;
    }
    let sign = if number.scaled() < 0 { 0x10 } else { 0 };
    let [code, ..] = (code << 5).to_le_bytes();
    Some([bcd::from_two_digits(mantissa % 100), code | sign | bcd::from_two_digits(mantissa / 100)])
}

/// The bytes of A3, in the smaller unit where the digits fit.
pub(super) fn energy_bytes(number: Quantity) -> Option<[u8; 4]> {
    let number = number.rescaled(0)?;
    let (mut mantissa, mut unit) = (number.scaled().unsigned_abs(), 0);
    if mantissa > 9_999_999 && mantissa.is_multiple_of(1_000) {
        (mantissa, unit) = (mantissa / 1_000, 0x40);
    }
    let sign = if number.scaled() < 0 { 0x10 } else { 0 };
    let mut digits = Vec::with_capacity(4);
    let fits = mantissa <= 9_999_999 && bcd::encode(mantissa, 4, &mut digits);
    let [a, b, c, high] = *digits.first_chunk()?;
    fits.then_some([a, b, c, high | unit | sign])
}

/// The byte of A4.
pub(super) fn percent_byte(number: Quantity) -> Option<u8> {
    let number = number.rescaled(0)?;
    let magnitude = number.scaled().unsigned_abs();
    let sign = if number.scaled() < 0 { 0x80 } else { 0 };
    (magnitude <= 79).then(|| bcd::from_two_digits(magnitude) | sign)
}
