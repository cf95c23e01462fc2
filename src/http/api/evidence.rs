//! `/api/v1/evidence`: what the rules of cuts need to know of customers: notices given, arrears, payments, identities.
//!
//! A list is taken whole or not at all, but for payments: one that is booked protects its customer at once, whoever else
//! is on the list.

use std::collections::{HashMap, HashSet};

use axum::Json;
use axum::extract::State;
use dlt645::address::MeterAddress;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::objected::{supply, unknown_numbers};
use super::written::{LONGEST, decimal, instant, named, some_words};
use crate::domain::access::{Action, Regions};
use crate::http::routes::Routes;
use crate::http::{Caller, Given, Problem, Services, Topic};
use crate::store::NumberedPoint;
use crate::store::supply::{ArrearsEntry, IdentityEntry, NoticeEntry, PaymentEntry};

pub(super) fn routes() -> Routes {
    Routes::default()
        .api::<__path_notices, _, _>(Action::EnterEvidence, notices)
        .api::<__path_arrears, _, _>(Action::EnterEvidence, arrears)
        .taking(LARGE)
        .api::<__path_payments, _, _>(Action::EnterPayments, payments)
        .api::<__path_identities, _, _>(Action::EnterEvidence, identities)
}

/// Notices that were given.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NoticesBody {
    notices: Vec<NoticeGiven>,
}

/// A notice that was given.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NoticeGiven {
    /// Number of the point.
    point: String,
    /// reminder, cut, or second: the one right before a cut.
    kind: String,
    /// When it reached the customer, RFC 3339.
    given_at: String,
    /// How: by hand, posted, by message.
    how: String,
    /// Who gave it.
    given_by: String,
}

/// Who owes what: the whole list. Whoever is not on it owes nothing.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ArrearsBody {
    /// The instant the list holds for, RFC 3339: later payments are taken off.
    as_of: String,
    arrears: Vec<ArrearsOwed>,
}

/// What a customer owes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ArrearsOwed {
    /// Number of the customer.
    customer: String,
    /// Since when, RFC 3339.
    since: String,
    /// How much, an exact decimal.
    amount_yuan: String,
}

/// Payments.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PaymentsBody {
    payments: Vec<PaymentMade>,
}

/// A payment.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PaymentMade {
    /// Number of the customer.
    customer: String,
    /// Its number at whoever took it; the same again is the same payment.
    reference: String,
    /// How much, an exact decimal.
    amount_yuan: String,
    /// When, RFC 3339.
    paid_at: String,
}

/// Which meters were found at which points.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct IdentitiesBody {
    identities: Vec<IdentityChecked>,
}

/// That somebody has checked which meter is there.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct IdentityChecked {
    /// Number of the point.
    point: String,
    /// Address of the meter that was found there.
    meter: String,
    /// When, RFC 3339.
    verified_at: String,
    /// True when it supplies another household.
    #[serde(default)]
    is_crossed: bool,
    /// Who looked.
    verified_by: String,
}

/// What was entered.
#[derive(Debug, Serialize, ToSchema)]
struct EnteredAnswer {
    /// How many entries.
    entered: usize,
}

/// What became of payments.
#[derive(Debug, Serialize, ToSchema)]
struct PaymentsAnswer {
    /// How many were entered.
    entered: usize,
    /// How many points of cuts were taken back by them.
    taken_back: usize,
    /// Numbers of customers that are not here; their payments were not entered.
    unknown_customers: Vec<String>,
}

/// Enter notices that were given
///
/// All or none. The same notice again changes nothing.
#[utoipa::path(post, path = "/api/v1/evidence/notices", tag = "evidence",
    request_body = NoticesBody, responses((status = 200, body = EnteredAnswer)))]
async fn notices(
    State(services): State<Services>,
    caller: Caller,
    Given(body): Given<NoticesBody>,
) -> Result<Json<EnteredAnswer>, Problem> {
    let numbers: Vec<&str> = body.notices.iter().map(|notice| notice.point.as_str()).collect();
    let points = points(&services, &caller, &numbers).await?;
    let mut entries = Vec::with_capacity(body.notices.len());
    for notice in &body.notices {
        entries.push(NoticeEntry {
            point: found(&points, &notice.point)?.point,
            kind: named(&notice.kind)?,
            given_at: instant(&notice.given_at)?,
            how: some_words(&notice.how, LONGEST)?.to_owned(),
            given_by: some_words(&notice.given_by, LONGEST)?.to_owned(),
        });
    }
    services.store.enter_notices(&caller.acting, &entries, services.clock.now()).await?;
    Ok(Json(EnteredAnswer { entered: entries.len() }))
}

/// Take over who owes what
///
/// The list is whole, so it takes an account for the whole network.
#[utoipa::path(post, path = "/api/v1/evidence/arrears", tag = "evidence",
    request_body = ArrearsBody, responses((status = 200, body = EnteredAnswer)))]
async fn arrears(
    State(services): State<Services>,
    caller: Caller,
    Given(body): Given<ArrearsBody>,
) -> Result<Json<EnteredAnswer>, Problem> {
    if caller.acting.regions != Regions::All {
        return Err(Problem::not_allowed());
    }
    let as_of = instant(&body.as_of)?;
    let numbers: Vec<&str> = body.arrears.iter().map(|owed| owed.customer.as_str()).collect();
    let customers = services.store.numbered_customers(&numbers, &caller.acting.regions).await?;
    let unknown: Vec<&str> = numbers.into_iter().filter(|number| !customers.contains_key(*number)).collect();
    if !unknown.is_empty() {
        return Err(unknown_numbers(&unknown));
    }
    let (mut entries, mut listed) = (Vec::with_capacity(body.arrears.len()), HashSet::new());
    for owed in &body.arrears {
        let customer = *found(&customers, &owed.customer)?;
        let (since, amount_fen) = (instant(&owed.since)?, positive(&owed.amount_yuan)?);
        if !listed.insert(customer) {
            let en = format!("the customer {} is on the list twice", owed.customer);
            return Err(Problem::unacceptable(
                "customer_twice",
                &en,
                &format!("用户 {} 重复", owed.customer),
            ));
        }
        entries.push(ArrearsEntry { customer, since, amount_fen, as_of });
    }
    services.store.enter_arrears(&caller.acting, &entries, services.clock.now()).await?;
    Ok(Json(EnteredAnswer { entered: entries.len() }))
}

/// Enter payments
///
/// A payment takes back, at once, every cut of its customer for arrears that was not sent yet.
#[utoipa::path(post, path = "/api/v1/evidence/payments", tag = "evidence",
    request_body = PaymentsBody, responses((status = 200, body = PaymentsAnswer)))]
async fn payments(
    State(services): State<Services>,
    caller: Caller,
    Given(body): Given<PaymentsBody>,
) -> Result<Json<PaymentsAnswer>, Problem> {
    let numbers: Vec<&str> = body.payments.iter().map(|payment| payment.customer.as_str()).collect();
    let customers = services.store.numbered_customers(&numbers, &caller.acting.regions).await?;
    let (mut entries, mut unknown_customers) = (Vec::new(), Vec::new());
    for payment in &body.payments {
        let reference = some_words(&payment.reference, LONGEST)?.to_owned();
        let (paid_at, amount_fen) = (instant(&payment.paid_at)?, positive(&payment.amount_yuan)?);
        match customers.get(&payment.customer) {
            Some(customer) => {
                entries.push(PaymentEntry { customer: *customer, reference, amount_fen, paid_at });
            }
            None => unknown_customers.push(payment.customer.clone()),
        }
    }
    let taken_back = supply(&services)?.enter_payments(&caller.acting, &entries).await?;
    if taken_back > 0 {
        services.changes.tell(Topic::Order);
    }
    Ok(Json(PaymentsAnswer { entered: entries.len(), taken_back, unknown_customers }))
}

/// Enter which meters were found at which points
///
/// All or none.
#[utoipa::path(post, path = "/api/v1/evidence/identities", tag = "evidence",
    request_body = IdentitiesBody, responses((status = 200, body = EnteredAnswer)))]
async fn identities(
    State(services): State<Services>,
    caller: Caller,
    Given(body): Given<IdentitiesBody>,
) -> Result<Json<EnteredAnswer>, Problem> {
    let numbers: Vec<&str> = body.identities.iter().map(|checked| checked.point.as_str()).collect();
    let points = points(&services, &caller, &numbers).await?;
    let addresses: Vec<MeterAddress> = body
        .identities
        .iter()
        .map(|checked| checked.meter.parse().map_err(|_| unknown_numbers(&[&checked.meter])))
        .collect::<Result<_, _>>()?;
    let mut entries = Vec::with_capacity(body.identities.len());
    for (checked, address) in body.identities.iter().zip(addresses) {
        let meter = services.store.meter_with(address).await?;
        entries.push(IdentityEntry {
            point: found(&points, &checked.point)?.point,
            meter: meter.ok_or_else(|| unknown_numbers(&[&checked.meter]))?,
            verified_at: instant(&checked.verified_at)?,
            is_crossed: checked.is_crossed,
            verified_by: some_words(&checked.verified_by, LONGEST)?.to_owned(),
        });
    }
    services.store.enter_identities(&caller.acting, &entries, services.clock.now()).await?;
    services.judge_cuts_again();
    Ok(Json(EnteredAnswer { entered: entries.len() }))
}

/// The points with these numbers, all of which have to be there.
pub(in crate::http) async fn points(
    services: &Services,
    caller: &Caller,
    numbers: &[&str],
) -> Result<HashMap<String, NumberedPoint>, Problem> {
    let found = services.store.numbered_points(numbers, &caller.acting.regions).await?;
    let unknown: Vec<&str> = numbers.iter().filter(|number| !found.contains_key(**number)).copied().collect();
    if unknown.is_empty() { Ok(found) } else { Err(unknown_numbers(&unknown)) }
}

/// What has this number.
pub(in crate::http) fn found<'a, T>(all: &'a HashMap<String, T>, number: &str) -> Result<&'a T, Problem> {
    all.get(number).ok_or_else(|| unknown_numbers(&[number]))
}

/// An amount of money in fen, more than nothing.
pub(in crate::http) fn positive(yuan: &str) -> Result<i64, Problem> {
    let amount = decimal(yuan, 2)?;
    if amount > 0 {
        return Ok(amount);
    }
    Err(Problem::unacceptable("amount", "an amount is more than nothing", "金额须大于零"))
}

/// The list of all that is owed may be long.
const LARGE: usize = 32 << 20;
