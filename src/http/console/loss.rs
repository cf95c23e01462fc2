//! Line loss (线损): what went into an area against what its customers were measured to use, day by day.
//!
//! A loss is said only when every meter of the area is known for the day; otherwise the page says how many are missing
//! instead of a number that would be wrong.

use maud::{Markup, html};

use super::components::{Tone, state};
use super::table::{Asked, Column, Table};
use super::view::View;
use super::words::{Language, Phrase};
use crate::domain::{BillingKind, Day, Item};
use crate::store::view::AreaFlow;

/// What the page is called.
pub const TITLE: Phrase = Phrase::new("线损", "Line loss");

/// What the page shows.
#[derive(Clone, Debug)]
pub struct LossPage {
    /// The last of the days.
    pub last: Day,
    /// Areas with a check meter, by day and name.
    pub flows: Vec<AreaFlow>,
    /// What the address says.
    pub asked: Asked,
}

/// What can be said of the loss of an area on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// So much went in, and so much of it was lost.
    Known {
        /// What went in less what came back out.
        supplied: i64,
        /// What no customer used.
        lost: i64,
    },
    /// Consumptions of so many meters are missing.
    Incomplete {
        /// Check meters.
        check: u64,
        /// Customers' meters.
        customers: u64,
    },
}

impl Loss {
    /// Of an area.
    #[must_use]
    pub const fn of(flow: &AreaFlow) -> Self {
        let AreaFlow { check, customers, .. } = flow;
        let missing_check = check.points.saturating_sub(check.known);
        let missing = customers.points.saturating_sub(customers.known);
        if missing_check > 0 || missing > 0 {
            return Self::Incomplete { check: missing_check, customers: missing };
        }
        // What customers feed in goes into the area, too.
        let supplied = check.forward.saturating_sub(check.reverse).saturating_add(customers.reverse);
        Self::Known { supplied, lost: supplied.saturating_sub(customers.forward) }
    }

    /// In hundredths of a percent of what was supplied.
    pub(in crate::http) fn rate(self) -> Option<i64> {
        let Self::Known { supplied, lost } = self else { return None };
        let rate = i128::from(lost) * 10_000;
        if supplied > 0 { i64::try_from(rate / i128::from(supplied)).ok() } else { None }
    }

    /// What is to be thought of it.
    pub(in crate::http) fn judged(self) -> Judged {
        match (self, self.rate()) {
            (Self::Incomplete { .. }, _) => Judged::Incomplete,
            (Self::Known { lost, .. }, _) if lost < 0 => Judged::Negative,
            (Self::Known { .. }, None) => Judged::NothingSupplied,
            (Self::Known { .. }, Some(rate)) if rate <= HIGH => Judged::Normal,
            (Self::Known { .. }, Some(_)) => Judged::High,
        }
    }
}

/// What is to be thought of a loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Judged {
    Normal,
    High,
    Negative,
    NothingSupplied,
    Incomplete,
}

impl Judged {
    /// A short name from a closed set.
    pub(in crate::http) const fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::High => "high",
            Self::Negative => "negative",
            Self::NothingSupplied => "nothing_supplied",
            Self::Incomplete => "incomplete",
        }
    }
}

impl LossPage {
    /// The page without what is around it.
    #[must_use]
    pub fn markup(&self, view: &View) -> Markup {
        html! {
            form.pick method="get" {
                label.field { span { (view.say("截至", "Up to")) } input type="date" name="day" value=(self.last); }
                button { (view.say("查看", "Show")) }
            }
            (self.table(view).markup(view))
            p.hint { (view.say(
                "线损 = 考核表正向 − 考核表反向 + 用户反向（上网电量，有采集时）− 用户正向。缺一块表就不给出线损率。",
                "Loss = check meter forward - check meter reverse + customers' reverse (fed in, where read) - customers' \
                 forward. With one meter missing no rate is given."))
            }
        }
    }

    /// The file of the list, when that is what was asked for.
    #[must_use]
    pub fn file(&self, view: &View) -> Option<String> {
        self.table(view).file(view.look.language)
    }

    fn table(&self, view: &View) -> Table<AreaFlow> {
        let columns = vec![
            Column::new("area", "台区", "Area", |flow: &AreaFlow, _| flow.name.clone()),
            Column::new("day", "日期", "Day", |flow: &AreaFlow, _| flow.day.to_string()),
            Column::new("supplied", "供入 (kWh)", "Supplied (kWh)", |flow: &AreaFlow, _| {
                match Loss::of(flow) {
                    Loss::Known { supplied, .. } => energy(supplied),
                    Loss::Incomplete { .. } => String::new(),
                }
            })
            .number()
            .by(|flow| flow.check.forward),
            Column::new("used", "用户用电 (kWh)", "Customers used (kWh)", |flow: &AreaFlow, _| {
                energy(flow.customers.forward)
            })
            .number()
            .by(|flow| flow.customers.forward),
            Column::new("lost", "损失 (kWh)", "Lost (kWh)", |flow: &AreaFlow, _| match Loss::of(flow) {
                Loss::Known { lost, .. } => energy(lost),
                Loss::Incomplete { .. } => String::new(),
            })
            .number()
            .by(|flow| match Loss::of(flow) {
                Loss::Known { lost, .. } => lost,
                Loss::Incomplete { .. } => i64::MIN,
            }),
            Column::new("rate", "线损率", "Loss rate", |flow: &AreaFlow, _| {
                Loss::of(flow).rate().map(percent).unwrap_or_default()
            })
            .number()
            .by(|flow| Loss::of(flow).rate().unwrap_or(i64::MIN)),
            Column::new("known", "已知/应有", "Known of all", |flow: &AreaFlow, _| {
                let known = flow.check.known + flow.customers.known;
                format!("{known} / {}", flow.check.points + flow.customers.points)
            })
            .number()
            .unsorted(),
            Column::new("state", "状态", "State", |flow: &AreaFlow, language| said(flow, language).1).shown(
                |flow, view| {
                    let (tone, words) = said(flow, view.look.language);
                    state(tone, &words)
                },
            ),
        ];
        let empty = Phrase::new("没有装考核表的台区", "No area has a check meter");
        Table::new("", TITLE, empty, columns, &self.asked).whole(self.flows.clone(), view.look.language)
    }
}

fn said(flow: &AreaFlow, language: Language) -> (Tone, String) {
    let loss = Loss::of(flow);
    if let Loss::Incomplete { check, customers } = loss {
        let words = match language {
            Language::Chinese => format!("不完整：缺考核表 {check} 块、用户表 {customers} 块"),
            Language::English => format!("incomplete: {check} check meters, {customers} customers missing"),
        };
        return (Tone::Waiting, words);
    }
    let (tone, words) = match loss.judged() {
        Judged::Normal => (Tone::Good, language.of("正常", "normal")),
        Judged::High => (Tone::Warn, language.of("偏高", "high")),
        Judged::Negative => (
            Tone::Bad,
            language.of("为负：核对户变关系、倍率", "negative: check who belongs here, and multipliers"),
        ),
        Judged::NothingSupplied => (Tone::Quiet, language.of("无供入", "nothing supplied")),
        Judged::Incomplete => (Tone::Waiting, language.of("不完整", "incomplete")),
    };
    (tone, words.to_owned())
}

/// A consumption, to two decimals, the rest cut off.
fn energy(scaled: i64) -> String {
    let decimals = Item::parse("1.8.0").map_or(6, |item| BillingKind::Consumption.decimals(item));
    let of_hundredth = 10_i64.pow(u32::from(decimals.saturating_sub(2)));
    dlt645::quantity::Quantity::new(scaled / of_hundredth, 2).to_string()
}

fn percent(rate: i64) -> String {
    format!("{}%", dlt645::quantity::Quantity::new(rate, 2))
}

/// Above this a loss of a low-voltage area is looked into: 7 %, in hundredths of a percent.
const HIGH: i64 = 700;

#[cfg(test)]
pub(crate) fn sample(asked: Asked) -> LossPage {
    use crate::domain::Id;
    use crate::store::view::Flow;
    let last: Day = "2026-11-27".parse().unwrap();
    let flow = |name: &str, supplied, used, known| AreaFlow {
        area: Id::new(1),
        name: name.to_owned(),
        day: last,
        check: Flow { points: 1, known: 1, forward: supplied, reverse: 0 },
        customers: Flow { points: 210, known, forward: used, reverse: 0 },
    };
    LossPage {
        last,
        flows: vec![
            flow("朝阳3号台区", 1_250_000_000, 1_201_250_000, 210),
            flow("滨河1号台区", 980_000_000, 870_000_000, 210),
            flow("滨河2号台区", 640_000_000, 601_000_000, 206),
            flow("西苑台区", 500_000_000, 512_000_000, 210),
        ],
        asked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::access::Role;
    use crate::http::console::view;

    #[test]
    fn i06_a_loss_is_said_only_when_all_is_known() {
        let page = sample(Asked::default());
        let known = |place: usize| Loss::of(&page.flows[place]);
        assert_eq!(known(0), Loss::Known { supplied: 1_250_000_000, lost: 48_750_000 });
        assert_eq!((known(0).rate(), known(1).rate(), known(3).rate()), (Some(390), Some(1122), Some(-240)));
        assert_eq!(known(2), Loss::Incomplete { check: 0, customers: 4 });
        assert_eq!(known(2).rate(), None);
        let mut flow = page.flows[0].clone();
        flow.customers.reverse = 50_000_000;
        assert_eq!(Loss::of(&flow), Loss::Known { supplied: 1_300_000_000, lost: 98_750_000 });
        (flow.check.forward, flow.customers) = (0, crate::store::view::Flow::default());
        assert_eq!(Loss::of(&flow).rate(), None, "nothing is no part of nothing");
    }

    #[test]
    fn the_page_is_honest_about_what_is_missing() {
        let zh =
            sample(Asked::default()).markup(&view::sample(Language::Chinese, Role::Viewer)).into_string();
        for part in [
            "3.90%",
            "偏高",
            "不完整：缺考核表 0 块、用户表 4 块",
            "为负",
            "-2.40%",
            "211 / 211",
            "207 / 211",
        ] {
            assert!(zh.contains(part), "{part}: {zh}");
        }
        let asked = Asked(vec![("csv".to_owned(), "all".to_owned())]);
        let file = sample(asked).file(&view::sample(Language::English, Role::Viewer)).unwrap();
        assert!(
            file.contains("朝阳3号台区,2026-11-27,1250.00,1201.25,48.75,3.90%,211 / 211,normal"),
            "{file}"
        );
    }
}
