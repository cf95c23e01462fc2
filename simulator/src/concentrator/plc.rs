//! The line from a terminal to its meters: narrow-band power line communication (PLC, 窄带载波), slow and lossy.
//!
//! What happens to an exchange is drawn from the seed, the meter and the number of the exchange; nothing is stored.

use core::time::Duration;

use crate::instant::{At, DAY_SECONDS};
use crate::seed::Seed;

/// What the line is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plc {
    /// An exchange with the nearest meter.
    pub shortest: Duration,
    /// An exchange with the farthest.
    pub longest: Duration,
    /// Of 1024 requests so many do not reach their meter.
    pub loses_requests: u16,
    /// Of 1024 answers so many do not come back.
    pub loses_answers: u16,
    /// On so many of 1024 days a meter cannot be reached, from midnight until some hour of the day.
    pub unreachable_days: u16,
    /// How long the terminal itself waits for an answer.
    pub wait: Duration,
}

impl Default for Plc {
    fn default() -> Self {
        Self {
            shortest: Duration::from_millis(900),
            longest: Duration::from_millis(5_000),
            loses_requests: 20,
            loses_answers: 20,
            unreachable_days: 8,
            wait: Duration::from_secs(10),
        }
    }
}

impl Plc {
    /// A line without losses that takes up to a minute for an exchange, as far meters behind many relays do.
    #[must_use]
    pub const fn slow() -> Self {
        Self {
            shortest: Duration::from_secs(45),
            longest: Duration::from_secs(45),
            wait: Duration::from_secs(60),
            ..Self::swift()
        }
    }

    /// A line without losses on which every exchange takes milliseconds.
    #[must_use]
    pub const fn swift() -> Self {
        Self {
            shortest: Duration::from_millis(5),
            longest: Duration::from_millis(15),
            loses_requests: 0,
            loses_answers: 0,
            unreachable_days: 0,
            wait: Duration::from_secs(2),
        }
    }
}

/// What becomes of one exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fate {
    /// The meter hears the request.
    pub(super) is_heard: bool,
    /// The terminal hears the answer.
    pub(super) is_answered: bool,
    /// From the begin until the meter has heard.
    pub(super) down: Duration,
    /// From the begin until the terminal has heard.
    pub(super) both: Duration,
}

impl Plc {
    /// What becomes of the `exchange`-th exchange with a meter.
    pub(super) fn fate(&self, seed: Seed, address: u64, exchange: u64, at: At) -> Fate {
        let meter = seed.named("plc").numbered(address);
        let span = self.longest.saturating_sub(self.shortest);
        // A meter is near or far for good, and each exchange differs a little.
        let distance = u32::try_from(meter.between(0, 0, 100)).unwrap_or_default();
        let jitter = u32::try_from(meter.named("jitter").between(exchange, 80, 120)).unwrap_or(100);
        let both = (self.shortest + span * distance / 100) * jitter / 100;
        let happens = |name: &str, share: u16| meter.named(name).happens(exchange, i64::from(share));
        let is_heard = self.is_reachable(seed, address, at) && !happens("request", self.loses_requests);
        Fate {
            is_heard,
            is_answered: is_heard && !happens("answer", self.loses_answers),
            down: both / 2,
            both,
        }
    }

    /// Whether a meter can be reached at all.
    pub(super) fn is_reachable(&self, seed: Seed, address: u64, at: At) -> bool {
        at.second_of_day() >= self.unreachable_until(seed, address, at.day())
    }

    /// The second of the day until which a meter cannot be reached, 0 on most days and the end of the day at the most.
    pub(super) fn unreachable_until(&self, seed: Seed, address: u64, day: u32) -> u32 {
        let meter = seed.named("reach").numbered(address);
        if !meter.happens(u64::from(day), i64::from(self.unreachable_days)) {
            return 0;
        }
        let until = meter.named("until").between(u64::from(day), 2 * 3_600, 30 * 3_600);
        u32::try_from(until).unwrap_or_default().min(DAY_SECONDS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn losses_and_bad_nights_come_as_often_as_said() {
        let plc = Plc { loses_requests: 102, loses_answers: 51, unreachable_days: 102, ..Plc::default() };
        let (seed, noon) = (Seed::new(3), sample::at(2026, 11, 21, 12, 0));
        let fates: Vec<Fate> =
            (0..10_000).map(|n| Plc { unreachable_days: 0, ..plc }.fate(seed, 7, n, noon)).collect();
        let heard = fates.iter().filter(|fate| fate.is_heard).count();
        let answered = fates.iter().filter(|fate| fate.is_answered).count();
        assert!(heard.abs_diff(9_000) < 150 && answered.abs_diff(8_550) < 150, "{heard} {answered}");
        assert!(fates.iter().all(|fate| fate.down < fate.both && fate.both <= plc.longest * 12 / 10));
        let bad = (0..10_000).filter(|day| plc.unreachable_until(seed, 7, *day) > 0).count();
        assert!(bad.abs_diff(1_000) < 150, "{bad}");
    }

    #[test]
    fn a_meter_out_of_reach_hears_nothing_until_its_hour() {
        let plc = Plc { loses_requests: 0, loses_answers: 0, unreachable_days: 1024, ..Plc::default() };
        let seed = Seed::new(1);
        let day = sample::day(2026, 11, 21);
        let until = plc.unreachable_until(seed, 5, day);
        assert!(until >= 7_200);
        assert!(!plc.fate(seed, 5, 0, At::midnight(day).plus(i64::from(until) - 1)).is_heard);
        if until < DAY_SECONDS {
            assert!(plc.fate(seed, 5, 0, At::midnight(day).plus(i64::from(until))).is_answered);
        }
    }
}
