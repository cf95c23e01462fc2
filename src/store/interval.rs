//! Curves: one row for each meter, item and day, whose slots are filled once (F18).
//!
//! What comes is merged in memory with what is there, under a lock of the row; a later value that differs from the one in
//! its slot is recorded as a conflict. So the same batch again changes nothing.

use std::collections::BTreeMap;

use super::error::StoreError;
use super::sql::{Dialect, Kind, Rows, Sql, Table, parse_array};
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
        rows.into_iter().map(curve).collect()
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

type Row = (i64, i64, i64, i64, String, Option<String>);

fn curve((meter, key, day, slots, values, qualities): Row) -> Result<DayCurve, StoreError> {
    let unknown = |list, found: String| StoreError::Unknown { list, found };
    let item = item(key)?;
    let day = Day::from_number(day).ok_or_else(|| unknown("day", day.to_string()))?;
    let slots = SlotsPerDay::new(slots).ok_or_else(|| unknown("slots", slots.to_string()))?;
    let values = parse_array(&values).ok_or_else(|| unknown("interval values", values))?;
    let qualities =
        qualities.map(|text| parse_array(&text).ok_or_else(|| unknown("interval qualities", text)));
    let qualities = qualities.transpose()?.unwrap_or_default();
    let mut curve = Vec::with_capacity(values.len());
    for (slot, value) in values.into_iter().enumerate() {
        let number = qualities.get(slot).copied().flatten().unwrap_or(0);
        let quality = if number == 0 { Quality::Good } else { code("quality", number)? };
        curve.push(value.map(|value| SlotValue { value, quality }));
    }
    Ok(DayCurve::of_values(Id::new(meter), item, day, slots, curve))
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
    for row in rows {
        held.insert([row.0, row.1, row.2], curve(row)?);
    }
    let mut saved = Saved::default();
    let (mut new, mut changed) = (Rows::new(&NEW), Rows::new(&CHANGED));
    for (key, arrivals) in days {
        let before = held.remove(&key);
        let Some(merged) = merge(before.as_ref(), &arrivals, &mut saved) else { continue };
        let rows = if before.is_some() { &mut changed } else { &mut new };
        let (values, qualities) = arrays(dialect, &merged);
        let [meter, item, day] = key;
        let slots = i64::from(merged.slots().count());
        rows.push([meter.into(), item.into(), day.into(), slots.into(), values.into(), qualities.into()]);
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
fn arrays(dialect: Dialect, curve: &DayCurve) -> (String, Option<String>) {
    let values = dialect.array(curve.values().iter().map(|slot| slot.map(|slot| slot.value)));
    let is_good = |slot: &Option<SlotValue>| slot.is_none_or(|slot| slot.quality == Quality::Good);
    let codes = || curve.values().iter().map(|slot| slot.map(|slot| slot.quality.code()));
    let qualities = (!curve.values().iter().all(is_good)).then(|| dialect.array(codes()));
    (values, qualities)
}

const COLUMNS: &[(&str, Kind)] = &[
    ("meter_id", Kind::Int),
    ("item", Kind::Int),
    ("day", Kind::Int),
    ("slots", Kind::Int),
    ("v", Kind::Array),
    ("q", Kind::Array),
];

const NEW: Table = Table { name: "interval_day", columns: COLUMNS, on_conflict: "DO NOTHING" };

const CHANGED: Table = Table {
    name: "interval_day",
    columns: COLUMNS,
    on_conflict: "(meter_id, item, day) DO UPDATE SET slots = excluded.slots, v = excluded.v, q = excluded.q",
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
    sqlite: "SELECT d.meter_id, d.item, d.day, d.slots, d.v, d.q FROM json_each($1) k CROSS JOIN interval_day d \
        WHERE d.meter_id = k.value ->> 0 AND d.item = k.value ->> 1 AND d.day = k.value ->> 2",
    postgres: "SELECT d.meter_id, d.item, d.day, d.slots, d.v::text, d.q::text \
        FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS k (meter_id, item, day) \
        JOIN interval_day d USING (meter_id, item, day) ORDER BY 1, 2, 3 FOR UPDATE OF d",
};

const OF_METERS: Sql = Sql {
    sqlite: "SELECT d.meter_id, d.item, d.day, d.slots, d.v, d.q FROM interval_day d \
        WHERE d.meter_id IN (SELECT value FROM json_each($1)) AND d.item IN (SELECT value FROM json_each($2)) \
        AND d.day BETWEEN $3 AND $4 ORDER BY 1, 2, 3",
    postgres: "SELECT d.meter_id, d.item, d.day, d.slots, d.v::text, d.q::text FROM interval_day d \
        WHERE d.meter_id = ANY ($1::bigint[]) AND d.item = ANY ($2::bigint[]) \
        AND d.day BETWEEN $3 AND $4 ORDER BY 1, 2, 3",
};

const CONFLICTS: &str = "SELECT item, at, kept, offered, fetch_id FROM interval_conflict \
    WHERE meter_id = $1 AND at BETWEEN $2 AND $3 ORDER BY at, item, offered";
