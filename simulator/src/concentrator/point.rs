//! What a terminal knows of one measuring point: the polls of the day and the freezes of the past.
//!
//! Regular polls, every quarter of an hour, are not lived through one by one: whether one succeeded follows from the
//! supply of both, from the line and from the seed, and its values from the meter's truth at that instant.

use super::Concentrator;
use super::archive::Record;
use super::encode::Unit;
use super::freeze::{self, Freeze, KINDS, Way};
use crate::instant::{At, DAY_SECONDS, SLOT_SECONDS};
use crate::meter::Meter;
use crate::truth::installation::Wiring;
use crate::truth::register::{Energy, Quadrant, Register};

/// A poll that succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Poll {
    /// By the terminal's clock.
    pub(super) shown: At,
    /// In the world.
    pub(super) at: At,
}

impl Concentrator {
    /// The poll of a meter when the terminal's clock showed a time; `None` when it was not read then.
    pub(super) fn polled(&self, record: &Record, meter: &Meter, shown: At) -> Option<Poll> {
        let at = self.clock.when_showing(shown, At::START)?;
        let was_there = self.set_at.get(&record.number).is_none_or(|set_at| *set_at <= at);
        let is_read = at <= self.at()
            && was_there
            && record.is_read()
            && at >= meter.truth().installed_at()
            && self.power.was_on(at)
            && self.lines.can_read(meter, at)
            && !self.lines.lost_poll(meter, at);
        is_read.then_some(Poll { shown, at })
    }

    /// Whether it read the meter of a point when its clock showed a time: then its curves have a value there.
    #[must_use]
    pub fn has_polled(&self, point: u16, shown: At) -> bool {
        let poll = self.archive.of_point(point).zip(self.meter_of(point));
        poll.is_some_and(|(record, meter)| self.polled(record, meter, shown).is_some())
    }

    /// The last successful poll up to a time of the terminal's clock.
    pub(super) fn last_poll(&self, record: &Record, meter: &Meter, up_to: At) -> Option<Poll> {
        let slot = up_to.slot_start();
        (0..POLLS_BACK)
            .map(|back| slot.plus(-back * i64::from(SLOT_SECONDS)))
            .find_map(|shown| self.polled(record, meter, shown))
    }

    /// What is stored of a point for the end of a day.
    pub(super) fn freeze_of(&self, point: u16, day: u32) -> Option<Freeze> {
        let today = self.shown().day();
        let is_kept = day + self.settings.keeps_days >= today;
        let is_month = freeze::ends_month(day) && day + 31 * (self.settings.keeps_months + 1) >= today;
        if !is_kept && !is_month {
            return None;
        }
        if day >= self.first_live { self.freezes.of(day, point).copied() } else { self.lived(point, day) }
    }

    /// What the terminal read before the world began.
    fn lived(&self, point: u16, day: u32) -> Option<Freeze> {
        let record = self.archive.of_point(point)?;
        if self.set_at.contains_key(&record.number) || !record.is_read() {
            return None;
        }
        let meter = self.lines.meter(record.address)?;
        let morning = self.clock.when_showing(At::midnight(day + 1), At::START)?;
        let until = self.lines.unreachable_until(meter, morning.day());
        let turn = self.lines.turn(meter, day).max(i64::from(until) + 60);
        let hours = (0..24).map(|hour| morning.plus(turn + hour * 3_600));
        let mut tries = hours.take_while(|at| at.since(morning) < i64::from(DAY_SECONDS) && *at <= self.at());
        let at = tries.find(|at| meter.truth().is_powered(*at))?;
        let way = if record.is_1997() {
            Way::Old
        } else if held(meter, at, Way::Frozen(1).time_id()?).is_some() {
            Way::Frozen(1)
        } else {
            Way::Live
        };
        if let Some(id) = way.time_id().filter(|_| self.habits.checks_freeze_time) {
            let said = freeze::day_of(&held(meter, at, id)?);
            if said != Some(day + 1) {
                return None;
            }
        }
        let mut freeze = Freeze { read_at: self.clock.shown(at), registers: [None; 8] };
        for (slot, kind) in freeze.registers.iter_mut().zip(KINDS) {
            if kind.is_active() || record.has_reactive() {
                *slot = held(meter, at, way.id(kind)).map(|data| freeze::registers(&data));
            }
        }
        freeze.registers.iter().any(Option::is_some).then_some(freeze)
    }

    /// Another point of the archive, whose data a lying terminal sends.
    #[must_use]
    pub fn other_point(&self, point: u16) -> u16 {
        let points: Vec<u16> = self.archive.points().collect();
        let place = points.iter().position(|other| *other == point).unwrap_or_default();
        points.get((place + 1) % points.len().max(1)).copied().unwrap_or(point)
    }
}

fn held(meter: &Meter, at: At, id: Vec<u8>) -> Option<Vec<u8>> {
    if let Some(id) = id.first_chunk::<4>() {
        return meter.editions().e2007.then(|| meter.held(at, *id, &[])).flatten();
    }
    let id = id.first_chunk::<2>()?;
    meter.editions().e1997.then(|| meter.held_1997(at, *id)).flatten()
}

/// How a value of a curve is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) bytes: usize,
    is_signed: bool,
}

impl Form {
    pub(super) fn put(self, unit: Unit, value: Option<i64>) -> Unit {
        if self.is_signed { unit.signed(value, self.bytes) } else { unit.number(value, self.bytes) }
    }
}

const POWER: Form = Form { bytes: 3, is_signed: true };
const VOLTAGE: Form = Form { bytes: 2, is_signed: false };
const CURRENT: Form = Form { bytes: 3, is_signed: true };
const ENERGY: Form = Form { bytes: 4, is_signed: false };
const FACTOR: Form = Form { bytes: 2, is_signed: true };

/// A quantity of which there are curves, AFN 0D F81 to F148.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Curve {
    Active(usize),
    Reactive(usize),
    Voltage(usize),
    Current(usize),
    Neutral,
    /// Energy from the point to the next.
    Energy(Energy),
    Register(Energy),
    Factor(usize),
}

impl Curve {
    pub(super) fn of(function: u16) -> Option<Self> {
        let place = |first: u16| usize::from(function - first);
        let energies = [
            Energy::ForwardActive,
            Energy::CombinedReactive1,
            Energy::ReverseActive,
            Energy::CombinedReactive2,
        ];
        let quadrants = [Quadrant::I, Quadrant::IV, Quadrant::II, Quadrant::III];
        Some(match function {
            81..=84 => Self::Active(place(81)),
            85..=88 => Self::Reactive(place(85)),
            89..=91 => Self::Voltage(place(89)),
            92..=94 => Self::Current(place(92)),
            95 => Self::Neutral,
            97..=100 => Self::Energy(*energies.get(place(97))?),
            101..=104 => Self::Register(*energies.get(place(101))?),
            105..=108 => Self::Factor(place(105)),
            145..=148 => Self::Register(Energy::Reactive(*quadrants.get(place(145))?)),
            _ => return None,
        })
    }

    pub(super) const fn form(self) -> Form {
        match self {
            Self::Active(_) | Self::Reactive(_) => POWER,
            Self::Voltage(_) => VOLTAGE,
            Self::Current(_) | Self::Neutral => CURRENT,
            Self::Energy(_) | Self::Register(_) => ENERGY,
            Self::Factor(_) => FACTOR,
        }
    }

    /// The value at an instant; `None` for a phase that the meter does not have. `until` is the end of the interval.
    pub(super) fn value(self, meter: &Meter, at: At, until: At) -> Option<i64> {
        let truth = meter.truth();
        let measured = || truth.instantaneous(at);
        // 0 stands for the total, A is 1.
        let phased = |total: i64, phases: [i64; 3], place: usize| match place {
            0 => Some(total),
            _ => phases.get(place - 1).copied().filter(|_| has_phase(meter, place - 1)),
        };
        match self {
            Self::Active(place) => phased(measured().active.total, measured().active.phases, place),
            Self::Reactive(place) => phased(measured().reactive.total, measured().reactive.phases, place),
            Self::Factor(place) => {
                phased(measured().power_factor.total, measured().power_factor.phases, place)
            }
            Self::Voltage(phase) => {
                measured().voltage.get(phase).copied().filter(|_| has_phase(meter, phase))
            }
            Self::Current(phase) => {
                measured().current.get(phase).copied().filter(|_| has_phase(meter, phase))
            }
            Self::Neutral => (truth.wiring() == Wiring::ThreePhase).then(|| measured().neutral),
            Self::Energy(energy) => {
                let register = Register::total(energy);
                let grown = truth.exact(register, until) - truth.exact(register, at);
                // Milliwatt-hours; the last digit of A13 is 0.0001 kWh.
                Some(grown.max(0) / 100)
            }
            Self::Register(energy) => Some(truth.shown(Register::total(energy), at)),
        }
    }
}

/// Phase A is everywhere, B and C only with three phases.
pub(super) fn has_phase(meter: &Meter, phase: usize) -> bool {
    phase == 0 || meter.truth().wiring() == Wiring::ThreePhase
}

/// Polls of so many quarters of an hour are looked through for the last one: two days.
const POLLS_BACK: i64 = 192;
