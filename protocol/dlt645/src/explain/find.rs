//! Cuts bytes into frames, broken frames and garbage.

use super::{FramePiece, GarbagePiece, Note, Piece, body, hex, hint};
use crate::control::{Control, Function};
use crate::edition::Edition;
use crate::frame::{END, Fault, MAX_DATA, OVERHEAD, START, WAKE_UP, WireFrame, checksum};

/// What pieces of the 1997 edition are called.
const OLD: &str = "dlt645-1997";
/// Where the length byte stands.
const LENGTH_AT: usize = 9;

/// Explains `bytes` from front to end: every byte is in exactly one piece, or a wake-up byte right in front of a
/// frame. `edition` is used where the bytes cannot tell; without it they count as 2007.
#[must_use]
pub fn pieces(bytes: &[u8], edition: Option<Edition>) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut garbage_from = 0;
    let mut at = 0;
    while at < bytes.len() {
        let rest = bytes.get(at..).unwrap_or_default();
        let front = at.checked_sub(1).and_then(|before| bytes.get(before));
        let begins = at == garbage_from || front == Some(&WAKE_UP);
        let Some(found) = candidate(rest, begins, edition) else {
            at += 1;
            continue;
        };
        let between = bytes.get(garbage_from..at).unwrap_or_default();
        let preamble = between.iter().rev().take_while(|byte| **byte == WAKE_UP).count();
        push_garbage(&mut pieces, garbage_from, between.len() - preamble, bytes);
        let length = found.bytes.len().max(1);
        pieces.push(Piece::Frame(Box::new(FramePiece { offset: at, preamble, ..found })));
        at += length;
        garbage_from = at;
    }
    push_garbage(&mut pieces, garbage_from, bytes.len() - garbage_from, bytes);
    hint::across(&mut pieces);
    join_follow_on(&mut pieces);
    pieces
}

/// Where an answer with follow-on frames is complete, its last frame shows the values of the whole.
fn join_follow_on(pieces: &mut [Piece]) {
    let mut joined: Vec<usize> = Vec::new();
    for place in 0..pieces.len() {
        let Some(frame) = frame_at(pieces, place) else { continue };
        if frame.direction == Some("request") {
            continue;
        }
        let first = joined.first().and_then(|first| frame_at(pieces, *first));
        let is_of_it = first.is_some_and(|first| first.address == frame.address && first.di == frame.di);
        let last = joined.last().and_then(|last| frame_at(pieces, *last));
        let fits = match (kind(frame), frame.sequence) {
            (Kind::FollowOn, Some(_)) => frame.sequence == u8::try_from(joined.len()).ok(),
            (Kind::FollowOn, None) | (Kind::Again, _) => true,
            (Kind::First | Kind::Other, _) => false,
        };
        let goes_on = last.is_some_and(|last| last.more);
        match kind(frame) {
            Kind::First => joined = vec![place],
            // What the meter says once more stands in the place of what it said last; what was not heard stands behind it.
            Kind::Again if is_of_it && last.is_some_and(|last| data_of(last) == data_of(frame)) => {
                joined.pop();
                joined.push(place);
            }
            _ if is_of_it && fits && goes_on => joined.push(place),
            _ => joined.clear(),
        }
        let is_over = frame_at(pieces, place).is_some_and(|frame| !frame.more);
        if joined.len() > 1 && is_over {
            let frames: Vec<&FramePiece> =
                joined.iter().filter_map(|place| frame_at(pieces, *place)).collect();
            if let (Some(whole), Some(piece)) = (body::join(&frames), pieces.get_mut(place)) {
                *piece = Piece::Frame(Box::new(whole));
            }
        }
    }
}

/// What an answer is to the one before it.
enum Kind {
    /// More follow.
    First,
    /// It goes on where another ended.
    FollowOn,
    /// The last answer once more, as the 1997 edition can have it.
    Again,
    /// Neither.
    Other,
}

fn kind(frame: &FramePiece) -> Kind {
    let control = frame.bytes.get(8).map(|control| Control(*control));
    let Some(control) = control.filter(|_| frame.ok && frame.di.is_some()) else { return Kind::Other };
    let is_again = control.function() == Function::REREAD_1997 && frame.protocol == OLD;
    match (body::follows_on(control), frame.more) {
        (true, _) => Kind::FollowOn,
        (false, _) if is_again => Kind::Again,
        (false, true) => Kind::First,
        (false, false) => Kind::Other,
    }
}

/// The data of a sound frame, as they stand on the line.
fn data_of(frame: &FramePiece) -> Option<&[u8]> {
    frame.bytes.get(10..frame.bytes.len().checked_sub(2)?)
}

fn frame_at(pieces: &[Piece], place: usize) -> Option<&FramePiece> {
    match pieces.get(place)? {
        Piece::Frame(frame) => Some(frame),
        Piece::Garbage(_) => None,
    }
}

fn push_garbage(pieces: &mut Vec<Piece>, offset: usize, length: usize, bytes: &[u8]) {
    let garbage = bytes.get(offset..offset + length).unwrap_or_default();
    if !garbage.is_empty() {
        let notes = hint::of_garbage(garbage);
        pieces.push(Piece::Garbage(GarbagePiece {
            protocol: None,
            offset,
            length,
            garbage: hex(garbage),
            notes,
        }));
    }
}

/// The frame or broken frame at the front of `rest`; `None` when nothing here was meant to be one. A start cut off
/// before its second 68H counts only where a frame may begin, not in the middle of rubbish.
fn candidate(rest: &[u8], begins: bool, edition: Option<Edition>) -> Option<FramePiece> {
    if rest.first() != Some(&START) {
        return None;
    }
    match WireFrame::parse(rest) {
        Ok(frame) => Some(body::sound(&frame, edition)),
        Err(Fault::NoStart) => None,
        Err(_) if rest.len() <= 7 && !begins => None,
        Err(fault) => Some(broken(rest, fault, edition)),
    }
}

/// A start that is no frame: says why, and how far it reaches.
fn broken(rest: &[u8], fault: Fault, edition: Option<Edition>) -> FramePiece {
    let stated = rest.get(9).map(|length| OVERHEAD + usize::from(*length));
    let reach = stated.unwrap_or(rest.len()).min(rest.len());
    let fits = fitting_length(rest);
    let (word, note, reach) = match (fault, fits) {
        (Fault::Checksum { found, expected }, _) => (
            "checksum",
            Note::new(
                format!("checksum is {found:02X}, should be {expected:02X}"),
                format!("校验码为{found:02X},应为{expected:02X}"),
            ),
            reach,
        ),
        (Fault::EndByte { found }, _) => (
            "end byte",
            Note::new(
                format!("end byte is {found:02X} where the length puts it, should be 16"),
                format!("结束符为{found:02X},应为16"),
            ),
            reach,
        ),
        (Fault::Length { .. } | Fault::Truncated { .. }, Some(length)) => (
            "length",
            Note::new(
                format!(
                    "the length byte says {}, but the frame ends as if it were {length}",
                    stated_length(rest)
                ),
                format!("长度字节为{},按结束位置应为{length}", stated_length(rest)),
            ),
            OVERHEAD + length,
        ),
        (Fault::Length { length }, None) => (
            "length",
            Note::new(
                format!(
                    "{length} data bytes by the length byte, but neither checksum nor end byte stand there"
                ),
                format!("按长度字节{length}定位,校验码和结束符均不符"),
            ),
            reach,
        ),
        (Fault::Truncated { missing }, None) => ("truncated", cut_note(missing, stated.is_some()), reach),
        (Fault::NoStart, _) => ("truncated", cut_note(1, false), reach),
    };
    // A whole frame inside ends this one: it was cut off.
    let inner =
        (1..reach).find(|begin| rest.get(*begin..).is_some_and(|inner| WireFrame::parse(inner).is_ok()));
    let (word, note, reach) = match (inner, word) {
        (Some(begin), _) => {
            // The length byte is this frame's own only when it was not cut off in front of it.
            let stated = stated.filter(|_| begin > LENGTH_AT);
            let missing = stated.unwrap_or(OVERHEAD).saturating_sub(begin).max(1);
            ("truncated", cut_note(missing, stated.is_some()), begin)
        }
        _ => (word, note, reach),
    };
    let bytes = rest.get(..reach.max(1)).unwrap_or(rest);
    let mut piece = body::header(bytes, edition);
    piece.error = Some(word.to_owned());
    piece.error_zh = Some(in_chinese(word).to_owned());
    piece.notes.push(note);
    piece.notes.extend(hint::of_broken(bytes));
    piece
}

fn in_chinese(word: &str) -> &'static str {
    match word {
        "checksum" => "校验码错",
        "end byte" => "结束符错",
        "length" => "数据长度错",
        _ => "帧不完整",
    }
}

fn stated_length(rest: &[u8]) -> u8 {
    rest.get(9).copied().unwrap_or_default()
}

fn cut_note(missing: usize, exact: bool) -> Note {
    let bytes = if missing == 1 { "byte" } else { "bytes" };
    if exact {
        Note::new(format!("cut short by {missing} {bytes}"), format!("缺少{missing}字节"))
    } else {
        Note::new(format!("cut short by at least {missing} {bytes}"), format!("至少缺少{missing}字节"))
    }
}

/// The data length with which checksum and end byte would stand where they should; the checksum may have been made
/// with the length byte as it is or as it should be.
fn fitting_length(rest: &[u8]) -> Option<usize> {
    if rest.get(7) != Some(&START) {
        return None;
    }
    let mut sum = checksum(rest.get(..10)?);
    for length in 0..=MAX_DATA {
        let [have, end] = *rest.get(10 + length..OVERHEAD + length)?.first_chunk::<2>()?;
        let mended = u8::try_from(length).ok()?.wrapping_sub(stated_length(rest));
        if end == END && (have == sum || have == sum.wrapping_add(mended)) {
            return Some(length);
        }
        sum = sum.wrapping_add(have);
    }
    None
}
