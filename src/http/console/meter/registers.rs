//! The ledger of a meter's registers: every version, what counts, and where each came from.

use maud::{Markup, html};

use crate::domain::{Day, Moment};
use crate::http::console::components::{Tone, state};
use crate::http::console::labels;
use crate::http::console::table::{Asked, Column, Table};
use crate::http::console::view::View;
use crate::http::console::words::Phrase;
use crate::store::LedgerEntry;

/// What this part shows.
#[derive(Clone, Debug)]
pub struct RegistersPart {
    /// The first moment shown and the last.
    pub stretch: (Moment, Moment),
    /// The versions, in order of time.
    pub entries: Vec<LedgerEntry>,
}

/// A version in the list.
#[derive(Debug)]
struct Line {
    address: String,
    entry: LedgerEntry,
}

impl RegistersPart {
    /// The part.
    #[must_use]
    pub fn markup(&self, view: &View, asked: &Asked, address: &str) -> Markup {
        let (from, until) = self.stretch;
        html! {
            form.pick method="get" {
                input type="hidden" name="part" value="registers";
                label.field { span { (view.say("从", "From")) } input type="date" name="from" value=(Day::of(from)); }
                label.field { span { (view.say("到", "Until")) }
                    input type="date" name="until" value=(Day::of(until).previous()); }
                button { (view.say("查看", "Show")) }
            }
            (self.table(view, asked, address).markup(view))
        }
    }

    /// The file of the list.
    #[must_use]
    pub fn file(&self, view: &View, asked: &Asked, address: &str) -> Option<String> {
        self.table(view, asked, address).file(view.look.language)
    }

    fn table(&self, view: &View, asked: &Asked, address: &str) -> Table<Line> {
        let line = |entry: &LedgerEntry| Line { address: address.to_owned(), entry: entry.clone() };
        let caption = Phrase::new("示值（未乘倍率）", "Registers (not multiplied)");
        let empty = Phrase::new("这段时间没有示值", "No registers in this time");
        // The newest first; of one instant the total before its tariffs.
        let mut lines: Vec<Line> = self.entries.iter().rev().map(line).collect();
        lines.sort_by_key(|line| {
            let reading = &line.entry.reading;
            (std::cmp::Reverse(reading.as_of), reading.item.key().number())
        });
        Table::new("", caption, empty, columns(), asked).whole(lines, view.look.language)
    }
}

fn columns() -> Vec<Column<Line>> {
    vec![
        Column::new("as_of", "数据时间", "As of", |line: &Line, _| {
            line.entry.reading.as_of.in_china().to_string()
        }),
        Column::new("item", "内容", "Item", |line: &Line, language| {
            let item = line.entry.reading.item;
            language.of(&item.name_zh(), &item.name_en()).to_owned()
        })
        .by(|line| line.entry.reading.item.key().number().into())
        .wide(),
        Column::new("value", "示值", "Value", |line: &Line, _| {
            line.entry.reading.item.quantity(line.entry.reading.value).to_string()
        })
        .number()
        .by(|line| line.entry.reading.value),
        Column::new("unit", "单位", "Unit", |line: &Line, _| line.entry.reading.item.unit().to_owned())
            .unsorted(),
        Column::new("quality", "质量", "Quality", |line: &Line, language| {
            labels::quality(line.entry.reading.quality).of(language).to_owned()
        })
        .shown(|line, view| labels::quality_state(line.entry.reading.quality, view.look.language)),
        Column::new("version", "版本", "Version", |line: &Line, _| line.entry.version.to_string())
            .number()
            .by(|line| line.entry.version),
        Column::new("current", "现行", "Counts", |line: &Line, language| {
            if line.entry.is_current { language.of("现行", "counts").to_owned() } else { String::new() }
        })
        .shown(|line, view| {
            html! { @if line.entry.is_current { (state(Tone::Good, view.say("现行", "counts"))) } }
        }),
        Column::new("source", "来源", "Source", |line: &Line, language| {
            labels::source(line.entry.reading.source).of(language).to_owned()
        }),
        Column::new("meter_time", "表内时间", "Meter's time", |line: &Line, _| {
            line.entry.reading.meter_time.clone().unwrap_or_default()
        }),
        Column::new("collected", "采集时间", "Read at", |line: &Line, _| {
            line.entry.reading.collected_at.in_china().to_string()
        }),
        Column::new("decided", "决定人", "Decided by", |line: &Line, _| {
            let by = line.entry.decided_by.as_deref().unwrap_or_default();
            let note = line.entry.note.as_deref().unwrap_or_default();
            format!("{by} {note}").trim().to_owned()
        }),
        Column::new("fetch", "报文", "Frames", |line: &Line, _| {
            line.entry.reading.fetch.map_or_else(String::new, |fetch| fetch.to_string())
        })
        .shown(|line, view| {
            html! { @if let Some(fetch) = line.entry.reading.fetch {
                a href={ "/meters/" (line.address) "/fetches/" (fetch) } { (view.say("报文", "frames")) }
            } }
        })
        .unsorted(),
    ]
}
