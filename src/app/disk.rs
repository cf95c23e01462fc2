//! Watches how full the disks are that the site writes to, bytes and files alike (F30).
//!
//! Looked at once a minute: above 80 and above 90 percent a disk fills up, above 95 it is all but full. An alarm ends two
//! percent below where it began. The disk of a database on another machine is for that machine to watch.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::statvfs::statvfs;
use tokio_util::sync::CancellationToken;

use super::Site;
use crate::config::DatabasePlace;
use crate::domain::{Alarm, AlarmKind};
use crate::store::StoreError;
use crate::telemetry::with_causes;

/// What is open, by disk and percentage.
type Open = HashMap<(&'static str, u64), bool>;

impl Site {
    /// Looks at the disks until it is told to stop.
    pub(super) async fn watch_disks(&self, stop: &CancellationToken) {
        let mut open = Open::new();
        loop {
            for (name, directory) in self.disks() {
                let measured = tokio::task::spawn_blocking(move || used(&directory)).await;
                match measured {
                    Ok(Ok(percent)) => self.look_at_disk(&mut open, name, percent).await,
                    Ok(Err(error)) => {
                        tracing::warn!("how full the disk of the {name} is, is not known: {error}")
                    }
                    Err(_) => {}
                }
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_AGAIN) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Where the site writes, by what for.
    pub(super) fn disks(&self) -> Vec<(&'static str, PathBuf)> {
        let capture = ("captured frames", existing(&self.config.capture.directory));
        match &self.config.database.place {
            DatabasePlace::Sqlite(file) => vec![("database", existing(file)), capture],
            DatabasePlace::Postgres(_) => vec![capture],
        }
    }

    /// Raises and ends alarms of a disk that is so full, in percent.
    async fn look_at_disk(&self, open: &mut Open, name: &'static str, percent: u64) {
        for (level, kind) in LEVELS {
            let was_open = open.get(&(name, level)).copied();
            let is_open = percent >= if was_open == Some(true) { level.saturating_sub(BELOW) } else { level };
            if was_open == Some(is_open) {
                continue;
            }
            let subject = format!("disk of the {name}, {level} %");
            match self.tell_of_disk(kind, &subject, percent, is_open).await {
                Ok(()) => drop(open.insert((name, level), is_open)),
                Err(error) => tracing::warn!("an alarm about a disk waits: {}", with_causes(&error)),
            }
        }
    }

    async fn tell_of_disk(
        &self,
        kind: AlarmKind,
        subject: &str,
        percent: u64,
        is_open: bool,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        if !is_open {
            return self.store.clear_alarm(kind, subject, now).await.map(|_| ());
        }
        tracing::warn!("{subject}: {percent} % are used");
        let alarm = Alarm::new(kind, subject.to_owned(), now);
        let alarm = alarm.saying(&format!("已用{percent}%"), &format!("{percent} % are used"));
        self.store.raise_alarm(&alarm).await.map(|_| ())
    }
}

/// The nearest of a path and the directories above it that is there.
fn existing(path: &Path) -> PathBuf {
    let there = path.ancestors().find(|path| path.exists());
    there.unwrap_or_else(|| Path::new(".")).to_owned()
}

/// How much room a disk has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    /// Bytes in all.
    pub(super) size: u64,
    /// Bytes that we may still write.
    pub(super) available: u64,
    /// As [`used`] has it.
    pub(super) used_percent: u64,
}

/// How much room the disk of a path has.
pub(super) fn room(path: &Path) -> io::Result<Room> {
    let found = statvfs(path)?;
    let bytes = |blocks: u64| blocks.saturating_mul(found.fragment_size());
    Ok(Room {
        size: bytes(found.blocks()),
        available: bytes(found.blocks_available()),
        used_percent: used(path)?,
    })
}

/// How much of the disk of a path is used, in percent rounded up: of its bytes or of its files, whichever is more. What
/// only the administrator may use counts as used, as `df` has it.
fn used(path: &Path) -> io::Result<u64> {
    let found = statvfs(path)?;
    let files = percent(found.files(), found.files_free(), found.files_available());
    Ok(percent(found.blocks(), found.blocks_free(), found.blocks_available()).max(files))
}

fn percent(all: u64, free: u64, available: u64) -> u64 {
    let (used, all) =
        (u128::from(all.saturating_sub(free)), u128::from(all.saturating_sub(free)) + u128::from(available));
    u64::try_from((used * 100).div_ceil(all.max(1))).unwrap_or(100)
}

/// From which percentage on what is told.
const LEVELS: [(u64, AlarmKind); 3] =
    [(80, AlarmKind::DiskFilling), (90, AlarmKind::DiskFilling), (95, AlarmKind::DiskFull)];
/// How many percent below its level an alarm ends.
const BELOW: u64 = 2;
const LOOK_AGAIN: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::config::Config;
    use crate::domain::access::Regions;
    use crate::store::alarm::AlarmFilter;

    #[tokio::test]
    async fn f30_a_disk_that_fills_up_is_told_at_three_levels_and_ends_below_them() {
        let folder = tempfile::tempdir().unwrap();
        let text = format!("[database]\npath = \"{}\"\n", folder.path().join("store.db").display());
        let config = Config::parse(&folder.path().join("amr.toml"), &text).unwrap().config;
        let site = Site::start(config, Clock::system(), 1).await.unwrap();
        let there: Vec<_> = site.disks().into_iter().map(|(name, path)| (name, path.exists())).collect();
        assert_eq!(there, [("database", true), ("captured frames", true)]);
        let mut open = Open::new();
        use AlarmKind::{DiskFilling, DiskFull};
        for (percent, expected) in [
            (79, vec![]),
            (80, vec![(DiskFilling, 1)]),
            (80, vec![(DiskFilling, 1)]),
            (96, vec![(DiskFilling, 1), (DiskFilling, 1), (DiskFull, 1)]),
            (93, vec![(DiskFilling, 1), (DiskFilling, 1), (DiskFull, 1)]),
            (92, vec![(DiskFilling, 1), (DiskFilling, 1)]),
            (77, vec![]),
            (100, vec![(DiskFilling, 1), (DiskFilling, 1), (DiskFull, 1)]),
        ] {
            site.look_at_disk(&mut open, "database", percent).await;
            let filter = AlarmFilter { is_open: true, ..AlarmFilter::default() };
            let alarms = site.store.alarms(&filter, &Regions::All, i64::MAX, 10).await.unwrap();
            let mut told: Vec<_> = alarms.iter().map(|alarm| (alarm.kind, alarm.count)).collect();
            told.sort_by_key(|(kind, _)| *kind == DiskFull);
            assert_eq!(told, expected, "{percent}");
        }
        // Another process finds them and ends them.
        site.look_at_disk(&mut Open::new(), "database", 50).await;
        let filter = AlarmFilter { is_open: true, ..AlarmFilter::default() };
        assert_eq!(site.store.alarms(&filter, &Regions::All, i64::MAX, 10).await.unwrap().len(), 0);
    }

    #[test]
    fn f30_what_is_used_is_counted_as_df_does() {
        let folder = tempfile::tempdir().unwrap();
        assert!((1..=100).contains(&used(folder.path()).unwrap()));
        assert!(used(&folder.path().join("none")).is_err());
        let found = room(folder.path()).unwrap();
        assert!(0 < found.available && found.available < found.size, "{found:?}");
        assert_eq!(existing(&folder.path().join("none/at/all")), folder.path());
        // A twentieth is the administrator's.
        assert_eq!((percent(100, 20, 15), percent(100, 5, 0), percent(100, 100, 95)), (85, 100, 0));
        assert_eq!((percent(0, 0, 0), percent(1000, 999, 999)), (0, 1), "where files are not counted");
    }
}
