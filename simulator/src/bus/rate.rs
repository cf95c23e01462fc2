//! How fast a line talks and how its bytes look: baud, parity, and what follows for times.

use core::fmt;
use core::time::Duration;

use super::tempo::Tempo;

/// The parity bit of a byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Parity {
    /// What the protocol wants. [645-2007 1]
    #[default]
    Even,
    /// As set by mistake.
    Odd,
    /// No ninth bit: ten bits a byte.
    None,
}

/// Speed and parity; always 8 data bits and one stop bit. [645-2007 1]
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    baud: u32,
    parity: Parity,
}

/// A speed that no line has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{baud} baud is outside {SLOWEST} to {FASTEST}")]
pub struct NotARate {
    /// What was asked for.
    pub baud: u32,
}

const SLOWEST: u32 = 50;
const FASTEST: u32 = 1_000_000;

impl Rate {
    /// Any speed from 50 to 1,000,000 baud.
    ///
    /// # Errors
    /// [`NotARate`] for another speed.
    pub const fn new(baud: u32, parity: Parity) -> Result<Self, NotARate> {
        if baud < SLOWEST || baud > FASTEST { Err(NotARate { baud }) } else { Ok(Self { baud, parity }) }
    }

    /// Bits a second.
    #[must_use]
    pub const fn baud(self) -> u32 {
        self.baud
    }

    /// The parity bit.
    #[must_use]
    pub const fn parity(self) -> Parity {
        self.parity
    }

    /// The same speed with another parity.
    #[must_use]
    pub const fn with_parity(self, parity: Parity) -> Self {
        Self { parity, ..self }
    }

    /// How long so many bytes take, rounded down to the nanosecond.
    #[must_use]
    pub fn span(self, bytes: usize) -> Duration {
        Duration::from_nanos(Tempo::of(self, 1).bytes(bytes))
    }
}

impl Default for Rate {
    /// 2400 baud, even parity: what a meter on RS-485 is delivered with.
    fn default() -> Self {
        Self { baud: 2_400, parity: Parity::Even }
    }
}

impl fmt::Display for Rate {
    /// `2400 8E1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parity = match self.parity {
            Parity::Even => 'E',
            Parity::Odd => 'O',
            Parity::None => 'N',
        };
        write!(f, "{} 8{parity}1", self.baud)
    }
}

impl fmt::Debug for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eleven_bits_a_byte_and_no_rounding_that_adds_up() {
        let rate = Rate::default();
        assert_eq!(rate.to_string(), "2400 8E1");
        assert_eq!(rate.span(1), Duration::from_nanos(4_583_333));
        assert_eq!(rate.span(60), Duration::from_millis(275));
        assert_eq!(rate.with_parity(Parity::None).span(60), Duration::from_millis(250));
        assert_eq!(Rate::new(49, Parity::Even), Err(NotARate { baud: 49 }));
    }
}
