//! `/api/v1/terminals`: concentrators and terminals, how they stand, and which are taken in.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::accounts::ListMeta;
use super::clock_set::ClockSetAnswer;
use super::terminal_records::{SettingShown, setting_shown};
use crate::domain::Moment;
use crate::domain::access::Action;
use crate::http::routes::Routes;
use crate::http::terminals::{Seen, adopt, forget, one, seen, set_clock, strangers};
use crate::http::{Caller, Given, Problem, Services};
use crate::store::terminal::Difference;
use crate::terminal::LinkMeasured;

pub(super) fn routes() -> Routes {
    Routes::default()
        .api::<__path_list, _, _>(Action::SeeStatus, list)
        .api::<__path_unknown, _, _>(Action::SeeStatus, unknown)
        .api::<__path_show, _, _>(Action::SeeStatus, show)
        .api::<__path_take_in, _, _>(Action::AdoptTerminal, take_in)
        .api::<__path_let_go, _, _>(Action::AdoptTerminal, let_go)
        .api::<__path_set, _, _>(Action::SetClock, set)
}

/// A terminal.
#[derive(Debug, Serialize, ToSchema)]
struct TerminalShown {
    /// Region and terminal, such as `1100-3039`.
    address: String,
    /// What people call it.
    name: Option<String>,
    /// When somebody took it in, RFC 3339; `null` for one that only the archive names.
    adopted_at: Option<String>,
    /// Who did.
    adopted_by: Option<String>,
    /// Whether it is connected now.
    is_online: bool,
    /// Where it is connected from, or was.
    from: Option<String>,
    /// When it logged in last, RFC 3339.
    logged_in_at: Option<String>,
    /// When anything came from it, RFC 3339.
    heard_at: Option<String>,
    /// When its last heartbeat came, RFC 3339.
    heartbeat_at: Option<String>,
    /// Installed meters behind it.
    meters: u64,
    /// Of these, at points that the meter itself has confirmed.
    verified: u64,
    /// Of these, read in the last run; `null` before it was in one.
    read: Option<u64>,
    /// How many seconds its clock was fast when it was asked last; negative when it was slow.
    clock_fast_seconds: Option<i64>,
    /// How many differences its archive has to ours; `null` before they were compared.
    differences: Option<usize>,
    /// Questions and orders sent since the program began.
    requests: u64,
    /// Of these, left without an answer.
    silent: u64,
    /// How many wait.
    waiting: usize,
    /// How good the way to it is; `null` in a process that serves no terminals.
    link: Option<TerminalLinkShown>,
    /// How often somebody came under its address from elsewhere while it was there, since the program began. Its points
    /// count as not verified since then.
    claims: u64,
    /// When that was last, RFC 3339.
    claimed_at: Option<String>,
    /// Where whoever came last so came from.
    claimed_from: Option<String>,
    /// How often it was refused or hung up for its certificate since the program began: another one, none, or a revoked one.
    refused: u64,
    /// How often it was hung up since it sent far too much, since the program began.
    floods: u64,
    /// The certificate that it comes with, as SHA-256 in hexadecimal; `null` without TLS.
    certificate: Option<String>,
}

/// How good the way to a terminal is. The protocol tells no signal strength: this is measured here since the program began, with
/// what was asked of the terminal itself; frames for meters behind it do not count.
#[derive(Debug, Serialize, ToSchema)]
struct TerminalLinkShown {
    /// good, fair, poor, or unknown before enough has passed.
    quality: String,
    /// The last requests, each repetition one; at most 32.
    asked: u8,
    /// Of these, left without an answer of any kind.
    unanswered: u8,
    /// How many milliseconds the first frame of an answer took, the middle one of those requests; `null` before there is one.
    answered_after_ms: Option<u64>,
    /// How often it logged in within the last 24 hours.
    logins_in_a_day: u16,
}

/// Terminals, by address.
#[derive(Debug, Serialize, ToSchema)]
struct TerminalsAnswer {
    terminals: Vec<TerminalShown>,
    meta: ListMeta,
}

/// A terminal with what is known of it.
#[derive(Debug, Serialize, ToSchema)]
struct TerminalAnswer {
    terminal: TerminalShown,
    /// When its archive was compared with ours, RFC 3339.
    compared_at: Option<String>,
    /// How many records its archive has.
    records: Option<u32>,
    /// What differs.
    differences: Vec<DifferenceShown>,
    /// Its newest events, the last that came in first.
    events: Vec<TerminalEventShown>,
    /// Records that were confirmed to be set in it, the newest first.
    settings: Vec<SettingShown>,
}

/// A difference between a terminal's archive and ours.
#[derive(Debug, Serialize, ToSchema)]
struct DifferenceShown {
    /// The measuring point.
    point: u16,
    /// lacking, unknown, other_meter, other_port, other_protocol, doubled or other_values.
    kind: String,
    /// The meter that our archive names.
    ours: Option<String>,
    /// The meter that the terminal's names.
    theirs: Option<String>,
}

/// An event of a terminal.
#[derive(Debug, Serialize, ToSchema)]
struct TerminalEventShown {
    /// Whether it is an important one.
    important: bool,
    /// Its code, ERC.
    code: u8,
    /// When it happened, as the terminal wrote it.
    began: Option<String>,
    /// What it says.
    #[schema(value_type = Object)]
    record: serde_json::Value,
    /// When it came in, RFC 3339.
    collected_at: String,
}

/// A terminal that wanted to log in and is not known.
#[derive(Debug, Serialize, ToSchema)]
struct StrangerShown {
    /// Region and terminal.
    address: String,
    /// Where it came from.
    from: String,
    /// When it came first, RFC 3339.
    first_at: String,
    /// When it came last, RFC 3339.
    last_at: String,
    /// How often.
    times: u32,
}

/// Terminals that are not known, the last first.
#[derive(Debug, Serialize, ToSchema)]
struct StrangersAnswer {
    terminals: Vec<StrangerShown>,
    meta: ListMeta,
}

/// How a terminal is taken in.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AdoptBody {
    /// What people call it.
    name: Option<String>,
}

/// Terminals that are taken in or named by the archive
#[utoipa::path(get, path = "/api/v1/terminals", tag = "terminals",
    responses((status = 200, body = TerminalsAnswer)))]
async fn list(State(services): State<Services>, caller: Caller) -> Result<Json<TerminalsAnswer>, Problem> {
    let terminals: Vec<_> = seen(&services, &caller.acting.regions).await?.iter().map(shown).collect();
    let meta = ListMeta { count: terminals.len(), next_cursor: None };
    Ok(Json(TerminalsAnswer { terminals, meta }))
}

/// Terminals that wanted to log in and are not known
#[utoipa::path(get, path = "/api/v1/terminals/unknown", tag = "terminals",
    responses((status = 200, body = StrangersAnswer)))]
async fn unknown(State(services): State<Services>, caller: Caller) -> Json<StrangersAnswer> {
    let terminals = strangers(&services, &caller.acting.regions).into_iter().map(|stranger| StrangerShown {
        address: stranger.address.to_string(),
        from: stranger.from.to_string(),
        first_at: stranger.first_at.to_string(),
        last_at: stranger.last_at.to_string(),
        times: stranger.times,
    });
    let terminals: Vec<_> = terminals.collect();
    let meta = ListMeta { count: terminals.len(), next_cursor: None };
    Json(StrangersAnswer { terminals, meta })
}

/// A terminal, what differs between its archive and ours, and its events
///
/// Of a terminal that has meters of several areas an account of some of these sees what is of its own meters.
#[utoipa::path(get, path = "/api/v1/terminals/{address}", tag = "terminals",
    params(("address" = String, Path)), responses((status = 200, body = TerminalAnswer)))]
async fn show(
    State(services): State<Services>,
    caller: Caller,
    Path(address): Path<String>,
) -> Result<Json<TerminalAnswer>, Problem> {
    let seen = one(&services, &caller.acting.regions, &address).await?;
    let mut events = services.store.terminal_events(Some(seen.kept.address), MOST_EVENTS).await?;
    events.retain(|event| seen.kept.tells_of(event.meter));
    let events = events.into_iter().map(|event| TerminalEventShown {
        important: event.important,
        code: event.code,
        began: event.began,
        record: serde_json::from_str(&event.record).unwrap_or_default(),
        collected_at: event.collected_at.to_string(),
    });
    let (mut compared_at, mut records, mut differences) = (None, None, Vec::new());
    if let Some((at, count, told)) = &seen.kept.archive {
        (compared_at, records) = (Some(at.to_string()), Some(*count));
        differences = told.iter().map(difference).collect();
    }
    let terminal = shown(&seen);
    let settings = services.store.settings_of(seen.kept.address, MOST_SETTINGS).await?;
    let settings = settings.iter().filter(|_| seen.kept.tells_of(None)).map(setting_shown).collect();
    let events = events.collect();
    Ok(Json(TerminalAnswer { terminal, compared_at, records, differences, events, settings }))
}

/// Take a terminal in
///
/// Its next login is confirmed. Taking it in again changes its name.
#[utoipa::path(post, path = "/api/v1/terminals/{address}/adopt", tag = "terminals",
    request_body = AdoptBody, params(("address" = String, Path)),
    responses((status = 204, description = "it may log in")))]
async fn take_in(
    State(services): State<Services>,
    caller: Caller,
    Path(address): Path<String>,
    Given(body): Given<AdoptBody>,
) -> Result<StatusCode, Problem> {
    let name = body.name.as_deref().map(str::trim).filter(|name| !name.is_empty());
    adopt(&services, &caller, &address, name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Let a terminal go that has no meters
#[utoipa::path(post, path = "/api/v1/terminals/{address}/forget", tag = "terminals",
    params(("address" = String, Path)), responses((status = 204, description = "it may not log in any more")))]
async fn let_go(
    State(services): State<Services>,
    caller: Caller,
    Path(address): Path<String>,
) -> Result<StatusCode, Problem> {
    forget(&services, &caller, &address).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Set the clock of a terminal to the present
///
/// Not near midnight, when terminals and meters freeze; a clock that is right stays as it is.
#[utoipa::path(post, path = "/api/v1/terminals/{address}/clock", tag = "terminals",
    params(("address" = String, Path)),
    responses((status = 200, body = ClockSetAnswer), (status = 409, description = "not now, refused, or unknown")))]
async fn set(
    State(services): State<Services>,
    caller: Caller,
    Path(address): Path<String>,
) -> Result<Json<ClockSetAnswer>, Problem> {
    Ok(Json(set_clock(&services, &caller, &address).await?.into()))
}

fn shown(seen: &Seen) -> TerminalShown {
    let Seen { kept, now } = seen;
    let text = |at: Option<Moment>| at.map(|at| at.to_string());
    let status = now.as_ref();
    let claimed = status.and_then(|status| status.claimed);
    let (adopted_at, adopted_by) = kept.adopted.clone().unzip();
    TerminalShown {
        address: kept.address.to_string(),
        name: kept.name.clone(),
        adopted_at: text(adopted_at),
        adopted_by,
        is_online: status.is_some_and(|status| status.is_online),
        from: status.and_then(|status| status.from).map(|from| from.to_string()),
        logged_in_at: text(status.and_then(|status| status.connected_at).or(kept.logged_in_at)),
        heard_at: text(status.and_then(|status| status.last_heard_at).or(kept.heard_at)),
        heartbeat_at: text(status.and_then(|status| status.last_heartbeat_at)),
        meters: kept.meters,
        verified: kept.verified,
        read: kept.last_run.map(|(read, _)| read),
        clock_fast_seconds: kept.clock.map(|clock| clock.fast_us / 1_000_000),
        differences: kept.archive.as_ref().map(|(.., differences)| differences.len()),
        requests: status.map_or(0, |status| status.requests),
        silent: status.map_or(0, |status| status.silent),
        waiting: status.map_or(0, |status| status.waiting),
        link: status.map(|status| link(&status.link)),
        claims: status.map_or(0, |status| status.claims),
        claimed_at: text(claimed.map(|(at, _)| at)),
        claimed_from: claimed.map(|(_, from)| from.to_string()),
        refused: status.map_or(0, |status| status.refused),
        floods: status.map_or(0, |status| status.floods),
        certificate: status.and_then(|status| status.certificate.clone()),
    }
}

fn link(measured: &LinkMeasured) -> TerminalLinkShown {
    let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    TerminalLinkShown {
        quality: measured.quality().name().to_owned(),
        asked: measured.asked,
        unanswered: measured.unanswered,
        answered_after_ms: measured.answered_after.map(milliseconds),
        logins_in_a_day: measured.logins,
    }
}

fn difference(difference: &Difference) -> DifferenceShown {
    let Difference { point, kind, ours, theirs } = difference.clone();
    DifferenceShown { point, kind: kind.name().to_owned(), ours, theirs }
}

const MOST_EVENTS: u32 = 200;
const MOST_SETTINGS: u32 = 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::terminal::TerminalLine;
    use crate::terminal::TerminalStatus;

    fn line() -> TerminalLine {
        TerminalLine {
            address: "1100-3039".parse().unwrap(),
            name: None,
            adopted: None,
            meters: 0,
            last_run: None,
            logged_in_at: None,
            heard_at: None,
            frames: None,
            archive: None,
            events_read: (None, None),
            clock: None,
            verified: 0,
            shared: None,
        }
    }

    #[test]
    fn a_terminal_is_shown_with_the_way_to_it() {
        let kept = line();
        let told =
            |now| serde_json::to_value(shown(&Seen { kept: kept.clone(), now })).unwrap()["link"].clone();
        assert!(told(None).is_null(), "this process serves none");
        let unasked = TerminalStatus::sample(kept.address);
        let nothing = serde_json::json!({
            "quality": "unknown", "asked": 0, "unanswered": 0, "answered_after_ms": null, "logins_in_a_day": 0,
        });
        assert_eq!(told(Some(unasked.clone())), nothing);
        let answered_after = Some(Duration::from_millis(820));
        let link = LinkMeasured { asked: 32, unanswered: 2, answered_after, logins: 3 };
        let measured = serde_json::json!({
            "quality": "fair", "asked": 32, "unanswered": 2, "answered_after_ms": 820, "logins_in_a_day": 3,
        });
        assert_eq!(told(Some(TerminalStatus { link, ..unasked })), measured);
    }

    #[test]
    fn t05_a_terminal_is_shown_with_who_claimed_it_and_its_certificate() {
        let kept = line();
        let address = kept.address;
        let now = TerminalStatus {
            claims: 2,
            claimed: Some((Moment::from_micros(0), "10.66.66.66:4711".parse().unwrap())),
            refused: 1,
            floods: 3,
            certificate: Some("0a".repeat(32)),
            ..TerminalStatus::sample(address)
        };
        let told = |now| serde_json::to_value(shown(&Seen { kept: kept.clone(), now })).unwrap();
        let seen = told(Some(now));
        assert_eq!((&seen["claims"], &seen["refused"], &seen["floods"]), (&2.into(), &1.into(), &3.into()));
        assert_eq!(seen["claimed_at"], "1970-01-01T00:00:00Z");
        assert_eq!(seen["claimed_from"], "10.66.66.66:4711");
        assert_eq!(seen["certificate"], "0a".repeat(32));
        let unserved = told(None);
        assert!(
            unserved["claims"] == 0 && unserved["certificate"].is_null() && unserved["claimed_at"].is_null()
        );
    }
}
