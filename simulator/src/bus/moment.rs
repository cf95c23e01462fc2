//! Moments of a running world, fine enough for single bits.

use core::fmt;
use core::time::Duration;

use crate::instant::At;

/// A point in the run of a world, in nanoseconds since it was started; 584 years fit.
///
/// What the calendar says then is [`Moment::world`]. Buses, serial servers and links of one world count from the
/// same start.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(u64);

impl Moment {
    /// When the world was started.
    pub const START: Self = Self(0);

    /// So many nanoseconds after the start.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the start.
    #[must_use]
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// So much later.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// How long after `earlier` this is; nothing when it is before.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The instant of a world that was started at `start`.
    #[must_use]
    pub fn world(self, start: At) -> At {
        start.plus(i64::try_from(self.0 / 1_000_000_000).unwrap_or(i64::MAX))
    }
}

impl fmt::Display for Moment {
    /// Seconds with six decimals.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06} s", self.0 / 1_000_000_000, self.0 % 1_000_000_000 / 1_000)
    }
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_a_world_have_its_calendar() {
        let later = Moment::START.plus(Duration::from_millis(86_399_999));
        assert_eq!(later.world(At::START).to_string(), "2000-01-01 23:59:59");
        assert_eq!(later.since(Moment::START), Duration::from_millis(86_399_999));
        assert_eq!(Moment::START.since(later), Duration::ZERO);
        assert_eq!(later.to_string(), "86399.999000 s");
        assert_eq!(Moment::from_nanos(u64::MAX).world(At::START), At::END);
    }
}
