//! Points and days without cuts, at the forms of the console.

use axum::http::StatusCode;
use serde_json::json;

use crate::desk::{code, led, page};
use crate::orders::Town;
use crate::rig::Somebody;

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
        faulty.body.contains("第 3 行 = P9") && faulty.body.contains("市二院"),
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
