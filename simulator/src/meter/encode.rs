//! Values to the bytes a meter sends, low byte first. Written apart from the protocol crate's own encoder, so that one
//! mistake cannot hide in both.

use crate::instant::At;

/// Plain data of an answer in the making.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Data(Vec<u8>);

impl Data {
    /// Nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// What was put in.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// A number of so many bytes, two decimal digits in each; higher digits are lost as on a display.
    #[must_use]
    pub fn number(mut self, value: i64, bytes: usize) -> Self {
        self.digits(value.unsigned_abs(), bytes);
        self
    }

    /// The same with a sign in the top bit.
    #[must_use]
    pub fn signed(mut self, value: i64, bytes: usize) -> Self {
        self.digits(value.unsigned_abs(), bytes);
        if let (true, Some(top)) = (value < 0, self.0.last_mut()) {
            *top |= 0x80;
        }
        self
    }

    /// A number that has a sign where `is_signed`.
    #[must_use]
    pub fn number_or_signed(self, value: i64, bytes: usize, is_signed: bool) -> Self {
        if is_signed { self.signed(value, bytes) } else { self.number(value, bytes) }
    }

    fn digits(&mut self, value: u64, bytes: usize) {
        let mut rest = value;
        for _ in 0..bytes {
            let (tens, ones) = (rest / 10 % 10, rest % 10);
            self.0.push(low_byte(tens * 16 + ones));
            rest /= 100;
        }
    }

    /// A binary word, low byte first.
    #[must_use]
    pub fn word(mut self, word: u64, bytes: usize) -> Self {
        self.0.extend(word.to_le_bytes().iter().take(bytes));
        self
    }

    /// One byte.
    #[must_use]
    pub fn byte(mut self, byte: u8) -> Self {
        self.0.push(byte);
        self
    }

    /// Bytes as they are.
    #[must_use]
    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// The same byte so many times.
    #[must_use]
    pub fn fill(mut self, byte: u8, times: usize) -> Self {
        self.0.extend(std::iter::repeat_n(byte, times));
        self
    }

    /// Text of so many bytes, last character first, blanks behind it.
    #[must_use]
    pub fn text(mut self, text: &str, bytes: usize) -> Self {
        let padded = text.bytes().chain(std::iter::repeat(b' ')).take(bytes);
        let mut wire: Vec<u8> = padded.collect();
        wire.reverse();
        self.0.extend(wire);
        self
    }

    /// YYMMDDhhmmss; all zero for "never".
    #[must_use]
    pub fn second(self, shown: Option<At>) -> Self {
        self.time(shown, &[Part::Second, Part::Minute, Part::Hour, Part::Day, Part::Month, Part::Year])
    }

    /// YYMMDDhhmm; all zero for "never".
    #[must_use]
    pub fn minute(self, shown: Option<At>) -> Self {
        self.time(shown, &[Part::Minute, Part::Hour, Part::Day, Part::Month, Part::Year])
    }

    /// The parts of a time in wire order; all zero for "never".
    #[must_use]
    pub fn time(mut self, shown: Option<At>, parts: &[Part]) -> Self {
        let civil = shown.map(|shown| shown.civil().or_else(|| At::END.plus(-1).civil()));
        for part in parts {
            let number = civil.flatten().map_or(0, |civil| match part {
                Part::Year => u64::from(civil.year() % 100),
                Part::Month => civil.month().into(),
                Part::Day => civil.day().into(),
                Part::Weekday => civil.weekday().into(),
                Part::Hour => civil.hour().into(),
                Part::Minute => civil.minute().into(),
                Part::Second => civil.second().into(),
            });
            self.digits(number, 1);
        }
        self
    }
}

/// A part of a time, two digits each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// 00 to 99.
    Year,
    /// 01 to 12.
    Month,
    /// 01 to 31.
    Day,
    /// 00 Sunday to 06 Saturday.
    Weekday,
    /// 00 to 23.
    Hour,
    /// 00 to 59.
    Minute,
    /// 00 to 59.
    Second,
}

/// The lowest byte of a number.
const fn low_byte(number: u64) -> u8 {
    number.to_le_bytes()[0]
}

/// Two digits of one byte as a number; `None` when one is above nine.
#[must_use]
pub const fn pair(byte: u8) -> Option<u8> {
    let (tens, ones) = (byte >> 4, byte & 0x0F);
    if tens > 9 || ones > 9 { None } else { Some(tens * 10 + ones) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_times_and_text_stand_low_byte_first() {
        let civil = dlt645::meter_time::Civil::new(2026, 11, 21, 10, 15, 30).unwrap();
        let at = At::from_civil(civil);
        assert_eq!(Data::new().number(123_456, 4).into_bytes(), [0x56, 0x34, 0x12, 0x00]);
        assert_eq!(Data::new().signed(-5123, 3).into_bytes(), [0x23, 0x51, 0x80]);
        assert_eq!(Data::new().number(1_234_567, 3).into_bytes(), [0x67, 0x45, 0x23], "the display ends");
        assert_eq!(Data::new().second(Some(at)).into_bytes(), [0x30, 0x15, 0x10, 0x21, 0x11, 0x26]);
        assert_eq!(Data::new().minute(None).into_bytes(), [0; 5]);
        assert_eq!(Data::new().text("AB", 4).into_bytes(), [b' ', b' ', b'B', b'A']);
        assert_eq!(Data::new().word(0x0050, 2).into_bytes(), [0x50, 0x00]);
    }
}
