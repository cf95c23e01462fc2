//! Tokens of programs: made once, known by their hash, good for some actions until a day.

use std::collections::HashSet;
use std::time::Duration;

use super::super::Store;
use super::super::audit::append;
use super::super::error::{Refusal, StoreError};
use super::account::{AccountRecord, load, next};
use crate::domain::access::{Account, Action};
use crate::domain::{AuditEntry, Id, Moment};

/// A token to be made.
#[derive(Clone, Debug)]
pub struct NewToken<'a> {
    /// For which account.
    pub account: Id<Account>,
    /// What it is called.
    pub name: &'a str,
    /// SHA-256 of it, in hexadecimal.
    pub hash: &'a str,
    /// What it may do, within the role of the account.
    pub scopes: &'a [Action],
    /// Until when.
    pub expires_at: Moment,
}

/// A token as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRecord {
    /// Its number.
    pub id: Id<Self>,
    /// Whose it is.
    pub account: Id<Account>,
    /// What it is called.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Action>,
    /// When it was made.
    pub created_at: Moment,
    /// Until when.
    pub expires_at: Moment,
    /// When it was taken back.
    pub ended_at: Option<Moment>,
}

impl TokenRecord {
    /// True while it counts; not before it was made either, which a clock that was set back could show (F33).
    #[must_use]
    pub fn holds(&self, now: Moment) -> bool {
        self.ended_at.is_none() && now < self.expires_at && now.plus(JITTER) >= self.created_at
    }
}

impl Store {
    /// Makes a token.
    ///
    /// # Errors
    /// [`Refusal::NameTaken`] when the account has one of this name; else when the database cannot.
    pub async fn add_token(
        &self,
        new: &NewToken<'_>,
        entry: &AuditEntry,
    ) -> Result<Id<TokenRecord>, StoreError> {
        let mut writing = self.write("adding a token").await?;
        let taken = "SELECT id FROM api_token WHERE account_id = $1 AND name = $2";
        let taken: Option<(i64,)> = writing.row(taken, &[new.account.into(), new.name.into()]).await?;
        if taken.is_some() {
            return Err(StoreError::Refused(Refusal::NameTaken));
        }
        let id = next(&mut writing, "SELECT max(id) FROM api_token").await?;
        let scopes: Vec<&str> = new.scopes.iter().map(|action| action.name()).collect();
        let args = [
            id.into(),
            new.account.into(),
            new.name.into(),
            new.hash.into(),
            scopes.join(" ").into(),
            entry.at.into(),
            new.expires_at.into(),
        ];
        writing.execute(ADD, &args).await?;
        append(&mut writing, entry).await?;
        writing.commit().await?;
        Ok(Id::new(id))
    }

    /// The token with this hash and whose it is; it may be over.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or holds what this version does not know.
    pub async fn token(&self, hash: &str) -> Result<Option<(TokenRecord, AccountRecord)>, StoreError> {
        let mut reading = self.read("reading a token").await?;
        let Some(row) = reading.row::<Row>(ONE, &[hash.into()]).await? else { return Ok(None) };
        let token = record(row);
        let account = load(&mut reading, token.account).await?;
        Ok(account.map(|account| (token, account)))
    }

    /// The hashes of all tokens that count.
    ///
    /// # Errors
    /// As [`Self::token`].
    pub async fn token_hashes(&self, now: Moment) -> Result<HashSet<String>, StoreError> {
        let mut reading = self.read("reading which tokens count").await?;
        let rows: Vec<(String,)> = reading.rows(COUNTING, &[now.into()]).await?;
        Ok(rows.into_iter().map(|(hash,)| hash).collect())
    }

    /// The tokens of an account, the newest first.
    ///
    /// # Errors
    /// As [`Self::token`].
    pub async fn tokens(&self, account: Id<Account>) -> Result<Vec<TokenRecord>, StoreError> {
        let mut reading = self.read("reading tokens").await?;
        let rows: Vec<Row> = reading.rows(ALL, &[account.into()]).await?;
        Ok(rows.into_iter().map(record).collect())
    }

    /// Takes a token of an account back.
    ///
    /// # Errors
    /// [`Refusal::NotThere`] when it has none of this number that counts; else when the database cannot.
    pub async fn end_token(
        &self,
        account: Id<Account>,
        id: Id<TokenRecord>,
        entry: &AuditEntry,
    ) -> Result<(), StoreError> {
        let mut writing = self.write("taking a token back").await?;
        if writing.execute(END, &[account.into(), id.into(), entry.at.into()]).await? == 0 {
            return Err(StoreError::Refused(Refusal::NotThere));
        }
        append(&mut writing, entry).await?;
        writing.commit().await
    }
}

type Row = (i64, i64, String, String, i64, i64, Option<i64>);

fn record((id, account, name, scopes, created_at, expires_at, ended_at): Row) -> TokenRecord {
    let scopes: Vec<&str> = scopes.split_whitespace().collect();
    TokenRecord {
        id: Id::new(id),
        account: Id::new(account),
        name,
        // A name that a newer version wrote gives no right here.
        scopes: Action::all().filter(|action| scopes.contains(&action.name())).collect(),
        created_at: Moment::from_micros(created_at),
        expires_at: Moment::from_micros(expires_at),
        ended_at: ended_at.map(Moment::from_micros),
    }
}

const JITTER: Duration = Duration::from_secs(60);

const ADD: &str = "INSERT INTO api_token (id, account_id, name, hash, scopes, created_at, expires_at, ended_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, NULL)";

const ONE: &str =
    "SELECT id, account_id, name, scopes, created_at, expires_at, ended_at FROM api_token WHERE hash = $1";

const COUNTING: &str = "SELECT t.hash FROM api_token t JOIN account a ON a.id = t.account_id \
    WHERE t.ended_at IS NULL AND t.expires_at > $1 AND a.is_enabled = 1";

const ALL: &str = "SELECT id, account_id, name, scopes, created_at, expires_at, ended_at FROM api_token \
    WHERE account_id = $1 ORDER BY id DESC";

const END: &str = "UPDATE api_token SET ended_at = $3 WHERE account_id = $1 AND id = $2 AND ended_at IS NULL";
