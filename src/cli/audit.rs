//! The local audit file: what was ordered of a meter from this machine, told before the first byte leaves and afterwards.
//!
//! JSON, one object a line, only ever appended to and synced to the disk before anything else happens. An intent
//! without an outcome behind it means that nobody knows what became of it (R6). Passwords are not in it (T24).

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::CliError;

/// One line of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// When, UTC.
    pub(super) at: String,
    /// `intent`, `answer` or `outcome`; those of one order share the id.
    pub(super) event: String,
    pub(super) id: String,
    pub(super) command: String,
    /// The user of this machine who ran the command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) user: Option<String>,
    pub(super) line: String,
    pub(super) meter: String,
    /// What is ordered, in words.
    pub(super) order: String,
    /// The frame, password and checksum covered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) frame: Option<String>,
    /// The level of the password; never its digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) password: Option<String>,
    /// The operator code that the meter keeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) operator: Option<String>,
    /// `DONE`, `NOT_DONE` or `UNKNOWN`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) outcome: Option<String>,
    /// Why, or what was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    /// The meter did not take the password: three of those lock it for a day (F10).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) not_authorised: bool,
}

/// The file, open.
pub(super) struct AuditFile {
    path: PathBuf,
    file: File,
}

impl AuditFile {
    /// Opens the file, or makes it, readable for its owner alone.
    pub(super) fn open(given: Option<PathBuf>) -> Result<Self, CliError> {
        let path = given.or_else(default_path).ok_or_else(|| {
            CliError::Usage(
                "nothing was sent: neither XDG_STATE_HOME nor HOME is set, so say where the audit file is: --audit-file FILE"
                    .into(),
            )
        })?;
        Self::at(&path).map_err(|error| refused(&path, &error))
    }

    fn at(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let mut file = OpenOptions::new().create(true).read(true).append(true).mode(0o600).open(path)?;
        end_torn_line(&mut file)?;
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            // So that a new file is still there after a power cut.
            File::open(folder)?.sync_all()?;
        }
        Ok(Self { path: path.to_owned(), file })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a line; when this returns it is on the disk.
    pub(super) fn write(&mut self, entry: &Entry) -> Result<(), CliError> {
        let mut line = serde_json::to_vec(entry).map_err(io::Error::from)?;
        line.push(b'\n');
        let written = self.file.write_all(&line).and_then(|()| self.file.sync_all());
        written.map_err(|error| refused(&self.path, &error))
    }

    /// Every line that can be understood, oldest first.
    pub(super) fn entries(&self) -> Result<Vec<Entry>, CliError> {
        let read = || -> io::Result<Vec<Entry>> {
            let lines = BufReader::new(File::open(&self.path)?).split(b'\n');
            let lines = lines.collect::<io::Result<Vec<_>>>()?;
            Ok(lines.iter().filter_map(|line| serde_json::from_slice(line).ok()).collect())
        };
        read().map_err(|error| refused(&self.path, &error))
    }
}

/// Ends a line that a power cut left unfinished, so that the next one stands alone.
fn end_torn_line(file: &mut File) -> io::Result<()> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(());
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    if last == *b"\n" { Ok(()) } else { file.write_all(b"\n") }
}

fn refused(path: &Path, error: &io::Error) -> CliError {
    CliError::Failed(format!(
        "nothing is sent without an audit file, and {} cannot be written: {error}  审计文件无法写入，未发送",
        path.display()
    ))
}

/// `audit.jsonl` in the user's state directory.
fn default_path() -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")))?;
    Some(state.join("chaobiao/audit.jsonl"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn entry(id: &str) -> Entry {
        Entry { id: id.to_owned(), event: "intent".to_owned(), ..Entry::default() }
    }

    #[test]
    fn lines_are_appended_and_a_torn_one_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deeper/audit.jsonl");
        let mut audit = AuditFile::open(Some(path.clone())).unwrap();
        audit.write(&entry("1")).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        drop(audit);
        let mut torn = OpenOptions::new().append(true).open(&path).unwrap();
        torn.write_all(b"{\"at\":\"2026-11-2").unwrap();
        let mut audit = AuditFile::open(Some(path)).unwrap();
        audit.write(&entry("2")).unwrap();
        assert_eq!(audit.entries().unwrap(), [entry("1"), entry("2")]);
    }

    #[test]
    fn a_file_that_cannot_be_written_is_told_and_nothing_is_sent() {
        let error = AuditFile::open(Some("/proc/no-such/audit.jsonl".into())).map(|_| ()).unwrap_err();
        assert!(error.to_string().contains("nothing is sent"), "{error}");
    }
}
