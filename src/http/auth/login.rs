//! Signing in and out.

use std::time::Duration;

use super::password::Passwords;
use super::secret::{draw, hash};
use super::totp::Totp;
use crate::config::Http;
use crate::domain::{Alarm, AlarmKind, AuditEntry, Moment};
use crate::http::Services;
use crate::http::caller::{Caller, Credential};
use crate::store::access::{AccountRecord, Attempt, AttemptPolicy, NewSession, SessionLimits};
use crate::store::{Store, StoreError};

/// What somebody gives to sign in.
#[derive(Clone, Copy, Debug)]
pub struct SigningIn<'a> {
    /// The name of an account, as it was typed.
    pub name: &'a str,
    /// Its password.
    pub password: &'a str,
    /// The code of the second factor; empty where the account has none.
    pub code: &'a str,
    /// From where.
    pub source: &'a str,
}

/// Somebody who has signed in.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// What their browser is to hold.
    pub secret: String,
    /// The account.
    pub account: AccountRecord,
}

/// Why somebody is not signed in.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// Name, password or code are wrong: which of them is not told.
    #[error("name, password or code are wrong")]
    Wrong,
    /// The password is right, and was a one-time one whose time is over.
    #[error("this one-time password is not good any more: an administrator gives another")]
    Expired,
    /// There were too many attempts.
    #[error("there were too many attempts; the next may be made in {0:?}")]
    Locked(Duration),
    /// The system gives no random numbers.
    #[error(transparent)]
    NoRandomness(#[from] super::secret::NoRandomness),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl LoginError {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Wrong => "login_refused",
            Self::Expired => "one_time_over",
            Self::Locked(_) => "login_locked",
            Self::NoRandomness(_) => "no_randomness",
            Self::Store(error) => error.kind(),
        }
    }
}

/// Signs somebody in.
///
/// # Errors
/// [`LoginError`]; every failure is counted, and too many lock the account and the source for a while.
pub async fn sign_in(services: &Services, given: SigningIn<'_>) -> Result<SignedIn, LoginError> {
    let SigningIn { password, source, .. } = given;
    let name = account_name(given.name);
    let now = services.clock.now();
    let policy = attempt_policy(&services.settings);
    let locks = match services.store.begin_attempt(&name, source, policy, now).await? {
        Attempt::Locked(left) => return Err(LoginError::Locked(left)),
        Attempt::Counted { locks } => locks,
    };
    let account = services.store.account_named(&name).await?;
    let is_right = is_right(services, account.as_ref(), password, given.code, now).await;
    let account = match account.filter(|_| is_right.is_some()) {
        Some(account) if uses_step(services, &account, is_right).await? => account,
        _ => {
            refused(&services.store, (&name, source), now, locks, None).await?;
            return Err(LoginError::Wrong);
        }
    };
    if account.one_time_is_over(now) {
        refused(&services.store, (&name, source), now, locks, Some(&LoginError::Expired)).await?;
        return Err(LoginError::Expired);
    }
    services.store.forget_attempts(&name, source).await?;
    let secret = start_session(services, &account, source).await?;
    Ok(SignedIn { secret, account })
}

/// Whose account this is by its password alone, for the command line: counted and locked like any other attempt (T9). No session
/// is opened, and a second factor is not asked for.
///
/// # Errors
/// As [`sign_in`].
pub async fn known_by_password(
    store: &Store,
    (name, password): (&str, &str),
    source: &str,
    now: Moment,
) -> Result<AccountRecord, LoginError> {
    let name = account_name(name);
    let policy = attempt_policy(&Http::default());
    let locks = match store.begin_attempt(&name, source, policy, now).await? {
        Attempt::Locked(left) => return Err(LoginError::Locked(left)),
        Attempt::Counted { locks } => locks,
    };
    let account = store.account_named(&name).await?.filter(|account| account.is_enabled);
    let hash = account.as_ref().map(|account| &account.password);
    let is_right = Passwords::default().matches(password, hash).await;
    let Some(account) = account.filter(|_| is_right) else {
        refused(store, (&name, source), now, locks, None).await?;
        return Err(LoginError::Wrong);
    };
    if account.one_time_is_over(now) {
        refused(store, (&name, source), now, locks, Some(&LoginError::Expired)).await?;
        return Err(LoginError::Expired);
    }
    if account.factor.is_some() {
        // A password alone signs nobody in who has a second factor.
        store.take_attempt_back(&name, source, policy).await?;
    } else {
        store.forget_attempts(&name, source).await?;
    }
    Ok(account)
}

/// Opens a session for an account that has shown who it is, and gives its secret.
///
/// # Errors
/// [`LoginError`] when there is no randomness, or the database cannot.
pub async fn start_session(
    services: &Services,
    account: &AccountRecord,
    source: &str,
) -> Result<String, LoginError> {
    let secret = draw(32)?;
    let limits = session_limits(&services.settings);
    // A one-time password serves one at a time: who signs in with it again ends what was open.
    let most = if account.must_set_password { 1 } else { limits.most };
    let new = NewSession {
        hash: &hash(&secret),
        account: account.id,
        source,
        limits: SessionLimits { most, ..limits },
    };
    let now = services.clock.now();
    let entry = AuditEntry::by(&account.acting(source), now, "login.done", object(&account.name));
    services.store.open_session(&new, &entry).await?;
    Ok(secret)
}

/// Ends the session of a caller that has one.
///
/// # Errors
/// [`StoreError`] when the database cannot.
pub async fn sign_out(services: &Services, caller: &Caller) -> Result<(), StoreError> {
    let Credential::Session { hash, .. } = &caller.credential else { return Ok(()) };
    let now = services.clock.now();
    let entry = AuditEntry::by(&caller.acting, now, "login.ended", object(&caller.acting.name));
    services.store.end_session(hash, &entry).await
}

/// How long sessions last.
#[must_use]
pub fn session_limits(settings: &Http) -> SessionLimits {
    SessionLimits { idle: settings.session_idle, total: settings.session_total, most: settings.most_sessions }
}

/// When attempts lock.
pub(super) const fn attempt_policy(settings: &Http) -> AttemptPolicy {
    AttemptPolicy {
        of_account: settings.lock_after,
        of_source: settings.lock_source_after,
        lock: settings.lock_for,
    }
}

/// Enters a failure in the audit log, with why where more is known than that it was wrong, and that it locks if it does.
pub(super) async fn refused(
    store: &Store,
    (name, source): (&str, &str),
    now: Moment,
    locks: bool,
    why: Option<&LoginError>,
) -> Result<(), StoreError> {
    let entry = |action| AuditEntry {
        actor: name.to_owned(),
        source: source.to_owned(),
        ..AuditEntry::of_system(now, action, object(name))
    };
    let detail = why.map(|why| format!(r#"{{"why":"{}"}}"#, why.kind())).unwrap_or_default();
    store.audit_or_spool(&entry("login.refused").ending("refused").saying(detail)).await?;
    if locks {
        tracing::warn!(source, "signing in is locked after too many failures");
        store.audit_or_spool(&entry("login.locked").ending("locked")).await?;
        let (zh, en) = (format!("来自{source}"), format!("tried from {source}"));
        let alarm = Alarm::new(AlarmKind::LoginLocked, object(name), now).saying(&zh, &en);
        store.raise_alarm(&alarm).await?;
    }
    Ok(())
}

/// `None` when anything is wrong; else the step of the code, where the account has a second factor.
async fn is_right(
    services: &Services,
    account: Option<&AccountRecord>,
    password: &str,
    code: &str,
    now: Moment,
) -> Option<Option<i64>> {
    let usable = account.filter(|account| account.is_enabled);
    // Checked whatever else is wrong, so that it takes as long.
    let matches = services.passwords.matches(password, usable.map(|account| &account.password)).await;
    let account = usable.filter(|_| matches)?;
    match &account.factor {
        None => Some(None),
        Some(factor) => {
            let secret = services.store.open_factor(account.id, &factor.secret)?;
            let step = Totp::of(&secret)?.step_of(code, now)?;
            (step > factor.last_step).then_some(Some(step))
        }
    }
}

/// A code counts once, whoever else sends it at the same time.
async fn uses_step(
    services: &Services,
    account: &AccountRecord,
    step: Option<Option<i64>>,
) -> Result<bool, StoreError> {
    match step.flatten() {
        None => Ok(true),
        Some(step) => services.store.use_factor_step(account.id, step).await,
    }
}

/// A name as accounts have it; long ones are cut, since they are entered in the audit log.
fn account_name(typed: &str) -> String {
    typed.trim().to_lowercase().chars().filter(|c| !c.is_control()).take(64).collect()
}

fn object(name: &str) -> String {
    format!("account {name}")
}
