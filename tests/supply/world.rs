//! Whatever people, meters, lines and the process do in whatever order: what the meters really heard is judged against
//! what was approved, intended and told (I8 to I15, I23).

use std::collections::HashMap;
use std::time::Duration;

use chaobiao::domain::access::Regions;
use chaobiao::domain::supply::{HaltKind, OrderKind, OrderState, Reason, SupplyOrder};
use chaobiao::domain::{AlarmKind, AuditHash, Id};
use chaobiao::store::alarm::AlarmFilter;
use chaobiao::store::supply::PaymentEntry;
use chaobiao::supply::Supply;
use simulator::meter::relay::Cause;
use simulator::seed::Seed;

use crate::ready::{acting, cut};
use crate::rig::Street;

const HOMES: usize = 6;
const STEPS: u64 = 40;

/// How often each thing was done.
type Done = HashMap<&'static str, u32>;

#[tokio::test]
async fn i08_whatever_happens_no_cut_leaves_without_its_order() {
    let mut done = Done::new();
    for seed in [1, 2] {
        live(seed, &mut done).await;
    }
    println!("{done:?}");
    let all = [
        "ask", "approve", "pay", "restore", "stop", "lift", "mute", "deaf", "heal", "withdraw", "kill", "cut",
    ];
    for name in all {
        assert!(done.get(name).is_some_and(|times| *times > 0), "{name} was never done: {done:?}");
    }
}

#[tokio::test]
#[ignore = "long: many seeds"]
async fn i08_many_seeds() {
    let mut done = Done::new();
    for seed in 100..200 {
        live(seed, &mut done).await;
    }
    println!("{done:?}");
}

async fn live(seed: u64, done: &mut Done) {
    let street = Street::new(HOMES).await;
    let mut orders: Vec<Id<SupplyOrder>> = Vec::new();
    let draws = Seed::new(seed).named("supply world");
    let mut head_end = street.head_end().await;
    for step in 0..STEPS {
        let draw = draws.number(step);
        let kills = head_end
            .during(async {
                let kills = act(&street, &head_end.supply, draw, &mut orders, done).await;
                tokio::time::sleep(Duration::from_millis(draw >> 20 & 0x1FFFF)).await;
                kills
            })
            .await;
        if kills {
            head_end.kill(&street).await;
            head_end = street.head_end().await;
        }
    }
    for place in 0..HOMES {
        street.with(place, |heard| (heard.is_mute, heard.is_deaf) = (false, false));
    }
    head_end.during(tokio::time::sleep(Duration::from_secs(3600))).await;
    head_end.close().await;
    judge(&street, &orders, done).await;
    street.close().await;
}

/// Does one thing; true when the process is to be killed.
async fn act(
    street: &Street,
    supply: &Supply,
    draw: u64,
    orders: &mut Vec<Id<SupplyOrder>>,
    done: &mut Done,
) -> bool {
    let now = street.clock.now();
    let place = usize::try_from(draw >> 8).unwrap_or(0) % HOMES;
    let home = street.houses[place].home;
    let (li, wang, zhao) = (acting("li", now), acting("wang", now), acting("zhao", now));
    let last = orders.last().copied();
    let name = match draw % 16 {
        0..=3 => {
            let mut new = cut(&[home], now);
            new.window.until = now.plus(Duration::from_secs(1200));
            let asked = supply.ask(&li, &new).await;
            orders.extend(asked.as_ref().map(|asked| asked.id));
            if let Ok(asked) = asked {
                let seen = street.view(asked.id).await.hash;
                if draw & 0x80 == 0 {
                    supply.approve(&wang, asked.id, &seen.into()).await.unwrap();
                    *done.entry("approve").or_default() += 1;
                }
            }
            "ask"
        }
        4 => {
            if let Some(id) = last {
                drop(supply.withdraw(&wang, id).await);
            }
            "withdraw"
        }
        5 => {
            let reference = format!("payment {draw}");
            let payment = PaymentEntry { customer: home.customer, reference, amount_fen: 1, paid_at: now };
            supply.enter_payments(&acting("billing", now), &[payment]).await.unwrap();
            "pay"
        }
        6 | 7 => {
            let asked = supply.restore(&wang, &[home.point], Reason::Settled, None).await;
            orders.push(asked.unwrap().id);
            "restore"
        }
        8 => {
            supply.press_stop(&li, "").await.unwrap();
            "stop"
        }
        9 | 10 => {
            drop(supply.lift(&wang, HaltKind::Stop).await);
            drop(supply.lift(&zhao, HaltKind::Stop).await);
            "lift"
        }
        11 => {
            street.with(place, |heard| heard.is_mute = true);
            "mute"
        }
        12 => {
            street.with(place, |heard| heard.is_deaf = true);
            "deaf"
        }
        13 => {
            for place in 0..HOMES {
                street.with(place, |heard| (heard.is_mute, heard.is_deaf) = (false, false));
            }
            "heal"
        }
        _ => "kill",
    };
    *done.entry(name).or_default() += 1;
    name == "kill"
}

/// What the meters really heard, against what is kept.
async fn judge(street: &Street, orders: &[Id<SupplyOrder>], done: &mut Done) {
    let mut views = Vec::new();
    for id in orders {
        views.push(street.view(*id).await);
    }
    for (place, house) in street.houses.iter().enumerate() {
        let mine = views.iter().filter(|view| view.points[0].ordered.point == house.home.point);
        let attempts: usize = mine
            .clone()
            .filter(|view| view.order.content.kind == OrderKind::Cut)
            .map(|view| view.attempts.len())
            .sum();
        let trips = street.orders(place).iter().filter(|order| **order == 0x1A).count();
        *done.entry("cut").or_default() += u32::try_from(trips).unwrap();
        assert!(trips <= attempts, "home {place}: {trips} trips for {attempts} attempts (I9)");
        let opened = house.meter.lock().unwrap().meter.relay().switchings().to_vec();
        let opened = opened.iter().filter(|moved| moved.opened && moved.cause == Cause::Order).count();
        assert!(opened <= trips, "home {place} opened by itself (I14)");
    }
    let filter = AlarmFilter { is_open: true, kind: Some(AlarmKind::OrderUnknown), ..AlarmFilter::default() };
    let told = street.store.alarms(&filter, &Regions::All, i64::MAX, 100).await.unwrap();
    for view in &views {
        let (order, point) = (&view.order, &view.points[0]);
        if order.content.kind == OrderKind::Cut && !view.attempts.is_empty() {
            assert!(!view.approvals.is_empty(), "{view:?}: sent without an approval (I8)");
            assert!(view.approvals.iter().all(|by| by.name != order.requested_by), "{view:?} (I10)");
            assert!(view.attempts.len() <= 2 * view.approvals.len().max(1) + 20, "{view:?} (I9)");
        }
        assert_ne!(point.state, OrderState::Sending, "{view:?} (I15)");
        if point.state == OrderState::Unknown && order.content.kind == OrderKind::Cut {
            assert!(told.iter().any(|alarm| alarm.order == Some(order.id.number())), "{view:?} (I15)");
        }
        if point.state == OrderState::VerifiedOpen {
            let look = street.store.last_attempt(order.id, point.ordered.point).await.unwrap().unwrap();
            let last = look.1.last().unwrap();
            assert!(Some(last.at) >= look.0.told_at && last.status.is_open(), "{view:?} (I13)");
        }
    }
    let records = street.store.audit_after(0, 100_000).await.unwrap();
    let mut hash = AuditHash::BEGINNING;
    for record in &records {
        hash = record.hash_after(hash);
        assert_eq!(record.hash, hash.to_string(), "{record:?} (I23)");
    }
    let intents = records.iter().filter(|record| record.action == "order.intent").count();
    let frames: usize = (0..HOMES).map(|place| street.orders(place).len()).sum();
    assert!(frames <= intents, "{frames} frames for {intents} intents (I23)");
}
