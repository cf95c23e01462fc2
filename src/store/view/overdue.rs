//! Who is in arrears, with what they were told: the overdue list (欠费清单).

use std::sync::LazyLock;

use crate::domain::access::Regions;
use crate::domain::supply::{NoticeKind, OrderKind, OrderState, SupplyOrder};
use crate::domain::{Coded, Id, Moment};
use crate::store::error::StoreError;
use crate::store::{Store, code};

/// A point whose customer is in arrears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverdueLine {
    /// The customer's number and name.
    pub customer: (String, String),
    /// The number of the point.
    pub point: String,
    /// The transformer area.
    pub area: Option<String>,
    /// The address of the meter that is there.
    pub address: Option<String>,
    /// Whether the point is protected.
    pub is_protected: bool,
    /// Since when something is owed.
    pub since: Moment,
    /// What is still owed, in fen.
    pub owed_fen: i64,
    /// When they were last reminded.
    pub reminded_at: Option<Moment>,
    /// When they were last told that supply will be cut.
    pub told_at: Option<Moment>,
    /// The last order of the point that was not taken back: which, of what kind, and how it stands there.
    pub order: Option<(Id<SupplyOrder>, OrderKind, OrderState)>,
}

impl Store {
    /// Points whose customers are in arrears, those longest in arrears first.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn overdue_lines(
        &self,
        regions: &Regions,
        at_most: u32,
        now: Moment,
    ) -> Result<Vec<OverdueLine>, StoreError> {
        let mut reading = self.read("listing who is in arrears").await?;
        let args = [
            super::areas(regions).into(),
            NoticeKind::Reminder.code().into(),
            NoticeKind::Cut.code().into(),
            i64::from(at_most).into(),
            now.into(),
        ];
        let rows: Vec<Row> = reading.rows(OVERDUE.as_str(), &args).await?;
        rows.into_iter().map(line).collect()
    }
}

type Row = (
    String,
    String,
    String,
    Option<String>,
    Option<String>,
    i64,
    i64,
    i64,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
);

fn line(row: Row) -> Result<OverdueLine, StoreError> {
    let (
        number,
        name,
        point,
        area,
        address,
        protected,
        since,
        owed_fen,
        reminded_at,
        told_at,
        order,
        kind,
        state,
    ) = row;
    let order = match (order, kind, state) {
        (Some(order), Some(kind), Some(state)) => {
            Some((Id::new(order), code("order_kind", kind)?, code("order_state", state)?))
        }
        _ => None,
    };
    Ok(OverdueLine {
        customer: (number, name),
        point,
        area,
        address,
        is_protected: protected == 1,
        since: Moment::from_micros(since),
        owed_fen,
        reminded_at: reminded_at.map(Moment::from_micros),
        told_at: told_at.map(Moment::from_micros),
        order,
    })
}

/// What was told is looked for on the page alone.
static OVERDUE: LazyLock<String> = LazyLock::new(|| {
    format!(
        "WITH page AS MATERIALIZED (SELECT * FROM ( \
             SELECT p.id AS id, p.protection AS protection, c.number AS number, c.name AS name, p.number AS point, \
                 a.name AS area, m.address AS address, r.since AS since, \
                 r.amount_fen - coalesce((SELECT CAST(sum(s.amount_fen) AS bigint) FROM supply_payment s \
                     WHERE s.customer_id = c.id AND (s.paid_at >= r.as_of OR s.paid_at >= r.entered_at)), 0) AS owed \
             FROM supply_arrears r JOIN customer c ON c.id = r.customer_id \
             JOIN metering_point p ON p.customer_id = c.id \
             LEFT JOIN transformer_area a ON a.id = p.area_id \
             LEFT JOIN installation i ON i.point_id = p.id AND i.removed_at IS NULL \
             LEFT JOIN meter m ON m.id = i.meter_id \
             WHERE ($1 = '' OR $1 LIKE '%,' || CAST(p.area_id AS text) || ',%')) AS listed \
             WHERE owed > 0 ORDER BY since, number, point LIMIT $4) \
         SELECT p.number, p.name, p.point, p.area, p.address, {}, p.since, p.owed, \
             (SELECT max(n.given_at) FROM supply_notice n WHERE n.point_id = p.id AND n.kind = $2), \
             (SELECT max(n.given_at) FROM supply_notice n WHERE n.point_id = p.id AND n.kind = $3), \
             o.id, o.kind, s.state \
         FROM page p LEFT JOIN supply_order_point s ON s.point_id = p.id AND s.order_id = \
             (SELECT max(x.order_id) FROM supply_order_point x WHERE x.point_id = p.id AND x.state <> 13) \
         LEFT JOIN supply_order o ON o.id = s.order_id ORDER BY p.since, p.number, p.point",
        super::protected("$5")
    )
});
