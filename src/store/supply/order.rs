//! Writing orders, handing them in, approving them and taking them back.

use super::attempt::object;
use super::facts::{Judging, exceeded, judge_order, judge_plain, judge_point, order_facts, there_of};
use super::head::{Head, HeadPoint, Mark, Step, add_writer};
use super::left::{LeftBy, leave_off, sent_before};
use super::report::watch_pattern;
use super::written::{NewOrder, add_points, check_text, of_point, told};
use super::{Objected, PointObjections, SupplyError, commit_in_any_case, commit_step, commit_with};
use crate::domain::access::{Acting, Action};
use crate::domain::supply::{
    CeilingUse, Ceilings, ContentHash, Objection, OrderEvent, OrderFacts, OrderState, Shown, Stage,
    SupplyOrder, approval_objections, ceilings_kept, words_of,
};
use crate::domain::{Alarm, AlarmKind, AuditEntry, Coded, Id, Meter, Moment};
use crate::store::alarm::{clear, raise};
use crate::store::error::StoreError;
use crate::store::transaction::Transaction;
use crate::store::{Store, audit};

/// What an order is held to besides what is kept.
#[derive(Clone, Copy, Debug)]
pub struct Limits<'a> {
    /// The ceilings of the configuration.
    pub ceilings: Ceilings,
    /// Meters that cannot do what is ordered.
    pub incapable: &'a [Id<Meter>],
}

/// What became of an order that was handed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// Its number.
    pub id: Id<SupplyOrder>,
    /// How it stands: waiting for approval, or on its way.
    pub state: OrderState,
    /// It is above a ceiling and needs a second approver.
    pub is_quarantined: bool,
    /// Points that were refused and left out.
    pub refused: Vec<PointObjections>,
}

impl Store {
    /// Writes an order that nobody acts upon until it is handed in.
    ///
    /// # Errors
    /// [`SupplyError`] when the role may not ask for it, or a point has no meter or lies in another region.
    pub async fn draft_order(
        &self,
        acting: &Acting,
        new: &NewOrder,
        now: Moment,
    ) -> Result<Id<SupplyOrder>, SupplyError> {
        let drafted = async {
            let mut writing = self.change_supply("writing a supply order").await?;
            let id = self.draft(&mut writing, acting, new, now).await?;
            check_region(acting, &Head::load(&mut writing, id).await?)?;
            let entry = AuditEntry::by(acting, now, "order.draft", format!("order {id}"));
            commit_with(writing, &entry.for_order(id.number()).saying(told(new))).await?;
            Ok(id)
        };
        self.ended(drafted.await, acting, "order.draft", "order".into(), now).await
    }

    /// Writes an order and hands it in at once: neither is kept without the other.
    ///
    /// # Errors
    /// [`SupplyError`] with all that stands against it; points that are refused are left out as long as one remains.
    pub async fn ask_order(
        &self,
        acting: &Acting,
        new: &NewOrder,
        limits: &Limits<'_>,
        now: Moment,
    ) -> Result<Submitted, SupplyError> {
        let asked = async {
            let mut writing = self.change_supply("handing in a supply order").await?;
            let id = self.draft(&mut writing, acting, new, now).await?;
            let judging = Judging { stage: Stage::Submit, limits, now };
            let submitted = submit(&mut writing, acting, id, judging).await?;
            let entry = AuditEntry::by(acting, now, "order.submit", format!("order {id}"));
            commit_step(writing, new.kind, &entry.for_order(id.number()).saying(told(new))).await?;
            Ok(submitted)
        };
        self.ended(asked.await, acting, "order.submit", "order".into(), now).await
    }

    /// Hands in an order that was written before.
    ///
    /// # Errors
    /// As [`Self::ask_order`].
    pub async fn submit_order(
        &self,
        acting: &Acting,
        id: Id<SupplyOrder>,
        limits: &Limits<'_>,
        now: Moment,
    ) -> Result<Submitted, SupplyError> {
        let submitted = async {
            let mut writing = self.change_supply("handing in a supply order").await?;
            let judging = Judging { stage: Stage::Submit, limits, now };
            let submitted = submit(&mut writing, acting, id, judging).await?;
            let entry = AuditEntry::by(acting, now, "order.submit", format!("order {id}"));
            commit_with(writing, &entry.for_order(id.number())).await?;
            Ok(submitted)
        };
        self.ended(submitted.await, acting, "order.submit", format!("order {id}"), now).await
    }

    /// Changes an order before anything was sent, where it is given only as it was seen: it is a draft again, and whatever was
    /// approved is void (T17).
    ///
    /// # Errors
    /// As [`Self::draft_order`]; [`Objection::WrongState`] once something was sent.
    pub async fn edit_order(
        &self,
        acting: &Acting,
        (id, seen): (Id<SupplyOrder>, Option<ContentHash>),
        new: &NewOrder,
        now: Moment,
    ) -> Result<(), SupplyError> {
        let edited = async {
            let mut writing = self.change_supply("changing a supply order").await?;
            let mut head = Head::load(&mut writing, id).await?;
            if seen.is_some_and(|seen| seen != head.content.hash()) {
                return Err(Objection::OrderChanged.into());
            }
            let tried: Option<(i64,)> = writing.row(TRIED, &[id.into()]).await?;
            let is_early = head.points.iter().all(|point| point.state.is_before_intent());
            if !is_early || tried.is_some() || new.kind != head.kind() {
                return Err(Objection::WrongState.into());
            }
            check_right(acting, &head)?;
            check_text(&new.text)?;
            head.step_all(&mut writing, &Step::of(OrderEvent::Edit, now)).await?;
            if head.is_quarantined {
                // It is judged anew when it is handed in.
                clear(&mut writing, AlarmKind::CeilingReached, &head.object(), now).await?;
            }
            end_approvals(&mut writing, id, None, &acting.name, now).await?;
            writing.execute("DELETE FROM supply_order_point WHERE order_id = $1", &[id.into()]).await?;
            let args = [
                id.into(),
                new.reason.code().into(),
                new.text.as_str().into(),
                new.window.from.into(),
                new.window.until.into(),
                now.into(),
            ];
            writing.execute(EDIT, &args).await?;
            add_points(&mut writing, id, new, now).await?;
            add_writer(&mut writing, id, acting.person).await?;
            let head = Head::load(&mut writing, id).await?;
            check_right(acting, &head)?;
            head.settle(&mut writing, now).await?;
            let entry = AuditEntry::by(acting, now, "order.edit", head.object());
            commit_with(writing, &entry.for_order(id.number()).saying(told(new))).await?;
            Ok(())
        };
        self.ended(edited.await, acting, "order.edit", format!("order {id}"), now).await
    }

    /// Approves an order as it was shown: with this hash and no other, and no further above the ceilings than was shown. Says
    /// how it stands then. What is further above one is not approved; where it was not known to be, it waits for two from now
    /// on, and whoever has not been shown by how much is none of them (F51).
    ///
    /// # Errors
    /// [`SupplyError`] with all that stands against the order, or against this person approving it.
    pub async fn approve_order(
        &self,
        acting: &Acting,
        id: Id<SupplyOrder>,
        shown: &Shown,
        limits: &Limits<'_>,
        now: Moment,
    ) -> Result<OrderState, SupplyError> {
        let approved = async {
            let mut writing = self.change_supply("approving a supply order").await?;
            let mut head = Head::load(&mut writing, id).await?;
            let judging = Judging { stage: Stage::Approve, limits, now };
            check_approver(&mut writing, acting, &head, shown.hash, judging).await?;
            let (facts, objections) = judge_order(&mut writing, &head, judging).await?;
            if !objections.is_empty() {
                return Err(objections.into());
            }
            if !shown.covers(&facts.over) {
                let over = facts.over;
                quarantine_if_new(writing, &mut head, &over, now).await?;
                let order = vec![Objection::ExcessNotShown];
                return Err(SupplyError::Objected(Objected { order, over, ..Objected::default() }));
            }
            let state = self.approve(&mut writing, acting, (&mut head, facts), judging).await?;
            let entry = AuditEntry::by(acting, now, "order.approve", head.object());
            let over = ceilings_kept(&exceeded(&mut writing, &head, judging).await?);
            let detail = serde_json::json!({ "hash": shown.hash.to_string(), "over": over });
            commit_with(writing, &entry.for_order(id.number()).saying(detail.to_string())).await?;
            Ok(state)
        };
        self.ended(approved.await, acting, "order.approve", format!("order {id}"), now).await
    }

    /// Withdraws what this person has approved, as long as nothing was sent.
    ///
    /// # Errors
    /// [`Objection::WrongState`] when this person has not approved it.
    pub async fn withdraw_approval(
        &self,
        acting: &Acting,
        id: Id<SupplyOrder>,
        now: Moment,
    ) -> Result<OrderState, SupplyError> {
        let withdrawn = async {
            let mut writing = self.change_supply("withdrawing an approval").await?;
            let mut head = Head::load(&mut writing, id).await?;
            let person = Some(acting.person.number());
            if end_approvals(&mut writing, id, person, &acting.name, now).await? == 0 {
                return Err(Objection::WrongState.into());
            }
            head.step_all(&mut writing, &Step::of(OrderEvent::Withdraw, now)).await?;
            let state = head.settle(&mut writing, now).await?;
            let entry = AuditEntry::by(acting, now, "order.withdraw", head.object());
            commit_in_any_case(writing, &entry.for_order(id.number())).await?;
            Ok(state)
        };
        self.ended(withdrawn.await, acting, "order.withdraw", format!("order {id}"), now).await
    }

    /// Takes back all of an order that was not sent. Whoever may ask for it or approve it may. What may have been sent
    /// is not taken back, but is sent no more, also when it turns out that nothing of it had left (I8).
    ///
    /// # Errors
    /// [`SupplyError`] when nothing of it can be taken back.
    pub async fn cancel_order(
        &self,
        acting: &Acting,
        id: Id<SupplyOrder>,
        now: Moment,
    ) -> Result<OrderState, SupplyError> {
        let cancelled = async {
            let mut writing = self.change_supply("taking a supply order back").await?;
            let mut head = Head::load(&mut writing, id).await?;
            match acting.may(Action::ApproveCut) {
                true => check_region(acting, &head)?,
                false => check_right(acting, &head)?,
            }
            let sent = sent_before(&mut writing, &head).await?;
            for point in &sent {
                leave_off(&mut writing, &mut head, *point, (&[], LeftBy::Person), now).await?;
            }
            let taken_back = head.step_all(&mut writing, &Step::of(OrderEvent::Cancel, now)).await?;
            let is_under_way = head.points.iter().any(|point| point.state.is_in_flight());
            if sent.len() + taken_back == 0 && (head.is_taken_back || !is_under_way) {
                return Err(Objection::WrongState.into());
            }
            if is_under_way {
                head.mark(&mut writing, Mark::TakenBack).await?;
            }
            let state = head.settle(&mut writing, now).await?;
            let entry = AuditEntry::by(acting, now, "order.cancel", head.object()).for_order(id.number());
            if head.kind().is_cut_class() {
                commit_in_any_case(writing, &entry).await?;
            } else {
                commit_with(writing, &entry).await?;
            }
            Ok(state)
        };
        self.ended(cancelled.await, acting, "order.cancel", format!("order {id}"), now).await
    }

    /// Notes that nothing is left to do about an order whose points have all ended (办结). What no meter shows ends by this
    /// alone.
    ///
    /// # Errors
    /// [`Objection::WrongState`] while something is still under way.
    pub async fn finish_order(
        &self,
        acting: &Acting,
        id: Id<SupplyOrder>,
        now: Moment,
    ) -> Result<OrderState, SupplyError> {
        let finished = async {
            let mut writing = self.change_supply("closing a supply order").await?;
            let mut head = Head::load(&mut writing, id).await?;
            match acting.may(Action::ApproveCut) {
                true => check_region(acting, &head)?,
                false => check_right(acting, &head)?,
            }
            if !head.points.iter().all(|point| point.state.may_be_finished(head.kind())) {
                return Err(Objection::WrongState.into());
            }
            for HeadPoint { ordered, .. } in
                head.points.iter().filter(|point| point.state == OrderState::Unknown)
            {
                clear(&mut writing, AlarmKind::OrderUnknown, &object(id, ordered.point), now).await?;
            }
            head.step_all(&mut writing, &Step::of(OrderEvent::Finish, now)).await?;
            let state = head.settle(&mut writing, now).await?;
            let entry = AuditEntry::by(acting, now, "order.finish", head.object());
            commit_with(writing, &entry.for_order(id.number())).await?;
            Ok(state)
        };
        self.ended(finished.await, acting, "order.finish", format!("order {id}"), now).await
    }

    /// Makes every approval void that nothing was sent under, as after the restore of a backup (F41). Says how many
    /// orders wait for approval again.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot.
    pub async fn void_approvals(&self, because: &str, now: Moment) -> Result<usize, StoreError> {
        let mut writing = self.change_supply("making approvals void").await?;
        let open: Vec<(i64,)> = writing.rows(APPROVED, &[]).await?;
        for (id,) in &open {
            let mut head = Head::load(&mut writing, Id::new(*id)).await?;
            end_approvals(&mut writing, head.id, None, AuditEntry::SYSTEM, now).await?;
            head.step_all(&mut writing, &Step::of(OrderEvent::Withdraw, now)).await?;
            head.settle(&mut writing, now).await?;
        }
        let entry = AuditEntry::of_system(now, "order.void_approvals", format!("{} orders", open.len()));
        commit_with(writing, &entry.saying(format!("{{\"because\":{because:?}}}"))).await?;
        Ok(open.len())
    }

    /// Adds the approval; points whose conditions will never hold are left out, any other objection refuses it.
    async fn approve(
        &self,
        writing: &mut Transaction,
        acting: &Acting,
        (head, facts): (&mut Head, OrderFacts),
        judging: Judging<'_>,
    ) -> Result<OrderState, SupplyError> {
        let now = judging.now;
        if !facts.over.is_empty() && !head.is_quarantined {
            quarantine(writing, head, (&ceilings_of(&facts.over), &facts.over), now).await?;
        }
        let mut found = Vec::new();
        let open: Vec<HeadPoint> =
            head.points.iter().filter(|point| point.state.is_before_intent()).copied().collect();
        for point in open {
            let objections = judge_point(writing, head, &facts, point, judging).await?;
            if objections.iter().any(|objection| objection.is_final()) {
                let step = Step { objections: &objections, ..Step::of(OrderEvent::Cancel, now) };
                head.step(writing, point.ordered.point, &step).await?;
                head.mark(writing, Mark::Flagged).await?;
            } else if !objections.is_empty() {
                found.push(of_point(writing, point.ordered.point, objections).await?);
            }
        }
        if !found.is_empty() || !head.points.iter().any(|point| point.state.is_before_intent()) {
            return Err(SupplyError::Objected(Objected { points: found, ..Objected::default() }));
        }
        let over = exceeded(writing, head, judging).await?;
        let args = [
            self.numbers.next(now).into(),
            head.id.into(),
            acting.person.into(),
            acting.account.into(),
            acting.name.as_str().into(),
            acting.role_since.into(),
            now.into(),
            head.content.hash().to_string().into(),
            ceilings_kept(&over).into(),
        ];
        writing.execute(APPROVE, &args).await?;
        let facts = order_facts(writing, head, judging).await?;
        if approval_objections(&facts).is_empty() {
            let due = Some(head.content.window.from.max(now));
            head.step_all(writing, &Step { due, ..Step::of(OrderEvent::Approve, now) }).await?;
        }
        Ok(head.settle(writing, now).await?)
    }
}

/// Judges an order and all its points, and steps those that nothing stands against.
async fn submit(
    writing: &mut Transaction,
    acting: &Acting,
    id: Id<SupplyOrder>,
    judging: Judging<'_>,
) -> Result<Submitted, SupplyError> {
    let now = judging.now;
    let mut head = Head::load(writing, id).await?;
    if !acting.may(head.kind().action()) {
        return Err(Objection::NoRight.into());
    }
    if head.points.iter().any(|point| point.state != OrderState::Draft) {
        return Err(Objection::WrongState.into());
    }
    add_writer(writing, id, acting.person).await?;
    writing
        .execute("UPDATE supply_order SET submitted_at = $2 WHERE id = $1", &[id.into(), now.into()])
        .await?;
    head.submitted_at = Some(now);
    let (mut facts, objections) = judge_order(writing, &head, judging).await?;
    if !objections.is_empty() {
        return Err(objections.into());
    }
    let mut refused = Vec::new();
    let is_plain = !head.kind().is_cut_class();
    let there = if is_plain { there_of(writing, id).await? } else { Default::default() };
    for point in head.points.clone() {
        let mut objections = if is_plain {
            judge_plain(&facts, point, there.get(&point.ordered.point).copied(), judging)
        } else {
            judge_point(writing, &head, &facts, point, judging).await?
        };
        if !acting.regions.hold(point.area) {
            objections.push(Objection::OtherRegion);
        }
        if !objections.is_empty() {
            let step = Step { objections: &objections, ..Step::of(OrderEvent::Cancel, now) };
            head.step(writing, point.ordered.point, &step).await?;
            refused.push(of_point(writing, point.ordered.point, objections).await?);
        }
    }
    if refused.len() == head.points.len() {
        return Err(SupplyError::Objected(Objected { points: refused, ..Objected::default() }));
    }
    if !refused.is_empty() {
        head.mark(writing, Mark::Flagged).await?;
        if !facts.over.is_empty() {
            // Those that were taken out count for no ceiling.
            facts = order_facts(writing, &head, judging).await?;
        }
    }
    head.step_all(writing, &Step::of(OrderEvent::Submit, now)).await?;
    if facts.approvers_needed() == 0 {
        // Nobody else is needed, and it is done at once.
        let step = Step { due: Some(now), ..Step::of(OrderEvent::Approve, now) };
        head.step_all(writing, &step).await?;
    }
    let is_quarantined = !facts.over.is_empty();
    if is_quarantined {
        quarantine(writing, &mut head, (&ceilings_of(&facts.over), &facts.over), now).await?;
    }
    if head.kind().is_restore() {
        cancel_cuts(writing, &head, now).await?;
    }
    if head.kind().is_cut_class() {
        watch_pattern(writing, now).await?;
    }
    let state = head.settle(writing, now).await?;
    Ok(Submitted { id, state, is_quarantined, refused })
}

/// A restore takes back every cut of its points that was not sent, and sees to it that those under way are sent no more (F48).
async fn cancel_cuts(writing: &mut Transaction, restore: &Head, now: Moment) -> Result<(), StoreError> {
    let cuts: Vec<(i64, i64)> = writing.rows(OPEN_CUTS, &[restore.id.into()]).await?;
    for (cut, point) in cuts {
        let mut head = Head::load(writing, Id::new(cut)).await?;
        let objections = &[Objection::RestoredSince];
        head.step(writing, Id::new(point), &Step { objections, ..Step::of(OrderEvent::Cancel, now) }).await?;
        head.settle(writing, now).await?;
    }
    writing.execute(RESTORED, &[restore.id.into()]).await?;
    Ok(())
}

/// Marks an order that is above a ceiling: it needs a second approver, and people are told. Nothing of it is sent under what
/// was approved before; what may have been obeyed by now is looked at all the same.
pub(super) async fn quarantine(
    writing: &mut Transaction,
    head: &mut Head,
    (ceilings, over): (&[Objection], &[CeilingUse]),
    now: Moment,
) -> Result<(), StoreError> {
    head.mark(writing, Mark::Quarantined).await?;
    head.is_quarantined = true;
    end_approvals(writing, head.id, None, AuditEntry::SYSTEM, now).await?;
    head.step_all(writing, &Step { objections: ceilings, ..Step::of(OrderEvent::Withdraw, now) }).await?;
    // What was told of it before was another excess.
    clear(writing, AlarmKind::CeilingReached, &head.object(), now).await?;
    let alarm = Alarm::new(AlarmKind::CeilingReached, head.object(), now).for_order(head.id.number());
    raise(writing, &alarm).await?;
    let entry = AuditEntry::of_system(now, QUARANTINE, head.object()).for_order(head.id.number());
    let detail = serde_json::json!({ "over": ceilings_kept(over) }).to_string();
    audit::append(writing, &entry.ending(words_of(ceilings)).saying(detail)).await?;
    Ok(())
}

/// The same for an order of which it was not known, by itself.
async fn quarantine_if_new(
    mut writing: Transaction,
    head: &mut Head,
    over: &[CeilingUse],
    now: Moment,
) -> Result<(), StoreError> {
    if head.is_quarantined {
        return Ok(());
    }
    quarantine(&mut writing, head, (&ceilings_of(over), over), now).await?;
    head.settle(&mut writing, now).await?;
    writing.commit().await
}

fn check_right(acting: &Acting, head: &Head) -> Result<(), SupplyError> {
    if !acting.may(head.kind().action()) {
        return Err(Objection::NoRight.into());
    }
    check_region(acting, head)
}

fn check_region(acting: &Acting, head: &Head) -> Result<(), SupplyError> {
    match head.points.iter().all(|point| acting.regions.hold(point.area)) {
        true => Ok(()),
        false => Err(Objection::OtherRegion.into()),
    }
}

/// Whether this person may approve this order, as they saw it (T17).
async fn check_approver(
    reading: &mut Transaction,
    acting: &Acting,
    head: &Head,
    seen: ContentHash,
    judging: Judging<'_>,
) -> Result<(), SupplyError> {
    if !acting.may(Action::ApproveCut) {
        return Err(Objection::NoRight.into());
    }
    check_region(acting, head)?;
    let is_open = |point: &HeadPoint| {
        matches!(point.state, OrderState::Submitted | OrderState::Approved | OrderState::Armed)
    };
    if !head.kind().is_cut_class() || !head.points.iter().any(is_open) {
        return Err(Objection::WrongState.into());
    }
    let facts = order_facts(reading, head, judging).await?;
    let is_new = judging.now.since(acting.role_since) < ROLE_LEAST;
    let objections = [
        (seen != head.content.hash(), Objection::OrderChanged),
        (facts.requesters.contains(&acting.person), Objection::OwnOrder),
        (is_new, Objection::RoleTooNew),
        (facts.approvals.iter().any(|by| by.person == acting.person), Objection::ApprovedBefore),
    ];
    let found: Vec<_> = objections.into_iter().filter_map(|(is_so, what)| is_so.then_some(what)).collect();
    if found.is_empty() { Ok(()) } else { Err(found.into()) }
}

/// Ends the approvals of an order, of one person or of all; says how many.
pub(super) async fn end_approvals(
    writing: &mut Transaction,
    id: Id<SupplyOrder>,
    person: Option<i64>,
    by: &str,
    now: Moment,
) -> Result<u64, StoreError> {
    writing.execute(END_APPROVALS, &[id.into(), person.into(), now.into(), by.into()]).await
}

/// Each of the ceilings once.
fn ceilings_of(over: &[CeilingUse]) -> Vec<Objection> {
    let mut ceilings: Vec<Objection> = over.iter().map(|over| over.ceiling).collect();
    ceilings.dedup();
    ceilings
}

/// What it is called in the audit log when an order is found to be above a ceiling.
pub(super) const QUARANTINE: &str = "order.quarantine";

/// How long somebody must have the role to approve.
const ROLE_LEAST: std::time::Duration = std::time::Duration::from_secs(86_400);

const EDIT: &str = "UPDATE supply_order SET reason = $2, text = $3, window_from = $4, window_until = $5, \
    is_quarantined = 0, is_flagged = 0, submitted_at = NULL, changed_at = $6 WHERE id = $1";

const TRIED: &str = "SELECT id FROM supply_attempt WHERE order_id = $1 LIMIT 1";

const APPROVE: &str = "INSERT INTO supply_approval (id, order_id, person_id, account_id, name, role_since, at, hash, over) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

const END_APPROVALS: &str = "UPDATE supply_approval SET ended_at = $3, ended_by = $4 \
    WHERE order_id = $1 AND ended_at IS NULL AND (CAST($2 AS bigint) IS NULL OR person_id = $2)";

/// Cuts and ends of holds that were handed in and not sent, at the points of an order.
const OPEN_CUTS: &str = "SELECT p.order_id, p.point_id FROM supply_order_point r \
    JOIN supply_order_point p ON p.point_id = r.point_id AND p.state IN (2, 3, 4) \
    JOIN supply_order o ON o.id = p.order_id AND o.kind IN (1, 7) WHERE r.order_id = $1 ORDER BY p.order_id, p.point_id";

/// The same of those that are under way (5, 6, 8).
const RESTORED: &str = "UPDATE supply_order_point SET is_restored = 1 WHERE state IN (5, 6, 8) \
    AND point_id IN (SELECT r.point_id FROM supply_order_point r WHERE r.order_id = $1) \
    AND order_id IN (SELECT o.id FROM supply_order o WHERE o.kind IN (1, 7))";

/// Orders with an approval in force and a point that was not sent.
const APPROVED: &str = "SELECT DISTINCT a.order_id FROM supply_approval a \
    JOIN supply_order_point p ON p.order_id = a.order_id AND p.state IN (2, 3, 4) WHERE a.ended_at IS NULL";
