//! Settling: what is due becomes versions and outbox rows, in one transaction.

use std::collections::HashMap;

use super::due::Due;
use super::load::{self, MeterType, Span};
use super::outbox::{self, Row};
use super::recorded::{self, Recorded};
use super::{DAMAGED, floor, lock, numbers, seal};
use crate::domain::{
    BillingContent, BillingKey, BillingVersion, Coded, Day, Id, Item, Meter, MeteringPoint, Moment, Readings,
    RegisterKey,
};
use crate::store::Store;
use crate::store::archive::{PointHistory, histories};
use crate::store::damage::{self, Damage};
use crate::store::error::StoreError;
use crate::store::partition::Large;
use crate::store::review;
use crate::store::sql::{Dialect, Kind, Rows, Sql, Table};
use crate::store::transaction::Transaction;

/// A transaction that settles what was due when it began. What is not booked is due as before.
pub struct Settling {
    writing: Transaction,
    noted: Vec<(Due, i64)>,
    /// What it met that is not as it was written.
    damaged: Vec<Damage>,
}

impl std::fmt::Debug for Settling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settling").field("noted", &self.noted).finish_non_exhaustive()
    }
}

/// A version to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Of what.
    pub key: BillingKey,
    /// Which.
    pub version: i64,
    /// What it says.
    pub content: BillingContent,
}

impl Store {
    /// Begins to settle at most so many of what is due; `None` when nothing is, or when the database has lost what it had
    /// kept and nobody has noted that yet.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot.
    pub async fn settling(&self, at_most: u32) -> Result<Option<Settling>, StoreError> {
        let due = self.due(at_most).await?;
        if due.is_empty() {
            return Ok(None);
        }
        self.make_partitions(due.iter().flat_map(|due| due.known_days())).await?;
        let mut writing = self.write("settling what billing is due").await?;
        lock(&mut writing).await?;
        if floor::is_to_be_raised(&mut writing).await? {
            tracing::warn!("the database has lost what it had kept: billing waits until that is noted");
            return Ok(None);
        }
        let keys: Vec<[i64; 2]> = due.iter().map(|due| [due.meter.number(), due.as_of.micros()]).collect();
        let args = writing.dialect().keys(&keys);
        let rows: Vec<(i64, i64, i64)> = writing.rows(STILL_DUE, &args).await?;
        let noted = rows.into_iter().map(|(meter, as_of, notes)| (of_row(meter, as_of), notes));
        Ok(Some(Settling { noted: noted.collect(), writing, damaged: Vec::new() }))
    }

    /// As [`Settling::keep_from`].
    ///
    /// # Errors
    /// As [`Self::settling`].
    pub async fn billing_kept_from(&self) -> Result<Option<Day>, StoreError> {
        keep_from(&mut self.read("reading of which days billing is kept").await?).await
    }

    /// What is due, by meter and instant, at most so many.
    ///
    /// # Errors
    /// As [`Self::settling`].
    pub async fn due(&self, at_most: u32) -> Result<Vec<Due>, StoreError> {
        let mut reading = self.read("reading what billing is due").await?;
        let rows: Vec<(i64, i64)> = reading.rows(DUE, &[i64::from(at_most).into()]).await?;
        Ok(rows.into_iter().map(|(meter, as_of)| of_row(meter, as_of)).collect())
    }
}

async fn keep_from(reading: &mut Transaction) -> Result<Option<Day>, StoreError> {
    let kept: Option<(Option<i64>,)> = reading.row(KEPT, &[]).await?;
    Ok(kept.and_then(|(day,)| day).and_then(Day::from_number))
}

fn of_row(meter: i64, as_of: i64) -> Due {
    Due { meter: Id::new(meter), as_of: Moment::from_micros(as_of) }
}

impl Settling {
    /// The meters of what is settled, each with the days whose values may change.
    pub fn affected(&self) -> impl Iterator<Item = (Id<Meter>, Day)> {
        self.noted.iter().flat_map(|(due, _)| due.known_days().map(|day| (due.meter, day)))
    }

    /// What happened at the points that the meters of what is due ever measured.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot.
    pub async fn histories(&mut self) -> Result<HashMap<Id<MeteringPoint>, PointHistory>, StoreError> {
        let meters: Vec<Id<Meter>> = self.noted.iter().map(|(due, _)| due.meter).collect();
        let points = load::points_of(&mut self.writing, &meters).await?;
        histories(&mut self.writing, &points).await
    }

    /// The accepted current readings in these stretches.
    ///
    /// # Errors
    /// As [`Self::histories`].
    pub async fn readings(&mut self, spans: &[Span<Meter>], items: &[Item]) -> Result<Readings, StoreError> {
        let (readings, damaged) = load::readings(&mut self.writing, spans, items).await?;
        self.damaged.extend(damaged);
        Ok(readings)
    }

    /// What meters recorded of the power that flowed in these stretches.
    ///
    /// # Errors
    /// As [`Self::histories`].
    pub async fn recorded(&mut self, spans: &[Span<Meter>]) -> Result<Recorded, StoreError> {
        recorded::recorded(&mut self.writing, spans).await
    }

    /// Puts accepted versions before persons that stood still while power flowed; each once, whatever they decided.
    ///
    /// # Errors
    /// As [`Self::histories`].
    pub async fn doubt(&mut self, doubted: &[(RegisterKey, i64)], now: Moment) -> Result<(), StoreError> {
        let doubted = doubted.iter().map(|(key, version)| (*key, *version, Some(*version)));
        review::open(&mut self.writing, doubted, now).await
    }

    /// What these meters are.
    ///
    /// # Errors
    /// As [`Self::histories`].
    pub async fn meter_types(
        &mut self,
        meters: &[Id<Meter>],
    ) -> Result<HashMap<Id<Meter>, MeterType>, StoreError> {
        load::meter_types(&mut self.writing, meters).await
    }

    /// The newest versions of the values of these stretches.
    ///
    /// # Errors
    /// As [`Self::histories`].
    pub async fn values(
        &mut self,
        spans: &[Span<MeteringPoint>],
        items: &[Item],
    ) -> Result<HashMap<BillingKey, BillingVersion>, StoreError> {
        let newest = load::values(&mut self.writing, spans, items).await?;
        let damaged = newest.iter().filter(|(_, newest)| newest.content.lineage == DAMAGED);
        let table = Large::BillingValues;
        self.damaged.extend(damaged.map(|(key, _)| Damage { table, day: key.day, of: key.point.number() }));
        Ok(newest)
    }

    /// Above which version new ones begin.
    ///
    /// # Errors
    /// As [`Self::histories`].
    pub async fn floor(&mut self) -> Result<i64, StoreError> {
        floor::floor(&mut self.writing).await
    }

    /// The first day of which all readings and values are still kept; what was before may not be computed anew.
    ///
    /// # Errors
    /// As [`Self::histories`].
    pub async fn keep_from(&mut self) -> Result<Option<Day>, StoreError> {
        keep_from(&mut self.writing).await
    }

    /// Adds versions, puts them into the outbox for each receiver in place of the older ones that wait there, and takes
    /// the notes of what was due away, but for what was noted again meanwhile.
    ///
    /// # Errors
    /// As [`Self::histories`]; then nothing was done.
    pub async fn book(
        mut self,
        changes: &[Change],
        receivers: &[&str],
        now: Moment,
    ) -> Result<(), StoreError> {
        let mut rows = Rows::new(&VALUE);
        for Change { key, version, content } in changes {
            let [point, item, kind, at, version] = numbers(*key, *version);
            let said = [
                content.value.map(|(value, _)| value),
                content.value.map(|(_, quality)| quality.code()),
                content.read_at.map(Moment::micros),
            ];
            let seal = seal([point, item, kind, at, version], said, &content.lineage).made();
            let [value, quality, read_at] = said;
            rows.push([
                point.into(),
                item.into(),
                kind.into(),
                at.into(),
                version.into(),
                value.into(),
                quality.into(),
                read_at.into(),
                content.lineage.as_str().into(),
                now.into(),
                seal.into(),
            ]);
        }
        self.writing.insert(&VALUE, &rows).await?;
        damage::tell(&mut self.writing, &self.damaged, now).await?;
        floor::note(&mut self.writing, changes.iter().map(|change| change.version).max()).await?;
        let points = changes.iter().map(|change| change.key.point);
        let names = load::point_numbers(&mut self.writing, points).await?;
        let row = |Change { key, version, .. }: &Change| {
            let name = names.get(&key.point).map_or("", String::as_str);
            Row { numbers: numbers(*key, *version), text: key.text(name, *version) }
        };
        outbox::put(&mut self.writing, &changes.iter().map(row).collect::<Vec<_>>(), receivers, now).await?;
        let done: Vec<[i64; 3]> =
            self.noted.iter().map(|(due, notes)| [due.meter.number(), due.as_of.micros(), *notes]).collect();
        let args = self.writing.dialect().keys(&done);
        if self.writing.dialect() == Dialect::Postgres {
            self.writing.execute(TAKE_DUE, &args).await?;
        }
        self.writing.execute(DONE, &args).await?;
        self.writing.commit().await
    }
}

const VALUE: Table = Table {
    name: "billing_value",
    columns: &[
        ("point_id", Kind::Int),
        ("item", Kind::Int),
        ("kind", Kind::Int),
        ("at", Kind::Int),
        ("version", Kind::Int),
        ("value", Kind::Int),
        ("quality", Kind::Int),
        ("read_at", Kind::Int),
        ("lineage", Kind::Text),
        ("settled_at", Kind::Int),
        ("seal", Kind::Int),
    ],
    on_conflict: "",
};

const DUE: &str = "SELECT meter_id, as_of FROM billing_due ORDER BY meter_id, as_of LIMIT $1";

const STILL_DUE: Sql = Sql {
    sqlite: "SELECT d.meter_id, d.as_of, d.notes FROM json_each($1) k CROSS JOIN billing_due d \
        WHERE d.meter_id = k.value ->> 0 AND d.as_of = k.value ->> 1",
    postgres: "SELECT d.meter_id, d.as_of, d.notes FROM unnest($1::bigint[], $2::bigint[]) AS k (meter_id, as_of) \
        JOIN billing_due d USING (meter_id, as_of)",
};

const KEPT: &str = "SELECT max(keep_from) FROM retention \
    WHERE list IN ('register_ledger', 'billing_value', 'outbox', 'billing_ledger')";

/// In the order in which they are noted, so that whoever notes several and whoever is done with them do not wait for each other.
const TAKE_DUE: &str = "SELECT d.notes FROM billing_due d \
    JOIN unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS k (meter_id, as_of, notes) USING (meter_id, as_of) \
    ORDER BY d.meter_id, d.as_of FOR UPDATE OF d";

const DONE: Sql = Sql {
    sqlite: "DELETE FROM billing_due WHERE (meter_id, as_of, notes) IN \
        (SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each($1))",
    postgres: "DELETE FROM billing_due d \
        USING unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS k (meter_id, as_of, notes) \
        WHERE d.meter_id = k.meter_id AND d.as_of = k.as_of AND d.notes = k.notes",
};
