//! Looks at a database without changing anything: for `chaobiao doctor`.

use std::path::Path;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, PgConnection, SqliteConnection};

use super::backup::IS_DRILL;
use super::engine::{IS_UNFINISHED, POSTGRES};
use super::error::StoreError;
use super::{Address, Store, migrate, model};
use crate::domain::Moment;

/// What was seen of a database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Examined {
    /// The version of the engine.
    pub version: String,
    /// The schema; `None` where nothing has been made yet.
    pub schema: Option<i64>,
    /// Settings with which it may lose what it said it had kept: name, what it is, what it should be.
    pub unsafe_settings: Vec<(&'static str, String, &'static str)>,
    /// Whether a restore into it broke off.
    pub is_unfinished: bool,
    /// Its time, and how long the question took; a server's only.
    pub time: Option<(Moment, Duration)>,
    /// Its time zone; a server's only.
    pub time_zone: Option<String>,
    /// Tables the account owns, and whether it may change the audit log. (T28) A server's only.
    pub rights: Option<(i64, bool)>,
    /// Tables and counters that the account may not read, which a backup of it would fail at. A server's only.
    pub not_readable: Option<i64>,
    /// Other connections of this program, and how many connections the server takes. A server's only.
    pub connections: Option<(i64, i64)>,
    /// Whether it was restored for a drill.
    pub is_drill: bool,
    /// Entries that the audit log did not take and that wait to be entered; only where it has the schema of this version.
    pub spooled: i64,
    /// What its tables lack of what this version has made. A file's only, and only where it has the schema of this version.
    pub missing: Vec<String>,
    /// Bytes.
    pub size: Option<i64>,
}

impl Store {
    /// Looks at a database, which is there, without changing anything.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be reached or read.
    pub async fn examine(address: &Address) -> Result<Examined, StoreError> {
        let looked = match address {
            Address::Sqlite(file) => file_seen(file).await,
            Address::Postgres(url) => server_seen(&url.parse().map_err(|_| StoreError::Address)?).await,
        };
        looked.map_err(|error| StoreError::of("looking at the database", error))
    }
}

async fn file_seen(file: &Path) -> Result<Examined, sqlx::Error> {
    let options = SqliteConnectOptions::new().filename(file).read_only(true);
    let mut asking = SqliteConnection::connect_with(&options).await?;
    let version: String = sqlx::query_scalar("SELECT sqlite_version()").fetch_one(&mut asking).await?;
    let mode: String =
        sqlx::query_scalar("SELECT journal_mode FROM pragma_journal_mode()").fetch_one(&mut asking).await?;
    let has_schema: i64 =
        sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE name = 'schema_version'")
            .fetch_one(&mut asking)
            .await?;
    let schema = match has_schema {
        0 => None,
        _ => Some(sqlx::query_scalar(SCHEMA).fetch_one(&mut asking).await?),
    };
    let is_drill: i64 = sqlx::query_scalar(IS_DRILL.sqlite).fetch_one(&mut asking).await?;
    let missing = match schema {
        Some(schema) if schema == migrate::newest() => model::missing(&mut asking).await?,
        _ => Vec::new(),
    };
    let spooled = match schema {
        Some(schema) if schema == migrate::newest() => {
            sqlx::query_scalar(SPOOLED).fetch_one(&mut asking).await?
        }
        _ => 0,
    };
    let size: i64 =
        sqlx::query_scalar("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
            .fetch_one(&mut asking)
            .await?;
    asking.close().await?;
    let unsafe_settings = match mode.as_str() {
        "wal" => Vec::new(),
        _ => vec![("journal_mode", mode, "wal; the first start sets it, which a network drive cannot take")],
    };
    Ok(Examined {
        version,
        schema,
        unsafe_settings,
        is_drill: is_drill > 0,
        spooled,
        missing,
        size: Some(size),
        ..Examined::default()
    })
}

async fn server_seen(options: &PgConnectOptions) -> Result<Examined, sqlx::Error> {
    let options = options.clone().application_name("chaobiao doctor");
    let connecting = PgConnection::connect_with(&options);
    let mut asking =
        tokio::time::timeout(PATIENCE, connecting).await.map_err(|_| sqlx::Error::PoolTimedOut)??;
    let asking = &mut asking;
    let mut seen = Examined {
        version: sqlx::query_scalar("SELECT current_setting('server_version')")
            .fetch_one(&mut *asking)
            .await?,
        ..Examined::default()
    };
    for check in &POSTGRES {
        let found: String = sqlx::query_scalar(check.ask).fetch_one(&mut *asking).await?;
        if !(check.is_safe)(&found) {
            seen.unsafe_settings.push((check.setting, found, check.wanted));
        }
    }
    let unfinished: Option<i64> = sqlx::query_scalar(IS_UNFINISHED).fetch_optional(&mut *asking).await?;
    seen.is_unfinished = unfinished.is_some();
    seen.is_drill = sqlx::query_scalar::<_, i64>(IS_DRILL.postgres).fetch_one(&mut *asking).await? > 0;
    let has_schema: bool = sqlx::query_scalar("SELECT to_regclass('public.schema_version') IS NOT NULL")
        .fetch_one(&mut *asking)
        .await?;
    if has_schema {
        seen.schema = Some(sqlx::query_scalar(SCHEMA).fetch_one(&mut *asking).await?);
        seen.rights = Some(sqlx::query_as(RIGHTS).fetch_one(&mut *asking).await?);
        seen.not_readable = Some(sqlx::query_scalar(NOT_READABLE).fetch_one(&mut *asking).await?);
        if seen.schema == Some(migrate::newest()) {
            seen.spooled = sqlx::query_scalar(SPOOLED).fetch_one(&mut *asking).await?;
        }
    }
    let began = tokio::time::Instant::now();
    let now: i64 = sqlx::query_scalar("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
        .fetch_one(&mut *asking)
        .await?;
    seen.time = Some((Moment::from_micros(now), began.elapsed()));
    seen.time_zone =
        Some(sqlx::query_scalar("SELECT current_setting('TimeZone')").fetch_one(&mut *asking).await?);
    seen.connections = Some(sqlx::query_as(CONNECTIONS).fetch_one(&mut *asking).await?);
    seen.size = Some(
        sqlx::query_scalar("SELECT pg_database_size(current_database())").fetch_one(&mut *asking).await?,
    );
    Ok(seen)
}

const PATIENCE: Duration = Duration::from_secs(10);

const SCHEMA: &str = "SELECT coalesce(max(version), 0) FROM schema_version";

const SPOOLED: &str = "SELECT count(*) FROM audit_spool WHERE entered IS NULL";

const RIGHTS: &str = "SELECT (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
    WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND pg_get_userbyid(c.relowner) = current_user), \
    has_table_privilege('audit', 'UPDATE') OR has_table_privilege('audit', 'DELETE')";

/// What pg_dump reads: tables, each partition for itself, and sequences.
const NOT_READABLE: &str = "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
    WHERE n.nspname = 'public' AND CASE c.relkind WHEN 'S' THEN NOT has_sequence_privilege(c.oid, 'SELECT') \
        WHEN 'r' THEN NOT has_table_privilege(c.oid, 'SELECT') WHEN 'p' THEN NOT has_table_privilege(c.oid, 'SELECT') \
        ELSE false END";

const CONNECTIONS: &str = "SELECT (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
    AND application_name = 'chaobiao'), current_setting('max_connections')::bigint";
