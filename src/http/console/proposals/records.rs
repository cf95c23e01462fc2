//! Records of a terminal's list of meters, as a proposal shows them: what each is and is to be, and what became of it.

use maud::{Markup, html};

use crate::domain::terminal_archive::{
    ChangeKind, MeterRecord, RecordAnswer, RecordChange, RecordResult, SettingState, TerminalArchive,
};
use crate::http::console::components::{Tone, facts, state, time};
use crate::http::console::table::{Asked, Column, Table, escaped};
use crate::http::console::view::View;
use crate::http::console::words::{Language, Phrase, inert};
use crate::store::terminal::ArchiveSetting;

/// The records with what became of each, as a table.
pub(super) fn table(
    archive: &TerminalArchive,
    setting: Option<&ArchiveSetting>,
    (asked, language): (&Asked, Language),
) -> Table<Row> {
    let result = |number| {
        let results = setting.map(|setting| setting.results.as_slice()).unwrap_or_default();
        results.iter().find(|result: &&RecordResult| result.number == number).copied()
    };
    let rows: Vec<Row> =
        archive.changes.iter().map(|change| (change.clone(), result(change.number))).collect();
    let caption = Phrase::new("档案记录", "Records");
    Table::new("", caption, Phrase::new("无", "None"), columns(), asked).whole(rows, language)
}

/// The records with what became of each.
pub(super) fn records(
    view: &View,
    archive: &TerminalArchive,
    setting: Option<&ArchiveSetting>,
    asked: &Asked,
) -> Markup {
    let (added, changed, removed) = archive.counts();
    html! {
        (facts(&[
            (view.say("终端", "Terminal"), html! {
                a.code href={ "/terminals/" (escaped(&archive.terminal)) } { (inert(&archive.terminal)) } }),
            (view.say("新增 / 修改 / 删除", "Added / changed / removed"),
                html! { (added) " / " (changed) " / " (removed) }),
        ]))
        @if let Some(setting) = setting { (stands(view, setting)) }
        (table(archive, setting, (asked, view.look.language)).markup(view))
    }
}

/// How the setting stands.
pub(crate) fn stands(view: &View, setting: &ArchiveSetting) -> Markup {
    let (tone, words, hint) = told(setting.state);
    html! {
        p { (state(tone, words.of(view.look.language))) " " (hint.of(view.look.language))
            @if !setting.detail.is_empty() { " (" (inert(&setting.detail)) ")" } }
        (facts(&[
            (view.say("确认时间", "Confirmed"), time(setting.confirmed_at)),
            (view.say("下发时间", "Sent"), html! { @if let Some(at) = setting.sent_at { (time(at)) } }),
            (view.say("回读时间", "Read back"), html! { @if let Some(at) = setting.looked_at { (time(at)) } }),
        ]))
        (lacking(view, setting))
    }
}

/// Of which points the terminal has no record any more when it is over, and what is to be done.
fn lacking(view: &View, setting: &ArchiveSetting) -> Markup {
    let is_lacking = |change: &&RecordChange| {
        setting.results.iter().any(|result| result.number == change.number && result.lacks)
    };
    let lacking = setting.archive.changes.iter().filter(is_lacking);
    let points: Vec<String> =
        lacking.filter_map(|change| Some(change.after.as_ref()?.point.to_string())).collect();
    html! {
        @if setting.state.is_over() && !points.is_empty() {
            p role="alert" {
                (view.say("终端现无这些测量点的记录：", "The terminal has no record of these points: "))
                b { (points.join(view.say("、", ", "))) } (view.say("。请在", ". Propose them anew on the page of "))
                a href={ "/terminals/" (escaped(&setting.archive.terminal)) } {
                    (view.say("终端页面", "the terminal")) }
                (view.say(
                    "填入这些测量点，重新提出档案下发；在此之前，主站每夜经终端透抄这些电能表。",
                    ", naming these points. Until then each night asks their meters themselves, through the terminal.",
                ))
            }
        }
    }
}

/// What a state is called, and what it means to whoever looks.
pub(crate) const fn told(state: SettingState) -> (Tone, Phrase, Phrase) {
    match state {
        SettingState::Waiting => (
            Tone::Waiting,
            Phrase::new("待下发", "waits to be sent"),
            Phrase::new(
                "终端在线且无抄表任务时下发。",
                "It is sent when the terminal is there and no run goes on.",
            ),
        ),
        SettingState::Sending => (Tone::Waiting, Phrase::new("下发中", "being sent"), Phrase::new("", "")),
        SettingState::Verified => (
            Tone::Good,
            Phrase::new("回读一致", "verified"),
            Phrase::new(
                "终端档案已回读，与下发一致。",
                "The terminal was read back and holds what was sent.",
            ),
        ),
        SettingState::Differing => (
            Tone::Bad,
            Phrase::new("回读不一致", "differing"),
            Phrase::new("终端档案与下发不一致，见下表。", "The terminal holds something else; see below."),
        ),
        SettingState::Unknown => (
            Tone::Bad,
            Phrase::new("结果未知", "unknown"),
            Phrase::new(
                "报文已发出而未得到确认，将继续回读；已发出的不会重发。",
                "A frame has left without an answer. The terminal is asked again; what has left is not sent again.",
            ),
        ),
        SettingState::Refused => (
            Tone::Warn,
            Phrase::new("终端拒绝", "refused"),
            Phrase::new("终端档案未改变。", "The terminal holds what it held."),
        ),
        SettingState::Outdated => (
            Tone::Warn,
            Phrase::new("未下发：终端档案已变", "not sent: changed since"),
            Phrase::new("请重新比对后再提出。", "Compare both lists again and propose anew."),
        ),
        SettingState::Expired => (
            Tone::Warn,
            Phrase::new("未下发：已过期", "not sent: expired"),
            Phrase::new("一天内未能联系上终端。", "The terminal could not be reached within a day."),
        ),
    }
}

/// A record, and what became of it.
pub(super) type Row = (RecordChange, Option<RecordResult>);

fn columns() -> Vec<Column<Row>> {
    vec![
        Column::new("number", "序号", "Record", |(change, _): &Row, _| change.number.to_string())
            .number()
            .by(|(change, _)| i64::from(change.number)),
        Column::new("kind", "变更", "Change", |(change, _): &Row, language| {
            kind(change.kind()).1.of(language).to_owned()
        })
        .shown(|(change, _), view| {
            let (tone, words) = kind(change.kind());
            state(tone, words.of(view.look.language))
        }),
        Column::new("before", "终端现有", "The terminal holds", |(change, _): &Row, language| {
            written(change.before.as_ref(), language)
        }),
        Column::new("after", "下发后", "It is to hold", |(change, _): &Row, language| {
            written(change.after.as_ref(), language)
        }),
        Column::new("answer", "终端应答", "It answered", |(_, result): &Row, language| {
            result.map(|result| answer(result.answer, language)).unwrap_or_default()
        }),
        Column::new("holds", "回读", "Read back", |(_, result): &Row, language| {
            holds(*result).1.of(language).to_owned()
        })
        .shown(|(_, result), view| {
            let (tone, words) = holds(*result);
            let words = words.of(view.look.language);
            if words.is_empty() {
                html! {}
            } else {
                state(tone, words)
            }
        }),
    ]
}

const fn kind(kind: ChangeKind) -> (Tone, Phrase) {
    match kind {
        ChangeKind::Added => (Tone::Good, Phrase::new("新增", "added")),
        ChangeKind::Changed => (Tone::Warn, Phrase::new("修改", "changed")),
        ChangeKind::Removed => (Tone::Bad, Phrase::new("删除", "removed")),
    }
}

/// A record in one line, with all that is in it.
fn written(record: Option<&MeterRecord>, language: Language) -> String {
    let Some(record) = record else { return language.of("无", "none").to_owned() };
    let MeterRecord { point, address, port, baud, protocol, tariffs, .. } = record;
    let MeterRecord { integer_digits, decimal_digits, collector, class, sub_class, .. } = record;
    match language {
        Language::Chinese => format!(
            "测量点 {point}，表 {address}，端口 {port}，{baud} bps，规约 {protocol}，费率 {tariffs}，示值 \
             {integer_digits}.{decimal_digits} 位，采集器 {collector}，大小类 {class}/{sub_class}"
        ),
        Language::English => format!(
            "point {point}, meter {address}, port {port}, {baud} bps, protocol {protocol}, {tariffs} tariffs, \
             {integer_digits}.{decimal_digits} digits, acquisition unit {collector}, class {class}/{sub_class}"
        ),
    }
}

fn answer(answer: RecordAnswer, language: Language) -> String {
    match answer {
        RecordAnswer::NotSent => language.of("未发送", "not sent").to_owned(),
        RecordAnswer::Taken => language.of("确认", "taken").to_owned(),
        RecordAnswer::Refused(2) => {
            language.of("拒绝：表地址重复", "refused: the address is in use").to_owned()
        }
        RecordAnswer::Refused(error) => format!("{} {error}", language.of("拒绝，错误码", "refused, error")),
        RecordAnswer::Silent => language.of("无应答", "no answer").to_owned(),
    }
}

fn holds(result: Option<RecordResult>) -> (Tone, Phrase) {
    match result.and_then(|result| result.holds) {
        Some(true) => (Tone::Good, Phrase::new("一致", "as sent")),
        Some(false) if result.is_some_and(|result| result.lacks) => {
            (Tone::Bad, Phrase::new("终端无此记录", "the terminal has none"))
        }
        Some(false) => (Tone::Bad, Phrase::new("不一致", "otherwise")),
        None => (Tone::Quiet, Phrase::new("", "")),
    }
}
