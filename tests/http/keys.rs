//! Requests with a key that were killed, whose answer was lost, or that came twice at once (T18).

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use chaobiao::clock::Clock;
use chaobiao::config::Http;
use chaobiao::domain::AuditEntry;
use chaobiao::domain::access::{Action, Role};
use chaobiao::domain::supply::Reason;
use chaobiao::http::auth::hash;
use chaobiao::store::Address;
use chaobiao::store::access::NewToken;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};

use crate::orders::Town;
use crate::ports;
use crate::postgres::Cluster;
use crate::rig::{Answer, Rig, Somebody, request};

const TOKEN: &str = "cb_0123456789abcdef0123456789abcdef";
const KEY: &str = "2026-11-30/alarm/1";

fn unlimited() -> Http {
    Http { changes_per_minute: 100_000, requests_per_minute: 100_000, ..Http::default() }
}

/// A database of each kind, with where its files are.
async fn databases() -> Vec<(tempfile::TempDir, Address)> {
    let folder = tempfile::tempdir().unwrap();
    let file = Address::Sqlite(folder.path().join("site.db"));
    let mut found = vec![(folder, file)];
    if let Some(cluster) = Cluster::shared() {
        found.push((tempfile::tempdir().unwrap(), Address::Postgres(cluster.new_database().await)));
    }
    found
}

/// Loses every answer that was noted, as a process does that is killed before it notes one.
async fn lose_answers(address: &Address) {
    let lose = AssertSqlSafe("UPDATE idempotency SET status = NULL, answer = NULL");
    match address {
        Address::Sqlite(path) => {
            let mut connection =
                SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap();
            sqlx::query(lose).execute(&mut connection).await.unwrap();
        }
        Address::Postgres(url) => {
            sqlx::query(lose).execute(&mut PgConnection::connect(url).await.unwrap()).await.unwrap();
        }
    }
}

async fn send(town: &Town, path: &str, who: &Somebody, headers: &[(&str, &str)], body: &Value) -> Answer {
    let mut request = request(Method::POST, path, Some(who))
        .header("content-type", "application/json")
        .header("x-csrf-token", &who.csrf);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    town.rig.send(request.body(Body::from(body.to_string())).unwrap()).await
}

/// What acts, who does it, and what it is sent with.
async fn acts(town: &Town) -> Vec<(String, &Somebody, Option<String>, Value)> {
    let order = town.submitted(&town.li, Reason::Danger).await;
    let seen = town.order(order).await.header("etag").to_owned();
    let now = town.now().to_string();
    let until = town.now().plus(Duration::from_secs(4 * 3600)).to_string();
    let change =
        json!({ "change": "change_transformers", "point": "P1", "ct": "200/5", "vt": "1", "from": now });
    let proposed = json!({ "reason": "new transformers", "change": change });
    let other = town.post("/api/v1/proposals", &town.li, &proposed).await.json();
    let confirm = format!("/api/v1/proposals/{}/confirm", other["proposal"]["id"]);
    let terms = town.rig.get("/api/v1/supply/terms", Some(&town.admin)).await.json()["strict"].clone();
    let (approve, confirming) = (town.code(&town.wang), town.code(&town.zhao));
    let making = town.admin.totp.code_at(town.now());
    let plain = |path: &str, who, body| (path.to_owned(), who, None, body);
    vec![
        plain(
            "/api/v1/orders",
            &town.li,
            json!({ "kind": "alarm_on", "reason": "arrears", "points": ["P2"] }),
        ),
        plain("/api/v1/restores", &town.li, json!({ "reason": "settled", "points": ["P2", "P9"] })),
        plain("/api/v1/holds", &town.li, json!({ "reason": "protection", "points": ["P2", "P9"] })),
        plain(
            "/api/v1/orders/drafts",
            &town.li,
            json!({ "kind": "hold_off", "reason": "protection_over", "text": "x", "points": ["P1"], "until": until }),
        ),
        (format!("/api/v1/orders/{order}/approve"), &town.wang, Some(seen), approve),
        plain("/api/v1/proposals", &town.li, proposed),
        (confirm, &town.zhao, None, confirming),
        plain("/api/v1/supply/terms", &town.admin, json!({ "from": "2027-01-01", "terms": terms })),
        plain(
            "/api/v1/accounts",
            &town.admin,
            json!({ "person": "p", "name": "new", "role": "viewer", "code": making }),
        ),
    ]
}

#[tokio::test]
async fn t18_a_request_whose_answer_was_lost_is_answered_from_what_it_did() {
    for (_folder, address) in databases().await {
        let town = Town::over(Rig::limited(&address, unlimited()).await).await;
        town.make_ready().await;
        for (number, (path, who, seen, body)) in acts(&town).await.into_iter().enumerate() {
            let key = format!("key-of-{number}");
            let mut headers = vec![("idempotency-key", key.as_str())];
            headers.extend(seen.as_deref().map(|seen| ("if-match", seen)));
            let first = send(&town, &path, who, &headers, &body).await;
            assert!(first.status.is_success(), "{path}: {first:?}");
            let (mut answer, audited) = (first.json(), town.rig.audited().await);
            for shown_once in ["one_time_password", "one_time_password_until"] {
                answer.as_object_mut().unwrap().remove(shown_once);
            }
            for lost in [true, false] {
                if lost {
                    lose_answers(&address).await;
                }
                let again = send(&town, &path, who, &headers, &body).await;
                assert_eq!((again.status, again.json()), (first.status, answer.clone()), "{path}: {lost}");
                assert_eq!(again.header("etag"), first.header("etag"), "{path}");
            }
            assert_eq!(town.rig.audited().await, audited, "{path}: nothing more was done");
        }
    }
}

#[tokio::test]
async fn t18_of_two_that_come_at_once_one_is_done_and_both_are_answered() {
    for (_folder, address) in databases().await {
        let town = Town::over(Rig::limited(&address, unlimited()).await).await;
        let body = json!({ "kind": "alarm_on", "reason": "arrears", "points": ["P1"] });
        let headers = [("idempotency-key", KEY)];
        let all = (0..8).map(|_| send(&town, "/api/v1/orders", &town.li, &headers, &body));
        let answers = futures_util::future::join_all(all).await;
        for answer in &answers {
            assert_eq!((answer.status, answer.json()), (StatusCode::CREATED, answers[0].json()));
        }
        let orders = town.rig.get("/api/v1/orders", Some(&town.li)).await.json();
        assert_eq!(orders["meta"]["count"], 1, "{orders}");
    }
}

/// A head-end of its own process, which is killed at a point.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        // Gone already, or to be gone now.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Serving {
    fn begin(folder: &std::path::Path, address: &Address, order: &str) -> (Self, u16) {
        let named = match address {
            Address::Sqlite(path) => format!("path = \"{}\"", path.display()),
            Address::Postgres(url) => {
                std::fs::write(folder.join("url"), url).unwrap();
                "url_file = \"url\"".to_owned()
            }
        };
        let port = ports::two_free();
        let text = format!(
            "[database]\n{named}\n[http]\nlisten = \"127.0.0.1:{port}\"\n[[line]]\nname = \"L1\"\ntcp = \"127.0.0.1:1\"\n"
        );
        std::fs::write(folder.join("chaobiao.toml"), text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_chaobiao"));
        command.current_dir(folder).arg("serve").env("CHAOBIAO_FAILPOINT", order);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        (Self(command.spawn().unwrap()), port)
    }

    /// Waits until it listens, sends a request, and gives what came back, which is nothing where it was killed.
    async fn ask(&mut self, port: u16, body: &str) -> String {
        let limit = tokio::time::Instant::now() + Duration::from_secs(60);
        let mut stream = loop {
            if let Ok(stream) = TcpStream::connect(("127.0.0.1", port)) {
                break stream;
            }
            assert!(tokio::time::Instant::now() < limit, "it does not listen: {:?}", self.0.try_wait());
            // Another process begins: there is no event to wait for here.
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        let text = format!(
            "POST /api/v1/orders HTTP/1.1\r\nHost: site\r\nConnection: close\r\nAuthorization: Bearer {TOKEN}\r\n\
             Content-Type: application/json\r\nIdempotency-Key: {KEY}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = String::new();
        // A connection that breaks off has no answer either.
        let _ = stream.read_to_string(&mut answer);
        answer
    }
}

/// A request of the program with the token.
fn by_token(method: Method, body: &str) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri("/api/v1/orders")
        .header(header::HOST, "chaobiao.test")
        .header(header::AUTHORIZATION, format!("Bearer {TOKEN}"))
        .header(header::CONTENT_TYPE, "application/json")
        .header("idempotency-key", KEY)
        .body(Body::from(body.to_owned()))
        .unwrap()
}

/// Kills the program at each point of an order, and sends the same request to the one that comes after it.
async fn killed(cluster: Option<&'static Cluster>) {
    for point in [
        "before handing in a supply order",
        "after handing in a supply order",
        "before noting the answer of a request",
        "after noting the answer of a request",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let address = match cluster {
            None => Address::Sqlite(folder.path().join("site.db")),
            Some(cluster) => Address::Postgres(cluster.new_database().await),
        };
        let town = Town::over(Rig::limited(&address, unlimited()).await).await;
        let now = Clock::system().now();
        let scopes: Vec<Action> = Action::all().filter(|action| Role::Operator.may(*action)).collect();
        let new = NewToken {
            account: town.li.account.id,
            name: "robot",
            hash: &hash(TOKEN),
            scopes: &scopes,
            expires_at: now.plus(Duration::from_secs(86_400)),
        };
        let entry = AuditEntry::of_system(now, "token.add", "token robot");
        town.rig.services.store.add_token(&new, &entry).await.unwrap();
        town.rig.services.store.close().await;
        let body = json!({ "kind": "alarm_on", "reason": "arrears", "points": ["P1"] }).to_string();

        let (mut serving, port) = Serving::begin(folder.path(), &address, &format!("kill 1 {point}"));
        let answer = serving.ask(port, &body).await;
        assert_eq!(answer, "", "{point}: it was not killed there");
        assert!(!serving.0.wait().unwrap().success());

        let rig = Rig::limited(&address, unlimited()).await;
        rig.clock.set(Clock::system().now());
        let again = rig.send(by_token(Method::POST, &body)).await;
        assert_eq!(again.status, StatusCode::CREATED, "{point}: {again:?}");
        let orders = rig.send(by_token(Method::GET, "")).await.json();
        assert_eq!(orders["meta"]["count"], 1, "{point}: {orders}");
        assert_eq!(orders["orders"][0]["id"], again.json()["id"], "{point}");
        let third = rig.send(by_token(Method::POST, &body)).await;
        assert_eq!((third.status, third.json()), (again.status, again.json()), "{point}");
        let other = rig.send(by_token(Method::POST, &body.replace("P1", "P2"))).await;
        assert_eq!((other.status, other.code()), (StatusCode::CONFLICT, "key_taken".to_owned()), "{point}");
        rig.services.store.close().await;
    }
}

#[tokio::test]
async fn t18_a_killed_request_is_done_once_and_answered_when_it_comes_again() {
    killed(None).await;
}

#[tokio::test]
async fn t18_a_killed_request_is_done_once_and_answered_on_postgres() {
    let Some(cluster) = Cluster::shared() else { return };
    killed(Some(cluster)).await;
}
