//! Freezes (冻结), class 05: the registers at moments of the meter's own clock. [645-2007 11]
//!
//! Nothing is stored: the n-th newest freeze is the register at the n-th newest moment of its kind at which the meter
//! had supply, so any depth costs no memory.

use super::Meter;
use super::encode::{Data, pair};
use super::energy::{ALL, registers};
use crate::clock::{Mark, hour, midnight};
use crate::instant::At;
use crate::truth::register::{Energy, Register};

/// How many freezes of each kind a meter with the supplement keeps.
const TIMED_DEPTH: usize = 60;
const INSTANT_DEPTH: usize = 3;
const HOURLY_DEPTH: usize = 254;
const DAILY_DEPTH: usize = 62;

/// What a freeze order asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FreezeOrders {
    /// Instantaneous freezes, newest last.
    instant: Vec<At>,
    /// The pattern of the timed freeze, and since when.
    timed: Option<(Pattern, At)>,
}

/// When a timed freeze is due; a part that is missing is any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pattern {
    minute: u8,
    hour: Option<u8>,
    day: Option<u8>,
    month: Option<u8>,
}

impl Pattern {
    fn fits(self, shown: At) -> bool {
        let Some(civil) = shown.civil() else { return false };
        civil.minute() == self.minute
            && self.hour.is_none_or(|hour| hour == civil.hour())
            && self.day.is_none_or(|day| day == civil.day())
            && self.month.is_none_or(|month| month == civil.month())
    }

    /// The latest moment of the pattern that is not after `shown`, within two years.
    fn latest(self, shown: At) -> Option<At> {
        let (step, steps) = match (self.hour, self.day) {
            (None, _) => (60, 61),
            (Some(_), None) => (60, 24 * 60 + 1),
            (Some(_), Some(_)) => (86_400, 2 * 366),
        };
        let minute = shown.plus(-i64::from(shown.seconds() % 60));
        let begin = if step == 86_400 { self.last_time_of_day(minute)? } else { minute };
        (0..steps).map(|back| begin.plus(-step * back)).find(|moment| self.fits(*moment))
    }

    fn last_time_of_day(self, shown: At) -> Option<At> {
        let of_day = i64::from(self.hour?) * 3600 + i64::from(self.minute) * 60;
        let today = At::midnight(shown.day()).plus(of_day);
        Some(if today <= shown { today } else { today.plus(-86_400) })
    }
}

impl Meter {
    /// A freeze order 16H: `mm hh DD MM`, 99 standing for any. False for what is no moment.
    pub(super) fn order_freeze(&mut self, now: At, [minute, hour, day, month]: [u8; 4]) -> bool {
        if [minute, hour, day, month] == [0x99; 4] {
            self.freezes.instant.push(now);
            let surplus = self.freezes.instant.len().saturating_sub(INSTANT_DEPTH);
            self.freezes.instant.drain(..surplus);
            return true;
        }
        let part = |byte: u8, most: u8| match byte {
            0x99 => Some(None),
            byte => pair(byte).filter(|number| *number <= most).map(Some),
        };
        let (Some(Some(minute)), Some(hour), Some(day), Some(month)) =
            (part(minute, 59), part(hour, 23), part(day, 31), part(month, 12))
        else {
            return false;
        };
        self.freezes.timed = Some((Pattern { minute, hour, day, month }, now));
        true
    }

    /// The freezes of a kind (DI2) that the meter remembers at `now`, newest first.
    pub(super) fn freezes(&self, kind: u8, now: At) -> Vec<Mark> {
        let since = self.truth.remembers_since(now);
        let clock = self.truth.clock();
        let keep = |mark: &Mark| self.truth.is_powered(mark.at);
        let within = |mark: &Mark| mark.at >= since;
        match kind {
            0x00 => {
                let Some((pattern, ordered)) = self.freezes.timed else { return Vec::new() };
                let marks = clock.marks_before(now, move |shown| pattern.latest(shown));
                marks
                    .take_while(|mark| mark.at >= since.max(ordered))
                    .filter(keep)
                    .take(TIMED_DEPTH)
                    .collect()
            }
            0x01 => {
                let taken = self.freezes.instant.iter().rev().filter(|at| **at <= now && **at >= since);
                taken.map(|at| Mark { at: *at, shown: clock.shown(*at) }).collect()
            }
            0x04 => {
                clock.marks_before(now, hour).take_while(within).filter(keep).take(HOURLY_DEPTH).collect()
            }
            0x06 => {
                clock.marks_before(now, midnight).take_while(within).filter(keep).take(DAILY_DEPTH).collect()
            }
            _ => Vec::new(),
        }
    }

    /// `05 kind DI1 n`.
    pub(super) fn freeze_class(&self, now: At, [n, di1, kind, _]: [u8; 4]) -> Option<Vec<u8>> {
        if kind == 0x06 && !self.manners.has_daily_freeze {
            return None;
        }
        let place = usize::from(n).checked_sub(1)?;
        match self.freezes(kind, now).get(place) {
            Some(freeze) => self.freeze_data(kind, di1, *freeze),
            None if kind == 0x06 && place < DAILY_DEPTH && self.manners.keeps_empty_freezes => {
                Some(vec![0; self.freeze_data(kind, di1, Mark { at: now, shown: now })?.len()])
            }
            None => None,
        }
    }

    /// An item of a freeze, or all of them.
    fn freeze_data(&self, kind: u8, di1: u8, freeze: Mark) -> Option<Vec<u8>> {
        let data = Data::new();
        let data = match (kind, di1) {
            (0x04, ALL) => [0x00, 0x01, 0x02]
                .into_iter()
                .try_fold(data, |data, di1| self.frozen(data, kind, di1, freeze))?,
            (_, ALL) => self.whole_freeze(data, kind, freeze)?,
            _ => self.frozen(data, kind, di1, freeze)?,
        };
        Some(data.into_bytes())
    }

    /// All items in turn, with AA behind each where this meter does so.
    fn whole_freeze(&self, data: Data, kind: u8, freeze: Mark) -> Option<Data> {
        let items = [0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0A, 0x10];
        items.into_iter().try_fold(data, |data, di1| {
            let data = self.frozen(data, kind, di1, freeze)?;
            Some(if self.manners.separates_freezes { data.byte(0xAA) } else { data })
        })
    }

    /// One item of a freeze.
    fn frozen(&self, data: Data, kind: u8, di1: u8, freeze: Mark) -> Option<Data> {
        let is_hourly = kind == 0x04;
        match di1 {
            0x00 => Some(data.minute(Some(freeze.shown))),
            0x01 | 0x02 if is_hourly => {
                let energy = Energy::ALL.get(usize::from(di1))?;
                Some(self.register(data, Register::total(*energy), Some(freeze.at)))
            }
            0x01..=0x08 if !is_hourly => {
                let energy = Energy::ALL.get(usize::from(di1))?;
                let registers = registers(*energy, None, ALL)?;
                Some(
                    registers
                        .iter()
                        .fold(data, |data, register| self.register(data, *register, Some(freeze.at))),
                )
            }
            0x09 | 0x0A if !is_hourly => {
                let energy = if di1 == 0x09 { Energy::ForwardActive } else { Energy::ReverseActive };
                let registers = registers(energy, None, ALL)?;
                Some(registers.iter().fold(data, |data, register| {
                    self.peak(data, *register, self.truth.demand(*register, freeze.at))
                }))
            }
            0x10 if !is_hourly => {
                let measured = self.truth.instantaneous(freeze.at);
                let [active, reactive] = [measured.active, measured.reactive];
                let powers = [active, reactive]
                    .into_iter()
                    .flat_map(|power| std::iter::once(power.total).chain(power.phases));
                Some(powers.fold(data, |data, power| data.signed(power, 3)))
            }
            _ => None,
        }
    }
}
