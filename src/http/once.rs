//! Requests with an idempotency key: done once, however often they come (T18).
//!
//! The key goes with whoever acts into the transaction of what is done, and is kept there or nothing is. A request that was
//! killed before it was answered is therefore known to have been done, and is answered when it comes again: from what is
//! kept by then, where the first answer was not noted.

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::Services;
use super::auth::hash;
use super::caller::Caller;
use super::problem::Problem;
use crate::domain::access::{Acting, RequestKey};
use crate::store::AuditRecord;
use crate::store::access::Claim;
use crate::telemetry::with_causes;

/// A request that may bear a key.
#[derive(Clone, Copy, Debug)]
pub struct Once<'a> {
    /// What it is done with.
    pub services: &'a Services,
    /// Who asks.
    pub caller: &'a Caller,
    /// What it comes with.
    pub headers: &'a HeaderMap,
}

impl Once<'_> {
    /// Does what a request asks for and answers with status and body as JSON, or gives the answer that the same key had.
    /// `text` is what the request asks for; with the same key it has to be the same. `work` acts as the caller that it is
    /// given, in one transaction; `again` answers from the entry of what was done before. A request without a key is simply
    /// done.
    ///
    /// # Errors
    /// [`Problem`] for a key that another request has; else what `work` or `again` says.
    pub async fn answer<T: Serialize>(
        self,
        text: &str,
        work: impl AsyncFnOnce(Caller) -> Result<(StatusCode, T), Problem>,
        again: impl AsyncFnOnce(AuditRecord) -> Result<(StatusCode, T), Problem>,
    ) -> Result<Response, Problem> {
        let Some(request) = self.request(text)? else {
            let (status, answer) = work(self.caller.clone()).await?;
            return Ok(json(status, text_of(&answer)));
        };
        let claim = self.services.store.claim(&request).await?;
        if claim != Claim::New {
            return self.known(&request, claim, again).await;
        }
        let acting = Acting { request: Some(request.clone()), ..self.caller.acting.clone() };
        match work(Caller { acting, ..self.caller.clone() }).await {
            Ok((status, answer)) => Ok(self.noted(&request, status, &answer).await),
            // The same request may have been done beside this one, or this one although nobody could say so.
            Err(problem) => match self.services.store.claim(&request).await {
                Ok(claim @ (Claim::Answered { .. } | Claim::Done(_))) => {
                    self.known(&request, claim, again).await
                }
                _ => Err(problem),
            },
        }
    }

    /// The key of a request, where it bears one.
    fn request(&self, text: &str) -> Result<Option<RequestKey>, Problem> {
        let Some(key) = self.headers.get("idempotency-key") else { return Ok(None) };
        let key = key.to_str().ok().filter(|key| (8..=128).contains(&key.len())).ok_or_else(bad_key)?;
        Ok(Some(RequestKey { account: self.caller.acting.account, key: key.to_owned(), hash: hash(text) }))
    }

    /// The answer of a request whose key is known.
    async fn known<T: Serialize>(
        &self,
        request: &RequestKey,
        claim: Claim,
        again: impl AsyncFnOnce(AuditRecord) -> Result<(StatusCode, T), Problem>,
    ) -> Result<Response, Problem> {
        let conflict = |code, en, zh| Err(Problem::new(StatusCode::CONFLICT, code, en, zh));
        match claim {
            Claim::Answered { status, answer } => {
                Ok(json(StatusCode::from_u16(status).unwrap_or(StatusCode::OK), answer))
            }
            Claim::Done(entry) => {
                let (status, answer) = again(*entry).await?;
                Ok(self.noted(request, status, &answer).await)
            }
            Claim::New | Claim::Open => conflict(
                "key_open",
                "a request with this key has begun and is not known to have ended; look what became of it",
                "使用该幂等键的请求尚未结束，请先查看其结果",
            ),
            Claim::Other => {
                conflict("key_taken", "this key belongs to another request", "该幂等键已用于其他请求")
            }
        }
    }

    /// An answer, noted for those that come again. It was done whether that can be noted or not.
    async fn noted<T: Serialize>(&self, request: &RequestKey, status: StatusCode, answer: &T) -> Response {
        let answer = text_of(answer);
        let kept = without_secrets(&answer);
        let (store, now) = (&self.services.store, self.services.clock.now());
        if let Err(error) = store.settle_key(request, (status.as_u16(), &kept), now).await {
            tracing::warn!(kind = error.kind(), "the answer of a request: {}", with_causes(&error));
        }
        json(status, answer)
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

fn text_of<T: Serialize>(answer: &T) -> String {
    serde_json::to_string(answer).unwrap_or_default()
}

fn json(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

const SHOWN_ONCE: [&str; 3] = ["one_time_password", "one_time_password_until", "token_secret"];
