//! Answers in several frames: their order, what came twice and what is missing. [1376 1.5] [1376 5]
//!
//! A terminal sends all frames of an answer one after the other. The first carries FIR and the number of the request, each
//! further one adds one modulo 16, the last carries FIN. Each holds whole data units, so that frames are decoded one by one
//! and nothing is joined; what has to be known is whether all of them came. That holds without the first one, too, where units say
//! all by themselves: stored data (AFN 0D) name their point, their item and their time, and are used for what they hold.
//!
//! ```text
//! asked with number 14:  FIR 14 | 15 | 0 | FIN 1
//! ```

mod split;

pub use self::split::split;

use crate::afn::Afn;
use crate::control::Control;
use crate::message::Message;
use crate::seq::Seq;

/// How the frames of one answer come in.
#[derive(Clone, Debug)]
pub struct Assembly {
    address: [u8; 4],
    afn: Afn,
    next: u8,
    /// Bits of the numbers among the last eight that were passed over and may still come.
    missing: u16,
    /// How many were passed over so long ago that their numbers mean others by now.
    lost: u32,
    /// Digests of the frames taken, by number: what comes again is known by it.
    taken: [Option<u64>; 16],
    frames: u16,
    limit: u16,
    has_ended: bool,
}

/// What a frame is to an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It belongs to the answer: use its data units.
    Taken,
    /// It was taken before: do not use it again.
    Duplicate,
    /// It is none of this answer: a report, a late answer, another function, another terminal. Wait on.
    Foreign,
    /// It would be one frame more than are allowed: give up.
    TooMany,
}

impl Assembly {
    /// How many frames an answer may have, unless the caller says otherwise. [1376 8]
    pub const DEFAULT_LIMIT: u16 = 256;

    /// Waits for the answer to a request of this function to this terminal, with this number (PSEQ).
    #[must_use]
    pub const fn begin(address: crate::address::TerminalAddress, afn: Afn, number: u8, limit: u16) -> Self {
        Self {
            address: address.wire(),
            afn,
            next: number & 0x0F,
            missing: 0,
            lost: 0,
            taken: [None; 16],
            frames: 0,
            limit,
            has_ended: false,
        }
    }

    /// Judges a frame. A confirmation may answer any function; whether a link function fits is not asked. [1376 10]
    pub fn take(&mut self, message: &Message<'_>) -> Step {
        let is_own = message.control.is_uplink()
            && !is_report(message.control)
            && message.address.terminal.wire() == self.address
            && (message.afn == self.afn || message.afn == Afn::CONFIRM);
        if !is_own {
            return Step::Foreign;
        }
        let number = message.seq.number();
        let digest = digest(message);
        let ahead = number.wrapping_sub(self.next) & 0x0F;
        let late = self.missing >> number & 1 == 1;
        if self.taken.get(usize::from(number)).copied().flatten() == Some(digest) && (late || ahead >= BEHIND)
        {
            return Step::Duplicate;
        }
        let fits = match (self.frames, self.has_ended) {
            (_, true) => late,
            (0, false) if ahead == 0 => is_begin(message.seq),
            (0, false) => ahead < BEHIND && self.goes_on_without_its_first(message),
            (_, false) => late || ahead < BEHIND && !message.seq.is_first(),
        };
        if !fits {
            return Step::Foreign;
        }
        if self.frames >= self.limit {
            return Step::TooMany;
        }
        self.frames += 1;
        if let Some(place) = self.taken.get_mut(usize::from(number)) {
            *place = Some(digest);
        }
        if late {
            self.missing &= !(1 << number);
        } else {
            for _ in 0..ahead {
                self.missing |= 1 << self.next;
                self.advance();
            }
            self.advance();
            self.has_ended = message.seq.is_last();
        }
        Step::Taken
    }

    /// A further frame of an answer whose first was lost, of units that stand by themselves.
    fn goes_on_without_its_first(&self, message: &Message<'_>) -> bool {
        self.afn == Afn::CLASS_2 && message.afn == self.afn && !message.seq.is_first()
    }

    /// One number on; the one that falls out of the last eight stands for another from now on.
    const fn advance(&mut self) {
        self.next = (self.next + 1) & 0x0F;
        let falls_out = 1 << ((self.next + BEHIND - 1) & 0x0F);
        if self.missing & falls_out != 0 {
            self.missing &= !falls_out;
            self.lost += 1;
        }
    }

    /// True when the last frame came and none is missing.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.has_ended && self.missing() == 0
    }

    /// True when the last frame came; frames before it may be missing.
    #[must_use]
    pub const fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// How many frames were passed over and did not come yet.
    #[must_use]
    pub const fn missing(&self) -> u32 {
        self.lost + self.missing.count_ones()
    }

    /// The numbers of frames that were passed over and may still come.
    pub fn lacks(&self) -> impl Iterator<Item = u8> {
        let missing = self.missing;
        (0..16).filter(move |number| missing >> number & 1 == 1)
    }

    /// How many frames were taken.
    #[must_use]
    pub const fn frames(&self) -> u16 {
        self.frames
    }
}

/// A frame that the terminal began of itself. One terminal answers with the link function of a question (CB), which is
/// taken as the answer it is. [1376 10]
#[must_use]
pub const fn is_report(control: Control) -> bool {
    control.is_uplink() && control.is_initiator() && control.function() != 11
}

/// A message begins with FIR; where it is its only frame, some terminals leave FIR out.
const fn is_begin(seq: Seq) -> bool {
    seq.is_first() || seq.is_last()
}

/// FNV-1a over what tells two frames apart.
pub(crate) fn digest(message: &Message<'_>) -> u64 {
    let head = [message.control.0, message.afn.0, message.seq.0];
    head.iter()
        .chain(message.units)
        .fold(0xCBF2_9CE4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3))
}

/// From this distance on a number counts as behind and not as ahead.
const BEHIND: u8 = 8;

#[cfg(test)]
mod tests;
