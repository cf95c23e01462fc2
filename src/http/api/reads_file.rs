//! `/api/v1/readings/import`: what people have read, from a file.
#![expect(unused_qualifications, reason = "what utoipa makes of parameters")]

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::changes::{ReadEntered, read_shown};
use super::proposals::{ProposalShown, find, shown};
use super::written::{LONGEST, some_words};
use crate::domain::access::Action;
use crate::domain::proposal::Change;
use crate::domain::{Around, Compared, ManualRead, Moment};
use crate::http::brought::{Brought, FileAsked, LARGEST_FILE};
use crate::http::reads_import::{compared, reads_of};
use crate::http::routes::Routes;
use crate::http::{Asked, Caller, Problem, Services};

pub(super) fn routes() -> Routes {
    Routes::default()
        .api::<__path_import_reads, _, _>(Action::ProposeReview, import_reads)
        .taking(LARGEST_FILE)
}

/// What is said of a file of reads besides its bytes.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct ReadsFileAsked {
    /// What the file is called.
    name: Option<String>,
    /// How it is written, `utf-8` or `gbk`, where its bytes cannot tell.
    encoding: Option<String>,
    /// Why these were read by people.
    reason: Option<String>,
    /// Only compare them; nothing is proposed.
    #[serde(default)]
    dry_run: bool,
}

/// A read against what is known from its meter.
#[derive(Debug, Serialize, ToSchema)]
struct ReadCompared {
    read: ReadEntered,
    /// `alone`, `between`, `agrees`; `differs` and `outside` are reviewed once they are confirmed.
    compared: String,
    /// What is accepted for the same instant.
    same: Option<String>,
    /// The last accepted value before.
    before: Option<String>,
    /// The first accepted value behind.
    after: Option<String>,
}

/// What a file of reads says, and what was proposed.
#[derive(Debug, Serialize, ToSchema)]
struct ReadsImported {
    /// Every read, in the order of the file.
    reads: Vec<ReadCompared>,
    /// What waits for the second person; `null` of a dry run.
    proposal: Option<ProposalShown>,
}

/// A file of reads.
#[derive(Debug, Serialize, ToSchema)]
struct ReadsImportAnswer {
    import: ReadsImported,
}

/// Propose what people have read, from a file
///
/// The body is the file: CSV in UTF-8 or GBK, or a workbook (XLSX), with the columns of `readings import`. It is taken whole
/// or not at all. Another person has to confirm the reads; none of them takes the place of what a meter froze, and what
/// differs from it is reviewed.
#[utoipa::path(post, path = "/api/v1/readings/import", tag = "proposals", params(ReadsFileAsked),
    request_body(content = String, content_type = "application/octet-stream"),
    responses((status = 200, body = ReadsImportAnswer), (status = 201, body = ReadsImportAnswer)))]
async fn import_reads(
    State(services): State<Services>,
    caller: Caller,
    Asked(asked): Asked<ReadsFileAsked>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let file = FileAsked { name: asked.name, encoding: asked.encoding, digest: None };
    let brought = Brought::of_body(&headers, body.into(), &file)?;
    let entered = reads_of(&services, &caller, &brought).await?;
    let compared = compared(&services, &entered).await?;
    let reads = entered.reads.iter().zip(compared).map(|(read, compared)| told(read, compared)).collect();
    if asked.dry_run {
        let import = ReadsImported { reads, proposal: None };
        return Ok(Json(ReadsImportAnswer { import }).into_response());
    }
    let reason = some_words(asked.reason.as_deref().unwrap_or_default(), LONGEST)?;
    let (change, now) = (Change::EnterReads(entered), services.clock.now());
    let id = services.store.propose(&change, reason, &caller.acting, now).await?;
    let proposal = Some(shown(find(&services, &caller, id).await?));
    Ok((StatusCode::CREATED, Json(ReadsImportAnswer { import: ReadsImported { reads, proposal } }))
        .into_response())
}

fn told(read: &ManualRead, compared: Option<(Compared, Around)>) -> ReadCompared {
    let (compared, around) = compared.unwrap_or((Compared::Alone, Around::default()));
    let value = |value: i64| read.register().map(|item| item.quantity(value).to_string());
    let state = |state: crate::domain::register::State| {
        value(state.value).map(|value| format!("{value} @ {}", Moment::in_china(state.at)))
    };
    ReadCompared {
        read: read_shown(read),
        compared: compared.name().to_owned(),
        same: around.same.and_then(value),
        before: around.before.and_then(state),
        after: around.after.and_then(state),
    }
}
