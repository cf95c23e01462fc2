//! Copies of the database, and what has to be done to one before it may be served (F41).
//!
//! A file is copied by SQLite itself while others read and write it. The copy of a server is made by its own programs; here
//! is only what they leave open: a mark that stands in the database from before the first table until everything is done, so
//! that a restore that broke off is never served ([`super::engine`] refuses it).

use std::path::Path;

use super::engine::{CONNECTIONS, Engine, Pooling, UNFINISHED};
use super::error::StoreError;
use super::sql::Sql;
use super::transaction::Transaction;
use super::{Address, Migrations, Store, audit, billing, migrate, supply};
use crate::domain::{AuditEntry, Moment};

/// What was done to a database that came from a backup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Approvals of supply orders that hold no more.
    pub approvals: u64,
    /// Points of orders that were not sent, other than cuts, and are taken back: whoever still wants them asks again.
    pub taken_back: u64,
    /// Points of orders of which nobody knows what became of them: people must look.
    pub unknown: u64,
    /// Billing values that are offered again, under the keys they had.
    pub offered_again: u64,
    /// Sessions of the console that were open and are no more.
    pub sessions: u64,
}

/// Whether a database may be restored into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// There is nothing in it.
    Empty,
    /// It holds something.
    Taken,
    /// A restore into it broke off.
    Unfinished,
}

impl Store {
    /// Copies the database as it stands at one moment into a new file, while others go on reading and writing it.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written or is there already, or the database is no file.
    pub async fn copy_into(&self, file: &Path) -> Result<(), StoreError> {
        let Engine::Sqlite { readers, .. } = &self.engine else { return Err(StoreError::Address) };
        let name = file.to_str().ok_or(StoreError::Address)?;
        let copied = sqlx::query("VACUUM INTO $1").bind(name).execute(readers).await;
        copied.map(|_| ()).map_err(|error| StoreError::of("copying the database", error))
    }

    /// The schema of the database.
    #[must_use]
    pub fn schema() -> i64 {
        migrate::newest()
    }

    /// Begins to restore into a server's database: puts the mark into it, if there is room.
    ///
    /// # Errors
    /// [`StoreError`] when it does not answer.
    pub async fn begin_restore(address: &Address) -> Result<Room, StoreError> {
        let engine = Engine::connect(address, Pooling::with(1)).await?;
        let mut writing = Transaction::write(&engine).await?.doing("beginning a restore");
        let found: Vec<(String,)> = writing.rows(TABLES, &[]).await?;
        let room = match found.as_slice() {
            [] => Room::Empty,
            names if names.iter().any(|(name,)| name == UNFINISHED) => Room::Unfinished,
            _ => Room::Taken,
        };
        if room == Room::Empty {
            writing.script(&format!("CREATE TABLE {UNFINISHED} ()")).await?;
            writing.commit().await?;
        } else {
            // Closing waits for it.
            drop(writing);
        }
        engine.close().await;
        Ok(room)
    }

    /// Opens a database that came from a backup and was not made ready yet; nothing but [`Self::make_ready`] is to be done
    /// with it.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn open_restored(address: &Address) -> Result<Self, StoreError> {
        let engine = Engine::connect(address, Pooling::with(CONNECTIONS)).await?;
        Self::opened(engine, (Migrations::Run, migrate::Others::None)).await
    }

    /// Marks a database that is restored to see whether that can be done: nobody serves it (F41). It cannot be taken back.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot.
    pub async fn mark_as_drill(&self) -> Result<(), StoreError> {
        let mut writing = self.write("marking a restore as a drill").await?;
        writing.script(&format!("CREATE TABLE IF NOT EXISTS {DRILL} (id bigint)")).await?;
        writing.commit().await
    }

    /// Whether the database was restored for a drill.
    ///
    /// # Errors
    /// [`StoreError`] when it does not answer.
    pub async fn is_drill(&self) -> Result<bool, StoreError> {
        let mut reading = self.read("looking whether it is a drill").await?;
        let found: Option<(i64,)> = reading.row(IS_DRILL, &[]).await?;
        Ok(found.is_some_and(|(found,)| found > 0))
    }

    /// Makes a database that came from a backup ready, in one transaction: nothing that was approved, waited or was under
    /// way sends anything; what billing may not have had is offered again, and what it is told from now on goes by versions
    /// that it never had; all sessions are over. The entry says by whom.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot; then nothing was done, and it is not ready.
    pub async fn make_ready(&self, entry: AuditEntry, now: Moment) -> Result<Restored, StoreError> {
        let mut writing = self.write("making a restored database ready").await?;
        let mut found = Restored::default();
        supply::quiet_orders(&mut writing, &mut found, now).await?;
        billing::raise_floor(&mut writing, now).await?;
        found.offered_again = writing.execute(OFFER_AGAIN, &[now.into()]).await?;
        found.sessions = writing.execute("DELETE FROM login_session", &[]).await?;
        if self.is_server() {
            writing.script(&format!("DROP TABLE IF EXISTS {UNFINISHED}")).await?;
        }
        let Restored { approvals, taken_back, unknown, offered_again, sessions } = found;
        let detail = serde_json::json!({
            "approvals": approvals, "taken_back": taken_back, "unknown": unknown, "offered_again": offered_again,
            "sessions": sessions,
        });
        audit::append(&mut writing, &entry.saying(detail.to_string())).await?;
        writing.commit().await?;
        Ok(found)
    }
}

/// What waits, and what was offered when the copy was made and may or may not have been taken.
const OFFER_AGAIN: &str = "UPDATE outbox SET state = 1, lease = NULL, next_at = $1 WHERE state IN (1, 2)";

/// The table that says so.
const DRILL: &str = "restored_for_a_drill";
pub(super) const IS_DRILL: Sql = Sql {
    sqlite: "SELECT count(*) FROM sqlite_schema WHERE name = 'restored_for_a_drill'",
    postgres: "SELECT count(to_regclass('public.restored_for_a_drill'))",
};

const TABLES: &str = "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
    WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'S')";
