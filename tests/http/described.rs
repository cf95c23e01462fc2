//! What the API says about itself, and how it tells of what was not done.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::{Method, StatusCode};
use chaobiao::domain::access::Role;
use serde_json::Value;

use crate::rig::Rig;

#[tokio::test]
async fn the_description_is_openapi_3_1_and_has_every_route() {
    let rig = Rig::new().await;
    let who = rig.signed_in("li", Role::Viewer).await;
    let document = rig.get("/api/openapi.json", Some(&who)).await;
    assert_eq!((document.status, document.header("content-type")), (StatusCode::OK, "application/json"));
    let document = document.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);
    let mut described = BTreeSet::new();
    let mut ids = BTreeMap::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            described.insert((method.to_uppercase(), path.clone()));
            let id = operation["operationId"].as_str().unwrap();
            if let Some(other) = ids.insert(id.to_owned(), path.clone()) {
                panic!("{path} and {other} are both called {id}");
            }
            check(path, operation);
        }
    }
    let routes = chaobiao::http::routes();
    let registered: BTreeSet<_> = routes
        .all()
        .filter(|route| route.path.starts_with("/api/v1"))
        .map(|route| (route.method.to_string(), route.path.clone()))
        .collect();
    assert_eq!(described, registered);
    let mut named = BTreeMap::new();
    for (name, schema) in &routes.described().schemas {
        let schema = serde_json::to_value(schema).unwrap();
        let other = named.insert(name.clone(), schema.clone());
        assert!(other.is_none_or(|other| other == schema), "two types are called {name}");
    }
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for reference in references(&document) {
        let name = reference.strip_prefix("#/components/schemas/").unwrap_or_else(|| panic!("{reference}"));
        assert!(schemas.contains_key(name), "{reference} leads nowhere");
    }
    // As numbers they would be rounded.
    for name in ["OrderShown", "SubmittedAnswer", "RotationShown", "ProtectionShown", "TermsRow"] {
        assert_eq!(schemas[name]["properties"]["id"]["type"], "string", "{name}: {}", schemas[name]);
    }
    for path in ["/api/v1/orders/{id}", "/api/v1/rotations/{id}", "/api/v1/runs/{id}"] {
        let parameters = &document["paths"][path]["get"]["parameters"];
        assert_eq!(parameters[0]["schema"]["type"], "string", "{path}: {parameters}");
    }
    let change = &schemas["ChangeShown"]["oneOf"][0];
    let named = |name: &str| change["required"].as_array().unwrap().contains(&name.into());
    assert!(named("change") && named("point"), "{change}");
    assert!(!document.to_string().contains("allOf"), "closed parts of one object are met by nothing");
    let page = rig.get("/api", Some(&who)).await;
    assert_eq!(page.status, StatusCode::OK);
    for (method, path) in &described {
        assert!(page.body.contains(&format!("{method} {path}")), "{method} {path} lacks on the page");
    }
    assert!(!page.body.contains("<script"));
}

/// What every operation has to say.
fn check(path: &str, operation: &Value) {
    for key in ["summary", "description", "responses", "security"] {
        assert!(operation.get(key).is_some(), "{path} has no {key}");
    }
    assert!(
        operation["description"].as_str().unwrap().contains("may.")
            || operation["description"].as_str().unwrap().contains("right")
    );
    let responses = operation["responses"].as_object().unwrap();
    assert!(responses.keys().any(|status| status.starts_with('2')), "{path}");
    assert!(responses["default"]["content"].get("application/problem+json").is_some(), "{path}");
    let named: BTreeSet<&str> = operation["parameters"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|parameter| parameter["in"] == "path")
        .map(|parameter| parameter["name"].as_str().unwrap())
        .collect();
    let in_path: BTreeSet<&str> =
        path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
    assert_eq!(named, in_path, "{path}");
}

fn references(value: &Value) -> Vec<String> {
    match value {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, value)| match value.as_str().filter(|_| name == "$ref") {
                Some(reference) => vec![reference.to_owned()],
                None => references(value),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn a_problem_is_a_document_under_api_and_a_page_elsewhere() {
    let rig = Rig::new().await;
    let who = rig.signed_in("li", Role::Viewer).await;
    for (method, path, status, code) in [
        (Method::GET, "/api/v1/nothing", 404, "not_there"),
        (Method::GET, "/api/v1/audit", 403, "not_allowed"),
        (Method::POST, "/api/v1/health", 405, "method_not_allowed"),
        (Method::GET, "/api/v1/accounts/none", 403, "not_allowed"),
    ] {
        let answer = rig.json(method, path, Some(&who), "").await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{answer:?}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
        let document = answer.json();
        assert_eq!(document["status"], status);
        assert_eq!(document["request_id"].as_str().unwrap(), answer.header("x-request-id"));
        assert!(!document["detail"].as_str().unwrap().is_empty());
        assert!(!document["detail_zh"].as_str().unwrap().is_ascii());
    }
    let page = rig.get("/nothing", Some(&who)).await;
    assert_eq!(
        (page.status, page.header("content-type")),
        (StatusCode::NOT_FOUND, "text/html; charset=utf-8")
    );
    assert!(page.body.contains("未找到") && page.body.contains(page.header("x-request-id")));
}

#[tokio::test]
async fn t13_every_answer_keeps_the_browser_careful() {
    let rig = Rig::new().await;
    let who = rig.signed_in("li", Role::Auditor).await;
    for path in ["/login", "/audit", "/api", "/api/v1/audit", "/nothing", "/api/v1/nothing", "/account"] {
        let answer = rig.get(path, Some(&who)).await;
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        for (name, value) in [
            ("x-frame-options", "DENY"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(answer.header(name), value, "{path}");
        }
    }
}

#[tokio::test]
async fn t18_the_same_key_is_done_once() {
    let rig = Rig::new().await;
    let who = rig.signed_in("admin", Role::Admin).await;
    let send = async |key: &str, name: &str, code: &str| {
        let body = format!(r#"{{"person":"p","name":"{name}","role":"viewer","code":"{code}"}}"#);
        let request = crate::rig::request(Method::POST, "/api/v1/accounts", Some(&who))
            .header("content-type", "application/json")
            .header("x-csrf-token", &who.csrf)
            .header("idempotency-key", key);
        rig.send(request.body(axum::body::Body::from(body)).unwrap()).await
    };
    let code = rig.code(&who);
    let first = send("key-00001", "one", &code).await;
    assert_eq!(first.status, StatusCode::CREATED, "{first:?}");
    assert!(first.json()["one_time_password"].is_string());
    let again = send("key-00001", "one", &code).await;
    assert_eq!(again.status, StatusCode::CREATED);
    assert_eq!(again.json()["account"], first.json()["account"]);
    assert!(again.json()["one_time_password"].is_null(), "what is shown once is not kept");
    assert_eq!(send("key-00001", "two", &code).await.code(), "key_taken");
    assert_eq!(send("short", "two", &code).await.status, StatusCode::BAD_REQUEST);
    let refused = send("key-00002", "one", &rig.code(&who)).await;
    assert_eq!(refused.code(), "name_taken");
    let other = send("key-00002", "two", &rig.code(&who)).await;
    assert_eq!(other.status, StatusCode::CREATED, "a refusal keeps no key");
    rig.clock.advance(std::time::Duration::from_secs(30 * 86_400));
    let who = rig.sign_in(who.clone()).await;
    let request = crate::rig::request(Method::POST, "/api/v1/accounts", Some(&who))
        .header("content-type", "application/json")
        .header("x-csrf-token", &who.csrf)
        .header("idempotency-key", "key-00001")
        .body(axum::body::Body::from(format!(
            r#"{{"person":"p","name":"one","role":"viewer","code":"{code}"}}"#
        )));
    let month = rig.send(request.unwrap()).await;
    assert_eq!(month.json()["account"], first.json()["account"], "30 days later");
    assert_eq!(rig.services.store.accounts().await.unwrap().len(), 3);
}

#[tokio::test]
async fn t18_a_key_that_would_change_nothing_is_refused() {
    let rig = Rig::new().await;
    let who = [rig.signed_in("admin", Role::Admin).await, rig.signed_in("li", Role::Operator).await];
    let document = rig.get("/api/openapi.json", Some(&who[0])).await.json();
    let (mut refused, mut taken) = (0, 0);
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, told) in methods.as_object().unwrap().iter().filter(|(method, _)| *method != "get") {
            let parameters = told["parameters"].as_array().into_iter().flatten();
            if parameters.map(|one| one["name"].as_str().unwrap()).any(|name| name == "Idempotency-Key") {
                taken += 1;
                continue;
            }
            let place = path.replace(['{', '}'], "");
            for who in &who {
                let request = crate::rig::request(method.to_uppercase().parse().unwrap(), &place, Some(who))
                    .header("content-type", "application/json")
                    .header("x-csrf-token", &who.csrf)
                    .header("idempotency-key", "2026-11-30/no/1");
                let code = rig.send(request.body(axum::body::Body::from("{}")).unwrap()).await.code();
                assert!(code == "key_not_taken" || code == "not_allowed", "{method} {path}: {code}");
                refused += usize::from(code == "key_not_taken");
            }
        }
    }
    assert!(refused > 40 && taken > 8, "{refused} {taken}");
    let too_many = &document["paths"]["/api/v1/orders"]["post"]["responses"]["429"];
    assert_eq!(too_many["headers"]["Retry-After"]["schema"]["type"], "integer", "{too_many}");
}
