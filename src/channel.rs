//! One task per line: it owns the path, asks one question after the other, and takes jobs in bounded lanes.
//!
//! ```text
//!  plan, collect, supply ── offer ──> lanes ── pop ──> one exchange ──> report to whoever offered
//!                              busy <──┘ ^                 │
//!                                        └── tried again <─┘
//! ```
//!
//! What is promised:
//!
//! - **One request is open on a line at a time** (I16), and after silence the line is kept quiet until the latest
//!   possible answer would have ended. On a network, where that proves nothing, a silent meter is asked again on a new
//!   path only, unless another has answered in between (F6).
//! - **Lanes are done in their order** ([`Lane`]), and a full one says so ([`Refusal::Busy`]). Something urgent waits for
//!   one frame at most: a long answer of lesser work is broken off between two frames.
//! - **Nothing waits behind a dead meter**: each meter is tried once before any is tried again; one that stays silent is
//!   left alone for a growing time; how long it may take is learned for each (F13).
//! - **Every job ends in one report** ([`End`]), whatever happens to meter, path or task (I19, R9); what may have changed
//!   a meter is never reported as not done (R6) and never sent twice.
//! - **Nothing leaves that the gate of its lane did not clear** (T1, I17), and nothing while the site may be another's (F36).
//! - **Meters that speak Modbus are read on the same lines** under the same rules; what is different is in [`modbus`].
//!
//! What it costs and how it stood up to faults is in [`measured`].
//!
//! What is left to others: what to ask and when (`plan`, `collect`, `supply`), what an answer means, and any promise
//! that has to survive the process.

#[doc = include_str!("channel/measured.md")]
pub mod measured {}

mod budget;
mod came;
mod converse;
mod drive;
mod ear;
mod entry;
mod guard;
mod handle;
mod job;
mod kept;
mod lane;
mod lines;
mod meters;
pub mod modbus;
mod pace;
mod path;
mod proof;
mod question;
mod queue;
mod registers;
mod settings;
mod settle;
mod shared;
mod status;
mod timer;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::link::{Dialler, Tap};
use drive::Driver;
use meters::Meters;
use shared::Shared;

pub use crate::link::Rate;
pub use budget::{Asked, Forecast, LineBudget};
pub use converse::{Failure, Speaker, Told};
pub use handle::{ChannelHandle, NotTaken, Refusal};
pub use job::{End, Job, JobId, JobReport, NOISE, Pending, Progress, Ticket, WhenDead};
pub use kept::Kept;
pub use lane::{Capacities, Lane};
pub use lines::Lines;
pub use meters::Probing;
pub use modbus::{RegisterOutcome, RegisterQuestion, RegisterRefusal, Registers};
pub use question::{Inquiry, Question};
pub use settings::ChannelSettings;
pub use status::{LinePhase, LineStatus, LineUse, Tally};
pub use timer::Timer;

/// A line and its task.
#[derive(Debug)]
pub struct Channel;

impl Channel {
    /// Opens a line: a task of `tasks` that dials at once and works until `stop`. The exchange in hand is then brought to
    /// its end, and what waits ends as [`End::Stopped`]. `tap` hears every byte.
    pub fn spawn(
        settings: ChannelSettings,
        dialler: Dialler,
        tap: Box<dyn Tap + Send>,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> ChannelHandle {
        let meters = Meters::new(settings.probing, settings.slowest_answer);
        let shared = Arc::new(Shared::new(settings.capacities, settings.framing, meters));
        let name = Arc::clone(&settings.name);
        let handle = ChannelHandle::new(name, Arc::clone(&shared), dialler.carrier());
        let driver = Driver::new(settings, shared, dialler, tap);
        tasks.spawn(guard::keep_running(driver, stop));
        handle
    }
}
