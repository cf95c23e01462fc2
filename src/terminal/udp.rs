//! Terminals that send datagrams: the same sessions, each over what comes from one address. [1376 5]
//!
//! A datagram says nothing about who sent it but an address, which can be forged; so this is off unless it is wanted. Whoever
//! has not logged in holds one of a bounded number of places, and what comes when all are taken is dropped.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use gdw1376::frame::MAX_FRAME;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UdpSocket;
use tokio::sync::{Semaphore, mpsc};

use super::TerminalError;
use super::peer::Peer;
use super::session::{self, count_login};
use super::state::Shared;

/// Listens as the configuration says, and tells where.
pub(super) async fn listen(shared: &Arc<Shared>) -> Result<Option<SocketAddr>, TerminalError> {
    let Some(address) = shared.config.listen_udp else { return Ok(None) };
    let failed = |source| TerminalError::Listen { address, source };
    let socket = UdpSocket::bind(address).await.map_err(failed)?;
    let bound = socket.local_addr().map_err(failed)?;
    let (all, stop) = (Arc::clone(shared), shared.stop.clone());
    shared.tasks.spawn(async move {
        stop.run_until_cancelled(receive_all(Arc::new(socket), all)).await;
    });
    Ok(Some(bound))
}

async fn receive_all(socket: Arc<UdpSocket>, shared: Arc<Shared>) {
    let most = usize::try_from(shared.config.most_unregistered).unwrap_or(Semaphore::MAX_PERMITS);
    let places = Arc::new(Semaphore::new(most));
    let mut peers: HashMap<SocketAddr, mpsc::Sender<Vec<u8>>> = HashMap::new();
    let mut clear_at = CLEAR_FIRST;
    let mut room = vec![0; MAX_FRAME * 2];
    loop {
        // What fails here is a peer that is gone, and no reason to stop.
        let Ok((count, from)) = socket.recv_from(&mut room).await else { continue };
        let datagram = room.get(..count).unwrap_or_default().to_vec();
        let datagram = match peers.get(&from).map(|peer| peer.try_send(datagram.clone())) {
            Some(Ok(()) | Err(mpsc::error::TrySendError::Full(_))) => continue,
            Some(Err(mpsc::error::TrySendError::Closed(_))) | None => datagram,
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            count_login("displaced");
            continue;
        };
        if peers.len() >= clear_at {
            peers.retain(|_, peer| !peer.is_closed());
            clear_at = (peers.len() * 2).max(CLEAR_FIRST);
        }
        let (sender, comes) = mpsc::channel(MOST_WAITING);
        // There is room for the first.
        let _ = sender.try_send(datagram);
        peers.insert(from, sender);
        let stream = Datagrams { socket: Arc::clone(&socket), from, comes, rest: Vec::new() };
        let peer = Peer { is_datagram: true, ..Peer::plain(from) };
        shared.tasks.spawn(session::of_stranger(stream, peer, Arc::clone(&shared), Some(place)));
    }
}

/// What comes from one address, as a stream.
struct Datagrams {
    socket: Arc<UdpSocket>,
    from: SocketAddr,
    comes: mpsc::Receiver<Vec<u8>>,
    /// What was not read of the last.
    rest: Vec<u8>,
}

impl AsyncRead for Datagrams {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.rest.is_empty() {
            match ready!(self.comes.poll_recv(context)) {
                Some(datagram) => self.rest = datagram,
                None => return Poll::Ready(Ok(())),
            }
        }
        let count = self.rest.len().min(buffer.remaining());
        let rest = self.rest.split_off(count);
        buffer.put_slice(&self.rest);
        self.rest = rest;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Datagrams {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        // One that there is no room for is lost, as datagrams are.
        match self.socket.try_send_to(bytes, self.from) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Ready(Ok(bytes.len())),
            sent => Poll::Ready(sent),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Datagrams of one terminal that wait to be heard.
const MOST_WAITING: usize = 16;
/// From so many addresses on those that are over are cleared away.
const CLEAR_FIRST: usize = 1024;
