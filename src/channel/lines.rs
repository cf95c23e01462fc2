//! Every line: those of a configuration, opened together, and those behind terminals, opened when they are needed.
//!
//! The line behind a terminal is named by the terminal's address, `1100-3039`. It costs a task only while somebody uses it;
//! one that nobody holds and that was idle for a while is closed, and opened anew when it is asked for again.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use gdw1376::address::TerminalAddress;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Channel, ChannelHandle, ChannelSettings};
use crate::config::Config;
use crate::link::{Captures, Carrier, DialIn, DialInError, DialInLine, DialInSettings, Dialler, Ours};
use crate::terminal::Terminals;

/// The lines, by name. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    fixed: Arc<BTreeMap<String, ChannelHandle>>,
    dial_in: Option<SocketAddr>,
    behind: Option<Arc<Behind>>,
}

impl Lines {
    /// Opens every line: tasks of `tasks` that dial at once and work until `stop`. A line that cannot be opened now is
    /// dialled again and again and holds nothing else up. The port that DTUs dial is opened when one is to dial in, and
    /// lines that are to be captured are switched on. `seed` decides how waits are drawn.
    ///
    /// # Errors
    /// [`DialInError`] when that port cannot be opened or the devices that dial it cannot be told apart. No line is open
    /// then.
    pub async fn open(
        config: &Config,
        captures: &Captures,
        seed: u64,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Result<Self, DialInError> {
        let devices: Vec<DialInLine> = config.lines.iter().filter_map(DialInLine::of).collect();
        let (mut dial_in, mut paths) = (None, BTreeMap::new());
        if let Some(address) = config.dtu.listen.filter(|_| !devices.is_empty()) {
            let settings = DialInSettings::of(&config.dtu);
            let (port, ends) = DialIn::listen(address, devices, settings, tasks, stop.clone()).await?;
            dial_in = Some(port.address());
            paths = ends.into_iter().map(|end| (end.line().to_owned(), end)).collect();
        }
        let mut handles = BTreeMap::new();
        for line in &config.lines {
            let dialled_in = paths.remove(&line.name).map(|path| Dialler::dialled_in(path, line.dial_within));
            // A configuration with a device that cannot dial in anywhere is refused when it is read.
            let Some(dialler) = dialled_in.or_else(|| Dialler::of(line)) else { continue };
            let tap = captures.line(&line.name);
            captures.switch(&line.name, line.capture);
            let settings = ChannelSettings::of(line, &config.collection, seed);
            let handle = Channel::spawn(settings, dialler, Box::new(tap), tasks, stop.clone());
            handles.insert(line.name.clone(), handle);
        }
        Ok(Self { fixed: Arc::new(handles), dial_in, behind: None })
    }

    /// Lines that were opened one by one.
    #[must_use]
    pub fn of(handles: impl IntoIterator<Item = ChannelHandle>) -> Self {
        let handles = handles.into_iter().map(|handle| (handle.name().to_owned(), handle)).collect();
        Self { fixed: Arc::new(handles), dial_in: None, behind: None }
    }

    /// The same with the lines behind terminals, each opened as a task of `tasks` when it is asked for.
    #[must_use]
    pub fn with_terminals(
        self,
        terminals: Terminals,
        config: &Config,
        captures: &Captures,
        seed: u64,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Self {
        let behind = Arc::new(Behind {
            terminals,
            settings: ChannelSettings::behind_terminal(&config.terminals, &config.collection),
            captures: captures.clone(),
            seed,
            tasks: tasks.clone(),
            stop: stop.clone(),
            alive: Mutex::default(),
            ours: OnceLock::new(),
        });
        let (weak, stop) = (Arc::downgrade(&behind), stop.clone());
        tasks.spawn(async move {
            stop.run_until_cancelled(close_idle(weak)).await;
        });
        Self { behind: Some(behind), ..self }
    }

    /// From now on something is asked on them only while the site is ours (F36), on those that are opened later as well.
    pub fn only_while(&self, ours: &Ours) {
        self.iter().for_each(|line| line.only_while(ours.clone()));
        if let Some(behind) = &self.behind {
            let _ = behind.ours.set(ours.clone());
            behind.terminals.only_while(ours.clone());
        }
    }

    /// The terminals behind which further lines are.
    #[must_use]
    pub fn terminals(&self) -> Option<&Terminals> {
        self.behind.as_ref().map(|behind| &behind.terminals)
    }

    /// The line of this name. That of an adopted terminal is opened when it is not open.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<ChannelHandle> {
        let fixed = self.fixed.get(name).cloned();
        fixed.or_else(|| self.behind.as_ref()?.get(name))
    }

    /// All of them: those of the configuration by name, then those behind terminals that are open, by name.
    pub fn iter(&self) -> impl Iterator<Item = ChannelHandle> + use<> {
        let behind = self.behind.as_ref().map(|behind| behind.all());
        let fixed: Vec<_> = self.fixed.values().cloned().collect();
        fixed.into_iter().chain(behind.into_iter().flatten())
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fixed.len() + self.behind.as_ref().map_or(0, |behind| behind.lock().len())
    }

    /// True when there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where DTUs dial in, when one may.
    #[must_use]
    pub const fn dial_in(&self) -> Option<SocketAddr> {
        self.dial_in
    }
}

/// The lines behind terminals.
#[derive(Debug)]
struct Behind {
    terminals: Terminals,
    settings: ChannelSettings,
    captures: Captures,
    seed: u64,
    tasks: TaskTracker,
    stop: CancellationToken,
    alive: Mutex<BTreeMap<String, Alive>>,
    ours: OnceLock<Ours>,
}

/// One that is open.
#[derive(Debug)]
struct Alive {
    handle: ChannelHandle,
    carrier: Arc<dyn Carrier>,
    stop: CancellationToken,
    /// How many exchanges it had when it was looked at last.
    exchanges: u64,
}

impl Behind {
    fn get(&self, name: &str) -> Option<ChannelHandle> {
        let address: TerminalAddress = name.parse().ok()?;
        let name = address.to_string();
        let mut alive = self.lock();
        // A terminal that was forgotten and adopted anew is another.
        let is_old = alive.get(&name).is_some_and(|line| line.carrier.is_forgotten());
        if is_old {
            alive.remove(&name).into_iter().for_each(|line| line.stop.cancel());
        }
        let carrier = self.terminals.carrier(address)?;
        if let Some(line) = alive.get(&name) {
            return Some(line.handle.clone());
        }
        let stop = self.stop.child_token();
        let settings = self.settings.clone().named(&name, self.seed);
        let dialler = Dialler::forwarded(Arc::clone(&carrier), DIAL_WITHIN);
        let tap = Box::new(self.captures.line(&name));
        let handle = Channel::spawn(settings, dialler, tap, &self.tasks, stop.clone());
        self.ours.get().into_iter().for_each(|ours| handle.only_while(ours.clone()));
        alive.insert(name, Alive { handle: handle.clone(), carrier, stop, exchanges: 0 });
        Some(handle)
    }

    fn all(&self) -> Vec<ChannelHandle> {
        self.lock().values().map(|line| line.handle.clone()).collect()
    }

    /// Closes what nobody holds and where nothing has happened since the last look.
    fn close_idle(&self) {
        self.lock().retain(|_, line| {
            let status = line.handle.status();
            let is_at_rest = status.asking.is_none() && status.depths.iter().all(|depth| *depth == 0);
            let is_idle = is_at_rest && status.tally.exchanges == line.exchanges && !line.handle.is_held();
            line.exchanges = status.tally.exchanges;
            if is_idle {
                line.stop.cancel();
            }
            !is_idle
        });
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Alive>> {
        self.alive.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn close_idle(behind: Weak<Behind>) {
    let mut looks = interval_at(Instant::now() + LOOK_EVERY, LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        let Some(behind) = behind.upgrade() else { return };
        behind.close_idle();
    }
}

/// An idle line is closed after one to two of these.
const LOOK_EVERY: Duration = Duration::from_secs(15 * 60);
/// How long a terminal is waited for at a time.
const DIAL_WITHIN: Duration = Duration::from_secs(10);
