//! A message of the master back to the request it carries: what a terminal, or one that is simulated, is asked.

use super::{ArchiveRecord, Curve, Density, Forward, Freeze, Period, Request, identifiers};
use crate::afn::Afn;
use crate::catalog::Role;
use crate::civil::Civil;
use crate::format::Value;
use crate::identifier::{FnNumber, Identifier, Point};
use crate::message::Message;
use crate::terminal_time::TerminalTime;
use crate::unit::{self, Unit};

impl Request {
    /// The typed request in a message; `None` for one that is none of them, or asks for several things at once that no
    /// single one asks for. Where two would send the same bytes, the more special one is given.
    ///
    /// ```
    /// use gdw1376::{frame::Frame, message::Message, request::Request};
    /// let bytes = [0x68, 0x3A, 0x00, 0x3A, 0x00, 0x68, 0x4B, 0x00, 0x11, 0x39, 0x30, 0x02, 0x0E, 0x66,
    ///              0x00, 0x00, 0x01, 0x00, 0x05, 0x07, 0x48, 0x16];
    /// let message = Message::of(&Frame::parse(&bytes)?)?;
    /// assert_eq!(Request::of(&message), Some(Request::ReadEvents { important: true, from: 5, to: 7 }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn of(message: &Message<'_>) -> Option<Self> {
        let cut = unit::cut(message);
        let first = cut.units.first()?;
        if message.control.is_uplink() || cut.rest.is_some() {
            return None;
        }
        let own = (first.identifier.points.0 == [0, 0]).then_some(first.row.function);
        let is_single = cut.units.len() == 1 && first.function.is_some();
        match (message.afn, own.filter(|_| is_single)) {
            (Afn::CLASS_1, Some(2)) => Some(Self::ReadClock),
            (Afn::CLASS_1, Some(7)) => Some(Self::ReadEventCounters),
            (Afn::CLASS_1, Some(11)) => Some(Self::ReadProgress),
            (Afn::CLASS_1, _) => {
                let (points, functions) = product(&cut.units)?;
                Some(Self::ReadPresent { points, functions })
            }
            (Afn::CONFIGURATION, Some(1)) => Some(Self::ReadVersion),
            (Afn::CONFIGURATION, Some(2)) => Some(Self::ReadPorts),
            (Afn::CONTROL, Some(31)) => Some(Self::SetClock(time(first)?.civil()?)),
            (Afn::READ_PARAMETERS, Some(10)) => Some(Self::ReadArchive(numbers(first))),
            (Afn::READ_PARAMETERS, _) if cut.units.iter().all(|unit| unit.data.is_empty()) => {
                let (points, functions) = product(&cut.units)?;
                Some(Self::ReadParameters { points, functions })
            }
            (Afn::SET_PARAMETERS, Some(10)) => {
                let (records, _) = first.data.get(2..)?.as_chunks::<{ ArchiveRecord::WIDTH }>();
                records
                    .iter()
                    .map(|wire| ArchiveRecord::from_wire(*wire))
                    .collect::<Option<_>>()
                    .map(Self::WriteArchive)
            }
            (Afn::CLASS_2, _) => history(&cut.units),
            (Afn::CLASS_3, Some(number @ (1 | 2))) => {
                let [from, to] = *first.data else { return None };
                Some(Self::ReadEvents { important: number == 1, from, to })
            }
            (Afn::FORWARD, Some(1)) => Forward::read(first.data).map(Self::Forward),
            _ => None,
        }
    }
}

fn history(units: &[Unit<'_>]) -> Option<Request> {
    let first = units.first()?;
    let role = first.values.first()?.field.role;
    let dated = time(first)?;
    if role == Role::Start {
        let [_, _, _, _, _, density, points] = *first.data else { return None };
        return (units.len() == 1).then_some(Request::ReadCurve(Curve {
            point: first.point?,
            function: first.function?,
            start: dated.civil()?,
            density: Density::ALL.into_iter().find(|known| known.code() == density)?,
            points,
        }));
    }
    // Every identifier has to come with the same date.
    let is_same = units
        .iter()
        .all(|unit| unit.data == first.data && unit.values.first().map(|v| v.field.role) == Some(role));
    let civil: Civil = dated.civil().filter(|_| is_same)?;
    let period = if role == Role::Month { Period::Month(civil) } else { Period::Day(civil) };
    let (points, functions) = product(units)?;
    Some(Request::ReadFreeze(Freeze { points, functions, period }))
}

fn time(unit: &Unit<'_>) -> Option<TerminalTime> {
    match unit.values.first()?.value {
        Value::Time(time) => Some(time),
        _ => None,
    }
}

/// The record numbers behind their count.
fn numbers(unit: &Unit<'_>) -> Vec<u16> {
    let (numbers, _) = unit.data.get(2..).unwrap_or_default().as_chunks::<2>();
    numbers.iter().map(|wire| u16::from_le_bytes(*wire)).collect()
}

/// The points and items that identifiers name, when they name every item of every point.
fn product(units: &[Unit<'_>]) -> Option<(Vec<Point>, Vec<FnNumber>)> {
    let named: Vec<Identifier> = units.iter().map(|unit| unit.identifier).collect();
    let mut points: Vec<Point> = named.iter().flat_map(|identifier| identifier.points.points()).collect();
    let mut functions: Vec<FnNumber> =
        named.iter().flat_map(|identifier| identifier.functions.functions()).collect();
    points.sort_unstable();
    points.dedup();
    functions.sort_unstable();
    functions.dedup();
    let whole = identifiers(&points, &functions).ok()?;
    let is_whole = whole.len() == named.len() && whole.iter().all(|identifier| named.contains(identifier));
    is_whole.then_some((points, functions))
}
