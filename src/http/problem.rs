//! What is told when something does not work: one type, a stable code, a sentence for people, nothing from inside.
//!
//! Under `/api` it is a problem document of RFC 9457, elsewhere a page; which of the two is decided when the answer is
//! dressed ([`super::dress`]).

use std::time::Duration;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::config::Words;
use crate::store::{Refusal, StoreError};
use crate::telemetry::with_causes;

/// Why a request was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The status of the answer.
    pub status: StatusCode,
    /// A stable short name.
    pub code: &'static str,
    /// A sentence in both languages.
    pub words: Words,
    /// After how long it may be tried again.
    pub retry_after: Option<Duration>,
    /// All that stands against it, where that is more than the sentence says.
    pub reasons: Vec<ProblemReason>,
}

impl Problem {
    /// A problem with a sentence in English and in Chinese.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, en: &str, zh: &str) -> Self {
        Self { status, code, words: Words::of(en, zh), retry_after: None, reasons: Vec::new() }
    }

    /// The same with when to try again.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..self }
    }

    /// The same with all that stands against it.
    #[must_use]
    pub fn because(self, reasons: Vec<ProblemReason>) -> Self {
        Self { reasons, ..self }
    }

    /// Somebody has to sign in first.
    #[must_use]
    pub fn not_signed_in() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "not_signed_in", "sign in first", "请先登录")
    }

    /// The account may not do this.
    #[must_use]
    pub fn not_allowed() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "not_allowed",
            "this account may not do this",
            "当前账号无权进行此操作",
        )
    }

    /// There is no such thing, or none that this account may see.
    #[must_use]
    pub fn not_there() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_there", "there is no such thing here", "未找到")
    }

    /// What was given cannot be understood.
    #[must_use]
    pub fn malformed(en: &str, zh: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", en, zh)
    }

    /// What was given is understood, and is not acceptable.
    #[must_use]
    pub fn unacceptable(code: &'static str, en: &str, zh: &str) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, en, zh)
    }

    /// Too many requests: try again after so long.
    #[must_use]
    pub fn too_many(wait: Duration) -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many",
            "too many requests; wait a little",
            "请求过于频繁，请稍后再试",
        )
        .after(wait)
    }

    /// Something here failed.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "something failed here; tell the number of the request to whoever keeps this system",
            "系统内部错误，请将请求编号告知管理员",
        )
    }

    /// What a status without a problem of its own means.
    #[must_use]
    pub fn of_status(status: StatusCode) -> Self {
        let (code, en, zh) = match status {
            StatusCode::NOT_FOUND => return Self::not_there(),
            StatusCode::METHOD_NOT_ALLOWED => {
                ("method_not_allowed", "this cannot be done with this method", "不支持该请求方法")
            }
            StatusCode::PAYLOAD_TOO_LARGE => ("too_large", "the body is too large", "请求内容过大"),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                ("content_type", "a body of this type is not understood here", "不支持该内容类型")
            }
            StatusCode::UNPROCESSABLE_ENTITY => {
                ("unacceptable", "what was given is not acceptable", "所给内容不符合要求")
            }
            status if status.is_client_error() => {
                ("malformed", "the request cannot be understood", "请求无法识别")
            }
            _ => return Self { status, ..Self::internal() },
        };
        Self::new(status, code, en, zh)
    }

    /// The document that an API answers with.
    #[must_use]
    pub fn document(&self, request_id: &str) -> ProblemDocument {
        ProblemDocument {
            kind: format!("urn:chaobiao:problem:{}", self.code),
            title: self.status.canonical_reason().unwrap_or("").to_owned(),
            status: self.status.as_u16(),
            code: self.code.to_owned(),
            detail: self.words.en.clone(),
            detail_zh: self.words.zh.clone(),
            request_id: request_id.to_owned(),
            reasons: self.reasons.clone(),
        }
    }
}

/// A problem document (RFC 9457), `application/problem+json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ProblemDocument {
    /// A name for the kind of problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// The status.
    pub status: u16,
    /// A stable short name, to be told apart by programs.
    pub code: String,
    /// A sentence in English.
    pub detail: String,
    /// The same in Chinese.
    pub detail_zh: String,
    /// The number of the request, which the log of the program knows.
    pub request_id: String,
    /// All that stands against it, where that is more than one thing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(inline)]
    pub reasons: Vec<ProblemReason>,
}

/// One of the things that stand against a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ProblemReason {
    /// A stable short name, to be told apart by programs.
    pub code: String,
    /// What it is said of, such as the number of a point; `null` for the whole.
    pub of: Option<String>,
    /// A sentence in English.
    pub detail: String,
    /// The same in Chinese.
    pub detail_zh: String,
}

/// Why nothing is done without an audit log, and what works all the same (T26).
const AUDIT_REFUSED: (&str, &str) = (
    "the audit log cannot be written, so this was not done: giving supply back, holding it, taking cuts back and STOP go on, anything \
     else waits until it can",
    "审计日志无法写入，本次操作未执行：复电、保电、取消停电和急停照常可用，其余操作须待恢复后进行",
);

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let conflict = |en: &str, zh: &str| Self::new(StatusCode::CONFLICT, error.kind(), en, zh);
        match &error {
            StoreError::Refused(Refusal::NotThere) => return Self::not_there(),
            StoreError::Refused(Refusal::Stale) => return Self::stale(),
            StoreError::Refused(Refusal::NameTaken) => {
                return Self::new(
                    StatusCode::CONFLICT,
                    "name_taken",
                    "this name is taken already",
                    "名称已被使用",
                );
            }
            StoreError::Refused(Refusal::RoleHeld) => {
                return Self::new(
                    StatusCode::CONFLICT,
                    "role_held",
                    "the person has another account whose role excludes this one",
                    "该人员的其他账号已持有互斥角色",
                );
            }
            StoreError::Refused(Refusal::SamePerson) => {
                return Self::new(
                    StatusCode::FORBIDDEN,
                    "same_person",
                    "another person has to do this",
                    "须由另一人操作",
                );
            }
            StoreError::Refused(Refusal::Ahead(place)) => return Self::ahead(*place),
            StoreError::Refused(Refusal::Text) => {
                return Self::unacceptable(
                    "text",
                    "a text has at most 500 characters and no control characters",
                    "文字不得超过 500 个字符，且不含控制字符",
                );
            }
            StoreError::Refused(_) | StoreError::Conflict { .. } => {
                return conflict("it stands against what is there", "与现有数据冲突");
            }
            StoreError::AuditRefused(_) => {
                tracing::error!("a request failed: {}", with_causes(&error));
                return Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    error.kind(),
                    AUDIT_REFUSED.0,
                    AUDIT_REFUSED.1,
                );
            }
            StoreError::Unavailable { .. } | StoreError::Overtaken => {
                tracing::warn!("the database is not available: {}", with_causes(&error));
                return Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    error.kind(),
                    "the database is not available; try again",
                    "数据库暂不可用，请稍后重试",
                )
                .after(Duration::from_secs(5));
            }
            _ => {}
        }
        tracing::error!("a request failed: {}", with_causes(&error));
        Self::internal()
    }
}

impl Problem {
    /// An entry, by its place from 1 on, tells of a time that has not come.
    #[must_use]
    pub fn ahead(place: usize) -> Self {
        let (en, zh) = ("what is entered lies in the future", "时间不得在将来");
        let reason = ProblemReason {
            code: "in_the_future".to_owned(),
            of: Some(place.to_string()),
            detail: format!("entry {place} tells of a time that has not come yet"),
            detail_zh: format!("第 {place} 条的时间尚未到来"),
        };
        Self::unacceptable("in_the_future", en, zh).because(vec![reason])
    }

    /// Somebody else was faster.
    #[must_use]
    pub fn stale() -> Self {
        Self::new(
            StatusCode::PRECONDITION_FAILED,
            "stale",
            "somebody else has changed it; look at it again",
            "内容已被他人修改，请刷新后重试",
        )
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
