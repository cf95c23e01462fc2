//! Events that terminals count in the day: read before their memory, of 256 of each kind, has gone round.
//!
//! Terminals tell their counters (EC) with every answer and report. A night reads what is new; where many come within a day
//! that is too late for the first of them. So it is for one that has come for the first time, which may hold as many already,
//! and for one whose report could not be read.

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
use crate::store::terminal::EventsKept;
use crate::store::{Batch, StoreError};
use crate::telemetry::with_causes;

/// What was heard of a terminal when it was looked at last.
#[derive(Clone, Copy, Debug)]
struct Looked {
    events: Option<EventCounters>,
    /// When it may be asked again, where it was.
    again_at: Option<Instant>,
    /// What was read of it when it was asked last.
    read: (Option<u8>, Option<u8>),
    /// How often in a row it was asked and no more was read.
    tries: u8,
}

impl Looked {
    /// Whether there is nothing new to look at.
    fn is_settled(&self, events: Option<EventCounters>, is_unread: bool, now: Instant) -> bool {
        self.again_at.map_or(!is_unread && events == self.events, |again_at| now < again_at)
    }
}

impl Collector {
    /// Reads events of terminals that were never asked for them, that have counted far beyond what was read, or whose reports
    /// could not be read, until `stop`.
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
        // One question to the database for all of them.
        let kept = self.inner.store.events_read().await?;
        let mut begun = 0;
        for status in terminals.all().into_iter().filter(|status| status.is_online) {
            let (terminal, events, now) = (status.address, status.events, Instant::now());
            let EventsKept { read, is_unread } = kept.get(&terminal).copied().unwrap_or_default();
            let before = looked.get(&terminal).copied();
            if before.is_some_and(|looked| looked.is_settled(events, is_unread, now)) {
                continue;
            }
            if !is_unread && !is_due(read, events) {
                looked.insert(terminal, Looked { events, again_at: None, read, tries: 0 });
                continue;
            }
            // Where a whole site comes for the first time, the others have their turn at the next look.
            if begun >= MOST_BEGUN {
                continue;
            }
            begun += 1;
            self.begin_reading_events(terminal, stop);
            let fruitless = before.filter(|looked| looked.again_at.is_some() && looked.read == read);
            let tries = fruitless.map_or(0, |looked| looked.tries).saturating_add(1);
            let pause = if tries < OFTEN { ASK_AGAIN } else { ASK_SELDOM };
            looked.insert(terminal, Looked { events, again_at: Some(now + pause), read, tries });
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
        let notes = keep_new(&asker, &inner.store, read, &meters).await;
        let kept = notes.events.iter().map(|read| read.events.len()).sum::<usize>();
        tracing::info!(terminal = %terminal, kept, "{kept} events of terminal {terminal} were read in the day");
        let mut batch = Batch::default();
        batch.notes.terminals = notes;
        inner.writer.save(batch).await;
        Ok(())
    }
}

/// Whether a terminal is to be asked by day: its events were never read, or so many are counted beyond what is read that its
/// memory may go round before the night.
fn is_due(read: (Option<u8>, Option<u8>), counted: Option<EventCounters>) -> bool {
    let (Some(important), Some(ordinary)) = read else { return true };
    counted.is_some_and(|counted| {
        let behind = |read: u8, counted: u8| counted.wrapping_sub(read);
        behind(important, counted.important).max(behind(ordinary, counted.ordinary)) >= FAR
    })
}

/// So many unread of the 256 that a terminal holds.
const FAR: u8 = 100;
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// Where reading them has not brought it nearer.
const ASK_AGAIN: Duration = Duration::from_secs(10 * 60);
/// After so many times it is asked more seldom.
const OFTEN: u8 = 3;
const ASK_SELDOM: Duration = Duration::from_secs(6 * 3600);
/// So many terminals are begun to be asked at one look.
const MOST_BEGUN: usize = 64;
const PATIENCE: Duration = Duration::from_secs(5 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_before_the_memory_goes_round() {
        let counted = |important, ordinary| Some(EventCounters { important, ordinary });
        let read = (Some(10), Some(200));
        assert!(!is_due(read, counted(10, 200)) && !is_due(read, None));
        assert!(!is_due(read, counted(109, 200)) && is_due(read, counted(110, 200)));
        assert!(!is_due(read, counted(10, 43)) && is_due(read, counted(10, 44)), "the counter turns");
    }

    #[test]
    fn a_terminal_whose_events_were_never_read_is_asked_whatever_it_counts() {
        let none = EventCounters { important: 0, ordinary: 0 };
        for counted in [None, Some(none)] {
            assert!(is_due((None, None), counted) && is_due((Some(0), None), counted));
            assert!(!is_due((Some(0), Some(0)), counted));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_was_asked_is_let_alone_for_a_while_and_then_looked_at_again() {
        let now = Instant::now();
        let events = Some(EventCounters { important: 1, ordinary: 2 });
        let asked = Looked { events, again_at: Some(now + ASK_AGAIN), read: (None, None), tries: 1 };
        assert!(
            asked.is_settled(None, true, now),
            "an unread report as well: it comes with every other minute"
        );
        assert!(!asked.is_settled(events, false, now + ASK_AGAIN));
        let seen = Looked { again_at: None, ..asked };
        assert!(seen.is_settled(events, false, now));
        assert!(!seen.is_settled(events, true, now) && !seen.is_settled(None, false, now));
    }
}
