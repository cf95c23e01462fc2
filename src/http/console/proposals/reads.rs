//! What people have read, as a proposal shows it: each read against what is known from its meter.

use maud::{Markup, html};

use crate::domain::register::State;
use crate::domain::{Around, Coded, Compared, ManualRead, ManualReads, Moment, ReadKind};
use crate::http::console::components::{Tone, facts, state};
use crate::http::console::table::{Asked, Column, Table};
use crate::http::console::view::View;
use crate::http::console::words::{Language, Phrase, inert};

/// How a read stands to what is known from its meter; `None` where that meter was not there.
pub type ComparedRead = Option<(Compared, Around)>;

/// The reads with how each stands now, as a table.
pub(super) fn table(
    entered: &ManualReads,
    compared: &[ComparedRead],
    (asked, language): (&Asked, Language),
) -> Table<Row> {
    Table::new("", Phrase::new("抄表记录", "Reads"), Phrase::new("无", "None"), columns(), asked)
        .whole(rows(entered, compared), language)
}

fn rows(entered: &ManualReads, compared: &[ComparedRead]) -> Vec<Row> {
    let with = |(place, read): (usize, &ManualRead)| (read.clone(), compared.get(place).copied().flatten());
    entered.reads.iter().enumerate().map(with).collect()
}

/// The reads with how each stands now.
pub(super) fn reads(view: &View, entered: &ManualReads, compared: &[ComparedRead], asked: &Asked) -> Markup {
    let rows = rows(entered, compared);
    let doubtful =
        rows.iter().filter(|(_, compared)| compared.is_none_or(|(how, _)| how.is_doubtful())).count();
    html! {
        (facts(&[
            (view.say("文件", "File"), html! { (inert(&entered.file)) }),
            (view.say("条数", "Reads"), html! { (rows.len()) }),
            (view.say("与表计不一致（确认后转复核）", "At odds with the meter (reviewed once confirmed)"), html! { (doubtful) }),
        ]))
        (table(entered, compared, (asked, view.look.language)).markup(view))
    }
}

/// Of what proposals of reads are.
pub(super) fn of_what(entered: &ManualReads) -> String {
    let first = entered.reads.first().map(|read| read.point.clone()).unwrap_or_default();
    match entered.reads.len() {
        0 | 1 => first,
        more => format!("{first} … ({more})"),
    }
}

/// A read, and how it stands.
pub(super) type Row = (ManualRead, ComparedRead);

fn columns() -> Vec<Column<Row>> {
    vec![
        Column::new("point", "计量点", "Point", |(read, _): &Row, _| read.point.clone()),
        Column::new("meter", "通信地址", "Meter", |(read, _): &Row, _| read.meter.clone())
            .shown(|(read, _), _| html! { a.code href={ "/meters/" (read.meter) "?part=registers" } { (read.meter) } }),
        Column::new("item", "示值", "Register", |(read, _): &Row, language| match read.register() {
            Some(item) => language.of(&item.name_zh(), &item.name_en()).to_owned(),
            None => read.item.clone(),
        }),
        Column::new("at", "抄表时间", "Read at", |(read, _): &Row, _| {
            Moment::from_micros(read.at).in_china().to_string()
        }),
        Column::new("value", "示数", "Value", |(read, _): &Row, _| quantity(read, read.value))
            .number()
            .by(|(read, _)| read.value),
        Column::new("compared", "与表计比对", "Against the meter", |(_, compared): &Row, language| {
            how(*compared).1.of(language).to_owned()
        })
        .shown(|(_, compared), view| {
            let (tone, words) = how(*compared);
            state(tone, words.of(view.look.language))
        }),
        Column::new("around", "表计示值", "What the meter said", |(read, compared): &Row, language| {
            compared.map(|(_, around)| known(read, &around, language)).unwrap_or_default()
        }),
        Column::new("by", "抄表人", "Read by", |(read, _): &Row, _| read.read_by.clone()),
        Column::new("kind", "方式", "How", |(read, _): &Row, language| match ReadKind::from_name(&read.kind) {
            Some(ReadKind::OnSite) => language.of("现场", "on site").to_owned(),
            _ => language.of("人工", "manual").to_owned(),
        }),
        Column::new("remark", "备注", "Remark", |(read, _): &Row, _| read.remark.clone()),
    ]
}

pub(super) fn how(compared: ComparedRead) -> (Tone, Phrase) {
    match compared.map(|(how, _)| how) {
        None => (Tone::Bad, Phrase::new("当时不是该表", "not the meter of then")),
        Some(Compared::Alone) => (Tone::Quiet, Phrase::new("无可比示值", "nothing to compare with")),
        Some(Compared::Between) => {
            (Tone::Good, Phrase::new("在前后示值之间", "between those before and behind"))
        }
        Some(Compared::Agrees) => (Tone::Good, Phrase::new("一致", "the same")),
        Some(Compared::Differs) => {
            (Tone::Warn, Phrase::new("与同时刻示值不一致", "another value of the same instant"))
        }
        Some(Compared::Outside) => {
            (Tone::Warn, Phrase::new("与前后示值不符", "does not fit those before and behind"))
        }
    }
}

/// The values around, each with its time.
fn known(read: &ManualRead, around: &Around, language: Language) -> String {
    let at = |state: State| format!("{} @ {}", quantity(read, state.value), state.at.in_china());
    if let Some(same) = around.same {
        return quantity(read, same);
    }
    let none = || language.of("无", "none").to_owned();
    format!("{} – {}", around.before.map_or_else(none, at), around.after.map_or_else(none, at))
}

fn quantity(read: &ManualRead, value: i64) -> String {
    read.register().map_or_else(|| value.to_string(), |item| item.quantity(value).to_string())
}
