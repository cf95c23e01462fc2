//! What is known of an order and its points at one moment, read in the transaction that judges it.

use std::collections::HashMap;

use super::halt::{ceilings_in_force, halts_in_force};
use super::head::{Head, HeadPoint};
use super::order::Limits;
use super::protection::{list_in_force, no_cut_days, protections_of};
use super::terms::terms_in_force;
use crate::domain::access::{Action, Role};
use crate::domain::supply::{
    Approval, AreaUsage, CLOCKS_DIFFER, CeilingUse, ContentHash, HaltKind, Identity, Notice, Objection,
    OrderFacts, OrderState, OrderedPoint, PointFacts, Stage, SupplyOrder, Terms, Usage, ceilings_read,
    objections_to_order, objections_to_point, terms_for,
};
use crate::domain::{Coded, CustomerClass, Day, Id, MeteringPoint, Moment, TransformerArea};
use crate::store::code;
use crate::store::error::StoreError;
use crate::store::migrate;
use crate::store::sql::Dialect;
use crate::store::transaction::Transaction;

/// By what an order is judged.
#[derive(Clone, Copy)]
pub(super) struct Judging<'a> {
    pub(super) stage: Stage,
    pub(super) limits: &'a Limits<'a>,
    pub(super) now: Moment,
}

/// What is known of an order as a whole.
pub(super) async fn order_facts(
    reading: &mut Transaction,
    head: &Head,
    judging: Judging<'_>,
) -> Result<OrderFacts, StoreError> {
    let is_cut_class = head.kind().is_cut_class();
    let writers: Vec<(i64,)> = reading.rows(WRITERS, &[head.id.into()]).await?;
    let mut facts = OrderFacts {
        content: head.content.clone(),
        requesters: writers.into_iter().map(|(person,)| Id::new(person)).collect(),
        approvals: Vec::new(),
        is_quarantined: head.is_quarantined,
        has_stopped_itself: head.has_stopped_itself,
        is_taken_back: head.is_taken_back,
        halts: Vec::new(),
        list: list_in_force(reading).await?,
        no_cut_days: Vec::new(),
        over: Vec::new(),
        is_of_other_version: false,
    };
    if is_cut_class {
        facts.is_of_other_version = migrate::found(reading).await? != migrate::newest();
        facts.approvals = approvals(reading, head).await?;
        facts.halts = halts_in_force(reading).await?;
        if reading.loss().is_some() && !facts.halts.contains(&HaltKind::DatabaseBehind) {
            facts.halts.push(HaltKind::DatabaseBehind);
        }
        facts.no_cut_days = no_cut_days(reading, days(head, judging), &areas(head)).await?;
        facts.over = exceeded(reading, head, judging).await?;
    }
    Ok(facts)
}

/// What is known of one point. Of what needs no conditions only that it is there.
pub(super) async fn point_facts(
    reading: &mut Transaction,
    head: &Head,
    point: HeadPoint,
    judging: Judging<'_>,
) -> Result<PointFacts, StoreError> {
    let HeadPoint { ordered, .. } = point;
    let there: Option<There> = reading.row(THERE, &[ordered.point.into()]).await?;
    let (meter, customer, area, class, protection) = there.unwrap_or_default();
    let there = meter.map(|meter| OrderedPoint {
        point: ordered.point,
        meter: Id::new(meter),
        customer: Id::new(customer),
    });
    let mut facts = plain_facts(ordered, there, judging);
    if head.kind().is_cut_class() {
        let class: Option<CustomerClass> = class.map(|class| code("class", class)).transpose()?;
        let day = Day::of(head.content.window.from.max(judging.now));
        facts.terms = terms_for(&terms_in_force(reading).await?, day, area.map(Id::new), class);
        facts.protections =
            protections_of(reading, ordered.point, (class, protection.as_deref()), judging.now).await?;
        of_customer(reading, head, &mut facts).await?;
        of_order(reading, head, &mut facts).await?;
    }
    Ok(facts)
}

/// What is known of a point of an order that needs no conditions.
fn plain_facts(ordered: OrderedPoint, there: Option<OrderedPoint>, judging: Judging<'_>) -> PointFacts {
    PointFacts {
        ordered,
        there,
        terms: Terms::STRICT,
        protections: Vec::new(),
        notices: Vec::new(),
        arrears_since: None,
        has_paid: false,
        identity: None,
        last_read: None,
        has_other_order: false,
        is_restored: false,
        is_incapable: judging.limits.incapable.contains(&ordered.meter),
        attempts: 0,
    }
}

/// The points of an order that have a meter, as they are now.
pub(super) async fn there_of(
    reading: &mut Transaction,
    order: Id<SupplyOrder>,
) -> Result<HashMap<Id<MeteringPoint>, OrderedPoint>, StoreError> {
    let rows: Vec<(i64, i64, i64)> = reading.rows(ALL_THERE, &[order.into()]).await?;
    let there = |(point, meter, customer)| OrderedPoint {
        point: Id::new(point),
        meter: Id::new(meter),
        customer: Id::new(customer),
    };
    Ok(rows.into_iter().map(there).map(|there| (there.point, there)).collect())
}

/// What stands against a point of an order that needs no conditions, by what [`there_of`] says of it.
pub(super) fn judge_plain(
    order: &OrderFacts,
    point: HeadPoint,
    there: Option<OrderedPoint>,
    judging: Judging<'_>,
) -> Vec<Objection> {
    let facts = plain_facts(point.ordered, there, judging);
    objections_to_point(order, &facts, judging.stage, judging.now)
}

/// What stands against an order as a whole, and whether it is above a ceiling.
pub(super) async fn judge_order(
    reading: &mut Transaction,
    head: &Head,
    judging: Judging<'_>,
) -> Result<(OrderFacts, Vec<Objection>), StoreError> {
    let facts = order_facts(reading, head, judging).await?;
    let objections = objections_to_order(&facts, judging.stage, judging.now);
    Ok((facts, objections))
}

/// Keeps what an intent rests on as it is until the end of the transaction (F45): where the point is, its meter and customer,
/// and who has approved. Others that change them change them before, and are seen, or behind. SQLite has one writer anyway.
pub(super) async fn hold_still(
    reading: &mut Transaction,
    head: &Head,
    point: Id<MeteringPoint>,
) -> Result<(), StoreError> {
    if reading.dialect() == Dialect::Postgres {
        for held in [HELD_POINT, HELD_METER] {
            reading.rows::<(i64,)>(held, &[point.into()]).await?;
        }
        reading.rows::<(i64,)>(HELD_ACCOUNTS, &[head.id.into()]).await?;
    }
    Ok(())
}

/// What stands against one of its points.
pub(super) async fn judge_point(
    reading: &mut Transaction,
    head: &Head,
    order: &OrderFacts,
    point: HeadPoint,
    judging: Judging<'_>,
) -> Result<Vec<Objection>, StoreError> {
    let facts = point_facts(reading, head, point, judging).await?;
    Ok(objections_to_point(order, &facts, judging.stage, judging.now))
}

/// Meter, customer, area, class, protection.
type There = (Option<i64>, i64, Option<i64>, Option<i64>, Option<String>);

/// The transformer areas of its points, each once: where they were when it was written, and where they are now (F54).
fn areas(head: &Head) -> Vec<Id<TransformerArea>> {
    areas_of(&head.points)
}

fn areas_of<'p>(points: impl IntoIterator<Item = &'p HeadPoint>) -> Vec<Id<TransformerArea>> {
    let mut areas: Vec<_> =
        points.into_iter().flat_map(|point| [point.area, point.area_now]).flatten().collect();
    areas.sort_unstable();
    areas.dedup();
    areas
}

/// The days on which it may be cut, as far as it is known when.
fn days(head: &Head, judging: Judging<'_>) -> (Day, Day) {
    match judging.stage {
        Stage::Submit | Stage::Approve => {
            (Day::of(head.content.window.from), Day::of(head.content.window.until))
        }
        Stage::Arm | Stage::Intent => (Day::of(judging.now), Day::of(judging.now)),
    }
}

async fn approvals(reading: &mut Transaction, head: &Head) -> Result<Vec<Approval>, StoreError> {
    let rows: Vec<ApprovalRow> = reading.rows(APPROVALS, &[head.id.into()]).await?;
    let approval = |(person, at, role_since, hash, over, owner, role, is_enabled): ApprovalRow| {
        let unknown = || StoreError::Unknown { list: "hash", found: hash.clone() };
        let role: Option<Role> = role.and_then(Role::from_code);
        let may = role.is_some_and(|role| role.may(Action::ApproveCut));
        Ok(Approval {
            person: Id::new(person),
            at: Moment::from_micros(at),
            role_since: Moment::from_micros(role_since),
            hash: ContentHash::from_hex(&hash).ok_or_else(unknown)?,
            over: ceilings_read(&over),
            still_may: may && is_enabled == Some(1) && owner == Some(person),
        })
    };
    rows.into_iter().map(approval).collect()
}

/// Person, at, role since, hash, ceilings; owner, role and state of the account, if it is there.
type ApprovalRow = (i64, i64, i64, String, String, Option<i64>, Option<i64>, Option<i64>);

/// The ceilings that an order is above.
pub(super) async fn exceeded(
    reading: &mut Transaction,
    head: &Head,
    judging: Judging<'_>,
) -> Result<Vec<CeilingUse>, StoreError> {
    let ceilings = ceilings_in_force(reading).await?.stricter(judging.limits.ceilings);
    Ok(ceilings.exceeded(&usage(reading, head, judging).await?))
}

/// How much of the ceilings is used, with all of the order that was not sent: nothing of it is sent in part (F51). Before its
/// window what others have open counts as sent. Then what two let pass above a ceiling behind it, since a ceiling was changed last,
/// does not count against it: whoever approved that has weighed both.
async fn usage(reading: &mut Transaction, head: &Head, judging: Judging<'_>) -> Result<Usage, StoreError> {
    let now = judging.now;
    let is_early = matches!(judging.stage, Stage::Submit | Stage::Approve);
    let hour_ago = Moment::from_micros(now.micros() - HOUR);
    let day_ago = Moment::from_micros(now.micros() - DAY);
    let first = if is_early { None } else { first_approval(reading, head).await? };
    let sent = |since: Moment| [since.into(), head.id.into(), first.unwrap_or(i64::MAX).into()];
    let alive: Vec<&HeadPoint> = head.points.iter().filter(|point| point.state.is_before_intent()).collect();
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let own = number(alive.len());
    let mut hour = own + count(reading, SENT, &sent(hour_ago)).await?;
    let mut day = own + count(reading, SENT, &sent(day_ago)).await?;
    // Windows that meet ours within the hour may send beside it.
    let window = head.content.window;
    let beside = [head.id.into(), window.from.minus(AN_HOUR).into(), window.until.plus(AN_HOUR).into()];
    if is_early {
        day += count(reading, WAITING, &[head.id.into()]).await?;
        hour += count(reading, WAITING_BESIDE, &beside).await?;
    }
    let mut of_areas = Vec::new();
    for area in areas_of(alive.iter().copied()) {
        let in_area = |point: &&&HeadPoint| [point.area, point.area_now].contains(&Some(area));
        let [since, id, until] = sent(hour_ago);
        let mut cuts = number(alive.iter().filter(in_area).count());
        cuts += count(reading, SENT_IN_AREA, &[since, id, until, area.into()]).await?;
        if is_early {
            let [id, from, until] = beside.clone();
            cuts += count(reading, WAITING_IN_AREA, &[id, from, until, area.into()]).await?;
        }
        let points = count(reading, POINTS_IN_AREA, &[area.into()]).await?;
        of_areas.push(AreaUsage { area, cuts, points });
    }
    // What was taken out of it, or back, is no part of it.
    let of_order = head.points.iter().filter(|point| point.state != OrderState::Cancelled).count();
    Ok(Usage {
        order: number(of_order),
        hour,
        day,
        areas: of_areas,
        points: count(reading, POINTS, &[]).await?,
    })
}

/// The first of the approvals of an order that are in force.
async fn first_approval(reading: &mut Transaction, head: &Head) -> Result<Option<i64>, StoreError> {
    let row: Option<(Option<i64>,)> = reading.row(FIRST_APPROVAL, &[head.id.into()]).await?;
    Ok(row.and_then(|(id,)| id))
}

async fn count(
    reading: &mut Transaction,
    statement: &'static str,
    args: &[crate::store::sql::Cell<'_>],
) -> Result<u64, StoreError> {
    let (count,): (i64,) = reading.row(statement, args).await?.unwrap_or_default();
    Ok(u64::try_from(count).unwrap_or(0))
}

/// What was said to the customer and paid by them, who is there, and when the meter was read.
async fn of_customer(
    reading: &mut Transaction,
    head: &Head,
    facts: &mut PointFacts,
) -> Result<(), StoreError> {
    let OrderedPoint { point, meter, customer } = facts.ordered;
    let notices: Vec<(i64, i64)> =
        reading.rows(NOTICES, &[point.into(), customer.into(), ahead().into()]).await?;
    facts.notices = notices
        .into_iter()
        .map(|(kind, at)| Ok(Notice { kind: code("notice_kind", kind)?, given_at: Moment::from_micros(at) }))
        .collect::<Result<_, StoreError>>()?;
    let arrears: Option<(i64, i64)> = reading.row(ARREARS, &[customer.into()]).await?;
    facts.arrears_since = arrears.filter(|(_, left)| *left > 0).map(|(since, _)| Moment::from_micros(since));
    let submitted = head.submitted_at.map_or(i64::MAX, Moment::micros);
    let since = [customer.into(), submitted.into(), head.id.into(), point.into()];
    facts.has_paid = count(reading, PAID_SINCE, &since).await? > 0;
    let identity: Option<(i64, i64, i64)> = reading.row(IDENTITY, &[point.into(), ahead().into()]).await?;
    facts.identity = identity.map(|(meter, at, crossed)| Identity {
        meter: Id::new(meter),
        verified_at: Moment::from_micros(at),
        is_crossed: crossed != 0,
    });
    let read: Option<(Option<i64>,)> = reading.row(LAST_READ, &[meter.into()]).await?;
    facts.last_read = read.and_then(|(at,)| at).map(Moment::from_micros);
    Ok(())
}

/// How far the times of evidence may be ahead of when it was entered.
pub(super) fn ahead() -> i64 {
    i64::try_from(CLOCKS_DIFFER.as_micros()).unwrap_or(0)
}

/// What other orders there are for the point, and how often this one was tried.
async fn of_order(reading: &mut Transaction, head: &Head, facts: &mut PointFacts) -> Result<(), StoreError> {
    let point = facts.ordered.point;
    facts.has_other_order = count(reading, OTHER_ORDERS, &[point.into(), head.id.into()]).await? > 0;
    let submitted = head.submitted_at.map_or(i64::MAX, Moment::micros);
    facts.is_restored =
        count(reading, RESTORED, &[point.into(), submitted.into(), head.id.into()]).await? > 0;
    let attempts = count(reading, ATTEMPTS, &[head.id.into(), point.into()]).await?;
    facts.attempts = u32::try_from(attempts).unwrap_or(u32::MAX);
    Ok(())
}

/// Microseconds of an hour and of a day.
const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;
const AN_HOUR: std::time::Duration = std::time::Duration::from_secs(3600);

const WRITERS: &str = "SELECT person_id FROM supply_order_writer WHERE order_id = $1";

const THERE: &str = "SELECT n.meter_id, p.customer_id, p.area_id, c.class, p.protection FROM metering_point p \
    JOIN customer c ON c.id = p.customer_id \
    LEFT JOIN installation n ON n.point_id = p.id AND n.removed_at IS NULL WHERE p.id = $1";

const HELD_POINT: &str = "SELECT p.id FROM metering_point p JOIN customer c ON c.id = p.customer_id WHERE p.id = $1 \
    FOR SHARE OF p, c";

const HELD_METER: &str =
    "SELECT meter_id FROM installation WHERE point_id = $1 AND removed_at IS NULL FOR SHARE";

const HELD_ACCOUNTS: &str = "SELECT t.id FROM supply_approval a JOIN account t ON t.id = a.account_id \
    WHERE a.order_id = $1 AND a.ended_at IS NULL ORDER BY t.id FOR SHARE OF t";

const ALL_THERE: &str = "SELECT s.point_id, n.meter_id, p.customer_id FROM supply_order_point s \
    JOIN metering_point p ON p.id = s.point_id \
    JOIN installation n ON n.point_id = p.id AND n.removed_at IS NULL WHERE s.order_id = $1";

const APPROVALS: &str = "SELECT a.person_id, a.at, a.role_since, a.hash, a.over, t.person_id, t.role, t.is_enabled \
    FROM supply_approval a LEFT JOIN account t ON t.id = a.account_id \
    WHERE a.order_id = $1 AND a.ended_at IS NULL ORDER BY a.id";

const FIRST_APPROVAL: &str = "SELECT min(id) FROM supply_approval WHERE order_id = $1 AND ended_at IS NULL";

/// 1 is a cut, 7 the end of a hold; an outcome of 3 is one that was certainly not sent. Homes of the order that wait to be sent
/// (1 to 4) count as such, those that were sent before among them.
const SENT: &str = "SELECT count(DISTINCT t.point_id) FROM supply_attempt t WHERE t.intent_at > $1 AND t.kind IN (1, 7) \
    AND coalesce(t.outcome, 0) <> 3 AND (t.order_id = $2 OR coalesce(t.approval_id, 0) <= $3 \
        OR NOT EXISTS (SELECT 1 FROM supply_approval a WHERE a.id = t.approval_id AND a.over <> '' \
            AND a.at > coalesce((SELECT max(c.entered_at) FROM supply_ceiling c), 0))) \
    AND t.point_id NOT IN (SELECT p.point_id FROM supply_order_point p WHERE p.order_id = $2 AND p.state IN (1, 2, 3, 4))";

const SENT_IN_AREA: &str = "SELECT count(DISTINCT t.point_id) FROM supply_attempt t WHERE t.intent_at > $1 AND t.kind IN (1, 7) \
    AND coalesce(t.outcome, 0) <> 3 AND (t.order_id = $2 OR coalesce(t.approval_id, 0) <= $3 \
        OR NOT EXISTS (SELECT 1 FROM supply_approval a WHERE a.id = t.approval_id AND a.over <> '' \
            AND a.at > coalesce((SELECT max(c.entered_at) FROM supply_ceiling c), 0))) AND t.area_id = $4 \
    AND t.point_id NOT IN (SELECT p.point_id FROM supply_order_point p WHERE p.order_id = $2 AND p.state IN (1, 2, 3, 4))";

/// States 2 to 4 are those before the intent, drafts left out.
const WAITING: &str = "SELECT count(*) FROM supply_order_point p JOIN supply_order o ON o.id = p.order_id \
    WHERE p.state IN (2, 3, 4) AND o.kind IN (1, 7) AND o.id <> $1";

const WAITING_BESIDE: &str = "SELECT count(*) FROM supply_order_point p JOIN supply_order o ON o.id = p.order_id \
    WHERE p.state IN (2, 3, 4) AND o.kind IN (1, 7) AND o.id <> $1 AND o.window_until >= $2 AND o.window_from <= $3";

const WAITING_IN_AREA: &str = "SELECT count(*) FROM supply_order_point p JOIN supply_order o ON o.id = p.order_id \
    JOIN metering_point m ON m.id = p.point_id \
    WHERE p.state IN (2, 3, 4) AND o.kind IN (1, 7) AND o.id <> $1 AND o.window_until >= $2 AND o.window_from <= $3 \
    AND m.area_id = $4";

const POINTS: &str = "SELECT count(*) FROM installation WHERE removed_at IS NULL";

const POINTS_IN_AREA: &str = "SELECT count(*) FROM metering_point p JOIN installation n ON n.point_id = p.id \
    AND n.removed_at IS NULL WHERE p.area_id = $1";

/// Those to this customer; what was entered before it was noted to whom counts for whoever is there. One that was entered before
/// it was given proves nothing.
const NOTICES: &str = "SELECT kind, given_at FROM supply_notice WHERE point_id = $1 \
    AND (customer_id IS NULL OR customer_id = $2) AND given_at <= entered_at + $3";

/// Whatever a list says that it holds for: what was paid after it was entered is not on it.
const ARREARS: &str = "SELECT a.since, CAST(a.amount_fen - coalesce((SELECT sum(p.amount_fen) FROM supply_payment p \
    WHERE p.customer_id = a.customer_id AND (p.paid_at >= a.as_of OR p.paid_at >= a.entered_at)), 0) AS bigint) \
    FROM supply_arrears a WHERE a.customer_id = $1";

/// A clock that was set back since does not make a payment one of before: what found the order open is kept with it (F33).
const PAID_SINCE: &str = "SELECT count(*) FROM supply_order_point p WHERE p.order_id = $3 AND p.point_id = $4 \
    AND (p.is_paid = 1 OR EXISTS (SELECT 1 FROM supply_payment y WHERE y.customer_id = $1 AND y.entered_at >= $2))";

/// A crossed one that was entered behind the last one that is not stands, whatever times they bear (F53); one that was entered
/// before it was found proves nothing.
const IDENTITY: &str = "SELECT meter_id, verified_at, is_crossed FROM supply_identity WHERE point_id = $1 \
    AND verified_at <= entered_at + $2 \
    ORDER BY CASE WHEN is_crossed <> 0 AND id > coalesce((SELECT max(c.id) FROM supply_identity c \
        WHERE c.point_id = $1 AND c.is_crossed = 0), 0) THEN 0 ELSE 1 END, verified_at DESC, id DESC LIMIT 1";

/// What the meter answered (a freeze, a load record, a register as it stood); what people typed is no read of it.
const LAST_READ: &str = "SELECT max(collected_at) FROM latest WHERE meter_id = $1 AND source IN (1, 2, 3)";

const OTHER_ORDERS: &str = "SELECT count(*) FROM supply_order_point WHERE point_id = $1 AND order_id <> $2 \
    AND state IN (2, 3, 4, 5, 6, 8)";

/// Kinds 2 and 3 give supply back; 13 is a point that was taken back. Whatever the clock says, one that found the cut open is
/// kept with it (F33).
const RESTORED: &str = "SELECT count(*) FROM supply_order_point s WHERE s.order_id = $3 AND s.point_id = $1 \
    AND (s.is_restored = 1 OR EXISTS (SELECT 1 FROM supply_order_point p JOIN supply_order o ON o.id = p.order_id \
    WHERE p.point_id = $1 AND o.kind IN (2, 3) AND p.state <> 13 AND o.submitted_at >= $2))";

/// Attempts that rest on the approval given last, those left out of which certainly nothing was sent.
const ATTEMPTS: &str = "SELECT count(*) FROM supply_attempt t WHERE t.order_id = $1 AND t.point_id = $2 \
    AND coalesce(t.outcome, 0) <> 3 AND t.approval_id >= (SELECT max(a.id) FROM supply_approval a WHERE a.order_id = t.order_id AND a.ended_at IS NULL)";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Source;
    use crate::domain::supply::OrderKind;
    use crate::store::supply::AttemptOutcome;

    #[test]
    fn the_numbers_in_statements_are_those_of_their_lists() {
        let kinds = [OrderKind::Cut, OrderKind::HoldOff, OrderKind::ClosePermit, OrderKind::DirectClose];
        assert_eq!(kinds.map(OrderKind::code), [1, 7, 2, 3]);
        assert!(OrderKind::TABLE.iter().all(|(kind, code, _)| kind.is_cut_class() == [1, 7].contains(code)));
        assert!(OrderKind::TABLE.iter().all(|(kind, code, _)| kind.is_restore() == [2, 3].contains(code)));
        let open = |state: &OrderState| {
            *state != OrderState::Draft && (state.is_before_intent() || state.is_in_flight())
        };
        let codes: Vec<_> = OrderState::TABLE.iter().filter(|row| open(&row.0)).map(|row| row.1).collect();
        assert_eq!(codes, [2, 3, 4, 5, 6, 8]);
        assert_eq!(OrderState::Cancelled.code(), 13);
        assert_eq!(AttemptOutcome::NotSent.code(), 3);
        assert_eq!([Source::Freeze, Source::LoadRecord, Source::Live].map(Source::code), [1, 2, 3]);
    }
}
