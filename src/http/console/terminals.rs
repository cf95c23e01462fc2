//! Terminals (集中器, 采集终端): which are on line, what they bring, what their archives have otherwise, and which want to be
//! taken in.

mod link;
mod one;
mod passed;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use super::components::{Tone, age, field, grouped, percent, state, token};
use super::handlers::{answer, answer_as};
use super::table::{Asked, Column, Table, escaped};
use super::typed::{Typed, refused};
use super::view::View;
use super::words::{Language, Phrase, inert};
use crate::domain::access::Action;
use crate::http::routes::Routes;
use crate::http::terminals::{Seen, adopt, forget, seen, strangers};
use crate::http::{Caller, Problem, Services};
use crate::store::terminal::TerminalLine;
use crate::terminal::{Stranger, TerminalStatus};

pub use one::TerminalPage;

pub(super) fn routes() -> Routes {
    Routes::default()
        .page("/terminals", Action::SeeStatus, page)
        .form("/terminals", Action::AdoptTerminal, take_in)
        .page("/terminals/{address}", Action::SeeStatus, one::page)
        .form("/terminals/{address}/forget", Action::AdoptTerminal, let_go)
        .form("/terminals/{address}/clock", Action::SetClock, one::clock)
        .form("/terminals/{address}/archive", Action::ProposeMeterChange, one::propose)
}

/// What the page is called.
pub const TITLE: Phrase = Phrase::new("终端", "Terminals");

/// What the page shows.
#[derive(Clone, Debug)]
pub struct TerminalsPage {
    /// Terminals that are known, as they are kept and as they stand.
    pub terminals: Vec<(TerminalLine, Option<TerminalStatus>)>,
    /// Those that want to be taken in.
    pub strangers: Vec<Stranger>,
    /// What was typed into a form that was not taken.
    pub typed: Typed,
    /// What the address says.
    pub asked: Asked,
}

type Line = (TerminalLine, Option<TerminalStatus>);

async fn page(
    State(services): State<Services>,
    caller: Caller,
    view: View,
    asked: Asked,
) -> Result<Response, Problem> {
    let page = read(&services, &caller, Typed::default(), asked).await?;
    answer(&services, &view, TITLE, (page.markup(&view), page.file(&view))).await
}

async fn read(
    services: &Services,
    caller: &Caller,
    typed: Typed,
    asked: Asked,
) -> Result<TerminalsPage, Problem> {
    let regions = &caller.acting.regions;
    let terminals =
        seen(services, regions).await?.into_iter().map(|Seen { kept, now }| (kept, now)).collect();
    Ok(TerminalsPage { terminals, strangers: strangers(services, regions), typed, asked })
}

async fn take_in(
    State(services): State<Services>,
    caller: Caller,
    view: View,
    typed: Typed,
) -> Result<Response, Problem> {
    let done = adopt(&services, &caller, typed.text("address"), typed.some("name")).await;
    ended(&services, &caller, view, typed, done).await
}

async fn let_go(
    State(services): State<Services>,
    caller: Caller,
    Path(address): Path<String>,
    view: View,
) -> Result<Response, Problem> {
    let done = forget(&services, &caller, &address).await;
    ended(&services, &caller, view, Typed::default(), done).await
}

async fn ended(
    services: &Services,
    caller: &Caller,
    view: View,
    typed: Typed,
    done: Result<(), Problem>,
) -> Result<Response, Problem> {
    let Err(problem) = done else { return Ok(Redirect::to("/terminals").into_response()) };
    let (view, status) = refused(view, problem)?;
    let page = read(services, caller, typed, Asked::default()).await?;
    Ok(answer_as(status, &view, TITLE, &page.markup(&view)))
}

impl TerminalsPage {
    /// The page without what is around it.
    #[must_use]
    pub fn markup(&self, view: &View) -> Markup {
        let online = self.terminals.iter().filter(|line| is_online(line)).count();
        let differing = self.terminals.iter().filter(|line| differences(line) > 0).count();
        html! {
            ul.tiles {
                li.tile { b { (online) " / " (self.terminals.len()) } span { (view.say("终端在线", "terminals on line")) } }
                li.tile { b { (differing) } span { (view.say("档案有差异", "archives that differ")) } }
                li.tile { b { (self.strangers.len()) } span { (view.say("待接入", "want to be taken in")) } }
            }
            (self.table(view).markup(view))
            p.hint { (link::HINT.of(view.look.language)) }
            @if !self.strangers.is_empty() || view.may(Action::AdoptTerminal) { (self.adoption(view)) }
        }
    }

    /// The file of one of its tables, when that is what was asked for.
    #[must_use]
    pub fn file(&self, view: &View) -> Option<String> {
        let language = view.look.language;
        self.table(view).file(language).or_else(|| self.unknown(view).file(language))
    }

    fn table(&self, view: &View) -> Table<Line> {
        let empty = Phrase::new("没有终端", "No terminal");
        Table::new("", TITLE, empty, columns(), &self.asked).whole(self.terminals.clone(), view.look.language)
    }

    fn unknown(&self, view: &View) -> Table<Stranger> {
        let mut columns = vec![
            Column::new("address", "终端地址", "Terminal", |stranger: &Stranger, _| {
                stranger.address.to_string()
            }),
            Column::new("from", "来自", "From", |stranger: &Stranger, _| stranger.from.to_string()),
            Column::new("last", "最近登录", "Came last", |stranger: &Stranger, _| {
                stranger.last_at.in_china().to_string()
            }),
            Column::new("times", "次数", "Times", |stranger: &Stranger, _| stranger.times.to_string())
                .number()
                .by(|stranger| i64::from(stranger.times)),
        ];
        if view.may(Action::AdoptTerminal) {
            columns.push(
                Column::new("adopt", "接入", "Take in", |_: &Stranger, _| String::new())
                    .shown(|stranger, view| {
                        html! {
                            form method="post" action="/terminals" {
                                (token(view))
                                input type="hidden" name="address" value=(stranger.address);
                                button { (view.say("接入", "Take in")) }
                            }
                        }
                    })
                    .unsorted(),
            );
        }
        let caption = Phrase::new("未接入的终端", "Terminals that are not taken in");
        let empty = Phrase::new("没有陌生终端登录", "No unknown terminal has come");
        Table::new("unknown", caption, empty, columns, &self.asked)
            .whole(self.strangers.clone(), view.look.language)
    }

    fn adoption(&self, view: &View) -> Markup {
        html! {
            (self.unknown(view).markup(view))
            @if view.may(Action::AdoptTerminal) {
                form.sheet.no-print method="post" action="/terminals" {
                    h2 { (view.say("接入终端", "Take a terminal in")) }
                    (token(view))
                    div.pick {
                        (field(view.say("终端地址", "Address"), &html! {
                            input name="address" required maxlength="20" placeholder="1100-3039" autocomplete="off"
                                value=(self.typed.text("address"));
                        }))
                        (field(view.say("名称（可不填）", "Name (may be left empty)"), &html! {
                            input name="name" maxlength="60" autocomplete="off" value=(self.typed.text("name"));
                        }))
                    }
                    p.hint { (view.say("接入后，该终端下次登录即被确认；档案中已有的终端不必在此接入。",
                        "Its next login is confirmed. Terminals that the archive names need not be taken in.")) }
                    button { (view.say("接入", "Take in")) }
                }
            }
        }
    }
}

fn columns() -> Vec<Column<Line>> {
    let mut columns = vec![
        Column::new("address", "终端地址", "Terminal", |line: &Line, _| line.0.address.to_string()).shown(
            |line, _| {
                let address = line.0.address.to_string();
                html! { a.code href={ "/terminals/" (escaped(&address)) } { (address) } }
            },
        ),
        Column::new("name", "名称", "Name", |line: &Line, _| line.0.name.clone().unwrap_or_default()),
        Column::new("state", "状态", "State", |line: &Line, language| {
            stands(line).1.of(language).to_owned()
        })
        .shown(|line, view| {
            let (tone, words) = stands(line);
            state(tone, words.of(view.look.language))
        }),
        Column::new("heard", "最近通信", "Heard last", |line: &Line, _| {
            heard(line).map(|at| at.in_china().to_string()).unwrap_or_default()
        })
        .shown(|line, view| {
            html! { @if let Some(at) = heard(line) { span title=(at.in_china()) { (age(view, at)) } } }
        })
        .by(|line| heard(line).map_or(0, crate::domain::Moment::micros)),
        Column::new("link", "信号（链路）", "Link", |line: &Line, language| {
            line.1.as_ref().map(|status| link::text(&status.link, language)).unwrap_or_default()
        })
        .shown(|line, view| html! { @if let Some(status) = &line.1 { (link::shown(&status.link, view)) } })
        .by(|line| link::order(line.1.as_ref().map(|status| &status.link))),
    ];
    columns.extend(brought_columns());
    columns
}

/// What a terminal brings.
fn brought_columns() -> [Column<Line>; 6] {
    [
        Column::new("meters", "表数", "Meters", |line: &Line, _| grouped(line.0.meters))
            .number()
            .by(|line| number(line.0.meters)),
        Column::new("read", "昨夜抄通", "Read last night", |line: &Line, _| {
            line.0.last_run.map(|(read, planned)| percent(read, planned)).unwrap_or_default()
        })
        .number()
        .by(|line| line.0.last_run.map_or(-1, |(read, planned)| number(read * 10_000 / planned.max(1)))),
        Column::new("verified", "已核对", "Verified", |line: &Line, _| grouped(line.0.verified))
            .number()
            .by(|line| number(line.0.verified)),
        Column::new("archive", "档案差异", "Archive differs", |line: &Line, _| {
            line.0.archive.as_ref().map(|(.., told)| told.len().to_string()).unwrap_or_default()
        })
        .number()
        .by(|line| i64::try_from(differences(line)).unwrap_or(i64::MAX)),
        Column::new("clock", "时钟偏差", "Clock off", |line: &Line, language| {
            line.0.clock.map(|clock| clock_words(clock.fast_us, language)).unwrap_or_default()
        })
        .number()
        .by(|line| line.0.clock.map_or(0, |clock| clock.fast_us)),
        Column::new("silent", "无应答", "No answer", |line: &Line, _| {
            let counted = |status: &TerminalStatus| format!("{} / {}", status.silent, status.requests);
            line.1.as_ref().map(counted).unwrap_or_default()
        })
        .number()
        .by(|line| line.1.as_ref().map_or(0, |status| number(status.silent))),
    ]
}

fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn is_online(line: &Line) -> bool {
    line.1.as_ref().is_some_and(|status| status.is_online)
}

fn differences(line: &Line) -> usize {
    line.0.archive.as_ref().map_or(0, |(.., told)| told.len())
}

fn heard(line: &Line) -> Option<crate::domain::Moment> {
    line.1.as_ref().and_then(|status| status.last_heard_at).or(line.0.heard_at)
}

pub(super) fn stands(line: &Line) -> (Tone, Phrase) {
    match (&line.1, heard(line)) {
        (Some(status), _) if status.is_online => (Tone::Good, Phrase::new("在线", "on line")),
        (_, Some(_)) => (Tone::Bad, Phrase::new("离线", "off line")),
        (_, None) => (Tone::Waiting, Phrase::new("从未登录", "never came")),
    }
}

/// How far a clock is off, in words.
pub(super) fn clock_words(fast_us: i64, language: Language) -> String {
    let seconds = fast_us / 1_000_000;
    match seconds {
        0 => language.of("准", "right").to_owned(),
        1.. => format!("{}{seconds} s", language.of("快 ", "fast ")),
        _ => format!("{}{} s", language.of("慢 ", "slow "), seconds.unsigned_abs()),
    }
}

/// What somebody wrote, shown so that it does nothing.
pub(super) fn written(text: Option<&str>) -> Markup {
    html! { @if let Some(text) = text { (inert(text)) } }
}

#[cfg(test)]
pub(crate) mod tests;
