//! What lies in another region is not there: route by route, by its number, and by words that were written to break out of
//! a statement. (T16)

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use chaobiao::domain::access::{Regions, Role};
use chaobiao::domain::supply::Reason;
use chaobiao::domain::{Alarm, AlarmKind, Id, MissingCause, RunKind, RunMeter, RunOutcome};
use chaobiao::http::Route;
use chaobiao::store::{Batch, RunPlan};
use serde_json::json;

use crate::orders::{Town, number};
use crate::rig::{Answer, Somebody, escaped, request};

/// What nobody of the second area may be shown: the customer, the area, the meter and the alarm of the first home.
const MARKS: [&str; 4] = ["客户1", "台区1", "000000000001", "wires on the ground"];

/// What there is of the first home, by number.
struct Things {
    order: i64,
    proposal: i64,
    protection: i64,
    alarm: i64,
    run: i64,
}

async fn things(town: &Town) -> Things {
    town.make_ready().await;
    let store = &town.rig.services.store;
    let change = json!({ "change": "change_transformers", "point": "P1", "ct": "200/5", "vt": "1",
        "from": town.now().to_string() });
    let body = json!({ "reason": "wires on the ground", "change": change });
    let made = town.post("/api/v1/proposals", &town.li, &body).await;
    let order = town.submitted(&town.li, Reason::Arrears).await;
    let protect =
        json!({ "protections": [{ "point": "P1", "kind": "medical", "reason": "wires on the ground" }] });
    assert_eq!(town.post("/api/v1/protections", &town.li, &protect).await.status, StatusCode::OK);
    let protections = town.rig.get("/api/v1/protections", Some(&town.li)).await.json();
    let listed = protections["protections"].as_array().unwrap();
    let own = listed.iter().find(|protection| protection["point"] == "P1").unwrap();
    // A terminal that has no meter in the second area.
    let name = json!({ "name": "wires on the ground" });
    let adopted = town.post("/api/v1/terminals/1100-3039/adopt", &town.li, &name).await;
    assert_eq!(adopted.status, StatusCode::NO_CONTENT);
    let points = store.numbered_points(&["P1"], &Regions::All).await.unwrap();
    let alarm = Alarm::new(AlarmKind::OrderUnknown, "wires on the ground", town.now());
    let alarm = store.raise_alarm(&alarm.in_area(points["P1"].area)).await.unwrap().id.number();
    let meters = [Id::new(1), Id::new(2)];
    let (day, deadline) = ("2026-11-22".parse().unwrap(), town.now());
    let plan = RunPlan { scope: "site", day, kind: RunKind::Nightly, meters: &meters, deadline };
    let run = store.begin_run(&plan, town.now()).await.unwrap().id;
    let missing = |meter| RunMeter {
        run,
        meter,
        outcome: RunOutcome::Missing(MissingCause::Silent),
        detail: None,
        holes: None,
    };
    let outcomes = meters.map(missing).to_vec();
    store.save(&Batch { outcomes, ..Batch::default() }, town.now()).await.unwrap();
    Things {
        order,
        proposal: made.json()["proposal"]["id"].as_i64().unwrap(),
        protection: number(&own["id"]),
        alarm,
        run: run.number(),
    }
}

/// People of the second area, one of each role that is bound to a region.
async fn people(town: &Town) -> Vec<Somebody> {
    let second = town.rig.services.store.areas_named(&["台区2"]).await.unwrap().unwrap();
    let mut people = town.elsewhere.to_vec();
    for (name, role) in [("far viewer", Role::Viewer), ("far billing", Role::Billing)] {
        let somebody = town.rig.somebody(name, role, second.clone()).await;
        people.push(town.rig.sign_in(somebody).await);
    }
    people
}

/// The path of a route with what is of the first home in the places of names, and whether it names such a thing.
fn filled(route: &Route, things: &Things) -> (String, bool) {
    let path = route.path.strip_prefix("/api/v1").unwrap_or(&route.path);
    let of = |known: &[&str]| known.iter().any(|prefix| path.starts_with(prefix));
    let number = if of(&["/orders/"]) {
        Some(things.order)
    } else if of(&["/proposals/"]) {
        Some(things.proposal)
    } else if of(&["/protections/"]) {
        Some(things.protection)
    } else if of(&["/alarms/"]) {
        Some(things.alarm)
    } else {
        None
    };
    let is_named = number.is_some() || route.path.contains("{address}") || route.path.contains("{point}");
    let run = things.run.to_string();
    let other = if of(&["/runs/"]) { run } else { "1".to_owned() };
    let number = number.map_or(other, |number| number.to_string());
    let address = if of(&["/terminals/"]) { "1100-3039" } else { "000000000001" };
    let mut filled = route.path.replace("{address}", address).replace("{point}", "P1");
    for name in ["{id}", "{order}"] {
        filled = filled.replace(name, &number);
    }
    filled = filled.replace("{paper}", "notice");
    (crate::forged::filled(&filled), is_named && route.path.contains('{'))
}

async fn ask(town: &Town, route: &Route, path: &str, who: &Somebody, tag: &str) -> Answer {
    let is_api = path.starts_with("/api/");
    let (kind, body) = match (is_api, route.changes()) {
        (_, false) => ("text/plain", String::new()),
        (true, _) => ("application/json", body_of(town, route, who)),
        (false, _) => {
            let code = who.totp.code_at(town.now());
            let fields = [
                ("code", code.as_str()),
                ("note", "x"),
                ("text", "x"),
                ("seen", tag.trim_matches('"')),
                ("points", "P1"),
            ];
            let more = [
                ("kind", "cut"),
                ("reason", "arrears"),
                ("from", "2026-11-26T10:00"),
                ("until", "2026-11-26T14:00"),
            ];
            let all = fields.iter().chain(&more).map(|(name, value)| format!("&{name}={}", escaped(value)));
            ("application/x-www-form-urlencoded", format!("csrf={}{}", who.csrf, all.collect::<String>()))
        }
    };
    let request = request(route.method.clone(), path, Some(who))
        .header(header::CONTENT_TYPE, kind)
        .header("x-csrf-token", &who.csrf)
        .header(header::IF_MATCH, tag);
    town.rig.send(request.body(Body::from(body)).unwrap()).await
}

/// A body that gets past the check of its form, so that what is asked for is looked for.
fn body_of(town: &Town, route: &Route, who: &Somebody) -> String {
    let path = route.path.as_str();
    let body =
        if path.ends_with("/approve") || path.ends_with("/confirm") || path.contains("protections/{id}") {
            json!({ "code": who.totp.code_at(town.now()) })
        } else if path == "/api/v1/orders/{id}" {
            json!({ "kind": "cut", "reason": "arrears", "points": ["P2"], "until": "2026-11-27T14:00:00Z" })
        } else if path.ends_with("/acknowledge") {
            json!({ "note": "x" })
        } else if path.ends_with("/archive") {
            json!({ "reason": "x" })
        } else if path.ends_with("/report") {
            json!({ "text": "x" })
        } else {
            json!({})
        };
    body.to_string()
}

/// All that there is of the first home, as somebody of all regions sees it.
async fn all(town: &Town, things: &Things) -> Vec<String> {
    let paths = [
        format!("/api/v1/orders/{}", things.order),
        format!("/api/v1/proposals/{}", things.proposal),
        format!("/api/v1/alarms/{}", things.alarm),
        "/api/v1/protections".to_owned(),
        "/api/v1/points/P1/evidence".to_owned(),
    ];
    let li = town.rig.sign_in(town.li.clone()).await;
    let mut all = Vec::new();
    for path in paths {
        let answer = town.rig.get(&path, Some(&li)).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {answer:?}");
        all.push(answer.body);
    }
    all
}

fn shows_nothing(answer: &Answer, of: &str) {
    let has_failed = answer.status.is_server_error() && answer.code() != "no_lines";
    assert!(!has_failed, "{of}: {answer:?}");
    for mark in MARKS {
        assert!(!answer.body.contains(mark), "{of} shows {mark}: {}", answer.body);
    }
}

#[tokio::test]
async fn t16_what_is_of_another_region_is_neither_shown_nor_changed_by_any_route() {
    let town = Town::new().await;
    let things = things(&town).await;
    let before = all(&town, &things).await;
    let tag = town.order(things.order).await.header("etag").to_owned();
    let people = people(&town).await;
    let (mut named, mut asked) = (BTreeSet::new(), 0);
    for route in chaobiao::http::routes().all() {
        let (path, is_named) = filled(route, &things);
        // These change the session itself.
        if ["/logout", "/login", "/welcome", "/account/password"].contains(&route.path.as_str()) {
            continue;
        }
        for who in &people {
            let answer = ask(&town, route, &path, who, &tag).await;
            let of = format!("{} {path} as {}", route.method, who.account.name);
            shows_nothing(&answer, &of);
            asked += 1;
            if is_named {
                let is_kept_out = matches!(answer.status, StatusCode::NOT_FOUND | StatusCode::FORBIDDEN);
                assert!(is_kept_out, "{of}: {answer:?}");
                if answer.status == StatusCode::NOT_FOUND {
                    named.insert(format!("{} {}", route.method, route.path));
                }
            }
        }
    }
    println!("{asked} questions, {} routes told of nothing: {named:#?}", named.len());
    assert!(named.len() >= 35, "{named:#?}");
    assert_eq!(all(&town, &things).await, before);
    // The same are found by those whose region it is.
    let li = town.rig.sign_in(town.li.clone()).await;
    for route in chaobiao::http::routes().all().filter(|route| route.method == Method::GET) {
        let (path, is_named) = filled(route, &things);
        let is_there = !path.contains("/fetches/") && !path.contains("/reads/");
        if is_named && is_there && named.contains(&format!("GET {}", route.path)) {
            let answer = town.rig.get(&path, Some(&li)).await;
            assert!(answer.status == StatusCode::OK || path.ends_with("/report"), "{path}: {answer:?}");
        }
    }
}

/// Written to break out of a statement, a pattern or a path.
const HOSTILE: [&str; 6] = [
    "' OR '1'='1' --",
    "1); DROP TABLE meter; --",
    "%' OR lower(name) LIKE '%",
    "_%\0",
    "-9223372036854775809",
    "1~1~1~1~' UNION SELECT name FROM customer --",
];

#[tokio::test]
async fn t16_nothing_of_another_region_comes_by_words_that_break_out_of_a_statement() {
    let town = Town::new().await;
    let things = things(&town).await;
    let before = all(&town, &things).await;
    let (far, farther) = (&town.elsewhere[0], &town.elsewhere[1]);
    let names = ["q", "words", "day", "state", "cursor", "after", "sort", "limit", "point", "receiver"];
    let mut asked = 0;
    for route in chaobiao::http::routes().all() {
        let (path, _) = filled(route, &things);
        if route.method == Method::GET && town.rig.get(&path, Some(far)).await.status == StatusCode::OK {
            for (name, hostile) in
                names.iter().flat_map(|name| HOSTILE[..4].iter().map(move |text| (name, text)))
            {
                let path = format!("{path}?{name}={}", escaped(hostile));
                shows_nothing(&town.rig.get(&path, Some(far)).await, &path);
                asked += 1;
            }
        }
        for hostile in HOSTILE {
            if route.path.contains('{') {
                let mut hostile_path = String::new();
                for (place, part) in route.path.split(['{', '}']).enumerate() {
                    hostile_path.push_str(&if place % 2 == 1 { escaped(hostile) } else { part.to_owned() });
                }
                let answer = ask(&town, route, &hostile_path, farther, "\"x\"").await;
                shows_nothing(&answer, &hostile_path);
                assert!(
                    !answer.status.is_success() || route.path.starts_with("/assets"),
                    "{hostile_path}: {answer:?}"
                );
                asked += 1;
            }
        }
    }
    println!("{asked} questions");
    assert_eq!(all(&town, &things).await, before);
    let li = town.rig.sign_in(town.li.clone()).await;
    let meters = town.rig.get("/api/v1/meters", Some(&li)).await.json();
    assert_eq!(meters["meters"].as_array().unwrap().len(), 2);
}
