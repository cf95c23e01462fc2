//! `[audit]`: where the end of the audit log is noted.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::section::Section;

/// `[audit]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// The file that the end of the log is noted in; `None` where only the program's own log tells it.
    pub anchor_file: Option<PathBuf>,
    /// How often.
    pub anchor_every: Duration,
}

impl Audit {
    /// How often, where the file does not say.
    pub(super) const EVERY: Duration = Duration::from_secs(300);

    pub(super) fn read(section: &mut Section<'_>, base: &Path) -> Self {
        let second = Duration::from_secs(1);
        Self {
            anchor_file: section.optional("anchor_file", ..).map(|file: PathBuf| base.join(file)),
            anchor_every: section.value("anchor_every", second * 10..=second * 3600, Self::EVERY),
        }
    }
}
