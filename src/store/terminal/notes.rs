//! What is noted of terminals together with a batch: clocks, archives, events, points that were verified.

use std::time::Duration;

use gdw1376::address::TerminalAddress;
use serde::{Deserialize, Serialize};

use crate::domain::{ClockOffset, Id, Meter, Moment};
use crate::store::error::StoreError;
use crate::store::sql::{Cell, Kind, Rows, Table};
use crate::store::transaction::Transaction;

/// What is noted of terminals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TerminalNotes {
    /// How clocks stood.
    pub clocks: Vec<(TerminalAddress, ClockOffset)>,
    /// The largest frames a terminal takes and sends, in counted bytes.
    pub frames: Vec<(TerminalAddress, (u16, u16))>,
    /// Archives that were compared.
    pub archives: Vec<ArchiveCompared>,
    /// Points of which the meter itself was asked.
    pub verified: Vec<VerifiedPoint>,
    /// How long behind midnight the terminal had read what was borne out, of points that are verified.
    pub turns: Vec<(Id<Meter>, Duration)>,
    /// Meters at whose points the terminal stores something else than they say: they are to be verified anew.
    pub doubted: Vec<Id<Meter>>,
    /// Events, with how far they are read.
    pub events: Vec<EventsRead>,
    /// Reports that could not be read, by when they came: the events of the terminal are to be asked for.
    pub unread: Vec<(TerminalAddress, Moment)>,
    /// Terminals that were asked for their events at a moment and have told all that is new.
    pub asked: Vec<(TerminalAddress, Moment)>,
}

/// A terminal's own list of meters, compared with ours (档案比对).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveCompared {
    /// The terminal.
    pub terminal: TerminalAddress,
    /// When it was read.
    pub at: Moment,
    /// How many records it has.
    pub records: u32,
    /// What differs.
    pub differences: Vec<Difference>,
}

/// One difference between a terminal's archive and ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The measuring point.
    pub point: u16,
    /// What differs.
    pub kind: DifferenceKind,
    /// The meter that ours names, twelve digits.
    pub ours: Option<String>,
    /// The meter that the terminal's names.
    pub theirs: Option<String>,
}

/// What differs at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// The terminal has no record of the point.
    Lacking,
    /// We have no meter at the point.
    Unknown,
    /// The terminal has another meter there.
    OtherMeter,
    /// The port is another.
    OtherPort,
    /// The terminal is not to read it, or by another protocol than the meter speaks.
    OtherProtocol,
    /// The terminal has two records of the point.
    Doubled,
    /// The terminal stores other values for the point than the meter itself gives.
    OtherValues,
}

impl DifferenceKind {
    /// A short name from a closed set.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lacking => "lacking",
            Self::Unknown => "unknown",
            Self::OtherMeter => "other_meter",
            Self::OtherPort => "other_port",
            Self::OtherProtocol => "other_protocol",
            Self::Doubled => "doubled",
            Self::OtherValues => "other_values",
        }
    }

    /// True when what the terminal stores for the point is not this meter's, or nothing is.
    #[must_use]
    pub const fn excludes(self) -> bool {
        !matches!(self, Self::OtherPort | Self::OtherProtocol)
    }
}

/// A point at which the meter itself said the same as the terminal (F24).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifiedPoint {
    /// The meter.
    pub meter: Id<Meter>,
    /// Its terminal.
    pub terminal: TerminalAddress,
    /// Its measuring point.
    pub point: u16,
    /// When both said the same.
    pub at: Moment,
}

/// Events that a terminal told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventsRead {
    /// The terminal.
    pub terminal: TerminalAddress,
    /// Important ones, or ordinary ones.
    pub important: bool,
    /// The place behind the last one, when everything before it is kept; `None` for what was told unasked.
    pub read_to: Option<u8>,
    /// The events.
    pub events: Vec<TerminalEvent>,
}

/// One event (事件).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TerminalEvent {
    /// Its place in the ring of 256.
    pub place: u8,
    /// Its code (ERC).
    pub code: u8,
    /// What it is about, where that is a meter of ours.
    pub meter: Option<Id<Meter>>,
    /// When it happened, as the terminal wrote it.
    pub began: Option<String>,
    /// Its bytes, in hexadecimal.
    pub body: String,
    /// What they say, as JSON.
    pub record: String,
    /// When it came in.
    pub collected_at: Moment,
}

impl TerminalEvent {
    /// The code of what is no event and is kept by its bytes: among important ones a report that could not be read, among
    /// ordinary ones a report of data. No event has it.
    pub const UNREAD: u8 = 0;
}

impl TerminalNotes {
    /// Whether there is nothing in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.clocks.is_empty()
            && self.frames.is_empty()
            && self.archives.is_empty()
            && self.verified.is_empty()
            && self.turns.is_empty()
            && self.doubted.is_empty()
            && self.events.is_empty()
            && self.unread.is_empty()
            && self.asked.is_empty()
    }

    /// Takes in all that is in another.
    pub fn append(&mut self, mut other: Self) {
        self.clocks.append(&mut other.clocks);
        self.frames.append(&mut other.frames);
        self.archives.append(&mut other.archives);
        self.verified.append(&mut other.verified);
        self.turns.append(&mut other.turns);
        self.doubted.append(&mut other.doubted);
        self.events.append(&mut other.events);
        self.unread.append(&mut other.unread);
        self.asked.append(&mut other.asked);
    }
}

/// Keeps notes; the same again changes nothing.
pub(in crate::store) async fn save(
    writing: &mut Transaction,
    notes: &TerminalNotes,
) -> Result<(), StoreError> {
    if notes.is_empty() {
        return Ok(());
    }
    let mut clocks = Rows::new(&CLOCK);
    for (terminal, ClockOffset { at, fast_us, uncertainty }) in &notes.clocks {
        let uncertainty = i64::try_from(uncertainty.as_micros()).unwrap_or(i64::MAX);
        clocks.push([named(*terminal), (*at).into(), (*fast_us).into(), uncertainty.into()]);
    }
    writing.insert(&CLOCK, &clocks).await?;
    for (terminal, (takes, sends)) in &notes.frames {
        let args = [named(*terminal), i64::from(*takes).into(), i64::from(*sends).into()];
        writing.execute(FRAMES, &args).await?;
    }
    for ArchiveCompared { terminal, at, records, differences } in &notes.archives {
        let told = serde_json::to_string(differences).unwrap_or_default();
        let args = [named(*terminal), (*at).into(), i64::from(*records).into(), told.into()];
        writing.execute(ARCHIVE, &args).await?;
    }
    for VerifiedPoint { meter, terminal, point, at } in &notes.verified {
        let args = [(*meter).into(), named(*terminal), i64::from(*point).into(), (*at).into()];
        writing.execute(VERIFIED, &args).await?;
    }
    for (meter, turn) in &notes.turns {
        let minutes = i64::try_from(turn.as_secs() / 60).unwrap_or(i64::MAX);
        writing.execute(TURN, &[(*meter).into(), minutes.into()]).await?;
    }
    for meter in &notes.doubted {
        writing.execute(DOUBTED, &[(*meter).into()]).await?;
    }
    for read in &notes.events {
        save_events(writing, read).await?;
    }
    for (terminal, at) in &notes.unread {
        writing.execute(UNREAD, &[named(*terminal), (*at).into()]).await?;
    }
    for (terminal, at) in &notes.asked {
        writing.execute(ASKED, &[named(*terminal), (*at).into()]).await?;
    }
    Ok(())
}

async fn save_events(writing: &mut Transaction, read: &EventsRead) -> Result<(), StoreError> {
    let important = i64::from(read.important);
    let mut rows = Rows::new(&EVENT);
    for event in &read.events {
        rows.push([
            named(read.terminal),
            important.into(),
            i64::from(event.place).into(),
            i64::from(event.code).into(),
            event.body.as_str().into(),
            event.meter.map(Id::number).into(),
            event.began.as_deref().into(),
            event.record.as_str().into(),
            event.collected_at.into(),
        ]);
    }
    writing.insert(&EVENT, &rows).await?;
    if let Some(place) = read.read_to {
        let sql = if read.important { IMPORTANT } else { ORDINARY };
        writing.execute(sql, &[named(read.terminal), i64::from(place).into()]).await?;
    }
    Ok(())
}

fn named(terminal: TerminalAddress) -> Cell<'static> {
    terminal.to_string().into()
}

const CLOCK: Table = Table {
    name: "terminal_clock",
    columns: &[
        ("terminal", Kind::Text),
        ("at", Kind::Int),
        ("fast_us", Kind::Int),
        ("uncertainty_us", Kind::Int),
    ],
    on_conflict: "DO NOTHING",
};

const EVENT: Table = Table {
    name: "terminal_event",
    columns: &[
        ("terminal", Kind::Text),
        ("important", Kind::Int),
        ("place", Kind::Int),
        ("code", Kind::Int),
        ("body", Kind::Text),
        ("meter_id", Kind::Int),
        ("began", Kind::Text),
        ("record", Kind::Text),
        ("collected_at", Kind::Int),
    ],
    on_conflict: "DO NOTHING",
};

const FRAMES: &str = "INSERT INTO terminal (address, takes, sends) VALUES ($1, $2, $3) \
    ON CONFLICT (address) DO UPDATE SET takes = excluded.takes, sends = excluded.sends";

const ARCHIVE: &str = "INSERT INTO terminal (address, archive_read_at, archive_records, archive_differences) VALUES ($1, $2, $3, $4) \
    ON CONFLICT (address) DO UPDATE SET archive_read_at = excluded.archive_read_at, \
    archive_records = excluded.archive_records, archive_differences = excluded.archive_differences \
    WHERE terminal.archive_read_at IS NULL OR terminal.archive_read_at < excluded.archive_read_at";

/// At the same point of the same terminal it goes on to be verified since the first time.
const VERIFIED: &str = "INSERT INTO terminal_point (meter_id, terminal, point, verified_at, verified_since) \
    VALUES ($1, $2, $3, $4, $4) \
    ON CONFLICT (meter_id) DO UPDATE SET terminal = excluded.terminal, point = excluded.point, \
    verified_at = excluded.verified_at, verified_since = CASE \
        WHEN terminal_point.terminal = excluded.terminal AND terminal_point.point = excluded.point \
        THEN coalesce(terminal_point.verified_since, terminal_point.verified_at) ELSE excluded.verified_since END";

const TURN: &str = "UPDATE terminal_point SET turn_minutes = $2 WHERE meter_id = $1";

const DOUBTED: &str = "DELETE FROM terminal_point WHERE meter_id = $1";

const UNREAD: &str = "INSERT INTO terminal (address, unread_at) VALUES ($1, $2) \
    ON CONFLICT (address) DO UPDATE SET unread_at = excluded.unread_at";

/// One that came since has still to be asked for.
const ASKED: &str = "UPDATE terminal SET unread_at = NULL WHERE address = $1 AND unread_at <= $2";

const IMPORTANT: &str = "INSERT INTO terminal (address, important) VALUES ($1, $2) \
    ON CONFLICT (address) DO UPDATE SET important = excluded.important";

const ORDINARY: &str = "INSERT INTO terminal (address, ordinary) VALUES ($1, $2) \
    ON CONFLICT (address) DO UPDATE SET ordinary = excluded.ordinary";
