//! The conditions of an order: what stands against it, as functions of facts and of the moment.

use std::time::Duration;

use super::ceiling::CeilingUse;
use super::content::OrderedPoint;
use super::facts::{Approval, Notice, NoticeKind, OrderFacts, PointFacts, ProtectionList};
use super::kind::{OrderKind, Reason};
use super::objection::Objection;
use crate::domain::Moment;

/// When an order is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// It is handed in: what lies ahead is judged for its window.
    Submit,
    /// It is approved, likewise.
    Approve,
    /// Its window has come.
    Arm,
    /// In the transaction of the intent: the last time.
    Intent,
}

impl Stage {
    /// True when supply would be cut now, not at some moment of the window.
    const fn is_now(self) -> bool {
        matches!(self, Self::Arm | Self::Intent)
    }
}

/// What stands against an order as a whole. Nothing but its form stands against giving supply back (I12).
#[must_use]
pub fn objections_to_order(facts: &OrderFacts, stage: Stage, now: Moment) -> Vec<Objection> {
    let mut found = Vec::new();
    of_form(facts, stage, now, &mut found);
    if facts.is_taken_back {
        found.push(Objection::TakenBack);
    }
    if facts.content.kind.is_cut_class() {
        if stage.is_now() {
            found.extend(approval_objections(facts));
        }
        of_all_cuts(facts, stage, &mut found);
    }
    found
}

/// What stands against one point of it.
#[must_use]
pub fn objections_to_point(
    order: &OrderFacts,
    point: &PointFacts,
    stage: Stage,
    now: Moment,
) -> Vec<Objection> {
    let kind = order.content.kind;
    let mut found = Vec::new();
    match point.there {
        None => found.push(Objection::NotThere),
        Some(there) if is_another(kind, there, point.ordered) => found.push(Objection::MapChanged),
        Some(_) => {}
    }
    let incapable = if kind == OrderKind::Cut { Objection::NotCuttable } else { Objection::NotOrderable };
    let is_reconsidered = stage == Stage::Submit || kind.is_cut_class();
    let mut when = |holds: bool, objection| {
        if holds {
            found.push(objection);
        }
    };
    when(point.is_incapable && is_reconsidered, incapable);
    if !kind.is_cut_class() {
        return found;
    }
    when(!point.protections.is_empty(), Objection::Protected);
    when(point.has_other_order, Objection::OtherOrderOpen);
    when(point.is_restored, Objection::RestoredSince);
    when(point.attempts >= MOST_ATTEMPTS, Objection::NoAttemptLeft);
    of_identity(point, now, &mut found);
    if kind == OrderKind::Cut {
        let reason = order.content.reason;
        let (first, last) = match stage.is_now() {
            true => (now, now),
            false => (order.content.window.from, order.content.window.until),
        };
        if !reason.is_emergency() {
            of_notices(point, stage, (first, last), &mut found);
        }
        if reason == Reason::Arrears {
            of_arrears(point, first, &mut found);
        }
    }
    found
}

/// Supply is taken from a customer, and so it matters who that is; it is given back, or held, at a meter.
fn is_another(kind: OrderKind, there: OrderedPoint, ordered: OrderedPoint) -> bool {
    if kind.is_cut_class() { there != ordered } else { there.meter != ordered.meter }
}

fn of_form(facts: &OrderFacts, stage: Stage, now: Moment, found: &mut Vec<Objection>) {
    let content = &facts.content;
    let mut when = |holds: bool, objection| {
        if holds {
            found.push(objection);
        }
    };
    let mut points: Vec<_> = content.points.iter().map(|ordered| ordered.point).collect();
    points.sort_unstable();
    points.dedup();
    when(content.points.is_empty(), Objection::NoPoints);
    when(points.len() < content.points.len(), Objection::RepeatedPoint);
    when(content.points.len() > content.kind.most_points(), Objection::TooManyPoints);
    when(!content.reason.fits(content.kind), Objection::ReasonDoesNotFit);
    let is_emergency = content.kind.is_cut_class() && content.reason.is_emergency();
    when(is_emergency && content.points.len() > 1, Objection::EmergencyOnePoint);
    let text = content.text.trim();
    // Nobody waits in the dark for a word (I12).
    let is_unsaid = content.reason == Reason::Other && !content.kind.is_restore();
    when(text.is_empty() && (is_emergency || is_unsaid), Objection::TextMissing);
    when(text.is_empty() && content.kind == OrderKind::DirectClose, Objection::SafetyNoteMissing);
    if content.kind.is_cut_class() {
        let window = content.window;
        let is_long = window.until.since(window.from) > LONGEST_WINDOW;
        when(window.until <= window.from || is_long, Objection::BadWindow);
        when(window.until <= now, Objection::WindowPassed);
        when(stage.is_now() && now < window.from, Objection::WindowNotBegun);
    }
}

/// What stands against its approval: it takes other persons than asked for it, long enough in their role, and exactly this
/// order.
#[must_use]
pub fn approval_objections(facts: &OrderFacts) -> Vec<Objection> {
    let mut found = Vec::new();
    let hash = facts.content.hash();
    let is_changed = facts.approvals.iter().any(|approval| approval.hash != hash);
    let persons = approvers(facts, |_| true);
    // An approval that does not count is no hindrance where enough others do.
    for approval in facts.approvals.iter().filter(|approval| approval.hash == hash) {
        found.extend(against_approval(facts, approval).filter(|_| persons < facts.approvers_needed()));
    }
    if is_changed && persons < facts.approvers_needed() {
        found.push(Objection::OrderChanged);
    }
    match (persons, facts.approvers_needed()) {
        (count, needed) if count >= needed => {}
        (0, _) => found.push(Objection::NotApproved),
        _ => found.push(Objection::SecondApproverMissing),
    }
    found
}

/// What stands against one approval of exactly this order.
fn against_approval(facts: &OrderFacts, approval: &Approval) -> impl Iterator<Item = Objection> + use<> {
    let objections = [
        (facts.requesters.contains(&approval.person), Objection::OwnOrder),
        (approval.at.since(approval.role_since) < ROLE_LEAST, Objection::RoleTooNew),
        (!approval.still_may, Objection::ApproverGone),
    ];
    objections.into_iter().filter_map(|(is_so, objection)| is_so.then_some(objection))
}

/// How many persons have approved exactly this order, of those approvals that are meant.
fn approvers(facts: &OrderFacts, is_meant: impl Fn(&Approval) -> bool) -> usize {
    let hash = facts.content.hash();
    let valid = facts.approvals.iter().filter(|approval| approval.hash == hash && is_meant(approval));
    let mut persons: Vec<_> = valid
        .filter(|approval| against_approval(facts, approval).next().is_none())
        .map(|approval| approval.person)
        .collect();
    persons.sort_unstable();
    persons.dedup();
    persons.len()
}

/// The ceilings that it is above and that two persons have not let it pass as they are now (F51).
fn ceilings_in_its_way(facts: &OrderFacts) -> Vec<Objection> {
    let stands = |over: &&CeilingUse| {
        approvers(facts, |approval| approval.over.iter().any(|seen| seen.covers(over)))
            < APPROVERS_OVER_CEILING
    };
    let mut found: Vec<_> = facts.over.iter().filter(stands).map(|over| over.ceiling).collect();
    found.dedup();
    found
}

/// What keeps all cuts back. A ceiling is no objection before the order could be held for a second approver, nor once two
/// have let it pass.
fn of_all_cuts(facts: &OrderFacts, stage: Stage, found: &mut Vec<Objection>) {
    if stage.is_now() {
        found.extend(facts.halts.iter().map(|halt| halt.objection()));
        found.extend(ceilings_in_its_way(facts));
        if facts.is_of_other_version {
            found.push(Objection::VersionsDiffer);
        }
    }
    if facts.has_stopped_itself {
        found.push(Objection::StoppedItself);
    }
    if facts.list == ProtectionList::Missing {
        found.push(Objection::NoProtectionList);
    }
    if !facts.no_cut_days.is_empty() {
        found.push(Objection::NoCutDay);
    }
}

fn of_identity(point: &PointFacts, now: Moment, found: &mut Vec<Objection>) {
    match point.identity {
        None => found.push(Objection::IdentityMissing),
        Some(identity) if identity.is_crossed => found.push(Objection::CrossedWiring),
        Some(identity) => {
            let is_other = identity.meter != point.ordered.meter;
            if is_other || !is_within(identity.verified_at, now, point.terms.identity_most) {
                found.push(Objection::IdentityTooOld);
            }
        }
    }
    if point.last_read.is_none_or(|read| !is_within(read, now, point.terms.read_most)) {
        found.push(Objection::ReadTooOld);
    }
}

fn of_notices(point: &PointFacts, stage: Stage, cut: (Moment, Moment), found: &mut Vec<Objection>) {
    let terms = &point.terms;
    let given = |kind| move |notice: &&Notice| notice.kind == kind;
    let first = Age {
        least: terms.notice_least,
        most: terms.notice_most,
        missing: Objection::NoticeMissing,
        young: Objection::NoticeTooYoung,
        old: Objection::NoticeTooOld,
    };
    found.extend(first.judge(point.notices.iter().filter(given(NoticeKind::Cut)), cut));
    if stage.is_now() {
        let second = Age {
            least: terms.second_least,
            most: terms.second_most,
            missing: Objection::SecondNoticeMissing,
            young: Objection::SecondNoticeTooYoung,
            old: Objection::SecondNoticeTooOld,
        };
        found.extend(second.judge(point.notices.iter().filter(given(NoticeKind::Second)), cut));
    }
}

fn of_arrears(point: &PointFacts, cut: Moment, found: &mut Vec<Objection>) {
    match point.arrears_since {
        None => found.push(Objection::NoArrears),
        Some(since) => {
            if cut.since(since) <= point.terms.arrears_least {
                found.push(Objection::ArrearsTooYoung);
            }
            let reminds = |notice: &Notice| {
                notice.kind == NoticeKind::Reminder && (since..cut).contains(&notice.given_at)
            };
            if !point.notices.iter().any(reminds) {
                found.push(Objection::NoReminder);
            }
        }
    }
    if point.has_paid {
        found.push(Objection::Paid);
    }
}

/// How old a notice must be and may be.
struct Age {
    least: Duration,
    most: Duration,
    missing: Objection,
    young: Objection,
    old: Objection,
}

impl Age {
    /// Nothing when one notice is old enough at the first moment and not too old at the last; else what lacks least.
    fn judge<'a>(
        &self,
        notices: impl Iterator<Item = &'a Notice>,
        (first, last): (Moment, Moment),
    ) -> Option<Objection> {
        let mut found = Some(self.missing);
        for Notice { given_at, .. } in notices {
            let is_old_enough = *given_at <= first && first.since(*given_at) >= self.least;
            let is_young_enough = last.since(*given_at) <= self.most;
            match (is_old_enough, is_young_enough) {
                (true, true) => return None,
                (false, _) => found = Some(self.young),
                (true, false) if found == Some(self.missing) => found = Some(self.old),
                (true, false) => {}
            }
        }
        found
    }
}

/// True when `then` is not ahead of `now`, and at most so long ago.
fn is_within(then: Moment, now: Moment, most: Duration) -> bool {
    then <= now && now.since(then) <= most
}

/// How often a cut is tried under one approval (F47).
const MOST_ATTEMPTS: u32 = 2;
/// How many persons let an order pass a ceiling.
const APPROVERS_OVER_CEILING: usize = 2;
/// How long a window may be.
const LONGEST_WINDOW: Duration = Duration::from_secs(7 * 86_400);
/// How long somebody must have the role to approve.
const ROLE_LEAST: Duration = Duration::from_secs(86_400);

#[cfg(test)]
mod tests;
