//! The store: everything that must survive a kill, in SQLite or PostgreSQL behind one concrete type.
//!
//! What was saved is durable when the call returns, and saving the same again changes nothing. Nothing that was read is
//! overwritten: registers get versions, a slot of a curve keeps its first value, and triggers hold to that even for
//! other programs. Quantities are whole numbers of their item's last decimal place, instants microseconds UTC; the
//! views `interval_read`, `register_read` and `daily_consumption` show exact decimals to anyone with SQL. Unique keys of
//! large tables begin with the meter and no large table refers to a small one, so that the tables can be spread over
//! several machines.
//!
//! One file for each thing that is kept. Rules of what counts are left to [`crate::domain`], when to read what to `plan`
//! and `collect`.

pub mod access;
pub mod alarm;
mod anchor;
pub mod archive;
mod asset_check;
mod audit;
mod audit_check;
mod audit_spool;
mod backup;
mod batch;
pub mod billing;
mod clock_confirmed;
mod clock_step;
mod configuration;
mod damage;
mod engine;
mod error;
mod event_turn;
mod examined;
pub mod facts;
mod fetch;
mod fullness;
mod held_time;
mod interval;
mod latest;
mod ledger;
mod lent;
mod manual_read;
mod migrate;
mod model;
mod number;
mod numbered;
mod partition;
#[cfg(test)]
#[path = "../../tests/support/postgres.rs"]
mod postgres;
mod proposal;
mod read_answer;
mod read_job;
mod review;
mod rights;
pub mod rotation;
mod run;
mod seal;
mod secret;
mod seed;
mod session;
mod sql;
pub mod supply;
mod tampering;
mod tenure;
pub mod terminal;
mod transaction;
pub mod view;
mod witness;

pub use crate::domain::version::Decision;
pub use anchor::{AnchorError, AuditVerdict, Notes as AuditNotes, anchors};
pub use asset_check::AssetCheck;
pub use audit::{AuditFilter, AuditHead, AuditRecord};
pub use audit_check::{AuditCheck, AuditFault};
pub use audit_spool::Spooled;
pub use backup::{Restored, Room};
pub use batch::{Batch, Receipt};
pub use configuration::ConfigChange;
pub use damage::{Damage, Looked, SEALED};
pub use engine::Address;
pub use error::{Refusal, Remedy, StoreError};
pub use event_turn::EventTurns;
pub use examined::Examined;
pub use fetch::{AllBrought, Brought};
pub use interval::IntervalConflict;
pub use latest::Latest;
pub use ledger::{LedgerEntry, Neighbours};
pub use migrate::Migrations;
pub use numbered::NumberedPoint;
pub use partition::Large;
pub use proposal::{DoesNotFit, ProposalError, Verdict};
pub use read_job::{NewReads, Submitted};
pub use review::{Decided, Review};
pub use run::RunPlan;
pub use secret::{KeptSecret, NewSecret, SecretDigits, SecretError, SecretKind, SecretScope, Vault};
pub use session::{ClocksJumped, EventCount, MeterEvent, Notes, StatusWords};
pub use sql::Dialect;
pub use tenure::{Holder, Serving, Taken, Tenure};
pub use witness::Loss;

use std::sync::{Arc, OnceLock};

use crate::config::Database;
use crate::domain::{Coded, Item};
use engine::{Engine, Pooling};
use fullness::Fullness;
use held_time::HeldTime;
use migrate::Others;
use number::Numbers;
pub use number::given_at;
use partition::KnownDays;
use sql::Sql;
use transaction::Transaction;
use witness::Witness;

/// The database, opened. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Store {
    engine: Engine,
    numbers: Arc<Numbers>,
    partitions: KnownDays,
    holds_time: bool,
    /// What seals the secrets of second factors, once it is known.
    vault: Arc<OnceLock<Vault>>,
    /// What makes it the store of whoever serves the site, where several may.
    tenure: Option<Tenure>,
    fullness: Fullness,
    /// What is known of the audit log from elsewhere.
    witness: Witness,
}

impl Store {
    /// Opens the database, which is made when it is a file that is not there, and brings its tables up to this version.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be reached, runs with settings that may lose what it kept, or has been changed by
    /// a newer version.
    pub async fn open(address: &Address, migrations: Migrations) -> Result<Self, StoreError> {
        Self::open_with(address, migrations, engine::CONNECTIONS).await
    }

    /// As [`Self::open`], with so many connections at most where the database is PostgreSQL.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn open_with(
        address: &Address,
        migrations: Migrations,
        connections: u32,
    ) -> Result<Self, StoreError> {
        let engine = Engine::open(address, Pooling::with(connections)).await?;
        Self::opened(engine, (migrations, Others::MayServe)).await
    }

    /// As [`Self::open`], the way the configuration has it.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn open_configured(database: &Database, migrations: Migrations) -> Result<Self, StoreError> {
        let Database { connections, answers_within, .. } = *database;
        let pooling = Pooling { connections, answers_within };
        let engine = Engine::open(&Address::from(&database.place), pooling).await?;
        Self::opened(engine, (migrations, Others::MayServe)).await
    }

    async fn opened(engine: Engine, migrations: (Migrations, Others)) -> Result<Self, StoreError> {
        if let Err(error) = migrate::migrate(&engine, &migrate::all(), migrations).await {
            // Whoever waits for the site to be free opens it again and again.
            engine.close().await;
            return Err(error);
        }
        let mut writing = Transaction::write(&engine).await?.doing("naming items and codes");
        seed::seed(&mut writing).await?;
        let opening: Option<(i64,)> =
            writing.row("UPDATE opening SET number = number + 1 RETURNING number", &[]).await?;
        writing.commit().await?;
        let numbers = Arc::new(Numbers::new(opening.map_or(0, |(number,)| number)));
        Ok(Self {
            engine,
            numbers,
            partitions: KnownDays::default(),
            holds_time: false,
            vault: Arc::default(),
            tenure: None,
            fullness: Fullness::default(),
            witness: Witness::default(),
        })
    }

    /// Which database it is.
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        self.engine.dialect()
    }

    /// Closes all connections, when those in use have come back.
    pub async fn close(&self) {
        self.engine.close().await;
    }

    /// The same store, for a process whose time is simulated: tokio's paused clock stands still while it works. Nothing
    /// else changes.
    #[must_use]
    pub fn in_simulated_time(self) -> Self {
        Self { holds_time: true, ..self }
    }

    async fn write(&self, doing: &'static str) -> Result<Transaction, StoreError> {
        self.fullness.admit(doing)?;
        let held = self.holds_time.then(HeldTime::begin);
        let writing = Transaction::write(&self.engine).await?.doing(doing).holding(held);
        Ok(writing.of(self.tenure.clone()).telling(self.fullness.clone()).witnessed(self.witness.clone()))
    }

    async fn read(&self, doing: &'static str) -> Result<Transaction, StoreError> {
        let held = self.holds_time.then(HeldTime::begin);
        Ok(Transaction::read(&self.engine).await?.doing(doing).holding(held))
    }
}

/// The member of a closed list that a stored number stands for.
fn code<T: Coded>(list: &'static str, number: i64) -> Result<T, StoreError> {
    T::from_code(number).ok_or_else(|| StoreError::Unknown { list, found: number.to_string() })
}

/// The item that a stored key stands for.
fn item(key: i64) -> Result<Item, StoreError> {
    Item::with_key(key).ok_or_else(|| StoreError::Unknown { list: "item", found: key.to_string() })
}
