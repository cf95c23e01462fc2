//! A frame of a terminal or of Modbus explained: every byte with its name, its value and what that means, and the frames it carries.

use gdw1376::explain::Line;
use maud::{Markup, html};

use super::fetch::{found_markup, spaced};
use crate::explain::{self, Terminal, cover};
use crate::http::console::components::{Tone, facts, state};
use crate::http::console::view::View;
use crate::http::console::words::inert;

/// One frame; bytes that may not be seen are covered.
pub(super) fn markup(view: &View, terminal: &Terminal) -> Markup {
    let (frame, language) = (&terminal.piece, view.look.language);
    let is_modbus = explain::is_modbus(frame.protocol);
    let text = |zh: &Option<String>, en: &Option<String>| {
        inert(language.of(zh.as_deref().unwrap_or_default(), en.as_deref().unwrap_or_default()))
    };
    html! {
        h2 {
            (text(&frame.function_zh, &frame.function)) " "
            @if frame.ok { (state(Tone::Good, view.say("完好", "sound"))) }
            @else { (state(Tone::Bad, view.say("有误", "not sound"))) }
        }
        pre { (spaced(&cover::hex(&frame.bytes, 0, &terminal.covered).to_uppercase())) }
        (facts(&[
            (view.say("规约", "Protocol"), html! { (frame.protocol) }),
            (view.say("方向", "Direction"), html! { @match frame.direction {
                Some("request") if is_modbus => { (view.say("请求", "request")) }
                Some(_) if is_modbus => { (view.say("应答", "response")) }
                Some("request") => { (view.say("下行", "down")) }
                Some(_) => { (view.say("上行", "up")) }
                None => { "—" }
            } }),
            (
                if is_modbus { view.say("单元号", "Unit") } else { view.say("地址", "Address") },
                html! { span.code { (frame.address.as_deref().unwrap_or("—")) } },
            ),
            (if is_modbus { view.say("功能码", "Function") } else { view.say("控制域", "Control") }, html! { span.code { (frame.control.as_deref().unwrap_or("—")) } }),
        ]))
        @if frame.error.is_some() { p { (state(Tone::Warn, &text(&frame.error_zh, &frame.error))) } }
        div.scroll { table {
            thead { tr {
                th scope="col" { (view.say("字节", "Bytes")) }
                th scope="col" { (view.say("内容", "What")) }
                th scope="col" { (view.say("数值", "Value")) }
                th scope="col" { (view.say("数据时间", "As of")) }
            } }
            tbody { @for line in &frame.lines { (row(view, terminal, line)) } }
        } }
        @for (_, carried) in &terminal.carried { @for found in carried {
            section.sheet { (found_markup(view, found)) }
        } }
        @for note in &frame.notes { p { (inert(language.of(&note.zh, &note.en))) } }
    }
}

fn row(view: &View, terminal: &Terminal, line: &Line) -> Markup {
    let language = view.look.language;
    let bytes = terminal.piece.bytes.get(line.offset..line.offset + line.length).unwrap_or_default();
    let digits = cover::hex(bytes, line.offset, &terminal.covered);
    // A value that only repeats the bytes is not said again, and a frame that is carried stands below.
    let is_carrier = line.is_meter_frame && line.length > 0;
    let value = line.value.as_deref().filter(|value| !is_carrier && (line.length == 1 || *value != digits));
    html! { tr {
        td { span.code { @if is_carrier { (line.length) } @else { (spaced(&digits.to_uppercase())) } } }
        th scope="row" { ("　".repeat(usize::from(line.level))) (inert(language.of(&line.name_zh, &line.name))) }
        td {
            (value.map(inert).unwrap_or_default()) " " (line.unit) " "
            (inert(language.of(&line.meaning_zh, &line.meaning)))
        }
        td { (line.as_of.as_deref().map(inert).unwrap_or_default()) }
    } }
}
