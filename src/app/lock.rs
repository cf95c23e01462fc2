//! One process serves a site: a file beside the database is locked as long as it runs.
//!
//! PostgreSQL sites are served by several machines one day; until instances hold a lease there (F36), one at a time is
//! for the operator to see to.

use std::fs::{File, TryLockError};
use std::path::PathBuf;

use super::AppError;
use crate::store::Address;

/// Held as long as it lives; the system lets go of it when the process is killed.
#[derive(Debug)]
pub(super) struct SiteLock(#[expect(dead_code, reason = "its end is the end of the lock")] File);

impl SiteLock {
    /// Takes the lock of a site whose database is a file.
    pub(super) fn of(address: &Address) -> Result<Option<Self>, AppError> {
        let Address::Sqlite(database) = address else { return Ok(None) };
        let mut name = database.clone().into_os_string();
        name.push(".lock");
        let path = PathBuf::from(name);
        let failed = |source| AppError::Lock { path: path.clone(), source };
        let file = File::options().create(true).write(true).truncate(false).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Err(AppError::InUse { path }),
            Err(TryLockError::Error(source)) => Err(AppError::Lock { path, source }),
        }
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
        drop(held);
        assert!(SiteLock::of(&address).unwrap().is_some(), "let go with the process that held it");
    }
}
