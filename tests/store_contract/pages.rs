//! What pages show: lists over several tables, within the regions of whoever asks.

use chaobiao::billing::{Rules, settle_due};
use chaobiao::domain::access::Regions;
use chaobiao::domain::{
    ArchiveEntry, BillingKind, Id, MeterPath, MissingCause, Moment, PointRole, Quality, RegisterReading, Run,
    RunKind, RunMeter, RunOutcome, Suspicion, Transformers,
};
use chaobiao::store::archive::{Exchange, Saving};
use chaobiao::store::billing::OutboxState;
use chaobiao::store::view::{EventsAsked, Flow, MeterSheet, MeterSort, MetersAsked, PushPlace, PushesSeen};
use chaobiao::store::{Batch, EventCount, MeterEvent, Notes, RunPlan};

use crate::archive::{entry, meter};
use crate::billing::{freeze, item, push, rules, save, settle};
use crate::readings::{day, frozen, minutes};
use crate::{Fresh, midnight, on_both};

const DAY: &str = "2026-11-22";

/// Six meters on two lines: 1 to 3 in the area of `entry`, 4 and 5 in a second one, 6 in none and behind a terminal.
async fn town(fresh: &Fresh) {
    let mut entries: Vec<ArchiveEntry> = (1..=6).map(entry).collect();
    for (number, entry) in (1..).zip(&mut entries) {
        if number > 3 {
            entry.point.area = (number < 6).then(|| "台区二%_".to_owned());
            entry.feeder = entry.point.area.as_ref().map(|_| "F20".to_owned());
            entry.meter.path = MeterPath::Line { line: "L2".to_owned(), baud: None, parity: None };
        }
    }
    let ct = "200/5".parse().unwrap();
    entries[1].transformers = Some(Transformers { ct, ..Transformers::NONE });
    entries[0].point.role = PointRole::AreaCheck;
    entries[4].point.protection = Some("医院".to_owned());
    entries[4].is_unprotected = false;
    entries[5].meter.path = MeterPath::Terminal {
        terminal: "1100-3039".to_owned(),
        measuring_point: 7,
        port: None,
        baud: None,
        parity: None,
    };
    fresh.store.save_archive(&entries, midnight("2026-11-01"), Saving::Confirmed).await.unwrap();
}

async fn region(fresh: &Fresh, area: &str) -> Regions {
    let ids =
        fresh.texts(&format!("SELECT CAST(id AS text) FROM transformer_area WHERE name = '{area}'")).await;
    Regions::Areas(ids.iter().map(|id| Id::new(id.parse().unwrap())).collect())
}

async fn found(fresh: &Fresh, asked: &MetersAsked<'_>, regions: &Regions) -> Vec<String> {
    let lines = fresh.store.meter_lines(asked, regions).await.unwrap();
    lines.iter().map(|line| line.address.trim_start_matches('0').to_owned()).collect()
}

fn all<'a>(words: &'a str) -> MetersAsked<'a> {
    MetersAsked {
        words,
        with_customers: true,
        sort: (MeterSort::Address, false),
        after: None,
        at_most: 50,
        now: midnight(DAY),
    }
}

#[tokio::test]
async fn meters_are_found_by_what_people_know_of_them() {
    on_both(async |fresh| {
        town(fresh).await;
        for (words, expected) in [
            ("", "1 2 3 4 5 6"),
            ("00004", "4"),
            ("a5", "5"),
            ("P2", "2"),
            ("客户3", "3"),
            (" 台区二 ", "4 5"),
            ("二%", "4 5"),
            ("%", "4 5"),
            ("_", "4 5"),
            ("!", ""),
            ("'; DROP TABLE meter; --", ""),
            ("\0", "1 2 3 4 5 6"),
        ] {
            assert_eq!(found(fresh, &all(words), &Regions::All).await.join(" "), expected, "{words}");
        }
        let unnamed = MetersAsked { with_customers: false, ..all("客户3") };
        assert!(
            found(fresh, &unnamed, &Regions::All).await.is_empty(),
            "whose it is, is not told by searching"
        );
    })
    .await;
}

#[tokio::test]
async fn what_has_a_case_beyond_latin_letters_is_found_as_it_is_written_alike_on_both() {
    on_both(async |fresh| {
        let mut block = entry(1);
        block.point.area = Some("Ａ座Éa2".to_owned());
        fresh.store.save_archive(&[block, entry(2)], midnight("2026-11-01"), Saving::Save).await.unwrap();
        for (words, expected) in
            [("Ａ座", "1"), ("ａ座", ""), ("座É", "1"), ("座é", ""), ("éA2", ""), ("ÉA2", "1"), ("Éa2", "1")]
        {
            assert_eq!(found(fresh, &all(words), &Regions::All).await.join(" "), expected, "{words}");
        }
    })
    .await;
}

#[tokio::test]
async fn t16_a_region_holds_its_own_meters_and_no_others() {
    on_both(async |fresh| {
        town(fresh).await;
        let second = region(fresh, "台区二%_").await;
        assert_eq!(found(fresh, &all(""), &second).await, ["4", "5"]);
        assert!(found(fresh, &all(""), &Regions::Areas(vec![])).await.is_empty());
        let sheet = async |number: u32, regions: &Regions| {
            let address = meter(number).address.to_string();
            fresh.store.meter_sheet(&address, regions, midnight(DAY)).await.unwrap()
        };
        assert!(sheet(1, &second).await.is_none() && sheet(6, &second).await.is_none());
        let five = sheet(5, &second).await.unwrap();
        assert_eq!((five.protection.as_deref(), five.feeder.as_deref()), (Some("医院"), Some("F20")));
        assert!(five.line.is_protected && five.area.is_some_and(|area| second.hold(Some(area))));
        let six = sheet(6, &Regions::All).await.unwrap();
        assert_eq!(
            (six.line.line.as_deref(), six.measuring_point, six.area),
            (Some("1100-3039"), Some(7), None)
        );
        assert!(
            fresh.store.meter_sheet("x' OR '1'='1", &Regions::All, midnight(DAY)).await.unwrap().is_none()
        );
    })
    .await;
}

#[tokio::test]
async fn pages_of_meters_meet_without_gap_or_doubling_however_they_are_sorted() {
    on_both(async |fresh| {
        town(fresh).await;
        let sorts = [
            MeterSort::Address,
            MeterSort::Asset,
            MeterSort::Point,
            MeterSort::Customer,
            MeterSort::Area,
            MeterSort::Line,
        ];
        for sort in sorts {
            for is_falling in [false, true] {
                let whole =
                    found(fresh, &MetersAsked { sort: (sort, is_falling), ..all("") }, &Regions::All).await;
                assert_eq!(whole.len(), 6);
                let (mut pieces, mut after) = (Vec::new(), None);
                loop {
                    let asked = MetersAsked { sort: (sort, is_falling), after, at_most: 2, ..all("") };
                    let lines = fresh.store.meter_lines(&asked, &Regions::All).await.unwrap();
                    let Some(last) = lines.last() else { break };
                    after = Some(last.place.clone());
                    pieces.extend(lines.iter().map(|line| line.address.trim_start_matches('0').to_owned()));
                }
                assert_eq!(pieces, whole, "{sort:?} {is_falling}");
            }
        }
        let by_area = MetersAsked { sort: (MeterSort::Area, true), ..all("") };
        assert_eq!(found(fresh, &by_area, &Regions::All).await, ["5", "4", "3", "2", "1", "6"]);
        let counted = fresh.store.meters_by_line(&Regions::All).await.unwrap();
        let counted: Vec<_> = counted.iter().map(|(name, is, count)| (name.as_str(), *is, *count)).collect();
        assert_eq!(counted, [("1100-3039", true, 1), ("L1", false, 3), ("L2", false, 2)]);
        let second = region(fresh, "台区二%_").await;
        let counted = fresh.store.meters_by_line(&second).await.unwrap();
        assert_eq!(counted, [("L2".to_owned(), false, 2)]);
        assert!(fresh.store.meters_by_line(&Regions::Areas(vec![])).await.unwrap().is_empty());
    })
    .await;
}

async fn sheet(fresh: &Fresh, number: u32) -> MeterSheet {
    let address = meter(number).address.to_string();
    fresh.store.meter_sheet(&address, &Regions::All, midnight(DAY)).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_sheet_tells_where_a_meter_was_and_behind_what() {
    on_both(async |fresh| {
        town(fresh).await;
        let at = midnight("2026-11-10");
        let point = sheet(fresh, 2).await.point.unwrap();
        let exchange = Exchange { point, removed: meter(2).address, installed: meter(9), at };
        fresh.store.exchange_meter(&exchange).await.unwrap();
        let (old, new) = (sheet(fresh, 2).await, sheet(fresh, 9).await);
        assert_eq!((old.line.point.as_deref(), old.stays[0].until), (None, Some(at)));
        assert_eq!((new.line.point.as_deref(), new.stays[0].from), (Some("P2"), at));
        assert_eq!(new.stays[0].multiplier, Some((4000, "200/5".to_owned(), "1".to_owned())));
    })
    .await;
}

#[tokio::test]
async fn t16_a_meter_that_was_elsewhere_is_seen_as_long_as_it_was_here() {
    on_both(async |fresh| {
        town(fresh).await;
        let second = region(fresh, "台区二%_").await;
        let at = midnight("2026-11-10");
        // The meter of the second point goes to the fourth, in the other area.
        for (from, removed, installed) in [(2, 2, 9), (4, 4, 2)] {
            let point = sheet(fresh, from).await.point.unwrap();
            let exchange =
                Exchange { point, removed: meter(removed).address, installed: meter(installed), at };
            fresh.store.exchange_meter(&exchange).await.unwrap();
        }
        let address = meter(2).address.to_string();
        let seen = async |regions: &Regions| {
            fresh.store.meter_sheet(&address, regions, midnight(DAY)).await.unwrap().unwrap()
        };
        let (whole, part) = (seen(&Regions::All).await, seen(&second).await);
        let points =
            |sheet: &MeterSheet| sheet.stays.iter().map(|stay| stay.point.clone()).collect::<Vec<_>>();
        assert_eq!(
            (points(&whole), points(&part)),
            (vec!["P4".to_owned(), "P2".to_owned()], vec!["P4".to_owned()])
        );
        let before = at.minus(minutes(1));
        assert!(whole.within.holds(before) && part.within.holds(at) && !part.within.holds(before));
        for (began, is_told) in [
            ("2026-11-10 00:00:00", true),
            ("2026-11-09 23:59:59", false),
            ("2026-11-10 00:00", false),
            ("", false),
            ("2026-13-45 00:00:00", false),
        ] {
            assert_eq!(part.within.holds_event(midnight(DAY), began), is_told, "{began}");
            assert!(whole.within.holds_event(midnight(DAY), began), "{began}");
        }
        assert!(!part.within.holds_event(before, "2026-11-10 00:00:00"));
        // One that was never elsewhere tells all, whatever its clock said.
        let address = meter(5).address.to_string();
        let stayed = fresh.store.meter_sheet(&address, &second, midnight(DAY)).await.unwrap().unwrap();
        assert!(stayed.within.holds_event(midnight("2025-01-01"), "2000-00-00 00:00:00"));
        let event = |meter, began: &str, collected: &str| MeterEvent {
            meter: Id::new(meter),
            kind: "03110000".to_owned(),
            began: began.to_owned(),
            record: "[]".to_owned(),
            collected_at: midnight(collected),
        };
        let events = vec![
            event(2, "2026-11-09 12:00:00", "2026-11-10"),
            event(2, "2026-11-11 12:00:00", "2026-11-12"),
            event(5, "2026-10-01 12:00:00", "2026-11-12"),
        ];
        let notes = Notes { events, ..Notes::default() };
        fresh.store.save(&Batch { notes, ..Batch::default() }, midnight(DAY)).await.unwrap();
        for words in ["", "台区"] {
            let asked = EventsAsked { words, at_most: 10, ..EventsAsked::default() };
            let listed = async |regions: &Regions| {
                let lines = fresh.store.event_lines(&asked, regions).await.unwrap();
                lines.into_iter().map(|line| line.place.began).collect::<Vec<_>>()
            };
            assert_eq!(listed(&Regions::All).await.len(), 3, "{words}");
            assert_eq!(listed(&second).await, ["2026-10-01 12:00:00", "2026-11-11 12:00:00"], "{words}");
        }
    })
    .await;
}

async fn run(fresh: &Fresh) -> Run {
    let meters: Vec<_> = (1..=6).map(Id::new).collect();
    let deadline = midnight(DAY).plus(minutes(360));
    let plan = RunPlan { scope: "site", day: day(DAY), kind: RunKind::Nightly, meters: &meters, deadline };
    let now = midnight(DAY).plus(minutes(5));
    let run = fresh.store.begin_run(&plan, now).await.unwrap();
    let said = |meter, outcome, holes| RunMeter {
        run: run.id,
        meter: Id::new(meter),
        outcome,
        detail: Some("<b>".to_owned()),
        holes,
    };
    let silent = RunOutcome::Missing(MissingCause::Silent);
    let outcomes = vec![
        said(1, RunOutcome::Read, Some((0, None))),
        said(2, RunOutcome::Read, Some((3, Some(MissingCause::NoSuchData)))),
        said(4, silent, None),
        said(6, RunOutcome::Missing(MissingCause::LineDown), None),
    ];
    fresh.store.save(&Batch { outcomes, ..Batch::default() }, now).await.unwrap();
    run
}

#[tokio::test]
async fn i19_a_night_is_told_by_area_line_and_cause() {
    on_both(async |fresh| {
        town(fresh).await;
        let run = run(fresh).await;
        let groups = fresh.store.night_groups(run.id, &Regions::All).await.unwrap();
        assert_eq!(groups.iter().map(|group| group.meters).sum::<u64>(), 6);
        assert_eq!(groups.iter().filter(|group| group.is_read).map(|group| group.holes).sum::<u64>(), 3);
        let second = region(fresh, "台区二%_").await;
        let groups = fresh.store.night_groups(run.id, &second).await.unwrap();
        let told: Vec<_> =
            groups.iter().map(|group| (group.line.as_deref(), group.cause, group.meters)).collect();
        assert_eq!(told, [(Some("L2"), None, 1), (Some("L2"), Some(MissingCause::Silent), 1)]);
        let same = fresh.store.run_with(run.id).await.unwrap();
        assert_eq!(same.map(|same| (same.id, same.day)), Some((run.id, run.day)));
        assert!(fresh.store.run_with(Id::new(1)).await.unwrap().is_none());
        let planned = fresh.store.planned_within(&[run.id, Id::new(1)], &second).await.unwrap().unwrap();
        assert_eq!(planned.into_iter().collect::<Vec<_>>(), [(run.id, 2)]);
        assert_eq!(fresh.store.planned_within(&[run.id], &Regions::All).await.unwrap(), None);
        let missing = fresh.store.missing_lines(run.id, &Regions::All, 10).await.unwrap();
        let told: Vec<_> =
            missing.iter().map(|line| (line.point.as_deref(), line.cause, line.line.as_deref())).collect();
        let down = (Some("P6"), MissingCause::LineDown, Some("1100-3039"));
        assert_eq!(told, [down, (Some("P4"), MissingCause::Silent, Some("L2"))]);
        assert_eq!(missing[1].customer, Some(("C4".to_owned(), "客户4".to_owned())));
        assert_eq!(fresh.store.missing_lines(run.id, &second, 10).await.unwrap().len(), 1);
        assert_eq!(fresh.store.missing_lines(run.id, &Regions::All, 1).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn pushes_are_counted_and_listed_by_state() {
    on_both(async |fresh| {
        town(fresh).await;
        let (first, second) = (midnight("2026-11-21"), midnight(DAY));
        let now = second.plus(minutes(20));
        let readings: Vec<RegisterReading> = (1..=5)
            .flat_map(|meter| [freeze(meter, first, 1000), freeze(meter, second, 1000 + meter)])
            .collect();
        save(&fresh.store, &readings, now).await;
        settle(&fresh.store, now).await;
        let counts = fresh.store.push_counts(day(DAY), &PushesSeen::of(&Regions::All)).await.unwrap();
        assert_eq!((counts.len(), counts[0].state, counts[0].count), (1, OutboxState::Waiting, 15));
        push(&fresh.store, now).await;
        let counts = fresh.store.push_counts(day(DAY), &PushesSeen::of(&Regions::All)).await.unwrap();
        let told: Vec<_> = counts.iter().map(|count| (count.state, count.count)).collect();
        assert_eq!(told, [(OutboxState::Delivered, 5)], "registers of its beginning; it has no use yet");
        let counts =
            fresh.store.push_counts(day("2026-11-21"), &PushesSeen::of(&Regions::All)).await.unwrap();
        assert_eq!(
            (counts.len(), counts[0].count),
            (1, 10),
            "registers, and the use of the day: what is listed"
        );
        let list = async |state, words: &str, after: Option<&PushPlace>, at_most| {
            let which = (day("2026-11-21"), state);
            fresh.store.pushes(which, words, after, &PushesSeen::of(&Regions::All), at_most).await.unwrap()
        };
        let whole = list(None, "", None, 50).await;
        assert_eq!(whole.len(), 10);
        assert!(list(Some(OutboxState::Parked), "", None, 50).await.is_empty());
        let of_three = list(Some(OutboxState::Delivered), "p3", None, 50).await;
        let used = of_three.iter().find(|push| push.kind == BillingKind::Consumption).unwrap();
        assert_eq!(used.value, Some((300, Quality::Good)));
        let mut pieces = list(None, "", None, 4).await;
        while let [.., last] = pieces.as_slice()
            && pieces.len() < 10
        {
            let place = last.place.clone();
            pieces.extend(list(None, "", Some(&place), 4).await);
        }
        assert_eq!(pieces, whole);
        let region = region(fresh, "台区二%_").await;
        let which = (day("2026-11-21"), None);
        let within = PushesSeen::of(&region);
        assert_eq!(fresh.store.pushes(which, "", None, &within, 50).await.unwrap().len(), 4);
        let counts = fresh.store.push_counts(day("2026-11-21"), &within).await.unwrap();
        assert_eq!((counts.len(), counts[0].state, counts[0].count), (1, OutboxState::Delivered, 4));
        for (names, pushes) in
            [(vec!["ledger"], 10), (vec!["x", "ledger"], 10), (vec!["ledge_", "ledge", "x"], 0), (vec![], 0)]
        {
            let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
            let own = PushesSeen { regions: &Regions::All, receivers: Some(&names) };
            for words in ["", "p"] {
                assert_eq!(
                    fresh.store.pushes(which, words, None, &own, 50).await.unwrap().len(),
                    pushes,
                    "{names:?}"
                );
            }
            let counts = fresh.store.push_counts(day("2026-11-21"), &own).await.unwrap();
            assert_eq!(counts.len(), usize::from(pushes > 0), "{names:?}");
        }
        let without =
            fresh.store.points_without_consumption(day("2026-11-21"), &Regions::All, 9).await.unwrap();
        assert_eq!(without, ["P6"]);
        let without = fresh.store.points_without_consumption(day(DAY), &region, 9).await.unwrap();
        assert_eq!(without, ["P4", "P5"]);
    })
    .await;
}

#[tokio::test]
async fn the_review_queue_shows_both_values() {
    on_both(async |fresh| {
        town(fresh).await;
        let now = midnight(DAY).plus(minutes(20));
        let suspect = RegisterReading {
            value: 5,
            quality: Quality::Suspect(Suspicion::BackwardStep),
            ..freeze(4, midnight(DAY), 0)
        };
        save(&fresh.store, &[freeze(4, midnight(DAY), 1000)], now).await;
        save(&fresh.store, &[suspect], now).await;
        let queue = fresh.store.review_lines(&Regions::All, 10).await.unwrap();
        assert_eq!(queue.len(), 1);
        assert_eq!(
            (queue[0].value, queue[0].current, queue[0].point.as_deref()),
            (5, Some(1000), Some("P4"))
        );
        let first = region(fresh, "台区一").await;
        assert!(fresh.store.review_lines(&first, 10).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn events_are_told_the_last_first_and_page_by_page() {
    on_both(async |fresh| {
        town(fresh).await;
        let at = |number: u64| midnight(DAY).plus(minutes(number));
        let event = |meter: i64, kind: &str, began: &str, collected_at: Moment| MeterEvent {
            meter: Id::new(meter),
            kind: kind.to_owned(),
            began: began.to_owned(),
            record: "{\"values\":[]}".to_owned(),
            collected_at,
        };
        let events = vec![
            event(1, "03110000", "2026-11-21 10:00:00", at(5)),
            event(4, "03300D00", "2026-11-21 11:00:00", at(5)),
            event(4, "03110000", "2026-11-21 12:00:00", at(7)),
        ];
        let count = |kind: &str| EventCount { meter: Id::new(4), kind: kind.to_owned(), count: 1, at: at(7) };
        let event_counts = vec![count("03110000"), count("03300D00")];
        let notes = Notes { events, event_counts, ..Notes::default() };
        fresh.store.save(&Batch { notes, ..Batch::default() }, at(7)).await.unwrap();
        let (mut told, mut after) = (Vec::new(), None);
        loop {
            let asked = EventsAsked { after, at_most: 1, ..EventsAsked::default() };
            let lines = fresh.store.event_lines(&asked, &Regions::All).await.unwrap();
            let Some(last) = lines.last() else { break };
            told.push((last.point.clone().unwrap(), last.place.began.clone()));
            after = Some(last.place.clone());
        }
        let point = |point: &str, began: &str| (point.to_owned(), format!("2026-11-21 {began}"));
        assert_eq!(told, [point("P4", "12:00:00"), point("P4", "11:00:00"), point("P1", "10:00:00")]);
        let asked = EventsAsked { words: "二", kind: Some("03110000"), after: None, at_most: 9 };
        let lines = fresh.store.event_lines(&asked, &Regions::All).await.unwrap();
        assert_eq!(lines.len(), 1);
        let first = region(fresh, "台区一").await;
        assert!(fresh.store.event_lines(&asked, &first).await.unwrap().is_empty());
        assert_eq!(fresh.store.event_kinds().await.unwrap(), ["03110000", "03300D00"]);
    })
    .await;
}

#[tokio::test]
async fn the_flow_of_an_area_says_how_much_of_it_is_known() {
    on_both(async |fresh| {
        town(fresh).await;
        let (first, second) = (midnight("2026-11-21"), midnight(DAY));
        let now = second.plus(minutes(20));
        let reverse = |at, value| RegisterReading { item: item("2.8.0"), ..freeze(2, at, value) };
        let readings = [
            freeze(1, first, 0),
            freeze(1, second, 500),
            freeze(2, first, 0),
            freeze(2, second, 200),
            reverse(first, 10),
            reverse(second, 15),
        ];
        save(&fresh.store, &readings, now).await;
        let rules = Rules { items: vec![item("1.8.0"), item("2.8.0")], ..rules() };
        settle_due(&fresh.store, &rules, now).await.unwrap();
        let flows =
            fresh.store.area_flows((day("2026-11-21"), day("2026-11-21")), &Regions::All).await.unwrap();
        assert_eq!(flows.len(), 1, "the second area has no check meter");
        let flow = |points, known, forward, reverse| Flow { points, known, forward, reverse };
        assert_eq!(flows[0].check, flow(1, 1, 50_000, 0));
        assert_eq!(flows[0].customers, flow(2, 1, 800_000, 20_000), "one of the two is not known");
        let other = region(fresh, "台区二%_").await;
        assert!(
            fresh.store.area_flows((day("2026-11-21"), day("2026-11-21")), &other).await.unwrap().is_empty()
        );
        let unread =
            fresh.store.area_flows((day("2026-11-25"), day("2026-11-25")), &Regions::All).await.unwrap();
        assert_eq!((unread[0].check, unread[0].customers), (flow(1, 0, 0, 0), flow(2, 0, 0, 0)));
    })
    .await;
}

#[tokio::test]
async fn a_fetch_is_found_by_its_number_and_its_meter() {
    on_both(async |fresh| {
        town(fresh).await;
        let batch = frozen(fresh, 1, 5, Quality::Good);
        fresh.store.save(&batch, midnight(DAY)).await.unwrap();
        let fetch = &batch.fetches[0];
        assert_eq!(fresh.store.fetch_of(fetch.meter, fetch.id).await.unwrap().as_ref(), Some(fetch));
        assert_eq!(fresh.store.fetch_of(Id::new(2), fetch.id).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn who_is_in_arrears_is_listed_with_what_they_were_told() {
    on_both(async |fresh| {
        town(fresh).await;
        let owe = "INSERT INTO supply_arrears (customer_id, since, amount_fen, as_of, entered_at, entered_by) \
            SELECT id, CASE number WHEN 'C4' THEN 1000 ELSE 1001 END, 500, 2000, 2000, 'x' FROM customer \
            WHERE number IN ('C2', 'C3', 'C4')";
        let pay = |customer: &str, at: i64| {
            format!(
                "INSERT INTO supply_payment (id, customer_id, reference, amount_fen, paid_at, entered_at, entered_by) \
                 SELECT id, id, 'paid by ' || number, 400, {at}, {at}, 'x' FROM customer WHERE number = '{customer}'"
            )
        };
        let tell = |kind: i64, at: i64| {
            format!(
                "INSERT INTO supply_notice (id, point_id, kind, given_at, how, given_by, entered_at, entered_by) \
                 SELECT {kind}, id, {kind}, {at}, 'by hand', 'x', {at}, 'x' FROM metering_point WHERE number = 'P2'"
            )
        };
        let whole = |customer: &str| pay(customer, 2000).replace("400", "500");
        for sql in [owe.to_owned(), pay("C4", 1999), pay("C2", 2000), whole("C3"), tell(1, 10), tell(2, 20)] {
            fresh.run(&sql).await.unwrap();
        }
        let lines = fresh.store.overdue_lines(&Regions::All, 9, midnight(DAY)).await.unwrap();
        let told: Vec<_> = lines.iter().map(|line| (line.point.as_str(), line.owed_fen)).collect();
        assert_eq!(told, [("P4", 500), ("P2", 100)], "what was paid before the list was drawn up is in it already");
        let notices = [lines[1].reminded_at, lines[1].told_at].map(|at| at.map(Moment::micros));
        assert_eq!((notices, lines[0].told_at), ([Some(10), Some(20)], None));
        assert_eq!(lines[1].customer, ("C2".to_owned(), "客户2".to_owned()));
        let second = region(fresh, "台区二%_").await;
        assert_eq!(fresh.store.overdue_lines(&second, 9, midnight(DAY)).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn the_list_of_meters_follows_every_change_of_the_archive() {
    on_both(async |fresh| {
        let differs = async || {
            let other = |one, two| {
                format!(
                    "SELECT CAST(meter_id AS text) FROM (SELECT * FROM {one} EXCEPT SELECT * FROM {two}) AS d"
                )
            };
            let mut found = fresh.texts(&other("meter_now", "meter_list")).await;
            found.extend(fresh.texts(&other("meter_list", "meter_now")).await);
            found
        };
        town(fresh).await;
        assert_eq!(differs().await, Vec::<String>::new());
        let mut changed = entry(2);
        changed.customer.name = "Müller".to_owned();
        changed.point.area = Some("台区三".to_owned());
        changed.meter.asset_number = Some("B22".to_owned());
        changed.meter.path = MeterPath::Line { line: "L9".to_owned(), baud: None, parity: None };
        changed.transformers = None;
        let mut moved = entry(3);
        moved.point.customer = "C99".to_owned();
        moved.customer.number = "C99".to_owned();
        fresh.store.save_archive(&[changed, moved], midnight(DAY), Saving::Confirmed).await.unwrap();
        assert_eq!(differs().await, Vec::<String>::new());
        for (words, meters) in
            [("b22", vec!["2"]), ("müller", vec!["2"]), ("L9", vec![]), ("c99", vec!["3"]), ("a2", vec![])]
        {
            assert_eq!(found(fresh, &all(words), &Regions::All).await, meters, "{words}");
        }
        let site = fresh.store.site_meter("1".parse().unwrap()).await.unwrap().unwrap();
        let at = midnight(DAY);
        let exchange =
            Exchange { point: site.point_id, removed: "1".parse().unwrap(), installed: meter(7), at };
        fresh.store.exchange_meter(&exchange).await.unwrap();
        assert_eq!(differs().await, Vec::<String>::new());
        assert_eq!(found(fresh, &all("p1"), &Regions::All).await, ["7"], "the new meter is at the point");
    })
    .await;
}
