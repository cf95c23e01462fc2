//! The last frames between a terminal and us, as a table: which way, what for, how long, and every byte explained.

use gdw1376::identifier::Identifier;
use maud::{Markup, html};

use super::super::components::state;
use super::super::components::{Tone, time};
use super::super::meter::frames;
use super::super::table::{Asked, Column, Table};
use super::super::view::View;
use super::super::words::{Language, Phrase, inert};
use crate::explain::{self, Found};
use crate::terminal::PassedFrame;

/// The frames, the newest first.
pub(super) fn table(passed: &[PassedFrame], asked: &Asked, language: Language) -> Table<PassedFrame> {
    let columns = vec![
        Column::new("at", "时间", "Time", |frame: &PassedFrame, _| frame.at.in_china().to_string())
            .shown(|frame, _| time(frame.at))
            .by(|frame| frame.at.micros()),
        Column::new("way", "方向", "Way", |frame: &PassedFrame, language| {
            if frame.is_sent { language.of("发", "sent") } else { language.of("收", "received") }.to_owned()
        }),
        Column::new("what", "功能", "What for", function).wide(),
        Column::new("bytes", "字节", "Bytes", |frame: &PassedFrame, _| length(frame).to_string())
            .number()
            .by(|frame| i64::try_from(length(frame)).unwrap_or(i64::MAX)),
        Column::new("frame", "报文", "Frame", |frame: &PassedFrame, _| digits(frame))
            .shown(explained)
            .unsorted(),
    ];
    let caption = Phrase::new("最近报文", "Last frames");
    let empty = Phrase::new("启动以来没有报文", "No frame since the start");
    let newest_first = passed.iter().rev().cloned().collect();
    Table::new("frames", caption, empty, columns, asked).whole(newest_first, language)
}

const fn length(frame: &PassedFrame) -> usize {
    frame.bytes.len() + frame.left_out
}

fn digits(frame: &PassedFrame) -> String {
    let kept: Vec<String> = frame.bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    // What is not kept is not in the file either.
    format!("{}{}", kept.join(" "), if frame.left_out > 0 { " …" } else { "" })
}

/// What a frame is for, as its explanation is headed, with the items that its first unit names (Fn); of one that is not kept whole,
/// its function code with those.
fn function(frame: &PassedFrame, language: Language) -> String {
    let items = items(frame).map(|items| format!(" {items}")).unwrap_or_default();
    if frame.left_out > 0 {
        return frame.bytes.get(AFN).map(|afn| format!("AFN {afn:02X}H{items}")).unwrap_or_default();
    }
    let named = explain::pieces(&frame.bytes, None).into_iter().find_map(|found| match found {
        Found::Terminal(terminal) => {
            let (zh, en) = (terminal.piece.function_zh, terminal.piece.function);
            Some(inert(language.of(zh.as_deref().unwrap_or_default(), en.as_deref().unwrap_or_default())))
        }
        Found::Meter(..) => None,
    });
    named.map(|named| format!("{named}{items}")).unwrap_or_default()
}

/// What its first data unit is of: `F25`, or several; `None` where no unit can be told.
fn items(frame: &PassedFrame) -> Option<String> {
    let wire: [u8; Identifier::WIDTH] = frame.bytes.get(UNIT..UNIT + Identifier::WIDTH)?.try_into().ok()?;
    let functions = Identifier::from_wire(wire).functions;
    functions.functions().next()?;
    Some(functions.to_string())
}

/// The bytes with their names, folded away.
fn explained(frame: &PassedFrame, view: &View) -> Markup {
    html! {
        details {
            summary { (view.say("逐字节", "byte by byte")) }
            @if frame.left_out == 0 { (frames(view, &frame.bytes, None)) }
            @else {
                pre { (digits(frame)) }
                p { (state(Tone::Quiet, view.say(
                    "其余字节不保留：可能含密码，或为转发及过长的报文。",
                    "The rest is not kept: it may hold a password, is forwarded, or is too long.",
                ))) }
            }
        }
    }
}

/// Where the function code of a frame stands. [1376 2]
const AFN: usize = 12;
/// Where its first data unit begins.
const UNIT: usize = 14;
