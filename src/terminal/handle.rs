//! What the rest of the program sees of the terminals.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use dlt645::address::MeterAddress;
use dlt645::edition::Edition;
use gdw1376::address::{AddressField, TerminalAddress};
use gdw1376::auxiliary::Password;
use gdw1376::frame::OVERHEAD;
use gdw1376::request::{Envelope, Request};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::carrier::OfTerminal;
use super::peer::{self, Peer};
use super::queue::{Order, What};
use super::server::{self, TerminalError};
use super::state::Shared;
use super::station::{Due, Station};
use super::tls::{self, TlsError};
use super::{
    Ask, AskError, Change, MeterPort, PassedFrame, Report, Stranger, TerminalSettings, TerminalStatus, Told,
};
use super::{dial, session, udp};
use crate::clock::Clock;
use crate::config::{self, Words};
use crate::domain::Moment;
use crate::link::{Carrier, Gate, Ours};

/// All terminals. Cheap to clone.
#[derive(Clone)]
pub struct Terminals {
    shared: Arc<Shared>,
    listening: Option<SocketAddr>,
    listening_udp: Option<SocketAddr>,
}

impl fmt::Debug for Terminals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terminals").field("listening", &self.listening).finish_non_exhaustive()
    }
}

impl Terminals {
    /// Listens where the configuration says and dials those that wait to be dialled, by tasks of `tasks`, until `stop`.
    /// Those that are dialled are adopted.
    ///
    /// # Errors
    /// [`TerminalError`] when the port cannot be opened or the files of TLS cannot be used.
    pub async fn open(
        config: &config::Terminals,
        clock: Clock,
        seed: u64,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Result<Self, TerminalError> {
        let mut terminals = Self::without_port(config, clock, tasks, stop);
        let shared = &terminals.shared;
        let (listening, listening_udp) = (server::listen(shared)?, udp::listen(shared).await?);
        (terminals.listening, terminals.listening_udp) = (listening, listening_udp);
        let shared = &terminals.shared;
        let _ = shared.dialling.set(seed);
        for terminal in &config.dial {
            terminals.adopt(terminal.address, TerminalSettings::default());
        }
        Ok(terminals)
    }

    /// Judges the files of TLS as [`Self::open`] does, and more strictly: an outdated list of revoked certificates is wrong.
    ///
    /// # Errors
    /// [`TlsError`] says which file is wrong.
    pub fn check(config: &config::Terminals, now: Moment) -> Result<(), TlsError> {
        config.tls.as_ref().map_or(Ok(()), |files| tls::check(files, now))
    }

    /// Nobody can dial in and nobody is dialled: sessions come by [`Self::attach`] only.
    #[must_use]
    pub fn without_port(
        config: &config::Terminals,
        clock: Clock,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Self {
        let shared = Shared::new(config.clone(), clock, tasks.clone(), stop.clone());
        Self { shared: Arc::new(shared), listening: None, listening_udp: None }
    }

    /// From now on terminals are asked something only while the site is ours: what waits for it waits on, until its own time
    /// is over (F36). Said once; what is said later does not count.
    pub fn only_while(&self, ours: Ours) {
        let _ = self.shared.ours.set(ours);
    }

    /// Where terminals dial in, when they may.
    #[must_use]
    pub const fn listening(&self) -> Option<SocketAddr> {
        self.listening
    }

    /// Where terminals send datagrams to, when they may.
    #[must_use]
    pub const fn listening_udp(&self) -> Option<SocketAddr> {
        self.listening_udp
    }

    /// Treats a stream as the connection of a terminal that has dialled in from there.
    pub fn attach<S>(&self, stream: S, from: SocketAddr)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let shared = Arc::clone(&self.shared);
        self.shared.tasks.spawn(session::of_stranger(stream, Peer::plain(from), shared, None));
    }

    /// From now on this terminal may log in, and it is treated so; one that the configuration says is to be dialled is.
    /// Adopting it again changes how it is treated.
    pub fn adopt(&self, address: TerminalAddress, settings: TerminalSettings) {
        let (station, is_new) = self.shared.adopt(address, settings);
        if is_new {
            dial::keep(&self.shared, station);
        }
    }

    /// Whether the configuration says that this terminal is dialled.
    #[must_use]
    pub fn is_dialled(&self, address: TerminalAddress) -> bool {
        self.shared.config.dial.iter().any(|dial| dial.address == address)
    }

    /// The terminal comes with this certificate only, told as its SHA-256; with `None` with the next that it shows. Nothing
    /// happens for a terminal that is not adopted.
    pub fn bind_certificate(&self, address: TerminalAddress, certificate: Option<&str>) {
        let certificate = certificate.and_then(peer::read);
        if let Some(station) = self.shared.station(address) {
            station.with(|state| state.certificate = certificate);
        }
    }

    /// What the terminal has said earlier of how long requests may be, in counted bytes; what it says itself since counts.
    pub fn set_takes(&self, address: TerminalAddress, takes: u16) {
        if let Some(station) = self.shared.station(address) {
            station.with(|state| state.takes = state.takes.or(Some(takes)));
        }
    }

    /// The terminal is not known any more: it is hung up, and what waits for it ends.
    pub fn forget(&self, address: TerminalAddress) {
        self.shared.forget(address);
    }

    /// Says where the meters behind a terminal are; meters that are not named are where its settings say. Replaces what
    /// was said before. Nothing happens for a terminal that is not adopted.
    pub fn set_ports(
        &self,
        address: TerminalAddress,
        ports: impl IntoIterator<Item = (MeterAddress, MeterPort)>,
    ) {
        let ports = ports.into_iter().map(|(meter, port)| (meter.field().wire(), port)).collect();
        if let Some(station) = self.shared.station(address) {
            station.with(|state| state.ports = ports);
        }
    }

    /// Says which code (PW) a terminal wants to see: every request that carries one has it, forwarded frames and clocks as
    /// well as parameters. Nothing happens for a terminal that is not adopted.
    pub fn set_password(&self, address: TerminalAddress, password: Password) {
        if let Some(station) = self.shared.station(address) {
            station.with(|state| state.password = password);
        }
    }

    /// How a terminal stands; `None` when it is not adopted.
    #[must_use]
    pub fn status(&self, of: TerminalAddress) -> Option<TerminalStatus> {
        self.shared.station(of).map(|station| self.shared.status(&station))
    }

    /// From now on claims are kept: of a terminal that may be another nothing is asked until [`Self::claim_kept`].
    pub fn keep_claims(&self) {
        self.shared.claims_kept.get_or_init(|| ());
    }

    /// That a terminal was claimed at that moment is kept, where a kill does not reach it.
    pub fn claim_kept(&self, of: TerminalAddress, at: Moment) {
        if let Some(station) = self.shared.station(of) {
            station.claim_kept(at);
        }
    }

    /// When somebody who may be another last came under the address of a terminal from elsewhere while it was there.
    #[must_use]
    pub fn claimed_at(&self, of: TerminalAddress) -> Option<Moment> {
        self.shared.station(of)?.with(|state| state.tally.claimed).map(|(at, _)| at)
    }

    /// The last frames between a terminal and us, the oldest first; none of one that is not adopted.
    #[must_use]
    pub fn passed(&self, of: TerminalAddress) -> Vec<PassedFrame> {
        self.shared.station(of).map(|station| station.with(|state| state.passed.frames())).unwrap_or_default()
    }

    /// How all adopted terminals stand, connected or not, by address.
    #[must_use]
    pub fn all(&self) -> Vec<TerminalStatus> {
        self.shared.stations().iter().map(|station| self.shared.status(station)).collect()
    }

    /// Terminals that wanted to log in and are not adopted, the last first. The list is bounded.
    #[must_use]
    pub fn unknown(&self) -> Vec<Stranger> {
        self.shared.strangers()
    }

    /// The reports of all terminals, for the one who keeps them; `None` when somebody has them already. What is not taken
    /// is not confirmed, and comes again.
    #[must_use]
    pub fn reports(&self) -> Option<mpsc::Receiver<Report>> {
        self.shared.reports_taken.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// What is wrong with the lists of revoked certificates, where there are to be any; those in use stay in use.
    #[must_use]
    pub fn revocation_trouble(&self, now: Moment) -> Option<Words> {
        let standing = self.shared.lists.lock().unwrap_or_else(PoisonError::into_inner);
        standing.as_ref().and_then(|standing| standing.trouble(now))
    }

    /// Tells whenever a terminal comes or goes. Whoever is slow misses some and is told so.
    #[must_use]
    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.shared.changes.subscribe()
    }

    /// Asks a terminal and returns what came of it. What waits for its turn is taken back when this is dropped; what has
    /// begun goes on to its end. Of frames for meters only questions are taken.
    ///
    /// # Errors
    /// [`AskError`] when nothing was asked.
    pub async fn ask(&self, to: TerminalAddress, what: Ask) -> Result<Told, AskError> {
        self.ask_unless(to, what, &self.shared.stop).await
    }

    /// The same; what waits for its turn is taken back when `back` says so, too.
    ///
    /// # Errors
    /// As [`Self::ask`]; [`AskError::Stopped`] for what was taken back.
    pub async fn ask_unless(
        &self,
        to: TerminalAddress,
        what: Ask,
        back: &CancellationToken,
    ) -> Result<Told, AskError> {
        let station = self.shared.station(to).ok_or(AskError::Unknown)?;
        let Ask { request, urgency, timing, until, password } = what;
        if !is_allowed(&request) {
            return Err(AskError::NotAllowed);
        }
        let envelope = Envelope::new(AddressField::single(to, self.shared.config.master), 0);
        let counted = request.to_bytes(&envelope)?.len().saturating_sub(OVERHEAD);
        let most = self.shared.most_request(&station);
        if counted > usize::from(most) {
            return Err(AskError::TooLong { counted, most });
        }
        let (reply, told) = oneshot::channel();
        let own = station.with(|state| state.password);
        let password = if password == Password::NONE { own } else { password };
        let order = Order { request, timing, until, password, left: None, reply, last: None, breaks: 0 };
        let returns_within = self.shared.config.return_within;
        let id = station.enqueue(What::Order(Box::new(order)), urgency, until, returns_within)?;
        let place = Place { station, id, until, returns_within };
        let either = async {
            tokio::select! { () = self.shared.stop.cancelled() => {} () = back.cancelled() => {} }
        };
        place.wait(told, either).await?
    }

    /// The end of the line behind a terminal, whether it is there or not; `None` when it is not adopted.
    #[must_use]
    pub fn carrier(&self, of: TerminalAddress) -> Option<Arc<dyn Carrier>> {
        let station = self.shared.station(of)?;
        Some(Arc::new(OfTerminal::new(station, Arc::clone(&self.shared))))
    }
}

/// No frame that may change a meter leaves from here: those go by the lines behind terminals, which have a gate for each
/// lane. (T1, I17)
fn is_allowed(request: &Request) -> bool {
    let Request::Forward(forward) = request else { return true };
    let passes = |edition| Gate::READS.clear(edition, &forward.frame).is_ok();
    passes(Edition::E2007) || passes(Edition::E1997)
}

/// A place in the queue of a terminal, given up when it is dropped.
pub(super) struct Place {
    pub(super) station: Arc<Station>,
    pub(super) id: u64,
    pub(super) until: Option<Instant>,
    pub(super) returns_within: Duration,
}

impl Place {
    /// Waits for what is to come, or until it is clear that its turn does not: when `stopped` returns before it, too.
    pub(super) async fn wait<T>(
        &self,
        mut comes: oneshot::Receiver<T>,
        stopped: impl Future<Output = ()>,
    ) -> Result<T, AskError> {
        let mut reason = AskError::Stopped;
        let mut stopped = std::pin::pin!(stopped);
        let mut is_stopped = false;
        loop {
            let changed = self.station.changed.notified();
            tokio::pin!(changed);
            // What happens from here on is not missed.
            changed.as_mut().enable();
            let due = self.station.due(self.id, self.until, self.returns_within);
            let over = async {
                match due {
                    Due::At(at, why) => {
                        sleep_until(at).await;
                        why
                    }
                    Due::Begun | Due::Never => std::future::pending().await,
                }
            };
            if is_stopped && due != Due::Begun {
                // It may have come back to the queue since.
                self.give_up(AskError::Stopped);
            }
            tokio::select! {
                biased;
                came = &mut comes => return came.map_err(|_| reason),
                () = &mut stopped, if !is_stopped => is_stopped = true,
                why = over => {
                    reason = why;
                    self.give_up(why);
                }
                () = changed => {}
            }
        }
    }

    /// Takes it out of the queue; the end then comes where it is waited for.
    fn give_up(&self, why: AskError) {
        self.station.withdraw(self.id).into_iter().for_each(|waiting| waiting.give_up(why));
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.station.withdraw(self.id);
    }
}
