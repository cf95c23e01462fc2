//! Frames of DL/T 698.45, named as far as the frame goes.

use super::{FramePiece, Line, hex};
use crate::dlt698::{AddressKind, Frame};

/// The frame of the other protocol at the front of `rest`, if there is one.
pub(super) fn of(rest: &[u8]) -> Option<FramePiece> {
    let (frame, length) = Frame::split(rest).ok()?;
    let bytes = rest.get(..length)?;
    let (kind, kind_zh) = match frame.server.kind() {
        AddressKind::Single => ("single", "单地址"),
        AddressKind::Wildcard => ("wildcard", "通配地址"),
        AddressKind::Group => ("group", "组地址"),
        AddressKind::Broadcast => ("broadcast", "广播地址"),
    };
    let address = frame.server.bytes.len();
    let link_at = 5 + address + 3;
    let (control, control_zh) = frame.control.names();
    let service = frame.service().and_then(|service| service.names());
    let (service, service_zh) = match (frame.control.is_fragment(), service) {
        (true, _) => ("fragment of an APDU", "APDU分帧"),
        (false, Some(names)) => names,
        (false, None) => ("unknown service", "未知服务"),
    };
    let hcs = bytes.get(link_at - 2..link_at).unwrap_or_default();
    let fcs = bytes.get(length - 3..length - 1).unwrap_or_default();
    let mut lines = vec![
        Line::new(0, 1, "start", "起始符"),
        Line::new(1, 2, "length", "长度").value(length - 2),
        Line::new(3, 1, "control C", "控制域C").value(frame.control).meaning(control, control_zh),
        Line::new(4, 1 + address, "server address SA", "服务器地址SA")
            .value(frame.server)
            .meaning(kind, kind_zh),
        Line::new(5 + address, 1, "client address CA", "客户机地址CA")
            .value(format_args!("{:02X}", frame.client)),
        Line::new(link_at - 2, 2, "head check HCS", "帧头校验HCS").value(hex(hcs)),
    ];
    if !frame.link.is_empty() {
        let line =
            Line::new(link_at, frame.link.len(), "APDU", "应用数据单元APDU").value(hex(&frame.plain_link()));
        lines.push(line.meaning(service, service_zh));
    }
    lines.push(Line::new(length - 3, 2, "frame check FCS", "帧校验FCS").value(hex(fcs)));
    lines.push(Line::new(length - 1, 1, "end", "结束符"));
    Some(FramePiece {
        protocol: "dlt698.45",
        direction: Some(if frame.control.is_from_server() { "response" } else { "request" }),
        address: Some(frame.server.to_string()),
        control: Some(frame.control.to_string()),
        function: Some(service.to_owned()),
        function_zh: Some(service_zh.to_owned()),
        ok: true,
        is_part: frame.control.is_fragment(),
        lines,
        bytes: bytes.to_vec(),
        ..FramePiece::default()
    })
}
