//! What happens by the clock: a night each day, polls of slots, and room made for new days.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Site;
use crate::alarm::{self, NightEnd};
use crate::collect::NightReport;
use crate::config::IntervalMode;
use crate::domain::{Day, MissingCause, Moment};
use crate::plan::{Night, night_to_come};
use crate::store::{Large, StoreError};
use crate::telemetry::with_causes;

impl Site {
    /// Runs one night after the other.
    pub(super) async fn nights(&self, stop: &CancellationToken) {
        self.until_done(stop, "ending runs that were cut off", || self.end_old_runs()).await;
        while !stop.is_cancelled() {
            let (start, deadline) = (self.config.collection.start, self.config.collection.deadline);
            let night = night_to_come(self.clock.now(), start, deadline);
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.clock.sleep_until(night.start) => {}
            }
            self.until_done(stop, "making room for new days", || self.make_room(night.day)).await;
            self.night(night, stop).await;
            // Its deadline ends a night; until then it would be the one to come again.
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.clock.sleep_until(night.deadline) => {}
            }
        }
    }

    async fn night(&self, night: Night, stop: &CancellationToken) {
        let mut failures = 0_u32;
        loop {
            match self.run_night(night.day, stop).await {
                Ok(report) => return self.tell_of_the_night(&report, stop).await,
                Err(error) => {
                    tracing::error!(run.day = %night.day, kind = error.kind(), "{}", with_causes(&error));
                    failures += 1;
                    if failures == TELL_AFTER {
                        self.tell_that_a_night_fails(night.day, error.kind()).await;
                    }
                }
            }
            let again = self.clock.now().plus(AGAIN);
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.clock.sleep_until(again) => {}
            }
            if again >= night.deadline {
                return;
            }
        }
    }

    async fn tell_of_the_night(&self, report: &NightReport, stop: &CancellationToken) {
        if report.was_stopped {
            return;
        }
        let NightReport { run, progress, .. } = report;
        let end = NightEnd {
            day: run.day,
            planned: progress.planned,
            read: progress.read,
            missing: &progress.missing,
        };
        let percent = self.config.alarms.missing_percent;
        let tell = || alarm::night_ended(&self.store, &end, percent, self.clock.now());
        self.until_done(stop, "telling how a night ended", tell).await;
    }

    /// What the database refuses, it will as a rule not keep an alarm about either; then the alarms say that it is away.
    async fn tell_that_a_night_fails(&self, day: Day, reason: &str) {
        if let Err(error) = alarm::night_failed(&self.store, day, reason, self.clock.now()).await {
            tracing::error!(run.day = %day, kind = error.kind(), "no alarm: {}", with_causes(&error));
        }
    }

    /// Asks for the values of each slot when it comes, where that is how curves are come by.
    pub(super) async fn polls(&self, stop: &CancellationToken) {
        if self.config.intervals.mode != IntervalMode::Poll {
            return;
        }
        while !stop.is_cancelled() {
            let slot = self.next_slot(self.clock.now());
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.clock.sleep_until(slot) => {}
            }
            match self.collector.poll_slot(slot, stop).await {
                Ok(report) => {
                    tracing::info!(
                        read = report.read,
                        planned = report.planned,
                        "the slot {slot} was polled"
                    );
                }
                Err(error) => tracing::error!(kind = error.kind(), "{}", with_causes(&error)),
            }
        }
    }

    fn next_slot(&self, now: Moment) -> Moment {
        let slots = self.config.intervals.slots;
        let today = Day::of(now);
        let next = (0..slots.count()).map(|slot| slots.instant(today, slot)).find(|at| *at > now);
        next.unwrap_or_else(|| today.next().start())
    }

    /// A run whose deadline passed while nobody was there is ended: what is missing has its cause, and gaps are filled by
    /// the nights to come.
    async fn end_old_runs(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        for run in self.store.unfinished_runs().await?.into_iter().filter(|run| run.deadline <= now) {
            self.store.end_run(run.id, MissingCause::OutOfTime, now).await?;
            tracing::warn!(run.day = %run.day, "the run of {} was cut off and is ended", run.day);
        }
        Ok(())
    }

    /// Partitions of the days to come, and an end to what is kept no longer.
    async fn make_room(&self, today: Day) -> Result<(), StoreError> {
        self.store.make_partitions((0..AHEAD).map(|ahead| today.plus(ahead))).await?;
        if let Some(days) = self.config.intervals.keep_days {
            let keep_from = today.plus(-i64::from(days));
            self.store.let_go(Large::Intervals, keep_from).await?;
        }
        Ok(())
    }

    async fn until_done<F>(&self, stop: &CancellationToken, doing: &'static str, act: impl Fn() -> F)
    where
        F: Future<Output = Result<(), StoreError>>,
    {
        while let Err(error) = act().await {
            tracing::error!(kind = error.kind(), "{doing}: {}", with_causes(&error));
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.clock.sleep_until(self.clock.now().plus(AGAIN)) => {}
            }
        }
    }
}

/// When what the database refused is tried again.
const AGAIN: Duration = Duration::from_secs(10);
/// After how many failures a night that cannot be run is told.
const TELL_AFTER: u32 = 15;
/// How many days have their partitions made ahead.
const AHEAD: i64 = 35;
