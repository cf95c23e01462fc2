//! Orders on a terminal and as JSON.

use std::io::Write;

use serde::Serialize;

use crate::cli::{CliError, write_json};
use crate::domain::Coded;
use crate::domain::supply::words_of;
use crate::store::supply::{OrderRecord, OrderView, PointRecord};
use crate::supply::due_words;

#[derive(Serialize)]
struct Listed {
    id: i64,
    kind: &'static str,
    reason: &'static str,
    state: &'static str,
    points: usize,
    is_quarantined: bool,
    is_flagged: bool,
    requested_by: String,
    created_at: String,
    window_from: String,
    window_until: String,
}

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    order: Listed,
    text: String,
    hash: String,
    points_of_order: Vec<Point>,
    approvals: Vec<Approval>,
    attempts: Vec<Attempt>,
}

#[derive(Serialize)]
struct Point {
    number: String,
    meter_address: String,
    customer_number: String,
    state: &'static str,
    since: String,
    due_at: Option<String>,
    due: Option<String>,
    due_zh: Option<String>,
    proof: String,
    objections: String,
}

#[derive(Serialize)]
struct Approval {
    by: String,
    at: String,
    ended_at: Option<String>,
}

#[derive(Serialize)]
struct Attempt {
    number: i64,
    intent_at: String,
    outcome: Option<&'static str>,
    detail: String,
}

impl Listed {
    fn of(order: &OrderRecord) -> Self {
        let content = &order.content;
        Self {
            id: order.id.number(),
            kind: content.kind.name(),
            reason: content.reason.name(),
            state: order.state.name(),
            points: content.points.len(),
            is_quarantined: order.is_quarantined,
            is_flagged: order.is_flagged,
            requested_by: order.requested_by.clone(),
            created_at: order.created_at.to_string(),
            window_from: content.window.from.to_string(),
            window_until: content.window.until.to_string(),
        }
    }
}

impl Shown {
    fn of(view: &OrderView) -> Self {
        let content = &view.order.content;
        let due = |point: &PointRecord| due_words(content.kind, point.state, point.due_at, content.window);
        let points = view.points.iter().map(|point| Point {
            due_at: due(point).map(|_| point.due_at.to_string()),
            due: due(point).map(|words| words.en),
            due_zh: due(point).map(|words| words.zh),
            number: point.number.clone(),
            meter_address: point.address.clone(),
            customer_number: point.customer.0.clone(),
            state: point.state.name(),
            since: point.changed_at.to_string(),
            proof: point.proof.clone(),
            objections: words_of(&point.objections),
        });
        let approvals = view.approvals.iter().map(|approval| Approval {
            by: approval.name.clone(),
            at: approval.at.to_string(),
            ended_at: approval.ended.as_ref().map(|(at, _)| at.to_string()),
        });
        let attempts = view.attempts.iter().map(|attempt| Attempt {
            number: attempt.number,
            intent_at: attempt.intent_at.to_string(),
            outcome: attempt.outcome.map(Coded::name),
            detail: attempt.detail.clone(),
        });
        Self {
            order: Listed::of(&view.order),
            text: view.order.content.text.clone(),
            hash: view.hash.to_string(),
            points_of_order: points.collect(),
            approvals: approvals.collect(),
            attempts: attempts.collect(),
        }
    }
}

pub(super) fn list(out: &mut impl Write, orders: &[OrderRecord], json: bool) -> Result<(), CliError> {
    for order in orders {
        if json {
            write_json(out, &Listed::of(order))?;
            continue;
        }
        let content = &order.content;
        let marks = [
            (order.is_quarantined, "超限"),
            (order.is_flagged, "有剔除"),
            (order.has_stopped_itself, "自停"),
            (order.is_taken_back, "已取消"),
        ];
        let marks: Vec<_> = marks.iter().filter_map(|(is_so, mark)| is_so.then_some(*mark)).collect();
        writeln!(
            out,
            "{}  {}  {} {}  {}  {}  {}  {}",
            order.id,
            order.created_at.in_china(),
            content.kind.name(),
            content.kind.zh(),
            content.points.len(),
            order.state.name(),
            order.state.zh(),
            marks.join(" ")
        )?;
    }
    Ok(())
}

pub(super) fn one(out: &mut impl Write, view: &OrderView, json: bool) -> Result<(), CliError> {
    if json {
        return write_json(out, &Shown::of(view));
    }
    let content = &view.order.content;
    writeln!(
        out,
        "order {}  {} {}  {} {}  {} {}",
        view.order.id,
        content.kind.name(),
        content.kind.zh(),
        content.reason.name(),
        content.reason.zh(),
        view.order.state.name(),
        view.order.state.zh()
    )?;
    writeln!(out, "  {} .. {}", content.window.from.in_china(), content.window.until.in_china())?;
    for point in &view.points {
        writeln!(
            out,
            "  {}  {}  {} {}  {}  {}",
            point.number,
            point.address,
            point.state.name(),
            point.state.zh(),
            point.changed_at.in_china(),
            point.proof
        )?;
        if let Some(due) = due_words(content.kind, point.state, point.due_at, content.window) {
            writeln!(out, "    {}  {}", due.en, due.zh)?;
        }
        for objection in &point.objections {
            writeln!(out, "    {}  {}", objection.en(), objection.zh())?;
        }
    }
    for approval in &view.approvals {
        let ended = if approval.ended.is_some() { "  void  已失效" } else { "" };
        writeln!(out, "  approved by {}  审批  {}{ended}", approval.name, approval.at.in_china())?;
    }
    for attempt in &view.attempts {
        let outcome = attempt.outcome.map_or("not known", Coded::name);
        writeln!(out, "  sent  下发  {}  {outcome} {}", attempt.intent_at.in_china(), attempt.detail)?;
    }
    Ok(())
}
