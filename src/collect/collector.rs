//! A night: the run as a row, one task for each line, and the end with a cause for everything that is missing.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::beside::Beside;
use super::line::{LineNight, LineRun, poll_line};
use super::patient::Patient;
use super::progress::Progress;
use super::terminal::Rests;
use super::unbroken::{Begun, on_each};
use super::visit::is_stranger;
use super::witnesses::{Verdict, Witnesses};
use super::writer::Writer;
use crate::channel::{ChannelHandle, Lane, Lines};
use crate::clock::Clock;
use crate::config::profile::Profiles;
use crate::config::{Collection, Config, Framing, Intervals, Line};
use crate::domain::{
    Coded, Day, Id, Meter, MeterPath, MeterProtocol, MissingCause, Moment, Run, RunKind, RunMeter,
    RunOutcome, RunState,
};
use crate::plan::{Night, night_of};
use crate::store::archive::SiteMeter;
use crate::store::{Batch, RunPlan, Store, StoreError};
use crate::terminal::Terminals;
use gdw1376::address::TerminalAddress;

/// What collection goes by: the parts of a configuration that it needs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The nightly run.
    pub collection: Collection,
    /// Load curves.
    pub intervals: Intervals,
    /// Meter profiles.
    pub profiles: Profiles,
    /// The lines.
    pub lines: Vec<Line>,
}

impl Settings {
    /// Those of a configuration.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        Self {
            collection: config.collection.clone(),
            intervals: config.intervals.clone(),
            profiles: config.profiles.clone(),
            lines: config.lines.clone(),
        }
    }
}

/// Why a night could not be run.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// The database.
    #[error("the run of {day} cannot be kept")]
    Store {
        /// Its day.
        day: Day,
        /// What the database said.
        #[source]
        source: StoreError,
    },
    /// The day has not begun.
    #[error("{day} has not begun: its midnight cannot be read before")]
    NotYet {
        /// The day.
        day: Day,
    },
}

impl CollectError {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Store { .. } => "store",
            Self::NotYet { .. } => "not_yet",
        }
    }
}

/// How a night ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NightReport {
    /// The run.
    pub run: Run,
    /// How far it came.
    pub progress: Progress,
    /// It was stopped before its end, and goes on when it is started again.
    pub was_stopped: bool,
}

/// How a poll of one slot went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PollReport {
    /// Meters that were to be asked.
    pub planned: usize,
    /// Those of which every value came in time.
    pub read: usize,
}

/// Runs nights on the lines of a site. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Collector {
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) store: Store,
    /// The same, waited for while it is away.
    pub(super) known: Patient,
    pub(super) clock: Clock,
    pub(super) lines: Lines,
    pub(super) settings: Settings,
    pub(super) writer: Writer,
    pub(super) progress: watch::Sender<Progress>,
    /// What the clocks of meters say of ours.
    pub(super) witnesses: Witnesses,
    /// Held by the night or the re-read that goes on.
    alone: tokio::sync::Mutex<()>,
    /// Held for reading by whatever works on lines by the run, for writing by whoever sets records in a terminal: a run believes
    /// what it believed of points when it began.
    pub(super) setting: tokio::sync::RwLock<()>,
    /// Ends the re-read that goes on.
    rereading: Mutex<CancellationToken>,
    /// What is left to be sent of records that are set in terminals.
    pub(super) rests: Rests,
    /// What goes on beside runs.
    pub(super) beside: Beside,
    /// The meters of the last poll.
    polled: Mutex<Option<Arc<Vec<SiteMeter>>>>,
}

impl Inner {
    /// Whether most meters that were heard lately show another time than this machine (F33).
    pub(super) fn is_contradicted(&self) -> bool {
        let tolerance = self.settings.collection.freeze_tolerance;
        matches!(self.witnesses.verdict(self.clock.now(), tolerance), Verdict::Contradicted { .. })
    }

    /// The line of this name, if it is open and configured, or behind a terminal.
    pub(super) fn line(&self, name: &str) -> Option<ChannelHandle> {
        let is_configured = self.settings.lines.iter().any(|line| line.name == name);
        self.lines.get(name).filter(|_| is_configured || self.terminal(name).is_some())
    }

    /// The terminal whose line has this name.
    pub(super) fn terminal(&self, name: &str) -> Option<(Terminals, TerminalAddress)> {
        let address = name.parse().ok()?;
        let terminals = self.lines.terminals()?;
        terminals.status(address).map(|_| (terminals.clone(), address))
    }
}

impl Collector {
    /// A collector whose writer is a task of `tasks`; it keeps what it has when `stop` comes, and takes no more.
    #[must_use]
    pub fn new(
        store: Store,
        clock: Clock,
        lines: Lines,
        settings: Settings,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> Self {
        let beside = Beside::new(tasks.clone(), stop.clone());
        let known = Patient::new(store.clone(), stop.clone());
        let writer = Writer::spawn(store.clone(), clock.clone(), tasks, stop);
        let progress = watch::Sender::new(Progress::default());
        let (alone, rereading) = (tokio::sync::Mutex::default(), Mutex::default());
        let (witnesses, setting, rests, polled) = Default::default();
        let inner = Inner {
            store,
            known,
            clock,
            lines,
            settings,
            writer,
            progress,
            witnesses,
            alone,
            setting,
            rereading,
            rests,
            beside,
            polled,
        };
        Self { inner: Arc::new(inner) }
    }

    /// How far the run of now has come.
    #[must_use]
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.inner.progress.subscribe()
    }

    /// The night of a day as the settings have it.
    #[must_use]
    pub fn night(&self, day: Day) -> Night {
        let collection = &self.inner.settings.collection;
        night_of(day, collection.start, collection.deadline)
    }

    /// Runs the night of a day to its end: until every meter was read, nothing more can be tried, or the deadline has
    /// come. One that was begun goes on where it stopped. Asked for behind its deadline, it gets as long as it has by day.
    ///
    /// # Errors
    /// [`CollectError`] when the day has not begun, or the database does not say what there is to do.
    pub async fn run_night(&self, day: Day, stop: &CancellationToken) -> Result<NightReport, CollectError> {
        let store_error = |source| CollectError::Store { day, source };
        let now = self.inner.clock.now();
        let night = self.night(day);
        if now < day.start() {
            return Err(CollectError::NotYet { day });
        }
        self.inner.rereading.lock().unwrap_or_else(PoisonError::into_inner).cancel();
        let _alone = self.inner.alone.lock().await;
        let length = night.deadline.since(night.start).max(SHORTEST);
        let deadline = if now < night.deadline { night.deadline } else { now.plus(length) };
        let sites = self.inner.store.site_meters().await.map_err(store_error)?;
        // What took the place of another meter since has no such midnight, and is not missing for it.
        let exchanged = self.inner.store.exchanged_since(day.start()).await.map_err(store_error)?;
        let meters = sites.iter().map(|site| site.meter_id).filter(|meter| !exchanged.contains(meter));
        let meters: Vec<_> = meters.collect();
        let plan = RunPlan { scope: SITE, day, kind: RunKind::Nightly, meters: &meters, deadline };
        let run = self.inner.store.begin_run(&plan, now).await.map_err(store_error)?;
        let known = self.inner.store.run_meters(run.id).await.map_err(store_error)?;
        self.begin_progress(&run, &known, &sites);
        if run.state == RunState::Done {
            return Ok(NightReport { run, progress: self.now(), was_stopped: false });
        }
        self.work(&run, (known, Lane::Nightly), sites, stop).await.map_err(store_error)?;
        if stop.is_cancelled() {
            return Ok(NightReport { run, progress: self.now(), was_stopped: true });
        }
        let now = self.inner.clock.now();
        let state =
            self.inner.store.end_run(run.id, MissingCause::OutOfTime, now).await.map_err(store_error)?;
        let run = Run { state, ended_at: Some(now), ..run };
        let progress = self.now();
        tracing::info!(run.day = %day, read = progress.read, planned = progress.planned,
            "the run of {day} has ended: {} of {} meters were read", progress.read, progress.planned);
        Ok(NightReport { run, progress, was_stopped: false })
    }

    /// Reads again those of some meters that a run has missed, once, until `deadline`; the run stays as it is, and is told
    /// anew how much of it is missing at the end. A night that begins ends it.
    pub(super) async fn read_again(
        &self,
        run: &Run,
        meters: &HashSet<Id<Meter>>,
        deadline: Moment,
        stop: &CancellationToken,
    ) -> Result<(), StoreError> {
        // Known before it is alone: a night that begins meanwhile ends it, or is there first.
        let stop = stop.child_token();
        *self.inner.rereading.lock().unwrap_or_else(PoisonError::into_inner) = stop.clone();
        let Ok(_alone) = self.inner.alone.try_lock() else { return Ok(()) };
        let store = &self.inner.store;
        let sites = store.site_meters().await?;
        let mut known = store.run_meters(run.id).await?;
        let as_it_was = known.clone();
        known.retain(|meter| !meter.outcome.is_read() && meters.contains(&meter.meter));
        let asked = known.len();
        self.begin_progress(run, &as_it_was, &sites);
        let going = Run { deadline, ..run.clone() };
        self.work(&going, (known, Lane::Reread), sites, &stop).await?;
        let state = store.end_run(run.id, MissingCause::OutOfTime, self.inner.clock.now()).await?;
        tracing::info!(run.day = %run.day, asked, state = state.name(), "what was missing of {} was read again", run.day);
        Ok(())
    }

    fn now(&self) -> Progress {
        self.inner.progress.borrow().clone()
    }

    /// Asks every meter for the values of one slot. What does not come within a third of the period leaves a hole. It returns
    /// before the next slot comes, also while the database is away: what was read is kept behind it, and not counted.
    ///
    /// # Errors
    /// [`CollectError::Store`] when the database has never said which meters there are.
    pub async fn poll_slot(
        &self,
        slot: Moment,
        stop: &CancellationToken,
    ) -> Result<PollReport, CollectError> {
        let day = Day::of(slot);
        let sites = self.polled_meters().await.map_err(|source| CollectError::Store { day, source })?;
        let period = self.inner.settings.intervals.slots.period();
        let latest = slot.plus(period / 3);
        let mut by_line: BTreeMap<String, Vec<SiteMeter>> = BTreeMap::new();
        for site in sites.iter() {
            // A terminal keeps curves of its own.
            let is_on_line = matches!(site.meter.path, MeterPath::Line { .. });
            if let Some(line) = self.line_of(site).ok().filter(|_| is_on_line) {
                by_line.entry(line).or_default().push(site.clone());
            }
        }
        let mut report = PollReport::default();
        let mut tasks = JoinSet::new();
        for (line, sites) in by_line {
            report.planned += sites.len();
            let (inner, stop) = (Arc::clone(&self.inner), stop.clone());
            tasks.spawn(async move { poll_line(inner, &line, sites, (slot, latest), stop).await });
        }
        let mut keeping = Vec::new();
        while let Some(ended) = tasks.join_next().await {
            match ended {
                Ok(of_line) => keeping.push(of_line),
                Err(error) => tracing::error!("a poll broke off: {error}"),
            }
        }
        let kept = async {
            for of_line in &mut keeping {
                while let Some(ended) = of_line.join_next().await {
                    report.read += usize::from(ended.is_ok_and(|is_whole| is_whole));
                }
            }
        };
        let next = slot.plus(period / 10 * 9);
        tokio::select! { () = kept => {} () = self.inner.clock.sleep_until(next) => {} }
        for mut of_line in keeping.into_iter().filter(|of_line| !of_line.is_empty()) {
            self.inner.beside.let_end(async move { while of_line.join_next().await.is_some() {} });
        }
        Ok(report)
    }

    /// The meters that are polled; while the database is away, those that it named last.
    async fn polled_meters(&self) -> Result<Arc<Vec<SiteMeter>>, StoreError> {
        let known = || self.inner.polled.lock().unwrap_or_else(PoisonError::into_inner);
        match self.inner.store.site_meters().await {
            Ok(mut sites) => {
                // What is no meter of the archive fills no slot of its point (F12).
                let meters: Vec<_> = sites.iter().map(|site| site.meter_id).collect();
                let checks = self.inner.store.asset_checks(&meters).await?;
                sites
                    .retain(|site| !checks.get(&site.meter_id).is_some_and(|check| is_stranger(check, site)));
                let sites = Arc::new(sites);
                *known() = Some(Arc::clone(&sites));
                Ok(sites)
            }
            Err(error) => known().clone().ok_or(error),
        }
    }

    /// One task for each line; what has no line is told at once.
    async fn work(
        &self,
        run: &Run,
        (known, lane): (Vec<RunMeter>, Lane),
        sites: Vec<SiteMeter>,
        stop: &CancellationToken,
    ) -> Result<(), StoreError> {
        let _unset = self.inner.setting.read().await;
        let mut sites: HashMap<_, _> = sites.into_iter().map(|site| (site.meter_id, site)).collect();
        let mut by_line: BTreeMap<String, Vec<(Arc<SiteMeter>, RunMeter)>> = BTreeMap::new();
        let mut unreachable = Vec::new();
        for meter in known {
            let Some(site) = sites.remove(&meter.meter) else {
                unreachable.push(missing(
                    meter,
                    MissingCause::NoPath,
                    "the meter was taken out of the archive",
                ));
                continue;
            };
            match self.line_of(&site) {
                Ok(line) => by_line.entry(line).or_default().push((Arc::new(site), meter)),
                Err(why) => unreachable.push(missing(meter, MissingCause::NoPath, &why)),
            }
        }
        self.tell(unreachable).await;
        let lines: Vec<String> = by_line.keys().cloned().collect();
        let (mut done, given_up) = on_each(lines, |line, begun| {
            let meters = by_line.get(&line).cloned().unwrap_or_default();
            let night = LineNight { run: run.clone(), line, meters, lane, stop: stop.clone() };
            let inner = Arc::clone(&self.inner);
            async move {
                let night = if begun == Begun::Again { night.reloaded(&inner).await? } else { night };
                LineRun::new(inner, night).work().await
            }
        })
        .await;
        for line in given_up {
            let meters = by_line.remove(&line).unwrap_or_default();
            let night = LineNight { run: run.clone(), line, meters, lane, stop: stop.clone() };
            let reloaded = match night.reloaded(&self.inner).await {
                Ok(reloaded) => reloaded,
                Err(error) => {
                    done = done.and(Err(error));
                    continue;
                }
            };
            let left = reloaded.meters.into_iter().map(|(_, meter)| meter);
            let left = left.filter(|meter| meter.outcome == RunOutcome::Waiting);
            let detail = "the work on its line broke off";
            self.tell(left.map(|meter| missing(meter, MissingCause::Stopped, detail)).collect()).await;
        }
        done
    }

    /// The line a meter hangs on, that of its terminal among them, or why it cannot be asked.
    pub(super) fn line_of(&self, site: &SiteMeter) -> Result<String, String> {
        let line = site.meter.path.line();
        let settings = &self.inner.settings;
        if self.inner.line(line).is_none() {
            return Err(match &site.meter.path {
                MeterPath::Line { .. } => format!("the configuration has no line {line}"),
                MeterPath::Terminal { .. } => format!("this process does not serve terminal {line}"),
            });
        }
        if let Some(why) = self.cannot_speak(site) {
            return Err(why.to_owned());
        }
        let profile = settings.profiles.of(site.meter.profile.as_deref(), site.meter.protocol);
        match profile {
            Some(_) => Ok(line.clone()),
            None => Err(format!(
                "there is no profile {}",
                site.meter.profile.as_deref().unwrap_or("of its protocol")
            )),
        }
    }

    /// Why a meter does not speak as its line does.
    fn cannot_speak(&self, site: &SiteMeter) -> Option<&'static str> {
        let is_modbus = site.meter.protocol == MeterProtocol::Modbus;
        let MeterPath::Line { line, .. } = &site.meter.path else {
            return is_modbus.then_some("meters that speak Modbus are not read through terminals");
        };
        let line = self.inner.settings.lines.iter().find(|known| known.name == *line)?;
        let is_for_modbus = line.framing == Framing::ModbusTcp;
        (is_for_modbus && !is_modbus).then_some("the line is for meters that speak Modbus TCP")
    }

    async fn tell(&self, outcomes: Vec<RunMeter>) {
        if outcomes.is_empty() {
            return;
        }
        self.inner.progress.send_modify(|progress| {
            for outcome in &outcomes {
                progress.changed("", RunOutcome::Waiting, outcome.outcome);
            }
        });
        self.inner.writer.save(Batch { outcomes, ..Batch::default() }).await;
    }

    fn begin_progress(&self, run: &Run, known: &[RunMeter], sites: &[SiteMeter]) {
        let lines: HashMap<_, _> = sites.iter().map(|site| (site.meter_id, site.meter.path.line())).collect();
        let mut progress = Progress { planned: run.planned, ..Progress::default() };
        for meter in known {
            let line = lines.get(&meter.meter).map_or("", |line| line.as_str());
            progress.lines.entry(line.to_owned()).or_default().planned += 1;
            if meter.outcome.is_read() {
                progress.changed(line, RunOutcome::Waiting, RunOutcome::Read);
            }
        }
        self.inner.progress.send_replace(progress);
    }
}

fn missing(meter: RunMeter, cause: MissingCause, detail: &str) -> RunMeter {
    RunMeter { outcome: RunOutcome::Missing(cause), detail: Some(detail.to_owned()), ..meter }
}

/// The scope of a run for all meters.
const SITE: &str = "site";
/// A run that is asked for by day lasts so long at least.
const SHORTEST: Duration = Duration::from_secs(3600);
