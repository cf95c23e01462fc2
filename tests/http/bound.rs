//! Receivers to which a billing service is bound, and what of them is told to accounts of some areas. (T16)

use axum::body::Body;
use axum::http::{Method, StatusCode};
use chaobiao::billing::{LedgerSink, Rules, push_once, settle_due};
use chaobiao::domain::{Day, Id, Item, Moment, Quality, RegisterReading, Source};
use chaobiao::store::Batch;

use crate::orders::Town;
use crate::rig::{Answer, Somebody, request};

const RECEIVERS: [&str; 2] = ["ledger", "north_grid"];

/// Two receivers, each with the registers and the use of a day of both homes.
pub(crate) async fn handed_over(town: &Town) -> Day {
    let store = &town.rig.services.store;
    let now = town.now();
    store.know_receivers(&[("ledger", "ledger"), ("north_grid", "http")], now).await.unwrap();
    let day = Day::of(now).previous();
    let reading = |meter: i64, at: Moment, value| RegisterReading {
        meter: Id::new(meter),
        item: Item::parse("1.8.0").unwrap(),
        as_of: at,
        value,
        meter_time: None,
        collected_at: at,
        source: Source::Freeze,
        quality: Quality::Good,
        fetch: None,
    };
    let registers =
        [1, 2].map(|meter| [reading(meter, day.start(), 1000), reading(meter, day.next().start(), 1400)]);
    hand_over(town, &Batch { registers: registers.concat(), ..Batch::default() }).await;
    day
}

/// Saves what was read, and hands over what it settles.
pub(crate) async fn hand_over(town: &Town, batch: &Batch) {
    let store = &town.rig.services.store;
    let now = town.now();
    store.save(batch, now).await.unwrap();
    let rules = Rules {
        items: vec![Item::parse("1.8.0").unwrap()],
        window: std::time::Duration::from_secs(6 * 3600),
        profiles: Default::default(),
        receivers: RECEIVERS.map(str::to_owned).to_vec(),
    };
    settle_due(store, &rules, now).await.unwrap();
    let settings = chaobiao::billing::Settings {
        batch: 500,
        lease: std::time::Duration::from_secs(60),
        retry_most: std::time::Duration::from_secs(900),
    };
    let mut sink = LedgerSink::new(store.clone(), town.rig.services.clock.clone());
    push_once(store, &mut sink, &settings, now).await.unwrap();
}

/// The receivers that an account of a billing service is to see from now on.
async fn bind(town: &Town, who: &Somebody, receivers: &[&str]) -> Answer {
    let path = format!("/api/v1/accounts/{}", who.account.id);
    let shown = town.rig.get(&path, Some(&town.admin)).await;
    let body = serde_json::json!({ "receivers": receivers, "code": town.rig.code(&town.admin) });
    let request = request(Method::PUT, &format!("{path}/receivers"), Some(&town.admin))
        .header("content-type", "application/json")
        .header("x-csrf-token", &town.admin.csrf)
        .header("if-match", shown.header("etag"));
    town.rig.send(request.body(Body::from(body.to_string())).unwrap()).await
}

/// The receivers of the pushes, counts and states that somebody is told of.
async fn told(town: &Town, who: &Somebody, day: Day) -> [Vec<String>; 3] {
    let names = |list: &serde_json::Value, key: &str| {
        let mut names: Vec<String> =
            list.as_array().unwrap().iter().map(|each| each[key].as_str().unwrap().to_owned()).collect();
        names.sort();
        names.dedup();
        names
    };
    let pushes = town.rig.get(&format!("/api/v1/billing/pushes?day={day}"), Some(who)).await.json();
    let receivers = town.rig.get("/api/v1/billing/receivers", Some(who)).await.json();
    [
        names(&pushes["pushes"], "receiver"),
        names(&pushes["counts"], "receiver"),
        names(&receivers["receivers"], "name"),
    ]
}

#[tokio::test]
async fn t16_a_billing_service_sees_the_pushes_of_its_own_receivers_alone() {
    let town = Town::new().await;
    let day = handed_over(&town).await;
    assert_eq!(told(&town, &town.li, day).await, [(); 3].map(|()| RECEIVERS.map(str::to_owned).to_vec()));
    assert_eq!(
        told(&town, &town.billing, day).await,
        [const { Vec::<String>::new() }; 3],
        "nobody has bound it yet"
    );
    let bound = bind(&town, &town.billing, &["north_grid", "north_grid"]).await;
    assert_eq!(bound.json()["account"]["receivers"], serde_json::json!(["north_grid"]), "{bound:?}");
    assert_eq!(
        town.rig.get("/billing", Some(&town.billing)).await.status,
        StatusCode::SEE_OTHER,
        "its session ended"
    );
    let billing = town.rig.sign_in(town.billing.clone()).await;
    assert_eq!(told(&town, &billing, day).await, [(); 3].map(|()| vec!["north_grid".to_owned()]));
    let asked = format!("/api/v1/billing/pushes?day={day}&receiver=ledger");
    let other = town.rig.get(&asked, Some(&billing)).await.json();
    assert_eq!(other["pushes"], serde_json::json!([]), "{other}");
    for page in [
        format!("/billing?day={day}"),
        format!("/billing?day={day}&csv=all&reason=x"),
        "/billing?csv=receivers&reason=x".to_owned(),
    ] {
        let page = town.rig.get(&page, Some(&billing)).await;
        assert!(
            page.status == StatusCode::OK
                && page.body.contains("north_grid")
                && !page.body.contains("ledger"),
            "{page:?}"
        );
    }
    // No part of a name is the name: `_` is no wildcard.
    assert_eq!(bind(&town, &town.billing, &["north"]).await.code(), "unknown_receiver");
    assert_eq!(bind(&town, &town.li, &["ledger"]).await.code(), "not_billing");
    let entries = town.rig.services.store.audit_after(0, 10_000).await.unwrap();
    let entry = entries.iter().find(|entry| entry.action == "account.receivers").unwrap();
    assert_eq!(entry.detail, r#"{"after":["north_grid"],"before":[]}"#);
}

#[tokio::test]
async fn t16_a_billing_service_is_made_and_bound_by_forms_alone() {
    let town = Town::new().await;
    handed_over(&town).await;
    let code = town.rig.code(&town.admin);
    let fields = [
        ("person", "北网"),
        ("name", "north"),
        ("role", "billing"),
        ("receivers", "north_grid\r\n"),
        ("code", &code),
    ];
    let made = town.rig.form("/users", Some(&town.admin), &fields).await;
    assert_eq!(made.status, StatusCode::OK, "{made:?}");
    let north = town.rig.services.store.account_named("north").await.unwrap().unwrap();
    assert_eq!(north.sees_receivers(), Some(["north_grid".to_owned()].as_slice()));
    let page = town.rig.get("/users", Some(&town.admin)).await.body;
    assert!(page.contains(">north_grid<") && page.contains(">未绑定<"), "{page}");
    let path = format!("/users/{}/receivers", north.id);
    let without = town.rig.form(&path, Some(&town.admin), &[("receivers", "ledger")]).await;
    assert_eq!(without.status, StatusCode::UNPROCESSABLE_ENTITY, "it takes a code: {without:?}");
    let code = town.rig.code(&town.admin);
    let changed = town.rig.form(&path, Some(&town.admin), &[("receivers", "ledger"), ("code", &code)]).await;
    assert_eq!(changed.status, StatusCode::SEE_OTHER, "{changed:?}");
    let north = town.rig.services.store.account(north.id).await.unwrap().unwrap();
    assert_eq!(north.sees_receivers(), Some(["ledger".to_owned()].as_slice()));
}

#[tokio::test]
async fn t16_what_billing_was_given_is_counted_within_ones_areas() {
    let town = Town::new().await;
    let day = handed_over(&town).await;
    let far = &town.elsewhere[0];
    let count = async |who: &Somebody| {
        let pushes = town.rig.get(&format!("/api/v1/billing/pushes?day={day}"), Some(who)).await.json();
        let counts = pushes["counts"].as_array().unwrap().clone();
        counts.iter().map(|count| count["count"].as_u64().unwrap()).sum::<u64>()
    };
    let (all, own) = (count(&town.li).await, count(far).await);
    assert!(own > 0 && own * 2 == all, "{own} of {all}");
    let receivers = town.rig.get("/api/v1/billing/receivers", Some(far)).await.json();
    let waits = |name: &str, list: &serde_json::Value| {
        let all = list["receivers"].as_array().unwrap().clone();
        all.into_iter().find(|each| each["name"] == name).unwrap()
    };
    let (of_far, of_all) = (
        waits("north_grid", &receivers),
        waits("north_grid", &town.rig.get("/api/v1/billing/receivers", Some(&town.li)).await.json()),
    );
    assert_eq!(
        of_far["waiting"].as_u64().unwrap() * 2,
        of_all["waiting"].as_u64().unwrap(),
        "{of_far} {of_all}"
    );
    assert!(of_far["delivered"].is_null() && of_all["delivered"].is_u64());
    let page = town.rig.get("/billing", Some(far)).await.body;
    assert!(page.contains("north_grid") && !page.contains(">已送达</a>"), "{page}");
}
