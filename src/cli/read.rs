//! `chaobiao read`: one meter directly, no database.

use std::io::Write;
use std::time::Duration;

use clap::Args;
use dlt645::address::Target;
use dlt645::catalog::{self, Shape};
use dlt645::data_id::DataId;
use dlt645::edition::Edition;
use dlt645::exchange::{Outcome, Timing};
use dlt645::explain::{self, Shown};
use dlt645::request::{Blocks, Request};
use serde::Serialize;

use super::CliError;
use super::decode::{EditionArg, show};
use super::trace::Trace;
use crate::channel::{Failure, Question, Speaker};
use crate::config;
use crate::domain::Parity;
use crate::link::{Gate, Link, Place, Rate};

/// Read one meter directly
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
chaobiao read --tcp 192.168.1.10:7001 --meter 202411110001 00010000 02010100\n  \
chaobiao read --serial /dev/serial/by-id/usb-FTDI... --baud 2400 --meter AAAAAAAAAAAA 04000401 --trace")]
pub(super) struct Read {
    #[command(flatten)]
    line: LineArgs,
    /// Address of the meter, up to 12 digits; AAAAAAAAAAAA asks whoever is there, and only one meter may be
    #[arg(long, value_name = "ADDR")]
    meter: Target,
    /// Edition, where the identifiers do not tell it: 8 digits are 2007, 4 are 1997
    #[arg(long, value_enum)]
    edition: Option<EditionArg>,
    /// How long to wait for the first byte of an answer
    #[arg(long, default_value = "2s", value_parser = config::duration)]
    timeout: Duration,
    /// How often to ask again after silence
    #[arg(long, default_value_t = 2)]
    retries: u8,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
    /// Show both directions in hexadecimal with times and meaning, on standard error
    #[arg(long)]
    trace: bool,
    /// Data identifiers, such as 00010000 (2007) or 9010 (1997); see `chaobiao di`
    #[arg(value_name = "DI", required = true)]
    items: Vec<DataId>,
}

/// Which line, and how it is set.
#[derive(Debug, Args)]
pub(super) struct LineArgs {
    #[command(flatten)]
    path: PathArgs,
    /// Speed of the line, bits a second
    #[arg(long, default_value_t = 2400, value_parser = clap::value_parser!(u32).range(300..=115_200))]
    baud: u32,
    /// Parity of the serial port
    #[arg(long, value_enum, default_value = "even")]
    parity: ParityArg,
}

/// The path to a line: one of the two.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct PathArgs {
    /// Host and port of a serial server or a simulator
    #[arg(long, value_name = "HOST:PORT")]
    tcp: Option<String>,
    /// Serial port
    #[arg(long, value_name = "DEV")]
    serial: Option<String>,
}

/// A parity on the command line.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum ParityArg {
    Even,
    Odd,
    None,
}

impl LineArgs {
    fn place(&self) -> Place {
        let parity = match self.parity {
            ParityArg::Even => Parity::Even,
            ParityArg::Odd => Parity::Odd,
            ParityArg::None => Parity::None,
        };
        let rate = Rate { baud: self.baud, parity };
        match (&self.path.tcp, &self.path.serial) {
            (Some(address), _) => Place::Tcp(address.clone()),
            (None, device) => Place::Serial { device: device.clone().unwrap_or_default(), rate },
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
        let requests = self.items.iter().map(|item| self.request(*item)).collect::<Result<Vec<_>, _>>()?;
        let mut link = self.open().await?;
        let mut trace = Trace::new(self.trace);
        let mut unanswered = 0;
        for (item, request) in self.items.iter().zip(requests) {
            let record = self.read(&mut link, *item, request, &mut trace).await?;
            unanswered += usize::from(!record.ok);
            if self.json {
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

    async fn open(&self) -> Result<Link, CliError> {
        let opened = Link::open(&self.line.place(), self.timeout.max(Duration::from_secs(5))).await;
        opened.map_err(|error| CliError::Failed(super::with_causes(&error)))
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
                "{item} wants a time to begin at: read {:08X} for the newest record",
                item.code() | 0x03 & !0x01
            ))),
            Some(Shape::LoadRecord(_)) => Request::read_blocks(self.meter, item, Blocks::ONE)
                .map_err(|error| CliError::Usage(error.to_string())),
            _ => Ok(Request::read(self.meter, item)),
        }
    }

    async fn read(
        &self,
        link: &mut Link,
        item: DataId,
        request: Request,
        trace: &mut Trace,
    ) -> Result<Record, CliError> {
        let timing =
            Timing { first_byte: self.timeout, retries: self.retries, ..Timing::serial(self.line.baud) };
        let question = whole(request.into(), item);
        let speaker = Speaker { link: &mut *link, gate: Gate::READS, tap: trace };
        let told = speaker.converse(&question, timing, &|| true).await;
        match told.failure {
            Some(Failure::Link(error)) => {
                *link = self.open().await.map_err(|_| CliError::Failed(super::with_causes(&error)))?;
            }
            Some(Failure::Blocked(blocked)) => return Err(CliError::Failed(blocked.to_string())),
            None => {}
        }
        Ok(self.record(item, &told.outcome))
    }

    fn record(&self, item: DataId, outcome: &Outcome) -> Record {
        let report = outcome.report();
        let mut record = Record {
            meter: self.meter.to_string(),
            di: item.to_string(),
            ok: false,
            address: None,
            shown: Shown::default(),
            error: None,
            error_zh: None,
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
            Outcome::Refused { address, refusal, .. } => {
                record.address = Some(address.to_string());
                record.error = Some(format!("refused: {refusal}"));
                record.error_zh = Some(format!(
                    "拒绝: {}",
                    refusal.names().map(|(_, zh)| zh).collect::<Vec<_>>().join("; ")
                ));
            }
            Outcome::Incomplete { .. } => {
                record.error = Some("the answer broke off: nothing of it is used".into())
            }
            Outcome::NotSent(_) => record.error = Some("nothing was sent: the line failed".into()),
            Outcome::Silent(_) | Outcome::Unknown(_) | Outcome::Sent(_) => {
                record.error = Some(silence(report));
                record.error_zh = Some("无应答".into());
            }
        }
        record
    }
}

/// An answer of the standard's length is whole even when its frame says "more follows". [645-2007 4]
fn whole(question: Question, item: DataId) -> Question {
    match catalog::find(item).map(|entry| entry.lengths()) {
        Some(catalog::LengthRule::Exactly(length)) => question.whole_at(length),
        _ => question,
    }
}

/// Silence in words: what was heard instead, if anything.
fn silence(report: &dlt645::exchange::Report) -> String {
    let heard: Vec<String> = report
        .counters
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(reason, count)| format!("{count} {}", reason.kind().replace('_', " ")))
        .collect();
    let dropped = report.counters.dropped;
    let bad = dropped.bad_checksums + dropped.bad_ends + dropped.cut_short;
    let noise = dropped.noise_bytes;
    let mut text = format!("no answer in {} attempts", report.attempts);
    if !heard.is_empty() {
        text.push_str(&format!("; heard and not taken: {}", heard.join(", ")));
    }
    if bad > 0 || noise > 0 {
        text.push_str(&format!("; {bad} broken frames and {noise} bytes of noise were heard"));
    }
    text
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
