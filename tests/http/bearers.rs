//! Tokens that nobody has: counted by source, and no harm to those who have one. (T9)

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use chaobiao::config::Http;
use chaobiao::domain::access::{Action, Regions, Role};
use chaobiao::domain::{AlarmKind, AuditEntry};
use chaobiao::http::auth::hash;
use chaobiao::http::{Services, Source, router};
use chaobiao::store::access::NewToken;
use chaobiao::store::alarm::AlarmFilter;
use tower::ServiceExt;

use crate::rig::{PASSWORD, Rig, Somebody};

/// Asks with a token from an address.
async fn ask(services: &Services, token: &str, source: &str) -> (StatusCode, Option<u64>) {
    let mut request = Request::get("/api/v1/health").header("authorization", format!("Bearer {token}"));
    request.extensions_mut().unwrap().insert(Source(source.to_owned()));
    let response = router(services.clone()).oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let wait = response.headers().get("retry-after").map(|wait| wait.to_str().unwrap().parse().unwrap());
    (response.status(), wait)
}

async fn token(rig: &Rig, who: &Somebody, secret: &str) {
    let now = rig.services.clock.now();
    let new = NewToken {
        account: who.account.id,
        name: secret,
        hash: &hash(secret),
        scopes: &[Action::SeeStatus],
        expires_at: now.plus(Duration::from_secs(30 * 86_400)),
    };
    let entry = AuditEntry::of_system(now, "token.add", "token");
    rig.services.store.add_token(&new, &entry).await.unwrap();
}

#[tokio::test]
async fn t09_made_up_tokens_are_counted_and_shut_out_and_nobody_else_behind_the_proxy() {
    let rig = Rig::with(Http { lock_source_after: 5, ..Http::default() }).await;
    let services = &rig.services;
    let li = rig.somebody("li", Role::Operator, Regions::All).await;
    token(&rig, &li, "cb_good").await;
    for guess in 0..5 {
        assert_eq!(ask(services, &format!("cb_{guess}"), "proxy").await, (StatusCode::UNAUTHORIZED, None));
    }
    let shut = (StatusCode::TOO_MANY_REQUESTS, Some(300));
    for guess in 5..40 {
        assert_eq!(ask(services, &format!("cb_{guess}"), "proxy").await, shut);
    }
    let audited = rig.audited().await;
    assert_eq!((audited["token.refused"], audited["token.locked"]), (5, 1));
    let filter = AlarmFilter { kind: Some(AlarmKind::LoginLocked), ..AlarmFilter::default() };
    let told = services.store.alarms(&filter, &Regions::All, i64::MAX, 10).await.unwrap();
    assert!(told.len() == 1 && told[0].detail.contains("proxy"), "{told:?}");
    // Whoever has one goes on, one that is made meanwhile counts soon, and the page of signing in is open.
    assert_eq!(ask(services, "cb_good", "proxy").await.0, StatusCode::OK);
    token(&rig, &li, "cb_new").await;
    rig.clock.advance(Duration::from_secs(5));
    assert_eq!(ask(services, "cb_new", "proxy").await.0, StatusCode::OK);
    let given = chaobiao::http::auth::SigningIn { name: "li", password: PASSWORD, code: "", source: "proxy" };
    chaobiao::http::auth::sign_in(services, given).await.unwrap();
    assert_eq!(ask(services, "cb_guess", "elsewhere").await.0, StatusCode::UNAUTHORIZED, "another source");
    // Another process, as one that was started again, knows it from the first guess on.
    let again = Services::new(
        services.store.clone(),
        services.clock.clone(),
        chaobiao::channel::Lines::default(),
        services.progress.clone(),
        Http { lock_source_after: 5, ..Http::default() },
    );
    assert_eq!(ask(&again, "cb_guess", "proxy").await, (StatusCode::TOO_MANY_REQUESTS, Some(295)));
    assert_eq!(ask(&again, "cb_good", "proxy").await.0, StatusCode::OK);
    rig.clock.advance(Duration::from_secs(295));
    assert_eq!(ask(services, "cb_guess", "proxy").await.0, StatusCode::UNAUTHORIZED, "it is over");
    assert_eq!(
        ask(services, "cb_guess", "proxy").await,
        (StatusCode::TOO_MANY_REQUESTS, Some(600)),
        "twice as long"
    );
}

#[tokio::test]
async fn t09_a_token_that_is_over_is_entered_under_its_account() {
    let rig = Rig::new().await;
    let li = rig.somebody("li", Role::Operator, Regions::All).await;
    token(&rig, &li, "cb_old").await;
    rig.clock.advance(Duration::from_secs(30 * 86_400));
    assert_eq!(ask(&rig.services, "cb_old", "10.0.0.7").await.0, StatusCode::UNAUTHORIZED);
    let entries = rig.services.store.audit_after(0, 1000).await.unwrap();
    let entry = entries.iter().find(|entry| entry.action == "token.refused").unwrap();
    assert_eq!(
        (entry.actor.as_str(), entry.object.as_str(), entry.source.as_str()),
        ("li", "token cb_old", "10.0.0.7")
    );
}
