//! The path to a line: a serial port, a TCP connection either way, or memory in tests.
//!
//! A link carries bytes and knows frames in one place only, the [`Gate`] that every byte passes on its way out. It
//! guarantees that a serial port is opened for this process alone, that a peer that vanished is noticed, and says in
//! plain words why a path cannot be opened.
//!
//! What it leaves to others: when to send, what an answer is, and when to open a path again ([`crate::channel`]).

mod backoff;
mod capture;
mod dial_in;
mod dialler;
mod error;
mod gate;
mod mask;
mod place;
mod serial;
mod tap;
mod tcp;

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::TcpStream;
use tokio_serial::SerialStream;

pub use backoff::Backoff;
pub use capture::{Capture, CaptureSettings, Captures};
pub use dial_in::{DialIn, DialInError, DialInLine, DialInSettings, DialledIn, Incoming, Registration};
pub use dialler::Dialler;
pub use error::LinkError;
pub use gate::{Blocked, Cleared, Gate};
pub use mask::{hex_without, secrets};
pub use place::{Place, Rate};
pub use tap::{Direction, Gathering, Tap};
pub use tcp::Liveness;

/// An open path to one line.
#[derive(Debug)]
pub enum Link {
    /// A serial port of this machine.
    Serial(SerialStream),
    /// A TCP connection to a serial server or a simulator.
    Tcp(TcpStream),
    /// A TCP connection that a device has dialled in.
    Incoming(Box<Incoming>),
    /// Memory: the other end is in this process.
    Memory(DuplexStream),
}

impl Link {
    /// Opens the path, within `limit` for a connection over the network.
    ///
    /// # Errors
    /// [`LinkError`] says what could not be opened and why.
    pub async fn open(place: &Place, limit: Duration) -> Result<Self, LinkError> {
        match place {
            Place::Serial { device, rate } => serial::open(device, *rate),
            Place::Tcp(address) => tcp::connect(address, limit).await,
        }
    }

    /// Sets the line to another rate, where that is ours to set: a serial server has its own settings.
    ///
    /// # Errors
    /// [`LinkError::Failed`] when the port refuses.
    pub fn tune(&mut self, rate: Rate) -> Result<(), LinkError> {
        match self {
            Self::Serial(port) => serial::tune(port, rate),
            Self::Tcp(_) | Self::Incoming(_) | Self::Memory(_) => Ok(()),
        }
    }

    /// Waits for bytes and gives how many came, at least one.
    ///
    /// # Errors
    /// [`LinkError::Closed`] at the end of the stream, which is also what an unplugged adapter looks like;
    /// [`LinkError::Failed`] otherwise. Either way the path has to be opened anew.
    pub async fn read(&mut self, room: &mut [u8]) -> Result<usize, LinkError> {
        let read = match self {
            Self::Serial(port) => port.read(room).await,
            Self::Tcp(stream) => stream.read(room).await,
            Self::Incoming(stream) => return stream.read(room).await,
            Self::Memory(stream) => stream.read(room).await,
        };
        match read {
            Ok(0) => Err(LinkError::Closed),
            Ok(count) => Ok(count),
            Err(error) => Err(LinkError::Failed(error)),
        }
    }

    /// Writes some of the bytes and gives how many were taken.
    ///
    /// # Errors
    /// [`LinkError::Closed`] when none can be, [`LinkError::Failed`] otherwise.
    pub async fn write(&mut self, cleared: Cleared<'_>) -> Result<usize, LinkError> {
        let bytes = cleared.bytes();
        let written = match self {
            Self::Serial(port) => port.write(bytes).await,
            Self::Tcp(stream) => stream.write(bytes).await,
            Self::Incoming(stream) => stream.write(bytes).await,
            Self::Memory(stream) => stream.write(bytes).await,
        };
        match written {
            Ok(0) => Err(LinkError::Closed),
            Ok(count) => Ok(count),
            Err(error) => Err(LinkError::Failed(error)),
        }
    }
}
