//! One meter asked for one thing after the other: its clock, the registers of a midnight, curves, events.
//!
//! A visit gives a batch to be saved and says what is missing and why. It knows nothing of runs.

mod asset;
mod clock;
mod curve;
mod events;
mod poll;
mod registers;

use super::ask::{Asker, Heard, Missed};
use crate::domain::{Fetch, Item, Moment, RegisterReading, Source};
use crate::store::{Batch, Store};

pub(super) use asset::{check_asset, is_stranger};
pub(super) use clock::{ClockReading, read_clock, read_session, trust};
pub(super) use curve::{CurveWanted, kind_of_record, read_curve, records_in_one_answer};
pub(super) use events::{EVENT_READS, kinds, read_events, status_words};
pub(super) use poll::poll;
pub(super) use registers::{Dating, Registers, read_registers};

/// What a visit brought.
#[derive(Debug, Default)]
pub(super) struct Brought {
    /// What is to be saved. The registers in it have not been judged yet.
    pub(super) batch: Batch,
    /// Totals, and of which instant, that came with a tariff which is no number: they are not compared with their tariffs.
    pub(super) unsummed: Vec<(Item, Moment)>,
    /// What is missing, and why; the first thing that went wrong.
    pub(super) missed: Option<Missed>,
}

/// A number for the exchange that brought something, and the row that is kept of it.
fn fetch(
    store: &Store,
    asker: &Asker<'_>,
    heard: &Heard,
    items: Vec<Item>,
    span: (Moment, Moment),
    source: Source,
) -> Fetch {
    Fetch {
        id: store.new_fetch_id(heard.answered_at),
        meter: asker.site.meter_id,
        items,
        from: span.0,
        until: span.1,
        source,
        collected_at: heard.answered_at,
        frames: heard.frames.clone(),
        run: asker.run,
    }
}

/// Whole seconds: nobody knows more of when a meter took its registers.
pub(super) fn whole_second(at: Moment) -> Moment {
    Moment::from_micros(at.micros().div_euclid(MICROS) * MICROS)
}

/// The registers of one answer, with the fetch they came by.
pub(super) fn add(
    batch: &mut Batch,
    fetch: Fetch,
    values: Vec<super::interpret::ItemValue>,
    as_of: Moment,
    meter_time: Option<&str>,
) {
    for value in values {
        batch.registers.push(RegisterReading {
            meter: fetch.meter,
            item: value.item,
            as_of,
            value: value.value,
            meter_time: value.occurred.or_else(|| meter_time.map(str::to_owned)),
            collected_at: fetch.collected_at,
            source: fetch.source,
            quality: value.quality,
            fetch: Some(fetch.id),
        });
    }
    batch.fetches.push(fetch);
}

const MICROS: i64 = 1_000_000;
