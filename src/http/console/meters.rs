//! The list of meters: searched by account, asset number, address, point and area.

use maud::{Markup, html};

use super::components::{Tone, state};
use super::labels;
use super::table::{Asked, Column, Query, Table};
use super::view::View;
use super::words::Phrase;
use crate::domain::access::Action;
use crate::store::view::{MeterLine, MeterPlace, MeterSort};

/// What the page is called.
pub const TITLE: Phrase = Phrase::new("电能表", "Meters");

/// What the page shows.
#[derive(Clone, Debug)]
pub struct MetersPage {
    /// The meters, one more than are shown when more follow.
    pub meters: Vec<MeterLine>,
    /// How many there are like that.
    pub found: Option<u64>,
    /// What the address says.
    pub asked: Asked,
}

impl MetersPage {
    /// How the store is to sort, as the address says.
    #[must_use]
    pub fn sort(asked: &Asked) -> (MeterSort, bool) {
        let query = Query::of("", &columns(true), asked);
        let Some((key, is_falling)) = query.sort() else { return (MeterSort::Address, false) };
        let sort = match key {
            "asset" => MeterSort::Asset,
            "point" => MeterSort::Point,
            "customer" => MeterSort::Customer,
            "area" => MeterSort::Area,
            "line" => MeterSort::Line,
            _ => MeterSort::Address,
        };
        (sort, is_falling)
    }

    /// Where the page begins, as the address says.
    #[must_use]
    pub fn after(asked: &Asked) -> Option<MeterPlace> {
        let (meter, sorted) = asked.value("after")?.split_once(':')?;
        Some(MeterPlace { meter: meter.parse().ok()?, sorted: sorted.to_owned() })
    }

    /// The page without what is around it.
    #[must_use]
    pub fn markup(&self, view: &View) -> Markup {
        html! {
            @if view.may(Action::ImportArchive) {
                p.no-print { a.button href="/meters/import" { (view.say("档案导入", "Archive from a file")) } }
            }
            @if view.may(Action::RotateSecrets) || view.may(Action::ApproveRotation) {
                p.no-print { a.button href="/passwords" { (view.say("密码轮换", "New passwords of meters")) } }
            }
            (self.table(view).markup(view))
        }
    }

    /// The file of the list, when that is what was asked for.
    #[must_use]
    pub fn file(&self, view: &View) -> Option<String> {
        self.table(view).file(view.look.language)
    }

    fn table(&self, view: &View) -> Table<MeterLine> {
        let empty = Phrase::new("没有符合条件的电能表", "No meter is like that");
        let table = Table::new("", TITLE, empty, columns(view.may(Action::SeeCustomers)), &self.asked);
        let place = |line: &MeterLine| format!("{}:{}", line.place.meter, line.place.sorted);
        table.cut(self.meters.clone(), place).counted(self.found)
    }
}

fn columns(with_customers: bool) -> Vec<Column<MeterLine>> {
    let mut columns = vec![
        Column::new("address", "通信地址", "Address", |line: &MeterLine, _| line.address.clone())
            .shown(|line, _| html! { a.code href={ "/meters/" (line.address) } { (line.address) } }),
        Column::new("asset", "资产编号", "Asset", |line: &MeterLine, _| {
            line.asset.clone().unwrap_or_default()
        }),
        Column::new("point", "计量点", "Point", |line: &MeterLine, _| {
            line.point.clone().unwrap_or_default()
        }),
    ];
    if with_customers {
        columns.push(Column::new("customer", "户号", "Customer", |line: &MeterLine, _| {
            line.customer.as_ref().map(|(number, _)| number.clone()).unwrap_or_default()
        }));
        columns.push(
            Column::new("name", "户名", "Name", |line: &MeterLine, _| {
                line.customer.as_ref().map(|(_, name)| name.clone()).unwrap_or_default()
            })
            .unsorted(),
        );
    }
    columns.extend([
        Column::new("area", "台区", "Area", |line: &MeterLine, _| line.area.clone().unwrap_or_default()),
        Column::new("line", "线路/终端", "Line", |line: &MeterLine, _| {
            line.line.clone().unwrap_or_default()
        }),
        Column::new("protocol", "规约", "Protocol", |line: &MeterLine, language| {
            labels::protocol(line.protocol).of(language).to_owned()
        })
        .unsorted(),
        Column::new("protected", "保护", "Protected", |line: &MeterLine, language| {
            if line.is_protected { language.of("保护", "protected").to_owned() } else { String::new() }
        })
        .shown(|line, view| {
            html! { @if line.is_protected { (state(Tone::Warn, view.say("保护", "protected"))) } }
        })
        .unsorted(),
    ]);
    columns
}

#[cfg(test)]
pub(crate) fn line(number: i64) -> MeterLine {
    use crate::domain::{Id, MeterProtocol};
    let address = format!("2024111100{number:02}");
    MeterLine {
        meter: Id::new(number),
        asset: Some(format!("ZC{number:08}")),
        protocol: MeterProtocol::Dlt2007,
        line: Some("东区1号线".to_owned()),
        point: Some(format!("P{number:07}")),
        customer: Some((format!("H{number:07}"), "王小明".to_owned())),
        area: Some("朝阳3号台区".to_owned()),
        is_protected: number % 7 == 0,
        place: MeterPlace { sorted: address.clone(), meter: number },
        address,
    }
}

#[cfg(test)]
pub(crate) fn sample(asked: Asked) -> MetersPage {
    MetersPage { meters: (1..=51).map(line).collect(), found: Some(23_540), asked }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::access::Role;
    use crate::http::console::view;
    use crate::http::console::words::Language;

    fn asked(name: &str, value: &str) -> Asked {
        Asked(vec![(name.to_owned(), value.to_owned())])
    }

    #[test]
    fn a_page_shows_fifty_and_leads_behind_the_last() {
        let operator = view::sample(Language::Chinese, Role::Operator);
        let text = sample(Asked::default()).markup(&operator).into_string();
        assert!(text.contains("href=\"/meters/202411110050\"") && !text.contains("/meters/202411110051"));
        assert!(
            text.contains("?after=50%3A202411110050")
                && text.contains("共 23,540 条")
                && text.contains("王小明")
                && text.contains("保护")
        );
        let place = MetersPage::after(&asked("after", "50:202411110050")).unwrap();
        assert_eq!(place, MeterPlace { sorted: "202411110050".to_owned(), meter: 50 });
        assert_eq!(MetersPage::after(&asked("after", "x:y")), None);
        let admin = view::sample(Language::English, Role::Admin);
        assert!(!sample(Asked::default()).markup(&admin).into_string().contains("王小明"));
    }

    #[test]
    fn t14_only_what_is_in_the_list_can_be_sorted_by() {
        assert_eq!(MetersPage::sort(&asked("sort", "-area")), (MeterSort::Area, true));
        for odd in ["name", "protocol", "m.address", "area desc", ""] {
            assert_eq!(MetersPage::sort(&asked("sort", odd)), (MeterSort::Address, false), "{odd}");
        }
    }
}
