//! Small disks that fail otherwise than by being full of bytes: one that takes no more files, and one that turns read-only by
//! itself, as a disk with a fault does. They take rights of an administrator; where they are not to be had one line says so,
//! or the test fails when `CHAOBIAO_TEST_REQUIRE` names disk.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Runs a program on a folder.
fn run(words: &[&str], folder: &Path) -> bool {
    let mut command = Command::new(words.first().unwrap());
    command.args(&words[1..]).arg(folder).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn left_out(what: &str) {
    let required = std::env::var("CHAOBIAO_TEST_REQUIRE").unwrap_or_default();
    assert!(!required.split(',').any(|name| name == "disk"), "{what} is required and cannot be made");
    // Not through print, which a passing test swallows.
    let _ = writeln!(std::io::stderr(), "{what} cannot be made: it was not tested (be root)");
}

/// A disk with room for few files, whatever is in them.
pub(crate) struct FewFiles(tempfile::TempDir);

impl FewFiles {
    pub(crate) fn of(megabytes: u32, files: u32) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let options = format!("size={megabytes}m,nr_inodes={files},mode=777");
        if run(&["mount", "-t", "tmpfs", "-o", &options, "tmpfs"], folder.path()) {
            return Some(Self(folder));
        }
        left_out("a disk with few files");
        None
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Takes every file that is left; says how many.
    pub(crate) fn take_all(&self) -> usize {
        (0..1_000_000).take_while(|number| File::create(self.taken(*number)).is_ok()).count()
    }

    pub(crate) fn give_back(&self) {
        for number in 0.. {
            if std::fs::remove_file(self.taken(number)).is_err() {
                break;
            }
        }
    }

    fn taken(&self, number: u32) -> PathBuf {
        self.0.path().join(format!("taken {number}"))
    }
}

impl Drop for FewFiles {
    fn drop(&mut self) {
        run(&["umount", "-l"], self.0.path());
    }
}

/// A disk that can be given a fault, upon which the system lets nothing be written any more.
pub(crate) struct Fragile {
    folder: tempfile::TempDir,
    image: tempfile::NamedTempFile,
}

impl Fragile {
    pub(crate) fn of(megabytes: u64) -> Option<Self> {
        let (folder, image) = (tempfile::tempdir().unwrap(), tempfile::NamedTempFile::new().unwrap());
        image.as_file().set_len(megabytes << 20).unwrap();
        let fragile = Self { folder, image };
        if run(&["mkfs.ext4", "-q"], fragile.image.path()) && fragile.mounted() && fragile.switch().exists() {
            return Some(fragile);
        }
        left_out("a disk that turns read-only");
        None
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The fault: from now on everything on it is as it is, also for those who have a file open.
    pub(crate) fn fail(&self) {
        // What nobody had asked to be durable may be gone: the files of the test are not at stake.
        assert!(run(&["sync", "-f"], self.folder.path()));
        std::fs::write(self.switch(), "1").unwrap();
        assert!(File::create(self.folder.path().join("new")).is_err(), "it takes files still");
    }

    /// What an administrator does then: nobody may have a file open.
    pub(crate) fn mend(&self) {
        assert!(run(&["umount"], self.folder.path()), "somebody has a file open");
        run(&["e2fsck", "-p"], self.image.path());
        assert!(self.mounted(), "it cannot be used again");
    }

    fn mounted(&self) -> bool {
        let image = self.image.path().to_str().unwrap();
        run(&["mount", "-o", "loop,errors=remount-ro", image], self.folder.path())
    }

    /// By which the system lets a fault happen.
    fn switch(&self) -> PathBuf {
        let mounts = std::fs::read_to_string("/proc/mounts").unwrap();
        let folder = self.folder.path().to_str().unwrap();
        let ours = mounts.lines().find(|line| line.split(' ').nth(1) == Some(folder));
        let device = ours.and_then(|line| line.split(' ').next()?.rsplit('/').next()).unwrap_or_default();
        Path::new("/sys/fs/ext4").join(device).join("trigger_fs_error")
    }
}

impl Drop for Fragile {
    fn drop(&mut self) {
        run(&["umount", "-l"], self.folder.path());
    }
}
