//! `/api/v1/audit`: the audit log, read, verified and written out.
#![expect(unused_qualifications, reason = "what utoipa makes of parameters")]

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::accounts::ListMeta;
use crate::domain::AuditEntry;
use crate::domain::access::Action;
use crate::http::routes::Routes;
use crate::http::{Asked, Caller, Problem, Services, audit_csv_head, audit_csv_line};
use crate::store::{AuditFilter, AuditNotes, AuditRecord, StoreError};

pub(super) fn routes() -> Routes {
    Routes::default()
        .api::<__path_list, _, _>(Action::ReadAudit, list)
        .api::<__path_verify, _, _>(Action::ReadAudit, verify)
        .api::<__path_export, _, _>(Action::ReadAudit, export)
}

/// An entry of the audit log.
#[derive(Debug, Serialize, ToSchema)]
struct EntryShown {
    /// Its number, from 1 without a gap.
    number: i64,
    /// When, RFC 3339.
    at: String,
    /// Who.
    actor: String,
    /// From where.
    source: String,
    /// What was done.
    action: String,
    /// To what.
    object: String,
    /// What came of it.
    result: String,
    /// The supply order it belongs to.
    order: Option<String>,
    /// Before and after, as JSON text.
    detail: String,
    /// What binds it to all before it.
    hash: String,
}

/// Entries, the newest first.
#[derive(Debug, Serialize, ToSchema)]
struct EntriesAnswer {
    entries: Vec<EntryShown>,
    meta: ListMeta,
}

/// Whether the log is sound.
#[derive(Debug, Serialize, ToSchema)]
struct VerifyAnswer {
    audit: Verified,
}

/// Whether the log is sound.
#[derive(Debug, Serialize, ToSchema)]
struct Verified {
    /// True when every entry is in its place, none was changed, and the log fits what was noted of it outside the database.
    is_sound: bool,
    /// How many notes outside the database it was compared with; `null`: there are none, and `remark` says what that means.
    notes: Option<usize>,
    /// What cannot be told.
    remark: Option<String>,
    /// The same in Chinese.
    remark_zh: Option<String>,
    /// Entries that the log did not take and that wait to be entered.
    waiting: u64,
    /// The last entry, or the first that is wrong.
    number: i64,
    /// The hash of the last entry.
    hash: Option<String>,
    /// What is wrong.
    problem: Option<String>,
}

/// Which entries.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Which {
    /// Only those of this actor.
    actor: Option<String>,
    /// Only those whose action begins so.
    action: Option<String>,
    /// Only those of this supply order.
    #[param(value_type = Option<String>)]
    order: Option<i64>,
    /// Where to go on: `next_cursor` of the answer before.
    cursor: Option<i64>,
    /// How many at most, 1 to 500.
    limit: Option<u32>,
}

/// Entries of the audit log, the newest first
#[utoipa::path(get, path = "/api/v1/audit", tag = "audit", params(Which),
    responses((status = 200, body = EntriesAnswer)))]
async fn list(
    State(services): State<Services>,
    Asked(which): Asked<Which>,
) -> Result<Json<EntriesAnswer>, Problem> {
    let limit = which.limit.unwrap_or(100).clamp(1, 500);
    let filter = AuditFilter { order: which.order, actor: which.actor, action: which.action };
    let before = which.cursor.unwrap_or(i64::MAX);
    let records = services.store.audit_before(&filter, before, limit).await?;
    let is_full = u32::try_from(records.len()).unwrap_or(u32::MAX) >= limit;
    let next = records.last().filter(|_| is_full).map(|record| record.number.to_string());
    let meta = ListMeta { count: records.len(), next_cursor: next };
    Ok(Json(EntriesAnswer { entries: records.into_iter().map(shown).collect(), meta }))
}

/// Verify the whole log
#[utoipa::path(get, path = "/api/v1/audit/verify", tag = "audit", responses((status = 200, body = VerifyAnswer)))]
async fn verify(State(services): State<Services>) -> Result<Json<VerifyAnswer>, Problem> {
    let verdict = services.verified_audit().await?;
    let (notes, remark) = match &verdict.notes {
        AuditNotes::None => (None, Some(UNNOTED)),
        AuditNotes::Compared(count) => (Some(*count), None),
        AuditNotes::Unreadable(_) => (None, None),
    };
    let problem = match (&verdict.notes, &verdict.found) {
        (AuditNotes::Unreadable(error), _) => Some(error.to_string()),
        (_, found) => found.as_ref().err().map(ToString::to_string),
    };
    let (number, hash) = match &verdict.found {
        Ok(head) => (head.number, Some(head.hash.to_string())),
        Err(fault) => (fault.number(), None),
    };
    let (remark, remark_zh) = remark.map(|(en, zh)| (en.to_owned(), zh.to_owned())).unzip();
    let waiting = verdict.waiting.map_or(0, |waiting| waiting.count);
    let audit =
        Verified { is_sound: verdict.is_sound(), notes, remark, remark_zh, waiting, number, hash, problem };
    Ok(Json(VerifyAnswer { audit }))
}

/// Write the log out as CSV, the oldest entry first
///
/// That it was written out is entered in the log. At most 100,000 entries at a time; `after` goes on.
#[utoipa::path(post, path = "/api/v1/audit/export", tag = "audit", params(After),
    responses((status = 200, description = "CSV", content_type = "text/csv", body = String)))]
async fn export(
    State(services): State<Services>,
    caller: Caller,
    Asked(After { after }): Asked<After>,
) -> Result<Response, Problem> {
    let text = csv(&services, &caller, after.unwrap_or(0)).await?;
    Ok(as_file(text))
}

/// Where to begin.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct After {
    /// Behind the entry with this number.
    after: Option<i64>,
}

/// The log as CSV, from behind an entry on. That it was written out is entered first (T27).
pub(in crate::http) async fn csv(
    services: &Services,
    caller: &Caller,
    after: i64,
) -> Result<String, StoreError> {
    let entry = AuditEntry::by(&caller.acting, services.clock.now(), "audit.export", "audit");
    services.store.audit(&entry).await?;
    let (mut text, mut after) = (audit_csv_head(), after);
    for _ in 0..PORTIONS {
        let records = services.store.audit_after(after, PORTION).await?;
        let Some(last) = records.last() else { break };
        after = last.number;
        records.iter().for_each(|record| text.push_str(&audit_csv_line(record)));
    }
    Ok(text)
}

/// An answer that a browser saves.
pub(in crate::http) fn as_file(text: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"audit.csv\""),
    ];
    (headers, text).into_response()
}

fn shown(record: AuditRecord) -> EntryShown {
    let AuditRecord { number, at, actor, source, action, object, result, order, detail, hash } = record;
    let order = order.map(|order| order.to_string());
    EntryShown { number, at: at.to_string(), actor, source, action, object, result, order, detail, hash }
}

/// What is told where nothing of the log is noted elsewhere.
pub(in crate::http) const UNNOTED: (&str, &str) = (
    "there are no notes of its end outside the database ([audit] anchor_file): whether the end was cut off, or all of it written \
     anew, cannot be told",
    "库外没有末端摘要（[audit] anchor_file），无法判断末端是否被截断或整体被改写",
);

const PORTION: u32 = 2000;
const PORTIONS: u32 = 50;
