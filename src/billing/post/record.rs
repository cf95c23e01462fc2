//! What is sent: a version as JSON, the same to the last byte whenever it is offered.

use dlt645::quantity::Quantity;
use serde::Serialize;

use crate::domain::{BillingKind, Coded};
use crate::store::billing::OutboxRecord;

/// A batch.
#[derive(Serialize)]
pub(super) struct Body<'a> {
    /// What this is, and in which form.
    schema: &'static str,
    /// Who is meant.
    receiver: &'a str,
    records: Vec<Record<'a>>,
}

/// A version. What it says depends on nothing but the version: it is the same whenever its key comes again (F27).
#[derive(Serialize)]
struct Record<'a> {
    key: &'a str,
    kind: &'static str,
    point: &'a str,
    item: String,
    tariff: u8,
    /// The day that a consumption is of, or at whose first moment a register is.
    day: String,
    /// That moment, for a register.
    as_of: Option<String>,
    version: i64,
    /// An exact decimal; nothing when what was said before is taken back.
    value: Option<String>,
    unit: &'static str,
    quality: Option<&'static str>,
    /// For which instant the reading was read that stands for a register.
    read_at: Option<String>,
    lineage: serde_json::Value,
}

impl<'a> Body<'a> {
    pub(super) fn of(receiver: &'a str, records: &[&'a OutboxRecord]) -> Self {
        Self {
            schema: "chaobiao.billing.1",
            receiver,
            records: records.iter().map(|r| Record::of(r)).collect(),
        }
    }
}

impl<'a> Record<'a> {
    fn of(record: &'a OutboxRecord) -> Self {
        let OutboxRecord { text, key, point_number, version, content, .. } = record;
        let as_of = match key.kind {
            BillingKind::Register => Some(format!("{}T00:00:00+08:00", key.day)),
            BillingKind::Consumption => None,
        };
        Self {
            key: text,
            kind: key.kind.name(),
            point: point_number,
            item: key.item.code().to_string(),
            tariff: key.item.tariff(),
            day: key.day.to_string(),
            as_of,
            version: *version,
            value: content.value.map(|(value, _)| Quantity::new(value, key.decimals()).to_string()),
            unit: key.item.unit(),
            quality: content.value.map(|(_, quality)| quality.name()),
            read_at: content.read_at.map(|at| at.to_string()),
            lineage: serde_json::from_str(&content.lineage).unwrap_or_default(),
        }
    }
}
