//! An order as it is kept, and the steps of its points.

use crate::domain::access::Person;
use crate::domain::supply::{
    Objection, OrderContent, OrderEvent, OrderKind, OrderState, OrderedPoint, SupplyOrder, Window, words_of,
};
use crate::domain::{AlarmKind, Coded, Id, MeteringPoint, Moment, TransformerArea};
use crate::store::alarm::clear;
use crate::store::code;
use crate::store::error::{Refusal, StoreError};
use crate::store::transaction::Transaction;

/// An order, loaded to be judged or changed.
pub(super) struct Head {
    pub(super) id: Id<SupplyOrder>,
    pub(super) content: OrderContent,
    pub(super) is_quarantined: bool,
    pub(super) has_stopped_itself: bool,
    pub(super) is_taken_back: bool,
    pub(super) submitted_at: Option<Moment>,
    pub(super) points: Vec<HeadPoint>,
}

/// A point of it.
#[derive(Clone, Copy)]
pub(super) struct HeadPoint {
    pub(super) ordered: OrderedPoint,
    /// Where it was when the order was written.
    pub(super) area: Option<Id<TransformerArea>>,
    /// Where it is now.
    pub(super) area_now: Option<Id<TransformerArea>>,
    pub(super) state: OrderState,
}

/// What a step leaves behind.
pub(super) struct Step<'a> {
    pub(super) event: OrderEvent,
    pub(super) now: Moment,
    /// When something is to be done next; `None` leaves it.
    pub(super) due: Option<Moment>,
    /// What stands against it now.
    pub(super) objections: &'a [Objection],
}

impl Step<'_> {
    pub(super) const fn of(event: OrderEvent, now: Moment) -> Self {
        Self { event, now, due: None, objections: &[] }
    }
}

type Row = (i64, i64, String, i64, i64, i64, i64, Option<i64>, i64);
type PointRow = (i64, i64, i64, Option<i64>, Option<i64>, i64);

impl Head {
    /// The order with this number.
    pub(super) async fn load(reading: &mut Transaction, id: Id<SupplyOrder>) -> Result<Self, StoreError> {
        Self::loaded(reading, id, None).await
    }

    /// The same for one of its points. Of thousands that need no conditions it is that one only: each of them is loaded at
    /// every step.
    pub(super) async fn load_for(
        reading: &mut Transaction,
        (id, point): (Id<SupplyOrder>, Id<MeteringPoint>),
    ) -> Result<Self, StoreError> {
        Self::loaded(reading, id, Some(point)).await
    }

    async fn loaded(
        reading: &mut Transaction,
        id: Id<SupplyOrder>,
        point: Option<Id<MeteringPoint>>,
    ) -> Result<Self, StoreError> {
        let row: Option<Row> = reading.row(ONE, &[id.into()]).await?;
        let (kind, reason, text, from, until, quarantined, stopped, submitted, taken_back) =
            row.ok_or(StoreError::Refused(Refusal::NotThere))?;
        let kind: OrderKind = code("order_kind", kind)?;
        let only = point.filter(|_| !kind.is_cut_class());
        let rows: Vec<PointRow> = reading.rows(POINTS, &[id.into(), only.into()]).await?;
        let points = rows.into_iter().map(|(point, meter, customer, area, area_now, state)| {
            let ordered =
                OrderedPoint { point: Id::new(point), meter: Id::new(meter), customer: Id::new(customer) };
            let (area, area_now) = (area.map(Id::new), area_now.map(Id::new));
            Ok(HeadPoint { ordered, area, area_now, state: code("order_state", state)? })
        });
        let points: Vec<HeadPoint> = points.collect::<Result<_, StoreError>>()?;
        let window = Window { from: Moment::from_micros(from), until: Moment::from_micros(until) };
        let content = OrderContent {
            kind,
            reason: code("order_reason", reason)?,
            text,
            window,
            points: points.iter().map(|point| point.ordered).collect(),
        };
        Ok(Self {
            id,
            content,
            is_quarantined: quarantined != 0,
            has_stopped_itself: stopped != 0,
            is_taken_back: taken_back != 0,
            submitted_at: submitted.map(Moment::from_micros),
            points,
        })
    }

    /// One of its points.
    pub(super) fn point(&self, point: Id<MeteringPoint>) -> Result<HeadPoint, StoreError> {
        let found = self.points.iter().find(|known| known.ordered.point == point);
        found.copied().ok_or(StoreError::Refused(Refusal::NotThere))
    }

    /// Steps a point along an edge. Another state than the one loaded is a race that was lost.
    pub(super) async fn step(
        &mut self,
        writing: &mut Transaction,
        point: Id<MeteringPoint>,
        step: &Step<'_>,
    ) -> Result<OrderState, StoreError> {
        let raced = || StoreError::Refused(Refusal::Raced);
        let id = self.id;
        let known = self.points.iter_mut().find(|known| known.ordered.point == point).ok_or_else(raced)?;
        let from = known.state;
        let to = from.next(step.event).map_err(|_| raced())?;
        let args = [
            id.into(),
            point.into(),
            from.code().into(),
            to.code().into(),
            step.now.into(),
            step.due.map(Moment::micros).into(),
            words_of(step.objections).into(),
        ];
        if writing.execute(STEP, &args).await? != 1 {
            return Err(raced());
        }
        known.state = to;
        Ok(to)
    }

    /// Steps all points that an event can happen to; says how many.
    pub(super) async fn step_all(
        &mut self,
        writing: &mut Transaction,
        step: &Step<'_>,
    ) -> Result<usize, StoreError> {
        let mut steps: Vec<(OrderState, OrderState)> = Vec::new();
        for point in &self.points {
            if let Ok(to) = point.state.next(step.event)
                && !steps.contains(&(point.state, to))
            {
                steps.push((point.state, to));
            }
        }
        let mut stepped = 0;
        // Of thousands of points each in a statement of its own, STOP would wait behind them.
        for (from, to) in steps {
            let args = [
                self.id.into(),
                from.code().into(),
                to.code().into(),
                step.now.into(),
                step.due.map(Moment::micros).into(),
                words_of(step.objections).into(),
            ];
            let count = self.points.iter().filter(|point| point.state == from).count();
            if writing.execute(STEP_ALL, &args).await? != u64::try_from(count).unwrap_or(u64::MAX) {
                return Err(StoreError::Refused(Refusal::Raced));
            }
            stepped += count;
        }
        for point in &mut self.points {
            point.state = point.state.next(step.event).unwrap_or(point.state);
        }
        Ok(stepped)
    }

    /// Keeps how the order stands as a whole. Once it is over, so is what was told of its being above a ceiling.
    pub(super) async fn settle(
        &self,
        writing: &mut Transaction,
        now: Moment,
    ) -> Result<OrderState, StoreError> {
        let found: Vec<(i64,)> = writing.rows(STATES, &[self.id.into()]).await?;
        // A point that is damaged keeps no other from its end.
        let states: Vec<OrderState> =
            found.into_iter().filter_map(|(state,)| OrderState::from_code(state)).collect();
        let state = OrderState::of_order(states.into_iter());
        writing.execute(SETTLE, &[self.id.into(), state.code().into(), now.into()]).await?;
        if self.is_quarantined && state.has_ended() {
            clear(writing, AlarmKind::CeilingReached, &self.object(), now).await?;
        }
        Ok(state)
    }

    /// Keeps a mark of the order.
    pub(super) async fn mark(&self, writing: &mut Transaction, mark: Mark) -> Result<(), StoreError> {
        let statement = match mark {
            Mark::Quarantined => "UPDATE supply_order SET is_quarantined = 1 WHERE id = $1",
            Mark::Flagged => "UPDATE supply_order SET is_flagged = 1 WHERE id = $1",
            Mark::TakenBack => "UPDATE supply_order SET is_taken_back = 1 WHERE id = $1",
            Mark::StoppedItself => "UPDATE supply_order SET has_stopped_itself = 1 WHERE id = $1",
        };
        writing.execute(statement, &[self.id.into()]).await?;
        Ok(())
    }

    /// Its name in the audit log.
    pub(super) fn object(&self) -> String {
        format!("order {}", self.id)
    }

    pub(super) const fn kind(&self) -> OrderKind {
        self.content.kind
    }
}

/// What an order can be marked with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Quarantined,
    Flagged,
    StoppedItself,
    TakenBack,
}

/// Notes that somebody wrote an order or handed it in.
pub(super) async fn add_writer(
    writing: &mut Transaction,
    order: Id<SupplyOrder>,
    person: Id<Person>,
) -> Result<(), StoreError> {
    writing.execute(WRITER, &[order.into(), person.into()]).await?;
    Ok(())
}

const ONE: &str = "SELECT kind, reason, text, window_from, window_until, is_quarantined, has_stopped_itself, submitted_at, \
    is_taken_back FROM supply_order WHERE id = $1";

const POINTS: &str = "SELECT s.point_id, s.meter_id, s.customer_id, s.area_id, p.area_id, s.state FROM supply_order_point s \
    JOIN metering_point p ON p.id = s.point_id \
    WHERE s.order_id = $1 AND (CAST($2 AS bigint) IS NULL OR s.point_id = $2) ORDER BY s.point_id";

const STATES: &str = "SELECT DISTINCT state FROM supply_order_point WHERE order_id = $1";

const STEP: &str = "UPDATE supply_order_point SET state = $4, changed_at = $5, due_at = coalesce(CAST($6 AS bigint), due_at), \
    objections = $7 WHERE order_id = $1 AND point_id = $2 AND state = $3";

const STEP_ALL: &str = "UPDATE supply_order_point SET state = $3, changed_at = $4, due_at = coalesce(CAST($5 AS bigint), due_at), \
    objections = $6 WHERE order_id = $1 AND state = $2";

const SETTLE: &str = "UPDATE supply_order SET state = $2, changed_at = $3 WHERE id = $1";

const WRITER: &str =
    "INSERT INTO supply_order_writer (order_id, person_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
