//! Alarms (告警): what somebody must know, since when and how often it was told, and who takes care of it.

use std::collections::HashMap;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use super::components::{Tone, age, state, time, token};
use super::handlers::{answer, answer_as};
use super::table::{Asked, Column, Table};
use super::typed::{Typed, refused};
use super::view::View;
use super::words::{Language, Phrase, inert};
use crate::domain::access::{Action, Regions};
use crate::domain::{Alarm, Coded, Id, Moment, Severity};
use crate::http::api::written::{LONGEST, words};
use crate::http::routes::Routes;
use crate::http::{Caller, Problem, Services, Topic};
use crate::store::alarm::{AlarmChannel, AlarmCounts, AlarmFilter, AlarmRecord, AlarmTellings};

pub(super) fn routes() -> Routes {
    Routes::default().page("/alarms", Action::SeeStatus, page).form(
        "/alarms/{id}/acknowledge",
        Action::AcknowledgeAlarm,
        acknowledge,
    )
}

/// What the page is called.
pub const TITLE: Phrase = Phrase::new("告警", "Alarms");

/// What the page shows.
#[derive(Clone, Debug)]
pub struct AlarmsPage {
    /// Alarms, the newest first, with how often each was told.
    pub alarms: Vec<(AlarmRecord, AlarmTellings)>,
    /// How many are open that nobody has acknowledged.
    pub waiting: AlarmCounts,
    /// Where alarms are sent.
    pub channels: Vec<AlarmChannel>,
    /// What the address says.
    pub asked: Asked,
}

/// Which alarms are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    /// Open ones that nobody has acknowledged.
    New,
    /// Those that have not ended.
    Open,
    /// All that are kept.
    All,
}

impl Which {
    const ALL: [Self; 3] = [Self::Open, Self::New, Self::All];

    fn of(asked: &Asked) -> Self {
        let named = |which: &Self| asked.value("which") == Some(which.key());
        Self::ALL.into_iter().find(named).unwrap_or(Self::Open)
    }

    const fn key(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Open => "open",
            Self::All => "all",
        }
    }

    const fn name(self) -> Phrase {
        match self {
            Self::New => Phrase::new("待确认", "Not acknowledged"),
            Self::Open => Phrase::new("未消除", "Open"),
            Self::All => Phrase::new("全部", "All"),
        }
    }
}

async fn page(
    State(services): State<Services>,
    caller: Caller,
    view: View,
    asked: Asked,
) -> Result<Response, Problem> {
    let page = load(&services, &caller.acting.regions, asked).await?;
    answer(&services, &view, TITLE, (page.markup(&view), page.file(&view))).await
}

async fn acknowledge(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
    view: View,
    typed: Typed,
) -> Result<Response, Problem> {
    let done = async {
        let note = words(typed.text("note"), LONGEST)?;
        let now = services.clock.now();
        let acting = &caller.acting;
        Ok::<_, Problem>(services.store.acknowledge_alarm(Id::new(id), acting, note, now).await?)
    };
    match done.await {
        Ok(is_new) => {
            if is_new {
                services.changes.tell(Topic::Alarm);
            }
            Ok(typed.back("/alarms").into_response())
        }
        Err(problem) if problem.status == StatusCode::NOT_FOUND => Err(problem),
        Err(problem) => {
            let (view, status) = refused(view, problem)?;
            let page = load(&services, &caller.acting.regions, Asked::default()).await?;
            Ok(answer_as(status, &view, TITLE, &page.markup(&view)))
        }
    }
}

async fn load(services: &Services, regions: &Regions, asked: Asked) -> Result<AlarmsPage, Problem> {
    let store = &services.store;
    let which = Which::of(&asked);
    let filter = AlarmFilter {
        is_open: which != Which::All,
        is_new: which == Which::New,
        least: asked.value("least").and_then(Severity::from_name),
        ..AlarmFilter::default()
    };
    let alarms = store.alarms(&filter, regions, i64::MAX, NEWEST).await?;
    let ids: Vec<Id<Alarm>> = alarms.iter().map(|alarm| alarm.id).collect();
    let mut told: HashMap<Id<Alarm>, AlarmTellings> = store.alarm_tellings(&ids).await?;
    let with = |alarm: AlarmRecord| {
        let tellings = told.remove(&alarm.id).unwrap_or_default();
        (alarm, tellings)
    };
    Ok(AlarmsPage {
        alarms: alarms.into_iter().map(with).collect(),
        waiting: store.alarm_counts(regions).await?,
        channels: store.alarm_channels().await?,
        asked,
    })
}

type Row = (AlarmRecord, AlarmTellings);

impl AlarmsPage {
    /// The page without what is around it.
    #[must_use]
    pub fn markup(&self, view: &View) -> Markup {
        html! {
            // The table holds forms, which are not drawn anew under somebody who writes.
            div #alarms data-live="alarm" { (self.tiles(view)) }
            (self.pick(view))
            (self.table(view).markup(view))
            (self.channels(view).markup(view))
        }
    }

    /// The file of one of its tables, when that is what was asked for.
    #[must_use]
    pub fn file(&self, view: &View) -> Option<String> {
        let language = view.look.language;
        self.table(view).file(language).or_else(|| self.channels(view).file(language))
    }

    fn tiles(&self, view: &View) -> Markup {
        let AlarmCounts { critical, warning, notice } = self.waiting;
        let tile = |severity: Severity, count: u64| {
            let tone = if count > 0 { tone(severity) } else { Tone::Quiet };
            html! { li.tile data-tone=(tone.key()) {
                b { (count) }
                a href={ "?which=new&least=" (severity.name()) } { (severity_name(severity, view.look.language)) }
            } }
        };
        html! {
            h2 { (view.say("待确认", "Not acknowledged")) }
            ul.tiles {
                (tile(Severity::Critical, critical))
                (tile(Severity::Warning, warning))
                (tile(Severity::Notice, notice))
            }
        }
    }

    fn pick(&self, view: &View) -> Markup {
        let chosen = Which::of(&self.asked);
        let least = self.asked.value("least").and_then(Severity::from_name);
        html! {
            form.pick method="get" {
                label.field { span { (view.say("范围", "Which")) }
                    select name="which" { @for which in Which::ALL {
                        option value=(which.key()) selected[which == chosen] { (which.name().of(view.look.language)) }
                    } }
                }
                label.field { span { (view.say("级别不低于", "At least")) }
                    select name="least" { @for (severity, _, name) in Severity::TABLE {
                        option value=(name) selected[least == Some(*severity)] {
                            (severity_name(*severity, view.look.language))
                        }
                    } }
                }
                button { (view.say("查看", "Show")) }
            }
        }
    }

    fn table(&self, view: &View) -> Table<Row> {
        let mut columns = columns();
        if view.may(Action::AcknowledgeAlarm) {
            columns.push(
                Column::new("care", "处理", "Take care", |_: &Row, _| String::new()).shown(care).unsorted(),
            );
        }
        let empty = Phrase::new("没有这样的告警", "No alarm is like that");
        Table::new("", TITLE, empty, columns, &self.asked).whole(self.alarms.clone(), view.look.language)
    }

    fn channels(&self, view: &View) -> Table<AlarmChannel> {
        let columns = vec![
            Column::new("name", "通道", "Channel", |channel: &AlarmChannel, _| channel.name.clone()),
            Column::new("least", "级别不低于", "At least", |channel: &AlarmChannel, language| {
                severity_name(channel.least, language).to_owned()
            }),
            Column::new("waiting", "待发", "Waiting", |channel: &AlarmChannel, _| {
                channel.waiting.to_string()
            })
            .number()
            .by(|channel| i64::try_from(channel.waiting).unwrap_or(i64::MAX)),
            Column::new("last", "最近送达", "Last delivered", |channel: &AlarmChannel, _| {
                channel.last_delivered.map(clock).unwrap_or_default()
            }),
            Column::new("error", "最近错误", "Last error", |channel: &AlarmChannel, _| {
                channel.last_error.clone().unwrap_or_default()
            }),
        ];
        let caption = Phrase::new("告警通道", "Where alarms are sent");
        let empty = Phrase::new(
            "未配置告警通道：告警只显示在本页",
            "No channel is configured: alarms show here only",
        );
        Table::new("channels", caption, empty, columns, &self.asked)
            .whole(self.channels.clone(), view.look.language)
    }
}

fn columns() -> Vec<Column<Row>> {
    vec![
        Column::new("id", "编号", "Number", |(alarm, _): &Row, _| alarm.id.to_string())
            .by(|(alarm, _)| alarm.id.number()),
        Column::new("severity", "级别", "Severity", |(alarm, _): &Row, language| {
            severity_name(alarm.severity, language).to_owned()
        })
        .shown(|(alarm, _), view| {
            state(tone(alarm.severity), severity_name(alarm.severity, view.look.language))
        })
        .by(|(alarm, _)| alarm.severity.code()),
        Column::new("what", "内容", "What", |(alarm, _): &Row, language| {
            language.of(alarm.kind.says_zh(), alarm.kind.says()).to_owned()
        })
        .wide(),
        Column::new("subject", "对象", "Of what", |(alarm, _): &Row, language| {
            language.subject(&alarm.subject)
        })
        .shown(|(alarm, _), view| {
            let subject = inert(&view.look.language.subject(&alarm.subject));
            match alarm.order.filter(|_| view.may(Action::SeeCustomers)) {
                Some(order) => html! { a href={ "/orders/" (order) } { (subject) } },
                None => html! { (subject) },
            }
        }),
        Column::new("detail", "说明", "Detail", |(alarm, _): &Row, language| {
            language.of(&alarm.detail_zh, &alarm.detail).to_owned()
        }),
        Column::new("since", "首次发生", "Since", |(alarm, _): &Row, _| clock(alarm.first_at)),
        Column::new("last", "最近发生", "Last", |(alarm, _): &Row, _| clock(alarm.last_at)),
        Column::new("count", "次数", "Times", |(alarm, _): &Row, _| alarm.count.to_string())
            .number()
            .by(|(alarm, _)| alarm.count),
        Column::new("told", "已通知", "Told", |(_, told): &Row, _| told.delivered.to_string())
            .shown(|(_, told), view| {
                html! {
                    (told.delivered)
                    @if let Some(at) = told.last_at { " " small { (age(view, at)) } }
                }
            })
            .number()
            .by(|(_, told)| i64::try_from(told.delivered).unwrap_or(i64::MAX)),
        Column::new("state", "状态", "State", |(alarm, _): &Row, language| stands(alarm, language))
            .shown(shown_state),
    ]
}

/// How an alarm stands, and who has taken note of it.
fn stands(alarm: &AlarmRecord, language: Language) -> String {
    let mut parts = Vec::new();
    parts.push(match (alarm.ended_at, &alarm.acknowledged) {
        (Some(at), _) => format!("{} {}", language.of("已消除", "ended"), clock(at)),
        (None, Some(_)) => language.of("已确认，未消除", "acknowledged, still open").to_owned(),
        (None, None) => language.of("待确认", "not acknowledged").to_owned(),
    });
    if let Some(by) = &alarm.acknowledged {
        parts.push(format!("{} {} {}", by.by, clock(by.at), by.note));
    }
    parts.join(language.of("；", "; "))
}

fn shown_state((alarm, _): &Row, view: &View) -> Markup {
    let (tone, words) = match (alarm.ended_at, &alarm.acknowledged) {
        (Some(_), _) => (Tone::Quiet, view.say("已消除", "ended")),
        (None, Some(_)) => (Tone::Waiting, view.say("已确认，未消除", "acknowledged, still open")),
        (None, None) => (tone(alarm.severity), view.say("待确认", "not acknowledged")),
    };
    html! {
        (state(tone, words))
        @if let Some(at) = alarm.ended_at { " " (time(at)) }
        @if let Some(by) = &alarm.acknowledged { div { (inert(&by.by)) " " (time(by.at)) " " (inert(&by.note)) } }
    }
}

/// The form of whoever takes care of an alarm.
fn care((alarm, _): &Row, view: &View) -> Markup {
    let label = view.say("确认说明", "Note");
    html! { @if alarm.acknowledged.is_none() {
        form.row method="post" action={ "/alarms/" (alarm.id) "/acknowledge" } {
            (token(view))
            input type="hidden" name="back" value=(view.here);
            input name="note" maxlength="500" autocomplete="off" aria-label={ (label) " " (alarm.id) } placeholder=(label);
            button { (view.say("确认", "Acknowledge")) }
        }
    } }
}

fn severity_name(severity: Severity, language: Language) -> &'static str {
    language.of(severity.name_zh(), severity.name())
}

const fn tone(severity: Severity) -> Tone {
    match severity {
        Severity::Notice => Tone::Waiting,
        Severity::Warning => Tone::Warn,
        Severity::Critical => Tone::Bad,
    }
}

fn clock(at: Moment) -> String {
    at.in_china().to_string()
}

/// Alarms that are listed.
const NEWEST: u32 = 2000;

#[cfg(test)]
pub(crate) fn sample(asked: Asked) -> AlarmsPage {
    use crate::domain::{AlarmKind, Day};
    use crate::store::alarm::Acknowledged;
    let at = "2026-11-28".parse::<Day>().unwrap().start();
    let alarm = |id: i64, kind: AlarmKind, subject: &str| AlarmRecord {
        id: Id::new(id),
        kind,
        severity: kind.severity(),
        subject: subject.to_owned(),
        area: None,
        order: (kind == AlarmKind::OrderUnknown).then_some(88),
        detail_zh: "等待状态字".to_owned(),
        detail: "the status word is waited for".to_owned(),
        count: 3,
        first_at: at,
        last_at: at,
        acknowledged: None,
        ended_at: None,
    };
    let by = Acknowledged { at, by: "li.na".to_owned(), note: "已派人".to_owned() };
    let told = |delivered| AlarmTellings { delivered, last_at: Some(at) };
    let taken = AlarmRecord { acknowledged: Some(by), ..alarm(8, AlarmKind::LineDown, "line L1") };
    let ended = AlarmRecord { ended_at: Some(at), ..alarm(7, AlarmKind::StopLifted, "stop") };
    AlarmsPage {
        alarms: vec![
            (alarm(9, AlarmKind::OrderUnknown, "order 88"), told(4)),
            (taken, told(1)),
            (ended, AlarmTellings::default()),
        ],
        waiting: AlarmCounts { critical: 1, warning: 0, notice: 0 },
        channels: vec![AlarmChannel {
            name: "duty".to_owned(),
            least: Severity::Warning,
            waiting: 2,
            last_error: Some("timed out".to_owned()),
            last_delivered: Some(at),
        }],
        asked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::access::Role;
    use crate::http::console::view;

    #[test]
    fn alarms_say_how_grave_since_when_how_often_told_and_who_cares() {
        let page = sample(Asked::default());
        let zh = page.markup(&view::sample(Language::Chinese, Role::Operator)).into_string();
        for part in [
            "严重",
            "停复电结果不明",
            "href=\"/orders/88\"",
            "等待状态字",
            "已派人",
            "已消除",
            "timed out",
            "action=\"/alarms/9/acknowledge\"",
        ] {
            assert!(zh.contains(part), "{part}: {zh}");
        }
        assert!(!zh.contains("/alarms/8/acknowledge"), "who has taken care of one is not asked again");
        let viewer = page.markup(&view::sample(Language::English, Role::Viewer)).into_string();
        assert!(!viewer.contains("/acknowledge\"") && viewer.contains("not acknowledged"), "{viewer}");
        let admin = page.markup(&view::sample(Language::English, Role::Admin)).into_string();
        assert!(!admin.contains("/orders/88"), "an administrator sees no orders");
        let asked = Asked(vec![("csv".to_owned(), "all".to_owned())]);
        let file = sample(asked).file(&view::sample(Language::English, Role::Viewer)).unwrap();
        assert!(file.contains("li.na 2026-11-28 00:00:00 已派人") && file.contains(",3,4,"), "{file}");
    }

    #[test]
    fn open_alarms_are_shown_unless_others_are_asked_for() {
        let asked = |which: &str| Asked(vec![("which".to_owned(), which.to_owned())]);
        assert_eq!(Which::of(&Asked::default()), Which::Open);
        assert_eq!(Which::of(&asked("'; --")), Which::Open);
        for which in Which::ALL {
            assert_eq!(Which::of(&asked(which.key())), which);
        }
    }
}
