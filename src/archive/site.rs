//! What the configuration knows of a site, and whether an entry fits it.

use super::column::Column;
use super::fault::FaultKind;
use super::row::Row;
use crate::config::Line;
use crate::config::profile::Profiles;
use crate::domain::{ArchiveEntry, Coded, MeterPath, Moment};

/// What entries must fit. What is `None` is not checked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Site<'a> {
    /// The lines of the configuration.
    pub lines: Option<&'a [Line]>,
    /// The profiles of meters.
    pub profiles: Option<&'a Profiles>,
    /// The present: nothing was installed later.
    pub now: Option<Moment>,
}

impl Site<'_> {
    /// Notes what does not fit; says whether all does.
    pub(super) fn check(&self, entry: &ArchiveEntry, row: &mut Row<'_>) -> bool {
        let found = [
            self.line(entry).map(|kind| (Column::Line, kind)),
            self.profile(entry).map(|kind| (Column::Profile, kind)),
            self.installed_at(entry).map(|kind| (Column::InstalledAt, kind)),
        ];
        let fits = found.iter().all(Option::is_none);
        found.into_iter().flatten().for_each(|(column, kind)| row.fault(column, kind));
        fits
    }

    fn line(&self, entry: &ArchiveEntry) -> Option<FaultKind> {
        let (Some(lines), MeterPath::Line { line, .. }) = (self.lines, &entry.meter.path) else {
            return None;
        };
        let known: Vec<String> = lines.iter().map(|line| line.name.clone()).collect();
        (!known.contains(line)).then_some(FaultKind::UnknownLine { known })
    }

    fn profile(&self, entry: &ArchiveEntry) -> Option<FaultKind> {
        let profiles = self.profiles?;
        let protocol = entry.meter.protocol;
        let name = entry.meter.profile.as_deref();
        if profiles.of(name, protocol).is_some() {
            return None;
        }
        Some(match name.and_then(|name| profiles.named(name)) {
            Some(other) => FaultKind::OtherProtocol { profile: other.protocol.name() },
            None => {
                let of_protocol = profiles.all().filter(|profile| profile.protocol == protocol);
                let known = of_protocol.map(|profile| profile.name.clone()).collect();
                FaultKind::UnknownProfile { protocol: protocol.name(), known }
            }
        })
    }

    fn installed_at(&self, entry: &ArchiveEntry) -> Option<FaultKind> {
        let is_later = entry.installed_at > self.now && self.now.is_some();
        is_later.then_some(FaultKind::Future)
    }
}
