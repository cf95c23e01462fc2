//! What handlers are given: checked bodies, queries and versions, with problems in our own words.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use serde::de::DeserializeOwned;

use super::guard::content_type;
use super::problem::Problem;

/// The body of a request of the API, as JSON.
#[derive(Clone, Debug)]
pub struct Given<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Given<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if content_type(request.headers()) != "application/json" {
            return Err(Problem::of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        let body = Bytes::from_request(request, state).await.map_err(|_| Problem::internal())?;
        match serde_json::from_slice(&body) {
            Ok(given) => Ok(Self(given)),
            Err(error) => {
                let (line, column) = (error.line(), error.column());
                let text = told(&error.to_string());
                Err(Problem::malformed(
                    &format!("the body is not as described: {text}"),
                    &format!("请求内容不符合要求（第 {line} 行第 {column} 列{}）", named_zh(&text)),
                ))
            }
        }
    }
}

/// What the parser says, without what it quotes of the body beyond names.
fn told(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

/// The field that the parser stumbled over, in Chinese; empty where it names none.
fn named_zh(text: &str) -> String {
    for (begin, zh) in
        [("unknown field `", "未知字段"), ("missing field `", "缺少字段"), ("duplicate field `", "重复字段")]
    {
        if let Some((name, _)) = text.split_once(begin).and_then(|(_, rest)| rest.split_once('`')) {
            return format!("：{zh} {name}");
        }
    }
    let text = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(text);
    match text.split_once(": ") {
        Some((name, _)) if name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') => {
            format!("：{name} 的值无效")
        }
        _ => String::new(),
    }
}

/// The query of a request, after the question mark.
#[derive(Clone, Debug)]
pub struct Asked<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(asked)) => Ok(Self(asked)),
            Err(error) => {
                let text = told(&error.body_text());
                Err(Problem::malformed(
                    &format!("a parameter after the question mark is not as described: {text}"),
                    &format!("查询参数不符合要求{}", named_zh(&text)),
                ))
            }
        }
    }
}

/// The version that a change is meant for, from the header `If-Match`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IfMatch(pub i64);

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let Some(given) = parts.headers.get(header::IF_MATCH) else {
            return Err(Problem::new(
                StatusCode::PRECONDITION_REQUIRED,
                "if_match_required",
                "say with If-Match which version is meant; the ETag of what was read names it",
                "须用 If-Match 指明所修改的版本（即读取时的 ETag）",
            ));
        };
        let version = given.to_str().ok().and_then(|text| text.trim_matches('"').parse().ok());
        version.map(Self).ok_or_else(Problem::stale)
    }
}

/// The header `ETag` of a version.
#[must_use]
pub fn etag(version: i64) -> (header::HeaderName, HeaderValue) {
    let value = HeaderValue::from_str(&format!("\"{version}\""));
    (header::ETAG, value.unwrap_or(HeaderValue::from_static("\"\"")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parameter_whose_value_is_none_is_named_in_chinese() {
        let text = "Failed to deserialize query string: limit: invalid digit found in string";
        assert_eq!(named_zh(text), "：limit 的值无效");
        assert_eq!(named_zh("missing field `reason`"), "：缺少字段 reason");
        assert_eq!(named_zh("invalid type: string"), "");
    }
}
