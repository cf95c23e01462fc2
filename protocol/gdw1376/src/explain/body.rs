//! A frame whose bytes fit together, line by line.

use core::ops::Range;

use super::{FramePiece, Line, Note, head, hex, inner, parts, unit};
use crate::afn::Afn;
use crate::frame::Frame;

/// Where the data units begin.
const UNITS_AT: usize = 14;

/// Explains a frame; `bytes` are its own.
pub(super) fn sound(frame: &Frame<'_>, bytes: &[u8]) -> FramePiece {
    let mut lines = head::lines(frame);
    let mut notes = Vec::new();
    let (message, deviation) = parts::message(frame);
    notes.extend(deviation);
    let is_read = match message {
        Ok(message) => {
            let is_read = unit::lines(&message, UNITS_AT, &mut lines, &mut notes);
            let is_carrying = !is_read && frame.afn >= Afn::FORWARD;
            let is_read = is_read
                || is_carrying
                    && inner::shown(message.units, UNITS_AT, &mut lines, |place| opaque(bytes, place));
            lines.extend(head::auxiliary_lines(&message.auxiliary, UNITS_AT + message.units.len()));
            is_read
        }
        Err(error) => {
            if !frame.body.is_empty() {
                lines.push(Line::new(UNITS_AT, frame.body.len(), "bytes", "字节").value(hex(frame.body)));
            }
            notes.push(Note::new(error.to_string(), "帧太短,附加信息域不完整"));
            false
        }
    };
    if !is_read && frame.afn >= Afn::FORWARD {
        inner::shown(frame.body, UNITS_AT, &mut lines, |place| opaque(bytes, place));
    }
    let end = UNITS_AT + frame.body.len();
    let sum = bytes.get(end).copied().unwrap_or_default();
    lines.push(Line::new(end, 1, "checksum", "校验和CS").value(format_args!("{sum:02X}")));
    lines.push(Line::new(end + 1, 1, "end", "结束符"));
    if !frame.code.is_standard() {
        notes.push(Note::new(
            format!("length code {:02b} is no edition's", frame.code.bits()),
            format!("协议标识{:02b}不属于任何版本", frame.code.bits()),
        ));
    }
    notes.extend(parts::edition_note(frame.code));
    notes.extend(parts::wide_address_note(frame));
    FramePiece { ok: true, lines, notes, bytes: bytes.to_vec(), ..headed(frame) }
}

/// What the head of a frame says.
pub(super) fn headed(frame: &Frame<'_>) -> FramePiece {
    let names = frame.afn.names();
    FramePiece {
        protocol: "gdw1376",
        length_code: Some(frame.code.bits()),
        direction: Some(if frame.control.is_uplink() { "response" } else { "request" }),
        address: Some(frame.address.terminal.to_string()),
        control: Some(frame.control.to_string()),
        function: names.map(|(en, _)| en.to_owned()),
        function_zh: names.map(|(_, zh)| zh.to_owned()),
        is_part: !(frame.seq.is_first() || frame.seq.is_last())
            || frame.seq.is_first() != frame.seq.is_last(),
        sequence: Some(frame.seq.number()),
        ..FramePiece::default()
    }
}

/// Bytes whose meaning is not known.
fn opaque(bytes: &[u8], place: Range<usize>) -> Line {
    let line = Line::new(place.start, place.len(), "not taken apart", "未解析").at_level(1);
    line.value(hex(bytes.get(place).unwrap_or_default()))
}
