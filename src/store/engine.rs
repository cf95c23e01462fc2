//! The connections: one that writes and several that read (SQLite), or a pool (PostgreSQL), and the settings without
//! which nothing may be called kept (F29).

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, PgConnection, PgPool, SqlitePool};
use tokio::time::{Instant, sleep};
use tokio_util::task::TaskTracker;

use super::error::StoreError;
use super::lent::Patience;
use super::sql::Dialect;
use super::transaction::Transaction;
use crate::config::DatabasePlace;
use crate::ownership;

/// Where the database is.
#[derive(Clone, PartialEq, Eq)]
pub enum Address {
    /// A file, made when it is not there.
    Sqlite(PathBuf),
    /// A server, by its URL. May hold a password, and is therefore never shown.
    Postgres(String),
}

impl Address {
    /// Which database, for people: nothing in it is secret.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("the database {}", path.display()),
            Self::Postgres(url) => {
                let options = url.parse::<PgConnectOptions>().ok();
                options.map_or_else(
                    || "the database".to_owned(),
                    |to| {
                        let host = || to.get_host().to_owned();
                        let host = to.get_socket().map_or_else(host, |socket| socket.display().to_string());
                        format!("the PostgreSQL database {} on {host}", to.get_database().unwrap_or("-"))
                    },
                )
            }
        }
    }
}

impl From<&DatabasePlace> for Address {
    fn from(place: &DatabasePlace) -> Self {
        match place {
            DatabasePlace::Sqlite(path) => Self::Sqlite(path.clone()),
            DatabasePlace::Postgres(url) => Self::Postgres(url.with_password().to_owned()),
        }
    }
}

impl FromStr for Address {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        match text.split_once(':') {
            Some(("sqlite", path)) if !path.is_empty() => Ok(Self::Sqlite(path.into())),
            Some(("postgres" | "postgresql", _)) => Ok(Self::Postgres(text.to_owned())),
            _ => Err(StoreError::Address),
        }
    }
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(_) => f.write_str("postgres"),
        }
    }
}

/// How a server is used; a file has its own ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pooling {
    /// Connections at most.
    pub(super) connections: u32,
    /// How long the answer to a statement is waited for.
    pub(super) answers_within: Duration,
}

impl Pooling {
    pub(super) const fn with(connections: u32) -> Self {
        Self { connections, answers_within: ANSWERS_WITHIN }
    }
}

fn milliseconds(duration: Duration) -> String {
    format!("{}ms", duration.as_millis())
}

#[derive(Clone, Debug)]
pub(super) enum Engine {
    Sqlite {
        writer: SqlitePool,
        readers: SqlitePool,
    },
    /// A transaction is begun in a task of its own, which is brought to its end even when nobody waits any more.
    Postgres {
        pool: PgPool,
        patience: Patience,
        begins: TaskTracker,
    },
}

impl Engine {
    pub(super) async fn open(address: &Address, pooling: Pooling) -> Result<Self, StoreError> {
        let engine = Self::connect(address, pooling).await?;
        engine.check_restore().await?;
        Ok(engine)
    }

    /// As [`Self::open`], of a database that may have been restored in part.
    pub(super) async fn connect(address: &Address, pooling: Pooling) -> Result<Self, StoreError> {
        let engine = match address {
            Address::Sqlite(path) => {
                if ownership::is_root() && !path.exists() {
                    // What stands in the way of it is told when the file is opened. The files beside it go by its owner.
                    let _ = ownership::create_new(path);
                }
                let options = SqliteConnectOptions::new()
                    .filename(path)
                    .create_if_missing(true)
                    .foreign_keys(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Full)
                    .busy_timeout(PATIENCE)
                    .page_size(8192)
                    .pragma("cache_size", "-32768");
                // A connection that is closed for its age would do so in the middle of paused time.
                let pool = || {
                    let pool = SqlitePoolOptions::new().acquire_timeout(PATIENCE);
                    pool.idle_timeout(None).max_lifetime(None).after_release(|connection, _| {
                        // A full disk undoes a transaction by itself; who asks for that again is refused, and the connection
                        // would begin no other one.
                        Box::pin(async move {
                            connection.ping().await?;
                            Ok(!connection.is_in_transaction())
                        })
                    })
                };
                let open = |error| StoreError::of("opening the database file", error);
                let writer = first_connection(|| pool().max_connections(1), &options).await.map_err(open)?;
                let readers = pool().max_connections(READERS).connect_with(options.read_only(true));
                Self::Sqlite { writer, readers: readers.await.map_err(open)? }
            }
            Address::Postgres(url) => {
                let options: PgConnectOptions = url.parse().map_err(|_| StoreError::Address)?;
                let Pooling { connections, answers_within } = pooling;
                let patience = Patience::of(answers_within);
                let (statement, lock) = (milliseconds(patience.statement), milliseconds(patience.connection));
                let options = options.application_name("chaobiao").options([
                    ("statement_timeout", statement.as_str()),
                    ("lock_timeout", lock.as_str()),
                    ("idle_in_transaction_session_timeout", statement.as_str()),
                    // What takes a twentieth of a second is not worth waking other processes for.
                    ("parallel_setup_cost", "3000"),
                ]);
                let pool = PgPoolOptions::new().acquire_timeout(patience.connection);
                let pool = pool.max_connections(connections);
                let open = |error| StoreError::of("connecting to the database", error);
                match pool.connect_with(options.clone()).await {
                    Ok(pool) => Self::Postgres { pool, patience, begins: TaskTracker::new() },
                    // The pool waited in vain and does not say for what.
                    Err(sqlx::Error::PoolTimedOut) => return Err(open(reason(&options).await)),
                    Err(error) => return Err(open(error)),
                }
            }
        };
        engine.check_settings().await?;
        Ok(engine)
    }

    pub(super) const fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite { .. } => Dialect::Sqlite,
            Self::Postgres { .. } => Dialect::Postgres,
        }
    }

    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Self::Postgres { pool, .. } => pool.close().await,
        }
    }

    /// Refuses a database into which a restore broke off.
    async fn check_restore(&self) -> Result<(), StoreError> {
        if matches!(self, Self::Sqlite { .. }) {
            // A file gets its name when everything is done.
            return Ok(());
        }
        let mut asking = Transaction::read(self).await?;
        let found: Option<(i64,)> = asking.row(IS_UNFINISHED, &[]).await?;
        found.map_or(Ok(()), |_| Err(StoreError::UnfinishedRestore))
    }

    /// Refuses a database that may lose what it said it had kept.
    async fn check_settings(&self) -> Result<(), StoreError> {
        let mut asking = Transaction::write(self).await?;
        let checks: &[Check] = match self {
            Self::Sqlite { .. } => &SQLITE,
            Self::Postgres { .. } => &POSTGRES,
        };
        for check in checks {
            let found: Vec<(String,)> = asking.rows(check.ask, &[]).await?;
            let found = found.into_iter().next().map(|(found,)| found).unwrap_or_default();
            if !(check.is_safe)(&found) {
                let Check { setting, wanted, .. } = *check;
                return Err(StoreError::UnsafeSetting { setting, found, wanted });
            }
        }
        Ok(())
    }
}

/// Opens the first connection to a file. Two that make a new file at once both change its journal mode, for which SQLite
/// does not wait by itself as it does for other locks.
async fn first_connection(
    pool: impl Fn() -> SqlitePoolOptions,
    options: &SqliteConnectOptions,
) -> Result<SqlitePool, sqlx::Error> {
    let until = Instant::now() + PATIENCE;
    loop {
        match pool().connect_with(options.clone()).await {
            Err(error) if is_locked(&error) && Instant::now() < until => sleep(LOCKED).await,
            opened => return opened,
        }
    }
}

/// True when somebody else is in the middle of the file.
fn is_locked(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    // Extended codes keep the plain one in their low byte.
    code.and_then(|code| code.parse::<i64>().ok()).is_some_and(|code| code & 0xFF == SQLITE_BUSY)
}

/// A setting that is looked at before anything is kept.
pub(super) struct Check {
    pub(super) setting: &'static str,
    pub(super) ask: &'static str,
    pub(super) is_safe: fn(&str) -> bool,
    pub(super) wanted: &'static str,
}

const SQLITE: [Check; 3] = [
    Check {
        setting: "journal_mode",
        ask: "SELECT journal_mode FROM pragma_journal_mode()",
        is_safe: |found| found == "wal",
        wanted: "wal, which a network drive cannot give",
    },
    Check {
        setting: "synchronous",
        ask: "SELECT CAST(synchronous AS TEXT) FROM pragma_synchronous()",
        is_safe: |found| matches!(found, "2" | "3"),
        wanted: "full",
    },
    Check {
        setting: "foreign_keys",
        ask: "SELECT CAST(foreign_keys AS TEXT) FROM pragma_foreign_keys()",
        is_safe: |found| found == "1",
        wanted: "on",
    },
];

pub(super) const POSTGRES: [Check; 4] = [
    Check {
        setting: "server_version",
        ask: "SELECT CASE WHEN current_setting('server_version_num')::bigint >= 150000 THEN 'new enough' \
              ELSE current_setting('server_version') END",
        is_safe: |found| found == "new enough",
        wanted: "15 or later",
    },
    Check {
        setting: "fsync",
        ask: "SELECT current_setting('fsync')",
        is_safe: |found| found == "on",
        wanted: "on",
    },
    Check {
        setting: "full_page_writes",
        ask: "SELECT current_setting('full_page_writes')",
        is_safe: |found| found == "on",
        wanted: "on",
    },
    Check {
        setting: "synchronous_commit",
        ask: "SELECT current_setting('synchronous_commit')",
        is_safe: |found| found != "off",
        wanted: "on, or a mode that waits for more",
    },
];

/// Why no connection comes about.
async fn reason(options: &PgConnectOptions) -> sqlx::Error {
    match tokio::time::timeout(PATIENCE, PgConnection::connect_with(options)).await {
        Ok(Err(error)) => error,
        _ => sqlx::Error::PoolTimedOut,
    }
}

/// The table that stands in a database from the beginning of a restore until everything is done.
pub(super) const UNFINISHED: &str = "restore_is_unfinished";
pub(super) const IS_UNFINISHED: &str =
    "SELECT 1::bigint WHERE to_regclass('public.restore_is_unfinished') IS NOT NULL";

const SQLITE_BUSY: i64 = 5;
/// How often a file is looked at again that somebody else is making.
const LOCKED: Duration = Duration::from_millis(20);
/// How long a connection or a lock is waited for.
const PATIENCE: Duration = Duration::from_secs(20);
const READERS: u32 = 4;
/// How long the answer to a statement is waited for, unless the configuration says something else.
const ANSWERS_WITHIN: Duration = Duration::from_secs(60);
pub(super) const CONNECTIONS: u32 = 8;
