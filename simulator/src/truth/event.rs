//! The sparse log of what happened to a meter.
//!
//! An event takes effect at its first second and is over at its last one. Everything is asked for as it was known at
//! an instant: what began later is not there, what ended later still goes on.

use super::register::Phase;
use crate::instant::At;

/// What can happen to a meter. Those marked "bends" change what the registers count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// The relay is open (跳闸 to 合闸): bends; no current flows, the meter goes on.
    RelayOpen,
    /// The meter and its customer are without supply (掉电): bends.
    PowerCut,
    /// The meter is off the wall for good (换表): bends.
    Removed,
    /// A phase has lost its voltage while current flows (失压): bends; the meter misses that phase.
    VoltageLoss(Phase),
    /// A phase has neither voltage nor current (断相): bends.
    PhaseFailure(Phase),
    /// The current of a phase goes past the meter (失流): bends.
    CurrentLoss(Phase),
    /// The current coil of a phase is turned round (潮流反向): bends; that phase counts the other way.
    CurrentReversed(Phase),
    /// A strong magnet is near (恒定磁场干扰).
    MagneticField,
    /// The cover is open (开表盖).
    CoverOpen,
    /// The terminal cover is open (开端钮盖).
    TerminalCoverOpen,
    /// The battery of the clock is low (时钟电池欠压).
    ClockBatteryLow,
    /// The relay does not do as told (负荷开关误动).
    RelayFault,
    /// The load is above the limit (过载).
    Overload,
    /// The clock was set (校时).
    ClockSet,
    /// Parameters were written (编程).
    Programming,
    /// The maximum demands were set to zero (需量清零).
    DemandClear,
    /// All registers and records were set to zero (电表清零): bends.
    MeterClear,
    /// The records of events were deleted (事件清零).
    EventClear,
}

impl EventKind {
    /// True when the registers count otherwise after its start or its end.
    #[must_use]
    pub const fn bends(self) -> bool {
        matches!(
            self,
            Self::RelayOpen
                | Self::PowerCut
                | Self::Removed
                | Self::VoltageLoss(_)
                | Self::PhaseFailure(_)
                | Self::CurrentLoss(_)
                | Self::CurrentReversed(_)
                | Self::MeterClear
        )
    }

    /// True for what wipes the records of events out.
    #[must_use]
    pub const fn is_clear(self) -> bool {
        matches!(self, Self::EventClear | Self::MeterClear)
    }
}

/// Something that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// What.
    pub kind: EventKind,
    /// Its first second.
    pub from: At,
    /// The second in which it was over, the first one itself for what takes no time; `None` while it goes on.
    pub to: Option<At>,
    /// Operator code of whoever did it, zero where nobody did.
    pub operator: u32,
}

/// All that happened to a meter, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventLog {
    events: Vec<Event>,
}

impl EventLog {
    /// Notes an event; it may lie in the past and may already be over.
    pub fn insert(&mut self, event: Event) {
        let place = self.events.partition_point(|earlier| earlier.from <= event.from);
        self.events.insert(place, event);
    }

    /// Ends the newest event of a kind that goes on at `at`; false when there is none.
    pub fn end(&mut self, kind: EventKind, at: At) -> bool {
        let going_on = |event: &&mut Event| event.kind == kind && event.goes_on(at);
        let found = self.events.iter_mut().rev().find(going_on);
        found.map(|event| event.to = Some(at)).is_some()
    }

    /// True when an event of this kind goes on.
    #[must_use]
    pub fn is_on(&self, kind: EventKind, at: At) -> bool {
        self.begun(at).any(|event| event.kind == kind && event.goes_on(at))
    }

    /// How many events of a kind the meter remembers at `at`.
    #[must_use]
    pub fn count(&self, kind: EventKind, at: At) -> usize {
        self.remembered(kind, at).count()
    }

    /// How long the remembered events of a kind have lasted by `at`, in whole minutes (累计时间).
    #[must_use]
    pub fn minutes(&self, kind: EventKind, at: At) -> i64 {
        self.remembered(kind, at).map(|event| event.to.unwrap_or(at).since(event.from)).sum::<i64>() / 60
    }

    /// The events of a kind that the meter still remembers at `at`, newest first: a clear wipes out all that began
    /// before it, except the record of clears.
    pub fn remembered(&self, kind: EventKind, at: At) -> impl Iterator<Item = Event> {
        let cleared =
            self.begun(at).find(|event| event.kind.is_clear()).map_or(At::START, |event| event.from);
        let since = if kind.is_clear() { At::START } else { cleared };
        let as_known = move |event: &Event| Event { to: event.to.filter(|to| *to <= at), ..*event };
        let kept = self.begun(at).take_while(move |event| event.from >= since);
        kept.filter(move |event| event.kind == kind).map(as_known)
    }

    /// Everything that began up to `at`, newest first, wiped out or not.
    pub fn begun(&self, at: At) -> impl Iterator<Item = &Event> {
        let count = self.events.partition_point(|event| event.from <= at);
        self.events.iter().take(count).rev()
    }

    /// The instants after `at` at which bending events begin or end, in order.
    #[must_use]
    pub fn bends_after(&self, at: At) -> Vec<At> {
        let bending = self.events.iter().filter(|event| event.kind.bends());
        let ends = bending.flat_map(|event| [Some(event.from), event.to]).flatten();
        let mut instants: Vec<At> = ends.filter(|instant| *instant > at).collect();
        instants.sort_unstable();
        instants.dedup();
        instants
    }

    /// How many events there are room for, for measuring memory.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.events.capacity()
    }
}

impl Event {
    /// True from its first second until the one in which it is over.
    #[must_use]
    pub fn goes_on(&self, at: At) -> bool {
        self.from <= at && self.to.is_none_or(|to| at < to)
    }
}

#[cfg(test)]
mod tests;
