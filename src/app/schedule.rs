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
            tokio::join!(self.night(night, stop), self.let_old_go(night, stop));
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
            if !self.store.site_meters().await?.is_empty() {
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
        let Some(backed_up) = self.store.last_backup().await? else {
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
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::config::Config;
    use crate::domain::access::{Acting, Regions, Role};
    use crate::domain::{
        AlarmKind, ArchiveEntry, AuditEntry, Customer, DayCurve, Fetch, Id, Item, Meter, MeterPath,
        MeterProtocol, MeteringPoint, PointRole, Quality, RunKind, RunMeter, RunOutcome, SlotValue,
        SlotsPerDay, Source,
    };
    use crate::store::alarm::{AlarmFilter, AlarmRecord};
    use crate::store::archive::Saving;
    use crate::store::{Batch, RunPlan};

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    /// A site whose only meter hangs on a line that is not there, so that each of its runs lacks something; its clock shows
    /// `now` until it is set.
    async fn site(now: Moment) -> (tempfile::TempDir, ManualClock, Site) {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "[database]\npath = \"{}\"\n[intervals]\nkeep_days = 62\n",
            folder.path().join("site.db").display()
        );
        let config = Config::parse(&folder.path().join("amr.toml"), &text).unwrap().config;
        let manual = ManualClock::still(now);
        let site = Site::start(config, manual.clock(), 1).await.unwrap();
        let entry = ArchiveEntry {
            customer: Customer { number: "C".to_owned(), name: "王".to_owned(), class: None },
            point: MeteringPoint {
                number: "P".to_owned(),
                customer: "C".to_owned(),
                role: PointRole::Customer,
                area: None,
                route: None,
                protection: None,
            },
            is_unprotected: true,
            feeder: None,
            reading_day: None,
            meter: Meter {
                address: "202411110001".parse().unwrap(),
                asset_number: None,
                protocol: MeterProtocol::Dlt2007,
                profile: None,
                path: MeterPath::Line { line: "none".to_owned(), baud: None, parity: None },
            },
            transformers: None,
            installed_at: None,
            first_reading: None,
        };
        site.store.save_archive(&[entry], now, Saving::Save).await.unwrap();
        (folder, manual, site)
    }

    /// The run of a day, once it has ended at `at` or later.
    async fn ended(site: &Site, day: Day, at: Moment) -> Run {
        for _ in 0..2000 {
            let run = site.store.run_of("site", day, RunKind::Nightly).await.unwrap();
            if let Some(run) = run.filter(|run| run.ended_at.is_some_and(|ended| ended >= at)) {
                return run;
            }
            // Another task works: there is no event to wait for here.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        unreachable!("the night of {day} does not end at {at}")
    }

    #[tokio::test]
    async fn f33_whatever_the_clock_is_set_to_each_night_is_run_at_its_own_time_once_it_is_right() {
        let hours = |count: u64| Duration::from_secs(count * 3600);
        let start = |text: &str| day(text).start().plus(Duration::from_secs(300));
        let (_folder, manual, site) = site(day("2026-12-30").start().minus(hours(2))).await;
        let stop = CancellationToken::new();
        let lived = async {
            manual.set(start("2026-12-30"));
            ended(&site, day("2026-12-30"), start("2026-12-30")).await;
            // Back by an hour in the day, and on from there into the last day of the year.
            manual.set(day("2026-12-30").start().plus(hours(12)));
            manual.set(day("2026-12-30").start().plus(hours(11)));
            manual.set(start("2026-12-31"));
            ended(&site, day("2026-12-31"), start("2026-12-31")).await;
            // On by a day at noon: the night of a day that has not come is run, with nothing to read.
            let wrong = day("2027-01-01").start().plus(hours(12));
            manual.set(wrong);
            ended(&site, day("2027-01-01"), wrong).await;
            // Right again: that night comes at its own time once more, and the next one, over the end of the year.
            manual.set(day("2026-12-31").start().plus(hours(13)));
            let right = start("2027-01-01");
            manual.set(right);
            let run = ended(&site, day("2027-01-01"), Moment::from_micros(0)).await;
            assert!(run.started_at == wrong, "one run for each day: {run:?}");
            for _ in 0..2000 {
                let run = ended(&site, day("2027-01-01"), Moment::from_micros(0)).await;
                if run.ended_at == Some(right) {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            assert_eq!(ended(&site, day("2027-01-01"), right).await.ended_at, Some(right));
            // Ten years on and back: no more than one night of then.
            manual.set(start("2036-12-31").plus(hours(1)));
            ended(&site, day("2036-12-31"), start("2036-12-31")).await;
            manual.set(start("2027-01-02"));
            ended(&site, day("2027-01-02"), start("2027-01-02")).await;
            stop.cancel();
        };
        tokio::join!(site.nights(&stop), lived);
        let mut days: Vec<_> =
            site.store.newest_runs(100).await.unwrap().into_iter().map(|run| run.day).collect();
        days.sort_unstable();
        let expected = ["2026-12-30", "2026-12-31", "2027-01-01", "2027-01-02", "2036-12-31"].map(day);
        assert_eq!(days, expected);
        site.close().await;
    }

    /// Begins the run of a night as a process did that is no more; with the only meter read or waiting.
    async fn begun(site: &Site, day: Day) -> Run {
        let night = night_of(day, site.config.collection.start, site.config.collection.deadline);
        let meters: Vec<_> =
            site.store.site_meters().await.unwrap().into_iter().map(|site| site.meter_id).collect();
        let (kind, deadline) = (RunKind::Nightly, night.deadline);
        let plan = RunPlan { scope: "site", day, kind, meters: &meters, deadline };
        site.store.begin_run(&plan, night.start).await.unwrap()
    }

    async fn alarms(site: &Site) -> Vec<AlarmRecord> {
        site.store.alarms(&AlarmFilter::default(), &Regions::All, i64::MAX, 10).await.unwrap()
    }

    /// Lets the nights go on until `until` holds, as a process does that was just started.
    async fn serve_until(site: &Site, until: impl AsyncFn() -> bool) {
        let stop = CancellationToken::new();
        let lived = async {
            for _ in 0..2000 {
                if until().await {
                    return stop.cancel();
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            unreachable!("it does not come about")
        };
        tokio::join!(site.nights(&stop), lived);
    }

    fn noon(text: &str) -> Moment {
        day(text).start().plus(Duration::from_secs(12 * 3600))
    }

    #[tokio::test]
    async fn f26_i19_a_night_that_was_cut_off_is_ended_and_told() {
        let today = day("2026-12-30");
        let (_folder, _manual, site) = site(noon("2026-12-30")).await;
        begun(&site, today).await;
        serve_until(&site, async || !alarms(&site).await.is_empty()).await;
        let run = ended(&site, today, noon("2026-12-30")).await;
        assert_eq!((run.state, run.ended_at), (RunState::Partial, Some(noon("2026-12-30"))));
        let told = alarms(&site).await;
        assert_eq!(
            (told.len(), told[0].kind, told[0].subject.as_str()),
            (1, AlarmKind::NightPartial, "night 2026-12-30")
        );
        assert_eq!(told[0].detail, "it was cut off: 1 of 1 meters (out of time 1)");
        assert!(told[0].detail_zh.starts_with("采集中断，应抄1，漏抄1"), "{}", told[0].detail_zh);
        site.close().await;
    }

    #[tokio::test]
    async fn i19_a_run_by_day_that_the_database_breaks_off_is_begun_again_until_its_time_is_over() {
        let (today, now) = (day("2026-12-30"), noon("2026-12-30"));
        let (folder, manual, site) = site(now).await;
        let night = night_of(today, site.config.collection.start, site.config.collection.deadline);
        assert!(night.deadline < now, "it is run by day");
        let run = async |sql: &'static str| {
            let options = sqlx::sqlite::SqliteConnectOptions::new().filename(folder.path().join("site.db"));
            let mut other =
                <sqlx::SqliteConnection as sqlx::Connection>::connect_with(&options).await.unwrap();
            sqlx::query(sql).execute(&mut other).await.unwrap();
        };
        run("CREATE TRIGGER refused BEFORE INSERT ON run BEGIN SELECT RAISE(ABORT, 'not now'); END").await;
        let stop = CancellationToken::new();
        let mended = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            run("DROP TRIGGER refused").await;
            manual.set(now.plus(AGAIN));
        };
        tokio::join!(site.night(night, &stop), mended);
        let run = ended(&site, today, now).await;
        assert_eq!(run.ended_at, Some(now.plus(AGAIN)));
        site.close().await;
    }

    #[tokio::test]
    async fn f33_i19_a_night_that_passed_while_nobody_was_there_is_told_and_run_by_day() {
        let today = day("2026-12-30");
        let (_folder, manual, site) = site(noon("2026-12-28")).await;
        let night = begun(&site, day("2026-12-28")).await;
        site.store.end_run(night.id, MissingCause::Silent, noon("2026-12-28")).await.unwrap();
        // In the night itself the one before is told, and is not run any more.
        manual.set(today.start().plus(Duration::from_secs(60)));
        serve_until(&site, async || !alarms(&site).await.is_empty()).await;
        let told = alarms(&site).await;
        assert_eq!(
            (told.len(), told[0].kind, told[0].subject.as_str()),
            (1, AlarmKind::NightFailed, "night 2026-12-29")
        );
        assert_eq!(told[0].detail, "it was not run; the last one before it was 2026-12-28");
        // Behind its deadline it is told and run all the same, which ends the alarm.
        manual.set(noon("2026-12-30"));
        serve_until(&site, async || alarms(&site).await.len() == 3).await;
        let run = ended(&site, today, noon("2026-12-30")).await;
        assert_eq!(run.started_at, noon("2026-12-30"));
        let told = alarms(&site).await;
        let kinds: Vec<_> = told.iter().map(|alarm| (alarm.kind, alarm.ended_at.is_some())).collect();
        let expected = [
            (AlarmKind::NightPartial, false),
            (AlarmKind::NightFailed, true),
            (AlarmKind::NightFailed, false),
        ];
        assert_eq!(kinds, expected);
        // Started once more: nothing is told twice, and the night is not run twice.
        manual.set(noon("2026-12-30").plus(Duration::from_secs(60)));
        let stop = CancellationToken::new();
        let lived = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            stop.cancel();
        };
        tokio::join!(site.nights(&stop), lived);
        assert_eq!(alarms(&site).await, told);
        assert_eq!(ended(&site, today, noon("2026-12-30")).await, run);
        site.close().await;
    }

    #[tokio::test]
    async fn f33_a_night_that_would_keep_the_next_one_waiting_is_told_and_left_to_it() {
        let evening = noon("2026-12-30").plus(Duration::from_secs(8 * 3600));
        let (_folder, _manual, site) = site(evening).await;
        let night = begun(&site, day("2026-12-29")).await;
        site.store.end_run(night.id, MissingCause::Silent, noon("2026-12-29")).await.unwrap();
        let stop = CancellationToken::new();
        let lived = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            stop.cancel();
        };
        tokio::join!(site.nights(&stop), lived);
        let told = alarms(&site).await;
        assert_eq!(
            (told.len(), told[0].kind, told[0].subject.as_str()),
            (1, AlarmKind::NightFailed, "night 2026-12-30")
        );
        assert_eq!(site.store.run_of("site", day("2026-12-30"), RunKind::Nightly).await.unwrap(), None);
        site.close().await;
    }

    #[tokio::test]
    async fn a_new_site_has_missed_no_night() {
        let (_folder, _manual, site) = site(noon("2026-12-30")).await;
        assert_eq!(
            site.look_back((site.config.collection.start, site.config.collection.deadline)).await.unwrap(),
            None
        );
        assert_eq!(alarms(&site).await, []);
        site.close().await;
    }

    /// Keeps a curve of each of these days.
    async fn keep_curves(site: &Site, days: &[Day]) {
        let item = Item::parse("1.8.0").unwrap();
        let meter = site.store.site_meters().await.unwrap()[0].meter_id;
        for held in days {
            let value = Some(SlotValue { value: 1, quality: Quality::Good });
            let curve = DayCurve::of_values(meter, item, *held, SlotsPerDay::QUARTER_HOURS, vec![value]);
            let (from, until) = (held.start(), held.next().start());
            let fetch = Fetch {
                id: site.store.new_fetch_id(until),
                meter,
                items: vec![item],
                from,
                until,
                source: Source::LoadRecord,
                collected_at: until,
                frames: Vec::new(),
                run: None,
            };
            let batch = Batch { curves: vec![(fetch.id, curve)], fetches: vec![fetch], ..Batch::default() };
            site.store.save(&batch, until).await.unwrap();
        }
    }

    async fn kept_curves(site: &Site, today: Day) -> Vec<Day> {
        let item = Item::parse("1.8.0").unwrap();
        let meter = site.store.site_meters().await.unwrap()[0].meter_id;
        let curves = site.store.curves(&[meter], &[item], today.plus(-100), today).await.unwrap();
        curves.into_iter().map(|curve| curve.day).collect()
    }

    /// A night in which the only meter was read.
    async fn read_night(site: &Site, night: Day) {
        let meter = site.store.site_meters().await.unwrap()[0].meter_id;
        let report = site.run_night(night, &CancellationToken::new()).await.unwrap();
        let read = RunMeter {
            run: report.run.id,
            meter: Id::new(meter.number()),
            outcome: RunOutcome::Read,
            detail: None,
            holes: None,
        };
        let batch = Batch { outcomes: vec![read], ..Batch::default() };
        site.store.save(&batch, night.next().start()).await.unwrap();
    }

    #[tokio::test]
    async fn f33_f43_a_clock_that_runs_ahead_lets_nothing_go() {
        let today = day("2026-12-31");
        let (_folder, _manual, site) = site(today.start().plus(Duration::from_secs(3600))).await;
        let days = [today.plus(-70), today.plus(-63), today.plus(-62), today.plus(-1)];
        keep_curves(&site, &days).await;
        let kept = async || kept_curves(&site, today).await;
        let backed_up = async |at: Day| {
            let entry = AuditEntry::of_system(at.start(), "backup.make", "a.chaobiao-backup").ending("done");
            site.store.audit(&entry).await.unwrap();
        };
        // Nothing was ever read: what is kept may be all there is.
        backed_up(today).await;
        site.let_go(today).await.unwrap();
        assert_eq!(kept().await, days);
        read_night(&site, today.plus(-1)).await;
        site.store.halt_cuts(HaltKind::Clock, "it was set", today.start()).await.unwrap();
        site.let_go(today.plus(30)).await.unwrap();
        assert_eq!(kept().await, days, "nobody has said that the clock is right again");
        let approver = Acting {
            person: Id::new(1),
            account: Id::new(1),
            name: "wang".to_owned(),
            role: Role::Approver,
            role_since: Moment::from_micros(0),
            regions: Regions::All,
            source: "10.0.0.7".to_owned(),
            request: None,
        };
        site.store.lift_halt(&approver, HaltKind::Clock, today.start()).await.unwrap();
        for ahead in [365, 3650] {
            site.let_go(today.plus(ahead)).await.unwrap();
            assert_eq!(kept().await, days[2..], "{ahead} days ahead");
        }
        site.close().await;
    }

    #[tokio::test]
    async fn f43_curves_are_kept_until_they_stand_in_a_backup() {
        let today = day("2026-12-31");
        let (_folder, _manual, site) = site(today.start().plus(Duration::from_secs(3600))).await;
        let days = [today.plus(-90), today.plus(-80), today.plus(-70)];
        keep_curves(&site, &days).await;
        read_night(&site, today.plus(-1)).await;
        site.let_go(today).await.unwrap();
        assert_eq!(kept_curves(&site, today).await, days, "there is no backup");
        for (made, kept) in [(-84, 3), (-80, 2), (-72, 1), (-1, 0)] {
            let made = today.plus(made);
            let entry = AuditEntry::of_system(made.start(), "backup.make", "x").ending("failed");
            site.store.audit(&entry).await.unwrap();
            let before = kept_curves(&site, today).await;
            site.let_go(today).await.unwrap();
            assert_eq!(kept_curves(&site, today).await, before, "one that failed holds nothing");
            let entry = AuditEntry::of_system(made.start(), "backup.make", "x").ending("done");
            site.store.audit(&entry).await.unwrap();
            site.let_go(today).await.unwrap();
            assert_eq!(kept_curves(&site, today).await, days[3 - kept..], "a backup of {made}");
        }
        site.close().await;
    }
}
