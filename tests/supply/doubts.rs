//! What nobody knows is never told as if it were known: frames that were sent and not answered, cuts that are late, orders
//! that somebody or the program leaves off.

use std::time::Duration;

use chaobiao::domain::access::Regions;
use chaobiao::domain::supply::{OrderKind, OrderState, ProtectionKind, Reason, SupplyOrder, Window};
use chaobiao::domain::{AlarmKind, Id};
use chaobiao::store::AuditFilter;
use chaobiao::store::alarm::AlarmFilter;
use chaobiao::store::supply::{
    AttemptOutcome, BeforeRecord, Intended, Intent, Limits, NewOrder, PaymentEntry, ProtectionEntry,
};

use crate::orders::{HOLD, MINUTE, PERMIT, TRIP, alarms, approved, opened, restored};
use crate::ready::{HOUR, acting};
use crate::rig::{HeadEnd, Street};

#[tokio::test]
async fn i13_a_restore_that_may_have_been_obeyed_is_never_told_as_not_sent() {
    let street = Street::new(1).await;
    let head_end = street.head_end().await;
    head_end
        .during(async {
            opened(&street, &head_end, 0).await;
            street.with(0, |heard| heard.is_mute = true);
            let back = restored(&street, &head_end, 0).await;
            street.until(back, &[OrderState::Unknown]).await;
            street.with(0, |heard| heard.is_dead = true);
            tokio::time::sleep(MINUTE * 35).await;
            let view = street.view(back).await;
            assert_eq!(view.points[0].state, OrderState::Unknown, "{:?}", view.points[0]);
            assert_ne!(view.points[0].proof, "not_sent");
            assert_eq!(alarms(&street).await, [AlarmKind::RestoreHandedOver]);
            let frames = street.orders(0).len();
            street.with(0, |heard| (heard.is_dead, heard.is_mute) = (false, false));
            street.until(back, &[OrderState::VerifiedClosed]).await;
            assert_eq!(street.orders(0).len(), frames, "a crew may be there: nothing is sent any more");
            assert_eq!(alarms(&street).await, []);
        })
        .await;
    head_end.close().await;
    street.close().await;
}

#[tokio::test]
async fn i13_what_was_sent_once_is_not_taken_back_as_if_nothing_had_left() {
    for kind in [OrderKind::ClosePermit, OrderKind::HoldOn] {
        let street = Street::new(1).await;
        let head_end = street.head_end().await;
        head_end
            .during(async {
                let (now, point) = (street.clock.now(), street.houses[0].home.point);
                street.with(0, |heard| heard.is_deaf = true);
                let li = acting("li", now);
                let id = if kind.is_restore() {
                    restored(&street, &head_end, 0).await
                } else {
                    let reason = (Reason::Protection, "高考");
                    head_end.supply.hold(&li, &[point], reason).await.unwrap().id
                };
                street.until(id, &[OrderState::Unknown]).await;
                street.with(0, |heard| heard.is_dead = true);
                street.until(id, &[OrderState::Armed]).await;
                head_end.supply.cancel(&li, id).await.unwrap();
                let view = street.view(id).await;
                assert_eq!(view.points[0].state, OrderState::Unknown, "{kind:?}: {:?}", view.points[0]);
                let told = match kind {
                    OrderKind::ClosePermit => AlarmKind::RestoreHandedOver,
                    _ => AlarmKind::OrderUnknown,
                };
                assert_eq!(alarms(&street).await, [told]);
                street.with(0, |heard| (heard.is_dead, heard.is_deaf) = (false, false));
                tokio::time::sleep(MINUTE * 15).await;
                assert!(street.orders(0).is_empty(), "{kind:?}: it was taken back");
            })
            .await;
        head_end.close().await;
        street.close().await;
    }
}

#[tokio::test]
async fn i09_a_cut_that_comes_late_behind_a_restore_is_seen_and_undone() {
    let street = Street::new(1).await;
    let head_end = street.head_end().await;
    head_end
        .during(async {
            street.with(0, |heard| heard.is_slow = true);
            let id = approved(&street, &head_end, &[0]).await;
            street.until(id, &[OrderState::Unknown]).await;
            street.with(0, |heard| heard.is_slow = false);
            let back = restored(&street, &head_end, 0).await;
            street.until(back, &[OrderState::Accepted]).await;
            tokio::time::sleep(MINUTE).await;
            assert_eq!(street.orders(0), [PERMIT]);
            assert_ne!(
                street.view(back).await.points[0].state,
                OrderState::VerifiedClosed,
                "it may fire yet"
            );
            street.deliver(0);
            tokio::time::sleep(Duration::from_secs(5)).await;
            assert!(street.is_open(0), "the late cut is obeyed");
            street.until(back, &[OrderState::VerifiedClosed]).await;
            assert!(!street.is_open(0), "{:?}", street.orders(0));
            assert_eq!(street.orders(0)[..3], [PERMIT, TRIP, PERMIT]);
        })
        .await;
    head_end.close().await;
    street.close().await;
}

/// How long behind the moment that is drawn for it the intent of a cut is kept on a quiet line.
async fn intended_after() -> Duration {
    let street = Street::new(1).await;
    let head_end = street.head_end().await;
    let after = head_end
        .during(async {
            let id = approved(&street, &head_end, &[0]).await;
            street.until(id, &[OrderState::Armed]).await;
            let due = street.view(id).await.points[0].due_at;
            street.until(id, &[OrderState::Accepted]).await;
            street.view(id).await.attempts[0].intent_at.since(due)
        })
        .await;
    head_end.close().await;
    street.close().await;
    after
}

/// What holds a cut back on its line.
#[derive(Clone, Copy, Debug)]
enum Holds {
    Restore,
    Payment,
    Cancel,
    Stop,
    Protection,
    Ceiling,
    Account,
    Exchange,
}

impl Holds {
    const ALL: [Self; 8] = [
        Self::Restore,
        Self::Payment,
        Self::Cancel,
        Self::Stop,
        Self::Protection,
        Self::Ceiling,
        Self::Account,
        Self::Exchange,
    ];
}

impl Holds {
    /// What the races call it.
    const fn name(self) -> &'static str {
        match self {
            Self::Ceiling => "limit lowered",
            Self::Account => "account disabled",
            Self::Exchange => "meter exchanged",
            Self::Restore | Self::Payment | Self::Cancel | Self::Stop | Self::Protection => "",
        }
    }

    async fn happen(self, street: &Street, head_end: &HeadEnd, id: Id<SupplyOrder>) {
        let (supply, now) = (&head_end.supply, street.clock.now());
        match self {
            Self::Restore => drop(restored(street, head_end, 0).await),
            Self::Payment => {
                let customer = street.houses[0].home.customer;
                let (reference, amount_fen) = ("P1".to_owned(), 1);
                let payment = PaymentEntry { customer, reference, amount_fen, paid_at: now };
                supply.enter_payments(&acting("billing", now), &[payment]).await.unwrap();
            }
            Self::Cancel => drop(supply.cancel(&acting("li", now), id).await.unwrap()),
            Self::Stop => supply.press_stop(&acting("li", now), "too many").await.unwrap(),
            Self::Protection => {
                let (point, kind) = (street.houses[0].home.point, ProtectionKind::Medical);
                let entry = ProtectionEntry { point, kind, reason: "呼吸机".to_owned(), until: None };
                street.store.add_protections(&acting("li", now), &[entry], now).await.unwrap();
                supply.judge_again();
            }
            Self::Ceiling | Self::Account | Self::Exchange => {
                crate::races::stand_against(street, self.name(), street.houses[0].home).await;
                supply.judge_again();
            }
        }
    }
}

#[tokio::test]
async fn f45_f48_what_stands_against_a_cut_takes_it_back_while_it_waits_on_the_line() {
    let after = intended_after().await;
    for holds in Holds::ALL {
        let mut taken_back = 0;
        for tenth in 1..8_u32 {
            let street = Street::new(2).await;
            let head_end = street.head_end().await;
            head_end
                .during(async {
                    let id = approved(&street, &head_end, &[0]).await;
                    street.until(id, &[OrderState::Armed]).await;
                    let due = street.view(id).await.points[0].due_at;
                    street.clock.sleep_until(due).await;
                    tokio::time::sleep(after.saturating_sub(Duration::from_millis(100) * tenth)).await;
                    // A meter that does not answer is asked first, and the cut waits behind it.
                    street.with(1, |heard| heard.is_dead = true);
                    restored(&street, &head_end, 1).await;
                    for _ in 0..1000 {
                        if street.view(id).await.points[0].state != OrderState::Armed {
                            break;
                        }
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                    let has_left = !street.orders(0).is_empty();
                    holds.happen(&street, &head_end, id).await;
                    tokio::time::sleep(Duration::from_secs(20)).await;
                    let view = street.view(id).await;
                    if view.attempts.iter().any(|attempt| attempt.detail == "taken_back") {
                        taken_back += 1;
                        assert!(!has_left && !street.orders(0).contains(&TRIP), "{:?}", street.orders(0));
                    }
                })
                .await;
            head_end.close().await;
            street.close().await;
            if taken_back == 2 {
                break;
            }
        }
        println!("f45: {taken_back} cuts taken back on the line by {holds:?}");
        assert!(taken_back > 0, "{holds:?}");
    }
}

#[tokio::test]
async fn f48_only_supply_that_is_back_ends_the_alarms_of_a_restore() {
    let street = Street::new(1).await;
    let head_end = street.head_end().await;
    head_end
        .during(async {
            opened(&street, &head_end, 0).await;
            street.with(0, |heard| heard.is_dead = true);
            restored(&street, &head_end, 0).await;
            tokio::time::sleep(MINUTE * 35).await;
            assert_eq!(alarms(&street).await, [AlarmKind::RestoreHandedOver]);
            street.with(0, |heard| heard.is_dead = false);
            let (now, point) = (street.clock.now(), street.houses[0].home.point);
            let reason = (Reason::Protection, "高考");
            let held = head_end.supply.hold(&acting("li", now), &[point], reason).await.unwrap();
            street.until(held.id, &[OrderState::Done]).await;
            assert!(street.orders(0).contains(&HOLD) && street.is_open(0));
            assert_eq!(alarms(&street).await, [AlarmKind::RestoreHandedOver], "it is still dark");
        })
        .await;
    head_end.close().await;
    street.close().await;
}

#[tokio::test]
async fn i15_what_nobody_is_sending_any_more_does_not_stay_in_sending() {
    let street = Street::new(1).await;
    let head_end = street.head_end().await;
    head_end
        .during(async {
            let id = approved(&street, &head_end, &[0]).await;
            street.until(id, &[OrderState::Armed]).await;
            // As a task would leave it that broke off behind its intent.
            let (now, point) = (street.clock.now(), street.houses[0].home.point);
            let before = &BeforeRecord::default();
            let expires = now.plus(MINUTE * 5);
            let intent = Intent { order: id, point, expires, before, found: &[] };
            let limits = Limits { ceilings: head_end.supply.ceilings(), incapable: &[] };
            let kept = street.store.intend(&intent, &limits, now).await.unwrap();
            assert!(matches!(kept, Intended::Kept(_)), "{kept:?}");
            tokio::time::sleep(MINUTE).await;
            assert_eq!(street.view(id).await.points[0].state, OrderState::Sending, "it may be on its way");
            tokio::time::sleep(MINUTE * 2).await;
            let view = street.view(id).await;
            assert_ne!(view.points[0].state, OrderState::Sending);
            assert_eq!(view.attempts[0].outcome, Some(AttemptOutcome::Unknown));
        })
        .await;
    head_end.close().await;
    street.close().await;
}

#[tokio::test]
async fn f48_supply_is_ordered_back_once_without_what_cannot_be_read_before() {
    let street = Street::new(1).await;
    let head_end = street.head_end().await;
    head_end
        .during(async {
            opened(&street, &head_end, 0).await;
            street.with(0, |heard| heard.is_unread = true);
            let back = restored(&street, &head_end, 0).await;
            tokio::time::sleep(MINUTE * 10).await;
            assert_eq!(street.orders(0), [TRIP, PERMIT], "once");
            let view = street.view(back).await;
            assert!(
                view.points[0].state.is_in_flight() || view.points[0].state == OrderState::Armed,
                "{view:?}"
            );
            street.with(0, |heard| heard.is_unread = false);
            street.until(back, &[OrderState::VerifiedClosed]).await;
            assert!(!street.is_open(0));
        })
        .await;
    head_end.close().await;
    street.close().await;
}

#[tokio::test]
async fn f52_no_intent_is_kept_once_the_file_is_there() {
    let after = intended_after().await;
    for tenth in 1..10_u32 {
        let street = Street::new(1).await;
        let head_end = street.head_end().await;
        let (id, at) = head_end
            .during(async {
                let id = approved(&street, &head_end, &[0]).await;
                street.until(id, &[OrderState::Armed]).await;
                let due = street.view(id).await.points[0].due_at;
                street.clock.sleep_until(due).await;
                tokio::time::sleep(after.saturating_sub(Duration::from_millis(100) * tenth)).await;
                std::fs::write(street.stop_file(), "").unwrap();
                let at = street.clock.now();
                tokio::time::sleep(Duration::from_secs(20)).await;
                (id, at)
            })
            .await;
        let filter = AuditFilter {
            order: Some(id.number()),
            action: Some("order.intent".to_owned()),
            ..AuditFilter::default()
        };
        for entry in street.store.audit_before(&filter, i64::MAX, 10).await.unwrap() {
            assert!(entry.at <= at, "{tenth}: an intent at {}, the file at {at}", entry.at);
        }
        head_end.close().await;
        street.close().await;
    }
}

#[tokio::test]
async fn f50_a_hold_that_waited_for_its_turn_is_tried_before_it_is_given_up() {
    let street = Street::new(1).await;
    let head_end = street.head_end().await;
    let (now, point) = (street.clock.now(), street.houses[0].home.point);
    let reason = (Reason::Protection, "高考");
    let held = head_end.supply.hold(&acting("li", now), &[point], reason).await.unwrap();
    // So long as thousands of others are held first.
    tokio::time::sleep(HOUR).await;
    let end = head_end.during(street.until(held.id, &[OrderState::Done, OrderState::Failed])).await;
    assert_eq!(end, OrderState::Done);
    assert_eq!(street.orders(0), [HOLD]);
    head_end.close().await;
    street.close().await;
}

#[tokio::test]
async fn f50_a_hold_is_given_up_half_an_hour_after_it_was_first_tried() {
    let street = Street::new(1).await;
    let head_end = street.head_end().await;
    street.with(0, |heard| heard.is_deaf = true);
    head_end
        .during(async {
            let (now, point) = (street.clock.now(), street.houses[0].home.point);
            let reason = (Reason::Protection, "高考");
            let held = head_end.supply.hold(&acting("li", now), &[point], reason).await.unwrap();
            tokio::time::sleep(MINUTE * 29).await;
            assert_eq!(alarms(&street).await, []);
            tokio::time::sleep(MINUTE * 7).await;
            assert_eq!(alarms(&street).await, [AlarmKind::OrderUnknown]);
            assert_eq!(street.view(held.id).await.points[0].state, OrderState::Unknown);
        })
        .await;
    head_end.close().await;
    street.close().await;
}

#[tokio::test]
async fn i13_an_alarm_that_no_bit_shows_stays_unknown_until_a_person_ends_it() {
    let street = Street::new(1).await;
    let head_end = street.head_end().await;
    street.with(0, |heard| heard.is_mute = true);
    head_end
        .during(async {
            let now = street.clock.now();
            let new = NewOrder {
                kind: OrderKind::AlarmOn,
                reason: Reason::Arrears,
                text: String::new(),
                window: Window { from: now, until: now },
                points: vec![street.houses[0].home.point],
            };
            let li = acting("li", now);
            let asked = head_end.supply.ask(&li, &new).await.unwrap();
            street.until(asked.id, &[OrderState::Unknown]).await;
            tokio::time::sleep(MINUTE * 20).await;
            assert_eq!(street.view(asked.id).await.points[0].state, OrderState::Unknown);
            assert_eq!(alarms(&street).await, []);
            tokio::time::sleep(MINUTE * 20).await;
            assert_eq!(street.view(asked.id).await.points[0].state, OrderState::Unknown);
            assert_eq!(alarms(&street).await, [AlarmKind::OrderUnknown]);
            let now = street.clock.now();
            assert_eq!(street.store.finish_order(&li, asked.id, now).await.unwrap(), OrderState::Done);
            assert_eq!(alarms(&street).await, []);
            let filter = AlarmFilter { kind: Some(AlarmKind::OrderUnknown), ..AlarmFilter::default() };
            let told = street.store.alarms(&filter, &Regions::All, i64::MAX, 10).await.unwrap();
            assert_eq!(told.len(), 1);
        })
        .await;
    head_end.close().await;
    street.close().await;
}
