//! Orders of every kind, and what can go wrong in the field.

use std::time::Duration;

use chaobiao::domain::access::Regions;
use chaobiao::domain::supply::{HaltKind, Objection, OrderKind, OrderState, Reason, SupplyOrder, Window};
use chaobiao::domain::{AlarmKind, Id, Moment};
use chaobiao::store::Address;
use chaobiao::store::alarm::AlarmFilter;
use chaobiao::store::supply::{AttemptOutcome, Lifting, NewOrder};
use simulator::meter::relay::RelayKind;

use crate::ready::{HOUR, acting, cut, restore, run};
use crate::rig::{HeadEnd, Street};

/// N1 of a trip, of a close permit and of a supply hold.
pub(crate) const TRIP: u8 = 0x1A;
pub(crate) const PERMIT: u8 = 0x1B;
pub(crate) const HOLD: u8 = 0x3A;

pub(crate) const MINUTE: Duration = Duration::from_secs(60);

/// A cut of some homes within twenty minutes, handed in and approved.
pub(crate) async fn approved(street: &Street, head_end: &HeadEnd, places: &[usize]) -> Id<SupplyOrder> {
    let now = street.clock.now();
    let homes: Vec<_> = places.iter().map(|place| street.houses[*place].home).collect();
    let mut new = cut(&homes, now);
    new.window.until = now.plus(MINUTE * 20);
    let asked = head_end.supply.ask(&acting("li", now), &new).await.unwrap();
    assert_eq!(asked.refused, []);
    let seen = street.view(asked.id).await.hash;
    head_end.supply.approve(&acting("wang", now), asked.id, &seen.into()).await.unwrap();
    asked.id
}

/// The cut of a home that was carried out and is proven.
pub(crate) async fn opened(street: &Street, head_end: &HeadEnd, place: usize) -> Id<SupplyOrder> {
    let id = approved(street, head_end, &[place]).await;
    street.until(id, &[OrderState::VerifiedOpen]).await;
    id
}

pub(crate) async fn restored(street: &Street, head_end: &HeadEnd, place: usize) -> Id<SupplyOrder> {
    let (now, point) = (street.clock.now(), street.houses[place].home.point);
    let asked = head_end.supply.restore(&acting("li", now), &[point], Reason::Settled, None).await.unwrap();
    asked.id
}

/// The kinds of the open alarms.
pub(crate) async fn alarms(street: &Street) -> Vec<AlarmKind> {
    let filter = AlarmFilter { is_open: true, ..AlarmFilter::default() };
    let found = street.store.alarms(&filter, &Regions::All, i64::MAX, 100).await.unwrap();
    found.into_iter().map(|alarm| alarm.kind).collect()
}

#[tokio::test]
async fn f46_a_home_is_cut_verified_and_given_back() {
    let street = Street::new(1).await;
    let head_end = street.head_end().await;
    head_end
        .during(async {
            let mut changes = head_end.supply.changes();
            let id = approved(&street, &head_end, &[0]).await;
            street.until(id, &[OrderState::Accepted]).await;
            assert!(changes.has_changed().unwrap() && *changes.borrow_and_update() >= 3, "pages are told");
            let accepted = street.clock.now();
            let end = street.until(id, &[OrderState::VerifiedOpen, OrderState::VerifiedClosed]).await;
            assert_eq!(end, OrderState::VerifiedOpen);
            assert!(street.clock.now().since(accepted) >= MINUTE, "two reads a minute apart");
            assert!(street.is_open(0));
            let view = street.view(id).await;
            assert_eq!((view.points[0].proof.as_str(), view.attempts.len()), ("open", 1));
            assert!(view.attempts[0].before.told.contains("\"check\":\"address_only\""), "{view:?}");
            let back = restored(&street, &head_end, 0).await;
            street.until(back, &[OrderState::Accepted]).await;
            tokio::time::sleep(MINUTE / 2).await;
            let view = street.view(back).await;
            assert_eq!(view.points[0].proof, "permitted", "the customer must press the key");
            // The simulated customer presses it after two minutes.
            assert_eq!(street.until(back, &[OrderState::VerifiedClosed]).await, OrderState::VerifiedClosed);
            assert!(!street.is_open(0));
            assert_eq!(street.orders(0), [TRIP, PERMIT]);
            assert_eq!(alarms(&street).await, []);
        })
        .await;
    head_end.close().await;
    street.close().await;
}

#[tokio::test]
async fn f46_accepted_and_not_done_is_never_shown_as_cut() {
    let street = Street::new(1).await;
    street.relay(0, RelayKind { is_stuck: true, ..RelayKind::default() });
    let head_end = street.head_end().await;
    head_end
        .during(async {
            let id = approved(&street, &head_end, &[0]).await;
            let ends = [OrderState::VerifiedOpen, OrderState::VerifiedClosed, OrderState::Unknown];
            street.until(id, &[OrderState::Accepted]).await;
            let end = street.until(id, &ends).await;
            assert_ne!(end, OrderState::VerifiedOpen);
            assert!(!street.is_open(0));
            tokio::time::sleep(HOUR).await;
            assert_eq!(street.orders(0), [TRIP], "accepted is not sent again");
            assert!(!alarms(&street).await.is_empty());
        })
        .await;
    head_end.close().await;
    street.close().await;
}

#[tokio::test]
async fn f47_after_silence_a_cut_is_sent_again_only_when_it_was_read_not_to_be_done_and_twice_at_most() {
    let street = Street::new(1).await;
    street.with(0, |heard| heard.is_deaf = true);
    let head_end = street.head_end().await;
    head_end
        .during(async {
            let id = approved(&street, &head_end, &[0]).await;
            street.until(id, &[OrderState::Unknown]).await;
            let first = street.view(id).await.attempts[0].clone();
            street.until(id, &[OrderState::Armed, OrderState::Sending]).await;
            assert!(street.clock.now() > first.expires_at, "not before the first frame has expired");
            let ends = [OrderState::VerifiedClosed, OrderState::Cancelled, OrderState::Failed];
            street.until(id, &ends).await;
            let view = street.view(id).await;
            assert_eq!(view.attempts.len(), 2);
            let outcomes: Vec<_> = view.attempts.iter().map(|attempt| attempt.outcome).collect();
            assert_eq!(outcomes, [Some(AttemptOutcome::Unknown); 2]);
            assert!(!street.is_open(0));
        })
        .await;
    head_end.close().await;
    street.close().await;
}

#[tokio::test]
async fn f47_a_cut_whose_answer_was_lost_is_found_to_be_done_and_not_sent_again() {
    let street = Street::new(1).await;
    street.with(0, |heard| heard.is_mute = true);
    let head_end = street.head_end().await;
    head_end
        .during(async {
            let id = approved(&street, &head_end, &[0]).await;
            street.until(id, &[OrderState::Unknown]).await;
            street.until(id, &[OrderState::VerifiedOpen]).await;
            assert_eq!(street.orders(0), [TRIP]);
            assert!(street.is_open(0));
        })
        .await;
    head_end.close().await;
    street.close().await;
}

#[tokio::test]
async fn f48_supply_is_given_back_at_once_with_stop_pressed_and_repeated_on_silence() {
    let street = Street::new(2).await;
    let head_end = street.head_end().await;
    head_end
        .during(async {
            opened(&street, &head_end, 0).await;
            let li = acting("li", street.clock.now());
            head_end.supply.press_stop(&li, "smoke").await.unwrap();
            street.with(0, |heard| heard.is_deaf = true);
            let asked = street.clock.now();
            let back = restored(&street, &head_end, 0).await;
            street.until(back, &[OrderState::Unknown]).await;
            let first = street.view(back).await.attempts[0].intent_at;
            assert!(first.since(asked) < Duration::from_secs(10), "{first} {asked}");
            tokio::time::sleep(MINUTE).await;
            assert!(street.view(back).await.attempts.len() > 2, "it is repeated");
            street.with(0, |heard| heard.is_deaf = false);
            street.until(back, &[OrderState::VerifiedClosed]).await;
            assert!(!street.is_open(0));
        })
        .await;
    head_end.close().await;
    street.close().await;
}

#[tokio::test]
async fn f48_a_dead_meter_is_handed_over_after_half_an_hour_and_told_of() {
    let street = Street::new(1).await;
    let head_end = street.head_end().await;
    head_end
        .during(async {
            opened(&street, &head_end, 0).await;
            street.with(0, |heard| heard.is_dead = true);
            let back = restored(&street, &head_end, 0).await;
            tokio::time::sleep(MINUTE * 29).await;
            assert_eq!(alarms(&street).await, []);
            tokio::time::sleep(MINUTE * 3).await;
            assert_eq!(alarms(&street).await, [AlarmKind::RestoreHandedOver]);
            assert_eq!(
                street.view(back).await.points[0].state,
                OrderState::Unknown,
                "one frame was sent to a meter that told nothing, and nobody knows what became of it"
            );
            street.with(0, |heard| heard.is_dead = false);
            tokio::time::sleep(MINUTE).await;
            assert_eq!(street.orders(0), [TRIP]);
            let again = restored(&street, &head_end, 0).await;
            street.until(again, &[OrderState::VerifiedClosed]).await;
            assert!(!street.is_open(0));
            assert_eq!(alarms(&street).await, [], "they end with it");
        })
        .await;
    head_end.close().await;
    street.close().await;
}

#[tokio::test]
async fn f48_a_refusal_ends_the_repetition_at_once() {
    let street = Street::new(1).await;
    let head_end = street.head_end().await;
    head_end
        .during(async {
            opened(&street, &head_end, 0).await;
            assert!(street.houses[0].meter.lock().unwrap().meter.passwords_mut().set(2, [1, 2, 3]));
            let back = restored(&street, &head_end, 0).await;
            street.until(back, &[OrderState::Rejected]).await;
            assert_eq!(alarms(&street).await, [AlarmKind::RestoreRefused, AlarmKind::PasswordRefused]);
            tokio::time::sleep(HOUR).await;
            assert_eq!(street.orders(0), [TRIP, PERMIT]);
            let again = restored(&street, &head_end, 0).await;
            tokio::time::sleep(MINUTE).await;
            assert_eq!(street.orders(0), [TRIP, PERMIT], "a refused password is not tried again today");
            let view = street.view(again).await;
            assert_eq!((view.points[0].proof.as_str(), view.attempts.len()), ("refused_today", 0));
        })
        .await;
    head_end.close().await;
    street.close().await;
}

#[tokio::test]
async fn f52_stop_holds_within_two_seconds_by_button_and_by_file() {
    let street = Street::new(2).await;
    let head_end = street.head_end().await;
    head_end
        .during(async {
            let id = approved(&street, &head_end, &[0]).await;
            std::fs::write(street.stop_file(), "").unwrap();
            tokio::time::sleep(Duration::from_secs(2)).await;
            let halts = street.store.halts().await.unwrap();
            assert_eq!(halts[0].kind, HaltKind::StopFile);
            tokio::time::sleep(MINUTE * 10).await;
            assert!(street.orders(0).is_empty());
            assert!(street.view(id).await.points[0].objections.contains(&Objection::Stopped));
            // Two approvers lift it, once the file is gone.
            let now = street.clock.now();
            for name in ["wang", "zhao"] {
                head_end.supply.lift(&acting(name, now), HaltKind::StopFile).await.unwrap();
            }
            tokio::time::sleep(MINUTE).await;
            assert_eq!(street.store.halts().await.unwrap().len(), 1, "the file is still there");
            std::fs::remove_file(street.stop_file()).unwrap();
            let lifted = head_end.supply.lift(&acting("wang", now), HaltKind::StopFile).await.unwrap();
            assert_eq!(lifted, Lifting::NeedsSecond);
            let lifted = head_end.supply.lift(&acting("zhao", now), HaltKind::StopFile).await.unwrap();
            assert_eq!(lifted, Lifting::Lifted);
            street.until(id, &[OrderState::VerifiedOpen]).await;
        })
        .await;
    head_end.close().await;
    street.close().await;
}

#[tokio::test]
async fn f33_a_clock_that_jumps_keeps_cuts_back_until_an_approver_confirms_it() {
    let street = Street::new(1).await;
    let head_end = street.head_end().await;
    head_end
        .during(async {
            let id = approved(&street, &head_end, &[0]).await;
            street.manual.set(street.clock.now().plus(Duration::from_secs(70)));
            tokio::time::sleep(MINUTE * 5).await;
            assert!(street.orders(0).is_empty());
            assert_eq!(street.store.halts().await.unwrap()[0].kind, HaltKind::Clock);
            assert_eq!(alarms(&street).await, [AlarmKind::ClockStep]);
            let told =
                street.store.alarms(&AlarmFilter::default(), &Regions::All, i64::MAX, 9).await.unwrap();
            let details = (told[0].detail.as_str(), told[0].detail_zh.as_str());
            assert!(
                details.0.contains("the clock of this machine was set by +")
                    && details.1.contains("主站时钟被拨动 +"),
                "{details:?}"
            );
            let now = street.clock.now();
            let lifted = head_end.supply.lift(&acting("wang", now), HaltKind::Clock).await.unwrap();
            assert_eq!(lifted, Lifting::Lifted);
            street.until(id, &[OrderState::VerifiedOpen]).await;
        })
        .await;
    head_end.close().await;
    street.close().await;
}

#[tokio::test]
async fn f33_a_clock_that_is_set_back_delays_no_supply_that_is_given_back() {
    let street = Street::new(1).await;
    let head_end = street.head_end().await;
    head_end
        .during(async {
            opened(&street, &head_end, 0).await;
            let back = restored(&street, &head_end, 0).await;
            street.until(back, &[OrderState::Accepted]).await;
            let began = tokio::time::Instant::now();
            street.manual.set(street.clock.now().minus(HOUR * 24));
            assert_eq!(street.until(back, &[OrderState::VerifiedClosed]).await, OrderState::VerifiedClosed);
            assert!(began.elapsed() < MINUTE * 10, "{:?}", began.elapsed());
            assert_eq!(street.store.halts().await.unwrap()[0].kind, HaltKind::Clock);
        })
        .await;
    head_end.close().await;
    street.close().await;
}

#[tokio::test]
async fn f33_a_clock_that_was_set_while_nobody_was_there_cuts_nobody() {
    for hours in [-1_i64, 2] {
        let street = Street::new(1).await;
        let head_end = street.head_end().await;
        let now = street.clock.now();
        // Between two and four hours from now: the wrong clock shows a time of it, or none for long.
        let mut new = cut(&[street.houses[0].home], now);
        new.window = Window { from: now.plus(HOUR + MINUTE * 30), until: now.plus(HOUR * 4) };
        let asked = head_end.supply.ask(&acting("li", now), &new).await.unwrap();
        let seen = street.view(asked.id).await.hash;
        head_end.supply.approve(&acting("wang", now), asked.id, &seen.into()).await.unwrap();
        head_end.close().await;
        let by = HOUR * u32::try_from(hours.unsigned_abs()).unwrap();
        street.manual.set(if hours < 0 { now.minus(by) } else { now.plus(by) });
        let head_end = street.head_end().await;
        head_end
            .during(async {
                for minute in 0..150 {
                    tokio::time::sleep(MINUTE).await;
                    assert!(street.orders(0).is_empty(), "{hours} h");
                    let is_judged = !street.view(asked.id).await.points[0].objections.is_empty();
                    if is_judged || hours < 0 && minute > 20 {
                        break;
                    }
                }
                let halts = street.store.halts().await.unwrap();
                // One that is ahead cannot be told from a long absence, but by the clock of the meter.
                assert_eq!(halts.iter().any(|halt| halt.kind == HaltKind::Clock), hours < 0, "{hours} h");
                let point = &street.view(asked.id).await.points[0];
                let off = point.objections.contains(&Objection::MeterClockOff);
                assert_eq!(off, hours > 0, "{hours} h: {point:?}");
            })
            .await;
        head_end.close().await;
        street.close().await;
    }
}

#[tokio::test]
async fn f40_nobody_is_cut_while_another_version_has_changed_the_database() {
    let street = Street::new(1).await;
    let head_end = street.head_end().await;
    let address = Address::Sqlite(street.folder.path().join("store.db"));
    let newer = "INSERT INTO schema_version SELECT max(version) + 1, 'newer', 0 FROM schema_version";
    head_end
        .during(async {
            let id = approved(&street, &head_end, &[0]).await;
            run(&address, newer).await;
            tokio::time::sleep(MINUTE * 5).await;
            let point = street.view(id).await.points[0].clone();
            assert!(street.orders(0).is_empty());
            assert!(matches!(point.state, OrderState::Approved | OrderState::Armed), "{point:?}");
            assert!(point.objections.contains(&Objection::VersionsDiffer), "{point:?}");
            // Who has no supply is given it all the same.
            let back = restored(&street, &head_end, 0).await;
            let ends = [OrderState::VerifiedClosed, OrderState::Accepted];
            street.until(back, &ends).await;
            assert_eq!(street.orders(0), [PERMIT]);
        })
        .await;
    head_end.close().await;
    street.close().await;
}

#[tokio::test]
async fn f40_an_order_that_was_under_way_when_another_version_came_goes_on_by_the_rules() {
    let street = Street::new(1).await;
    let head_end = street.head_end().await;
    let address = Address::Sqlite(street.folder.path().join("store.db"));
    let newer = "INSERT INTO schema_version SELECT max(version) + 1, 'newer', 0 FROM schema_version";
    let gone_back = "DELETE FROM schema_version WHERE name = 'newer'";
    head_end
        .during(async {
            let id = approved(&street, &head_end, &[0]).await;
            run(&address, newer).await;
            tokio::time::sleep(MINUTE).await;
            assert!(street.orders(0).is_empty());
            run(&address, gone_back).await;
            // Its window is still open: it is cut once, and that is verified.
            street.until(id, &[OrderState::VerifiedOpen]).await;
            assert_eq!(street.orders(0), [TRIP]);
        })
        .await;
    head_end.close().await;
    street.close().await;
}

#[tokio::test]
async fn f34_a_meter_whose_clock_is_off_is_not_cut_and_is_given_supply() {
    let street = Street::new(1).await;
    let head_end = street.head_end().await;
    street.set_clock_off(0, 600);
    head_end
        .during(async {
            let id = approved(&street, &head_end, &[0]).await;
            tokio::time::sleep(MINUTE * 25).await;
            let view = street.view(id).await;
            assert_eq!(view.points[0].state, OrderState::Expired);
            assert!(street.orders(0).is_empty());
            let back = restored(&street, &head_end, 0).await;
            street.until(back, &[OrderState::VerifiedClosed]).await;
            assert_eq!(street.orders(0), [PERMIT]);
        })
        .await;
    head_end.close().await;
    street.close().await;
}

#[tokio::test]
async fn f50_a_hold_is_verified_by_its_bit() {
    let street = Street::new(2).await;
    let head_end = street.head_end().await;
    head_end
        .during(async {
            let now = street.clock.now();
            let points: Vec<_> = street.houses.iter().map(|house| house.home.point).collect();
            let reason = (Reason::Protection, "高考");
            let held = head_end.supply.hold(&acting("li", now), &points, reason).await.unwrap();
            street.until(held.id, &[OrderState::Done]).await;
            tokio::time::sleep(MINUTE).await;
            let view = street.view(held.id).await;
            assert!(view.points.iter().all(|point| point.proof == "held"), "{view:?}");
            assert_eq!((street.orders(0), street.orders(1)), (vec![HOLD], vec![HOLD]));
            // A meter that is held does not cut, and is not asked to.
            let id = approved(&street, &head_end, &[0]).await;
            tokio::time::sleep(MINUTE * 25).await;
            assert_eq!(street.view(id).await.points[0].state, OrderState::Expired);
            assert_eq!(street.orders(0), [HOLD]);
        })
        .await;
    head_end.close().await;
    street.close().await;
}

#[tokio::test]
async fn i12_a_restore_is_taken_whatever_stands_against_cuts() {
    let street = Street::new(1).await;
    let head_end = street.head_end().await;
    head_end
        .during(async {
            let now: Moment = street.clock.now();
            street.store.protections_failed(&acting("li", now), now).await.unwrap();
            head_end.supply.press_stop(&acting("li", now), "").await.unwrap();
            let home = street.houses[0].home;
            let refused = head_end.supply.ask(&acting("li", now), &cut(&[home], now)).await;
            assert!(refused.is_err());
            let new = NewOrder { kind: OrderKind::ClosePermit, ..restore(&[home], now) };
            let asked = head_end.supply.ask(&acting("wang", now), &new).await.unwrap();
            street.until(asked.id, &[OrderState::VerifiedClosed]).await;
        })
        .await;
    head_end.close().await;
    street.close().await;
}
