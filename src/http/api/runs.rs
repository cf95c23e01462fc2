//! `/api/v1/runs`: nights, how far they came, and what they miss. How far the night of now has come is followed at
//! `/api/v1/stream`.
#![expect(unused_qualifications, reason = "what utoipa makes of parameters")]

use std::collections::HashMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::accounts::ListMeta;
use super::reads::next_cursor;
use crate::domain::access::Action;
use crate::domain::{Coded, Id, Run, detail_zh};
use crate::http::reread::{Missed, read_again};
use crate::http::routes::Routes;
use crate::http::{Asked, Caller, Given, Problem, Services};
use crate::store::view::{MissingLine, NightGroup};

pub(super) fn routes() -> Routes {
    Routes::default()
        .api::<__path_list, _, _>(Action::SeeStatus, list)
        .api::<__path_show, _, _>(Action::SeeStatus, show)
        .api::<__path_missing, _, _>(Action::SeeStatus, missing)
        .api::<__path_again, _, _>(Action::ReadOnDemand, again)
}

/// A page of runs.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct RunsPage {
    /// Where to go on: `next_cursor` of the answer before.
    cursor: Option<String>,
    /// How many at most, 1 to 500.
    limit: Option<u32>,
}

/// A page of meters that a run misses.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct MissingPage {
    /// Where to go on: `next_cursor` of the answer before.
    #[param(value_type = Option<String>)]
    cursor: Option<i64>,
    /// How many at most, 1 to 500.
    limit: Option<u32>,
}

/// A run.
#[derive(Debug, Serialize, ToSchema)]
struct RunShown {
    /// Its number; too large for a number of JavaScript.
    id: String,
    /// Which meters: `site` for all.
    scope: String,
    /// The day whose beginning is read.
    day: String,
    /// What for: nightly.
    kind: String,
    /// How it stands: running, done, partial.
    state: String,
    /// How many meters it was planned for, for an account of some areas those in these.
    planned: u64,
    /// When it began, RFC 3339.
    started_at: String,
    /// When it ends, whatever is missing then, RFC 3339.
    deadline: String,
    /// When it ended, RFC 3339.
    ended_at: Option<String>,
}

/// Meters of a run that stand alike.
#[derive(Debug, Serialize, ToSchema)]
struct GroupShown {
    /// Their transformer area.
    transformer_area: Option<String>,
    /// Their line, or their terminal.
    line: Option<String>,
    /// Whether they were read.
    is_read: bool,
    /// Why they are missing; `null` for those that were read or wait.
    cause: Option<String>,
    /// The same in Chinese.
    cause_zh: Option<String>,
    /// How many they are.
    meters: u64,
    /// How many slots of their curves are missing.
    holes: u64,
}

/// A meter that a run misses.
#[derive(Debug, Serialize, ToSchema)]
struct MissingShown {
    /// Its address.
    address: String,
    /// The point it measures.
    point_number: Option<String>,
    /// The transformer area.
    transformer_area: Option<String>,
    /// The line, or the terminal.
    line: Option<String>,
    /// Why.
    cause: String,
    /// The same in Chinese.
    cause_zh: String,
    /// What more is to be said.
    detail: Option<String>,
    /// The same in Chinese.
    detail_zh: Option<String>,
    /// Since when it is known, RFC 3339.
    since: String,
}

/// Runs.
#[derive(Debug, Serialize, ToSchema)]
struct RunsAnswer {
    /// The last day first.
    runs: Vec<RunShown>,
    /// Where to go on.
    meta: ListMeta,
}

/// One run.
#[derive(Debug, Serialize, ToSchema)]
struct RunAnswer {
    /// The run.
    run: RunShown,
    /// How its meters stand, by area and line, as far as the caller may see them.
    groups: Vec<GroupShown>,
}

/// What a run misses.
#[derive(Debug, Serialize, ToSchema)]
struct MissingAnswer {
    /// Meters, in the order of their numbers.
    missing: Vec<MissingShown>,
    /// Where to go on.
    meta: ListMeta,
}

/// Which of the meters that a run has missed; without a word all of them.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ReadAgainBody {
    /// Only those of the transformer area with this name.
    transformer_area: Option<String>,
    /// Only those of the line, or behind the terminal, with this name.
    line: Option<String>,
}

/// What is read again.
#[derive(Debug, Serialize, ToSchema)]
struct ReadAgainAnswer {
    /// How many meters are asked.
    meters: usize,
}

/// Runs, the last day first
#[utoipa::path(get, path = "/api/v1/runs", tag = "runs", params(RunsPage),
    responses((status = 200, body = RunsAnswer)))]
async fn list(
    State(services): State<Services>,
    caller: Caller,
    Asked(page): Asked<RunsPage>,
) -> Result<Json<RunsAnswer>, Problem> {
    let limit = page.limit.unwrap_or(50).clamp(1, 500);
    let place = page.cursor.as_deref().map_or(Ok((i64::MAX, i64::MAX)), place)?;
    let runs = services.store.runs_before(place, limit).await?;
    let is_full = u32::try_from(runs.len()).unwrap_or(u32::MAX) >= limit;
    let next = runs.last().filter(|_| is_full).map(|run| format!("{}.{}", run.day.number(), run.id));
    let meta = ListMeta { count: runs.len(), next_cursor: next };
    let ids: Vec<_> = runs.iter().map(|run| run.id).collect();
    let planned = services.store.planned_within(&ids, &caller.acting.regions).await?;
    let runs = runs.into_iter().map(|run| shown(run, &planned)).collect();
    Ok(Json(RunsAnswer { runs, meta }))
}

/// A run, and how its meters stand
#[utoipa::path(get, path = "/api/v1/runs/{id}", tag = "runs", params(("id" = String, Path)),
    responses((status = 200, body = RunAnswer)))]
async fn show(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Json<RunAnswer>, Problem> {
    let run = services.store.run(Id::new(id)).await?.ok_or_else(Problem::not_there)?;
    let regions = &caller.acting.regions;
    let groups = services.store.night_groups(run.id, regions).await?;
    let planned = services.store.planned_within(&[run.id], regions).await?;
    Ok(Json(RunAnswer { run: shown(run, &planned), groups: groups.into_iter().map(group).collect() }))
}

/// The meters that a run has not read, each with its cause
#[utoipa::path(get, path = "/api/v1/runs/{id}/missing", tag = "runs", params(("id" = String, Path), MissingPage),
    responses((status = 200, body = MissingAnswer)))]
async fn missing(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
    Asked(page): Asked<MissingPage>,
) -> Result<Json<MissingAnswer>, Problem> {
    let run = services.store.run(Id::new(id)).await?.ok_or_else(Problem::not_there)?;
    let limit = page.limit.unwrap_or(100).clamp(1, 500);
    let place = (page.cursor.unwrap_or(0), limit);
    let lines = services.store.missing_lines_after(run.id, &caller.acting.regions, place).await?;
    let next = next_cursor(lines.len(), limit, lines.last().map(|line| line.meter.number()));
    let meta = ListMeta { count: lines.len(), next_cursor: next };
    Ok(Json(MissingAnswer { missing: lines.into_iter().map(line).collect(), meta }))
}

/// Read again what a run has missed
///
/// Once, while no run and no other re-read goes on. What comes is in the run.
#[utoipa::path(post, path = "/api/v1/runs/{id}/read_again", tag = "runs", request_body = ReadAgainBody,
    params(("id" = String, Path)), responses((status = 202, body = ReadAgainAnswer)))]
async fn again(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
    Given(body): Given<ReadAgainBody>,
) -> Result<(StatusCode, Json<ReadAgainAnswer>), Problem> {
    let missed = match (&body.transformer_area, &body.line) {
        (None, None) => Missed::All,
        (Some(area), None) => Missed::OfArea(area),
        (None, Some(line)) => Missed::OfLine(line),
        (Some(_), Some(_)) => {
            let en = "name an area or a line, not both";
            return Err(Problem::unacceptable("area_and_line", en, "台区与线路只能选一项"));
        }
    };
    let meters = read_again(&services, &caller, Id::new(id), missed).await?;
    Ok((StatusCode::ACCEPTED, Json(ReadAgainAnswer { meters })))
}

/// A run, with how many of its meters somebody sees; where that is not said, they see all.
fn shown(run: Run, planned: &Option<HashMap<Id<Run>, u64>>) -> RunShown {
    let planned = planned.as_ref().map(|planned| planned.get(&run.id).copied().unwrap_or(0));
    RunShown {
        planned: planned.unwrap_or_else(|| run.planned.into()),
        id: run.id.to_string(),
        scope: run.scope,
        day: run.day.to_string(),
        kind: run.kind.name().to_owned(),
        state: run.state.name().to_owned(),
        started_at: run.started_at.to_string(),
        deadline: run.deadline.to_string(),
        ended_at: run.ended_at.map(|at| at.to_string()),
    }
}

fn group(group: NightGroup) -> GroupShown {
    GroupShown {
        transformer_area: group.area,
        line: group.line,
        is_read: group.is_read,
        cause: group.cause.map(|cause| cause.name().to_owned()),
        cause_zh: group.cause.map(|cause| cause.name_zh().to_owned()),
        meters: group.meters,
        holes: group.holes,
    }
}

fn line(line: MissingLine) -> MissingShown {
    MissingShown {
        address: line.address,
        point_number: line.point,
        transformer_area: line.area,
        line: line.line,
        cause: line.cause.name().to_owned(),
        cause_zh: line.cause.name_zh().to_owned(),
        detail_zh: line.detail.as_deref().map(detail_zh),
        detail: line.detail,
        since: line.since.to_string(),
    }
}

fn place(cursor: &str) -> Result<(i64, i64), Problem> {
    let malformed = || Problem::malformed("the cursor is none of an answer", "翻页游标无效");
    let (day, id) = cursor.split_once('.').ok_or_else(malformed)?;
    Ok((day.parse().map_err(|_| malformed())?, id.parse().map_err(|_| malformed())?))
}
