//! Where a line is to be found.

use std::fmt;

/// Where a line is to be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A serial port and how it is set.
    Serial {
        /// Device file, by a stable name such as those below `/dev/serial/by-id`: an adapter that is pulled out and put
        /// in again is found by it.
        device: String,
        /// Bits a second.
        baud: u32,
        /// Parity bit; meters use even. [645-2007 1]
        parity: ParityBit,
    },
    /// Host and port of a serial server.
    Tcp(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Serial { device, baud, parity } => write!(f, "{device} at {baud} 8{}1", parity.letter()),
            Self::Tcp(address) => f.write_str(address),
        }
    }
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

impl ParityBit {
    /// The letter that stands for it, as in 8E1.
    #[must_use]
    pub const fn letter(self) -> char {
        match self {
            Self::Even => 'E',
            Self::Odd => 'O',
            Self::None => 'N',
        }
    }
}
