//! A point in time, and nothing else that could be taken for one.
//!
//! [`Moment`] is wall time: whole microseconds UTC. A monotonic time is `tokio::time::Instant`, and what a meter
//! says is `dlt645::meter_time::MeterTime`. The zone of meters and bills is UTC+8 all year round, whatever zone the
//! host has: no daylight saving time is known here, not even that of 1986 to 1991. Asking what time it is, is left to
//! [`crate::clock`].

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use dlt645::meter_time::Civil;

use super::day::{Date, Day};

/// A point in time: microseconds since 1970-01-01 00:00 UTC, from the year 1 to the year 9999.
///
/// ```
/// use chaobiao::domain::{Day, Moment};
/// let midnight: Moment = "2026-11-21".parse::<Day>()?.start();
/// assert_eq!(midnight.to_string(), "2026-11-20T16:00:00Z");
/// assert_eq!(midnight.in_china().to_string(), "2026-11-21 00:00:00");
/// # Ok::<(), chaobiao::domain::DayError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(i64);

impl Moment {
    /// So many microseconds after 1970-01-01 00:00 UTC, held within the years 1 to 9999.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        if micros < FIRST {
            Self(FIRST)
        } else if micros > LAST {
            Self(LAST)
        } else {
            Self(micros)
        }
    }

    /// Microseconds since 1970-01-01 00:00 UTC.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// The moment at which a clock of UTC+8 shows `civil`.
    #[must_use]
    pub fn from_civil(civil: Civil) -> Self {
        Self::from_micros(START_OF_2000 + i64::from(civil.seconds_since_2000()) * SECOND - OFFSET)
    }

    /// What a clock of UTC+8 shows, fractions of a second dropped; `None` outside the years 2000 to 2099, which are all
    /// that a meter can write.
    #[must_use]
    pub fn civil(self) -> Option<Civil> {
        let seconds = (self.0 + OFFSET - START_OF_2000).div_euclid(SECOND);
        Civil::from_seconds_since_2000(u32::try_from(seconds).ok()?)
    }

    /// Later by so much.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self::from_micros(self.0.saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    /// Earlier by so much.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self::from_micros(self.0.saturating_sub(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    /// How long ago `earlier` was; zero when it is not earlier.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.micros_since(earlier)).unwrap_or(0))
    }

    /// Microseconds from `other` to this moment, negative when this one is earlier.
    #[must_use]
    pub const fn micros_since(self, other: Self) -> i64 {
        self.0 - other.0
    }

    /// The same moment, shown as a clock of UTC+8 shows it, to the second.
    #[must_use]
    pub const fn in_china(self) -> InChina {
        InChina(self)
    }
}

impl fmt::Display for Moment {
    /// RFC 3339 in UTC, with the fraction only where there is one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (date, of_day) = Date::and_micros_of_day(self.0);
        write!(f, "{date}T{}", OfDay(of_day))?;
        match of_day % SECOND {
            0 => f.write_str("Z"),
            fraction => write!(f, ".{fraction:06}Z"),
        }
    }
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Text that is no moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an instant is written as 2026-11-21T08:00:00+08:00")]
pub struct MomentError;

impl FromStr for Moment {
    type Err = MomentError;

    /// RFC 3339, with a zone: a time that does not say of which zone it is, is none.
    fn from_str(text: &str) -> Result<Self, MomentError> {
        written(text).ok_or(MomentError)
    }
}

fn written(text: &str) -> Option<Moment> {
    let (day, rest) = text.split_once('T')?;
    let (clock, zone) = rest.split_at_checked(rest.find(['Z', '+', '-'])?)?;
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let mut parts = clock.split(':');
    let seconds = pair(parts.next()?, 23)? * 3600 + pair(parts.next()?, 59)? * 60 + pair(parts.next()?, 59)?;
    let is_fraction = (1..=6).contains(&fraction.len()) && fraction.bytes().all(|byte| byte.is_ascii_digit());
    if parts.next().is_some() || !is_fraction {
        return None;
    }
    let ahead = match zone.split_at_checked(1)? {
        ("Z", "") => 0,
        (sign, zone) => {
            let (hours, minutes) = zone.split_once(':')?;
            let seconds = pair(hours, 23)? * 3600 + pair(minutes, 59)? * 60;
            if sign == "-" { -seconds } else { seconds }
        }
    };
    let of_day = (seconds - ahead) * SECOND + format!("{fraction:0<6}").parse::<i64>().ok()?;
    Some(Moment::from_micros(day.parse::<Day>().ok()?.start().micros() + OFFSET + of_day))
}

/// The number that two digits make, if it is not above `most`.
fn pair(text: &str, most: i64) -> Option<i64> {
    let is_pair = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| is_pair && *number <= most)
}

/// Shows a [`Moment`] in UTC+8.
#[derive(Clone, Copy, Debug)]
pub struct InChina(Moment);

impl fmt::Display for InChina {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (_, of_day) = Date::and_micros_of_day(self.0.0.saturating_add(OFFSET));
        write!(f, "{} {}", Day::of(self.0), OfDay(of_day))
    }
}

/// `hh:mm:ss` of so many microseconds of a day.
struct OfDay(i64);

impl fmt::Display for OfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0 / SECOND;
        write!(f, "{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
    }
}

/// Microseconds of a second.
pub(super) const SECOND: i64 = 1_000_000;
/// Microseconds by which a clock in China is ahead of UTC, all year round.
pub(super) const OFFSET: i64 = 8 * 3600 * SECOND;
/// 2000-01-01 00:00 UTC.
const START_OF_2000: i64 = 946_684_800 * SECOND;
/// 0001-01-01 00:00 UTC+8.
const FIRST: i64 = -62_135_596_800 * SECOND - OFFSET;
/// One microsecond before 10000-01-01 00:00 UTC+8.
const LAST: i64 = 253_402_300_800 * SECOND - OFFSET - 1;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn shows_both_zones() {
        let moment = Moment::from_micros(1_795_278_330_250_000);
        assert_eq!(moment.to_string(), "2026-11-21T16:25:30.250000Z");
        assert_eq!(moment.in_china().to_string(), "2026-11-22 00:25:30");
        assert_eq!(Moment::from_micros(0).to_string(), "1970-01-01T00:00:00Z");
        assert_eq!(Moment::from_micros(-1).to_string(), "1969-12-31T23:59:59.999999Z");
        assert_eq!(Moment::from_micros(i64::MIN).in_china().to_string(), "0001-01-01 00:00:00");
        assert_eq!(Moment::from_micros(i64::MAX).in_china().to_string(), "9999-12-31 23:59:59");
    }

    #[test]
    fn is_read_as_it_is_written_in_any_zone_and_never_without_one() {
        for text in
            ["2026-11-21T16:25:30.25Z", "2026-11-22T00:25:30.250000+08:00", "2026-11-21T11:10:30.25-05:15"]
        {
            assert_eq!(text.parse(), Ok(Moment::from_micros(1_795_278_330_250_000)), "{text}");
        }
        for text in [
            "",
            "2026-11-21",
            "2026-11-21T16:25:30",
            "2026-11-21 16:25:30Z",
            "2026-11-21T16:25Z",
            "2026-11-21T24:00:00Z",
            "2026-11-21T16:60:30Z",
            "2026-11-21T16:25:+9Z",
            "2026-11-21T16:25:30.Z",
            "2026-11-21T16:25:30.1234567Z",
            "2026-11-21T16:25:30Zulu",
            "2026-11-21T16:25:30+0800",
            "2026-11-31T16:25:30Z",
        ] {
            assert_eq!(text.parse::<Moment>(), Err(MomentError), "{text}");
        }
    }

    #[test]
    fn f33_summers_with_daylight_saving_time_are_read_as_the_others() {
        for (year, month) in [(2000, 7), (2026, 7), (2026, 12), (2099, 8)] {
            let civil = Civil::new(year, month, 1, 12, 0, 0).unwrap();
            let moment = Moment::from_civil(civil);
            assert!(moment.to_string().ends_with("-01T04:00:00Z"), "{moment}");
            assert_eq!(moment.civil(), Some(civil));
        }
        assert_eq!(Day::new(1988, 7, 1).unwrap().start().to_string(), "1988-06-30T16:00:00Z");
    }

    #[test]
    fn f33_a_meter_knows_the_years_2000_to_2099() {
        let first = Day::new(2000, 1, 1).unwrap().start();
        let last = Day::new(2100, 1, 1).unwrap().start();
        assert!(first.civil().is_some());
        assert_eq!(first.minus(Duration::from_micros(1)).civil(), None);
        assert_eq!(last.civil(), None);
        let second_before = last.minus(Duration::from_secs(1)).civil().unwrap();
        assert_eq!(second_before.to_string(), "2099-12-31 23:59:59");
    }

    proptest! {
        #[test]
        fn every_moment_is_read_as_it_is_shown(micros in -62_000_000_000_000_000_i64..253_000_000_000_000_000) {
            let moment = Moment::from_micros(micros);
            prop_assert_eq!(moment.to_string().parse(), Ok(moment));
        }

        #[test]
        fn i26_no_duration_is_negative(a: i64, b: i64) {
            let (a, b) = (Moment::from_micros(a), Moment::from_micros(b));
            prop_assert!(a.since(b).is_zero() || b.since(a).is_zero());
            prop_assert_eq!(b.plus(a.since(b)), a.max(b));
            prop_assert_eq!(a.minus(a.since(b)), a.min(b));
        }
    }
}
