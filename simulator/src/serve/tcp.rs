//! A bus behind a TCP port, as a serial server puts it there.

use core::net::SocketAddr;
use core::time::Duration;

use std::io;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::sync::futures::OwnedNotified;

use super::LiveBus;
use super::live::Room;
use super::port::Port;
use crate::bus::witness::MasterId;
use crate::station::Station;

impl<S: Station + Send + 'static> LiveBus<S> {
    /// Listens at an address, of which port 0 takes a free one, and says which it is. Each of up to `clients` clients
    /// is a master of its own; a further one is turned away.
    ///
    /// # Errors
    /// What the system says, such as that the address is taken.
    pub async fn listen(&self, address: SocketAddr, clients: usize) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind(address).await?;
        let bound = listener.local_addr()?;
        self.server().tasks.spawn(self.clone().accept(listener, clients));
        Ok(bound)
    }

    async fn accept(self, listener: TcpListener, clients: usize) {
        let stop = self.server().stop.clone();
        let places = Arc::new(Semaphore::new(clients));
        loop {
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted.map(|(stream, _)| (stream, Arc::clone(&places).try_acquire_owned())) {
                Ok((stream, Ok(place))) => {
                    let client = self.clone();
                    let stop = stop.clone();
                    self.server().tasks.spawn(async move {
                        let _place = place;
                        tokio::select! {
                            biased;
                            () = stop.cancelled() => {}
                            _ = client.serve(stream) => {}
                        }
                    });
                }
                Ok((_turned_away, Err(_))) => {}
                // No handles are left, or a client went before it was accepted: let others end first.
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    /// Serves one client until it goes.
    async fn serve(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        stream.writable().await?;
        let stream = Arc::new(stream);
        let joined = Joined { master: self.join(Port::Tcp(Arc::clone(&stream))), bus: self };
        loop {
            stream.readable().await?;
            match joined.take_from(&stream)? {
                Taken::All => {}
                Taken::NoRoom(room) => room.await,
                Taken::Closed => return Ok(()),
            }
        }
    }
}

/// Leaves the bus however its client's task ends.
struct Joined<'a, S: Station + Send + 'static> {
    bus: &'a LiveBus<S>,
    master: MasterId,
}

impl<S: Station + Send + 'static> Drop for Joined<'_, S> {
    fn drop(&mut self) {
        self.bus.leave(self.master);
    }
}

enum Taken {
    All,
    NoRoom(OwnedNotified),
    Closed,
}

impl<S: Station + Send + 'static> Joined<'_, S> {
    /// Takes what has come, as far as there is room.
    fn take_from(&self, stream: &TcpStream) -> io::Result<Taken> {
        let mut buffer = [0; 512];
        loop {
            let room = match self.bus.room(self.master) {
                Room::Bytes(bytes) => bytes.min(buffer.len()),
                Room::After(room) => return Ok(Taken::NoRoom(room)),
            };
            let Some(free) = buffer.get_mut(..room) else { return Ok(Taken::All) };
            match stream.try_read(free) {
                Ok(0) => return Ok(Taken::Closed),
                Ok(read) => self.bus.write(self.master, free.get(..read).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Taken::All),
                Err(error) => return Err(error),
            }
        }
    }
}

const PAUSE: Duration = Duration::from_millis(50);
