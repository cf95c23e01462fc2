//! Records of terminals' own lists of meters as the API writes them, and proposing those that a terminal should hold.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::proposals::{ProposalAnswer, answered, find, number_in};
use super::written::{LONGEST, some_words};
use crate::domain::access::Action;
use crate::domain::terminal_archive::{MeterRecord, RecordAnswer, RecordChange, TerminalArchive};
use crate::domain::{Coded, Moment};
use crate::http::once::Once;
use crate::http::routes::Routes;
use crate::http::terminals::{WantedOfTerminal, propose_records};
use crate::http::{Caller, Given, Problem, Services};
use crate::store::AuditRecord;
use crate::store::terminal::ArchiveSetting;

pub(super) fn routes() -> Routes {
    Routes::default().api::<__path_propose, _, _>(Action::ProposeMeterChange, propose)
}

/// Records to be set in a terminal's own list of meters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TerminalArchiveShown {
    /// The terminal, such as `1100-3039`.
    terminal: String,
    /// The records, each once; at most 512.
    changes: Vec<RecordChangeShown>,
}

/// One record as the terminal holds it and as it is to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RecordChangeShown {
    /// The number of the record, 1 to 2040.
    number: u16,
    /// What the terminal holds under it; `null` for a record that is added. Nothing is sent when it holds something else by then.
    #[schema(value_type = Option<RecordShown>)]
    before: Option<MeterRecord>,
    /// What it is to hold; `null` for a record that is removed.
    #[schema(value_type = Option<RecordShown>)]
    after: Option<MeterRecord>,
}

/// One meter of a terminal's list. Its password in the terminal stays as it is.
#[expect(dead_code, reason = "it describes how a record is written, which the record itself does")]
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RecordShown {
    /// The measuring point, 1 to 2040.
    point: u16,
    /// Address of the meter, twelve digits.
    address: String,
    /// The terminal's port, 1 to 31.
    port: u8,
    /// Bits a second, 0 for what the terminal has set for the port.
    baud: u16,
    /// 1 DL/T 645-1997, 30 DL/T 645-2007, 31 the same by a narrow-band module, 2 the terminal's own measuring, 0 not to be read.
    protocol: u8,
    /// How many tariffs.
    tariffs: u8,
    /// Digits before the point, 4 to 7.
    integer_digits: u8,
    /// Digits behind it, 1 to 4.
    decimal_digits: u8,
    /// Address of the acquisition unit, zeros for none.
    collector: String,
    /// The class of the customer, 0 to 15.
    class: u8,
    /// The sub-class, 0 to 15.
    sub_class: u8,
}

/// What became of records that were confirmed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SettingShown {
    /// The number of the proposal.
    proposal: i64,
    /// waiting, sending, verified, differing, unknown, refused, outdated or expired. Only verified says that the terminal was
    /// asked behind it and holds them.
    state: String,
    /// When the second person confirmed it, RFC 3339.
    confirmed_at: String,
    /// When a frame of it left, RFC 3339; `null` when nothing has.
    sent_at: Option<String>,
    /// When the terminal was last asked what it holds, RFC 3339.
    looked_at: Option<String>,
    /// What became of each record.
    results: Vec<RecordResultShown>,
    /// What is to be said of it besides; may be empty.
    detail: String,
}

/// What became of one record.
#[derive(Debug, Serialize, ToSchema)]
struct RecordResultShown {
    /// Its number.
    number: u16,
    /// not_sent, taken, refused or silent.
    answer: &'static str,
    /// The error of a refusal: 1 without a reason, 2 for an address that another record has.
    error: Option<u8>,
    /// Whether the terminal holds it as it should be; `null` before it was asked.
    holds: Option<bool>,
    /// The terminal holds nothing where a record should be: that has to be proposed anew once this is over.
    lacks: bool,
}

/// Which records are to be proposed.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RecordsBody {
    /// Only those of these measuring points; all where it is not given.
    points: Option<Vec<u16>>,
    /// Whether records of points that our archive does not know are to be removed.
    #[serde(default)]
    remove_unknown: bool,
    /// Why.
    reason: String,
}

/// Propose to set the records in which a terminal's list of meters differs from ours
///
/// The terminal is asked what it holds first. Another person has to confirm the exact difference; then it is sent, unless the
/// terminal holds something else by then, and read back.
#[utoipa::path(post, path = "/api/v1/terminals/{address}/archive", tag = "terminals",
    request_body = RecordsBody,
    params(("address" = String, Path),
        ("Idempotency-Key" = Option<String>, Header, description = "the same request with the same key is done once")),
    responses((status = 201, body = ProposalAnswer), (status = 409, description = "nothing differs, or it does not answer")))]
async fn propose(
    State(services): State<Services>,
    caller: Caller,
    Path(address): Path<String>,
    headers: HeaderMap,
    Given(body): Given<RecordsBody>,
) -> Result<Response, Problem> {
    let text = format!("records of {address} {}", serde_json::to_string(&body).unwrap_or_default());
    let work = async |caller: Caller| {
        let reason = some_words(&body.reason, LONGEST)?;
        let points = body.points.as_ref().map(|points| points.iter().copied().collect());
        let wanted = WantedOfTerminal { points, removes_unknown: body.remove_unknown };
        let id = propose_records(&services, &caller, &address, wanted, reason).await?;
        let proposal = find(&services, &caller, id).await?;
        Ok((StatusCode::CREATED, answered(&services, proposal).await?))
    };
    let again = async |entry: AuditRecord| {
        let proposal = find(&services, &caller, number_in(&entry, "proposal ")?).await?;
        Ok((StatusCode::CREATED, answered(&services, proposal).await?))
    };
    Once { services: &services, caller: &caller, headers: &headers }.answer(&text, work, again).await
}

pub(super) fn archive_of(shown: &TerminalArchiveShown) -> TerminalArchive {
    let changes = shown.changes.iter().map(|change| RecordChange {
        number: change.number,
        before: change.before.clone(),
        after: change.after.clone(),
    });
    TerminalArchive { terminal: shown.terminal.clone(), changes: changes.collect() }
}

pub(super) fn archive_shown(archive: &TerminalArchive) -> TerminalArchiveShown {
    let changes = archive.changes.iter().map(|change| RecordChangeShown {
        number: change.number,
        before: change.before.clone(),
        after: change.after.clone(),
    });
    TerminalArchiveShown { terminal: archive.terminal.clone(), changes: changes.collect() }
}

pub(super) fn setting_shown(setting: &ArchiveSetting) -> SettingShown {
    let text = |at: Option<Moment>| at.map(|at| at.to_string());
    let results = setting.results.iter().map(|result| {
        let (answer, error) = match result.answer {
            RecordAnswer::NotSent => ("not_sent", None),
            RecordAnswer::Taken => ("taken", None),
            RecordAnswer::Refused(error) => ("refused", Some(error)),
            RecordAnswer::Silent => ("silent", None),
        };
        RecordResultShown { number: result.number, answer, error, holds: result.holds, lacks: result.lacks }
    });
    SettingShown {
        proposal: setting.proposal.number(),
        state: setting.state.name().to_owned(),
        confirmed_at: setting.confirmed_at.to_string(),
        sent_at: text(setting.sent_at),
        looked_at: text(setting.looked_at),
        results: results.collect(),
        detail: setting.detail.clone(),
    }
}
