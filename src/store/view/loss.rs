//! What went into a transformer area and what its customers were measured to use (线损), by day.

use std::collections::HashMap;

use crate::domain::access::Regions;
use crate::domain::{Coded, Day, Id, Item, Moment, PointRole, TransformerArea};
use crate::store::Store;
use crate::store::error::StoreError;

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
    /// What each area with a check meter measured on each of some days, the first and the last with them: the last day
    /// first, of each day by name.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or holds what this version does not know.
    pub async fn area_flows(
        &self,
        (first, last): (Day, Day),
        regions: &Regions,
    ) -> Result<Vec<AreaFlow>, StoreError> {
        let mut reading = self.read("reading what areas used").await?;
        let key = |code| Item::parse(code).map(|item| i64::from(item.key().number()));
        let names: Vec<(i64, String)> = reading.rows(AREAS, &[super::areas(regions).into()]).await?;
        let span = [first.start().into(), first.next().start().into(), last.start().into()];
        let points: Vec<(Option<i64>, i64, i64, i64)> = reading.rows(POINTS, &span).await?;
        let args = [first.start().into(), last.start().into(), key("1.8.0").into(), key("2.8.0").into()];
        let used: Vec<(i64, i64, i64, i64, i64, i64)> = reading.rows(USED, &args).await?;
        let mut flows: HashMap<(Day, i64, i64), Flow> = HashMap::new();
        let days =
            || std::iter::successors(Some(last), |day| Some(day.previous())).take_while(|day| *day >= first);
        for (at, area, role, points) in points {
            let of_day = at.map(|at| Day::of(Moment::from_micros(at)));
            for day in days().filter(|day| of_day.is_none_or(|of_day| of_day == *day)) {
                flows.entry((day, area, role)).or_default().points += u64::try_from(points).unwrap_or(0);
            }
        }
        for (at, area, role, known, forward, reverse) in used {
            let Some(flow) = flows.get_mut(&(Day::of(Moment::from_micros(at)), area, role)) else { continue };
            *flow = Flow { known: u64::try_from(known).unwrap_or(0), forward, reverse, ..*flow };
        }
        let [check, customer] = [PointRole::AreaCheck.code(), PointRole::Customer.code()];
        let mut listed = Vec::new();
        for day in days() {
            for (area, name) in &names {
                let Some(check) = flows.get(&(day, *area, check)) else { continue };
                let customers = flows.get(&(day, *area, customer)).copied().unwrap_or_default();
                let (area, name) = (Id::new(*area), name.clone());
                listed.push(AreaFlow { area, name, day, check: *check, customers });
            }
        }
        Ok(listed)
    }
}

const AREAS: &str = "SELECT id, name FROM transformer_area \
    WHERE ($1 = '' OR $1 LIKE '%,' || CAST(id AS text) || ',%') ORDER BY name, id";

/// Points with a meter by area and kind: those whose meter is there since before and stays, for all days alike, and for
/// each day those with another meter in it.
const POINTS: &str = "WITH RECURSIVE days (at) AS (SELECT CAST($1 AS bigint) \
        UNION ALL SELECT at + 86400000000 FROM days WHERE at < $3) \
    SELECT CAST(NULL AS bigint), p.area_id, p.role, count(*) \
    FROM installation i JOIN metering_point p ON p.id = i.point_id \
    WHERE i.removed_at IS NULL AND i.installed_at < $2 AND p.area_id IS NOT NULL GROUP BY p.area_id, p.role \
    UNION ALL SELECT d.at, p.area_id, p.role, count(DISTINCT p.id) \
    FROM installation i JOIN days d ON i.installed_at < d.at + 86400000000 \
        AND (i.removed_at IS NULL OR i.removed_at > d.at) \
    JOIN metering_point p ON p.id = i.point_id \
    WHERE (i.removed_at > $1 OR i.installed_at >= $2) AND p.area_id IS NOT NULL \
        AND NOT EXISTS (SELECT 1 FROM installation s WHERE s.point_id = i.point_id AND s.removed_at IS NULL \
            AND s.installed_at < $2) \
    GROUP BY d.at, p.area_id, p.role";

/// Counted by triggers; how much is known is told of what flows forward.
const USED: &str = "SELECT at, area_id, role, CAST(sum(CASE item WHEN $3 THEN known ELSE 0 END) AS bigint), \
        CAST(sum(CASE item WHEN $3 THEN value ELSE 0 END) AS bigint), \
        CAST(sum(CASE item WHEN $4 THEN value ELSE 0 END) AS bigint) \
    FROM area_use WHERE at BETWEEN $1 AND $2 AND item IN ($3, $4) GROUP BY at, area_id, role";
