//! Runs, and what is noted of meters beside their values.

use std::time::Duration;

use chaobiao::alarm::clocks_jumped;
use chaobiao::domain::access::{Regions, Role};
use chaobiao::domain::{
    ClockOffset, ClockSession, Id, Meter, MissingCause, Moment, Quality, Run, RunKind, RunMeter, RunOutcome,
    RunState,
};
use chaobiao::store::alarm::AlarmFilter;
use chaobiao::store::archive::Saving;
use chaobiao::store::terminal::{EventsRead, TerminalEvent};
use chaobiao::store::{
    Batch, ClocksJumped, EventCount, EventTurns, MeterEvent, Notes, RunPlan, StatusWords, Store,
};

use crate::archive::entry;
use crate::proposals::acting;
use crate::readings::{day, frozen, minutes};
use crate::{midnight, on_both};

const DAY: &str = "2026-11-22";

fn meters() -> Vec<Id<Meter>> {
    (1..=3).map(Id::new).collect()
}

fn start() -> Moment {
    midnight(DAY).plus(minutes(5))
}

async fn begin(store: &Store, now: Moment) -> Run {
    let meters = meters();
    let deadline = midnight(DAY).plus(minutes(360));
    let plan = RunPlan { scope: "site", day: day(DAY), kind: RunKind::Nightly, meters: &meters, deadline };
    store.begin_run(&plan, now).await.unwrap()
}

fn said(run: &Run, meter: i64, outcome: RunOutcome) -> RunMeter {
    RunMeter { run: run.id, meter: Id::new(meter), outcome, detail: None, holes: None }
}

async fn save(store: &Store, outcomes: Vec<RunMeter>, now: Moment) {
    store.save(&Batch { outcomes, ..Batch::default() }, now).await.unwrap();
}

async fn outcomes(store: &Store, run: &Run) -> Vec<RunOutcome> {
    store.run_meters(run.id).await.unwrap().into_iter().map(|meter| meter.outcome).collect()
}

#[tokio::test]
async fn f35_meters_that_come_later_join_the_run_of_their_day() {
    on_both(async |fresh| {
        let store = &fresh.store;
        let deadline = midnight(DAY).plus(minutes(360));
        let none = RunPlan { scope: "site", day: day(DAY), kind: RunKind::Nightly, meters: &[], deadline };
        let run = store.begin_run(&none, start()).await.unwrap();
        let ended = store.end_run(run.id, MissingCause::OutOfTime, start()).await.unwrap();
        assert_eq!((run.planned, ended), (0, RunState::Done));
        let later = begin(store, start().plus(minutes(5))).await;
        assert_eq!(
            (later.id, later.planned, later.state, later.ended_at),
            (run.id, 3, RunState::Running, None)
        );
        assert_eq!(store.newest_runs(1).await.unwrap(), std::slice::from_ref(&later));
        assert_eq!(outcomes(store, &later).await, [RunOutcome::Waiting; 3]);
        let read = (1..=3).map(|meter| said(&later, meter, RunOutcome::Read)).collect();
        save(store, read, start()).await;
        store.end_run(later.id, MissingCause::OutOfTime, start().plus(minutes(9))).await.unwrap();
        assert_eq!(begin(store, start().plus(minutes(10))).await.state, RunState::Done, "all are read");
    })
    .await;
}

#[tokio::test]
async fn f35_a_run_is_begun_once_and_goes_on_where_it_stopped() {
    on_both(async |fresh| {
        let store = &fresh.store;
        let run = begin(store, start()).await;
        assert_eq!((run.planned, run.state, run.started_at), (3, RunState::Running, start()));
        let again = begin(store, start().plus(minutes(1))).await;
        assert_eq!(again, run, "a second start is the first run");
        let silent = RunOutcome::Missing(MissingCause::Silent);
        save(store, vec![said(&run, 1, RunOutcome::Read), said(&run, 2, silent)], start()).await;
        assert_eq!(store.unfinished_runs().await.unwrap(), std::slice::from_ref(&run));
        assert_eq!(outcomes(store, &run).await, [RunOutcome::Read, silent, RunOutcome::Waiting]);
        // The same again, and another word on what was read, change nothing.
        save(store, vec![said(&run, 1, silent), said(&run, 2, silent)], start()).await;
        assert_eq!(outcomes(store, &run).await, [RunOutcome::Read, silent, RunOutcome::Waiting]);
        let ended = store.end_run(run.id, MissingCause::OutOfTime, start().plus(minutes(9))).await.unwrap();
        assert_eq!(ended, RunState::Partial);
        let late = RunOutcome::Missing(MissingCause::OutOfTime);
        assert_eq!(outcomes(store, &run).await, [RunOutcome::Read, silent, late]);
        assert!(store.unfinished_runs().await.unwrap().is_empty());
        // Somebody asks for the rest.
        let reopened = begin(store, start().plus(minutes(20))).await;
        assert_eq!((reopened.id, reopened.state, reopened.ended_at), (run.id, RunState::Running, None));
        save(store, vec![said(&run, 2, RunOutcome::Read), said(&run, 3, RunOutcome::Read)], start()).await;
        let ended = store.end_run(run.id, MissingCause::OutOfTime, start().plus(minutes(30))).await.unwrap();
        assert_eq!(ended, RunState::Done);
        let done = begin(store, start().plus(minutes(40))).await;
        assert_eq!(done.state, RunState::Done, "what is done is not begun again");
        assert_eq!(store.newest_runs(5).await.unwrap(), [done]);
    })
    .await;
}

#[tokio::test]
async fn i19_what_is_missing_answers_plain_sql_with_its_cause() {
    on_both(async |fresh| {
        let entries = [entry(1), entry(2)];
        fresh.store.save_archive(&entries, start(), Saving::Save).await.unwrap();
        let run = begin(&fresh.store, start()).await;
        let mut missing = said(&run, 1, RunOutcome::Missing(MissingCause::Silent));
        missing.detail = Some("no answer in 3 attempts".to_owned());
        missing.holes = Some((96, Some(MissingCause::Silent)));
        // Of one meter several things may be said at once.
        let both = vec![missing.clone(), said(&run, 2, RunOutcome::Waiting), said(&run, 2, RunOutcome::Read)];
        save(&fresh.store, both, start()).await;
        let held = fresh.store.run_meters(run.id).await.unwrap();
        assert_eq!(held[0], missing);
        assert_eq!(held[1].outcome, RunOutcome::Read);
        let seen = fresh
            .texts("SELECT day || ' ' || meter_address || ' ' || cause || ', ' || detail FROM missing_read")
            .await;
        assert_eq!(seen.len(), 1, "{seen:?}");
        assert!(seen[0].starts_with("2026-11-22 "), "{seen:?}");
        assert!(seen[0].ends_with(" silent, no answer in 3 attempts"), "{seen:?}");
    })
    .await;
}

#[tokio::test]
async fn i04_every_version_leads_to_its_frames_and_its_run() {
    on_both(async |fresh| {
        let entries = [entry(1)];
        fresh.store.save_archive(&entries, start(), Saving::Save).await.unwrap();
        let run = begin(&fresh.store, start()).await;
        let mut batch = frozen(fresh, 1, 5, Quality::Good);
        batch.fetches.iter_mut().for_each(|fetch| fetch.run = Some(run.id));
        fresh.store.save(&batch, start()).await.unwrap();
        let fetches = fresh.store.fetches(Id::new(1), midnight("2026-11-21"), start()).await.unwrap();
        assert_eq!(fetches, batch.fetches);
        let said = "SELECT item || ' ' || substr(CAST(as_of AS text), 1, 10) || ' v' || version || ' ' || source || ' ' || frames || ' ' || run_day \
            FROM register_lineage";
        assert_eq!(fresh.texts(said).await, ["1-0:1.8.0 2026-11-21 v1 freeze 6816 2026-11-22"]);
    })
    .await;
}

#[tokio::test]
async fn f14_what_a_person_has_confirmed_is_what_the_last_session_before_showed() {
    on_both(async |fresh| {
        let store = &fresh.store;
        let hours = |count: u64| start().plus(minutes(60 * count));
        let offset = |at, fast_us| ClockOffset { at, fast_us, uncertainty: Duration::from_millis(620) };
        let sessions =
            [(1, hours(1), 5), (1, hours(30), 6), (1, hours(41), 7), (2, hours(1), 8), (3, hours(40), 9)];
        let doubted = sessions.map(|(meter, at, fast)| (Id::new(meter), offset(at, fast)));
        let notes = Notes { doubted_clocks: doubted.to_vec(), ..Notes::default() };
        store.save(&Batch { notes, ..Batch::default() }, start()).await.unwrap();
        let meters = [1, 2, 3].map(Id::new);
        assert!(store.confirmed_clocks(&meters).await.unwrap().is_empty());
        let by = acting(1, Role::Operator);
        store.confirm_clock(&by, "of two", hours(40)).await.unwrap();
        let confirmed = store.confirmed_clocks(&meters).await.unwrap();
        let expected = [(Id::new(1), offset(hours(30), 6)), (Id::new(3), offset(hours(40), 9))];
        assert_eq!(confirmed, expected.into_iter().collect(), "not what is behind it, nor long before");
        let noted = store.audit_after(0, 100).await.unwrap();
        assert!(noted.iter().any(|entry| entry.action == "clock.confirm" && entry.actor == by.name));
        assert_eq!(store.doubted_clocks(hours(100)).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn f14_f33_sessions_from_before_our_clock_was_set_are_not_confirmed() {
    on_both(async |fresh| {
        let store = &fresh.store;
        let hours = |count: u64| start().plus(minutes(60 * count));
        let offset = |at, fast_us| ClockOffset { at, fast_us, uncertainty: Duration::from_millis(620) };
        let by = acting(1, Role::Operator);
        store.save_archive(&[entry(1)], start(), Saving::Save).await.unwrap();
        let one = store.site_meters().await.unwrap()[0].meter_id;
        let keep = async |at| {
            let notes = Notes { doubted_clocks: vec![(one, offset(at, 5))], ..Notes::default() };
            store.save(&Batch { notes, ..Batch::default() }, at).await.unwrap();
        };
        let confirmed = async |now| {
            let listed = store.doubted_clocks(now).await.unwrap().len();
            store.confirm_clock(&by, "", now).await.unwrap();
            let confirmed = store.confirmed_clocks(&[one]).await.unwrap().remove(&one);
            assert_eq!(listed, usize::from(confirmed.is_some()), "what is listed is what is confirmed");
            confirmed.map(|offset| offset.at)
        };
        keep(hours(1)).await;
        assert_eq!(confirmed(hours(2)).await, Some(hours(1)));
        // Set ahead by ten hours, and back by two.
        store.follow_clock(10 * 3_600_000_000, hours(13)).await.unwrap();
        assert_eq!(confirmed(hours(14)).await, None);
        keep(hours(15)).await;
        assert_eq!(confirmed(hours(16)).await, Some(hours(15)));
        // The session at 15 was dated by the clock that showed 16, set back to 14.
        store.follow_clock(-2 * 3_600_000_000, hours(14)).await.unwrap();
        assert_eq!(confirmed(hours(17)).await, None);
        keep(hours(14).plus(minutes(5))).await;
        assert_eq!(
            confirmed(hours(18)).await,
            Some(hours(14).plus(minutes(5))),
            "both clocks showed that hour"
        );
    })
    .await;
}

#[tokio::test]
async fn f14_the_clock_of_a_meter_is_kept_for_each_session() {
    on_both(async |fresh| {
        let store = &fresh.store;
        let offset = |at: u64, fast_us| ClockOffset {
            at: start().plus(minutes(at)),
            fast_us,
            uncertainty: Duration::from_millis(620),
        };
        let of = |meter: i64, offsets: &[ClockOffset]| {
            offsets.iter().map(|offset| (Id::new(meter), *offset)).collect::<Vec<_>>()
        };
        let clocks =
            [of(1, &[offset(0, -5_000_000), offset(10, -6_000_000)]), of(2, &[offset(5, 1)])].concat();
        let batch = Batch { notes: Notes { clocks, ..Notes::default() }, ..Batch::default() };
        store.save(&batch, start()).await.unwrap();
        store.save(&batch, start()).await.unwrap();
        assert_eq!(
            store.clocks_of(Id::new(1)).await.unwrap(),
            [offset(0, -5_000_000), offset(10, -6_000_000)]
                .map(|offset| ClockSession { offset, is_doubted: false })
        );
        let since = store.clocks_since(&meters(), start().plus(minutes(6))).await.unwrap();
        assert_eq!(since.len(), 2);
        assert_eq!(since[&Id::new(1)], [offset(0, -5_000_000), offset(10, -6_000_000)]);
        assert_eq!(since[&Id::new(2)], [offset(5, 1)]);
        let since = store.clocks_since(&meters(), start().plus(minutes(11))).await.unwrap();
        assert_eq!(since[&Id::new(1)], [offset(10, -6_000_000)], "the last one before, and none since");
        let since = store.clocks_since(&meters(), start()).await.unwrap();
        assert_eq!((since[&Id::new(1)].len(), since[&Id::new(2)].len()), (2, 1), "none before");
        // What was measured while our own clock was in doubt is of no session that counts.
        let notes =
            Notes { doubted_clocks: of(1, &[offset(5, 900_000_000), offset(12, 0)]), ..Notes::default() };
        store.save(&Batch { notes, ..Batch::default() }, start()).await.unwrap();
        let since = store.clocks_since(&meters(), start().plus(minutes(11))).await.unwrap();
        assert_eq!(since[&Id::new(1)], [offset(10, -6_000_000)]);
        let since = store.clocks_since(&meters(), start().plus(minutes(6))).await.unwrap();
        assert_eq!(since[&Id::new(1)], [offset(0, -5_000_000), offset(10, -6_000_000)]);
        let kept = store.clocks_of(Id::new(1)).await.unwrap();
        let doubted: Vec<_> = kept.iter().map(|session| session.is_doubted).collect();
        assert_eq!(doubted, [false, true, false, true]);
        let changed = fresh.run("UPDATE clock_ledger SET fast_us = 0").await.unwrap_err();
        assert!(changed.to_string().contains("is not changed"), "{changed}");
    })
    .await;
}

#[tokio::test]
async fn t06_the_clocks_of_many_meters_of_a_line_that_jump_together_are_told_of() {
    on_both(async |fresh| {
        let store = &fresh.store;
        let entries: Vec<_> = (1..=14).map(entry).collect();
        store.save_archive(&entries, start(), Saving::Confirmed).await.unwrap();
        let sites = store.site_meters().await.unwrap();
        let (meters, line) = (sites.iter().map(|site| site.meter_id), sites[0].meter.path.line().clone());
        let meters: Vec<Id<Meter>> = meters.collect();
        let deadline = midnight(DAY).plus(minutes(360));
        let plan =
            RunPlan { scope: "site", day: day(DAY), kind: RunKind::Nightly, meters: &meters, deadline };
        let run = store.begin_run(&plan, start()).await.unwrap();
        let noted = async |of: &[Id<Meter>], at: Moment, fast_us: i64| {
            let offset = ClockOffset { at, fast_us, uncertainty: Duration::from_millis(600) };
            let clocks = of.iter().map(|meter| (*meter, offset)).collect();
            let batch = Batch { notes: Notes { clocks, ..Notes::default() }, ..Batch::default() };
            store.save(&batch, at).await.unwrap();
        };
        // Of the last nobody knows how it was before.
        noted(&meters[..13], midnight(DAY).minus(Duration::from_secs(86_000)), 2_000_000).await;
        noted(&meters[..11], start().plus(minutes(1)), 242_000_000).await;
        noted(&meters[11..], start().plus(minutes(1)), -3_000_000).await;
        let at = (run.id, run.started_at);
        let found = store.clocks_that_jumped(at, Duration::from_secs(60), 10).await.unwrap();
        assert_eq!(found, [ClocksJumped { line, meters: 11, by_us: (240_000_000, 240_000_000) }]);
        assert_eq!(store.clocks_that_jumped(at, Duration::from_secs(60), 11).await.unwrap(), []);
        assert_eq!(store.clocks_that_jumped(at, Duration::from_secs(240), 10).await.unwrap(), []);
        clocks_jumped(store, &run, start()).await.unwrap();
        let told = store.alarms(&AlarmFilter::default(), &Regions::All, i64::MAX, 10).await.unwrap();
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].detail, format!("{DAY}: 11 meters, by +240 to +240 s"));
    })
    .await;
}

#[tokio::test]
async fn an_event_is_kept_once_and_the_newest_words_of_a_day_count() {
    on_both(async |fresh| {
        let store = &fresh.store;
        let meter = Id::new(1);
        let event = |began: &str| MeterEvent {
            meter,
            kind: "03110000".to_owned(),
            began: began.to_owned(),
            record: "{}".to_owned(),
            collected_at: start(),
        };
        let words = |words: &str, at| StatusWords {
            meter,
            day: day(DAY),
            words: words.to_owned(),
            collected_at: start().plus(minutes(at)),
        };
        let count = |count, at| EventCount {
            meter,
            kind: "03110000".to_owned(),
            count,
            at: start().plus(minutes(at)),
        };
        let notes = Notes {
            status_words: vec![words("{\"04000501\":\"0000\"}", 0), words("{\"04000501\":\"0010\"}", 1)],
            event_counts: vec![count(1, 0), count(2, 1)],
            events: vec![event("2026-11-20 10:00:00"), event("2026-11-21 10:00:00")],
            ..Notes::default()
        };
        for _ in 0..2 {
            store.save(&Batch { notes: notes.clone(), ..Batch::default() }, start()).await.unwrap();
        }
        assert_eq!(
            store.events_of(meter).await.unwrap(),
            [event("2026-11-21 10:00:00"), event("2026-11-20 10:00:00")]
        );
        assert_eq!(store.status_words_of(meter).await.unwrap(), Some(words("{\"04000501\":\"0010\"}", 1)));
        let counts = store.event_counts(&[meter]).await.unwrap();
        assert_eq!(counts[&(meter, "03110000".to_owned())], 2);
    })
    .await;
}

#[tokio::test]
async fn whose_turn_it_is_to_be_asked_for_events_is_known_with_what_was_told_since() {
    on_both(async |fresh| {
        let store = &fresh.store;
        let entries = [entry(1), entry(2), entry(3)];
        store.save_archive(&entries, start(), Saving::Save).await.unwrap();
        let (one, two) = (Id::new(1), Id::new(2));
        let told = |place, meter: Id<Meter>, code, at| TerminalEvent {
            place,
            code,
            meter: Some(meter),
            began: None,
            body: format!("{place:02X}"),
            record: "{}".to_owned(),
            collected_at: start().plus(minutes(at)),
        };
        let keep = async |event_turns: Vec<(Id<Meter>, Moment)>, events: Vec<TerminalEvent>| {
            let terminal = "1100-3039".parse().unwrap();
            let mut notes = Notes { event_turns, ..Notes::default() };
            notes.terminals.events.push(EventsRead { terminal, important: true, read_to: None, events });
            store.save(&Batch { notes, ..Batch::default() }, start()).await.unwrap();
        };
        assert_eq!(store.event_turns(&meters(), &[37]).await.unwrap(), EventTurns::default());
        keep(Vec::new(), vec![told(1, one, 37, 1), told(2, two, 24, 1)]).await;
        let turns = store.event_turns(&meters(), &[8, 37]).await.unwrap();
        assert_eq!((turns.asked.len(), turns.changed), (0, [one].into()), "24 says nothing of its events");
        let (early, late) = (start().plus(minutes(2)), start().plus(minutes(3)));
        keep(vec![(one, late), (one, early), (two, early)], Vec::new()).await;
        keep(vec![(one, early)], Vec::new()).await;
        let turns = store.event_turns(&meters(), &[8, 37]).await.unwrap();
        assert_eq!((turns.asked, turns.changed.len()), ([(one, late), (two, early)].into(), 0));
        keep(Vec::new(), vec![told(3, two, 8, 4)]).await;
        let turns = store.event_turns(&[two], &[8, 37]).await.unwrap();
        assert_eq!((turns.asked, turns.changed), ([(two, early)].into(), [two].into()));
    })
    .await;
}

#[tokio::test]
async fn f22_what_is_dropped_half_way_leaves_no_connection_unfit_to_write() {
    on_both(async |fresh| {
        let store = &fresh.store;
        let run = begin(store, start()).await;
        for number in 0..300 {
            // Dropped a little later each time.
            let patience = async {
                for _ in 0..number % 30 {
                    tokio::task::yield_now().await;
                }
            };
            tokio::select! { biased; _ = store.run_meters(run.id) => {} () = patience => {} }
            let told = RunOutcome::Missing(MissingCause::Silent);
            save(store, vec![said(&run, 1 + number % 3, told)], start()).await;
        }
    })
    .await;
}
