//! The path to a line: a serial port, a TCP connection either way, a terminal that forwards, the service that has the line,
//! or memory in tests.
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
mod forwarded;
mod gate;
mod lent;
mod mask;
mod modbus;
mod ours;
mod place;
mod serial;
mod tap;
mod tcp;

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::TcpStream;
use tokio_serial::{SerialPort as _, SerialStream};

pub use backoff::Backoff;
pub use capture::{Capture, CaptureSettings, Captures};
pub use dial_in::{DialIn, DialInError, DialInLine, DialInSettings, DialledIn, Incoming, Registration};
pub use dialler::Dialler;
pub use error::LinkError;
pub use forwarded::{Answer, Brought, Carried, Carrier, Forwarded, Later, Purpose, Turn, Urgency};
pub use gate::{Blocked, Cleared, Gate};
pub use lent::{
    Beside, Greeting, Heard, LONGEST, Lengths, Lent, MOST_TURN, Reply, Terms, Wish, bind, names, user_name,
};
pub use mask::{hex_without, secrets};
pub use modbus::{RegisterFrame, check_bytes, register_frames};
pub use ours::Ours;
pub use place::{Place, Rate};
pub use tap::{Direction, Gathering, Tap};
pub use tcp::{Liveness, watch_over};

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
    /// A terminal that forwards frames.
    Forwarded(Box<Forwarded>),
    /// The service that has the line, on this machine.
    Lent(Box<Lent>),
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
            Self::Tcp(_) | Self::Incoming(_) | Self::Memory(_) | Self::Forwarded(_) | Self::Lent(_) => Ok(()),
        }
    }

    /// Gets ready to send a frame for this purpose. Where a terminal forwards it, that is waiting for its turn, which may
    /// take long; dropping the future gives the place up. Other paths are ready.
    ///
    /// # Errors
    /// [`LinkError::NoTurn`] when the turn did not come in time, [`LinkError::Closed`] when the terminal is gone.
    pub async fn prepare(&mut self, purpose: Purpose) -> Result<(), LinkError> {
        match self {
            Self::Forwarded(path) => path.prepare(purpose).await,
            Self::Serial(_) | Self::Tcp(_) | Self::Incoming(_) | Self::Memory(_) | Self::Lent(_) => Ok(()),
        }
    }

    /// What the path adds at most to the delay of this meter's answers, as far as the path itself knows.
    #[must_use]
    pub fn delay(&self, meter: [u8; 6]) -> Option<Duration> {
        match self {
            Self::Forwarded(path) => Some(path.delay(meter)),
            Self::Serial(_) | Self::Tcp(_) | Self::Incoming(_) | Self::Memory(_) | Self::Lent(_) => None,
        }
    }

    /// True when an answer says to which question it belongs, so that an old one need not be waited out (F6). The service
    /// that has a line waits old ones out itself.
    #[must_use]
    pub const fn numbers_answers(&self) -> bool {
        matches!(self, Self::Forwarded(_) | Self::Lent(_))
    }

    /// How long the path may take no byte before it counts as failed. A terminal may be about something else.
    #[must_use]
    pub const fn write_within(&self) -> Duration {
        match self {
            Self::Forwarded(_) => Duration::from_secs(60),
            // It returns with the answer.
            Self::Lent(_) => MOST_TURN.saturating_mul(2),
            Self::Serial(_) | Self::Tcp(_) | Self::Incoming(_) | Self::Memory(_) => Duration::from_secs(5),
        }
    }

    /// True when nothing has come that was not read yet, and the path stands, by the word of the system itself. False where
    /// it does not say so: only [`Self::read`] tells.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        match self {
            Self::Serial(port) => port.bytes_to_read().is_ok_and(|count| count == 0),
            Self::Tcp(stream) => tcp::is_quiet(stream),
            Self::Incoming(_) | Self::Memory(_) | Self::Forwarded(_) | Self::Lent(_) => false,
        }
    }

    /// Waits for bytes and gives how many came, at least one.
    ///
    /// # Errors
    /// [`LinkError::NoAnswer`] when the path is as good as before and knows that nothing will come;
    /// [`LinkError::Closed`] at the end of the stream, which is also what an unplugged adapter looks like;
    /// [`LinkError::Failed`] otherwise. Either way the path has to be opened anew.
    pub async fn read(&mut self, room: &mut [u8]) -> Result<usize, LinkError> {
        let read = match self {
            Self::Serial(port) => port.read(room).await,
            Self::Tcp(stream) => stream.read(room).await,
            Self::Incoming(stream) => return stream.read(room).await,
            Self::Memory(stream) => stream.read(room).await,
            Self::Forwarded(path) => return path.read(room).await,
            Self::Lent(path) => return path.read(room),
        };
        match read {
            Ok(0) => Err(LinkError::Closed),
            Ok(count) => Ok(count),
            Err(error) => Err(LinkError::Failed(error)),
        }
    }

    /// Writes some of the bytes and gives how many were taken. A terminal takes a frame as a whole.
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
            Self::Forwarded(path) => return path.write(cleared).await,
            Self::Lent(path) => return path.write(cleared).await,
        };
        match written {
            Ok(0) => Err(LinkError::Closed),
            Ok(count) => Ok(count),
            Err(error) => Err(LinkError::Failed(error)),
        }
    }
}
