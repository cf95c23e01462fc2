//! `chaobiao meters`: the archive, from a file and to a file.

use std::io::Write;

use clap::{Args, Subcommand, ValueEnum};

use super::CliError;
use crate::archive::Encoding;

mod export;
mod import;

/// Bring the archive of meters in from a file, or write it to one
#[derive(Debug, Args)]
pub(super) struct Meters {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Take over a CSV file of meters, whole or not at all; everything wrong with it is told with line and column
    Import(Box<import::Import>),
    /// Write the archive as a CSV file that `meters import` reads
    Export(export::Export),
}

impl Meters {
    pub(super) async fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        match self.what {
            What::Import(import) => import.run(out).await,
            What::Export(export) => export.run().await,
        }
    }
}

/// How a file is written.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum EncodingName {
    /// UTF-8
    #[value(name = "utf-8")]
    Utf8,
    /// GBK, with all of GB 18030
    Gbk,
}

impl From<EncodingName> for Encoding {
    fn from(name: EncodingName) -> Self {
        match name {
            EncodingName::Utf8 => Self::Utf8,
            EncodingName::Gbk => Self::Gbk,
        }
    }
}
