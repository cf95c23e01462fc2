//! `/api/v1/meters`: the archive, by page and one by one.
#![expect(unused_qualifications, reason = "what utoipa makes of parameters")]

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::accounts::ListMeta;
use crate::domain::access::Action;
use crate::domain::{ClockOffset, Coded, Multiplier};
use crate::http::meter_clock::{ClockWas, set_clock};
use crate::http::routes::Routes;
use crate::http::{Asked, Caller, Problem, Services};
use crate::store::view::{MeterLine, MeterPlace, MeterSheet, MeterSort, MetersAsked, Stay};

pub(super) fn routes() -> Routes {
    Routes::default()
        .api::<__path_list, _, _>(Action::SeeStatus, list)
        .api::<__path_show, _, _>(Action::SeeStatus, show)
        .api::<__path_set, _, _>(Action::SetClock, set)
}

/// Which meters.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Which {
    /// What the address, asset number, point, customer or area holds. Customers are looked at only for those who may see
    /// them.
    q: Option<String>,
    /// Where to go on: `next_cursor` of the answer before.
    cursor: Option<String>,
    /// How many at most, 1 to 500.
    limit: Option<u32>,
}

/// A meter.
#[derive(Debug, Serialize, ToSchema)]
struct MeterShown {
    /// Its address.
    address: String,
    /// Its asset number.
    asset_number: Option<String>,
    /// What it speaks.
    protocol: String,
    /// Its line, or its terminal.
    line: Option<String>,
    /// The point it measures.
    point_number: Option<String>,
    /// The customer; `null` for those who may not see customers.
    customer_number: Option<String>,
    /// The customer's name, likewise.
    customer_name: Option<String>,
    /// The transformer area.
    transformer_area: Option<String>,
    /// Whether supply at the point may not be taken away.
    is_protected: bool,
}

/// All that the archive says of a meter.
#[derive(Debug, Serialize, ToSchema)]
struct SheetShown {
    #[serde(flatten)]
    meter: MeterShown,
    /// Its profile; `null` for the default of its protocol.
    profile: Option<String>,
    /// Its measuring point at a terminal.
    measuring_point: Option<i64>,
    /// What is measured.
    role: Option<String>,
    /// The feeder.
    feeder: Option<String>,
    /// The reading route.
    route: Option<String>,
    /// The points it measured, the last first.
    installations: Vec<StayShown>,
}

/// A stretch of time for which a meter measured a point.
#[derive(Debug, Serialize, ToSchema)]
struct StayShown {
    /// The number of the point.
    point_number: String,
    /// From when on, RFC 3339.
    installed_at: String,
    /// Until when, RFC 3339.
    removed_at: Option<String>,
    /// What its registers are multiplied by.
    multiplier: Option<String>,
    /// The ratio of the current transformers.
    ct: Option<String>,
    /// The ratio of the voltage transformers.
    vt: Option<String>,
}

/// Meters.
#[derive(Debug, Serialize, ToSchema)]
struct MetersAnswer {
    /// In the order of their addresses.
    meters: Vec<MeterShown>,
    /// Where to go on.
    meta: ListMeta,
}

/// One meter.
#[derive(Debug, Serialize, ToSchema)]
struct MeterAnswer {
    /// The meter.
    meter: SheetShown,
}

/// Meters of the archive, in the order of their addresses
#[utoipa::path(get, path = "/api/v1/meters", tag = "archive", params(Which),
    responses((status = 200, body = MetersAnswer)))]
async fn list(
    State(services): State<Services>,
    caller: Caller,
    Asked(which): Asked<Which>,
) -> Result<Json<MetersAnswer>, Problem> {
    let limit = which.limit.unwrap_or(100).clamp(1, 500);
    let with_customers = caller.may(Action::SeeCustomers);
    let asked = MetersAsked {
        words: which.q.as_deref().unwrap_or(""),
        with_customers,
        sort: (MeterSort::Address, false),
        after: which.cursor.as_deref().map(place).transpose()?,
        at_most: limit,
        now: services.clock.now(),
    };
    let lines = services.store.meter_lines(&asked, &caller.acting.regions).await?;
    let is_full = u32::try_from(lines.len()).unwrap_or(u32::MAX) >= limit;
    let next = lines.last().filter(|_| is_full).map(|line| cursor(&line.place));
    let meta = ListMeta { count: lines.len(), next_cursor: next };
    let meters = lines.into_iter().map(|line| shown(line, with_customers)).collect();
    Ok(Json(MetersAnswer { meters, meta }))
}

/// All that the archive says of a meter
#[utoipa::path(get, path = "/api/v1/meters/{address}", tag = "archive", params(("address" = String, Path)),
    responses((status = 200, body = MeterAnswer)))]
async fn show(
    State(services): State<Services>,
    caller: Caller,
    Path(address): Path<String>,
) -> Result<Json<MeterAnswer>, Problem> {
    let sheet = sheet_of(&services, &caller, &address).await?;
    let MeterSheet { line, profile, measuring_point, role, feeder, route, stays, .. } = sheet;
    let meter = SheetShown {
        meter: shown(line, caller.may(Action::SeeCustomers)),
        profile,
        measuring_point,
        role: role.map(|role| role.name().to_owned()),
        feeder,
        route,
        installations: stays.into_iter().map(stay).collect(),
    };
    Ok(Json(MeterAnswer { meter }))
}

/// How the clock of a meter stood before it was set, and stands now.
#[derive(Debug, Serialize, ToSchema)]
struct MeterClockAnswer {
    /// How many seconds it was fast, negative when it was slow; `null` for a clock that showed no time.
    fast_seconds_before: Option<i64>,
    /// How many seconds it is fast now.
    fast_seconds_now: i64,
    /// Whether anything was sent: nothing is to a clock that is right.
    was_sent: bool,
}

/// Set the clock of a meter to the present
///
/// Sent at once and read back; only to meters of the 2007 edition on a line of this process, with the password of level 04. Not
/// within ten minutes of midnight, by our clock or by the meter's; a clock that is right within five seconds stays as it is.
#[utoipa::path(post, path = "/api/v1/meters/{address}/clock", tag = "meters",
    params(("address" = String, Path)),
    responses((status = 200, body = MeterClockAnswer),
        (status = 409, description = "not now, not from here, refused, or unknown: the code says which")))]
async fn set(
    State(services): State<Services>,
    caller: Caller,
    Path(address): Path<String>,
) -> Result<Json<MeterClockAnswer>, Problem> {
    let ClockWas { before, now, was_sent } = set_clock(&services, &caller, &address).await?;
    let seconds = |offset: ClockOffset| offset.fast_us / 1_000_000;
    let fast_seconds_before = before.map(seconds);
    Ok(Json(MeterClockAnswer { fast_seconds_before, fast_seconds_now: seconds(now), was_sent }))
}

/// The meter with an address, as far as the caller may see it.
pub(super) async fn sheet_of(
    services: &Services,
    caller: &Caller,
    address: &str,
) -> Result<MeterSheet, Problem> {
    let address = super::reads::address(address)?.to_string();
    let sheet = services.store.meter_sheet(&address, &caller.acting.regions, services.clock.now()).await?;
    sheet.ok_or_else(Problem::not_there)
}

fn shown(line: MeterLine, with_customers: bool) -> MeterShown {
    let (number, name) = line.customer.filter(|_| with_customers).unzip();
    MeterShown {
        address: line.address,
        asset_number: line.asset,
        protocol: line.protocol.name().to_owned(),
        line: line.line,
        point_number: line.point,
        customer_number: number,
        customer_name: name,
        transformer_area: line.area,
        is_protected: line.is_protected,
    }
}

fn stay(stay: Stay) -> StayShown {
    let (multiplier, ct, vt) = match stay.multiplier {
        Some((hundredths, ct, vt)) => {
            (u64::try_from(hundredths).ok().and_then(Multiplier::from_hundredths), Some(ct), Some(vt))
        }
        None => (None, None, None),
    };
    StayShown {
        point_number: stay.point,
        installed_at: stay.from.to_string(),
        removed_at: stay.until.map(|until| until.to_string()),
        multiplier: multiplier.map(|multiplier| multiplier.to_string()),
        ct,
        vt,
    }
}

/// A place in the list, as a cursor.
fn cursor(place: &MeterPlace) -> String {
    format!("{}.{}", place.meter, place.sorted)
}

fn place(cursor: &str) -> Result<MeterPlace, Problem> {
    let malformed = || Problem::malformed("the cursor is none of an answer", "翻页游标无效");
    let (meter, sorted) = cursor.split_once('.').ok_or_else(malformed)?;
    let meter = meter.parse().map_err(|_| malformed())?;
    Ok(MeterPlace { sorted: sorted.to_owned(), meter })
}
