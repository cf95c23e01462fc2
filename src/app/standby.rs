//! An instance that waits for the site: it opens no line and no console, and says on the port for machines who serves (F36).
//! The file that stops all cuts does so here as well: it is told to whoever serves by the database (F52).

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::tell_facts::seconds;
use super::watch_port::WatchPort;
use crate::clock::Clock;
use crate::config::{Config, Database};
use crate::domain::supply::HaltKind;
use crate::store::{Holder, Migrations, Store};
use crate::supply::is_stopped;
use crate::telemetry::facts::{self, Exposition};
use crate::telemetry::with_causes;

/// An instance that waits.
#[derive(Debug)]
pub struct Standby {
    holder: Arc<Mutex<Holder>>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Standby {
    /// Begins to wait, answers on the port for machines, where there is one, that it does, and looks for the file that stops
    /// all cuts.
    pub async fn begin(holder: Holder, config: &Config, clock: &Clock) -> Self {
        let (holder, tasks, stop) =
            (Arc::new(Mutex::new(holder)), TaskTracker::new(), CancellationToken::new());
        if let Some(at) = config.metrics.listen {
            let mut facts = Exposition::default();
            facts.add(facts::BUILD, &[("version", env!("CARGO_PKG_VERSION"))], 1);
            facts.add(facts::STARTED, &[], seconds(clock.now()));
            facts.add(facts::STANDBY, &[], 1);
            let facts = facts.into_text();
            // Whoever watches finds it alive, and not the one that serves.
            let metrics = async move || ([(header::CONTENT_TYPE, EXPOSITION)], facts);
            let router = Router::new()
                .route("/healthz", get(async || axum::Json(serde_json::json!({ "ok": true, "wrong": [] }))))
                .route("/readyz", get(readiness))
                .route("/metrics", get(metrics))
                .with_state(Arc::clone(&holder));
            let port = WatchPort {
                at,
                router,
                told: |at| tracing::info!("it waits at http://{at}/readyz"),
                tasks: tasks.clone(),
                stop: stop.clone(),
            };
            port.answer().await;
        }
        if let Some(file) = config.supply.stop_file.clone() {
            let (database, clock, ended) = (config.database.clone(), clock.clone(), stop.clone());
            tasks.spawn(async move {
                ended.run_until_cancelled(stop_by_file(&file, &database, &clock)).await;
            });
        }
        Self { holder, tasks, stop }
    }

    /// Notes who serves the site now.
    pub fn see(&self, holder: Holder) {
        *self.holder.lock().unwrap_or_else(PoisonError::into_inner) = holder;
    }

    /// Ends, so that the port is free.
    pub async fn end(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// Has whoever serves the site stop all cuts for as long as the file is there.
async fn stop_by_file(file: &Path, database: &Database, clock: &Clock) {
    let mut store: Option<Store> = None;
    loop {
        if is_stopped(Some(file)) {
            let told = async {
                let store = match &store {
                    Some(store) => store,
                    None => store.insert(Store::open_configured(database, Migrations::Check).await?),
                };
                store.halt_cuts(HaltKind::StopFile, &file.display().to_string(), clock.now()).await
            };
            if let Err(error) = told.await {
                tracing::error!(
                    kind = error.kind(),
                    "STOP by the file is not told yet: {}",
                    with_causes(&error)
                );
            }
        } else if let Some(store) = store.take() {
            store.close().await;
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn readiness(State(holder): State<Arc<Mutex<Holder>>>) -> Response {
    let holder = holder.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let since = holder.since.to_string();
    let told = serde_json::json!({
        "ok": false,
        "wrong": ["standby"],
        "holder": { "name": holder.name, "version": holder.version, "since": since, "token": holder.token },
    });
    (StatusCode::SERVICE_UNAVAILABLE, axum::Json(told)).into_response()
}

/// The form of what Prometheus is told.
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";
/// How often it is looked for the file: STOP has to hold within two seconds (F52).
const LOOK: Duration = Duration::from_millis(500);
