//! What was tried: failures by account and by source, kept so that a restart forgets none (T9).
//!
//! An attempt is counted before the password is looked at, so that many at once count as many. Names that no account has
//! are counted like the others. Codes of the second factor that somebody who has signed in gives again are counted by
//! themselves: a right password takes none of them away, and it alone is no whole sign-in.

use std::time::Duration;

use super::super::Store;
use super::super::audit::append;
use super::super::error::StoreError;
use super::super::sql::Sql;
use super::super::transaction::Transaction;
use crate::domain::{AuditEntry, Moment};

/// When too many attempts lock, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptPolicy {
    /// So many failures lock an account.
    pub of_account: u32,
    /// So many failures lock a source, whatever the account.
    pub of_source: u32,
    /// The first lock; each further failure doubles it, up to a day.
    pub lock: Duration,
}

/// What becomes of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// It may be made, and is counted as failed until [`Store::forget_attempts`]. `locks` when a failure of it locks.
    Counted {
        /// True when this was the last one before a lock.
        locks: bool,
    },
    /// It may not be made for so long.
    Locked(Duration),
}

impl Store {
    /// Begins to sign in with the name of an account from a source.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot.
    pub async fn begin_attempt(
        &self,
        account: &str,
        source: &str,
        policy: AttemptPolicy,
        now: Moment,
    ) -> Result<Attempt, StoreError> {
        self.begin(
            [(of_account(account), policy.of_account), (of_source(source), policy.of_source)],
            policy,
            now,
        )
        .await
    }

    /// Begins to take a code of the second factor of an account that has signed in.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot.
    pub async fn begin_code(
        &self,
        account: &str,
        source: &str,
        policy: AttemptPolicy,
        now: Moment,
    ) -> Result<Attempt, StoreError> {
        self.begin(
            [(of_factor(account), policy.of_account), (of_source(source), policy.of_source)],
            policy,
            now,
        )
        .await
    }

    /// Counts a token from a source that does not count. It has a count of its own: whoever signs in from there is not kept out
    /// by it.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot.
    pub async fn begin_token(
        &self,
        source: &str,
        policy: AttemptPolicy,
        now: Moment,
    ) -> Result<Attempt, StoreError> {
        self.begin([(of_tokens(source), policy.of_source)], policy, now).await
    }

    async fn begin<const N: usize>(
        &self,
        subjects: [(String, u32); N],
        policy: AttemptPolicy,
        now: Moment,
    ) -> Result<Attempt, StoreError> {
        let mut writing = self.write("counting an attempt to sign in").await?;
        let mut left = Duration::ZERO;
        // Many at once come one after the other from here on, always in this order.
        for (subject, _) in &subjects {
            writing.execute(HOLD, &[subject.as_str().into(), now.into()]).await?;
        }
        for (subject, _) in &subjects {
            left = left.max(lock_of(&mut writing, subject, now).await?);
        }
        if !left.is_zero() {
            writing.commit().await?;
            return Ok(Attempt::Locked(left));
        }
        let mut locks = false;
        for (subject, most) in &subjects {
            locks |= count(&mut writing, subject, *most, policy.lock, now).await?;
        }
        writing.commit().await?;
        Ok(Attempt::Counted { locks })
    }

    /// Forgets the failures of an account, and one of its source, after somebody has signed in with all that it takes.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot.
    pub async fn forget_attempts(&self, account: &str, source: &str) -> Result<(), StoreError> {
        let mut writing = self.write("forgetting attempts to sign in").await?;
        forget_all(&mut writing, account).await?;
        writing.execute(ONE_LESS, &[of_source(source).into()]).await?;
        writing.commit().await
    }

    /// Takes one attempt with a password back that was right, of an account that takes more than its password: what failed
    /// before stays counted.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot.
    pub async fn take_attempt_back(
        &self,
        account: &str,
        source: &str,
        policy: AttemptPolicy,
    ) -> Result<(), StoreError> {
        let mut writing = self.write("taking an attempt to sign in back").await?;
        let most = i64::from(policy.of_account);
        writing.execute(TAKE_BACK, &[of_account(account).into(), most.into()]).await?;
        writing.execute(ONE_LESS, &[of_source(source).into()]).await?;
        writing.commit().await
    }

    /// Forgets the codes that failed, and one failure of the source, after a code that was right.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot.
    pub async fn forget_codes(&self, account: &str, source: &str) -> Result<(), StoreError> {
        let mut writing = self.write("forgetting codes that failed").await?;
        writing.execute(FORGET, &[of_factor(account).into()]).await?;
        writing.execute(ONE_LESS, &[of_source(source).into()]).await?;
        writing.commit().await
    }

    /// Lets an account be tried again at once.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot.
    pub async fn unlock(&self, account: &str, entry: &AuditEntry) -> Result<(), StoreError> {
        let mut writing = self.write("unlocking an account").await?;
        forget_all(&mut writing, account).await?;
        append(&mut writing, entry).await?;
        writing.commit().await
    }
}

/// How long a subject is still locked. A clock that was set back does not prolong it: the lock then begins anew (F33).
async fn lock_of(writing: &mut Transaction, subject: &str, now: Moment) -> Result<Duration, StoreError> {
    let found: Option<(i64, i64)> = writing.row(LOCK, &[subject.into()]).await?;
    let Some((last_at, until)) = found else { return Ok(Duration::ZERO) };
    let (last_at, until) = (Moment::from_micros(last_at), Moment::from_micros(until));
    if now >= last_at {
        return Ok(until.since(now));
    }
    let left = until.since(last_at);
    writing.execute(MOVE, &[subject.into(), now.into(), now.plus(left).into()]).await?;
    Ok(left)
}

/// Counts a failure; true when it locks.
async fn count(
    writing: &mut Transaction,
    subject: &str,
    most: u32,
    lock: Duration,
    now: Moment,
) -> Result<bool, StoreError> {
    let forgotten = now.minus(MEMORY);
    let counted: Option<(i64,)> = writing.row(COUNT, &[subject.into(), now.into(), forgotten.into()]).await?;
    let failures = counted.map_or(1, |(failures,)| failures);
    let above = failures - i64::from(most);
    let Ok(doublings) = u32::try_from(above) else { return Ok(false) };
    let lock = lock.saturating_mul(2_u32.saturating_pow(doublings)).min(MEMORY);
    writing.execute(MOVE, &[subject.into(), now.into(), now.plus(lock).into()]).await?;
    Ok(true)
}

/// Forgets whatever failed so long ago that it counts no more: of names that no account has, nobody ever succeeds.
pub(super) async fn sweep(writing: &mut Transaction, now: Moment) -> Result<(), StoreError> {
    writing.execute(SWEEP, &[now.minus(MEMORY).into()]).await?;
    Ok(())
}

/// Forgets all that failed for an account.
pub(super) async fn forget_all(writing: &mut Transaction, account: &str) -> Result<(), StoreError> {
    for subject in [of_account(account), of_factor(account)] {
        writing.execute(FORGET, &[subject.into()]).await?;
    }
    Ok(())
}

fn of_account(name: &str) -> String {
    format!("account {name}")
}

fn of_factor(name: &str) -> String {
    format!("factor {name}")
}

fn of_tokens(source: &str) -> String {
    format!("tokens {source}")
}

fn of_source(source: &str) -> String {
    format!("source {source}")
}

/// The longest lock, and after how long failures are forgotten.
const MEMORY: Duration = Duration::from_secs(86_400);

/// Without a word to whoever is just trying again.
const SWEEP: Sql = Sql {
    sqlite: "DELETE FROM login_attempt WHERE last_at <= $1 AND locked_until <= $1",
    postgres: "DELETE FROM login_attempt WHERE subject IN (SELECT subject FROM login_attempt \
        WHERE last_at <= $1 AND locked_until <= $1 FOR UPDATE SKIP LOCKED)",
};

/// Holds the row of a subject, also of one that nobody has tried yet.
const HOLD: &str = "INSERT INTO login_attempt (subject, failures, last_at, locked_until) VALUES ($1, 0, $2, $2) \
    ON CONFLICT (subject) DO UPDATE SET failures = login_attempt.failures";

const LOCK: &str = "SELECT last_at, locked_until FROM login_attempt WHERE subject = $1";

const MOVE: &str = "UPDATE login_attempt SET last_at = $2, locked_until = $3 WHERE subject = $1";

const COUNT: &str = "INSERT INTO login_attempt (subject, failures, last_at, locked_until) VALUES ($1, 1, $2, $2) \
    ON CONFLICT (subject) DO UPDATE SET last_at = $2, failures = CASE WHEN login_attempt.last_at <= $3 THEN 1 \
    ELSE login_attempt.failures + 1 END RETURNING failures";

const FORGET: &str = "DELETE FROM login_attempt WHERE subject = $1";

/// A lock that this attempt alone has brought about ends with it.
const TAKE_BACK: &str = "UPDATE login_attempt SET failures = failures - 1, \
    locked_until = CASE WHEN failures - 1 < $2 THEN last_at ELSE locked_until END WHERE subject = $1 AND failures > 0";

const ONE_LESS: &str = "UPDATE login_attempt SET failures = failures - 1 WHERE subject = $1 AND failures > 0";
