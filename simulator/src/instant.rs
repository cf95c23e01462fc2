//! Instants of the simulated world: whole seconds of China standard time since 2000-01-01 00:00:00.
//!
//! An [`At`] is the world's time, never a meter's claim: what a meter's clock shows is [`crate::clock`]. It runs
//! from 2000-01-01 to the end of 2099 and sticks to either end instead of wrapping.

use core::fmt;

use dlt645::meter_time::Civil;

/// Seconds in a day.
pub const DAY_SECONDS: u32 = 86_400;
/// Seconds in one interval of the load curve.
pub const SLOT_SECONDS: u32 = 900;
/// Intervals in a day.
pub const SLOTS_A_DAY: usize = 96;
/// Days from 2000-01-01 to 2099-12-31.
pub const DAYS: u32 = 36_525;

/// A second of the simulated world.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct At(u32);

impl At {
    /// 2000-01-01 00:00:00.
    pub const START: Self = Self(0);
    /// The end of 2099-12-31, the first instant that the calendar no longer has.
    pub const END: Self = Self(DAYS * DAY_SECONDS);

    /// So many seconds after [`At::START`], at most [`At::END`].
    #[must_use]
    pub const fn from_seconds(seconds: u32) -> Self {
        if seconds > Self::END.0 { Self::END } else { Self(seconds) }
    }

    /// 00:00 of the given day, counted from 2000-01-01 as day 0.
    #[must_use]
    pub const fn midnight(day: u32) -> Self {
        Self::from_seconds(day.saturating_mul(DAY_SECONDS))
    }

    /// The given moment of the calendar.
    #[must_use]
    pub fn from_civil(civil: Civil) -> Self {
        Self::from_seconds(civil.seconds_since_2000())
    }

    /// The moment of the calendar; `None` at [`At::END`].
    #[must_use]
    pub fn civil(self) -> Option<Civil> {
        Civil::from_seconds_since_2000(self.0)
    }

    /// Seconds since [`At::START`].
    #[must_use]
    pub const fn seconds(self) -> u32 {
        self.0
    }

    /// Which day, counted from 2000-01-01 as day 0.
    #[must_use]
    pub const fn day(self) -> u32 {
        self.0 / DAY_SECONDS
    }

    /// Seconds since the midnight before, 0 to 86,399.
    #[must_use]
    pub const fn second_of_day(self) -> u32 {
        self.0 % DAY_SECONDS
    }

    /// The start of the interval of 15 minutes that this instant is in, itself if it is one.
    #[must_use]
    pub const fn slot_start(self) -> Self {
        Self(self.0 - self.0 % SLOT_SECONDS)
    }

    /// So many seconds later, or earlier where negative.
    #[must_use]
    pub fn plus(self, seconds: i64) -> Self {
        let moved = i64::from(self.0).saturating_add(seconds);
        Self(u32::try_from(moved.clamp(0, i64::from(Self::END.0))).unwrap_or_default())
    }

    /// How many seconds after `earlier` this is; negative when it is before.
    #[must_use]
    pub fn since(self, earlier: Self) -> i64 {
        i64::from(self.0) - i64::from(earlier.0)
    }
}

impl fmt::Display for At {
    /// `2026-11-21 10:15:30`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.civil() {
            Some(civil) => fmt::Display::fmt(&civil, f),
            None => f.write_str("2100-01-01 00:00:00"),
        }
    }
}

impl fmt::Debug for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A count of days or slots as a place in a table.
pub(crate) fn place(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sticks_to_the_ends_of_the_calendar() {
        assert_eq!(At::START.plus(-1), At::START);
        assert_eq!(At::END.plus(1), At::END);
        assert_eq!(At::from_seconds(u32::MAX), At::END);
        assert_eq!(At::END.to_string(), "2100-01-01 00:00:00");
        assert_eq!(At::END.plus(-1).to_string(), "2099-12-31 23:59:59");
    }

    #[test]
    fn days_and_slots_follow_the_civil_clock() {
        let at = At::from_civil(Civil::new(2026, 11, 21, 10, 44, 59).unwrap());
        assert_eq!(at.to_string(), "2026-11-21 10:44:59");
        assert_eq!(at.slot_start().to_string(), "2026-11-21 10:30:00");
        assert_eq!(At::midnight(at.day()).to_string(), "2026-11-21 00:00:00");
        assert_eq!(at.since(At::midnight(at.day())), i64::from(at.second_of_day()));
        assert_eq!(at.plus(-899).slot_start().since(at.slot_start()), 0);
    }
}
