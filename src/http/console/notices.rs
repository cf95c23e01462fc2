//! Reminders and notices of disconnection (催费及停电通知书) for customers in arrears, one on each sheet: they are delivered
//! before any order is written, and entered as evidence afterwards.

use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use dlt645::quantity::Quantity;
use maud::{Markup, html};

use super::components::{field, time};
use super::handlers::answer;
use super::orders::Paper;
use super::table::Asked;
use super::typed::{as_field, moment, numbers};
use super::view::View;
use super::words::inert;
use crate::domain::access::Action;
use crate::domain::{Day, Moment};
use crate::http::routes::Routes;
use crate::http::{Caller, Problem, Services};
use crate::store::view::OverdueLine;

pub(super) fn routes() -> Routes {
    Routes::default().page("/overdue/notices", Action::SeeCustomers, page)
}

/// What the page shows.
#[derive(Clone, Debug)]
pub struct NoticesPage {
    /// Who is told: points in arrears that are not protected.
    pub lines: Vec<OverdueLine>,
    /// When supply may be cut at the earliest.
    pub from: Moment,
    /// What the address says.
    pub asked: Asked,
}

async fn page(
    State(services): State<Services>,
    caller: Caller,
    view: View,
    asked: Asked,
) -> Result<Response, Problem> {
    let wanted = numbers(asked.value("points").unwrap_or_default(), MOST);
    let mut lines =
        services.store.overdue_lines(&caller.acting.regions, MOST_OVERDUE, services.clock.now()).await?;
    lines.retain(|line| !line.is_protected && (wanted.is_empty() || wanted.contains(&line.point)));
    let from = asked.value("from").and_then(moment).unwrap_or_else(|| usual(view.now));
    let page = NoticesPage { lines, from, asked };
    answer(&services, &view, Paper::Notice.title(), (page.markup(&view), None)).await
}

impl NoticesPage {
    /// The page without what is around it.
    #[must_use]
    pub fn markup(&self, view: &View) -> Markup {
        html! {
            p.no-print { a href="/overdue" { "◀ " (view.say("欠费清单", "Overdue list")) } " · "
                (view.say("用浏览器的打印功能打印本页，每户一页；送达后到“停电依据”登记。",
                    "Print this page with the browser, one sheet for each customer; enter what was delivered under Evidence for cuts.")) }
            form.pick.no-print method="get" {
                (field(view.say("计量点（空为全部）", "Points (all where empty)"), &html! {
                    input name="points" maxlength="20000" value=(self.asked.value("points").unwrap_or_default()); }))
                (field(view.say("最早停电时间", "Cut at the earliest"), &html! {
                    input type="datetime-local" name="from" required value=(as_field(self.from)); }))
                button { (view.say("查看", "Show")) }
            }
            @for line in &self.lines { (sheet(view, line, self.from)) }
            @if self.lines.is_empty() {
                p { (view.say("没有可通知的欠费计量点（受保护的不在其中）。", "Nobody in arrears is to be told; who is protected is left out.")) }
            }
        }
    }
}

/// The earliest time that is usually named: a day more than the strict terms ask for.
pub(super) fn usual(now: Moment) -> Moment {
    Day::of(now.plus(AHEAD)).start().plus(Duration::from_secs(9 * 3600))
}

/// The sheet of one customer: what is owed, and from when on supply may be cut.
pub(super) fn sheet(view: &View, line: &OverdueLine, from: Moment) -> Markup {
    let owed = Quantity::new(line.owed_fen, 2);
    html! {
        article.form-sheet.new-page {
            h2 { (Paper::Notice.title().of(view.look.language)) }
            p { (view.say("用户：", "Customer: ")) (inert(&line.customer.0)) " " (inert(&line.customer.1)) }
            p { (view.say("计量点：", "Point: ")) (inert(&line.point)) " · "
                (view.say("电能表：", "Meter: ")) (line.address.as_deref().unwrap_or("—")) }
            p { (view.say("截至 ", "As of ")) (time(view.now)) (view.say("，您户欠费 ", " you owe ")) b { (owed) }
                (view.say(" 元，自 ", " yuan, since ")) (time(line.since)) (view.say(" 起。", ".")) }
            p { (view.say("请于 ", "Please pay before ")) b { (time(from)) }
                (view.say(" 前缴清。逾期未缴，将于该时间起依法停止供电；缴清后 24 小时内恢复供电。",
                    "; otherwise supply will be disconnected from then on. It is restored within 24 hours of payment.")) }
            p { (view.say("如对电费有异议，或家中有人依赖用电维持生命或健康，请立即告知供电单位。",
                "If you dispute the bill, or anybody's life or health depends on supply, tell us at once.")) }
            div.signs {
                div { (view.say("供电单位（盖章）：", "Supplier (seal):")) }
                div { (view.say("联系电话：", "Telephone:")) }
                div { (view.say("缴费方式、地点：", "How and where to pay:")) }
                div { (view.say("送达人：", "Delivered by:")) }
                div { (view.say("送达方式与时间：", "How and when:")) }
                div { (view.say("用户签收：", "Received by:")) }
            }
        }
    }
}

/// A day more than the strict terms ask for.
const AHEAD: Duration = Duration::from_secs(8 * 86_400);
/// Points that may be named.
const MOST: usize = 5000;
/// Points in arrears that are looked through.
const MOST_OVERDUE: u32 = 5000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::access::Role;
    use crate::http::console::words::Language;
    use crate::http::console::{overdue, view};

    #[test]
    fn a_notice_says_who_owes_what_and_when_supply_may_be_cut() {
        let lines = overdue::sample(Asked::default()).lines;
        let from = moment("2026-12-07T09:00").unwrap();
        let page = NoticesPage { lines, from, asked: Asked::default() };
        let zh = page.markup(&view::sample(Language::Chinese, Role::Operator)).into_string();
        for part in ["催费及停电通知书", "123.45", "2026-12-07 09:00:00", "用户签收", "24 小时内恢复供电"]
        {
            assert!(zh.contains(part), "{part}: {zh}");
        }
        assert_eq!(zh.matches("new-page").count(), 2, "one sheet for each");
        let none = NoticesPage { lines: vec![], ..page };
        assert!(none.markup(&view::sample(Language::English, Role::Viewer)).into_string().contains("Nobody"));
    }
}
