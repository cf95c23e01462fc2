//! What all sessions and handles have in common.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use gdw1376::address::TerminalAddress;
use tokio::sync::{broadcast, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::peer::{self, Peer};
use super::station::Station;
use super::strangers::Strangers;
use super::tls::{Standing, Verifier};
use super::{Change, Report, Stranger, TerminalSettings, TerminalStatus, WhatChanged};
use crate::clock::Clock;
use crate::config;
use crate::link::Ours;

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: config::Terminals,
    pub(super) clock: Clock,
    pub(super) tasks: TaskTracker,
    pub(super) stop: CancellationToken,
    pub(super) reports: mpsc::Sender<Report>,
    pub(super) reports_taken: Mutex<Option<mpsc::Receiver<Report>>>,
    pub(super) changes: broadcast::Sender<Change>,
    pub(super) sessions: AtomicUsize,
    /// Whether the site is ours, where another instance may have it.
    pub(super) ours: OnceLock<Ours>,
    /// Terminals of the configuration are dialled, each by pauses that are drawn from this.
    pub(super) dialling: OnceLock<u64>,
    /// Judges certificates, where some may be revoked.
    pub(super) verifier: OnceLock<Arc<Verifier>>,
    /// Somebody keeps claims: see [`super::Terminals::keep_claims`].
    pub(super) claims_kept: OnceLock<()>,
    /// How the lists of revoked certificates stand, where there are to be any.
    pub(super) lists: Mutex<Option<Standing>>,
    stations: RwLock<HashMap<TerminalAddress, Arc<Station>>>,
    strangers: Mutex<Strangers>,
}

impl Shared {
    pub(super) fn new(
        config: config::Terminals,
        clock: Clock,
        tasks: TaskTracker,
        stop: CancellationToken,
    ) -> Self {
        let (reports, taken) = mpsc::channel(MOST_REPORTS);
        Self {
            config,
            clock,
            tasks,
            stop,
            reports,
            reports_taken: Mutex::new(Some(taken)),
            changes: broadcast::Sender::new(MOST_CHANGES),
            sessions: AtomicUsize::new(0),
            ours: OnceLock::new(),
            dialling: OnceLock::new(),
            verifier: OnceLock::new(),
            claims_kept: OnceLock::new(),
            lists: Mutex::default(),
            stations: RwLock::default(),
            strangers: Mutex::default(),
        }
    }

    /// Whether the site is ours to speak in.
    pub(super) fn is_ours(&self) -> bool {
        self.ours.get().is_none_or(Ours::is_so)
    }

    pub(super) fn keeps_claims(&self) -> bool {
        self.claims_kept.get().is_some()
    }

    /// Whether the certificate of whoever has come is revoked by now.
    pub(super) fn is_revoked(&self, peer: &Peer) -> bool {
        let judged = self.verifier.get().zip(peer.chain.as_ref());
        judged.is_some_and(|(verifier, chain)| verifier.is_revoked(chain))
    }

    pub(super) fn station(&self, address: TerminalAddress) -> Option<Arc<Station>> {
        self.stations.read().unwrap_or_else(PoisonError::into_inner).get(&address).cloned()
    }

    pub(super) fn stations(&self) -> Vec<Arc<Station>> {
        let stations = self.stations.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = stations.values().cloned().collect();
        drop(stations);
        all.sort_by_key(|station| station.address);
        all
    }

    /// The terminal, and whether it was not known before.
    pub(super) fn adopt(&self, address: TerminalAddress, settings: TerminalSettings) -> (Arc<Station>, bool) {
        let mut stations = self.stations.write().unwrap_or_else(PoisonError::into_inner);
        let is_new = !stations.contains_key(&address);
        let new = || Arc::new(Station::new(address, TerminalSettings::default()));
        let station = Arc::clone(stations.entry(address).or_insert_with(new));
        station.with(|state| state.settings = settings);
        drop(stations);
        self.strangers.lock().unwrap_or_else(PoisonError::into_inner).forget(address);
        (station, is_new)
    }

    pub(super) fn forget(&self, address: TerminalAddress) {
        let station = self.stations.write().unwrap_or_else(PoisonError::into_inner).remove(&address);
        station.into_iter().for_each(|station| station.forget());
    }

    pub(super) fn note_stranger(&self, address: TerminalAddress, from: SocketAddr) {
        let now = self.clock.now();
        self.strangers.lock().unwrap_or_else(PoisonError::into_inner).note(address, from, now);
        self.tell(address, WhatChanged::Refused);
    }

    pub(super) fn strangers(&self) -> Vec<Stranger> {
        self.strangers.lock().unwrap_or_else(PoisonError::into_inner).all()
    }

    pub(super) fn tell(&self, terminal: TerminalAddress, what: WhatChanged) {
        // Nobody may be listening.
        let _ = self.changes.send(Change { terminal, at: self.clock.now(), what });
    }

    /// True when one more may log in.
    pub(super) fn has_place(&self) -> bool {
        let most = usize::try_from(self.config.most_sessions).unwrap_or(usize::MAX);
        self.sessions.load(Ordering::Relaxed) < most
    }

    pub(super) fn most_request(&self, station: &Station) -> u16 {
        let of_all = u16::try_from(self.config.most_request).unwrap_or(u16::MAX);
        station.with(|state| state.settings.most_request.or(state.takes)).unwrap_or(of_all)
    }

    /// How often this terminal sends its heartbeat, as far as is known.
    pub(super) fn heartbeat(&self, station: &Station) -> Duration {
        let known = station.with(|state| state.settings.heartbeat.or_else(|| state.pace.period()));
        known.unwrap_or(self.config.heartbeat)
    }

    pub(super) fn status(&self, station: &Station) -> TerminalStatus {
        let tally = station.with(|state| state.tally);
        TerminalStatus {
            address: station.address,
            is_online: station.session().is_some(),
            from: tally.from,
            connected_at: tally.connected_at,
            last_heard_at: tally.last_heard_at,
            last_heartbeat_at: tally.last_heartbeat_at,
            heartbeat: station.with(|state| state.settings.heartbeat.or_else(|| state.pace.period())),
            sessions: tally.sessions,
            requests: tally.requests,
            answers: tally.answers,
            silent: tally.silent,
            late: tally.late,
            foreign: tally.foreign,
            reports: tally.reports,
            claims: tally.claims,
            claimed: tally.claimed,
            refused: tally.refused,
            floods: tally.floods,
            certificate: station.with(|state| state.certificate.as_ref().map(peer::shown)),
            link: station.with(|state| state.measured.link(Instant::now())),
            sent_bytes: tally.sent_bytes,
            received_bytes: tally.received_bytes,
            events: tally.events,
            edition: tally.edition,
            most_request: self.most_request(station),
            waiting: station.queued(),
        }
    }
}

/// Reports that wait for whoever keeps them; when it is behind, terminals send theirs again.
const MOST_REPORTS: usize = 1024;
/// Changes that a slow listener may miss.
const MOST_CHANGES: usize = 1024;
