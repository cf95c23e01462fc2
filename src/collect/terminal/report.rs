//! Reports of terminals: kept, and only then confirmed.

use gdw1376::address::TerminalAddress;
use gdw1376::frame::Frame;
use gdw1376::message::Message;
use gdw1376::unit;
use tokio_util::sync::CancellationToken;

use super::super::Collector;
use super::events::reported;
use crate::store::{Batch, StoreError};
use crate::terminal::Report;

/// Keeps what terminals report until `stop`. A report with events is confirmed when they are committed; one with data
/// tells nothing that a night would not ask for and is confirmed as it is.
pub async fn keep_reports(
    collector: Collector,
    mut reports: tokio::sync::mpsc::Receiver<Report>,
    stop: CancellationToken,
) {
    while let Some(Some(report)) = stop.run_until_cancelled(reports.recv()).await {
        let Report { terminal, received_at, frame, kept } = report;
        let batch = match batch_of(&collector, terminal, &frame, received_at).await {
            Ok(batch) => batch,
            Err(error) => {
                tracing::error!(kind = error.kind(), "a report of terminal {terminal} is not kept: {error}");
                continue;
            }
        };
        if batch.is_empty() || collector.inner.writer.save(batch).await.is_some() {
            // The terminal may be gone already; then it sends the report again, which is kept once.
            let _ = kept.send(());
        }
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
