//! The ledger of register reads: versions are added, none is changed (I4).

use std::collections::HashMap;

use super::damage::{self, Damage, Looked};
use super::error::StoreError;
use super::partition::Large;
use super::seal::Seal;
use super::sql::{Kind, Rows, Sql, Table};
use super::transaction::Transaction;
use super::{Store, code, item};
use crate::domain::register::State;
use crate::domain::version::{self, Booking, Decision, Held, Offered};
use crate::domain::{
    Accepted, Coded, Day, Id, Meter, Moment, Quality, RegisterKey, RegisterReading, Source, Suspicion,
};

/// A version in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerEntry {
    /// The reading.
    pub reading: RegisterReading,
    /// 1, 2, 3 ...
    pub version: i64,
    /// Whether it is the one that counts.
    pub is_current: bool,
    /// When it was written.
    pub recorded_at: Moment,
    /// Who decided that it counts, or brought it; `None` for what came from a meter and the rules decided.
    pub decided_by: Option<String>,
    /// Why.
    pub note: Option<String>,
}

/// The accepted states next to an instant in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Neighbours {
    /// The last one before.
    pub before: Option<State>,
    /// The first one behind.
    pub after: Option<State>,
}

impl Store {
    /// The current accepted value of each key that has one.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or holds what this version does not know.
    pub async fn accepted(&self, keys: &[RegisterKey]) -> Result<HashMap<RegisterKey, Accepted>, StoreError> {
        accepted(&mut self.read("reading accepted registers").await?, keys).await
    }

    /// The accepted states before and behind each key, for judging what is read for it.
    ///
    /// # Errors
    /// As [`Self::accepted`].
    pub async fn neighbours(
        &self,
        keys: &[RegisterKey],
    ) -> Result<HashMap<RegisterKey, Neighbours>, StoreError> {
        neighbours(&mut self.read("reading neighbouring registers").await?, keys).await
    }

    /// All versions of a meter's registers from `from` up to and with `until`, in order of time, item and version.
    ///
    /// # Errors
    /// As [`Self::accepted`].
    pub async fn ledger(
        &self,
        meter: Id<Meter>,
        from: Moment,
        until: Moment,
    ) -> Result<Vec<LedgerEntry>, StoreError> {
        let mut reading = self.read("reading the ledger").await?;
        let rows: Vec<Row> = reading.rows(OF_METER, &[meter.into(), from.into(), until.into()]).await?;
        entries(meter, rows)
    }

    /// All versions of those of a meter's registers whose newest value is a read, at the instants of these values: by instant, item and
    /// version.
    ///
    /// # Errors
    /// As [`Self::accepted`].
    pub async fn ledger_of_latest(&self, meter: Id<Meter>) -> Result<Vec<LedgerEntry>, StoreError> {
        let mut reading = self.read("reading the versions of the newest values").await?;
        let rows: Vec<Row> = reading.rows(OF_LATEST, &[meter.into()]).await?;
        entries(meter, rows)
    }
}

/// Versions in order of time, item and version, each with whether it counts.
fn entries(meter: Id<Meter>, rows: Vec<Row>) -> Result<Vec<LedgerEntry>, StoreError> {
    let mut entries = rows.into_iter().map(|row| entry(meter, row)).collect::<Result<Vec<_>, _>>()?;
    // From the back, since of the versions of one key the newest accepted one counts.
    let mut counted = None;
    for entry in entries.iter_mut().rev() {
        let key = entry.reading.key();
        let quality = entry.reading.quality;
        let is_damaged = quality == Quality::Suspect(Suspicion::Damaged);
        if (is_damaged || quality.is_accepted()) && counted != Some(key) {
            entry.is_current = !is_damaged;
            counted = Some(key);
        }
    }
    Ok(entries)
}

impl Store {
    /// How many accepted versions were written since an instant.
    ///
    /// # Errors
    /// As [`Self::accepted`].
    pub async fn count_registers(&self, since: Moment) -> Result<u64, StoreError> {
        let mut reading = self.read("counting register reads").await?;
        let (count,): (i64,) = reading.row(COUNT_SINCE, &[since.into()]).await?.unwrap_or_default();
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// For how many meters accepted live reads were written since an instant: those whose freeze does not count.
    ///
    /// # Errors
    /// As [`Self::accepted`].
    pub async fn count_live(&self, since: Moment) -> Result<u64, StoreError> {
        let mut reading = self.read("counting live reads").await?;
        let values = [since.into(), Source::Live.code().into()];
        let (count,): (i64,) = reading.row(COUNT_LIVE, &values).await?.unwrap_or_default();
        Ok(u64::try_from(count).unwrap_or(0))
    }
}

fn numbers(key: RegisterKey) -> [i64; 3] {
    [key.meter.number(), key.item.key().number().into(), key.as_of.micros()]
}

type Row = (
    i64,
    i64,
    i64,
    i64,
    i64,
    i64,
    Option<String>,
    i64,
    Option<i64>,
    i64,
    Option<String>,
    Option<String>,
    Option<i64>,
);

fn entry(meter: Id<Meter>, row: Row) -> Result<LedgerEntry, StoreError> {
    let (
        key,
        as_of,
        version,
        value,
        quality,
        source,
        meter_time,
        collected_at,
        fetch,
        recorded_at,
        by,
        note,
        kept,
    ) = row;
    let (quality, source) = judged([meter.number(), key, as_of, version, value, quality, source], kept)?;
    Ok(LedgerEntry {
        reading: RegisterReading {
            meter,
            item: item(key)?,
            as_of: Moment::from_micros(as_of),
            value,
            meter_time,
            collected_at: Moment::from_micros(collected_at),
            source,
            quality,
            fetch: fetch.map(Id::new),
        },
        version,
        is_current: false,
        recorded_at: Moment::from_micros(recorded_at),
        decided_by: by,
        note,
    })
}

/// One version.
pub(super) async fn version_of(
    reading: &mut Transaction,
    key: RegisterKey,
    version: i64,
) -> Result<Option<LedgerEntry>, StoreError> {
    let [meter, item, as_of] = numbers(key);
    let args = [meter.into(), item.into(), as_of.into(), version.into()];
    let row: Option<Row> = reading.row(ONE, &args).await?;
    row.map(|row| entry(key.meter, row)).transpose()
}

/// The accepted states before and behind each key; see [`Store::neighbours`].
pub(super) async fn neighbours(
    reading: &mut Transaction,
    keys: &[RegisterKey],
) -> Result<HashMap<RegisterKey, Neighbours>, StoreError> {
    let numbers: Vec<[i64; 3]> = keys.iter().map(|key| numbers(*key)).collect();
    let args = reading.dialect().keys(&numbers);
    let found: Vec<(Option<i64>, Option<i64>, i64)> = reading.rows(BESIDE, &args).await?;
    let mut beside = HashMap::new();
    for (before, after, place) in found {
        // Counted from 0 in SQLite, from 1 in PostgreSQL, and put right in the statement.
        let Some(key) = usize::try_from(place).ok().and_then(|place| keys.get(place)) else { continue };
        let at = |micros: i64| RegisterKey { as_of: Moment::from_micros(micros), ..*key };
        beside.insert(*key, (before.map(at), after.map(at)));
    }
    let asked: Vec<RegisterKey> =
        beside.values().flat_map(|(before, after)| [*before, *after]).flatten().collect();
    let values = accepted(reading, &asked).await?;
    let state = |key: Option<RegisterKey>| {
        key.and_then(|key| Some(State { at: key.as_of, value: values.get(&key)?.value }))
    };
    let both = |(key, (before, after))| (key, Neighbours { before: state(before), after: state(after) });
    Ok(beside.into_iter().map(both).collect())
}

pub(super) async fn accepted(
    reading: &mut Transaction,
    keys: &[RegisterKey],
) -> Result<HashMap<RegisterKey, Accepted>, StoreError> {
    let held = held(reading, keys).await?.held;
    let current = |(key, held): (RegisterKey, Vec<Held>)| {
        let current = version::current(&held)?;
        let Held { value, quality, version, source, .. } = *current;
        Some((key, Accepted { value, quality, version, read_at: key.as_of, source }))
    };
    Ok(held.into_iter().filter_map(current).collect())
}

/// All versions of each key.
async fn held(reading: &mut Transaction, keys: &[RegisterKey]) -> Result<Versions, StoreError> {
    let numbers: Vec<[i64; 3]> = keys.iter().map(|key| numbers(*key)).collect();
    let args = reading.dialect().keys(&numbers);
    Versions::of(reading.rows(HELD, &args).await?)
}

/// What was decided in review on versions of these keys.
async fn decided<'a>(
    reading: &mut Transaction,
    keys: impl Iterator<Item = &'a RegisterKey>,
) -> Result<HashMap<RegisterKey, HashMap<i64, Decision>>, StoreError> {
    let numbers: Vec<[i64; 3]> = keys.map(|key| numbers(*key)).collect();
    let mut decided: HashMap<RegisterKey, HashMap<i64, Decision>> = HashMap::new();
    if numbers.is_empty() {
        return Ok(decided);
    }
    let args = reading.dialect().keys(&numbers);
    let rows: Vec<(i64, i64, i64, i64, i64)> = reading.rows(DECIDED, &args).await?;
    for (meter, of, as_of, version, decision) in rows {
        let key = RegisterKey { meter: Id::new(meter), item: item(of)?, as_of: Moment::from_micros(as_of) };
        decided.entry(key).or_default().insert(version, code("decision", decision)?);
    }
    Ok(decided)
}

/// Versions by their keys.
#[derive(Debug, Default)]
pub(super) struct Versions {
    pub(super) held: HashMap<RegisterKey, Vec<Held>>,
    pub(super) damaged: Vec<Damage>,
}

/// Meter, item, instant, version, value, quality and source, and their seal.
pub(super) type VersionRow = (i64, i64, i64, i64, i64, i64, i64, Option<i64>);

impl Versions {
    pub(super) fn of(rows: Vec<VersionRow>) -> Result<Self, StoreError> {
        let mut versions = Self::default();
        for (meter, key, as_of, version, value, quality, source, kept) in rows {
            let (quality, source) = judged([meter, key, as_of, version, value, quality, source], kept)?;
            let as_of = Moment::from_micros(as_of);
            if quality == Quality::Suspect(Suspicion::Damaged) {
                let day = Day::of(as_of);
                versions.damaged.push(Damage { table: Large::Registers, day, of: meter });
            }
            let item = match item(key) {
                // Of a damaged row that was found by its meter alone.
                Err(_) if quality == Quality::Suspect(Suspicion::Damaged) => continue,
                item => item?,
            };
            let key = RegisterKey { meter: Id::new(meter), item, as_of };
            let held = Held { version, value, quality, source, decision: None };
            versions.held.entry(key).or_default().push(held);
        }
        Ok(versions)
    }

    /// Looks at all rows of the meters from one to another.
    pub(super) async fn look(reading: &mut Transaction, first: i64, last: i64) -> Result<Looked, StoreError> {
        let rows: Vec<VersionRow> = reading.rows(OF_METERS, &[first.into(), last.into()]).await?;
        let count = rows.len().try_into().unwrap_or(u64::MAX);
        Ok(Looked { rows: count, damaged: Self::of(rows)?.damaged })
    }
}

/// Quality and source of a row; what they say in a damaged one may be anything.
fn judged(numbers: [i64; 7], kept: Option<i64>) -> Result<(Quality, Source), StoreError> {
    let [.., quality, source] = numbers;
    if !Seal::default().numbers(numbers).fits(kept) {
        return Ok((Quality::Suspect(Suspicion::Damaged), Source::Estimate));
    }
    Ok((code("quality", quality)?, code("source", source)?))
}

/// A reading on its way into the ledger.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offer<'a> {
    pub(super) reading: &'a RegisterReading,
    /// Who decided that it counts, and why.
    pub(super) decided: Option<(&'a str, &'a str)>,
    /// Who brought it and what they say, for what nobody has decided on.
    pub(super) told: Option<(&'a str, &'a str)>,
}

impl<'a> Offer<'a> {
    /// What the rules book.
    pub(super) const fn of(reading: &'a RegisterReading) -> Self {
        Self { reading, decided: None, told: None }
    }
}

/// What became of an offer, and which version counted before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Booked {
    pub(super) booking: Booking,
    pub(super) before: Option<i64>,
}

/// Adds versions for what is new. `None` when another writer took a version in the meantime: all must be tried again.
pub(super) async fn book(
    writing: &mut Transaction,
    offers: &[Offer<'_>],
    now: Moment,
) -> Result<Option<Vec<Booked>>, StoreError> {
    let mut keys: Vec<RegisterKey> = offers.iter().map(|offer| offer.reading.key()).collect();
    keys.sort_unstable_by_key(|key| numbers(*key));
    keys.dedup();
    let Versions { mut held, damaged } = held(writing, &keys).await?;
    damage::tell(writing, &damaged, now).await?;
    let decided = decided(writing, held.keys()).await?;
    for (key, decided) in decided {
        for version in held.get_mut(&key).into_iter().flatten() {
            version.decision = decided.get(&version.version).copied();
        }
    }
    let mut booked = Vec::with_capacity(offers.len());
    let mut rows = Rows::new(&LEDGER);
    for Offer { reading, decided, told } in offers {
        let by = decided.or(*told);
        let held = held.entry(reading.key()).or_default();
        let RegisterReading { value, quality, source, .. } = **reading;
        let offered = Offered { value, quality, source, is_decided: decided.is_some() };
        let before = version::current(held).map(|current| current.version);
        let booking = version::book(held, offered);
        booked.push(Booked { booking, before });
        let Booking::New(version, quality) = booking else { continue };
        held.push(Held { version, value, quality, source, decision: None });
        let [meter, item, as_of] = numbers(reading.key());
        let sealed = [meter, item, as_of, version, value, quality.code(), source.code()];
        rows.push([
            meter.into(),
            item.into(),
            as_of.into(),
            version.into(),
            value.into(),
            quality.code().into(),
            source.code().into(),
            reading.meter_time.as_deref().into(),
            reading.collected_at.into(),
            reading.fetch.into(),
            now.into(),
            by.map(|(by, _)| by).into(),
            by.map(|(_, note)| note).into(),
            Seal::default().numbers(sealed).made().into(),
        ]);
    }
    let added = writing.insert(&LEDGER, &rows).await?;
    Ok((usize::try_from(added).ok() == Some(rows.len())).then_some(booked))
}

const COUNT_SINCE: &str = "SELECT count(*) FROM register_ledger WHERE recorded_at >= $1 AND quality < 10";

const COUNT_LIVE: &str = "SELECT count(DISTINCT meter_id) FROM register_ledger \
     WHERE recorded_at >= $1 AND quality < 10 AND source = $2";

const LEDGER: Table = Table {
    name: "register_ledger",
    columns: &[
        ("meter_id", Kind::Int),
        ("item", Kind::Int),
        ("as_of", Kind::Int),
        ("version", Kind::Int),
        ("value", Kind::Int),
        ("quality", Kind::Int),
        ("source", Kind::Int),
        ("meter_time", Kind::Text),
        ("collected_at", Kind::Int),
        ("fetch_id", Kind::Int),
        ("recorded_at", Kind::Int),
        ("decided_by", Kind::Text),
        ("note", Kind::Text),
        ("seal", Kind::Int),
    ],
    on_conflict: "DO NOTHING",
};

const HELD: Sql = Sql {
    sqlite: "SELECT l.meter_id, l.item, l.as_of, l.version, l.value, l.quality, l.source, l.seal \
        FROM json_each($1) k CROSS JOIN register_ledger l \
        WHERE l.meter_id = k.value ->> 0 AND l.item = k.value ->> 1 AND l.as_of = k.value ->> 2",
    postgres: "SELECT l.meter_id, l.item, l.as_of, l.version, l.value, l.quality, l.source, l.seal \
        FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS k (meter_id, item, as_of) \
        JOIN register_ledger l USING (meter_id, item, as_of)",
};

const DECIDED: Sql = Sql {
    sqlite: "SELECT r.meter_id, r.item, r.as_of, r.version, r.decision FROM json_each($1) k CROSS JOIN review r \
        WHERE r.meter_id = k.value ->> 0 AND r.item = k.value ->> 1 AND r.as_of = k.value ->> 2 \
            AND r.decision IS NOT NULL",
    postgres: "SELECT r.meter_id, r.item, r.as_of, r.version, r.decision \
        FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS k (meter_id, item, as_of) \
        JOIN review r USING (meter_id, item, as_of) WHERE r.decision IS NOT NULL",
};

const OF_METERS: &str = "SELECT meter_id, item, as_of, version, value, quality, source, seal FROM register_ledger \
    WHERE meter_id BETWEEN $1 AND $2";

const BESIDE: Sql = Sql {
    sqlite: "SELECT (SELECT max(l.as_of) FROM register_ledger l WHERE l.meter_id = k.value ->> 0 \
            AND l.item = k.value ->> 1 AND l.as_of < k.value ->> 2 AND l.quality < 10), \
        (SELECT min(l.as_of) FROM register_ledger l WHERE l.meter_id = k.value ->> 0 \
            AND l.item = k.value ->> 1 AND l.as_of > k.value ->> 2 AND l.quality < 10), k.key FROM json_each($1) k",
    postgres: "SELECT (SELECT max(l.as_of) FROM register_ledger l WHERE l.meter_id = k.meter_id \
            AND l.item = k.item AND l.as_of < k.as_of AND l.quality < 10), \
        (SELECT min(l.as_of) FROM register_ledger l WHERE l.meter_id = k.meter_id \
            AND l.item = k.item AND l.as_of > k.as_of AND l.quality < 10), k.place - 1 \
        FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS k (meter_id, item, as_of, place)",
};

const ONE: &str = "SELECT item, as_of, version, value, quality, source, meter_time, collected_at, fetch_id, \
    recorded_at, decided_by, note, seal FROM register_ledger \
    WHERE meter_id = $1 AND item = $2 AND as_of = $3 AND version = $4";

const OF_METER: &str = "SELECT item, as_of, version, value, quality, source, meter_time, collected_at, fetch_id, \
    recorded_at, decided_by, note, seal FROM register_ledger WHERE meter_id = $1 AND as_of BETWEEN $2 AND $3 \
    ORDER BY as_of, item, version";

const OF_LATEST: &str = "SELECT l.item, l.as_of, l.version, l.value, l.quality, l.source, l.meter_time, l.collected_at, \
    l.fetch_id, l.recorded_at, l.decided_by, l.note, l.seal \
    FROM latest n CROSS JOIN register_ledger l \
    WHERE n.meter_id = $1 AND l.meter_id = n.meter_id AND l.item = n.item AND l.as_of = n.at ORDER BY l.as_of, l.item, l.version";
