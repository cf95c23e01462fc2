//! `/api/v1/tokens` and `/api/v1/session`: who asks, and the tokens of their programs.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::accounts::ListMeta;
use crate::domain::access::Action;
use crate::domain::{AuditEntry, Coded, Id};
use crate::http::auth::{confirm_password, draw, hash};
use crate::http::routes::{Routes, Rule};
use crate::http::{Caller, Given, Problem, Services};
use crate::store::access::{NewToken, TokenRecord};

pub(super) fn routes() -> Routes {
    Routes::default()
        .api::<__path_session, _, _>(Rule::Unfinished, session)
        .api::<__path_list, _, _>(Rule::SignedIn, list)
        .api::<__path_add, _, _>(Rule::SignedIn, add)
        .api::<__path_end, _, _>(Rule::SignedIn, end)
}

/// Who asks.
#[derive(Debug, Serialize, ToSchema)]
struct SessionAnswer {
    session: SessionShown,
}

/// Who asks.
#[derive(Debug, Serialize, ToSchema)]
struct SessionShown {
    /// The name of the account.
    account: String,
    /// What it may do.
    role: String,
    /// The rights that this session or token has.
    rights: Vec<String>,
    /// True until a password and, where the role needs it, a second factor are set.
    is_unfinished: bool,
    /// What a script sends as `x-csrf-token`; empty for a token.
    csrf: String,
}

/// A token of a program.
#[derive(Debug, Serialize, ToSchema)]
struct TokenShown {
    /// Its number.
    id: i64,
    /// What it is called.
    name: String,
    /// The rights that it has, within the role of its account.
    scopes: Vec<String>,
    /// When it was made, RFC 3339.
    created_at: String,
    /// Until when, RFC 3339.
    expires_at: String,
    /// False when it has ended.
    counts: bool,
}

/// A token.
#[derive(Debug, Serialize, ToSchema)]
struct TokenAnswer {
    token: TokenShown,
    /// What to send as `Authorization: Bearer ..`, shown this once.
    token_secret: String,
}

/// Tokens.
#[derive(Debug, Serialize, ToSchema)]
struct TokensAnswer {
    tokens: Vec<TokenShown>,
    meta: ListMeta,
}

/// A token to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TokenBody {
    /// What it is called.
    name: String,
    /// The rights that it is to have, such as `see_status`.
    scopes: Vec<String>,
    /// For how many days, 1 to 366.
    days: u32,
    /// The present password of the account: an open session alone makes none.
    #[serde(default)]
    password: String,
}

/// Who asks
#[utoipa::path(get, path = "/api/v1/session", tag = "tokens", responses((status = 200, body = SessionAnswer)))]
async fn session(caller: Caller) -> Json<SessionAnswer> {
    let rights = Action::all().filter(|action| caller.may(*action)).map(|action| action.name().to_owned());
    let session = SessionShown {
        account: caller.acting.name.clone(),
        role: caller.acting.role.name().to_owned(),
        rights: rights.collect(),
        is_unfinished: caller.account.is_unfinished(),
        csrf: caller.csrf().to_owned(),
    };
    Json(SessionAnswer { session })
}

/// The tokens of whoever asks, the newest first
#[utoipa::path(get, path = "/api/v1/tokens", tag = "tokens", responses((status = 200, body = TokensAnswer)))]
async fn list(State(services): State<Services>, caller: Caller) -> Result<Json<TokensAnswer>, Problem> {
    let now = services.clock.now();
    let tokens = services.store.tokens(caller.acting.account).await?;
    let tokens: Vec<TokenShown> = tokens.iter().map(|token| shown(token, token.holds(now))).collect();
    let meta = ListMeta { count: tokens.len(), next_cursor: None };
    Ok(Json(TokensAnswer { tokens, meta }))
}

/// Make a token, from a session
///
/// It takes the password of the account again. A token cannot make others; all of them end with the password.
#[utoipa::path(post, path = "/api/v1/tokens", tag = "tokens", request_body = TokenBody,
    responses((status = 201, body = TokenAnswer)))]
async fn add(
    State(services): State<Services>,
    caller: Caller,
    Given(body): Given<TokenBody>,
) -> Result<(StatusCode, Json<TokenAnswer>), Problem> {
    if !caller.has_session() {
        return Err(Problem::not_allowed());
    }
    let new =
        NewTokenAsked { name: &body.name, scopes: &body.scopes, days: body.days, password: &body.password };
    let (record, secret) = make(&services, &caller, new).await?;
    let token = shown(&record, true);
    Ok((StatusCode::CREATED, Json(TokenAnswer { token, token_secret: secret })))
}

/// Take a token back
#[utoipa::path(delete, path = "/api/v1/tokens/{id}", tag = "tokens", params(("id" = i64, Path)),
    responses((status = 204)))]
async fn end(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<StatusCode, Problem> {
    take_back(&services, &caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes a token of whoever asks back.
pub(in crate::http) async fn take_back(services: &Services, caller: &Caller, id: i64) -> Result<(), Problem> {
    let entry = AuditEntry::by(&caller.acting, services.clock.now(), "token.end", format!("token {id}"));
    Ok(services.store.end_token(caller.acting.account, Id::new(id), &entry).await?)
}

/// A token as somebody asks for it.
#[derive(Clone, Copy)]
pub(in crate::http) struct NewTokenAsked<'a> {
    /// What it is called.
    pub(in crate::http) name: &'a str,
    /// The rights that it is to have.
    pub(in crate::http) scopes: &'a [String],
    /// For how many days.
    pub(in crate::http) days: u32,
    /// The present password of whoever asks.
    pub(in crate::http) password: &'a str,
}

/// Makes a token for whoever asks and knows their password; gives it and its secret.
pub(in crate::http) async fn make(
    services: &Services,
    caller: &Caller,
    asked: NewTokenAsked<'_>,
) -> Result<(TokenRecord, String), Problem> {
    let NewTokenAsked { name, scopes, days, password } = asked;
    let name = name.trim();
    if name.is_empty() || name.chars().count() > 64 || name.chars().any(char::is_control) {
        return Err(Problem::unacceptable(
            "token_name",
            "a token has a name of 1 to 64 characters",
            "令牌名称须为 1 至 64 个字符",
        ));
    }
    if !(1..=366).contains(&days) {
        return Err(Problem::unacceptable(
            "token_days",
            "a token lasts 1 to 366 days",
            "令牌有效期须为 1 至 366 天",
        ));
    }
    let rights: Vec<Action> =
        Action::all().filter(|action| scopes.iter().any(|scope| scope == action.name())).collect();
    let is_within = rights.iter().all(|action| caller.acting.may(*action));
    if rights.is_empty() || rights.len() != scopes.len() || !is_within {
        return Err(Problem::unacceptable(
            "token_scopes",
            "a token has rights of its account, at least one and each once",
            "令牌权限须为本账号已有权限，且至少一项、不重复",
        ));
    }
    if password.is_empty() {
        let en = "a token takes the present password of the account";
        return Err(Problem::unacceptable("password_missing", en, "生成令牌须填写当前密码"));
    }
    if !confirm_password(services, caller, password).await? {
        return Err(Problem::unacceptable(
            "password_refused",
            "the present password is wrong",
            "当前密码错误",
        ));
    }
    let secret = format!("cb_{}", draw(32).map_err(|_| Problem::internal())?);
    let now = services.clock.now();
    let new = NewToken {
        account: caller.acting.account,
        name,
        hash: &hash(&secret),
        scopes: &rights,
        expires_at: now.plus(Duration::from_secs(u64::from(days) * 86_400)),
    };
    let detail = serde_json::json!({ "scopes": scopes, "days": days }).to_string();
    let entry = AuditEntry::by(&caller.acting, now, "token.add", format!("token {name}")).saying(detail);
    let id = services.store.add_token(&new, &entry).await?;
    let (account, expires_at) = (new.account, new.expires_at);
    let name = name.to_owned();
    let record =
        TokenRecord { id, account, name, scopes: rights, created_at: now, expires_at, ended_at: None };
    Ok((record, secret))
}

fn shown(token: &TokenRecord, counts: bool) -> TokenShown {
    TokenShown {
        id: token.id.number(),
        name: token.name.clone(),
        scopes: token.scopes.iter().map(|action| action.name().to_owned()).collect(),
        created_at: token.created_at.to_string(),
        expires_at: token.expires_at.to_string(),
        counts,
    }
}
