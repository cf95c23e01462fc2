//! What changes a meter: writes, clears, clock, freeze, relay, passwords, rate, address. [645-2007 4]

use super::encode::pair;
use super::relay::Command;
use super::{Answer, Meter, Rate};
use crate::instant::At;
use crate::truth::event::EventKind;
use dlt645::meter_time::Civil;

/// ERR bits. [645-2007 4]
pub(super) const ERR_OTHER: u8 = 0x01;
pub(super) const ERR_NO_DATA: u8 = 0x02;
pub(super) const ERR_PASSWORD: u8 = 0x04;
pub(super) const ERR_RATE: u8 = 0x08;

/// Largest correction that a broadcast may make.
const BROADCAST_LIMIT: i64 = 300;
/// No broadcast is taken so near to midnight.
const MIDNIGHT_GUARD: u32 = 300;
/// The level relay orders and clears need.
const LEVEL_CONTROL: u8 = 2;
/// The level that other writes need.
const LEVEL_PARAMETERS: u8 = 4;

/// What an order came to.
pub(super) type Done = Result<Answer, u8>;

impl Meter {
    /// 08H: a clock that is at most five minutes off is set, once a day and not round midnight. No answer.
    pub(super) fn broadcast_time(&mut self, now: At, data: &[u8]) {
        let Some([second, minute, hour, day, month, year]) = data.first_chunk::<6>().copied() else { return };
        let Some(time) = civil([second, minute, hour, day, month, year]) else { return };
        let shown = self.truth.clock().shown(now);
        let of_day = shown.second_of_day();
        let near_midnight = !(MIDNIGHT_GUARD..=86_400 - MIDNIGHT_GUARD).contains(&of_day);
        let off = time.since(shown).abs();
        if off > BROADCAST_LIMIT || near_midnight || self.broadcast_on == Some(shown.day()) {
            return;
        }
        self.broadcast_on = Some(shown.day());
        self.set_clock(now, time, 0);
    }

    pub(super) fn set_clock(&mut self, now: At, time: At, operator: u32) {
        self.truth.clock_mut().set(now, time);
        self.truth.record(EventKind::ClockSet, now, operator);
    }

    /// 04000101, 04000102 and 0400010C.
    pub(super) fn write_clock(&mut self, now: At, id: u32, value: &[u8], operator: u32) -> bool {
        let shown = self.truth.clock().shown(now);
        let of_day = i64::from(shown.second_of_day());
        let time = match (id, value) {
            (0x0400_0101, [_, day, month, year]) => {
                civil([0, 0, 0, *day, *month, *year]).map(|midnight| midnight.plus(of_day))
            }
            (0x0400_0102, [second, minute, hour]) => {
                time_of_day([*second, *minute, *hour]).map(|seconds| At::midnight(shown.day()).plus(seconds))
            }
            (0x0400_010C, [second, minute, hour, _, day, month, year]) => {
                civil([*second, *minute, *hour, *day, *month, *year])
            }
            _ => None,
        };
        time.is_some_and(|time| {
            self.set_clock(now, time, operator);
            true
        })
    }

    /// 14H: identifier, password, operator, value.
    pub(super) fn write(&mut self, now: At, data: &[u8]) -> Done {
        let (id, rest) = data.split_first_chunk::<4>().ok_or(ERR_OTHER)?;
        let (password, operator, value) = authority(rest).ok_or(ERR_OTHER)?;
        if !self.passwords.check(now, password, LEVEL_PARAMETERS) {
            return Err(ERR_PASSWORD);
        }
        let done = self.write_parameter(now, u32::from_le_bytes(*id), value, operator);
        if done { Ok(Answer::empty()) } else { Err(ERR_NO_DATA) }
    }

    /// 18H: which password, the old one or a higher one, the new one.
    pub(super) fn change_password(&mut self, now: At, data: &[u8]) -> Done {
        let [_, 0x0C, 0x00, 0x04, _old @ .., l, a, b, c] = data else { return Err(ERR_OTHER) };
        let old = data.get(4..8).and_then(|old| <[u8; 4]>::try_from(old).ok()).ok_or(ERR_OTHER)?;
        let level = data.first().and_then(|nn| nn.checked_sub(1)).ok_or(ERR_OTHER)?;
        // Under a utility's keys plain passwords are not taken. [645-2007 5]
        if self.chip().is_some() {
            return Err(ERR_PASSWORD);
        }
        if data.len() != 12 || !self.passwords.check(now, old, level.min(*l)) {
            return Err(ERR_PASSWORD);
        }
        if level != *l || !self.passwords.set(level, [*a, *b, *c]) {
            return Err(ERR_OTHER);
        }
        Ok(Answer::data(vec![*l, *a, *b, *c]))
    }

    /// 19H, 1AH and 1BH.
    pub(super) fn clear(&mut self, now: At, function: u8, data: &[u8]) -> Done {
        let (password, operator, rest) = authority(data).ok_or(ERR_OTHER)?;
        if !self.passwords.check(now, password, LEVEL_CONTROL) {
            return Err(ERR_PASSWORD);
        }
        match (function, rest) {
            (0x19, []) => self.truth.record(EventKind::DemandClear, now, operator),
            (0x1A, []) => self.truth.record(EventKind::MeterClear, now, operator),
            (0x1B, [0xFF, _, _, _]) => self.truth.record(EventKind::EventClear, now, operator),
            _ => return Err(ERR_OTHER),
        }
        Ok(Answer::empty())
    }

    /// 1CH: password, operator, N1 N2, deadline by the meter's own clock.
    pub(super) fn control_relay(&mut self, now: At, data: &[u8]) -> Done {
        let (password, operator, order) = authority(data).ok_or(ERR_OTHER)?;
        match password {
            [0x98, 0, 0, word @ 0..=1] => return self.enciphered_relay(now, word == 1, operator, order),
            // Under a utility's keys plain passwords are not taken. [645-2007 5]
            _ if self.chip().is_some() => return Err(ERR_PASSWORD),
            _ => {}
        }
        let [n1, n2, deadline @ ..] = order else { return Err(ERR_OTHER) };
        let deadline: [u8; 6] = deadline.try_into().map_err(|_| ERR_OTHER)?;
        if !self.passwords.check(now, password, LEVEL_CONTROL) {
            return Err(ERR_PASSWORD);
        }
        let without_deadline = deadline == [0x99; 6] || deadline == [0; 6];
        let in_time = civil(deadline).is_some_and(|until| self.truth.clock().shown(now) <= until);
        if !(without_deadline || in_time) {
            return Err(ERR_OTHER);
        }
        let command = Command::from_wire(*n1, *n2).ok_or(ERR_OTHER)?;
        self.order_relay(now, command, operator).map_err(|_| ERR_OTHER)?;
        Ok(Answer::empty())
    }

    /// 17H and 0CH: answered at the old rate, then both change.
    pub(super) fn change_rate(&mut self, data: &[u8], rate: Option<Rate>) -> Done {
        match (data, rate) {
            ([word], Some(rate)) => Ok(Answer { new_rate: Some(rate), ..Answer::data(vec![*word]) }),
            _ => Err(ERR_RATE),
        }
    }
}

/// PA P0 P1 P2, C0 C1 C2 C3 and what follows.
fn authority(data: &[u8]) -> Option<([u8; 4], u32, &[u8])> {
    let (password, rest) = data.split_first_chunk::<4>()?;
    let (operator, rest) = rest.split_first_chunk::<4>()?;
    Some((*password, u32::from_le_bytes(*operator), rest))
}

/// `ss mm hh DD MM YY` as an instant of a meter's clock.
pub(super) fn civil([second, minute, hour, day, month, year]: [u8; 6]) -> Option<At> {
    let year = 2000 + u16::from(pair(year)?);
    Civil::new(year, pair(month)?, pair(day)?, pair(hour)?, pair(minute)?, pair(second)?).map(At::from_civil)
}

/// `ss mm hh` as seconds of the day.
fn time_of_day([second, minute, hour]: [u8; 3]) -> Option<i64> {
    let at = civil([second, minute, hour, 0x01, 0x01, 0x00])?;
    Some(at.second_of_day().into())
}
