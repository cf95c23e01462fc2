//! Requests that a browser was tricked into. (T12)

use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use chaobiao::domain::access::Role;

use crate::rig::{Answer, Rig, Somebody, request};

/// All there is in the audit log and of accounts: what a forged request must not change.
async fn state(rig: &Rig) -> (i64, String) {
    let head = rig.services.store.audit_head().await.unwrap();
    (head.number, format!("{:?}", rig.services.store.accounts().await.unwrap()))
}

/// A path with numbers in the places of names.
pub(crate) fn filled(path: &str) -> String {
    let mut filled = String::new();
    let mut is_name = false;
    for letter in path.chars() {
        match letter {
            '{' => {
                is_name = true;
                filled.push('1');
            }
            '}' => is_name = false,
            _ if is_name => {}
            letter => filled.push(letter),
        }
    }
    filled
}

async fn everybody(rig: &Rig) -> Vec<Somebody> {
    let mut all = Vec::new();
    for role in [Role::Operator, Role::Approver, Role::Admin, Role::Auditor] {
        all.push(rig.signed_in(&format!("{role:?}").to_lowercase(), role).await);
    }
    all
}

#[tokio::test]
async fn t12_no_changing_route_takes_a_cookie_without_the_token_of_its_session() {
    let rig = Rig::new().await;
    let people = everybody(&rig).await;
    let before = state(&rig).await;
    let mut tried = 0;
    for route in chaobiao::http::routes().all().filter(|route| route.changes()) {
        let path = filled(&route.path);
        for (who, other) in people.iter().zip(people.iter().cycle().skip(1)) {
            let plain = |kind: &str, csrf: &str| {
                request(route.method.clone(), &path, Some(who))
                    .header(header::CONTENT_TYPE, kind)
                    .header("x-csrf-token", csrf)
            };
            let form = "application/x-www-form-urlencoded";
            let stolen = format!("csrf={}&name=x", other.csrf);
            let requests = [
                plain(form, "").body(Body::from("name=x")),
                plain(form, "").body(Body::from("csrf=&name=x")),
                plain(form, &other.csrf).body(Body::from(stolen)),
                plain("application/json", "").body(Body::from("{}")),
                plain("text/plain", "").body(Body::from(r#"{"csrf":"x"}"#)),
                plain("multipart/form-data; boundary=x", "").body(Body::from("--x--")),
                plain(form, &who.csrf).header(header::ORIGIN, "http://evil.test").body(Body::empty()),
                plain(form, &who.csrf).header(header::ORIGIN, "null").body(Body::empty()),
                plain(form, &who.csrf).header("sec-fetch-site", "cross-site").body(Body::empty()),
                plain(form, &who.csrf).header("sec-fetch-site", "same-site").body(Body::empty()),
            ];
            for request in requests {
                let answer = rig.send(request.unwrap()).await;
                let is_refused = answer.status == StatusCode::FORBIDDEN
                    || (path == "/login" && answer.status.is_client_error());
                assert!(is_refused, "{} {path} as {}: {answer:?}", route.method, who.account.name);
                tried += 1;
            }
        }
    }
    println!("{tried} forged requests were refused");
    assert!(tried > 400);
    assert_eq!(state(&rig).await.1, before.1, "and changed nothing");
    let entered = rig.services.store.audit_after(before.0, 10_000).await.unwrap();
    assert!(entered.iter().all(|entry| entry.action == "request.refused"), "{entered:?}");
    assert!(entered.len() < 100, "{} entries tell of {tried}", entered.len());
}

#[tokio::test]
async fn t12_get_changes_nothing() {
    let rig = Rig::new().await;
    let people = everybody(&rig).await;
    let before = state(&rig).await;
    let entered = before.0;
    let mut asked = 0;
    for route in chaobiao::http::routes().all().filter(|route| !route.changes()) {
        for who in &people {
            for query in ["", "?csv=all&reason=x", "?_method=POST&name=x"] {
                let answer = rig.get(&format!("{}{query}", filled(&route.path)), Some(who)).await;
                assert!(!answer.status.is_server_error(), "{}: {answer:?}", route.path);
                asked += 1;
            }
        }
    }
    println!("{asked} pages and lists were asked for");
    // That somebody took a list away is entered, and that they may not; nothing else is.
    let looked = rig.services.store.audit_after(entered, 1000).await.unwrap();
    let others: Vec<_> = looked
        .iter()
        .filter(|entry| !["export.csv", "request.refused"].contains(&entry.action.as_str()))
        .collect();
    assert!(others.is_empty(), "{others:?}");
    assert_eq!(state(&rig).await.1, before.1);
}

#[tokio::test]
async fn t12_the_method_cannot_be_overridden() {
    let rig = Rig::new().await;
    let who = rig.signed_in("admin", Role::Admin).await;
    let account = rig.signed_in("li", Role::Viewer).await.account.id;
    let path = format!("/api/v1/accounts/{account}/disable");
    for (name, value) in
        [("x-http-method-override", "POST"), ("x-http-method", "POST"), ("x-method-override", "POST")]
    {
        let request =
            request(Method::GET, &path, Some(&who)).header(name, value).header("x-csrf-token", &who.csrf);
        let answer: Answer = rig.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{name}: {answer:?}");
        assert_eq!(answer.code(), "method_not_allowed");
    }
    assert!(rig.services.store.account(account).await.unwrap().unwrap().is_enabled);
}
