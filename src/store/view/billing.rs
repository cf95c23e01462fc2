//! What was handed to billing, as people look at it: by receiver, by state, and what waits for a person.

use std::sync::LazyLock;

use crate::domain::access::Regions;
use crate::domain::{BillingKind, Day, Id, Item, Moment, Quality, Suspicion};
use crate::store::billing::OutboxState;
use crate::store::error::StoreError;
use crate::store::review::Review;
use crate::store::sql::Sql;
use crate::store::{Store, code, item};

/// How many versions are in one state with one receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushCount {
    /// The receiver.
    pub receiver: String,
    /// The state.
    pub state: OutboxState,
    /// How many.
    pub count: u64,
}

/// Whose pushes are asked for.
#[derive(Clone, Copy, Debug)]
pub struct PushesSeen<'a> {
    /// Those of points in these regions.
    pub regions: &'a Regions,
    /// Those for these receivers alone; `None` for all.
    pub receivers: Option<&'a [String]>,
}

impl<'a> PushesSeen<'a> {
    /// Those for all receivers.
    #[must_use]
    pub const fn of(regions: &'a Regions) -> Self {
        Self { regions, receivers: None }
    }

    /// As the statements compare it: each name between ends of lines, which are in none.
    fn names(&self) -> String {
        let all = |names: &[String]| names.iter().fold("\n".to_owned(), |all, name| format!("{all}{name}\n"));
        self.receivers.map(all).unwrap_or_default()
    }

    fn holds(&self, receiver: &String) -> bool {
        self.receivers.is_none_or(|receivers| receivers.contains(receiver))
    }
}

/// Where the next page of pushes begins: point, item, kind, version and receiver of the last one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushPlace(pub [i64; 4], pub String);

/// A version of a billing value, and how far it is with one receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    /// The number of the point.
    pub point: String,
    /// The address of the meter that is there now.
    pub address: Option<String>,
    /// What is measured.
    pub item: Item,
    /// Register or consumption.
    pub kind: BillingKind,
    /// Which version.
    pub version: i64,
    /// What it says; `None` when it takes back what was said before.
    pub value: Option<(i64, Quality)>,
    /// The receiver.
    pub receiver: String,
    /// How far it is.
    pub state: OutboxState,
    /// How often it was offered.
    pub tries: i64,
    /// Since when it is delivered or superseded.
    pub done_at: Option<Moment>,
    /// What was said when it was last not taken.
    pub last_error: Option<String>,
    /// Where it comes from, as it is kept.
    pub lineage: String,
    /// Where a page behind this one begins.
    pub place: PushPlace,
}

/// A suspect value that waits for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReviewLine {
    /// Its number.
    pub review: Id<Review>,
    /// The address of the meter.
    pub address: String,
    /// The number of the point.
    pub point: Option<String>,
    /// Which register.
    pub item: Item,
    /// The instant the value holds for.
    pub as_of: Moment,
    /// The value.
    pub value: i64,
    /// What is wrong with it.
    pub quality: Quality,
    /// The value that counted when it came in.
    pub current: Option<i64>,
    /// Since when it waits.
    pub since: Moment,
}

impl Store {
    /// What is under way to billing or was refused, of all days, and what of one day was taken, by receiver and state.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or holds what this version does not know.
    pub async fn push_counts(&self, day: Day, seen: &PushesSeen<'_>) -> Result<Vec<PushCount>, StoreError> {
        let mut reading = self.read("counting what billing was given").await?;
        let mut rows: Vec<(String, i64, i64)> = match seen.regions {
            Regions::All => reading.rows(COUNTS, &[day.start().into()]).await?,
            some => reading.rows(COUNTS_WITHIN, &[day.start().into(), super::areas(some).into()]).await?,
        };
        rows.retain(|(receiver, ..)| seen.holds(receiver));
        let count = |(receiver, state, count)| {
            let count = u64::try_from(count).unwrap_or(0);
            Ok(PushCount { receiver, state: code("outbox_state", state)?, count })
        };
        rows.into_iter().map(count).collect()
    }

    /// A page of the versions whose day is this one: of one state, or of all.
    ///
    /// # Errors
    /// As [`Self::push_counts`].
    pub async fn pushes(
        &self,
        (day, state): (Day, Option<OutboxState>),
        words: &str,
        after: Option<&PushPlace>,
        seen: &PushesSeen<'_>,
        at_most: u32,
    ) -> Result<Vec<Push>, StoreError> {
        let mut reading = self.read("listing what billing was given").await?;
        let [point, item, kind, version] = after.map(|place| place.0).unwrap_or_default();
        let args = [
            super::areas(seen.regions).into(),
            day.start().into(),
            state.map(crate::domain::Coded::code).into(),
            super::pattern(words).into(),
            after.map(|place| place.1.as_str()).into(),
            point.into(),
            item.into(),
            kind.into(),
            version.into(),
            i64::from(at_most).into(),
            i64::from(seen.receivers.is_some()).into(),
            seen.names().into(),
        ];
        let statement = if words.trim().is_empty() { &*PUSHES } else { &*FOUND_PUSHES };
        let rows: Vec<PushRow> = reading.rows(*statement, &args).await?;
        rows.into_iter().map(push).collect()
    }

    /// Suspect values that wait for a person, the oldest first.
    ///
    /// # Errors
    /// As [`Self::push_counts`].
    pub async fn review_lines(&self, regions: &Regions, at_most: u32) -> Result<Vec<ReviewLine>, StoreError> {
        let mut reading = self.read("listing the review queue").await?;
        let args = [super::areas(regions).into(), i64::from(at_most).into()];
        let rows: Vec<ReviewRow> = reading.rows(REVIEWS, &args).await?;
        rows.into_iter().map(review).collect()
    }

    /// The numbers of points that had a meter on a day and have no consumption of it, in their order.
    ///
    /// # Errors
    /// As [`Self::push_counts`].
    pub async fn points_without_consumption(
        &self,
        day: Day,
        regions: &Regions,
        at_most: u32,
    ) -> Result<Vec<String>, StoreError> {
        let mut reading = self.read("looking for days without a consumption").await?;
        let total = Item::parse("1.8.0").map(|item| i64::from(item.key().number()));
        let args = [
            super::areas(regions).into(),
            day.start().into(),
            day.next().start().into(),
            total.into(),
            i64::from(at_most).into(),
        ];
        let rows: Vec<(String,)> = reading.rows(WITHOUT, &args).await?;
        Ok(rows.into_iter().map(|(point,)| point).collect())
    }
}

type PushRow = (
    String,
    Option<String>,
    i64,
    i64,
    i64,
    i64,
    Option<i64>,
    Option<i64>,
    String,
    i64,
    i64,
    Option<i64>,
    Option<String>,
    String,
);

fn push(row: PushRow) -> Result<Push, StoreError> {
    let (number, address, point, key, kind, version, value, quality, receiver, state, ..) = row;
    let (.., tries, done_at, error, lineage) = row;
    let quality = quality.map(|quality| code("quality", quality)).transpose()?;
    Ok(Push {
        point: number,
        address,
        item: item(key)?,
        kind: code("billing_kind", kind)?,
        version,
        value: value.zip(quality),
        place: PushPlace([point, key, kind, version], receiver.clone()),
        receiver,
        state: code("outbox_state", state)?,
        tries,
        done_at: done_at.map(Moment::from_micros),
        last_error: error,
        lineage,
    })
}

type ReviewRow = (i64, String, Option<String>, i64, i64, i64, i64, Option<i64>, i64);

fn review(row: ReviewRow) -> Result<ReviewLine, StoreError> {
    let (id, address, point, key, as_of, value, quality, current, since) = row;
    Ok(ReviewLine {
        review: Id::new(id),
        address,
        point,
        item: item(key)?,
        as_of: Moment::from_micros(as_of),
        value,
        quality: doubt(code("quality", quality)?),
        current,
        since: Moment::from_micros(since),
    })
}

/// Why it waits: a version that counts does for one reason alone.
const fn doubt(quality: Quality) -> Quality {
    match quality {
        Quality::Suspect(why) => Quality::Suspect(why),
        Quality::Good | Quality::Estimated => Quality::Suspect(Suspicion::Standstill),
    }
}

/// Counted by triggers. What is done is counted for the day whose versions are listed: [`PUSHES`] has the same instant.
const COUNTS: &str = "SELECT receiver, state, CAST(sum(versions) AS bigint) FROM outbox_count \
    WHERE versions > 0 AND (state IN (1, 2, 5) OR at = $1) GROUP BY 1, 2 ORDER BY 1, 2";

/// The same of the points of some areas.
const COUNTS_WITHIN: &str = "SELECT o.receiver, o.state, count(*) FROM ( \
        SELECT point_id, receiver, state FROM outbox WHERE state IN (1, 2) \
        UNION ALL SELECT point_id, receiver, state FROM outbox WHERE state = 5 \
        UNION ALL SELECT point_id, receiver, state FROM outbox WHERE at = $1 AND state IN (3, 4)) o \
    JOIN metering_point p ON p.id = o.point_id \
    WHERE $2 LIKE '%,' || CAST(p.area_id AS text) || ',%' GROUP BY 1, 2 ORDER BY 1, 2";

/// All of a day, in the order of their points.
static PUSHES: LazyLock<Sql> = LazyLock::new(|| {
    Sql::either(|dialect| pushes("", "outbox o", "CAST($4 AS text) IS NOT NULL", dialect.within()))
});

/// Those of the points and meters whose numbers hold some words, which are found first.
static FOUND_PUSHES: LazyLock<Sql> = LazyLock::new(|| {
    Sql::either(|dialect| {
        let number = dialect.lowered("number");
        let found = format!(
            "WITH found AS MATERIALIZED (SELECT id FROM metering_point WHERE {number} LIKE $4 ESCAPE '!' \
             UNION SELECT i.point_id FROM meter m JOIN installation i ON i.meter_id = m.id AND i.removed_at IS NULL \
             WHERE m.address LIKE $4 ESCAPE '!') "
        );
        pushes(&found, "found f JOIN outbox o ON o.point_id = f.id", "1 = 1", dialect.within())
    })
});

fn pushes(with: &str, outbox: &str, words: &str, within: &str) -> String {
    format!(
        "{with}SELECT p.number, m.address, o.point_id, o.item, o.kind, o.version, b.value, b.quality, o.receiver, \
             o.state, o.tries, o.done_at, o.last_error, b.lineage \
         FROM {outbox} JOIN billing_value b ON b.point_id = o.point_id AND b.item = o.item AND b.kind = o.kind \
             AND b.at = o.at AND b.version = o.version \
         JOIN metering_point p ON p.id = o.point_id \
         LEFT JOIN installation i ON i.point_id = p.id AND i.removed_at IS NULL \
         LEFT JOIN meter m ON m.id = i.meter_id \
         WHERE o.at = $2 AND {words} AND ($1 = '' OR $1 LIKE '%,' || CAST(p.area_id AS text) || ',%') \
             AND (CAST($3 AS bigint) IS NULL OR o.state = $3) \
             AND ($11 = 0 OR {within}(CAST($12 AS text), '\n' || o.receiver || '\n') > 0) \
             AND (CAST($5 AS text) IS NULL \
                 OR (o.point_id, o.item, o.kind, o.version, o.receiver) > ($6, $7, $8, $9, $5)) \
         ORDER BY o.point_id, o.item, o.kind, o.version, o.receiver LIMIT $10"
    )
}

const REVIEWS: &str = "SELECT r.id, m.address, p.number, r.item, r.as_of, l.value, l.quality, k.value, r.opened_at \
    FROM review r JOIN meter m ON m.id = r.meter_id \
    JOIN register_ledger l ON l.meter_id = r.meter_id AND l.item = r.item AND l.as_of = r.as_of \
        AND l.version = r.version \
    LEFT JOIN register_ledger k ON k.meter_id = r.meter_id AND k.item = r.item AND k.as_of = r.as_of \
        AND k.version = r.current_version \
    LEFT JOIN installation i ON i.meter_id = r.meter_id AND i.removed_at IS NULL \
    LEFT JOIN metering_point p ON p.id = i.point_id \
    WHERE r.closed_at IS NULL AND ($1 = '' OR $1 LIKE '%,' || CAST(p.area_id AS text) || ',%') \
    ORDER BY r.opened_at, r.id LIMIT $2";

/// Those without any value, and those whose last version took it back.
const WITHOUT: &str = "WITH open AS ( \
        SELECT p.id FROM metering_point p WHERE NOT EXISTS (SELECT 1 FROM billing_value b WHERE b.at = $2 \
            AND b.item = $4 AND b.kind = 2 AND b.value IS NOT NULL AND b.point_id = p.id) \
        UNION SELECT b.point_id FROM billing_value b WHERE b.at = $2 AND b.item = $4 AND b.kind = 2 \
            AND b.value IS NULL AND NOT EXISTS (SELECT 1 FROM billing_value n WHERE n.point_id = b.point_id \
                AND n.item = b.item AND n.kind = b.kind AND n.at = b.at AND n.version > b.version)) \
    SELECT p.number FROM open o JOIN metering_point p ON p.id = o.id \
    WHERE EXISTS (SELECT 1 FROM installation i WHERE i.point_id = p.id AND i.installed_at < $3 \
            AND (i.removed_at IS NULL OR i.removed_at > $2)) \
        AND ($1 = '' OR $1 LIKE '%,' || CAST(p.area_id AS text) || ',%') \
    ORDER BY p.number LIMIT $5";
