//! The port that terminals dial.
//!
//! Whoever has not logged in holds one of a bounded number of places. When all are taken, the one that came first gives
//! way, but not before it had a fair time to log in; until then the next has to wait. So neither a storm of honest terminals
//! nor thousands that say nothing keep anybody out for long (F20, F21).

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;

use super::peer::{self, Peer};
use super::session::{self, count_login};
use super::state::Shared;
use super::tls::{self, TlsError};
use crate::link::{Liveness, watch_over};

/// Why the port cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum TerminalError {
    /// The port cannot be listened on.
    #[error("no listening on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The files of TLS.
    #[error("no TLS for terminals")]
    Tls(#[from] TlsError),
}

impl TerminalError {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Listen { .. } => "listen",
            Self::Tls(error) => error.kind(),
        }
    }
}

/// Listens as the configuration says, and tells where.
pub(super) fn listen(shared: &Arc<Shared>) -> Result<Option<SocketAddr>, TerminalError> {
    let Some(address) = shared.config.listen else { return Ok(None) };
    let door = shared.config.tls.as_ref().map(tls::open).transpose()?;
    let failed = |source| TerminalError::Listen { address, source };
    let listener = bind(address).map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let tls = door.as_ref().map(|door| door.acceptor.clone());
    door.into_iter().for_each(|door| tls::keep(shared, door));
    let (all, stop) = (Arc::clone(shared), shared.stop.clone());
    shared.tasks.spawn(async move {
        stop.run_until_cancelled(accept_all(listener, tls, all)).await;
    });
    Ok(Some(bound))
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A restart finds the connections of before still closing.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

async fn accept_all(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let most = usize::try_from(shared.config.most_unregistered).unwrap_or(Semaphore::MAX_PERMITS);
    let fair = if tls.is_some() { FAIR_WITH_TLS } else { FAIR };
    let mut waiting = Waiting { places: Arc::new(Semaphore::new(most.max(1))), all: VecDeque::new(), fair };
    loop {
        let Some(place) = waiting.place().await else { return };
        let (stream, from) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file handles, most likely: others must end first.
                tracing::warn!(error = %error, "no connection of a terminal can be accepted now");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        watch_over(&stream, liveness(shared.config.heartbeat));
        let task = shared.tasks.spawn(connection(stream, from, tls.clone(), Arc::clone(&shared), place));
        // A session has a task of its own, so that nobody who is known is cut off here.
        while waiting.all.front().is_some_and(|(_, task)| task.is_finished()) {
            waiting.all.pop_front();
        }
        waiting.all.push_back((Instant::now(), task.abort_handle()));
    }
}

async fn connection(
    stream: TcpStream,
    from: SocketAddr,
    tls: Option<TlsAcceptor>,
    shared: Arc<Shared>,
    place: OwnedSemaphorePermit,
) {
    let Some(tls) = tls else {
        return session::of_stranger(stream, Peer::plain(from), shared, Some(place)).await;
    };
    match timeout(shared.config.register_within, tls.accept(stream)).await {
        Ok(Ok(stream)) => {
            let shown = stream.get_ref().1.peer_certificates().unwrap_or_default();
            let certificate = shown.first().and_then(|shown| peer::fingerprint(shown));
            let chain = shared.verifier.get().map(|_| shown.iter().cloned().collect());
            let peer = Peer { certificate, chain, ..Peer::plain(from) };
            session::of_stranger(stream, peer, shared, Some(place)).await;
        }
        Ok(Err(error)) => {
            tracing::info!(peer = %from, error = %error, "no TLS with {from}");
            count_login("tls");
        }
        Err(_) => count_login("timed_out"),
    }
}

/// Connections that have not logged in, the oldest first.
struct Waiting {
    places: Arc<Semaphore>,
    all: VecDeque<(Instant, AbortHandle)>,
    /// So long each has at least.
    fair: Duration,
}

impl Waiting {
    /// A place for the next one, perhaps of the one that came first.
    async fn place(&mut self) -> Option<OwnedSemaphorePermit> {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return Some(place);
        }
        self.all.retain(|(_, task)| !task.is_finished());
        let fair = self.all.front().map(|(since, _)| *since + self.fair);
        if let Some(fair) = fair {
            tokio::select! {
                biased;
                place = Arc::clone(&self.places).acquire_owned() => return place.ok(),
                () = sleep_until(fair) => self.displace(),
            }
        }
        Arc::clone(&self.places).acquire_owned().await.ok()
    }

    fn displace(&mut self) {
        if let Some((_, oldest)) = self.all.pop_front() {
            oldest.abort();
            count_login("displaced");
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.all.iter().for_each(|(_, task)| task.abort());
    }
}

/// How a peer that vanished is noticed where its heartbeats do not tell before. Mobile networks are paid by the byte, and
/// hold things up for long.
const fn liveness(heartbeat: Duration) -> Liveness {
    Liveness {
        idle: heartbeat,
        interval: Duration::from_secs(15),
        probes: 3,
        user_timeout: Duration::from_secs(60),
    }
}

/// So long whoever has come may take before another may have its place.
const FAIR: Duration = Duration::from_millis(500);
/// With TLS there are round trips before the login, each of a second on a slow mobile network.
const FAIR_WITH_TLS: Duration = Duration::from_secs(4);
/// Connections that wait to be accepted.
const BACKLOG: u32 = 4096;
