//! `chaobiao scan`: who is on this bus.

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use dlt645::edition::Edition;
use dlt645::exchange::Timing;
use serde::Serialize;

use super::CliError;
use super::asker::{Asker, monotonic};
use super::database::Place;
use super::line::{ParityArg, PathArgs};
use super::progress::status;
use crate::clock::Clock;
use crate::config::{self, Framing, Line};
use crate::link::Rate;

mod against;
mod facts;
mod probe;
mod search;
mod sheet;
mod units;

use against::{Commissioned, compare};
use search::{Search, Stop};
use sheet::Head;
use units::{Archived, Units};

/// Find out who is on this bus: addresses, edition, rate, clock and energy
#[derive(Debug, Args)]
#[command(
    after_help = "A bus with one meter is done in seconds. With several, their answers to a wildcard collide and are\n\
told apart by the last two digits of the address, then the next two where those are shared: a hundred questions each.\n\
Every address is asked by itself before it is listed. Nothing is changed on any meter. Ctrl-C lists what was found.\n\n\
With --against what answers is held against the archive: meters without a record, records without an answer, and where edition,\n\
rate, asset number or clock differ. Modbus meters that the archive has on the line are asked under their unit numbers; no\n\
other unit number is tried, and on a Modbus TCP line nothing else is.\n\
 --sheet writes that down for commissioning, to be printed and signed.\n\n\
Exit code: 0 all done, 1 nobody answers, there may be more, or something is to be looked into, 2 wrong usage.\n\n\
Examples:\n  \
chaobiao scan --tcp 192.168.1.10:7001 --baud 2400\n  \
chaobiao scan --serial /dev/ttyUSB0                     # the usual rates, even parity and none\n  \
chaobiao scan --serial /dev/ttyUSB0 --baud 1200,2400 --parity even --timeout 300ms\n  \
chaobiao scan --tcp 192.168.1.10:7001 --against east -c chaobiao.toml --sheet east.html"
)]
pub(super) struct Scan {
    #[command(flatten)]
    path: PathArgs,
    /// Speeds to try, by commas; by default the usual ones on a serial port, and 2400 over TCP
    #[arg(long, visible_alias = "bauds", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(300..=115_200))]
    baud: Vec<u32>,
    /// Parities to try on a serial port, by commas; even and none by default
    #[arg(long, visible_alias = "parities", value_enum, value_delimiter = ',')]
    parity: Vec<ParityArg>,
    /// Edition to look for; by default both
    #[arg(long, value_enum)]
    edition: Option<super::decode::EditionArg>,
    /// How long to wait for the first byte of an answer; by default the 500 ms of the standard and some
    #[arg(long, value_name = "TIME", value_parser = config::duration)]
    timeout: Option<Duration>,
    /// How often to ask again after silence
    #[arg(long, default_value_t = 1)]
    retries: u8,
    /// When to stop, whatever is left
    #[arg(long, value_name = "TIME", default_value = "30min", value_parser = config::duration)]
    limit: Duration,
    /// Print one JSON object a line, for each meter as soon as it is found
    #[arg(long)]
    json: bool,
    /// Show both directions in hexadecimal with times and meaning, on standard error
    #[arg(long)]
    trace: bool,
    /// Hold what answers against the archive of this line
    #[arg(long, value_name = "LINE")]
    against: Option<String>,
    /// Write the commissioning sheet: a page that prints (.html) or a table (.csv), which must not be there yet
    #[arg(long, value_name = "FILE", requires = "against")]
    sheet: Option<PathBuf>,
    #[command(flatten)]
    archive: Place,
}

/// A meter that was found, and what it says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Found {
    address: String,
    /// `2007`, `1997` or `both`.
    edition: &'static str,
    baud: u32,
    parity: String,
    #[serde(serialize_with = "super::china_time::json_or_none")]
    clock: Option<String>,
    fast_seconds: Option<String>,
    forward_active: Option<String>,
    unit: Option<&'static str>,
    /// What it says itself; a meter of 1997 has none.
    asset_number: Option<String>,
    /// It stands on standard output already.
    #[serde(skip)]
    is_told: bool,
}

/// What is held against the archive, as JSON.
#[derive(Serialize)]
struct HeldPiece<'a> {
    against: &'a str,
    address: &'a str,
    answers: bool,
    point_number: Option<&'a str>,
    recorded_asset_number: Option<&'a str>,
    findings: Vec<FindingPiece>,
}

#[derive(Serialize)]
struct FindingPiece {
    kind: &'static str,
    message: String,
    message_zh: String,
}

/// What came of all rates.
#[derive(Default)]
struct Findings {
    found: Vec<Found>,
    /// Where something answers that could not be told apart.
    unclear: Vec<String>,
}

impl Scan {
    pub(super) async fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        let rates = self.rates()?;
        let archived = self.archived().await?;
        if let (Some(line), Some(archived)) = (&self.against, &archived)
            && archived.framing == Framing::ModbusTcp
        {
            return self.only_units(out, line, archived).await;
        }
        let first = rates.first().copied().unwrap_or(FIRST);
        let mut asker = Asker::open_at(self.path.place(first), self.timing(first.baud), self.trace).await?;
        let lent_at = asker.lent_at();
        let rates = lent_at.map_or(rates, |rate| vec![rate]);
        if let Some(rate) = lent_at {
            super::talk(&format!(
                "chaobiao: the service has this line at {rate}: meters of another rate are not found  \
                 该线路由服务占用，只按 {rate} 搜表，其他速率的电表搜不到"
            ));
        }
        self.announce(&rates);
        let deadline = monotonic() + self.limit;
        let mut findings = Findings::default();
        let ended = tokio::select! {
            ended = self.all(out, &mut asker, &rates, (deadline, &mut findings)) => ended,
            interrupted = tokio::signal::ctrl_c() => interrupted.map(|()| Stop::Interrupted).map_err(CliError::Io),
        };
        // A port can be open only once.
        drop(asker);
        let mut units = Units::default();
        let ended = match (&self.against, &archived, ended) {
            (Some(_), Some(_), Ok(Stop::Complete)) if lent_at.is_some() => {
                super::talk(
                    "chaobiao: Modbus meters are not asked: the service has the line  Modbus 表未询问：线路由服务占用",
                );
                Ok(Stop::Complete)
            }
            (Some(line), Some(archived), Ok(Stop::Complete)) => {
                self.units(line, archived, deadline, &mut units).await
            }
            (_, _, ended) => ended,
        };
        findings.found.append(&mut units.found);
        status("");
        self.print(out, &mut findings)?;
        let ended = ended?;
        let doubtful = match (&self.against, &archived) {
            (Some(line), Some(archived)) => self.against(out, line, archived, ended, &findings, &units)?,
            _ => 0,
        };
        self.conclude(ended, &findings, rates.len())?;
        looked_into(doubtful)
    }

    /// Asks the Modbus meters of a Modbus TCP line, on which there are no others.
    async fn only_units(
        &self,
        out: &mut impl Write,
        line: &str,
        archived: &Archived,
    ) -> Result<(), CliError> {
        let (mut units, mut findings) = (Units::default(), Findings::default());
        let ended = self.units(line, archived, monotonic() + self.limit, &mut units).await;
        findings.found.append(&mut units.found);
        status("");
        self.print(out, &mut findings)?;
        let ended = ended?;
        let doubtful = self.against(out, line, archived, ended, &findings, &units)?;
        self.conclude(ended, &findings, 1)?;
        looked_into(doubtful)
    }

    /// Asks the Modbus meters of the line until it is done, stopped or out of time.
    async fn units(
        &self,
        line: &str,
        archived: &Archived,
        deadline: Instant,
        units: &mut Units,
    ) -> Result<Stop, CliError> {
        tokio::select! {
            asked = self.ask_units(line, archived, units) => asked.map(|()| Stop::Complete),
            interrupted = tokio::signal::ctrl_c() => interrupted.map(|()| Stop::Interrupted).map_err(CliError::Io),
            () = tokio::time::sleep_until(deadline.into()) => Ok(Stop::Limit),
        }
    }

    fn against(
        &self,
        out: &mut impl Write,
        line: &str,
        archived: &Archived,
        ended: Stop,
        findings: &Findings,
        units: &Units,
    ) -> Result<usize, CliError> {
        let rows = compare(line, &findings.found, &archived.entries, &units.asked);
        let rates = self.rates()?;
        let place = self.path.place(rates.first().copied().unwrap_or(FIRST)).to_string();
        self.hold(out, line, &place, ended == Stop::Complete, &rows)
    }

    /// The archive, where something is to be held against it.
    async fn archived(&self) -> Result<Option<Archived>, CliError> {
        let Some(line) = &self.against else { return Ok(None) };
        let found = self.archive.there()?;
        let entries = found.archive().await?;
        let configured =
            found.config.as_ref().and_then(|config| config.lines.iter().find(|known| known.name == *line));
        if configured.is_some() || entries.iter().any(|entry| entry.meter.path.line() == line) {
            let (framing, pace) = (configured.map(|line| line.framing), configured.map(Line::pace));
            let profiles = found.config.as_ref().map(|config| config.profiles.clone()).unwrap_or_default();
            let framing = framing.unwrap_or(Framing::Bus);
            return Ok(Some(Archived { entries, framing, pace, profiles }));
        }
        Err(CliError::Unknown(format!(
            "neither configuration nor archive has a line {line}  没有线路 {line}"
        )))
    }

    /// Tells what is held against the archive, and writes the sheet; says how many meters are to be looked into.
    fn hold(
        &self,
        out: &mut impl Write,
        line: &str,
        place: &str,
        is_complete: bool,
        rows: &[Commissioned],
    ) -> Result<usize, CliError> {
        for row in rows.iter().filter(|row| self.json || !row.findings.is_empty()) {
            let words = row.findings.iter().map(|finding| (finding.kind(), finding.words()));
            let entry = row.entry.as_ref();
            if self.json {
                let findings =
                    words.map(|(kind, words)| FindingPiece { kind, message: words.en, message_zh: words.zh });
                let piece = HeldPiece {
                    against: line,
                    address: &row.address,
                    answers: row.found.is_some(),
                    point_number: entry.map(|entry| entry.point.number.as_str()),
                    recorded_asset_number: entry.and_then(|entry| entry.meter.asset_number.as_deref()),
                    findings: findings.collect(),
                };
                super::write_json(out, &piece)?;
                continue;
            }
            for (_, words) in words {
                writeln!(out, "{}  {}  {}", row.address, words.en, words.zh)?;
            }
        }
        if let Some(file) = &self.sheet {
            sheet::write(file, &Head { line, place, at: Clock::system().now(), is_complete }, rows)?;
            super::talk(&format!("written to {0}  已写入 {0}", file.display()));
        }
        Ok(rows.iter().filter(|row| !row.findings.is_empty()).count())
    }

    async fn all(
        &self,
        out: &mut impl Write,
        asker: &mut Asker,
        rates: &[Rate],
        (deadline, findings): (Instant, &mut Findings),
    ) -> Result<Stop, CliError> {
        let editions = match self.edition {
            Some(edition) => vec![Edition::from(edition)],
            None => vec![Edition::E2007, Edition::E1997],
        };
        for rate in rates {
            asker.tune(*rate)?;
            for edition in &editions {
                asker.set_timing(self.timing(rate.baud));
                let told: Option<&mut dyn Write> = if self.json { Some(&mut *out) } else { None };
                let mut search = Search {
                    asker: &mut *asker,
                    edition: *edition,
                    rate: *rate,
                    deadline,
                    retries: self.retries,
                    told,
                    answered: 0,
                };
                if search.run(findings).await? == Stop::Limit {
                    return Ok(Stop::Limit);
                }
            }
        }
        Ok(Stop::Complete)
    }

    /// The rates to try: over TCP the serial server has its own settings, so there is one.
    fn rates(&self) -> Result<Vec<Rate>, CliError> {
        let is_serial = self.path.is_serial();
        if !is_serial && (self.baud.len() > 1 || !self.parity.is_empty()) {
            return Err(CliError::Usage(
                "over TCP the rate and the parity are set at the serial server: give --baud once, as it is set there, and \
                 no --parity  速率与校验须在串口服务器上设置"
                    .into(),
            ));
        }
        let bauds: Vec<u32> = match (self.baud.as_slice(), is_serial) {
            ([], true) => USUAL.to_vec(),
            ([], false) => vec![FIRST.baud],
            (given, _) => given.to_vec(),
        };
        let parities: &[ParityArg] = match (self.parity.as_slice(), is_serial) {
            ([], true) => &[ParityArg::Even, ParityArg::None],
            ([], false) => &[ParityArg::Even],
            (given, _) => given,
        };
        let at =
            |parity: ParityArg| bauds.iter().map(move |baud| Rate { baud: *baud, parity: parity.into() });
        Ok(parities.iter().flat_map(|parity| at(*parity)).collect())
    }

    /// Repetitions are the search's own business; a late answer is told by its address.
    fn timing(&self, baud: u32) -> Timing {
        let usual = Timing::serial(baud);
        let first_byte = self.timeout.unwrap_or(usual.first_byte);
        let td_max = usual.td_max.min(first_byte);
        // Whoever answers second has to be heard, so the line is listened to as long as a meter may take.
        Timing { first_byte, td_max, quiet_after_answer: td_max, retries: 0, ..usual }
    }

    /// How long it may take, said beforehand.
    fn announce(&self, rates: &[Rate]) {
        let silent = |rate: &Rate| {
            let timing = self.timing(rate.baud);
            timing.first_byte.max(timing.td_max + timing.wire_time(20)) + timing.wire_time(20) * 2
        };
        let asked = if self.edition.is_some() { 2 } else { 3 } * (u32::from(self.retries) + 1);
        let empty: Duration = rates.iter().map(|rate| silent(rate) * asked).sum();
        let level: Duration =
            rates.iter().map(silent).max().unwrap_or_default() * 100 * (u32::from(self.retries) + 1);
        super::talk(&format!(
            "scanning {} at {}: up to {} where nobody answers, then up to {} for each two digits that tell meters apart; \
             at most {} in all. Ctrl-C lists what was found.  正在搜表，Ctrl-C 结束并列出结果",
            self.path
                .place(rates.first().copied().unwrap_or(FIRST))
                .to_string()
                .split(" at ")
                .next()
                .unwrap_or_default(),
            rates.iter().map(Rate::to_string).collect::<Vec<_>>().join(", "),
            about(empty),
            about(level),
            about(self.limit),
        ));
    }

    fn print(&self, out: &mut impl Write, findings: &mut Findings) -> Result<(), CliError> {
        findings.found.sort_by(|one, other| one.address.cmp(&other.address));
        if self.json {
            // A meter that answers in both editions is told again.
            let untold = findings.found.iter().filter(|found| !found.is_told);
            return untold.into_iter().try_for_each(|found| super::write_json(out, found));
        }
        if findings.found.is_empty() {
            return Ok(());
        }
        writeln!(
            out,
            "{:<13} {:<7}  {:<10} {:<20} {:>10}  {:>14}",
            "address", "edition", "rate", "clock", "off by", "energy"
        )?;
        writeln!(
            out,
            "{:<10} {:<5}  {:<8} {:<16} {:>6}  {:>9}",
            "通信地址", "规约", "速率", "电表时钟", "偏差秒", "正向有功总"
        )?;
        for found in &findings.found {
            let rate = format!("{} {}", found.baud, found.parity);
            let energy = match (&found.forward_active, found.unit) {
                (Some(value), Some(unit)) => format!("{value} {unit}"),
                _ => "-".to_owned(),
            };
            let off = found.fast_seconds.as_ref().map_or_else(|| "-".to_owned(), |seconds| signed(seconds));
            writeln!(
                out,
                "{:<13} {:<7}  {rate:<10} {:<20} {off:>10}  {energy:>14}",
                found.address,
                found.edition,
                found.clock.as_deref().unwrap_or("-"),
            )?;
        }
        Ok(())
    }

    fn conclude(&self, ended: Stop, findings: &Findings, rates: usize) -> Result<(), CliError> {
        for place in &findings.unclear {
            super::talk(&format!(
                "chaobiao: something answers at {place} and was not understood  有应答但无法识别"
            ));
        }
        let count = findings.found.len();
        super::talk(&format!("{count} found  共发现{count}只电表"));
        match ended {
            Stop::Interrupted => Err(CliError::Failed("stopped by hand: there may be more  已中止，结果可能不全".into())),
            Stop::Limit => Err(CliError::Failed(format!(
                "stopped after {}: there may be more; --limit gives more time  已到时限，结果可能不全",
                about(self.limit)
            ))),
            Stop::Complete if !findings.unclear.is_empty() => Err(CliError::Failed(
                "not all of what answers could be told apart: two meters with one address, or a noisy line  结果可能不全".into(),
            )),
            Stop::Complete if count == 0 => Err(CliError::Failed(format!(
                "nobody answers at {rates} rate{}: look at A and B, at the supply of the meters, at rate and parity  无应答，请检查接线、速率和校验",
                if rates == 1 { "" } else { "s" }
            ))),
            Stop::Complete => Ok(()),
        }
    }
}

fn looked_into(count: usize) -> Result<(), CliError> {
    match count {
        0 => Ok(()),
        more => Err(CliError::Failed(format!("{more} meters are to be looked into  {more} 只表待处理"))),
    }
}

fn signed(seconds: &str) -> String {
    if seconds.starts_with('-') { seconds.to_owned() } else { format!("+{seconds}") }
}

/// A length of time as people say it.
fn about(duration: Duration) -> String {
    match duration.as_secs() {
        0 => format!("{} ms", duration.as_millis()),
        seconds @ 1..=119 => format!("{} s", seconds + u64::from(duration.subsec_millis() >= 500)),
        seconds => format!("{} min", seconds.div_ceil(60)),
    }
}

/// What serial meters are set to, the likeliest first. [645-2007 1 rates]
const USUAL: [u32; 6] = [2400, 9600, 1200, 4800, 600, 19_200];
/// What RS-485 meters are delivered with.
const FIRST: Rate = Rate { baud: 2400, parity: crate::domain::Parity::Even };

#[cfg(test)]
mod tests;
