//! Setting records of a terminal's own list of meters (档案下发): proposed from the difference between both lists, and carried
//! out once another person has confirmed it.
//!
//! - Nothing leaves unless the terminal still holds what was proposed from.
//! - Before the first frame leaves that is kept, with the points of which the meter has to be asked anew (F24). What may have
//!   left is never sent again: the terminal is asked what it holds, and until that is clear the setting is unknown.
//! - Where a frame was not answered, those behind it leave once the terminal is seen to have carried it out: what it has had
//!   taken away is written, as it was confirmed. Nothing leaves twice, and nothing once its hour is over.
//! - A frame that the terminal refuses is sent record by record, so that each has its own answer.
//! - It never runs beside a night or a re-read, which would believe what it believed before.

mod rest;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use gdw1376::address::TerminalAddress;
use gdw1376::auxiliary::Password;
use gdw1376::confirmation::Confirmation;
use gdw1376::dialogue::{Outcome, Timing};
use gdw1376::request::{ArchiveRecord, Request};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::super::Collector;
use super::super::ask::Missed;
use super::super::collector::Inner;
use super::archive::{Told, compare, read_archive};
use super::ask::TerminalAsker;
use super::{point_of, record};
use crate::channel::Lane;
use crate::domain::terminal_archive::{
    MeterRecord, RecordAnswer, RecordChange, RecordResult, SettingState, TerminalArchive, setting_state,
};
use crate::domain::{MissingCause, Moment};
use crate::store::archive::SiteMeter;
use crate::store::terminal::{ArchiveCompared, ArchiveSetting};
use crate::store::{Batch, StoreError};
use crate::telemetry::with_causes;
use crate::terminal::{Ask, Terminals};
use rest::Rest;
pub(in crate::collect) use rest::Rests;

/// Which records are to be proposed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WantedRecords {
    /// Only those of these points; `None` for all.
    pub points: Option<BTreeSet<u16>>,
    /// Records of points that our archive does not know are to be removed.
    pub removes_unknown: bool,
}

/// What came of comparing both lists for a proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordsProposed {
    /// What would have to be set.
    Changes(TerminalArchive),
    /// Nothing: the terminal holds what it should.
    Same,
    /// The terminal could not be asked, and why.
    NotReached(String),
}

impl Collector {
    /// Reads a terminal's list of meters and says which records would have to be set.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not say which meters are behind it.
    pub async fn propose_records(
        &self,
        address: TerminalAddress,
        wanted: &WantedRecords,
    ) -> Result<RecordsProposed, StoreError> {
        let work = match Work::new(&self.inner, address).await? {
            Ok(work) => work,
            Err(why) => return Ok(RecordsProposed::NotReached(why)),
        };
        let records = match work.read(0).await {
            Ok((records, _)) => records,
            Err(missed) => return Ok(RecordsProposed::NotReached(missed.detail)),
        };
        let sites: Vec<&SiteMeter> = work.sites.iter().collect();
        let changes = record::changes(&records, &sites, wanted.points.as_ref(), wanted.removes_unknown);
        if changes.is_empty() {
            return Ok(RecordsProposed::Same);
        }
        Ok(RecordsProposed::Changes(TerminalArchive { terminal: address.to_string(), changes }))
    }

    /// Carries out what was confirmed and waits, and looks after what is unknown; gives how many it looked at. While a night
    /// goes on nothing is done.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not say what there is, or could not keep what came of it.
    pub async fn set_records(&self, stop: &CancellationToken) -> Result<usize, StoreError> {
        let mut done = 0;
        for setting in self.inner.store.open_settings().await? {
            let now = self.inner.clock.now();
            let again = if setting.state == SettingState::Waiting { TRY_AGAIN } else { LOOK_AGAIN };
            let is_early = setting.looked_at.is_some_and(|at| now.since(at) < again);
            if stop.is_cancelled() || is_early {
                continue;
            }
            // A night waits for the end of this one, and none begins beside a night.
            let Ok(_alone) = self.inner.setting.try_write() else { break };
            self.set_one(setting).await?;
            done += 1;
        }
        Ok(done)
    }

    async fn set_one(&self, mut setting: ArchiveSetting) -> Result<(), StoreError> {
        let inner = &self.inner;
        let work = match Work::new(inner, setting.terminal).await? {
            Ok(work) => work,
            Err(why) => return self.wait_on(setting, why).await,
        };
        if setting.state != SettingState::Waiting {
            // Begun by a process that is gone, or not answered: only looked at, never sent again.
            let rest = inner.rests.take(setting.proposal);
            return work.look(setting, rest).await;
        }
        let most = setting.archive.changes.iter().map(|change| change.number).max().unwrap_or_default();
        let held = match work.read(most).await {
            Ok((records, _)) => records,
            Err(missed) => return self.wait_on(setting, missed.detail).await,
        };
        let held: BTreeMap<u16, ArchiveRecord> =
            held.into_iter().map(|record| (record.number, record)).collect();
        let is_as_proposed =
            |change: &&RecordChange| held.get(&change.number).map(record::of_wire) == change.before;
        if let Some(other) = setting.archive.changes.iter().find(|change| !is_as_proposed(change)) {
            setting.detail = format!("record {} is not what it was when this was proposed", other.number);
            return self.end(setting, SettingState::Outdated).await;
        }
        let password = match inner.store.terminal_password(setting.terminal).await {
            Ok(password) => password,
            Err(error) => return self.wait_on(setting, with_causes(&error)).await,
        };
        let Some(frames) = frames(&setting.archive.changes, &held) else {
            setting.detail = "a record cannot be written".to_owned();
            return self.end(setting, SettingState::Outdated).await;
        };
        if !inner.store.begin_setting(&setting, inner.clock.now()).await? {
            return Ok(());
        }
        setting.state = SettingState::Sending;
        setting.sent_at = Some(inner.clock.now());
        let sent = work.send(frames, password).await;
        if !sent.has_left {
            setting.state = SettingState::Waiting;
            setting.sent_at = None;
            setting.looked_at = Some(inner.clock.now());
            inner.store.settle_setting(&setting, inner.clock.now()).await?;
            return self.wait_on(setting, sent.why).await;
        }
        let answer = |change: &RecordChange| RecordResult {
            number: change.number,
            answer: sent.answers.get(&change.number).copied().unwrap_or(RecordAnswer::NotSent),
            holds: None,
            lacks: false,
        };
        setting.results = setting.archive.changes.iter().map(answer).collect();
        work.look(setting, sent.rest).await
    }

    /// The terminal could not be reached: what waits goes on waiting for its time, and what is unknown stays so.
    async fn wait_on(&self, mut setting: ArchiveSetting, why: String) -> Result<(), StoreError> {
        let now = self.inner.clock.now();
        match setting.state {
            SettingState::Waiting if now.since(setting.confirmed_at) >= WAITS => {
                setting.detail = why;
                self.end(setting, SettingState::Expired).await
            }
            SettingState::Waiting => Ok(()),
            SettingState::Sending => self.end(setting, SettingState::Unknown).await,
            _ => self.inner.store.looked_at_setting(setting.proposal, now).await,
        }
    }

    async fn end(&self, setting: ArchiveSetting, state: SettingState) -> Result<(), StoreError> {
        self.inner.store.settle_setting(&ArchiveSetting { state, ..setting }, self.inner.clock.now()).await
    }
}

/// Work on the list of one terminal.
struct Work {
    inner: Arc<Inner>,
    terminals: Terminals,
    asker: TerminalAsker,
    sites: Vec<SiteMeter>,
}

/// What came of sending records.
struct Sent {
    has_left: bool,
    /// Why the last of it did not leave.
    why: String,
    answers: BTreeMap<u16, RecordAnswer>,
    /// What has not left, where that is not because the terminal refuses everything.
    rest: Option<Rest>,
}

impl Work {
    /// Ready to ask, or why it cannot be.
    async fn new(inner: &Arc<Inner>, address: TerminalAddress) -> Result<Result<Self, String>, StoreError> {
        let served = inner.lines.terminals().cloned();
        let Some(terminals) = served.filter(|terminals| terminals.status(address).is_some()) else {
            return Ok(Err("this process does not serve the terminal".to_owned()));
        };
        let name = address.to_string();
        let mut sites = inner.store.site_meters().await?;
        sites.retain(|site| *site.meter.path.line() == name && point_of(site).is_some());
        let asker = TerminalAsker {
            terminals: terminals.clone(),
            address,
            clock: inner.clock.clone(),
            lane: Lane::OnDemand,
            deadline: Instant::now() + LONGEST,
            patience: PATIENCE,
            stop: CancellationToken::new(),
        };
        Ok(Ok(Self { inner: Arc::clone(inner), terminals, asker, sites }))
    }

    /// What the terminal holds, at least up to a record.
    async fn read(&self, most: u16) -> Result<(Vec<ArchiveRecord>, Moment), Missed> {
        let points = self.sites.iter().filter_map(point_of).map(|point| point.number());
        match read_archive(&self.asker, points.max().unwrap_or_default().max(most)).await {
            // A terminal with an empty list says that there are no such data.
            Err(missed) if missed.cause == MissingCause::NoSuchData => {
                Ok((Vec::new(), self.inner.clock.now()))
            }
            read => all_held(read?),
        }
    }

    /// Sends frame after frame, until one is not answered. A frame of several records that is refused is sent again record
    /// by record: nothing of what was refused is left to be carried out.
    async fn send(&self, frames: Vec<Vec<ArchiveRecord>>, password: Password) -> Sent {
        let mut sent = Sent { has_left: false, why: String::new(), answers: BTreeMap::new(), rest: None };
        let mut refused = 0;
        let mut left: Vec<Vec<ArchiveRecord>> = frames.into_iter().rev().collect();
        while let Some(frame) = left.pop() {
            let request = Request::WriteArchive(frame.clone());
            let ask = Ask::new(request, Lane::Control.urgency(), Timing::STORED).signed(password);
            let told = self.terminals.ask(self.asker.address, ask.until(Instant::now() + PATIENCE)).await;
            let told = match told {
                Ok(told) => told,
                Err(error) => {
                    sent.why = error.to_string();
                    let frames = [frame].into_iter().chain(left.into_iter().rev()).collect();
                    sent.rest = Some(Rest { unanswered: Vec::new(), frames });
                    break;
                }
            };
            sent.has_left = true;
            let answer = answer_of(&told.outcome);
            if matches!(answer, RecordAnswer::Refused(_)) && frame.len() > 1 {
                left.extend(frame.into_iter().rev().map(|record| vec![record]));
                continue;
            }
            for record in &frame {
                note(&mut sent.answers, record.number, answer);
            }
            refused = if matches!(answer, RecordAnswer::Refused(_)) { refused + 1 } else { 0 };
            if answer == RecordAnswer::Silent {
                let frames: Vec<_> = left.into_iter().rev().collect();
                sent.rest = (!frames.is_empty()).then_some(Rest { unanswered: frame, frames });
                break;
            }
            // A terminal that refuses one record after the other refuses them all.
            if refused >= REFUSES_ALL {
                break;
            }
        }
        sent
    }

    /// Asks the terminal what it holds now, and keeps what that makes of the setting. The comparison of both lists is kept,
    /// too. What has not left yet leaves when nothing before it is still to come.
    async fn look(&self, mut setting: ArchiveSetting, mut rest: Option<Rest>) -> Result<(), StoreError> {
        let store = &self.inner.store;
        let was = setting.state;
        if setting.results.is_empty() {
            let silent = |change: &RecordChange| RecordResult {
                number: change.number,
                answer: RecordAnswer::Silent,
                holds: None,
                lacks: false,
            };
            setting.results = setting.archive.changes.iter().map(silent).collect();
        }
        let mut has_sent = false;
        let (now, missed) = loop {
            let read = self.look_once(&mut setting).await;
            let now = self.inner.clock.now();
            setting.looked_at = Some(now);
            let is_late = setting.sent_at.is_none_or(|at| now.since(at) >= SettingState::MAY_COME);
            let may_leave = |rest: &mut Rest| read.as_ref().is_ok_and(|held| rest.may_leave(held));
            rest = rest.filter(|_| !is_late);
            if let Some(left) = rest.take_if(may_leave) {
                let (is_sent, unsent) = self.go_on(&mut setting, left).await?;
                rest = unsent;
                if is_sent {
                    has_sent = true;
                    continue;
                }
            }
            setting.state = setting_state(&setting.results, is_late);
            if rest.is_some() && setting.state.is_over() {
                setting.state = SettingState::Unknown;
            }
            break (now, read.err());
        };
        setting.detail = missed.map(|missed| missed.detail).unwrap_or_default();
        if let Some(rest) = rest.filter(|_| setting.state == SettingState::Unknown) {
            self.inner.rests.put(setting.proposal, rest);
        }
        if (was, setting.state) == (SettingState::Unknown, SettingState::Unknown) && !has_sent {
            return store.looked_at_setting(setting.proposal, now).await;
        }
        store.settle_setting(&setting, now).await
    }

    /// What the terminal holds now.
    async fn look_once(&self, setting: &mut ArchiveSetting) -> Result<BTreeMap<u16, MeterRecord>, Missed> {
        let most = setting.archive.changes.iter().map(|change| change.number).max().unwrap_or_default();
        let (records, at) = self.read(most).await?;
        let held: BTreeMap<u16, _> =
            records.iter().map(|held| (held.number, record::of_wire(held))).collect();
        for (result, change) in setting.results.iter_mut().zip(&setting.archive.changes) {
            let holds = held.get(&change.number);
            result.holds = Some(holds == change.after.as_ref());
            result.lacks = holds.is_none() && change.after.is_some();
        }
        self.keep_compared(&records, at).await;
        Ok(held)
    }

    /// Sends what has not left yet, once that is kept; whether anything has left, and what has not.
    async fn go_on(
        &self,
        setting: &mut ArchiveSetting,
        rest: Rest,
    ) -> Result<(bool, Option<Rest>), StoreError> {
        let store = &self.inner.store;
        let Ok(password) = store.terminal_password(setting.terminal).await else {
            return Ok((false, Some(rest)));
        };
        let now = self.inner.clock.now();
        if !store.go_on_with_setting(setting, now).await? {
            return Ok((false, None));
        }
        setting.sent_at = Some(now);
        let Sent { has_left, answers, rest: left, .. } = self.send(rest.frames.clone(), password).await;
        if !has_left {
            return Ok((false, Some(Rest { unanswered: Vec::new(), ..rest })));
        }
        for result in &mut setting.results {
            result.answer = answers.get(&result.number).copied().unwrap_or(result.answer);
        }
        Ok((true, left))
    }

    async fn keep_compared(&self, records: &[ArchiveRecord], at: Moment) {
        let sites: Vec<&SiteMeter> = self.sites.iter().collect();
        let differences = compare(records, &sites);
        let records = u32::try_from(records.len()).unwrap_or(u32::MAX);
        let compared = ArchiveCompared { terminal: self.asker.address, at, records, differences };
        let mut batch = Batch::default();
        batch.notes.terminals.archives.push(compared);
        self.inner.writer.save(batch).await;
    }
}

/// What a terminal holds, if it said all of it: half a list says of no record that it is not there.
fn all_held(told: Told) -> Result<(Vec<ArchiveRecord>, Moment), Missed> {
    let Told { records, at, is_whole } = told;
    let unread = "archive: the terminal's answer cannot be read to its end";
    if is_whole { Ok((records, at)) } else { Err(Missed::new(MissingCause::WrongForm, unread)) }
}

/// A record that was set in two steps was taken when both were.
fn note(answers: &mut BTreeMap<u16, RecordAnswer>, number: u16, answer: RecordAnswer) {
    let before = answers.entry(number).or_insert(answer);
    if *before == RecordAnswer::Taken {
        *before = answer;
    }
}

pub(super) fn answer_of(outcome: &Outcome) -> RecordAnswer {
    match outcome {
        Outcome::Confirmed(Confirmation::All) => RecordAnswer::Taken,
        Outcome::Confirmed(Confirmation::None) => RecordAnswer::Refused(OTHER_ERROR),
        Outcome::Confirmed(Confirmation::Security(error)) => RecordAnswer::Refused(*error),
        Outcome::Confirmed(Confirmation::Each { units, .. }) => {
            let wrong = units.iter().find(|(_, result)| !result.is_right());
            match wrong {
                Some((_, result)) => RecordAnswer::Refused(result.0),
                None if units.is_empty() => RecordAnswer::Silent,
                None => RecordAnswer::Taken,
            }
        }
        Outcome::Answered { .. } | Outcome::Silent | Outcome::Unknown => RecordAnswer::Silent,
    }
}

/// The records of a setting as they are sent, frame by frame: first what is taken away, with it the records whose meter is to
/// stand under another number, since a terminal has each address once; `None` when one cannot be written.
fn frames(changes: &[RecordChange], held: &BTreeMap<u16, ArchiveRecord>) -> Option<Vec<Vec<ArchiveRecord>>> {
    let wanted: BTreeMap<&str, u16> = changes
        .iter()
        .filter_map(|change| Some((change.after.as_ref()?.address.as_str(), change.number)))
        .collect();
    let moves = |change: &&RecordChange| {
        let is_wanted_elsewhere = change.before.as_ref().is_some_and(|before| {
            wanted.get(before.address.as_str()).is_some_and(|number| *number != change.number)
        });
        change.after.is_none() || is_wanted_elsewhere
    };
    let removed: Vec<_> = changes
        .iter()
        .filter(moves)
        .filter_map(|change| held.get(&change.number).map(record::removing))
        .collect();
    let mut set = Vec::new();
    for change in changes {
        if let Some(after) = &change.after {
            set.push(record::to_wire(change.number, after, held.values())?);
        }
    }
    Some(removed.chunks(AT_ONCE).chain(set.chunks(AT_ONCE)).map(<[_]>::to_vec).collect())
}

/// So many records fit into a request of 256 counted bytes, which every terminal takes. [1376 3.7]
const AT_ONCE: usize = 7;
/// After so many refusals in a row nothing more is sent.
const REFUSES_ALL: usize = 3 * AT_ONCE;
/// An error without a number. [1376 3.1]
const OTHER_ERROR: u8 = 1;
/// How long a question or a frame waits for its turn.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long the work on one terminal may take.
const LONGEST: Duration = Duration::from_secs(1800);
/// What was confirmed waits so long for its terminal.
const WAITS: Duration = Duration::from_secs(86_400);
/// What could not leave is tried again so often.
const TRY_AGAIN: Duration = Duration::from_secs(60);
/// A terminal that is unknown is looked at so often.
const LOOK_AGAIN: Duration = Duration::from_secs(600);

#[cfg(test)]
mod tests;
