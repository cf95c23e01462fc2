//! Orders as somebody writes them, and their points as they are then.

use std::collections::HashMap;

use super::head::add_writer;
use super::{Objected, PointObjections, SupplyError};
use crate::domain::access::Acting;
use crate::domain::supply::{Objection, OrderKind, OrderState, Reason, SupplyOrder, Window};
use crate::domain::{Coded, Id, MeteringPoint, Moment};
use crate::store::Store;
use crate::store::error::{Refusal, StoreError};
use crate::store::sql::{Kind, Rows, Sql, Table};
use crate::store::transaction::Transaction;

/// An order as somebody writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewOrder {
    /// What.
    pub kind: OrderKind,
    /// Why.
    pub reason: Reason,
    /// Why, in words; for closing directly the safety note.
    pub text: String,
    /// When. Of no account for what is done at once.
    pub window: Window,
    /// Whose.
    pub points: Vec<Id<MeteringPoint>>,
}

/// Refuses a text that no page and no form can show.
pub(super) fn check_text(text: &str) -> Result<(), StoreError> {
    let is_plain = text.chars().all(|letter| !letter.is_control() || letter == '\n');
    if is_plain && text.chars().count() <= LONGEST_TEXT {
        Ok(())
    } else {
        Err(StoreError::Refused(Refusal::Text))
    }
}

/// Letters of the text of an order.
const LONGEST_TEXT: usize = 500;

impl Store {
    /// Adds an order that is written and no more.
    pub(super) async fn draft(
        &self,
        writing: &mut Transaction,
        acting: &Acting,
        new: &NewOrder,
        now: Moment,
    ) -> Result<Id<SupplyOrder>, SupplyError> {
        if !acting.may(new.kind.action()) {
            return Err(Objection::NoRight.into());
        }
        if new.points.len() > new.kind.most_points() {
            return Err(Objection::TooManyPoints.into());
        }
        check_text(&new.text)?;
        let id = Id::new(self.numbers.next(now));
        let args = [
            id.into(),
            new.kind.code().into(),
            new.reason.code().into(),
            new.text.as_str().into(),
            new.window.from.into(),
            new.window.until.into(),
            OrderState::Draft.code().into(),
            acting.person.into(),
            acting.name.as_str().into(),
            acting.source.as_str().into(),
            now.into(),
        ];
        writing.execute(ADD, &args).await?;
        add_points(writing, id, new, now).await?;
        add_writer(writing, id, acting.person).await?;
        Ok(id)
    }
}

/// Adds the points of an order as they are now.
pub(super) async fn add_points(
    writing: &mut Transaction,
    id: Id<SupplyOrder>,
    new: &NewOrder,
    now: Moment,
) -> Result<(), SupplyError> {
    let mut points = new.points.clone();
    points.sort_unstable();
    points.dedup();
    if points.len() < new.points.len() {
        return Err(Objection::RepeatedPoint.into());
    }
    let mut rows = Rows::new(&POINT);
    let numbers: Vec<_> = points.iter().map(|point| point.number()).collect();
    let numbers = serde_json::Value::from(numbers).to_string();
    let there: Vec<(i64, i64, i64, Option<i64>)> = writing.rows(THERE, &[numbers.into()]).await?;
    let there: HashMap<_, _> =
        there.into_iter().map(|(point, meter, of, area)| (point, (meter, of, area))).collect();
    for point in points {
        let Some((meter, customer, area)) = there.get(&point.number()).copied() else {
            let points = vec![of_point(writing, point, vec![Objection::NotThere]).await?];
            return Err(SupplyError::Objected(Objected { points, ..Objected::default() }));
        };
        let state = OrderState::Draft.code().into();
        rows.push([
            id.into(),
            point.into(),
            meter.into(),
            customer.into(),
            area.into(),
            state,
            now.into(),
            now.into(),
            "".into(),
            "".into(),
            0.into(),
        ]);
    }
    writing.insert(&POINT, &rows).await?;
    Ok(())
}

/// What stands against a point, with its number.
pub(super) async fn of_point(
    reading: &mut Transaction,
    point: Id<MeteringPoint>,
    objections: Vec<Objection>,
) -> Result<PointObjections, StoreError> {
    let ask = "SELECT number FROM metering_point WHERE id = $1";
    let (number,): (String,) = reading.row(ask, &[point.into()]).await?.unwrap_or_default();
    Ok(PointObjections { point, number, objections })
}

/// An order as the audit log tells it.
pub(super) fn told(new: &NewOrder) -> String {
    let points: Vec<_> = new.points.iter().map(|point| point.number()).collect();
    serde_json::json!({
        "kind": new.kind.name(),
        "reason": new.reason.name(),
        "text": new.text,
        "window_from": new.window.from.to_string(),
        "window_until": new.window.until.to_string(),
        "points": points,
    })
    .to_string()
}

const ADD: &str = "INSERT INTO supply_order (id, kind, reason, text, window_from, window_until, state, is_quarantined, \
    is_flagged, has_stopped_itself, requested_by, requested_name, source, created_at, submitted_at, changed_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 0, 0, $8, $9, $10, $11, NULL, $11)";

/// The points of a list, as JSON, that have a meter.
const THERE: Sql = Sql {
    sqlite: "SELECT p.id, n.meter_id, p.customer_id, p.area_id FROM json_each($1) k \
        JOIN metering_point p ON p.id = k.value \
        JOIN installation n ON n.point_id = p.id AND n.removed_at IS NULL",
    postgres: "SELECT p.id, n.meter_id, p.customer_id, p.area_id \
        FROM json_array_elements_text(CAST($1 AS json)) AS k (value) \
        JOIN metering_point p ON p.id = CAST(k.value AS bigint) \
        JOIN installation n ON n.point_id = p.id AND n.removed_at IS NULL",
};

const POINT: Table = Table {
    name: "supply_order_point",
    columns: &[
        ("order_id", Kind::Int),
        ("point_id", Kind::Int),
        ("meter_id", Kind::Int),
        ("customer_id", Kind::Int),
        ("area_id", Kind::Int),
        ("state", Kind::Int),
        ("changed_at", Kind::Int),
        ("due_at", Kind::Int),
        ("objections", Kind::Text),
        ("proof", Kind::Text),
        ("told", Kind::Int),
    ],
    on_conflict: "",
};
