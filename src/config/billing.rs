//! `[billing]`: the hand-off to the ledger.

use std::time::Duration;

use super::section::Section;

/// `[billing]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Billing {
    /// How many rows are handed over at a time.
    pub batch: u32,
    /// After how long without word a batch is taken as not handed over, and offered again under the same keys.
    pub lease: Duration,
    /// How long to wait at most after a failure; the wait doubles with each.
    pub retry_most: Duration,
}

impl Billing {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let second = Duration::from_secs(1);
        Self {
            batch: section.value("batch", 1..=10_000, 500),
            lease: section.value("lease", second * 5..=second * 3600, second * 60),
            retry_most: section.value("retry_most", second..=second * 86_400, second * 900),
        }
    }
}
