//! What the tables themselves refuse, and what happens when several write.

use chaobiao::domain::version::Booking;
use chaobiao::domain::{Id, Quality, Suspicion};
use chaobiao::store::{Address, Large, Migrations, Store};

use crate::readings::{TABLES, brought, curve, curves, day, frozen, minutes, night};
use crate::{Fresh, midnight, on_both};

/// Has a server let every list go, whatever its clock says: in the field it keeps most for good.
pub(crate) async fn may_go(fresh: &Fresh) {
    if matches!(fresh.address, Address::Postgres(_)) {
        fresh.run("UPDATE partitioned SET may_go_after = -3650").await.unwrap();
    }
}

async fn with_some_of_all(fresh: &Fresh) {
    fresh.store.save(&frozen(fresh, 1, 100, Quality::Good), night()).await.unwrap();
    let values = [Some(10), None, Some(30)];
    fresh.store.save(&brought(fresh, curve(1, "1.8.0", 96, &values)), night()).await.unwrap();
}

#[tokio::test]
async fn i04_no_program_can_change_what_was_read() {
    on_both(async |fresh| {
        with_some_of_all(fresh).await;
        let before = fresh.content(&TABLES).await;
        let array = |text: &str| match fresh.address {
            Address::Sqlite(_) => format!("'[{text}]'"),
            Address::Postgres(_) => format!("'{{{text}}}'"),
        };
        let mut refused = vec![
            "UPDATE register_ledger SET value = 5".to_owned(),
            "UPDATE register_ledger SET quality = 0 WHERE version = 1".to_owned(),
            "DELETE FROM register_ledger".to_owned(),
            "UPDATE meter_fetch SET frames = ''".to_owned(),
            "DELETE FROM meter_fetch".to_owned(),
            "DELETE FROM interval_day".to_owned(),
            "UPDATE interval_day SET day = day - 1".to_owned(),
            "UPDATE interval_day SET slots = 48".to_owned(),
            "UPDATE interval_day SET slots = 288".to_owned(),
        ];
        for values in
            ["11,null,30", "10,null,31", "10,20,31", "null,20,30", "10", "10,null,300", "10,null,3", ""]
        {
            refused.push(format!("UPDATE interval_day SET v = {}", array(values)));
        }
        refused.push(format!("UPDATE interval_day SET q = {}", array("15")));
        for sql in refused {
            assert!(fresh.run(&sql).await.is_err(), "{sql}");
        }
        assert_eq!(fresh.content(&TABLES).await, before);
        for values in ["10,null,30,40", "10,20,30,40", "10,20,30,40,null,60"] {
            fresh.run(&format!("UPDATE interval_day SET v = {}", array(values))).await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn f18_two_writers_fill_each_slot_once() {
    on_both(async |fresh| {
        let other = Store::open(&fresh.address, Migrations::Run).await.unwrap();
        let stores = [&fresh.store, &other];
        let mut batches = Vec::new();
        for round in 0..8_i64 {
            for meter in 1..=4 {
                let value = |slot: i64| ((slot + round) % 3 > 0).then_some(slot * 10 + round % 2);
                let values: Vec<_> = (0..24).map(value).collect();
                batches.push(brought(fresh, curve(meter, "1.8.0", 24, &values)));
                let mut batch = frozen(fresh, meter, round % 2, Quality::Good);
                batch.registers.extend(frozen(fresh, meter, round % 3, Quality::Good).registers);
                batches.push(batch);
            }
        }
        let saved = futures_of(stores, &batches, night()).await;
        let filled: usize = saved.iter().map(|receipt| receipt.filled).sum();
        let conflicts: usize = saved.iter().map(|receipt| receipt.conflicts.len()).sum();
        assert_eq!(filled, 4 * 24);
        assert!(conflicts > 0);
        for meter in 1..=4 {
            assert_eq!(curves(fresh, meter, "1.8.0").await[0].filled().count(), 24);
            let ledger = fresh.store.ledger(Id::new(meter), midnight("2026-11-21"), night()).await.unwrap();
            let versions: Vec<_> = ledger.iter().map(|entry| entry.version).collect();
            assert_eq!(versions, [1, 2, 3], "three values came");
            assert_eq!(ledger.iter().filter(|entry| entry.is_current).count(), 1);
        }
        let bookings = saved.iter().flat_map(|receipt| &receipt.registers);
        let accepted = bookings.clone().filter(|booking| matches!(booking, Booking::New(_, Quality::Good)));
        let doubted = Quality::Suspect(Suspicion::Conflict);
        let suspect =
            bookings.filter(|booking| matches!(booking, Booking::New(_, quality) if *quality == doubted));
        assert_eq!((accepted.count(), suspect.count()), (4, 8), "each new version has one receipt");
        other.close().await;
    })
    .await;
}

/// Saves all at once, in turn through either store.
async fn futures_of(
    stores: [&Store; 2],
    batches: &[chaobiao::store::Batch],
    now: chaobiao::domain::Moment,
) -> Vec<chaobiao::store::Receipt> {
    let mut tasks = tokio::task::JoinSet::new();
    for (store, batch) in stores.into_iter().cycle().zip(batches) {
        let (store, batch) = (store.clone(), batch.clone());
        tasks.spawn(async move { store.save(&batch, now).await.unwrap() });
    }
    tasks.join_all().await
}

#[tokio::test]
async fn t34_retention_lets_old_days_go_and_only_those() {
    on_both(async |fresh| {
        let mut old = frozen(fresh, 1, 100, Quality::Good);
        old.registers[0].as_of = midnight("2026-09-15");
        old.fetches[0].from = midnight("2026-09-15");
        old.fetches[0].until = midnight("2026-09-15");
        fresh.store.save(&old, night()).await.unwrap();
        with_some_of_all(fresh).await;
        let before = fresh.content(&TABLES).await.len();
        may_go(fresh).await;
        for large in [Large::Fetches, Large::Registers, Large::Intervals] {
            fresh.store.let_go(large, day("2026-10-01")).await.unwrap();
            fresh.store.let_go(large, day("2026-10-01")).await.unwrap();
            let gone = fresh.store.let_go(large, day("2026-09-01")).await.unwrap();
            assert_eq!(gone, 0, "what was let go does not come back");
        }
        assert_eq!(fresh.content(&TABLES).await.len(), before - 2, "one fetch and one read");
        assert!(fresh.run("DELETE FROM meter_fetch").await.is_err());
        // What comes for such a day afterwards is not lost on the way.
        fresh.store.save(&old, night().plus(minutes(1))).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn partitions_hold_the_month_that_china_has() {
    on_both(async |fresh| {
        let Address::Postgres(_) = &fresh.address else { return };
        let days = ["2027-12-31", "2028-01-01", "2028-02-29", "2028-03-01"].map(day);
        fresh.store.make_partitions(days.into_iter()).await.unwrap();
        let names = fresh
            .texts("SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relname LIKE 'register_ledger_2%' ORDER BY 1")
            .await;
        let expected = ["20271201", "20280101", "20280201", "20280301"];
        assert_eq!(names, expected.map(|month| format!("register_ledger_{month}")));
        let bounds = fresh
            .texts(
                "SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE relname = 'register_ledger_20280201'",
            )
            .await;
        let (from, to) = (midnight("2028-02-01").micros(), midnight("2028-03-01").micros());
        assert_eq!(bounds, [format!("FOR VALUES FROM ('{from}') TO ('{to}')")]);
        assert!(fresh.store.make_partitions([day("2100-01-01")].into_iter()).await.is_err());
        fresh.run("UPDATE partitioned SET width = 'day' WHERE list = 'interval_day'").await.unwrap();
        fresh.store.make_partitions([day("2029-07-15")].into_iter()).await.unwrap();
        let names = "SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relname LIKE 'interval_day_2029%'";
        assert_eq!(fresh.texts(names).await, ["interval_day_20290715"]);
    })
    .await;
}
