//! What the store promises, tested on SQLite and on PostgreSQL alike.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a step that fails must end its test")]

mod archive;
mod opening;
#[path = "../support/postgres.rs"]
mod postgres;

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
    _folder: tempfile::TempDir,
}

/// Runs a test on a new store of each kind.
pub(crate) async fn on_both(test: impl AsyncFn(&Fresh)) {
    for address in empty_databases().await {
        let (folder, address) = address;
        let store = Store::open(&address, Migrations::Run).await.unwrap();
        let fresh = Fresh { store, address, _folder: folder };
        test(&fresh).await;
        fresh.store.close().await;
    }
}

impl Fresh {
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
