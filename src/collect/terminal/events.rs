//! Events of terminals: read from where the last reading ended, and taken as they are reported; each is kept once.

use std::collections::HashMap;

use gdw1376::answer::{self, EventRecord, Events};
use gdw1376::request::Request;
use gdw1376::unit::Unit;
use serde_json::json;

use super::super::ask::Missed;
use super::ask::TerminalAsker;
use crate::domain::{Id, Meter, Moment};
use crate::store::terminal::{EventsRead, TerminalEvent};
use gdw1376::address::TerminalAddress;

/// Reads the events of both kinds that are new since the places in `read`.
pub(super) async fn read_events(
    asker: &TerminalAsker,
    read: (Option<u8>, Option<u8>),
    meters: &HashMap<u16, Id<Meter>>,
) -> Result<Vec<EventsRead>, Missed> {
    let answered = asker.ask("event counters", Request::ReadEventCounters).await?;
    let units = answered.units();
    let counters = units.iter().find_map(|(_, unit)| answer::event_counters(unit));
    let Some(counters) = counters else { return Ok(Vec::new()) };
    let mut brought = Vec::new();
    for (important, known, counted) in
        [(true, read.0, counters.important), (false, read.1, counters.ordinary)]
    {
        let from = known.unwrap_or_else(|| counted.saturating_sub(AT_FIRST));
        if from == counted {
            continue;
        }
        brought.extend(read_ring(asker, important, (from, counted), meters).await?);
    }
    Ok(brought)
}

/// The events from one place to before another. Where the terminal gives fewer, reading goes on behind what came.
async fn read_ring(
    asker: &TerminalAsker,
    important: bool,
    (from, to): (u8, u8),
    meters: &HashMap<u16, Id<Meter>>,
) -> Result<Option<EventsRead>, Missed> {
    let terminal = asker.address;
    let request = Request::ReadEvents { important, from, to };
    let answered = match asker.ask("events", request).await {
        Ok(answered) => answered,
        // They are gone from its ring; asking for them again would not bring them back.
        Err(missed) if missed.is_not_there() => {
            tracing::warn!(terminal = %terminal, from, to, "terminal {terminal} counts events that it does not give");
            return Ok(Some(EventsRead { terminal, important, read_to: Some(to), events: Vec::new() }));
        }
        Err(missed) => return Err(missed),
    };
    let mut events = Vec::new();
    for (_, unit) in answered.units() {
        let Some(told) = answer::events(&unit).filter(|told| told.important == important) else { continue };
        events.extend(told.records.iter().map(|record| event(record, meters, answered.answered_at)));
    }
    let read_to = behind(from, to, &events);
    Ok(Some(EventsRead { terminal, important, read_to: Some(read_to), events }))
}

/// The place behind the last event that came without a gap.
fn behind(from: u8, to: u8, events: &[TerminalEvent]) -> u8 {
    let mut place = from;
    while place != to && events.iter().any(|event| event.place == place) {
        place = place.wrapping_add(1);
    }
    place
}

/// The events of a report.
pub(super) fn reported(
    terminal: TerminalAddress,
    unit: &Unit<'_>,
    meters: &HashMap<u16, Id<Meter>>,
    at: Moment,
) -> Option<EventsRead> {
    let Events { important, records, .. } = answer::events(unit)?;
    let events = records.iter().map(|record| event(record, meters, at)).collect();
    Some(EventsRead { terminal, important, read_to: None, events })
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

/// Of a terminal that is asked for the first time so many of the newest are enough.
const AT_FIRST: u8 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(place: u8) -> TerminalEvent {
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
    }
}
