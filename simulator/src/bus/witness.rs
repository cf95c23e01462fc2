//! What crossed a bus: every stretch of bytes with its times and its talker, for a judge.

use std::collections::VecDeque;

use core::fmt;

use dlt645::decoder::Decoder;

use super::moment::Moment;
use super::rate::Rate;

/// A master on one bus, in the order in which they joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MasterId(pub(super) u32);

/// Who sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Talker {
    /// A master.
    Master(MasterId),
    /// The station at this place of the bus.
    Station(usize),
    /// Nobody who was asked: chatter.
    Noise,
}

/// A stretch of bytes without a pause, as it was put on the wire. What a listener made of it is another matter when it
/// collided or was sent at another rate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crossing {
    /// Who sent it.
    pub talker: Talker,
    /// At what rate.
    pub rate: Rate,
    /// When its first bit began.
    pub began: Moment,
    /// When its last bit ended.
    pub ended: Moment,
    /// The bytes as sent, faults included.
    pub bytes: Vec<u8>,
    /// Someone else sent at the same time.
    pub collided: bool,
}

impl Crossing {
    /// The sound frames in it, without wake-up bytes and what else stands around them.
    #[must_use]
    pub fn frames(&self) -> Vec<Vec<u8>> {
        let (mut decoder, mut rest, mut frames) = (Decoder::new(), self.bytes.as_slice(), Vec::new());
        while let Some(found) = decoder.next_frame(&mut rest) {
            frames.push(found.wire.to_vec());
        }
        while let Some(found) = decoder.quiet() {
            frames.push(found.wire.to_vec());
        }
        frames
    }
}

/// Keeps the last crossings, or hands each on as it ends.
pub struct Witness {
    kept: VecDeque<Crossing>,
    limit: usize,
    seen: u64,
    sink: Option<Sink>,
}

/// Is handed each crossing.
pub type Sink = Box<dyn FnMut(&Crossing) + Send>;

impl Witness {
    /// Keeps the last `limit` crossings.
    #[must_use]
    pub const fn keeping(limit: usize) -> Self {
        Self { kept: VecDeque::new(), limit, seen: 0, sink: None }
    }

    /// Keeps none and hands each to `sink`, which must be quick: the bus waits for it.
    #[must_use]
    pub const fn telling(sink: Sink) -> Self {
        Self { kept: VecDeque::new(), limit: 0, seen: 0, sink: Some(sink) }
    }

    /// The crossings that are kept, oldest first.
    pub fn kept(&self) -> impl Iterator<Item = &Crossing> {
        self.kept.iter()
    }

    /// Takes the crossings that are kept, oldest first.
    pub fn take(&mut self) -> Vec<Crossing> {
        self.kept.drain(..).collect()
    }

    /// How many crossings there were, kept or not.
    #[must_use]
    pub const fn seen(&self) -> u64 {
        self.seen
    }

    pub(super) fn see(&mut self, crossing: impl FnOnce() -> Crossing) {
        self.seen += 1;
        if let Some(sink) = &mut self.sink {
            sink(&crossing());
        } else if self.limit > 0 {
            if self.kept.len() >= self.limit {
                self.kept.pop_front();
            }
            self.kept.push_back(crossing());
        }
    }
}

impl Default for Witness {
    /// Keeps the last 64.
    fn default() -> Self {
        Self::keeping(64)
    }
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Witness of {} crossings, {} kept", self.seen, self.kept.len())
    }
}
