//! Runs a world in real time until it is told to stop.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use dlt645::address::MeterAddress;
use serde::Serialize;
use simulator::bus::Bus;
use simulator::bus::rate::{Parity, Rate};
use simulator::bus::settings::{Pace, Settings};
use simulator::fault::{Counts, Injector, Kind, Plan as Faults};
use simulator::instant::At;
use simulator::seed::Seed;
use simulator::serve::{LiveBus, Server};
use simulator::world::file::{BusEntry, GatewayEntry, WorldFile};
use simulator::world::fitted::{Fitted, Shared};
use simulator::world::generate::Plan;
use simulator::world::{World, file, told};

use super::super::CliError;
use super::super::stop::Stops;
use super::terminals::{self, StartTerminal, Terminals};
use crate::clock::Clock;

/// The most clients one line serves at once.
const CLIENTS: usize = 64;

/// What is simulated, and where it listens.
#[derive(Debug, Args)]
pub(super) struct Run {
    /// A world file, as `simulate world` prints one
    #[arg(long, value_name = "FILE", conflicts_with_all = ["tcp", "pty", "meters", "first_address", "baud", "varied"])]
    world: Option<PathBuf>,
    /// Where a line listens as a serial server; several are several lines, meters spread evenly
    #[arg(long, value_name = "HOST:PORT")]
    tcp: Vec<SocketAddr>,
    /// A line on a pseudo-terminal, under this stable name
    #[arg(long, value_name = "LINK", num_args = 0..=1, default_missing_value = "chaobiao-pty")]
    pty: Vec<PathBuf>,
    #[command(flatten)]
    terminals: Terminals,
    /// How many meters, all together or behind each terminal
    #[arg(long, default_value_t = 3)]
    meters: usize,
    /// Address of the first meter; the others follow it
    #[arg(long, value_name = "ADDR", default_value = "202411110001")]
    first_address: MeterAddress,
    /// Speed of the lines, bits a second
    #[arg(long, default_value_t = 2400)]
    baud: u32,
    /// Everything is drawn from this
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Mix in the 1997 edition, makers' habits and wrong clocks
    #[arg(long)]
    varied: bool,
    /// A fault and how often it happens
    #[arg(long, value_name = "KIND=RATE")]
    fault: Vec<String>,
    /// Registers stand still, so that the values told at the start stay true
    #[arg(long)]
    hold: bool,
    /// No line times: answers at once, for load tests
    #[arg(long)]
    unpaced: bool,
    /// The world's time at the start, such as 2026-11-21 10:15:00; the present by default
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<At>,
    /// Print one JSON object a line: first where it listens and what is true, at the end what went wrong
    #[arg(long)]
    json: bool,
}

fn moment(text: &str) -> Result<At, String> {
    file::moment(text)
        .ok_or_else(|| format!("{text:?} is no moment: expected 2026-11-21 10:15:00, years 2000 to 2099"))
}

/// A line that runs, or a Modbus TCP gateway.
struct Running {
    name: String,
    /// Bits a second; a gateway has none.
    baud: Option<u32>,
    is_tcp: bool,
    place: String,
    meters: Vec<Shared>,
    bus: Option<LiveBus<Shared>>,
}

/// The first line of output.
#[derive(Serialize)]
struct Start<'a> {
    /// The addresses of the TCP lines.
    listen: Vec<&'a str>,
    /// The names of the pseudo-terminals.
    pty: Vec<&'a str>,
    /// The addresses of the Modbus TCP gateways.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    gateways: Vec<&'a str>,
    at: String,
    hold: bool,
    seed: u64,
    meters: Vec<StartMeter>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    terminals: Vec<StartTerminal>,
}

/// What is true of one meter.
#[derive(Serialize)]
struct StartMeter {
    address: String,
    edition: &'static str,
    bus: String,
    listen: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    baud: Option<u32>,
    at: String,
    values: Vec<StartValue>,
}

/// A value under its identifier; under its OBIS code where a meter speaks Modbus.
#[derive(Serialize)]
pub(super) struct StartValue {
    di: String,
    value: String,
    unit: &'static str,
}

impl Run {
    pub(super) async fn run(&self, out: &mut impl Write) -> Result<(), CliError> {
        let file = self.file()?;
        let mut faults = Faults::new(Seed::new(self.seed).named("faults"));
        let mut of_terminals = terminals::Faults::default();
        for text in &self.fault {
            if self.terminals.add_fault(&mut of_terminals, text)? {
                continue;
            }
            faults.add(text).map_err(|error| {
                CliError::Usage(format!("--fault {text}: {error}  --fault 应为 类别=比例，如 silence=1%"))
            })?;
        }
        let start = self.at.map_or_else(present, Ok)?;
        let mut world = World::build(&file).map_err(|error| CliError::Usage(error.to_string()))?;
        if self.hold {
            world.hold(start);
        }
        if let Some(path) = &self.terminals.archive {
            super::archive::write_archive(&file, path)?;
        }
        let server = Server::new();
        let terminals = self.terminals.start(&server, &mut world, start, &of_terminals, self.unpaced)?;
        let gateways = std::mem::take(&mut world.gateways);
        let mut lines = Vec::new();
        for (number, (entry, meters)) in (0..).zip(world.fit(start)) {
            lines.push(self.start(&server, number, entry, meters, &faults).await?);
        }
        for gateway in gateways {
            let (GatewayEntry { name, tcp }, meters) = gateway.fit(start);
            let address = address(&name, &tcp)?;
            let bound = server.gateway(address, meters.clone()).await;
            let bound = bound.map_err(|error| {
                CliError::Failed(format!("gateway {name} at {tcp}: {}", super::super::with_causes(&error)))
            })?;
            lines.push(Running {
                name,
                baud: None,
                is_tcp: true,
                place: bound.to_string(),
                meters,
                bus: None,
            });
        }
        let mut stops = Stops::listen()?;
        self.tell(out, &lines, &terminals, start, file.seed)?;
        out.flush()?;
        stops.asked().await;
        server.stop().await;
        self.sum_up(out, &lines, &terminals)
    }

    /// The world of the file, or one drawn as the options say.
    fn file(&self) -> Result<WorldFile, CliError> {
        if let Some(path) = &self.world {
            let text = std::fs::read_to_string(path)
                .map_err(|error| CliError::Usage(format!("{}: {error}", path.display())))?;
            return WorldFile::parse(&text)
                .map_err(|error| CliError::Usage(format!("{}: {error}", path.display())));
        }
        let tcp = self.tcp.iter().map(|address| (Some(address.to_string()), None));
        let pty = self.pty.iter().map(|link| (None, Some(link.display().to_string())));
        let mut paths: Vec<_> = tcp.chain(pty).collect();
        if self.terminals.concentrator.is_some() {
            return self.drawn_terminals();
        }
        if paths.is_empty() {
            paths.push((Some("127.0.0.1:7001".to_owned()), None));
        }
        let line = |(number, (tcp, pty)): (usize, _)| BusEntry {
            name: format!("bus-{number}"),
            tcp,
            pty,
            baud: self.baud,
            echo: false,
        };
        self.drawn(self.meters, (1..).zip(paths).map(line).collect())
    }

    fn drawn_terminals(&self) -> Result<WorldFile, CliError> {
        let Terminals { terminals, first_terminal, .. } = self.terminals;
        let meters = self.meters.saturating_mul(terminals.into());
        terminals::behind_terminals(
            self.drawn(meters, terminals::lines(terminals))?,
            first_terminal,
            self.varied,
        )
    }

    fn drawn(&self, meters: usize, lines: Vec<BusEntry>) -> Result<WorldFile, CliError> {
        let (seed, first_address, is_varied) = (self.seed, self.first_address, self.varied);
        let plan = Plan { meters, seed, first_address, lines, is_varied };
        plan.draw().map_err(|error| CliError::Usage(format!("--first-address: {error}")))
    }

    async fn start(
        &self,
        server: &Server,
        number: u64,
        entry: BusEntry,
        meters: Vec<Shared>,
        faults: &Faults,
    ) -> Result<Running, CliError> {
        let rate = Rate::new(entry.baud, Parity::Even)
            .map_err(|error| CliError::Usage(format!("line {}: {error}", entry.name)))?;
        let pace = if self.unpaced { Pace::Unpaced } else { Pace::Paced };
        let settings = Settings { rate, echo: entry.echo, pace, ..Settings::default() };
        let bus =
            Bus::new(settings, meters.iter().cloned()).with_faults(Injector::new(faults.of_bus(number)));
        let bus = server.run(bus);
        let place = reach(&bus, &entry).await?;
        let (baud, is_tcp) = (Some(entry.baud), entry.tcp.is_some());
        Ok(Running { name: entry.name, baud, is_tcp, place, meters, bus: Some(bus) })
    }

    /// Says where the lines listen and what is true.
    fn tell(
        &self,
        out: &mut impl Write,
        lines: &[Running],
        terminals: &terminals::Running,
        start: At,
        seed: u64,
    ) -> Result<(), CliError> {
        if self.json {
            let of = |tcp: bool, bus: bool| {
                let fits = move |line: &&Running| (line.is_tcp, line.bus.is_some()) == (tcp, bus);
                lines.iter().filter(fits).map(|line| line.place.as_str()).collect()
            };
            let first = Start {
                listen: of(true, true),
                pty: of(false, true),
                gateways: of(true, false),
                at: stamp(start),
                hold: self.hold,
                seed,
                meters: lines
                    .iter()
                    .flat_map(|line| line.meters.iter().map(|meter| truth(line, meter, start)))
                    .collect(),
                terminals: terminals.truth(start),
            };
            return super::super::write_json(out, &first);
        }
        for line in lines {
            let count = line.meters.len();
            let plural = if count == 1 { "" } else { "s" };
            let how = line.baud.map_or_else(|| "Modbus TCP".to_owned(), |baud| format!("{baud} baud"));
            writeln!(out, "{}  {}  {how}  {count} meter{plural}  {count} 只电能表", line.name, line.place)?;
            for meter in line.meters.iter().take(SHOWN) {
                let told = truth(line, meter, start);
                let forward = told
                    .values
                    .first()
                    .map(|value| format!("{} {}", value.value, value.unit))
                    .unwrap_or_default();
                writeln!(out, "  {}  {}  {forward} at {start}", told.address, told.edition)?;
            }
            if count > SHOWN {
                writeln!(out, "  and {0} more  另有 {0} 只", count - SHOWN)?;
            }
        }
        for line in terminals.lines() {
            writeln!(out, "{line}")?;
        }
        let of_tcp = lines.iter().filter(|line| line.is_tcp);
        let firsts = of_tcp.filter_map(|line| Some((line, line.meters.first()?)));
        if let Some((line, meter)) = firsts.into_iter().next() {
            let StartMeter { address, edition, .. } = truth(line, meter, start);
            let Running { place, baud, .. } = line;
            let how = match (edition, baud) {
                (MODBUS, Some(baud)) => format!("--baud {baud} --meter {address} --profile MAP.toml --trace"),
                (MODBUS, None) => {
                    format!("--framing modbus-tcp --meter {address} --profile MAP.toml --trace")
                }
                (_, baud) => {
                    format!("--baud {} --meter {address} --trace 00010000", baud.unwrap_or_default())
                }
            };
            writeln!(out, "try  试读: chaobiao read --tcp {place} {how}")?;
        }
        writeln!(out, "stop with Ctrl-C  按 Ctrl-C 结束")?;
        Ok(())
    }

    /// Says which faults happened.
    fn sum_up(
        &self,
        out: &mut impl Write,
        lines: &[Running],
        terminals: &terminals::Running,
    ) -> Result<(), CliError> {
        let counts = lines.iter().fold(Counts::default(), |sum, line| {
            let Some(bus) = &line.bus else { return sum };
            bus.with(|bus| bus.faults().map_or(sum, |faults| sum.plus(faults.counts())))
        });
        let kinds = Kind::ALL.into_iter().map(|kind| (kind.name(), counts.of(kind)));
        let happened = kinds.filter(|(_, count)| *count > 0).chain(terminals.faults());
        if self.json {
            let faults: serde_json::Map<String, serde_json::Value> =
                happened.map(|(name, count)| (name.to_owned(), count.into())).collect();
            let mut last = serde_json::json!({ "stopped": true, "faults": faults });
            if let (false, Some(last), serde_json::Value::Object(more)) =
                (terminals.is_empty(), last.as_object_mut(), terminals.summary())
            {
                last.extend(more);
            }
            return super::super::write_json(out, &last);
        }
        for (name, count) in happened {
            writeln!(out, "{count:>8} times 次  {name}")?;
        }
        Ok(())
    }
}

/// How many meters of a line are listed.
const SHOWN: usize = 5;

/// Makes the line reachable and says where.
async fn reach(bus: &LiveBus<Shared>, entry: &BusEntry) -> Result<String, CliError> {
    let failed = |place: &str, error: &dyn std::error::Error| {
        CliError::Failed(format!("line {} at {place}: {}", entry.name, super::super::with_causes(error)))
    };
    match (&entry.tcp, &entry.pty) {
        (Some(place), _) => {
            let address = address(&entry.name, place)?;
            let bound = bus.listen(address, CLIENTS).await.map_err(|error| failed(place, &error))?;
            Ok(bound.to_string())
        }
        (None, Some(link)) => {
            bus.pty(Path::new(link)).map_err(|error| failed(link, &error))?;
            Ok(link.clone())
        }
        (None, None) => Err(CliError::Usage(format!("line {} has neither tcp nor pty", entry.name))),
    }
}

fn address(line: &str, place: &str) -> Result<SocketAddr, CliError> {
    place.parse().map_err(|_| {
        CliError::Usage(format!("line {line}: {place:?} is no address: expected 127.0.0.1:7001"))
    })
}

/// What a meter speaks that has registers.
const MODBUS: &str = "modbus";

/// What is true of a meter at the start.
fn truth(line: &Running, meter: &Shared, start: At) -> StartMeter {
    let fitted = meter.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let editions = fitted.meter.editions();
    StartMeter {
        address: fitted.meter.address().to_string(),
        edition: match (editions.e2007, editions.e1997) {
            _ if fitted.registers().is_some() => MODBUS,
            (true, true) => "both",
            (false, true) => "1997",
            _ => "2007",
        },
        bus: line.name.clone(),
        listen: line.place.clone(),
        baud: line.baud,
        at: stamp(start),
        values: shown(&fitted, start),
    }
}

/// What it shows under its identifiers, or in its registers.
fn shown(fitted: &Fitted, at: At) -> Vec<StartValue> {
    let Some((_, map)) = fitted.registers() else { return values(told::registers(&fitted.meter, at)) };
    let told = map.told(fitted.meter.truth(), at).into_iter();
    let value = |(di, value, unit)| StartValue { di, value, unit };
    told.map(value).collect()
}

/// True values as they are told.
pub(super) fn values(told: Vec<told::Told>) -> Vec<StartValue> {
    let value = |told: told::Told| StartValue {
        di: told.id.to_string(),
        value: told.value.to_string(),
        unit: told.unit,
    };
    told.into_iter().map(value).collect()
}

/// An instant with the offset of China.
pub(super) fn stamp(at: At) -> String {
    format!("{}+08:00", at.to_string().replace(' ', "T"))
}

/// What the clock on the wall says in China.
fn present() -> Result<At, CliError> {
    let civil = Clock::system().now().civil();
    civil
        .map(At::from_civil)
        .ok_or_else(|| CliError::Failed("this machine's clock is outside 2000 to 2099".into()))
}
