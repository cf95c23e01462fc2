//! On-demand reads (召测): ask meters now, watch how far it is, see what they said.
//!
//! A result stands beside its question only: each answer says between which moments the meter gave it, and what was known
//! before is named as that. A meter that did not answer has a cause and no value.

use std::time::Duration;

use maud::{Markup, html};

use super::advice;
use super::components::{Tone, age, bar, facts, field, said, state, time, token};
use super::meter::frames;
use super::table::{Asked, Column, Table, natural};
use super::view::View;
use super::words::{Language, Phrase, inert};
use crate::collect::on_demand::{LiveRead, MeterStatus};
use crate::domain::{Coded, Day, ReadAnswer, ReadGroup, ReadJob, ReadState, ReadValue, ValueBefore};

/// What the page of all jobs is called.
pub const TITLE: Phrase = Phrase::new("召测", "Read now");

/// What the page of one job is called.
pub const TITLE_OF_ONE: Phrase = Phrase::new("召测任务", "Read job");

/// A new job, and those that there are.
#[derive(Clone, Debug)]
pub struct ReadsPage {
    /// Addresses to begin with.
    pub addresses: String,
    /// Groups that are chosen.
    pub chosen: Vec<ReadGroup>,
    /// What names the form: sent twice, it is one job.
    pub key: String,
    /// The newest jobs.
    pub jobs: Vec<ReadJob>,
    /// What the address says.
    pub asked: Asked,
}

/// One job.
#[derive(Clone, Debug)]
pub struct ReadPage {
    /// The job.
    pub job: ReadJob,
    /// Its meters, as many as are listed, with where they stand.
    pub meters: Vec<MeterStatus>,
    /// The meter whose answers are shown: its place among them, and the answers.
    pub shown: Option<(usize, Vec<ReadAnswer>)>,
    /// What several meters said, with the address of each: to be compared, and taken as a file.
    pub values: Vec<(String, ReadValue)>,
    /// What the address says.
    pub asked: Asked,
}

impl ReadsPage {
    /// The page without what is around it.
    #[must_use]
    pub fn markup(&self, view: &View) -> Markup {
        html! {
            (self.form(view))
            div #jobs data-live="read" { (self.table(view).markup(view)) }
        }
    }

    /// The file of the list, when that is what was asked for.
    #[must_use]
    pub fn file(&self, view: &View) -> Option<String> {
        self.table(view).file(view.look.language)
    }

    fn form(&self, view: &View) -> Markup {
        let language = view.look.language;
        html! {
            form.sheet method="post" action="/reads" {
                (token(view))
                input type="hidden" name="key" value=(self.key);
                (field(view.say("电能表通信地址（可多个，用空格或换行分开）", "Addresses of meters (several, apart by space or line)"),
                    &html! { textarea name="meters" rows="3" cols="60" required maxlength="20000" { (self.addresses) } }))
                fieldset {
                    legend { (view.say("读什么", "What to read")) }
                    div.choices { @for group in ReadGroup::all() {
                        label {
                            input type="checkbox" name=(format!("group_{}", group.name())) value="1"
                                checked[self.chosen.contains(&group)];
                            " " (language.of(group.name_zh(), group.name_en()))
                        }
                    } }
                }
                button { (view.say("开始召测", "Read now")) }
                p.hint { (view.say("排在夜间采集前面；读到的值不进计费。", "It goes before the nightly run; nothing read here is billed.")) }
            }
        }
    }

    fn table(&self, view: &View) -> Table<ReadJob> {
        let columns = vec![
            Column::new("id", "编号", "Number", |job: &ReadJob, _| job.id.to_string())
                .shown(|job, _| html! { a href={ "/reads/" (job.id) } { (said(job.id.number())) } })
                .by(|job| job.id.number()),
            Column::new("said", "简号", "Short number", |job: &ReadJob, _| said(job.id.number())).in_file(),
            Column::new("created", "提出时间", "Asked at", |job: &ReadJob, _| {
                job.created_at.in_china().to_string()
            }),
            Column::new("by", "提出人", "By", |job: &ReadJob, _| job.asked_by.clone()),
            Column::new("groups", "内容", "What", |job: &ReadJob, language| groups(&job.groups, language)),
            Column::new("meters", "表数", "Meters", |job: &ReadJob, _| job.meters.to_string())
                .number()
                .by(|job| job.meters.into()),
            Column::new("waiting", "未完", "Not ended", |job: &ReadJob, _| job.waiting.to_string())
                .number()
                .by(|job| job.waiting.into()),
            Column::new("state", "状态", "State", |job: &ReadJob, language| {
                name(job.state, language).to_owned()
            })
            .shown(|job, view| state_of(job.state, view.look.language)),
        ];
        let empty = Phrase::new("还没有召测任务", "No job yet");
        Table::new("", Phrase::new("召测任务", "Read jobs"), empty, columns, &self.asked)
            .whole(self.jobs.clone(), view.look.language)
    }
}

impl ReadPage {
    /// The page without what is around it.
    #[must_use]
    pub fn markup(&self, view: &View) -> Markup {
        let live = (!self.job.state.has_ended()).then_some("read");
        html! {
            div #job data-live=[live] {
                (self.head(view))
                (self.table(view).markup(view))
                @if let Some((place, answers)) = &self.shown { (self.answers(view, *place, answers)) }
                @if !self.values.is_empty() { (self.compared(view).markup(view)) }
                @else if self.meters.len() > 1 { p.no-print {
                    a.button href=(self.asked.link(&[("csv", Some(VALUES))])) { (view.say("导出全部读数 CSV", "Export all values as CSV")) }
                } }
            }
            p.no-print { a href="/reads" { "◀ " (view.say("全部召测任务", "All read jobs")) } }
        }
    }

    /// The file of its meters, when that is what was asked for.
    #[must_use]
    pub fn file(&self, view: &View) -> Option<String> {
        let language = view.look.language;
        self.table(view).file(language).or_else(|| self.compared(view).file(language))
    }

    /// What all meters said, value by value.
    fn compared(&self, view: &View) -> Table<(String, ReadValue)> {
        type Said = (String, ReadValue);
        let language = view.look.language;
        let columns = vec![
            Column::new("what", "内容", "What", |(_, value): &Said, language| {
                language.of(&value.name_zh, &value.name).to_owned()
            }),
            Column::new("meter", "通信地址", "Meter", |(address, _): &Said, _| address.clone())
                .shown(|(address, _), _| html! { a.code href={ "/meters/" (address) } { (address) } }),
            Column::new("value", "现在", "Now", |(_, value): &Said, language| match &value.value {
                Some(shown) => language.meter_time(shown),
                None => language
                    .of(
                        value.absent_zh.as_deref().unwrap_or("无数值"),
                        value.absent.as_deref().unwrap_or("no value"),
                    )
                    .to_owned(),
            })
            .number(),
            Column::new("unit", "单位", "Unit", |(_, value): &Said, language| {
                language.unit(value.unit.as_deref().unwrap_or_default()).to_owned()
            }),
            Column::new("meter_time", "表内时间", "Meter's time", |(_, value): &Said, language| {
                language.meter_time(value.meter_time.as_deref().unwrap_or_default())
            }),
            Column::new("before", "此前（昨夜）", "Before (last night)", |(_, value): &Said, _| {
                value.before.as_ref().map(|before| before.value.clone()).unwrap_or_default()
            })
            .number(),
            Column::new("change", "变化", "Change", |(_, value): &Said, _| {
                value.before.as_ref().map(|before| before.change.clone()).unwrap_or_default()
            })
            .number(),
            Column::new("doubt", "存疑", "Doubt", |(_, value): &Said, language| {
                let (zh, en) = (value.doubt_zh.as_deref(), value.doubt.as_deref());
                language.of(zh.unwrap_or_default(), en.unwrap_or_default()).to_owned()
            }),
        ];
        let mut rows = self.values.clone();
        rows.sort_by_cached_key(|(address, value)| {
            (natural(language.of(&value.name_zh, &value.name)), address.clone())
        });
        let caption = Phrase::new("读数比较", "Values of all meters");
        let empty = Phrase::new("还没有读数", "No value yet");
        Table::new(VALUES, caption, empty, columns, &self.asked).whole(rows, language)
    }

    fn head(&self, view: &View) -> Markup {
        let ReadJob {
            id,
            asked_by,
            groups: of,
            state: stands,
            meters,
            waiting,
            created_at,
            expires_at,
            ended_at,
            ..
        } = &self.job;
        let language = view.look.language;
        let ended = u64::from(meters.saturating_sub(*waiting));
        html! {
            section.sheet.verdict data-tone=(tone(*stands).key()) aria-live="polite" {
                p.answer { (state_of(*stands, language)) }
                (bar(&format!("{ended} / {meters}"), (*meters).into(), &[(Tone::Good, ended)]))
                (facts(&[
                    (view.say("编号", "Number"), html! { b { (said(id.number())) } " " small { (id) } }),
                    (view.say("提出人", "Asked by"), html! { (inert(asked_by)) }),
                    (view.say("提出时间", "Asked at"), time(*created_at)),
                    (view.say("截止", "Ends by"), time(*expires_at)),
                    (view.say("结束", "Ended"), html! { @match ended_at { Some(at) => (time(*at)), None => "—" } }),
                    (view.say("内容", "What"), html! { (groups(of, language)) }),
                    (view.say("表数", "Meters"), html! { (ended) " / " (meters) }),
                ]))
                @if !stands.has_ended() {
                    form.no-print method="post" action={ "/reads/" (id) "/cancel" } {
                        (token(view))
                        button.quiet { (view.say("取消", "Take it back")) }
                        " " a href={ "/reads/" (id) } { (view.say("刷新", "Refresh")) }
                    }
                }
            }
        }
    }

    fn table(&self, view: &View) -> Table<Line> {
        let line = |status: &MeterStatus| Line { job: self.job.id.number(), status: status.clone() };
        let columns = vec![
            Column::new("address", "通信地址", "Address", |line: &Line, _| {
                line.status.read.address.to_string()
            })
            .shown(|line, _| {
                html! {
                    a.code href={ "/reads/" (line.job) "?meter=" (line.status.read.address) } {
                        (line.status.read.address)
                    }
                }
            }),
            Column::new("state", "状态", "State", |line: &Line, language| {
                name(line.status.read.state, language).to_owned()
            })
            .shown(|line, view| state_of(line.status.read.state, view.look.language)),
            Column::new("live", "进展", "Progress", |line: &Line, language| {
                progress(&line.status, language)
            })
            .unsorted(),
            Column::new("cause", "原因", "Cause", |line: &Line, language| {
                line.status.read.cause.map_or("", |cause| advice::name(cause, language)).to_owned()
            }),
            Column::new("detail", "说明", "Detail", |line: &Line, language| {
                language.detail(line.status.read.detail.as_deref().unwrap_or_default())
            }),
            Column::new("changed", "时间", "Since", |line: &Line, _| {
                line.status.read.changed_at.in_china().to_string()
            }),
        ];
        let caption = Phrase::new("电能表", "Meters");
        Table::new("", caption, Phrase::new("没有电能表", "No meter"), columns, &self.asked)
            .whole(self.meters.iter().map(line).collect(), view.look.language)
    }

    fn answers(&self, view: &View, place: usize, answers: &[ReadAnswer]) -> Markup {
        let language = view.look.language;
        let address =
            self.meters.get(place).map(|status| status.read.address.to_string()).unwrap_or_default();
        html! {
            h2 { (view.say("电能表 ", "Meter ")) a.code href={ "/meters/" (address) } { (address) } }
            @if answers.is_empty() { p { (view.say("还没有应答。", "No answer yet.")) } }
            @for answer in answers { section.sheet { (answer_markup(view, answer, language)) } }
        }
    }
}

/// A meter in the list of a job.
#[derive(Debug)]
struct Line {
    job: i64,
    status: MeterStatus,
}

fn answer_markup(view: &View, answer: &ReadAnswer, language: Language) -> Markup {
    html! {
        h3 { (language.of(answer.group.name_zh(), answer.group.name_en())) " " span.code { (inert(&answer.data_id)) } }
        @match (&answer.given, &answer.missing) {
            (Some((from, until)), _) => p {
                (view.say("电表应答于 ", "The meter answered between ")) (time(*from)) " – " (time(*until))
                " · " (age(view, *until))
                @if answer.is_doubtful { " " (state(Tone::Warn, view.say(
                    "存疑：也可能是对前一次提问的应答", "doubtful: it may answer the question before"))) }
            },
            (None, Some((cause, detail))) => p {
                (state(Tone::Bad, advice::name(*cause, language))) " " (inert(&language.detail(detail))) " "
                (advice::of(*cause).of(language))
            },
            (None, None) => {},
        }
        @if !answer.values.is_empty() { (values(view, &answer.values, language)) }
        @if !answer.frames.is_empty() {
            details { summary { (view.say("报文", "Frames")) } (frames(view, &answer.frames, None)) }
        }
    }
}

fn values(view: &View, values: &[ReadValue], language: Language) -> Markup {
    html! {
        div.scroll { table {
            thead { tr {
                th scope="col" { (view.say("内容", "What")) }
                th.number scope="col" { (view.say("现在", "Now")) }
                th scope="col" { (view.say("表内时间", "Meter's time")) }
                th.number scope="col" { (view.say("此前（昨夜）", "Before (last night)")) }
                th.number scope="col" { (view.say("变化", "Change")) }
            } }
            tbody { @for value in values {
                tr {
                    th scope="row" { (inert(language.of(&value.name_zh, &value.name))) }
                    td.number { @match &value.value {
                        Some(shown) => { (inert(&language.meter_time(shown))) " " (inert(language.unit(value.unit.as_deref().unwrap_or_default()))) }
                        None => { "— " (inert(language.of(
                            value.absent_zh.as_deref().unwrap_or("无数值"),
                            value.absent.as_deref().unwrap_or("no value")))) }
                    }
                    @if let (Some(zh), Some(en)) = (&value.doubt_zh, &value.doubt) {
                        " (" (inert(language.of(zh, en))) ")"
                    } }
                    td { (inert(&language.meter_time(value.meter_time.as_deref().unwrap_or_default()))) }
                    @match &value.before {
                        Some(ValueBefore { value, as_of, change }) => {
                            td.number { (inert(value)) " (" (here(as_of)) ")" }
                            td.number { (inert(change)) }
                        }
                        None => { td {} td {} }
                    }
                }
                @for bits in &value.bits { tr {
                    td { (view.say("位 ", "bit ")) (bits.bit) " " (inert(language.of(&bits.name_zh, &bits.name))) }
                    td colspan="4" { (bits.value) " " (inert(language.of(&bits.meaning_zh, &bits.meaning))) }
                } }
            } }
        } }
    }
}

/// An instant of RFC 3339 in UTC as clocks here show it; any other text as it is.
fn here(text: &str) -> String {
    let moment = || {
        let (day, time) = text.strip_suffix('Z')?.split_once('T')?;
        let mut parts = time.splitn(3, ':').map(|part| part.get(..2)?.parse::<u64>().ok());
        let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
        let since = Duration::from_secs(hours * 3600 + minutes * 60 + seconds) + AHEAD;
        Some(day.parse::<Day>().ok()?.start().plus(since))
    };
    moment().map_or_else(|| inert(text), |moment| moment.in_china().to_string())
}

fn progress(status: &MeterStatus, language: Language) -> String {
    match status.live {
        None => String::new(),
        Some(LiveRead::Waiting { before }) => match language {
            Language::Chinese => format!("排队，前面 {before} 块"),
            Language::English => format!("waits behind {before}"),
        },
        Some(LiveRead::Asking(asking)) => {
            let step = asking.step.map(|(group, done, all)| {
                format!("{} {done}/{all}", language.of(group.name_zh(), group.name_en()))
            });
            let question = asking.question.map(|(id, _)| id.to_string());
            [step, question].into_iter().flatten().collect::<Vec<_>>().join(" · ")
        }
    }
}

fn groups(groups: &[ReadGroup], language: Language) -> String {
    let name = |group: &ReadGroup| language.of(group.name_zh(), group.name_en());
    groups.iter().map(name).collect::<Vec<_>>().join(language.of("；", "; "))
}

fn name(state: ReadState, language: Language) -> &'static str {
    language.of(state.name_zh(), Coded::name(state))
}

fn state_of(of: ReadState, language: Language) -> Markup {
    state(tone(of), name(of, language))
}

const fn tone(state: ReadState) -> Tone {
    match state {
        ReadState::Waiting => Tone::Waiting,
        ReadState::Done => Tone::Good,
        ReadState::Partly => Tone::Warn,
        ReadState::Failed | ReadState::Expired => Tone::Bad,
        ReadState::Cancelled => Tone::Quiet,
    }
}

/// How far clocks here are ahead of UTC.
const AHEAD: Duration = Duration::from_secs(8 * 3600);

/// What an address calls the table of all values.
pub const VALUES: &str = "values";

#[cfg(test)]
pub(crate) fn sample(asked: Asked) -> (ReadsPage, ReadPage) {
    use crate::collect::on_demand::Asking;
    use crate::domain::{Id, MeterRead, MissingCause};
    let at = "2026-11-28".parse::<Day>().unwrap().start().plus(Duration::from_secs(8 * 3600 + 700));
    let job = ReadJob {
        id: Id::new(41),
        account: Id::new(1),
        asked_by: "zhang.wei".to_owned(),
        groups: vec![ReadGroup::Registers, ReadGroup::Status],
        state: ReadState::Waiting,
        meters: 3,
        waiting: 1,
        created_at: at,
        expires_at: at.plus(Duration::from_secs(900)),
        ended_at: None,
    };
    let meter = |number: u32, state, cause: Option<MissingCause>, live| MeterStatus {
        read: MeterRead {
            meter: Id::new(number.into()),
            address: format!("2024111100{number:02}").parse().unwrap(),
            state,
            cause,
            detail: cause.map(|_| "3 × 2 s".to_owned()),
            changed_at: at,
        },
        live,
    };
    let asking = Asking { step: Some((ReadGroup::Registers, 3, 9)), question: None };
    let value = |name: &str, name_zh: &str, value: &str, unit: &str, before: Option<ValueBefore>| ReadValue {
        name: name.to_owned(),
        name_zh: name_zh.to_owned(),
        value: Some(value.to_owned()),
        unit: Some(unit.to_owned()),
        before,
        ..ReadValue::default()
    };
    let before = ValueBefore {
        value: "1255.5600".to_owned(),
        as_of: "2026-11-27T16:00:00Z".to_owned(),
        change: "3.4400".to_owned(),
    };
    let registers = ReadAnswer {
        group: ReadGroup::Registers,
        data_id: "00010000".to_owned(),
        given: Some((at, at.plus(Duration::from_millis(400)))),
        is_doubtful: true,
        frames: vec![0x68, 0x16],
        values: vec![value(
            "forward active energy, total",
            "正向有功总电能",
            "1259.0000",
            "kWh",
            Some(before),
        )],
        missing: None,
    };
    let silent = ReadAnswer {
        group: ReadGroup::Status,
        data_id: "04000503".to_owned(),
        given: None,
        is_doubtful: false,
        frames: Vec::new(),
        values: Vec::new(),
        missing: Some((MissingCause::Silent, "3 × 2 s".to_owned())),
    };
    let meters = vec![
        meter(1, ReadState::Done, None, None),
        meter(2, ReadState::Failed, Some(MissingCause::Silent), None),
        meter(3, ReadState::Waiting, None, Some(LiveRead::Asking(asking))),
    ];
    let all = ReadsPage {
        addresses: "202411110001".to_owned(),
        chosen: vec![ReadGroup::Registers],
        key: "k".to_owned(),
        jobs: vec![
            job.clone(),
            ReadJob { id: Id::new(40), state: ReadState::Done, waiting: 0, ..job.clone() },
        ],
        asked: asked.clone(),
    };
    let value = registers.values.first().cloned().unwrap_or_default();
    let said = |meter: &MeterStatus| (meter.read.address.to_string(), value.clone());
    let values = meters.iter().take(2).map(said).collect();
    (all, ReadPage { job, meters, shown: Some((0, vec![registers.clone(), silent])), values, asked })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::access::Role;
    use crate::http::console::view;

    #[test]
    fn a_job_shows_where_each_meter_stands_and_when_it_answered() {
        let (all, one) = sample(Asked::default());
        let zh = one.markup(&view::sample(Language::Chinese, Role::Operator)).into_string();
        for part in [
            "进行中",
            "2 / 3",
            "当前示值（总及各费率） 3/9",
            "电表应答于",
            "存疑",
            "1255.5600",
            "电表无应答",
            "data-live=\"read\"",
        ] {
            assert!(zh.contains(part), "{part}: {zh}");
        }
        let en = all.markup(&view::sample(Language::English, Role::Operator)).into_string();
        for part in
            ["name=\"group_registers\"", "202411110001</textarea>", "href=\"/reads/41\"", "name=\"csrf\""]
        {
            assert!(en.contains(part), "{part}: {en}");
        }
    }

    #[test]
    fn what_several_meters_said_stands_side_by_side_and_is_a_file() {
        let (_, one) = sample(Asked(vec![("csv".to_owned(), "values".to_owned())]));
        let file = one.file(&view::sample(Language::Chinese, Role::Operator)).unwrap();
        let lines: Vec<&str> = file.lines().collect();
        assert_eq!(lines.len(), 3, "{file}");
        assert!(lines[1].starts_with("正向有功总电能,202411110001,1259.0000,kWh"), "{file}");
        assert!(lines[2].starts_with("正向有功总电能,202411110002,1259.0000,kWh"), "{file}");
        let (_, one) = sample(Asked::default());
        let page = one.markup(&view::sample(Language::English, Role::Operator)).into_string();
        assert!(
            page.contains("Values of all meters") && page.contains("name=\"csv\" value=\"values\""),
            "{page}"
        );
    }

    #[test]
    fn what_was_known_before_is_dated_as_clocks_here_show_it() {
        assert_eq!(here("2026-11-27T16:00:00Z"), "2026-11-28 00:00:00");
        for odd in ["", "2026-11-27T16:00", "x\u{202e}Z", "2026-11-27T1Z"] {
            assert_eq!(here(odd), inert(odd), "{odd}");
        }
    }

    #[test]
    fn f06_a_meter_that_did_not_answer_has_a_cause_and_no_value() {
        let (_, mut page) = sample(Asked::default());
        page.shown = page.shown.map(|(place, answers)| (place, answers[1..].to_vec()));
        page.job.state = ReadState::Done;
        page.values.clear();
        let text = page.markup(&view::sample(Language::English, Role::Operator)).into_string();
        assert!(text.contains("silent") && !text.contains("1259") && !text.contains("The meter answered"));
        assert!(!text.contains("data-live") && !text.contains("/cancel"), "it has ended");
    }
}
