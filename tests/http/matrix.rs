//! Who may use which route: every route, every role and nobody, against a table that is checked in. (T16)

use std::collections::{BTreeMap, BTreeSet};

use axum::body::Body;
use axum::http::{StatusCode, header};
use chaobiao::domain::Coded;
use chaobiao::domain::access::{Regions, Role};

use crate::forged::filled;
use crate::rig::{Answer, Rig, Somebody, request};

/// Routes with the roles that may use them: the names of roles, or `everybody`.
fn table() -> BTreeMap<String, BTreeSet<String>> {
    let table: BTreeMap<String, Vec<String>> = toml::from_str(include_str!("matrix.toml")).unwrap();
    table.into_iter().map(|(route, roles)| (route, roles.into_iter().collect())).collect()
}

/// Whether an answer comes from behind the check.
fn is_let_in(answer: &Answer) -> bool {
    let leads_away =
        answer.status == StatusCode::SEE_OTHER && answer.header("location").starts_with("/login?");
    let is_refused = answer.status == StatusCode::UNAUTHORIZED
        || (answer.status == StatusCode::FORBIDDEN && answer.body.contains("not_allowed"));
    !leads_away && !is_refused
}

/// Asks for a route as somebody; the body is none that any handler takes, and the number is nobody's.
async fn ask(rig: &Rig, route: &chaobiao::http::Route, who: Option<&Somebody>) -> Answer {
    let path = filled(&route.path).replace("/1", "/0");
    let request = request(route.method.clone(), &path, who)
        .header(header::CONTENT_TYPE, "application/json")
        .header("x-csrf-token", who.map_or("", |who| &who.csrf))
        .body(Body::from(if route.changes() { "{}" } else { "" }));
    rig.send(request.unwrap()).await
}

#[tokio::test]
async fn t16_every_route_is_open_to_those_of_the_table_and_to_nobody_else() {
    let rig = Rig::new().await;
    let table = table();
    let routes = chaobiao::http::routes();
    let mut people = BTreeMap::new();
    for (role, _, name) in Role::TABLE {
        people.insert(*name, rig.somebody(name, *role, Regions::All).await);
    }
    let (mut problems, mut asked, mut seen) = (Vec::new(), 0, BTreeSet::new());
    for route in routes.all() {
        let named = format!("{} {}", route.method, route.path);
        seen.insert(named.clone());
        let mut open_to = BTreeSet::new();
        if is_let_in(&ask(&rig, route, None).await) {
            open_to.insert("everybody".to_owned());
        }
        for (name, somebody) in &people {
            let who = rig.sign_in(somebody.clone()).await;
            let answer = ask(&rig, route, Some(&who)).await;
            assert!(!answer.status.is_server_error(), "{named} as {name}: {answer:?}");
            if is_let_in(&answer) {
                open_to.insert((*name).to_owned());
            }
            asked += 1;
        }
        if open_to.contains("everybody") {
            open_to = BTreeSet::from(["everybody".to_owned()]);
        }
        if table.get(&named) != Some(&open_to) {
            let roles = open_to.iter().map(|role| format!("\"{role}\"")).collect::<Vec<_>>().join(", ");
            problems.push(format!("\"{named}\" = [{roles}]"));
        }
    }
    problems.extend(
        table.keys().filter(|named| !seen.contains(*named)).map(|named| format!("{named} is no route")),
    );
    println!("{} routes, {asked} questions by {} roles", seen.len(), people.len());
    assert!(
        problems.is_empty(),
        "tests/http/matrix.toml differs from what is served; if that is meant, it is:\n{}\n",
        problems.join("\n")
    );
}

#[tokio::test]
async fn i25_an_account_that_is_disabled_or_unfinished_may_use_nothing() {
    let rig = Rig::new().await;
    let admin = rig.signed_in("admin", Role::Admin).await;
    let code = rig.code(&admin);
    let body = format!(r#"{{"person":"p","name":"fresh","role":"operator","code":"{code}"}}"#);
    let made = rig.json(axum::http::Method::POST, "/api/v1/accounts", Some(&admin), &body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let account = rig.services.store.account_named("fresh").await.unwrap().unwrap();
    let fresh = rig.sign_in(Somebody { account, ..admin.clone() }).await;
    let open = ["/login", "/logout", "/welcome", "/look", "/assets", "/api/v1/session"];
    for route in chaobiao::http::routes().all() {
        if open.iter().any(|path| route.path.starts_with(path)) {
            continue;
        }
        let answer = ask(&rig, route, Some(&fresh)).await;
        let is_kept_out = answer.body.contains("login_unfinished") || answer.header("location") == "/welcome";
        assert!(is_kept_out, "{} {}: {answer:?}", route.method, route.path);
    }
}
