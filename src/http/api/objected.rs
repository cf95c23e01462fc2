//! What stands against a supply order, as a problem: every objection with its code and its words.

use axum::http::StatusCode;

use crate::config::Words;
use crate::domain::Coded;
use crate::domain::supply::{CeilingUse, Objection};
use crate::http::{Problem, ProblemReason, Services};
use crate::store::supply::{Objected, PointObjections, SupplyError};
use crate::supply::Supply;

/// Supply orders, where there are lines to carry them out on.
pub(in crate::http) fn supply(services: &Services) -> Result<&Supply, Problem> {
    services.supply.as_ref().ok_or_else(|| {
        let en = "this process has no lines and carries no orders out";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no_lines", en, "本进程未接线路，不能执行停复电")
    })
}

/// An objection against a point with this number, or against the whole.
pub(crate) fn reason(objection: Objection, of: Option<&str>) -> ProblemReason {
    ProblemReason {
        code: objection.name().to_owned(),
        of: of.map(str::to_owned),
        detail: objection.en().to_owned(),
        detail_zh: objection.zh().to_owned(),
    }
}

/// The objections against points, each with the number of its point.
pub(super) fn reasons_of(points: &[PointObjections]) -> Vec<ProblemReason> {
    let of_point = |point: &PointObjections| {
        let number = point.number.clone();
        point.objections.iter().map(move |objection| reason(*objection, Some(&number))).collect::<Vec<_>>()
    };
    points.iter().flat_map(of_point).collect()
}

/// All that stands against an order: against the whole, then against its points.
pub(crate) fn reasons_against(objected: &Objected) -> Vec<ProblemReason> {
    let mut reasons: Vec<_> = objected.order.iter().map(|objection| reason(*objection, None)).collect();
    reasons.extend(objected.over.iter().map(exceeded));
    reasons.extend(reasons_of(&objected.points));
    reasons
}

/// By how much it is above a ceiling.
pub(in crate::http) fn exceeded(over: &CeilingUse) -> ProblemReason {
    let CeilingUse { ceiling, used, most, .. } = over;
    let said = reason(*ceiling, None);
    ProblemReason {
        detail: format!("{}: {used} of {most}", said.detail),
        detail_zh: format!("{}：{used} / {most} 户", said.detail_zh),
        ..said
    }
}

/// There are no points or customers with these numbers, or none that whoever asks may see.
pub(super) fn unknown_numbers(numbers: &[&str]) -> Problem {
    let reasons = numbers.iter().map(|number| reason(Objection::NotThere, Some(number)));
    let words = Words::of(
        "these numbers are not there, or not for this account; each is listed",
        "下列编号不存在或不在本账号范围内，逐一列出",
    );
    Problem { words, ..Problem::not_there() }.because(reasons.collect())
}

impl From<SupplyError> for Problem {
    fn from(error: SupplyError) -> Self {
        match error {
            SupplyError::Objected(objected) => refused(&objected),
            SupplyError::Store(error) => error.into(),
        }
    }
}

fn refused(objected: &Objected) -> Problem {
    let of_order = |objection| objected.order.contains(&objection);
    if of_order(Objection::NoRight) {
        return Problem::not_allowed();
    }
    if of_order(Objection::OtherRegion) {
        return Problem::not_there();
    }
    let reasons = reasons_against(objected);
    if of_order(Objection::OrderChanged) {
        return Problem::stale().because(reasons);
    }
    if of_order(Objection::ExcessNotShown) {
        let words = Words::of(Objection::ExcessNotShown.en(), Objection::ExcessNotShown.zh());
        return Problem { words, ..Problem::stale() }.because(reasons);
    }
    let status = if of_order(Objection::OwnOrder) || of_order(Objection::RoleTooNew) {
        StatusCode::FORBIDDEN
    } else if of_order(Objection::WrongState) || of_order(Objection::ApprovedBefore) {
        StatusCode::CONFLICT
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
    let en = "the rules stand against it; every reason is listed";
    Problem::new(status, "objected", en, "不符合停复电规则，原因逐条列出").because(reasons)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Id;

    fn problem(order: Vec<Objection>, points: Vec<Objection>) -> Problem {
        let points = match points.is_empty() {
            true => Vec::new(),
            false => vec![PointObjections { point: Id::new(1), number: "P1".to_owned(), objections: points }],
        };
        SupplyError::Objected(Objected { order, points, ..Objected::default() }).into()
    }

    #[test]
    fn f44_every_objection_is_told_with_its_code_its_point_and_both_languages() {
        let refused =
            problem(vec![Objection::NoCutDay], vec![Objection::NoticeMissing, Objection::Protected]);
        assert_eq!((refused.status, refused.code), (StatusCode::UNPROCESSABLE_ENTITY, "objected"));
        let told: Vec<_> =
            refused.reasons.iter().map(|reason| (reason.code.as_str(), reason.of.as_deref())).collect();
        assert_eq!(told, [("no_cut_day", None), ("notice_missing", Some("P1")), ("protected", Some("P1"))]);
        for reason in &refused.reasons {
            assert!(!reason.detail.is_empty() && !reason.detail_zh.is_ascii(), "{reason:?}");
        }
    }

    #[test]
    fn t16_what_is_elsewhere_is_not_there_and_what_is_not_allowed_says_no_more() {
        let elsewhere = problem(vec![Objection::OtherRegion], vec![]);
        assert_eq!((elsewhere.status, elsewhere.reasons.len()), (StatusCode::NOT_FOUND, 0));
        assert_eq!(problem(vec![Objection::NoRight], vec![]).code, "not_allowed");
        assert_eq!(problem(vec![Objection::OrderChanged], vec![]).status, StatusCode::PRECONDITION_FAILED);
        assert_eq!(problem(vec![Objection::ExcessNotShown], vec![]).code, "stale");
        assert_eq!(problem(vec![Objection::OwnOrder], vec![]).status, StatusCode::FORBIDDEN);
        assert_eq!(problem(vec![Objection::ApprovedBefore], vec![]).status, StatusCode::CONFLICT);
    }
}
