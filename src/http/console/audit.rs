//! The audit log (审计日志) to read, to verify and to write out.

use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};

use super::components::{field, token};
use super::handlers::answer;
use super::table::{Asked, Column, Table, wanted_sorted};
use super::view::{Told, View};
use super::words::{Language, Phrase, inert};
use crate::config::Words;
use crate::domain::Coded;
use crate::domain::access::Action;
use crate::domain::supply::{Objection, OrderState};
use crate::http::api::audit::{UNNOTED, as_file, csv};
use crate::http::routes::Routes;
use crate::http::{Caller, Problem, Services};
use crate::store::{AuditFilter, AuditHead, AuditNotes, AuditRecord, Spooled};

pub(super) fn routes() -> Routes {
    Routes::default()
        .page("/audit", Action::ReadAudit, page)
        .page("/audit/verify", Action::ReadAudit, verify)
        .form("/audit/export", Action::ReadAudit, export)
}

/// What the page shows.
struct AuditPage {
    /// What the address says: `actor`, `action` and `order` besides what a table is asked for by.
    asked: Asked,
    entries: Vec<AuditRecord>,
}

async fn page(State(services): State<Services>, view: View, asked: Asked) -> Result<Response, Problem> {
    draw(&services, &view, asked).await
}

/// Verifies the whole log and says what was found.
async fn verify(State(services): State<Services>, view: View) -> Result<Response, Problem> {
    let verdict = services.verified_audit().await?;
    let is_good = verdict.is_sound();
    let (en, zh) = match (&verdict.notes, &verdict.found) {
        (AuditNotes::Unreadable(error), _) => (
            format!("the notes of the end of the log cannot be read: {error}"),
            format!("末端摘要文件无法读取：{error}"),
        ),
        (_, Err(fault)) => (
            format!("the log is not sound: {fault}"),
            format!("日志不完整：第 {} 条起有问题（{fault}）", fault.number()),
        ),
        (AuditNotes::Compared(notes), Ok(AuditHead { number, hash })) => (
            format!(
                "{number} entries are sound and fit {notes} notes outside the database; the last hash is {hash}"
            ),
            format!("共 {number} 条，完整无误，与库外 {notes} 条末端摘要一致；末端摘要 {hash}"),
        ),
        (AuditNotes::None, Ok(AuditHead { number, hash })) => (
            format!("{number} entries are sound in themselves; the last hash is {hash}; {}", UNNOTED.0),
            format!("共 {number} 条，自身完整无误；末端摘要 {hash}；{}", UNNOTED.1),
        ),
    };
    let (en, zh) = match verdict.waiting {
        None => (en, zh),
        Some(Spooled { count, .. }) => (
            format!("{en}; {count} entries that it did not take wait to be entered"),
            format!("{zh}；另有 {count} 条未能写入、等待补录"),
        ),
    };
    let words = Words::new(en, zh);
    let view = View { told: Some(Told { is_good, words, reasons: Vec::new() }), ..view };
    draw(&services, &view, Asked::default()).await
}

async fn export(State(services): State<Services>, caller: Caller) -> Result<Response, Problem> {
    Ok(as_file(csv(&services, &caller, 0).await?))
}

async fn draw(services: &Services, view: &View, asked: Asked) -> Result<Response, Problem> {
    let some =
        |name: &str| asked.value(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let filter = AuditFilter {
        order: some("order").and_then(|order| order.parse().ok()),
        actor: some("actor"),
        action: some("action"),
    };
    let is_whole = is_whole(&asked);
    let before = some("after").filter(|_| !is_whole).and_then(|number| number.parse().ok());
    let most = wanted_sorted(&asked, is_whole);
    let entries = services.store.audit_before(&filter, before.unwrap_or(i64::MAX), most).await?;
    let view = View { here: "/audit".to_owned(), ..view.clone() };
    let page = AuditPage { asked, entries };
    let file = page.table(view.look.language).file(view.look.language);
    answer(services, &view, TITLE, (page.markup(&view), file)).await
}

/// Whether the list is sorted or searched here: the store gives it by its numbers.
fn is_whole(asked: &Asked) -> bool {
    asked.is_sorted() || asked.value("q").is_some()
}

impl AuditPage {
    fn markup(&self, view: &View) -> Markup {
        html! { (self.forms(view)) (self.table(view.look.language).markup(view)) }
    }

    fn table(&self, language: Language) -> Table<AuditRecord> {
        let columns = vec![
            Column::new("number", "编号", "No.", |entry: &AuditRecord, _| entry.number.to_string())
                .number()
                .by(|entry| entry.number),
            Column::new("at", "时间", "When", |entry: &AuditRecord, _| entry.at.in_china().to_string())
                .by(|entry| entry.at.micros()),
            Column::new("actor", "操作人", "Who", |entry: &AuditRecord, language| {
                told(language, &entry.actor)
            }),
            Column::new("source", "来源", "From", |entry: &AuditRecord, language| {
                told(language, &entry.source)
            }),
            Column::new("action", "操作", "What", |entry: &AuditRecord, _| entry.action.clone())
                .shown(|entry, _| html! { code { (inert(&entry.action)) } }),
            Column::new("object", "对象", "To what", |entry: &AuditRecord, language| {
                language.subject(&entry.object)
            }),
            Column::new("result", "结果", "Result", |entry: &AuditRecord, language| {
                result(language, &entry.result)
            }),
            Column::new("detail", "详情", "Details", |entry: &AuditRecord, _| entry.detail.clone())
                .shown(|entry, _| html! { @if !entry.detail.is_empty() { code { (inert(&entry.detail)) } } })
                .unsorted()
                .wide(),
        ];
        let rows = (self.entries.clone(), is_whole(&self.asked));
        let empty = Phrase::new("没有这样的记录", "No entry is like that");
        Table::new("", TITLE, empty, columns, &self.asked).listed(
            rows,
            |entry| entry.number.to_string(),
            language,
        )
    }

    fn forms(&self, view: &View) -> Markup {
        let [actor, action, order] =
            ["actor", "action", "order"].map(|name| self.asked.value(name).unwrap_or_default());
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
                button.quiet { (view.say("导出全部 CSV（导出本身会记入日志）", "Export all as CSV (which is entered in the log)")) }
            }
        }
    }
}

/// A fixed word of the log; names and addresses stay as they are.
fn told(language: Language, word: &str) -> String {
    if let Some((en, zh)) = WORDS.iter().find(|(en, _)| *en == word) {
        return language.of(zh, en).to_owned();
    }
    OrderState::from_name(word)
        .map_or_else(|| word.to_owned(), |state| language.of(state.zh(), word).to_owned())
}

/// What came of something: a word, and behind it perhaps what stood against it.
fn result(language: Language, result: &str) -> String {
    let Some((word, why)) = result.split_once(": ") else { return told(language, result) };
    let reason = |name: &str| match Objection::from_name(name) {
        Some(objection) => language.of(objection.zh(), objection.en()).to_owned(),
        None => told(language, name),
    };
    let reasons: Vec<String> = why.split(", ").map(reason).collect();
    format!("{}{}{}", told(language, word), language.of("：", ": "), reasons.join(language.of("；", "; ")))
}

/// Words that the log has for who acted, from where, and what came of it.
const WORDS: &[(&str, &str)] = &[
    ("system", "系统"),
    ("command line", "命令行"),
    ("stop file", "急停文件"),
    ("file", "配置文件"),
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
