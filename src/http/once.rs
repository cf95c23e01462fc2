//! Requests with an idempotency key: done once, however often they come (T18).
//!
//! The key is taken before anything is done and the answer noted afterwards. A request that was broken off in between is
//! not done again under its key: what became of it is looked for first. What has to be one transaction with its key takes
//! the key in the store itself.

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::Services;
use super::auth::hash;
use super::caller::Caller;
use super::problem::Problem;
use crate::store::access::Claim;

/// Does what a request asks for and answers with status and body as JSON, or gives the answer that the same key had.
/// `body` is the text of the request; with the same key it has to be the same. A request without a key is simply done.
///
/// # Errors
/// [`Problem`] for a key that another request has, or whose request is not known to have ended; else what `work` says.
pub async fn once<T: Serialize>(
    services: &Services,
    caller: &Caller,
    headers: &HeaderMap,
    body: &str,
    work: impl AsyncFnOnce() -> Result<(StatusCode, T), Problem>,
) -> Result<Response, Problem> {
    let Some(key) = headers.get("idempotency-key") else {
        let (status, answer) = work().await?;
        return Ok(json(status, serde_json::to_string(&answer).unwrap_or_default()));
    };
    let key = key.to_str().ok().filter(|key| (8..=128).contains(&key.len())).ok_or_else(bad_key)?;
    let account = caller.acting.account;
    let claim = services.store.claim_key(account, key, &hash(body), services.clock.now()).await?;
    match claim {
        Claim::New => {}
        Claim::Answered { status, answer } => {
            return Ok(json(StatusCode::from_u16(status).unwrap_or(StatusCode::OK), answer));
        }
        Claim::Open => {
            return Err(Problem::new(
                StatusCode::CONFLICT,
                "key_open",
                "a request with this key has begun and is not known to have ended; look what became of it",
                "使用该幂等键的请求尚未结束，请先查看其结果",
            ));
        }
        Claim::Other => {
            return Err(Problem::new(
                StatusCode::CONFLICT,
                "key_taken",
                "this key belongs to another request",
                "该幂等键已用于其他请求",
            ));
        }
    }
    match work().await {
        Ok((status, answer)) => {
            let answer = serde_json::to_string(&answer).unwrap_or_default();
            services.store.settle_key(account, key, status.as_u16(), &without_secrets(&answer)).await?;
            Ok(json(status, answer))
        }
        Err(problem) => {
            // Nothing was changed. Where the database went away, nobody knows: the key stays, and what became of it is looked for.
            if problem.status.is_client_error() {
                services.store.release_key(account, key).await?;
            }
            Err(problem)
        }
    }
}

fn bad_key() -> Problem {
    Problem::malformed(
        "an idempotency key has 8 to 128 printable characters",
        "幂等键须为 8 至 128 个可见字符",
    )
}

/// What is shown once is not kept, so a repetition does not show it.
fn without_secrets(answer: &str) -> String {
    let Ok(mut value) = serde_json::from_str::<serde_json::Value>(answer) else { return answer.to_owned() };
    if let Some(fields) = value.as_object_mut() {
        SHOWN_ONCE.iter().for_each(|name| {
            fields.remove(*name);
        });
    }
    value.to_string()
}

fn json(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

const SHOWN_ONCE: [&str; 2] = ["one_time_password", "token_secret"];
