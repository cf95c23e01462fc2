//! The service account of PostgreSQL: it owns nothing, and changes nothing of what was kept for good. (T28)

use chaobiao::domain::AuditEntry;
use chaobiao::store::{Address, Migrations, Store, StoreError};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::midnight;
use crate::postgres::Cluster;

const GRANTS: &str = include_str!("../../deploy/grants.sql");

async fn run(connection: &mut PgConnection, sql: &str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await.map(|_| ())
}

/// A code of PostgreSQL: a right is missing.
fn is_denied(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(|error| error.code()).is_some_and(|code| code == "42501")
}

#[tokio::test]
async fn t28_the_service_account_adds_and_neither_changes_nor_deletes() {
    let Some(cluster) = Cluster::shared() else { return };
    let owner = cluster.new_database().await;
    let entry = AuditEntry::of_system(midnight("2026-11-22"), "order.submit", "order 17");
    let store = Store::open(&Address::Postgres(owner.clone()), Migrations::Run).await.unwrap();
    store.audit(&entry).await.unwrap();
    store.make_partitions(std::iter::once("2026-11-22".parse().unwrap())).await.unwrap();
    store.close().await;
    let mut owning = PgConnection::connect(&owner).await.unwrap();
    run(&mut owning, "CREATE ROLE chaobiao_service LOGIN").await.unwrap();
    run(&mut owning, GRANTS).await.unwrap();
    run(&mut owning, GRANTS).await.unwrap();

    let service = owner.replace("amr@", "chaobiao_service@");
    let store = Store::open(&Address::Postgres(service.clone()), Migrations::Check).await.unwrap();
    assert_eq!(store.audit(&entry).await.unwrap().number, 2);
    store.make_partitions(std::iter::once("2027-05-01".parse().unwrap())).await.unwrap();
    store.verify_audit(&[]).await.unwrap().unwrap();
    store.close().await;
    // As `serve` opens it: there is nothing to be changed, and what there is may not be.
    Store::open(&Address::Postgres(service.clone()), Migrations::Run).await.unwrap().close().await;
    let empty = cluster.new_database().await;
    let mut other = PgConnection::connect(&empty).await.unwrap();
    run(&mut other, "REVOKE CREATE ON SCHEMA public FROM PUBLIC").await.unwrap();
    let refused =
        Store::open(&Address::Postgres(empty.replace("amr@", "chaobiao_service@")), Migrations::Run).await;
    assert!(matches!(refused, Err(StoreError::OlderSchema { found: 0, .. })), "{:?}", refused.err());

    let mut serving = PgConnection::connect(&service).await.unwrap();
    let owned = "SELECT count(*) FROM pg_class WHERE pg_get_userbyid(relowner) = current_user";
    let (owned,): (i64,) = sqlx::query_as(owned).fetch_one(&mut serving).await.unwrap();
    assert_eq!(owned, 0);
    let mut refused = 0;
    for table in
        ["audit", "meter_fetch", "register_ledger", "billing_value", "billing_ledger", "clock_ledger"]
    {
        let column = "SELECT attname::text FROM pg_attribute WHERE attrelid = $1::regclass AND attnum = 1";
        let (column,): (String,) = sqlx::query_as(column).bind(table).fetch_one(&mut owning).await.unwrap();
        for sql in [
            format!("UPDATE {table} SET {column} = {column}"),
            format!("DELETE FROM {table}"),
            format!("TRUNCATE {table}"),
            format!("DROP TABLE {table}"),
            format!("ALTER TABLE {table} DISABLE TRIGGER ALL"),
            format!("CREATE OR REPLACE RULE r AS ON INSERT TO {table} DO INSTEAD NOTHING"),
        ] {
            let error = run(&mut serving, &sql).await.expect_err(&sql);
            assert!(is_denied(&error), "{sql}: {error}");
            refused += 1;
        }
    }
    for sql in [
        "DELETE FROM audit_spool",
        "DELETE FROM interval_day",
        "DELETE FROM schema_version",
        "INSERT INTO schema_version VALUES (99, 'x', 1)",
        "CREATE TABLE mine (id bigint)",
        "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "SET session_replication_role = replica",
        "UPDATE partitioned SET width = 'day'",
        "UPDATE partitioned SET may_go_after = 0",
        "UPDATE retention SET keep_from = 47000",
        "INSERT INTO retention VALUES ('register_ledger', 47000)",
    ] {
        let error = run(&mut serving, sql).await.expect_err(sql);
        assert!(is_denied(&error), "{sql}: {error}");
        refused += 1;
    }
    let parts = "SELECT c.relname::text FROM pg_class c WHERE c.relispartition AND c.relkind = 'r' LIMIT 3";
    let parts: Vec<(String,)> = sqlx::query_as(parts).fetch_all(&mut owning).await.unwrap();
    for (part,) in &parts {
        assert!(is_denied(&run(&mut serving, &format!("DELETE FROM {part}")).await.unwrap_err()), "{part}");
    }
    assert_eq!((parts.len(), refused), (3, 47));
    only_old_curves_go(&mut serving).await;
}

/// How many partitions have such a name.
async fn count(asking: &mut PgConnection, like: &str) -> i64 {
    let parts = "SELECT count(*) FROM pg_class WHERE relispartition AND relkind = 'r' AND relname LIKE";
    let sql = AssertSqlSafe(format!("{parts} '{like}'"));
    let (count,): (i64,) = sqlx::query_as(sql).fetch_one(asking).await.unwrap();
    count
}

/// What the service may have dropped: no more than curves that are old by the clock of the server, whatever it asks for.
async fn only_old_curves_go(serving: &mut PgConnection) {
    run(serving, "SELECT make_partitions(((now() AT TIME ZONE 'UTC' + interval '8 hours')::date - date '1970-01-01')::bigint), make_partitions(18270)")
        .await
        .unwrap();
    let lists = ["meter_fetch", "register_ledger", "billing_value", "outbox", "billing_ledger"];
    for list in lists {
        let told = run(serving, &format!("SELECT drop_partitions('{list}', 47000)")).await.unwrap_err();
        assert!(told.to_string().contains("nothing of"), "{list}: {told}");
    }
    let (all, old) = (count(serving, "%").await, count(serving, "%\\_20200101").await);
    assert_eq!(old, 6);
    let (dropped,): (i64,) = sqlx::query_as("SELECT drop_partitions('interval_day', 47000)")
        .fetch_one(&mut *serving)
        .await
        .unwrap();
    assert_eq!(
        (count(serving, "interval\\_day\\_20200101").await, count(serving, "%\\_20200101").await),
        (0, 5)
    );
    assert_eq!(count(serving, "%").await, all - dropped);
    let now = "interval_day_' || to_char(now() AT TIME ZONE 'UTC' + interval '8 hours', 'YYYYMM') || '01";
    assert_eq!(count(serving, now).await, 1, "what is young stays");
    let kept = "SELECT keep_from < (now()::date - date '1970-01-01') - 60 FROM retention WHERE list = 'interval_day'";
    let (is_bounded,): (bool,) = sqlx::query_as(kept).fetch_one(serving).await.unwrap();
    assert!(is_bounded);
}
