//! What happens by the clock: a night each day, polls of slots, and room made for new days.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Site;
use crate::alarm;
use crate::collect::NightReport;
use crate::config::IntervalMode;
use crate::domain::{Day, MissingCause, Moment};
use crate::plan::{Night, night_of, night_to_come};
use crate::store::{Large, StoreError};
use crate::telemetry::with_causes;

impl Site {
    /// Runs one night after the other.
    pub(super) async fn nights(&self, stop: &CancellationToken) {
        self.until_done(stop, "ending runs that were cut off", || self.end_old_runs()).await;
        let mut last: Option<Day> = None;
        while !stop.is_cancelled() {
            let (start, deadline) = (self.config.collection.start, self.config.collection.deadline);
            let now = self.clock.now();
            let today = night_of(Day::of(now), start, deadline);
            // A night that the clock, or a machine that slept, has passed over is run by day.
            let is_passed_over = today.deadline <= now && last.is_some_and(|last| last < today.day);
            let night = if is_passed_over { today } else { night_to_come(now, start, deadline) };
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
            self.night(night, stop).await;
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

    async fn night(&self, night: Night, stop: &CancellationToken) {
        let mut failures = 0_u32;
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
            if night.is_over(self.clock.now()) {
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
            // Counted from the last day of which something was read: a clock that runs ahead lets nothing go (F33).
            let read = self.store.last_day_read(today).await?.map(Day::next);
            if let Some(read) = read {
                let keep_from = read.min(today).plus(-i64::from(days));
                self.store.let_go(Large::Intervals, keep_from).await?;
            }
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
                () = self.clock.rest(AGAIN) => {}
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::config::Config;
    use crate::domain::{
        ArchiveEntry, Customer, DayCurve, Fetch, Id, Item, Meter, MeterPath, MeterProtocol, MeteringPoint,
        PointRole, Quality, Run, RunMeter, RunOutcome, SlotValue, SlotsPerDay, Source,
    };
    use crate::store::Batch;
    use crate::store::archive::Saving;

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
            let run = site.store.run_of("site", day, crate::domain::RunKind::Nightly).await.unwrap();
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

    #[tokio::test]
    async fn f33_f43_a_clock_that_runs_ahead_lets_nothing_go() {
        let today = day("2026-12-31");
        let (_folder, _manual, site) = site(today.start().plus(Duration::from_secs(3600))).await;
        let item = Item::parse("1.8.0").unwrap();
        let meter = site.store.site_meters().await.unwrap()[0].meter_id;
        let days = [today.plus(-70), today.plus(-63), today.plus(-62), today.plus(-1)];
        for held in days {
            let value = Some(SlotValue { value: 1, quality: Quality::Good });
            let curve = DayCurve::of_values(meter, item, held, SlotsPerDay::QUARTER_HOURS, vec![value]);
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
            site.store.save(&batch, today.start()).await.unwrap();
        }
        let kept = async || {
            let curves = site.store.curves(&[meter], &[item], today.plus(-100), today).await.unwrap();
            curves.into_iter().map(|curve| curve.day).collect::<Vec<_>>()
        };
        // Nothing was ever read: what is kept may be all there is.
        site.make_room(today).await.unwrap();
        assert_eq!(kept().await, days);
        let night = today.plus(-1);
        let report = site.run_night(night, &CancellationToken::new()).await.unwrap();
        let read = RunMeter {
            run: report.run.id,
            meter: Id::new(meter.number()),
            outcome: RunOutcome::Read,
            detail: None,
            holes: None,
        };
        let batch = Batch { outcomes: vec![read], ..Batch::default() };
        site.store.save(&batch, today.start()).await.unwrap();
        for ahead in [365, 3650] {
            site.make_room(today.plus(ahead)).await.unwrap();
            assert_eq!(kept().await, days[2..], "{ahead} days ahead");
        }
        site.close().await;
    }
}
