//! What an instance says of itself: who serves the site, and whether the database is whole.

use axum::http::StatusCode;
use chaobiao::domain::AuditHash;
use chaobiao::domain::access::Role;
use chaobiao::domain::supply::HaltKind;
use chaobiao::http;
use chaobiao::store::{Address, AuditHead, Loss, Taken, Tenure};
use serde_json::json;

use crate::orders::Town;
use crate::postgres::Cluster;
use crate::rig::Rig;

#[tokio::test]
async fn f36_pages_and_health_name_the_instance_that_serves_the_site() {
    let town = Town::new().await;
    let health = town.rig.get("/api/v1/health", Some(&town.li)).await.json();
    let alone = json!({ "is_here": true, "name": null, "version": null, "since": null });
    assert_eq!(health["health"]["serving"], alone, "a file is served by one process: {health}");

    let Some(cluster) = Cluster::shared() else { return };
    let address = Address::Postgres(cluster.new_database().await);
    let mut rig = Rig::on(&address).await;
    let viewer = rig.signed_in("chen", Role::Viewer).await;
    let health = rig.get("/api/v1/health", Some(&viewer)).await.json();
    assert_eq!(health["health"]["serving"]["is_here"], false, "nobody has taken it: {health}");
    let tenure = match Tenure::take(&address, "east/71", "1.4.0").await.unwrap() {
        Taken::Ours(tenure) => tenure,
        Taken::Held(holder) => panic!("{holder:?}"),
    };
    let serving = rig.get("/api/v1/health", Some(&viewer)).await.json()["health"]["serving"].clone();
    let named = [&serving["is_here"], &serving["name"], &serving["version"]];
    assert_eq!(named, [&json!(false), &json!("east/71"), &json!("1.4.0")]);
    assert!(serving["since"].as_str().unwrap().ends_with('Z'), "{serving}");
    let page = rig.get("/settings", Some(&viewer)).await.body;
    assert!(page.contains("本实例待命") && page.contains("east/71"), "{page}");
    let mut services = rig.services.clone();
    services.store = services.store.holding(Some(tenure));
    rig.router = http::router(services);
    let serving = rig.get("/api/v1/health", Some(&viewer)).await.json()["health"]["serving"].clone();
    assert_eq!([&serving["is_here"], &serving["name"]], [&json!(true), &json!("east/71")]);
    let page = rig.get("/settings", Some(&viewer)).await.body;
    assert!(page.contains("由本实例提供服务") && page.contains("east/71"), "{page}");
}

#[tokio::test]
async fn f31_what_the_database_has_lost_is_told_everywhere_and_acknowledged_by_an_administrator() {
    let town = Town::new().await;
    let store = &town.rig.services.store;
    assert_eq!(store.is_audit_there().await.unwrap(), None);
    let health = town.rig.get("/api/v1/health", Some(&town.li)).await.json();
    assert_eq!(health["health"]["database_is_whole"], true, "{health}");
    let last = store.audit_head().await.unwrap().number;
    store.expect_audit(AuditHead { number: last + 3, hash: AuditHash::from_hex(&"ab".repeat(32)).unwrap() });
    let loss = store.is_audit_there().await.unwrap().unwrap();
    assert_eq!(loss, Loss::Entries { first: last + 1, last: last + 3 });
    store.halt_for_loss(loss, town.now()).await.unwrap();

    let health = town.rig.get("/api/v1/health", Some(&town.li)).await.json();
    assert_eq!(health["health"]["database_is_whole"], false, "{health}");
    let stop = town.rig.get("/api/v1/stop", Some(&town.li)).await.json();
    assert_eq!(stop["stop"]["halts"][0]["kind"], "database_behind", "{stop}");
    let page = town.rig.get("/", Some(&town.li)).await.body;
    assert!(page.contains("数据库缺失已提交的记录") && page.contains(&loss.to_string()), "{page}");
    assert!(!page.contains("已急停"), "nobody has pressed STOP");
    assert!(town.rig.get("/alarms", Some(&town.li)).await.body.contains("数据库缺失已提交的记录"));

    let path = "/api/v1/stop/acknowledge";
    assert_eq!(town.post(path, &town.wang, &town.code(&town.wang)).await.status, StatusCode::FORBIDDEN);
    let mut lift = town.code(&town.zhao);
    lift["kind"] = json!("database_behind");
    let lifted = town.post("/api/v1/stop/lift", &town.zhao, &lift).await;
    assert_eq!(lifted.status, StatusCode::FORBIDDEN, "no approver lifts it: {lifted:?}");
    let wrong = town.post(path, &town.admin, &json!({ "code": "000000" })).await;
    assert!(wrong.status.is_client_error(), "{wrong:?}");
    assert_eq!(store.halts().await.unwrap()[0].kind, HaltKind::DatabaseBehind);
    let right = town.post(path, &town.admin, &town.code(&town.admin)).await;
    assert_eq!(
        (right.status, &right.json()["stop"]["is_stopped"]),
        (StatusCode::OK, &json!(false)),
        "{right:?}"
    );
    assert_eq!((store.loss(), store.is_audit_there().await.unwrap()), (None, None));
    assert!(!town.rig.get("/", Some(&town.li)).await.body.contains("数据库缺失"));
    let audited = town.rig.audited().await;
    assert_eq!(audited.get("audit.behind"), Some(&1));
}
