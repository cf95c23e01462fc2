//! `chaobiao di`: the dictionary of data identifiers.

use std::io::Write;
use std::str::FromStr;

use clap::Args;
use dlt645::catalog::{self, Access, Item, ItemCode, Row, Shape};
use dlt645::data_id::DataId;
use serde::Serialize;

use super::CliError;

/// Look up data identifiers by code, by item or by words
#[derive(Debug, Args)]
#[command(
    after_help = "Examples: chaobiao di 00010000    chaobiao di 正向有功    chaobiao di daily freeze\n\
          chaobiao di 0506        all identifiers that begin so\n\
          chaobiao di 1.8.0       all that give an item, by its OBIS code"
)]
pub(super) struct Di {
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
    /// An identifier (8 digits, or 4 of the 1997 edition), the beginning of one, an item (1.8.0), or words of its name
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
            None => match words.parse::<ItemName>() {
                Ok(item) => catalog::rows().iter().filter(|row| item.is_of(row)).map(row).collect(),
                Err(()) => catalog::search(&words).map(row).collect(),
            },
        };
        if found.is_empty() {
            return Err(CliError::Unknown(format!(
                "no identifier fits {words:?}  没有匹配的数据标识：{words}"
            )));
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

/// An item as a person writes it: `1.8.0`, `1-0:1.8.0`.
struct ItemName(ItemCode);

impl FromStr for ItemName {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let item = Item::parse(text.strip_prefix("1-0:").unwrap_or(text)).ok_or(())?;
        item.e.map(|tariff| Self(item.with_tariff(tariff))).ok_or(())
    }
}

impl ItemName {
    /// Whether the row gives the item, by itself or among others.
    fn is_of(&self, row: &Row) -> bool {
        let Shape::Fields(layout) = &row.shape else { return false };
        let mut items = layout.groups.iter().flat_map(|group| &group.fields).filter_map(|field| field.item);
        items.any(|item| {
            let is_same = (item.c, item.d) == (self.0.c, self.0.d);
            // Where the tariff is left open the identifier or the place says which.
            is_same && item.e.is_none_or(|tariff| tariff == self.0.e)
        })
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
