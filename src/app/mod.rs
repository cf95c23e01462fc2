//! Puts the parts together, starts and stops them.
//!
//! [`Site::start`] opens the database and every line; [`Site::serve`] runs nights, polls and the hand-off to billing by the
//! clock, and sends alarms, until it is told to stop. Stopping takes no more work, lets the exchange on each line come to
//! its end, keeps what was brought, and closes. A site that is killed instead loses nothing that was told as kept: the next
//! start goes on with the run where it stopped.

mod anchor;
mod asked;
mod configured;
mod console;
mod disk;
mod handles;
mod lend;
mod lock;
mod pulse;
mod schedule;
mod standby;
mod tell_facts;
mod tenure;
mod terminals;
mod watch_port;
mod watched;
mod wire;

pub use console::Console;
pub use disk::used as disk_used;
pub use handles::FewHandles;
pub(crate) use handles::Handles;
pub use lock::SiteLock;
pub use standby::Standby;
pub use watched::WATCHERS_WAIT;

use std::convert::Infallible;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::alarm::{self, NightEnd};
use crate::billing::{self, Receivers, Rules};
use crate::channel::{ChannelHandle, Forecast, Lines};
use crate::clock::Clock;
use crate::collect::on_demand::OnDemand;
use crate::collect::{self, CollectError, Collector, NightReport, ReadAgain};
use crate::config::{Config, Effective, LEDGER};
use crate::domain::{AuditEntry, Day};
use crate::http::auth::AccountError;
use crate::http::{self, HttpError};
use crate::link::{CaptureSettings, Captures, DialInError, Ours};
use crate::store::{Address, Holder, Migrations, Remedy, Store, StoreError};
use crate::supply::field::{FieldParts, Fields};
use crate::supply::{Supply, SupplyParts, SupplySettings};
use crate::terminal::{TerminalError, Terminals};
use anchor::Noted;
use pulse::Pulse;

/// A piece of work on the heap, made there.
fn boxed<'w, W: Future<Output = ()> + Send + 'w>(work: impl FnOnce() -> W) -> BoxFuture<'w, ()> {
    Box::pin(work())
}

/// How long a database that is away is waited for once the site is to stop.
const LAST_WAIT: Duration = Duration::from_secs(10);

/// Why a site cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The database.
    #[error("{place} cannot be used")]
    Store {
        /// Which, without a password.
        place: String,
        /// What is wrong with it.
        #[source]
        source: StoreError,
    },
    /// The port that DTUs dial.
    #[error("the port for devices that dial in cannot be opened")]
    DialIn(#[from] DialInError),
    /// The port that terminals dial.
    #[error("the port for terminals cannot be opened")]
    Terminals(#[from] TerminalError),
    /// Files of frames.
    #[error("frames cannot be captured")]
    Capture(#[source] io::Error),
    /// Another process serves the site.
    #[error("the site is in use by another process, which holds {}", path.display())]
    InUse {
        /// The file that is locked.
        path: PathBuf,
    },
    /// Another instance serves the site, which may be on another machine.
    #[error("the site is served by {}, version {}, since {}", .0.name, .0.version, .0.since)]
    Held(Box<Holder>),
    /// The database was put back to see whether that can be done; the site itself may be served elsewhere.
    #[error(
        "{0} was restored for a drill (`chaobiao restore --drill`) and is not served: to serve it, restore it again without \
         --drill  该数据库为演练恢复，不提供服务；正式恢复请不加 --drill 重新执行"
    )]
    Drill(String),
    /// The file that shows that a process serves the site.
    #[error("{} cannot be made", path.display())]
    Lock {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A line has more meters than its nights can hold.
    #[error("{}", told_overfull(.0))]
    Overfull(Vec<(String, Forecast)>),
    /// This process may not open as much as the site needs.
    #[error(transparent)]
    Handles(#[from] FewHandles),
    /// A run.
    #[error(transparent)]
    Collect(#[from] CollectError),
    /// The port of the console.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The first account.
    #[error("the first account cannot be made")]
    FirstLogin(#[from] AccountError),
}

fn told_overfull(lines: &[(String, Forecast)]) -> String {
    let mut text = "the schedule does not fit  采集计划超出线路能力".to_owned();
    for (line, forecast) in lines {
        let words = forecast.in_words();
        text.push_str(&format!("\n{line}: {}\n    {}", words.en, words.zh));
    }
    text
}

impl AppError {
    /// True when to start again may help: the database is away.
    #[must_use]
    pub const fn may_pass(&self) -> bool {
        matches!(self, Self::Store { source, .. } if matches!(source.remedy(), Remedy::Retry))
    }

    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Store { source, .. } => source.kind(),
            Self::DialIn(_) => "dial_in",
            Self::Terminals(_) => "terminals",
            Self::Capture(_) => "capture",
            Self::InUse { .. } => "in_use",
            Self::Held(_) => "held",
            Self::Drill(_) => "drill",
            Self::Lock { .. } => "lock",
            Self::Overfull(_) => "overfull",
            Self::Handles(_) => "handles",
            Self::Collect(error) => error.kind(),
            Self::Http(error) => error.kind(),
            Self::FirstLogin(error) => error.kind(),
        }
    }
}

/// A site at work.
#[derive(Debug)]
pub struct Site {
    /// Where everything is kept.
    pub store: Store,
    /// The lines, those behind terminals among them.
    pub lines: Lines,
    /// Terminals and their sessions.
    pub terminals: Terminals,
    /// Runs the nights.
    pub collector: Collector,
    /// Reads that somebody waits for.
    pub on_demand: OnDemand,
    /// Reads again what nights have missed.
    pub read_again: ReadAgain,
    /// Supply orders.
    pub supply: Supply,
    config: Config,
    /// What the console shows of the configuration.
    shown: Arc<[Effective]>,
    clock: Clock,
    captures: Captures,
    tasks: TaskTracker,
    /// Ends the lines.
    stop_lines: CancellationToken,
    /// Ends waiting for a database that is away.
    stop_waiting: CancellationToken,
    /// Something may be due for billing.
    billing_wake: Arc<Notify>,
    lock: Option<Arc<SiteLock>>,
    tenure: Option<tenure::Kept>,
    pulse: Pulse,
    noted: Noted,
}

/// What was handed to billing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HandedOff {
    /// New versions of registers.
    pub registers: usize,
    /// New versions of consumptions of days.
    pub consumptions: usize,
    /// Consumptions that could not be computed yet.
    pub open: usize,
    /// Versions that the ledger took.
    pub delivered: usize,
}

impl Site {
    /// Opens the database, brings it up to this version, and opens every line. `seed` decides how waits are drawn.
    ///
    /// # Errors
    /// [`AppError`] when the database cannot be used, another process serves the site, a line has more meters than its
    /// nights can hold, this process may have too few files open, or a port for devices or terminals that dial in cannot
    /// be opened. A line that is down is no error.
    pub async fn start(mut config: Config, clock: Clock, seed: u64) -> Result<Self, AppError> {
        handles::fit(&mut config)?;
        let address = Address::from(&config.database.place);
        let lock = SiteLock::of(&address)?;
        let store = Store::open_configured(&config.database, Migrations::Run).await;
        let unusable = |source| match source {
            // It would have to be changed under whoever serves it.
            StoreError::Served(holder) => AppError::Held(holder),
            source => AppError::Store { place: address.place(), source },
        };
        let store = store.map_err(unusable)?;
        if store.is_drill().await.map_err(unusable)? {
            store.close().await;
            return Err(AppError::Drill(address.place()));
        }
        let (store, tenure) = tenure::held(store, &address, &clock).await.map_err(|error| match error {
            Ok(holder) => AppError::Held(Box::new(holder)),
            Err(source) => unusable(source),
        })?;
        anchor::expect(&store, config.audit.anchor_file.as_deref(), clock.now()).await;
        // What was used up before this start is not given to whoever comes first now.
        if let Err(error) = store.keep_reserve(&address) {
            tracing::warn!("there is no reserve for a full disk: {error}");
        }
        alarm::set_channels(&store, &config.alarms, clock.now()).await.map_err(unusable)?;
        let settings = collect::Settings::of(&config);
        let full: Vec<_> = collect::forecasts(&settings, &store.site_meters().await.map_err(unusable)?)
            .into_iter()
            .filter(|(_, forecast)| !forecast.fits())
            .collect();
        if !full.is_empty() {
            return Err(AppError::Overfull(full));
        }
        for words in collect::unobtainable(&config) {
            tracing::warn!("{}", words.en);
        }
        let noted = Noted::from_the_start(config.audit.anchor_file.as_deref());
        let captures = Captures::start(CaptureSettings::of(&config.capture), clock.clone())
            .map_err(AppError::Capture)?;
        let (tasks, stop_lines, stop_waiting) =
            (TaskTracker::new(), CancellationToken::new(), CancellationToken::new());
        let terminals = Terminals::open(&config.terminals, clock.clone(), seed, &tasks, &stop_lines).await?;
        let lines = Lines::open(&config, &captures, seed, &tasks, &stop_lines).await?;
        let lines = lines.with_terminals(terminals.clone(), &config, &captures, seed, &tasks, &stop_lines);
        let held = store.clone();
        lines.only_while(&Ours::when(move || held.may_act()));
        let collector = Collector::new(
            store.clone(),
            clock.clone(),
            lines.clone(),
            settings,
            &tasks,
            stop_waiting.clone(),
        );
        let on_demand = OnDemand::new(collector.clone(), config.on_demand, &tasks, stop_lines.clone());
        let supply = supply(&config, &store, &clock, &lines, seed).await;
        // What they hold is opened by the key that supply has opened.
        terminals::introduce(&store, &terminals).await.map_err(unusable)?;
        let billing_wake = Arc::new(Notify::new());
        let read_again =
            ReadAgain::new(collector.clone(), &tasks, stop_lines.clone(), Arc::clone(&billing_wake));
        Ok(Self {
            store,
            lines,
            terminals,
            collector,
            on_demand,
            read_again,
            supply,
            config,
            shown: Arc::default(),
            clock,
            captures,
            tasks,
            stop_lines,
            stop_waiting,
            billing_wake,
            lock: lock.map(Arc::new),
            tenure,
            pulse: Pulse::default(),
            noted,
        })
    }

    /// The same, with a console that shows what the configuration says.
    #[must_use]
    pub fn showing(self, effective: Vec<Effective>) -> Self {
        Self { shown: effective.into(), ..self }
    }

    /// Works by the clock until `stop`, with the console if it was opened.
    pub async fn serve(&self, console: Option<Console>, stop: &CancellationToken) {
        let _lent = self.lend(stop);
        // Each where it does not count for the stack of whoever polls them all.
        let billing = boxed(|| {
            let (rules, receivers) =
                (Rules::of(&self.config), Receivers::of(&self.config, &self.store, &self.clock));
            let wake = Arc::clone(&self.billing_wake);
            billing::run(self.store.clone(), self.clock.clone(), rules, receivers, stop.clone(), wake)
        });
        let console = boxed(|| async move {
            if let Some(console) = console {
                let services = self.services();
                let told = self.tell_of_changes(services.changes.clone(), stop);
                let served = boxed(|| http::serve(services, console.into_listener(), &self.tasks, stop));
                tokio::join!(told, served);
            }
        });
        let (store, clock, alarms) = (&self.store, &self.clock, &self.config.alarms);
        let sending = boxed(|| alarm::run(store, clock, alarms, stop));
        let watching =
            boxed(|| alarm::watch(store, clock, (&self.lines, Some(&self.terminals)), alarms, stop));
        let knowing = boxed(|| terminals::look_after(store, &self.clock, &self.terminals, stop));
        let keeping = boxed(|| self.keep_reports(stop));
        let setting = boxed(|| terminals::set_records(&self.collector, stop));
        let counted = boxed(|| self.collector.read_counted_events(stop));
        let nights = boxed(|| self.nights(stop));
        let polls = boxed(|| self.polls(stop));
        let anchor = boxed(|| self.anchor(stop));
        let disks = boxed(|| self.watch_disks(stop));
        let asked = boxed(|| self.on_demand.run(stop));
        let ordered = boxed(|| self.supply.run(stop));
        let rotated = boxed(|| self.supply.rotate(stop));
        let pulse = &self.pulse;
        let everything = boxed(|| async move {
            tokio::join!(
                pulse.beat(stop),
                pulse.watch("billing", stop, billing),
                pulse.watch("nights", stop, nights),
                pulse.watch("audit", stop, anchor),
                pulse.watch("disks", stop, disks),
                pulse.watch("orders", stop, ordered),
                pulse.watch("watching", stop, watching),
                pulse.turn("polls", polls),
                pulse.turn("console", console),
                pulse.turn("reads on demand", asked),
                pulse.turn("passwords", rotated),
                pulse.turn("alarms", sending),
                pulse.turn("terminals", knowing),
                pulse.turn("reports of terminals", keeping),
                pulse.turn("records of terminals", setting),
                pulse.turn("events of terminals", counted)
            );
        });
        tokio::select! {
            () = self.with_an_end(stop, everything) => {}
            never = pulse.name_the_slow(stop, LAST_WAIT * 2) => match never {},
        }
    }

    /// What of the site has stopped turning; nothing is as it should be. For a watchdog.
    #[must_use]
    pub fn troubles(&self) -> Vec<&'static str> {
        self.pulse.troubles()
    }

    /// Keeps what terminals report.
    async fn keep_reports(&self, stop: &CancellationToken) {
        if let Some(reports) = self.terminals.reports() {
            collect::keep_reports(self.collector.clone(), reports, stop.clone()).await;
        }
    }

    /// Runs the night of a day now.
    ///
    /// # Errors
    /// [`CollectError`] when the day has not begun or the database does not say what there is to do.
    pub async fn run_night(&self, day: Day, stop: &CancellationToken) -> Result<NightReport, CollectError> {
        // Terminals that the archive has named since are there from now on.
        if let Err(error) = terminals::introduce(&self.store, &self.terminals).await {
            tracing::warn!(kind = error.kind(), "terminals are not introduced: {error}");
        }
        let report = self.with_an_end(stop, self.collector.run_night(day, stop)).await;
        self.billing_wake.notify_one();
        report
    }

    /// Works; once it is told to stop, a database that is away is waited for a while yet and no longer. What it did not
    /// take is read again (F31).
    async fn with_an_end<T>(&self, stop: &CancellationToken, work: impl Future<Output = T>) -> T {
        let no_longer = async {
            stop.cancelled().await;
            tokio::time::sleep(LAST_WAIT).await;
            self.stop_waiting.cancel();
            std::future::pending::<Infallible>().await
        };
        tokio::select! {
            done = work => done,
            never = no_longer => match never {},
        }
    }

    /// As [`hand_off`], with what is open of the last week, as lists of what is open show it.
    ///
    /// # Errors
    /// As [`hand_off`].
    pub async fn hand_off(&self) -> Result<HandedOff, StoreError> {
        let handed = hand_off(&self.store, &self.clock, &self.config).await?;
        let (rules, now) = (Rules::of(&self.config), self.clock.now());
        let open = billing::open_days(&self.store, &rules, billing::last_week(now), None, now).await?;
        Ok(HandedOff { open: open.len(), ..handed })
    }

    /// Raises the alarm of a night that has ended with more missing than may be. What was stopped goes on.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot.
    pub async fn tell_of_the_night(&self, report: &NightReport) -> Result<(), StoreError> {
        if report.was_stopped {
            return Ok(());
        }
        let NightReport { run, progress, .. } = report;
        let end = NightEnd {
            day: run.day,
            planned: progress.planned,
            read: progress.read,
            missing: &progress.missing,
        };
        let now = self.clock.now();
        alarm::clocks_jumped(&self.store, run, now).await?;
        alarm::night_ended(&self.store, &end, self.config.alarms.missing_percent, now).await
    }

    /// Stops: lets the exchange on each line come to its end, keeps what was brought, and closes.
    pub async fn close(self) {
        let Self {
            store,
            lines,
            terminals,
            collector,
            on_demand,
            read_again,
            supply,
            captures,
            tasks,
            stop_lines,
            stop_waiting,
            tenure,
            ..
        } = self;
        stop_lines.cancel();
        stop_waiting.cancel();
        drop((lines, terminals, collector, on_demand, read_again, supply));
        tasks.close();
        tasks.wait().await;
        captures.flush();
        if let Some(tenure) = tenure {
            tenure.give_up().await;
        }
        store.close().await;
    }

    /// Lines that are not up, with what is wrong with them.
    #[must_use]
    pub fn lines_down(&self) -> Vec<String> {
        let is_up = |line: &ChannelHandle| line.status().phase.name() != "up";
        self.lines.iter().filter(is_up).map(|line| line.name().to_owned()).collect()
    }
}

/// Settles all that is due for billing and hands it to the built-in ledger, and to every other receiver that takes it, now.
///
/// # Errors
/// [`StoreError`] when the database cannot; what was handed over before stays.
pub async fn hand_off(store: &Store, clock: &Clock, config: &Config) -> Result<HandedOff, StoreError> {
    let settled = billing::settle_due(store, &Rules::of(config), clock.now()).await?;
    let mut handed = HandedOff {
        registers: settled.registers,
        consumptions: settled.consumptions,
        open: settled.open,
        delivered: 0,
    };
    let mut receivers = Receivers::of(config, store, clock);
    receivers.introduce(store, clock.now()).await?;
    for receiver in &mut receivers.0 {
        receiver.fill(store, clock.now()).await?;
        loop {
            let (sink, settings) = (&mut receiver.sink, &receiver.settings);
            let pushed = billing::push_once(store, sink, settings, clock.now()).await?;
            if sink.kind() == LEDGER {
                handed.delivered += pushed.delivered;
            }
            // What is not taken is left to the next time.
            if pushed.delivered == 0 {
                break;
            }
        }
    }
    Ok(handed)
}

/// Supply orders over these lines.
async fn supply(config: &Config, store: &Store, clock: &Clock, lines: &Lines, seed: u64) -> Supply {
    let (store, clock) = (store.clone(), clock.clone());
    let parts = FieldParts::open(config, store.clone(), clock.clone(), lines.clone()).await;
    if let Some(vault) = parts.vault.clone() {
        let entry = AuditEntry::of_system(clock.now(), "secret.seal_factors", "second factors");
        if let Err(error) = store.seal_factors(vault, &entry).await {
            tracing::error!(kind = error.kind(), "second factors are kept in clear: {error}");
        }
    }
    let fields = Fields::new(config, parts);
    Supply::new(SupplyParts { store, clock, fields, settings: SupplySettings::of(config, seed) })
}
