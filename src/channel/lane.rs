//! In which order the jobs of a line are done.

use crate::link::{Gate, Urgency};

/// A lane (优先级队列): jobs of one lane are done in the order they came, and before all of the lanes below.
///
/// Control is two lanes: what gives supply back goes before everything, what may take it away waits behind that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lane {
    /// Supply is given back or held, with the reads that belong to it.
    Restore,
    /// Every other order, cuts among them, with the reads that belong to it.
    Control,
    /// Somebody waits for the value (召测).
    OnDemand,
    /// An operator asked for what is missing (补抄).
    Reread,
    /// The nightly run (日冻结采集).
    Nightly,
    /// Load curves (曲线采集).
    Interval,
    /// Clocks, events, what has no hurry.
    Housekeeping,
}

impl Lane {
    /// All of them, the most urgent first.
    pub const ALL: [Self; 7] = [
        Self::Restore,
        Self::Control,
        Self::OnDemand,
        Self::Reread,
        Self::Nightly,
        Self::Interval,
        Self::Housekeeping,
    ];

    /// A short name from a closed set.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Restore => "restore",
            Self::Control => "control",
            Self::OnDemand => "on_demand",
            Self::Reread => "reread",
            Self::Nightly => "nightly",
            Self::Interval => "interval",
            Self::Housekeeping => "housekeeping",
        }
    }

    /// Which frames may leave for its jobs.
    #[must_use]
    pub const fn gate(self) -> Gate {
        match self {
            Self::Restore => Gate::RESTORE,
            Self::Control => Gate::CONTROL,
            _ => Gate::READS,
        }
    }

    /// How urgent its jobs are among all that a terminal is asked.
    #[must_use]
    pub const fn urgency(self) -> Urgency {
        match self {
            Self::Restore => Urgency::Restore,
            Self::Control => Urgency::Control,
            Self::OnDemand => Urgency::OnDemand,
            Self::Reread => Urgency::Reread,
            Self::Nightly => Urgency::Nightly,
            Self::Interval => Urgency::Interval,
            Self::Housekeeping => Urgency::Housekeeping,
        }
    }

    /// True for work that nobody waits for: it is tried again behind all else, and a dead meter's waits apart.
    #[must_use]
    pub const fn is_automatic(self) -> bool {
        matches!(self, Self::Nightly | Self::Interval | Self::Housekeeping)
    }

    /// True when a job of this lane is worth breaking off a long answer of the other lane between two of its frames.
    #[must_use]
    pub fn interrupts(self, other: Self) -> bool {
        self <= Self::OnDemand && self < other && other > Self::Control
    }

    pub(super) const fn place(self) -> usize {
        match self {
            Self::Restore => 0,
            Self::Control => 1,
            Self::OnDemand => 2,
            Self::Reread => 3,
            Self::Nightly => 4,
            Self::Interval => 5,
            Self::Housekeeping => 6,
        }
    }
}

/// How many jobs may wait in each lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacities([usize; Lane::ALL.len()]);

impl Default for Capacities {
    fn default() -> Self {
        Self([256, 256, 256, 1024, 4096, 4096, 1024])
    }
}

impl Capacities {
    /// The same with another number for one lane.
    #[must_use]
    pub fn with(mut self, lane: Lane, number: usize) -> Self {
        if let Some(place) = self.0.get_mut(lane.place()) {
            *place = number;
        }
        self
    }

    /// How many may wait in this lane.
    #[must_use]
    pub fn of(&self, lane: Lane) -> usize {
        self.0.get(lane.place()).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_stand_in_their_order_and_urgent_ones_interrupt() {
        assert!(Lane::ALL.is_sorted());
        for (place, lane) in Lane::ALL.into_iter().enumerate() {
            assert_eq!(lane.place(), place);
        }
        assert!(Lane::Restore.interrupts(Lane::Nightly) && Lane::OnDemand.interrupts(Lane::Reread));
        assert!(!Lane::Reread.interrupts(Lane::Interval), "nobody waits for it");
        assert!(!Lane::Restore.interrupts(Lane::Control), "an order is one frame");
    }

    #[test]
    fn i17_only_the_control_lanes_change_meters() {
        for lane in Lane::ALL {
            let expected = match lane {
                Lane::Restore => Gate::RESTORE,
                Lane::Control => Gate::CONTROL,
                _ => Gate::READS,
            };
            assert_eq!(lane.gate(), expected);
        }
    }
}
