//! The check around every handler: who asks, whether they may, how often, and whether a browser was tricked into it.
//!
//! A body is read only once it is clear that its sender may send it, whole, within [`BODY_WITHIN`], and never more of it
//! than the route takes (T15, F21).

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Form, FromRequest, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};

use super::Services;
use super::auth::{self, Presence};
use super::caller::{Caller, Credential, Source};
use super::console::layout::first_place;
use super::problem::Problem;
use super::rate::Kind;
use super::refusals;
use super::routes::{IDEMPOTENCY_KEY, Route, Rule};
use super::server::Seat;
use crate::config::Words;
use crate::domain::Coded;
use crate::domain::supply::OrderKind;

/// Checks a request and hands it on.
pub(super) async fn guard(
    State((services, route)): State<(Services, Arc<Route>)>,
    request: Request,
    next: Next,
) -> Response {
    let is_api = route.path.starts_with("/api/");
    if route.changes() && !is_api && matches!(*request.method(), Method::GET | Method::HEAD) {
        // Whoever loads again what a form has answered, or changes its look, comes to the page of the form.
        return Redirect::to(&route.page_of(request.uri().path())).into_response();
    }
    let mut known = None;
    let path = request.uri().path().to_owned();
    let mut response = match check(&services, &route, request, &mut known).await {
        Ok(request) => next.run(request).await,
        Err(Refused::Problem(problem)) => {
            if let Some(caller) = &known {
                refusals::enter(&services, caller, &route, &problem).await;
            }
            problem.into_response()
        }
        Err(Refused::Goto(place)) => Redirect::to(&place).into_response(),
    };
    if let Some(caller) = known.as_ref().filter(|_| response.status() == StatusCode::NOT_FOUND) {
        refusals::enter_hidden(&services, caller, &route, &path).await;
    }
    // A page that tells of a problem is drawn for whoever asked.
    if let Some(caller) = known {
        response.extensions_mut().insert(caller);
    }
    let may_give_back = matches!(route.path.as_str(), "/api/v1/restores" | "/orders");
    if may_give_back
        && route.changes()
        && let Some(problem) = response.extensions_mut().get_mut::<Problem>()
        && problem.code == UNAVAILABLE
    {
        problem.words = Words::of(NOT_GIVEN_BACK.0, NOT_GIVEN_BACK.1);
    }
    response
}

/// The page that a form stands on, for whoever has to draw it again.
#[derive(Clone, Debug)]
pub(super) struct PageOfForm(pub(super) String);

enum Refused {
    Problem(Problem),
    /// A browser is led to another page.
    Goto(String),
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

async fn check(
    services: &Services,
    route: &Route,
    request: Request,
    known: &mut Option<Caller>,
) -> Result<Request, Refused> {
    let (mut parts, body) = request.into_parts();
    let source = parts.extensions.get::<Source>().map_or(String::new(), |source| source.0.clone());
    let presence = if route.changes() { Presence::Person } else { Presence::of(&parts.headers) };
    let caller = auth::identify(services, &parts.headers, &source, presence).await?;
    known.clone_from(&caller);
    let who = caller.as_ref().map_or_else(|| source.clone(), counted_as);
    let allowed = async |kind| {
        let now = services.clock.now();
        let allowed = services.rates.allow(&services.store, (&who, kind), &services.settings, now);
        allowed.await.map_err(Problem::too_many)
    };
    allowed(kind_of(route)).await?;
    may(route, caller.as_ref(), &parts.uri)?;
    if route.changes() && !route.takes_key && parts.headers.contains_key(IDEMPOTENCY_KEY) {
        return Err(no_key().into());
    }
    let mut bytes = Bytes::new();
    if route.changes() {
        same_origin(&parts.headers)?;
        bytes = read(body, route.most_bytes, &parts.headers).await?;
        if route.path == ORDER_FORM && !gives_back(bytes.clone()).await {
            allowed(Kind::Order).await?;
        }
        parts.extensions.insert(PageOfForm(route.page_of(parts.uri.path())));
        if let Some(Credential::Session { csrf, .. }) = caller.as_ref().map(|caller| &caller.credential) {
            carries(csrf, &parts.headers, &bytes)?;
        }
    }
    if let Some(seat) = parts.extensions.get::<Seat>() {
        seat.is_served();
    }
    if let Some(caller) = caller {
        parts.extensions.insert(caller);
    }
    Ok(Request::from_parts(parts, Body::from(bytes)))
}

/// As whom a request is counted: a program with a token takes nothing from the person whose account it is.
fn counted_as(caller: &Caller) -> String {
    let account = caller.acting.account;
    if caller.has_session() { account.to_string() } else { format!("{account} token") }
}

/// What a request counts as. What gives supply back, and STOP, has a count of its own, so that nothing else uses it up
/// (I12, F52).
fn kind_of(route: &Route) -> Kind {
    let path = route.path.as_str();
    match route.changes() {
        false => Kind::Look,
        true if GIVING_BACK.contains(&path) => Kind::Restore,
        true if is_order(path) => Kind::Order,
        true => Kind::Change,
    }
}

/// True for what writes or hands in an order that may take supply away.
fn is_order(path: &str) -> bool {
    let path = path.strip_prefix("/api/v1").unwrap_or(path);
    path == "/orders" || path == "/orders/drafts" || path.starts_with("/orders/") && path.ends_with("/submit")
}

/// True for the form of an order that gives supply back or holds it, whatever else is in it.
async fn gives_back(form: Bytes) -> bool {
    let request = Request::post("/").header(header::CONTENT_TYPE, FORM).body(Body::from(form));
    let Ok(request) = request else { return false };
    let Ok(Form(fields)) = Form::<Vec<(String, String)>>::from_request(request, &()).await else {
        return false;
    };
    let mut kinds = fields.iter().filter(|(name, _)| name == "kind").peekable();
    let is_one = |(_, kind): &(String, String)| {
        OrderKind::from_name(kind).is_some_and(|kind| kind.is_restore() || kind == OrderKind::HoldOn)
    };
    kinds.peek().is_some() && kinds.all(is_one)
}

fn may(route: &Route, caller: Option<&Caller>, uri: &Uri) -> Result<(), Refused> {
    if route.rule == Rule::Everybody {
        return Ok(());
    }
    let is_api = route.path.starts_with("/api/");
    let Some(caller) = caller else {
        if is_api {
            return Err(Problem::not_signed_in().into());
        }
        if route.changes() {
            // What was sent is lost, and never without a word.
            let lost = if route.path == STOP { "stop" } else { "form" };
            let back = if route.path == STOP { "/".to_owned() } else { route.page_of(uri.path()) };
            return Err(Refused::Goto(format!("/login?next={}&lost={lost}", escaped(&back))));
        }
        let back = uri.path_and_query().map_or("/", |path| path.as_str());
        return Err(Refused::Goto(format!("/login?next={}", escaped(back))));
    };
    // A page does what its session may; what a token may is told by the routes that programs use.
    if !is_api && !caller.has_session() {
        return Err(Problem::not_allowed().into());
    }
    if route.rule != Rule::Unfinished && caller.account.is_unfinished() {
        if is_api {
            return Err(unfinished().into());
        }
        // What was sent is not done, and never without a word (F52).
        return Err(if route.changes() {
            not_done(route).into()
        } else {
            Refused::Goto("/welcome".to_owned())
        });
    }
    let may = match route.rule {
        Rule::Everybody | Rule::Unfinished | Rule::SignedIn => true,
        Rule::May(action) => caller.may(action),
        Rule::MayOneOf(actions) => actions.iter().any(|action| caller.may(*action)),
    };
    if may {
        return Ok(());
    }
    // Whoever signs in is led to the first page, which is not for every role.
    if route.path == "/" && !route.changes() {
        return Err(Refused::Goto(first_place(&caller.acting).to_owned()));
    }
    Err(Problem::not_allowed().into())
}

/// A key that changes nothing is not taken for one that does (T18).
fn no_key() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "key_not_taken",
        "this request takes no Idempotency-Key: sent again, it would be done again; look what became of it before you do",
        "该接口不支持幂等键，重复提交会再次执行；重发前请先查询结果",
    )
}

fn unfinished() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "login_unfinished",
        "set a password and, where the role needs it, a second factor first",
        "请先设置密码及双因素验证",
    )
}

/// Why what a page of an unfinished account sent was not done.
fn not_done(route: &Route) -> Problem {
    let (en, zh) = if route.path == STOP {
        (
            "NOTHING WAS STOPPED: set your password and second factor first, or have somebody else press STOP",
            "没有急停！请先设置密码及双因素验证，或请他人急停",
        )
    } else {
        (
            "nothing was done: set a password and, where the role needs it, a second factor first",
            "未执行：请先设置密码及双因素验证",
        )
    };
    Problem::new(StatusCode::FORBIDDEN, "login_unfinished", en, zh)
}

/// Refuses what another site has a browser do (T12). Programs send neither of the two.
fn same_origin(headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let by_browser = text(header::HeaderName::from_static("sec-fetch-site"));
    let is_ours = by_browser.is_none_or(|site| matches!(site, "same-origin" | "none"));
    let host = text(header::HOST).unwrap_or("");
    let from_us = text(header::ORIGIN).is_none_or(|origin| {
        origin.split_once("://").is_some_and(|(_, place)| place.eq_ignore_ascii_case(host))
    });
    if is_ours && from_us { Ok(()) } else { Err(forged()) }
}

/// Refuses a request of a session that does not carry the token of that session.
fn carries(csrf: &str, headers: &HeaderMap, body: &[u8]) -> Result<(), Problem> {
    let in_header = headers.get("x-csrf-token").map(HeaderValue::as_bytes);
    // It is made of hexadecimal digits, which a form does not escape.
    let is_form = content_type(headers) == FORM;
    let in_form = || {
        let mut fields = body.split(|byte| *byte == b'&').filter(|_| is_form);
        fields.find_map(|field| field.strip_prefix(b"csrf="))
    };
    let given = in_header.or_else(in_form).unwrap_or_default();
    if auth::is_same(given, csrf.as_bytes()) { Ok(()) } else { Err(forged()) }
}

fn forged() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "forged",
        "this request did not come from a page of this session; go back, reload and try again",
        "请求并非来自本会话的页面，请返回刷新后重试",
    )
}

async fn read(body: Body, most: usize, headers: &HeaderMap) -> Result<Bytes, Problem> {
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(Problem::of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: u64| usize::try_from(length).map_or(true, |length| length > most)) {
        return Err(Problem::of_status(StatusCode::PAYLOAD_TOO_LARGE));
    }
    match tokio::time::timeout(BODY_WITHIN, to_bytes(body, most)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => Err(Problem::of_status(StatusCode::PAYLOAD_TOO_LARGE)),
        Err(_) => Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "too_slow",
            "the body did not come in time",
            "请求内容未及时送达",
        )),
    }
}

/// The type of a body, without its parameters.
pub(super) fn content_type(headers: &HeaderMap) -> &str {
    let whole = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    whole.split(';').next().unwrap_or("").trim()
}

fn escaped(path: &str) -> String {
    let mut text = String::new();
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.') {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// What a database that is away is called.
const UNAVAILABLE: &str = "store_unavailable";
/// What whoever wants to give supply back does then; why there is no other way is told by decision 29.
const NOT_GIVEN_BACK: (&str, &str) = (
    "the database is not available: nothing is given back or cut from here; send somebody to give supply back at the meter, and enter it once the database is there again",
    "数据库不可用，无法远程停复电；需要复电请派人到现场合闸，数据库恢复后补录工单",
);
/// The type of the body of a form.
const FORM: &str = "application/x-www-form-urlencoded";
/// The form that stops all cuts.
const STOP: &str = "/stop";
/// The form of orders of every kind.
const ORDER_FORM: &str = "/orders";
/// What gives supply back, holds it, or stops all cuts; and the form that may.
const GIVING_BACK: &[&str] = &["/api/v1/restores", "/api/v1/holds", "/api/v1/stop/press", STOP, ORDER_FORM];
/// How long a body may take.
const BODY_WITHIN: Duration = Duration::from_secs(20);
