//! The form of a new order, with all that stands against it when it was refused.

use maud::{Markup, html};

use super::{kind_name, objection_list};
use crate::config::Words;
use crate::domain::Coded;
use crate::domain::supply::{OrderKind, Reason};
use crate::http::console::components::{Tone, field, state, token};
use crate::http::console::view::View;
use crate::http::console::words::{Phrase, inert};
use crate::store::supply::Objected;

/// An order that is being written.
#[derive(Clone, Debug)]
pub struct OrderForm {
    /// What is ordered.
    pub kind: OrderKind,
    /// The numbers of the points, as they were typed.
    pub points: String,
    /// Why.
    pub reason: Option<Reason>,
    /// Why, in words; for closing directly the safety note.
    pub text: String,
    /// From when and until when, as the form writes it: `2026-11-29T09:00`.
    pub window: (String, String),
    /// The order that is changed, and the hash of what was seen of it; `None` for a new one.
    pub of: Option<(i64, String)>,
    /// Points whose meters cannot be ordered from here, and why.
    pub cannot: Vec<(String, Words)>,
    /// Why it was not taken.
    pub refused: Option<Refused>,
}

/// Why an order was not taken.
#[derive(Clone, Debug)]
pub enum Refused {
    /// Something stands against it.
    Objected(Objected),
    /// Points that there are not.
    NoSuchPoints(Vec<String>),
    /// More points than one form takes.
    TooManyPoints(usize),
    /// A text that is too long, or none.
    Text,
    /// Something was left out or is not as described.
    Incomplete,
}

impl OrderForm {
    /// What the page is called.
    pub const TITLE: Phrase = Phrase::new("新工单", "New order");

    /// What the page of a change is called.
    pub const TITLE_OF_CHANGE: Phrase = Phrase::new("修改工单", "Change an order");

    /// The page without what is around it.
    #[must_use]
    pub fn markup(&self, view: &View) -> Markup {
        let language = view.look.language;
        let has_window = self.kind.is_cut_class();
        html! {
            @if let Some(refused) = &self.refused { (refusal(view, refused)) }
            (self.cannot(view))
            form.sheet method="post" action=(self.action()) {
                h2 { (kind_name(self.kind, language)) }
                (token(view))
                input type="hidden" name="kind" value=(self.kind.name());
                @if let Some((_, seen)) = &self.of { input type="hidden" name="seen" value=(seen); }
                (field(view.say("计量点编号（可多个，用空格或换行分开）", "Numbers of points (several, apart by space or line)"),
                    &html! { textarea name="points" rows="3" cols="60" required maxlength="20000" { (self.points) } }))
                (field(view.say("原因", "Reason"), &html! {
                    select name="reason" required {
                        @for (reason, ..) in Reason::TABLE.iter().filter(|(reason, ..)| reason.fits(self.kind)) {
                            option value=(reason.name()) selected[self.reason == Some(*reason)] {
                                (language.of(reason.zh(), reason.name()))
                            }
                        }
                    }
                }))
                (field(self.text_name().of(language), &html! {
                    textarea name="text" rows="2" cols="60" maxlength="500" required[self.needs_text()] { (self.text) }
                }))
                @if has_window {
                    div.pick {
                        (field(view.say("执行时段从", "Window from"), &html! {
                            input type="datetime-local" name="from" value=(self.window.0) required; }))
                        (field(view.say("到", "until"), &html! {
                            input type="datetime-local" name="until" value=(self.window.1) required; }))
                    }
                }
                (self.hint(view))
                @if self.of.is_some() {
                    button { (view.say("保存（成为草稿，已有审批作废）", "Save (a draft again; approvals are void)")) }
                } @else {
                    button.danger[has_window] { (view.say("提交", "Hand in")) }
                    @if has_window {
                        " " button.quiet name="then" value="draft" { (view.say("存为草稿", "Keep as a draft")) }
                    }
                }
            }
        }
    }

    fn action(&self) -> String {
        self.of.as_ref().map_or_else(|| "/orders".to_owned(), |(id, _)| format!("/orders/{id}/edit"))
    }

    /// What cannot be ordered, said before anyone plans on it.
    fn cannot(&self, view: &View) -> Markup {
        html! { @if !self.cannot.is_empty() {
            section.sheet.verdict data-tone="warn" {
                p { (state(Tone::Warn, view.say("以下计量点不能由主站停复电", "These cannot be cut or restored from here"))) }
                ul { @for (number, why) in &self.cannot {
                    li { b { (inert(number)) } " " (inert(view.look.language.words(why))) }
                } }
            }
        } }
    }

    const fn needs_text(&self) -> bool {
        matches!(self.kind, OrderKind::Cut | OrderKind::HoldOff | OrderKind::DirectClose)
    }

    const fn text_name(&self) -> Phrase {
        match self.kind {
            OrderKind::DirectClose => Phrase::new(
                "安全说明：由谁确认现场无人触及",
                "Safety note: who has made sure that nobody is endangered",
            ),
            _ => Phrase::new("说明", "In words"),
        }
    }

    fn hint(&self, view: &View) -> Markup {
        let words = match self.kind {
            OrderKind::Cut => view.say(
                "停电须由另一人审批；受保护、未通知、已缴费的户会被剔除并注明原因。",
                "Another person must approve; points that are protected, not notified or paid are left out with the reason."),
            OrderKind::HoldOff => view.say(
                "解除保电须由另一人审批；欠费的预付费表可能立即跳闸。",
                "Another person must approve; prepaid meters in arrears may trip at once."),
            OrderKind::ClosePermit => view.say(
                "立即下发，先于一切抄表，直到核实；用户须按电表按键合闸。",
                "It leaves at once, before all reading, until it is verified; the customer closes by pressing the key."),
            OrderKind::DirectClose => view.say(
                "电表直接合闸，现场可能有人触及线路：务必先确认安全。",
                "The relay closes with nobody standing by: make sure of safety first."),
            _ => "",
        };
        html! { @if !words.is_empty() { p.hint { (words) } }
            @if self.kind == OrderKind::ClosePermit {
                p { a href={ "/orders/new?kind=direct_close&points=" (super::super::table::escaped(&self.points)) } {
                    (view.say("改为直接合闸（须安全说明）", "Close directly instead (needs a safety note)"))
                } }
            }
        }
    }
}

fn refusal(view: &View, refused: &Refused) -> Markup {
    let language = view.look.language;
    html! {
        section.sheet.verdict data-tone="bad" role="alert" {
            p.answer { (state(Tone::Bad, view.say("没有提交", "Not handed in"))) }
            @match refused {
                Refused::Incomplete => p { (view.say("请把每一项填写完整。", "Fill in every field.")) },
                Refused::TooManyPoints(most) => p {
                    (view.say("一张表最多填写的计量点数：", "More points than one form takes, which are at most: ")) (most)
                    (view.say("。请分几次提交，未处理任何一个。", ". Hand them in apart; nothing was done for any of them."))
                },
                Refused::Text => p { (view.say("文字不得超过 500 个字符，且不含控制字符。",
                    "A text has at most 500 characters and no control characters.")) },
                Refused::NoSuchPoints(numbers) => p {
                    (view.say("没有这些计量点：", "There are no such points: ")) (inert(&numbers.join(", ")))
                },
                Refused::Objected(objected) => {
                    (objection_list(&objected.order, language))
                    @for point in &objected.points {
                        h3 { (inert(&point.number)) }
                        (objection_list(&point.objections, language))
                    }
                },
            }
        }
    }
}
