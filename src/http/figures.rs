//! What is told of the whole site, as far as whoever asks may see it: how far the run of the night has come with the meters in
//! their areas, and the lines that lead there (T16).

use std::collections::HashSet;

use super::Services;
use crate::domain::access::Regions;
use crate::store::StoreError;

/// How far a run has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Figures {
    /// Meters it was planned for.
    pub(super) planned: u64,
    /// Those that are read.
    pub(super) read: u64,
    /// Those that are missing so far.
    pub(super) missing: u64,
    /// Steps done and steps known of; they are counted for the whole site only.
    pub(super) steps: Option<(u64, u64)>,
}

impl Figures {
    /// Those of the run that is or was last under way, for an account of all areas as this process sees them now.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer; it is asked for some areas only.
    pub(super) async fn of(services: &Services, regions: &Regions) -> Result<Self, StoreError> {
        if *regions == Regions::All {
            let progress = services.progress.borrow();
            return Ok(Self {
                planned: progress.planned.into(),
                read: progress.read.into(),
                missing: progress.missing.values().map(|count| u64::from(*count)).sum(),
                steps: Some(progress.steps),
            });
        }
        Self::kept(services, regions).await
    }

    /// Those of the newest run as the database has them, whoever asks and whatever this process has seen of it.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub(super) async fn kept(services: &Services, regions: &Regions) -> Result<Self, StoreError> {
        let runs = services.store.newest_runs(1).await?;
        let mut figures = Self::default();
        let Some(run) = runs.first() else { return Ok(figures) };
        for group in services.store.night_groups(run.id, regions).await? {
            figures.planned += group.meters;
            figures.read += if group.is_read { group.meters } else { 0 };
            figures.missing += if group.cause.is_some() { group.meters } else { 0 };
        }
        Ok(figures)
    }
}

/// The lines and terminals that somebody sees: all, or those with meters in their areas.
#[derive(Clone, Debug)]
pub(super) struct LinesSeen(Option<HashSet<String>>);

impl LinesSeen {
    /// Those that these regions see.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer; it is asked for some areas only.
    pub(super) async fn of(services: &Services, regions: &Regions) -> Result<Self, StoreError> {
        if *regions == Regions::All {
            return Ok(Self(None));
        }
        let counted = services.store.meters_by_line(regions).await?;
        Ok(Self(Some(counted.into_iter().map(|(name, ..)| name).collect())))
    }

    /// Whether the line of this name is among them.
    pub(super) fn hold(&self, name: &str) -> bool {
        self.0.as_ref().is_none_or(|seen| seen.contains(name))
    }
}
