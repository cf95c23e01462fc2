//! What is on the two wires of a bus: stretches of bytes, who sends them, and the level they make together.

use core::ops::Range;

use super::moment::Moment;
use super::rate::Rate;
use super::tempo::Tempo;
use super::witness::Talker;

/// Bytes that one talker sends without a pause.
#[derive(Clone, Debug)]
pub(super) struct Burst {
    pub(super) talker: Talker,
    pub(super) rate: Rate,
    tempo: Tempo,
    pub(super) began: Moment,
    pub(super) bytes: Vec<u8>,
    /// Another burst was on the wire at the same time.
    pub(super) collided: bool,
    /// Its end was seen and everything that follows from it was done.
    pub(super) ended: bool,
}

impl Burst {
    pub(super) const fn new(talker: Talker, rate: Rate, tempo: Tempo, began: Moment, bytes: Vec<u8>) -> Self {
        Self { talker, rate, tempo, began, bytes, collided: false, ended: false }
    }

    /// When byte `index` begins, which is when the one before ends.
    pub(super) fn byte_at(&self, index: usize) -> Moment {
        later(self.began, self.tempo.bytes(index))
    }

    pub(super) fn ends(&self) -> Moment {
        self.byte_at(self.bytes.len())
    }

    /// How many bytes are over at `at`.
    pub(super) fn done(&self, at: Moment) -> usize {
        if at < self.began { 0 } else { self.tempo.bytes_within(self.since(at)).min(self.bytes.len()) }
    }

    /// The level the talker drives: true is mark, and the level of rest before and behind.
    fn level(&self, at: Moment) -> bool {
        if at < self.began {
            return true;
        }
        let bit = self.tempo.bit_at(self.since(at));
        let byte = usize::try_from(bit / self.tempo.bits()).ok().and_then(|index| self.bytes.get(index));
        byte.is_none_or(|byte| self.tempo.level(*byte, bit % self.tempo.bits()))
    }

    /// When the next bit begins, `after` excluded; the end is the last.
    fn next_bit(&self, after: Moment) -> Option<Moment> {
        if after < self.began {
            return Some(self.began);
        }
        let next = later(self.began, self.tempo.nanos(self.tempo.bit_at(self.since(after)) + 1));
        (next <= self.ends()).then_some(next)
    }

    const fn since(&self, at: Moment) -> u64 {
        at.nanos().saturating_sub(self.began.nanos())
    }
}

/// The wires, with every burst that someone may still be hearing.
#[derive(Clone, Debug, Default)]
pub(super) struct Wire {
    bursts: Vec<Burst>,
}

impl Wire {
    pub(super) fn bursts(&self) -> &[Burst] {
        &self.bursts
    }

    pub(super) fn bursts_mut(&mut self) -> &mut [Burst] {
        &mut self.bursts
    }

    /// Puts a burst on the wire; bursts come in the order of their beginnings.
    pub(super) fn put(&mut self, mut burst: Burst) {
        if burst.bytes.is_empty() {
            return;
        }
        for other in self.bursts.iter_mut().filter(|other| other.ends() > burst.began) {
            other.collided = true;
            burst.collided = true;
        }
        self.bursts.push(burst);
    }

    /// Adds bytes to what `talker` is sending; false when it sends nothing.
    pub(super) fn extend(&mut self, talker: Talker, bytes: &[u8]) -> bool {
        let is_alone = self.bursts.iter().filter(|burst| !burst.ended).count() == 1;
        let Some(burst) = self.bursts.iter_mut().find(|burst| !burst.ended && burst.talker == talker) else {
            return false;
        };
        burst.bytes.extend(bytes);
        if !is_alone {
            self.bursts.iter_mut().filter(|burst| !burst.ended).for_each(|burst| burst.collided = true);
        }
        true
    }

    /// Forgets what ended before `moment` and was dealt with.
    pub(super) fn forget_before(&mut self, moment: Moment) {
        self.bursts.retain(|burst| !burst.ended || burst.ends() > moment);
    }

    /// True when nobody sends.
    pub(super) fn is_quiet(&self) -> bool {
        self.bursts.iter().all(|burst| burst.ended)
    }

    /// A low level of one talker wins, as between open collectors.
    pub(super) fn level(&self, at: Moment) -> bool {
        self.bursts.iter().all(|burst| burst.level(at))
    }

    /// When some talker's next bit begins.
    pub(super) fn next_bit(&self, after: Moment) -> Option<Moment> {
        self.bursts.iter().filter_map(|burst| burst.next_bit(after)).min()
    }

    /// What a listener at `tempo` who has heard everything up to `from` hears by `until`, if it can be said without
    /// listening bit by bit.
    pub(super) fn plain(&self, tempo: Tempo, from: Moment, until: Moment) -> Plain {
        let mut left = self.bursts.iter().enumerate().filter(|(_, burst)| burst.ends() > from);
        let Some((index, burst)) = left.next() else { return Plain::Rest };
        // A later burst that begins before a byte is over disturbs it.
        let disturbed_at = left.map(|(_, other)| other.began).min().filter(|began| *began < until);
        let first = burst.done(from);
        let first = if burst.byte_at(first) < from { first + 1 } else { first };
        let listens_from = later(burst.byte_at(first.saturating_sub(1)), tempo.middle(tempo.bits() - 1));
        let missed_a_start = first > 0 && from < burst.byte_at(first) && from < listens_from;
        if burst.tempo != tempo || missed_a_start || first >= burst.bytes.len() {
            return Plain::Disturbed;
        }
        let last = burst.done(disturbed_at.unwrap_or(until));
        match disturbed_at {
            _ if first < last => Plain::Bytes(index, first..last),
            Some(_) => Plain::Disturbed,
            None => Plain::Unfinished,
        }
    }
}

/// What can be said of the line without listening bit by bit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Plain {
    /// These bytes of this burst.
    Bytes(usize, Range<usize>),
    /// The line is at rest.
    Rest,
    /// A byte has begun and nothing disturbs it so far.
    Unfinished,
    /// Nothing can be said.
    Disturbed,
}

/// So many nanoseconds later.
pub(super) const fn later(moment: Moment, nanos: u64) -> Moment {
    Moment::from_nanos(moment.nanos().saturating_add(nanos))
}
