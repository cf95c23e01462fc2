//! What one terminal and its lines are like.

use core::time::Duration;

use super::plc::Plc;

/// Times, sizes and depths of a terminal. Its heartbeat, waits and tries may be changed by the master (AFN 04 F1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// From one heartbeat to the next.
    pub heartbeat: Duration,
    /// How long it waits for the confirmation of a login, a heartbeat or a report.
    pub answer_wait: Duration,
    /// How often a login or a report is sent before it gives up for a while.
    pub tries: u8,
    /// From the loss of a connection to the next attempt; doubled after each failure, up to [`Settings::longest_redial`].
    pub redial: Duration,
    /// The longest pause between two attempts.
    pub longest_redial: Duration,
    /// Before the first attempt it waits up to so long, so that not all terminals come at once.
    pub first_dial_within: Duration,
    /// The pause before reports that nobody confirmed are sent anew.
    pub report_pause: Duration,
    /// How long it thinks about a request, from and to.
    pub thinks: (Duration, Duration),
    /// The most bytes that L of its own frames counts. [1376 8]
    pub sends: u16,
    /// The most bytes that L of frames to it may count.
    pub takes: u16,
    /// How long after its midnight it begins to read the meters.
    pub reads_after_midnight: Duration,
    /// The pause before meters that did not answer are tried again.
    pub pass_pause: Duration,
    /// How often a meter is asked in one pass.
    pub asks: u8,
    /// How many days back missing freezes are fetched from the meters.
    pub catch_up_days: u32,
    /// How many days of freezes it keeps.
    pub keeps_days: u32,
    /// How many months of freezes it keeps.
    pub keeps_months: u32,
    /// How many days of curves it keeps.
    pub keeps_curve_days: u32,
    /// Density of its curves: 1 every 15 minutes, 2 every 30, 3 every 60, 254 every 5, 255 every one. [1376 3.9]
    pub density: u8,
    /// The line to its meters.
    pub plc: Plc,
    /// The network to its master.
    pub air: Air,
}

/// What the network between a terminal and its master costs each answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Air {
    /// From a request to the first byte of its answer, beside what the terminal thinks.
    pub round_trip: Duration,
    /// How fast an answer goes up, bits a second; 0 for at once.
    pub bits_a_second: u32,
}

impl Air {
    /// GPRS: 0.7 s, 20 kbit/s up.
    pub const GPRS: Self = Self { round_trip: Duration::from_millis(700), bits_a_second: 20_000 };
    /// 4G, category 1: 0.08 s, 1 Mbit/s up.
    pub const CAT_1: Self = Self { round_trip: Duration::from_millis(80), bits_a_second: 1_000_000 };

    /// How long so many bytes take, with the [`HEADS`] of TCP/IP.
    #[must_use]
    pub fn takes(self, bytes: usize) -> Duration {
        let bits = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_add(HEADS).saturating_mul(8);
        let micros = bits.saturating_mul(1_000_000).checked_div(self.bits_a_second.into());
        Duration::from_micros(micros.unwrap_or_default())
    }
}

/// What TCP and IP put before the bytes of a frame.
pub const HEADS: u64 = 40;

impl Default for Settings {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(300),
            answer_wait: Duration::from_secs(30),
            tries: 3,
            redial: Duration::from_secs(10),
            longest_redial: Duration::from_secs(300),
            first_dial_within: Duration::from_secs(2),
            report_pause: Duration::from_secs(600),
            thinks: (Duration::from_millis(60), Duration::from_millis(400)),
            sends: 1024,
            takes: 2048,
            reads_after_midnight: Duration::from_secs(120),
            pass_pause: Duration::from_secs(1800),
            asks: 2,
            catch_up_days: 1,
            keeps_days: 31,
            keeps_months: 12,
            keeps_curve_days: 10,
            density: 1,
            plc: Plc::default(),
            air: Air::default(),
        }
    }
}

impl Settings {
    /// Answers at once and meters that always answer within milliseconds: for load tests and demonstrations.
    #[must_use]
    pub fn swift() -> Self {
        Self {
            thinks: (Duration::ZERO, Duration::from_millis(5)),
            first_dial_within: Duration::ZERO,
            reads_after_midnight: Duration::from_secs(65),
            plc: Plc::swift(),
            ..Self::default()
        }
    }
}
