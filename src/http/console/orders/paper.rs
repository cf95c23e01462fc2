//! The paper forms of a station: approval sheet, reminder and cut notice, stop and restore record. They print as they are.

use maud::{Markup, html};

use super::{kind_name, outcome, state_name, told};
use crate::domain::supply::{OrderKind, OrderState, Reason};
use crate::domain::{Coded, Id, MeteringPoint, Moment};
use crate::http::console::components::{Tone, field, state, time};
use crate::http::console::table::Asked;
use crate::http::console::typed::{as_field, moment};
use crate::http::console::view::View;
use crate::http::console::words::{Phrase, inert};
use crate::http::console::{labels, notices};
use crate::store::supply::{OrderView, PointRecord};
use crate::store::view::OverdueLine;

/// Which form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paper {
    /// 催费及停电通知书: one for each customer.
    Notice,
    /// 停电审批单.
    Approval,
    /// 停复电记录.
    Record,
}

impl Paper {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Notice, Self::Approval, Self::Record];

    /// As an address names it.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Notice => "notice",
            Self::Approval => "approval",
            Self::Record => "record",
        }
    }

    /// The form with this name.
    #[must_use]
    pub fn of_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|paper| paper.key() == key)
    }

    /// What it is called.
    #[must_use]
    pub const fn title(self) -> Phrase {
        match self {
            Self::Notice => Phrase::new("催费及停电通知书", "Reminder and notice of disconnection"),
            Self::Approval => Phrase::new("停电审批单", "Disconnection approval sheet"),
            Self::Record => Phrase::new("停复电记录", "Disconnection and restoration record"),
        }
    }
}

/// A form of an order.
#[derive(Clone, Debug)]
pub struct PaperPage {
    /// Which.
    pub paper: Paper,
    /// The order.
    pub order: OrderView,
    /// Those of its points that are in arrears, with what is owed; for the notice alone.
    pub owed: Vec<OverdueLine>,
    /// The orders that gave supply back behind it, each with the point; for the record alone.
    pub restores: Vec<(Id<MeteringPoint>, OrderView)>,
    /// What the address says.
    pub asked: Asked,
}

impl PaperPage {
    /// The page without what is around it.
    #[must_use]
    pub fn markup(&self, view: &View) -> Markup {
        let id = self.order.order.id;
        html! {
            p.no-print { a href={ "/orders/" (id) } { "◀ " (view.say("工单 ", "Order ")) (id) } " · "
                (view.say("用浏览器的打印功能打印本页。", "Print this page with the browser.")) }
            @match self.paper {
                Paper::Notice => (self.notices(view)),
                Paper::Approval => (self.approval(view)),
                Paper::Record => (self.record(view)),
            }
        }
    }

    /// From when on supply may be cut: as asked for, or as the window says as long as that lies far enough ahead for a
    /// customer to pay.
    fn from(&self, view: &View) -> Moment {
        let window = self.order.order.content.window.from;
        let asked = self.asked.value("from").and_then(moment);
        asked.unwrap_or_else(|| if window > view.now { window } else { notices::usual(view.now) })
    }

    fn notices(&self, view: &View) -> Markup {
        let from = self.from(view);
        let owed = |point: &PointRecord| self.owed.iter().find(|line| line.point == point.number);
        html! {
            form.pick.no-print method="get" {
                (field(view.say("最早停电时间", "Cut at the earliest"), &html! {
                    input type="datetime-local" name="from" required value=(as_field(from)); }))
                button { (view.say("查看", "Show")) }
            }
            @for point in &self.order.points {
                @match owed(point) {
                    _ if is_left_out(point) => p.no-print {
                        (state(Tone::Warn, view.say("已剔除，不打印通知书：", "left out of the order, no notice: ")))
                        " " (inert(&point.number)) " " (inert(&point.customer.0)) " " (inert(&point.customer.1)) },
                    // Also where its customer owes something: paying would not keep this supply on.
                    _ if self.is_for_other_than_arrears() => (self.notice(view, point)),
                    Some(line) => (notices::sheet(view, line, from)),
                    None => p.no-print { (state(Tone::Warn, view.say("没有欠费，不打印通知书：", "in arrears with nothing, no notice: ")))
                        " " (inert(&point.number)) " " (inert(&point.customer.0)) " " (inert(&point.customer.1)) },
                }
            }
        }
    }

    /// A cut for another reason than arrears: its customer is told of it all the same.
    fn is_for_other_than_arrears(&self) -> bool {
        let content = &self.order.order.content;
        content.kind == OrderKind::Cut && content.reason != Reason::Arrears
    }

    /// The sheet of one customer of such a cut: when, and why.
    fn notice(&self, view: &View, point: &PointRecord) -> Markup {
        let (content, language) = (&self.order.order.content, view.look.language);
        html! {
            article.form-sheet.new-page {
                h2 { (view.say("停电通知书", "Notice of disconnection")) }
                p { (view.say("用户：", "Customer: ")) (inert(&point.customer.0)) " " (inert(&point.customer.1)) }
                p { (view.say("计量点：", "Point: ")) (inert(&point.number)) " · " (view.say("电能表：", "Meter: ")) (point.address) }
                p { (view.say("停电原因：", "Why: ")) b { (language.of(content.reason.zh(), content.reason.name())) } }
                p { (view.say("将在以下时段内停止供电：", "Supply will be disconnected between ")) b { (time(content.window.from)) }
                    (view.say(" 至 ", " and ")) b { (time(content.window.until)) }
                    (view.say("。停电原因消除后 24 小时内恢复供电。", ". It is restored within 24 hours of when the cause has ended.")) }
                p { (view.say("请提前做好准备。如家中有人依赖用电维持生命或健康，请立即告知供电单位。",
                    "Please be prepared. If anybody's life or health depends on supply, tell us at once.")) }
                (signs(&[
                    view.say("停电原因说明：", "Why, in words:"),
                    view.say("供电单位（盖章）：", "Supplier (seal):"), view.say("联系电话：", "Telephone:"),
                    view.say("送达人：", "Delivered by:"), view.say("送达方式与时间：", "How and when:"),
                    view.say("用户签收：", "Received by:"),
                ]))
            }
        }
    }

    fn approval(&self, view: &View) -> Markup {
        let order = &self.order.order;
        let language = view.look.language;
        html! {
            article.form-sheet {
                h2 { (Paper::Approval.title().of(language)) }
                p { (view.say("工单编号：", "Order: ")) (order.id) " · " (kind_name(order.content.kind, language)) }
                p { (view.say("原因：", "Reason: ")) (language.of(order.content.reason.zh(), order.content.reason.name()))
                    " " (inert(&order.content.text)) }
                p { (view.say("执行时段：", "Window: ")) (time(order.content.window.from)) " – " (time(order.content.window.until)) }
                (self.customers(view))
                (self.left_out(view))
                p { (view.say("内容校验码：", "Hash of content: ")) span.code { (self.order.hash) } }
                p { (view.say("申请人：", "Asked by: ")) (inert(&order.requested_by)) }
                @for approval in &self.order.approvals {
                    p { (view.say("审批人：", "Approved by: ")) (inert(&approval.name)) " " (time(approval.at))
                        @if approval.ended.is_some() { " (" (view.say("已失效", "void")) ")" } }
                }
                (signs(&[
                    view.say("申请人签字：", "Asked by (sign):"), view.say("审批人签字：", "Approved by (sign):"),
                    view.say("单位盖章：", "Stamp:"),
                ]))
            }
        }
    }

    /// Those the order goes on with, counted: whoever works from the paper goes by it.
    fn customers(&self, view: &View) -> Markup {
        let language = view.look.language;
        let goes_on: Vec<&PointRecord> =
            self.order.points.iter().filter(|point| !is_left_out(point)).collect();
        html! {
            p { b { (view.say("执行户数：", "Points to be acted on: ")) (goes_on.len()) (view.say(" 户", "")) } }
            @if !goes_on.is_empty() { table {
                thead { tr {
                    th scope="col" { (view.say("计量点", "Point")) }
                    th scope="col" { (view.say("用户", "Customer")) }
                    th scope="col" { (view.say("通信地址", "Meter")) }
                    th scope="col" { (view.say("通知", "Notices")) }
                } }
                tbody { @for point in goes_on { tr {
                    th scope="row" { (inert(&point.number)) }
                    td { (inert(&point.customer.0)) " " (inert(&point.customer.1)) }
                    td.code { (point.address) }
                    td { @for notice in self.order.notices.iter().filter(|notice| notice.point == point.ordered.point) {
                        div { (labels::notice(notice.kind).of(language)) " " (time(notice.given_at)) " " (inert(&notice.how)) }
                    } }
                } } }
            } }
        }
    }

    /// Those that were taken out of it, apart from the others and with why.
    fn left_out(&self, view: &View) -> Markup {
        let language = view.look.language;
        let out: Vec<&PointRecord> = self.order.points.iter().filter(|point| is_left_out(point)).collect();
        let title = if self.order.order.content.kind.is_cut_class() {
            view.say("已剔除，不得停电", "Left out: not to be cut")
        } else {
            view.say("已取消，不执行", "Taken back: nothing is done there")
        };
        html! { @if !out.is_empty() {
            table.left-out {
                caption { (title) "（" (out.len()) (view.say(" 户", "")) "）" }
                thead { tr {
                    th scope="col" { (view.say("计量点", "Point")) }
                    th scope="col" { (view.say("用户", "Customer")) }
                    th scope="col" { (view.say("通信地址", "Meter")) }
                    th scope="col" { (view.say("原因", "Why")) }
                } }
                tbody { @for point in out { tr {
                    th scope="row" { s { (inert(&point.number)) } }
                    td { (inert(&point.customer.0)) " " (inert(&point.customer.1)) }
                    td.code { (point.address) }
                    td {
                        @for objection in &point.objections { div { (language.of(objection.zh(), objection.en())) } }
                        @if point.objections.is_empty() { (state_name(point.state, language)) }
                    }
                } } }
            }
        } }
    }

    fn record(&self, view: &View) -> Markup {
        let order = &self.order.order;
        let language = view.look.language;
        html! {
            article.form-sheet {
                h2 { (Paper::Record.title().of(language)) }
                p { (view.say("工单编号：", "Order: ")) (order.id) " · " (kind_name(order.content.kind, language)) }
                p { (view.say("申请人：", "Asked by: ")) (inert(&order.requested_by)) " " (time(order.created_at)) }
                @for approval in self.order.approvals.iter().filter(|approval| approval.ended.is_none()) {
                    p { (view.say("审批人：", "Approved by: ")) (inert(&approval.name)) " " (time(approval.at)) }
                }
                table {
                    thead { tr {
                        th scope="col" { (view.say("计量点", "Point")) }
                        th scope="col" { (view.say("用户", "Customer")) }
                        th scope="col" { (view.say("下发时间及应答", "Sent at, and what came of it")) }
                        th scope="col" { (view.say("结果", "Result")) }
                        th scope="col" { (view.say("依据", "Known by")) }
                    } }
                    @for point in &self.order.points { tbody {
                        tr {
                            th scope="row" { (inert(&point.number)) }
                            td { (inert(&point.customer.0)) " " (inert(&point.customer.1)) }
                            (ended(view, &self.order, point))
                        }
                        (self.read_before(view, point))
                        (self.given_back(view, point))
                    } }
                }
                (signs(&[
                    view.say("操作人：", "Done by:"), view.say("监护人：", "Second person:"), view.say("日期：", "Date:"),
                ]))
            }
        }
    }

    /// What the meter said before the frame left (F53): whose it is, its register, its load and its relay.
    fn read_before(&self, view: &View, point: &PointRecord) -> Markup {
        let of_point = self.order.attempts.iter().filter(|attempt| attempt.point == point.ordered.point);
        html! { @for attempt in of_point.filter(|attempt| !attempt.before.told.is_empty()) {
            tr { td colspan="5" {
                b { (view.say("下发前所读", "What the meter said before")) " #" (attempt.number) } (told::markup(view, &attempt.before.told))
            } }
        } }
    }

    /// The order that gave supply back behind a cut, and how that is known.
    fn given_back(&self, view: &View, point: &PointRecord) -> Markup {
        let language = view.look.language;
        let is_of_point = |(of, _): &&(Id<MeteringPoint>, OrderView)| *of == point.ordered.point;
        html! {
            @for (of, back) in self.restores.iter().filter(is_of_point) {
                @for there in back.points.iter().filter(|there| there.ordered.point == *of) { tr {
                    th scope="row" { (view.say("复电", "Given back")) }
                    td { (kind_name(back.order.content.kind, language)) " " (back.order.id) " · "
                        (inert(&back.order.requested_by)) " " (time(back.order.created_at)) }
                    (ended(view, back, there))
                } }
            }
            @if self.restores.iter().all(|(of, _)| *of != point.ordered.point) && self.order.order.content.kind == OrderKind::Cut
                && !is_left_out(point) {
                tr { td colspan="5" { (view.say("尚无复电工单。", "No order has given supply back.")) } }
            }
        }
    }
}

/// When an order was sent to a point and what the meter answered, how it stands, and how that is known.
fn ended(view: &View, order: &OrderView, point: &PointRecord) -> Markup {
    let language = view.look.language;
    html! {
        td { @for attempt in order.attempts.iter().filter(|attempt| attempt.point == point.ordered.point) {
            div { (time(attempt.intent_at)) " " (outcome(attempt.outcome).1.of(language)) }
        } }
        td { (state_name(point.state, language)) }
        td { (time(point.changed_at)) " " (labels::proven(view, &point.proof)) }
    }
}

/// Taken out when the order was handed in, or taken back: nothing is done there.
fn is_left_out(point: &PointRecord) -> bool {
    point.state == OrderState::Cancelled
}

fn signs(names: &[&str]) -> Markup {
    html! { div.signs { @for name in names { div { (name) } } } }
}
