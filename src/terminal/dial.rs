//! Terminals that wait to be dialled: the same sessions, begun from here. [1376 5]

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::peer::Peer;
use super::session;
use super::state::Shared;
use super::station::Station;
use crate::link::{Backoff, Liveness, watch_over};

/// Keeps a connection to a terminal that waits to be dialled, until the server is stopped or the terminal is forgotten.
pub(super) fn keep(shared: &Arc<Shared>, station: Arc<Station>) {
    let dial = shared.config.dial.iter().find(|dial| dial.address == station.address);
    let (Some(dial), Some(seed)) = (dial, shared.dialling.get()) else { return };
    let to = dial.to.to_string();
    let mut hasher = DefaultHasher::new();
    to.hash(&mut hasher);
    let backoff = Backoff::new(FIRST, MOST, seed ^ hasher.finish());
    let (tasks, stop, shared) = (shared.tasks.clone(), shared.stop.clone(), Arc::clone(shared));
    tasks.spawn(async move {
        stop.run_until_cancelled(dial_again(shared, station, to, backoff)).await;
    });
}

async fn dial_again(shared: Arc<Shared>, station: Arc<Station>, to: String, mut backoff: Backoff) {
    let is_known = || shared.station(station.address).is_some_and(|known| Arc::ptr_eq(&known, &station));
    while is_known() {
        let began = Instant::now();
        match timeout(DIAL_WITHIN, connect(&to)).await {
            Ok(Ok((stream, from))) => {
                watch_over(&stream, Liveness::default());
                // On a task of its own, which brings what is open to its end when the server is stopped.
                let (station, shared_too) = (Arc::clone(&station), Arc::clone(&shared));
                let served = session::serve(stream, Peer::plain(from), station, Vec::new(), shared_too);
                let _ = shared.tasks.spawn(served).await;
            }
            Ok(Err(error)) => {
                tracing::debug!(error = %error, "terminal {} is not to be reached at {to}", station.address);
            }
            Err(_) => {}
        }
        if began.elapsed() >= STEADY {
            backoff.reset();
        }
        sleep(backoff.wait()).await;
    }
}

async fn connect(to: &str) -> std::io::Result<(TcpStream, SocketAddr)> {
    let stream = TcpStream::connect(to).await?;
    let peer = stream.peer_addr()?;
    Ok((stream, peer))
}

const DIAL_WITHIN: Duration = Duration::from_secs(10);
const FIRST: Duration = Duration::from_secs(1);
const MOST: Duration = Duration::from_secs(60);
/// A connection that lasted so long was a good one.
const STEADY: Duration = Duration::from_secs(30);
