//! The first account: there is none by default, so one is made when there is nobody at all (T10).

use super::password::{NotHashed, Passwords};
use super::secret::{NoRandomness, draw};
use crate::clock::Clock;
use crate::domain::access::{ONE_TIME_FOR, Regions, Role};
use crate::domain::{AuditEntry, Moment};
use crate::store::access::NewAccount;
use crate::store::{Store, StoreError};

/// A login that is shown once and must be finished with a password of its owner's own.
#[derive(Clone, PartialEq, Eq)]
pub struct OneTimeLogin {
    /// The name to sign in with.
    pub name: String,
    /// The password, good until another is set, and no longer than this.
    pub password: String,
    /// Until when.
    pub until: Moment,
}

impl std::fmt::Debug for OneTimeLogin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OneTimeLogin").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Why no account could be made.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The system gives no random numbers.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// The password could not be hashed.
    #[error(transparent)]
    NotHashed(#[from] NotHashed),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AccountError {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::NoRandomness(_) => "no_randomness",
            Self::NotHashed(_) => "not_hashed",
            Self::Store(error) => error.kind(),
        }
    }
}

/// Makes an administrator where there is no account at all, and gives the login to be shown once. A store that has an
/// account gets none.
///
/// # Errors
/// [`AccountError`] when it could not be made.
pub async fn first_login(store: &Store, clock: &Clock) -> Result<Option<OneTimeLogin>, AccountError> {
    if store.has_accounts().await? {
        return Ok(None);
    }
    let password = one_time_password()?;
    let new = NewAccount {
        person: FIRST,
        name: FIRST,
        role: Role::Admin,
        regions: &Regions::All,
        password: &Passwords::default().hash(&password).await?,
        proposed_by: None,
    };
    let now = clock.now();
    let entry = AuditEntry::of_system(now, "account.add", format!("account {FIRST}"));
    let entry = entry.saying(r#"{"role":"admin","first":true}"#);
    store.add_account(&new, &entry).await?;
    Ok(Some(OneTimeLogin { name: FIRST.to_owned(), password, until: now.plus(ONE_TIME_FOR) }))
}

/// A password to be told to somebody once: 80 random bits in groups that can be typed.
pub(crate) fn one_time_password() -> Result<String, NoRandomness> {
    let drawn = draw(10)?;
    let letters: Vec<char> = drawn.chars().collect();
    Ok(letters.chunks(5).map(String::from_iter).collect::<Vec<_>>().join("-"))
}

const FIRST: &str = "admin";
