//! Orders that no meter tells any more, ended by what two persons say that was found on site.

use chaobiao::config::profile::Profiles;
use chaobiao::domain::access::Regions;
use chaobiao::domain::proposal::{Change, MayNot, OrderSettlement, Proposal};
use chaobiao::domain::supply::{OrderEvent, OrderState, SupplyOrder};
use chaobiao::domain::{AlarmKind, Id, Moment};
use chaobiao::store::supply::{AttemptOutcome, LateRestore, PaymentEntry};
use chaobiao::store::{AuditFilter, DoesNotFit, ProposalError, Store, Verdict};
use chaobiao::supply::proof_words;

use super::doubts::{alarms, back, seen, sent};
use super::ready::{HOUR, Home, acting, cut, restore, run};
use super::steps::{armed, state};
use super::{now, town};
use crate::on_both;

/// What the people on site say.
fn found(store_order: Id<SupplyOrder>, number: &str, found: &str, at: Moment) -> Change {
    Change::SettleOrder(OrderSettlement {
        order: store_order.number(),
        point: number.to_owned(),
        found: found.to_owned(),
        at: at.micros(),
        seen_by: "Zhou".to_owned(),
        evidence: "work sheet 26-1130, photographs".to_owned(),
    })
}

async fn propose(store: &Store, change: &Change, at: Moment) -> Result<Id<Proposal>, ProposalError> {
    store.propose(change, "the meter is dead", &acting("li", at), at).await
}

fn misfit<T: std::fmt::Debug>(result: Result<T, ProposalError>) -> DoesNotFit {
    match result {
        Err(ProposalError::DoesNotFit(what)) => what,
        other => panic!("{other:?}"),
    }
}

async fn number_of(store: &Store, id: Id<SupplyOrder>) -> String {
    store.supply_order(id, &Regions::All).await.unwrap().unwrap().points[0].number.clone()
}

/// A home that was cut, has paid, and whose restore nobody answers.
async fn dark(store: &Store, home: Home, homes: &[Home], at: Moment) -> Id<SupplyOrder> {
    let id = armed(store, &cut(homes, at), at).await;
    sent(store, id, home, AttemptOutcome::Accepted, at).await;
    seen(store, id, home, (OrderEvent::SeeOpen, "open"), at).await;
    let reference = "payment".to_owned();
    let payment = PaymentEntry { customer: home.customer, reference, amount_fen: 20_000, paid_at: at };
    store.enter_payments(&acting("billing", at), &[payment], at).await.unwrap();
    let restored = back(store, &restore(homes, at), home, at).await;
    sent(store, restored, home, AttemptOutcome::Unknown, at).await;
    assert_eq!(state(store, restored).await, OrderState::Unknown);
    restored
}

#[tokio::test]
async fn f48_a_restore_that_no_meter_tells_is_ended_by_two_persons_and_never_told_as_proven() {
    on_both(async |fresh| {
        let homes = town(fresh, 1).await;
        let (store, home) = (&fresh.store, homes[0]);
        let restored = dark(store, home, &homes, now()).await;
        let number = number_of(store, restored).await;
        let (li, wang) = (acting("li", now()), acting("wang", now()));
        assert!(store.finish_order(&li, restored, now()).await.is_err(), "one person alone does not end it");
        let later = now().plus(HOUR);
        assert_eq!(
            misfit(propose(store, &found(restored, &number, "open", later), later).await),
            DoesNotFit::StillDark
        );
        let early = now().minus(HOUR);
        assert_eq!(
            misfit(propose(store, &found(restored, &number, "closed", early), later).await),
            DoesNotFit::FoundTooEarly
        );
        assert_eq!(
            misfit(propose(store, &found(restored, &number, "gone", later), later).await),
            DoesNotFit::StillThere
        );
        let elsewhere = propose(store, &found(restored, "P000099", "closed", later), later).await;
        assert!(matches!(elsewhere, Err(ProposalError::NotThere)), "{elsewhere:?}");
        for (from, to) in [("closed", "burnt"), ("work sheet 26-1130, photographs", " ")] {
            let Change::SettleOrder(mut settlement) = found(restored, &number, "closed", later) else {
                panic!()
            };
            if settlement.found == from {
                settlement.found = to.to_owned()
            } else {
                settlement.evidence = to.to_owned()
            }
            let faulty = propose(store, &Change::SettleOrder(settlement), later).await;
            assert!(matches!(faulty, Err(ProposalError::Faults(_))), "{to}: {faulty:?}");
        }

        let proposed = propose(store, &found(restored, &number, "closed", later), later).await.unwrap();
        assert_eq!(state(store, restored).await, OrderState::Unknown, "it waits for the second person");
        let profiles = Profiles::default();
        let alone =
            store.decide_proposal(proposed, Verdict::Confirm, &acting("li", later), &profiles, later).await;
        assert!(matches!(alone, Err(ProposalError::MayNot(MayNot::Role | MayNot::SamePerson))), "{alone:?}");
        store.decide_proposal(proposed, Verdict::Confirm, &wang, &profiles, later).await.unwrap();

        let view = store.supply_order(restored, &Regions::All).await.unwrap().unwrap();
        let point = &view.points[0];
        assert_eq!((point.state, point.proof.as_str()), (OrderState::Done, "closed_on_site"));
        let (en, zh) = proof_words(&point.proof).unwrap();
        assert!(
            en.contains("on site") && en.contains("the meter has not said so") && zh.contains("现场"),
            "{en} {zh}"
        );
        assert_eq!(alarms(store).await, []);
        assert_eq!(store.late_restores().await.unwrap(), [], "supply is back");
        assert_eq!(store.next_due().await.unwrap(), None, "and nobody looks any more");
        let of_order = AuditFilter {
            order: Some(restored.number()),
            action: Some("order.settle".to_owned()),
            actor: None,
        };
        let entries = store.audit_before(&of_order, i64::MAX, 9).await.unwrap();
        assert_eq!((entries.len(), entries[0].actor.as_str()), (1, "wang"));
        for part in ["found closed", "Zhou", "26-1130", "\"proposed_by\":\"li\""] {
            assert!(entries[0].detail.contains(part), "{part}: {}", entries[0].detail);
        }
        assert_eq!(
            misfit(propose(store, &found(restored, &number, "closed", later), later).await),
            DoesNotFit::NotUnknown
        );
    })
    .await;
}

#[tokio::test]
async fn f48_a_meter_that_is_gone_ends_its_order_and_the_home_is_still_looked_after() {
    on_both(async |fresh| {
        let homes = town(fresh, 1).await;
        let (store, home) = (&fresh.store, homes[0]);
        let restored = dark(store, home, &homes, now()).await;
        let number = number_of(store, restored).await;
        let gone = format!(
            "UPDATE installation SET removed_at = {} WHERE point_id = {}",
            now().micros(),
            home.point
        );
        run(&fresh.address, &gone).await;
        let later = now().plus(HOUR);
        let proposed = propose(store, &found(restored, &number, "gone", later), later).await.unwrap();
        let wang = acting("wang", later);
        store.decide_proposal(proposed, Verdict::Confirm, &wang, &Profiles::default(), later).await.unwrap();
        let view = store.supply_order(restored, &Regions::All).await.unwrap().unwrap();
        assert_eq!((view.points[0].state, view.points[0].proof.as_str()), (OrderState::Done, "gone_on_site"));
        let late = store.late_restores().await.unwrap();
        assert!(
            matches!(late[..], [LateRestore { point, .. }] if point == home.point),
            "nobody has seen supply: {late:?}"
        );
        assert_eq!(store.tell_late_restores(later.plus(HOUR)).await.unwrap(), 1);
        assert_eq!(alarms(store).await.len(), 1);
        assert!(alarms(store).await.iter().all(|kind| *kind != AlarmKind::OrderUnknown));
    })
    .await;
}
