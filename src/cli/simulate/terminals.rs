//! Simulated terminals (concentrators) that dial a master, with the meters behind them.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use gdw1376::address::TerminalAddress;
use serde::Serialize;
use simulator::concentrator::Concentrator;
pub(super) use simulator::concentrator::fault::Plan as Faults;
use simulator::concentrator::fault::{Counts, Kind};
use simulator::concentrator::settings::{Air, Settings};
use simulator::instant::At;
use simulator::serve::{LiveConcentrator, Server};
use simulator::world::file::{BusEntry, WorldFile};
use simulator::world::{World, told};

use super::super::CliError;
use super::run::{StartValue, stamp, values};

/// Terminals, and whom they dial.
#[derive(Debug, Args)]
pub(super) struct Terminals {
    /// The master that simulated terminals (concentrators) dial; also for those of a world file
    #[arg(long, value_name = "HOST:PORT", conflicts_with_all = ["tcp", "pty", "baud"])]
    pub(super) concentrator: Option<String>,
    /// How many terminals there are; --meters is then how many each has
    #[arg(long, value_name = "N", default_value_t = 1, requires = "concentrator", conflicts_with = "world")]
    pub(super) terminals: u16,
    /// Address of the first terminal, region and number; the others follow it
    #[arg(long, value_name = "ADDR", default_value = "1100-0001")]
    pub(super) first_terminal: TerminalAddress,
    /// What the network of the terminals is like: none (at once), gprs (0.7 s, 20 kbit/s) or 4g (0.08 s, 1 Mbit/s)
    #[arg(long, value_name = "NET", default_value = "none", requires = "concentrator")]
    air: Net,
    /// Write the archive of the meters to this file, for `meters import`
    #[arg(long, value_name = "FILE.csv")]
    pub(super) archive: Option<PathBuf>,
}

/// A mobile network.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Net {
    None,
    Gprs,
    #[value(name = "4g")]
    FourG,
}

impl Net {
    const fn air(self) -> Air {
        match self {
            Self::None => Air { round_trip: Duration::ZERO, bits_a_second: 0 },
            Self::Gprs => Air::GPRS,
            Self::FourG => Air::CAT_1,
        }
    }
}

/// Lines whose meters will hang behind terminals instead.
pub(super) fn lines(count: u16) -> Vec<BusEntry> {
    let line = |number| BusEntry {
        name: format!("terminal-{number}"),
        tcp: None,
        pty: None,
        baud: 2400,
        echo: false,
    };
    (1..=count.max(1)).map(line).collect()
}

/// Puts the meters of all lines of a world behind terminals.
pub(super) fn behind_terminals(
    file: WorldFile,
    first: TerminalAddress,
    is_varied: bool,
) -> Result<WorldFile, CliError> {
    let behind = file.behind_terminals(first, is_varied);
    behind.ok_or_else(|| CliError::Usage("--first-terminal: the addresses run past the last terminal".into()))
}

/// The terminals that run.
pub(super) struct Running {
    lives: Vec<LiveConcentrator>,
    dials: String,
}

/// What is true of one terminal at the start.
#[derive(Serialize)]
pub(super) struct StartTerminal {
    address: String,
    /// The form of nine decimal digits.
    nine_digits: Option<String>,
    dials: String,
    points: Vec<StartPoint>,
}

/// What is true of one measuring point.
#[derive(Serialize)]
struct StartPoint {
    point: u16,
    port: u8,
    address: String,
    protocol: &'static str,
    at: String,
    values: Vec<StartValue>,
}

/// A relay order that reached a meter.
#[derive(Serialize)]
struct RelayOrder {
    terminal: String,
    meter: String,
    at: String,
    /// By a fault: late, or a second time.
    astray: bool,
}

impl Terminals {
    /// Takes `KIND=SHARE` if it is a fault of terminals.
    pub(super) fn add_fault(&self, faults: &mut Faults, text: &str) -> Result<bool, CliError> {
        let name = text.split('=').next().unwrap_or_default().trim();
        if Kind::named(name).is_none() {
            return Ok(false);
        }
        if self.concentrator.is_none() {
            return Err(CliError::Usage(format!(
                "--fault {text}: terminals have this one, give --concentrator"
            )));
        }
        faults.add(text).map_err(|error| {
            CliError::Usage(format!("--fault {text}: {}", super::super::with_causes(&error)))
        })?;
        Ok(true)
    }

    /// Lets the terminals of a world run.
    pub(super) fn start(
        &self,
        server: &Server,
        world: &mut World,
        start: At,
        faults: &Faults,
        is_swift: bool,
    ) -> Result<Running, CliError> {
        let settings = if is_swift { Settings::swift() } else { Settings::default() };
        let settings = Settings { air: self.air.air(), ..settings };
        let setups = world.setups(start, settings);
        let dials = match &self.concentrator {
            Some(dials) if has_port(dials) => dials.clone(),
            Some(dials) => {
                return Err(CliError::Usage(format!(
                    "--concentrator: {dials:?} is no HOST:PORT, such as 127.0.0.1:7376"
                )));
            }
            None if setups.is_empty() => String::new(),
            None => {
                return Err(CliError::Usage(
                    "this world has terminals: give --concentrator HOST:PORT".into(),
                ));
            }
        };
        let live = |mut setup: simulator::concentrator::Setup| {
            setup.faults = faults.clone();
            let live = server.concentrator(Concentrator::new(setup));
            live.dial(dials.clone());
            live
        };
        Ok(Running { lives: setups.into_iter().map(live).collect(), dials: dials.clone() })
    }
}

fn has_port(place: &str) -> bool {
    place.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

impl Running {
    pub(super) fn is_empty(&self) -> bool {
        self.lives.is_empty()
    }

    /// What is true of each terminal.
    pub(super) fn truth(&self, start: At) -> Vec<StartTerminal> {
        self.lives.iter().map(|live| live.with(|terminal| self.of(terminal, start))).collect()
    }

    fn of(&self, terminal: &Concentrator, start: At) -> StartTerminal {
        let points = terminal.archive().records().filter_map(|record| {
            let meter = terminal.meter_of(record.point)?;
            Some(StartPoint {
                point: record.point,
                port: record.port(),
                address: meter.address().to_string(),
                protocol: if record.is_1997() { "645-1997" } else { "645-2007" },
                at: stamp(start),
                values: values(told::registers(meter, start)),
            })
        });
        StartTerminal {
            address: terminal.address().to_string(),
            nine_digits: terminal.address().nine_digits(),
            dials: self.dials.clone(),
            points: points.collect(),
        }
    }

    /// A few lines for a person.
    pub(super) fn lines(&self) -> Vec<String> {
        let line = |live: &LiveConcentrator| {
            live.with(|terminal| {
                let meters = terminal.archive().records().count();
                let plural = if meters == 1 { "" } else { "s" };
                format!("{}  dials {}  {meters} meter{plural}", terminal.address(), self.dials)
            })
        };
        let mut lines: Vec<String> = self.lives.iter().take(SHOWN).map(line).collect();
        if self.lives.len() > SHOWN {
            lines.push(format!("and {} more terminals", self.lives.len() - SHOWN));
        }
        lines
    }

    /// The faults that happened, by name.
    pub(super) fn faults(&self) -> Vec<(&'static str, u64)> {
        let counts = self
            .lives
            .iter()
            .fold(Counts::default(), |sum, live| live.with(|terminal| sum.plus(terminal.faults().counts())));
        let happened = Kind::ALL.into_iter().filter(|kind| counts.of(*kind) > 0);
        happened.map(|kind| (kind.name(), counts.of(kind))).collect()
    }

    /// How it went: logins and requests of each, and what reached the relays of the meters.
    pub(super) fn summary(&self) -> serde_json::Value {
        let told = |live: &LiveConcentrator| {
            live.with(|terminal| {
                let (read, meters) = terminal.progress();
                serde_json::json!({
                    "address": terminal.address().to_string(),
                    "logins": terminal.logins(),
                    "requests": terminal.requests(),
                    "read": read,
                    "meters": meters,
                })
            })
        };
        let terminals: Vec<_> = self.lives.iter().map(told).collect();
        let orders: Vec<_> = self.lives.iter().flat_map(relay_orders).collect();
        serde_json::json!({ "terminals": terminals, "relay_orders": orders })
    }
}

fn relay_orders(live: &LiveConcentrator) -> Vec<RelayOrder> {
    live.with(|terminal| {
        let orders = terminal.reached().iter().filter(|reached| reached.control() == Some(RELAY_ORDER));
        let told = orders.map(|reached| RelayOrder {
            terminal: terminal.address().to_string(),
            meter: dlt645::address::AddressField::from_wire(reached.address).to_string(),
            at: stamp(reached.at),
            astray: reached.is_astray,
        });
        told.collect()
    })
}

/// How many terminals are listed.
const SHOWN: usize = 5;
/// The control byte of relay orders in DL/T 645-2007.
const RELAY_ORDER: u8 = 0x1C;
