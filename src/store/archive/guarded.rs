//! Points that are protected by nothing but the class of their customer: no file takes that away (F54).

use std::collections::{HashMap, HashSet};

use crate::domain::{ArchiveEntry, Coded, CustomerClass};
use crate::store::error::StoreError;
use crate::store::transaction::Transaction;

/// Such points, with their customers.
pub(super) struct Guarded {
    /// The number of the customer, by that of the point.
    points: HashMap<String, String>,
    customers: HashSet<String>,
}

impl Guarded {
    pub(super) async fn load(reading: &mut Transaction) -> Result<Self, StoreError> {
        let important = CustomerClass::Important.code();
        let rows: Vec<(String, String)> = reading.rows(BY_CLASS_ALONE, &[important.into()]).await?;
        let customers = rows.iter().map(|(_, customer)| customer.clone()).collect();
        Ok(Self { points: rows.into_iter().collect(), customers })
    }

    /// True when an entry would leave one of them without protection: by another class of the customer, or by another customer,
    /// whose class is `becomes` when the entry does not say it.
    pub(super) fn loses(&self, entry: &ArchiveEntry, becomes: Option<i64>) -> bool {
        let customer = &entry.customer.number;
        let is_important = |class: Option<i64>| class == Some(CustomerClass::Important.code());
        let class = entry.customer.class.map(Coded::code);
        let is_demoted = class.is_some() && !is_important(class) && self.customers.contains(customer);
        let was = self.points.get(&entry.point.number);
        let is_moved = was.is_some_and(|was| was != customer) && !is_important(class.or(becomes));
        is_demoted || is_moved
    }
}

/// What ends by itself protects for a time only.
const BY_CLASS_ALONE: &str = "SELECT p.number, c.number FROM metering_point p JOIN customer c ON c.id = p.customer_id \
    WHERE c.class = $1 AND p.protection IS NULL AND NOT EXISTS (SELECT 1 FROM supply_protection s \
        WHERE s.point_id = p.id AND s.ended_at IS NULL AND s.until_at IS NULL)";
