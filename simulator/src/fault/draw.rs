//! Numbers for one fault, drawn one after another from its place in the seed.

use crate::seed::Seed;

/// Draws numbers.
#[derive(Clone, Debug)]
pub(super) struct Draw {
    seed: Seed,
    drawn: u64,
}

impl Draw {
    pub(super) const fn new(seed: Seed, index: u64) -> Self {
        Self { seed: seed.numbered(index), drawn: 0 }
    }

    pub(super) const fn number(&mut self) -> u64 {
        let number = self.seed.number(self.drawn);
        self.drawn += 1;
        number
    }

    /// Evenly from 0 to below `end`; 0 when that is nothing.
    pub(super) fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX);
        let scaled = (u128::from(self.number()) * u128::from(end)) >> 64;
        usize::try_from(scaled).unwrap_or_default()
    }

    /// Evenly from `low` to `high`, both included.
    pub(super) fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high.saturating_sub(low) + 1)
    }

    pub(super) fn coin(&mut self) -> bool {
        self.below(2) == 1
    }

    pub(super) fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            bytes.extend(self.number().to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    }
}
