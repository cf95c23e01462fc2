//! The table of a file: one line for each version.

use csv::{ReaderBuilder, StringRecord, WriterBuilder};
use dlt645::quantity::Quantity;

use crate::billing::tallies::scaled;
use crate::domain::{BillingKind, Coded, Day, Item};
use crate::store::billing::OutboxRecord;

/// The columns, in order.
pub(super) const COLUMNS: [&str; 11] =
    ["key", "kind", "point", "item", "tariff", "day", "version", "value", "unit", "quality", "read_at"];

/// A line as it is written.
pub(super) fn line(record: &OutboxRecord) -> StringRecord {
    let OutboxRecord { text, key, point_number, version, content, .. } = record;
    let value = content.value.map(|(value, _)| Quantity::new(value, key.decimals()).to_string());
    let quality = content.value.map_or("", |(_, quality)| quality.name());
    let cells: [String; COLUMNS.len()] = [
        inert(text),
        key.kind.name().to_owned(),
        inert(point_number),
        key.item.code().to_string(),
        key.item.tariff().to_string(),
        key.day.to_string(),
        version.to_string(),
        value.unwrap_or_default(),
        key.item.unit().to_owned(),
        quality.to_owned(),
        content.read_at.map(|at| at.to_string()).unwrap_or_default(),
    ];
    StringRecord::from(cells.to_vec())
}

/// What is said of a value in a line that was read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ReadLine {
    pub(super) point: String,
    pub(super) kind: BillingKind,
    pub(super) item: Item,
    pub(super) day: Day,
    pub(super) version: i64,
    /// In the last decimal of kind and item; nothing for a version that takes back.
    pub(super) value: Option<i64>,
}

/// A line that was read back; `None` for what we would not have written.
pub(super) fn read(cells: &StringRecord) -> Option<ReadLine> {
    if cells.len() != COLUMNS.len() {
        return None;
    }
    let mut cells = cells.iter().skip(1);
    let kind = BillingKind::from_name(cells.next()?)?;
    let point = plain(cells.next()?).to_owned();
    let item = Item::parse(cells.next()?)?;
    let _tariff = cells.next()?;
    let day = cells.next()?.parse().ok()?;
    let version = cells.next()?.parse().ok()?;
    let value = match cells.next()? {
        "" => None,
        text => Some(i64::try_from(scaled(text, kind.decimals(item))?).ok()?),
    };
    Some(ReadLine { point, kind, item, day, version, value })
}

/// A file of these lines: UTF-8 with a mark by which spreadsheets know it.
pub(super) fn bytes<'a>(lines: impl IntoIterator<Item = &'a StringRecord>) -> Result<Vec<u8>, csv::Error> {
    let mut writer =
        WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(MARK.as_bytes().to_vec());
    writer.write_record(COLUMNS)?;
    for line in lines {
        writer.write_record(line)?;
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}

/// The lines of a file; the number of a line that cannot be read where there is one.
pub(super) fn lines(bytes: &[u8]) -> Result<Vec<StringRecord>, u64> {
    let bytes = bytes.strip_prefix(MARK.as_bytes()).unwrap_or(bytes);
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
    let mut lines = Vec::new();
    for (place, line) in reader.records().enumerate() {
        let number = u64::try_from(place).unwrap_or(u64::MAX).saturating_add(1);
        let line = line.map_err(|_| number)?;
        if place == 0 && line.iter().ne(COLUMNS) {
            return Err(number);
        }
        if place > 0 {
            lines.push(line);
        }
    }
    Ok(lines)
}

/// A text that no spreadsheet runs as a formula. (T13)
fn inert(text: &str) -> String {
    if is_run(text) { format!("'{text}") } else { text.to_owned() }
}

/// The text that was made inert.
fn plain(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|text| is_run(text)).unwrap_or(cell)
}

fn is_run(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r', '\''])
}

const MARK: &str = "\u{FEFF}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t13_no_spreadsheet_runs_a_number_of_a_point_and_it_is_read_back() {
        for text in ["=1+1", "+1", "-1", "@a", "'x", "P1", "", "a=b"] {
            let written = inert(text);
            assert!(!written.starts_with(['=', '+', '-', '@']), "{written}");
            assert_eq!(plain(&written), text);
        }
    }
}
