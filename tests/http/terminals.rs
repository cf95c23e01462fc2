//! Terminals by page and by API: taken in, shown, let go, and who may.

use axum::http::{Method, StatusCode};
use chaobiao::domain::access::Role;

use crate::desk::led;
use crate::rig::Rig;

#[tokio::test]
async fn a_terminal_is_taken_in_shown_and_let_go() {
    let rig = Rig::new().await;
    let (li, he) = (rig.signed_in("li", Role::Operator).await, rig.signed_in("he", Role::Viewer).await);
    let adopt = "/api/v1/terminals/1100-3039/adopt";
    let refused = rig.json(Method::POST, adopt, Some(&he), "{}").await;
    assert_eq!(refused.code(), "not_allowed");
    let wrong = rig.json(Method::POST, "/api/v1/terminals/1100/adopt", Some(&li), "{}").await;
    assert_eq!(
        (wrong.status, wrong.code()),
        (StatusCode::UNPROCESSABLE_ENTITY, "terminal_address".to_owned())
    );
    let done = rig.json(Method::POST, adopt, Some(&li), r#"{"name":"滨河1号台区"}"#).await;
    assert_eq!(done.status, StatusCode::NO_CONTENT, "{done:?}");

    let listed = rig.get("/api/v1/terminals", Some(&he)).await.json();
    assert_eq!(
        (&listed["meta"]["count"], &listed["terminals"][0]["address"]),
        (&1.into(), &"1100-3039".into())
    );
    assert_eq!(listed["terminals"][0]["adopted_by"], "li");
    let one = rig.get("/api/v1/terminals/1100-3039", Some(&he)).await.json();
    assert_eq!(
        (&one["terminal"]["is_online"], &one["terminal"]["name"]),
        (&false.into(), &"滨河1号台区".into())
    );
    assert!(one["terminal"].as_object().unwrap().contains_key("link"));
    assert_eq!(one["terminal"]["link"], serde_json::Value::Null, "this process serves no terminals");
    assert_eq!(rig.get("/api/v1/terminals/1100-3040", Some(&he)).await.status, StatusCode::NOT_FOUND);
    assert_eq!(rig.get("/api/v1/terminals/unknown", Some(&he)).await.json()["meta"]["count"], 0);

    // The pages say the same, and their forms do the same.
    assert!(rig.get("/terminals", Some(&he)).await.body.contains("滨河1号台区"));
    let page = rig.get("/terminals/1100-3039", Some(&li)).await.body;
    assert!(page.contains("从未登录") && page.contains("/terminals/1100-3039/forget"), "{page}");
    let fields = [("address", "1100-0007"), ("name", "<b>门</b>")];
    assert_eq!(led(&rig.form("/terminals", Some(&li), &fields).await), "/terminals");
    assert!(!rig.get("/terminals", Some(&li)).await.body.contains("<b>门"));
    let wrong = rig.form("/terminals", Some(&li), &[("address", "x")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.body.contains("终端地址为"), "{wrong:?}");
    assert_eq!(led(&rig.form("/terminals/1100-0007/forget", Some(&li), &[]).await), "/terminals");
    let gone = rig.json(Method::POST, "/api/v1/terminals/1100-0007/forget", Some(&li), "{}").await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    let unserved = rig.json(Method::POST, "/api/v1/terminals/1100-3039/clock", Some(&li), "{}").await;
    assert_eq!(unserved.code(), "no_terminals");

    let archive = "/api/v1/terminals/1100-3039/archive";
    let reason = r#"{"reason":"records differ"}"#;
    assert_eq!(rig.json(Method::POST, archive, Some(&he), reason).await.code(), "not_allowed");
    assert_eq!(rig.json(Method::POST, archive, Some(&li), reason).await.code(), "no_terminals");
    assert_eq!(rig.json(Method::POST, archive, Some(&li), r#"{"reason":" "}"#).await.code(), "text_missing");
    let page = "/terminals/1100-3039/archive";
    let wrong = rig.form(page, Some(&li), &[("points", "1，2x"), ("reason", "差异")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.body.contains("“2x”不是测量点号"), "{wrong:?}");

    let audited = rig.audited().await;
    assert_eq!((audited["terminal.adopt"], audited["terminal.forget"]), (2, 1), "{audited:?}");
}

/// One record more in a terminal's list, as the API writes it.
fn record(terminal: &str, number: u16, meter: &str) -> String {
    let after = serde_json::json!({
        "point": 1, "address": meter, "port": 31, "baud": 2400, "protocol": 30, "tariffs": 4, "integer_digits": 6,
        "decimal_digits": 2, "collector": "000000000000", "class": 5, "sub_class": 0,
    });
    let changes = [serde_json::json!({ "number": number, "before": null, "after": after })];
    let change =
        serde_json::json!({ "change": "set_terminal_archive", "terminal": terminal, "changes": changes });
    serde_json::json!({ "reason": "records differ", "change": change }).to_string()
}

#[tokio::test]
async fn records_of_a_terminal_that_cannot_be_are_refused_with_their_reasons() {
    let rig = Rig::new().await;
    let li = rig.signed_in("li", Role::Operator).await;
    let propose = async |body: String| rig.json(Method::POST, "/api/v1/proposals", Some(&li), &body).await;
    for (body, code) in [
        (record("x", 1, "000000000001"), "terminal_address"),
        (record("1100-3039", 2041, "000000000001"), "record_range"),
        (record("1100-3039", 1, "1"), "record_range"),
    ] {
        let refused = propose(body).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{refused:?}");
        let reasons: Vec<_> =
            refused.json()["reasons"].as_array().unwrap().iter().map(|r| r["code"].clone()).collect();
        assert_eq!(reasons, [code]);
    }
    // No meter of ours is behind it.
    assert_eq!(propose(record("1100-3039", 1, "000000000001")).await.status, StatusCode::NOT_FOUND);
    let unknown = record("1100-3039", 1, "000000000001").replace("\"port\"", "\"password\"");
    assert!(propose(unknown).await.status.is_client_error());
}
