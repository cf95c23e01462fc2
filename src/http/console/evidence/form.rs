//! The forms by which evidence is entered.

use maud::{Markup, html};

use super::EvidencePage;
use crate::domain::Coded;
use crate::domain::access::{Action, Regions};
use crate::domain::supply::NoticeKind;
use crate::http::console::components::{field, token};
use crate::http::console::labels;
use crate::http::console::typed::as_field;
use crate::http::console::view::View;
use crate::http::console::words::Phrase;
use crate::http::lists::List;

impl EvidencePage {
    /// All forms, for whoever may enter something.
    pub(super) fn forms(&self, view: &View) -> Markup {
        if !view.may(Action::EnterEvidence) {
            return html! {};
        }
        html! {
            div.columns.no-print {
                (self.notice(view))
                (self.payment(view))
                (self.owed(view))
                (self.checked(view))
            }
            (self.list(view))
        }
    }

    fn point(&self, view: &View) -> Markup {
        let number = self.typed.some("point").or_else(|| self.asked.value("point")).unwrap_or_default();
        field(
            view.say("计量点编号", "Number of the point"),
            &html! {
                input name="point" required maxlength="100" autocomplete="off" value=(number);
            },
        )
    }

    fn input(&self, name: &str, title: &str) -> Markup {
        field(
            title,
            &html! {
                input name=(name) required maxlength="100" autocomplete="off" value=(self.typed.text(name));
            },
        )
    }

    fn amount(&self, view: &View) -> Markup {
        field(
            view.say("金额（元）", "Yuan"),
            &html! {
                input name="amount" required inputmode="decimal" pattern="[0-9]+([.][0-9]{1,2})?" autocomplete="off"
                    value=(self.typed.text("amount"));
            },
        )
    }

    fn when(&self, view: &View, name: &str, title: &str) -> Markup {
        field(
            title,
            &html! {
                input type="datetime-local" name=(name) required max=(as_field(view.now)) value=(self.typed.text(name));
            },
        )
    }

    fn notice(&self, view: &View) -> Markup {
        html! { form.sheet method="post" action="/evidence/notices" {
            h2 { (view.say("登记送达的通知", "A notice that was given")) }
            (token(view))
            (self.point(view))
            (field(view.say("通知", "Notice"), &html! {
                select name="kind" required { @for (kind, _, name) in NoticeKind::TABLE {
                    option value=(name) selected[self.typed.text("kind") == *name] {
                        (labels::notice(*kind).of(view.look.language))
                    }
                } }
            }))
            (self.when(view, "given_at", view.say("送达时间", "Reached the customer at")))
            (self.input("how", view.say("送达方式（当面、张贴、短信等）", "How (by hand, posted, by message)")))
            (self.input("given_by", view.say("送达人", "Given by")))
            button { (view.say("登记", "Enter")) }
        } }
    }

    fn payment(&self, view: &View) -> Markup {
        html! { form.sheet method="post" action="/evidence/payments" {
            h2 { (view.say("登记缴费", "A payment")) }
            (token(view))
            (self.point(view))
            (self.amount(view))
            (self.when(view, "paid_at", view.say("缴费时间", "Paid at")))
            (self.input("reference", view.say("缴费流水号", "Its number")))
            p.hint { (view.say("立即撤回该用户所有未下发的欠费停电。", "Every cut of this customer for arrears that was not sent is taken back at once.")) }
            button { (view.say("登记", "Enter")) }
        } }
    }

    fn owed(&self, view: &View) -> Markup {
        html! { form.sheet method="post" action="/evidence/arrears" {
            h2 { (view.say("登记欠费", "What a customer owes")) }
            (token(view))
            (self.point(view))
            (self.amount(view))
            (self.when(view, "since", view.say("欠费起始", "Since")))
            (self.when(view, "as_of", view.say("金额截至（此后缴费自动扣减）", "Holds for (later payments are taken off)")))
            button { (view.say("登记", "Enter")) }
        } }
    }

    fn checked(&self, view: &View) -> Markup {
        html! { form.sheet method="post" action="/evidence/identities" {
            h2 { (view.say("登记户表核对", "Which meter was found")) }
            (token(view))
            (self.point(view))
            (self.input("meter", view.say("现场电能表通信地址", "Address of the meter that is there")))
            (self.when(view, "verified_at", view.say("核对时间", "Looked at")))
            (self.input("verified_by", view.say("核对人", "Who looked")))
            (field(view.say("串户（表供的是别家）", "Crossed: it supplies another household"), &html! {
                select name="crossed" {
                    option value="no" { (view.say("否", "no")) }
                    option value="yes" selected[self.typed.text("crossed") == "yes"] { (view.say("是", "yes")) }
                }
            }))
            button { (view.say("登记", "Enter")) }
        } }
    }

    fn list(&self, view: &View) -> Markup {
        let sees_all = view.acting.as_ref().is_some_and(|acting| acting.regions == Regions::All);
        html! { details.sheet.no-print open[self.typed.some("list").is_some()] {
            summary { (view.say("成批录入（CSV 文本）", "Enter a list (CSV text)")) }
            form method="post" action="/evidence/load" {
                (token(view))
                (field(view.say("清单", "List"), &html! {
                    select name="which" { @for list in LISTS.iter().filter(|list| sees_all || !list.0.is_whole()) {
                        option value=(list.0.key()) selected[self.typed.text("which") == list.0.key()] {
                            (list.1.of(view.look.language))
                        }
                    } }
                }))
                ul { @for (_, name, columns) in LISTS { li { b { (name.of(view.look.language)) } " " (columns) } } }
                p.hint { (view.say("首行为列名，次序不限；整单收下，或有错时全不收。欠费清单是全量：不在单上的即不欠费。",
                    "The first line names the columns. A list is taken whole or not at all. The list of arrears is whole: whoever is not on it owes nothing.")) }
                (field(view.say("内容", "Text"), &html! {
                    textarea name="list" rows="8" cols="80" required spellcheck="false" { (self.typed.whole("list")) }
                }))
                button { (view.say("录入", "Enter")) }
            }
        } }
    }
}

/// What can be entered as a list, with its columns.
const LISTS: [(List, Phrase, &str); 4] = [
    (
        List::Notices,
        Phrase::new("通知送达记录", "Notices given"),
        "计量点编号 point_number, 通知类别 kind, 送达时间 given_at, 送达方式 how, 送达人 given_by",
    ),
    (
        List::Payments,
        Phrase::new("缴费流水", "Payments"),
        "户号 customer_number, 缴费流水号 reference, 缴费金额 amount, 缴费时间 paid_at",
    ),
    (
        List::Arrears,
        Phrase::new("欠费清单（全量）", "Arrears (whole)"),
        "户号 customer_number, 欠费起始日 since, 欠费金额 amount, 截至日期 as_of",
    ),
    (
        List::Identities,
        Phrase::new("户表核对记录", "Checks of meters"),
        "计量点编号 point_number, 通信地址 meter_address, 核对时间 verified_at, 核对人 verified_by, 串户 crossed",
    ),
];
