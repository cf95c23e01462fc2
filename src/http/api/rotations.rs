//! `/api/v1/rotations`: new passwords for meters, asked for by an administrator, approved by another person (T25). No password
//! is shown, neither an old one nor a new one.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use dlt645::address::MeterAddress;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::accounts::ListMeta;
use super::objected::supply;
use super::proposals::{FactorBody, number_in};
use super::written::{LONGEST, some_words};
use crate::domain::access::{Action, Regions};
use crate::domain::rotation::{Rotation, may_decide};
use crate::domain::{Coded, Id};
use crate::http::auth::confirm_second_factor;
use crate::http::once::Once;
use crate::http::routes::{Routes, Rule};
use crate::http::{Asked, Caller, Given, Problem, Services};
use crate::store::rotation::{RotationMeter, RotationRecord};
use crate::store::{AuditRecord, ProposalError, SecretError, Verdict};
use crate::supply::{RotationError, RotationOf};

pub(super) fn routes() -> Routes {
    Routes::default()
        .api::<__path_list, _, _>(SEE, list)
        .api::<__path_ask, _, _>(Action::RotateSecrets, ask)
        .api::<__path_show, _, _>(SEE, show)
        .api::<__path_approve, _, _>(Action::ApproveRotation, approve)
        .api::<__path_refuse, _, _>(Action::ApproveRotation, refuse)
        .api::<__path_end, _, _>(SEE, end)
}

/// How many meters stand at a step.
#[derive(Debug, Serialize, ToSchema)]
struct StepCount {
    /// waiting, sending, written, unclear, verified, kept, stuck or skipped.
    step: String,
    /// How many meters.
    meters: u64,
}

/// New passwords that were asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RotationShown {
    /// Its number, of nineteen digits.
    id: String,
    /// The access level (密级) whose password is replaced.
    level: u8,
    /// Which meters were asked for.
    selection: String,
    /// Why.
    reason: String,
    /// asked, approved, refused, ended or done.
    state: String,
    /// The account that asked for it.
    asked_by: String,
    /// When, RFC 3339.
    asked_at: String,
    /// The account that approved or refused it.
    decided_by: Option<String>,
    /// When nothing was left of it, or it was broken off, RFC 3339.
    ended_at: Option<String>,
    /// Where its meters stand.
    steps: Vec<StepCount>,
}

/// A meter of a rotation.
#[derive(Debug, Serialize, ToSchema)]
struct RotatedMeter {
    /// Its address.
    address: String,
    /// waiting, sending, written, unclear, verified, kept, stuck or skipped.
    step: String,
    /// How often the new password was sent.
    writes: i64,
    /// How often the meter was to show that it has it.
    proofs: i64,
    /// When something is due, RFC 3339; `null` when nothing more is.
    next_at: Option<String>,
    /// Since when it stands there, RFC 3339.
    changed_at: String,
    /// Why it is skipped, or what it answered last; may be empty.
    why: String,
}

/// Rotations, the newest first.
#[derive(Debug, Serialize, ToSchema)]
struct RotationsAnswer {
    rotations: Vec<RotationShown>,
    meta: ListMeta,
}

/// A rotation with its meters.
#[derive(Debug, Serialize, ToSchema)]
struct RotationAnswer {
    rotation: RotationShown,
    meters: Vec<RotatedMeter>,
    meta: ListMeta,
}

/// Which meters get new passwords, and why. One of the three ways to say which.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RotationBody {
    /// These addresses.
    meters: Option<Vec<String>>,
    /// All on this line, or behind this terminal.
    line: Option<String>,
    /// All that are told a factory password.
    #[serde(default)]
    factory: bool,
    /// Why.
    reason: String,
}

/// Which meters of a rotation.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RotatedAsked {
    /// Where to go on: `next_cursor` of the answer before.
    cursor: Option<String>,
}

/// New passwords that were asked for, the newest first
#[utoipa::path(get, path = "/api/v1/rotations", tag = "rotations", operation_id = "list_rotations",
    responses((status = 200, body = RotationsAnswer)))]
async fn list(State(services): State<Services>, caller: Caller) -> Result<Json<RotationsAnswer>, Problem> {
    let found = match caller.acting.regions {
        Regions::All => services.store.rotations(NEWEST).await?,
        Regions::Areas(_) => Vec::new(),
    };
    let rotations: Vec<_> = found.into_iter().map(shown).collect();
    let meta = ListMeta { count: rotations.len(), next_cursor: None };
    Ok(Json(RotationsAnswer { rotations, meta }))
}

/// Ask for new passwords of meters
///
/// Each meter gets a random one of its own, once an approver has approved it. Meters with a security chip, and those that do
/// not speak DL/T 645-2007, are skipped.
#[utoipa::path(post, path = "/api/v1/rotations", tag = "rotations", operation_id = "ask_rotation",
    request_body = RotationBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "the same request with the same key is done once")),
    responses((status = 201, body = RotationAnswer)))]
async fn ask(
    State(services): State<Services>,
    caller: Caller,
    headers: HeaderMap,
    Given(body): Given<RotationBody>,
) -> Result<Response, Problem> {
    let text = format!("rotation {}", serde_json::to_string(&body).unwrap_or_default());
    let work = async |caller: Caller| {
        let of = wanted(&body)?;
        let id = begin(&services, &caller, &of, &body.reason).await?;
        Ok((StatusCode::CREATED, answer(&services, &caller, id, "").await?))
    };
    let again = async |entry: AuditRecord| {
        let id = number_in(&entry, "rotation ")?;
        Ok((StatusCode::CREATED, answer(&services, &caller, id, "").await?))
    };
    Once { services: &services, caller: &caller, headers: &headers }.answer(&text, work, again).await
}

/// One rotation with its meters
#[utoipa::path(get, path = "/api/v1/rotations/{id}", tag = "rotations", operation_id = "show_rotation",
    params(("id" = String, Path),
        ("cursor" = Option<String>, Query, description = "where to go on: `next_cursor` of the answer before")),
     responses((status = 200, body = RotationAnswer)))]
async fn show(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
    Asked(asked): Asked<RotatedAsked>,
) -> Result<Json<RotationAnswer>, Problem> {
    let after = asked.cursor.unwrap_or_default();
    Ok(Json(answer(&services, &caller, Id::new(id), &after).await?))
}

/// Approve it as another person than asked for it
#[utoipa::path(post, path = "/api/v1/rotations/{id}/approve", tag = "rotations", operation_id = "approve_rotation",
    request_body = FactorBody, params(("id" = String, Path)), responses((status = 200, body = RotationAnswer)))]
async fn approve(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
    Given(body): Given<FactorBody>,
) -> Result<Json<RotationAnswer>, Problem> {
    confirm(&services, &caller, Id::new(id), &body.code).await?;
    Ok(Json(answer(&services, &caller, Id::new(id), "").await?))
}

/// Refuse it as another person than asked for it
#[utoipa::path(post, path = "/api/v1/rotations/{id}/refuse", tag = "rotations", operation_id = "refuse_rotation",
    params(("id" = String, Path)), responses((status = 200, body = RotationAnswer)))]
async fn refuse(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Json<RotationAnswer>, Problem> {
    decide(&services, &caller, Id::new(id), Verdict::Refuse).await?;
    Ok(Json(answer(&services, &caller, Id::new(id), "").await?))
}

/// Break it off
///
/// Nothing more is begun. Meters of which it is not known which password they have are still found out of.
#[utoipa::path(post, path = "/api/v1/rotations/{id}/end", tag = "rotations", operation_id = "end_rotation",
    params(("id" = String, Path)), responses((status = 200, body = RotationAnswer)))]
async fn end(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Json<RotationAnswer>, Problem> {
    decide(&services, &caller, Id::new(id), Verdict::Withdraw).await?;
    Ok(Json(answer(&services, &caller, Id::new(id), "").await?))
}

/// Asks for a rotation in the name of whoever calls.
///
/// # Errors
/// [`Problem`] says why not.
pub(in crate::http) async fn begin(
    services: &Services,
    caller: &Caller,
    of: &RotationOf,
    reason: &str,
) -> Result<Id<Rotation>, Problem> {
    if caller.acting.regions != Regions::All {
        return Err(Problem::not_allowed());
    }
    let reason = some_words(reason, LONGEST)?;
    Ok(supply(services)?.ask_rotation(&caller.acting, of, reason).await?)
}

/// Approves a rotation by the second factor of whoever calls; what may not be approved uses no code up.
///
/// # Errors
/// [`Problem`] says why not.
pub(in crate::http) async fn confirm(
    services: &Services,
    caller: &Caller,
    id: Id<Rotation>,
    code: &str,
) -> Result<(), Problem> {
    let record = find(services, caller, id).await?;
    may_decide((record.asked_by, record.state), &caller.acting, services.clock.now())
        .map_err(ProposalError::MayNot)?;
    confirm_second_factor(services, &caller.acting, code).await?;
    decide(services, caller, id, Verdict::Confirm).await
}

/// Decides on a rotation, or breaks it off.
///
/// # Errors
/// [`Problem`] says why not.
pub(in crate::http) async fn decide(
    services: &Services,
    caller: &Caller,
    id: Id<Rotation>,
    verdict: Verdict,
) -> Result<(), Problem> {
    find(services, caller, id).await?;
    let now = services.clock.now();
    Ok(services.store.decide_rotation(id, verdict, &caller.acting, now).await?)
}

/// A rotation that whoever calls may see: it concerns the whole network.
///
/// # Errors
/// [`Problem::not_there`] when there is none, or none for them.
pub(in crate::http) async fn find(
    services: &Services,
    caller: &Caller,
    id: Id<Rotation>,
) -> Result<RotationRecord, Problem> {
    if caller.acting.regions != Regions::All {
        return Err(Problem::not_there());
    }
    services.store.rotation(id).await?.ok_or_else(Problem::not_there)
}

async fn answer(
    services: &Services,
    caller: &Caller,
    id: Id<Rotation>,
    after: &str,
) -> Result<RotationAnswer, Problem> {
    let rotation = shown(find(services, caller, id).await?);
    let found = services.store.rotation_meters(id, after, MOST_SHOWN).await?;
    let is_full = u32::try_from(found.len()).unwrap_or(u32::MAX) >= MOST_SHOWN;
    let next_cursor = found.last().filter(|_| is_full).map(|meter| meter.address.clone());
    let meters: Vec<_> = found.into_iter().map(meter_shown).collect();
    let meta = ListMeta { count: meters.len(), next_cursor };
    Ok(RotationAnswer { rotation, meters, meta })
}

/// Which meters a body means.
fn wanted(body: &RotationBody) -> Result<RotationOf, Problem> {
    match (&body.meters, &body.line, body.factory) {
        (Some(meters), None, false) => Ok(RotationOf::Meters(addresses(meters.iter().map(String::as_str))?)),
        (None, Some(line), false) => Ok(RotationOf::Line(some_words(line, LONGEST)?.to_owned())),
        (None, None, true) => Ok(RotationOf::Factory),
        _ => Err(Problem::unacceptable(
            "selection",
            "say which meters in one way: meters, line, or factory",
            "请只用一种方式指定电能表：meters、line 或 factory",
        )),
    }
}

/// Addresses as people write them.
///
/// # Errors
/// [`Problem`] names the one that is none.
pub(in crate::http) fn addresses<'a>(
    written: impl Iterator<Item = &'a str>,
) -> Result<Vec<MeterAddress>, Problem> {
    let parsed = |text: &str| {
        text.trim().parse().map_err(|_| {
            let text: String = text.chars().filter(|letter| !letter.is_control()).take(20).collect();
            Problem::unacceptable(
                "address",
                &format!("`{text}` is no meter address: twelve digits are expected"),
                &format!("“{text}”不是通信地址：应为 12 位数字"),
            )
        })
    };
    written.map(parsed).collect()
}

fn shown(record: RotationRecord) -> RotationShown {
    let steps = record.counts.iter();
    let steps = steps.map(|(step, meters)| StepCount { step: step.name().to_owned(), meters: *meters });
    RotationShown {
        id: record.id.to_string(),
        level: record.level.number(),
        steps: steps.collect(),
        selection: record.selection,
        reason: record.reason,
        state: record.state.name().to_owned(),
        asked_by: record.asked_as,
        asked_at: record.asked_at.to_string(),
        decided_by: record.decided_as,
        ended_at: record.ended_at.map(|at| at.to_string()),
    }
}

fn meter_shown(meter: RotationMeter) -> RotatedMeter {
    RotatedMeter {
        address: meter.address,
        step: meter.step.name().to_owned(),
        writes: meter.writes,
        proofs: meter.proofs,
        next_at: (!meter.step.is_final()).then(|| meter.next_at.to_string()),
        changed_at: meter.changed_at.to_string(),
        why: meter.why,
    }
}

impl From<RotationError> for Problem {
    fn from(error: RotationError) -> Self {
        let (code, en, zh) = match error {
            RotationError::Proposal(error) => return error.into(),
            RotationError::Secret(SecretError::Store(error)) => return error.into(),
            RotationError::Secret(error) => {
                tracing::error!(kind = error.kind(), "the passwords of meters: {error}");
                return Self::internal();
            }
            RotationError::NoKeyFile => (
                "no_key_file",
                "no key file opens the passwords of meters; name one under [secrets] key_file".to_owned(),
                "没有可用的密钥文件，请在 [secrets] key_file 中配置".to_owned(),
            ),
            RotationError::NoMeter => (
                "no_meter",
                "no installed meter is meant by it".to_owned(),
                "没有符合条件的在装电能表".to_owned(),
            ),
            RotationError::NotThere(address) => (
                "unknown_meter",
                format!("there is no installed meter {address}"),
                format!("没有在装的电能表 {address}"),
            ),
            RotationError::TooMany => (
                "too_many_meters",
                format!(
                    "a rotation takes {} meters; name a line or fewer meters",
                    crate::domain::rotation::MOST_ROTATED
                ),
                format!("一次轮换最多 {} 只表，请按线路分批", crate::domain::rotation::MOST_ROTATED),
            ),
        };
        Self::unacceptable(code, &en, &zh)
    }
}

/// Whoever may ask for it or approve it.
pub(in crate::http) const SEE: Rule = Rule::MayOneOf(&[Action::RotateSecrets, Action::ApproveRotation]);
/// Rotations that are listed.
pub(in crate::http) const NEWEST: u32 = 100;
/// Meters in one answer.
const MOST_SHOWN: u32 = 500;
