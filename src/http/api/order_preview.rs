//! `/api/v1/orders/{id}/preview` and `/api/v1/orders/{id}/report`: what an order may lead to before anything is sent, and what
//! is written of an emergency cut afterwards.

use axum::Json;
use axum::extract::{Path, State};
use dlt645::quantity::Quantity;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::orders::find;
use super::written::{LONGEST, some_words};
use crate::domain::Id;
use crate::domain::access::Action;
use crate::domain::relay::Prepaid;
use crate::domain::supply::OrderKind;
use crate::http::orderable::{Orderable, OrderableShown};
use crate::http::routes::Routes;
use crate::http::{Caller, Given, Problem, Services, Topic};
use crate::store::supply::{EmergencyReport, HoldEnd};

pub(super) fn routes() -> Routes {
    Routes::default()
        .api::<__path_preview, _, _>(Action::SeeCustomers, preview)
        .api::<__path_report, _, _>(Action::SeeCustomers, report)
        .api::<__path_write_report, _, _>(Action::RequestCut, write_report)
}

/// A point of an order, before anything is sent.
#[derive(Debug, Serialize, ToSchema)]
struct PreviewPoint {
    /// Its number.
    point: String,
    /// Address of the meter.
    meter: String,
    /// Whether the meter can be ordered from here.
    orderable: OrderableShown,
    /// What the end of its hold may lead to; `null` for other orders.
    hold_end: Option<HoldEndShown>,
}

/// What the end of a hold may lead to.
#[derive(Debug, Serialize, ToSchema)]
struct HoldEndShown {
    /// True unless the meter has said that it is not prepaid and is not about to trip.
    may_trip: bool,
    /// no, energy, money, reserved; `null` when the meter never said.
    prepaid: Option<String>,
    /// The meter says that it is about to trip.
    is_about_to_trip: bool,
    /// When it said so, RFC 3339.
    told_at: Option<String>,
    /// What the customer owes.
    owed_yuan: String,
}

/// What an order may lead to.
#[derive(Debug, Serialize, ToSchema)]
struct PreviewAnswer {
    /// How many meters may trip by themselves.
    may_trip: usize,
    /// How many cannot be ordered from here.
    cannot_be_ordered: usize,
    points: Vec<PreviewPoint>,
}

/// The report of an emergency cut.
#[derive(Debug, Serialize, ToSchema)]
struct EmergencyReportShown {
    /// The order.
    order: String,
    /// When its first frame was sent, or may have been, RFC 3339.
    sent_at: String,
    /// Until when it is to be written, RFC 3339.
    due_at: String,
    /// What was written; `null` until it is.
    text: Option<String>,
    /// When it was entered, RFC 3339.
    entered_at: Option<String>,
    /// By whom.
    entered_by: Option<String>,
}

/// The report of an emergency cut.
#[derive(Debug, Serialize, ToSchema)]
struct ReportAnswer {
    /// `null` where none is due: it is no emergency cut, or nothing was sent.
    report: Option<EmergencyReportShown>,
}

/// What is written of an emergency cut.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ReportBody {
    /// The report, or its number and gist.
    text: String,
}

/// What an order may lead to, before anything is sent
///
/// Whether each meter can be ordered from here, and which meters may cut by themselves when their holds end.
#[utoipa::path(get, path = "/api/v1/orders/{id}/preview", tag = "orders",
    params(("id" = String, Path)), responses((status = 200, body = PreviewAnswer)))]
async fn preview(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Json<PreviewAnswer>, Problem> {
    let view = find(&services, &caller, Id::new(id)).await?;
    let mut ends = Vec::new();
    if view.order.content.kind == OrderKind::HoldOff {
        ends = services.store.hold_ends(view.order.id).await?;
    }
    let mut points = Vec::with_capacity(view.points.len());
    for point in &view.points {
        let of_point = |end: &&HoldEnd| end.point == point.ordered.point;
        points.push(PreviewPoint {
            point: point.number.clone(),
            meter: point.address.clone(),
            orderable: Orderable::of(&services, point.ordered.point, view.order.content.kind).await?.shown(),
            hold_end: ends.iter().find(of_point).map(hold_end),
        });
    }
    let cannot_be_ordered = points.iter().filter(|point| !point.orderable.can_be_ordered).count();
    let may_trip = ends.iter().filter(|end| end.may_trip()).count();
    Ok(Json(PreviewAnswer { may_trip, cannot_be_ordered, points }))
}

fn hold_end(end: &HoldEnd) -> HoldEndShown {
    let prepaid = end.told.map(|(word, _)| match word.prepaid() {
        Prepaid::No => "no",
        Prepaid::Energy => "energy",
        Prepaid::Money => "money",
        Prepaid::Reserved => "reserved",
    });
    HoldEndShown {
        may_trip: end.may_trip(),
        prepaid: prepaid.map(str::to_owned),
        is_about_to_trip: end.told.is_some_and(|(word, _)| word.is_about_to_trip()),
        told_at: end.told.map(|(_, at)| at.to_string()),
        owed_yuan: Quantity::new(end.owed_fen, 2).to_string(),
    }
}

/// The report of an emergency cut
#[utoipa::path(get, path = "/api/v1/orders/{id}/report", tag = "orders",
    params(("id" = String, Path)), responses((status = 200, body = ReportAnswer)))]
async fn report(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Json<ReportAnswer>, Problem> {
    let view = find(&services, &caller, Id::new(id)).await?;
    let report = services.store.emergency_report(view.order.id).await?;
    Ok(Json(ReportAnswer { report: report.map(report_shown) }))
}

/// Enter the report of an emergency cut, once
#[utoipa::path(post, path = "/api/v1/orders/{id}/report", tag = "orders", request_body = ReportBody,
    params(("id" = String, Path)), responses((status = 200, body = ReportAnswer)))]
async fn write_report(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
    Given(body): Given<ReportBody>,
) -> Result<Json<ReportAnswer>, Problem> {
    let order = find(&services, &caller, Id::new(id)).await?.order.id;
    let text = some_words(&body.text, 4 * LONGEST)?;
    services.store.write_emergency_report(&caller.acting, order, text, services.clock.now()).await?;
    services.changes.tell(Topic::Order);
    let report = services.store.emergency_report(order).await?;
    Ok(Json(ReportAnswer { report: report.map(report_shown) }))
}

fn report_shown(report: EmergencyReport) -> EmergencyReportShown {
    let (order, sent_at, due_at) = (report.order, report.sent_at, report.due_at());
    let (text, entered_at, entered_by) = match report.written {
        Some((text, at, by)) => (Some(text), Some(at.to_string()), Some(by)),
        None => (None, None, None),
    };
    EmergencyReportShown {
        order: order.to_string(),
        sent_at: sent_at.to_string(),
        due_at: due_at.to_string(),
        text,
        entered_at,
        entered_by,
    }
}
