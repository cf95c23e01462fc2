//! Pages of collection and billing.

use std::collections::HashMap;

use axum::extract::State;
use axum::response::{Redirect, Response};

use super::answer;
use crate::billing::open_days;
use crate::channel::{ChannelHandle, LinePhase, Tally};
use crate::collect::{ReadAgain, forecasts};
use crate::domain::access::{Action, Regions};
use crate::domain::proposal::{Change, Proposal};
use crate::domain::{Day, Id, RunKind};
use crate::http::api::billing::pushes_seen;
use crate::http::api::receivers::seen as receivers;
use crate::http::console::billing::{self, BillingPage};
use crate::http::console::events::{self, EventsPage};
use crate::http::console::lines::{self, LineLine, LinesPage};
use crate::http::console::loss::{self, LossPage};
use crate::http::console::night::{self, NightPage};
use crate::http::console::table::{Asked, natural, wanted_sorted};
use crate::http::console::typed::Typed;
use crate::http::console::view::View;
use crate::http::figures::LinesSeen;
use crate::http::reread::{Missed, read_again};
use crate::http::{Caller, Problem, Services};
use crate::store::StoreError;
use crate::store::billing::OutboxState;
use crate::store::view::EventsAsked;
use crate::terminal::Terminals;

/// The first page.
pub(super) async fn night(
    State(services): State<Services>,
    caller: Caller,
    view: View,
    asked: Asked,
) -> Result<Response, Problem> {
    let store = &services.store;
    let regions = &caller.acting.regions;
    let newest = store.newest_runs(1).await?.first().map(|run| run.day);
    let day = asked_day(&asked).or(newest).unwrap_or_else(|| Day::of(view.now));
    let run = store.run_of("site", day, RunKind::Nightly).await?;
    let (mut groups, mut missing) = (Vec::new(), Vec::new());
    if let Some(run) = &run {
        groups = store.night_groups(run.id, regions).await?;
        missing = store.missing_lines(run.id, regions, MOST_MISSING).await?;
    }
    let counts = store.push_counts(day, &pushes_seen(&caller)).await?;
    let parked = counts.into_iter().filter(|count| count.state == OutboxState::Parked);
    let seen = LinesSeen::of(&services, regions).await?;
    let page = NightPage {
        day,
        run,
        groups,
        missing,
        lines_down: lines_down(&services, &seen),
        parked: parked.map(|count| count.count).sum(),
        alarms: store.alarm_counts(regions).await?,
        again: services.read_again.as_ref().map(ReadAgain::under_way),
        reviews: u64::try_from(store.review_lines(regions, MOST_LISTED).await?.len()).unwrap_or(0),
        asked,
    };
    answer(&services, &view, night::TITLE, (page.markup(&view), page.file(&view))).await
}

/// Reads again what a night has missed.
pub(super) async fn again(
    State(services): State<Services>,
    caller: Caller,
    typed: Typed,
) -> Result<Redirect, Problem> {
    let run = typed.text("run").parse().map_err(|_| Problem::not_there())?;
    let missed = match (typed.some("areas"), typed.some("lines")) {
        (Some(area), _) => Missed::OfArea(area),
        (None, Some(line)) => Missed::OfLine(line),
        (None, None) => Missed::All,
    };
    read_again(&services, &caller, Id::new(run), missed).await?;
    Ok(typed.back("/"))
}

/// Pushes, reviews and open days.
pub(super) async fn billing(
    State(services): State<Services>,
    caller: Caller,
    view: View,
    asked: Asked,
) -> Result<Response, Problem> {
    let store = &services.store;
    let regions = &caller.acting.regions;
    let newest = store.newest_billing_day().await?;
    let day = asked_day(&asked).or(newest).unwrap_or_else(|| Day::of(view.now).previous());
    let which = (day, BillingPage::state(&asked));
    let words = asked.value("q").unwrap_or_default();
    let after = BillingPage::after(&asked);
    let seen = pushes_seen(&caller);
    let pushes =
        store.pushes(which, words, after.as_ref(), &seen, wanted_sorted(&asked, asked.is_sorted())).await?;
    let (mut reviews, mut open, mut proposed) = (Vec::new(), Vec::new(), HashMap::new());
    if view.may(Action::SeeCustomers) {
        reviews = store.review_lines(regions, MOST_LISTED).await?;
        open = open_points(&services, day, regions, &view).await?;
        proposed = proposed_reviews(&services, &view).await?;
    }
    let (counts, receivers) = (store.push_counts(day, &seen).await?, receivers(&services, &caller).await?);
    let page = BillingPage { day, counts, receivers, pushes, reviews, proposed, open, asked };
    answer(&services, &view, billing::TITLE, (page.markup(&view), page.file(&view))).await
}

/// Proposals that wait for a second person, by the number of the review that each decides.
async fn proposed_reviews(services: &Services, view: &View) -> Result<HashMap<i64, i64>, StoreError> {
    let open = services.store.proposals(true, i64::MAX, MOST_PROPOSED).await?;
    let of_review = |proposal: &Proposal| match &proposal.change {
        Change::DecideReview(decision) if proposal.expires_at > view.now => {
            Some((decision.review, proposal.id.number()))
        }
        _ => None,
    };
    Ok(open.iter().filter_map(of_review).collect())
}

/// Points without a consumption, the first of them with the reason.
async fn open_points(
    services: &Services,
    day: Day,
    regions: &Regions,
    view: &View,
) -> Result<Vec<(String, Option<crate::billing::OpenDay>)>, StoreError> {
    let store = &services.store;
    let points = store.points_without_consumption(day, regions, MOST_LISTED).await?;
    let mut open = Vec::with_capacity(points.len());
    for (place, point) in points.into_iter().enumerate() {
        let mut why = None;
        if let Some(rules) = services.rules.as_ref().filter(|_| place < MOST_EXPLAINED) {
            let days = open_days(store, &rules.billing, (day, day), Some(&point), view.now).await?;
            why = days.into_iter().find(|open| open.item.tariff() == 0);
        }
        open.push((point, why));
    }
    Ok(open)
}

/// Lines and terminals.
pub(super) async fn lines(
    State(services): State<Services>,
    caller: Caller,
    view: View,
    asked: Asked,
) -> Result<Response, Problem> {
    let regions = &caller.acting.regions;
    let counted = services.store.meters_by_line(regions).await?;
    let seen = LinesSeen::of(&services, regions).await?;
    let mut budgets = Vec::new();
    if let Some(rules) = &services.rules {
        budgets = forecasts(&rules.collection, &services.store.site_meters().await?);
    }
    let budget = |name: &str| {
        let forecast = budgets.iter().find(|(line, _)| line == name);
        forecast.map(|(_, forecast)| forecast.percent())
    };
    let meters = |name: &str| {
        let of_line = counted.iter().find(|(line, ..)| line == name);
        of_line.map_or(0, |(.., meters)| *meters)
    };
    let lines = services.lines.iter().filter(|line| seen.hold(line.name()));
    let mut listed: Vec<LineLine> =
        lines.map(|line| line_of(&line, meters(line.name()), budget(line.name()))).collect();
    let terminals = services.terminals.as_ref().map(Terminals::all).unwrap_or_default();
    for line in &mut listed {
        let Some(status) = terminals.iter().find(|status| status.address.to_string() == line.name) else {
            continue;
        };
        line.is_terminal = true;
        let (exchanges, answered, silent) = (status.requests, status.answers, status.silent);
        line.tally = Tally { exchanges, answered, silent, ..line.tally };
    }
    let unconfigured =
        counted.iter().filter(|(name, is_terminal, _)| !is_terminal && services.lines.get(name).is_none());
    listed.extend(unconfigured.map(|(name, _, meters)| LineLine {
        name: name.clone(),
        is_terminal: false,
        meters: *meters,
        phase: None,
        depths: Default::default(),
        asking: None,
        tally: Default::default(),
        budget: None,
    }));
    listed.sort_by_cached_key(|line| (line.is_terminal, natural(&line.name)));
    let terminals = match regions {
        Regions::All => services.store.known_terminals().await?.len(),
        Regions::Areas(_) => services.store.terminals(regions).await?.len(),
    };
    let page = LinesPage { lines: listed, terminals, asked };
    answer(&services, &view, lines::TITLE, (page.markup(&view), page.file(&view))).await
}

fn line_of(line: &ChannelHandle, meters: u64, budget: Option<u64>) -> LineLine {
    let status = line.status();
    LineLine {
        name: line.name().to_owned(),
        is_terminal: false,
        meters,
        phase: Some((status.phase, status.since.elapsed().as_secs())),
        depths: status.depths,
        asking: status.asking,
        tally: status.tally,
        budget,
    }
}

fn lines_down(services: &Services, seen: &LinesSeen) -> Vec<String> {
    let is_down = |line: &ChannelHandle| {
        seen.hold(line.name())
            && matches!(line.status().phase, LinePhase::Down { .. } | LinePhase::Chattering)
    };
    let mut down: Vec<String> =
        services.lines.iter().filter(is_down).map(|line| line.name().to_owned()).collect();
    down.sort_by_cached_key(|name| natural(name));
    down
}

/// Events of all meters.
pub(super) async fn events(
    State(services): State<Services>,
    caller: Caller,
    view: View,
    asked: Asked,
) -> Result<Response, Problem> {
    let events = EventsAsked {
        words: asked.value("q").unwrap_or_default(),
        kind: asked.value("kind"),
        after: EventsPage::after(&asked),
        at_most: wanted_sorted(&asked, asked.is_sorted()),
    };
    let events = services.store.event_lines(&events, &caller.acting.regions).await?;
    let kinds = services.store.event_kinds().await?;
    let page = EventsPage { events, kinds, asked };
    answer(&services, &view, events::TITLE, (page.markup(&view), page.file(&view))).await
}

/// Line loss, day by day.
pub(super) async fn loss(
    State(services): State<Services>,
    caller: Caller,
    view: View,
    asked: Asked,
) -> Result<Response, Problem> {
    let yesterday = Day::of(view.now).previous();
    let last = asked_day(&asked).unwrap_or(yesterday).min(yesterday);
    let days = (last.plus(1 - LOSS_DAYS), last);
    let flows = services.store.area_flows(days, &caller.acting.regions).await?;
    let page = LossPage { last, flows, asked };
    answer(&services, &view, loss::TITLE, (page.markup(&view), page.file(&view))).await
}

fn asked_day(asked: &Asked) -> Option<Day> {
    asked.value("day")?.parse().ok()
}

/// Missing meters that are listed; there are more only where a whole site is missing.
const MOST_MISSING: u32 = 5000;
const MOST_LISTED: u32 = 500;
const MOST_PROPOSED: u32 = 5000;
/// Points whose reason is looked up.
const MOST_EXPLAINED: usize = 20;
const LOSS_DAYS: i64 = 7;
