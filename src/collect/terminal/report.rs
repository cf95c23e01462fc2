//! Reports of terminals: kept, and only then confirmed.

use std::collections::HashMap;

use gdw1376::address::TerminalAddress;
use gdw1376::frame::Frame;
use gdw1376::message::Message;
use gdw1376::unit;
use tokio_util::sync::CancellationToken;

use super::super::Collector;
use super::events::reported;
use crate::domain::{Alarm, AlarmKind, Day};
use crate::store::{Batch, StoreError};
use crate::terminal::Report;

/// Keeps what terminals report until `stop`. A report with events is confirmed when they are committed; one with data
/// tells nothing that a night would not ask for and is confirmed as it is.
pub async fn keep_reports(
    collector: Collector,
    mut reports: tokio::sync::mpsc::Receiver<Report>,
    stop: CancellationToken,
) {
    let mut ceiling = Ceiling::default();
    while let Some(Some(report)) = stop.run_until_cancelled(reports.recv()).await {
        let Report { terminal, received_at, frame, kept } = report;
        let batch = match batch_of(&collector, terminal, &frame, received_at).await {
            Ok(batch) => batch,
            Err(error) => {
                tracing::error!(kind = error.kind(), "a report of terminal {terminal} is not kept: {error}");
                continue;
            }
        };
        let count = batch.notes.terminals.events.iter().map(|read| read.events.len()).sum();
        match ceiling.take(terminal, Day::of(received_at), count) {
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

async fn batch_of(
    collector: &Collector,
    terminal: TerminalAddress,
    frame: &[u8],
    at: crate::domain::Moment,
) -> Result<Batch, StoreError> {
    let mut batch = Batch::default();
    let Some(message) = Frame::parse(frame).ok().and_then(|frame| Message::of(&frame).ok()) else {
        return Ok(batch);
    };
    let cut = unit::cut(&message);
    let meters = collector.inner.store.meters_at(terminal).await?;
    let events = cut.units.iter().filter_map(|unit| reported(terminal, unit, &meters, at));
    batch.notes.terminals.events.extend(events);
    Ok(batch)
}

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
