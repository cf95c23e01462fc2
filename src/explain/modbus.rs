//! Frames of Modbus among other bytes, on a bus (RTU) and over TCP.
//!
//! They begin with nothing that marks them. So on a bus one is told by its form and its check, over TCP only where all of a
//! stretch is such frames. Where the same bytes are a frame of another kind too, that is said. One whose check is wrong is told
//! when it is all there is.

mod body;
mod form;
mod names;

use std::ops::Range;

use dlt645::explain::{self as meter, Note as MeterNote, Piece};
use gdw1376::explain::{FramePiece, Note};

use self::body::{Asked, FrameBytes, explained};
use self::form::{Form, on_a_bus, over_tcp};
use super::{Found, Terminal, moved};
use crate::config::Framing;

/// What a frame on a bus is called.
pub(super) const RTU: &str = "modbus-rtu";
/// What one over TCP is called.
pub(super) const TCP: &str = "modbus-tcp";

/// Finds the frames of Modbus in what is no frame of another protocol.
pub(super) fn among(bytes: &[u8], mut found: Vec<Found>) -> Vec<Found> {
    let is_sound = |found: &Found| match found {
        Found::Meter(Piece::Frame(frame), _) => frame.ok,
        Found::Meter(Piece::Garbage(_), _) => false,
        Found::Terminal(terminal) => terminal.piece.ok,
    };
    if let Some(whole) = whole(bytes) {
        if !found.iter().any(is_sound) {
            return whole;
        }
        if let Some(first) = found.first_mut() {
            remark(first, &whole);
        }
        return found;
    }
    let is_alone = found.len() == 1;
    let opened = found.into_iter().flat_map(|found| match found {
        Found::Meter(Piece::Garbage(garbage), places) => {
            let span = garbage.offset..garbage.offset + garbage.length;
            let stretch = bytes.get(span.clone()).unwrap_or_default();
            let inner = in_stretch(stretch, span.start);
            let inner = inner.or_else(|| is_alone.then(|| unsound(stretch)).flatten());
            inner.unwrap_or_else(|| vec![Found::Meter(Piece::Garbage(garbage), places)])
        }
        other => vec![other],
    });
    opened.collect()
}

/// Frames of Modbus, where the bytes are nothing else.
pub(super) fn whole(bytes: &[u8]) -> Option<Vec<Found>> {
    let rtu = row(bytes, on_a_bus).map(|row| told(bytes, 0, Framing::Bus, &row));
    let tcp = row(bytes, over_tcp).map(|row| told(bytes, 0, Framing::ModbusTcp, &row));
    match (rtu, tcp) {
        (Some(mut rtu), Some(tcp)) => {
            if let Some(first) = rtu.first_mut() {
                remark(first, &tcp);
            }
            Some(rtu)
        }
        (rtu, tcp) => rtu.or(tcp),
    }
}

/// A frame, and where it stands.
type Standing = (Range<usize>, Form);

/// Frames one behind the other, from front to end.
fn row(bytes: &[u8], front: impl Fn(&[u8]) -> Option<(usize, Form)>) -> Option<Vec<Standing>> {
    let (mut frames, mut at) = (Vec::new(), 0);
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let (length, form) = front(rest)?;
        frames.push((at..at + length, form));
        at += length;
    }
    (!frames.is_empty()).then_some(frames)
}

/// The frames in bytes that are no frame of another protocol, and what stands between them.
fn in_stretch(stretch: &[u8], offset: usize) -> Option<Vec<Found>> {
    if let Some(row) = row(stretch, over_tcp) {
        return Some(told(stretch, offset, Framing::ModbusTcp, &row));
    }
    let mut frames: Vec<Standing> = Vec::new();
    let mut at = 0;
    while let Some(rest) = stretch.get(at..).filter(|rest| !rest.is_empty()) {
        match on_a_bus(rest) {
            Some((length, form)) => {
                frames.push((at..at + length, form));
                at += length;
            }
            None => at += 1,
        }
    }
    if frames.is_empty() {
        return None;
    }
    let mut found = Vec::new();
    let mut from = 0;
    let between = |found: &mut Vec<Found>, span: Range<usize>| {
        let begin = span.start + offset;
        let pieces = meter::pieces(stretch.get(span).unwrap_or_default(), None).into_iter();
        found.extend(pieces.map(|piece| Found::Meter(moved(piece, begin), Vec::new())));
    };
    let spans: Vec<Range<usize>> = frames.iter().map(|(span, _)| span.clone()).collect();
    for (one, span) in told(stretch, offset, Framing::Bus, &frames).into_iter().zip(spans) {
        between(&mut found, from..span.start);
        from = span.end;
        found.push(one);
    }
    between(&mut found, from..stretch.len());
    Some(found)
}

/// All of the bytes as one frame that is not sound: its check is wrong, or it is cut short.
fn unsound(bytes: &[u8]) -> Option<Vec<Found>> {
    let (framing, form) = form::wrong_check(bytes)
        .map(|form| (Framing::Bus, form))
        .or_else(|| form::cut_short(bytes).map(|form| (Framing::ModbusTcp, form)))?;
    Some(told(bytes, 0, framing, &[(0..bytes.len(), form)]))
}

/// Frames explained, each answer by the question before it.
fn told(bytes: &[u8], offset: usize, framing: Framing, frames: &[Standing]) -> Vec<Found> {
    let mut asked: Option<Asked> = None;
    let tell = |(span, form): &Standing| {
        let frame = FrameBytes { framing, bytes: bytes.get(span.clone()).unwrap_or_default(), form: *form };
        let (piece, question) = explained(&frame, asked.as_ref());
        asked = question;
        let piece = FramePiece { offset: offset + span.start, ..piece };
        Found::Terminal(Box::new(Terminal { piece, covered: Vec::new(), carried: Vec::new() }))
    };
    frames.iter().map(tell).collect()
}

/// Says of a piece that the bytes may be something else.
fn remark(found: &mut Found, others: &[Found]) {
    let Some(Found::Terminal(other)) = others.first() else { return };
    let FramePiece { protocol, address, function, function_zh, .. } = &other.piece;
    let unit = address.as_deref().unwrap_or_default();
    let en = format!(
        "could as well be {protocol}, unit {unit}, {}: the bytes do not tell",
        function.as_deref().unwrap_or_default()
    );
    let zh = format!(
        "也可能是 {protocol}，单元 {unit}，{}：仅凭字节无法区分",
        function_zh.as_deref().unwrap_or_default()
    );
    match found {
        Found::Meter(Piece::Frame(frame), _) => frame.notes.push(MeterNote { en, zh }),
        Found::Meter(Piece::Garbage(garbage), _) => garbage.notes.push(MeterNote { en, zh }),
        Found::Terminal(terminal) => terminal.piece.notes.push(Note { en, zh }),
    }
}

/// Whether a protocol is one of Modbus, whose head has other names than that of a terminal's frame.
pub(crate) fn is_modbus(protocol: &str) -> bool {
    matches!(protocol, RTU | TCP)
}

#[cfg(test)]
mod tests;
