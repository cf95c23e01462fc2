//! Migrations: forward only, one transaction each, run by themselves when the store is opened.
//!
//! A process that is killed in the middle leaves the schema before or after a migration, never between (F40). Two that
//! start at once wait for each other, however long a migration takes. A database that a newer version has changed is refused,
//! and so is one whose migrations are not those of this version. Nothing is changed under an instance that serves the site.

use std::time::Duration;

use super::engine::Engine;
use super::error::StoreError;
use super::sql::{Dialect, Sql};
use super::tenure;
use super::transaction::Transaction;
use crate::failpoint;

/// One step of the schema.
#[derive(Clone, Copy, Debug)]
pub(super) struct Migration {
    pub(super) name: &'static str,
    pub(super) text: Sql,
}

/// All of them, in order; the first has version 1. What was released is never changed here, only added to.
pub(super) const MIGRATIONS: &[Migration] = &[
    Migration::new(
        "archive",
        include_str!("migrations/sqlite/0001_archive.sql"),
        include_str!("migrations/postgres/0001_archive.sql"),
    ),
    Migration::new(
        "readings",
        include_str!("migrations/sqlite/0002_readings.sql"),
        include_str!("migrations/postgres/0002_readings.sql"),
    ),
    Migration::new(
        "runs",
        include_str!("migrations/sqlite/0003_runs.sql"),
        include_str!("migrations/postgres/0003_runs.sql"),
    ),
    Migration::new(
        "billing",
        include_str!("migrations/sqlite/0004_billing.sql"),
        include_str!("migrations/postgres/0004_billing.sql"),
    ),
    Migration::new(
        "lineage",
        include_str!("migrations/sqlite/0005_lineage.sql"),
        include_str!("migrations/postgres/0005_lineage.sql"),
    ),
    Migration::new(
        "audit",
        include_str!("migrations/sqlite/0006_audit.sql"),
        include_str!("migrations/postgres/0006_audit.sql"),
    ),
    Migration::new(
        "access",
        include_str!("migrations/sqlite/0007_access.sql"),
        include_str!("migrations/postgres/0007_access.sql"),
    ),
    Migration::new(
        "supply",
        include_str!("migrations/sqlite/0008_supply.sql"),
        include_str!("migrations/postgres/0008_supply.sql"),
    ),
    Migration::new(
        "secrets",
        include_str!("migrations/sqlite/0009_secrets.sql"),
        include_str!("migrations/postgres/0009_secrets.sql"),
    ),
    Migration::new(
        "reads",
        include_str!("migrations/sqlite/0010_reads.sql"),
        include_str!("migrations/postgres/0010_reads.sql"),
    ),
    Migration::new(
        "alarms",
        include_str!("migrations/sqlite/0011_alarms.sql"),
        include_str!("migrations/postgres/0011_alarms.sql"),
    ),
    Migration::new(
        "proposals",
        include_str!("migrations/sqlite/0012_proposals.sql"),
        include_str!("migrations/postgres/0012_proposals.sql"),
    ),
    Migration::new(
        "lists",
        include_str!("migrations/sqlite/0013_lists.sql"),
        include_str!("migrations/postgres/0013_lists.sql"),
    ),
    Migration::new(
        "report",
        include_str!("migrations/sqlite/0014_report.sql"),
        include_str!("migrations/postgres/0014_report.sql"),
    ),
    Migration::new(
        "terminals",
        include_str!("migrations/sqlite/0015_terminals.sql"),
        include_str!("migrations/postgres/0015_terminals.sql"),
    ),
    Migration::new(
        "counts",
        include_str!("migrations/sqlite/0016_counts.sql"),
        include_str!("migrations/postgres/0016_counts.sql"),
    ),
    Migration::new(
        "receivers",
        include_str!("migrations/sqlite/0017_receivers.sql"),
        include_str!("migrations/postgres/0017_receivers.sql"),
    ),
    Migration::new(
        "tenure",
        include_str!("migrations/sqlite/0019_tenure.sql"),
        include_str!("migrations/postgres/0019_tenure.sql"),
    ),
    Migration::new(
        "seals",
        include_str!("migrations/sqlite/0020_seals.sql"),
        include_str!("migrations/postgres/0020_seals.sql"),
    ),
    Migration::new(
        "notices",
        include_str!("migrations/sqlite/0021_notices.sql"),
        include_str!("migrations/postgres/0021_notices.sql"),
    ),
    Migration::new(
        "rotation",
        include_str!("migrations/sqlite/0022_rotation.sql"),
        include_str!("migrations/postgres/0022_rotation.sql"),
    ),
    Migration::new(
        "rates",
        include_str!("migrations/sqlite/0023_rates.sql"),
        include_str!("migrations/postgres/0023_rates.sql"),
    ),
    Migration::new(
        "settings",
        include_str!("migrations/sqlite/0024_settings.sql"),
        include_str!("migrations/postgres/0024_settings.sql"),
    ),
    Migration::new(
        "floor",
        include_str!("migrations/sqlite/0025_floor.sql"),
        include_str!("migrations/postgres/0025_floor.sql"),
    ),
    Migration::new(
        "verified",
        include_str!("migrations/sqlite/0026_verified.sql"),
        include_str!("migrations/postgres/0026_verified.sql"),
    ),
    Migration::new(
        "event_turn",
        include_str!("migrations/sqlite/0027_event_turn.sql"),
        include_str!("migrations/postgres/0027_event_turn.sql"),
    ),
    Migration::new(
        "keys",
        include_str!("migrations/sqlite/0028_keys.sql"),
        include_str!("migrations/postgres/0028_keys.sql"),
    ),
    Migration::new(
        "confirmed",
        include_str!("migrations/sqlite/0029_confirmed.sql"),
        include_str!("migrations/postgres/0029_confirmed.sql"),
    ),
    Migration::new(
        "turn",
        include_str!("migrations/sqlite/0030_turn.sql"),
        include_str!("migrations/postgres/0030_turn.sql"),
    ),
    Migration::new(
        "terminal_certificate",
        include_str!("migrations/sqlite/0031_terminal_certificate.sql"),
        include_str!("migrations/postgres/0031_terminal_certificate.sql"),
    ),
    Migration::new(
        "taken_back",
        include_str!("migrations/sqlite/0032_taken_back.sql"),
        include_str!("migrations/postgres/0032_taken_back.sql"),
    ),
    Migration::new(
        "one_time",
        include_str!("migrations/sqlite/0033_one_time.sql"),
        include_str!("migrations/postgres/0033_one_time.sql"),
    ),
    Migration::new(
        "account_receiver",
        include_str!("migrations/sqlite/0034_account_receiver.sql"),
        include_str!("migrations/postgres/0034_account_receiver.sql"),
    ),
    Migration::new(
        "rules",
        include_str!("migrations/sqlite/0035_rules.sql"),
        include_str!("migrations/postgres/0035_rules.sql"),
    ),
    Migration::new(
        "left_out",
        include_str!("migrations/sqlite/0036_left_out.sql"),
        include_str!("migrations/postgres/0036_left_out.sql"),
    ),
    Migration::new(
        "room",
        include_str!("migrations/sqlite/0037_room.sql"),
        include_str!("migrations/postgres/0037_room.sql"),
    ),
    Migration::new(
        "found",
        include_str!("migrations/sqlite/0038_found.sql"),
        include_str!("migrations/postgres/0038_found.sql"),
    ),
    Migration::new(
        "doubts",
        include_str!("migrations/sqlite/0039_doubts.sql"),
        include_str!("migrations/postgres/0039_doubts.sql"),
    ),
    Migration::new(
        "brought",
        include_str!("migrations/sqlite/0040_brought.sql"),
        include_str!("migrations/postgres/0040_brought.sql"),
    ),
    Migration::new(
        "steps",
        include_str!("migrations/sqlite/0041_steps.sql"),
        include_str!("migrations/postgres/0041_steps.sql"),
    ),
    Migration::new(
        "over",
        include_str!("migrations/sqlite/0042_over.sql"),
        include_str!("migrations/postgres/0042_over.sql"),
    ),
    Migration::new(
        "spool",
        include_str!("migrations/sqlite/0043_spool.sql"),
        include_str!("migrations/postgres/0043_spool.sql"),
    ),
    Migration::new(
        "configuration",
        include_str!("migrations/sqlite/0044_configuration.sql"),
        include_str!("migrations/postgres/0044_configuration.sql"),
    ),
    Migration::new(
        "unread",
        include_str!("migrations/sqlite/0045_unread.sql"),
        include_str!("migrations/postgres/0045_unread.sql"),
    ),
];

/// Whether the tables may be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Migrations {
    /// Bring them up to this version.
    Run,
    /// Only look: another account does it (T28).
    Check,
}

/// Whether somebody may be serving the site of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Others {
    /// Then nothing is changed.
    MayServe,
    /// It was just put back from a backup: what it says of whoever served it is of then.
    None,
}

/// All migrations: those of this version and, in a test of an update, those of one to come.
pub(super) fn all() -> Vec<Migration> {
    let later = failpoint::later_migrations().iter();
    let later = later.map(|(name, sqlite, postgres)| Migration::new(name, sqlite, postgres));
    MIGRATIONS.iter().copied().chain(later).collect()
}

/// The schema of this version.
pub(super) fn newest() -> i64 {
    version_of(MIGRATIONS.len() + failpoint::later_migrations().len())
}

/// The schema that the database has.
pub(super) async fn found(reading: &mut Transaction) -> Result<i64, StoreError> {
    let row: Option<(i64,)> = reading.row(FOUND, &[]).await?;
    Ok(row.map_or(0, |(version,)| version))
}

/// Brings the schema up to the last of `migrations`.
pub(super) async fn migrate(
    engine: &Engine,
    migrations: &[Migration],
    (mode, others): (Migrations, Others),
) -> Result<(), StoreError> {
    let known = version_of(migrations.len());
    loop {
        let mut changing = Transaction::write(engine).await?.doing("migrating the database");
        let applied = if mode == Migrations::Run {
            changing.take_up_to(LONGEST).await?;
            lock(&mut changing).await?;
            applied(&mut changing).await?
        } else {
            applied(&mut changing).await?
        };
        check(&applied, migrations)?;
        let found = version_of(applied.len());
        let Some(next) = migrations.get(applied.len()) else { return changing.commit().await };
        if mode == Migrations::Check || !may_change(&mut changing).await? {
            return Err(StoreError::OlderSchema { found, needed: known });
        }
        if others == Others::MayServe {
            tenure::keep_out(&mut changing).await?;
        }
        tracing::info!("the database is brought from schema {found} to {}: {}", found + 1, next.name);
        changing.execute(MADE, &[]).await?;
        let text = next.text(changing.dialect());
        changing.script(text).await?;
        let done = "INSERT INTO schema_version (version, name, checksum) VALUES ($1, $2, $3)";
        changing.execute(done, &[(found + 1).into(), next.name.into(), checksum(text).into()]).await?;
        changing.commit().await?;
    }
}

impl Migration {
    const fn new(name: &'static str, sqlite: &'static str, postgres: &'static str) -> Self {
        Self { name, text: Sql { sqlite, postgres } }
    }

    pub(super) const fn text(&self, dialect: Dialect) -> &'static str {
        match dialect {
            Dialect::Sqlite => self.text.sqlite,
            Dialect::Postgres => self.text.postgres,
        }
    }
}

/// The checksums of what was applied, in order, with the dialect they are of.
struct Applied {
    dialect: Dialect,
    checksums: Vec<i64>,
}

impl Applied {
    const fn len(&self) -> usize {
        self.checksums.len()
    }
}

async fn applied(changing: &mut Transaction) -> Result<Applied, StoreError> {
    let dialect = changing.dialect();
    let (is_there,): (i64,) = changing.row(IS_THERE, &[]).await?.unwrap_or_default();
    let ask = "SELECT checksum FROM schema_version ORDER BY version";
    let rows: Vec<(i64,)> = if is_there > 0 { changing.rows(ask, &[]).await? } else { Vec::new() };
    Ok(Applied { dialect, checksums: rows.into_iter().map(|(checksum,)| checksum).collect() })
}

/// Whether the account may make tables: that which serves may not (T28).
async fn may_change(changing: &mut Transaction) -> Result<bool, StoreError> {
    if changing.dialect() == Dialect::Sqlite {
        return Ok(true);
    }
    let ask = "SELECT CAST(has_schema_privilege(current_schema(), 'CREATE') AS int)::bigint";
    let (may,): (i64,) = changing.row(ask, &[]).await?.unwrap_or_default();
    Ok(may > 0)
}

fn check(applied: &Applied, migrations: &[Migration]) -> Result<(), StoreError> {
    if applied.len() > migrations.len() {
        let (found, known) = (version_of(applied.len()), version_of(migrations.len()));
        return Err(StoreError::NewerSchema { found, known });
    }
    for (version, (found, migration)) in (1..).zip(applied.checksums.iter().zip(migrations)) {
        if *found != checksum(migration.text(applied.dialect)) {
            return Err(StoreError::OtherSchema { version });
        }
    }
    Ok(())
}

/// Lets one process at a time change the schema; SQLite has one writer anyway. Whoever changes it is waited for, but a table
/// that somebody works with only as long as by everybody else, since whoever comes behind waits, too.
async fn lock(changing: &mut Transaction) -> Result<(), StoreError> {
    if changing.dialect() == Dialect::Postgres {
        changing.script("SELECT set_config('chaobiao.lock_timeout', current_setting('lock_timeout'), true); SET LOCAL lock_timeout = 0").await?;
        changing.execute("SELECT pg_advisory_xact_lock(645200719970001)", &[]).await?;
        changing
            .script("SELECT set_config('lock_timeout', current_setting('chaobiao.lock_timeout'), true)")
            .await?;
    }
    Ok(())
}

fn version_of(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// FNV-1a over the text, line ends left out, so that a checkout with other line ends is the same.
fn checksum(text: &str) -> i64 {
    let bytes = text.bytes().filter(|byte| *byte != b'\r');
    let sum = bytes.fold(0xCBF2_9CE4_8422_2325_u64, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    });
    i64::from_ne_bytes(sum.to_ne_bytes())
}

const MADE: &str = "CREATE TABLE IF NOT EXISTS schema_version \
    (version bigint PRIMARY KEY, name text NOT NULL, checksum bigint NOT NULL)";

const FOUND: &str = "SELECT coalesce(max(version), 0) FROM schema_version";

/// How long a migration of a large database may take.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

const IS_THERE: Sql = Sql {
    sqlite: "SELECT count(*) FROM sqlite_schema WHERE name = 'schema_version'",
    postgres: "SELECT count(to_regclass('schema_version'))",
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::engine::{Address, Pooling};
    use crate::store::postgres::Cluster;
    use crate::store::tenure::{Taken, Tenure};
    use tokio::time::timeout;

    /// An empty database of each kind.
    async fn engines() -> Vec<(tempfile::TempDir, Engine)> {
        let folder = tempfile::tempdir().unwrap();
        let file = Address::Sqlite(folder.path().join("store.db"));
        let mut engines = vec![(folder, Engine::open(&file, Pooling::with(4)).await.unwrap())];
        if let Some(cluster) = Cluster::shared() {
            let server = Address::Postgres(cluster.new_database().await);
            engines
                .push((tempfile::tempdir().unwrap(), Engine::open(&server, Pooling::with(4)).await.unwrap()));
        }
        engines
    }

    /// How much there is of tables, their columns and all that belongs to them.
    async fn tables(engine: &Engine) -> i64 {
        let count = Sql {
            sqlite: "SELECT count(*) + coalesce(sum(length(sql)), 0) FROM sqlite_schema",
            postgres: "SELECT count(DISTINCT c.oid) + count(a.attnum) FROM pg_class c \
                       JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_attribute a ON a.attrelid = c.oid \
                       WHERE n.nspname = 'public'",
        };
        let mut reading = Transaction::read(engine).await.unwrap();
        reading.row::<(i64,)>(count, &[]).await.unwrap().unwrap().0
    }

    #[tokio::test]
    async fn f40_a_migration_that_is_killed_anywhere_leaves_no_trace_and_runs_afterwards() {
        for (_folder, engine) in engines().await {
            for (place, migration) in MIGRATIONS.iter().enumerate() {
                let before = tables(&engine).await;
                let lines: Vec<&str> = migration.text(engine.dialect()).lines().collect();
                for kept in (0..=lines.len()).step_by(9).chain([lines.len()]) {
                    let cut = format!("{}\nSELECT killed_here();", lines[..kept].join("\n"));
                    let cut: &'static str = cut.leak();
                    let mut broken = MIGRATIONS[..=place].to_vec();
                    broken[place].text = cut.into();
                    migrate(&engine, &broken, (Migrations::Run, Others::MayServe)).await.unwrap_err();
                    assert_eq!(tables(&engine).await, before, "{} cut after {kept} lines", migration.name);
                }
                migrate(&engine, &MIGRATIONS[..=place], (Migrations::Run, Others::MayServe)).await.unwrap();
                assert!(tables(&engine).await > before);
            }
        }
    }

    #[tokio::test]
    async fn f40_a_newer_schema_and_another_one_are_refused() {
        for (_folder, engine) in engines().await {
            let known = version_of(MIGRATIONS.len());
            let mut newer = MIGRATIONS.to_vec();
            newer.push(Migration { name: "newer", text: "CREATE TABLE newer (id bigint)".into() });
            migrate(&engine, &newer, (Migrations::Run, Others::MayServe)).await.unwrap();
            let refused =
                migrate(&engine, MIGRATIONS, (Migrations::Run, Others::MayServe)).await.unwrap_err();
            assert!(
                matches!(refused, StoreError::NewerSchema { found, .. } if found == known + 1),
                "{refused}"
            );
            newer[0].text = "CREATE TABLE other (id bigint)".into();
            let refused = migrate(&engine, &newer, (Migrations::Check, Others::MayServe)).await.unwrap_err();
            assert!(matches!(refused, StoreError::OtherSchema { version: 1 }), "{refused}");
        }
    }

    #[tokio::test]
    async fn f36_f40_tables_are_changed_under_nobody_and_whoever_comes_later_has_the_tables_of_his_version() {
        let folder = tempfile::tempdir().unwrap();
        let mut addresses = vec![Address::Sqlite(folder.path().join("store.db"))];
        if let Some(cluster) = Cluster::shared() {
            addresses.push(Address::Postgres(cluster.new_database().await));
        }
        let run = (Migrations::Run, Others::MayServe);
        for address in addresses {
            let engine = Engine::open(&address, Pooling::with(4)).await.unwrap();
            migrate(&engine, MIGRATIONS, run).await.unwrap();
            let Taken::Ours(old) = Tenure::take(&address, "old", "1").await.unwrap() else { unreachable!() };
            let mut newer = MIGRATIONS.to_vec();
            newer.push(Migration { name: "newer", text: "CREATE TABLE newer (id bigint)".into() });
            if engine.dialect() == Dialect::Postgres {
                let refused = migrate(&engine, &newer, run).await.unwrap_err();
                assert!(matches!(&refused, StoreError::Served(holder) if holder.name == "old"), "{refused}");
            }
            // It is away for longer than its lease. While the tables are being changed nobody takes the site.
            let mut away = Transaction::write(&engine).await.unwrap();
            away.execute("UPDATE site_tenure SET until = 0", &[]).await.unwrap();
            away.commit().await.unwrap();
            let mut changing = Transaction::write(&engine).await.unwrap();
            tenure::keep_out(&mut changing).await.unwrap();
            let taken = timeout(Duration::from_secs(2), Tenure::take(&address, "other", "1")).await;
            assert!(!matches!(taken, Ok(Ok(_))), "{taken:?}");
            drop(changing);
            migrate(&engine, &newer, run).await.unwrap();
            // Whoever opened the database before, and takes the site now, is of another version.
            let refused = Tenure::take(&address, "other", "1").await.unwrap_err();
            assert!(matches!(refused, StoreError::NewerSchema { .. }), "{refused}");
            // And whoever had it writes nothing on tables that he does not know.
            let writing = Transaction::write(&engine).await.unwrap().of(Some(old));
            assert!(matches!(writing.commit().await, Err(StoreError::Overtaken)));
            engine.close().await;
        }
    }

    #[test]
    fn line_ends_make_no_other_text() {
        assert_eq!(checksum("a\r\nb\r\n"), checksum("a\nb\n"));
        assert_ne!(checksum("a\nb"), checksum("b\na"));
    }
}
