//! `/api/v1/lines`: lines and terminals as they stand, and how full their nights are.

use axum::Json;
use axum::extract::State;
use dlt645::quantity::Quantity;
use serde::Serialize;
use utoipa::ToSchema;

use super::accounts::ListMeta;
use crate::channel::{Lane, LinePhase};
use crate::domain::access::Action;
use crate::http::line_list::{LineLine, LineList};
use crate::http::routes::Routes;
use crate::http::{Caller, Problem, Services};

pub(super) fn routes() -> Routes {
    Routes::default().api::<__path_list, _, _>(Action::SeeStatus, list)
}

/// A line, or a terminal.
#[derive(Debug, Serialize, ToSchema)]
struct LineShown {
    /// Its name; the address of a terminal.
    name: String,
    /// True for a terminal, false for a line of the configuration.
    is_terminal: bool,
    /// connecting, up, down, chattering or stopped; `offline` for a terminal that is not connected, `not_configured` for a line
    /// that only the archive names.
    state: String,
    /// Why it is down.
    reason: Option<String>,
    /// For how many seconds it has been so.
    for_seconds: Option<u64>,
    /// When a terminal was last heard, RFC 3339.
    heard_at: Option<String>,
    /// Meters on it, of those that the account sees.
    meters: u64,
    /// The share of the night that its schedule fills; `null` where that is not known.
    budget_percent: Option<u64>,
    /// What waits, the most urgent lane first; lanes with nothing are left out.
    waiting: Vec<LaneShown>,
    /// The lane that is being asked.
    asking: Option<String>,
    /// Questions and orders since the program began.
    exchanges: u64,
    /// Of these, answered.
    answered: u64,
    /// Of these, refused by the meter.
    refused: u64,
    /// Of these, left without an answer, or with a part of one.
    silent: u64,
    /// The share of these, to two decimals; `null` before the first question.
    silent_percent: Option<String>,
    /// Frames that were broken.
    broken_frames: u64,
    /// How often its connection was lost.
    lost: u64,
    /// Requests of another master, which there may not be.
    foreign_requests: u64,
}

/// Jobs that wait in a lane.
#[derive(Debug, Serialize, ToSchema)]
struct LaneShown {
    /// restore, control, on_demand, reread, nightly, interval or housekeeping.
    lane: String,
    /// How many.
    jobs: usize,
}

/// Lines.
#[derive(Debug, Serialize, ToSchema)]
struct LinesAnswer {
    /// By name, lines before terminals.
    lines: Vec<LineShown>,
    meta: ListMeta,
}

/// Lines and terminals: how each stands, what waits on it, how often it is answered, and how full its night is
///
/// For an account of some areas those with meters in these. What terminals are else is at `/api/v1/terminals`.
#[utoipa::path(get, path = "/api/v1/lines", tag = "lines", responses((status = 200, body = LinesAnswer)))]
async fn list(State(services): State<Services>, caller: Caller) -> Result<Json<LinesAnswer>, Problem> {
    let LineList { mut lines, .. } = LineList::of(&services, &caller.acting.regions).await?;
    lines.sort_by(|one, other| (one.is_terminal, &one.name).cmp(&(other.is_terminal, &other.name)));
    let lines: Vec<_> = lines.into_iter().map(shown).collect();
    let meta = ListMeta { count: lines.len(), next_cursor: None };
    Ok(Json(LinesAnswer { lines, meta }))
}

fn shown(line: LineLine) -> LineShown {
    let waits = Lane::ALL.iter().zip(line.depths).filter(|(_, jobs)| *jobs > 0);
    let state = match line.phase {
        Some((phase, _)) => phase.name(),
        None if line.is_terminal => "offline",
        None => "not_configured",
    };
    let reason = match line.phase {
        Some((LinePhase::Down { reason }, _)) => Some(reason.to_owned()),
        _ => None,
    };
    let tally = line.tally;
    LineShown {
        state: state.to_owned(),
        reason,
        for_seconds: line.phase.map(|(_, seconds)| seconds),
        heard_at: line.heard_at.map(|at| at.to_string()),
        meters: line.meters,
        budget_percent: line.budget,
        waiting: waits.map(|(lane, jobs)| LaneShown { lane: lane.name().to_owned(), jobs }).collect(),
        asking: line.asking.map(|lane| lane.name().to_owned()),
        exchanges: tally.exchanges,
        answered: tally.answered,
        refused: tally.refused,
        silent: tally.silent,
        silent_percent: percent(tally.silent, tally.exchanges),
        broken_frames: tally.broken_frames,
        lost: tally.lost,
        foreign_requests: tally.foreign_requests,
        name: line.name,
        is_terminal: line.is_terminal,
    }
}

/// To two decimals, the rest cut off.
fn percent(part: u64, whole: u64) -> Option<String> {
    let hundredths = u128::from(part) * 10_000 / (whole > 0).then_some(u128::from(whole))?;
    Some(Quantity::new(i64::try_from(hundredths).ok()?, 2).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::Tally;

    fn line() -> LineLine {
        LineLine {
            name: "东区1号线".to_owned(),
            is_terminal: false,
            meters: 612,
            phase: Some((LinePhase::Down { reason: "connect_timeout" }, 70)),
            heard_at: None,
            depths: [0, 0, 1, 0, 240, 0, 0],
            asking: Some(Lane::Nightly),
            tally: Tally { exchanges: 12_400, answered: 12_211, silent: 180, ..Tally::default() },
            budget: Some(41),
        }
    }

    #[test]
    fn a_line_says_how_it_stands_what_waits_and_how_often_it_is_not_answered() {
        let told = serde_json::to_value(shown(line())).unwrap();
        assert_eq!((&told["state"], &told["reason"]), (&"down".into(), &"connect_timeout".into()));
        assert_eq!((&told["silent_percent"], &told["budget_percent"]), (&"1.45".into(), &41.into()));
        let waiting =
            serde_json::json!([{ "lane": "on_demand", "jobs": 1 }, { "lane": "nightly", "jobs": 240 }]);
        assert_eq!((&told["waiting"], &told["asking"]), (&waiting, &"nightly".into()));
        for (is_terminal, state) in [(false, "not_configured"), (true, "offline")] {
            let none = LineLine { is_terminal, phase: None, tally: Tally::default(), ..line() };
            let none = serde_json::to_value(shown(none)).unwrap();
            assert_eq!(none["state"], state);
            assert!(none["silent_percent"].is_null() && none["for_seconds"].is_null(), "{none}");
        }
    }
}
