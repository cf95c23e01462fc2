//! Supply orders as the API shows them: how they stand, how and when that is known, and who did what.

use serde::Serialize;
use utoipa::ToSchema;

use super::objected::reason;
use crate::domain::supply::{CeilingUse, OrderContent};
use crate::domain::{Coded, Id, MeteringPoint};
use crate::http::ProblemReason;
use crate::store::AuditRecord;
use crate::store::supply::{AttemptRecord, Excess, OrderRecord, OrderView, PointRecord};
use crate::supply::{due_words, proof_words};

/// An order in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OrderShown {
    /// Its number, of nineteen digits.
    id: String,
    /// What is ordered: cut, close_permit, direct_close, alarm_on, alarm_off, hold_on, hold_off.
    kind: String,
    /// The same in Chinese.
    kind_zh: String,
    /// Why.
    reason: String,
    /// The same in Chinese.
    reason_zh: String,
    /// Why, in words.
    text: String,
    /// From when on it may be carried out, RFC 3339.
    from: String,
    /// Until when, RFC 3339.
    until: String,
    /// How it stands as a whole: as the one of its points that is least far.
    state: String,
    /// The same in Chinese.
    state_zh: String,
    /// How many points it has.
    point_count: usize,
    /// Above a ceiling: it needs a second approver.
    is_quarantined: bool,
    /// A point was refused or taken out.
    is_flagged: bool,
    /// Too much ended otherwise than expected, and the rest is held back.
    has_stopped_itself: bool,
    /// It was taken back while something of it was under way: nothing more of it is sent.
    is_taken_back: bool,
    /// The account that wrote it.
    requested_by: String,
    /// When it was written, RFC 3339.
    created_at: String,
    /// When it was handed in, RFC 3339.
    submitted_at: Option<String>,
}

/// An order with all that belongs to it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OrderDetail {
    #[serde(flatten)]
    order: OrderShown,
    /// What whoever approves it approves; with what is in `over` the ETag.
    hash: String,
    /// How many approvers it takes.
    approvers_needed: u8,
    /// The ceilings that it is above as long as it may be approved; whoever approves it lets it pass them as they are shown.
    over: Vec<CeilingShown>,
    points: Vec<OrderPointShown>,
    approvals: Vec<ApprovalShown>,
    attempts: Vec<AttemptShown>,
    /// What its customers were told.
    notices: Vec<NoticeShown>,
    /// Who did what, the oldest first.
    steps: Vec<StepShown>,
}

/// A ceiling that an order is above.
#[derive(Debug, Serialize, ToSchema)]
struct CeilingShown {
    /// Which: over_order_ceiling, over_hour_ceiling, over_day_ceiling, over_area_ceiling or over_total_ceiling.
    ceiling: String,
    /// The same in Chinese.
    ceiling_zh: String,
    /// Name of the transformer area, where it is one of areas.
    area: Option<String>,
    /// How many points count for it, those of the order among them.
    used: u64,
    /// How many it allows.
    most: u64,
}

/// A point of an order.
#[derive(Debug, Serialize, ToSchema)]
struct OrderPointShown {
    /// Its number.
    point: String,
    /// Address of the meter.
    meter: String,
    /// Number of the customer.
    customer: String,
    /// Name of the customer.
    customer_name: String,
    /// How it stands. `accepted` is not proof that it was done; `unknown` may have been done or not.
    state: String,
    /// The same in Chinese.
    state_zh: String,
    /// Since when it is known to stand so, RFC 3339.
    since: String,
    /// How it is known.
    known_by: Option<ProblemReason>,
    /// What last stood against it.
    objections: Vec<ProblemReason>,
    /// When something is done about it next, RFC 3339; `null` when it has ended.
    next_at: Option<String>,
    /// What is done then: when the frame leaves, or that its moment is still to be drawn from the window.
    due: Option<String>,
    /// The same in Chinese.
    due_zh: Option<String>,
}

/// An approval.
#[derive(Debug, Serialize, ToSchema)]
struct ApprovalShown {
    /// The account.
    by: String,
    /// When, RFC 3339.
    at: String,
    /// When it was withdrawn or became void, RFC 3339.
    ended_at: Option<String>,
    /// By whom.
    ended_by: Option<String>,
}

/// One try to have a meter do it.
#[derive(Debug, Serialize, ToSchema)]
struct AttemptShown {
    /// Its number, of nineteen digits.
    id: String,
    /// Number of the point.
    point: String,
    /// The how manieth for this point.
    number: i64,
    /// When it was decided to send, before the first byte left, RFC 3339.
    intent_at: String,
    /// Until when the meter may obey it, RFC 3339.
    expires_at: String,
    /// accepted, refused, not_sent or unknown; `null` while it is being sent.
    outcome: Option<String>,
    /// Since when that is known, RFC 3339.
    told_at: Option<String>,
    /// What more is known, in short.
    detail: String,
    /// What the meter said before: identity, register, load and status, as JSON.
    #[schema(value_type = Object)]
    before: serde_json::Value,
}

/// A notice that was given.
#[derive(Debug, Serialize, ToSchema)]
struct NoticeShown {
    /// Number of the point.
    point: String,
    /// reminder, cut or second.
    kind: String,
    /// When it reached the customer, RFC 3339.
    given_at: String,
    /// How.
    how: String,
    /// Who gave it.
    given_by: String,
}

/// Something that was done about an order.
#[derive(Debug, Serialize, ToSchema)]
struct StepShown {
    /// When, RFC 3339.
    at: String,
    /// The account, or the program itself.
    by: String,
    /// What, as the audit log calls it.
    action: String,
    /// Of what.
    object: String,
    /// What came of it.
    result: String,
}

/// An order in a list.
pub(crate) fn shown(order: &OrderRecord) -> OrderShown {
    let content = &order.content;
    OrderShown {
        id: order.id.to_string(),
        kind: content.kind.name().to_owned(),
        kind_zh: content.kind.zh().to_owned(),
        reason: content.reason.name().to_owned(),
        reason_zh: content.reason.zh().to_owned(),
        text: content.text.clone(),
        from: content.window.from.to_string(),
        until: content.window.until.to_string(),
        state: order.state.name().to_owned(),
        state_zh: order.state.zh().to_owned(),
        point_count: content.points.len(),
        is_quarantined: order.is_quarantined,
        is_flagged: order.is_flagged,
        has_stopped_itself: order.has_stopped_itself,
        is_taken_back: order.is_taken_back,
        requested_by: order.requested_by.clone(),
        created_at: order.created_at.to_string(),
        submitted_at: order.submitted_at.map(|at| at.to_string()),
    }
}

/// An order with all that belongs to it, the ceilings that it is above, and its steps, of which the newest comes first.
pub(crate) fn detail(view: &OrderView, over: &[Excess], steps: &[AuditRecord]) -> OrderDetail {
    let number = |point: Id<MeteringPoint>| {
        let of = view.points.iter().find(|known| known.ordered.point == point);
        of.map(|known| known.number.clone()).unwrap_or_default()
    };
    let approvals = view.approvals.iter().map(|approval| ApprovalShown {
        by: approval.name.clone(),
        at: approval.at.to_string(),
        ended_at: approval.ended.as_ref().map(|(at, _)| at.to_string()),
        ended_by: approval.ended.as_ref().map(|(_, by)| by.clone()),
    });
    let notices = view.notices.iter().map(|notice| NoticeShown {
        point: number(notice.point),
        kind: notice.kind.name().to_owned(),
        given_at: notice.given_at.to_string(),
        how: notice.how.clone(),
        given_by: notice.given_by.clone(),
    });
    let steps = steps.iter().rev().map(|step| StepShown {
        at: step.at.to_string(),
        by: step.actor.clone(),
        action: step.action.clone(),
        object: step.object.clone(),
        result: step.result.clone(),
    });
    OrderDetail {
        order: shown(&view.order),
        hash: view.hash.to_string(),
        approvers_needed: u8::try_from(view.order.approvers_needed()).unwrap_or(u8::MAX),
        over: over.iter().map(ceiling).collect(),
        points: view.points.iter().map(|known| point(known, &view.order.content)).collect(),
        approvals: approvals.collect(),
        attempts: view.attempts.iter().map(|tried| attempt(tried, number(tried.point))).collect(),
        notices: notices.collect(),
        steps: steps.collect(),
    }
}

fn ceiling((CeilingUse { ceiling, used, most, .. }, area): &Excess) -> CeilingShown {
    CeilingShown {
        ceiling: ceiling.name().to_owned(),
        ceiling_zh: ceiling.zh().to_owned(),
        area: (!area.is_empty()).then(|| area.clone()),
        used: *used,
        most: *most,
    }
}

fn point(record: &PointRecord, content: &OrderContent) -> OrderPointShown {
    let due = due_words(content.kind, (record.state, &record.objections), record.due_at, content.window);
    let (due, due_zh) = due.map(|words| (words.en, words.zh)).unzip();
    let known_by = proof_words(&record.proof).map(|(en, zh)| ProblemReason {
        code: record.proof.clone(),
        of: None,
        detail: en.to_owned(),
        detail_zh: zh.to_owned(),
    });
    OrderPointShown {
        point: record.number.clone(),
        meter: record.address.clone(),
        customer: record.customer.0.clone(),
        customer_name: record.customer.1.clone(),
        state: record.state.name().to_owned(),
        state_zh: record.state.zh().to_owned(),
        since: record.changed_at.to_string(),
        known_by,
        objections: record.objections.iter().map(|objection| reason(*objection, None)).collect(),
        due,
        due_zh,
        next_at: (!record.state.has_ended()).then(|| record.due_at.to_string()),
    }
}

fn attempt(record: &AttemptRecord, point: String) -> AttemptShown {
    AttemptShown {
        id: record.id.to_string(),
        point,
        number: record.number,
        intent_at: record.intent_at.to_string(),
        expires_at: record.expires_at.to_string(),
        outcome: record.outcome.map(|outcome| outcome.name().to_owned()),
        told_at: record.told_at.map(|at| at.to_string()),
        detail: record.detail.clone(),
        before: serde_json::from_str(&record.before.told).unwrap_or_default(),
    }
}
