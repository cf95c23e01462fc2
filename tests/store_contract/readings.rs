//! What was collected: saved once, durable, and read back with where it came from.

use std::time::Duration;

use chaobiao::domain::register::State;
use chaobiao::domain::version::Booking;
use chaobiao::domain::{
    Day, DayCurve, Fetch, Id, Item, Meter, Moment, Quality, RegisterKey, RegisterReading, SlotConflict,
    SlotValue, SlotsPerDay, Source, Suspicion,
};
use chaobiao::store::{Batch, Decided, Decision, Migrations, Refusal, Store, StoreError};

use crate::{Fresh, midnight, on_both};

const DAY: &str = "2026-11-21";

pub(crate) fn day(text: &str) -> Day {
    text.parse().unwrap()
}

pub(crate) fn item(code: &str) -> Item {
    Item::parse(code).unwrap()
}

pub(crate) fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

/// When the batches below are saved.
pub(crate) fn night() -> Moment {
    midnight("2026-11-22").plus(minutes(10))
}

pub(crate) fn fetch(fresh: &Fresh, meter: i64, code: &str, span: (Moment, Moment), source: Source) -> Fetch {
    Fetch {
        id: fresh.store.new_fetch_id(night()),
        meter: Id::new(meter),
        items: vec![item(code)],
        from: span.0,
        until: span.1,
        source,
        collected_at: night().plus(Duration::from_micros(250_000)),
        frames: vec![0x68, 0x16],
        run: None,
    }
}

/// A freeze of the total at the midnight before [`night`], and the batch that holds only it.
pub(crate) fn frozen(fresh: &Fresh, meter: i64, value: i64, quality: Quality) -> Batch {
    let as_of = midnight("2026-11-22");
    let fetch = fetch(fresh, meter, "1.8.0", (as_of, as_of), Source::Freeze);
    let reading = RegisterReading {
        meter: fetch.meter,
        item: item("1.8.0"),
        as_of,
        value,
        meter_time: Some("2026-11-22 00:00".to_owned()),
        collected_at: fetch.collected_at,
        source: Source::Freeze,
        quality,
        fetch: Some(fetch.id),
    };
    Batch { fetches: vec![fetch], registers: vec![reading], ..Batch::default() }
}

pub(crate) fn curve(meter: i64, code: &str, slots: i64, values: &[Option<i64>]) -> DayCurve {
    let good = |value: &Option<i64>| value.map(|value| SlotValue { value, quality: Quality::Good });
    let slots = SlotsPerDay::new(slots).unwrap();
    DayCurve::of_values(Id::new(meter), item(code), day(DAY), slots, values.iter().map(good).collect())
}

/// The batch that brings a curve.
pub(crate) fn brought(fresh: &Fresh, curve: DayCurve) -> Batch {
    let span = (day(DAY).start(), day(DAY).next().start());
    let code = curve.item.code().to_string();
    let fetch = fetch(fresh, curve.meter.number(), &code, span, Source::LoadRecord);
    Batch { curves: vec![(fetch.id, curve)], fetches: vec![fetch], ..Batch::default() }
}

pub(crate) async fn curves(fresh: &Fresh, meter: i64, code: &str) -> Vec<DayCurve> {
    let meters: [Id<Meter>; 1] = [Id::new(meter)];
    fresh.store.curves(&meters, &[item(code)], day(DAY), day(DAY)).await.unwrap()
}

pub(crate) const TABLES: [&str; 6] =
    ["meter_fetch", "register_ledger", "interval_day", "interval_conflict", "latest", "review"];

#[tokio::test]
async fn i01_what_was_acknowledged_is_there_after_opening_again() {
    on_both(async |fresh| {
        let mut batch = frozen(fresh, 1, 12_345_600, Quality::Good);
        let curve = curve(1, "16.7.0", 96, &[Some(-5), None, Some(7)]);
        let with = brought(fresh, curve.clone());
        batch.fetches.extend(with.fetches);
        batch.curves.extend(with.curves);
        let receipt = fresh.store.save(&batch, night()).await.unwrap();
        assert_eq!((receipt.registers, receipt.filled), (vec![Booking::New(1, Quality::Good)], 2));

        let again = Store::open(&fresh.address, Migrations::Run).await.unwrap();
        let (from, until) = (midnight(DAY), night());
        let ledger = again.ledger(Id::new(1), from, until).await.unwrap();
        assert_eq!((&ledger[0].reading, ledger[0].is_current), (&batch.registers[0], true));
        let read = again.curves(&[Id::new(1)], &[item("16.7.0")], day(DAY), day(DAY)).await.unwrap();
        assert_eq!(read, [curve]);
        let mut fetches = again.fetches(Id::new(1), from, until).await.unwrap();
        fetches.sort_by_key(|fetch| fetch.id);
        assert_eq!(fetches, batch.fetches);
        again.close().await;
    })
    .await;
}

#[tokio::test]
async fn f07_the_same_batch_again_changes_nothing() {
    on_both(async |fresh| {
        let mut batch = frozen(fresh, 1, 100, Quality::Good);
        let suspect = frozen(fresh, 2, 50, Quality::Suspect(Suspicion::LargeStep));
        let with = brought(fresh, curve(1, "1.8.0", 96, &[Some(1), None, Some(3)]));
        for other in [suspect, with] {
            batch.fetches.extend(other.fetches);
            batch.registers.extend(other.registers);
            batch.curves.extend(other.curves);
        }
        fresh.store.save(&batch, night()).await.unwrap();
        let before = fresh.content(&TABLES).await;
        let receipt = fresh.store.save(&batch, night().plus(minutes(1))).await.unwrap();
        assert_eq!((receipt.registers, receipt.filled), (vec![Booking::Same(1), Booking::Same(1)], 0));
        assert_eq!(fresh.content(&TABLES).await, before);
        assert!(before.len() > 6, "{before:?}");
    })
    .await;
}

#[tokio::test]
async fn a_number_of_another_fetch_is_refused_and_nothing_of_its_batch_is_kept() {
    on_both(async |fresh| {
        let batch = frozen(fresh, 1, 100, Quality::Good);
        fresh.store.save(&batch, night()).await.unwrap();
        let before = fresh.content(&TABLES).await;
        let mut other = frozen(fresh, 1, 200, Quality::Good);
        other.fetches[0].id = batch.fetches[0].id;
        other.fetches[0].collected_at = night().plus(minutes(5));
        let refused = fresh.store.save(&other, night()).await.unwrap_err();
        assert!(matches!(refused, StoreError::Refused(Refusal::FetchNumber)), "{refused}");
        let mut long = frozen(fresh, 1, 100, Quality::Good);
        long.fetches[0].until = long.fetches[0].from.plus(minutes(1441));
        let refused = fresh.store.save(&long, night()).await.unwrap_err();
        assert!(matches!(refused, StoreError::Refused(Refusal::FetchSpan)), "{refused}");
        assert_eq!(fresh.content(&TABLES).await, before);
    })
    .await;
}

#[tokio::test]
async fn f18_the_first_value_of_a_slot_stays_and_a_later_one_is_recorded() {
    on_both(async |fresh| {
        let first = brought(fresh, curve(1, "1.8.0", 96, &[Some(10), None, Some(30)]));
        let later = brought(fresh, curve(1, "1.8.0", 96, &[Some(11), Some(20), Some(30), Some(40)]));
        fresh.store.save(&first, night()).await.unwrap();
        let receipt = fresh.store.save(&later, night()).await.unwrap();
        assert_eq!((receipt.filled, receipt.conflicts.len()), (2, 1));
        let slot = SlotConflict { at: midnight(DAY), kept: 10, offered: 11 };
        assert_eq!((receipt.conflicts[0].slot, receipt.conflicts[0].fetch), (slot, later.fetches[0].id));
        let merged = curve(1, "1.8.0", 96, &[Some(10), Some(20), Some(30), Some(40)]);
        assert_eq!(curves(fresh, 1, "1.8.0").await, std::slice::from_ref(&merged));
        fresh.store.save(&later, night()).await.unwrap();
        let conflicts = fresh.store.interval_conflicts(Id::new(1), midnight(DAY), night()).await.unwrap();
        assert_eq!(conflicts, receipt.conflicts);
        let latest = fresh.store.latest_of(Id::new(1)).await.unwrap();
        assert_eq!((latest[0].value, latest[0].at), (40, merged.filled().last().unwrap().0));
    })
    .await;
}

#[tokio::test]
async fn f18_forty_eight_points_become_ninety_six_and_keep_their_values() {
    on_both(async |fresh| {
        fresh.store.save(&brought(fresh, curve(1, "1.8.0", 48, &[Some(0), Some(2)])), night()).await.unwrap();
        let finer = curve(1, "1.8.0", 96, &[None, Some(1), Some(9), Some(3)]);
        let receipt = fresh.store.save(&brought(fresh, finer), night()).await.unwrap();
        assert_eq!((receipt.filled, receipt.conflicts.len()), (2, 1));
        let both = curve(1, "1.8.0", 96, &[Some(0), Some(1), Some(2), Some(3)]);
        assert_eq!(curves(fresh, 1, "1.8.0").await, [both]);
    })
    .await;
}

#[tokio::test]
async fn f18_future_slots_are_refused() {
    on_both(async |fresh| {
        let values: Vec<_> = (0..96).map(Some).collect();
        let noon = midnight(DAY).plus(minutes(720));
        let receipt = fresh.store.save(&brought(fresh, curve(1, "1.8.0", 96, &values)), noon).await.unwrap();
        assert_eq!((receipt.filled, receipt.future), (49, 47));
        assert_eq!(curves(fresh, 1, "1.8.0").await[0].values().len(), 49);
    })
    .await;
}

#[tokio::test]
async fn qualities_of_slots_are_kept_with_them() {
    on_both(async |fresh| {
        let suspect = SlotValue { value: 2, quality: Quality::Suspect(Suspicion::Clock) };
        let good = SlotValue { value: 1, quality: Quality::Good };
        let slots = SlotsPerDay::QUARTER_HOURS;
        let of = |values| DayCurve::of_values(Id::new(1), item("1.8.0"), day(DAY), slots, values);
        fresh.store.save(&brought(fresh, of(vec![Some(good)])), night()).await.unwrap();
        fresh.store.save(&brought(fresh, of(vec![None, None, Some(suspect)])), night()).await.unwrap();
        assert_eq!(curves(fresh, 1, "1.8.0").await, [of(vec![Some(good), None, Some(suspect)])]);
    })
    .await;
}

#[tokio::test]
async fn i04_one_version_is_current_and_the_others_stay() {
    on_both(async |fresh| {
        let estimate = {
            let mut batch = frozen(fresh, 1, 90, Quality::Estimated);
            batch.registers[0].source = Source::Estimate;
            batch
        };
        let chain = [
            estimate,
            frozen(fresh, 1, 100, Quality::Good),
            frozen(fresh, 1, 101, Quality::Good),
            frozen(fresh, 1, 99, Quality::Suspect(Suspicion::BackwardStep)),
        ];
        for batch in &chain {
            fresh.store.save(batch, night()).await.unwrap();
        }
        let seen = async || {
            let ledger = fresh.store.ledger(Id::new(1), midnight(DAY), night()).await.unwrap();
            ledger.iter().map(|entry| (entry.reading.value, entry.is_current)).collect::<Vec<_>>()
        };
        assert_eq!(seen().await, [(90, false), (100, true), (101, false), (99, false)]);

        let waiting = fresh.store.open_reviews(10).await.unwrap();
        let told: Vec<_> = waiting
            .iter()
            .map(|review| {
                (review.suspect.reading.value, review.suspect.reading.quality, review.current_version)
            })
            .collect();
        let suspect = Quality::Suspect;
        let expected =
            [(101, suspect(Suspicion::Conflict), Some(2)), (99, suspect(Suspicion::BackwardStep), Some(2))];
        assert_eq!(told, expected);

        let decide = |decision| Decided { decision, by: "王", note: "抄见照片", now: night() };
        let accept = decide(Decision::Accept);
        let booking = fresh.store.decide_review(waiting[0].id, accept).await.unwrap();
        assert_eq!(booking, Some(Booking::New(5, Quality::Good)));
        assert_eq!(fresh.store.decide_review(waiting[0].id, accept).await.unwrap(), None, "closed");
        fresh.store.decide_review(waiting[1].id, decide(Decision::Reject)).await.unwrap();
        assert_eq!(seen().await, [(90, false), (100, false), (101, false), (99, false), (101, true)]);
        assert_eq!(fresh.store.open_reviews(10).await.unwrap(), []);
        let ledger = fresh.store.ledger(Id::new(1), midnight(DAY), night()).await.unwrap();
        assert_eq!(
            (ledger[4].decided_by.as_deref(), ledger[4].note.as_deref()),
            (Some("王"), Some("抄见照片"))
        );
        let key = RegisterKey { meter: Id::new(1), item: item("1.8.0"), as_of: midnight("2026-11-22") };
        let accepted = fresh.store.accepted(&[key]).await.unwrap();
        assert_eq!((accepted[&key].value, accepted[&key].version), (101, 5));
    })
    .await;
}

#[tokio::test]
async fn a_value_is_judged_by_the_accepted_ones_beside_it() {
    on_both(async |fresh| {
        let at = |text| midnight(text);
        let reading = |text: &str, value, quality| {
            let mut batch = frozen(fresh, 1, value, quality);
            batch.registers[0].as_of = midnight(text);
            batch
        };
        let suspect = Quality::Suspect(Suspicion::LargeStep);
        for (text, value, quality) in [
            ("2026-11-01", 10, Quality::Good),
            ("2026-11-03", 30, suspect),
            ("2026-11-07", 70, Quality::Good),
            ("2026-11-09", 90, Quality::Good),
        ] {
            fresh.store.save(&reading(text, value, quality), night()).await.unwrap();
        }
        let key = |text| RegisterKey { meter: Id::new(1), item: item("1.8.0"), as_of: at(text) };
        let keys = [key("2026-11-05"), key("2026-11-01"), key("2026-12-01")];
        let beside = fresh.store.neighbours(&keys).await.unwrap();
        let state = |text, value| Some(State { at: at(text), value });
        let found: Vec<_> = keys.iter().map(|key| (beside[key].before, beside[key].after)).collect();
        assert_eq!(
            found,
            [
                (state("2026-11-01", 10), state("2026-11-07", 70)),
                (None, state("2026-11-07", 70)),
                (state("2026-11-09", 90), None),
            ]
        );
        assert!(fresh.store.neighbours(&[]).await.unwrap().is_empty());
    })
    .await;
}
