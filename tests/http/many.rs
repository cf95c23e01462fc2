//! How fast lists are at a large site on PostgreSQL: every request through the router, as one person after the other
//! would send it.

use std::time::Duration;

use axum::http::StatusCode;
use chaobiao::clock::Clock;
use chaobiao::domain::access::Role;
use chaobiao::store::Address;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::time::Instant;

use crate::postgres::Cluster;
use crate::rig::Rig;

/// What a list of the API may take, of a hundred requests the slowest but one.
const ALLOWED: Duration = Duration::from_millis(100);

/// `CHAOBIAO_MANY_METERS` sets another number of meters.
#[tokio::test]
#[ignore = "loads 100,000 meters with 30 days: tests/check.sh nightly"]
async fn lists_of_a_hundred_thousand_meters_answer_within_a_tenth_of_a_second() {
    let meters: u64 = std::env::var("CHAOBIAO_MANY_METERS").map_or(100_000, |number| number.parse().unwrap());
    let Some((url, is_loaded)) = database().await else { return };
    let rig = Rig::on(&Address::Postgres(url.clone())).await;
    if !is_loaded {
        load(&url, meters).await;
    }
    // Others have measured this database before.
    let turn = Clock::system().now().micros();
    let auditor = rig.signed_in(&format!("sun{turn}"), Role::Auditor).await;
    let operator = rig.signed_in(&format!("li{turn}"), Role::Operator).await;
    let mut slow = Vec::new();
    println!("{:>8} {:>8}  request", "median", "99th");
    for (path, is_list) in requests() {
        let mut times = Vec::new();
        for number in 0..100 {
            // Another meter, another word, another page each time.
            let some = (number * 7919 + 13) % meters + 1;
            let path = path
                .replace("{address}", &(202_400_000_000 + some * 7).to_string())
                .replace("{digits}", &format!("{:04}", some % 10_000))
                .replace("{point}", &format!("P{some:09}"))
                .replace("{area}", &format!("{:04}", some / 200 + 1));
            let who = if path.starts_with("/api/v1/audit") { &auditor } else { &operator };
            let began = Instant::now();
            let answer = rig.get(&path, Some(who)).await;
            times.push(began.elapsed());
            assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
        }
        times.sort_unstable();
        let (median, late) = (times[50], times[98]);
        println!("{:>5} ms {:>5} ms  {path}", median.as_millis(), late.as_millis());
        if is_list && late > ALLOWED {
            slow.push(format!("{path}: {late:?}"));
        }
    }
    assert!(slow.is_empty(), "slower than {ALLOWED:?}: {slow:#?}");
}

/// What is asked for, and whether it is a list of the API, for which the limit holds; the pages of the console are told.
fn requests() -> Vec<(String, bool)> {
    let lists = [
        "/api/v1/meters",
        "/api/v1/meters?q={digits}",
        "/api/v1/meters?q={point}",
        "/api/v1/meters?q=%E7%8E%8B%E4%BC%9F",
        "/api/v1/meters?q={area}%E5%8F%B0%E5%8C%BA",
        "/api/v1/meters?q=nothing+like+this",
        "/api/v1/runs",
        "/api/v1/runs/20780",
        "/api/v1/runs/20780/missing",
        "/api/v1/meters/{address}",
        "/api/v1/meters/{address}/latest",
        "/api/v1/meters/{address}/registers",
        "/api/v1/meters/{address}/registers?from=2026-10-25&until=2026-11-23",
        "/api/v1/meters/{address}/intervals?from=2026-10-25&until=2026-11-23",
        "/api/v1/meters/{address}/events",
        "/api/v1/billing/pushes",
        "/api/v1/billing/pushes?day=2026-11-22",
        "/api/v1/billing/pushes?day=2026-11-22&state=parked",
        "/api/v1/billing/pushes?words={digits}",
        "/api/v1/billing/reviews",
        "/api/v1/consumptions",
        "/api/v1/consumptions?day=2026-11-22&item=1.8.0",
        "/api/v1/points/{point}/consumptions?from=2026-10-25&until=2026-11-23",
        "/api/v1/events",
        "/api/v1/events?q={digits}",
        "/api/v1/events?kind=03110000",
        "/api/v1/lines",
        "/api/v1/line_loss",
        "/api/v1/alarms",
        "/api/v1/alarms?open=true",
        "/api/v1/orders",
        "/api/v1/protections",
        "/api/v1/audit",
    ];
    let pages = [
        "/",
        "/meters",
        "/meters?q={digits}",
        "/meters?sort=-customer",
        "/meters?sort=area",
        "/meters?sort=line",
        "/meters/{address}",
        "/billing",
        "/events",
        "/events?q={digits}",
        "/loss",
        "/lines",
        "/overdue",
        "/cuts",
        "/orders",
        "/alarms",
        "/protections",
    ];
    lists
        .into_iter()
        .map(|path| (path.to_owned(), true))
        .chain(pages.into_iter().map(|path| (path.to_owned(), false)))
        .collect()
}

/// The database to measure: `CHAOBIAO_MANY_URL` names one, that is loaded where it holds meters already.
async fn database() -> Option<(String, bool)> {
    if let Ok(url) = std::env::var("CHAOBIAO_MANY_URL") {
        let mut connection = PgConnection::connect(&url).await.unwrap();
        let found = sqlx::query("SELECT 1 FROM meter LIMIT 1").fetch_optional(&mut connection).await;
        return Some((url, found.is_ok_and(|row| row.is_some())));
    }
    Some((Cluster::shared()?.new_database().await, false))
}

async fn load(url: &str, meters: u64) {
    let sql = include_str!("many.sql").replace(":meters", &meters.to_string());
    let mut connection = PgConnection::connect(url).await.unwrap();
    let began = Instant::now();
    for statement in sql.split(";\n").filter(|statement| !statement.trim().is_empty()) {
        let done = sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut connection).await;
        done.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
    for table in ["run_meter", "outbox", "billing_value", "register_ledger", "meter_event"] {
        let vacuum = format!("VACUUM ANALYZE {table}");
        sqlx::raw_sql(AssertSqlSafe(vacuum)).execute(&mut connection).await.unwrap();
    }
    println!("{meters} meters loaded in {:?}", began.elapsed());
}
