//! Events of all meters, the last that came in first.

use std::sync::LazyLock;

use crate::domain::Moment;
use crate::domain::access::Regions;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::sql::{Dialect, Sql};

/// Where the next page of events begins: when the last one came in, its meter, kind and beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventPlace {
    /// When it came in.
    pub collected_at: Moment,
    /// The number of its meter.
    pub meter: i64,
    /// Its kind.
    pub kind: String,
    /// When it began, as the meter wrote it.
    pub began: String,
}

/// Which events are asked for.
#[derive(Clone, Debug, Default)]
pub struct EventsAsked<'a> {
    /// What the address, the point or the area holds; empty for all.
    pub words: &'a str,
    /// Only this kind.
    pub kind: Option<&'a str>,
    /// Behind which one.
    pub after: Option<EventPlace>,
    /// At most so many.
    pub at_most: u32,
}

/// An event of a meter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventLine {
    /// The address of the meter.
    pub address: String,
    /// The number of the point.
    pub point: Option<String>,
    /// The transformer area.
    pub area: Option<String>,
    /// All that the record says, as JSON.
    pub record: String,
    /// Where a page behind this one begins: it says the rest of the event.
    pub place: EventPlace,
}

impl Store {
    /// A page of events.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn event_lines(
        &self,
        asked: &EventsAsked<'_>,
        regions: &Regions,
    ) -> Result<Vec<EventLine>, StoreError> {
        let mut reading = self.read("listing events").await?;
        let after = asked.after.as_ref();
        let args = [
            super::areas(regions).into(),
            super::pattern(asked.words).into(),
            asked.kind.into(),
            after.map(|place| place.collected_at.micros()).into(),
            after.map(|place| place.meter).into(),
            after.map(|place| place.kind.as_str()).into(),
            after.map(|place| place.began.as_str()).into(),
            i64::from(asked.at_most).into(),
        ];
        let statement = match (asked.words.trim().is_empty(), asked.kind) {
            (true, None) => &*EVENTS,
            (true, Some(_)) => &*EVENTS_OF_KIND,
            (false, None) => &*FOUND_EVENTS,
            (false, Some(_)) => &*FOUND_EVENTS_OF_KIND,
        };
        let rows: Vec<Row> = reading.rows(*statement, &args).await?;
        Ok(rows.into_iter().map(line).collect())
    }

    /// The kinds of the events that are kept.
    ///
    /// # Errors
    /// As [`Self::event_lines`].
    pub async fn event_kinds(&self) -> Result<Vec<String>, StoreError> {
        let mut reading = self.read("listing kinds of events").await?;
        let rows: Vec<(String,)> = reading.rows(KINDS, &[]).await?;
        Ok(rows.into_iter().map(|(kind,)| kind).collect())
    }
}

type Row = (String, Option<String>, Option<String>, String, i64, i64, String, String);

fn line((address, point, area, record, collected_at, meter, kind, began): Row) -> EventLine {
    let collected_at = Moment::from_micros(collected_at);
    EventLine { address, point, area, record, place: EventPlace { collected_at, meter, kind, began } }
}

/// All events.
static EVENTS: LazyLock<Sql> = LazyLock::new(|| all(ANY_KIND));

/// Those of a kind, which may be rare: they have an index of their own.
static EVENTS_OF_KIND: LazyLock<Sql> = LazyLock::new(|| all(OF_KIND));

/// Those of the meters whose address, point or area holds some words, which are found first.
static FOUND_EVENTS: LazyLock<Sql> = LazyLock::new(|| found(ANY_KIND));

/// Of these, those of a kind.
static FOUND_EVENTS_OF_KIND: LazyLock<Sql> = LazyLock::new(|| found(OF_KIND));

const ANY_KIND: &str = "CAST($3 AS text) IS NULL";
const OF_KIND: &str = "e.kind = $3";

fn all(kind: &'static str) -> Sql {
    Sql::either(|dialect| events("", ("$2 = '%%'", kind), dialect))
}

fn found(kind: &'static str) -> Sql {
    Sql::either(|dialect| {
        let (point, area) = (dialect.lowered("w.point"), dialect.lowered("w.area"));
        let found = format!(
            "WITH found AS MATERIALIZED (SELECT w.meter_id FROM meter_list w \
             WHERE w.words LIKE $2 ESCAPE '!' AND (w.address LIKE $2 ESCAPE '!' \
                 OR {point} LIKE $2 ESCAPE '!' OR {area} LIKE $2 ESCAPE '!')) "
        );
        events(&found, ("e.meter_id IN (SELECT meter_id FROM found)", kind), dialect)
    })
}

/// Of a meter that was elsewhere before, those that began and came in where it is now.
fn events(with: &str, (words, kind): (&str, &str), dialect: Dialect) -> String {
    let installed = match dialect {
        Dialect::Sqlite => {
            "strftime('%Y-%m-%d %H:%M:%S', (i.installed_at + 28800000000) / 1000000, 'unixepoch')"
        }
        Dialect::Postgres => {
            "to_char(to_timestamp((i.installed_at + 28800000000) / 1000000) AT TIME ZONE 'UTC', \
             'YYYY-MM-DD HH24:MI:SS')"
        }
    };
    format!(
        "{with}SELECT m.address, p.number, a.name, e.record, e.collected_at, e.meter_id, e.kind, e.began \
         FROM meter_event e JOIN meter m ON m.id = e.meter_id \
         LEFT JOIN installation i ON i.meter_id = e.meter_id AND i.removed_at IS NULL \
         LEFT JOIN metering_point p ON p.id = i.point_id \
         LEFT JOIN transformer_area a ON a.id = p.area_id \
         WHERE ($1 = '' OR $1 LIKE '%,' || CAST(p.area_id AS text) || ',%') AND {words} \
             AND ($1 = '' OR (e.collected_at >= i.installed_at AND e.began >= {installed}) \
                 OR NOT EXISTS (SELECT 1 FROM installation o JOIN metering_point q ON q.id = o.point_id \
                     WHERE o.meter_id = e.meter_id AND o.removed_at IS NOT NULL \
                         AND NOT $1 LIKE '%,' || coalesce(CAST(q.area_id AS text), '') || ',%')) \
             AND {kind} \
             AND (CAST($4 AS bigint) IS NULL OR (e.collected_at, e.meter_id, e.kind, e.began) < ($4, $5, $6, $7)) \
         ORDER BY e.collected_at DESC, e.meter_id DESC, e.kind DESC, e.began DESC LIMIT $8"
    )
}

/// Kinds are few, and events of a kind are found by the counts of it.
const KINDS: &str = "SELECT DISTINCT kind FROM event_count ORDER BY kind";
