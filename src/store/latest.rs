//! The newest accepted value of each item of each meter, for the control room.

use std::collections::HashMap;

use super::error::StoreError;
use super::sql::{Kind, Rows, Table};
use super::transaction::Transaction;
use super::{Store, code, item};
use crate::domain::{Coded, Id, Item, Meter, Moment, Quality, Source};

/// A value with the instant it holds for. It is no answer to "what is it now".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latest {
    /// The meter.
    pub meter: Id<Meter>,
    /// What is measured.
    pub item: Item,
    /// The instant the value holds for.
    pub at: Moment,
    /// The value.
    pub value: i64,
    /// How far it may be trusted.
    pub quality: Quality,
    /// How it was come by.
    pub source: Source,
    /// When it came in.
    pub collected_at: Moment,
}

impl Store {
    /// The newest values of a meter, by item.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or holds what this version does not know.
    pub async fn latest_of(&self, meter: Id<Meter>) -> Result<Vec<Latest>, StoreError> {
        let mut reading = self.read("reading the newest values").await?;
        let rows: Vec<Row> = reading.rows(OF_METER, &[meter.into()]).await?;
        rows.into_iter().map(latest).collect()
    }
}

type Row = (i64, i64, i64, i64, i64, i64, i64);

fn latest((meter, key, at, value, quality, source, collected_at): Row) -> Result<Latest, StoreError> {
    Ok(Latest {
        meter: Id::new(meter),
        item: item(key)?,
        at: Moment::from_micros(at),
        value,
        quality: code("quality", quality)?,
        source: code("source", source)?,
        collected_at: Moment::from_micros(collected_at),
    })
}

/// Keeps the newest of each; what is there and as new stays.
pub(super) async fn save(
    writing: &mut Transaction,
    values: impl Iterator<Item = Latest>,
) -> Result<(), StoreError> {
    let mut newest: HashMap<[i64; 2], Latest> = HashMap::new();
    for value in values.filter(|value| value.quality.is_accepted()) {
        let key = [value.meter.number(), value.item.key().number().into()];
        let kept = newest.entry(key).or_insert(value);
        if kept.at < value.at {
            *kept = value;
        }
    }
    let mut newest: Vec<_> = newest.into_iter().collect();
    newest.sort_unstable_by_key(|(key, _)| *key);
    let mut rows = Rows::new(&LATEST);
    for (_, Latest { meter, item, at, value, quality, source, collected_at }) in newest {
        let (quality, source) = (quality.code().into(), source.code().into());
        rows.push([meter.into(), item.into(), at.into(), value.into(), quality, source, collected_at.into()]);
    }
    writing.insert(&LATEST, &rows).await?;
    Ok(())
}

const LATEST: Table = Table {
    name: "latest",
    columns: &[
        ("meter_id", Kind::Int),
        ("item", Kind::Int),
        ("at", Kind::Int),
        ("value", Kind::Int),
        ("quality", Kind::Int),
        ("source", Kind::Int),
        ("collected_at", Kind::Int),
    ],
    on_conflict: "(meter_id, item) DO UPDATE SET at = excluded.at, value = excluded.value, \
        quality = excluded.quality, source = excluded.source, collected_at = excluded.collected_at \
        WHERE excluded.at > latest.at",
};

const OF_METER: &str = "SELECT meter_id, item, at, value, quality, source, collected_at FROM latest WHERE meter_id = $1 ORDER BY item";
