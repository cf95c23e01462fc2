//! Reading what values are computed from, for many points at once.

use std::collections::HashMap;

use dlt645::address::MeterAddress;

use super::{DAMAGED, content, key};
use crate::domain::version::{self, Held};
use crate::domain::{
    Accepted, BillingKey, BillingVersion, Day, Id, Item, Meter, MeterProtocol, MeteringPoint, Moment,
    Readings, RegisterKey,
};
use crate::store::damage::{Damage, Looked};
use crate::store::error::StoreError;
use crate::store::ledger::Versions;
use crate::store::partition::Large;
use crate::store::sql::{Cell, Sql};
use crate::store::transaction::Transaction;
use crate::store::{Store, code};

/// A stretch of time of one thing, both ends with it.
#[derive(Debug, PartialEq, Eq)]
pub struct Span<T> {
    /// Of what.
    pub of: Id<T>,
    /// From when.
    pub from: Moment,
    /// Until when.
    pub until: Moment,
}

impl<T> Clone for Span<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Span<T> {}

/// Which meter it is, and which profile says what its registers can show. Known of removed meters, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeterType {
    /// Its address.
    pub address: MeterAddress,
    /// What it speaks.
    pub protocol: MeterProtocol,
    /// The name of its profile; `None` for the default of its protocol.
    pub profile: Option<String>,
}

impl Store {
    /// The accepted current readings of these items in these stretches of time.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or holds what this version does not know.
    pub async fn readings_between(
        &self,
        spans: &[Span<Meter>],
        items: &[Item],
    ) -> Result<Readings, StoreError> {
        let mut reading = self.read("reading accepted registers").await?;
        Ok(readings(&mut reading, spans, items).await?.0)
    }

    /// What these meters are, whether they are installed or not.
    ///
    /// # Errors
    /// As [`Self::readings_between`].
    pub async fn meter_types(
        &self,
        meters: &[Id<Meter>],
    ) -> Result<HashMap<Id<Meter>, MeterType>, StoreError> {
        meter_types(&mut self.read("reading what meters are").await?, meters).await
    }

    /// The newest versions of the values of these stretches.
    ///
    /// # Errors
    /// As [`Self::readings_between`].
    pub async fn values_between(
        &self,
        spans: &[Span<MeteringPoint>],
        items: &[Item],
    ) -> Result<HashMap<BillingKey, BillingVersion>, StoreError> {
        values(&mut self.read("reading billing values").await?, spans, items).await
    }

    /// The points that a meter measured at any time between, by number.
    ///
    /// # Errors
    /// As [`Self::readings_between`].
    pub async fn points_between(
        &self,
        from: Moment,
        until: Moment,
    ) -> Result<Vec<(Id<MeteringPoint>, String)>, StoreError> {
        let mut reading = self.read("reading measured points").await?;
        let rows: Vec<(i64, String)> = reading.rows(POINTS_BETWEEN, &[from.into(), until.into()]).await?;
        Ok(rows.into_iter().map(|(point, number)| (Id::new(point), number)).collect())
    }
}

fn spans_and_items<T>(reading: &Transaction, spans: &[Span<T>], items: &[Item]) -> Vec<Cell<'static>> {
    let keys: Vec<[i64; 3]> =
        spans.iter().map(|span| [span.of.number(), span.from.micros(), span.until.micros()]).collect();
    let mut args = reading.dialect().keys(&keys);
    let items = items.iter().map(|item| Some(item.key().number().into()));
    args.push(reading.dialect().array(items).into());
    args
}

/// What counts, and what is damaged, which does not.
pub(super) async fn readings(
    reading: &mut Transaction,
    spans: &[Span<Meter>],
    items: &[Item],
) -> Result<(Readings, Vec<Damage>), StoreError> {
    let args = spans_and_items(reading, spans, items);
    let Versions { held, damaged } = Versions::of(reading.rows(READINGS, &args).await?)?;
    let mut readings = Readings::new();
    for (RegisterKey { meter, item, as_of }, held) in held {
        let Some(Held { version, value, quality, source, .. }) = version::current(&held).copied() else {
            continue;
        };
        let accepted = Accepted { value, quality, version, read_at: as_of, source };
        readings.entry((meter, item)).or_default().insert(as_of, (accepted, source));
    }
    Ok((readings, damaged))
}

/// The newest versions of billing values in these stretches.
pub(super) async fn values(
    reading: &mut Transaction,
    spans: &[Span<MeteringPoint>],
    items: &[Item],
) -> Result<HashMap<BillingKey, BillingVersion>, StoreError> {
    let args = spans_and_items(reading, spans, items);
    let rows: Vec<ValueRow> = reading.rows(VALUES, &args).await?;
    let mut newest: HashMap<BillingKey, BillingVersion> = HashMap::new();
    for (point, of, kind, at, version, value, quality, read_at, lineage, seal) in rows {
        let numbers = (point, of, kind, at, version);
        let (key, version) = key(numbers)?;
        if newest.get(&key).is_none_or(|held| held.version < version) {
            let content = content(numbers, [value, quality, read_at], lineage, seal)?;
            newest.insert(key, BillingVersion { version, content });
        }
    }
    Ok(newest)
}

/// Looks at all versions of the points from one to another.
pub(in crate::store) async fn look(
    reading: &mut Transaction,
    first: i64,
    last: i64,
) -> Result<Looked, StoreError> {
    let rows: Vec<ValueRow> = reading.rows(OF_POINTS, &[first.into(), last.into()]).await?;
    let mut looked = Looked { rows: rows.len().try_into().unwrap_or(u64::MAX), ..Looked::default() };
    for (point, of, kind, at, version, value, quality, read_at, lineage, seal) in rows {
        let content = content((point, of, kind, at, version), [value, quality, read_at], lineage, seal)?;
        if content.lineage == DAMAGED {
            let day = Day::of(Moment::from_micros(at));
            looked.damaged.push(Damage { table: Large::BillingValues, day, of: point });
        }
    }
    Ok(looked)
}

/// Point, item, kind, instant, version, value, quality, when it was read, lineage and seal.
type ValueRow = (i64, i64, i64, i64, i64, Option<i64>, Option<i64>, Option<i64>, String, Option<i64>);

pub(super) async fn meter_types(
    reading: &mut Transaction,
    meters: &[Id<Meter>],
) -> Result<HashMap<Id<Meter>, MeterType>, StoreError> {
    let arg = reading.dialect().array(meters.iter().map(|meter| Some(meter.number())));
    let rows: Vec<(i64, String, i64, Option<String>)> = reading.rows(METER_TYPES, &[arg.into()]).await?;
    let mut types = HashMap::new();
    for (meter, address, protocol, profile) in rows {
        let address =
            address.parse().map_err(|_| StoreError::Unknown { list: "address", found: address.clone() })?;
        let protocol = code("protocol", protocol)?;
        types.insert(Id::new(meter), MeterType { address, protocol, profile });
    }
    Ok(types)
}

/// The points that these meters ever measured.
pub(super) async fn points_of(
    reading: &mut Transaction,
    meters: &[Id<Meter>],
) -> Result<Vec<Id<MeteringPoint>>, StoreError> {
    let arg = reading.dialect().array(meters.iter().map(|meter| Some(meter.number())));
    let rows: Vec<(i64,)> = reading.rows(POINTS_OF, &[arg.into()]).await?;
    Ok(rows.into_iter().map(|(point,)| Id::new(point)).collect())
}

/// The numbers by which people know points.
pub(super) async fn point_numbers(
    reading: &mut Transaction,
    points: impl Iterator<Item = Id<MeteringPoint>>,
) -> Result<HashMap<Id<MeteringPoint>, String>, StoreError> {
    let arg = reading.dialect().array(points.map(|point| Some(point.number())));
    let rows: Vec<(i64, String)> = reading.rows(POINT_NUMBERS, &[arg.into()]).await?;
    Ok(rows.into_iter().map(|(point, number)| (Id::new(point), number)).collect())
}

/// All versions, since what a damaged one says of its quality may be anything.
const READINGS: Sql = Sql {
    sqlite: "SELECT l.meter_id, l.item, l.as_of, l.version, l.value, l.quality, l.source, l.seal \
        FROM json_each($1) k CROSS JOIN json_each($2) i CROSS JOIN register_ledger l \
        WHERE l.meter_id = k.value ->> 0 AND l.item = i.value \
            AND l.as_of BETWEEN k.value ->> 1 AND k.value ->> 2",
    postgres: "SELECT l.meter_id, l.item, l.as_of, l.version, l.value, l.quality, l.source, l.seal \
        FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS k (meter_id, from_at, until_at) \
        JOIN register_ledger l ON l.meter_id = k.meter_id AND l.item = ANY ($4::bigint[]) \
            AND l.as_of BETWEEN k.from_at AND k.until_at",
};

const VALUES: Sql = Sql {
    sqlite: "SELECT b.point_id, b.item, b.kind, b.at, b.version, b.value, b.quality, b.read_at, b.lineage, b.seal \
        FROM json_each($1) k CROSS JOIN json_each($2) i CROSS JOIN billing_value b \
        WHERE b.point_id = k.value ->> 0 AND b.item = i.value AND b.kind IN (1, 2) \
            AND b.at BETWEEN k.value ->> 1 AND k.value ->> 2",
    postgres: "SELECT b.point_id, b.item, b.kind, b.at, b.version, b.value, b.quality, b.read_at, b.lineage, b.seal \
        FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS k (point_id, from_at, until_at) \
        JOIN billing_value b ON b.point_id = k.point_id AND b.item = ANY ($4::bigint[]) \
            AND b.kind IN (1, 2) AND b.at BETWEEN k.from_at AND k.until_at",
};

const OF_POINTS: &str = "SELECT point_id, item, kind, at, version, value, quality, read_at, lineage, seal \
    FROM billing_value WHERE point_id BETWEEN $1 AND $2";

const METER_TYPES: Sql = Sql {
    sqlite: "SELECT id, address, protocol, profile FROM meter WHERE id IN (SELECT value FROM json_each($1))",
    postgres: "SELECT id, address, protocol, profile FROM meter WHERE id = ANY ($1::bigint[])",
};

const POINTS_OF: Sql = Sql {
    sqlite: "SELECT DISTINCT point_id FROM installation \
        WHERE meter_id IN (SELECT value FROM json_each($1)) ORDER BY point_id",
    postgres: "SELECT DISTINCT point_id FROM installation WHERE meter_id = ANY ($1::bigint[]) ORDER BY point_id",
};

const POINT_NUMBERS: Sql = Sql {
    sqlite: "SELECT id, number FROM metering_point WHERE id IN (SELECT value FROM json_each($1))",
    postgres: "SELECT id, number FROM metering_point WHERE id = ANY ($1::bigint[])",
};

const POINTS_BETWEEN: &str = "SELECT DISTINCT p.id, p.number FROM metering_point p \
    JOIN installation n ON n.point_id = p.id \
    WHERE n.installed_at < $2 AND (n.removed_at IS NULL OR n.removed_at > $1) ORDER BY p.number";
