//! What people type into forms: times as clocks here show them, exact decimals, lists of numbers; and how a page tells
//! why a form was not taken.
//!
//! A form that was refused is drawn again with what was typed, so that nothing is typed twice.

use std::time::Duration;

use axum::extract::Form;
use axum::extract::FromRequest;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};

use super::looking::inside;
use super::table::Asked;
use super::view::{Told, View};
use crate::config::Words;
use crate::domain::{Day, Moment};
use crate::http::{Problem, ProblemReason};

/// The fields of a form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Typed(pub Asked);

impl Typed {
    /// What was typed into a field; empty where it is not there.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.0.value(name).map_or("", str::trim)
    }

    /// The same, `None` where nothing was typed.
    #[must_use]
    pub fn some(&self, name: &str) -> Option<&str> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }

    /// The same without a blank cut off: a list that was pasted.
    #[must_use]
    pub fn whole(&self, name: &str) -> &str {
        self.0.value(name).unwrap_or_default()
    }

    /// A time that has to be there.
    ///
    /// # Errors
    /// [`Problem`] when it is none.
    pub fn moment(&self, name: &str) -> Result<Moment, Problem> {
        moment(self.text(name)).ok_or_else(|| {
            let en = "a time is written as 2026-11-29T09:00";
            Problem::unacceptable("instant", en, "时间须写作 2026-11-29T09:00")
        })
    }

    /// Where a form leads back to: a place of the console, or `usual`.
    pub fn back(&self, usual: &str) -> Redirect {
        Redirect::to(self.some("back").map_or(usual, inside))
    }
}

impl<S: Send + Sync> FromRequest<S> for Typed {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let fields = Form::<Vec<(String, String)>>::from_request(request, state).await;
        fields.map(|Form(fields)| Self(Asked(fields))).map_err(IntoResponse::into_response)
    }
}

/// `2026-11-29T09:00`, as a clock here shows it.
#[must_use]
pub fn moment(text: &str) -> Option<Moment> {
    let (day, time) = text.split_once('T')?;
    let day: Day = day.parse().ok()?;
    let (hours, minutes) = time.get(..5)?.split_once(':')?;
    let (hours, minutes): (u64, u64) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours < 24 && minutes < 60).then(|| day.start().plus(Duration::from_secs(hours * 3600 + minutes * 60)))
}

/// An instant as the field of a form writes it.
#[must_use]
pub fn as_field(at: Moment) -> String {
    let text = at.in_china().to_string();
    text.get(..16).map_or_else(String::new, |minute| minute.replace(' ', "T"))
}

/// Numbers apart by blanks, lines or commas, in their order. Of more than `most` there is one too many, so that whoever takes
/// them sees that they are not all.
#[must_use]
pub fn numbers(text: &str, most: usize) -> Vec<String> {
    let apart = [' ', ',', ';', '\t', '\r', '\n', '，', '；', '、'];
    text.split(apart).filter(|number| !number.is_empty()).take(most + 1).map(str::to_owned).collect()
}

/// A page that is drawn again with why a form was not taken; what is not its fault is passed on.
///
/// # Errors
/// The problem itself, when it is one of this machine.
pub fn refused(view: View, problem: Problem) -> Result<(View, StatusCode), Problem> {
    if !problem.status.is_client_error() {
        return Err(problem);
    }
    let status = problem.status;
    Ok((View { told: Some(told(&problem)), ..view }, status))
}

/// A problem with every reason, in words.
fn told(problem: &Problem) -> Told {
    // The place of a fault in a list begins with its line.
    let is_list = problem.code == "list_faulty";
    let said = |reason: &ProblemReason| {
        let of = reason.of.as_deref().unwrap_or_default();
        let (line, rest) = of.split_at(of.find(|sign: char| !sign.is_ascii_digit()).unwrap_or(of.len()));
        let (en, zh) = match (is_list, line) {
            (false, _) | (true, "") => (of.to_owned(), of.to_owned()),
            (true, line) => (format!("line {line}{rest}"), format!("第 {line} 行{rest}")),
        };
        let words = |of: String, detail: &str| format!("{of} {detail}").trim_start().to_owned();
        Words::new(words(en, &reason.detail), words(zh, &reason.detail_zh))
    };
    let reasons = problem.reasons.iter().map(said).collect();
    Told { is_good: false, words: problem.words.clone(), reasons }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_as_clocks_here_show_it_and_written_so() {
        let nine = moment("2026-11-29T09:00").unwrap();
        assert_eq!(nine.in_china().to_string(), "2026-11-29 09:00:00");
        assert_eq!(as_field(nine), "2026-11-29T09:00");
        for odd in
            ["", "2026-11-29", "2026-11-29T", "2026-13-01T00:00", "2026-11-29T24:00", "2026-11-29T9:00"]
        {
            assert_eq!(moment(odd), None, "{odd}");
        }
    }

    #[test]
    fn numbers_are_taken_apart() {
        assert_eq!(numbers(" P1, P2\r\nP1；P3、 ", 10), ["P1", "P2", "P1", "P3"]);
        assert_eq!(numbers("a b c d", 2), ["a", "b", "c"], "one tells that there are more");
        assert!(numbers(" ,\n", 9).is_empty());
    }

    #[test]
    fn a_refusal_names_every_reason_and_a_failure_of_ours_is_none() {
        use crate::domain::access::Role;
        use crate::http::console::view;
        use crate::http::console::words::Language;
        let reason = |code: &str, of: Option<&str>| ProblemReason {
            code: code.to_owned(),
            of: of.map(str::to_owned),
            detail: "is missing".to_owned(),
            detail_zh: "缺失".to_owned(),
        };
        let problem = Problem::not_there().because(vec![reason("a", Some("P1")), reason("b", None)]);
        let view = view::sample(Language::English, Role::Operator);
        let (again, status) = refused(view.clone(), problem).unwrap();
        let told = again.told.unwrap();
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert_eq!(told.words, Problem::not_there().words);
        let of = |told: &Told| told.reasons.iter().map(|reason| reason.zh.clone()).collect::<Vec<_>>();
        assert_eq!(of(&told), ["P1 缺失", "缺失"]);
        // The line of a list is named as such, and so is what has none.
        let places = [Some("12 point = x"), Some("point"), None];
        let faults = places.iter().map(|of| reason("c", *of)).collect();
        let list = Problem::unacceptable("list_faulty", "x", "x").because(faults);
        let told = refused(view.clone(), list).unwrap().0.told.unwrap();
        assert_eq!(of(&told), ["第 12 行 point = x 缺失", "point 缺失", "缺失"]);
        assert_eq!(told.reasons[0].en, "line 12 point = x is missing");
        assert!(refused(view, Problem::internal()).is_err());
    }
}
