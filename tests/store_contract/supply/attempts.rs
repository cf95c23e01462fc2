//! What is sent: an attempt from its intent to its proof, the second one, and the restore that takes it back.

use chaobiao::domain::access::Regions;
use chaobiao::domain::supply::{Objection, OrderEvent, OrderKind, OrderState};
use chaobiao::domain::{AlarmKind, AuditEntry};
use chaobiao::store::AuditFilter;
use chaobiao::store::supply::{AttemptOutcome, BeforeRecord, Intended, Intent, OrderFilter, Seen, Work};
use chaobiao::store::view::RelaySource;

use super::ready::{HOUR, acting, cut, restore};
use super::steps::{armed, intend, look, state};
use super::{LIMITS, approve, approved, now, town};
use crate::on_both;

#[tokio::test]
async fn a_cut_goes_its_way_and_everything_is_kept() {
    on_both(async |fresh| {
        let homes = town(fresh, 2).await;
        let store = &fresh.store;
        let id = armed(store, &cut(&homes[..1], now()), now()).await;
        assert_eq!(state(store, id).await, OrderState::Armed);
        let before = BeforeRecord { look: Some(look(now(), 0)), told: "{}".to_owned() };
        let expires = now().plus(HOUR / 12);
        let intent = Intent { order: id, point: homes[0].point, expires, before: &before, found: &[] };
        let Intended::Kept(attempt) = store.intend(&intent, &LIMITS, now()).await.unwrap() else { panic!() };
        assert_eq!(state(store, id).await, OrderState::Sending);
        let (kept, looks) = store.last_attempt(id, homes[0].point).await.unwrap().unwrap();
        assert_eq!((kept.id, kept.outcome, kept.number, &kept.before), (attempt, None, 1, &before));
        assert_eq!(looks, []);
        store.note_outcome(&kept, (AttemptOutcome::Accepted, "9C"), now(), now()).await.unwrap();
        let seen = Seen {
            order: id,
            point: homes[0].point,
            look: Some((attempt, look(now(), 0x50))),
            event: None,
            proof: "second_look",
            due: now().plus(HOUR),
            tell: None,
            over: &[],
        };
        assert_eq!(store.note_seen(&seen, now()).await.unwrap(), OrderState::Accepted);
        assert_eq!(store.next_due().await.unwrap(), Some(now().plus(HOUR)));
        let later = now().plus(HOUR / 60);
        let seen = Seen {
            look: Some((attempt, look(later, 0x50))),
            event: Some(OrderEvent::SeeOpen),
            proof: "open",
            tell: Some((AlarmKind::CutNotProven, 1)),
            over: &[AlarmKind::CutNotProven],
            ..seen
        };
        assert_eq!(store.note_seen(&seen, later).await.unwrap(), OrderState::VerifiedOpen);
        let (kept, looks) = store.last_attempt(id, homes[0].point).await.unwrap().unwrap();
        assert_eq!((kept.outcome, looks.len()), (Some(AttemptOutcome::Accepted), 2));
        let view = store.supply_order(id, &Regions::All).await.unwrap().unwrap();
        assert_eq!((view.points[0].state, view.points[0].proof.as_str()), (OrderState::VerifiedOpen, "open"));
        assert_eq!((view.approvals.len(), view.attempts.len(), view.notices.len()), (1, 1, 3));
        let relay = store.relay_seen(view.points[0].ordered.meter).await.unwrap().unwrap();
        assert_eq!((relay.word.bits(), relay.at, relay.source), (0x50, later, RelaySource::Order(id)));
        assert_eq!(store.next_due().await.unwrap(), None);
        let listed = store.supply_orders(&OrderFilter::default(), &Regions::All, i64::MAX, 10).await.unwrap();
        let nowhere = Regions::Areas(vec![]);
        let there: Vec<_> = view.points.iter().filter_map(|point| point.area).collect();
        for (regions, count) in [(&Regions::Areas(there), 1), (&nowhere, 0)] {
            let within = store.supply_orders(&OrderFilter::default(), regions, i64::MAX, 10).await.unwrap();
            assert_eq!(within.len(), count, "{regions:?}");
        }
        assert_eq!(listed, [view.order]);
        assert_eq!(store.supply_order(id, &nowhere).await.unwrap(), None);
        let filter = AuditFilter { order: Some(id.number()), ..AuditFilter::default() };
        let entries = store.audit_before(&filter, i64::MAX, 100).await.unwrap();
        let actions: Vec<_> = entries.iter().rev().map(|entry| entry.action.as_str()).collect();
        assert_eq!(
            actions,
            ["order.submit", "order.approve", "order.arm", "order.intent", "order.sent", "order.seen"]
        );
    })
    .await;
}

#[tokio::test]
async fn f28_what_was_being_sent_is_unknown_after_a_restart() {
    on_both(async |fresh| {
        let homes = town(fresh, 1).await;
        let store = &fresh.store;
        assert_eq!(store.recover_attempts(now()).await.unwrap(), 0);
        let id = armed(store, &cut(&homes, now()), now()).await;
        assert!(matches!(intend(store, id, homes[0], now()).await, Intended::Kept(_)));
        assert!(matches!(intend(store, id, homes[0], now()).await, Intended::Objected(_)), "one at a time");
        assert_eq!(store.recover_attempts(now()).await.unwrap(), 1);
        assert_eq!(state(store, id).await, OrderState::Unknown);
        let (attempt, _) = store.last_attempt(id, homes[0].point).await.unwrap().unwrap();
        assert_eq!(attempt.outcome, Some(AttemptOutcome::Unknown));
        assert!(store.note_outcome(&attempt, (AttemptOutcome::Accepted, ""), now(), now()).await.is_err());
        assert_eq!(store.recover_attempts(now()).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn f41_after_a_backup_all_approvals_are_void() {
    on_both(async |fresh| {
        let homes = town(fresh, 3).await;
        let store = &fresh.store;
        let armed_one = armed(store, &cut(&homes[..1], now()), now()).await;
        let approved_one = approved(store, &cut(&homes[1..2], now()), now()).await;
        let back = store
            .ask_order(&acting("li", now()), &restore(&homes[2..], now()), &LIMITS, now())
            .await
            .unwrap();
        assert_eq!(store.void_approvals("restore of a backup", now()).await.unwrap(), 2);
        for id in [armed_one, approved_one] {
            assert_eq!(state(store, id).await, OrderState::Submitted);
        }
        assert_eq!(state(store, back.id).await, OrderState::Approved);
        // Who approved before may approve again, having looked again.
        assert_eq!(approve(store, armed_one, "wang", now()).await.unwrap(), OrderState::Approved);
    })
    .await;
}

#[tokio::test]
async fn f41_a_database_from_a_backup_sends_nothing_that_was_approved_waited_or_was_under_way() {
    on_both(async |fresh| {
        let homes = town(fresh, 4).await;
        let store = &fresh.store;
        let waits = armed(store, &cut(&homes[..1], now()), now()).await;
        let under_way = armed(store, &cut(&homes[1..2], now()), now()).await;
        assert!(matches!(intend(store, under_way, homes[1], now()).await, Intended::Kept(_)));
        let back = store
            .ask_order(&acting("li", now()), &restore(&homes[2..3], now()), &LIMITS, now())
            .await
            .unwrap();
        let entry = AuditEntry::of_system(now(), "restore", "a backup");
        let found = store.make_ready(entry.clone(), now()).await.unwrap();
        assert_eq!((found.approvals, found.taken_back, found.unknown), (2, 1, 1), "{found:?}");
        assert_eq!(state(store, waits).await, OrderState::Submitted);
        assert_eq!(state(store, back.id).await, OrderState::Cancelled, "whoever wants it asks again");
        assert_eq!(state(store, under_way).await, OrderState::Unknown);
        // Nothing is left to be sent: what is due is to be looked at, and a second attempt has no approval.
        let seen = Seen {
            order: under_way,
            point: homes[1].point,
            look: None,
            event: Some(OrderEvent::TryAgain),
            proof: "still_closed",
            due: now(),
            tell: None,
            over: &[],
        };
        assert_eq!(store.note_seen(&seen, now()).await.unwrap(), OrderState::Armed);
        assert!(matches!(intend(store, under_way, homes[1], now()).await, Intended::Objected(_)));
        let told = store.alarm_counts(&Regions::All).await.unwrap();
        assert_eq!(told.critical, 2, "people are told to look, and that a restore was taken back: {told:?}");
        // Once is enough.
        let again = store.make_ready(entry, now()).await.unwrap();
        assert_eq!((again.approvals, again.taken_back), (0, 0), "{again:?}");
    })
    .await;
}

#[tokio::test]
async fn f47_a_cut_is_tried_twice_under_one_approval_and_not_a_third_time() {
    on_both(async |fresh| {
        let homes = town(fresh, 1).await;
        let store = &fresh.store;
        let id = armed(store, &cut(&homes, now()), now()).await;
        for number in 1..=2 {
            assert!(matches!(intend(store, id, homes[0], now()).await, Intended::Kept(_)), "{number}");
            let (attempt, _) = store.last_attempt(id, homes[0].point).await.unwrap().unwrap();
            assert_eq!(attempt.number, number);
            let outcome = (AttemptOutcome::Unknown, "no_answer");
            store.note_outcome(&attempt, outcome, now(), now()).await.unwrap();
            let seen = Seen {
                order: id,
                point: homes[0].point,
                look: None,
                event: Some(OrderEvent::TryAgain),
                proof: "still_closed",
                due: now(),
                tell: None,
                over: &[],
            };
            assert_eq!(store.note_seen(&seen, now()).await.unwrap(), OrderState::Armed);
        }
        let found = intend(store, id, homes[0], now()).await;
        assert_eq!(found, Intended::Objected(vec![Objection::NoAttemptLeft]));
        assert_eq!(state(store, id).await, OrderState::Cancelled);
    })
    .await;
}

#[tokio::test]
async fn f48_a_restore_takes_back_open_cuts_and_none_may_fire_after_it() {
    on_both(async |fresh| {
        let homes = town(fresh, 2).await;
        let store = &fresh.store;
        let waiting = armed(store, &cut(&homes[..1], now()), now()).await;
        let unknown = armed(store, &cut(&homes[1..], now()), now()).await;
        assert!(matches!(intend(store, unknown, homes[1], now()).await, Intended::Kept(_)));
        let (attempt, _) = store.last_attempt(unknown, homes[1].point).await.unwrap().unwrap();
        let outcome = (AttemptOutcome::Unknown, "no_answer");
        store.note_outcome(&attempt, outcome, now(), now()).await.unwrap();
        let later = now().plus(HOUR / 60);
        let back =
            store.ask_order(&acting("li", later), &restore(&homes, later), &LIMITS, later).await.unwrap();
        assert_eq!((back.state, back.refused), (OrderState::Approved, vec![]));
        assert_eq!(state(store, waiting).await, OrderState::Cancelled);
        let again = Seen {
            order: unknown,
            point: homes[1].point,
            look: Some((attempt.id, look(later, 0))),
            event: Some(OrderEvent::TryAgain),
            proof: "still_closed",
            due: later,
            tell: None,
            over: &[],
        };
        store.note_seen(&again, later).await.unwrap();
        let found = intend(store, unknown, homes[1], later).await;
        assert!(
            matches!(&found, Intended::Objected(why) if why.contains(&Objection::RestoredSince)),
            "{found:?}"
        );
        let due = store.due_points(later, Work::GiveBack, (10, 10)).await.unwrap().points;
        assert!(due.iter().all(|on| on.due.kind == OrderKind::ClosePermit) && due.len() == 2, "{due:?}");
        assert!(store.due_points(later, Work::Send, (10, 10)).await.unwrap().points.is_empty());
    })
    .await;
}
