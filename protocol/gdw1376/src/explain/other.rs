//! Frames of DL/T 698.45, sound and not, named as far as the frame goes. [1376 11]

use core::ops::Range;

use super::{FramePiece, Line, Note, hex, inner};
use crate::dlt698::{AddressKind, Fault, Frame, Head, Service};
use crate::frame;

/// The frame of the other protocol at the front of `rest`, or what was meant to be one: one of its two checks fits.
pub(super) fn of(rest: &[u8]) -> Option<FramePiece> {
    let fault = match Frame::split(rest) {
        Ok((frame, length)) => {
            let bytes = rest.get(..length)?;
            return Some(FramePiece { ok: true, ..piece(&frame, bytes) });
        }
        Err(fault) => fault,
    };
    let head = Head::parse(rest).filter(is_plausible)?;
    let zh = told_zh(fault);
    let note = Note::new(fault.to_string(), zh);
    let whole = head.whole(rest).filter(|_| head.is_checked || fits(&head, rest));
    let reach = head.counted.map_or(rest.len(), |counted| counted + 2).min(rest.len());
    match (fault, whole) {
        (Fault::HeadCheck { .. } | Fault::FrameCheck { .. }, Some((frame, ..))) => {
            let at = if head.is_checked { reach - 3 } else { head.link_at - 2 };
            let piece = piece(&frame, rest.get(..reach)?);
            Some(wrong(FramePiece { error_offset: Some(at), ..piece }, "checksum", note))
        }
        (Fault::EndByte { .. }, Some((frame, is_sound, _)))
            if is_sound || begin_inside(rest, reach).is_none() =>
        {
            Some(wrong(piece(&frame, rest.get(..reach)?), "end byte", note))
        }
        (Fault::Truncated { .. } | Fault::EndByte { .. } | Fault::Unit { .. }, _) if head.is_checked => {
            let reach = begin_inside(rest, reach).unwrap_or(reach);
            if reach < head.link_at {
                return None;
            }
            let kind = if matches!(fault, Fault::Unit { .. }) { "length" } else { "truncated" };
            let note = match fault {
                Fault::EndByte { .. } => {
                    Note::new("cut short: another frame begins inside", "帧不完整:其中又出现一个完整帧")
                }
                _ => note,
            };
            Some(wrong(cut(&head, rest.get(..reach)?), kind, note))
        }
        _ => None,
    }
}

/// Control byte and length are those of frames that there are.
fn is_plausible(head: &Head<'_>) -> bool {
    let control = head.frame.control;
    control.0 & 0x10 == 0 && control.names().0 != "reserved"
}

/// The head check does not fit, and all else does: length, end byte and frame check.
fn fits(head: &Head<'_>, rest: &[u8]) -> bool {
    head.counted.is_some_and(|counted| counted <= LONGEST_UNSURE)
        && head.whole(rest).is_some_and(|(_, is_sound, ends)| is_sound && ends)
}

/// Where a whole frame begins inside: it ends the one around it.
fn begin_inside(rest: &[u8], reach: usize) -> Option<usize> {
    (1..reach).find(|begin| {
        let inside = rest.get(*begin..).unwrap_or_default();
        Frame::parse(inside).is_ok() || frame::Frame::parse(inside).is_ok()
    })
}

fn told_zh(fault: Fault) -> String {
    match fault {
        Fault::HeadCheck { found, expected } => format!("帧头校验HCS为{found:04X},应为{expected:04X}"),
        Fault::FrameCheck { found, expected } => format!("帧校验FCS为{found:04X},应为{expected:04X}"),
        Fault::EndByte { found } => format!("结束符为{found:02X},应为16"),
        Fault::Truncated { missing } => format!("帧不完整,至少缺{missing}字节"),
        Fault::Unit { length } => format!("长度域{length:04X}使用其他单位"),
        Fault::NoStart | Fault::TooShort { .. } => "不是有效帧".to_owned(),
    }
}

fn wrong(piece: FramePiece, kind: &'static str, note: Note) -> FramePiece {
    FramePiece { ok: false, error_kind: Some(kind), error: Some(note.en), error_zh: Some(note.zh), ..piece }
}

/// What the head says, and its lines; `bytes` are all of the frame.
fn headed(frame: &Frame<'_>, bytes: &[u8]) -> FramePiece {
    let (kind, kind_zh) = match frame.server.kind() {
        AddressKind::Single => ("single", "单地址"),
        AddressKind::Wildcard => ("wildcard", "通配地址"),
        AddressKind::Group => ("group", "组地址"),
        AddressKind::Broadcast => ("broadcast", "广播地址"),
    };
    let address = frame.server.bytes.len();
    let link_at = 5 + address + 3;
    let (control, control_zh) = frame.control.names();
    let counted = match bytes {
        [_, low, high, ..] => u16::from_le_bytes([*low, *high]),
        _ => 0,
    };
    let hcs = bytes.get(link_at - 2..link_at).unwrap_or_default();
    let lines = vec![
        Line::new(0, 1, "start", "起始符"),
        Line::new(1, 2, "length", "长度").value(counted),
        Line::new(3, 1, "control C", "控制域C").value(frame.control).meaning(control, control_zh),
        Line::new(4, 1 + address, "server address SA", "服务器地址SA")
            .value(frame.server)
            .meaning(kind, kind_zh),
        Line::new(5 + address, 1, "client address CA", "客户机地址CA")
            .value(format_args!("{:02X}", frame.client)),
        Line::new(link_at - 2, 2, "head check HCS", "帧头校验HCS").value(hex(hcs)),
    ];
    FramePiece {
        protocol: "dlt698.45",
        direction: Some(if frame.control.is_from_server() { "response" } else { "request" }),
        address: Some(frame.server.to_string()),
        control: Some(frame.control.to_string()),
        is_part: frame.control.is_fragment(),
        lines,
        notes: extended_address(frame).into_iter().collect(),
        bytes: bytes.to_vec(),
        ..FramePiece::default()
    }
}

/// A frame that is as long as it should be.
fn piece(frame: &Frame<'_>, bytes: &[u8]) -> FramePiece {
    let mut piece = headed(frame, bytes);
    let length = bytes.len();
    let link_at = 5 + frame.server.bytes.len() + 3;
    let service = frame.service();
    let (name, name_zh) = match (frame.control.is_fragment(), service.and_then(Service::names)) {
        (true, _) => ("fragment of an APDU", "APDU分帧"),
        (false, Some(names)) => names,
        (false, None) => ("unknown service", "未知服务"),
    };
    let plain = frame.plain_link();
    let apdu = |place: Range<usize>| {
        let bytes = plain.get(place.start - link_at..place.end - link_at).unwrap_or_default();
        let line = Line::new(place.start, place.len(), "APDU", "应用数据单元APDU").value(hex(bytes));
        line.meaning(name, name_zh)
    };
    if !frame.link.is_empty() {
        piece.lines.push(apdu(link_at..link_at + frame.link.len()));
    }
    if service.is_some_and(Service::carries_frames) && !frame.control.is_scrambled() {
        inner::shown(frame.link, link_at, &mut piece.lines, apdu);
    }
    let fcs = bytes.get(length - 3..length - 1).unwrap_or_default();
    piece.lines.push(Line::new(length - 3, 2, "frame check FCS", "帧校验FCS").value(hex(fcs)));
    piece.lines.push(Line::new(length - 1, 1, "end", "结束符"));
    FramePiece { function: Some(name.to_owned()), function_zh: Some(name_zh.to_owned()), ..piece }
}

/// A frame of which only the head can be trusted.
fn cut(head: &Head<'_>, bytes: &[u8]) -> FramePiece {
    let mut piece = headed(&head.frame, bytes);
    let opaque = bytes.get(head.link_at..).unwrap_or_default();
    if !opaque.is_empty() {
        piece.lines.push(Line::new(head.link_at, opaque.len(), "bytes", "字节").value(hex(opaque)));
    }
    if let Some((en, zh)) = service_of(head, opaque).and_then(Service::names) {
        (piece.function, piece.function_zh) = (Some(en.to_owned()), Some(zh.to_owned()));
    }
    piece
}

fn service_of<'a>(head: &Head<'a>, link: &'a [u8]) -> Option<Service> {
    Frame { link: link.get(..1)?, ..head.frame }.service()
}

/// D5 of SA may mean that the first byte behind it is no part of the address.
fn extended_address(frame: &Frame<'_>) -> Option<Note> {
    let (extension, rest) = frame.server.bytes.split_first().filter(|_| frame.server.head & 0x20 != 0)?;
    let address: String = rest.iter().rev().map(|byte| format!("{byte:02X}")).collect();
    (!rest.is_empty()).then(|| {
        Note::new(
            format!("if bit 5 of SA marks an extended logical address, that is {extension} and the address {address}"),
            format!("若SA的bit5表示扩展逻辑地址,则逻辑地址为{extension},地址为{address}"),
        )
    })
}

/// A frame whose head check does not fit is looked at up to this length: the rest is more likely no frame at all.
const LONGEST_UNSURE: usize = 2048;
