//! What points used on days (日电量), as billing has it: the newest version of each, for people and other programs.

use super::{content, key};
use crate::domain::access::Regions;
use crate::domain::{BillingContent, BillingKey, Day, Id, Item, MeteringPoint};
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::view::areas;

/// What a point used on a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayConsumption {
    /// The number of the point, as people know it.
    pub point_number: String,
    /// The point, the item and the day.
    pub key: BillingKey,
    /// The version that counts.
    pub version: i64,
    /// What it says.
    pub content: BillingContent,
}

impl Store {
    /// A page of what the points of some regions used on a day, in the order of items and points: of one item, or of all, behind
    /// an item and a point.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or holds what this version does not know.
    pub async fn consumptions_of_day(
        &self,
        day: Day,
        item: Option<Item>,
        after: Option<[i64; 2]>,
        (regions, at_most): (&Regions, u32),
    ) -> Result<Vec<DayConsumption>, StoreError> {
        let mut reading = self.read("listing daily consumptions").await?;
        let [of, point] = after.unwrap_or([i64::MIN, i64::MIN]);
        let args = [
            areas(regions).into(),
            day.start().into(),
            item.map(|item| i64::from(item.key().number())).into(),
            of.into(),
            point.into(),
            i64::from(at_most).into(),
        ];
        let rows: Vec<Row> = reading.rows(OF_DAY, &args).await?;
        rows.into_iter().map(consumption).collect()
    }

    /// What a point used on each of some days, the first and the last with them, by day and item.
    ///
    /// # Errors
    /// As [`Self::consumptions_of_day`].
    pub async fn consumptions_of_point(
        &self,
        point: Id<MeteringPoint>,
        (first, last): (Day, Day),
        item: Option<Item>,
    ) -> Result<Vec<DayConsumption>, StoreError> {
        let mut reading = self.read("listing the daily consumptions of a point").await?;
        let item = item.map(|item| i64::from(item.key().number()));
        let args = [point.into(), first.start().into(), last.start().into(), item.into()];
        let rows: Vec<Row> = reading.rows(OF_POINT, &args).await?;
        rows.into_iter().map(consumption).collect()
    }
}

/// Number, point, item, kind, beginning, version, value, quality, when it was read, lineage and seal.
type Row = (String, i64, i64, i64, i64, i64, Option<i64>, Option<i64>, Option<i64>, String, Option<i64>);

fn consumption(row: Row) -> Result<DayConsumption, StoreError> {
    let (point_number, point, item, kind, at, version, value, quality, read_at, lineage, seal) = row;
    let numbers = (point, item, kind, at, version);
    let (key, version) = key(numbers)?;
    let content = content(numbers, [value, quality, read_at], lineage, seal)?;
    Ok(DayConsumption { point_number, key, version, content })
}

/// Found in the order in which they are listed, by an index of its own.
const OF_DAY: &str = "SELECT p.number, b.point_id, b.item, b.kind, b.at, b.version, b.value, b.quality, b.read_at, b.lineage, b.seal \
    FROM billing_value b JOIN metering_point p ON p.id = b.point_id \
    WHERE b.kind = 2 AND b.value IS NOT NULL AND b.at = $2 AND (CAST($3 AS bigint) IS NULL OR b.item = $3) \
        AND (b.item, b.point_id) > ($4, $5) AND ($1 = '' OR $1 LIKE '%,' || CAST(p.area_id AS text) || ',%') \
        AND NOT EXISTS (SELECT 1 FROM billing_value n WHERE n.point_id = b.point_id AND n.item = b.item \
            AND n.kind = b.kind AND n.at = b.at AND n.version > b.version) \
    ORDER BY b.item, b.point_id LIMIT $6";

const OF_POINT: &str = "SELECT p.number, b.point_id, b.item, b.kind, b.at, b.version, b.value, b.quality, b.read_at, b.lineage, b.seal \
    FROM billing_value b JOIN metering_point p ON p.id = b.point_id \
    WHERE b.point_id = $1 AND b.kind = 2 AND b.value IS NOT NULL AND b.at BETWEEN $2 AND $3 \
        AND (CAST($4 AS bigint) IS NULL OR b.item = $4) \
        AND NOT EXISTS (SELECT 1 FROM billing_value n WHERE n.point_id = b.point_id AND n.item = b.item \
            AND n.kind = b.kind AND n.at = b.at AND n.version > b.version) \
    ORDER BY b.at, b.item";
