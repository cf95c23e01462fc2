//! The meters behind a concentrator (集中器): what it stores of them is read from it, many points a question, and what it
//! lacks from the meters themselves, through it.
//!
//! ```text
//!  session ── clock, archive, how far its own reading is
//!     └─> freezes of the night, curves, gaps of earlier days, events ── from the terminal, for points that are verified
//!          └─> forwarded ── the 645 questions of any line, for what is missing and for points that are not verified
//!               └─> verify ── the meter itself says what the terminal stores for its point: from now on it is believed
//! ```
//!
//! What is promised beside the promises of every night:
//!
//! - **A terminal is believed for a point only when the meter itself has said the same** (F24): the first night of a point
//!   is read from its meter, by a forwarded question, and compared. Every [`VERIFY_AGAIN`] that is done once more. What the
//!   terminal stored before the first time is not taken, and totals that another point could have as well prove nothing.
//!   Once somebody has come under its address from elsewhere while it was there, every point has its first night again (T5).
//! - **What it read later than usual is no freeze by itself**: a terminal whose question for the freeze was refused stores the
//!   register as it stands then. Neither is what says that a meter has suddenly stopped, which a terminal that repeats the day
//!   before says, or what no meter can have counted. Such a point counts when the meter itself has said the same (F24).
//! - **A freeze counts for the midnight behind the day it names**, when the terminal read it behind that midnight, by a
//!   clock that was right in its sessions before and after, from a meter whose clock was not wrong in its own, or when it
//!   was last seen where it was not seen since (F14).
//! - **The terminal's own reading goes first**: while it says that it still reads its meters, and gets on with it, only those
//!   are asked through it of which it will never store anything. A meter that nobody can read holds up no other.
//! - **An answer that fails costs one question**: what was kept stays, and the run goes on where it stopped when the
//!   terminal comes back (F19), with curves as with registers: a curve is had when the terminal has answered for it, be it that
//!   it has none.
//!
//! - **Events and status words are the meters' own**: they are asked of the meters, through the terminal, beside the run and
//!   in the lowest lane, for a bounded time each night, in turns.
//! - **What may reach a bill is read twice**, from a terminal as from a meter, and counts when both answers say the same.

mod archive;
mod ask;
mod borne_out;
mod counted;
mod curve;
mod events;
mod first_events;
mod freeze;
mod items;
mod lost;
mod meter_events;
mod questions;
mod record;
mod registers;
mod report;
mod session;
mod set_clock;
mod setting;
mod verify;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use gdw1376::address::TerminalAddress;
use gdw1376::identifier::Point;
use tokio::time::{Instant, sleep_until};

use super::ask::Missed;
use super::line::{LineRun, may_be_better};
use super::pauses::Pauses;
use super::phase::{Facts, Step};
use crate::channel::Lane;
use crate::config::IntervalMode;
use crate::domain::{
    ClockOffset, Day, Id, Item, Meter, MeterPath, MissingCause, Moment, Quality, RunMeter, RunOutcome,
    Suspicion, meter_clock,
};
use crate::plan::CurveGap;
use crate::store::archive::SiteMeter;
use crate::store::terminal::Verified;
use crate::store::{Batch, StoreError};
use crate::terminal::Terminals;
use ask::TerminalAsker;
pub(super) use curve::{keeps_curve_of, keeps_curves_every};
use freeze::Frozen;
pub use report::keep_reports;
use session::Session;
pub use set_clock::ClockSet;
pub(super) use setting::Rests;
pub use setting::{RecordsProposed, WantedRecords};

/// A terminal at work in a night.
pub(super) struct TerminalNight {
    line: LineRun,
    facts: Arc<Facts>,
    asker: TerminalAsker,
    /// What is known of the terminal from this night.
    session: Session,
    /// How its clock stood in its sessions since before the first midnight that may be read.
    clocks: Vec<ClockOffset>,
    /// When each meter was seen to be that of its point.
    verified: HashMap<Id<Meter>, Verified>,
    /// Meters that were verified so long ago that they are to be asked themselves once more.
    due: HashMap<Id<Meter>, Verified>,
    /// What the terminal stores for meters that are not verified.
    held: HashMap<Id<Meter>, Frozen>,
    /// The totals that the terminal has told of the midnight, by measuring point.
    totals: HashMap<u16, Vec<(Item, i64)>>,
    /// When so little is left of the night that its own reading is not waited for any more.
    late_from: Instant,
    /// Meters that were asked themselves, through it.
    asked: HashSet<Id<Meter>>,
    /// How often more may be asked while its own reading does not get on.
    stuck_passes: u8,
    /// Meters of which the curves of the day before were asked for.
    curved: HashSet<Id<Meter>>,
    /// Those whose curves it left unanswered or told wrong, and how often.
    unanswered: HashMap<Id<Meter>, u8>,
    /// Meters of which earlier days were asked for.
    repaired: HashSet<Id<Meter>>,
    /// The events of its meters are asked for, beside what is still to come.
    asks_events: bool,
    /// Meters of which it tells what may not be the midnight: they are to be asked themselves before it counts.
    doubtful: HashSet<Id<Meter>>,
    /// Meters of which the terminal read an earlier midnight so late that the meter has to be asked.
    late_gaps: HashSet<Id<Meter>>,
    /// When somebody last came under its address from elsewhere, as far as that was taken in.
    claimed: Option<Moment>,
}

impl TerminalNight {
    /// The night of the meters of `line` behind a terminal.
    pub(super) async fn new(
        line: LineRun,
        facts: Arc<Facts>,
        terminals: Terminals,
        address: TerminalAddress,
    ) -> Result<Self, StoreError> {
        let inner = &line.inner;
        let depth = inner.settings.collection.repair_days.max(inner.settings.intervals.repair_days);
        let since = line.run.day.plus(-i64::from(depth)).start();
        let clocks = inner.store.terminal_clocks(address, since).await?;
        let verified = inner.store.verified_points(address).await?;
        let told = inner.store.told_of_terminal(address).await?;
        if let Some((takes, _)) = told.frames {
            terminals.set_takes(address, takes);
        }
        let session = Session::of(told);
        let asker = TerminalAsker {
            terminals,
            address,
            clock: inner.clock.clone(),
            lane: line.lane,
            deadline: line.deadline,
            patience: inner.settings.collection.pass_pause,
            stop: line.stop.clone(),
        };
        let left = line.deadline.saturating_duration_since(Instant::now());
        let late_from = line.deadline.checked_sub(left / 4).unwrap_or(line.deadline);
        let stuck_passes = inner.settings.collection.passes.saturating_add(1);
        let (due, held, totals) = Default::default();
        let (asked, curved, unanswered, repaired, doubtful, late_gaps) = Default::default();
        let mut night = Self {
            line,
            facts,
            asker,
            session,
            clocks,
            verified,
            due,
            held,
            totals,
            late_from,
            asked,
            stuck_passes,
            curved,
            unanswered,
            repaired,
            asks_events: false,
            doubtful,
            late_gaps,
            claimed: None,
        };
        night.doubt_claimed();
        night.take_due();
        Ok(night)
    }

    /// Works until nothing more can be done.
    pub(super) async fn work(mut self) -> Result<(), StoreError> {
        let is_night = self.line.lane == Lane::Nightly;
        let collection = &self.line.inner.settings.collection;
        let mut pauses = if is_night { Pauses::of(collection, &self.line.run) } else { Pauses::NONE };
        let mut pause = collection.pass_pause;
        let mut is_first = true;
        loop {
            self.pass(is_first).await?;
            is_first = false;
            self.begin_meter_events();
            let has_registers_left = !self.line.pending(may_be_better).is_empty();
            let is_left = has_registers_left || !self.without_curves().is_empty();
            // While the terminal still reads its meters, passes are not used up.
            if self.session.has_read_all || !has_registers_left {
                match pauses.next() {
                    Some(next) => pause = next,
                    None => break,
                }
            }
            if !is_left || !is_night || !self.pause(pause).await {
                break;
            }
        }
        self.give_up_held().await;
        Ok(())
    }

    /// Once through all there is to do for what is not read yet.
    async fn pass(&mut self, is_first: bool) -> Result<(), StoreError> {
        self.doubt_claimed();
        if let Err(missed) = self.begin_session().await {
            self.miss_unbegun(&missed).await;
            return Ok(());
        }
        self.read_registers(self.line.pending(may_be_better)).await;
        self.read_curves().await;
        self.read_gaps().await;
        if is_first {
            self.read_new_events().await;
        }
        self.forward().await;
        self.verify().await?;
        self.read_curves().await;
        self.read_gaps().await;
        self.forward_late_gaps().await;
        Ok(())
    }

    /// Asks meters themselves, through the terminal: those that are missing once its own reading is over or does not get on,
    /// before that once those of which it stores nothing, and those whose point is to be verified once it has something to
    /// be compared with.
    async fn forward(&mut self) {
        let mut sites = self.line.pending(may_be_better);
        let may_ask_all = self.session.has_read_all || self.session.is_stuck && self.stuck_passes > 0;
        if may_ask_all {
            self.stuck_passes = self.stuck_passes.saturating_sub(u8::from(!self.session.has_read_all));
        } else {
            sites.retain(|site| {
                let is_early = !self.is_stored(site) && !self.asked.contains(&site.meter_id);
                is_early || self.held.contains_key(&site.meter_id)
            });
        }
        self.asked.extend(sites.iter().map(|site| site.meter_id));
        if !sites.is_empty() {
            let facts = Arc::clone(&self.facts);
            self.line.phase(Step::Registers, sites, &facts, AT_ONCE).await;
        }
    }

    /// Waits so long before the next pass, and for a terminal that is away until it is back; false when there is no time left.
    async fn pause(&self, pause: Duration) -> bool {
        let until = (Instant::now() + pause).min(self.line.deadline);
        let (terminals, address) = (&self.asker.terminals, self.asker.address);
        let mut changes = terminals.changes();
        let is_back = async {
            sleep_until(until).await;
            while !terminals.status(address).is_some_and(|status| status.is_online) {
                use tokio::sync::broadcast::error::RecvError;
                if changes.recv().await == Err(RecvError::Closed) {
                    std::future::pending::<()>().await;
                }
            }
        };
        tokio::select! {
            () = self.line.stop.cancelled() => false,
            () = sleep_until(self.line.deadline) => false,
            () = is_back => Instant::now() < self.line.deadline,
        }
    }

    /// The meters at verified points that were read, of whose curves of the day before the terminal has not answered yet.
    fn without_curves(&self) -> Vec<Arc<SiteMeter>> {
        if self.line.inner.settings.intervals.mode != IntervalMode::LoadRecord {
            return Vec::new();
        }
        let mut sites = self.line.answering();
        // The registers of its midnights tell whether a curve is the meter's own.
        let is_read = |site: &Arc<SiteMeter>| {
            self.line.outcome_of(site.meter_id).is_some_and(|outcome| outcome.outcome.is_read())
        };
        sites.retain(|site| is_read(site) && self.is_believed(site) && !self.curved.contains(&site.meter_id));
        sites
    }

    /// The curves of the day before, of meters at verified points that were read, until the terminal has answered for each. Where
    /// it is gone, or leaves several of them unanswered, the others are not asked for in this pass.
    async fn read_curves(&mut self) {
        let settings = self.line.inner.settings.intervals.clone();
        let mut sites = self.without_curves();
        // What it leaves unanswered of some keeps it from no others.
        sites.sort_by_key(|site| self.unanswered.get(&site.meter_id).copied());
        self.line.expect(sites.len());
        let (mut silences, mut gone): (u8, Option<Missed>) = (0, None);
        for sites in sites.chunks(KEPT_AT_ONCE) {
            let (mut batch, mut outcomes, mut answered) = (Batch::default(), Vec::new(), Vec::new());
            for site in sites {
                if self.line.is_over() {
                    break;
                }
                let span = (self.line.run.day.previous(), 1);
                let gaps = self.facts.curve_gaps(&settings, site, span);
                let (brought, missed) = match &gone {
                    Some(missed) => (Batch::default(), Some(missed.clone())),
                    None => self.curves_of(site, &gaps).await,
                };
                // Somebody else may have come under its address meanwhile.
                let outcome = self.line.outcome_of(site.meter_id).filter(|_| self.is_believed(site));
                let Some(mut outcome) = outcome else { continue };
                // Of what was asked for anew most was there.
                let curves = brought.curves.iter().map(|(_, curve)| curve);
                let left = self.facts.slots_left(&settings, site, span, curves);
                let cause = missed.as_ref().map_or(MissingCause::NoValue, |missed| missed.cause);
                outcome.holes = Some((left, (left > 0).then_some(cause)));
                let is_silent =
                    missed.as_ref().is_some_and(|missed| missed.cause == MissingCause::TerminalSilent);
                let may_come_right = missed.as_ref().is_some_and(curve::may_come_right);
                if may_come_right || is_silent && gone.is_none() {
                    let often = self.unanswered.entry(site.meter_id).or_default();
                    *often = often.saturating_add(1);
                    // It will not say more, or anything else, when it is asked again.
                    answered.extend((*often >= MOST_UNANSWERED).then_some(site.meter_id));
                }
                match missed.filter(|missed| !curve::is_answer(missed.cause)) {
                    None => {
                        silences = 0;
                        answered.extend((!may_come_right).then_some(site.meter_id));
                    }
                    Some(missed) => {
                        silences = silences.saturating_add(1);
                        let is_gone = !is_silent || silences >= MOST_SILENT;
                        gone = gone.or_else(|| is_gone.then_some(missed));
                    }
                }
                batch.curves.extend(brought.curves);
                batch.fetches.extend(brought.fetches);
                outcomes.push(outcome);
            }
            let kept = batch.curves.iter().map(|(_, curve)| curve.clone()).collect();
            if self.line.keep(batch, outcomes).await {
                self.facts.has_kept(kept);
                self.curved.extend(answered);
            }
        }
    }

    /// Registers and curves of earlier days, of verified points, each once.
    async fn read_gaps(&mut self) {
        let mut sites = self.line.answering();
        sites.retain(|site| self.is_believed(site) && !self.repaired.contains(&site.meter_id));
        self.repaired.extend(sites.iter().map(|site| site.meter_id));
        self.read_earlier_registers(&sites).await;
        let settings = self.line.inner.settings.intervals.clone();
        if settings.mode != IntervalMode::LoadRecord {
            return;
        }
        let span = (self.line.run.day.plus(-2), settings.repair_days.saturating_sub(1));
        let mut batch = Batch::default();
        'sites: for (number, site) in sites.iter().enumerate() {
            let mut gaps = self.facts.curve_gaps(&settings, site, span);
            gaps.retain(|gap| self.is_believed_of(site, gap.day.next()));
            for gap in gaps {
                if self.line.is_over() {
                    break 'sites;
                }
                let (brought, missed) = self.curves_of(site, std::slice::from_ref(&gap)).await;
                if !self.is_believed(site) {
                    break;
                }
                batch.curves.extend(brought.curves);
                batch.fetches.extend(brought.fetches);
                if missed.is_some_and(|missed| missed.cause == MissingCause::TerminalOffline) {
                    // In a later pass, if there is one.
                    for site in sites.iter().skip(number) {
                        self.repaired.remove(&site.meter_id);
                    }
                    break 'sites;
                }
                if batch.curves.len() >= KEPT_AT_ONCE {
                    self.line.keep(std::mem::take(&mut batch), Vec::new()).await;
                }
            }
        }
        self.line.keep(batch, Vec::new()).await;
    }

    async fn curves_of(&self, site: &SiteMeter, gaps: &[CurveGap]) -> (Batch, Option<Missed>) {
        let (mut batch, mut first) = (Batch::default(), None);
        let profiles = &self.line.inner.settings.profiles;
        let profile = profiles.of(site.meter.profile.as_deref(), site.meter.protocol);
        let (Some(point), Some(profile)) = (point_of(site), profile) else { return (batch, first) };
        let asker = TerminalAsker { lane: Lane::Interval, ..self.asker.clone() };
        let inner = &self.line.inner;
        for gap in gaps {
            let quality = self.quality((gap.from, gap.until), site);
            let slots = inner.settings.intervals.slots;
            let midnights = match inner.known.accepted(&curve::Wanted::midnights_of(site, gap)).await {
                Ok(midnights) => midnights,
                Err(error) => {
                    first = Some(Missed::of_database(&error));
                    break;
                }
            };
            let (midnights, run) = (&midnights, self.line.run.id);
            let most = curve::most_points(self.session.sends);
            let tolerance = inner.settings.collection.freeze_tolerance;
            let wanted =
                curve::Wanted { site, profile, point, gap, slots, most, quality, tolerance, run, midnights };
            let (brought, missed) = curve::read_curves(&asker, &inner.store, wanted).await;
            batch.curves.extend(brought.curves);
            batch.fetches.extend(brought.fetches);
            let is_gone = missed.as_ref().is_some_and(|missed| !curve::is_answer(missed.cause));
            first = if is_gone { missed } else { curve::first_of(first, missed) };
            if is_gone {
                break;
            }
        }
        (batch, first)
    }

    async fn read_new_events(&mut self) {
        if !self.line.inner.settings.collection.events || self.line.is_over() {
            return;
        }
        let at_points = |site: &Arc<SiteMeter>| Some((point_of(site)?.number(), site.meter_id));
        let meters = self.line.sites.iter().filter_map(at_points).collect();
        let asker = TerminalAsker { lane: Lane::Housekeeping, ..self.asker.clone() };
        let store = &self.line.inner.store;
        let mut batch = Batch::default();
        let read = events::keep_new(&asker, store, self.session.events_read, &meters).await;
        batch.notes.terminals.append(read);
        self.line.keep(batch, Vec::new()).await;
    }

    /// Whether what the terminal stores for a meter's point is believed to be the meter's.
    fn is_believed(&self, site: &SiteMeter) -> bool {
        let Some(point) = point_of(site) else { return false };
        let claimed = self.asker.terminals.claimed_at(self.asker.address);
        let is_verified = |verified: &Verified| {
            verified.point == point.number() && claimed.is_none_or(|claimed| verified.at > claimed)
        };
        !self.session.excluded.contains_key(&point.number())
            && self.verified.get(&site.meter_id).is_some_and(is_verified)
    }

    /// What was verified before somebody else came under the terminal's address counts no more (T5).
    pub(super) fn doubt_claimed(&mut self) {
        let claimed = self.asker.terminals.claimed_at(self.asker.address);
        if claimed == self.claimed {
            return;
        }
        self.claimed = claimed;
        let is_since = |verified: &Verified| claimed.is_none_or(|claimed| verified.at > claimed);
        self.verified.retain(|_, verified| is_since(verified));
        self.due.retain(|_, verified| is_since(verified));
        // It may be another's word.
        self.held.clear();
        self.totals.clear();
    }

    /// Whether what the terminal stores of a midnight is believed: only since the meter first said the same at its point.
    fn is_believed_of(&self, site: &SiteMeter, midnight: Day) -> bool {
        let since = self.verified.get(&site.meter_id).map(|verified| Day::of(verified.since));
        self.is_believed(site) && since.is_some_and(|since| since <= midnight)
    }

    /// How far what the terminal says of a span of time is trusted. A meter is asked for its clock only when it is read
    /// itself: the sessions around the span tell of it, also where there is none behind it.
    fn quality(&self, span: (Moment, Moment), site: &SiteMeter) -> Quality {
        let tolerance = self.line.inner.settings.collection.freeze_tolerance;
        let sessions = self.facts.clocks(site.meter_id);
        let mut told = meter_clock::known_until(&sessions, span).iter();
        let meter_was_right = told.all(|session| session.is_within(tolerance));
        if meter_was_right && meter_clock::was_right(&self.clocks, span, tolerance) {
            Quality::Good
        } else {
            Quality::Suspect(Suspicion::Clock)
        }
    }

    /// Whether the terminal's own reading is not waited for any more.
    fn is_late_night(&self) -> bool {
        Instant::now() >= self.late_from
    }

    /// The terminal told nothing, so no meter was asked: that is told of those of which nothing else is known. Where its turn
    /// only did not come, nothing is.
    async fn miss_unbegun(&mut self, missed: &Missed) {
        let mut sites = self.line.pending(|_| true);
        let is_gone = missed.cause == MissingCause::TerminalOffline;
        sites.retain(|site| match self.line.outcome_of(site.meter_id).map(|outcome| outcome.outcome) {
            Some(RunOutcome::Waiting) => missed.cause != MissingCause::OutOfTime,
            // What the meter itself did not answer it did not answer.
            Some(RunOutcome::Missing(before)) => is_gone && before != MissingCause::Silent,
            Some(RunOutcome::Read) | None => false,
        });
        self.miss(&sites, missed).await;
    }

    /// Tells that these are missing.
    async fn miss(&mut self, sites: &[Arc<SiteMeter>], missed: &Missed) {
        let missing = |outcome: RunMeter| RunMeter {
            outcome: RunOutcome::Missing(missed.cause),
            detail: Some(missed.detail.clone()),
            ..outcome
        };
        let outcomes = sites.iter().filter_map(|site| self.line.outcome_of(site.meter_id)).map(missing);
        let outcomes = outcomes.collect();
        self.line.keep(Batch::default(), outcomes).await;
    }

    fn day(&self) -> Day {
        self.line.run.day
    }
}

/// The measuring point of a meter behind a terminal.
fn point_of(site: &SiteMeter) -> Option<Point> {
    match site.meter.path {
        MeterPath::Terminal { measuring_point, .. } => Point::new(measuring_point),
        MeterPath::Line { .. } => None,
    }
}

/// How many forwarded visits have a question ready at once. The terminal carries one at a time.
const AT_ONCE: usize = 3;
/// How many meters' curves are kept together: a commit is waited for, and a terminal on 4G answers sooner than it is done.
const KEPT_AT_ONCE: usize = 8;
/// So many meters in a row whose curves a terminal leaves unanswered end that for a pass.
const MOST_SILENT: u8 = 3;
/// The curves of one meter that it leaves unanswered or tells wrong are asked for so often in a night.
const MOST_UNANSWERED: u8 = 3;
/// How long a point stays verified.
pub const VERIFY_AGAIN: Duration = Duration::from_secs(30 * 86_400);
/// How many points of a terminal are verified again in one night at most.
const VERIFIED_A_NIGHT: usize = 10;
