//! Supply orders, and the stop of all cuts.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use maud::html;

use super::{answer, answer_as, answer_of};
use crate::domain::access::Action;
use crate::domain::supply::{HaltKind, OrderKind, Reason, Shown, Window};
use crate::domain::{Coded, Day, Id, Moment};
use crate::http::api::objected::exceeded;
use crate::http::api::order_drafts::may_be_drafted;
use crate::http::api::orders::excess;
use crate::http::api::written::{LONGEST, words};
use crate::http::auth::confirm_second_factor;
use crate::http::console::components::said;
use crate::http::console::cuts::{self, CutsPage};
use crate::http::console::layout;
use crate::http::console::orders::{self, OrderForm, OrderPage, OrdersPage, Paper, PaperPage, Refused};
use crate::http::console::overdue::{self, OverduePage};
use crate::http::console::settings;
use crate::http::console::table::{Asked, escaped};
use crate::http::console::typed::{moment, numbers, refused as again};
use crate::http::console::view::View;
use crate::http::orderable::cannot_be_ordered;
use crate::http::{Caller, Problem, Services, Topic};
use crate::store::supply::{NewOrder, OrderFilter, OrderView, Submitted, SupplyError};
use crate::supply::Supply;

/// The orders.
pub(super) async fn orders(
    State(services): State<Services>,
    caller: Caller,
    view: View,
    asked: Asked,
) -> Result<Response, Problem> {
    let page = listed(&services, &caller, asked).await?;
    answer(&services, &view, orders::TITLE, (page.markup(&view), page.file(&view))).await
}

async fn listed(services: &Services, caller: &Caller, asked: Asked) -> Result<OrdersPage, Problem> {
    let filter = OrderFilter { state: OrdersPage::state(&asked), point: None };
    let orders = services.store.supply_orders(&filter, &caller.acting.regions, i64::MAX, NEWEST).await?;
    let reports = services.store.emergency_reports_due(&caller.acting.regions).await?;
    let reports = reports.into_iter().map(|report| (report.order, report.due_at())).collect();
    Ok(OrdersPage { orders, halts: services.store.halts().await?, reports, asked })
}

/// Who is in arrears.
pub(super) async fn overdue(
    State(services): State<Services>,
    caller: Caller,
    view: View,
    asked: Asked,
) -> Result<Response, Problem> {
    let lines =
        services.store.overdue_lines(&caller.acting.regions, MOST_OVERDUE, services.clock.now()).await?;
    let page = OverduePage { lines, now: view.now, asked };
    answer(&services, &view, overdue::TITLE, (page.markup(&view), page.file(&view))).await
}

/// What was asked to be cut on a day.
pub(super) async fn cuts(
    State(services): State<Services>,
    caller: Caller,
    view: View,
    asked: Asked,
) -> Result<Response, Problem> {
    let day = asked.value("day").and_then(|text| text.parse().ok()).unwrap_or_else(|| Day::of(view.now));
    let asked_for = services.store.cuts_of_day(day, &caller.acting.regions).await?;
    let page = CutsPage { day, asked_for, asked };
    answer(&services, &view, cuts::TITLE, (page.markup(&view), page.file(&view))).await
}

/// One order.
pub(super) async fn order(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
    view: View,
    asked: Asked,
) -> Result<Response, Problem> {
    let left_out = orders::left_out(&view, asked.value(LEFT_OUT));
    let page = OrderPage { asked, ..page_of(&services, &caller, id).await? };
    let file = page.file(&view);
    let number = said(id);
    answer_of(
        &services,
        &view,
        (orders::TITLE_OF_ONE, &number),
        (html! { (left_out) (page.markup(&view)) }, file),
    )
    .await
}

/// A form of a station, to be printed.
pub(super) async fn paper(
    State(services): State<Services>,
    caller: Caller,
    Path((id, paper)): Path<(i64, String)>,
    view: View,
    asked: Asked,
) -> Result<Response, Problem> {
    let paper = Paper::of_key(&paper).ok_or_else(Problem::not_there)?;
    let order = load(&services, &caller, id).await?;
    let mut owed = Vec::new();
    if paper == Paper::Notice {
        owed = services.store.overdue_lines(&caller.acting.regions, MOST_OVERDUE, view.now).await?;
    }
    let mut restores = Vec::new();
    if paper == Paper::Record && order.order.content.kind == OrderKind::Cut {
        let mut known = HashMap::new();
        for (point, id) in services.store.restores_after(order.order.id).await? {
            if let Entry::Vacant(new) = known.entry(id) {
                new.insert(services.store.supply_order(id, &caller.acting.regions).await?);
            }
            restores.extend(known.get(&id).cloned().flatten().map(|back| (point, back)));
        }
    }
    let page = PaperPage { paper, order, owed, restores, asked };
    answer(&services, &view, paper.title(), (page.markup(&view), None)).await
}

/// The form of a new order.
pub(super) async fn new(
    State(services): State<Services>,
    caller: Caller,
    view: View,
    asked: Asked,
) -> Result<Response, Problem> {
    let usual = if view.may(Action::RequestCut) { OrderKind::Cut } else { OrderKind::ClosePermit };
    let kind = asked.value("kind").and_then(OrderKind::from_name).unwrap_or(usual);
    if !view.may(kind.action()) {
        return Err(Problem::not_allowed());
    }
    let tomorrow = Day::of(view.now).next();
    let points = asked.value("points").unwrap_or_default().to_owned();
    let form = OrderForm {
        kind,
        cannot: cannot_be_ordered(&services, &caller, &numbers(&points, MOST_POINTS), kind).await?,
        points,
        reason: asked.value("reason").and_then(Reason::from_name),
        text: String::new(),
        window: (format!("{tomorrow}T09:00"), format!("{tomorrow}T17:00")),
        of: None,
        refused: None,
    };
    Ok(Html(layout::page(&view, OrderForm::TITLE, &form.markup(&view)).into_string()).into_response())
}

/// Hands an order in.
pub(super) async fn ask(
    State(services): State<Services>,
    caller: Caller,
    view: View,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    let fields = Asked(fields);
    let mut form = form_of(&fields).ok_or_else(Problem::not_there)?;
    let refused = match written(&services, &caller, &form, view.now).await? {
        Err(refused) => refused,
        Ok((new, _)) if fields.value("then") == Some("draft") => {
            may_be_drafted(new.kind)?;
            match services.store.draft_order(&caller.acting, &new, view.now).await {
                Ok(id) => {
                    services.changes.tell(Topic::Order);
                    return Ok(Redirect::to(&format!("/orders/{id}")).into_response());
                }
                Err(SupplyError::Objected(objected)) => Refused::Objected(objected),
                Err(SupplyError::Store(error)) => return Err(error.into()),
            }
        }
        Ok((new, left_out)) => match supply(&services)?.ask(&caller.acting, &new).await {
            Ok(Submitted { id, .. }) => {
                services.changes.tell(Topic::Order);
                let named: Vec<_> = left_out.iter().take(MOST_NAMED).map(String::as_str).collect();
                let said = match named.as_slice() {
                    [] => String::new(),
                    named => Asked::default().link(&[(LEFT_OUT, Some(&named.join(", ")))]),
                };
                return Ok(Redirect::to(&format!("/orders/{id}{said}")).into_response());
            }
            Err(SupplyError::Objected(objected)) => Refused::Objected(objected),
            Err(SupplyError::Store(error)) => return Err(error.into()),
        },
    };
    form.refused = Some(refused);
    // Whoever changes the look comes back to a form, and not to the list.
    let mut here = format!("/orders/new?kind={}", form.kind.name());
    if form.points.len() <= SHORT_LIST {
        here.push_str(&format!("&points={}", escaped(&form.points)));
    }
    let view = View { here, ..view };
    let page = layout::page(&view, OrderForm::TITLE, &form.markup(&view)).into_string();
    Ok((StatusCode::UNPROCESSABLE_ENTITY, Html(page)).into_response())
}

/// Approves an order exactly as it was seen, with the second factor of whoever approves.
pub(super) async fn approve(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
    view: View,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    load(&services, &caller, id).await?;
    match approved(&services, &caller, id, &Asked(fields)).await {
        Ok(()) => Ok(Redirect::to(&format!("/orders/{id}")).into_response()),
        Err(problem) => {
            // A wrong code, or an order that has changed: it is shown again as it stands now, with why.
            let (view, status) = again(View { here: format!("/orders/{id}"), ..view }, problem)?;
            let page = page_of(&services, &caller, id).await?;
            Ok(answer_as(status, &view, orders::TITLE_OF_ONE, &page.markup(&view)))
        }
    }
}

async fn approved(services: &Services, caller: &Caller, id: i64, fields: &Asked) -> Result<(), Problem> {
    let shown = fields.value("seen").and_then(Shown::parse).ok_or_else(Problem::stale)?;
    confirm_second_factor(services, &caller.acting, fields.value("code").unwrap_or_default()).await?;
    supply(services)?.approve(&caller.acting, Id::new(id), &shown).await.map_err(refused)?;
    services.changes.tell(Topic::Order);
    Ok(())
}

/// Takes an order back.
pub(super) async fn cancel(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Response, Problem> {
    let order = services.store.supply_order(Id::new(id), &caller.acting.regions).await?;
    order.ok_or_else(Problem::not_there)?;
    supply(&services)?.cancel(&caller.acting, Id::new(id)).await.map_err(refused)?;
    services.changes.tell(Topic::Order);
    Ok(Redirect::to(&format!("/orders/{id}")).into_response())
}

/// Stops all cuts.
pub(super) async fn stop(
    State(services): State<Services>,
    caller: Caller,
    view: View,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    let fields = Asked(fields);
    let reason = fields.value("reason").unwrap_or_default();
    let done = async { supply(&services)?.press_stop(&caller.acting, reason).await.map_err(refused) };
    match done.await {
        Ok(()) => Ok(told(&services, "/orders")),
        Err(problem) => shown_again(&services, &caller, view, problem).await,
    }
}

/// Wants what keeps cuts back lifted.
pub(super) async fn lift(
    State(services): State<Services>,
    caller: Caller,
    view: View,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    let fields = Asked(fields);
    let kind = fields.value("kind").and_then(HaltKind::from_name).unwrap_or(HaltKind::Stop);
    match lifted(&services, &caller, &fields, kind).await {
        Ok(()) => Ok(told(&services, "/orders")),
        Err(problem) => shown_again(&services, &caller, view, problem).await,
    }
}

/// Says that it was looked into what the database has lost.
pub(super) async fn acknowledge(
    State(services): State<Services>,
    caller: Caller,
    view: View,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    match lifted(&services, &caller, &Asked(fields), HaltKind::DatabaseBehind).await {
        Ok(()) => Ok(told(&services, "/settings")),
        Err(problem) => {
            let (view, status) = again(View { here: "/settings".to_owned(), ..view }, problem)?;
            let page = settings::load(&services, &view, Asked::default()).await?;
            Ok(answer_as(status, &view, settings::TITLE, &page.markup(&view)))
        }
    }
}

async fn lifted(services: &Services, caller: &Caller, fields: &Asked, kind: HaltKind) -> Result<(), Problem> {
    confirm_second_factor(services, &caller.acting, fields.value("code").unwrap_or_default()).await?;
    supply(services)?.lift(&caller.acting, kind).await.map_err(refused)?;
    Ok(())
}

/// Tells whoever watches, and leads on.
fn told(services: &Services, place: &str) -> Response {
    services.changes.tell(Topic::Order);
    Redirect::to(place).into_response()
}

/// The page of all orders, which has the forms of STOP, with why one of them was not taken.
async fn shown_again(
    services: &Services,
    caller: &Caller,
    view: View,
    problem: Problem,
) -> Result<Response, Problem> {
    if !view.may(Action::SeeCustomers) {
        return Err(problem);
    }
    let (view, status) = again(View { here: "/orders".to_owned(), ..view }, problem)?;
    let page = listed(services, caller, Asked::default()).await?;
    Ok(answer_as(status, &view, orders::TITLE, &page.markup(&view)))
}

/// An order with what is to be known before something is done with it.
pub(super) async fn page_of(services: &Services, caller: &Caller, id: i64) -> Result<OrderPage, Problem> {
    let order = load(services, caller, id).await?;
    let (content, of) = (&order.order.content, order.order.id);
    let is_early = order.order.state.is_before_intent();
    let (mut cannot, mut hold_ends) = (Vec::new(), Vec::new());
    if is_early && content.kind.is_cut_class() {
        let numbers: Vec<String> = order.points.iter().map(|point| point.number.clone()).collect();
        cannot = cannot_be_ordered(services, caller, &numbers, content.kind).await?;
    }
    if is_early && content.kind == OrderKind::HoldOff {
        hold_ends = services.store.hold_ends(of).await?;
    }
    let over = excess(services, &order).await?;
    let report = services.store.emergency_report(of).await?;
    Ok(OrderPage { order, cannot, hold_ends, over, report, asked: Asked::default() })
}

pub(super) async fn load(services: &Services, caller: &Caller, id: i64) -> Result<OrderView, Problem> {
    let order = services.store.supply_order(Id::new(id), &caller.acting.regions).await?;
    order.ok_or_else(Problem::not_there)
}

pub(super) fn form_of(fields: &Asked) -> Option<OrderForm> {
    let text = |name| fields.value(name).unwrap_or_default().to_owned();
    Some(OrderForm {
        kind: OrderKind::from_name(fields.value("kind")?)?,
        points: text("points"),
        reason: fields.value("reason").and_then(Reason::from_name),
        text: text("text"),
        window: (text("from"), text("until")),
        of: None,
        cannot: Vec::new(),
        refused: None,
    })
}

/// The order that a form asks for, and the numbers that are left out of it; or why there is none. One wrong number keeps
/// nobody else waiting for supply (I12); who is to be cut is named without a fault.
pub(super) async fn written(
    services: &Services,
    caller: &Caller,
    form: &OrderForm,
    now: Moment,
) -> Result<Result<(NewOrder, Vec<String>), Refused>, Problem> {
    let numbers = numbers(&form.points, MOST_POINTS);
    if numbers.len() > MOST_POINTS {
        return Ok(Err(Refused::TooManyPoints(MOST_POINTS)));
    }
    // Lines of a field of several lines end as browsers end them.
    let text = form.text.replace("\r\n", "\n");
    let Ok(text) = words(&text, LONGEST) else { return Ok(Err(Refused::Text)) };
    let names: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let found = services.store.numbered_points(&names, &caller.acting.regions).await?;
    let is_lenient = form.kind.is_restore() || form.kind == OrderKind::HoldOn;
    let is_known =
        |number: &&String| found.get(*number).is_some_and(|found| !is_lenient || found.meter.is_some());
    let (known, unknown): (Vec<&String>, Vec<&String>) = numbers.iter().partition(is_known);
    let unknown: Vec<String> = unknown.into_iter().cloned().collect();
    if !unknown.is_empty() && (!is_lenient || known.is_empty()) {
        return Ok(Err(Refused::NoSuchPoints(unknown)));
    }
    let window = if form.kind.is_cut_class() {
        moment(&form.window.0).zip(moment(&form.window.1)).map(|(from, until)| Window { from, until })
    } else {
        Some(Window { from: now, until: now.plus(AT_ONCE) })
    };
    let Some((reason, window)) = form.reason.zip(window) else { return Ok(Err(Refused::Incomplete)) };
    let mut points: Vec<_> =
        known.into_iter().filter_map(|number| found.get(number)).map(|found| found.point).collect();
    if is_lenient {
        points.sort_unstable();
        points.dedup();
    }
    let new = NewOrder { kind: form.kind, reason, text: text.to_owned(), window, points };
    Ok(Ok((new, unknown)))
}

fn supply(services: &Services) -> Result<&Supply, Problem> {
    services.supply.as_ref().ok_or_else(Problem::not_there)
}

fn refused(error: SupplyError) -> Problem {
    let objected = match error {
        SupplyError::Store(error) => return error.into(),
        SupplyError::Objected(objected) => objected,
    };
    let all = objected.order.iter().chain(objected.points.iter().flat_map(|point| &point.objections));
    let (en, zh): (Vec<&str>, Vec<&str>) = all.map(|objection| (objection.en(), objection.zh())).unzip();
    let reasons = objected.over.iter().map(exceeded).collect();
    Problem::unacceptable("objected", &en.join("; "), &zh.join("；")).because(reasons)
}

/// The longest list of points that an address has room for.
const SHORT_LIST: usize = 500;
/// Orders that are listed.
const NEWEST: u32 = 200;
/// Points in arrears that are listed.
const MOST_OVERDUE: u32 = 5000;
/// Points of one form.
const MOST_POINTS: usize = 10_000;
/// What the address of an order says of numbers that were left out, and how many of them it names.
const LEFT_OUT: &str = "left_out";
const MOST_NAMED: usize = 50;
const AT_ONCE: Duration = Duration::from_secs(3600);
