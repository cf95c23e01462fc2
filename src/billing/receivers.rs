//! Who is given billing values, as the configuration says.

use std::collections::HashMap;
use std::path::Path;

use super::drop::CsvSink;
use super::post::HttpSink;
use super::push::Settings;
use super::reconcile::{Reconciled, tally};
use super::sink::{BillingSink, KeyReceipt, LedgerSink, SinkError};
use crate::clock::Clock;
use crate::config::{Config, LEDGER, ReceiverWay};
use crate::domain::{Day, Moment};
use crate::failpoint::{self, Side};
use crate::store::billing::OutboxRecord;
use crate::store::{Store, StoreError};

/// A receiver of any kind.
#[derive(Debug)]
pub enum Sink {
    /// The built-in ledger.
    Ledger(LedgerSink),
    /// By HTTP.
    Http(Box<HttpSink>),
    /// By files.
    Csv(CsvSink),
}

/// A receiver and how it is treated.
#[derive(Debug)]
pub struct Receiver {
    /// The way to it.
    pub sink: Sink,
    /// How it is given batches.
    pub settings: Settings,
    /// The first day of which it is also given what is older than itself.
    pub from: Option<Day>,
}

/// Every receiver, the ledger first.
#[derive(Debug)]
pub struct Receivers(pub Vec<Receiver>);

impl Receivers {
    /// Those of a configuration.
    #[must_use]
    pub fn of(config: &Config, store: &Store, clock: &Clock) -> Self {
        let Self(mut all) = Self::ledger_only(store, clock, config.billing);
        all.extend(config.receivers.iter().map(|receiver| {
            let sink = match &receiver.way {
                ReceiverWay::Http(to) => {
                    let sink = HttpSink::new(&receiver.name, to.clone(), config.billing.lease, clock.clone());
                    Sink::Http(Box::new(sink))
                }
                ReceiverWay::Csv { directory } => {
                    Sink::Csv(CsvSink::new(&receiver.name, Path::new(directory)))
                }
            };
            let settings = Settings { batch: receiver.batch, ..config.billing };
            Receiver { sink, settings, from: receiver.from }
        }));
        Self(all)
    }

    /// The built-in ledger and nobody else.
    #[must_use]
    pub fn ledger_only(store: &Store, clock: &Clock, settings: Settings) -> Self {
        let sink = Sink::Ledger(LedgerSink::new(store.clone(), clock.clone()));
        Self(vec![Receiver { sink, settings, from: None }])
    }

    /// Makes them known in the database, which also notes who is there no more.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot.
    pub async fn introduce(&self, store: &Store, now: Moment) -> Result<(), StoreError> {
        let named: Vec<(&str, &str)> =
            self.0.iter().map(|receiver| (receiver.sink.receiver(), receiver.sink.kind())).collect();
        store.know_receivers(&named, now).await
    }
}

impl Receiver {
    /// Puts into the outbox of the receiver what it lacks: what is older than itself, from the day on that the configuration
    /// says, and, where it was left out for a while, what takes the place of what it has. Says how much. Doing it again adds
    /// nothing.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot; what was added before stays.
    pub async fn fill(&self, store: &Store, now: Moment) -> Result<u64, StoreError> {
        let name = self.sink.receiver();
        if name == LEDGER {
            return Ok(0);
        }
        let missed = self.catch_up(store, now).await?;
        Ok(missed + self.fill_older(store, now).await?)
    }

    async fn catch_up(&self, store: &Store, now: Moment) -> Result<u64, StoreError> {
        let name = self.sink.receiver();
        if !store.was_left_out(name).await? {
            return Ok(0);
        }
        let mut added = 0;
        if let Some((first, last)) = store.billing_days().await? {
            let mut day = first;
            while day <= last {
                added += store.catch_up_outbox(name, day, now).await?;
                day = day.next();
            }
        }
        store.note_back(name).await?;
        Ok(added)
    }

    async fn fill_older(&self, store: &Store, now: Moment) -> Result<u64, StoreError> {
        let (Some(from), name) = (self.from, self.sink.receiver()) else { return Ok(0) };
        if store.filled_from(name).await?.is_some_and(|filled| filled <= from) {
            return Ok(0);
        }
        let mut added = 0;
        if let Some((first, last)) = store.billing_days().await? {
            let mut day = first.max(from);
            while day <= last {
                added += store.fill_outbox(name, day, now).await?;
                day = day.next();
            }
        }
        store.note_filled(name, from).await?;
        Ok(added)
    }

    /// Compares what we say of a day with what the receiver has of it.
    ///
    /// # Errors
    /// [`ReconcileError`] when one of both sides does not say it.
    pub async fn reconcile(
        &self,
        store: &Store,
        day: Day,
        route: Option<&str>,
    ) -> Result<Reconciled, ReconcileError> {
        let ours = store.said_of(day, route).await?;
        Ok(match &self.sink {
            Sink::Ledger(_) => Reconciled::of_values(&ours, &store.entered_of(day, route).await?),
            Sink::Csv(sink) => {
                let routes: HashMap<String, String> = store.routes_of_points().await?.into_iter().collect();
                let mut theirs = sink.said_of(day, &routes)?;
                theirs.retain(|line| route.is_none_or(|route| line.route == route));
                Reconciled::of_values(&ours, &theirs)
            }
            Sink::Http(sink) => {
                let ours = tally(&ours);
                let theirs = sink.tallies(day, route, &ours).await?;
                Reconciled::of_tallies(ours, theirs)
            }
        })
    }
}

/// Why nothing could be compared.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// Our side.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The other side.
    #[error(transparent)]
    Sink(#[from] SinkError),
}

impl ReconcileError {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Store(error) => error.kind(),
            Self::Sink(error) => error.kind(),
        }
    }
}

impl Sink {
    /// What it is: `ledger`, `http` or `csv`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Ledger(_) => LEDGER,
            Self::Http(_) => "http",
            Self::Csv(_) => "csv",
        }
    }
}

impl BillingSink for Sink {
    fn receiver(&self) -> &str {
        match self {
            Self::Ledger(sink) => sink.receiver(),
            Self::Http(sink) => sink.receiver(),
            Self::Csv(sink) => sink.receiver(),
        }
    }

    async fn push(&mut self, batch: &[OutboxRecord]) -> Result<Vec<KeyReceipt>, SinkError> {
        let broken_off = |error: std::io::Error| SinkError::Unavailable { reason: error.to_string() };
        failpoint::pass(Side::Before, "offering a billing batch").await.map_err(broken_off)?;
        let receipts = match self {
            Self::Ledger(sink) => sink.push(batch).await,
            Self::Http(sink) => sink.push(batch).await,
            Self::Csv(sink) => sink.push(batch).await,
        }?;
        failpoint::pass(Side::After, "offering a billing batch").await.map_err(broken_off)?;
        Ok(receipts)
    }
}
