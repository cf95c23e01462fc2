//! `/api/v1/consumptions`: what points used on days (日电量), multiplied, as billing has it.
#![expect(unused_qualifications, reason = "what utoipa makes of parameters")]

use axum::Json;
use axum::extract::{Path, State};
use dlt645::quantity::Quantity;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::accounts::ListMeta;
use super::evidence::{found, points};
use super::written::{day, field};
use crate::billing::{Origin, origins, traced};
use crate::domain::access::Action;
use crate::domain::{Coded, Day, Item};
use crate::http::routes::Routes;
use crate::http::{Asked, Caller, Problem, Services};
use crate::store::billing::DayConsumption;

pub(super) fn routes() -> Routes {
    Routes::default()
        .api::<__path_list, _, _>(Action::SeeCustomers, list)
        .api::<__path_used, _, _>(Action::SeeCustomers, used)
}

/// Which of a day.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct DayAsked {
    /// The day, `2026-11-27`; the newest that has a consumption where it is not given.
    day: Option<String>,
    /// Only this item, an OBIS code such as `1.8.0`.
    item: Option<String>,
    /// Where to go on: `next_cursor` of the answer before.
    cursor: Option<String>,
    /// How many at most, 1 to 500.
    limit: Option<u32>,
}

/// Which of a point.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct PointAsked {
    /// The first day, `2026-11-01`; thirty days before the last one where it is not given.
    from: Option<String>,
    /// The last day; yesterday where it is not given.
    until: Option<String>,
    /// Only this item, an OBIS code such as `1.8.0`.
    item: Option<String>,
}

/// What a point used on a day.
#[derive(Debug, Serialize, ToSchema)]
struct ConsumptionShown {
    /// Number of the point.
    point: String,
    /// The day.
    day: String,
    /// The item, an OBIS code.
    item: String,
    /// What it is called.
    name: String,
    /// The same in Chinese.
    name_zh: String,
    /// Exact decimal, multiplied; `null` where what is kept of it is damaged.
    value: Option<String>,
    /// Its unit.
    unit: String,
    /// How far it may be trusted.
    quality: Option<String>,
    /// Which version counts.
    version: i64,
    /// Where it comes from: `parts` with the meter, the multiplier, and an `opening` and a `closing` read each. Each read has the
    /// number of the exchange that brought it (`fetch`), the run of that (`run`, `run_day`), and the page of its frames (`frames`);
    /// `null` for what a person read, outside a run, and for frames that were let go.
    #[schema(value_type = Object)]
    lineage: serde_json::Value,
}

/// Daily consumptions.
#[derive(Debug, Serialize, ToSchema)]
struct ConsumptionsAnswer {
    /// Of a day by item and point, of a point by day and item.
    consumptions: Vec<ConsumptionShown>,
    meta: ListMeta,
}

/// What points used on a day
///
/// For an account of some areas the points of these. What is open has none: `chaobiao billing list --open` says why.
#[utoipa::path(get, path = "/api/v1/consumptions", tag = "consumptions", params(DayAsked),
    responses((status = 200, body = ConsumptionsAnswer)))]
async fn list(
    State(services): State<Services>,
    caller: Caller,
    Asked(asked): Asked<DayAsked>,
) -> Result<Json<ConsumptionsAnswer>, Problem> {
    let store = &services.store;
    let of = match asked.day.as_deref() {
        Some(text) => field("day", day(text))?,
        None => store.newest_billing_day().await?.unwrap_or_else(|| yesterday(&services)),
    };
    let item = asked.item.as_deref().map(item).transpose()?;
    let after = asked.cursor.as_deref().map(place).transpose()?;
    let limit = asked.limit.unwrap_or(100).clamp(1, 500);
    let found = store.consumptions_of_day(of, item, after, (&caller.acting.regions, limit)).await?;
    let is_full = u32::try_from(found.len()).unwrap_or(u32::MAX) >= limit;
    let next_cursor = found.last().filter(|_| is_full).map(cursor);
    answer(&services, found, next_cursor).await
}

/// What a point used on each of up to 400 days
#[utoipa::path(get, path = "/api/v1/points/{point}/consumptions", tag = "consumptions",
    params(("point" = String, Path, description = "number of the point"), PointAsked),
    responses((status = 200, body = ConsumptionsAnswer)))]
async fn used(
    State(services): State<Services>,
    caller: Caller,
    Path(number): Path<String>,
    Asked(asked): Asked<PointAsked>,
) -> Result<Json<ConsumptionsAnswer>, Problem> {
    let until = asked.until.as_deref().map(|text| field("until", day(text))).transpose()?;
    let until = until.unwrap_or_else(|| yesterday(&services));
    let from = asked.from.as_deref().map(|text| field("from", day(text))).transpose()?;
    let from = from.unwrap_or_else(|| until.plus(-MONTH));
    if from > until || until.number() - from.number() >= MOST_DAYS {
        return Err(Problem::unacceptable(
            "span",
            &format!("from the first day to the last there may be 1 to {MOST_DAYS}"),
            &format!("起止日期须在 1 至 {MOST_DAYS} 天以内"),
        ));
    }
    let item = asked.item.as_deref().map(item).transpose()?;
    let points = points(&services, &caller, &[number.as_str()]).await?;
    let point = found(&points, &number)?.point;
    let found = services.store.consumptions_of_point(point, (from, until), item).await?;
    answer(&services, found, None).await
}

async fn answer(
    services: &Services,
    found: Vec<DayConsumption>,
    next_cursor: Option<String>,
) -> Result<Json<ConsumptionsAnswer>, Problem> {
    let values: Vec<_> = found.iter().map(|found| (found.key.item, found.content.lineage.as_str())).collect();
    let reads = origins(&services.store, &values).await?;
    let consumptions: Vec<_> = found.iter().zip(&reads).map(|(found, reads)| shown(found, reads)).collect();
    let meta = ListMeta { count: consumptions.len(), next_cursor };
    Ok(Json(ConsumptionsAnswer { consumptions, meta }))
}

fn shown(found: &DayConsumption, reads: &[Origin]) -> ConsumptionShown {
    let DayConsumption { point_number, key, version, content } = found;
    let item = key.item;
    ConsumptionShown {
        point: point_number.clone(),
        day: key.day.to_string(),
        item: item.code().to_string(),
        name: item.name_en(),
        name_zh: item.name_zh(),
        value: content.value.map(|(value, _)| Quantity::new(value, key.decimals()).to_string()),
        unit: item.unit().to_owned(),
        quality: content.value.map(|(_, quality)| quality.name().to_owned()),
        version: *version,
        lineage: traced(&content.lineage, reads),
    }
}

fn yesterday(services: &Services) -> Day {
    Day::of(services.clock.now()).previous()
}

fn item(code: &str) -> Result<Item, Problem> {
    Item::parse(code).ok_or_else(|| {
        let (en, zh) =
            ("`item`: an OBIS code such as 1.8.0 is expected", "字段 item：须为 OBIS 代码，如 1.8.0");
        Problem::malformed(en, zh)
    })
}

fn cursor(found: &DayConsumption) -> String {
    format!("{}.{}", found.key.item.key().number(), found.key.point)
}

fn place(cursor: &str) -> Result<[i64; 2], Problem> {
    let numbers =
        cursor.split_once('.').and_then(|(item, point)| Some([item.parse().ok()?, point.parse().ok()?]));
    numbers.ok_or_else(|| Problem::malformed("the cursor is none of an answer", "翻页游标无效"))
}

const MONTH: i64 = 30;
const MOST_DAYS: i64 = 400;
