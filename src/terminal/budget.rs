//! How much a terminal may say by itself: one that floods is hung up and told of (T5).

use std::time::Duration;

use tokio::time::Instant;

/// What one terminal may still send unasked. It fills up again as time goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    left: u32,
    at: Instant,
}

impl Budget {
    pub(super) fn new(now: Instant) -> Self {
        Self { left: MOST, at: now }
    }

    /// Takes one frame off; false when there was nothing left.
    pub(super) fn spend(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.at);
        let more = u32::try_from(passed.as_millis() / EACH.as_millis()).unwrap_or(MOST);
        if more > 0 {
            self.left = self.left.saturating_add(more).min(MOST);
            self.at = now;
        }
        let has_some = self.left > 0;
        self.left = self.left.saturating_sub(1);
        has_some
    }
}

/// So many at once: what a terminal has stored while it was away.
const MOST: u32 = 1000;
/// After that one in so long, many times what any needs.
const EACH: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn t05_a_flood_ends_and_an_honest_terminal_never_comes_near() {
        let begin = Instant::now();
        let mut budget = Budget::new(begin);
        let taken = (0..10_000).filter(|_| budget.spend(begin)).count();
        assert_eq!(taken, 1000);
        let later = begin + Duration::from_secs(1);
        assert_eq!((0..100).filter(|_| budget.spend(later)).count(), 20);
        let mut honest = Budget::new(begin);
        assert!((0..100_000_u32).all(|beat| honest.spend(begin + Duration::from_millis(200) * beat)));
    }
}
