//! What was heard and not taken, counted by reason.

use core::fmt;

use crate::decoder::Dropped;

/// Why a sound frame was not the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Unfit {
    /// Our own request, come back from the line (F4).
    Echo,
    /// A request that is not ours: another master is on the line (T3).
    ForeignRequest,
    /// The answer of another meter (F3, F5).
    ForeignAnswer,
    /// A report nobody asked for, function 1FH.
    Unasked,
    /// The right meter, but an answer to another kind of question: a late one (F5).
    OtherFunction,
    /// The right meter and function, but another identifier: a late one (F5).
    OtherItem,
    /// An answer already taken, once more (F7).
    Duplicate,
    /// A piece with another number than the one asked for (F8).
    WrongSequence,
    /// Data of a length that the identifier does not have (F8).
    WrongLength,
    /// An answer that its own control code contradicts (F8).
    Malformed,
    /// A confirmation of something other than was asked, or an address that differs from the frame's own.
    Contradiction,
    /// It was under way before our request had left (F6).
    Early,
    /// It came when we had stopped waiting (F6, F13).
    Late,
}

impl Unfit {
    /// All of them, in the order of [`Counters::iter`].
    pub const ALL: [Self; 13] = [
        Self::Echo,
        Self::ForeignRequest,
        Self::ForeignAnswer,
        Self::Unasked,
        Self::OtherFunction,
        Self::OtherItem,
        Self::Duplicate,
        Self::WrongSequence,
        Self::WrongLength,
        Self::Malformed,
        Self::Contradiction,
        Self::Early,
        Self::Late,
    ];

    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::ForeignRequest => "foreign_request",
            Self::ForeignAnswer => "foreign_answer",
            Self::Unasked => "unasked",
            Self::OtherFunction => "other_function",
            Self::OtherItem => "other_item",
            Self::Duplicate => "duplicate",
            Self::WrongSequence => "wrong_sequence",
            Self::WrongLength => "wrong_length",
            Self::Malformed => "malformed",
            Self::Contradiction => "contradiction",
            Self::Early => "early",
            Self::Late => "late",
        }
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())
    }
}

/// How often something was heard that was not the answer, and how often nothing was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    refused: [u32; Unfit::ALL.len()],
    /// How often the wait for an answer ran out.
    pub silences: u32,
    /// Bytes and false starts that were no frame: noise, wake-up bytes, wrong checksums.
    pub dropped: Dropped,
}

impl Counters {
    /// How many frames were refused for this reason.
    #[must_use]
    pub fn of(&self, reason: Unfit) -> u32 {
        self.iter().find(|(each, _)| *each == reason).map_or(0, |(_, count)| count)
    }

    /// Every reason with its count.
    pub fn iter(&self) -> impl Iterator<Item = (Unfit, u32)> + '_ {
        Unfit::ALL.into_iter().zip(self.refused)
    }

    /// One more for this reason.
    pub fn add(&mut self, reason: Unfit) {
        for (count, _) in self.refused.iter_mut().zip(Unfit::ALL).filter(|(_, each)| *each == reason) {
            *count = count.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_own_count_and_name() {
        let mut counters = Counters::default();
        for (times, reason) in Unfit::ALL.into_iter().enumerate() {
            (0..=times).for_each(|_| counters.add(reason));
        }
        let counts: Vec<u32> = counters.iter().map(|(_, count)| count).collect();
        assert_eq!(counts, (1..=13).collect::<Vec<u32>>());
        assert_eq!(counters.of(Unfit::Late), 13);
        let names: std::collections::BTreeSet<_> = Unfit::ALL.iter().map(|reason| reason.kind()).collect();
        assert_eq!(names.len(), Unfit::ALL.len());
    }
}
