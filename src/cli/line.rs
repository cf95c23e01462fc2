//! What every command that asks a meter directly is told: which line, how long to wait, what to show.

use std::time::Duration;

use clap::Args;
use dlt645::exchange::Timing;

use crate::config;
use crate::domain::Parity;
use crate::link::{Place, Rate};

/// The flags of every command that asks a meter directly.
#[derive(Debug, Args)]
pub(super) struct AskArgs {
    #[command(flatten)]
    line: LineArgs,
    /// How long to wait for the first byte of an answer
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = config::duration)]
    pub(super) timeout: Duration,
    /// How often to ask again after silence
    #[arg(long, default_value_t = 2)]
    pub(super) retries: u8,
    /// Print one JSON object a line
    #[arg(long)]
    pub(super) json: bool,
    /// Show both directions in hexadecimal with times and meaning, on standard error
    #[arg(long)]
    pub(super) trace: bool,
}

/// Which line, and how it is set.
#[derive(Debug, Args)]
struct LineArgs {
    #[command(flatten)]
    path: PathArgs,
    /// Speed of the line, bits a second; by default 2400, or what the profile says where one is given
    #[arg(long, value_parser = clap::value_parser!(u32).range(300..=115_200))]
    baud: Option<u32>,
    /// Parity of the serial port; by default even, or what the profile says where one is given
    #[arg(long, value_enum)]
    parity: Option<ParityArg>,
}

/// The path to a line: one of the two.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct PathArgs {
    /// Host and port of a serial server or a simulator
    #[arg(long, value_name = "HOST:PORT", value_parser = host_and_port)]
    tcp: Option<String>,
    /// Serial port
    #[arg(long, value_name = "DEV")]
    serial: Option<String>,
}

fn host_and_port(text: &str) -> Result<String, String> {
    let port =
        text.rsplit_once(':').filter(|(host, _)| !host.is_empty()).map(|(_, port)| port.parse::<u16>());
    match port {
        Some(Ok(port)) if port > 0 => Ok(text.to_owned()),
        _ => Err("expected HOST:PORT, the port from 1 to 65535  应为 主机:端口，端口 1 至 65535".to_owned()),
    }
}

/// A parity on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum ParityArg {
    Even,
    Odd,
    None,
}

impl From<ParityArg> for Parity {
    fn from(parity: ParityArg) -> Self {
        match parity {
            ParityArg::Even => Self::Even,
            ParityArg::Odd => Self::Odd,
            ParityArg::None => Self::None,
        }
    }
}

impl AskArgs {
    pub(super) fn place(&self) -> Place {
        self.line.path.place(self.rate(PLAIN))
    }

    /// What the line is set to: what is said here goes before what is usual.
    pub(super) fn rate(&self, usual: Rate) -> Rate {
        Rate {
            baud: self.line.baud.unwrap_or(usual.baud),
            parity: self.line.parity.map_or(usual.parity, Parity::from),
        }
    }

    pub(super) const fn path(&self) -> &PathArgs {
        &self.line.path
    }

    /// Whether a line that is set like this is what was asked for.
    pub(super) fn fits(&self, rate: Rate) -> bool {
        self.rate(rate) == rate
    }

    pub(super) fn timing(&self) -> Timing {
        let baud = self.rate(PLAIN).baud;
        Timing { first_byte: self.timeout, retries: self.retries, ..Timing::serial(baud) }
    }
}

impl PathArgs {
    /// The line, set to a rate where that is ours to set.
    pub(super) fn place(&self, rate: Rate) -> Place {
        match (&self.tcp, &self.serial) {
            (Some(address), _) => Place::Tcp(address.clone()),
            (None, device) => Place::Serial { device: device.clone().unwrap_or_default(), rate },
        }
    }

    /// True for a port whose rate is ours to set.
    pub(super) const fn is_serial(&self) -> bool {
        self.serial.is_some()
    }
}

/// What meters of DL/T 645 are delivered with.
pub(super) const PLAIN: Rate = Rate { baud: 2400, parity: Parity::Even };
