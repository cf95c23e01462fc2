//! What is done about all orders is done past one that is damaged, and people are told of that one (F42).

use chaobiao::domain::access::Regions;
use chaobiao::domain::supply::{HaltKind, OrderState, SupplyOrder};
use chaobiao::domain::{AlarmKind, AuditEntry, AuditHash, Id};
use chaobiao::store::alarm::AlarmFilter;
use chaobiao::store::{AuditHead, Store};

use super::ready::{cut, run};
use super::steps::{armed, state};
use super::{approved, now, town};
use crate::{Fresh, on_both};

/// Orders that are damaged in one way each, and beside each one that is not.
const DAMAGE: [&str; 2] = [
    "UPDATE supply_order SET kind = 99 WHERE id = {order}",
    "UPDATE supply_order SET reason = 99 WHERE id = {order}",
];

/// Two cuts of two homes: the first approved and damaged so, the second armed and whole.
async fn two(fresh: &Fresh, damage: &str) -> [Id<SupplyOrder>; 2] {
    let homes = town(fresh, 2).await;
    let damaged = approved(&fresh.store, &cut(&homes[..1], now()), now()).await;
    let whole = armed(&fresh.store, &cut(&homes[1..], now()), now()).await;
    run(&fresh.address, &damage.replace("{order}", &damaged.number().to_string())).await;
    [damaged, whole]
}

async fn told(store: &Store, order: Id<SupplyOrder>) -> usize {
    let filter = AlarmFilter { kind: Some(AlarmKind::OrderUnknown), ..AlarmFilter::default() };
    let alarms = store.alarms(&filter, &Regions::All, i64::MAX, 10).await.unwrap();
    alarms.iter().filter(|alarm| alarm.subject == format!("order {order}")).count()
}

#[tokio::test]
async fn f41_f42_a_restored_database_is_made_ready_past_a_damaged_order() {
    for damage in DAMAGE {
        on_both(async |fresh| {
            let [damaged, whole] = two(fresh, damage).await;
            let entry = AuditEntry::of_system(now(), "restore", "backup");
            let found = fresh.store.make_ready(entry, now()).await.unwrap();
            assert_eq!(found.approvals, 2, "none of them goes out by an approval of before");
            assert_eq!(state(&fresh.store, whole).await, OrderState::Submitted);
            assert_eq!([told(&fresh.store, damaged).await, told(&fresh.store, whole).await], [1, 0]);
        })
        .await;
    }
}

#[tokio::test]
async fn f31_f42_cuts_are_held_for_a_loss_past_a_damaged_order() {
    for damage in DAMAGE {
        on_both(async |fresh| {
            let [damaged, whole] = two(fresh, damage).await;
            let store = &fresh.store;
            store.expect_audit(AuditHead { number: 1_000_000, hash: AuditHash::BEGINNING });
            let loss = store.is_audit_there().await.unwrap().unwrap();
            store.halt_for_loss(loss, now()).await.unwrap();
            assert_eq!(store.halts().await.unwrap()[0].kind, HaltKind::DatabaseBehind);
            assert_eq!(state(store, whole).await, OrderState::Submitted);
            assert_eq!([told(store, damaged).await, told(store, whole).await], [1, 0]);
        })
        .await;
    }
}
