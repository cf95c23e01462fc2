//! `chaobiao audit`: verifies and writes out the audit log of the database.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::CliError;
use super::database::{Place, store_error};
use crate::domain::AuditEntry;
use crate::http::auth::COMMAND_LINE;
use crate::store::{AuditFault, AuditRecord, Migrations, Spooled, Store, anchors};
use crate::{clock::Clock, http};

/// Verify the audit log, or write it out
#[derive(Debug, Args)]
pub(super) struct AuditCommand {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Look whether any entry was changed, left out, added or moved, and whether the end was cut off
    Verify(Verify),
    /// Write the entries out, the oldest first
    Export(Export),
}

#[derive(Debug, Args)]
#[command(
    after_help = "The end of the log is compared with what was noted in the file of [audit] anchor_file, or in --anchor.\n\
Without either, entries cut off at the end are not found out.\n\nExit code: 0 sound, 1 not, 2 wrong usage or configuration."
)]
struct Verify {
    #[command(flatten)]
    place: Place,
    /// The file that the end of the log was noted in
    #[arg(long, value_name = "FILE")]
    anchor: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Export {
    #[command(flatten)]
    place: Place,
    /// Begin behind the entry with this number
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    after: i64,
    /// Print one JSON object a line instead of CSV
    #[arg(long)]
    json: bool,
}

/// What was found, for programs.
#[derive(Serialize)]
struct Found {
    is_sound: bool,
    /// The last entry, or the first that is wrong.
    number: i64,
    /// The hash of the last entry; none where something is wrong.
    hash: Option<String>,
    anchors: usize,
    /// Entries that the log did not take and that wait to be entered.
    waiting: u64,
    problem: Option<String>,
}

impl AuditCommand {
    pub(super) async fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        match self.what {
            What::Verify(verify) => verify.run(out).await,
            What::Export(export) => export.run(out).await,
        }
    }
}

impl Verify {
    async fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        let (store, config) = open(&self.place).await?;
        let is_drill = store.is_drill().await.map_err(|error| store_error(&error))?;
        // The site itself goes on noting the end of its own log in the file of the configuration.
        let named = config.and_then(|config| config.audit.anchor_file).filter(|_| !is_drill);
        let file = self.anchor.or(named);
        let noted = match &file {
            Some(file) if file.exists() => {
                anchors(file).map_err(|error| CliError::Failed(super::with_causes(&error)))?
            }
            Some(file) => {
                return Err(CliError::Failed(format!(
                    "{} is not there: whether the end was cut off cannot be told  末端摘要文件不存在，无法判断是否被截断",
                    file.display()
                )));
            }
            None => Vec::new(),
        };
        let verified = store.verify_audit(&noted).await;
        let waiting = store.spooled().await;
        store.close().await;
        let waiting = waiting.map_err(|error| store_error(&error))?;
        let verified = verified.map_err(|error| store_error(&error))?;
        let (number, hash) = match &verified {
            Ok(head) => (head.number, Some(head.hash.to_string())),
            Err(fault) => (fault.number(), None),
        };
        let found = Found {
            is_sound: verified.is_ok(),
            number,
            hash,
            anchors: noted.len(),
            waiting: waiting.map_or(0, |waiting| waiting.count),
            problem: verified.as_ref().err().map(ToString::to_string),
        };
        if self.json {
            super::write_json(out, &found)?;
        } else if let Some(hash) = &found.hash {
            writeln!(out, "{number} entries are sound  审计日志完整，共 {number} 条\n{hash}")?;
        }
        if let Some(Spooled { count, since }) = waiting {
            super::talk(&format!(
                "{count} entries that the log did not take wait to be entered, the first of {since}: `chaobiao serve` enters them once it \
                 does  另有 {count} 条未能写入、等待补录"
            ));
        }
        if is_drill {
            super::talk(
                "restored for a drill: not held against the file of [audit] anchor_file, which tells of the site itself; `restore` held it \
                 against the backup  演练恢复：不与锚点文件比较，恢复时已与备份清单核对",
            );
        } else if file.is_none() {
            super::talk(
                "no file with notes of its end is named: whether the end was cut off cannot be told  \
                 未指定末端摘要文件，无法判断末端是否被截断",
            );
        }
        verified.map(|_| ()).map_err(|fault| CliError::Failed(told(fault)))
    }
}

fn told(fault: AuditFault) -> String {
    let number = fault.number();
    format!("the audit log is not sound: {fault}  审计日志不完整：第 {number} 条起有问题")
}

impl Export {
    async fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        let (store, _) = open(&self.place).await?;
        let written = self.write(&store, out).await;
        store.close().await;
        written
    }

    async fn write(&self, store: &Store, out: &mut impl Write) -> Result<(), CliError> {
        let failed = |error| store_error(&error);
        let user = super::who::at_the_machine();
        let entry = AuditEntry {
            actor: user,
            source: COMMAND_LINE.to_owned(),
            ..AuditEntry::of_system(Clock::system().now(), "audit.export", "audit")
        };
        store.audit(&entry).await.map_err(failed)?;
        let mut after = self.after;
        if !self.json {
            out.write_all(http::audit_csv_head().as_bytes())?;
        }
        loop {
            let records = store.audit_after(after, PORTION).await.map_err(failed)?;
            let Some(last) = records.last() else { return Ok(out.flush()?) };
            after = last.number;
            for record in &records {
                if self.json {
                    super::write_json(out, &Line::of(record))?;
                } else {
                    out.write_all(http::audit_csv_line(record).as_bytes())?;
                }
            }
        }
    }
}

/// An entry for programs.
#[derive(Serialize)]
struct Line<'a> {
    number: i64,
    at: String,
    actor: &'a str,
    source: &'a str,
    action: &'a str,
    object: &'a str,
    result: &'a str,
    order: Option<i64>,
    detail: &'a str,
    hash: &'a str,
}

impl<'a> Line<'a> {
    fn of(record: &'a AuditRecord) -> Self {
        let AuditRecord { number, at, actor, source, action, object, result, order, detail, hash } = record;
        Self {
            number: *number,
            at: at.to_string(),
            actor,
            source,
            action,
            object,
            result,
            order: *order,
            detail,
            hash,
        }
    }
}

async fn open(place: &Place) -> Result<(Store, Option<crate::config::Config>), CliError> {
    let found = place.there()?;
    let store = found.open(Migrations::Check).await?;
    Ok((store, found.config))
}

const PORTION: u32 = 1000;
