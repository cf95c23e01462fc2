//! Which exchange brought a version of a register read, for many versions at once.

use std::collections::HashMap;

use dlt645::address::MeterAddress;

use crate::domain::{Day, Fetch, Id, Item, Moment, Run};
use crate::store::error::StoreError;
use crate::store::sql::Sql;
use crate::store::{Store, item};

/// A version of a register read, as the lineage of a billing value names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReadVersion {
    /// The address of its meter.
    pub meter: MeterAddress,
    /// Which register.
    pub item: Item,
    /// The instant it holds for.
    pub as_of: Moment,
    /// Which version.
    pub version: i64,
}

/// The exchange that brought a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BroughtBy {
    /// Its number.
    pub fetch: Id<Fetch>,
    /// Whether it is kept still, with its frames.
    pub is_kept: bool,
    /// The run it belonged to, and the day of that; `None` outside one.
    pub run: Option<(Id<Run>, Day)>,
}

impl Store {
    /// What brought each of these versions. Those that no exchange brought, and those that are not kept, are not among them.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or holds what this version does not know.
    pub async fn brought_by(
        &self,
        versions: &[ReadVersion],
    ) -> Result<HashMap<ReadVersion, BroughtBy>, StoreError> {
        let mut found = HashMap::new();
        let mut reading = self.read("reading which exchanges brought registers").await?;
        for some in versions.chunks(AT_ONCE) {
            let args = reading.dialect().keys(&some.iter().map(numbers).collect::<Vec<_>>());
            let rows: Vec<Row> = reading.rows(BROUGHT_BY, &args).await?;
            for (address, key, as_of, version, fetch, kept, run, day) in rows {
                let unknown = |_| StoreError::Unknown { list: "address", found: address.clone() };
                let meter = address.parse().map_err(unknown)?;
                let read =
                    ReadVersion { meter, item: item(key)?, as_of: Moment::from_micros(as_of), version };
                let run = run.zip(day).and_then(|(run, day)| Some((Id::new(run), Day::from_number(day)?)));
                let (fetch, is_kept) = (Id::new(fetch), kept.is_some());
                found.insert(read, BroughtBy { fetch, is_kept, run });
            }
        }
        Ok(found)
    }
}

/// Address, item, instant, version, fetch, the same where it is kept, run and its day.
type Row = (String, i64, i64, i64, i64, Option<i64>, Option<i64>, Option<i64>);

fn numbers(read: &ReadVersion) -> [i64; 4] {
    let address = i64::try_from(read.meter.number()).unwrap_or(i64::MAX);
    [address, read.item.key().number().into(), read.as_of.micros(), read.version]
}

/// So many versions are asked for by one statement.
const AT_ONCE: usize = 2000;

const BROUGHT_BY: Sql = Sql {
    sqlite: "SELECT m.address, l.item, l.as_of, l.version, l.fetch_id, f.id, r.id, r.day \
        FROM json_each($1) k CROSS JOIN meter m ON m.address = printf('%012d', k.value ->> 0) \
        CROSS JOIN register_ledger l ON l.meter_id = m.id AND l.item = k.value ->> 1 \
            AND l.as_of = k.value ->> 2 AND l.version = k.value ->> 3 \
        LEFT JOIN meter_fetch f ON f.id = l.fetch_id AND f.meter_id = l.meter_id LEFT JOIN run r ON r.id = f.run_id \
        WHERE l.fetch_id IS NOT NULL",
    postgres: "SELECT m.address, l.item, l.as_of, l.version, l.fetch_id, f.id, r.id, r.day \
        FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) AS k (address, item, as_of, version) \
        JOIN meter m ON m.address = lpad(k.address::text, 12, '0') \
        JOIN register_ledger l ON l.meter_id = m.id AND l.item = k.item AND l.as_of = k.as_of \
            AND l.version = k.version \
        LEFT JOIN meter_fetch f ON f.id = l.fetch_id AND f.meter_id = l.meter_id LEFT JOIN run r ON r.id = f.run_id \
        WHERE l.fetch_id IS NOT NULL",
};
