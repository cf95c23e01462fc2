//! `/api/v1/accounts`: persons, their accounts, and roles that wait to be confirmed.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::proposals::FactorBody;
use crate::domain::access::{Account, Action, Regions, Role};
use crate::domain::{Coded, Id};
use crate::http::auth::{
    AccountError, Accounts, By, Decision, Made, ManageError, OneTimeLogin, Wanted, Weak,
    confirm_second_factor,
};
use crate::http::once::Once;
use crate::http::routes::Routes;
use crate::http::{Caller, Given, IfMatch, Problem, Services, etag};
use crate::store::access::AccountRecord;
use crate::store::{AuditRecord, Refusal, StoreError};

pub(super) fn routes() -> Routes {
    Routes::default()
        .api::<__path_list, _, _>(Action::ManageAccounts, list)
        .api::<__path_add, _, _>(Action::ManageAccounts, add)
        .api::<__path_show, _, _>(Action::ManageAccounts, show)
        .api::<__path_disable, _, _>(Action::ManageAccounts, disable)
        .api::<__path_enable, _, _>(Action::ManageAccounts, enable)
        .api::<__path_reset, _, _>(Action::ManageAccounts, reset)
        .api::<__path_unlock, _, _>(Action::ManageAccounts, unlock)
        .api::<__path_set_role, _, _>(Action::ManageAccounts, set_role)
        .api::<__path_set_areas, _, _>(Action::ManageAccounts, set_areas)
        .api::<__path_set_receivers, _, _>(Action::ManageAccounts, set_receivers)
        .api::<__path_proposed, _, _>(Action::ConfirmLimits, proposed)
        .api::<__path_confirm_role, _, _>(Action::ConfirmLimits, confirm_role)
        .api::<__path_refuse_role, _, _>(Action::ConfirmLimits, refuse_role)
}

/// An account.
#[derive(Debug, Serialize, ToSchema)]
struct AccountShown {
    /// Its number.
    id: i64,
    /// The name to sign in with.
    name: String,
    /// The number of the person whose it is.
    person_id: i64,
    /// The name of that person.
    person: String,
    /// What it may do: viewer, operator, approver, admin, auditor, billing.
    role: String,
    /// Since when, RFC 3339.
    role_since: String,
    /// Transformer areas that it may see and act in; `null` for all.
    areas: Option<Vec<String>>,
    /// Receivers whose pushes an account of a billing service sees, and no others; empty for other roles.
    receivers: Vec<String>,
    /// False when nobody can sign in with it.
    is_enabled: bool,
    /// True until its owner has set a password and, where the role needs it, a second factor.
    is_unfinished: bool,
    /// A role that waits to be confirmed by an approver.
    proposed_role: Option<String>,
    /// False while no approver has confirmed that the account may have its role: it cannot be enabled until then.
    is_confirmed: bool,
    /// Rises with every change; the ETag.
    version: i64,
    /// Since when it is there, RFC 3339.
    created_at: String,
}

/// One account.
#[derive(Debug, Serialize, ToSchema)]
struct AccountAnswer {
    account: AccountShown,
    /// A password to be told to its owner, shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    one_time_password: Option<String>,
    /// Until when that is good, RFC 3339; whoever has set a password of their own needs it no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    one_time_password_until: Option<String>,
}

/// Accounts.
#[derive(Debug, Serialize, ToSchema)]
struct AccountsAnswer {
    accounts: Vec<AccountShown>,
    meta: ListMeta,
}

/// What is said of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ListMeta {
    /// How many are in this answer.
    pub(super) count: usize,
    /// What to ask for next, as `cursor`; `null` when this is all.
    pub(super) next_cursor: Option<String>,
}

/// An account to be made.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewAccountBody {
    /// Whose; the same name is the same person.
    person: String,
    /// The name to sign in with: 2 to 32 letters, digits, dots, dashes or underscores.
    name: String,
    /// What it may do: viewer, operator, approver, admin, auditor, billing.
    role: String,
    /// Names of transformer areas; all of them where it is not given.
    areas: Option<Vec<String>>,
    /// Names of the receivers whose pushes an account of a billing service sees; none where it is not given.
    receivers: Option<Vec<String>>,
    /// The six digits that your second factor shows now.
    #[serde(default)]
    code: String,
}

/// Another role.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RoleBody {
    /// viewer, operator, approver, admin, auditor, billing
    role: String,
    /// The six digits that your second factor shows now.
    #[serde(default)]
    code: String,
}

/// Another part of the network.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AreasBody {
    /// Names of transformer areas; `null` for all.
    areas: Option<Vec<String>>,
    /// The six digits that your second factor shows now.
    #[serde(default)]
    code: String,
}

/// Other receivers.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ReceiversBody {
    /// Names of receivers of billing values.
    receivers: Vec<String>,
    /// The six digits that your second factor shows now.
    #[serde(default)]
    code: String,
}

/// All accounts, by name
#[utoipa::path(get, path = "/api/v1/accounts", tag = "accounts", responses((status = 200, body = AccountsAnswer)))]
async fn list(State(services): State<Services>) -> Result<Json<AccountsAnswer>, Problem> {
    answer(&services, services.store.accounts().await?).await
}

/// Make an account with a one-time password
///
/// Takes the second factor of whoever asks, as do all changes of accounts. The password is good for three days.
#[utoipa::path(post, path = "/api/v1/accounts", tag = "accounts", request_body = NewAccountBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "the same request with the same key is done once")),
    responses((status = 201, body = AccountAnswer)))]
async fn add(
    State(services): State<Services>,
    caller: Caller,
    headers: HeaderMap,
    Given(body): Given<NewAccountBody>,
) -> Result<Response, Problem> {
    let text = serde_json::to_string(&body).unwrap_or_default();
    let work = async |caller: Caller| {
        let regions = regions_of(&services, body.areas.as_deref()).await?;
        let role = role_of(&body.role)?;
        let receivers = receivers_of(&services, role, body.receivers.as_deref().unwrap_or_default()).await?;
        let wanted = Wanted { person: &body.person, name: &body.name, role, regions: &regions };
        confirm_second_factor(&services, &caller.acting, &body.code).await?;
        let accounts = accounts(&services, &caller);
        let mut made = accounts.add(&wanted).await?;
        if !receivers.is_empty() {
            made.account = accounts.set_receivers(made.account.id, None, &receivers).await?;
        }
        // A repetition of the request does not show the password again.
        let shown = shown(&services, made.account).await?;
        Ok((StatusCode::CREATED, answer_with(shown, made.login)))
    };
    let again = async |entry: AuditRecord| {
        let name = entry.object.strip_prefix("account ").unwrap_or_default();
        let account = services.store.account_named(name).await?.ok_or_else(Problem::not_there)?;
        let account = shown(&services, account).await?;
        Ok((StatusCode::CREATED, answer_without(account)))
    };
    Once { services: &services, caller: &caller, headers: &headers }.answer(&text, work, again).await
}

/// One account, with its version as ETag
#[utoipa::path(get, path = "/api/v1/accounts/{id}", tag = "accounts", params(("id" = i64, Path)),
    responses((status = 200, body = AccountAnswer)))]
async fn show(State(services): State<Services>, Path(id): Path<i64>) -> Result<Response, Problem> {
    let account = services.store.account(Id::new(id)).await?.ok_or_else(Problem::not_there)?;
    one(&services, account).await
}

/// Let nobody sign in with an account any more
#[utoipa::path(post, path = "/api/v1/accounts/{id}/disable", tag = "accounts", params(("id" = i64, Path)),
    request_body = FactorBody, responses((status = 200, body = AccountAnswer)))]
async fn disable(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
    Given(body): Given<FactorBody>,
) -> Result<Response, Problem> {
    let accounts = managing(&services, &caller, &body.code).await?;
    let account = accounts.enable(Id::new(id), false).await?;
    services.judge_cuts_again();
    one(&services, account).await
}

/// Let somebody sign in with an account again
#[utoipa::path(post, path = "/api/v1/accounts/{id}/enable", tag = "accounts", params(("id" = i64, Path)),
    request_body = FactorBody, responses((status = 200, body = AccountAnswer)))]
async fn enable(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
    Given(body): Given<FactorBody>,
) -> Result<Response, Problem> {
    let accounts = managing(&services, &caller, &body.code).await?;
    let account = accounts.enable(Id::new(id), true).await?;
    one(&services, account).await
}

/// Give an account a one-time password and take its second factor away
///
/// That of an approver or administrator stays shut until an approver has confirmed it as one that is new.
#[utoipa::path(post, path = "/api/v1/accounts/{id}/reset", tag = "accounts", params(("id" = i64, Path)),
    request_body = FactorBody, responses((status = 200, body = AccountAnswer)))]
async fn reset(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
    Given(body): Given<FactorBody>,
) -> Result<Json<AccountAnswer>, Problem> {
    let Made { account, login } = managing(&services, &caller, &body.code).await?.reset(Id::new(id)).await?;
    let account = shown(&services, account).await?;
    Ok(Json(answer_with(account, login)))
}

/// Let an account be tried again at once, after too many failures
#[utoipa::path(post, path = "/api/v1/accounts/{id}/unlock", tag = "accounts", params(("id" = i64, Path)),
    request_body = FactorBody, responses((status = 204)))]
async fn unlock(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
    Given(body): Given<FactorBody>,
) -> Result<StatusCode, Problem> {
    managing(&services, &caller, &body.code).await?.unlock(Id::new(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Give an account another role, or propose it where an approver has to confirm
#[utoipa::path(put, path = "/api/v1/accounts/{id}/role", tag = "accounts", request_body = RoleBody,
    params(("id" = i64, Path), ("If-Match" = String, Header, description = "the ETag of the account that was read")),
    responses((status = 200, body = AccountAnswer)))]
async fn set_role(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
    IfMatch(version): IfMatch,
    Given(body): Given<RoleBody>,
) -> Result<Response, Problem> {
    let role = role_of(&body.role)?;
    let accounts = managing(&services, &caller, &body.code).await?;
    let account = accounts.set_role(Id::new(id), Some(version), role).await?;
    services.judge_cuts_again();
    one(&services, account).await
}

/// Let an account see and act elsewhere
#[utoipa::path(put, path = "/api/v1/accounts/{id}/areas", tag = "accounts", request_body = AreasBody,
    params(("id" = i64, Path), ("If-Match" = String, Header, description = "the ETag of the account that was read")),
    responses((status = 200, body = AccountAnswer)))]
async fn set_areas(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
    IfMatch(version): IfMatch,
    Given(body): Given<AreasBody>,
) -> Result<Response, Problem> {
    let regions = regions_of(&services, body.areas.as_deref()).await?;
    let accounts = managing(&services, &caller, &body.code).await?;
    let account = accounts.set_regions(Id::new(id), Some(version), &regions).await?;
    one(&services, account).await
}

/// Let an account of a billing service see the pushes of these receivers and of no others
#[utoipa::path(put, path = "/api/v1/accounts/{id}/receivers", tag = "accounts", request_body = ReceiversBody,
    params(("id" = i64, Path), ("If-Match" = String, Header, description = "the ETag of the account that was read")),
    responses((status = 200, body = AccountAnswer)))]
async fn set_receivers(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
    IfMatch(version): IfMatch,
    Given(body): Given<ReceiversBody>,
) -> Result<Response, Problem> {
    let account = services.store.account(Id::new(id)).await?.ok_or_else(Problem::not_there)?;
    let receivers = receivers_of(&services, account.role, &body.receivers).await?;
    let accounts = managing(&services, &caller, &body.code).await?;
    let account = accounts.set_receivers(Id::new(id), Some(version), &receivers).await?;
    one(&services, account).await
}

/// Accounts whose role waits to be confirmed
#[utoipa::path(get, path = "/api/v1/proposed-roles", tag = "accounts",
    responses((status = 200, body = AccountsAnswer)))]
async fn proposed(State(services): State<Services>) -> Result<Json<AccountsAnswer>, Problem> {
    let all = services.store.accounts().await?;
    answer(&services, all.into_iter().filter(|account| account.proposed.is_some()).collect()).await
}

/// Confirm a role, as neither its proposer nor the person who gets it
///
/// It is confirmed as it was seen: a role or an area that was changed since is not.
#[utoipa::path(post, path = "/api/v1/proposed-roles/{id}/confirm", tag = "accounts",
    params(("id" = i64, Path), ("If-Match" = String, Header, description = "the version of the account that was seen, in quotes")),
    request_body = FactorBody, responses((status = 200, body = AccountAnswer)))]
async fn confirm_role(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
    IfMatch(seen): IfMatch,
    Given(body): Given<FactorBody>,
) -> Result<Response, Problem> {
    may_confirm_role(&services, &caller, Id::new(id), seen).await?;
    let (by, accounts) = (caller.acting.person, managing(&services, &caller, &body.code).await?);
    let account = accounts.decide_role(Id::new(id), by, Decision::Confirm { seen }).await?;
    services.judge_cuts_again();
    one(&services, account).await
}

/// Whether somebody may confirm a role as they have seen it, before a code of theirs is used up.
///
/// # Errors
/// [`Problem`] when no role is proposed, they are one of the two it concerns, or it has changed since.
pub(in crate::http) async fn may_confirm_role(
    services: &Services,
    caller: &Caller,
    id: Id<Account>,
    seen: i64,
) -> Result<(), Problem> {
    let account = services.store.account(id).await?.ok_or_else(Problem::not_there)?;
    let (_, by) = account.proposed.ok_or_else(Problem::not_there)?;
    if caller.acting.person == by || caller.acting.person == account.person {
        return Err(StoreError::Refused(Refusal::SamePerson).into());
    }
    if account.version == seen { Ok(()) } else { Err(Problem::stale()) }
}

/// Refuse a role
#[utoipa::path(post, path = "/api/v1/proposed-roles/{id}/refuse", tag = "accounts", params(("id" = i64, Path)),
    responses((status = 200, body = AccountAnswer)))]
async fn refuse_role(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Response, Problem> {
    let by = caller.acting.person;
    let account = accounts(&services, &caller).decide_role(Id::new(id), by, Decision::Refuse).await?;
    one(&services, account).await
}

/// Accounts as whoever asks may manage them.
pub(in crate::http) fn accounts<'a>(services: &'a Services, caller: &'a Caller) -> Accounts<'a> {
    Accounts {
        store: &services.store,
        clock: &services.clock,
        passwords: services.passwords(),
        by: By::Acting(&caller.acting),
    }
}

/// The same once whoever asks has shown the second factor.
///
/// # Errors
/// [`Problem`] when the code is wrong, or missing where the role needs one.
pub(in crate::http) async fn managing<'a>(
    services: &'a Services,
    caller: &'a Caller,
    code: &str,
) -> Result<Accounts<'a>, Problem> {
    confirm_second_factor(services, &caller.acting, code).await?;
    Ok(accounts(services, caller))
}

/// The part of the network with these transformer areas; all of it where there is no list.
pub(in crate::http) async fn regions_of(
    services: &Services,
    areas: Option<&[String]>,
) -> Result<Regions, Problem> {
    let Some(areas) = areas else { return Ok(Regions::All) };
    let names: Vec<&str> = areas.iter().map(String::as_str).collect();
    let unknown = || Problem::unacceptable("unknown_area", "there is no such transformer area", "没有该台区");
    services.store.areas_named(&names).await?.ok_or_else(unknown)
}

/// The receivers with these names, each once, for an account of this role.
pub(in crate::http) async fn receivers_of(
    services: &Services,
    role: Role,
    names: &[String],
) -> Result<Vec<String>, Problem> {
    let mut receivers: Vec<String> =
        names.iter().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect();
    receivers.sort();
    receivers.dedup();
    if !receivers.is_empty() && role != Role::Billing {
        let en = "receivers are given to accounts of a billing service only";
        return Err(Problem::unacceptable("not_billing", en, "只有营销系统账号可绑定接收方"));
    }
    let known = services.store.receiver_statuses().await?;
    let is_known = |name: &String| known.iter().any(|status| status.name == *name);
    match receivers.iter().find(|name| !is_known(name)) {
        None => Ok(receivers),
        Some(name) => {
            let name: String = name.chars().filter(|letter| !letter.is_control()).take(64).collect();
            let (en, zh) = (format!("there is no receiver {name}"), format!("没有接收方 {name}"));
            Err(Problem::unacceptable("unknown_receiver", &en, &zh))
        }
    }
}

/// The role of this name.
pub(in crate::http) fn role_of(name: &str) -> Result<Role, Problem> {
    let unknown = || {
        let en = "a role is one of viewer, operator, approver, admin, auditor, billing";
        Problem::unacceptable("unknown_role", en, "没有该角色")
    };
    Role::from_name(name).ok_or_else(unknown)
}

async fn one(services: &Services, account: AccountRecord) -> Result<Response, Problem> {
    let tag = etag(account.version);
    let account = shown(services, account).await?;
    Ok(([tag], Json(answer_without(account))).into_response())
}

fn answer_with(account: AccountShown, login: OneTimeLogin) -> AccountAnswer {
    let (password, until) = (Some(login.password), Some(login.until.to_string()));
    AccountAnswer { account, one_time_password: password, one_time_password_until: until }
}

const fn answer_without(account: AccountShown) -> AccountAnswer {
    AccountAnswer { account, one_time_password: None, one_time_password_until: None }
}

async fn answer(services: &Services, all: Vec<AccountRecord>) -> Result<Json<AccountsAnswer>, Problem> {
    let mut accounts = Vec::with_capacity(all.len());
    for account in all {
        accounts.push(shown(services, account).await?);
    }
    let meta = ListMeta { count: accounts.len(), next_cursor: None };
    Ok(Json(AccountsAnswer { accounts, meta }))
}

async fn shown(services: &Services, account: AccountRecord) -> Result<AccountShown, Problem> {
    let areas = match account.regions {
        Regions::All => None,
        Regions::Areas(_) => Some(services.store.area_names(account.id).await?),
    };
    Ok(AccountShown {
        id: account.id.number(),
        person_id: account.person.number(),
        role: account.role.name().to_owned(),
        role_since: account.role_since.to_string(),
        areas,
        receivers: account.sees_receivers().unwrap_or_default().to_vec(),
        is_enabled: account.is_enabled,
        is_unfinished: account.is_unfinished(),
        proposed_role: account.proposed.map(|(role, _)| role.name().to_owned()),
        is_confirmed: account.is_confirmed,
        version: account.version,
        created_at: account.created_at.to_string(),
        name: account.name,
        person: account.person_name,
    })
}

impl From<ManageError> for Problem {
    fn from(error: ManageError) -> Self {
        let code = error.kind();
        let (en, zh) = match &error {
            ManageError::Name => (
                "a name has 2 to 32 letters, digits, dots, dashes or underscores",
                "账号名须为 2 至 32 个字母、数字或 . - _",
            ),
            ManageError::PersonName => {
                ("the name of a person has 1 to 64 characters", "人员姓名须为 1 至 64 个字符")
            }
            ManageError::Own => ("nobody changes their own account", "不能修改本人的账号"),
            ManageError::Weak(Weak::Short) => ("a password has at least 10 characters", "密码至少 10 个字符"),
            ManageError::Weak(Weak::Long) => ("a password has at most 128 characters", "密码最多 128 个字符"),
            ManageError::Weak(Weak::Guessable) => {
                ("the password is too easy to guess", "密码过于简单，或包含账号名")
            }
            ManageError::TooNew => {
                ("a role confirms others from its second day on", "任职满一日后方可确认他人的角色")
            }
            ManageError::Code => ("the code does not fit the secret", "动态口令与密钥不符"),
            ManageError::Account(_) => ("", ""),
        };
        match error {
            ManageError::Account(AccountError::Store(error)) => error.into(),
            ManageError::Account(_) => Self::internal(),
            _ => Self::unacceptable(code, en, zh),
        }
    }
}
