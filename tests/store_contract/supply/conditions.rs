//! One thing after the other.

use chaobiao::domain::access::{Regions, Role};
use chaobiao::domain::relay::{Currents, Look, StatusWord3};
use chaobiao::domain::supply::{
    CalendarKind, Ceilings, DatedTerms, HaltKind, Objection, OrderEvent, OrderKind, OrderState,
    ProtectionKind, Reason, SupplyOrder, Terms,
};
use chaobiao::domain::{AlarmKind, Coded, Day, Id, Moment};
use chaobiao::store::alarm::AlarmFilter;
use chaobiao::store::archive::{Exchange, Saving};
use chaobiao::store::supply::{
    AttemptOutcome, BeforeRecord, CalendarEntry, IdentityEntry, Intended, Intent, Lifting, Limits, NewOrder,
    OrderFilter, PaymentEntry, ProtectionEntry, Seen,
};
use chaobiao::store::{AuditFilter, Migrations, Store};

use super::ready::{DAY, HOUR, Home, acting, cut, homes, make_ready, restore, run};
use super::{LIMITS, approve, approved, now, objections, town};
use crate::archive::{entry, meter};
use crate::{Fresh, on_both, on_sqlite};

pub(super) async fn armed(store: &Store, new: &NewOrder, now: Moment) -> Id<SupplyOrder> {
    let id = approved(store, new, now).await;
    for point in &new.points {
        assert_eq!(store.arm_point((id, *point), now, &LIMITS, now).await.unwrap(), []);
    }
    id
}

pub(super) async fn intend(store: &Store, id: Id<SupplyOrder>, home: Home, now: Moment) -> Intended {
    let before = BeforeRecord::default();
    let expires = now.plus(HOUR / 10);
    let intent = Intent { order: id, point: home.point, expires, before: &before, found: &[] };
    store.intend(&intent, &LIMITS, now).await.unwrap()
}

async fn state(store: &Store, id: Id<SupplyOrder>) -> OrderState {
    store.supply_order(id, &Regions::All).await.unwrap().unwrap().order.state
}

fn look(at: Moment, bits: u16) -> Look {
    Look { at, status: StatusWord3::from_bits(bits), currents: Currents([Some(0), None, None]) }
}

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
async fn f45_payments_of_two_customers_under_one_number_are_both_taken() {
    on_both(async |fresh| {
        let homes = town(fresh, 2).await;
        let store = &fresh.store;
        let mut orders = Vec::new();
        for home in &homes {
            orders.push(armed(store, &cut(std::slice::from_ref(home), now()), now()).await);
        }
        let payment = |home: &Home| PaymentEntry {
            customer: home.customer,
            reference: "2026-11-28/1".to_owned(),
            amount_fen: 12_345,
            paid_at: now(),
        };
        let payments: Vec<_> = homes.iter().map(payment).collect();
        store.enter_payments(&acting("billing", now()), &payments, now()).await.unwrap();
        for (id, home) in orders.into_iter().zip(&homes) {
            assert!(matches!(intend(store, id, *home, now()).await, Intended::Objected(_)));
            assert_eq!(state(store, id).await, OrderState::Cancelled);
        }
    })
    .await;
}

/// Something that happens between the approval and the intent, and what is said then.
pub(super) const EVENTS: [(&str, Objection); 11] = [
    ("payment", Objection::WrongState),
    ("protection", Objection::Protected),
    ("swap", Objection::MapChanged),
    ("withdrawal", Objection::WrongState),
    ("disabled approver", Objection::ApproverGone),
    ("lower ceiling", Objection::OverDayCeiling),
    ("stop", Objection::Stopped),
    ("no list", Objection::NoProtectionList),
    ("calendar", Objection::NoCutDay),
    ("restore", Objection::WrongState),
    ("crossed", Objection::CrossedWiring),
];

pub(super) async fn happen(fresh: &Fresh, event: &str, id: Id<SupplyOrder>, home: Home, now: Moment) {
    let store = &fresh.store;
    let (li, wang) = (acting("li", now), acting("wang", now));
    match event {
        "payment" => {
            let payment = PaymentEntry {
                customer: home.customer,
                reference: format!("payment for {id}"),
                amount_fen: 1,
                paid_at: now,
            };
            store.enter_payments(&acting("billing", now), &[payment], now).await.unwrap();
        }
        "protection" => {
            let (kind, reason) = (ProtectionKind::Medical, "呼吸机".to_owned());
            let entry = ProtectionEntry { point: home.point, kind, reason, until: None };
            store.add_protections(&li, &[entry], now).await.unwrap();
        }
        "swap" => {
            let sites = store.site_meters().await.unwrap();
            let site = sites.iter().find(|site| site.point_id == home.point).unwrap();
            let number = u32::try_from(home.point.number()).unwrap() + 500_000;
            let exchange = Exchange {
                point: home.point,
                removed: site.meter.address,
                installed: meter(number),
                at: now,
            };
            store.exchange_meter(&exchange).await.unwrap();
        }
        "withdrawal" => drop(store.withdraw_approval(&wang, id, now).await.unwrap()),
        "disabled approver" => run(&fresh.address, "UPDATE account SET is_enabled = 0 WHERE id = 12").await,
        "lower ceiling" => {
            let ceilings = Ceilings { day: 0, ..Ceilings::BUILT_IN };
            store.tighten_ceilings(&acting("admin", now), ceilings, now).await.unwrap();
        }
        "stop" => store.press_stop(&acting("auditor", now), "too many", now).await.unwrap(),
        "no list" => store.protections_failed(now).await.unwrap(),
        "calendar" => {
            let day = CalendarEntry { day: Day::of(now), area: None, kind: CalendarKind::Heat };
            store.enter_calendar(&li, &[day], now).await.unwrap();
        }
        "restore" => drop(store.ask_order(&li, &restore(&[home], now), &LIMITS, now).await.unwrap()),
        "crossed" => {
            let entry = IdentityEntry {
                point: home.point,
                meter: home.meter,
                verified_at: now,
                is_crossed: true,
                verified_by: "Li".to_owned(),
            };
            store.enter_identities(&li, &[entry], now).await.unwrap();
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn f45_whatever_happens_between_arming_and_intent_is_seen_by_the_intent() {
    on_both(async |fresh| {
        let homes = town(fresh, 12).await;
        // What concerns all comes last, and is taken back.
        for (home, (event, objection)) in homes.iter().zip(EVENTS) {
            let id = armed(&fresh.store, &cut(&[*home], now()), now()).await;
            happen(fresh, event, id, *home, now()).await;
            let Intended::Objected(found) = intend(&fresh.store, id, *home, now()).await else {
                panic!("{event}: sent")
            };
            assert!(found.contains(&objection), "{event}: {found:?}");
            assert_eq!(fresh.store.attempts_of(id).await.unwrap(), [], "{event}");
            // What waits weighs on the ceilings.
            drop(fresh.store.cancel_order(&acting("li", now()), id, now()).await);
            undo(fresh, now()).await;
        }
        let id = armed(&fresh.store, &cut(&homes[11..], now()), now()).await;
        let late = now().plus(HOUR * 4);
        assert_eq!(fresh.store.expire_orders(late).await.unwrap(), 1);
        assert_eq!(state(&fresh.store, id).await, OrderState::Expired);
        let found = intend(&fresh.store, id, homes[11], late).await;
        assert_eq!(found, Intended::Objected(vec![Objection::WrongState]));
    })
    .await;
}

/// Takes back what concerns all.
pub(super) async fn undo(fresh: &Fresh, now: Moment) {
    let sql = format!(
        "UPDATE account SET is_enabled = 1; DELETE FROM supply_calendar; DELETE FROM supply_ceiling; \
         UPDATE supply_list SET failed_at = NULL; UPDATE supply_halt SET ended_at = {}",
        now.micros()
    );
    run(&fresh.address, &sql).await;
}

#[tokio::test]
async fn t17_two_persons_cannot_be_played_by_one() {
    on_both(async |fresh| {
        let homes = town(fresh, 3).await;
        let store = &fresh.store;
        let at_desk = acting("wang-at-the-desk", now());
        let asked = store.ask_order(&at_desk, &cut(&homes[..1], now()), &LIMITS, now()).await.unwrap();
        let own = objections(approve(store, asked.id, "wang", now()).await);
        assert_eq!(own, [Objection::OwnOrder], "another account of the same person");
        for name in ["li", "admin", "auditor", "billing", "wang-at-the-desk"] {
            assert_eq!(objections(approve(store, asked.id, name, now()).await), [Objection::NoRight]);
        }
        let hash = store.supply_order(asked.id, &Regions::All).await.unwrap().unwrap().hash;
        let mut new = acting("zhao", now());
        new.role_since = now().minus(DAY - HOUR);
        let found = objections(store.approve_order(&new, asked.id, hash, &LIMITS, now()).await);
        assert_eq!(found, [Objection::RoleTooNew]);
        // Edited after it was seen: what was seen is not what is approved.
        let edited = NewOrder { text: "moved".into(), ..cut(&homes[1..2], now()) };
        store.edit_order(&at_desk, asked.id, &edited, now()).await.unwrap();
        store.submit_order(&at_desk, asked.id, &LIMITS, now()).await.unwrap();
        let zhao = acting("zhao", now());
        let found = objections(store.approve_order(&zhao, asked.id, hash, &LIMITS, now()).await);
        assert_eq!(found, [Objection::OrderChanged]);
        assert_eq!(approve(store, asked.id, "zhao", now()).await.unwrap(), OrderState::Approved);
        assert_eq!(objections(approve(store, asked.id, "zhao", now()).await), [Objection::ApprovedBefore]);
        // Edited after it was approved: the approval is void.
        store.edit_order(&at_desk, asked.id, &cut(&homes[2..], now()), now()).await.unwrap();
        assert_eq!(state(store, asked.id).await, OrderState::Draft);
        store.submit_order(&at_desk, asked.id, &LIMITS, now()).await.unwrap();
        assert_eq!(state(store, asked.id).await, OrderState::Submitted);
        let armed = store.arm_point((asked.id, homes[2].point), now(), &LIMITS, now()).await.unwrap();
        assert_eq!(armed, [Objection::WrongState]);
        // Whoever had a hand in it does not approve it either.
        let li = acting("li", now());
        store.edit_order(&li, asked.id, &cut(&homes[..1], now()), now()).await.unwrap();
        store.submit_order(&li, asked.id, &LIMITS, now()).await.unwrap();
        assert_eq!(objections(approve(store, asked.id, "wang", now()).await), [Objection::OwnOrder]);
        // A list that was swapped beneath an approval, by whatever means, is not what was approved.
        let id = approved(store, &cut(&homes[1..2], now()), now()).await;
        run(
            &fresh.address,
            &format!("UPDATE supply_order SET window_until = window_until + 1 WHERE id = {id}"),
        )
        .await;
        let found = store.arm_point((id, homes[1].point), now(), &LIMITS, now()).await.unwrap();
        assert!(found.contains(&Objection::OrderChanged), "{found:?}");
        let refused = AuditFilter { action: Some("order.approve".into()), ..AuditFilter::default() };
        let entries = store.audit_before(&refused, i64::MAX, 100).await.unwrap();
        let refusals = entries.iter().filter(|entry| entry.result.starts_with("refused: ")).count();
        assert_eq!((entries.len(), refusals), (12, 10));
    })
    .await;
}

#[tokio::test]
async fn t32_nobody_but_an_operator_asks_for_a_cut() {
    on_both(async |fresh| {
        let homes = town(fresh, 1).await;
        for name in ["wang", "admin", "auditor", "billing"] {
            let asked =
                fresh.store.ask_order(&acting(name, now()), &cut(&homes, now()), &LIMITS, now()).await;
            assert_eq!(objections(asked), [Objection::NoRight], "{name}");
        }
        let mut li = acting("li", now());
        li.regions = Regions::Areas(vec![Id::new(999)]);
        let asked = fresh.store.ask_order(&li, &cut(&homes, now()), &LIMITS, now()).await;
        assert_eq!(objections(asked), [Objection::OtherRegion]);
        assert!(!Role::Admin.may(OrderKind::Cut.action()));
    })
    .await;
}

#[tokio::test]
async fn f54_a_protected_member_is_left_out_and_without_the_list_nobody_is_cut() {
    on_both(async |fresh| {
        let mut homes = town(fresh, 2).await;
        let protected = super::ready::homes(&fresh.store, &fresh.address).await[2];
        homes.push(protected);
        let (store, li) = (&fresh.store, acting("li", now()));
        let alone = store.ask_order(&li, &cut(&[protected], now()), &LIMITS, now()).await;
        assert_eq!(objections(alone), [Objection::Protected]);
        let asked = store.ask_order(&li, &cut(&homes, now()), &LIMITS, now()).await.unwrap();
        assert_eq!((asked.refused.len(), asked.refused[0].point), (1, protected.point));
        let view = store.supply_order(asked.id, &Regions::All).await.unwrap().unwrap();
        assert!(view.order.is_flagged);
        approve(store, asked.id, "wang", now()).await.unwrap();
        let armed = store.arm_point((asked.id, protected.point), now(), &LIMITS, now()).await.unwrap();
        assert_eq!(armed, [Objection::WrongState]);
        // One approver cannot take a protection away, not even twice.
        let protection = store.protections(Some(now())).await.unwrap().pop().unwrap();
        let wang = acting("wang", now());
        assert!(!store.end_protection(&wang, protection.id, now()).await.unwrap());
        assert!(!store.end_protection(&wang, protection.id, now()).await.unwrap());
        assert_eq!(objections(store.end_protection(&li, protection.id, now()).await), [Objection::NoRight]);
        assert!(store.end_protection(&acting("zhao", now()), protection.id, now()).await.unwrap());
        assert_eq!(store.protections(Some(now())).await.unwrap(), []);
        assert_eq!(store.protections(None).await.unwrap().len(), 1);
        store.cancel_order(&li, asked.id, now()).await.unwrap();
        // Important customers, and what the archive protects, are protected without a list.
        let mut important = entry(1);
        important.customer.class = Some(chaobiao::domain::CustomerClass::Important);
        important.point.area = Some("台区1".into());
        store.save_archive(&[important], now(), Saving::Confirmed).await.unwrap();
        let found = objections(store.ask_order(&li, &cut(&homes[..1], now()), &LIMITS, now()).await);
        assert_eq!(found, [Objection::Protected]);
        // An empty list, a list that was not loaded, and none at all.
        assert_eq!(objections(store.load_protections(&li, &[], now()).await), [Objection::NoProtectionList]);
        let found = objections(store.ask_order(&li, &cut(&homes[1..2], now()), &LIMITS, now()).await);
        assert_eq!(found, [Objection::NoProtectionList]);
        run(&fresh.address, "DELETE FROM supply_list").await;
        let found = objections(store.ask_order(&li, &cut(&homes[1..2], now()), &LIMITS, now()).await);
        assert_eq!(found, [Objection::NoProtectionList]);
    })
    .await;
}

#[tokio::test]
async fn f52_stop_outlives_a_restart_takes_two_to_lift_and_lets_supply_be_given_back() {
    on_both(async |fresh| {
        let homes = town(fresh, 2).await;
        let (li, wang, zhao) = (acting("li", now()), acting("wang", now()), acting("zhao", now()));
        let id = armed(&fresh.store, &cut(&homes[..1], now()), now()).await;
        fresh.store.press_stop(&li, "smoke", now()).await.unwrap();
        fresh.store.press_stop(&li, "smoke", now()).await.unwrap();
        let again = Store::open(&fresh.address, Migrations::Check).await.unwrap();
        assert_eq!(again.halts().await.unwrap()[0].reason, "smoke");
        let found = intend(&again, id, homes[0], now()).await;
        assert_eq!(found, Intended::Objected(vec![Objection::Stopped]));
        let back = again.ask_order(&li, &restore(&homes[1..], now()), &LIMITS, now()).await.unwrap();
        assert_eq!(back.state, OrderState::Approved);
        assert_eq!(again.arm_point((back.id, homes[1].point), now(), &LIMITS, now()).await.unwrap(), []);
        assert!(matches!(intend(&again, back.id, homes[1], now()).await, Intended::Kept(_)));
        assert_eq!(objections(again.lift_halt(&li, HaltKind::Stop, now()).await), [Objection::NoRight]);
        for _ in 0..2 {
            let lifting = again.lift_halt(&wang, HaltKind::Stop, now()).await.unwrap();
            assert_eq!(lifting, Lifting::NeedsSecond);
        }
        assert_eq!(again.halts().await.unwrap()[0].lifted_by, ["wang"]);
        assert_eq!(again.lift_halt(&zhao, HaltKind::Stop, now()).await.unwrap(), Lifting::Lifted);
        assert_eq!(again.halts().await.unwrap(), []);
        assert!(matches!(intend(&again, id, homes[0], now()).await, Intended::Kept(_)));
        // What was wanted once does not count for the next time.
        again.press_stop(&li, "again", now()).await.unwrap();
        assert_eq!(again.lift_halt(&zhao, HaltKind::Stop, now()).await.unwrap(), Lifting::NeedsSecond);
        again.halt_cuts(HaltKind::Clock, "the clock was set by 61 s", now()).await.unwrap();
        again.halt_cuts(HaltKind::Clock, "once more", now()).await.unwrap();
        assert_eq!(again.lift_halt(&zhao, HaltKind::Clock, now()).await.unwrap(), Lifting::Lifted);
        again.close().await;
    })
    .await;
}

#[tokio::test]
async fn f51_over_a_ceiling_the_whole_order_waits_for_a_second_approver() {
    on_both(async |fresh| {
        let homes = town(fresh, 3).await;
        let (store, li) = (&fresh.store, acting("li", now()));
        let one = Limits { ceilings: Ceilings { day: 1, ..Ceilings::BUILT_IN }, ..LIMITS };
        let asked = store.ask_order(&li, &cut(&homes[..2], now()), &one, now()).await.unwrap();
        assert!(asked.is_quarantined);
        assert_eq!(approve(store, asked.id, "wang", now()).await.unwrap(), OrderState::Submitted);
        for home in &homes[..2] {
            let found = store.arm_point((asked.id, home.point), now(), &LIMITS, now()).await.unwrap();
            assert_eq!(found, [Objection::WrongState], "nothing is partly sent");
        }
        let filter = AlarmFilter { kind: Some(AlarmKind::CeilingReached), ..AlarmFilter::default() };
        let alarms = store.alarms(&filter, &Regions::All, i64::MAX, 10).await.unwrap();
        assert_eq!(alarms.len(), 1);
        assert_eq!(approve(store, asked.id, "zhao", now()).await.unwrap(), OrderState::Approved);
        assert_eq!(store.arm_point((asked.id, homes[0].point), now(), &LIMITS, now()).await.unwrap(), []);
        assert!(matches!(intend(store, asked.id, homes[0], now()).await, Intended::Kept(_)));
        // Small orders add up (T31).
        let next = store.ask_order(&li, &cut(&homes[2..3], now()), &one, now()).await.unwrap();
        assert!(next.is_quarantined);
        // What was made stricter is taken away by two.
        let wang = acting("wang", now());
        let strict = Ceilings { hour: 1, ..Ceilings::BUILT_IN };
        store.tighten_ceilings(&wang, strict, now()).await.unwrap();
        assert_eq!(store.ceilings().await.unwrap().hour, 1);
        assert_eq!(store.loosen_ceilings(&wang, now()).await.unwrap(), Lifting::NeedsSecond);
        assert_eq!(store.loosen_ceilings(&acting("zhao", now()), now()).await.unwrap(), Lifting::Lifted);
        assert_eq!(store.ceilings().await.unwrap(), Ceilings::BUILT_IN);
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
        let due = store.due_points(later, 10).await.unwrap();
        assert!(due.iter().all(|due| due.kind == OrderKind::ClosePermit) && due.len() == 2, "{due:?}");
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
async fn f50_a_hold_is_set_in_bulk_by_one_person_and_ended_like_a_cut() {
    on_sqlite(async |fresh| {
        let entries: Vec<_> = (1..=10_000).map(entry).collect();
        fresh.store.save_archive(&entries, now(), Saving::Confirmed).await.unwrap();
        super::ready::make_people(&fresh.address, now()).await;
        let all = homes(&fresh.store, &fresh.address).await;
        let (store, li) = (&fresh.store, acting("li", now()));
        let hold = NewOrder { kind: OrderKind::HoldOn, reason: Reason::Protection, ..cut(&all, now()) };
        let held = store.ask_order(&li, &hold, &LIMITS, now()).await.unwrap();
        assert_eq!((held.state, held.refused.len()), (OrderState::Approved, 0));
        let off = NewOrder { kind: OrderKind::HoldOff, reason: Reason::ProtectionOver, ..cut(&all, now()) };
        assert_eq!(objections(store.ask_order(&li, &off, &LIMITS, now()).await), [Objection::TooManyPoints]);
        let off = NewOrder { points: vec![all[0].point], ..off };
        let found = objections(store.ask_order(&li, &off, &LIMITS, now()).await);
        assert_eq!(found, [Objection::NoProtectionList]);
        super::ready::protect(store, all[1], now()).await;
        make_ready(store, &fresh.address, &all[..1], now()).await;
        store.cancel_order(&li, held.id, now()).await.unwrap();
        let asked = store.ask_order(&li, &off, &LIMITS, now()).await.unwrap();
        assert_eq!(asked.state, OrderState::Submitted);
        assert_eq!(approve(store, asked.id, "wang", now()).await.unwrap(), OrderState::Approved);
    })
    .await;
}

#[tokio::test]
async fn f44_terms_hold_once_another_person_has_confirmed_them() {
    on_both(async |fresh| {
        let homes = town(fresh, 1).await;
        let (store, li, admin) = (&fresh.store, acting("li", now()), acting("admin", now()));
        let terms = Terms { notice_least: DAY * 11, ..Terms::STRICT };
        let row = DatedTerms { from: Day::of(now()), area: None, class: None, terms };
        assert_eq!(objections(store.propose_terms(&li, &row, now()).await), [Objection::NoRight]);
        let id = store.propose_terms(&admin, &row, now()).await.unwrap();
        let asked = store.ask_order(&li, &cut(&homes, now()), &LIMITS, now()).await.unwrap();
        store.cancel_order(&li, asked.id, now()).await.unwrap();
        store.confirm_terms(&acting("wang", now()), id, now()).await.unwrap();
        assert_eq!(store.terms().await.unwrap()[0].row, row);
        let found = objections(store.ask_order(&li, &cut(&homes, now()), &LIMITS, now()).await);
        assert_eq!(found, [Objection::NoticeTooYoung]);
    })
    .await;
}

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
async fn f49_a_meter_that_cannot_be_cut_says_so_when_it_is_asked_for() {
    on_both(async |fresh| {
        let homes = town(fresh, 1).await;
        let li = acting("li", now());
        let limits = Limits { incapable: &[homes[0].meter], ..LIMITS };
        let found = objections(fresh.store.ask_order(&li, &cut(&homes, now()), &limits, now()).await);
        assert_eq!(found, [Objection::NotCuttable]);
        let missing = NewOrder { points: vec![Id::new(404)], ..cut(&homes, now()) };
        let found = objections(fresh.store.ask_order(&li, &missing, &LIMITS, now()).await);
        assert_eq!(found, [Objection::NotThere]);
        let draft = fresh.store.draft_order(&li, &cut(&homes, now()), now()).await.unwrap();
        assert_eq!(state(&fresh.store, draft).await, OrderState::Draft);
        let numbers = ["P1".to_owned(), "nobody".to_owned()];
        assert_eq!(fresh.store.points_numbered(&numbers).await.unwrap(), [Some(homes[0].point), None]);
        let found = fresh.store.addresses_at(&[homes[0].point]).await.unwrap();
        assert_eq!(found, [(homes[0].point, "1".parse().unwrap())]);
        assert_eq!(fresh.store.calendar(Day::of(now())).await.unwrap(), []);
        assert_eq!(OrderKind::TABLE.len(), 7);
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
        let asked = store.cuts_of_day(Day::of(now())).await.unwrap();
        assert_eq!((asked.len(), asked[0].orders, asked[0].points, asked[0].sent), (1, 10, 10, 0));
        assert_eq!(store.cuts_of_day(Day::of(now()).next()).await.unwrap(), []);
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

#[tokio::test]
async fn f51_a_batch_with_odd_results_stops_itself() {
    on_both(async |fresh| {
        let homes = town(fresh, 12).await;
        let store = &fresh.store;
        let asked = store.ask_order(&acting("li", now()), &cut(&homes, now()), &LIMITS, now()).await.unwrap();
        assert!(asked.is_quarantined, "two percent of 250 are five");
        approve(store, asked.id, "wang", now()).await.unwrap();
        approve(store, asked.id, "zhao", now()).await.unwrap();
        for home in &homes {
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
    })
    .await;
}
