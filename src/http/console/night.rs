//! The first page: did the night finish, what is missing and why, and what must be done now.
//!
//! It says no more than it knows: a night that was not begun, one that goes on and one that ended are told apart, and
//! "all read" is said only when nothing is missing. Reading what is missing again is left to whoever runs the nights.

mod todo;

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::advice;
use super::components::{Tone, bar, grouped, percent, state, time, token};
use super::table::{Asked, Column, Table, natural};
use super::view::View;
use super::words::{Language, Phrase, inert};
use crate::collect::UnderWay;
use crate::domain::access::Action;
use crate::domain::{Coded, Day, Id, MissingCause, Run, RunState};
use crate::store::alarm::AlarmCounts;
use crate::store::view::{MissingLine, NightGroup};

pub use todo::Waiting;

/// What the page is called.
pub const TITLE: Phrase = Phrase::new("今夜采集", "Tonight");

/// What the page shows.
#[derive(Clone, Debug)]
pub struct NightPage {
    /// The day whose beginning is read.
    pub day: Day,
    /// The run of that day, if it was begun.
    pub run: Option<Run>,
    /// How its meters stand.
    pub groups: Vec<NightGroup>,
    /// Those that are missing, one more than are listed when there are more.
    pub missing: Vec<MissingLine>,
    /// What waits besides.
    pub waiting: Waiting,
    /// Versions that a receiver of billing refused.
    pub parked: u64,
    /// Suspect values that wait for a person.
    pub reviews: u64,
    /// Alarms that nobody has acknowledged.
    pub alarms: AlarmCounts,
    /// Whether what is missing can be read again from here, and the re-read that goes on.
    pub again: Option<Option<UnderWay>>,
    /// What the address says.
    pub asked: Asked,
}

/// Meters of one area or line, or all of them.
#[derive(Clone, Debug, Default)]
struct Part {
    name: Option<String>,
    /// The run and what one of its parts is called in a form, where what is missing of it may be read again.
    again: Option<(Id<Run>, &'static str)>,
    planned: u64,
    read: u64,
    missing: u64,
    holes: u64,
    causes: BTreeMap<MissingCause, u64>,
}

impl Part {
    fn add(&mut self, group: &NightGroup) {
        self.planned += group.meters;
        self.holes += group.holes;
        if group.is_read {
            self.read += group.meters;
        }
        if let Some(cause) = group.cause {
            self.missing += group.meters;
            *self.causes.entry(cause).or_default() += group.meters;
        }
    }

    /// Why meters are missing, the most frequent cause first.
    fn causes(&self) -> Vec<(MissingCause, u64)> {
        let mut causes: Vec<_> = self.causes.iter().map(|(cause, count)| (*cause, *count)).collect();
        causes.sort_by_key(|(cause, count)| (std::cmp::Reverse(*count), cause.code()));
        causes
    }

    const fn waiting(&self) -> u64 {
        self.planned.saturating_sub(self.read).saturating_sub(self.missing)
    }
}

impl NightPage {
    /// The page without what is around it.
    #[must_use]
    pub fn markup(&self, view: &View) -> Markup {
        let all = self.all();
        html! {
            (self.days(view))
            div #night data-live=[self.is_moving().then_some("run")] {
                (self.verdict(view, &all))
                (self.tiles(view, &all))
                div.columns {
                    section.sheet {
                        h2 { (view.say("现在要做什么", "What to do now")) }
                        (self.todo(view, &all))
                        (self.again(view, &all))
                    }
                    section.sheet {
                        h2 { (view.say("未抄原因", "Why meters are missing")) }
                        @if self.run.is_some() { (causes(view, &all)) } @else { p { "—" } }
                    }
                }
            }
            (self.areas(view).markup(view))
            (self.lines(view).markup(view))
            (self.missing(view).markup(view))
        }
    }

    /// The file of one of its tables, when that is what was asked for.
    #[must_use]
    pub fn file(&self, view: &View) -> Option<String> {
        let language = view.look.language;
        let areas = || self.areas(view).file(language);
        areas().or_else(|| self.lines(view).file(language)).or_else(|| self.missing(view).file(language))
    }

    /// True when the missing meters of this run may be read again now.
    fn may_read_again(&self, view: &View) -> bool {
        let is_over = self.run.is_some() && !self.is_running();
        is_over && self.again == Some(None) && view.may(Action::ReadOnDemand)
    }

    /// The form that has all that is missing read again, or the re-read that goes on.
    fn again(&self, view: &View, all: &Part) -> Markup {
        html! {
            @if let Some(Some(UnderWay { day, meters, since, by, .. })) = &self.again {
                p { (state(Tone::Waiting, view.say("补抄进行中", "re-reading"))) " " (day) " · "
                    (meters) (view.say(" 块 · ", " meters · ")) (inert(by)) " " (time(*since)) }
            }
            @if let Some(run) = self.run.as_ref().filter(|_| all.missing > 0 && self.may_read_again(view)) {
                form.no-print method="post" action="/again" {
                    (token(view))
                    input type="hidden" name="run" value=(run.id);
                    input type="hidden" name="back" value=(view.here);
                    button { (view.say("补抄全部未抄", "Read all missing again")) " (" (all.missing) ")" }
                }
            }
        }
    }

    /// More than are listed are not counted.
    fn reviews_said(&self) -> String {
        let is_whole = self.reviews <= MOST_REVIEWS;
        format!("{}{}", if is_whole { "" } else { "≥ " }, grouped(self.reviews))
    }

    /// What is said where there was no run: a day that is over was missed, one that is not may yet be read.
    fn no_run(&self, view: &View) -> Phrase {
        if self.day < Day::of(view.now) {
            Phrase::new("这一天没有采集", "This day was not collected")
        } else {
            Phrase::new("这一天还没有采集", "This day has not been collected yet")
        }
    }

    fn is_running(&self) -> bool {
        self.run.as_ref().is_some_and(|run| run.state == RunState::Running)
    }

    fn is_moving(&self) -> bool {
        self.is_running() || matches!(self.again, Some(Some(_)))
    }

    fn all(&self) -> Part {
        let mut all = Part::default();
        self.groups.iter().for_each(|group| all.add(group));
        all
    }

    fn days(&self, view: &View) -> Markup {
        let (before, after) = (self.day.previous(), self.day.next());
        html! {
            form.pick method="get" {
                label.field {
                    span { (view.say("日期", "Day")) }
                    input type="date" name="day" value=(self.day);
                }
                button { (view.say("查看", "Show")) }
                a href={ "?day=" (before) } rel="prev" { "◀ " (before) }
                @if after <= Day::of(view.now) { a href={ "?day=" (after) } rel="next" { (after) " ▶" } }
            }
        }
    }

    /// Did the night finish?
    fn verdict(&self, view: &View, all: &Part) -> Markup {
        let (tone, answer) = self.answer(view, all);
        html! {
            section.sheet.verdict data-tone=(tone.key()) aria-live="polite" {
                p.answer { (state(tone, &answer)) }
                @if let Some(run) = &self.run {
                    p {
                        (view.say("采集 ", "Reads of ")) (run.day) " 00:00 · "
                        (view.say("开始 ", "begun ")) (time(run.started_at)) " · "
                        @match run.ended_at {
                            Some(at) => { (view.say("结束 ", "ended ")) (time(at)) }
                            None => { (view.say("截止 ", "ends by ")) (time(run.deadline)) }
                        }
                    }
                    (bar(
                        &format!("{} / {}", all.read, all.planned),
                        all.planned,
                        &[(Tone::Good, all.read), (Tone::Bad, all.missing)],
                    ))
                }
            }
        }
    }

    fn answer(&self, view: &View, all: &Part) -> (Tone, String) {
        let (read, planned, missing) = (grouped(all.read), grouped(all.planned), grouped(all.missing));
        let zh = view.look.language == Language::Chinese;
        match self.run.as_ref().map(|run| run.state) {
            None if self.day < Day::of(view.now) => {
                (Tone::Warn, self.no_run(view).of(view.look.language).to_owned())
            }
            None => (Tone::Quiet, self.no_run(view).of(view.look.language).to_owned()),
            Some(RunState::Running) if zh => {
                let share = percent(all.read, all.planned);
                (Tone::Waiting, format!("采集进行中：已抄 {read} / {planned}（{share}），缺 {missing}"))
            }
            Some(RunState::Running) => {
                let share = percent(all.read, all.planned);
                (Tone::Waiting, format!("Collecting: {read} of {planned} read ({share}), {missing} missing"))
            }
            Some(_) if all.missing == 0 && all.waiting() == 0 && zh => {
                (Tone::Good, format!("采集完成：{planned} 块电能表全部抄到"))
            }
            Some(_) if all.missing == 0 && all.waiting() == 0 => {
                (Tone::Good, format!("Done: all {planned} meters were read"))
            }
            Some(_) => {
                let tone = if all.read * 100 >= all.planned * 98 { Tone::Warn } else { Tone::Bad };
                let share = percent(all.read, all.planned);
                let words = if zh {
                    format!("采集结束：缺 {missing} 块，已抄 {read} / {planned}（{share}）")
                } else {
                    format!("Ended with {missing} missing: {read} of {planned} read ({share})")
                };
                (tone, words)
            }
        }
    }

    fn tiles(&self, view: &View, all: &Part) -> Markup {
        let bad = |count: u64| if count > 0 { Tone::Warn } else { Tone::Quiet };
        let tile = |number: String, name: &str, tone: Tone, link: Option<&str>| {
            html! {
                li.tile data-tone=(tone.key()) {
                    b { (number) }
                    @match link { Some(link) => a href=(link) { (name) }, None => span { (name) } }
                }
            }
        };
        // Of a day without a run nothing is known, not even that nothing is missing.
        let has_run = self.run.is_some();
        let known = |number: String| if has_run { number } else { "—".to_owned() };
        let may_see_pushes = view.may(Action::SeePushes);
        let pushes = |anchor: &'static str| may_see_pushes.then_some(anchor);
        html! {
            ul.tiles {
                (tile(known(percent(all.read, all.planned)), view.say("抄表成功率", "read success rate"), Tone::Quiet, None))
                (tile(known(grouped(all.read)), view.say("已抄", "read"), Tone::Quiet, None))
                (tile(known(grouped(all.missing)), view.say("未抄", "missing"), bad(all.missing), Some("#missing")))
                (tile(known(grouped(all.waiting())), view.say("等待", "waiting"), Tone::Quiet, None))
                (tile(known(grouped(all.holes)), view.say("曲线缺点", "curve slots missing"), bad(all.holes), None))
                (tile(self.reviews_said(), view.say("待复核", "for review"), bad(self.reviews), pushes("/billing#reviews")))
                (tile(grouped(self.parked), view.say("计费拒收", "refused by billing"), bad(self.parked), pushes("/billing?state=parked")))
            }
        }
    }

    /// The filter knows the names of both languages.
    fn of_cause(&self, cause: MissingCause) -> String {
        let link = self.asked.link(&[("missing-q", Some(Coded::name(cause)))]);
        format!("{link}#missing")
    }

    fn parts(&self, view: &View, called: &'static str, of: fn(&NightGroup) -> Option<&String>) -> Vec<Part> {
        let mut parts: BTreeMap<Option<&String>, Part> = BTreeMap::new();
        for group in &self.groups {
            let name = of(group);
            let part = parts.entry(name).or_insert_with(|| Part { name: name.cloned(), ..Part::default() });
            part.add(group);
        }
        let mut parts: Vec<Part> = parts.into_values().collect();
        if let Some(run) = self.run.as_ref().filter(|_| self.may_read_again(view)) {
            let missing = parts.iter_mut().filter(|part| part.missing > 0 && part.name.is_some());
            missing.for_each(|part| part.again = Some((run.id, called)));
        }
        parts.sort_by_cached_key(|part| {
            (std::cmp::Reverse(part.missing), natural(part.name.as_deref().unwrap_or_default()))
        });
        parts
    }

    fn areas(&self, view: &View) -> Table<Part> {
        let caption = Phrase::new("按台区", "By transformer area");
        let columns = part_columns(Phrase::new("台区", "Area"));
        Table::new("areas", caption, self.no_run(view), columns, &self.asked)
            .whole(self.parts(view, "areas", |group| group.area.as_ref()), view.look.language)
    }

    fn lines(&self, view: &View) -> Table<Part> {
        let caption = Phrase::new("按线路和终端", "By line and terminal");
        let columns = part_columns(Phrase::new("线路", "Line"));
        Table::new("lines", caption, self.no_run(view), columns, &self.asked)
            .whole(self.parts(view, "lines", |group| group.line.as_ref()), view.look.language)
    }

    fn missing(&self, view: &View) -> Table<MissingLine> {
        let caption = Phrase::new("未抄电能表", "Missing meters");
        let none = Phrase::new("没有未抄的电能表", "No meter is missing");
        let empty = if self.run.is_some() { none } else { self.no_run(view) };
        let columns = missing_columns(view.may(Action::SeeCustomers));
        let most = usize::try_from(MOST_MISSING).unwrap_or(usize::MAX);
        let rows = self.missing.iter().take(most).cloned().collect();
        let table = Table::new("missing", caption, empty, columns, &self.asked);
        table.cut_off(self.missing.len() > most).whole(rows, view.look.language)
    }
}

fn causes(view: &View, all: &Part) -> Markup {
    let language = view.look.language;
    html! {
        @if all.causes.is_empty() { p { (view.say("没有未抄。", "Nothing is missing.")) } }
        @else {
            table {
                thead { tr {
                    th scope="col" { (view.say("原因", "Cause")) }
                    th.number scope="col" { (view.say("表数", "Meters")) }
                    th scope="col" { (view.say("占未抄", "Of all missing")) }
                } }
                tbody { @for (cause, count) in all.causes() { tr {
                    th scope="row" { (advice::name(cause, language)) }
                    td.number { (grouped(count)) }
                    td { (bar(&percent(count, all.missing), all.missing, &[(Tone::Bad, count)])) }
                } } }
            }
        }
    }
}

fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn part_columns(name: Phrase) -> Vec<Column<Part>> {
    vec![
        Column::new("name", name.zh, name.en, |part: &Part, language| {
            part.name.clone().unwrap_or_else(|| language.of("（无）", "(none)").to_owned())
        }),
        Column::new("planned", "计划", "Planned", |part: &Part, _| part.planned.to_string())
            .number()
            .by(|part| number(part.planned)),
        Column::new("read", "已抄", "Read", |part: &Part, _| part.read.to_string())
            .number()
            .by(|part| number(part.read)),
        Column::new("missing", "未抄", "Missing", |part: &Part, _| part.missing.to_string())
            .number()
            .by(|part| number(part.missing)),
        Column::new("rate", "成功率", "Success", |part: &Part, _| percent(part.read, part.planned))
            .number()
            .by(|part| number(part.read.saturating_mul(10_000) / part.planned.max(1))),
        Column::new("holes", "曲线缺点", "Slots missing", |part: &Part, _| part.holes.to_string())
            .number()
            .by(|part| number(part.holes)),
        Column::new("causes", "原因", "Causes", |part: &Part, language| {
            let words =
                |(cause, count): (MissingCause, u64)| format!("{} {count}", advice::name(cause, language));
            part.causes().into_iter().take(3).map(words).collect::<Vec<_>>().join(language.of("，", ", "))
        })
        .unsorted(),
        Column::new("again", "补抄", "Read again", |_: &Part, _| String::new()).shown(again_form).unsorted(),
    ]
}

/// The form that has what is missing of a part read again.
fn again_form(part: &Part, view: &View) -> Markup {
    html! { @if let (Some((run, called)), Some(name)) = (part.again, &part.name) {
        form.row method="post" action="/again" {
            (token(view))
            input type="hidden" name="run" value=(run);
            input type="hidden" name=(called) value=(name);
            input type="hidden" name="back" value=(view.here);
            button.quiet aria-label={ (view.say("补抄 ", "Read again ")) (inert(name)) } { (view.say("补抄", "Read again")) }
        }
    } }
}

fn missing_columns(with_customers: bool) -> Vec<Column<MissingLine>> {
    let mut columns = vec![
        Column::new("address", "通信地址", "Address", |line: &MissingLine, _| line.address.clone())
            .shown(|line, _| html! { a.code href={ "/meters/" (line.address) } { (line.address) } }),
        Column::new("point", "计量点", "Point", |line: &MissingLine, _| {
            line.point.clone().unwrap_or_default()
        }),
    ];
    if with_customers {
        columns.push(Column::new("customer", "用户", "Customer", |line: &MissingLine, _| {
            line.customer.as_ref().map_or_else(String::new, |(number, name)| format!("{number} {name}"))
        }));
    }
    columns.extend([
        Column::new("area", "台区", "Area", |line: &MissingLine, _| line.area.clone().unwrap_or_default()),
        Column::new("line", "线路", "Line", |line: &MissingLine, _| line.line.clone().unwrap_or_default()),
        Column::new("cause", "原因", "Cause", |line: &MissingLine, language| {
            advice::name(line.cause, language).to_owned()
        }),
        Column::new("detail", "说明", "Detail", |line: &MissingLine, language| {
            language.detail(line.detail.as_deref().unwrap_or_default())
        }),
        Column::new("since", "时间", "Since", |line: &MissingLine, _| line.since.in_china().to_string())
            .by(|line| line.since.micros()),
    ]);
    columns
}

/// Reviews that are counted.
pub const MOST_REVIEWS: u64 = 500;
/// Missing meters that are listed; there are more only where a whole site is missing.
pub const MOST_MISSING: u32 = 5000;

#[cfg(test)]
pub(crate) fn sample(asked: Asked) -> NightPage {
    use crate::domain::{Id, RunKind};
    let day: Day = "2026-11-28".parse().unwrap();
    let minutes = |minutes: u64| day.start().plus(std::time::Duration::from_secs(60 * minutes));
    let group = |area: &str, line: &str, cause: Option<MissingCause>, meters| NightGroup {
        area: Some(area.to_owned()),
        line: Some(line.to_owned()),
        is_read: cause.is_none(),
        cause,
        meters,
        holes: if cause.is_some() { 96 * meters } else { 3 },
    };
    let missing = |number: i64, cause, detail: &str| MissingLine {
        meter: Id::new(number),
        address: format!("2024111100{number:02}"),
        point: Some(format!("P{number:07}")),
        customer: Some((format!("H{number:07}"), "王小明".to_owned())),
        area: Some("朝阳3号台区".to_owned()),
        line: Some("东区1号线".to_owned()),
        cause,
        detail: Some(detail.to_owned()),
        since: minutes(47),
    };
    NightPage {
        day,
        run: Some(Run {
            id: Id::new(1),
            scope: "site".to_owned(),
            day,
            kind: RunKind::Nightly,
            state: RunState::Partial,
            planned: 1200,
            started_at: minutes(5),
            deadline: minutes(360),
            ended_at: Some(minutes(61)),
        }),
        groups: vec![
            group("朝阳3号台区", "东区1号线", None, 612),
            group("朝阳3号台区", "东区1号线", Some(MissingCause::Silent), 7),
            group("朝阳3号台区", "东区1号线", Some(MissingCause::Clock), 2),
            group("滨河1号台区", "西区2号线", None, 565),
            group("滨河1号台区", "西区2号线", Some(MissingCause::LineDown), 14),
        ],
        missing: vec![
            missing(11, MissingCause::Silent, "00010000: no answer in 3 attempts"),
            missing(12, MissingCause::Clock, "时钟快 412 秒"),
            missing(13, MissingCause::LineDown, ""),
        ],
        waiting: Waiting { lines_down: vec!["西区2号线".to_owned()], ..Waiting::default() },
        parked: 2,
        alarms: AlarmCounts { critical: 1, warning: 0, notice: 0 },
        again: Some(None),
        reviews: 5,
        asked,
    }
}

#[cfg(test)]
mod tests;
