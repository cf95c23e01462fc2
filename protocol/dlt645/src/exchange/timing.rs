//! How long things may take on a line, and where each figure comes from.

use std::time::Duration;

/// The times of one line or meter; a profile may change each. The figures of the standard are the same in both
/// editions. [645-2007 1 timing] [645-1997 1]
///
/// ```
/// use dlt645::exchange::Timing;
/// use std::time::Duration;
///
/// let line = Timing::serial(9600);
/// assert_eq!(line.wire_time(20), Duration::from_nanos(22_916_666), "20 bytes of 11 bits");
///
/// let behind_a_carrier = line.with_path_delay(Duration::from_secs(8));
/// assert_eq!(behind_a_carrier.td_max, Duration::from_millis(8500));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Bits a second; a byte is 11 bits on the line (start, eight, even parity, stop) [645-2007 1 line]. Default 2400, the speed
    /// RS-485 meters are delivered with.
    pub baud: u32,
    /// How many FEH are sent before a request. Default 4, as the standard has it.
    pub wake_up_bytes: u8,
    /// How long after the last byte of the request the first byte of the answer, wake-up bytes counted, may take.
    /// Default: the 500 ms that the standard gives a meter (Td), four bytes at this speed, and 200 ms for a
    /// converter. A master that learns its meters narrows it.
    pub first_byte: Duration,
    /// How long the line may pause inside an answer before it counts as ended. Default 500 ms, the standard's Tb.
    pub gap: Duration,
    /// The longest from the end of the request to the last byte of its answer, whatever keeps coming in between.
    /// Default: `first_byte`, twice the longest answer, and 2 s.
    pub answer_limit: Duration,
    /// After this long no repetition and no further piece is asked for. Default 60 s.
    pub exchange_limit: Duration,
    /// The longest that a meter may take to begin to answer; a late answer is waited out by it. The standard's
    /// Td maximum, 500 ms, by default; behind a concentrator the longest its path has been seen to take.
    pub td_max: Duration,
    /// How long the line stays quiet after an answer; several meters need it to turn round. Default 30 ms.
    pub quiet_after_answer: Duration,
    /// How long a line may go on talking when it should be quiet before that is an alarm. Default 2 s. (F11)
    pub chatter_limit: Duration,
    /// How often a question that changes nothing is repeated after silence. Default 2. What changes a meter is
    /// never repeated.
    pub retries: u8,
    /// The most bytes of one answer, wake-up bytes and frame. Default 216: four, the frame, and 200 data bytes.
    pub longest_answer: usize,
}

impl Default for Timing {
    fn default() -> Self {
        Self::serial(2400)
    }
}

impl Timing {
    /// The defaults for a bus at this speed, reached through a serial port or a serial server near by.
    #[must_use]
    pub fn serial(baud: u32) -> Self {
        let mut timing = Self {
            baud: baud.max(1),
            wake_up_bytes: 4,
            first_byte: Duration::ZERO,
            gap: Duration::from_millis(500),
            answer_limit: Duration::ZERO,
            exchange_limit: Duration::from_secs(60),
            td_max: Duration::from_millis(500),
            quiet_after_answer: Duration::from_millis(30),
            chatter_limit: Duration::from_secs(2),
            retries: 2,
            longest_answer: 216,
        };
        timing.first_byte = timing.td_max + timing.wire_time(4) + Duration::from_millis(200);
        timing.answer_limit =
            timing.first_byte + timing.wire_time(timing.longest_answer) * 2 + Duration::from_secs(2);
        timing
    }

    /// The same behind a path that adds up to `delay` to every answer: a radio, a power-line carrier, a
    /// concentrator that forwards.
    #[must_use]
    pub fn with_path_delay(self, delay: Duration) -> Self {
        Self {
            first_byte: self.first_byte.saturating_add(delay),
            answer_limit: self.answer_limit.saturating_add(delay),
            td_max: self.td_max.saturating_add(delay),
            ..self
        }
    }

    /// How long so many bytes take on the line.
    #[must_use]
    pub fn wire_time(&self, bytes: usize) -> Duration {
        const BIT_NANOS: u64 = 1_000_000_000;
        let bits = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_mul(11);
        Duration::from_nanos(bits.saturating_mul(BIT_NANOS) / u64::from(self.baud.max(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // covers [645-2007 1 timing] [645-2007 1 line] [645-1997 1]
    #[test]
    fn the_defaults_are_those_of_the_standard() {
        let timing = Timing::default();
        assert_eq!(timing.first_byte, Duration::from_millis(700) + timing.wire_time(4));
        assert_eq!(timing.wire_time(216).as_millis(), 990);
        assert!(timing.answer_limit > timing.first_byte + timing.wire_time(216));
        assert_eq!(Timing::serial(0).wire_time(1), Duration::from_secs(11), "no speed, no division by zero");
        assert_eq!(Timing::serial(300).wire_time(usize::MAX), Duration::from_nanos(u64::MAX / 300));
    }
}
