//! Evidence of what has not happened yet: it is refused whatever way it comes, and counts for nothing where it is kept.

use std::time::Duration;

use chaobiao::domain::Moment;
use chaobiao::domain::supply::{NoticeKind, Objection};
use chaobiao::store::supply::{ArrearsEntry, IdentityEntry, NoticeEntry, PaymentEntry, SupplyError};
use chaobiao::store::{Refusal, StoreError};

use super::ready::{DAY, HOUR, Home, acting, cut, run};
use super::{LIMITS, now, objections, town};
use crate::on_both;

fn ahead<T: std::fmt::Debug>(result: Result<T, SupplyError>) -> usize {
    match result {
        Err(SupplyError::Store(StoreError::Refused(Refusal::Ahead(place)))) => place,
        other => panic!("{other:?}"),
    }
}

fn notice(home: Home, given_at: Moment) -> NoticeEntry {
    let (how, given_by) = ("by hand".to_owned(), "Li".to_owned());
    NoticeEntry { point: home.point, kind: NoticeKind::Second, given_at, how, given_by }
}

fn owed(home: Home, as_of: Moment) -> ArrearsEntry {
    ArrearsEntry { customer: home.customer, since: now().minus(DAY * 40), amount_fen: 10_000, as_of }
}

fn paid(home: Home, paid_at: Moment) -> PaymentEntry {
    PaymentEntry { customer: home.customer, reference: "N1".to_owned(), amount_fen: 10_000, paid_at }
}

fn identity(home: Home, verified_at: Moment, is_crossed: bool) -> IdentityEntry {
    let verified_by = "Li".to_owned();
    IdentityEntry { point: home.point, meter: home.meter, verified_at, is_crossed, verified_by }
}

#[tokio::test]
async fn f44_what_has_not_happened_is_no_evidence_whatever_way_it_comes() {
    on_both(async |fresh| {
        let homes = town(fresh, 2).await;
        let (store, li, home) = (&fresh.store, acting("li", now()), homes[0]);
        let (soon, past) = (now().plus(Duration::from_secs(121)), now().minus(HOUR));
        let before = store.evidence_of(home.point, now()).await.unwrap();
        let notices = [notice(home, past), notice(home, soon)];
        assert_eq!(ahead(store.enter_notices(&li, &notices, now()).await), 2);
        for list in [[owed(home, soon), owed(homes[1], past)], [owed(home, past), owed(homes[1], soon)]] {
            let place = if list[0].as_of == soon { 1 } else { 2 };
            assert_eq!(ahead(store.enter_arrears(&li, &list, now()).await), place);
            assert_eq!(ahead(store.add_arrears(&li, &list, now()).await), place);
        }
        let late = ArrearsEntry { since: soon, ..owed(home, past) };
        assert_eq!(ahead(store.add_arrears(&li, &[late], now()).await), 1);
        assert_eq!(ahead(store.enter_payments(&li, &[paid(home, soon)], now()).await), 1);
        assert_eq!(ahead(store.enter_identities(&li, &[identity(home, soon, false)], now()).await), 1);
        assert_eq!(store.evidence_of(home.point, now()).await.unwrap(), before, "nothing was taken");
        // Clocks of others are ahead a little.
        let just = now().plus(Duration::from_secs(120));
        store.enter_notices(&li, &[notice(home, just)], now()).await.unwrap();
        store.enter_payments(&li, &[paid(home, just)], now()).await.unwrap();
    })
    .await;
}

/// What an older version has taken is not believed.
#[tokio::test]
async fn f44_f45_evidence_that_was_entered_for_the_future_counts_for_nothing() {
    on_both(async |fresh| {
        let homes = town(fresh, 2).await;
        let (store, li, home) = (&fresh.store, acting("li", now()), homes[0]);
        // The list names the end of the month, the payment comes behind it.
        store.enter_arrears(&li, &[owed(home, past()), owed(homes[1], past())], past()).await.unwrap();
        let month = now().plus(DAY * 31).micros();
        run(&fresh.address, &format!("UPDATE supply_arrears SET as_of = {month}")).await;
        let asked = store.ask_order(&li, &cut(&[homes[1]], now()), &LIMITS, now()).await;
        assert!(asked.is_ok(), "who has not paid owes: {asked:?}");
        store.enter_payments(&li, &[paid(home, now())], now()).await.unwrap();
        let found = objections(store.ask_order(&li, &cut(&[home], now()), &LIMITS, now()).await);
        assert!(found.contains(&Objection::NoArrears), "{found:?}");
        let shown = store.evidence_of(home.point, now()).await.unwrap().unwrap().arrears.unwrap();
        assert_eq!(shown.left_fen, 0, "and people are told the same");
        let regions = chaobiao::domain::access::Regions::All;
        let overdue = store.overdue_lines(&regions, 100, now()).await.unwrap();
        let owing = overdue.iter().filter(|line| line.owed_fen > 0).count();
        assert_eq!((overdue.len(), owing), (1, 1), "{overdue:?}");
        // A notice of the day before tomorrow was given by nobody.
        let moved = format!("UPDATE supply_notice SET given_at = entered_at + {}", (HOUR * 24).as_micros());
        run(&fresh.address, &moved).await;
        let later = now().plus(DAY * 3);
        let found = objections(store.ask_order(&li, &cut(&[homes[1]], later), &LIMITS, later).await);
        assert!(found.contains(&Objection::NoticeMissing), "{found:?}");
    })
    .await;
}

#[tokio::test]
async fn f53_a_crossed_meter_is_not_hidden_by_what_bears_a_later_time() {
    on_both(async |fresh| {
        let homes = town(fresh, 1).await;
        let (store, li, home) = (&fresh.store, acting("li", now()), homes[0]);
        let crossed = async || {
            let asked = store.ask_order(&li, &cut(&homes, now()), &LIMITS, now()).await;
            let is_said = match &asked {
                Err(SupplyError::Objected(objected)) => {
                    let mut of_points = objected.points.iter().flat_map(|point| &point.objections);
                    of_points.any(|objection| *objection == Objection::CrossedWiring)
                }
                _ => false,
            };
            let shown = store.evidence_of(home.point, now()).await.unwrap().unwrap().identity.unwrap();
            assert_eq!(shown.is_crossed, is_said, "the page and the rules say the same: {asked:?}");
            is_said
        };
        // Found before the last check that is kept, told after it.
        store.enter_identities(&li, &[identity(home, now().minus(DAY * 6), true)], now()).await.unwrap();
        assert!(crossed().await, "it is newer by when it was entered");
        store.enter_identities(&li, &[identity(home, now().minus(HOUR), false)], now()).await.unwrap();
        assert!(!crossed().await, "it was put right, and looked at again");
        // One that bears a time of tomorrow, from before such were refused.
        let moved = format!("UPDATE supply_identity SET verified_at = {}", now().plus(DAY).micros());
        run(&fresh.address, &moved).await;
        store.enter_identities(&li, &[identity(home, now(), true)], now()).await.unwrap();
        assert!(crossed().await);
    })
    .await;
}

fn past() -> Moment {
    now().minus(HOUR)
}
