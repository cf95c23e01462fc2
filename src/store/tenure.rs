//! Which of several instances serves a site: a lease in the database with a token that rises (F36).
//!
//! - **One holder.** The site can be taken when its lease has run out by the clock of the database, and each taking raises the
//!   token.
//! - **The tables stay as they are under it.** Whoever changes them ([`super::migrate`]) and whoever takes the site hold the same row
//!   until they are done: a version whose tables were changed meanwhile does not get the site, and one that had it before has
//!   lost it.
//! - **An older holder writes nothing.** Every transaction of a store that [holds](Store::holding) a tenure looks at the token
//!   right before its commit and locks it until then; so a taker waits for the commit, or the commit finds the taker's token
//!   and fails with [`StoreError::Overtaken`].
//! - **An older holder sends nothing.** Whoever sends asks [`Store::may_act_until`]: that is shorter than the lease, counted from
//!   before it was asked for, and by a clock that nobody sets; time in which the machine is suspended counts. It needs no answer
//!   from a database that may be away.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::Store;
use super::engine::{Address, Engine, Pooling};
use super::error::StoreError;
use super::migrate;
use super::sql::{Dialect, Sql};
use super::transaction::Transaction;
use crate::clock::{Awake, Clock};
use crate::domain::Moment;

/// Who serves a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its name, as it gave it.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Since when.
    pub since: Moment,
    /// Rises with each that takes the site over.
    pub token: i64,
}

/// Who serves a site, as the process that asks sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Serving {
    /// Who has the lease; `None` where the database is a file, which one process serves, or where nobody has it.
    pub holder: Option<Holder>,
    /// True when it is the process that asks.
    pub is_here: bool,
}

/// What came of wanting to serve a site.
#[derive(Debug)]
pub enum Taken {
    /// It is ours.
    Ours(Tenure),
    /// Somebody else has it.
    Held(Holder),
}

/// A site that is ours for as long as we renew the lease. Clones are the same tenure.
#[derive(Clone, Debug)]
pub struct Tenure(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    token: i64,
    /// A connection of its own: however busy the others are, the lease is renewed.
    engine: Engine,
    /// And how long the machine has been suspended since that was asked for, which counts.
    valid_until: Mutex<(Instant, Awake)>,
    clock: Clock,
    overtaken: CancellationToken,
}

impl Tenure {
    /// Takes the site whose database this is, if nobody else has it.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot; its tables must be those of this version.
    pub async fn take(address: &Address, name: &str, version: &str) -> Result<Taken, StoreError> {
        Self::take_by(address, (name, version), Clock::system()).await
    }

    /// As [`Self::take`], by a clock that knows how long the machine was suspended.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub async fn take_by(
        address: &Address,
        (name, version): (&str, &str),
        clock: Clock,
    ) -> Result<Taken, StoreError> {
        let engine =
            Engine::open(address, Pooling { connections: 1, answers_within: ANSWERS_WITHIN }).await?;
        let (asked_at, awake) = (Instant::now(), clock.awake());
        let mut taking = Transaction::write(&engine).await?.doing("taking the site");
        if let Some(holder) = serving(&mut taking).await? {
            drop(taking);
            engine.close().await;
            return Ok(Taken::Held(holder));
        }
        // Nobody changes the tables from here on until it is taken, and whoever has begun to is waited for (F40).
        hold(&mut taking).await?;
        let (found, known) = (migrate::found(&mut taking).await?, migrate::newest());
        if found != known {
            drop(taking);
            engine.close().await;
            return Err(if found > known {
                StoreError::NewerSchema { found, known }
            } else {
                StoreError::OlderSchema { found, needed: known }
            });
        }
        let lease = micros(LEASE);
        let token: Option<(i64,)> = taking.row(TAKE, &[name.into(), version.into(), lease.into()]).await?;
        let Some((token,)) = token else {
            let holder = holder(&mut taking).await?;
            // It waits for every connection to come back.
            drop(taking);
            engine.close().await;
            return Ok(Taken::Held(holder));
        };
        taking.commit().await?;
        let valid_until = Mutex::new((asked_at + ACTS, awake));
        Ok(Taken::Ours(Self(Arc::new(Inner {
            token,
            engine,
            valid_until,
            clock,
            overtaken: CancellationToken::new(),
        }))))
    }

    /// Renews the lease until `stop`, or until somebody else has the site.
    pub async fn keep(&self, stop: &CancellationToken) {
        let Inner { overtaken, valid_until, clock, .. } = &*self.0;
        let mut was_valid = true;
        while !stop.is_cancelled() && !overtaken.is_cancelled() {
            let (asked_at, awake) = (Instant::now(), clock.awake());
            match timeout(ANSWERS_WITHIN, self.renew()).await {
                Ok(Ok(true)) => {
                    *valid_until.lock().unwrap_or_else(PoisonError::into_inner) = (asked_at + ACTS, awake);
                    if !std::mem::replace(&mut was_valid, true) {
                        tracing::warn!("the site is still ours: orders and billing values go out again");
                    }
                }
                Ok(Ok(false)) => {
                    overtaken.cancel();
                    tracing::error!("another instance has taken the site over");
                }
                Ok(Err(_)) | Err(_) => {
                    if was_valid && Instant::now() >= self.valid_until() {
                        was_valid = false;
                        tracing::error!(
                            "the site may not be ours any more: no order and no billing value goes out"
                        );
                    }
                }
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = sleep(RENEW) => {}
            }
        }
    }

    async fn renew(&self) -> Result<bool, StoreError> {
        let mut renewing = Transaction::write(&self.0.engine).await?.doing("keeping the site");
        let renewed = renewing.execute(RENEWED, &[self.0.token.into(), micros(LEASE).into()]).await?;
        renewing.commit().await?;
        Ok(renewed > 0)
    }

    /// Gives the site to whoever waits for it.
    pub async fn give_up(&self) {
        let given = async {
            let mut giving = Transaction::write(&self.0.engine).await?.doing("giving the site up");
            giving.execute(GIVEN, &[self.0.token.into()]).await?;
            giving.commit().await
        };
        if !matches!(timeout(ANSWERS_WITHIN, given).await, Ok(Ok(()))) {
            tracing::warn!("the site is not given up: it can be taken when its lease has run out");
        }
        self.0.engine.close().await;
    }

    /// Returns when somebody else has the site.
    pub async fn overtaken(&self) {
        self.0.overtaken.cancelled().await;
    }

    /// Rises with each that takes the site over.
    #[must_use]
    pub fn token(&self) -> i64 {
        self.0.token
    }

    pub(super) fn is_overtaken(&self) {
        self.0.overtaken.cancel();
    }

    /// Until when something may be sent.
    #[must_use]
    pub fn valid_until(&self) -> Instant {
        let now = Instant::now();
        if self.0.overtaken.is_cancelled() {
            return now;
        }
        let (until, awake) = &*self.0.valid_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.checked_sub(awake.slept()).unwrap_or(now)
    }
}

impl Store {
    /// The same store, of the instance that serves the site: what it writes is refused once another has taken over.
    #[must_use]
    pub fn holding(self, tenure: Option<Tenure>) -> Self {
        Self { tenure, ..self }
    }

    /// Until when something may be sent to a relay or a receiver; `None` where nobody else can serve the site.
    #[must_use]
    pub fn may_act_until(&self) -> Option<Instant> {
        self.tenure.as_ref().map(Tenure::valid_until)
    }

    /// Whether something may be sent to a receiver now.
    #[must_use]
    pub fn may_act(&self) -> bool {
        self.may_act_until().is_none_or(|until| Instant::now() < until)
    }

    /// Who has served the site last; no name before the first.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn holder(&self) -> Result<Holder, StoreError> {
        holder(&mut self.read("reading who serves the site").await?).await
    }
}

impl Store {
    /// Who serves the site, and whether it is this process.
    ///
    /// # Errors
    /// As [`Self::holder`].
    pub async fn serving(&self) -> Result<Serving, StoreError> {
        if self.dialect() == Dialect::Sqlite {
            return Ok(Serving { holder: None, is_here: true });
        }
        let mut reading = self.read("reading who serves the site").await?;
        let holder = serving(&mut reading).await?;
        let ours = self.tenure.as_ref().map(Tenure::token);
        let is_here = holder.as_ref().is_some_and(|holder| Some(holder.token) == ours);
        Ok(Serving { holder, is_here })
    }
}

/// Who serves the site now, if somebody does: never told of a file, whose lock says so.
pub(super) async fn serving(reading: &mut Transaction) -> Result<Option<Holder>, StoreError> {
    if reading.dialect() == Dialect::Sqlite {
        return Ok(None);
    }
    let (is_there,): (i64,) = reading.row(IS_THERE, &[]).await?.unwrap_or_default();
    if is_there == 0 {
        return Ok(None);
    }
    let serving: Option<(i64,)> = reading.row(SERVING, &[]).await?;
    Ok(if serving.is_some() { Some(holder(reading).await?) } else { None })
}

/// Keeps the site as it is until the transaction ends; nothing where there is no table of it yet.
async fn hold(writing: &mut Transaction) -> Result<(), StoreError> {
    let _held: Option<(i64,)> = writing.row(HOLD, &[]).await?;
    Ok(())
}

/// Refuses to change the tables under an instance that serves the site; none takes it until the transaction ends. One that had
/// it and was away for longer than its lease has it no more.
pub(super) async fn keep_out(changing: &mut Transaction) -> Result<(), StoreError> {
    let (is_there,): (i64,) = changing.row(IS_THERE, &[]).await?.unwrap_or_default();
    if is_there == 0 {
        return Ok(());
    }
    // Whoever serves is not kept from it; nobody can have taken the site behind the second look.
    for is_held in [false, true] {
        if is_held {
            hold(changing).await?;
        }
        if let Some(holder) = serving(changing).await? {
            return Err(StoreError::Served(Box::new(holder)));
        }
    }
    changing.execute(PASSED, &[]).await?;
    Ok(())
}

async fn holder(reading: &mut Transaction) -> Result<Holder, StoreError> {
    let found: Option<(String, String, i64, i64)> = reading.row(HOLDER, &[]).await?;
    let (name, version, since, token) = found.unwrap_or_default();
    Ok(Holder { name, version, since: Moment::from_micros(since), token })
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

const TAKE: Sql = Sql {
    sqlite: "UPDATE site_tenure SET token = token + 1, holder = $1, version = $2, \
        taken_at = CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER), \
        until = CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER) + $3 \
        WHERE until < CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER) RETURNING token",
    postgres: "UPDATE site_tenure SET token = token + 1, holder = $1, version = $2, \
        taken_at = (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, \
        until = (extract(epoch FROM clock_timestamp()) * 1000000)::bigint + $3 \
        WHERE until < (extract(epoch FROM clock_timestamp()) * 1000000)::bigint RETURNING token",
};

const RENEWED: Sql = Sql {
    sqlite: "UPDATE site_tenure SET until = CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER) + $2 \
        WHERE token = $1",
    postgres: "UPDATE site_tenure SET until = (extract(epoch FROM clock_timestamp()) * 1000000)::bigint + $2 \
        WHERE token = $1",
};

const IS_THERE: Sql = Sql {
    sqlite: "SELECT count(*) FROM sqlite_schema WHERE name = 'site_tenure'",
    postgres: "SELECT count(to_regclass('site_tenure'))",
};
/// SQLite has one writer.
const HOLD: Sql =
    Sql { sqlite: "SELECT token FROM site_tenure", postgres: "SELECT token FROM site_tenure FOR UPDATE" };
const PASSED: &str = "UPDATE site_tenure SET token = token + 1";
const SERVING: &str = "SELECT token FROM site_tenure \
    WHERE until >= (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
const GIVEN: &str = "UPDATE site_tenure SET until = 0 WHERE token = $1";
const HOLDER: &str = "SELECT holder, version, taken_at, token FROM site_tenure";
/// Whether a token is still that of the holder; a taker waits until the transaction that asks has ended.
pub(super) const IS_OURS: Sql = Sql {
    sqlite: "SELECT token FROM site_tenure WHERE token = $1",
    postgres: "SELECT token FROM site_tenure WHERE token = $1 FOR SHARE",
};

/// How long a site is ours without being asked for again, by the clock of the database.
const LEASE: Duration = Duration::from_secs(10);
/// How long something may be sent after the lease was asked for.
const ACTS: Duration = Duration::from_secs(4);
const RENEW: Duration = Duration::from_secs(1);
const ANSWERS_WITHIN: Duration = Duration::from_secs(3);
