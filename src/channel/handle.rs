//! What the rest of the program sees of a line.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::shared::Shared;
use super::status::{LinePhase, LineStatus};
use super::{Job, JobReport, Lane, Pending};
use crate::link::{Carrier, Ours};

/// A line that takes jobs. Cheap to clone; the line goes on when all handles are gone, until it is stopped.
#[derive(Clone, Debug)]
pub struct ChannelHandle {
    name: Arc<str>,
    shared: Arc<Shared>,
    /// The terminal it is behind.
    carrier: Option<Arc<dyn Carrier>>,
}

impl ChannelHandle {
    pub(super) const fn new(name: Arc<str>, shared: Arc<Shared>, carrier: Option<Arc<dyn Carrier>>) -> Self {
        Self { name, shared, carrier }
    }

    pub(super) fn parts(&self) -> (Arc<Shared>, Option<Arc<dyn Carrier>>) {
        (Arc::clone(&self.shared), self.carrier.clone())
    }

    /// From now on something is asked only while the site is ours: what waits for it waits on, until its own time is over
    /// (F36). Said once; what is said later does not count.
    pub fn only_while(&self, ours: Ours) {
        let _ = self.shared.ours.set(ours);
    }

    /// The name of the line.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// True when somebody besides the line's own task and the one who asks holds it, or waits for a job of it.
    pub(super) fn is_held(&self) -> bool {
        Arc::strong_count(&self.shared) > 2
    }

    /// Gives the line a job, or says at once why it is not taken.
    ///
    /// # Errors
    /// [`NotTaken`] with the job: its lane is full, the line was closed, or what it asks may not leave from its lane.
    pub fn offer(&self, job: Job) -> Result<Pending, NotTaken> {
        self.shared.offer(job)
    }

    /// Returns when a lane has room, or the line was closed. Whoever comes first gets it.
    pub async fn room(&self, lane: Lane) {
        loop {
            let room = self.shared.room.notified();
            if self.shared.has_room(lane) {
                return;
            }
            room.await;
        }
    }

    /// Gives the line a job, waiting for room where its lane is full, and returns its report. Dropping this takes the job
    /// back.
    ///
    /// # Errors
    /// [`Refusal`] when it was not taken; [`Refusal::Busy`] when there was no room before its time was over.
    pub async fn ask(&self, job: Job) -> Result<JobReport, Refusal> {
        Ok(TakenBack(self.take(job).await?).report().await)
    }

    /// The same, unless somebody takes the job back: one that waits ends at once, one that is being asked as it would have.
    ///
    /// # Errors
    /// As [`Self::ask`]; [`Refusal::Busy`] for one that was taken back before there was room for it.
    pub async fn ask_unless(&self, job: Job, back: &CancellationToken) -> Result<JobReport, Refusal> {
        let taken = back.run_until_cancelled(self.take(job)).await;
        let mut pending = TakenBack(taken.unwrap_or(Err(Refusal::Busy))?);
        tokio::select! {
            biased;
            report = &mut pending.0 => return Ok(report),
            () = back.cancelled() => {}
        }
        pending.0.cancel();
        Ok(pending.report().await)
    }

    /// Gives the line a job when its lane has room.
    async fn take(&self, mut job: Job) -> Result<Pending, Refusal> {
        loop {
            match self.offer(job) {
                Ok(pending) => return Ok(pending),
                Err(refused) if refused.reason == Refusal::Busy => job = *refused.job,
                Err(refused) => return Err(refused.reason),
            }
            match job.due() {
                Some(due) if tokio::time::timeout_at(due, self.room(job.lane)).await.is_err() => {
                    return Err(Refusal::Busy);
                }
                Some(_) => {}
                None => self.room(job.lane).await,
            }
        }
    }

    /// How the line stands.
    #[must_use]
    pub fn status(&self) -> LineStatus {
        self.shared.status()
    }

    /// Tells whenever the line is about something else, and since when.
    #[must_use]
    pub fn phases(&self) -> watch::Receiver<(LinePhase, Instant)> {
        self.shared.phase.subscribe()
    }
}

/// A job that is taken back when nobody waits for it any more.
struct TakenBack(Pending);

impl TakenBack {
    async fn report(mut self) -> JobReport {
        (&mut self.0).await
    }
}

impl Drop for TakenBack {
    fn drop(&mut self) {
        // One that has ended stays as it is.
        self.0.cancel();
    }
}

/// A job that a line has not taken.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct NotTaken {
    /// Why.
    pub reason: Refusal,
    /// The job.
    pub job: Box<Job>,
}

/// Why a line does not take a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// Its lane is full.
    #[error("the line is busy: its lane is full")]
    Busy,
    /// The line was closed.
    #[error("the line is closed")]
    Stopped,
    /// What it asks may not leave from its lane. (T1)
    #[error("what is asked may not leave from this lane")]
    NotAllowed,
}

impl Refusal {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Stopped => "stopped",
            Self::NotAllowed => "not_allowed",
        }
    }
}
