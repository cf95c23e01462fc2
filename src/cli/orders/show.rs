//! Orders on a terminal and as JSON.

use std::io::Write;

use crate::cli::{CliError, write_json};
use crate::domain::supply::CeilingUse;
use crate::domain::{Coded, detail_zh};
use crate::http::api::{order_shown, order_shown_whole};
use crate::store::AuditRecord;
use crate::store::supply::{AttemptOutcome, Excess, OrderRecord, OrderView};
use crate::supply::{due_words, proof_words};

pub(super) fn list(out: &mut impl Write, orders: &[OrderRecord], json: bool) -> Result<(), CliError> {
    for order in orders {
        if json {
            write_json(out, &order_shown(order))?;
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

/// An order with its points, approvals and attempts; as JSON with its steps, too, of which the newest comes first.
pub(super) fn one(
    out: &mut impl Write,
    (view, over): (&OrderView, &[Excess]),
    steps: &[AuditRecord],
    json: bool,
) -> Result<(), CliError> {
    if json {
        return write_json(out, &order_shown_whole(view, over, steps));
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
    for (CeilingUse { ceiling, used, most, .. }, area) in over {
        writeln!(out, "  {}  {}: {used} / {most}  {area}", ceiling.en(), ceiling.zh())?;
    }
    for point in &view.points {
        writeln!(
            out,
            "  {}  {}  {} {}  {}",
            point.number,
            point.address,
            point.state.name(),
            point.state.zh(),
            point.changed_at.in_china()
        )?;
        if let Some((en, zh)) = proof_words(&point.proof) {
            writeln!(out, "    {en}  {zh}")?;
        }
        if let Some(due) =
            due_words(content.kind, (point.state, &point.objections), point.due_at, content.window)
        {
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
        let (en, zh) = outcome_words(attempt.outcome);
        writeln!(out, "  sent  下发  {}  {en}  {zh}", attempt.intent_at.in_china())?;
        if !attempt.detail.is_empty() {
            writeln!(out, "    {}  {}", attempt.detail, detail_zh(&attempt.detail))?;
        }
    }
    Ok(())
}

const fn outcome_words(outcome: Option<AttemptOutcome>) -> (&'static str, &'static str) {
    match outcome {
        None => ("not known yet", "结果还不知道"),
        Some(AttemptOutcome::Accepted) => {
            ("accepted, not yet proof that it was done", "电表受理（尚不等于执行）")
        }
        Some(AttemptOutcome::Refused) => ("refused by the meter", "电表拒绝"),
        Some(AttemptOutcome::NotSent) => ("nothing left", "未发出"),
        Some(AttemptOutcome::Unknown) => ("unknown", "结果未知"),
    }
}
