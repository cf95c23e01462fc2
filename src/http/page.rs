//! What is shown when something does not work: in the language of whoever asked, with the way on that every page has.

use maud::{Markup, html};

use super::console::layout;
use super::console::view::View;
use super::console::words::inert;
use super::problem::Problem;

/// A page that tells of a problem.
pub(super) fn problem(view: &View, problem: &Problem, request_id: &str) -> Markup {
    let language = view.look.language;
    let content = html! {
        @if !problem.reasons.is_empty() {
            ul { @for reason in problem.reasons.iter().take(MOST_REASONS) { li {
                @if let Some(of) = &reason.of { b { (inert(of)) } " " }
                (inert(language.of(&reason.detail_zh, &reason.detail)))
            } } }
        }
        p { a href=(view.here) { "◀ " (view.say("返回", "Back")) } " · "
            a href="/" { (view.say("首页", "First page")) } }
        p { small { (view.say("代码 ", "Code ")) code { (problem.code) } " · "
            (view.say("请求编号 ", "Request ")) code { (request_id) } } }
    };
    layout::titled(view, &inert(language.words(&problem.words)), &content)
}

/// So many reasons are listed.
const MOST_REASONS: usize = 50;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::access::Role;
    use crate::http::console::view;
    use crate::http::console::words::Language;

    #[test]
    fn a_problem_is_told_in_one_language_with_the_navigation() {
        let zh = view::sample(Language::Chinese, Role::Operator);
        let text = problem(&zh, &Problem::not_allowed(), "7").into_string();
        assert!(text.contains("当前账号无权进行此操作") && text.contains("href=\"/meters\""), "{text}");
        assert!(!text.contains("may not do this"), "{text}");
        let en = view::sample(Language::English, Role::Operator);
        let text = problem(&en, &Problem::not_allowed(), "7").into_string();
        assert!(text.contains("this account may not do this") && !text.contains("无权"), "{text}");
        let nobody = View { acting: None, ..en };
        assert!(!problem(&nobody, &Problem::not_there(), "7").into_string().contains("href=\"/meters\""));
    }

    #[test]
    fn t13_what_a_problem_quotes_is_inert() {
        let quoted = Problem::malformed("<b>\u{202e}", "<b>\u{202e}");
        let text = problem(&view::sample(Language::English, Role::Viewer), &quoted, "7").into_string();
        assert!(text.contains("&lt;b&gt;\u{fffd}") && !text.contains("<b>\u{202e}"), "{text}");
    }
}
