//! Entries to the text of a file that says the same when it is read.

use super::column::Column;
use super::encoding::{Encoding, encode};
use super::word::Word;
use crate::config::shortened;
use crate::domain::{ArchiveEntry, Coded, Item, MeterPath, Moment, PointRole, Transformers};

/// In which language a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Headings {
    /// Chinese.
    Chinese,
    /// English.
    English,
}

/// The file that says what the entries say. `None` when it cannot be written in the encoding without loss.
#[must_use]
pub fn write<'a>(
    entries: impl IntoIterator<Item = &'a ArchiveEntry>,
    headings: Headings,
    encoding: Encoding,
) -> Option<Vec<u8>> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    let heading = |column: Column| match headings {
        Headings::Chinese => column.zh(),
        Headings::English => column.en(),
    };
    // Writing to memory cannot fail.
    writer.write_record(columns().map(heading)).ok()?;
    for entry in entries {
        writer
            .write_record(columns().map(|column| cell(entry, column, headings).unwrap_or_default()))
            .ok()?;
    }
    let text = String::from_utf8(writer.into_inner().ok()?).ok()?;
    encode(&text, encoding)
}

/// All but the multiplier, which the transformers say.
fn columns() -> impl Iterator<Item = Column> {
    Column::ALL.iter().map(|(column, ..)| *column).filter(|column| *column != Column::Multiplier)
}

/// What an entry says in a column, for a message.
pub(super) fn shown(entry: &ArchiveEntry, column: Column) -> Option<String> {
    cell(entry, column, Headings::English).map(|text| shortened(&text)).filter(|text| !text.is_empty())
}

fn cell(entry: &ArchiveEntry, column: Column, headings: Headings) -> Option<String> {
    let (customer, point, meter) = (&entry.customer, &entry.point, &entry.meter);
    match column {
        Column::CustomerNumber => Some(customer.number.clone()),
        Column::CustomerName => Some(customer.name.clone()),
        Column::CustomerClass => Some(word(customer.class?, headings)),
        Column::PointNumber => Some(point.number.clone()),
        Column::MeterAddress => Some(meter.address.to_string()),
        Column::AssetNumber => meter.asset_number.clone(),
        Column::Protocol => Some(meter.protocol.name().to_owned()),
        Column::Profile => meter.profile.clone(),
        Column::Line | Column::Terminal | Column::MeasuringPoint | Column::TerminalPort => {
            path(&meter.path, column)
        }
        Column::Baud => rate(&meter.path).0.map(|baud| baud.to_string()),
        Column::Parity => Some(word(rate(&meter.path).1?, headings)),
        Column::Ct => Some(entry.transformers?.ct.to_string()),
        Column::Vt => Some(entry.transformers?.vt.to_string()),
        Column::Multiplier => entry.transformers.and_then(multiplier),
        Column::TransformerArea => point.area.clone(),
        Column::Feeder => entry.feeder.clone(),
        Column::Route => point.route.clone(),
        Column::ReadingDay => Some(entry.reading_day?.to_string()),
        Column::Role => (point.role != PointRole::Customer).then(|| word(point.role, headings)),
        Column::InstalledAt => entry.installed_at.map(moment),
        Column::FirstReading => entry.first_reading.map(energy),
        Column::Protected => protected(entry).map(|is| yes_or_no(is, headings)),
        Column::ProtectionReason => point.protection.clone(),
    }
}

fn word<T: Word>(member: T, headings: Headings) -> String {
    match headings {
        Headings::Chinese => member.chinese(),
        Headings::English => member.name(),
    }
    .to_owned()
}

fn path(path: &MeterPath, column: Column) -> Option<String> {
    match (path, column) {
        (MeterPath::Line { line, .. }, Column::Line) => Some(line.clone()),
        (MeterPath::Terminal { terminal, .. }, Column::Terminal) => Some(terminal.clone()),
        (MeterPath::Terminal { measuring_point, .. }, Column::MeasuringPoint) => {
            Some(measuring_point.to_string())
        }
        (MeterPath::Terminal { port, .. }, Column::TerminalPort) => port.map(|port| port.to_string()),
        _ => None,
    }
}

const fn rate(path: &MeterPath) -> (Option<u32>, Option<crate::domain::Parity>) {
    match path {
        MeterPath::Line { baud, parity, .. } | MeterPath::Terminal { baud, parity, .. } => (*baud, *parity),
    }
}

fn multiplier(transformers: Transformers) -> Option<String> {
    transformers.multiplier().ok().map(|multiplier| multiplier.to_string())
}

const fn protected(entry: &ArchiveEntry) -> Option<bool> {
    match (&entry.point.protection, entry.is_unprotected) {
        (Some(_), _) => Some(true),
        (None, true) => Some(false),
        (None, false) => None,
    }
}

fn yes_or_no(is: bool, headings: Headings) -> String {
    match (is, headings) {
        (true, Headings::Chinese) => "是",
        (false, Headings::Chinese) => "否",
        (true, Headings::English) => "yes",
        (false, Headings::English) => "no",
    }
    .to_owned()
}

/// The day, with the time only where there is one.
fn moment(at: Moment) -> String {
    let text = at.in_china().to_string();
    let text = match at.micros().rem_euclid(1_000_000) {
        0 => text,
        fraction => format!("{text}.{fraction:06}"),
    };
    text.strip_suffix(" 00:00:00").map_or_else(|| text.clone(), str::to_owned)
}

fn energy(scaled: i64) -> String {
    let quantity = Item::parse("1.8.0").map(|item| item.quantity(scaled));
    quantity.map(|quantity| quantity.rescaled(2).unwrap_or(quantity).to_string()).unwrap_or_default()
}
