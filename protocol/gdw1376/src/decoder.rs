//! A stream of bytes in, frames out, in bounded memory.
//!
//! The decoder finds each 68H, trusts the length where both copies agree, and after a failure goes on one byte further,
//! because a frame may begin inside what looked like one: modems put text and registrations between frames. It counts
//! what it dropped and why. It never decides by time: when the line has been quiet longer than a frame may pause, the
//! caller says so with [`Decoder::quiet`], and an unfinished start is given up. [1376 1.8]

use crate::frame::{Fault, Frame, MAX_COUNTED, MIN_COUNTED, OVERHEAD, START, WAKE_UP};

/// What the decoder threw away, in bytes or in false starts, since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// FEH bytes outside frames: wake-up bytes, nothing wrong with them.
    pub wake_up_bytes: u64,
    /// Other bytes outside frames.
    pub noise_bytes: u64,
    /// Starts whose two lengths agree and are below or above what is taken.
    pub bad_lengths: u64,
    /// Starts that failed on their checksum.
    pub bad_checksums: u64,
    /// Starts that failed on their end byte.
    pub bad_ends: u64,
    /// Starts that were given up unfinished when the line went quiet.
    pub cut_short: u64,
}

/// A frame with its bytes as they came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found<'a> {
    /// The frame.
    pub frame: Frame<'a>,
    /// Its bytes, from 68H to 16H.
    pub wire: &'a [u8],
}

/// Finds the frames in a stream of bytes that comes in pieces of any size. It holds at most one unfinished frame.
///
/// ```
/// use gdw1376::decoder::Decoder;
/// let stream = [0x0D, 0x68, 0x32, 0x00, 0x32, 0x00, 0x68, 0xC9, 0x00, 0x02, 0x34, 0x12, 0x00, 0x02, 0x71,
///               0x00, 0x00, 0x01, 0x00, 0x85, 0x16];
/// let mut decoder = Decoder::new();
/// let (mut first, mut second) = (&stream[..9], &stream[9..]);
/// assert!(decoder.next_frame(&mut first).is_none());
/// let found = decoder.next_frame(&mut second).unwrap();
/// assert_eq!(found.frame.address.terminal.to_string(), "0200-1234");
/// assert_eq!(decoder.dropped().noise_bytes, 1);
/// ```
#[derive(Clone, Debug)]
pub struct Decoder {
    /// From `begin`: the start of a frame whose rest has not come, 68H first; or the frame given out last.
    room: Vec<u8>,
    begin: usize,
    /// How many bytes at `begin` are the frame given out last.
    spent: usize,
    limit: usize,
    dropped: Dropped,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// Takes frames of every length.
    #[must_use]
    pub const fn new() -> Self {
        Self::with_limit(MAX_COUNTED)
    }

    /// Takes frames whose length counts at most `limit` bytes, so that a false start can hold up no more than that.
    /// Limits below the shortest frame count as it. [1376 8]
    #[must_use]
    pub const fn with_limit(limit: usize) -> Self {
        let limit = if limit < MIN_COUNTED { MIN_COUNTED } else { limit };
        let dropped = Dropped {
            wake_up_bytes: 0,
            noise_bytes: 0,
            bad_lengths: 0,
            bad_checksums: 0,
            bad_ends: 0,
            cut_short: 0,
        };
        Self { room: Vec::new(), begin: 0, spent: 0, limit, dropped }
    }

    /// The next frame. Takes from `input` what it needs; call it again with the same `input` until it gives `None`,
    /// when all of it has been taken.
    pub fn next_frame(&mut self, input: &mut &[u8]) -> Option<Found<'_>> {
        self.release(self.spent);
        loop {
            if self.is_empty() {
                self.skip_noise(input);
            }
            match self.look() {
                Look::Frame(length) => {
                    self.spent = length;
                    return self.held();
                }
                Look::False => {}
                Look::Unfinished(missing) => {
                    if input.is_empty() {
                        return None;
                    }
                    let (taken, rest) = input.split_at(missing.min(input.len()));
                    self.room.extend(taken);
                    *input = rest;
                }
            }
        }
    }

    /// The line has been quiet for longer than a frame may pause: gives up the unfinished start, and looks for frames
    /// in the bytes behind it. Call it again until it gives `None`.
    pub fn quiet(&mut self) -> Option<Found<'_>> {
        self.release(self.spent);
        while !self.is_empty() {
            match self.look() {
                Look::Frame(length) => {
                    self.spent = length;
                    return self.held();
                }
                Look::False => {}
                Look::Unfinished(_) => {
                    self.dropped.cut_short += 1;
                    self.drop_start();
                }
            }
        }
        None
    }

    /// True when the start of a frame is held whose rest has not come.
    #[must_use]
    pub const fn is_unfinished(&self) -> bool {
        self.begin + self.spent < self.room.len()
    }

    /// What was thrown away so far.
    #[must_use]
    pub const fn dropped(&self) -> Dropped {
        self.dropped
    }

    /// Forgets what is held, as when a connection is replaced; it is counted as noise.
    pub fn clear(&mut self) {
        self.release(self.spent);
        self.dropped.noise_bytes += count(self.room.len() - self.begin);
        self.room.clear();
        self.begin = 0;
    }

    const fn is_empty(&self) -> bool {
        self.begin >= self.room.len()
    }

    /// The frame at the front of what is held.
    fn held(&self) -> Option<Found<'_>> {
        let wire = self.room.get(self.begin..self.begin + self.spent)?;
        let (frame, _) = Frame::split(wire, self.limit).ok()?;
        Some(Found { frame, wire })
    }

    /// Judges what is held, 68H first; of a false start one byte is dropped, and noise behind it.
    fn look(&mut self) -> Look {
        let held = self.room.get(self.begin..).unwrap_or_default();
        match Frame::split(held, self.limit) {
            Ok((_, length)) => return Look::Frame(length),
            Err(Fault::Truncated { missing }) => return Look::Unfinished(missing),
            Err(Fault::NoStart | Fault::LengthsDiffer { .. }) => {}
            Err(Fault::TooShort { .. } | Fault::TooLong { .. }) => self.dropped.bad_lengths += 1,
            Err(Fault::Checksum { .. }) => self.dropped.bad_checksums += 1,
            Err(Fault::EndByte { .. }) => self.dropped.bad_ends += 1,
        }
        self.drop_start();
        Look::False
    }

    /// Drops the 68H at the front of what is held, and what stands before the next.
    fn drop_start(&mut self) {
        let held = self.room.get(self.begin..).unwrap_or_default();
        let behind = held.get(1..).unwrap_or_default();
        let noise = behind.iter().position(|byte| *byte == START).unwrap_or(behind.len());
        self.dropped.noise_bytes += u64::from(!held.is_empty());
        tally(behind.get(..noise).unwrap_or_default(), &mut self.dropped);
        self.release(1 + noise);
    }

    /// Drops what stands before the next 68H of `input`, without holding it.
    fn skip_noise(&mut self, input: &mut &[u8]) {
        let noise = input.iter().position(|byte| *byte == START).unwrap_or(input.len());
        let (dropped, rest) = input.split_at(noise);
        tally(dropped, &mut self.dropped);
        *input = rest;
    }

    /// Lets go of held bytes at the front. What stays moves to the front only when at least as much was let go, so
    /// that no byte is moved more than once on the average.
    fn release(&mut self, length: usize) {
        self.spent = 0;
        self.begin = (self.begin + length).min(self.room.len());
        if self.begin * 2 >= self.room.len() {
            self.room.drain(..self.begin);
            self.begin = 0;
        }
        if self.room.is_empty() && self.room.capacity() > KEPT_ROOM {
            self.room = Vec::new();
        }
    }
}

/// What is held turned out to be.
enum Look {
    /// A frame of so many bytes.
    Frame(usize),
    /// No frame; the false start is gone.
    False,
    /// Perhaps a frame; at least so many bytes more are needed to say.
    Unfinished(usize),
}

/// Counts bytes outside frames.
fn tally(bytes: &[u8], dropped: &mut Dropped) {
    let wake_up = bytes.iter().filter(|byte| **byte == WAKE_UP).count();
    dropped.wake_up_bytes += count(wake_up);
    dropped.noise_bytes += count(bytes.len() - wake_up);
}

fn count(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// Room that is kept between frames; more goes back when nothing is held, as thousands of decoders wait at a time.
const KEPT_ROOM: usize = 512 + OVERHEAD;

#[cfg(test)]
mod tests;
