//! A stream of bytes in, frames out, in bounded memory and linear time.
//!
//! The decoder finds each 68H, trusts the length byte, and after a failure goes on one byte further, because a
//! start byte may stand inside what looked like a frame. It counts what it dropped and why. It never decides by
//! time: when the line has been quiet longer than the gap between bytes may last, the caller says so with
//! [`Decoder::quiet`], and an unfinished start is given up. Faults F1 to F3 are met here. [645-2007 2 scanner]

use crate::frame::{Frame, MAX_DATA, MAX_FRAME, Miss, OVERHEAD, START, WAKE_UP, WireFrame};

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
    /// Holds, from `begin` to `end`, the start of a frame whose rest has not come yet: nothing, or 68H first. There is
    /// room for two frames, so that what is held moves to the front only once in a frame's length.
    room: [u8; 2 * MAX_FRAME],
    begin: usize,
    end: usize,
    /// How many held bytes at the front are a frame: the one given out last.
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

impl Decoder {
    /// An empty decoder.
    #[must_use]
    pub const fn new() -> Self {
        let dropped =
            Dropped { wake_up_bytes: 0, noise_bytes: 0, bad_checksums: 0, bad_ends: 0, cut_short: 0 };
        Self { room: [0; 2 * MAX_FRAME], begin: 0, end: 0, spent: 0, plain: [0; MAX_DATA], dropped }
    }

    /// Takes bytes off the front of `input` up to and with the next whole frame, and gives that frame. `None`
    /// means all of `input` was taken and no frame is complete yet.
    #[inline]
    pub fn next_frame<'a, 'i: 'a>(&'a mut self, input: &mut &'i [u8]) -> Option<Found<'a>> {
        let mut rest = core::mem::take(input);
        if self.end > 0 {
            rest = self.finish_held(rest)?;
        }
        let wire = if self.end > 0 {
            held_frame(self.room.get(self.begin..self.end)?)?
        } else {
            loop {
                match look(&mut rest, &mut self.dropped) {
                    Front::Frame(wire) => break wire,
                    Front::Noise => {}
                    Front::Unfinished { .. } => {
                        self.hold(rest);
                        return None;
                    }
                }
            }
        };
        *input = rest;
        Some(Found { frame: wire.frame(&mut self.plain), wire: wire.bytes() })
    }

    /// The line has been quiet for longer than a frame may pause: gives up the unfinished start, and looks for
    /// frames in the bytes behind it. Call it again until it gives `None`.
    pub fn quiet(&mut self) -> Option<Found<'_>> {
        while self.finish_held(&[]).is_none() {
            self.dropped.cut_short += 1;
            self.dropped.noise_bytes += 1;
            self.release(1);
        }
        let wire = held_frame(self.room.get(self.begin..self.end)?)?;
        Some(Found { frame: wire.frame(&mut self.plain), wire: wire.bytes() })
    }

    /// True when the start of a frame is held whose rest has not come.
    #[must_use]
    pub const fn is_unfinished(&self) -> bool {
        self.begin + self.spent < self.end
    }

    /// What was thrown away so far.
    #[must_use]
    pub const fn dropped(&self) -> Dropped {
        self.dropped
    }

    /// Forgets what is held, as when a line is drained; it is counted as noise.
    pub fn clear(&mut self) {
        self.release(self.spent);
        self.dropped.noise_bytes += count(self.end - self.begin);
        self.release(self.end);
    }

    /// Lets go of the held frame given out last, and moves bytes from `input` to the held ones until these are a frame
    /// (`spent` says so) or nothing is held. Gives what is left of `input`; `None` when that was not enough.
    fn finish_held<'i>(&mut self, mut input: &'i [u8]) -> Option<&'i [u8]> {
        self.release(self.spent);
        while let Some(held @ [_, ..]) = self.room.get(self.begin..self.end) {
            let mut rest = held;
            let front = look(&mut rest, &mut self.dropped);
            let passed = held.len() - rest.len();
            match front {
                Front::Frame(_) => {
                    self.spent = passed;
                    break;
                }
                Front::Noise => self.release(passed),
                Front::Unfinished { .. } if input.is_empty() => return None,
                Front::Unfinished { missing } => {
                    let (taken, rest) = input.split_at(missing.min(input.len()));
                    self.hold(taken);
                    input = rest;
                }
            }
        }
        Some(input)
    }

    /// Lets go of held bytes at the front.
    fn release(&mut self, len: usize) {
        self.spent = 0;
        self.begin += len;
        if self.begin >= self.end {
            (self.begin, self.end) = (0, 0);
        }
    }

    /// Holds more bytes: with those held already they are no more than a frame.
    fn hold(&mut self, bytes: &[u8]) {
        if self.end + bytes.len() > self.room.len() {
            self.room.copy_within(self.begin..self.end, 0);
            (self.begin, self.end) = (0, self.end - self.begin);
        }
        if let Some(room) = self.room.get_mut(self.end..self.end + bytes.len()) {
            room.copy_from_slice(bytes);
            self.end += bytes.len();
        }
    }
}

/// The frame at the front of the held bytes.
#[inline(never)]
fn held_frame(held: &[u8]) -> Option<WireFrame<'_>> {
    WireFrame::parse(held).ok()
}

/// What stood at the front of a piece of stream.
enum Front<'a> {
    /// A whole frame.
    Frame(WireFrame<'a>),
    /// Bytes of no frame.
    Noise,
    /// Perhaps the start of a frame; so many bytes more are needed to say.
    Unfinished { missing: usize },
}

/// Takes a frame or some noise off the front of `bytes` and counts what is wrong with it. Nothing at all is unfinished.
#[inline]
fn look<'a>(bytes: &mut &'a [u8], dropped: &mut Dropped) -> Front<'a> {
    match bytes.first() {
        Some(&START) => {}
        Some(_) => {
            pass_noise(bytes, dropped);
            return Front::Noise;
        }
        None => return Front::Unfinished { missing: OVERHEAD },
    }
    match WireFrame::split(bytes) {
        Ok((frame, rest)) => {
            *bytes = rest;
            return Front::Frame(frame);
        }
        Err(Miss::Truncated { missing }) => return Front::Unfinished { missing },
        Err(Miss::NoStart) => {}
        Err(Miss::Checksum) => dropped.bad_checksums += 1,
        Err(Miss::End) => dropped.bad_ends += 1,
    }
    dropped.noise_bytes += 1;
    pass(bytes, 1);
    Front::Noise
}

/// Takes bytes in front of the next 68H off `bytes`: up to eight wake-up bytes, or up to eight others.
#[inline]
fn pass_noise(bytes: &mut &[u8], dropped: &mut Dropped) {
    let Some(eight) = bytes.first_chunk::<8>() else { return pass_byte(bytes, dropped) };
    let word = u64::from_le_bytes(*eight);
    let wake_up = (word ^ u64::from_le_bytes([WAKE_UP; 8])).trailing_zeros() / u8::BITS;
    if wake_up > 0 {
        dropped.wake_up_bytes += u64::from(wake_up);
        pass(bytes, wake_up);
    } else {
        let others = others(word);
        dropped.noise_bytes += u64::from(others);
        pass(bytes, others);
    }
}

/// How many bytes of `word`, the low one first, stand in front of the first that is 68H or a wake-up byte.
#[inline(never)] // what it needs stays out of the way of frames
fn others(word: u64) -> u32 {
    first(START, word).min(first(WAKE_UP, word))
}

/// The same for the last few bytes.
#[cold]
fn pass_byte(bytes: &mut &[u8], dropped: &mut Dropped) {
    match bytes.first() {
        Some(&WAKE_UP) => dropped.wake_up_bytes += 1,
        _ => dropped.noise_bytes += 1,
    }
    pass(bytes, 1);
}

/// How many bytes of `word`, low byte first, stand in front of the first that is `byte`.
#[inline]
const fn first(byte: u8, word: u64) -> u32 {
    const ONES: u64 = u64::from_le_bytes([0x01; 8]);
    const TOPS: u64 = u64::from_le_bytes([0x80; 8]);
    let unlike = word ^ u64::from_le_bytes([byte; 8]);
    // Taking one off each byte sets the top bit of the lowest that is zero, and of none below it.
    (unlike.wrapping_sub(ONES) & !unlike & TOPS).trailing_zeros() / u8::BITS
}

#[inline]
fn pass(bytes: &mut &[u8], length: u32) {
    *bytes = usize::try_from(length).ok().and_then(|length| bytes.get(length..)).unwrap_or_default();
}

fn count(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
