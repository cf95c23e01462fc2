//! `chaobiao simulate`: meters to read, on TCP ports and pseudo-terminals, and terminals that dial a master.

use std::io::Write;
use std::path::PathBuf;

use clap::builder::RangedU64ValueParser;
use clap::{Args, Subcommand};
use dlt645::address::MeterAddress;
use gdw1376::address::TerminalAddress;
use simulator::world::file::{BusEntry, WorldFile};
use simulator::world::generate::Plan;

use super::CliError;

pub(super) mod archive;
mod run;
mod terminals;

/// Simulated meters to read, on TCP ports and pseudo-terminals
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, after_help = help())]
pub(super) struct Simulate {
    #[command(subcommand)]
    command: Option<SimulateCommand>,
    #[command(flatten)]
    run: run::Run,
}

#[derive(Debug, Subcommand)]
enum SimulateCommand {
    /// Draw a world of lines, meters and customers from a seed and print it as a file for --world
    World(World),
}

fn help() -> String {
    format!(
        "Examples:\n  \
chaobiao simulate --tcp 127.0.0.1:7001 --meters 3 --first-address 202411110001 --seed 7 --json\n  \
chaobiao simulate world --meters 200 --lines 4 > world.toml && chaobiao simulate --world world.toml\n  \
chaobiao simulate --concentrator 127.0.0.1:7376 --terminals 3 --meters 20 --archive archive.csv\n\n\
Kinds of --fault, each a share of the answers or requests (KIND=0.05 or KIND=5%):\n{}",
        simulator::fault::Kind::list() + &simulator::concentrator::fault::Kind::list()
    )
}

/// What is drawn.
#[derive(Debug, Args)]
pub(super) struct World {
    /// How many meters, all together or behind each terminal
    #[arg(long, default_value_t = 64, value_parser = RangedU64ValueParser::<usize>::new().range(1..=1_000_000))]
    meters: usize,
    /// So many terminals instead of lines
    #[arg(long, value_name = "N", conflicts_with_all = ["lines", "first_port", "baud"])]
    terminals: Option<u16>,
    /// Address of the first terminal, region and number; the others follow it
    #[arg(long, value_name = "ADDR", default_value = "1100-0001")]
    first_terminal: TerminalAddress,
    /// Everything is drawn from this
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Address of the first meter; the others follow it
    #[arg(long, value_name = "ADDR", default_value = "202411110001")]
    first_address: MeterAddress,
    /// How many lines the meters are spread over
    #[arg(long, default_value_t = 2)]
    lines: u16,
    /// TCP port of the first line, on 127.0.0.1; the others follow it
    #[arg(long, default_value_t = 7001)]
    first_port: u16,
    /// Speed of the lines, bits a second
    #[arg(long, default_value_t = 2400)]
    baud: u32,
    /// Only plain 2007 meters: no old edition, no makers' habits, right clocks
    #[arg(long)]
    plain: bool,
    /// Also write the archive of its meters to this file, for `meters import`; lines are named as the buses
    #[arg(long, value_name = "FILE.csv")]
    archive: Option<PathBuf>,
    /// Also write a configuration with a line for each bus to this file
    #[arg(long, value_name = "FILE.toml")]
    config: Option<PathBuf>,
}

impl Simulate {
    pub(super) async fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        match self.command {
            Some(SimulateCommand::World(world)) => world.run(out),
            None => self.run.run(out).await,
        }
    }
}

impl World {
    fn run(&self, out: &mut impl Write) -> Result<(), CliError> {
        let line = |number: u16| {
            let port = self.first_port.checked_add(number);
            let port = port.ok_or_else(|| CliError::Usage("the ports of the lines run past 65535".into()))?;
            Ok(BusEntry {
                name: format!("bus-{}", number + 1),
                tcp: Some(format!("127.0.0.1:{port}")),
                pty: None,
                baud: self.baud,
                echo: false,
            })
        };
        let lines = match self.terminals {
            Some(terminals) => terminals::lines(terminals),
            None => (0..self.lines.max(1)).map(line).collect::<Result<Vec<_>, CliError>>()?,
        };
        let plan = Plan {
            meters: self.meters.saturating_mul(self.terminals.unwrap_or(1).into()),
            seed: self.seed,
            first_address: self.first_address,
            lines,
            is_varied: !self.plain,
        };
        let mut file = plan.draw().map_err(|error| CliError::Usage(format!("--first-address: {error}")))?;
        if self.terminals.is_some() {
            file = terminals::behind_terminals(file, self.first_terminal, !self.plain)?;
        }
        if let Some(path) = &self.archive {
            archive::write_archive(&file, path)?;
        }
        if let Some(path) = &self.config {
            archive::write_config(&file, path)?;
        }
        write!(out, "{}", text(&file)?)?;
        Ok(())
    }
}

fn text(file: &WorldFile) -> Result<String, CliError> {
    file.to_text().map_err(|error| CliError::Failed(error.to_string()))
}
