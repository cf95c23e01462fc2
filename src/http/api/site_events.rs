//! `/api/v1/events`: events of all meters, the last that came in first.
#![expect(unused_qualifications, reason = "what utoipa makes of parameters")]

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::accounts::ListMeta;
use crate::domain::Moment;
use crate::domain::access::Action;
use crate::http::console::labels;
use crate::http::console::words::Language;
use crate::http::routes::Routes;
use crate::http::{Asked, Caller, Problem, Services};
use crate::store::view::{EventLine, EventPlace, EventsAsked};

pub(super) fn routes() -> Routes {
    Routes::default().api::<__path_list, _, _>(Action::SeeCustomers, list)
}

/// Which events.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct SiteEventsAsked {
    /// What the address, the point or the transformer area holds.
    q: Option<String>,
    /// Only of this kind: the identifier of its count, such as `03110000`.
    kind: Option<String>,
    /// Where to go on: `next_cursor` of the answer before.
    cursor: Option<String>,
    /// How many at most, 1 to 500.
    limit: Option<u32>,
}

/// An event of a meter.
#[derive(Debug, Serialize, ToSchema)]
struct SiteEventShown {
    /// The address of the meter.
    address: String,
    /// The point that it measures now.
    point_number: Option<String>,
    /// The transformer area of that.
    transformer_area: Option<String>,
    /// The identifier of its count.
    kind: String,
    /// What it is called.
    name: String,
    /// The same in Chinese.
    name_zh: String,
    /// When it began, as the meter wrote it.
    began: String,
    /// When it was read, RFC 3339.
    collected_at: String,
    /// All that the record says.
    #[schema(value_type = Object)]
    record: serde_json::Value,
}

/// Events.
#[derive(Debug, Serialize, ToSchema)]
struct SiteEventsAnswer {
    /// The last that came in first.
    events: Vec<SiteEventShown>,
    meta: ListMeta,
}

/// Events that meters have recorded, the last that came in first
///
/// For an account of some areas those of the meters in these, as far as they began and came in while the meter was there.
#[utoipa::path(get, path = "/api/v1/events", tag = "events", params(SiteEventsAsked),
    responses((status = 200, body = SiteEventsAnswer)))]
async fn list(
    State(services): State<Services>,
    caller: Caller,
    Asked(asked): Asked<SiteEventsAsked>,
) -> Result<Json<SiteEventsAnswer>, Problem> {
    let limit = asked.limit.unwrap_or(100).clamp(1, 500);
    let wanted = EventsAsked {
        words: asked.q.as_deref().unwrap_or_default(),
        kind: asked.kind.as_deref(),
        after: asked.cursor.as_deref().map(place).transpose()?,
        at_most: limit,
    };
    let lines = services.store.event_lines(&wanted, &caller.acting.regions).await?;
    let is_full = u32::try_from(lines.len()).unwrap_or(u32::MAX) >= limit;
    let next_cursor = lines.last().filter(|_| is_full).map(|line| cursor(&line.place));
    let meta = ListMeta { count: lines.len(), next_cursor };
    Ok(Json(SiteEventsAnswer { events: lines.into_iter().map(shown).collect(), meta }))
}

fn shown(line: EventLine) -> SiteEventShown {
    let EventLine { address, point, area, record, place } = line;
    SiteEventShown {
        address,
        point_number: point,
        transformer_area: area,
        name: labels::event(&place.kind, Language::English),
        name_zh: labels::event(&place.kind, Language::Chinese),
        kind: place.kind,
        began: place.began,
        collected_at: place.collected_at.to_string(),
        record: serde_json::from_str(&record).unwrap_or_default(),
    }
}

fn cursor(place: &EventPlace) -> String {
    let EventPlace { collected_at, meter, kind, began } = place;
    format!("{}~{meter}~{kind}~{began}", collected_at.micros())
}

fn place(cursor: &str) -> Result<EventPlace, Problem> {
    let read = || {
        let mut parts = cursor.splitn(4, '~');
        let collected_at = Moment::from_micros(parts.next()?.parse().ok()?);
        let meter = parts.next()?.parse().ok()?;
        let (kind, began) = (parts.next()?.to_owned(), parts.next()?.to_owned());
        let is_plain = !cursor.contains('\0');
        is_plain.then_some(EventPlace { collected_at, meter, kind, began })
    };
    read().ok_or_else(|| Problem::malformed("the cursor is none of an answer", "翻页游标无效"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_back_to_its_place() {
        let from = EventPlace {
            collected_at: Moment::from_micros(1_796_000_000_000_123),
            meter: 7,
            kind: "03110000".to_owned(),
            began: "2026-11-27 14:02:11".to_owned(),
        };
        assert_eq!(place(&cursor(&from)), Ok(from));
        for odd in ["", "1~2~3", "x~1~a~b", "1~x~a~b", "1~2~a~\0"] {
            assert!(place(odd).is_err(), "{odd}");
        }
    }
}
