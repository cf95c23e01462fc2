//! Who hears every byte that passes.

use std::time::Instant;

/// Which way bytes went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To the meters.
    Sent,
    /// From the line.
    Received,
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
