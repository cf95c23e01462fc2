//! Changes of two persons, alarms and what was handed to billing, by the API.

use axum::http::StatusCode;
use chaobiao::domain::{Alarm, AlarmKind};
use serde_json::{Value, json};

use crate::orders::Town;
use crate::rig::Somebody;

fn transformers(town: &Town, ct: &str) -> Value {
    let from = town.now().to_string();
    let change = json!({ "change": "change_transformers", "point": "P1", "ct": ct, "vt": "1", "from": from });
    json!({ "reason": "new transformers", "change": change })
}

#[tokio::test]
async fn t17_a_proposed_change_is_confirmed_by_another_person_with_a_second_factor() {
    let town = Town::new().await;
    let key = ("idempotency-key", "2026-11-25/ct/1");
    let faulty = town.post_with("/api/v1/proposals", &town.li, key, &transformers(&town, "200/0")).await;
    assert_eq!(
        (faulty.code(), &faulty.json()["reasons"][0]["code"]),
        ("change_faulty".to_owned(), &json!("ratio"))
    );
    // What was refused has not used its key up.
    let body = transformers(&town, "200/5");
    let made = town.post_with("/api/v1/proposals", &town.li, key, &body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    assert_eq!(made.json()["proposal"]["change"]["ct"], "200/5");
    let again = town.post_with("/api/v1/proposals", &town.li, key, &body).await;
    assert_eq!(again.json(), made.json());
    let id = made.json()["proposal"]["id"].as_i64().unwrap();
    let path = |what: &str| format!("/api/v1/proposals/{id}/{what}");

    let far = &town.elsewhere[1];
    assert_eq!(
        town.rig.get(&format!("/api/v1/proposals/{id}"), Some(far)).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(town.rig.get("/api/v1/proposals", Some(far)).await.json()["meta"]["count"], 0);
    assert_eq!(town.post(&path("confirm"), far, &town.code(far)).await.status, StatusCode::NOT_FOUND);
    let no_code = json!({ "code": "" });
    assert_eq!(town.post(&path("confirm"), &town.wang, &no_code).await.code(), "code_missing");
    assert_eq!(town.post(&path("confirm"), &town.li, &no_code).await.code(), "not_allowed");
    let open = town.rig.get("/api/v1/proposals?open=true", Some(&town.wang)).await.json();
    assert_eq!(open["meta"]["count"], 1, "it still waits");

    let confirmed = town.post(&path("confirm"), &town.wang, &town.code(&town.wang)).await.json();
    assert_eq!(
        (&confirmed["proposal"]["state"], &confirmed["proposal"]["decided_by"]),
        (&json!("confirmed"), &json!("wang"))
    );
    let late = town.post(&path("refuse"), &town.zhao, &json!({})).await;
    assert_eq!((late.status, late.code()), (StatusCode::CONFLICT, "decided".to_owned()));
}

#[tokio::test]
async fn t17_only_who_proposed_a_change_takes_it_back() {
    let town = Town::new().await;
    let made = town.post("/api/v1/proposals", &town.li, &transformers(&town, "200/5")).await.json();
    let path = format!("/api/v1/proposals/{}/withdraw", made["proposal"]["id"]);
    assert_eq!(town.post(&path, &town.wang, &json!({})).await.code(), "not_allowed");
    assert_eq!(town.post(&path, &town.li, &json!({})).await.json()["proposal"]["state"], "withdrawn");
}

#[tokio::test]
async fn t16_alarms_of_another_region_are_not_there_and_those_of_all_are() {
    let town = Town::new().await;
    let store = &town.rig.services.store;
    let points = store.numbered_points(&["P1"], &chaobiao::domain::access::Regions::All).await.unwrap();
    let here = Alarm::new(AlarmKind::OrderUnknown, "order 7", town.now()).in_area(points["P1"].area);
    let id = store.raise_alarm(&here).await.unwrap().id;
    store.raise_alarm(&Alarm::new(AlarmKind::LineDown, "line east", town.now())).await.unwrap();
    let kinds = async |who: &Somebody| {
        let answer = town.rig.get("/api/v1/alarms?open=true", Some(who)).await.json();
        let kinds: Vec<_> =
            answer["alarms"].as_array().unwrap().iter().map(|alarm| alarm["kind"].clone()).collect();
        (kinds, answer["waiting"]["critical"].clone())
    };
    assert_eq!(kinds(&town.li).await, (vec![json!("line_down"), json!("order_unknown")], json!(1)));
    let far = &town.elsewhere[0];
    assert_eq!(kinds(far).await, (vec![json!("line_down")], json!(0)));
    let path = format!("/api/v1/alarms/{id}/acknowledge");
    let note = json!({ "note": "在查" });
    assert_eq!(town.post(&path, far, &note).await.status, StatusCode::NOT_FOUND);
    let mut told = town.rig.services.changes.follow();
    let taken = town.post(&path, &town.li, &note).await.json();
    assert_eq!(
        (&taken["alarm"]["acknowledged"]["by"], &taken["alarm"]["ended_at"]),
        (&json!("li"), &Value::Null)
    );
    assert!(told.has_changed().unwrap() && told.borrow_and_update()[3] == 1, "whoever watches is told");
    assert_eq!(kinds(&town.li).await.1, json!(0));
    let pushes = town.rig.get("/api/v1/billing/pushes?state=parked", Some(&town.billing)).await.json();
    assert_eq!((&pushes["day"], &pushes["meta"]["count"]), (&json!("2026-11-25"), &json!(0)));
    let reviews = town.rig.get("/api/v1/billing/reviews", Some(&town.li)).await.json();
    assert_eq!(reviews["meta"]["count"], 0);
}
