//! The 1997 edition's identifiers and orders. [645-1997 3, 4]

use super::Answer;
use super::Meter;
use super::encode::Data;
use super::order::{Done, ERR_OTHER};
use super::parameter::{DATE, TIME};
use crate::instant::At;
use crate::truth::event::EventKind;
use crate::truth::register::{Energy, Quadrant, Register};

/// ERR bits of this edition: the data are not allowed; the identifier is not known; the password is wrong.
pub(super) const ERR_DATA: u8 = 0x01;
const ERR_ID: u8 = 0x02;
const ERR_PASSWORD: u8 = 0x04;
/// Behind a block, on many meters.
const BLOCK_END: u8 = 0xAA;

/// The energy that DI1 (active or reactive) and the high nibble of DI0 stand for; mind the order of the quadrants.
fn energy(is_reactive: bool, nibble: u8) -> Option<Energy> {
    Some(match (is_reactive, nibble) {
        (false, 1) => Energy::ForwardActive,
        (false, 2) => Energy::ReverseActive,
        (true, 1) => Energy::CombinedReactive1,
        (true, 2) => Energy::CombinedReactive2,
        (true, 3) => Energy::Reactive(Quadrant::I),
        (true, 4) => Energy::Reactive(Quadrant::IV),
        (true, 5) => Energy::Reactive(Quadrant::II),
        (true, 6) => Energy::Reactive(Quadrant::III),
        _ => return None,
    })
}

impl Meter {
    /// What a 1997 identifier holds, DI0 first.
    pub(super) fn old_data(&self, now: At, [di0, di1]: [u8; 2]) -> Option<Vec<u8>> {
        match di1 >> 4 {
            0x9 => self.old_registers(now, di0, di1, Kind::Energy),
            0xA => self.old_registers(now, di0, di1, Kind::Demand),
            0xB if matches!(di1 & 0x0F, 0 | 1 | 4 | 5 | 8 | 9) => {
                self.old_registers(now, di0, di1, Kind::DemandTime)
            }
            0xB => self.old_variable(now, di0, di1),
            0xC => self.old_parameter(now, di0, di1),
            _ => None,
        }
    }

    fn old_registers(&self, now: At, di0: u8, di1: u8, kind: Kind) -> Option<Vec<u8>> {
        let (is_reactive, months_back) = match di1 & 0x0F {
            low @ (0 | 1) => (low == 1, 0),
            low @ (4 | 5) => (low == 5, 1),
            low @ (8 | 9) => (low == 9, 2),
            _ => return None,
        };
        let energy = energy(is_reactive, di0 >> 4)?;
        let (registers, is_block) = match di0 & 0x0F {
            0xF => (super::energy::registers(energy, None, super::energy::ALL)?, true),
            tariff => (super::energy::registers(energy, None, tariff)?, false),
        };
        let data = registers.iter().try_fold(Data::new(), |data, register| {
            self.old_register(data, now, *register, months_back, kind)
        })?;
        let ends = is_block && self.manners.ends_blocks_with_aa;
        Some(if ends { data.byte(BLOCK_END) } else { data }.into_bytes())
    }

    fn old_register(&self, data: Data, now: At, register: Register, back: usize, kind: Kind) -> Option<Data> {
        if self.is_filled(register) {
            return Some(data.fill(0xFF, if kind == Kind::Demand { 3 } else { 4 }));
        }
        let settled = |back: usize| self.truth.settlements(now).nth(back - 1).map(|mark| mark.at);
        if kind == Kind::Energy {
            let at = if back == 0 { Some(now) } else { settled(back) };
            // No sign in this edition: a combined register below zero shows its digits.
            return Some(data.number(at.map_or(0, |at| self.truth.shown(register, at)), 4));
        }
        let peak = match back {
            0 => self.truth.demand(register, now),
            back => self.truth.settled_demand(register, back, now).unwrap_or_default(),
        };
        Some(match kind {
            Kind::Demand => data.number(peak.tenth_watts, 3),
            _ => {
                let shown = peak.at.map(|at| self.truth.clock().shown(at));
                use super::encode::Part::{Day, Hour, Minute, Month};
                data.time(shown, &[Minute, Hour, Day, Month])
            }
        })
    }

    fn old_variable(&self, now: At, di0: u8, di1: u8) -> Option<Vec<u8>> {
        let measured = self.truth.instantaneous(now);
        let whole_volts = !self.manners.sends_tenth_volts;
        let volts = |tenths: i64| if whole_volts { tenths / 10 } else { tenths };
        let phase = |values: [i64; 3], number: u8| values.get(usize::from(number.checked_sub(1)?)).copied();
        let of = |total: i64, phases: [i64; 3], number: u8| {
            if number == 0 { Some(total) } else { phase(phases, number) }
        };
        let low = di0 & 0x0F;
        // Values one by one, and bytes of each.
        let (value, bytes): (Box<dyn Fn(u8) -> Option<i64>>, usize) = match (di1, di0 >> 4) {
            (0xB6, 1) => (Box::new(|n| phase(measured.voltage, n).map(volts)), 2),
            (0xB6, 2) => (Box::new(|n| phase(measured.current, n).map(|current| current.abs() / 10)), 2),
            (0xB6, 3) => (Box::new(|n| of(measured.active.total, measured.active.phases, n)), 3),
            (0xB6, 4) => {
                (Box::new(|n| of(measured.reactive.total, measured.reactive.phases, n).map(|q| q / 100)), 2)
            }
            (0xB6, 5) => (
                Box::new(|n| of(measured.power_factor.total, measured.power_factor.phases, n).map(i64::abs)),
                2,
            ),
            (0xB2, 1) => return self.old_counter(now, low),
            (0xB3, 1..=4) => return self.old_phase_failure(now, di0),
            _ => return None,
        };
        let has_total = matches!(di0 >> 4, 3..=5);
        if low == 0x0F {
            let first = if has_total { 0 } else { 1 };
            let data = (first..=3).try_fold(Data::new(), |data, n| Some(data.number(value(n)?, bytes)))?;
            let data = if self.manners.ends_blocks_with_aa { data.byte(BLOCK_END) } else { data };
            return Some(data.into_bytes());
        }
        Some(Data::new().number(value(low)?, bytes).into_bytes())
    }

    fn old_counter(&self, now: At, low: u8) -> Option<Vec<u8>> {
        let kind = if matches!(low, 0 | 2) { EventKind::Programming } else { EventKind::DemandClear };
        let data = match low {
            0 | 1 => {
                use super::encode::Part::{Day, Hour, Minute, Month};
                let last = self.truth.log().remembered(kind, now).next();
                let shown = last.map(|event| self.truth.clock().shown(event.from));
                Data::new().time(shown, &[Minute, Hour, Day, Month])
            }
            2 | 3 => {
                let count = i64::try_from(self.truth.log().count(kind, now)).unwrap_or(i64::MAX);
                Data::new().number(count, 2)
            }
            4 => Data::new().number(now.since(self.truth.installed_at()) / 60, 3),
            _ => return None,
        };
        Some(data.into_bytes())
    }

    /// B31x counts, B32x minutes, B33x last starts, B34x last ends of phase failures.
    fn old_phase_failure(&self, now: At, di0: u8) -> Option<Vec<u8>> {
        use super::encode::Part::{Day, Hour, Minute, Month};
        use crate::truth::register::Phase;
        let phases: Vec<Phase> = match di0 & 0x0F {
            0 => Phase::ALL.to_vec(),
            number => vec![*Phase::ALL.get(usize::from(number) - 1)?],
        };
        let log = self.truth.log();
        let kinds = || phases.iter().map(|phase| EventKind::PhaseFailure(*phase));
        let newest =
            kinds().filter_map(|kind| log.remembered(kind, now).next()).max_by_key(|event| event.from);
        let time = |at: Option<At>| {
            Data::new().time(at.map(|at| self.truth.clock().shown(at)), &[Minute, Hour, Day, Month])
        };
        let data = match di0 >> 4 {
            1 => Data::new()
                .number(kinds().map(|kind| log.count(kind, now)).sum::<usize>().try_into().ok()?, 2),
            2 => Data::new().number(kinds().map(|kind| log.minutes(kind, now)).sum(), 3),
            3 => time(newest.map(|event| event.from)),
            _ => time(newest.and_then(|event| event.to).filter(|to| *to <= now)),
        };
        Some(data.into_bytes())
    }

    fn old_parameter(&self, now: At, di0: u8, di1: u8) -> Option<Vec<u8>> {
        let shown = Some(self.truth.clock().shown(now));
        let data = Data::new();
        let data = match (di1, di0) {
            (0xC0, 0x10) => data.time(shown, &DATE),
            (0xC0, 0x11) => data.time(shown, &TIME),
            (0xC0, 0x20) => {
                let word = self.status_word(now, 1);
                data.byte(u8::try_from(word & 0x34).unwrap_or_default())
            }
            (0xC0, 0x21) => {
                let lost =
                    (4..=6_u8).zip(0..).map(|(word, bit)| (self.status_word(now, word) >> 7 & 1) << bit);
                data.byte(u8::try_from(lost.sum::<u16>()).unwrap_or_default())
            }
            (0xC0, 0x22) => data.byte(0x7F),
            (0xC0, 0x30 | 0x31) => data.number(if self.is_three_phase() { 6400 } else { 1200 }, 3),
            (0xC0, 0x32) => data.bytes(&self.meter_number),
            (0xC0, 0x33 | 0x34) => data.fill(0, 6),
            (0xC1, 0x11 | 0x12) => data.number(15, 1),
            (0xC1, 0x13) => data.number(5, 1),
            (0xC1, 0x15) => data.number(2, 1),
            (0xC1, 0x16) => data.number(4, 1),
            (0xC1, 0x17) => {
                let (day, hour) = self.truth.settlement_days().moments().first().copied().flatten()?;
                data.number(hour.into(), 1).number(day.into(), 1)
            }
            (0xC3, 0x10..=0x12) => data.number(1, 1),
            (0xC3, 0x13) => data.number(4, 1),
            (0xC3, 0x14) => data.number(0, 1),
            (0xC5, 0x10) => data.number(1_010_000, 4),
            (0xC5, 0x11) => data.number(15, 2),
            _ => return None,
        };
        Some(data.into_bytes())
    }

    /// 04H: identifier, password where this meter wants one, value.
    pub(super) fn old_write(&mut self, now: At, data: &[u8]) -> Done {
        let (id, rest) = data.split_first_chunk::<2>().ok_or(ERR_DATA)?;
        let (password, value) = rest.split_first_chunk::<4>().ok_or(ERR_DATA)?;
        if !self.passwords.check(now, *password, 4) {
            return Err(ERR_PASSWORD);
        }
        let done = match u16::from_le_bytes(*id) {
            0xC010 => self.write_clock(now, 0x0400_0101, value, 0),
            0xC011 => self.write_clock(now, 0x0400_0102, value, 0),
            0xC117 => self.write_parameter(now, 0x0400_0B01, value, 0),
            0xC032 => self.write_parameter(now, 0x0400_0402, value, 0),
            _ => return Err(ERR_ID),
        };
        if done { Ok(Answer::empty()) } else { Err(ERR_DATA) }
    }

    /// 0FH: old and new password.
    pub(super) fn old_change_password(&mut self, now: At, data: &[u8]) -> Done {
        let (old, new) = data.split_first_chunk::<4>().ok_or(ERR_OTHER)?;
        let [level, a, b, c] = <[u8; 4]>::try_from(new).map_err(|_| ERR_DATA)?;
        if !self.passwords.check(now, *old, level) {
            return Err(ERR_PASSWORD);
        }
        if self.passwords.set(level, [a, b, c]) { Ok(Answer::data(new.to_vec())) } else { Err(ERR_DATA) }
    }

    /// 10H: password.
    pub(super) fn old_clear_demand(&mut self, now: At, data: &[u8]) -> Done {
        let password = <[u8; 4]>::try_from(data).map_err(|_| ERR_DATA)?;
        if !self.passwords.check(now, password, 2) {
            return Err(ERR_PASSWORD);
        }
        self.truth.record(EventKind::DemandClear, now, 0);
        Ok(Answer::empty())
    }

    pub(super) const fn old_no_data(&self) -> u8 {
        ERR_ID
    }
}

/// Which of the three things a register identifier asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Energy,
    Demand,
    DemandTime,
}
