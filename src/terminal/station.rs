//! One terminal as it is known here, connected or not: what waits for it, its numbers, its counts.
//!
//! One lock, held for a few instructions and never across a wait.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gdw1376::address::TerminalAddress;
use gdw1376::auxiliary::{EventCounters, Password};
use gdw1376::frame::LengthCode;
use gdw1376::report::Recent;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::budget::Budget;
use super::measured::Measured;
use super::numbers::Numbers;
use super::pace::Pace;
use super::passed::Passed;
use super::peer::{Chain, Fingerprint, Peer};
use super::queue::{Queue, Waiting, What};
use super::{AskError, MeterPort, TerminalSettings};
use crate::domain::Moment;
use crate::link::Urgency;

#[derive(Debug)]
pub(super) struct Station {
    pub(super) address: TerminalAddress,
    state: Mutex<State>,
    /// A session has begun or ended.
    pub(super) changed: Notify,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) settings: TerminalSettings,
    pub(super) ports: HashMap<[u8; 6], MeterPort>,
    /// The code (PW) that it wants to see where a request carries one.
    pub(super) password: Password,
    /// The longest request, as the terminal itself said.
    pub(super) takes: Option<u16>,
    pub(super) numbers: Numbers,
    pub(super) recent: Recent,
    pub(super) pace: Pace,
    pub(super) tally: Tally,
    pub(super) measured: Measured,
    pub(super) passed: Passed,
    /// What it has shown that it comes with: nobody else is it.
    pub(super) certificate: Option<Fingerprint>,
    /// What its session has shown, where that may come to be revoked.
    pub(super) chain: Option<Chain>,
    /// When it last came from elsewhere while it was there.
    moved_at: Option<Moment>,
    /// It may be another, and that is not kept yet by whoever keeps it: it is asked nothing.
    is_claim_unkept: bool,
    /// What it may still say by itself.
    pub(super) budget: Budget,
    /// The number of the last frame that it began.
    pub(super) last_begun: Option<u8>,
    queue: Queue,
    /// Until when it is kept for orders, by number.
    kept: Vec<(u64, Instant)>,
    next_id: u64,
    live: Option<Live>,
    generation: u64,
    /// Since when there is no session.
    without_since: Instant,
    is_forgotten: bool,
}

/// The session that there is.
#[derive(Debug)]
struct Live {
    generation: u64,
    wake: Arc<Notify>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) from: Option<SocketAddr>,
    pub(super) connected_at: Option<Moment>,
    pub(super) last_heard_at: Option<Moment>,
    pub(super) last_heartbeat_at: Option<Moment>,
    pub(super) sessions: u64,
    pub(super) requests: u64,
    pub(super) answers: u64,
    pub(super) silent: u64,
    pub(super) late: u64,
    pub(super) foreign: u64,
    pub(super) reports: u64,
    /// Sessions that somebody elsewhere began while the one before was there, with its certificate as well.
    pub(super) claims: u64,
    /// When the last of them did that may be another, and from where.
    pub(super) claimed: Option<(Moment, SocketAddr)>,
    /// Logins without its certificate, or with a revoked one.
    pub(super) refused: u64,
    /// How often it was hung up since it flooded.
    pub(super) floods: u64,
    pub(super) sent_bytes: u64,
    pub(super) received_bytes: u64,
    pub(super) events: Option<EventCounters>,
    pub(super) edition: Option<LengthCode>,
}

/// A session that has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Begun {
    pub(super) generation: u64,
    /// Another one, from elsewhere, was there.
    pub(super) is_claim: bool,
}

/// Whether what was to be asked still waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// It was begun.
    Begun,
    /// It waits until then and ends with this.
    At(Instant, AskError),
    /// It waits for its turn.
    Never,
}

impl Station {
    pub(super) fn new(address: TerminalAddress, settings: TerminalSettings) -> Self {
        let state = State {
            settings,
            ports: HashMap::new(),
            password: Password::NONE,
            takes: None,
            numbers: Numbers::default(),
            recent: Recent::default(),
            pace: Pace::default(),
            tally: Tally::default(),
            measured: Measured::default(),
            passed: Passed::default(),
            certificate: None,
            chain: None,
            moved_at: None,
            is_claim_unkept: false,
            budget: Budget::new(Instant::now()),
            last_begun: None,
            queue: Queue::default(),
            kept: Vec::new(),
            next_id: 0,
            live: None,
            generation: 0,
            without_since: Instant::now(),
            is_forgotten: false,
        };
        Self { address, state: Mutex::new(state), changed: Notify::new() }
    }

    pub(super) fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.lock())
    }

    // --- for those who ask ---

    /// Puts something in the queue and gives its place.
    pub(super) fn enqueue(
        &self,
        what: What,
        urgency: Urgency,
        until: Option<Instant>,
        returns_within: Duration,
    ) -> Result<u64, AskError> {
        let mut state = self.lock();
        if state.is_forgotten {
            return Err(AskError::Unknown);
        }
        if state.live.is_none() && Instant::now() >= state.without_since + returns_within {
            return Err(AskError::NotConnected);
        }
        if !state.queue.has_room() {
            return Err(AskError::Busy);
        }
        let id = state.next_id;
        state.next_id += 1;
        state.queue.push(Waiting { id, urgency, until, what });
        state.wake();
        Ok(id)
    }

    /// When what has this place ends without its turn, as things stand.
    pub(super) fn due(&self, id: u64, until: Option<Instant>, returns_within: Duration) -> Due {
        let state = self.lock();
        if !state.queue.holds(id) {
            return Due::Begun;
        }
        let over = until.map(|until| (until, AskError::OutOfTime));
        let gone = (state.without_since + returns_within, AskError::NotConnected);
        let gone = state.live.is_none().then_some(gone);
        let first = over.into_iter().chain(gone).min_by_key(|(at, _)| *at);
        first.map_or(Due::Never, |(at, why)| Due::At(at, why))
    }

    /// Takes something out of the queue again, unless it was begun.
    pub(super) fn withdraw(&self, id: u64) -> Option<Waiting> {
        self.lock().queue.withdraw(id)
    }

    /// Keeps it for orders until then, and says by what number.
    pub(super) fn keep(&self, until: Instant) -> u64 {
        let mut state = self.lock();
        let number = state.next_id;
        state.next_id += 1;
        state.kept.push((number, until));
        number
    }

    /// Lets it go again.
    pub(super) fn let_go(&self, number: u64) {
        let mut state = self.lock();
        state.kept.retain(|(kept, _)| *kept != number);
        state.wake();
    }

    // --- for sessions ---

    /// Until when it is kept for orders.
    pub(super) fn kept_until(&self) -> Option<Instant> {
        let now = Instant::now();
        self.lock().kept.iter().map(|(_, until)| *until).filter(|until| now < *until).max()
    }

    /// Whether somebody with this certificate, or with none, is this terminal.
    pub(super) fn is_its_own(&self, certificate: Option<Fingerprint>) -> bool {
        self.with(|state| state.certificate.is_none_or(|own| certificate == Some(own)))
    }

    /// Whether supply is to be given back behind it.
    pub(super) fn has_restore(&self) -> bool {
        self.lock().queue.has(Urgency::Restore)
    }

    /// A session begins, and the one before is over. Where that was heard within its heartbeat and this one comes from
    /// elsewhere, two may claim to be the terminal. A certificate may have been copied, and a mobile network gives its terminals
    /// new addresses: with the right one it is itself, unless it comes from elsewhere twice within a heartbeat. `is_kept` when
    /// somebody keeps claims, until when whoever has come is asked nothing.
    pub(super) fn begin(
        &self,
        peer: &Peer,
        (now, heartbeat): (Moment, Duration),
        is_kept: bool,
        wake: &Arc<Notify>,
    ) -> Option<Begun> {
        let from = peer.from;
        let mut state = self.lock();
        if state.is_forgotten {
            return None;
        }
        let is_there =
            state.live.is_some() && state.tally.last_heard_at.is_some_and(|at| now.since(at) < heartbeat);
        let before = state.tally.from.filter(|before| is_there && before.ip() != from.ip());
        if let Some(before) = before {
            let alternates = state.moved_at.replace(now).is_some_and(|at| now.since(at) < heartbeat);
            state.tally.claims += 1;
            if peer.certificate.is_none() || alternates {
                state.tally.claimed = Some((now, from));
                state.is_claim_unkept = is_kept;
            }
            let terminal = self.address;
            tracing::warn!(peer = %from, terminal.address = %terminal,
                "terminal {terminal} comes from {from} while it is there from {before}");
        }
        state.wake();
        state.generation += 1;
        let generation = state.generation;
        state.live = Some(Live { generation, wake: Arc::clone(wake) });
        state.chain.clone_from(&peer.chain);
        state.pace.begin();
        (state.tally.from, state.tally.connected_at) = (Some(from), Some(now));
        state.tally.sessions += 1;
        state.measured.login(Instant::now());
        drop(state);
        self.changed.notify_waiters();
        Some(Begun { generation, is_claim: before.is_some() })
    }

    /// A session ends; true when it was the one that counts.
    pub(super) fn end(&self, generation: u64) -> bool {
        let mut state = self.lock();
        let is_current = state.is_current(generation);
        if is_current {
            state.live = None;
            state.without_since = Instant::now();
        }
        drop(state);
        self.changed.notify_waiters();
        is_current
    }

    /// Ends the session that there is; false when there is none.
    pub(super) fn hang_up(&self) -> bool {
        let mut state = self.lock();
        state.wake();
        let was_there = state.live.take().is_some();
        state.without_since = Instant::now();
        drop(state);
        self.changed.notify_waiters();
        was_there
    }

    /// The claim of that moment is kept.
    pub(super) fn claim_kept(&self, at: Moment) {
        let mut state = self.lock();
        if state.tally.claimed.is_some_and(|(claimed, _)| claimed == at) {
            state.is_claim_unkept = false;
            state.wake();
        }
    }

    pub(super) fn is_current(&self, generation: u64) -> bool {
        self.lock().is_current(generation)
    }

    /// The session that there is.
    pub(super) fn session(&self) -> Option<u64> {
        self.lock().live.as_ref().map(|live| live.generation)
    }

    /// What is to be sent next on this session.
    pub(super) fn next(&self, generation: u64) -> Option<Waiting> {
        let mut state = self.lock();
        if !state.is_current(generation) || state.is_claim_unkept {
            return None;
        }
        let now = Instant::now();
        state.kept.retain(|(_, until)| now < *until);
        let least = if state.kept.is_empty() { Urgency::Housekeeping } else { Urgency::Control };
        state.queue.pop(now, least)
    }

    /// Something waits again in its old place.
    pub(super) fn put_back(&self, waiting: Waiting) {
        let mut state = self.lock();
        if state.is_forgotten {
            drop(state);
            return waiting.give_up(AskError::Unknown);
        }
        state.queue.push(waiting);
        state.wake();
        drop(state);
        // Whoever waits for it takes its time anew.
        self.changed.notify_waiters();
    }

    /// The terminal is not known any more: its session ends, and so does what waits.
    pub(super) fn forget(&self) {
        let mut state = self.lock();
        state.is_forgotten = true;
        state.wake();
        state.live = None;
        let waiting = state.queue.take_all();
        drop(state);
        waiting.into_iter().for_each(|waiting| waiting.give_up(AskError::Unknown));
        self.changed.notify_waiters();
    }

    pub(super) fn is_forgotten(&self) -> bool {
        self.lock().is_forgotten
    }

    pub(super) fn queued(&self) -> usize {
        self.lock().queue.len()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_current(&self, generation: u64) -> bool {
        self.live.as_ref().is_some_and(|live| live.generation == generation)
    }

    fn wake(&self) {
        self.live.iter().for_each(|live| live.wake.notify_one());
    }
}
