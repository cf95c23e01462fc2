//! What the registers of a meter show of what it counted.
//!
//! Every tariff is cut to 0.01 kWh by itself and a total is the sum of the tariffs as shown, so the sum rule holds to
//! the last digit; a total that has grown past the display starts again at zero. Reactive and apparent energies hang
//! on the active ones: each follows its own by a ratio that sways a little with every sixteenth of a mean day, so
//! they need no history of their own.

use super::flow::{Counted, Shares};
use super::register::{Energy, Part, Phase, Quadrant, Register};
use crate::load::delivered::{Channel, Direction};
use crate::load::profile::Profile;
use crate::seed::Seed;
use crate::tariff::Tariff;

/// Milliwatt-hours in the last digit of a register.
pub const MWH_IN_DIGIT: i64 = 10_000;
/// Where unsigned registers start again: after 999999.99, in last digits.
pub const CAPACITY: i64 = 100_000_000;
/// Where signed registers start again: after 799999.99.
pub const SIGNED_CAPACITY: i64 = 80_000_000;

/// The combination words (组合特征字) as they stand in a meter. [645-2007 7]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Combination {
    /// `04000601`: bits forward +, forward -, reverse +, reverse -.
    pub active: u8,
    /// `04000602`: bits + and - for each quadrant, from the first.
    pub reactive_1: u8,
    /// `04000603`: the same for the second one.
    pub reactive_2: u8,
}

impl Default for Combination {
    /// Forward and reverse add up; reactive 1 is quadrants I and IV, reactive 2 is II and III.
    fn default() -> Self {
        Self { active: 0b0101, reactive_1: 0b0100_0001, reactive_2: 0b0001_0100 }
    }
}

/// How one meter turns counts into register values.
#[derive(Clone, Copy, Debug)]
pub struct Face {
    shares: Shares,
    combination: Combination,
    /// Reactive to active energy of each quadrant, in parts of [`WHOLE`].
    ratios: [i64; 4],
    sway: Seed,
    sway_mwh: i64,
}

impl Face {
    /// The face of a meter; `seed` decides how its reactive energies sway.
    #[must_use]
    pub fn new(profile: Profile, shares: Shares, combination: Combination, seed: Seed) -> Self {
        Self {
            shares,
            combination,
            ratios: profile.reactive_ratios(),
            sway: seed.named("sway"),
            sway_mwh: (profile.mean_day_on_the_meter() / 16).max(1),
        }
    }

    /// The shares of the phases.
    #[must_use]
    pub const fn shares(&self) -> Shares {
        self.shares
    }

    /// The combination words.
    #[must_use]
    pub const fn combination(&self) -> Combination {
        self.combination
    }

    /// Sets the combination words; from now on all values, also of the past, are combined so.
    pub const fn set_combination(&mut self, combination: Combination) {
        self.combination = combination;
    }

    /// A register as shown, in units of 0.01 kWh, kvarh or kVAh.
    #[must_use]
    pub fn shown(&self, register: Register, counted: &Counted) -> i64 {
        let digits = self.digits(register, counted);
        let capacity = if register.energy.is_signed() { SIGNED_CAPACITY } else { CAPACITY };
        digits % capacity
    }

    /// A register in its last digits as if it had no end.
    #[must_use]
    pub fn digits(&self, register: Register, counted: &Counted) -> i64 {
        self.value(register, counted, |exact| exact / MWH_IN_DIGIT)
    }

    /// A register in milliwatt-hours (-varh, -VAh), with no end.
    #[must_use]
    pub fn exact(&self, register: Register, counted: &Counted) -> i64 {
        self.value(register, counted, |exact| exact)
    }

    /// Adds up what makes a register, each part cut by `cut`.
    fn value(&self, register: Register, counted: &Counted, cut: impl Fn(i64) -> i64 + Copy) -> i64 {
        let Register { energy, part } = register;
        let of = |energy| self.value(Register { energy, part }, counted, cut);
        let signed = |word: u8, bit: u32, energy| {
            let is_set = |bit: u32| i64::from(word >> bit & 1);
            let sign = is_set(bit) - is_set(bit + 1);
            if sign == 0 { 0 } else { sign * of(energy) }
        };
        let quadrants = |word| {
            let each = Quadrant::ALL.into_iter().zip([0, 2, 4, 6]);
            each.map(|(quadrant, bit)| signed(word, bit, Energy::Reactive(quadrant))).sum()
        };
        match energy {
            Energy::CombinedActive => {
                let word = self.combination.active;
                signed(word, 0, Energy::ForwardActive) + signed(word, 2, Energy::ReverseActive)
            }
            Energy::CombinedReactive1 => quadrants(self.combination.reactive_1),
            Energy::CombinedReactive2 => quadrants(self.combination.reactive_2),
            _ => self.parts(register, counted, cut),
        }
    }

    /// A register that is not a combination.
    fn parts(&self, register: Register, counted: &Counted, cut: impl Fn(i64) -> i64) -> i64 {
        let direction = direction(register.energy);
        let tariff = |tariff: Tariff| {
            let active = counted.active.of(Channel { direction, tariff });
            cut(self.hanging_on(register.energy, active, u64::from(tariff.number())))
        };
        match register.part {
            Part::Total => Tariff::ALL.into_iter().map(tariff).sum(),
            Part::Tariff(one) => tariff(one),
            Part::Phase(phase) => {
                let [a, b, c] = match direction {
                    Direction::Import => counted.phase_forward,
                    Direction::Export => counted.phase_reverse,
                };
                let [share_a, share_b, share_c] = self.shares.0;
                let (passed, share, place) = match phase {
                    Phase::A => (a, share_a, 5),
                    Phase::B => (b, share_b, 6),
                    Phase::C => (c, share_c, 7),
                };
                cut(self.hanging_on(register.energy, passed * share / Shares::WHOLE, place))
            }
        }
    }

    /// The energy of a kind that goes with this much active energy; `place` keeps the sways of parts apart.
    fn hanging_on(&self, energy: Energy, active: i64, place: u64) -> i64 {
        let [first, second, third, fourth] = self.ratios;
        let apparent = |reactive: i64| active * (WHOLE * WHOLE + reactive * reactive).isqrt() / WHOLE;
        let sways = |ratio, quadrant: u64| self.swaying(ratio, active, quadrant << 3 | place);
        match energy {
            Energy::Reactive(Quadrant::I) => sways(first, 0),
            Energy::Reactive(Quadrant::II) => sways(second, 1),
            Energy::Reactive(Quadrant::III) => sways(third, 2),
            Energy::Reactive(Quadrant::IV) => sways(fourth, 3),
            Energy::ForwardApparent => apparent(first - fourth),
            Energy::ReverseApparent => apparent(second - third),
            _ => active,
        }
    }

    /// `active` times a ratio that differs from one stretch of energy to the next; rises with it and starts at zero.
    fn swaying(&self, ratio: i64, active: i64, place: u64) -> i64 {
        let (stretch, into) = (active / self.sway_mwh, active % self.sway_mwh);
        let most = self.sway_mwh * ratio / WHOLE / 4;
        let node = |stretch: i64| {
            let index = place << 48 | u64::try_from(stretch).unwrap_or_default();
            let sway = if stretch == 0 { 0 } else { self.sway.between(index, -most, most) };
            stretch * self.sway_mwh * ratio / WHOLE + sway
        };
        let (low, high) = (node(stretch), node(stretch + 1));
        low + (high - low) * into / self.sway_mwh
    }
}

/// The active energy that an energy belongs to.
const fn direction(energy: Energy) -> Direction {
    match energy {
        Energy::ReverseActive | Energy::ReverseApparent | Energy::Reactive(Quadrant::II | Quadrant::III) => {
            Direction::Export
        }
        _ => Direction::Import,
    }
}

/// Ratios are parts of this.
const WHOLE: i64 = 1024;
