//! A connection to PostgreSQL within a transaction, which is never waited for for ever and never kept from the pool (F22).
//!
//! A peer that vanished without a word answers nothing and refuses nothing: what was asked of it is given up when the server
//! itself would have given it up, and its connection is thrown away at once, so that the pool can open another. What is
//! dropped half way is undone in a task of its own, within bounds; so is a connection that goes back.

use std::future::Future;
use std::io;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{Connection, PgConnection, PgPool, Postgres};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::held_time::HeldTime;

/// How long a server is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Patience {
    /// For the answer to one statement; the server gives up by itself after as long.
    pub(super) statement: Duration,
    /// For a connection, or for a lock.
    pub(super) connection: Duration,
}

impl Patience {
    pub(super) fn of(statement: Duration) -> Self {
        Self { statement, connection: (statement / 3).min(CONNECTION) }
    }

    /// The answer, or an error when there is none although the server should have given up by now.
    async fn answer<T>(self, asked: impl Future<Output = Result<T, sqlx::Error>>) -> Answered<T> {
        // What the server says of its own limit arrives within this.
        let longest = self.statement + (self.statement / 10).min(TRANSIT);
        match timeout(longest, asked).await {
            Ok(Ok(answer)) => Answered::Well(answer),
            Ok(Err(error)) => Answered::Badly(error),
            Err(_) => Answered::Nothing,
        }
    }
}

enum Answered<T> {
    Well(T),
    Badly(sqlx::Error),
    Nothing,
}

/// A connection in the middle of a transaction.
pub(super) struct Lent {
    /// `None` once it is lost or given back.
    connection: Option<PoolConnection<Postgres>>,
    pub(super) patience: Patience,
    ends: TaskTracker,
    /// Keeps a paused clock from running ahead until the connection is back.
    pub(super) held: Option<HeldTime>,
}

impl Lent {
    /// Begins in a task: a connection whose BEGIN was dropped half way would go back to the pool within a transaction, and
    /// the next one to write on it would be refused.
    pub(super) async fn begin(
        pool: &PgPool,
        patience: Patience,
        ends: &TaskTracker,
        statement: &'static str,
    ) -> Result<Self, sqlx::Error> {
        let (pool, tracker) = (pool.clone(), ends.clone());
        let begun = ends.spawn(async move {
            let connection = match pool.acquire().await {
                // There was room for another connection, and the pool does not say why none came about.
                Err(sqlx::Error::PoolTimedOut) if pool.size() < pool.options().get_max_connections() => {
                    return Err(reason(&pool).await);
                }
                acquired => Some(acquired?),
            };
            let mut lent = Self { connection, patience, ends: tracker, held: None };
            lent.say(statement).await?;
            Ok(lent)
        });
        begun.await.unwrap_or(Err(sqlx::Error::WorkerCrashed))
    }

    /// Asks something of the server.
    pub(super) async fn ask<T>(
        &mut self,
        ask: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, sqlx::Error> {
        let Some(connection) = &mut self.connection else { return Err(unanswered()) };
        match self.patience.answer(ask(connection)).await {
            Answered::Well(answer) => Ok(answer),
            Answered::Badly(error) => Err(error),
            Answered::Nothing => {
                // Its place in the pool is free from now on.
                drop(self.connection.take().map(PoolConnection::detach));
                Err(unanswered())
            }
        }
    }

    async fn say(&mut self, statement: &'static str) -> Result<(), sqlx::Error> {
        self.ask(async |connection| sqlx::raw_sql(statement).execute(connection).await.map(drop)).await
    }

    /// Makes durable what was done. After an error nobody knows whether it is (F32).
    pub(super) async fn commit(mut self) -> Result<(), sqlx::Error> {
        self.say("COMMIT").await?;
        if let Some(connection) = self.connection.take() {
            self.give_back(connection, false);
        }
        Ok(())
    }

    fn give_back(&mut self, mut connection: PoolConnection<Postgres>, is_open: bool) {
        let held = self.held.take();
        self.ends.spawn(async move {
            let undone = async {
                if is_open {
                    sqlx::raw_sql("ROLLBACK").execute(&mut *connection).await?;
                }
                Ok::<_, sqlx::Error>(())
            };
            // What cannot be undone in time is undone by the server, once the connection is gone.
            if matches!(timeout(BACK, undone).await, Ok(Ok(()))) {
                let _ = timeout(BACK, connection.return_to_pool()).await;
            } else {
                drop(connection.detach());
            }
            drop(held);
        });
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        if tokio::runtime::Handle::try_current().is_ok() {
            self.give_back(connection, true);
        } else {
            drop(connection.detach());
        }
    }
}

/// Why no connection comes about.
async fn reason(pool: &PgPool) -> sqlx::Error {
    let options = pool.connect_options();
    match timeout(REASON, PgConnection::connect_with(&options)).await {
        Ok(Err(error)) => error,
        Ok(Ok(_)) => sqlx::Error::PoolTimedOut,
        Err(_) => unanswered(),
    }
}

fn unanswered() -> sqlx::Error {
    sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, "the server does not answer"))
}

/// How long a connection may take to be undone, and to be found in order.
const BACK: Duration = Duration::from_secs(5);
/// How long it is asked why no connection comes about.
const REASON: Duration = Duration::from_secs(2);
/// How long a word from the server may be under way.
const TRANSIT: Duration = Duration::from_secs(5);
/// For a connection or a lock at most.
const CONNECTION: Duration = Duration::from_secs(20);
