//! Hears what a line says when nobody was asked: late answers, other masters, noise.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use dlt645::address::AddressField;
use dlt645::decoder::{Decoder, Dropped};
use tokio::time::{Instant, timeout_at};

use super::converse::{BREATH, now};
use crate::link::{Direction, Link, LinkError, Tap};

/// The ear of a line between its exchanges.
#[derive(Debug)]
pub(super) struct Ear {
    decoder: Decoder,
    heard: Heard,
    /// Something was heard since it was asked last.
    is_new: bool,
    /// When the last byte came.
    last: Option<Instant>,
    /// Since when it has been talking without a pause.
    talking_since: Option<Instant>,
}

/// What was heard since it was asked last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Heard {
    /// Answers of these meters.
    pub(super) answers: Vec<AddressField>,
    /// Requests that are not ours.
    pub(super) requests: u64,
    /// Bytes and false starts that were no frame.
    pub(super) dropped: Dropped,
}

impl Heard {
    /// True when all of it was frames of DL/T 645.
    pub(super) fn is_all_frames(&self) -> bool {
        let Dropped { noise_bytes, bad_checksums, bad_ends, cut_short, .. } = self.dropped;
        let is_any = !self.answers.is_empty() || self.requests > 0;
        is_any && noise_bytes + bad_checksums + bad_ends + cut_short == 0
    }
}

impl Ear {
    pub(super) const fn new() -> Self {
        let heard = Heard { answers: Vec::new(), requests: 0, dropped: Decoder::new().dropped() };
        Self { decoder: Decoder::new(), heard, is_new: false, last: None, talking_since: None }
    }

    /// Waits for the line to say something, and hears it.
    pub(super) async fn listen(
        &mut self,
        link: &mut Link,
        tap: &mut (dyn Tap + Send),
    ) -> Result<(), LinkError> {
        let mut room = [0; 512];
        let count = match link.read(&mut room).await {
            // To an earlier frame.
            Err(LinkError::NoAnswer) => return Ok(()),
            read => read?,
        };
        let bytes = room.get(..count).unwrap_or_default();
        tap.bytes(now(), Direction::Received, bytes);
        self.hear(bytes);
        Ok(())
    }

    /// Hears what has already come, and what is just being said to its end, so that it is not taken for what comes next.
    /// False when the line does not stop talking within `limit`.
    pub(super) async fn settle(
        &mut self,
        link: &mut Link,
        tap: &mut (dyn Tap + Send),
        limit: Duration,
    ) -> Result<bool, LinkError> {
        if !link.is_quiet() {
            // Lets the runtime see what has come by now.
            tokio::task::yield_now().await;
            let until = Instant::now() + limit;
            while let Some(heard) = at_once(self.listen(link, tap)).await {
                heard?;
                if Instant::now() >= until {
                    return Ok(false);
                }
            }
        }
        let is_talking = self.last.is_some_and(|last| Instant::now() < last + PAUSE);
        if is_talking { self.wait_for_quiet(link, tap, PAUSE, limit).await } else { Ok(true) }
    }

    /// Hears until the line has been quiet for `pause`. False when that does not come within `limit`.
    pub(super) async fn wait_for_quiet(
        &mut self,
        link: &mut Link,
        tap: &mut (dyn Tap + Send),
        pause: Duration,
        limit: Duration,
    ) -> Result<bool, LinkError> {
        let until = Instant::now() + limit;
        while Instant::now() < until {
            match timeout_at(Instant::now() + pause, self.listen(link, tap)).await {
                Ok(heard) => heard?,
                Err(_) => return Ok(true),
            }
        }
        Ok(false)
    }

    /// What was heard since this was asked last, if anything was.
    pub(super) fn take(&mut self) -> Option<Heard> {
        if !std::mem::take(&mut self.is_new) {
            return None;
        }
        let counted = self.decoder.dropped();
        let before = std::mem::replace(&mut self.heard.dropped, counted);
        Some(Heard {
            answers: std::mem::take(&mut self.heard.answers),
            requests: std::mem::take(&mut self.heard.requests),
            dropped: Dropped {
                wake_up_bytes: counted.wake_up_bytes - before.wake_up_bytes,
                noise_bytes: counted.noise_bytes - before.noise_bytes,
                bad_checksums: counted.bad_checksums - before.bad_checksums,
                bad_ends: counted.bad_ends - before.bad_ends,
                cut_short: counted.cut_short - before.cut_short,
            },
        })
    }

    /// True when the line has been talking without a pause for so long. (F11)
    pub(super) fn is_chattering(&self, limit: Duration) -> bool {
        let talks = self.talking_since.zip(self.last);
        talks.is_some_and(|(since, last)| last.saturating_duration_since(since) >= limit)
    }

    fn hear(&mut self, bytes: &[u8]) {
        self.is_new = true;
        let now = Instant::now();
        let goes_on = self.last.replace(now).is_some_and(|last| now < last + BREATH);
        if !goes_on || self.talking_since.is_none() {
            self.talking_since = Some(now);
        }
        let mut rest = bytes;
        while let Some(found) = self.decoder.next_frame(&mut rest) {
            if !found.frame.control.is_response() {
                self.heard.requests += 1;
            } else if self.heard.answers.len() < MOST {
                self.heard.answers.push(found.frame.address);
            }
        }
    }
}

/// What a future gives without being waited for.
async fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// So long a pause ends what is being said; serial servers hand bytes on in packets.
const PAUSE: Duration = Duration::from_millis(100);
/// Answers remembered at most.
const MOST: usize = 64;
