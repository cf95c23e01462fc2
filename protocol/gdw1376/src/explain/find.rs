//! Cuts bytes into frames, broken frames and garbage.

use super::{FramePiece, GarbagePiece, Piece, body, broken, hex, other};
use crate::dlt698;
use crate::frame::{Fault, Frame, MAX_COUNTED, MIN_COUNTED, START, WAKE_UP};

/// Explains `bytes` from front to end: every byte is in exactly one piece, or a wake-up byte right in front of a frame.
#[must_use]
pub fn pieces(bytes: &[u8]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut garbage_from = 0;
    let mut at = 0;
    while at < bytes.len() {
        let rest = bytes.get(at..).unwrap_or_default();
        let in_front = bytes.get(garbage_from..at).unwrap_or_default();
        let begins = in_front.last().is_none_or(|byte| *byte == WAKE_UP);
        let Some(found) = candidate(rest, begins) else {
            at += 1;
            continue;
        };
        let preamble = in_front.iter().rev().take_while(|byte| **byte == WAKE_UP).count();
        push_garbage(
            &mut pieces,
            garbage_from,
            in_front.get(..in_front.len() - preamble).unwrap_or_default(),
        );
        let length = found.bytes.len().max(1);
        pieces.push(Piece::Frame(Box::new(FramePiece { offset: at, length, preamble, ..found })));
        at += length;
        garbage_from = at;
    }
    push_garbage(&mut pieces, garbage_from, bytes.get(garbage_from..).unwrap_or_default());
    pieces
}

fn push_garbage(pieces: &mut Vec<Piece>, offset: usize, garbage: &[u8]) {
    if !garbage.is_empty() {
        let length = garbage.len();
        pieces.push(Piece::Garbage(GarbagePiece { protocol: None, offset, length, garbage: hex(garbage) }));
    }
}

/// The frame at the very front of `bytes`, or the broken frame whose head is whole; `None` when nothing here was meant to
/// be one. For who looks for frames of other protocols in the same bytes.
#[must_use]
pub fn front(bytes: &[u8]) -> Option<FramePiece> {
    let found = candidate(bytes, false)?;
    Some(FramePiece { length: found.bytes.len(), ..found })
}

/// True when the length at the front counts at least a head.
fn has_length(rest: &[u8]) -> bool {
    match *rest {
        [START, low, high, ..] => usize::from(u16::from_le_bytes([low, high]) >> 2) >= MIN_COUNTED,
        _ => false,
    }
}

/// The frame or broken frame at the front of `rest`; `None` when nothing here was meant to be one. A start that is cut
/// off before its second 68H counts only where a frame may begin.
fn candidate(rest: &[u8], begins: bool) -> Option<FramePiece> {
    if rest.first() != Some(&START) {
        return None;
    }
    match Frame::split(rest, MAX_COUNTED) {
        Ok((frame, length)) => return Some(body::sound(&frame, rest.get(..length)?)),
        Err(Fault::NoStart | Fault::LengthsDiffer { .. }) => {}
        Err(fault) if rest.len() >= 6 => return Some(broken::of(rest, fault)),
        // Both lengths are there and agree, which no address of a meter does by chance.
        Err(fault @ Fault::Truncated { .. }) if rest.len() == HEAD - 1 && has_length(rest) => {
            return Some(broken::of(rest, fault));
        }
        Err(fault @ Fault::Truncated { .. })
            if begins && rest.len() > 1 && dlt698::Frame::parse(rest).is_err() =>
        {
            return Some(broken::of(rest, fault));
        }
        Err(_) => {}
    }
    other::of(rest)
}

/// From the first 68H to the second.
const HEAD: usize = 6;
