//! How often one terminal sends its heartbeat, learned from what it does.

use std::time::Duration;

use tokio::time::Instant;

/// The heartbeats of one terminal.
///
/// One that was not confirmed is repeated soon, so that a single pause says little: the longest of the last three counts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    last: Option<Instant>,
    pauses: [Option<Duration>; 3],
}

impl Pace {
    /// A heartbeat came.
    pub(super) fn beat(&mut self, now: Instant) {
        if let Some(last) = self.last.replace(now) {
            let [first, second, _] = self.pauses;
            self.pauses = [Some(now.saturating_duration_since(last)), first, second];
        }
    }

    /// A session begins: the pause before it says nothing.
    pub(super) const fn begin(&mut self) {
        self.last = None;
    }

    /// How often, once it is known.
    pub(super) fn period(&self) -> Option<Duration> {
        let [Some(first), Some(second), Some(third)] = self.pauses else { return None };
        Some(first.max(second).max(third).clamp(SHORTEST, LONGEST))
    }
}

const SHORTEST: Duration = Duration::from_secs(30);
const LONGEST: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_longest_of_three_pauses_counts() {
        let mut pace = Pace::default();
        let mut now = Instant::now();
        pace.beat(now);
        for seconds in [30, 900] {
            now += Duration::from_secs(seconds);
            pace.beat(now);
            assert_eq!(pace.period(), None);
        }
        now += Duration::from_secs(5);
        pace.beat(now);
        assert_eq!(pace.period(), Some(Duration::from_secs(900)));
        pace.begin();
        pace.beat(now + Duration::from_secs(7200));
        assert_eq!(pace.period(), Some(Duration::from_secs(900)), "what lay between sessions does not count");
    }
}
