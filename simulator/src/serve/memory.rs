//! A master in the same process.

use tokio::io::{AsyncReadExt, DuplexStream, ReadHalf};

use super::LiveBus;
use super::live::Room;
use super::port::Port;
use crate::bus::witness::MasterId;
use crate::station::Station;

impl<S: Station + Send + 'static> LiveBus<S> {
    /// A stream that is a port to this bus; it works in paused time. It leaves the bus when it is dropped.
    #[must_use]
    pub fn memory(&self) -> DuplexStream {
        let (ours, theirs) = tokio::io::duplex(HOLDS);
        let (reads, writes) = tokio::io::split(ours);
        let master = self.join(Port::Memory(writes));
        let live = self.clone();
        self.server().tasks.spawn(async move {
            let stop = live.server().stop.clone();
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = live.take_from(reads, master) => {}
            }
            live.leave(master);
        });
        theirs
    }

    async fn take_from(&self, mut reads: ReadHalf<DuplexStream>, master: MasterId) {
        let mut buffer = [0; 256];
        loop {
            let room = match self.room(master) {
                Room::Bytes(bytes) => bytes.min(buffer.len()),
                Room::After(room) => {
                    room.await;
                    continue;
                }
            };
            let Some(free) = buffer.get_mut(..room) else { return };
            match reads.read(free).await {
                Ok(read) if read > 0 => self.write(master, free.get(..read).unwrap_or_default()),
                _ => return,
            }
        }
    }
}

/// Bytes that wait in a stream for the other side to read, at most.
const HOLDS: usize = 4_096;
