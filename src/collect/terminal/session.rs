//! What is learned of a terminal itself at the beginning of a pass: its clock, its archive, how far its own reading is.

use std::collections::HashMap;
use std::sync::Arc;

use gdw1376::answer;
use gdw1376::request::Request;

use super::super::ask::Missed;
use super::ask::TerminalAsker;
use super::{TerminalNight, archive, items, point_of};
use crate::domain::access::Regions;
use crate::domain::{ClockOffset, MissingCause};
use crate::store::Batch;
use crate::store::terminal::{ArchiveCompared, TerminalTold};

/// What is known of a terminal in this night.
#[derive(Clone, Debug, Default)]
pub(super) struct Session {
    /// It has told that its own reading of the midnight is over, or tells nothing of it.
    pub(super) has_read_all: bool,
    /// Its own reading does not get on: what it has not read by now it may never read.
    pub(super) is_stuck: bool,
    progress: Progress,
    /// How often it left what it need not know unanswered: ports, archive, progress.
    silences: Silences,
    /// Its archive, once it was read and compared.
    pub(super) compared: Option<ArchiveCompared>,
    /// Points at which its archive has another meter than ours.
    pub(super) excluded: HashMap<u16, Missed>,
    /// Behind which places its events were read before this night.
    pub(super) events_read: (Option<u8>, Option<u8>),
    /// How long frames may be is known.
    has_frames: bool,
    /// The longest frame it sends, in counted bytes, as it told.
    pub(super) sends: Option<u16>,
}

/// How many meters its own reading has brought, pass by pass.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    read: Option<u64>,
    /// How many passes in a row brought no more.
    stands: u32,
}

impl Progress {
    /// Takes in how many are read; true when that has not grown for a while.
    fn is_stuck(&mut self, read: u64) -> bool {
        self.stands = if self.read == Some(read) { self.stands + 1 } else { 0 };
        self.read = Some(read);
        self.stands >= STANDS
    }
}

/// How often each question was left unanswered in this night.
#[derive(Clone, Copy, Debug, Default)]
struct Silences {
    ports: u8,
    archive: u8,
    progress: u8,
}

impl Session {
    /// What is known before it was asked.
    pub(super) fn of(told: TerminalTold) -> Self {
        let sends = told.frames.map(|(_, sends)| sends);
        Self { events_read: told.events_read, has_frames: told.frames.is_some(), sends, ..Self::default() }
    }
}

impl TerminalNight {
    /// Asks the terminal about itself. What it has no answer to is left out; that it does not answer at all is told.
    pub(super) async fn begin_session(&mut self) -> Result<(), Missed> {
        let mut batch = Batch::default();
        let notes = &mut batch.notes.terminals;
        if let Some(clock) = read_clock(&self.asker).await? {
            self.clocks.push(clock);
            notes.clocks.push((self.asker.address, clock));
        }
        // From here on it is there. Firmware that is old drops a function it does not know instead of denying it.
        if !self.session.has_frames
            && self.session.silences.ports < MOST_SILENT
            && let Some(frames) = or_untold(
                self.asker.ask("ports", Request::ReadPorts).await,
                &mut self.session.silences.ports,
            )?
        {
            let limits = frames.units().iter().find_map(|(_, unit)| answer::frame_limits(unit));
            self.session.has_frames = true;
            self.session.sends = limits.map(|limits| limits.sends);
            notes.frames.extend(limits.map(|limits| (self.asker.address, (limits.takes, limits.sends))));
        }
        if self.session.compared.is_none() && self.session.silences.archive < MOST_SILENT {
            let before = self.session.silences.archive;
            let compared = self.compare_archives().await?;
            let is_untold = self.session.silences.archive > before;
            let mut excluded = if is_untold { self.excluded_before().await } else { HashMap::new() };
            excluded.extend(compared.iter().flat_map(archive::excluded));
            self.session.excluded = excluded;
            // A list that came in part is none: it is asked for again in the next pass.
            self.session.compared = compared.filter(|_| !is_untold);
            notes.archives.extend(self.session.compared.clone());
        }
        let own = self.own_reading().await?;
        self.session.has_read_all = own.is_none_or(|own| own.is_over);
        let is_stuck = own.is_some_and(|own| self.session.progress.is_stuck(own.read));
        self.session.is_stuck = is_stuck || self.is_late_night();
        self.line.keep(batch, Vec::new()).await;
        Ok(())
    }

    /// Where the archives differed when they were compared last: a terminal that leaves tonight's question unanswered is not
    /// believed any further for that.
    async fn excluded_before(&self) -> HashMap<u16, Missed> {
        let terminal = self.asker.address;
        let known = self.line.inner.store.terminal(terminal, &Regions::All).await.ok().flatten();
        let compared = known.and_then(|known| known.archive);
        let compared =
            compared.map(|(at, records, differences)| ArchiveCompared { terminal, at, records, differences });
        compared.as_ref().map(archive::excluded).unwrap_or_default()
    }

    /// Reads the terminal's list and compares it. One that did not come whole counts as untold, and so does what was told of
    /// it: points at which it has another meter are not believed, and nobody is lacking in it.
    async fn compare_archives(&mut self) -> Result<Option<ArchiveCompared>, Missed> {
        let sites: Vec<_> = self.line.sites.iter().map(Arc::as_ref).collect();
        let most = sites.iter().filter_map(|site| point_of(site)).map(|point| point.number()).max();
        let read = archive::read_archive(&self.asker, most.unwrap_or_default()).await;
        let Some(archive::Told { records, at, is_whole }) =
            or_untold(read, &mut self.session.silences.archive)?
        else {
            return Ok(None);
        };
        let differences = if is_whole {
            archive::compare(&records, &sites)
        } else {
            tracing::info!(terminal = %self.asker.address,
                "the list of meters of terminal {} did not come whole", self.asker.address);
            self.session.silences.archive += 1;
            archive::compare_in_part(&records, &sites)
        };
        let records = u32::try_from(records.len()).unwrap_or(u32::MAX);
        Ok(Some(ArchiveCompared { terminal: self.asker.address, at, records, differences }))
    }

    /// How far the terminal has read its own meters since midnight; `None` where it does not say. [1376 3.8]
    async fn own_reading(&mut self) -> Result<Option<OwnReading>, Missed> {
        if self.session.silences.progress >= MOST_SILENT {
            return Ok(None);
        }
        let told = self.asker.ask("progress", Request::ReadProgress).await;
        let Some(answered) = or_untold(told, &mut self.session.silences.progress)? else { return Ok(None) };
        let units = answered.units();
        let ports = units.iter().find_map(|(_, unit)| answer::progress(unit)).unwrap_or_default();
        let midnight = self.day().start();
        let is_over = |port: &answer::Progress| {
            let at = |time: Option<gdw1376::terminal_time::TerminalTime>| {
                time.and_then(gdw1376::terminal_time::TerminalTime::civil).and_then(items::moment)
            };
            port.meters == 0
                || port.read >= port.meters
                || at(port.ended_at).is_some_and(|ended| ended >= midnight)
        };
        let read = ports.iter().map(|port| u64::from(port.read)).sum();
        Ok(Some(OwnReading { is_over: ports.iter().all(is_over), read }))
    }
}

/// How far a terminal has read its own meters.
#[derive(Clone, Copy, Debug)]
struct OwnReading {
    is_over: bool,
    read: u64,
}

/// The clock of a terminal; `None` where it shows no time or tells none.
pub(super) async fn read_clock(asker: &TerminalAsker) -> Result<Option<ClockOffset>, Missed> {
    let Some(answered) = or_not(asker.ask("clock", Request::ReadClock).await)? else { return Ok(None) };
    let shown = answered.units().iter().find_map(|(_, unit)| answer::clock(unit)?.civil());
    let shown = shown.and_then(items::moment).and_then(crate::domain::Moment::civil);
    Ok(shown.map(|shown| ClockOffset::measured(shown, answered.asked_at, answered.answered_at)))
}

/// As [`or_not`], of what a terminal need not know: silence, which is counted, says as little. Its clock was told before.
fn or_untold<T>(asked: Result<T, Missed>, silences: &mut u8) -> Result<Option<T>, Missed> {
    if matches!(&asked, Err(missed) if missed.cause == MissingCause::TerminalSilent) {
        *silences += 1;
        return Ok(None);
    }
    or_not(asked)
}

/// An answer, or none where the terminal answers that it has no such thing.
fn or_not<T>(asked: Result<T, Missed>) -> Result<Option<T>, Missed> {
    match asked {
        Ok(answered) => Ok(Some(answered)),
        Err(missed) if matches!(missed.cause, MissingCause::NoSuchData | MissingCause::Refused) => Ok(None),
        Err(missed) => Err(missed),
    }
}

/// A reading that brings no more in so many passes in a row does not get on.
const STANDS: u32 = 2;
/// What is left unanswered so often is not asked for again in this night.
const MOST_SILENT: u8 = 2;
