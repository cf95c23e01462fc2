//! Real-time data, AFN 0C: of the terminal itself, and of meters as they were read last. [1376 3.8]

use super::Concentrator;
use super::answer::{Heading, Said};
use super::archive::Record;
use super::class_2::{Lies, put_registers, tariffs};
use super::encode::Unit;
use super::freeze::{Kind, Registers};
use super::habits::Missing;
use super::point::{Poll, has_phase};
use super::request::Asked;
use crate::instant::At;
use crate::meter::Meter;
use crate::tariff::Tariff;
use crate::truth::instantaneous::Phased;
use crate::truth::register::{Energy, Register};

impl Concentrator {
    /// AFN 0C.
    pub(super) fn class_1(&mut self, heading: &Heading, asked: &[Asked<'_>]) -> Said {
        let lies = self.lies(heading);
        Said::units(asked.iter().filter_map(|unit| self.real_time(unit, lies)).collect())
    }

    fn real_time(&self, unit: &Asked<'_>, lies: Lies) -> Option<Vec<u8>> {
        let head = Unit::new().bytes(&unit.identifier());
        let unit = match (unit.point, unit.function) {
            (0, 2) => head.a1(Some(self.shown())),
            (0, 4) => head.byte(if self.link.may_report { 0b0101 } else { 0b0110 }),
            (0, 7) => head.bytes(&self.events.counters()),
            (0, 11) => self.night_told(head),
            (0, _) => return None,
            _ => return self.of_meter(head, unit, lies),
        };
        Some(unit.into_bytes())
    }

    /// F11: for each port how many meters there are and how many are read.
    fn night_told(&self, head: Unit) -> Unit {
        let mut ports: Vec<u8> = self.archive.records().map(Record::port).collect();
        ports.sort_unstable();
        ports.dedup();
        let day = self.shown().day().saturating_sub(1);
        let count = |port: u8, is_read: bool| {
            let records = self.archive.records().filter(|record| record.port() == port);
            let counted = records.filter(|record| !is_read || self.freeze_of(record.point, day).is_some());
            u16::try_from(counted.count()).unwrap_or(u16::MAX)
        };
        let (started, ended) = (self.collector.started, self.collector.ended);
        let head = head.byte(u8::try_from(ports.len()).unwrap_or_default());
        ports.into_iter().fold(head, |unit, port| {
            let unit = unit.byte(port).word(count(port, false)).byte(u8::from(ended.is_none()));
            unit.word(count(port, true)).byte(0).a1(started).a1(ended)
        })
    }

    fn of_meter(&self, head: Unit, unit: &Asked<'_>, lies: Lies) -> Option<Vec<u8>> {
        let record = self.archive.of_point(unit.point)?;
        let source = if lies.is_other { self.other_point(unit.point) } else { unit.point };
        let up_to = if lies.is_old { self.shown().plus(-86_400) } else { self.shown() };
        let read =
            self.meter_of(source).and_then(|meter| Some((meter, self.last_poll(record, meter, up_to)?)));
        if read.is_none() && self.habits.missing == Missing::LeftOut {
            return None;
        }
        let shown = read.map(|(_, poll)| poll.shown);
        let registers = |energy| read.map(|(meter, poll)| of_energy(meter, energy, poll.at));
        let unit = match unit.function {
            25 => match read {
                Some((meter, poll)) => instantaneous(head, meter, poll),
                None => head.missing(67),
            },
            33 | 34 => {
                let kinds: [u16; 4] = if unit.function == 33 { [0, 1, 4, 7] } else { [2, 3, 5, 6] };
                let head = head.a15(shown).byte(tariffs(record));
                kinds
                    .into_iter()
                    .filter_map(Kind::at)
                    .fold(head, |unit, kind| put_registers(unit, record, kind, registers(kind.energy)))
            }
            function @ 129..=136 => {
                let kind = Kind::at(function - 129)?;
                put_registers(head.a15(shown).byte(tariffs(record)), record, kind, registers(kind.energy))
            }
            162 => {
                let clock = read.map(|(meter, poll)| meter.truth().clock().shown(poll.at));
                head.a1(shown).a1(clock)
            }
            _ => return None,
        };
        Some(unit.into_bytes())
    }
}

/// Total and tariffs as a meter shows them.
fn of_energy(meter: &Meter, energy: Energy, at: At) -> Registers {
    let truth = meter.truth();
    let counted = truth.counted(at);
    let tariffs = Tariff::ALL.map(|tariff| Register::tariff(energy, tariff));
    let mut registers = [None; 5];
    for (to, register) in registers.iter_mut().zip(std::iter::once(Register::total(energy)).chain(tariffs)) {
        *to = Some(truth.face().shown(register, &counted));
    }
    registers
}

/// F25.
fn instantaneous(unit: Unit, meter: &Meter, poll: Poll) -> Unit {
    let measured = meter.truth().instantaneous(poll.at);
    let present = |values: [i64; 3]| {
        let mut told = values.map(Some);
        told.iter_mut().enumerate().filter(|(phase, _)| !has_phase(meter, *phase)).for_each(|(_, value)| {
            *value = None;
        });
        told
    };
    let signed = |unit: Unit, values: &[Option<i64>], bytes: usize| {
        values.iter().fold(unit, |unit, value| unit.signed(*value, bytes))
    };
    let with_total = |unit: Unit, value: Phased, bytes: usize| {
        signed(signed(unit, &[Some(value.total)], bytes), &present(value.phases), bytes)
    };
    let unit = unit.a15(Some(poll.shown));
    let unit = with_total(with_total(unit, measured.active, 3), measured.reactive, 3);
    let unit = with_total(unit, measured.power_factor, 2);
    let unit = present(measured.voltage).iter().fold(unit, |unit, value| unit.number(*value, 2));
    let unit = signed(unit, &present(measured.current), 3);
    let neutral = Some(measured.neutral).filter(|_| has_phase(meter, 1));
    with_total(signed(unit, &[neutral], 3), measured.apparent, 3)
}
