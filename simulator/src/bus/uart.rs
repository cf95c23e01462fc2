//! What a receiver makes of the level on the wire: bytes, garbled where talkers overlap or talk at another rate.
//!
//! A byte that one talker sends at the receiver's own rate is taken as it is. Everything else is sampled bit by bit as
//! a UART does it: wait for a falling edge, look at the middle of each bit, drop the byte when its parity or its stop
//! bit is wrong. So a collision is the bitwise AND of what was sent, and a wrong rate gives what it gives on a real
//! line.

use core::ops::Range;

use super::moment::Moment;
use super::tempo::Tempo;
use super::wire::{Plain, Wire, later};

/// One receiver.
#[derive(Clone, Debug)]
pub(super) struct Receiver {
    tempo: Tempo,
    /// Everything before was heard.
    from: Moment,
    /// When the byte ends that it is in the midst of sampling.
    ends_at: Option<Moment>,
    /// The stop bit of the last byte was low: wait for rest before the next start bit.
    waits_for_rest: bool,
    /// While its own talker drives the line it hears rest.
    blind: Range<Moment>,
}

/// What was heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Bytes of a burst, as they were sent.
    Clean { burst: usize, bytes: Range<usize> },
    /// A byte that was sampled.
    Sampled { byte: [u8; 1], began: Moment, ended: Moment },
}

impl Heard {
    pub(super) fn bytes<'a>(&'a self, wire: &'a Wire) -> &'a [u8] {
        match self {
            Self::Clean { burst, bytes } => {
                wire.bursts().get(*burst).and_then(|burst| burst.bytes.get(bytes.clone())).unwrap_or_default()
            }
            Self::Sampled { byte, .. } => byte,
        }
    }

    pub(super) fn began(&self, wire: &Wire) -> Moment {
        self.end_of(wire, 0)
    }

    /// When the first `taken` of its bytes were over.
    pub(super) fn end_of(&self, wire: &Wire, taken: usize) -> Moment {
        match self {
            Self::Clean { burst, bytes } => {
                wire.bursts().get(*burst).map_or(Moment::START, |burst| burst.byte_at(bytes.start + taken))
            }
            Self::Sampled { began, ended, .. } => {
                if taken == 0 {
                    *began
                } else {
                    *ended
                }
            }
        }
    }
}

/// What looking for one byte came to.
enum Sample {
    Byte(u8, Moment, Moment),
    /// None here, look on.
    None,
    NotYet,
}

impl Receiver {
    pub(super) const fn new(tempo: Tempo, from: Moment) -> Self {
        Self { tempo, from, ends_at: None, waits_for_rest: false, blind: Moment::START..Moment::START }
    }

    /// Hears at another rate from `from` on.
    pub(super) const fn tune(&mut self, tempo: Tempo, from: Moment) {
        self.tempo = tempo;
        self.from = from;
        self.ends_at = None;
        self.waits_for_rest = false;
    }

    /// When the byte ends that it is in the midst of sampling, which may be later than what is on the wire.
    pub(super) const fn ends_at(&self) -> Option<Moment> {
        self.ends_at
    }

    /// Nothing before this moment is needed any more.
    pub(super) const fn from(&self) -> Moment {
        self.from
    }

    /// Goes back to the end of a byte it took, because the rest of what it took is wanted later.
    pub(super) const fn rewind(&mut self, to: Moment) {
        self.from = to;
    }

    /// Hears nothing in this time, which is now or to come.
    pub(super) const fn blind(&mut self, span: Range<Moment>) {
        self.blind = span;
    }

    pub(super) fn is_blind(&self, at: Moment) -> bool {
        self.blind.contains(&at)
    }

    /// The next thing that was heard to its end by `until`.
    pub(super) fn next(&mut self, wire: &Wire, until: Moment) -> Option<Heard> {
        self.ends_at = None;
        loop {
            if self.is_blind(self.from) {
                self.from = self.blind.end.min(until);
                self.waits_for_rest = false;
            }
            if self.from >= until {
                return None;
            }
            match self.plain(wire, until) {
                Plain::Bytes(burst, bytes) => return Some(Heard::Clean { burst, bytes }),
                Plain::Rest | Plain::Unfinished => return None,
                Plain::Disturbed => {}
            }
            match self.sample(wire, until) {
                Sample::Byte(byte, began, ended) => {
                    return Some(Heard::Sampled { byte: [byte], began, ended });
                }
                Sample::None => {}
                Sample::NotYet => return None,
            }
        }
    }

    /// What is heard without sampling, and up to where.
    fn plain(&mut self, wire: &Wire, until: Moment) -> Plain {
        let will_be_blind =
            self.blind.start > self.from && self.blind.start < until && !self.blind.is_empty();
        if self.waits_for_rest || will_be_blind {
            return Plain::Disturbed;
        }
        let plain = wire.plain(self.tempo, self.from, until);
        match &plain {
            Plain::Bytes(burst, bytes) => {
                self.from = wire.bursts().get(*burst).map_or(until, |burst| burst.byte_at(bytes.end));
            }
            Plain::Rest => self.from = until,
            Plain::Unfinished | Plain::Disturbed => {}
        }
        plain
    }

    fn sample(&mut self, wire: &Wire, until: Moment) -> Sample {
        let edge = match self.start_bit(wire, until) {
            None => {
                self.from = until;
                return Sample::NotYet;
            }
            // What begins there may be heard without sampling.
            Some(edge) if edge > self.from => {
                self.from = edge;
                return Sample::None;
            }
            Some(edge) => edge,
        };
        let bits = self.tempo.bits();
        let ended = later(edge, self.tempo.nanos(bits));
        if ended > until {
            self.ends_at = Some(ended);
            return Sample::NotYet;
        }
        let at = |bit| self.level(wire, later(edge, self.tempo.middle(bit)));
        if at(0) {
            self.from = later(edge, self.tempo.middle(0));
            return Sample::None;
        }
        let byte = (1..=8).fold(0_u8, |byte, bit| byte | u8::from(at(bit)) << (bit - 1));
        let parity_fits = self.tempo.parity_bit(byte).is_none_or(|parity| parity == at(9));
        let rests = at(bits - 1);
        self.from = later(edge, self.tempo.middle(bits - 1));
        self.waits_for_rest = !rests;
        if parity_fits && rests { Sample::Byte(byte, edge, ended) } else { Sample::None }
    }

    /// The first moment before `until` at which the line is low, after it was at rest if that has to be waited for.
    fn start_bit(&mut self, wire: &Wire, until: Moment) -> Option<Moment> {
        let mut at = self.from;
        loop {
            match (self.level(wire, at), self.waits_for_rest) {
                (true, _) => self.waits_for_rest = false,
                (false, false) => return Some(at),
                (false, true) => {}
            }
            let turns = [wire.next_bit(at), Some(self.blind.start), Some(self.blind.end)];
            at = turns.into_iter().flatten().filter(|turn| *turn > at).min()?;
            if at >= until {
                return None;
            }
        }
    }

    fn level(&self, wire: &Wire, at: Moment) -> bool {
        self.is_blind(at) || wire.level(at)
    }
}
