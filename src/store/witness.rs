//! The end of the audit log as it is known from elsewhere than the database, so that a database which has lost what it had
//! kept is found out: a copy that was behind and has taken its place, for one (F31).
//!
//! - **What is remembered** is the last entry that this process knows to be kept, by a commit that was answered, and the last
//!   one that was noted in a file ([`Store::expect_audit`]).
//! - **When it is compared**: whenever an entry is added, in the transaction of every intent of a cut, and whenever somebody
//!   asks ([`Store::is_audit_there`]). What was found out stays so until it is acknowledged, whatever is added meanwhile.
//! - **What cannot be seen**: what was lost and never known here, such as commits of the seconds after the last note of a
//!   process that ended with its database.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::Store;
use super::audit::{self, AuditHead};
use super::error::StoreError;
use super::transaction::Transaction;

/// Entries of the audit log that were kept and are not there any more, and with them all that was kept beside them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    /// The first that is missing, as far as it can be told.
    pub first: i64,
    /// The last that is known to have been there.
    pub last: i64,
}

impl std::fmt::Display for Loss {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}-{}", self.first, self.last)
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
    /// It has taken one.
    taken: Notify,
}

#[derive(Debug, Default)]
struct Known {
    head: Option<AuditHead>,
    loss: Option<Loss>,
}

impl Witness {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An entry is known to be kept.
    pub(super) fn saw(&self, head: AuditHead) {
        self.0.taken.notify_one();
        let mut known = self.known();
        if known.loss.is_none() && known.head.is_none_or(|before| before.number < head.number) {
            known.head = Some(head);
        }
    }

    /// What is missing, as far as it was found out.
    pub(super) fn loss(&self) -> Option<Loss> {
        self.known().loss
    }

    /// The last entry that is known; to be asked for before the database is.
    pub(super) fn head(&self) -> Option<AuditHead> {
        self.known().head
    }

    /// Compares what was known with what is there: the last entry, and the one in the place of the known one.
    pub(super) fn compare(&self, head: AuditHead, found: Option<&str>, last: i64) -> Option<Loss> {
        let mut known = self.known();
        if known.loss.is_none() && found.is_none_or(|found| found != head.hash.to_string()) {
            let first = head.number.min(last.saturating_add(1));
            known.loss = Some(Loss { first, last: head.number });
        }
        known.loss
    }

    /// Somebody has looked into it: from here on the log counts as it is.
    pub(super) fn forget(&self) {
        *self.known() = Known::default();
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
        let head = match (self.witness.loss(), self.witness.head()) {
            (Some(loss), _) => return Ok(Some(loss)),
            (None, None) => return Ok(None),
            (None, Some(head)) => head,
        };
        let mut reading = self.read("looking whether the audit log is there").await?;
        compare(&self.witness, head, &mut reading).await
    }

    /// Returns when the audit log has not taken an entry that it should have.
    pub async fn audit_refused(&self) {
        self.witness.0.refused.notified().await;
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

/// Looks for the known entry in its place.
pub(super) async fn compare(
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
        let loss = Some(Loss { first: 5, last: 7 });
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
        assert_eq!(grown, Some(Loss { first: 6, last: 6 }));
    }
}
