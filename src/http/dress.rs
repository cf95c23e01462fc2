//! What every answer gets: the number of its request, headers that keep a browser careful, and a form for problems.
//!
//! A handler that panics is counted, logged and answered like any other failure; nothing else of the process is touched
//! (R9).

use std::panic::AssertUnwindSafe;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use futures_util::FutureExt;
use maud::Markup;
use tracing::Instrument;

use super::Services;
use super::auth;
use super::caller::{Caller, Source};
use super::console::assets::CONTENT_SECURITY_POLICY;
use super::console::looking::view_of_problem;
use super::page;
use super::problem::Problem;
use crate::telemetry;

/// The number of a request, which its answer and the log of the program show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(pub String);

/// Has a request answered, and dresses the answer.
pub(super) async fn dress(State(services): State<Services>, mut request: Request, next: Next) -> Response {
    let id = RequestId(auth::draw(8).unwrap_or_default());
    let is_api = request.uri().path().starts_with("/api/");
    let path = request.uri().path().to_owned();
    let headers_asked = request.headers().clone();
    let source = request.extensions().get::<Source>().map_or(String::new(), |source| source.0.clone());
    request.extensions_mut().insert(id.clone());
    let span = tracing::info_span!("http_request", id = %id.0, method = %request.method());
    let answering = AssertUnwindSafe(next.run(request)).catch_unwind().instrument(span);
    let mut response = answering.await.unwrap_or_else(|_| {
        metrics::counter!(telemetry::HTTP_PANICS).increment(1);
        tracing::error!(id = %id.0, path, "answering a request broke off");
        Problem::internal().into_response()
    });
    if is_plain_problem(&response) {
        let problem = response.extensions().get::<Problem>().cloned();
        let problem = problem.unwrap_or_else(|| Problem::of_status(response.status()));
        let mut caller = response.extensions().get::<Caller>().cloned();
        if caller.is_none() && !is_api && problem.status == StatusCode::NOT_FOUND {
            // No route, and nobody has asked yet who it is.
            let presence = auth::Presence::of(&headers_asked);
            caller = auth::identify(&services, &headers_asked, &source, presence).await.unwrap_or_default();
        }
        let page = if is_api {
            None
        } else {
            let view = view_of_problem(&services, &headers_asked, caller.as_ref(), problem.status).await;
            Some(page::problem(&view, &problem, &id.0))
        };
        response = told(&problem, &id, page);
    }
    let status = response.status();
    metrics::counter!(telemetry::HTTP_REQUESTS, "class" => class(status)).increment(1);
    headers(&mut response, &id, services.settings.behind_tls);
    response
}

/// A problem that has no form yet: that of a handler, or the bare one of the libraries below.
fn is_plain_problem(response: &Response) -> bool {
    let status = response.status();
    let has_problem = response.extensions().get::<Problem>().is_some();
    has_problem || ((status.is_client_error() || status.is_server_error()) && !has_form(response))
}

/// Pages of ours that tell of a problem in their own way.
fn has_form(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    kind.starts_with(b"text/html")
}

/// The page, or the document where there is none.
fn told(problem: &Problem, id: &RequestId, page: Option<Markup>) -> Response {
    let mut response = match page {
        None => {
            let document = serde_json::to_string(&problem.document(&id.0)).unwrap_or_default();
            ([(header::CONTENT_TYPE, "application/problem+json")], document).into_response()
        }
        Some(page) => Html(page.into_string()).into_response(),
    };
    *response.status_mut() = problem.status;
    if let Some(wait) = problem.retry_after {
        let seconds = wait.as_secs().max(1);
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    if problem.status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if matches!(problem.status, StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_TIMEOUT) {
        // What is left of the body is not waited for.
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

fn headers(response: &mut Response<Body>, id: &RequestId, behind_tls: bool) {
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.entry(*name).or_insert(HeaderValue::from_static(value));
    }
    if behind_tls {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
    if let Ok(id) = HeaderValue::from_str(&id.0) {
        headers.insert("x-request-id", id);
    }
}

const fn class(status: StatusCode) -> &'static str {
    match status.as_u16() {
        0..=399 => "ok",
        400..=499 => "refused",
        _ => "failed",
    }
}

/// Nothing inline, nothing from elsewhere, in nobody's frame; nothing kept unless the route says so.
const HEADERS: &[(&str, &str)] = &[
    ("content-security-policy", CONTENT_SECURITY_POLICY),
    // With `no-referrer` browsers would not say from which page a form comes, which the guard asks for.
    ("referrer-policy", "same-origin"),
    ("x-frame-options", "DENY"),
    ("x-content-type-options", "nosniff"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "geolocation=(), camera=(), microphone=()"),
    ("cache-control", "no-store"),
];
