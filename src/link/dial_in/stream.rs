//! The connection of a device that has dialled in, and the place where the newest one of a line is found.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use metrics::counter;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::packets::Packets;
use super::{DialInLine, Registration};
use crate::link::{Link, LinkError};
use crate::telemetry;

/// Where the server leaves the newest connection of a line.
#[derive(Clone, Debug)]
pub(super) struct Slot(Arc<Mutex<Option<TcpStream>>>, watch::Sender<u64>);

impl Slot {
    pub(super) fn new() -> Self {
        Self(Arc::default(), watch::Sender::new(0))
    }

    /// Leaves a connection; one that nobody has taken is closed. Tells whether the line had one before.
    pub(super) fn put(&self, stream: TcpStream) -> bool {
        // Connection and number change together, or a connection could be told that it is not the newest when it is.
        let mut newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *newest = Some(stream);
        let mut is_first = false;
        self.1.send_modify(|number| {
            is_first = *number == 0;
            *number += 1;
        });
        !is_first
    }

    /// The newest connection if nobody has taken it, and which one it is.
    fn take(&self, number: &mut watch::Receiver<u64>) -> (Option<TcpStream>, u64) {
        let mut newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = *number.borrow_and_update();
        (newest.take(), number)
    }
}

/// The end of a line at which its device is found when it has dialled in.
#[derive(Debug)]
pub struct DialledIn {
    slot: Slot,
    newest: watch::Receiver<u64>,
    line: DialInLine,
}

impl DialledIn {
    pub(super) fn new(line: DialInLine, slot: Slot) -> Self {
        Self { newest: slot.1.subscribe(), slot, line }
    }

    /// The line.
    #[must_use]
    pub fn line(&self) -> &str {
        &self.line.name
    }

    /// Takes the newest connection, and waits up to `limit` for one.
    pub(in crate::link) async fn newest(&mut self, limit: Duration) -> Result<Link, LinkError> {
        let missing = || LinkError::NotDialledIn { line: self.line.name.clone() };
        let due = Instant::now() + limit;
        loop {
            let (stream, number) = self.slot.take(&mut self.newest);
            if let Some(stream) = stream {
                let newest = self.newest.clone();
                return Ok(Link::Incoming(Box::new(Incoming::new(stream, number, newest, &self.line))));
            }
            match timeout_at(due, self.newest.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return Err(missing()),
            }
        }
    }
}

/// A connection that was dialled in.
#[derive(Debug)]
pub struct Incoming {
    stream: TcpStream,
    /// Which connection of its line it is, and which one is the newest.
    number: u64,
    newest: watch::Receiver<u64>,
    packets: Packets,
    /// How long nothing at all may come.
    within: Option<Duration>,
    heard_at: Instant,
    /// Read and stripped, not handed over yet.
    ready: Vec<u8>,
}

impl Incoming {
    /// The connection that is newest now.
    fn new(stream: TcpStream, number: u64, newest: watch::Receiver<u64>, line: &DialInLine) -> Self {
        let registration = match &line.registration {
            Registration::Packet(packet) => packet.clone(),
            Registration::Source(_) => Vec::new(),
        };
        let packets = Packets::new([registration, line.heart_beat.clone().unwrap_or_default()]);
        let within = line.silent_within;
        Self { stream, number, newest, packets, within, heard_at: Instant::now(), ready: Vec::new() }
    }

    /// As [`Link::read`]. What was read and not yet handed over survives when the wait is given up.
    pub(in crate::link) async fn read(&mut self, room: &mut [u8]) -> Result<usize, LinkError> {
        loop {
            if !self.ready.is_empty() {
                let count = self.ready.len().min(room.len());
                for (place, byte) in room.iter_mut().zip(self.ready.drain(..count)) {
                    *place = byte;
                }
                return Ok(count);
            }
            self.receive().await?;
        }
    }

    async fn receive(&mut self) -> Result<(), LinkError> {
        let mut room = [0; 512];
        let limit = self.within.unwrap_or(FOREVER);
        let heart_beat = self.heard_at + limit;
        let held = Instant::now() + if self.packets.is_holding() { REST_OF_PACKET } else { FOREVER };
        let read = tokio::select! {
            biased;
            replaced = self.newest.wait_for(|newest| *newest != self.number) => {
                return Err(if replaced.is_ok() { LinkError::Replaced } else { LinkError::Closed });
            }
            read = timeout_at(heart_beat.min(held), self.stream.read(&mut room)) => read,
        };
        match read {
            Ok(Ok(0)) => return Err(LinkError::Closed),
            Ok(Ok(count)) => {
                self.heard_at = Instant::now();
                self.ready = self.packets.strip(room.get(..count).unwrap_or_default());
                counter!(telemetry::HEART_BEATS).increment(self.packets.count());
            }
            Ok(Err(error)) => return Err(LinkError::Failed(error)),
            Err(_) if heart_beat <= held => return Err(LinkError::NoHeartBeat { limit }),
            Err(_) => self.ready = self.packets.give_back(),
        }
        Ok(())
    }

    pub(in crate::link) async fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if *self.newest.borrow() != self.number {
            return Ok(0);
        }
        self.stream.write(bytes).await
    }
}

/// How long the rest of a packet may take.
const REST_OF_PACKET: Duration = Duration::from_millis(100);
/// Longer than any process runs.
const FOREVER: Duration = Duration::from_secs(36_525 * 86_400);
