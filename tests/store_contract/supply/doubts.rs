//! What is undone, left off or finished while a home is dark: somebody is always told.

use chaobiao::domain::access::Regions;
use chaobiao::domain::supply::{Objection, OrderEvent, OrderState, Reason, SupplyOrder};
use chaobiao::domain::{AlarmKind, Id, Moment};
use chaobiao::store::Store;
use chaobiao::store::alarm::AlarmFilter;
use chaobiao::store::supply::{AttemptOutcome, Intended, LateRestore, NewOrder, PaymentEntry, Seen, Work};

use super::ready::{HOUR, Home, acting, cut, restore, run};
use super::steps::{armed, intend, state};
use super::{LIMITS, now, town};
use crate::{Fresh, on_both};

pub(super) async fn alarms(store: &Store) -> Vec<AlarmKind> {
    let filter = AlarmFilter { is_open: true, ..AlarmFilter::default() };
    let found = store.alarms(&filter, &Regions::All, i64::MAX, 100).await.unwrap();
    found.into_iter().map(|alarm| alarm.kind).collect()
}

/// What open alarms say in English.
pub(super) async fn told(store: &Store) -> Vec<String> {
    let filter = AlarmFilter { is_open: true, ..AlarmFilter::default() };
    let found = store.alarms(&filter, &Regions::All, i64::MAX, 100).await.unwrap();
    found.into_iter().map(|alarm| alarm.detail).collect()
}

/// What is seen of an order whose frame was sent.
pub(super) async fn seen(
    store: &Store,
    id: Id<SupplyOrder>,
    home: Home,
    (event, proof): (OrderEvent, &str),
    at: Moment,
) {
    let seen = Seen {
        order: id,
        point: home.point,
        look: None,
        event: Some(event),
        proof,
        due: at,
        tell: None,
        over: &[],
    };
    store.note_seen(&seen, at).await.unwrap();
}

/// Sends an order that is armed, with this outcome.
pub(super) async fn sent(
    store: &Store,
    id: Id<SupplyOrder>,
    home: Home,
    outcome: AttemptOutcome,
    at: Moment,
) {
    let found = intend(store, id, home, at).await;
    assert!(matches!(found, Intended::Kept(_)), "{found:?}");
    let (attempt, _) = store.last_attempt(id, home.point).await.unwrap().unwrap();
    store.note_outcome(&attempt, (outcome, ""), at, at).await.unwrap();
}

/// Supply for a home, on its way.
pub(super) async fn back(store: &Store, new: &NewOrder, home: Home, at: Moment) -> Id<SupplyOrder> {
    let asked = store.ask_order(&acting("li", at), new, &LIMITS, at).await.unwrap();
    assert_eq!(store.arm_point((asked.id, home.point), at, &LIMITS, at).await.unwrap(), []);
    asked.id
}

#[tokio::test]
async fn i09_a_cut_that_is_read_open_behind_a_restore_is_told_and_supply_is_ordered_again() {
    on_both(async |fresh| {
        let homes = town(fresh, 1).await;
        let (store, home) = (&fresh.store, homes[0]);
        let id = armed(store, &cut(&homes, now()), now()).await;
        sent(store, id, home, AttemptOutcome::Unknown, now()).await;
        let later = now().plus(HOUR / 60);
        let restored = back(store, &restore(&homes, later), home, later).await;
        sent(store, restored, home, AttemptOutcome::Accepted, later).await;
        seen(store, restored, home, (OrderEvent::SeeClosed, "closed"), later).await;
        assert_eq!(alarms(store).await, []);
        let open = later.plus(HOUR / 60);
        seen(store, id, home, (OrderEvent::SeeOpen, "open"), open).await;
        assert_eq!(alarms(store).await, [AlarmKind::RestoreHandedOver]);
        assert_eq!(state(store, restored).await, OrderState::Armed, "it is sent again");
        assert_eq!(store.next_due().await.unwrap(), Some(open));
        // What was open before supply was ordered back is no surprise.
        assert_eq!(state(store, id).await, OrderState::VerifiedOpen);
    })
    .await;
}

#[tokio::test]
async fn f48_finishing_an_order_hides_nobody_who_has_paid_and_is_dark() {
    on_both(async |fresh| {
        let homes = town(fresh, 1).await;
        let (store, home) = (&fresh.store, homes[0]);
        let li = acting("li", now());
        let id = armed(store, &cut(&homes, now()), now()).await;
        sent(store, id, home, AttemptOutcome::Accepted, now()).await;
        seen(store, id, home, (OrderEvent::SeeOpen, "open"), now()).await;
        assert_eq!(store.finish_order(&li, id, now()).await.unwrap(), OrderState::Done);
        let later = now().plus(HOUR);
        let reference = "payment".to_owned();
        let payment = PaymentEntry { customer: home.customer, reference, amount_fen: 20_000, paid_at: later };
        store.enter_payments(&acting("billing", later), &[payment], later).await.unwrap();
        let late = [LateRestore { point: home.point, cut: id, since: later }];
        assert_eq!(store.late_restores().await.unwrap(), late, "the cut was finished before");
        let failed = back(store, &restore(&homes, later), home, later).await;
        assert_eq!(store.late_restores().await.unwrap(), [], "it is on its way");
        seen(store, failed, home, (OrderEvent::GiveUp, "not_sent"), later).await;
        assert_eq!(store.late_restores().await.unwrap(), late);
        assert_eq!(store.finish_order(&li, failed, later).await.unwrap(), OrderState::Done);
        assert_eq!(
            store.late_restores().await.unwrap(),
            late,
            "what failed is not better for being finished"
        );
        assert_eq!(store.tell_late_restores(later.plus(HOUR)).await.unwrap(), 1);
        let closed = back(store, &restore(&homes, later), home, later).await;
        sent(store, closed, home, AttemptOutcome::Accepted, later).await;
        seen(store, closed, home, (OrderEvent::SeeClosed, "closed"), later).await;
        assert_eq!(store.finish_order(&li, closed, later).await.unwrap(), OrderState::Done);
        assert_eq!(store.late_restores().await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn t27_the_record_of_a_cut_names_what_gave_supply_back_behind_it_and_before_the_next() {
    on_both(async |fresh| {
        let homes = town(fresh, 2).await;
        let (store, home) = (&fresh.store, homes[0]);
        let minute = |count: u32| now().plus(HOUR / 60 * count);
        let first = armed(store, &cut(&homes, now()), now()).await;
        let of = async |id| store.restores_after(id).await.unwrap();
        back(store, &restore(&homes[1..], now()), homes[1], now()).await;
        assert_eq!(of(first).await, [], "nothing was sent there");
        sent(store, first, home, AttemptOutcome::Accepted, minute(1)).await;
        seen(store, first, home, (OrderEvent::SeeOpen, "open"), minute(2)).await;
        let failed = back(store, &restore(&[home], minute(3)), home, minute(3)).await;
        seen(store, failed, home, (OrderEvent::GiveUp, "not_sent"), minute(4)).await;
        let closed = back(store, &restore(&[home], minute(5)), home, minute(5)).await;
        sent(store, closed, home, AttemptOutcome::Accepted, minute(5)).await;
        seen(store, closed, home, (OrderEvent::SeeClosed, "closed"), minute(6)).await;
        assert_eq!(of(first).await, [(home.point, failed), (home.point, closed)]);
        let second = armed(store, &cut(&[home], minute(7)), minute(7)).await;
        sent(store, second, home, AttemptOutcome::Accepted, minute(7)).await;
        seen(store, second, home, (OrderEvent::SeeOpen, "open"), minute(8)).await;
        assert_eq!(of(second).await, [], "that was before");
        let last = back(store, &restore(&[home], minute(9)), home, minute(9)).await;
        sent(store, last, home, AttemptOutcome::Accepted, minute(9)).await;
        assert_eq!(of(second).await, [(home.point, last)]);
        assert_eq!(of(first).await, [(home.point, failed), (home.point, closed)]);
    })
    .await;
}

#[tokio::test]
async fn i12_another_customer_at_the_point_takes_no_restore_back_and_another_meter_is_told() {
    on_both(async |fresh: &Fresh| {
        let homes = town(fresh, 3).await;
        let store = &fresh.store;
        let other = homes[2].customer;
        for (home, changed) in [
            (
                homes[0],
                format!("UPDATE metering_point SET customer_id = {other} WHERE id = {}", homes[0].point),
            ),
            (
                homes[1],
                format!(
                    "UPDATE installation SET removed_at = {} WHERE point_id = {}",
                    now().micros(),
                    homes[1].point
                ),
            ),
        ] {
            let new = restore(&[home], now());
            let asked = store.ask_order(&acting("li", now()), &new, &LIMITS, now()).await.unwrap();
            run(&fresh.address, &changed).await;
            let found = store.arm_point((asked.id, home.point), now(), &LIMITS, now()).await.unwrap();
            if home.point == homes[0].point {
                assert_eq!((found, alarms(store).await), (vec![], vec![]));
                assert_eq!(state(store, asked.id).await, OrderState::Armed);
            } else {
                assert_eq!(found, [Objection::NotThere]);
                assert_eq!(state(store, asked.id).await, OrderState::Cancelled);
                assert_eq!(alarms(store).await, [AlarmKind::RestoreHandedOver]);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn i12_supply_is_given_back_to_many_at_once_and_without_a_word_why() {
    on_both(async |fresh| {
        let homes = town(fresh, 120).await;
        let (store, li) = (&fresh.store, acting("li", now()));
        let new = NewOrder { reason: Reason::Other, ..restore(&homes, now()) };
        let asked = store.ask_order(&li, &new, &LIMITS, now()).await.unwrap();
        assert_eq!((asked.state, asked.refused), (OrderState::Approved, vec![]));
        let view = store.supply_order(asked.id, &Regions::All).await.unwrap().unwrap();
        assert_eq!(view.points.len(), 120);
        assert!(view.points.iter().all(|point| point.state == OrderState::Approved));
        let due = store.due_points(now(), Work::GiveBack, (1000, 1000)).await.unwrap();
        assert_eq!(due.points.len(), 120);
    })
    .await;
}
