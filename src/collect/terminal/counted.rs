//! Events that terminals count in the day: read before their memory, of 256 of each kind, has gone round.
//!
//! Terminals tell their counters (EC) with every answer and report. A night reads what is new; where many come within a day
//! that is too late for the first of them.

use std::collections::HashMap;
use std::time::Duration;

use gdw1376::address::TerminalAddress;
use gdw1376::auxiliary::EventCounters;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::super::Collector;
use super::ask::TerminalAsker;
use super::events::keep_new;
use crate::channel::Lane;
use crate::store::{Batch, StoreError};
use crate::telemetry::with_causes;

/// What was heard of a terminal, and when it is looked at again though it tells nothing else.
#[derive(Clone, Copy, Debug)]
struct Looked {
    events: EventCounters,
    again_at: Option<Instant>,
}

impl Collector {
    /// Reads events of terminals whose counters have gone far beyond what was read, until `stop`.
    pub async fn read_counted_events(&self, stop: &CancellationToken) {
        if !self.inner.settings.collection.events {
            return;
        }
        let mut looked = HashMap::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(LOOK_AGAIN) => {}
            }
            if let Err(error) = self.look_at_counters(&mut looked, stop).await {
                tracing::warn!(kind = error.kind(), "events of terminals wait: {}", with_causes(&error));
            }
        }
    }

    async fn look_at_counters(
        &self,
        looked: &mut HashMap<TerminalAddress, Looked>,
        stop: &CancellationToken,
    ) -> Result<(), StoreError> {
        let Some(terminals) = self.inner.lines.terminals() else { return Ok(()) };
        for status in terminals.all() {
            let (terminal, now) = (status.address, Instant::now());
            let Some(events) = status.events.filter(|_| status.is_online) else { continue };
            let is_known = |looked: &Looked| {
                looked.events == events && looked.again_at.is_none_or(|again_at| now < again_at)
            };
            if looked.get(&terminal).is_some_and(is_known) {
                continue;
            }
            let read = self.inner.store.told_of_terminal(terminal).await?.events_read;
            let again_at = is_far(read, events).then(|| now + ASK_AGAIN);
            if again_at.is_some() {
                self.begin_reading_events(terminal, stop);
            }
            looked.insert(terminal, Looked { events, again_at });
        }
        Ok(())
    }

    /// Reads the events of a terminal beside whatever else goes on.
    fn begin_reading_events(&self, terminal: TerminalAddress, stop: &CancellationToken) {
        let (collector, stop) = (self.clone(), stop.clone());
        self.inner.beside.spawn(&format!("events {terminal}"), async move {
            if let Err(error) = collector.read_events_now(terminal, stop).await {
                tracing::warn!(
                    kind = error.kind(),
                    "events of terminal {terminal} wait: {}",
                    with_causes(&error)
                );
            }
        });
    }

    async fn read_events_now(
        &self,
        terminal: TerminalAddress,
        stop: CancellationToken,
    ) -> Result<(), StoreError> {
        let inner = &self.inner;
        let Some(terminals) = inner.lines.terminals().cloned() else { return Ok(()) };
        let read = inner.store.told_of_terminal(terminal).await?.events_read;
        let meters = inner.store.meters_at(terminal).await?;
        let asker = TerminalAsker {
            terminals,
            address: terminal,
            clock: inner.clock.clone(),
            lane: Lane::Housekeeping,
            deadline: Instant::now() + PATIENCE,
            patience: PATIENCE,
            stop,
        };
        let events = keep_new(&asker, &inner.store, read, &meters).await;
        let kept = events.iter().map(|read| read.events.len()).sum::<usize>();
        tracing::info!(terminal = %terminal, kept, "{kept} events of terminal {terminal} were read in the day: many were counted");
        let mut batch = Batch::default();
        batch.notes.terminals.events = events;
        inner.writer.save(batch).await;
        Ok(())
    }
}

/// Whether so many are counted beyond what is read that the memory may go round before the night. What was never read has
/// its first night yet.
fn is_far(read: (Option<u8>, Option<u8>), counted: EventCounters) -> bool {
    let behind = |read: Option<u8>, counted: u8| read.map_or(0, |read| counted.wrapping_sub(read));
    behind(read.0, counted.important).max(behind(read.1, counted.ordinary)) >= FAR
}

/// So many unread of the 256 that a terminal holds.
const FAR: u8 = 100;
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// Where reading them has not brought it nearer.
const ASK_AGAIN: Duration = Duration::from_secs(10 * 60);
const PATIENCE: Duration = Duration::from_secs(5 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_before_the_memory_goes_round() {
        let counted = |important, ordinary| EventCounters { important, ordinary };
        let read = (Some(10), Some(200));
        assert!(!is_far(read, counted(10, 200)));
        assert!(!is_far(read, counted(109, 200)) && is_far(read, counted(110, 200)));
        assert!(!is_far(read, counted(10, 43)) && is_far(read, counted(10, 44)), "the counter turns");
        assert!(!is_far((None, None), counted(250, 250)));
    }
}
