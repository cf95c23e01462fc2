//! Rows that are not as they were written (F42): they are not used, and somebody is told which days they are of.

use std::collections::BTreeMap;

use super::alarm::raise;
use super::error::StoreError;
use super::ledger::Versions;
use super::partition::Large;
use super::sql::Dialect;
use super::transaction::Transaction;
use super::{Store, billing, interval};
use crate::domain::{Alarm, AlarmKind, Coded, Day, Moment};

/// A row whose seal does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Damage {
    /// In which table.
    pub table: Large,
    /// The day under which it was found.
    pub day: Day,
    /// The meter, or of billing values the point, under which it was found.
    pub of: i64,
}

/// What looking at all rows of a table gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Looked {
    /// How many rows there are.
    pub rows: u64,
    /// Those that are damaged.
    pub damaged: Vec<Damage>,
}

/// Tables whose rows are sealed.
pub const SEALED: [Large; 3] = [Large::Registers, Large::Intervals, Large::BillingValues];

impl Store {
    /// What is wrong with the file of the database and its indexes, as SQLite itself finds it; a server checks its pages when
    /// it reads them.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn damaged_pages(&self) -> Result<Vec<String>, StoreError> {
        if self.dialect() == Dialect::Postgres {
            return Ok(Vec::new());
        }
        let mut reading = self.read("checking the file of the database").await?;
        let said: Vec<(String,)> =
            reading.rows("SELECT integrity_check FROM pragma_integrity_check", &[]).await?;
        Ok(said.into_iter().map(|(said,)| said).filter(|said| said != "ok").collect())
    }

    /// Looks at every row of a table whose rows are sealed; of other tables there is nothing to be seen. Changes nothing.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer, or holds what this version does not know.
    pub async fn look_for_damage(&self, table: Large) -> Result<Looked, StoreError> {
        let owners = match table {
            Large::Registers | Large::Intervals => "SELECT id FROM meter ORDER BY id",
            Large::BillingValues => "SELECT id FROM metering_point ORDER BY id",
            Large::Fetches | Large::Outbox | Large::BillingLedger => return Ok(Looked::default()),
        };
        let mut reading = self.read("looking for damaged rows").await?;
        let ids: Vec<(i64,)> = reading.rows(owners, &[]).await?;
        drop(reading);
        let mut all = Looked::default();
        for some in ids.chunks(AT_A_TIME) {
            let (Some((first,)), Some((last,))) = (some.first(), some.last()) else { continue };
            let mut reading = self.read("looking for damaged rows").await?;
            let looked = match table {
                Large::Registers => Versions::look(&mut reading, *first, *last).await?,
                Large::Intervals => interval::look(&mut reading, *first, *last).await?,
                _ => billing::look(&mut reading, *first, *last).await?,
            };
            all.rows += looked.rows;
            all.damaged.extend(looked.damaged);
        }
        Ok(all)
    }
}

/// Of how many meters or points rows are looked at together.
const AT_A_TIME: usize = 50;

/// Tells of damaged rows, by table and day.
pub(super) async fn tell(
    writing: &mut Transaction,
    damaged: &[Damage],
    now: Moment,
) -> Result<(), StoreError> {
    let mut days: BTreeMap<(Large, Day), usize> = BTreeMap::new();
    for Damage { table, day, .. } in damaged {
        *days.entry((*table, *day)).or_default() += 1;
    }
    for ((table, day), count) in days {
        let table = table.name();
        let alarm = Alarm::new(AlarmKind::StoreDamaged, format!("{table} {day}"), now).saying(
            &format!("{count} 行与写入时不符，已停用"),
            &format!("{count} rows are not as they were written, and are not used"),
        );
        raise(writing, &alarm).await?;
        tracing::error!(table, %day, count, "kept rows are not as they were written: they are not used");
    }
    Ok(())
}
