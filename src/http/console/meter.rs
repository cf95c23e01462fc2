//! The page of one meter: its curve, its registers with where each came from, its events, clock, status words and frames.
//!
//! Each part is a page of its own under one address, so that a part is asked of the store only when it is looked at.
//! Values are the meter's, not multiplied; what was handed to billing is on the page of billing.

mod curve;
mod fetch;
mod registers;
mod terminal_frame;
mod words;

use maud::{Markup, html};

use super::at_once::{SET_CLOCK, form};
use super::components::{Tone, facts, said, state, time};
use super::labels;
use super::table::{Asked, Column, Table, escaped};
use super::view::View;
use super::words::{Phrase, inert};
use crate::domain::access::Action;
use crate::domain::{ClockSession, Fetch, Item, MeterProtocol};
use crate::http::console::evidence::orderable_state;
use crate::http::orderable::Orderable;
use crate::store::supply::OrderRecord;
use crate::store::view::{MeterSheet, RelaySeen, RelaySource, Stay};
use crate::store::{MeterEvent, StatusWords};

pub use curve::{CurvePart, stretch};
pub use fetch::FetchPage;
pub(in crate::http::console) use fetch::frames;
pub use registers::RegistersPart;

/// What the page is called.
pub const TITLE: Phrase = Phrase::new("电能表", "Meter");

/// What the page shows.
#[derive(Clone, Debug)]
pub struct MeterPage {
    /// What the archive says.
    pub sheet: MeterSheet,
    /// Whether it can be cut and restored from here; `None` where it measures no point.
    pub orderable: Option<Orderable>,
    /// What was last read of its relay.
    pub relay: Option<RelaySeen>,
    /// The part that is looked at.
    pub part: Part,
    /// What the address says.
    pub asked: Asked,
}

/// A part of the page.
#[derive(Clone, Debug)]
pub enum Part {
    /// The newest values and the load curve.
    Curve(CurvePart),
    /// The ledger of registers.
    Registers(RegistersPart),
    /// Events.
    Events(Vec<MeterEvent>),
    /// How its clock stood.
    Clock(Vec<ClockSession>),
    /// Its status words.
    Status(Option<StatusWords>),
    /// Exchanges that brought values.
    Fetches(Vec<Fetch>),
    /// Supply orders of its point, the newest first.
    Orders(Vec<OrderRecord>),
}

/// The parts, as the address and people call them.
const PARTS: [(&str, Phrase); 7] = [
    ("curve", Phrase::new("曲线", "Curve")),
    ("registers", Phrase::new("示值", "Registers")),
    ("events", Phrase::new("事件", "Events")),
    ("clock", Phrase::new("时钟", "Clock")),
    ("status", Phrase::new("状态字", "Status words")),
    ("fetches", Phrase::new("报文", "Frames")),
    ("orders", Phrase::new("停复电", "Orders")),
];

impl Part {
    /// The name of the part that the address asks for.
    #[must_use]
    pub fn asked(asked: &Asked) -> &'static str {
        let wanted = asked.value("part").unwrap_or("curve");
        PARTS.iter().find(|(name, _)| *name == wanted).map_or("curve", |(name, _)| *name)
    }

    /// Whether whoever looks may see this part: how a meter stands, or what it read as well. Records of events hold reads, and tell
    /// when somebody was at home (T32).
    #[must_use]
    pub fn may_be_seen(name: &str, view: &View) -> bool {
        matches!(name, "clock" | "status") || view.may(Action::SeeCustomers)
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::Curve(_) => "curve",
            Self::Registers(_) => "registers",
            Self::Events(_) => "events",
            Self::Clock(_) => "clock",
            Self::Status(_) => "status",
            Self::Fetches(_) => "fetches",
            Self::Orders(_) => "orders",
        }
    }
}

impl MeterPage {
    /// The page without what is around it.
    #[must_use]
    pub fn markup(&self, view: &View) -> Markup {
        html! {
            (head(view, &self.sheet, self.orderable.as_ref(), self.relay))
            nav.tabs aria-label=(view.say("部分", "Parts")) {
                @for (name, title) in PARTS.into_iter().filter(|(name, _)| Part::may_be_seen(name, view)) {
                    a href={ "?part=" (name) } aria-current=[(name == self.part.name()).then_some("page")] {
                        (title.of(view.look.language))
                    }
                }
            }
            @match &self.part {
                Part::Curve(part) => (part.markup(view, &self.asked, &self.sheet.line.address)),
                Part::Registers(part) => {
                    @if view.may(Action::SetClock) && self.sheet.line.protocol == MeterProtocol::Dlt2007 {
                        (form(view, &format!("/meters/{}/freeze", escaped(&self.sheet.line.address)), FREEZE, FREEZE_HINT))
                    }
                    (part.markup(view, &self.asked, &self.sheet.line.address))
                },
                Part::Events(events) => (self.events().whole(events.clone(), view.look.language).markup(view)),
                Part::Clock(sessions) => {
                    @if let Some((zh, en)) = clock_came(&self.asked) { p role="status" { (view.say(zh, en)) } }
                    @if view.may(Action::SetClock) {
                        (form(view, &format!("/meters/{}/clock", escaped(&self.sheet.line.address)), SET_CLOCK, CLOCK_HINT))
                    }
                    (self.clock().whole(newest_first(sessions), view.look.language).markup(view))
                },
                Part::Status(words) => (status(view, words.as_ref(), &self.asked)),
                Part::Fetches(fetches) => (self.fetches(view, fetches).markup(view)),
                Part::Orders(orders) => div #orders data-live="order" {
                    (super::orders::table(orders, &self.asked, view).markup(view))
                },
            }
            @if self.part.name() == "curve" { (self.stays(view).markup(view)) }
        }
    }

    /// The file of its table, when that is what was asked for.
    #[must_use]
    pub fn file(&self, view: &View) -> Option<String> {
        let language = view.look.language;
        match &self.part {
            Part::Curve(part) => part
                .file(view, &self.asked, &self.sheet.line.address)
                .or_else(|| self.stays(view).file(language)),
            Part::Registers(part) => part.file(view, &self.asked, &self.sheet.line.address),
            Part::Events(events) => self.events().whole(events.clone(), language).file(language),
            Part::Clock(sessions) => self.clock().whole(newest_first(sessions), language).file(language),
            Part::Status(words) => {
                let json = words.as_ref().map_or("", |words| &words.words);
                words::table(json, &self.asked, view).file(language)
            }
            Part::Fetches(fetches) => self.fetches(view, fetches).file(language),
            Part::Orders(orders) => super::orders::table(orders, &self.asked, view).file(language),
        }
    }

    fn events(&self) -> Table<MeterEvent> {
        let columns = vec![
            Column::new(
                "began",
                "发生时刻（表钟）",
                "Began (by the meter)",
                |event: &MeterEvent, _| event.began.clone(),
            ),
            Column::new("kind", "事件", "Event", |event: &MeterEvent, language| {
                labels::event(&event.kind, language)
            }),
            Column::new("record", "记录", "Record", |event: &MeterEvent, language| {
                super::events::record(&event.record, language)
            })
            .unsorted(),
            Column::new("collected", "采集时间", "Read at", |event: &MeterEvent, _| {
                event.collected_at.in_china().to_string()
            }),
        ];
        let empty = Phrase::new("没有事件", "No events");
        Table::new("", Phrase::new("事件记录", "Events"), empty, columns, &self.asked)
    }

    fn clock(&self) -> Table<ClockSession> {
        let columns = vec![
            Column::new("at", "测量时间", "Measured at", |session: &ClockSession, _| {
                session.offset.at.in_china().to_string()
            }),
            Column::new(
                "fast",
                "偏差（秒，快为正）",
                "Offset (s, fast is positive)",
                |session: &ClockSession, _| seconds(session.offset.fast_us),
            )
            .number()
            .by(|session| session.offset.fast_us),
            Column::new(
                "uncertainty",
                "测量误差（秒）",
                "Uncertainty (s)",
                |session: &ClockSession, _| {
                    seconds(i64::try_from(session.offset.uncertainty.as_micros()).unwrap_or(i64::MAX))
                },
            )
            .number()
            .unsorted(),
            Column::new("doubt", "说明", "Remark", |session: &ClockSession, language| {
                if session.is_doubted {
                    language.of("本机时钟当时未得到证实", "the clock of this machine was in doubt").to_owned()
                } else {
                    String::new()
                }
            }),
        ];
        let empty = Phrase::new("还没有测量过时钟", "The clock was not measured yet");
        Table::new("", Phrase::new("时钟偏差", "Clock offsets"), empty, columns, &self.asked)
    }

    /// Where the meter was.
    fn stays(&self, view: &View) -> Table<Stay> {
        let columns = vec![
            Column::new("point", "计量点", "Point", |stay: &Stay, _| stay.point.clone()),
            Column::new("from", "安装", "From", |stay: &Stay, _| stay.from.in_china().to_string())
                .by(|stay| stay.from.micros()),
            Column::new("until", "拆除", "Until", |stay: &Stay, language| {
                let in_use = || language.of("在用", "in use").to_owned();
                stay.until.map_or_else(in_use, |until| until.in_china().to_string())
            }),
            Column::new("multiplier", "倍率（现行）", "Multiplier (now)", |stay: &Stay, _| {
                let shown = |(multiplier, ct, vt): &(i64, String, String)| {
                    format!("{} (CT {ct}, PT {vt})", multiplied(*multiplier))
                };
                stay.multiplier.as_ref().map(shown).unwrap_or_default()
            })
            .number()
            .by(|stay| stay.multiplier.as_ref().map_or(0, |(multiplier, ..)| *multiplier)),
        ];
        let caption = Phrase::new("安装记录", "Where it was");
        let empty = Phrase::new("没有安装记录", "It was nowhere yet");
        Table::new("stays", caption, empty, columns, &self.asked)
            .whole(self.sheet.stays.clone(), view.look.language)
    }

    fn fetches(&self, view: &View, fetches: &[Fetch]) -> Table<FetchLine> {
        let columns = vec![
            Column::new("collected", "采集时间", "Read at", |line: &FetchLine, _| {
                line.fetch.collected_at.in_china().to_string()
            })
            .shown(|line, view| html! { a href=(line.link()) { (view.time(line.fetch.collected_at)) } }),
            Column::new("items", "内容", "Items", |line: &FetchLine, language| {
                let name = |item: &Item| language.of(&item.name_zh(), &item.name_en()).to_owned();
                line.fetch.items.iter().map(name).collect::<Vec<_>>().join(language.of("，", ", "))
            }),
            Column::new("from", "数据时间", "Holds for", |line: &FetchLine, _| {
                line.fetch.from.in_china().to_string()
            }),
            Column::new("source", "来源", "Source", |line: &FetchLine, language| {
                labels::source(line.fetch.source).of(language).to_owned()
            }),
            Column::new("bytes", "字节", "Bytes", |line: &FetchLine, _| {
                line.fetch.frames.len().to_string()
            })
            .number()
            .by(|line| i64::try_from(line.fetch.frames.len()).unwrap_or(i64::MAX)),
        ];
        let line =
            |fetch: &Fetch| FetchLine { address: self.sheet.line.address.clone(), fetch: fetch.clone() };
        let empty = Phrase::new("这段时间没有报文", "No frames in this time");
        Table::new("", Phrase::new("报文", "Frames"), empty, columns, &self.asked)
            .whole(fetches.iter().rev().map(line).collect(), view.look.language)
    }
}

/// An exchange in the list.
#[derive(Debug)]
struct FetchLine {
    address: String,
    fetch: Fetch,
}

impl FetchLine {
    fn link(&self) -> String {
        format!("/meters/{}/fetches/{}", self.address, self.fetch.id)
    }
}

/// What the archive says, above every part.
fn head(view: &View, sheet: &MeterSheet, orderable: Option<&Orderable>, relay: Option<RelaySeen>) -> Markup {
    let line = &sheet.line;
    let language = view.look.language;
    let or_none = |text: Option<&String>| text.map_or_else(|| "—".to_owned(), |text| inert(text));
    let none = || html! { "—" };
    let mut shown = vec![
        (view.say("通信地址", "Address"), html! { span.code { (line.address) } }),
        (view.say("资产编号", "Asset"), html! { (or_none(line.asset.as_ref())) }),
        (view.say("计量点", "Point"), html! { (or_none(line.point.as_ref())) }),
    ];
    if view.may(Action::SeeCustomers) {
        let customer = line.customer.as_ref().map_or_else(none, |(number, name)| {
            html! { (inert(number)) " " (inert(name)) @if let Some(class) = sheet.class {
                " (" (labels::class(class).of(language)) ")"
            } }
        });
        shown.push((view.say("用户", "Customer"), customer));
    }
    shown.extend([
        (view.say("台区", "Area"), html! { (or_none(line.area.as_ref())) }),
        (view.say("10kV线路", "Feeder"), html! { (or_none(sheet.feeder.as_ref())) }),
        (view.say("抄表段", "Route"), html! { (or_none(sheet.route.as_ref())) }),
        (view.say("线路/终端", "Line"), html! {
            (or_none(line.line.as_ref()))
            @if let Some(point) = sheet.measuring_point { " · " (view.say("测量点 ", "measuring point ")) (point) }
        }),
        (view.say("规约/表型", "Protocol"), html! {
            (labels::protocol(line.protocol).of(language)) " " (sheet.profile.as_deref().map(inert).unwrap_or_default())
        }),
        (view.say("性质", "Role"), sheet.role.map_or_else(none, |role| html! { (labels::role(role).of(language)) })),
        (view.say("保护", "Protection"), match &sheet.protection {
            Some(reason) => html! { (state(Tone::Warn, view.say("保护", "protected"))) " " (inert(reason)) },
            None => html! { (view.say("无", "none")) },
        }),
    ]);
    shown.push((view.say("继电器", "Relay"), relay_state(view, relay)));
    if let Some(orderable) = orderable {
        shown.push((view.say("远程停复电", "Cut from here"), orderable_state(view, orderable)));
    }
    let may_be_cut = orderable.is_none_or(|orderable| orderable.why().is_none());
    html! { section.sheet {
        (facts(&shown))
        p.no-print {
            @if view.may(Action::ReadOnDemand) {
                a.button href={ "/reads?meters=" (line.address) } { (view.say("召测", "Read now")) } " "
            }
            @if let Some(point) = line.point.as_ref().filter(|_| view.may(Action::Restore)) {
                a.button href={ "/orders/new?kind=close_permit&points=" (escaped(point)) } { (view.say("复电", "Restore")) } " "
            }
            @if let Some(point) = line.point.as_ref().filter(|_| view.may(Action::RequestCut) && may_be_cut) {
                a href={ "/orders/new?kind=cut&points=" (escaped(point)) } { (view.say("申请停电", "Ask for a cut")) } " · "
            }
            @if let Some(point) = line.point.as_ref().filter(|_| view.may(Action::SeeCustomers)) {
                a href={ "/evidence?point=" (escaped(point)) } { (view.say("停电依据", "Evidence for cuts")) }
            }
            @if let Some(point) = line.point.as_ref().filter(|_| view.may(Action::ProposeMeterChange)) {
                " · " a href={ "/proposals/new?change=exchange_meter&point=" (escaped(point)) "&removed=" (line.address) } {
                    (view.say("提出换表", "Propose an exchange"))
                }
                " · " a href={ "/proposals/new?change=change_transformers&point=" (escaped(point)) } {
                    (view.say("提出倍率变更", "Propose other transformers"))
                }
            }
        }
    } }
}

/// What was last read of the relay, when, and by whom: it may have moved since.
fn relay_state(view: &View, seen: Option<RelaySeen>) -> Markup {
    let Some(RelaySeen { word, at, source }) = seen else {
        return html! { (state(Tone::Quiet, view.say("从未读到", "never read"))) };
    };
    html! {
        @if word.is_open() { (state(Tone::Warn, view.say("断开", "open"))) }
        @else { (state(Tone::Good, view.say("闭合", "closed"))) }
        @if word.is_open() != word.is_ordered_open() {
            " " @if word.is_ordered_open() { (state(Tone::Waiting, view.say("已命令断开", "ordered open"))) }
            @else { (state(Tone::Waiting, view.say("已命令闭合，未合", "ordered closed, still open"))) }
        }
        " · " @match source {
            RelaySource::Night => (view.say("夜间采集", "nightly run")),
            RelaySource::Read(job) => @if view.may(Action::ReadOnDemand) {
                a href={ "/reads/" (job) } { (view.say("召测 ", "read on demand ")) (said(job.number())) }
            } @else { (view.say("召测 ", "read on demand ")) (said(job.number())) },
            RelaySource::Order(order) => @if view.may(Action::SeeCustomers) {
                a href={ "/orders/" (order) } { (view.say("工单 ", "order ")) (said(order.number())) }
            } @else { (view.say("工单 ", "order ")) (said(order.number())) },
        }
        " · " (time(at)) " · " (super::components::age(view, at))
    }
}

fn status(view: &View, words: Option<&StatusWords>, asked: &Asked) -> Markup {
    let Some(words) = words else {
        return html! { section.sheet { p { (view.say("还没有读到状态字。", "No status word was read yet.")) } } };
    };
    html! {
        p { (view.say("读于 ", "Read at ")) (time(words.collected_at)) " · "
            (super::components::age(view, words.collected_at)) }
        (words::table(&words.words, asked, view).markup(view))
    }
}

/// The button that has it freeze, and what that does.
const FREEZE: Phrase = Phrase::new("立即冻结", "Freeze now");
const FREEZE_HINT: Phrase = Phrase::new(
    "向该表下发瞬时冻结命令（16H），并回读最近一次瞬时冻结的时间加以确认；结算用的日冻结不受影响。",
    "Tells the meter to freeze its registers now (16H), and reads back when its newest instant freeze was taken. Daily freezes, \
     which bills go by, stay as they are.",
);

/// What setting its clock does.
const CLOCK_HINT: Phrase = Phrase::new(
    "先读表钟，相差5秒以上时用04级密码写入主站时间并回读；零点前后10分钟内不对时。",
    "Reads the clock first; when it is off by more than five seconds our time is written with the password of level 04 and read \
     back. Not within ten minutes of midnight.",
);

/// What came of setting its clock, when that was pressed.
fn clock_came(asked: &Asked) -> Option<(&'static str, &'static str)> {
    match asked.value("set") {
        Some("done") => Some(("已对时并回读。", "The clock was set and read back.")),
        Some("not_needed") => Some((
            "表钟相差不到5秒，未下发对时。",
            "The clock is right within five seconds: nothing was sent.",
        )),
        _ => None,
    }
}

fn newest_first(sessions: &[ClockSession]) -> Vec<ClockSession> {
    let mut sessions = sessions.to_vec();
    sessions.reverse();
    sessions
}

/// Microseconds as seconds, to the tenth.
fn seconds(micros: i64) -> String {
    let tenths = micros / 100_000;
    let sign = if tenths < 0 { "-" } else { "" };
    format!("{sign}{}.{}", (tenths / 10).abs(), (tenths % 10).abs())
}

/// Hundredths without zeros behind.
fn multiplied(hundredths: i64) -> String {
    let text = format!("{}.{:02}", hundredths / 100, hundredths.rem_euclid(100));
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
pub(super) mod tests;
