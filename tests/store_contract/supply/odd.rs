//! What is odd and is told of: late restores, far more cuts than usual, and a batch with odd results.

use chaobiao::domain::access::Regions;
use chaobiao::domain::supply::{Objection, OrderKind, Reason};
use chaobiao::domain::{AlarmKind, Day, Id, Moment};
use chaobiao::store::Store;
use chaobiao::store::alarm::AlarmFilter;
use chaobiao::store::supply::{AttemptOutcome, Intended, NewOrder};

use super::happening::happen;
use super::ready::{HOUR, Home, acting, cut, restore};
use super::steps::{armed, intend};
use super::{LIMITS, approve, now, objections, town};
use crate::on_both;

#[tokio::test]
async fn f48_who_has_paid_and_is_without_supply_is_told_of_after_the_promises() {
    on_both(async |fresh| {
        let homes = town(fresh, 1).await;
        let store = &fresh.store;
        let id = armed(store, &cut(&homes, now()), now()).await;
        assert!(matches!(intend(store, id, homes[0], now()).await, Intended::Kept(_)));
        let (attempt, _) = store.last_attempt(id, homes[0].point).await.unwrap().unwrap();
        store.note_outcome(&attempt, (AttemptOutcome::Accepted, ""), now(), now()).await.unwrap();
        assert_eq!(store.late_restores().await.unwrap(), []);
        let paid = now().plus(HOUR);
        happen(fresh, "payment", id, homes[0], paid).await;
        assert_eq!(store.late_restores().await.unwrap()[0].since, paid);
        assert_eq!(store.tell_late_restores(paid.plus(HOUR / 2)).await.unwrap(), 0);
        assert_eq!(store.tell_late_restores(paid.plus(HOUR)).await.unwrap(), 1);
        assert_eq!(store.tell_late_restores(paid.plus(HOUR * 4)).await.unwrap(), 1);
        let back = paid.plus(HOUR * 5);
        store.ask_order(&acting("li", back), &restore(&homes, back), &LIMITS, back).await.unwrap();
        assert_eq!(store.late_restores().await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn f51_a_batch_with_odd_results_stops_itself() {
    on_both(async |fresh| {
        let homes = town(fresh, 24).await;
        stops_itself(&fresh.store, OrderKind::Cut, &homes[..12]).await;
        // The end of a hold takes supply away as well, where the meter is in debt.
        stops_itself(&fresh.store, OrderKind::HoldOff, &homes[12..]).await;
    })
    .await;
}

async fn stops_itself(store: &Store, kind: OrderKind, homes: &[Home]) {
    let reason = if kind == OrderKind::Cut { Reason::Arrears } else { Reason::ProtectionOver };
    let new = NewOrder { kind, reason, ..cut(homes, now()) };
    let asked = store.ask_order(&acting("li", now()), &new, &LIMITS, now()).await.unwrap();
    assert!(asked.is_quarantined, "two percent of 250 are five");
    approve(store, asked.id, "wang", now()).await.unwrap();
    approve(store, asked.id, "zhao", now()).await.unwrap();
    for home in homes {
        assert_eq!(store.arm_point((asked.id, home.point), now(), &LIMITS, now()).await.unwrap(), []);
    }
    for (place, home) in homes[..10].iter().enumerate() {
        assert!(matches!(intend(store, asked.id, *home, now()).await, Intended::Kept(_)), "{place}");
        let (attempt, _) = store.last_attempt(asked.id, home.point).await.unwrap().unwrap();
        let outcome = if place < 3 { AttemptOutcome::Refused } else { AttemptOutcome::Accepted };
        store.note_outcome(&attempt, (outcome, ""), now(), now()).await.unwrap();
    }
    let view = store.supply_order(asked.id, &Regions::All).await.unwrap().unwrap();
    assert!(view.order.has_stopped_itself);
    let found = intend(store, asked.id, homes[10], now()).await;
    assert_eq!(found, Intended::Objected(vec![Objection::StoppedItself]));
}

#[tokio::test]
async fn t31_the_cuts_of_a_day_are_told_of_once_on_the_next_morning() {
    on_both(async |fresh| {
        let homes = town(fresh, 3).await;
        let (store, li) = (&fresh.store, acting("li", now()));
        let morning = Day::of(now()).next().start().plus(HOUR * 7);
        assert!(!store.tell_cuts_of_yesterday(morning).await.unwrap(), "nothing was asked");
        for home in &homes {
            store.ask_order(&li, &cut(&[*home], now()), &LIMITS, now()).await.unwrap();
        }
        let early = Moment::from_micros(morning.micros() - 1);
        assert!(!store.tell_cuts_of_yesterday(early).await.unwrap());
        assert!(store.tell_cuts_of_yesterday(morning).await.unwrap());
        let filter = AlarmFilter { kind: Some(AlarmKind::CutsReport), ..AlarmFilter::default() };
        let told = store.alarms(&filter, &Regions::All, i64::MAX, 10).await.unwrap();
        assert_eq!(told.len(), 1);
        assert_eq!(
            told[0].detail,
            "3 orders, 3 points asked, 0 sent, 0 open; accounts: 1, the most by one of them: 3 points"
        );
        store.acknowledge_alarm(told[0].id, &acting("wang", now()), "", morning).await.unwrap();
        assert!(!store.tell_cuts_of_yesterday(morning.plus(HOUR)).await.unwrap(), "once, seen or not");
        assert!(!store.tell_cuts_of_yesterday(morning.plus(HOUR * 24)).await.unwrap(), "of that day only");
    })
    .await;
}

#[tokio::test]
async fn t31_small_orders_add_up_and_far_more_than_usual_is_told() {
    on_both(async |fresh| {
        let homes = town(fresh, 11).await;
        let (store, li) = (&fresh.store, acting("li", now()));
        let filter = AlarmFilter { kind: Some(AlarmKind::CutPattern), ..AlarmFilter::default() };
        for home in &homes {
            assert_eq!(store.alarms(&filter, &Regions::All, i64::MAX, 10).await.unwrap().len(), 0);
            store.ask_order(&li, &cut(&[*home], now()), &LIMITS, now()).await.unwrap();
            if home.point == homes[9].point {
                break;
            }
        }
        assert_eq!(store.alarms(&filter, &Regions::All, i64::MAX, 10).await.unwrap().len(), 1);
        let asked = store.cuts_of_day(Day::of(now()), &Regions::All).await.unwrap();
        assert_eq!((asked.len(), asked[0].orders, asked[0].points, asked[0].sent), (1, 10, 10, 0));
        assert_eq!(store.cuts_of_day(Day::of(now()).next(), &Regions::All).await.unwrap(), []);
        let elsewhere = Regions::Areas(vec![Id::new(9_999)]);
        assert_eq!(store.cuts_of_day(Day::of(now()), &elsewhere).await.unwrap(), []);
        let done = store.ask_order(&li, &restore(&homes[10..], now()), &LIMITS, now()).await.unwrap();
        assert_eq!(objections(store.finish_order(&li, done.id, now()).await), [Objection::WrongState]);
        let numbers = ["C1".to_owned()];
        assert_eq!(store.customers_numbered(&numbers).await.unwrap(), [Some(homes[0].customer)]);
        let addresses = ["000000000001".to_owned()];
        assert_eq!(store.meters_addressed(&addresses).await.unwrap(), [Some(homes[0].meter)]);
        assert!(store.areas_called(&["台区1".to_owned()]).await.unwrap()[0].is_some());
    })
    .await;
}
