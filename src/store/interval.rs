//! Curves: one row for each meter, item and day, whose slots are filled once (F18).
//!
//! What comes is merged in memory with what is there, under a lock of the row; a later value that differs from the one in
//! its slot is recorded as a conflict. So the same batch again changes nothing.

use std::collections::BTreeMap;

use super::billing::Span;
use super::damage::{self, Damage, Looked};
use super::error::StoreError;
use super::partition::Large;
use super::seal::Seal;
use super::sql::{Kind, Rows, Sql, Table, parse_array};
use super::transaction::Transaction;
use super::{Store, code, item};
use crate::domain::{
    Coded, Day, DayCurve, Fetch, Id, Item, Meter, Moment, Quality, SlotConflict, SlotValue, SlotsPerDay,
};

/// A value that came later than another one for its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntervalConflict {
    /// The meter.
    pub meter: Id<Meter>,
    /// What is measured.
    pub item: Item,
    /// Both values, and their instant.
    pub slot: SlotConflict,
    /// The fetch that brought the later one.
    pub fetch: Id<Fetch>,
}

impl Store {
    /// The curves of these meters from one day up to and with another, days without a value left out, in order of meter,
    /// item and day.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or holds what this version does not know.
    pub async fn curves(
        &self,
        meters: &[Id<Meter>],
        items: &[Item],
        from: Day,
        until: Day,
    ) -> Result<Vec<DayCurve>, StoreError> {
        let mut reading = self.read("reading curves").await?;
        let dialect = reading.dialect();
        let meters = dialect.array(meters.iter().map(|meter| Some(meter.number())));
        let items = dialect.array(items.iter().map(|item| Some(item.key().number().into())));
        let args = [meters.into(), items.into(), from.into(), until.into()];
        let rows: Vec<Row> = reading.rows(OF_METERS, &args).await?;
        let curves = rows.into_iter().map(curve).filter_map(Result::transpose);
        curves.collect()
    }

    /// The conflicts of a meter at instants from `from` up to and with `until`, in order of time.
    ///
    /// # Errors
    /// As [`Self::curves`].
    pub async fn interval_conflicts(
        &self,
        meter: Id<Meter>,
        from: Moment,
        until: Moment,
    ) -> Result<Vec<IntervalConflict>, StoreError> {
        let mut reading = self.read("reading conflicts of curves").await?;
        let rows: Vec<(i64, i64, i64, i64, i64)> =
            reading.rows(CONFLICTS, &[meter.into(), from.into(), until.into()]).await?;
        let conflict = |(key, at, kept, offered, fetch)| {
            let slot = SlotConflict { at: Moment::from_micros(at), kept, offered };
            Ok(IntervalConflict { meter, item: item(key)?, slot, fetch: Id::new(fetch) })
        };
        rows.into_iter().map(conflict).collect()
    }
}

/// The curves of one item on the days of these stretches.
pub(super) async fn of_spans(
    reading: &mut Transaction,
    spans: &[Span<Meter>],
    item: Item,
) -> Result<Vec<DayCurve>, StoreError> {
    let days =
        |span: &Span<Meter>| [span.of.number(), Day::of(span.from).number(), Day::of(span.until).number()];
    let mut args = reading.dialect().keys(&spans.iter().map(days).collect::<Vec<_>>());
    args.push(item.into());
    let rows: Vec<Row> = reading.rows(OF_SPANS, &args).await?;
    rows.into_iter().map(curve).filter_map(Result::transpose).collect()
}

type Row = (i64, i64, i64, i64, String, Option<String>, Option<i64>);

/// `None` for what is not as it was written (F42): its day counts as without values.
fn curve((meter, key, day, slots, values, qualities, kept): Row) -> Result<Option<DayCurve>, StoreError> {
    let unknown = |list, found: String| StoreError::Unknown { list, found };
    let parsed = parse_array(&values).zip(qualities.as_deref().map_or(Some(Vec::new()), parse_array));
    let Some((numbers, grades)) = parsed else {
        return if kept.is_some() { Ok(None) } else { Err(unknown("interval values", values)) };
    };
    if !seal([meter, key, day, slots], &numbers, &grades).fits(kept) {
        return Ok(None);
    }
    let item = item(key)?;
    let day = Day::from_number(day).ok_or_else(|| unknown("day", day.to_string()))?;
    let slots = SlotsPerDay::new(slots).ok_or_else(|| unknown("slots", slots.to_string()))?;
    let mut curve = Vec::with_capacity(numbers.len());
    for (slot, value) in numbers.into_iter().enumerate() {
        let number = grades.get(slot).copied().flatten().unwrap_or(0);
        let quality = if number == 0 { Quality::Good } else { code("quality", number)? };
        curve.push(value.map(|value| SlotValue { value, quality }));
    }
    Ok(Some(DayCurve::of_values(Id::new(meter), item, day, slots, curve)))
}

/// Over meter, item, day and slots, and all values with their qualities.
fn seal(key: [i64; 4], values: &[Option<i64>], qualities: &[Option<i64>]) -> Seal {
    Seal::default().numbers(key).numbers(values.iter().copied()).numbers(qualities.iter().copied())
}

/// Looks at all curves of the meters from one to another.
pub(super) async fn look(reading: &mut Transaction, first: i64, last: i64) -> Result<Looked, StoreError> {
    let rows: Vec<Row> = reading.rows(OF_ALL, &[first.into(), last.into()]).await?;
    let mut looked = Looked { rows: rows.len().try_into().unwrap_or(u64::MAX), ..Looked::default() };
    for row in rows {
        let (of, day) = (row.0, Day::from_number(row.2));
        if curve(row)?.is_none() {
            looked.damaged.extend(day.map(|day| Damage { table: Large::Intervals, day, of }));
        }
    }
    Ok(looked)
}

/// What saving curves did.
#[derive(Debug, Default)]
pub(super) struct Saved {
    pub(super) filled: usize,
    pub(super) conflicts: Vec<IntervalConflict>,
}

/// Merges curves into those that are there. `None` when another writer made a row in the meantime: all must be tried
/// again.
pub(super) async fn save(
    writing: &mut Transaction,
    arrivals: &[(Id<Fetch>, &DayCurve)],
    now: Moment,
) -> Result<Option<Saved>, StoreError> {
    let dialect = writing.dialect();
    // In one order, so that two writers wait for each other instead of locking crosswise.
    let mut days: BTreeMap<[i64; 3], Vec<(Id<Fetch>, &DayCurve)>> = BTreeMap::new();
    for (fetch, curve) in arrivals {
        let key = [curve.meter.number(), curve.item.key().number().into(), curve.day.number()];
        days.entry(key).or_default().push((*fetch, curve));
    }
    let keys: Vec<[i64; 3]> = days.keys().copied().collect();
    let rows: Vec<Row> = writing.rows(HELD, &dialect.keys(&keys)).await?;
    let mut held: BTreeMap<[i64; 3], DayCurve> = BTreeMap::new();
    let mut damaged = Vec::new();
    for row in rows {
        let key @ [of, _, day] = [row.0, row.1, row.2];
        match curve(row)? {
            Some(curve) => drop(held.insert(key, curve)),
            // Nothing is put beside it, since a filled slot is not changed: a backup has what was there.
            None => {
                let day = days
                    .remove(&key)
                    .and_then(|arrivals| Some(arrivals.first()?.1.day))
                    .or_else(|| Day::from_number(day));
                damaged.extend(day.map(|day| Damage { table: Large::Intervals, day, of }));
            }
        }
    }
    damage::tell(writing, &damaged, now).await?;
    let mut saved = Saved::default();
    let (mut new, mut changed) = (Rows::new(&NEW), Rows::new(&CHANGED));
    for (key, arrivals) in days {
        let before = held.remove(&key);
        let Some(merged) = merge(before.as_ref(), &arrivals, &mut saved) else { continue };
        let rows = if before.is_some() { &mut changed } else { &mut new };
        let [meter, item, day] = key;
        let slots = i64::from(merged.slots().count());
        let (values, qualities) = numbers(&merged);
        let seal = seal([meter, item, day, slots], &values, &qualities).made();
        let text = |numbers: Vec<Option<i64>>| dialect.array(numbers.into_iter());
        rows.push([
            meter.into(),
            item.into(),
            day.into(),
            slots.into(),
            text(values).into(),
            (!qualities.is_empty()).then(|| text(qualities)).into(),
            seal.into(),
        ]);
    }
    let made = writing.insert(&NEW, &new).await?;
    if usize::try_from(made).ok() != Some(new.len()) {
        return Ok(None);
    }
    writing.insert(&CHANGED, &changed).await?;
    let mut rows = Rows::new(&CONFLICT);
    for IntervalConflict { meter, item, slot, fetch } in &saved.conflicts {
        let (kept, offered) = (slot.kept.into(), slot.offered.into());
        rows.push([
            (*meter).into(),
            (*item).into(),
            slot.at.into(),
            kept,
            offered,
            (*fetch).into(),
            now.into(),
        ]);
    }
    writing.insert(&CONFLICT, &rows).await?;
    Ok(Some(saved))
}

/// The day with the arrivals in it, when that differs from before.
fn merge(
    before: Option<&DayCurve>,
    arrivals: &[(Id<Fetch>, &DayCurve)],
    saved: &mut Saved,
) -> Option<DayCurve> {
    let first = arrivals.first()?.1;
    let empty = || DayCurve::new(first.meter, first.item, first.day, first.slots());
    let mut merged = before.map_or_else(empty, DayCurve::clone);
    for (fetch, curve) in arrivals {
        for slot in merged.merge(curve) {
            saved.conflicts.push(IntervalConflict {
                meter: curve.meter,
                item: curve.item,
                slot,
                fetch: *fetch,
            });
        }
    }
    let (was, is) = (before.map_or(0, DayCurve::count), merged.count());
    saved.filled += is - was;
    (is > was).then_some(merged)
}

/// The values of a curve, and their qualities unless all are good.
fn numbers(curve: &DayCurve) -> (Vec<Option<i64>>, Vec<Option<i64>>) {
    let slots = curve.values();
    let is_good = |slot: &Option<SlotValue>| slot.is_none_or(|slot| slot.quality == Quality::Good);
    let of_each = |number: fn(SlotValue) -> i64| slots.iter().map(|slot| slot.map(number)).collect();
    let qualities = if slots.iter().all(is_good) { Vec::new() } else { of_each(|slot| slot.quality.code()) };
    (of_each(|slot| slot.value), qualities)
}

const COLUMNS: &[(&str, Kind)] = &[
    ("meter_id", Kind::Int),
    ("item", Kind::Int),
    ("day", Kind::Int),
    ("slots", Kind::Int),
    ("v", Kind::Array),
    ("q", Kind::Array),
    ("seal", Kind::Int),
];

const NEW: Table = Table { name: "interval_day", columns: COLUMNS, on_conflict: "DO NOTHING" };

const CHANGED: Table = Table {
    name: "interval_day",
    columns: COLUMNS,
    on_conflict: "(meter_id, item, day) DO UPDATE SET slots = excluded.slots, v = excluded.v, q = excluded.q, \
        seal = excluded.seal",
};

const CONFLICT: Table = Table {
    name: "interval_conflict",
    columns: &[
        ("meter_id", Kind::Int),
        ("item", Kind::Int),
        ("at", Kind::Int),
        ("kept", Kind::Int),
        ("offered", Kind::Int),
        ("fetch_id", Kind::Int),
        ("seen_at", Kind::Int),
    ],
    on_conflict: "DO NOTHING",
};

const HELD: Sql = Sql {
    sqlite: "SELECT d.meter_id, d.item, d.day, d.slots, d.v, d.q, d.seal FROM json_each($1) k CROSS JOIN interval_day d \
        WHERE d.meter_id = k.value ->> 0 AND d.item = k.value ->> 1 AND d.day = k.value ->> 2",
    postgres: "SELECT d.meter_id, d.item, d.day, d.slots, d.v::text, d.q::text, d.seal \
        FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS k (meter_id, item, day) \
        JOIN interval_day d USING (meter_id, item, day) ORDER BY 1, 2, 3 FOR UPDATE OF d",
};

const OF_METERS: Sql = Sql {
    sqlite: "SELECT d.meter_id, d.item, d.day, d.slots, d.v, d.q, d.seal FROM interval_day d \
        WHERE d.meter_id IN (SELECT value FROM json_each($1)) AND d.item IN (SELECT value FROM json_each($2)) \
        AND d.day BETWEEN $3 AND $4 ORDER BY 1, 2, 3",
    postgres: "SELECT d.meter_id, d.item, d.day, d.slots, d.v::text, d.q::text, d.seal FROM interval_day d \
        WHERE d.meter_id = ANY ($1::bigint[]) AND d.item = ANY ($2::bigint[]) \
        AND d.day BETWEEN $3 AND $4 ORDER BY 1, 2, 3",
};

const OF_SPANS: Sql = Sql {
    sqlite: "SELECT d.meter_id, d.item, d.day, d.slots, d.v, d.q, d.seal FROM json_each($1) k CROSS JOIN interval_day d \
        WHERE d.meter_id = k.value ->> 0 AND d.item = $2 AND d.day BETWEEN k.value ->> 1 AND k.value ->> 2",
    postgres: "SELECT d.meter_id, d.item, d.day, d.slots, d.v::text, d.q::text, d.seal \
        FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS k (meter_id, first, last) \
        JOIN interval_day d ON d.meter_id = k.meter_id AND d.item = $4 AND d.day BETWEEN k.first AND k.last",
};

const OF_ALL: Sql = Sql {
    sqlite: "SELECT meter_id, item, day, slots, v, q, seal FROM interval_day WHERE meter_id BETWEEN $1 AND $2",
    postgres: "SELECT meter_id, item, day, slots, v::text, q::text, seal FROM interval_day \
        WHERE meter_id BETWEEN $1 AND $2",
};

const CONFLICTS: &str = "SELECT item, at, kept, offered, fetch_id FROM interval_conflict \
    WHERE meter_id = $1 AND at BETWEEN $2 AND $3 ORDER BY at, item, offered";
