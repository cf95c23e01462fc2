//! One meter in the field: what it tells before an order, the one frame of the order, and looks at what came of it.
//!
//! ```text
//!  capability ──> before ──> send ──> look, look, ... ──> domain::relay::judge
//!  may it be       clock,     one       status word 3        what is proven
//!  ordered at all  identity   frame     and currents
//! ```
//!
//! What is promised:
//!
//! - **One frame at most leaves for an order**, and never late: it expires on our side before the meter's own deadline, which
//!   is set by the meter's clock (F34). Whatever happens after its first byte without an acceptable answer is
//!   [`Sent::Unknown`] (R6).
//! - **Status words count when two answers in a row are the same** and nothing else was heard beside them (F6, F8).
//! - **What a meter refused to take is not tried again that day** (F10, I18): neither a password nor what a security module
//!   made. So a meter is ordered one thing at a time; what gives supply back takes back what waits for its turn on the line.
//! - **No password leaves in words**: errors, logs and outcomes name meters, never secrets (T24).
//!
//! Who may order what, the intent that must be kept before, repetitions of a restore and the audit of frames are left to
//! the orders that use this.

mod ask;
mod before;
mod capability;
mod clock;
mod freeze;
mod rotate;
mod secured;
mod send;
mod turn;
mod words;
mod write;

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dlt645::exchange::Timing;
use tokio_util::sync::CancellationToken;

use crate::channel::{ChannelHandle, Kept, Lane, Lines, Rate};
use crate::clock::Clock;
use crate::config::profile::{MeterProfile, Profiles, RelaySwitch};
use crate::config::{Config, Line, pace_of};
use crate::domain::relay::{Look, Rules, Switch};
use crate::domain::{Day, Id, Meter, MeterPath};
use crate::store::archive::SiteMeter;
use crate::store::{SecretKind, Store, Vault};
use crate::supply::security::{SecurityModule, usable};
use ask::Asker;
use turn::Turns;

pub use ask::Unread;
pub use before::{AssetCheck, Before, Identity, MeterClock, Part, Timed};
pub use capability::{CannotOrder, Capability, Means};
pub use clock::CannotSetClock;
pub(super) use clock::{AT_ONCE, ClockPart};
pub use freeze::CannotFreeze;
pub use send::{Carried, FieldOrder, NotSent, Ready, Sent, Unclear};

/// What meters in the field are reached with.
#[derive(Debug)]
pub struct FieldParts {
    /// Where passwords and refusals are kept.
    pub store: Store,
    /// The time.
    pub clock: Clock,
    /// The lines.
    pub lines: Lines,
    /// What opens the passwords; without it no order is signed with one.
    pub vault: Option<Vault>,
    /// What enciphers orders for meters that take no others.
    pub security: Option<Arc<dyn SecurityModule>>,
}

impl FieldParts {
    /// Those of a configuration: its key file opens the passwords. When it does not, that is an error in the log and meters
    /// that take passwords cannot be ordered; everything else goes on.
    pub async fn open(config: &Config, store: Store, clock: Clock, lines: Lines) -> Self {
        let vault = match &config.secrets.key {
            None => None,
            Some(key) => match store.open_vault(key, clock.now()).await {
                Ok(vault) => Some(vault),
                Err(error) => {
                    tracing::error!(kind = error.kind(), "no meter is ordered with a password: {error}");
                    None
                }
            },
        };
        Self { store, clock, lines, vault, security: None }
    }
}

/// All meters in the field. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Fields(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    parts: FieldParts,
    /// The security module, where there is one that may be used.
    security: Option<Arc<dyn SecurityModule>>,
    settings: Vec<Line>,
    /// How long the answer to a frame may take that is forwarded by a terminal.
    carried_within: Duration,
    profiles: Profiles,
    /// One order at a time to a meter, so that two cannot both be refused for the same password.
    turns: Turns,
    /// Refusals of this day that the store may not know yet.
    refused: Mutex<HashMap<(Id<Meter>, SecretKind), Day>>,
    /// Random numbers that were sent, the latest last (T4).
    randoms: Mutex<VecDeque<[u8; 8]>>,
}

/// One meter, and how it is reached.
#[derive(Clone)]
pub struct Field {
    inner: Arc<Inner>,
    site: SiteMeter,
    profile: MeterProfile,
    line: ChannelHandle,
    timing: Timing,
    rate: Option<Rate>,
}

/// Why a meter cannot be reached at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotReachable {
    /// It hangs behind a terminal that is not known here.
    #[error("the meter is behind the terminal {terminal}, which this process does not serve")]
    NoTerminal {
        /// Its address.
        terminal: String,
    },
    /// Its line is not configured.
    #[error("the configuration has no line {line}")]
    NoLine {
        /// The name of the line.
        line: String,
    },
    /// Its profile is not there.
    #[error("there is no profile {profile} for such a meter")]
    NoProfile {
        /// The name of the profile, or of the protocol.
        profile: String,
    },
}

impl NotReachable {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::NoTerminal { .. } => "no_terminal",
            Self::NoLine { .. } => "no_line",
            Self::NoProfile { .. } => "no_profile",
        }
    }
}

impl Fields {
    /// The meters that a configuration reaches.
    #[must_use]
    pub fn new(config: &Config, mut parts: FieldParts) -> Self {
        let security = usable(parts.security.take());
        let (settings, profiles) = (config.lines.clone(), config.profiles.clone());
        let (turns, refused, randoms) = (Turns::default(), Mutex::default(), Mutex::default());
        let carried_within = config.terminals.plc_within.max(config.terminals.rs485_within);
        Self(Arc::new(Inner { parts, security, settings, carried_within, profiles, turns, refused, randoms }))
    }

    /// What opens the passwords of meters.
    pub(super) fn vault(&self) -> Option<&Vault> {
        self.0.parts.vault.as_ref()
    }

    /// The name of a meter's profile, where there is one.
    pub(super) fn profile_of(&self, site: &SiteMeter) -> Option<String> {
        let found = self.0.profiles.of(site.meter.profile.as_deref(), site.meter.protocol);
        found.map(|profile| profile.name.clone())
    }

    /// One of them.
    ///
    /// # Errors
    /// [`NotReachable`] when there is no way to it.
    pub fn of(&self, site: SiteMeter) -> Result<Field, NotReachable> {
        let Inner { parts, settings, profiles, .. } = &*self.0;
        let path = &site.meter.path;
        let (MeterPath::Line { baud, parity, .. } | MeterPath::Terminal { baud, parity, .. }) = path;
        let (baud, parity) = (*baud, *parity);
        let pace = pace_of(settings, path);
        let (Some(pace), Some(line)) = (pace, parts.lines.get(path.line())) else {
            let name = path.line().clone();
            return Err(match path {
                MeterPath::Line { .. } => NotReachable::NoLine { line: name },
                MeterPath::Terminal { .. } => NotReachable::NoTerminal { terminal: name },
            });
        };
        let named = site.meter.profile.as_deref();
        let Some(profile) = profiles.of(named, site.meter.protocol).cloned() else {
            use crate::domain::Coded;
            let profile = named.unwrap_or_else(|| site.meter.protocol.name()).to_owned();
            return Err(NotReachable::NoProfile { profile });
        };
        let rate = Rate {
            baud: baud.or(profile.baud).unwrap_or(pace.baud),
            parity: parity.or(profile.parity).unwrap_or(pace.parity),
        };
        let usual = Rate { baud: pace.baud, parity: pace.parity };
        let timing = profile.timing(pace, baud);
        let rate = (rate != usual).then_some(rate);
        Ok(Field { inner: Arc::clone(&self.0), site, profile, line, timing, rate })
    }
}

impl Field {
    /// The meter, and the point it measures.
    #[must_use]
    pub const fn site(&self) -> &SiteMeter {
        &self.site
    }

    /// Whether it can be ordered from here, and by what, or why not.
    pub async fn capability(&self) -> Capability {
        capability::of(self).await
    }

    /// What it tells before an order. On [`Lane::Restore`] that is what giving supply back needs, and no more: status word
    /// and clock.
    ///
    /// # Errors
    /// [`Unread`] when status word or clock could not be read; what else could not is `None`.
    pub async fn before(&self, lane: Lane) -> Result<Before, Unread> {
        Ok(self.before_kept(lane).await?.0)
    }

    /// The same, with the line kept for the frame that comes behind it, as long as what keeps it is held.
    ///
    /// # Errors
    /// As [`Self::before`].
    pub async fn before_kept(&self, lane: Lane) -> Result<(Before, Option<Kept>), Unread> {
        before::read(&self.asker(lane), &self.site, &self.profile).await
    }

    /// What it tells before supply is given back or held, as it comes: what `part` has already is not asked again, and what
    /// came stays there when this is dropped.
    ///
    /// # Errors
    /// [`Unread`] when not all of it could be read.
    pub async fn before_restore(&self, lane: Lane, part: &mut Part) -> Result<(), Unread> {
        before::read_part(&self.asker(lane), part).await
    }

    /// Status word 3 and the currents, now.
    ///
    /// # Errors
    /// [`Unread`] when either could not be read.
    pub async fn look(&self, lane: Lane) -> Result<Look, Unread> {
        before::look(&self.asker(lane)).await
    }

    /// Sends an order, once. Dropping this takes the order back while its turn has not come.
    pub async fn send(&self, order: &FieldOrder) -> Sent {
        self.send_unless(order, &CancellationToken::new()).await
    }

    /// The same, unless somebody takes it back while its turn has not come.
    pub async fn send_unless(&self, order: &FieldOrder, back: &CancellationToken) -> Sent {
        send::send(self, order, back).await
    }

    /// Makes ready for an order whose intent is not kept yet: takes the turn of the meter and, where a chip takes the order,
    /// proves us to it. Nothing that changes the relay leaves by this.
    ///
    /// # Errors
    /// [`NotSent`] says why it cannot be sent.
    pub async fn ready(&self, order: &FieldOrder, back: &CancellationToken) -> Result<Ready, NotSent> {
        send::ready(self, order, back).await
    }

    /// Sends an order that was made ready, once.
    pub async fn send_ready(&self, order: &FieldOrder, ready: Ready) -> Sent {
        send::leave(self, order, ready).await
    }

    /// Ends what was made ready and is not sent.
    pub async fn let_go(&self, order: &FieldOrder, ready: Ready) {
        send::let_go(self, order, ready).await;
    }

    /// By what looks at it are judged; the trip delay that it told counts before what its profile says.
    #[must_use]
    pub fn rules(&self, trip_delay: Option<Duration>) -> Rules {
        let relay = self.profile.relay;
        Rules {
            switch: if relay.switch == RelaySwitch::Outside { Switch::Outside } else { Switch::Inside },
            open_below: relay.open_below_milliamps.into(),
            large_current: u64::from(relay.large_current_amps) * 1000,
            large_current_wait: LARGE_CURRENT_WAIT,
            apart: APART,
            settles_within: relay.settles_within,
            trip_delay: trip_delay.unwrap_or(relay.trip_delay),
        }
    }

    fn asker(&self, lane: Lane) -> Asker<'_> {
        Asker {
            meter: self.site.meter.address,
            protocol: self.site.meter.protocol,
            line: &self.line,
            timing: self.timing,
            rate: self.rate,
            lane,
            clock: &self.inner.parts.clock,
            widest: match self.site.meter.path {
                MeterPath::Line { .. } => before::WIDEST,
                // Its answers are numbered: one that took long is one to this question.
                MeterPath::Terminal { .. } => before::WIDEST + self.inner.carried_within,
            },
        }
    }
}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Field({} on {})", self.site.meter.address, self.line.name())
    }
}

impl Inner {
    /// True, once, for a random number that was not sent before.
    fn is_fresh(&self, random: [u8; 8]) -> bool {
        let mut randoms = self.randoms.lock().unwrap_or_else(PoisonError::into_inner);
        if randoms.contains(&random) {
            return false;
        }
        if randoms.len() >= RANDOMS_KEPT {
            randoms.pop_front();
        }
        randoms.push_back(random);
        true
    }

    fn was_refused(&self, meter: Id<Meter>, kind: SecretKind, today: Day) -> bool {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.get(&(meter, kind)).is_some_and(|day| *day >= today)
    }

    fn refuse(&self, meter: Id<Meter>, kind: SecretKind, today: Day) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.retain(|_, day| *day >= today);
        refused.insert((meter, kind), today);
    }
}

/// So many random numbers are remembered.
const RANDOMS_KEPT: usize = 4096;
/// How far two looks have to be apart that prove an open relay (F46).
const APART: Duration = Duration::from_secs(60);
/// How long a relay waits at most for a large current to fall. [645-2007 6]
const LARGE_CURRENT_WAIT: Duration = Duration::from_secs(86_400);
