//! Requests that are done once, however often they come (T18).

use std::time::Duration;

use super::super::Store;
use super::super::error::StoreError;
use crate::domain::access::Account;
use crate::domain::{Id, Moment};

/// What is known of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It is new, and taken now.
    New,
    /// The same request was answered so.
    Answered {
        /// The status.
        status: u16,
        /// The body.
        answer: String,
    },
    /// The same request is being done, or was broken off: what became of it is not known here.
    Open,
    /// It belongs to another request.
    Other,
}

impl Store {
    /// Takes a key for a request with this hash, before it is done.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot.
    pub async fn claim_key(
        &self,
        account: Id<Account>,
        key: &str,
        request_hash: &str,
        now: Moment,
    ) -> Result<Claim, StoreError> {
        let mut writing = self.write("taking the key of a request").await?;
        writing.execute("DELETE FROM idempotency WHERE created_at < $1", &[now.minus(KEPT).into()]).await?;
        let args = [account.into(), key.into(), request_hash.into(), now.into()];
        if writing.execute(CLAIM, &args).await? > 0 {
            writing.commit().await?;
            return Ok(Claim::New);
        }
        let found: Option<(String, Option<i64>, Option<String>)> =
            writing.row(ONE, &[account.into(), key.into()]).await?;
        Ok(match found {
            Some((hash, ..)) if hash != request_hash => Claim::Other,
            Some((_, Some(status), Some(answer))) => {
                Claim::Answered { status: u16::try_from(status).unwrap_or(500), answer }
            }
            _ => Claim::Open,
        })
    }

    /// Notes the answer of the request with a key.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot.
    pub async fn settle_key(
        &self,
        account: Id<Account>,
        key: &str,
        status: u16,
        answer: &str,
    ) -> Result<(), StoreError> {
        let mut writing = self.write("noting the answer of a request").await?;
        let args = [account.into(), key.into(), i64::from(status).into(), answer.into()];
        writing.execute(SETTLE, &args).await?;
        writing.commit().await
    }

    /// Gives the key of a request back that changed nothing.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot.
    pub async fn release_key(&self, account: Id<Account>, key: &str) -> Result<(), StoreError> {
        let mut writing = self.write("giving the key of a request back").await?;
        let free = "DELETE FROM idempotency WHERE account_id = $1 AND key = $2 AND status IS NULL";
        writing.execute(free, &[account.into(), key.into()]).await?;
        writing.commit().await
    }
}

/// How long answers are kept; 30 days are promised.
const KEPT: Duration = Duration::from_secs(32 * 86_400);

const CLAIM: &str = "INSERT INTO idempotency (account_id, key, request_hash, status, answer, created_at) \
    VALUES ($1, $2, $3, NULL, NULL, $4) ON CONFLICT (account_id, key) DO NOTHING";

const ONE: &str = "SELECT request_hash, status, answer FROM idempotency WHERE account_id = $1 AND key = $2";

const SETTLE: &str = "UPDATE idempotency SET status = $3, answer = $4 WHERE account_id = $1 AND key = $2";
