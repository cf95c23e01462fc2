//! How far a value may be trusted, and where it came from.

use super::coded::Coded;

/// How far a value may be trusted (数据质量).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Quality {
    /// It passed every check.
    Good,
    /// It did not, and waits for a person; never billed.
    Suspect(Suspicion),
    /// Made by a rule, not by a meter, and marked so wherever it goes.
    Estimated,
}

/// What is wrong with a suspect value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Suspicion {
    /// The register fell, and not by rolling over (倒走).
    BackwardStep,
    /// It rose by more than the connection can carry (飞走).
    LargeStep,
    /// The tariffs do not add up to the total.
    TariffSum,
    /// It did not move while current flowed (停走).
    Standstill,
    /// Another value for the same instant is already accepted.
    Conflict,
    /// The meter's clock was wrong when it was stored.
    Clock,
    /// It is not certain which meter answered.
    Identity,
    /// What is kept is not as it was written (F42); nothing is ever kept as this.
    Damaged,
    /// No meter can have measured it: it is outside the range of its format (超量程).
    OutOfRange,
}

impl Quality {
    /// Whether a value of this quality may be billed.
    #[must_use]
    pub const fn is_accepted(self) -> bool {
        matches!(self, Self::Good | Self::Estimated)
    }

    /// The quality of what two values make together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Suspect(_), _) | (Self::Estimated, Self::Good) => self,
            _ => other,
        }
    }
}

impl Coded for Quality {
    const TABLE: &'static [(Self, i64, &'static str)] = &[
        (Self::Good, 0, "ok"),
        (Self::Estimated, 1, "estimated"),
        (Self::Suspect(Suspicion::BackwardStep), 10, "suspect: backward step"),
        (Self::Suspect(Suspicion::LargeStep), 11, "suspect: large step"),
        (Self::Suspect(Suspicion::TariffSum), 12, "suspect: tariff sum"),
        (Self::Suspect(Suspicion::Standstill), 13, "suspect: standstill"),
        (Self::Suspect(Suspicion::Conflict), 14, "suspect: conflict"),
        (Self::Suspect(Suspicion::Clock), 15, "suspect: clock"),
        (Self::Suspect(Suspicion::Identity), 16, "suspect: identity"),
        (Self::Suspect(Suspicion::Damaged), 17, "suspect: damaged"),
        (Self::Suspect(Suspicion::OutOfRange), 18, "suspect: out of range"),
    ];
}

/// How a value was come by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// The meter stored it at the instant it holds for (冻结).
    Freeze,
    /// A record of the meter's own load record (负荷记录).
    LoadRecord,
    /// The register as it stood when it was asked (实时).
    Live,
    /// Read by a person (人工).
    Manual,
    /// Made by the estimate rule (估算).
    Estimate,
}

impl Coded for Source {
    const TABLE: &'static [(Self, i64, &'static str)] = &[
        (Self::Freeze, 1, "freeze"),
        (Self::LoadRecord, 2, "load record"),
        (Self::Live, 3, "live"),
        (Self::Manual, 4, "manual"),
        (Self::Estimate, 5, "estimate"),
    ];
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::coded;

    #[test]
    fn codes_and_names_are_their_own() {
        coded::check::<Quality>(11);
        coded::check::<Source>(5);
    }

    #[test]
    fn two_values_are_as_good_as_the_worse() {
        let suspect = Quality::Suspect(Suspicion::Clock);
        let order = [Quality::Good, Quality::Estimated, suspect];
        for (worse, one) in order.iter().enumerate() {
            for (better, other) in order.iter().enumerate() {
                assert_eq!(one.and(*other), order[worse.max(better)]);
            }
        }
        assert_eq!(order.map(Quality::is_accepted), [true, true, false]);
    }
}
