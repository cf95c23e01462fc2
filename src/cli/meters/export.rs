//! `chaobiao meters export`.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::EncodingName;
use crate::archive::{Encoding, Headings, write};
use crate::cli::CliError;
use crate::cli::database::Place;

#[derive(Debug, Args)]
#[command(
    after_help = "The file is UTF-8 with a mark by which spreadsheets know it. Nothing in it is escaped, so that it \
is read back as it is: what would run as a formula is refused when it is brought in.\n\n\
Exit code: 0 written, 1 not, 2 wrong usage or configuration.\n\n\
Example: chaobiao meters export meters.csv -c chaobiao.toml"
)]
pub(super) struct Export {
    /// The file, which must not be there yet; standard output when left out
    file: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
    /// How it is written
    #[arg(long, default_value = "utf-8")]
    encoding: EncodingName,
    /// Name columns and classes in English
    #[arg(long)]
    english: bool,
}

impl Export {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let entries = self.place.there()?.archive().await?;
        let headings = if self.english { Headings::English } else { Headings::Chinese };
        let encoding = Encoding::from(self.encoding);
        let bytes = write(&entries, headings, encoding).ok_or_else(|| {
            CliError::Failed(format!(
                "some of the text cannot be written in {0} without loss; use --encoding utf-8  \
                 部分文字无法用 {0} 编码，请使用 --encoding utf-8",
                encoding.name()
            ))
        })?;
        match &self.file {
            Some(file) => {
                let failed = |error| CliError::Failed(format!("{}: {error}", file.display()));
                std::fs::File::create_new(file)
                    .and_then(|mut made| made.write_all(&bytes))
                    .map_err(failed)?;
                let count = entries.len();
                super::super::talk(&format!(
                    "{count} meter{} written  已写出 {count} 只电能表",
                    if count == 1 { "" } else { "s" }
                ));
            }
            // Not through the writer of the other commands, which takes colours out and knows UTF-8 only.
            None => std::io::stdout().lock().write_all(&bytes)?,
        }
        Ok(())
    }
}
