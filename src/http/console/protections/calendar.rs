//! Days on which nobody is cut (停电日历): holidays, exams, heat, cold.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use crate::domain::access::{Action, Regions};
use crate::domain::supply::CalendarKind;
use crate::domain::{Coded, Day, Id, TransformerArea};
use crate::http::api::protections::taken_away;
use crate::http::api::written::{day, named};
use crate::http::console::components::{field, second_factor, token};
use crate::http::console::handlers::{answer, answer_as};
use crate::http::console::labels;
use crate::http::console::sent::Sent;
use crate::http::console::table::{Asked, Column, Table};
use crate::http::console::typed::Typed;
use crate::http::console::view::View;
use crate::http::console::words::Phrase;
use crate::http::lists::{LARGE, List, take_over};
use crate::http::routes::Routes;
use crate::http::{Caller, Problem, Services};
use crate::store::supply::CalendarEntry;

pub(super) fn routes() -> Routes {
    Routes::default()
        .page("/calendar", Action::SeeStatus, page)
        .form("/calendar", Action::AddProtection, add)
        .form("/calendar/remove", Action::AddProtection, remove)
        .form("/calendar/load", Action::AddProtection, load)
        .taking(LARGE)
}

/// What the page is called.
pub(super) const TITLE: Phrase = Phrase::new("停电日历", "Days without cuts");

/// What the page shows.
#[derive(Clone, Debug)]
pub struct CalendarPage {
    /// Days from today on.
    pub days: Vec<DayLine>,
    /// Transformer areas that whoever looks may enter days for, by name.
    pub areas: Vec<String>,
    /// Whether they may enter days for everywhere.
    pub may_all: bool,
    /// What was typed into a form that was not taken.
    pub typed: Typed,
    /// What the address says.
    pub asked: Asked,
}

/// A day without cuts.
#[derive(Clone, Debug)]
pub struct DayLine {
    /// Which.
    pub day: Day,
    /// Where; `None` for everywhere.
    pub area: Option<String>,
    /// Why.
    pub kind: CalendarKind,
    /// Whether whoever looks may take it away, by its area.
    pub may_remove: bool,
    /// Approvers who want it taken away; one is not enough.
    pub wanted_by: Vec<String>,
}

async fn page(
    State(services): State<Services>,
    caller: Caller,
    view: View,
    asked: Asked,
) -> Result<Response, Problem> {
    let page = read(&services, &caller, &view, Typed::default(), asked).await?;
    answer(&services, &view, TITLE, (page.markup(&view), page.file(&view))).await
}

async fn read(
    services: &Services,
    caller: &Caller,
    view: &View,
    typed: Typed,
    asked: Asked,
) -> Result<CalendarPage, Problem> {
    let names = services.store.names_of_areas().await?;
    let ends = services.store.calendar_ends().await?;
    let days = services.store.calendar(Day::of(view.now)).await?.into_iter().map(|entry| DayLine {
        wanted_by: ends.get(&entry.subject()).cloned().unwrap_or_default(),
        may_remove: caller.acting.regions.hold(entry.area),
        day: entry.day,
        area: entry.area.map(|area| names.get(&area).cloned().unwrap_or_default()),
        kind: entry.kind,
    });
    let days = days.collect();
    let regions = &caller.acting.regions;
    let mut areas: Vec<String> =
        names.into_iter().filter(|(area, _)| regions.hold(Some(*area))).map(|(_, name)| name).collect();
    areas.sort();
    Ok(CalendarPage { days, areas, may_all: *regions == Regions::All, typed, asked })
}

async fn add(sent: Sent) -> Result<Response, Problem> {
    let done = async {
        let area = area(&sent).await?;
        let entries = entries(&sent.typed, area)?;
        sent.services.store.enter_calendar(&sent.caller.acting, &entries, sent.now()).await?;
        sent.services.judge_cuts_again();
        Ok(())
    };
    let done = done.await;
    ended(sent, done).await
}

async fn remove(sent: Sent) -> Result<Response, Problem> {
    let done = async {
        let area = area(&sent).await?;
        let entry =
            CalendarEntry { day: day(sent.typed.text("day"))?, area, kind: named(sent.typed.text("kind"))? };
        taken_away(&sent.services, &sent.caller, &[entry], sent.typed.text("code")).await.map(|_| ())
    };
    let done = done.await;
    ended(sent, done).await
}

async fn load(sent: Sent) -> Result<Response, Problem> {
    let done = take_over(&sent.services, &sent.caller, List::Calendar, sent.typed.whole("list")).await;
    ended(sent, done.map(|_| ())).await
}

/// The area that was chosen, within what this account may see.
async fn area(sent: &Sent) -> Result<Option<Id<TransformerArea>>, Problem> {
    let names = sent.services.store.names_of_areas().await?;
    let called = |name: &str| names.iter().find(|(_, known)| *known == name).map(|(area, _)| *area);
    let area = match sent.typed.some("area") {
        Some(name) => Some(called(name).ok_or_else(Problem::not_there)?),
        None => None,
    };
    if sent.caller.acting.regions.hold(area) { Ok(area) } else { Err(Problem::not_there()) }
}

/// Every day from the first to the last.
fn entries(typed: &Typed, area: Option<Id<TransformerArea>>) -> Result<Vec<CalendarEntry>, Problem> {
    let first = day(typed.text("day"))?;
    let last = typed.some("until").map_or(Ok(first), day)?;
    let kind = named(typed.text("kind"))?;
    let length = last.number() - first.number();
    if !(0..MOST_DAYS).contains(&length) {
        let en = "the last day comes after the first, and a stretch has at most 120 days";
        return Err(Problem::unacceptable("stretch", en, "末日不得早于首日，且一次不超过 120 天"));
    }
    Ok((0..=length).map(|further| CalendarEntry { day: first.plus(further), area, kind }).collect())
}

async fn ended(sent: Sent, done: Result<(), Problem>) -> Result<Response, Problem> {
    let Err(problem) = done else { return Ok(Redirect::to("/calendar").into_response()) };
    let (Sent { services, caller, view, typed }, status) = sent.refused(problem)?;
    let page = read(&services, &caller, &view, typed, Asked::default()).await?;
    Ok(answer_as(status, &view, TITLE, &page.markup(&view)))
}

impl CalendarPage {
    /// The page without what is around it.
    #[must_use]
    pub fn markup(&self, view: &View) -> Markup {
        html! {
            p.no-print {
                @if view.may(Action::SeeCustomers) {
                    a href="/orders" { "◀ " (view.say("停复电工单", "Supply orders")) } " · "
                    a href="/protections" { (super::TITLE.of(view.look.language)) }
                }
            }
            (self.table(view, view.may(Action::AddProtection)).markup(view))
            @if view.may(Action::AddProtection) { (self.forms(view)) }
        }
    }

    /// The file of the list, when that is what was asked for.
    #[must_use]
    pub fn file(&self, view: &View) -> Option<String> {
        self.table(view, false).file(view.look.language)
    }

    fn table(&self, view: &View, with_forms: bool) -> Table<DayLine> {
        let mut columns = vec![
            Column::new("day", "日期", "Day", |line: &DayLine, _| line.day.to_string())
                .by(|line| line.day.number()),
            Column::new("area", "台区", "Area", |line: &DayLine, language| {
                line.area.clone().unwrap_or_else(|| language.of("全部", "everywhere").to_owned())
            }),
            Column::new("kind", "类别", "Why", |line: &DayLine, language| {
                labels::calendar(line.kind).of(language).to_owned()
            }),
        ];
        if with_forms && self.days.iter().any(|line| line.may_remove) {
            let remove = Column::new("remove", "删除", "Take away", |_: &DayLine, _| String::new());
            columns.push(remove.unsorted().shown(|line, view| {
                html! {
                    @if !line.wanted_by.is_empty() {
                        p.hint { (view.say("已同意删除：", "wanted by: ")) (super::inert(&line.wanted_by.join(", "))) }
                    }
                    @if line.may_remove { form.no-print method="post" action="/calendar/remove" {
                        (token(view))
                        input type="hidden" name="day" value=(line.day);
                        input type="hidden" name="kind" value=(line.kind.name());
                        input type="hidden" name="area" value=(line.area.as_deref().unwrap_or_default());
                        @if view.may(Action::RemoveProtection) { (second_factor(view)) }
                        button.quiet { (view.say("删除", "Take away")) }
                    } }
                }
            }));
        }
        let empty = Phrase::new("今天起没有不停电的日子", "No day from today on is without cuts");
        Table::new("", TITLE, empty, columns, &self.asked).whole(self.days.clone(), view.look.language)
    }

    fn forms(&self, view: &View) -> Markup {
        let (language, typed) = (view.look.language, &self.typed);
        html! {
            form.sheet.no-print method="post" action="/calendar" {
                h2 { (view.say("增加不停电日", "Enter days without cuts")) }
                (token(view))
                div.pick {
                    (field(view.say("首日", "First day"), &html! {
                        input type="date" name="day" required value=(typed.text("day")); }))
                    (field(view.say("末日（只有一天可不填）", "Last day (empty for one day)"), &html! {
                        input type="date" name="until" value=(typed.text("until")); }))
                    (field(view.say("类别", "Why"), &html! {
                        select name="kind" required { @for (kind, _, name) in CalendarKind::TABLE {
                            option value=(name) selected[typed.text("kind") == *name] { (labels::calendar(*kind).of(language)) }
                        } }
                    }))
                    (field(view.say("台区", "Area"), &html! {
                        select name="area" {
                            @if self.may_all { option value="" { (view.say("全部", "everywhere")) } }
                            @for area in &self.areas {
                                option value=(area) selected[typed.text("area") == area] { (super::inert(area)) }
                            }
                        }
                    }))
                }
                p.hint { (view.say("录入后当日一律不停电。录错的，录入人可在 15 分钟内删除；此后须两名审批人各用动态口令删除。录入和删除都记入审计日志。复电不受影响。",
                    "Nobody is cut on these days. Whoever entered one by mistake can take it away within 15 minutes; after that it takes two approvers with their second factors. All of it stands in the audit log. Restoring goes on.")) }
                button { (view.say("增加", "Enter")) }
            }
            details.sheet.no-print open[typed.some("list").is_some()] {
                summary { (view.say("装入日历（CSV 文本）", "Load days (CSV text)")) }
                form method="post" action="/calendar/load" {
                    (token(view))
                    p.hint { (view.say("首行为列名：日期, 类别, 台区。", "First line: day, kind, transformer_area.")) }
                    (field(view.say("清单", "List"), &html! {
                        textarea name="list" rows="6" cols="80" required spellcheck="false" { (typed.whole("list")) }
                    }))
                    button { (view.say("装入", "Load")) }
                }
            }
        }
    }
}

/// Days of one stretch.
const MOST_DAYS: i64 = 120;

#[cfg(test)]
pub(crate) fn sample(asked: Asked) -> CalendarPage {
    let line = |day: &str, area: Option<&str>, kind| DayLine {
        day: day.parse().unwrap(),
        area: area.map(str::to_owned),
        kind,
        may_remove: true,
        wanted_by: Vec::new(),
    };
    CalendarPage {
        days: vec![
            line("2027-01-01", None, CalendarKind::Holiday),
            line("2027-06-07", Some("朝阳3号台区"), CalendarKind::Exam),
        ],
        areas: vec!["朝阳3号台区".to_owned()],
        may_all: true,
        typed: Typed::default(),
        asked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::access::Role;
    use crate::http::console::view;
    use crate::http::console::words::Language;

    #[test]
    fn the_calendar_says_which_days_where_and_why() {
        let page = sample(Asked::default());
        let zh = page.markup(&view::sample(Language::Chinese, Role::Operator)).into_string();
        for part in ["2027-06-07", "朝阳3号台区", "考试", "节假日", "action=\"/calendar\"", "全部"]
        {
            assert!(zh.contains(part), "{part}: {zh}");
        }
        let own = CalendarPage { may_all: false, ..page.clone() };
        let own = own.markup(&view::sample(Language::English, Role::Operator)).into_string();
        assert!(!own.contains("<option value=\"\">"), "who sees a part enters no day for everywhere: {own}");
        let admin = page.markup(&view::sample(Language::English, Role::Admin)).into_string();
        assert!(!admin.contains("method=\"post\"") && !admin.contains("/orders"), "{admin}");
    }

    #[test]
    fn a_stretch_of_days_is_taken_day_by_day_and_none_that_runs_back() {
        let typed = |first: &str, last: &str| {
            let fields = [("day", first), ("until", last), ("kind", "exam")];
            Typed(Asked(
                fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            ))
        };
        let days = |first, last| entries(&typed(first, last), None).map(|entries| entries.len());
        assert_eq!(days("2027-06-07", "2027-06-09"), Ok(3));
        assert_eq!(days("2027-06-07", ""), Ok(1));
        for (first, last) in
            [("2027-06-07", "2027-06-06"), ("2027-01-01", "2027-12-31"), ("", ""), ("x", "2027-01-01")]
        {
            assert!(days(first, last).is_err(), "{first} {last}");
        }
    }
}
