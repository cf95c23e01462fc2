//! The audit log (审计日志) to read, to verify and to write out.

use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::components::{field, time, token};
use super::layout;
use super::table::escaped;
use super::view::{Told, View};
use super::words::{Phrase, inert};
use crate::config::Words;
use crate::domain::Coded;
use crate::domain::access::Action;
use crate::domain::supply::{Objection, OrderState};
use crate::http::api::audit::{as_file, csv};
use crate::http::routes::Routes;
use crate::http::{Asked, Caller, Problem, Services};
use crate::store::{AuditFilter, AuditRecord};

pub(super) fn routes() -> Routes {
    Routes::default()
        .page("/audit", Action::ReadAudit, page)
        .page("/audit/verify", Action::ReadAudit, verify)
        .form("/audit/export", Action::ReadAudit, export)
}

/// Which entries.
#[derive(Clone, Debug, Default, Deserialize)]
struct Which {
    #[serde(default)]
    actor: String,
    #[serde(default)]
    action: String,
    #[serde(default)]
    order: String,
    /// Entries below this number.
    before: Option<i64>,
}

/// What the page shows.
struct AuditPage {
    which: Which,
    entries: Vec<AuditRecord>,
}

async fn page(
    State(services): State<Services>,
    view: View,
    Asked(which): Asked<Which>,
) -> Result<Response, Problem> {
    draw(&services, &view, which).await
}

/// Verifies the whole log and says what was found.
async fn verify(State(services): State<Services>, view: View) -> Result<Response, Problem> {
    let (is_good, words) = match services.store.verify_audit(&[]).await? {
        Ok(head) => (
            true,
            Words::new(
                format!("{} entries are sound; the last hash is {}", head.number, head.hash),
                format!("共 {} 条，完整无误；末端摘要 {}", head.number, head.hash),
            ),
        ),
        Err(fault) => (
            false,
            Words::new(
                format!("the log is not sound: {fault}"),
                format!("日志不完整：第 {} 条起有问题（{fault}）", fault.number()),
            ),
        ),
    };
    let view = View { told: Some(Told { is_good, words }), ..view };
    draw(&services, &view, Which::default()).await
}

async fn export(State(services): State<Services>, caller: Caller) -> Result<Response, Problem> {
    Ok(as_file(csv(&services, &caller, 0).await?))
}

async fn draw(services: &Services, view: &View, which: Which) -> Result<Response, Problem> {
    let some = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let filter = AuditFilter {
        order: which.order.trim().parse().ok(),
        actor: some(&which.actor),
        action: some(&which.action),
    };
    let before = which.before.unwrap_or(i64::MAX);
    let entries = services.store.audit_before(&filter, before, PAGE).await?;
    let view = View { here: "/audit".to_owned(), ..view.clone() };
    let content = AuditPage { which, entries }.markup(&view);
    Ok(Html(layout::page(&view, TITLE, &content).into_string()).into_response())
}

impl AuditPage {
    fn markup(&self, view: &View) -> Markup {
        html! {
            (self.forms(view))
            div.scroll tabindex="0" role="region" aria-label=(TITLE.of(view.look.language)) { table {
                thead { tr {
                    th { (view.say("编号", "No.")) }
                    th { (view.say("时间", "When")) }
                    th { (view.say("操作人", "Who")) }
                    th { (view.say("来源", "From")) }
                    th { (view.say("操作", "What")) }
                    th { (view.say("对象", "To what")) }
                    th { (view.say("结果", "Result")) }
                    th { (view.say("详情", "Details")) }
                } }
                tbody { @for entry in &self.entries { tr {
                    td.number { (entry.number) }
                    td { (time(entry.at)) }
                    td { (inert(&told(view, &entry.actor))) }
                    td { (inert(&told(view, &entry.source))) }
                    td { code { (inert(&entry.action)) } }
                    td { (inert(&view.look.language.subject(&entry.object))) }
                    td { (inert(&result(view, &entry.result))) }
                    td.wide { @if !entry.detail.is_empty() { code { (inert(&entry.detail)) } } }
                } } }
            } }
            @if let Some(last) = self.entries.last().filter(|last| self.is_full() && last.number > 1) {
                p { a href=(self.further(last.number)) { (view.say("更早的记录", "Earlier entries")) } }
            }
        }
    }

    fn forms(&self, view: &View) -> Markup {
        let Which { actor, action, order, .. } = &self.which;
        html! {
            form.pick method="get" action="/audit" {
                (field(view.say("操作人", "Who"), &html! { input name="actor" value=(actor) maxlength="64"; }))
                (field(view.say("操作开头", "What begins with"), &html! {
                    input name="action" value=(action) maxlength="64" placeholder="login.";
                }))
                (field(view.say("停复电单号", "Supply order"), &html! {
                    input name="order" value=(order) inputmode="numeric" maxlength="19";
                }))
                button { (view.say("查询", "Show")) }
            }
            p { a href="/audit/verify" { (view.say("校验全部日志", "Verify the whole log")) } }
            form method="post" action="/audit/export" {
                (token(view))
                button.quiet { (view.say("导出 CSV（导出本身会记入日志）", "Export CSV (which is entered in the log)")) }
            }
        }
    }

    fn is_full(&self) -> bool {
        u32::try_from(self.entries.len()).unwrap_or(u32::MAX) >= PAGE
    }

    fn further(&self, before: i64) -> String {
        let Which { actor, action, order, .. } = &self.which;
        format!(
            "/audit?actor={}&action={}&order={}&before={before}",
            escaped(actor),
            escaped(action),
            escaped(order)
        )
    }
}

/// A fixed word of the log; names and addresses stay as they are.
fn told(view: &View, word: &str) -> String {
    if let Some((en, zh)) = WORDS.iter().find(|(en, _)| *en == word) {
        return view.say(zh, en).to_owned();
    }
    OrderState::from_name(word).map_or_else(|| word.to_owned(), |state| view.say(state.zh(), word).to_owned())
}

/// What came of something: a word, and behind it perhaps what stood against it.
fn result(view: &View, result: &str) -> String {
    let Some((word, why)) = result.split_once(": ") else { return told(view, result) };
    let reason = |name: &str| match Objection::from_name(name) {
        Some(objection) => view.say(objection.zh(), objection.en()).to_owned(),
        None => told(view, name),
    };
    let reasons: Vec<String> = why.split(", ").map(reason).collect();
    format!("{}{}{}", told(view, word), view.say("：", ": "), reasons.join(view.say("；", "; ")))
}

/// Words that the log has for who acted, from where, and what came of it.
const WORDS: &[(&str, &str)] = &[
    ("system", "系统"),
    ("command line", "命令行"),
    ("stop file", "急停文件"),
    ("done", "完成"),
    ("refused", "拒绝"),
    ("not allowed", "无权限"),
    ("failed", "失败"),
    ("locked", "已锁定"),
    ("unknown", "未知"),
    ("accepted", "电表受理"),
    ("not_sent", "未发出"),
    ("waiting", "待第二人"),
    ("half", "待第二人"),
];

const TITLE: Phrase = Phrase::new("审计日志", "Audit log");
const PAGE: u32 = 100;
