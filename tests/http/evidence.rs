//! What a station enters by hand and by list, at the forms of the console.

use axum::http::StatusCode;

use crate::desk::{led, page};
use crate::orders::Town;
use crate::rig::Somebody;

#[tokio::test]
async fn what_a_station_enters_by_hand_is_what_the_rules_go_by() {
    let town = Town::new().await;
    let enter = async |what: &str, fields: &[(&str, &str)]| {
        let mut all = vec![("point", "P1")];
        all.extend(fields);
        town.rig.form(&format!("/evidence/{what}"), Some(&town.li), &all).await
    };
    let notice = [("kind", "cut"), ("given_at", "2026-11-15T10:00"), ("how", "张贴"), ("given_by", "李")];
    assert_eq!(led(&enter("notices", &notice).await), "/evidence?point=P1");
    let owed = [("amount", "123.45"), ("since", "2026-10-01T00:00"), ("as_of", "2026-11-20T00:00")];
    assert_eq!(led(&enter("arrears", &owed).await), "/evidence?point=P1");
    let checked =
        [("meter", "1"), ("verified_at", "2026-11-20T09:00"), ("verified_by", "李"), ("crossed", "no")];
    assert_eq!(led(&enter("identities", &checked).await), "/evidence?point=P1");
    let paid = [("amount", "100"), ("paid_at", "2026-11-21T09:00"), ("reference", "N1")];
    assert_eq!(led(&enter("payments", &paid).await), "/evidence?point=P1");
    let shown = page(&town, "/evidence?point=P1", &town.wang).await;
    for part in ["23.45", "张贴", "N1", "配置中没有线路 L1"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(!shown.contains("/orders/new"), "what cannot be cut from here is not offered");
    let answer = town.rig.get("/api/v1/points/P1/evidence", Some(&town.wang)).await.json();
    let evidence = &answer["evidence"];
    assert_eq!(
        (evidence["arrears"]["left_yuan"].as_str(), evidence["payments"][0]["reference"].as_str()),
        (Some("23.45"), Some("N1")),
        "{answer}"
    );
    assert_eq!(
        (evidence["orderable"]["can_be_ordered"].as_bool(), evidence["orderable"]["code"].as_str()),
        (Some(false), Some("no_line")),
        "{answer}"
    );
    assert_eq!(evidence["identity"]["is_current"], true);
    assert_eq!(evidence["terms"]["notice_least_seconds"], 7 * 86_400);

    for (what, fields, says) in [
        (
            "notices",
            [("kind", "cut"), ("given_at", "2027-01-01T00:00"), ("how", "x"), ("given_by", "x")],
            "时间不得在将来",
        ),
        (
            "payments",
            [("amount", "0"), ("paid_at", "2026-11-21T09:00"), ("reference", "N2"), ("x", "x")],
            "金额须大于零",
        ),
        (
            "identities",
            [("meter", "77"), ("verified_at", "2026-11-20T09:00"), ("verified_by", "x"), ("x", "x")],
            "没有这块电能表",
        ),
        (
            "arrears",
            [("amount", "1.234"), ("since", "2026-10-01T00:00"), ("as_of", "2026-11-20T00:00"), ("x", "x")],
            "小数不超过",
        ),
    ] {
        let refused = enter(what, &fields).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{refused:?}");
        assert!(refused.body.contains(says), "{says}: {refused:?}");
    }
    let far = &town.elsewhere[0];
    let mut fields = vec![("point", "P1")];
    fields.extend(notice);
    assert_eq!(town.rig.form("/evidence/notices", Some(far), &fields).await.status, StatusCode::NOT_FOUND);
    assert!(
        page(&town, "/evidence?point=P1", far).await.contains("没有这个计量点"),
        "it is of another region"
    );
    assert_eq!(town.rig.get("/api/v1/points/P1/evidence", Some(far)).await.status, StatusCode::NOT_FOUND);
    let audited = town.rig.audited().await;
    for action in ["evidence.notice", "evidence.arrears", "evidence.identity", "evidence.payment"] {
        assert_eq!(audited[action], 1, "{action}");
    }
}

#[tokio::test]
async fn lists_are_pasted_as_the_commands_read_them_and_taken_whole() {
    let town = Town::new().await;
    let load = async |who: &Somebody, which: &str, list: &str| {
        town.rig.form("/evidence/load", Some(who), &[("which", which), ("list", list)]).await
    };
    let owed =
        "户号,欠费起始日,欠费金额,截至日期\nC1,2026-10-01,123.45,2026-11-20\nC2,2026-10-02,6,2026-11-20\n";
    assert_eq!(led(&load(&town.li, "arrears", owed).await), "/evidence");
    assert!(page(&town, "/overdue", &town.li).await.contains("123.45"));
    let notices = page(&town, "/overdue/notices?from=2026-12-10T09:00&points=C1,P1", &town.li).await;
    assert!(notices.contains("123.45") && notices.contains("2026-12-10 09:00:00"), "{notices}");
    assert_eq!(notices.matches("new-page").count(), 1, "only the point that was named");
    assert!(!page(&town, "/overdue/notices", &town.elsewhere[0]).await.contains("123.45"));
    assert_eq!(load(&town.elsewhere[0], "arrears", owed).await.status, StatusCode::FORBIDDEN);
    let paid = "户号,缴费流水号,缴费金额,缴费时间\nC2,N1,6,2026-11-21\nC9,N2,1,2026-11-21\n";
    let refused = load(&town.li, "payments", paid).await;
    assert!(refused.body.contains("第 3 行 = C9") && refused.body.contains("未做任何更改"), "{refused:?}");
    assert!(page(&town, "/overdue", &town.li).await.contains("C2"), "nothing of it was taken");
    assert_eq!(led(&load(&town.li, "payments", &paid.replace("C9", "C1")).await), "/evidence");
    // What has not happened is no evidence: every line that tells of it is named.
    for (which, list, lines) in [
        (
            "arrears",
            owed.replace("2026-11-20", "2026-12-31"),
            "第 2 行 = 2026-12-31 00:00:00 应为不晚于当前的时间",
        ),
        (
            "payments",
            paid.replace("C9", "C1").replace("C1,N2,1,2026-11-21", "C1,N3,1,2027-11-21"),
            "第 3 行 = 2027-11-21",
        ),
        (
            "notices",
            "point_number,kind,given_at,how,given_by\nP1,second,2026-11-26 10:30,短信,李\n".into(),
            "第 2 行 = 2026-11-26",
        ),
        (
            "identities",
            "计量点编号,通信地址,核对时间,核对人\nP1,1,2026-12-01,李\n".into(),
            "第 2 行 = 2026-12-01",
        ),
    ] {
        let refused = load(&town.li, which, &list).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{which}: {refused:?}");
        assert!(
            refused.body.contains(lines) && refused.body.contains("不晚于当前的时间"),
            "{which}: {refused:?}"
        );
    }
    let told = "point_number,kind,given_at,how,given_by\nP1,催费,2026-11-01 10:30,短信,李\nP2,cut,2026-11-02,张贴,李\n";
    assert_eq!(led(&load(&town.li, "notices", told).await), "/evidence");
    let seen = "计量点编号,通信地址,核对时间,核对人,串户\nP1,1,2026-11-01,李,是\n";
    assert_eq!(led(&load(&town.li, "identities", seen).await), "/evidence");
    assert!(page(&town, "/evidence?point=P1", &town.li).await.contains("串户"));
    assert_eq!(load(&town.li, "meters", "x").await.status, StatusCode::NOT_FOUND);
    assert_eq!(load(&town.li, "protections", "x").await.status, StatusCode::UNPROCESSABLE_ENTITY);
}
