//! What is found to be done: each kind of work by itself, some of each line, and what is damaged beside it.

use chaobiao::domain::access::Regions;
use chaobiao::domain::supply::{OrderState, SupplyOrder};
use chaobiao::domain::{AlarmKind, Coded, Id, MeterPath};
use chaobiao::store::Store;
use chaobiao::store::archive::Saving;
use chaobiao::store::supply::{
    AttemptOutcome, HandedOver, HowSent, Intended, Intent, NOT_AUTHORISED, NewOrder, Work,
};

use super::doubts::{alarms, back, seen, sent};
use super::ready::{HOUR, acting, cut, restore, run};
use super::steps::{armed, intend, look, state};
use super::{LIMITS, now, town};
use crate::archive::entry;
use crate::on_both;

/// The points that are found for some work, and how many lines they are on.
async fn found(store: &Store, work: Work, limits: (u32, u32)) -> (Vec<Id<SupplyOrder>>, usize) {
    let found = store.due_points(now().plus(HOUR), work, limits).await.unwrap();
    let lines: std::collections::HashSet<_> = found.points.iter().map(|on| on.line.clone()).collect();
    (found.points.iter().map(|on| on.due.order).collect(), lines.len())
}

#[tokio::test]
async fn f48_what_waits_for_one_line_or_of_one_kind_hides_nothing_else_that_is_due() {
    on_both(async |fresh| {
        let homes = town(fresh, 60).await;
        let store = &fresh.store;
        // The last homes are on a line, and behind a terminal, of their own.
        let terminal = MeterPath::Terminal {
            terminal: "1100-3039".to_owned(),
            measuring_point: 7,
            port: Some(31),
            baud: None,
            parity: None,
        };
        let line = MeterPath::Line { line: "L2".to_owned(), baud: None, parity: None };
        for (number, path) in [(58, line.clone()), (59, line), (60, terminal)] {
            let mut moved = entry(number);
            moved.point.area = Some(format!("台区{number}"));
            moved.meter.path = path;
            store.save_archive(&[moved], now(), Saving::Confirmed).await.unwrap();
        }
        let sent_cut = armed(store, &cut(&homes[57..58], now()), now()).await;
        sent(store, sent_cut, homes[57], AttemptOutcome::Unknown, now()).await;
        let old = store
            .ask_order(&acting("li", now()), &restore(&homes[..55], now()), &LIMITS, now())
            .await
            .unwrap()
            .id;
        let later = now().plus(HOUR / 2);
        let li = acting("li", later);
        let new = store.ask_order(&li, &restore(&homes[58..], later), &LIMITS, later).await.unwrap().id;
        let hold = NewOrder {
            kind: chaobiao::domain::supply::OrderKind::HoldOn,
            reason: chaobiao::domain::supply::Reason::Protection,
            ..restore(&homes[55..57], later)
        };
        let hold = store.ask_order(&li, &hold, &LIMITS, later).await.unwrap().id;
        let (orders, lines) = found(store, Work::GiveBack, (2, 10)).await;
        assert_eq!(
            (orders, lines),
            (vec![old, old, new, new], 3),
            "two of each line, those that wait longest first"
        );
        assert_eq!(found(store, Work::GiveBack, (2, 3)).await.0, [old, old, new]);
        assert_eq!(found(store, Work::See, (2, 10)).await.0, [sent_cut]);
        assert_eq!(found(store, Work::Hold, (1, 10)).await.0, [hold]);
        for work in [Work::SeeBack, Work::Send, Work::SeeHeld] {
            assert!(found(store, work, (2, 10)).await.0.is_empty(), "{work:?}");
        }
        // What was sent is another kind of work.
        for point in [homes[0], homes[55]] {
            let id = if point.point == homes[0].point { old } else { hold };
            assert_eq!(store.arm_point((id, point.point), now(), &LIMITS, now()).await.unwrap(), []);
            sent(store, id, point, AttemptOutcome::Accepted, now()).await;
        }
        assert_eq!(found(store, Work::SeeBack, (2, 10)).await.0, [old]);
        assert_eq!(found(store, Work::SeeHeld, (2, 10)).await.0, [hold]);
        // What cannot be read is told of, once, and hides nothing.
        run(&fresh.address, &format!("UPDATE supply_order SET kind = 99 WHERE id = {sent_cut}")).await;
        let all = store.due_points(later, Work::See, (2, 10)).await.unwrap();
        let [damaged] = &all.damaged[..] else { panic!("{all:?}") };
        assert_eq!((damaged.order, damaged.point, all.points.len()), (sent_cut, homes[57].point, 0));
        assert!(store.tell_damaged(damaged, later).await.unwrap());
        assert!(!store.tell_damaged(damaged, later).await.unwrap(), "once");
        assert_eq!(alarms(store).await, [AlarmKind::OrderUnknown]);
        assert_eq!(Work::TABLE.len(), 6);
    })
    .await;
}

#[tokio::test]
async fn f51_no_more_cuts_of_an_order_are_under_way_than_a_batch_is_judged_by() {
    on_both(async |fresh| {
        let homes = town(fresh, 1).await;
        let (store, point) = (&fresh.store, homes[0].point);
        let id = armed(store, &cut(&homes, now()), now()).await;
        // Others of the order: five are being sent, five accepted, and of one it is not known what it did.
        let others = format!(
            "INSERT INTO supply_order_point (order_id, point_id, meter_id, customer_id, area_id, state, changed_at, due_at, \
                 objections, proof, told) \
             SELECT {id}, p.id, n.meter_id, p.customer_id, p.area_id, CASE WHEN p.id % 2 = 0 THEN 5 ELSE 6 END, 0, 0, '', '', 0 \
             FROM metering_point p JOIN installation n ON n.point_id = p.id AND n.removed_at IS NULL \
             WHERE p.id <> {point} ORDER BY p.id LIMIT 11"
        );
        run(&fresh.address, &others).await;
        let one = format!("(SELECT max(point_id) FROM supply_order_point WHERE order_id = {id} AND state = 6)");
        let unknown = format!("UPDATE supply_order_point SET state = 8 WHERE order_id = {id} AND point_id = {one}");
        run(&fresh.address, &unknown).await;
        assert!(store.waits_for_its_batch(id, point, now()).await.unwrap());
        assert_eq!(intend(store, id, homes[0], now()).await, Intended::Waits);
        assert!(store.last_attempt(id, point).await.unwrap().is_none());
        let view = store.supply_order(id, &Regions::All).await.unwrap().unwrap();
        let waiting = view.points.iter().find(|waiting| waiting.ordered.point == point).unwrap();
        assert_eq!(waiting.state, OrderState::Armed);
        assert!(waiting.due_at > now() && waiting.due_at < now().plus(HOUR / 60), "{waiting:?}");
        run(&fresh.address, &unknown.replace("state = 8 ", "state = 9 ")).await;
        assert!(!store.waits_for_its_batch(id, point, now()).await.unwrap());
        assert_ne!(intend(store, id, homes[0], now()).await, Intended::Waits);
    })
    .await;
}

#[tokio::test]
async fn f48_a_refusal_that_is_not_of_the_password_is_looked_at_and_one_that_is_ends_it() {
    on_both(async |fresh| {
        let homes = town(fresh, 3).await;
        let store = &fresh.store;
        for (home, detail, expected) in
            [(homes[0], "refused", OrderState::Unknown), (homes[1], NOT_AUTHORISED, OrderState::Rejected)]
        {
            let id = back(store, &restore(&[home], now()), home, now()).await;
            assert_eq!(store.how_sent(id, home.point).await.unwrap(), HowSent::default());
            assert!(matches!(intend(store, id, home, now()).await, Intended::Kept(_)));
            let (attempt, _) = store.last_attempt(id, home.point).await.unwrap().unwrap();
            store.note_outcome(&attempt, (AttemptOutcome::Refused, detail), now(), now()).await.unwrap();
            assert_eq!(state(store, id).await, expected, "{detail}");
            let told =
                if expected == OrderState::Rejected { vec![AlarmKind::RestoreRefused] } else { vec![] };
            assert_eq!(alarms(store).await, told, "{detail}");
            let how = store.how_sent(id, home.point).await.unwrap();
            assert_eq!(how, HowSent { unread_at: Some(now()), was_refused: true });
        }
        // A cut that is refused is at its end, whatever the reason.
        let id = armed(store, &cut(&homes[2..], now()), now()).await;
        assert!(matches!(intend(store, id, homes[2], now()).await, Intended::Kept(_)));
        let (attempt, _) = store.last_attempt(id, homes[2].point).await.unwrap().unwrap();
        store.note_outcome(&attempt, (AttemptOutcome::Refused, "refused"), now(), now()).await.unwrap();
        assert_eq!(state(store, id).await, OrderState::Rejected);
    })
    .await;
}

#[tokio::test]
async fn f48_what_was_sent_without_the_clock_of_a_meter_is_known() {
    on_both(async |fresh| {
        let homes = town(fresh, 3).await;
        let store = &fresh.store;
        for (home, told, is_unread) in [
            (homes[0], r#"{"clock_offset_seconds":null,"status":80}"#, true),
            (homes[1], r#"{"clock_offset_seconds":-7,"status":null}"#, false),
            (homes[2], r#"{"clock_offset_seconds":"absurd"}"#, false),
        ] {
            let id = back(store, &restore(&[home], now()), home, now()).await;
            let before =
                chaobiao::store::supply::BeforeRecord { look: Some(look(now(), 0)), told: told.to_owned() };
            let expires = now().plus(HOUR / 12);
            let intent = Intent { order: id, point: home.point, expires, before: &before, found: &[] };
            assert!(matches!(store.intend(&intent, &LIMITS, now()).await.unwrap(), Intended::Kept(_)));
            let how = store.how_sent(id, home.point).await.unwrap();
            assert_eq!(how.unread_at, is_unread.then(now), "{told}");
            // What was certainly not sent does not count.
            let (attempt, _) = store.last_attempt(id, home.point).await.unwrap().unwrap();
            store.note_outcome(&attempt, (AttemptOutcome::NotSent, ""), now(), now()).await.unwrap();
            assert_eq!(store.how_sent(id, home.point).await.unwrap(), HowSent::default());
        }
    })
    .await;
}

#[tokio::test]
async fn i13_what_is_handed_over_says_why_and_is_looked_at_where_it_may_have_been_obeyed() {
    on_both(async |fresh| {
        let homes = town(fresh, 2).await;
        let store = &fresh.store;
        for (home, was_sent) in [(homes[0], false), (homes[1], true)] {
            let id = back(store, &restore(&[home], now()), home, now()).await;
            if was_sent {
                sent(store, id, home, AttemptOutcome::Unknown, now()).await;
                seen(store, id, home, (chaobiao::domain::supply::OrderEvent::TryAgain, "still_open"), now())
                    .await;
            }
            let over = HandedOver {
                order: id,
                point: home.point,
                why: Some("no_password"),
                words: Some(("未保存该表密码", "no password")),
                tell: (AlarmKind::RestoreHandedOver, 1),
            };
            let expected = if was_sent { OrderState::Unknown } else { OrderState::Failed };
            assert_eq!(store.hand_over(&over, now()).await.unwrap(), expected);
            let view = store.supply_order(id, &Regions::All).await.unwrap().unwrap();
            assert_eq!(view.points[0].proof, "no_password");
        }
        assert_eq!(alarms(store).await, [AlarmKind::RestoreHandedOver; 2]);
    })
    .await;
}
