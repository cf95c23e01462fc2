//! `/api/v1/orders/drafts` and what is done with an order that was written: changed, handed in, closed.
//!
//! A change makes it a draft again, and whatever was approved is void (T17). What gives supply back is never a draft: it
//! leaves at once.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::objected::supply;
use super::orders::{
    ASK, NewOrderBody, OrderAnswer, SubmittedAnswer, TAKE_BACK, as_seen, changed, find, find_to_end,
    handed_in, new_order, one,
};
use crate::domain::Id;
use crate::domain::supply::OrderKind;
use crate::http::once::Once;
use crate::http::routes::Routes;
use crate::http::{Caller, Given, Problem, Services, Topic};
use crate::store::AuditRecord;
use crate::store::supply::{NewOrder, OrderView};
use serde::Serialize;
use utoipa::ToSchema;

pub(super) fn routes() -> Routes {
    Routes::default()
        .api::<__path_draft, _, _>(ASK, draft)
        .api::<__path_edit, _, _>(ASK, edit)
        .api::<__path_submit, _, _>(ASK, submit)
        .api::<__path_finish, _, _>(TAKE_BACK, finish)
}

/// An order that was written.
#[derive(Debug, Serialize, ToSchema)]
struct DraftAnswer {
    /// Its number, of nineteen digits.
    id: String,
}

/// Write an order that nobody acts upon until it is handed in
#[utoipa::path(post, path = "/api/v1/orders/drafts", tag = "orders", request_body = NewOrderBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "the same request with the same key is done once")),
    responses((status = 201, body = DraftAnswer)))]
async fn draft(
    State(services): State<Services>,
    caller: Caller,
    headers: HeaderMap,
    Given(body): Given<NewOrderBody>,
) -> Result<Response, Problem> {
    let text = format!("draft {}", serde_json::to_string(&body).unwrap_or_default());
    let work = async |caller: Caller| {
        let (new, _) = new_order(&services, &caller, &body).await?;
        may_be_drafted(new.kind)?;
        let id = services.store.draft_order(&caller.acting, &new, services.clock.now()).await?;
        services.changes.tell(Topic::Order);
        Ok((StatusCode::CREATED, DraftAnswer { id: id.to_string() }))
    };
    let again = async |entry: AuditRecord| {
        let id = entry.order.ok_or_else(Problem::internal)?;
        Ok((StatusCode::CREATED, DraftAnswer { id: id.to_string() }))
    };
    Once { services: &services, caller: &caller, headers: &headers }.answer(&text, work, again).await
}

/// Change an order before anything was sent, exactly as it was seen
///
/// It is a draft again and has to be handed in; whatever was approved is void. Its kind stays.
#[utoipa::path(put, path = "/api/v1/orders/{id}", tag = "orders", request_body = NewOrderBody,
    params(("id" = String, Path), ("If-Match" = String, Header, description = "the ETag of the order that was seen")),
    responses((status = 200, body = OrderAnswer)))]
async fn edit(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
    headers: HeaderMap,
    Given(body): Given<NewOrderBody>,
) -> Result<Response, Problem> {
    let view = as_seen(&services, &caller, id, &headers).await?;
    let (new, _) = new_order(&services, &caller, &body).await?;
    may_be_drafted(new.kind)?;
    let edited = services
        .store
        .edit_order(&caller.acting, (view.order.id, Some(view.hash)), &new, services.clock.now())
        .await;
    changed(&services, edited)?;
    one(&services, &caller, view.order.id).await
}

/// Hand in an order that was written or changed
#[utoipa::path(post, path = "/api/v1/orders/{id}/submit", tag = "orders",
    params(("id" = String, Path)), responses((status = 200, body = SubmittedAnswer)))]
async fn submit(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Json<SubmittedAnswer>, Problem> {
    let view = find(&services, &caller, Id::new(id)).await?;
    if !caller.may(view.order.content.kind.action()) {
        return Err(Problem::not_allowed());
    }
    let supply = supply(&services)?;
    let submitted = supply.submit(&caller.acting, view.order.id, &as_written(&view)).await?;
    Ok(Json(handed_in(&services, submitted, Vec::new())))
}

/// Close an order whose points have all ended
#[utoipa::path(post, path = "/api/v1/orders/{id}/finish", tag = "orders",
    params(("id" = String, Path)), responses((status = 200, body = OrderAnswer)))]
async fn finish(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Response, Problem> {
    let view = find_to_end(&services, &caller, id).await?;
    let finished = services.store.finish_order(&caller.acting, view.order.id, services.clock.now()).await;
    changed(&services, finished)?;
    one(&services, &caller, view.order.id).await
}

/// What is handed in of an order that was written.
pub(in crate::http) fn as_written(view: &OrderView) -> NewOrder {
    let content = &view.order.content;
    NewOrder {
        kind: content.kind,
        reason: content.reason,
        text: content.text.clone(),
        window: content.window,
        points: content.points.iter().map(|ordered| ordered.point).collect(),
    }
}

/// Refuses a draft of what leaves at once.
pub(in crate::http) fn may_be_drafted(kind: OrderKind) -> Result<(), Problem> {
    if kind.is_cut_class() {
        return Ok(());
    }
    let en = "only what waits for an approval is written first; anything else leaves at once";
    Err(Problem::unacceptable("no_draft", en, "只有须审批的工单可存为草稿，其余立即下发"))
}
