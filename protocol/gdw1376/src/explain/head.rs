//! The lines of a frame's head and of what follows its data.

use super::Line;
use crate::auxiliary::{Auxiliary, TimeTag};
use crate::control::Control;
use crate::frame::{Frame, LengthCode, MIN_COUNTED};
use crate::seq::Seq;

/// From the first 68H to SEQ.
pub(super) fn lines(frame: &Frame<'_>) -> Vec<Line> {
    counting(frame, frame.body.len() + MIN_COUNTED)
}

/// The same, under a length that may not be that of the frame.
pub(super) fn counting(frame: &Frame<'_>, counted: usize) -> Vec<Line> {
    let (code, code_zh) = match frame.code {
        LengthCode::GDW_130 => ("Q/GDW 130-2005", "Q/GDW 130-2005"),
        LengthCode::GDW_376 => ("Q/GDW 376.1 / 1376.1", "Q/GDW 376.1/1376.1"),
        LengthCode::RESERVED => ("protocol bits 11: a private variant", "协议标识11:保留"),
        _ => ("protocol bits 00: not allowed", "协议标识00:禁用"),
    };
    let length = |offset| Line::new(offset, 2, "length", "长度").value(counted);
    let (afn_en, afn_zh) = frame.afn.names().unwrap_or(("reserved or regional", "备用或地方扩展"));
    let address = frame.address;
    let [region_low, region_high, ..] = address.terminal.wire();
    let a3 = match (address.is_broadcast(), address.is_group()) {
        (true, _) => (format!("all terminals, master station {}", address.master()), "广播"),
        (false, true) => (format!("group address, master station {}", address.master()), "组地址"),
        (false, false) => (format!("one terminal, master station {}", address.master()), "单地址"),
    };
    let a3_zh = format!("{},主站地址{}", a3.1, address.master());
    let (control, control_zh) = control(frame.control);
    let (seq, seq_zh) = seq(frame.seq);
    vec![
        Line::new(0, 1, "start", "起始符"),
        length(1).meaning(code, code_zh),
        length(3),
        Line::new(5, 1, "start", "起始符"),
        Line::new(6, 1, "control C", "控制域C").value(frame.control).meaning(control, control_zh),
        Line::new(7, 2, "region A1", "行政区划码A1").value(format_args!("{region_high:02X}{region_low:02X}")),
        Line::new(9, 2, "terminal A2", "终端地址A2").value(address.terminal.terminal()).meaning(
            format!("{:04X}H", address.terminal.terminal()),
            format!("{:04X}H", address.terminal.terminal()),
        ),
        Line::new(11, 1, "master and group A3", "主站地址和组地址标志A3")
            .value(format_args!("{:02X}", address.a3))
            .meaning(a3.0, a3_zh),
        Line::new(12, 1, "function AFN", "应用功能码AFN").value(frame.afn).meaning(afn_en, afn_zh),
        Line::new(13, 1, "sequence SEQ", "帧序列域SEQ").value(frame.seq).meaning(seq, seq_zh),
    ]
}

fn control(control: Control) -> (String, String) {
    let from = if control.is_uplink() { ("up", "上行") } else { ("down", "下行") };
    let role = if control.is_initiator() { ("begins", "启动站") } else { ("answers", "从动站") };
    let function = control.function_names().unwrap_or(("reserved function", "备用功能码"));
    let mut en = format!("{}, {}, {}", from.0, role.0, function.0);
    let mut zh = format!("{},{},{}", from.1, role.1, function.1);
    if control.has_events() {
        en.push_str(", important events wait (ACD)");
        zh.push_str(",有重要事件(ACD)");
    }
    if let Some(bit) = control.frame_count_bit() {
        en.push_str(&format!(", FCB {}", u8::from(bit)));
        zh.push_str(&format!(",FCB={}", u8::from(bit)));
    }
    (en, zh)
}

fn seq(seq: Seq) -> (String, String) {
    let place = match (seq.is_first(), seq.is_last()) {
        (true, true) => ("single frame", "单帧"),
        (true, false) => ("first frame", "首帧"),
        (false, false) => ("middle frame", "中间帧"),
        (false, true) => ("last frame", "末帧"),
    };
    let mut en = format!("{}, number {}", place.0, seq.number());
    let mut zh = format!("{},序号{}", place.1, seq.number());
    if seq.wants_confirmation() {
        en.push_str(", to be confirmed");
        zh.push_str(",要求确认");
    }
    if seq.has_time_tag() {
        en.push_str(", with time tag");
        zh.push_str(",带时间标签");
    }
    (en, zh)
}

/// PW, EC and Tp, from `offset` on.
pub(super) fn auxiliary_lines(auxiliary: &Auxiliary<'_>, offset: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut at = offset;
    if let Some(password) = auxiliary.password {
        let line = Line::new(at, password.len(), "message authentication PW", "消息认证码PW");
        let is_none = password.iter().all(|byte| *byte == 0);
        lines.push(if is_none {
            line.meaning("none", "无")
        } else {
            line.meaning("not shown", "不显示")
        });
        at += password.len();
    }
    if let Some(events) = auxiliary.events {
        lines.push(Line::new(at, 1, "important events EC1", "重要事件计数器EC1").value(events.important));
        lines.push(Line::new(at + 1, 1, "ordinary events EC2", "一般事件计数器EC2").value(events.ordinary));
        at += 2;
    }
    if let Some(TimeTag { counter, sent, delay_minutes }) = auxiliary.tag {
        lines.push(Line::new(at, 1, "frame counter PFC", "启动帧帧序号计数器PFC").value(counter));
        lines.push(Line::new(at + 1, 4, "sent", "启动帧发送时标").value(sent));
        let delay = Line::new(at + 5, 1, "permitted delay", "允许发送传输延时时间").value(delay_minutes);
        let delay = Line { unit: "min", ..delay };
        lines.push(if delay_minutes == 0 { delay.meaning("no limit", "不限") } else { delay });
    }
    lines
}
