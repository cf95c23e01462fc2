//! Events that were lost before they were read: because the memory of a terminal went round, or because it began anew.
//!
//! A memory that has gone round is full: each of its 256 places holds an event. So one in which the event that was read last is
//! not there any more, and which has room, began anew: the terminal was initialised, or is another one. This is said where all
//! that it holds stands from the first place on; a memory of fewer places looks otherwise, and then both may be.

use super::events::{behind, nearest};
use crate::store::terminal::TerminalEvent;

/// What stands at the place of the event that was read last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Last {
    /// That event, as far as is known.
    Stands,
    /// Another one: 256 and more have come since then, or the terminal began anew.
    IsAnother,
    /// None: the terminal began anew, or does not give such an event again.
    IsGone,
}

/// Why events are lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    /// 256 and more came.
    WentRound,
    /// The memory began anew.
    BeganAnew,
    /// One of these.
    Either,
    /// What a report told that could not be read is not there any more.
    OfReport,
}

impl Loss {
    /// Judges by the events that came from one place to before the counter.
    pub(super) fn of(last: Last, (from, counted): (u8, u8), events: &[TerminalEvent]) -> Option<Self> {
        let oldest = nearest(from, counted, events);
        let is_whole = behind(oldest, counted, events) == counted;
        // As many places before the first as no memory of 256 lacks; where it is full there are none.
        let lacking = if from > counted { (u8::MAX - from).saturating_add(1) } else { 0 };
        let is_anew = oldest == 0 && counted != 0 && is_whole && lacking >= LACKING;
        match last {
            Last::Stands => None,
            // Somebody who gives no event twice looks the same but for that.
            Last::IsGone => is_anew.then_some(Self::BeganAnew),
            Last::IsAnother if is_anew => Some(Self::BeganAnew),
            // More than 256 have come since, whether it began anew before or not.
            Last::IsAnother if oldest == from && is_whole => Some(Self::WentRound),
            Last::IsAnother => Some(Self::Either),
        }
    }

    pub(super) const fn words(self, important: bool) -> (&'static str, &'static str) {
        match (self, important) {
            (Self::WentRound, true) => (
                "上次读取后重要事件已超过 256 条，最早的已被覆盖",
                "more than 256 important events since they were read last: the oldest are lost",
            ),
            (Self::WentRound, false) => (
                "上次读取后一般事件已超过 256 条，最早的已被覆盖",
                "more than 256 ordinary events since they were read last: the oldest are lost",
            ),
            (Self::BeganAnew, _) => (
                "终端事件计数已重新开始（终端被初始化或更换），此前未读取的事件已丢失",
                "its event counters began anew, as it was initialised or exchanged: events from before that were not read are lost",
            ),
            (Self::OfReport, true) => (
                "终端上报过无法解析的事件，其重要事件存储中有缺失，可能即为其中的事件，只留有上报报文",
                "a report could not be read, and important events that may be its own are not in the terminal any more: what is left of them are the bytes of the report",
            ),
            (Self::OfReport, false) => (
                "终端上报过无法解析的事件，其一般事件存储中有缺失，可能即为其中的事件，只留有上报报文",
                "a report could not be read, and ordinary events that may be its own are not in the terminal any more: what is left of them are the bytes of the report",
            ),
            (Self::Either, true) => (
                "上次读取后重要事件过多，或终端被初始化、更换后重新计数，部分事件已丢失",
                "too many important events since they were read last, or its counter began anew: some are lost",
            ),
            (Self::Either, false) => (
                "上次读取后一般事件过多，或终端被初始化、更换后重新计数，部分事件已丢失",
                "too many ordinary events since they were read last, or its counter began anew: some are lost",
            ),
        }
    }
}

/// So many places without an event show that a memory began anew. Fewer may be those of a memory that is a little smaller.
const LACKING: u8 = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::terminal::events::tests;

    fn at(places: impl IntoIterator<Item = u8>) -> Vec<TerminalEvent> {
        places.into_iter().map(tests::at).collect()
    }

    #[test]
    fn a_memory_that_has_room_began_anew_and_a_full_one_went_round() {
        use Last::{IsAnother, IsGone, Stands};
        for (last, from, counted, places, expected) in [
            // Another event at the place of the last, and all that is there from the first place on.
            (IsAnother, 11, 10, at(0..10), Some(Loss::BeganAnew)),
            (IsAnother, 2, 1, at(0..1), Some(Loss::BeganAnew)),
            (IsAnother, 248, 247, at(0..247), Some(Loss::BeganAnew)),
            // Every place is taken.
            (IsAnother, 11, 10, at((11..=255).chain(0..10)), Some(Loss::WentRound)),
            (IsAnother, 0, 255, at(0..255), Some(Loss::WentRound)),
            (IsAnother, 1, 0, at(1..=255), Some(Loss::WentRound)),
            // A smaller memory, one that counts otherwise, what did not come to its end, and nothing at all.
            (IsAnother, 249, 248, at(0..248), Some(Loss::Either)),
            (IsAnother, 101, 100, at(20..100), Some(Loss::Either)),
            (IsAnother, 11, 10, at(1..10), Some(Loss::Either)),
            (IsAnother, 11, 10, at(0..5), Some(Loss::Either)),
            (IsAnother, 11, 10, at(11..200), Some(Loss::Either)),
            (IsAnother, 11, 10, at([]), Some(Loss::Either)),
            // The place of the last is empty: lower counters with everything from the first place on.
            (IsGone, 63, 5, at(0..5), Some(Loss::BeganAnew)),
            // It gives none twice, or has not come that far.
            (IsGone, 5, 9, at(5..9), None),
            (IsGone, 0, 9, at(0..9), None),
            (IsGone, 250, 5, at((250..=255).chain(0..5)), None),
            (IsGone, 63, 5, at([]), None),
            (Stands, 63, 5, at(0..5), None),
            (Stands, 5, 9, at(5..9), None),
        ] {
            assert_eq!(Loss::of(last, (from, counted), &places), expected, "{last:?} {from} {counted}");
        }
    }
}
