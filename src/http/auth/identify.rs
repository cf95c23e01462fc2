//! Who sends a request: the cookie of a session, or the token of a program.

use axum::http::{HeaderMap, header};

use super::bearer::by_token;
use super::login::session_limits;
use super::secret::{csrf, hash};
use crate::domain::access::Role;
use crate::http::Services;
use crate::http::caller::{Caller, Credential};
use crate::http::console::view::Look;
use crate::http::problem::Problem;

/// Whether somebody does something, or a page looks again by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// Somebody is there: their session goes on.
    Person,
    /// Nobody need be there: what a page or a stream asks for by itself keeps no session from ending (T11). Who may only look
    /// may leave a page on a screen all day.
    Page,
}

impl Presence {
    /// What these headers of a request tell: scripts and streams of our pages say that they ask by themselves, and a page on the
    /// wall is drawn anew every half minute.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let is_stream = headers.get(header::ACCEPT).is_some_and(|accept| accept == "text/event-stream");
        let is_wall = cookie(headers, Look::COOKIE).is_some_and(|look| Look::of_cookie(look).is_wall);
        if is_stream || is_wall || headers.contains_key(BY_ITSELF) { Self::Page } else { Self::Person }
    }
}

/// Who sends a request with these headers; `None` when it does not say. A token that does not count is refused, a cookie
/// that does not is as none: its session is over.
pub(crate) async fn identify(
    services: &Services,
    headers: &HeaderMap,
    source: &str,
    presence: Presence,
) -> Result<Option<Caller>, Problem> {
    if let Some(given) = headers.get(header::AUTHORIZATION) {
        let bearer = given.to_str().ok().and_then(|text| text.strip_prefix("Bearer "));
        let token = bearer.ok_or_else(Problem::not_signed_in)?;
        return by_token(services, token.trim(), source).await.map(Some);
    }
    match cookie(headers, COOKIE) {
        Some(secret) => by_session(services, secret, source, presence).await,
        None => Ok(None),
    }
}

/// Who follows something that is sent by itself, as long as they may; `None` when they do not count any more.
pub(crate) async fn by_itself(services: &Services, headers: &HeaderMap, source: &str) -> Option<Caller> {
    identify(services, headers, source, Presence::Page).await.ok().flatten()
}

async fn by_session(
    services: &Services,
    secret: &str,
    source: &str,
    presence: Presence,
) -> Result<Option<Caller>, Problem> {
    let hash = hash(secret);
    let now = services.clock.now();
    let Some(session) = services.store.login_session(&hash).await? else { return Ok(None) };
    if !session.holds(now, session_limits(&services.settings)) {
        return Ok(None);
    }
    let is_used = presence == Presence::Person || session.account.role == Role::Viewer;
    if is_used && session.is_to_be_noted(now) {
        services.store.touch_session(&hash, now).await?;
    }
    let account = session.account;
    let credential = Credential::Session { hash, csrf: csrf(secret) };
    Ok(Some(Caller { acting: account.acting(source), account, credential }))
}

/// What a cookie of this name holds.
fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut each = all.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    each.find(|(found, _)| *found == name).map(|(_, value)| value)
}

/// The header that gives a browser the secret of a session, or takes it away.
pub(crate) fn cookie_of(secret: Option<&str>, behind_tls: bool) -> String {
    let secure = if behind_tls { "; Secure" } else { "" };
    let (value, age) = secret.map_or(("", "; Max-Age=0"), |secret| (secret, ""));
    format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Strict{secure}{age}")
}

/// What the script of our pages sends when it looks again by itself.
const BY_ITSELF: &str = "x-by-itself";
/// The name of the cookie.
const COOKIE: &str = "chaobiao_session";
