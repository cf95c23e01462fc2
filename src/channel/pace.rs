//! How long one meter takes to answer, learned from its answers: the first byte and the pauses inside apart (F13).
//!
//! The limits never go below what the standard allows a meter, because an answer that is still to come would meet the
//! next request. They go above it for a meter that was heard to answer late, up to a ceiling, and come back when it does
//! not answer at all: a dead meter must not be waited for as long as a slow one.

use std::time::Duration;

use dlt645::exchange::Timing;

/// What was seen of one meter.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    first_byte: Learned,
    gap: Learned,
}

impl Pace {
    /// The times of an exchange: those of its profile, moved to what was seen.
    pub(super) fn timing(&self, timing: Timing, slowest: Duration) -> Timing {
        let floor = (timing.td_max + MARGIN).min(timing.first_byte);
        let ceiling = slowest.max(timing.first_byte);
        let first_byte = self.first_byte.limit(timing.first_byte, floor, ceiling);
        let gap = self.gap.limit(timing.gap, SHORTEST_GAP.min(timing.gap), timing.gap.saturating_mul(4));
        let longer = first_byte.saturating_sub(timing.first_byte);
        Timing {
            first_byte,
            gap,
            answer_limit: timing.answer_limit.saturating_add(longer),
            // Whoever may answer so late must be waited out as well.
            td_max: timing.td_max.saturating_add(longer),
            ..timing
        }
    }

    /// It answered, so late and with such a pause.
    pub(super) fn took(&mut self, first_byte: Duration, gap: Duration) {
        self.first_byte.took(first_byte);
        self.gap.took(gap);
    }

    /// Its answer came after the limit.
    pub(super) fn was_late(&mut self, first_byte: Duration) {
        self.first_byte.at_least = first_byte.saturating_add(first_byte / 4).saturating_add(MARGIN);
        self.gap = Learned::default();
    }

    /// It did not answer.
    pub(super) fn missed(&mut self) {
        *self = Self::default();
    }
}

/// The usual time and how far it strays, as TCP learns its round trips.
#[derive(Clone, Copy, Debug, Default)]
struct Learned {
    usual: Duration,
    stray: Duration,
    samples: u32,
    /// It was seen to take longer than its limit.
    at_least: Duration,
}

impl Learned {
    fn took(&mut self, time: Duration) {
        if self.samples == 0 {
            (self.usual, self.stray) = (time, time / 2);
        } else {
            let off = self.usual.abs_diff(time);
            self.stray = self.stray - self.stray / 4 + off / 4;
            self.usual = self.usual - self.usual / 8 + time / 8;
        }
        self.samples = self.samples.saturating_add(1);
        // What it was seen to need once is forgotten slowly.
        self.at_least -= self.at_least / 16;
    }

    fn limit(&self, initial: Duration, floor: Duration, ceiling: Duration) -> Duration {
        let own = if self.samples < ENOUGH { initial } else { self.expected() };
        own.max(self.at_least).max(floor).min(ceiling)
    }

    const fn expected(&self) -> Duration {
        self.usual.saturating_add(self.stray.saturating_mul(4)).saturating_add(MARGIN)
    }
}

/// What a limit stands above what was seen.
const MARGIN: Duration = Duration::from_millis(60);
/// No limit between bytes goes below: converters and networks hold bytes back.
const SHORTEST_GAP: Duration = Duration::from_millis(150);
/// So many answers are needed to know a meter.
const ENOUGH: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SLOWEST: Duration = Duration::from_secs(5);

    fn ms(number: u64) -> Duration {
        Duration::from_millis(number)
    }

    #[test]
    fn f13_the_limits_follow_the_meter_and_keep_their_bounds() {
        let timing = Timing::serial(2400);
        let mut pace = Pace::default();
        assert_eq!(pace.timing(timing, SLOWEST), timing, "nothing is known");
        for _ in 0..20 {
            pace.took(ms(50), ms(5));
        }
        let quick = pace.timing(timing, SLOWEST);
        assert_eq!(quick.first_byte, timing.td_max + MARGIN, "not below what a meter may take");
        assert_eq!((quick.gap, quick.td_max), (SHORTEST_GAP, timing.td_max));

        pace.was_late(ms(1500));
        let slow = pace.timing(timing, SLOWEST);
        assert_eq!(slow.first_byte, ms(1500 + 375) + MARGIN);
        assert_eq!(slow.td_max - timing.td_max, slow.first_byte - timing.first_byte);
        assert_eq!(slow.answer_limit - timing.answer_limit, slow.first_byte - timing.first_byte);
        pace.was_late(ms(60_000));
        assert_eq!(pace.timing(timing, SLOWEST).first_byte, SLOWEST, "the ceiling");

        // It is quick again: the limit comes down by itself.
        for _ in 0..200 {
            pace.took(ms(50), ms(5));
        }
        assert_eq!(pace.timing(timing, SLOWEST).first_byte, timing.td_max + MARGIN);
        pace.was_late(ms(1500));
        pace.missed();
        assert_eq!(pace.timing(timing, SLOWEST), timing, "a dead meter is not waited for as a slow one");
    }

    proptest! {
        /// Whatever a meter does: within the bounds, and long enough for what it did last.
        #[test]
        fn f13_any_meter_is_met_within_the_bounds(
            steps in proptest::collection::vec((0..4_u8, 0..20_000_u64, 0..2_000_u64), 0..200),
            delay in 0..20_000_u64,
        ) {
            let timing = Timing::serial(2400).with_path_delay(ms(delay));
            let mut pace = Pace::default();
            for (what, first, gap) in steps {
                match what {
                    0 | 1 => pace.took(ms(first), ms(gap)),
                    2 => pace.was_late(ms(first)),
                    _ => pace.missed(),
                }
                let now = pace.timing(timing, SLOWEST);
                prop_assert!(now.first_byte >= timing.td_max, "an answer may still come");
                prop_assert!(now.first_byte <= SLOWEST.max(timing.first_byte));
                prop_assert!(now.gap >= SHORTEST_GAP && now.gap <= timing.gap * 4);
                prop_assert!(now.answer_limit >= timing.answer_limit && now.td_max >= timing.td_max);
                if what == 2 {
                    prop_assert!(now.first_byte >= ms(first).min(SLOWEST));
                }
            }
        }
    }
}
