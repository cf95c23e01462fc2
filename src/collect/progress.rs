//! How far a run has come, for whoever watches.

use std::collections::BTreeMap;

use crate::domain::{Coded, MissingCause, RunOutcome};

/// How far a run has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Meters the run was planned for.
    pub planned: u32,
    /// Meters whose registers are read.
    pub read: u32,
    /// Meters that are missing so far, by cause.
    pub missing: BTreeMap<MissingCause, u32>,
    /// Values of curves that were filled in.
    pub slots: u64,
    /// Steps done and steps known of: a meter's registers, its curves, its events.
    pub steps: (u64, u64),
    /// Each line.
    pub lines: BTreeMap<String, LineProgress>,
}

/// How far a line has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineProgress {
    /// Meters on it.
    pub planned: u32,
    /// Those that are read.
    pub read: u32,
    /// Those that were asked and are missing.
    pub missing: u32,
}

impl Progress {
    /// A meter is where it was not before.
    pub(super) fn changed(&mut self, line: &str, before: RunOutcome, now: RunOutcome) {
        let entry = self.lines.entry(line.to_owned()).or_default();
        match before {
            RunOutcome::Waiting => {}
            RunOutcome::Read => {
                (self.read, entry.read) = (self.read.saturating_sub(1), entry.read.saturating_sub(1))
            }
            RunOutcome::Missing(cause) => {
                entry.missing = entry.missing.saturating_sub(1);
                if let Some(count) = self.missing.get_mut(&cause) {
                    *count = count.saturating_sub(1);
                }
            }
        }
        match now {
            RunOutcome::Waiting => {}
            RunOutcome::Read => (self.read, entry.read) = (self.read + 1, entry.read + 1),
            RunOutcome::Missing(cause) => {
                entry.missing += 1;
                *self.missing.entry(cause).or_default() += 1;
            }
        }
        self.missing.retain(|_, count| *count > 0);
    }

    /// The causes in words, the most frequent first.
    #[must_use]
    pub fn causes(&self) -> Vec<(MissingCause, u32)> {
        let mut causes: Vec<_> = self.missing.iter().map(|(cause, count)| (*cause, *count)).collect();
        causes.sort_by_key(|(cause, count)| (std::cmp::Reverse(*count), cause.code()));
        causes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i19_a_meter_is_counted_once_wherever_it_stands() {
        let mut progress = Progress { planned: 2, ..Progress::default() };
        let silent = RunOutcome::Missing(MissingCause::Silent);
        progress.changed("L1", RunOutcome::Waiting, silent);
        progress.changed("L1", RunOutcome::Waiting, RunOutcome::Missing(MissingCause::Clock));
        assert_eq!(progress.causes().len(), 2);
        progress.changed("L1", silent, RunOutcome::Read);
        assert_eq!((progress.read, progress.causes()), (1, vec![(MissingCause::Clock, 1)]));
        assert_eq!(progress.lines["L1"], LineProgress { planned: 0, read: 1, missing: 1 });
    }
}
