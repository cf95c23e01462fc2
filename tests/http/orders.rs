//! Supply orders by the API: who may, what stands against them, and what becomes of one request sent twice.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, StatusCode};
use chaobiao::domain::access::{Acting, Regions, Role};
use chaobiao::domain::supply::{Ceilings, OrderKind, Reason, Window};
use chaobiao::domain::{
    ArchiveEntry, Customer, CustomerClass, Id, Item, Meter, MeterPath, MeterProtocol, MeteringPoint, Moment,
    PointRole, Quality, RegisterReading, Source, Transformers,
};
use chaobiao::store::Batch;
use chaobiao::store::archive::Saving;
use chaobiao::store::supply::{Limits, NewOrder};
use serde_json::{Value, json};

use crate::rig::{Answer, Rig, Somebody, request};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

/// Two homes in two transformer areas, and people whose roles are two days old.
pub(crate) struct Town {
    pub(crate) rig: Rig,
    pub(crate) li: Somebody,
    pub(crate) wang: Somebody,
    pub(crate) zhao: Somebody,
    pub(crate) admin: Somebody,
    pub(crate) billing: Somebody,
    /// An operator and an approver of the second area only.
    pub(crate) elsewhere: [Somebody; 2],
}

pub(crate) fn entry(number: u32) -> ArchiveEntry {
    ArchiveEntry {
        customer: Customer {
            number: format!("C{number}"),
            name: format!("客户{number}"),
            class: Some(CustomerClass::Residential),
        },
        point: MeteringPoint {
            number: format!("P{number}"),
            customer: format!("C{number}"),
            role: PointRole::Customer,
            area: Some(format!("台区{number}")),
            route: None,
            protection: None,
        },
        is_unprotected: true,
        feeder: None,
        reading_day: None,
        meter: Meter {
            address: number.to_string().parse().unwrap(),
            asset_number: None,
            protocol: MeterProtocol::Dlt2007,
            profile: None,
            path: MeterPath::Line { line: "L1".to_owned(), baud: None, parity: None },
        },
        transformers: Some(Transformers::NONE),
        installed_at: Some("2026-01-01".parse::<chaobiao::domain::Day>().unwrap().start()),
        first_reading: None,
    }
}

/// A number of nineteen digits, which JSON has as text.
pub(crate) fn number(shown: &Value) -> i64 {
    shown.as_str().and_then(|shown| shown.parse().ok()).unwrap_or_else(|| panic!("{shown}"))
}

impl Town {
    pub(crate) async fn new() -> Self {
        Self::over(Rig::new().await).await
    }

    /// With a head-end that knows nobody yet.
    pub(crate) async fn over(rig: Rig) -> Self {
        let store = &rig.services.store;
        store.save_archive(&[entry(1), entry(2)], rig.services.clock.now(), Saving::Save).await.unwrap();
        let second = store.areas_named(&["台区2"]).await.unwrap().unwrap();
        let all = Regions::All;
        let people = [
            ("li", Role::Operator, &all),
            ("wang", Role::Approver, &all),
            ("zhao", Role::Approver, &all),
            ("admin", Role::Admin, &all),
            ("billing", Role::Billing, &all),
            ("far", Role::Operator, &second),
            ("farther", Role::Approver, &second),
        ];
        let mut made = Vec::new();
        for (name, role, regions) in people {
            made.push(rig.somebody(name, role, regions.clone()).await);
        }
        rig.clock.advance(DAY * 2);
        let mut signed_in = Vec::new();
        for somebody in made {
            signed_in.push(rig.sign_in(somebody).await);
        }
        let Ok([li, wang, zhao, admin, billing, far, farther]) = <[Somebody; 7]>::try_from(signed_in) else {
            panic!("seven people");
        };
        Self { rig, li, wang, zhao, admin, billing, elsewhere: [far, farther] }
    }

    pub(crate) fn now(&self) -> Moment {
        self.rig.services.clock.now()
    }

    pub(crate) async fn post(&self, path: &str, who: &Somebody, body: &Value) -> Answer {
        self.rig.json(Method::POST, path, Some(who), &body.to_string()).await
    }

    /// The same with a header besides.
    pub(crate) async fn post_with(
        &self,
        path: &str,
        who: &Somebody,
        header: (&str, &str),
        body: &Value,
    ) -> Answer {
        let request = request(Method::POST, path, Some(who))
            .header("content-type", "application/json")
            .header("x-csrf-token", &who.csrf)
            .header(header.0, header.1);
        self.rig.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    /// The body of a request that has the second factor of somebody in it. Each code counts once, so time goes on.
    pub(crate) fn code(&self, who: &Somebody) -> Value {
        self.rig.clock.advance(Duration::from_secs(31));
        json!({ "code": who.totp.code_at(self.now()) })
    }

    /// Loads a list that protects the second home.
    pub(crate) async fn protect(&self) {
        let list = json!({ "protections": [{ "point": "P2", "kind": "public_safety", "reason": "医院" }] });
        let loaded = self.post("/api/v1/protections/load", &self.li, &list).await;
        assert_eq!(loaded.json()["entered"], 1, "{loaded:?}");
    }

    /// Enters all that the rules ask for before the first home may be cut.
    pub(crate) async fn make_ready(&self) {
        self.protect().await;
        let ago = |time: Duration| self.now().minus(time).to_string();
        let owed = json!({ "as_of": ago(DAY), "arrears": [
            { "customer": "C1", "since": ago(DAY * 40), "amount_yuan": "123.45" }] });
        let notice = |kind: &str, time: Duration| json!({ "point": "P1", "kind": kind, "given_at": ago(time), "how": "by hand", "given_by": "Li" });
        let notices = json!({ "notices": [
            notice("reminder", DAY * 20), notice("cut", DAY * 10), notice("second", HOUR * 2)] });
        let checked = json!({ "identities": [{ "point": "P1", "meter": "1", "verified_at": ago(DAY * 5),
            "verified_by": "Li" }] });
        for (what, body, count) in [("arrears", owed, 1), ("notices", notices, 3), ("identities", checked, 1)]
        {
            let entered = self.post(&format!("/api/v1/evidence/{what}"), &self.li, &body).await;
            assert_eq!(entered.json()["entered"], count, "{what}: {entered:?}");
        }
        let reading = RegisterReading {
            meter: Id::new(1),
            item: Item::parse("1.8.0").unwrap(),
            as_of: self.now().minus(HOUR),
            value: 5,
            meter_time: None,
            collected_at: self.now().minus(HOUR),
            source: Source::Live,
            quality: Quality::Good,
            fetch: None,
        };
        let batch = Batch { registers: vec![reading], ..Batch::default() };
        self.rig.services.store.save(&batch, self.now()).await.unwrap();
    }

    /// A cut of the first home that waits for approval, written by the person of an account. It is handed in to the store
    /// itself: the rig has no line on which the meter could be cut.
    pub(crate) async fn submitted(&self, writer: &Somebody, reason: Reason) -> i64 {
        let account = &writer.account;
        let acting = Acting {
            person: account.person,
            account: account.id,
            name: account.name.clone(),
            role: Role::Operator,
            role_since: account.role_since,
            regions: Regions::All,
            source: "test".to_owned(),
            request: None,
        };
        let new = NewOrder {
            kind: OrderKind::Cut,
            reason,
            text: "wires on the ground".to_owned(),
            window: Window { from: self.now(), until: self.now().plus(HOUR * 4) },
            points: vec![Id::new(1)],
        };
        let limits = Limits { ceilings: Ceilings::BUILT_IN, incapable: &[] };
        let store = &self.rig.services.store;
        store.ask_order(&acting, &new, &limits, self.now()).await.unwrap().id.number()
    }

    pub(crate) async fn order(&self, id: i64) -> Answer {
        self.rig.get(&format!("/api/v1/orders/{id}"), Some(&self.li)).await
    }

    pub(crate) async fn approve(&self, id: i64, who: &Somebody) -> Answer {
        let tag = self.order(id).await.header("etag").to_owned();
        let path = format!("/api/v1/orders/{id}/approve");
        self.post_with(&path, who, ("if-match", &tag), &self.code(who)).await
    }
}

/// The codes of all that is told to stand against something, with the number that each is told of.
fn reasons(answer: &Answer) -> Vec<String> {
    let document = answer.json();
    let all = document["reasons"].as_array().cloned().unwrap_or_default();
    for reason in &all {
        let zh = reason["detail_zh"].as_str().unwrap();
        assert!(!zh.is_ascii() && !reason["detail"].as_str().unwrap().is_empty(), "{reason}");
    }
    let told = |reason: &Value| match reason["of"].as_str() {
        Some(of) => format!("{of} {}", reason["code"].as_str().unwrap()),
        None => reason["code"].as_str().unwrap().to_owned(),
    };
    all.iter().map(told).collect()
}

fn cut(town: &Town) -> Value {
    let until = town.now().plus(HOUR * 4).to_string();
    json!({ "kind": "cut", "reason": "arrears", "points": ["P1"], "until": until })
}

#[tokio::test]
async fn f44_the_api_names_all_that_stands_against_a_cut_in_both_languages() {
    let town = Town::new().await;
    let refused = town.post("/api/v1/orders", &town.li, &cut(&town)).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::UNPROCESSABLE_ENTITY, "objected".to_owned()));
    assert_eq!(reasons(&refused), ["no_protection_list"]);
    town.protect().await;
    let refused = reasons(&town.post("/api/v1/orders", &town.li, &cut(&town)).await);
    for code in ["notice_missing", "no_arrears", "identity_missing", "read_too_old", "not_cuttable"] {
        assert!(refused.contains(&format!("P1 {code}")), "{code}: {refused:?}");
    }
    town.make_ready().await;
    let refused = town.post("/api/v1/orders", &town.li, &cut(&town)).await;
    assert_eq!(reasons(&refused), ["P1 not_cuttable"], "there is no line on which it could be");
    let orders = town.rig.get("/api/v1/orders", Some(&town.li)).await;
    assert_eq!(orders.json()["meta"]["count"], 0, "what was refused is not kept");
    assert_eq!(town.rig.audited().await["order.submit"], 3, "and stands in the audit log");
}

#[tokio::test]
async fn t18_an_order_sent_twice_under_its_key_is_one_order() {
    let town = Town::new().await;
    let alarm = |points: &[&str]| json!({ "kind": "alarm_on", "reason": "arrears", "points": points });
    let key = ("idempotency-key", "2026-11-25/alarm/1");
    let first = town.post_with("/api/v1/orders", &town.li, key, &alarm(&["P1"])).await;
    assert_eq!(first.status, StatusCode::CREATED, "{first:?}");
    let again = town.post_with("/api/v1/orders", &town.li, key, &alarm(&["P1"])).await;
    assert_eq!((again.status, again.json()), (first.status, first.json()));
    let other = town.post_with("/api/v1/orders", &town.li, key, &alarm(&["P2"])).await;
    assert_eq!((other.status, other.code()), (StatusCode::CONFLICT, "key_taken".to_owned()));
    // The same words at another place are another request.
    let elsewhere = json!({ "points": ["P1"], "reason": "settled" });
    assert_eq!(town.post_with("/api/v1/restores", &town.li, key, &elsewhere).await.code(), "key_taken");
    let orders = town.rig.get("/api/v1/orders?point=P1", Some(&town.li)).await.json();
    assert_eq!(orders["meta"]["count"], 1);
    assert_eq!(orders["orders"][0]["state"], "approved", "nobody else is needed");
}

#[tokio::test]
async fn t17_an_order_is_approved_as_it_was_seen_by_others_than_asked_for_it_each_once() {
    let town = Town::new().await;
    town.make_ready().await;
    let id = town.submitted(&town.li, Reason::Danger).await;
    let path = format!("/api/v1/orders/{id}/approve");
    let seen = town.order(id).await;
    let (tag, hash) = (seen.header("etag").to_owned(), seen.json()["order"]["hash"].clone());
    assert_eq!(
        (tag.trim_matches('"'), seen.json()["order"]["approvers_needed"].as_i64()),
        (hash.as_str().unwrap(), Some(2))
    );
    let unseen = town.post(&path, &town.wang, &town.code(&town.wang)).await;
    assert_eq!(unseen.status, StatusCode::PRECONDITION_REQUIRED);
    let other = format!("\"{}\"", "0".repeat(64));
    let changed = town.post_with(&path, &town.wang, ("if-match", &other), &town.code(&town.wang)).await;
    assert_eq!(
        (changed.status, reasons(&changed)),
        (StatusCode::PRECONDITION_FAILED, vec!["order_changed".to_owned()])
    );
    let wrong = town.post_with(&path, &town.wang, ("if-match", &tag), &json!({ "code": "000000" })).await;
    assert_eq!(wrong.code(), "factor_refused");
    assert_eq!(town.approve(id, &town.li).await.code(), "not_allowed");
    assert_eq!(town.order(id).await.json()["order"]["approvals"], json!([]), "nothing of that counts");

    let first = town.approve(id, &town.wang).await;
    assert_eq!(
        (first.status, &first.json()["order"]["state"]),
        (StatusCode::OK, &json!("submitted")),
        "{first:?}"
    );
    let twice = town.approve(id, &town.wang).await;
    assert_eq!((twice.status, reasons(&twice)), (StatusCode::CONFLICT, vec!["approved_before".to_owned()]));
    let second = town.approve(id, &town.zhao).await.json();
    assert_eq!(second["order"]["state"], "approved");
    let steps = second["order"]["steps"].as_array().unwrap().clone();
    let done: Vec<_> = steps
        .iter()
        .filter(|step| step["result"] == "done")
        .map(|step| format!("{} {}", step["by"].as_str().unwrap(), step["action"].as_str().unwrap()))
        .collect();
    assert_eq!(done, ["li order.submit", "wang order.approve", "zhao order.approve"]);

    let withdrawn = town.post(&format!("/api/v1/orders/{id}/withdraw"), &town.wang, &json!({})).await;
    assert_eq!(withdrawn.json()["order"]["state"], "submitted", "{withdrawn:?}");
    let cancelled = town.post(&format!("/api/v1/orders/{id}/cancel"), &town.li, &json!({})).await;
    assert_eq!(cancelled.json()["order"]["state"], "cancelled", "{cancelled:?}");
}

#[tokio::test]
async fn f51_whoever_approves_is_shown_by_how_much_a_ceiling_is_exceeded_and_asked_anew_when_it_is_more() {
    let town = Town::new().await;
    town.make_ready().await;
    let id = town.submitted(&town.li, Reason::Arrears).await;
    let (api, page) = (format!("/api/v1/orders/{id}/approve"), format!("/orders/{id}"));
    let plain = town.order(id).await.header("etag").to_owned();
    let seen = async |who: &Somebody| {
        let shown = town.rig.get(&page, Some(who)).await.body;
        shown.split("name=\"seen\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    };
    let old = seen(&town.zhao).await;
    // A ceiling is lowered while they look at it.
    let none = json!({ "order": 50, "hour": 0, "day": 1000, "area_percent": 5, "total_percent": 2 });
    let lowered = town.post("/api/v1/supply/ceilings/tighten", &town.admin, &none).await;
    assert_eq!(lowered.status, StatusCode::OK);
    for _ in 0..2 {
        let late = town.post_with(&api, &town.wang, ("if-match", &plain), &town.code(&town.wang)).await;
        assert_eq!(late.status, StatusCode::PRECONDITION_FAILED, "{late:?}");
        assert_eq!(reasons(&late), ["excess_not_shown", "over_hour_ceiling"]);
        assert!(late.json()["reasons"][1]["detail"].as_str().unwrap().ends_with(": 1 of 0"), "{late:?}");
    }
    let code = town.rig.code(&town.zhao);
    let late =
        town.rig.form(&format!("{page}/approve"), Some(&town.zhao), &[("seen", &old), ("code", &code)]).await;
    assert_eq!(late.status, StatusCode::UNPROCESSABLE_ENTITY);
    for part in ["请按现状重新审阅", "超过每小时停电上限：1 / 0 户", "审批：0 / 2"] {
        assert!(late.body.contains(part), "{part}: {late:?}");
    }
    let order = town.order(id).await;
    let detail = order.json()["order"].clone();
    assert_eq!(
        (&detail["approvals"], &detail["is_quarantined"]),
        (&json!([]), &json!(true)),
        "no click counts"
    );
    let over = json!([{ "ceiling": "over_hour_ceiling", "ceiling_zh": "超过每小时停电上限", "area": null, "used": 1, "most": 0 }]);
    assert_eq!(detail["over"], over);
    let hash = detail["hash"].as_str().unwrap();
    assert_eq!(order.header("etag"), format!("\"{hash};over_hour_ceiling:1/0\""));
    // Each has seen it now: by the API and by the page.
    assert_eq!(town.approve(id, &town.wang).await.json()["order"]["state"], "submitted");
    let (seen, code) = (seen(&town.zhao).await, town.rig.code(&town.zhao));
    let done = town
        .rig
        .form(&format!("{page}/approve"), Some(&town.zhao), &[("seen", &seen), ("code", &code)])
        .await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{done:?}");
    assert_eq!(town.order(id).await.json()["order"]["state"], "approved");
}

#[tokio::test]
async fn t17_nobody_approves_an_order_of_their_own() {
    let town = Town::new().await;
    town.make_ready().await;
    // The person of `wang`, by another account.
    let id = town.submitted(&town.wang, Reason::Arrears).await;
    let own = town.approve(id, &town.wang).await;
    assert_eq!((own.status, reasons(&own)), (StatusCode::FORBIDDEN, vec!["own_order".to_owned()]));
    assert_eq!(town.approve(id, &town.zhao).await.json()["order"]["state"], "approved");
}

#[tokio::test]
async fn f44_evidence_that_lies_ahead_is_refused_with_its_place() {
    let town = Town::new().await;
    let (past, ahead) = (town.now().minus(HOUR).to_string(), town.now().plus(HOUR).to_string());
    let notice =
        |at: &str| json!({ "point": "P1", "kind": "second", "given_at": at, "how": "x", "given_by": "x" });
    let checked = |at: &str| json!({ "point": "P1", "meter": "1", "verified_at": at, "verified_by": "x" });
    let owed = |since: &str| json!({ "customer": "C1", "since": since, "amount_yuan": "100" });
    let paid = |at: &str| json!({ "customer": "C1", "reference": at, "amount_yuan": "100", "paid_at": at });
    for (what, body, place) in [
        ("notices", json!({ "notices": [notice(&past), notice(&ahead)] }), "2"),
        ("identities", json!({ "identities": [checked(&past), checked(&past), checked(&ahead)] }), "3"),
        ("payments", json!({ "payments": [paid(&ahead)] }), "1"),
        ("arrears", json!({ "as_of": ahead, "arrears": [owed(&past)] }), "1"),
        ("arrears", json!({ "as_of": past, "arrears": [owed(&ahead)] }), "1"),
    ] {
        let refused = town.post(&format!("/api/v1/evidence/{what}"), &town.li, &body).await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (StatusCode::UNPROCESSABLE_ENTITY, "in_the_future"),
            "{what}: {refused:?}"
        );
        assert_eq!(refused.json()["reasons"][0]["of"], place, "{what}: {refused:?}");
    }
    let evidence = town.rig.get("/api/v1/points/P1/evidence", Some(&town.wang)).await.json();
    assert!(evidence["evidence"]["arrears"].is_null(), "{evidence}");
}

#[tokio::test]
async fn t16_orders_of_another_region_are_not_there() {
    let town = Town::new().await;
    town.make_ready().await;
    let [far, farther] = &town.elsewhere;
    let id = town.submitted(&town.li, Reason::Arrears).await;
    let tag = town.order(id).await.header("etag").to_owned();
    let before = town.rig.services.store.audit_head().await.unwrap();
    assert_eq!(town.rig.get(&format!("/api/v1/orders/{id}"), Some(far)).await.status, StatusCode::NOT_FOUND);
    assert_eq!(town.rig.get("/api/v1/orders", Some(far)).await.json()["meta"]["count"], 0);
    let notice = json!({ "point": "P1", "kind": "cut", "given_at": town.now().to_string(), "how": "x", "given_by": "x" });
    let protection = json!({ "protections": [{ "point": "P1", "kind": "other", "reason": "x" }] });
    let everywhere = json!({ "days": [{ "day": "2026-12-01", "area": null, "kind": "holiday" }] });
    for (path, who, body) in [
        ("/api/v1/orders".to_owned(), far, cut(&town)),
        ("/api/v1/restores".to_owned(), far, json!({ "points": ["P1"], "reason": "settled" })),
        ("/api/v1/holds".to_owned(), far, json!({ "points": ["P1"], "reason": "protection" })),
        (format!("/api/v1/orders/{id}/cancel"), far, json!({})),
        (format!("/api/v1/orders/{id}/withdraw"), farther, json!({})),
        ("/api/v1/evidence/notices".to_owned(), far, json!({ "notices": [notice] })),
        ("/api/v1/protections".to_owned(), far, protection),
        ("/api/v1/calendar".to_owned(), far, everywhere),
    ] {
        let answer = town.post(&path, who, &body).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}: {answer:?}");
    }
    let path = format!("/api/v1/orders/{id}/approve");
    let approved = town.post_with(&path, farther, ("if-match", &tag), &town.code(farther)).await;
    assert_eq!(approved.status, StatusCode::NOT_FOUND, "{approved:?}");
    // Whoever sees a part takes over no list of the whole.
    let owed = json!({ "as_of": town.now().to_string(), "arrears": [] });
    assert_eq!(town.post("/api/v1/evidence/arrears", far, &owed).await.code(), "not_allowed");
    let entered = town.rig.services.store.audit_after(before.number, 100).await.unwrap();
    let refused = entered.iter().filter(|entry| entry.action == "request.refused").count();
    assert!(refused == entered.len() && refused >= 4, "and nothing was done: {entered:?}");
    let own = town.rig.get("/api/v1/protections", Some(far)).await.json();
    assert_eq!((&own["meta"]["count"], &own["protections"][0]["point"]), (&json!(1), &json!("P2")));
}

#[tokio::test]
async fn f52_supply_is_given_back_while_stop_is_pressed_and_two_lift_it() {
    let town = Town::new().await;
    let pressed = town.post("/api/v1/stop/press", &town.admin, &json!({ "reason": "drill" })).await;
    assert_eq!(pressed.json()["stop"]["is_stopped"], true, "{pressed:?}");
    let restore = json!({ "points": ["P1", "P9", "P1"], "reason": "settled" });
    let restored = town.post("/api/v1/restores", &town.li, &restore).await;
    assert_eq!((restored.status, &restored.json()["state"]), (StatusCode::CREATED, &json!("approved")));
    assert_eq!(restored.json()["refused"][0]["of"], "P9", "and one that is not there keeps nobody waiting");
    let order = town.order(number(&restored.json()["id"])).await.json();
    assert_eq!(order["order"]["kind"], "close_permit");
    assert_eq!(order["order"]["approvers_needed"], 0);
    let held = json!({ "points": ["P2"], "reason": "protection", "text": "高考" });
    assert_eq!(town.post("/api/v1/holds", &town.wang, &held).await.status, StatusCode::CREATED);

    let lift = async |who: &Somebody| {
        let mut body = town.code(who);
        body["kind"] = json!("stop");
        town.post("/api/v1/stop/lift", who, &body).await
    };
    assert_eq!(lift(&town.admin).await.code(), "not_allowed");
    for _ in 0..2 {
        let one = lift(&town.wang).await;
        assert_eq!((one.status, &one.json()["stop"]["is_stopped"]), (StatusCode::ACCEPTED, &json!(true)));
    }
    let two = lift(&town.zhao).await;
    assert_eq!((two.status, &two.json()["stop"]["is_stopped"]), (StatusCode::OK, &json!(false)), "{two:?}");
}

#[tokio::test]
async fn f45_a_payment_told_by_the_billing_service_takes_the_cut_back() {
    let town = Town::new().await;
    town.make_ready().await;
    let id = town.submitted(&town.li, Reason::Arrears).await;
    let paid = |customer: &str, amount: &str| {
        let at = town.now().to_string();
        json!({ "customer": customer, "reference": format!("{customer}-1"), "amount_yuan": amount, "paid_at": at })
    };
    let wrong = json!({ "payments": [paid("C1", "0.001")] });
    assert_eq!(town.post("/api/v1/evidence/payments", &town.billing, &wrong).await.code(), "decimal");
    assert_eq!(town.order(id).await.json()["order"]["state"], "submitted");
    let payments = json!({ "payments": [paid("C9", "5"), paid("C1", "123.45")] });
    let entered = town.post("/api/v1/evidence/payments", &town.billing, &payments).await.json();
    assert_eq!(entered, json!({ "entered": 1, "taken_back": 1, "unknown_customers": ["C9"] }));
    let point = town.order(id).await.json()["order"]["points"][0].clone();
    assert_eq!((&point["state"], &point["objections"][0]["code"]), (&json!("cancelled"), &json!("paid")));
}

#[tokio::test]
async fn i12_what_gives_supply_back_leaves_out_numbers_that_are_not_there_and_says_in_which_field() {
    let town = Town::new().await;
    for kind in ["close_permit", "direct_close", "hold_on"] {
        let reason = if kind == "hold_on" { "protection" } else { "settled" };
        let body = json!({ "kind": kind, "reason": reason, "text": "现场确认安全", "points": ["P1", "P9"] });
        let asked = town.post("/api/v1/orders", &town.wang, &body).await;
        assert_eq!(asked.status, StatusCode::CREATED, "{kind}: {asked:?}");
        let left_out = asked.json()["refused"].clone();
        assert_eq!((&left_out[0]["code"], &left_out[0]["of"]), (&json!("not_there"), &json!("P9")), "{kind}");
    }
    let nobody = json!({ "kind": "close_permit", "reason": "settled", "points": ["P8", "P9"] });
    let alarm = json!({ "kind": "alarm_on", "reason": "arrears", "points": ["P1", "P9"] });
    for (who, body) in [(&town.wang, nobody), (&town.li, alarm)] {
        let refused = town.post("/api/v1/orders", who, &body).await;
        assert_eq!(refused.status, StatusCode::NOT_FOUND, "{refused:?}");
        let problem = refused.json();
        assert!(
            problem["detail"].as_str().unwrap().starts_with("`points`: these numbers are not there"),
            "{problem}"
        );
        assert!(problem["detail_zh"].as_str().unwrap().contains("字段 points"), "{problem}");
        assert!(
            problem["reasons"].as_array().unwrap().iter().any(|reason| reason["of"] == "P9"),
            "{problem}"
        );
    }
    for (field, value) in [("kind", "close"), ("reason", "because"), ("from", "tomorrow"), ("until", "8:00")]
    {
        let mut body = json!({ "kind": "alarm_on", "reason": "arrears", "points": ["P1"] });
        body[field] = json!(value);
        let refused = town.post("/api/v1/orders", &town.li, &body).await.json();
        assert!(refused["detail"].as_str().unwrap().starts_with(&format!("`{field}`: ")), "{refused}");
        assert!(refused["detail_zh"].as_str().unwrap().contains(field), "{refused}");
    }
}
