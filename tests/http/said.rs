//! What the console never leaves unsaid: that STOP was not pressed, that a form was not taken, that a reading cannot be.

use axum::http::{Method, StatusCode};
use chaobiao::domain::access::{Regions, Role};
use chaobiao::domain::{Id, Item, Quality, RegisterReading, Source};
use chaobiao::store::Batch;
use serde_json::json;
use std::time::Duration;

use crate::desk::{code, led, page};
use crate::orders::Town;
use crate::rig::{Rig, Somebody};

/// Somebody who has still to set a password.
async fn unfinished(rig: &Rig) -> Somebody {
    let admin = rig.signed_in("chief", Role::Admin).await;
    let code = rig.code(&admin);
    let body = format!(r#"{{"person":"p","name":"fresh","role":"operator","code":"{code}"}}"#);
    let made = rig.json(Method::POST, "/api/v1/accounts", Some(&admin), &body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let account = rig.services.store.account_named("fresh").await.unwrap().unwrap();
    rig.sign_in(Somebody { account, ..admin }).await
}

#[tokio::test]
async fn f52_stop_that_is_not_pressed_is_never_answered_with_silence() {
    let rig = Rig::new().await;
    let fresh = unfinished(&rig).await;
    let welcome = rig.get("/welcome", Some(&fresh)).await;
    assert!(!welcome.body.contains("action=\"/stop\""), "what does not work is not offered: {welcome:?}");
    assert!(welcome.body.contains("紧急时请他人急停"), "{welcome:?}");
    let pressed = rig.form("/stop", Some(&fresh), &[("reason", "wires down")]).await;
    assert_eq!(pressed.status, StatusCode::FORBIDDEN, "{pressed:?}");
    assert!(pressed.body.contains("没有急停！"), "{pressed:?}");
    assert!(rig.services.store.halts().await.unwrap().is_empty());
    // Nor where the session is over.
    let over = rig.form("/stop", None, &[("reason", "wires down")]).await;
    assert_eq!(led(&over), "/login?next=/&lost=stop");
    assert!(rig.get(led(&over), None).await.body.contains("没有急停！会话已结束"));
    let form = rig.form("/proposals", None, &[("reason", "x")]).await;
    assert_eq!(led(&form), "/login?next=/proposals&lost=form");
    assert!(rig.get(led(&form), None).await.body.contains("刚才提交的内容没有执行"));
}

#[tokio::test]
async fn f52_stop_stands_on_pages_that_tell_of_a_problem_and_is_pressed_there() {
    let town = Town::new().await;
    let rig = &town.rig;
    let forged = Somebody { csrf: "0".repeat(64), ..town.li.clone() };
    for (path, status) in [("/nosuch", StatusCode::NOT_FOUND), ("/users", StatusCode::FORBIDDEN)] {
        let answer = rig.get(path, Some(&town.li)).await;
        assert_eq!(answer.status, status);
        assert!(answer.body.contains("action=\"/stop\""), "{path}: {answer:?}");
    }
    assert!(rig.form("/again", Some(&forged), &[]).await.body.contains("action=\"/stop\""));
    led(&rig.form("/stop", Some(&town.li), &[("reason", "drill")]).await);
    for path in ["/nosuch", "/users"] {
        let answer = rig.get(path, Some(&town.li)).await;
        assert!(answer.body.contains("已急停：不发出任何停电命令"), "{path}: {answer:?}");
    }
    assert!(rig.form("/again", Some(&forged), &[]).await.body.contains("已急停"));
    assert!(!rig.get("/nosuch", None).await.body.contains("已急停"), "nobody else is told");
}

#[tokio::test]
async fn the_address_of_a_form_leads_to_the_page_it_stands_on() {
    let town = Town::new().await;
    for (path, place) in [
        ("/evidence/notices", "/evidence"),
        ("/protections/load", "/protections"),
        ("/orders/7/approve", "/orders/7"),
        ("/stop", "/"),
        ("/again", "/"),
    ] {
        assert_eq!(led(&town.rig.get(path, Some(&town.li)).await), place, "{path}");
    }
    let refused = town.rig.form("/evidence/notices", Some(&town.li), &[("point", "NOSUCH")]).await;
    assert!(refused.status.is_client_error(), "{refused:?}");
    assert!(refused.body.contains("back=%2Fevidence\""), "its look is changed there: {refused:?}");
}

#[tokio::test]
async fn a_removal_reading_that_cannot_be_is_asked_for_twice_shown_and_reviewed() {
    let town = Town::new().await;
    let store = &town.rig.services.store;
    let hour = Duration::from_secs(3600);
    let reading = RegisterReading {
        meter: Id::new(1),
        item: Item::parse("1.8.0").unwrap(),
        as_of: town.now().minus(hour),
        value: 9_000_000,
        meter_time: None,
        collected_at: town.now().minus(hour),
        source: Source::Live,
        quality: Quality::Good,
        fetch: None,
    };
    store.save(&Batch { registers: vec![reading], ..Batch::default() }, town.now()).await.unwrap();
    let asked = page(&town, "/proposals/new?change=exchange_meter&point=P1&removed=1", &town.li).await;
    assert!(asked.contains("最近有效示值") && asked.contains("900.0000"), "{asked}");
    assert!(asked.contains("name=\"closing-1-0:1.8.4\""), "tariffs are billed: {asked}");
    let far = page(&town, "/proposals/new?change=exchange_meter&removed=1", &town.elsewhere[0]).await;
    assert!(!far.contains("900.0000"), "{far}");
    let mut fields = vec![
        ("change", "exchange_meter"),
        ("point", "P1"),
        ("removed", "1"),
        ("installed", "9"),
        ("protocol", "645-2007"),
        ("at", "2026-11-25T07:30"),
        ("closing-1-0:1.8.0", "123.4567"),
        ("opening-1-0:1.8.0", "0"),
        ("reason", "表坏"),
    ];
    let refused = town.rig.form("/proposals", Some(&town.li), &fields).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{refused:?}");
    for part in ["与此前抄到的示值不符", "900.0000 kWh", "-776.5433 kWh", "name=\"checked\"", "表坏"]
    {
        assert!(refused.body.contains(part), "{part}: {refused:?}");
    }
    fields.push(("checked", "yes"));
    let place = led(&town.rig.form("/proposals", Some(&town.li), &fields).await).to_owned();
    let seen = page(&town, &place, &town.wang).await;
    assert!(seen.contains("900.0000 kWh") && seen.contains("与此前抄到的示值不符"), "{seen}");
    let right = code(&town, &town.wang);
    led(&town.rig.form(&format!("{place}/confirm"), Some(&town.wang), &[("code", &right)]).await);
    let reviews = store.review_lines(&Regions::All, 10).await.unwrap();
    assert_eq!(reviews.iter().map(|line| line.value).collect::<Vec<_>>(), [1_234_567], "{reviews:?}");

    // What the new meter showed was typed: it has not answered yet, and what asks for a read is not met.
    let points = store.numbered_points(&["P1"], &Regions::All).await.unwrap();
    let known = store.evidence_of(points["P1"].point, town.now()).await.unwrap().unwrap();
    assert_eq!((known.meter.as_deref(), known.last_read), (Some("000000000009"), None));
    town.protect().await;
    let until = town.now().plus(hour * 4).to_string();
    let cut = json!({ "kind": "cut", "reason": "arrears", "points": ["P1"], "until": until });
    let refused = town.post("/api/v1/orders", &town.li, &cut).await;
    assert!(refused.body.contains("read_too_old"), "{refused:?}");
}

#[tokio::test]
async fn other_transformers_stand_beside_those_of_now_and_what_is_billed() {
    let town = Town::new().await;
    let form = page(&town, "/proposals/new?change=change_transformers&point=P1", &town.li).await;
    assert!(form.contains("现行倍率：CT 1 PT 1 × 1"), "{form}");
    let fields = [
        ("change", "change_transformers"),
        ("point", "P1"),
        ("ct", "200/5"),
        ("vt", "1"),
        ("from", "2026-11-24T00:00"),
        ("reason", "扩容"),
    ];
    let place = led(&town.rig.form("/proposals", Some(&town.li), &fields).await).to_owned();
    let seen = page(&town, &place, &town.wang).await;
    assert!(seen.contains("CT 1 PT 1 × 1") && seen.contains("CT 200/5 PT 1 × 40"), "{seen}");
    assert!(seen.contains("现按 1 kWh 结算，变更后按 40 kWh 结算"), "{seen}");
}
