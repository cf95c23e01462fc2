//! `chaobiao read`: one meter directly, no database.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use dlt645::address::Target;
use dlt645::catalog::{self, Shape};
use dlt645::data_id::DataId;
use dlt645::edition::Edition;
use dlt645::exchange::Outcome;
use dlt645::explain::{self, Shown};
use dlt645::request::{Blocks, Request};
use serde::Serialize;

use super::CliError;
use super::asker::{Asker, whole};
use super::decode::{EditionArg, show};
use super::line::AskArgs;
use super::trouble::Trouble;
use crate::config::Framing;

mod registers;

/// Read one meter directly
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
chaobiao read --tcp 192.168.1.10:7001 --meter 202411110001 00010000 02010100\n  \
chaobiao read --serial /dev/serial/by-id/usb-FTDI... --baud 2400 --meter AAAAAAAAAAAA 04000401 --trace\n\n\
A meter that speaks Modbus, by its register map, all of it or some items:\n  \
chaobiao read --tcp 192.168.1.10:7001 --meter 17 --profile profiles/their-meter.toml\n  \
chaobiao read --tcp 192.168.1.11:502 --framing modbus-tcp --meter 17 --profile profiles/their-meter.toml 1.8.0 32.7.0")]
pub(super) struct Read {
    #[command(flatten)]
    ask: AskArgs,
    /// Address of the meter, up to 12 digits; AAAAAAAAAAAA asks whoever is there, and only one meter may be. The last three
    /// digits of a Modbus meter are its unit number
    #[arg(long, value_name = "ADDR")]
    meter: Target,
    /// Edition, where the identifiers do not tell it: 8 digits are 2007, 4 are 1997
    #[arg(long, value_enum)]
    edition: Option<EditionArg>,
    /// The register map of a meter that speaks Modbus: its profile file
    #[arg(long, value_name = "FILE.toml", conflicts_with = "edition")]
    profile: Option<PathBuf>,
    /// How frames of Modbus stand on the way: as on a bus, or as in Modbus TCP
    #[arg(long, value_enum, requires = "profile")]
    framing: Option<FramingArg>,
    /// Data identifiers, such as 00010000 (2007) or 9010 (1997); see `chaobiao di`. With --profile OBIS codes of its map, such
    /// as 1.8.0; none reads all of them
    #[arg(value_name = "DI", required_unless_present = "profile")]
    items: Vec<String>,
}

/// How frames of Modbus stand, on the command line.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum FramingArg {
    /// Modbus RTU, also through a serial server
    #[default]
    Bus,
    /// Modbus TCP
    ModbusTcp,
}

impl From<FramingArg> for Framing {
    fn from(framing: FramingArg) -> Self {
        match framing {
            FramingArg::Bus => Self::Bus,
            FramingArg::ModbusTcp => Self::ModbusTcp,
        }
    }
}

/// One identifier's outcome, as it is printed.
#[derive(Debug, Serialize)]
struct Record {
    meter: String,
    di: String,
    ok: bool,
    /// Who answered.
    address: Option<String>,
    #[serde(flatten)]
    shown: Shown,
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_zh: Option<String>,
    has_events: bool,
    attempts: u32,
    duration_ms: u64,
}

impl Read {
    pub(super) async fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        if let Some(file) = &self.profile {
            return self.registers(out, file).await;
        }
        let items = self.items.iter().map(|item| identifier(item)).collect::<Result<Vec<_>, _>>()?;
        let requests = items.iter().map(|item| self.request(*item)).collect::<Result<Vec<_>, _>>()?;
        let mut asker = Asker::open(&self.ask).await?;
        let mut unanswered = 0;
        for (item, request) in items.iter().zip(requests) {
            let told = asker.ask(whole(request.into(), *item)).await?;
            let record = self.record(*item, &told.outcome);
            unanswered += usize::from(!record.ok);
            if self.ask.json {
                super::write_json(out, &record)?;
            } else {
                print(out, &record)?;
            }
            out.flush()?;
        }
        not_read(unanswered, items.len())
    }

    /// The request for an identifier; load records are asked for one block of the newest or the earliest.
    fn request(&self, item: DataId) -> Result<Request, CliError> {
        let edition = self.edition.map(Edition::from);
        if let Some(given) = edition.filter(|given| *given != item.edition()) {
            let digits = given.data_id_width() * 2;
            return Err(CliError::Usage(format!(
                "{item} is no identifier of {given}: those have {digits} digits  {item} 不是 {given} 的数据标识，应为 {digits} 位"
            )));
        }
        let row = catalog::find(item).map(|entry| &entry.row.shape);
        match row {
            Some(Shape::LoadRecord(_)) if item.di0() == 0x01 => Err(CliError::Usage(format!(
                "{item} wants a time to begin at: that is load-profile --from 须给出起始时间，请用 load-profile --from; {:08X} reads the newest record",
                item.code() | 0x03 & !0x01
            ))),
            Some(Shape::LoadRecord(_)) => Request::read_blocks(self.meter, item, Blocks::ONE)
                .map_err(|error| CliError::Usage(error.to_string())),
            _ => Ok(Request::read(self.meter, item)),
        }
    }

    fn record(&self, item: DataId, outcome: &Outcome) -> Record {
        let report = outcome.report();
        let trouble = Trouble::of_anybody(outcome, self.meter);
        let mut record = Record {
            meter: self.meter.to_string(),
            di: item.to_string(),
            ok: false,
            address: None,
            shown: Shown::default(),
            error: trouble.as_ref().map(|trouble| trouble.en.clone()),
            error_zh: trouble.map(|trouble| trouble.zh),
            has_events: false,
            attempts: report.attempts,
            duration_ms: u64::try_from(report.duration().as_millis()).unwrap_or(u64::MAX),
        };
        match outcome {
            Outcome::Answered(answer) => {
                record.ok = true;
                record.address = Some(answer.address.to_string());
                record.has_events = answer.has_events;
                record.shown = explain::data(item, answer.payload());
            }
            Outcome::Refused { address, .. } => record.address = Some(address.to_string()),
            _ => {}
        }
        record
    }
}

/// An identifier as it is written.
fn identifier(text: &str) -> Result<DataId, CliError> {
    text.parse().map_err(|error| {
        CliError::Usage(format!(
            "{text}: {error}  {text}：数据标识为 8 位（2007 版）或 4 位（1997 版）十六进制数，见 chaobiao di"
        ))
    })
}

fn not_read(count: usize, of: usize) -> Result<(), CliError> {
    match count {
        0 => Ok(()),
        count => Err(CliError::Failed(format!("{count} of {of} not read  共 {of} 项，{count} 项未读到"))),
    }
}

fn print(out: &mut impl Write, record: &Record) -> Result<(), CliError> {
    let address = record.address.as_deref().unwrap_or(&record.meter);
    if let Some(error) = &record.error {
        let zh = record.error_zh.as_deref().unwrap_or_default();
        writeln!(out, "{address}  {}  {error}  {zh}", record.di)?;
        return Ok(());
    }
    writeln!(out, "{address}  {}", record.di)?;
    show::shown(out, &record.shown, "  ")?;
    if record.has_events {
        writeln!(out, "  - the meter has new events  电表有新事件")?;
    }
    Ok(())
}
