//! What meters tell that nobody here has caused (T3).

use chaobiao::domain::access::Regions;
use chaobiao::domain::{AlarmKind, Day, Id, Meter, Moment};
use chaobiao::store::alarm::{AlarmFilter, AlarmRecord};
use chaobiao::store::supply::AttemptOutcome;
use chaobiao::store::{Batch, EventCount, MeterEvent, Notes, StatusWords, Store};

use super::ready::{DAY, HOUR, Home, acting, cut, restore};
use super::steps::{armed, intend};
use super::{LIMITS, now, town};
use crate::on_both;

const OPEN: &str = r#"{"04000503":"0010"}"#;
const CLOSED: &str = r#"{"04000503":"0000"}"#;

async fn save(store: &Store, notes: Notes, at: Moment) {
    store.save(&Batch { notes, ..Batch::default() }, at).await.unwrap();
}

async fn tell(store: &Store, meter: Id<Meter>, words: &str, at: Moment) {
    let words = StatusWords { meter, day: Day::of(at), words: words.to_owned(), collected_at: at };
    save(store, Notes { status_words: vec![words], ..Notes::default() }, at).await;
}

async fn alarms(store: &Store, kind: AlarmKind) -> Vec<AlarmRecord> {
    let filter = AlarmFilter { kind: Some(kind), ..AlarmFilter::default() };
    store.alarms(&filter, &Regions::All, i64::MAX, 100).await.unwrap()
}

/// An order went to the meter, and this became of it.
async fn ordered(store: &Store, order: i64, home: Home, outcome: AttemptOutcome, at: Moment) {
    let id = Id::new(order);
    assert!(matches!(intend(store, id, home, at).await, chaobiao::store::supply::Intended::Kept(_)));
    let (kept, _) = store.last_attempt(id, home.point).await.unwrap().unwrap();
    store.note_outcome(&kept, (outcome, ""), at, at).await.unwrap();
}

#[tokio::test]
async fn t03_a_relay_that_moves_without_an_order_is_told_and_one_that_obeys_is_not() {
    on_both(async |fresh| {
        let homes = town(fresh, 2).await;
        let (store, [first, second]) = (&fresh.store, [homes[0], homes[1]]);
        for home in [first, second] {
            tell(store, home.meter, CLOSED, now().minus(HOUR)).await;
        }
        assert_eq!(alarms(store, AlarmKind::RelayMoved).await.len(), 0, "where it begins");

        let id = armed(store, &cut(&homes[..1], now()), now()).await;
        ordered(store, id.number(), first, AttemptOutcome::Accepted, now()).await;
        for (home, at) in [(first, HOUR), (second, HOUR), (second, HOUR * 2)] {
            tell(store, home.meter, OPEN, now().plus(at)).await;
        }
        let told = alarms(store, AlarmKind::RelayMoved).await;
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].detail.contains("is open") && told[0].ended_at.is_none(), "{told:?}");
        assert!(told[0].area.is_some(), "for those who may see the area");

        // The customer presses the key long after the permit: still by an order. Closed again by nobody is told.
        let later = now().plus(HOUR * 3);
        let back = store.ask_order(&acting("li", later), &restore(&homes[..1], later), &LIMITS, later).await;
        let id = back.unwrap().id;
        store.arm_point((id, first.point), later, &LIMITS, later).await.unwrap();
        ordered(store, id.number(), first, AttemptOutcome::Unknown, later).await;
        tell(store, first.meter, CLOSED, later.plus(DAY)).await;
        assert_eq!(alarms(store, AlarmKind::RelayMoved).await.len(), 1);
        tell(store, second.meter, CLOSED, later.plus(DAY)).await;
        tell(store, first.meter, OPEN, later.plus(DAY * 2)).await;
        let told = alarms(store, AlarmKind::RelayMoved).await;
        assert_eq!(told.iter().map(|alarm| alarm.count).collect::<Vec<_>>(), [1, 2], "{told:?}");
    })
    .await;
}

#[tokio::test]
async fn t03_an_order_that_was_refused_or_never_sent_explains_nothing() {
    on_both(async |fresh| {
        let homes = town(fresh, 2).await;
        let store = &fresh.store;
        for (home, outcome) in homes.iter().zip([AttemptOutcome::Refused, AttemptOutcome::NotSent]) {
            tell(store, home.meter, CLOSED, now().minus(HOUR)).await;
            let id = armed(store, &cut(std::slice::from_ref(home), now()), now()).await;
            ordered(store, id.number(), *home, outcome, now()).await;
            tell(store, home.meter, OPEN, now().plus(HOUR)).await;
        }
        assert_eq!(alarms(store, AlarmKind::RelayMoved).await.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn t03_who_works_at_a_meter_is_told_once() {
    on_both(async |fresh| {
        let home = town(fresh, 1).await[0];
        let store = &fresh.store;
        let notes = |kind: &str, began: &[&str]| Notes {
            event_counts: vec![EventCount {
                meter: home.meter,
                kind: kind.to_owned(),
                count: i64::try_from(began.len()).unwrap(),
                at: now(),
            }],
            events: began
                .iter()
                .map(|began| MeterEvent {
                    meter: home.meter,
                    kind: kind.to_owned(),
                    began: (*began).to_owned(),
                    record: "{}".to_owned(),
                    collected_at: now(),
                })
                .collect(),
            ..Notes::default()
        };
        for kind in ["03300400", "03110000"] {
            save(store, notes(kind, &["2026-11-01 08:00:00"]), now()).await;
        }
        assert_eq!(alarms(store, AlarmKind::MeterTouched).await.len(), 0, "where it begins");
        for kind in ["03300400", "03110000"] {
            for _ in 0..2 {
                save(store, notes(kind, &["2026-11-01 08:00:00", "2026-11-27 23:10:00"]), now()).await;
            }
        }
        let told = alarms(store, AlarmKind::MeterTouched).await;
        assert_eq!((told.len(), told[0].count), (1, 1), "{told:?}");
        assert!(told[0].detail.contains("clock set, 2026-11-27 23:10:00"), "{told:?}");
    })
    .await;
}
