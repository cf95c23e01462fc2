//! Cuts bytes into frames of all protocols, broken frames and garbage.
//!
//! Every protocol but Modbus begins with 68H. A frame is told by all that makes it one: lengths, checks and end byte. What is
//! inside a frame is never listed beside it; frames for meters are explained where they are carried, their passwords covered.
//! What is no such frame may be one of Modbus (`modbus`). The command line and the pages show what is found here.

pub(crate) mod cover;
mod dictionary;
mod modbus;

pub(crate) use self::modbus::is_modbus;
pub(crate) use crate::link::{RegisterFrame, register_frames};

use std::ops::Range;

use dlt645::edition::Edition;
use dlt645::explain::{self as meter, GarbagePiece, Piece};
use dlt645::frame::WireFrame;
use gdw1376::explain::{self as terminal, FramePiece};
use gdw1376::frame::{START, WAKE_UP, checksum};

/// A stretch of the bytes.
pub(crate) enum Found {
    /// A frame of DL/T 645, or bytes of no frame; the places of a frame's bytes that are not shown.
    Meter(Piece, Vec<Range<usize>>),
    /// A frame of a terminal, of DL/T 698.45 or of Modbus.
    Terminal(Box<Terminal>),
}

/// A frame shown line by line.
pub(crate) struct Terminal {
    pub(crate) piece: FramePiece,
    /// The places of its bytes that are not shown.
    pub(crate) covered: Vec<Range<usize>>,
    /// What lines carry for a meter, with the number of the line.
    pub(crate) carried: Vec<(usize, Vec<Found>)>,
}

/// Explains `bytes` from front to end. Every byte is in one piece, or a wake-up byte right in front of a frame.
pub(crate) fn pieces(bytes: &[u8], edition: Option<Edition>) -> Vec<Found> {
    let accepts = |_: &FramePiece| true;
    let found = between(bytes, &frames(bytes, accepts), |stretch, offset, found| {
        let pieces = meter::pieces(stretch, edition).into_iter().map(strays);
        found.extend(pieces.map(|piece| Found::Meter(moved(piece, offset), Vec::new())));
    })
    .into_iter()
    .map(|found| match found {
        Found::Terminal(terminal) => Found::Terminal(Box::new(opened(*terminal, edition))),
        found @ Found::Meter(..) => found,
    })
    .collect();
    modbus::among(bytes, found)
}

/// True where a whole frame is among the bytes.
pub(crate) fn has_frame(bytes: &[u8]) -> bool {
    frames(bytes, |piece| piece.ok).iter().any(|piece| piece.ok)
        || dlt645::decoder::Decoder::new().next_frame(&mut &*bytes).is_some()
        || modbus::whole(bytes).is_some()
}

/// What is carried for a meter at `offset` of all bytes, passwords covered.
fn carried(bytes: &[u8], offset: usize, edition: Option<Edition>) -> Vec<Found> {
    let others = frames(bytes, |piece| piece.protocol == DLT698);
    let mut found = between(bytes, &others, |stretch, at, found| {
        let pieces = meter::pieces(stretch, edition);
        for mut piece in pieces {
            let places = cover::meter(&mut piece);
            found.push(Found::Meter(moved(piece, at), places));
        }
    });
    for one in &mut found {
        match one {
            Found::Meter(piece, _) => *piece = moved(piece.clone(), offset),
            Found::Terminal(terminal) => terminal.piece.offset += offset,
        }
    }
    found
}

/// Covers what is secret in a terminal's frame, and explains what it carries.
fn opened(terminal: Terminal, edition: Option<Edition>) -> Terminal {
    let mut piece = terminal.piece;
    dictionary::name(&mut piece);
    let offset = piece.offset;
    let spans: Vec<(usize, Range<usize>)> = (0..)
        .zip(&piece.lines)
        .filter(|(_, line)| line.is_meter_frame)
        .map(|(place, line)| (place, line.offset..line.offset + line.length))
        .collect();
    let carried = spans.into_iter().map(|(place, span)| {
        let begin = span.start;
        (place, carried(piece.bytes.get(span).unwrap_or_default(), offset + begin, edition))
    });
    let carried: Vec<(usize, Vec<Found>)> = carried.collect();
    let inner = carried.iter().flat_map(|(_, found)| found).filter_map(|found| match found {
        Found::Meter(Piece::Frame(frame), places) => Some((frame.offset - offset, places)),
        _ => None,
    });
    let inner: Vec<Range<usize>> = inner
        .flat_map(|(at, places)| places.iter().map(move |place| place.start + at..place.end + at))
        .collect();
    let covered = cover::terminal(&mut piece, inner);
    Terminal { piece, covered, carried }
}

/// Frames with their places, and what `explain` finds before, between and behind them.
fn between(
    bytes: &[u8],
    frames: &[FramePiece],
    explain: impl Fn(&[u8], usize, &mut Vec<Found>),
) -> Vec<Found> {
    let mut found = Vec::new();
    let mut from = 0;
    for frame in frames {
        let stretch = bytes.get(from..frame.offset - frame.preamble).unwrap_or_default();
        explain(stretch, from, &mut found);
        from = frame.offset + frame.length;
        let terminal = Terminal { piece: frame.clone(), covered: Vec::new(), carried: Vec::new() };
        found.push(Found::Terminal(Box::new(terminal)));
    }
    explain(bytes.get(from..).unwrap_or_default(), from, &mut found);
    found
}

/// The frames of terminals and of DL/T 698.45 that are accepted, sound or not, in order. Where a frame of DL/T 645 stands,
/// nothing inside it is looked at.
fn frames(bytes: &[u8], accepts: impl Fn(&FramePiece) -> bool) -> Vec<FramePiece> {
    let mut frames = Vec::new();
    let (mut at, mut free_from) = (0, 0);
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.first() != Some(&START) {
            at += 1;
            continue;
        }
        let (length, frame) = match (terminal::front(rest), WireFrame::parse(rest)) {
            (Some(frame), _) if frame.ok && frame.protocol != DLT698 => (frame.length, Some(frame)),
            (_, Ok(wire)) => (wire.bytes().len(), None),
            (Some(frame), _) if frame.ok => (frame.length, Some(frame)),
            (Some(frame), _) => match within_limits(rest, frame) {
                Some(frame) => (frame.length, Some(frame)),
                None => (1, None),
            },
            (None, _) => (1, None),
        };
        if let Some(frame) = frame.filter(&accepts) {
            let front = bytes.get(free_from..at).unwrap_or_default();
            let preamble = front.iter().rev().take_while(|byte| **byte == WAKE_UP).count();
            frames.push(FramePiece { offset: at, preamble, ..frame });
            free_from = at + length;
        } else if length > 1 {
            free_from = at + length;
        }
        at += length.max(1);
    }
    frames
}

/// A broken frame that reaches no further than to a whole frame of another protocol, unless its own end is there.
fn within_limits(rest: &[u8], frame: FramePiece) -> Option<FramePiece> {
    let is_checked = match frame.bytes.get(HEAD..) {
        Some([user @ .., sum, _]) => checksum(user) == *sum,
        _ => false,
    };
    // The other protocol has told already where a frame begins inside.
    let is_settled = frame.protocol == DLT698 && frame.error_kind == Some("end byte");
    if is_checked || is_settled || frame.error_kind == Some("checksum") {
        return Some(frame);
    }
    let inner = (1..frame.length).find(|begin| {
        let inner = rest.get(*begin..).unwrap_or_default();
        inner.first() == Some(&START)
            && (WireFrame::parse(inner).is_ok() || gdw1376::dlt698::Frame::parse(inner).is_ok())
    });
    match inner {
        Some(begin) if begin < HEAD => None,
        Some(begin) => terminal::front(rest.get(..begin)?),
        None => Some(frame),
    }
}

/// Start bytes with nothing behind them are no frame that was cut off.
fn strays(piece: Piece) -> Piece {
    match piece {
        Piece::Frame(frame) if !frame.ok && frame.bytes.iter().all(|byte| *byte == START) => {
            let garbage = "68".repeat(frame.bytes.len());
            // Wake-up bytes in front of them are rubbish, too.
            let front = "fe".repeat(frame.preamble);
            Piece::Garbage(GarbagePiece {
                protocol: None,
                offset: frame.offset - frame.preamble,
                length: frame.preamble + frame.bytes.len(),
                garbage: front + &garbage,
                notes: Vec::new(),
            })
        }
        piece => piece,
    }
}

fn moved(piece: Piece, by: usize) -> Piece {
    match piece {
        Piece::Frame(mut frame) => {
            frame.offset += by;
            Piece::Frame(frame)
        }
        Piece::Garbage(mut garbage) => {
            garbage.offset += by;
            Piece::Garbage(garbage)
        }
    }
}

/// What frames of DL/T 698.45 are called.
const DLT698: &str = "dlt698.45";
/// From the first 68H to the second of a terminal's frame.
const HEAD: usize = 6;

#[cfg(test)]
mod tests;
