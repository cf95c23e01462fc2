//! The path to a line: a serial port, a TCP connection to a serial server, or memory in tests.
//!
//! A link carries bytes and knows nothing of frames. It guarantees that a serial port is opened for this process
//! alone, and says in plain words why a path cannot be opened. What it leaves to others: when to send and what an
//! answer is ([`crate::channel`]).

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::TcpStream;
use tokio_serial::{DataBits, Parity, SerialPortBuilderExt, SerialStream, StopBits};

/// An open path to one line.
#[derive(Debug)]
pub enum Link {
    /// A serial port of this machine.
    Serial(SerialStream),
    /// A TCP connection to a serial server or a simulator.
    Tcp(TcpStream),
    /// Memory: the other end is in this process.
    Memory(DuplexStream),
}

/// Where a line is to be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A serial port and how it is set.
    Serial {
        /// Device file, by a stable name such as those below `/dev/serial/by-id`.
        device: String,
        /// Bits a second.
        baud: u32,
        /// Parity bit; meters use even. [645-2007 1]
        parity: ParityBit,
    },
    /// Host and port of a serial server.
    Tcp(String),
}

/// The parity bit of a serial port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ParityBit {
    /// Even, as the standard has it.
    #[default]
    Even,
    /// Odd.
    Odd,
    /// None.
    None,
}

/// Why a link cannot be opened or has failed.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The serial port cannot be opened.
    #[error("serial port {device} cannot be opened ({reason})")]
    OpenSerial {
        /// The port.
        device: String,
        /// What to look at.
        reason: &'static str,
        /// What the system said.
        #[source]
        source: tokio_serial::Error,
    },
    /// The TCP connection cannot be made.
    #[error("no connection to {address}")]
    Connect {
        /// Host and port.
        address: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Nobody answered the connection in time.
    #[error("no connection to {address} within {} s", limit.as_secs())]
    ConnectTimeout {
        /// Host and port.
        address: String,
        /// How long it was tried.
        limit: Duration,
    },
    /// The other side has closed the connection, or the adapter was unplugged.
    #[error("the line is closed")]
    Closed,
    /// Reading or writing failed.
    #[error("the line failed")]
    Failed(#[source] io::Error),
}

impl LinkError {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::OpenSerial { .. } => "open_serial",
            Self::Connect { .. } => "connect",
            Self::ConnectTimeout { .. } => "connect_timeout",
            Self::Closed => "closed",
            Self::Failed(_) => "failed",
        }
    }
}

impl Link {
    /// Opens the path, within `limit` for a connection over the network.
    ///
    /// # Errors
    /// [`LinkError`] says what could not be opened and why.
    pub async fn open(place: &Place, limit: Duration) -> Result<Self, LinkError> {
        match place {
            Place::Serial { device, baud, parity } => open_serial(device, *baud, *parity),
            Place::Tcp(address) => connect(address, limit).await,
        }
    }

    /// Waits for bytes and gives how many came, at least one.
    ///
    /// # Errors
    /// [`LinkError::Closed`] at the end of the stream, [`LinkError::Failed`] otherwise.
    pub async fn read(&mut self, room: &mut [u8]) -> Result<usize, LinkError> {
        let read = match self {
            Self::Serial(port) => port.read(room).await,
            Self::Tcp(stream) => stream.read(room).await,
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
    pub async fn write(&mut self, bytes: &[u8]) -> Result<usize, LinkError> {
        let written = match self {
            Self::Serial(port) => port.write(bytes).await,
            Self::Tcp(stream) => stream.write(bytes).await,
            Self::Memory(stream) => stream.write(bytes).await,
        };
        match written {
            Ok(0) => Err(LinkError::Closed),
            Ok(count) => Ok(count),
            Err(error) => Err(LinkError::Failed(error)),
        }
    }
}

fn open_serial(device: &str, baud: u32, parity: ParityBit) -> Result<Link, LinkError> {
    let parity = match parity {
        ParityBit::Even => Parity::Even,
        ParityBit::Odd => Parity::Odd,
        ParityBit::None => Parity::None,
    };
    let port = tokio_serial::new(device, baud)
        .data_bits(DataBits::Eight)
        .parity(parity)
        .stop_bits(StopBits::One)
        .open_native_async();
    port.map(Link::Serial).map_err(|source| {
        use tokio_serial::ErrorKind;
        let reason = match source.kind() {
            ErrorKind::NoDevice => "it is in use by another program, or gone",
            ErrorKind::Io(io::ErrorKind::NotFound) => "there is no such device: is the adapter plugged in?",
            ErrorKind::Io(io::ErrorKind::PermissionDenied) => {
                "no right to use it: the user must be in the group that owns the device, often dialout"
            }
            _ => "see the cause",
        };
        LinkError::OpenSerial { device: device.to_owned(), reason, source }
    })
}

async fn connect(address: &str, limit: Duration) -> Result<Link, LinkError> {
    let connected = tokio::time::timeout(limit, TcpStream::connect(address)).await;
    let stream = match connected {
        Ok(Ok(stream)) => stream,
        Ok(Err(source)) => return Err(LinkError::Connect { address: address.to_owned(), source }),
        Err(_) => return Err(LinkError::ConnectTimeout { address: address.to_owned(), limit }),
    };
    // A request is one small packet that should leave at once; without it the exchange is slower, not wrong.
    let _ = stream.set_nodelay(true);
    Ok(Link::Tcp(stream))
}
