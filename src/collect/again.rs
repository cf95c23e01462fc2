//! Reading what a night has missed once more, because a person asks for it (补抄).
//!
//! The run stays as it ended while it is read again: what comes is kept at once, and a process that is killed leaves it
//! true. One re-read goes on at a time, and none beside a night; a night that begins ends it. Its questions stand in front
//! of those of a night and behind what somebody waits for.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Collector;
use crate::domain::access::Acting;
use crate::domain::{AuditEntry, Day, Id, Meter, Moment, Run, RunState};
use crate::store::StoreError;
use crate::telemetry::with_causes;

/// Reads again what nights have missed. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ReadAgain(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    collector: Collector,
    tasks: TaskTracker,
    stop: CancellationToken,
    /// Told when one has ended: values may be due for billing.
    ended: Arc<Notify>,
    under_way: watch::Sender<Option<UnderWay>>,
}

/// A re-read that goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnderWay {
    /// Of which run.
    pub run: Id<Run>,
    /// Of which day.
    pub day: Day,
    /// How many meters are asked.
    pub meters: usize,
    /// Since when.
    pub since: Moment,
    /// Who asked for it.
    pub by: String,
}

/// Why nothing is read again.
#[derive(Debug, thiserror::Error)]
pub enum CannotReadAgain {
    /// The run goes on: it comes back to what is missing by itself.
    #[error("the run goes on, and comes back to what is missing by itself")]
    Running,
    /// Another re-read goes on.
    #[error("another re-read goes on")]
    UnderWay,
    /// Nothing of what was asked for is missing.
    #[error("nothing is missing")]
    Nothing,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl CannotReadAgain {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Running => "run_goes_on",
            Self::UnderWay => "reread_goes_on",
            Self::Nothing => "nothing_missing",
            Self::Store(error) => error.kind(),
        }
    }
}

impl ReadAgain {
    /// Re-reads by a collector. Their tasks belong to `tasks` and end at `stop`; `ended` is told of each end.
    #[must_use]
    pub fn new(
        collector: Collector,
        tasks: &TaskTracker,
        stop: CancellationToken,
        ended: Arc<Notify>,
    ) -> Self {
        let (tasks, under_way) = (tasks.clone(), watch::Sender::new(None));
        Self(Arc::new(Inner { collector, tasks, stop, ended, under_way }))
    }

    /// The re-read that goes on.
    #[must_use]
    pub fn under_way(&self) -> Option<UnderWay> {
        self.0.under_way.borrow().clone()
    }

    /// Begins to read meters again that a run has missed, and enters who asked for it in the audit log. `of` says which in
    /// words.
    ///
    /// # Errors
    /// [`CannotReadAgain`] when the run or another re-read goes on, nothing is missing, or the database cannot.
    pub async fn ask(
        &self,
        acting: &Acting,
        run: &Run,
        meters: HashSet<Id<Meter>>,
        of: &str,
    ) -> Result<usize, CannotReadAgain> {
        let inner = &self.0;
        if run.state == RunState::Running {
            return Err(CannotReadAgain::Running);
        }
        if meters.is_empty() {
            return Err(CannotReadAgain::Nothing);
        }
        let (count, now) = (meters.len(), inner.collector.inner.clock.now());
        let going =
            UnderWay { run: run.id, day: run.day, meters: count, since: now, by: acting.name.clone() };
        let is_first = inner.under_way.send_if_modified(|under_way| {
            let is_free = under_way.is_none();
            if is_free {
                *under_way = Some(going);
            }
            is_free
        });
        if !is_first {
            return Err(CannotReadAgain::UnderWay);
        }
        let detail = serde_json::json!({ "day": run.day.to_string(), "of": of, "meters": count });
        let entry = AuditEntry::by(acting, now, "run.read_again", format!("run {}", run.id));
        if let Err(error) = inner.collector.inner.store.audit(&entry.saying(detail.to_string())).await {
            inner.under_way.send_replace(None);
            return Err(error.into());
        }
        let (inner, run) = (Arc::clone(inner), run.clone());
        self.0.tasks.spawn(async move {
            let deadline = now.plus(LASTS);
            if let Err(error) = inner.collector.read_again(&run, &meters, deadline, &inner.stop).await {
                tracing::error!(run.day = %run.day, kind = error.kind(), "a re-read broke off: {}", with_causes(&error));
            }
            inner.under_way.send_replace(None);
            inner.ended.notify_one();
        });
        Ok(count)
    }
}

/// How long a re-read may last.
const LASTS: Duration = Duration::from_secs(3600);
