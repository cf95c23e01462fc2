//! What stands at the door of every request: refusals are seen, restores find room, and a page that looks again by itself is
//! nobody who is there.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, StatusCode};
use chaobiao::config::Http;
use chaobiao::domain::access::{Action, Regions, Role};
use serde_json::json;

use crate::rig::{Rig, Somebody, request};

/// A request that a page makes without anybody being there.
async fn by_itself(rig: &Rig, who: &Somebody, path: &str, header: (&str, &str)) -> StatusCode {
    let request = request(Method::GET, path, Some(who)).header(header.0, header.1);
    rig.send(request.body(Body::empty()).unwrap()).await.status
}

#[tokio::test]
async fn t11_a_page_that_looks_again_by_itself_keeps_no_session_from_ending() {
    let rig = Rig::new().await;
    let li = rig.signed_in("li", Role::Operator).await;
    let ways = [
        ("/", ("x-by-itself", "1")),
        ("/api/v1/stream", ("accept", "text/event-stream")),
        ("/meters", ("cookie", "chaobiao_look=zh.auto.wall")),
    ];
    for minute in 1..15 {
        rig.clock.advance(Duration::from_secs(60));
        for (path, header) in ways {
            assert_eq!(by_itself(&rig, &li, path, header).await, StatusCode::OK, "{path} after {minute} min");
        }
    }
    rig.clock.advance(Duration::from_secs(60));
    assert_eq!(by_itself(&rig, &li, "/", ways[0].1).await, StatusCode::SEE_OTHER, "nobody was there");
    // Somebody who does something goes on, and who may only look may leave a page on a screen.
    let (li, viewer) = (rig.sign_in(li).await, rig.signed_in("kan", Role::Viewer).await);
    for minute in 1..40 {
        rig.clock.advance(Duration::from_secs(60));
        assert_eq!(by_itself(&rig, &viewer, "/", ways[0].1).await, StatusCode::OK, "after {minute} min");
        assert_eq!(rig.get("/", Some(&li)).await.status, StatusCode::OK, "after {minute} min");
    }
}

#[tokio::test]
async fn t27_what_is_refused_at_the_door_is_entered_and_fills_no_log() {
    let rig = Rig::new().await;
    let viewer = rig.signed_in("kan", Role::Viewer).await;
    let before = rig.audited().await.get("request.refused").copied();
    assert_eq!(before, None);
    let refused = rig.json(Method::POST, "/api/v1/orders", Some(&viewer), "{}").await;
    assert_eq!(refused.code(), "not_allowed");
    let forged = rig.send(request(Method::POST, "/logout", Some(&viewer)).body(Body::empty()).unwrap()).await;
    assert_eq!(forged.code(), "", "{forged:?}");
    assert_eq!(rig.get("/api/v1/accounts/77", Some(&viewer)).await.status, StatusCode::FORBIDDEN);
    let entries = rig.services.store.audit_after(0, 1000).await.unwrap();
    let told: Vec<_> = entries
        .iter()
        .filter(|entry| entry.action == "request.refused")
        .map(|entry| {
            (entry.actor.as_str(), entry.object.as_str(), entry.result.as_str(), entry.detail.as_str())
        })
        .collect();
    let detail = |count: u32| format!(r#"{{"in_this_minute":{count},"role":"viewer"}}"#);
    assert_eq!(
        told,
        [
            ("kan", "POST /api/v1/orders", "refused: not_allowed", detail(1).as_str()),
            ("kan", "POST /logout", "refused: forged", detail(2).as_str()),
            ("kan", "GET /api/v1/accounts/{id}", "refused: not_allowed", detail(3).as_str()),
        ]
    );
    for _ in 0..500 {
        rig.get("/api/v1/accounts", Some(&viewer)).await;
    }
    assert_eq!(rig.audited().await["request.refused"], 13, "3 to 8, 16, 32, 64, 128, 256");
}

#[tokio::test]
async fn i12_t19_giving_supply_back_finds_room_whatever_else_is_asked_for() {
    let rig =
        Rig::with(Http { changes_per_minute: 10, requests_per_minute: 100_000, ..Http::default() }).await;
    let li = rig.signed_in("li", Role::Operator).await;
    let order = async |kind: &str| {
        let fields = [("kind", kind), ("points", "P1"), ("reason", "settled"), ("text", "x")];
        rig.form("/orders", Some(&li), &fields).await.status
    };
    let too_many = StatusCode::TOO_MANY_REQUESTS;
    // Changes and cuts are used up.
    for _ in 0..12 {
        rig.json(Method::POST, "/api/v1/reads", Some(&li), "{}").await;
        order("cut").await;
    }
    assert_eq!(order("cut").await, too_many);
    assert_eq!(rig.json(Method::POST, "/api/v1/reads", Some(&li), "{}").await.status, too_many);
    for kind in ["close_permit", "direct_close", "hold_on"] {
        for turn in 0..40 {
            assert_ne!(order(kind).await, too_many, "{kind} {turn}");
        }
    }
    let mixed =
        rig.form("/orders", Some(&li), &[("kind", "close_permit"), ("kind", "cut"), ("points", "P1")]).await;
    assert_eq!(mixed.status, too_many, "a cut in a restore's clothes");
    for (path, body) in [
        ("/api/v1/restores", json!({ "points": ["P1"], "reason": "settled" })),
        ("/api/v1/holds", json!({ "points": ["P1"], "reason": "protection" })),
        ("/api/v1/stop/press", json!({})),
    ] {
        let answer = rig.json(Method::POST, path, Some(&li), &body.to_string()).await;
        assert_ne!(answer.status, too_many, "{path}: {answer:?}");
    }
    assert_ne!(rig.form("/stop", Some(&li), &[]).await.status, too_many);
}

/// A program with a token that runs wild uses up what is its own.
#[tokio::test]
async fn t19_a_program_takes_nothing_from_the_person_whose_account_it_is() {
    let rig = Rig::with(Http { changes_per_minute: 10, requests_per_minute: 30, ..Http::default() }).await;
    let somebody = rig.somebody("li", Role::Operator, Regions::All).await;
    let secret = "0123456789abcdef0123456789abcdef";
    let hash = chaobiao::http::auth::hash(secret);
    let now = rig.services.clock.now();
    let new = chaobiao::store::access::NewToken {
        account: somebody.account.id,
        name: "script",
        hash: &hash,
        scopes: &[Action::SeeStatus],
        expires_at: now.plus(Duration::from_secs(86_400)),
    };
    let entry = chaobiao::domain::AuditEntry::of_system(now, "token.add", "account li");
    rig.services.store.add_token(&new, &entry).await.unwrap();
    let mut statuses = Vec::new();
    for _ in 0..40 {
        let request = request(Method::GET, "/api/v1/health", None)
            .header("authorization", format!("Bearer {secret}"))
            .body(Body::empty());
        statuses.push(rig.send(request.unwrap()).await.status);
    }
    assert_eq!(statuses.last(), Some(&StatusCode::TOO_MANY_REQUESTS), "{statuses:?}");
    let li = rig.sign_in(somebody).await;
    assert_eq!(rig.get("/", Some(&li)).await.status, StatusCode::OK);
}
