//! New passwords for meters (密码轮换): asked for by an administrator, approved by an approver, and where each meter stands.
//! No password is shown (T25).

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use super::components::{Tone, facts, field, said, second_factor, state, time, token};
use super::handlers::{answer, answer_as};
use super::sent::Sent;
use super::table::{Asked, Column, Table};
use super::typed::{Typed, numbers};
use super::view::View;
use super::words::{Language, Phrase, inert};
use crate::domain::access::{Action, Regions};
use crate::domain::proposal::MayNot;
use crate::domain::rotation::{
    CannotRotate, MOST_ROTATED, Rotation, RotationState, RotationStep, may_decide,
};
use crate::domain::{Coded, Id};
use crate::http::api::rotations::{NEWEST, SEE, addresses, begin, confirm, decide, find};
use crate::http::routes::Routes;
use crate::http::{Caller, Problem, Services};
use crate::store::Verdict;
use crate::store::rotation::{RotationMeter, RotationRecord};
use crate::supply::RotationOf;

pub(super) fn routes() -> Routes {
    Routes::default()
        .page("/passwords", SEE, list)
        .form("/passwords", Action::RotateSecrets, ask)
        .page("/passwords/{id}", SEE, show)
        .form("/passwords/{id}/approve", Action::ApproveRotation, approve)
        .form("/passwords/{id}/refuse", Action::ApproveRotation, refuse)
        .form("/passwords/{id}/end", SEE, end)
}

/// What the pages are called.
pub const TITLE: Phrase = Phrase::new("电能表密码轮换", "New passwords of meters");

/// What the page of all shows.
#[derive(Clone, Debug)]
pub struct RotationsPage {
    /// The newest ones.
    pub rotations: Vec<RotationRecord>,
    /// What was typed into a form that was not taken.
    pub typed: Typed,
    /// What the address says.
    pub asked: Asked,
}

/// What the page of one shows.
#[derive(Clone, Debug)]
pub struct RotationPage {
    /// It.
    pub rotation: RotationRecord,
    /// Its meters.
    pub meters: Vec<RotationMeter>,
    /// What the address says.
    pub asked: Asked,
}

async fn list(
    State(services): State<Services>,
    caller: Caller,
    view: View,
    asked: Asked,
) -> Result<Response, Problem> {
    let page = RotationsPage { asked, ..all(&services, &caller, Typed::default()).await? };
    let file = page.table(view.look.language).file(view.look.language);
    answer(&services, &view, TITLE, (page.markup(&view), file)).await
}

async fn all(services: &Services, caller: &Caller, typed: Typed) -> Result<RotationsPage, Problem> {
    let rotations = match caller.acting.regions {
        Regions::All => services.store.rotations(NEWEST).await?,
        Regions::Areas(_) => Vec::new(),
    };
    Ok(RotationsPage { rotations, typed, asked: Asked::default() })
}

async fn ask(sent: Sent) -> Result<Response, Problem> {
    let problem = match asked(&sent).await {
        Ok(id) => return Ok(Redirect::to(&format!("/passwords/{id}")).into_response()),
        Err(problem) => problem,
    };
    let (Sent { services, caller, view, typed }, status) = sent.refused(problem)?;
    let page = all(&services, &caller, typed).await?;
    Ok(answer_as(status, &view, TITLE, &page.markup(&view)))
}

/// Asks for what was written.
async fn asked(Sent { services, caller, typed, .. }: &Sent) -> Result<Id<Rotation>, Problem> {
    let of = match typed.text("of") {
        "line" => RotationOf::Line(typed.text("line").to_owned()),
        "meters" => {
            let written = numbers(typed.whole("meters"), MOST_ROTATED);
            RotationOf::Meters(addresses(written.iter().map(String::as_str))?)
        }
        _ => RotationOf::Factory,
    };
    begin(services, caller, &of, typed.text("reason")).await
}

async fn show(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
    view: View,
    asked: Asked,
) -> Result<Response, Problem> {
    let page = RotationPage { asked, ..load(&services, &caller, id).await? };
    let file = page.table(view.look.language).file(view.look.language);
    answer(&services, &view, TITLE, (page.markup(&view), file)).await
}

async fn approve(Path(id): Path<i64>, sent: Sent) -> Result<Response, Problem> {
    let done = confirm(&sent.services, &sent.caller, Id::new(id), sent.typed.text("code")).await;
    ended(sent, id, done).await
}

async fn refuse(Path(id): Path<i64>, sent: Sent) -> Result<Response, Problem> {
    let done = decide(&sent.services, &sent.caller, Id::new(id), Verdict::Refuse).await;
    ended(sent, id, done).await
}

async fn end(Path(id): Path<i64>, sent: Sent) -> Result<Response, Problem> {
    let done = decide(&sent.services, &sent.caller, Id::new(id), Verdict::Withdraw).await;
    ended(sent, id, done).await
}

async fn ended(sent: Sent, id: i64, done: Result<(), Problem>) -> Result<Response, Problem> {
    let Err(problem) = done else { return Ok(Redirect::to(&format!("/passwords/{id}")).into_response()) };
    let (Sent { services, caller, view, .. }, status) = sent.refused(problem)?;
    let page = load(&services, &caller, id).await?;
    Ok(answer_as(status, &view, TITLE, &page.markup(&view)))
}

async fn load(services: &Services, caller: &Caller, id: i64) -> Result<RotationPage, Problem> {
    let rotation = find(services, caller, Id::new(id)).await?;
    let meters = services.store.rotation_meters(rotation.id, "", MOST_SHOWN).await?;
    Ok(RotationPage { rotation, meters, asked: Asked::default() })
}

impl RotationsPage {
    /// The page without what is around it.
    #[must_use]
    pub fn markup(&self, view: &View) -> Markup {
        html! {
            @if view.may(Action::RotateSecrets) { (self.form(view)) }
            (self.table(view.look.language).markup(view))
        }
    }

    fn table(&self, language: Language) -> Table<RotationRecord> {
        let columns = vec![
            Column::new("id", "编号", "Number", |rotation: &RotationRecord, _| rotation.id.to_string())
                .shown(|rotation, _| html! { a href={ "/passwords/" (rotation.id) } { (said(rotation.id.number())) } })
                .by(|rotation| rotation.id.number()),
            Column::new("selection", "范围", "Which meters", selection),
            Column::new("by", "申请人", "Asked by", |rotation: &RotationRecord, _| {
                rotation.asked_as.clone()
            }),
            Column::new("at", "申请时间", "Asked at", |rotation: &RotationRecord, _| {
                rotation.asked_at.in_china().to_string()
            })
            .by(|rotation| rotation.asked_at.micros()),
            Column::new("state", "状态", "Stands", |rotation: &RotationRecord, language| {
                stands(rotation).1.of(language).to_owned()
            })
            .shown(|rotation, view| {
                let (tone, words) = stands(rotation);
                state(tone, words.of(view.look.language))
            }),
            Column::new("meters", "电能表", "Meters", |rotation: &RotationRecord, language| {
                let counted =
                    |(at, count): &(RotationStep, u64)| format!("{} {count}", step(*at).1.of(language));
                rotation.counts.iter().map(counted).collect::<Vec<_>>().join(language.of("，", ", "))
            })
            .shown(counts),
        ];
        let caption = Phrase::new("已申请的轮换", "Asked for");
        Table::new("", caption, Phrase::new("还没有", "None yet"), columns, &self.asked)
            .whole(self.rotations.clone(), language)
    }

    fn form(&self, view: &View) -> Markup {
        let chosen = self.typed.text("of");
        let choice = |value: &'static str, name: &'static str| {
            html! { option value=(value) selected[chosen == value] { (name) } }
        };
        html! { form.sheet.no-print method="post" action="/passwords" {
            h2 { (view.say("申请轮换", "Ask for new passwords")) }
            p.hint { (view.say(
                "每只表写入各自的随机新密码（02 级），由审批人批准后执行。新密码不显示、不导出；表计验证之前新旧密码都保留。ESAM 表和 1997 版表跳过。",
                "Each meter gets a random password of its own (level 02) once an approver has approved it. It is never shown; until the meter has shown that it has it, the old one is kept beside it. Meters with a security chip and of the 1997 edition are skipped.")) }
            (token(view))
            (field(view.say("范围", "Which meters"), &html! { select name="of" {
                (choice("factory", view.say("所有仍用出厂密码的表", "all that are told a factory password")))
                (choice("line", view.say("一条线路或一个终端", "all of a line or terminal")))
                (choice("meters", view.say("指定通信地址", "these addresses")))
            } }))
            (field(view.say("线路/终端（按线路时填）", "Line or terminal"), &html! {
                input name="line" value=(self.typed.text("line")); }))
            (field(view.say("通信地址（按地址时填，每行一个）", "Addresses, one a line"), &html! {
                textarea name="meters" rows="3" { (self.typed.whole("meters")) } }))
            (field(view.say("原因", "Why"), &html! {
                input name="reason" required value=(self.typed.text("reason")); }))
            button { (view.say("提交申请", "Ask")) }
        } }
    }
}

impl RotationPage {
    /// The page without what is around it.
    #[must_use]
    pub fn markup(&self, view: &View) -> Markup {
        let rotation = &self.rotation;
        html! {
            p.no-print { a href="/passwords" { (view.say("全部轮换", "All of them")) } }
            section.sheet { (facts(&[
                (view.say("范围", "Which meters"), html! { (selection(rotation, view.look.language)) }),
                (view.say("密级", "Level"), html! { (rotation.level) }),
                (view.say("原因", "Why"), html! { (inert(&rotation.reason)) }),
                (view.say("申请", "Asked by"), html! { (inert(&rotation.asked_as)) " " (time(rotation.asked_at)) }),
                (view.say("审批", "Decided by"), html! { (inert(rotation.decided_as.as_deref().unwrap_or("—"))) }),
                (view.say("状态", "Stands"), state(stands(rotation).0, stands(rotation).1.of(view.look.language))),
                (view.say("电能表", "Meters"), counts(rotation, view)),
            ])) }
            (self.decide(view))
            (self.table(view.look.language).markup(view))
        }
    }

    fn table(&self, language: Language) -> Table<(RotationMeter, bool)> {
        type Line = (RotationMeter, bool);
        let columns = vec![
            Column::new("address", "通信地址", "Address", |(meter, _): &Line, _| meter.address.clone())
                .shown(
                    |(meter, _), _| html! { a.code href={ "/meters/" (meter.address) } { (meter.address) } },
                ),
            Column::new("step", "状态", "Stands", |(meter, _): &Line, language| {
                step(meter.step).1.of(language).to_owned()
            })
            .shown(|(meter, _), view| {
                let (tone, words) = step(meter.step);
                state(tone, words.of(view.look.language))
            }),
            Column::new("why", "说明", "Why", |(meter, _): &Line, language| why(&meter.why, language)),
            Column::new("writes", "写入", "Sent", |(meter, _): &Line, _| meter.writes.to_string())
                .number()
                .by(|(meter, _)| meter.writes),
            Column::new("proofs", "验证", "Proven", |(meter, _): &Line, _| meter.proofs.to_string())
                .number()
                .by(|(meter, _)| meter.proofs),
            Column::new("changed", "更新", "Since", |(meter, _): &Line, _| {
                meter.changed_at.in_china().to_string()
            })
            .by(|(meter, _)| meter.changed_at.micros()),
            Column::new("next", "下次", "Next", |(meter, is_under_way): &Line, _| {
                let is_due = *is_under_way && !meter.step.is_final();
                if is_due { meter.next_at.in_china().to_string() } else { String::new() }
            }),
        ];
        let is_under_way = self.rotation.state == RotationState::Approved;
        let caption = Phrase::new("电能表", "Meters");
        Table::new("", caption, Phrase::new("没有电能表", "No meter"), columns, &self.asked)
            .whole(self.meters.iter().map(|meter| (meter.clone(), is_under_way)).collect(), language)
    }

    fn decide(&self, view: &View) -> Markup {
        let (rotation, id) = (&self.rotation, self.rotation.id);
        let Some(acting) = &view.acting else { return html! {} };
        let may = may_decide((rotation.asked_by, rotation.state), acting, view.now);
        let is_open = matches!(rotation.state, RotationState::Asked | RotationState::Approved);
        html! {
            @match may {
                Ok(()) => {
                    form.sheet.no-print method="post" action={ "/passwords/" (id) "/approve" } {
                        h2 { (view.say("审批", "Approve")) }
                        p { (view.say(
                            "批准后逐表写入新密码。写入结果不明的表，每天最多试一次可能错误的密码，不会锁表。",
                            "New passwords are written meter by meter. A password that may be wrong is sent to a meter once a day, which locks none.")) }
                        (token(view))
                        (second_factor(view))
                        button { (view.say("批准", "Approve")) }
                    }
                    form.no-print method="post" action={ "/passwords/" (id) "/refuse" } {
                        (token(view))
                        button.quiet { (view.say("不同意", "Refuse")) }
                    }
                }
                Err(why @ (MayNot::SamePerson | MayNot::NewRole)) if rotation.state == RotationState::Asked => {
                    @let text = why.to_string();
                    @let (en, zh) = text.split_once("  ").unwrap_or((&text, &text));
                    p { (state(Tone::Warn, view.say(zh, en))) }
                }
                Err(_) => {}
            }
            @if is_open && (view.may(Action::RotateSecrets) || view.may(Action::ApproveRotation)) {
                form.no-print method="post" action={ "/passwords/" (id) "/end" } {
                    (token(view))
                    button.quiet { (view.say("中止", "Break it off")) }
                }
            }
        }
    }
}

/// Which meters were asked for: kept in English, told in the language of whoever looks.
fn selection(rotation: &RotationRecord, language: Language) -> String {
    let text = inert(&rotation.selection);
    if let Some(line) = text.strip_prefix("line ") {
        return format!("{} {line}", language.of("线路/终端", "line"));
    }
    match text.strip_suffix(" meters") {
        Some(count) => format!("{count} {}", language.of("只表", "meters")),
        None => language.of("仍用出厂密码的表", "those told a factory password").to_owned(),
    }
}

fn stands(rotation: &RotationRecord) -> (Tone, Phrase) {
    match rotation.state {
        RotationState::Asked => (Tone::Waiting, Phrase::new("待审批", "waits for approval")),
        RotationState::Approved => (Tone::Waiting, Phrase::new("执行中", "under way")),
        RotationState::Refused => (Tone::Warn, Phrase::new("不同意", "refused")),
        RotationState::Ended => (Tone::Quiet, Phrase::new("已中止", "broken off")),
        RotationState::Done => (Tone::Good, Phrase::new("已结束", "done")),
    }
}

fn counts(rotation: &RotationRecord, view: &View) -> Markup {
    html! { @for (at, count) in &rotation.counts {
        @let (tone, words) = step(*at);
        (state(tone, words.of(view.look.language))) " " (count) " "
    } }
}

fn step(step: RotationStep) -> (Tone, Phrase) {
    match step {
        RotationStep::Waiting => (Tone::Waiting, Phrase::new("待写入", "waits")),
        RotationStep::Sending => (Tone::Waiting, Phrase::new("写入中", "being written")),
        RotationStep::Written => (Tone::Waiting, Phrase::new("已写入，待验证", "written, not proven yet")),
        RotationStep::Unclear => (Tone::Warn, Phrase::new("结果不明，待验证", "unclear, to be proven")),
        RotationStep::Verified => (Tone::Good, Phrase::new("已验证", "proven")),
        RotationStep::Kept => (Tone::Warn, Phrase::new("表计拒绝，仍用旧密码", "refused: the old one stays")),
        RotationStep::Stuck => {
            (Tone::Bad, Phrase::new("密码不明，需现场处理", "not known: somebody must look"))
        }
        RotationStep::Skipped => (Tone::Quiet, Phrase::new("跳过", "skipped")),
    }
}

fn why(name: &str, language: Language) -> String {
    if let Some(why) = CannotRotate::from_name(name) {
        let (zh, en) = why.words();
        return language.of(zh, en).to_owned();
    }
    let (zh, en) = match name {
        "taken" => ("表计已接受", "the meter took it"),
        "not_authorised" => ("密码错误或未授权", "wrong password or not authorised"),
        "refused" => ("表计拒绝", "the meter refused"),
        "unknown" => ("无有效应答", "no answer that counts"),
        "not_sent" => ("未发出", "it did not leave"),
        _ => ("", ""),
    };
    language.of(zh, en).to_owned()
}

/// All meters that a rotation takes.
const MOST_SHOWN: u32 = 10_000;

#[cfg(test)]
pub(crate) fn sample() -> (RotationsPage, RotationPage) {
    use crate::domain::Moment;
    use dlt645::password::Level;
    let at = Moment::from_micros(1_800_000_000_000_000);
    let rotation = |state, selection: &str| RotationRecord {
        id: Id::new(7),
        level: Level::CONTROL,
        selection: selection.to_owned(),
        reason: "投运后更换出厂密码".to_owned(),
        state,
        asked_by: 9,
        asked_as: "admin".to_owned(),
        asked_at: at,
        decided_as: None,
        ended_at: None,
        counts: RotationStep::TABLE.iter().map(|(step, ..)| (*step, 3)).collect(),
    };
    let meters = RotationStep::TABLE.iter().map(|(step, code, _)| RotationMeter {
        address: format!("2024111100{code:02}"),
        step: *step,
        writes: 1,
        proofs: 1,
        next_at: at,
        changed_at: at,
        why: "not_authorised".to_owned(),
    });
    let meters = meters.collect();
    let of = ["factory passwords", "line 东区1号线", "12 meters"];
    let all = RotationState::TABLE.iter().zip(of.iter().cycle());
    let rotations = all.map(|((state, ..), of)| rotation(*state, of)).collect();
    (
        RotationsPage { rotations, typed: Typed::default(), asked: Asked::default() },
        RotationPage {
            rotation: rotation(RotationState::Asked, "factory passwords"),
            meters,
            asked: Asked::default(),
        },
    )
}
