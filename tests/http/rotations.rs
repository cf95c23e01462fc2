//! New passwords of meters by the API and the pages: who asks, who approves, and that none is shown (T25).

use axum::http::StatusCode;
use chaobiao::channel::Lines;
use chaobiao::config::{Config, KeyFile};
use chaobiao::domain::AuditEntry;
use chaobiao::domain::Id;
use chaobiao::http;
use chaobiao::store::{NewSecret, SecretDigits, SecretScope};
use chaobiao::supply::field::{FieldParts, Fields};
use chaobiao::supply::{Supply, SupplyParts, SupplySettings};
use dlt645::password::Level;
use serde_json::{Value, json};

use crate::orders::{Town, number};
use crate::rig::Somebody;

/// A town whose passwords can be opened; its first meter has one of the factory.
async fn town(folder: &tempfile::TempDir) -> Town {
    let mut town = Town::new().await;
    let services = &town.rig.services;
    let (store, clock) = (services.store.clone(), services.clock.clone());
    let key = KeyFile::make(&folder.path().join("key")).unwrap();
    let vault = store.open_vault(&key, clock.now()).await.unwrap();
    let digits = SecretDigits::new(b"000000").unwrap();
    let secret = NewSecret { scope: SecretScope::Meter(Id::new(1)), level: Level::CONTROL, digits };
    let entry = AuditEntry::of_system(clock.now(), "secret.replace", "passwords");
    store.replace_secrets(&vault, &[secret], &entry).await.unwrap();
    let config =
        Config::parse(&folder.path().join("amr.toml"), "[database]\npath = \"unused.db\"\n").unwrap();
    let parts = FieldParts {
        store: store.clone(),
        clock: clock.clone(),
        lines: Lines::default(),
        vault: Some(vault),
        security: None,
    };
    let (fields, settings) = (Fields::new(&config.config, parts), SupplySettings::of(&config.config, 1));
    let supply = Supply::new(SupplyParts { store, clock, fields, settings });
    town.rig.services = town.rig.services.clone().ordering(supply);
    town.rig.router = http::router(town.rig.services.clone());
    town
}

async fn asked(town: &Town, body: Value) -> i64 {
    let made = town.post("/api/v1/rotations", &town.admin, &body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    number(&made.json()["rotation"]["id"])
}

#[tokio::test]
async fn t25_new_passwords_are_asked_for_by_an_administrator_and_approved_by_another_person() {
    let folder = tempfile::tempdir().unwrap();
    let town = town(&folder).await;
    for (body, code) in [
        (json!({ "factory": true, "line": "L1", "reason": "x" }), "selection"),
        (json!({ "reason": "x" }), "selection"),
        (json!({ "meters": ["12x"], "reason": "x" }), "address"),
        (json!({ "meters": ["000000000077"], "reason": "x" }), "unknown_meter"),
        (json!({ "line": "L9", "reason": "x" }), "no_meter"),
    ] {
        let refused = town.post("/api/v1/rotations", &town.admin, &body).await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (StatusCode::UNPROCESSABLE_ENTITY, code),
            "{refused:?}"
        );
    }
    let factory = json!({ "factory": true, "reason": "after the fitting" });
    for who in [&town.li, &town.wang] {
        assert_eq!(town.post("/api/v1/rotations", who, &factory).await.code(), "not_allowed");
    }
    let id = asked(&town, factory).await;
    let path = format!("/api/v1/rotations/{id}");
    let shown = town.rig.get(&path, Some(&town.wang)).await.json();
    assert_eq!(shown["rotation"]["state"], "asked");
    // This process has no line on which the meter could be reached, and says so.
    assert_eq!(
        (&shown["meters"][0]["step"], &shown["meters"][0]["why"]),
        (&json!("skipped"), &json!("not_reachable"))
    );
    assert_eq!(shown["meta"]["count"], 1, "the second meter has no factory password: {shown}");
    let approve = format!("{path}/approve");
    assert_eq!(town.post(&approve, &town.admin, &town.code(&town.admin)).await.code(), "not_allowed");
    assert_eq!(town.post(&approve, &town.wang, &json!({ "code": "000000" })).await.code(), "factor_refused");
    let far = &town.elsewhere[1];
    assert_eq!(town.post(&approve, far, &town.code(far)).await.status, StatusCode::NOT_FOUND);
    let approved = town.post(&approve, &town.wang, &town.code(&town.wang)).await;
    assert_eq!(approved.json()["rotation"]["state"], "done", "nothing is left of it: {approved:?}");
    assert_eq!(approved.json()["rotation"]["decided_by"], "wang");
    let twice = town.post(&approve, &town.zhao, &town.code(&town.zhao)).await;
    assert_eq!(twice.status, StatusCode::CONFLICT, "{twice:?}");
    let audited = town.rig.audited().await;
    assert_eq!((audited["secret.rotate.ask"], audited["secret.rotate.approve"]), (1, 1));
}

#[tokio::test]
async fn t25_the_pages_ask_approve_refuse_and_break_off_without_a_script() {
    let folder = tempfile::tempdir().unwrap();
    let town = town(&folder).await;
    let led = |answer: &crate::rig::Answer| answer.header("location").to_owned();
    let meters = town.rig.get("/meters", Some(&town.admin)).await;
    assert!(meters.body.contains("href=\"/passwords\""), "the list of meters leads there");
    assert!(!town.rig.get("/meters", Some(&town.li)).await.body.contains("href=\"/passwords\""));
    let fields = [("of", "meters"), ("meters", "000000000001\n12x"), ("reason", "x")];
    let refused = town.rig.form("/passwords", Some(&town.admin), &fields).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        refused.body.contains("“12x”不是通信地址") && refused.body.contains("000000000001"),
        "{refused:?}"
    );
    let ask = async |of: &'static str| {
        let fields = [("of", of), ("line", "L1"), ("meters", "1"), ("reason", "投运更换")];
        led(&town.rig.form("/passwords", Some(&town.admin), &fields).await)
    };
    for (of, form, state, who) in [
        ("factory", "approve", "已结束", &town.wang),
        ("line", "refuse", "不同意", &town.wang),
        ("line", "end", "已中止", &town.admin),
    ] {
        let place = ask(of).await;
        assert!(place.starts_with("/passwords/"), "{of}: {place}");
        let code = town.code(who)["code"].as_str().unwrap().to_owned();
        let done = town.rig.form(&format!("{place}/{form}"), Some(who), &[("code", &code)]).await;
        assert_eq!(led(&done), place, "{form}: {done:?}");
        let page = town.rig.get(&place, Some(who)).await;
        assert!(page.body.contains(state), "{form}: {}", page.body);
        assert!(!page.body.contains(">000000<"), "no password is shown: {}", page.body);
    }
    let own = ask("factory").await;
    let page = town.rig.get(&own, Some(&town.admin)).await;
    assert!(!page.body.contains("/approve\""), "who asked approves nothing: {}", page.body);
    let viewer: &Somebody = &town.li;
    assert_eq!(town.rig.get("/passwords", Some(viewer)).await.status, StatusCode::FORBIDDEN);
}
