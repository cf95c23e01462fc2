//! `[on_demand]`: reads that somebody waits for.

use std::time::Duration;

use super::section::Section;

/// `[on_demand]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnDemand {
    /// How long a job is worth asking for, where whoever asks does not say.
    pub expiry: Duration,
    /// How many meters one job may have.
    pub most_meters: u32,
    /// How many meters may wait in all jobs together.
    pub most_waiting: u32,
    /// After how many days jobs and their answers are forgotten.
    pub keep_days: u32,
}

impl OnDemand {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let minute = Duration::from_secs(60);
        Self {
            expiry: section.value("expiry", minute..=minute * 1440, minute * 30),
            most_meters: section.value("most_meters", 1..=10_000, 1000),
            most_waiting: section.value("most_waiting", 1..=100_000, 5000),
            keep_days: section.value("keep_days", 1..=3650, 90),
        }
    }
}
