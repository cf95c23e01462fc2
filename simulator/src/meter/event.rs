//! Event records: class 03 whole records, classes 10 to 1C and 1D, 1E item by item. [645-2007 9]

use super::Meter;
use super::encode::Data;
use super::energy::ALL;
use crate::instant::At;
use crate::truth::event::{Event, EventKind};
use crate::truth::installation::Wiring;
use crate::truth::register::{Energy, Phase, Quadrant, Register};

/// How many records of each kind a meter keeps.
const RECORDS: u8 = 10;
/// The six energies that operation records hold.
const SIX: [Energy; 6] = [
    Energy::ForwardActive,
    Energy::ReverseActive,
    Energy::Reactive(Quadrant::I),
    Energy::Reactive(Quadrant::II),
    Energy::Reactive(Quadrant::III),
    Energy::Reactive(Quadrant::IV),
];
/// The four energies that power-quality records hold.
const FOUR: [Energy; 4] =
    [Energy::ForwardActive, Energy::ReverseActive, Energy::CombinedReactive1, Energy::CombinedReactive2];

/// What a group of identifiers is about.
#[derive(Clone, Copy)]
enum Subject {
    /// An event this meter knows.
    Known(EventKind),
    /// One that never happens to it: its count is zero and it has no records.
    Never,
}

impl Subject {
    fn of(kind: Option<EventKind>) -> Self {
        kind.map_or(Self::Never, Self::Known)
    }
}

fn phase(number: u8) -> Option<Phase> {
    Phase::ALL.get(usize::from(number.checked_sub(1)?)).copied()
}

/// The event with one record for each phase, by its number in class 03.
fn phase_event(di2: u8, phase: Phase) -> Option<EventKind> {
    Some(match di2 {
        0x01 => EventKind::VoltageLoss(phase),
        0x04 => EventKind::PhaseFailure(phase),
        0x0B => EventKind::CurrentLoss(phase),
        0x0E => EventKind::CurrentReversed(phase),
        0x0F if phase == Phase::A => EventKind::Overload,
        _ => return None,
    })
}

/// The operations of `0330`, by DI1.
fn operation(di1: u8) -> Option<EventKind> {
    Some(match di1 {
        0x00 => EventKind::Programming,
        0x01 => EventKind::MeterClear,
        0x02 => EventKind::DemandClear,
        0x03 => EventKind::EventClear,
        0x04 => EventKind::ClockSet,
        0x0D => EventKind::CoverOpen,
        0x0E => EventKind::TerminalCoverOpen,
        _ => return None,
    })
}

impl Meter {
    /// `03 DI2 DI1 DI0`.
    pub(super) fn event_class(&self, now: At, [n, di1, di2, _]: [u8; 4]) -> Option<Vec<u8>> {
        let data = match (di2, di1) {
            (0x01..=0x04 | 0x0B..=0x0F, 0) if n == 0 => Some(self.counts_of_phases(now, di2)),
            (0x01..=0x04 | 0x0B..=0x0F, 1..=3) => {
                let event = self.nth(now, Subject::of(phase_event(di2, phase(di1)?)), n)?;
                Some(self.quality_record(now, event, di2))
            }
            (0x05..=0x0A, 0) if n == 0 => Some(Data::new().number(0, 3).number(0, 3)),
            (0x11, 0) if n == 0 => Some(self.count(Data::new(), now, Subject::Known(EventKind::PowerCut))),
            (0x11, 0) => {
                let event = self.nth(now, Subject::Known(EventKind::PowerCut), n)?;
                Some(self.span(Data::new(), now, event))
            }
            (0x12, 0) if n == 0 => Some(Data::new().fill(0, 18)),
            (0x30, 0x00..=0x0E) if n == 0 => Some(self.count(Data::new(), now, Subject::of(operation(di1)))),
            (0x30, 0x00..=0x0E) => {
                let event = self.nth(now, Subject::of(operation(di1)), n)?;
                Some(self.operation_record(now, event))
            }
            (0x35, 0) if n == 0 => {
                Some(self.count(Data::new(), now, Subject::Known(EventKind::MagneticField)))
            }
            (0x36, 0) if n == 0 => Some(self.count(Data::new(), now, Subject::Known(EventKind::RelayFault))),
            (0x35 | 0x36, 0) => {
                let is_magnet = di2 == 0x35;
                let kind = if is_magnet { EventKind::MagneticField } else { EventKind::RelayFault };
                let event = self.nth(now, Subject::Known(kind), n)?;
                let mut data = self.span(Data::new(), now, event);
                if !is_magnet {
                    data = data.byte(u8::from(self.relay.is_open()));
                }
                let data = self.energies(data, &[Energy::ForwardActive, Energy::ReverseActive], event.from);
                let end = event.to.filter(|to| *to <= now).unwrap_or(now);
                Some(self.energies(data, &[Energy::ForwardActive, Energy::ReverseActive], end))
            }
            _ => None,
        };
        data.map(Data::into_bytes)
    }

    /// Classes 10 to 1F: `class phase item n`.
    pub(super) fn event_item_class(
        &self,
        now: At,
        [n, item, phase_number, class]: [u8; 4],
    ) -> Option<Vec<u8>> {
        if matches!(class, 0x1D | 0x1E) && phase_number == 0 {
            return self.switching(now, class == 0x1D, item, n);
        }
        // The same subjects as in class 03, and the item that is the end time.
        let (di2, end_item) = match class {
            0x10 => (0x01, 0x25),
            0x11 => (0x02, 0x25),
            0x12 => (0x03, 0x25),
            0x13 => (0x04, 0x25),
            0x18 => (0x0B, 0x21),
            0x19 => (0x0C, 0x21),
            0x1A => (0x0D, 0x21),
            0x1B => (0x0E, 0x12),
            0x1C => (0x0F, 0x12),
            _ => return None,
        };
        let subject = match phase_number {
            0 if class == 0x10 => return self.all_voltage_losses(now, item, n),
            number => Subject::of(phase_event(di2, phase(number)?)),
        };
        let data = match (item, n) {
            (0, 1) => self.count(Data::new(), now, subject),
            (0, 2) => Data::new().number(self.minutes(now, subject), 3),
            (0x01, n) => Data::new().second(Some(self.shown(self.nth(now, subject, n)?.from))),
            (item, n) if item == end_item => {
                Data::new().second(self.end_shown(now, self.nth(now, subject, n)?))
            }
            _ => return None,
        };
        Some(data.into_bytes())
    }

    /// `1000`: all phases together.
    fn all_voltage_losses(&self, now: At, item: u8, n: u8) -> Option<Vec<u8>> {
        let subjects = Phase::ALL.map(|phase| Subject::Known(EventKind::VoltageLoss(phase)));
        let data = match (item, n) {
            (0, 1) => Data::new().number(subjects.iter().map(|s| self.count_of(now, *s)).sum(), 3),
            (0, 2) => Data::new().number(subjects.iter().map(|s| self.minutes(now, *s)).sum(), 3),
            (0x01 | 0x02, 1) => {
                let newest =
                    subjects.iter().filter_map(|s| self.nth(now, *s, 1)).max_by_key(|event| event.from)?;
                let is_start = item == 0x01;
                Data::new().second(if is_start {
                    Some(self.shown(newest.from))
                } else {
                    self.end_shown(now, newest)
                })
            }
            _ => return None,
        };
        Some(data.into_bytes())
    }

    /// `1D` trips and `1E` closes: time, operator, six energies.
    fn switching(&self, now: At, is_trip: bool, item: u8, n: u8) -> Option<Vec<u8>> {
        let openings = || self.truth.log().remembered(EventKind::RelayOpen, now);
        let when = |event: Event| if is_trip { Some(event.from) } else { event.to.filter(|to| *to <= now) };
        let switchings: Vec<(At, u32)> = openings()
            .filter_map(|event| Some((when(event)?, event.operator)))
            .take(RECORDS.into())
            .collect();
        if (item, n) == (0x00, 0x01) {
            let count = i64::try_from(openings().filter_map(when).count()).unwrap_or(i64::MAX);
            return Some(Data::new().number(count, 3).into_bytes());
        }
        if (item, n) == (0x01, ALL) {
            let times = switchings.iter().map(|(at, _)| Some(self.shown(*at))).chain(std::iter::repeat(None));
            return Some(times.take(RECORDS.into()).fold(Data::new(), Data::second).into_bytes());
        }
        let (at, operator) = *switchings.get(usize::from(n.checked_sub(1)?))?;
        let time = |data: Data| data.second(Some(self.shown(at)));
        let operator = |data: Data| data.word(operator.into(), 4);
        let data = match item {
            0x01 => time(Data::new()),
            0x02 => operator(Data::new()),
            0x03..=0x08 => {
                let energy = SIX.get(usize::from(item) - 3)?;
                self.register(Data::new(), Register::total(*energy), Some(at))
            }
            ALL => self.energies(operator(time(Data::new())), &SIX, at),
            _ => return None,
        };
        Some(data.into_bytes())
    }

    fn shown(&self, at: At) -> At {
        self.truth.clock().shown(at)
    }

    /// The end of an event as the meter shows it; `None` while it goes on.
    fn end_shown(&self, now: At, event: Event) -> Option<At> {
        event.to.filter(|to| *to <= now).map(|to| self.shown(to))
    }

    fn nth(&self, now: At, subject: Subject, n: u8) -> Option<Event> {
        let Subject::Known(kind) = subject else { return None };
        if n == 0 || n > RECORDS {
            return None;
        }
        self.truth.log().remembered(kind, now).nth(usize::from(n) - 1)
    }

    fn count_of(&self, now: At, subject: Subject) -> i64 {
        match subject {
            Subject::Known(kind) => i64::try_from(self.truth.log().count(kind, now)).unwrap_or(i64::MAX),
            Subject::Never => 0,
        }
    }

    fn count(&self, data: Data, now: At, subject: Subject) -> Data {
        data.number(self.count_of(now, subject), 3)
    }

    /// How long the events lasted together.
    fn minutes(&self, now: At, subject: Subject) -> i64 {
        let Subject::Known(kind) = subject else { return 0 };
        let lasted = |event: Event| event.to.filter(|to| *to <= now).unwrap_or(now).since(event.from);
        self.truth.log().remembered(kind, now).map(lasted).sum::<i64>() / 60
    }

    fn counts_of_phases(&self, now: At, di2: u8) -> Data {
        Phase::ALL.into_iter().fold(Data::new(), |data, phase| {
            let subject = Subject::of(phase_event(di2, phase));
            self.count(data, now, subject).number(self.minutes(now, subject), 3)
        })
    }

    fn span(&self, data: Data, now: At, event: Event) -> Data {
        data.second(Some(self.shown(event.from))).second(self.end_shown(now, event))
    }

    fn energies(&self, data: Data, energies: &[Energy], at: At) -> Data {
        energies.iter().fold(data, |data, energy| self.register(data, Register::total(*energy), Some(at)))
    }

    /// Start, end, increments of four energies in total and by phase, and for some kinds the values at the start.
    fn quality_record(&self, now: At, event: Event, di2: u8) -> Data {
        let end = event.to.filter(|to| *to <= now).unwrap_or(now);
        let increment = |data: Data, register: Register| {
            let grown = self.truth.shown(register, end) - self.truth.shown(register, event.from);
            data.number_or_signed(grown, 4, register.energy.is_signed())
        };
        let totals = FOUR.into_iter().map(Register::total);
        let mut data = totals.fold(self.span(Data::new(), now, event), increment);
        let measured = self.truth.instantaneous(event.from.plus(-1));
        let has_values = matches!(di2, 0x01..=0x04 | 0x0B..=0x0D);
        for (place, phase) in Phase::ALL.into_iter().enumerate() {
            let is_there = place == 0 || self.truth.wiring() == Wiring::ThreePhase;
            data = FOUR.into_iter().fold(data, |data, energy| {
                if is_there { increment(data, Register::phase(energy, phase)) } else { data.fill(0, 4) }
            });
            if has_values {
                let of = |values: [i64; 3]| values.get(place).copied().unwrap_or_default();
                data = data
                    .number(of(measured.voltage), 2)
                    .signed(of(measured.current), 3)
                    .signed(of(measured.active.phases), 3)
                    .signed(of(measured.reactive.phases), 3)
                    .signed(of(measured.power_factor.phases), 2);
            }
        }
        if matches!(di2, 0x01..=0x04) { data.fill(0, 16) } else { data }
    }

    /// The records of `0330`.
    fn operation_record(&self, now: At, event: Event) -> Data {
        let time = Data::new().second(Some(self.shown(event.from)));
        let operator = |data: Data| data.word(event.operator.into(), 4);
        match event.kind {
            EventKind::ClockSet => {
                let before = self.truth.clock().shown(event.from.plus(-1)).plus(1);
                operator(Data::new()).second(Some(before)).second(Some(self.shown(event.from)))
            }
            EventKind::Programming => {
                let written = self.parameters.written_in(event.from);
                let data = written.iter().take(10).fold(operator(time), |data, id| data.bytes(id));
                data.fill(0xFF, 40 - 4 * written.len().min(10))
            }
            EventKind::EventClear => operator(time).fill(0xFF, 4),
            EventKind::MeterClear => self.cleared(operator(time), |data, register| {
                data.number_or_signed(
                    self.truth.shown_before(register, event.from),
                    4,
                    register.energy.is_signed(),
                )
            }),
            EventKind::DemandClear => self.cleared(operator(time), |data, register| {
                self.peak(data, register, self.truth.demand(register, event.from.plus(-1)))
            }),
            _ => {
                let end = event.to.filter(|to| *to <= now).unwrap_or(now);
                self.energies(self.energies(self.span(Data::new(), now, event), &SIX, event.from), &SIX, end)
            }
        }
    }

    /// Six quantities in total and for each phase, as before a clear.
    fn cleared(&self, data: Data, put: impl Fn(Data, Register) -> Data) -> Data {
        let data = SIX.into_iter().map(Register::total).fold(data, &put);
        Phase::ALL.into_iter().fold(data, |data, phase| {
            SIX.into_iter().map(|energy| Register::phase(energy, phase)).fold(data, &put)
        })
    }
}
