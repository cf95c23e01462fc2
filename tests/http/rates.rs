//! How often somebody may ask, whatever is started again and however many instances there are (T19); and what is said when
//! the database is away (T26).

use std::time::Duration;

use axum::http::{Method, StatusCode};
use chaobiao::config::Http;
use chaobiao::domain::access::{Regions, Role};
use chaobiao::store::Address;

use crate::postgres::Cluster;
use crate::rig::{Rig, Somebody};

const LIMITS: fn() -> Http = || Http { requests_per_minute: 40, changes_per_minute: 16, ..Http::default() };

/// How many of so many requests, one after the other at these instances in turn, are let through.
async fn let_through(instances: &[&Rig], who: &Somebody, times: usize, is_order: bool) -> usize {
    let mut allowed = 0;
    for (turn, rig) in (0..times).zip(instances.iter().cycle()) {
        let answer = match is_order {
            true => rig.json(Method::POST, "/api/v1/orders", Some(who), "{}").await,
            false => rig.get("/api/v1/session", Some(who)).await,
        };
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            let wait: u64 = answer.header("retry-after").parse().unwrap();
            assert!((1..=60).contains(&wait), "request {turn}: {answer:?}");
        } else {
            allowed += 1;
        }
    }
    allowed
}

async fn limits_hold(address: &Address) {
    let (first, second) = (Rig::limited(address, LIMITS()).await, Rig::limited(address, LIMITS()).await);
    let somebody = first.somebody("li", Role::Operator, Regions::All).await;
    // Signing in by the rig asks once.
    let li = first.sign_in(somebody).await;
    // What one instance has taken and not used is lost to the other: a twentieth of a minute at most.
    let both = let_through(&[&first, &second], &li, 60, false).await;
    assert!((39 - 2..=39).contains(&both), "{both} of 60 at two instances");
    let third = Rig::limited(address, LIMITS()).await;
    assert_eq!(let_through(&[&third], &li, 5, false).await, 0, "a restart forgets nothing");
    let orders = let_through(&[&first, &third], &li, 12, true).await;
    assert!((3..=4).contains(&orders), "orders are counted apart: {orders}");
    for rig in [&first, &second, &third] {
        rig.clock.advance(Duration::from_secs(60));
    }
    assert_eq!(let_through(&[&third, &first], &li, 4, false).await, 4, "another minute");
}

#[tokio::test]
async fn t19_limits_hold_over_restarts_and_instances_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    limits_hold(&Address::Sqlite(folder.path().join("store.db"))).await;
}

#[tokio::test]
async fn t19_limits_hold_over_restarts_and_instances_on_postgresql() {
    let Some(cluster) = Cluster::shared() else { return };
    limits_hold(&Address::Postgres(cluster.new_database().await)).await;
}

#[tokio::test]
async fn t26_without_its_database_nothing_is_given_back_and_the_refusal_says_what_to_do() {
    let rig = Rig::new().await;
    let li = rig.signed_in("li", Role::Operator).await;
    rig.services.store.close().await;
    let body = r#"{"points":["P1"],"reason":"settled"}"#;
    let refused = rig.json(Method::POST, "/api/v1/restores", Some(&li), body).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, "store_unavailable")
    );
    let told = refused.json();
    assert!(told["detail"].as_str().unwrap().contains("send somebody"), "{told}");
    assert!(told["detail_zh"].as_str().unwrap().contains("派人到现场"), "{told}");
    let fields = [("kind", "close_permit"), ("points", "P1"), ("reason", "settled")];
    let page = rig.form("/orders", Some(&li), &fields).await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(page.body.contains("派人到现场"), "{}", page.body);
    let other = rig.get("/api/v1/orders", Some(&li)).await;
    assert!(!other.json()["detail"].as_str().unwrap().contains("send somebody"), "{other:?}");
}
