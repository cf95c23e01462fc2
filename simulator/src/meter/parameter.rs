//! Parameters and status words, class 04. [645-2007 7]

use super::Meter;
use super::encode::{Data, Part};
use crate::instant::At;
use crate::truth::event::EventKind;
use crate::truth::face::Combination;
use crate::truth::flow::Way;
use crate::truth::installation::Wiring;
use crate::truth::register::Phase;
use crate::truth::settlement::SettlementDays;

/// Date and weekday.
pub(super) const DATE: [Part; 4] = [Part::Weekday, Part::Day, Part::Month, Part::Year];
/// Time of day.
pub(super) const TIME: [Part; 3] = [Part::Second, Part::Minute, Part::Hour];
/// Both.
pub(super) const DATE_AND_TIME: [Part; 7] =
    [Part::Second, Part::Minute, Part::Hour, Part::Weekday, Part::Day, Part::Month, Part::Year];

/// The settings that were written since the meter left the factory, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Parameters {
    written: Vec<(u32, Vec<u8>)>,
    log: Vec<(At, [u8; 4])>,
}

/// Settings a master may write, with what they are from the factory.
const WRITABLE: [(u32, &[u8]); 32] = [
    (0x0400_0103, &[0x15]),
    (0x0400_0104, &[0x15]),
    (0x0400_0105, &[0x80, 0x00]),
    (0x0400_0106, &[0; 5]),
    (0x0400_0107, &[0; 5]),
    (0x0400_0108, &[0; 5]),
    (0x0400_0109, &[0; 5]),
    (0x0400_0201, &[0x02]),
    (0x0400_0202, &[0x02]),
    (0x0400_0203, &[0x10]),
    (0x0400_0204, &[0x04]),
    (0x0400_0205, &[0x00, 0x00]),
    (0x0400_0206, &[0x00]),
    (0x0400_0301, &[0x10]),
    (0x0400_0302, &[0x05]),
    (0x0400_0303, &[0x02]),
    (0x0400_0304, &[0x04]),
    (0x0400_0305, &[0x20]),
    (0x0400_0701, &[0x02]),
    (0x0400_0702, &[0x08]),
    (0x0400_0703, &[0x08]),
    (0x0400_0704, &[0x08]),
    (0x0400_0801, &[0x7F]),
    (0x0400_0802, &[0x01]),
    (0x0400_0901, &[0x3F]),
    (0x0400_0902, &[0xFF]),
    (0x0400_0905, &[0x03]),
    (0x0400_0906, &[0xFF]),
    (0x0400_1201, &[0x00, 0x00, 0x01, 0x01, 0x20]),
    (0x0400_1202, &[0x60]),
    (0x0400_1203, &[0x00, 0x00]),
    (0x0400_1401, &[0x00, 0x00]),
];

/// Load-record intervals 04000A02 to 04000A07, a quarter of an hour each.
const INTERVALS: core::ops::RangeInclusive<u32> = 0x0400_0A02..=0x0400_0A07;

impl Parameters {
    fn value(&self, id: u32) -> Option<&[u8]> {
        let written = self.written.iter().find(|(have, _)| *have == id).map(|(_, value)| value.as_slice());
        let factory = || WRITABLE.iter().find(|(have, _)| *have == id).map(|(_, value)| *value);
        written.or_else(factory)
    }

    /// Takes a new value; false when the setting is not writable or has another length.
    pub(super) fn write(&mut self, now: At, id: u32, value: &[u8]) -> bool {
        let fits = self.value(id).is_some_and(|old| old.len() == value.len());
        if fits {
            self.written.retain(|(have, _)| *have != id);
            self.written.push((id, value.to_vec()));
            self.note(now, id);
        }
        fits
    }

    /// Notes that an identifier was written.
    pub(super) fn note(&mut self, now: At, id: u32) {
        self.log.push((now, id.to_le_bytes()));
        let surplus = self.log.len().saturating_sub(100);
        self.log.drain(..surplus);
    }

    /// The identifiers written in the second of a programming record.
    pub(super) fn written_in(&self, at: At) -> Vec<[u8; 4]> {
        self.log.iter().filter(|(when, _)| *when == at).map(|(_, id)| *id).collect()
    }

    /// Which kinds of load record are kept, one bit each.
    #[must_use]
    pub(super) fn load_mode(&self) -> u8 {
        self.value(0x0400_0901).and_then(|value| value.first().copied()).unwrap_or(0x3F)
    }

    /// The warning time before a trip.
    #[must_use]
    pub(super) fn trip_delay_minutes(&self) -> u16 {
        let digits = self.value(0x0400_1401).unwrap_or_default();
        digits
            .iter()
            .rev()
            .filter_map(|byte| super::encode::pair(*byte))
            .fold(0, |sum, pair| sum * 100 + u16::from(pair))
    }

    /// Bytes on the heap.
    #[must_use]
    pub(super) fn heap_bytes(&self) -> usize {
        let values: usize = self.written.iter().map(|(_, value)| value.capacity()).sum();
        values
            + self.written.capacity() * size_of::<(u32, Vec<u8>)>()
            + self.log.capacity() * size_of::<(At, [u8; 4])>()
    }
}

impl Meter {
    /// `04 DI2 DI1 DI0`.
    pub(super) fn parameter_class(&self, now: At, id: [u8; 4]) -> Option<Vec<u8>> {
        let shown = Some(self.truth.clock().shown(now));
        let code = u32::from_le_bytes(id);
        let data = Data::new();
        let data = match code {
            0x0400_0101 => data.time(shown, &DATE),
            0x0400_0102 => data.time(shown, &TIME),
            0x0400_010C => data.time(shown, &DATE_AND_TIME),
            0x0400_0306 | 0x0400_0307 => data.number(1, 3),
            0x0400_0401 => data.bytes(&self.address),
            0x0400_0402 => data.bytes(&self.meter_number),
            0x0400_0403 => data.text(&self.asset_number(), 32),
            0x0400_0404 => data.text("220V", 6),
            0x0400_0405 => data.text(if self.is_three_phase() { "1.5A" } else { "5A" }, 6),
            0x0400_0406 => data.text(if self.is_three_phase() { "6A" } else { "60A" }, 6),
            0x0400_0407 => data.text("1.0", 4),
            0x0400_0408 => data.text("2.0", 4),
            0x0400_0409 | 0x0400_040A => data.number(if self.is_three_phase() { 6400 } else { 1200 }, 3),
            0x0400_040B => data.text(if self.is_three_phase() { "DTZY-SIM" } else { "DDZY-SIM" }, 10),
            0x0400_040C => data.text("2020-01-01", 10),
            0x0400_040D => data.text("DL/T645-2007", 16),
            0x0400_040E => data.fill(0, 6),
            0x0400_0501..=0x0400_0507 => data.word(self.status_word(now, id[0]).into(), 2),
            0x0400_05FF => (1..=7).fold(data, |data, word| data.word(self.status_word(now, word).into(), 2)),
            0x0400_0601 => data.byte(self.truth.face().combination().active),
            0x0400_0602 => data.byte(self.truth.face().combination().reactive_1),
            0x0400_0603 => data.byte(self.truth.face().combination().reactive_2),
            0x0400_0B01..=0x0400_0B03 => self.settlement_day(id[0])?,
            _ if INTERVALS.contains(&code) => data.number(15, 2),
            0x0400_0A01 => data.number(1_010_000, 4),
            0x0480_0001 | 0x0480_0002 => data.text("chaobiao simulator", 32),
            0x0480_0003 => data.text("SIM", 32),
            0x0401_0000 | 0x0402_0000 => data.bytes(&[0x01, 0x01, 0x01]),
            _ => data.bytes(self.parameters.value(code)?),
        };
        Some(data.into_bytes())
    }

    /// Writes a setting whose password has been checked; false when it cannot be written so.
    pub(super) fn write_parameter(&mut self, now: At, id: u32, value: &[u8], operator: u32) -> bool {
        let done = match (id, value) {
            (0x0400_0101 | 0x0400_0102 | 0x0400_010C, _) => {
                return self.write_clock(now, id, value, operator);
            }
            (0x0400_0601, [word]) => {
                self.set_combination(|combination| combination.active = *word);
                true
            }
            (0x0400_0602, [word]) => {
                self.set_combination(|combination| combination.reactive_1 = *word);
                true
            }
            (0x0400_0603, [word]) => {
                self.set_combination(|combination| combination.reactive_2 = *word);
                true
            }
            (0x0400_0B01..=0x0400_0B03, [hour, day]) => self.write_settlement_day(id, *hour, *day),
            (0x0400_0402, value) => <[u8; 6]>::try_from(value).is_ok_and(|number| {
                self.meter_number = number;
                true
            }),
            _ => return self.parameters.write(now, id, value) && self.programmed(now, operator),
        };
        if done {
            self.parameters.note(now, id);
            self.programmed(now, operator);
        }
        done
    }

    fn programmed(&mut self, now: At, operator: u32) -> bool {
        // Writes within one second share a record, as writes within one programming session do.
        if self.truth.log().remembered(EventKind::Programming, now).next().is_none_or(|last| last.from != now)
        {
            self.truth.record(EventKind::Programming, now, operator);
        }
        true
    }

    fn set_combination(&mut self, change: impl FnOnce(&mut Combination)) {
        let mut combination = self.truth.face().combination();
        change(&mut combination);
        self.truth.set_combination(combination);
    }

    fn settlement_day(&self, di0: u8) -> Option<Data> {
        let moments = self.truth.settlement_days().moments();
        let moment = *moments.get(usize::from(di0) - 1)?;
        Some(match moment {
            Some((day, hour)) => Data::new().number(hour.into(), 1).number(day.into(), 1),
            None => Data::new().fill(0x99, 2),
        })
    }

    fn write_settlement_day(&mut self, id: u32, hour: u8, day: u8) -> bool {
        let mut moments = self.truth.settlement_days().moments();
        let place = usize::from(id.to_le_bytes()[0]) - 1;
        let moment = match (day, hour) {
            (0x99, 0x99) => None,
            (day, hour) => match (super::encode::pair(day), super::encode::pair(hour)) {
                (Some(day), Some(hour)) => Some((day, hour)),
                _ => return false,
            },
        };
        let Some(own) = moments.get_mut(place) else { return false };
        *own = moment;
        SettlementDays::up_to_three(moments).is_some_and(|days| {
            self.truth.set_settlement_days(days);
            true
        })
    }

    pub(super) fn is_three_phase(&self) -> bool {
        self.truth.wiring() == Wiring::ThreePhase
    }

    /// What it tells as its asset number (资产管理编码).
    #[must_use]
    pub fn asset_number(&self) -> String {
        self.meter_number.iter().rev().fold("SIM-".to_owned(), |text, byte| format!("{text}{byte:02X}"))
    }

    /// Status words 1 to 7.
    #[must_use]
    pub fn status_word(&self, now: At, word: u8) -> u16 {
        let flow = self.truth.flow(now);
        let on = |kind| self.truth.log().is_on(kind, now);
        let reversed = |place: usize| flow.0.get(place) == Some(&Way::Against);
        let bit = |number: u32, set: bool| u16::from(set) << number;
        let exports = self.truth.instantaneous(now).active.total < 0;
        match word {
            1 => {
                bit(2, on(EventKind::ClockBatteryLow))
                    | bit(4, exports)
                    | bit(8, on(EventKind::RelayFault))
                    | bit(15, self.truth.clock().offset(now).abs() > 86_400)
            }
            2 => (0..3_u8).map(|place| bit(u32::from(place), reversed(usize::from(place)))).sum::<u16>(),
            3 => {
                let relay = &self.relay;
                bit(4, relay.is_open())
                    | bit(6, relay.is_ordered_open())
                    | bit(7, relay.is_about_to_trip())
                    | bit(12, relay.is_held())
                    | bit(13, self.chip().is_some_and(|chip| chip.is_authenticated(now)))
                    | bit(14, true)
                    | bit(15, true)
            }
            4..=6 => {
                let Some(phase) = Phase::ALL.get(usize::from(word) - 4).copied() else { return 0 };
                bit(0, on(EventKind::VoltageLoss(phase)))
                    | bit(3, on(EventKind::CurrentLoss(phase)))
                    | bit(5, phase == Phase::A && on(EventKind::Overload))
                    | bit(6, on(EventKind::CurrentReversed(phase)))
                    | bit(7, on(EventKind::PhaseFailure(phase)))
            }
            7 => bit(9, on(EventKind::CoverOpen)) | bit(10, on(EventKind::TerminalCoverOpen)),
            _ => 0,
        }
    }
}
