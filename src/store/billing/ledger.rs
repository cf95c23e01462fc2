//! The built-in ledger: a receiver in our own database. Each key takes effect once.

use std::collections::HashMap;

use super::numbers;
use super::outbox::OutboxRecord;
use crate::domain::{Coded, Moment};
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::sql::{Kind, Rows, Sql, Table};

/// What became of a version that came to the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Entered {
    /// It took effect now, or had before, and says the same.
    Same,
    /// Its key has taken effect with other content, which stays.
    Other,
}

impl Store {
    /// Enters versions into the ledger; says for each what became of it. Durable when the call returns.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot; entering the same again is harmless.
    pub async fn enter_billing(
        &self,
        records: &[OutboxRecord],
        now: Moment,
    ) -> Result<Vec<Entered>, StoreError> {
        self.make_partitions(records.iter().map(|record| record.key.day)).await?;
        let mut writing = self.write("entering billing values").await?;
        let mut rows = Rows::new(&LEDGER);
        for record in records {
            let (_, [value, quality, read_at]) = said(record);
            let [point, item, kind, at, version] = numbers(record.key, record.version);
            rows.push([
                point.into(),
                item.into(),
                kind.into(),
                at.into(),
                version.into(),
                record.text.as_str().into(),
                value.into(),
                quality.into(),
                read_at.into(),
                now.into(),
            ]);
        }
        writing.insert(&LEDGER, &rows).await?;
        let keys: Vec<[i64; 5]> = records.iter().map(|record| numbers(record.key, record.version)).collect();
        let args = writing.dialect().keys(&keys);
        let held: Vec<HeldRow> = writing.rows(HELD, &args).await?;
        let held: HashMap<[i64; 5], (String, [Option<i64>; 3])> = held
            .into_iter()
            .map(|(point, item, kind, at, version, text, value, quality, read_at)| {
                ([point, item, kind, at, version], (text, [value, quality, read_at]))
            })
            .collect();
        let entered = |record: &OutboxRecord| match held.get(&numbers(record.key, record.version)) {
            Some(held) if *held == said(record) => Entered::Same,
            _ => Entered::Other,
        };
        let entered = records.iter().map(entered).collect();
        writing.commit().await?;
        Ok(entered)
    }
}

type HeldRow = (i64, i64, i64, i64, i64, String, Option<i64>, Option<i64>, Option<i64>);

/// What the ledger keeps of a version, key and numbers.
fn said(record: &OutboxRecord) -> (String, [Option<i64>; 3]) {
    let value = record.content.value;
    let numbers = [
        value.map(|(value, _)| value),
        value.map(|(_, quality)| quality.code()),
        record.content.read_at.map(Moment::micros),
    ];
    (record.text.clone(), numbers)
}

const LEDGER: Table = Table {
    name: "billing_ledger",
    columns: &[
        ("point_id", Kind::Int),
        ("item", Kind::Int),
        ("kind", Kind::Int),
        ("at", Kind::Int),
        ("version", Kind::Int),
        ("key", Kind::Text),
        ("value", Kind::Int),
        ("quality", Kind::Int),
        ("read_at", Kind::Int),
        ("entered_at", Kind::Int),
    ],
    on_conflict: "DO NOTHING",
};

const HELD: Sql = Sql {
    sqlite: "SELECT l.point_id, l.item, l.kind, l.at, l.version, l.key, l.value, l.quality, l.read_at \
        FROM json_each($1) k CROSS JOIN billing_ledger l \
        WHERE l.point_id = k.value ->> 0 AND l.item = k.value ->> 1 AND l.kind = k.value ->> 2 \
            AND l.at = k.value ->> 3 AND l.version = k.value ->> 4",
    postgres: "SELECT l.point_id, l.item, l.kind, l.at, l.version, l.key, l.value, l.quality, l.read_at \
        FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[]) \
            AS k (point_id, item, kind, at, version) \
        JOIN billing_ledger l USING (point_id, item, kind, at, version)",
};
