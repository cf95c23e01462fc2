//! What billing has to look at again: noted beside what made it so, in the same transaction.

use super::lock;
use crate::domain::{Day, Id, Meter, Moment};
use crate::store::error::StoreError;
use crate::store::sql::{Kind, Rows, Sql, Table};
use crate::store::transaction::Transaction;

/// An instant of a meter at which something is that billing has not seen yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Due {
    /// The meter.
    pub meter: Id<Meter>,
    /// The instant.
    pub as_of: Moment,
}

impl Due {
    /// The days whose values may change: that of the instant, whose beginning it may stand for, and the one before.
    /// Meters and partitions know the years 2000 to 2099.
    pub(super) fn known_days(self) -> impl Iterator<Item = Day> {
        let day = Day::of(self.as_of);
        [day.previous(), day].into_iter().filter(|day| (FIRST..=LAST).contains(&day.number()))
    }
}

/// Notes what is due.
pub(in crate::store) async fn note(
    writing: &mut Transaction,
    due: impl IntoIterator<Item = Due>,
) -> Result<(), StoreError> {
    let mut due: Vec<Due> = due.into_iter().collect();
    due.sort_unstable();
    due.dedup();
    let mut rows = Rows::new(&DUE);
    for Due { meter, as_of } in due {
        rows.push([meter.into(), as_of.into(), 1.into()]);
    }
    writing.insert(&DUE, &rows).await?;
    Ok(())
}

/// Notes all that these meters showed since an instant, because what happened then is told only now. Nobody settles in
/// between, so that no value is made of what was known before.
pub(in crate::store) async fn note_since(
    writing: &mut Transaction,
    since: impl IntoIterator<Item = Due>,
) -> Result<(), StoreError> {
    let numbers = |since: Due| [since.meter.number(), since.as_of.micros()];
    let keys: Vec<[i64; 2]> = since.into_iter().map(numbers).collect();
    if keys.is_empty() {
        return Ok(());
    }
    lock(writing).await?;
    let args = writing.dialect().keys(&keys);
    writing.execute(SINCE, &args).await?;
    Ok(())
}

const DUE: Table = Table {
    name: "billing_due",
    columns: &[("meter_id", Kind::Int), ("as_of", Kind::Int), ("notes", Kind::Int)],
    on_conflict: "(meter_id, as_of) DO UPDATE SET notes = billing_due.notes + 1",
};

const SINCE: Sql = Sql {
    sqlite: "INSERT INTO billing_due (meter_id, as_of, notes) \
        SELECT DISTINCT l.meter_id, l.as_of, 1 FROM json_each($1) k CROSS JOIN register_ledger l \
        WHERE l.meter_id = k.value ->> 0 AND l.as_of >= k.value ->> 1 AND l.quality < 10 \
        ON CONFLICT (meter_id, as_of) DO UPDATE SET notes = billing_due.notes + 1",
    postgres: "INSERT INTO billing_due (meter_id, as_of, notes) \
        SELECT DISTINCT l.meter_id, l.as_of, 1 FROM unnest($1::bigint[], $2::bigint[]) AS k (meter_id, from_at) \
        JOIN register_ledger l ON l.meter_id = k.meter_id AND l.as_of >= k.from_at AND l.quality < 10 \
        ORDER BY 1, 2 \
        ON CONFLICT (meter_id, as_of) DO UPDATE SET notes = billing_due.notes + 1",
};

/// 2000-01-01 and 2099-12-31.
const FIRST: i64 = 10_957;
const LAST: i64 = 47_481;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_affects_its_day_and_the_one_before() {
        let days = |text: &str| {
            let as_of = text.parse::<Day>().unwrap().start();
            Due { meter: Id::new(1), as_of }.known_days().map(|day| day.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(days("2026-12-01"), ["2026-11-30", "2026-12-01"]);
        assert_eq!(days("2000-01-01"), ["2000-01-01"]);
        assert_eq!(days("2100-01-01"), ["2099-12-31"]);
        assert_eq!(days("1990-01-01"), [""; 0]);
    }
}
