//! Who sends a request: the cookie of a session, or the token of a program.

use axum::http::{HeaderMap, header};

use super::login::session_limits;
use super::secret::{csrf, hash};
use crate::http::Services;
use crate::http::caller::{Caller, Credential};
use crate::http::problem::Problem;

/// Who sends a request with these headers; `None` when it does not say. A token that does not count is refused, a cookie
/// that does not is as none: its session is over.
pub(crate) async fn identify(
    services: &Services,
    headers: &HeaderMap,
    source: &str,
) -> Result<Option<Caller>, Problem> {
    if let Some(given) = headers.get(header::AUTHORIZATION) {
        let bearer = given.to_str().ok().and_then(|text| text.strip_prefix("Bearer "));
        let token = bearer.ok_or_else(Problem::not_signed_in)?;
        return by_token(services, token.trim(), source).await.map(Some);
    }
    match cookie(headers) {
        Some(secret) => by_session(services, secret, source).await,
        None => Ok(None),
    }
}

async fn by_session(services: &Services, secret: &str, source: &str) -> Result<Option<Caller>, Problem> {
    let hash = hash(secret);
    let now = services.clock.now();
    let Some(session) = services.store.login_session(&hash).await? else { return Ok(None) };
    if !session.holds(now, session_limits(&services.settings)) {
        return Ok(None);
    }
    if session.is_to_be_noted(now) {
        services.store.touch_session(&hash, now).await?;
    }
    let account = session.account;
    let credential = Credential::Session { hash, csrf: csrf(secret) };
    Ok(Some(Caller { acting: account.acting(source), account, credential }))
}

async fn by_token(services: &Services, token: &str, source: &str) -> Result<Caller, Problem> {
    let found = services.store.token(&hash(token)).await?;
    let now = services.clock.now();
    let counts = found.filter(|(token, account)| token.holds(now) && account.is_enabled);
    let (token, account) = counts.ok_or_else(Problem::not_signed_in)?;
    let credential = Credential::Token { scopes: token.scopes };
    Ok(Caller { acting: account.acting(source), account, credential })
}

/// The secret of the session in the cookies.
fn cookie(headers: &HeaderMap) -> Option<&str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut each = all.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    each.find(|(name, _)| *name == COOKIE).map(|(_, value)| value)
}

/// The header that gives a browser the secret of a session, or takes it away.
pub(crate) fn cookie_of(secret: Option<&str>, behind_tls: bool) -> String {
    let secure = if behind_tls { "; Secure" } else { "" };
    let (value, age) = secret.map_or(("", "; Max-Age=0"), |secret| (secret, ""));
    format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Strict{secure}{age}")
}

/// The name of the cookie.
const COOKIE: &str = "chaobiao_session";
