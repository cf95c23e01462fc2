//! `chaobiao config`: judge a configuration file, and show one.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::CliError;
use crate::clock::Clock;
use crate::collect::unobtainable;
use crate::config::{
    Config, ConfigError, EXAMPLE, Effective, Fault, FaultKind, Faults, Listing, Loaded, Words,
};
use crate::telemetry::with_causes;
use crate::terminal::{Terminals, TlsError};

/// Check a configuration file, or print an example
#[derive(Debug, Args)]
pub(super) struct ConfigCommand {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Say everything that is wrong with a file; without fault, print every value that holds, and what some meters cannot give
    Check(Check),
    /// Print a file with every key, its default and its limits explained in both languages
    #[command(after_help = "Example: chaobiao config example > chaobiao.toml")]
    Example,
}

#[derive(Debug, Args)]
#[command(after_help = "Exit code: 0 without fault, 2 with any. Secrets are not printed.\n\n\
Example: chaobiao config check -c chaobiao.toml")]
struct Check {
    /// The file
    #[arg(short, long, value_name = "FILE", default_value = "chaobiao.toml")]
    config: PathBuf,
    /// Print one JSON object a line, for each value that holds or for each fault
    #[arg(long)]
    json: bool,
}

/// A fault as JSON.
#[derive(Serialize)]
struct FaultPiece<'a> {
    file: String,
    line: Option<usize>,
    key: &'a str,
    value: Option<&'a str>,
    kind: &'static str,
    message: String,
    message_zh: String,
}

/// A value as JSON.
#[derive(Serialize)]
struct ValuePiece<'a> {
    section: &'a str,
    key: &'static str,
    value: Option<&'a str>,
    is_default: bool,
}

impl ConfigCommand {
    pub(super) fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        match self.what {
            What::Check(check) => check.run(out),
            What::Example => Ok(write!(out, "{EXAMPLE}")?),
        }
    }
}

impl Check {
    fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        match self.judged() {
            Ok(loaded) => {
                if self.json {
                    let mut pieces = loaded.effective.iter().map(ValuePiece::of);
                    pieces.try_for_each(|piece| super::write_json(out, &piece))?;
                } else {
                    write!(out, "{}", Listing(&loaded.effective))?;
                }
                out.flush()?;
                for Words { en, zh } in unobtainable(&loaded.config) {
                    super::talk(&format!("warning: {en}\n注意：{zh}"));
                }
                Ok(())
            }
            Err(error) => {
                if let (ConfigError::Faulty(faults), true) = (&error, self.json) {
                    faults.0.iter().try_for_each(|fault| super::write_json(out, &FaultPiece::of(fault)))?;
                    out.flush()?;
                }
                Err(config_error(&error))
            }
        }
    }
}

impl Check {
    /// The configuration, if it and the files of TLS that it names are without fault.
    fn judged(&self) -> Result<Loaded, ConfigError> {
        let loaded = Config::load(&self.config)?;
        match Terminals::check(&loaded.config.terminals, Clock::system().now()) {
            Ok(()) => Ok(loaded),
            Err(error) => Err(ConfigError::Faulty(Faults(vec![self.of_tls(error)]))),
        }
    }

    /// What is wrong with the files of TLS, as a fault of the key that names them.
    fn of_tls(&self, error: TlsError) -> Fault {
        let (key, value, kind) = match error {
            TlsError::Revoked { path, fault } => ("tls_revoked", Some(path), fault),
            error => {
                let said = with_causes(&error);
                let (en, zh) =
                    ("a certificate, its key and an authority that go together", "相互匹配的证书、私钥和 CA");
                let words = Words::new(format!("{en}: {said}"), format!("{zh}：{said}"));
                ("tls_certificate", None, FaultKind::Content(words))
            }
        };
        let text = std::fs::read_to_string(&self.config).unwrap_or_default();
        let line = (1..).zip(text.lines()).find(|(_, line)| line.trim_start().starts_with(key));
        Fault {
            file: self.config.clone(),
            line: line.map(|(number, _)| number),
            key: format!("terminals.{key}"),
            value: value.map(|path| format!("\"{}\"", path.display())),
            kind,
        }
    }
}

/// A bad configuration as the end of any command.
pub(super) fn config_error(error: &ConfigError) -> CliError {
    use std::error::Error;
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    CliError::Usage(format!("{error}{cause}"))
}

impl<'a> FaultPiece<'a> {
    fn of(fault: &'a Fault) -> Self {
        let words = fault.kind.words();
        Self {
            file: fault.file.display().to_string(),
            line: fault.line,
            key: &fault.key,
            value: fault.value.as_deref(),
            kind: fault.kind(),
            message: words.en,
            message_zh: words.zh,
        }
    }
}

impl<'a> ValuePiece<'a> {
    fn of(value: &'a Effective) -> Self {
        Self {
            section: &value.section,
            key: value.key,
            value: value.value.as_deref(),
            is_default: value.is_default,
        }
    }
}
