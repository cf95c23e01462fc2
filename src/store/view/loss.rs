//! What went into a transformer area and what its customers were measured to use (线损), by day.

use std::collections::BTreeMap;

use crate::domain::access::Regions;
use crate::domain::{Day, Id, Item, PointRole, TransformerArea};
use crate::store::error::StoreError;
use crate::store::{Store, code};

/// The points of one kind in an area, and what they measured in a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// Points that had a meter that day, or a part of it.
    pub points: u64,
    /// Of these, with a consumption.
    pub known: u64,
    /// Forward, the sum of those known, in the last decimal of a consumption.
    pub forward: i64,
    /// Reverse, likewise.
    pub reverse: i64,
}

/// An area on a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AreaFlow {
    /// The area.
    pub area: Id<TransformerArea>,
    /// Its name.
    pub name: String,
    /// The day.
    pub day: Day,
    /// Its check meters.
    pub check: Flow,
    /// Its customers.
    pub customers: Flow,
}

impl Store {
    /// What each area with a check meter measured on a day, by name.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or holds what this version does not know.
    pub async fn area_flows(&self, day: Day, regions: &Regions) -> Result<Vec<AreaFlow>, StoreError> {
        let mut reading = self.read("reading what areas used").await?;
        let key = |code| Item::parse(code).map(|item| i64::from(item.key().number()));
        let args = [
            super::areas(regions).into(),
            day.start().into(),
            day.next().start().into(),
            key("1.8.0").into(),
            key("2.8.0").into(),
        ];
        let rows: Vec<Row> = reading.rows(FLOWS, &args).await?;
        let mut areas: BTreeMap<(String, i64), AreaFlow> = BTreeMap::new();
        for (area, name, role, points, known, forward, reverse) in rows {
            let count = |number| u64::try_from(number).unwrap_or(0);
            let flow = Flow { points: count(points), known: count(known), forward, reverse };
            let empty = AreaFlow {
                area: Id::new(area),
                name: name.clone(),
                day,
                check: Flow::default(),
                customers: Flow::default(),
            };
            let kept = areas.entry((name, area)).or_insert(empty);
            match code("role", role)? {
                PointRole::AreaCheck => kept.check = flow,
                PointRole::Customer => kept.customers = flow,
            }
        }
        Ok(areas.into_values().filter(|area| area.check.points > 0).collect())
    }
}

type Row = (i64, String, i64, i64, i64, i64, i64);

const FLOWS: &str = "SELECT a.id, a.name, p.role, count(*), count(f.value), \
        CAST(coalesce(sum(f.value), 0) AS bigint), CAST(coalesce(sum(r.value), 0) AS bigint) \
    FROM metering_point p JOIN transformer_area a ON a.id = p.area_id \
    LEFT JOIN billing_value f ON f.point_id = p.id AND f.item = $4 AND f.kind = 2 AND f.at = $2 \
        AND NOT EXISTS (SELECT 1 FROM billing_value n WHERE n.point_id = f.point_id AND n.item = f.item \
            AND n.kind = f.kind AND n.at = f.at AND n.version > f.version) \
    LEFT JOIN billing_value r ON r.point_id = p.id AND r.item = $5 AND r.kind = 2 AND r.at = $2 \
        AND NOT EXISTS (SELECT 1 FROM billing_value n WHERE n.point_id = r.point_id AND n.item = r.item \
            AND n.kind = r.kind AND n.at = r.at AND n.version > r.version) \
    WHERE EXISTS (SELECT 1 FROM installation i WHERE i.point_id = p.id AND i.installed_at < $3 \
            AND (i.removed_at IS NULL OR i.removed_at > $2)) \
        AND ($1 = '' OR $1 LIKE '%,' || CAST(p.area_id AS text) || ',%') \
    GROUP BY a.id, a.name, p.role ORDER BY a.name, a.id, p.role";
