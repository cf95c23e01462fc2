//! When something is done about a point of an order next, in words.

use crate::config::Words;
use crate::domain::Moment;
use crate::domain::supply::{Objection, OrderKind, OrderState, Window};

/// When the frame leaves, or why that is not known yet; `None` where nothing is to be sent any more. Cuts leave at a moment
/// drawn from their window, so that not all of them fall together (F51). While something stands against it nothing leaves at
/// any moment that could be named: it is said what it waits for, and when that is looked at again (I13).
#[must_use]
pub fn due_words(
    kind: OrderKind,
    (state, objections): (OrderState, &[Objection]),
    due_at: Moment,
    window: Window,
) -> Option<Words> {
    let at = due_at.in_china();
    match state {
        OrderState::Approved | OrderState::Armed if !objections.is_empty() => {
            let said = |words: fn(Objection) -> &'static str, between| {
                objections.iter().map(|objection| words(*objection)).collect::<Vec<_>>().join(between)
            };
            let (en, zh) = (said(Objection::en, "; "), said(Objection::zh, "；"));
            Some(Words::new(
                format!("not sent now: {en}; looked at again {at}"),
                format!("暂不下发：{zh}；{at} 再次核查"),
            ))
        }
        OrderState::Approved if kind.is_cut_class() => {
            let opens = window.from.in_china();
            Some(Words::new(
                format!("from {opens} on, at a moment drawn within the window"),
                format!("{opens} 起，在执行时段内随机抽定时刻"),
            ))
        }
        OrderState::Armed if kind.is_cut_class() => Some(Words::new(
            format!("due {at}, drawn within the window"),
            format!("定于 {at} 下发（执行时段内随机抽定）"),
        )),
        OrderState::Approved | OrderState::Armed => {
            Some(Words::new(format!("due {at}"), format!("定于 {at} 下发")))
        }
        OrderState::Sending | OrderState::Accepted | OrderState::Unknown => {
            Some(Words::new(format!("looked at {at}"), format!("{at} 读取结果")))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn f51_an_approved_cut_says_that_its_moment_is_drawn_and_an_armed_one_when_it_is() {
        let start = "2026-11-28".parse::<crate::domain::Day>().unwrap().start();
        let hours = |hours: u64| start.plus(Duration::from_secs(hours * 3600));
        let window = Window { from: hours(9), until: hours(18) };
        let due = start.plus(Duration::from_secs(17 * 3600 + 720));
        let zh = |kind, state| due_words(kind, (state, &[]), due, window).map(|words| words.zh);
        let told = |kind, state| zh(kind, state).unwrap_or_default();
        assert_eq!(
            told(OrderKind::Cut, OrderState::Approved),
            "2026-11-28 09:00:00 起，在执行时段内随机抽定时刻"
        );
        assert_eq!(
            told(OrderKind::Cut, OrderState::Armed),
            "定于 2026-11-28 17:12:00 下发（执行时段内随机抽定）"
        );
        assert_eq!(told(OrderKind::ClosePermit, OrderState::Approved), "定于 2026-11-28 17:12:00 下发");
        assert!(told(OrderKind::Cut, OrderState::Accepted).contains("读取结果"));
        for state in
            [OrderState::Submitted, OrderState::VerifiedOpen, OrderState::Cancelled, OrderState::Draft]
        {
            assert_eq!(zh(OrderKind::Cut, state), None, "{state:?}");
        }
        let en = due_words(OrderKind::Cut, (OrderState::Armed, &[]), due, window).map(|words| words.en);
        assert_eq!(en.as_deref(), Some("due 2026-11-28 17:12:00, drawn within the window"));
    }

    #[test]
    fn i13_what_something_stands_against_names_no_moment_at_which_it_leaves() {
        let at = "2026-11-28".parse::<crate::domain::Day>().unwrap().start();
        let window = Window { from: at, until: at.plus(Duration::from_secs(3600)) };
        let objections = [Objection::Stopped, Objection::NoCutDay];
        for kind in [OrderKind::Cut, OrderKind::ClosePermit] {
            for state in [OrderState::Approved, OrderState::Armed] {
                let words = due_words(kind, (state, &objections), at, window).unwrap();
                let (stopped, day) = (Objection::Stopped.zh(), Objection::NoCutDay.zh());
                let zh = format!("暂不下发：{stopped}；{day}；2026-11-28 00:00:00 再次核查");
                assert_eq!(words.zh, zh);
                assert!(words.en.starts_with("not sent now: ") && !words.en.contains("due"), "{}", words.en);
            }
        }
        let sent = due_words(OrderKind::Cut, (OrderState::Accepted, &objections), at, window).unwrap();
        assert!(sent.zh.contains("读取结果"), "what has left is looked at whatever stands against it now");
    }
}
