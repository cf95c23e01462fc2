//! R3: the judge finds what is planted behind the store's back.

use chaobiao::domain::Day;
use chaobiao::store::Address;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};

use crate::rig::{Town, TownPlan, config, day, world};
use crate::truth::Findings;

/// One planted bug: the invariant that it breaks, and the SQL of a program that does not keep to the rules.
type Bug = (&'static str, &'static str);

/// A meter of the site, an accepted reading of a total at the last midnight, a filled curve.
const BUGS: [Bug; 14] = [
    (
        "i2",
        "UPDATE register_ledger SET value = value + 100 WHERE rowid = (SELECT max(rowid) FROM register_ledger)",
    ),
    // The last digit of four that are kept, of two that are read (I7).
    (
        "i2",
        "UPDATE register_ledger SET value = value + 1 WHERE rowid = (SELECT min(rowid) FROM register_ledger)",
    ),
    // Another meter's.
    (
        "i2",
        "UPDATE register_ledger SET value = (SELECT l.value FROM register_ledger l \
            WHERE l.meter_id = (SELECT max(id) FROM meter) AND l.as_of = register_ledger.as_of \
            AND l.item = register_ledger.item AND l.version = register_ledger.version) \
            WHERE meter_id = (SELECT min(id) FROM meter)",
    ),
    // Another tariff of the same meter.
    (
        "i2",
        "UPDATE register_ledger SET value = (SELECT l.value FROM register_ledger l WHERE l.meter_id = register_ledger.meter_id \
            AND l.as_of = register_ledger.as_of AND l.item = register_ledger.item + 1) \
            WHERE item = (SELECT id FROM item WHERE code LIKE '%1.8.1') AND meter_id = (SELECT min(id) FROM meter)",
    ),
    // Yesterday's freeze as today's.
    (
        "i2",
        "UPDATE register_ledger SET value = (SELECT l.value FROM register_ledger l WHERE l.meter_id = register_ledger.meter_id \
            AND l.as_of = register_ledger.as_of - 86400000000 AND l.item = register_ledger.item) \
            WHERE meter_id = (SELECT min(id) FROM meter) AND as_of = (SELECT max(as_of) FROM register_ledger)",
    ),
    (
        "i4",
        "INSERT INTO register_ledger SELECT meter_id, item, as_of, version + 1, value, quality, source, meter_time, \
            collected_at, fetch_id, recorded_at, NULL, NULL, NULL FROM register_ledger \
            WHERE rowid = (SELECT max(rowid) FROM register_ledger)",
    ),
    (
        "i19",
        "DELETE FROM run_meter WHERE meter_id = (SELECT min(id) FROM meter) AND run_id = (SELECT max(id) FROM run)",
    ),
    ("i19", "UPDATE run SET state = 1 WHERE id = (SELECT max(id) FROM run)"),
    ("i19", "UPDATE run_meter SET outcome = 0 WHERE meter_id = (SELECT min(id) FROM meter)"),
    (
        "i19",
        "DELETE FROM register_ledger WHERE meter_id = (SELECT min(id) FROM meter) \
            AND as_of = (SELECT max(as_of) FROM register_ledger)",
    ),
    // A slot that is emptied without a cause, and one that is moved by a quarter of an hour.
    (
        "i19",
        "UPDATE interval_day SET v = json_set(v, '$[40]', NULL) WHERE rowid = (SELECT max(rowid) FROM interval_day)",
    ),
    (
        "i3",
        "UPDATE interval_day SET v = json_set(v, '$[72]', json_extract(v, '$[76]')) WHERE item = (SELECT id FROM item WHERE code LIKE '%1.8.0')",
    ),
    ("i5", "UPDATE billing_value SET value = value + 1 WHERE rowid = (SELECT max(rowid) FROM billing_value)"),
    ("i5", "DELETE FROM billing_ledger WHERE rowid = (SELECT max(rowid) FROM billing_ledger)"),
];

fn nights() -> [Day; 2] {
    [day("2026-11-22"), day("2026-11-23")]
}

async fn judged(town: &Town) -> Findings {
    let [first, last] = nights();
    town.judge((first.plus(-2), last), &nights()).await
}

#[tokio::test]
async fn i02_i03_i04_i05_i07_i19_the_judge_finds_what_is_planted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("town.db");
    let world = world(3, 1, 9600, 51, false);
    let config = config(&world, "[collection]\nrepair_days = 2\n[intervals]\nrepair_days = 2");
    let town = Town::new(TownPlan::new(world, config, nights()[0], Address::Sqlite(path.clone()))).await;
    let head_end = town.head_end();
    for today in nights() {
        town.night(&head_end, today).await;
        town.bill().await;
    }
    let sound = judged(&town).await;
    assert_eq!(sound.wrong, Vec::<String>::new());
    assert!(sound.registers > 0 && sound.slots > 0 && sound.billed > 0, "{sound:?}");
    let options = SqliteConnectOptions::new().filename(&path);
    let mut other = SqliteConnection::connect_with(&options).await.unwrap();
    let triggers: Vec<(String,)> = sqlx::query_as("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
        .fetch_all(&mut other)
        .await
        .unwrap();
    assert!(triggers.len() > 5, "the store guards itself, even against other programs");
    // A copy of each table is put back behind each bug.
    let tables = ["register_ledger", "interval_day", "run", "run_meter", "billing_value", "billing_ledger"];
    let mut script: String = triggers.iter().map(|(name,)| format!("DROP TRIGGER {name};")).collect();
    script.push_str("PRAGMA ignore_check_constraints = on;");
    // A program that books wrongly seals what it books.
    for table in ["register_ledger", "interval_day", "billing_value"] {
        script.push_str(&format!("UPDATE {table} SET seal = NULL;"));
    }
    for table in tables {
        script.push_str(&format!("CREATE TEMP TABLE kept_{table} AS SELECT * FROM {table};"));
    }
    sqlx::raw_sql(AssertSqlSafe(script)).execute(&mut other).await.unwrap();
    for (invariant, bug) in BUGS {
        let done = sqlx::raw_sql(AssertSqlSafe(bug.to_owned())).execute(&mut other).await.unwrap();
        assert!(done.rows_affected() > 0, "nothing was planted: {bug}");
        let found = judged(&town).await.wrong;
        let is_found = found.iter().any(|wrong| wrong.starts_with(&format!("{invariant}:")));
        assert!(is_found, "{invariant} was not found: {bug}\n{found:#?}");
        for table in tables {
            let back = format!("DELETE FROM {table}; INSERT INTO {table} SELECT * FROM kept_{table};");
            sqlx::raw_sql(AssertSqlSafe(back)).execute(&mut other).await.unwrap();
        }
    }
    assert_eq!(judged(&town).await.wrong, Vec::<String>::new(), "everything was put back");
    head_end.close().await;
    town.close().await;
}
