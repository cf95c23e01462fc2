//! `chaobiao di`: the dictionary of data identifiers.

use std::io::Write;

use clap::Args;
use dlt645::catalog::{self, Access, Row};
use dlt645::data_id::DataId;
use serde::Serialize;

use super::CliError;

/// Look up data identifiers by code or by words
#[derive(Debug, Args)]
#[command(
    after_help = "Examples: chaobiao di 00010000    chaobiao di 正向有功    chaobiao di daily freeze\n\
          chaobiao di 0506        all identifiers that begin so"
)]
pub(super) struct Di {
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
    /// An identifier (8 digits, or 4 of the 1997 edition), the beginning of one, or words of its name
    #[arg(value_name = "CODE or WORDS", required = true)]
    words: Vec<String>,
}

/// One row, or one identifier of it, as it is printed.
#[derive(Serialize)]
struct Found {
    di: String,
    edition: u16,
    name: String,
    name_zh: String,
    unit: &'static str,
    bytes: &'static str,
    access: &'static str,
    confidence: char,
    #[serde(skip_serializing_if = "str::is_empty")]
    note: &'static str,
}

impl Di {
    pub(super) fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        let words = self.words.join(" ");
        let exact = words.parse::<DataId>().ok().and_then(catalog::find);
        let found: Vec<Found> = match exact {
            Some(entry) => {
                let row = row(entry.row);
                vec![Found {
                    di: entry.id.to_string(),
                    name: entry.name_en(),
                    name_zh: entry.name_zh(),
                    ..row
                }]
            }
            None => catalog::search(&words).map(row).collect(),
        };
        if found.is_empty() {
            return Err(CliError::Failed(format!("no identifier fits {words:?}")));
        }
        for found in &found {
            if self.json {
                super::write_json(out, found)?;
            } else {
                let Found { di, edition, name, name_zh, unit, bytes, access, note, .. } = found;
                let unit = if unit.is_empty() { String::new() } else { format!(", {unit}") };
                let note = if note.is_empty() { String::new() } else { format!("  ({note})") };
                writeln!(out, "{di:8}  {edition}  {name_zh}  {name}  [{bytes} bytes{unit}, {access}]{note}")?;
            }
        }
        Ok(())
    }
}

fn row(row: &'static Row) -> Found {
    Found {
        di: row.pattern.to_owned(),
        edition: row.edition().year(),
        name: row.name_en.to_owned(),
        name_zh: row.name_zh.to_owned(),
        unit: row.unit,
        bytes: row.bytes,
        access: match row.access {
            Access::Read => "read",
            Access::Write => "write",
            Access::ReadWrite => "read and write",
        },
        confidence: row.confidence,
        note: row.note,
    }
}
