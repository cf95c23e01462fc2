//! The small typed arguments of requests: number of blocks, freeze moment, rate, output, kinds of events.

use core::fmt;

use crate::data_id::DataId;
use crate::edition::Edition;
use crate::meter_time::Civil;

/// How many blocks of a load record are wanted, 1 to 99. [645-2007 12]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Blocks(u8);

impl Blocks {
    /// One block.
    pub const ONE: Self = Self(1);

    /// So many blocks; `None` for none and for more than two digits.
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        if number == 0 || number > 99 { None } else { Some(Self(number)) }
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }
}

/// When a meter is to freeze its registers (冻结). [645-2007 4 freeze]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Freeze {
    /// Now (瞬时冻结).
    Now,
    /// Every hour at this minute.
    Hourly {
        /// 0 to 59.
        minute: u8,
    },
    /// Every day at this time.
    Daily {
        /// 0 to 23.
        hour: u8,
        /// 0 to 59.
        minute: u8,
    },
    /// Every month on this day at this time.
    Monthly {
        /// 1 to 31; a meter freezes only in months that have the day.
        day: u8,
        /// 0 to 23.
        hour: u8,
        /// 0 to 59.
        minute: u8,
    },
    /// At the next such moment.
    At {
        /// 1 to 12.
        month: u8,
        /// 1 to 31, a day that the month can have.
        day: u8,
        /// 0 to 23.
        hour: u8,
        /// 0 to 59.
        minute: u8,
    },
}

/// Stands for "every" in a freeze moment.
const EVERY: u8 = 0x99;

impl Freeze {
    /// True when every part is one the clock and the calendar have.
    #[must_use]
    pub fn is_possible(self) -> bool {
        let (month, day, hour, minute) = match self {
            Self::Now => (1, 1, 0, 0),
            Self::Hourly { minute } => (1, 1, 0, minute),
            Self::Daily { hour, minute } => (1, 1, hour, minute),
            Self::Monthly { day, hour, minute } => (1, day, hour, minute),
            Self::At { month, day, hour, minute } => (month, day, hour, minute),
        };
        // A leap year, so that 29 February can be asked for.
        Civil::new(2000, month, day, hour, minute, 0).is_some()
    }

    /// mm hh DD MM in wire order; 99 stands for "every".
    #[must_use]
    pub fn wire(self) -> [u8; 4] {
        let two = |number: u8| crate::bcd::from_two_digits(number.into());
        match self {
            Self::Now => [EVERY; 4],
            Self::Hourly { minute } => [two(minute), EVERY, EVERY, EVERY],
            Self::Daily { hour, minute } => [two(minute), two(hour), EVERY, EVERY],
            Self::Monthly { day, hour, minute } => [two(minute), two(hour), two(day), EVERY],
            Self::At { month, day, hour, minute } => [two(minute), two(hour), two(day), two(month)],
        }
    }

    /// Reads mm hh DD MM; `None` for impossible moments and for a 99 below a digit.
    #[must_use]
    pub fn from_wire(wire: [u8; 4]) -> Option<Self> {
        let two = crate::bcd::two_digits;
        let freeze = match wire {
            [EVERY, EVERY, EVERY, EVERY] => Self::Now,
            [minute, EVERY, EVERY, EVERY] => Self::Hourly { minute: two(minute)? },
            [minute, hour, EVERY, EVERY] => Self::Daily { hour: two(hour)?, minute: two(minute)? },
            [minute, hour, day, EVERY] => {
                Self::Monthly { day: two(day)?, hour: two(hour)?, minute: two(minute)? }
            }
            [minute, hour, day, month] => {
                Self::At { month: two(month)?, day: two(day)?, hour: two(hour)?, minute: two(minute)? }
            }
        };
        freeze.is_possible().then_some(freeze)
    }
}

/// A line speed (通信速率), with the rate word Z that each edition has for it. [645-2007 4 rate] [645-1997 3 rate]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the name is the speed in bit/s")]
pub enum Rate {
    B300,
    B600,
    B1200,
    B2400,
    B4800,
    B9600,
    B19200,
}

impl Rate {
    /// All of them, slowest first.
    pub const ALL: [Self; 7] =
        [Self::B300, Self::B600, Self::B1200, Self::B2400, Self::B4800, Self::B9600, Self::B19200];

    /// Bits a second.
    #[must_use]
    pub const fn baud(self) -> u32 {
        match self {
            Self::B300 => 300,
            Self::B600 => 600,
            Self::B1200 => 1200,
            Self::B2400 => 2400,
            Self::B4800 => 4800,
            Self::B9600 => 9600,
            Self::B19200 => 19200,
        }
    }

    /// The rate word Z of `edition`, one bit set; `None` when the edition lacks the speed. The bits of 1997 are
    /// poorly attested: try them on a bench meter first. [645-1997 8]
    #[must_use]
    pub const fn word(self, edition: Edition) -> Option<u8> {
        let of_2007 = match self {
            Self::B300 => 0x01,
            Self::B600 => 0x02,
            Self::B1200 => 0x04,
            Self::B2400 => 0x08,
            Self::B4800 => 0x10,
            Self::B9600 => 0x20,
            Self::B19200 => 0x40,
        };
        match (edition, self) {
            (Edition::E2007, Self::B300) | (Edition::E1997, Self::B19200) => None,
            (Edition::E2007, _) => Some(of_2007),
            (Edition::E1997, _) => Some(of_2007 << 1),
        }
    }

    /// The speed that a rate word of `edition` names; `None` unless exactly one known bit is set.
    #[must_use]
    pub fn from_word(edition: Edition, word: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|rate| rate.word(edition) == Some(word))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.baud())
    }
}

/// What the multifunction terminal (多功能端子) puts out. [645-2007 4 output]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Output {
    /// The clock's second pulse (时钟秒脉冲).
    ClockSecond,
    /// The demand period (需量周期).
    DemandPeriod,
    /// The switching of tariff periods (时段投切).
    TariffSwitch,
}

impl Output {
    /// The byte that stands for it.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::ClockSecond => 0,
            Self::DemandPeriod => 1,
            Self::TariffSwitch => 2,
        }
    }

    /// What this byte stands for.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::ClockSecond),
            1 => Some(Self::DemandPeriod),
            2 => Some(Self::TariffSwitch),
            _ => None,
        }
    }
}

/// Which events a meter is to forget (事件清零). [645-2007 4 clear events]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Events {
    /// All of them.
    All,
    /// One kind, named by DI3 DI2 DI1 of its identifiers; DI0 is taken as FFH.
    Of(DataId),
}

impl Events {
    /// FF DI1 DI2 DI3 in wire order.
    #[must_use]
    pub const fn wire(self) -> [u8; 4] {
        match self {
            Self::All => [0xFF; 4],
            Self::Of(item) => [0xFF, item.di1(), item.di2(), item.di3()],
        }
    }

    /// Reads FF DI1 DI2 DI3; `None` when the first byte is not FFH.
    #[must_use]
    pub const fn from_wire(wire: [u8; 4]) -> Option<Self> {
        match wire {
            [0xFF, 0xFF, 0xFF, 0xFF] => Some(Self::All),
            [0xFF, ..] => Some(Self::Of(DataId::new_2007(u32::from_le_bytes(wire)))),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // covers [645-2007 4 freeze]
    #[test]
    fn freeze_moments_and_bytes_are_inverse() {
        let cases = [
            (Freeze::Now, [0x99, 0x99, 0x99, 0x99]),
            (Freeze::Hourly { minute: 30 }, [0x30, 0x99, 0x99, 0x99]),
            (Freeze::Daily { hour: 0, minute: 0 }, [0x00, 0x00, 0x99, 0x99]),
            (Freeze::Monthly { day: 31, hour: 23, minute: 59 }, [0x59, 0x23, 0x31, 0x99]),
            (Freeze::At { month: 2, day: 29, hour: 1, minute: 2 }, [0x02, 0x01, 0x29, 0x02]),
        ];
        for (freeze, wire) in cases {
            assert_eq!((freeze.wire(), Freeze::from_wire(wire)), (wire, Some(freeze)));
        }
        for wrong in [[0x60, 0x99, 0x99, 0x99], [0x99, 0x00, 0x99, 0x99], [0, 0, 0x30, 0x02], [0, 0, 0x0A, 1]]
        {
            assert_eq!(Freeze::from_wire(wrong), None, "{wrong:02X?}");
        }
    }

    // covers [645-2007 4 rate] [645-1997 3 rate]
    #[test]
    fn each_rate_word_has_one_bit_of_its_edition() {
        for edition in [Edition::E1997, Edition::E2007] {
            for rate in Rate::ALL {
                if let Some(word) = rate.word(edition) {
                    assert_eq!(word.count_ones(), 1);
                    assert_eq!(Rate::from_word(edition, word), Some(rate));
                }
            }
        }
        assert_eq!(Rate::B9600.word(Edition::E2007), Some(0x20));
        assert_eq!(Rate::B2400.word(Edition::E1997), Some(0x10));
        assert_eq!(Rate::B300.word(Edition::E2007), None);
        assert_eq!(Rate::B19200.word(Edition::E1997), None);
        assert_eq!(Rate::from_word(Edition::E2007, 0x80), None);
        assert_eq!(Rate::from_word(Edition::E2007, 0x24), None, "two bits");
    }

    // covers [645-2007 4 clear events]
    #[test]
    fn one_kind_of_events_is_named_by_three_bytes() {
        let item = DataId::new_2007(0x0330_0D00);
        assert_eq!(Events::Of(item).wire(), [0xFF, 0x0D, 0x30, 0x03]);
        assert_eq!(
            Events::from_wire([0xFF, 0x0D, 0x30, 0x03]),
            Some(Events::Of(DataId::new_2007(0x0330_0DFF)))
        );
        assert_eq!(Events::from_wire([0xFF; 4]), Some(Events::All));
        assert_eq!(Events::from_wire([0; 4]), None);
    }
}
