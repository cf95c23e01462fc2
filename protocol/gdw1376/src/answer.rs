//! What a terminal answers to the typed requests, and what its reports carry: clock, archive, forwarded frames, events.
//!
//! Every function here takes a [`Unit`] and gives `None` for one of another item. Registers, demands and curves are read by
//! [`crate::reading`]. [1376 3.4] [1376 3.7] [1376 3.8] [1376 3.10] [1376 3.12]

use crate::afn::Afn;
use crate::auxiliary::EventCounters;
use crate::catalog::{self, Decoded, EventKind};
use crate::format::Value;
use crate::identifier::Point;
use crate::request::ArchiveRecord;
use crate::terminal_time::TerminalTime;
use crate::unit::Unit;

mod deviating;

pub use self::deviating::{ToldEvents, events_of, forwarded_in};

/// The terminal's clock as it stands, AFN 0C F2.
#[must_use]
pub fn clock(unit: &Unit<'_>) -> Option<TerminalTime> {
    is(unit, Afn::CLASS_1, 2).then(|| time(unit.values.first()?))?
}

/// The archive records of an answer, AFN 0A F10, and how many of them cannot be: their point is above 2040.
#[must_use]
pub fn archive(unit: &Unit<'_>) -> Option<(Vec<ArchiveRecord>, usize)> {
    let is_archive = is(unit, Afn::READ_PARAMETERS, 10) || is(unit, Afn::SET_PARAMETERS, 10);
    let (_, records) = unit.data.split_first_chunk::<2>().filter(|_| is_archive)?;
    let (wires, _) = records.as_chunks::<{ ArchiveRecord::WIDTH }>();
    let records: Vec<_> = wires.iter().filter_map(|wire| ArchiveRecord::from_wire(*wire)).collect();
    let impossible = wires.len() - records.len();
    Some((records, impossible))
}

/// A frame that a meter answered through the terminal, AFN 10 F1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forwarded<'a> {
    /// The terminal's port.
    pub port: u8,
    /// The frame, opaque bytes; empty when the meter kept silent, which other terminals deny instead.
    pub frame: &'a [u8],
}

/// The forwarded frame of an answer.
#[must_use]
pub fn forwarded<'a>(unit: &Unit<'a>) -> Option<Forwarded<'a>> {
    let ([port, _, _], frame) = unit.data.split_first_chunk().filter(|_| is(unit, Afn::FORWARD, 1))?;
    Some(Forwarded { port: *port, frame })
}

/// How far reading has come on one port, AFN 0C F11.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The terminal's port.
    pub port: u8,
    /// How many meters it has.
    pub meters: u16,
    /// State flags.
    pub flags: u8,
    /// How many of them are read.
    pub read: u16,
    /// How many key meters are read.
    pub key_read: u8,
    /// When reading began; `None` when it did not.
    pub started_at: Option<TerminalTime>,
    /// When it ended; `None` while it goes on.
    pub ended_at: Option<TerminalTime>,
}

/// How far reading has come, port by port.
#[must_use]
pub fn progress(unit: &Unit<'_>) -> Option<Vec<Progress>> {
    if !is(unit, Afn::CLASS_1, 11) {
        return None;
    }
    let of_port = |values: &[Decoded<'_>]| {
        let [port, meters, flags, read, key_read, started_at, ended_at] = values else { return None };
        Some(Progress {
            port: byte(port)?,
            meters: word(meters)?,
            flags: byte(flags)?,
            read: word(read)?,
            key_read: byte(key_read)?,
            started_at: time(started_at),
            ended_at: time(ended_at),
        })
    };
    Some(unit.values.get(1..).unwrap_or_default().chunks_exact(7).filter_map(of_port).collect())
}

/// The largest frames the terminal takes and sends, in counted bytes, AFN 09 F2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameLimits {
    /// The largest it takes: requests must not be longer.
    pub takes: u16,
    /// The largest it sends.
    pub sends: u16,
}

/// How long frames may be.
#[must_use]
pub fn frame_limits(unit: &Unit<'_>) -> Option<FrameLimits> {
    if !is(unit, Afn::CONFIGURATION, 2) {
        return None;
    }
    let of = |key| word(unit.values.iter().find(|decoded| decoded.field.key == key)?);
    Some(FrameLimits { takes: of("rx_buffer")?, sends: of("tx_buffer")? })
}

/// How many events of each kind the terminal has counted, modulo 256, AFN 0C F7.
#[must_use]
pub fn event_counters(unit: &Unit<'_>) -> Option<EventCounters> {
    match *unit.data {
        [important, ordinary] if is(unit, Afn::CLASS_1, 7) => Some(EventCounters { important, ordinary }),
        _ => None,
    }
}

/// Events of an answer or a report, AFN 0E.
#[derive(Clone, Debug, PartialEq)]
pub struct Events<'a> {
    /// F1, important events; F2, ordinary ones.
    pub important: bool,
    /// The counters at the time.
    pub counters: EventCounters,
    /// Pm, the place of the first record in the ring of 256.
    pub from: u8,
    /// Pn, the place behind the last.
    pub to: u8,
    /// The records.
    pub records: Vec<EventRecord<'a>>,
}

/// One event record.
#[derive(Clone, Debug, PartialEq)]
pub struct EventRecord<'a> {
    /// Its place in the ring of 256: with the body it tells a repeated report from a new one.
    pub place: u8,
    /// The event code, ERC.
    pub code: u8,
    /// What the catalogue knows of the code.
    pub kind: Option<&'static EventKind>,
    /// The body.
    pub body: &'a [u8],
    /// What the body says, where its layout is known and fits; what stands behind it is in [`Self::body`] alone.
    pub values: Vec<Decoded<'a>>,
}

impl EventRecord<'_> {
    /// When it happened: most bodies begin with it.
    #[must_use]
    pub fn at(&self) -> Option<TerminalTime> {
        time(self.values.first()?)
    }

    /// The measuring point it is about, and whether something begins or ends there: most bodies about a meter say so.
    #[must_use]
    pub fn point(&self) -> Option<(Point, Phase)> {
        let word = self.values.iter().find(|decoded| decoded.field.key == "point_word")?;
        let Value::Bits { word, .. } = word.value else { return None };
        let point = Point::new(u16::try_from(word & 0x0FFF).ok()?)?;
        Some((point, if word & 0x8000 == 0 { Phase::Ends } else { Phase::Begins }))
    }
}

/// Whether an event begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// It begins (发生).
    Begins,
    /// It ends (恢复).
    Ends,
}

/// The events of a unit.
#[must_use]
pub fn events<'a>(unit: &Unit<'a>) -> Option<Events<'a>> {
    let is_events = unit.row.afn == Afn::CLASS_3 && matches!(unit.row.function, 1 | 2);
    let ([important, ordinary, from, to], _) = unit.data.split_first_chunk().filter(|_| is_events)?;
    let record = |(number, values): (u8, &[Decoded<'a>])| {
        let [code, _, body] = values else { return None };
        let (code, body) = (byte(code)?, body.raw);
        let kind = catalog::event_kind(code);
        let layout = kind.and_then(|kind| kind.layout.as_ref());
        let values = layout.and_then(|layout| catalog::read(layout, body).ok());
        let values = values.map_or_else(Vec::new, |(values, _)| values);
        Some(EventRecord { place: from.wrapping_add(number), code, kind, body, values })
    };
    let records = unit.values.get(4..).unwrap_or_default();
    Some(Events {
        important: unit.row.function == 1,
        counters: EventCounters { important: *important, ordinary: *ordinary },
        from: *from,
        to: *to,
        records: (0..=u8::MAX).zip(records.chunks_exact(3)).filter_map(record).collect(),
    })
}

fn is(unit: &Unit<'_>, afn: Afn, function: u16) -> bool {
    unit.row.afn == afn && unit.row.function == function
}

fn time(decoded: &Decoded<'_>) -> Option<TerminalTime> {
    match decoded.value {
        Value::Time(time) => Some(time),
        _ => None,
    }
}

fn byte(decoded: &Decoded<'_>) -> Option<u8> {
    decoded.raw.first().copied().filter(|_| decoded.raw.len() == 1)
}

fn word(decoded: &Decoded<'_>) -> Option<u16> {
    decoded.raw.first_chunk().filter(|_| decoded.raw.len() == 2).map(|wire| u16::from_le_bytes(*wire))
}

#[cfg(test)]
mod tests;
