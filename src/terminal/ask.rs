//! What a terminal is asked, and what came of it.

use gdw1376::auxiliary::Password;
use gdw1376::dialogue::{Outcome, Timing};
use gdw1376::request::{Request, RequestError};
use tokio::time::Instant;

use crate::link::Urgency;

/// A question or an order for a terminal.
#[derive(Clone, Debug)]
pub struct Ask {
    /// What is asked.
    pub request: Request,
    /// How urgent it is: what is more urgent goes before.
    pub urgency: Urgency,
    /// How long to wait for the answer and how often to ask. What may change something is sent once whatever stands here.
    pub timing: Timing,
    /// It is not begun from then on. Until then a question whose connection goes is put again on the next session; without
    /// it, it ends as silent.
    pub until: Option<Instant>,
    /// The message authentication code (PW), where the request carries one; none for that which is known of the terminal.
    pub password: Password,
}

impl Ask {
    /// A question with no end.
    #[must_use]
    pub const fn new(request: Request, urgency: Urgency, timing: Timing) -> Self {
        Self { request, urgency, timing, until: None, password: Password::NONE }
    }

    /// The same, not begun from `until` on.
    #[must_use]
    pub fn until(self, until: Instant) -> Self {
        Self { until: Some(until), ..self }
    }

    /// The same with a message authentication code.
    #[must_use]
    pub fn signed(self, password: Password) -> Self {
        Self { password, ..self }
    }
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Told {
    /// How the dialogue ended. Nothing to a question is silent, nothing to what may have changed something is unknown.
    pub outcome: Outcome,
    /// The data frames of the answer, in the order they came; each holds whole units. [1376 5]
    pub frames: Vec<Vec<u8>>,
    /// When the request left, the last time.
    pub asked_at: Instant,
    /// When the first frame of the answer had come.
    pub answered_at: Option<Instant>,
    /// Bytes of the request, repetitions and confirmations included.
    pub sent_bytes: u64,
    /// Bytes of frames taken as the answer.
    pub received_bytes: u64,
}

/// Why nothing was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// The terminal is not known here.
    #[error("the terminal is not known")]
    Unknown,
    /// It is not connected, and was not for a while.
    #[error("the terminal is not connected")]
    NotConnected,
    /// Too much waits for it already.
    #[error("too much waits for the terminal")]
    Busy,
    /// Its time was over before its turn.
    #[error("its turn did not come in time")]
    OutOfTime,
    /// The connection went before the first byte.
    #[error("the connection was lost before anything was sent")]
    Lost,
    /// A frame for a meter that is no question: orders go by the line of the terminal. (T1)
    #[error("what is to be forwarded is no question")]
    NotAllowed,
    /// The request cannot be sent.
    #[error(transparent)]
    Unfit(#[from] RequestError),
    /// The request is longer than the terminal takes.
    #[error("the request counts {counted} bytes, the terminal takes {most}")]
    TooLong {
        /// How many bytes it counts.
        counted: usize,
        /// How many the terminal takes.
        most: u16,
    },
    /// The server was stopped.
    #[error("the terminals are being closed")]
    Stopped,
}

impl AskError {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Unknown => "unknown_terminal",
            Self::NotConnected => "not_connected",
            Self::Busy => "busy",
            Self::OutOfTime => "out_of_time",
            Self::Lost => "lost",
            Self::NotAllowed => "not_allowed",
            Self::Unfit(error) => error.kind(),
            Self::TooLong { .. } => "too_long",
            Self::Stopped => "stopped",
        }
    }
}
