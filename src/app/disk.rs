//! Watches how full the disks are that the site writes to, bytes and files alike (F30).
//!
//! Looked at once a minute, and at once when the database refuses something because its disk is full: above 80 and above 90
//! percent a disk fills up, above 95 it is all but full. An alarm ends two percent below where it began. What the database did not take, because its disk is full, is told as soon as it does, also
//! when there is room by then. The disk of a database on another machine is for that machine to watch.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::statvfs::statvfs;
use tokio_util::sync::CancellationToken;

use super::Site;
use crate::config::DatabasePlace;
use crate::domain::{Alarm, AlarmKind};
use crate::store::{Address, StoreError};
use crate::telemetry::with_causes;

/// A disk, and a percentage.
type Level = (&'static str, u64);

/// What was told of disks.
#[derive(Debug, Default)]
struct Seen {
    /// Whether an alarm is open.
    open: HashMap<Level, bool>,
    /// Alarms that the database did not take.
    untold: HashMap<Level, Alarm>,
}

impl Site {
    /// Looks at the disks until it is told to stop.
    pub(super) async fn watch_disks(&self, stop: &CancellationToken) {
        let mut seen = Seen::default();
        loop {
            let is_in_use = self.keep_reserve().await;
            for (name, directory) in self.disks() {
                let measured = tokio::task::spawn_blocking(move || used(&directory)).await;
                match measured {
                    Ok(Ok(percent)) => {
                        // What the reserve has set free is not free.
                        let is_full = is_in_use && name == DATABASE;
                        self.look_at_disk(&mut seen, name, if is_full { 100 } else { percent }).await;
                    }
                    Ok(Err(error)) => {
                        tracing::warn!("how full the disk of the {name} is, is not known: {error}")
                    }
                    Err(_) => {}
                }
            }
            let is_pressing = is_in_use || !seen.untold.is_empty();
            tokio::select! {
                () = tokio::time::sleep(if is_pressing { SOON } else { LOOK_AGAIN }) => {}
                () = self.store.refused_as_full(), if !is_pressing => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Fills the reserve of the database where there is room for it; says whether it is in use.
    async fn keep_reserve(&self) -> bool {
        let (store, address) = (self.store.clone(), Address::from(&self.config.database.place));
        let kept = tokio::task::spawn_blocking(move || store.keep_reserve(&address)).await;
        match kept {
            Ok(Ok(is_in_use)) => is_in_use,
            Ok(Err(error)) => {
                tracing::warn!("there is no reserve for a full disk: {error}");
                false
            }
            Err(_) => false,
        }
    }

    /// Where the site writes, by what for.
    pub(super) fn disks(&self) -> Vec<(&'static str, PathBuf)> {
        let capture = ("captured frames", existing(&self.config.capture.directory));
        match &self.config.database.place {
            DatabasePlace::Sqlite(file) => vec![(DATABASE, existing(file)), capture],
            DatabasePlace::Postgres(_) => vec![capture],
        }
    }

    /// Raises and ends alarms of a disk that is so full, in percent.
    async fn look_at_disk(&self, seen: &mut Seen, name: &'static str, percent: u64) {
        for (level, kind) in LEVELS {
            let key = (name, level);
            let (was_open, untold) = (seen.open.get(&key).copied(), seen.untold.remove(&key));
            let is_held = was_open == Some(true) || untold.is_some();
            let is_open = percent >= if is_held { level.saturating_sub(BELOW) } else { level };
            if was_open == Some(is_open) && untold.is_none() {
                continue;
            }
            let subject = format!("disk of the {name}, {level} %");
            let alarm = untold.or_else(|| is_open.then(|| self.disk_alarm(kind, &subject, percent)));
            match self.tell_of_disk((kind, &subject), alarm.as_ref(), is_open).await {
                Ok(()) => drop(seen.open.insert(key, is_open)),
                Err(error) => {
                    tracing::warn!("an alarm about a disk waits: {}", with_causes(&error));
                    seen.untold.extend(alarm.map(|alarm| (key, alarm)));
                }
            }
        }
    }

    fn disk_alarm(&self, kind: AlarmKind, subject: &str, percent: u64) -> Alarm {
        tracing::warn!("{subject}: {percent} % are used");
        let alarm = Alarm::new(kind, subject.to_owned(), self.clock.now());
        alarm.saying(&format!("已用{percent}%"), &format!("{percent} % are used"))
    }

    /// Raises what is new, or could not be told before, and ends what is over.
    async fn tell_of_disk(
        &self,
        (kind, subject): (AlarmKind, &str),
        alarm: Option<&Alarm>,
        is_open: bool,
    ) -> Result<(), StoreError> {
        if let Some(alarm) = alarm {
            self.store.raise_alarm(alarm).await?;
        }
        if !is_open {
            self.store.clear_alarm(kind, subject, self.clock.now()).await?;
        }
        Ok(())
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
///
/// # Errors
/// What the system says.
pub fn used(path: &Path) -> io::Result<u64> {
    let found = statvfs(path)?;
    let files = percent(found.files(), found.files_free(), found.files_available());
    Ok(percent(found.blocks(), found.blocks_free(), found.blocks_available()).max(files))
}

fn percent(all: u64, free: u64, available: u64) -> u64 {
    let (used, all) =
        (u128::from(all.saturating_sub(free)), u128::from(all.saturating_sub(free)) + u128::from(available));
    u64::try_from((used * 100).div_ceil(all.max(1))).unwrap_or(100)
}

const DATABASE: &str = "database";
/// From which percentage on what is told.
const LEVELS: [(u64, AlarmKind); 3] =
    [(80, AlarmKind::DiskFilling), (90, AlarmKind::DiskFilling), (95, AlarmKind::DiskFull)];
/// How many percent below its level an alarm ends.
const BELOW: u64 = 2;
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// The same, while the reserve is in use, or something waits to be told.
const SOON: Duration = Duration::from_secs(5);

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
        let mut seen = Seen::default();
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
            site.look_at_disk(&mut seen, "database", percent).await;
            let filter = AlarmFilter { is_open: true, ..AlarmFilter::default() };
            let alarms = site.store.alarms(&filter, &Regions::All, i64::MAX, 10).await.unwrap();
            let mut told: Vec<_> = alarms.iter().map(|alarm| (alarm.kind, alarm.count)).collect();
            told.sort_by_key(|(kind, _)| *kind == DiskFull);
            assert_eq!(told, expected, "{percent}");
        }
        // Another process finds them and ends them.
        site.look_at_disk(&mut Seen::default(), "database", 50).await;
        let filter = AlarmFilter { is_open: true, ..AlarmFilter::default() };
        assert_eq!(site.store.alarms(&filter, &Regions::All, i64::MAX, 10).await.unwrap().len(), 0);
    }

    #[tokio::test]
    async fn f30_what_the_database_did_not_take_is_told_when_it_does() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("store.db");
        let text = format!("[database]\npath = \"{}\"\n", database.display());
        let config = Config::parse(&folder.path().join("amr.toml"), &text).unwrap().config;
        let site = Site::start(config, Clock::system(), 1).await.unwrap();
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&database);
        let mut other = <sqlx::SqliteConnection as sqlx::Connection>::connect_with(&options).await.unwrap();
        let refuse = "CREATE TRIGGER refuses BEFORE INSERT ON alarm BEGIN SELECT RAISE(ABORT, 'full'); END";
        sqlx::raw_sql(refuse).execute(&mut other).await.unwrap();
        let mut seen = Seen::default();
        site.look_at_disk(&mut seen, "database", 96).await;
        site.look_at_disk(&mut seen, "database", 99).await;
        assert_eq!((seen.untold.len(), seen.open.len()), (3, 0));
        sqlx::raw_sql("DROP TRIGGER refuses").execute(&mut other).await.unwrap();
        // By then there is room: it is told that there was none, and over.
        site.look_at_disk(&mut seen, "database", 50).await;
        assert!(seen.untold.is_empty());
        let alarms = site.store.alarms(&AlarmFilter::default(), &Regions::All, i64::MAX, 10).await.unwrap();
        assert_eq!(alarms.len(), 3);
        assert!(alarms.iter().all(|alarm| alarm.ended_at.is_some()), "{alarms:?}");
        assert!(
            alarms.iter().any(|alarm| alarm.kind == AlarmKind::DiskFull && alarm.detail.contains("96 %"))
        );
        site.look_at_disk(&mut seen, "database", 50).await;
        let again = site.store.alarms(&AlarmFilter::default(), &Regions::All, i64::MAX, 10).await.unwrap();
        assert_eq!(again, alarms, "once");
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
