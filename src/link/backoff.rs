//! How long to wait before the next attempt to open a path.

use std::time::Duration;

/// Waits that grow from one attempt to the next, each drawn between half of its step and the whole of it, so that many
/// lines that failed together do not come back together (F20). The seed alone decides the draws.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    most: Duration,
    step: Duration,
    state: u64,
}

impl Backoff {
    /// Begins with `first` and doubles up to `most`.
    #[must_use]
    pub fn new(first: Duration, most: Duration, seed: u64) -> Self {
        let first = first.min(most);
        Self { first, most, step: first, state: seed }
    }

    /// How long to wait now.
    pub fn wait(&mut self) -> Duration {
        let step = self.step;
        self.step = step.saturating_mul(2).min(self.most);
        let half = step / 2;
        let span = u64::try_from(half.as_micros()).unwrap_or(u64::MAX);
        half + Duration::from_micros(self.draw() % span.saturating_add(1))
    }

    /// It has worked: begins anew.
    pub const fn reset(&mut self) {
        self.step = self.first;
    }

    /// The next number of the sequence (SplitMix64).
    const fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn waits_grow_to_the_most_and_begin_anew() {
        let mut backoff = Backoff::new(SECOND / 2, SECOND * 60, 7);
        let mut step = SECOND / 2;
        for _ in 0..20 {
            let wait = backoff.wait();
            assert!(step / 2 <= wait && wait <= step, "{wait:?} of {step:?}");
            step = (step * 2).min(SECOND * 60);
        }
        backoff.reset();
        assert!(backoff.wait() <= SECOND / 2);
    }

    #[test]
    fn the_seed_alone_decides_and_lines_differ() {
        let waits = |seed| {
            let mut backoff = Backoff::new(SECOND, SECOND * 60, seed);
            [(); 10].map(|()| backoff.wait())
        };
        assert_eq!(waits(1), waits(1));
        let distinct: std::collections::HashSet<_> = (0..1000).map(|seed| waits(seed)[6]).collect();
        assert!(distinct.len() > 990, "a thousand lines that failed together come back one by one");
    }
}
