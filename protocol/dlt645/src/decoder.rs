//! A stream of bytes in, frames out, in bounded memory and linear time.
//!
//! The decoder finds each 68H, trusts the length byte, and after a failure goes on one byte further, because a
//! start byte may stand inside what looked like a frame. It counts what it dropped and why. It never decides by
//! time: when the line has been quiet longer than the gap between bytes may last, the caller says so with
//! [`Decoder::quiet`], and an unfinished start is given up. Faults F1 to F3 are met here.

use crate::frame::{Fault, Frame, MAX_DATA, MAX_FRAME, START, WAKE_UP, WireFrame};

/// What the decoder threw away, in bytes or in false starts, since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// FEH bytes outside frames: wake-up bytes, nothing wrong with them.
    pub wake_up_bytes: u64,
    /// Other bytes outside frames.
    pub noise_bytes: u64,
    /// Starts that failed on their checksum.
    pub bad_checksums: u64,
    /// Starts that failed on their end byte, or on both end byte and checksum.
    pub bad_ends: u64,
    /// Starts that were given up unfinished when the line went quiet.
    pub cut_short: u64,
}

/// Finds the frames in a stream of bytes that comes in pieces of any size. It holds at most one unfinished frame.
///
/// ```
/// use dlt645::decoder::Decoder;
/// let answer = [0xFE, 0xFE, 0x68, 0x12, 0x90, 0x78, 0x56, 0x34, 0x12, 0x68, 0x94, 0x00, 0x1A, 0x16];
/// let mut decoder = Decoder::new();
/// let (mut first, mut second) = (&answer[..9], &answer[9..]);
/// assert!(decoder.next_frame(&mut first).is_none());
/// let found = decoder.next_frame(&mut second).unwrap();
/// assert_eq!(found.frame.control.0, 0x94);
/// assert_eq!(decoder.dropped().wake_up_bytes, 2);
/// ```
#[derive(Clone, Debug)]
pub struct Decoder {
    /// The start of a frame whose rest has not come yet: empty, or 68H first.
    held: [u8; MAX_FRAME],
    held_len: usize,
    /// How many held bytes at the front belong to the frame given out last.
    spent: usize,
    plain: [u8; MAX_DATA],
    dropped: Dropped,
}

/// A frame the decoder found.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// The frame with plain data.
    pub frame: Frame<'a>,
    /// Its bytes as they came.
    pub wire: &'a [u8],
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

/// What the front of a piece of stream is.
enum Front {
    /// So many bytes of no frame.
    Noise(usize),
    /// A whole frame of so many bytes.
    Frame(usize),
    /// The start of a frame, perhaps; so many bytes more are needed to say.
    Unfinished(usize),
}

impl Decoder {
    /// An empty decoder.
    #[must_use]
    pub const fn new() -> Self {
        let dropped =
            Dropped { wake_up_bytes: 0, noise_bytes: 0, bad_checksums: 0, bad_ends: 0, cut_short: 0 };
        Self { held: [0; MAX_FRAME], held_len: 0, spent: 0, plain: [0; MAX_DATA], dropped }
    }

    /// Takes bytes off the front of `input` up to and with the next whole frame, and gives that frame. `None`
    /// means all of `input` was taken and no frame is complete yet.
    #[inline]
    pub fn next_frame<'a, 'i: 'a>(&'a mut self, input: &mut &'i [u8]) -> Option<Found<'a>> {
        self.release();
        if self.held_len > 0 && !self.finish_held(input) {
            // Either everything is held and waiting, or nothing is held any more.
            if self.held_len > 0 {
                return None;
            }
        }
        if self.held_len > 0 {
            let held = self.held.get(..self.spent).unwrap_or_default();
            let wire = WireFrame::parse(held).ok()?;
            return Some(Found { frame: wire.frame(&mut self.plain), wire: held });
        }
        loop {
            match look(input, &mut self.dropped) {
                Front::Frame(len) => {
                    let (bytes, rest) = input.split_at_checked(len)?;
                    *input = rest;
                    let wire = WireFrame::parse(bytes).ok()?;
                    return Some(Found { frame: wire.frame(&mut self.plain), wire: bytes });
                }
                Front::Noise(len) => *input = input.get(len..).unwrap_or_default(),
                Front::Unfinished(_) => {
                    self.hold(input);
                    return None;
                }
            }
        }
    }

    /// The line has been quiet for longer than a frame may pause: gives up the unfinished start, and looks for
    /// frames in the bytes behind it. Call it again until it gives `None`.
    pub fn quiet(&mut self) -> Option<Found<'_>> {
        self.release();
        loop {
            match look(self.held.get(..self.held_len).unwrap_or_default(), &mut self.dropped) {
                Front::Frame(len) => {
                    self.spent = len;
                    break;
                }
                Front::Noise(len) => self.discard(len),
                Front::Unfinished(_) if self.held_len == 0 => return None,
                Front::Unfinished(_) => {
                    self.dropped.cut_short += 1;
                    self.dropped.noise_bytes += 1;
                    self.discard(1);
                }
            }
        }
        let held = self.held.get(..self.spent).unwrap_or_default();
        let wire = WireFrame::parse(held).ok()?;
        Some(Found { frame: wire.frame(&mut self.plain), wire: held })
    }

    /// True when the start of a frame is held whose rest has not come.
    #[must_use]
    pub const fn is_unfinished(&self) -> bool {
        self.held_len > self.spent
    }

    /// What was thrown away so far.
    #[must_use]
    pub const fn dropped(&self) -> Dropped {
        self.dropped
    }

    /// Forgets what is held, as when a line is drained; it is counted as noise.
    pub fn clear(&mut self) {
        self.release();
        self.dropped.noise_bytes += count(self.held_len);
        self.held_len = 0;
    }

    /// Lets go of the held frame that was given out last.
    fn release(&mut self) {
        let spent = core::mem::take(&mut self.spent);
        self.discard(spent);
    }

    fn discard(&mut self, len: usize) {
        let len = len.min(self.held_len);
        if len > 0 {
            self.held.copy_within(len..self.held_len, 0);
            self.held_len -= len;
        }
    }

    /// Moves bytes from `input` to the held ones until they are a frame (true, `spent` set) or hold nothing or
    /// `input` is used up (false).
    fn finish_held(&mut self, input: &mut &[u8]) -> bool {
        while self.held_len > 0 {
            match look(self.held.get(..self.held_len).unwrap_or_default(), &mut self.dropped) {
                Front::Frame(len) => {
                    self.spent = len;
                    return true;
                }
                Front::Noise(len) => self.discard(len),
                Front::Unfinished(missing) => {
                    let (taken, rest) = input.split_at(missing.min(input.len()));
                    *input = rest;
                    self.append(taken);
                    if taken.is_empty() {
                        return false;
                    }
                }
            }
        }
        false
    }

    fn hold(&mut self, input: &mut &[u8]) {
        let rest = core::mem::take(input);
        self.append(rest);
    }

    fn append(&mut self, bytes: &[u8]) {
        let room = self.held.get_mut(self.held_len..).unwrap_or_default();
        let len = bytes.len().min(room.len());
        for (to, from) in room.iter_mut().zip(bytes) {
            *to = *from;
        }
        self.held_len += len;
    }
}

/// Says what the front of `bytes` is and counts what is wrong with it. Nothing at all is unfinished.
#[inline]
fn look(bytes: &[u8], dropped: &mut Dropped) -> Front {
    let skipped = bytes.iter().position(|byte| *byte == START).unwrap_or(bytes.len());
    if skipped > 0 {
        let noise = bytes.get(..skipped).unwrap_or_default();
        let wake_up = count(noise.iter().filter(|byte| **byte == WAKE_UP).count());
        dropped.wake_up_bytes += wake_up;
        dropped.noise_bytes += count(skipped) - wake_up;
        return Front::Noise(skipped);
    }
    match WireFrame::parse(bytes) {
        Ok(frame) => return Front::Frame(frame.bytes().len()),
        Err(Fault::Truncated { missing }) => return Front::Unfinished(missing),
        Err(Fault::NoStart) => {}
        Err(Fault::Checksum { .. }) => dropped.bad_checksums += 1,
        Err(Fault::EndByte { .. } | Fault::Length { .. }) => dropped.bad_ends += 1,
    }
    dropped.noise_bytes += 1;
    Front::Noise(1)
}

fn count(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
