//! Tokens of programs, and those that nobody has (T9).
//!
//! A token that does not count is counted by its source, as wrong passwords are, and too many shut the source for tokens that are not
//! known: they are then refused without a look into the database. A token that counts is never shut out by what others behind the
//! same proxy send: while its source is shut it is known by a list of all that count.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::login::attempt_policy;
use super::secret::hash;
use crate::domain::{Alarm, AlarmKind, AuditEntry, Moment};
use crate::http::Services;
use crate::http::caller::{Caller, Credential};
use crate::http::problem::Problem;
use crate::store::StoreError;
use crate::store::access::{AccountRecord, Attempt, TokenRecord};

/// Sources that are shut, as far as this process has met them; what counts is in the database.
#[derive(Clone, Debug, Default)]
pub struct Bearers(Arc<Mutex<HashMap<String, Shut>>>);

/// A source from which too many tokens came that do not count.
#[derive(Clone, Debug)]
struct Shut {
    from: Moment,
    until: Moment,
    /// The hashes of all tokens that count, and when they were looked up.
    known: (Moment, Arc<HashSet<String>>),
}

/// Who sends a token.
///
/// # Errors
/// [`Problem`] when it does not count, or too many did not.
pub(super) async fn by_token(services: &Services, token: &str, source: &str) -> Result<Caller, Problem> {
    let (hash, now) = (hash(token), services.clock.now());
    if let Some(left) = services.bearers.shut(source, now)
        && !is_known(services, source, &hash, now).await?
    {
        return Err(Problem::too_many(left));
    }
    let found = services.store.token(&hash).await?;
    match found {
        Some((token, account)) if token.holds(now) && account.is_enabled => {
            let credential = Credential::Token { scopes: token.scopes };
            Ok(Caller { acting: account.acting(source), account, credential })
        }
        other => Err(refused(services, other, source, now).await?),
    }
}

/// Counts a token that does not count, and says what is answered.
async fn refused(
    services: &Services,
    found: Option<(TokenRecord, AccountRecord)>,
    source: &str,
    now: Moment,
) -> Result<Problem, StoreError> {
    let policy = attempt_policy(&services.settings);
    let locks = match services.store.begin_token(source, policy, now).await? {
        Attempt::Locked(left) => {
            let known = Arc::new(services.store.token_hashes(now).await?);
            services
                .bearers
                .shut_source(source, Shut { from: now, until: now.plus(left), known: (now, known) });
            return Ok(Problem::too_many(left));
        }
        Attempt::Counted { locks } => locks,
    };
    let (actor, object) = match &found {
        Some((token, account)) => (account.name.as_str(), format!("token {}", token.name)),
        None => (AuditEntry::SYSTEM, "token".to_owned()),
    };
    let entry = |action| AuditEntry {
        actor: actor.to_owned(),
        source: source.to_owned(),
        ..AuditEntry::of_system(now, action, object.clone())
    };
    services.store.audit(&entry("token.refused").ending("refused")).await?;
    if locks {
        tracing::warn!(source, "tokens that are not known are locked out after too many that do not count");
        services.store.audit(&entry("token.locked").ending("locked")).await?;
        let (zh, en) = (format!("来自{source}"), format!("tried from {source}"));
        let alarm = Alarm::new(AlarmKind::LoginLocked, "token", now).saying(&zh, &en);
        services.store.raise_alarm(&alarm).await?;
    }
    Ok(Problem::not_signed_in())
}

/// Whether a token is among those that count, by a list that is a few seconds old at most.
async fn is_known(services: &Services, source: &str, hash: &str, now: Moment) -> Result<bool, StoreError> {
    let known = services.bearers.known(source, now);
    let known = match known {
        Some(known) => known,
        None => {
            let known = Arc::new(services.store.token_hashes(now).await?);
            services.bearers.note_known(source, (now, Arc::clone(&known)));
            known
        }
    };
    Ok(known.contains(hash))
}

impl Bearers {
    /// For how long a source is shut, where it is.
    fn shut(&self, source: &str, now: Moment) -> Option<Duration> {
        let mut all = self.all();
        let shut = all.get(source)?;
        // After a clock that was set back the database says how long (F33).
        if shut.from <= now && now < shut.until {
            return Some(shut.until.since(now));
        }
        all.remove(source);
        None
    }

    fn shut_source(&self, source: &str, shut: Shut) {
        let mut all = self.all();
        if all.len() >= MOST_KNOWN {
            all.retain(|_, known| shut.from < known.until);
        }
        if all.len() < MOST_KNOWN {
            all.insert(source.to_owned(), shut);
        }
    }

    /// The tokens that count, where they were looked up just now.
    fn known(&self, source: &str, now: Moment) -> Option<Arc<HashSet<String>>> {
        let all = self.all();
        let (at, known) = &all.get(source)?.known;
        (*at <= now && now.since(*at) < FRESH).then(|| Arc::clone(known))
    }

    fn note_known(&self, source: &str, known: (Moment, Arc<HashSet<String>>)) {
        if let Some(shut) = self.all().get_mut(source) {
            shut.known = known;
        }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Shut>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How old the list of tokens that count may be: a new token is let in after so long, whatever comes from its source.
const FRESH: Duration = Duration::from_secs(5);
/// Above so many, the database is asked about every token of the others.
const MOST_KNOWN: usize = 10_000;
