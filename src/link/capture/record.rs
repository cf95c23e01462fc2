//! One line of a capture.

use dlt645::explain::{self, FramePiece, Piece};
use serde::Serialize;

use crate::domain::Moment;
use crate::link::Direction;
use crate::link::mask;
use crate::link::modbus::{RegisterFrame, register_frames};

#[derive(Serialize)]
struct Record<'a> {
    at: String,
    /// When its first byte came, where that was before.
    #[serde(skip_serializing_if = "Option::is_none")]
    began_at: Option<String>,
    line: &'a str,
    direction: &'static str,
    /// `frame`, `bad frame`, `modbus` or `noise`.
    kind: &'static str,
    length: usize,
    /// `None` where the bytes may hold a part of a password.
    hex: Option<String>,
    /// How many wake-up bytes stood in front.
    #[serde(skip_serializing_if = "Option::is_none")]
    preamble: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    control: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    di: Option<&'a str>,
    /// What is wrong with a bad frame, or why the meter refuses.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

/// The records of bytes that passed, and whether they held a password. With `hides`, bytes of no sound frame are told by
/// their length alone.
pub(super) fn records(
    line: &str,
    began_at: Moment,
    at: Moment,
    direction: Direction,
    bytes: &[u8],
    hides: bool,
) -> (Vec<String>, bool) {
    if let Some(frames) = register_frames(bytes) {
        return (
            frames.iter().map(|frame| of_modbus(line, (began_at, at), direction, bytes, frame)).collect(),
            false,
        );
    }
    let pieces = explain::pieces(bytes, None);
    let secrets = mask::secrets(bytes, &pieces);
    let record = |piece: &Piece| {
        let (offset, length, frame) = match piece {
            Piece::Frame(frame) => (frame.offset, frame.length, Some(&**frame)),
            Piece::Garbage(garbage) => (garbage.offset, garbage.length, None),
        };
        let is_sound = frame.is_some_and(|frame| frame.ok);
        let here: Vec<_> = secrets
            .iter()
            .filter(|place| place.start >= offset && place.start < offset + length)
            .map(|place| place.start - offset..place.end - offset)
            .collect();
        let piece = bytes.get(offset..(offset + length).min(bytes.len())).unwrap_or_default();
        let text = |of: fn(&FramePiece) -> Option<&str>| frame.and_then(of);
        let record = Record {
            at: at.to_string(),
            began_at: (began_at != at).then(|| began_at.to_string()),
            line,
            direction: direction.name(),
            kind: match frame {
                Some(frame) if frame.ok => "frame",
                Some(_) => "bad frame",
                None => "noise",
            },
            length,
            hex: (is_sound || !hides).then(|| mask::hex_without(piece, &here)),
            preamble: frame.map(|frame| frame.preamble),
            address: text(|frame| frame.address.as_deref()),
            control: text(|frame| frame.control.as_deref()),
            di: text(|frame| frame.di.as_deref()),
            error: text(|frame| frame.error.as_deref()),
        };
        // It has no keys but text: it can always be written.
        serde_json::to_string(&record).unwrap_or_default()
    };
    (pieces.iter().map(record).collect(), !secrets.is_empty())
}

/// The record of a frame of Modbus, which never holds a password.
fn of_modbus(
    line: &str,
    (began_at, at): (Moment, Moment),
    direction: Direction,
    bytes: &[u8],
    frame: &RegisterFrame,
) -> String {
    let (unit, function) = (format!("{:03}", frame.unit), format!("{:02X}", frame.function));
    let refusal = frame.refusal.map(|code| format!("exception {code:02X}"));
    let record = Record {
        at: at.to_string(),
        began_at: (began_at != at).then(|| began_at.to_string()),
        line,
        direction: direction.name(),
        kind: "modbus",
        length: frame.span.len(),
        hex: Some(mask::hex_without(bytes.get(frame.span.clone()).unwrap_or_default(), &[])),
        preamble: None,
        address: Some(&unit),
        control: Some(&function),
        di: None,
        error: refusal.as_deref(),
    };
    // It has no keys but text: it can always be written.
    serde_json::to_string(&record).unwrap_or_default()
}
