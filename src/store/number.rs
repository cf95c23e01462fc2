//! Numbers that are given out before a row is written, so that writing it again is the same row.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::domain::Moment;

/// Gives out numbers that rise and never repeat: the time in their upper bits, and in the lower ten which opening of the
/// database gave them out, so that a clock that was set back and a second instance do no harm.
#[derive(Debug)]
pub(super) struct Numbers {
    opening: i64,
    last: AtomicI64,
}

impl Numbers {
    /// For the so manieth opening of the database.
    pub(super) const fn new(opening: i64) -> Self {
        Self { opening: opening.rem_euclid(OPENINGS), last: AtomicI64::new(0) }
    }

    /// The next number.
    pub(super) fn next(&self, now: Moment) -> i64 {
        let now = now.micros().max(0);
        let step = |last: i64| Some(now.max(last.saturating_add(1)));
        let last = self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step).unwrap_or(0);
        now.max(last.saturating_add(1)).saturating_mul(OPENINGS).saturating_add(self.opening)
    }
}

/// When a number was given out, as long as the clock was not set back.
#[must_use]
pub const fn given_at(number: i64) -> Moment {
    Moment::from_micros(number / OPENINGS)
}

/// The least number that is given out at an instant or later, as long as the clock is not set back.
pub(super) const fn numbered_from(at: Moment) -> i64 {
    at.micros().saturating_mul(OPENINGS)
}

const OPENINGS: i64 = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_rise_whatever_the_clock_does() {
        let numbers = Numbers::new(1030);
        let given: Vec<i64> =
            [5_i64, 5, 9, 2, 2, 10].into_iter().map(|at| numbers.next(Moment::from_micros(at))).collect();
        assert_eq!(given, [5, 6, 9, 10, 11, 12].map(|time| time * 1024 + 6));
        let (before, from) = (Moment::from_micros(8), Moment::from_micros(9));
        assert!(given[1] < numbered_from(before) && numbered_from(from) <= given[2]);
    }
}
