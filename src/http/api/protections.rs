//! `/api/v1/protections` and `/api/v1/calendar`: who may not be cut, and days on which nobody is (F54).
#![expect(unused_qualifications, reason = "what utoipa makes of parameters")]

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::accounts::ListMeta;
use super::evidence::{found, points};
use super::proposals::FactorBody;
use super::written::{LONGEST, day, instant, named, some_words};
use crate::domain::access::{Action, Regions};
use crate::domain::supply::{Protection, ProtectionList};
use crate::domain::{Coded, Day, Id, TransformerArea};
use crate::http::auth::confirm_second_factor;
use crate::http::routes::Routes;
use crate::http::{Asked, Caller, Given, Problem, Services};
use crate::store::supply::{CalendarEntry, ProtectionEntry};

pub(super) fn routes() -> Routes {
    Routes::default()
        .api::<__path_list, _, _>(Action::SeeCustomers, list)
        .api::<__path_add, _, _>(Action::AddProtection, add)
        .api::<__path_load, _, _>(Action::AddProtection, load)
        .taking(LARGE)
        .api::<__path_end, _, _>(Action::RemoveProtection, end)
        .api::<__path_calendar, _, _>(Action::SeeStatus, calendar)
        .api::<__path_add_days, _, _>(Action::AddProtection, add_days)
        .api::<__path_remove_days, _, _>(Action::AddProtection, remove_days)
}

/// A protection.
#[derive(Debug, Serialize, ToSchema)]
struct ProtectionShown {
    /// Its number, of nineteen digits.
    id: String,
    /// Number of the point.
    point: String,
    /// important, public_safety, medical, hold, dispute, authority or other.
    kind: String,
    /// Why, in words.
    reason: String,
    /// Until when, RFC 3339; `null` until two approvers end it.
    until: Option<String>,
    /// When it was entered, RFC 3339.
    entered_at: String,
    /// By whom.
    entered_by: String,
    /// When two approvers ended it, RFC 3339.
    ended_at: Option<String>,
}

/// Protections, by point.
#[derive(Debug, Serialize, ToSchema)]
struct ProtectionsAnswer {
    protections: Vec<ProtectionShown>,
    /// False when the list of protected points was never loaded, is empty or could not be loaded: nobody is cut.
    is_list_loaded: bool,
    meta: ListMeta,
}

/// Points to be protected.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ProtectionsBody {
    protections: Vec<NewProtection>,
}

/// A point to be protected.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewProtection {
    /// Number of the point.
    point: String,
    /// important, public_safety, medical, hold, dispute, authority or other.
    kind: String,
    /// Why, in words.
    reason: String,
    /// Until when, RFC 3339; until two approvers end it where it is not given.
    until: Option<String>,
}

/// What was added.
#[derive(Debug, Serialize, ToSchema)]
struct ProtectedAnswer {
    /// How many entries the list had.
    entered: usize,
}

/// Whether a protection has ended.
#[derive(Debug, Serialize, ToSchema)]
struct EndedAnswer {
    /// False while a second approver is needed.
    has_ended: bool,
}

/// A day on which nobody is cut.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NoCutDay {
    /// Which.
    day: String,
    /// The name of the transformer area; `null` for everywhere.
    area: Option<String>,
    /// holiday, exam, heat, cold or other.
    kind: String,
}

/// Days on which nobody is cut, in their order.
#[derive(Debug, Serialize, ToSchema)]
struct CalendarAnswer {
    days: Vec<NoCutDay>,
    meta: ListMeta,
}

/// What was taken away.
#[derive(Debug, Serialize, ToSchema)]
struct RemovedDaysAnswer {
    /// How many days were there.
    removed: u64,
    /// How many stay until a second approver wants them taken away, too.
    waiting: u64,
}

/// Days to be taken away.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RemoveDaysBody {
    days: Vec<NoCutDay>,
    /// The six digits that your second factor shows now; not needed for what you have entered a moment ago.
    #[serde(default)]
    code: String,
}

/// Days to be entered.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CalendarBody {
    days: Vec<NoCutDay>,
}

/// Which protections.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct ProtectionsAsked {
    /// Those that have ended as well.
    #[serde(default)]
    all: bool,
}

/// From when on.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct CalendarAsked {
    /// The first day; today where it is not given.
    from: Option<String>,
}

/// Protected points, those of the archive and of important customers not among them
#[utoipa::path(get, path = "/api/v1/protections", tag = "protections",
    params(ProtectionsAsked), responses((status = 200, body = ProtectionsAnswer)))]
async fn list(
    State(services): State<Services>,
    caller: Caller,
    Asked(asked): Asked<ProtectionsAsked>,
) -> Result<Json<ProtectionsAnswer>, Problem> {
    let store = &services.store;
    let records = store.protections((!asked.all).then(|| services.clock.now())).await?;
    let ids: Vec<_> = records.iter().map(|record| record.entry.point).collect();
    let numbers = store.numbers_of_points(&ids, &caller.acting.regions).await?;
    let within = records.into_iter().filter_map(|record| {
        let point = numbers.get(&record.entry.point)?.clone();
        Some(ProtectionShown {
            id: record.id.to_string(),
            point,
            kind: record.entry.kind.name().to_owned(),
            reason: record.entry.reason,
            until: record.entry.until.map(|until| until.to_string()),
            entered_at: record.entered_at.to_string(),
            entered_by: record.entered_by,
            ended_at: record.ended_at.map(|at| at.to_string()),
        })
    });
    let protections: Vec<_> = within.collect();
    let meta = ListMeta { count: protections.len(), next_cursor: None };
    let is_list_loaded = store.protection_list().await? == ProtectionList::Loaded;
    Ok(Json(ProtectionsAnswer { protections, is_list_loaded, meta }))
}

/// Protect points
#[utoipa::path(post, path = "/api/v1/protections", tag = "protections",
    request_body = ProtectionsBody, responses((status = 200, body = ProtectedAnswer)))]
async fn add(
    State(services): State<Services>,
    caller: Caller,
    Given(body): Given<ProtectionsBody>,
) -> Result<Json<ProtectedAnswer>, Problem> {
    let entries = entries(&services, &caller, &body).await?;
    services.store.add_protections(&caller.acting, &entries, services.clock.now()).await?;
    services.judge_cuts_again();
    Ok(Json(ProtectedAnswer { entered: entries.len() }))
}

/// Load the list of protected points
///
/// It only adds. Until it was loaded nobody is cut, and an empty list keeps all cuts back.
#[utoipa::path(post, path = "/api/v1/protections/load", tag = "protections",
    request_body = ProtectionsBody, responses((status = 200, body = ProtectedAnswer)))]
async fn load(
    State(services): State<Services>,
    caller: Caller,
    Given(body): Given<ProtectionsBody>,
) -> Result<Json<ProtectedAnswer>, Problem> {
    if caller.acting.regions != Regions::All {
        return Err(Problem::not_allowed());
    }
    let entries = entries(&services, &caller, &body).await?;
    services.store.load_protections(&caller.acting, &entries, services.clock.now()).await?;
    services.judge_cuts_again();
    Ok(Json(ProtectedAnswer { entered: entries.len() }))
}

/// End a protection, when a second approver wants it, too
#[utoipa::path(post, path = "/api/v1/protections/{id}/end", tag = "protections",
    request_body = FactorBody, params(("id" = String, Path)),
    responses((status = 200, body = EndedAnswer), (status = 202, description = "another approver is needed", body = EndedAnswer)))]
async fn end(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
    Given(body): Given<FactorBody>,
) -> Result<(StatusCode, Json<EndedAnswer>), Problem> {
    let (id, now) = (Id::<Protection>::new(id), services.clock.now());
    let open = services.store.protections(Some(now)).await?;
    let point = open.iter().find(|record| record.id == id).map(|record| record.entry.point);
    let point = point.ok_or_else(Problem::not_there)?;
    if services.store.numbers_of_points(&[point], &caller.acting.regions).await?.is_empty() {
        return Err(Problem::not_there());
    }
    confirm_second_factor(&services, &caller.acting, &body.code).await?;
    let has_ended = services.store.end_protection(&caller.acting, id, now).await?;
    let status = if has_ended { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok((status, Json(EndedAnswer { has_ended })))
}

/// Days on which nobody is cut
#[utoipa::path(get, path = "/api/v1/calendar", tag = "protections",
    params(CalendarAsked), responses((status = 200, body = CalendarAnswer)))]
async fn calendar(
    State(services): State<Services>,
    Asked(asked): Asked<CalendarAsked>,
) -> Result<Json<CalendarAnswer>, Problem> {
    let from = asked.from.as_deref().map(day).transpose()?;
    let from = from.unwrap_or_else(|| Day::of(services.clock.now()));
    let names = services.store.names_of_areas().await?;
    let days = services.store.calendar(from).await?.into_iter().map(|entry| NoCutDay {
        day: entry.day.to_string(),
        area: entry.area.map(|area| names.get(&area).cloned().unwrap_or_default()),
        kind: entry.kind.name().to_owned(),
    });
    let days: Vec<_> = days.collect();
    let meta = ListMeta { count: days.len(), next_cursor: None };
    Ok(Json(CalendarAnswer { days, meta }))
}

/// Enter days on which nobody is cut
#[utoipa::path(post, path = "/api/v1/calendar", tag = "protections",
    request_body = CalendarBody, responses((status = 200, body = ProtectedAnswer)))]
async fn add_days(
    State(services): State<Services>,
    caller: Caller,
    Given(body): Given<CalendarBody>,
) -> Result<Json<ProtectedAnswer>, Problem> {
    let entries = entries_of(&services, &caller, &body.days).await?;
    services.store.enter_calendar(&caller.acting, &entries, services.clock.now()).await?;
    services.judge_cuts_again();
    Ok(Json(ProtectedAnswer { entered: entries.len() }))
}

/// Take days away on which nobody was to be cut
///
/// It takes two approvers, each with the second factor; but whoever has entered a day may take it away within 15 minutes, if it
/// lies ahead. A day that is not there, with this area and reason, stays so.
#[utoipa::path(post, path = "/api/v1/calendar/remove", tag = "protections",
    request_body = RemoveDaysBody, responses((status = 200, body = RemovedDaysAnswer)))]
async fn remove_days(
    State(services): State<Services>,
    caller: Caller,
    Given(body): Given<RemoveDaysBody>,
) -> Result<Json<RemovedDaysAnswer>, Problem> {
    let entries = entries_of(&services, &caller, &body.days).await?;
    let (removed, waiting) = taken_away(&services, &caller, &entries, &body.code).await?;
    Ok(Json(RemovedDaysAnswer { removed, waiting }))
}

/// Takes days without cuts away: what was entered by mistake at once, anything else by two approvers. Says how many are gone,
/// and how many wait.
///
/// # Errors
/// [`Problem`] when whoever asks may not, or their second factor is not shown.
pub(in crate::http) async fn taken_away(
    services: &Services,
    caller: &Caller,
    days: &[CalendarEntry],
    code: &str,
) -> Result<(u64, u64), Problem> {
    let (store, acting) = (&services.store, &caller.acting);
    if let Some(gone) = store.undo_calendar(acting, days, services.clock.now()).await? {
        return Ok((gone, 0));
    }
    if !caller.may(Action::RemoveProtection) {
        let en = "a day without cuts is taken away by two approvers; who has entered it may do so within 15 minutes, before it comes";
        let zh = "删除不停电日须两名审批人；录错的，录入人可在 15 分钟内、当日到来之前删除";
        return Err(Problem::new(StatusCode::FORBIDDEN, "two_approvers", en, zh));
    }
    confirm_second_factor(services, acting, code).await?;
    Ok(store.remove_calendar(acting, days, services.clock.now()).await?)
}

/// The days of a body, all within what this account may see.
async fn entries_of(
    services: &Services,
    caller: &Caller,
    days: &[NoCutDay],
) -> Result<Vec<CalendarEntry>, Problem> {
    let names = services.store.names_of_areas().await?;
    let area_of = |name: &String| -> Result<Id<TransformerArea>, Problem> {
        let of_name = names.iter().find(|(_, known)| *known == name).map(|(area, _)| *area);
        of_name.ok_or_else(|| {
            Problem::unacceptable("unknown_area", "there is no such transformer area", "没有该台区")
        })
    };
    let mut entries = Vec::with_capacity(days.len());
    for of in days {
        let area = of.area.as_ref().map(area_of).transpose()?;
        if !caller.acting.regions.hold(area) {
            return Err(Problem::not_there());
        }
        entries.push(CalendarEntry { day: day(&of.day)?, area, kind: named(&of.kind)? });
    }
    Ok(entries)
}

async fn entries(
    services: &Services,
    caller: &Caller,
    body: &ProtectionsBody,
) -> Result<Vec<ProtectionEntry>, Problem> {
    let numbers: Vec<&str> = body.protections.iter().map(|new| new.point.as_str()).collect();
    let points = points(services, caller, &numbers).await?;
    let mut entries = Vec::with_capacity(body.protections.len());
    for new in &body.protections {
        entries.push(ProtectionEntry {
            point: found(&points, &new.point)?.point,
            kind: named(&new.kind)?,
            reason: some_words(&new.reason, LONGEST)?.to_owned(),
            until: new.until.as_deref().map(instant).transpose()?,
        });
    }
    Ok(entries)
}

/// The list of protected points may be long.
const LARGE: usize = 8 << 20;
