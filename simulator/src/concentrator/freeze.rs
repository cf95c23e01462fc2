//! Registers as a terminal stores them: what it asks a meter for, how it reads the answer, and the days it keeps.

use std::collections::BTreeMap;

use super::encode::{self, read_register};
use crate::instant::At;
use crate::truth::register::{Energy, Quadrant};

/// One kind of register, in the order of AFN 0D F161 to F168 and AFN 0C F129 to F136.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) energy: Energy,
    /// DI2 of the register and DI1 of the freeze. [645-2007 8, 11]
    code: u8,
    /// DI0 and DI1 of the block of 1997. [645-1997 4]
    old: [u8; 2],
}

const fn kind(energy: Energy, code: u8, old: [u8; 2]) -> Kind {
    Kind { energy, code, old }
}

/// All eight.
pub(super) const KINDS: [Kind; 8] = [
    kind(Energy::ForwardActive, 0x01, [0x1F, 0x90]),
    kind(Energy::CombinedReactive1, 0x03, [0x1F, 0x91]),
    kind(Energy::ReverseActive, 0x02, [0x2F, 0x90]),
    kind(Energy::CombinedReactive2, 0x04, [0x2F, 0x91]),
    kind(Energy::Reactive(Quadrant::I), 0x05, [0x3F, 0x91]),
    kind(Energy::Reactive(Quadrant::II), 0x06, [0x5F, 0x91]),
    kind(Energy::Reactive(Quadrant::III), 0x07, [0x6F, 0x91]),
    kind(Energy::Reactive(Quadrant::IV), 0x08, [0x4F, 0x91]),
];

impl Kind {
    /// The kind of AFN 0D F161 + place.
    pub(super) fn at(place: u16) -> Option<Self> {
        KINDS.get(usize::from(place)).copied()
    }

    /// Active energies have four decimals, the others two.
    pub(super) const fn is_active(self) -> bool {
        matches!(self.energy, Energy::ForwardActive | Energy::ReverseActive)
    }
}

/// How a meter is asked for a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// The n-th newest daily freeze, n from 1.
    Frozen(u8),
    /// As it is now.
    Live,
    /// As it is now, from a meter of 1997.
    Old,
}

impl Way {
    /// The identifier for a kind of register.
    pub(super) fn id(self, kind: Kind) -> Vec<u8> {
        match self {
            Self::Frozen(n) => vec![n, kind.code, 0x06, 0x05],
            Self::Live => vec![0x00, 0xFF, kind.code, 0x00],
            Self::Old => kind.old.to_vec(),
        }
    }

    /// The identifier for the time of the freeze, where there is one.
    pub(super) fn time_id(self) -> Option<Vec<u8>> {
        match self {
            Self::Frozen(n) => Some(vec![n, 0x00, 0x06, 0x05]),
            Self::Live | Self::Old => None,
        }
    }
}

/// A total and four tariffs in units of 0.01.
pub(super) type Registers = [Option<i64>; 5];

/// The registers of a block as a meter sends them; a byte AA may end it.
pub(super) fn registers(data: &[u8]) -> Registers {
    let mut registers = [None; 5];
    for (to, wire) in registers.iter_mut().zip(data.chunks_exact(4)) {
        *to = read_register(wire);
    }
    registers
}

/// The day that began when a freeze was taken, by the meter's own clock.
pub(super) fn day_of(data: &[u8]) -> Option<u32> {
    encode::read_a15(data).map(At::day)
}

/// What is stored of one meter for one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Freeze {
    /// When the meter was read, by the terminal's clock.
    pub(super) read_at: At,
    /// By kind; `None` for what was not asked for or not answered.
    pub(super) registers: [Option<Registers>; 8],
}

/// The days kept, each with its points. A day is named by itself: its registers are those of its end.
#[derive(Clone, Debug, Default)]
pub(super) struct Freezes {
    days: BTreeMap<u32, BTreeMap<u16, Freeze>>,
}

impl Freezes {
    pub(super) fn of(&self, day: u32, point: u16) -> Option<&Freeze> {
        self.days.get(&day)?.get(&point)
    }

    pub(super) fn put(&mut self, day: u32, point: u16, freeze: Freeze) {
        self.days.entry(day).or_default().insert(point, freeze);
    }

    /// Forgets what is stored of some points for a day.
    pub(super) fn forget(&mut self, day: u32, points: &[u16]) {
        if let Some(stored) = self.days.get_mut(&day) {
            stored.retain(|point, _| !points.contains(point));
        }
    }

    /// Forgets days before `first`, except those that end a month from `first_of_months` on.
    pub(super) fn prune(&mut self, first: u32, first_of_months: u32) {
        self.days.retain(|day, _| *day >= first || *day >= first_of_months && ends_month(*day));
    }

    pub(super) fn clear(&mut self) {
        self.days.clear();
    }
}

/// True for the last day of a month.
pub(super) fn ends_month(day: u32) -> bool {
    At::midnight(day + 1).civil().is_some_and(|civil| civil.day() == 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn identifiers_are_those_of_the_dictionary() {
        let [forward, ..] = KINDS;
        assert_eq!(Way::Frozen(1).id(forward), [0x01, 0x01, 0x06, 0x05]);
        assert_eq!(Way::Frozen(2).time_id(), Some(vec![0x02, 0x00, 0x06, 0x05]));
        assert_eq!(Way::Live.id(KINDS[2]), [0x00, 0xFF, 0x02, 0x00]);
        assert_eq!(Way::Old.id(KINDS[7]), [0x4F, 0x91]);
        assert_eq!(day_of(&[0x00, 0x00, 0x21, 0x08, 0x24]), Some(sample::day(2024, 8, 21)));
    }

    #[test]
    fn old_days_go_and_ends_of_months_stay_longer() {
        let freeze = Freeze { read_at: At::START, registers: [None; 8] };
        let mut freezes = Freezes::default();
        let (first, last) = (sample::day(2026, 9, 1), sample::day(2026, 11, 20));
        (first..=last).for_each(|day| freezes.put(day, 1, freeze));
        freezes.prune(last - 31, sample::day(2026, 9, 30));
        assert_eq!(freezes.days.len(), 32 + 1, "the 31 days and today, and the end of September");
        assert!(freezes.of(sample::day(2026, 9, 30), 1).is_some());
        freezes.forget(last, &[1]);
        assert!(freezes.of(last, 1).is_none());
    }
}
