//! The port for machines that watch the process: `/metrics`, `/healthz` and `/readyz`.
//!
//! It is not the port of the console (T21): nobody signs in here, and nothing here is secret or of a customer. It is served
//! by tasks of its own, so that it tells of a site that stands still; and whatever it asks of the database is asked once at a
//! time and waited for within bounds ([`Asked`]), so that a database that hangs hangs neither it nor anything else. Clients
//! that do not move are closed as those of the console are.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::anchor::Noted;
use super::asked::{Asked, WITHIN};
use super::disk::{Room, room};
use super::lock::SiteLock;
use super::pulse::Pulse;
use super::watch_port::WatchPort;
use super::{Site, tell_facts};
use crate::clock::Clock;
use crate::domain::Moment;
use crate::domain::access::Regions;
use crate::store::alarm::AlarmCounts;
use crate::store::facts::ServiceFacts;
use crate::store::{Store, StoreError};
use crate::telemetry::facts::Exposition;
use crate::telemetry::{Recorder, with_causes};

/// What the database tells for one answer.
pub(super) type Told = Result<(ServiceFacts, AlarmCounts), Kind>;

/// The short name of an error of the store.
type Kind = &'static str;

/// What answers go by.
pub(super) struct Watched {
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) noted: Noted,
    pub(super) began_at: Moment,
    disks: Vec<(&'static str, PathBuf)>,
    recorder: Recorder,
    pulse: Pulse,
    lock: Option<Arc<SiteLock>>,
    stop: CancellationToken,
    facts: Asked<Told>,
    room: Asked<Vec<(&'static str, Room)>>,
    ready: Asked<Result<(), (Kind, Kind)>>,
}

/// Whether the process can do its work, for machines.
#[derive(Debug, Serialize)]
struct Health {
    ok: bool,
    /// What is wrong: short names from a closed set.
    wrong: Vec<&'static str>,
}

impl Site {
    /// Answers who watches, where the configuration has them watch, until `stop`, in tasks of its own. A port that another
    /// program has is told of, and opened once it is free.
    pub async fn answer_watchers(&self, recorder: Recorder, stop: &CancellationToken) {
        let Some(at) = self.config.metrics.listen else { return };
        let tasks = &self.tasks;
        let watched = Watched {
            store: self.store.clone(),
            clock: self.clock.clone(),
            noted: self.noted.clone(),
            began_at: self.clock.now(),
            disks: self.disks(),
            recorder: recorder.clone(),
            pulse: self.pulse.clone(),
            lock: self.lock.clone(),
            stop: stop.clone(),
            facts: Asked::new(tasks, stop),
            room: Asked::new(tasks, stop),
            ready: Asked::new(tasks, stop),
        };
        let port = WatchPort {
            at,
            router: router(Arc::new(watched)),
            told: |at| tracing::info!("metrics are at http://{at}/metrics"),
            tasks: tasks.clone(),
            stop: stop.clone(),
        };
        port.answer().await;
        let ended = stop.clone();
        tasks.spawn(async move { recorder.keep_up(&ended).await });
    }
}

fn router(watched: Arc<Watched>) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(health))
        .route("/readyz", get(readiness))
        .with_state(watched)
}

async fn metrics(State(watched): State<Arc<Watched>>) -> Response {
    let (facts, room) = tokio::join!(watched.facts(), watched.room());
    let mut text = watched.recorder.render();
    let mut written = Exposition::default();
    tell_facts::tell(&mut written, &watched, facts.as_ref(), room.as_deref());
    text.push_str(&written.into_text());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

/// Whether the parts turn; a database that is away is no reason to be started again.
async fn health(State(watched): State<Arc<Watched>>) -> Response {
    told(watched.pulse.troubles())
}

/// Whether work can be done: the parts turn, nobody has taken our place, and the database takes writes.
async fn readiness(State(watched): State<Arc<Watched>>) -> Response {
    let mut wrong = watched.pulse.troubles();
    if watched.stop.is_cancelled() {
        wrong.push("stopping");
    }
    if watched.lock.as_ref().is_some_and(|lock| !lock.is_held()) {
        wrong.push("lock");
    }
    if !watched.store.may_act() {
        wrong.push("tenure");
    }
    match watched.ready().await {
        Some(Ok(())) => {}
        Some(Err(("store_schema", _))) => wrong.push("schema"),
        Some(Err((_, reason))) => wrong.extend(["database", reason]),
        // It was waited for in vain.
        None => wrong.extend(["database", "database_hangs"]),
    }
    told(wrong)
}

fn told(wrong: Vec<&'static str>) -> Response {
    let ok = wrong.is_empty();
    let status = if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, axum::Json(Health { ok, wrong })).into_response()
}

impl Watched {
    async fn facts(&self) -> Option<(ServiceFacts, AlarmCounts)> {
        let (store, now) = (self.store.clone(), self.clock.now());
        let ask = async move {
            let facts = store.service_facts(now).await.map_err(|error| kept_quiet(&error))?;
            let alarms = store.alarm_counts(&Regions::All).await.map_err(|error| kept_quiet(&error))?;
            Ok((facts, alarms))
        };
        self.facts.ask(ask).await?.ok()
    }

    async fn ready(&self) -> Option<Result<(), (Kind, Kind)>> {
        let store = self.store.clone();
        let why = |error: StoreError| (kept_quiet(&error), error.reason());
        self.ready.ask(async move { store.ready().await.map_err(why) }).await
    }

    async fn room(&self) -> Option<Vec<(&'static str, Room)>> {
        let disks = self.disks.clone();
        let look = async move {
            // A disk of the network may hang; the question then does, and nobody else.
            let look =
                move || disks.iter().filter_map(|(name, path)| Some((*name, room(path).ok()?))).collect();
            tokio::task::spawn_blocking(look).await.unwrap_or_default()
        };
        self.room.ask(look).await
    }
}

/// The error goes to the log; only its kind goes out.
fn kept_quiet(error: &StoreError) -> Kind {
    tracing::debug!(kind = error.kind(), "a question of who watches: {}", with_causes(error));
    error.kind()
}

/// How long an answer takes at most.
pub const WATCHERS_WAIT: std::time::Duration = WITHIN;
