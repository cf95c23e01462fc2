//! When nights are run: over clocks that are set, kills and days that go by.

use super::*;
use crate::clock::ManualClock;
use crate::config::Config;
use crate::domain::access::{Acting, Regions, Role};
use crate::domain::{
    AlarmKind, ArchiveEntry, AuditEntry, Customer, DayCurve, Fetch, Id, Item, Meter, MeterPath,
    MeterProtocol, MeteringPoint, PointRole, Quality, RunKind, RunMeter, RunOutcome, SlotValue, SlotsPerDay,
    Source,
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
    let begun = empty(now).await;
    take_in(&begun.2, now).await;
    begun
}

/// A site without an archive.
async fn empty(now: Moment) -> (tempfile::TempDir, ManualClock, Site) {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "[database]\npath = \"{}\"\n[intervals]\nkeep_days = 62\n",
        folder.path().join("site.db").display()
    );
    let config = Config::parse(&folder.path().join("amr.toml"), &text).unwrap().config;
    let manual = ManualClock::still(now);
    let site = Site::start(config, manual.clock(), 1).await.unwrap();
    (folder, manual, site)
}

async fn take_in(site: &Site, now: Moment) {
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
        let mut other = <sqlx::SqliteConnection as sqlx::Connection>::connect_with(&options).await.unwrap();
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
    let expected =
        [(AlarmKind::NightPartial, false), (AlarmKind::NightFailed, true), (AlarmKind::NightFailed, false)];
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

#[tokio::test]
async fn f38_a_night_waits_for_an_archive_that_comes_in_it() {
    let tonight = day("2026-12-30");
    let in_the_night = tonight.start().plus(Duration::from_secs(3600));
    let (_folder, manual, site) = empty(in_the_night).await;
    let stop = CancellationToken::new();
    let lived = async {
        // As long as nobody is there, no run is begun, whatever time goes by.
        for seconds in [10, 60, 600] {
            manual.set(in_the_night.plus(Duration::from_secs(seconds)));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(site.store.run_of("site", tonight, RunKind::Nightly).await.unwrap(), None);
        let later = in_the_night.plus(Duration::from_secs(700));
        take_in(&site, later).await;
        manual.set(later.plus(AGAIN));
        let run = ended(&site, tonight, later).await;
        assert_eq!(site.store.run_meters(run.id).await.unwrap().len(), 1);
        stop.cancel();
    };
    tokio::join!(site.nights(&stop), lived);
    let told: Vec<_> = alarms(&site).await.into_iter().map(|alarm| alarm.kind).collect();
    assert_eq!(told, [AlarmKind::NightPartial], "of the meter that has no line");
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
