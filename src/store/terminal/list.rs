//! What is known of terminals, for collection and for pages.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use gdw1376::address::TerminalAddress;

use super::notes::{Difference, TerminalEvent};
use crate::domain::access::Regions;
use crate::domain::{ClockOffset, Id, Meter, Moment};
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::view::areas;

/// A terminal as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TerminalLine {
    /// Its address.
    pub address: TerminalAddress,
    /// What people call it.
    pub name: Option<String>,
    /// When somebody took it in, and who; `None` for one that the archive names.
    pub adopted: Option<(Moment, String)>,
    /// How many installed meters are behind it.
    pub meters: u64,
    /// How many of them the last run has read, of how many.
    pub last_run: Option<(u64, u64)>,
    /// When it logged in last.
    pub logged_in_at: Option<Moment>,
    /// When anything was heard of it.
    pub heard_at: Option<Moment>,
    /// The largest frames it takes and sends, in counted bytes.
    pub frames: Option<(u16, u16)>,
    /// When its archive was compared, how many records it has, and what differs.
    pub archive: Option<(Moment, u32, Vec<Difference>)>,
    /// Behind which places its important and its ordinary events are read.
    pub events_read: (Option<u8>, Option<u8>),
    /// How its clock stood when it was asked last.
    pub clock: Option<ClockOffset>,
    /// How many of its meters are at points that were verified.
    pub verified: u64,
    /// Its meters within the regions that were asked for, where it has others, too: what is told of the whole of it is not for whoever
    /// sees these only (T16).
    pub shared: Option<HashSet<Id<Meter>>>,
}

impl TerminalLine {
    /// Whether what is told of one of its meters, or of the whole of it, is for whoever asked.
    #[must_use]
    pub fn tells_of(&self, meter: Option<Id<Meter>>) -> bool {
        self.shared.as_ref().is_none_or(|own| meter.is_some_and(|meter| own.contains(&meter)))
    }
}

/// An event of a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TerminalEventLine {
    /// The terminal.
    pub terminal: TerminalAddress,
    /// Whether it is an important one.
    pub important: bool,
    /// Its code (ERC).
    pub code: u8,
    /// The meter it is about.
    pub meter: Option<Id<Meter>>,
    /// When it happened, as the terminal wrote it.
    pub began: Option<String>,
    /// What it says, as JSON.
    pub record: String,
    /// When it came in.
    pub collected_at: Moment,
}

/// A point at which the meter itself has said the same as its terminal (F24).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The measuring point.
    pub point: u16,
    /// When both said the same the last time.
    pub at: Moment,
    /// When they did for the first time at this point of this terminal: what was stored before is nobody's.
    pub since: Moment,
    /// How long behind midnight the terminal had read the meter then, as far as is known.
    pub turn: Option<Duration>,
}

/// How far the events of a terminal are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventsKept {
    /// Behind which places its important and its ordinary events are read.
    pub read: (Option<u8>, Option<u8>),
    /// A report of it could not be read, and its events were not asked for since.
    pub is_unread: bool,
}

/// What a terminal told of itself in earlier nights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TerminalTold {
    /// The largest frames it takes and sends, in counted bytes.
    pub frames: Option<(u16, u16)>,
    /// Behind which places its important and its ordinary events are read.
    pub events_read: (Option<u8>, Option<u8>),
    /// A report of it could not be read, and its events were not asked for since.
    pub is_unread: bool,
}

impl Store {
    /// The terminals that are taken in or named by the archive, in the order of their addresses. Who does not see all regions
    /// sees those that have a meter in theirs.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or holds what this version does not know.
    pub async fn terminals(&self, regions: &Regions) -> Result<Vec<TerminalLine>, StoreError> {
        self.terminal_lines(None, regions).await
    }

    /// All of them, or one.
    async fn terminal_lines(
        &self,
        of: Option<TerminalAddress>,
        regions: &Regions,
    ) -> Result<Vec<TerminalLine>, StoreError> {
        let mut reading = self.read("reading the terminals").await?;
        let of = of.map(|address| address.to_string());
        let args = [of.as_deref().into()];
        let kept: Vec<KeptRow> = reading.rows(KEPT, &args).await?;
        let within = [of.as_deref().into(), areas(regions).into()];
        let told: Vec<ToldRow> = reading.rows(TOLD, &within).await?;
        let mut told: HashMap<String, ToldRow> = told.into_iter().map(|row| (row.0.clone(), row)).collect();
        let mut lines = kept.into_iter().map(|row| line(row, &mut told)).collect::<Result<Vec<_>, _>>()?;
        if *regions != Regions::All {
            let areas: Vec<(String, Option<i64>)> = reading.rows(AREAS, &args).await?;
            let is_held = |(_, area): &(String, Option<i64>)| regions.hold(area.map(Id::new));
            let (held, others): (Vec<_>, Vec<_>) = areas.into_iter().partition(is_held);
            let named = |areas: Vec<(String, Option<i64>)>| -> HashSet<String> {
                areas.into_iter().map(|(terminal, _)| terminal).collect()
            };
            let (held, others) = (named(held), named(others));
            lines.retain(|line| held.contains(&line.address.to_string()));
            let own: Vec<(String, i64, String)> = reading.rows(WITHIN, &within).await?;
            for line in lines.iter_mut().filter(|line| others.contains(&line.address.to_string())) {
                share(line, &own);
            }
        }
        Ok(lines)
    }

    /// The addresses of all terminals that are taken in or named by the archive.
    ///
    /// # Errors
    /// As [`Self::terminals`].
    pub async fn known_terminals(&self) -> Result<Vec<TerminalAddress>, StoreError> {
        let mut reading = self.read("reading the addresses of terminals").await?;
        let rows: Vec<(String,)> = reading.rows(KNOWN, &[]).await?;
        rows.iter().map(|(text,)| address(text)).collect()
    }

    /// One of [`Self::terminals`].
    ///
    /// # Errors
    /// As [`Self::terminals`].
    pub async fn terminal(
        &self,
        of: TerminalAddress,
        regions: &Regions,
    ) -> Result<Option<TerminalLine>, StoreError> {
        Ok(self.terminal_lines(Some(of), regions).await?.into_iter().find(|line| line.address == of))
    }

    /// What a terminal told of itself in earlier nights; nothing of one that was never asked.
    ///
    /// # Errors
    /// As [`Self::terminals`].
    pub async fn told_of_terminal(&self, terminal: TerminalAddress) -> Result<TerminalTold, StoreError> {
        let mut reading = self.read("reading what a terminal told").await?;
        let rows: Vec<OwnRow> = reading.rows(OWN, &[terminal.to_string().into()]).await?;
        let told = |(takes, sends, important, ordinary, unread): OwnRow| TerminalTold {
            frames: size(takes).zip(size(sends)),
            events_read: (place(important), place(ordinary)),
            is_unread: unread.is_some(),
        };
        Ok(rows.into_iter().next().map_or_else(TerminalTold::default, told))
    }

    /// How far the events of each terminal that is kept are read, and whether a report of it could not be read since.
    ///
    /// # Errors
    /// As [`Self::terminals`].
    pub async fn events_read(&self) -> Result<HashMap<TerminalAddress, EventsKept>, StoreError> {
        let mut reading = self.read("reading how far the events of terminals are read").await?;
        let rows: Vec<EventsRow> = reading.rows(EVENTS_READ, &[]).await?;
        let kept = |(text, important, ordinary, unread): EventsRow| {
            let read = (place(important), place(ordinary));
            Ok((address(&text)?, EventsKept { read, is_unread: unread.is_some() }))
        };
        rows.into_iter().map(kept).collect()
    }

    /// How the clock of a terminal stood in its last session before an instant and in all since, in order of time.
    ///
    /// # Errors
    /// As [`Self::terminals`].
    pub async fn terminal_clocks(
        &self,
        terminal: TerminalAddress,
        since: Moment,
    ) -> Result<Vec<ClockOffset>, StoreError> {
        let mut reading = self.read("reading the clock of a terminal").await?;
        let rows: Vec<(i64, i64, i64)> =
            reading.rows(CLOCKS, &[terminal.to_string().into(), since.into()]).await?;
        Ok(rows.into_iter().map(|(at, fast, wrong)| offset(at, fast, wrong)).collect())
    }

    /// Which meters behind a terminal were verified, at which point and when.
    ///
    /// # Errors
    /// As [`Self::terminals`].
    pub async fn verified_points(
        &self,
        terminal: TerminalAddress,
    ) -> Result<HashMap<Id<Meter>, Verified>, StoreError> {
        let mut reading = self.read("reading verified points").await?;
        let rows: Vec<(i64, i64, i64, i64, Option<i64>)> =
            reading.rows(VERIFIED, &[terminal.to_string().into()]).await?;
        let point = |(meter, point, at, since, turn): (i64, i64, i64, i64, Option<i64>)| {
            let (point, at) = (u16::try_from(point).ok()?, Moment::from_micros(at));
            let turn = turn.and_then(|minutes| u64::try_from(minutes).ok());
            let turn = turn.map(|minutes| Duration::from_secs(minutes.saturating_mul(60)));
            Some((Id::new(meter), Verified { point, at, since: Moment::from_micros(since), turn }))
        };
        Ok(rows.into_iter().filter_map(point).collect())
    }

    /// The installed meters behind a terminal, by measuring point.
    ///
    /// # Errors
    /// As [`Self::terminals`].
    pub async fn meters_at(&self, terminal: TerminalAddress) -> Result<HashMap<u16, Id<Meter>>, StoreError> {
        let mut reading = self.read("reading the meters of a terminal").await?;
        let rows: Vec<(i64, i64)> = reading.rows(METERS, &[terminal.to_string().into()]).await?;
        let at = |(point, meter): (i64, i64)| Some((u16::try_from(point).ok()?, Id::new(meter)));
        Ok(rows.into_iter().filter_map(at).collect())
    }

    /// What is kept of events at one place of a terminal's memory: code and bytes in hexadecimal of each.
    ///
    /// # Errors
    /// As [`Self::terminals`].
    pub async fn events_at(
        &self,
        terminal: TerminalAddress,
        important: bool,
        place: u8,
    ) -> Result<Vec<(u8, String)>, StoreError> {
        let mut reading = self.read("reading events of terminals").await?;
        let args = [terminal.to_string().into(), i64::from(important).into(), i64::from(place).into()];
        let rows: Vec<(i64, String)> = reading.rows(AT, &args).await?;
        let known = rows.into_iter().filter_map(|(code, body)| Some((u8::try_from(code).ok()?, body)));
        Ok(known.filter(|(code, _)| *code != TerminalEvent::UNREAD).collect())
    }

    /// The newest events of a terminal, or of all, the last that came in first.
    ///
    /// # Errors
    /// As [`Self::terminals`].
    pub async fn terminal_events(
        &self,
        of: Option<TerminalAddress>,
        most: u32,
    ) -> Result<Vec<TerminalEventLine>, StoreError> {
        let mut reading = self.read("reading events of terminals").await?;
        let of = of.map(|address| address.to_string());
        let args = [of.as_deref().into(), i64::from(most).into(), i64::from(most / 10).into()];
        let rows: Vec<EventRow> = reading.rows(EVENTS, &args).await?;
        let event = |(terminal, important, code, meter, began, record, at): EventRow| {
            Ok(TerminalEventLine {
                terminal: address(&terminal)?,
                important: important != 0,
                code: u8::try_from(code).unwrap_or_default(),
                meter: meter.map(Id::new),
                began,
                record,
                collected_at: Moment::from_micros(at),
            })
        };
        rows.into_iter().map(event).collect()
    }
}

/// Address, name, adopted when and by whom, logged in, heard, takes, sends.
type KeptRow = (
    String,
    Option<String>,
    Option<i64>,
    Option<String>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<String>,
    Option<i64>,
    Option<i64>,
);

/// Terminal, important, code, meter, began, record, came in.
type EventRow = (String, i64, i64, Option<i64>, Option<String>, String, i64);

/// Address, important, ordinary, when a report came that could not be read.
type EventsRow = (String, Option<i64>, Option<i64>, Option<i64>);

/// Takes, sends, important and ordinary events read, when a report came that could not be read.
type OwnRow = (Option<i64>, Option<i64>, Option<i64>, Option<i64>, Option<i64>);

/// Address, meters, verified, read and planned in the last run, the clock.
type ToldRow = (String, i64, i64, Option<i64>, Option<i64>, Option<i64>, Option<i64>, Option<i64>);

fn line(row: KeptRow, told: &mut HashMap<String, ToldRow>) -> Result<TerminalLine, StoreError> {
    let (
        text,
        name,
        adopted_at,
        adopted_by,
        logged_in,
        heard,
        takes,
        sends,
        read_at,
        records,
        differences,
        e1,
        e2,
    ) = row;
    let told = told.remove(&text);
    let count = |number: i64| u64::try_from(number).unwrap_or_default();
    let archive = read_at.map(|at| {
        let differences = differences.as_deref().and_then(|text| serde_json::from_str(text).ok());
        let records = records.and_then(|records| u32::try_from(records).ok());
        (Moment::from_micros(at), records.unwrap_or_default(), differences.unwrap_or_default())
    });
    let (mut meters, mut verified, mut last_run, mut clock) = (0, 0, None, None);
    if let Some((_, all, sure, read, planned, at, fast, wrong)) = told {
        (meters, verified) = (count(all), count(sure));
        last_run = read.zip(planned).map(|(read, planned)| (count(read), count(planned)));
        clock = at.zip(fast).zip(wrong).map(|((at, fast), wrong)| offset(at, fast, wrong));
    }
    Ok(TerminalLine {
        address: address(&text)?,
        name,
        adopted: adopted_at.map(Moment::from_micros).zip(adopted_by),
        meters,
        last_run: last_run.filter(|(_, planned)| *planned > 0),
        logged_in_at: logged_in.map(Moment::from_micros),
        heard_at: heard.map(Moment::from_micros),
        frames: size(takes).zip(size(sends)),
        archive,
        events_read: (place(e1), place(e2)),
        clock,
        verified,
        shared: None,
    })
}

/// Leaves out what is told of meters elsewhere.
fn share(line: &mut TerminalLine, own: &[(String, i64, String)]) {
    let terminal = line.address.to_string();
    let own = || own.iter().filter(|(of, ..)| *of == terminal);
    if let Some((.., differences)) = &mut line.archive {
        let is_own = |meter: &Option<String>| {
            meter.as_ref().is_some_and(|meter| own().any(|(.., address)| address == meter))
        };
        differences.retain(|told| is_own(&told.ours) && (told.theirs.is_none() || is_own(&told.theirs)));
    }
    line.shared = Some(own().map(|(_, meter, _)| Id::new(*meter)).collect());
}

fn size(number: Option<i64>) -> Option<u16> {
    number.and_then(|number| u16::try_from(number).ok())
}

fn place(number: Option<i64>) -> Option<u8> {
    number.and_then(|number| u8::try_from(number).ok())
}

fn address(text: &str) -> Result<TerminalAddress, StoreError> {
    text.parse().map_err(|_| StoreError::Unknown { list: "terminal address", found: text.to_owned() })
}

fn offset(at: i64, fast_us: i64, uncertainty_us: i64) -> ClockOffset {
    let uncertainty = Duration::from_micros(u64::try_from(uncertainty_us).unwrap_or(0));
    ClockOffset { at: Moment::from_micros(at), fast_us, uncertainty }
}

/// The terminals of installed meters, and those that were taken in and not let go.
const KNOWN: &str = "SELECT address FROM terminal WHERE adopted_at IS NOT NULL AND forgotten_at IS NULL UNION \
    SELECT m.terminal FROM meter m JOIN installation i ON i.meter_id = m.id AND i.removed_at IS NULL \
    WHERE m.terminal IS NOT NULL ORDER BY 1";

const KEPT: &str = "SELECT k.address, t.name, t.adopted_at, t.adopted_by, t.logged_in_at, t.heard_at, t.takes, \
    t.sends, t.archive_read_at, t.archive_records, t.archive_differences, t.important, t.ordinary \
    FROM (SELECT address FROM terminal WHERE adopted_at IS NOT NULL AND forgotten_at IS NULL UNION \
    SELECT m.terminal FROM meter m JOIN installation i ON i.meter_id = m.id AND i.removed_at IS NULL \
    WHERE m.terminal IS NOT NULL) k LEFT JOIN terminal t ON t.address = k.address \
    WHERE $1 IS NULL OR k.address = $1 ORDER BY 1";

const EVENTS_READ: &str = "SELECT address, important, ordinary, unread_at FROM terminal";

const OWN: &str = "SELECT takes, sends, important, ordinary, unread_at FROM terminal WHERE address = $1";

const AREAS: &str = "SELECT DISTINCT m.terminal, p.area_id FROM meter m \
    JOIN installation i ON i.meter_id = m.id AND i.removed_at IS NULL \
    JOIN metering_point p ON p.id = i.point_id WHERE m.terminal IS NOT NULL AND ($1 IS NULL OR m.terminal = $1)";

/// An outcome of 1 means that a meter was read.
const TOLD: &str = "SELECT m.terminal, count(*), CAST(sum(CASE WHEN p.verified_at IS NULL THEN 0 ELSE 1 END) AS bigint), \
    CAST(sum(CASE WHEN r.outcome = 1 THEN 1 ELSE 0 END) AS bigint), count(r.meter_id), \
    max(c.at), max(c.fast_us), max(c.uncertainty_us) \
    FROM meter m JOIN installation i ON i.meter_id = m.id AND i.removed_at IS NULL \
    JOIN metering_point o ON o.id = i.point_id \
    LEFT JOIN terminal_point p ON p.meter_id = m.id AND p.terminal = m.terminal AND p.point = m.measuring_point \
    LEFT JOIN run_meter r ON r.meter_id = m.id AND r.run_id = (SELECT max(id) FROM run) \
    LEFT JOIN terminal_clock c ON c.terminal = m.terminal \
        AND c.at = (SELECT max(n.at) FROM terminal_clock n WHERE n.terminal = m.terminal) \
    WHERE m.terminal IS NOT NULL AND ($1 IS NULL OR m.terminal = $1) \
        AND ($2 = '' OR $2 LIKE '%,' || CAST(o.area_id AS text) || ',%') GROUP BY m.terminal";

/// The meters behind terminals that are within the regions.
const WITHIN: &str = "SELECT m.terminal, m.id, m.address FROM meter m \
    JOIN installation i ON i.meter_id = m.id AND i.removed_at IS NULL JOIN metering_point p ON p.id = i.point_id \
    WHERE m.terminal IS NOT NULL AND ($1 IS NULL OR m.terminal = $1) \
        AND $2 LIKE '%,' || CAST(p.area_id AS text) || ',%'";

const CLOCKS: &str = "SELECT at, fast_us, uncertainty_us FROM terminal_clock WHERE terminal = $1 AND at >= coalesce( \
    (SELECT max(at) FROM terminal_clock WHERE terminal = $1 AND at < $2), $2) ORDER BY at";

/// An earlier version of the program notes no beginning.
const VERIFIED: &str = "SELECT meter_id, point, verified_at, coalesce(verified_since, verified_at), turn_minutes \
    FROM terminal_point WHERE terminal = $1";

const METERS: &str = "SELECT m.measuring_point, m.id FROM meter m \
    JOIN installation i ON i.meter_id = m.id AND i.removed_at IS NULL WHERE m.terminal = $1";

const AT: &str =
    "SELECT code, body FROM terminal_event WHERE terminal = $1 AND important = $2 AND place = $3";

/// Reports of data (0069) push no event out.
const EVENTS: &str = "SELECT terminal, important, code, meter_id, began, record, collected_at FROM ( \
    SELECT * FROM (SELECT * FROM terminal_event WHERE ($1 IS NULL OR terminal = $1) AND (code <> 0 OR important <> 0) \
        ORDER BY collected_at DESC, place DESC LIMIT $2) AS events \
    UNION ALL SELECT * FROM (SELECT * FROM terminal_event WHERE ($1 IS NULL OR terminal = $1) AND code = 0 AND important = 0 \
        ORDER BY collected_at DESC, place DESC LIMIT $3) AS observed) AS told ORDER BY collected_at DESC, place DESC";
