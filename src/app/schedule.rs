//! What happens by the clock: a night each day, polls of slots, and room made for new days.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Site;
use crate::alarm;
use crate::collect::NightReport;
use crate::config::{IntervalMode, TimeOfDay};
use crate::domain::supply::HaltKind;
use crate::domain::{Day, MissingCause, Moment, Run, RunState};
use crate::plan::{Night, night_of, night_to_come};
use crate::store::{Large, Remedy, StoreError};
use crate::telemetry::with_causes;

impl Site {
    /// Runs one night after the other.
    pub(super) async fn nights(&self, stop: &CancellationToken) {
        let mut last: Option<Day> = None;
        while !stop.is_cancelled() {
            let (start, deadline) = (self.config.collection.start, self.config.collection.deadline);
            let passed = || self.look_back((start, deadline));
            let Some(kept) = self.until_done(stop, "looking after nights that have passed", passed).await
            else {
                return;
            };
            // What this process has not run may be due all the same: it may not have been there.
            last = last.or(kept);
            let now = self.clock.now();
            let today = night_of(Day::of(now), start, deadline);
            // A night that the clock, a machine that slept or a program that was not there has passed over is run by day, unless
            // the next one would have to wait for it, which reads the same meters and fills gaps.
            let to_come = night_to_come(now, start, deadline);
            let has_room = now.plus(today.deadline.since(today.start)) <= to_come.start;
            let is_passed_over =
                today.deadline <= now && last.is_some_and(|last| last < today.day) && has_room;
            let night = if is_passed_over { today } else { to_come };
            if now < night.start {
                // Where the clock is set back meanwhile, another night may come first.
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = self.clock.leaves((now, night.start)) => {}
                }
                if self.clock.now() < night.start {
                    continue;
                }
            }
            let began = self.clock.now();
            // What is kept makes the room that it needs: no night waits for this, and the next one tries again (I20).
            if let Err(error) = self.make_room(night.day).await {
                tracing::error!(kind = error.kind(), "making room for new days: {}", with_causes(&error));
            }
            let run = async {
                if self.has_meters_in(night, stop).await {
                    self.night(night, stop).await;
                }
            };
            tokio::join!(run, self.let_old_go(night, stop));
            last = Some(night.day);
            if began >= night.deadline {
                // It was run behind its time: should that come after all, it is still to be run.
                continue;
            }
            // Its deadline ends a night; until then it would be the one to come again. A clock that is set back before its
            // start has it come again indeed: what was read then was not read in it (F33).
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.clock.leaves((night.start, night.deadline)) => {}
            }
        }
    }

    /// Waits until there is a meter, as on a site whose archive is still to come: a night that was run for nobody would be over for
    /// those that come in it (F38). False when none has come by its end.
    async fn has_meters_in(&self, night: Night, stop: &CancellationToken) -> bool {
        loop {
            match self.store.has_meters().await {
                Ok(false) => {}
                // What is wrong with the database is told by the night.
                Ok(true) | Err(_) => return true,
            }
            tokio::select! {
                () = stop.cancelled() => return false,
                () = self.clock.rest(AGAIN) => {}
            }
            let now = self.clock.now();
            if now < night.start || night.is_over(now) {
                return false;
            }
        }
    }

    /// Runs a night, also when that takes more than one go. What has not come to its end when its time is over is ended by the
    /// next look back.
    async fn night(&self, night: Night, stop: &CancellationToken) {
        let mut failures = 0_u32;
        let began = self.clock.now();
        // By day it has as long, and is over when its run is.
        let by_day = began.plus(night.deadline.since(night.start).max(SHORTEST)).plus(AGAIN);
        let is_by_day = began >= night.deadline;
        loop {
            match self.run_night(night.day, stop).await {
                Ok(report) => return self.tell_how_it_ended(&report, stop).await,
                Err(error) => {
                    tracing::error!(run.day = %night.day, kind = error.kind(), "{}", with_causes(&error));
                    failures += 1;
                    if failures == TELL_AFTER {
                        self.tell_that_a_night_fails(night.day, error.kind()).await;
                    }
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.clock.rest(AGAIN) => {}
            }
            let now = self.clock.now();
            let is_over = if is_by_day { now < began || now >= by_day } else { night.is_over(now) };
            if is_over {
                return;
            }
        }
    }

    async fn tell_how_it_ended(&self, report: &NightReport, stop: &CancellationToken) {
        self.until_done(stop, "telling how a night ended", || self.tell_of_the_night(report)).await;
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

    /// Ends nights that were cut off, and tells of them and of one that was never begun. Gives the day of the last night
    /// up to now that needs not be gone on with, `None` on a site that has had none.
    async fn look_back(&self, (start, deadline): (TimeOfDay, TimeOfDay)) -> Result<Option<Day>, StoreError> {
        let now = self.clock.now();
        self.end_old_runs(now).await?;
        let today = Day::of(now);
        let passed = if night_of(today, start, deadline).deadline <= now { today } else { today.plus(-1) };
        let before = self.last_night(passed).await?.map(|run| run.day).filter(|before| *before < passed);
        if let Some(before) = before {
            // A site without meters misses nothing.
            if self.store.has_meters().await? {
                tracing::warn!(run.day = %passed, "the night of {passed} was not run; the last one was {before}");
                alarm::night_missed(&self.store, passed, before, now).await?;
            }
        }
        let last = self.last_night(today).await?;
        // One that was begun by day has its deadline by day, and goes on until then.
        Ok(last.map(|run| if run.state == RunState::Running { run.day.plus(-1) } else { run.day }))
    }

    /// The last run up to a day.
    async fn last_night(&self, up_to: Day) -> Result<Option<Run>, StoreError> {
        Ok(self.store.runs_before((up_to.next().number(), 0), 1).await?.into_iter().next())
    }

    /// A run whose deadline passed while nobody was there is told and ended, in this order, so that it is told whatever
    /// becomes of this process: what is missing has its cause, and gaps are filled by the nights to come.
    async fn end_old_runs(&self, now: Moment) -> Result<(), StoreError> {
        let percent = self.config.alarms.missing_percent;
        for run in self.store.unfinished_runs().await?.into_iter().filter(|run| run.deadline <= now) {
            let meters = self.store.run_meters(run.id).await?;
            alarm::night_cut_off(&self.store, &run, &meters, percent, now).await?;
            self.store.end_run(run.id, MissingCause::OutOfTime, now).await?;
            tracing::warn!(run.day = %run.day, "the run of {} was cut off and is ended", run.day);
        }
        Ok(())
    }

    /// Partitions of the days to come.
    async fn make_room(&self, today: Day) -> Result<(), StoreError> {
        self.store.make_partitions((0..AHEAD).map(|ahead| today.plus(ahead))).await
    }

    /// Lets go what is kept no longer, beside the night. Whoever looks at it meanwhile, such as a backup, is not waited for: it is
    /// tried again until the night is over, and by the next one.
    async fn let_old_go(&self, night: Night, stop: &CancellationToken) {
        let mut is_told = false;
        while let Err(error) = self.let_go(night.day).await {
            if !std::mem::replace(&mut is_told, true) {
                let kind = error.kind();
                tracing::warn!(kind, "old curves are let go later: {}", with_causes(&error));
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.clock.rest(LET_GO_AGAIN) => {}
            }
            let now = self.clock.now();
            // A clock that was set back has the night come again, which is not to wait for this.
            if error.remedy() != Remedy::Retry || now < night.start || night.is_over(now) {
                return;
            }
        }
    }

    /// An end to curves that are kept no longer and stand in a backup (F43).
    async fn let_go(&self, today: Day) -> Result<(), StoreError> {
        let Some(days) = self.config.intervals.keep_days else { return Ok(()) };
        // Counted from the last day of which something was read, and while nobody doubts the clock: one that runs ahead lets nothing
        // go (F33).
        if self.store.halts().await?.iter().any(|halt| halt.kind == HaltKind::Clock) {
            return Ok(());
        }
        let Some(read) = self.store.last_day_read(today).await?.map(Day::next) else { return Ok(()) };
        let keep_from = read.min(today).plus(-i64::from(days));
        let Some(backed_up) = self.store.last_backup(self.clock.now()).await? else {
            tracing::warn!(
                "no curve is let go before a backup was made: run chaobiao backup  尚无备份，过期曲线暂不清除"
            );
            return Ok(());
        };
        // What came late for a day came within these days.
        let held = Day::of(backed_up).plus(-i64::from(self.config.intervals.repair_days));
        if held < keep_from {
            tracing::warn!(
                "curves from {held} on are kept until they stand in a backup  {held} 起的曲线待备份后清除"
            );
        }
        self.store.let_go(Large::Intervals, keep_from.min(held)).await?;
        Ok(())
    }

    /// Does something however long the database takes; `None` when it is to stop before.
    async fn until_done<F, T>(
        &self,
        stop: &CancellationToken,
        doing: &'static str,
        act: impl Fn() -> F,
    ) -> Option<T>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        loop {
            match act().await {
                Ok(done) => return Some(done),
                Err(error) => tracing::error!(kind = error.kind(), "{doing}: {}", with_causes(&error)),
            }
            tokio::select! {
                () = stop.cancelled() => return None,
                () = self.clock.rest(AGAIN) => {}
            }
        }
    }
}

/// When what the database refused is tried again.
const AGAIN: Duration = Duration::from_secs(10);
/// As long a run has at least that is begun by day.
const SHORTEST: Duration = Duration::from_secs(3600);
/// After how many failures a night that cannot be run is told.
const TELL_AFTER: u32 = 15;
/// When old curves that somebody looks at are let go again.
const LET_GO_AGAIN: Duration = Duration::from_secs(60);
/// How many days have their partitions made ahead.
const AHEAD: i64 = 35;

#[cfg(test)]
mod tests;
