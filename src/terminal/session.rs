//! One session: the connection of a terminal from its login to its end.
//!
//! The task of a session holds no buffer while nothing comes: bytes are read into the stack and only the start of an
//! unfinished frame is kept.

mod ear;
mod hear;
mod login;
mod reports;
mod talk;

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use gdw1376::decoder::Decoder;
use gdw1376::frame::MAX_COUNTED;
use metrics::{counter, gauge};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::{Notify, OwnedSemaphorePermit, oneshot};
use tokio::time::{Instant, sleep_until, timeout};

use super::WhatChanged;
use super::peer::Peer;
use super::queue::{Grant, Order, What};
use super::state::Shared;
use super::station::Station;
use crate::failpoint::{self, Side};
use crate::telemetry;
use ear::Ear;
use reports::Reports;
use talk::Talk;

/// Asks whoever has dialled in who it is, and begins a session on a task of its own when it is known. `place` is held
/// until then.
pub(super) async fn of_stranger<S>(
    mut stream: S,
    peer: Peer,
    shared: Arc<Shared>,
    place: Option<OwnedSemaphorePermit>,
) where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let limit = shared.config.register_within;
    let registered = tokio::select! {
        biased;
        () = shared.stop.cancelled() => return,
        registered = timeout(limit, login::login(&mut stream, &peer, &shared)) => registered,
    };
    drop(place);
    let outcome = match registered {
        Ok(Ok(login::Login { station, frames })) => {
            // The lists may have changed since its certificate was looked at. It is bound to none that is revoked.
            if shared.is_revoked(&peer) {
                station.with(|state| state.tally.refused += 1);
                "revoked"
            } else {
                let tasks = shared.tasks.clone();
                station.with(|state| state.certificate = state.certificate.or(peer.certificate));
                tasks.spawn(serve(stream, peer, station, frames, shared));
                "logged_in"
            }
        }
        Ok(Err(refused)) => refused.kind(),
        Err(_) => "timed_out",
    };
    count_login(outcome);
}

pub(super) fn count_login(outcome: &'static str) {
    counter!(telemetry::TERMINAL_LOGINS, "outcome" => outcome).increment(1);
}

/// The session of a terminal that is known; `frames` have come already.
pub(super) async fn serve<S>(
    stream: S,
    peer: Peer,
    station: Arc<Station>,
    frames: Vec<Vec<u8>>,
    shared: Arc<Shared>,
) where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let wake = Arc::new(Notify::new());
    let heartbeat = shared.heartbeat(&station);
    let now = (shared.clock.now(), heartbeat);
    let Some(begun) = station.begin(&peer, now, shared.keeps_claims(), &wake) else { return };
    // Lists that came before the session was there have hung nobody up.
    if shared.is_revoked(&peer) {
        station.with(|state| state.tally.refused += 1);
        station.end(begun.generation);
        return;
    }
    shared.sessions.fetch_add(1, Ordering::Relaxed);
    gauge!(telemetry::TERMINAL_SESSIONS).increment(1.0);
    shared.tell(station.address, WhatChanged::LoggedIn);
    if begun.is_claim {
        shared.tell(station.address, WhatChanged::Claimed);
    }
    let mut session = Session {
        stream,
        wake,
        generation: begun.generation,
        ear: Ear::new(Decoder::with_limit(MAX_COUNTED)),
        talk: None,
        grant: None,
        reports: Reports::default(),
        heard_at: Instant::now(),
        late: None,
        is_leaving: false,
        is_flooding: false,
        station,
        shared,
    };
    let end = session.run(frames).await;
    session.close(end).await;
}

struct Session<S> {
    stream: S,
    station: Arc<Station>,
    shared: Arc<Shared>,
    generation: u64,
    wake: Arc<Notify>,
    ear: Ear,
    talk: Option<Box<Talk>>,
    /// Whoever may send now, and until when.
    grant: Option<(oneshot::Receiver<Box<Order>>, Instant)>,
    reports: Reports,
    /// When the last frame of this terminal came.
    heard_at: Instant,
    /// The number that the next frame of a late answer has.
    late: Option<hear::Late>,
    /// It has logged out.
    is_leaving: bool,
    /// It has said more by itself than any terminal has to.
    is_flooding: bool,
}

/// Why a session is over.
#[derive(Debug)]
enum End {
    /// The terminal has closed.
    Closed,
    /// It has logged out.
    LoggedOut,
    /// A newer session has begun, or the terminal is not known any more.
    Replaced,
    /// Nothing came for three heartbeats.
    Silent,
    /// It takes no bytes.
    Stuck,
    /// It floods.
    Flooding,
    /// The connection failed.
    Failed(#[expect(dead_code, reason = "it is for the log")] io::Error),
    /// The server was stopped.
    Stopped,
}

impl End {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::LoggedOut => "logged_out",
            Self::Replaced => "replaced",
            Self::Silent => "no_heart_beat",
            Self::Stuck => "stuck",
            Self::Flooding => "flooding",
            Self::Failed(_) => "failed",
            Self::Stopped => "stopped",
        }
    }
}

/// What a session wakes up for.
enum Event {
    Woken,
    Frames(Vec<Vec<u8>>),
    /// A report is kept: it is to be confirmed.
    Kept(Vec<u8>, Instant),
    Order(Option<Box<Order>>),
    Time,
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Session<S> {
    async fn run(&mut self, frames: Vec<Vec<u8>>) -> End {
        if let Err(end) = self.hear(frames).await {
            return end;
        }
        loop {
            if !self.station.is_current(self.generation) {
                return End::Replaced;
            }
            if let Err(end) = self.step().await {
                return end;
            }
        }
    }

    async fn step(&mut self) -> Result<(), End> {
        self.take_next();
        self.transmit().await?;
        let due = self.due();
        let event = tokio::select! {
            biased;
            () = self.shared.stop.cancelled() => return Err(End::Stopped),
            () = self.wake.notified() => Event::Woken,
            frames = self.ear.listen(&mut self.stream) => Event::Frames(frames?),
            (wire, since) = self.reports.next_kept() => Event::Kept(wire, since),
            order = given(&mut self.grant) => Event::Order(order),
            () = sleep_until(due) => Event::Time,
        };
        match event {
            Event::Woken => Ok(()),
            Event::Frames(frames) => self.hear(frames).await,
            Event::Kept(wire, since) => self.report_kept(&wire, since).await,
            Event::Order(order) => {
                self.grant = None;
                order.into_iter().for_each(|order| self.begin(order));
                Ok(())
            }
            Event::Time => self.time_passed().await,
        }
    }

    /// Begins what is to be sent next, when nothing is open.
    fn take_next(&mut self) {
        while self.talk.is_none() && self.grant.is_none() && self.shared.is_ours() {
            let Some(waiting) = self.station.next(self.generation) else { return };
            match waiting.what {
                What::Order(order) => {
                    self.begin(order);
                    if let Some(talk) = &mut self.talk {
                        (talk.place, talk.urgency) = (Some(waiting.id), waiting.urgency);
                    }
                }
                What::Turn(turn) => {
                    let (give, given) = oneshot::channel();
                    if turn.send(Grant { give, session: self.generation }).is_ok() {
                        self.grant = Some((given, Instant::now() + GRANTED_FOR));
                    }
                }
            }
        }
    }

    /// When something happens by itself.
    fn due(&self) -> Instant {
        let silent = self.heard_at + self.shared.heartbeat(&self.station) * 3;
        let talk = self.talk.as_ref().and_then(|talk| talk.due(self.station.has_restore()));
        let grant = self.grant.as_ref().map(|(_, until)| *until);
        let whose = (!self.shared.is_ours()).then(|| Instant::now() + ASKS_WHOSE);
        [Some(silent), talk, grant, self.ear.due(), self.reports.due(), self.station.kept_until(), whose]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(silent)
    }

    async fn time_passed(&mut self) -> Result<(), End> {
        let now = Instant::now();
        if now >= self.heard_at + self.shared.heartbeat(&self.station) * 3 {
            return Err(End::Silent);
        }
        if self.grant.as_ref().is_some_and(|(_, until)| now >= *until) {
            self.grant = None;
        }
        self.reports.forget_old(now);
        self.talk_timed_out(now);
        let frames = self.ear.quiet(now);
        self.hear(frames).await
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), End> {
        let write = async {
            failpoint::pass(Side::Before, "writing to a terminal").await?;
            self.stream.write_all(bytes).await?;
            self.stream.flush().await?;
            failpoint::pass(Side::After, "writing to a terminal").await
        };
        match timeout(WRITE_WITHIN, write).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(End::Failed(error)),
            Err(_) => return Err(End::Stuck),
        }
        let count = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let now = self.shared.clock.now();
        self.station.with(|state| {
            state.tally.sent_bytes += count;
            state.passed.note(now, true, bytes);
        });
        Ok(())
    }

    async fn close(mut self, end: End) {
        // First, so that whoever is told sees that the session is over.
        let was_current = self.station.end(self.generation);
        self.grant = None;
        self.talk_broken();
        self.shared.sessions.fetch_sub(1, Ordering::Relaxed);
        gauge!(telemetry::TERMINAL_SESSIONS).decrement(1.0);
        counter!(telemetry::TERMINAL_ENDS, "reason" => end.kind()).increment(1);
        let address = self.station.address;
        if was_current {
            let what = if matches!(end, End::LoggedOut) { WhatChanged::LoggedOut } else { WhatChanged::Lost };
            self.shared.tell(address, what);
        }
        tracing::debug!(terminal.address = %address, end = ?end, "the session of terminal {address} is over");
        // Says goodbye; whoever does not listen is not waited for.
        let _ = timeout(GOODBYE_WITHIN, self.stream.shutdown()).await;
    }
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Closed,
            _ => Self::Failed(error),
        }
    }
}

/// The order of whoever was granted the turn; `None` when it is given up.
async fn given(grant: &mut Option<(oneshot::Receiver<Box<Order>>, Instant)>) -> Option<Box<Order>> {
    match grant {
        Some((given, _)) => given.await.ok(),
        None => std::future::pending().await,
    }
}

/// How often it is asked again whether the site is ours.
const ASKS_WHOSE: Duration = Duration::from_millis(250);
/// So long a turn is kept for whoever has it.
const GRANTED_FOR: Duration = Duration::from_secs(5);
/// So long a connection may take no bytes. (F21)
const WRITE_WITHIN: Duration = Duration::from_secs(10);
const GOODBYE_WITHIN: Duration = Duration::from_secs(1);
