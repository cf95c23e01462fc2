//! What is taken back, restored or paid while something is under way is sent no more, whatever the clock says.

use chaobiao::domain::supply::{CalendarKind, Objection, OrderEvent, OrderState};
use chaobiao::domain::{AlarmKind, Day, Moment};
use chaobiao::store::archive::Saving;
use chaobiao::store::supply::{AttemptOutcome, CalendarEntry, Intended, PaymentEntry};

use super::doubts::{alarms, back, seen, sent};
use super::ready::{HOUR, Home, acting, cut, restore, run};
use super::steps::{armed, intend, state};
use super::{LIMITS, now, objections, town};
use crate::archive::entry;
use crate::{Fresh, on_both};

fn found(intended: Intended) -> Vec<Objection> {
    match intended {
        Intended::Objected(found) => found,
        other => panic!("{other:?}"),
    }
}

fn payment(home: Home, at: Moment) -> PaymentEntry {
    PaymentEntry { customer: home.customer, reference: "P1".to_owned(), amount_fen: 1, paid_at: at }
}

#[tokio::test]
async fn i08_f45_an_order_that_is_taken_back_while_it_is_being_sent_is_sent_no_more() {
    on_both(async |fresh: &Fresh| {
        let homes = town(fresh, 2).await;
        let (store, li) = (&fresh.store, acting("li", now()));
        let id = armed(store, &cut(&homes, now()), now()).await;
        assert!(matches!(intend(store, id, homes[0], now()).await, Intended::Kept(_)));
        assert_eq!(store.cancel_order(&li, id, now()).await.unwrap(), OrderState::Sending);
        // Nothing of it had left.
        let (attempt, _) = store.last_attempt(id, homes[0].point).await.unwrap().unwrap();
        store.note_outcome(&attempt, (AttemptOutcome::NotSent, ""), now(), now()).await.unwrap();
        assert_eq!(found(intend(store, id, homes[0], now()).await), [Objection::TakenBack]);
        assert_eq!(state(store, id).await, OrderState::Cancelled);
        assert_eq!(objections(store.cancel_order(&li, id, now()).await), [Objection::WrongState]);
        assert_eq!(alarms(store).await, []);
    })
    .await;
}

#[tokio::test]
async fn i08_f47_a_cut_that_is_taken_back_while_it_is_unknown_is_not_tried_again() {
    on_both(async |fresh: &Fresh| {
        let homes = town(fresh, 1).await;
        let (store, home, li) = (&fresh.store, homes[0], acting("li", now()));
        let id = armed(store, &cut(&homes, now()), now()).await;
        sent(store, id, home, AttemptOutcome::Unknown, now()).await;
        assert_eq!(store.cancel_order(&li, id, now()).await.unwrap(), OrderState::Unknown);
        assert_eq!(objections(store.cancel_order(&li, id, now()).await), [Objection::WrongState]);
        let later = now().plus(HOUR / 6);
        seen(store, id, home, (OrderEvent::TryAgain, "still_closed"), later).await;
        assert_eq!(found(intend(store, id, home, later).await), [Objection::TakenBack]);
        assert_eq!(state(store, id).await, OrderState::Cancelled);
    })
    .await;
}

#[tokio::test]
async fn i08_i13_a_restore_that_is_taken_back_while_it_is_unknown_is_sent_no_more_and_looked_at() {
    on_both(async |fresh: &Fresh| {
        let homes = town(fresh, 1).await;
        let (store, home, li) = (&fresh.store, homes[0], acting("li", now()));
        let id = back(store, &restore(&homes, now()), home, now()).await;
        sent(store, id, home, AttemptOutcome::Unknown, now()).await;
        assert_eq!(store.cancel_order(&li, id, now()).await.unwrap(), OrderState::Unknown);
        seen(store, id, home, (OrderEvent::TryAgain, "still_open"), now()).await;
        assert_eq!(found(intend(store, id, home, now()).await), [Objection::TakenBack]);
        assert_eq!(state(store, id).await, OrderState::Unknown, "it may have been obeyed");
    })
    .await;
}

#[tokio::test]
async fn i09_f33_supply_that_was_given_back_counts_whatever_the_clock_says() {
    on_both(async |fresh: &Fresh| {
        let homes = town(fresh, 1).await;
        let (store, home) = (&fresh.store, homes[0]);
        let id = armed(store, &cut(&homes, now()), now()).await;
        sent(store, id, home, AttemptOutcome::Unknown, now()).await;
        // The clock was an hour fast when the cut was ordered.
        let set_back = now().minus(HOUR);
        store
            .ask_order(&acting("li", set_back), &restore(&homes, set_back), &LIMITS, set_back)
            .await
            .unwrap();
        let later = now().plus(HOUR / 6);
        seen(store, id, home, (OrderEvent::TryAgain, "still_closed"), later).await;
        let found = found(intend(store, id, home, later).await);
        assert!(found.contains(&Objection::RestoredSince), "{found:?}");
    })
    .await;
}

#[tokio::test]
async fn f45_f48_a_payment_that_finds_a_cut_under_way_counts_whatever_the_clock_says_and_is_told() {
    on_both(async |fresh: &Fresh| {
        let homes = town(fresh, 2).await;
        let (store, home) = (&fresh.store, homes[0]);
        let id = armed(store, &cut(&homes, now()), now()).await;
        sent(store, id, home, AttemptOutcome::Unknown, now()).await;
        let intended = intend(store, id, homes[1], now()).await;
        assert!(matches!(intended, Intended::Kept(_)), "{intended:?}");
        let set_back = now().minus(HOUR);
        let billing = acting("billing", set_back);
        let payments: Vec<_> = homes.iter().map(|home| payment(*home, set_back)).collect();
        let paid = store.enter_payments(&billing, &payments, set_back).await.unwrap();
        assert_eq!((paid.taken_back, paid.under_way.len()), (0, 2));
        assert_eq!(alarms(store).await, [AlarmKind::RestoreHandedOver], "the other may be held back yet");
        let (attempt, _) = store.last_attempt(id, homes[1].point).await.unwrap().unwrap();
        store.note_outcome(&attempt, (AttemptOutcome::Accepted, ""), now(), now()).await.unwrap();
        assert_eq!(alarms(store).await, [AlarmKind::RestoreHandedOver; 2]);
        let later = now().plus(HOUR / 6);
        seen(store, id, home, (OrderEvent::TryAgain, "still_closed"), later).await;
        let found = found(intend(store, id, home, later).await);
        assert!(found.contains(&Objection::Paid), "{found:?}");
    })
    .await;
}

#[tokio::test]
async fn i13_supply_that_will_not_be_ordered_again_is_not_said_to_be() {
    on_both(async |fresh: &Fresh| {
        let homes = town(fresh, 1).await;
        let (store, home) = (&fresh.store, homes[0]);
        let id = armed(store, &cut(&homes, now()), now()).await;
        sent(store, id, home, AttemptOutcome::Accepted, now()).await;
        let later = now().plus(HOUR / 60);
        let failed = back(store, &restore(&homes, later), home, later).await;
        seen(store, failed, home, (OrderEvent::GiveUp, "not_sent"), later).await;
        seen(store, id, home, (OrderEvent::SeeOpen, "open"), later).await;
        let told = super::doubts::told(store).await;
        assert!(
            told.len() == 1 && told.iter().all(|text| text.contains("order supply back anew")),
            "{told:?}"
        );
        assert_eq!(state(store, failed).await, OrderState::Failed);
    })
    .await;
}

#[tokio::test]
async fn f54_a_point_that_has_moved_is_not_cut_on_a_day_without_cuts_of_where_it_is_now() {
    on_both(async |fresh: &Fresh| {
        let homes = town(fresh, 1).await;
        let (store, home) = (&fresh.store, homes[0]);
        let id = armed(store, &cut(&homes, now()), now()).await;
        let mut moved = entry(1);
        moved.point.area = Some("台区200".to_owned());
        store.save_archive(&[moved], now(), Saving::Confirmed).await.unwrap();
        let areas = store.names_of_areas().await.unwrap();
        let area = areas.iter().find(|(_, name)| *name == "台区200").map(|(area, _)| *area);
        let day = CalendarEntry { day: Day::of(now()), area, kind: CalendarKind::Heat };
        store.enter_calendar(&acting("li", now()), &[day], now()).await.unwrap();
        assert_eq!(found(intend(store, id, home, now()).await), [Objection::NoCutDay]);
        run(&fresh.address, "DELETE FROM supply_calendar").await;
        assert!(matches!(intend(store, id, home, now()).await, Intended::Kept(_)));
    })
    .await;
}
