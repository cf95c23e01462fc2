//! What was asked to be cut on a day, by account (停电申请汇总): many small orders below the ceilings add up here (T31).

use maud::{Markup, html};

use super::table::{Asked, Column, Table};
use super::view::View;
use super::words::{Phrase, inert};
use crate::domain::Day;
use crate::store::supply::CutsAsked;

/// What the page is called.
pub const TITLE: Phrase = Phrase::new("停电申请汇总", "Cuts asked for by day");

/// What the page shows.
#[derive(Clone, Debug)]
pub struct CutsPage {
    /// The day.
    pub day: Day,
    /// What each account asked for, the most first.
    pub asked_for: Vec<CutsAsked>,
    /// What the address says.
    pub asked: Asked,
}

impl CutsPage {
    /// The page without what is around it.
    #[must_use]
    pub fn markup(&self, view: &View) -> Markup {
        let (before, behind) = (self.day.previous(), self.day.next());
        html! {
            p { a href="/orders" { "◀ " (view.say("停复电", "Orders")) } }
            form.pick method="get" {
                label.field { span { (view.say("提交日期", "Handed in on")) } input type="date" name="day" value=(self.day); }
                button { (view.say("查看", "Show")) }
                a href={ "/cuts?day=" (before) } { "◀ " (before) }
                @if behind <= Day::of(view.now) { " " a href={ "/cuts?day=" (behind) } { (behind) " ▶" } }
            }
            (self.table(view).markup(view))
            p.hint { (view.say(
                "按提交日期统计，含停电和取消保电的工单，不论是否获批；已下发含结果不明的。每天7时起，前一日的汇总另以告警发出。",
                "By the day on which they were handed in: cuts and ended supply holds, approved or not; sent counts those whose \
                 outcome is unknown. From seven each morning the day before is told of as an alarm as well.")) }
        }
    }

    /// The file of the list, when that is what was asked for.
    #[must_use]
    pub fn file(&self, view: &View) -> Option<String> {
        self.table(view).file(view.look.language)
    }

    fn table(&self, view: &View) -> Table<CutsAsked> {
        let columns = vec![
            Column::new("by", "申请人", "Account", |cuts: &CutsAsked, _| cuts.by.clone())
                .shown(|cuts, _| html! { (inert(&cuts.by)) }),
            Column::new("orders", "工单", "Orders", |cuts: &CutsAsked, _| cuts.orders.to_string())
                .number()
                .by(|cuts| cuts.orders.cast_signed()),
            Column::new("points", "户数", "Points", |cuts: &CutsAsked, _| cuts.points.to_string())
                .number()
                .by(|cuts| cuts.points.cast_signed()),
            Column::new("sent", "已下发", "Sent", |cuts: &CutsAsked, _| cuts.sent.to_string())
                .number()
                .by(|cuts| cuts.sent.cast_signed()),
            Column::new("open", "已断开", "Open", |cuts: &CutsAsked, _| cuts.open.to_string())
                .number()
                .by(|cuts| cuts.open.cast_signed()),
        ];
        let empty = Phrase::new("当日没有停电申请", "Nothing was asked to be cut on that day");
        Table::new("", TITLE, empty, columns, &self.asked).whole(self.asked_for.clone(), view.look.language)
    }
}

#[cfg(test)]
pub(crate) fn sample(asked: Asked) -> CutsPage {
    let cuts = |by: &str, orders, points| CutsAsked {
        by: by.to_owned(),
        orders,
        points,
        sent: points / 2,
        open: points / 3,
    };
    let asked_for = vec![cuts("li", 12, 118), cuts("吴工", 3, 3)];
    CutsPage { day: "2026-11-26".parse().unwrap(), asked_for, asked }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::access::Role;
    use crate::http::console::view;
    use crate::http::console::words::Language;

    #[test]
    fn t31_the_page_adds_up_what_each_account_asked_for() {
        let view = view::sample(Language::Chinese, Role::Auditor);
        let page = sample(Asked::default()).markup(&view).into_string();
        for part in ["118", "吴工", "href=\"/cuts?day=2026-11-25\"", "href=\"/cuts?day=2026-11-27\""] {
            assert!(page.contains(part), "{part}: {page}");
        }
        let file = sample(Asked(vec![("csv".to_owned(), "all".to_owned())])).file(&view).unwrap();
        assert!(file.contains("li,12,118,59,39"), "{file}");
    }
}
