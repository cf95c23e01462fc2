//! Voltages, currents, powers and the rest of class 02. [645-2007 8]

use super::Meter;
use super::encode::Data;
use crate::instant::At;
use crate::truth::installation::Wiring;
use crate::truth::instantaneous::Phased;
use crate::truth::register::{Energy, Quadrant, Register};

/// What a single-phase meter says of phases B and C when all phases are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AbsentPhases {
    /// FF bytes.
    Filled,
    /// Zeros.
    Zero,
    /// Nothing: the answer is shorter.
    LeftOut,
}

impl Meter {
    /// `02 DI2 DI1 DI0`.
    pub(super) fn variable_class(&self, now: At, [di0, di1, di2, _]: [u8; 4]) -> Option<Vec<u8>> {
        if (di2, di1) == (0x80, 0x00) {
            return self.single_variable(now, di0);
        }
        let measured = self.truth.instantaneous(now);
        let phased = |values: [i64; 3]| Phased { total: 0, phases: values };
        // Values, bytes of each, whether there is a sign, whether there is a total.
        let (values, bytes, is_signed, has_total) = match di2 {
            0x01 => (phased(measured.voltage), 2, false, false),
            0x02 => (phased(measured.current), 3, true, false),
            0x03 => (measured.active, 3, true, true),
            0x04 => (measured.reactive, 3, true, true),
            0x05 => (measured.apparent, 3, false, true),
            0x06 => (measured.power_factor, 2, true, true),
            0x07 => (phased(measured.angle), 2, false, false),
            _ => return None,
        };
        let put = |data: Data, value: i64| data.number_or_signed(value, bytes, is_signed);
        let of_phase = |place: u8| values.phases.get(usize::from(place)).copied();
        match (di1, di0) {
            (0, 0) if has_total => Some(put(Data::new(), values.total).into_bytes()),
            (phase @ 1..=3, 0) => {
                let absent = phase > 1 && self.truth.wiring() == Wiring::SinglePhase;
                if absent {
                    return self.absent_phase(bytes).map(Data::into_bytes);
                }
                Some(put(Data::new(), of_phase(phase - 1)?).into_bytes())
            }
            (0xFF, 0) => {
                let mut data = Data::new();
                if has_total {
                    data = put(data, values.total);
                }
                data = put(data, of_phase(0)?);
                for phase in 1..=2 {
                    data = match (self.truth.wiring(), self.manners.absent_phases) {
                        (Wiring::ThreePhase, _) | (_, AbsentPhases::Zero) => put(data, of_phase(phase)?),
                        (_, AbsentPhases::Filled) => data.fill(0xFF, bytes),
                        (_, AbsentPhases::LeftOut) => data,
                    };
                }
                Some(data.into_bytes())
            }
            _ => None,
        }
    }

    /// A phase the meter does not have, asked for by itself.
    fn absent_phase(&self, bytes: usize) -> Option<Data> {
        match self.manners.absent_phases {
            AbsentPhases::Filled => Some(Data::new().fill(0xFF, bytes)),
            AbsentPhases::Zero => Some(Data::new().fill(0, bytes)),
            AbsentPhases::LeftOut => None,
        }
    }

    /// `028000 DI0`.
    fn single_variable(&self, now: At, di0: u8) -> Option<Vec<u8>> {
        let measured = self.truth.instantaneous(now);
        let running = |energy| self.truth.running_demand(Register::total(energy), now);
        let data = Data::new();
        let data = match di0 {
            0x01 => data.signed(measured.neutral, 3),
            0x02 => data.number(measured.frequency, 2),
            0x03 => data.signed(measured.active.total, 3),
            0x04 => data.signed(running(Energy::ForwardActive) - running(Energy::ReverseActive), 3),
            0x05 => {
                let of = |quadrant| running(Energy::Reactive(quadrant));
                data.signed(of(Quadrant::I) + of(Quadrant::II) - of(Quadrant::III) - of(Quadrant::IV), 3)
            }
            0x06 => data.number(running(Energy::ForwardApparent), 3),
            0x07 => data.signed(measured.temperature, 2),
            0x08 => data.number(measured.clock_battery, 2),
            0x09 => data.number(measured.reading_battery, 2),
            0x0A => data.number(now.since(self.truth.installed_at()) / 60, 4),
            _ => return None,
        };
        Some(data.into_bytes())
    }
}
