//! The night of one line: registers of all its meters first, then curves, events, gaps of earlier days, and passes over
//! what is still missing until the deadline.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::ask::{Asker, instant_of};
use super::collector::Inner;
use super::patient::until_it_answers;
use super::phase::{Facts, Step};
use super::terminal::TerminalNight;
use super::visit::poll;
use crate::channel::{ChannelHandle, Lane, LinePhase, Rate, WhenDead};
use crate::config::profile::MeterProfile;
use crate::config::{Terminals, pace_of};
use crate::domain::{Id, Meter, MeterPath, MissingCause, Moment, Run, RunMeter, RunOutcome};
use crate::store::archive::SiteMeter;
use crate::store::{Batch, StoreError};

/// The meters of one line in a run.
#[derive(Debug)]
pub(super) struct LineNight {
    pub(super) run: Run,
    pub(super) line: String,
    pub(super) meters: Vec<(SiteMeter, RunMeter)>,
    /// What is asked stands in this lane; only a night comes back to what is missing.
    pub(super) lane: Lane,
    pub(super) stop: CancellationToken,
}

/// A line at work.
#[derive(Debug)]
pub(super) struct LineRun {
    pub(super) inner: Arc<Inner>,
    pub(super) run: Run,
    pub(super) name: String,
    handle: Option<ChannelHandle>,
    pub(super) sites: Vec<Arc<SiteMeter>>,
    outcomes: HashMap<Id<Meter>, RunMeter>,
    pub(super) lane: Lane,
    pub(super) deadline: Instant,
    pub(super) stop: CancellationToken,
}

impl LineRun {
    pub(super) fn new(inner: Arc<Inner>, night: LineNight) -> Self {
        let LineNight { run, line: name, meters, lane, stop } = night;
        let handle = inner.line(&name);
        let deadline = instant_of(&inner.clock, run.deadline);
        let outcomes = meters.iter().map(|(site, outcome)| (site.meter_id, outcome.clone())).collect();
        let sites = meters.into_iter().map(|(site, _)| Arc::new(site)).collect();
        Self { inner, run, name, handle, sites, outcomes, lane, deadline, stop }
    }

    /// Works until nothing more can be done.
    pub(super) async fn work(mut self) -> Result<(), StoreError> {
        let load = || Facts::load(&self.inner, &self.run, &self.sites);
        let facts = until_it_answers(&self.stop, "say what is known of a line", load).await?;
        let facts = Arc::new(facts);
        if let Some((terminals, address)) = self.inner.terminal(&self.name) {
            return TerminalNight::new(self, facts, terminals, address).await?.work().await;
        }
        let waiting = self.pending(|_| true);
        self.phase(Step::Registers, waiting, &facts, AT_ONCE).await;
        for step in [Step::Curves, Step::Events, Step::Gaps] {
            let answering = self.answering();
            self.phase(step, answering, &facts, AT_ONCE).await;
        }
        let is_night = self.lane == Lane::Nightly;
        let passes = if is_night { self.inner.settings.collection.passes } else { 0 };
        for _ in 0..passes {
            let again = self.pending(may_be_better);
            if again.is_empty() || !self.pause().await {
                break;
            }
            self.phase(Step::Registers, again.clone(), &facts, AT_ONCE_LATER).await;
            let came: HashSet<Id<Meter>> = again.iter().map(|site| site.meter_id).collect();
            let came: Vec<_> =
                self.answering().into_iter().filter(|site| came.contains(&site.meter_id)).collect();
            for step in [Step::Curves, Step::Events, Step::Gaps] {
                self.phase(step, came.clone(), &facts, AT_ONCE).await;
            }
        }
        Ok(())
    }

    /// Does one thing for each of these meters. A few are asked at a time so that the line never waits for us, nor for the
    /// database: the next one's turn comes when a visit has its answers.
    pub(super) async fn phase(
        &mut self,
        step: Step,
        sites: Vec<Arc<SiteMeter>>,
        facts: &Arc<Facts>,
        at_once: usize,
    ) {
        let Some(handle) = self.handle.clone() else { return };
        let context = Arc::new(Context {
            inner: Arc::clone(&self.inner),
            handle,
            deadline: self.deadline,
            lane: self.lane,
            stop: self.stop.clone(),
            run: Some(self.run.id),
        });
        self.expect(sites.len());
        let (mut sites, asking) = (sites.into_iter(), Arc::new(Semaphore::new(at_once)));
        let mut visits = JoinSet::new();
        loop {
            let has_more = sites.len() > 0 && !self.stop.is_cancelled();
            tokio::select! {
                biased;
                Some(done) = visits.join_next() => match done {
                    Ok(done) => self.settle(done),
                    Err(error) => tracing::error!(channel.name = %self.name, "a visit broke off: {error}"),
                },
                Ok(turn) = Arc::clone(&asking).acquire_owned(), if has_more => {
                    let next = sites.next().and_then(|site| Some((self.outcome_of(site.meter_id)?, site)));
                    let Some((outcome, site)) = next else { continue };
                    let (context, facts) = (Arc::clone(&context), Arc::clone(facts));
                    visits.spawn(async move { step.visit(&context, &site, outcome, &facts, turn).await });
                }
                else => return,
            }
        }
    }

    /// Takes in what a visit has kept.
    fn settle(&mut self, done: Done) {
        let Done { outcome, slots } = done;
        let before = self.outcomes.insert(outcome.meter, outcome.clone());
        let before = before.map_or(RunOutcome::Waiting, |before| before.outcome);
        self.inner.progress.send_modify(|progress| {
            progress.changed(&self.name, before, outcome.outcome);
            progress.slots += slots;
            progress.steps.0 += 1;
        });
    }

    /// So many more steps are to be done.
    pub(super) fn expect(&self, steps: usize) {
        let count = u64::try_from(steps).unwrap_or(0);
        self.inner.progress.send_modify(|progress| progress.steps.1 += count);
    }

    /// How a meter stands.
    pub(super) fn outcome_of(&self, meter: Id<Meter>) -> Option<RunMeter> {
        self.outcomes.get(&meter).cloned()
    }

    /// Whether nothing more may be begun.
    pub(super) fn is_over(&self) -> bool {
        self.stop.is_cancelled() || Instant::now() >= self.deadline
    }

    /// Keeps a batch with how some meters stand then, in one transaction; what could not be kept has to be read again.
    pub(super) async fn keep(&mut self, mut batch: Batch, mut outcomes: Vec<RunMeter>) {
        batch.outcomes.extend(outcomes.iter().cloned());
        if batch.is_empty() {
            return;
        }
        let slots: usize = batch.curves.iter().map(|(_, curve)| curve.count()).sum();
        let mut slots = u64::try_from(slots).unwrap_or(u64::MAX);
        if self.inner.writer.save(batch).await.is_none() {
            slots = 0;
            for outcome in &mut outcomes {
                outcome.outcome = RunOutcome::Missing(MissingCause::Stopped);
                outcome.detail = Some("what was read could not be kept".to_owned());
            }
        }
        self.inner.progress.send_modify(|progress| progress.slots += slots);
        outcomes.into_iter().for_each(|outcome| self.settle(Done { outcome, slots: 0 }));
    }

    /// The meters whose registers are not read, as far as `is_wanted` says.
    pub(super) fn pending(&self, is_wanted: fn(MissingCause) -> bool) -> Vec<Arc<SiteMeter>> {
        let is_pending = |site: &&Arc<SiteMeter>| match self.outcomes.get(&site.meter_id).map(|o| o.outcome) {
            Some(RunOutcome::Read) | None => false,
            Some(RunOutcome::Waiting) => true,
            Some(RunOutcome::Missing(cause)) => is_wanted(cause),
        };
        self.sites.iter().filter(is_pending).cloned().collect()
    }

    /// The meters that have answered.
    pub(super) fn answering(&self) -> Vec<Arc<SiteMeter>> {
        let answers = |site: &&Arc<SiteMeter>| match self.outcomes.get(&site.meter_id).map(|o| o.outcome) {
            Some(RunOutcome::Read) => true,
            Some(RunOutcome::Missing(cause)) => has_answered(cause),
            Some(RunOutcome::Waiting) | None => false,
        };
        self.sites.iter().filter(answers).cloned().collect()
    }

    /// Waits before the next pass, and for a line that is down until it is up; false when there is no time left.
    async fn pause(&self) -> bool {
        let Some(handle) = &self.handle else { return false };
        let until = (Instant::now() + self.inner.settings.collection.pass_pause).min(self.deadline);
        let mut phases = handle.phases();
        let is_up = async {
            sleep_until(until).await;
            // A closed line is not waited for.
            let _ = phases.wait_for(|(phase, _)| !matches!(phase, LinePhase::Down { .. })).await;
        };
        tokio::select! {
            () = self.stop.cancelled() => false,
            () = sleep_until(self.deadline) => false,
            () = is_up => Instant::now() < self.deadline,
        }
    }
}

/// Asks the meters of a line for the values of one slot, one after the other; says how many gave all of them in time.
pub(super) async fn poll_line(
    inner: Arc<Inner>,
    name: &str,
    sites: Vec<SiteMeter>,
    (slot, latest): (Moment, Moment),
    stop: CancellationToken,
) -> usize {
    let Some(context) = Context::outside_runs(inner, name, latest, stop) else { return 0 };
    // Nobody knows which slot it is (F33).
    if context.inner.is_contradicted() {
        tracing::warn!("the slot {slot} is not polled: most meters show another time than this machine");
        return 0;
    }
    let settings = &context.inner.settings.intervals;
    let mut read = 0;
    for site in &sites {
        let Some(profile) = context.profile(site).filter(|_| !context.stop.is_cancelled()) else { continue };
        let asker = context.asker(site, profile, Lane::Interval);
        let store = &context.inner.store;
        let brought = poll(&asker, store, &settings.items, settings.slots, (slot, latest)).await;
        let is_kept = context.inner.writer.save(brought.batch).await.is_some();
        read += usize::from(is_kept && brought.missed.is_none());
    }
    read
}

/// What visits on one line have in common.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) inner: Arc<Inner>,
    handle: ChannelHandle,
    deadline: Instant,
    /// In which lane registers are asked for.
    pub(super) lane: Lane,
    stop: CancellationToken,
    run: Option<Id<Run>>,
}

impl Context {
    /// Visits on a line that belong to no run; `None` where the configuration has no such line.
    pub(super) fn outside_runs(
        inner: Arc<Inner>,
        name: &str,
        deadline: Moment,
        stop: CancellationToken,
    ) -> Option<Self> {
        let handle = inner.line(name)?;
        let deadline = instant_of(&inner.clock, deadline);
        Some(Self { inner, handle, deadline, lane: Lane::Interval, stop, run: None })
    }

    /// Visits beside a run, in the lowest lane; `None` where there is no such line.
    pub(super) fn beside(
        inner: &Arc<Inner>,
        name: &str,
        deadline: Instant,
        (run, stop): (Id<Run>, CancellationToken),
    ) -> Option<Self> {
        let handle = inner.line(name)?;
        let (inner, lane) = (Arc::clone(inner), Lane::Housekeeping);
        Some(Self { inner, handle, deadline, lane, stop, run: Some(run) })
    }

    /// The profile of a meter; meters without one were told of before.
    pub(super) fn profile(&self, site: &SiteMeter) -> Option<&MeterProfile> {
        self.inner.settings.profiles.of(site.meter.profile.as_deref(), site.meter.protocol)
    }

    pub(super) fn asker<'a>(
        &'a self,
        site: &'a SiteMeter,
        profile: &'a MeterProfile,
        lane: Lane,
    ) -> Asker<'a> {
        let (MeterPath::Line { baud, parity, .. } | MeterPath::Terminal { baud, parity, .. }) =
            &site.meter.path;
        // A meter without a way was told of before.
        let pace = pace_of(&self.inner.settings.lines, &site.meter.path).unwrap_or_else(Terminals::pace);
        let own = Rate {
            baud: baud.or(profile.baud).unwrap_or(pace.baud),
            parity: parity.or(profile.parity).unwrap_or(pace.parity),
        };
        let usual = Rate { baud: pace.baud, parity: pace.parity };
        Asker {
            site,
            profile,
            line: &self.handle,
            timing: profile.timing(pace, *baud),
            rate: (own != usual).then_some(own),
            lane,
            retries: self.inner.settings.collection.retries,
            deadline: self.deadline,
            patience: self.inner.settings.collection.pass_pause,
            clock: &self.inner.clock,
            // A poll that comes late is none; a night tries everybody.
            when_dead: if self.run.is_some() { WhenDead::Ask } else { WhenDead::GiveUp },
            run: self.run,
            stop: &self.stop,
            is_there: AtomicBool::new(false),
            seat: None,
        }
    }
}

/// What a visit has kept: how the meter stands, and how many values of curves it filled in.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) outcome: RunMeter,
    pub(super) slots: u64,
}

/// Whether another try may bring it.
pub(super) const fn may_be_better(cause: MissingCause) -> bool {
    !matches!(
        cause,
        MissingCause::NoSuchData
            | MissingCause::NotAuthorised
            | MissingCause::NoPath
            | MissingCause::Implausible
            | MissingCause::OutOfTime
            | MissingCause::Stopped
    )
}

/// Whether the meter is there, so that more may be asked of it.
const fn has_answered(cause: MissingCause) -> bool {
    matches!(
        cause,
        MissingCause::NoSuchData
            | MissingCause::NoFreeze
            | MissingCause::NoValue
            | MissingCause::Clock
            | MissingCause::Implausible
            | MissingCause::WrongForm
            | MissingCause::Refused
    )
}

/// How many meters of a line are visited at once. One is asked at a time; the others have their next question ready.
const AT_ONCE: usize = 3;
/// In a later pass most are dead and wait for the line to try them; those that are not must not wait with them.
const AT_ONCE_LATER: usize = 64;
