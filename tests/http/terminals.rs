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

    let audited = rig.audited().await;
    assert_eq!((audited["terminal.adopt"], audited["terminal.forget"]), (2, 1), "{audited:?}");
}
