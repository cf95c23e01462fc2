//! An instance that waits for the site: it opens no line and no console, and says on the port for machines who serves (F36).

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::AppError;
use crate::http;
use crate::store::Holder;

/// An instance that waits.
#[derive(Debug)]
pub struct Standby {
    holder: Arc<Mutex<Holder>>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Standby {
    /// Begins to wait, and answers on the port for machines, where there is one, that it does.
    ///
    /// # Errors
    /// [`AppError`] when the port cannot be opened.
    pub async fn begin(holder: Holder, at: Option<SocketAddr>) -> Result<Self, AppError> {
        let (holder, tasks, stop) =
            (Arc::new(Mutex::new(holder)), TaskTracker::new(), CancellationToken::new());
        if let Some(at) = at {
            let listener = http::listen(at).await.map_err(AppError::Watched)?;
            tracing::info!("it waits at http://{}/readyz", listener.local_addr().unwrap_or(at));
            let router = Router::new()
                .route("/healthz", get(async || axum::Json(serde_json::json!({ "ok": true, "wrong": [] }))))
                .route("/readyz", get(readiness))
                .with_state(Arc::clone(&holder));
            let (answers, ended) = (tasks.clone(), stop.clone());
            tasks.spawn(async move {
                http::serve_alone(router, listener, MOST_CONNECTIONS, &answers, &ended).await;
            });
        }
        Ok(Self { holder, tasks, stop })
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

const MOST_CONNECTIONS: usize = 32;
