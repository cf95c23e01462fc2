//! Group commit: what visits bring within a moment is saved in one transaction, and nobody is told that it is kept
//! before it is (I1).
//!
//! The writer ends with the last of whoever brings batches. What nobody waits for any more is then not kept, as after a
//! kill: it is read again.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use metrics::{counter, histogram};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::patient::{may_pass, until_it_answers};
use crate::clock::Clock;
use crate::domain::version::Booking;
use crate::domain::{Coded, RunOutcome};
use crate::store::{Batch, Receipt, Store, StoreError};
use crate::telemetry;

/// Saves batches together. Its task ends when it is dropped.
#[derive(Debug)]
pub(super) struct Writer {
    entries: mpsc::Sender<Entry>,
    /// Room for batches that are being kept while their line goes on.
    ahead: Arc<Semaphore>,
    task: AbortHandle,
}

/// A batch, and who waits for it.
#[derive(Debug)]
struct Entry {
    batch: Batch,
    handed_at: Instant,
    kept: oneshot::Sender<Kept>,
}

impl Entry {
    /// It is durable, and these are the bookings of its registers.
    fn tell_kept(self, bookings: Vec<Booking>) {
        histogram!(telemetry::KEEP_SECONDS).record(self.handed_at.elapsed().as_secs_f64());
        // Whoever waited may have been stopped.
        let _ = self.kept.send(Some(bookings));
    }

    /// It cannot be kept.
    fn tell_refused(self, error: &StoreError) {
        let why = telemetry::with_causes(error);
        tracing::error!(kind = error.kind(), "what was collected could not be kept: {why}");
        let _ = self.kept.send(None);
    }
}

/// What became of the registers of a batch, in their order; `None` when it could not be kept.
pub(super) type Kept = Option<Vec<Booking>>;

impl Writer {
    /// A writer that works until it is dropped.
    pub(super) fn spawn(store: Store, clock: Clock, tasks: &TaskTracker, stop: CancellationToken) -> Self {
        let (sender, entries) = mpsc::channel(WAITING);
        let task = tasks.spawn(run(store, clock, entries, stop)).abort_handle();
        Self { entries: sender, ahead: Arc::new(Semaphore::new(AHEAD)), task }
    }

    /// Leave for a line to go on before its batch is kept, for as long as this is held; `None` while too many do, as when
    /// the database is slow or away.
    pub(super) fn go_ahead(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.ahead).try_acquire_owned().ok()
    }

    /// Whether as many lines go on as may.
    pub(super) fn is_full(&self) -> bool {
        self.ahead.available_permits() == 0
    }

    /// Returns when the batch is kept. While the database is away it waits, and so does whoever brought the batch: lines
    /// go on only as far as a bounded number of batches reaches (F31).
    pub(super) async fn save(&self, batch: Batch) -> Kept {
        let (kept, answer) = oneshot::channel();
        let handed_at = Instant::now();
        if self.entries.send(Entry { batch, handed_at, kept }).await.is_err() {
            return None;
        }
        answer.await.ok().flatten()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(store: Store, clock: Clock, mut entries: mpsc::Receiver<Entry>, stop: CancellationToken) {
    while let Some(first) = entries.recv().await {
        let mut group = vec![first];
        let until = Instant::now() + GATHER;
        while group.len() < MOST {
            match timeout_at(until, entries.recv()).await {
                Ok(Some(entry)) => group.push(entry),
                Ok(None) | Err(_) => break,
            }
        }
        save(&store, &clock, group, &stop).await;
    }
}

/// Saves a group. What the database refuses as a whole is tried one by one, so that one bad batch costs only itself.
async fn save(store: &Store, clock: &Clock, group: Vec<Entry>, stop: &CancellationToken) {
    match save_until_kept(store, clock, &merged(&group), stop).await {
        Ok(bookings) => {
            let mut bookings = bookings.into_iter();
            for entry in group {
                let own = bookings.by_ref().take(entry.batch.registers.len()).collect();
                entry.tell_kept(own);
            }
        }
        // One that is away takes none of them.
        Err(error) if group.len() == 1 || may_pass(&error) => {
            group.into_iter().for_each(|entry| entry.tell_refused(&error));
        }
        Err(_) => {
            for entry in group {
                match save_until_kept(store, clock, &entry.batch, stop).await {
                    Ok(bookings) => entry.tell_kept(bookings),
                    Err(error) => entry.tell_refused(&error),
                }
            }
        }
    }
}

/// Tries as long as trying again may help.
async fn save_until_kept(
    store: &Store,
    clock: &Clock,
    batch: &Batch,
    stop: &CancellationToken,
) -> Result<Vec<Booking>, StoreError> {
    let save = || async {
        let saved = store.save(batch, clock.now()).await;
        let result = saved.as_ref().map_or_else(StoreError::kind, |_| "kept");
        counter!(telemetry::COMMITS, "result" => result).increment(1);
        saved
    };
    let receipt = until_it_answers(stop, "take what was collected", save).await?;
    count(batch, &receipt);
    Ok(receipt.registers)
}

/// Counts what was kept.
fn count(batch: &Batch, receipt: &Receipt) {
    for (reading, booking) in batch.registers.iter().zip(&receipt.registers) {
        if let Booking::New(_, quality) = booking {
            let (source, quality) = (reading.source.name(), quality.name());
            counter!(telemetry::READINGS, "source" => source, "quality" => quality).increment(1);
        }
    }
    counter!(telemetry::SLOTS).increment(u64::try_from(receipt.filled).unwrap_or(0));
    for outcome in &batch.outcomes {
        let outcome = match outcome.outcome {
            RunOutcome::Waiting => continue,
            RunOutcome::Read => "read",
            RunOutcome::Missing(cause) => cause.name(),
        };
        counter!(telemetry::READS, "outcome" => outcome).increment(1);
    }
}

fn merged(group: &[Entry]) -> Batch {
    let mut all = Batch::default();
    for batch in group.iter().map(|entry| entry.batch.clone()) {
        let Batch { fetches, registers, curves, mut notes, outcomes } = batch;
        all.fetches.extend(fetches);
        all.registers.extend(registers);
        all.curves.extend(curves);
        all.notes.clocks.extend(mem::take(&mut notes.clocks));
        all.notes.doubted_clocks.extend(mem::take(&mut notes.doubted_clocks));
        all.notes.status_words.extend(mem::take(&mut notes.status_words));
        all.notes.event_counts.extend(mem::take(&mut notes.event_counts));
        all.notes.events.extend(mem::take(&mut notes.events));
        all.notes.event_turns.extend(mem::take(&mut notes.event_turns));
        all.notes.assets.extend(mem::take(&mut notes.assets));
        all.notes.terminals.append(notes.terminals);
        all.outcomes.extend(outcomes);
    }
    all
}

/// How long batches are gathered for one commit: with the 3 ms that a commit costs at least, at most ten a second.
const GATHER: Duration = Duration::from_millis(100);
/// How many batches one commit takes at most.
const MOST: usize = 512;
/// How many batches of all lines together may be on their way while their lines go on: as many as come in a gathering
/// from lines that answer at once.
const AHEAD: usize = 2048;
/// How many may wait.
const WAITING: usize = 1024;
