//! Days of the calendar, by the fixed UTC+8 of bills and meters.

use std::fmt;
use std::str::FromStr;

use super::moment::{Moment, OFFSET, SECOND};

/// A calendar day of UTC+8 (日), from 0001-01-01 to 9999-12-31; every [`Moment`] is in exactly one.
///
/// ```
/// use chaobiao::domain::Day;
/// let day: Day = "2028-02-28".parse()?;
/// assert_eq!(day.next().to_string(), "2028-02-29");
/// assert_eq!(Day::of(day.start()), day);
/// # Ok::<(), chaobiao::domain::DayError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(i32);

impl Day {
    /// The day a moment is in.
    #[must_use]
    pub fn of(moment: Moment) -> Self {
        let number = moment.micros().saturating_add(OFFSET).div_euclid(MICROS);
        Self::clamped(number)
    }

    /// The day with this date, if the calendar has it.
    #[must_use]
    pub fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let date = Date { year: year.into(), month: month.into(), day: day.into() };
        let number = date.number();
        (Date::of(number) == date).then_some(number).and_then(Self::from_number)
    }

    /// The day so many days after 1970-01-01, if it is in range.
    #[must_use]
    pub fn from_number(number: i64) -> Option<Self> {
        let day = Self::clamped(number);
        (i64::from(day.0) == number).then_some(day)
    }

    /// Days since 1970-01-01.
    #[must_use]
    pub fn number(self) -> i64 {
        self.0.into()
    }

    /// Its first moment, 00:00 of UTC+8.
    #[must_use]
    pub fn start(self) -> Moment {
        Moment::from_micros(self.number() * MICROS - OFFSET)
    }

    /// The day after.
    #[must_use]
    pub fn next(self) -> Self {
        self.plus(1)
    }

    /// The day before.
    #[must_use]
    pub fn previous(self) -> Self {
        self.plus(-1)
    }

    /// So many days later, or earlier when negative, held within the range.
    #[must_use]
    pub fn plus(self, days: i64) -> Self {
        Self::clamped(self.number().saturating_add(days))
    }

    /// The first day of its month.
    #[must_use]
    pub fn first_of_month(self) -> Self {
        Self::clamped(self.number() - i64::from(self.day_of_month()) + 1)
    }

    /// 1 to 31.
    #[must_use]
    pub fn day_of_month(self) -> u8 {
        u8::try_from(Date::of(self.number()).day).unwrap_or(u8::MAX)
    }

    fn clamped(number: i64) -> Self {
        let number = number.clamp(FIRST.into(), LAST.into());
        Self(i32::try_from(number).unwrap_or(FIRST))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Date::of(self.number()), f)
    }
}

impl fmt::Debug for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Text that is no day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DayError {
    /// Not of the form `2026-11-21`.
    #[error("a day is written as 2026-11-21")]
    Form,
    /// Of that form, but not in the calendar.
    #[error("the calendar has no such day")]
    NotInCalendar,
}

impl FromStr for Day {
    type Err = DayError;

    fn from_str(text: &str) -> Result<Self, DayError> {
        let mut parts = text.split('-');
        let mut part = |digits: usize| {
            let part = parts.next().filter(|part| part.len() == digits)?;
            part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse::<u16>().ok())?
        };
        let (year, month, day) = (part(4), part(2), part(2));
        if parts.next().is_some() {
            return Err(DayError::Form);
        }
        let (Some(year), Some(month), Some(day)) = (year, month, day) else { return Err(DayError::Form) };
        let narrow = |number: u16| u8::try_from(number).map_err(|_| DayError::NotInCalendar);
        Self::new(year, narrow(month)?, narrow(day)?).ok_or(DayError::NotInCalendar)
    }
}

/// Year, month and day of the Gregorian calendar, carried back before its beginning.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Date {
    year: i64,
    month: i64,
    day: i64,
}

impl Date {
    /// The date in the zone in which `micros` are counted, and the microseconds since its 00:00.
    pub(super) fn and_micros_of_day(micros: i64) -> (Self, i64) {
        (Self::of(micros.div_euclid(MICROS)), micros.rem_euclid(MICROS))
    }

    /// The date so many days after 1970-01-01. Years are counted from March, so that a leap day is the last of its
    /// year, in spans of 400 years.
    fn of(number: i64) -> Self {
        let from_march = number + MARCH_OF_0;
        let span = from_march.div_euclid(DAYS_OF_400);
        let of_span = from_march.rem_euclid(DAYS_OF_400);
        let year_of_span = (of_span - of_span / 1460 + of_span / 36_524 - of_span / 146_096) / 365;
        let of_year = of_span - (365 * year_of_span + year_of_span / 4 - year_of_span / 100);
        let month_from_march = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        Self { year: span * 400 + year_of_span + i64::from(month <= 2), month, day }
    }

    /// The inverse of [`Self::of`].
    fn number(self) -> i64 {
        let year = if self.month <= 2 { self.year - 1 } else { self.year };
        let (span, year_of_span) = (year.div_euclid(400), year.rem_euclid(400));
        let of_year = (153 * ((self.month + 9) % 12) + 2) / 5 + self.day - 1;
        let of_span = year_of_span * 365 + year_of_span / 4 - year_of_span / 100 + of_year;
        span * DAYS_OF_400 + of_span - MARCH_OF_0
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// Microseconds of a day.
const MICROS: i64 = 86_400 * SECOND;
/// Days of 400 years.
const DAYS_OF_400: i64 = 146_097;
/// Days from 0000-03-01 to 1970-01-01.
const MARCH_OF_0: i64 = 719_468;
/// 0001-01-01.
const FIRST: i32 = -719_162;
/// 9999-12-31.
const LAST: i32 = 2_932_896;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn f33_month_ends_leap_days_and_centuries_follow_the_calendar() {
        for (text, next) in [
            ("2026-01-31", "2026-02-01"),
            ("2026-02-28", "2026-03-01"),
            ("2028-02-28", "2028-02-29"),
            ("2028-02-29", "2028-03-01"),
            ("2100-02-28", "2100-03-01"),
            ("2000-02-28", "2000-02-29"),
            ("2026-04-30", "2026-05-01"),
            ("2099-12-31", "2100-01-01"),
        ] {
            assert_eq!(text.parse::<Day>().unwrap().next().to_string(), next);
        }
        assert_eq!("2026-11-21".parse::<Day>().unwrap().number(), 20_778);
        assert_eq!("2026-11-21".parse::<Day>().unwrap().first_of_month().to_string(), "2026-11-01");
    }

    #[test]
    fn f33_midnight_is_that_of_utc_plus_8() {
        let day: Day = "2026-11-22".parse().unwrap();
        assert_eq!(day.start().to_string(), "2026-11-21T16:00:00Z");
        assert_eq!(Day::of(Moment::from_micros(day.start().micros() - 1)), day.previous());
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for (text, error) in [
            ("2026-11-31", DayError::NotInCalendar),
            ("2027-02-29", DayError::NotInCalendar),
            ("0000-01-01", DayError::NotInCalendar),
            ("2026-13-01", DayError::NotInCalendar),
            ("2026-1-01", DayError::Form),
            ("2026-11-21-", DayError::Form),
            ("+026-11-21", DayError::Form),
            ("", DayError::Form),
        ] {
            assert_eq!(text.parse::<Day>(), Err(error), "{text}");
        }
    }

    #[test]
    fn the_range_is_closed() {
        let (first, last) = (Day::of(Moment::from_micros(i64::MIN)), Day::of(Moment::from_micros(i64::MAX)));
        assert_eq!((first.to_string().as_str(), last.to_string().as_str()), ("0001-01-01", "9999-12-31"));
        assert_eq!((first.previous(), last.next()), (first, last));
        assert_eq!(Day::from_number(last.number() + 1), None);
        assert_eq!(Day::of(first.start()), first);
    }

    proptest! {
        #[test]
        fn i26_every_moment_is_in_one_day(micros: i64) {
            let moment = Moment::from_micros(micros);
            let day = Day::of(moment);
            prop_assert!(day.start() <= moment);
            prop_assert!(day.next().start() > moment || day == day.next());
        }

        #[test]
        fn i26_days_are_written_and_read_back(number in -719_162_i64..2_932_896) {
            let day = Day::from_number(number).unwrap();
            prop_assert_eq!(day.to_string().parse::<Day>(), Ok(day));
            prop_assert_eq!(day.next().number(), number + 1);
        }
    }
}
