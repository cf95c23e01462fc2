//! Times as a meter writes them: digits without a zone, which may be absurd.
//!
//! A [`MeterTime`] is a claim of the meter. It is kept digit by digit, shown as it stands, and turned into a
//! calendar date only by [`MeterTime::civil`], which refuses the 31st of February, 99:99 and letters.

use core::fmt;

use crate::bcd::two_digits;

/// Which parts a time has, named by the digits of the standard from high to low; the wire order is the reverse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, non_camel_case_types, reason = "the name is the format")]
pub enum TimeFormat {
    YYMMDDhhmmss,
    YYMMDDhhmm,
    YYMMDDWWhhmmss,
    YYMMDDWW,
    YYMMDD,
    MMDDhhmm,
    MMDD,
    DDhh,
    DDhhmm,
    hhmmss,
    hhmm,
}

/// One part of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// Two digits of the year, 2000 to 2099.
    Year,
    /// 1 to 12.
    Month,
    /// 1 to 31.
    Day,
    /// 0 Sunday to 6 Saturday.
    Weekday,
    /// 0 to 23.
    Hour,
    /// 0 to 59.
    Minute,
    /// 0 to 59.
    Second,
}

impl TimeFormat {
    /// The parts in wire order, low first.
    #[must_use]
    pub const fn parts(self) -> &'static [Part] {
        use Part::{Day, Hour, Minute, Month, Second, Weekday, Year};
        match self {
            Self::YYMMDDhhmmss => &[Second, Minute, Hour, Day, Month, Year],
            Self::YYMMDDhhmm => &[Minute, Hour, Day, Month, Year],
            Self::YYMMDDWWhhmmss => &[Second, Minute, Hour, Weekday, Day, Month, Year],
            Self::YYMMDDWW => &[Weekday, Day, Month, Year],
            Self::YYMMDD => &[Day, Month, Year],
            Self::MMDDhhmm => &[Minute, Hour, Day, Month],
            Self::MMDD => &[Day, Month],
            Self::DDhh => &[Hour, Day],
            Self::DDhhmm => &[Minute, Hour, Day],
            Self::hhmmss => &[Second, Minute, Hour],
            Self::hhmm => &[Minute, Hour],
        }
    }

    /// How many bytes it has on the wire, 2 to 7.
    #[must_use]
    pub const fn width(self) -> usize {
        self.parts().len()
    }
}

/// A time as a meter gave it, every digit kept. Says nothing about when it was received, nor about a zone; years
/// have two digits and are read as 2000 to 2099.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct MeterTime {
    format: TimeFormat,
    bytes: [u8; 7],
}

impl MeterTime {
    /// Takes the bytes in wire order; `None` unless there are exactly as many as the format has.
    #[must_use]
    pub fn from_wire(format: TimeFormat, wire: &[u8]) -> Option<Self> {
        let mut bytes = [0; 7];
        if wire.len() != format.width() {
            return None;
        }
        bytes.iter_mut().zip(wire).for_each(|(kept, given)| *kept = *given);
        Some(Self { format, bytes })
    }

    /// A time of `civil`, in any format; parts the format lacks are dropped.
    #[must_use]
    pub fn from_civil(format: TimeFormat, civil: Civil) -> Self {
        let mut bytes = [0; 7];
        for (byte, part) in bytes.iter_mut().zip(format.parts()) {
            let number = match part {
                Part::Year => civil.year % 100,
                Part::Month => civil.month.into(),
                Part::Day => civil.day.into(),
                Part::Weekday => civil.weekday().into(),
                Part::Hour => civil.hour.into(),
                Part::Minute => civil.minute.into(),
                Part::Second => civil.second.into(),
            };
            *byte = crate::bcd::from_two_digits(number.into());
        }
        Self { format, bytes }
    }

    /// Its format.
    #[must_use]
    pub const fn format(self) -> TimeFormat {
        self.format
    }

    /// The bytes in wire order (before +33H).
    #[must_use]
    pub fn wire(&self) -> &[u8] {
        self.bytes.get(..self.format.width()).unwrap_or_default()
    }

    /// The raw byte of a part, if the format has it.
    #[must_use]
    pub fn raw(self, part: Part) -> Option<u8> {
        let place = self.format.parts().iter().position(|have| *have == part)?;
        self.bytes.get(place).copied()
    }

    /// The two digits of a part as a number; `None` when the format lacks it or a digit is above nine.
    #[must_use]
    pub fn part(self, part: Part) -> Option<u8> {
        two_digits(self.raw(part)?)
    }

    /// True when every byte is `fill`: 00H for "never", FFH for "no value".
    #[must_use]
    pub fn is_filled_with(self, fill: u8) -> bool {
        self.wire().iter().all(|byte| *byte == fill)
    }

    /// The date and time this names, when the format has a full date and every part is possible; missing hours,
    /// minutes and seconds count as zero. A wrong weekday is not held against it: meters get it wrong.
    #[must_use]
    pub fn civil(self) -> Option<Civil> {
        let or_zero = |part| if self.raw(part).is_none() { Some(0) } else { self.part(part) };
        Civil::new(
            2000 + u16::from(self.part(Part::Year)?),
            self.part(Part::Month)?,
            self.part(Part::Day)?,
            or_zero(Part::Hour)?,
            or_zero(Part::Minute)?,
            or_zero(Part::Second)?,
        )
    }
}

impl fmt::Display for MeterTime {
    /// `2026-11-21 10:15:30`, with the parts the format has and the digits as they stand.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let two = |part| self.raw(part).unwrap_or_default();
        let (year, month, day) = (two(Part::Year), two(Part::Month), two(Part::Day));
        let (hour, minute, second) = (two(Part::Hour), two(Part::Minute), two(Part::Second));
        let weekday = two(Part::Weekday);
        match self.format {
            TimeFormat::YYMMDDhhmmss => {
                write!(f, "20{year:02X}-{month:02X}-{day:02X} {hour:02X}:{minute:02X}:{second:02X}")
            }
            TimeFormat::YYMMDDhhmm => write!(f, "20{year:02X}-{month:02X}-{day:02X} {hour:02X}:{minute:02X}"),
            TimeFormat::YYMMDDWWhhmmss => write!(
                f,
                "20{year:02X}-{month:02X}-{day:02X} weekday {weekday:02X} {hour:02X}:{minute:02X}:{second:02X}"
            ),
            TimeFormat::YYMMDDWW => {
                write!(f, "20{year:02X}-{month:02X}-{day:02X} weekday {weekday:02X}")
            }
            TimeFormat::YYMMDD => write!(f, "20{year:02X}-{month:02X}-{day:02X}"),
            TimeFormat::MMDDhhmm => write!(f, "{month:02X}-{day:02X} {hour:02X}:{minute:02X}"),
            TimeFormat::MMDD => write!(f, "{month:02X}-{day:02X}"),
            TimeFormat::DDhh => write!(f, "day {day:02X} hour {hour:02X}"),
            TimeFormat::DDhhmm => write!(f, "day {day:02X} {hour:02X}:{minute:02X}"),
            TimeFormat::hhmmss => write!(f, "{hour:02X}:{minute:02X}:{second:02X}"),
            TimeFormat::hhmm => write!(f, "{hour:02X}:{minute:02X}"),
        }
    }
}

impl fmt::Debug for MeterTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A possible date and time of the calendar, without a zone.
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
        let leap = year.is_multiple_of(4);
        let days = match month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            _ => return None,
        };
        let possible = year >= 2000
            && year <= 2099
            && day >= 1
            && day <= days
            && hour < 24
            && minute < 60
            && second < 60;
        if possible { Some(Self { year, month, day, hour, minute, second }) } else { None }
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

    /// Seconds since 2000-01-01 00:00:00 on the same clock.
    #[must_use]
    pub fn seconds_since_2000(self) -> u32 {
        let days = u32::from(self.year - 2000) * 365
            + u32::from((self.year - 2000).div_ceil(4))
            + self.day_of_year();
        days * 86_400 + u32::from(self.hour) * 3_600 + u32::from(self.minute) * 60 + u32::from(self.second)
    }

    /// The moment this many seconds after 2000-01-01 00:00:00; `None` past 2099.
    #[must_use]
    pub fn from_seconds_since_2000(seconds: u32) -> Option<Self> {
        let mut days = seconds / 86_400;
        let of_day = seconds % 86_400;
        let fours = days / 1461;
        days %= 1461;
        let in_four = if days < 366 { 0 } else { (days - 1) / 365 };
        let year = u16::try_from(2000 + fours * 4 + in_four).ok()?;
        let mut rest = days - in_four * 365 - in_four.min(1);
        let narrow = |number: u32| u8::try_from(number).ok();
        for month in 1..=12 {
            let length = u32::from(Self::days_in(year, month)?);
            if rest < length {
                let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
                return Self::new(
                    year,
                    month,
                    narrow(rest + 1)?,
                    narrow(hour)?,
                    narrow(minute)?,
                    narrow(second)?,
                );
            }
            rest -= length;
        }
        None
    }

    /// 0 Sunday to 6 Saturday.
    #[must_use]
    pub fn weekday(self) -> u8 {
        // 2000-01-01 was a Saturday.
        let weekday = (self.seconds_since_2000() / 86_400 + 6) % 7;
        weekday.to_le_bytes()[0]
    }

    fn day_of_year(self) -> u32 {
        (1..self.month).filter_map(|month| Self::days_in(self.year, month)).map(u32::from).sum::<u32>()
            + u32::from(self.day)
            - 1
    }

    fn days_in(year: u16, month: u8) -> Option<u8> {
        (28..=31).rev().find(|day| Self::new(year, month, *day, 0, 0, 0).is_some())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wire_and_text_agree_and_absurd_digits_stay() {
        let time = MeterTime::from_wire(TimeFormat::YYMMDDhhmm, &[0x15, 0x10, 0x21, 0x11, 0x26]).unwrap();
        assert_eq!(time.to_string(), "2026-11-21 10:15");
        assert_eq!(time.civil(), Civil::new(2026, 11, 21, 10, 15, 0));
        let absurd = MeterTime::from_wire(TimeFormat::YYMMDDhhmm, &[0x99, 0x99, 0x00, 0x00, 0xEE]).unwrap();
        assert_eq!((absurd.to_string().as_str(), absurd.civil()), ("20EE-00-00 99:99", None));
        let date = MeterTime::from_wire(TimeFormat::YYMMDDWW, &[0x06, 0x06, 0x07, 0x19]).unwrap();
        assert_eq!(date.to_string(), "2019-07-06 weekday 06");
        assert_eq!(date.civil(), Civil::new(2019, 7, 6, 0, 0, 0));
        assert!(MeterTime::from_wire(TimeFormat::hhmm, &[0]).is_none());
    }

    #[test]
    fn the_calendar_runs_through_a_century_without_a_gap() {
        let mut last = None;
        for day in 0..36_525 {
            let civil = Civil::from_seconds_since_2000(day * 86_400 + 45_015).unwrap();
            assert_eq!(civil.seconds_since_2000(), day * 86_400 + 45_015);
            assert_eq!(u32::from(civil.weekday()), (day + 6) % 7);
            assert!(last < Some(civil), "{last:?} then {civil}");
            let full = MeterTime::from_civil(TimeFormat::YYMMDDWWhhmmss, civil);
            assert_eq!(full.civil(), Some(civil));
            last = Some(civil);
        }
        assert_eq!(last.unwrap().to_string(), "2099-12-31 12:30:15");
        assert_eq!(Civil::from_seconds_since_2000(36_525 * 86_400), None);
        assert_eq!(Civil::new(2026, 2, 29, 0, 0, 0), None);
    }
}
