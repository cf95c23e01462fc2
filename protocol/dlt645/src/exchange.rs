//! One request and its answer: the whole conversation, with no line, no thread and no clock of its own.
//!
//! An [`Exchange`] is told what came and what time it is, and says what to send and when to be woken:
//!
//! ```
//! use std::time::{Duration, Instant};
//! use dlt645::address::MeterAddress;
//! use dlt645::exchange::{Exchange, LengthRule, Outcome, Timing};
//! use dlt645::quantity::Quantity;
//! use dlt645::request::Request;
//!
//! // What is asked: the forward active energy of one meter, four bytes.
//! let meter: MeterAddress = "123456789012".parse()?;
//! let request = Request::read(meter, "00010000".parse()?);
//! let timing = Timing::serial(2400);
//! let mut now = Instant::now();
//! let mut exchange = Exchange::begin(request, timing, now).expecting(LengthRule::exact([4]));
//!
//! // The caller writes these bytes to the line and says when the last one has left.
//! let bytes = exchange.poll_transmit().ok_or("nothing to send")?.to_vec();
//! assert_eq!(bytes.len(), 4 + 16, "wake-up bytes and frame");
//! now += timing.wire_time(bytes.len());
//! exchange.transmitted(now);
//!
//! // It reads, until bytes come or the time is over.
//! let wake_at = exchange.poll_timeout().ok_or("not waiting")?;
//! assert!(wake_at > now + Duration::from_millis(700));
//! now += Duration::from_millis(60);
//! exchange.handle_bytes(&[0xFE, 0xFE, 0x68, 0x12, 0x90, 0x78, 0x56, 0x34, 0x12], now);
//! assert!(exchange.poll().is_none(), "half a frame is no answer");
//! now += Duration::from_millis(80);
//! exchange.handle_bytes(&[0x68, 0x91, 0x08, 0x33, 0x33, 0x34, 0x33, 0x89, 0x67, 0x45, 0x33, 0x54, 0x16], now);
//!
//! let Some(Outcome::Answered(answer)) = exchange.poll() else { return Err("no answer".into()) };
//! let energy = dlt645::bcd::decode(answer.payload()).ok_or("no digits")?;
//! assert_eq!(Quantity::new(energy.try_into()?, 2).to_string(), "1234.56");
//! assert_eq!(answer.report.first_byte_delay, Some(Duration::from_millis(60)));
//!
//! // Before the next request the line has to be quiet for a while.
//! assert_eq!(exchange.poll_quiet_until(), Some(now + Duration::from_millis(30)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What is taken as the answer: a sound frame that began after the request had left and in time, from the meter
//! asked (under a wildcard whoever answers first, and nobody else afterwards), with the control code asked for,
//! the same identifier, the number of the piece asked for, and a length the caller allows. Everything else that is
//! heard is refused and counted by reason ([`Counters`]), and the wait goes on to its own limit (F2 to F8). A
//! refusal carries no identifier: a late one cannot be told from a new one, and is kept away by the quiet below.
//!
//! What is promised besides:
//!
//! - A question that changes nothing is repeated after silence; what changes a meter is sent once, and silence
//!   after it is [`Outcome::Unknown`] and never "not done" (R6, I9).
//! - Long answers are asked for piece by piece and joined, all of it or nothing: by number in the 2007 edition; in
//!   that of 1997 a lost piece is asked for by "the last answer again", and where that is ambiguous the reading
//!   starts anew.
//! - A meter with event reporting on says "more follows" and means "I have events". The first frame is kept when
//!   the caller's [`LengthRule`] or [`Exchange::whole_at`] says that it may be everything and asking for more
//!   leads to nothing, and at once when nothing longer is possible. [645-2007 4 event flag]
//! - After silence the line is kept quiet until the latest possible answer would have ended, between repetitions
//!   as well as afterwards (F5, F6): [`Exchange::poll_quiet_until`].
//! - Time is bounded on a silent line and on one that never stops talking (F11), and memory is.
//!
//! What is left to others: digits, ranges and meaning ([`crate::catalog`]), the freeze time that a billing value
//! has to carry, and whether a path can be trusted to have forgotten old answers (a TCP path is reopened).
//!
//! The limits are sharp: what comes at a limit is too late, whichever of [`Exchange::handle_bytes`] and
//! [`Exchange::handle_timeout`] is called first.

mod counters;
mod expected;
mod gathered;
mod outcome;
mod subject;
mod talk;
mod timing;

use core::fmt;
use std::time::Instant;

use crate::commissioning::WriteAddress;
use crate::decoder::Decoder;
use crate::request::Request;

pub use counters::{Counters, Unfit};
pub use expected::LengthRule;
pub use outcome::{Answer, MAX_KEPT_FRAMES, MAX_REFUSED_FRAMES, Outcome, Reply, Report};
pub use timing::Timing;

use subject::Subject;
use talk::{Phase, Talk};

/// One request on its way to an outcome. See the [module](self) for how it is driven.
///
/// The calls in order: [`begin`](Self::begin); then, until [`poll`](Self::poll) gives the outcome,
/// [`poll_transmit`](Self::poll_transmit) and [`transmitted`](Self::transmitted) whenever there is something to
/// send, [`handle_bytes`](Self::handle_bytes) for whatever is read, and [`handle_timeout`](Self::handle_timeout)
/// at [`poll_timeout`](Self::poll_timeout). Afterwards the exchange may be kept until
/// [`poll_quiet_until`](Self::poll_quiet_until) to swallow what still comes.
pub struct Exchange {
    decoder: Decoder,
    talk: Talk,
}

impl fmt::Debug for Exchange {
    /// Without what the decoder holds: there may be a password among it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").field("talk", &self.talk).finish_non_exhaustive()
    }
}

impl Exchange {
    /// An exchange about to send `request`.
    #[must_use]
    pub fn begin(request: Request, timing: Timing, now: Instant) -> Self {
        Self::of(Subject::Request(request), timing, now)
    }

    /// An exchange about to give a meter its address; the answer comes under the new one.
    #[must_use]
    pub fn begin_commissioning(order: WriteAddress, timing: Timing, now: Instant) -> Self {
        Self::of(Subject::WriteAddress(order), timing, now)
    }

    fn of(subject: Subject, timing: Timing, now: Instant) -> Self {
        Self { decoder: Decoder::new(), talk: Talk::new(subject, timing, now) }
    }

    /// Refuses data of another length. Security frames bring their rule along.
    #[must_use]
    pub fn expecting(mut self, rule: LengthRule) -> Self {
        self.talk.expected.rule = rule;
        self
    }

    /// Takes data of this length for the whole answer even when its frame says that more follows: the hint for
    /// meters with event reporting on, where the rule alone allows longer answers. [645-2007 4 event flag]
    #[must_use]
    pub const fn whole_at(mut self, length: usize) -> Self {
        self.talk.expected.whole_at = Some(length);
        self
    }

    /// The bytes to send, wake-up bytes and frame, once for each request. After writing them call
    /// [`transmitted`](Self::transmitted), or [`abandon`](Self::abandon) when that failed.
    pub fn poll_transmit(&mut self) -> Option<&[u8]> {
        self.talk.hand_out().then_some(&*self.talk.wire.0)
    }

    /// The last byte of the request left the line at `now`; the limits run from here. On a path with a serial line
    /// behind it that is later than the end of writing by [`Timing::wire_time`]. Bytes that were read after
    /// writing are handed over after this call: a frame that began before it is taken for a late one.
    pub fn transmitted(&mut self, now: Instant) {
        self.talk.transmitted(now);
    }

    /// Bytes were read at `now`, however many and whatever they are.
    pub fn handle_bytes(&mut self, bytes: &[u8], now: Instant) {
        self.handle_timeout(now);
        if bytes.is_empty() {
            return;
        }
        self.talk.bytes_come(bytes.len(), now);
        let mut rest = bytes;
        let is_open = loop {
            let before = rest.len();
            let Some(found) = self.decoder.next_frame(&mut rest) else { break before > 0 };
            self.talk.heard(&found.frame, found.wire, rest.len(), now);
        };
        let is_unfinished = self.decoder.is_unfinished();
        self.talk.counters.dropped = self.decoder.dropped();
        self.talk.bytes_taken(is_open || is_unfinished, is_unfinished, now);
    }

    /// It is `now`: whatever is due happens. Calling it early or often does no harm. When the quiet time of an exchange that
    /// is over ends, what was begun in it and never finished is counted, too: it may have been the right answer behind an
    /// old one (F6).
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.poll_quiet_until().is_some_and(|until| now >= until) {
            self.give_up_unfinished(now);
        }
        while self.poll_timeout().is_some_and(|due| now >= due) {
            self.give_up_unfinished(now);
            match self.talk.phase {
                Phase::Waiting(_) => {
                    self.talk.run_ended();
                    if self.talk.is_window_over(now) {
                        self.talk.window_ended(now);
                    }
                }
                Phase::Resting(quiet) if now >= quiet.until => self.talk.rested(),
                _ => {}
            }
        }
    }

    /// No more comes of the frame that was begun.
    fn give_up_unfinished(&mut self, now: Instant) {
        while let Some(found) = self.decoder.quiet() {
            self.talk.heard(&found.frame, found.wire, 0, now);
        }
        self.talk.counters.dropped = self.decoder.dropped();
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), unless bytes come before. `None` while a request is
    /// to be sent and when the exchange is over.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.talk.wake_at(self.decoder.is_unfinished())
    }

    /// The outcome, once, when there is one.
    pub fn poll(&mut self) -> Option<Outcome> {
        self.talk.outcome.take()
    }

    /// When the exchange is over: until when nothing may be sent on this line. Moves on when bytes still come, but
    /// not without end. [`handle_timeout`](Self::handle_timeout) is due then.
    #[must_use]
    pub const fn poll_quiet_until(&self) -> Option<Instant> {
        match &self.talk.phase {
            Phase::Over(quiet) => Some(quiet.until),
            _ => None,
        }
    }

    /// Gives the exchange up, because the line failed or something more urgent waits. `bytes_left` says how many
    /// bytes of the present request had left when that happened before [`transmitted`](Self::transmitted): with
    /// none of the first one, the outcome is [`Outcome::NotSent`]; with any, a changing request ends
    /// [`Outcome::Unknown`].
    pub fn abandon(&mut self, bytes_left: usize, now: Instant) {
        self.talk.abandon(bytes_left, now);
    }

    /// What was heard and not taken so far, after the outcome too.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        self.talk.counters
    }

    /// True when the line goes on talking when it should long have been quiet: an alarm for the line. (F11)
    #[must_use]
    pub const fn is_chattering(&self) -> bool {
        self.talk.is_chattering
    }
}

#[cfg(test)]
mod tests;
