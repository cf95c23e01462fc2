//! When what a night is missing is read again: soon at first, then ever more seldom, until its deadline.

use std::time::Duration;

use crate::config::Collection;
use crate::domain::Run;
use crate::plan::night_of;

/// The pauses before the passes of one line, one after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pauses {
    /// How many passes come one usual pause apart.
    left: u8,
    next: Duration,
    /// Whether more come behind those.
    goes_on: bool,
}

impl Pauses {
    /// Those of a run; none where nothing is read again. One by day does not go on for as long as a night is: others wait for it
    /// to read again what they miss.
    pub(super) fn of(collection: &Collection, run: &Run) -> Self {
        let left = collection.passes;
        let is_by_day = run.deadline > night_of(run.day, collection.start, collection.deadline).deadline;
        let goes_on = collection.until_deadline && left > 0 && !is_by_day;
        Self { left, next: collection.pass_pause, goes_on }
    }

    /// Of what is not come back to.
    pub(super) const NONE: Self = Self { left: 0, next: Duration::ZERO, goes_on: false };

    /// Whether there is a pass at all.
    pub(super) const fn is_any(&self) -> bool {
        self.left > 0 || self.goes_on
    }
}

impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        if self.left > 0 {
            self.left -= 1;
            return Some(self.next);
        }
        self.goes_on.then(|| {
            self.next = (self.next * 2).min(LONGEST.max(self.next));
            self.next
        })
    }
}

/// What comes back later than this has the next night before long.
const LONGEST: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::domain::{Day, Id, Moment, RunKind, RunState};

    fn run_until(deadline: impl FnOnce(Day) -> Moment) -> Run {
        let day = "2026-11-22".parse::<Day>().unwrap();
        Run {
            id: Id::new(1),
            scope: "site".to_owned(),
            day,
            kind: RunKind::Nightly,
            planned: 1,
            started_at: day.start(),
            deadline: deadline(day),
            state: RunState::Running,
            ended_at: None,
        }
    }

    fn minutes(more: &str, until_deadline: bool) -> Vec<u64> {
        let text = format!("[database]\npath = \"a.db\"\n[collection]\n{more}");
        let mut collection = Config::parse("a.toml".as_ref(), &text).unwrap().config.collection;
        collection.until_deadline &= until_deadline;
        let night = run_until(|day| night_of(day, collection.start, collection.deadline).deadline);
        let pauses = Pauses::of(&collection, &night);
        assert_eq!(pauses.is_any(), collection.passes > 0);
        pauses.take(8).map(|pause| pause.as_secs() / 60).collect()
    }

    #[test]
    fn i20_what_is_missing_is_read_again_until_the_deadline_ever_more_seldom() {
        assert_eq!(minutes("", true), [10, 10, 10, 20, 40, 60, 60, 60]);
        assert_eq!(minutes("passes = 1\npass_pause = \"2h\"", true), [120; 8], "no pause is shortened");
        assert_eq!(minutes("passes = 2", false), [10, 10], "somebody waits");
        assert!(minutes("passes = 0", true).is_empty());
        let config = Config::parse("a.toml".as_ref(), "[database]\npath = \"a.db\"\n").unwrap().config;
        let noon = run_until(|day| day.start().plus(Duration::from_secs(12 * 3600)));
        assert_eq!(Pauses::of(&config.collection, &noon).count(), 3, "by day others wait for it");
    }
}
