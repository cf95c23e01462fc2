//! Orders as pages and commands show them.

use dlt645::address::MeterAddress;

use super::attempt::AttemptRecord;
use super::head::Head;
use super::held::{HeldRecord, held};
use crate::domain::access::{Person, Regions};
use crate::domain::supply::{
    ContentHash, NoticeKind, Objection, OrderContent, OrderState, OrderedPoint, SupplyOrder,
};
use crate::domain::{Coded, Customer, Id, Meter, MeteringPoint, Moment, TransformerArea};
use crate::store::error::StoreError;
use crate::store::transaction::Transaction;
use crate::store::view::areas;
use crate::store::{Store, code};

/// Which orders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrderFilter {
    /// Only those in this state as a whole.
    pub state: Option<OrderState>,
    /// Only those with this point.
    pub point: Option<Id<MeteringPoint>>,
}

/// An order in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderRecord {
    /// Its number.
    pub id: Id<SupplyOrder>,
    /// What is ordered.
    pub content: OrderContent,
    /// How it stands as a whole.
    pub state: OrderState,
    /// Above a ceiling: it needs a second approver.
    pub is_quarantined: bool,
    /// A point was refused or taken out.
    pub is_flagged: bool,
    /// Too much ended otherwise than expected.
    pub has_stopped_itself: bool,
    /// It was taken back while something of it was under way: nothing more of it is sent.
    pub is_taken_back: bool,
    /// The account that wrote it.
    pub requested_by: String,
    /// When it was written.
    pub created_at: Moment,
    /// When it was handed in.
    pub submitted_at: Option<Moment>,
}

impl OrderRecord {
    /// How many approvers it takes.
    #[must_use]
    pub const fn approvers_needed(&self) -> usize {
        match self.content.kind.is_cut_class() {
            false => 0,
            true if self.is_quarantined || self.content.reason.is_emergency() => 2,
            true => 1,
        }
    }
}

/// A point of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointRecord {
    /// With its meter and its customer when it was ordered.
    pub ordered: OrderedPoint,
    /// Its number (计量点编号).
    pub number: String,
    /// The address of the meter.
    pub address: String,
    /// The number and the name of the customer.
    pub customer: (String, String),
    /// Its transformer area.
    pub area: Option<Id<TransformerArea>>,
    /// How it stands.
    pub state: OrderState,
    /// Since when.
    pub changed_at: Moment,
    /// When something is done about it next, as long as it has not ended.
    pub due_at: Moment,
    /// What last stood against it.
    pub objections: Vec<Objection>,
    /// What is known of it, in a short name.
    pub proof: String,
}

/// An approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApprovalRecord {
    /// Who.
    pub person: Id<Person>,
    /// Their account.
    pub name: String,
    /// When.
    pub at: Moment,
    /// When it was withdrawn or became void, and by whom.
    pub ended: Option<(Moment, String)>,
}

/// A notice that was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticeRecord {
    /// To the customer of which point.
    pub point: Id<MeteringPoint>,
    /// Which.
    pub kind: NoticeKind,
    /// When.
    pub given_at: Moment,
    /// How.
    pub how: String,
    /// Who gave it.
    pub given_by: String,
}

/// An order with all that belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderView {
    /// The order.
    pub order: OrderRecord,
    /// What somebody who approves it approves.
    pub hash: ContentHash,
    /// Its points.
    pub points: Vec<PointRecord>,
    /// Who approved it.
    pub approvals: Vec<ApprovalRecord>,
    /// What was tried.
    pub attempts: Vec<AttemptRecord>,
    /// What its customers were told.
    pub notices: Vec<NoticeRecord>,
    /// What has kept it back when it was to be carried out.
    pub held: Vec<HeldRecord>,
}

impl Store {
    /// Orders with numbers below `before`, the newest first, `most` at most, of these regions.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or holds what this version does not know.
    pub async fn supply_orders(
        &self,
        filter: &OrderFilter,
        regions: &Regions,
        before: i64,
        most: u32,
    ) -> Result<Vec<OrderRecord>, StoreError> {
        let mut reading = self.read("reading supply orders").await?;
        let args = [
            before.into(),
            filter.state.map(Coded::code).into(),
            filter.point.into(),
            i64::from(most).into(),
            areas(regions).into(),
        ];
        let ids: Vec<(i64,)> = reading.rows(LIST, &args).await?;
        let mut orders = Vec::with_capacity(ids.len());
        for (id,) in ids {
            let head = Head::load(&mut reading, Id::new(id)).await?;
            orders.push(record(&mut reading, &head).await?);
        }
        Ok(orders)
    }

    /// The orders that gave supply back at each point to which a cut was sent, behind its last frame and before that of another
    /// cut, the first of them first; those that were taken back left out.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn restores_after(
        &self,
        order: Id<SupplyOrder>,
    ) -> Result<Vec<(Id<MeteringPoint>, Id<SupplyOrder>)>, StoreError> {
        let mut reading = self.read("reading what gave supply back").await?;
        let rows: Vec<(i64, i64)> = reading.rows(RESTORES, &[order.into()]).await?;
        Ok(rows.into_iter().map(|(point, order)| (Id::new(point), Id::new(order))).collect())
    }

    /// An order with all that belongs to it; `None` for one that is not there or not in these regions.
    ///
    /// # Errors
    /// As [`Self::supply_orders`].
    pub async fn supply_order(
        &self,
        id: Id<SupplyOrder>,
        regions: &Regions,
    ) -> Result<Option<OrderView>, StoreError> {
        let attempts = self.attempts_of(id).await?;
        let mut reading = self.read("reading a supply order").await?;
        let there: Option<(i64,)> =
            reading.row("SELECT id FROM supply_order WHERE id = $1", &[id.into()]).await?;
        if there.is_none() {
            return Ok(None);
        }
        let head = Head::load(&mut reading, id).await?;
        if !head.points.iter().all(|point| regions.hold(point.area)) {
            return Ok(None);
        }
        let points: Vec<PointRow> = reading.rows(POINTS, &[id.into()]).await?;
        let approvals: Vec<ApprovalRow> = reading.rows(APPROVALS, &[id.into()]).await?;
        let notices: Vec<(i64, i64, i64, String, String)> = reading.rows(NOTICES, &[id.into()]).await?;
        Ok(Some(OrderView {
            order: record(&mut reading, &head).await?,
            hash: head.content.hash(),
            points: points.into_iter().map(point).collect::<Result<_, _>>()?,
            approvals: approvals.into_iter().map(approval).collect(),
            attempts,
            notices: notices.into_iter().map(notice).collect::<Result<_, _>>()?,
            held: held(&mut reading, id).await?,
        }))
    }

    /// The addresses of the meters that are at these points now.
    ///
    /// # Errors
    /// As [`Self::supply_orders`].
    pub async fn addresses_at(
        &self,
        points: &[Id<MeteringPoint>],
    ) -> Result<Vec<(Id<MeteringPoint>, MeterAddress)>, StoreError> {
        let mut reading = self.read("reading the meters at points").await?;
        let mut found = Vec::with_capacity(points.len());
        for point in points {
            let row: Option<(String,)> = reading.row(ADDRESS, &[(*point).into()]).await?;
            if let Some((address,)) = row {
                let unknown = |_| StoreError::Unknown { list: "meter address", found: address.clone() };
                found.push((*point, address.parse().map_err(unknown)?));
            }
        }
        Ok(found)
    }

    /// The points with these numbers, in their order; `None` for a number that is none.
    ///
    /// # Errors
    /// As [`Self::supply_orders`].
    pub async fn points_numbered(
        &self,
        numbers: &[String],
    ) -> Result<Vec<Option<Id<MeteringPoint>>>, StoreError> {
        self.named("SELECT id FROM metering_point WHERE number = $1", numbers).await
    }

    /// The customers with these numbers, likewise.
    ///
    /// # Errors
    /// As [`Self::supply_orders`].
    pub async fn customers_numbered(
        &self,
        numbers: &[String],
    ) -> Result<Vec<Option<Id<Customer>>>, StoreError> {
        self.named("SELECT id FROM customer WHERE number = $1", numbers).await
    }

    /// The meters with these addresses, likewise.
    ///
    /// # Errors
    /// As [`Self::supply_orders`].
    pub async fn meters_addressed(&self, addresses: &[String]) -> Result<Vec<Option<Id<Meter>>>, StoreError> {
        self.named("SELECT id FROM meter WHERE address = $1", addresses).await
    }

    /// The transformer areas with these names, likewise.
    ///
    /// # Errors
    /// As [`Self::supply_orders`].
    pub async fn areas_called(
        &self,
        names: &[String],
    ) -> Result<Vec<Option<Id<TransformerArea>>>, StoreError> {
        self.named("SELECT id FROM transformer_area WHERE name = $1", names).await
    }

    async fn named<T>(&self, ask: &'static str, names: &[String]) -> Result<Vec<Option<Id<T>>>, StoreError> {
        let mut reading = self.read("finding things by what people call them").await?;
        let mut found = Vec::with_capacity(names.len());
        for name in names {
            let row: Option<(i64,)> = reading.row(ask, &[name.as_str().into()]).await?;
            found.push(row.map(|(id,)| Id::new(id)));
        }
        Ok(found)
    }
}

/// State, quarantined, flagged, stopped itself, requested by, created, submitted.
type OrderRow = (i64, i64, i64, i64, String, i64, Option<i64>);

async fn record(reading: &mut Transaction, head: &Head) -> Result<OrderRecord, StoreError> {
    let row: Option<OrderRow> = reading.row(ORDER, &[head.id.into()]).await?;
    let (state, quarantined, flagged, stopped, requested_by, created_at, submitted_at) =
        row.ok_or(StoreError::Refused(crate::store::error::Refusal::NotThere))?;
    Ok(OrderRecord {
        id: head.id,
        content: head.content.clone(),
        state: code("order_state", state)?,
        is_quarantined: quarantined != 0,
        is_flagged: flagged != 0,
        has_stopped_itself: stopped != 0,
        is_taken_back: head.is_taken_back,
        requested_by,
        created_at: Moment::from_micros(created_at),
        submitted_at: submitted_at.map(Moment::from_micros),
    })
}

/// Point, meter, customer; number, address, number and name of the customer, area; state, changed, due, objections, proof.
type PointRow = (i64, i64, i64, String, String, String, String, Option<i64>, i64, i64, i64, String, String);

fn point(row: PointRow) -> Result<PointRecord, StoreError> {
    let (
        point,
        meter,
        customer,
        number,
        address,
        of,
        name,
        area,
        state,
        changed_at,
        due_at,
        objections,
        proof,
    ) = row;
    Ok(PointRecord {
        ordered: OrderedPoint { point: Id::new(point), meter: Id::new(meter), customer: Id::new(customer) },
        number,
        address,
        customer: (of, name),
        area: area.map(Id::new),
        state: code("order_state", state)?,
        changed_at: Moment::from_micros(changed_at),
        due_at: Moment::from_micros(due_at),
        objections: objections.split_whitespace().filter_map(Objection::from_name).collect(),
        proof,
    })
}

type ApprovalRow = (i64, String, i64, Option<i64>, Option<String>);

fn approval((person, name, at, ended_at, ended_by): ApprovalRow) -> ApprovalRecord {
    let ended = ended_at.map(|at| (Moment::from_micros(at), ended_by.unwrap_or_default()));
    ApprovalRecord { person: Id::new(person), name, at: Moment::from_micros(at), ended }
}

fn notice(
    (point, kind, given_at, how, given_by): (i64, i64, i64, String, String),
) -> Result<NoticeRecord, StoreError> {
    Ok(NoticeRecord {
        point: Id::new(point),
        kind: code("notice_kind", kind)?,
        given_at: Moment::from_micros(given_at),
        how,
        given_by,
    })
}

/// Kind 1 takes supply away, 2 and 3 give it back; 13 is a point that was taken back.
const RESTORES: &str = "WITH sent AS (SELECT point_id, max(intent_at) AS at FROM supply_attempt WHERE order_id = $1 GROUP BY point_id) \
    SELECT sent.point_id, o.id FROM sent JOIN supply_order_point p ON p.point_id = sent.point_id AND p.state <> 13 \
    JOIN supply_order o ON o.id = p.order_id AND o.kind IN (2, 3) AND o.submitted_at IS NOT NULL \
    WHERE coalesce((SELECT max(a.intent_at) FROM supply_attempt a WHERE a.order_id = o.id AND a.point_id = sent.point_id), \
        o.submitted_at) >= sent.at \
    AND NOT EXISTS (SELECT 1 FROM supply_attempt a WHERE a.point_id = sent.point_id AND a.kind = 1 AND a.order_id <> $1 \
        AND a.intent_at > sent.at AND a.intent_at <= o.submitted_at) \
    ORDER BY sent.point_id, o.submitted_at, o.id";

const ADDRESS: &str = "SELECT m.address FROM installation n JOIN meter m ON m.id = n.meter_id \
    WHERE n.point_id = $1 AND n.removed_at IS NULL";

const LIST: &str = "SELECT o.id FROM supply_order o WHERE o.id < $1 AND (CAST($2 AS bigint) IS NULL OR o.state = $2) \
    AND (CAST($3 AS bigint) IS NULL OR EXISTS (SELECT 1 FROM supply_order_point p WHERE p.order_id = o.id AND p.point_id = $3)) \
    AND ($5 = '' OR NOT EXISTS (SELECT 1 FROM supply_order_point q WHERE q.order_id = o.id \
        AND $5 NOT LIKE '%,' || coalesce(CAST(q.area_id AS text), '') || ',%')) \
    ORDER BY o.id DESC LIMIT $4";

const ORDER: &str = "SELECT state, is_quarantined, is_flagged, has_stopped_itself, requested_name, created_at, submitted_at \
    FROM supply_order WHERE id = $1";

const POINTS: &str = "SELECT s.point_id, s.meter_id, s.customer_id, p.number, m.address, c.number, c.name, s.area_id, \
    s.state, s.changed_at, s.due_at, s.objections, s.proof FROM supply_order_point s \
    JOIN metering_point p ON p.id = s.point_id JOIN meter m ON m.id = s.meter_id JOIN customer c ON c.id = s.customer_id \
    WHERE s.order_id = $1 ORDER BY p.number";

const APPROVALS: &str =
    "SELECT person_id, name, at, ended_at, ended_by FROM supply_approval WHERE order_id = $1 ORDER BY id";

const NOTICES: &str = "SELECT n.point_id, n.kind, n.given_at, n.how, n.given_by FROM supply_notice n \
    JOIN supply_order_point p ON p.point_id = n.point_id WHERE p.order_id = $1 ORDER BY n.given_at";
