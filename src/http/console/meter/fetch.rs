//! One exchange with a meter: what it brought, and its frames explained byte by byte.

use dlt645::edition::Edition;
use dlt645::explain::{FramePiece, GarbagePiece, Note, Piece, ShownValue};
use maud::{Markup, html};

use super::terminal_frame;
use crate::domain::{Fetch, MeterProtocol, Run};
use crate::explain::{self, Found};
use crate::http::console::components::{Tone, facts, state, time};
use crate::http::console::labels;
use crate::http::console::view::View;
use crate::http::console::words::{Language, Phrase, inert};
use crate::store::LedgerEntry;
use crate::store::view::MeterSheet;

/// What the page shows.
#[derive(Clone, Debug)]
pub struct FetchPage {
    /// The meter.
    pub sheet: MeterSheet,
    /// The exchange.
    pub fetch: Fetch,
    /// The run it belonged to.
    pub run: Option<Run>,
    /// The versions of registers that it brought.
    pub brought: Vec<LedgerEntry>,
}

impl FetchPage {
    /// What the page is called.
    pub const TITLE: Phrase = Phrase::new("报文", "Frames");

    /// The page without what is around it.
    #[must_use]
    pub fn markup(&self, view: &View) -> Markup {
        let address = &self.sheet.line.address;
        let edition = (self.sheet.line.protocol == MeterProtocol::Dlt1997).then_some(Edition::E1997);
        html! {
            p { a href={ "/meters/" (address) "?part=fetches" } { "◀ " (view.say("电能表 ", "Meter ")) (address) } }
            section.sheet { (self.facts(view)) }
            @if !self.brought.is_empty() { (self.registers(view)) }
            (frames(view, &self.fetch.frames, edition))
        }
    }

    fn facts(&self, view: &View) -> Markup {
        let language = view.look.language;
        let Fetch { id, items, from, until, source, collected_at, .. } = &self.fetch;
        let names: Vec<String> =
            items.iter().map(|item| language.of(&item.name_zh(), &item.name_en()).to_owned()).collect();
        let run = self.run.as_ref();
        facts(&[
            (view.say("编号", "Number"), html! { (id) }),
            (view.say("采集时间", "Read at"), time(*collected_at)),
            (view.say("内容", "Items"), html! { (names.join(language.of("，", ", "))) }),
            (
                view.say("数据时间", "Holds for"),
                html! {
                    (time(*from)) @if until != from { " – " (time(*until)) }
                },
            ),
            (view.say("来源", "Source"), html! { (labels::source(*source).of(language)) }),
            (
                view.say("采集任务", "Run"),
                html! { @match run {
                    Some(run) => { a href={ "/?day=" (run.day) } { (run.day) } }
                    None => { (view.say("不属于夜间采集", "outside a run")) }
                } },
            ),
        ])
    }

    fn registers(&self, view: &View) -> Markup {
        let language = view.look.language;
        html! {
            section.sheet {
                h2 { (view.say("由此得到的示值", "Registers it brought")) }
                div.scroll { table {
                    thead { tr {
                        th scope="col" { (view.say("内容", "Item")) }
                        th scope="col" { (view.say("数据时间", "As of")) }
                        th.number scope="col" { (view.say("示值", "Value")) }
                        th.number scope="col" { (view.say("版本", "Version")) }
                        th scope="col" { (view.say("质量", "Quality")) }
                    } }
                    tbody { @for entry in &self.brought { tr {
                        @let item = entry.reading.item;
                        th scope="row" { (language.of(&item.name_zh(), &item.name_en())) }
                        td { (time(entry.reading.as_of)) }
                        td.number { (item.quantity(entry.reading.value)) " " (item.unit()) }
                        td.number { (entry.version) }
                        td {
                            (labels::quality_state(entry.reading.quality, language))
                            @if entry.is_current { " " (state(Tone::Good, view.say("现行", "counts"))) }
                        }
                    } } }
                } }
            }
        }
    }
}

/// Frames explained, one after the other.
pub(in crate::http::console) fn frames(view: &View, frames: &[u8], edition: Option<Edition>) -> Markup {
    html! {
        @for found in &explain::pieces(frames, edition) { section.sheet { (found_markup(view, found)) } }
    }
}

pub(super) fn found_markup(view: &View, found: &Found) -> Markup {
    html! { @match found {
        Found::Meter(Piece::Frame(frame), _) => (frame_markup(view, frame)),
        Found::Meter(Piece::Garbage(GarbagePiece { garbage, notes, .. }), _) => {
            h2 { (view.say("不属于报文的字节", "Bytes of no frame")) }
            pre { (spaced(garbage)) }
            (notes_markup(notes, view.look.language))
        }
        Found::Terminal(terminal) => (terminal_frame::markup(view, terminal)),
    } }
}

fn frame_markup(view: &View, frame: &FramePiece) -> Markup {
    let language = view.look.language;
    let text = |zh: &Option<String>, en: &Option<String>| {
        let text = if language == Language::Chinese { zh.as_ref().or(en.as_ref()) } else { en.as_ref() };
        text.map(|text| inert(text)).unwrap_or_default()
    };
    let hex: String = frame.bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    html! {
        h2 {
            (text(&frame.function_zh, &frame.function)) " "
            @if frame.ok { (state(Tone::Good, view.say("完好", "sound"))) }
            @else { (state(Tone::Bad, view.say("有误", "not sound"))) }
        }
        pre { (spaced(&hex)) }
        (facts(&[
            (view.say("规约", "Protocol"), html! { (frame.protocol) }),
            (view.say("方向", "Direction"), html! { @match frame.direction {
                Some("request") => { (view.say("请求", "request")) }
                Some(_) => { (view.say("应答", "response")) }
                None => { "—" }
            } }),
            (view.say("地址", "Address"), html! { span.code { (frame.address.as_deref().unwrap_or("—")) } }),
            (view.say("控制码", "Control"), html! { span.code { (frame.control.as_deref().unwrap_or("—")) } }),
            (view.say("数据标识", "Identifier"), html! {
                span.code { (frame.di.as_deref().unwrap_or("—")) } " " (text(&frame.di_name_zh, &frame.di_name))
            }),
            (view.say("后续帧", "More follows"), html! { (if frame.more { view.say("有", "yes") } else { view.say("无", "no") }) }),
        ]))
        @if frame.error.is_some() { p { (state(Tone::Warn, &text(&frame.error_zh, &frame.error))) } }
        (values(view, &frame.values))
        @for record in &frame.records {
            h3 { (record.at.as_deref().unwrap_or("—")) }
            (values(view, &record.values))
        }
        (notes_markup(&frame.notes, language))
    }
}

/// Values with their names; the bits of a word below it.
fn values(view: &View, values: &[ShownValue]) -> Markup {
    let language = view.look.language;
    html! { @if !values.is_empty() {
        div.scroll { table {
            thead { tr {
                th scope="col" { (view.say("内容", "What")) }
                th scope="col" { (view.say("数值", "Value")) }
                th scope="col" { (view.say("表内时间", "Meter's time")) }
            } }
            tbody { @for value in values {
                tr {
                    th scope="row" { (inert(language.of(&value.name_zh, &value.name))) }
                    td {
                        @match &value.value {
                            Some(shown) => { (inert(&language.meter_time(shown))) " " (language.unit(value.unit.unwrap_or_default())) }
                            None => { (language.of(value.absent_zh.unwrap_or("无数值"), value.absent.unwrap_or("no value"))) }
                        }
                        @if let (Some(zh), Some(en)) = (value.doubt_zh, value.doubt) { " (" (language.of(zh, en)) ")" }
                        @if let Some(raw) = &value.raw { " " span.code { (raw) } }
                    }
                    td { (inert(&language.meter_time(value.at.as_deref().unwrap_or_default()))) }
                }
                @for bits in &value.bits { tr {
                    td { (view.say("位 ", "bit ")) (bits.bit) " " (language.of(bits.name_zh, bits.name)) }
                    td colspan="2" { (bits.value) " " (language.of(bits.meaning_zh, bits.meaning)) }
                } }
            } }
        } }
    } }
}

fn notes_markup(notes: &[Note], language: Language) -> Markup {
    html! { @for note in notes { p.hint { (inert(language.of(&note.zh, &note.en))) } } }
}

/// Hexadecimal digits in pairs.
pub(super) fn spaced(hex: &str) -> String {
    let mut text = String::with_capacity(hex.len() * 3 / 2);
    for (place, digit) in hex.chars().enumerate() {
        if place > 0 && place % 2 == 0 {
            text.push(' ');
        }
        text.push(digit.to_ascii_uppercase());
    }
    text
}
