//! The overdue list (欠费清单): who owes since when, and what they were told. It prints as it is.

use std::collections::BTreeMap;

use maud::{Markup, html};

use dlt645::quantity::Quantity;

use super::components::{Tone, said, state, time};
use super::orders::{kind_name, state_name, state_of};
use super::table::{Asked, Column, Table, escaped};
use super::view::View;
use super::words::{Phrase, inert};
use crate::domain::Moment;
use crate::domain::access::Action;
use crate::domain::supply::{OrderKind, OrderState};
use crate::store::view::OverdueLine;

/// What the page is called.
pub const TITLE: Phrase = Phrase::new("欠费清单", "Overdue list");

/// What the page shows.
#[derive(Clone, Debug)]
pub struct OverduePage {
    /// Points whose customers are in arrears.
    pub lines: Vec<OverdueLine>,
    /// When it is shown.
    pub now: Moment,
    /// What the address says.
    pub asked: Asked,
}

impl OverduePage {
    /// The page without what is around it.
    #[must_use]
    pub fn markup(&self, view: &View) -> Markup {
        html! {
            p.no-print { a href="/orders" { "◀ " (view.say("停复电工单", "Supply orders")) } " · "
                a href="/overdue/notices" { (view.say("打印催费及停电通知书", "Print reminders and cut notices")) } " · "
                a href="/evidence" { (view.say("登记通知、缴费、欠费", "Enter notices, payments, arrears")) } " · "
                a href=(self.asked.link(&[("print", Some("all")), ("page", None)])) { (view.say("打印全部（不分页）", "Print all of it")) }
            }
            @let table = self.table(view);
            @if table.query().is_paper() { (self.sum(view)) }
            (table.markup(view))
            @if table.query().is_paper() { div.signs {
                div { (view.say("供电单位（盖章）：", "Supplier (seal):")) }
                div { (view.say("制表：", "Drawn up by:")) }
                div { (view.say("复核：", "Checked by:")) }
                div { (view.say("日期：", "Date:")) }
            } }
        }
    }

    /// What stands above the list on paper: of when it is, by which filter, and what is owed in all.
    fn sum(&self, view: &View) -> Markup {
        let filter = self.asked.value("q").unwrap_or_default();
        html! {
            p { (view.say("截至 ", "As of ")) (time(self.now)) (view.say("（北京时间）", " (UTC+8)"))
                @if filter.is_empty() {
                    @let owed: i64 = by_customer(&self.lines).values().sum();
                    (view.say("，欠费用户 ", ", customers in arrears: ")) (by_customer(&self.lines).len())
                    (view.say(" 户，合计 ", ", owing ")) (Quantity::new(owed, 2)) (view.say(" 元。", " yuan in all."))
                } @else { (view.say("，筛选：", ", filtered by: ")) (inert(filter)) }
            }
        }
    }

    /// The file of the list, when that is what was asked for.
    #[must_use]
    pub fn file(&self, view: &View) -> Option<String> {
        self.table(view).file(view.look.language)
    }

    fn table(&self, view: &View) -> Table<(Moment, OverdueLine)> {
        let empty = Phrase::new("没有欠费用户", "Nobody is in arrears");
        let rows = self.lines.iter().map(|line| (self.now, line.clone())).collect();
        Table::new("", TITLE, empty, columns(), &self.asked).whole(rows, view.look.language)
    }
}

/// What each customer owes: one with several points owes it once.
fn by_customer(lines: &[OverdueLine]) -> BTreeMap<&str, i64> {
    lines.iter().map(|line| (line.customer.0.as_str(), line.owed_fen)).collect()
}

type Row = (Moment, OverdueLine);

fn columns() -> Vec<Column<Row>> {
    let mut columns = vec![
        Column::new("customer", "户号", "Customer", |(_, line): &Row, _| line.customer.0.clone()),
        Column::new("name", "户名", "Name", |(_, line): &Row, _| line.customer.1.clone()),
        Column::new("point", "计量点", "Point", |(_, line): &Row, _| line.point.clone()).shown(
            |(_, line), _| html! { a href={ "/evidence?point=" (escaped(&line.point)) } { (inert(&line.point)) } },
        ),
        Column::new("address", "通信地址", "Meter", |(_, line): &Row, _| {
            line.address.clone().unwrap_or_default()
        })
        .shown(|(_, line), _| {
            html! { @if let Some(address) = &line.address { a.code href={ "/meters/" (address) } { (address) } } }
        }),
        Column::new("area", "台区", "Area", |(_, line): &Row, _| line.area.clone().unwrap_or_default()),
        Column::new("owed", "欠费（元）", "Owed (yuan)", |(_, line): &Row, _| {
            Quantity::new(line.owed_fen, 2).to_string()
        })
        .number()
        .by(|(_, line)| line.owed_fen),
        Column::new("days", "欠费天数", "Days", |(now, line): &Row, _| days(*now, line).to_string())
            .number()
            .by(|(now, line)| days(*now, line)),
    ];
    columns.extend(told_columns());
    columns
}

/// What they were told, and what comes next.
fn told_columns() -> [Column<Row>; 4] {
    [
        Column::new("reminded", "催费通知", "Reminded", |(_, line): &Row, _| shown(line.reminded_at)),
        Column::new("told", "停电通知", "Cut notice", |(_, line): &Row, _| shown(line.told_at)),
        Column::new("protected", "保护", "Protected", |(_, line): &Row, language| {
            if line.is_protected { language.of("保护", "protected").to_owned() } else { String::new() }
        })
        .shown(|(_, line), view| {
            html! { @if line.is_protected { (state(Tone::Warn, view.say("保护", "protected"))) } }
        }),
        Column::new("order", "工单", "Order", |(_, line): &Row, language| {
            let Some((order, kind, state)) = line.order else { return String::new() };
            format!("{} {} {order}", kind_name(kind, language), state_name(state, language))
        })
        .shown(|(_, line), view| {
            html! {
                @if let Some((order, kind, state)) = line.order {
                    (kind_name(kind, view.look.language)) " " (state_of(state, view.look.language)) " "
                    a href={ "/orders/" (order) } { (view.say("工单 ", "order ")) (said(order.number())) } " "
                }
                @if view.may(Action::RequestCut) && !line.is_protected && may_be_asked(line) {
                    a.no-print href={ "/orders/new?kind=cut&reason=arrears&points=" (escaped(&line.point)) } {
                        (view.say("申请停电", "ask for a cut")) " " (inert(&line.point))
                    }
                }
            }
        }),
    ]
}

/// Nothing is open for the point, and its supply is not cut already.
fn may_be_asked(line: &OverdueLine) -> bool {
    line.order.is_none_or(|(_, kind, state)| {
        state.has_ended() && !(kind == OrderKind::Cut && matches!(state, OrderState::VerifiedOpen))
    })
}

fn shown(at: Option<Moment>) -> String {
    at.map(|at| at.in_china().to_string()).unwrap_or_default()
}

fn days(now: Moment, line: &OverdueLine) -> i64 {
    i64::try_from(now.since(line.since).as_secs() / 86_400).unwrap_or(i64::MAX)
}

#[cfg(test)]
pub(crate) fn sample(asked: Asked) -> OverduePage {
    use std::time::Duration;
    let now = "2026-11-28".parse::<crate::domain::Day>().unwrap().start();
    let before = |days: u64| now.minus(Duration::from_secs(days * 86_400));
    let line = |number: u32, fen, since, told_at, is_protected| OverdueLine {
        customer: (format!("H{number:07}"), "王小明".to_owned()),
        point: format!("P{number:07}"),
        area: Some("朝阳3号台区".to_owned()),
        address: Some(format!("2024111100{number:02}")),
        is_protected,
        since,
        owed_fen: fen,
        reminded_at: Some(before(20)),
        told_at,
        order: None,
    };
    let lines =
        vec![line(3, 12_345, before(46), Some(before(8)), false), line(7, 900, before(33), None, true)];
    OverduePage { lines, now, asked }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::access::Role;
    use crate::http::console::view;
    use crate::http::console::words::Language;

    #[test]
    fn the_overdue_list_says_how_long_how_much_and_what_was_told() {
        let page = sample(Asked::default());
        let zh = page.markup(&view::sample(Language::Chinese, Role::Operator)).into_string();
        for part in ["123.45", ">46<", "2026-11-20 00:00:00", "points=P0000003", "保护"] {
            assert!(zh.contains(part), "{part}: {zh}");
        }
        let mut cut = sample(Asked::default());
        cut.lines[0].order = Some((crate::domain::Id::new(17), OrderKind::Cut, OrderState::VerifiedOpen));
        let shown = cut.markup(&view::sample(Language::English, Role::Operator)).into_string();
        assert!(shown.contains("href=\"/orders/17\"") && shown.contains("verified open"), "{shown}");
        assert!(!shown.contains("points=P0000003"), "whose supply is cut is not offered again: {shown}");
        cut.lines[0].order =
            Some((crate::domain::Id::new(18), OrderKind::ClosePermit, OrderState::VerifiedClosed));
        let shown = cut.markup(&view::sample(Language::English, Role::Operator)).into_string();
        assert!(shown.contains("points=P0000003"), "{shown}");
        let paper = sample(Asked(vec![("print".to_owned(), "all".to_owned())]));
        let text = paper.markup(&view::sample(Language::Chinese, Role::Operator)).into_string();
        assert!(text.contains("2 户，合计 132.45 元") && text.contains("复核："), "{text}");
        assert!(!zh.contains("points=P0000007"), "who is protected is not offered");
        let viewer = page.markup(&view::sample(Language::English, Role::Viewer)).into_string();
        assert!(!viewer.contains("ask for a cut"));
        let asked = Asked(vec![("csv".to_owned(), "all".to_owned())]);
        let file = sample(asked).file(&view::sample(Language::English, Role::Operator)).unwrap();
        assert!(file.contains("H0000003,王小明,P0000003,202411110003,朝阳3号台区,123.45,46"), "{file}");
    }
}
