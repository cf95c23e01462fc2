//! What is to be done about orders now, and which homes should have supply again.

use super::commit_with;
use super::head::{Head, Step};
use dlt645::address::MeterAddress;

use crate::domain::supply::{
    Objection, OrderEvent, OrderKind, OrderState, SupplyOrder, Window, promises_missed,
};
use crate::domain::{Alarm, AlarmKind, AuditEntry, Id, Meter, MeteringPoint, Moment};
use crate::store::alarm::raise;
use crate::store::error::StoreError;
use crate::store::{Store, code};

/// A point of an order that something is to be done about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The order.
    pub order: Id<SupplyOrder>,
    /// The point.
    pub point: Id<MeteringPoint>,
    /// Its meter when it was ordered.
    pub meter: Id<Meter>,
    /// The address of that meter.
    pub address: MeterAddress,
    /// What is ordered.
    pub kind: OrderKind,
    /// How it stands.
    pub state: OrderState,
    /// When it may be carried out.
    pub window: Window,
    /// When it was handed in.
    pub submitted_at: Moment,
    /// When it got this state.
    pub changed_at: Moment,
    /// How often people were told that it is late or not known.
    pub told: i64,
    /// When it was first tried, as far as it was.
    pub tried_at: Option<Moment>,
}

/// A home whose customer has paid and whose supply was not given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LateRestore {
    /// The point.
    pub point: Id<MeteringPoint>,
    /// The order by which it was cut.
    pub cut: Id<SupplyOrder>,
    /// When the cause of the cut ended.
    pub since: Moment,
}

impl Store {
    /// What is to be done by now, what gives supply back first.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or holds what this version does not know.
    pub async fn due_points(&self, now: Moment, most: u32) -> Result<Vec<Due>, StoreError> {
        let mut reading = self.read("reading what supply orders are due").await?;
        let rows: Vec<Row> = reading.rows(DUE, &[now.into(), i64::from(most).into()]).await?;
        rows.into_iter().map(due).collect()
    }

    /// When something is to be done next.
    ///
    /// # Errors
    /// As [`Self::due_points`].
    pub async fn next_due(&self) -> Result<Option<Moment>, StoreError> {
        let mut reading = self.read("reading when supply orders are due").await?;
        let row: Option<(Option<i64>,)> = reading.row(NEXT, &[]).await?;
        Ok(row.and_then(|(at,)| at).map(Moment::from_micros))
    }

    /// Ends what was not sent within its window; says how many orders.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot.
    pub async fn expire_orders(&self, now: Moment) -> Result<usize, StoreError> {
        let mut writing = self.change_supply("ending supply orders whose window has passed").await?;
        let late: Vec<(i64,)> = writing.rows(LATE, &[now.into()]).await?;
        if late.is_empty() {
            return Ok(0);
        }
        for (id,) in &late {
            let mut head = Head::load(&mut writing, Id::new(*id)).await?;
            let objections = &[Objection::WindowPassed];
            let step = Step { objections, ..Step::of(OrderEvent::Expire, now) };
            head.step_all(&mut writing, &step).await?;
            head.settle(&mut writing, now).await?;
        }
        let orders: Vec<_> = late.iter().map(|(id,)| id.to_string()).collect();
        let entry = AuditEntry::of_system(now, "order.expire", format!("orders {}", orders.join(" ")));
        commit_with(writing, &entry).await?;
        Ok(late.len())
    }

    /// Homes that were cut for arrears, whose customer has paid since, and whose supply nobody has ordered back.
    ///
    /// # Errors
    /// As [`Self::due_points`].
    pub async fn late_restores(&self) -> Result<Vec<LateRestore>, StoreError> {
        let mut reading = self.read("reading who has paid and is without supply").await?;
        let rows: Vec<(i64, i64, i64)> = reading.rows(PAID, &[]).await?;
        let late = |(point, cut, since)| LateRestore {
            point: Id::new(point),
            cut: Id::new(cut),
            since: Moment::from_micros(since),
        };
        Ok(rows.into_iter().map(late).collect())
    }

    /// Raises what has to be told of homes that have paid and are without supply (F48); says how many alarms.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot.
    pub async fn tell_late_restores(&self, now: Moment) -> Result<usize, StoreError> {
        let late = self.late_restores().await?;
        let mut told = 0;
        let mut writing = self.write("telling that supply is not given back").await?;
        for LateRestore { point, cut, since } in late {
            let missed = promises_missed(since, now);
            if let Some(kind) = missed.checked_sub(1).and_then(|step| LATE_KINDS.get(step)) {
                let alarm = Alarm::new(*kind, format!("order {cut} point {point}"), now);
                told += usize::from(raise(&mut writing, &alarm.for_order(cut.number())).await?.is_new);
            }
        }
        writing.commit().await?;
        Ok(told)
    }
}

/// What is told when a promise is missed, by how many were.
pub(super) const LATE_KINDS: [AlarmKind; 4] = [
    AlarmKind::RestoreLate1h,
    AlarmKind::RestoreLate4h,
    AlarmKind::RestoreLate12h,
    AlarmKind::RestorePromiseMissed,
];

type Row = (i64, i64, i64, String, i64, i64, i64, i64, i64, i64, i64, Option<i64>);

fn due(row: Row) -> Result<Due, StoreError> {
    let (order, point, meter, address, kind, state, from, until, submitted_at, changed_at, told, tried_at) =
        row;
    let unknown = || StoreError::Unknown { list: "meter address", found: address.clone() };
    Ok(Due {
        order: Id::new(order),
        point: Id::new(point),
        meter: Id::new(meter),
        address: address.parse().map_err(|_| unknown())?,
        kind: code("order_kind", kind)?,
        state: code("order_state", state)?,
        window: Window { from: Moment::from_micros(from), until: Moment::from_micros(until) },
        submitted_at: Moment::from_micros(submitted_at),
        changed_at: Moment::from_micros(changed_at),
        told,
        tried_at: tried_at.map(Moment::from_micros),
    })
}

/// States: 3 approved, 4 armed, 6 accepted, 8 unknown. Kinds 2 and 3 give supply back. What is armed and has something
/// against it was tried, though nothing was sent.
const DUE: &str = "SELECT p.order_id, p.point_id, p.meter_id, m.address, o.kind, p.state, o.window_from, o.window_until, \
    coalesce(o.submitted_at, o.created_at), p.changed_at, p.told, \
    coalesce((SELECT min(t.intent_at) FROM supply_attempt t WHERE t.order_id = p.order_id AND t.point_id = p.point_id), \
        CASE WHEN p.state = 4 AND p.objections <> '' THEN p.changed_at END) FROM supply_order_point p \
    JOIN supply_order o ON o.id = p.order_id JOIN meter m ON m.id = p.meter_id \
    WHERE p.state IN (3, 4, 6, 8) AND p.due_at <= $1 \
    ORDER BY CASE WHEN o.kind IN (2, 3) THEN 0 ELSE 1 END, p.due_at, p.order_id, p.point_id LIMIT $2";

const NEXT: &str = "SELECT min(due_at) FROM supply_order_point WHERE state IN (3, 4, 6, 8)";

/// Drafts, too: nobody can hand them in any more.
const LATE: &str = "SELECT DISTINCT o.id FROM supply_order o JOIN supply_order_point p ON p.order_id = o.id \
    WHERE p.state IN (1, 2, 3, 4) AND o.kind IN (1, 7) AND o.window_until <= $1 ORDER BY o.id";

/// Kind 1 and reason 1: a cut for arrears that may have been carried out (5, 6, 8) or was read to be, whatever became of the
/// order since; and no restore that is on its way (2 to 6, 8), or ended (10, 12) with supply read to be back or permitted.
const PAID: &str = "SELECT p.point_id, max(o.id), CAST(min(y.entered_at) AS bigint) FROM supply_order_point p \
    JOIN supply_order o ON o.id = p.order_id AND o.kind = 1 AND o.reason = 1 \
    JOIN supply_payment y ON y.customer_id = p.customer_id AND y.entered_at >= o.submitted_at \
    WHERE (p.state IN (5, 6, 8) OR p.proof LIKE 'open%') AND NOT EXISTS (SELECT 1 FROM supply_order_point r JOIN supply_order b ON b.id = r.order_id \
        WHERE r.point_id = p.point_id AND b.kind IN (2, 3) AND b.submitted_at >= o.submitted_at \
            AND (r.state IN (2, 3, 4, 5, 6, 8) OR r.state IN (10, 12) AND r.proof IN ('closed', 'closed_on_site', 'permitted'))) \
    GROUP BY p.point_id";
