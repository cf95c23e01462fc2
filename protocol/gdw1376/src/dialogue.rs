//! One request and its answer, with time-outs and repetitions, and no connection and no clock of its own.
//!
//! The connection is shared: what comes is cut into messages by whoever owns it ([`crate::decoder`]), and each message is shown
//! to the dialogue, which says whether it belongs to the answer. Reports are left to the caller. [1376 5] [1376 8]
//!
//! ```
//! use std::time::Instant;
//! use gdw1376::address::{AddressField, TerminalAddress};
//! use gdw1376::dialogue::{Dialogue, Heard, Outcome, Timing};
//! use gdw1376::request::{Envelope, Request};
//! use gdw1376::{answer, frame::Frame, message::Message, unit};
//!
//! let terminal = TerminalAddress::new(9191, 4).unwrap();
//! let envelope = Envelope::new(AddressField::single(terminal, 0), 4);
//! let now = Instant::now();
//! let mut dialogue = Dialogue::begin(&Request::ReadClock, &envelope, Timing::STORED, now)?;
//! let sent = dialogue.poll_transmit().unwrap().to_vec();
//! assert_eq!(sent.len(), 20);
//!
//! let answer = [0x68, 0x4A, 0x00, 0x4A, 0x00, 0x68, 0xCB, 0x91, 0x91, 0x04, 0x00, 0x00, 0x0C, 0x64, 0x00, 0x00,
//!               0x02, 0x00, 0x00, 0x39, 0x07, 0x17, 0x43, 0x15, 0x12, 0x16];
//! let message = Message::of(&Frame::parse(&answer)?)?;
//! assert_eq!(dialogue.handle(&message, now), Heard::Answer);
//! let clock = answer::clock(&unit::cut(&message).units[0]).unwrap();
//! assert_eq!(clock.to_string(), "2015-03-17 07:39:00");
//! assert_eq!(dialogue.poll(), Some(Outcome::Answered { is_complete: true }));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What is promised: a question is repeated after silence, with the same number; what may change something is sent once, and
//! silence after it, or a confirmation that cannot be read, is [`Outcome::Unknown`] and never "not done". Every wait has an end, and so has an answer in several
//! frames. What is left to others: which points of an answer are missing, and asking for them again.

use core::fmt;
use std::time::{Duration, Instant};

use crate::afn::Afn;
use crate::assembly::{Assembly, Step};
use crate::confirmation::Confirmation;
use crate::message::Message;
use crate::request::{Envelope, Request, RequestError};

/// How long to wait and how often to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// From sending to the first frame of the answer.
    pub answer: Duration,
    /// From one frame of the answer to the next.
    pub next_frame: Duration,
    /// How often a question is repeated; what may change something never is.
    pub repetitions: u8,
    /// How many frames an answer may have.
    pub frames: u16,
}

impl Timing {
    /// For what the terminal has stored: parameters, freezes, curves, events.
    pub const STORED: Self = Self {
        answer: Duration::from_secs(30),
        next_frame: Duration::from_secs(30),
        repetitions: 2,
        frames: Assembly::DEFAULT_LIMIT,
    };
    /// For what the terminal forwards by a carrier network: its own queue, and the meter.
    pub const FORWARDED: Self = Self {
        answer: Duration::from_secs(210),
        next_frame: Duration::from_secs(30),
        repetitions: 0,
        frames: Assembly::DEFAULT_LIMIT,
    };
}

/// What a message was to the dialogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Data of the answer: use its units.
    Answer,
    /// It belongs to the answer, and there is nothing to use: a confirmation, or a frame that came twice.
    Noted,
    /// It is none of this dialogue: a report, a late answer, another terminal.
    Foreign,
}

/// How a dialogue ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Data came.
    Answered {
        /// Every frame of the answer came. Data of points that the terminal lacks may be missing all the same.
        is_complete: bool,
    },
    /// The order was confirmed or refused, or there are no such data.
    Confirmed(Confirmation),
    /// Nothing came to a question, or nothing that says anything.
    Silent,
    /// Nothing that says so came to what may have changed something: it was done, or it was not. Settle it by reading.
    Unknown,
}

impl Outcome {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Answered { is_complete: true } => "answered",
            Self::Answered { is_complete: false } => "incomplete",
            Self::Confirmed(Confirmation::All) => "confirmed",
            Self::Confirmed(_) => "denied",
            Self::Silent => "silent",
            Self::Unknown => "unknown",
        }
    }
}

/// One request on its way to an outcome. Begin it when it is about to be sent: the limits run from there.
pub struct Dialogue {
    request: Vec<u8>,
    reply: Option<Vec<u8>>,
    is_due: bool,
    changes: bool,
    timing: Timing,
    sent: u16,
    limit: Instant,
    assembly: Assembly,
    has_data: bool,
    outcome: Option<Outcome>,
    is_over: bool,
}

impl fmt::Debug for Dialogue {
    /// Without the request: there may be a password in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialogue")
            .field("sent", &self.sent)
            .field("outcome", &self.outcome)
            .finish_non_exhaustive()
    }
}

impl Dialogue {
    /// A dialogue about to send `request`.
    ///
    /// # Errors
    /// [`RequestError`] when the request cannot be sent.
    pub fn begin(
        request: &Request,
        envelope: &Envelope,
        timing: Timing,
        now: Instant,
    ) -> Result<Self, RequestError> {
        let bytes = request.to_bytes(envelope)?;
        let terminal = envelope.address.terminal;
        Ok(Self {
            request: bytes,
            reply: None,
            is_due: true,
            changes: request.changes(),
            timing,
            sent: 1,
            limit: now + timing.answer,
            assembly: Assembly::begin(terminal, request.afn(), envelope.number, timing.frames),
            has_data: false,
            outcome: None,
            is_over: false,
        })
    }

    /// The bytes to send now, each once: the request, its repetition, the confirmation of a frame that asks for one.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        if core::mem::take(&mut self.is_due) {
            return Some(self.request.clone());
        }
        self.reply.take()
    }

    /// A message came at `now`.
    pub fn handle(&mut self, message: &Message<'_>, now: Instant) -> Heard {
        self.handle_timeout(now);
        if self.is_over {
            return Heard::Foreign;
        }
        match self.assembly.take(message) {
            Step::Foreign => return Heard::Foreign,
            Step::Duplicate => {
                self.confirm(message);
                return Heard::Noted;
            }
            Step::TooMany => {
                self.end(Outcome::Answered { is_complete: false });
                return Heard::Noted;
            }
            Step::Taken => {}
        }
        // An answer is under way: the request is not repeated any more.
        self.is_due = false;
        self.limit = now + self.timing.next_frame;
        self.confirm(message);
        let is_complete = self.assembly.is_complete();
        if message.afn == Afn::CONFIRM && self.has_data {
            // Nothing more comes; what came is kept.
            self.end(Outcome::Answered { is_complete });
            return Heard::Noted;
        }
        if message.afn == Afn::CONFIRM {
            // What cannot be read says neither yes nor no.
            let nothing = if self.changes { Outcome::Unknown } else { Outcome::Silent };
            self.end(Confirmation::of(message).map_or(nothing, Outcome::Confirmed));
            return Heard::Noted;
        }
        self.has_data = true;
        if is_complete {
            self.end(Outcome::Answered { is_complete });
        }
        Heard::Answer
    }

    /// It is `now`: whatever is due happens. Calling it early or often does no harm.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.is_over || now < self.limit {
            return;
        }
        if self.has_data {
            self.end(Outcome::Answered { is_complete: false });
        } else if self.changes {
            self.end(Outcome::Unknown);
        } else if self.sent > u16::from(self.timing.repetitions) {
            self.end(Outcome::Silent);
        } else {
            self.sent += 1;
            self.is_due = true;
            self.limit = now + self.timing.answer;
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), unless something comes before; `None` when it is over.
    #[must_use]
    pub const fn poll_timeout(&self) -> Option<Instant> {
        if self.is_over { None } else { Some(self.limit) }
    }

    /// The outcome, once, when there is one.
    pub const fn poll(&mut self) -> Option<Outcome> {
        self.outcome.take()
    }

    /// How many numbers the answer took up, with those that were passed over; `None` where its last frame did not come.
    #[must_use]
    pub fn numbers(&self) -> Option<u8> {
        let numbers = u32::from(self.assembly.frames()) + self.assembly.missing();
        self.assembly.has_ended().then(|| u8::try_from(numbers).unwrap_or(u8::MAX))
    }

    /// The numbers of frames that were passed over and may still come.
    pub fn lacks(&self) -> impl Iterator<Item = u8> {
        self.assembly.lacks()
    }

    /// How often the request was sent, repetitions included.
    #[must_use]
    pub const fn sent(&self) -> u16 {
        self.sent
    }

    fn end(&mut self, outcome: Outcome) {
        self.outcome = Some(outcome);
        (self.is_over, self.is_due) = (true, false);
    }

    fn confirm(&mut self, message: &Message<'_>) {
        if message.seq.wants_confirmation() {
            // A confirmation is always short enough; under a length code of no edition none can be sent.
            self.reply = Confirmation::All.reply_to(message).ok();
        }
    }
}

#[cfg(test)]
mod tests;
