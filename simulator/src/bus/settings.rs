//! What one bus is like.

use core::time::Duration;

use super::rate::Rate;

/// What one bus is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The rate of the masters.
    pub rate: Rate,
    /// Masters hear their own bytes, as behind many half-duplex adapters.
    pub echo: bool,
    /// How long a master still drives the line behind its last byte, and hears nothing.
    pub turnaround: Duration,
    /// The longest pause within a request; behind it stations forget what was begun. [645-2007 1]
    pub byte_gap: Duration,
    /// How long a byte may wait for more before it is handed to a master, as in a serial server. The end of a stretch
    /// of bytes is handed on at once.
    pub packing: Duration,
    /// Masters take over a rate that a station changes to: the serial server is set to it as well.
    pub masters_follow: bool,
    /// True times, or none.
    pub pace: Pace,
}

/// Whether a bus takes its time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// Bytes and answer delays take as long as on a real line.
    #[default]
    Paced,
    /// Bytes take 0.1 µs and nobody waits: answers at once, for load tests. Rates keep their ratios, so that a wrong
    /// one is still wrong, and answers that collide still do.
    Unpaced,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rate: Rate::default(),
            echo: false,
            turnaround: Duration::ZERO,
            byte_gap: Duration::from_millis(500),
            packing: Duration::from_millis(100),
            masters_follow: true,
            pace: Pace::Paced,
        }
    }
}

impl Settings {
    /// How many times faster than their rates bytes run.
    pub(super) fn hurry(&self) -> u64 {
        match self.pace {
            Pace::Paced => 1,
            Pace::Unpaced => UNPACED_BAUD / u64::from(self.rate.baud()),
        }
    }

    /// What is left of a pause that somebody makes.
    pub(super) const fn pause(&self, span: Duration) -> Duration {
        match self.pace {
            Pace::Paced => span,
            Pace::Unpaced => Duration::ZERO,
        }
    }
}

const UNPACED_BAUD: u64 = 100_000_000;
