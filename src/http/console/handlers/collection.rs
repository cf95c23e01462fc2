//! Pages of collection and billing.

use std::collections::HashMap;
use std::time::Duration;

use axum::extract::State;
use axum::response::{Redirect, Response};

use super::answer;
use gdw1376::address::TerminalAddress;

use crate::billing::{open_days, origins};
use crate::channel::LinePhase;
use crate::collect::ReadAgain;
use crate::config::Words;
use crate::domain::access::{Action, Regions};
use crate::domain::proposal::{Change, Proposal};
use crate::domain::supply::OrderState;
use crate::domain::{Day, Id, Moment, RunKind};
use crate::http::api::billing::{lineages, pushes_seen};
use crate::http::api::receivers::seen as receivers;
use crate::http::console::billing::{self, BillingPage};
use crate::http::console::events::{self, EventsPage};
use crate::http::console::lines::{self, LinesPage};
use crate::http::console::loss::{self, LossPage};
use crate::http::console::night::{self, NightPage, Waiting};
use crate::http::console::table::{Asked, natural, wanted_sorted};
use crate::http::console::typed::Typed;
use crate::http::console::view::{Told, View};
use crate::http::figures::LinesSeen;
use crate::http::line_list::LineList;
use crate::http::reread::{Missed, read_again};
use crate::http::{Caller, Problem, Services};
use crate::store::billing::OutboxState;
use crate::store::supply::{ApprovalRecord, OrderFilter};
use crate::store::view::EventsAsked;
use crate::store::{Store, StoreError};

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
        missing = store.missing_lines(run.id, regions, night::MOST_MISSING.saturating_add(1)).await?;
    }
    let counts = store.push_counts(day, &pushes_seen(&caller)).await?;
    let parked = counts.into_iter().filter(|count| count.state == OutboxState::Parked);
    let seen = LinesSeen::of(&services, regions).await?;
    let page = NightPage {
        day,
        run,
        groups,
        missing,
        waiting: waiting(&services, &caller, &seen, view.now).await?,
        parked: parked.map(|count| count.count).sum(),
        alarms: store.alarm_counts(regions).await?,
        again: services.read_again.as_ref().map(ReadAgain::under_way),
        reviews: count(store.review_lines(regions, ONE_MORE).await?.len()),
        asked,
    };
    let view = with_bad_day(view, &page.asked, day);
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
    let reads = origins(store, &lineages(&pushes)).await?;
    let pushes = pushes.into_iter().zip(reads).collect();
    let (mut reviews, mut open, mut proposed) = (Vec::new(), Vec::new(), HashMap::new());
    if view.may(Action::SeeCustomers) {
        reviews = store.review_lines(regions, ONE_MORE).await?;
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
    let points = store.points_without_consumption(day, regions, ONE_MORE).await?;
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
    let LineList { mut lines, terminals } = LineList::of(&services, &caller.acting.regions).await?;
    lines.sort_by_cached_key(|line| (line.is_terminal, natural(&line.name)));
    let page = LinesPage { lines, terminals, asked };
    answer(&services, &view, lines::TITLE, (page.markup(&view), page.file(&view))).await
}

/// What waits for whoever looks, and which ways to the meters do not work.
async fn waiting(
    services: &Services,
    caller: &Caller,
    seen: &LinesSeen,
    now: Moment,
) -> Result<Waiting, StoreError> {
    let (store, regions) = (&services.store, &caller.acting.regions);
    let (lines_down, connecting) = lines_away(services, seen);
    let mut waiting = Waiting {
        lines_down,
        lines_connecting: connecting,
        terminals_away: terminals_away(services, seen).await?,
        ..Waiting::default()
    };
    if caller.may(Action::SeeCustomers) {
        let unknown = OrderFilter { state: Some(OrderState::Unknown), point: None };
        let unknown = store.supply_orders(&unknown, regions, i64::MAX, MOST_WAITING).await?;
        waiting.unknown_orders = count(unknown.len());
        if caller.may(Action::ApproveCut) {
            waiting.approvals = approvals_of(store, caller).await?;
        }
        let open = store.proposals(true, i64::MAX, MOST_PROPOSED).await?;
        let open = store.proposals_within(open, regions).await?;
        let is_mine = |proposal: &&Proposal| proposal.may_be_decided_by(&caller.acting, now).is_ok();
        waiting.proposals = count(open.iter().filter(is_mine).count());
    }
    Ok(waiting)
}

/// How many orders wait for the approval of whoever looks: neither written nor approved by them.
async fn approvals_of(store: &Store, caller: &Caller) -> Result<u64, StoreError> {
    let (acting, regions) = (&caller.acting, &caller.acting.regions);
    let submitted = OrderFilter { state: Some(OrderState::Submitted), point: None };
    let submitted = store.supply_orders(&submitted, regions, i64::MAX, MOST_WAITING).await?;
    let mut waiting = 0;
    for order in submitted.into_iter().filter(|order| order.requested_by != acting.name) {
        let approvals = store.supply_order(order.id, regions).await?.map(|view| view.approvals);
        let own = |by: &ApprovalRecord| by.person == acting.person && by.ended.is_none();
        waiting += u64::from(!approvals.is_some_and(|approvals| approvals.iter().any(own)));
    }
    Ok(waiting)
}

/// Lines that do not work, by name, and how many have just begun to open their ways. One that has tried for long without
/// success works no better than one that was given up.
fn lines_away(services: &Services, seen: &LinesSeen) -> (Vec<String>, u64) {
    let (mut down, mut connecting) = (Vec::new(), 0);
    for line in services.lines.iter().filter(|line| seen.hold(line.name())) {
        let status = line.status();
        match status.phase {
            LinePhase::Down { .. } | LinePhase::Chattering => down.push(line.name().to_owned()),
            LinePhase::Connecting if status.since.elapsed() >= OPENS_WITHIN => {
                down.push(line.name().to_owned())
            }
            LinePhase::Connecting => connecting += 1,
            LinePhase::Up | LinePhase::Stopped => {}
        }
    }
    down.sort_by_cached_key(|name| natural(name));
    (down, connecting)
}

/// How many terminals are known and not on line; none in a process that serves none.
async fn terminals_away(services: &Services, seen: &LinesSeen) -> Result<u64, StoreError> {
    let Some(terminals) = &services.terminals else { return Ok(0) };
    let known = services.store.known_terminals().await?;
    let is_away = |of: &&TerminalAddress| {
        seen.hold(&of.to_string()) && !terminals.status(**of).is_some_and(|status| status.is_online)
    };
    Ok(count(known.iter().filter(is_away).count()))
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// The page with what was wrong about the day that was asked for.
fn with_bad_day(view: View, asked: &Asked, shown: Day) -> View {
    let Some(typed) = asked.value("day").filter(|_| asked_day(asked).is_none()) else { return view };
    let words = Words::new(
        format!("“{typed}” is no day (such as 2026-11-28); {shown} is shown"),
        format!("“{typed}”不是日期（如 2026-11-28），显示的是 {shown}"),
    );
    View { told: Some(Told::refused(words)), ..view }
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

/// One more than are listed, which tells that there are more.
const ONE_MORE: u32 = 501;
const MOST_PROPOSED: u32 = 5000;
/// Orders that wait and are looked at one by one.
const MOST_WAITING: u32 = 50;
/// Within that time a line is open, or it is as good as down.
const OPENS_WITHIN: Duration = Duration::from_secs(60);
/// Points whose reason is looked up.
const MOST_EXPLAINED: usize = 20;
const LOSS_DAYS: i64 = 7;
