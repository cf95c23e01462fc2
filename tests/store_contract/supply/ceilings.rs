//! What holds up many orders at once: STOP, the ceilings, and the terms of a supply hold.

use chaobiao::domain::access::Regions;
use chaobiao::domain::supply::{
    CalendarKind, CeilingUse, Ceilings, HaltKind, Objection, OrderKind, OrderState, Reason, Shown,
    SupplyOrder, Window, ceilings_kept, ceilings_read,
};
use chaobiao::domain::{AlarmKind, Day, Id};
use chaobiao::store::alarm::AlarmFilter;
use chaobiao::store::archive::Saving;
use chaobiao::store::supply::{CalendarEntry, Intended, Lifting, Limits, NewOrder, OrderView, SupplyError};
use chaobiao::store::{AuditFilter, Migrations, Store};

use super::ready::{HOUR, Home};
use super::ready::{acting, cut, homes, make_ready, restore};
use super::steps::{armed, intend, intend_within, state};
use super::{LIMITS, approve, now, objections, shown, town};
use crate::archive::entry;
use crate::{on_both, on_sqlite};

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
        assert_eq!(store.wanting_looser_ceilings(now()).await.unwrap(), ["wang"]);
        // Who wanted that has not seen what was made stricter since.
        let stricter = Ceilings { day: 1, ..Ceilings::BUILT_IN };
        store.tighten_ceilings(&acting("zhao", now()), stricter, now()).await.unwrap();
        assert_eq!(store.wanting_looser_ceilings(now()).await.unwrap(), [""; 0]);
        assert_eq!(store.loosen_ceilings(&acting("zhao", now()), now()).await.unwrap(), Lifting::NeedsSecond);
        assert_eq!(store.ceilings().await.unwrap().day, 1);
        assert_eq!(store.loosen_ceilings(&wang, now()).await.unwrap(), Lifting::Lifted);
        store.tighten_ceilings(&wang, strict, now()).await.unwrap();
        assert_eq!(store.loosen_ceilings(&wang, now()).await.unwrap(), Lifting::NeedsSecond);
        assert_eq!(store.loosen_ceilings(&acting("zhao", now()), now()).await.unwrap(), Lifting::Lifted);
        assert_eq!(store.ceilings().await.unwrap(), Ceilings::BUILT_IN);
    })
    .await;
}

#[tokio::test]
async fn f45_f51_a_lowered_ceiling_holds_orders_that_were_approved_one_behind_the_other() {
    on_both(async |fresh| {
        let homes = town(fresh, 4).await;
        let store = &fresh.store;
        let first = armed(store, &cut(&homes[..2], now()), now()).await;
        let second = armed(store, &cut(&homes[2..], now()), now()).await;
        let two = Ceilings { hour: 2, ..Ceilings::BUILT_IN };
        store.tighten_ceilings(&acting("wang", now()), two, now()).await.unwrap();
        for home in &homes[2..] {
            let intended = intend(store, second, *home, now()).await;
            assert!(matches!(intended, Intended::Kept(_)), "{intended:?}");
        }
        let intended = intend(store, first, homes[0], now()).await;
        assert_eq!(intended, Intended::Objected(vec![Objection::OverHourCeiling]), "the hour has its two");
    })
    .await;
}

#[tokio::test]
async fn f45_another_approves_in_the_place_of_one_who_is_gone() {
    on_both(async |fresh| {
        let homes = town(fresh, 1).await;
        let store = &fresh.store;
        let id = armed(store, &cut(&homes, now()), now()).await;
        fresh.run("UPDATE account SET is_enabled = 0 WHERE name = 'wang'").await.unwrap();
        let intended = intend(store, id, homes[0], now()).await;
        assert!(
            matches!(&intended, Intended::Objected(found) if found.contains(&Objection::ApproverGone)),
            "{intended:?}"
        );
        assert_eq!(approve(store, id, "zhao", now()).await.unwrap(), OrderState::Approved);
        assert_eq!(store.arm_point((id, homes[0].point), now(), &LIMITS, now()).await.unwrap(), []);
        let intended = intend(store, id, homes[0], now()).await;
        assert!(matches!(intended, Intended::Kept(_)), "{intended:?}");
    })
    .await;
}

/// What was left out of an order when it was handed in counts for no ceiling.
#[tokio::test]
async fn a_ceiling_counts_what_is_left_of_an_order() {
    on_both(async |fresh| {
        let homes = town(fresh, 3).await;
        let (store, li) = (&fresh.store, acting("li", now()));
        let incapable = [homes[1].meter];
        let ceilings = Ceilings { order: 1, day: 1, ..Ceilings::BUILT_IN };
        let limits = Limits { ceilings, incapable: &incapable };
        let asked = store.ask_order(&li, &cut(&homes[..2], now()), &limits, now()).await.unwrap();
        assert_eq!((asked.refused.len(), asked.is_quarantined), (1, false));
        assert_eq!(approve(store, asked.id, "wang", now()).await.unwrap(), OrderState::Approved);
        assert_eq!(store.arm_point((asked.id, homes[0].point), now(), &limits, now()).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn f51_a_home_counts_against_the_ceiling_of_its_own_area_only() {
    on_both(async |fresh| {
        // Each of them is the only one of its area.
        let homes = town(fresh, 2).await;
        let id = armed(&fresh.store, &cut(&homes, now()), now()).await;
        for home in &homes {
            let intended = intend(&fresh.store, id, *home, now()).await;
            assert!(matches!(intended, Intended::Kept(_)), "{intended:?}");
        }
    })
    .await;
}

/// Orders that wait for the same hour count together, before any of them is sent.
#[tokio::test]
async fn f51_orders_that_wait_for_the_same_hour_are_held_against_its_ceiling_together() {
    on_sqlite(async |fresh| {
        let homes = town(fresh, 3).await;
        let (store, li) = (&fresh.store, acting("li", now()));
        let limits = Limits { ceilings: Ceilings { hour: 1, ..Ceilings::BUILT_IN }, ..LIMITS };
        let ask =
            async |homes: &[Home]| store.ask_order(&li, &cut(homes, now()), &limits, now()).await.unwrap();
        let exceeded = async |id| store.exceeded_ceilings(id, limits.ceilings, now()).await.unwrap();
        let first = ask(&homes[..1]).await;
        assert!(!first.is_quarantined && exceeded(first.id).await.is_empty());
        let second = ask(&homes[1..2]).await;
        let over = CeilingUse { ceiling: Objection::OverHourCeiling, area: None, used: 2, most: 1 };
        assert_eq!(exceeded(second.id).await, [over], "whoever approves it is told by how much");
        assert!(second.is_quarantined, "the hour would not hold both, and neither is sent in part");
        let window = Window { from: now().plus(HOUR * 48), until: now().plus(HOUR * 52) };
        let later = NewOrder { window, ..cut(&homes[2..3], now()) };
        assert!(!store.ask_order(&li, &later, &limits, now()).await.unwrap().is_quarantined, "another hour");
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
        // Pressed again, what was said of lifting it was said of something else; and a wish counts for a day, and for as long
        // as whoever said it may still lift it.
        again.press_stop(&li, "smoke", now()).await.unwrap();
        assert_eq!(again.lift_halt(&wang, HaltKind::Stop, now()).await.unwrap(), Lifting::NeedsSecond);
        again.press_stop(&li, "water", now()).await.unwrap();
        assert_eq!(again.lift_halt(&zhao, HaltKind::Stop, now()).await.unwrap(), Lifting::NeedsSecond);
        let next_day = now().plus(HOUR * 25);
        assert_eq!(
            again.lift_halt(&acting("wang", next_day), HaltKind::Stop, next_day).await.unwrap(),
            Lifting::NeedsSecond
        );
        fresh.run("UPDATE account SET is_enabled = 0 WHERE name = 'wang'").await.unwrap();
        assert_eq!(
            again.lift_halt(&acting("zhao", next_day), HaltKind::Stop, next_day).await.unwrap(),
            Lifting::NeedsSecond
        );
        fresh.run("UPDATE account SET is_enabled = 1 WHERE name = 'wang'").await.unwrap();
        assert_eq!(
            again.lift_halt(&acting("wang", next_day), HaltKind::Stop, next_day).await.unwrap(),
            Lifting::Lifted
        );
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

/// Asks for a cut and has it approved by so many.
async fn let_pass(store: &Store, homes: &[Home], limits: &Limits<'_>, by: &[&str]) -> Id<SupplyOrder> {
    let asked = store.ask_order(&acting("li", now()), &cut(homes, now()), limits, now()).await.unwrap();
    approve_by(store, asked.id, limits, by).await;
    asked.id
}

async fn approve_by(store: &Store, id: Id<SupplyOrder>, limits: &Limits<'_>, by: &[&str]) {
    for name in by {
        let seen = shown(store, id, limits, now()).await;
        store.approve_order(&acting(name, now()), id, &seen, limits, now()).await.unwrap();
    }
    assert_eq!(state(store, id).await, OrderState::Approved);
}

async fn arm_all(store: &Store, id: Id<SupplyOrder>, homes: &[Home], limits: &Limits<'_>) {
    for home in homes {
        assert_eq!(store.arm_point((id, home.point), now(), limits, now()).await.unwrap(), []);
    }
}

async fn view(store: &Store, id: Id<SupplyOrder>) -> OrderView {
    store.supply_order(id, &Regions::All).await.unwrap().unwrap()
}

/// How many entries of this kind an order has in the audit log.
async fn entries(store: &Store, id: Id<SupplyOrder>, action: &str) -> usize {
    let filter =
        AuditFilter { order: Some(id.number()), action: Some(action.to_owned()), ..AuditFilter::default() };
    store.audit_before(&filter, i64::MAX, 100).await.unwrap().len()
}

/// Whether the alarm of an order that is above a ceiling is open.
async fn is_told(store: &Store, id: Id<SupplyOrder>) -> bool {
    let kind = Some(AlarmKind::CeilingReached);
    let filter = AlarmFilter { kind, is_open: true, ..AlarmFilter::default() };
    let open = store.alarms(&filter, &Regions::All, i64::MAX, 100).await.unwrap();
    open.iter().any(|alarm| alarm.order == Some(id.number()))
}

#[tokio::test]
async fn f51_a_ceiling_that_is_lowered_holds_an_order_that_two_had_let_pass_another() {
    on_both(async |fresh| {
        let homes = town(fresh, 3).await;
        let store = &fresh.store;
        let limits = Limits { ceilings: Ceilings { day: 2, ..Ceilings::BUILT_IN }, ..LIMITS };
        let id = let_pass(store, &homes, &limits, &["wang", "zhao"]).await;
        arm_all(store, id, &homes, &limits).await;
        assert!(matches!(intend_within(store, id, homes[0], &limits).await, Intended::Kept(_)));
        // The hour is one that nobody has let pass. What has left has left.
        let lower = Ceilings { hour: 2, ..Ceilings::BUILT_IN };
        store.tighten_ceilings(&acting("admin", now()), lower, now()).await.unwrap();
        let found = intend_within(store, id, homes[1], &limits).await;
        assert_eq!(found, Intended::Objected(vec![Objection::OverHourCeiling]));
        let seen = view(store, id).await;
        assert!(seen.approvals.iter().all(|by| by.ended.is_some()), "{:?}", seen.approvals);
        let states: Vec<_> = seen.points.iter().map(|point| point.state).collect();
        assert_eq!(states, [OrderState::Sending, OrderState::Submitted, OrderState::Submitted]);
        assert_eq!(seen.points[2].objections, [Objection::OverHourCeiling], "all of it waits, and says why");
        let again = intend_within(store, id, homes[2], &limits).await;
        assert_eq!(again, Intended::Objected(vec![Objection::WrongState]));
        assert_eq!(seen.held.last().map(|held| (held.point, held.objections.len())), Some((None, 1)));
        assert_eq!(entries(store, id, "order.quarantine").await, 2, "when it was handed in, and now");
        assert!(is_told(store, id).await);
        // Whoever looks at it anew may let it pass anew, and then it goes out.
        approve_by(store, id, &limits, &["wang", "zhao"]).await;
        arm_all(store, id, &homes[1..], &limits).await;
        for home in &homes[1..] {
            let found = intend_within(store, id, *home, &limits).await;
            assert!(matches!(found, Intended::Kept(_)), "{found:?}");
        }
        assert!(is_told(store, id).await, "it is not over");
    })
    .await;
}

/// Approves by somebody who was shown this, and gives by how much that is too little.
async fn not_shown(
    store: &Store,
    id: Id<SupplyOrder>,
    (name, seen): (&str, &Shown),
    limits: &Limits<'_>,
) -> String {
    match store.approve_order(&acting(name, now()), id, seen, limits, now()).await {
        Err(SupplyError::Objected(objected)) => {
            assert_eq!(objected.order, [Objection::ExcessNotShown]);
            ceilings_kept(&objected.over)
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn f51_whoever_was_not_shown_by_how_much_a_ceiling_is_exceeded_has_not_let_it_pass() {
    on_both(async |fresh| {
        let homes = town(fresh, 3).await;
        let (store, li, wang) = (&fresh.store, acting("li", now()), acting("wang", now()));
        let id = store.ask_order(&li, &cut(&homes[..2], now()), &LIMITS, now()).await.unwrap().id;
        let plain = shown(store, id, &LIMITS, now()).await;
        assert_eq!(plain.over, []);
        // A ceiling is lowered while somebody looks at it: their click counts for nothing but that two are needed.
        let limits = Limits { ceilings: Ceilings { hour: 1, ..Ceilings::BUILT_IN }, ..LIMITS };
        for _ in 0..2 {
            assert_eq!(not_shown(store, id, ("wang", &plain), &limits).await, "over_hour_ceiling:2/1");
            let order = view(store, id).await;
            assert!(order.order.is_quarantined && order.approvals.is_empty(), "{order:?}");
            assert_eq!((entries(store, id, "order.quarantine").await, is_told(store, id).await), (1, true));
        }
        // Told of it, the same person counts once.
        let seen = shown(store, id, &limits, now()).await;
        let once = store.approve_order(&wang, id, &seen, &limits, now()).await.unwrap();
        assert_eq!(once, OrderState::Submitted);
        let twice = store.approve_order(&wang, id, &seen, &limits, now()).await;
        assert_eq!(objections(twice), [Objection::ApprovedBefore]);
        // Another order takes room while the second one looks: they are asked anew, and the first has not to be.
        store.ask_order(&li, &cut(&homes[2..], now()), &limits, now()).await.unwrap();
        assert_eq!(not_shown(store, id, ("zhao", &seen), &limits).await, "over_hour_ceiling:3/1");
        let approvals = view(store, id).await.approvals;
        assert!(approvals.len() == 1 && approvals[0].ended.is_none(), "{approvals:?}");
        assert_eq!(entries(store, id, "order.quarantine").await, 1);
        // What is claimed to have been shown is kept as far as it stands, and lets no more pass than that.
        let claimed = Shown { over: ceilings_read("over_hour_ceiling:900/0"), ..seen };
        let approved =
            store.approve_order(&acting("zhao", now()), id, &claimed, &limits, now()).await.unwrap();
        assert_eq!(approved, OrderState::Approved);
        let filter = AuditFilter { action: Some("order.approve".to_owned()), ..AuditFilter::default() };
        let last = store.audit_before(&filter, i64::MAX, 1).await.unwrap();
        assert!(last[0].detail.contains("\"over\":\"over_hour_ceiling:3/1\""), "{last:?}");
        arm_all(store, id, &homes[..2], &limits).await;
        for home in &homes[..2] {
            let found = intend_within(store, id, *home, &limits).await;
            assert!(matches!(found, Intended::Kept(_)), "{found:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn f51_an_order_that_two_have_let_pass_goes_out_beside_one_that_was_let_pass_behind_it() {
    on_both(async |fresh| {
        let homes = town(fresh, 4).await;
        let store = &fresh.store;
        let limits = Limits { ceilings: Ceilings { hour: 1, ..Ceilings::BUILT_IN }, ..LIMITS };
        let first = let_pass(store, &homes[..2], &limits, &["wang", "zhao"]).await;
        let second = let_pass(store, &homes[2..], &limits, &["wang", "zhao"]).await;
        for (id, homes) in [(second, &homes[2..]), (first, &homes[..2])] {
            arm_all(store, id, homes, &limits).await;
            for home in homes {
                let found = intend_within(store, id, *home, &limits).await;
                assert!(matches!(found, Intended::Kept(_)), "{found:?}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn f51_a_ceiling_that_is_reached_when_an_order_is_armed_holds_all_of_it_and_is_told_until_it_is_over() {
    on_both(async |fresh| {
        let homes = town(fresh, 2).await;
        let (store, li) = (&fresh.store, acting("li", now()));
        let limits = Limits { ceilings: Ceilings { order: 1, ..Ceilings::BUILT_IN }, ..LIMITS };
        let id = let_pass(store, &homes, &LIMITS, &["wang"]).await;
        assert!(!is_told(store, id).await);
        let found = store.arm_point((id, homes[0].point), now(), &limits, now()).await.unwrap();
        assert_eq!(found, [Objection::OverOrderCeiling]);
        let seen = view(store, id).await;
        assert!(seen.order.is_quarantined && seen.order.state == OrderState::Submitted, "{seen:?}");
        assert!(is_told(store, id).await);
        let found = store.arm_point((id, homes[1].point), now(), &limits, now()).await.unwrap();
        assert_eq!(found, [Objection::WrongState], "nothing of it is sent in part");
        // Whoever approved it before has not seen the ceiling: they may approve it again, and it takes both.
        approve_by(store, id, &limits, &["wang", "zhao"]).await;
        arm_all(store, id, &homes, &limits).await;
        store.cancel_order(&li, id, now()).await.unwrap();
        assert!(!is_told(store, id).await, "it was taken back");
        let late = let_pass(store, &homes, &limits, &["wang", "zhao"]).await;
        assert!(is_told(store, late).await);
        store.expire_orders(now().plus(HOUR * 5)).await.unwrap();
        assert!(!is_told(store, late).await, "its window has passed");
        let edited = store.ask_order(&li, &cut(&homes, now()), &limits, now()).await.unwrap().id;
        let fewer = cut(&homes[..1], now());
        store.edit_order(&li, (edited, None), &fewer, now()).await.unwrap();
        assert!(!is_told(store, edited).await, "another order than the one that was above it");
    })
    .await;
}

#[tokio::test]
async fn t27_what_holds_an_order_back_is_entered_when_it_changes_and_not_each_time() {
    on_both(async |fresh| {
        let homes = town(fresh, 1).await;
        let (store, wang) = (&fresh.store, acting("wang", now()));
        let id = armed(store, &cut(&homes, now()), now()).await;
        store.press_stop(&wang, "smoke", now()).await.unwrap();
        for _ in 0..3 {
            let found = intend(store, id, homes[0], now()).await;
            assert_eq!(found, Intended::Objected(vec![Objection::Stopped]));
        }
        assert_eq!(entries(store, id, "order.hold_back").await, 1);
        let day = CalendarEntry { day: Day::of(now()), area: None, kind: CalendarKind::Heat };
        store.enter_calendar(&acting("li", now()), &[day], now()).await.unwrap();
        intend(store, id, homes[0], now()).await;
        assert_eq!(entries(store, id, "order.hold_back").await, 2, "another reason");
        let held = view(store, id).await.held;
        let told: Vec<_> = held.iter().map(|held| (held.point, held.objections.clone())).collect();
        let both = vec![Objection::Stopped, Objection::NoCutDay];
        assert_eq!(told, [(Some(homes[0].point), vec![Objection::Stopped]), (Some(homes[0].point), both)]);
    })
    .await;
}
