//! Billing: what each receiver was given and how far it is, what waits for a person, and which days are open.

mod reads;

use std::collections::HashMap;

use maud::{Markup, html};

use dlt645::quantity::Quantity;

use super::components::{Tone, grouped, state, token};
use super::table::{Asked, Column, Table, escaped};
use super::view::View;
use super::words::{Language, Phrase, inert};
use super::{labels, receivers};
use crate::billing::{OpenDay, Origin};
use crate::domain::access::Action;
use crate::domain::{BillingKind, Coded, Day, Moment};
use crate::store::billing::{OutboxState, ReceiverStatus};
use crate::store::view::{Push, PushCount, PushPlace, ReviewLine};

/// What the page is called.
pub const TITLE: Phrase = Phrase::new("计费", "Billing");

/// What the page shows.
#[derive(Clone, Debug)]
pub struct BillingPage {
    /// The day whose values are listed: consumptions of it, registers of its beginning.
    pub day: Day,
    /// How far receivers are.
    pub counts: Vec<PushCount>,
    /// Each receiver, and how it is.
    pub receivers: Vec<ReceiverStatus>,
    /// Versions with the reads they come from, one more than are shown when more follow.
    pub pushes: Vec<(Push, Vec<Origin>)>,
    /// What waits for a person, one more than are listed when more do.
    pub reviews: Vec<ReviewLine>,
    /// Proposals that wait for a second person, by the number of the review that each decides.
    pub proposed: HashMap<i64, i64>,
    /// Points without a consumption of the day, with the reason where it is known; one more than are listed when there are more.
    pub open: Vec<(String, Option<OpenDay>)>,
    /// What the address says.
    pub asked: Asked,
}

impl BillingPage {
    /// The state the address asks for.
    #[must_use]
    pub fn state(asked: &Asked) -> Option<OutboxState> {
        OutboxState::from_name(asked.value("state")?)
    }

    /// Where the list of versions begins, as the address says.
    #[must_use]
    pub fn after(asked: &Asked) -> Option<PushPlace> {
        let mut parts = asked.value("after").filter(|_| !asked.is_sorted())?.splitn(5, '~');
        let mut number = || parts.next()?.parse().ok();
        let key = [number()?, number()?, number()?, number()?];
        Some(PushPlace(key, parts.next()?.to_owned()))
    }

    /// The page without what is around it.
    #[must_use]
    pub fn markup(&self, view: &View) -> Markup {
        html! {
            (self.tiles(view))
            div #receivers { (receivers::table(&self.receivers, &self.asked, view).markup(view)) }
            (self.pick(view))
            (self.pushes(view.look.language).markup(view))
            @if view.may(Action::SeeCustomers) {
                div #open { (self.open(view).markup(view)) }
                div #reviews { (self.reviews(view).markup(view)) }
            }
        }
    }

    /// The file of one of its tables, when that is what was asked for.
    #[must_use]
    pub fn file(&self, view: &View) -> Option<String> {
        let language = view.look.language;
        let receivers = || receivers::table(&self.receivers, &self.asked, view).file(language);
        let pushes = self.pushes(language).file(language).or_else(receivers);
        if pushes.is_some() || !view.may(Action::SeeCustomers) {
            return pushes;
        }
        self.open(view).file(language).or_else(|| self.reviews(view).file(language))
    }

    fn tiles(&self, view: &View) -> Markup {
        html! {
            ul.tiles {
                @for PushCount { receiver, state: of, count } in &self.counts {
                    @let tone = if *of == OutboxState::Parked { Tone::Bad } else { Tone::Quiet };
                    li.tile data-tone=(tone.key()) {
                        b { (grouped(*count)) }
                        (labels::outbox_state(*of, view.look.language)) " "
                        span { (inert(receiver)) }
                        small { @if matches!(of, OutboxState::Delivered | OutboxState::Superseded) { " " (self.day) }
                            @else { " " (view.say("全部日期", "all days")) } }
                    }
                }
                @if self.counts.is_empty() {
                    li.tile { (state(Tone::Quiet, view.say("还没有推送", "nothing was handed over yet"))) }
                }
            }
        }
    }

    fn pick(&self, view: &View) -> Markup {
        let chosen = Self::state(&self.asked);
        let (before, after) = (self.day.previous(), self.day.next());
        html! {
            form.pick method="get" {
                label.field { span { (view.say("日期", "Day")) } input type="date" name="day" value=(self.day); }
                label.field { span { (view.say("状态", "State")) }
                    select name="state" {
                        option value="" { (view.say("全部", "all")) }
                        @for (of, _, name) in OutboxState::TABLE {
                            option value=(name) selected[chosen == Some(*of)] {
                                (labels::outbox(*of).of(view.look.language))
                            }
                        }
                    }
                }
                button { (view.say("查看", "Show")) }
                a rel="prev" href=(self.asked.link(&[("day", Some(&before.to_string())), ("after", None)])) {
                    "◀ " (before)
                }
                @if after <= Day::of(view.now) {
                    a rel="next" href=(self.asked.link(&[("day", Some(&after.to_string())), ("after", None)])) {
                        (after) " ▶"
                    }
                }
            }
        }
    }

    fn pushes(&self, language: Language) -> Table<Handed> {
        let handed = |(push, reads): &(Push, Vec<Origin>)| Handed {
            day: self.day,
            push: push.clone(),
            reads: reads.clone(),
        };
        let caption = Phrase::new("推送", "Handed over");
        let empty = Phrase::new("这一天没有这样的数据", "Nothing of this day is like that");
        let place = |handed: &Handed| {
            let PushPlace([point, item, kind, version], receiver) = &handed.push.place;
            format!("{point}~{item}~{kind}~{version}~{receiver}")
        };
        Table::new("", caption, empty, push_columns(), &self.asked).listed(
            (self.pushes.iter().map(handed).collect(), self.asked.is_sorted()),
            place,
            language,
        )
    }

    fn open(&self, view: &View) -> Table<(String, Option<OpenDay>)> {
        type Open = (String, Option<OpenDay>);
        let columns = vec![
            Column::new("point", "计量点", "Point", |(point, _): &Open, _| point.clone())
                .shown(|(point, _), view| of_point(point, view)),
            Column::new("reason", "未结原因", "Why it is open", |(_, open): &Open, language| {
                let unknown = || language.of("尚未结算", "not settled yet").to_owned();
                open.as_ref().map_or_else(unknown, |open| language.words(&open.words()).to_owned())
            }),
        ];
        let caption = Phrase::new("没有日电量的计量点", "Points without a consumption");
        let empty = Phrase::new("这一天每个计量点都有日电量", "Every point has a consumption of this day");
        let (mut open, is_cut) = (self.open.clone(), self.open.len() > MOST_LISTED);
        open.truncate(MOST_LISTED);
        let table = Table::new("open", caption, empty, columns, &self.asked).cut_off(is_cut);
        table.whole(open, view.look.language)
    }

    fn reviews(&self, view: &View) -> Table<Waiting> {
        let caption = Phrase::new("待复核（可疑示值）", "For review (suspect registers)");
        let empty = Phrase::new("没有待复核的示值", "Nothing waits for review");
        let with = |line: &ReviewLine| (line.clone(), self.proposed.get(&line.review.number()).copied());
        let rows = self.reviews.iter().take(MOST_LISTED).map(with).collect();
        let mut columns = review_columns();
        columns.push(Column::new("decision", "意见", "Decision", proposed).shown(decision).unsorted());
        let table = Table::new("reviews", caption, empty, columns, &self.asked);
        table.cut_off(self.reviews.len() > MOST_LISTED).whole(rows, view.look.language)
    }
}

/// A point, with a way to its meter for whoever may look at meters.
fn of_point(point: &str, view: &View) -> Markup {
    html! { @if view.may(Action::SeeStatus) { a href={ "/meters?q=" (escaped(point)) } { (inert(point)) } }
    @else { (inert(point)) } }
}

/// A version, the day it is of, and the reads it comes from.
#[derive(Clone, Debug)]
struct Handed {
    day: Day,
    push: Push,
    reads: Vec<Origin>,
}

fn value_of(push: &Push, language: Language) -> String {
    let decimals = push.kind.decimals(push.item);
    let withdrawn = || language.of("撤回", "taken back").to_owned();
    push.value.map_or_else(withdrawn, |(value, _)| Quantity::new(value, decimals).to_string())
}

fn push_columns() -> Vec<Column<Handed>> {
    vec![
        // The page says it above the list; of two files nobody could tell which is of which day.
        Column::new("day", "日期", "Day", |handed: &Handed, _| handed.day.to_string()).in_file(),
        Column::new("point", "计量点", "Point", |Handed { push, .. }: &Handed, _| push.point.clone())
            .shown(|Handed { push, .. }, view| of_point(&push.point, view)),
        Column::new("kind", "内容", "What", |Handed { push, .. }: &Handed, language| {
            match push.kind {
                BillingKind::Register => language.of("零点示值", "register at 00:00"),
                BillingKind::Consumption => language.of("日电量", "consumption of the day"),
            }
            .to_owned()
        }),
        Column::new("item", "项目", "Item", |Handed { push, .. }: &Handed, language| {
            language.of(&push.item.name_zh(), &push.item.name_en()).to_owned()
        })
        .by(|Handed { push, .. }| push.item.key().number().into()),
        Column::new("value", "数值", "Value", |Handed { push, .. }: &Handed, language| {
            value_of(push, language)
        })
        .number()
        .by(|Handed { push, .. }| push.value.map_or(i64::MIN, |(value, _)| value)),
        Column::new("unit", "单位", "Unit", |Handed { push, .. }: &Handed, _| push.item.unit().to_owned()),
        reads::column(),
        Column::new("quality", "质量", "Quality", |Handed { push, .. }: &Handed, language| {
            push.value.map_or("", |(_, quality)| labels::quality(quality).of(language)).to_owned()
        }),
        Column::new("version", "版本", "Version", |Handed { push, .. }: &Handed, _| {
            push.version.to_string()
        })
        .number()
        .by(|Handed { push, .. }| push.version),
        Column::new("receiver", "接收方", "Receiver", |Handed { push, .. }: &Handed, _| {
            push.receiver.clone()
        }),
        Column::new("state", "状态", "State", |Handed { push, .. }: &Handed, language| {
            labels::outbox(push.state).of(language).to_owned()
        })
        .shown(|Handed { push, .. }, view| labels::outbox_state(push.state, view.look.language)),
        Column::new("tries", "次数", "Tries", |Handed { push, .. }: &Handed, _| push.tries.to_string())
            .number()
            .by(|Handed { push, .. }| push.tries),
        Column::new("done", "完成时间", "Done at", |Handed { push, .. }: &Handed, _| {
            push.done_at.map(|at| at.in_china().to_string()).unwrap_or_default()
        })
        .by(|Handed { push, .. }| push.done_at.map_or(i64::MAX, Moment::micros)),
        Column::new("error", "对方的话", "What was said", |Handed { push, .. }: &Handed, _| {
            push.last_error.clone().unwrap_or_default()
        }),
    ]
}

fn review_columns() -> Vec<Column<Waiting>> {
    vec![
        Column::new("address", "通信地址", "Address", |(line, _): &Waiting, _| line.address.clone()).shown(
            |(line, _), _| html! { a.code href={ "/meters/" (line.address) "?part=registers" } { (line.address) } },
        ),
        Column::new("point", "计量点", "Point", |(line, _): &Waiting, _| line.point.clone().unwrap_or_default()),
        Column::new("item", "项目", "Item", |(line, _): &Waiting, language| {
            language.of(&line.item.name_zh(), &line.item.name_en()).to_owned()
        }),
        Column::new("as_of", "数据时间", "As of", |(line, _): &Waiting, _| line.as_of.in_china().to_string()),
        Column::new("value", "可疑值", "Suspect value", |(line, _): &Waiting, _| {
            line.item.quantity(line.value).to_string()
        })
        .number()
        .by(|(line, _)| line.value),
        Column::new("current", "当时有效值", "Value that counted", |(line, _): &Waiting, _| {
            line.current.map(|value| line.item.quantity(value).to_string()).unwrap_or_default()
        })
        .number()
        .by(|(line, _)| line.current.unwrap_or(i64::MIN)),
        Column::new("quality", "疑点", "What is wrong", |(line, _): &Waiting, language| {
            labels::quality(line.quality).of(language).to_owned()
        })
        .shown(|(line, _), view| labels::quality_state(line.quality, view.look.language)),
        Column::new("since", "等待自", "Waits since", |(line, _): &Waiting, _| line.since.in_china().to_string()),
    ]
}

/// A suspect read, and the proposal that waits for a second person.
type Waiting = (ReviewLine, Option<i64>);

fn proposed((_, proposal): &Waiting, language: Language) -> String {
    let waits = language.of("已提出，待确认 ", "proposed, waits ");
    proposal.map(|proposal| format!("{waits}{proposal}")).unwrap_or_default()
}

/// What was proposed of a suspect read, or the form that proposes it.
fn decision((line, proposal): &Waiting, view: &View) -> Markup {
    let why = view.say("复核依据", "Why");
    html! { @match proposal {
        Some(proposal) => a href={ "/proposals/" (proposal) } { (view.say("已提出，待确认", "proposed, waits")) },
        None => @if view.may(Action::ProposeReview) {
            form.row method="post" action="/proposals" {
                (token(view))
                input type="hidden" name="change" value="decide_review";
                input type="hidden" name="review" value=(line.review);
                input name="reason" required maxlength="500" autocomplete="off" placeholder=(why)
                    aria-label={ (why) " " (line.address) };
                button name="accept" value="yes" { (view.say("采用", "It counts")) }
                button.quiet name="accept" value="no" { (view.say("不采用", "It does not")) }
            }
        },
    } }
}

/// So many reviews and open points are listed.
pub const MOST_LISTED: usize = 500;

#[cfg(test)]
pub(crate) fn sample(asked: Asked) -> BillingPage {
    use crate::billing::End;
    use crate::domain::{Id, Item, Open, Quality, Suspicion};
    use crate::store::billing::BroughtBy;
    let day: Day = "2026-11-27".parse().unwrap();
    let item = Item::parse("1.8.0").unwrap();
    let push = |point: i64, kind, state, error: Option<&str>| Push {
        point: format!("P{point:07}"),
        address: Some(format!("2024111100{point:02}")),
        item,
        kind,
        version: 1,
        value: Some((1_234_560_000, Quality::Good)),
        receiver: "ledger".to_owned(),
        state,
        tries: 1,
        done_at: Some(day.next().start()),
        last_error: error.map(str::to_owned),
        lineage: String::new(),
        place: PushPlace([point, 64, 2, 1], "ledger".to_owned()),
    };
    let read = |point: i64, end, at: Day, fetch: Option<i64>| Origin {
        meter: format!("2024111100{point:02}"),
        end,
        read_at: Some(at.start()),
        brought: fetch.map(|fetch| BroughtBy {
            fetch: Id::new(fetch),
            is_kept: true,
            run: Some((Id::new(700 + fetch), at)),
        }),
    };
    let count = |state, count| PushCount { receiver: "ledger".to_owned(), state, count };
    BillingPage {
        day,
        counts: vec![
            count(OutboxState::Waiting, 12),
            count(OutboxState::Delivered, 23_540),
            count(OutboxState::Parked, 2),
        ],
        receivers: vec![
            ReceiverStatus::unused("ledger", "ledger"),
            ReceiverStatus {
                waiting: 12,
                parked: 2,
                oldest_waiting: Some(day),
                last_error: Some((day.next().start(), "=status 503".to_owned())),
                ..ReceiverStatus::unused("marketing", "http")
            },
        ],
        pushes: vec![
            (
                push(1, BillingKind::Consumption, OutboxState::Delivered, None),
                vec![read(1, End::Opening, day, Some(31)), read(11, End::Closing, day.next(), Some(32))],
            ),
            (
                push(2, BillingKind::Register, OutboxState::Waiting, None),
                vec![read(2, End::Register, day, None)],
            ),
            (push(3, BillingKind::Consumption, OutboxState::Parked, Some("unknown point")), Vec::new()),
        ],
        reviews: vec![ReviewLine {
            review: Id::new(1),
            address: "202411110004".to_owned(),
            point: Some("P0000004".to_owned()),
            item,
            as_of: day.start(),
            value: 5,
            quality: Quality::Suspect(Suspicion::BackwardStep),
            current: Some(12_345_600),
            since: day.next().start(),
        }],
        proposed: HashMap::new(),
        open: vec![
            (
                "P0000009".to_owned(),
                Some(OpenDay {
                    point_number: "P0000009".to_owned(),
                    item,
                    day,
                    why: Open::NoReading { meter: Id::new(9), at: day.start() },
                    meter: Some("202411110009".to_owned()),
                }),
            ),
            ("P0000010".to_owned(), None),
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
    fn billing_says_what_is_where_and_why_a_day_is_open() {
        let page = sample(Asked::default());
        let zh = page.markup(&view::sample(Language::Chinese, Role::Operator)).into_string();
        for part in [
            "23,540",
            "被拒收，待处理",
            "unknown point",
            "无有效示值",
            "尚未结算",
            "可疑：倒走",
            "123456.0000",
        ] {
            assert!(zh.contains(part), "{part}: {zh}");
        }
        let en = page.markup(&view::sample(Language::English, Role::Operator)).into_string();
        assert!(en.contains("refused, wait for a person") && en.contains("1234.560000"), "{en}");
        assert!(zh.contains("name=\"accept\" value=\"yes\""), "{zh}");
        assert!(
            zh.contains("=status 503") && zh.contains("action=\"/billing/receivers/marketing/retry\""),
            "{zh}"
        );
        assert!(!zh.contains("/billing/receivers/ledger/retry"), "nothing was refused there: {zh}");
        let viewer = page.markup(&view::sample(Language::English, Role::Viewer)).into_string();
        assert!(!viewer.contains("name=\"accept\"") && !viewer.contains("/retry"), "{viewer}");
        let waits = BillingPage { proposed: HashMap::from([(1, 77)]), ..page.clone() };
        let waits = waits.markup(&view::sample(Language::English, Role::Operator)).into_string();
        assert!(waits.contains("/proposals/77") && !waits.contains("name=\"accept\""), "{waits}");
        let service = page.markup(&view::sample(Language::English, Role::Billing)).into_string();
        assert!(!service.contains("202411110004") && service.contains("P0000003"), "own pushes only");
    }

    #[test]
    fn every_value_leads_to_the_frames_of_its_reads_for_whoever_may_see_them() {
        let page = sample(Asked::default());
        let drawn = |role| page.markup(&view::sample(Language::Chinese, role)).into_string();
        let operator = drawn(Role::Operator);
        // Of the meter that was there then; what a person read has no frames and is among the registers of its meter.
        for link in [
            "/meters/202411110001/fetches/31",
            "/meters/202411110011/fetches/32",
            "/meters/202411110002?part=registers&amp;from=2026-11-27&amp;until=2026-11-27",
            "/?day=2026-11-28",
        ] {
            assert!(operator.contains(&format!("href=\"{link}\"")), "{link}: {operator}");
        }
        assert!(!drawn(Role::Billing).contains("/meters"), "no link that ends at: you may not");
        let asked = Asked(vec![("csv".to_owned(), "all".to_owned())]);
        let file = sample(asked).file(&view::sample(Language::English, Role::Billing)).unwrap();
        let reads =
            "from 2026-11-27 00:00:00, frames 31, run 731; to 2026-11-28 00:00:00, frames 32, run 732";
        assert!(file.contains(reads), "{file}");
    }

    #[test]
    fn a_list_that_was_cut_says_so_on_the_page_and_in_the_file() {
        let mut page = sample(Asked(vec![("csv".to_owned(), "open".to_owned())]));
        let view = view::sample(Language::English, Role::Operator);
        let more = "more rows follow";
        assert!(!page.file(&view).unwrap().contains(more));
        page.open = (0..=MOST_LISTED).map(|number| (format!("P{number}"), None)).collect();
        let file = page.file(&view).unwrap();
        assert!(file.contains(more) && file.contains("P499") && !file.contains("P500"), "{file}");
        page.asked = Asked::default();
        let text = page.markup(&view).into_string();
        assert!(text.contains("the first 500 rows; more are not listed"), "{text}");
    }

    #[test]
    fn what_an_address_asks_for_is_read_back() {
        let asked = |name: &str, value: &str| Asked(vec![(name.to_owned(), value.to_owned())]);
        assert_eq!(BillingPage::state(&asked("state", "parked")), Some(OutboxState::Parked));
        assert_eq!(BillingPage::state(&asked("state", "x")), None);
        let place = BillingPage::after(&asked("after", "1~64~2~1~a~b"));
        assert_eq!(place, Some(PushPlace([1, 64, 2, 1], "a~b".to_owned())));
        assert_eq!(BillingPage::after(&asked("after", "1~64~2")), None);
        let csv = |table| sample(asked("csv", table)).file(&view::sample(Language::English, Role::Operator));
        let all = csv("all").unwrap();
        assert!(all.starts_with("\u{feff}Day,Point,") && all.contains("\r\n2026-11-27,P0000001,"), "{all}");
        assert!(csv("all").unwrap().contains("unknown point") && csv("open").unwrap().contains("P0000010"));
        assert!(csv("receivers").unwrap().contains("=status 503"));
        assert!(csv("reviews").unwrap().contains("suspect: ran back"));
    }
}
