//! Heads of the audit log that were noted outside the database, and the log verified by them (T26).

use std::io;
use std::path::{Path, PathBuf};

use super::Store;
use super::audit::AuditHead;
use super::audit_check::AuditFault;
use super::audit_spool::Spooled;
use super::error::StoreError;
use crate::domain::AuditHash;

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

fn head_of(line: &str) -> Option<AuditHead> {
    let mut words = line.split(' ').skip(1);
    let (number, hash) = (words.next()?, words.next()?);
    words.next().is_none().then_some(())?;
    Some(AuditHead { number: number.parse().ok()?, hash: AuditHash::from_hex(hash)? })
}

/// What is noted of the log outside the database.
#[derive(Debug)]
pub enum Notes {
    /// Nothing: whether the end was cut off before this process began cannot be told.
    None,
    /// So many heads, which the log was compared with.
    Compared(usize),
    /// Something that cannot be read.
    Unreadable(AnchorError),
}

/// What a look at the whole log found, with all that is known of it elsewhere.
#[derive(Debug)]
pub struct AuditVerdict {
    /// Its end, or the first thing that is wrong.
    pub found: Result<AuditHead, AuditFault>,
    /// What it was compared with.
    pub notes: Notes,
    /// What it has not taken yet.
    pub waiting: Option<Spooled>,
}

impl AuditVerdict {
    /// Whether nothing is wrong, as far as can be told.
    #[must_use]
    pub const fn is_sound(&self) -> bool {
        self.found.is_ok() && !matches!(self.notes, Notes::Unreadable(_))
    }
}

impl Store {
    /// Verifies the whole log against its own chain, against the heads that were noted in a file, and against the last entry that
    /// this process knows to be kept.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn verify_audit_by(&self, file: Option<&Path>) -> Result<AuditVerdict, StoreError> {
        let file = file.map(Path::to_owned);
        let read = move || {
            let Some(file) = file else { return Ok(None) };
            // A folder that may not be looked into says nothing of what is in it.
            match file.try_exists() {
                Ok(false) => Ok(None),
                Ok(true) | Err(_) => anchors(&file).map(Some),
            }
        };
        // It may be long.
        let read = tokio::task::spawn_blocking(read).await.unwrap_or(Ok(None));
        let (mut noted, notes) = match read {
            Ok(None) => (Vec::new(), Notes::None),
            Ok(Some(noted)) => {
                let count = noted.len();
                (noted, if count == 0 { Notes::None } else { Notes::Compared(count) })
            }
            Err(error) => (Vec::new(), Notes::Unreadable(error)),
        };
        noted.extend(self.witness.head());
        let found = self.verify_audit(&noted).await?;
        Ok(AuditVerdict { found, notes, waiting: self.spooled().await? })
    }
}
