//! What is to be done about orders now, and which homes should have supply again.

use super::commit_in_any_case;
use super::damaged::{Damaged, unless_damaged};
use super::head::{Head, Step};
use dlt645::address::MeterAddress;

use crate::domain::supply::{
    Objection, OrderEvent, OrderKind, OrderState, SupplyOrder, Window, promises_missed,
};
use crate::domain::{Alarm, AlarmKind, AuditEntry, Coded, Id, Meter, MeteringPoint, Moment};
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

/// A kind of work on orders, the most urgent first. Each has its own room: none waits behind another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Work {
    /// Supply is given back: armed and sent.
    GiveBack,
    /// Whether it came back is looked at.
    SeeBack,
    /// What became of a cut is looked at, of the end of a hold or of an alarm.
    See,
    /// These are armed and sent.
    Send,
    /// Supply is held: armed and sent.
    Hold,
    /// Whether it is held is looked at.
    SeeHeld,
}

impl Coded for Work {
    const TABLE: &'static [(Self, i64, &'static str)] = &[
        (Self::GiveBack, 1, "give_back"),
        (Self::SeeBack, 2, "see_back"),
        (Self::See, 3, "see"),
        (Self::Send, 4, "send"),
        (Self::Hold, 5, "hold"),
        (Self::SeeHeld, 6, "see_held"),
    ];
}

/// What is due of one kind of work.
#[derive(Debug, Default)]
pub struct DueWork {
    /// The points, those that wait longest first.
    pub points: Vec<DueOnLine>,
    /// Points that cannot be read.
    pub damaged: Vec<Damaged>,
}

/// A point that something is to be done about, and the line or terminal it is done by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueOnLine {
    /// The point.
    pub due: Due,
    /// What its line is told from others by.
    pub line: String,
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
    /// What of one kind of work is to be done by now, so much of each line at most: what waits for one line hides nothing that
    /// another could do.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn due_points(
        &self,
        now: Moment,
        work: Work,
        (of_line, most): (u32, u32),
    ) -> Result<DueWork, StoreError> {
        let mut reading = self.read("reading what supply orders are due").await?;
        let args = [now.into(), work.code().into(), i64::from(of_line).into(), i64::from(most).into()];
        let rows: Vec<Row> = reading.rows(DUE, &args).await?;
        let mut found = DueWork::default();
        for row in rows {
            let (order, point) = (Id::new(row.0), Id::new(row.1));
            match due(row) {
                Ok(due) => found.points.push(due),
                Err(error) => found.damaged.push(Damaged { order, point, error }),
            }
        }
        Ok(found)
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
        let mut ended = Vec::new();
        for (id,) in &late {
            let head = Head::load(&mut writing, Id::new(*id)).await;
            let order = Id::new(*id);
            let Some(mut head) = unless_damaged(&mut writing, head, order, now).await? else { continue };
            let objections = &[Objection::WindowPassed];
            let step = Step { objections, ..Step::of(OrderEvent::Expire, now) };
            head.step_all(&mut writing, &step).await?;
            head.settle(&mut writing, now).await?;
            ended.push(id.to_string());
        }
        if ended.is_empty() {
            writing.commit().await?;
            return Ok(0);
        }
        let entry = AuditEntry::of_system(now, "order.expire", format!("orders {}", ended.join(" ")));
        commit_in_any_case(writing, &entry).await?;
        Ok(ended.len())
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

type Row = (i64, i64, i64, String, i64, i64, i64, i64, i64, i64, i64, Option<i64>, String);

fn due(row: Row) -> Result<DueOnLine, StoreError> {
    let (
        order,
        point,
        meter,
        address,
        kind,
        state,
        from,
        until,
        submitted_at,
        changed_at,
        told,
        tried_at,
        line,
    ) = row;
    let unknown = || StoreError::Unknown { list: "meter address", found: address.clone() };
    let due = Due {
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
    };
    Ok(DueOnLine { due, line })
}

/// States: 3 approved, 4 armed, 6 accepted, 8 unknown. Kinds 2 and 3 give supply back, 6 holds it. What is armed and has
/// something against it was tried, though nothing was sent.
const DUE: &str = "SELECT q.order_id, q.point_id, q.meter_id, q.address, q.kind, q.state, q.window_from, q.window_until, \
    q.asked_at, q.changed_at, q.told, \
    coalesce((SELECT min(t.intent_at) FROM supply_attempt t WHERE t.order_id = q.order_id AND t.point_id = q.point_id), \
        CASE WHEN q.state = 4 AND q.objections <> '' THEN q.changed_at END), q.line FROM ( \
    SELECT p.order_id, p.point_id, p.meter_id, m.address, o.kind, p.state, o.window_from, o.window_until, \
        coalesce(o.submitted_at, o.created_at) AS asked_at, p.changed_at, p.told, p.objections, p.due_at, \
        coalesce('terminal ' || m.terminal, 'line ' || CAST(m.line_id AS text)) AS line, \
        row_number() OVER (PARTITION BY m.terminal, m.line_id ORDER BY p.due_at, p.order_id, p.point_id) AS place \
    FROM supply_order_point p JOIN supply_order o ON o.id = p.order_id JOIN meter m ON m.id = p.meter_id \
    WHERE p.state IN (3, 4, 6, 8) AND p.due_at <= $1 AND $2 = \
        CASE WHEN o.kind IN (2, 3) THEN CASE WHEN p.state IN (3, 4) THEN 1 ELSE 2 END \
            WHEN o.kind = 6 THEN CASE WHEN p.state IN (3, 4) THEN 5 ELSE 6 END \
            WHEN p.state IN (3, 4) THEN 4 ELSE 3 END) AS q \
    WHERE q.place <= $3 ORDER BY q.due_at, q.order_id, q.point_id LIMIT $4";

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
