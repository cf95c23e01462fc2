//! The calendar without a zone: dates and times of the years 2000 to 2099, which are all that a terminal can write.

use core::fmt;

/// A possible date and time, without a zone: China Standard Time by the clock of whoever wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Civil {
    year: u16,
    month: u8,
    day: u8,
    hour: u8,
    minute: u8,
    second: u8,
}

impl Civil {
    /// The given moment, if the calendar has it: years 2000 to 2099, no leap seconds.
    #[must_use]
    pub const fn new(year: u16, month: u8, day: u8, hour: u8, minute: u8, second: u8) -> Option<Self> {
        let possible = year >= 2000
            && year <= 2099
            && day >= 1
            && day <= days_in(year, month)
            && hour < 24
            && minute < 60
            && second < 60;
        if possible { Some(Self { year, month, day, hour, minute, second }) } else { None }
    }

    /// Midnight at the begin of a date.
    #[must_use]
    pub const fn date(year: u16, month: u8, day: u8) -> Option<Self> {
        Self::new(year, month, day, 0, 0, 0)
    }

    /// 2000 to 2099.
    #[must_use]
    pub const fn year(self) -> u16 {
        self.year
    }
    /// 1 to 12.
    #[must_use]
    pub const fn month(self) -> u8 {
        self.month
    }
    /// 1 to 31.
    #[must_use]
    pub const fn day(self) -> u8 {
        self.day
    }
    /// 0 to 23.
    #[must_use]
    pub const fn hour(self) -> u8 {
        self.hour
    }
    /// 0 to 59.
    #[must_use]
    pub const fn minute(self) -> u8 {
        self.minute
    }
    /// 0 to 59.
    #[must_use]
    pub const fn second(self) -> u8 {
        self.second
    }

    /// 1 Monday to 7 Sunday, as this protocol counts. [1376 4]
    #[must_use]
    pub fn weekday(self) -> u8 {
        // 2000-01-01 was a Saturday.
        let weekday = (self.seconds_since_2000() / 86_400 + 5) % 7 + 1;
        weekday.to_le_bytes()[0]
    }

    /// Seconds since 2000-01-01 00:00:00 on the same clock.
    #[must_use]
    pub fn seconds_since_2000(self) -> u32 {
        let years = u32::from(self.year - 2000);
        let of_year: u32 = (1..self.month).map(|month| u32::from(days_in(self.year, month))).sum();
        let days = years * 365 + years.div_ceil(4) + of_year + u32::from(self.day) - 1;
        days * 86_400 + u32::from(self.hour) * 3_600 + u32::from(self.minute) * 60 + u32::from(self.second)
    }

    /// The moment this many seconds after 2000-01-01 00:00:00; `None` past 2099.
    #[must_use]
    pub fn from_seconds_since_2000(seconds: u32) -> Option<Self> {
        let narrow = |number: u32| u8::try_from(number).ok();
        let (mut days, of_day) = (seconds / 86_400, seconds % 86_400);
        let mut year = 2000 + u16::try_from(days / 1461 * 4).ok()?;
        days %= 1461;
        loop {
            let of_year = if year.is_multiple_of(4) { 366 } else { 365 };
            if days < of_year {
                break;
            }
            (days, year) = (days - of_year, year + 1);
        }
        for month in 1..=12 {
            let length = u32::from(days_in(year, month));
            if days < length {
                let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
                return Self::new(
                    year,
                    month,
                    narrow(days + 1)?,
                    narrow(hour)?,
                    narrow(minute)?,
                    narrow(second)?,
                );
            }
            days -= length;
        }
        None
    }

    /// So many minutes later; `None` past 2099.
    #[must_use]
    pub fn plus_minutes(self, minutes: u32) -> Option<Self> {
        let seconds = minutes.checked_mul(60)?.checked_add(self.seconds_since_2000())?;
        Self::from_seconds_since_2000(seconds)
    }

    /// 00:00 of the next date: the instant at which this one ends. `None` past 2099.
    ///
    /// ```
    /// use gdw1376::civil::Civil;
    /// let day = Civil::date(2024, 2, 28).unwrap();
    /// assert_eq!(day.end_of_day(), Civil::date(2024, 2, 29));
    /// assert_eq!(day.end_of_month(), Civil::date(2024, 3, 1));
    /// ```
    #[must_use]
    pub fn end_of_day(self) -> Option<Self> {
        Self::date(self.year, self.month, self.day)?.plus_minutes(24 * 60)
    }

    /// 00:00 of the first of the next month: the instant at which this one ends. `None` past 2099.
    #[must_use]
    pub fn end_of_month(self) -> Option<Self> {
        Self::date(self.year, self.month, days_in(self.year, self.month))?.end_of_day()
    }
}

impl fmt::Display for Civil {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
            self.year, self.month, self.day, self.hour, self.minute, self.second
        )
    }
}

/// The days of a month of 2000 to 2099; none for a month that is no month.
const fn days_in(year: u16, month: u8) -> u8 {
    match month {
        2 if year.is_multiple_of(4) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calendar_runs_through_a_century_without_a_gap() {
        let mut last = None;
        for day in 0..36_525 {
            let civil = Civil::from_seconds_since_2000(day * 86_400 + 45_015).unwrap();
            assert_eq!(civil.seconds_since_2000(), day * 86_400 + 45_015);
            assert_eq!(u32::from(civil.weekday()), (day + 5) % 7 + 1);
            assert!(last < Some(civil), "{last:?} then {civil}");
            last = Some(civil);
        }
        assert_eq!(last.unwrap().to_string(), "2099-12-31 12:30:15");
        assert_eq!(Civil::from_seconds_since_2000(36_525 * 86_400), None);
        assert_eq!(Civil::date(2026, 2, 29), None);
    }

    // covers [1376 9]
    #[test]
    fn weekdays_are_those_of_the_captured_clocks() {
        assert_eq!(Civil::date(2015, 3, 17).unwrap().weekday(), 2, "Tuesday");
        assert_eq!(Civil::date(2024, 8, 21).unwrap().weekday(), 3, "Wednesday");
        assert_eq!(Civil::date(2024, 8, 25).unwrap().weekday(), 7, "Sunday");
    }

    #[test]
    fn a_day_and_a_month_end_where_the_next_begins() {
        let at = Civil::new(2026, 12, 31, 23, 59, 59).unwrap();
        assert_eq!(at.end_of_day(), Civil::date(2027, 1, 1));
        assert_eq!(at.end_of_month(), Civil::date(2027, 1, 1));
        assert_eq!(Civil::date(2026, 2, 3).unwrap().end_of_month(), Civil::date(2026, 3, 1));
        assert_eq!(Civil::date(2099, 12, 31).unwrap().end_of_day(), None);
    }
}
