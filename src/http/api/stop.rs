//! `/api/v1/stop`: what keeps all cuts back, how it is pressed by one person and lifted by two (F52).

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::objected::supply;
use super::written::{field, named};
use crate::domain::Coded;
use crate::domain::access::Action;
use crate::domain::supply::HaltKind;
use crate::http::auth::confirm_second_factor;
use crate::http::routes::Routes;
use crate::http::{Caller, Given, Problem, Services, Topic};
use crate::store::supply::{HaltRecord, Lifting};

pub(super) fn routes() -> Routes {
    Routes::default()
        .api::<__path_show, _, _>(Action::SeeStatus, show)
        .api::<__path_press, _, _>(Action::PressStop, press)
        .api::<__path_lift, _, _>(Action::LiftStop, lift)
        .api::<__path_acknowledge, _, _>(Action::AcknowledgeLoss, acknowledge)
}

/// Something that keeps all cuts back.
#[derive(Debug, Serialize, ToSchema)]
struct HaltShown {
    /// `stop`, somebody pressed it; `stop_file`, the file is there; `clock`, the clock of the machine has jumped;
    /// `database_behind`, the database has lost what it had kept: an administrator lifts it by `/api/v1/stop/acknowledge`.
    kind: String,
    /// Since when, RFC 3339.
    since: String,
    /// By whom.
    by: String,
    /// Why.
    reason: String,
    /// Approvers who want it lifted.
    lifted_by: Vec<String>,
    /// How many persons it takes.
    persons_to_lift: usize,
}

/// Whether cuts are kept back.
#[derive(Debug, Serialize, ToSchema)]
struct StopShown {
    /// True when nobody is cut. Supply is given back all the same.
    is_stopped: bool,
    halts: Vec<HaltShown>,
}

/// Whether cuts are kept back.
#[derive(Debug, Serialize, ToSchema)]
struct StopAnswer {
    stop: StopShown,
}

/// Why all cuts are stopped.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PressBody {
    /// In words; may be empty, for whoever is in a hurry. What is longer than 500 letters is shortened.
    #[serde(default)]
    reason: String,
}

/// What is to be lifted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LiftBody {
    /// stop, stop_file or clock.
    kind: String,
    /// The six digits that the second factor shows now.
    code: String,
}

/// Whether cuts are kept back, and by what
#[utoipa::path(get, path = "/api/v1/stop", tag = "stop",
    responses((status = 200, body = StopAnswer)))]
async fn show(State(services): State<Services>) -> Result<Json<StopAnswer>, Problem> {
    state(&services).await
}

/// Stop all cuts at once
///
/// Pressing it again changes nothing. Supply is given back all the same.
#[utoipa::path(post, path = "/api/v1/stop/press", tag = "stop", request_body = PressBody,
    responses((status = 200, body = StopAnswer)))]
async fn press(
    State(services): State<Services>,
    caller: Caller,
    Given(body): Given<PressBody>,
) -> Result<Json<StopAnswer>, Problem> {
    supply(&services)?.press_stop(&caller.acting, &body.reason).await?;
    services.changes.tell(Topic::Order);
    state(&services).await
}

/// Let cuts go on, when as many approvers want it as it takes
#[utoipa::path(post, path = "/api/v1/stop/lift", tag = "stop", request_body = LiftBody,
    responses((status = 200, body = StopAnswer), (status = 202, description = "another approver is needed", body = StopAnswer)))]
async fn lift(
    State(services): State<Services>,
    caller: Caller,
    Given(body): Given<LiftBody>,
) -> Result<(StatusCode, Json<StopAnswer>), Problem> {
    let kind: HaltKind = field("kind", named(&body.kind))?;
    confirm_second_factor(&services, &caller.acting, &body.code).await?;
    let status = match supply(&services)?.lift(&caller.acting, kind).await? {
        Lifting::Lifted => StatusCode::OK,
        Lifting::NeedsSecond => StatusCode::ACCEPTED,
    };
    services.changes.tell(Topic::Order);
    Ok((status, state(&services).await?))
}

/// What shows that it is really the administrator.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AcknowledgeLossBody {
    /// The six digits that the second factor shows now.
    code: String,
}

/// Say that it was looked into what the database has lost
///
/// Cuts may be approved again from then on; approvals of before have ended.
#[utoipa::path(post, path = "/api/v1/stop/acknowledge", tag = "stop", request_body = AcknowledgeLossBody,
    responses((status = 200, body = StopAnswer)))]
async fn acknowledge(
    State(services): State<Services>,
    caller: Caller,
    Given(body): Given<AcknowledgeLossBody>,
) -> Result<Json<StopAnswer>, Problem> {
    confirm_second_factor(&services, &caller.acting, &body.code).await?;
    supply(&services)?.lift(&caller.acting, HaltKind::DatabaseBehind).await?;
    services.changes.tell(Topic::Order);
    state(&services).await
}

async fn state(services: &Services) -> Result<Json<StopAnswer>, Problem> {
    let halts = services.store.halts().await?;
    let stop = StopShown { is_stopped: !halts.is_empty(), halts: halts.into_iter().map(shown).collect() };
    Ok(Json(StopAnswer { stop }))
}

fn shown(halt: HaltRecord) -> HaltShown {
    HaltShown {
        kind: halt.kind.name().to_owned(),
        since: halt.since.to_string(),
        by: halt.by,
        reason: halt.reason,
        lifted_by: halt.lifted_by,
        persons_to_lift: halt.kind.persons_to_lift(),
    }
}
