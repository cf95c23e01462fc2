//! A register that stood still although the meter recorded that power flowed (停走): persons say whether it counts.

use chaobiao::billing::{OpenDay, Settled, open_days};
use chaobiao::domain::access::Regions;
use chaobiao::domain::{
    Coded, DayCurve, Fetch, Id, Item, Moment, Open, Quality, SlotValue, SlotsPerDay, Source, Suspicion,
};
use chaobiao::store::billing::Which;
use chaobiao::store::{Batch, Decided, Decision};

use super::{by_hand, daily, freeze, install, rules, save, settle};
use crate::readings::{day, minutes};
use crate::{Fresh, midnight, on_both};

const FIRST: &str = "2026-11-20";
const SECOND: &str = "2026-11-21";

fn now() -> Moment {
    midnight(SECOND).plus(minutes(20))
}

/// The power of the first day, in 0.0001 kW, at each quarter of an hour.
async fn power(fresh: &Fresh, meter: i64, values: Vec<Option<i64>>) {
    let item = Item::parse("16.7.0").unwrap();
    let slot = |value: Option<i64>| value.map(|value| SlotValue { value, quality: Quality::Good });
    let values = values.into_iter().map(slot).collect();
    let curve = DayCurve::of_values(Id::new(meter), item, day(FIRST), SlotsPerDay::QUARTER_HOURS, values);
    let fetch = Fetch {
        id: fresh.store.new_fetch_id(now()),
        meter: Id::new(meter),
        items: vec![item],
        from: midnight(FIRST),
        until: midnight(SECOND),
        source: Source::LoadRecord,
        collected_at: now(),
        frames: Vec::new(),
        run: None,
    };
    let batch = Batch { curves: vec![(fetch.id, curve)], fetches: vec![fetch], ..Batch::default() };
    fresh.store.save(&batch, now()).await.unwrap();
}

async fn open(fresh: &Fresh) -> Vec<Open> {
    let days = (day(FIRST), day(FIRST));
    let open = open_days(&fresh.store, &rules(), days, None, midnight("2026-12-24")).await.unwrap();
    open.into_iter().map(|OpenDay { why, .. }| why).collect()
}

async fn decide(fresh: &Fresh, decision: Decision) {
    let waiting = fresh.store.review_lines(&Regions::All, 10).await.unwrap();
    assert_eq!(waiting.len(), 1);
    let decided = Decided { decision, by: "王", note: "", now: now() };
    fresh.store.decide_review(waiting[0].review, decided).await.unwrap();
}

fn used(meter: u32, kwh: &str) -> String {
    format!("P{meter} 1-0:1.8.0 0 2026-11-20 {kwh} kWh ok")
}

#[tokio::test]
async fn f15_a_register_that_stood_still_while_power_flowed_is_billed_only_when_persons_accept_it() {
    on_both(async |fresh| {
        install(&fresh.store, 1, "1").await;
        save(&fresh.store, &[freeze(1, midnight(FIRST), 100), freeze(1, midnight(SECOND), 100)], now()).await;
        settle(&fresh.store, now()).await;
        assert_eq!(daily(fresh).await, [used(1, "0.000000")], "nothing else is known yet");
        // 42 W for a day are a little more than one kWh.
        power(fresh, 1, vec![Some(420); 96]).await;
        let Settled { registers, consumptions, .. } = settle(&fresh.store, now()).await;
        assert_eq!((registers, consumptions), (0, 1), "taken back");
        assert_eq!(daily(fresh).await, [""; 0]);
        let why = Open::Standstill { meter: Id::new(1), until: midnight(SECOND), least_watts: 42 };
        assert_eq!(open(fresh).await, [why]);
        let lines = fresh.store.billing_lines(Which::OfDay(day(FIRST), None)).await.unwrap();
        assert!(lines.last().unwrap().content.lineage.contains("standstill"));
        let waiting = fresh.store.review_lines(&Regions::All, 10).await.unwrap();
        assert_eq!(
            waiting[0].quality,
            Quality::Suspect(Suspicion::Standstill),
            "{}",
            waiting[0].quality.name()
        );
        // The reading itself stays as it was.
        let kept = fresh.store.ledger(Id::new(1), midnight(SECOND), midnight(SECOND)).await.unwrap();
        assert_eq!((kept.len(), kept[0].is_current, kept[0].reading.quality), (1, true, Quality::Good));
        decide(fresh, Decision::Accept).await;
        assert_eq!(settle(&fresh.store, now()).await.consumptions, 1);
        assert_eq!(daily(fresh).await, [used(1, "0.000000")]);
        assert_eq!(open(fresh).await, []);
    })
    .await;
}

#[tokio::test]
async fn f15_a_standstill_that_persons_do_not_believe_stays_open_until_another_value_is_accepted() {
    on_both(async |fresh| {
        install(&fresh.store, 1, "1").await;
        power(fresh, 1, vec![Some(5_000); 96]).await;
        save(&fresh.store, &[freeze(1, midnight(FIRST), 100), freeze(1, midnight(SECOND), 100)], now()).await;
        settle(&fresh.store, now()).await;
        decide(fresh, Decision::Reject).await;
        settle(&fresh.store, now()).await;
        assert_eq!((open(fresh).await.len(), daily(fresh).await.len()), (1, 0));
        assert_eq!(fresh.store.open_reviews(10).await.unwrap(), [], "they are not asked twice");
        save(&fresh.store, &[by_hand(1, midnight(SECOND), 120_100)], now()).await;
        decide(fresh, Decision::Accept).await;
        settle(&fresh.store, now()).await;
        assert_eq!(daily(fresh).await, [used(1, "12.000000")]);
    })
    .await;
}

#[tokio::test]
async fn f15_what_does_not_prove_a_standstill_is_billed_as_it_was_read() {
    on_both(async |fresh| {
        install(&fresh.store, 5, "1").await;
        let all = |value| vec![Some(value); 96];
        let (mut hole, mut back) = (all(5_000), all(5_000));
        (hole[40], back[41]) = (None, Some(-5_000));
        // Too little, a hole, given back, a register that moved; and one of which nothing is recorded.
        for (meter, curve) in [(1, all(410)), (2, hole), (3, back), (4, all(5_000))] {
            power(fresh, meter, curve).await;
        }
        for meter in 1..=5 {
            let end = if meter == 4 { 101 } else { 100 };
            save(
                &fresh.store,
                &[freeze(meter, midnight(FIRST), 100), freeze(meter, midnight(SECOND), end)],
                now(),
            )
            .await;
        }
        settle(&fresh.store, now()).await;
        let zero = |meter| used(meter, "0.000000");
        assert_eq!(daily(fresh).await, [zero(1), zero(2), zero(3), used(4, "0.000100"), zero(5)]);
        assert_eq!(fresh.store.open_reviews(10).await.unwrap(), []);
    })
    .await;
}
