//! Who may not be cut (保护名单), and days on which nobody is (停电日历). (F54)
//!
//! Anybody who works with orders may protect; ending a protection takes two approvers, each with their second factor. A
//! list only adds, and one that is not taken keeps all cuts back.

mod calendar;

use std::collections::HashMap;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use super::components::{Tone, field, state, token};
use super::handlers::{answer, answer_as};
use super::labels;
use super::sent::Sent;
use super::table::{Asked, Column, Table, escaped};
use super::typed::{Typed, as_field, numbers};
use super::view::View;
use super::words::{Phrase, inert};
use crate::domain::access::Action;
use crate::domain::supply::{Protection, ProtectionKind, ProtectionList};
use crate::domain::{Coded, Id, Moment};
use crate::http::api::evidence::{found, points};
use crate::http::api::written::{LONGEST, named, some_words};
use crate::http::auth::confirm_second_factor;
use crate::http::lists::{LARGE, List, take_over};
use crate::http::routes::Routes;
use crate::http::{Caller, Problem, Services};
use crate::store::supply::{ProtectionEntry, ProtectionRecord};

pub use calendar::{CalendarPage, DayLine};

pub(super) fn routes() -> Routes {
    Routes::default()
        .page("/protections", Action::SeeCustomers, page)
        .form("/protections", Action::AddProtection, add)
        .form("/protections/load", Action::AddProtection, load)
        .taking(LARGE)
        .form("/protections/{id}/end", Action::RemoveProtection, end)
        .and(calendar::routes())
}

/// What the page is called.
pub const TITLE: Phrase = Phrase::new("保护名单", "Protected points");

/// What the page shows.
#[derive(Clone, Debug)]
pub struct ProtectionsPage {
    /// Protections within one's regions.
    pub lines: Vec<ProtectionLine>,
    /// How the list stands.
    pub list: ProtectionList,
    /// When it is shown.
    pub now: Moment,
    /// What was typed into a form that was not taken.
    pub typed: Typed,
    /// What the address says.
    pub asked: Asked,
}

/// A protection in the list.
#[derive(Clone, Debug)]
pub struct ProtectionLine {
    /// The number of its point.
    pub point: String,
    /// As it is kept.
    pub record: ProtectionRecord,
    /// Approvers who want it ended.
    pub ended_by: Vec<String>,
    /// It is in force.
    pub holds: bool,
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
) -> Result<ProtectionsPage, Problem> {
    let store = &services.store;
    let is_all = asked.value("which") == Some("all");
    let records = store.protections((!is_all).then_some(view.now)).await?;
    let ids: Vec<_> = records.iter().map(|record| record.entry.point).collect();
    let known = store.numbers_of_points(&ids, &caller.acting.regions).await?;
    let mut ends: HashMap<_, _> = store.protection_ends().await?;
    let lines = records.into_iter().filter_map(|record| {
        let point = known.get(&record.entry.point)?.clone();
        let is_over = record.entry.until.is_some_and(|until| until <= view.now);
        let holds = record.ended_at.is_none() && !is_over;
        Some(ProtectionLine { point, ended_by: ends.remove(&record.id).unwrap_or_default(), holds, record })
    });
    let list = store.protection_list().await?;
    Ok(ProtectionsPage { lines: lines.collect(), list, now: view.now, typed, asked })
}

async fn add(sent: Sent) -> Result<Response, Problem> {
    let done = async {
        let entries = entries(&sent).await?;
        sent.services.store.add_protections(&sent.caller.acting, &entries, sent.now()).await?;
        sent.services.judge_cuts_again();
        Ok(())
    };
    let done = done.await;
    ended(sent, done).await
}

/// The points that were typed, each with why it is protected.
async fn entries(sent: &Sent) -> Result<Vec<ProtectionEntry>, Problem> {
    let typed = &sent.typed;
    let wanted = numbers(typed.whole("points"), MOST_POINTS);
    if wanted.len() > MOST_POINTS {
        let en = format!("one form takes at most {MOST_POINTS} points; nothing was entered");
        let zh = format!("一次最多填写 {MOST_POINTS} 个计量点，未录入任何一个");
        return Err(Problem::unacceptable("too_many_points", &en, &zh));
    }
    if wanted.is_empty() {
        return Err(Problem::unacceptable("no_points", "no point is named", "未填计量点编号"));
    }
    let kind: ProtectionKind = named(typed.text("kind"))?;
    let reason = some_words(typed.text("reason"), LONGEST)?;
    let until = typed.some("until").map(|_| typed.moment("until")).transpose()?;
    if until.is_some_and(|until| until <= sent.now()) {
        let en = "a protection ends in the future, or when two approvers end it";
        return Err(Problem::unacceptable("until_passed", en, "截止时间须在将来；不填则由两名审批人结束"));
    }
    let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
    let points = points(&sent.services, &sent.caller, &wanted).await?;
    let entry = |number: &&str| {
        let point = found(&points, number)?.point;
        Ok(ProtectionEntry { point, kind, reason: reason.to_owned(), until })
    };
    wanted.iter().map(entry).collect()
}

async fn load(sent: Sent) -> Result<Response, Problem> {
    let done = take_over(&sent.services, &sent.caller, List::Protections, sent.typed.whole("list")).await;
    ended(sent, done.map(|_| ())).await
}

async fn end(Path(id): Path<i64>, sent: Sent) -> Result<Response, Problem> {
    let Sent { services, caller, typed, .. } = &sent;
    let (id, now) = (Id::<Protection>::new(id), sent.now());
    let open = services.store.protections(Some(now)).await?;
    let record = open.into_iter().find(|record| record.id == id).ok_or_else(Problem::not_there)?;
    let known = services.store.numbers_of_points(&[record.entry.point], &caller.acting.regions).await?;
    if known.is_empty() {
        return Err(Problem::not_there());
    }
    let done = async {
        confirm_second_factor(services, &caller.acting, typed.text("code")).await?;
        services.store.end_protection(&caller.acting, id, now).await?;
        Ok(())
    };
    let done = done.await;
    // Its code is not drawn again.
    ended(Sent { typed: Typed::default(), ..sent }, done).await
}

async fn ended(sent: Sent, done: Result<(), Problem>) -> Result<Response, Problem> {
    let Err(problem) = done else { return Ok(Redirect::to("/protections").into_response()) };
    let (Sent { services, caller, view, typed }, status) = sent.refused(problem)?;
    let page = read(&services, &caller, &view, typed, Asked::default()).await?;
    Ok(answer_as(status, &view, TITLE, &page.markup(&view)))
}

impl ProtectionsPage {
    /// The page without what is around it.
    #[must_use]
    pub fn markup(&self, view: &View) -> Markup {
        html! {
            p.no-print {
                a href="/orders" { "◀ " (view.say("停复电工单", "Supply orders")) } " · "
                a href="/calendar" { (calendar::TITLE.of(view.look.language)) } " · "
                @if self.asked.value("which") == Some("all") {
                    a href="/protections" { (view.say("只看有效的", "Only those in force")) }
                } @else {
                    a href="/protections?which=all" { (view.say("含已结束的", "Those that have ended as well")) }
                }
            }
            @if self.list == ProtectionList::Missing {
                section.sheet.verdict data-tone="bad" role="alert" {
                    p.answer { (state(Tone::Bad, view.say("未装入保护名单：一律不得停电", "No list is loaded: nobody is cut"))) }
                    p { (view.say("在下方装入名单；名单为空或有错时，同样一律不停电。",
                        "Load a list below. While it is empty or has a fault, nobody is cut either.")) }
                }
            }
            (self.table(view).markup(view))
            p.hint { (view.say(
                "重要用户和档案中注明保护的计量点始终受保护，不在此表中。",
                "Important customers, and points that the archive protects, always are; they are not in this table.")) }
            @if view.may(Action::AddProtection) { (self.forms(view)) }
        }
    }

    /// The file of the list, when that is what was asked for.
    #[must_use]
    pub fn file(&self, view: &View) -> Option<String> {
        self.table(view).file(view.look.language)
    }

    fn table(&self, view: &View) -> Table<ProtectionLine> {
        let mut columns = columns();
        if view.may(Action::RemoveProtection) {
            columns.push(
                Column::new("end", "结束保护", "End it", |_: &ProtectionLine, _| String::new())
                    .shown(end_form)
                    .unsorted(),
            );
        }
        let empty = Phrase::new("没有录入的保护", "No protection is entered");
        Table::new("", TITLE, empty, columns, &self.asked).whole(self.lines.clone(), view.look.language)
    }

    fn forms(&self, view: &View) -> Markup {
        let language = view.look.language;
        let typed = &self.typed;
        html! {
            form.sheet.no-print method="post" action="/protections" {
                h2 { (view.say("增加保护", "Protect points")) }
                (token(view))
                (field(view.say("计量点编号（可多个，用空格或换行分开）", "Numbers of points (several, apart by space or line)"),
                    &html! { textarea name="points" rows="2" cols="60" required maxlength="20000" { (typed.text("points")) } }))
                div.pick {
                    (field(view.say("类别", "Kind"), &html! {
                        select name="kind" required { @for (kind, _, name) in ProtectionKind::TABLE {
                            option value=(name) selected[typed.text("kind") == *name] { (labels::protection(*kind).of(language)) }
                        } }
                    }))
                    (field(view.say("截止时间（不填则长期）", "Until (for good where left empty)"), &html! {
                        input type="datetime-local" name="until" value=(typed.text("until")) min=(as_field(self.now));
                    }))
                }
                (field(view.say("原因", "Why"), &html! {
                    input name="reason" required maxlength="500" autocomplete="off" value=(typed.text("reason"));
                }))
                p.hint { (view.say("立即生效，未下发的停电不再下发；结束保护须两名审批人。",
                    "It holds at once: no cut leaves any more. Two approvers end it.")) }
                button { (view.say("增加保护", "Protect")) }
            }
            details.sheet.no-print open[typed.some("list").is_some()] {
                summary { (view.say("装入保护名单（CSV 文本）", "Load the list (CSV text)")) }
                form method="post" action="/protections/load" {
                    (token(view))
                    p.hint { (view.say(
                        "首行为列名：计量点编号, 保护类别, 保护原因, 截止时间。从表格软件复制为逗号分隔后粘贴；只增不减，有错则整单不收并停止一切停电。",
                        "First line: point_number, kind, reason, until. It only adds. With a fault nothing is taken, and nobody is cut.")) }
                    (field(view.say("名单", "List"), &html! {
                        textarea name="list" rows="8" cols="80" required spellcheck="false" { (typed.whole("list")) }
                    }))
                    button { (view.say("装入", "Load")) }
                }
            }
        }
    }
}

fn columns() -> Vec<Column<ProtectionLine>> {
    vec![
        Column::new("point", "计量点", "Point", |line: &ProtectionLine, _| line.point.clone()).shown(
            |line, _| html! { a href={ "/evidence?point=" (escaped(&line.point)) } { (inert(&line.point)) } },
        ),
        Column::new("kind", "类别", "Kind", |line: &ProtectionLine, language| {
            labels::protection(line.record.entry.kind).of(language).to_owned()
        }),
        Column::new("reason", "原因", "Why", |line: &ProtectionLine, _| line.record.entry.reason.clone()),
        Column::new("state", "状态", "State", |line: &ProtectionLine, language| {
            stands(line).1.of(language).to_owned()
        })
        .shown(|line, view| {
            let (tone, words) = stands(line);
            html! {
                (state(tone, words.of(view.look.language)))
                @if !line.ended_by.is_empty() && line.holds {
                    " " (view.say("已同意结束：", "agreed to end it: ")) (inert(&line.ended_by.join(", ")))
                }
            }
        }),
        Column::new("until", "截止", "Until", |line: &ProtectionLine, language| {
            let for_good = || language.of("长期", "for good").to_owned();
            line.record.entry.until.map_or_else(for_good, clock)
        }),
        Column::new("at", "录入时间", "Entered at", |line: &ProtectionLine, _| {
            clock(line.record.entered_at)
        }),
        Column::new("by", "录入人", "Entered by", |line: &ProtectionLine, _| {
            line.record.entered_by.clone()
        }),
        Column::new("ended", "结束时间", "Ended at", |line: &ProtectionLine, _| {
            line.record.ended_at.map(clock).unwrap_or_default()
        }),
    ]
}

fn stands(line: &ProtectionLine) -> (Tone, Phrase) {
    match (line.holds, line.record.ended_at.is_some()) {
        (true, _) => (Tone::Warn, Phrase::new("受保护", "protected")),
        (false, true) => (Tone::Quiet, Phrase::new("已结束", "ended")),
        (false, false) => (Tone::Quiet, Phrase::new("已到期", "over")),
    }
}

fn end_form(line: &ProtectionLine, view: &View) -> Markup {
    let code = view.say("动态口令", "Code");
    html! { @if line.holds {
        form.row method="post" action={ "/protections/" (line.record.id) "/end" } {
            (token(view))
            input name="code" inputmode="numeric" autocomplete="one-time-code" pattern="[0-9]{6}" required size="8"
                placeholder=(code) aria-label={ (code) " " (inert(&line.point)) };
            button.quiet { (view.say("同意结束（需两人）", "Agree to end it (two persons)")) }
        }
    } }
}

fn clock(at: Moment) -> String {
    at.in_china().to_string()
}

/// Points of one form.
const MOST_POINTS: usize = 10_000;

#[cfg(test)]
pub(crate) fn sample(asked: Asked) -> ProtectionsPage {
    use crate::domain::Day;
    let now = "2026-11-28".parse::<Day>().unwrap().start();
    let line = |id: i64, kind, holds: bool, ended_by: &[&str]| ProtectionLine {
        point: format!("P{id:07}"),
        record: ProtectionRecord {
            id: Id::new(id),
            entry: ProtectionEntry { point: Id::new(id), kind, reason: "呼吸机".to_owned(), until: None },
            entered_at: now,
            entered_by: "li.na".to_owned(),
            ended_at: (!holds).then_some(now),
        },
        ended_by: ended_by.iter().map(|name| (*name).to_owned()).collect(),
        holds,
    };
    let lines = vec![
        line(3, ProtectionKind::Medical, true, &["wang.fang"]),
        line(4, ProtectionKind::Dispute, false, &[]),
    ];
    ProtectionsPage { lines, list: ProtectionList::Missing, now, typed: Typed::default(), asked }
}

#[cfg(test)]
pub(crate) use calendar::sample as sample_calendar;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::access::Role;
    use crate::http::console::view;
    use crate::http::console::words::Language;

    #[test]
    fn protections_say_why_since_when_and_who_wants_them_ended() {
        let page = sample(Asked::default());
        let zh = page.markup(&view::sample(Language::Chinese, Role::Approver)).into_string();
        for part in [
            "医疗依赖",
            "呼吸机",
            "已同意结束：wang.fang",
            "一律不得停电",
            "action=\"/protections/3/end\"",
            "长期",
        ] {
            assert!(zh.contains(part), "{part}: {zh}");
        }
        assert!(!zh.contains("/protections/4/end"), "what has ended is not ended again");
        let operator = page.markup(&view::sample(Language::English, Role::Operator)).into_string();
        assert!(operator.contains("action=\"/protections\"") && !operator.contains("/end\""), "{operator}");
        let viewer = page.markup(&view::sample(Language::English, Role::Viewer)).into_string();
        assert!(!viewer.contains("method=\"post\""), "{viewer}");
        let asked = Asked(vec![("csv".to_owned(), "all".to_owned())]);
        assert!(
            sample(asked)
                .file(&view::sample(Language::English, Role::Viewer))
                .unwrap()
                .contains("open dispute")
        );
    }
}
