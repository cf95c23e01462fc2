//! A head-end without meters behind its router, and people to ask it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use chaobiao::channel::Lines;
use chaobiao::clock::{Clock, ManualClock};
use chaobiao::collect::Progress;
use chaobiao::config::{Config, Http};
use chaobiao::domain::access::{Regions, Role};
use chaobiao::domain::{AuditEntry, Moment};
use chaobiao::http::auth::{Passwords, Totp};
use chaobiao::http::{self, Services, Source};
use chaobiao::store::access::{AccountChange, AccountRecord, NewAccount, PasswordHash};
use chaobiao::store::{Address, Migrations, Store};
use chaobiao::supply::field::{FieldParts, Fields};
use chaobiao::supply::{Supply, SupplyParts, SupplySettings};
use tokio::sync::watch;
use tower::ServiceExt;

/// A head-end.
pub(crate) struct Rig {
    pub(crate) services: Services,
    pub(crate) router: Router,
    pub(crate) clock: ManualClock,
    _progress: watch::Sender<Progress>,
    _folder: tempfile::TempDir,
}

/// Somebody with an account.
#[derive(Clone)]
pub(crate) struct Somebody {
    pub(crate) account: AccountRecord,
    pub(crate) totp: Totp,
    /// The cookie and the token of their session, once they have signed in.
    pub(crate) cookie: String,
    pub(crate) csrf: String,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

pub(crate) const PASSWORD: &str = "tree lamp river 9";

/// When the story begins.
pub(crate) fn morning() -> Moment {
    "2026-11-23".parse::<chaobiao::domain::Day>().unwrap().start().plus(Duration::from_secs(8 * 3600))
}

impl Rig {
    pub(crate) async fn new() -> Self {
        Self::with(Http { changes_per_minute: 100_000, requests_per_minute: 100_000, ..Http::default() })
            .await
    }

    pub(crate) async fn with(settings: Http) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = Address::Sqlite(folder.path().join("store.db"));
        Self::over(folder, &address, settings).await
    }

    /// With another database.
    pub(crate) async fn on(address: &Address) -> Self {
        let settings = Http { requests_per_minute: 100_000, ..Http::default() };
        Self::over(tempfile::tempdir().unwrap(), address, settings).await
    }

    /// With another database and these limits.
    pub(crate) async fn limited(address: &Address, settings: Http) -> Self {
        Self::over(tempfile::tempdir().unwrap(), address, settings).await
    }

    async fn over(folder: tempfile::TempDir, address: &Address, settings: Http) -> Self {
        let store = Store::open(address, Migrations::Run).await.unwrap();
        let clock = ManualClock::still(morning());
        let (progress, following) = watch::channel(Progress::default());
        let supply = supply(&store, &clock.clock(), &folder.path().join("amr.toml"));
        let services =
            Services::new(store, clock.clock(), Lines::default(), following, settings).ordering(supply);
        let router = http::router(services.clone());
        Self { services, router, clock, _progress: progress, _folder: folder }
    }

    /// Follows whether cuts that are about to leave are judged once more (F45).
    pub(crate) fn judged(&self) -> watch::Receiver<u64> {
        self.services.supply.as_ref().unwrap().changes()
    }

    /// Makes an account that is finished: it has its own password and, where its role needs one, a second factor.
    pub(crate) async fn somebody(&self, name: &str, role: Role, regions: Regions) -> Somebody {
        let store = &self.services.store;
        let entry =
            |action| AuditEntry::of_system(self.services.clock.now(), action, format!("account {name}"));
        let hash = password_hash();
        let new =
            NewAccount { person: name, name, role, regions: &regions, password: &hash, proposed_by: None };
        let id = store.add_account(&new, &entry("account.add")).await.unwrap();
        let change = AccountChange::SetPassword(&hash);
        let mut account = store.change_account(id, None, &change, &entry("account.password")).await.unwrap();
        let totp = Totp::draw().unwrap();
        if role.needs_second_factor() {
            let change = AccountChange::SetFactor { secret: &totp.secret(), step: 0 };
            account = store.change_account(id, None, &change, &entry("account.factor")).await.unwrap();
        }
        Somebody { account, totp, cookie: String::new(), csrf: String::new() }
    }

    /// The same, signed in.
    pub(crate) async fn signed_in(&self, name: &str, role: Role) -> Somebody {
        let somebody = self.somebody(name, role, Regions::All).await;
        self.sign_in(somebody).await
    }

    /// Opens a session by the function that the form uses once a password was right.
    pub(crate) async fn sign_in(&self, somebody: Somebody) -> Somebody {
        let secret = http::auth::start_session(&self.services, &somebody.account, "127.0.0.1").await.unwrap();
        let cookie = format!("chaobiao_session={secret}");
        let mut somebody = Somebody { cookie, ..somebody };
        let answer = self.get("/api/v1/session", Some(&somebody)).await;
        somebody.csrf = answer.json()["session"]["csrf"].as_str().unwrap().to_owned();
        assert_eq!(somebody.csrf.len(), 64);
        somebody
    }

    pub(crate) async fn send(&self, mut request: Request<Body>) -> Answer {
        request.extensions_mut().insert(Source("127.0.0.1".to_owned()));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        // A stream has no end that could be waited for.
        let is_stream =
            parts.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream");
        let body = if is_stream { Bytes::new() } else { to_bytes(body, 64 << 20).await.unwrap() };
        let body = String::from_utf8_lossy(&body).into_owned();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) async fn get(&self, path: &str, who: Option<&Somebody>) -> Answer {
        self.send(request(Method::GET, path, who).body(Body::empty()).unwrap()).await
    }

    /// Sends JSON, as a script of a page does.
    pub(crate) async fn json(
        &self,
        method: Method,
        path: &str,
        who: Option<&Somebody>,
        body: &str,
    ) -> Answer {
        let mut request = request(method, path, who).header(header::CONTENT_TYPE, "application/json");
        if let Some(who) = who {
            request = request.header("x-csrf-token", &who.csrf);
        }
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    /// Sends a form, as a page does without a script.
    pub(crate) async fn form(&self, path: &str, who: Option<&Somebody>, fields: &[(&str, &str)]) -> Answer {
        let mut text = who.map_or(String::new(), |who| format!("csrf={}", who.csrf));
        for (name, value) in fields {
            text.push_str(&format!("&{name}={}", escaped(value)));
        }
        let request = request(Method::POST, path, who)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(text.trim_start_matches('&').to_owned()));
        self.send(request.unwrap()).await
    }

    /// A code of the second factor of somebody. Each counts once, so time goes on.
    pub(crate) fn code(&self, who: &Somebody) -> String {
        self.clock.advance(Duration::from_secs(31));
        who.totp.code_at(self.services.clock.now())
    }

    /// How many entries of the audit log have each action.
    pub(crate) async fn audited(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for record in self.services.store.audit_after(0, 100_000).await.unwrap() {
            *counts.entry(record.action).or_default() += 1;
        }
        counts
    }
}

/// Supply orders of a site without lines: they are taken, and nobody carries them out.
fn supply(store: &Store, clock: &Clock, file: &Path) -> Supply {
    let config = Config::parse(file, "[database]\npath = \"unused.db\"\n").unwrap().config;
    let (store, clock) = (store.clone(), clock.clone());
    let parts = FieldParts {
        store: store.clone(),
        clock: clock.clone(),
        lines: Lines::default(),
        vault: None,
        security: None,
    };
    let (fields, settings) = (Fields::new(&config, parts), SupplySettings::of(&config, 1));
    Supply::new(SupplyParts { store, clock, fields, settings })
}

impl Answer {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The code of a problem; empty for anything else.
    pub(crate) fn code(&self) -> String {
        let value: serde_json::Value = serde_json::from_str(&self.body).unwrap_or_default();
        value.get("code").and_then(|code| code.as_str()).unwrap_or_default().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

pub(crate) fn request(method: Method, path: &str, who: Option<&Somebody>) -> axum::http::request::Builder {
    let request = Request::builder().method(method).uri(path).header(header::HOST, "chaobiao.test");
    match who {
        Some(who) => request.header(header::COOKIE, &who.cookie),
        None => request,
    }
}

pub(crate) fn escaped(text: &str) -> String {
    text.bytes()
        .map(
            |byte| {
                if byte.is_ascii_alphanumeric() {
                    char::from(byte).to_string()
                } else {
                    format!("%{byte:02X}")
                }
            },
        )
        .collect()
}

/// The hash of [`PASSWORD`], computed once: it is meant to take long.
fn password_hash() -> PasswordHash {
    static HASH: OnceLock<PasswordHash> = OnceLock::new();
    let hash = || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(Passwords::default().hash(PASSWORD)).unwrap()
    };
    HASH.get_or_init(|| std::thread::spawn(hash).join().unwrap()).clone()
}
