//! `/api/v1/line_loss`: what went into transformer areas and what was used there (线损), by day.
#![expect(unused_qualifications, reason = "what utoipa makes of parameters")]

use axum::Json;
use axum::extract::State;
use dlt645::quantity::Quantity;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::accounts::ListMeta;
use super::written::{day, field};
use crate::domain::access::Action;
use crate::domain::{BillingKind, Day, Item};
use crate::http::console::loss::Loss;
use crate::http::routes::Routes;
use crate::http::{Asked, Caller, Problem, Services};
use crate::store::view::{AreaFlow, Flow};

pub(super) fn routes() -> Routes {
    Routes::default().api::<__path_list, _, _>(Action::SeeCustomers, list)
}

/// Which days.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct LossAsked {
    /// The last day; yesterday where it is not given, and never later.
    day: Option<String>,
    /// How many days up to it, 1 to 31; seven where it is not given.
    days: Option<i64>,
}

/// An area on a day.
#[derive(Debug, Serialize, ToSchema)]
struct LossShown {
    /// The transformer area.
    transformer_area: String,
    /// The day.
    day: String,
    /// What went in less what came back out, with what customers fed in; an exact decimal, `null` while a meter is missing.
    supplied_kwh: Option<String>,
    /// What its customers used, of those that are known.
    used_kwh: String,
    /// What no customer used; `null` while a meter is missing.
    lost_kwh: Option<String>,
    /// The share of what was supplied, to two decimals; `null` while a meter is missing, and where nothing was supplied.
    lost_percent: Option<String>,
    /// normal, high, negative, nothing_supplied or incomplete.
    state: String,
    /// Points with a check meter (考核表).
    check_points: u64,
    /// Of these, with a consumption of the day.
    check_points_known: u64,
    /// Points of customers.
    customer_points: u64,
    /// Of these, with a consumption of the day.
    customer_points_known: u64,
}

/// Line loss.
#[derive(Debug, Serialize, ToSchema)]
struct LossAnswer {
    /// The last day first, of each day by area.
    line_loss: Vec<LossShown>,
    meta: ListMeta,
}

/// Line loss of the transformer areas that have a check meter, day by day
///
/// For an account of some areas of these only. A loss is said only when every meter of the area is known for the day.
#[utoipa::path(get, path = "/api/v1/line_loss", tag = "line_loss", params(LossAsked),
    responses((status = 200, body = LossAnswer)))]
async fn list(
    State(services): State<Services>,
    caller: Caller,
    Asked(asked): Asked<LossAsked>,
) -> Result<Json<LossAnswer>, Problem> {
    let yesterday = Day::of(services.clock.now()).previous();
    let last = asked.day.as_deref().map(|text| field("day", day(text))).transpose()?;
    let last = last.unwrap_or(yesterday).min(yesterday);
    let days = asked.days.unwrap_or(WEEK);
    if !(1..=MOST_DAYS).contains(&days) {
        let en = format!("`days`: a number from 1 to {MOST_DAYS} is expected");
        return Err(Problem::unacceptable("days", &en, &format!("字段 days：须为 1 至 {MOST_DAYS}")));
    }
    let flows = services.store.area_flows((last.plus(1 - days), last), &caller.acting.regions).await?;
    let line_loss: Vec<_> = flows.into_iter().map(shown).collect();
    let meta = ListMeta { count: line_loss.len(), next_cursor: None };
    Ok(Json(LossAnswer { line_loss, meta }))
}

fn shown(flow: AreaFlow) -> LossShown {
    let loss = Loss::of(&flow);
    let (supplied, lost) = match loss {
        Loss::Known { supplied, lost } => (Some(energy(supplied)), Some(energy(lost))),
        Loss::Incomplete { .. } => (None, None),
    };
    let AreaFlow { name, day, check, customers, .. } = flow;
    let Flow { points: check_points, known: check_points_known, .. } = check;
    let Flow { points: customer_points, known: customer_points_known, .. } = customers;
    LossShown {
        transformer_area: name,
        day: day.to_string(),
        supplied_kwh: supplied,
        used_kwh: energy(customers.forward),
        lost_kwh: lost,
        lost_percent: loss.rate().map(|rate| Quantity::new(rate, 2).to_string()),
        state: loss.judged().name().to_owned(),
        check_points,
        check_points_known,
        customer_points,
        customer_points_known,
    }
}

/// A consumption, with all its decimals.
fn energy(scaled: i64) -> String {
    let decimals = Item::parse("1.8.0").map_or(6, |item| BillingKind::Consumption.decimals(item));
    Quantity::new(scaled, decimals).to_string()
}

const WEEK: i64 = 7;
const MOST_DAYS: i64 = 31;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Id;

    #[test]
    fn i06_a_loss_is_told_only_when_all_is_known() {
        let flow = |supplied, used, known| AreaFlow {
            area: Id::new(1),
            name: "朝阳3号台区".to_owned(),
            day: "2026-11-27".parse().unwrap(),
            check: Flow { points: 1, known: 1, forward: supplied, reverse: 0 },
            customers: Flow { points: 210, known, forward: used, reverse: 0 },
        };
        let told = |flow| serde_json::to_value(shown(flow)).unwrap();
        let known = told(flow(1_250_000_000, 1_201_250_000, 210));
        assert_eq!(
            (&known["supplied_kwh"], &known["used_kwh"], &known["lost_kwh"]),
            (&"1250.000000".into(), &"1201.250000".into(), &"48.750000".into())
        );
        assert_eq!((&known["lost_percent"], &known["state"]), (&"3.90".into(), &"normal".into()));
        let missing = told(flow(1_250_000_000, 1_201_250_000, 209));
        assert_eq!(
            (&missing["state"], &missing["customer_points_known"]),
            (&"incomplete".into(), &209.into())
        );
        for name in ["supplied_kwh", "lost_kwh", "lost_percent"] {
            assert!(missing[name].is_null(), "{name}: {missing}");
        }
        assert_eq!(told(flow(500_000_000, 512_000_000, 210))["state"], "negative");
        assert_eq!(told(flow(500_000_000, 400_000_000, 210))["state"], "high");
        assert_eq!(told(flow(0, 0, 210))["state"], "nothing_supplied");
    }
}
