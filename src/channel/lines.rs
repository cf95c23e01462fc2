//! Every line of a configuration, opened together.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Channel, ChannelHandle, ChannelSettings};
use crate::config::Config;
use crate::link::{Captures, DialIn, DialInError, DialInLine, DialInSettings, Dialler};

/// The lines of a configuration, by name.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    handles: BTreeMap<String, ChannelHandle>,
    dial_in: Option<SocketAddr>,
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
        Ok(Self { handles, dial_in })
    }

    /// Lines that were opened one by one.
    #[must_use]
    pub fn of(handles: impl IntoIterator<Item = ChannelHandle>) -> Self {
        let handles = handles.into_iter().map(|handle| (handle.name().to_owned(), handle)).collect();
        Self { handles, dial_in: None }
    }

    /// The line of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&ChannelHandle> {
        self.handles.get(name)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &ChannelHandle> {
        self.handles.values()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.handles.len()
    }

    /// True when there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.handles.is_empty()
    }

    /// Where DTUs dial in, when one may.
    #[must_use]
    pub const fn dial_in(&self) -> Option<SocketAddr> {
        self.dial_in
    }
}
