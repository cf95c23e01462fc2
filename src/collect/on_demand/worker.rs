//! Works through the meters that wait for a line. A few workers share it: one has the line, the others have their next
//! question ready.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use metrics::counter;

use super::board::{Now, Work};
use super::service::OnDemand;
use super::visit::{Visit, is_hopeless};
use crate::channel::Lane;
use crate::collect::line::Context;
use crate::domain::{Coded, MissingCause, ReadAnswer, ReadGroup, ReadState};
use crate::store::archive::SiteMeter;
use crate::telemetry;

/// One that works; another takes its place when it breaks off and there is work left.
struct Worker {
    service: OnDemand,
    line: String,
}

/// What came of a meter so far.
#[derive(Default)]
struct Came {
    groups: HashSet<ReadGroup>,
    missing: Option<(MissingCause, String)>,
}

impl OnDemand {
    pub(super) fn start_workers(&self, to_start: Vec<(String, usize)>) {
        for (line, count) in to_start {
            for _ in 0..count {
                let worker = Worker { service: self.clone(), line: line.clone() };
                self.inner.tasks.spawn(worker.work());
            }
        }
    }

    /// Reads a meter of a job to its end.
    async fn read(&self, line: &str, work: Work) {
        let Work { open, meter, address } = work;
        if open.over.is_cancelled() {
            return;
        }
        let Some(site) = self.until_kept(|| self.store().site_meter(address)).await else { return };
        let now = open.begin(meter);
        self.changed(open.job.id);
        let end = match site {
            Some(site) => {
                self.visit(line, &site, &Work { open: Arc::clone(&open), meter, address }, &now).await
            }
            None => {
                let why = "the meter was taken out of the archive".to_owned();
                Some((ReadState::Failed, Some((MissingCause::NoPath, why))))
            }
        };
        open.end(meter);
        // What was broken off by the end of the service goes on with the next start; by the end of the job, it has ended.
        let Some((state, missing)) = end else { return };
        counter!(telemetry::ON_DEMAND, "outcome" => state.name()).increment(1);
        self.end(open.job.id, meter, (state, missing)).await;
    }

    /// Asks for the groups that have not been answered; `None` when it was broken off.
    async fn visit(
        &self,
        line: &str,
        site: &SiteMeter,
        work: &Work,
        now: &Now,
    ) -> Option<(ReadState, Option<(MissingCause, String)>)> {
        let (inner, job) = (&self.inner.collector.inner, &work.open.job);
        let stop = work.open.over.clone();
        let context = Context::outside_runs(Arc::clone(inner), line, job.expires_at, stop);
        let none = || {
            (ReadState::Failed, Some((MissingCause::NoPath, "its profile or its line is gone".to_owned())))
        };
        let Some(context) = context else { return Some(none()) };
        let Some(profile) = context.profile(site) else { return Some(none()) };
        let mut asker = context.asker(site, profile, Lane::OnDemand);
        (asker.retries, asker.patience, asker.seat) = (RETRIES, UNTIL_IT_EXPIRES, Some(&now.seat));
        let visit = Visit { asker, store: &inner.store, intervals: &inner.settings.intervals, now };
        let kept = self.until_kept(|| self.store().read_answers(job.id, work.meter)).await?;
        let mut came = Came::default();
        came.take(&kept);
        let answered = came.groups.clone();
        for group in job.groups.iter().filter(|group| !answered.contains(group)) {
            let answers = visit.group(*group).await;
            if work.open.over.is_cancelled() {
                return None;
            }
            let keep = || self.store().add_read_answers(job.id, work.meter, &answers);
            if !self.until_kept(keep).await? {
                return None;
            }
            came.take(&answers);
            self.changed(job.id);
            if answers.iter().any(is_last) {
                break;
            }
        }
        let missing = job.groups.iter().filter(|group| !came.groups.contains(group)).count();
        Some((came.state(missing), came.missing))
    }
}

impl Came {
    fn take(&mut self, answers: &[ReadAnswer]) {
        for answer in answers {
            match &answer.missing {
                None => drop(self.groups.insert(answer.group)),
                Some(missing) => drop(self.missing.get_or_insert_with(|| missing.clone())),
            }
        }
    }

    fn state(&self, missing: usize) -> ReadState {
        let is_any_missing = self.missing.is_some() || missing > 0;
        let is_late = matches!(self.missing, Some((MissingCause::OutOfTime, _)));
        match ReadState::of_answers(self.groups.len(), usize::from(is_any_missing)) {
            ReadState::Failed if is_late => ReadState::Expired,
            state => state,
        }
    }
}

impl Worker {
    async fn work(self) {
        while !self.service.inner.stop.is_cancelled() {
            let Some(work) = self.service.board().next(&self.line) else { return };
            self.service.read(&self.line, work).await;
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let mut board = self.service.board();
        board.worker_ended(&self.line);
        let lacks_worker = !self.service.inner.stop.is_cancelled() && board.lacks_worker(&self.line);
        drop(board);
        if lacks_worker {
            self.service.start_workers(vec![(self.line.clone(), 1)]);
        }
    }
}

/// True when the meter is not to be asked for more.
fn is_last(answer: &ReadAnswer) -> bool {
    answer.missing.as_ref().is_some_and(|(cause, _)| is_hopeless(*cause))
}

/// After silence a question is put once more at once: somebody waits for it.
const RETRIES: u8 = 1;
/// Only the end of its job ends a question.
const UNTIL_IT_EXPIRES: Duration = Duration::from_secs(86_400);
