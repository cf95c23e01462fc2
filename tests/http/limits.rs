//! Ceilings and terms of cuts by the API: read by all, made stricter by one, loosened and confirmed by two.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::desk::{led, page};
use crate::orders::{Town, number};
use crate::rig::Somebody;

#[tokio::test]
async fn ceilings_are_made_stricter_by_one_and_given_free_by_two_approvers() {
    let town = Town::new().await;
    let in_force = async |who: &Somebody| {
        let answer = town.rig.get("/api/v1/supply/ceilings", Some(who)).await.json();
        assert_eq!(answer["built_in"]["order"], 50);
        answer["in_force"].clone()
    };
    let built_in = json!({ "order": 50, "hour": 200, "day": 1000, "area_percent": 5, "total_percent": 2 });
    assert_eq!(in_force(&town.li).await, built_in);
    let stricter = json!({ "order": 5, "hour": 500, "day": 100, "area_percent": 5, "total_percent": 1 });
    let tighten = "/api/v1/supply/ceilings/tighten";
    assert_eq!(town.post(tighten, &town.li, &stricter).await.code(), "not_allowed");
    let judged = town.rig.judged();
    let made = town.post(tighten, &town.admin, &stricter).await;
    assert!(judged.has_changed().unwrap(), "cuts that are about to leave are judged once more (F45)");
    let held = json!({ "order": 5, "hour": 200, "day": 100, "area_percent": 5, "total_percent": 1 });
    assert_eq!(
        (made.status, &made.json()["in_force"]),
        (StatusCode::OK, &held),
        "none above what is built in"
    );
    let loosen =
        async |who: &Somebody| town.post("/api/v1/supply/ceilings/loosen", who, &town.code(who)).await;
    assert_eq!(loosen(&town.admin).await.code(), "not_allowed");
    let wrong = town.post("/api/v1/supply/ceilings/loosen", &town.wang, &json!({ "code": "000000" })).await;
    assert_eq!(wrong.code(), "factor_refused");
    for _ in 0..2 {
        let first = loosen(&town.wang).await;
        assert_eq!((first.status, &first.json()["is_loosened"]), (StatusCode::ACCEPTED, &json!(false)));
    }
    assert_eq!(in_force(&town.li).await, held, "one person is one, however often they ask");
    assert_eq!(loosen(&town.zhao).await.status, StatusCode::OK);
    assert_eq!(in_force(&town.li).await, built_in);
    let audited = town.rig.audited().await;
    assert_eq!((audited["ceiling.tighten"], audited["ceiling.loosen"]), (1, 3));
}

#[tokio::test]
async fn a_row_of_terms_holds_once_another_person_has_confirmed_it() {
    let town = Town::new().await;
    let rows = async || town.rig.get("/api/v1/supply/terms", Some(&town.li)).await.json()["rows"].clone();
    assert_eq!(rows().await, json!([]));
    let strict = town.rig.get("/api/v1/supply/terms", Some(&town.li)).await.json()["strict"].clone();
    let row = |notice: u64| -> Value {
        let mut terms = strict.clone();
        terms["notice_least_seconds"] = json!(notice * 86_400);
        json!({ "from": "2026-11-01", "area": "台区1", "class": "residential", "terms": terms })
    };
    assert_eq!(town.post("/api/v1/supply/terms", &town.wang, &row(4)).await.code(), "not_allowed");
    assert_eq!(town.post("/api/v1/supply/terms", &town.admin, &row(1)).await.code(), "terms");
    let made = town.post("/api/v1/supply/terms", &town.admin, &row(4)).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let id = number(&made.json()["id"]);
    let of_point = async || {
        let answer = town.rig.get("/api/v1/points/P1/evidence", Some(&town.li)).await.json();
        answer["evidence"]["terms"]["notice_least_seconds"].as_u64().unwrap() / 86_400
    };
    assert_eq!(of_point().await, 7, "what is only proposed does not hold");
    let confirm = format!("/api/v1/supply/terms/{id}/confirm");
    assert_eq!(town.post(&confirm, &town.admin, &town.code(&town.admin)).await.code(), "not_allowed");
    let far = &town.elsewhere[1];
    assert_eq!(town.post(&confirm, far, &town.code(far)).await.status, StatusCode::NOT_FOUND);
    assert_eq!(town.post(&confirm, &town.wang, &json!({ "code": "1" })).await.code(), "factor_refused");
    let confirmed = town.post(&confirm, &town.wang, &town.code(&town.wang)).await;
    assert_eq!(confirmed.status, StatusCode::OK, "{confirmed:?}");
    assert_eq!(of_point().await, 4);
    assert_eq!(
        (&rows().await[0]["proposed_by"], &rows().await[0]["confirmed_by"]),
        (&json!("admin"), &json!("wang"))
    );
    let twice = town.post(&confirm, &town.zhao, &town.code(&town.zhao)).await;
    assert_eq!(twice.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn f51_t32_the_page_of_settings_changes_ceilings_and_terms_with_as_many_persons_as_it_takes() {
    let town = Town::new().await;
    let send = async |what: &str, who: &Somebody, fields: &[(&str, &str)]| {
        town.rig.form(&format!("/settings/{what}"), Some(who), fields).await
    };
    let held =
        async || town.rig.get("/api/v1/supply/ceilings", Some(&town.li)).await.json()["in_force"].clone();
    let stricter =
        [("order", "5"), ("hour", "500"), ("day", "100"), ("area_percent", "5"), ("total_percent", "1")];
    assert_eq!(send("ceilings", &town.li, &stricter).await.status, StatusCode::FORBIDDEN);
    let wrong = send("ceilings", &town.admin, &[("order", "five")]).await;
    assert!(
        wrong.status == StatusCode::UNPROCESSABLE_ENTITY && wrong.body.contains("value=\"five\""),
        "{wrong:?}"
    );
    assert_eq!(led(&send("ceilings", &town.admin, &stricter).await), "/settings");
    assert_eq!((held().await["order"].clone(), held().await["hour"].clone()), (json!(5), json!(200)));
    let loosen = async |who: &Somebody, code: &str| send("ceilings/loosen", who, &[("code", code)]).await;
    assert_eq!(loosen(&town.admin, &town.rig.code(&town.admin)).await.status, StatusCode::FORBIDDEN);
    assert_eq!(loosen(&town.wang, "000000").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(led(&loosen(&town.wang, &town.rig.code(&town.wang)).await), "/settings");
    assert_eq!(held().await["order"], 5, "one of two");
    assert!(page(&town, "/settings", &town.zhao).await.contains("已同意：wang"));
    assert_eq!(led(&loosen(&town.zhao, &town.rig.code(&town.zhao)).await), "/settings");
    assert_eq!(held().await["order"], 50);

    let row = [
        ("from", "2026-12-01"),
        ("class", "residential"),
        ("notice_least", "3"),
        ("notice_most", "15"),
        ("second_least", "30"),
        ("second_most", "24"),
        ("arrears_least", "60"),
        ("identity_most", "90"),
        ("read_most", "48"),
    ];
    assert_eq!(send("terms", &town.wang, &row).await.status, StatusCode::FORBIDDEN);
    let mut short = row;
    short[2].1 = "2";
    let refused = send("terms", &town.admin, &short).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    for part in ["停电通知至少提前 3 天", "value=\"60\""] {
        assert!(refused.body.contains(part), "what was typed stays: {refused:?}");
    }
    assert_eq!(led(&send("terms", &town.admin, &row).await), "/settings");
    let waits = page(&town, "/settings", &town.wang).await;
    assert!(waits.contains("待确认，未生效") && waits.contains("3 天 – 15 天"), "{waits}");
    let id = waits.split("name=\"id\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let confirm =
        async |who: &Somebody, code: &str| send("terms/confirm", who, &[("id", id), ("code", code)]).await;
    assert_eq!(confirm(&town.admin, "000000").await.status, StatusCode::FORBIDDEN);
    let code = town.rig.code(&town.wang);
    assert_eq!(led(&confirm(&town.wang, &code).await), "/settings");
    let holds = page(&town, "/settings", &town.li).await;
    assert!(holds.contains("admin / wang") && !holds.contains("action=\"/settings/"), "{holds}");
    let audited = town.rig.audited().await;
    assert_eq!((audited["terms.propose"], audited["terms.confirm"]), (1, 1));
}
