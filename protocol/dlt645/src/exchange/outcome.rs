//! How an exchange ended, with all that is needed to trace it.

use std::time::{Duration, Instant};

use super::counters::{Counters, Unfit};
use crate::address::AddressField;
use crate::data_id::DataId;
use crate::response::{ExecutionWord, Refusal};

/// How an exchange ended. A refusal and silence are outcomes like any other, not errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The meter answered, and every rule that can be judged here holds.
    Answered(Answer),
    /// The meter refused. It is not asked again by the exchange.
    Refused {
        /// Who refused.
        address: AddressField,
        /// Why.
        refusal: Refusal,
        /// How it went.
        report: Report,
    },
    /// Nobody answered a question that changes nothing.
    Silent(Report),
    /// The first piece of an answer came and the rest did not; nothing of it may be used.
    Incomplete {
        /// What the meter said instead of the next piece, if it said anything.
        refusal: Option<Refusal>,
        /// How it went.
        report: Report,
    },
    /// Bytes of a request that changes the meter have left and nothing acceptable came back: it may have been
    /// obeyed or not (R6). Settle it by reading, not by asking again.
    Unknown(Report),
    /// A broadcast has left; nobody answers those.
    Sent(Report),
    /// Nothing left at all.
    NotSent(Report),
}

impl Outcome {
    /// How it went.
    #[must_use]
    pub const fn report(&self) -> &Report {
        match self {
            Self::Answered(answer) => &answer.report,
            Self::Refused { report, .. } | Self::Incomplete { report, .. } => report,
            Self::Silent(report) | Self::Unknown(report) | Self::Sent(report) | Self::NotSent(report) => {
                report
            }
        }
    }

    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Answered(_) => "answered",
            Self::Refused { .. } => "refused",
            Self::Silent(_) => "silent",
            Self::Incomplete { .. } => "incomplete",
            Self::Unknown(_) => "unknown",
            Self::Sent(_) => "sent",
            Self::NotSent(_) => "not_sent",
        }
    }
}

/// An accepted answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Who answered, as the address field says it: the meter's own address under a wildcard read, or in the field
    /// AA or 99 kept from the request.
    pub address: AddressField,
    /// What it said.
    pub reply: Reply,
    /// The "more follows" bit was set although the answer is whole: the meter has new events to read, `04001501`.
    /// [645-2007 4 event flag]
    pub has_events: bool,
    /// How it went.
    pub report: Report,
}

impl Answer {
    /// The data after the identifier, joined over all frames; empty where the answer carries none.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        match &self.reply {
            Reply::Data { payload, .. } => payload,
            _ => &[],
        }
    }
}

/// What an accepted answer said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The data of the identifier asked for.
    Data {
        /// The identifier.
        item: DataId,
        /// The data after it, joined over all frames, in wire order.
        payload: Vec<u8>,
    },
    /// The meter's address.
    Address(AddressField),
    /// Done; a relay order is accepted, which does not mean done.
    Accepted {
        /// What the relay order led to, from meters of the fourth supplement.
        word: Option<ExecutionWord>,
    },
}

/// How an exchange went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// When it began.
    pub began_at: Instant,
    /// When the last byte of the last request left; with `ended_at` it bounds the moment a clock was read.
    pub sent_at: Option<Instant>,
    /// When it ended.
    pub ended_at: Instant,
    /// From the last byte of the last request to the first byte of what was taken as its answer.
    pub first_byte_delay: Option<Duration>,
    /// How many requests were sent, repetitions and further pieces counted.
    pub attempts: u32,
    /// The accepted frames as they came, at most [`MAX_KEPT_FRAMES`]; none that holds a password.
    pub frames: Vec<Vec<u8>>,
    /// How many accepted frames are not among them.
    pub frames_left_out: u32,
    /// The first few refused frames, for a person to look at; echoes are not kept.
    pub refused_frames: Vec<(Unfit, Vec<u8>)>,
    /// What was heard and not taken.
    pub counters: Counters,
    /// The line did not stop talking. (F11)
    pub is_chattering: bool,
}

impl Report {
    /// How long it took.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.ended_at.saturating_duration_since(self.began_at)
    }
}

/// The most accepted frames that a report keeps.
pub const MAX_KEPT_FRAMES: usize = 32;
/// The most refused frames that a report keeps.
pub const MAX_REFUSED_FRAMES: usize = 4;
