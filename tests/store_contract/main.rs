//! What the store promises, tested on SQLite and on PostgreSQL alike.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a step that fails must end its test"
)]

mod access;
mod alarms;
mod archive;
mod audit;
mod billing;
mod clock;
mod configuration;
mod counts;
mod damage;
#[path = "../support/disk.rs"]
mod disk;
mod grants;
#[path = "../support/killed.rs"]
mod killed;
mod lease;
mod manual_reads;
mod numbered;
mod opening;
mod pages;
#[path = "../support/postgres.rs"]
mod postgres;
mod proposals;
mod readings;
mod reads;
mod room;
mod rules;
mod runs;
mod secret;
mod supply;
mod terminals;
mod views;

use chaobiao::domain::{Day, Moment};
use chaobiao::store::{Address, Migrations, Store};
use postgres::Cluster;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};

/// A store of its own for one test.
pub(crate) struct Fresh {
    pub(crate) store: Store,
    pub(crate) address: Address,
    /// Taken away with the test.
    folder: tempfile::TempDir,
}

/// Runs a test on a new store of each kind.
pub(crate) async fn on_both(test: impl AsyncFn(&Fresh)) {
    for address in empty_databases().await {
        let (folder, address) = address;
        let store = Store::open(&address, Migrations::Run).await.unwrap();
        let fresh = Fresh { store, address, folder };
        test(&fresh).await;
        fresh.store.close().await;
    }
}

/// Runs a test on a new SQLite store only, for one that is run on both often enough besides.
pub(crate) async fn on_sqlite(test: impl AsyncFn(&Fresh)) {
    let folder = tempfile::tempdir().unwrap();
    let address = Address::Sqlite(folder.path().join("store.db"));
    let store = Store::open(&address, Migrations::Run).await.unwrap();
    let fresh = Fresh { store, address, folder };
    test(&fresh).await;
    fresh.store.close().await;
}

impl Fresh {
    /// A place for files of the test.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Runs SQL as another program would.
    pub(crate) async fn run(&self, sql: &str) -> Result<(), sqlx::Error> {
        let script = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        match &self.address {
            Address::Sqlite(path) => {
                let options = SqliteConnectOptions::new().filename(path).foreign_keys(true);
                script.execute(&mut SqliteConnection::connect_with(&options).await?).await.map(|_| ())
            }
            Address::Postgres(url) => {
                script.execute(&mut PgConnection::connect(url).await?).await.map(|_| ())
            }
        }
    }

    /// What a query says that gives one column of text.
    pub(crate) async fn texts(&self, sql: &str) -> Vec<String> {
        let sql = AssertSqlSafe(sql.to_owned());
        let rows: Result<Vec<(String,)>, _> = match &self.address {
            Address::Sqlite(path) => {
                let options = SqliteConnectOptions::new().filename(path);
                let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
                sqlx::query_as(sql).fetch_all(&mut connection).await
            }
            Address::Postgres(url) => {
                let mut connection = PgConnection::connect(url).await.unwrap();
                sqlx::query_as(sql).fetch_all(&mut connection).await
            }
        };
        rows.unwrap().into_iter().map(|(text,)| text).collect()
    }
}

impl Fresh {
    /// All that is in some tables, as text.
    pub(crate) async fn content(&self, tables: &[&str]) -> Vec<String> {
        let mut content = Vec::new();
        for table in tables {
            let sql = match &self.address {
                Address::Sqlite(_) => {
                    let columns = format!("SELECT 'quote(' || name || ')' FROM pragma_table_info('{table}')");
                    let columns = self.texts(&columns).await.join(" || ' ' || ");
                    format!("SELECT {columns} FROM {table} ORDER BY 1")
                }
                Address::Postgres(_) => format!("SELECT t::text FROM {table} t ORDER BY 1"),
            };
            content.extend(self.texts(&sql).await.into_iter().map(|row| format!("{table}: {row}")));
        }
        content
    }
}

/// Where a new store of each kind can be made.
pub(crate) async fn empty_databases() -> Vec<(tempfile::TempDir, Address)> {
    let folder = || tempfile::tempdir().unwrap();
    let file = folder();
    let path = file.path().join("store.db");
    let mut found = vec![(file, Address::Sqlite(path))];
    if let Some(cluster) = Cluster::shared() {
        found.push((folder(), Address::Postgres(cluster.new_database().await)));
    }
    found
}

/// The beginning of a day.
pub(crate) fn midnight(day: &str) -> Moment {
    day.parse::<Day>().unwrap().start()
}
