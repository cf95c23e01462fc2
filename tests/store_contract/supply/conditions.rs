//! The conditions of a cut: who may ask and approve, who is protected, and what is seen once more by the intent.

use chaobiao::domain::access::{Regions, Role};
use chaobiao::domain::supply::{DatedTerms, Objection, OrderKind, OrderState, Terms};
use chaobiao::domain::{Coded, Day, Id};
use chaobiao::store::AuditFilter;
use chaobiao::store::archive::Saving;
use chaobiao::store::supply::{Intended, Limits, NewOrder, OrderFilter, PaymentEntry};

use super::happening::{EVENTS, happen, undo};
use super::ready::{DAY, HOUR, Home, acting, cut, run};
use super::steps::{armed, intend, state};
use super::{LIMITS, approve, approved, now, objections, town};
use crate::archive::entry;
use crate::on_both;

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
        let drafted = fresh.store.draft_order(&li, &cut(&homes, now()), now()).await;
        assert_eq!(objections(drafted), [Objection::OtherRegion]);
        let none = fresh.store.supply_orders(&OrderFilter::default(), &Regions::All, i64::MAX, 9).await;
        assert_eq!(none.unwrap(), [], "nothing of it is kept");
    })
    .await;
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
        let found = objections(store.approve_order(&new, asked.id, &hash.into(), &LIMITS, now()).await);
        assert_eq!(found, [Objection::RoleTooNew]);
        // Edited after it was seen: what was seen is not what is approved.
        let edited = NewOrder { text: "moved".into(), ..cut(&homes[1..2], now()) };
        store.edit_order(&at_desk, (asked.id, Some(hash)), &edited, now()).await.unwrap();
        let faster = store.edit_order(&at_desk, (asked.id, Some(hash)), &edited, now()).await;
        assert_eq!(objections(faster), [Objection::OrderChanged], "whoever was slower changes nothing");
        store.submit_order(&at_desk, asked.id, &LIMITS, now()).await.unwrap();
        let zhao = acting("zhao", now());
        let found = objections(store.approve_order(&zhao, asked.id, &hash.into(), &LIMITS, now()).await);
        assert_eq!(found, [Objection::OrderChanged]);
        assert_eq!(approve(store, asked.id, "zhao", now()).await.unwrap(), OrderState::Approved);
        assert_eq!(objections(approve(store, asked.id, "zhao", now()).await), [Objection::ApprovedBefore]);
        // Edited after it was approved: the approval is void.
        store.edit_order(&at_desk, (asked.id, None), &cut(&homes[2..], now()), now()).await.unwrap();
        assert_eq!(state(store, asked.id).await, OrderState::Draft);
        store.submit_order(&at_desk, asked.id, &LIMITS, now()).await.unwrap();
        assert_eq!(state(store, asked.id).await, OrderState::Submitted);
        let armed = store.arm_point((asked.id, homes[2].point), now(), &LIMITS, now()).await.unwrap();
        assert_eq!(armed, [Objection::WrongState]);
        // Whoever had a hand in it does not approve it either.
        let li = acting("li", now());
        store.edit_order(&li, (asked.id, None), &cut(&homes[..1], now()), now()).await.unwrap();
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

/// Notices that were given to one customer of a point are none to the next.
#[tokio::test]
async fn f44_notices_to_whoever_was_there_before_do_not_count() {
    on_both(async |fresh| {
        let homes = town(fresh, 2).await;
        let (store, li) = (&fresh.store, acting("li", now()));
        let [one, other] = [homes[0], homes[1]];
        assert!(store.ask_order(&li, &cut(&[other], now()), &LIMITS, now()).await.is_ok());
        let (point, customer) = (one.point, other.customer);
        fresh
            .run(&format!("UPDATE metering_point SET customer_id = {customer} WHERE id = {point}"))
            .await
            .unwrap();
        let found = objections(store.ask_order(&li, &cut(&[one], now()), &LIMITS, now()).await);
        assert!(found.contains(&Objection::NoticeMissing), "{found:?}");
    })
    .await;
}
