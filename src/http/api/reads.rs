//! `/api/v1/reads`: meters are asked now, and what they answer is followed.
#![expect(unused_qualifications, reason = "what utoipa makes of parameters")]

use std::convert::Infallible;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{Event, KeepAlive};
use axum::response::{IntoResponse, Response, Sse};
use dlt645::address::MeterAddress;
use futures_util::Stream;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;
use utoipa::{IntoParams, ToSchema};

use super::accounts::ListMeta;
use super::reads_shown::{self, Answers, Groups, ReadAndMeters, ReadBody, Reads};
use crate::collect::on_demand::{OnDemand, ReadError, ReadRequest};
use crate::domain::access::{Acting, Action};
use crate::domain::{Coded, Id, ReadGroup, ReadJob};
use crate::http::routes::{Routes, Rule};
use crate::http::streams::OpenStream;
use crate::http::{Asked, Caller, Given, Problem, Services, Source, auth};

pub(super) fn routes() -> Routes {
    Routes::default()
        .api::<__path_groups, _, _>(SEEN, groups)
        .api::<__path_submit, _, _>(Action::ReadOnDemand, submit)
        .api::<__path_list, _, _>(SEEN, list)
        .api::<__path_show, _, _>(SEEN, show)
        .api::<__path_answers, _, _>(SEEN, answers)
        .api::<__path_cancel, _, _>(Action::ReadOnDemand, cancel)
        .api::<__path_stream, _, _>(SEEN, stream)
}

/// A job to be begun.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewRead {
    /// Addresses of meters, 12 digits.
    meters: Vec<String>,
    /// Names of groups, as `/api/v1/reads/groups` lists them.
    groups: Vec<String>,
    /// For how many seconds it is worth asking; the usual time where it is not given.
    expires_after_s: Option<u64>,
}

/// A page of a list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Page {
    /// Where to go on: `next_cursor` of the answer before.
    #[param(value_type = Option<String>)]
    cursor: Option<i64>,
    /// How many at most, 1 to 500.
    limit: Option<u32>,
}

/// What may be read, by name
#[utoipa::path(get, path = "/api/v1/reads/groups", tag = "reads", responses((status = 200, body = Groups)))]
async fn groups() -> Json<Groups> {
    Json(reads_shown::groups())
}

/// Ask meters now
///
/// The answer names the job, which is then followed. The same request under the same key is the same job.
#[utoipa::path(post, path = "/api/v1/reads", tag = "reads", request_body = NewRead,
    params(("Idempotency-Key" = Option<String>, Header, description = "the same request with the same key is done once")),
    responses((status = 202, body = ReadBody), (status = 200, description = "it was there already", body = ReadBody)))]
async fn submit(
    State(services): State<Services>,
    caller: Caller,
    headers: HeaderMap,
    Given(body): Given<NewRead>,
) -> Result<Response, Problem> {
    let key = headers.get("idempotency-key").map(|key| key.to_str().map(str::to_owned)).transpose();
    let key = key.map_err(|_| Problem::from(ReadError::Key))?;
    let request = ReadRequest {
        meters: body.meters.iter().map(|text| address(text)).collect::<Result<_, _>>()?,
        groups: body.groups.iter().map(|name| group(name)).collect::<Result<_, _>>()?,
        expires_after: body.expires_after_s.map(Duration::from_secs),
        key,
    };
    let submission = service(&services)?.submit(&caller.acting, &request).await?;
    let status = if submission.is_new { StatusCode::ACCEPTED } else { StatusCode::OK };
    let place = format!("/api/v1/reads/{}", submission.job.id);
    let body = ReadBody { read: reads_shown::job(&submission.job) };
    Ok((status, [(header::LOCATION, place)], Json(body)).into_response())
}

/// Jobs, the newest first
///
/// An account sees its own; one that sees every region sees all.
#[utoipa::path(get, path = "/api/v1/reads", tag = "reads", params(Page), responses((status = 200, body = Reads)))]
async fn list(
    State(services): State<Services>,
    caller: Caller,
    Asked(page): Asked<Page>,
) -> Result<Json<Reads>, Problem> {
    let limit = page.limit();
    let jobs = service(&services)?.jobs(&caller.acting, page.cursor.unwrap_or(i64::MAX), limit).await?;
    let next = next_cursor(jobs.len(), limit, jobs.last().map(|job| job.id.number()));
    let meta = ListMeta { count: jobs.len(), next_cursor: next };
    Ok(Json(Reads { reads: jobs.iter().map(reads_shown::job).collect(), meta }))
}

/// A job with its meters: their place in the queue, what they are being asked, how they ended
#[utoipa::path(get, path = "/api/v1/reads/{id}", tag = "reads", params(("id" = String, Path), Page),
    responses((status = 200, body = ReadAndMeters)))]
async fn show(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
    Asked(page): Asked<Page>,
) -> Result<Json<ReadAndMeters>, Problem> {
    let page = (page.cursor.unwrap_or(0), page.limit());
    Ok(Json(job_and_meters(service(&services)?, &caller.acting, Id::new(id), page).await?))
}

/// What a meter of a job has answered, with its frames
#[utoipa::path(get, path = "/api/v1/reads/{id}/meters/{address}", tag = "reads",
    params(("id" = String, Path), ("address" = String, Path)), responses((status = 200, body = Answers)))]
async fn answers(
    State(services): State<Services>,
    caller: Caller,
    Path((id, meter)): Path<(i64, String)>,
) -> Result<Json<Answers>, Problem> {
    let site = services.store.site_meter(address(&meter)?).await?;
    let site = site.ok_or_else(Problem::not_there)?;
    let answers = service(&services)?.answers(&caller.acting, Id::new(id), site.meter_id).await?;
    let now = services.clock.now();
    let answers = answers.into_iter().map(|answer| reads_shown::answer(answer, now)).collect();
    Ok(Json(Answers { answers }))
}

/// Take a job back: what has not ended ends as cancelled
#[utoipa::path(delete, path = "/api/v1/reads/{id}", tag = "reads", params(("id" = String, Path)),
    responses((status = 200, body = ReadBody)))]
async fn cancel(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Json<ReadBody>, Problem> {
    let job = service(&services)?.cancel(&caller.acting, Id::new(id)).await?;
    Ok(Json(ReadBody { read: reads_shown::job(&job) }))
}

/// How a job comes along, as server-sent events until it has ended
///
/// Each event `read` holds what `GET` of the job would answer with its first 100 meters.
#[utoipa::path(get, path = "/api/v1/reads/{id}/stream", tag = "reads", params(("id" = String, Path)),
    responses((status = 200, description = "events until the job has ended", content_type = "text/event-stream")))]
async fn stream(
    State(services): State<Services>,
    caller: Caller,
    Source(source): Source,
    headers: HeaderMap,
    Path(id): Path<i64>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let on_demand = service(&services)?.clone();
    on_demand.job(&caller.acting, Id::new(id)).await?;
    let changes = on_demand.changes();
    let following = Following {
        _open: services.streams.open(&caller)?,
        on_demand,
        changes,
        services,
        headers,
        source,
        job: Id::new(id),
        is_first: true,
        is_over: false,
    };
    let events = futures_util::stream::unfold(following, |mut following| async move {
        let event = following.next().await?;
        Some((Ok(event), following))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}

/// A job that somebody follows.
struct Following {
    _open: OpenStream,
    services: Services,
    on_demand: OnDemand,
    changes: broadcast::Receiver<Id<ReadJob>>,
    headers: HeaderMap,
    source: String,
    job: Id<ReadJob>,
    is_first: bool,
    is_over: bool,
}

impl Following {
    /// The next event; `None` when the job has ended, or whoever follows may not any more.
    async fn next(&mut self) -> Option<Event> {
        if self.is_over {
            return None;
        }
        if !std::mem::take(&mut self.is_first) {
            self.wait().await?;
        }
        let caller = auth::by_itself(&self.services, &self.headers, &self.source).await?;
        let state = job_and_meters(&self.on_demand, &caller.acting, self.job, (0, FOLLOWED)).await.ok()?;
        self.is_over = state.read.has_ended();
        Event::default().event("read").json_data(&state).ok()
    }

    /// Returns when something of the job has changed, or its place in the queue may have.
    async fn wait(&mut self) -> Option<()> {
        let look_again = tokio::time::sleep(LOOK_AGAIN);
        tokio::pin!(look_again);
        loop {
            tokio::select! {
                () = self.services.stop.cancelled() => return None,
                () = &mut look_again => return Some(()),
                changed = self.changes.recv() => match changed {
                    Ok(job) if job != self.job => {}
                    Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {
                        tokio::time::sleep(BREATH).await;
                        return Some(());
                    }
                    Err(broadcast::error::RecvError::Closed) => return None,
                },
            }
        }
    }
}

impl Page {
    fn limit(&self) -> u32 {
        self.limit.unwrap_or(100).clamp(1, 500)
    }
}

async fn job_and_meters(
    on_demand: &OnDemand,
    by: &Acting,
    id: Id<ReadJob>,
    (after, limit): (i64, u32),
) -> Result<ReadAndMeters, ReadError> {
    let job = on_demand.job(by, id).await?;
    let meters = on_demand.meters(by, id, (after, limit)).await?;
    let next = next_cursor(meters.len(), limit, meters.last().map(|status| status.read.meter.number()));
    let meta = ListMeta { count: meters.len(), next_cursor: next };
    let meters = meters.into_iter().map(reads_shown::meter).collect();
    Ok(ReadAndMeters { read: reads_shown::job(&job), meters, meta })
}

/// Where the next page begins; `None` when this one was not full.
pub(super) fn next_cursor(count: usize, limit: u32, last: Option<i64>) -> Option<String> {
    let is_full = u32::try_from(count).unwrap_or(u32::MAX) >= limit;
    last.filter(|_| is_full).map(|last| last.to_string())
}

fn service(services: &Services) -> Result<&OnDemand, Problem> {
    services.on_demand.as_ref().ok_or_else(Problem::not_there)
}

/// The address of a meter, as it stands in a path or a body.
pub(in crate::http) fn address(text: &str) -> Result<MeterAddress, Problem> {
    let malformed = |_| {
        Problem::malformed("the address of a meter has up to 12 digits", "电表通信地址须为不超过 12 位数字")
    };
    text.parse().map_err(malformed)
}

fn group(name: &str) -> Result<ReadGroup, Problem> {
    ReadGroup::from_name(name).ok_or_else(|| {
        Problem::unacceptable(
            "no_such_group",
            "there is no such group; /api/v1/reads/groups lists them",
            "没有该召测项目，可用项目见 /api/v1/reads/groups",
        )
    })
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        let zh = match &error {
            ReadError::NotAllowed => return Self::not_allowed(),
            ReadError::NotThere => return Self::not_there(),
            ReadError::Store(_) => return store_problem(error),
            ReadError::NoMeter => "未指定电表",
            ReadError::NoGroup => "未指定召测项目",
            ReadError::TooManyMeters { .. } => "一个召测任务的电表过多",
            ReadError::Expiry => "任务有效期须为 1 秒至 24 小时",
            ReadError::Key => "幂等键须为 1 至 128 个可见字符",
            ReadError::NoSuchMeter(_) => "没有该电表",
            ReadError::OtherUnderKey => "该幂等键已用于其他请求",
            ReadError::Busy => "排队召测的电表过多，请稍后再试",
        };
        let status = match &error {
            ReadError::OtherUnderKey => StatusCode::CONFLICT,
            ReadError::Busy => StatusCode::TOO_MANY_REQUESTS,
            ReadError::Key => StatusCode::BAD_REQUEST,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        let problem = Self::new(status, error.kind(), &error.to_string(), zh);
        if matches!(error, ReadError::Busy) { problem.after(BUSY_FOR) } else { problem }
    }
}

fn store_problem(error: ReadError) -> Problem {
    match error {
        ReadError::Store(error) => Problem::from(error),
        _ => Problem::internal(),
    }
}

/// Who sees jobs and what came of them.
const SEEN: Rule = Rule::MayOneOf(&[Action::ReadOnDemand, Action::SeeCustomers]);
/// So many meters are told of in events.
const FOLLOWED: u32 = 100;
/// Places in a queue move without a change of the job.
const LOOK_AGAIN: Duration = Duration::from_secs(3);
const BREATH: Duration = Duration::from_millis(500);
/// A line reads a few meters in that time.
const BUSY_FOR: Duration = Duration::from_secs(10);
