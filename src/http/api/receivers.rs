//! `/api/v1/billing/receivers`: who is given billing values, how each is, and what it refused offered again.

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::accounts::ListMeta;
use super::billing::pushes_seen;
use super::written::{LONGEST, words};
use crate::domain::Day;
use crate::domain::access::{Action, Regions};
use crate::http::routes::Routes;
use crate::http::{Caller, Given, Problem, Services};
use crate::store::billing::{OutboxState, ReceiverStatus, RetryKeys};

pub(super) fn routes() -> Routes {
    Routes::default()
        .api::<__path_list, _, _>(Action::SeePushes, list)
        .api::<__path_retry, _, _>(Action::RetryPushes, retry)
}

/// A receiver, and how it is.
#[derive(Debug, Serialize, ToSchema)]
struct ReceiverShown {
    /// Its name.
    name: String,
    /// ledger, http or csv.
    kind: String,
    /// Whether the configuration names it.
    is_configured: bool,
    /// Versions that wait, those that are being offered among them.
    waiting: u64,
    /// Versions it took; `null` for an account of some areas, as is all else that is known of the whole site only.
    delivered: Option<u64>,
    /// Versions that a later one replaced before they were taken.
    superseded: Option<u64>,
    /// Versions it refused, which wait for a person.
    parked: u64,
    /// The earliest day of which something waits.
    oldest_waiting: Option<String>,
    /// When it last took something, RFC 3339.
    last_success_at: Option<String>,
    /// When it last did not take something, RFC 3339.
    last_error_at: Option<String>,
    /// What was said then.
    last_error: Option<String>,
}

/// Every receiver, by name.
#[derive(Debug, Serialize, ToSchema)]
struct ReceiversAnswer {
    receivers: Vec<ReceiverShown>,
    meta: ListMeta,
}

/// What is offered again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RetryBody {
    /// Only this key, as it was sent; all that was refused where it is not given.
    key: Option<String>,
}

/// What was offered again.
#[derive(Debug, Serialize, ToSchema)]
struct RetryAnswer {
    retried: RetriedShown,
}

/// How much is offered again.
#[derive(Debug, Serialize, ToSchema)]
struct RetriedShown {
    /// How many versions.
    count: u64,
}

/// Receivers of billing values, and how each is
///
/// A billing service sees its own. An account of some areas sees what waits and what was refused of its points.
#[utoipa::path(get, path = "/api/v1/billing/receivers", tag = "billing",
    responses((status = 200, body = ReceiversAnswer)))]
async fn list(State(services): State<Services>, caller: Caller) -> Result<Json<ReceiversAnswer>, Problem> {
    let is_whole = caller.acting.regions == Regions::All;
    let receivers = seen(&services, &caller).await?.into_iter().map(|status| shown(status, is_whole));
    let receivers: Vec<_> = receivers.collect();
    let meta = ListMeta { count: receivers.len(), next_cursor: None };
    Ok(Json(ReceiversAnswer { receivers, meta }))
}

/// Offer a receiver again what it refused
///
/// The key and the content are as before; what was taken is not offered again. Only points of the caller's regions.
#[utoipa::path(post, path = "/api/v1/billing/receivers/{name}/retry", tag = "billing",
    request_body = RetryBody, params(("name" = String, Path)), responses((status = 200, body = RetryAnswer)))]
async fn retry(
    State(services): State<Services>,
    caller: Caller,
    Path(name): Path<String>,
    Given(body): Given<RetryBody>,
) -> Result<Json<RetryAnswer>, Problem> {
    let key = body.key.as_deref().map(|key| words(key, LONGEST)).transpose()?;
    let count = again(&services, &caller, &name, key).await?;
    Ok(Json(RetryAnswer { retried: RetriedShown { count } }))
}

/// Offers a receiver again what it refused, all of it or one key; says how much.
pub(in crate::http) async fn again(
    services: &Services,
    caller: &Caller,
    name: &str,
    key: Option<&str>,
) -> Result<u64, Problem> {
    let known = services.store.receiver_statuses().await?;
    if known.iter().all(|status| status.name != name) {
        return Err(Problem::not_there());
    }
    let keys = key.map_or(RetryKeys::All, RetryKeys::One);
    Ok(services.store.retry_parked(name, keys, &caller.acting, services.clock.now()).await?)
}

/// Receivers as somebody sees them: a billing service its own, an account of some areas with what is of its points only (T16).
pub(in crate::http) async fn seen(
    services: &Services,
    caller: &Caller,
) -> Result<Vec<ReceiverStatus>, Problem> {
    let mut receivers = services.store.receiver_statuses().await?;
    if let Some(own) = caller.account.sees_receivers() {
        receivers.retain(|status| own.contains(&status.name));
    }
    if caller.acting.regions == Regions::All {
        return Ok(receivers);
    }
    let counts = services.store.push_counts(Day::of(services.clock.now()), &pushes_seen(caller)).await?;
    let count = |name: &str, states: &[OutboxState]| {
        let of_name = counts.iter().filter(|count| count.receiver == name && states.contains(&count.state));
        of_name.map(|count| count.count).sum()
    };
    let within = |status: ReceiverStatus| ReceiverStatus {
        waiting: count(&status.name, &[OutboxState::Waiting, OutboxState::Leased]),
        parked: count(&status.name, &[OutboxState::Parked]),
        is_configured: status.is_configured,
        ..ReceiverStatus::unused(&status.name, &status.kind)
    };
    Ok(receivers.into_iter().map(within).collect())
}

fn shown(status: ReceiverStatus, is_whole: bool) -> ReceiverShown {
    let (last_error_at, last_error) = status.last_error.unzip();
    ReceiverShown {
        name: status.name,
        kind: status.kind,
        is_configured: status.is_configured,
        waiting: status.waiting,
        delivered: is_whole.then_some(status.delivered),
        superseded: is_whole.then_some(status.superseded),
        parked: status.parked,
        oldest_waiting: status.oldest_waiting.map(|day| day.to_string()),
        last_success_at: status.last_success.map(|at| at.to_string()),
        last_error_at: last_error_at.map(|at| at.to_string()),
        last_error,
    }
}
