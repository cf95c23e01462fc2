//! `/api/v1/billing`: what was handed to billing and how far it is, and suspect values that wait for a person.
#![expect(unused_qualifications, reason = "what utoipa makes of parameters")]

use axum::Json;
use axum::extract::State;
use dlt645::quantity::Quantity;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::accounts::ListMeta;
use super::written::{day, named};
use crate::billing::{Origin, origins, traced};
use crate::domain::access::Action;
use crate::domain::{Coded, Day, Item};
use crate::http::routes::Routes;
use crate::http::{Asked, Caller, Problem, Services};
use crate::store::billing::OutboxState;
use crate::store::view::{Push, PushPlace, PushesSeen, ReviewLine};

pub(super) fn routes() -> Routes {
    Routes::default()
        .api::<__path_pushes, _, _>(Action::SeePushes, pushes)
        .api::<__path_reviews, _, _>(Action::SeeCustomers, reviews)
}

/// A version of a billing value, and how far it is with one receiver.
#[derive(Debug, Serialize, ToSchema)]
struct PushShown {
    /// Number of the point.
    point: String,
    /// Address of the meter that is there now.
    meter: Option<String>,
    /// What is measured, such as `1-0:1.8.0`.
    item: String,
    /// `register`, what it showed at the beginning of the day, or `consumption` of the day.
    kind: String,
    /// Which version; a later one takes the place of an earlier one.
    version: i64,
    /// An exact decimal; `null` when what was said before is taken back.
    value: Option<String>,
    /// The unit of the value.
    unit: String,
    /// How good the value is.
    quality: Option<String>,
    /// The receiver.
    receiver: String,
    /// waiting, leased, delivered, superseded or parked.
    state: String,
    /// How often it was offered.
    tries: i64,
    /// Since when it is delivered or superseded, RFC 3339.
    done_at: Option<String>,
    /// What was said when it was last not taken.
    last_error: Option<String>,
    /// Where it comes from: by a `rule`, from one `reading` or from `parts` with an `opening` and a `closing` read each, of the
    /// meter that is named. Each read has the number of the exchange that brought it (`fetch`), the run of that (`run`,
    /// `run_day`), and the page of its frames (`frames`); `null` for what a person read, outside a run, and for frames that were let go.
    #[schema(value_type = Object)]
    lineage: serde_json::Value,
}

/// How many versions are in one state with one receiver.
#[derive(Debug, Serialize, ToSchema)]
struct PushCountShown {
    /// The receiver.
    receiver: String,
    /// The state.
    state: String,
    /// How many: of all days while they wait or are parked, else of this day.
    count: u64,
}

/// Versions of a day.
#[derive(Debug, Serialize, ToSchema)]
struct PushesAnswer {
    /// The day.
    day: String,
    pushes: Vec<PushShown>,
    counts: Vec<PushCountShown>,
    meta: ListMeta,
}

/// A suspect value that waits for a person. What becomes of it is proposed under `/api/v1/proposals`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReviewShown {
    /// Its number.
    id: i64,
    /// Address of the meter.
    meter: String,
    /// Number of the point.
    point: Option<String>,
    /// What is measured.
    item: String,
    /// The instant the value holds for, RFC 3339.
    as_of: String,
    /// The suspect value, an exact decimal.
    value: String,
    /// The value that counts until this is decided.
    current_value: Option<String>,
    /// The unit of both.
    unit: String,
    /// What is wrong with it.
    quality: String,
    /// Since when it waits, RFC 3339.
    since: String,
}

/// Suspect values, the oldest first.
#[derive(Debug, Serialize, ToSchema)]
struct ReviewsAnswer {
    reviews: Vec<ReviewShown>,
    meta: ListMeta,
}

/// Which pushes.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct PushesAsked {
    /// Of this day; of the newest that has a consumption where it is not given.
    day: Option<String>,
    /// Only those in this state: waiting, leased, delivered, superseded, parked.
    state: Option<String>,
    /// Only those for this receiver. A page of the list may hold fewer than its limit then.
    receiver: Option<String>,
    /// Only those whose point or meter has this in its number.
    words: Option<String>,
    /// Where to go on: `next_cursor` of the answer before.
    cursor: Option<String>,
    /// How many at most, 1 to 500.
    limit: Option<u32>,
}

/// How many reviews.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct ReviewsAsked {
    /// How many at most, 1 to 500.
    limit: Option<u32>,
}

/// What was handed to billing, by point
///
/// Only of points in the areas of the account, and for a billing service only what is for its own receivers; so are the counts.
#[utoipa::path(get, path = "/api/v1/billing/pushes", tag = "billing",
    params(PushesAsked), responses((status = 200, body = PushesAnswer)))]
async fn pushes(
    State(services): State<Services>,
    caller: Caller,
    Asked(asked): Asked<PushesAsked>,
) -> Result<Json<PushesAnswer>, Problem> {
    let store = &services.store;
    let of = match asked.day.as_deref() {
        Some(text) => day(text)?,
        None => store.newest_billing_day().await?.unwrap_or_else(|| Day::of(services.clock.now())),
    };
    let state: Option<OutboxState> = asked.state.as_deref().map(named).transpose()?;
    let after = asked.cursor.as_deref().map(place).transpose()?;
    let limit = asked.limit.unwrap_or(100).clamp(1, 500);
    let words = asked.words.as_deref().unwrap_or("");
    let seen = pushes_seen(&caller);
    let pushes = store.pushes((of, state), words, after.as_ref(), &seen, limit);
    let (found, counts) = tokio::try_join!(pushes, store.push_counts(of, &seen))?;
    let is_full = u32::try_from(found.len()).unwrap_or(u32::MAX) >= limit;
    let next_cursor = found.last().filter(|_| is_full).map(|push| cursor(&push.place));
    let is_wanted = |push: &Push| asked.receiver.as_ref().is_none_or(|receiver| *receiver == push.receiver);
    let wanted: Vec<Push> = found.into_iter().filter(is_wanted).collect();
    let from = origins(store, &lineages(&wanted)).await?;
    let pushes: Vec<_> = wanted.into_iter().zip(from).map(push_shown).collect();
    let counts = counts.into_iter().map(|count| PushCountShown {
        receiver: count.receiver,
        state: count.state.name().to_owned(),
        count: count.count,
    });
    let meta = ListMeta { count: pushes.len(), next_cursor };
    Ok(Json(PushesAnswer { day: of.to_string(), counts: counts.collect(), pushes, meta }))
}

/// Suspect values that wait for a person, the oldest first
#[utoipa::path(get, path = "/api/v1/billing/reviews", tag = "billing",
    params(ReviewsAsked), responses((status = 200, body = ReviewsAnswer)))]
async fn reviews(
    State(services): State<Services>,
    caller: Caller,
    Asked(asked): Asked<ReviewsAsked>,
) -> Result<Json<ReviewsAnswer>, Problem> {
    let limit = asked.limit.unwrap_or(100).clamp(1, 500);
    let lines = services.store.review_lines(&caller.acting.regions, limit).await?;
    let reviews: Vec<_> = lines.into_iter().map(review_shown).collect();
    let meta = ListMeta { count: reviews.len(), next_cursor: None };
    Ok(Json(ReviewsAnswer { reviews, meta }))
}

/// Whose pushes somebody sees.
pub(in crate::http) fn pushes_seen(caller: &Caller) -> PushesSeen<'_> {
    PushesSeen { regions: &caller.acting.regions, receivers: caller.account.sees_receivers() }
}

/// What versions are of, and where they come from.
pub(in crate::http) fn lineages(pushes: &[Push]) -> Vec<(Item, &str)> {
    pushes.iter().map(|push| (push.item, push.lineage.as_str())).collect()
}

fn push_shown((push, origins): (Push, Vec<Origin>)) -> PushShown {
    let decimals = push.kind.decimals(push.item);
    PushShown {
        point: push.point,
        meter: push.address,
        item: push.item.code().to_string(),
        kind: push.kind.name().to_owned(),
        version: push.version,
        value: push.value.map(|(value, _)| Quantity::new(value, decimals).to_string()),
        unit: push.item.unit().to_owned(),
        quality: push.value.map(|(_, quality)| quality.name().to_owned()),
        receiver: push.receiver,
        state: push.state.name().to_owned(),
        tries: push.tries,
        done_at: push.done_at.map(|at| at.to_string()),
        last_error: push.last_error,
        lineage: traced(&push.lineage, &origins),
    }
}

pub(crate) fn review_shown(line: ReviewLine) -> ReviewShown {
    let item: Item = line.item;
    ReviewShown {
        id: line.review.number(),
        meter: line.address,
        point: line.point,
        item: item.code().to_string(),
        as_of: line.as_of.to_string(),
        value: item.quantity(line.value).to_string(),
        current_value: line.current.map(|value| item.quantity(value).to_string()),
        unit: item.unit().to_owned(),
        quality: line.quality.name().to_owned(),
        since: line.since.to_string(),
    }
}

fn cursor(PushPlace([point, item, kind, version], receiver): &PushPlace) -> String {
    format!("{point}.{item}.{kind}.{version}.{receiver}")
}

fn place(cursor: &str) -> Result<PushPlace, Problem> {
    let mut parts = cursor.splitn(5, '.');
    let mut number = || parts.next().and_then(|part| part.parse().ok());
    let numbers = (number(), number(), number(), number());
    match (numbers, parts.next()) {
        ((Some(point), Some(item), Some(kind), Some(version)), Some(receiver))
            if !receiver.contains('\0') =>
        {
            Ok(PushPlace([point, item, kind, version], receiver.to_owned()))
        }
        _ => Err(Problem::malformed("this is no cursor of this list", "游标无效")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_back_to_its_place() {
        for receiver in ["ledger", "a.b", ""] {
            let from = PushPlace([1, -2, 3, 4], receiver.to_owned());
            assert_eq!(place(&cursor(&from)), Ok(from));
        }
        for text in ["", "1.2.3", "1.2.3.4", "1.2.3.x.ledger", "1.2.3.4.\0"] {
            assert!(place(text).is_err(), "{text}");
        }
    }
}
