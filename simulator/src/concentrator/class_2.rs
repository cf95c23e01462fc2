//! Stored data, AFN 0D: freezes of days and months, and curves. [1376 3.9]

use super::Concentrator;
use super::answer::{Heading, Said};
use super::archive::Record;
use super::encode::{self, Unit};
use super::fault;
use super::freeze::{Freeze, Kind, Registers};
use super::habits::{Lasting, Missing};
use super::point::Curve;
use super::request::{Asked, Mark};
use crate::instant::At;

/// What a lying terminal does with one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lies {
    pub(super) is_old: bool,
    pub(super) is_other: bool,
}

impl Concentrator {
    /// Whether this request is met with a lie.
    pub(super) fn lies(&mut self, heading: &Heading) -> Lies {
        Lies {
            is_old: self.faults.strike(fault::Kind::OldData, heading.request, self.now),
            is_other: self.faults.strike(fault::Kind::WrongPoint, heading.request, self.now)
                || self.habits.lasting == Lasting::OtherPoint,
        }
    }

    /// AFN 0D.
    pub(super) fn class_2(&mut self, heading: &Heading, asked: &[Asked<'_>]) -> Said {
        let lies = self.lies(heading);
        let units = asked.iter().flat_map(|unit| match Mark::of(unit.function) {
            Some(Mark::Day) => self.day_unit(unit, lies).into_iter().collect(),
            Some(Mark::Month) => self.month_unit(unit, lies).into_iter().collect(),
            Some(Mark::Curve) => self.curve_units(unit, lies).unwrap_or_default(),
            None => Vec::new(),
        });
        Said::units(units.collect())
    }

    fn day_unit(&self, unit: &Asked<'_>, lies: Lies) -> Option<Vec<u8>> {
        let day = encode::read_a20(unit.data)?;
        let day = if lies.is_old { day.checked_sub(1)? } else { day };
        let head = Unit::new().bytes(&unit.identifier()).a20(day);
        self.stored(head, unit, day, lies, matches!(unit.function, 5..=8).then(|| day.saturating_sub(1)))
    }

    fn month_unit(&self, unit: &Asked<'_>, lies: Lies) -> Option<Vec<u8>> {
        let month = unit.data.first_chunk::<2>()?;
        let mut day = encode::read_a21(month)?;
        if lies.is_old {
            // The last day of the month before.
            let civil = At::midnight(day).civil()?;
            day = day.checked_sub(u32::from(civil.day()))?;
        }
        let mark = Unit::new().a20(day).into_bytes();
        let head = Unit::new().bytes(&unit.identifier()).bytes(mark.get(1..)?);
        let civil = At::midnight(day).civil()?;
        let before = day.saturating_sub(u32::from(civil.day()));
        // Functions of months follow those of days at the same distances.
        let function = unit.function.checked_sub(16)?;
        let as_day = Asked { function, ..*unit };
        self.stored(head, &as_day, day, lies, matches!(function, 5..=8).then_some(before))
    }

    /// The data of a function of days, F1, F2, F5 to F8 and F161 to F168, behind its head; energies are grown since the
    /// end of the day `since`.
    fn stored(
        &self,
        head: Unit,
        unit: &Asked<'_>,
        day: u32,
        lies: Lies,
        since: Option<u32>,
    ) -> Option<Vec<u8>> {
        let record = self.archive.of_point(unit.point)?;
        let source = if lies.is_other { self.other_point(unit.point) } else { unit.point };
        let mut freeze = match self.habits.lasting {
            Lasting::OldValues => {
                let of_before = day.checked_sub(1).and_then(|before| self.freeze_of(source, before));
                of_before.map(|freeze| Freeze { read_at: freeze.read_at.plus(86_400), ..freeze })
            }
            Lasting::Truth | Lasting::OtherPoint => self.freeze_of(source, day),
        };
        for (point, function) in self.habits.fails {
            let place = function.checked_sub(161).map(usize::from);
            let register = freeze.as_mut().zip(place).filter(|_| *point == unit.point);
            let register = register.and_then(|(freeze, place)| freeze.registers.get_mut(place));
            register.into_iter().for_each(|register| *register = None);
        }
        if freeze.is_none() && self.habits.missing == Missing::LeftOut {
            return None;
        }
        let kinds: &[u16] = match unit.function {
            1 => &[0, 1, 4, 7],
            2 => &[2, 3, 5, 6],
            5..=8 => {
                let before = since.and_then(|since| self.freeze_of(source, since));
                return Some(grown(head, record, unit.function - 5, freeze.as_ref(), before.as_ref()));
            }
            161..=168 => {
                let kind = unit.function - 161;
                let registers = freeze.and_then(|freeze| of_kind(&freeze, kind));
                let is_missing = freeze.is_some() && registers.is_none();
                if is_missing && self.habits.missing == Missing::LeftOut {
                    return None;
                }
                let read_at =
                    freeze.filter(|_| registers.is_some()).map(|freeze| self.told_read_at(day, &freeze));
                let unit = head.a15(read_at).byte(tariffs(record));
                return Some(put_registers(unit, record, Kind::at(kind)?, registers).into_bytes());
            }
            _ => return None,
        };
        let mut unit = head.a15(freeze.map(|freeze| self.told_read_at(day, &freeze))).byte(tariffs(record));
        for kind in kinds {
            let registers = freeze.and_then(|freeze| of_kind(&freeze, *kind));
            unit = put_registers(unit, record, Kind::at(*kind)?, registers);
        }
        Some(unit.into_bytes())
    }

    /// When a meter was read, as the terminal says it.
    fn told_read_at(&self, day: u32, freeze: &Freeze) -> At {
        if self.habits.stale_read_time { At::midnight(day + 1).plus(-60) } else { freeze.read_at }
    }

    /// The points of a curve, in as many units as fit into frames; `None` when there is nothing.
    fn curve_units(&self, unit: &Asked<'_>, lies: Lies) -> Option<Vec<Vec<u8>>> {
        let record = self.archive.of_point(unit.point)?;
        let curve = Curve::of(unit.function)?;
        let start = encode::read_a15(unit.data)?;
        let [asked_density, count] = *unit.data.get(5..)?.first_chunk::<2>()?;
        let start = if lies.is_old { start.plus(-86_400) } else { start };
        let (asked, own) = (minutes(asked_density)?, minutes(self.settings.density)?);
        // A terminal has no more points than it keeps.
        let (density, step) = if asked < own { (self.settings.density, own) } else { (asked_density, asked) };
        let step = i64::from(step) * 60;
        let count = (i64::from(count) * i64::from(asked) * 60 + step - 1) / step;
        let first = start.plus((-i64::from(start.second_of_day())).rem_euclid(step));
        let source = if lies.is_other { self.other_point(unit.point) } else { unit.point };
        let meter = self.meter_of(source);
        let now = self.shown();
        let kept_since = now.plus(-i64::from(self.settings.keeps_curve_days) * 86_400);
        let values: Vec<Option<i64>> = (0..count)
            .map(|number| {
                let shown = first.plus(number * step);
                let until = shown.plus(step);
                let waits = matches!(curve, Curve::Energy(_)) && until > now;
                let meter = meter.filter(|_| shown <= now && shown >= kept_since && !waits)?;
                let poll = self.polled(record, meter, shown)?;
                curve.value(meter, poll.at, poll.at.plus(step))
            })
            .collect();
        if values.is_empty() || values.iter().all(Option::is_none) && self.habits.missing == Missing::LeftOut
        {
            return None;
        }
        let form = curve.form();
        let fits = (self.room().saturating_sub(11) / form.bytes).clamp(1, 255);
        let mut units = Vec::new();
        let mut told = |from: At, piece: &[Option<i64>]| {
            let head = Unit::new().bytes(&unit.identifier()).a15(Some(from)).byte(density);
            let head = head.byte(u8::try_from(piece.len()).unwrap_or_default());
            units.push(piece.iter().fold(head, |unit, value| form.put(unit, *value)).into_bytes());
        };
        let (ahead, values) = values.split_at(usize::from(self.habits.dates_ahead));
        if !ahead.is_empty() {
            told(first.plus(SIXTY_YEARS), ahead);
        }
        for (place, piece) in values.chunks(fits).enumerate() {
            let passed = i64::try_from(place * fits + ahead.len()).unwrap_or_default() * step;
            told(first.plus(passed), piece);
        }
        Some(units)
    }
}

/// How many tariffs a record has, told and stored.
pub(super) fn tariffs(record: &Record) -> u8 {
    record.tariffs & 0x3F
}

/// The registers of a kind, if they were read.
fn of_kind(freeze: &Freeze, kind: u16) -> Option<Registers> {
    freeze.registers.get(usize::from(kind)).copied().flatten()
}

/// Total and tariffs, EE for what is not there.
pub(super) fn put_registers(unit: Unit, record: &Record, kind: Kind, registers: Option<Registers>) -> Unit {
    (0..=usize::from(tariffs(record))).fold(unit, |unit, place| {
        let value = registers.and_then(|registers| registers.get(place).copied().flatten());
        if kind.is_active() { unit.a14(value) } else { unit.a11(value) }
    })
}

/// M and the energies of a span, total and tariffs in 0.0001 kWh.
fn grown(head: Unit, record: &Record, place: u16, end: Option<&Freeze>, begin: Option<&Freeze>) -> Vec<u8> {
    let of = |freeze: Option<&Freeze>| freeze.and_then(|freeze| of_kind(freeze, place));
    let (end, begin) = (of(end), of(begin));
    let unit = (0..=usize::from(tariffs(record))).fold(head.byte(tariffs(record)), |unit, place| {
        let of = |registers: Option<Registers>| {
            registers.and_then(|registers| registers.get(place).copied().flatten())
        };
        let grown = of(end).zip(of(begin)).map(|(end, begin)| (end - begin).rem_euclid(ROLLS_OVER_AT) * 100);
        unit.number(grown, 4)
    });
    unit.into_bytes()
}

/// Minutes between two points of a curve of this density. [1376 3.9]
const fn minutes(density: u8) -> Option<u16> {
    Some(match density {
        1 => 15,
        2 => 30,
        3 => 60,
        254 => 5,
        255 => 1,
        _ => return None,
    })
}

const SIXTY_YEARS: i64 = 60 * 365 * 86_400;
/// Registers of meters start again at zero after 999999.99.
const ROLLS_OVER_AT: i64 = 100_000_000;
