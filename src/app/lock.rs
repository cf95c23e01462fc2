//! One process serves a site: a file beside the database is locked as long as it runs.
//!
//! PostgreSQL sites are served by several machines one day; until instances hold a lease there (F36), one at a time is
//! for the operator to see to.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::AppError;
use crate::ownership;
use crate::store::Address;

/// Held as long as it lives; the system lets go of it when the process is killed.
#[derive(Debug)]
pub struct SiteLock {
    file: File,
    path: PathBuf,
}

impl SiteLock {
    /// Takes the lock of a site whose database is a file; `None` for one whose database is a server.
    ///
    /// # Errors
    /// [`AppError`] when another process has it, or the file cannot be made.
    pub fn of(address: &Address) -> Result<Option<Self>, AppError> {
        let Address::Sqlite(database) = address else { return Ok(None) };
        Self::beside(database).map(Some)
    }

    /// Takes the lock of a file that one process at a time writes to, in a file beside it.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub fn beside(file: &Path) -> Result<Self, AppError> {
        let mut name = file.as_os_str().to_owned();
        name.push(".lock");
        let path = PathBuf::from(name);
        let failed = |source| AppError::Lock { path: path.clone(), source };
        let file = match ownership::create_new(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                File::options().write(true).open(&path)
            }
            made => made,
        };
        let file = file.map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file, path }),
            Err(TryLockError::WouldBlock) => Err(AppError::InUse { path }),
            Err(TryLockError::Error(source)) => Err(AppError::Lock { path, source }),
        }
    }

    /// Whether the file that is locked still stands in its place: where it was taken away, another process can lock a new
    /// one.
    pub(super) fn is_held(&self) -> bool {
        let (ours, there) = (self.file.metadata(), std::fs::metadata(&self.path));
        matches!((ours, there), (Ok(ours), Ok(there)) if (ours.dev(), ours.ino()) == (there.dev(), there.ino()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f36_a_site_in_a_file_is_served_by_one_process() {
        let folder = tempfile::tempdir().unwrap();
        let address = Address::Sqlite(folder.path().join("site.db"));
        let held = SiteLock::of(&address).unwrap();
        assert_eq!(SiteLock::of(&address).unwrap_err().kind(), "in_use");
        assert!(held.as_ref().is_some_and(SiteLock::is_held));
        std::fs::rename(folder.path().join("site.db.lock"), folder.path().join("moved")).unwrap();
        assert!(!held.as_ref().is_some_and(SiteLock::is_held), "another process could take our place");
        std::fs::rename(folder.path().join("moved"), folder.path().join("site.db.lock")).unwrap();
        drop(held);
        assert!(SiteLock::of(&address).unwrap().is_some(), "let go with the process that held it");
    }
}
