//! Files that root makes in a directory of the service's account belong to that account: otherwise it could not use what a
//! command of root has made for it (F41).

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, fchown};
use std::path::Path;

use nix::unistd::geteuid;

/// Whether this process is root's.
#[must_use]
pub fn is_root() -> bool {
    geteuid().is_root()
}

/// Gives what was just made, and is open, to the owner of the directory that it is in. It goes by the open file, so that
/// nobody can put another one in its place meanwhile.
///
/// # Errors
/// What the system says.
pub fn hand_over(made: &File, path: &Path) -> io::Result<()> {
    if !is_root() {
        return Ok(());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let (of, is) = (folder.unwrap_or_else(|| Path::new(".")).metadata()?, made.metadata()?);
    if (of.uid(), of.gid()) == (is.uid(), is.gid()) {
        return Ok(());
    }
    fchown(made, Some(of.uid()), Some(of.gid()))
}

/// Makes a file that is not there yet, and gives it away like [`hand_over`].
///
/// # Errors
/// What the system says, also that it is there.
pub fn create_new(path: &Path) -> io::Result<File> {
    let made = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
    hand_over(&made, path)?;
    Ok(made)
}

/// Copies a file, with its mode, to where none is yet, and gives the copy away like [`hand_over`].
///
/// # Errors
/// What the system says, also that it is there.
pub fn copy_new(from: &Path, to: &Path) -> io::Result<()> {
    let mut source = File::open(from)?;
    let mut made = create_new(to)?;
    io::copy(&mut source, &mut made)?;
    made.set_permissions(source.metadata()?.permissions())?;
    made.sync_all()
}

/// Makes a directory and those above it that are not there, each given away like [`hand_over`].
///
/// # Errors
/// What the system says.
pub fn create_folders(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    if let Some(above) = path.parent() {
        create_folders(above)?;
    }
    match std::fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
        Ok(()) => hand_over(&File::open(path)?, path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f41_what_root_makes_in_a_directory_of_somebody_else_is_theirs() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (folder.path().join("one"), folder.path().join("other"));
        if is_root() {
            std::os::unix::fs::chown(folder.path(), Some(12_345), Some(23_456)).unwrap();
        }
        std::fs::write(folder.path().join("source"), "text").unwrap();
        drop(create_new(&one).unwrap());
        copy_new(&folder.path().join("source"), &other).unwrap();
        create_folders(&folder.path().join("a/b")).unwrap();
        create_folders(&folder.path().join("a/b")).unwrap();
        assert_eq!(std::fs::read(&other).unwrap(), b"text");
        let of = folder.path().metadata().unwrap();
        for made in [one, other, folder.path().join("a"), folder.path().join("a/b")] {
            let is = made.metadata().unwrap();
            assert_eq!((is.uid(), is.gid()), (of.uid(), of.gid()), "{made:?}");
            assert_eq!(create_new(&made).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        }
    }
}
