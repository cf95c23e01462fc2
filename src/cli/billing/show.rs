//! Billing values and open days, as a table or as JSON.

use std::collections::BTreeMap;
use std::io::Write;

use dlt645::quantity::Quantity;
use serde::Serialize;

use crate::billing::{OpenDay, Origin, traced};
use crate::cli::{CliError, write_json};
use crate::domain::{BillingKind, Coded, Quality};
use crate::store::billing::{BillingLine, Delivery, OutboxState};

/// A version as JSON.
#[derive(Serialize)]
struct ValuePiece<'a> {
    what: &'static str,
    key: String,
    point: &'a str,
    item: String,
    kind: &'static str,
    day: String,
    version: i64,
    value: Option<String>,
    unit: &'static str,
    quality: Option<&'static str>,
    read_at: Option<String>,
    receiver: Option<&'a str>,
    state: Option<&'static str>,
    tries: Option<u32>,
    next_at: Option<String>,
    done_at: Option<String>,
    last_error: Option<&'a str>,
    lineage: serde_json::Value,
}

/// An open day as JSON.
#[derive(Serialize)]
struct OpenPiece<'a> {
    what: &'static str,
    point: &'a str,
    item: String,
    day: String,
    reason: &'static str,
    meter: Option<&'a str>,
    at: Option<String>,
    message: String,
    message_zh: String,
}

pub(super) fn json(
    out: &mut impl Write,
    lines: &[BillingLine],
    origins: &[Vec<Origin>],
    open: &[OpenDay],
) -> Result<(), CliError> {
    let mut lines = lines.iter().zip(origins);
    lines.try_for_each(|(line, origins)| write_json(out, &ValuePiece::of(line, origins)))?;
    open.iter().try_for_each(|open| write_json(out, &OpenPiece::of(open)))
}

impl<'a> ValuePiece<'a> {
    fn of(line: &'a BillingLine, origins: &[Origin]) -> Self {
        let delivery = line.delivery.as_ref();
        let is_due = |delivery: &&Delivery| delivery.done_at.is_none();
        Self {
            what: "value",
            key: line.key.text(&line.point_number, line.version),
            point: &line.point_number,
            item: line.key.item.code().to_string(),
            kind: line.key.kind.name(),
            day: line.key.day.to_string(),
            version: line.version,
            value: value(line),
            unit: line.key.item.unit(),
            quality: line.content.value.map(|(_, quality)| quality.name()),
            read_at: line.content.read_at.map(|at| at.to_string()),
            receiver: delivery.map(|delivery| delivery.receiver.as_str()),
            state: delivery.map(|delivery| delivery.state.name()),
            tries: delivery.map(|delivery| delivery.tries),
            next_at: delivery.filter(is_due).map(|delivery| delivery.next_at.to_string()),
            done_at: delivery.and_then(|delivery| delivery.done_at).map(|at| at.to_string()),
            last_error: delivery.and_then(|delivery| delivery.last_error.as_deref()),
            lineage: traced(&line.content.lineage, origins),
        }
    }
}

impl<'a> OpenPiece<'a> {
    fn of(open: &'a OpenDay) -> Self {
        let words = open.words();
        Self {
            what: "open",
            point: &open.point_number,
            item: open.item.code().to_string(),
            day: open.day.to_string(),
            reason: open.why.kind(),
            meter: open.meter.as_deref(),
            at: open.at().map(|at| at.to_string()),
            message: words.en,
            message_zh: words.zh,
        }
    }
}

pub(super) fn table(out: &mut impl Write, lines: &[BillingLine], open: &[OpenDay]) -> Result<(), CliError> {
    if !lines.is_empty() {
        let head = [
            ["point", "day", "item", "what", "version", "value", "quality", "state"],
            ["计量点", "日期", "项目", "内容", "版本", "数值", "质量", "状态"],
        ];
        write_rows(out, &head, lines.iter().map(cells))?;
    }
    if !open.is_empty() {
        if !lines.is_empty() {
            writeln!(out)?;
        }
        let head = [["open point", "day", "item", "reason"], ["未结计量点", "日期", "项目", "原因"]];
        let cells = |open: &OpenDay| {
            let words = open.words();
            let reason = format!("{}  {}", words.en, words.zh);
            [open.point_number.clone(), open.day.to_string(), open.item.code().to_string(), reason]
        };
        write_rows(out, &head, open.iter().map(cells))?;
    }
    Ok(())
}

fn cells(line: &BillingLine) -> [String; 8] {
    let kind = match line.key.kind {
        BillingKind::Register => "register 示值",
        BillingKind::Consumption => "consumption 电量",
    };
    let value = match value(line) {
        Some(value) => format!("{value} {}", line.key.item.unit()),
        None => "taken back 已撤回".to_owned(),
    };
    let at = line.key.day.start();
    let read_beside = line.content.read_at.filter(|read| *read != at);
    let quality = match (line.content.value.map(|(_, quality)| quality), read_beside) {
        (None, _) => "-".to_owned(),
        (Some(Quality::Estimated), Some(read)) => format!("estimated 估算, read {}", read.in_china()),
        (Some(Quality::Estimated), None) => "estimated 估算".to_owned(),
        (Some(Quality::Good), _) => "ok 正常".to_owned(),
        (Some(suspect), _) => suspect.name().to_owned(),
    };
    [
        line.point_number.clone(),
        line.key.day.to_string(),
        line.key.item.code().to_string(),
        kind.to_owned(),
        line.version.to_string(),
        value,
        quality,
        line.delivery.as_ref().map_or_else(|| "no receiver 无接收方".to_owned(), state),
    ]
}

fn state(delivery: &Delivery) -> String {
    let Delivery { receiver, state, tries, next_at, done_at, last_error } = delivery;
    let mut text = format!("{receiver}: {} {}", state.name(), state_zh(*state));
    match state {
        OutboxState::Delivered | OutboxState::Superseded => {
            if let Some(done_at) = done_at {
                text.push_str(&format!(" {}", done_at.in_china()));
            }
        }
        OutboxState::Waiting if *tries > 0 => {
            text.push_str(&format!(", tries 次数 {tries}, next 下次 {}", next_at.in_china()));
        }
        OutboxState::Leased => text.push_str(&format!(", until 至 {}", next_at.in_china())),
        OutboxState::Waiting | OutboxState::Parked => {}
    }
    if let Some(error) = last_error.as_ref().filter(|_| done_at.is_none()) {
        text.push_str(&format!(", {error}"));
    }
    text
}

const fn state_zh(state: OutboxState) -> &'static str {
    match state {
        OutboxState::Waiting => "等待",
        OutboxState::Leased => "在途",
        OutboxState::Delivered => "已送达",
        OutboxState::Superseded => "已被取代",
        OutboxState::Parked => "待处理",
    }
}

/// The exact decimal; `None` for what was taken back.
fn value(line: &BillingLine) -> Option<String> {
    let (scaled, _) = line.content.value?;
    Some(Quantity::new(scaled, line.key.decimals()).to_string())
}

/// How much of what there is.
pub(super) fn summary(lines: &[BillingLine], open: &[OpenDay]) -> String {
    let mut states: BTreeMap<i64, (OutboxState, usize)> = BTreeMap::new();
    for delivery in lines.iter().filter_map(|line| line.delivery.as_ref()) {
        states.entry(delivery.state.code()).or_insert((delivery.state, 0)).1 += 1;
    }
    let mut parts: Vec<String> = states
        .into_values()
        .map(|(state, count)| format!("{count} {} {}", state.name(), state_zh(state)))
        .collect();
    parts.push(format!("{} open 未结", open.len()));
    parts.join(", ")
}

/// Rows in columns as wide as their widest cell, the last one ragged.
pub(super) fn write_rows<const N: usize>(
    out: &mut impl Write,
    head: &[[&str; N]],
    rows: impl Iterator<Item = [String; N]>,
) -> Result<(), CliError> {
    let head = head.iter().map(|row| row.map(str::to_owned));
    let rows: Vec<[String; N]> = head.chain(rows).map(|row| row.map(|cell| inert(&cell))).collect();
    let widest = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| width(cell)).max();
    let widths: Vec<usize> = (0..N).map(|column| widest(column).unwrap_or(0)).collect();
    for row in &rows {
        let mut text = String::new();
        for (cell, widest) in row.iter().zip(&widths) {
            text.push_str(cell);
            text.extend(std::iter::repeat_n(' ', widest - width(cell) + 2));
        }
        writeln!(out, "{}", text.trim_end())?;
    }
    Ok(())
}

/// Texts of others cannot steer a terminal.
fn inert(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_control() { char::REPLACEMENT_CHARACTER } else { letter })
        .collect()
}

/// How many places of a terminal a text takes: a Chinese character takes two.
fn width(text: &str) -> usize {
    text.chars().map(|letter| if letter >= FIRST_WIDE { 2 } else { 1 }).sum()
}

/// From the radicals on.
const FIRST_WIDE: char = '\u{2E80}';

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let head = [["a", "b", "c"]];
        let rows = [["计量点", "1", "x"], ["P1", "12345", "y"]].map(|row| row.map(str::to_owned));
        let mut out = Vec::new();
        write_rows(&mut out, &head, rows.into_iter()).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "a       b      c\n计量点  1      x\nP1      12345  y\n");
    }

    #[test]
    fn t13_texts_of_others_are_inert() {
        assert_eq!(inert("P\u{1b}[31m1\r\n"), "P\u{FFFD}[31m1\u{FFFD}\u{FFFD}");
    }
}
