//! Frames of DL/T 645 among bytes that could not be taken apart, known by their shape alone: what such a frame says is for who
//! knows its protocol. [1376 3.12]
//!
//! ```text
//! 68 | address (6) | 68 | C | L | data (L) | CS | 16
//! ```

use core::ops::Range;

use super::{Line, hex};
use crate::frame::{END, START, WAKE_UP, checksum};

/// The places of the whole frames in `bytes`, wake-up bytes in front included.
pub(super) fn frames(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let (mut at, mut free_from) = (0, 0);
    while at < bytes.len() {
        let Some(length) = bytes.get(at..).and_then(whole) else {
            at += 1;
            continue;
        };
        let front = bytes.get(free_from..at).unwrap_or_default();
        let preamble = front.iter().rev().take_while(|byte| **byte == WAKE_UP).count();
        found.push(at - preamble..at + length);
        at += length;
        free_from = at;
    }
    found
}

/// How long the frame at the front is, if a whole one is there.
fn whole(bytes: &[u8]) -> Option<usize> {
    let (head, behind) = bytes.split_first_chunk::<HEAD>()?;
    let [START, _, _, _, _, _, _, START, _, length] = *head else { return None };
    let length = usize::from(length);
    let [sum, END, ..] = *behind.get(length..)? else { return None };
    (checksum(bytes.get(..HEAD + length)?) == sum).then_some(HEAD + length + 2)
}

/// Shows the frames in `bytes`, which begin at `offset`, as lines of their own; what stands before, between and behind them
/// is put into lines by `other`. The lines that `lines` has from there on are dropped, the one over the border cut.
pub(super) fn shown(
    bytes: &[u8],
    offset: usize,
    lines: &mut Vec<Line>,
    other: impl Fn(Range<usize>) -> Line,
) -> bool {
    let carried = |place: &Range<usize>| {
        lines.iter().any(|line| {
            line.is_meter_frame
                && line.offset <= place.start + offset
                && place.end + offset <= line.offset + line.length
        })
    };
    let frames: Vec<_> = frames(bytes).into_iter().filter(|place| !carried(place)).collect();
    let Some(first) = frames.first() else { return false };
    let mut from = first.start + offset;
    lines.retain(|line| line.offset < from);
    if let Some(last) = lines.last_mut().filter(|last| last.offset + last.length > from) {
        from = last.offset;
        lines.pop();
    }
    for place in frames {
        let (begin, end) = (place.start + offset, place.end + offset);
        if begin > from {
            lines.push(other(from..begin));
        }
        let value = hex(bytes.get(place.clone()).unwrap_or_default());
        let line = Line::new(begin, place.len(), "frame of the meter", "电表报文").at_level(1).value(value);
        lines.push(Line { is_meter_frame: true, ..line });
        from = end;
    }
    if offset + bytes.len() > from {
        lines.push(other(from..offset + bytes.len()));
    }
    true
}

/// From the first 68H to the length.
const HEAD: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_frames_are_found_with_their_wake_up_bytes() {
        let answer = [0x68, 1, 0, 0, 0, 0, 0, 0x68, 0x9C, 0x00, 0x6D, 0x16];
        let bytes = [&[0x1F, 0x0C, 0xFE, 0xFE][..], &answer, &answer, &[0x68, 0x16]].concat();
        assert_eq!(frames(&bytes), [2..16, 16..28]);
        let mut wrong = answer;
        wrong[10] ^= 1;
        assert!(
            frames(&wrong).is_empty() && frames(&answer[..11]).is_empty() && frames(&[0x68; 40]).is_empty()
        );
    }
}
