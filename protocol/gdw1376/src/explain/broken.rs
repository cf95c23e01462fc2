//! What was meant to be a frame and is none: why, and how far it reaches.

use super::{FramePiece, Line, Note, body, hex};
use crate::frame::{END, Fault, Frame, LengthCode, MAX_COUNTED, MIN_COUNTED, OVERHEAD, checksum};

/// Explains a start whose lengths agree, as far as it goes.
pub(super) fn of(rest: &[u8], fault: Fault) -> FramePiece {
    let stated = rest.first_chunk::<3>().map(|[_, low, high]| u16::from_le_bytes([*low, *high]));
    let reach = stated.map_or(rest.len(), |length| usize::from(length >> 2) + OVERHEAD).min(rest.len());
    // A whole frame inside ends this one: it was cut off.
    let inner = (1..reach).find(|begin| rest.get(*begin..).is_some_and(|inner| Frame::parse(inner).is_ok()));
    if let Some(begin) = inner {
        let note = Note::new("cut short: another frame begins inside", "帧不完整:其中又出现一个完整帧");
        return cut(rest.get(..begin).unwrap_or(rest), "truncated", note);
    }
    match fault {
        Fault::Checksum { found, expected } => {
            let note = Note::new(
                format!("checksum is {found:02X}, should be {expected:02X}"),
                format!("校验和为{found:02X},应为{expected:02X}"),
            );
            mended(rest.get(..reach).unwrap_or(rest), note)
        }
        _ => match (without_code(rest, stated), fitting_length(rest)) {
            (Some(length), _) => {
                let note = Note::new(
                    "the length counts the bytes without the two protocol bits below",
                    "长度域未包含低两位协议标识",
                );
                cut(rest.get(..length).unwrap_or(rest), "length", note)
            }
            (None, Some(counted)) => {
                let stated = stated.map_or(0, |length| length >> 2);
                let note = Note::new(
                    format!("the length says {stated} bytes, but the frame ends as if it were {counted}"),
                    format!("长度域为{stated}字节,按结束位置应为{counted}字节"),
                );
                cut(rest.get(..counted + OVERHEAD).unwrap_or(rest), "length", note)
            }
            (None, None) => cut(rest.get(..reach).unwrap_or(rest), kind(fault), told(fault)),
        },
    }
}

fn kind(fault: Fault) -> &'static str {
    match fault {
        Fault::Truncated { .. } => "truncated",
        Fault::EndByte { .. } => "end byte",
        Fault::Checksum { .. } => "checksum",
        Fault::TooShort { .. } | Fault::TooLong { .. } | Fault::NoStart | Fault::LengthsDiffer { .. } => {
            "length"
        }
    }
}

fn told(fault: Fault) -> Note {
    let zh = match fault {
        Fault::Truncated { missing } => format!("帧不完整,至少缺{missing}字节"),
        Fault::EndByte { found } => format!("结束符为{found:02X},应为16"),
        Fault::TooShort { counted } => format!("长度域为{counted}字节,至少应为{MIN_COUNTED}字节"),
        Fault::TooLong { counted, limit } => format!("长度域为{counted}字节,最多{limit}字节"),
        Fault::Checksum { .. } | Fault::NoStart | Fault::LengthsDiffer { .. } => "不是有效帧".to_owned(),
    };
    Note::new(fault.to_string(), zh)
}

/// A frame whose checksum alone is wrong says everything else as it stands.
fn mended(bytes: &[u8], note: Note) -> FramePiece {
    let mut mended = bytes.to_vec();
    let sum = checksum(bytes.get(6..bytes.len().saturating_sub(2)).unwrap_or_default());
    if let Some(byte) = mended.iter_mut().nth_back(1) {
        *byte = sum;
    }
    let Ok((frame, _)) = Frame::split(&mended, MAX_COUNTED) else { return cut(bytes, "checksum", note) };
    let mut piece = body::sound(&frame, bytes);
    if let Some(line) = piece.lines.iter_mut().nth_back(1) {
        (line.meaning, line.meaning_zh) = (note.en.clone(), note.zh.clone());
    }
    FramePiece {
        ok: false,
        error_kind: Some("checksum"),
        error: Some(note.en),
        error_zh: Some(note.zh),
        bytes: bytes.to_vec(),
        ..piece
    }
}

/// A frame whose parts cannot be trusted: its bytes in one line.
fn cut(bytes: &[u8], kind: &'static str, note: Note) -> FramePiece {
    let code = bytes.get(1).map(|low| LengthCode::of(*low));
    let line = Line::new(0, bytes.len(), "bytes", "字节").value(hex(bytes));
    FramePiece {
        protocol: if code == Some(LengthCode::GDW_130) { "gdw130" } else { "gdw1376" },
        ok: false,
        lines: vec![line.meaning(note.en.clone(), note.zh.clone())],
        error_kind: Some(kind),
        error: Some(note.en),
        error_zh: Some(note.zh),
        bytes: bytes.to_vec(),
        ..FramePiece::default()
    }
}

/// The length on the wire, when the length field counts bytes plainly.
fn without_code(rest: &[u8], stated: Option<u16>) -> Option<usize> {
    let counted = usize::from(stated?);
    ends_at(rest, counted).then_some(counted + OVERHEAD)
}

/// The fewest counted bytes behind which checksum and end byte stand.
fn fitting_length(rest: &[u8]) -> Option<usize> {
    let user = rest.get(6..).unwrap_or_default();
    let mut sum = 0_u8;
    for (counted, pair) in user.windows(2).enumerate().take(MAX_COUNTED + 1) {
        let [byte, next] = *pair else { return None };
        if counted >= MIN_COUNTED && byte == sum && next == END {
            return Some(counted);
        }
        sum = sum.wrapping_add(byte);
    }
    None
}

fn ends_at(rest: &[u8], counted: usize) -> bool {
    let user = rest.get(6..).and_then(|behind| behind.split_at_checked(counted));
    match user {
        Some((user, [sum, END, ..])) => counted >= MIN_COUNTED && checksum(user) == *sum,
        _ => false,
    }
}
