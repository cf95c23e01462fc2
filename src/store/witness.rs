//! The end of the audit log as it is known from elsewhere than the database, so that a database which has lost what it had
//! kept is found out: a copy that was behind and has taken its place, for one (F31).
//!
//! - **What is remembered** is the last entry that this process knows to be kept, by a commit that was answered, the last that it
//!   put by because the log did not take it (T26), and the last one that was noted in a file ([`Store::expect_audit`]).
//! - **When it is compared**: whenever an entry is added, in the transaction of every intent of a cut, and whenever somebody
//!   asks ([`Store::is_audit_there`]). What was found out stays so until it is acknowledged, whatever is added meanwhile.
//! - **What cannot be seen**: what was lost and never known here, such as commits of the seconds after the last note of a
//!   process that ended with its database, and, once the process has ended, what it had put by: the file has heads only.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::Store;
use super::audit::{self, AuditHead};
use super::error::StoreError;
use super::transaction::Transaction;
use crate::domain::Moment;

/// What was kept and is not there any more, and with it all that was kept beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Entries of the audit log.
    Entries {
        /// The first that is missing, as far as it can be told.
        first: i64,
        /// The last that is known to have been there.
        last: i64,
    },
    /// An entry that waited to be entered in it.
    Waiting {
        /// Its number among those that wait.
        id: i64,
    },
}

impl std::fmt::Display for Loss {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Entries { first, last } => write!(out, "{first}-{last}"),
            Self::Waiting { id } => write!(out, "waiting {id}"),
        }
    }
}

/// What is known. Clones know the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Witness(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    known: Mutex<Known>,
    acknowledged: Notify,
    /// The log has not taken an entry.
    refused: Notify,
    /// An entry that it has not taken waits.
    put_by: Notify,
    /// It has taken one.
    taken: Notify,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known {
    head: Option<AuditHead>,
    /// Number and time of an entry that was put by.
    put_by: Option<(i64, Moment)>,
    pub(super) loss: Option<Loss>,
}

impl Witness {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known; to be asked for before the database is.
    pub(super) fn known(&self) -> Known {
        *self.lock()
    }

    /// An entry is known to be kept.
    pub(super) fn saw(&self, head: AuditHead) {
        self.0.taken.notify_one();
        let mut known = self.lock();
        if known.loss.is_none() && known.head.is_none_or(|before| before.number < head.number) {
            known.head = Some(head);
        }
    }

    /// The log has not taken an entry, which is known to wait.
    pub(super) fn put_by(&self, id: i64, at: Moment) {
        self.0.put_by.notify_one();
        let mut known = self.lock();
        if known.loss.is_none() && known.put_by.is_none_or(|(before, _)| before < id) {
            known.put_by = Some((id, at));
        }
    }

    /// What is missing, as far as it was found out.
    pub(super) fn loss(&self) -> Option<Loss> {
        self.known().loss
    }

    /// The last entry that is known.
    pub(super) fn head(&self) -> Option<AuditHead> {
        self.known().head
    }

    /// Compares what was known with what is there: the last entry, and the one in the place of the known one.
    pub(super) fn compare(&self, head: AuditHead, found: Option<&str>, last: i64) -> Option<Loss> {
        if found.is_some_and(|found| found == head.hash.to_string()) {
            return self.loss();
        }
        Some(self.lose(Loss::Entries { first: head.number.min(last.saturating_add(1)), last: head.number }))
    }

    /// What is found out first stays so.
    fn lose(&self, loss: Loss) -> Loss {
        *self.lock().loss.get_or_insert(loss)
    }

    /// Somebody has looked into it: from here on the log counts as it is.
    pub(super) fn forget(&self) {
        *self.lock() = Known::default();
    }

    /// The log has not taken an entry.
    pub(super) fn refused(&self) {
        self.0.refused.notify_one();
    }

    /// Wakes whoever waits for that.
    pub(super) fn tell(&self) {
        self.0.acknowledged.notify_one();
    }
}

impl Store {
    /// Notes an entry of the audit log that was noted outside the database.
    pub fn expect_audit(&self, head: AuditHead) {
        self.witness.saw(head);
    }

    /// Looks whether all of the audit log is there that is known to have been; gives what is missing.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer: then nothing is found out.
    pub async fn is_audit_there(&self) -> Result<Option<Loss>, StoreError> {
        let known = match self.witness.known() {
            Known { loss: Some(loss), .. } => return Ok(Some(loss)),
            Known { head: None, put_by: None, .. } => return Ok(None),
            known => known,
        };
        let mut reading = self.read("looking whether the audit log is there").await?;
        compare(&self.witness, known, &mut reading).await
    }

    /// Returns when the audit log has not taken an entry, and what it tells of was not done.
    pub async fn audit_refused(&self) {
        self.witness.0.refused.notified().await;
    }

    /// Returns when an entry waits that the audit log has not taken.
    pub async fn audit_put_by(&self) {
        self.witness.0.put_by.notified().await;
    }

    /// Returns when the audit log has taken an entry since this was waited for last.
    pub async fn audit_taken(&self) {
        self.witness.0.taken.notified().await;
    }

    /// What is missing, as far as it was found out.
    #[must_use]
    pub fn loss(&self) -> Option<Loss> {
        self.witness.loss()
    }

    /// Returns when somebody has acknowledged that something is missing.
    pub async fn loss_acknowledged(&self) {
        self.witness.0.acknowledged.notified().await;
    }
}

/// Looks for the known entries in their places.
pub(super) async fn compare(
    witness: &Witness,
    known: Known,
    reading: &mut Transaction,
) -> Result<Option<Loss>, StoreError> {
    if let Some(head) = known.head
        && let Some(loss) = compare_head(witness, head, reading).await?
    {
        return Ok(Some(loss));
    }
    let Some((id, at)) = known.put_by else { return Ok(None) };
    let found: Option<(i64,)> = reading.row(PUT_BY, &[id.into()]).await?;
    Ok(if found == Some((at.micros(),)) { witness.loss() } else { Some(witness.lose(Loss::Waiting { id })) })
}

async fn compare_head(
    witness: &Witness,
    head: AuditHead,
    reading: &mut Transaction,
) -> Result<Option<Loss>, StoreError> {
    let found: Option<(String,)> = reading.row(IN_PLACE, &[head.number.into()]).await?;
    let found = found.map(|(hash,)| hash);
    if found.as_ref().is_some_and(|found| *found == head.hash.to_string()) {
        return Ok(None);
    }
    let last = audit::head(reading).await?.number;
    Ok(witness.compare(head, found.as_deref(), last))
}

const IN_PLACE: &str = "SELECT hash FROM audit WHERE number = $1";

/// It stays there once it is entered.
const PUT_BY: &str = "SELECT at FROM audit_spool WHERE id = $1";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::AuditHash;

    #[test]
    fn f31_what_is_missing_is_told_and_stays_so_until_it_is_acknowledged() {
        let head =
            |number, byte: &str| AuditHead { number, hash: AuditHash::from_hex(&byte.repeat(32)).unwrap() };
        let witness = Witness::default();
        witness.saw(head(7, "aa"));
        witness.saw(head(5, "bb"));
        assert_eq!(witness.head(), Some(head(7, "aa")), "the last one counts");
        assert_eq!(witness.compare(head(7, "aa"), Some(&"aa".repeat(32)), 9), None);
        let loss = Some(Loss::Entries { first: 5, last: 7 });
        assert_eq!(witness.compare(head(7, "aa"), None, 4), loss);
        witness.saw(head(12, "cc"));
        assert_eq!(
            (witness.loss(), witness.head()),
            (loss, Some(head(7, "aa"))),
            "whatever is added meanwhile"
        );
        witness.forget();
        witness.saw(head(6, "dd"));
        assert_eq!((witness.loss(), witness.head()), (None, Some(head(6, "dd"))));
        // Others stand in their places.
        let grown = witness.compare(head(6, "dd"), Some(&"ee".repeat(32)), 20);
        assert_eq!(grown, Some(Loss::Entries { first: 6, last: 6 }));
    }
}
