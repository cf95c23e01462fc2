//! Files that are handed in: looked at first, and taken by the digest of what was shown.

use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use chaobiao::domain::access::Role;
use chaobiao::domain::{Id, Source, write_hex};
use serde_json::{Value, json};

use crate::book::{Cell, book};
use crate::orders::Town;
use crate::rig::{Answer, Rig, Somebody, request};

pub(crate) const HEAD: &str = "户号,户名,计量点编号,通信地址,资产编号,规约,线路,台区\n";

pub(crate) fn meter(number: u32, line: &str) -> String {
    format!("H{number},客户{number},P{number},{number},A{number},645-2007,{line},台区一\n")
}

pub(crate) fn file(lines: &[String]) -> String {
    format!("{HEAD}{}", lines.concat())
}

/// Sends a file as a program does.
pub(crate) async fn hand_in(
    rig: &Rig,
    who: &Somebody,
    path: &str,
    kind: &str,
    body: impl Into<Body>,
) -> Answer {
    let request = request(Method::POST, path, Some(who))
        .header(header::CONTENT_TYPE, kind)
        .header("x-csrf-token", &who.csrf);
    rig.send(request.body(body.into()).unwrap()).await
}

async fn look(rig: &Rig, who: &Somebody, text: &str) -> Value {
    let answer = hand_in(rig, who, "/api/v1/meters/import?name=a.csv", "text/csv", text.to_owned()).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    answer.json()["import"].clone()
}

async fn take(rig: &Rig, who: &Somebody, text: &str, digest: &str) -> Answer {
    let path = format!("/api/v1/meters/import?name=a.csv&digest={digest}");
    hand_in(rig, who, &path, "text/csv", text.to_owned()).await
}

#[tokio::test]
async fn f38_a_file_by_the_api_changes_only_what_was_shown_and_named() {
    let rig = Rig::new().await;
    let li = rig.signed_in("li", Role::Operator).await;
    let store = &rig.services.store;
    let first = file(&[meter(1, "L1"), meter(2, "L1")]);
    let shown = look(&rig, &li, &first).await;
    assert_eq!((shown["added"].as_u64(), shown["is_saved"].as_bool()), (Some(2), Some(false)));
    assert_eq!(store.site_meters().await.unwrap().len(), 0, "looking changes nothing");
    let digest = shown["digest"].as_str().unwrap().to_owned();
    assert_eq!(take(&rig, &li, &first, "x").await.code(), "preview_stale");
    let other = file(&[meter(1, "L1"), meter(3, "L1")]);
    assert_eq!(take(&rig, &li, &other, &digest).await.code(), "preview_stale", "another file");
    let judged = rig.judged();
    let taken = take(&rig, &li, &first, &digest).await.json()["import"].clone();
    assert!(judged.has_changed().unwrap(), "what is there now may stand against a cut (F45)");
    assert_eq!((taken["added"].as_u64(), taken["is_saved"].as_bool()), (Some(2), Some(true)));
    assert_eq!(store.site_meters().await.unwrap().len(), 2);
    let again = take(&rig, &li, &first, &digest).await;
    assert_eq!(
        (again.status, again.code().as_str()),
        (StatusCode::CONFLICT, "preview_stale"),
        "it has been done"
    );

    let moved = file(&[meter(1, "L2"), meter(2, "L1")]);
    let shown = look(&rig, &li, &moved).await;
    assert_eq!(shown["is_large"].as_bool(), Some(true), "one of two is more than a fifth");
    let cells = json!([{"column": "line", "before": "L1", "after": "L2"}]);
    assert_eq!((shown["changes"][0]["line"].as_u64(), &shown["changes"][0]["cells"]), (Some(2), &cells));
    // What is kept moves under what was shown.
    let renamed = moved.replace("客户1", "改名");
    let digest_of = |shown: &Value| shown["digest"].as_str().unwrap().to_owned();
    let between = digest_of(&look(&rig, &li, &renamed).await);
    assert_eq!(take(&rig, &li, &renamed, &between).await.status, StatusCode::OK);
    assert_eq!(take(&rig, &li, &moved, &digest_of(&shown)).await.code(), "preview_stale");

    let regions = store.areas_named(&["台区一"]).await.unwrap().unwrap();
    let near = rig.somebody("near", Role::Operator, regions).await;
    let near = rig.sign_in(near).await;
    let refused = hand_in(&rig, &near, "/api/v1/meters/import", "text/csv", first.clone()).await;
    assert_eq!(refused.code(), "not_allowed", "a file is one of points anywhere");

    let audited = store.audit_after(0, 200).await.unwrap();
    let imports: Vec<_> = audited.iter().filter(|record| record.action == "archive.import").collect();
    assert_eq!(imports.len(), 2, "what was looked at or refused is none");
    assert_eq!((imports[0].actor.as_str(), imports[0].object.as_str()), ("li", "a.csv"));
    let detail = r#"{"before":2,"added":0,"changed":1,"same":1,"absent":0,"changes":[["P1",{"path":["line L1","line L2"]}]]}"#;
    assert_eq!(imports[1].detail, detail);
}

#[tokio::test]
async fn t15_a_file_with_faults_is_refused_with_their_lines_and_one_of_another_type_unread() {
    let rig = Rig::new().await;
    let li = rig.signed_in("li", Role::Operator).await;
    let path = "/api/v1/meters/import";
    let wrong = file(&[meter(1, "L1"), meter(2, "L1").replace("645-2007", "645-2099")]);
    let answer = hand_in(&rig, &li, path, "text/csv", wrong).await;
    assert_eq!((answer.status, answer.code().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "list_faulty"));
    let reason = answer.json()["reasons"][0].clone();
    assert!(reason["of"].as_str().unwrap().starts_with("3 规约"), "{reason}");
    let answer = hand_in(&rig, &li, path, "application/json", "{}").await;
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let answer = hand_in(&rig, &li, path, "text/csv", vec![b'a'; (64 << 20) + 1]).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(hand_in(&rig, &li, path, "text/csv", "").await.code(), "file_missing");
    // A workbook that is none.
    let answer = hand_in(&rig, &li, path, "application/octet-stream", "PK\u{3}\u{4}nothing").await;
    assert_eq!(answer.code(), "list_faulty");
    assert_eq!(rig.services.store.site_meters().await.unwrap().len(), 0);
}

/// The value of a hidden field.
pub(crate) fn hidden(page: &str, name: &str) -> String {
    let begin = format!("name=\"{name}\" value=\"");
    let at = page.find(&begin).unwrap_or_else(|| panic!("no {name}: {page}"));
    page[at + begin.len()..].split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_page_shows_what_a_workbook_would_change_and_takes_it_over() {
    let rig = Rig::new().await;
    let li = rig.signed_in("li", Role::Operator).await;
    let page = rig.get("/meters/import", Some(&li)).await;
    assert!(page.body.contains("type=\"file\""));
    let rows = vec![
        ["户号", "计量点编号", "通信地址", "规约", "线路"].map(Cell::Text).to_vec(),
        ["1001", "P1", "202411110001", "645-2007", "一号线"].map(Cell::Text).to_vec(),
    ];
    let mut digits = String::new();
    write_hex(&mut digits, &book(&[("档案", rows, &[])], false)).unwrap();
    let brought = [("file", digits.as_str()), ("name", "档案.xlsx"), ("text", "")];
    let shown = rig.form("/meters/import", Some(&li), &brought).await;
    assert_eq!(shown.status, StatusCode::OK, "{}", shown.body);
    assert!(shown.body.contains("档案.xlsx") && shown.body.contains("将发生的变更"));
    assert_eq!(rig.services.store.site_meters().await.unwrap().len(), 0);
    assert_eq!(hidden(&shown.body, "file"), digits, "the file comes again");
    let digest = hidden(&shown.body, "digest");
    let confirmed = [&brought[..], &[("digest", digest.as_str())]].concat();
    let taken = rig.form("/meters/import", Some(&li), &confirmed).await;
    assert_eq!(taken.status, StatusCode::SEE_OTHER, "{}", taken.body);
    let place = taken.header("location").to_owned();
    assert!(rig.get(&place, Some(&li)).await.body.contains("已导入"));
    assert_eq!(rig.services.store.site_meters().await.unwrap().len(), 1);
    let again = rig.form("/meters/import", Some(&li), &confirmed).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    // A text that was pasted, with a fault in it.
    let refused = rig.form("/meters/import", Some(&li), &[("text", "户号\n1\n")]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.body.contains("处错误") && refused.body.contains("户号\n1\n"), "{}", refused.body);
}

#[tokio::test]
async fn t17_reads_of_people_from_a_file_are_proposed_by_one_and_confirmed_by_another() {
    let town = Town::new().await;
    let (li, wang, far) = (&town.li, &town.wang, &town.elsewhere[0]);
    let head = "计量点编号,抄表日期,抄表时间,示数,抄表人,抄表方式,备注\n";
    let sound = format!("{head}P1,2026-11-25,0:00,123.45,张三,现场,表前\nP2,2026-11-24,18:30,7,李四,,\n");
    let path = "/api/v1/readings/import?name=a.csv";
    let looked = hand_in(&town.rig, li, &format!("{path}&dry_run=true"), "text/csv", sound.clone()).await;
    assert_eq!(looked.status, StatusCode::OK, "{looked:?}");
    let import = looked.json()["import"].clone();
    assert_eq!((&import["proposal"], &import["reads"][0]["compared"]), (&Value::Null, &json!("alone")));
    assert_eq!(import["reads"][0]["read"]["at"], "2026-11-24T16:00:00Z");
    assert_eq!(hand_in(&town.rig, li, path, "text/csv", sound.clone()).await.code(), "text_missing");

    let path = format!("{path}&reason=line%20down");
    let wrong = format!(
        "{head}P1,2026-11-25,0:00,1,张三,,\nP9,2026-11-25,0:00,1,张三,,\nP1,2026-11-26,0:00,1,张三,,\n"
    );
    let refused = hand_in(&town.rig, li, &path, "text/csv", wrong).await;
    assert_eq!(refused.code(), "list_faulty");
    assert!(refused.json()["reasons"][0]["of"].as_str().unwrap().starts_with("4 read_time"), "{refused:?}");
    // What lies in another region is not there.
    let refused = hand_in(&town.rig, far, &path, "text/csv", sound.clone()).await;
    assert!(refused.json()["reasons"][0]["of"].as_str().unwrap().starts_with("2 = P1"), "{refused:?}");
    assert_eq!(town.rig.get("/api/v1/proposals", Some(wang)).await.json()["meta"]["count"], 0);

    let made = hand_in(&town.rig, li, &path, "text/csv", sound.clone()).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let proposal = made.json()["import"]["proposal"].clone();
    let id = proposal["id"].as_i64().unwrap();
    assert_eq!(proposal["change"]["reads"][1]["kind"], "manual");
    let page = town.rig.get(&format!("/proposals/{id}"), Some(wang)).await.body;
    for part in ["123.4500", "无可比示值", "表前", "动态口令"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert_eq!(
        town.rig.get(&format!("/api/v1/proposals/{id}"), Some(far)).await.status,
        StatusCode::NOT_FOUND
    );
    let confirm = format!("/api/v1/proposals/{id}/confirm");
    assert_eq!(town.post(&confirm, li, &town.code(li)).await.code(), "not_allowed");
    let confirmed = town.post(&confirm, wang, &town.code(wang)).await;
    assert_eq!(confirmed.json()["proposal"]["state"], "confirmed", "{confirmed:?}");
    let midnight = "2026-11-25".parse::<chaobiao::domain::Day>().unwrap().start();
    let kept = town.rig.services.store.ledger(Id::new(1), midnight, midnight).await.unwrap();
    let counts: Vec<_> =
        kept.iter().map(|kept| (kept.reading.value, kept.reading.source, kept.is_current)).collect();
    assert_eq!(counts, [(1_234_500, Source::Manual, true)]);

    // The same at the desk, as a text that is pasted; another value of the same instant.
    let form = |text: String| {
        let town = &town;
        async move {
            let fields = [("change", "enter_reads"), ("reason", "补抄"), ("text", text.as_str())];
            town.rig.form("/proposals", Some(&town.li), &fields).await
        }
    };
    assert!(town.rig.get("/proposals/new?change=enter_reads", Some(li)).await.body.contains("抄表日期"));
    assert_eq!(form(String::new()).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let led = form(sound.replace("123.45", "123.46")).await;
    assert_eq!(led.status, StatusCode::SEE_OTHER, "{}", led.body);
    let page = town.rig.get(led.header("location"), Some(wang)).await.body;
    assert!(page.contains("与同时刻示值不一致") && page.contains("123.4500"), "{page}");
}
