//! Maximum demand (最大需量): the greatest mean power of a quarter of an hour, and when that was.
//!
//! Nothing is kept. The demand of a period is found by walking its load curve slot by slot with the very registers of
//! the meter, so it agrees with them to the last milliwatt-hour.

use super::Truth;
use super::event::EventKind;
use super::register::Register;
use crate::instant::{At, SLOT_SECONDS};

/// The greatest demand of a period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peak {
    /// Mean power in 0.1 W (0.0001 kW, kvar or kVA, the last digit of a demand).
    pub tenth_watts: i64,
    /// The end of its slot; `None` when there was no demand at all.
    pub at: Option<At>,
}

impl Truth {
    /// The maximum demand since the last settlement or clear. Only whole slots count, so a slot that still runs does
    /// not; the slot in which a clear fell counts from the clear on.
    #[must_use]
    pub fn demand(&self, register: Register, at: At) -> Peak {
        self.peak(register, self.demand_since(at), at)
    }

    /// The maximum demand of the period that the n-th settlement before `at` closed, n from 1; `None` when the meter
    /// remembers no such settlement.
    #[must_use]
    pub fn settled_demand(&self, register: Register, n: usize, at: At) -> Option<Peak> {
        let closed = self.settlements(at).nth(n.checked_sub(1)?)?.at;
        Some(self.peak(register, self.demand_since(closed.plus(-1)), closed))
    }

    /// Mean power of the last whole slot, in 0.1 W (当前需量).
    #[must_use]
    pub fn running_demand(&self, register: Register, at: At) -> i64 {
        let slot = at.slot_start();
        self.peak(register, slot.plus(-i64::from(SLOT_SECONDS)).max(self.demand_since(slot)), slot)
            .tenth_watts
    }

    /// The greatest mean power of the slots that end after `after` and up to `until`.
    #[must_use]
    pub fn peak(&self, register: Register, after: At, until: At) -> Peak {
        let (load, shares) = (self.load(), self.face().shares());
        let after = after.max(self.installed_at());
        let mut before = self.exact(register, after);
        let mut peak = Peak::default();
        let ends = (after.day()..=until.day()).flat_map(|day| load.slot_ends(day));
        for (end, delivered) in ends.filter(|(end, _)| *end > after).take_while(|(end, _)| *end <= until) {
            let now = self.face().exact(register, &self.pieces.counted(end, &delivered, shares));
            let tenth_watts = (now - before) / MWH_A_SLOT_FROM_TENTH_WATT;
            if tenth_watts > peak.tenth_watts {
                peak = Peak { tenth_watts, at: Some(end) };
            }
            before = now;
        }
        peak
    }

    /// When the demands were last set to zero: by a settlement, a clear or the installation.
    fn demand_since(&self, at: At) -> At {
        let is_clear = |kind| matches!(kind, EventKind::DemandClear | EventKind::MeterClear);
        let cleared = self.log().begun(at).find(|event| is_clear(event.kind)).map(|event| event.from);
        let settled = self.settlements(at).next().map(|mark| mark.at);
        cleared.max(settled).unwrap_or_default().max(self.installed_at())
    }
}

/// A tenth of a watt over a quarter of an hour, in milliwatt-hours.
const MWH_A_SLOT_FROM_TENTH_WATT: i64 = 25;

#[cfg(test)]
mod tests;
