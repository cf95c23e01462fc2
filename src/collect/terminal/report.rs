//! Reports of terminals: kept, and only then confirmed.
//!
//! - **No reported event is lost** (I1): a report is confirmed when all that it says is kept. One that cannot be read to its end is
//!   kept by its bytes, as an event that says so, and what the terminal has new is asked for at once: then nothing depends on what
//!   that report said.
//! - **None is kept twice**: an event of a report whose place is not sure is not taken from it.
//! - **One terminal holds up no other**: what nobody keeps is not taken apart, and what one frame costs is bounded.

use std::collections::HashMap;

use gdw1376::address::TerminalAddress;
use gdw1376::afn::Afn;
use gdw1376::answer;
use gdw1376::frame::Frame;
use metrics::counter;
use tokio_util::sync::CancellationToken;

use super::super::Collector;
use super::events::{reported, unread};
use crate::domain::{Alarm, AlarmKind, Day, Moment};
use crate::store::{Batch, StoreError};
use crate::telemetry;
use crate::terminal::Report;

/// Keeps what terminals report until `stop`. A report with events is confirmed when they are committed; one with data, by
/// task, tells nothing that a night would not ask for: it is counted and confirmed as it is.
pub async fn keep_reports(
    collector: Collector,
    mut reports: tokio::sync::mpsc::Receiver<Report>,
    stop: CancellationToken,
) {
    let mut ceiling = Ceiling::default();
    while let Some(Some(report)) = stop.run_until_cancelled(reports.recv()).await {
        let Report { terminal, received_at, frame, kept } = report;
        let (batch, weight, is_whole) = match batch_of(&collector, terminal, &frame, received_at).await {
            Ok(read) => read,
            Err(error) => {
                tracing::error!(kind = error.kind(), "a report of terminal {terminal} is not kept: {error}");
                continue;
            }
        };
        match ceiling.take(terminal, Day::of(received_at), weight) {
            Take::Kept => {}
            Take::First => {
                let alarm = Alarm::new(AlarmKind::TerminalFlood, format!("terminal {terminal}"), received_at);
                let (zh, en) =
                    ("当日上报事件过多，其余不再保存", "too many events in one day: no more are kept");
                if let Err(error) = collector.inner.store.raise_alarm(&alarm.saying(zh, en)).await {
                    tracing::error!(
                        kind = error.kind(),
                        "a flood of terminal {terminal} is not told: {error}"
                    );
                }
                continue;
            }
            Take::Refused => continue,
        }
        if !is_whole {
            tracing::warn!(terminal = %terminal,
                "a report of terminal {terminal} cannot be read: it is kept as it is, and its events are asked for");
            collector.inner.unread.add(terminal);
        }
        if batch.is_empty() || collector.inner.writer.save(batch).await.is_some() {
            // The terminal may be gone already; then it sends the report again, which is kept once.
            let _ = kept.send(());
        }
    }
}

/// How many events of each terminal were kept on a day.
#[derive(Debug, Default)]
struct Ceiling(HashMap<TerminalAddress, (Day, usize)>);

/// What becomes of reported events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Take {
    /// They are kept.
    Kept,
    /// These are the first too many of the day.
    First,
    /// These are too many as well.
    Refused,
}

impl Ceiling {
    fn take(&mut self, terminal: TerminalAddress, day: Day, events: usize) -> Take {
        let (of, kept) = self.0.entry(terminal).or_insert((day, 0));
        if *of != day {
            (*of, *kept) = (day, 0);
        }
        if *kept > MOST_A_DAY {
            return Take::Refused;
        }
        *kept = kept.saturating_add(events);
        if *kept > MOST_A_DAY { Take::First } else { Take::Kept }
    }
}

/// What is kept of a report, how much that is in events, and whether it was read to its end.
async fn batch_of(
    collector: &Collector,
    terminal: TerminalAddress,
    bytes: &[u8],
    at: Moment,
) -> Result<(Batch, usize, bool), StoreError> {
    let mut batch = Batch::default();
    // The session has read it.
    let Ok(frame) = Frame::parse(bytes) else { return Ok((batch, 0, true)) };
    if frame.afn != Afn::CLASS_3 {
        counter!(telemetry::TERMINAL_REPORTS, "outcome" => "data_not_kept").increment(1);
        return Ok((batch, 0, true));
    }
    let told = answer::events_of(&frame);
    let meters = collector.inner.store.meters_at(terminal).await?;
    let events = told.events.iter().map(|told| reported(terminal, told, &meters, at));
    batch.notes.terminals.events.extend(events);
    let mut weight = batch.notes.terminals.events.iter().map(|read| read.events.len()).sum();
    if !told.is_whole {
        batch.notes.terminals.events.push(unread(terminal, frame.body, at));
        weight += 1 + frame.body.len() / BYTES_OF_AN_EVENT;
    }
    Ok((batch, weight, told.is_whole))
}

/// So many bytes of what could not be read count as one event.
const BYTES_OF_AN_EVENT: usize = 32;
/// Events of one terminal that are kept of one day: many times what any has.
const MOST_A_DAY: usize = 5000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t05_a_terminal_fills_no_disk_with_events() {
        let (one, other) = (TerminalAddress::new(1100, 1).unwrap(), TerminalAddress::new(1100, 2).unwrap());
        let day = Day::new(2024, 8, 21).unwrap();
        let mut ceiling = Ceiling::default();
        let told: Vec<Take> = (0..200).map(|_| ceiling.take(one, day, 60)).collect();
        assert_eq!(told.iter().filter(|take| **take == Take::Kept).count(), 83);
        assert_eq!(told.iter().filter(|take| **take == Take::First).count(), 1, "it is told once");
        assert_eq!(ceiling.take(other, day, 60), Take::Kept);
        assert_eq!(ceiling.take(one, day.next(), 60), Take::Kept, "another day");
    }
}
