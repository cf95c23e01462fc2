//! Proposed changes as the API writes them: instants with their zone, registers as exact decimals.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::long_number::LongNumber;
use super::terminal_records::{TerminalArchiveShown, archive_of, archive_shown};
use super::written::{LONGEST, decimal, instant, some_words, words};
use crate::domain::proposal::{
    Change, MeterExchange, NewTransformers, OrderSettlement, ReviewDecision, Shown,
};
use crate::domain::{Item, ManualRead, ManualReads, Moment};
use crate::http::Problem;
use dlt645::address::MeterAddress;

/// A change that needs two persons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "change", rename_all = "snake_case")]
pub(super) enum ChangeShown {
    /// One meter takes the place of another.
    ExchangeMeter(ExchangeShown),
    /// Other transformers.
    ChangeTransformers(TransformersShown),
    /// What becomes of a suspect read.
    DecideReview(DecisionShown),
    /// What people have read.
    EnterReads(ReadsEntered),
    /// Records of a terminal's own list of meters.
    SetTerminalArchive(TerminalArchiveShown),
    /// What people on site found of an order that no meter tells any more.
    SettleOrder(SettlementShown),
}

/// What became of an order at a point, as people on site found it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SettlementShown {
    /// Number of the order.
    #[schema(value_type = String)]
    order: LongNumber,
    /// Number of the point.
    point: String,
    /// What was found: `closed`, `open`, or `gone` for a meter that is not there any more.
    found: String,
    /// When, RFC 3339.
    at: String,
    /// Who was there.
    seen_by: String,
    /// What shows it: a work sheet, photographs, a seal.
    evidence: String,
}

/// What people have read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReadsEntered {
    /// The file they came in; empty for none.
    file: String,
    /// The reads, at most 2000.
    reads: Vec<ReadEntered>,
}

/// What a person has read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReadEntered {
    /// Number of the point.
    point: String,
    /// Address of the meter that was there then.
    meter: String,
    /// The code of a register of energy, such as `1-0:1.8.0`.
    item: String,
    /// An exact decimal in the unit of the item, such as `1234.56`.
    value: String,
    /// When it was read, RFC 3339. Only what was read at a midnight counts for it.
    at: String,
    /// Who read it.
    read_by: String,
    /// `manual` for what was told or written down, `on-site` for what was read in front of the meter.
    kind: String,
    /// What they wrote beside it; may be empty.
    remark: String,
}

/// One meter takes the place of another, on the same line or behind the same terminal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ExchangeShown {
    /// Number of the point.
    point: String,
    /// Address of the meter that is taken out.
    removed: String,
    /// Address of the meter that is put in.
    installed: String,
    /// Its asset number.
    asset_number: Option<String>,
    /// What it speaks: `645-2007`, `645-1997`, `modbus`.
    protocol: String,
    /// Its profile; the default of its protocol where it is not given. A Modbus meter has none: its register map is named.
    profile: Option<String>,
    /// When, RFC 3339.
    at: String,
    /// What the meter taken out showed; a day without it stays open.
    closing: Vec<RegisterShown>,
    /// What the meter put in showed.
    opening: Vec<RegisterShown>,
}

/// What a register showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RegisterShown {
    /// The code of its item, such as `1-0:1.8.0`.
    item: String,
    /// An exact decimal in the unit of the item, such as `1234.56`.
    value: String,
}

/// Other transformers of a point from an instant on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TransformersShown {
    /// Number of the point.
    point: String,
    /// Ratio of the current transformers, such as `200/5`.
    ct: String,
    /// Ratio of the voltage transformers.
    vt: String,
    /// From when on, RFC 3339.
    from: String,
}

/// What becomes of a suspect read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DecisionShown {
    /// Number of the review.
    review: i64,
    /// Whether the value counts.
    accept: bool,
}

/// The change that a body means.
pub(super) fn change_of(shown: &ChangeShown) -> Result<Change, Problem> {
    Ok(match shown {
        ChangeShown::ExchangeMeter(exchange) => Change::ExchangeMeter(MeterExchange {
            point: name(&exchange.point)?,
            removed: name(&exchange.removed)?,
            installed: name(&exchange.installed)?,
            asset_number: exchange.asset_number.as_deref().map(name).transpose()?,
            protocol: name(&exchange.protocol)?,
            profile: exchange.profile.as_deref().map(name).transpose()?,
            at: instant(&exchange.at)?.micros(),
            closing: exchange.closing.iter().map(register_of).collect::<Result<_, _>>()?,
            opening: exchange.opening.iter().map(register_of).collect::<Result<_, _>>()?,
        }),
        ChangeShown::ChangeTransformers(change) => Change::ChangeTransformers(NewTransformers {
            point: name(&change.point)?,
            ct: name(&change.ct)?,
            vt: name(&change.vt)?,
            from: instant(&change.from)?.micros(),
        }),
        ChangeShown::DecideReview(DecisionShown { review, accept }) => {
            Change::DecideReview(ReviewDecision { review: *review, accept: *accept })
        }
        ChangeShown::EnterReads(entered) => Change::EnterReads(ManualReads {
            file: words(&entered.file, LONGEST_NAME)?.to_owned(),
            reads: entered.reads.iter().map(read_of).collect::<Result<_, _>>()?,
        }),
        ChangeShown::SetTerminalArchive(archive) => Change::SetTerminalArchive(archive_of(archive)),
        ChangeShown::SettleOrder(settlement) => Change::SettleOrder(OrderSettlement {
            order: settlement.order.0,
            point: name(&settlement.point)?,
            found: name(&settlement.found)?,
            at: instant(&settlement.at)?.micros(),
            seen_by: name(&settlement.seen_by)?,
            evidence: some_words(&settlement.evidence, LONGEST)?.to_owned(),
        }),
    })
}

/// A change as it is written.
pub(super) fn change_shown(change: &Change) -> ChangeShown {
    let at = |micros| Moment::from_micros(micros).to_string();
    match change {
        Change::ExchangeMeter(exchange) => ChangeShown::ExchangeMeter(ExchangeShown {
            point: exchange.point.clone(),
            removed: exchange.removed.clone(),
            installed: exchange.installed.clone(),
            asset_number: exchange.asset_number.clone(),
            protocol: exchange.protocol.clone(),
            profile: exchange.profile.clone(),
            at: at(exchange.at),
            closing: exchange.closing.iter().map(register_shown).collect(),
            opening: exchange.opening.iter().map(register_shown).collect(),
        }),
        Change::ChangeTransformers(change) => ChangeShown::ChangeTransformers(TransformersShown {
            point: change.point.clone(),
            ct: change.ct.clone(),
            vt: change.vt.clone(),
            from: at(change.from),
        }),
        Change::DecideReview(ReviewDecision { review, accept }) => {
            ChangeShown::DecideReview(DecisionShown { review: *review, accept: *accept })
        }
        Change::EnterReads(entered) => ChangeShown::EnterReads(ReadsEntered {
            file: entered.file.clone(),
            reads: entered.reads.iter().map(read_shown).collect(),
        }),
        Change::SetTerminalArchive(archive) => ChangeShown::SetTerminalArchive(archive_shown(archive)),
        Change::SettleOrder(settlement) => ChangeShown::SettleOrder(SettlementShown {
            order: LongNumber(settlement.order),
            point: settlement.point.clone(),
            found: settlement.found.clone(),
            at: at(settlement.at),
            seen_by: settlement.seen_by.clone(),
            evidence: settlement.evidence.clone(),
        }),
    }
}

fn read_of(entered: &ReadEntered) -> Result<ManualRead, Problem> {
    let item = Item::parse(&entered.item).ok_or_else(no_item)?;
    // As the archive writes it; what is no address is told with the other faults of the change.
    let meter: Result<MeterAddress, _> = entered.meter.parse();
    Ok(ManualRead {
        point: name(&entered.point)?,
        meter: meter.map_or_else(|_| entered.meter.clone(), |meter| meter.to_string()),
        item: item.code().to_string(),
        value: decimal(&entered.value, item.decimals())?,
        at: instant(&entered.at)?.micros(),
        read_by: name(&entered.read_by)?,
        kind: entered.kind.clone(),
        remark: words(&entered.remark, LONGEST)?.to_owned(),
    })
}

pub(super) fn read_shown(read: &ManualRead) -> ReadEntered {
    let value = read.register().map(|item| item.quantity(read.value).to_string());
    ReadEntered {
        point: read.point.clone(),
        meter: read.meter.clone(),
        item: read.item.clone(),
        value: value.unwrap_or_else(|| read.value.to_string()),
        at: Moment::from_micros(read.at).to_string(),
        read_by: read.read_by.clone(),
        kind: read.kind.clone(),
        remark: read.remark.clone(),
    }
}

fn no_item() -> Problem {
    Problem::unacceptable("item", "there is no such register", "没有这个示值项目")
}

fn register_of(shown: &RegisterShown) -> Result<Shown, Problem> {
    let item = Item::parse(&shown.item).ok_or_else(no_item)?;
    Ok(Shown { item: shown.item.clone(), value: decimal(&shown.value, item.decimals())? })
}

fn register_shown(shown: &Shown) -> RegisterShown {
    let value = match Item::parse(&shown.item) {
        Some(item) => item.quantity(shown.value).to_string(),
        None => shown.value.to_string(),
    };
    RegisterShown { item: shown.item.clone(), value }
}

fn name(text: &str) -> Result<String, Problem> {
    some_words(text, LONGEST_NAME).map(str::to_owned)
}

const LONGEST_NAME: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_shown_as_it_was_written() {
        let text = r#"{"change":"exchange_meter","point":"P1","removed":"1","installed":"9","asset_number":null,
            "protocol":"645-2007","profile":null,"at":"2026-11-21T02:00:00Z",
            "closing":[{"item":"1-0:1.8.0","value":"12345.6700"}],"opening":[{"item":"1-0:1.8.0","value":"0.0000"}]}"#;
        let written: ChangeShown = serde_json::from_str(text).unwrap();
        let change = change_of(&written).unwrap();
        let Change::ExchangeMeter(exchange) = &change else { panic!("{change:?}") };
        assert_eq!((exchange.closing[0].value, exchange.opening[0].value), (123_456_700, 0));
        assert_eq!(change_shown(&change), written);
        for (from, to) in
            [("02:00:00Z", "02:00:00"), ("12345.6700", "1.23456"), ("1-0:1.8.0", "9.9.9"), ("P1", " ")]
        {
            let written: ChangeShown = serde_json::from_str(&text.replacen(from, to, 1)).unwrap();
            assert!(change_of(&written).is_err(), "{to}");
        }
    }

    #[test]
    fn what_is_not_known_is_refused_and_not_left_out() {
        let text = r#"{"change":"decide_review","review":1,"accept":true,"reason":"x"}"#;
        assert!(serde_json::from_str::<ChangeShown>(text).is_err());
        assert!(serde_json::from_str::<ChangeShown>(&text.replace(",\"reason\":\"x\"", "")).is_ok());
    }
}
