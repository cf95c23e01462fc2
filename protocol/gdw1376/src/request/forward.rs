//! Transparent forwarding (透明转发), AFN 10 F1: a whole frame for a meter, carried as it is. The terminal judges its own frame,
//! the meter the one inside; the caller has to judge both. [1376 3.12] [1376 7]

use super::RequestError;
use crate::format::EncodeError;

/// A frame for a meter, and how the terminal speaks on its port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// The terminal's port, 1 to 31; 31 is the carrier or radio module of most makers.
    pub port: u8,
    /// How the port speaks. A carrier module does not care.
    pub line: LineSettings,
    /// How long the meter may take to answer.
    pub answer_within: Wait,
    /// How long the meter may pause between two bytes, in steps of 10 ms.
    pub byte_timeout: u8,
    /// The frame, opaque bytes.
    pub frame: Vec<u8>,
}

/// How a port speaks, one byte (透明转发通信控制字).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineSettings {
    /// The code of the speed, 0 to 7: 300, 600, 1200, 2400, 4800, 7200, 9600, 19200 bits a second. The archive counts
    /// otherwise: there 0 is the port's own speed.
    pub speed: u8,
    /// Two stop bits instead of one.
    pub two_stop_bits: bool,
    /// The parity.
    pub parity: Parity,
    /// Data bits, 5 to 8.
    pub data_bits: u8,
}

/// The parity of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Parity {
    /// None.
    None,
    /// Even, what DL/T 645 has.
    Even,
    /// Odd.
    Odd,
}

impl LineSettings {
    /// 2400 bits a second, even parity, one stop bit: the usual setting for DL/T 645.
    pub const METER_2400: Self = Self { speed: 3, two_stop_bits: false, parity: Parity::Even, data_bits: 8 };

    /// Reads the byte.
    #[must_use]
    pub const fn from_wire(byte: u8) -> Self {
        let parity = match byte & 0x0C {
            0x08 => Parity::Even,
            0x0C => Parity::Odd,
            _ => Parity::None,
        };
        Self { speed: byte >> 5, two_stop_bits: byte & 0x10 != 0, parity, data_bits: (byte & 3) + 5 }
    }

    /// The byte; `None` when a number is out of its range.
    #[must_use]
    pub fn wire(self) -> Option<u8> {
        let fits = self.speed <= 7 && (5..=8).contains(&self.data_bits);
        let parity = match self.parity {
            Parity::None => 0,
            Parity::Even => 0x08,
            Parity::Odd => 0x0C,
        };
        let stop = if self.two_stop_bits { 0x10 } else { 0 };
        fits.then(|| self.speed << 5 | stop | parity | (self.data_bits - 5))
    }
}

/// How long to wait, one byte: steps of 10 ms, or seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// So many steps of 10 ms, 0 to 127.
    TenMilliseconds(u8),
    /// So many seconds, 0 to 127. A carrier network needs 60 to 90.
    Seconds(u8),
}

impl Wait {
    /// Reads the byte.
    #[must_use]
    pub const fn from_wire(byte: u8) -> Self {
        if byte & 0x80 == 0 { Self::TenMilliseconds(byte) } else { Self::Seconds(byte & 0x7F) }
    }

    /// The byte; `None` above 127.
    #[must_use]
    pub const fn wire(self) -> Option<u8> {
        match self {
            Self::TenMilliseconds(steps @ 0..=0x7F) => Some(steps),
            Self::Seconds(seconds @ 0..=0x7F) => Some(seconds | 0x80),
            _ => None,
        }
    }
}

impl Forward {
    /// Appends the data of the unit.
    pub(super) fn emit(&self, out: &mut Vec<u8>) -> Result<(), RequestError> {
        if self.frame.is_empty() {
            return Err(RequestError::Nothing("frame"));
        }
        let misfit = EncodeError::DoesNotFit;
        let port = Some(self.port).filter(|port| (1..=31).contains(port)).ok_or(misfit)?;
        let line = self.line.wire().ok_or(misfit)?;
        let wait = self.answer_within.wire().ok_or(misfit)?;
        let length = u16::try_from(self.frame.len()).map_err(|_| misfit)?;
        out.extend([port, line, wait, self.byte_timeout]);
        out.extend(length.to_le_bytes());
        out.extend(&self.frame);
        Ok(())
    }

    /// Reads the data of the unit; `None` when they are no such request.
    #[must_use]
    pub fn read(data: &[u8]) -> Option<Self> {
        let ([port, line, wait, byte_timeout, low, high], frame) = data.split_first_chunk()?;
        let length = usize::from(u16::from_le_bytes([*low, *high]));
        (frame.len() == length).then(|| Self {
            port: *port,
            line: LineSettings::from_wire(*line),
            answer_within: Wait::from_wire(*wait),
            byte_timeout: *byte_timeout,
            frame: frame.to_vec(),
        })
    }
}
