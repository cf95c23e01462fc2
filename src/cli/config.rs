//! `chaobiao config`: judge a configuration file, and show one.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::CliError;
use crate::collect::unobtainable;
use crate::config::{Config, ConfigError, EXAMPLE, Effective, Fault, Listing, Words};

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
        match Config::load(&self.config) {
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
