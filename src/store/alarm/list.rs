//! Alarms to look at.

use std::collections::HashMap;

use super::{AlarmRecord, Row, record, sees};
use crate::domain::access::Regions;
use crate::domain::{Alarm, AlarmKind, Coded, Id, Moment, Severity};
use crate::store::error::StoreError;
use crate::store::sql::{Cell, Sql};
use crate::store::transaction::Transaction;
use crate::store::{Store, code};

/// Which alarms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AlarmFilter {
    /// Only those that are open.
    pub is_open: bool,
    /// Only those that nobody has acknowledged.
    pub is_new: bool,
    /// Only those at least so grave.
    pub least: Option<Severity>,
    /// Only those of this kind.
    pub kind: Option<AlarmKind>,
    /// Only those of this supply order.
    pub order: Option<i64>,
}

/// How many alarms are open that nobody has acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AlarmCounts {
    /// Critical ones.
    pub critical: u64,
    /// Warnings.
    pub warning: u64,
    /// Notices.
    pub notice: u64,
}

/// How often somebody was told of an alarm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AlarmTellings {
    /// Messages that a channel took, on all of them together.
    pub delivered: u64,
    /// When the last one was.
    pub last_at: Option<Moment>,
}

impl Store {
    /// Alarms with numbers below `before`, the newest first, `most` at most, of what these regions may see.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or holds what this version does not know.
    pub async fn alarms(
        &self,
        filter: &AlarmFilter,
        regions: &Regions,
        before: i64,
        most: u32,
    ) -> Result<Vec<AlarmRecord>, StoreError> {
        let mut reading = self.read("reading alarms").await?;
        let args = [
            before.into(),
            i64::from(filter.is_open).into(),
            i64::from(filter.is_new).into(),
            filter.least.map_or(0, Severity::code).into(),
            filter.kind.map(AlarmKind::code).into(),
            filter.order.into(),
            areas(&reading, regions),
            i64::from(most).into(),
        ];
        let rows: Vec<Row> = reading.rows(LIST, &args).await?;
        rows.into_iter().map(record).collect()
    }

    /// One alarm, if these regions may see it.
    ///
    /// # Errors
    /// As [`Self::alarms`].
    pub async fn alarm(&self, id: Id<Alarm>, regions: &Regions) -> Result<Option<AlarmRecord>, StoreError> {
        let alarm = one(&mut self.read("reading an alarm").await?, id).await?;
        Ok(alarm.filter(|alarm| sees(regions, alarm)))
    }

    /// How often somebody was told of each of these alarms; those of whom nobody was told are left out.
    ///
    /// # Errors
    /// As [`Self::alarms`].
    pub async fn alarm_tellings(
        &self,
        alarms: &[Id<Alarm>],
    ) -> Result<HashMap<Id<Alarm>, AlarmTellings>, StoreError> {
        let numbers = || alarms.iter().map(|alarm| alarm.number());
        let (Some(first), Some(last)) = (numbers().min(), numbers().max()) else { return Ok(HashMap::new()) };
        let mut reading = self.read("counting messages of alarms").await?;
        let rows: Vec<(i64, i64, Option<i64>)> = reading.rows(TELLINGS, &[first.into(), last.into()]).await?;
        let telling = |(alarm, delivered, last): (i64, i64, Option<i64>)| {
            let delivered = u64::try_from(delivered).unwrap_or(0);
            (Id::new(alarm), AlarmTellings { delivered, last_at: last.map(Moment::from_micros) })
        };
        Ok(rows.into_iter().map(telling).collect())
    }

    /// How many are open that nobody has acknowledged.
    ///
    /// # Errors
    /// As [`Self::alarms`].
    pub async fn alarm_counts(&self, regions: &Regions) -> Result<AlarmCounts, StoreError> {
        let mut reading = self.read("counting alarms").await?;
        let areas = areas(&reading, regions);
        let rows: Vec<(i64, i64)> = reading.rows(COUNTS, &[areas]).await?;
        let mut counts = AlarmCounts::default();
        for (severity, count) in rows {
            let count = u64::try_from(count).unwrap_or(0);
            match code("alarm_severity", severity)? {
                Severity::Critical => counts.critical = count,
                Severity::Warning => counts.warning = count,
                Severity::Notice => counts.notice = count,
            }
        }
        Ok(counts)
    }
}

/// One alarm.
pub(super) async fn one(reading: &mut Transaction, id: Id<Alarm>) -> Result<Option<AlarmRecord>, StoreError> {
    let row: Option<Row> = reading.row(ONE, &[id.into()]).await?;
    row.map(record).transpose()
}

/// The areas of a region as the statements have them; NULL for all.
fn areas(reading: &Transaction, regions: &Regions) -> Cell<'static> {
    match regions {
        Regions::All => Cell::Text(None),
        Regions::Areas(areas) => reading.dialect().array(areas.iter().map(|area| Some(area.number()))).into(),
    }
}

const ONE: &str = "SELECT id, kind, severity, subject, area_id, order_id, detail_zh, detail, count, first_at, last_at, \
    acknowledged_at, acknowledged_by, note, ended_at FROM alarm WHERE id = $1";

/// State 3 is a message that its channel took.
const TELLINGS: &str = "SELECT alarm_id, count(*), max(done_at) FROM alarm_message \
    WHERE state = 3 AND alarm_id BETWEEN $1 AND $2 GROUP BY alarm_id";

const LIST: Sql = Sql {
    sqlite: "SELECT id, kind, severity, subject, area_id, order_id, detail_zh, detail, count, first_at, last_at, \
            acknowledged_at, acknowledged_by, note, ended_at FROM alarm \
        WHERE id < $1 AND ($2 = 0 OR ended_at IS NULL) AND ($3 = 0 OR acknowledged_at IS NULL) AND severity >= $4 \
            AND ($5 IS NULL OR kind = $5) AND ($6 IS NULL OR order_id = $6) \
            AND ($7 IS NULL OR area_id IS NULL OR area_id IN (SELECT value FROM json_each($7))) \
        ORDER BY id DESC LIMIT $8",
    postgres: "SELECT id, kind, severity, subject, area_id, order_id, detail_zh, detail, count, first_at, last_at, \
            acknowledged_at, acknowledged_by, note, ended_at FROM alarm \
        WHERE id < $1 AND ($2 = 0 OR ended_at IS NULL) AND ($3 = 0 OR acknowledged_at IS NULL) AND severity >= $4 \
            AND (CAST($5 AS bigint) IS NULL OR kind = $5) AND (CAST($6 AS bigint) IS NULL OR order_id = $6) \
            AND (CAST($7 AS text) IS NULL OR area_id IS NULL OR area_id = ANY (CAST($7 AS text)::bigint[])) \
        ORDER BY id DESC LIMIT $8",
};

const COUNTS: Sql = Sql {
    sqlite: "SELECT severity, count(*) FROM alarm WHERE ended_at IS NULL AND acknowledged_at IS NULL \
            AND ($1 IS NULL OR area_id IS NULL OR area_id IN (SELECT value FROM json_each($1))) \
        GROUP BY severity",
    postgres: "SELECT severity, count(*) FROM alarm WHERE ended_at IS NULL AND acknowledged_at IS NULL \
            AND (CAST($1 AS text) IS NULL OR area_id IS NULL OR area_id = ANY (CAST($1 AS text)::bigint[])) \
        GROUP BY severity",
};
