//! On-demand reads (召测): somebody picks meters and groups, and gets what the meters say now.
//!
//! ```text
//!  submit ── job, meters, audit entry: one transaction ──> board ── line by line, jobs in turn ──> visit ── lane on demand
//!                                                            │                                      │
//!  status, changes <──── place in the queue, question ───────┴──────── answers, group by group ─────┴──> store
//! ```
//!
//! What is promised:
//!
//! - **An answer belongs to its question.** It says between which moments the meter gave it; one that may be an answer to an
//!   earlier question of the same kind is asked for again, and what stays in doubt is told as doubtful (F6). Nothing that was
//!   known before is ever shown as an answer; it stands beside it, named as what it is.
//! - **Every job ends** (I19): each meter as done, partly done, failed with a cause, expired or cancelled. A job that was
//!   killed goes on with the meters that had not ended, unless it has expired.
//! - **The same key is the same job**, whoever sends it how often.
//! - **Numbers are bounded**: meters of a job, meters that wait, days for which answers are kept. Too much is [`ReadError::Busy`].
//! - **Nothing is billed.** What is read here is kept with its job and reaches neither registers nor curves: those are read
//!   by runs, under their rules.

mod answer;
mod board;
mod questions;
mod request;
mod service;
mod visit;
mod worker;

use crate::channel;
use crate::domain::{MeterRead, ReadGroup};

pub use super::ask::AskedFor;
pub use request::{ReadError, ReadRequest, Submission};
pub use service::OnDemand;

/// A meter of a job, with where it stands just now.
#[derive(Clone, Debug)]
pub struct MeterStatus {
    /// As it is kept.
    pub read: MeterRead,
    /// What it is doing; `None` when it has ended, or is about to begin.
    pub live: Option<LiveRead>,
}

/// Where a meter stands that has not ended.
#[derive(Clone, Copy, Debug)]
pub enum LiveRead {
    /// So many meters of its line have their turn before it.
    Waiting {
        /// How many.
        before: usize,
    },
    /// It is being asked.
    Asking(Asking),
}

/// What a meter is being asked.
#[derive(Clone, Copy, Debug)]
pub struct Asking {
    /// The group, how many of its questions are done, and how many it has.
    pub step: Option<(ReadGroup, usize, usize)>,
    /// The identifier or the registers that are asked for, and where the question stands in its line.
    pub question: Option<(AskedFor, channel::Progress)>,
}
