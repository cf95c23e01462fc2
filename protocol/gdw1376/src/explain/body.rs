//! A frame whose bytes fit together, line by line.

use super::{FramePiece, Line, Note, head, hex, unit};
use crate::frame::{Frame, LengthCode};
use crate::message::Message;

/// Where the data units begin.
const UNITS_AT: usize = 14;

/// Explains a frame; `bytes` are its own.
pub(super) fn sound(frame: &Frame<'_>, bytes: &[u8]) -> FramePiece {
    let mut lines = head::lines(frame);
    let mut notes = Vec::new();
    match Message::of(frame) {
        Ok(message) => {
            unit::lines(&message, UNITS_AT, &mut lines, &mut notes);
            lines.extend(head::auxiliary_lines(&message.auxiliary, UNITS_AT + message.units.len()));
        }
        Err(error) => {
            if !frame.body.is_empty() {
                lines.push(Line::new(UNITS_AT, frame.body.len(), "bytes", "字节").value(hex(frame.body)));
            }
            notes.push(Note::new(error.to_string(), "帧太短,附加信息域不完整"));
        }
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
    let names = frame.afn.names();
    FramePiece {
        protocol: if frame.code == LengthCode::GDW_130 { "gdw130" } else { "gdw1376" },
        direction: Some(if frame.control.is_uplink() { "response" } else { "request" }),
        address: Some(frame.address.terminal.to_string()),
        control: Some(frame.control.to_string()),
        function: names.map(|(en, _)| en.to_owned()),
        function_zh: names.map(|(_, zh)| zh.to_owned()),
        ok: true,
        is_part: !(frame.seq.is_first() || frame.seq.is_last())
            || frame.seq.is_first() != frame.seq.is_last(),
        sequence: Some(frame.seq.number()),
        lines,
        notes,
        bytes: bytes.to_vec(),
        ..FramePiece::default()
    }
}
