//! Values to the bytes a terminal sends, low byte first, in the data formats of appendix A. Written apart from the
//! protocol crate's own encoder, so that one mistake cannot hide in both. [1376 4]

use crate::instant::At;
use crate::meter::encode::pair;
use dlt645::meter_time::Civil;

/// Fills every byte of what a terminal does not have. [1376 1.9]
pub(super) const MISSING: u8 = 0xEE;

/// A data unit in the making.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Unit(Vec<u8>);

impl Unit {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    pub(super) fn byte(mut self, byte: u8) -> Self {
        self.0.push(byte);
        self
    }

    /// BIN2.
    pub(super) fn word(mut self, word: u16) -> Self {
        self.0.extend(word.to_le_bytes());
        self
    }

    pub(super) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// So many bytes of EE.
    pub(super) fn missing(mut self, bytes: usize) -> Self {
        self.0.extend(std::iter::repeat_n(MISSING, bytes));
        self
    }

    /// A number without sign, two digits a byte; higher digits are lost as on a display.
    pub(super) fn number(mut self, value: Option<i64>, bytes: usize) -> Self {
        match value {
            None => self.missing(bytes),
            Some(value) => {
                self.digits(value.unsigned_abs(), bytes);
                self
            }
        }
    }

    /// A number with its sign in the top bit, which leaves three bits to the first digit; what is larger stands at the
    /// end of the scale.
    pub(super) fn signed(mut self, value: Option<i64>, bytes: usize) -> Self {
        let Some(value) = value else { return self.missing(bytes) };
        let places = u32::try_from(bytes * 2).unwrap_or_default().saturating_sub(1);
        let most = 8 * 10_u64.saturating_pow(places) - 1;
        self.digits(value.unsigned_abs().min(most), bytes);
        if let (true, Some(top)) = (value < 0, self.0.last_mut()) {
            *top |= 0x80;
        }
        self
    }

    /// A14, a register of active energy, from units of 0.01 kWh.
    pub(super) fn a14(self, hundredths: Option<i64>) -> Self {
        self.number(hundredths.map(|value| value.abs().saturating_mul(100)), 5)
    }

    /// A11, a register of reactive energy, from units of 0.01 kvarh.
    pub(super) fn a11(self, hundredths: Option<i64>) -> Self {
        self.number(hundredths, 4)
    }

    /// A1: `ss mm hh DD`, weekday and month in one byte, `YY`.
    pub(super) fn a1(mut self, shown: Option<At>) -> Self {
        let Some(civil) = shown.and_then(At::civil) else { return self.missing(6) };
        self.parts(&[civil.second(), civil.minute(), civil.hour(), civil.day()]);
        // Sunday is 7 here and 0 there.
        let weekday = if civil.weekday() == 0 { 7 } else { civil.weekday() };
        self.0.push(weekday << 5 | (civil.month() / 10) << 4 | (civil.month() % 10));
        self.parts(&[year(civil)]);
        self
    }

    /// A15: `mm hh DD MM YY`.
    pub(super) fn a15(mut self, shown: Option<At>) -> Self {
        let Some(civil) = shown.and_then(At::civil) else { return self.missing(5) };
        self.parts(&[civil.minute(), civil.hour(), civil.day(), civil.month(), year(civil)]);
        self
    }

    /// A20: `DD MM YY`, from a day counted from 2000-01-01.
    pub(super) fn a20(mut self, day: u32) -> Self {
        let Some(civil) = At::midnight(day).civil() else { return self.missing(3) };
        self.parts(&[civil.day(), civil.month(), year(civil)]);
        self
    }

    fn parts(&mut self, parts: &[u8]) {
        parts.iter().for_each(|part| self.digits(u64::from(*part), 1));
    }

    fn digits(&mut self, value: u64, bytes: usize) {
        let mut rest = value;
        for _ in 0..bytes {
            let (tens, ones) = (rest / 10 % 10, rest % 10);
            self.0.extend((tens * 16 + ones).to_le_bytes().first());
            rest /= 100;
        }
    }
}

fn year(civil: Civil) -> u8 {
    u8::try_from(civil.year() % 100).unwrap_or_default()
}

/// A1 as a master writes it.
pub(super) fn read_a1(wire: &[u8]) -> Option<At> {
    let [second, minute, hour, day, month, year] = *wire.first_chunk::<6>()?;
    moment(year, month & 0x1F, day, [hour, minute, second])
}

/// A15 as a master writes it.
pub(super) fn read_a15(wire: &[u8]) -> Option<At> {
    let [minute, hour, day, month, year] = *wire.first_chunk::<5>()?;
    moment(year, month, day, [hour, minute, 0])
}

/// A20 as a master writes it: the day, counted from 2000-01-01.
pub(super) fn read_a20(wire: &[u8]) -> Option<u32> {
    let [day, month, year] = *wire.first_chunk::<3>()?;
    moment(year, month, day, [0; 3]).map(At::day)
}

/// A21 as a master writes it: the last day of the month.
pub(super) fn read_a21(wire: &[u8]) -> Option<u32> {
    let [month, year] = *wire.first_chunk::<2>()?;
    let first = moment(year, month, 1, [0; 3])?;
    let within = first.civil()?.month();
    (27..31)
        .map(|days| first.day() + days)
        .rfind(|day| At::midnight(*day).civil().is_some_and(|civil| civil.month() == within))
}

/// From digits as they stand on the wire.
fn moment(year: u8, month: u8, day: u8, [hour, minute, second]: [u8; 3]) -> Option<At> {
    let year = 2000 + u16::from(pair(year)?);
    Civil::new(year, pair(month)?, pair(day)?, pair(hour)?, pair(minute)?, pair(second)?).map(At::from_civil)
}

/// A register as a meter sends it, in its last digits; `None` for what is no number. [645-2007 2]
pub(super) fn read_register(wire: &[u8]) -> Option<i64> {
    let wire = wire.first_chunk::<4>()?;
    let is_negative = wire.last().is_some_and(|top| *top & 0x80 != 0);
    let digits = wire.iter().enumerate().rev().try_fold(0_i64, |value, (place, byte)| {
        let byte = if place == 3 && is_negative { byte & 0x7F } else { *byte };
        Some(value * 100 + i64::from(pair(byte)?))
    })?;
    Some(if is_negative { -digits } else { digits })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    // covers [1376 4]
    #[test]
    fn the_examples_of_the_text() {
        let bytes = |unit: Unit| unit.into_bytes();
        assert_eq!(bytes(Unit::new().a14(Some(123_456))), [0x00, 0x56, 0x34, 0x12, 0x00]);
        assert_eq!(bytes(Unit::new().number(Some(2427), 2)), [0x27, 0x24]);
        assert_eq!(bytes(Unit::new().signed(Some(1250), 3)), [0x50, 0x12, 0x00]);
        assert_eq!(bytes(Unit::new().signed(Some(-1250), 3)), [0x50, 0x12, 0x80]);
        assert_eq!(bytes(Unit::new().signed(Some(15_000), 3)), [0x00, 0x50, 0x01]);
        assert_eq!(bytes(Unit::new().signed(Some(1000), 2)), [0x00, 0x10]);
        assert_eq!(
            bytes(Unit::new().signed(Some(-9_999_999), 3)),
            [0x99, 0x99, 0xF9],
            "the end of the scale"
        );
        assert_eq!(bytes(Unit::new().a11(None)), [0xEE; 4]);
    }

    // covers [1376 9]
    #[test]
    fn clocks_are_those_of_the_worked_frames() {
        let heartbeat = [0x30, 0x05, 0x12, 0x20, 0x48, 0x24];
        let at = sample::at(2024, 8, 20, 12, 5).plus(30);
        assert_eq!(Unit::new().a1(Some(at)).into_bytes(), heartbeat);
        assert_eq!(read_a1(&heartbeat), Some(at));
        let captured = [0x00, 0x39, 0x07, 0x17, 0x43, 0x15];
        assert_eq!(Unit::new().a1(Some(sample::at(2015, 3, 17, 7, 39))).into_bytes(), captured);
        assert_eq!(Unit::new().a1(None).into_bytes(), [0xEE; 6]);
        let sunday = Unit::new().a1(Some(sample::at(2024, 8, 25, 0, 0))).into_bytes();
        assert_eq!(sunday.get(4), Some(&0xE8));
        assert_eq!(read_a15(&[0x18, 0x16, 0x28, 0x08, 0x18]), Some(sample::at(2018, 8, 28, 16, 18)));
    }

    #[test]
    fn marks_of_days_and_months_name_the_day_that_ends() {
        assert_eq!(read_a20(&[0x20, 0x08, 0x24]), Some(sample::day(2024, 8, 20)));
        assert_eq!(Unit::new().a20(sample::day(2024, 8, 20)).into_bytes(), [0x20, 0x08, 0x24]);
        assert_eq!(read_a21(&[0x02, 0x24]), Some(sample::day(2024, 2, 29)));
        assert_eq!(read_a21(&[0x02, 0x25]), Some(sample::day(2025, 2, 28)));
        assert_eq!(read_a21(&[0x12, 0x24]), Some(sample::day(2024, 12, 31)));
        assert_eq!((read_a20(&[0x31, 0x02, 0x24]), read_a21(&[0x13, 0x24])), (None, None));
    }

    #[test]
    fn registers_of_meters_are_read_digit_by_digit() {
        assert_eq!(read_register(&[0x56, 0x34, 0x12, 0x00]), Some(123_456));
        assert_eq!(read_register(&[0x56, 0x34, 0x12, 0x80]), Some(-123_456));
        assert_eq!(read_register(&[0xFF; 4]), None);
        assert_eq!(read_register(&[0x1A, 0, 0, 0]), None);
        assert_eq!(read_register(&[0x10, 0, 0]), None);
    }
}
