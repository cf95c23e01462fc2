//! The console and the API: what people and other programs see of the head-end, and how they are known.
//!
//! [`serve`] answers on one port. Every route is in one registry with who may use it ([`mod@routes`]); every request passes
//! one guard that knows who asks, whether they may, and whether a browser was tricked into it; every answer is dressed
//! in one place. Handlers parse, call one function below, and render: what is true is decided in `domain`, `store`,
//! `collect` and `supply`.

pub mod api;
mod archive_import;
mod audit_table;
pub mod auth;
mod brought;
mod caller;
mod changes;
mod clock_set;
pub mod console;
mod dress;
mod figures;
mod files;
mod given;
mod guard;
mod line_list;
mod lists;
mod meter_clock;
mod meter_freeze;
mod meter_told;
mod once;
pub mod orderable;
mod page;
mod problem;
mod rate;
mod reads_import;
mod refusals;
mod reread;
pub mod routes;
mod server;
mod streams;
mod terminals;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_http::compression::CompressionLayer;

pub use audit_table::{audit_csv_head, audit_csv_line, cell};
pub use caller::{Caller, Credential, Source};
pub use changes::{Changes, Counts, Topic};
pub use dress::RequestId;
pub use files::Files;
pub use given::{Asked, Given, IfMatch, etag};
pub use once::Once;
pub use problem::{Problem, ProblemDocument, ProblemReason};
pub use rate::Rates;
pub use refusals::Refusals;
pub use routes::{Route, Routes, Rule};
pub use streams::Streams;

use crate::billing;
use crate::channel::Lines;
use crate::clock::Clock;
use crate::collect::on_demand::OnDemand;
use crate::collect::{self, Collector, Progress, ReadAgain};
use crate::config::profile::Profiles;
use crate::config::{Config, Effective, Http, Line};
use crate::store::{AuditVerdict, Store, StoreError};
use crate::supply::Supply;
use crate::terminal::Terminals;

/// What handlers work with. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Services {
    /// Where everything is kept.
    pub store: Store,
    /// What time it is.
    pub clock: Clock,
    /// The lines.
    pub lines: Lines,
    /// Concentrators and terminals; `None` in a process that serves none.
    pub terminals: Option<Terminals>,
    /// How far the run of a night has come.
    pub progress: watch::Receiver<Progress>,
    /// Wakes whoever watches.
    pub changes: Changes,
    /// What collection and billing go by; `None` in a process that does neither.
    pub rules: Option<Arc<SiteRules>>,
    /// Collects; `None` in a process that does not.
    pub collector: Option<Collector>,
    /// Reads meters on demand; `None` in a process that does not.
    pub on_demand: Option<OnDemand>,
    /// Reads again what nights have missed; `None` in a process that does not.
    pub read_again: Option<ReadAgain>,
    /// Supply orders; `None` in a process that gives none.
    pub supply: Option<Supply>,
    /// Every key of the configuration with what holds for it; empty in a process that was not given one.
    pub shown: Arc<[Effective]>,
    /// `[http]` of the configuration.
    pub settings: Arc<Http>,
    /// Ends what would go on for ever, such as a stream of events.
    pub stop: CancellationToken,
    passwords: auth::Passwords,
    rates: Rates,
    refusals: Refusals,
    bearers: auth::Bearers,
    streams: Streams,
    files: Files,
    routes: Arc<Vec<Route>>,
    document: Arc<str>,
    verifying: Arc<Mutex<()>>,
}

impl Services {
    /// What stands against cuts has changed: those that are about to leave are judged once more (F45).
    pub(crate) fn judge_cuts_again(&self) {
        if let Some(supply) = &self.supply {
            supply.judge_again();
        }
    }

    /// From the parts of a site.
    #[must_use]
    pub fn new(
        store: Store,
        clock: Clock,
        lines: Lines,
        progress: watch::Receiver<Progress>,
        settings: Http,
    ) -> Self {
        Self {
            store,
            clock,
            lines,
            terminals: None,
            collector: None,
            progress,
            changes: Changes::default(),
            rules: None,
            on_demand: None,
            read_again: None,
            supply: None,
            shown: Arc::default(),
            settings: Arc::new(settings),
            stop: CancellationToken::new(),
            passwords: auth::Passwords::default(),
            rates: Rates::default(),
            refusals: Refusals::default(),
            bearers: auth::Bearers::default(),
            streams: Streams::default(),
            files: Files::default(),
            routes: Arc::default(),
            document: Arc::from(""),
            verifying: Arc::default(),
        }
    }

    /// The same, for a site with this configuration.
    #[must_use]
    pub fn of_site(self, config: &Config) -> Self {
        let rules = SiteRules {
            billing: billing::Rules::of(config),
            collection: collect::Settings::of(config),
            lines: config.lines.clone(),
            profiles: config.profiles.clone(),
            anchor_file: config.audit.anchor_file.clone(),
        };
        Self { rules: Some(Arc::new(rules)), ..self }
    }

    /// The same, showing what the configuration says.
    #[must_use]
    pub fn showing(self, effective: Arc<[Effective]>) -> Self {
        Self { shown: effective, ..self }
    }

    /// The same, reading meters on demand.
    #[must_use]
    pub fn reading(self, on_demand: OnDemand) -> Self {
        Self { on_demand: Some(on_demand), ..self }
    }

    /// The same, reading again what nights have missed.
    #[must_use]
    pub fn rereading(self, read_again: ReadAgain) -> Self {
        Self { read_again: Some(read_again), ..self }
    }

    /// The same, giving supply orders.
    #[must_use]
    pub fn ordering(self, supply: Supply) -> Self {
        Self { supply: Some(supply), ..self }
    }

    /// The same, with the terminals that this process serves, and what collects from them.
    #[must_use]
    pub fn with_terminals(self, terminals: Terminals, collector: Collector) -> Self {
        Self { terminals: Some(terminals), collector: Some(collector), ..self }
    }

    /// The profiles of meters; those that are built in, in a process without a configuration.
    #[must_use]
    pub fn profiles(&self) -> Profiles {
        self.rules.as_ref().map(|rules| rules.profiles.clone()).unwrap_or_default()
    }

    /// Verifies the whole audit log, by the heads that were noted of it outside the database as well (T26).
    pub(crate) async fn verified_audit(&self) -> Result<AuditVerdict, StoreError> {
        // Each goes through all of it: one after the other.
        let _turn = self.verifying.lock().await;
        let file = self.rules.as_ref().and_then(|rules| rules.anchor_file.as_deref());
        self.store.verify_audit_by(file).await
    }

    /// Hashes and checks passwords.
    #[must_use]
    pub const fn passwords(&self) -> &auth::Passwords {
        &self.passwords
    }

    /// Every route with who may use it.
    #[must_use]
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }
}

/// What collection and billing go by, and what files of people must fit.
#[derive(Clone, Debug)]
pub struct SiteRules {
    /// What is billed, and how.
    pub billing: billing::Rules,
    /// What is collected, and when.
    pub collection: collect::Settings,
    /// The lines.
    pub lines: Vec<Line>,
    /// The profiles of meters.
    pub profiles: Profiles,
    /// Where the end of the audit log is noted outside the database.
    pub anchor_file: Option<PathBuf>,
}

/// Every route there is.
#[must_use]
pub fn routes() -> Routes {
    api::routes().and(console::routes())
}

/// The port cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// Another process has it.
    #[error("another program listens on {at} already")]
    Taken {
        /// Where.
        at: SocketAddr,
    },
    /// The system does not give it.
    #[error("the console cannot listen on {at}")]
    Listen {
        /// Where.
        at: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl HttpError {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Taken { .. } => "address_in_use",
            Self::Listen { .. } => "listen",
        }
    }
}

/// Opens the port.
///
/// # Errors
/// [`HttpError`] when it cannot be, because another process has it for one.
pub async fn listen(at: SocketAddr) -> Result<TcpListener, HttpError> {
    server::listen(at).await.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => HttpError::Taken { at },
        _ => HttpError::Listen { at, source },
    })
}

/// Answers on the port until `stop`. Answers that are under way are tasks of `tasks`, and end soon after.
pub async fn serve(services: Services, listener: TcpListener, tasks: &TaskTracker, stop: &CancellationToken) {
    let settings = server::Accepting {
        most_connections: usize::try_from(services.settings.most_connections).unwrap_or(usize::MAX),
        trusted_proxies: Arc::new(services.settings.trusted_proxies.clone()),
    };
    let services = Services { stop: stop.clone(), ..services };
    server::accept(router(services), listener, settings, tasks, stop).await;
}

/// Answers these routes alone on a port of their own, by the same rules for clients that do not move, until `stop`.
pub async fn serve_alone(
    router: Router,
    listener: TcpListener,
    most_connections: usize,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) {
    let settings = server::Accepting { most_connections, trusted_proxies: Arc::default() };
    server::accept(router, listener, settings, tasks, stop).await;
}

/// All routes behind their checks, without a port: what [`serve`] serves, and what tests ask.
pub fn router(services: Services) -> Router {
    let routes = routes();
    let document = api::document(&routes);
    let services =
        Services { routes: Arc::new(routes.all().cloned().collect()), document: document.into(), ..services };
    routes
        .into_router(&services)
        .layer(DefaultBodyLimit::disable())
        .layer(CompressionLayer::new().gzip(true))
        .layer(from_fn_with_state(services.clone(), dress::dress))
        .with_state(services)
}
