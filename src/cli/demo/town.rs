//! The neighbourhood of the demonstration: buses behind TCP and one on a pseudo-terminal, and a concentrator that dials in.

use std::net::SocketAddr;
use std::path::Path;

use gdw1376::address::TerminalAddress;
use simulator::bus::Bus;
use simulator::bus::rate::{Parity, Rate};
use simulator::bus::settings::Settings;
use simulator::concentrator::Concentrator;
use simulator::concentrator::settings::Settings as Terminals;
use simulator::instant::At;
use simulator::serve::{LiveBus, LiveConcentrator, Server};
use simulator::world::World;
use simulator::world::file::{BusEntry, WorldFile};
use simulator::world::fitted::Shared;
use simulator::world::generate::Plan;
use simulator::world::terminal::TerminalEntry;

use super::share::Wire;
use super::{Demo, passwords};
use crate::app::Site;
use crate::cli::CliError;
use crate::cli::simulate::archive;
use crate::clock::Clock;
use crate::config::{Config, Effective, Loaded};
use crate::domain::{ArchiveEntry, CustomerClass};

/// The neighbourhood, alive.
pub(super) struct Town {
    pub(super) config: Config,
    /// Every key of it with what holds.
    pub(super) effective: Vec<Effective>,
    pub(super) world: WorldFile,
    pub(super) entries: Vec<ArchiveEntry>,
    /// What crosses each bus.
    pub(super) wires: Vec<Wire>,
    terminals: Vec<LiveConcentrator>,
    server: Server,
    somebody: (String, String),
}

impl Town {
    /// Starts it and writes the configuration that fits it.
    pub(super) async fn start(demo: &Demo, directory: &Path, clock: &Clock) -> Result<Self, CliError> {
        let mut world = draw(demo)?;
        let start = clock.now().civil().map(At::from_civil);
        let start =
            start.ok_or_else(|| CliError::Failed("this machine's clock is outside 2000 to 2099".into()))?;
        let server = Server::new();
        let mut built = World::build(&world).map_err(|error| CliError::Failed(error.to_string()))?;
        // What was read before the first night is nobody's to bill.
        let entries = archive::entries(&world)?.into_iter();
        let mut entries: Vec<ArchiveEntry> =
            entries.map(|entry| ArchiveEntry { first_reading: None, ..entry }).collect();
        if let Some(entry) = entries.last_mut().filter(|_| demo.meters > FEW) {
            entry.customer.class = Some(CustomerClass::Important);
        }
        let setups = built.setups(start, Terminals::swift()).into_iter();
        let terminals = setups.map(|setup| server.concentrator(Concentrator::new(setup))).collect();
        let mut wires = Vec::new();
        for (entry, fitted) in world.bus.iter_mut().zip(built.fit(start)) {
            let rate = Rate::new(BAUD, Parity::Even).map_err(|error| CliError::Failed(error.to_string()))?;
            let wire = Wire::default();
            let bus =
                Bus::new(Settings { rate, ..Settings::default() }, fitted.1).with_witness(wire.witness());
            let bus = server.run(bus);
            wires.push(wire);
            reach(&bus, entry, demo, directory).await?;
        }
        let file = directory.join(CONFIG);
        let http = format!("\n[http]\nlisten = \"{}\"\n", demo.listen);
        let text = archive::config_text(&world)? + MORE + &http + &passwords::section(directory)?;
        let text = text + &terminals_section(demo)?;
        std::fs::write(&file, &text)
            .map_err(|error| CliError::Failed(format!("{}: {error}", file.display())))?;
        let loaded = Config::parse(&file, &text);
        let Loaded { mut config, effective } =
            loaded.map_err(|error| super::super::config::config_error(&error))?;
        config.collection.until_deadline = false;
        let somebody = somebody(&world);
        Ok(Self { config, effective, world, entries, wires, terminals, server, somebody })
    }

    /// Where one of the meters is to be found, and its address.
    pub(super) const fn somebody(&self) -> (&String, &String) {
        (&self.somebody.0, &self.somebody.1)
    }

    /// Lets the concentrators dial a site.
    pub(super) fn dial(&self, site: &Site) {
        if let Some(at) = site.terminals.listening() {
            self.terminals.iter().for_each(|terminal| terminal.dial(at.to_string()));
        }
    }

    pub(super) async fn close(self) {
        self.server.stop().await;
    }
}

fn somebody(world: &WorldFile) -> (String, String) {
    let on_tcp = world.meter.iter().find_map(|meter| {
        let bus = world.bus.iter().find(|bus| bus.name == meter.bus)?;
        Some((bus.tcp.clone()?, meter.address.to_string()))
    });
    on_tcp.unwrap_or_default()
}

/// Few meters on many lines, so that the night is over in a minute.
fn draw(demo: &Demo) -> Result<WorldFile, CliError> {
    let meters = usize::try_from(demo.meters).unwrap_or(usize::MAX);
    let lines = meters.div_ceil(METERS_A_LINE).clamp(1, MOST_LINES);
    let line = |number: usize| BusEntry {
        name: format!("{number}号线"),
        // The last one is on a pseudo-terminal, when there are several.
        tcp: (number < lines || lines == 1).then(|| SocketAddr::new(demo.lines_on, 0).to_string()),
        pty: None,
        baud: BAUD,
        echo: false,
    };
    let first_address = "202411110001".parse();
    let plan = Plan {
        meters,
        seed: demo.seed,
        first_address: first_address.map_err(|_| CliError::Failed("the first address".into()))?,
        lines: (1..=lines).map(line).collect(),
        is_varied: false,
    };
    let mut world = plan.draw().map_err(|error| CliError::Failed(error.to_string()))?;
    hang_behind_terminal(&mut world)?;
    passwords::set(&mut world, demo.seed)?;
    Ok(world)
}

/// Takes one meter in eight from its line and hangs it behind a concentrator.
fn hang_behind_terminal(world: &mut WorldFile) -> Result<(), CliError> {
    let address: TerminalAddress =
        TERMINAL.parse().map_err(|_| CliError::Failed("the address of the concentrator".into()))?;
    let mut behind = world.meter.iter_mut().skip(BEHIND - 1).step_by(BEHIND).peekable();
    if behind.peek().is_some() {
        behind.for_each(|meter| meter.bus = address.to_string());
        world.terminal.push(TerminalEntry::new(address));
    }
    Ok(())
}

/// The section of the configuration with the port that concentrators dial: one that is free now.
fn terminals_section(demo: &Demo) -> Result<String, CliError> {
    let bound = std::net::TcpListener::bind(SocketAddr::new(demo.lines_on, 0));
    let free = bound.and_then(|bound| bound.local_addr());
    let free = free.map_err(|error| CliError::Failed(format!("{}: {error}", demo.lines_on)))?;
    Ok(format!("\n# The concentrator dials here. 集中器主动连接。\n[terminals]\nlisten = \"{free}\"\n"))
}

/// Makes a bus reachable, and notes where.
async fn reach(
    bus: &LiveBus<Shared>,
    entry: &mut BusEntry,
    demo: &Demo,
    directory: &Path,
) -> Result<(), CliError> {
    let failed = |error: &dyn std::error::Error| {
        CliError::Failed(format!("{}: {}", entry.name, super::super::with_causes(error)))
    };
    if entry.tcp.is_some() {
        let bound = bus.listen(SocketAddr::new(demo.lines_on, 0), CLIENTS).await.map_err(|error| {
            CliError::Failed(format!("{} cannot be listened on  无法监听: {error}", demo.lines_on))
        })?;
        entry.tcp = Some(bound.to_string());
    } else {
        let link = directory.join("pty");
        bus.pty(&link).map_err(|error| failed(&error))?;
        entry.pty = Some(link.display().to_string());
    }
    Ok(())
}

pub(super) const DATABASE: &str = "chaobiao.db";
pub(super) const CONFIG: &str = "chaobiao.toml";
pub(super) const BAUD: u32 = 9600;
/// The concentrator, and how many meters there are to one behind it.
const TERMINAL: &str = "1100-0001";
const BEHIND: usize = 8;
const METERS_A_LINE: usize = 2;
const MOST_LINES: usize = 64;
const CLIENTS: usize = 8;
/// With more meters than these one belongs to an important customer.
const FEW: u32 = 3;

/// Gaps of earlier days would take as long as their nights would have.
const MORE: &str = "
# A demonstration begins today, and somebody waits for it. 演示从今天开始，不补采历史，补抄间隔短。
[collection]
repair_days = 1
pass_pause = \"10s\"

[intervals]
repair_days = 1
";
