//! Supply orders: the list, what keeps cuts back, and one order with its steps, its persons and its evidence.
//!
//! A relay is shown as no more certain than what was read of it: accepted is not executed, and unknown stays unknown
//! until a status word says otherwise (I13). Whether somebody may press a button is decided where it is pressed.

mod before;
mod form;
mod paper;
#[cfg(test)]
pub(super) mod tests;
mod told;

use maud::{Markup, html};

use super::components::{Tone, facts, grouped, said, second_factor, state, time, token};
use super::labels;
use super::table::{Asked, Column, Table, escaped};
use super::view::View;
use super::words::{Language, Phrase, inert};
use crate::config::Words;
use crate::domain::Coded;
use crate::domain::access::Action;
use crate::domain::supply::{CeilingUse, HaltKind, Objection, OrderKind, OrderState, SupplyOrder, Window};
use crate::domain::{Id, MeteringPoint, Moment};
use crate::store::supply::{
    ApprovalRecord, AttemptOutcome, AttemptRecord, EmergencyReport, Excess, HaltRecord, HeldRecord, HoldEnd,
    OrderRecord, OrderView, PointRecord, as_shown,
};
use crate::supply::due_words;

pub use form::{OrderForm, Refused};
pub use paper::{Paper, PaperPage};

/// What the page of all orders is called.
pub const TITLE: Phrase = Phrase::new("停复电工单", "Supply orders");

/// What the page of one order is called.
pub const TITLE_OF_ONE: Phrase = Phrase::new("工单", "Order");

/// The orders.
#[derive(Clone, Debug)]
pub struct OrdersPage {
    /// The newest orders.
    pub orders: Vec<OrderRecord>,
    /// What keeps all cuts back.
    pub halts: Vec<HaltRecord>,
    /// Emergency cuts whose reports are not written, and until when they are to be.
    pub reports: Vec<(Id<SupplyOrder>, Moment)>,
    /// What the address says.
    pub asked: Asked,
}

/// One order.
#[derive(Clone, Debug)]
pub struct OrderPage {
    /// The order with all that belongs to it.
    pub order: OrderView,
    /// Points whose meters cannot be ordered from here, and why, as long as nothing was sent.
    pub cannot: Vec<(String, Words)>,
    /// What the end of a hold may lead to, as long as nothing was sent.
    pub hold_ends: Vec<HoldEnd>,
    /// The ceilings that it is above, as long as it waits for approval.
    pub over: Vec<Excess>,
    /// The report of an emergency cut, once it is due.
    pub report: Option<EmergencyReport>,
    /// What the address says.
    pub asked: Asked,
}

impl OrdersPage {
    /// The state the address asks for.
    #[must_use]
    pub fn state(asked: &Asked) -> Option<OrderState> {
        OrderState::from_name(asked.value("state")?)
    }

    /// The page without what is around it.
    #[must_use]
    pub fn markup(&self, view: &View) -> Markup {
        html! {
            (self.halts(view))
            (self.reports(view))
            p.no-print {
                a href="/overdue" { (view.say("欠费清单", "Overdue list")) } " · "
                a href="/cuts" { (view.say("停电申请汇总", "Cuts by day")) } " · "
                a href="/evidence" { (view.say("停电依据", "Evidence for cuts")) } " · "
                a href="/protections" { (view.say("保护名单", "Protected points")) } " · "
                a href="/calendar" { (view.say("停电日历", "Days without cuts")) } " "
                @if view.may(Action::RequestCut) {
                    a.button href="/orders/new?kind=cut" { (view.say("新建停电工单", "New cut")) } " "
                }
                @if view.may(Action::Restore) {
                    a.button href="/orders/new?kind=close_permit" { (view.say("复电", "Restore supply")) } " "
                    a.button href="/orders/new?kind=hold_on" { (view.say("保电", "Hold supply")) }
                }
            }
            div #orders data-live="order" { (self.table(view).markup(view)) }
        }
    }

    /// The file of the list, when that is what was asked for.
    #[must_use]
    pub fn file(&self, view: &View) -> Option<String> {
        self.table(view).file(view.look.language)
    }

    /// What keeps cuts back besides STOP, which every page shows.
    fn halts(&self, view: &View) -> Markup {
        let others = self.halts.iter().filter(|halt| halt.kind == HaltKind::Clock);
        html! { @for HaltRecord { kind, since, by, reason, lifted_by } in others {
            section.sheet.verdict data-tone="bad" {
                p.answer { (state(Tone::Bad, halt_name(*kind).of(view.look.language))) }
                p { (time(*since)) " " (inert(by)) " " (inert(&view.look.language.detail(reason))) }
                @if !lifted_by.is_empty() {
                    p { (view.say("已同意解除（24小时内有效）：", "Agreed to lift (counts for 24 h): ")) (inert(&lifted_by.join(", "))) }
                }
                @if view.may(Action::LiftStop) {
                    form method="post" action="/stop/lift" {
                        (token(view))
                        input type="hidden" name="kind" value=(kind.name());
                        (second_factor(view))
                        button { (view.say("同意解除", "Agree to lift")) }
                    }
                }
            }
        } }
    }

    /// Emergency cuts whose reports are not written.
    fn reports(&self, view: &View) -> Markup {
        html! { @if !self.reports.is_empty() {
            section.sheet.verdict data-tone="warn" {
                p { (state(Tone::Warn, view.say("紧急停电须在 24 小时内补交书面报告", "The report of an emergency cut is due within 24 hours"))) }
                ul { @for (order, due) in &self.reports { li {
                    a href={ "/orders/" (order) "#report" } { (view.say("工单 ", "order ")) (said(order.number())) } " "
                    (view.say("截止 ", "by ")) (time(*due))
                    @if *due < view.now { " " (state(Tone::Bad, view.say("已逾期", "overdue"))) }
                } } }
            }
        } }
    }

    fn table(&self, view: &View) -> Table<OrderRecord> {
        table(&self.orders, &self.asked, view)
    }
}

/// Orders as a table.
pub(super) fn table(orders: &[OrderRecord], asked: &Asked, view: &View) -> Table<OrderRecord> {
    let columns = vec![
        Column::new("id", "编号", "Number", |order: &OrderRecord, _| order.id.to_string())
            .shown(|order, _| html! { a href={ "/orders/" (order.id) } { (said(order.id.number())) } })
            .by(|order| order.id.number()),
        Column::new("said", "简号", "Short number", |order: &OrderRecord, _| said(order.id.number()))
            .in_file(),
        Column::new("kind", "类型", "Kind", |order: &OrderRecord, language| {
            kind_name(order.content.kind, language).to_owned()
        }),
        Column::new("state", "状态", "State", |order: &OrderRecord, language| {
            state_name(order.state, language).to_owned()
        })
        .shown(|order, view| state_of(order.state, view.look.language)),
        Column::new("marks", "标记", "Marks", |order: &OrderRecord, language| marks(order, language)),
        Column::new("reason", "原因", "Reason", |order: &OrderRecord, language| {
            let reason = order.content.reason;
            format!("{} {}", language.of(reason.zh(), reason.name()), order.content.text)
        }),
        Column::new("points", "户数", "Points", |order: &OrderRecord, _| {
            order.content.points.len().to_string()
        })
        .number()
        .by(|order| i64::try_from(order.content.points.len()).unwrap_or(i64::MAX)),
        Column::new("by", "申请人", "Asked by", |order: &OrderRecord, _| order.requested_by.clone()),
        Column::new("created", "提出时间", "Asked at", |order: &OrderRecord, _| {
            order.created_at.in_china().to_string()
        }),
        Column::new("from", "执行时段", "Window", |order: &OrderRecord, _| {
            let window = order.content.window;
            format!("{} – {}", window.from.in_china(), window.until.in_china())
        }),
    ];
    let empty = Phrase::new("没有工单", "No order");
    Table::new("", TITLE, empty, columns, asked).whole(orders.to_vec(), view.look.language)
}

/// What is done about an order whose outcome nobody knows.
const fn unknown(kind: OrderKind) -> Phrase {
    match kind {
        OrderKind::ClosePermit | OrderKind::DirectClose | OrderKind::HoldOn => Phrase::new(
            "结果未知：正在读状态字；无应答时重发，转派现场后不再重发",
            "unknown: the status word is being read; it is repeated on silence until people are sent there",
        ),
        OrderKind::AlarmOn | OrderKind::AlarmOff => Phrase::new(
            "结果未知：电能表无此状态位，须现场核实后办结",
            "unknown: no meter shows it; close the order when somebody has looked",
        ),
        OrderKind::Cut | OrderKind::HoldOff => Phrase::new(
            "结果未知：正在读状态字，不会重发",
            "unknown: the status word is being read; nothing is sent again",
        ),
    }
}

/// Numbers that were left out of an order that was handed in.
#[must_use]
pub fn left_out(view: &View, numbers: Option<&str>) -> Markup {
    html! { @if let Some(numbers) = numbers {
        section.sheet.verdict data-tone="warn" role="alert" {
            p.answer { (state(Tone::Warn, view.say("有计量点未列入本工单", "Points were left out of this order"))) }
            p { (view.say("没有这些计量点或其未装表：", "There are no such points with a meter: ")) (inert(numbers)) }
        }
    } }
}

/// A point of an order, with what its state is told by.
#[derive(Clone, Debug)]
struct PointLine {
    point: PointRecord,
    order: Id<SupplyOrder>,
    kind: OrderKind,
    window: Window,
}

fn point_columns() -> Vec<Column<PointLine>> {
    vec![
        Column::new("point", "计量点", "Point", |line: &PointLine, _| line.point.number.clone()),
        Column::new("address", "通信地址", "Meter", |line: &PointLine, _| line.point.address.clone()).shown(
            |line, _| html! { a.code href={ "/meters/" (line.point.address) } { (line.point.address) } },
        ),
        Column::new("customer", "用户", "Customer", |line: &PointLine, _| {
            let (number, name) = &line.point.customer;
            format!("{number} {name}")
        }),
        Column::new("state", "状态", "State", |line: &PointLine, language| {
            language.of(line.point.state.zh(), line.point.state.name()).to_owned()
        })
        .shown(|line, view| {
            let (PointRecord { state, due_at, objections, .. }, language) = (&line.point, view.look.language);
            html! {
                (state_of(*state, language))
                @if let Some(due) = due_words(line.kind, (*state, objections), *due_at, line.window) {
                    div.hint { (inert(language.words(&due))) }
                }
            }
        }),
        Column::new("known", "何时、凭何得知", "Known since, and how", |line: &PointLine, language| {
            let at = line.point.changed_at.in_china();
            format!("{at} {}", labels::proven_in(language, &line.point.proof))
        })
        .shown(|line, view| {
            let PointRecord { number, changed_at, proof, state, .. } = &line.point;
            html! {
                (time(*changed_at)) " " (labels::proven(view, proof))
                @if *state == OrderState::Unknown && view.may(Action::ProposeMeterChange) {
                    div.hint.no-print {
                        a href={ "/proposals/new?change=settle_order&order=" (line.order) "&point=" (escaped(number)) } {
                            (view.say("现场核实办结", "end it as found on site"))
                        }
                    }
                }
            }
        })
        .by(|line| line.point.changed_at.micros()),
        Column::new("against", "不能执行的原因", "What stands against it", |line: &PointLine, language| {
            let words = |objection: &Objection| language.of(objection.zh(), objection.en()).to_owned();
            line.point.objections.iter().map(words).collect::<Vec<_>>().join(language.of("；", "; "))
        })
        .shown(|line, view| objection_list(&line.point.objections, view.look.language)),
    ]
}

impl OrderPage {
    /// The page without what is around it.
    #[must_use]
    pub fn markup(&self, view: &View) -> Markup {
        let id = self.order.order.id;
        html! {
            div #order data-live=[(!self.order.order.state.has_ended()).then_some("order")] {
                (self.head(view))
                (self.points(view.look.language).markup(view))
                (self.steps(view))
            }
            (self.before(view))
            (self.buttons(view))
            (self.steps_to_take(view))
            p.no-print {
                @if self.order.order.content.kind.is_cut_class() {
                    a href={ "/orders/" (id) "/paper/approval" } { (view.say("打印：停电审批单", "Print: approval sheet")) } " · "
                    a href={ "/orders/" (id) "/paper/notice" } { (view.say("打印：催费及停电通知书", "Print: reminder and cut notice")) } " · "
                }
                a href={ "/orders/" (id) "/paper/record" } { (view.say("打印：停复电记录", "Print: stop and restore record")) } " · "
                a href="/orders" { (view.say("全部工单", "all orders")) }
            }
        }
    }

    fn head(&self, view: &View) -> Markup {
        let OrderRecord { id, content, state: stands, requested_by, created_at, submitted_at, .. } =
            &self.order.order;
        let language = view.look.language;
        let marks = marks(&self.order.order, language);
        let or_dash = |at: Option<Moment>| html! { @match at { Some(at) => (time(at)), None => "—" } };
        html! {
            section.sheet.verdict data-tone=(tone(*stands).key()) aria-live="polite" {
                p.answer { (kind_name(content.kind, language)) " " (state_of(*stands, language)) }
                @if !marks.is_empty() { p { (state(Tone::Warn, &marks)) } }
                @if content.kind == OrderKind::ClosePermit && *stands == OrderState::Accepted {
                    p { (state(Tone::Warn, view.say(
                        "已允许合闸：用户须按电表按键后才有电", "permitted: supply is back only when the customer presses the key"))) }
                }
                @if *stands == OrderState::Unknown {
                    p { (state(Tone::Bad, unknown(content.kind).of(view.look.language))) }
                }
                (facts(&[
                    (view.say("编号", "Number"), html! { b { (said(id.number())) } " " small { (id) } }),
                    (view.say("原因", "Reason"), html! {
                        (language.of(content.reason.zh(), content.reason.name())) " " (inert(&content.text)) }),
                    (view.say("执行时段", "Window"), html! { (time(content.window.from)) " – " (time(content.window.until)) }),
                    (view.say("申请人", "Asked by"), html! { (inert(requested_by)) }),
                    (view.say("提出", "Written"), time(*created_at)),
                    (view.say("提交", "Handed in"), or_dash(*submitted_at)),
                    (view.say("内容校验码", "Hash of content"), html! { span.code { (self.order.hash) } }),
                ]))
            }
        }
    }

    /// The file of its points, when that is what was asked for.
    #[must_use]
    pub fn file(&self, view: &View) -> Option<String> {
        self.points(view.look.language).file(view.look.language)
    }

    fn points(&self, language: Language) -> Table<PointLine> {
        let (order, kind, window) =
            (self.order.order.id, self.order.order.content.kind, self.order.order.content.window);
        let line = |point: &PointRecord| PointLine { point: point.clone(), order, kind, window };
        let caption = Phrase::new("计量点", "Points");
        Table::new("", caption, Phrase::new("无", "None"), point_columns(), &self.asked)
            .whole(self.order.points.iter().map(line).collect(), language)
    }

    /// Who did what, and what was sent, in order of time.
    fn steps(&self, view: &View) -> Markup {
        let mut steps: Vec<(Moment, Markup)> = Vec::new();
        let OrderRecord { requested_by, created_at, submitted_at, .. } = &self.order.order;
        let by = |what: &str, who: &str| html! { b { (what) } " " (inert(who)) };
        steps.push((*created_at, by(view.say("写下", "written"), requested_by)));
        steps.extend(submitted_at.map(|at| (at, by(view.say("提交", "handed in"), requested_by))));
        for ApprovalRecord { name, at, ended, .. } in &self.order.approvals {
            steps.push((*at, by(view.say("审批同意", "approved"), name)));
            steps.extend(
                ended.as_ref().map(|(at, who)| (*at, by(view.say("审批失效", "approval void"), who))),
            );
        }
        for notice in &self.order.notices {
            let words = format!(
                "{} {} {}",
                labels::notice(notice.kind).of(view.look.language),
                notice.how,
                notice.given_by
            );
            steps.push((notice.given_at, by(view.say("通知", "notice"), &words)));
        }
        steps.extend(self.order.held.iter().map(|held| (held.at, self.held(view, held))));
        for attempt in &self.order.attempts {
            steps.push((attempt.intent_at, self.attempt(view, attempt)));
        }
        steps.sort_by_key(|(at, _)| *at);
        html! {
            section.sheet {
                h2 { (view.say("经过", "What happened")) }
                ol.steps { @for (at, what) in steps { li { (time(at)) span { (what) } } } }
            }
        }
    }

    /// What has kept it back, and what follows.
    fn held(&self, view: &View, held: &HeldRecord) -> Markup {
        let language = view.look.language;
        let words = |objection: &Objection| language.of(objection.zh(), objection.en()).to_owned();
        let why = held.objections.iter().map(words).collect::<Vec<_>>().join(language.of("；", "; "));
        html! {
            @match held.point {
                Some(point) => { b { (view.say("未下发 ", "not sent ")) (self.number(point)) } }
                None => { b { (view.say("须两人审批后方可下发", "two have to approve it before it is sent")) } }
            }
            " " (state(Tone::Warn, &why))
        }
    }

    fn number(&self, point: Id<MeteringPoint>) -> String {
        let known = self.order.points.iter().find(|known| known.ordered.point == point);
        known.map_or_else(|| point.to_string(), |known| inert(&known.number))
    }

    fn attempt(&self, view: &View, attempt: &AttemptRecord) -> Markup {
        let language = view.look.language;
        let number = self.number(attempt.point);
        let (tone, outcome) = outcome(attempt.outcome);
        html! {
            b { (view.say("下发 ", "sent ")) (number) " #" (attempt.number) } " "
            (state(tone, outcome.of(language))) " " (inert(&language.detail(&attempt.detail))) " "
            small { (view.say("电表最晚执行 ", "the meter may obey until ")) (time(attempt.expires_at)) }
            @if !attempt.before.told.is_empty() {
                details { summary { (view.say("下发前所读", "What the meter said before")) } (told::markup(view, &attempt.before.told)) }
            }
        }
    }

    fn buttons(&self, view: &View) -> Markup {
        let OrderRecord { id, state: stands, content, is_taken_back, .. } = &self.order.order;
        let person = view.acting.as_ref().map(|acting| acting.person);
        let approved = self.order.approvals.iter().filter(|by| by.ended.is_none());
        let has_approved = approved.clone().any(|by| Some(by.person) == person);
        let has_asked =
            view.acting.as_ref().is_some_and(|acting| acting.name == self.order.order.requested_by);
        let may_approve =
            view.may(Action::ApproveCut) && *stands == OrderState::Submitted && !has_approved && !has_asked;
        let is_open = stands.is_before_intent() || (stands.is_in_flight() && !is_taken_back);
        let may_cancel = is_open && (view.may(content.kind.action()) || view.may(Action::ApproveCut));
        html! {
            @if *stands == OrderState::Submitted && content.kind.is_cut_class() { (self.approvals(view, approved.count())) }
            @if may_approve {
                form.sheet.no-print method="post" action={ "/orders/" (id) "/approve" } {
                    h2 { (view.say("审批", "Approve")) }
                    p { (view.say(
                        "您同意的正是上面列出的内容；之后任何改动都会使审批失效。",
                        "You approve exactly what stands above; any later change makes the approval void.")) }
                    @if !self.over.is_empty() { p { (state(Tone::Warn, view.say(
                        "本工单超过停电上限：您同意的是上面所列的超限，须两位审批人均已看到。",
                        "It is above a ceiling: you let it pass as it is shown above, and two have to have seen it."))) } }
                    (token(view))
                    input type="hidden" name="seen" value=(as_shown(&self.order, &self.over));
                    (second_factor(view))
                    button.danger { (view.say("同意执行", "Approve")) }
                }
            }
            @if may_cancel {
                form.no-print method="post" action={ "/orders/" (id) "/cancel" } {
                    (token(view))
                    button.quiet {
                        @if stands.is_before_intent() { (view.say("取消工单", "Take the order back")) }
                        @else { (view.say("取消工单：不再下发", "Take the order back: send no more of it")) }
                    }
                }
            }
        }
    }
}

impl OrderPage {
    /// How many have agreed of how many that it takes.
    fn approvals(&self, view: &View, approved: usize) -> Markup {
        let needed = self.order.order.approvers_needed();
        html! { p {
            (view.say("审批：", "Approvals: ")) (approved) " / " (needed)
            @if approved < needed { (view.say("，还需 ", ", still needed: ")) (needed - approved) (view.say(" 人", "")) }
            @if self.order.order.is_quarantined && self.over.is_empty() { " · "
                a href="/settings" { (view.say("超过停电上限，见设置", "above a ceiling of cuts, see the settings")) } }
        }
        @if !self.over.is_empty() { ul { @for (CeilingUse { ceiling, used, most, .. }, area) in &self.over { li {
            (state(Tone::Warn, view.look.language.of(ceiling.zh(), ceiling.en())))
            @if !area.is_empty() { " " (inert(area)) } (view.say("：", ": "))
            (grouped(*used)) " / " (grouped(*most)) (view.say(" 户", "")) " "
            a href="/settings" { (view.say("设置", "settings")) }
        } } } } }
    }
}

/// What a meter has answered to an order.
const fn outcome(outcome: Option<AttemptOutcome>) -> (Tone, Phrase) {
    match outcome {
        None => (Tone::Waiting, Phrase::new("结果还不知道", "not known yet")),
        Some(AttemptOutcome::Accepted) => (
            Tone::Waiting,
            Phrase::new("电表受理（尚不等于执行）", "accepted (not yet proof that it was done)"),
        ),
        Some(AttemptOutcome::Refused) => (Tone::Bad, Phrase::new("电表拒绝", "refused by the meter")),
        Some(AttemptOutcome::NotSent) => (Tone::Quiet, Phrase::new("未发出", "nothing left")),
        Some(AttemptOutcome::Unknown) => (Tone::Bad, Phrase::new("结果未知", "unknown")),
    }
}

fn objection_list(objections: &[Objection], language: Language) -> Markup {
    html! { @if !objections.is_empty() {
        ul.todo { @for objection in objections {
            li { (state(Tone::Warn, language.of(objection.zh(), objection.en()))) }
        } }
    } }
}

fn marks(order: &OrderRecord, language: Language) -> String {
    let marks = [
        (
            order.is_quarantined,
            language.of("超上限，需第二审批人", "above a ceiling: second approver needed"),
        ),
        (order.is_flagged, language.of("有计量点被剔除", "points were left out")),
        (order.has_stopped_itself, language.of("异常过多，已自停", "stopped itself")),
        (order.is_taken_back, language.of("已取消，不再下发", "taken back: nothing more is sent")),
    ];
    let set = marks.iter().filter(|(is_set, _)| *is_set).map(|(_, words)| *words);
    set.collect::<Vec<_>>().join(language.of("；", "; "))
}

pub(super) const fn kind_name(kind: OrderKind, language: Language) -> &'static str {
    let en = match kind {
        OrderKind::Cut => "cut",
        OrderKind::ClosePermit => "close permit",
        OrderKind::DirectClose => "direct close",
        OrderKind::AlarmOn => "alarm",
        OrderKind::AlarmOff => "alarm off",
        OrderKind::HoldOn => "supply hold",
        OrderKind::HoldOff => "end of supply hold",
    };
    language.of(kind.zh(), en)
}

pub(super) fn state_name(state: OrderState, language: Language) -> &'static str {
    let en = match state {
        OrderState::VerifiedOpen => "verified open",
        OrderState::VerifiedClosed => "verified closed",
        other => other.name(),
    };
    language.of(state.zh(), en)
}

pub(super) fn state_of(of: OrderState, language: Language) -> Markup {
    state(tone(of), state_name(of, language))
}

const fn tone(state: OrderState) -> Tone {
    match state {
        OrderState::Draft | OrderState::Cancelled | OrderState::Expired => Tone::Quiet,
        OrderState::Submitted
        | OrderState::Approved
        | OrderState::Armed
        | OrderState::Sending
        | OrderState::Accepted => Tone::Waiting,
        OrderState::VerifiedOpen | OrderState::VerifiedClosed | OrderState::Done => Tone::Good,
        OrderState::Rejected => Tone::Warn,
        OrderState::Unknown | OrderState::Failed => Tone::Bad,
    }
}

const fn halt_name(kind: HaltKind) -> Phrase {
    match kind {
        HaltKind::Stop | HaltKind::StopFile => Phrase::new("已急停", "STOP"),
        HaltKind::Clock => Phrase::new("主站时钟跳变：停电暂停", "the clock has jumped: no cuts"),
        HaltKind::DatabaseBehind => {
            Phrase::new("数据库缺失记录：停电暂停", "the database has lost what it had kept: no cuts")
        }
    }
}
