//! Reports of terminals: kept, and only then confirmed.
//!
//! - **No reported event is lost** (I1): a report is confirmed when all that it says is kept. One that cannot be read to its end is
//!   kept by its bytes, as an event that says so, and what the terminal has new is asked for at once: then nothing depends on what
//!   that report said.
//! - **What is reported of data counts for nothing**: it is kept as observed, with what it said, and asked for as if it had not
//!   been told. A value that may reach a bill is one that was said twice to a question.
//! - **None is kept twice**: an event of a report whose place is not sure is not taken from it.
//! - **One terminal holds up no other**: what nobody keeps is not taken apart, what one frame costs is bounded, and a report waits
//!   for no commit of another's.

use std::collections::HashMap;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use gdw1376::address::TerminalAddress;
use gdw1376::afn::Afn;
use gdw1376::answer;
use gdw1376::frame::Frame;
use gdw1376::message::Message;
use metrics::counter;
use tokio_util::sync::CancellationToken;

use super::super::Collector;
use super::events::{self, reported, unread};
use crate::domain::{Alarm, AlarmKind, Day, Moment};
use crate::store::{Batch, StoreError};
use crate::telemetry;
use crate::terminal::Report;

/// Keeps what terminals report until `stop`: a report is confirmed when it is committed. Of data, which a night asks for in any
/// case, so much is kept of a day; the rest is confirmed and counted.
pub async fn keep_reports(
    collector: Collector,
    mut reports: tokio::sync::mpsc::Receiver<Report>,
    stop: CancellationToken,
) {
    let (mut ceiling, mut observed) = (Ceiling::of(MOST_EVENTS), Ceiling::of(MOST_STORED));
    let mut keeping = FuturesUnordered::new();
    loop {
        let report = tokio::select! {
            biased;
            Some(()) = keeping.next() => continue,
            report = stop.run_until_cancelled(reports.recv()), if keeping.len() < AT_ONCE => report.flatten(),
        };
        let Some(report) = report else { break };
        let Report { terminal, received_at, frame, kept } = report;
        let Read { mut batch, weight, is_whole, is_of_data } =
            match batch_of(&collector, terminal, &frame, received_at).await {
                Ok(read) => read,
                Err(error) => {
                    tracing::error!(
                        kind = error.kind(),
                        "a report of terminal {terminal} is not kept: {error}"
                    );
                    continue;
                }
            };
        let day = Day::of(received_at);
        let counted = if is_of_data { &mut observed } else { &mut ceiling };
        let take = counted.take(terminal, day, weight);
        if take == Take::First {
            tell_flood(&collector, terminal, received_at, is_of_data).await;
        }
        if is_of_data {
            let is_kept = weight > 0 && take == Take::Kept;
            let outcome = if is_kept { "data_observed" } else { "data_not_kept" };
            counter!(telemetry::TERMINAL_REPORTS, "outcome" => outcome).increment(1);
            if !is_kept {
                batch = Batch::default();
            }
        } else if take != Take::Kept {
            continue;
        }
        if !is_whole {
            tracing::warn!(terminal = %terminal,
                "a report of terminal {terminal} cannot be read: it is kept as it is, and its events are asked for");
        }
        let writer = &collector.inner.writer;
        keeping.push(async move {
            if batch.is_empty() || writer.save(batch).await.is_some() {
                // The terminal may be gone already; then it sends the report again, which is kept once.
                let _ = kept.send(());
            }
        });
    }
    while keeping.next().await.is_some() {}
}

/// Says that no more of what a terminal reports is kept of this day.
async fn tell_flood(collector: &Collector, terminal: TerminalAddress, at: Moment, is_of_data: bool) {
    let (zh, en) = if is_of_data {
        (
            "当日主动上报的数据过多，其余仅确认、不再保存（仍按计划召测）",
            "too many reports of data in one day: the rest are confirmed and not kept, and asked for as ever",
        )
    } else {
        ("当日上报事件过多，其余不再保存", "too many events in one day: no more are kept")
    };
    tracing::warn!(terminal = %terminal, "terminal {terminal}: {en}");
    // Too much data hides no flood of events.
    let of = if is_of_data { " data" } else { "" };
    let alarm = Alarm::new(AlarmKind::TerminalFlood, format!("terminal {terminal}{of}"), at);
    if let Err(error) = collector.inner.store.raise_alarm(&alarm.saying(zh, en)).await {
        tracing::error!(kind = error.kind(), "a flood of terminal {terminal} is not told: {error}");
    }
}

/// How much of each terminal was kept on a day.
#[derive(Debug)]
struct Ceiling {
    most: usize,
    kept: HashMap<TerminalAddress, (Day, usize)>,
}

/// What becomes of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Take {
    /// It is kept.
    Kept,
    /// It is the first too many of the day.
    First,
    /// It is too many as well.
    Refused,
}

impl Ceiling {
    fn of(most: usize) -> Self {
        Self { most, kept: HashMap::new() }
    }

    fn take(&mut self, terminal: TerminalAddress, day: Day, weight: usize) -> Take {
        let (of, kept) = self.kept.entry(terminal).or_insert((day, 0));
        if *of != day {
            (*of, *kept) = (day, 0);
        }
        if *kept > self.most {
            return Take::Refused;
        }
        *kept = kept.saturating_add(weight);
        if *kept > self.most { Take::First } else { Take::Kept }
    }
}

/// What a report says.
#[derive(Debug, Default)]
struct Read {
    batch: Batch,
    /// How much that is: in events, or, of data, in the bytes that are stored.
    weight: usize,
    /// It was read to its end.
    is_whole: bool,
    /// It tells data and no events.
    is_of_data: bool,
}

async fn batch_of(
    collector: &Collector,
    terminal: TerminalAddress,
    bytes: &[u8],
    at: Moment,
) -> Result<Read, StoreError> {
    let mut batch = Batch::default();
    let nothing = Read { is_whole: true, is_of_data: true, ..Read::default() };
    // The session has read it.
    let Ok(frame) = Frame::parse(bytes) else { return Ok(nothing) };
    if frame.afn != Afn::CLASS_3 {
        let Some(message) = Message::of(&frame).ok().filter(|_| DATA.contains(&frame.afn)) else {
            return Ok(nothing);
        };
        let read = events::observed(terminal, &message, at);
        let stored =
            read.events.iter().map(|event| (event.body.len() + event.record.len()).max(LEAST_STORED));
        let weight = stored.sum();
        batch.notes.terminals.events.push(read);
        return Ok(Read { batch, weight, ..nothing });
    }
    let told = answer::events_of(&frame);
    let meters = collector.inner.store.meters_at(terminal).await?;
    let events = told.events.iter().map(|told| reported(terminal, told, &meters, at));
    batch.notes.terminals.events.extend(events);
    let mut weight = batch.notes.terminals.events.iter().map(|read| read.events.len()).sum();
    if !told.is_whole {
        batch.notes.terminals.events.push(unread(terminal, frame.body, at));
        batch.notes.terminals.unread.push((terminal, at));
        weight += 1 + frame.body.len() / BYTES_OF_AN_EVENT;
    }
    Ok(Read { batch, weight, is_whole: told.is_whole, is_of_data: false })
}

/// What is reported by task: data of now, and stored ones.
const DATA: [Afn; 2] = [Afn::CLASS_1, Afn::CLASS_2];

/// So many reports are on their way to be kept; they are kept in the order in which they came, many in one commit.
const AT_ONCE: usize = 256;
/// So many bytes of what could not be read count as one event.
const BYTES_OF_AN_EVENT: usize = 32;
/// Events of one terminal that are kept of one day: many times what any has.
const MOST_EVENTS: usize = 5000;
/// Bytes of reports of data of one terminal that are stored of one day: those of 24 curves and some hundred freezes.
const MOST_STORED: usize = 512 * 1024;
/// A row counts for so much however short it is: no more than 512 are kept.
const LEAST_STORED: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t05_a_terminal_fills_no_disk_with_events() {
        let (one, other) = (TerminalAddress::new(1100, 1).unwrap(), TerminalAddress::new(1100, 2).unwrap());
        let day = Day::new(2024, 8, 21).unwrap();
        let mut ceiling = Ceiling::of(MOST_EVENTS);
        let told: Vec<Take> = (0..200).map(|_| ceiling.take(one, day, 60)).collect();
        assert_eq!(told.iter().filter(|take| **take == Take::Kept).count(), 83);
        assert_eq!(told.iter().filter(|take| **take == Take::First).count(), 1, "it is told once");
        assert_eq!(ceiling.take(other, day, 60), Take::Kept);
        assert_eq!(ceiling.take(one, day.next(), 60), Take::Kept, "another day");
    }

    #[test]
    fn t05_a_terminal_fills_no_disk_with_reports_of_data_however_short_they_are() {
        let terminal = TerminalAddress::new(1100, 1).unwrap();
        let day = Day::new(2024, 8, 21).unwrap();
        let mut ceiling = Ceiling::of(MOST_STORED);
        let taken = (0..1000).filter(|_| ceiling.take(terminal, day, LEAST_STORED) == Take::Kept).count();
        assert_eq!(taken, 512);
    }
}
