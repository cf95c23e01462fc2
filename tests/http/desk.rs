//! Forms of the console that work without a script: what they do, what they refuse, and what is kept of both.

use axum::http::StatusCode;
use chaobiao::domain::access::Regions;
use chaobiao::domain::{Alarm, AlarmKind};

use serde_json::json;

use crate::orders::Town;
use crate::rig::{Answer, Somebody};

/// Where an answer leads on to.
pub(crate) fn led(answer: &Answer) -> &str {
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer:?}");
    answer.header("location")
}

pub(crate) async fn page(town: &Town, path: &str, who: &Somebody) -> String {
    let answer = town.rig.get(path, Some(who)).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {answer:?}");
    answer.body
}

/// The code that the second factor of somebody shows now. Each counts once, so time goes on.
pub(crate) fn code(town: &Town, who: &Somebody) -> String {
    town.code(who)["code"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_alarm_is_acknowledged_once_by_the_form_and_leads_back() {
    let town = Town::new().await;
    let store = &town.rig.services.store;
    let points = store.numbered_points(&["P1"], &Regions::All).await.unwrap();
    let alarm = Alarm::new(AlarmKind::OrderUnknown, "order 7", town.now()).in_area(points["P1"].area);
    let id = store.raise_alarm(&alarm).await.unwrap().id;
    let path = format!("/alarms/{id}/acknowledge");
    assert!(page(&town, "/alarms", &town.li).await.contains(&format!("action=\"{path}\"")));
    let far = &town.elsewhere[0];
    assert!(!page(&town, "/alarms", far).await.contains("工单7"), "it is of another region");
    let fields = [("note", "在查"), ("back", "/alarms?which=new")];
    assert_eq!(town.rig.form(&path, Some(far), &fields).await.status, StatusCode::NOT_FOUND);
    let mut told = town.rig.services.changes.follow();
    assert_eq!(led(&town.rig.form(&path, Some(&town.li), &fields).await), "/alarms?which=new");
    assert_eq!(told.borrow_and_update()[3], 1, "whoever watches is told");
    // Who comes second changes nothing, and nobody is led out of the console.
    let evil = [("note", "me too"), ("back", "//evil.test")];
    assert_eq!(led(&town.rig.form(&path, Some(&town.wang), &evil).await), "/");
    let taken = store.alarm(id, &Regions::All).await.unwrap().unwrap().acknowledged.unwrap();
    assert_eq!((taken.by.as_str(), taken.note.as_str()), ("li", "在查"));
    assert!(page(&town, "/alarms", &town.li).await.contains("在查"));
    let too_long = "长".repeat(501);
    let refused = town.rig.form(&path, Some(&town.li), &[("note", too_long.as_str())]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.body.contains("不得超过 500"), "{refused:?}");
    assert_eq!(town.rig.audited().await["alarm.acknowledge"], 1);
}

#[tokio::test]
async fn an_exchange_of_a_meter_goes_from_its_form_to_the_second_person() {
    let town = Town::new().await;
    let form = page(&town, "/proposals/new?change=exchange_meter&point=P1&removed=1", &town.li).await;
    assert!(form.contains("name=\"closing-1-0:1.8.0\"") && form.contains("value=\"P1\""), "{form}");
    let fields = |installed: &'static str, closing: &'static str| {
        [
            ("change", "exchange_meter"),
            ("point", "P1"),
            ("removed", "1"),
            ("installed", installed),
            ("protocol", "645-2007"),
            ("at", "2026-11-25T07:30"),
            ("closing-1-0:1.8.0", closing),
            ("opening-1-0:1.8.0", "0"),
            ("reason", "表坏"),
        ]
    };
    for (installed, closing, says) in
        [("1", "1", "新表与旧表相同"), ("9", "1.23456", "小数不超过"), ("x", "1", "通信地址")]
    {
        let refused = town.rig.form("/proposals", Some(&town.li), &fields(installed, closing)).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{refused:?}");
        assert!(refused.body.contains(says) && refused.body.contains("表坏"), "{says}: {refused:?}");
    }
    // A Modbus meter has a unit number and a register map.
    assert!(form.contains("value=\"modbus\""), "{form}");
    let mut modbus = fields("7000", "1");
    modbus[4].1 = "modbus";
    let refused = town.rig.form("/proposals", Some(&town.li), &modbus).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{refused:?}");
    assert!(refused.body.contains("单元号 001 至 247") && refused.body.contains("寄存器表"), "{refused:?}");
    let later = town
        .rig
        .form(
            "/proposals",
            Some(&town.li),
            &[
                ("change", "change_transformers"),
                ("point", "P1"),
                ("ct", "200/5"),
                ("vt", "1"),
                ("from", "2027-01-01T00:00"),
                ("reason", "x"),
            ],
        )
        .await;
    assert!(later.body.contains("时间在将来"), "{later:?}");
    let elsewhere = town.rig.form("/proposals", Some(&town.elsewhere[0]), &fields("9", "1")).await;
    assert_eq!(elsewhere.status, StatusCode::NOT_FOUND, "the point is of another region");

    let place = led(&town.rig.form("/proposals", Some(&town.li), &fields("9", "123.4567")).await).to_owned();
    let own = page(&town, &place, &town.li).await;
    assert!(
        own.contains("123.4567 kWh") && !own.contains("/confirm\"") && own.contains("/withdraw\""),
        "{own}"
    );
    assert_eq!(town.rig.get(&place, Some(&town.elsewhere[1])).await.status, StatusCode::NOT_FOUND);
    let confirm = format!("{place}/confirm");
    let wrong = town.rig.form(&confirm, Some(&town.wang), &[("code", "000000")]).await;
    assert!(wrong.status.is_client_error() && wrong.body.contains("待第二人确认"), "{wrong:?}");
    let (right, judged) = (code(&town, &town.wang), town.rig.judged());
    assert_eq!(led(&town.rig.form(&confirm, Some(&town.wang), &[("code", &right)]).await), place);
    assert!(judged.has_changed().unwrap(), "cuts that are about to leave are judged once more (F45)");
    assert!(page(&town, &place, &town.li).await.contains("已确认并生效"));
    let points = town.rig.services.store.numbered_points(&["P1"], &Regions::All).await.unwrap();
    let meter = town.rig.services.store.meter_with("9".parse().unwrap()).await.unwrap();
    assert_eq!(points["P1"].meter, meter, "and the other meter is there");
    let late = town.rig.form(&format!("{place}/refuse"), Some(&town.zhao), &[]).await;
    assert_eq!(late.status, StatusCode::CONFLICT);
    assert!(
        page(&town, "/proposals", &town.wang).await.contains("000000000001 → 9")
            || page(&town, "/proposals", &town.wang).await.contains("1 → 9")
    );
    let audited = town.rig.audited().await;
    assert_eq!((audited["proposal.propose"], audited["proposal.confirm"]), (1, 1));
}

#[tokio::test]
async fn a_proposed_change_is_refused_by_another_or_taken_back_by_its_own_person() {
    let town = Town::new().await;
    let fields = [
        ("change", "change_transformers"),
        ("point", "P1"),
        ("ct", "200/5"),
        ("vt", "1"),
        ("from", "2026-11-24T00:00"),
        ("reason", "扩容"),
    ];
    let first = led(&town.rig.form("/proposals", Some(&town.li), &fields).await).to_owned();
    assert_eq!(led(&town.rig.form(&format!("{first}/refuse"), Some(&town.wang), &[]).await), first);
    assert!(page(&town, &first, &town.li).await.contains("不同意"));
    let second = led(&town.rig.form("/proposals", Some(&town.li), &fields).await).to_owned();
    let other = town.rig.form(&format!("{second}/withdraw"), Some(&town.wang), &[]).await;
    assert_eq!(other.status, StatusCode::FORBIDDEN);
    assert_eq!(led(&town.rig.form(&format!("{second}/withdraw"), Some(&town.li), &[]).await), second);
    assert!(page(&town, &second, &town.li).await.contains("已撤回"));
    let none = town
        .rig
        .form(
            "/proposals",
            Some(&town.li),
            &[("change", "decide_review"), ("review", "77"), ("accept", "yes"), ("reason", "x")],
        )
        .await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    let unsaid = town
        .rig
        .form("/proposals", Some(&town.li), &[("change", "decide_review"), ("review", "77"), ("reason", "x")])
        .await;
    assert!(unsaid.body.contains("请选择是否采用该值"), "{unsaid:?}");
}

/// STOP holds whatever is typed beside it, and every page can show why.
#[tokio::test]
async fn f52_stop_is_pressed_with_any_reason_and_pages_stay_small() {
    let town = Town::new().await;
    let reason = format!("a\u{0}b\nc{}", "x".repeat(200_000));
    assert_eq!(led(&town.rig.form("/stop", Some(&town.li), &[("reason", &reason)]).await), "/orders");
    let halts = town.rig.services.store.halts().await.unwrap();
    assert!(
        halts[0].reason.starts_with("a b cxxx") && halts[0].reason.ends_with('…'),
        "{}",
        halts[0].reason.len()
    );
    assert_eq!(halts[0].reason.chars().count(), 501);
    assert!(page(&town, "/orders", &town.wang).await.len() < 60_000);
    let again = town.post("/api/v1/stop/press", &town.li, &json!({ "reason": reason })).await;
    assert_eq!(
        (again.status, &again.json()["stop"]["is_stopped"]),
        (StatusCode::OK, &json!(true)),
        "{again:?}"
    );
}

#[tokio::test]
async fn settings_show_what_holds_to_all_and_no_customer_and_no_secret() {
    let town = Town::new().await;
    for who in [&town.admin, &town.li, &town.wang] {
        let text = page(&town, "/settings", who).await;
        assert!(text.contains("停电上限") && text.contains("chaobiao config check"), "{text}");
        assert!(!text.contains("客户1"), "{text}");
    }
    assert_eq!(town.rig.get("/settings", Some(&town.billing)).await.status, StatusCode::FORBIDDEN);
    let none = town.rig.form("/again", Some(&town.li), &[("run", "1")]).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND, "there was no such run: {none:?}");
}

#[tokio::test]
async fn f52_stop_is_lifted_by_the_page_with_the_second_factor_of_two_approvers() {
    let town = Town::new().await;
    assert_eq!(led(&town.rig.form("/stop", Some(&town.li), &[("reason", "drill")]).await), "/orders");
    let without = town.rig.form("/stop/lift", Some(&town.wang), &[]).await;
    assert!(without.status.is_client_error(), "{without:?}");
    assert!(
        without.body.contains("<h1>停复电工单</h1>") && without.body.contains("停复电工单"),
        "its form is there again: {without:?}"
    );
    assert!(
        without.body.contains("动态口令") && !without.body.contains("请求编号"),
        "and says why: {without:?}"
    );
    for who in [&town.wang, &town.zhao] {
        assert!(!town.rig.services.store.halts().await.unwrap().is_empty());
        let right = code(&town, who);
        assert_eq!(led(&town.rig.form("/stop/lift", Some(who), &[("code", &right)]).await), "/orders");
    }
    assert!(town.rig.services.store.halts().await.unwrap().is_empty());
}
