//! `/api/v1/alarms`: what somebody must know, and who takes care of it.
#![expect(unused_qualifications, reason = "what utoipa makes of parameters")]

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::accounts::ListMeta;
use super::written::{LONGEST, named, words};
use crate::domain::access::Action;
use crate::domain::{Coded, Id};
use crate::http::routes::Routes;
use crate::http::{Asked, Caller, Given, Problem, Services, Topic};
use crate::store::alarm::{AlarmFilter, AlarmRecord};

pub(super) fn routes() -> Routes {
    Routes::default()
        .api::<__path_list, _, _>(Action::SeeStatus, list)
        .api::<__path_show, _, _>(Action::SeeStatus, show)
        .api::<__path_acknowledge, _, _>(Action::AcknowledgeAlarm, acknowledge)
}

/// An alarm.
#[derive(Debug, Serialize, ToSchema)]
struct AlarmShown {
    /// Its number.
    id: i64,
    /// What it is about, such as `order_unknown`.
    kind: String,
    /// notice, warning or critical.
    severity: String,
    /// What has happened, in English.
    says: String,
    /// The same in Chinese.
    says_zh: String,
    /// Of what.
    subject: String,
    /// What more was said last, in English.
    detail: String,
    /// The same in Chinese.
    detail_zh: String,
    /// The supply order it belongs to.
    order: Option<String>,
    /// How often it came while it was open.
    count: i64,
    /// When it came first, RFC 3339.
    first_at: String,
    /// When it came last, RFC 3339.
    last_at: String,
    /// When it was over; `null` while it is open.
    ended_at: Option<String>,
    /// Who has taken note of it.
    acknowledged: Option<AlarmAcknowledged>,
}

/// Who has taken note of an alarm.
#[derive(Debug, Serialize, ToSchema)]
struct AlarmAcknowledged {
    /// When, RFC 3339.
    at: String,
    /// The account.
    by: String,
    /// What they said.
    note: String,
}

/// How many alarms are open that nobody has acknowledged.
#[derive(Debug, Serialize, ToSchema)]
struct AlarmsWaiting {
    critical: u64,
    warning: u64,
    notice: u64,
}

/// Alarms, the newest first.
#[derive(Debug, Serialize, ToSchema)]
struct AlarmsAnswer {
    alarms: Vec<AlarmShown>,
    /// How many are open that nobody has acknowledged, whatever this list holds.
    waiting: AlarmsWaiting,
    meta: ListMeta,
}

/// One alarm.
#[derive(Debug, Serialize, ToSchema)]
struct AlarmAnswer {
    alarm: AlarmShown,
}

/// What somebody says who takes care of an alarm.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AcknowledgeBody {
    /// What they do about it; may be empty.
    note: String,
}

/// Which alarms.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct AlarmsAsked {
    /// Only those that are open.
    #[serde(default)]
    open: bool,
    /// Only those that nobody has acknowledged.
    #[serde(default)]
    new: bool,
    /// Only those at least so grave: notice, warning, critical.
    least: Option<String>,
    /// Only those of this kind.
    kind: Option<String>,
    /// Only those of this supply order.
    #[param(value_type = Option<String>)]
    order: Option<i64>,
    /// Where to go on: `next_cursor` of the answer before.
    cursor: Option<i64>,
    /// How many at most, 1 to 500.
    limit: Option<u32>,
}

/// Alarms, the newest first
#[utoipa::path(get, path = "/api/v1/alarms", tag = "alarms", params(AlarmsAsked),
    responses((status = 200, body = AlarmsAnswer)))]
async fn list(
    State(services): State<Services>,
    caller: Caller,
    Asked(asked): Asked<AlarmsAsked>,
) -> Result<Json<AlarmsAnswer>, Problem> {
    let limit = asked.limit.unwrap_or(100).clamp(1, 500);
    let filter = AlarmFilter {
        is_open: asked.open,
        is_new: asked.new,
        least: asked.least.as_deref().map(named).transpose()?,
        kind: asked.kind.as_deref().map(named).transpose()?,
        order: asked.order,
    };
    let (regions, before) = (&caller.acting.regions, asked.cursor.unwrap_or(i64::MAX));
    let records = services.store.alarms(&filter, regions, before, limit).await?;
    let counts = services.store.alarm_counts(regions).await?;
    let is_full = u32::try_from(records.len()).unwrap_or(u32::MAX) >= limit;
    let next_cursor = records.last().filter(|_| is_full).map(|record| record.id.to_string());
    Ok(Json(AlarmsAnswer {
        meta: ListMeta { count: records.len(), next_cursor },
        alarms: records.into_iter().map(shown).collect(),
        waiting: AlarmsWaiting { critical: counts.critical, warning: counts.warning, notice: counts.notice },
    }))
}

/// One alarm
#[utoipa::path(get, path = "/api/v1/alarms/{id}", tag = "alarms",
    params(("id" = i64, Path)), responses((status = 200, body = AlarmAnswer)))]
async fn show(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Json<AlarmAnswer>, Problem> {
    one(&services, &caller, id).await
}

/// Say that somebody takes care of an alarm
///
/// It is not told again. Saying so twice changes nothing.
#[utoipa::path(post, path = "/api/v1/alarms/{id}/acknowledge", tag = "alarms",
    request_body = AcknowledgeBody, params(("id" = i64, Path)), responses((status = 200, body = AlarmAnswer)))]
async fn acknowledge(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
    Given(body): Given<AcknowledgeBody>,
) -> Result<Json<AlarmAnswer>, Problem> {
    let note = words(&body.note, LONGEST)?;
    let now = services.clock.now();
    if services.store.acknowledge_alarm(Id::new(id), &caller.acting, note, now).await? {
        services.changes.tell(Topic::Alarm);
    }
    one(&services, &caller, id).await
}

async fn one(services: &Services, caller: &Caller, id: i64) -> Result<Json<AlarmAnswer>, Problem> {
    let alarm = services.store.alarm(Id::new(id), &caller.acting.regions).await?;
    let alarm = alarm.ok_or_else(Problem::not_there)?;
    Ok(Json(AlarmAnswer { alarm: shown(alarm) }))
}

fn shown(record: AlarmRecord) -> AlarmShown {
    let acknowledged =
        record.acknowledged.map(|by| AlarmAcknowledged { at: by.at.to_string(), by: by.by, note: by.note });
    AlarmShown {
        id: record.id.number(),
        kind: record.kind.name().to_owned(),
        severity: record.severity.name().to_owned(),
        says: record.kind.says().to_owned(),
        says_zh: record.kind.says_zh().to_owned(),
        subject: record.subject,
        detail: record.detail,
        detail_zh: record.detail_zh,
        order: record.order.map(|order| order.to_string()),
        count: record.count,
        first_at: record.first_at.to_string(),
        last_at: record.last_at.to_string(),
        ended_at: record.ended_at.map(|at| at.to_string()),
        acknowledged,
    }
}
