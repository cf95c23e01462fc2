//! Watches what nobody presses a button for: the file that stops cuts, and a clock that jumps (F33, F52).

use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::Moment;

/// True when the file that stops all cuts is there. A folder that cannot be looked into counts as if it were.
#[must_use]
pub fn is_stopped(file: Option<&Path>) -> bool {
    file.is_some_and(|file| file.try_exists().unwrap_or(true))
}

/// Compares wall time with time that cannot jump, from one look to the next, and holds what it has seen until somebody has
/// seen to it: a database that is away at that moment makes no jump forgotten.
#[derive(Debug)]
pub(super) struct ClockWatch {
    wall: Moment,
    steady: Instant,
    /// Microseconds by which the clock has jumped and that nobody has seen to.
    jumped_us: i64,
    /// What the clock would have shown when it jumped ahead, and by how many microseconds.
    ahead: Vec<(Moment, i64)>,
}

impl ClockWatch {
    pub(super) fn new(wall: Moment, steady: Instant) -> Self {
        Self { wall, steady, jumped_us: 0, ahead: Vec::new() }
    }

    /// By how many microseconds the clock has jumped, as far as nobody has seen to it; a jump is more than the clock may be
    /// set by.
    pub(super) fn jump(&mut self, wall: Moment, steady: Instant) -> Option<i64> {
        let passed = steady.saturating_duration_since(self.steady);
        let expected = self.wall.plus(passed);
        let off = wall.micros_since(expected);
        (self.wall, self.steady) = (wall, steady);
        self.leap(expected, off);
        self.note(off);
        (self.jumped_us != 0).then_some(self.jumped_us)
    }

    /// A moment that the clock showed once, moved on by all that it has jumped ahead since: as long ago as the clock now says
    /// (F33).
    pub(super) fn moved(&self, shown: Moment) -> Moment {
        let since = self.ahead.iter().filter(|(at, _)| *at >= shown);
        since.fold(shown, |shown, (_, by)| Moment::from_micros(shown.micros().saturating_add(*by)))
    }

    fn leap(&mut self, expected: Moment, off_us: i64) {
        if !is_jump(off_us) {
            return;
        }
        if off_us > 0 {
            self.ahead.push((expected, off_us));
            let many = self.ahead.len().saturating_sub(MOST_LEAPS);
            self.ahead.drain(..many);
            return;
        }
        // It goes back to what it showed before: that much of the last leaps is undone.
        let mut back = off_us.unsigned_abs();
        while let Some((at, by)) = self.ahead.pop() {
            let left = by.unsigned_abs().saturating_sub(back);
            back = back.saturating_sub(by.unsigned_abs());
            if left > 0 {
                self.ahead.push((at, i64::try_from(left).unwrap_or(i64::MAX)));
                return;
            }
        }
    }

    /// Notes that the clock is so many microseconds from where it was, if that is more than it may be.
    pub(super) fn note(&mut self, off_us: i64) {
        if is_jump(off_us) {
            self.jumped_us = self.jumped_us.saturating_add(off_us);
        }
    }

    /// Somebody has seen to so much of it.
    pub(super) const fn seen_to(&mut self, jumped_us: i64) {
        self.jumped_us = self.jumped_us.saturating_sub(jumped_us);
    }
}

fn is_jump(off_us: i64) -> bool {
    off_us.unsigned_abs() > u64::try_from(STEP.as_micros()).unwrap_or(u64::MAX)
}

/// So many leaps are remembered.
const MOST_LEAPS: usize = 64;

/// How far the clock may be set without anybody being asked.
const STEP: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn f33_a_step_of_the_clock_either_way_is_seen_and_its_running_is_not() {
        let start = Moment::from_micros(1_795_278_330_000_000);
        let seconds = Duration::from_secs;
        let mut watch = ClockWatch::new(start, Instant::now());
        tokio::time::advance(seconds(3600)).await;
        assert_eq!(watch.jump(start.plus(seconds(3660)), Instant::now()), None);
        assert_eq!(watch.jump(start.plus(seconds(3721)), Instant::now()), Some(61_000_000));
        assert_eq!(
            watch.jump(start.plus(seconds(3721)), Instant::now()),
            Some(61_000_000),
            "nobody saw to it"
        );
        watch.seen_to(61_000_000);
        assert_eq!(watch.jump(start.plus(seconds(121)), Instant::now()), Some(-3_600_000_000));
        watch.seen_to(-3_600_000_000);
        tokio::time::advance(seconds(10)).await;
        assert_eq!(watch.jump(start.plus(seconds(131)), Instant::now()), None);
    }

    #[tokio::test(start_paused = true)]
    async fn f33_what_happened_before_the_clock_leapt_is_as_long_ago_as_it_was() {
        let start = Moment::from_micros(1_795_278_330_000_000);
        let seconds = Duration::from_secs;
        let after = |number| start.plus(seconds(number));
        let mut watch = ClockWatch::new(start, Instant::now());
        tokio::time::advance(seconds(10)).await;
        assert!(watch.jump(after(3610), Instant::now()).is_some());
        assert_eq!(watch.moved(after(5)), after(3605), "five seconds ago");
        assert_eq!(watch.moved(after(3610)), after(3610), "noted since");
        tokio::time::advance(seconds(10)).await;
        assert!(watch.jump(after(20), Instant::now()).is_none(), "it is as it was");
        assert_eq!(watch.moved(after(5)), after(5));
    }

    #[test]
    fn f52_the_file_stops_as_long_as_it_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("STOP");
        assert!(!is_stopped(None) && !is_stopped(Some(&file)));
        std::fs::write(&file, "").unwrap();
        assert!(is_stopped(Some(&file)));
    }
}
