//! Forms of the console that work without a script: what they do, what they refuse, and what is kept of both.

use axum::http::StatusCode;
use chaobiao::domain::access::Regions;
use chaobiao::domain::supply::Reason;
use chaobiao::domain::{Alarm, AlarmKind};

use serde_json::json;

use crate::orders::Town;
use crate::rig::{Answer, Somebody};

/// Where an answer leads on to.
pub(crate) fn led(answer: &Answer) -> &str {
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer:?}");
    answer.header("location")
}

async fn page(town: &Town, path: &str, who: &Somebody) -> String {
    let answer = town.rig.get(path, Some(who)).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {answer:?}");
    answer.body
}

/// The code that the second factor of somebody shows now. Each counts once, so time goes on.
fn code(town: &Town, who: &Somebody) -> String {
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
    let right = code(&town, &town.wang);
    assert_eq!(led(&town.rig.form(&confirm, Some(&town.wang), &[("code", &right)]).await), place);
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

#[tokio::test]
async fn a_point_is_protected_by_one_and_given_free_by_two_approvers() {
    let town = Town::new().await;
    let fields = [("points", "P1"), ("kind", "medical"), ("reason", "呼吸机")];
    let far = town.rig.form("/protections", Some(&town.elsewhere[0]), &fields).await;
    assert_eq!(far.status, StatusCode::NOT_FOUND, "{far:?}");
    assert!(far.body.contains("P1") && far.body.contains("呼吸机"), "what was typed is there: {far:?}");
    for (field, value, says) in
        [("kind", "x", "应为"), ("until", "2026-01-01T00:00", "截止时间须在将来"), ("points", " ", "未填")]
    {
        let mut wrong = fields.to_vec();
        wrong.retain(|(name, _)| *name != field);
        wrong.push((field, value));
        let refused = town.rig.form("/protections", Some(&town.li), &wrong).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{refused:?}");
        assert!(refused.body.contains(says), "{says}: {refused:?}");
    }
    assert_eq!(led(&town.rig.form("/protections", Some(&town.li), &fields).await), "/protections");
    let shown = page(&town, "/protections", &town.wang).await;
    assert!(shown.contains("呼吸机") && shown.contains("一律不得停电"), "no list was loaded yet: {shown}");
    assert!(!page(&town, "/protections", &town.elsewhere[0]).await.contains("呼吸机"));
    let record = town.rig.services.store.protections(None).await.unwrap().remove(0);
    let end = format!("/protections/{}/end", record.id);
    let wrong = town.rig.form(&end, Some(&town.wang), &[("code", "000000")]).await;
    assert!(wrong.status.is_client_error(), "{wrong:?}");
    assert_eq!(
        town.rig.form(&end, Some(&town.elsewhere[1]), &[("code", "1")]).await.status,
        StatusCode::NOT_FOUND
    );
    for _ in 0..2 {
        let right = code(&town, &town.wang);
        assert_eq!(led(&town.rig.form(&end, Some(&town.wang), &[("code", &right)]).await), "/protections");
    }
    assert!(
        page(&town, "/protections", &town.zhao).await.contains("已同意结束：wang"),
        "once is not enough, nor twice"
    );
    let right = code(&town, &town.zhao);
    led(&town.rig.form(&end, Some(&town.zhao), &[("code", &right)]).await);
    assert!(!page(&town, "/protections", &town.zhao).await.contains("呼吸机"));
    assert!(page(&town, "/protections?which=all", &town.zhao).await.contains("已结束"));
    assert_eq!(town.rig.form(&end, Some(&town.zhao), &[]).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_list_of_protected_points_is_taken_whole_and_a_faulty_one_keeps_all_cuts_back() {
    let town = Town::new().await;
    let load = async |list: &str| town.rig.form("/protections/load", Some(&town.li), &[("list", list)]).await;
    let faulty = load("计量点编号,保护类别,保护原因\nP1,医疗依赖,呼吸机\nP9,医院,市二院\n").await;
    assert_eq!(faulty.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        faulty.body.contains("3 = P9") && faulty.body.contains("市二院"),
        "the line, and what was pasted: {faulty:?}"
    );
    assert!(town.rig.services.store.protections(None).await.unwrap().is_empty(), "nothing of it was taken");
    assert_eq!(led(&load("计量点编号,保护类别,保护原因\nP2,医院,市二院\n").await), "/protections");
    assert!(!page(&town, "/protections", &town.li).await.contains("一律不得停电"));
    load("").await;
    assert!(
        page(&town, "/protections", &town.li).await.contains("一律不得停电"),
        "an empty list protects everybody"
    );
    let part = town.rig.form("/protections/load", Some(&town.elsewhere[0]), &[("list", "x")]).await;
    assert_eq!(part.status, StatusCode::FORBIDDEN, "who sees a part loads no list of the whole");
}

#[tokio::test]
async fn days_without_cuts_are_entered_one_by_one_by_stretch_and_by_list() {
    let town = Town::new().await;
    let exam = [("day", "2027-06-07"), ("until", "2027-06-09"), ("kind", "exam"), ("area", "台区1")];
    assert_eq!(led(&town.rig.form("/calendar", Some(&town.li), &exam).await), "/calendar");
    let far = town.rig.form("/calendar", Some(&town.elsewhere[0]), &exam).await;
    assert_eq!(far.status, StatusCode::NOT_FOUND);
    let everywhere = [("day", "2027-01-01"), ("kind", "holiday")];
    let part = town.rig.form("/calendar", Some(&town.elsewhere[0]), &everywhere).await;
    assert_eq!(part.status, StatusCode::NOT_FOUND, "only who sees all enters a day for everywhere");
    let back = [("day", "2027-06-09"), ("until", "2027-06-07"), ("kind", "exam")];
    let refused = town.rig.form("/calendar", Some(&town.li), &back).await;
    assert!(refused.body.contains("末日不得早于首日"), "{refused:?}");
    let list = "日期,类别,台区\n2027-07-20,高温,\n2027-07-21,高温,台区2\n";
    assert_eq!(led(&town.rig.form("/calendar/load", Some(&town.wang), &[("list", list)]).await), "/calendar");
    let shown = page(&town, "/calendar", &town.admin).await;
    for part in ["2027-06-08", "台区1", "2027-07-20", "全部", "2027-07-21", "台区2"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let days = town.rig.services.store.calendar("2027-01-01".parse().unwrap()).await.unwrap();
    assert_eq!(days.len(), 5);
    assert_eq!(town.rig.audited().await["calendar.add"], 2);
    // One that was entered by mistake is taken away by those who may enter it, where they may see it.
    let remove = |area: &'static str| [("day", "2027-06-07"), ("kind", "exam"), ("area", area)];
    let before = days.len();
    for (who, fields) in [(&town.elsewhere[0], remove("台区1")), (&town.elsewhere[0], remove(""))] {
        let kept = town.rig.form("/calendar/remove", Some(who), &fields).await;
        assert_eq!(kept.status, StatusCode::NOT_FOUND, "{kept:?}");
    }
    let left = async || town.rig.services.store.calendar("2027-01-01".parse().unwrap()).await.unwrap();
    assert_eq!(left().await.len(), before);
    let of_area = days.iter().find(|entry| entry.area.is_some()).copied();
    let of_area = of_area.unwrap();
    let (day, kind) = (of_area.day.to_string(), chaobiao::domain::Coded::name(of_area.kind));
    let body = serde_json::json!({ "days": [{ "day": day, "area": "台区1", "kind": kind }] });
    let removed = town.post("/api/v1/calendar/remove", &town.li, &body).await;
    assert_eq!(
        (removed.status, &removed.json()["removed"]),
        (StatusCode::OK, &serde_json::json!(1)),
        "{removed:?}"
    );
    let again = town.post("/api/v1/calendar/remove", &town.li, &body).await;
    assert_eq!(again.json()["removed"], 0);
    assert_eq!(left().await.len(), before - 1);
    assert_eq!(town.rig.audited().await["calendar.remove"], 2);
}

/// The calendar is part of the protection: nobody alone makes a day of exams one on which homes are cut.
#[tokio::test]
async fn f54_a_day_without_cuts_is_taken_away_by_two_approvers() {
    let town = Town::new().await;
    let exam = [("day", "2027-06-07"), ("kind", "exam"), ("area", "")];
    assert_eq!(led(&town.rig.form("/calendar", Some(&town.li), &exam).await), "/calendar");
    let days = json!([{ "day": "2027-06-07", "area": null, "kind": "exam" }]);
    let remove = async |who: &Somebody, code: &str| {
        let body = json!({ "days": days, "code": code });
        town.post("/api/v1/calendar/remove", who, &body).await
    };
    let left = async || town.rig.services.store.calendar("2027-01-01".parse().unwrap()).await.unwrap().len();
    assert_eq!(remove(&town.wang, "").await.code(), "code_missing", "it is not theirs");
    // Entered by oneself, but not just now, or not before the day.
    town.rig.clock.advance(std::time::Duration::from_secs(15 * 60));
    let li = town.rig.sign_in(town.li.clone()).await;
    assert_eq!(remove(&li, "").await.code(), "two_approvers");
    let on_page = town.rig.form("/calendar/remove", Some(&li), &exam).await;
    assert!(on_page.status == StatusCode::FORBIDDEN && on_page.body.contains("两名审批人"), "{on_page:?}");
    let today = [("day", "2026-11-25"), ("kind", "heat"), ("area", "")];
    assert_eq!(led(&town.rig.form("/calendar", Some(&li), &today).await), "/calendar");
    let kept = town.rig.form("/calendar/remove", Some(&li), &today).await;
    assert_eq!(kept.status, StatusCode::FORBIDDEN, "the day has come: {kept:?}");
    assert_eq!(left().await, 1);
    let (wang, zhao) = (town.rig.sign_in(town.wang.clone()).await, town.rig.sign_in(town.zhao.clone()).await);
    for _ in 0..2 {
        let one = remove(&wang, &code(&town, &wang)).await.json();
        assert_eq!((&one["removed"], &one["waiting"]), (&json!(0), &json!(1)), "one person is one: {one}");
    }
    assert!(page(&town, "/calendar", &zhao).await.contains("已同意删除：wang"));
    assert_eq!(left().await, 1);
    let right = code(&town, &zhao);
    let two = [&exam[..], &[("code", right.as_str())]].concat();
    assert_eq!(led(&town.rig.form("/calendar/remove", Some(&zhao), &two).await), "/calendar");
    assert_eq!(left().await, 0);
}

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
    assert!(refused.body.contains("3 = C9") && refused.body.contains("未做任何更改"), "{refused:?}");
    assert!(page(&town, "/overdue", &town.li).await.contains("C2"), "nothing of it was taken");
    assert_eq!(led(&load(&town.li, "payments", &paid.replace("C9", "C1")).await), "/evidence");
    // What has not happened is no evidence: every line that tells of it is named.
    for (which, list, lines) in [
        ("arrears", owed.replace("2026-11-20", "2026-12-31"), "2 = 2026-12-31 00:00:00 应为不晚于当前的时间"),
        (
            "payments",
            paid.replace("C9", "C1").replace("C1,N2,1,2026-11-21", "C1,N3,1,2027-11-21"),
            "3 = 2027-11-21",
        ),
        (
            "notices",
            "point_number,kind,given_at,how,given_by\nP1,second,2026-11-26 10:30,短信,李\n".into(),
            "2 = 2026-11-26",
        ),
        ("identities", "计量点编号,通信地址,核对时间,核对人\nP1,1,2026-12-01,李\n".into(), "2 = 2026-12-01"),
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
    let id = made.json()["id"].as_i64().unwrap();
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
