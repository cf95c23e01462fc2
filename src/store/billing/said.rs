//! What is said of a day: the newest version of each value, as we have it and as the built-in ledger has it.

use crate::domain::{BillingKind, Day, Item};
use crate::store::error::StoreError;
use crate::store::{Store, code, item};

/// What is said of one value of a day.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SaidLine {
    /// The reading route of its point; empty where the point has none.
    pub route: String,
    /// Number of the point.
    pub point: String,
    /// Register or consumption.
    pub kind: BillingKind,
    /// What is measured.
    pub item: Item,
    /// Which version.
    pub version: i64,
    /// What it says, in the last decimal of its kind and item.
    pub value: i64,
}

impl Store {
    /// The newest versions of a day, of one reading route or of all, without those that take back.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or holds what this version does not know.
    pub async fn said_of(&self, day: Day, route: Option<&str>) -> Result<Vec<SaidLine>, StoreError> {
        self.lines_of(OURS, day, route).await
    }

    /// As [`Self::said_of`], as the built-in ledger has it.
    ///
    /// # Errors
    /// As [`Self::said_of`].
    pub async fn entered_of(&self, day: Day, route: Option<&str>) -> Result<Vec<SaidLine>, StoreError> {
        self.lines_of(THEIRS, day, route).await
    }

    /// The reading routes of points, by their numbers; a point without one has an empty route.
    ///
    /// # Errors
    /// As [`Self::said_of`].
    pub async fn routes_of_points(&self) -> Result<Vec<(String, String)>, StoreError> {
        let mut reading = self.read("reading the routes of points").await?;
        reading.rows(ROUTES, &[]).await
    }

    async fn lines_of(
        &self,
        statement: &'static str,
        day: Day,
        route: Option<&str>,
    ) -> Result<Vec<SaidLine>, StoreError> {
        let mut reading = self.read("reading what was said of a day").await?;
        let rows: Vec<Row> = reading.rows(statement, &[day.start().into(), route.into()]).await?;
        rows.into_iter().map(line).collect()
    }
}

type Row = (Option<String>, String, i64, i64, i64, i64);

fn line((route, point, kind, of, version, value): Row) -> Result<SaidLine, StoreError> {
    Ok(SaidLine {
        route: route.unwrap_or_default(),
        point,
        kind: code("billing_kind", kind)?,
        item: item(of)?,
        version,
        value,
    })
}

const ROUTES: &str = "SELECT p.number, coalesce(r.name, '') FROM metering_point p \
    LEFT JOIN reading_route r ON r.id = p.route_id ORDER BY p.number";

const OURS: &str = "SELECT r.name, p.number, b.kind, b.item, b.version, b.value FROM billing_value b \
    JOIN metering_point p ON p.id = b.point_id LEFT JOIN reading_route r ON r.id = p.route_id \
    WHERE b.at = $1 AND b.value IS NOT NULL AND (CAST($2 AS text) IS NULL OR r.name = $2) \
        AND NOT EXISTS (SELECT 1 FROM billing_value n WHERE n.point_id = b.point_id AND n.item = b.item \
            AND n.kind = b.kind AND n.at = b.at AND n.version > b.version) \
    ORDER BY p.number, b.kind, b.item";

const THEIRS: &str = "SELECT r.name, p.number, b.kind, b.item, b.version, b.value FROM billing_ledger b \
    JOIN metering_point p ON p.id = b.point_id LEFT JOIN reading_route r ON r.id = p.route_id \
    WHERE b.at = $1 AND b.value IS NOT NULL AND (CAST($2 AS text) IS NULL OR r.name = $2) \
        AND NOT EXISTS (SELECT 1 FROM billing_ledger n WHERE n.point_id = b.point_id AND n.item = b.item \
            AND n.kind = b.kind AND n.at = b.at AND n.version > b.version) \
    ORDER BY p.number, b.kind, b.item";
