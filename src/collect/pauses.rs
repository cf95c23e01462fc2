//! When what a night is missing is read again: soon at first, then ever more seldom, until its deadline.

use std::time::Duration;

use crate::config::Collection;

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
    /// Those of a night; none where nothing is read again.
    pub(super) const fn of(collection: &Collection) -> Self {
        let left = collection.passes;
        Self { left, next: collection.pass_pause, goes_on: collection.until_deadline && left > 0 }
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

    fn minutes(more: &str, until_deadline: bool) -> Vec<u64> {
        let text = format!("[database]\npath = \"a.db\"\n[collection]\n{more}");
        let mut collection = Config::parse("a.toml".as_ref(), &text).unwrap().config.collection;
        collection.until_deadline &= until_deadline;
        let pauses = Pauses::of(&collection);
        assert_eq!(pauses.is_any(), collection.passes > 0);
        pauses.take(8).map(|pause| pause.as_secs() / 60).collect()
    }

    #[test]
    fn i20_what_is_missing_is_read_again_until_the_deadline_ever_more_seldom() {
        assert_eq!(minutes("", true), [10, 10, 10, 20, 40, 60, 60, 60]);
        assert_eq!(minutes("passes = 1\npass_pause = \"2h\"", true), [120; 8], "no pause is shortened");
        assert_eq!(minutes("passes = 2", false), [10, 10], "somebody waits");
        assert!(minutes("passes = 0", true).is_empty());
    }
}
