//! Where a billing value comes from, as JSON: the same facts give the same text, so that settling again adds nothing.

use std::collections::HashMap;

use serde::Serialize;

use crate::domain::{
    Accepted, BillingContent, Coded, Consumption, Id, Item, Meter, Moment, Open, Part, Quality, Source,
};
use crate::store::billing::MeterType;

/// Which meters the ids are of.
pub(super) type Types = HashMap<Id<Meter>, MeterType>;

#[derive(Serialize)]
#[serde(tag = "rule", rename_all = "snake_case")]
enum Lineage {
    /// A reading stands for the midnight.
    Reading { meter: String, reading: Reading },
    /// Differences of readings, multiplied and added up.
    Difference { parts: Vec<Piece> },
    /// Nothing can be said any more.
    Open {
        reason: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        meter: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        at: Option<String>,
    },
}

#[derive(Serialize)]
struct Reading {
    value: String,
    read_at: String,
    version: i64,
    quality: &'static str,
    /// Of what a person read: it never passes for what the meter froze.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'static str>,
}

#[derive(Serialize)]
struct Piece {
    meter: String,
    from: String,
    until: String,
    opening: Reading,
    closing: Reading,
    moved: String,
    multiplier: String,
}

/// What a register says.
pub(super) fn register(
    types: &Types,
    meter: Id<Meter>,
    item: Item,
    held: Accepted,
    at: Moment,
) -> BillingContent {
    // What was not read at the midnight itself is an estimate of it.
    let quality = if held.read_at == at { held.quality } else { held.quality.and(Quality::Estimated) };
    let lineage = Lineage::Reading { meter: address(types, meter), reading: reading(item, held) };
    BillingContent {
        value: Some((held.value, quality)),
        read_at: Some(held.read_at),
        lineage: text(&lineage),
    }
}

/// What a consumption says.
pub(super) fn consumption(types: &Types, item: Item, used: &Consumption) -> BillingContent {
    let piece = |part: &Part| Piece {
        meter: address(types, part.piece.meter),
        from: part.piece.from.to_string(),
        until: part.piece.until.to_string(),
        opening: reading(item, part.opening),
        closing: reading(item, part.closing),
        moved: item.quantity(part.moved).to_string(),
        multiplier: part.piece.multiplier.to_string(),
    };
    let lineage = Lineage::Difference { parts: used.parts.iter().map(piece).collect() };
    BillingContent { value: Some((used.amount, used.quality)), read_at: None, lineage: text(&lineage) }
}

/// Nothing, and why.
pub(super) fn open(types: &Types, open: &Open) -> BillingContent {
    let (meter, at) = match open {
        Open::NoMeter | Open::NotExact | Open::NotSettled => (None, None),
        Open::NoProfile { meter } => (Some(*meter), None),
        Open::NoReading { meter, at }
        | Open::Implausible { meter, until: at, .. }
        | Open::Standstill { meter, until: at, .. } => (Some(*meter), Some(*at)),
    };
    let meter = meter.map(|meter| address(types, meter));
    let lineage = Lineage::Open { reason: open.kind(), meter, at: at.map(|at| at.to_string()) };
    BillingContent { value: None, read_at: None, lineage: text(&lineage) }
}

fn reading(item: Item, held: Accepted) -> Reading {
    let Accepted { value, quality, version, read_at, source } = held;
    Reading {
        value: item.quantity(value).to_string(),
        read_at: read_at.to_string(),
        version,
        quality: quality.name(),
        source: (source == Source::Manual).then(|| source.name()),
    }
}

fn address(types: &Types, meter: Id<Meter>) -> String {
    types.get(&meter).map_or_else(|| meter.to_string(), |known| known.address.to_string())
}

fn text(lineage: &Lineage) -> String {
    // Only maps with other keys than texts cannot be written.
    serde_json::to_string(lineage).unwrap_or_default()
}
