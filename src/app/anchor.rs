//! Notes the end of the audit log outside the database, so that cutting it off is found out (T26).
//!
//! One line for each head: when, its number, its hash. The file is only ever appended to and synced. The log of the program
//! tells each head as well, for whoever collects that on another machine.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use super::Site;
use crate::domain::AuditHash;
use crate::store::AuditHead;
use crate::telemetry::with_causes;

/// Why heads that were noted cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum AnchorError {
    /// The file.
    #[error("{} cannot be read", file.display())]
    Unreadable {
        /// Which.
        file: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A line of it.
    #[error("line {line} of {} is no note of the audit log", file.display())]
    Line {
        /// Which file.
        file: PathBuf,
        /// Which line.
        line: usize,
    },
}

impl AnchorError {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "anchor_unreadable",
            Self::Line { .. } => "anchor_line",
        }
    }
}

/// The heads that were noted in a file, the oldest first. A last line that was broken off is passed over.
///
/// # Errors
/// [`AnchorError`] when the file cannot be read, or holds something else.
pub fn anchors(file: &Path) -> Result<Vec<AuditHead>, AnchorError> {
    let text = std::fs::read_to_string(file)
        .map_err(|source| AnchorError::Unreadable { file: file.to_owned(), source })?;
    let whole = text.rfind('\n').map_or("", |end| text.get(..end).unwrap_or(""));
    let line_of = |(place, line): (usize, &str)| {
        head_of(line).ok_or_else(|| AnchorError::Line { file: file.to_owned(), line: place + 1 })
    };
    whole.lines().enumerate().map(line_of).collect()
}

impl Site {
    /// Notes the end of the audit log whenever it is due and has moved, and once more at the end.
    pub(super) async fn anchor(&self, stop: &CancellationToken) {
        let settings = &self.config.audit;
        let mut last = 0;
        loop {
            last = self.note_head(settings.anchor_file.as_deref(), last).await;
            tokio::select! {
                () = tokio::time::sleep(settings.anchor_every) => {}
                () = stop.cancelled() => {
                    self.note_head(settings.anchor_file.as_deref(), last).await;
                    return;
                }
            }
        }
    }

    /// Notes the end of the log if it is another than `last`; gives the number that was noted last.
    async fn note_head(&self, file: Option<&Path>, last: i64) -> i64 {
        let head = match self.store.audit_head().await {
            Ok(head) => head,
            Err(error) => {
                tracing::warn!("the end of the audit log cannot be noted: {}", with_causes(&error));
                return last;
            }
        };
        if head.number == last {
            return last;
        }
        let AuditHead { number, hash } = head;
        tracing::info!(number, %hash, "the end of the audit log");
        let Some(file) = file.map(Path::to_owned) else { return number };
        let line = format!("{} {number} {hash}\n", self.clock.now());
        let noted = tokio::task::spawn_blocking(move || note(&file, &line)).await;
        match noted {
            Ok(Ok(())) => number,
            Ok(Err(error)) => {
                tracing::error!("the end of the audit log cannot be noted: {error}");
                last
            }
            Err(_) => last,
        }
    }
}

fn note(file: &Path, line: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(file)?;
    file.write_all(line.as_bytes())?;
    file.sync_data()
}

fn head_of(line: &str) -> Option<AuditHead> {
    let mut words = line.split(' ').skip(1);
    let (number, hash) = (words.next()?, words.next()?);
    words.next().is_none().then_some(())?;
    Some(AuditHead { number: number.parse().ok()?, hash: AuditHash::from_hex(hash)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t26_notes_are_read_back_and_anything_else_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("anchor.txt");
        let hash = AuditHash::from_hex(&"ab".repeat(32)).unwrap();
        note(&file, &format!("2026-11-28T08:00:00Z 7 {hash}\n")).unwrap();
        note(&file, &format!("2026-11-28T08:05:00Z 9 {hash}\n")).unwrap();
        let numbers =
            |file: &Path| anchors(file).map(|all| all.iter().map(|head| head.number).collect::<Vec<_>>());
        assert_eq!(numbers(&file).unwrap(), [7, 9]);
        note(&file, "2026-11-28T08:10:00Z 12 abab").unwrap();
        assert_eq!(numbers(&file).unwrap(), [7, 9], "a line that was broken off");
        note(&file, "\n").unwrap();
        assert!(matches!(numbers(&file), Err(AnchorError::Line { line: 3, .. })));
        assert!(matches!(anchors(&folder.path().join("none")), Err(AnchorError::Unreadable { .. })));
    }
}
