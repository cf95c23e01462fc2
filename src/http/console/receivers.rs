//! The receivers on the page of billing: what waits for each, how it went last, and what it refused offered again.

use axum::extract::{Path, State};
use axum::response::Redirect;
use maud::html;

use super::components::{Tone, state, time, token};
use super::table::{Asked, Column, Table, escaped};
use super::typed::Typed;
use super::view::View;
use super::words::{Language, Phrase, inert};
use crate::domain::access::{Action, Regions};
use crate::http::api::receivers::again;
use crate::http::routes::Routes;
use crate::http::{Caller, Problem, Services};
use crate::store::billing::ReceiverStatus;

pub(super) fn routes() -> Routes {
    Routes::default().form("/billing/receivers/{name}/retry", Action::RetryPushes, retry)
}

async fn retry(
    State(services): State<Services>,
    caller: Caller,
    Path(name): Path<String>,
    typed: Typed,
) -> Result<Redirect, Problem> {
    again(&services, &caller, &name, None).await?;
    Ok(typed.back("/billing"))
}

/// The table of receivers. Of some areas it is not known what was delivered, and when.
pub(super) fn table(receivers: &[ReceiverStatus], asked: &Asked, view: &View) -> Table<ReceiverStatus> {
    let is_whole = view.acting.as_ref().is_some_and(|acting| acting.regions == Regions::All);
    let mut columns = columns();
    columns.retain(|column| is_whole || !OF_THE_SITE.contains(&column.key));
    let caption = Phrase::new("接收方", "Receivers");
    let empty = Phrase::new("还没有接收方", "No receiver was met yet");
    Table::new("receivers", caption, empty, columns, asked).whole(receivers.to_vec(), view.look.language)
}

const OF_THE_SITE: &[&str] = &["oldest", "delivered", "success", "error"];

fn columns() -> Vec<Column<ReceiverStatus>> {
    vec![
        Column::new("name", "名称", "Name", |status: &ReceiverStatus, _| status.name.clone()),
        Column::new("kind", "方式", "By", |status: &ReceiverStatus, language| kind(status, language)),
        Column::new("waiting", "等待", "Waiting", |status: &ReceiverStatus, _| status.waiting.to_string())
            .number()
            .by(|status| i64::try_from(status.waiting).unwrap_or(i64::MAX)),
        Column::new("oldest", "最早等待日", "Oldest day", |status: &ReceiverStatus, _| {
            status.oldest_waiting.map(|day| day.to_string()).unwrap_or_default()
        }),
        Column::new("delivered", "已送达", "Delivered", |status: &ReceiverStatus, _| {
            status.delivered.to_string()
        })
        .number()
        .by(|status| i64::try_from(status.delivered).unwrap_or(i64::MAX)),
        Column::new("success", "最近送达", "Last taken", |status: &ReceiverStatus, _| {
            status.last_success.map(|at| at.in_china().to_string()).unwrap_or_default()
        })
        .shown(|status, _| html! { @if let Some(at) = status.last_success { (time(at)) } }),
        Column::new("error", "最近问题", "Last trouble", |status: &ReceiverStatus, _| {
            let said = |(at, said): &(crate::domain::Moment, String)| format!("{} {said}", at.in_china());
            status.last_error.as_ref().map(said).unwrap_or_default()
        })
        .shown(|status, _| {
            html! { @if let Some((at, said)) = &status.last_error { (time(*at)) " " (inert(said)) } }
        }),
        Column::new("refused", "被拒收", "Refused", |status: &ReceiverStatus, _| status.parked.to_string())
            .shown(|status, view| {
                html! {
                    @if status.parked == 0 { "0" } @else {
                        (state(Tone::Bad, &status.parked.to_string()))
                        @if view.may(Action::RetryPushes) {
                            form.row method="post" action={ "/billing/receivers/" (escaped(&status.name)) "/retry" } {
                                (token(view))
                                button { (view.say("重新推送", "Offer again")) }
                            }
                        }
                    }
                }
            })
            .by(|status| i64::try_from(status.parked).unwrap_or(i64::MAX)),
    ]
}

fn kind(status: &ReceiverStatus, language: Language) -> String {
    let by = match status.kind.as_str() {
        "ledger" => language.of("内置台账", "built-in ledger"),
        "http" => language.of("接口 (HTTP)", "HTTP"),
        "csv" => language.of("文件 (CSV)", "files (CSV)"),
        _ => "",
    };
    let left_out = if status.is_configured {
        ""
    } else {
        language.of("（已不在配置中）", " (not configured any more)")
    };
    format!("{by}{left_out}")
}
