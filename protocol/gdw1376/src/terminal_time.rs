//! Times as a terminal writes them: digits without a zone, which may be absurd.
//!
//! A [`TerminalTime`] is a claim of the terminal. It is kept digit by digit, shown as it stands, and turned into a
//! calendar date only by [`TerminalTime::civil`], which refuses the 31st of February, 99:99 and letters. [1376 4]

use core::fmt;

use crate::bcd::{from_two_digits, two_digits};
use crate::civil::Civil;

/// Which parts a time has, by the number of its data format (附录A).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimeFormat {
    /// `ss mm hh DD WM YY`, six bytes: in the fifth D7-5 the weekday, D4-0 the month.
    A1,
    /// `mm hh DD MM YY`, five bytes.
    A15,
    /// `ss mm hh DD`, four bytes.
    A16,
    /// `mm hh DD MM`, four bytes.
    A17,
    /// `mm hh DD`, three bytes.
    A18,
    /// `mm hh`, two bytes.
    A19,
    /// `DD MM YY`, three bytes.
    A20,
    /// `MM YY`, two bytes.
    A21,
    /// `hh DD`, two bytes.
    A24,
    /// `hh`, one byte: the hour of an hourly freeze (Td_h).
    Hour,
}

/// One part of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// Two digits of the year, 2000 to 2099.
    Year,
    /// 1 to 12, above it in format A1 the weekday.
    Month,
    /// 1 to 31.
    Day,
    /// 0 to 23.
    Hour,
    /// 0 to 59.
    Minute,
    /// 0 to 59.
    Second,
}

impl TimeFormat {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::A1,
        Self::A15,
        Self::A16,
        Self::A17,
        Self::A18,
        Self::A19,
        Self::A20,
        Self::A21,
        Self::A24,
        Self::Hour,
    ];

    /// The parts in wire order, low first.
    #[must_use]
    pub const fn parts(self) -> &'static [Part] {
        use Part::{Day, Hour, Minute, Month, Second, Year};
        match self {
            Self::A1 => &[Second, Minute, Hour, Day, Month, Year],
            Self::A15 => &[Minute, Hour, Day, Month, Year],
            Self::A16 => &[Second, Minute, Hour, Day],
            Self::A17 => &[Minute, Hour, Day, Month],
            Self::A18 => &[Minute, Hour, Day],
            Self::A19 => &[Minute, Hour],
            Self::A20 => &[Day, Month, Year],
            Self::A21 => &[Month, Year],
            Self::A24 => &[Hour, Day],
            Self::Hour => &[Hour],
        }
    }

    /// How many bytes it has on the wire, 1 to 6.
    #[must_use]
    pub const fn width(self) -> usize {
        self.parts().len()
    }
}

/// A time as a terminal gave it, every digit kept. Years have two digits and are read as 2000 to 2099.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TerminalTime {
    format: TimeFormat,
    bytes: [u8; 6],
}

impl TerminalTime {
    /// Takes the bytes in wire order; `None` unless there are exactly as many as the format has.
    #[must_use]
    pub fn from_wire(format: TimeFormat, wire: &[u8]) -> Option<Self> {
        let mut bytes = [0; 6];
        if wire.len() != format.width() {
            return None;
        }
        bytes.iter_mut().zip(wire).for_each(|(kept, given)| *kept = *given);
        Some(Self { format, bytes })
    }

    /// All digits zero.
    #[must_use]
    pub const fn zero(format: TimeFormat) -> Self {
        Self { format, bytes: [0; 6] }
    }

    /// A time of `civil`, in any format; parts the format lacks are dropped, format A1 gets the weekday.
    ///
    /// ```
    /// use gdw1376::{civil::Civil, terminal_time::{TerminalTime, TimeFormat}};
    /// let noon = Civil::new(2024, 8, 21, 12, 0, 0).unwrap();
    /// // A Wednesday in August: 3 in the top three bits, 08 below.
    /// assert_eq!(TerminalTime::of(TimeFormat::A1, noon).wire(), [0x00, 0x00, 0x12, 0x21, 0x68, 0x24]);
    /// ```
    #[must_use]
    pub fn of(format: TimeFormat, civil: Civil) -> Self {
        let mut bytes = [0; 6];
        for (byte, part) in bytes.iter_mut().zip(format.parts()) {
            let number = match part {
                Part::Year => civil.year() % 100,
                Part::Month => civil.month().into(),
                Part::Day => civil.day().into(),
                Part::Hour => civil.hour().into(),
                Part::Minute => civil.minute().into(),
                Part::Second => civil.second().into(),
            };
            *byte = from_two_digits(number.into());
            if format == TimeFormat::A1 && *part == Part::Month {
                *byte |= civil.weekday() << 5;
            }
        }
        Self { format, bytes }
    }

    /// Its format.
    #[must_use]
    pub const fn format(self) -> TimeFormat {
        self.format
    }

    /// The bytes in wire order.
    #[must_use]
    pub fn wire(&self) -> &[u8] {
        self.bytes.get(..self.format.width()).unwrap_or_default()
    }

    /// The weekday of format A1: 1 Monday to 7 Sunday, 0 none.
    #[must_use]
    pub fn weekday(self) -> Option<u8> {
        (self.format == TimeFormat::A1).then(|| self.byte(Part::Month).unwrap_or_default() >> 5)
    }

    /// The digits of a part as they stand, without the weekday.
    #[must_use]
    pub fn raw(self, part: Part) -> Option<u8> {
        let byte = self.byte(part)?;
        Some(if self.format == TimeFormat::A1 && part == Part::Month { byte & 0x1F } else { byte })
    }

    /// A part as a number; `None` when the format lacks it or a digit is above nine.
    #[must_use]
    pub fn part(self, part: Part) -> Option<u8> {
        two_digits(self.raw(part)?)
    }

    fn byte(self, part: Part) -> Option<u8> {
        let place = self.format.parts().iter().position(|have| *have == part)?;
        self.bytes.get(place).copied()
    }

    /// True when every part the format has is within its range, and the whole date in the calendar where it is
    /// whole. A wrong weekday is not held against it.
    #[must_use]
    pub fn is_possible(self) -> bool {
        let within = |part, low: u8, high: u8| match self.raw(part) {
            None => true,
            Some(_) => self.part(part).is_some_and(|number| (low..=high).contains(&number)),
        };
        let parts = within(Part::Year, 0, 99)
            && within(Part::Month, 1, 12)
            && within(Part::Day, 1, 31)
            && within(Part::Hour, 0, 23)
            && within(Part::Minute, 0, 59)
            && within(Part::Second, 0, 59);
        let whole_date = self.raw(Part::Year).is_some() && self.raw(Part::Day).is_some();
        parts && (!whole_date || self.civil().is_some())
    }

    /// The date and time this names, when the format has year and month and every part is possible; a missing day
    /// counts as the first, missing hours, minutes and seconds as zero.
    #[must_use]
    pub fn civil(self) -> Option<Civil> {
        let or = |part, missing| if self.raw(part).is_none() { Some(missing) } else { self.part(part) };
        Civil::new(
            2000 + u16::from(self.part(Part::Year)?),
            self.part(Part::Month)?,
            or(Part::Day, 1)?,
            or(Part::Hour, 0)?,
            or(Part::Minute, 0)?,
            or(Part::Second, 0)?,
        )
    }
}

impl fmt::Display for TerminalTime {
    /// `2026-11-21 10:15:30`, with the parts the format has and the digits as they stand.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let two = |part| self.raw(part).unwrap_or_default();
        let (year, month, day) = (two(Part::Year), two(Part::Month), two(Part::Day));
        let (hour, minute, second) = (two(Part::Hour), two(Part::Minute), two(Part::Second));
        match self.format {
            TimeFormat::A1 => {
                write!(f, "20{year:02X}-{month:02X}-{day:02X} {hour:02X}:{minute:02X}:{second:02X}")
            }
            TimeFormat::A15 => write!(f, "20{year:02X}-{month:02X}-{day:02X} {hour:02X}:{minute:02X}"),
            TimeFormat::A16 => write!(f, "day {day:02X} {hour:02X}:{minute:02X}:{second:02X}"),
            TimeFormat::A17 => write!(f, "{month:02X}-{day:02X} {hour:02X}:{minute:02X}"),
            TimeFormat::A18 => write!(f, "day {day:02X} {hour:02X}:{minute:02X}"),
            TimeFormat::A19 => write!(f, "{hour:02X}:{minute:02X}"),
            TimeFormat::A20 => write!(f, "20{year:02X}-{month:02X}-{day:02X}"),
            TimeFormat::A21 => write!(f, "20{year:02X}-{month:02X}"),
            TimeFormat::A24 => write!(f, "day {day:02X} hour {hour:02X}"),
            TimeFormat::Hour => write!(f, "hour {hour:02X}"),
        }
    }
}

impl fmt::Debug for TerminalTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // covers [1376 4]
    #[test]
    fn the_captured_clock_reads_with_its_weekday() {
        let time = TerminalTime::from_wire(TimeFormat::A1, &[0x00, 0x39, 0x07, 0x17, 0x43, 0x15]).unwrap();
        assert_eq!(time.to_string(), "2015-03-17 07:39:00");
        assert_eq!(time.weekday(), Some(2));
        assert_eq!(time.civil(), Civil::new(2015, 3, 17, 7, 39, 0));
        assert_eq!(TerminalTime::of(TimeFormat::A1, time.civil().unwrap()), time);
    }

    #[test]
    fn december_keeps_its_tens_beside_the_weekday() {
        let civil = Civil::new(2026, 12, 27, 23, 59, 58).unwrap();
        let time = TerminalTime::of(TimeFormat::A1, civil);
        assert_eq!(time.wire(), [0x58, 0x59, 0x23, 0x27, 0xF2, 0x26]);
        assert_eq!((time.weekday(), time.civil()), (Some(7), Some(civil)));
    }

    #[test]
    fn absurd_digits_stay_and_are_no_date() {
        let absurd = TerminalTime::from_wire(TimeFormat::A15, &[0x99, 0x99, 0x00, 0x00, 0xEE]).unwrap();
        assert_eq!((absurd.to_string().as_str(), absurd.civil()), ("20EE-00-00 99:99", None));
        assert!(!absurd.is_possible());
        let month = TerminalTime::from_wire(TimeFormat::A21, &[0x08, 0x24]).unwrap();
        assert_eq!((month.civil(), month.is_possible()), (Civil::date(2024, 8, 1), true));
        assert!(TerminalTime::from_wire(TimeFormat::A19, &[0]).is_none());
    }

    #[test]
    fn every_format_reads_what_it_wrote() {
        let civil = Civil::new(2026, 11, 21, 10, 15, 30).unwrap();
        for format in TimeFormat::ALL {
            let time = TerminalTime::of(format, civil);
            assert_eq!(time.wire().len(), format.width());
            assert_eq!(TerminalTime::from_wire(format, time.wire()), Some(time));
            assert!(time.is_possible(), "{time}");
            for part in format.parts() {
                let wanted = match part {
                    Part::Year => 26,
                    Part::Month => 11,
                    Part::Day => 21,
                    Part::Hour => 10,
                    Part::Minute => 15,
                    Part::Second => 30,
                };
                assert_eq!(time.part(*part), Some(wanted), "{format:?} {part:?}");
            }
        }
    }
}
