//! One terminal: how it stands, what its archive has otherwise, its events.

use std::collections::BTreeSet;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use super::super::at_once::{Ended, SET_CLOCK, ended, form};
use super::super::components::{Tone, age, facts, field, grouped, percent, state, time, token};
use super::super::events::record;
use super::super::handlers::{answer_as, answer_of};
use super::super::proposals::records::told;
use super::super::table::{Asked, Column, Table, escaped};
use super::super::typed::{Typed, refused};
use super::super::view::View;
use super::super::words::{Language, Phrase};
use super::{Line, clock_words, link, passed, stands, written};
use crate::domain::access::Action;
use crate::domain::{Id, Run};
use crate::http::api::written::{LONGEST, some_words};
use crate::http::terminals::{Seen, WantedOfTerminal, one, passed as frames_of, propose_records, set_clock};
use crate::http::{Caller, Problem, Services};
use crate::store::terminal::{ArchiveSetting, Difference, DifferenceKind, TerminalEvent, TerminalEventLine};
use crate::terminal::{PassedFrame, TerminalStatus};

/// What the page is called, before the address.
const TITLE: Phrase = Phrase::new("终端", "Terminal");

/// What the page shows.
#[derive(Clone, Debug)]
pub struct TerminalPage {
    /// The terminal, as it is kept and as it stands.
    pub line: Line,
    /// Its newest events.
    pub events: Vec<TerminalEventLine>,
    /// The last frames between it and us, the oldest first.
    pub frames: Vec<PassedFrame>,
    /// The last run, which may be asked for what it has missed.
    pub run: Option<Id<Run>>,
    /// Records that were confirmed to be set in it, the newest first.
    pub settings: Vec<ArchiveSetting>,
    /// What was typed into a form that was not taken.
    pub typed: Typed,
    /// What the address says.
    pub asked: Asked,
}

pub(super) async fn page(
    State(services): State<Services>,
    caller: Caller,
    Path(address): Path<String>,
    view: View,
    asked: Asked,
) -> Result<Response, Problem> {
    let page = read(&services, &caller, &address, (Typed::default(), asked)).await?;
    answer_of(&services, &view, (TITLE, &address), (page.markup(&view), page.file(&view))).await
}

async fn read(
    services: &Services,
    caller: &Caller,
    address: &str,
    (typed, asked): (Typed, Asked),
) -> Result<TerminalPage, Problem> {
    let Seen { kept, now } = one(services, &caller.acting.regions, address).await?;
    let mut events = services.store.terminal_events(Some(kept.address), MOST_EVENTS).await?;
    events.retain(|event| kept.tells_of(event.meter));
    let run = services.store.newest_runs(1).await?.first().map(|run| run.id);
    let is_whole = kept.tells_of(None);
    let frames = if is_whole { frames_of(services, kept.address) } else { Vec::new() };
    let mut settings = services.store.settings_of(kept.address, MOST_SETTINGS).await?;
    settings.retain(|_| is_whole);
    Ok(TerminalPage { line: (kept, now), events, frames, run, settings, typed, asked })
}

pub(super) async fn clock(
    State(services): State<Services>,
    caller: Caller,
    Path(address): Path<String>,
    view: View,
) -> Result<Response, Problem> {
    let done = set_clock(&services, &caller, &address).await;
    match ended(done, view, &format!("/terminals/{}", escaped(&address)))? {
        Ended::Done(response) => Ok(response),
        Ended::Not(view, status) => {
            let page = read(&services, &caller, &address, Default::default()).await?;
            Ok(answer_as(status, &view, super::TITLE, &page.markup(&view)))
        }
    }
}

/// Proposes the records in which its list of meters differs from ours.
pub(super) async fn propose(
    State(services): State<Services>,
    caller: Caller,
    Path(address): Path<String>,
    view: View,
    typed: Typed,
) -> Result<Response, Problem> {
    let done = async {
        let reason = some_words(typed.text("reason"), LONGEST)?;
        let wanted = WantedOfTerminal {
            points: typed.some("points").map(points_of).transpose()?,
            removes_unknown: typed.some("remove_unknown").is_some(),
        };
        propose_records(&services, &caller, &address, wanted, reason).await
    };
    match done.await {
        Ok(id) => Ok(Redirect::to(&format!("/proposals/{id}")).into_response()),
        Err(problem) => {
            let (view, status) = refused(view, problem)?;
            let page = read(&services, &caller, &address, (typed, Asked::default())).await?;
            Ok(answer_as(status, &view, super::TITLE, &page.markup(&view)))
        }
    }
}

/// Measuring points as people write them, with commas or blanks between.
fn points_of(text: &str) -> Result<BTreeSet<u16>, Problem> {
    let is_between = |letter: char| letter.is_whitespace() || matches!(letter, ',' | '，' | '、');
    let parts = text.split(is_between).filter(|part| !part.is_empty());
    let number = |part: &str| part.parse().ok().filter(|point| (1..=2040).contains(point));
    parts.map(|part| number(part).ok_or(part)).collect::<Result<_, _>>().map_err(|part: &str| {
        let en = format!("{part:?} is no measuring point: numbers from 1 to 2040 are expected");
        let zh = format!("“{part}”不是测量点号，应为 1 至 2040");
        Problem::unacceptable("measuring_point", &en, &zh)
    })
}

impl TerminalPage {
    /// The page without what is around it.
    #[must_use]
    pub fn markup(&self, view: &View) -> Markup {
        let address = self.line.0.address.to_string();
        let (tone, words) = stands(&self.line);
        html! {
            p.no-print { a href="/terminals" { "◀ " (super::TITLE.of(view.look.language)) } " · "
                a href={ "/meters?q=" (escaped(&address)) } { (view.say("该终端下的电能表", "meters behind it")) } }
            h2 { span.code { (address) } " " (written(self.line.0.name.as_deref())) " "
                (state(tone, words.of(view.look.language))) }
            section.sheet {
                (self.facts(view))
                @if let Some(status) = &self.line.1 { (traffic(status, view)) (who(status, view)) }
            }
            (self.actions(view, &address))
            (self.differences(view).markup(view))
            (self.records(view, &address))
            (self.events(view).markup(view))
            (passed::table(&self.frames, &self.asked, view.look.language).markup(view))
        }
    }

    /// The file of one of its tables, when that is what was asked for.
    #[must_use]
    pub fn file(&self, view: &View) -> Option<String> {
        let language = view.look.language;
        let frames = || passed::table(&self.frames, &self.asked, language).file(language);
        self.differences(view).file(language).or_else(|| self.events(view).file(language)).or_else(frames)
    }

    fn facts(&self, view: &View) -> Markup {
        let (kept, status) = &self.line;
        let language = view.look.language;
        let since = status.as_ref().and_then(|status| status.connected_at).or(kept.logged_in_at);
        let read = kept.last_run.map(|(read, planned)| {
            format!("{} / {} ({})", grouped(read), grouped(planned), percent(read, planned))
        });
        let frames = kept.frames.map(|(takes, sends)| {
            format!("{} {takes}, {} {sends}", language.of("收", "takes"), language.of("发", "sends"))
        });
        facts(&[
            (view.say("登录时间", "Logged in"), html! { @if let Some(at) = since { (time(at)) } }),
            (view.say("电能表", "Meters"), html! { (grouped(kept.meters)) }),
            (view.say("测量点已核对", "Points verified"), html! { (grouped(kept.verified)) }),
            (view.say("昨夜抄通", "Read last night"), html! { (read.unwrap_or_default()) }),
            (
                view.say("时钟偏差", "Clock off"),
                html! {
                    @if let Some(clock) = kept.clock {
                        (clock_words(clock.fast_us, language)) " (" (age(view, clock.at)) ")"
                    }
                },
            ),
            (view.say("最大帧长", "Largest frames"), html! { (frames.unwrap_or_default()) }),
            (
                view.say("接入", "Taken in"),
                html! {
                    @match &kept.adopted {
                        Some((at, by)) => { (time(*at)) " " (written(Some(by))) }
                        None => { (view.say("由档案", "by the archive")) }
                    }
                },
            ),
        ])
    }

    fn actions(&self, view: &View, address: &str) -> Markup {
        let is_missed = self.line.0.last_run.is_some_and(|(read, planned)| read < planned);
        html! {
            div.pick.no-print {
                @if let Some(run) = self.run.filter(|_| is_missed && view.may(Action::ReadOnDemand)) {
                    form method="post" action="/again" {
                        (token(view))
                        input type="hidden" name="run" value=(run.number());
                        input type="hidden" name="lines" value=(address);
                        button { (view.say("补抄该终端漏抄的表", "Read again what is missing of it")) }
                    }
                }
                @if view.may(Action::SetClock) {
                    (form(view, &format!("/terminals/{}/clock", escaped(address)), SET_CLOCK, CLOCK_HINT))
                }
                @if self.line.0.meters == 0 && self.line.0.adopted.is_some() && view.may(Action::AdoptTerminal) {
                    form method="post" action={ "/terminals/" (escaped(address)) "/forget" } {
                        (token(view))
                        button { (view.say("取消接入", "Let it go")) }
                    }
                }
            }
        }
    }

    fn differences(&self, view: &View) -> Table<Difference> {
        let differences = self.line.0.archive.clone().map(|(.., told)| told).unwrap_or_default();
        let columns = vec![
            Column::new("point", "测量点", "Point", |told: &Difference, _| told.point.to_string())
                .number()
                .by(|told| i64::from(told.point)),
            Column::new("kind", "差异", "Difference", |told: &Difference, language| {
                difference(told.kind).of(language).to_owned()
            })
            .shown(|told, view| {
                let tone = if told.kind.excludes() { Tone::Bad } else { Tone::Warn };
                state(tone, difference(told.kind).of(view.look.language))
            }),
            Column::new("ours", "主站档案", "Our archive", |told: &Difference, _| {
                told.ours.clone().unwrap_or_default()
            })
            .shown(|told, _| {
                html! { @if let Some(ours) = &told.ours { a.code href={ "/meters/" (escaped(ours)) } { (ours) } } }
            }),
            Column::new("theirs", "终端档案", "The terminal's", |told: &Difference, _| {
                told.theirs.clone().unwrap_or_default()
            }),
        ];
        let caption = Phrase::new("档案比对", "Archives compared");
        let empty = match self.line.0.archive {
            Some(_) => Phrase::new("两份档案一致", "Both archives are the same"),
            None => Phrase::new("尚未比对，采集时自动比对", "Not compared yet; each night compares them"),
        };
        Table::new("archive", caption, empty, columns, &self.asked).whole(differences, view.look.language)
    }

    /// What was set in its list of meters, and the form that proposes it.
    fn records(&self, view: &View, address: &str) -> Markup {
        html! {
            @if !self.settings.is_empty() {
                h2 { (view.say("档案下发", "Records set")) }
                ul { @for setting in &self.settings {
                    @let (tone, words, _) = told(setting.state);
                    li { a href={ "/proposals/" (setting.proposal) } { (time(setting.confirmed_at)) } " "
                        (state(tone, words.of(view.look.language))) }
                } }
            }
            @if self.line.0.meters > 0 && view.may(Action::ProposeMeterChange) {
                form.sheet.no-print method="post" action={ "/terminals/" (escaped(address)) "/archive" } {
                    h2 { (view.say("提出档案下发", "Propose to set its records")) }
                    (token(view))
                    div.pick {
                        (field(view.say("测量点号（空为全部）", "Measuring points (empty: all)"), &html! {
                            input name="points" maxlength="500" placeholder="1, 2, 3" autocomplete="off"
                                value=(self.typed.text("points"));
                        }))
                        label { input type="checkbox" name="remove_unknown" value="yes"
                            checked[self.typed.some("remove_unknown").is_some()]; " "
                            (view.say("删除主站档案没有的表", "remove meters that our archive does not know")) }
                    }
                    (field(view.say("原因", "Why"), &html! {
                        textarea name="reason" rows="2" cols="60" maxlength="500" required { (self.typed.text("reason")) }
                    }))
                    p.hint { (view.say(
                        "先读取终端现有档案，列出逐条差异，由另一人确认后才下发，并回读核对。",
                        "The terminal is read first. Another person confirms the exact difference; then it is sent and read back.")) }
                    button { (view.say("提出", "Propose")) }
                }
            }
        }
    }

    fn events(&self, view: &View) -> Table<TerminalEventLine> {
        let columns = vec![
            Column::new(
                "began",
                "发生时刻（终端钟）",
                "Began (by the terminal)",
                |event: &TerminalEventLine, _| event.began.clone().unwrap_or_default(),
            ),
            Column::new("kind", "事件", "Event", |event: &TerminalEventLine, language| {
                kind(event, language)
            }),
            Column::new("important", "等级", "Class", |event: &TerminalEventLine, language| {
                let words = if event.important { ("重要", "important") } else { ("一般", "ordinary") };
                language.of(words.0, words.1).to_owned()
            }),
            Column::new("record", "内容", "Record", |event: &TerminalEventLine, language| {
                record(&event.record, language)
            })
            .unsorted(),
            Column::new("collected", "收到时间", "Came at", |event: &TerminalEventLine, _| {
                event.collected_at.in_china().to_string()
            }),
        ];
        let caption = Phrase::new("终端事件", "Events");
        let empty = Phrase::new("没有事件", "No events");
        Table::new("events", caption, empty, columns, &self.asked)
            .whole(self.events.clone(), view.look.language)
    }
}

fn traffic(status: &TerminalStatus, view: &View) -> Markup {
    let heartbeat = status.last_heartbeat_at.map(|at| age(view, at)).unwrap_or_default();
    let from = status.from.map(|from| from.to_string()).unwrap_or_default();
    facts(&[
        (view.say("来自", "From"), html! { (from) }),
        (view.say("最近心跳", "Last heartbeat"), html! { (heartbeat) }),
        (view.say("会话数", "Sessions"), html! { (grouped(status.sessions)) }),
        (
            view.say("请求 / 应答 / 无应答", "Asked / answered / silent"),
            html! {
                (grouped(status.requests)) " / " (grouped(status.answers)) " / " (grouped(status.silent))
            },
        ),
        (
            view.say("迟到 / 不符的帧", "Late / unfit frames"),
            html! {
                (grouped(status.late)) " / " (grouped(status.foreign))
            },
        ),
        (
            view.say("字节 发 / 收", "Bytes out / in"),
            html! {
                (grouped(status.sent_bytes)) " / " (grouped(status.received_bytes))
            },
        ),
        (view.say("排队", "Waiting"), html! { (status.waiting) }),
        (
            view.say("信号（链路）", "Link"),
            html! { (link::shown(&status.link, view)) p.hint { (link::HINT.of(view.look.language)) } },
        ),
    ])
}

/// Who it is, as far as is known, and who else wanted to be it.
fn who(status: &TerminalStatus, view: &View) -> Markup {
    let mut rows = Vec::new();
    if let Some(certificate) = &status.certificate {
        rows.push((
            view.say("证书（SHA-256）", "Certificate (SHA-256)"),
            html! { span.code { (certificate) } },
        ));
    }
    if let Some((at, from)) = status.claimed {
        let times = html! {
            (state(Tone::Warn, view.say("有", "yes"))) " " (grouped(status.claims)) " × · " (time(at)) " "
            span.code { (from.to_string()) }
            p.hint { (view.say(
                "另一地址以该终端地址登录并接管会话。此前核对的测量点须与电表重新核对后方可采用。",
                "Somebody came under its address from elsewhere while it was there. Its points count again once each meter \
                 itself has said the same anew.")) }
        };
        rows.push((view.say("异地接管", "Claimed from elsewhere"), times));
    }
    if status.refused > 0 {
        rows.push((
            view.say("因证书被拒（次）", "Refused for its certificate"),
            html! { (grouped(status.refused)) },
        ));
    }
    if status.floods > 0 {
        rows.push((
            view.say("发送过多被断开（次）", "Hung up for sending too much"),
            html! { (grouped(status.floods)) },
        ));
    }
    html! { @if !rows.is_empty() { (facts(&rows)) } }
}

const fn difference(kind: DifferenceKind) -> Phrase {
    match kind {
        DifferenceKind::Lacking => Phrase::new("终端缺此测量点", "the terminal has no such point"),
        DifferenceKind::Unknown => Phrase::new("主站档案无此表", "our archive has no meter there"),
        DifferenceKind::OtherMeter => Phrase::new("表地址不同", "another meter"),
        DifferenceKind::OtherPort => Phrase::new("端口不同", "another port"),
        DifferenceKind::OtherProtocol => {
            Phrase::new("通信规约不同或设为不抄读", "another protocol, or set not to be read")
        }
        DifferenceKind::Doubled => Phrase::new("终端档案重复", "twice in the terminal's archive"),
        DifferenceKind::OtherValues => {
            Phrase::new("终端存储的示值与电表不符", "the terminal stores other values than the meter gives")
        }
    }
}

/// The name of an event with its code.
fn kind(event: &TerminalEventLine, language: Language) -> String {
    if event.code == TerminalEvent::UNREAD && !event.important {
        return language.of("数据主动上报（未入账）", "data report, not booked").to_owned();
    }
    if event.code == TerminalEvent::UNREAD {
        return language.of("无法解析的事件上报", "report that could not be read").to_owned();
    }
    let known = gdw1376::catalog::event_kind(event.code);
    let name = known
        .map_or_else(|| language.of("地方扩展", "regional"), |kind| language.of(kind.name_zh, kind.name_en));
    format!("ERC{} {name}", event.code)
}

/// What setting its clock does.
const CLOCK_HINT: Phrase = Phrase::new(
    "把终端时钟设为主站时间，立即下发并回读；不影响电能表的时钟。",
    "Sets the clock of the terminal to ours at once and reads it back; clocks of meters are left alone.",
);
const MOST_EVENTS: u32 = 200;
const MOST_SETTINGS: u32 = 20;
