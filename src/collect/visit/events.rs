//! Status words and events, once a day: what a meter has counted more since it was last asked is read record by record,
//! each once.

use std::collections::HashMap;

use dlt645::catalog::{self, Content, Value};
use dlt645::data_id::DataId;
use dlt645::edition::Edition;
use dlt645::exchange::LengthRule;
use dlt645::explain;
use serde_json::json;

use super::super::ask::{Asker, Heard, Missed};
use super::Brought;
use crate::domain::{Day, MissingCause, Moment};
use crate::store::{EventCount, MeterEvent, Notes, StatusWords};

/// What a meter had counted of each kind when it was last asked.
pub(in crate::collect) type Counted = HashMap<String, i64>;

/// Reads the status words and the new events of a meter.
pub(in crate::collect) async fn read_events(asker: &Asker<'_>, today: Day, counted: &Counted) -> Brought {
    let mut brought = Brought::default();
    let notes = &mut brought.batch.notes;
    let done = async {
        read_status_words(asker, today, notes).await?;
        for kind in kinds(asker.edition()) {
            read_kind(asker, *kind, counted, notes).await?;
        }
        Ok(())
    };
    brought.missed = done.await.err();
    brought
}

async fn read_status_words(asker: &Asker<'_>, today: Day, notes: &mut Notes) -> Result<(), Missed> {
    let mut words = serde_json::Map::new();
    let (mut at, mut is_silent) = (None, false);
    for id in status_words(asker.edition()) {
        let heard = match asker.read_twice(id, &exact(id)).await {
            Ok(heard) => heard,
            Err(missed) if is_its_own_affair(&missed) => continue,
            // Some leave a word that they do not have unanswered; two in a row, and it is the meter that is silent.
            Err(missed) if missed.cause == MissingCause::Silent && !is_silent => {
                is_silent = true;
                continue;
            }
            Err(missed) => return Err(missed),
        };
        is_silent = false;
        let Some(Value::Bits { .. }) = first_value(&heard) else { continue };
        let digits: String = heard.payload.iter().rev().map(|byte| format!("{byte:02X}")).collect();
        words.insert(id.to_string(), json!(digits));
        at = Some(heard.answered_at);
    }
    if let Some(collected_at) = at {
        let words = serde_json::Value::Object(words).to_string();
        notes.status_words.push(StatusWords { meter: asker.site.meter_id, day: today, words, collected_at });
    }
    Ok(())
}

/// One kind of event: the count, and the records that are new.
async fn read_kind(asker: &Asker<'_>, kind: u32, counted: &Counted, notes: &mut Notes) -> Result<(), Missed> {
    let name = DataId::new_2007(kind).to_string();
    let Some((mut count, mut at)) = read_count(asker, kind).await? else { return Ok(()) };
    let (meter, before) = (asker.site.meter_id, notes.events.len());
    // Of a meter that is asked for the first time the newest ones are enough; one that was cleared counts from zero.
    let known = counted.get(&name).copied().unwrap_or_default();
    for _ in 0..MOST_COUNTS {
        let new = if count >= known { count - known } else { count };
        notes.events.truncate(before);
        read_records(asker, kind, u8::try_from(new).unwrap_or(u8::MAX).min(MOST_RECORDS), notes).await?;
        if new > 0 {
            // One that came meanwhile has pushed the others back by a place, and one of them has not been read.
            let Some((again, later)) = read_count(asker, kind).await? else { return Ok(()) };
            if again != count {
                (count, at) = (again, later);
                continue;
            }
        }
        notes.event_counts.push(EventCount { meter, kind: name, count, at });
        break;
    }
    // Where they come one upon the other what was read is kept, and the count is not: they are read again the next time.
    Ok(())
}

/// How many events of a kind a meter has counted, and when it said so; `None` where it does not say.
async fn read_count(asker: &Asker<'_>, kind: u32) -> Result<Option<(i64, Moment)>, Missed> {
    let id = DataId::new_2007(kind);
    let heard = match asker.read_twice(id, &exact(id)).await {
        Ok(heard) => heard,
        Err(missed) if is_its_own_affair(&missed) => return Ok(None),
        Err(missed) => return Err(missed),
    };
    let Some(Value::Number(count)) = first_value(&heard) else { return Ok(None) };
    Ok(Some((count.scaled(), heard.answered_at)))
}

/// The newest records of a kind.
async fn read_records(asker: &Asker<'_>, kind: u32, most: u8, notes: &mut Notes) -> Result<(), Missed> {
    let (meter, name) = (asker.site.meter_id, DataId::new_2007(kind).to_string());
    for back in 1..=most {
        let id = DataId::new_2007(kind | u32::from(back));
        let record = match asker.read_twice(id, &LengthRule::Any).await {
            Ok(record) => record,
            Err(missed) if is_its_own_affair(&missed) => break,
            Err(missed) => return Err(missed),
        };
        let Some(began) = first_time(&record) else { continue };
        let shown = serde_json::to_string(&explain::data(id, &record.payload)).unwrap_or_default();
        let kind = name.clone();
        notes.events.push(MeterEvent { meter, kind, began, record: shown, collected_at: record.answered_at });
    }
    Ok(())
}

/// True when the meter answered and has nothing to say; the next thing may be asked.
const fn is_its_own_affair(missed: &Missed) -> bool {
    matches!(
        missed.cause,
        MissingCause::NoSuchData
            | MissingCause::Refused
            | MissingCause::NotAuthorised
            | MissingCause::WrongForm
    )
}

fn exact(id: DataId) -> LengthRule {
    match catalog::find(id).map(|entry| entry.lengths()) {
        Some(catalog::LengthRule::Exactly(length)) => LengthRule::exact([length]),
        _ => LengthRule::Any,
    }
}

fn first_value(heard: &Heard) -> Option<Value<'_>> {
    let Ok(Content::Values(mut values)) = catalog::find(heard.id)?.read(&heard.payload) else { return None };
    values.next().map(|reading| reading.value)
}

/// When an event began: the first time in its record.
fn first_time(heard: &Heard) -> Option<String> {
    let Ok(Content::Values(mut values)) = catalog::find(heard.id)?.read(&heard.payload) else { return None };
    values.find_map(|reading| match reading.value {
        Value::Time(time) => Some(time.to_string()),
        _ => None,
    })
}

/// Status words 1 to 7, or the two of 1997.
pub(in crate::collect) fn status_words(edition: Edition) -> Vec<DataId> {
    match edition {
        Edition::E2007 => (1..=7).map(|word| DataId::new_2007(0x0400_0500 | word)).collect(),
        Edition::E1997 => vec![DataId::new_1997(0xC020), DataId::new_1997(0xC021)],
    }
}

/// The counts of events that an operator wants to know of, what somebody has done to a meter first: programming, clock set,
/// covers, load switch, magnet, meter, event and demand clear, loss of supply.
pub(in crate::collect) const fn kinds(edition: Edition) -> &'static [u32] {
    match edition {
        Edition::E2007 => &[
            0x0330_0000,
            0x0330_0400,
            0x0330_0D00,
            0x0330_0E00,
            0x0336_0000,
            0x0335_0000,
            0x0330_0100,
            0x0330_0300,
            0x0330_0200,
            0x0311_0000,
        ],
        // Counts without records.
        Edition::E1997 => &[],
    }
}

/// How many questions they are on a quiet day: seven words and ten counts, each twice.
pub(in crate::collect) const EVENT_READS: u64 = 34;
/// A meter keeps ten.
const MOST_RECORDS: u8 = 10;
/// How often a count is asked for again while events come.
const MOST_COUNTS: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_count_and_records_with_a_time() {
        for kind in kinds(Edition::E2007) {
            let count = catalog::find(DataId::new_2007(*kind)).unwrap();
            assert!(count.name_en().ends_with(": count"), "{}", count.name_en());
            let record = catalog::find(DataId::new_2007(kind | 1)).unwrap();
            assert!(record.name_en().contains("record"), "{}", record.name_en());
        }
        for id in [Edition::E2007, Edition::E1997].into_iter().flat_map(status_words) {
            assert!(catalog::find(id).is_some(), "{id}");
        }
    }
}
