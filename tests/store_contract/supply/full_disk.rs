//! F30: the disk of the database is full. What may come later is refused, nobody is cut, and supply is given back on the reserve.

use chaobiao::domain::Quality;
use chaobiao::domain::supply::OrderState;
use chaobiao::domain::{Alarm, AlarmKind, AuditEntry};
use chaobiao::store::supply::{Intended, SupplyError};
use chaobiao::store::{Address, Migrations, Store, StoreError};

use super::ready::{acting, cut, restore};
use super::steps::{armed, intend, state};
use super::{LIMITS, now, town};
use crate::Fresh;
use crate::disk::Disk;
use crate::readings::frozen;

const RESERVE: u64 = 8 * 1024 * 1024;

#[tokio::test]
async fn f30_on_a_full_disk_supply_is_given_back_and_nobody_is_cut() {
    let Some(disk) = Disk::of(48) else { return };
    let address = Address::Sqlite(disk.path().join("store.db"));
    let store = Store::open(&address, Migrations::Run).await.unwrap();
    let fresh = Fresh { store, address, folder: tempfile::tempdir().unwrap() };
    let (store, now) = (&fresh.store, now());
    let homes = town(&fresh, 2).await;
    let order = armed(store, &cut(&homes[..1], now), now).await;
    store.keep_reserve(&fresh.address).unwrap();
    let reserve = || std::fs::metadata(disk.path().join("store.db.reserve")).unwrap().len();
    assert_eq!(reserve(), RESERVE);
    disk.fill(0);
    // What the log of the database still holds room for is taken.
    let mut refused = None;
    for meter in 1..100_000 {
        if let Err(error) = store.save(&frozen(&fresh, meter, 5, Quality::Good), now).await {
            refused = Some((meter, error));
            break;
        }
    }
    let (meter, refused) = refused.unwrap();
    assert_eq!((refused.kind(), refused.reason()), ("store_unavailable", "database_full"));
    assert_eq!(store.ready().await.unwrap_err().reason(), "database_full");
    assert_eq!(reserve(), RESERVE, "it is not for what was collected");
    // Who gives supply back may have to ask twice: the first time finds that the disk is full.
    let (li, back) = (acting("li", now), restore(&homes[1..], now));
    let mut asked = store.ask_order(&li, &back, &LIMITS, now).await;
    if let Err(SupplyError::Store(error)) = &asked {
        assert_eq!(error.reason(), "database_full");
        asked = store.ask_order(&li, &back, &LIMITS, now).await;
    }
    let asked = asked.unwrap();
    for number in 0..200 {
        let entry = AuditEntry::of_system(now, "test", format!("entry {number}"));
        if let Err(error) = store.audit(&entry).await {
            assert_eq!((number, error.reason()), (0, "database_full"), "only the first may find out");
        }
    }
    let alarm = Alarm::new(AlarmKind::DiskFull, "disk of the database, 95 %", now);
    store.raise_alarm(&alarm).await.unwrap();
    assert_eq!(store.arm_point((asked.id, homes[1].point), now, &LIMITS, now).await.unwrap(), []);
    assert!(matches!(intend(store, asked.id, homes[1], now).await, Intended::Kept(_)));
    assert_eq!(reserve(), 0, "it was needed");
    // What was collected is refused before it is tried, and no cut has an intent.
    let late = store.save(&frozen(&fresh, meter, 5, Quality::Good), now).await.unwrap_err();
    assert_eq!(late.reason(), "database_full");
    let before = chaobiao::store::supply::BeforeRecord::default();
    let intent = chaobiao::store::supply::Intent {
        order,
        point: homes[0].point,
        expires: now.plus(super::ready::HOUR / 10),
        before: &before,
        found: &[],
    };
    let refused = store.intend(&intent, &LIMITS, now).await;
    assert!(matches!(&refused, Err(StoreError::Unavailable { .. })), "{refused:?}");
    assert_eq!(
        (store.attempts_of(order).await.unwrap(), state(store, order).await),
        (vec![], OrderState::Armed)
    );
    // Another process begins meanwhile: what is left is for the same.
    let other = Store::open(&fresh.address, Migrations::Check).await.unwrap();
    other.keep_reserve(&fresh.address).unwrap();
    assert_eq!(other.ready().await.unwrap_err().reason(), "database_full");
    other.close().await;
    // There is room again.
    disk.make_room();
    store.keep_reserve(&fresh.address).unwrap();
    assert_eq!(reserve(), RESERVE);
    store.save(&frozen(&fresh, meter, 5, Quality::Good), now).await.unwrap();
    assert!(matches!(intend(store, order, homes[0], now).await, Intended::Kept(_)));
    assert!(store.verify_audit(&[]).await.unwrap().is_ok());
    store.close().await;
}
