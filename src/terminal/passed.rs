//! The last frames between a terminal and us, for people who look at it.
//!
//! They are kept within [`MOST_BYTES`], heads included, so that twenty thousand terminals cost no more than their limit.
//! Only frames that are known to hold no password and nothing forwarded are kept whole; of any other only how it begins
//! (T24). What is forwarded stands whole and masked in the captures of its line.

use crate::domain::Moment;

/// A frame that has passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedFrame {
    /// When it was sent, or had come.
    pub at: Moment,
    /// Whether we have sent it.
    pub is_sent: bool,
    /// Its bytes, or those it begins with.
    pub bytes: Vec<u8>,
    /// How many bytes of it were not kept.
    pub left_out: usize,
}

/// The last frames, the oldest first: of each its moment, direction, kept and full length, bytes.
#[derive(Debug, Default)]
pub(super) struct Passed(Vec<u8>);

impl Passed {
    pub(super) fn note(&mut self, at: Moment, is_sent: bool, frame: &[u8]) {
        let kept = if may_be_kept(frame) { frame } else { frame.get(..BEGINNING).unwrap_or(frame) };
        let kept = kept.get(..MOST_OF_ONE).unwrap_or(kept);
        let length = |bytes: &[u8]| u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_le_bytes();
        let needed = HEAD + kept.len();
        while self.0.len() + needed > MOST_BYTES || self.count() >= MOST_FRAMES {
            let Some((_, first)) = next(&self.0) else { break };
            self.0.drain(..first);
        }
        self.0.extend(at.micros().to_le_bytes());
        self.0.push(u8::from(is_sent));
        self.0.extend(length(kept));
        self.0.extend(length(frame));
        self.0.extend(kept);
    }

    pub(super) fn frames(&self) -> Vec<PassedFrame> {
        let mut rest = self.0.as_slice();
        std::iter::from_fn(|| {
            let (frame, length) = next(rest)?;
            rest = rest.get(length..)?;
            Some(frame)
        })
        .collect()
    }

    fn count(&self) -> usize {
        let mut rest = self.0.as_slice();
        std::iter::from_fn(|| {
            let length = length_of(rest)?;
            rest = rest.get(length..)?;
            Some(())
        })
        .count()
    }
}

/// How long the first record is.
fn length_of(records: &[u8]) -> Option<usize> {
    let kept = records.get(9..11)?.first_chunk()?;
    Some(HEAD + usize::from(u16::from_le_bytes(*kept)))
}

fn next(records: &[u8]) -> Option<(PassedFrame, usize)> {
    let length = length_of(records)?;
    let at = Moment::from_micros(i64::from_le_bytes(*records.first_chunk()?));
    let full = usize::from(u16::from_le_bytes(*records.get(11..HEAD)?.first_chunk()?));
    let bytes = records.get(HEAD..length)?.to_vec();
    let left_out = full.saturating_sub(bytes.len());
    Some((PassedFrame { at, is_sent: records.get(8) == Some(&1), bytes, left_out }, length))
}

/// Whether a frame is of a function that carries neither passwords nor what is forwarded: confirmations, link checks and
/// data. Parameters are not among them, since the archive of meters holds their passwords. [1376 4]
fn may_be_kept(frame: &[u8]) -> bool {
    frame.get(AFN).is_some_and(|afn| matches!(afn, 0x00 | 0x02 | 0x09 | 0x0C | 0x0D | 0x0E))
}

/// Where the function (AFN) of a frame stands.
const AFN: usize = 12;
/// What is kept of other frames: up to what they are for, which is no secret (AFN, the sequence byte, Pn and Fn).
const BEGINNING: usize = 18;
/// Moment, direction and both lengths.
const HEAD: usize = 13;
/// The most frames that are kept.
const MOST_FRAMES: usize = 24;
/// The most bytes they may take.
const MOST_BYTES: usize = 3 * 1024;
/// The most bytes of one frame.
const MOST_OF_ONE: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(afn: u8, length: usize) -> Vec<u8> {
        let mut frame = vec![0x68; length];
        frame[AFN] = afn;
        frame
    }

    #[test]
    fn the_last_frames_are_kept_within_their_limit() {
        let mut passed = Passed::default();
        for number in 0..100_i64 {
            passed.note(Moment::from_micros(number), number % 2 == 0, &frame(0x0C, 20));
        }
        let frames = passed.frames();
        assert_eq!(frames.len(), MOST_FRAMES);
        let last =
            PassedFrame { at: Moment::from_micros(99), is_sent: false, bytes: frame(0x0C, 20), left_out: 0 };
        assert_eq!(frames.last(), Some(&last));
        for number in 0..9 {
            passed.note(Moment::from_micros(number), true, &frame(0x0D, 5000));
            assert!(passed.0.len() <= MOST_BYTES);
        }
        let frames = passed.frames();
        assert_eq!((frames.len(), frames[0].bytes.len(), frames[0].left_out), (2, 1024, 3976));
    }

    #[test]
    fn t24_of_frames_that_may_hold_a_password_only_the_beginning_is_kept() {
        for afn in 0..=u8::MAX {
            let mut passed = Passed::default();
            passed.note(Moment::from_micros(1), true, &frame(afn, 40));
            let kept = passed.frames().remove(0).bytes.len();
            let is_harmless = [0x00, 0x02, 0x09, 0x0C, 0x0D, 0x0E].contains(&afn);
            assert_eq!(kept, if is_harmless { 40 } else { BEGINNING }, "{afn:02X}");
        }
        let mut passed = Passed::default();
        passed.note(Moment::from_micros(1), false, &[0x68, 0x16]);
        assert_eq!(passed.frames()[0].bytes, [0x68, 0x16], "a short one of no function");
    }
}
