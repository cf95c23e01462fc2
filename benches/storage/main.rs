//! What storing and asking costs beside the limit of the same database, in the same run (PERFORMANCE goals 9 to 12).
//!
//! `CHAOBIAO_TEST_PG_FOLDER=/var/tmp cargo bench --bench storage` (a folder on the disk that is to be measured, since a
//! database in memory commits for nothing). Needs PostgreSQL. Product and limit take turns; five times by default.
#![expect(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a bench measures real time, and a step that fails must end it"
)]

mod curves;
#[path = "../../tests/support/postgres.rs"]
mod postgres;
mod questions;
mod twin;

use std::time::Duration;

use chaobiao::store::{Address, Migrations, Store};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// One of these happens in each run before it is measured again.
const ROUNDS: u64 = 5;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let Some(cluster) = postgres::Cluster::shared() else { return };
        let url = cluster.new_database().await;
        let store = Store::open(&Address::Postgres(url.clone()), Migrations::Run).await.unwrap();
        let mut direct = PgConnection::connect(&url).await.unwrap();
        run(&mut direct, "ALTER SYSTEM SET max_wal_size = '2GB'").await;
        run(&mut direct, "SELECT pg_reload_conf()").await;
        curves::whole_days(&store, &mut direct).await;
        curves::bytes(&mut direct, "whole days").await;
        curves::single_slots(&store, &mut direct).await;
        curves::bytes(&mut direct, "with a day that comes slot by slot, its dead rows among them").await;
        curves::bytes_of_a_file().await;
        questions::ask(&store, &mut direct).await;
        store.close().await;
    });
}

/// A number from the environment, for a smaller run.
fn set(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |number| number.parse().unwrap())
}

async fn run(connection: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await.unwrap();
}

async fn number(connection: &mut PgConnection, sql: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(connection).await.unwrap()
}

/// Times of several rounds.
#[derive(Default)]
struct Times(Vec<Duration>);

impl Times {
    fn push(&mut self, time: Duration) {
        self.0.push(time);
        self.0.sort_unstable();
    }

    fn median(&self) -> Duration {
        self.0[self.0.len() / 2]
    }

    /// Thousands a second at the median, and of the slowest and fastest round.
    fn rate(&self, readings: u64) -> String {
        let of = |time: Duration| u128::from(readings) * 1_000 / time.as_micros().max(1);
        let (slow, fast) = (of(self.0[self.0.len() - 1]), of(self.0[0]));
        format!("{:>7} k/s ({slow} to {fast})", of(self.median()))
    }

    fn millis(&self) -> String {
        let tenths = |time: Duration| format!("{}.{}", time.as_micros() / 1_000, time.as_micros() / 100 % 10);
        format!(
            "{:>8} ms ({} to {})",
            tenths(self.median()),
            tenths(self.0[0]),
            tenths(self.0[self.0.len() - 1])
        )
    }
}

/// How much faster than the limit: its time by ours, with two decimals.
fn ratio(limit: Duration, ours: Duration) -> String {
    let hundredths = limit.as_micros() * 100 / ours.as_micros().max(1);
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}
