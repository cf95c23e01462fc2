//! Instantaneous values (变量): power as the curve of the running slot says, and what belongs to it.
//!
//! Power is the energy of the slot spread evenly over it, so it never contradicts the registers; voltage, frequency
//! and temperature wander from minute to minute by seed and time alone.

use super::Truth;
use super::event::EventKind;
use super::flow::{Counted, Flow, Shares, Way};
use super::installation::Wiring;
use super::register::{Energy, Phase, Quadrant, Register};
use crate::instant::{At, SLOT_SECONDS, place};
use crate::load::delivered::Direction;
use crate::seed::Seed;

/// A value for all phases together and for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Phased {
    /// All together.
    pub total: i64,
    /// A, B and C.
    pub phases: [i64; 3],
}

/// What a meter measures at an instant. A single-phase meter has zeros for phases B and C; a meter without supply has
/// zeros for all but its temperature and batteries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Instantaneous {
    /// Voltages, 0.1 V.
    pub voltage: [i64; 3],
    /// Currents, 0.001 A; below zero where active power is.
    pub current: [i64; 3],
    /// Active power, 0.1 W; below zero when it flows to the grid.
    pub active: Phased,
    /// Reactive power, 0.1 var; above zero in quadrants I and II.
    pub reactive: Phased,
    /// Apparent power, 0.1 VA.
    pub apparent: Phased,
    /// Power factors, 0.001, with the sign of active power; 1 where nothing flows.
    pub power_factor: Phased,
    /// Angles of current behind voltage, 0.1 degree, 0 to 359.9.
    pub angle: [i64; 3],
    /// Current of the neutral, 0.001 A.
    pub neutral: i64,
    /// Frequency, 0.01 Hz.
    pub frequency: i64,
    /// Temperature inside the meter, 0.1 degree Celsius.
    pub temperature: i64,
    /// Voltage of the clock's battery, 0.01 V.
    pub clock_battery: i64,
    /// Voltage of the battery for reading without supply, 0.01 V.
    pub reading_battery: i64,
}

impl Truth {
    /// What the meter measures at an instant.
    #[must_use]
    pub fn instantaneous(&self, at: At) -> Instantaneous {
        let mut measured = Instantaneous {
            temperature: self.temperature(at),
            clock_battery: self.clock_battery(at),
            reading_battery: 598 + self.seed.named("battery").between(1, -5, 5),
            ..Instantaneous::default()
        };
        if !self.is_powered(at) {
            return measured;
        }
        measured.frequency = Seed::new(50).between(u64::from(at.seconds() / 60), 4_995, 5_005);
        let power = self.power(at);
        let seen = power.seen_by(self.flow(at));
        let phases = Phase::ALL.into_iter().zip(power.phases.iter().zip(seen.phases));
        for (number, (phase, (load, seen))) in phases.take(self.phases()).enumerate() {
            let (voltage, current) = self.voltage_and_current(phase, *load, at);
            set(&mut measured.voltage, number, voltage);
            set(&mut measured.current, number, if seen.active < 0 { -current } else { current });
            set(&mut measured.active.phases, number, seen.active / MILLIWATTS);
            set(&mut measured.reactive.phases, number, seen.reactive / MILLIWATTS);
            set(&mut measured.apparent.phases, number, seen.apparent() / MILLIWATTS);
            set(&mut measured.power_factor.phases, number, seen.factor());
            set(&mut measured.angle, number, angle(seen));
        }
        let total = seen.total();
        measured.active.total = total.active / MILLIWATTS;
        measured.reactive.total = total.reactive / MILLIWATTS;
        measured.apparent.total = total.apparent() / MILLIWATTS;
        measured.power_factor.total = total.factor();
        let [a, b, c] = measured.current;
        measured.neutral = (a * a + b * b + c * c - a * b - b * c - c * a).max(0).isqrt();
        measured
    }

    fn phases(&self) -> usize {
        match self.wiring() {
            Wiring::SinglePhase => 1,
            Wiring::ThreePhase => 3,
        }
    }

    /// What the load takes from each phase, seen by the meter or not.
    fn power(&self, at: At) -> PhasePowers {
        let at = self.load().held(at);
        let slot = at.slot_start();
        let [start, end] = [slot, slot.plus(i64::from(SLOT_SECONDS))].map(|at| self.load().unheld(at));
        let energy = end.since(&start);
        let shares = self.face().shares();
        let counted = self.counted(slot);
        let grown = counted.plus(&Counted::through(Flow([Way::With; 3]), shares, &energy));
        let reactive = |quadrant| {
            let register = Register::total(Energy::Reactive(quadrant));
            self.face().exact(register, &grown) - self.face().exact(register, &counted)
        };
        let [first, second, third, fourth] = Quadrant::ALL.map(reactive);
        let total = Power {
            active: (energy.total(Direction::Import) - energy.total(Direction::Export)) * SLOTS_AN_HOUR,
            reactive: (first + second - third - fourth) * SLOTS_AN_HOUR,
        };
        let phases = shares.0.map(|share| Power {
            active: total.active * share / Shares::WHOLE,
            reactive: total.reactive * share / Shares::WHOLE,
        });
        PhasePowers { phases }
    }

    fn voltage_and_current(&self, phase: Phase, load: Power, at: At) -> (i64, i64) {
        let on = |kind| self.log().is_on(kind, at);
        let (hour, minute) = (at.seconds() / 3600, at.seconds() / 60);
        let (seed, low) = match phase {
            Phase::A => (self.seed.named("voltage a"), 3),
            Phase::B => (self.seed.named("voltage b"), 0),
            Phase::C => (self.seed.named("voltage c"), -4),
        };
        let evening = SAG.get(place(hour % 24)).copied().unwrap_or_default();
        let wander = seed.between(hour.into(), -25, 25);
        let next = seed.between(u64::from(hour) + 1, -25, 25);
        let wander = wander + (next - wander) * i64::from(minute % 60) / 60;
        let flicker = seed.between((1 << 32) + u64::from(minute), -8, 8);
        let whole = 2_215 + low - evening + wander + flicker;
        let current = load.apparent() * 10 / whole;
        let voltage = if on(EventKind::VoltageLoss(phase)) || on(EventKind::PhaseFailure(phase)) {
            flicker.abs()
        } else {
            whole
        };
        let none = [EventKind::RelayOpen, EventKind::PhaseFailure(phase), EventKind::CurrentLoss(phase)];
        (voltage, if none.into_iter().any(on) { 0 } else { current })
    }

    fn temperature(&self, at: At) -> i64 {
        let mean = at.civil().map_or(200, |date| self.load().table().weather().day(date).temperature_tenths);
        let hour = DAY_TEMPERATURE.get(place(at.second_of_day() / 3600)).copied().unwrap_or_default();
        mean + hour + 40 + self.seed.named("warmth").between(u64::from(at.seconds() / 60), -2, 2)
    }

    /// A lithium cell: steady for years, and low when the log says so.
    fn clock_battery(&self, at: At) -> i64 {
        if self.log().is_on(EventKind::ClockBatteryLow, at) {
            return 262;
        }
        let years = at.since(self.installed_at()).max(0) / (365 * 86_400);
        366 - years + self.seed.named("battery").between(0, -2, 2)
    }
}

/// Power of one phase or of all, in milliwatts.
#[derive(Clone, Copy, Debug, Default)]
struct Power {
    active: i64,
    reactive: i64,
}

#[derive(Clone, Copy, Debug)]
struct PhasePowers {
    phases: [Power; 3],
}

impl PhasePowers {
    fn seen_by(self, flow: Flow) -> Self {
        let mut seen = self;
        for (power, way) in seen.phases.iter_mut().zip(flow.0) {
            *power = Power { active: power.active * way.sign(), reactive: power.reactive * way.sign() };
        }
        seen
    }

    fn total(self) -> Power {
        self.phases.into_iter().fold(Power::default(), |sum, power| Power {
            active: sum.active + power.active,
            reactive: sum.reactive + power.reactive,
        })
    }
}

impl Power {
    const fn apparent(self) -> i64 {
        (self.active * self.active + self.reactive * self.reactive).isqrt()
    }

    fn factor(self) -> i64 {
        let apparent = self.apparent();
        if apparent == 0 { 1000 } else { self.active * 1000 / apparent }
    }
}

/// The angle of a power in tenths of a degree, by turning it step by step onto the axis.
fn angle(power: Power) -> i64 {
    if power.apparent() == 0 {
        return 0;
    }
    // Half a turn brings a power that flows to the grid to the right half of the plane.
    let (half, sign) = if power.active < 0 { (180_000, -1) } else { (0, 1) };
    let (mut x, mut y) = ((sign * power.active) << 10, (sign * power.reactive) << 10);
    let mut turned = half;
    for (shift, step) in (0_u32..).zip(STEPS) {
        let side = if y < 0 { -1 } else { 1 };
        (x, y) = (x + side * (y >> shift), y - side * (x >> shift));
        turned += side * step;
    }
    (turned + 50).rem_euclid(360_000) / 100
}

fn set(values: &mut [i64; 3], number: usize, value: i64) {
    if let Some(kept) = values.get_mut(number) {
        *kept = value;
    }
}

/// Milliwatts in a last digit of power.
const MILLIWATTS: i64 = 100;
const SLOTS_AN_HOUR: i64 = 4;
/// Arc tangents of one, a half, a quarter and so on, thousandths of a degree.
const STEPS: [i64; 14] = [45_000, 26_565, 14_036, 7_125, 3_576, 1_790, 895, 448, 224, 112, 56, 28, 14, 7];
/// How far the voltage sags by the hour, 0.1 V.
const SAG: [i64; 24] =
    [0, 0, 0, 0, 0, 0, 3, 8, 10, 10, 10, 12, 12, 10, 10, 10, 12, 18, 26, 30, 30, 26, 16, 6];
/// How far the hours are from the mean temperature of the day, 0.1 degree.
const DAY_TEMPERATURE: [i64; 24] = [
    -30, -35, -39, -42, -44, -45, -41, -31, -18, -4, 11, 24, 35, 42, 45, 43, 36, 27, 17, 8, -1, -9, -17, -24,
];

#[cfg(test)]
mod tests;
