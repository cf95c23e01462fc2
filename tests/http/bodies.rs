//! Oversized and odd bodies, odd parameters, and what is told of them. (T14, T15)

use axum::body::{Body, Bytes};
use axum::http::{Method, StatusCode, header};
use chaobiao::domain::access::Role;
use futures_util::{StreamExt, stream};

use crate::forged::filled;
use crate::rig::{Answer, Rig, escaped, request};

fn json(path: &str, who: &crate::rig::Somebody) -> axum::http::request::Builder {
    of_type("application/json", path, who)
}

fn of_type(kind: &str, path: &str, who: &crate::rig::Somebody) -> axum::http::request::Builder {
    request(Method::POST, path, Some(who))
        .header(header::CONTENT_TYPE, kind)
        .header("x-csrf-token", &who.csrf)
}

#[tokio::test]
async fn t15_odd_bodies_are_refused_with_a_problem() {
    let rig = Rig::new().await;
    let who = rig.signed_in("admin", Role::Admin).await;
    let before = rig.services.store.audit_head().await.unwrap();
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let mut keys: Vec<String> = (0..60_000).map(|key| format!("\"k{key}\":1")).collect();
    keys.push(r#""name":"x""#.to_owned());
    let many = format!("{{{}}}", keys.join(","));
    let good = r#"{"person":"p","name":"nn","role":"viewer","areas":null"#;
    for (body, status) in [
        ("", 400),
        ("null", 400),
        ("[]", 400),
        (deep.as_str(), 400),
        (many.as_str(), 400),
        (&format!("{good},\"name\":\"mm\"}}"), 400),
        (&format!("{good},\"more\":1}}"), 400),
        (r#"{"person":NaN,"name":"nn","role":"viewer"}"#, 400),
        (r#"{"person":"p","name":18446744073709551616,"role":"viewer"}"#, 400),
        (r#"{"person":"p","name":"nn","role":"viewer","areas":[1e999]}"#, 400),
        (r#"{"person":"p","name":"nn","role":"root"}"#, 422),
        (r#"{"person":"p","name":"n n","role":"viewer"}"#, 422),
        (r#"{"person":"","name":"nn","role":"viewer"}"#, 422),
        (r#"{"person":"p","name":"nn","role":"viewer","areas":["none"]}"#, 422),
    ] {
        let answer = rig.json(Method::POST, "/api/v1/accounts", Some(&who), body).await;
        let start: String = body.chars().take(60).collect();
        assert_eq!(answer.status.as_u16(), status, "{start}: {answer:?}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert!(answer.body.len() < 1000, "{}", answer.body);
    }
    let form = of_type("text/plain", "/api/v1/accounts", &who);
    let answer = rig.send(form.body(Body::from(format!("{good}}}"))).unwrap()).await;
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{answer:?}");
    let packed = json("/api/v1/accounts", &who).header(header::CONTENT_ENCODING, "gzip");
    let answer = rig.send(packed.body(Body::from(vec![0x1F, 0x8B])).unwrap()).await;
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{answer:?}");
    assert_eq!(rig.services.store.audit_head().await.unwrap(), before, "nothing was changed");
    assert_eq!(rig.services.store.accounts().await.unwrap().len(), 1);
}

/// Sends a body to a route of the API as the first of these people who may.
async fn by_whoever_may(
    rig: &Rig,
    people: &[crate::rig::Somebody],
    route: (&Method, &str),
    body: &str,
) -> Answer {
    let mut last = None;
    for who in people {
        let request = request(route.0.clone(), route.1, Some(who))
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::IF_MATCH, "\"1\"")
            .header("x-csrf-token", &who.csrf);
        let answer = rig.send(request.body(Body::from(body.to_owned())).unwrap()).await;
        if answer.status != StatusCode::FORBIDDEN {
            return answer;
        }
        last = Some(answer);
    }
    last.unwrap()
}

#[tokio::test]
async fn t14_a_field_that_no_route_knows_is_refused_by_its_name_everywhere() {
    let rig = Rig::new().await;
    let mut people = Vec::new();
    for role in [Role::Operator, Role::Approver, Role::Admin, Role::Auditor, Role::Billing] {
        people.push(rig.signed_in(&format!("{role:?}").to_lowercase(), role).await);
    }
    let document = rig.get("/api/openapi.json", Some(&people[0])).await.json();
    let mut sent = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            if operation["requestBody"]["content"].get("application/json").is_none() {
                continue;
            }
            let method: Method = method.to_uppercase().parse().unwrap();
            let body = r#"{"no_such_field":1}"#;
            let answer = by_whoever_may(&rig, &people, (&method, &filled(path)), body).await;
            assert_eq!(
                (answer.status, answer.code()),
                (StatusCode::BAD_REQUEST, "malformed".to_owned()),
                "{method} {path}: {answer:?}"
            );
            for language in ["detail", "detail_zh"] {
                let said = answer.json()[language].as_str().unwrap().to_owned();
                assert!(said.contains("no_such_field"), "{method} {path}: {said}");
            }
            sent += 1;
        }
    }
    assert!(sent > 25, "{sent} routes take a body");
    let missing =
        rig.json(Method::POST, "/api/v1/orders", Some(&people[0]), r#"{"kind":"cut"}"#).await.json();
    assert!(missing["detail_zh"].as_str().unwrap().contains("缺少字段 reason"), "{missing}");
    let query = rig.get("/api/v1/orders?stat=x", Some(&people[0])).await.json();
    assert!(query["detail"].as_str().unwrap().contains("stat"), "{query}");
}

#[tokio::test]
async fn t15_a_gigabyte_is_not_read() {
    let rig = Rig::new().await;
    let who = rig.signed_in("admin", Role::Admin).await;
    let announced = json("/api/v1/accounts", &who).header(header::CONTENT_LENGTH, (1_u64 << 30).to_string());
    let answer = rig.send(announced.body(Body::from("{}")).unwrap()).await;
    assert_eq!((answer.status, answer.code().as_str()), (StatusCode::PAYLOAD_TOO_LARGE, "too_large"));
    let read = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = std::sync::Arc::clone(&read);
    let endless = stream::iter(0..1_u32 << 14).map(move |_| {
        counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ok::<_, std::io::Error>(Bytes::from(vec![b' '; 64 << 10]))
    });
    let body = Body::from_stream(endless);
    let answer = rig.send(json("/api/v1/accounts", &who).body(body).unwrap()).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE, "{answer:?}");
    assert_eq!(answer.header("connection"), "close");
    let read = read.load(std::sync::atomic::Ordering::Relaxed);
    assert!((16..=18).contains(&read), "{read} pieces of 64 KiB were read of 1 GiB");
}

#[tokio::test]
async fn t15_nobody_without_the_right_has_a_body_read() {
    let rig = Rig::new().await;
    let body = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
    let request = request(Method::POST, "/api/v1/accounts", None).body(body).unwrap();
    let answer = rig.send(request).await;
    assert_eq!((answer.status, answer.code().as_str()), (StatusCode::UNAUTHORIZED, "not_signed_in"));
}

#[tokio::test]
async fn f21_a_body_that_does_not_come_is_given_up() {
    let rig = Rig::new().await;
    let who = rig.signed_in("admin", Role::Admin).await;
    let body = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
    let sending = rig.send(json("/api/v1/accounts", &who).body(body).unwrap());
    // The database is done once the body is waited for; only then may time run ahead.
    tokio::pin!(sending);
    let first = tokio::time::timeout(std::time::Duration::from_millis(500), &mut sending).await;
    assert!(first.is_err(), "it is waited for");
    tokio::time::pause();
    let answer = sending.await;
    assert_eq!((answer.status, answer.code().as_str()), (StatusCode::REQUEST_TIMEOUT, "too_slow"));
}

#[tokio::test]
async fn t14_what_looks_like_sql_is_only_text() {
    inject(9).await;
}

#[tokio::test]
#[ignore = "takes minutes: tests/check.sh ci"]
async fn t14_every_payload_meets_every_route() {
    inject(1).await;
}

/// Sends one of so many payloads to each route, each time others.
async fn inject(one_of: usize) {
    let rig = Rig::new().await;
    let mut people = Vec::new();
    for role in [Role::Operator, Role::Approver, Role::Admin, Role::Auditor] {
        people.push(rig.signed_in(&format!("{role:?}").to_lowercase(), role).await);
    }
    let payloads = payloads();
    let names = [
        "q", "sort", "page", "after", "before", "csv", "day", "actor", "action", "order", "cursor", "limit",
        "item", "area", "line", "next", "set", "back", "name",
    ];
    let mut sent = 0;
    for (place, route) in chaobiao::http::routes().all().enumerate() {
        for (number, payload) in payloads.iter().enumerate().skip(place % one_of).step_by(one_of) {
            let who = &people[number % people.len()];
            let name = names[number % names.len()];
            let path = filled(&route.path).replace("/1", &format!("/{}", escaped(payload)));
            let answer = if route.changes() {
                let body =
                    serde_json::json!({ name: payload, "person": payload, "role": payload }).to_string();
                rig.json(route.method.clone(), &path, Some(who), &body).await
            } else {
                rig.get(&format!("{path}?{name}={}", escaped(payload)), Some(who)).await
            };
            assert!(!answer.status.is_server_error(), "{} {path} {name}: {answer:?}", route.method);
            let body = answer.body.to_lowercase();
            assert!(!body.contains("sqlite") && !body.contains("syntax error"), "{path}: {answer:?}");
            sent += 1;
        }
    }
    println!("{sent} requests with {} payloads", payloads.len());
    assert!(payloads.len() >= 100);
    let accounts = rig.services.store.accounts().await.unwrap();
    assert_eq!(accounts.len(), people.len(), "no account came or went");
    rig.services.store.verify_audit(&[]).await.unwrap().unwrap();
}

/// Ends of texts, of numbers and of statements, in many spellings.
fn payloads() -> Vec<String> {
    let ends = ["'", "\"", "`", "')", "'))", "1", "1)", "%", "\\'", "\u{2019}", "\0'"];
    let tails = [
        " OR 1=1 --",
        " OR 'a'='a",
        "; DROP TABLE account; --",
        "; DELETE FROM audit; --",
        " UNION SELECT password_hash FROM account --",
        " AND (SELECT count(*) FROM account) > 0 --",
        "/**/OR/**/1=1#",
        " ORDER BY 99 --",
        " || (SELECT hash FROM login_session) || '",
        "; SELECT pg_sleep(10); --",
    ];
    ends.iter().flat_map(|end| tails.iter().map(move |tail| format!("{end}{tail}"))).collect()
}
