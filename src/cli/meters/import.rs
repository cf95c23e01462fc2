//! `chaobiao meters import`.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::EncodingName;
use crate::archive::{self, ArchiveFile, Encoding, Notice, Site, cells_changed};
use crate::cli::backup::entry;
use crate::cli::database::{Found, Place, store_error};
use crate::cli::{CliError, faults, file_of_people, talk, write_json};
use crate::clock::Clock;
use crate::config::profile::Profiles;
use crate::domain::Moment;
use crate::store::Migrations;
use crate::store::archive::{ArchiveError, ArchivePreview, ArchiveReport, EntryChange, Saving};

#[derive(Debug, Args)]
#[command(
    after_help = "Columns have Chinese or English names and stand in any order; README.md lists them, and \
fixtures/archive/ holds a file in each language. A title above the header, and a header in two lines, are passed over. Of a \
workbook the one sheet with these columns is read. What the file does not name stays as it is.\n\n\
Exit code: 0 taken over, 1 faults in the file, or refused by what is kept or for want of --confirm, 2 wrong usage or \
configuration.\n\n\
Example: chaobiao meters import meters.csv -c chaobiao.toml --dry-run"
)]
pub(super) struct Import {
    /// The file: a workbook (XLSX), or CSV with commas in UTF-8 or GBK
    file: PathBuf,
    #[command(flatten)]
    place: Place,
    /// Only say what would change, meter by meter and column by column
    #[arg(long)]
    dry_run: bool,
    /// Take over also when more than a fifth of the archive is added or changed
    #[arg(long)]
    confirm: bool,
    /// How the file is written, where its bytes cannot tell
    #[arg(long)]
    encoding: Option<EncodingName>,
    /// Print one JSON object a line, for the result or for each fault
    #[arg(long)]
    json: bool,
}

/// How many changes are told on a terminal.
const TOLD: usize = 50;

/// The result as JSON.
#[derive(Serialize)]
struct Piece<'a> {
    file: String,
    encoding: &'static str,
    sheet: Option<&'a str>,
    ignored_columns: &'a [String],
    notices: Vec<NoticePiece<'a>>,
    meters: usize,
    before: usize,
    added: usize,
    changed: usize,
    same: usize,
    absent: usize,
    is_saved: bool,
    needs_confirmation: bool,
    /// Of a dry run: what would change.
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<Vec<ChangePiece>>,
}

/// What was taken otherwise than it stands in the file, as JSON.
#[derive(Serialize)]
struct NoticePiece<'a> {
    column: &'a str,
    line: u64,
    lines: usize,
    kind: &'static str,
    message: String,
    message_zh: String,
}

impl<'a> NoticePiece<'a> {
    fn of(notice: &'a Notice) -> Self {
        let Notice { column, line, lines, kind } = notice;
        let words = kind.words();
        Self {
            column,
            line: *line,
            lines: *lines,
            kind: kind.name(),
            message: words.en,
            message_zh: words.zh,
        }
    }
}

/// A meter that would be new or other, as JSON.
#[derive(Serialize)]
struct ChangePiece {
    line: Option<u64>,
    meter_address: String,
    point_number: String,
    is_new: bool,
    cells: Vec<CellPiece>,
}

#[derive(Serialize)]
struct CellPiece {
    column: &'static str,
    before: String,
    after: String,
}

impl Import {
    pub(super) async fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        let found = self.place.find()?;
        // A day of installation that is not told is this one: to the second, as it is written to a file again.
        let now = Clock::system().now();
        let now = Moment::from_micros(now.micros().div_euclid(SECOND) * SECOND);
        let bytes = file_of_people(&self.file)?;
        let built_in = Profiles::default();
        let site = Site {
            lines: found.config.as_ref().map(|config| config.lines.as_slice()),
            profiles: Some(found.config.as_ref().map_or(&built_in, |config| &config.profiles)),
            now: Some(now),
        };
        let file = match archive::read(&bytes, self.encoding.map(Encoding::from), &site) {
            Ok(file) => file,
            Err(found) => {
                let told = faults::tell(out, (&self.file, &found), self.json)?;
                return Err(CliError::Data(told));
            }
        };
        if found.config.is_none() {
            talk("without -c the lines are not checked  未指定 -c，未核对线路");
        }
        match self.save(&found, &file, now).await? {
            Ok(preview) => self.tell(out, &file, &preview, !self.dry_run),
            Err(ArchiveError::Problems(problems)) => {
                let told = faults::tell(out, (&self.file, &file.faults(&problems)), self.json)?;
                Err(CliError::Failed(told))
            }
            Err(ArchiveError::Large(report)) => {
                if self.json {
                    self.tell(out, &file, &only(report), false)?;
                    out.flush()?;
                }
                let (much, before) = (report.added + report.changed, report.before);
                Err(CliError::Failed(format!(
                    "{much} meters would be added or changed where there are {before}, more than a fifth; look with \
                     --dry-run, then say --confirm  \
                     将新增或变更 {much} 只电能表，超过现有 {before} 只的五分之一；请先用 --dry-run 查看，再加 --confirm 确认"
                )))
            }
            // Nothing is agreed to by its digest here.
            Err(error @ ArchiveError::Moved) => Err(CliError::Failed(error.to_string())),
            Err(ArchiveError::Store(error)) => Err(store_error(&error)),
        }
    }

    async fn save(
        &self,
        found: &Found,
        file: &ArchiveFile,
        now: Moment,
    ) -> Result<Result<ArchivePreview, ArchiveError>, CliError> {
        if self.dry_run && found.is_missing() {
            // Nothing is changed, so nothing is made either.
            let added = file.entries.len();
            let changes = (0..added).map(|place| EntryChange { place, before: None }).collect();
            let report = ArchiveReport { added, ..ArchiveReport::default() };
            return Ok(Ok(ArchivePreview { changes, ..only(report) }));
        }
        let store = found.open(if self.dry_run { Migrations::Check } else { Migrations::Run }).await?;
        let saving = if self.confirm { Saving::Confirmed } else { Saving::Save };
        let entry = entry(now, "archive.import", self.file.display().to_string());
        let saved = match self.dry_run {
            true => store.preview_archive(&file.entries, now).await,
            false => store.import_archive(&file.entries, now, saving, &entry).await.map(only),
        };
        store.close().await;
        Ok(saved)
    }

    fn tell(
        &self,
        out: &mut impl Write,
        file: &ArchiveFile,
        preview: &ArchivePreview,
        is_saved: bool,
    ) -> Result<(), CliError> {
        let report = preview.report;
        let ArchiveReport { before, added, changed, same } = report;
        let (meters, absent) = (file.entries.len(), report.absent());
        if self.json {
            let piece = Piece {
                file: self.file.display().to_string(),
                encoding: file.encoding.name(),
                sheet: file.sheet.as_deref(),
                ignored_columns: &file.ignored,
                notices: file.notices.iter().map(NoticePiece::of).collect(),
                meters,
                before,
                added,
                changed,
                same,
                absent,
                is_saved,
                needs_confirmation: report.is_large() && !self.confirm,
                changes: self.dry_run.then(|| changes(file, preview).collect()),
            };
            return write_json(out, &piece);
        }
        let (name, sheet) = (self.file.display(), file.sheet.as_ref().map(|sheet| format!("XLSX [{sheet}]")));
        let encoding = sheet.as_deref().unwrap_or_else(|| file.encoding.name());
        writeln!(out, "{name}  {encoding}  {meters} meters  {meters} 只电能表")?;
        if !file.ignored.is_empty() {
            writeln!(out, "  columns not read    未识别的列  {}", file.ignored.join(", "))?;
        }
        for Notice { column, line, lines, kind } in &file.notices {
            let words = kind.words();
            writeln!(
                out,
                "  {column}  ({lines} lines, the first is {line}  共 {lines} 行，首见第 {line} 行)"
            )?;
            writeln!(out, "      {}  {}", words.en, words.zh)?;
        }
        for (en, zh, count) in [
            ("new", "新增    ", added),
            ("changed", "有变更  ", changed),
            ("unchanged", "无变化  ", same),
            ("not named, kept", "未列保留", absent),
        ] {
            writeln!(out, "  {en:<18}  {zh}  {count:>8}")?;
        }
        tell_changes(out, file, preview)?;
        match (is_saved, report.is_large() && !self.confirm) {
            (true, _) => writeln!(out, "saved  已保存")?,
            (false, false) => writeln!(out, "nothing was changed (--dry-run)  试运行，未做更改")?,
            (false, true) => writeln!(
                out,
                "nothing was changed (--dry-run); more than a fifth changes, so this needs --confirm  \
                 试运行，未做更改；变更超过五分之一，正式导入须加 --confirm"
            )?,
        }
        Ok(())
    }
}

/// How much changed, without what.
const fn only(report: ArchiveReport) -> ArchivePreview {
    ArchivePreview { report, changes: Vec::new(), digest: String::new() }
}

fn changes<'a>(
    file: &'a ArchiveFile,
    preview: &'a ArchivePreview,
) -> impl Iterator<Item = ChangePiece> + use<'a> {
    preview.changes.iter().filter_map(|EntryChange { place, before }| {
        let entry = file.entries.get(*place)?;
        let cells = before.as_ref().map(|before| cells_changed(before, entry)).unwrap_or_default();
        let cells = cells.into_iter().map(|cell| CellPiece {
            column: cell.column.en(),
            before: cell.before,
            after: cell.after,
        });
        Some(ChangePiece {
            line: file.line(*place),
            meter_address: entry.meter.address.to_string(),
            point_number: entry.point.number.clone(),
            is_new: before.is_none(),
            cells: cells.collect(),
        })
    })
}

/// What would change, for people. A file of new meters only is told by their count.
fn tell_changes(out: &mut impl Write, file: &ArchiveFile, preview: &ArchivePreview) -> Result<(), CliError> {
    if preview.report.before == 0 {
        return Ok(());
    }
    for piece in changes(file, preview).take(TOLD) {
        let (line, new) = (piece.line.unwrap_or(0), if piece.is_new { "  new  新增" } else { "" });
        writeln!(out, "  line {line:<5}  {}  {}{new}", piece.meter_address, piece.point_number)?;
        for CellPiece { column, before, after } in piece.cells {
            let shown = |text: &str| if text.is_empty() { "(-)".to_owned() } else { text.to_owned() };
            writeln!(out, "      {column}: {} -> {}", shown(&before), shown(&after))?;
        }
    }
    match preview.changes.len().saturating_sub(TOLD) {
        0 => Ok(()),
        more => Ok(writeln!(out, "  {more} more; --json tells all  另有 {more} 项，--json 可列全部")?),
    }
}

const SECOND: i64 = 1_000_000;
