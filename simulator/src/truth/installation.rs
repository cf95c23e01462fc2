//! What a meter is when it is put in.

use super::face::{Combination, MWH_IN_DIGIT};
use super::settlement::SettlementDays;
use crate::clock::Clock;
use crate::instant::At;
use crate::load::Load;
use crate::load::delivered::{Delivered, Direction};
use crate::seed::Seed;

/// How many phases a meter measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wiring {
    /// One, called A.
    SinglePhase,
    /// Three with a neutral.
    ThreePhase,
}

/// All that decides a meter's truth before anything happens to it.
#[derive(Clone, Debug)]
pub struct Installation {
    /// What flows through the meter.
    pub load: Load,
    /// One phase or three.
    pub wiring: Wiring,
    /// The meter's own seed: shares of phases, voltages and the like.
    pub seed: Seed,
    /// When it began to count.
    pub installed_at: At,
    /// What it had counted by then, in milliwatt-hours.
    pub opening: Delivered,
    /// Its clock.
    pub clock: Clock,
    /// Its settlement days.
    pub settlement_days: SettlementDays,
    /// Its combination words.
    pub combination: Combination,
}

impl Installation {
    /// A new meter with a right clock and settings as they leave the factory.
    #[must_use]
    pub fn new(load: Load, wiring: Wiring, seed: Seed, installed_at: At) -> Self {
        Self {
            load,
            wiring,
            seed,
            installed_at,
            opening: Delivered::default(),
            clock: Clock::right(installed_at),
            settlement_days: SettlementDays::default(),
            combination: Combination::default(),
        }
    }

    /// Opens the forward registers so that their total comes to `capacity` (in last digits) at the given instant, as
    /// long as nothing interrupts it; with [`CAPACITY`](super::face::CAPACITY) that is the rollover to zero.
    #[must_use]
    pub fn reaching(mut self, capacity: i64, at: At) -> Self {
        let (then, now) = (self.load.delivered(at), self.load.delivered(self.installed_at));
        let total = then.total(Direction::Import);
        let grown = total - now.total(Direction::Import);
        let missing = i128::from((capacity * MWH_IN_DIGIT - grown).max(0));
        self.opening = Delivered::from_fn(|channel| {
            let share = if channel.direction == Direction::Import { then.of(channel) } else { 0 };
            i64::try_from(missing * i128::from(share) / i128::from(total.max(1))).unwrap_or_default()
        });
        self
    }
}
