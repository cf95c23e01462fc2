//! Partitions of PostgreSQL, made before they are needed, and retention on both databases.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use super::Store;
use super::error::StoreError;
use super::sql::{Cell, Dialect};
use crate::domain::{Coded, Day, Moment};

/// The days whose partitions are known to be there.
#[derive(Clone, Debug, Default)]
pub(super) struct KnownDays(Arc<Mutex<HashSet<Day>>>);

impl KnownDays {
    fn missing(&self, days: impl Iterator<Item = Day>) -> HashSet<Day> {
        let known = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        days.filter(|day| !known.contains(day)).collect()
    }

    fn add(&self, day: Day) {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(day);
    }

    fn clear(&self) {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clear();
    }
}

/// A large table whose old rows may be let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Large {
    /// Exchanges with their frames.
    Fetches,
    /// Versions of register reads.
    Registers,
    /// Curves.
    Intervals,
    /// Versions of what billing was given.
    BillingValues,
    /// Which version is with which receiver.
    Outbox,
    /// Entries of the built-in ledger.
    BillingLedger,
}

impl Coded for Large {
    const TABLE: &'static [(Self, i64, &'static str)] = &[
        (Self::Fetches, 1, "meter_fetch"),
        (Self::Registers, 2, "register_ledger"),
        (Self::Intervals, 3, "interval_day"),
        (Self::BillingValues, 4, "billing_value"),
        (Self::Outbox, 5, "outbox"),
        (Self::BillingLedger, 6, "billing_ledger"),
    ];
}

impl Store {
    /// Makes the partitions that hold these days, beside whoever reads or writes the lists, a backup among them. Called by
    /// itself when something is saved; called ahead, it spares the night the work.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot, or a day is not between 2000 and 2099.
    pub async fn make_partitions(&self, days: impl Iterator<Item = Day>) -> Result<(), StoreError> {
        if self.dialect() == Dialect::Sqlite {
            return Ok(());
        }
        let mut missing: Vec<Day> = self.partitions.missing(days).into_iter().collect();
        missing.sort_unstable();
        for day in missing {
            let mut making = self.write("making partitions").await?;
            making.execute("SELECT make_partitions($1)", &[day.into()]).await?;
            making.commit().await?;
            self.partitions.add(day);
        }
        Ok(())
    }

    /// Lets go what a table holds of the days before `keep_from`: whole partitions in PostgreSQL, rows in SQLite, there a day at a
    /// time, so that whoever wants to write waits for no more than that. Says how many of these: none where later days were let
    /// go before, which do not come back. A server lets nothing go that is too young by its own clock or is kept for good.
    /// Whether they were billed and backed up is for the caller to know.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot; also while somebody looks at what is to go, such as a backup: that passes.
    pub async fn let_go(&self, large: Large, keep_from: Day) -> Result<u64, StoreError> {
        let mut gone = 0;
        loop {
            let mut writing = self.write("letting old rows go").await?;
            let name = large.name();
            let kept: Option<(i64,)> = writing.row(KEPT_FROM, &[name.into()]).await?;
            if kept.is_some_and(|(kept,)| kept > keep_from.number()) {
                return Ok(gone);
            }
            if writing.dialect() == Dialect::Postgres {
                let dropped: Option<(i64,)> =
                    writing.row("SELECT drop_partitions($1, $2)", &[name.into(), keep_from.into()]).await?;
                writing.commit().await?;
                self.partitions.clear();
                return Ok(u64::try_from(dropped.map_or(0, |(dropped,)| dropped)).unwrap_or(0));
            }
            writing.execute(KEEP_FROM, &[name.into(), keep_from.into()]).await?;
            let oldest: Option<(Option<i64>,)> = writing.row(large.oldest(), &[]).await?;
            let oldest = oldest.and_then(|(oldest,)| large.day_of(oldest?)).filter(|day| *day < keep_from);
            if let Some(oldest) = oldest {
                let (statement, edge) = large.deletion(oldest.next());
                gone += writing.execute(statement, &[edge]).await?;
            }
            writing.commit().await?;
            if oldest.is_none() {
                return Ok(gone);
            }
        }
    }
}

impl Large {
    /// The statement that deletes rows before an edge in SQLite, and the edge for a day.
    fn deletion(self, keep_from: Day) -> (&'static str, Cell<'static>) {
        let start = || keep_from.start().into();
        match self {
            Self::Fetches => ("DELETE FROM meter_fetch WHERE day < $1", keep_from.into()),
            Self::Registers => ("DELETE FROM register_ledger WHERE as_of < $1", start()),
            Self::Intervals => ("DELETE FROM interval_day WHERE day < $1", keep_from.into()),
            Self::BillingValues => ("DELETE FROM billing_value WHERE at < $1", start()),
            Self::Outbox => ("DELETE FROM outbox WHERE at < $1", start()),
            Self::BillingLedger => ("DELETE FROM billing_ledger WHERE at < $1", start()),
        }
    }

    /// The statement that gives the key of the oldest row in SQLite.
    const fn oldest(self) -> &'static str {
        match self {
            Self::Fetches => "SELECT min(day) FROM meter_fetch",
            Self::Registers => "SELECT min(as_of) FROM register_ledger",
            Self::Intervals => "SELECT min(day) FROM interval_day",
            Self::BillingValues => "SELECT min(at) FROM billing_value",
            Self::Outbox => "SELECT min(at) FROM outbox",
            Self::BillingLedger => "SELECT min(at) FROM billing_ledger",
        }
    }

    /// The day that such a key is of.
    fn day_of(self, key: i64) -> Option<Day> {
        match self {
            Self::Fetches | Self::Intervals => Day::from_number(key),
            _ => Some(Day::of(Moment::from_micros(key))),
        }
    }
}

const KEPT_FROM: &str = "SELECT keep_from FROM retention WHERE list = $1";

const KEEP_FROM: &str = "INSERT INTO retention (list, keep_from) VALUES ($1, $2) \
    ON CONFLICT (list) DO UPDATE SET keep_from = excluded.keep_from";
