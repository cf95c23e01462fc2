//! The command line, one file per command. Data go to standard output, talk to standard error; exit code 0 is done, 1
//! the thing asked did not work, 2 wrong usage or configuration.

mod abouts;
mod asker;
mod audit;
mod audit_log;
mod backup;
mod billing;
mod change;
mod china_time;
mod clock_reading;
mod collect;
mod config;
mod database;
mod decode;
#[cfg(feature = "simulator")]
mod demo;
mod di;
mod doctor;
mod events;
mod faults;
mod freeze;
mod line;
mod load_profile;
mod machine_clock;
mod meters;
mod migrate;
mod orders;
mod owner;
mod progress;
mod read;
mod readings;
mod registers;
mod restore;
mod scan;
mod secrets;
mod serve;
mod service;
#[cfg(feature = "simulator")]
mod simulate;
mod stop;
mod summary;
mod time;
mod trace;
mod trouble;
mod usage;
mod user;
mod watch;
mod who;

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::archive::MOST_BYTES;
use crate::telemetry::with_causes;

/// Automatic meter reading for DL/T 645 electricity meters (抄表).
#[derive(Debug, Parser)]
#[command(name = "chaobiao", version, about, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// A simulated neighbourhood and its night: collected, judged, stored and handed to billing while you watch
    #[cfg(feature = "simulator")]
    Demo(demo::Demo),
    /// Serve a site: nights, curves and the hand-off to billing, until it is stopped
    Serve(serve::Serve),
    /// Collect the night of a day now, and hand it to billing
    Collect(collect::Collect),
    /// Bring the archive of meters in from a file, or write it to one
    Meters(meters::Meters),
    /// Bring in what people have read, for another person to confirm
    Readings(Box<readings::Readings>),
    /// Keep passwords of meters, sealed under a key file; say where factory passwords are
    Secrets(secrets::Secrets),
    /// What was handed to billing, what waits, what is open; offer it again, compare both sides
    Billing(Box<billing::BillingCommand>),
    /// Supply orders: see them, ask for cuts, give supply back, stop all cuts, bring in what the rules go by
    Orders(Box<orders::OrdersCommand>),
    /// The meters that cannot bear out the clock of this machine; confirm it once you have compared it with a time service
    Clock(machine_clock::MachineClock),
    /// Make, list, disable and reset accounts of the console and the API
    User(user::UserCommand),
    /// Verify the audit log, or write it out
    Audit(audit_log::AuditCommand),
    /// Copy a site, while it is served, into a folder that `restore` takes
    Backup(backup::Backup),
    /// Put a site back from a backup, where nothing is yet
    Restore(restore::Restore),
    /// Bring the tables of the database up to this version, or make them
    Migrate(migrate::Migrate),
    /// Look whether a site can do its work here, and say what to do where it cannot
    Doctor(doctor::Doctor),
    /// Read one meter directly, without a database
    Read(read::Read),
    /// Find out who is on this bus: addresses, edition, rate, clock and energy
    Scan(scan::Scan),
    /// Read a meter's clock and say how far it is off; with --set, set it
    Time(Box<time::Time>),
    /// Read what a meter froze, such as the registers of midnight; with --now, have it freeze
    Freeze(Box<freeze::Freeze>),
    /// Read the load records between two times, holes shown as holes
    LoadProfile(load_profile::LoadProfile),
    /// Read what happened to a meter: how often each kind of event did, and the last records
    Events(events::Events),
    /// Explain bytes pasted from a serial tool: every frame, the garbage between, what is wrong with a bad one
    Decode(decode::Decode),
    /// Look up data identifiers by code or by words, in Chinese or English
    Di(di::Di),
    /// Simulated meters to read, on TCP ports and pseudo-terminals
    #[cfg(feature = "simulator")]
    Simulate(Box<simulate::Simulate>),
    /// Check a configuration file, or print an example
    Config(config::ConfigCommand),
}

/// Why a command ended without doing what was asked.
#[derive(Debug, thiserror::Error)]
enum CliError {
    /// The command line or the configuration cannot be understood.
    #[error("{0}")]
    Usage(String),
    /// What was given to work on is no good: rows of a file, pasted bytes, a file that cannot be read.
    #[error("{0}")]
    Data(String),
    /// What was named is not there.
    #[error("{0}")]
    Unknown(String),
    /// It was understood and did not work.
    #[error("{0}")]
    Failed(String),
    /// Reading or writing failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl CliError {
    /// The exit code, the same for all commands: 2 for wrong usage or configuration, 1 for all that did not work.
    const fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Data(_) | Self::Unknown(_) | Self::Failed(_) | Self::Io(_) => 1,
        }
    }
}

/// Runs the command the process was started with.
#[must_use]
pub fn run() -> ExitCode {
    let cli = match arguments() {
        Ok(cli) => cli,
        Err(error) => return wrong_usage(&error),
    };
    #[cfg(feature = "failpoints")]
    if let Err(error) = crate::failpoint::arm_from_environment() {
        talk(&with_causes(&error));
        return ExitCode::from(2);
    }
    let mut out = anstream::stdout().lock();
    let done = match cli.command {
        Command::Decode(decode) => decode.run(&mut out),
        Command::Di(di) => di.run(&mut out),
        Command::Meters(meters) => block_on(meters.run(&mut out)),
        Command::Readings(readings) => block_on(readings.run(&mut out)),
        Command::Secrets(secrets) => block_on(secrets.run(&mut out)),
        #[cfg(feature = "simulator")]
        Command::Demo(demo) => block_on_all(demo.run(&mut out)),
        Command::Collect(collect) => block_on_all(collect.run(&mut out)),
        Command::Serve(serve) => block_on_all(serve.run(&mut out)),
        Command::Read(read) => block_on(read.run(&mut out)),
        Command::Scan(scan) => block_on(scan.run(&mut out)),
        Command::Freeze(freeze) => block_on(freeze.run(&mut out)),
        Command::LoadProfile(load_profile) => block_on(load_profile.run(&mut out)),
        Command::Events(events) => block_on(events.run(&mut out)),
        Command::Time(time) => block_on(time.run(&mut out)),
        #[cfg(feature = "simulator")]
        Command::Simulate(simulate) => block_on(simulate.run(&mut out)),
        Command::Orders(orders) => block_on(orders.run(&mut out)),
        Command::Clock(clock) => block_on(clock.run(&mut out)),
        Command::User(user) => block_on(user.run(&mut out)),
        Command::Audit(audit) => block_on(audit.run(&mut out)),
        Command::Backup(backup) => block_on(backup.run(&mut out)),
        Command::Migrate(migrate) => block_on(migrate.run(&mut out)),
        Command::Doctor(doctor) => block_on(doctor.run(&mut out)),
        Command::Restore(restore) => block_on(restore.run(&mut out)),
        Command::Billing(billing) => block_on(billing.run(&mut out)),
        Command::Config(config) => config.run(&mut out),
    };
    match done.and_then(|()| Ok(out.flush()?)) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read our output has seen enough.
        Err(CliError::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            let mut talk = anstream::stderr().lock();
            // Nothing is left to do when standard error is gone, too.
            let _ = writeln!(talk, "chaobiao: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

/// The commands, each of which opens in both languages.
fn command() -> clap::Command {
    abouts::in_both(Cli::command())
}

fn arguments() -> Result<Cli, clap::Error> {
    let mut command = command();
    let matches = command.try_get_matches_from_mut(std::env::args_os())?;
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// Tells what is wrong with the arguments in both languages; or prints the help that was asked for.
fn wrong_usage(error: &clap::Error) -> ExitCode {
    // Nothing is left to do when nobody can be told.
    let _ = error.print();
    if let Some(zh) = usage::zh(error) {
        talk(&zh);
    }
    if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS }
}

/// Runs a command that waits for a line or for the network.
fn block_on<T>(task: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(task)
}

/// Runs a command that has many lines, on all cores.
fn block_on_all<T>(task: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(task)
}

/// A line to whoever watches; nothing is left to do when standard error is gone.
fn talk(line: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{line}");
}

/// What stands in a file that people wrote, as far as one may be long; who takes it apart says when it is longer.
fn file_of_people(file: &Path) -> Result<Vec<u8>, CliError> {
    let mut bytes = Vec::new();
    let most = u64::try_from(MOST_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    let read = File::open(file).and_then(|file| file.take(most).read_to_end(&mut bytes));
    read.map_err(|error| unreadable(file, &error))?;
    Ok(bytes)
}

/// A file of data that cannot be read, as the end of a command.
fn unreadable(file: &Path, error: &io::Error) -> CliError {
    let file = file.display();
    CliError::Data(match error.kind() {
        io::ErrorKind::NotFound => format!("{file}: there is no such file  没有此文件"),
        io::ErrorKind::PermissionDenied => format!("{file}: may not be read  无权读取"),
        io::ErrorKind::IsADirectory => format!("{file}: is a folder, not a file  是文件夹而不是文件"),
        _ => format!("{file}: cannot be read: {error}  无法读取"),
    })
}

/// One JSON object on a line of its own.
fn write_json(out: &mut impl Write, value: &impl serde::Serialize) -> Result<(), CliError> {
    serde_json::to_writer(&mut *out, value).map_err(io::Error::from)?;
    writeln!(out)?;
    Ok(())
}
