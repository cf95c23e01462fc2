//! What a meter or a terminal is told at once from its own page: the button, and where it leads.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use super::components::token;
use super::typed::refused;
use super::view::View;
use super::words::Phrase;
use crate::http::Problem;

/// What came of it.
pub(super) enum Ended {
    /// It was done: back to the page.
    Done(Response),
    /// It was not, and the page is to be drawn again with why.
    Not(Box<View>, StatusCode),
}

/// Leads back, or has the page drawn again.
///
/// # Errors
/// The problem itself, when it is one of this machine.
pub(super) fn ended<T>(done: Result<T, Problem>, view: View, back: &str) -> Result<Ended, Problem> {
    match done {
        Ok(_) => Ok(Ended::Done(Redirect::to(back).into_response())),
        Err(problem) => refused(view, problem).map(|(view, status)| Ended::Not(Box::new(view), status)),
    }
}

/// The form that has it done, with what it does.
pub(super) fn form(view: &View, action: &str, button: Phrase, hint: Phrase) -> Markup {
    let language = view.look.language;
    html! {
        form.pick.no-print method="post" action=(action) {
            (token(view))
            button { (button.of(language)) }
            p.hint { (hint.of(language)) }
        }
    }
}

/// The button that sets a clock.
pub(super) const SET_CLOCK: Phrase = Phrase::new("对时", "Set its clock");
