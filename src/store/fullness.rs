//! A database whose disk is full (F30): what was seen of it, and a reserve for what must still be written then.
//!
//! The reserve of a file is another file beside it. When the disk is full and somebody has to write who gives supply back,
//! stops cuts, signs in, or enters something in the audit log, it is emptied; what it held is theirs alone until there is room
//! again, since all that may come later ([`SHED`]) is refused meanwhile, and so is what takes supply away. What is refused is
//! done by itself when there is room. A server's disk is for the server to watch.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::Store;
use super::engine::Address;
use super::error::StoreError;

/// Whether the disk of a database is full. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Fullness(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// When something was refused last because of it.
    refused_at: Mutex<Option<Instant>>,
    reserve: OnceLock<PathBuf>,
    /// The reserve is being used up.
    is_open: AtomicBool,
    /// Wakes whoever looks at the disk.
    refused: Notify,
}

impl Fullness {
    /// Notes an error of somebody who was writing. Who must be able to write may try again at once.
    pub(super) fn note(&self, doing: &'static str, error: &StoreError) {
        if error.reason() != FULL {
            return;
        }
        *self.0.refused_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        self.0.refused.notify_one();
        if !is_shed(doing) {
            self.open_reserve();
        }
    }

    /// Refuses what may come later while the reserve is being used up.
    pub(super) fn admit(&self, doing: &'static str) -> Result<(), StoreError> {
        if is_shed(doing) && self.is_on_reserve() { Err(refusal(doing)) } else { Ok(()) }
    }

    /// Refuses what takes supply away while the reserve is being used up: giving it back needs room, too.
    pub(super) fn admit_cut(&self, doing: &'static str) -> Result<(), StoreError> {
        if self.is_on_reserve() { Err(refusal(doing)) } else { Ok(()) }
    }

    /// Whether something was refused just now, as an error.
    pub(super) fn check(&self, doing: &'static str) -> Result<(), StoreError> {
        let refused_at = *self.0.refused_at.lock().unwrap_or_else(PoisonError::into_inner);
        let is_recent = refused_at.is_some_and(|at| at.elapsed() < RECENT);
        if is_recent || self.is_on_reserve() { Err(refusal(doing)) } else { Ok(()) }
    }

    fn is_on_reserve(&self) -> bool {
        self.0.is_open.load(Ordering::Relaxed)
    }

    fn open_reserve(&self) {
        let Some(reserve) = self.0.reserve.get() else { return };
        if self.0.is_open.swap(true, Ordering::Relaxed) {
            return;
        }
        match File::options().write(true).truncate(true).open(reserve) {
            Ok(_) => tracing::error!(
                "the disk of the database is full: its reserve is used for supply and the audit log alone"
            ),
            Err(error) => {
                self.0.is_open.store(false, Ordering::Relaxed);
                tracing::error!("the disk of the database is full, and its reserve cannot be used: {error}");
            }
        }
    }

    /// Makes the reserve, where there is room for it and as much again. One that a process before this one has used up stays in
    /// use until then.
    fn fill_reserve(&self) -> io::Result<()> {
        let Some(reserve) = self.0.reserve.get() else { return Ok(()) };
        let length = match fs::metadata(reserve) {
            Ok(found) => Some(found.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if length == Some(RESERVE) {
            return Ok(());
        }
        let folder = reserve.parent().filter(|folder| !folder.as_os_str().is_empty());
        let disk = nix::sys::statvfs::statvfs(folder.unwrap_or_else(|| Path::new(".")))?;
        if disk.blocks_available().saturating_mul(disk.fragment_size()) < RESERVE * 2 {
            self.0.is_open.store(length.is_some(), Ordering::Relaxed);
            return Ok(());
        }
        let mut file = File::create(reserve)?;
        // Written, since a file with holes holds nothing back.
        let filled = io::copy(&mut io::Read::take(io::repeat(0), RESERVE), &mut file);
        let filled = filled.and_then(|_| file.flush()).and_then(|()| file.sync_all());
        if let Err(error) = filled {
            file.set_len(0)?;
            return Err(error);
        }
        if self.0.is_open.swap(false, Ordering::Relaxed) {
            tracing::warn!("the disk of the database has room again: everything is written as before");
        }
        Ok(())
    }
}

impl Store {
    /// Keeps a reserve beside a database that is a file, and fills it where it was used up and there is room again. Says
    /// whether it is in use. Blocks.
    ///
    /// # Errors
    /// What the system says when it cannot be made; then there is none, or what there was stays in use.
    pub fn keep_reserve(&self, address: &Address) -> io::Result<bool> {
        if let Address::Sqlite(file) = address {
            self.fullness.0.reserve.get_or_init(|| reserve_of(file));
        }
        self.fullness.fill_reserve()?;
        Ok(self.fullness.is_on_reserve())
    }

    /// Returns when something was refused because the disk is full.
    pub async fn refused_as_full(&self) {
        self.fullness.0.refused.notified().await;
    }
}

/// The reserve of a database.
fn reserve_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".reserve");
    PathBuf::from(name)
}

fn refusal(doing: &'static str) -> StoreError {
    let why = "the disk is full: what is left is for supply and the audit log";
    let source = sqlx::Error::Io(io::Error::new(io::ErrorKind::StorageFull, why));
    StoreError::Unavailable { doing, source: Box::new(source) }
}

fn is_shed(doing: &str) -> bool {
    SHED.contains(&doing)
}

/// Why a database does not take anything, as [`StoreError::reason`] says it.
const FULL: &str = "database_full";

/// What is done by itself, or asked for again, when there is room.
pub(super) const SHED: [&str; 16] = [
    "saving what was collected",
    "beginning a run",
    "ending a run",
    "making partitions",
    "settling what billing is due",
    "filling the outbox of a receiver",
    "leasing a billing batch",
    "taking receipts of billing",
    "entering billing values",
    "beginning an on-demand read",
    "keeping answers of an on-demand read",
    "saving the archive",
    "proposing a change",
    "noting which terminals were heard",
    "forgetting on-demand reads",
    "sealing second factors",
];

/// Room for some hundred orders.
const RESERVE: u64 = 8 * 1024 * 1024;
/// Whoever collects tries again sooner than this.
const RECENT: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f30_what_waits_for_room_are_steps_of_the_code_and_none_of_supply() {
        let steps = include_str!("../../tests/crash/steps.txt");
        for shed in SHED {
            assert!(steps.lines().any(|line| line.starts_with(&format!("{shed} | "))), "{shed}");
            assert!(!shed.contains("supply") && !shed.contains("audit"), "{shed}");
        }
    }

    #[test]
    fn f30_without_a_reserve_everything_is_tried() {
        let fullness = Fullness::default();
        let full = refusal("adding to the audit log");
        fullness.note("adding to the audit log", &full);
        assert!(fullness.admit("saving what was collected").is_ok() && fullness.admit_cut("a cut").is_ok());
        assert_eq!(fullness.check("looking").unwrap_err().reason(), FULL);
    }
}
