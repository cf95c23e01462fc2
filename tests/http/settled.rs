//! What was found on site of an order that no meter tells: from the page of the order to the second person, by forms.

use axum::http::StatusCode;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};

use chaobiao::config::Http;
use chaobiao::store::Address;

use crate::desk::led;
use crate::orders::{Town, number};
use crate::rig::Rig;

#[tokio::test]
async fn t17_what_was_found_on_site_is_proposed_and_confirmed_by_forms() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("site.db");
    let address = Address::Sqlite(path.clone());
    let settings = Http { changes_per_minute: 100_000, requests_per_minute: 100_000, ..Http::default() };
    let town = Town::over(Rig::limited(&address, settings).await).await;
    let restore = json!({ "reason": "settled", "points": ["P1"] });
    let id = number(&town.post("/api/v1/restores", &town.li, &restore).await.json()["id"]);
    // Its frame has left, and nobody has answered.
    let mut connection = SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    for unknown in [
        format!("UPDATE supply_order_point SET state = 8, proof = 'unread' WHERE order_id = {id}"),
        format!("UPDATE supply_order SET state = 8 WHERE id = {id}"),
    ] {
        sqlx::query(AssertSqlSafe(unknown)).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();

    let place = format!("/orders/{id}");
    let form = format!("/proposals/new?change=settle_order&order={id}&point=P1");
    let page = town.rig.get(&place, Some(&town.li)).await.body;
    assert!(page.contains(&form.replace('&', "&amp;")) && page.contains("现场核实办结"), "{page}");
    assert!(!town.rig.get(&place, Some(&town.wang)).await.body.contains("change=settle_order"));
    let asked = town.rig.get(&form, Some(&town.li)).await;
    assert!(
        asked.body.contains("现场已合闸") && asked.body.contains(&format!("value=\"{id}\"")),
        "{asked:?}"
    );

    let at = town.now().in_china().to_string();
    let at = at.get(..16).unwrap().replace(' ', "T");
    let number = id.to_string();
    let mut fields = vec![
        ("change", "settle_order"),
        ("order", number.as_str()),
        ("point", "P1"),
        ("found", "open"),
        ("at", at.as_str()),
        ("seen_by", "周师傅"),
        ("evidence", "工作票 26-1130"),
        ("reason", "电能表无应答"),
    ];
    let dark = town.rig.form("/proposals", Some(&town.li), &fields).await;
    assert_eq!(dark.status, StatusCode::CONFLICT, "{dark:?}");
    assert!(
        dark.body.contains("请先恢复供电") && dark.body.contains("工作票 26-1130"),
        "nothing is typed twice"
    );
    fields[3] = ("found", "closed");
    let proposed = town.rig.form("/proposals", Some(&town.li), &fields).await;
    let proposal = led(&proposed).to_owned();
    let confirm = format!("{proposal}/confirm");
    let wrong = town.rig.form(&confirm, Some(&town.wang), &[("code", "000000")]).await;
    assert!(wrong.body.contains("动态口令错误") && wrong.body.contains("周师傅"), "{wrong:?}");
    let code = town.code(&town.wang)["code"].as_str().unwrap().to_owned();
    assert_eq!(led(&town.rig.form(&confirm, Some(&town.wang), &[("code", &code)]).await), proposal);

    let order = town.order(id).await.json();
    let point = &order["order"]["points"][0];
    assert_eq!(
        (&point["state"], &point["known_by"]["code"]),
        (&json!("done"), &json!("closed_on_site")),
        "{order}"
    );
    let steps = order["order"]["steps"].as_array().unwrap();
    assert!(steps.iter().any(|step| step["action"] == "order.settle" && step["by"] == "wang"), "{order}");
    let page = town.rig.get(&place, Some(&town.li)).await.body;
    assert!(page.contains("现场核实已合闸，电能表未回读") && !page.contains("已核实闭合"), "{page}");
    let shown = town.rig.get(&format!("/api/v1{proposal}"), Some(&town.li)).await.json();
    let change = &shown["proposal"]["change"];
    assert_eq!(
        (&change["change"], &change["seen_by"]),
        (&json!("settle_order"), &json!("周师傅")),
        "{shown}"
    );
    let file = town.rig.get(&format!("{place}?csv=all&reason=x"), Some(&town.li)).await;
    assert!(file.body.contains("P1") && file.body.contains("现场核实已合闸"), "{file:?}");
}
