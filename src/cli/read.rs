//! `chaobiao read`: one meter directly, no database.

use std::io::Write;

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

/// Read one meter directly
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
chaobiao read --tcp 192.168.1.10:7001 --meter 202411110001 00010000 02010100\n  \
chaobiao read --serial /dev/serial/by-id/usb-FTDI... --baud 2400 --meter AAAAAAAAAAAA 04000401 --trace")]
pub(super) struct Read {
    #[command(flatten)]
    ask: AskArgs,
    /// Address of the meter, up to 12 digits; AAAAAAAAAAAA asks whoever is there, and only one meter may be
    #[arg(long, value_name = "ADDR")]
    meter: Target,
    /// Edition, where the identifiers do not tell it: 8 digits are 2007, 4 are 1997
    #[arg(long, value_enum)]
    edition: Option<EditionArg>,
    /// Data identifiers, such as 00010000 (2007) or 9010 (1997); see `chaobiao di`
    #[arg(value_name = "DI", required = true)]
    items: Vec<DataId>,
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
        let requests = self.items.iter().map(|item| self.request(*item)).collect::<Result<Vec<_>, _>>()?;
        let mut asker = Asker::open(&self.ask).await?;
        let mut unanswered = 0;
        for (item, request) in self.items.iter().zip(requests) {
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
        match unanswered {
            0 => Ok(()),
            count => Err(CliError::Failed(format!("{count} of {} not read", self.items.len()))),
        }
    }

    /// The request for an identifier; load records are asked for one block of the newest or the earliest.
    fn request(&self, item: DataId) -> Result<Request, CliError> {
        let edition = self.edition.map(Edition::from);
        if let Some(given) = edition.filter(|given| *given != item.edition()) {
            let digits = given.data_id_width() * 2;
            return Err(CliError::Usage(format!(
                "{item} is no identifier of {given}: those have {digits} digits"
            )));
        }
        let row = catalog::find(item).map(|entry| &entry.row.shape);
        match row {
            Some(Shape::LoadRecord(_)) if item.di0() == 0x01 => Err(CliError::Usage(format!(
                "{item} wants a time to begin at: that is load-profile --from; {:08X} reads the newest record",
                item.code() | 0x03 & !0x01
            ))),
            Some(Shape::LoadRecord(_)) => Request::read_blocks(self.meter, item, Blocks::ONE)
                .map_err(|error| CliError::Usage(error.to_string())),
            _ => Ok(Request::read(self.meter, item)),
        }
    }

    fn record(&self, item: DataId, outcome: &Outcome) -> Record {
        let report = outcome.report();
        let trouble = Trouble::of(outcome);
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
