//! Where a line is to be found.

use std::fmt;

use crate::config::{Line, LinePlace};
use crate::domain::Parity;

/// Where a line is to be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A serial port and how it is set.
    Serial {
        /// Device file, by a stable name such as those below `/dev/serial/by-id`: an adapter that is pulled out and put
        /// in again is found by it.
        device: String,
        /// Speed and parity; meters use even. [645-2007 1]
        rate: Rate,
    },
    /// Host and port of a serial server.
    Tcp(String),
}

impl Place {
    /// Where a line of the configuration is, when it is not one that is dialled in.
    #[must_use]
    pub fn of(line: &Line) -> Option<Self> {
        match &line.place {
            LinePlace::Serial(device) => Some(Self::Serial {
                device: device.to_string_lossy().into_owned(),
                rate: Rate { baud: line.baud, parity: line.parity },
            }),
            LinePlace::Tcp(address) => Some(Self::Tcp(address.to_string())),
            LinePlace::Registered(_) | LinePlace::From(_) => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Serial { device, rate } => write!(f, "{device} at {rate}"),
            Self::Tcp(address) => f.write_str(address),
        }
    }
}

/// How bytes look on a bus (速率与校验); eight data bits and one stop bit always. [645-2007 1]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Bits a second.
    pub baud: u32,
    /// The parity bit.
    pub parity: Parity,
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parity = match self.parity {
            Parity::Even => 'E',
            Parity::Odd => 'O',
            Parity::None => 'N',
        };
        write!(f, "{} 8{parity}1", self.baud)
    }
}
