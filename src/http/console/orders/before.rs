//! What is to be known before something is done with an order, and what may be done with it besides approving.

use maud::{Markup, html};

use super::OrderPage;
use crate::domain::access::Action;
use crate::domain::relay::Prepaid;
use crate::domain::supply::{OrderEvent, OrderState};
use crate::http::console::components::{Tone, field, state, time, token};
use crate::http::console::view::View;
use crate::http::console::words::inert;
use crate::store::supply::{EmergencyReport, HoldEnd};
use dlt645::quantity::Quantity;

impl OrderPage {
    /// Meters that cannot be ordered, and meters that may trip by themselves.
    pub(super) fn before(&self, view: &View) -> Markup {
        html! {
            @if !self.cannot.is_empty() {
                section.sheet.verdict data-tone="warn" {
                    p { (state(Tone::Warn, view.say("以下计量点不能由主站停复电", "These cannot be cut or restored from here"))) }
                    ul { @for (number, why) in &self.cannot {
                        li { b { (inert(number)) } " " (inert(view.look.language.words(why))) }
                    } }
                }
            }
            @if !self.hold_ends.is_empty() { (hold_ends(view, &self.hold_ends)) }
        }
    }

    /// What may be done with it besides approving and taking it back.
    pub(super) fn steps_to_take(&self, view: &View) -> Markup {
        let order = &self.order.order;
        let (id, stands, kind) = (order.id, order.state, order.content.kind);
        let may_ask = view.may(kind.action()) && kind.is_cut_class();
        let person = view.acting.as_ref().map(|acting| acting.person);
        let has_approved =
            self.order.approvals.iter().any(|by| Some(by.person) == person && by.ended.is_none());
        let may_finish = self.order.points.iter().all(|point| point.state.may_be_finished(kind))
            && self.order.points.iter().any(|point| point.state.next(OrderEvent::Finish).is_ok())
            && (view.may(kind.action()) || view.may(Action::ApproveCut));
        let button = |what: &str, words: &str, is_main: bool| {
            html! {
                form.no-print method="post" action={ "/orders/" (id) "/" (what) } {
                    (token(view))
                    button.quiet[!is_main] { (words) }
                }
            }
        };
        html! {
            @if may_ask && stands.is_before_intent() {
                p.no-print { a href={ "/orders/" (id) "/edit" } {
                    @if stands == OrderState::Draft { (view.say("修改草稿", "Change the draft")) }
                    @else { (view.say("修改工单（已有审批作废，须重新提交）", "Change the order (approvals become void; hand it in again)")) }
                } }
            }
            @if may_ask && stands == OrderState::Draft {
                (button("submit", view.say("提交审批", "Hand in for approval"), true))
            }
            @if has_approved && stands.is_before_intent() && view.may(Action::ApproveCut) {
                (button("withdraw", view.say("撤回我的审批", "Withdraw my approval"), false))
            }
            @if may_finish { (button("finish", view.say("办结", "Close the order"), false)) }
            @if let Some(report) = &self.report { (self.report(view, report)) }
        }
    }

    fn report(&self, view: &View, report: &EmergencyReport) -> Markup {
        html! { section.sheet #report {
            h2 { (view.say("紧急停电书面报告", "Written report of the emergency cut")) }
            @match &report.written {
                Some((text, at, by)) => {
                    p { (state(Tone::Good, view.say("已补交", "written"))) " " (time(*at)) " " (inert(by)) }
                    p { (inert(text)) }
                },
                None => {
                    p { (state(if report.due_at() < view.now { Tone::Bad } else { Tone::Warn },
                            view.say("尚未补交", "not written yet"))) " "
                        (view.say("截止 ", "due by ")) (time(report.due_at())) }
                    @if view.may(Action::RequestCut) {
                        form.no-print method="post" action={ "/orders/" (self.order.order.id) "/report" } {
                            (token(view))
                            (field(view.say("报告（或其文号与摘要）", "The report, or its number and gist"), &html! {
                                textarea name="text" rows="4" cols="60" required maxlength="2000" {}
                            }))
                            button { (view.say("补交", "Enter")) }
                        }
                    }
                },
            }
        } }
    }
}

/// Whose meters may cut by themselves once nothing holds them.
fn hold_ends(view: &View, ends: &[HoldEnd]) -> Markup {
    let count = ends.iter().filter(|end| end.may_trip()).count();
    let tone = if count > 0 { Tone::Bad } else { Tone::Good };
    let words = if count > 0 {
        view.say("解除保电后可能立即跳闸的户数：", "may trip at once when the hold ends: ")
    } else {
        view.say("解除保电后没有会自行跳闸的表", "no meter of these trips by itself when the hold ends")
    };
    html! { section.sheet.verdict data-tone=(tone.key()) {
        p { (state(tone, words)) @if count > 0 { " " b { (count) } " / " (ends.len()) } }
        div.scroll { table {
            thead { tr {
                th scope="col" { (view.say("计量点", "Point")) }
                th scope="col" { (view.say("用户", "Customer")) }
                th scope="col" { (view.say("通信地址", "Meter")) }
                th scope="col" { (view.say("付费方式", "Paid for")) }
                th scope="col" { (view.say("读于", "Told at")) }
                th.number scope="col" { (view.say("欠费（元）", "Owes (yuan)")) }
                th scope="col" { (view.say("预计", "Expected")) }
            } }
            tbody { @for end in ends { tr {
                th scope="row" { (inert(&end.number)) }
                td { (inert(&end.customer.0)) " " (inert(&end.customer.1)) }
                td { a.code href={ "/meters/" (end.meter) } { (end.meter) } }
                td { (paid_for(view, end)) }
                td { @if let Some((_, at)) = end.told { (time(at)) } }
                td.number { (Quantity::new(end.owed_fen, 2)) }
                td { @if end.may_trip() { (state(Tone::Bad, view.say("可能跳闸", "may trip"))) }
                    @else { (state(Tone::Good, view.say("不跳闸", "stays"))) } }
            } } }
        } }
    } }
}

fn paid_for(view: &View, end: &HoldEnd) -> Markup {
    let Some((word, _)) = end.told else {
        return state(Tone::Warn, view.say("从未读到状态字", "the status word was never read"));
    };
    let words = match word.prepaid() {
        Prepaid::No => view.say("后付费", "afterwards"),
        Prepaid::Energy => view.say("电量型预付费", "prepaid by energy"),
        Prepaid::Money => view.say("电费型预付费", "prepaid by money"),
        Prepaid::Reserved => view.say("不明", "not known"),
    };
    html! { (words) @if word.is_about_to_trip() { " " (state(Tone::Bad, view.say("预跳闸报警", "about to trip"))) } }
}
