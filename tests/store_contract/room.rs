//! Room for new days and an end to old ones, beside whoever holds the tables for hours (F41, F43). PostgreSQL only: a file has no
//! partitions.

use std::time::Duration;

use chaobiao::domain::Quality;
use chaobiao::store::{Address, Large, Migrations, Remedy, Store};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::time::timeout;

use crate::readings::{day, frozen, night};
use crate::{Fresh, on_both};

const SOON: Duration = Duration::from_secs(3);

/// A session of another program, with a transaction begun.
async fn session(fresh: &Fresh, sql: &str) -> Option<PgConnection> {
    let Address::Postgres(url) = &fresh.address else { return None };
    let mut session = PgConnection::connect(url).await.unwrap();
    say(&mut session, &format!("BEGIN; {sql}")).await;
    Some(session)
}

async fn say(session: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(session).await.unwrap();
}

/// What `pg_dump` holds from its beginning to its end.
const DUMPED: &str = "LOCK TABLE meter_fetch, register_ledger, interval_day, billing_value, outbox, billing_ledger \
    IN ACCESS SHARE MODE";

#[tokio::test]
async fn f41_f43_room_is_made_beside_a_backup_and_old_days_wait_for_it_without_anybody_waiting() {
    on_both(async |fresh| {
        let store = &fresh.store;
        let old = day("2020-01-15");
        store.make_partitions(std::iter::once(old)).await.unwrap();
        let Some(mut dump) = session(fresh, DUMPED).await else { return };
        let parts = "SELECT count(*)::text FROM pg_inherits WHERE inhrelid::regclass::text LIKE '%\\_20270501'";
        assert_eq!(fresh.texts(parts).await, ["0"]);
        timeout(SOON, store.make_partitions(std::iter::once(day("2027-05-01")))).await.unwrap().unwrap();
        assert_eq!(fresh.texts(parts).await, ["6"]);
        // They are like those that were there before: keys, indexes and what refuses changes.
        let of = |month: &str| {
            format!(
                "SELECT replace(c.relname || ' ' || coalesce(t.names, '') || ' ' || coalesce(i.names, ''), '{month}', 'M') \
                 FROM pg_class c \
                 LEFT JOIN LATERAL (SELECT string_agg(tgname, ',' ORDER BY tgname) AS names FROM pg_trigger \
                     WHERE tgrelid = c.oid) t ON true \
                 LEFT JOIN LATERAL (SELECT string_agg(p.inhparent::regclass::text, ',' ORDER BY p.inhparent::regclass::text) \
                     AS names FROM pg_index x JOIN pg_inherits p ON p.inhrelid = x.indexrelid WHERE x.indrelid = c.oid) i ON true \
                 WHERE c.relkind = 'r' AND c.relispartition AND c.relname LIKE '%\\_{month}' ORDER BY 1"
            )
        };
        let made = fresh.texts(&of("20270501")).await;
        assert_eq!(made, fresh.texts(&of("20200101")).await);
        assert!(made.iter().all(|part| part.contains("_pkey")), "{made:?}");
        assert!(made.iter().any(|part| part.contains("meter_fetch_stays")), "{made:?}");

        // Old days are held by the dump: whoever reads or writes meanwhile does not wait for that to end.
        let reading = async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            timeout(SOON, fresh.texts("SELECT count(*)::text FROM interval_day")).await.unwrap()
        };
        let (held, _) = tokio::join!(timeout(SOON, store.let_go(Large::Intervals, day("2020-03-01"))), reading);
        assert_eq!(held.unwrap().unwrap_err().remedy(), Remedy::Retry);
        let there = "SELECT count(*)::text FROM pg_class WHERE relname = 'interval_day_20200101'";
        assert_eq!(fresh.texts(there).await, ["1"]);
        say(&mut dump, "COMMIT").await;
        assert_eq!(store.let_go(Large::Intervals, day("2020-03-01")).await.unwrap(), 1);
        assert_eq!(fresh.texts(there).await, ["0"]);
    })
    .await;
}

#[tokio::test]
async fn f43_what_comes_for_a_day_that_has_room_waits_for_nobody_who_makes_some() {
    on_both(async |fresh| {
        fresh.store.make_partitions((-2..2).map(|days| day("2026-11-22").plus(days))).await.unwrap();
        // Whoever makes room or lets go has the turn, and does not end.
        let Some(_turn) = session(fresh, "SELECT pg_advisory_xact_lock(645200719970002)").await else {
            return;
        };
        // Just opened: it knows of no partition.
        let store = Store::open(&fresh.address, Migrations::Run).await.unwrap();
        let batch = frozen(fresh, 1, 100, Quality::Good);
        timeout(SOON, store.save(&batch, night())).await.unwrap().unwrap();
        store.close().await;
    })
    .await;
}
