//! Events of terminals: read from where the last reading ended, and taken as they are reported; each is kept once.

use std::collections::HashMap;

use gdw1376::answer::{self, EventRecord, Events};
use gdw1376::frame::Frame;
use gdw1376::message::Message;
use gdw1376::request::Request;
use gdw1376::{reading, unit};
use serde_json::json;

use super::super::ask::Missed;
use super::ask::TerminalAsker;
use super::first_events;
use super::lost::{Last, Loss};
use crate::domain::{Alarm, AlarmKind, Id, Meter, MissingCause, Moment};
use crate::store::Store;
use crate::store::terminal::{EventsRead, TerminalEvent, TerminalNotes};
use gdw1376::address::TerminalAddress;

/// Reads the events of both kinds that are new since the places in `read`, to be kept; what came of one kind stands whatever
/// becomes of the other. That some are lost is told, and why the rest did not come.
pub(super) async fn keep_new(
    asker: &TerminalAsker,
    store: &Store,
    read: (Option<u8>, Option<u8>),
    meters: &HashMap<u16, Id<Meter>>,
) -> TerminalNotes {
    let (terminal, asked_at) = (asker.address, asker.clock.now());
    let New { events, missed, is_all } = read_events(asker, store, read, meters).await;
    // A report that could not be read is made up for by nothing less than all that is new.
    let asked = if is_all { vec![(terminal, asked_at)] } else { Vec::new() };
    if let Some(missed) = missed {
        tracing::info!(terminal = %terminal, "events of terminal {terminal}: {}", missed.detail);
    }
    TerminalNotes { events, asked, ..TerminalNotes::default() }
}

/// What came of asking for all that is new.
#[derive(Default)]
struct New {
    events: Vec<EventsRead>,
    /// The first that did not come.
    missed: Option<Missed>,
    /// All that the terminal holds of it was read.
    is_all: bool,
}

/// What came of asking for a part of a ring.
#[derive(Debug, Default)]
pub(super) struct RingRead {
    pub(super) read: Option<EventsRead>,
    /// Why reading ended before its end.
    pub(super) missed: Option<Missed>,
    /// It was read to its end.
    pub(super) is_all: bool,
    /// It was read over places at which the terminal counts events and gives none.
    pub(super) lacks: bool,
}

async fn read_events(
    asker: &TerminalAsker,
    store: &Store,
    read: (Option<u8>, Option<u8>),
    meters: &HashMap<u16, Id<Meter>>,
) -> New {
    let not_asked = |missed| New { missed: Some(missed), ..New::default() };
    let answered = match asker.ask("event counters", Request::ReadEventCounters).await {
        Ok(answered) => answered,
        Err(missed) => return not_asked(missed),
    };
    let units = answered.units();
    let counters = units.iter().find_map(|(_, unit)| answer::event_counters(unit));
    let Some(counters) = counters else {
        let none = "event counters: the terminal gave no answer that can be read";
        return not_asked(Missed::new(MissingCause::WrongForm, none));
    };
    let mut new = New { is_all: true, ..New::default() };
    for (important, known, counted) in
        [(true, read.0, counters.important), (false, read.1, counters.ordinary)]
    {
        let Some(mut from) = known else {
            new.take(first_events::read(asker, important, counted, meters).await);
            continue;
        };
        let last = match look_at(asker, store, important, from.wrapping_sub(1), meters).await {
            Ok(last) => last,
            // It has something, and not that one: it was reset, or leaves such a question unanswered. The rest is read all the
            // same; nobody can tell whether some were lost.
            Err(missed) if missed.is_of_meter() || missed.cause == MissingCause::TerminalSilent => {
                tracing::warn!(terminal = %asker.address, important, "whether events of terminal {} were lost is not known: {}",
                    asker.address, missed.detail);
                new.missed = new.missed.or(Some(missed));
                Last::Stands
            }
            // It is away, or there is no time left: what is read now would hide that some were lost; the next time tells.
            Err(missed) => {
                new.take(RingRead { missed: Some(missed), ..RingRead::default() });
                continue;
            }
        };
        if last == Last::IsAnother {
            // All that it holds, but the oldest: a question that ends where it begins asks for nothing.
            from = counted.wrapping_add(1);
        }
        if from == counted {
            continue;
        }
        let ring = read_ring(asker, important, (from, counted), meters).await;
        let events = ring.read.as_ref().map(|read| read.events.as_slice()).unwrap_or_default();
        let loss = Loss::of(last, (from, counted), events);
        let loss = match loss {
            None if ring.lacks && was_reported_unread(asker, store).await => Some(Loss::OfReport),
            loss => loss,
        };
        if let Some(loss) = loss {
            tell(asker, store, important, loss).await;
        }
        new.take(ring);
    }
    new
}

impl New {
    fn take(&mut self, ring: RingRead) {
        self.events.extend(ring.read);
        self.missed = self.missed.take().or(ring.missed);
        self.is_all &= ring.is_all;
    }
}

/// Whether a report of the terminal could not be read, and what it told may be what the ring does not hold any more.
async fn was_reported_unread(asker: &TerminalAsker, store: &Store) -> bool {
    // Where that cannot be known it is told.
    store.told_of_terminal(asker.address).await.map_or(true, |told| told.is_unread)
}

/// What stands at the place of the event that was read last.
async fn look_at(
    asker: &TerminalAsker,
    store: &Store,
    important: bool,
    place: u8,
    meters: &HashMap<u16, Id<Meter>>,
) -> Result<Last, Missed> {
    let known = store.events_at(asker.address, important, place).await;
    let known = known.map_err(|error| Missed::of_database(&error))?;
    if known.is_empty() {
        return Ok(Last::Stands);
    }
    let came = ask_ring(asker, important, (place, place.wrapping_add(1)), meters).await?;
    Ok(match came.iter().find(|event| stands_at(event, place)) {
        None => Last::IsGone,
        Some(event) if known.contains(&(event.code, event.body.clone())) => Last::Stands,
        Some(_) => Last::IsAnother,
    })
}

/// Says that events were lost before they were read.
async fn tell(asker: &TerminalAsker, store: &Store, important: bool, loss: Loss) {
    let (terminal, now) = (asker.address, asker.clock.now());
    let (zh, en) = loss.words(important);
    tracing::warn!(terminal = %terminal, important, "terminal {terminal}: {en}");
    let alarm = Alarm::new(AlarmKind::TerminalEventsLost, format!("terminal {terminal}"), now);
    if let Err(error) = store.raise_alarm(&alarm.saying(zh, en)).await {
        tracing::error!(
            kind = error.kind(),
            "that events of terminal {terminal} are lost is not told: {error}"
        );
    }
}

/// The events from one place to before another, question by question. Where the terminal gives fewer, reading goes on behind
/// what came; what it does not give when it is asked for that alone is gone from its ring, and is not waited for.
pub(super) async fn read_ring(
    asker: &TerminalAsker,
    important: bool,
    (from, to): (u8, u8),
    meters: &HashMap<u16, Id<Meter>>,
) -> RingRead {
    let terminal = asker.address;
    let mut events: Vec<TerminalEvent> = Vec::new();
    let (mut place, mut until, mut missed, mut lacks) = (from, to, None, false);
    // Of an answer that cannot be read nobody knows which places it tells of: fewer are asked for, down to one, and then more again.
    let mut width = u8::MAX;
    let end =
        |place: u8, width: u8| if to.wrapping_sub(place) <= width { to } else { place.wrapping_add(width) };
    for _ in 0..MOST_QUESTIONS {
        if place == to {
            break;
        }
        let is_unread = match ask_ring(asker, important, (place, until), meters).await {
            Ok(came) => {
                let is_unread = came.iter().any(|event| event.code == TerminalEvent::UNREAD);
                events.extend(came);
                is_unread
            }
            Err(why) => {
                missed = Some(why);
                break;
            }
        };
        let asked = until.wrapping_sub(place);
        width = if is_unread { (asked / 2).max(1) } else { width.saturating_mul(2) };
        let next = behind(place, to, &events);
        if next != place {
            (place, until) = (next, end(next, width));
            continue;
        }
        if is_unread && asked > 1 {
            until = end(place, width);
            continue;
        }
        // Nothing of the first place: what lies before that which came is asked for alone, once.
        let came = nearest(place, until, &events);
        if came == until {
            tracing::info!(terminal = %terminal, from = place, to = came, "terminal {terminal} counts events that it does not give");
            // What could not be read is kept as it came.
            lacks |= !is_unread;
            place = behind(came, to, &events);
            until = end(place, width);
        } else {
            until = came;
        }
    }
    let is_any = place != from || !events.is_empty();
    let read = EventsRead { terminal, important, read_to: Some(place), events };
    RingRead { read: is_any.then_some(read), missed, is_all: place == to, lacks }
}

/// The events from one place to before another, as one question brings them; none where there are none.
pub(super) async fn ask_ring(
    asker: &TerminalAsker,
    important: bool,
    (from, to): (u8, u8),
    meters: &HashMap<u16, Id<Meter>>,
) -> Result<Vec<TerminalEvent>, Missed> {
    let answered = match asker.ask("events", Request::ReadEvents { important, from, to }).await {
        Ok(answered) => answered,
        Err(missed) if missed.is_not_there() => return Ok(Vec::new()),
        Err(missed) => return Err(missed),
    };
    let mut events = Vec::new();
    for bytes in &answered.frames {
        let Ok(frame) = Frame::parse(bytes) else { continue };
        let told = answer::events_of(&frame);
        let of_kind = told.events.iter().filter(|told| told.important == important);
        let records = of_kind.flat_map(|told| &told.records);
        events.extend(records.map(|record| event(record, meters, answered.answered_at)));
        if !told.is_whole {
            // What it says cannot be told from its places: it is kept as it came, and not taken for nothing (I1).
            events.extend(unread(asker.address, bytes, answered.answered_at).events);
        }
    }
    if events.is_empty() && !answered.is_complete {
        // They may have stood in the frame that was lost.
        return Err(Missed::new(MissingCause::TerminalSilent, "events: a part of the answer was lost"));
    }
    Ok(events)
}

/// Whether it is the event of this place; what could not be read stands at none.
pub(super) fn stands_at(event: &TerminalEvent, place: u8) -> bool {
    event.place == place && event.code != TerminalEvent::UNREAD
}

/// The first place from one on, up to before another, at which an event came; the other where there is none.
pub(super) fn nearest(from: u8, to: u8, events: &[TerminalEvent]) -> u8 {
    let mut place = from;
    while place != to && !events.iter().any(|event| stands_at(event, place)) {
        place = place.wrapping_add(1);
    }
    place
}

/// The place behind the last event that came without a gap.
pub(super) fn behind(from: u8, to: u8, events: &[TerminalEvent]) -> u8 {
    let mut place = from;
    while place != to && events.iter().any(|event| stands_at(event, place)) {
        place = place.wrapping_add(1);
    }
    place
}

/// The events of a report.
pub(super) fn reported(
    terminal: TerminalAddress,
    told: &Events<'_>,
    meters: &HashMap<u16, Id<Meter>>,
    at: Moment,
) -> EventsRead {
    let events = told.records.iter().map(|record| event(record, meters, at)).collect();
    EventsRead { terminal, important: told.important, read_to: None, events }
}

/// A report that could not be read to its end, as an event that says so. Its events are asked for by their places.
pub(super) fn unread(terminal: TerminalAddress, bytes: &[u8], at: Moment) -> EventsRead {
    let names = ("report that could not be read", "无法解析的事件上报");
    let event = as_it_came(names, Vec::new(), bytes, at);
    EventsRead { terminal, important: true, read_to: None, events: vec![event] }
}

/// A report of data, as an event that says what it told: it is kept as observed, and counts for nothing.
pub(super) fn observed(terminal: TerminalAddress, message: &Message<'_>, at: Moment) -> EventsRead {
    let cut = unit::cut(message);
    let mut readings = cut.units.iter().flat_map(reading::readings);
    let told = readings.by_ref().take(MOST_TOLD).map(|told| {
        let holds = told.as_of.map(|at| format!(" {at}")).unwrap_or_default();
        let name = format!("p{} {}{holds}", told.point.number(), told.item);
        let value = told.value.map_or_else(|why| why.reason().to_owned(), |value| value.to_string());
        json!({ "name": name, "name_zh": name, "value": value, "unit": told.unit })
    });
    let mut told: Vec<_> = told.collect();
    told.extend(left_out(("values left out", "未列出的数值个数"), readings.count()));
    let event = as_it_came(("data report, not booked", "数据主动上报（未入账）"), told, message.units, at);
    EventsRead { terminal, important: false, read_to: None, events: vec![event] }
}

/// What is kept by its bytes.
fn as_it_came(
    (name, name_zh): (&str, &str),
    mut values: Vec<serde_json::Value>,
    bytes: &[u8],
    at: Moment,
) -> TerminalEvent {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02X}")).collect::<String>();
    let whole = hex(bytes.get(..MOST_UNREAD).unwrap_or(bytes));
    // One that is longer than any event is known again by how it begins and ends.
    let ends = || bytes.split_at_checked(HEAD_UNREAD).zip(bytes.last_chunk::<TAIL_UNREAD>());
    let body = match ends().filter(|_| bytes.len() > HEAD_UNREAD + TAIL_UNREAD) {
        Some(((head, _), tail)) => hex(head) + &hex(tail),
        None => hex(bytes),
    };
    values.push(json!({ "name": "bytes", "name_zh": "报文", "value": whole, "unit": "" }));
    values
        .extend(left_out(("bytes left out", "未保存的报文字节数"), bytes.len().saturating_sub(MOST_UNREAD)));
    let told = json!({ "name": name, "name_zh": name_zh, "at": null, "values": values });
    TerminalEvent {
        place: 0,
        code: TerminalEvent::UNREAD,
        meter: None,
        began: None,
        body,
        record: told.to_string(),
        collected_at: at,
    }
}

/// Says how many are left out of what is kept, where some are.
fn left_out((name, name_zh): (&str, &str), count: usize) -> Option<serde_json::Value> {
    (count > 0).then(|| json!({ "name": name, "name_zh": name_zh, "value": count.to_string(), "unit": "" }))
}

fn event(record: &EventRecord<'_>, meters: &HashMap<u16, Id<Meter>>, at: Moment) -> TerminalEvent {
    let hex = |byte: &u8| format!("{byte:02X}");
    let fields = record.values.iter().map(|decoded| {
        let field = decoded.field;
        let value = decoded.value.to_string();
        json!({ "name": field.name_en, "name_zh": field.name_zh, "value": value, "unit": field.unit })
    });
    let (name, name_zh) = record.kind.map_or(("", ""), |kind| (kind.name_en, kind.name_zh));
    let phase = record.point().map(|(point, phase)| {
        json!({
            "point": point.number(),
            "begins": phase == answer::Phase::Begins,
        })
    });
    let told = json!({ "name": name, "name_zh": name_zh, "at": phase, "values": fields.collect::<Vec<_>>() });
    TerminalEvent {
        place: record.place,
        code: record.code,
        meter: record.point().and_then(|(point, _)| meters.get(&point.number()).copied()),
        began: record.at().map(|time| time.to_string()),
        body: record.body.iter().map(hex).collect(),
        record: told.to_string(),
        collected_at: at,
    }
}

/// So many bytes are kept of a report that could not be read: no report of a terminal in order is longer.
const MOST_UNREAD: usize = 2048;
/// So many values of a report of data are written out: those of a curve of a day.
const MOST_TOLD: usize = 100;
/// By so many of its first and last ones it is known again.
const HEAD_UNREAD: usize = 240;
const TAIL_UNREAD: usize = 15;
/// A ring of 256 is read with no more questions than this in one night.
const MOST_QUESTIONS: usize = 64;

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An event at a place.
    pub(in super::super) fn at(place: u8) -> TerminalEvent {
        TerminalEvent {
            place,
            code: 14,
            meter: None,
            began: None,
            body: String::new(),
            record: String::new(),
            collected_at: Moment::from_micros(0),
        }
    }

    #[test]
    fn reading_goes_on_behind_the_last_event_without_a_gap() {
        assert_eq!(behind(5, 8, &[at(5), at(6), at(7)]), 8);
        assert_eq!(behind(5, 8, &[at(5), at(7)]), 6, "one in between did not come");
        assert_eq!(behind(254, 2, &[at(255), at(254), at(0), at(1)]), 2, "the ring turns");
        assert_eq!(behind(5, 8, &[]), 5);
        assert_eq!(nearest(200, 4, &[at(0), at(1)]), 0, "what the terminal has forgotten lies before it");
        assert_eq!(nearest(5, 8, &[at(9)]), 8);
    }
}
