//! A load profile as a table, as CSV and as JSON.

use std::io::Write;

use dlt645::meter_time::Civil;
use serde::Serialize;

use super::super::{CliError, china_time};
use super::LoadProfile;
use super::collect::Measured;
use super::slots::{Profile, Slot};

/// One slot, as it is printed.
#[derive(Serialize)]
struct Record<'a> {
    meter: &'a str,
    #[serde(serialize_with = "china_time::json")]
    at: String,
    state: &'static str,
    values: &'a [Measured],
}

/// The last line of JSON.
#[derive(Serialize)]
struct Summary<'a> {
    meter: &'a str,
    #[serde(serialize_with = "china_time::json")]
    from: String,
    #[serde(serialize_with = "china_time::json")]
    to: String,
    interval_minutes: Option<u16>,
    records: usize,
    holes: usize,
    faulty: usize,
    future_refused: usize,
    duplicates: usize,
    conflicts: usize,
    undated: usize,
    /// The whole span was read; it may have holes.
    complete: bool,
}

pub(super) fn show(asked: &LoadProfile, out: &mut impl Write, profile: &Profile) -> Result<(), CliError> {
    let meter = asked.meter.to_string();
    if asked.ask.json {
        return json(out, &meter, profile);
    }
    if asked.csv {
        return csv(out, &meter, profile);
    }
    table(out, &meter, profile)
}

fn json(out: &mut impl Write, meter: &str, profile: &Profile) -> Result<(), CliError> {
    for (at, slot) in &profile.slots {
        let values: &[Measured] = if let Slot::Record(values) = slot { values } else { &[] };
        super::super::write_json(out, &Record { meter, at: minutes(*at), state: slot.state(), values })?;
    }
    let (from, to) = profile.span;
    let summary = Summary {
        meter,
        from: minutes(from),
        to: minutes(to),
        interval_minutes: profile.interval,
        records: profile.count("ok"),
        holes: profile.count("hole"),
        faulty: profile.count("faulty"),
        future_refused: profile.future,
        duplicates: profile.duplicates,
        conflicts: profile.conflicts,
        undated: profile.undated,
        complete: profile.broke.is_none(),
    };
    super::super::write_json(out, &summary)
}

fn csv(out: &mut impl Write, meter: &str, profile: &Profile) -> Result<(), CliError> {
    // Spreadsheets know UTF-8 by this mark only.
    write!(out, "\u{feff}meter,time,item,name,name_zh,value,unit,state\r\n")?;
    for (at, slot) in &profile.slots {
        let (at, state) = (minutes(*at), slot.state());
        let Slot::Record(values) = slot else {
            write!(out, "{meter},{at},,,,,,{state}\r\n")?;
            continue;
        };
        for value in values {
            let item = value.item.as_deref().unwrap_or_default();
            let unit = value.unit.unwrap_or_default();
            let (name, name_zh) = (quoted(&value.name), quoted(&value.name_zh));
            let state = if value.value.is_some() { state } else { "no value" };
            let number = value.value.as_deref().unwrap_or_default();
            write!(out, "{meter},{at},{item},{name},{name_zh},{number},{unit},{state}\r\n")?;
        }
    }
    Ok(())
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

fn table(out: &mut impl Write, meter: &str, profile: &Profile) -> Result<(), CliError> {
    let (from, to) = profile.span;
    let interval = profile.interval.map(|minutes| format!(", every {minutes} min")).unwrap_or_default();
    let counted = |state: &str, word: &str| match profile.count(state) {
        0 => String::new(),
        count => format!(", {count} {word}"),
    };
    writeln!(
        out,
        "{meter}  load records  负荷记录  {} to {}{interval}: {} records{}{}",
        minutes(from),
        minutes(to),
        profile.count("ok"),
        counted("hole", "missing  缺失"),
        counted("faulty", "faulty  无效"),
    )?;
    for class in 1..=6 {
        let columns = columns(profile, class);
        if !columns.is_empty() {
            class_table(out, profile, class, &columns)?;
        }
    }
    if profile.is_empty() {
        return Ok(());
    }
    missing(out, profile)
}

/// The values of one class, in the order of the record.
fn columns(profile: &Profile, class: u8) -> Vec<&Measured> {
    let of_class = |slot: &'_ Slot| match slot {
        Slot::Record(values) => values.iter().any(|value| value.class == class),
        _ => false,
    };
    match profile.slots.values().find(|slot| of_class(slot)) {
        Some(Slot::Record(values)) => values.iter().filter(|value| value.class == class).collect(),
        _ => Vec::new(),
    }
}

fn class_table(
    out: &mut impl Write,
    profile: &Profile,
    class: u8,
    columns: &[&Measured],
) -> Result<(), CliError> {
    writeln!(out)?;
    for (letter, column) in LETTERS.chars().zip(columns) {
        let item = column.item.as_deref().unwrap_or_default();
        let Measured { name, name_zh, .. } = column;
        writeln!(out, "  {letter}  {name}  {name_zh}  {} ({item})", column.unit.unwrap_or_default())?;
    }
    let heads: Vec<String> =
        LETTERS.chars().zip(columns).map(|(letter, _)| format!("{letter:>WIDTH$}")).collect();
    writeln!(out, "  {:<16}{}", "time  时间", heads.concat())?;
    for (at, slot) in &profile.slots {
        let at = minutes(*at);
        match slot {
            Slot::Record(values) => {
                let cells: Vec<String> = values
                    .iter()
                    .filter(|value| value.class == class)
                    .map(|value| format!("{:>WIDTH$}", value.value.as_deref().unwrap_or("-")))
                    .collect();
                writeln!(out, "  {at:<16}  {}", cells.concat())?;
            }
            Slot::Faulty => writeln!(out, "  {at:<16}       faulty  电表标记无效")?,
            Slot::Hole => writeln!(out, "  {at:<16}       missing  缺失")?,
        }
    }
    Ok(())
}

/// The stretches without records.
fn missing(out: &mut impl Write, profile: &Profile) -> Result<(), CliError> {
    let mut stretches: Vec<(Civil, Civil, usize)> = Vec::new();
    let mut is_open = false;
    for (at, slot) in &profile.slots {
        let is_hole = *slot == Slot::Hole;
        match stretches.last_mut().filter(|_| is_open && is_hole) {
            Some((_, last, count)) => (*last, *count) = (*at, *count + 1),
            None if is_hole => stretches.push((*at, *at, 1)),
            None => {}
        }
        is_open = is_hole;
    }
    if !stretches.is_empty() {
        writeln!(out, "\n  missing  缺失")?;
    }
    for (first, last, count) in stretches {
        let (first, last) = (minutes(first), minutes(last));
        writeln!(out, "  {first} to {last}  {count}")?;
    }
    Ok(())
}

/// The time without its seconds, which records do not have.
fn minutes(at: Civil) -> String {
    let shown = at.to_string();
    shown.get(..16).map(str::to_owned).unwrap_or(shown)
}

const LETTERS: &str = "abcdefgh";
const WIDTH: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_commas_are_quoted() {
        assert_eq!(quoted("phase A voltage"), "phase A voltage");
        assert_eq!(quoted("energy, \"total\""), "\"energy, \"\"total\"\"\"");
    }
}
