//! Freezes and curves, AFN 0D: many points and items in one request, each identifier followed by the date.
//! [1376 3.9] [1376 6]

use super::{RequestError, identifiers};
use crate::afn::Afn;
use crate::catalog::{self, Role};
use crate::civil::Civil;
use crate::format::Value;
use crate::identifier::{FnNumber, Identifier, Point};
use crate::reading;
use crate::terminal_time::{TerminalTime, TimeFormat};
use crate::unit::Unit;

/// Freezes of one day or month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freeze {
    /// Of which points. Eight of a group go into one identifier; 8 to 32 points a request are useful.
    pub points: Vec<Point>,
    /// Which items: F161 for the forward active registers of a day, F177 of a month.
    pub functions: Vec<FnNumber>,
    /// Of when.
    pub period: Period,
}

/// What a freeze is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// The day at whose end the values were frozen: the date before the midnight they belong to. The time of day does
    /// not count.
    Day(Civil),
    /// The month at whose end the values were frozen. The day does not count.
    Month(Civil),
}

/// One item of one point at regular instants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Curve {
    /// Of which point.
    pub point: Point,
    /// Which item: F101 for forward active registers, F89 for a voltage.
    pub function: FnNumber,
    /// The first instant. Seconds do not count.
    pub start: Civil,
    /// How far the instants are apart.
    pub density: Density,
    /// How many: 96 for a day of quarter hours. The terminal may answer with another density and number.
    pub points: u8,
}

/// How far the points of a curve are apart (冻结密度).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Density {
    /// Every minute.
    Minute,
    /// Every five minutes.
    FiveMinutes,
    /// Every quarter of an hour.
    QuarterHour,
    /// Every half hour.
    HalfHour,
    /// Every hour.
    Hour,
}

impl Density {
    pub(super) const ALL: [Self; 5] =
        [Self::Minute, Self::FiveMinutes, Self::QuarterHour, Self::HalfHour, Self::Hour];

    /// The number on the wire.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Minute => 255,
            Self::FiveMinutes => 254,
            Self::QuarterHour => 1,
            Self::HalfHour => 2,
            Self::Hour => 3,
        }
    }
}

impl Freeze {
    /// The same question in pieces of at most so many points, groups of eight kept together where that is possible.
    pub fn batches(&self, points: usize) -> impl Iterator<Item = Self> {
        let mut sorted = self.points.clone();
        sorted.sort_unstable();
        sorted.dedup();
        let (functions, period) = (self.functions.clone(), self.period);
        let pieces: Vec<Vec<Point>> = sorted.chunks(points.max(1)).map(<[Point]>::to_vec).collect();
        pieces.into_iter().map(move |points| Self { points, functions: functions.clone(), period })
    }

    /// Which points and items no unit of the answers gives for the date that was asked for: those that did not come, that
    /// came for another date, and whose first value, the total, is missing. To be asked for again. [1376 6]
    #[must_use]
    pub fn lacking(&self, units: &[Unit<'_>]) -> Vec<(Point, FnNumber)> {
        let (_, time) = self.dated();
        let is_given = |point: Point, function: FnNumber| {
            units.iter().any(|unit| {
                let is_own = unit.point == Some(point) && unit.function == Some(function);
                let is_dated = unit.values.first().is_some_and(|first| first.value == Value::Time(time));
                is_own && is_dated && reading::readings(unit).first().is_none_or(|total| total.value.is_ok())
            })
        };
        let pairs = self
            .points
            .iter()
            .flat_map(|point| self.functions.iter().map(move |function| (*point, *function)));
        pairs.filter(|(point, function)| !is_given(*point, *function)).collect()
    }

    fn dated(&self) -> (Role, TerminalTime) {
        match self.period {
            Period::Day(day) => (Role::Day, TerminalTime::of(TimeFormat::A20, day)),
            Period::Month(month) => (Role::Month, TerminalTime::of(TimeFormat::A21, month)),
        }
    }

    pub(super) fn units(&self) -> Result<Vec<u8>, RequestError> {
        let (role, time) = self.dated();
        self.functions.iter().try_for_each(|function| dated_by(*function, role))?;
        let mut units = Vec::new();
        for identifier in identifiers(&self.points, &self.functions)? {
            units.extend(identifier.wire());
            units.extend(time.wire());
        }
        Ok(units)
    }
}

impl Curve {
    pub(super) fn units(&self) -> Result<Vec<u8>, RequestError> {
        dated_by(self.function, Role::Start)?;
        if self.points == 0 {
            return Err(RequestError::Nothing("instant"));
        }
        let mut units = Identifier::of(self.point, self.function).wire().to_vec();
        units.extend(TerminalTime::of(TimeFormat::A15, self.start).wire());
        units.extend([self.density.code(), self.points]);
        Ok(units)
    }
}

/// Refuses an item that is not asked for by this kind of date: the terminal would take the date for something else.
fn dated_by(function: FnNumber, role: Role) -> Result<(), RequestError> {
    let row = catalog::find(Afn::CLASS_2, function.number());
    let first = row.and_then(|row| row.down.layouts().first()).and_then(catalog::Layout::first);
    if first.is_some_and(|field| field.role == role) {
        return Ok(());
    }
    let period = match role {
        Role::Day => "day",
        Role::Month => "month",
        _ => "start",
    };
    Err(RequestError::NoSuchItem { afn: Afn::CLASS_2, function, period })
}
