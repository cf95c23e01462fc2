//! Names of the registers of a meter.

use crate::tariff::Tariff;

/// A phase of the supply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// Phase A, the only one of a single-phase meter.
    A,
    /// Phase B.
    B,
    /// Phase C.
    C,
}

impl Phase {
    /// All three.
    pub const ALL: [Self; 3] = [Self::A, Self::B, Self::C];
}

/// What a register counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Energy {
    /// Combined active energy (组合有功), signed.
    CombinedActive,
    /// Forward active energy (正向有功).
    ForwardActive,
    /// Reverse active energy (反向有功).
    ReverseActive,
    /// Combined reactive energy 1 (组合无功1), signed.
    CombinedReactive1,
    /// Combined reactive energy 2 (组合无功2), signed.
    CombinedReactive2,
    /// Reactive energy of a quadrant (象限无功).
    Reactive(Quadrant),
    /// Forward apparent energy (正向视在).
    ForwardApparent,
    /// Reverse apparent energy (反向视在).
    ReverseApparent,
}

impl Energy {
    /// All eleven, in the order of their identifiers: combined active, forward, reverse and so on.
    pub const ALL: [Self; 11] = [
        Self::CombinedActive,
        Self::ForwardActive,
        Self::ReverseActive,
        Self::CombinedReactive1,
        Self::CombinedReactive2,
        Self::Reactive(Quadrant::I),
        Self::Reactive(Quadrant::II),
        Self::Reactive(Quadrant::III),
        Self::Reactive(Quadrant::IV),
        Self::ForwardApparent,
        Self::ReverseApparent,
    ];

    /// True for the combined ones, which may be below zero.
    #[must_use]
    pub const fn is_signed(self) -> bool {
        matches!(self, Self::CombinedActive | Self::CombinedReactive1 | Self::CombinedReactive2)
    }
}

/// A quadrant of active against reactive power.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Quadrant {
    /// Imports both: a motor.
    I,
    /// Exports active, imports reactive energy.
    II,
    /// Exports both.
    III,
    /// Imports active, exports reactive energy: too many capacitors.
    IV,
}

impl Quadrant {
    /// All four.
    pub const ALL: [Self; 4] = [Self::I, Self::II, Self::III, Self::IV];
}

/// Which part of an energy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// All of it, the sum of the tariffs.
    Total,
    /// Under one tariff.
    Tariff(Tariff),
    /// Of one phase, under all tariffs.
    Phase(Phase),
}

/// One register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Register {
    /// What it counts.
    pub energy: Energy,
    /// Which part of it.
    pub part: Part,
}

impl Register {
    /// The total of an energy.
    #[must_use]
    pub const fn total(energy: Energy) -> Self {
        Self { energy, part: Part::Total }
    }

    /// An energy under a tariff.
    #[must_use]
    pub const fn tariff(energy: Energy, tariff: Tariff) -> Self {
        Self { energy, part: Part::Tariff(tariff) }
    }

    /// An energy of a phase.
    #[must_use]
    pub const fn phase(energy: Energy, phase: Phase) -> Self {
        Self { energy, part: Part::Phase(phase) }
    }
}
