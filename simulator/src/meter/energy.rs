//! Energies and maximum demands, classes 00 and 01. [645-2007 8]

use super::Meter;
use super::encode::Data;
use crate::instant::At;
use crate::tariff::Tariff;
use crate::truth::demand::Peak;
use crate::truth::register::{Energy, Part, Phase, Register};

/// How many settlement days back a meter keeps its registers.
const SETTLEMENTS: u8 = 12;
/// "All of them" in a place of an identifier.
pub(super) const ALL: u8 = 0xFF;

/// The energy and phase that DI2 stands for, in class 00 and 01 alike.
pub(super) fn quantity(di2: u8) -> Option<(Energy, Option<Phase>)> {
    // The quantities of each phase begin with forward active energy at these numbers.
    let phases = [(0x15, Phase::A), (0x29, Phase::B), (0x3D, Phase::C)];
    if let Some(energy) = Energy::ALL.get(usize::from(di2)) {
        return Some((*energy, None));
    }
    phases.into_iter().find_map(|(first, phase)| {
        let place = usize::from(di2.checked_sub(first)?);
        Some((*Energy::ALL.get(place + 1)?, Some(phase)))
    })
}

/// The registers DI1 stands for: the total, one tariff, or the total and all tariffs.
pub(super) fn registers(energy: Energy, phase: Option<Phase>, di1: u8) -> Option<Vec<Register>> {
    let total = phase.map_or_else(|| Register::total(energy), |phase| Register::phase(energy, phase));
    let tariffs = || Tariff::ALL.into_iter().map(|tariff| Register::tariff(energy, tariff));
    match (di1, phase) {
        (0, _) => Some(vec![total]),
        (ALL, None) => Some(std::iter::once(total).chain(tariffs()).collect()),
        (tariff, None) => Some(vec![Register::tariff(energy, Tariff::from_number(tariff)?)]),
        _ => None,
    }
}

impl Meter {
    /// `00 DI2 DI1 DI0`.
    pub(super) fn energy_class(&self, now: At, [di0, di1, di2, _]: [u8; 4]) -> Option<Vec<u8>> {
        let (energy, phase) = quantity(di2)?;
        let registers = registers(energy, phase, di1)?;
        let moments = self.moments(now, di0, registers.len())?;
        let data = moments.into_iter().fold(Data::new(), |data, moment| {
            registers.iter().fold(data, |data, register| self.register(data, *register, moment))
        });
        Some(data.into_bytes())
    }

    /// A register at a moment, four bytes; zero where the meter remembers no such moment.
    pub(super) fn register(&self, data: Data, register: Register, moment: Option<At>) -> Data {
        if self.is_filled(register) {
            return data.fill(0xFF, 4);
        }
        let value = moment.map_or(0, |at| self.truth.shown(register, at));
        data.number_or_signed(value, 4, register.energy.is_signed())
    }

    /// True for a register that the meter does not have and fills with FF.
    pub(super) fn is_filled(&self, register: Register) -> bool {
        let is_unused =
            matches!(register.part, Part::Tariff(tariff) if tariff.number() > self.manners.tariffs);
        is_unused || self.manners.fills_reverse && register.energy == Energy::ReverseActive
    }

    /// `01 DI2 DI1 DI0`: three bytes of demand and five of its time each.
    pub(super) fn demand_class(&self, now: At, [di0, di1, di2, _]: [u8; 4]) -> Option<Vec<u8>> {
        let (energy, phase) = quantity(di2)?;
        if energy == Energy::CombinedActive {
            return None;
        }
        let registers = registers(energy, phase, di1)?;
        if di0 == ALL && registers.len() > 1 || di0 != ALL && di0 > SETTLEMENTS {
            return None;
        }
        let backs = if di0 == ALL { 0..=SETTLEMENTS } else { di0..=di0 };
        let mut data = Data::new();
        for back in backs {
            for register in &registers {
                data = self.peak(data, *register, self.demand_back(*register, back, now));
            }
        }
        Some(data.into_bytes())
    }

    fn demand_back(&self, register: Register, back: u8, now: At) -> Peak {
        match back {
            0 => self.truth.demand(register, now),
            back => self.truth.settled_demand(register, back.into(), now).unwrap_or_default(),
        }
    }

    /// A demand with its time, as the meter's clock showed it.
    pub(super) fn peak(&self, data: Data, register: Register, peak: Peak) -> Data {
        if self.is_filled(register) {
            return data.fill(0xFF, 8);
        }
        data.number_or_signed(peak.tenth_watts, 3, register.energy.is_signed())
            .minute(peak.at.map(|at| self.truth.clock().shown(at)))
    }

    /// Now, one settlement day, or now and all settlement days; `None` inside for one the meter does not remember.
    fn moments(&self, now: At, di0: u8, registers: usize) -> Option<Vec<Option<At>>> {
        let settled = |back: u8| match back {
            0 => Some(now),
            back => self.truth.settlements(now).nth(usize::from(back) - 1).map(|mark| mark.at),
        };
        match di0 {
            0..=SETTLEMENTS => Some(vec![settled(di0)]),
            ALL if registers == 1 => Some((0..=SETTLEMENTS).map(settled).collect()),
            _ => None,
        }
    }
}
