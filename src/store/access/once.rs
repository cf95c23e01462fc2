//! Requests that are done once, however often they come (T18).
//!
//! The key of a request is kept in the transaction of what it did, with the entry of the audit log that tells of it: neither
//! is there without the other, and of two that come at once one does nothing. The answer that was given is kept beside, as
//! it comes after the commit; where it is not there, the entry says what was done, and it is answered anew from that.

use std::time::Duration;

use super::super::audit_spool::waiting;
use super::super::clock_step::surely_past;
use super::super::error::{Refusal, StoreError};
use super::super::transaction::Transaction;
use super::super::{AuditRecord, Store};
use crate::domain::Moment;
use crate::domain::access::RequestKey;

/// What is known of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Nothing was done under it.
    New,
    /// The same request was answered so.
    Answered {
        /// The status.
        status: u16,
        /// The body.
        answer: String,
    },
    /// The same request was done, and whether it was answered is not known.
    Done(Box<AuditRecord>),
    /// An earlier version took it for the same request, and what became of it is not known here.
    Open,
    /// It belongs to another request.
    Other,
}

impl Store {
    /// What is known of the key of a request.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn claim(&self, request: &RequestKey) -> Result<Claim, StoreError> {
        let mut reading = self.read("reading the key of a request").await?;
        let args = [request.account.into(), request.key.as_str().into()];
        let found: Option<Row> = reading.row(ONE, &args).await?;
        Ok(match found {
            None => Claim::New,
            Some((hash, ..)) if hash != request.hash => Claim::Other,
            Some((_, Some(status), Some(answer), _)) => {
                Claim::Answered { status: u16::try_from(status).unwrap_or(500), answer }
            }
            Some((_, _, _, Some(number))) if number < 0 => {
                let entry = waiting(&mut reading, number).await?;
                entry.map_or(Claim::Open, |entry| Claim::Done(Box::new(entry)))
            }
            Some((_, _, _, Some(number))) => {
                drop(reading);
                let entry = self.audit_after(number - 1, 1).await?.into_iter().next();
                entry.map_or(Claim::Open, |entry| Claim::Done(Box::new(entry)))
            }
            _ => Claim::Open,
        })
    }

    /// Notes the answer of the request with a key. A request that did nothing has no key here, and none gets one.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot.
    pub async fn settle_key(
        &self,
        request: &RequestKey,
        (status, answer): (u16, &str),
        now: Moment,
    ) -> Result<(), StoreError> {
        let mut writing = self.write("noting the answer of a request").await?;
        // Of a clock that runs ahead a request that was done would be done again (F33).
        if let Some(past) = surely_past(&mut writing, NEWEST, now).await? {
            writing.execute(FORGET, &[past.minus(KEPT).into()]).await?;
        }
        let key = request.key.as_str();
        let args = [request.account.into(), key.into(), i64::from(status).into(), answer.into()];
        writing.execute(SETTLE, &args).await?;
        writing.commit().await
    }
}

/// Notes the key of a request with the entry of what it does.
///
/// # Errors
/// [`Refusal::DoneBefore`] where another transaction has done it; this one is to be dropped then.
pub(in crate::store) async fn note(
    writing: &mut Transaction,
    request: &RequestKey,
    entry: i64,
    now: Moment,
) -> Result<(), StoreError> {
    if !writing.is_keyed_now() {
        return Ok(());
    }
    let RequestKey { account, key, hash } = request;
    let args = [(*account).into(), key.as_str().into(), hash.as_str().into(), now.into(), entry.into()];
    match writing.execute(NOTE, &args).await? {
        0 => Err(StoreError::Refused(Refusal::DoneBefore)),
        _ => Ok(()),
    }
}

/// An entry that waited to be entered in the log, under a number below nothing, has its own now.
pub(in crate::store) async fn move_request(
    writing: &mut Transaction,
    waited: i64,
    entry: i64,
) -> Result<(), StoreError> {
    writing.execute(MOVE, &[waited.into(), entry.into()]).await.map(drop)
}

/// Hash, status, answer, number of the entry.
type Row = (String, Option<i64>, Option<String>, Option<i64>);

/// How long answers are kept; 30 days are promised.
const KEPT: Duration = Duration::from_secs(32 * 86_400);

const NEWEST: &str = "SELECT max(created_at) FROM idempotency WHERE created_at <= $1";

const FORGET: &str = "DELETE FROM idempotency WHERE created_at < $1";

const NOTE: &str = "INSERT INTO idempotency (account_id, key, request_hash, created_at, audit_number) \
    VALUES ($1, $2, $3, $4, $5) ON CONFLICT (account_id, key) DO NOTHING";

const MOVE: &str = "UPDATE idempotency SET audit_number = $2 WHERE audit_number = $1";

const ONE: &str =
    "SELECT request_hash, status, answer, audit_number FROM idempotency WHERE account_id = $1 AND key = $2";

const SETTLE: &str = "UPDATE idempotency SET status = $3, answer = $4 WHERE account_id = $1 AND key = $2";
