//! What was meant to be a frame and is none: why, and how far it reaches.

use super::{FramePiece, Line, Note, body, head, hex};
use crate::address::AddressField;
use crate::afn::Afn;
use crate::control::Control;
use crate::frame::{END, Fault, Frame, LengthCode, MAX_COUNTED, MIN_COUNTED, OVERHEAD, checksum};
use crate::seq::Seq;

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
    let whole = rest.get(..reach).unwrap_or(rest);
    match fault {
        Fault::Checksum { found, expected } => {
            let note = Note::new(
                format!("checksum is {found:02X}, should be {expected:02X}"),
                format!("校验和为{found:02X},应为{expected:02X}"),
            );
            mended(whole, "checksum", note)
        }
        _ => match (without_code(rest, stated), fitting_length(rest)) {
            (Some(length), _) => {
                let note = Note::new(
                    "the length counts the bytes without the two protocol bits below",
                    "长度域未包含低两位协议标识",
                );
                mended(rest.get(..length).unwrap_or(rest), "length", note)
            }
            (None, Some(counted)) => {
                let stated = stated.map_or(0, |length| length >> 2);
                let note = Note::new(
                    format!("the length says {stated} bytes, but the frame ends as if it were {counted}"),
                    format!("长度域为{stated}字节,按结束位置应为{counted}字节"),
                );
                mended(rest.get(..counted + OVERHEAD).unwrap_or(rest), "length", note)
            }
            // Only the end byte is wrong: the sum in front of it fits.
            (None, None) if matches!(fault, Fault::EndByte { .. }) && sum_fits(whole) => {
                mended(whole, "end byte", told(fault))
            }
            (None, None) => cut(whole, kind(fault), told(fault)),
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

/// A frame in which one thing alone is wrong says everything else as it stands.
fn mended(bytes: &[u8], kind: &'static str, note: Note) -> FramePiece {
    let mut mended = bytes.to_vec();
    let code = LengthCode::of(bytes.get(1).copied().unwrap_or_default());
    let counted = bytes.len().saturating_sub(OVERHEAD);
    let [low, high] = u16::try_from(counted << 2).unwrap_or_default().to_le_bytes();
    let low = low | code.bits();
    let length = [low, high, low, high];
    let sum = checksum(bytes.get(HEAD..bytes.len().saturating_sub(2)).unwrap_or_default());
    // What is right stays what it is.
    mended.iter_mut().skip(1).zip(length).for_each(|(byte, to)| *byte = to);
    mended.iter_mut().rev().zip([END, sum]).for_each(|(byte, to)| *byte = to);
    let Ok((frame, _)) = Frame::split(&mended, MAX_COUNTED) else { return cut(bytes, kind, note) };
    let piece = body::sound(&frame, bytes);
    let meant = |mut line: Line| {
        let is_wrong = match kind {
            "checksum" => line.name == "checksum",
            "end byte" => line.name == "end",
            _ => line.name == "length" && line.level == 0,
        };
        if is_wrong {
            if kind == "length" {
                line.value = stated_at(bytes, line.offset).map(|stated| (stated >> 2).to_string());
            }
            (line.meaning, line.meaning_zh) = (note.en.clone(), note.zh.clone());
        }
        line
    };
    let lines = piece.lines.into_iter().map(meant).collect();
    wrong(FramePiece { lines, ..piece }, kind, note)
}

/// A frame whose parts cannot be trusted: its head, as far as it is there, and its bytes in one line.
fn cut(bytes: &[u8], kind: &'static str, note: Note) -> FramePiece {
    let head = bytes.first_chunk::<UNITS_AT>().and_then(|head| {
        let [_, a, _, _, _, _, control, address @ .., afn, seq] = *head;
        let body = bytes.get(UNITS_AT..)?;
        let (control, address) = (Control(control), AddressField::from_wire(address));
        Some(Frame { code: LengthCode::of(a), control, address, afn: Afn(afn), seq: Seq(seq), body })
    });
    let (mut piece, rest) = match &head {
        Some(frame) => {
            let counted = usize::from(stated_at(bytes, 1).unwrap_or_default() >> 2);
            let lines = head::counting(frame, counted);
            (FramePiece { lines, bytes: bytes.to_vec(), ..body::headed(frame) }, UNITS_AT)
        }
        None => {
            let length_code = bytes.get(1).map(|low| LengthCode::of(*low).bits());
            (
                FramePiece {
                    protocol: "gdw1376",
                    length_code,
                    bytes: bytes.to_vec(),
                    ..FramePiece::default()
                },
                0,
            )
        }
    };
    let opaque = bytes.get(rest..).unwrap_or_default();
    if !opaque.is_empty() {
        let line = Line::new(rest, opaque.len(), "bytes", "字节").value(hex(opaque));
        piece.lines.push(line.meaning(note.en.clone(), note.zh.clone()));
    }
    wrong(piece, kind, note)
}

fn wrong(piece: FramePiece, kind: &'static str, note: Note) -> FramePiece {
    FramePiece { ok: false, error_kind: Some(kind), error: Some(note.en), error_zh: Some(note.zh), ..piece }
}

fn stated_at(bytes: &[u8], offset: usize) -> Option<u16> {
    bytes.get(offset..)?.first_chunk().map(|length| u16::from_le_bytes(*length))
}

/// True when the second last byte is the sum of what is in front of it.
fn sum_fits(bytes: &[u8]) -> bool {
    match bytes.get(HEAD..) {
        Some([user @ .., sum, _]) => checksum(user) == *sum,
        _ => false,
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

/// From the first 68H to the second.
const HEAD: usize = 6;
/// From the first 68H to SEQ.
const UNITS_AT: usize = 14;
