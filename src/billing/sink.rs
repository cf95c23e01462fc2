//! Receivers of billing values: the seam, and the built-in ledger behind it.

use std::future::Future;
use std::io;
use std::time::Duration;

use crate::clock::Clock;
use crate::config::LEDGER;
use crate::store::billing::{Entered, OutboxRecord};
use crate::store::{Remedy, Store, StoreError};

/// Who is given billing values. It must know keys it has seen: what comes again under a key is the same effect.
pub trait BillingSink: Send {
    /// Its name, as the outbox has it.
    fn receiver(&self) -> &str;

    /// Offers a batch. The receipt names the key of every record it speaks of; what it leaves out is offered again.
    fn push(
        &mut self,
        batch: &[OutboxRecord],
    ) -> impl Future<Output = Result<Vec<KeyReceipt>, SinkError>> + Send;
}

/// What a receiver says of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyReceipt {
    /// The key.
    pub key: String,
    /// Whether it was taken.
    pub taken: Taken,
}

/// Whether a receiver took a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Now, or before.
    Yes,
    /// Never: offering it again does not help.
    Refused {
        /// Why.
        reason: String,
    },
    /// Not this time: it is offered again.
    NotNow {
        /// Why.
        reason: String,
    },
}

/// Why nothing is known of a batch: it may have been taken or not, and is offered again under the same keys.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The receiver does not answer, or not so that it could be understood.
    #[error("the receiver does not answer: {reason}")]
    Unavailable {
        /// What it, or the way to it, said.
        reason: String,
    },
    /// It wants to be asked again later.
    #[error("the receiver answers with status {status}, to be asked again in {} s", after.as_secs())]
    Busy {
        /// The status of HTTP.
        status: u16,
        /// After how long.
        after: Duration,
    },
    /// It answers with a status that takes nothing; a redirection is not followed.
    #[error("the receiver answers with status {status}")]
    Status {
        /// The status of HTTP.
        status: u16,
    },
    /// Its answer cannot be believed.
    #[error("the answer of the receiver is not taken: {reason}")]
    Answer {
        /// Why.
        reason: String,
    },
    /// Whoever answers is not known as the receiver (T22).
    #[error("whoever answers is not known as the receiver: {reason}")]
    Stranger {
        /// Why.
        reason: String,
    },
    /// A file could not be written or read.
    #[error("{place} cannot be written or read")]
    File {
        /// Which.
        place: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file is not as it was written.
    #[error("{place}, line {line}, is not as it was written")]
    OddFile {
        /// Which.
        place: String,
        /// Its line, from 1.
        line: u64,
    },
    /// The database of the built-in ledger could not.
    #[error("the ledger could not take the batch")]
    Ledger(#[source] StoreError),
}

impl SinkError {
    /// Its kind, for metrics and the list of what waits.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Unavailable { .. } => "unavailable",
            Self::Busy { .. } => "busy",
            Self::Status { .. } => "status",
            Self::Answer { .. } => "answer",
            Self::Stranger { .. } => "stranger",
            Self::File { .. } => "file",
            Self::OddFile { .. } => "odd_file",
            Self::Ledger(error) => error.kind(),
        }
    }

    /// Whether only a person can help.
    #[must_use]
    pub const fn is_lasting(&self) -> bool {
        matches!(self, Self::Ledger(error) if matches!(error.remedy(), Remedy::Stop))
    }
}

/// The built-in ledger.
#[derive(Clone, Debug)]
pub struct LedgerSink {
    store: Store,
    clock: Clock,
}

impl LedgerSink {
    /// The ledger in this database.
    #[must_use]
    pub const fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock }
    }
}

impl BillingSink for LedgerSink {
    fn receiver(&self) -> &str {
        LEDGER
    }

    async fn push(&mut self, batch: &[OutboxRecord]) -> Result<Vec<KeyReceipt>, SinkError> {
        let entered = self.store.enter_billing(batch, self.clock.now()).await.map_err(SinkError::Ledger)?;
        let receipt = |(record, entered): (&OutboxRecord, Entered)| {
            let reason = || "the key has taken effect with other content".to_owned();
            let taken = match entered {
                Entered::Same => Taken::Yes,
                Entered::Other => Taken::Refused { reason: reason() },
            };
            KeyReceipt { key: record.text.clone(), taken }
        };
        Ok(batch.iter().zip(entered).map(receipt).collect())
    }
}
