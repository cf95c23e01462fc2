//! The night of one line: registers of all its meters first, then curves, events, gaps of earlier days, and passes over
//! what is still missing until the deadline.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::ask::{Asker, instant_of};
use super::collector::Inner;
use super::patient::until_it_answers;
use super::pauses::Pauses;
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
    pub(super) meters: Vec<(Arc<SiteMeter>, RunMeter)>,
    /// What is asked stands in this lane; only a night comes back to what is missing.
    pub(super) lane: Lane,
    pub(super) stop: CancellationToken,
}

impl LineNight {
    /// The same with its meters as they are kept, where it is begun anew.
    pub(super) async fn reloaded(mut self, inner: &Inner) -> Result<Self, StoreError> {
        let known = || inner.store.run_meters(self.run.id);
        let known = until_it_answers(&self.stop, "say what was read of a line", known).await?;
        let known: HashMap<_, _> = known.into_iter().map(|meter| (meter.meter, meter)).collect();
        for (site, meter) in &mut self.meters {
            if let Some(kept) = known.get(&site.meter_id) {
                meter.clone_from(kept);
            }
        }
        Ok(self)
    }
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
    /// Which meters have had which step; those that had their registers asked for have answered something.
    had: HashSet<(Step, Id<Meter>)>,
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
        let sites = meters.into_iter().map(|(site, _)| site).collect();
        Self { inner, run, name, handle, sites, outcomes, had: HashSet::new(), lane, deadline, stop }
    }

    /// Works until nothing more can be done.
    pub(super) async fn work(mut self) -> Result<(), StoreError> {
        let load = || Facts::load(&self.inner, &self.run, &self.sites);
        let facts = until_it_answers(&self.stop, "say what is known of a line", load).await?;
        let facts = Arc::new(facts);
        if let Some((terminals, address)) = self.inner.terminal(&self.name) {
            return TerminalNight::new(self, facts, terminals, address).await?.work().await;
        }
        let is_night = self.lane == Lane::Nightly;
        let pauses =
            if is_night { Pauses::of(&self.inner.settings.collection, &self.run) } else { Pauses::NONE };
        let waiting = self.pending(|_| true);
        self.phase(Step::Registers, waiting, &facts, AT_ONCE).await;
        // What is billed comes first: whoever missed one frame does not wait for what everybody else has recorded.
        let comes_back = pauses.is_any();
        for (step, is_long) in [(Step::Curves, true), (Step::Events, false), (Step::Gaps, true)] {
            if is_long && comes_back && !self.is_down() {
                let again = self.pending(may_be_better_at_once);
                self.phase(Step::Registers, again, &facts, AT_ONCE_LATER).await;
            }
            self.rest(step, &facts).await;
        }
        for pause in pauses {
            if self.pending(may_be_better).is_empty() || !self.pause(pause).await {
                break;
            }
            let hear = || facts.hear_of_confirmed(&self.inner.store, &self.sites);
            until_it_answers(&self.stop, "say what was confirmed", hear).await?;
            let again = self.pending(may_be_better);
            self.phase(Step::Registers, again, &facts, AT_ONCE_LATER).await;
            for step in [Step::Curves, Step::Events, Step::Gaps] {
                self.rest(step, &facts).await;
            }
        }
        Ok(())
    }

    /// Does a step of those that have answered and did not have it yet.
    async fn rest(&mut self, step: Step, facts: &Arc<Facts>) {
        let mut sites = self.answering();
        sites.retain(|site| !self.had.contains(&(step, site.meter_id)));
        self.phase(step, sites, facts, AT_ONCE).await;
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
            is_later: at_once == AT_ONCE_LATER,
        });
        self.expect(sites.len());
        let (mut sites, asking) = (sites.into_iter(), Arc::new(Semaphore::new(at_once)));
        let mut visits = JoinSet::new();
        loop {
            let has_more = sites.len() > 0 && !self.stop.is_cancelled();
            tokio::select! {
                biased;
                Some(done) = visits.join_next() => match done {
                    Ok(done) => self.settle(step, done),
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
    fn settle(&mut self, step: Step, done: Done) {
        let Done { outcome, slots, had_it } = done;
        if had_it {
            self.had.insert((step, outcome.meter));
        }
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

    /// Keeps a batch with how some meters stand then, in one transaction; what could not be kept has to be read again. False when
    /// it could not be.
    pub(super) async fn keep(&mut self, mut batch: Batch, mut outcomes: Vec<RunMeter>) -> bool {
        batch.outcomes.extend(outcomes.iter().cloned());
        if batch.is_empty() {
            return true;
        }
        let slots: usize = batch.curves.iter().map(|(_, curve)| curve.count()).sum();
        let mut slots = u64::try_from(slots).unwrap_or(u64::MAX);
        let is_kept = self.inner.writer.save(batch).await.is_some();
        if !is_kept {
            slots = 0;
            for outcome in &mut outcomes {
                outcome.outcome = RunOutcome::Missing(MissingCause::Stopped);
                outcome.detail = Some("what was read could not be kept".to_owned());
            }
        }
        self.inner.progress.send_modify(|progress| progress.slots += slots);
        outcomes.into_iter().for_each(|outcome| self.settle(Step::Registers, Done::of(outcome)));
        is_kept
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
            // One register that it leaves unanswered makes no meter silent.
            Some(RunOutcome::Missing(cause)) => {
                has_answered(cause) || self.had.contains(&(Step::Registers, site.meter_id))
            }
            Some(RunOutcome::Waiting) | None => false,
        };
        self.sites.iter().filter(answers).cloned().collect()
    }

    /// Whether nothing can be asked on the line now.
    fn is_down(&self) -> bool {
        let phases = self.handle.as_ref().map(ChannelHandle::phases);
        phases.is_none_or(|phases| matches!(phases.borrow().0, LinePhase::Down { .. }))
    }

    /// Waits so long before the next pass, and for a line that is down until it is up; false when there is no time left.
    async fn pause(&self, pause: Duration) -> bool {
        let Some(handle) = &self.handle else { return false };
        let until = (Instant::now() + pause).min(self.deadline);
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

/// Asks the meters of a line for the values of one slot, one after the other. Gives what is being kept of them, and of each
/// whether all of its values came in time and are kept: nobody who is still to be asked waits for the database (F31).
pub(super) async fn poll_line(
    inner: Arc<Inner>,
    name: &str,
    sites: Vec<SiteMeter>,
    (slot, latest): (Moment, Moment),
    stop: CancellationToken,
) -> JoinSet<bool> {
    let mut keeping = JoinSet::new();
    let Some(context) = Context::outside_runs(Arc::clone(&inner), name, latest, stop) else { return keeping };
    // Nobody knows which slot it is (F33).
    if context.inner.is_contradicted() {
        tracing::warn!("the slot {slot} is not polled: most meters show another time than this machine");
        return keeping;
    }
    let settings = &context.inner.settings.intervals;
    for site in &sites {
        let Some(profile) = context.profile(site).filter(|_| !context.stop.is_cancelled()) else { continue };
        let asker = context.asker(site, profile, Lane::Interval);
        let store = &context.inner.store;
        let brought = poll(&asker, store, &settings.items, settings.slots, (slot, latest)).await;
        let is_whole = brought.missed.is_none();
        let (inner, ahead) = (Arc::clone(&inner), inner.writer.go_ahead());
        let must_wait = ahead.is_none();
        keeping.spawn(async move {
            let _ahead = ahead;
            inner.writer.save(brought.batch).await.is_some() && is_whole
        });
        // So much is on its way to the database that no more may be; what is not asked by then has its slot missing.
        while must_wait && context.inner.writer.is_full() {
            if context.stop.is_cancelled() || Instant::now() >= context.deadline {
                return keeping;
            }
            sleep(A_MOMENT).await;
        }
    }
    keeping
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
    /// Many are visited at once, and none of them waits for another.
    is_later: bool,
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
        Some(Self { inner, handle, deadline, lane: Lane::Interval, stop, run: None, is_later: false })
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
        Some(Self { inner, handle, deadline, lane, stop, run: Some(run), is_later: false })
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
            waits_for_late: self.is_later,
            seat: None,
        }
    }
}

/// What a visit has kept: how the meter stands, and how many values of curves it filled in.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) outcome: RunMeter,
    pub(super) slots: u64,
    /// The step needs not be done again; of that for registers, which is as long as they are missing: the meter has answered.
    pub(super) had_it: bool,
}

impl Done {
    /// Nothing was filled in, and it may be tried again.
    pub(super) const fn of(outcome: RunMeter) -> Self {
        Self { outcome, slots: 0, had_it: false }
    }
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

/// Whether another try at once may bring it: a frame was missed. Where two talk together, or more is wrong, a while is better.
const fn may_be_better_at_once(cause: MissingCause) -> bool {
    matches!(cause, MissingCause::Silent | MissingCause::LineDown | MissingCause::LineChatter)
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

/// How soon it is looked again whether the database takes more.
const A_MOMENT: Duration = Duration::from_millis(100);
/// How many meters of a line are visited at once. One is asked at a time; the others have their next question ready.
const AT_ONCE: usize = 3;
/// In a later pass most are dead and wait for the line to try them; those that are not must not wait with them.
const AT_ONCE_LATER: usize = 64;
