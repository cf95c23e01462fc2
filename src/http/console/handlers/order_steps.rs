//! What is done with an order that was written: changed, handed in, an approval withdrawn, closed, its report written.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};

use super::answer_as;
use super::orders::{form_of, load, page_of, written};
use crate::domain::access::Action;
use crate::domain::supply::ContentHash;
use crate::domain::{Id, Moment};
use crate::http::api::objected::supply;
use crate::http::api::order_drafts::{as_written, may_be_drafted};
use crate::http::api::written::{LONGEST, some_words};
use crate::http::console::layout;
use crate::http::console::orders::{self, OrderForm, Refused};
use crate::http::console::typed::{Typed, as_field, refused};
use crate::http::console::view::View;
use crate::http::orderable::cannot_be_ordered;
use crate::http::{Caller, Problem, Services, Topic};
use crate::store::supply::{OrderView, SupplyError};

/// The form that changes an order.
pub(super) async fn edit(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
    view: View,
) -> Result<Response, Problem> {
    let order = own(&services, &caller, id).await?;
    may_be_drafted(order.order.content.kind)?;
    let form = form_with(&services, &caller, &order).await?;
    Ok(Html(layout::page(&view, OrderForm::TITLE_OF_CHANGE, &form.markup(&view)).into_string())
        .into_response())
}

/// Changes an order: it is a draft again, and whatever was approved is void.
pub(super) async fn save(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
    view: View,
    Typed(fields): Typed,
) -> Result<Response, Problem> {
    let order = own(&services, &caller, id).await?;
    let kind = order.order.content.kind;
    may_be_drafted(kind)?;
    let seen = fields.value("seen").and_then(ContentHash::from_hex).ok_or_else(Problem::stale)?;
    if seen != order.hash {
        return Err(Problem::stale());
    }
    let mut form = form_of(&fields).ok_or_else(Problem::not_there)?;
    form.of = Some((id, seen.to_string()));
    let refused = match written(&services, &caller, &form, view.now).await? {
        Err(refused) => refused,
        Ok((new, _)) => match services
            .store
            .edit_order(&caller.acting, (order.order.id, Some(seen)), &new, view.now)
            .await
        {
            Ok(()) => {
                services.changes.tell(Topic::Order);
                return Ok(Redirect::to(&format!("/orders/{id}")).into_response());
            }
            Err(SupplyError::Objected(objected)) => Refused::Objected(objected),
            Err(SupplyError::Store(error)) => return Err(error.into()),
        },
    };
    form.refused = Some(refused);
    let page = form.markup(&view);
    Ok(answer_as(StatusCode::UNPROCESSABLE_ENTITY, &view, OrderForm::TITLE_OF_CHANGE, &page))
}

/// Hands a draft in.
pub(super) async fn submit(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
    view: View,
) -> Result<Response, Problem> {
    let order = own(&services, &caller, id).await?;
    let done = async {
        let new = as_written(&order);
        supply(&services)?.submit(&caller.acting, order.order.id, &new).await?;
        Ok::<_, Problem>(())
    };
    let done = done.await;
    ended(&services, &caller, view, id, done).await
}

/// Withdraws what this person has approved.
pub(super) async fn withdraw(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
    view: View,
) -> Result<Response, Problem> {
    load(&services, &caller, id).await?;
    let done = async {
        supply(&services)?.withdraw(&caller.acting, Id::new(id)).await?;
        Ok::<_, Problem>(())
    };
    let done = done.await;
    ended(&services, &caller, view, id, done).await
}

/// Closes an order whose points have all ended.
pub(super) async fn finish(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
    view: View,
) -> Result<Response, Problem> {
    let order = load(&services, &caller, id).await?;
    if !caller.may(Action::ApproveCut) && !caller.may(order.order.content.kind.action()) {
        return Err(Problem::not_allowed());
    }
    let done = services.store.finish_order(&caller.acting, order.order.id, services.clock.now()).await;
    ended(&services, &caller, view, id, done.map(|_| ()).map_err(Problem::from)).await
}

/// Enters the report of an emergency cut.
pub(super) async fn report(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
    view: View,
    typed: Typed,
) -> Result<Response, Problem> {
    let order = load(&services, &caller, id).await?.order.id;
    let done = async {
        let text = some_words(typed.text("text"), LONGEST_REPORT)?;
        let now: Moment = services.clock.now();
        services.store.write_emergency_report(&caller.acting, order, text, now).await?;
        Ok::<_, Problem>(())
    };
    let done = done.await;
    ended(&services, &caller, view, id, done).await
}

/// An order that this account may ask for, too.
async fn own(services: &Services, caller: &Caller, id: i64) -> Result<OrderView, Problem> {
    let order = load(services, caller, id).await?;
    if caller.may(order.order.content.kind.action()) { Ok(order) } else { Err(Problem::not_allowed()) }
}

/// The form as an order has it.
async fn form_with(services: &Services, caller: &Caller, order: &OrderView) -> Result<OrderForm, Problem> {
    let content = &order.order.content;
    let numbers: Vec<String> = order.points.iter().map(|point| point.number.clone()).collect();
    Ok(OrderForm {
        kind: content.kind,
        points: numbers.join("\n"),
        reason: Some(content.reason),
        text: content.text.clone(),
        window: (as_field(content.window.from), as_field(content.window.until)),
        of: Some((order.order.id.number(), order.hash.to_string())),
        cannot: cannot_be_ordered(services, caller, &numbers, content.kind).await?,
        refused: None,
    })
}

/// The order as it stands then, with why a step was not done.
async fn ended(
    services: &Services,
    caller: &Caller,
    view: View,
    id: i64,
    done: Result<(), Problem>,
) -> Result<Response, Problem> {
    let Err(problem) = done else {
        services.changes.tell(Topic::Order);
        return Ok(Redirect::to(&format!("/orders/{id}")).into_response());
    };
    let (view, status) = refused(view, problem)?;
    let page = page_of(services, caller, id).await?;
    Ok(answer_as(status, &view, orders::TITLE_OF_ONE, &page.markup(&view)))
}

/// A report is longer than what is usually said.
const LONGEST_REPORT: usize = 4 * LONGEST;
