//! Who hears every byte that passes, and how what is heard becomes frames again.

use std::time::Instant;

use dlt645::decoder::Decoder;

/// Which way bytes went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To the meters.
    Sent,
    /// From the line.
    Received,
}

impl Direction {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Received => "received",
        }
    }
}

/// Hears every byte that passes, for traces and captures.
pub trait Tap {
    /// Bytes passed at this time.
    fn bytes(&mut self, at: Instant, direction: Direction, bytes: &[u8]);
}

/// A tap nobody listens to.
impl Tap for () {
    fn bytes(&mut self, _: Instant, _: Direction, _: &[u8]) {}
}

/// Puts bytes that came in pieces together until they are worth explaining: whole frames, or what will not become one.
#[derive(Debug)]
pub struct Gathering {
    pending: Vec<u8>,
    decoder: Decoder,
}

impl Default for Gathering {
    fn default() -> Self {
        Self::new()
    }
}

impl Gathering {
    /// Nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { pending: Vec::new(), decoder: Decoder::new() }
    }

    /// True while nothing waits.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Takes the next bytes, and gives all that has come when a frame is complete and none is begun, or when it is
    /// more than anybody would wait for.
    pub fn add(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        self.pending.extend_from_slice(bytes);
        let mut rest = bytes;
        let mut is_whole = self.pending.len() > MOST;
        while self.decoder.next_frame(&mut rest).is_some() {
            is_whole = true;
        }
        let is_done = is_whole && (!self.decoder.is_unfinished() || self.pending.len() > MOST);
        is_done.then(|| std::mem::take(&mut self.pending))
    }

    /// Gives what has come and never became a frame.
    pub fn give_up(&mut self) -> Option<Vec<u8>> {
        self.decoder = Decoder::new();
        (!self.pending.is_empty()).then(|| std::mem::take(&mut self.pending))
    }
}

/// The most that is kept of what is no frame.
const MOST: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: [u8; 12] = [0x68, 0x12, 0x90, 0x78, 0x56, 0x34, 0x12, 0x68, 0x94, 0x00, 0x1A, 0x16];

    #[test]
    fn bytes_are_given_when_frames_are_whole_and_never_kept_for_ever() {
        let mut gathering = Gathering::new();
        assert_eq!(gathering.add(&[0xFE, 0x00]), None);
        assert_eq!(gathering.add(&FRAME[..5]), None);
        assert_eq!(gathering.add(&FRAME[5..]), Some([&[0xFE, 0x00], &FRAME[..]].concat()));
        assert!(gathering.is_empty());
        let begun = [&FRAME[..], &FRAME[..3]].concat();
        assert_eq!(gathering.add(&begun), None, "another has begun");
        assert_eq!(gathering.give_up(), Some(begun));
        assert_eq!(gathering.give_up(), None);
        let noise = (0..).map_while(|_| gathering.add(&[0x55; 100]).map_or(Some(0), |_| None)).count();
        assert_eq!(noise, 40);
    }
}
