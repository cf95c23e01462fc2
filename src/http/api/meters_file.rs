//! `/api/v1/meters/import`: the archive from a file, looked at first and taken by the digest of what was shown.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::Serialize;
use utoipa::ToSchema;

use crate::archive::{ArchiveFile, Notice, cells_changed};
use crate::domain::access::Action;
use crate::http::archive_import::{Looked, import, preview};
use crate::http::brought::{Brought, FileAsked, LARGEST_FILE};
use crate::http::routes::Routes;
use crate::http::{Asked, Caller, Problem, Services};
use crate::store::archive::{ArchiveReport, EntryChange};

pub(super) fn routes() -> Routes {
    Routes::default()
        .api::<__path_import_meters, _, _>(Action::ImportArchive, import_meters)
        .taking(LARGEST_FILE)
}

/// Something of a file that was taken otherwise than it stands there.
#[derive(Debug, Serialize, ToSchema)]
struct ImportNoticeShown {
    /// The column as the file names it.
    column: String,
    /// The first line it is of.
    line: u64,
    /// Of how many lines it is.
    lines: usize,
    /// What was done with it.
    detail: String,
    /// The same in Chinese.
    detail_zh: String,
}

/// What a file of the archive changes, or has changed.
#[derive(Debug, Serialize, ToSchema)]
struct ArchiveImported {
    /// `UTF-8` or `GBK`; of a workbook `UTF-8`.
    encoding: String,
    /// The sheet that was read, of a workbook.
    sheet: Option<String>,
    /// Columns that are not known and were not read.
    ignored_columns: Vec<String>,
    /// What was taken otherwise than it stands in the file: a cell that the archive keeps only with another one.
    notices: Vec<ImportNoticeShown>,
    /// Meters in the file.
    meters: usize,
    /// Meters in the archive before.
    before: usize,
    /// Meters that are new.
    added: usize,
    /// Meters of which something differs.
    changed: usize,
    /// Meters of which nothing differs.
    same: usize,
    /// Meters of the archive that the file does not name; they stay.
    absent: usize,
    /// True when this was done; false when it would be.
    is_saved: bool,
    /// True when more than a fifth of the archive is new or differs: look twice.
    is_large: bool,
    /// What to name in order to have just this done; `null` when it was done.
    digest: Option<String>,
    /// The first of what would change, in the order of the file.
    changes: Vec<ArchiveChanged>,
    /// How many more there are.
    changes_left_out: usize,
}

/// A meter that is new or differs.
#[derive(Debug, Serialize, ToSchema)]
struct ArchiveChanged {
    /// Its line in the file, or its row in the sheet.
    line: Option<u64>,
    meter_address: String,
    point_number: String,
    /// True for a meter that the archive did not have installed.
    is_new: bool,
    /// What differs, of one that it had.
    cells: Vec<ArchiveCell>,
}

/// A cell that differs.
#[derive(Debug, Serialize, ToSchema)]
struct ArchiveCell {
    /// The English name of the column.
    column: String,
    /// Empty for nothing.
    before: String,
    /// Empty for nothing.
    after: String,
}

/// A file of the archive.
#[derive(Debug, Serialize, ToSchema)]
struct ArchiveImportAnswer {
    import: ArchiveImported,
}

/// Bring the archive in from a file
///
/// The body is the file: CSV in UTF-8 or GBK, or a workbook (XLSX), with the columns of `meters import`. Without `digest`
/// nothing is changed and the answer says what would be; with the `digest` of that answer and the same file just that is
/// done, whole or not at all. A file exchanges no meter, changes no transformers and takes no protection away.
#[utoipa::path(post, path = "/api/v1/meters/import", tag = "archive", params(FileAsked),
    request_body(content = String, content_type = "application/octet-stream"),
    responses((status = 200, body = ArchiveImportAnswer)))]
async fn import_meters(
    State(services): State<Services>,
    caller: Caller,
    Asked(asked): Asked<FileAsked>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<ArchiveImportAnswer>, Problem> {
    let brought = Brought::of_body(&headers, body.into(), &asked)?;
    let import = match &asked.digest {
        Some(digest) => {
            let (file, report) = import(&services, &caller, &brought, digest).await?;
            ArchiveImported { is_saved: true, ..imported(&file, report) }
        }
        None => {
            let Looked { file, preview } = preview(&services, &caller, &brought).await?;
            let changes: Vec<_> =
                preview.changes.iter().take(MOST_SHOWN).filter_map(|change| changed(&file, change)).collect();
            ArchiveImported {
                digest: Some(preview.digest),
                changes_left_out: preview.changes.len().saturating_sub(changes.len()),
                changes,
                ..imported(&file, preview.report)
            }
        }
    };
    Ok(Json(ArchiveImportAnswer { import }))
}

fn notice_shown(notice: &Notice) -> ImportNoticeShown {
    let words = notice.kind.words();
    ImportNoticeShown {
        column: notice.column.clone(),
        line: notice.line,
        lines: notice.lines,
        detail: words.en,
        detail_zh: words.zh,
    }
}

fn imported(file: &ArchiveFile, report: ArchiveReport) -> ArchiveImported {
    let ArchiveReport { before, added, changed, same } = report;
    ArchiveImported {
        encoding: file.encoding.name().to_owned(),
        sheet: file.sheet.clone(),
        ignored_columns: file.ignored.clone(),
        notices: file.notices.iter().map(notice_shown).collect(),
        meters: file.entries.len(),
        before,
        added,
        changed,
        same,
        absent: report.absent(),
        is_saved: false,
        is_large: report.is_large(),
        digest: None,
        changes: Vec::new(),
        changes_left_out: 0,
    }
}

fn changed(file: &ArchiveFile, change: &EntryChange) -> Option<ArchiveChanged> {
    let entry = file.entries.get(change.place)?;
    let cells = change.before.as_ref().map(|before| cells_changed(before, entry)).unwrap_or_default();
    let cell = |cell: crate::archive::CellChange| ArchiveCell {
        column: cell.column.en().to_owned(),
        before: cell.before,
        after: cell.after,
    };
    Some(ArchiveChanged {
        line: file.line(change.place),
        meter_address: entry.meter.address.to_string(),
        point_number: entry.point.number.clone(),
        is_new: change.before.is_none(),
        cells: cells.into_iter().map(cell).collect(),
    })
}

/// How many changes are shown.
const MOST_SHOWN: usize = 500;
