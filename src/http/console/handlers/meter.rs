//! The list of meters and the page of one.

use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::Response;

use super::{answer, answer_as, answer_of};
use crate::config::Words;
use crate::domain::access::{Action, Regions};
use crate::domain::supply::OrderKind;
use crate::domain::{Day, Fetch, Id, Item, Moment, RunKind};
use crate::http::console::at_once::{Ended, ended};
use crate::http::console::meter::{self, CurvePart, FetchPage, MeterPage, Part, RegistersPart, stretch};
use crate::http::console::meters::{self, MetersPage};
use crate::http::console::table::{Asked, escaped, wanted};
use crate::http::console::typed::moment;
use crate::http::console::view::{Told, View};
use crate::http::meter_clock::set_clock;
use crate::http::meter_freeze::order_freeze;
use crate::http::orderable::Orderable;
use crate::http::{Caller, Problem, Services};
use crate::store::StoreError;
use crate::store::supply::OrderFilter;
use crate::store::view::{MeterSheet, MetersAsked, Within};

/// The list of meters.
pub(super) async fn meters(
    State(services): State<Services>,
    caller: Caller,
    view: View,
    asked: Asked,
) -> Result<Response, Problem> {
    let with_customers = view.may(Action::SeeCustomers);
    let sort = MetersPage::sort(&asked);
    let wanted = MetersAsked {
        words: asked.value("q").unwrap_or_default(),
        with_customers,
        sort,
        after: MetersPage::after(&asked),
        at_most: wanted(&asked),
        now: services.clock.now(),
    };
    let meters = services.store.meter_lines(&wanted, &caller.acting.regions).await?;
    let found = Some(services.store.count_meters(&wanted, &caller.acting.regions).await?);
    let page = MetersPage { meters, found, asked };
    answer(&services, &view, meters::TITLE, (page.markup(&view), page.file(&view))).await
}

/// One meter.
pub(super) async fn meter(
    State(services): State<Services>,
    caller: Caller,
    Path(address): Path<String>,
    view: View,
    asked: Asked,
) -> Result<Response, Problem> {
    let page = page_of(&services, &caller, &address, (&view, asked)).await?;
    let view = with_freeze(view, &page.asked);
    let address = page.sheet.line.address.clone();
    answer_of(&services, &view, (meter::TITLE, &address), (page.markup(&view), page.file(&view))).await
}

/// Sets its clock.
pub(super) async fn clock(
    State(services): State<Services>,
    caller: Caller,
    Path(address): Path<String>,
    view: View,
) -> Result<Response, Problem> {
    let done = set_clock(&services, &caller, &address).await;
    let came = match &done {
        Ok(set) if set.was_sent => "&set=done",
        Ok(_) => "&set=not_needed",
        Err(_) => "",
    };
    match ended(done, view, &format!("/meters/{}?part=clock{came}", escaped(&address)))? {
        Ended::Done(response) => Ok(response),
        Ended::Not(view, status) => {
            let asked = Asked(vec![("part".to_owned(), "clock".to_owned())]);
            let page = page_of(&services, &caller, &address, (&view, asked)).await?;
            Ok(answer_as(status, &view, meter::TITLE, &page.markup(&view)))
        }
    }
}

/// Tells it to freeze.
pub(super) async fn freeze(
    State(services): State<Services>,
    caller: Caller,
    Path(address): Path<String>,
    view: View,
) -> Result<Response, Problem> {
    let done = order_freeze(&services, &caller, &address).await;
    // The time is the meter's; the page takes it for nothing but a minute.
    let minute = done.as_ref().map(|at| at.replace(' ', "T")).unwrap_or_default();
    let back = format!("/meters/{}?part=registers&frozen={}", escaped(&address), escaped(&minute));
    match ended(done, view, &back)? {
        Ended::Done(response) => Ok(response),
        Ended::Not(view, status) => {
            let asked = Asked(vec![("part".to_owned(), "registers".to_owned())]);
            let page = page_of(&services, &caller, &address, (&view, asked)).await?;
            Ok(answer_as(status, &view, meter::TITLE, &page.markup(&view)))
        }
    }
}

async fn page_of(
    services: &Services,
    caller: &Caller,
    address: &str,
    (view, asked): (&View, Asked),
) -> Result<MeterPage, Problem> {
    let sheet = services.store.meter_sheet(address, &caller.acting.regions, services.clock.now()).await?;
    let sheet = sheet.ok_or_else(Problem::not_there)?;
    let wanted = Part::asked(&asked);
    let wanted = if Part::may_be_seen(wanted, view) { wanted } else { "status" };
    let part = part(services, (&sheet, &caller.acting.regions), wanted, &asked, view.now).await?;
    let orderable = match sheet.point {
        Some(point) => Some(Orderable::of(services, point, OrderKind::Cut).await?),
        None => None,
    };
    let relay = services.store.relay_seen(sheet.line.meter).await?;
    let relay = relay.filter(|seen| sheet.within.holds(seen.at));
    Ok(MeterPage { sheet, orderable, relay, part, asked })
}

/// The page with word of a freeze that was ordered from it.
fn with_freeze(view: View, asked: &Asked) -> View {
    let Some(at) = asked.value("frozen").and_then(moment) else { return view };
    let at = at.in_china().to_string();
    let at = at.get(..16).unwrap_or(&at);
    let words = Words::new(
        format!("the meter has frozen its registers at {at}, by its own clock"),
        format!("电能表已冻结，表内冻结时间 {at}（表钟）"),
    );
    View { told: Some(Told { is_good: true, words, reasons: Vec::new() }), ..view }
}

async fn part(
    services: &Services,
    (sheet, regions): (&MeterSheet, &Regions),
    wanted: &str,
    asked: &Asked,
    now: Moment,
) -> Result<Part, StoreError> {
    let (store, id, within) = (&services.store, sheet.line.meter, &sheet.within);
    let stretch = stretch(asked, now);
    Ok(match wanted {
        "registers" => {
            let mut entries = store.ledger(id, stretch.0, stretch.1).await?;
            entries.retain(|entry| within.holds(entry.reading.as_of));
            Part::Registers(RegistersPart { stretch, entries })
        }
        "events" => {
            let mut events = store.events_of(id).await?;
            events.retain(|event| within.holds_event(event.collected_at, &event.began));
            Part::Events(events)
        }
        "clock" => {
            let mut clocks = store.clocks_of(id).await?;
            clocks.retain(|clock| within.holds(clock.offset.at));
            Part::Clock(clocks)
        }
        "status" => {
            let words = store.status_words_of(id).await?;
            Part::Status(words.filter(|words| within.holds(words.collected_at)))
        }
        "fetches" => {
            let mut fetches = store.fetches(id, stretch.0, stretch.1).await?;
            fetches.retain(|fetch| is_within(within, fetch));
            Part::Fetches(fetches)
        }
        "orders" => Part::Orders(match sheet.point {
            Some(point) => {
                let filter = OrderFilter { state: None, point: Some(point) };
                store.supply_orders(&filter, regions, i64::MAX, ORDERS).await?
            }
            None => Vec::new(),
        }),
        _ => Part::Curve(curve(services, sheet, asked, (stretch, now)).await?),
    })
}

async fn curve(
    services: &Services,
    sheet: &MeterSheet,
    asked: &Asked,
    (stretch, now): ((Moment, Moment), Moment),
) -> Result<CurvePart, StoreError> {
    let (store, id, within) = (&services.store, sheet.line.meter, &sheet.within);
    let mut latest = store.latest_of(id).await?;
    latest.retain(|latest| within.holds(latest.at));
    let mut items =
        services.rules.as_ref().map(|rules| rules.collection.intervals.items.clone()).unwrap_or_default();
    let wanted = asked.value("item").and_then(Item::parse);
    items.extend(wanted.filter(|item| !items.contains(item)));
    let item = wanted.or_else(|| items.first().copied()).or_else(|| Item::parse("1.8.0"));
    let Some(item) = item else { return Err(StoreError::Refused(crate::store::Refusal::NotThere)) };
    // The register before the first one shown stands in the day before.
    let first = Day::of(stretch.0.minus(Duration::from_micros(1)));
    let days = store.curves(&[id], &[item], first, Day::of(stretch.1)).await?;
    let brought = store.brought(id, (first, Day::of(stretch.1))).await?;
    let days = days.iter().map(|day| day.only(|at| within.holds(at))).collect();
    let due = curves_due(services, now).await?;
    Ok(CurvePart { latest, items, item, stretch, days, due, brought })
}

/// Up to when curves are to be there: the curve of a day is read in the night behind it.
async fn curves_due(services: &Services, now: Moment) -> Result<Moment, StoreError> {
    let today = Day::of(now);
    let run = services.store.run_of("site", today, RunKind::Nightly).await?;
    let is_over = match run {
        Some(run) => run.ended_at.is_some() || run.deadline <= now,
        None => now.since(today.start()) > NIGHT,
    };
    Ok(if is_over { today.start() } else { today.previous().start() })
}

/// Whether all that an exchange tells of is of the time at which the meter was within the regions.
fn is_within(within: &Within, fetch: &Fetch) -> bool {
    [fetch.from, fetch.until, fetch.collected_at].into_iter().all(|at| within.holds(at))
}

/// Orders that are listed.
const ORDERS: u32 = 200;
/// Where there was no night, it would have been over by then.
const NIGHT: Duration = Duration::from_secs(6 * 3600);

/// One exchange with a meter, its frames explained.
pub(super) async fn fetch(
    State(services): State<Services>,
    caller: Caller,
    Path((address, fetch)): Path<(String, i64)>,
    view: View,
) -> Result<Response, Problem> {
    let store = &services.store;
    let sheet = store
        .meter_sheet(&address, &caller.acting.regions, services.clock.now())
        .await?
        .ok_or_else(Problem::not_there)?;
    let id: Id<Fetch> = Id::new(fetch);
    let fetch = store.fetch_of(sheet.line.meter, id).await?;
    let fetch = fetch.filter(|fetch| is_within(&sheet.within, fetch)).ok_or_else(Problem::not_there)?;
    let mut brought = store.ledger(sheet.line.meter, fetch.from, fetch.until).await?;
    brought.retain(|entry| entry.reading.fetch == Some(id));
    let run = match fetch.run {
        Some(run) => store.run_with(run).await?,
        None => None,
    };
    let page = FetchPage { sheet, fetch, run, brought };
    answer(&services, &view, FetchPage::TITLE, (page.markup(&view), None)).await
}
