//! `[supply]`: cutting and restoring supply.
//!
//! The ceilings can only be made stricter than those built in: who may cut more than that is not for one person who edits
//! a file to say.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::section::Section;
use crate::domain::supply::Ceilings;

/// `[supply]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Supply {
    /// As long as this file is there, nobody is cut.
    pub stop_file: Option<PathBuf>,
    /// How many may be cut.
    pub ceilings: Ceilings,
    /// How long a meter may obey an order, by its own clock.
    pub valid_for: Duration,
}

impl Supply {
    pub(super) fn read(section: &mut Section<'_>, base: &Path) -> Self {
        let most = Ceilings::BUILT_IN;
        let second = Duration::from_secs(1);
        Self {
            stop_file: section.optional("stop_file", ..).map(|file: PathBuf| base.join(file)),
            ceilings: Ceilings {
                order: section.value("cuts_per_order", 1..=most.order, most.order),
                hour: section.value("cuts_per_hour", 1..=most.hour, most.hour),
                day: section.value("cuts_per_day", 1..=most.day, most.day),
                area_percent: section.value(
                    "area_percent_per_hour",
                    1..=most.area_percent,
                    most.area_percent,
                ),
                total_percent: section.value(
                    "total_percent_per_day",
                    1..=most.total_percent,
                    most.total_percent,
                ),
            },
            valid_for: section.value("valid_for", second * 60..=second * 300, second * 300),
        }
    }
}
