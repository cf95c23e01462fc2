//! `/api/v1/supply/ceilings` and `/api/v1/supply/terms`: how many may be cut at once, and what a cut has to keep to.
//!
//! Ceilings are made stricter by one person and loosened by two approvers, never above what is built in; a row of terms
//! is proposed by one person and holds once another one has confirmed it.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::accounts::ListMeta;
use super::proposals::{FactorBody, number_in};
use super::written::{day, field, named};
use crate::domain::access::Action;
use crate::domain::supply::{Ceilings, DatedTerms, Terms};
use crate::domain::{Coded, CustomerClass, Id, TransformerArea};
use crate::http::auth::confirm_second_factor;
use crate::http::once::Once;
use crate::http::routes::{Routes, Rule};
use crate::http::{Caller, Given, Problem, Services};
use crate::store::AuditRecord;
use crate::store::supply::{Lifting, TermsRecord};

pub(super) fn routes() -> Routes {
    Routes::default()
        .api::<__path_ceilings, _, _>(Action::SeeStatus, ceilings)
        .api::<__path_tighten, _, _>(LIMITS, tighten)
        .api::<__path_loosen, _, _>(Action::ConfirmLimits, loosen)
        .api::<__path_terms, _, _>(Action::SeeStatus, terms)
        .api::<__path_propose, _, _>(Action::ProposeLimits, propose)
        .api::<__path_confirm, _, _>(Action::ConfirmLimits, confirm)
}

/// How many may be cut at once.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CeilingsShown {
    /// Points of one order.
    order: u32,
    /// Cuts within an hour.
    hour: u32,
    /// Cuts within a day.
    day: u32,
    /// Percent of the points of one transformer area within an hour.
    area_percent: u32,
    /// Percent of all points within a day.
    total_percent: u32,
}

/// The ceilings.
#[derive(Debug, Serialize, ToSchema)]
struct CeilingsAnswer {
    /// What holds: the stricter of all.
    in_force: CeilingsShown,
    /// What the configuration says; `null` in a process that carries no orders out.
    configured: Option<CeilingsShown>,
    /// What nobody can loosen.
    built_in: CeilingsShown,
}

/// What a cut has to keep to. Everything in seconds.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct TermsShown {
    /// How old the notice must be.
    notice_least_seconds: u64,
    /// How old it may be.
    notice_most_seconds: u64,
    /// How old the second notice must be.
    second_least_seconds: u64,
    /// How old it may be.
    second_most_seconds: u64,
    /// How long the customer must have been in arrears.
    arrears_least_seconds: u64,
    /// How old the check of the meter may be.
    identity_most_seconds: u64,
    /// How old the last read may be.
    read_most_seconds: u64,
}

impl TermsShown {
    /// Of these seconds, in the order of its fields.
    pub(in crate::http) const fn of(seconds: [u64; 7]) -> Self {
        let [notice_least, notice_most, second_least, second_most, arrears, identity, read] = seconds;
        Self {
            notice_least_seconds: notice_least,
            notice_most_seconds: notice_most,
            second_least_seconds: second_least,
            second_most_seconds: second_most,
            arrears_least_seconds: arrears,
            identity_most_seconds: identity,
            read_most_seconds: read,
        }
    }
}

/// A row of the table of terms.
#[derive(Debug, Serialize, ToSchema)]
struct TermsRow {
    /// Its number, of nineteen digits.
    id: String,
    /// From which day on.
    from: String,
    /// The name of the transformer area; `null` for everywhere.
    area: Option<String>,
    /// residential, commercial, industrial or important; `null` for all.
    class: Option<String>,
    terms: TermsShown,
    /// Who proposed it.
    proposed_by: String,
    /// Who confirmed it; `null` while it does not hold.
    confirmed_by: Option<String>,
}

/// The terms of cuts.
#[derive(Debug, Serialize, ToSchema)]
struct TermsAnswer {
    /// What holds where no row fits.
    strict: TermsShown,
    rows: Vec<TermsRow>,
    meta: ListMeta,
}

/// A row to be proposed.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewTerms {
    /// From which day on.
    from: String,
    /// The name of the transformer area; everywhere where it is not given.
    area: Option<String>,
    /// residential, commercial, industrial or important; all where it is not given.
    class: Option<String>,
    terms: TermsShown,
}

/// A row that was proposed.
#[derive(Debug, Serialize, ToSchema)]
struct TermsProposedAnswer {
    /// Its number, of nineteen digits.
    id: String,
}

/// Whether something was loosened.
#[derive(Debug, Serialize, ToSchema)]
struct LoosenedAnswer {
    /// False while a second approver is needed.
    is_loosened: bool,
}

/// How many may be cut at once
#[utoipa::path(get, path = "/api/v1/supply/ceilings", tag = "supply",
    responses((status = 200, body = CeilingsAnswer)))]
async fn ceilings(State(services): State<Services>) -> Result<Json<CeilingsAnswer>, Problem> {
    Ok(Json(answer(&services).await?))
}

async fn answer(services: &Services) -> Result<CeilingsAnswer, Problem> {
    let entered = services.store.ceilings().await?;
    let configured = services.supply.as_ref().map(crate::supply::Supply::ceilings);
    let in_force = configured.map_or(entered, |configured| entered.stricter(configured));
    Ok(CeilingsAnswer {
        in_force: shown(in_force),
        configured: configured.map(shown),
        built_in: shown(Ceilings::BUILT_IN),
    })
}

/// Make ceilings stricter
///
/// One that is looser than what holds changes nothing.
#[utoipa::path(post, path = "/api/v1/supply/ceilings/tighten", tag = "supply",
    request_body = CeilingsShown, responses((status = 200, body = CeilingsAnswer)))]
async fn tighten(
    State(services): State<Services>,
    caller: Caller,
    Given(body): Given<CeilingsShown>,
) -> Result<Json<CeilingsAnswer>, Problem> {
    let CeilingsShown { order, hour, day, area_percent, total_percent } = body;
    let ceilings = Ceilings { order, hour, day, area_percent, total_percent };
    services.store.tighten_ceilings(&caller.acting, ceilings, services.clock.now()).await?;
    services.judge_cuts_again();
    Ok(Json(answer(&services).await?))
}

/// Take away all that was made stricter, when a second approver wants it, too
///
/// What the configuration says holds again.
#[utoipa::path(post, path = "/api/v1/supply/ceilings/loosen", tag = "supply", request_body = FactorBody,
    responses((status = 200, body = LoosenedAnswer), (status = 202, description = "another approver is needed", body = LoosenedAnswer)))]
async fn loosen(
    State(services): State<Services>,
    caller: Caller,
    Given(body): Given<FactorBody>,
) -> Result<(StatusCode, Json<LoosenedAnswer>), Problem> {
    let is_loosened = loosened(&services, &caller, &body.code).await?;
    let status = if is_loosened { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok((status, Json(LoosenedAnswer { is_loosened })))
}

/// Notes that this person wants what was made stricter taken away, with their second factor; says whether it is.
pub(in crate::http) async fn loosened(
    services: &Services,
    caller: &Caller,
    code: &str,
) -> Result<bool, Problem> {
    confirm_second_factor(services, &caller.acting, code).await?;
    let lifting = services.store.loosen_ceilings(&caller.acting, services.clock.now()).await?;
    Ok(lifting == Lifting::Lifted)
}

/// What cuts have to keep to
#[utoipa::path(get, path = "/api/v1/supply/terms", tag = "supply",
    responses((status = 200, body = TermsAnswer)))]
async fn terms(State(services): State<Services>) -> Result<Json<TermsAnswer>, Problem> {
    let names = services.store.names_of_areas().await?;
    let row = |record: TermsRecord| TermsRow {
        id: record.id.to_string(),
        from: record.row.from.to_string(),
        area: record.row.area.map(|area| names.get(&area).cloned().unwrap_or_default()),
        class: record.row.class.map(|class| class.name().to_owned()),
        terms: terms_shown(&record.row.terms),
        proposed_by: record.proposed_by,
        confirmed_by: record.confirmed_by,
    };
    let rows: Vec<_> = services.store.terms().await?.into_iter().map(row).collect();
    let meta = ListMeta { count: rows.len(), next_cursor: None };
    Ok(Json(TermsAnswer { strict: terms_shown(&Terms::STRICT), rows, meta }))
}

/// Propose a row of terms
///
/// It holds once an approver, who is another person, has confirmed it.
#[utoipa::path(post, path = "/api/v1/supply/terms", tag = "supply",
    request_body = NewTerms,
    params(("Idempotency-Key" = Option<String>, Header, description = "the same request with the same key is done once")),
    responses((status = 201, body = TermsProposedAnswer)))]
async fn propose(
    State(services): State<Services>,
    caller: Caller,
    headers: HeaderMap,
    Given(body): Given<NewTerms>,
) -> Result<Response, Problem> {
    let text = format!("terms {}", serde_json::to_string(&body).unwrap_or_default());
    let work = async |caller: Caller| {
        let entry = DatedTerms {
            from: field("from", day(&body.from))?,
            area: field("area", area_of(&services, &caller, body.area.as_deref()).await)?,
            class: field("class", body.class.as_deref().map(named::<CustomerClass>).transpose())?,
            terms: field("terms", terms_of(&body.terms))?,
        };
        let id = services.store.propose_terms(&caller.acting, &entry, services.clock.now()).await?;
        Ok((StatusCode::CREATED, TermsProposedAnswer { id: id.to_string() }))
    };
    let again = async |entry: AuditRecord| {
        let id: Id<DatedTerms> = number_in(&entry, "terms ")?;
        Ok((StatusCode::CREATED, TermsProposedAnswer { id: id.to_string() }))
    };
    Once { services: &services, caller: &caller, headers: &headers }.answer(&text, work, again).await
}

/// Confirm a row of terms as another person than proposed it
#[utoipa::path(post, path = "/api/v1/supply/terms/{id}/confirm", tag = "supply", request_body = FactorBody,
    params(("id" = String, Path)), responses((status = 200, body = TermsProposedAnswer)))]
async fn confirm(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
    Given(body): Given<FactorBody>,
) -> Result<Json<TermsProposedAnswer>, Problem> {
    confirmed(&services, &caller, id, &body.code).await?;
    Ok(Json(TermsProposedAnswer { id: id.to_string() }))
}

/// Confirms a row that waits and that this account may see, with the second factor of whoever does.
pub(in crate::http) async fn confirmed(
    services: &Services,
    caller: &Caller,
    id: i64,
    code: &str,
) -> Result<(), Problem> {
    let known = services.store.terms().await?;
    let record = known.iter().find(|record| record.id.number() == id && record.confirmed_by.is_none());
    let record = record.ok_or_else(Problem::not_there)?;
    if !caller.acting.regions.hold(record.row.area) {
        return Err(Problem::not_there());
    }
    confirm_second_factor(services, &caller.acting, code).await?;
    services.store.confirm_terms(&caller.acting, record.id, services.clock.now()).await?;
    services.judge_cuts_again();
    Ok(())
}

/// The area with a name, within what this account may see.
pub(in crate::http) async fn area_of(
    services: &Services,
    caller: &Caller,
    name: Option<&str>,
) -> Result<Option<Id<TransformerArea>>, Problem> {
    let names = services.store.names_of_areas().await?;
    let called = |name: &str| names.iter().find(|(_, known)| *known == name).map(|(area, _)| *area);
    let area = name.map(|name| called(name).ok_or_else(Problem::not_there)).transpose()?;
    if caller.acting.regions.hold(area) { Ok(area) } else { Err(Problem::not_there()) }
}

/// Terms that can be kept: what is asked for at least does not lie above what is asked for at most, and no cut comes
/// with less notice than the national text gives.
pub(in crate::http) fn terms_of(shown: &TermsShown) -> Result<Terms, Problem> {
    let orders = [
        (shown.notice_least_seconds, shown.notice_most_seconds),
        (shown.second_least_seconds, shown.second_most_seconds),
        (NATIONAL_NOTICE, shown.notice_least_seconds),
        (1, shown.identity_most_seconds),
        (1, shown.read_most_seconds),
    ];
    let all = [
        shown.notice_most_seconds,
        shown.second_most_seconds,
        shown.arrears_least_seconds,
        shown.identity_most_seconds,
        shown.read_most_seconds,
    ];
    if orders.iter().any(|(least, most)| least > most) || all.iter().any(|seconds| *seconds > LONGEST) {
        let en = "what is asked for at least lies below what is asked for at most, and a notice is at least 3 days old";
        return Err(Problem::unacceptable("terms", en, "下限不得高于上限，且停电通知至少提前 3 天"));
    }
    let seconds = Duration::from_secs;
    Ok(Terms {
        notice_least: seconds(shown.notice_least_seconds),
        notice_most: seconds(shown.notice_most_seconds),
        second_least: seconds(shown.second_least_seconds),
        second_most: seconds(shown.second_most_seconds),
        arrears_least: seconds(shown.arrears_least_seconds),
        identity_most: seconds(shown.identity_most_seconds),
        read_most: seconds(shown.read_most_seconds),
    })
}

/// Terms as they are written.
pub(super) const fn terms_shown(terms: &Terms) -> TermsShown {
    TermsShown {
        notice_least_seconds: terms.notice_least.as_secs(),
        notice_most_seconds: terms.notice_most.as_secs(),
        second_least_seconds: terms.second_least.as_secs(),
        second_most_seconds: terms.second_most.as_secs(),
        arrears_least_seconds: terms.arrears_least.as_secs(),
        identity_most_seconds: terms.identity_most.as_secs(),
        read_most_seconds: terms.read_most.as_secs(),
    }
}

const fn shown(ceilings: Ceilings) -> CeilingsShown {
    let Ceilings { order, hour, day, area_percent, total_percent } = ceilings;
    CeilingsShown { order, hour, day, area_percent, total_percent }
}

pub(in crate::http) const LIMITS: Rule = Rule::MayOneOf(&[Action::ProposeLimits, Action::ConfirmLimits]);

/// Seconds of three days.
const NATIONAL_NOTICE: u64 = 3 * 86_400;
/// Seconds of ten years.
const LONGEST: u64 = 3650 * 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_that_cannot_be_kept_or_give_too_short_a_notice_are_refused() {
        assert_eq!(terms_of(&terms_shown(&Terms::STRICT)), Ok(Terms::STRICT));
        let change = |change: fn(&mut TermsShown)| {
            let mut shown = terms_shown(&Terms::STRICT);
            change(&mut shown);
            terms_of(&shown)
        };
        assert!(change(|terms| terms.notice_least_seconds = NATIONAL_NOTICE).is_ok());
        assert!(change(|terms| terms.notice_least_seconds = NATIONAL_NOTICE - 1).is_err());
        assert!(change(|terms| terms.notice_most_seconds = NATIONAL_NOTICE).is_err());
        assert!(change(|terms| terms.second_most_seconds = 60).is_err());
        assert!(change(|terms| terms.read_most_seconds = 0).is_err());
        assert!(change(|terms| terms.arrears_least_seconds = u64::MAX).is_err());
    }
}
