//! What is learned of a terminal itself at the beginning of a pass: its clock, its archive, how far its own reading is.

use std::collections::HashMap;
use std::sync::Arc;

use gdw1376::answer;
use gdw1376::request::Request;

use super::super::ask::Missed;
use super::ask::TerminalAsker;
use super::{TerminalNight, archive, items, point_of};
use crate::domain::{ClockOffset, MissingCause};
use crate::store::Batch;
use crate::store::terminal::{ArchiveCompared, TerminalTold};

/// What is known of a terminal in this night.
#[derive(Clone, Debug, Default)]
pub(super) struct Session {
    /// It has told that its own reading of the midnight is over, or tells nothing of it.
    pub(super) has_read_all: bool,
    /// Its archive, once it was read and compared.
    pub(super) compared: Option<ArchiveCompared>,
    /// Points at which its archive has another meter than ours.
    pub(super) excluded: HashMap<u16, Missed>,
    /// Behind which places its events were read before this night.
    pub(super) events_read: (Option<u8>, Option<u8>),
    /// How long frames may be is known.
    has_frames: bool,
}

impl Session {
    /// What is known before it was asked.
    pub(super) fn of(told: TerminalTold) -> Self {
        Self { events_read: told.events_read, has_frames: told.frames.is_some(), ..Self::default() }
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
        if !self.session.has_frames
            && let Some(frames) = or_not(self.asker.ask("ports", Request::ReadPorts).await)?
        {
            let limits = frames.units().iter().find_map(|(_, unit)| answer::frame_limits(unit));
            self.session.has_frames = true;
            notes.frames.extend(limits.map(|limits| (self.asker.address, (limits.takes, limits.sends))));
        }
        if self.session.compared.is_none() {
            let compared = self.compare_archives().await?;
            notes.archives.extend(compared.clone());
            self.session.excluded = compared.as_ref().map(archive::excluded).unwrap_or_default();
            self.session.compared = compared;
        }
        self.session.has_read_all = self.has_read_all().await?;
        self.line.keep(batch, Vec::new()).await;
        Ok(())
    }

    async fn compare_archives(&self) -> Result<Option<ArchiveCompared>, Missed> {
        let sites: Vec<_> = self.line.sites.iter().map(Arc::as_ref).collect();
        let most = sites.iter().filter_map(|site| point_of(site)).map(|point| point.number()).max();
        let read = archive::read_archive(&self.asker, most.unwrap_or_default()).await;
        let Some((records, at)) = or_not(read)? else { return Ok(None) };
        let differences = archive::compare(&records, &sites);
        let records = u32::try_from(records.len()).unwrap_or(u32::MAX);
        Ok(Some(ArchiveCompared { terminal: self.asker.address, at, records, differences }))
    }

    /// Whether the terminal has read its own meters since midnight, as far as it says. [1376 3.8]
    async fn has_read_all(&self) -> Result<bool, Missed> {
        let Some(answered) = or_not(self.asker.ask("progress", Request::ReadProgress).await)? else {
            return Ok(true);
        };
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
        Ok(ports.iter().all(is_over))
    }
}

/// The clock of a terminal; `None` where it shows no time or tells none.
pub(super) async fn read_clock(asker: &TerminalAsker) -> Result<Option<ClockOffset>, Missed> {
    let Some(answered) = or_not(asker.ask("clock", Request::ReadClock).await)? else { return Ok(None) };
    let shown = answered.units().iter().find_map(|(_, unit)| answer::clock(unit)?.civil());
    let shown = shown.and_then(items::moment).and_then(crate::domain::Moment::civil);
    Ok(shown.map(|shown| ClockOffset::measured(shown, answered.asked_at, answered.answered_at)))
}

/// An answer, or none where the terminal answers that it has no such thing.
fn or_not<T>(asked: Result<T, Missed>) -> Result<Option<T>, Missed> {
    match asked {
        Ok(answered) => Ok(Some(answered)),
        Err(missed) if matches!(missed.cause, MissingCause::NoSuchData | MissingCause::Refused) => Ok(None),
        Err(missed) => Err(missed),
    }
}
