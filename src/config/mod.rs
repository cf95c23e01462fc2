//! The configuration file: TOML, one section a file here, read key by key into checked types.
//!
//! A configuration is used only when it has no fault. All faults of a file are told together, each with its line, its
//! key, what stands there and what to do ([`Fault`]); a key or section that is not known is a fault. Secrets never stand
//! in the file, which names files that hold them. What holds in the end, by the file or by default, is in
//! [`Loaded::effective`]. Relative paths begin at the directory of the file.
//!
//! The only I/O is reading files: the configuration, what it names as a secret, and the meter profiles. Asking whether
//! a database answers or a port exists is left to those who use them.

mod address;
mod alarm;
mod audit;
mod billing;
mod capture;
mod collection;
mod database;
mod dtu;
mod effective;
mod fault;
mod http;
mod in_force;
mod intervals;
mod limit;
mod line;
mod log;
mod looser;
mod metrics;
mod nearest;
mod on_demand;
mod pace;
mod ports;
pub mod profile;
mod secret_file;
mod secrets;
mod section;
mod setting;
mod size;
mod supply;
mod terminal;
mod time;
mod words;

use std::fmt;
use std::path::{Path, PathBuf};

pub use address::HostPort;
pub use alarm::{AlarmChannel, AlarmWay, Alarms, Mail, MailEncryption, Robot, Webhook, WebhookUrl};
pub use audit::Audit;
pub use billing::{Billing, BillingReceiver, HttpReceiver, KnownBy, LEDGER, Pin, ReceiverUrl, ReceiverWay};
pub use capture::Capture;
pub use collection::Collection;
pub use database::{Database, DatabasePlace, DatabaseUrl};
pub use dtu::Dtu;
pub use effective::{Effective, Listing};
pub use fault::{Fault, FaultKind, shortened};
pub use http::Http;
pub use in_force::{InForce, SECRET_FILES, in_force};
pub use intervals::{IntervalMode, Intervals};
pub use line::{Framing, Line, LinePlace, RATES};
pub use log::{Log, LogFormat, LogLevel};
pub use looser::Looser;
pub use metrics::Metrics;
pub use on_demand::OnDemand;
pub use pace::{Pace, pace_of};
pub use secret_file::Secret;
pub use secrets::{KEY_BYTES, KeyFile, KeyFileError, Secrets};
pub use size::ByteSize;
pub use supply::Supply;
pub use terminal::{Confirm, TerminalDial, TerminalTls, Terminals};
pub use time::{NoDuration, NoTimeOfDay, TimeOfDay, duration};
pub use words::Words;

use ports::Ports;
use profile::Profiles;
use section::{Section, Source};

/// An example with every key explained.
pub const EXAMPLE: &str = include_str!("../../deploy/chaobiao.toml");

/// A checked configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where everything is kept.
    pub database: Database,
    /// The lines, in the order of the file.
    pub lines: Vec<Line>,
    /// The port that DTUs dial.
    pub dtu: Dtu,
    /// The port that concentrators dial.
    pub terminals: Terminals,
    /// The nightly run.
    pub collection: Collection,
    /// Load curves.
    pub intervals: Intervals,
    /// Reads that somebody waits for.
    pub on_demand: OnDemand,
    /// The hand-off to the ledger.
    pub billing: Billing,
    /// Who is given the same besides, in the order of the file.
    pub receivers: Vec<BillingReceiver>,
    /// What is worth an alarm, and where alarms go.
    pub alarms: Alarms,
    /// Meter profiles.
    pub profiles: Profiles,
    /// Under what passwords of meters are kept.
    pub secrets: Secrets,
    /// What the program says about itself.
    pub log: Log,
    /// Files of frames.
    pub capture: Capture,
    /// The console and the API.
    pub http: Http,
    /// What machines are told that watch the process.
    pub metrics: Metrics,
    /// Where the end of the audit log is noted.
    pub audit: Audit,
    /// Cutting and restoring supply.
    pub supply: Supply,
}

/// A configuration and where each value comes from.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Every key with what holds for it.
    pub effective: Vec<Effective>,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("configuration {} cannot be read (`chaobiao config example` prints one to begin with)  配置文件无法读取（可用 chaobiao config example 生成示例）", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// It is not in UTF-8.
    #[error(
        "{}:{line}: this is not UTF-8: save the file as UTF-8  配置文件第 {line} 行不是 UTF-8 编码，请另存为 UTF-8", file.display()
    )]
    NotUtf8 {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// It has faults.
    #[error("{0}")]
    Faulty(Faults),
}

impl ConfigError {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "unreadable",
            Self::NotUtf8 { .. } => "not_utf8",
            Self::Faulty(_) => "faulty",
        }
    }
}

/// All faults of a configuration, never none.
#[derive(Debug)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        let noun = if count == 1 { "fault" } else { "faults" };
        write!(f, "the configuration has {count} {noun}  配置有 {count} 处错误")?;
        self.0.iter().try_for_each(|fault| write!(f, "\n{fault}"))
    }
}

impl Config {
    /// Reads and checks the file.
    ///
    /// # Errors
    /// [`ConfigError`] with every fault that the file has.
    pub fn load(file: &Path) -> Result<Loaded, ConfigError> {
        let unreadable = |source| ConfigError::Unreadable { file: file.to_owned(), source };
        match String::from_utf8(std::fs::read(file).map_err(unreadable)?) {
            Ok(text) => Self::parse(file, &text),
            Err(error) => {
                let before = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
                let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
                Err(ConfigError::NotUtf8 { file: file.to_owned(), line })
            }
        }
    }

    /// Checks the text of a file of this name.
    ///
    /// # Errors
    /// [`ConfigError::Faulty`] with every fault in it.
    pub fn parse(file: &Path, text: &str) -> Result<Loaded, ConfigError> {
        let base = file.parent().unwrap_or_else(|| Path::new(""));
        let source = Source::new(file, text);
        let ((config, of_profiles), mut faults, effective) = source.read(|root| Self::read(root, base));
        faults.extend(of_profiles);
        if faults.is_empty() {
            Ok(Loaded { config, effective })
        } else {
            Err(ConfigError::Faulty(Faults(faults)))
        }
    }

    /// Reads all sections; the faults of the profiles, which are files of their own, come beside.
    fn read(root: &mut Section<'_>, base: &Path) -> (Self, Vec<Fault>) {
        let database = root.section("database", |section| Database::read(section, base));
        let mut ports = Ports::default();
        let dtu = root.section("dtu", |section| {
            let dtu = Dtu::read(section);
            ports.take(section, "[dtu] listen", dtu.listen);
            dtu
        });
        let lines = line::read_all(root, dtu.listen.is_some());
        let mut terminals = root.section("terminals", |section| {
            let terminals = Terminals::read(section, base);
            ports.take(section, "[terminals] listen", terminals.listen);
            terminals
        });
        terminals.dial = terminal::read_dials(root);
        let collection = root.section("collection", Collection::read);
        let intervals = root.section("intervals", Intervals::read);
        let on_demand = root.section("on_demand", OnDemand::read);
        let (billing, receivers) = root.section("billing", |section| {
            let billing = Billing::read(section);
            (billing, billing::read_receivers(section, billing.lease, base))
        });
        let alarms = Alarms::read(root, base);
        let (profiles, faults) = root.section("profiles", |section| Profiles::read(section, base));
        let secrets = root.section("secrets", |section| Secrets::read(section, base));
        let log = root.section("log", Log::read);
        let capture = root.section("capture", |section| Capture::read(section, base));
        let http = root.section("http", |section| {
            let http = Http::read(section);
            ports.take(section, "[http] listen", http.enabled.then_some(http.listen));
            http
        });
        // Never that of the console, where everybody comes (T21).
        let metrics = root.section("metrics", |section| {
            let metrics = Metrics::read(section);
            // One that nobody wrote down gives way when the site is served.
            let written = metrics.listen.filter(|_| section.has("listen"));
            ports.take(section, "[metrics] listen", written);
            metrics
        });
        let audit = root.section("audit", |section| Audit::read(section, base));
        let supply = root.section("supply", |section| Supply::read(section, base));
        let config = Self {
            database,
            lines,
            dtu,
            terminals,
            collection,
            intervals,
            on_demand,
            billing,
            receivers,
            alarms,
            profiles,
            secrets,
            log,
            capture,
            http,
            metrics,
            audit,
            supply,
        };
        (config, faults)
    }
}

#[cfg(test)]
mod tests;
