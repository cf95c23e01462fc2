//! Handlers of the console: they read what an address asks for, load it with one or two calls, and have a page drawn.

mod collection;
mod meter;
mod order_steps;
mod orders;
mod reads;

use std::convert::Infallible;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use axum::http::{StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use maud::Markup;

use super::layout;
use super::table::Asked;
use super::view::View;
use super::words::{Phrase, inert};
use crate::domain::access::Action;
use crate::domain::{AuditEntry, Day};
use crate::http::api::written::{LONGEST, words};
use crate::http::routes::{Routes, Rule};
use crate::http::{Problem, Services};

/// Every page and form.
pub(super) fn routes() -> Routes {
    Routes::default()
        .page("/", Action::SeeStatus, collection::night)
        .form("/again", Action::ReadOnDemand, collection::again)
        .page("/meters", Action::SeeStatus, meter::meters)
        .page("/meters/{address}", Action::SeeStatus, meter::meter)
        .form("/meters/{address}/clock", Action::SetClock, meter::clock)
        .form("/meters/{address}/freeze", Action::SetClock, meter::freeze)
        .page("/meters/{address}/fetches/{fetch}", Action::SeeCustomers, meter::fetch)
        .page("/billing", Action::SeePushes, collection::billing)
        .page("/lines", Action::SeeStatus, collection::lines)
        .page("/events", Action::SeeCustomers, collection::events)
        .page("/loss", Action::SeeCustomers, collection::loss)
        .page("/reads", Action::ReadOnDemand, reads::reads)
        .form("/reads", Action::ReadOnDemand, reads::begin)
        .page("/reads/{job}", Action::ReadOnDemand, reads::read)
        .form("/reads/{job}/cancel", Action::ReadOnDemand, reads::cancel)
        .page("/orders", Action::SeeCustomers, orders::orders)
        .page("/overdue", Action::SeeCustomers, orders::overdue)
        .page("/cuts", Action::SeeCustomers, orders::cuts)
        .page("/orders/new", ORDER, orders::new)
        .form("/orders", ORDER, orders::ask)
        .page("/orders/{order}", Action::SeeCustomers, orders::order)
        .page("/orders/{order}/paper/{paper}", Action::SeeCustomers, orders::paper)
        .page("/orders/{order}/edit", ORDER, order_steps::edit)
        .form("/orders/{order}/edit", ORDER, order_steps::save)
        .form("/orders/{order}/submit", ORDER, order_steps::submit)
        .form("/orders/{order}/withdraw", Action::ApproveCut, order_steps::withdraw)
        .form("/orders/{order}/finish", CANCEL, order_steps::finish)
        .form("/orders/{order}/report", Action::RequestCut, order_steps::report)
        .form("/orders/{order}/approve", Action::ApproveCut, orders::approve)
        .form("/orders/{order}/cancel", CANCEL, orders::cancel)
        .form("/stop", Action::PressStop, orders::stop)
        .form("/stop/lift", Action::LiftStop, orders::lift)
        .form("/stop/acknowledge", Action::AcknowledgeLoss, orders::acknowledge)
}

impl<S: Sync> FromRequestParts<S> for Asked {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(asked_of(&parts.uri))
    }
}

/// What an address says behind its `?`; nothing where that cannot be read.
fn asked_of(uri: &Uri) -> Asked {
    Query::try_from_uri(uri).map_or_else(|_| Asked::default(), |Query(pairs)| Asked(pairs))
}

/// A page, or the file of one of its tables. A file is taken with a reason, and that it was is entered in the audit log with it
/// (T23, T27).
pub(super) async fn answer(
    services: &Services,
    view: &View,
    title: Phrase,
    drawn: (Markup, Option<String>),
) -> Result<Response, Problem> {
    answer_titled(services, view, title.of(view.look.language), drawn).await
}

/// The same of one thing among many, by whose name its page is told from others.
pub(super) async fn answer_of(
    services: &Services,
    view: &View,
    (title, name): (Phrase, &str),
    drawn: (Markup, Option<String>),
) -> Result<Response, Problem> {
    let title = format!("{} {}", title.of(view.look.language), inert(name));
    answer_titled(services, view, &title, drawn).await
}

async fn answer_titled(
    services: &Services,
    view: &View,
    title: &str,
    (content, file): (Markup, Option<String>),
) -> Result<Response, Problem> {
    let Some(file) = file else {
        return Ok(Html(layout::titled(view, title, &content).into_string()).into_response());
    };
    let asked = view.here.parse().map(|here| asked_of(&here)).unwrap_or_default();
    let reason = words(asked.value("reason").unwrap_or_default(), LONGEST)?;
    if reason.is_empty() {
        let en = "a file is taken with a reason: go back and say what it is for";
        return Err(Problem::unacceptable("reason_missing", en, "导出文件须注明原因，请返回填写"));
    }
    if let Some(acting) = &view.acting {
        let page = view.here.split('?').next().unwrap_or_default();
        let path: String = format!("{page}{}", asked.link(&[("reason", None)])).chars().take(200).collect();
        let detail = serde_json::json!({ "reason": reason }).to_string();
        let entry = AuditEntry::by(acting, view.now, "export.csv", path).saying(detail);
        services.store.audit(&entry).await?;
    }
    let named = format!("attachment; filename=\"{}\"", file_name(view));
    let headers =
        [(header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()), (header::CONTENT_DISPOSITION, named)];
    Ok((headers, file).into_response())
}

/// What a file of a table is called: by its page, the table, and the day it is of or was taken.
fn file_name(view: &View) -> String {
    let (path, asked) = view.here.split_once('?').unwrap_or((&view.here, ""));
    let value = |name: &str| {
        let mut pairs = asked.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(known, _)| *known == name).map(|(_, value)| value)
    };
    let day = value("day").and_then(|day| day.parse::<Day>().ok()).unwrap_or_else(|| Day::of(view.now));
    let is_plain = |part: &&str| {
        !part.is_empty()
            && part.len() <= 40
            && part.bytes().all(|sign| sign.is_ascii_alphanumeric() || sign == b'-')
    };
    let table = value("csv").filter(|table| *table != "all");
    let parts: Vec<&str> = path.split('/').chain(value("part")).chain(table).filter(is_plain).collect();
    let of = if parts.is_empty() { "night".to_owned() } else { parts.join("-") };
    format!("chaobiao-{of}-{day}.csv")
}

/// A page that tells why a form was not taken.
pub(super) fn answer_as(status: StatusCode, view: &View, title: Phrase, content: &Markup) -> Response {
    (status, Html(layout::page(view, title, content).into_string())).into_response()
}

/// Whoever may ask for an order of some kind; which kinds is decided with the order.
const ORDER: Rule = Rule::MayOneOf(&[Action::RequestCut, Action::Restore, Action::CloseDirectly]);

/// Whoever may ask for it or approve it.
const CANCEL: Rule =
    Rule::MayOneOf(&[Action::RequestCut, Action::Restore, Action::CloseDirectly, Action::ApproveCut]);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::access::Role;
    use crate::http::console::view;
    use crate::http::console::words::Language;

    #[test]
    fn a_file_says_what_it_is_of() {
        let named = |here: &str| {
            file_name(&View { here: here.to_owned(), ..view::sample(Language::Chinese, Role::Operator) })
        };
        assert_eq!(named("/billing?day=2026-11-27&csv=all"), "chaobiao-billing-2026-11-27.csv");
        assert_eq!(named("/?csv=missing"), "chaobiao-missing-2026-11-28.csv");
        assert_eq!(
            named("/meters/202411110001?part=registers&csv=all"),
            "chaobiao-meters-202411110001-registers-2026-11-28.csv"
        );
        assert_eq!(named("/x%22y/..?csv=%0d"), "chaobiao-night-2026-11-28.csv");
    }
}
