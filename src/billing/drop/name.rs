//! Giving a file its name, and never that of another.

use std::fs;
use std::io;
use std::path::Path;

/// Gives a file that is whole its name, unless there is one of that name.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] where there is; both files stay as they are.
pub(super) fn give(unfinished: &Path, file: &Path) -> io::Result<()> {
    match renamed(unfinished, file) {
        // Not every file system can; those that cannot mostly know links.
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => {
            linked(unfinished, file)
        }
        told => told,
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn renamed(unfinished: &Path, file: &Path) -> io::Result<()> {
    use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
    renameat2(AT_FDCWD, unfinished, AT_FDCWD, file, RenameFlags::RENAME_NOREPLACE).map_err(io::Error::from)
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn renamed(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Killed in between, it has both names.
fn linked(unfinished: &Path, file: &Path) -> io::Result<()> {
    fs::hard_link(unfinished, file)?;
    fs::remove_file(unfinished)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f36_a_name_that_is_given_is_not_given_again() {
        for give in [give, renamed, linked] {
            let folder = tempfile::tempdir().unwrap();
            let path = |name: &str| folder.path().join(name);
            fs::write(path(".part"), "ours").unwrap();
            fs::write(path("taken"), "theirs").unwrap();
            let told = give(&path(".part"), &path("taken")).unwrap_err();
            assert_eq!(told.kind(), io::ErrorKind::AlreadyExists);
            assert_eq!(fs::read_to_string(path("taken")).unwrap(), "theirs");
            give(&path(".part"), &path("free")).unwrap();
            assert_eq!(fs::read_to_string(path("free")).unwrap(), "ours");
            assert!(!path(".part").exists());
        }
    }
}
