//! What people have read: compared with what the meters said, confirmed by another person, and never above a freeze.

use std::time::Duration;

use chaobiao::config::profile::Profiles;
use chaobiao::domain::access::{Acting, Regions, Role};
use chaobiao::domain::proposal::{Change, ProposalState};
use chaobiao::domain::{
    Compared, Id, Item, ManualRead, ManualReads, Moment, Quality, ReadPlace, RegisterReading, Source,
    Suspicion,
};
use chaobiao::store::archive::{Exchange, Saving};
use chaobiao::store::{Batch, Decided, Decision, Verdict};

use crate::archive::{entry, meter};
use crate::billing::{daily, settle};
use crate::proposals::acting;
use crate::{Fresh, midnight, on_both};

fn now() -> Moment {
    midnight("2026-11-25")
}

fn freeze(day: &str, value: i64) -> RegisterReading {
    RegisterReading {
        meter: Id::new(1),
        item: Item::parse("1.8.0").unwrap(),
        as_of: midnight(day),
        value,
        meter_time: None,
        collected_at: now(),
        source: Source::Freeze,
        quality: Quality::Good,
        fetch: None,
    }
}

fn read(number: u32, at: Moment, value: i64) -> ManualRead {
    ManualRead {
        point: format!("P{number}"),
        meter: format!("{number:012}"),
        item: "1-0:1.8.0".to_owned(),
        value,
        at: at.micros(),
        read_by: "张三".to_owned(),
        kind: "on-site".to_owned(),
        remark: "表前".to_owned(),
    }
}

fn of(reads: Vec<ManualRead>) -> Change {
    Change::EnterReads(ManualReads { file: "a.csv".to_owned(), reads })
}

/// Two meters, the first with freezes of two midnights.
async fn town(fresh: &Fresh) -> (Acting, Acting) {
    fresh.store.save_archive(&[entry(1), entry(2)], midnight("2026-11-01"), Saving::Save).await.unwrap();
    let registers = vec![freeze("2026-11-20", 1_000_000), freeze("2026-11-22", 1_100_000)];
    fresh.store.save(&Batch { registers, ..Batch::default() }, now()).await.unwrap();
    (acting(1, Role::Operator), acting(2, Role::Approver))
}

/// The versions of one instant: value, source, quality, whether it counts.
async fn versions(fresh: &Fresh, meter: i64, at: Moment) -> Vec<(i64, Source, Quality, bool)> {
    let kept = fresh.store.ledger(Id::new(meter), at, at).await.unwrap();
    kept.into_iter()
        .map(|kept| (kept.reading.value, kept.reading.source, kept.reading.quality, kept.is_current))
        .collect()
}

#[tokio::test]
async fn i04_what_a_person_read_never_takes_the_place_of_what_the_meter_said() {
    on_both(async |fresh| {
        let (operator, approver) = town(fresh).await;
        let store = &fresh.store;
        let (first, between) = (midnight("2026-11-20"), midnight("2026-11-21"));
        let later = first.plus(Duration::from_secs(8 * 3600));
        let reads = vec![
            read(1, between, 1_050_000),
            read(1, first, 1_000_100),
            read(1, later, 999_999),
            read(1, midnight("2026-11-22"), 1_100_000),
            read(2, between, 5),
        ];
        let compared: Vec<_> = store
            .compare_reads(&reads, &Profiles::default())
            .await
            .unwrap()
            .into_iter()
            .map(|one| one.unwrap().0)
            .collect();
        use Compared::{Agrees, Alone, Between, Differs, Outside};
        assert_eq!(compared, [Between, Differs, Outside, Agrees, Alone]);
        let id = store.propose(&of(reads), "line down", &operator, now()).await.unwrap();
        assert_eq!(versions(fresh, 1, between).await, [], "nothing before it is confirmed");
        assert!(
            store
                .decide_proposal(id, Verdict::Confirm, &operator, &Profiles::default(), now())
                .await
                .is_err()
        );
        store.decide_proposal(id, Verdict::Confirm, &approver, &Profiles::default(), now()).await.unwrap();

        let manual = |value, quality, counts| (value, Source::Manual, quality, counts);
        assert_eq!(versions(fresh, 1, between).await, [manual(1_050_000, Quality::Good, true)]);
        let conflict = Quality::Suspect(Suspicion::Conflict);
        let frozen = (1_000_000, Source::Freeze, Quality::Good, true);
        assert_eq!(versions(fresh, 1, first).await, [frozen, manual(1_000_100, conflict, false)]);
        let backward = Quality::Suspect(Suspicion::BackwardStep);
        assert_eq!(versions(fresh, 1, later).await, [manual(999_999, backward, false)]);
        assert_eq!(versions(fresh, 1, midnight("2026-11-22")).await.len(), 1, "the same adds nothing");
        assert_eq!(versions(fresh, 2, between).await, [manual(5, Quality::Good, true)]);
        let reviews = store.open_reviews(10).await.unwrap();
        let mut waiting: Vec<_> = reviews.iter().map(|review| review.suspect.reading.value).collect();
        waiting.sort_unstable();
        assert_eq!(waiting, [999_999, 1_000_100]);
        let kept = store.ledger(Id::new(1), between, between).await.unwrap();
        assert_eq!(
            (kept[0].decided_by.as_deref(), kept[0].note.as_deref()),
            (Some("p1, p2"), Some("on-site, 张三: 表前"))
        );

        // The meter is reached again, and its freeze of that midnight is another value.
        let registers = vec![freeze("2026-11-21", 1_049_999)];
        store.save(&Batch { registers, ..Batch::default() }, now()).await.unwrap();
        let frozen = (1_049_999, Source::Freeze, Quality::Good, true);
        assert_eq!(versions(fresh, 1, between).await, [manual(1_050_000, Quality::Good, false), frozen]);
    })
    .await;
}

#[tokio::test]
async fn i04_reads_are_entered_all_or_none_and_only_of_meters_that_were_there() {
    on_both(async |fresh| {
        let (operator, approver) = town(fresh).await;
        let store = &fresh.store;
        let at = midnight("2026-11-21");
        let change = of(vec![read(2, at, 5), read(1, at, 1_050_000)]);
        let id = store.propose(&change, "line down", &operator, now()).await.unwrap();
        // It is told late that the first meter was taken out before.
        let points = store.numbered_points(&["P1"], &Regions::All).await.unwrap();
        let exchange = Exchange {
            point: points["P1"].point,
            removed: "1".parse().unwrap(),
            installed: meter(9),
            at: midnight("2026-11-20"),
        };
        store.exchange_meter(&exchange).await.unwrap();
        let refused = store
            .decide_proposal(id, Verdict::Confirm, &approver, &Profiles::default(), now())
            .await
            .unwrap_err();
        assert_eq!(refused.kind(), "does_not_fit");
        assert_eq!(versions(fresh, 2, at).await, [], "nothing is half done");
        let kept = store.proposal(id).await.unwrap().unwrap();
        assert_eq!((kept.state, &kept.change), (ProposalState::Open, &change));
        store.decide_proposal(id, Verdict::Refuse, &approver, &Profiles::default(), now()).await.unwrap();
        let unknown = store.propose(&of(vec![read(7, at, 1)]), "x", &operator, now()).await.unwrap_err();
        assert_eq!(unknown.kind(), "not_there");
    })
    .await;
}

#[tokio::test]
async fn f16_the_closing_reading_of_an_exchanged_meter_is_entered_and_corrected_afterwards() {
    on_both(async |fresh| {
        let (operator, approver) = town(fresh).await;
        let store = &fresh.store;
        let noon = midnight("2026-11-21").plus(Duration::from_secs(43_200));
        let point = store.numbered_points(&["P1"], &Regions::All).await.unwrap()["P1"].point;
        let exchange = Exchange { point, removed: "1".parse().unwrap(), installed: meter(9), at: noon };
        let new = store.exchange_meter(&exchange).await.unwrap();
        let of_new = |as_of, value| RegisterReading { meter: new, as_of, value, ..freeze("2026-11-22", 0) };
        let registers =
            vec![freeze("2026-11-21", 1_050_000), of_new(noon, 30), of_new(midnight("2026-11-22"), 20_030)];
        store.save(&Batch { registers, ..Batch::default() }, now()).await.unwrap();
        let place = |point: Option<&str>, meter: Option<&str>, asset: Option<&str>, at| ReadPlace {
            point: point.map(str::to_owned),
            meter: meter.map(str::to_owned),
            asset: asset.map(str::to_owned),
            at,
        };
        let (first, ninth) = (Some("000000000001"), Some("000000000009"));
        let places = [
            place(Some("P1"), first, None, noon),
            place(None, first, None, noon),
            place(None, None, Some("A1"), noon),
            place(Some("P1"), None, None, noon),
            place(None, ninth, None, noon),
            // It was taken out before, and it is another one's.
            place(None, first, None, noon.plus(Duration::from_micros(1))),
            place(Some("P2"), first, None, noon),
        ];
        let found = store.placed_meters(&places, &Regions::All).await.unwrap();
        let found: Vec<_> = found.iter().map(|one| one.as_ref().map(|one| one.meter.as_str())).collect();
        assert_eq!(found, [first, first, first, ninth, ninth, None, None]);

        let profiles = Profiles::default();
        let confirm = async |value: i64| {
            let change = of(vec![read(1, noon, value)]);
            let id = store.propose(&change, "closing reading", &operator, now()).await.unwrap();
            store.decide_proposal(id, Verdict::Confirm, &approver, &profiles, now()).await.unwrap();
            settle(store, now()).await;
        };
        settle(store, now()).await;
        let used = |kwh: &str| format!("P1 1-0:1.8.0 0 2026-11-21 {kwh} kWh ok");
        let of_day = async || {
            let all = daily(fresh).await;
            all.into_iter().find(|line| line.contains("2026-11-21"))
        };
        assert_eq!(of_day().await, None, "open without its closing reading");
        confirm(1_060_000).await;
        assert_eq!(of_day().await, Some(used("3.000000")));
        // It was mistyped: another one is for persons to decide.
        confirm(1_055_000).await;
        assert_eq!(of_day().await, Some(used("3.000000")));
        let review = store.open_reviews(10).await.unwrap();
        let decided = Decided { decision: Decision::Accept, by: "p1, p2", note: "", now: now() };
        store.decide_review(review[0].id, decided).await.unwrap();
        settle(store, now()).await;
        assert_eq!(of_day().await, Some(used("2.500000")));
    })
    .await;
}

#[tokio::test]
async fn t16_reads_of_other_regions_are_neither_proposed_nor_seen() {
    on_both(async |fresh| {
        let (operator, _) = town(fresh).await;
        let store = &fresh.store;
        let elsewhere = Regions::Areas(vec![Id::new(99)]);
        let far = Acting { regions: elsewhere.clone(), ..operator.clone() };
        let change = of(vec![read(1, midnight("2026-11-21"), 1_050_000)]);
        assert_eq!(store.propose(&change, "x", &far, now()).await.unwrap_err().kind(), "not_there");
        store.propose(&change, "x", &operator, now()).await.unwrap();
        let all = store.proposals(false, i64::MAX, 10).await.unwrap();
        assert_eq!(store.proposals_within(all, &elsewhere).await.unwrap(), []);
        let place = |point: Option<&str>, meter: Option<&str>, asset: Option<&str>, day: &str| ReadPlace {
            point: point.map(str::to_owned),
            meter: meter.map(str::to_owned),
            asset: asset.map(str::to_owned),
            at: midnight(day),
        };
        let places = [
            place(Some("P1"), None, None, "2026-11-21"),
            place(None, Some("000000000001"), None, "2026-11-21"),
            place(None, None, Some("A1"), "2026-11-21"),
            place(Some("P1"), None, Some("A1"), "2026-11-21"),
            // Names that do not agree, a day before it was there, and nothing known.
            place(Some("P1"), None, Some("A2"), "2026-11-21"),
            place(Some("P1"), None, None, "2025-12-31"),
            place(None, None, Some("A'; --"), "2026-11-21"),
        ];
        let found = store.placed_meters(&places, &Regions::All).await.unwrap();
        let points: Vec<_> =
            found.iter().map(|placed| placed.as_ref().map(|placed| placed.point.as_str())).collect();
        let p1 = Some("P1");
        assert_eq!(points, [p1, p1, p1, p1, None, None, None]);
        let found = store.placed_meters(&places, &elsewhere).await.unwrap();
        assert!(found.iter().all(Option::is_none));
    })
    .await;
}
