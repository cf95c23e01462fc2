//! What the console shows of the whole site, asked of the API: lines, line loss, daily consumptions, events, settings; to an account
//! of some areas what is of these. (T16)

use std::path::Path;

use axum::body::Body;
use axum::http::{Method, StatusCode};
use chaobiao::config::Config;
use chaobiao::domain::{Id, PointRole};
use chaobiao::http;
use chaobiao::store::archive::Saving;
use chaobiao::store::{Batch, MeterEvent, Notes};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::bound::handed_over;
use crate::orders::{Town, entry};
use crate::rig::{Somebody, request};

/// What an account is answered, which has to be let in.
async fn asked(town: &Town, who: &Somebody, path: &str) -> Value {
    let answer = town.rig.get(path, Some(who)).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {answer:?}");
    answer.json()
}

/// A field of each thing in a list.
fn each(list: &Value, name: &str) -> Vec<Value> {
    list.as_array().unwrap().iter().map(|one| one[name].clone()).collect()
}

#[tokio::test]
async fn t16_lines_are_told_with_the_meters_of_ones_areas() {
    let town = Town::new().await;
    for (who, meters) in [(&town.li, 2), (&town.elsewhere[0], 1)] {
        let lines = asked(&town, who, "/api/v1/lines").await;
        let [line] = lines["lines"].as_array().unwrap().as_slice() else { panic!("{lines}") };
        assert_eq!(
            (&line["name"], &line["meters"], &line["state"], &line["is_terminal"]),
            (&json!("L1"), &json!(meters), &json!("not_configured"), &json!(false)),
            "{lines}"
        );
    }
    let nowhere = chaobiao::domain::access::Regions::Areas(Vec::new());
    let nowhere = town.rig.somebody("nowhere", chaobiao::domain::access::Role::Viewer, nowhere).await;
    let nowhere = town.rig.sign_in(nowhere).await;
    assert_eq!(asked(&town, &nowhere, "/api/v1/lines").await["lines"], json!([]));
}

#[tokio::test]
async fn t16_line_loss_is_told_of_ones_areas() {
    let town = Town::new().await;
    let mut check = entry(3);
    (check.point.role, check.point.area) = (PointRole::AreaCheck, Some("台区1".to_owned()));
    town.rig.services.store.save_archive(&[check], town.now(), Saving::Confirmed).await.unwrap();
    let loss = asked(&town, &town.li, "/api/v1/line_loss?days=2").await;
    assert_eq!(each(&loss["line_loss"], "transformer_area"), ["台区1", "台区1"], "{loss}");
    assert_eq!(each(&loss["line_loss"], "state"), ["incomplete", "incomplete"], "{loss}");
    assert!(each(&loss["line_loss"], "lost_kwh").iter().all(Value::is_null), "{loss}");
    assert_eq!(asked(&town, &town.elsewhere[0], "/api/v1/line_loss").await["line_loss"], json!([]));
    for odd in ["days=0", "days=32", "day=2026-11-31"] {
        let refused = town.rig.get(&format!("/api/v1/line_loss?{odd}"), Some(&town.li)).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{odd}: {refused:?}");
        assert!(refused.body.contains("`day"), "it says which: {refused:?}");
    }
}

#[tokio::test]
async fn t16_daily_consumptions_are_told_of_ones_areas() {
    let town = Town::new().await;
    let day = handed_over(&town).await;
    let far = &town.elsewhere[0];
    let path = format!("/api/v1/consumptions?day={day}");
    let all = asked(&town, &town.li, &path).await;
    assert_eq!(each(&all["consumptions"], "point"), ["P1", "P2"], "{all}");
    let first = &all["consumptions"][0];
    assert_eq!(
        (&first["value"], &first["unit"], &first["quality"], &first["version"]),
        (&json!("0.040000"), &json!("kWh"), &json!("ok"), &json!(1)),
        "{all}"
    );
    assert_eq!(first["lineage"]["parts"][0]["closing"]["value"], "0.1400", "{all}");
    assert_eq!(each(&asked(&town, far, &path).await["consumptions"], "point"), ["P2"]);

    // Page by page, and nothing twice.
    let one = asked(&town, &town.li, &format!("{path}&limit=1")).await;
    let cursor = one["meta"]["next_cursor"].as_str().unwrap();
    let next = asked(&town, &town.li, &format!("{path}&limit=1&cursor={cursor}")).await;
    assert_eq!(each(&next["consumptions"], "point"), ["P2"], "{next}");

    let of_point = format!("/api/v1/points/P1/consumptions?from={day}&until={day}&item=1.8.0");
    let mine = asked(&town, &town.li, &of_point).await;
    assert_eq!(each(&mine["consumptions"], "day"), [day.to_string()], "{mine}");
    let hidden = town.rig.get(&of_point, Some(far)).await;
    let unknown = town.rig.get("/api/v1/points/P9/consumptions", Some(&town.li)).await;
    assert_eq!(hidden.status, unknown.status, "as what there is not: {hidden:?}");
    assert!(hidden.status.is_client_error() && !hidden.body.contains("0.04"), "{hidden:?}");
    for odd in ["/api/v1/consumptions?cursor=x", "/api/v1/consumptions?item=x"] {
        assert_eq!(town.rig.get(odd, Some(&town.li)).await.status, StatusCode::BAD_REQUEST, "{odd}");
    }
}

#[tokio::test]
async fn t16_events_of_the_site_are_told_of_ones_areas_and_by_name() {
    let town = Town::new().await;
    let event = |meter, kind: &str, began: &str| MeterEvent {
        meter: Id::new(meter),
        kind: kind.to_owned(),
        began: began.to_owned(),
        record: "{\"values\":[]}".to_owned(),
        collected_at: town.now(),
    };
    let events = vec![
        event(1, "03110000", "2026-11-23 01:00:00"),
        event(1, "03300D00", "2026-11-23 02:00:00"),
        event(2, "03110000", "2026-11-23 03:00:00"),
    ];
    let notes = Notes { events, ..Notes::default() };
    town.rig.services.store.save(&Batch { notes, ..Batch::default() }, town.now()).await.unwrap();
    let all = asked(&town, &town.li, "/api/v1/events").await;
    assert_eq!(each(&all["events"], "name_zh"), ["掉电", "开表盖", "掉电"], "{all}");
    assert_eq!(all["events"][0]["address"], "000000000002", "the last first: {all}");
    assert!(!each(&all["events"], "name").contains(&json!("03110000")), "in both languages: {all}");
    let own = asked(&town, &town.elsewhere[0], "/api/v1/events").await;
    assert_eq!(each(&own["events"], "address"), ["000000000002"], "{own}");
    let kind = asked(&town, &town.li, "/api/v1/events?kind=03300D00&q=000000000001").await;
    assert_eq!(each(&kind["events"], "began"), ["2026-11-23 02:00:00"], "{kind}");

    let (mut cursor, mut began) = (String::new(), Vec::new());
    loop {
        let page = asked(&town, &town.li, &format!("/api/v1/events?limit=2{cursor}")).await;
        began.extend(each(&page["events"], "began"));
        let Some(next) = page["meta"]["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={}", next.replace(' ', "%20"));
    }
    assert_eq!(began, each(&all["events"], "began"), "page by page, nothing twice and nothing lost");
    let meter = asked(&town, &town.li, "/api/v1/meters/000000000001/events").await;
    assert!(each(&meter["events"], "name_zh").contains(&json!("开表盖")), "{meter}");
    let odd = town.rig.get("/api/v1/events?cursor=1~2", Some(&town.li)).await;
    assert_eq!(odd.status, StatusCode::BAD_REQUEST, "{odd:?}");
}

#[tokio::test]
async fn settings_are_told_with_what_holds_and_no_secret() {
    let town = Town::new().await;
    let text = "[database]\npath = \"a.db\"\n[collection]\npasses = 7\n";
    let loaded = Config::parse(Path::new("/etc/chaobiao/chaobiao.toml"), text).unwrap();
    let router = http::router(town.rig.services.clone().showing(loaded.effective.into()));
    let mut question = request(Method::GET, "/api/v1/settings", Some(&town.li)).body(Body::empty()).unwrap();
    question.extensions_mut().insert(http::Source("127.0.0.1".to_owned()));
    let answer = router.oneshot(question).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let answer = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    let of = |section: &str, key: &str| {
        let all = answer["settings"].as_array().unwrap();
        all.iter()
            .find(|one| one["section"] == section && one["key"] == key)
            .unwrap_or_else(|| panic!("{key}"))
    };
    let passes = of("collection", "passes");
    assert_eq!((&passes["value"], &passes["is_default"]), (&json!("7"), &json!(false)), "{passes}");
    assert!(!passes["expected_zh"].as_str().unwrap().is_empty(), "{passes}");
    assert_eq!(of("metrics", "listen")["value"], "\"127.0.0.1:9645\"", "who watches is answered by default");
    assert!(of("secrets", "key_file")["value"].is_null(), "{answer}");
}
