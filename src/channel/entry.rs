//! A job in its lane, from being taken to its report.

use std::time::Duration;

use dlt645::address::AddressField;
use dlt645::exchange::Counters;
use metrics::{counter, gauge, histogram};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::job::JobId;
use super::{End, Job, JobReport, Lane};
use crate::telemetry;

/// A job with its history. It reports once, whatever happens to it: when it is dropped before, it says so.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: JobId,
    pub(super) job: Job,
    report: Option<oneshot::Sender<Box<JobReport>>>,
    offered_at: Instant,
    /// When its first byte left.
    pub(super) began_at: Option<Instant>,
    pub(super) tries: u32,
    /// How often it may be asked again.
    pub(super) tries_left: u8,
    /// How often it made room for something more urgent.
    pub(super) yielded: u8,
    /// How often the line failed under it.
    pub(super) broken: u8,
    /// How often two answers came.
    pub(super) doubted: u8,
    /// What its last try gave, which most never need.
    last: Option<Box<Last>>,
}

/// What a try gave.
#[derive(Debug)]
struct Last {
    end: End,
    times: Times,
}

/// When a try was asked and answered.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Times {
    pub(super) answer_delay: Option<Duration>,
    pub(super) asked_at: Option<Instant>,
    pub(super) answered_at: Option<Instant>,
    pub(super) perhaps_since: Option<Instant>,
    pub(super) heard: Counters,
}

impl Entry {
    pub(super) fn new(id: JobId, job: Job, report: oneshot::Sender<Box<JobReport>>, now: Instant) -> Self {
        gauge!(telemetry::QUEUE_DEPTH, "lane" => job.lane.name()).increment(1.0);
        Self {
            id,
            tries_left: if job.question.changes_meter() { 0 } else { job.retries },
            job,
            report: Some(report),
            offered_at: now,
            began_at: None,
            tries: 0,
            yielded: 0,
            broken: 0,
            doubted: 0,
            last: None,
        }
    }

    pub(super) const fn lane(&self) -> Lane {
        self.job.lane
    }

    pub(super) const fn asked(&self) -> AddressField {
        self.job.question.asked()
    }

    pub(super) fn changes_meter(&self) -> bool {
        self.job.question.changes_meter()
    }

    /// It is about to be asked.
    pub(super) fn begin(&mut self, now: Instant) {
        if self.began_at.is_none() {
            self.began_at = Some(now);
            let waited = now.saturating_duration_since(self.offered_at);
            histogram!(telemetry::WAIT_SECONDS, "lane" => self.lane().name()).record(waited.as_secs_f64());
        }
        self.tries = self.tries.saturating_add(1);
    }

    /// Keeps what a try gave, for the case that no other follows.
    pub(super) fn keep(&mut self, end: End, times: Times) {
        self.last = Some(Box::new(Last { end, times }));
    }

    /// How it ends when its time is over; `None` while it is not.
    pub(super) fn overdue(&self, now: Instant) -> Option<End> {
        let is_expired = self.job.is_expired(now);
        let end = if is_expired { End::Expired } else { End::OutOfTime };
        let last = || self.last.as_ref().map(|last| last.end.clone());
        (is_expired || self.job.due().is_some_and(|due| now >= due)).then(|| last().unwrap_or(end))
    }

    /// Ends with what the last try gave, or with `end` when there was none.
    pub(super) fn end_or_last(self, end: End) {
        let end = self.last.as_ref().map_or(end, |last| last.end.clone());
        self.end(end);
    }

    /// Ends.
    pub(super) fn end(mut self, end: End) {
        self.send(end);
    }

    fn send(&mut self, end: End) {
        let Some(report) = self.report.take() else { return };
        let (lane, kind) = (self.lane().name(), end.kind());
        gauge!(telemetry::QUEUE_DEPTH, "lane" => lane).decrement(1.0);
        counter!(telemetry::JOBS, "lane" => lane, "end" => kind).increment(1);
        let until = self.began_at.unwrap_or_else(Instant::now);
        let waited = until.saturating_duration_since(self.offered_at);
        let Times { answer_delay, asked_at, answered_at, perhaps_since, heard } =
            self.last.as_ref().map(|last| last.times).unwrap_or_default();
        let tries = self.tries;
        let told =
            JobReport { end, tries, waited, answer_delay, asked_at, answered_at, perhaps_since, heard };
        // Nobody may be waiting for it any more.
        let _ = report.send(Box::new(told));
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.send(End::Broken { may_have_left: self.began_at.is_some() && self.changes_meter() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_that_waits_is_small() {
        let of_the_report = size_of::<Option<Box<JobReport>>>() + 64;
        let bytes = size_of::<Entry>() + of_the_report;
        assert!(bytes <= 512, "{bytes} bytes");
    }
}
