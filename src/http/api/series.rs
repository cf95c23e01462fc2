//! What meters said, over time: their newest values, registers, load curves and events, as JSON by page or as CSV.
#![expect(unused_qualifications, reason = "what utoipa makes of parameters")]

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::accounts::ListMeta;
use super::meters::sheet_of;
use super::written::{LONGEST, words};
use crate::domain::access::Action;
use crate::domain::{AuditEntry, Coded, Day, Id, Item, Meter, Moment, SlotValue, Source};
use crate::http::console::labels;
use crate::http::console::words::Language;
use crate::http::routes::Routes;
use crate::http::{Asked, Caller, Problem, Services, cell};
use crate::store::view::MeterSheet;
use crate::store::{AllBrought, Brought, Latest, LedgerEntry, StoreError};

pub(super) fn routes() -> Routes {
    Routes::default()
        .api::<__path_latest, _, _>(Action::SeeCustomers, latest)
        .api::<__path_registers, _, _>(Action::SeeCustomers, registers)
        .api::<__path_intervals, _, _>(Action::SeeCustomers, intervals)
        .api::<__path_events, _, _>(Action::SeeCustomers, events)
}

/// A stretch of days, and a page of what is in it.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Span {
    /// The first day, `2026-11-01`, time of China; a week before the last one where it is not given.
    from: Option<String>,
    /// The last day; today where it is not given.
    until: Option<String>,
    /// Only this item, an OBIS code such as `1.8.0`.
    item: Option<String>,
    /// Where to go on: `next_cursor` of the answer before.
    cursor: Option<usize>,
    /// How many at most, 1 to 5000.
    limit: Option<usize>,
    /// `json` or `csv`.
    format: Option<String>,
    /// What the values are taken for, in words; has to be given for `csv`, and stands in the audit log.
    reason: Option<String>,
}

/// A value.
#[derive(Debug, Serialize, ToSchema)]
struct ValueShown {
    /// The item, an OBIS code.
    item: String,
    /// What it is called.
    name: String,
    /// The same in Chinese.
    name_zh: String,
    /// The instant it holds for, RFC 3339.
    at: String,
    /// Exact decimal.
    value: String,
    /// Its unit.
    unit: String,
    /// How far it may be trusted.
    quality: String,
    /// How it was come by.
    source: Option<String>,
    /// When it came in, RFC 3339.
    collected_at: Option<String>,
    /// The time the meter gave with it.
    meter_time: Option<String>,
    /// Its version.
    version: Option<i64>,
    /// Whether this version is the one that counts.
    is_current: Option<bool>,
    /// The number of the exchange that brought it, whose frames are on the page /meters/ADDRESS/fetches/NUMBER; `null` for what no
    /// exchange brought.
    fetch: Option<String>,
}

/// An event.
#[derive(Debug, Serialize, ToSchema)]
struct EventShown {
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

/// Values.
#[derive(Debug, Serialize, ToSchema)]
struct ValuesAnswer {
    /// In order of time and item.
    values: Vec<ValueShown>,
    /// Where to go on.
    meta: ListMeta,
}

/// Events.
#[derive(Debug, Serialize, ToSchema)]
struct EventsAnswer {
    /// As they are kept.
    events: Vec<EventShown>,
    /// Where to go on.
    meta: ListMeta,
}

/// The newest accepted value of each item of a meter
///
/// None of them is what the meter shows now: that is asked for with `POST /api/v1/reads`.
#[utoipa::path(get, path = "/api/v1/meters/{address}/latest", tag = "data", params(("address" = String, Path)),
    responses((status = 200, body = ValuesAnswer)))]
async fn latest(
    State(services): State<Services>,
    caller: Caller,
    Path(address): Path<String>,
) -> Result<Json<ValuesAnswer>, Problem> {
    let sheet = sheet_of(&services, &caller, &address).await?;
    let mut latest = services.store.latest_of(sheet.line.meter).await?;
    latest.retain(|latest| sheet.within.holds(latest.at));
    let values = newest(&services, sheet.line.meter, latest).await?;
    let meta = ListMeta { count: values.len(), next_cursor: None };
    Ok(Json(ValuesAnswer { values, meta }))
}

/// All versions of a meter's registers in a stretch of up to 400 days, in order of time
#[utoipa::path(get, path = "/api/v1/meters/{address}/registers", tag = "data",
    params(("address" = String, Path), Span), responses((status = 200, body = ValuesAnswer)))]
async fn registers(
    State(services): State<Services>,
    caller: Caller,
    Path(address): Path<String>,
    Asked(span): Asked<Span>,
) -> Result<Response, Problem> {
    let sheet = sheet_of(&services, &caller, &address).await?;
    let asked = span.checked(&services, MOST_DAYS_OF_REGISTERS)?;
    let (from, until) = (asked.from.start(), asked.until.next().start());
    let entries = services.store.ledger(sheet.line.meter, from, until).await?;
    let is_within =
        |entry: &LedgerEntry| entry.reading.as_of < until && sheet.within.holds(entry.reading.as_of);
    let within = entries.into_iter().filter(is_within);
    let wanted = within.filter(|entry| asked.item.is_none_or(|item| item == entry.reading.item));
    let values = wanted.map(register).collect();
    asked.answer(&services, &caller, &format!("meter {address} registers"), (&address, values)).await
}

/// The load curves of a meter in a stretch of up to 62 days, in order of day, item and time
#[utoipa::path(get, path = "/api/v1/meters/{address}/intervals", tag = "data",
    params(("address" = String, Path), Span), responses((status = 200, body = ValuesAnswer)))]
async fn intervals(
    State(services): State<Services>,
    caller: Caller,
    Path(address): Path<String>,
    Asked(span): Asked<Span>,
) -> Result<Response, Problem> {
    let sheet = sheet_of(&services, &caller, &address).await?;
    let asked = span.checked(&services, MOST_DAYS_OF_CURVES)?;
    let values = curves(&services, &sheet, &asked).await?;
    asked.answer(&services, &caller, &format!("meter {address} intervals"), (&address, values)).await
}

/// The events that a meter has recorded
#[utoipa::path(get, path = "/api/v1/meters/{address}/events", tag = "data",
    params(("address" = String, Path), Page), responses((status = 200, body = EventsAnswer)))]
async fn events(
    State(services): State<Services>,
    caller: Caller,
    Path(address): Path<String>,
    Asked(page): Asked<Page>,
) -> Result<Json<EventsAnswer>, Problem> {
    let sheet = sheet_of(&services, &caller, &address).await?;
    let mut events = services.store.events_of(sheet.line.meter).await?;
    events.retain(|event| sheet.within.holds_event(event.collected_at, &event.began));
    let events = events.into_iter().map(|event| EventShown {
        name: labels::event(&event.kind, Language::English),
        name_zh: labels::event(&event.kind, Language::Chinese),
        kind: event.kind,
        began: event.began,
        collected_at: event.collected_at.to_string(),
        record: serde_json::from_str(&event.record).unwrap_or_default(),
    });
    let limit = page.limit.unwrap_or(100).clamp(1, 500);
    let (events, meta) = paged(events, page.cursor.unwrap_or(0), limit);
    Ok(Json(EventsAnswer { events, meta }))
}

/// A page of a list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Page {
    /// Where to go on: `next_cursor` of the answer before.
    cursor: Option<usize>,
    /// How many at most, 1 to 500.
    limit: Option<usize>,
}

/// A stretch of days that makes sense.
struct Checked {
    from: Day,
    until: Day,
    item: Option<Item>,
    cursor: usize,
    limit: usize,
    is_csv: bool,
    reason: String,
}

impl Span {
    fn checked(&self, services: &Services, most_days: i64) -> Result<Checked, Problem> {
        let day = |text: &String| {
            text.parse::<Day>().map_err(|_| malformed("a day is written 2026-11-01", "日期须写作 2026-11-01"))
        };
        let until = self.until.as_ref().map(day).transpose()?;
        let until = until.unwrap_or_else(|| Day::of(services.clock.now()));
        let from = self.from.as_ref().map(day).transpose()?.unwrap_or_else(|| until.plus(-WEEK));
        if from > until || until.number() - from.number() >= most_days {
            return Err(Problem::unacceptable(
                "span",
                &format!("from the first day to the last there may be 1 to {most_days}"),
                &format!("起止日期须在 1 至 {most_days} 天以内"),
            ));
        }
        let item = |code: &String| {
            Item::parse(code).ok_or_else(|| {
                malformed("an item is an OBIS code such as 1.8.0", "数据项须为 OBIS 代码，如 1.8.0")
            })
        };
        let is_csv = match self.format.as_deref() {
            None | Some("json") => false,
            Some("csv") => true,
            Some(_) => return Err(malformed("a format is json or csv", "格式须为 json 或 csv")),
        };
        let reason = words(self.reason.as_deref().unwrap_or_default(), LONGEST)?;
        if is_csv && reason.is_empty() {
            return Err(Problem::unacceptable(
                "reason_missing",
                "a file of values is taken with a reason: `reason=...`",
                "导出数据须注明原因（reason=...）",
            ));
        }
        Ok(Checked {
            from,
            until,
            item: self.item.as_ref().map(item).transpose()?,
            cursor: self.cursor.unwrap_or(0),
            limit: self.limit.unwrap_or(MOST_VALUES).clamp(1, MOST_VALUES),
            is_csv,
            reason: reason.to_owned(),
        })
    }
}

impl Checked {
    /// A page of these values, or all of them as a table for spreadsheets. What leaves in bulk is entered in the audit log with
    /// why (T23, T27).
    async fn answer(
        &self,
        services: &Services,
        caller: &Caller,
        what: &str,
        (address, values): (&str, Vec<ValueShown>),
    ) -> Result<Response, Problem> {
        let count =
            if self.is_csv { values.len() } else { values.len().saturating_sub(self.cursor).min(self.limit) };
        if self.is_csv || count > BULK {
            let detail = serde_json::json!({
                "from": self.from.to_string(), "until": self.until.to_string(), "values": count, "reason": self.reason,
            });
            let entry = AuditEntry::by(&caller.acting, services.clock.now(), "export.values", what);
            services.store.audit(&entry.saying(detail.to_string())).await?;
        }
        let values = values.into_iter();
        if self.is_csv {
            let lines = values.map(|value| csv_line(address, &value));
            let text = std::iter::once(CSV_HEAD.to_owned()).chain(lines).collect::<String>();
            let headers = [
                (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
                (header::CONTENT_DISPOSITION, "attachment; filename=\"values.csv\""),
            ];
            return Ok((headers, text).into_response());
        }
        let (values, meta) = paged(values, self.cursor, self.limit);
        Ok(Json(ValuesAnswer { values, meta }).into_response())
    }
}

/// A page of what is bounded by its stretch of time, so that leaving out the beginning costs little.
fn paged<T>(mut all: impl Iterator<Item = T>, cursor: usize, limit: usize) -> (Vec<T>, ListMeta) {
    if let Some(last) = cursor.checked_sub(1) {
        all.nth(last);
    }
    let page: Vec<T> = all.by_ref().take(limit).collect();
    let next = all.next().map(|_| cursor.saturating_add(page.len()).to_string());
    let meta = ListMeta { count: page.len(), next_cursor: next };
    (page, meta)
}

/// The newest values, each with the version that it is, or with the exchange that brought its slot of a curve.
async fn newest(
    services: &Services,
    meter: Id<Meter>,
    latest: Vec<Latest>,
) -> Result<Vec<ValueShown>, StoreError> {
    let entries = services.store.ledger_of_latest(meter).await?;
    // The last of several that are alike: a person may have decided that a value counts after all.
    let read = |latest: &Latest| {
        entries.iter().rev().find(|LedgerEntry { reading, .. }| {
            let Latest { item, at, value, collected_at, .. } = *latest;
            (reading.item, reading.as_of, reading.value, reading.collected_at)
                == (item, at, value, collected_at)
        })
    };
    let mut brought: HashMap<Day, AllBrought> = HashMap::new();
    let mut values = Vec::with_capacity(latest.len());
    for latest in latest {
        let Latest { item, at, value, quality, .. } = latest;
        if let Some(entry) = read(&latest) {
            values.push(register(entry.clone()));
            continue;
        }
        let day = Day::of(at);
        let of_day = match brought.entry(day) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(services.store.brought(meter, (day, day)).await?),
        };
        let by = of_day.first(item, at);
        values.push(ValueShown {
            source: Some(latest.source.name().to_owned()),
            collected_at: Some(latest.collected_at.to_string()),
            ..slot(item, at, SlotValue { value, quality }, by)
        });
    }
    Ok(values)
}

async fn curves(
    services: &Services,
    sheet: &MeterSheet,
    asked: &Checked,
) -> Result<Vec<ValueShown>, Problem> {
    let meter = sheet.line.meter;
    let items = match asked.item {
        Some(item) => vec![item],
        None => services.store.latest_of(meter).await?.into_iter().map(|latest| latest.item).collect(),
    };
    let curves = services.store.curves(&[meter], &items, asked.from, asked.until).await?;
    let all_brought = services.store.brought(meter, (asked.from, asked.until)).await?;
    let mut values = Vec::new();
    for curve in curves {
        let filled = curve.filled().filter(|(at, _)| sheet.within.holds(*at));
        values.extend(
            filled.map(|(at, filled)| slot(curve.item, at, filled, all_brought.first(curve.item, at))),
        );
    }
    values.sort_by(|one, other| (&one.at, &one.item).cmp(&(&other.at, &other.item)));
    Ok(values)
}

fn slot(item: Item, at: Moment, filled: SlotValue, brought: Option<&Brought>) -> ValueShown {
    // A load record is kept by the meter under the time of the slot.
    let is_recorded = brought.is_some_and(|brought| brought.source == Source::LoadRecord);
    ValueShown {
        quality: filled.quality.name().to_owned(),
        source: brought.map(|brought| brought.source.name().to_owned()),
        collected_at: brought.map(|brought| brought.collected_at.to_string()),
        meter_time: is_recorded.then(|| at.in_china().to_string()),
        fetch: brought.map(|brought| brought.id.to_string()),
        ..value(item, at, filled.value)
    }
}

fn register(entry: LedgerEntry) -> ValueShown {
    let LedgerEntry { reading, version, is_current, .. } = entry;
    ValueShown {
        quality: reading.quality.name().to_owned(),
        source: Some(reading.source.name().to_owned()),
        collected_at: Some(reading.collected_at.to_string()),
        meter_time: reading.meter_time,
        version: Some(version),
        is_current: Some(is_current),
        fetch: reading.fetch.map(|fetch| fetch.to_string()),
        ..value(reading.item, reading.as_of, reading.value)
    }
}

fn value(item: Item, at: Moment, value: i64) -> ValueShown {
    ValueShown {
        item: item.code().to_string(),
        name: item.name_en(),
        name_zh: item.name_zh(),
        at: at.to_string(),
        value: item.quantity(value).to_string(),
        unit: item.unit().to_owned(),
        quality: String::new(),
        source: None,
        collected_at: None,
        meter_time: None,
        version: None,
        is_current: None,
        fetch: None,
    }
}

fn csv_line(address: &str, value: &ValueShown) -> String {
    let none = || String::new();
    let version = value.version.map_or_else(none, |version| version.to_string());
    let current = value.is_current.map_or_else(none, |is_current| is_current.to_string());
    let texts = [
        address,
        &value.item,
        &value.name_zh,
        &value.at,
        &value.unit,
        &value.quality,
        value.source.as_deref().unwrap_or(""),
        value.collected_at.as_deref().unwrap_or(""),
        value.meter_time.as_deref().unwrap_or(""),
        &version,
        &current,
        value.fetch.as_deref().unwrap_or(""),
    ]
    .map(cell);
    // A number is made by us, and may begin with a minus.
    format!("{},{}\r\n", value.value, texts.join(","))
}

fn malformed(en: &str, zh: &str) -> Problem {
    Problem::malformed(en, zh)
}

/// With the mark by which spreadsheets know UTF-8.
const CSV_HEAD: &str = "\u{feff}value,meter_address,item,name,at,unit,quality,source,collected_at,meter_time,version,is_current,fetch\r\n";
const MOST_VALUES: usize = 5000;
/// Above so many at once, values are taken away in bulk.
const BULK: usize = 500;
const MOST_DAYS_OF_REGISTERS: i64 = 400;
const MOST_DAYS_OF_CURVES: i64 = 62;
const WEEK: i64 = 7;
