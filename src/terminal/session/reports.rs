//! Reports on their way to whoever keeps them: confirmed when they are kept, and known when they come again. [1376 5]

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use gdw1376::confirmation::Confirmation;
use gdw1376::message::Message;
use metrics::counter;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{End, Session, hear};
use crate::telemetry;
use crate::terminal::Report;

/// Reports that are being kept.
#[derive(Default)]
pub(super) struct Reports(Vec<Pending>);

struct Pending {
    wire: Vec<u8>,
    kept: oneshot::Receiver<()>,
    since: Instant,
}

impl Reports {
    /// Waits for the next that is kept, and gives since when it is here.
    pub(super) async fn next_kept(&mut self) -> (Vec<u8>, Instant) {
        poll_fn(|context| {
            let mut place = 0;
            while let Some(pending) = self.0.get_mut(place) {
                match Pin::new(&mut pending.kept).poll(context) {
                    Poll::Pending => place += 1,
                    Poll::Ready(kept) => {
                        let pending = self.0.swap_remove(place);
                        if kept.is_ok() {
                            return Poll::Ready((pending.wire, pending.since));
                        }
                        count("not_kept");
                    }
                }
            }
            Poll::Pending
        })
        .await
    }

    pub(super) fn due(&self) -> Option<Instant> {
        self.0.iter().map(|pending| pending.since + WAITED_FOR).min()
    }

    pub(super) fn forget_old(&mut self, now: Instant) {
        self.0.retain(|pending| now < pending.since + WAITED_FOR);
        if self.0.is_empty() {
            self.0 = Vec::new();
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Session<S> {
    /// A report has come. Gives the confirmation where it was kept before: the last one got lost.
    pub(super) fn report(&mut self, message: &Message<'_>, wire: &[u8]) -> Option<Vec<u8>> {
        // Only what was kept is remembered for good, so a copy is asked.
        let is_kept = self.station.with(|state| {
            state.tally.reports += 1;
            state.recent.clone().is_repeated(message)
        });
        if is_kept {
            count("repeated");
            return confirmation(message);
        }
        if self.reports.0.iter().any(|pending| pending.wire == wire) {
            count("repeated");
            return None;
        }
        if self.reports.0.len() >= MOST {
            count("busy");
            return None;
        }
        let (kept, is_kept) = oneshot::channel();
        let (terminal, received_at) = (self.station.address, self.shared.clock.now());
        let report = Report { terminal, received_at, frame: wire.to_vec(), kept };
        if self.shared.reports.try_send(report).is_err() {
            count("busy");
            return None;
        }
        count("taken");
        self.reports.0.push(Pending { wire: wire.to_vec(), kept: is_kept, since: Instant::now() });
        None
    }

    /// A report is kept: it is remembered, and confirmed when it wants to be. One that came too long ago is not waited for
    /// any more, and is confirmed when it comes again.
    pub(super) async fn report_kept(&mut self, wire: &[u8], since: Instant) -> Result<(), End> {
        let Some(message) = hear::read(wire) else { return Ok(()) };
        self.station.with(|state| state.recent.is_repeated(&message));
        count("kept");
        let is_in_time = since.elapsed() < self.shared.config.kept_within;
        match confirmation(&message).filter(|_| is_in_time) {
            Some(reply) => self.write(&reply).await,
            None => Ok(()),
        }
    }
}

fn confirmation(message: &Message<'_>) -> Option<Vec<u8>> {
    Confirmation::All.reply_to(message).ok().filter(|_| message.seq.wants_confirmation())
}

fn count(outcome: &'static str) {
    counter!(telemetry::TERMINAL_REPORTS, "outcome" => outcome).increment(1);
}

/// Reports of one terminal that are being kept at a time; it sends the others again.
const MOST: usize = 8;
/// So long it is waited for that one is kept. It came again long before.
const WAITED_FOR: Duration = Duration::from_secs(120);
