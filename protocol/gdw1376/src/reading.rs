//! Readings: the neutral items in an answer, each with the instant at which it holds.
//!
//! A freeze under Td_d belongs to the end of the day that Td_d names, so it is given as of 00:00 of the next date: the
//! same instant as the meter's own freeze of that date at 00:00. A freeze under Td_m is given as of 00:00 of the first of
//! the next month. Point i of a curve holds at its start and i times its density. A present value holds when the terminal
//! read it from the meter. Where the answer does not tell the instant (values of the last settlement, of a reading day, of
//! an hour without a date), `as_of` is `None`, and the value must not be booked. [1376 3.9] [1376 6]

use crate::catalog::{AsOf, Decoded, ItemCode, Role, minutes_of_density};
use crate::civil::Civil;
use crate::format::{Absence, Value};
use crate::identifier::{FnNumber, Point};
use crate::quantity::Quantity;
use crate::terminal_time::TerminalTime;
use crate::unit::Unit;

/// One neutral item of one point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The measuring point. Which meter it is, the terminal's archive tells.
    pub point: Point,
    /// The item of the protocol it was read under.
    pub function: FnNumber,
    /// The neutral item.
    pub item: ItemCode,
    /// Its exact value, in the unit [`Self::unit`]; or why there is none.
    pub value: Result<Quantity, Absence>,
    /// The unit, empty for a ratio.
    pub unit: &'static str,
    /// The instant at which it holds, in China Standard Time; `None` when the answer does not tell it.
    pub as_of: Option<Civil>,
    /// When the terminal read it from the meter.
    pub read_at: Option<TerminalTime>,
    /// When a maximum occurred: month, day and time, without the year.
    pub occurred_at: Option<TerminalTime>,
}

/// The neutral items of a unit of an answer, in wire order.
///
/// ```
/// use gdw1376::{civil::Civil, frame::Frame, message::Message, reading, unit};
/// // Point 3, day freeze of 2024-08-20: read 15 minutes into the next day, 1234.5600 kWh, no tariffs.
/// let bytes = [0x68, 0x6A, 0x00, 0x6A, 0x00, 0x68, 0x88, 0x00, 0x11, 0x39, 0x30, 0x02, 0x0D, 0x60, 0x04, 0x01, 0x01, 0x14,
///              0x20, 0x08, 0x24, 0x15, 0x00, 0x21, 0x08, 0x24, 0x00, 0x00, 0x56, 0x34, 0x12, 0x00, 0xD5, 0x16];
/// let units = unit::cut(&Message::of(&Frame::parse(&bytes)?)?);
/// let readings: Vec<_> = units.units.iter().flat_map(reading::readings).collect();
/// assert_eq!(readings.len(), 1);
/// assert_eq!((readings[0].point.number(), readings[0].item.to_string().as_str()), (3, "1-0:1.8.0"));
/// assert_eq!(readings[0].value.unwrap().to_string(), "1234.5600");
/// assert_eq!(readings[0].as_of, Civil::date(2024, 8, 21));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn readings(unit: &Unit<'_>) -> Vec<Reading> {
    let (Some(point), Some(function)) = (unit.point, unit.function) else { return Vec::new() };
    let dated = Dated::of(unit);
    let mut found = Vec::new();
    for (at, decoded) in unit.values.iter().enumerate() {
        let Some(item) = decoded.field.item else { continue };
        let number = decoded.place.innermost().unwrap_or_default();
        let tariff = if item.e.is_none() { number } else { 0 };
        // More than 255 tariffs cannot be announced by one byte.
        let Ok(tariff) = u8::try_from(tariff) else { continue };
        let (value, unit_name) = value_of(decoded);
        found.push(Reading {
            point,
            function,
            item: item.with_tariff(tariff),
            value,
            unit: unit_name,
            as_of: dated.instant(number),
            read_at: dated.read_at,
            occurred_at: occurred(unit.values.get(at + 1..).unwrap_or_default(), decoded),
        });
    }
    found
}

/// What a unit says about when its values hold.
struct Dated {
    as_of: AsOf,
    read_at: Option<TerminalTime>,
    date: Option<Civil>,
    step_minutes: Option<u8>,
}

impl Dated {
    fn of(unit: &Unit<'_>) -> Self {
        let time = |role| {
            unit.values.iter().find(|decoded| decoded.field.role == role).and_then(|decoded| {
                match decoded.value {
                    Value::Time(time) => Some(time),
                    _ => None,
                }
            })
        };
        let read_at = time(Role::ReadAt);
        let as_of = unit.row.as_of;
        let date = match as_of {
            AsOf::Day => time(Role::Day).and_then(TerminalTime::civil).and_then(Civil::end_of_day),
            AsOf::Month => time(Role::Month).and_then(TerminalTime::civil).and_then(Civil::end_of_month),
            AsOf::Curve => time(Role::Start).and_then(TerminalTime::civil),
            AsOf::Read => read_at.and_then(TerminalTime::civil),
            AsOf::Untold => None,
        };
        let density = unit.values.iter().find(|decoded| decoded.field.role == Role::Density);
        let step_minutes =
            density.and_then(|decoded| decoded.raw.first().copied()).and_then(minutes_of_density);
        Self { as_of, read_at, date, step_minutes }
    }

    fn instant(&self, number: u16) -> Option<Civil> {
        match self.as_of {
            AsOf::Curve => self.date?.plus_minutes(u32::from(number) * u32::from(self.step_minutes?)),
            _ => self.date,
        }
    }
}

/// The value and its unit. A power factor comes in per cent and is a ratio as a neutral item: two decimals more.
fn value_of(decoded: &Decoded<'_>) -> (Result<Quantity, Absence>, &'static str) {
    let is_ratio = decoded.field.unit == "%";
    let value = match decoded.value {
        Value::Number(number) if is_ratio => {
            Ok(Quantity::new(number.scaled(), number.decimals().saturating_add(2)))
        }
        Value::Number(number) => Ok(number),
        Value::Absent(absence) => Err(absence),
        _ => Err(Absence::NotDecimal),
    };
    (value, if is_ratio { "" } else { decoded.field.unit })
}

/// The time of a maximum stands behind it, at once or behind all maxima of its row, at the same number.
fn occurred(behind: &[Decoded<'_>], maximum: &Decoded<'_>) -> Option<TerminalTime> {
    if maximum.field.item.is_none_or(|item| item.d != MAXIMUM) {
        return None;
    }
    let of_same = |decoded: &&Decoded<'_>| {
        decoded.field.role == Role::Occurred && decoded.place.innermost() == maximum.place.innermost()
    };
    match behind.iter().find(of_same)?.value {
        Value::Time(time) => Some(time),
        _ => None,
    }
}

/// The D group of OBIS that stands for a maximum.
const MAXIMUM: u8 = 6;

#[cfg(test)]
mod tests;
