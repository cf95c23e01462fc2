//! How a run stands: by area, by line, by cause, and which meters are missing.

use std::collections::HashMap;

use crate::domain::access::Regions;
use crate::domain::{Id, Meter, MissingCause, Moment, Run};
use crate::store::error::StoreError;
use crate::store::sql::{Cell, Sql};
use crate::store::{Store, code};

/// Meters of a run that stand alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NightGroup {
    /// Their transformer area.
    pub area: Option<String>,
    /// Their line, or their terminal.
    pub line: Option<String>,
    /// Whether they were read.
    pub is_read: bool,
    /// Why they are missing.
    pub cause: Option<MissingCause>,
    /// How many they are.
    pub meters: u64,
    /// How many slots of their curves are missing.
    pub holes: u64,
}

/// A meter that a run did not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingLine {
    /// The meter.
    pub meter: Id<Meter>,
    /// Its address.
    pub address: String,
    /// The number of the point it measures.
    pub point: Option<String>,
    /// The customer's number and name.
    pub customer: Option<(String, String)>,
    /// The transformer area.
    pub area: Option<String>,
    /// The line, or the terminal.
    pub line: Option<String>,
    /// Why.
    pub cause: MissingCause,
    /// What more is to be said.
    pub detail: Option<String>,
    /// Since when it is known.
    pub since: Moment,
}

impl Store {
    /// How many meters of a run stand how, by area and line.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or holds what this version does not know.
    pub async fn night_groups(&self, run: Id<Run>, regions: &Regions) -> Result<Vec<NightGroup>, StoreError> {
        let mut reading = self.read("reading how a run stands").await?;
        let rows: Vec<GroupRow> = reading.rows(GROUPS, &[run.into(), super::areas(regions).into()]).await?;
        rows.into_iter().map(group).collect()
    }

    /// How many meters within the regions each of these runs was planned for; `None` where the regions are all.
    ///
    /// # Errors
    /// As [`Self::night_groups`].
    pub async fn planned_within(
        &self,
        runs: &[Id<Run>],
        regions: &Regions,
    ) -> Result<Option<HashMap<Id<Run>, u64>>, StoreError> {
        if *regions == Regions::All {
            return Ok(None);
        }
        let mut reading = self.read("reading how many meters runs have").await?;
        let numbers = reading.dialect().array(runs.iter().map(|run| Some(run.number())));
        let rows: Vec<(i64, i64)> =
            reading.rows(PLANNED, &[Cell::from(numbers), super::areas(regions).into()]).await?;
        let count = |(run, meters)| (Id::new(run), u64::try_from(meters).unwrap_or(0));
        Ok(Some(rows.into_iter().map(count).collect()))
    }

    /// The meters that a run has not read, by cause and address, at most so many.
    ///
    /// # Errors
    /// As [`Self::night_groups`].
    pub async fn missing_lines(
        &self,
        run: Id<Run>,
        regions: &Regions,
        at_most: u32,
    ) -> Result<Vec<MissingLine>, StoreError> {
        let mut reading = self.read("reading which meters a run misses").await?;
        let args = [run.into(), super::areas(regions).into(), i64::from(at_most).into()];
        let rows: Vec<MissingRow> = reading.rows(MISSING, &args).await?;
        rows.into_iter().map(missing).collect()
    }
}

impl Store {
    /// Meters that a run has not read, with numbers above `after`, in the order of their numbers, `most` at most.
    ///
    /// # Errors
    /// As [`Self::night_groups`].
    pub async fn missing_lines_after(
        &self,
        run: Id<Run>,
        regions: &Regions,
        (after, most): (i64, u32),
    ) -> Result<Vec<MissingLine>, StoreError> {
        let mut reading = self.read("reading which meters a run misses").await?;
        let args = [run.into(), super::areas(regions).into(), after.into(), i64::from(most).into()];
        let rows: Vec<MissingRow> = reading.rows(MISSING_AFTER, &args).await?;
        rows.into_iter().map(missing).collect()
    }
}

type GroupRow = (Option<String>, Option<String>, i64, Option<i64>, i64, i64);

fn group((area, line, outcome, cause, meters, holes): GroupRow) -> Result<NightGroup, StoreError> {
    Ok(NightGroup {
        area,
        line,
        is_read: outcome == 1,
        cause: cause.map(|cause| code("cause", cause)).transpose()?,
        meters: u64::try_from(meters).unwrap_or(0),
        holes: u64::try_from(holes).unwrap_or(0),
    })
}

type MissingRow = (
    i64,
    String,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    i64,
    Option<String>,
    i64,
);

fn missing(row: MissingRow) -> Result<MissingLine, StoreError> {
    let (meter, address, point, number, name, area, line, cause, detail, since) = row;
    Ok(MissingLine {
        meter: Id::new(meter),
        address,
        point,
        customer: number.zip(name),
        area,
        line,
        cause: code("cause", cause)?,
        detail,
        since: Moment::from_micros(since),
    })
}

/// Counted by triggers; names that two areas share are one group.
const GROUPS: &str = "SELECT nullif(area, ''), nullif(line, ''), outcome, nullif(cause, 0), CAST(sum(meters) AS bigint), \
        CAST(sum(holes) AS bigint) \
    FROM run_count WHERE run_id = $1 AND meters > 0 AND ($2 = '' OR $2 LIKE '%,' || CAST(area_id AS text) || ',%') \
    GROUP BY area, line, outcome, cause ORDER BY 1, 2, 3, 4";

const PLANNED: Sql = Sql {
    sqlite: "SELECT run_id, CAST(sum(meters) AS bigint) FROM run_count \
        WHERE run_id IN (SELECT value FROM json_each($1)) AND $2 LIKE '%,' || CAST(area_id AS text) || ',%' GROUP BY 1",
    postgres: "SELECT run_id, CAST(sum(meters) AS bigint) FROM run_count \
        WHERE run_id IN (SELECT unnest($1::bigint[])) AND $2 LIKE '%,' || CAST(area_id AS text) || ',%' GROUP BY 1",
};

const MISSING: &str = "SELECT rm.meter_id, m.address, p.number, c.number, c.name, a.name, \
        coalesce(l.name, m.terminal), rm.cause, rm.detail, rm.changed_at \
    FROM run_meter rm JOIN meter m ON m.id = rm.meter_id \
    LEFT JOIN line l ON l.id = m.line_id \
    LEFT JOIN installation i ON i.meter_id = rm.meter_id AND i.removed_at IS NULL \
    LEFT JOIN metering_point p ON p.id = i.point_id \
    LEFT JOIN customer c ON c.id = p.customer_id \
    LEFT JOIN transformer_area a ON a.id = p.area_id \
    WHERE rm.run_id = $1 AND rm.outcome = 2 \
        AND ($2 = '' OR $2 LIKE '%,' || CAST(p.area_id AS text) || ',%') \
    ORDER BY rm.cause, m.address LIMIT $3";

const MISSING_AFTER: &str = "SELECT rm.meter_id, m.address, p.number, c.number, c.name, a.name, \
        coalesce(l.name, m.terminal), rm.cause, rm.detail, rm.changed_at \
    FROM run_meter rm JOIN meter m ON m.id = rm.meter_id \
    LEFT JOIN line l ON l.id = m.line_id \
    LEFT JOIN installation i ON i.meter_id = rm.meter_id AND i.removed_at IS NULL \
    LEFT JOIN metering_point p ON p.id = i.point_id \
    LEFT JOIN customer c ON c.id = p.customer_id \
    LEFT JOIN transformer_area a ON a.id = p.area_id \
    WHERE rm.run_id = $1 AND rm.outcome = 2 \
        AND ($2 = '' OR $2 LIKE '%,' || CAST(p.area_id AS text) || ',%') \
    AND rm.meter_id > $3 ORDER BY rm.meter_id LIMIT $4";
