//! Terminals (集中器, 采集终端) and their sessions: who is there, what they are asked, what they report. [1376 5]
//!
//! ```text
//!  collect, http ── ask ──> queue of one terminal ── in turn ──> one dialogue ──> outcome to whoever asked
//!  a line behind it ── turn ──┘                                      │
//!                                   reports <── one session ── TCP, TLS, memory
//! ```
//!
//! What is promised:
//!
//! - **One question is open at a terminal at a time**, and the most urgent is next. While its frames come nothing else is
//!   asked; what the terminal begins itself is confirmed in between, as it has to be.
//! - **An old answer is never taken for a new one**: a number is not used again while an answer to it may still come,
//!   across sessions, and what came late is counted ([`TerminalStatus::late`]).
//! - **What may change something leaves once** and ends as unknown when the connection goes with it (R6). A question is put
//!   again on the next session while its time is not over (F19).
//! - **A report is confirmed only after whoever subscribed has kept it**; one that comes again is confirmed again and not
//!   handed on.
//! - **The newest session wins** after its login; the old one is closed. A terminal that has come with a certificate comes
//!   with that one only, and one that is claimed from elsewhere while it is there is told of
//!   ([`TerminalStatus::claims`]).
//! - **A terminal cannot keep us busy**: what it says by itself is limited, and so is how long one answer may take (T5).
//! - **Nobody can fill the memory or keep others out**: whoever has not logged in has a few seconds and a bounded number of
//!   places, terminals that are not known are refused and kept in a bounded list, and an idle session holds no buffer (F21).
//!
//! What is left to others: which terminals there are ([`Terminals::adopt`]), what to ask, what an answer means, keeping
//! reports.

mod ask;
mod budget;
mod carrier;
mod dial;
mod handle;
mod measured;
mod numbers;
mod pace;
mod passed;
mod peer;
mod quality;
mod queue;
mod report;
mod server;
mod session;
mod settings;
mod state;
mod station;
mod status;
mod strangers;
mod tls;
mod udp;

pub use crate::link::Urgency;
pub use ask::{Ask, AskError, Told};
pub use handle::Terminals;
pub use passed::PassedFrame;
pub use quality::{LinkMeasured, LinkQuality};
pub use report::{Change, Report, WhatChanged};
pub use server::TerminalError;
pub use settings::{MeterPort, TerminalSettings};
pub use status::TerminalStatus;
pub use strangers::Stranger;
pub use tls::TlsError;
