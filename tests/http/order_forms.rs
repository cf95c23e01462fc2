//! Orders from the draft to their end, at the forms of the console and over the API.

use axum::http::StatusCode;
use chaobiao::domain::supply::Reason;
use serde_json::json;

use crate::desk::{led, page};
use crate::orders::{Town, number};

/// What is typed is taken whole or not at all, and no text makes pages that nobody can load.
#[tokio::test]
async fn i19_more_points_than_a_form_takes_and_texts_that_nobody_reads_are_refused() {
    let town = Town::new().await;
    let long = "长".repeat(501);
    let many: Vec<String> =
        std::iter::once("P1".to_owned()).chain((0..10_000).map(|one| format!("X{one}"))).collect();
    let many = many.join("\n");
    for (kind, points, text, says) in [
        ("close_permit", many.as_str(), "", "10000"),
        ("hold_on", many.as_str(), "", "10000"),
        ("close_permit", "P1", long.as_str(), "不得超过 500"),
        ("close_permit", "P1", "a\u{0}b", "控制字符"),
    ] {
        let fields = [("kind", kind), ("points", points), ("reason", "settled"), ("text", text)];
        let refused = town.rig.form("/orders", Some(&town.li), &fields).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{kind}");
        assert!(refused.body.contains(says), "{kind} {says}");
    }
    let fields = [("points", many.as_str()), ("kind", "medical"), ("reason", "x")];
    let refused = town.rig.form("/protections", Some(&town.li), &fields).await;
    assert!(refused.status == StatusCode::UNPROCESSABLE_ENTITY && refused.body.contains("未录入任何一个"));
    let orders = town.rig.get("/api/v1/orders", Some(&town.li)).await.json();
    assert_eq!(orders["meta"]["count"], 0, "{orders}");
    let most = many.rsplit_once('\n').unwrap().0;
    let fields =
        [("kind", "close_permit"), ("points", most), ("reason", "settled"), ("text", "两行\r\n都行")];
    let taken = town.rig.form("/orders", Some(&town.li), &fields).await;
    assert_eq!(taken.status, StatusCode::SEE_OTHER, "ten thousand are taken");
}

#[tokio::test]
async fn t17_an_order_is_written_changed_and_handed_in_and_a_change_makes_its_approval_void() {
    let town = Town::new().await;
    town.make_ready().await;
    let fields = [
        ("kind", "cut"),
        ("points", "P1"),
        ("reason", "arrears"),
        ("text", "欠费"),
        ("from", "2026-11-25T10:00"),
        ("until", "2026-11-25T12:00"),
    ];
    let mut drafted = fields.to_vec();
    drafted.push(("then", "draft"));
    let place = led(&town.rig.form("/orders", Some(&town.li), &drafted).await).to_owned();
    let far = town.rig.form("/orders", Some(&town.elsewhere[0]), &drafted).await;
    assert!(far.status == StatusCode::UNPROCESSABLE_ENTITY && far.body.contains("没有这些计量点"), "{far:?}");
    let draft = page(&town, &place, &town.li).await;
    assert!(draft.contains("草稿") && draft.contains(&format!("{place}/submit")), "{draft}");
    assert!(
        draft.contains("配置中没有线路 L1"),
        "what cannot be cut is said before it is handed in: {draft}"
    );
    let handed = town.rig.form(&format!("{place}/submit"), Some(&town.li), &[]).await;
    assert_eq!(handed.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(handed.body.contains("此表不能由主站停电"), "{handed:?}");
    assert_eq!(
        town.rig.form(&format!("{place}/submit"), Some(&town.wang), &[]).await.status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        town.rig.get(&format!("{place}/edit"), Some(&town.elsewhere[0])).await.status,
        StatusCode::NOT_FOUND
    );

    // One that waits and is approved; it was handed in to the store itself, as the rig has no line.
    let id = town.submitted(&town.li, Reason::Arrears).await;
    let place = format!("/orders/{id}");
    assert_eq!(town.approve(id, &town.wang).await.json()["order"]["state"], "approved");
    let form = page(&town, &format!("{place}/edit"), &town.li).await;
    let seen = form.split("name=\"seen\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let mut changed = fields.to_vec();
    let none = town.rig.form(&format!("{place}/edit"), Some(&town.li), &changed).await;
    assert_eq!(none.status, StatusCode::PRECONDITION_FAILED, "what was not seen is not changed");
    changed.push(("seen", &seen));
    changed.retain(|(name, _)| *name != "points");
    changed.push(("points", "P9"));
    let unknown = town.rig.form(&format!("{place}/edit"), Some(&town.li), &changed).await;
    assert!(unknown.status == StatusCode::UNPROCESSABLE_ENTITY && unknown.body.contains("P9"), "{unknown:?}");
    changed.retain(|(name, _)| *name != "points");
    changed.push(("points", "P1"));
    assert_eq!(led(&town.rig.form(&format!("{place}/edit"), Some(&town.li), &changed).await), place);
    let order = town.order(id).await.json()["order"].clone();
    assert_eq!((&order["state"], &order["text"]), (&json!("draft"), &json!("欠费")));
    assert!(order["approvals"][0]["ended_at"].is_string(), "{order}");
    let stale = town.rig.form(&format!("{place}/edit"), Some(&town.li), &changed).await;
    assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED);
    let restore = [("kind", "close_permit"), ("points", "P1"), ("reason", "settled"), ("then", "draft")];
    let refused = town.rig.form("/orders", Some(&town.li), &restore).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "what gives supply back is never a draft");
}

#[tokio::test]
async fn t17_an_approval_is_withdrawn_by_its_own_person_and_an_order_closed_once_it_has_ended() {
    let town = Town::new().await;
    town.make_ready().await;
    let id = town.submitted(&town.li, Reason::Arrears).await;
    let place = format!("/orders/{id}");
    town.approve(id, &town.wang).await;
    assert!(page(&town, &place, &town.wang).await.contains(&format!("{place}/withdraw")));
    assert!(!page(&town, &place, &town.zhao).await.contains(&format!("{place}/withdraw")));
    let other = town.rig.form(&format!("{place}/withdraw"), Some(&town.zhao), &[]).await;
    assert_eq!(other.status, StatusCode::CONFLICT, "{other:?}");
    assert_eq!(led(&town.rig.form(&format!("{place}/withdraw"), Some(&town.wang), &[]).await), place);
    assert_eq!(town.order(id).await.json()["order"]["state"], "submitted");
    let early = town.rig.form(&format!("{place}/finish"), Some(&town.li), &[]).await;
    assert_eq!(early.status, StatusCode::CONFLICT);
    let unsent = town.rig.form(&format!("{place}/report"), Some(&town.li), &[("text", "x")]).await;
    assert_eq!(unsent.status, StatusCode::CONFLICT, "nothing was sent, and no report is due");
    assert!(
        town.rig.get(&format!("/api/v1/orders/{id}/report"), Some(&town.li)).await.json()["report"].is_null()
    );
}

#[tokio::test]
async fn t17_by_the_api_a_draft_is_changed_as_it_was_seen_and_a_hold_shows_who_may_trip() {
    let town = Town::new().await;
    town.protect().await;
    let until = town.now().plus(std::time::Duration::from_secs(4 * 3600)).to_string();
    let body = |text: &str| json!({ "kind": "hold_off", "reason": "protection_over", "text": text, "points": ["P1"], "until": until });
    let restore = json!({ "kind": "close_permit", "reason": "settled", "points": ["P1"] });
    assert_eq!(town.post("/api/v1/orders/drafts", &town.li, &restore).await.code(), "no_draft");
    assert_eq!(town.post("/api/v1/orders/drafts", &town.wang, &body("x")).await.code(), "not_allowed");
    let key = ("idempotency-key", "2026-11-25/draft/1");
    let made = town.post_with("/api/v1/orders/drafts", &town.li, key, &body("高考结束")).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let again = town.post_with("/api/v1/orders/drafts", &town.li, key, &body("高考结束")).await;
    assert_eq!(again.json(), made.json());
    let id = number(&made.json()["id"]);
    let seen = town.order(id).await;
    assert_eq!(seen.json()["order"]["state"], "draft");
    let path = format!("/api/v1/orders/{id}");
    let put = async |tag: &str, body: &serde_json::Value| {
        let request = crate::rig::request(axum::http::Method::PUT, &path, Some(&town.li))
            .header("content-type", "application/json")
            .header("x-csrf-token", &town.li.csrf)
            .header("if-match", tag);
        town.rig.send(request.body(axum::body::Body::from(body.to_string())).unwrap()).await
    };
    let other = format!("\"{}\"", "0".repeat(64));
    assert_eq!(put(&other, &body("y")).await.status, StatusCode::PRECONDITION_FAILED);
    let tag = seen.header("etag").to_owned();
    let changed = put(&tag, &body("高考已结束")).await;
    assert_eq!((changed.status, &changed.json()["order"]["text"]), (StatusCode::OK, &json!("高考已结束")));
    assert_eq!(put(&tag, &body("z")).await.status, StatusCode::PRECONDITION_FAILED, "it was changed since");
    let handed = town.post(&format!("{path}/submit"), &town.li, &json!({})).await;
    assert_eq!((handed.status, handed.code()), (StatusCode::UNPROCESSABLE_ENTITY, "objected".to_owned()));
    assert_eq!(town.post(&format!("{path}/finish"), &town.li, &json!({})).await.status, StatusCode::CONFLICT);

    let preview = town.rig.get(&format!("{path}/preview"), Some(&town.wang)).await.json();
    assert_eq!((&preview["may_trip"], &preview["cannot_be_ordered"]), (&json!(1), &json!(1)), "{preview}");
    let end = &preview["points"][0]["hold_end"];
    assert_eq!((&end["may_trip"], &end["prepaid"]), (&json!(true), &serde_json::Value::Null), "{preview}");
    let far = &town.elsewhere[0];
    for what in ["preview", "report"] {
        assert_eq!(town.rig.get(&format!("{path}/{what}"), Some(far)).await.status, StatusCode::NOT_FOUND);
    }
    for what in ["submit", "finish"] {
        let answer = town.post(&format!("{path}/{what}"), far, &json!({})).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{what}");
    }
    let shown = page(&town, &format!("/orders/{id}"), &town.wang).await;
    assert!(shown.contains("可能立即跳闸") && shown.contains("从未读到状态字"), "{shown}");
}

#[tokio::test]
async fn i12_one_wrong_number_keeps_nobody_waiting_for_supply_at_the_console() {
    let town = Town::new().await;
    for (kind, reason, text) in [
        ("close_permit", "other", ""),
        ("direct_close", "other", "现场确认"),
        ("hold_on", "protection", "高考"),
    ] {
        let asked = [("kind", kind), ("points", "P1, P9 P2 P1"), ("reason", reason), ("text", text)];
        let place = led(&town.rig.form("/orders", Some(&town.wang), &asked).await).to_owned();
        let shown = page(&town, &place, &town.wang).await;
        assert!(shown.contains("未列入本工单") && shown.contains("P9"), "{kind}: {shown}");
        let id: i64 = place.trim_start_matches("/orders/").split('?').next().unwrap().parse().unwrap();
        let order = town.order(id).await.json();
        let points = order["order"]["points"].as_array().unwrap().len();
        assert_eq!((points, &order["order"]["kind"]), (2, &json!(kind)), "{order}");
    }
    let nobody = [("kind", "close_permit"), ("points", "P8 P9"), ("reason", "other")];
    let refused = town.rig.form("/orders", Some(&town.wang), &nobody).await;
    assert!(refused.status == StatusCode::UNPROCESSABLE_ENTITY && refused.body.contains("P8"), "{refused:?}");
}
