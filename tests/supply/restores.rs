//! Supply that is given back or held where much stands in the way: meters that refuse or tell nothing, many at once on one line,
//! a service that was away, a clock that leapt.

use std::time::Duration;

use chaobiao::domain::supply::{OrderState, Reason, SupplyOrder};
use chaobiao::domain::{AlarmKind, Id};
use chaobiao::store::Address;
use chaobiao::store::supply::AttemptOutcome;
use tokio::time::Instant;

use crate::orders::{HOLD, MINUTE, PERMIT, TRIP, alarms, opened, restored};
use crate::ready::{HOUR, acting, cut, run};
use crate::rig::{HeadEnd, Street};

async fn held(street: &Street, head_end: &HeadEnd, places: std::ops::Range<usize>) -> Id<SupplyOrder> {
    let points: Vec<_> = street.houses[places].iter().map(|house| house.home.point).collect();
    let li = acting("li", street.clock.now());
    head_end.supply.hold(&li, &points, (Reason::Protection, "高考")).await.unwrap().id
}

/// Outcomes of the attempts of an order.
async fn outcomes(street: &Street, id: Id<SupplyOrder>) -> Vec<Option<AttemptOutcome>> {
    street.view(id).await.attempts.iter().map(|attempt| attempt.outcome).collect()
}

/// Waits until a meter has refused an order.
async fn until_refused(street: &Street, id: Id<SupplyOrder>) {
    for _ in 0..600 {
        if outcomes(street, id).await.contains(&Some(AttemptOutcome::Refused)) {
            return;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    panic!("{:?}", street.view(id).await);
}

#[tokio::test]
async fn f48_a_refusal_for_another_reason_than_the_password_is_no_end() {
    for is_hold in [false, true] {
        let street = Street::new(1).await;
        let head_end = street.head_end().await;
        head_end
            .during(async {
                if !is_hold {
                    opened(&street, &head_end, 0).await;
                }
                // What is sent by our clock is past its deadline for this meter.
                street.set_clock_off(0, 600);
                street.with(0, |heard| heard.is_unread = true);
                let asked = match is_hold {
                    true => held(&street, &head_end, 0..1).await,
                    false => restored(&street, &head_end, 0).await,
                };
                until_refused(&street, asked).await;
                let state = street.view(asked).await.points[0].state;
                assert!(!state.has_ended(), "{state:?}");
                street.with(0, |heard| heard.is_unread = false);
                let ends = [OrderState::VerifiedClosed, OrderState::Done, OrderState::Rejected];
                let end = street.until(asked, &ends).await;
                let expected = if is_hold { OrderState::Done } else { OrderState::VerifiedClosed };
                assert_eq!(end, expected, "{:?}", street.view(asked).await);
                let view = street.view(asked).await;
                let last = &view.attempts.last().unwrap().before.told;
                let told: serde_json::Value = serde_json::from_str(last).unwrap();
                assert!(
                    told["clock_offset_seconds"].as_i64() > Some(590),
                    "by the clock of the meter: {last}"
                );
                assert_eq!(alarms(&street).await, []);
            })
            .await;
        head_end.close().await;
        street.close().await;
    }
}

#[tokio::test]
async fn f48_a_meter_that_hears_and_cannot_be_read_is_ordered_again_every_few_minutes() {
    let street = Street::new(1).await;
    let head_end = street.head_end().await;
    head_end
        .during(async {
            opened(&street, &head_end, 0).await;
            street.with(0, |heard| (heard.is_unread, heard.is_deaf) = (true, true));
            restored(&street, &head_end, 0).await;
            tokio::time::sleep(MINUTE * 2).await;
            // The first frame was lost; the meter hears the next.
            street.with(0, |heard| heard.is_deaf = false);
            tokio::time::sleep(MINUTE * 4).await;
            assert_eq!(street.orders(0), [TRIP, PERMIT]);
        })
        .await;
    head_end.close().await;
    street.close().await;
}

#[tokio::test]
async fn f48_supply_for_many_homes_of_one_line_is_ordered_by_the_clocks_of_their_meters() {
    let street = Street::new(40).await;
    let head_end = street.head_end().await;
    head_end
        .during(async {
            let now = street.clock.now();
            let points: Vec<_> = street.houses.iter().map(|house| house.home.point).collect();
            let li = acting("li", now);
            let asked = head_end.supply.restore(&li, &points, Reason::Settled, None).await.unwrap();
            street.until(asked.id, &[OrderState::VerifiedClosed]).await;
            tokio::time::sleep(MINUTE * 10).await;
            let view = street.view(asked.id).await;
            let first = view.attempts.iter().map(|attempt| attempt.intent_at).min().unwrap();
            assert!(first.since(now) < Duration::from_secs(10), "{:?}", first.since(now));
            for attempt in &view.attempts {
                assert!(attempt.before.told.contains("\"clock_offset_seconds\":"), "{attempt:?}");
            }
            assert!(view.points.iter().all(|point| point.state == OrderState::VerifiedClosed));
        })
        .await;
    head_end.close().await;
    street.close().await;
}

#[tokio::test]
async fn f48_supply_is_given_back_before_all_homes_that_are_to_be_held() {
    let street = Street::new(40).await;
    let head_end = street.head_end().await;
    head_end
        .during(async {
            // Some tell nothing: they are asked again and again.
            (1..40).step_by(3).for_each(|place| street.with(place, |heard| heard.is_dead = true));
            let hold = held(&street, &head_end, 1..40).await;
            tokio::time::sleep(Duration::from_secs(3)).await;
            let asked = street.clock.now();
            let back = restored(&street, &head_end, 0).await;
            tokio::time::sleep(Duration::from_secs(15)).await;
            let view = street.view(back).await;
            let first = view.attempts.first().unwrap_or_else(|| panic!("{view:?}"));
            assert!(first.intent_at.since(asked) < Duration::from_secs(10), "{:?}", first.intent_at);
            assert!(first.before.told.contains("\"status\":"), "{first:?}");
            assert_eq!(street.orders(0), [PERMIT]);
            tokio::time::sleep(MINUTE * 10).await;
            assert_eq!(street.orders(2), [HOLD]);
            assert!(street.view(hold).await.points.len() == 39);
        })
        .await;
    head_end.close().await;
    street.close().await;
}

#[tokio::test]
async fn i12_a_restore_that_waited_while_nobody_was_there_is_tried_before_it_is_given_up() {
    let street = Street::new(1).await;
    let head_end = street.head_end().await;
    let back = restored(&street, &head_end, 0).await;
    tokio::time::sleep(HOUR * 2).await;
    let ends = [OrderState::VerifiedClosed, OrderState::Failed];
    let end = head_end.during(street.until(back, &ends)).await;
    assert_eq!(end, OrderState::VerifiedClosed);
    assert_eq!((street.orders(0), alarms(&street).await), (vec![PERMIT], vec![]));
    head_end.close().await;
    street.close().await;
}

#[tokio::test]
async fn f33_a_clock_that_leaps_ahead_ends_no_restore_before_its_half_hour() {
    let street = Street::new(1).await;
    let head_end = street.head_end().await;
    head_end
        .during(async {
            opened(&street, &head_end, 0).await;
            street.with(0, |heard| heard.is_deaf = true);
            let back = restored(&street, &head_end, 0).await;
            street.until(back, &[OrderState::Unknown]).await;
            let began = Instant::now();
            street.manual.set(street.clock.now().plus(HOUR * 24));
            tokio::time::sleep(MINUTE * 20).await;
            assert!(street.view(back).await.attempts.len() > 10, "it goes on");
            assert_eq!(alarms(&street).await, [AlarmKind::ClockStep]);
            street.with(0, |heard| heard.is_deaf = false);
            tokio::time::sleep(MINUTE).await;
            assert_eq!(street.orders(0), [TRIP, PERMIT]);
            // What nobody gives back is told of when it is time by a clock that runs.
            street.with(0, |heard| heard.is_deaf = true);
            let other = restored(&street, &head_end, 0).await;
            assert!(began.elapsed() < MINUTE * 30 && !street.view(other).await.points[0].state.has_ended());
        })
        .await;
    head_end.close().await;
    street.close().await;
}

#[tokio::test]
async fn f48_what_can_never_be_sent_goes_to_people_at_once_with_its_reason() {
    let street = Street::new(1).await;
    let head_end = street.head_end().await;
    let forgotten = "DELETE FROM meter_secret";
    head_end
        .during(async {
            opened(&street, &head_end, 0).await;
            run(&Address::Sqlite(street.folder.path().join("store.db")), forgotten).await;
            let back = restored(&street, &head_end, 0).await;
            tokio::time::sleep(Duration::from_secs(10)).await;
            let view = street.view(back).await;
            let point = &view.points[0];
            assert_eq!((point.state, point.proof.as_str()), (OrderState::Failed, "no_password"));
            assert!(view.attempts.is_empty(), "{view:?}");
            assert_eq!(alarms(&street).await, [AlarmKind::RestoreHandedOver]);
            let filter = chaobiao::store::alarm::AlarmFilter::default();
            let regions = chaobiao::domain::access::Regions::All;
            let told = street.store.alarms(&filter, &regions, i64::MAX, 9).await.unwrap();
            assert_eq!(told[0].detail, "it cannot be sent from here: no password is kept for the meter");
            assert_eq!(told[0].detail_zh, "无法由主站下发：未保存该表密码");
            assert_eq!(chaobiao::supply::proof_words("no_password").unwrap().1, "未保存该表密码");
            tokio::time::sleep(HOUR).await;
            assert_eq!(street.orders(0), [TRIP]);
        })
        .await;
    head_end.close().await;
    street.close().await;
}

/// What damages an order: one whose window has passed, one that is being sent, and such as are armed.
const DAMAGES: [&str; 6] = [
    "UPDATE supply_order_point SET state = 99 WHERE order_id = {order}",
    "UPDATE supply_order SET reason = 99, window_until = 0 WHERE id = {order}",
    "UPDATE supply_order SET reason = 99 WHERE id = {order}; \
     UPDATE supply_order_point SET state = 5 WHERE order_id = {order}; \
     INSERT INTO supply_attempt (id, order_id, point_id, meter_id, kind, number, intent_at, expires_at, detail, before) \
         SELECT 1, order_id, point_id, meter_id, 1, 1, 0, 0, '', '' FROM supply_order_point WHERE order_id = {order}",
    "UPDATE supply_order SET kind = 99 WHERE id = {order}; \
     UPDATE supply_order_point SET state = 4, due_at = 0 WHERE order_id = {order}",
    "UPDATE supply_order SET reason = 99 WHERE id = {order}; \
     UPDATE supply_order_point SET state = 4, due_at = 0 WHERE order_id = {order}",
    "UPDATE meter SET address = 'x' WHERE id = {meter}; \
     UPDATE supply_order_point SET state = 4, due_at = 0 WHERE order_id = {order}",
];

#[tokio::test]
async fn i12_an_order_that_is_damaged_in_the_database_keeps_nobody_from_having_supply() {
    for damage in DAMAGES {
        let street = Street::new(2).await;
        let head_end = street.head_end().await;
        let (now, home) = (street.clock.now(), street.houses[1].home);
        let asked = head_end.supply.ask(&acting("li", now), &cut(&[home], now)).await.unwrap();
        let sql =
            damage.replace("{order}", &asked.id.to_string()).replace("{meter}", &home.meter.to_string());
        run(&Address::Sqlite(street.folder.path().join("store.db")), &sql).await;
        let back = restored(&street, &head_end, 0).await;
        head_end
            .during(async {
                let by = street.clock.now().plus(MINUTE);
                while street.orders(0).is_empty() {
                    assert!(street.clock.now() < by, "{damage}: the home waits");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                street.until(back, &[OrderState::VerifiedClosed]).await;
                tokio::time::sleep(MINUTE * 2).await;
            })
            .await;
        assert_eq!(alarms(&street).await, [AlarmKind::OrderUnknown], "{damage}");
        assert!(street.orders(1).is_empty(), "{damage}");
        head_end.close().await;
        street.close().await;
    }
}

/// The audit log takes no entry: a home that was cut has its supply back at the meter, and every step is entered behind.
#[tokio::test]
async fn t26_a_meter_is_given_its_supply_back_while_the_audit_log_takes_no_entry() {
    let street = Street::new(2).await;
    let address = Address::Sqlite(street.folder.path().join("store.db"));
    let head_end = street.head_end().await;
    head_end
        .during(async {
            opened(&street, &head_end, 0).await;
            let before = street.store.audit_head().await.unwrap();
            let shut = "CREATE TRIGGER shut BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'shut'); END";
            run(&address, shut).await;
            let li = acting("li", street.clock.now());
            let refused = head_end.supply.ask(&li, &cut(&[street.houses[1].home], street.clock.now())).await;
            assert!(format!("{refused:?}").contains("AuditRefused"), "{refused:?}");
            let back = restored(&street, &head_end, 0).await;
            assert_eq!(street.until(back, &[OrderState::VerifiedClosed]).await, OrderState::VerifiedClosed);
            assert!(!street.is_open(0));
            assert_eq!(street.orders(0), [TRIP, PERMIT]);
            assert_eq!(street.orders(1), [0; 0]);
            assert_eq!(street.store.audit_head().await.unwrap(), before);
            run(&address, "DROP TRIGGER shut").await;
            street.store.enter_spooled(street.clock.now()).await.unwrap();
            let entered = street.store.audit_after(before.number, 100).await.unwrap();
            let of_back: Vec<_> = entered
                .iter()
                .filter(|entry| entry.order == Some(back.number()))
                .map(|entry| entry.action.as_str())
                .collect();
            assert_eq!(of_back, ["order.submit", "order.arm", "order.intent", "order.sent", "order.seen"]);
            street.store.verify_audit(&[before]).await.unwrap().unwrap();
        })
        .await;
    head_end.close().await;
    street.close().await;
}
