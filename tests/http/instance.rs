//! What an instance says of itself: who serves the site.

use chaobiao::domain::access::Role;
use chaobiao::http;
use chaobiao::store::{Address, Taken, Tenure};
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
