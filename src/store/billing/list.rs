//! What billing was given and how far it is, for people.

use super::outbox::OutboxState;
use super::{content, key};
use crate::domain::{BillingContent, BillingKey, Day, Moment};
use crate::store::error::StoreError;
use crate::store::sql::Cell;
use crate::store::{Store, code};

/// Which values are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which<'a> {
    /// Those of a day, of one point or of all.
    OfDay(Day, Option<&'a str>),
    /// All of a point.
    OfPoint(&'a str),
}

/// A version and how far it is with one receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BillingLine {
    /// Number of the point, as people know it.
    pub point_number: String,
    /// What it is of.
    pub key: BillingKey,
    /// Which version.
    pub version: i64,
    /// What it says.
    pub content: BillingContent,
    /// How far it is; `None` where there was no receiver when it was made.
    pub delivery: Option<Delivery>,
}

/// How far a version is with a receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The receiver.
    pub receiver: String,
    /// How far.
    pub state: OutboxState,
    /// How often it was offered.
    pub tries: u32,
    /// From when on it is offered, or offered again.
    pub next_at: Moment,
    /// Since when it is delivered or superseded.
    pub done_at: Option<Moment>,
    /// What was said when it was last not taken.
    pub last_error: Option<String>,
}

impl Store {
    /// All versions of the values asked for, by point, beginning, kind, item and version.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or holds what this version does not know.
    pub async fn billing_lines(&self, which: Which<'_>) -> Result<Vec<BillingLine>, StoreError> {
        let mut reading = self.read("listing billing values").await?;
        let rows: Vec<Row> = match which {
            Which::OfDay(day, point) => {
                reading.rows(OF_DAY, &[day.start().into(), Cell::from(point)]).await?
            }
            Which::OfPoint(point) => reading.rows(OF_POINT, &[point.into()]).await?,
        };
        rows.into_iter().map(line).collect()
    }

    /// The newest day that has a consumption.
    ///
    /// # Errors
    /// As [`Self::billing_lines`].
    pub async fn newest_billing_day(&self) -> Result<Option<Day>, StoreError> {
        let mut reading = self.read("looking for the newest billing day").await?;
        let newest = "SELECT at FROM billing_value WHERE kind = 2 ORDER BY at DESC LIMIT 1";
        let newest: Option<(i64,)> = reading.row(newest, &[]).await?;
        Ok(newest.map(|(at,)| Day::of(Moment::from_micros(at))))
    }
}

type Row = (
    String,
    i64,
    i64,
    i64,
    i64,
    i64,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    String,
    Option<String>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<String>,
);

fn line(row: Row) -> Result<BillingLine, StoreError> {
    let (point_number, point, item, kind, at, version, value, quality, read_at, sealed, ..) = row;
    let (.., receiver, state, tries, next_at, done_at, last_error) = row;
    let numbers = (point, item, kind, at, version);
    let (key, version) = key(numbers)?;
    let (seal, lineage) = sealed.split_once(' ').unwrap_or(("", &sealed));
    let content = content(numbers, [value, quality, read_at], lineage.to_owned(), seal.parse().ok())?;
    let delivery = match (receiver, state) {
        (Some(receiver), Some(state)) => Some(Delivery {
            receiver,
            state: code("outbox_state", state)?,
            tries: tries.and_then(|tries| u32::try_from(tries).ok()).unwrap_or(0),
            next_at: Moment::from_micros(next_at.unwrap_or(0)),
            done_at: done_at.map(Moment::from_micros),
            last_error,
        }),
        _ => None,
    };
    Ok(BillingLine { point_number, key, version, content, delivery })
}

const OF_DAY: &str = "SELECT p.number, b.point_id, b.item, b.kind, b.at, b.version, b.value, b.quality, b.read_at, \
        coalesce(CAST(b.seal AS text), '') || ' ' || b.lineage, o.receiver, o.state, o.tries, o.next_at, o.done_at, o.last_error \
    FROM billing_value b JOIN metering_point p ON p.id = b.point_id \
    LEFT JOIN outbox o ON o.point_id = b.point_id AND o.item = b.item AND o.kind = b.kind AND o.at = b.at \
        AND o.version = b.version \
    WHERE b.at = $1 AND ($2 IS NULL OR p.number = $2) \
    ORDER BY p.number, b.at, b.kind, b.item, b.version, o.receiver";

const OF_POINT: &str = "SELECT p.number, b.point_id, b.item, b.kind, b.at, b.version, b.value, b.quality, b.read_at, \
        coalesce(CAST(b.seal AS text), '') || ' ' || b.lineage, o.receiver, o.state, o.tries, o.next_at, o.done_at, o.last_error \
    FROM metering_point p JOIN billing_value b ON b.point_id = p.id \
    LEFT JOIN outbox o ON o.point_id = b.point_id AND o.item = b.item AND o.kind = b.kind AND o.at = b.at \
        AND o.version = b.version \
    WHERE p.number = $1 \
    ORDER BY p.number, b.at, b.kind, b.item, b.version, o.receiver";
