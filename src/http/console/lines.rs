//! Lines and terminals: which are up, how much waits on them, how often they are answered, and how full their night is.

use maud::{Markup, html};

use super::components::{Tone, bar, grouped, lasting, percent, state};
use super::table::{Asked, Column, Table, escaped};
use super::view::View;
use super::words::{Language, Phrase, inert};
use crate::channel::{Lane, LinePhase};
pub use crate::http::line_list::LineLine;

/// What the page is called.
pub const TITLE: Phrase = Phrase::new("线路", "Lines");

/// What the page shows.
#[derive(Clone, Debug)]
pub struct LinesPage {
    /// The lines, by name.
    pub lines: Vec<LineLine>,
    /// How many terminals are known.
    pub terminals: usize,
    /// What the address says.
    pub asked: Asked,
}

impl LineLine {
    fn waiting(&self) -> u64 {
        self.depths.iter().map(|depth| u64::try_from(*depth).unwrap_or(u64::MAX)).sum()
    }

    const fn silent(&self) -> u64 {
        self.tally.silent
    }
}

impl LinesPage {
    /// The page without what is around it.
    #[must_use]
    pub fn markup(&self, view: &View) -> Markup {
        let is_up = |line: &&LineLine| matches!(line.phase, Some((LinePhase::Up, _)));
        let lines = self.lines.iter().filter(|line| !line.is_terminal);
        let terminals = self.lines.iter().filter(|line| line.is_terminal);
        html! {
            ul.tiles {
                li.tile { b { (lines.clone().filter(is_up).count()) " / " (lines.count()) } span { (view.say("线路在线", "lines up")) } }
                li.tile { b { (grouped(self.lines.iter().map(LineLine::waiting).sum())) }
                    span { (view.say("排队任务", "jobs that wait")) } }
                li.tile { b { a href="/terminals" { (terminals.filter(is_up).count()) " / " (self.terminals) } }
                    span { (view.say("终端在用", "terminals in use")) } }
            }
            (self.lines(view).markup(view))
        }
    }

    /// The file of one of its tables, when that is what was asked for.
    #[must_use]
    pub fn file(&self, view: &View) -> Option<String> {
        let language = view.look.language;
        self.lines(view).file(language)
    }

    fn lines(&self, view: &View) -> Table<LineLine> {
        let empty = Phrase::new("没有线路", "No line");
        Table::new("", TITLE, empty, columns(), &self.asked).whole(self.lines.clone(), view.look.language)
    }
}

fn columns() -> Vec<Column<LineLine>> {
    let mut columns = vec![
        Column::new("name", "线路", "Line", |line: &LineLine, _| line.name.clone()).shown(|line, _| {
            html! { @if line.is_terminal { a href={ "/terminals/" (escaped(&line.name)) } { (inert(&line.name)) } }
                @else { span.short { (inert(&line.name)) } } }
        }),
        Column::new("kind", "类别", "Kind", |line: &LineLine, language| {
            if line.is_terminal { language.of("终端", "terminal") } else { language.of("线路", "line") }.to_owned()
        }),
        Column::new("phase", "状态", "State", |line: &LineLine, language| phase(line, language).1)
            .shown(|line, view| {
                let (tone, words) = phase(line, view.look.language);
                state(tone, &words)
            }),
        Column::new("meters", "表数", "Meters", |line: &LineLine, _| line.meters.to_string())
            .number()
            .by(|line| number(line.meters)),
        Column::new("budget", "夜间占用", "Night filled", |line: &LineLine, _| {
            line.budget.map(|budget| format!("{budget}%")).unwrap_or_default()
        })
        .shown(|line, _| {
            html! { @if let Some(budget) = line.budget {
                @let tone = if budget > 90 { Tone::Bad } else if budget > 70 { Tone::Warn } else { Tone::Good };
                (budget) "% " (bar(&format!("{budget}%"), 100, &[(tone, budget)]))
            } }
        })
        .by(|line| number(line.budget.unwrap_or(0))),
    ];
    columns.extend(traffic_columns());
    columns
}

/// What waits, and what became of what was asked.
fn traffic_columns() -> [Column<LineLine>; 7] {
    [
        Column::new("waiting", "排队", "Waiting", |line: &LineLine, language| {
            let lane = |(lane, depth): (&Lane, &usize)| format!("{} {depth}", lane_name(*lane).of(language));
            let waits = Lane::ALL.iter().zip(&line.depths).filter(|(_, depth)| **depth > 0);
            waits.map(lane).collect::<Vec<_>>().join(language.of("，", ", "))
        })
        .by(|line| number(line.waiting())),
        Column::new("asking", "正在问", "Asking", |line: &LineLine, language| {
            line.asking.map_or("", |lane| lane_name(lane).of(language)).to_owned()
        }),
        Column::new("exchanges", "问答次数", "Exchanges", |line: &LineLine, _| {
            line.tally.exchanges.to_string()
        })
        .number()
        .by(|line| number(line.tally.exchanges)),
        Column::new("silent", "无应答率", "Unanswered", |line: &LineLine, _| {
            percent(line.silent(), line.tally.exchanges)
        })
        .number()
        .by(|line| number(line.silent().saturating_mul(10_000) / line.tally.exchanges.max(1))),
        Column::new("broken", "坏帧", "Broken frames", |line: &LineLine, _| {
            line.tally.broken_frames.to_string()
        })
        .number()
        .by(|line| number(line.tally.broken_frames)),
        Column::new("lost", "断线次数", "Times lost", |line: &LineLine, _| line.tally.lost.to_string())
            .number()
            .by(|line| number(line.tally.lost)),
        Column::new("foreign", "外来请求", "Foreign requests", |line: &LineLine, _| {
            line.tally.foreign_requests.to_string()
        })
        .shown(|line, view| {
            html! { @if line.tally.foreign_requests > 0 {
                (state(Tone::Bad, &format!("{} {}", line.tally.foreign_requests,
                    view.say("另有主站！", "another master!"))))
            } @else { "0" } }
        })
        .number()
        .by(|line| number(line.tally.foreign_requests)),
    ]
}

fn phase(line: &LineLine, language: Language) -> (Tone, String) {
    if line.is_terminal && line.phase.is_none() {
        let last = line.heard_at.map(|at| at.in_china().to_string());
        let last = last.map(|at| format!("{}{at}", language.of("，最后通信 ", ", last heard ")));
        return (Tone::Bad, format!("{}{}", language.of("离线", "off line"), last.unwrap_or_default()));
    }
    let Some((phase, seconds)) = line.phase else {
        return (Tone::Warn, language.of("未配置", "not configured").to_owned());
    };
    let (tone, words) = match phase {
        LinePhase::Connecting => (Tone::Waiting, language.of("连接中", "connecting")),
        LinePhase::Up => (Tone::Good, language.of("在线", "up")),
        LinePhase::Down { .. } => (Tone::Bad, language.of("离线", "down")),
        LinePhase::Chattering => (Tone::Bad, language.of("乱发不止", "chattering")),
        LinePhase::Stopped => (Tone::Quiet, language.of("已停", "stopped")),
    };
    let reason = match phase {
        LinePhase::Down { reason } => match language {
            Language::Chinese => format!("（{}）", language.detail(reason)),
            Language::English => format!(" ({})", reason.replace('_', " ")),
        },
        _ => String::new(),
    };
    (tone, format!("{words}{reason} {}", lasting(language, seconds)))
}

/// What a lane is called.
#[must_use]
pub const fn lane_name(lane: Lane) -> Phrase {
    match lane {
        Lane::Restore => Phrase::new("复电", "restore"),
        Lane::Control => Phrase::new("控制", "control"),
        Lane::OnDemand => Phrase::new("召测", "on demand"),
        Lane::Reread => Phrase::new("补抄", "re-read"),
        Lane::Nightly => Phrase::new("夜间", "nightly"),
        Lane::Interval => Phrase::new("曲线", "interval"),
        Lane::Housekeeping => Phrase::new("日常", "housekeeping"),
    }
}

fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
pub(crate) fn sample(asked: Asked) -> LinesPage {
    use crate::channel::Tally;
    let line = |name: &str, phase, budget| LineLine {
        name: name.to_owned(),
        is_terminal: false,
        meters: 612,
        phase: Some((phase, 4210)),
        heard_at: None,
        depths: [0, 0, 1, 0, 240, 12, 0],
        asking: Some(Lane::Nightly),
        tally: Tally {
            exchanges: 12_400,
            answered: 12_211,
            silent: 180,
            broken_frames: 9,
            ..Tally::default()
        },
        budget: Some(budget),
    };
    let mut foreign = line("西区2号线", LinePhase::Down { reason: "connect_timeout" }, 93);
    foreign.tally.foreign_requests = 3;
    let unknown = LineLine { phase: None, budget: None, ..line("旧线", LinePhase::Up, 0) };
    LinesPage {
        lines: vec![
            line("东区1号线", LinePhase::Up, 41),
            foreign,
            line("南区", LinePhase::Connecting, 72),
            unknown,
            LineLine { is_terminal: true, budget: None, ..line("1100-3039", LinePhase::Up, 0) },
            LineLine { is_terminal: true, budget: None, phase: None, ..line("1100-3040", LinePhase::Up, 0) },
        ],
        terminals: 2,
        asked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::access::Role;
    use crate::http::console::view;

    #[test]
    fn a_line_says_how_it_stands_and_what_waits() {
        let page = sample(Asked::default());
        let zh = page.markup(&view::sample(Language::Chinese, Role::Viewer)).into_string();
        for part in [
            "在线 70 分钟",
            "离线（连接超时） 70 分钟",
            "<b>1 / 4</b>",
            "1 / 2</a>",
            "/terminals/1100-3039",
            "夜间 240",
            "1.45%",
            "另有主站",
            "未配置",
            "93%",
            "/terminals/1100-3040",
            "离线</span>",
        ] {
            assert!(zh.contains(part), "{part}: {zh}");
        }
        let en = page.markup(&view::sample(Language::English, Role::Viewer)).into_string();
        assert!(en.contains("up 70 min") && en.contains("on demand 1, nightly 240, interval 12"), "{en}");
    }

    #[test]
    fn every_lane_has_a_name() {
        let names: std::collections::HashSet<_> = Lane::ALL.iter().map(|lane| lane_name(*lane).zh).collect();
        assert_eq!(names.len(), Lane::ALL.len());
    }
}
