//! What happens while a cut is on its way to a meter (F45): no frame leaves behind an event that stands against it.

use std::time::Duration;

use chaobiao::domain::supply::{Ceilings, OrderState, ProtectionKind, SupplyOrder};
use chaobiao::domain::{AuditEntry, Id, Meter, Moment};
use chaobiao::store::access::AccountChange;
use chaobiao::store::archive::Exchange;
use chaobiao::store::supply::{IdentityEntry, PaymentEntry, ProtectionEntry};
use chaobiao::store::{Address, AuditFilter};
use chaobiao::supply::Supply;
use dlt645::address::MeterAddress;
use simulator::seed::Seed;

use crate::orders::approved;
use crate::ready::{Home, acting, run};
use crate::rig::Street;

/// What happens, and what the audit log calls it; what leaves no entry has the place behind all there are.
const EVENTS: [(&str, &str); 9] = [
    ("payment", "evidence.payment"),
    ("protection", "protection.add"),
    ("withdrawal", "order.withdraw"),
    ("restore", "order.submit"),
    ("crossed", "evidence.identity"),
    ("limit lowered", "ceiling.tighten"),
    ("account disabled", "account.disable"),
    ("meter exchanged", ""),
    ("STOP", "stop.press"),
];

#[tokio::test]
async fn f45_no_frame_leaves_behind_an_event_that_stands_against_it() {
    race(20, 645).await;
}

#[tokio::test]
#[ignore = "long: a thousand interleavings on simulated meters"]
async fn f45_a_thousand_interleavings_on_simulated_meters() {
    for seed in 0..50 {
        race(20, seed).await;
    }
}

/// So many homes, each with one event at some moment around its frame.
async fn race(count: usize, seed: u64) {
    let street = Street::new(count).await;
    let head_end = street.head_end().await;
    let (mut first, mut late) = (0, 0);
    head_end
        .during(async {
            for place in 0..count {
                let draw = Seed::new(seed).named("race").number(u64::try_from(place).unwrap());
                let (event, action) = EVENTS[place % EVENTS.len()];
                let id = approved(&street, &head_end, &[place]).await;
                street.until(id, &[OrderState::Armed]).await;
                let due = street.view(id).await.points[0].due_at;
                // The meter is asked for some seconds before the frame.
                street.clock.sleep_until(due.minus(Duration::from_millis(500))).await;
                tokio::time::sleep(Duration::from_millis(draw % 12_000)).await;
                happen(&street, &head_end.supply, event, id, street.houses[place].home).await;
                let happened = match action {
                    "" => last(&street, None, None).await.map(|number| number + 1),
                    action => last(&street, Some(action), None).await,
                };
                tokio::time::sleep(Duration::from_secs(120)).await;
                let intent = last(&street, Some("order.intent"), Some(id)).await;
                let frames = street.orders(place).iter().filter(|order| **order == 0x1A).count();
                match intent {
                    None => {
                        first += 1;
                        assert_eq!(frames, 0, "{event}: a frame without an intent");
                    }
                    Some(intent) => {
                        late += 1;
                        assert!(Some(intent) < happened, "{event}: an intent behind the event");
                        assert!(frames <= 1, "{event}");
                    }
                }
                undo(&street).await;
            }
        })
        .await;
    println!("f45 seed {seed}: {first} stopped, {late} sent before");
    assert!(first > 0 && late > 0, "{first} {late}");
    head_end.close().await;
    street.close().await;
}

async fn happen(street: &Street, supply: &Supply, event: &str, id: Id<SupplyOrder>, home: Home) {
    let now: Moment = street.clock.now();
    let li = acting("li", now);
    match event {
        "payment" => {
            let payment = PaymentEntry {
                customer: home.customer,
                reference: format!("payment for {id}"),
                amount_fen: 1,
                paid_at: now,
            };
            supply.enter_payments(&acting("billing", now), &[payment]).await.unwrap();
        }
        "protection" => {
            let (kind, reason) = (ProtectionKind::Medical, "呼吸机".to_owned());
            let entry = ProtectionEntry { point: home.point, kind, reason, until: None };
            street.store.add_protections(&li, &[entry], now).await.unwrap();
        }
        // Once it was sent there is nothing left to withdraw.
        "withdrawal" => drop(supply.withdraw(&acting("wang", now), id).await),
        "restore" => {
            let reason = chaobiao::domain::supply::Reason::Settled;
            supply.restore(&li, &[home.point], reason, None).await.unwrap();
        }
        "crossed" => {
            let entry = IdentityEntry {
                point: home.point,
                meter: home.meter,
                verified_at: now,
                is_crossed: true,
                verified_by: "Li".to_owned(),
            };
            street.store.enter_identities(&li, &[entry], now).await.unwrap();
        }
        "STOP" => supply.press_stop(&acting("auditor", now), "too many").await.unwrap(),
        other => {
            stand_against(street, other, home).await;
            supply.judge_again();
        }
    }
}

/// What is entered against cuts by others than those who order them.
pub(crate) async fn stand_against(street: &Street, event: &str, home: Home) {
    let (store, now) = (&street.store, street.clock.now());
    match event {
        "limit lowered" => {
            let none = Ceilings { day: 0, ..Ceilings::BUILT_IN };
            store.tighten_ceilings(&acting("admin", now), none, now).await.unwrap();
        }
        "account disabled" => {
            let entry = AuditEntry::by(&acting("admin", now), now, "account.disable", "account wang");
            let wang = acting("wang", now).account;
            store.change_account(wang, None, &AccountChange::Enable(false), &entry).await.unwrap();
        }
        "meter exchanged" => {
            let sites = store.site_meters().await.unwrap();
            let site = sites.iter().find(|site| site.point_id == home.point).unwrap();
            let address = MeterAddress::from_number(900_000 + home.point.number().unsigned_abs()).unwrap();
            let installed = Meter { address, ..site.meter.clone() };
            let exchange = Exchange { point: home.point, removed: site.meter.address, installed, at: now };
            store.exchange_meter(&exchange).await.unwrap();
        }
        other => panic!("{other}"),
    }
}

/// Takes back what concerns all.
async fn undo(street: &Street) {
    let sql = format!(
        "UPDATE account SET is_enabled = 1 WHERE id = 12; DELETE FROM supply_ceiling; \
         UPDATE supply_halt SET ended_at = {} WHERE ended_at IS NULL",
        street.clock.now().micros()
    );
    run(&Address::Sqlite(street.folder.path().join("store.db")), &sql).await;
}

/// The number of the last such entry of the audit log.
async fn last(street: &Street, action: Option<&str>, order: Option<Id<SupplyOrder>>) -> Option<i64> {
    let filter = AuditFilter {
        order: order.map(Id::number),
        action: action.map(str::to_owned),
        ..AuditFilter::default()
    };
    let found = street.store.audit_before(&filter, i64::MAX, 1).await.unwrap();
    found.first().map(|entry| entry.number)
}
