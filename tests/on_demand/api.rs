//! The same by the API: jobs are asked for, followed and taken back; and what was collected is read, page by page.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode, header};
use chaobiao::collect::{CannotReadAgain, ReadAgain};
use chaobiao::config::Http;
use chaobiao::domain::access::{Regions, Role};
use chaobiao::domain::{AuditEntry, RunState};
use chaobiao::http::auth::{Passwords, start_session};
use chaobiao::http::{self, Services, Source};
use chaobiao::store::access::{AccountChange, NewAccount, PasswordHash};
use serde_json::{Value, json};
use tokio::sync::{Notify, OnceCell};
use tower::ServiceExt;

use crate::desk::{Desk, addresses, file, today};
use crate::rig::{HeadEnd, Town, TownPlan, config, world};

/// The router of a town.
struct Api {
    services: Services,
    router: Router,
}

/// Somebody who is signed in.
struct Somebody {
    cookie: String,
    csrf: String,
}

struct Answer {
    status: StatusCode,
    place: String,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }
}

impl Api {
    fn new(town: &Town, head_end: &HeadEnd, desk: &Desk) -> Self {
        let settings = Http { changes_per_minute: 100_000, requests_per_minute: 100_000, ..Http::default() };
        let (store, clock, lines) =
            (town.store.clone(), town.clock.clone(), chaobiao::channel::Lines::default());
        let services = Services::new(store, clock, lines, head_end.collector.progress(), settings)
            .reading(desk.service.clone());
        Self { router: http::router(services.clone()), services }
    }

    async fn somebody(&self, name: &str, role: Role, regions: Regions) -> Somebody {
        let (store, now) = (&self.services.store, self.services.clock.now());
        let entry = |action| AuditEntry::of_system(now, action, format!("account {name}"));
        let hash = password_hash().await;
        let new =
            NewAccount { person: name, name, role, regions: &regions, password: hash, proposed_by: None };
        let id = store.add_account(&new, &entry("account.add")).await.unwrap();
        let change = AccountChange::SetPassword(hash);
        let account = store.change_account(id, None, &change, &entry("account.password")).await.unwrap();
        let secret = start_session(&self.services, &account, "127.0.0.1").await.unwrap();
        let mut somebody = Somebody { cookie: format!("chaobiao_session={secret}"), csrf: String::new() };
        let session = self.get("/api/v1/session", &somebody).await.json();
        somebody.csrf = session["session"]["csrf"].as_str().unwrap().to_owned();
        somebody
    }

    /// Sends a body with its idempotency key, which may be empty where the route takes none.
    async fn send(&self, method: Method, path: &str, who: &Somebody, body: Option<(&str, Value)>) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "chaobiao.test")
            .header(header::COOKIE, &who.cookie)
            .header("x-csrf-token", &who.csrf)
            .header(header::CONTENT_TYPE, "application/json");
        if let Some((key, _)) = body.as_ref().filter(|(key, _)| !key.is_empty()) {
            request = request.header("idempotency-key", *key);
        }
        let text = body.map_or_else(String::new, |(_, body)| body.to_string());
        let mut request = request.body(Body::from(text)).unwrap();
        request.extensions_mut().insert(Source("127.0.0.1".to_owned()));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let text = String::from_utf8(to_bytes(body, 16 << 20).await.unwrap().to_vec()).unwrap();
        let place = parts.headers.get(header::LOCATION).map_or("", |place| place.to_str().unwrap());
        Answer { status: parts.status, place: place.to_owned(), text }
    }

    /// Sends a form, as a page does without a script.
    async fn form(&self, path: &str, who: &Somebody, body: &str) -> Answer {
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(header::HOST, "chaobiao.test")
            .header(header::COOKIE, &who.cookie)
            .header("x-csrf-token", &who.csrf)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let response =
            self.router.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let text = String::from_utf8(to_bytes(body, 16 << 20).await.unwrap().to_vec()).unwrap();
        let place = parts.headers.get(header::LOCATION).map_or("", |place| place.to_str().unwrap());
        Answer { status: parts.status, place: place.to_owned(), text }
    }

    async fn get(&self, path: &str, who: &Somebody) -> Answer {
        self.send(Method::GET, path, who, None).await
    }

    /// Follows the pages of a list to its end.
    async fn all(&self, path: &str, list: &str, who: &Somebody) -> Vec<Value> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let answer = self.get(&format!("{path}{cursor}"), who).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}{cursor}: {}", answer.text);
            let answer = answer.json();
            all.extend(answer[list].as_array().unwrap().iter().cloned());
            match answer["meta"]["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return all,
            }
        }
    }
}

/// The hash of a password, computed once: it is meant to take long.
async fn password_hash() -> &'static PasswordHash {
    static HASH: OnceCell<PasswordHash> = OnceCell::const_new();
    HASH.get_or_init(|| async { Passwords::default().hash("tree lamp river 9").await.unwrap() }).await
}

/// A town of one night, with its archive and its readings.
async fn town(folder: &tempfile::TempDir, meters: usize, seed: u64) -> (Town, HeadEnd) {
    let mut world = world(meters, 2, 9600, seed, false);
    let area = |meter: &mut simulator::world::file::MeterEntry| {
        meter.customer.transformer_area = "东门台区".to_owned();
    };
    world.meter.iter_mut().take(3).for_each(area);
    let config = config(&world, "[collection]\nrepair_days = 1\n[intervals]\nrepair_days = 1");
    let town = Town::new(TownPlan::new(world, config, today(), file(folder))).await;
    let head_end = town.head_end();
    town.swap_voice(addresses(&town)[0], &mut None);
    assert_eq!(town.night(&head_end, today()).await.run.state, RunState::Partial);
    (town, head_end)
}

#[tokio::test]
async fn t16_t18_a_job_is_asked_for_once_followed_and_taken_back_by_those_who_may() {
    let folder = tempfile::tempdir().unwrap();
    let (town, head_end) = town(&folder, 6, 431).await;
    let desk = Desk::new(&town, &head_end);
    let api = Api::new(&town, &head_end, &desk);
    let sites = town.store.site_meters().await.unwrap();
    let area = sites.last().unwrap().area_id.unwrap();
    let operator = api.somebody("wang", Role::Operator, Regions::All).await;
    let viewer = api.somebody("zhao", Role::Viewer, Regions::All).await;
    let local = api.somebody("chen", Role::Operator, Regions::Areas(vec![area])).await;
    let meters: Vec<String> = addresses(&town)[1..4].iter().map(ToString::to_string).collect();
    let groups = api.get("/api/v1/reads/groups", &viewer).await.json();
    let names: Vec<_> =
        groups["groups"].as_array().unwrap().iter().map(|group| group["name"].clone()).collect();
    assert_eq!(names.len(), 8);
    let body = json!({ "meters": meters, "groups": ["registers", "status"] });
    let post = async |who, key, body: &Value| {
        api.send(Method::POST, "/api/v1/reads", who, Some((key, body.clone()))).await
    };
    let made = post(&operator, "key-0001", &body).await;
    assert_eq!(made.status, StatusCode::ACCEPTED, "{}", made.text);
    let again = post(&operator, "key-0001", &body).await;
    assert_eq!((again.status, &again.place), (StatusCode::OK, &made.place));
    let id = made.json()["read"]["id"].as_str().unwrap().to_owned();
    assert_eq!(made.place, format!("/api/v1/reads/{id}"));
    for (who, key, body, status, code) in [
        (&operator, "key-0001", json!({ "meters": meters, "groups": ["clock"] }), 409, "other_under_key"),
        (&operator, "key-0002", json!({ "meters": ["1"], "groups": ["clock"] }), 422, "no_such_meter"),
        (&operator, "key-0003", json!({ "meters": ["abc"], "groups": ["clock"] }), 400, "malformed"),
        (&operator, "key-0004", json!({ "meters": meters, "groups": ["00010000"] }), 422, "no_such_group"),
        (&operator, "key-0005", json!({ "meters": meters, "groups": [], "raw": "68" }), 400, "malformed"),
        (&viewer, "key-0006", body.clone(), 403, "not_allowed"),
    ] {
        let answer = post(who, key, &body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.json()["code"].as_str()),
            (status, Some(code)),
            "{}",
            answer.text
        );
    }
    // Events come until the job has ended, and the last one says so.
    let events = api.get(&format!("/api/v1/reads/{id}/stream"), &viewer).await.text;
    let told: Vec<Value> = events
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    assert!(told.len() >= 3, "{} events", told.len());
    let last = told.last().unwrap();
    assert_eq!((&last["read"]["state"], &last["read"]["waiting"]), (&json!("done"), &json!(0)));
    let is_asking =
        |event: &Value| event["meters"].as_array().unwrap().iter().any(|meter| meter["asking"].is_object());
    assert!(told.iter().any(is_asking), "somebody saw it being asked");
    let shown = api.get(&format!("/api/v1/reads/{id}/meters/{}", meters[0]), &viewer).await.json();
    let answers = shown["answers"].as_array().unwrap();
    assert!(answers.iter().all(|answer| answer["given_until"].is_string() && answer["age_s"].is_u64()));
    let register = &answers[0]["values"][0];
    assert!(register["value"].is_string() && register["before"]["as_of"].is_string(), "{register}");
    assert!(answers[0]["frames"][0]["direction"] == "request", "{}", answers[0]["frames"]);
    let status = answers.iter().find(|answer| answer["data_id"] == "04000503").unwrap();
    assert!(status["values"][0]["bits"].as_array().is_some_and(|bits| bits.len() > 4), "{status}");
    // Somebody of another region finds nothing of it.
    for path in ["", "/stream", &format!("/meters/{}", meters[0])] {
        let answer = api.get(&format!("/api/v1/reads/{id}{path}"), &local).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}: {}", answer.text);
    }
    let gone = api.send(Method::DELETE, &format!("/api/v1/reads/{id}"), &local, None).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    assert_eq!(api.all("/api/v1/reads?limit=1", "reads", &local).await, Vec::<Value>::new());
    // One that is taken back.
    let body = json!({ "meters": meters, "groups": ["events"], "expires_after_s": 60 });
    let second = post(&operator, "key-0009", &body).await;
    let cancelled = api.send(Method::DELETE, &second.place, &operator, None).await;
    assert_eq!(cancelled.json()["read"]["state"], "cancelled", "{}", cancelled.text);
    assert_eq!(api.all("/api/v1/reads?limit=1", "reads", &viewer).await.len(), 2);
    drop((api, desk));
    head_end.close().await;
    town.close().await;
}

/// By API and page, with its frames: the job stays one's own.
#[tokio::test]
async fn t16_what_a_job_has_read_is_told_while_its_area_is_ones_own() {
    let folder = tempfile::tempdir().unwrap();
    let (town, head_end) = town(&folder, 6, 433).await;
    let desk = Desk::new(&town, &head_end);
    let api = Api::new(&town, &head_end, &desk);
    let sites = town.store.site_meters().await.unwrap();
    let east =
        sites.iter().find(|site| site.point.area.as_deref() == Some("东门台区")).unwrap().area_id.unwrap();
    let other = sites.iter().find(|site| site.area_id != Some(east)).unwrap();
    let both = Regions::Areas(vec![east, other.area_id.unwrap()]);
    let chen = api.somebody("chen", Role::Operator, both).await;
    let (near, far) = (addresses(&town)[1].to_string(), other.meter.address.to_string());
    let body = json!({ "meters": [near, far], "groups": ["registers"] });
    let made = api.send(Method::POST, "/api/v1/reads", &chen, Some(("key-0001", body))).await;
    assert_eq!(made.status, StatusCode::ACCEPTED, "{}", made.text);
    let id = made.json()["read"]["id"].as_str().unwrap().to_owned();
    let ended = api.get(&format!("/api/v1/reads/{id}/stream"), &chen).await;
    assert!(ended.text.contains(&near) && ended.text.contains(&far), "{}", ended.text);
    let answers = async |who: &Somebody| {
        let mut statuses = Vec::new();
        for meter in [&near, &far] {
            statuses.push(api.get(&format!("/api/v1/reads/{id}/meters/{meter}"), who).await.status);
        }
        statuses
    };
    assert_eq!(answers(&chen).await, [StatusCode::OK, StatusCode::OK]);
    // From now on one area only.
    let account = town.store.account_named("chen").await.unwrap().unwrap();
    let entry = AuditEntry::of_system(town.clock.now(), "account.regions", "account chen");
    let narrowed = Regions::Areas(vec![east]);
    let narrowed = AccountChange::SetRegions(&narrowed);
    let account = town.store.change_account(account.id, None, &narrowed, &entry).await.unwrap();
    let secret = start_session(&api.services, &account, "127.0.0.1").await.unwrap();
    let chen = Somebody { cookie: format!("chaobiao_session={secret}"), csrf: String::new() };
    assert_eq!(answers(&chen).await, [StatusCode::OK, StatusCode::NOT_FOUND]);
    for path in ["", "/stream"] {
        let shown = api.get(&format!("/api/v1/reads/{id}{path}"), &chen).await;
        assert!(shown.text.contains(&near) && !shown.text.contains(&far), "{}", shown.text);
    }
    let page = async |asked: &str| api.get(&format!("/reads/{id}{asked}"), &chen).await.text;
    for asked in ["", "?csv=all&reason=x"] {
        let told = page(asked).await;
        assert!(told.contains(&near) && !told.contains(&far), "{asked}: {told}");
    }
    let answered = "<h2>电能表 <a";
    assert!(page(&format!("?meter={near}")).await.contains(answered));
    assert!(!page(&format!("?meter={far}")).await.contains(answered));
    drop((api, desk));
    head_end.close().await;
    town.close().await;
}

#[tokio::test]
async fn t16_what_was_collected_is_read_by_page_and_only_within_the_region() {
    let folder = tempfile::tempdir().unwrap();
    let (town, head_end) = town(&folder, 6, 432).await;
    let desk = Desk::new(&town, &head_end);
    let api = Api::new(&town, &head_end, &desk);
    let sites = town.store.site_meters().await.unwrap();
    let area = sites.last().unwrap().area_id.unwrap();
    let viewer = api.somebody("zhao", Role::Viewer, Regions::All).await;
    let local = api.somebody("chen", Role::Operator, Regions::Areas(vec![area])).await;
    let auditor = api.somebody("sun", Role::Auditor, Regions::All).await;
    let all = api.all("/api/v1/meters?limit=2", "meters", &viewer).await;
    let listed: Vec<_> = all.iter().map(|meter| meter["address"].as_str().unwrap()).collect();
    let mut expected: Vec<_> = addresses(&town).iter().map(ToString::to_string).collect();
    expected.sort();
    assert_eq!(listed, expected);
    let own = sites.iter().filter(|site| site.area_id == Some(area)).count();
    assert_eq!(api.all("/api/v1/meters?limit=1", "meters", &local).await.len(), own);
    let found = api.all(&format!("/api/v1/meters?limit=5&q={}", listed[3]), "meters", &auditor).await;
    assert_eq!(found.len(), 1);
    let (silent, meter) = (addresses(&town)[0], addresses(&town)[1]);
    let sheet = api.get(&format!("/api/v1/meters/{meter}"), &viewer).await.json();
    assert_eq!(sheet["meter"]["installations"].as_array().unwrap().len(), 1, "{sheet}");
    let latest = api.get(&format!("/api/v1/meters/{meter}/latest"), &viewer).await.json();
    assert!(latest["values"].as_array().unwrap().len() >= 10, "{latest}");
    let span = "from=2026-11-21&until=2026-11-22";
    let registers =
        api.all(&format!("/api/v1/meters/{meter}/registers?{span}&limit=7"), "values", &viewer).await;
    // Two midnights of two registers with four tariffs.
    assert_eq!(registers.len(), 20);
    assert!(registers.iter().all(|value| value["is_current"] == true && value["source"] == "freeze"));
    let one =
        format!("/api/v1/meters/{meter}/intervals?from=2026-11-21&until=2026-11-21&item=1.8.0&limit=50");
    let points = api.all(&one, "values", &viewer).await;
    assert_eq!(points.len(), 96);
    assert!(points.is_sorted_by_key(|point| point["at"].as_str().unwrap().to_owned()));
    let file = format!("/api/v1/meters/{meter}/registers?{span}&format=csv");
    let without = api.get(&file, &viewer).await;
    assert_eq!(without.json()["code"], "reason_missing", "{}", without.text);
    let csv = api.get(&format!("{file}&reason=complaint-17"), &viewer).await.text;
    assert_eq!(csv.lines().count(), 21, "{csv}");
    assert!(csv.starts_with("\u{feff}value,meter_address"), "{csv}");
    let entries = api.services.store.audit_after(0, 100_000).await.unwrap();
    let taken: Vec<_> = entries.iter().filter(|entry| entry.action == "export.values").collect();
    assert_eq!(taken.len(), 1, "pages of a few values are none");
    assert_eq!(taken[0].object, format!("meter {meter} registers"));
    assert!(
        taken[0].detail.contains(r#""reason":"complaint-17""#) && taken[0].detail.contains(r#""values":20"#)
    );
    api.all(&format!("/api/v1/meters/{meter}/events?limit=3"), "events", &viewer).await;
    let runs = api.all("/api/v1/runs?limit=1", "runs", &viewer).await;
    assert_eq!((runs.len(), &runs[0]["state"]), (1, &json!("partial")));
    let run = runs[0]["id"].as_str().unwrap();
    let shown = api.get(&format!("/api/v1/runs/{run}"), &viewer).await.json();
    let meters: u64 =
        shown["groups"].as_array().unwrap().iter().map(|group| group["meters"].as_u64().unwrap()).sum();
    assert_eq!(meters, 6);
    let missing = api.all(&format!("/api/v1/runs/{run}/missing?limit=1"), "missing", &viewer).await;
    assert_eq!(missing.len(), 1);
    assert_eq!(
        (&missing[0]["address"], &missing[0]["cause"]),
        (&json!(silent.to_string()), &json!("silent"))
    );
    let hidden = sites.iter().find(|site| site.area_id != Some(area)).unwrap().meter.address;
    for path in ["", "/latest", "/registers", "/intervals", "/events"] {
        let answer = api.get(&format!("/api/v1/meters/{hidden}{path}"), &local).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}: {}", answer.text);
    }
    for query in
        ["from=2026-11-22&until=2026-11-21", "from=2020-01-01", "from=yesterday", "item=9.9.9", "limit=-1"]
    {
        let answer = api.get(&format!("/api/v1/meters/{meter}/registers?{query}"), &viewer).await;
        assert!(answer.status.is_client_error(), "{query}: {}", answer.text);
    }
    drop((api, desk));
    head_end.close().await;
    town.close().await;
}

#[tokio::test]
async fn a_form_that_was_filled_in_wrongly_comes_back_with_what_was_typed() {
    let folder = tempfile::tempdir().unwrap();
    let (town, head_end) = town(&folder, 4, 433).await;
    let desk = Desk::new(&town, &head_end);
    let api = Api::new(&town, &head_end, &desk);
    let operator = api.somebody("wang", Role::Operator, Regions::All).await;
    for (typed, status, says) in [
        ("meters=12ab+7&group_demand=1", StatusCode::BAD_REQUEST, "12ab 不是通信地址"),
        ("meters=7", StatusCode::UNPROCESSABLE_ENTITY, "请选择要读的内容"),
        ("meters=888888888888&group_demand=1", StatusCode::UNPROCESSABLE_ENTITY, "没有电能表 888888888888"),
    ] {
        let answer = api.form("/reads", &operator, typed).await;
        assert_eq!(answer.status, status, "{}", answer.text);
        let meters = typed.split('&').next().unwrap().trim_start_matches("meters=").replace('+', " ");
        assert!(answer.text.contains(says) && answer.text.contains("action=\"/reads\""), "{}", answer.text);
        assert!(answer.text.contains(&format!(">{meters}</textarea>")), "{meters}: {}", answer.text);
        let is_chosen = answer.text.contains("name=\"group_demand\" value=\"1\" checked");
        assert_eq!(is_chosen, typed.contains("group_demand"), "{}", answer.text);
        assert!(!answer.text.contains("name=\"group_registers\" value=\"1\" checked"), "{}", answer.text);
    }
    assert_eq!(api.form("/reads", &operator, "meters=888888888888").await.place, "", "no job was begun");
    drop((api, desk));
    head_end.close().await;
    town.close().await;
}

#[tokio::test]
async fn what_a_night_missed_is_read_again_as_far_as_it_is_asked_for_and_one_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(6, 2, 9600, 77, false);
    world.meter.iter_mut().take(1).for_each(|meter| meter.customer.transformer_area = "东门台区".to_owned());
    let config = config(&world, "[collection]\nrepair_days = 0\nevents = false\n[intervals]\nmode = \"off\"");
    let town = Town::new(TownPlan::new(world, config, today(), file(&folder))).await;
    let head_end = town.head_end();
    let all = addresses(&town);
    let (mut first, mut last) = (None, None);
    town.swap_voice(all[0], &mut first);
    town.swap_voice(all[5], &mut last);
    let run = town.night(&head_end, today()).await.run;
    assert_eq!(run.state, RunState::Partial);
    let ended = Arc::new(Notify::new());
    let again = ReadAgain::new(
        head_end.collector.clone(),
        &head_end.tasks,
        head_end.stop.clone(),
        Arc::clone(&ended),
    );
    let desk = Desk::new(&town, &head_end);
    let mut api = Api::new(&town, &head_end, &desk);
    api.services = api.services.rereading(again.clone());
    api.router = http::router(api.services.clone());
    let operator = api.somebody("wang", Role::Operator, Regions::All).await;
    let viewer = api.somebody("zhao", Role::Viewer, Regions::All).await;
    let sites = town.store.site_meters().await.unwrap();
    let area = sites.iter().find(|site| site.meter.address == all[0]).unwrap().area_id.unwrap();
    let local = api.somebody("chen", Role::Operator, Regions::Areas(vec![area])).await;
    let path = format!("/api/v1/runs/{}/read_again", run.id);
    let ask = async |who: &Somebody, body: Value| {
        let answer = api.send(Method::POST, &path, who, Some(("", body))).await;
        let code = answer.json()["code"].as_str().unwrap_or_default().to_owned();
        (answer.status.as_u16(), code, answer.json()["meters"].clone())
    };
    assert_eq!(ask(&viewer, json!({})).await.1, "not_allowed");
    let both = json!({ "transformer_area": "东门台区", "line": "line 1" });
    assert_eq!(ask(&operator, both).await.1, "area_and_line");
    assert_eq!(ask(&operator, json!({ "line": "nowhere" })).await.1, "nothing_missing");
    let page = api.get("/", &operator).await.text;
    assert!(page.contains("补抄全部未抄") && page.contains("value=\"东门台区\""), "{page}");

    // Both are mute, and both can be heard again; only that of one area is asked for.
    town.swap_voice(all[0], &mut first);
    town.swap_voice(all[5], &mut last);
    assert_eq!(
        ask(&operator, json!({ "transformer_area": "东门台区" })).await,
        (202, String::new(), json!(1))
    );
    assert_eq!(again.under_way().unwrap().by, "wang");
    assert_eq!(ask(&operator, json!({})).await.1, "reread_goes_on");
    ended.notified().await;
    assert!(again.under_way().is_none());
    let missing = async || {
        let lines = town.store.missing_lines(run.id, &Regions::All, 100).await.unwrap();
        lines.into_iter().map(|line| line.address).collect::<Vec<_>>()
    };
    assert_eq!(missing().await, [all[5].to_string()], "the other one was not asked");
    let stands = town.store.run(run.id).await.unwrap().unwrap();
    assert_eq!((stands.state, stands.deadline), (RunState::Partial, run.deadline));
    assert_eq!(ask(&local, json!({})).await.1, "nothing_missing", "what is left is of another region");
    assert_eq!(ask(&operator, json!({})).await, (202, String::new(), json!(1)));
    ended.notified().await;
    assert!(missing().await.is_empty());
    assert_eq!(town.store.run(run.id).await.unwrap().unwrap().state, RunState::Done);
    assert_eq!(ask(&operator, json!({})).await.1, "nothing_missing");
    let log = town.store.audit_after(0, 10_000).await.unwrap();
    let asked: Vec<_> = log.iter().filter(|entry| entry.action == "run.read_again").collect();
    assert_eq!(asked.len(), 2, "{asked:?}");
    let going = chaobiao::domain::Run { state: RunState::Running, ..run };
    let meters = [sites[0].meter_id].into_iter().collect();
    let refused = again.ask(&crate::desk::acting(Role::Operator), &going, meters, "all").await.unwrap_err();
    assert!(matches!(refused, CannotReadAgain::Running), "a run that goes on comes back by itself");
    drop((api, desk, again));
    head_end.close().await;
    town.close().await;
}
