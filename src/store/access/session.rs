//! Sessions: who has signed in, known by the hash of what their browser holds.

use std::time::Duration;

use super::super::Store;
use super::super::audit::append;
use super::super::audit_spool::append_or_spool;
use super::super::error::StoreError;
use super::account::{AccountRecord, load};
use super::attempt;
use crate::domain::access::Account;
use crate::domain::{AuditEntry, Id, Moment};

/// How long and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionLimits {
    /// Without a request.
    pub idle: Duration,
    /// From signing in.
    pub total: Duration,
    /// At a time for one account; a further one ends the oldest.
    pub most: u32,
}

/// A session to be opened.
#[derive(Clone, Copy, Debug)]
pub struct NewSession<'a> {
    /// SHA-256 of what the browser gets, in hexadecimal.
    pub hash: &'a str,
    /// Whose it is.
    pub account: Id<Account>,
    /// From where.
    pub source: &'a str,
    /// Limits.
    pub limits: SessionLimits,
}

/// A session and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRecord {
    /// The account.
    pub account: AccountRecord,
    /// When it was opened.
    pub created_at: Moment,
    /// When it was last used, as far as noted.
    pub seen_at: Moment,
}

impl SessionRecord {
    /// True while it counts. A clock that was set back ends it: it could otherwise live longer (F33).
    #[must_use]
    pub fn holds(&self, now: Moment, limits: SessionLimits) -> bool {
        self.account.is_enabled
            && now.plus(JITTER) >= self.seen_at
            && now.since(self.seen_at) < limits.idle
            && now.since(self.created_at) < limits.total
    }

    /// True when using it is to be noted.
    #[must_use]
    pub fn is_to_be_noted(&self, now: Moment) -> bool {
        now.since(self.seen_at) >= JITTER
    }
}

impl Store {
    /// Opens a session after a sign-in that succeeded, whose failures before are forgotten. Sessions that are over are
    /// taken away, and the oldest ones above the limit.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot.
    pub async fn open_session(&self, new: &NewSession<'_>, entry: &AuditEntry) -> Result<(), StoreError> {
        let NewSession { hash, account, source, limits } = *new;
        let now = entry.at;
        let mut writing = self.write("opening a session").await?;
        let over = [now.minus(limits.idle).into(), now.minus(limits.total).into(), now.plus(JITTER).into()];
        writing.execute(SWEEP, &over).await?;
        attempt::sweep(&mut writing, now).await?;
        let kept = i64::from(limits.most.saturating_sub(1));
        writing.execute(LIMIT, &[account.into(), kept.into()]).await?;
        writing.execute(OPEN, &[hash.into(), account.into(), source.into(), now.into()]).await?;
        append_or_spool(&mut writing, entry).await?;
        writing.commit().await
    }

    /// The session with this hash, which may be over.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or holds what this version does not know.
    pub async fn login_session(&self, hash: &str) -> Result<Option<SessionRecord>, StoreError> {
        let mut reading = self.read("reading a session").await?;
        let found: Option<(i64, i64, i64)> = reading.row(ONE, &[hash.into()]).await?;
        let Some((account, created_at, seen_at)) = found else { return Ok(None) };
        let account = load(&mut reading, Id::new(account)).await?;
        let (created_at, seen_at) = (Moment::from_micros(created_at), Moment::from_micros(seen_at));
        Ok(account.map(|account| SessionRecord { account, created_at, seen_at }))
    }

    /// Notes that a session is used.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot.
    pub async fn touch_session(&self, hash: &str, now: Moment) -> Result<(), StoreError> {
        let mut writing = self.write("noting a session as used").await?;
        writing
            .execute("UPDATE login_session SET seen_at = $2 WHERE hash = $1", &[hash.into(), now.into()])
            .await?;
        writing.commit().await
    }

    /// Ends a session.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot.
    pub async fn end_session(&self, hash: &str, entry: &AuditEntry) -> Result<(), StoreError> {
        let mut writing = self.write("ending a session").await?;
        writing.execute("DELETE FROM login_session WHERE hash = $1", &[hash.into()]).await?;
        append(&mut writing, entry).await?;
        writing.commit().await
    }
}

/// How far back a clock may be corrected, and how seldom the use of a session is noted.
const JITTER: Duration = Duration::from_secs(60);

const SWEEP: &str = "DELETE FROM login_session WHERE seen_at <= $1 OR created_at <= $2 OR seen_at > $3";

const LIMIT: &str = "DELETE FROM login_session WHERE account_id = $1 AND hash NOT IN (SELECT hash FROM login_session \
    WHERE account_id = $1 ORDER BY created_at DESC, hash LIMIT $2)";

const OPEN: &str =
    "INSERT INTO login_session (hash, account_id, source, created_at, seen_at) VALUES ($1, $2, $3, $4, $4)";

const ONE: &str = "SELECT account_id, created_at, seen_at FROM login_session WHERE hash = $1";
