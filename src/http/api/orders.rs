//! `/api/v1/orders`: supply orders, from asking for one to the proof of what became of it.
#![expect(unused_qualifications, reason = "what utoipa makes of parameters")]

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::accounts::ListMeta;
use super::objected::{reason, reasons_of, supply, unknown_numbers};
use super::orders_shown::{OrderDetail, OrderShown, detail, shown};
use super::proposals::FactorBody;
use super::written::{LONGEST, field, instant, named, words};
use crate::domain::access::{Action, Regions};
use crate::domain::supply::{Objection, OrderKind, OrderState, Reason, Shown, SupplyOrder, Window};
use crate::domain::{Coded, Id, MeteringPoint};
use crate::http::auth::confirm_second_factor;
use crate::http::once::Once;
use crate::http::routes::{Routes, Rule};
use crate::http::{Asked, Caller, Given, Problem, ProblemReason, Services, Topic};
use crate::store::supply::{Excess, NewOrder, OrderFilter, OrderView, PointObjections, Submitted, as_shown};
use crate::store::{AuditFilter, AuditRecord};

pub(super) fn routes() -> Routes {
    Routes::default()
        .api::<__path_list, _, _>(Action::SeeCustomers, list)
        .api::<__path_ask, _, _>(ASK, ask)
        .api::<__path_show, _, _>(Action::SeeCustomers, show)
        .api::<__path_approve, _, _>(Action::ApproveCut, approve)
        .api::<__path_withdraw, _, _>(Action::ApproveCut, withdraw)
        .api::<__path_cancel, _, _>(TAKE_BACK, cancel)
        .api::<__path_restore, _, _>(Rule::MayOneOf(&[Action::Restore, Action::CloseDirectly]), restore)
        .api::<__path_hold, _, _>(Action::Restore, hold)
}

/// Orders, the newest first.
#[derive(Debug, Serialize, ToSchema)]
struct OrdersAnswer {
    orders: Vec<OrderShown>,
    meta: ListMeta,
}

/// An order with all that belongs to it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OrderAnswer {
    order: OrderDetail,
}

/// What became of an order that was handed in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SubmittedAnswer {
    /// Its number, of nineteen digits.
    id: String,
    /// How it stands: `submitted` waits for approval.
    state: String,
    /// True when it is above a ceiling and needs a second approver.
    is_quarantined: bool,
    /// What stood against points that were left out; the order goes on without them.
    refused: Vec<ProblemReason>,
}

/// An order to be handed in.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewOrderBody {
    /// cut, hold_off, alarm_on, alarm_off; close_permit, direct_close and hold_on as well, though they have routes of
    /// their own.
    kind: String,
    /// arrears, request, danger, theft, settled, cause_gone, mistake, protection, protection_over, other; not every reason
    /// fits every kind.
    reason: String,
    /// Why, in words; where it closes directly, the safety note.
    #[serde(default)]
    text: String,
    /// Numbers of points.
    points: Vec<String>,
    /// From when on it may be carried out, RFC 3339; at once where it is not given.
    from: Option<String>,
    /// Until when, RFC 3339. A cut needs it.
    until: Option<String>,
}

/// Supply to be given back.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RestoreBody {
    /// Numbers of points.
    points: Vec<String>,
    /// settled, cause_gone, mistake, request or other.
    reason: String,
    /// Closes the relay with nobody standing by, and says why that is safe. Without it the customer presses the key.
    safety_note: Option<String>,
}

/// Supply to be held.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct HoldBody {
    /// Numbers of points.
    points: Vec<String>,
    /// protection, request or other.
    reason: String,
    /// Why, in words.
    #[serde(default)]
    text: String,
}

/// Which orders.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct OrdersAsked {
    /// Only those in this state as a whole, such as `submitted` or `unknown`.
    state: Option<String>,
    /// Only those with this point.
    point: Option<String>,
    /// Where to go on: `next_cursor` of the answer before.
    #[param(value_type = Option<String>)]
    cursor: Option<i64>,
    /// How many at most, 1 to 200.
    limit: Option<u32>,
}

/// Supply orders, the newest first
#[utoipa::path(get, path = "/api/v1/orders", tag = "orders", params(OrdersAsked),
    responses((status = 200, body = OrdersAnswer)))]
async fn list(
    State(services): State<Services>,
    caller: Caller,
    Asked(asked): Asked<OrdersAsked>,
) -> Result<Json<OrdersAnswer>, Problem> {
    let limit = asked.limit.unwrap_or(50).clamp(1, 200);
    let point = match asked.point.as_deref() {
        Some(number) => points_of(&services, &caller, &[number.to_owned()]).await?.first().copied(),
        None => None,
    };
    let filter = OrderFilter { state: field("state", asked.state.as_deref().map(named).transpose())?, point };
    let (regions, before) = (&caller.acting.regions, asked.cursor.unwrap_or(i64::MAX));
    let orders = services.store.supply_orders(&filter, regions, before, limit).await?;
    let is_full = u32::try_from(orders.len()).unwrap_or(u32::MAX) >= limit;
    let next_cursor = orders.last().filter(|_| is_full).map(|order| order.id.to_string());
    let meta = ListMeta { count: orders.len(), next_cursor };
    Ok(Json(OrdersAnswer { orders: orders.iter().map(shown).collect(), meta }))
}

/// Hand in an order
///
/// Cuts and ends of holds wait for another person to approve them. All that stands against it is told in `reasons`. Of what
/// gives supply back or holds it, points that are not there are named in `refused`; of anything else all have to be there.
#[utoipa::path(post, path = "/api/v1/orders", tag = "orders", request_body = NewOrderBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "the same request with the same key is done once")),
    responses((status = 201, body = SubmittedAnswer)))]
async fn ask(
    State(services): State<Services>,
    caller: Caller,
    headers: HeaderMap,
    Given(body): Given<NewOrderBody>,
) -> Result<Response, Problem> {
    let text = format!("order {}", serde_json::to_string(&body).unwrap_or_default());
    let work = async |caller: Caller| {
        let (new, unknown) = new_order(&services, &caller, &body).await?;
        let submitted = supply(&services)?.ask(&caller.acting, &new).await?;
        Ok((StatusCode::CREATED, handed_in(&services, submitted, unknown)))
    };
    let again = async |entry: AuditRecord| {
        let (_, unknown) = new_order(&services, &caller, &body).await?;
        Ok((StatusCode::CREATED, handed_in_before(&services, &entry, unknown).await?))
    };
    Once { services: &services, caller: &caller, headers: &headers }.answer(&text, work, again).await
}

/// An order with its points, persons, steps and attempts
///
/// The ETag names exactly this order and by how much it is above which ceilings; whoever approves it gives it back.
#[utoipa::path(get, path = "/api/v1/orders/{id}", tag = "orders",
    params(("id" = String, Path)), responses((status = 200, body = OrderAnswer)))]
async fn show(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Response, Problem> {
    one(&services, &caller, Id::new(id)).await
}

/// Approve an order as another person than asked for it, exactly as it was seen
///
/// An order that is above a ceiling by more than the ETag says is not approved: `excess_not_shown`, beside by how much it is now.
#[utoipa::path(post, path = "/api/v1/orders/{id}/approve", tag = "orders",
    request_body = FactorBody,
    params(("id" = String, Path), ("If-Match" = String, Header, description = "the ETag of the order that was seen"),
        ("Idempotency-Key" = Option<String>, Header, description = "the same request with the same key is done once; its code is not part of it")),
    responses((status = 200, body = OrderAnswer)))]
async fn approve(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
    headers: HeaderMap,
    Given(body): Given<FactorBody>,
) -> Result<Response, Problem> {
    let shown = seen(&headers)?;
    let work = async |by: Caller| {
        let view = as_seen(&services, &caller, id, &headers).await?;
        confirm_second_factor(&services, &caller.acting, &body.code).await?;
        changed(&services, supply(&services)?.approve(&by.acting, view.order.id, &shown).await)?;
        Ok((StatusCode::OK, answer(&services, &caller, view.order.id).await?.1))
    };
    let again = async |_: AuditRecord| Ok((StatusCode::OK, answer(&services, &caller, Id::new(id)).await?.1));
    let once = Once { services: &services, caller: &caller, headers: &headers };
    let answered = once.answer(&format!("approve {id} {shown}"), work, again).await?;
    Ok(([etag(&shown)], answered).into_response())
}

/// Withdraw one's approval, as long as nothing was sent
#[utoipa::path(post, path = "/api/v1/orders/{id}/withdraw", tag = "orders",
    params(("id" = String, Path)), responses((status = 200, body = OrderAnswer)))]
async fn withdraw(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Response, Problem> {
    find(&services, &caller, Id::new(id)).await?;
    changed(&services, supply(&services)?.withdraw(&caller.acting, Id::new(id)).await)?;
    one(&services, &caller, Id::new(id)).await
}

/// Take back all of an order that was not sent
#[utoipa::path(post, path = "/api/v1/orders/{id}/cancel", tag = "orders",
    params(("id" = String, Path)), responses((status = 200, body = OrderAnswer)))]
async fn cancel(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Response, Problem> {
    find_to_end(&services, &caller, id).await?;
    changed(&services, supply(&services)?.cancel(&caller.acting, Id::new(id)).await)?;
    one(&services, &caller, Id::new(id)).await
}

/// Give supply back, at once and as one person
///
/// Points that are not there are named in `refused` and keep nobody else waiting.
#[utoipa::path(post, path = "/api/v1/restores", tag = "orders",
    request_body = RestoreBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "the same request with the same key is done once")),
    responses((status = 201, body = SubmittedAnswer)))]
async fn restore(
    State(services): State<Services>,
    caller: Caller,
    headers: HeaderMap,
    Given(body): Given<RestoreBody>,
) -> Result<Response, Problem> {
    let text = format!("restore {}", serde_json::to_string(&body).unwrap_or_default());
    let work = async |caller: Caller| {
        let right = if body.safety_note.is_some() { Action::CloseDirectly } else { Action::Restore };
        if !caller.may(right) {
            return Err(Problem::not_allowed());
        }
        let reason: Reason = field("reason", named(&body.reason))?;
        let note = body.safety_note.as_deref().map(|note| words(note, LONGEST)).transpose();
        let note = field("safety_note", note)?;
        let (points, unknown) = known_points(&services, &caller, &body.points).await?;
        let submitted = supply(&services)?.restore(&caller.acting, &points, reason, note).await?;
        Ok((StatusCode::CREATED, handed_in(&services, submitted, unknown)))
    };
    let again = async |entry: AuditRecord| {
        let (_, unknown) = known_points(&services, &caller, &body.points).await?;
        Ok((StatusCode::CREATED, handed_in_before(&services, &entry, unknown).await?))
    };
    Once { services: &services, caller: &caller, headers: &headers }.answer(&text, work, again).await
}

/// Hold supply: the meters keep it whatever they are told
///
/// Points that are not there are named in `refused`.
#[utoipa::path(post, path = "/api/v1/holds", tag = "orders", request_body = HoldBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "the same request with the same key is done once")),
    responses((status = 201, body = SubmittedAnswer)))]
async fn hold(
    State(services): State<Services>,
    caller: Caller,
    headers: HeaderMap,
    Given(body): Given<HoldBody>,
) -> Result<Response, Problem> {
    let text = format!("hold {}", serde_json::to_string(&body).unwrap_or_default());
    let work = async |caller: Caller| {
        let reason = field("reason", named(&body.reason))?;
        let said = field("text", words(&body.text, LONGEST))?;
        let (points, unknown) = known_points(&services, &caller, &body.points).await?;
        let submitted = supply(&services)?.hold(&caller.acting, &points, (reason, said)).await?;
        Ok((StatusCode::CREATED, handed_in(&services, submitted, unknown)))
    };
    let again = async |entry: AuditRecord| {
        let (_, unknown) = known_points(&services, &caller, &body.points).await?;
        Ok((StatusCode::CREATED, handed_in_before(&services, &entry, unknown).await?))
    };
    Once { services: &services, caller: &caller, headers: &headers }.answer(&text, work, again).await
}

/// The order that a body asks for, as far as this account may ask for it, and what is said of points that are left out.
pub(super) async fn new_order(
    services: &Services,
    caller: &Caller,
    body: &NewOrderBody,
) -> Result<(NewOrder, Vec<ProblemReason>), Problem> {
    let kind: OrderKind = field("kind", named(&body.kind))?;
    if !caller.may(kind.action()) {
        return Err(Problem::not_allowed());
    }
    let now = services.clock.now();
    let from = field("from", body.from.as_deref().map(instant).transpose())?.unwrap_or(now);
    let until = field("until", body.until.as_deref().map(instant).transpose())?.unwrap_or(from);
    // One wrong number keeps nobody else waiting for supply (I12).
    let (points, unknown) = match kind.is_restore() || kind == OrderKind::HoldOn {
        true => known_points(services, caller, &body.points).await?,
        false => (points_of(services, caller, &body.points).await?, Vec::new()),
    };
    let new = NewOrder {
        kind,
        reason: field("reason", named(&body.reason))?,
        text: field("text", words(&body.text, LONGEST))?.to_owned(),
        window: Window { from, until },
        points,
    };
    Ok((new, unknown))
}

/// The points with these numbers, all of which have to be there.
async fn points_of(
    services: &Services,
    caller: &Caller,
    numbers: &[String],
) -> Result<Vec<Id<MeteringPoint>>, Problem> {
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let found = services.store.numbered_points(&numbers, &caller.acting.regions).await?;
    let unknown: Vec<&str> = numbers.iter().filter(|number| !found.contains_key(**number)).copied().collect();
    if !unknown.is_empty() {
        return field("points", Err(unknown_numbers(&unknown)));
    }
    Ok(numbers.iter().filter_map(|number| found.get(*number)).map(|found| found.point).collect())
}

/// Those of the points with these numbers that are there and have a meter, each once, and what is said of the others.
async fn known_points(
    services: &Services,
    caller: &Caller,
    numbers: &[String],
) -> Result<(Vec<Id<MeteringPoint>>, Vec<ProblemReason>), Problem> {
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let found = services.store.numbered_points(&numbers, &caller.acting.regions).await?;
    let (mut points, mut unknown) = (Vec::new(), Vec::new());
    for number in numbers {
        match found.get(number) {
            Some(found) if found.meter.is_some() => points.push(found.point),
            _ => unknown.push(number),
        }
    }
    points.sort_unstable();
    points.dedup();
    if points.is_empty() && !unknown.is_empty() {
        return field("points", Err(unknown_numbers(&unknown)));
    }
    let unknown = unknown.into_iter().map(|number| reason(Objection::NotThere, Some(number))).collect();
    Ok((points, unknown))
}

pub(super) fn handed_in(
    services: &Services,
    submitted: Submitted,
    unknown: Vec<ProblemReason>,
) -> SubmittedAnswer {
    services.changes.tell(Topic::Order);
    SubmittedAnswer::of(submitted, unknown)
}

impl SubmittedAnswer {
    /// What became of an order, beside points that are not there.
    pub(crate) fn of(submitted: Submitted, unknown: Vec<ProblemReason>) -> Self {
        let mut refused = unknown;
        refused.extend(reasons_of(&submitted.refused));
        Self {
            id: submitted.id.to_string(),
            state: submitted.state.name().to_owned(),
            is_quarantined: submitted.is_quarantined,
            refused,
        }
    }
}

/// The answer to an order that was handed in before, as the order stands by now.
async fn handed_in_before(
    services: &Services,
    entry: &AuditRecord,
    unknown: Vec<ProblemReason>,
) -> Result<SubmittedAnswer, Problem> {
    let id = Id::new(entry.order.ok_or_else(Problem::internal)?);
    // Whoever handed it in knows it, wherever its points lie.
    let view = services.store.supply_order(id, &Regions::All).await?.ok_or_else(Problem::not_there)?;
    let left_out = view
        .points
        .iter()
        .filter(|point| point.state == OrderState::Cancelled && !point.objections.is_empty())
        .map(|point| PointObjections {
            point: point.ordered.point,
            number: point.number.clone(),
            objections: point.objections.clone(),
        });
    let (state, is_quarantined) = (view.order.state, view.order.is_quarantined);
    Ok(handed_in(services, Submitted { id, state, is_quarantined, refused: left_out.collect() }, unknown))
}

/// Tells whoever watches of a change, when there was one.
pub(super) fn changed<T, E: Into<Problem>>(services: &Services, done: Result<T, E>) -> Result<T, Problem> {
    let done = done.map_err(Into::into)?;
    services.changes.tell(Topic::Order);
    Ok(done)
}

/// An order that whoever asks may see.
pub(super) async fn find(
    services: &Services,
    caller: &Caller,
    id: Id<SupplyOrder>,
) -> Result<OrderView, Problem> {
    let view = services.store.supply_order(id, &caller.acting.regions).await?;
    view.ok_or_else(Problem::not_there)
}

/// The same, exactly as the header `If-Match` says that it was seen.
pub(super) async fn as_seen(
    services: &Services,
    caller: &Caller,
    id: i64,
    headers: &HeaderMap,
) -> Result<OrderView, Problem> {
    let seen = seen(headers)?;
    let view = find(services, caller, Id::new(id)).await?;
    if view.hash == seen.hash {
        return Ok(view);
    }
    Err(Problem::stale().because(vec![reason(Objection::OrderChanged, None)]))
}

/// The same, when whoever asks may end it: as an approver, or as one who may ask for it.
pub(super) async fn find_to_end(services: &Services, caller: &Caller, id: i64) -> Result<OrderView, Problem> {
    let view = find(services, caller, Id::new(id)).await?;
    let may = caller.may(Action::ApproveCut) || caller.may(view.order.content.kind.action());
    if may { Ok(view) } else { Err(Problem::not_allowed()) }
}

pub(super) async fn one(
    services: &Services,
    caller: &Caller,
    id: Id<SupplyOrder>,
) -> Result<Response, Problem> {
    let (shown, answer) = answer(services, caller, id).await?;
    Ok(([etag(&shown)], Json(answer)).into_response())
}

/// By how much an order is above which ceilings, for whoever approves it: where orders are carried out, which is where they
/// are approved.
pub(in crate::http) async fn excess(services: &Services, view: &OrderView) -> Result<Vec<Excess>, Problem> {
    let Some(supply) = &services.supply else { return Ok(Vec::new()) };
    Ok(services.store.excess_of(view, supply.ceilings(), services.clock.now()).await?)
}

/// An order with all that belongs to it, and as what it is shown.
async fn answer(
    services: &Services,
    caller: &Caller,
    id: Id<SupplyOrder>,
) -> Result<(Shown, OrderAnswer), Problem> {
    let view = find(services, caller, id).await?;
    let of_order = AuditFilter { order: Some(id.number()), actor: None, action: None };
    let steps = services.store.audit_before(&of_order, i64::MAX, MOST_STEPS).await?;
    let over = excess(services, &view).await?;
    Ok((as_shown(&view, &over), OrderAnswer { order: detail(&view, &over, &steps) }))
}

/// The header `ETag` of an order.
fn etag(shown: &Shown) -> (HeaderName, HeaderValue) {
    let value = HeaderValue::from_str(&format!("\"{shown}\""));
    (header::ETAG, value.unwrap_or(HeaderValue::from_static("\"\"")))
}

/// What whoever approves has seen, from the header `If-Match`.
fn seen(headers: &HeaderMap) -> Result<Shown, Problem> {
    let Some(given) = headers.get(header::IF_MATCH) else {
        return Err(Problem::new(
            StatusCode::PRECONDITION_REQUIRED,
            "if_match_required",
            "say with If-Match which order was seen; its ETag names it exactly",
            "须用 If-Match 指明所审阅的工单（即读取时的 ETag）",
        ));
    };
    let shown = given.to_str().ok().and_then(|text| Shown::parse(text.trim_matches('"')));
    shown.ok_or_else(Problem::stale)
}

pub(super) const ASK: Rule = Rule::MayOneOf(&[Action::RequestCut, Action::Restore, Action::CloseDirectly]);
pub(super) const TAKE_BACK: Rule =
    Rule::MayOneOf(&[Action::RequestCut, Action::ApproveCut, Action::Restore, Action::CloseDirectly]);

/// How many steps of an order are shown.
const MOST_STEPS: u32 = 500;
