//! `chaobiao readings`: what people have read, at the office or in front of the meter, from a file.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::database::{Place, store_error};
use super::who::Who;
use super::{CliError, faults, file_of_people, talk, write_json};
use crate::archive::Faults;
use crate::archive::reads::{manual_reads, read_reads};
use crate::clock::Clock;
use crate::config::profile::Profiles;
use crate::domain::access::{Acting, Action};
use crate::domain::proposal::Change;
use crate::domain::register::State;
use crate::domain::{Around, Compared, ManualRead, ManualReads, Moment};
use crate::store::{Migrations, ProposalError, Store};

/// Bring in what people have read, for another person to confirm
#[derive(Debug, Args)]
pub(super) struct Readings {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Propose the reads of a file, whole or not at all; another person confirms them in the console
    Import(Import),
}

#[derive(Debug, Args)]
#[command(
    after_help = "The file is a workbook (XLSX) or CSV in UTF-8 or GBK, with these columns in any order:\n\
  point_number 计量点编号, meter_address 通信地址, asset_number 资产编号 (one of them)\n\
  read_date 抄表日期, read_time 抄表时间 (0:00 for the midnight)\n\
  register 示值类型 (such as 1.8.0 or 正向有功总, which is meant when it is empty)\n\
  reading 示数 (kWh or kvarh), read_by 抄表人\n\
  kind 抄表方式 (manual 人工 or on-site 现场), remark 备注\n\n\
Each read is compared with what the meter said at that instant, or before and behind it. None takes the place of a value \
from the meter: what differs goes to the review queue once it is confirmed, and where the meter said nothing of a midnight, \
what a person read at 0:00 is billed, marked as manual.\n\n\
Exit code: 0 proposed, 1 faults in the file or refused, 2 wrong usage or configuration.\n\n\
Example: chaobiao readings import reads.xlsx --reason \"line down\" --as li.na --password-file pw -c chaobiao.toml"
)]
struct Import {
    /// The file
    file: PathBuf,
    /// Why people had to read
    #[arg(long, required_unless_present = "dry_run", default_value = "", hide_default_value = true)]
    reason: String,
    /// Only compare the reads; propose nothing
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON object a line: the reads, then what was proposed
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    who: Who,
    #[command(flatten)]
    place: Place,
}

/// A read as JSON.
#[derive(Serialize)]
struct Piece<'a> {
    point: &'a str,
    meter: &'a str,
    item: &'a str,
    at: String,
    value: String,
    compared: &'static str,
    same: Option<String>,
    before: Option<String>,
    after: Option<String>,
}

#[derive(Serialize)]
struct Proposed {
    proposal: String,
    reads: usize,
    doubtful: usize,
}

type ComparedRead = (Compared, Around);

impl Readings {
    pub(super) async fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        match self.what {
            What::Import(import) => import.run(out).await,
        }
    }
}

impl Import {
    async fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        let bytes = file_of_people(&self.file)?;
        let found = self.place.there()?;
        let store = found.open(Migrations::Check).await?;
        let profiles = found.config.map(|config| config.profiles).unwrap_or_default();
        let done = self.import(out, &store, &profiles, &bytes).await;
        store.close().await;
        done
    }

    async fn import(
        &self,
        out: &mut impl Write,
        store: &Store,
        profiles: &Profiles,
        bytes: &[u8],
    ) -> Result<(), CliError> {
        let acting = self.who.allowed(store, Action::ProposeReview).await?;
        let now = Clock::system().now();
        let entered = match self.reads(store, &acting, bytes, now).await? {
            Ok(entered) => entered,
            Err(found) => {
                return Err(CliError::Data(faults::tell(out, (&self.file, &found), self.json)?));
            }
        };
        let compared =
            store.compare_reads(&entered.reads, profiles).await.map_err(|error| store_error(&error))?;
        let compared: Vec<ComparedRead> = compared
            .into_iter()
            .map(|one| one.unwrap_or_else(|| (Compared::Alone, Around::default())))
            .collect();
        for (read, compared) in entered.reads.iter().zip(&compared) {
            self.tell(out, read, compared)?;
        }
        let reads = entered.reads.len();
        let doubtful = compared.iter().filter(|(how, _)| how.is_doubtful()).count();
        let sum = format!(
            "{reads} reads, {doubtful} of them at odds with the meter  共 {reads} 条，其中 {doubtful} 条与表计不一致"
        );
        if self.dry_run {
            talk(&format!("{sum}; nothing was proposed (--dry-run)  试运行，未提交"));
            return Ok(());
        }
        let proposed = store.propose(&Change::EnterReads(entered), &self.reason, &acting, now).await;
        let id = proposed.map_err(|error| refused(&error))?.number();
        if self.json {
            return write_json(out, &Proposed { proposal: id.to_string(), reads, doubtful });
        }
        talk(&sum);
        writeln!(out, "{id}")?;
        talk(&format!(
            "proposal {id} waits for another person at /proposals/{id}  变更 {id} 待另一人在控制台确认"
        ));
        Ok(())
    }

    /// The reads of the file, of meters that were there.
    async fn reads(
        &self,
        store: &Store,
        acting: &Acting,
        bytes: &[u8],
        now: Moment,
    ) -> Result<Result<ManualReads, Faults>, CliError> {
        let rows = match read_reads(bytes, None, now) {
            Ok(rows) => rows,
            Err(faults) => return Ok(Err(faults)),
        };
        let places: Vec<_> = rows.iter().map(|(_, row)| row.place.clone()).collect();
        let found =
            store.placed_meters(&places, &acting.regions).await.map_err(|error| store_error(&error))?;
        let name = self.file.file_name().unwrap_or_default().to_string_lossy();
        Ok(manual_reads(&name, rows, found))
    }

    fn tell(&self, out: &mut impl Write, read: &ManualRead, compared: &ComparedRead) -> Result<(), CliError> {
        let (how, around) = compared;
        let value = |value: i64| {
            read.register().map_or_else(|| value.to_string(), |item| item.quantity(value).to_string())
        };
        let state = |state: State| format!("{} @ {}", value(state.value), state.at.in_china());
        let (same, before, after) =
            (around.same.map(value), around.before.map(state), around.after.map(state));
        let at = Moment::from_micros(read.at);
        if self.json {
            let piece = Piece {
                point: &read.point,
                meter: &read.meter,
                item: &read.item,
                at: at.to_string(),
                value: value(read.value),
                compared: how.name(),
                same,
                before,
                after,
            };
            return write_json(out, &piece);
        }
        let known = match (same, before, after) {
            (Some(same), ..) => same,
            (None, None, None) => String::new(),
            (None, before, after) => {
                let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
                format!("{} .. {}", or_none(before), or_none(after))
            }
        };
        let (at, shown, words) = (at.in_china(), value(read.value), words(*how));
        writeln!(out, "{}  {}  {}  {at}  {shown}  {words}  {known}", read.point, read.meter, read.item)?;
        Ok(())
    }
}

const fn words(how: Compared) -> &'static str {
    match how {
        Compared::Alone => "nothing to compare with  无可比",
        Compared::Between => "between  区间内",
        Compared::Agrees => "the same  一致",
        Compared::Differs => "DIFFERS  不一致",
        Compared::Outside => "DOES NOT FIT  与前后示值不符",
    }
}

fn refused(error: &ProposalError) -> CliError {
    match error {
        ProposalError::Store(error) => store_error(error),
        other => CliError::Failed(other.to_string()),
    }
}
