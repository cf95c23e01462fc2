//! A small disk of its own, which a test fills: a file system in memory. It takes rights of an administrator; where they
//! are not to be had one line says so, or the test fails when `CHAOBIAO_TEST_REQUIRE` names disk.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// A disk that is taken away with this.
pub(crate) struct Disk {
    folder: tempfile::TempDir,
    as_administrator: bool,
}

impl Disk {
    /// An empty disk of so many megabytes.
    pub(crate) fn of(megabytes: u32) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let as_administrator = folder.path().metadata().unwrap().uid() == 0;
        let disk = Self { folder, as_administrator };
        let size = format!("size={megabytes}m,mode=777");
        if disk.run(&["mount", "-t", "tmpfs", "-o", &size, "tmpfs"]) {
            return Some(disk);
        }
        let required = std::env::var("CHAOBIAO_TEST_REQUIRE").unwrap_or_default();
        assert!(
            !required.split(',').any(|name| name == "disk"),
            "a small disk is required and cannot be made"
        );
        // Not through print, which a passing test swallows.
        let _ =
            writeln!(std::io::stderr(), "no small disk can be made: full disks were not tested (be root)");
        None
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// How many bytes may still be written.
    pub(crate) fn available(&self) -> u64 {
        let found = nix::sys::statvfs::statvfs(self.path()).unwrap();
        found.blocks_available() * found.fragment_size()
    }

    /// Fills it until so many bytes are left.
    pub(crate) fn fill(&self, left: u64) {
        let mut ballast =
            File::options().create(true).append(true).open(self.path().join("ballast")).unwrap();
        while let more @ 1.. = self.available().saturating_sub(left) {
            let piece = usize::try_from(more.min(1 << 20)).unwrap();
            // Somebody else may have been faster.
            if ballast.write_all(&vec![1; piece]).is_err() {
                break;
            }
        }
    }

    /// Takes away what it was filled with.
    pub(crate) fn make_room(&self) {
        std::fs::remove_file(self.path().join("ballast")).unwrap();
    }

    /// Runs a program on the folder.
    fn run(&self, words: &[&str]) -> bool {
        let words = if self.as_administrator { words.to_vec() } else { [&["sudo", "-n"], words].concat() };
        let mut command = Command::new(words.first().unwrap());
        command.args(&words[1..]).arg(self.path()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // At once for everybody, also where a process has a file of it open still.
        self.run(&["umount", "-l"]);
    }
}
