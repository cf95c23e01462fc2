//! A meter that speaks Modbus: registers that say where they stand, so that nothing can be taken for anything else.

use std::collections::BTreeMap;

use core::time::Duration;

use dlt645::frame::Frame;

use super::{Reply, Station};
use crate::bus::moment::Moment;
use crate::bus::rate::Rate;

/// Answers reads of holding registers (03) and input registers (04); refuses single bits (01, 02), what it does not have, and
/// everything else, as the standard has it. [Modbus 7]
#[derive(Clone, Debug)]
pub struct ModbusMeter {
    /// Its unit number.
    pub unit: u8,
    /// How long it takes to answer.
    pub delay: Duration,
    /// The rate it talks at.
    pub rate: Rate,
    /// What its registers hold, by function and place.
    pub registers: BTreeMap<(u8, u16), u16>,
    /// It is silent on functions that it does not have, where the standard asks for a refusal.
    pub is_silent_on_others: bool,
    /// It refuses everything with this code: 6 for one that is busy.
    pub refuses_with: Option<u8>,
}

impl ModbusMeter {
    /// A meter without registers that answers after 50 ms.
    #[must_use]
    pub const fn new(unit: u8, rate: Rate) -> Self {
        Self {
            unit,
            delay: Duration::from_millis(50),
            rate,
            registers: BTreeMap::new(),
            is_silent_on_others: false,
            refuses_with: None,
        }
    }

    /// The same with these registers, read by this function.
    #[must_use]
    pub fn with(mut self, function: u8, start: u16, words: impl IntoIterator<Item = u16>) -> Self {
        self.registers.extend((start..).zip(words).map(|(place, word)| ((function, place), word)));
        self
    }

    /// What it says to a function with its data, without unit and check; `None` where it is silent.
    #[must_use]
    pub fn answer(&self, question: &[u8]) -> Option<Vec<u8>> {
        let [function, start_high, start_low, count_high, count_low] = *question else { return None };
        let refuse = |code| Some(vec![function | 0x80, code]);
        if let Some(code) = self.refuses_with {
            return refuse(code);
        }
        if !matches!(function, 3 | 4) {
            return if self.is_silent_on_others { None } else { refuse(1) };
        }
        let start = u16::from_be_bytes([start_high, start_low]);
        let count = u16::from_be_bytes([count_high, count_low]);
        if !(1..=125).contains(&count) {
            return refuse(3);
        }
        let word = |place: u16| self.registers.get(&(function, start.checked_add(place)?)).copied();
        let Some(words) = (0..count).map(word).collect::<Option<Vec<u16>>>() else { return refuse(2) };
        let mut answer = vec![function, u8::try_from(count * 2).ok()?];
        answer.extend(words.iter().flat_map(|word| word.to_be_bytes()));
        Some(answer)
    }
}

impl Station for ModbusMeter {
    fn hear(&mut self, _: Moment, _: &Frame<'_>) -> Option<Reply> {
        None
    }

    fn hear_rtu(&mut self, _: Moment, question: &[u8]) -> Option<Reply> {
        let [unit, question @ .., _, _] = question else { return None };
        if *unit != self.unit {
            return None;
        }
        let answer = self.answer(question)?;
        Some(Reply::new(rtu_frame(self.unit, &answer), self.delay))
    }

    fn rate(&self, _: Moment) -> Rate {
        self.rate
    }
}

/// A frame on a bus: unit, function and data, check. [Modbus over serial line 2.5.1]
#[must_use]
pub fn rtu_frame(unit: u8, said: &[u8]) -> Vec<u8> {
    let mut frame = vec![unit];
    frame.extend_from_slice(said);
    let check = rtu_check(&frame);
    frame.extend(check.to_le_bytes());
    frame
}

/// The check of a frame: polynomial A001H, from all ones. [Modbus over serial line 6.2.2]
#[must_use]
pub fn rtu_check(bytes: &[u8]) -> u16 {
    bytes.iter().fold(u16::MAX, |check, byte| {
        (0..8).fold(
            check ^ u16::from(*byte),
            |check, _| {
                if check & 1 == 1 { (check >> 1) ^ 0xA001 } else { check >> 1 }
            },
        )
    })
}

/// Whether the last bytes of these are a question of eight bytes to some unit.
pub(crate) fn is_question(bytes: &[u8; 8]) -> bool {
    let [unit, function, .., low, high] = *bytes;
    let body = bytes.split_last_chunk::<2>().map_or(&[][..], |(body, _)| body);
    unit > 0 && matches!(function, 1..=6) && rtu_check(body) == u16::from_le_bytes([low, high])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_is_that_of_the_standard() {
        assert_eq!(rtu_frame(0x02, &[0x07])[2..], [0x41, 0x12], "its example");
        assert!(is_question(&[0x01, 0x03, 0x00, 0x00, 0x00, 0x0A, 0xC5, 0xCD]));
        assert!(!is_question(&[0x01, 0x03, 0x00, 0x00, 0x00, 0x0B, 0xC5, 0xCD]));
    }

    #[test]
    fn it_answers_what_it_has_and_refuses_the_rest() {
        let meter = ModbusMeter::new(17, Rate::default()).with(3, 0x6B, [0x022B, 0, 0x64]);
        assert_eq!(meter.answer(&[3, 0, 0x6B, 0, 3]).unwrap(), [3, 6, 2, 0x2B, 0, 0, 0, 0x64]);
        assert_eq!(meter.answer(&[3, 0, 0x6B, 0, 4]).unwrap(), [0x83, 2]);
        assert_eq!(meter.answer(&[4, 0, 0x6B, 0, 1]).unwrap(), [0x84, 2]);
        assert_eq!(meter.answer(&[3, 0, 0x6B, 0, 0]).unwrap(), [0x83, 3]);
        assert_eq!(meter.answer(&[2, 0, 0, 0, 1]).unwrap(), [0x82, 1]);
        let silent = ModbusMeter { is_silent_on_others: true, ..meter.clone() };
        assert_eq!(silent.answer(&[2, 0, 0, 0, 1]), None);
        let busy = ModbusMeter { refuses_with: Some(6), ..meter };
        assert_eq!(busy.answer(&[3, 0, 0x6B, 0, 1]).unwrap(), [0x83, 6]);
    }
}
