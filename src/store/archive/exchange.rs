//! What changes from an instant on: the meter of a point, and its transformers.

use std::collections::HashSet;

use dlt645::address::MeterAddress;

use super::known::Known;
use super::save::lock;
use super::sites::{INSTALLATION, TRANSFORMERS};
use crate::domain::{Id, Meter, MeteringPoint, Moment, Transformers, TransformersFrom};
use crate::store::Store;
use crate::store::billing::{self, Due};
use crate::store::error::{Refusal, StoreError};
use crate::store::sql::Rows;
use crate::store::transaction::Transaction;

/// One meter takes the place of another (换表).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The point.
    pub point: Id<MeteringPoint>,
    /// The meter that is taken out.
    pub removed: MeterAddress,
    /// The meter that is put in; need not be in the archive yet.
    pub installed: Meter,
    /// When.
    pub at: Moment,
}

impl Store {
    /// Records that a meter was exchanged; gives the number of the new one. Recording the same again changes nothing.
    /// Its closing and opening readings are saved as readings of both meters at that instant.
    ///
    /// # Errors
    /// [`Refusal::NotThere`] when the meter taken out does not measure the point at that instant, or the other one
    /// measures elsewhere; [`StoreError`] when the database cannot.
    pub async fn exchange_meter(&self, exchange: &Exchange) -> Result<Id<Meter>, StoreError> {
        let mut writing = self.write("recording the exchange of a meter").await?;
        let meter = record(&mut writing, exchange).await?;
        writing.commit().await?;
        Ok(meter)
    }

    /// Meters that took the place of another one after an instant: they had no such instant at their points.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn exchanged_since(&self, at: Moment) -> Result<HashSet<Id<Meter>>, StoreError> {
        let mut reading = self.read("reading which meters took the place of others").await?;
        let meters: Vec<(i64,)> = reading.rows(IN_PLACE, &[at.into()]).await?;
        Ok(meters.into_iter().map(|(meter,)| Id::new(meter)).collect())
    }

    /// The transformers that hold at a point up to an instant; `None` where none were recorded.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or holds what this version does not know.
    pub async fn transformers_until(
        &self,
        point: &str,
        until: Moment,
    ) -> Result<Option<Transformers>, StoreError> {
        let mut reading = self.read("reading the transformers of a point").await?;
        let row: Option<(String, String)> = reading.row(UNTIL, &[point.into(), until.into()]).await?;
        let Some((ct, vt)) = row else { return Ok(None) };
        let ratio = |text: &str| {
            text.parse().map_err(|_| StoreError::Unknown { list: "ratio", found: text.to_owned() })
        };
        Ok(Some(Transformers { ct: ratio(&ct)?, vt: ratio(&vt)? }))
    }

    /// Records the transformers of a point from an instant on, or corrects what was recorded for that instant.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] when their multiplier is not exact; else when the database cannot.
    pub async fn change_transformers(
        &self,
        point: Id<MeteringPoint>,
        change: TransformersFrom,
        now: Moment,
    ) -> Result<(), StoreError> {
        let mut writing = self.write("recording transformers").await?;
        record_transformers(&mut writing, point, change, now).await?;
        writing.commit().await
    }
}

/// Records that a meter was exchanged; see [`Store::exchange_meter`].
pub(in crate::store) async fn record(
    writing: &mut Transaction,
    exchange: &Exchange,
) -> Result<Id<Meter>, StoreError> {
    lock(writing).await?;
    let mut known = Known::load(writing).await?;
    let meter = known.take_only_meter(&exchange.installed);
    let (point, at) = (exchange.point.number(), exchange.at.micros());
    let there = [point.into(), meter.into(), at.into()];
    let done: Option<(i64,)> = writing.row(DONE, &there).await?;
    if done.is_some() {
        return Ok(Id::new(meter));
    }
    let elsewhere: Option<(i64,)> = writing.row(BUSY, &[meter.into(), at.into()]).await?;
    let removed = exchange.removed.to_string();
    let ended = writing.execute(END, &[point.into(), at.into(), removed.into()]).await?;
    if ended != 1 || elsewhere.is_some() {
        return Err(StoreError::Refused(Refusal::NotThere));
    }
    known.save(writing, exchange.at).await?;
    let last: Option<(i64,)> = writing.row("SELECT max(id) FROM installation", &[]).await?;
    let mut rows = Rows::new(&INSTALLATION);
    rows.push([(last.unwrap_or_default().0 + 1).into(), point.into(), meter.into(), at.into()]);
    writing.insert(&INSTALLATION, &rows).await?;
    note_exchange(writing, &exchange.removed.to_string(), Id::new(meter), exchange.at).await?;
    Ok(Id::new(meter))
}

/// Records the transformers of a point; see [`Store::change_transformers`].
pub(in crate::store) async fn record_transformers(
    writing: &mut Transaction,
    point: Id<MeteringPoint>,
    change: TransformersFrom,
    now: Moment,
) -> Result<(), StoreError> {
    let TransformersFrom { from, transformers } = change;
    let (ct, vt) = (transformers.ct.to_string(), transformers.vt.to_string());
    let multiplier = transformers.multiplier().ok().and_then(|exact| i64::try_from(exact.hundredths()).ok());
    let Some(multiplier) = multiplier else {
        return Err(StoreError::Unknown { list: "ratio", found: format!("{ct} and {vt}") });
    };
    lock(writing).await?;
    let newest: Option<(Option<i64>,)> = writing.row(NEWEST, &[point.into(), from.into()]).await?;
    // What is entered later counts, even where the clock of this machine was put back in between (F33).
    let behind = newest.and_then(|(newest,)| newest).map(|newest| Moment::from_micros(newest + 1));
    let entered = behind.map_or(now, |behind| behind.max(now));
    let mut rows = Rows::new(&TRANSFORMERS);
    rows.push([point.into(), from.into(), entered.into(), ct.into(), vt.into(), multiplier.into()]);
    writing.insert(&TRANSFORMERS, &rows).await?;
    let meters: Vec<(i64,)> = writing.rows(SINCE, &[point.into(), from.into()]).await?;
    let since: Vec<Due> =
        meters.into_iter().map(|(meter,)| Due { meter: Id::new(meter), as_of: from }).collect();
    billing::note(writing, since.iter().copied()).await?;
    billing::note_since(writing, since).await
}

/// The days since may have been billed by the old meter.
async fn note_exchange(
    writing: &mut Transaction,
    removed: &str,
    installed: Id<Meter>,
    at: Moment,
) -> Result<(), StoreError> {
    billing::note(writing, [Due { meter: installed, as_of: at }]).await?;
    let removed: Option<(i64,)> =
        writing.row("SELECT id FROM meter WHERE address = $1", &[removed.into()]).await?;
    let meters = removed.map(|(removed,)| Id::new(removed)).into_iter().chain([installed]);
    billing::note_since(writing, meters.map(|meter| Due { meter, as_of: at })).await
}

const DONE: &str = "SELECT id FROM installation WHERE point_id = $1 AND meter_id = $2 AND installed_at = $3";

/// Meters that were put in later than an instant, at points that another had measured before.
const IN_PLACE: &str = "SELECT n.meter_id FROM installation n WHERE n.removed_at IS NULL AND n.installed_at > $1 \
    AND EXISTS (SELECT 1 FROM installation b WHERE b.point_id = n.point_id AND b.installed_at < n.installed_at)";

/// Another stretch of the new meter that is open, or ended behind the instant.
const BUSY: &str =
    "SELECT id FROM installation WHERE meter_id = $1 AND (removed_at IS NULL OR removed_at > $2) LIMIT 1";

/// When the transformers of a point from an instant on were last entered.
const NEWEST: &str = "SELECT max(entered_at) FROM transformers WHERE point_id = $1 AND from_at = $2";

/// The meters that measured a point from an instant on.
const SINCE: &str = "SELECT DISTINCT meter_id FROM installation WHERE point_id = $1 AND (removed_at IS NULL OR removed_at > $2)";

const END: &str = "UPDATE installation SET removed_at = $2 \
    WHERE point_id = $1 AND removed_at IS NULL AND installed_at <= $2 \
    AND meter_id = (SELECT id FROM meter WHERE address = $3)";

const UNTIL: &str = "SELECT t.ct, t.vt FROM transformers t JOIN metering_point p ON p.id = t.point_id \
    WHERE p.number = $1 AND t.from_at < $2 ORDER BY t.from_at DESC, t.entered_at DESC LIMIT 1";
