//! Fetches: which exchange brought a value, with its frames. Every value leads back to one.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::error::{Refusal, StoreError};
use super::sql::{Kind, Rows, Sql, Table};
use super::transaction::Transaction;
use super::{Store, code, sql};
use crate::domain::{Coded, Day, DayCurve, Fetch, Id, Item, Meter, Moment, Source};

/// What a fetch brought of curves, without its frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brought {
    /// Its number.
    pub id: Id<Fetch>,
    /// How the values were come by.
    pub source: Source,
    /// When the last byte came in, by our clock.
    pub collected_at: Moment,
    items: Vec<i64>,
    span: (Moment, Moment),
    holes: HashSet<(i64, i64)>,
}

impl Brought {
    /// Whether it brought the value of an item for an instant.
    #[must_use]
    pub fn has(&self, item: Item, at: Moment) -> bool {
        let key = i64::from(item.key().number());
        let is_asked = self.span.0 <= at && at <= self.span.1 && self.items.contains(&key);
        is_asked && !self.holes.contains(&(key, at.micros()))
    }
}

/// The fetches of a meter that brought values of curves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllBrought(Vec<Brought>);

impl AllBrought {
    /// The first that brought the value of an item for an instant: a slot that is filled stays as it is.
    #[must_use]
    pub fn first(&self, item: Item, at: Moment) -> Option<&Brought> {
        // They are in order of their beginning, and none spans more than a day.
        let from = self.0.partition_point(|brought| brought.span.0 < at.minus(A_DAY));
        let until = self.0.partition_point(|brought| brought.span.0 <= at);
        let near = self.0.get(from..until).unwrap_or_default();
        near.iter().filter(|brought| brought.has(item, at)).min_by_key(|brought| brought.id.number())
    }
}

impl Store {
    /// Which fetches of a meter brought values for instants from the first of these days up to the end of the last.
    ///
    /// # Errors
    /// As [`Self::fetches`].
    pub async fn brought(
        &self,
        meter: Id<Meter>,
        (from, until): (Day, Day),
    ) -> Result<AllBrought, StoreError> {
        let mut reading = self.read("reading which fetches brought a curve").await?;
        let args = [meter.into(), from.start().into(), until.next().start().into()];
        let rows: Vec<BroughtRow> = reading.rows(BROUGHT, &args).await?;
        let all: Result<Vec<Brought>, StoreError> = rows.into_iter().map(brought).collect();
        all.map(AllBrought)
    }

    /// A number for a fetch that is about to be saved.
    #[must_use]
    pub fn new_fetch_id(&self, now: Moment) -> Id<Fetch> {
        Id::new(self.numbers.next(now))
    }

    /// The fetches of a meter whose values hold for instants from `from` up to and with `until`, in order of time.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or holds what this version does not know.
    pub async fn fetches(
        &self,
        meter: Id<Meter>,
        from: Moment,
        until: Moment,
    ) -> Result<Vec<Fetch>, StoreError> {
        let mut reading = self.read("reading fetches").await?;
        let rows: Vec<Row> = reading.rows(OF_METER, &[meter.into(), from.into(), until.into()]).await?;
        rows.into_iter().map(fetch).collect()
    }

    /// The fetch of a meter with this number, if it is kept.
    ///
    /// # Errors
    /// As [`Self::fetches`].
    pub async fn fetch_of(&self, meter: Id<Meter>, id: Id<Fetch>) -> Result<Option<Fetch>, StoreError> {
        let mut reading = self.read("reading a fetch").await?;
        let row: Option<Row> = reading.row(ONE, &[meter.into(), id.into()]).await?;
        row.map(fetch).transpose()
    }
}

type Row = (i64, i64, String, i64, i64, i64, i64, Vec<u8>, Option<i64>);

fn fetch(row: Row) -> Result<Fetch, StoreError> {
    let (id, meter, items, from, until, source, collected_at, frames, run) = row;
    let item = |key: Option<i64>| key.and_then(Item::with_key);
    let keys = sql::parse_array(&items).unwrap_or_default();
    let items: Option<Vec<Item>> = keys.into_iter().map(item).collect();
    Ok(Fetch {
        id: Id::new(id),
        meter: Id::new(meter),
        items: items.ok_or(StoreError::Unknown { list: "item", found: format!("in fetch {id}") })?,
        from: Moment::from_micros(from),
        until: Moment::from_micros(until),
        source: code("source", source)?,
        collected_at: Moment::from_micros(collected_at),
        frames,
        run: run.map(Id::new),
    })
}

/// Number, items, first and last instant, source, when it came in, holes.
type BroughtRow = (i64, String, i64, i64, i64, i64, Option<String>);

fn brought(row: BroughtRow) -> Result<Brought, StoreError> {
    let (id, items, from, until, source, collected_at, holes) = row;
    let unknown = |list| StoreError::Unknown { list, found: format!("in fetch {id}") };
    let holes: Vec<(i64, i64)> = match holes {
        Some(text) => serde_json::from_str(&text).map_err(|_| unknown("holes"))?,
        None => Vec::new(),
    };
    Ok(Brought {
        id: Id::new(id),
        source: code("source", source)?,
        collected_at: Moment::from_micros(collected_at),
        items: sql::parse_array(&items).unwrap_or_default().into_iter().flatten().collect(),
        span: (Moment::from_micros(from), Moment::from_micros(until)),
        holes: holes.into_iter().collect(),
    })
}

/// Saves fetches; one that is there already is left as it is. `curves` are those they brought.
pub(super) async fn save(
    writing: &mut Transaction,
    fetches: &[Fetch],
    curves: &[(Id<Fetch>, &DayCurve)],
) -> Result<(), StoreError> {
    let dialect = writing.dialect();
    let mut brought: HashMap<Id<Fetch>, Vec<&DayCurve>> = HashMap::new();
    for (fetch, curve) in curves {
        brought.entry(*fetch).or_default().push(curve);
    }
    let mut rows = Rows::new(&FETCH);
    for fetch in fetches {
        if fetch.until.since(fetch.from).as_secs() > 86_400 || fetch.until < fetch.from {
            return Err(StoreError::Refused(Refusal::FetchSpan));
        }
        let items = fetch.items.iter().map(|item| Some(item.key().number().into()));
        let holes = brought.get(&fetch.id).map(|curves| holes(fetch, curves)).unwrap_or_default();
        let holes: Vec<String> = holes
            .into_iter()
            .map(|(item, at)| format!("[{},{}]", item.key().number(), at.micros()))
            .collect();
        rows.push([
            fetch.id.into(),
            fetch.meter.into(),
            Day::of(fetch.from).into(),
            dialect.array(items).into(),
            fetch.from.into(),
            fetch.until.into(),
            (!holes.is_empty()).then(|| format!("[{}]", holes.join(","))).into(),
            fetch.source.code().into(),
            fetch.collected_at.into(),
            fetch.frames.as_slice().into(),
            fetch.run.into(),
        ]);
    }
    let saved = writing.insert(&FETCH, &rows).await?;
    if usize::try_from(saved).unwrap_or(0) < rows.len() { compare(writing, fetches).await } else { Ok(()) }
}

/// Refuses a number that is taken by another fetch.
async fn compare(writing: &mut Transaction, fetches: &[Fetch]) -> Result<(), StoreError> {
    let keys: Vec<[i64; 2]> = fetches.iter().map(|fetch| [fetch.meter.number(), fetch.id.number()]).collect();
    let args = writing.dialect().keys(&keys);
    let held: Vec<(i64, i64, i64)> = writing.rows(HELD, &args).await?;
    let held: HashSet<(i64, i64, i64)> = held.into_iter().collect();
    let is_held = |fetch: &Fetch| {
        held.contains(&(fetch.id.number(), fetch.meter.number(), fetch.collected_at.micros()))
    };
    if fetches.iter().all(is_held) { Ok(()) } else { Err(StoreError::Refused(Refusal::FetchNumber)) }
}

/// The instants in the span of a fetch for which it brought no value of one of its items.
fn holes(fetch: &Fetch, curves: &[&DayCurve]) -> Vec<(Item, Moment)> {
    let mut holes = Vec::new();
    for item in fetch.items.iter().copied() {
        let own = || curves.iter().filter(move |curve| curve.item == item);
        // An item of which nothing came has the slots of the others.
        let Some(slots) = own().chain(curves).map(|curve| curve.slots()).next() else { continue };
        let (mut day, last) = (Day::of(fetch.from), Day::of(fetch.until));
        while day <= last {
            for slot in 0..slots.count() {
                let at = slots.instant(day, slot);
                let is_asked = fetch.from <= at && at <= fetch.until;
                if is_asked && !own().any(|curve| curve.at(at).is_some()) {
                    holes.push((item, at));
                }
            }
            day = day.next();
        }
    }
    holes
}

const FETCH: Table = Table {
    name: "meter_fetch",
    columns: &[
        ("id", Kind::Int),
        ("meter_id", Kind::Int),
        ("day", Kind::Int),
        ("items", Kind::Array),
        ("from_at", Kind::Int),
        ("until_at", Kind::Int),
        ("holes", Kind::Text),
        ("source", Kind::Int),
        ("collected_at", Kind::Int),
        ("frames", Kind::Bytes),
        ("run_id", Kind::Int),
    ],
    on_conflict: "DO NOTHING",
};

const HELD: Sql = Sql {
    sqlite: "SELECT f.id, f.meter_id, f.collected_at FROM json_each($1) k CROSS JOIN meter_fetch f WHERE f.id = k.value ->> 1",
    postgres: "SELECT f.id, f.meter_id, f.collected_at FROM unnest($1::bigint[], $2::bigint[]) AS k (meter_id, id) \
        JOIN meter_fetch f USING (meter_id, id)",
};

const OF_METER: Sql = Sql {
    sqlite: "SELECT id, meter_id, items, from_at, until_at, source, collected_at, frames, run_id FROM meter_fetch \
        WHERE meter_id = $1 AND until_at >= $2 AND from_at BETWEEN $2 - 86400000000 AND $3 ORDER BY from_at, id",
    postgres: "SELECT id, meter_id, items::text, from_at, until_at, source, collected_at, frames, run_id FROM meter_fetch \
        WHERE meter_id = $1 AND until_at >= $2 AND from_at BETWEEN $2 - 86400000000 AND $3 ORDER BY from_at, id",
};

const BROUGHT: Sql = Sql {
    sqlite: "SELECT id, items, from_at, until_at, source, collected_at, holes FROM meter_fetch \
        WHERE meter_id = $1 AND until_at >= $2 AND from_at BETWEEN $2 - 86400000000 AND $3 ORDER BY from_at, id",
    postgres: "SELECT id, items::text, from_at, until_at, source, collected_at, holes FROM meter_fetch \
        WHERE meter_id = $1 AND until_at >= $2 AND from_at BETWEEN $2 - 86400000000 AND $3 ORDER BY from_at, id",
};

/// The longest span of a fetch.
const A_DAY: Duration = Duration::from_secs(86_400);

const ONE: Sql = Sql {
    sqlite: "SELECT id, meter_id, items, from_at, until_at, source, collected_at, frames, run_id FROM meter_fetch \
        WHERE meter_id = $1 AND id = $2",
    postgres: "SELECT id, meter_id, items::text, from_at, until_at, source, collected_at, frames, run_id FROM meter_fetch \
        WHERE meter_id = $1 AND id = $2",
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Quality, SlotValue, SlotsPerDay, Source};

    #[test]
    fn a_hole_is_an_instant_without_a_value_of_an_item() {
        let (one, other) = (Item::parse("1.8.0").unwrap(), Item::parse("2.8.0").unwrap());
        let day: Day = "2026-11-21".parse().unwrap();
        let slots = SlotsPerDay::new(24).unwrap();
        let value = Some(SlotValue { value: 1, quality: Quality::Good });
        let curve = DayCurve::of_values(Id::new(1), one, day, slots, vec![value, None, value, value]);
        let fetch = |items: &[Item]| Fetch {
            id: Id::new(1),
            meter: Id::new(1),
            items: items.to_vec(),
            from: slots.instant(day, 0),
            until: slots.instant(day, 2),
            source: Source::LoadRecord,
            collected_at: day.start(),
            frames: Vec::new(),
            run: None,
        };
        assert_eq!(holes(&fetch(&[one]), &[&curve]), [(one, slots.instant(day, 1))]);
        assert_eq!(holes(&fetch(&[one, other]), &[&curve]).len(), 4);
        assert_eq!(holes(&fetch(&[one]), &[]), []);
    }
}
