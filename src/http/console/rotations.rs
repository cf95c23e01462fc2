//! New passwords for meters (密码轮换): asked for by an administrator, approved by an approver, and where each meter stands.
//! No password is shown (T25).

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use super::components::{Tone, facts, field, second_factor, state, time, token};
use super::handlers::{answer, answer_as};
use super::table::Asked;
use super::typed::{Typed, numbers, refused};
use super::view::View;
use super::words::{Phrase, inert};
use crate::domain::access::{Action, Regions};
use crate::domain::proposal::MayNot;
use crate::domain::rotation::{CannotRotate, MOST_ROTATED, RotationState, RotationStep, may_decide};
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
}

/// What the page of one shows.
#[derive(Clone, Debug)]
pub struct RotationPage {
    /// It.
    pub rotation: RotationRecord,
    /// Its meters, or some of them.
    pub meters: Vec<RotationMeter>,
    /// Behind which address more follow.
    pub more: Option<String>,
}

async fn list(State(services): State<Services>, caller: Caller, view: View) -> Result<Response, Problem> {
    let page = all(&services, &caller, Typed::default()).await?;
    answer(&services, &view, TITLE, (page.markup(&view), None)).await
}

async fn all(services: &Services, caller: &Caller, typed: Typed) -> Result<RotationsPage, Problem> {
    let rotations = match caller.acting.regions {
        Regions::All => services.store.rotations(NEWEST).await?,
        Regions::Areas(_) => Vec::new(),
    };
    Ok(RotationsPage { rotations, typed })
}

async fn ask(
    State(services): State<Services>,
    caller: Caller,
    view: View,
    typed: Typed,
) -> Result<Response, Problem> {
    let done = async {
        let of = match typed.text("of") {
            "line" => RotationOf::Line(typed.text("line").to_owned()),
            "meters" => {
                let written = numbers(typed.whole("meters"), MOST_ROTATED);
                RotationOf::Meters(addresses(written.iter().map(String::as_str))?)
            }
            _ => RotationOf::Factory,
        };
        begin(&services, &caller, &of, typed.text("reason")).await
    };
    match done.await {
        Ok(id) => Ok(Redirect::to(&format!("/passwords/{id}")).into_response()),
        Err(problem) => {
            let (view, status) = refused(view, problem)?;
            let page = all(&services, &caller, typed).await?;
            Ok(answer_as(status, &view, TITLE, &page.markup(&view)))
        }
    }
}

async fn show(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
    view: View,
    asked: Asked,
) -> Result<Response, Problem> {
    let page = load(&services, &caller, id, asked.value("after").unwrap_or_default()).await?;
    answer(&services, &view, TITLE, (page.markup(&view), None)).await
}

async fn approve(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
    view: View,
    typed: Typed,
) -> Result<Response, Problem> {
    let done = confirm(&services, &caller, Id::new(id), typed.text("code")).await;
    ended(&services, &caller, view, id, done).await
}

async fn refuse(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
    view: View,
) -> Result<Response, Problem> {
    let done = decide(&services, &caller, Id::new(id), Verdict::Refuse).await;
    ended(&services, &caller, view, id, done).await
}

async fn end(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
    view: View,
) -> Result<Response, Problem> {
    let done = decide(&services, &caller, Id::new(id), Verdict::Withdraw).await;
    ended(&services, &caller, view, id, done).await
}

async fn ended(
    services: &Services,
    caller: &Caller,
    view: View,
    id: i64,
    done: Result<(), Problem>,
) -> Result<Response, Problem> {
    let Err(problem) = done else { return Ok(Redirect::to(&format!("/passwords/{id}")).into_response()) };
    let (view, status) = refused(view, problem)?;
    let page = load(services, caller, id, "").await?;
    Ok(answer_as(status, &view, TITLE, &page.markup(&view)))
}

async fn load(services: &Services, caller: &Caller, id: i64, after: &str) -> Result<RotationPage, Problem> {
    let rotation = find(services, caller, Id::new(id)).await?;
    let meters = services.store.rotation_meters(rotation.id, after, MOST_SHOWN).await?;
    let is_full = u32::try_from(meters.len()).unwrap_or(u32::MAX) >= MOST_SHOWN;
    let more = meters.last().filter(|_| is_full).map(|meter| meter.address.clone());
    Ok(RotationPage { rotation, meters, more })
}

impl RotationsPage {
    /// The page without what is around it.
    #[must_use]
    pub fn markup(&self, view: &View) -> Markup {
        html! {
            @if view.may(Action::RotateSecrets) { (self.form(view)) }
            section.sheet {
                h2 { (view.say("已申请的轮换", "Asked for")) }
                @if self.rotations.is_empty() { p { (view.say("还没有", "None yet")) } } @else {
                    div.scroll { table {
                        thead { tr {
                            th scope="col" { (view.say("编号", "Number")) }
                            th scope="col" { (view.say("范围", "Which meters")) }
                            th scope="col" { (view.say("申请", "Asked by")) }
                            th scope="col" { (view.say("状态", "Stands")) }
                            th scope="col" { (view.say("电能表", "Meters")) }
                        } }
                        tbody { @for rotation in &self.rotations { tr {
                            td { a href={ "/passwords/" (rotation.id) } { (rotation.id) } }
                            td { (selection(rotation, view)) }
                            td { (inert(&rotation.asked_as)) " " (time(rotation.asked_at)) }
                            td { (stands(rotation, view)) }
                            td { (counts(rotation, view)) }
                        } } }
                    } }
                }
            }
        }
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
                (view.say("范围", "Which meters"), html! { (selection(rotation, view)) }),
                (view.say("密级", "Level"), html! { (rotation.level) }),
                (view.say("原因", "Why"), html! { (inert(&rotation.reason)) }),
                (view.say("申请", "Asked by"), html! { (inert(&rotation.asked_as)) " " (time(rotation.asked_at)) }),
                (view.say("审批", "Decided by"), html! { (inert(rotation.decided_as.as_deref().unwrap_or("—"))) }),
                (view.say("状态", "Stands"), stands(rotation, view)),
                (view.say("电能表", "Meters"), counts(rotation, view)),
            ])) }
            (self.decide(view))
            section.sheet {
                h2 { (view.say("电能表", "Meters")) }
                div.scroll { table {
                    thead { tr {
                        th scope="col" { (view.say("通信地址", "Address")) }
                        th scope="col" { (view.say("状态", "Stands")) }
                        th scope="col" { (view.say("说明", "Why")) }
                        th.number scope="col" { (view.say("写入", "Sent")) }
                        th.number scope="col" { (view.say("验证", "Proven")) }
                        th scope="col" { (view.say("更新", "Since")) }
                        th scope="col" { (view.say("下次", "Next")) }
                    } }
                    tbody { @for meter in &self.meters { tr {
                        td { a.code href={ "/meters/" (meter.address) } { (meter.address) } }
                        td { (step(meter.step, view)) }
                        td { (why(&meter.why, view)) }
                        td.number { (meter.writes) }
                        td.number { (meter.proofs) }
                        td { (time(meter.changed_at)) }
                        td { @if !meter.step.is_final() && rotation.state == RotationState::Approved { (time(meter.next_at)) } }
                    } } }
                } }
                @if let Some(more) = &self.more {
                    p.no-print { a href={ "/passwords/" (rotation.id) "?after=" (more) } { (view.say("后面的表", "More")) } }
                }
            }
        }
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
fn selection(rotation: &RotationRecord, view: &View) -> String {
    let text = inert(&rotation.selection);
    if let Some(line) = text.strip_prefix("line ") {
        return format!("{} {line}", view.say("线路/终端", "line"));
    }
    match text.strip_suffix(" meters") {
        Some(count) => format!("{count} {}", view.say("只表", "meters")),
        None => view.say("仍用出厂密码的表", "those told a factory password").to_owned(),
    }
}

fn stands(rotation: &RotationRecord, view: &View) -> Markup {
    let (tone, zh, en) = match rotation.state {
        RotationState::Asked => (Tone::Waiting, "待审批", "waits for approval"),
        RotationState::Approved => (Tone::Waiting, "执行中", "under way"),
        RotationState::Refused => (Tone::Warn, "不同意", "refused"),
        RotationState::Ended => (Tone::Quiet, "已中止", "broken off"),
        RotationState::Done => (Tone::Good, "已结束", "done"),
    };
    state(tone, view.say(zh, en))
}

fn counts(rotation: &RotationRecord, view: &View) -> Markup {
    html! { @for (at, count) in &rotation.counts { (step(*at, view)) " " (count) " " } }
}

fn step(step: RotationStep, view: &View) -> Markup {
    let (tone, zh, en) = match step {
        RotationStep::Waiting => (Tone::Waiting, "待写入", "waits"),
        RotationStep::Sending => (Tone::Waiting, "写入中", "being written"),
        RotationStep::Written => (Tone::Waiting, "已写入，待验证", "written, not proven yet"),
        RotationStep::Unclear => (Tone::Warn, "结果不明，待验证", "unclear, to be proven"),
        RotationStep::Verified => (Tone::Good, "已验证", "proven"),
        RotationStep::Kept => (Tone::Warn, "表计拒绝，仍用旧密码", "refused: the old one stays"),
        RotationStep::Stuck => (Tone::Bad, "密码不明，需现场处理", "not known: somebody must look"),
        RotationStep::Skipped => (Tone::Quiet, "跳过", "skipped"),
    };
    state(tone, view.say(zh, en))
}

fn why(name: &str, view: &View) -> String {
    if let Some(why) = CannotRotate::from_name(name) {
        let (zh, en) = why.words();
        return view.say(zh, en).to_owned();
    }
    let (zh, en) = match name {
        "taken" => ("表计已接受", "the meter took it"),
        "not_authorised" => ("密码错误或未授权", "wrong password or not authorised"),
        "refused" => ("表计拒绝", "the meter refused"),
        "unknown" => ("无有效应答", "no answer that counts"),
        "not_sent" => ("未发出", "it did not leave"),
        _ => ("", ""),
    };
    view.say(zh, en).to_owned()
}

/// Meters on one page.
const MOST_SHOWN: u32 = 500;

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
        RotationsPage { rotations, typed: Typed::default() },
        RotationPage { rotation: rotation(RotationState::Asked, "factory passwords"), meters, more: None },
    )
}
