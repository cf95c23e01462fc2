//! What is noted of a meter beside its values: how its clock stood, its status words, its events.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use super::Store;
use super::asset_check::{self, AssetCheck};
use super::error::StoreError;
use super::event_turn;
use super::sql::{Kind, Rows, Sql, Table};
use super::tampering;
use super::terminal::{self, TerminalNotes};
use super::transaction::Transaction;
use crate::domain::{ClockOffset, ClockSession, Day, Id, Meter, Moment, Run};

/// The status words (运行状态字) of a meter on one day, as JSON of identifier and word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusWords {
    /// The meter.
    pub meter: Id<Meter>,
    /// The day on which they were read.
    pub day: Day,
    /// `{"04000501":"0000",..}`
    pub words: String,
    /// When.
    pub collected_at: Moment,
}

/// How many events of a kind a meter has counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventCount {
    /// The meter.
    pub meter: Id<Meter>,
    /// The identifier of the count, such as `03110000`.
    pub kind: String,
    /// How many.
    pub count: i64,
    /// When it was read.
    pub at: Moment,
}

/// An event that a meter has recorded (事件记录).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeterEvent {
    /// The meter.
    pub meter: Id<Meter>,
    /// The identifier of its count.
    pub kind: String,
    /// When it began, as the meter wrote it.
    pub began: String,
    /// All that the record says, as JSON.
    pub record: String,
    /// When it was read.
    pub collected_at: Moment,
}

/// What is noted of meters together with a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// How clocks stood.
    pub clocks: Vec<(Id<Meter>, ClockOffset)>,
    /// How clocks stood against ours when nothing bore ours out.
    pub doubted_clocks: Vec<(Id<Meter>, ClockOffset)>,
    /// Status words.
    pub status_words: Vec<StatusWords>,
    /// Counts of events.
    pub event_counts: Vec<EventCount>,
    /// Events.
    pub events: Vec<MeterEvent>,
    /// Meters behind terminals that were asked for their events, and when.
    pub event_turns: Vec<(Id<Meter>, Moment)>,
    /// What meters said of their asset numbers.
    pub assets: Vec<AssetCheck>,
    /// What is noted of terminals.
    pub terminals: TerminalNotes,
}

impl Notes {
    pub(super) const fn is_empty(&self) -> bool {
        self.clocks.is_empty()
            && self.doubted_clocks.is_empty()
            && self.status_words.is_empty()
            && self.event_counts.is_empty()
            && self.events.is_empty()
            && self.event_turns.is_empty()
            && self.assets.is_empty()
            && self.terminals.is_empty()
    }
}

/// A line, or a terminal, on which clocks of many meters jumped between two sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClocksJumped {
    /// Its name.
    pub line: String,
    /// Of how many meters.
    pub meters: u64,
    /// From so many to so many microseconds ahead; negative for back.
    pub by_us: (i64, i64),
}

impl Store {
    /// How the clock of each meter stood in its last session before an instant and in all since, in order of time; sessions in
    /// which our own clock was in doubt say nothing of it and are left out.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn clocks_since(
        &self,
        meters: &[Id<Meter>],
        since: Moment,
    ) -> Result<HashMap<Id<Meter>, Vec<ClockOffset>>, StoreError> {
        let mut reading = self.read("reading clocks").await?;
        let keys: Vec<[i64; 1]> = meters.iter().map(|meter| [meter.number()]).collect();
        let mut args = reading.dialect().keys(&keys);
        args.push(since.into());
        let rows: Vec<(i64, i64, i64, i64)> = reading.rows(CLOCKS, &args).await?;
        let mut clocks: HashMap<_, Vec<_>> = HashMap::new();
        for (meter, at, fast, wrong) in rows {
            clocks.entry(Id::new(meter)).or_default().push(offset(at, fast, wrong));
        }
        Ok(clocks)
    }

    /// Lines, and terminals, on which clocks of more than `most` meters of a run stand otherwise than in the session before it
    /// began, by more than `by` (T6).
    ///
    /// # Errors
    /// As [`Self::clocks_since`].
    pub async fn clocks_that_jumped(
        &self,
        (run, began_at): (Id<Run>, Moment),
        by: Duration,
        most: u32,
    ) -> Result<Vec<ClocksJumped>, StoreError> {
        let mut reading = self.read("reading clocks that jumped").await?;
        let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        let args = [run.into(), began_at.into(), by.into(), i64::from(most).into()];
        let rows: Vec<(String, i64, i64, i64)> = reading.rows(JUMPED, &args).await?;
        let jumped = |(line, meters, least, most)| ClocksJumped {
            line,
            meters: u64::try_from(meters).unwrap_or(0),
            by_us: (least, most),
        };
        Ok(rows.into_iter().map(jumped).collect())
    }

    /// How the clock of a meter stood in all of its sessions, in order of time.
    ///
    /// # Errors
    /// As [`Self::clocks_since`].
    pub async fn clocks_of(&self, meter: Id<Meter>) -> Result<Vec<ClockSession>, StoreError> {
        let mut reading = self.read("reading the clock of a meter").await?;
        let rows: Vec<(i64, i64, i64, i64)> = reading.rows(CLOCKS_OF, &[meter.into()]).await?;
        let session = |(at, fast, wrong, doubted)| ClockSession {
            offset: offset(at, fast, wrong),
            is_doubted: doubted != 0,
        };
        Ok(rows.into_iter().map(session).collect())
    }

    /// How many events of each kind these meters had counted.
    ///
    /// # Errors
    /// As [`Self::clocks_since`].
    pub async fn event_counts(
        &self,
        meters: &[Id<Meter>],
    ) -> Result<HashMap<(Id<Meter>, String), i64>, StoreError> {
        let mut reading = self.read("reading counts of events").await?;
        let keys: Vec<[i64; 1]> = meters.iter().map(|meter| [meter.number()]).collect();
        let args = reading.dialect().keys(&keys);
        let rows: Vec<(i64, String, i64)> = reading.rows(COUNTS, &args).await?;
        Ok(rows.into_iter().map(|(meter, kind, count)| ((Id::new(meter), kind), count)).collect())
    }

    /// The events of a meter, the newest first by its own clock.
    ///
    /// # Errors
    /// As [`Self::clocks_since`].
    pub async fn events_of(&self, meter: Id<Meter>) -> Result<Vec<MeterEvent>, StoreError> {
        let mut reading = self.read("reading the events of a meter").await?;
        let rows: Vec<(String, String, String, i64)> = reading.rows(EVENTS_OF, &[meter.into()]).await?;
        let event = |(kind, began, record, at)| MeterEvent {
            meter,
            kind,
            began,
            record,
            collected_at: Moment::from_micros(at),
        };
        Ok(rows.into_iter().map(event).collect())
    }

    /// The status words of a meter on its last day, if they were read.
    ///
    /// # Errors
    /// As [`Self::clocks_since`].
    pub async fn status_words_of(&self, meter: Id<Meter>) -> Result<Option<StatusWords>, StoreError> {
        let mut reading = self.read("reading status words").await?;
        let row: Option<(i64, String, i64)> = reading.row(STATUS_OF, &[meter.into()]).await?;
        let Some((day, words, at)) = row else { return Ok(None) };
        let unknown = || StoreError::Unknown { list: "day", found: day.to_string() };
        let day = Day::from_number(day).ok_or_else(unknown)?;
        Ok(Some(StatusWords { meter, day, words, collected_at: Moment::from_micros(at) }))
    }

    /// Which of these meters have told their status words on a day.
    ///
    /// # Errors
    /// As [`Self::clocks_since`].
    pub async fn with_status_words(
        &self,
        meters: &[Id<Meter>],
        day: Day,
    ) -> Result<HashSet<Id<Meter>>, StoreError> {
        let mut reading = self.read("reading who told status words").await?;
        let meters = reading.dialect().array(meters.iter().map(|meter| Some(meter.number())));
        let rows: Vec<(i64,)> = reading.rows(WITH_WORDS, &[meters.into(), day.into()]).await?;
        Ok(rows.into_iter().map(|(meter,)| Id::new(meter)).collect())
    }
}

pub(super) fn offset(at: i64, fast_us: i64, uncertainty_us: i64) -> ClockOffset {
    let uncertainty = Duration::from_micros(u64::try_from(uncertainty_us).unwrap_or(0));
    ClockOffset { at: Moment::from_micros(at), fast_us, uncertainty }
}

/// Keeps notes; the same again changes nothing.
pub(super) async fn save(writing: &mut Transaction, notes: &Notes) -> Result<(), StoreError> {
    tampering::tell(writing, notes).await?;
    let mut clocks = Rows::new(&CLOCK);
    let sure = notes.clocks.iter().map(|session| (session, 0_i64));
    let doubted = notes.doubted_clocks.iter().map(|session| (session, 1));
    for ((meter, ClockOffset { at, fast_us, uncertainty }), doubted) in sure.chain(doubted) {
        let uncertainty = i64::try_from(uncertainty.as_micros()).unwrap_or(i64::MAX);
        clocks.push([(*meter).into(), (*at).into(), (*fast_us).into(), uncertainty.into(), doubted.into()]);
    }
    writing.insert(&CLOCK, &clocks).await?;
    // One statement may change a row once only: the newest of each.
    let mut newest: BTreeMap<(i64, i64), &StatusWords> = BTreeMap::new();
    for status in &notes.status_words {
        newest.insert((status.meter.number(), status.day.number()), status);
    }
    let mut words = Rows::new(&STATUS);
    for status in newest.into_values() {
        let StatusWords { meter, day, collected_at, .. } = *status;
        words.push([meter.into(), day.into(), status.words.as_str().into(), collected_at.into()]);
    }
    writing.insert(&STATUS, &words).await?;
    let mut newest: BTreeMap<(i64, &str), &EventCount> = BTreeMap::new();
    for count in &notes.event_counts {
        newest.insert((count.meter.number(), &count.kind), count);
    }
    let mut counts = Rows::new(&COUNT);
    for EventCount { meter, kind, count, at } in newest.into_values() {
        counts.push([(*meter).into(), kind.as_str().into(), (*count).into(), (*at).into()]);
    }
    writing.insert(&COUNT, &counts).await?;
    let mut events = Rows::new(&EVENT);
    for MeterEvent { meter, kind, began, record, collected_at } in &notes.events {
        let (kind, began, record) = (kind.as_str().into(), began.as_str().into(), record.as_str().into());
        events.push([(*meter).into(), kind, began, record, (*collected_at).into()]);
    }
    writing.insert(&EVENT, &events).await?;
    event_turn::save(writing, &notes.event_turns).await?;
    asset_check::save(writing, &notes.assets).await?;
    terminal::save(writing, &notes.terminals).await
}

const CLOCK: Table = Table {
    name: "clock_ledger",
    columns: &[
        ("meter_id", Kind::Int),
        ("at", Kind::Int),
        ("fast_us", Kind::Int),
        ("uncertainty_us", Kind::Int),
        ("is_doubted", Kind::Int),
    ],
    on_conflict: "DO NOTHING",
};

const STATUS: Table = Table {
    name: "status_word",
    columns: &[
        ("meter_id", Kind::Int),
        ("day", Kind::Int),
        ("words", Kind::Text),
        ("collected_at", Kind::Int),
    ],
    on_conflict: "(meter_id, day) DO UPDATE SET words = excluded.words, collected_at = excluded.collected_at \
        WHERE excluded.collected_at > status_word.collected_at",
};

const COUNT: Table = Table {
    name: "event_count",
    columns: &[
        ("meter_id", Kind::Int),
        ("kind", Kind::Text),
        ("count", Kind::Int),
        ("counted_at", Kind::Int),
    ],
    on_conflict: "(meter_id, kind) DO UPDATE SET count = excluded.count, counted_at = excluded.counted_at \
        WHERE excluded.counted_at > event_count.counted_at",
};

const EVENT: Table = Table {
    name: "meter_event",
    columns: &[
        ("meter_id", Kind::Int),
        ("kind", Kind::Text),
        ("began", Kind::Text),
        ("record", Kind::Text),
        ("collected_at", Kind::Int),
    ],
    on_conflict: "DO NOTHING",
};

const CLOCKS: Sql = Sql {
    sqlite: "SELECT c.meter_id, c.at, c.fast_us, c.uncertainty_us FROM json_each($1) k CROSS JOIN clock_ledger c \
        WHERE c.meter_id = k.value ->> 0 AND c.is_doubted = 0 AND c.at >= coalesce((SELECT max(e.at) FROM clock_ledger e \
        WHERE e.meter_id = k.value ->> 0 AND e.is_doubted = 0 AND e.at < $2), $2) ORDER BY c.meter_id, c.at",
    postgres: "SELECT c.meter_id, c.at, c.fast_us, c.uncertainty_us FROM unnest($1::bigint[]) AS k (meter_id) \
        CROSS JOIN LATERAL (SELECT * FROM clock_ledger e WHERE e.meter_id = k.meter_id AND e.is_doubted = 0 \
        AND e.at >= coalesce((SELECT max(p.at) FROM clock_ledger p WHERE p.meter_id = k.meter_id AND p.is_doubted = 0 \
        AND p.at < $2), $2)) c \
        ORDER BY c.meter_id, c.at",
};

const JUMPED: &str = "SELECT coalesce(l.name, m.terminal, ''), count(*), min(x.jump), max(x.jump) FROM ( \
        SELECT r.meter_id, \
            (SELECT c.fast_us FROM clock_ledger c WHERE c.meter_id = r.meter_id AND c.at >= $2 ORDER BY c.at LIMIT 1) - \
            (SELECT c.fast_us FROM clock_ledger c WHERE c.meter_id = r.meter_id AND c.at < $2 ORDER BY c.at DESC LIMIT 1) \
            AS jump \
        FROM run_meter r WHERE r.run_id = $1) x \
    JOIN meter m ON m.id = x.meter_id LEFT JOIN line l ON l.id = m.line_id \
    WHERE abs(x.jump) > $3 GROUP BY coalesce(l.name, m.terminal, '') HAVING count(*) > $4 ORDER BY 1";

const CLOCKS_OF: &str =
    "SELECT at, fast_us, uncertainty_us, is_doubted FROM clock_ledger WHERE meter_id = $1 ORDER BY at";

const COUNTS: Sql = Sql {
    sqlite: "SELECT c.meter_id, c.kind, c.count FROM json_each($1) k CROSS JOIN event_count c \
        WHERE c.meter_id = k.value ->> 0",
    postgres: "SELECT c.meter_id, c.kind, c.count FROM unnest($1::bigint[]) AS k (meter_id) \
        JOIN event_count c USING (meter_id)",
};

const EVENTS_OF: &str =
    "SELECT kind, began, record, collected_at FROM meter_event WHERE meter_id = $1 ORDER BY began DESC, kind";

const WITH_WORDS: Sql = Sql {
    sqlite: "SELECT meter_id FROM status_word WHERE meter_id IN (SELECT value FROM json_each($1)) AND day = $2",
    postgres: "SELECT meter_id FROM status_word WHERE meter_id = ANY ($1::bigint[]) AND day = $2",
};

const STATUS_OF: &str =
    "SELECT day, words, collected_at FROM status_word WHERE meter_id = $1 ORDER BY day DESC LIMIT 1";
