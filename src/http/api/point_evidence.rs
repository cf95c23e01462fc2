//! `/api/v1/points/{point}/evidence`: what is kept of a point that the rules of cuts go by.

use axum::Json;
use axum::extract::{Path, State};
use dlt645::quantity::Quantity;
use serde::Serialize;
use utoipa::ToSchema;

use super::evidence::{found, points};
use super::terms::{TermsShown, terms_shown};
use crate::domain::access::Action;
use crate::domain::supply::OrderKind;
use crate::domain::{Coded, Moment};
use crate::http::orderable::{Orderable, OrderableShown};
use crate::http::routes::Routes;
use crate::http::{Caller, Problem, Services};
use crate::store::supply::{ArrearsRecord, IdentityRecord, NoticeKept, PaymentRecord, PointEvidence};

pub(super) fn routes() -> Routes {
    Routes::default().api::<__path_of_point, _, _>(Action::SeeCustomers, of_point)
}

/// What is kept of a point.
#[derive(Debug, Serialize, ToSchema)]
struct EvidenceShown {
    /// Its number.
    point: String,
    /// Number of the customer.
    customer: String,
    /// Name of the customer.
    customer_name: String,
    /// Address of the meter there; `null` where there is none.
    meter: Option<String>,
    /// Whether the meter can be cut and restored from here.
    orderable: OrderableShown,
    /// Why it is protected; empty where it is not.
    protections: Vec<String>,
    /// What the customer owes; `null` for nothing.
    arrears: Option<ArrearsOfPoint>,
    /// What the customer has paid, the newest first.
    payments: Vec<PaymentOfPoint>,
    /// What the customer was told, the newest first.
    notices: Vec<NoticeOfPoint>,
    /// When it was last checked which meter is there.
    identity: Option<IdentityOfPoint>,
    /// When the meter was last read, RFC 3339.
    last_read_at: Option<String>,
    /// What a cut of it has to keep to today.
    terms: TermsShown,
}

/// What a customer owes.
#[derive(Debug, Serialize, ToSchema)]
struct ArrearsOfPoint {
    /// Since when, RFC 3339.
    since: String,
    /// What the list says.
    amount_yuan: String,
    /// What is left after later payments.
    left_yuan: String,
    /// The instant the list holds for, RFC 3339.
    as_of: String,
    /// When it was entered, RFC 3339.
    entered_at: String,
    /// By whom.
    entered_by: String,
}

/// A payment.
#[derive(Debug, Serialize, ToSchema)]
struct PaymentOfPoint {
    /// Its number.
    reference: String,
    /// How much.
    amount_yuan: String,
    /// When, RFC 3339.
    paid_at: String,
    /// When it was entered, RFC 3339.
    entered_at: String,
    /// By whom.
    entered_by: String,
}

/// A notice that was given.
#[derive(Debug, Serialize, ToSchema)]
struct NoticeOfPoint {
    /// reminder, cut or second.
    kind: String,
    /// When it reached the customer, RFC 3339.
    given_at: String,
    /// How.
    how: String,
    /// Who gave it.
    given_by: String,
    /// When it was entered, RFC 3339.
    entered_at: String,
    /// By whom.
    entered_by: String,
}

/// A check of which meter is there.
#[derive(Debug, Serialize, ToSchema)]
struct IdentityOfPoint {
    /// Address of the meter that was found.
    meter: String,
    /// It is the one that is there now.
    is_current: bool,
    /// When, RFC 3339.
    verified_at: String,
    /// It supplies another household.
    is_crossed: bool,
    /// Who looked.
    verified_by: String,
}

/// What is kept of one point.
#[derive(Debug, Serialize, ToSchema)]
struct EvidenceAnswer {
    evidence: EvidenceShown,
}

/// What is kept of a point that the rules of cuts go by
#[utoipa::path(get, path = "/api/v1/points/{point}/evidence", tag = "evidence",
    params(("point" = String, Path, description = "number of the point")),
    responses((status = 200, body = EvidenceAnswer)))]
async fn of_point(
    State(services): State<Services>,
    caller: Caller,
    Path(number): Path<String>,
) -> Result<Json<EvidenceAnswer>, Problem> {
    let points = points(&services, &caller, &[number.as_str()]).await?;
    let point = found(&points, &number)?.point;
    let evidence = services.store.evidence_of(point, services.clock.now()).await?;
    let orderable = Orderable::of(&services, point, OrderKind::Cut).await?;
    Ok(Json(EvidenceAnswer { evidence: shown(evidence.ok_or_else(Problem::not_there)?, &orderable) }))
}

fn shown(evidence: PointEvidence, orderable: &Orderable) -> EvidenceShown {
    let (customer, customer_name) = evidence.customer;
    EvidenceShown {
        point: evidence.number,
        customer,
        customer_name,
        meter: evidence.meter,
        orderable: orderable.shown(),
        protections: evidence.protections.into_iter().map(|kind| kind.name().to_owned()).collect(),
        arrears: evidence.arrears.map(arrears),
        payments: evidence.payments.into_iter().map(payment).collect(),
        notices: evidence.notices.into_iter().map(notice).collect(),
        identity: evidence.identity.map(identity),
        last_read_at: evidence.last_read.map(rfc),
        terms: terms_shown(&evidence.terms),
    }
}

fn arrears(record: ArrearsRecord) -> ArrearsOfPoint {
    ArrearsOfPoint {
        since: rfc(record.since),
        amount_yuan: yuan(record.amount_fen),
        left_yuan: yuan(record.left_fen),
        as_of: rfc(record.as_of),
        entered_at: rfc(record.entered.0),
        entered_by: record.entered.1,
    }
}

fn payment(record: PaymentRecord) -> PaymentOfPoint {
    PaymentOfPoint {
        reference: record.reference,
        amount_yuan: yuan(record.amount_fen),
        paid_at: rfc(record.paid_at),
        entered_at: rfc(record.entered.0),
        entered_by: record.entered.1,
    }
}

fn notice(record: NoticeKept) -> NoticeOfPoint {
    NoticeOfPoint {
        kind: record.kind.name().to_owned(),
        given_at: rfc(record.given_at),
        how: record.how,
        given_by: record.given_by,
        entered_at: rfc(record.entered.0),
        entered_by: record.entered.1,
    }
}

fn identity(record: IdentityRecord) -> IdentityOfPoint {
    IdentityOfPoint {
        meter: record.meter,
        is_current: record.is_current,
        verified_at: rfc(record.verified_at),
        is_crossed: record.is_crossed,
        verified_by: record.verified_by,
    }
}

fn yuan(fen: i64) -> String {
    Quantity::new(fen, 2).to_string()
}

fn rfc(at: Moment) -> String {
    at.to_string()
}
