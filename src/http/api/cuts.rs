//! `/api/v1/cuts`: what was asked to be cut on a day, by account (T31).
#![expect(unused_qualifications, reason = "what utoipa makes of parameters")]

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::written::day;
use crate::domain::Day;
use crate::domain::access::Action;
use crate::http::routes::Routes;
use crate::http::{Asked, Caller, Problem, Services};

pub(super) fn routes() -> Routes {
    Routes::default().api::<__path_of_day, _, _>(Action::SeeCustomers, of_day)
}

/// Which day.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct CutsOf {
    /// The day on which the orders were handed in, `YYYY-MM-DD`; yesterday where it is not given.
    day: Option<String>,
}

/// What an account asked to be cut on a day.
#[derive(Debug, Serialize, ToSchema)]
struct CutsShown {
    /// The account.
    account: String,
    /// How many orders it handed in: cuts and ended supply holds, approved or not.
    orders: u64,
    /// How many points they name.
    points: u64,
    /// To how many of these a frame was sent, or may have been.
    sent: u64,
    /// How many were read to be open.
    open: u64,
}

/// What was asked to be cut on a day.
#[derive(Debug, Serialize, ToSchema)]
struct CutsAnswer {
    /// The day.
    day: String,
    /// By account, the most points first.
    accounts: Vec<CutsShown>,
}

/// What was asked to be cut on a day, by account
#[utoipa::path(get, path = "/api/v1/cuts", tag = "orders", params(CutsOf),
    responses((status = 200, body = CutsAnswer)))]
async fn of_day(
    State(services): State<Services>,
    caller: Caller,
    Asked(asked): Asked<CutsOf>,
) -> Result<Json<CutsAnswer>, Problem> {
    let yesterday = || Day::of(services.clock.now()).previous();
    let of = asked.day.as_deref().map_or_else(|| Ok(yesterday()), day)?;
    let cuts = services.store.cuts_of_day(of, &caller.acting.regions).await?;
    let accounts = cuts.into_iter().map(|cuts| CutsShown {
        account: cuts.by,
        orders: cuts.orders,
        points: cuts.points,
        sent: cuts.sent,
        open: cuts.open,
    });
    Ok(Json(CutsAnswer { day: of.to_string(), accounts: accounts.collect() }))
}
