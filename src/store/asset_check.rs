//! Whether meters tell the asset number that the archive has for them (F12): asked at the first visit behind an installation, and
//! each night where they differ.

use std::collections::{BTreeMap, HashMap};

use super::Store;
use super::error::StoreError;
use super::sql::{Kind, Rows, Sql, Table};
use super::transaction::Transaction;
use crate::domain::{Id, Meter, Moment};

/// What a meter said of its asset number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssetCheck {
    /// The meter.
    pub meter: Id<Meter>,
    /// Since when it hangs at its point.
    pub installed_at: Moment,
    /// What the archive had.
    pub archived: String,
    /// What it told; `None` where it tells none.
    pub told: Option<String>,
    /// Whether it is the meter of the archive, as far as it can tell.
    pub agrees: bool,
    /// When.
    pub at: Moment,
}

impl Store {
    /// The last check of each of these meters.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn asset_checks(
        &self,
        meters: &[Id<Meter>],
    ) -> Result<HashMap<Id<Meter>, AssetCheck>, StoreError> {
        let mut reading = self.read("reading asset numbers that were checked").await?;
        let meters = reading.dialect().array(meters.iter().map(|meter| Some(meter.number())));
        let rows: Vec<(i64, i64, String, Option<String>, i64, i64)> =
            reading.rows(CHECKED, &[meters.into()]).await?;
        let check = |(meter, installed_at, archived, told, agrees, at)| {
            let (meter, agrees) = (Id::new(meter), agrees != 0_i64);
            let (installed_at, at) = (Moment::from_micros(installed_at), Moment::from_micros(at));
            (meter, AssetCheck { meter, installed_at, archived, told, agrees, at })
        };
        Ok(rows.into_iter().map(check).collect())
    }
}

/// Keeps checks, the newest of each meter.
pub(super) async fn save(writing: &mut Transaction, checks: &[AssetCheck]) -> Result<(), StoreError> {
    // One statement may change a row once only.
    let mut newest: BTreeMap<i64, &AssetCheck> = BTreeMap::new();
    for check in checks {
        newest.insert(check.meter.number(), check);
    }
    let mut rows = Rows::new(&CHECK);
    for (meter, AssetCheck { installed_at, archived, told, agrees, at, .. }) in newest {
        let agrees = i64::from(*agrees);
        rows.push([
            meter.into(),
            (*installed_at).into(),
            archived.as_str().into(),
            told.as_deref().into(),
            agrees.into(),
            (*at).into(),
        ]);
    }
    writing.insert(&CHECK, &rows).await.map(|_| ())
}

const CHECK: Table = Table {
    name: "asset_check",
    columns: &[
        ("meter_id", Kind::Int),
        ("installed_at", Kind::Int),
        ("archived", Kind::Text),
        ("told", Kind::Text),
        ("agrees", Kind::Int),
        ("checked_at", Kind::Int),
    ],
    on_conflict: "(meter_id) DO UPDATE SET installed_at = excluded.installed_at, archived = excluded.archived, \
        told = excluded.told, agrees = excluded.agrees, checked_at = excluded.checked_at",
};

const CHECKED: Sql = Sql {
    sqlite: "SELECT meter_id, installed_at, archived, told, agrees, checked_at FROM asset_check \
        WHERE meter_id IN (SELECT value FROM json_each($1))",
    postgres: "SELECT meter_id, installed_at, archived, told, agrees, checked_at FROM asset_check \
        WHERE meter_id = ANY ($1::bigint[])",
};
