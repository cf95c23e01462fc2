//! Points and customers by the numbers that people know them by, within the regions of whoever asks.

use std::collections::HashMap;

use dlt645::address::MeterAddress;

use super::Store;
use super::error::StoreError;
use super::sql::Sql;
use crate::domain::access::Regions;
use crate::domain::{Customer, Id, Meter, MeteringPoint, TransformerArea};

/// A point that has a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NumberedPoint {
    /// The point.
    pub point: Id<MeteringPoint>,
    /// Its transformer area.
    pub area: Option<Id<TransformerArea>>,
    /// Whose it is.
    pub customer: Id<Customer>,
    /// The meter that is there now.
    pub meter: Option<Id<Meter>>,
}

impl Store {
    /// The points with these numbers that are in these regions; others are left out.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn numbered_points(
        &self,
        numbers: &[&str],
        regions: &Regions,
    ) -> Result<HashMap<String, NumberedPoint>, StoreError> {
        let mut reading = self.read("reading points by their numbers").await?;
        let rows: Vec<PointRow> = reading.rows(POINTS, &[list(numbers).into()]).await?;
        let found = rows.into_iter().map(|(number, point, area, customer, meter)| {
            let (area, meter) = (area.map(Id::new), meter.map(Id::new));
            (number, NumberedPoint { point: Id::new(point), area, customer: Id::new(customer), meter })
        });
        Ok(found.filter(|(_, found)| regions.hold(found.area)).collect())
    }

    /// The customers with these numbers of whom every point is in these regions; others are left out.
    ///
    /// # Errors
    /// As [`Self::numbered_points`].
    pub async fn numbered_customers(
        &self,
        numbers: &[&str],
        regions: &Regions,
    ) -> Result<HashMap<String, Id<Customer>>, StoreError> {
        let mut reading = self.read("reading customers by their numbers").await?;
        let rows: Vec<(String, i64, Option<i64>)> = reading.rows(CUSTOMERS, &[list(numbers).into()]).await?;
        let mut found: HashMap<String, Id<Customer>> =
            rows.iter().map(|(number, customer, _)| (number.clone(), Id::new(*customer))).collect();
        for (number, _, area) in &rows {
            if !regions.hold(area.map(Id::new)) {
                found.remove(number);
            }
        }
        Ok(found)
    }

    /// The numbers of points that are in these regions; others are left out.
    ///
    /// # Errors
    /// As [`Self::numbered_points`].
    pub async fn numbers_of_points(
        &self,
        points: &[Id<MeteringPoint>],
        regions: &Regions,
    ) -> Result<HashMap<Id<MeteringPoint>, String>, StoreError> {
        let mut reading = self.read("reading the numbers of points").await?;
        let ids: Vec<_> = points.iter().map(|point| point.number()).collect();
        let ids = serde_json::Value::from(ids).to_string();
        let rows: Vec<(i64, String, Option<i64>)> = reading.rows(NUMBERS, &[ids.into()]).await?;
        let within = rows.into_iter().filter(|(.., area)| regions.hold(area.map(Id::new)));
        Ok(within.map(|(point, number, _)| (Id::new(point), number)).collect())
    }

    /// The meter with this address, wherever it is.
    ///
    /// # Errors
    /// As [`Self::numbered_points`].
    pub async fn meter_with(&self, address: MeterAddress) -> Result<Option<Id<Meter>>, StoreError> {
        let mut reading = self.read("reading a meter by its address").await?;
        let ask = "SELECT id FROM meter WHERE address = $1";
        let row: Option<(i64,)> = reading.row(ask, &[address.to_string().into()]).await?;
        Ok(row.map(|(id,)| Id::new(id)))
    }

    /// The names of all transformer areas.
    ///
    /// # Errors
    /// As [`Self::numbered_points`].
    pub async fn names_of_areas(&self) -> Result<HashMap<Id<TransformerArea>, String>, StoreError> {
        let mut reading = self.read("reading the names of areas").await?;
        let rows: Vec<(i64, String)> = reading.rows("SELECT id, name FROM transformer_area", &[]).await?;
        Ok(rows.into_iter().map(|(area, name)| (Id::new(area), name)).collect())
    }
}

/// Number, point, area, customer, meter.
type PointRow = (String, i64, Option<i64>, i64, Option<i64>);

/// Texts as JSON, which both databases take apart. Nothing that is kept has a NUL in its number.
pub(super) fn list(numbers: &[&str]) -> String {
    let plain: Vec<_> = numbers.iter().copied().filter(|number| !number.contains('\0')).collect();
    serde_json::Value::from(plain).to_string()
}

const POINTS: Sql = Sql {
    sqlite: "SELECT p.number, p.id, p.area_id, p.customer_id, n.meter_id FROM json_each($1) k \
        JOIN metering_point p ON p.number = k.value \
        LEFT JOIN installation n ON n.point_id = p.id AND n.removed_at IS NULL",
    postgres: "SELECT p.number, p.id, p.area_id, p.customer_id, n.meter_id \
        FROM json_array_elements_text(CAST($1 AS json)) AS k (value) \
        JOIN metering_point p ON p.number = k.value \
        LEFT JOIN installation n ON n.point_id = p.id AND n.removed_at IS NULL",
};

const CUSTOMERS: Sql = Sql {
    sqlite: "SELECT c.number, c.id, p.area_id FROM json_each($1) k JOIN customer c ON c.number = k.value \
        LEFT JOIN metering_point p ON p.customer_id = c.id",
    postgres: "SELECT c.number, c.id, p.area_id FROM json_array_elements_text(CAST($1 AS json)) AS k (value) \
        JOIN customer c ON c.number = k.value LEFT JOIN metering_point p ON p.customer_id = c.id",
};

const NUMBERS: Sql = Sql {
    sqlite: "SELECT p.id, p.number, p.area_id FROM json_each($1) k JOIN metering_point p ON p.id = k.value",
    postgres: "SELECT p.id, p.number, p.area_id FROM json_array_elements_text(CAST($1 AS json)) AS k (value) \
        JOIN metering_point p ON p.id = CAST(k.value AS bigint)",
};
