//! What the rules of cuts go by (停电依据): notices given, arrears, payments and checks of meters, of one point, and the
//! forms by which a station enters them.
//!
//! A payment takes back, at once, every cut of its customer for arrears that was not sent yet.

mod entered;
mod form;

use axum::extract::State;
use axum::response::Response;
use dlt645::quantity::Quantity;
use maud::{Markup, html};

use super::components::{Tone, facts, field, state, time};
use super::handlers::answer;
use super::labels;
use super::table::{Asked, Column, Table, escaped};
use super::typed::Typed;
use super::view::View;
use super::words::{Phrase, inert};
use crate::domain::Moment;
use crate::domain::access::Action;
use crate::domain::supply::OrderKind;
use crate::http::api::evidence::{found, points};
use crate::http::lists::LARGE;
use crate::http::orderable::Orderable;
use crate::http::routes::{Routes, Rule};
use crate::http::{Caller, Problem, Services};
use crate::store::supply::{NoticeKept, PaymentRecord, PointEvidence};

pub(super) fn routes() -> Routes {
    Routes::default()
        .page("/evidence", Action::SeeCustomers, page)
        .form("/evidence/notices", ENTER, entered::notices)
        .form("/evidence/identities", ENTER, entered::identities)
        .form("/evidence/arrears", ENTER, entered::arrears)
        .form("/evidence/payments", ENTER, entered::payments)
        .form("/evidence/load", ENTER, entered::load)
        .taking(LARGE)
}

/// What the page is called.
pub const TITLE: Phrase = Phrase::new("停电依据", "Evidence for cuts");

/// What the page shows.
#[derive(Clone, Debug)]
pub struct EvidencePage {
    /// The point that is looked at, and whether it can be ordered from here.
    pub point: Option<(PointEvidence, Orderable)>,
    /// What was typed into a form that was not taken.
    pub typed: Typed,
    /// What the address says.
    pub asked: Asked,
}

async fn page(
    State(services): State<Services>,
    caller: Caller,
    view: View,
    asked: Asked,
) -> Result<Response, Problem> {
    let number = asked.value("point").map(|number| number.trim().to_owned());
    let mut page = read(&services, &caller, &view, number.as_deref(), Typed::default()).await?;
    page.asked = asked;
    answer(&services, &view, TITLE, (page.markup(&view), page.file(&view))).await
}

/// The page of a point, or of none.
async fn read(
    services: &Services,
    caller: &Caller,
    view: &View,
    number: Option<&str>,
    typed: Typed,
) -> Result<EvidencePage, Problem> {
    let asked = Asked(number.map(|number| ("point".to_owned(), number.to_owned())).into_iter().collect());
    let mut page = EvidencePage { point: None, typed, asked };
    if let Some(number) = number {
        let known = services.store.numbered_points(&[number], &caller.acting.regions).await?;
        if let Some(known) = known.get(number) {
            let evidence = services.store.evidence_of(known.point, view.now).await?;
            let orderable = Orderable::of(services, known.point, OrderKind::Cut).await?;
            page.point = evidence.map(|evidence| (evidence, orderable));
        }
    }
    Ok(page)
}

impl EvidencePage {
    /// The page without what is around it.
    #[must_use]
    pub fn markup(&self, view: &View) -> Markup {
        html! {
            p.no-print {
                a href="/orders" { "◀ " (view.say("停复电工单", "Supply orders")) } " · "
                a href="/overdue" { (view.say("欠费清单", "Overdue list")) } " · "
                a href="/protections" { (view.say("保护名单", "Protected points")) }
            }
            (self.pick(view))
            @match (&self.point, self.asked.value("point")) {
                (Some((evidence, orderable)), _) => {
                    (sheet(view, evidence, orderable))
                    (self.notices(view, evidence).markup(view))
                    (self.payments(view, evidence).markup(view))
                },
                (None, Some(number)) => p { (state(Tone::Warn, view.say("没有这个计量点：", "There is no such point: "))) " " (inert(number)) },
                (None, None) => p { (view.say("选择一个计量点查看，或直接录入。", "Choose a point, or enter something.")) },
            }
            (self.forms(view))
        }
    }

    /// The file of one of its tables, when that is what was asked for.
    #[must_use]
    pub fn file(&self, view: &View) -> Option<String> {
        let (evidence, _) = self.point.as_ref()?;
        let language = view.look.language;
        self.notices(view, evidence).file(language).or_else(|| self.payments(view, evidence).file(language))
    }

    fn pick(&self, view: &View) -> Markup {
        html! { form.pick.no-print method="get" {
            (field(view.say("计量点编号", "Number of the point"), &html! {
                input name="point" required maxlength="100" value=(self.asked.value("point").unwrap_or_default());
            }))
            button { (view.say("查看", "Show")) }
        } }
    }

    fn notices(&self, view: &View, evidence: &PointEvidence) -> Table<NoticeKept> {
        let columns = vec![
            Column::new("kind", "通知", "Notice", |notice: &NoticeKept, language| {
                labels::notice(notice.kind).of(language).to_owned()
            }),
            Column::new("given", "送达时间", "Reached at", |notice: &NoticeKept, _| {
                clock(notice.given_at)
            }),
            Column::new("how", "送达方式", "How", |notice: &NoticeKept, _| notice.how.clone()),
            Column::new("by", "送达人", "Given by", |notice: &NoticeKept, _| notice.given_by.clone()),
            Column::new("entered", "录入", "Entered", |notice: &NoticeKept, _| entered_by(&notice.entered)),
        ];
        let empty = Phrase::new("没有送达过通知", "No notice was given");
        Table::new("notices", Phrase::new("通知送达记录", "Notices given"), empty, columns, &self.asked)
            .whole(evidence.notices.clone(), view.look.language)
    }

    fn payments(&self, view: &View, evidence: &PointEvidence) -> Table<PaymentRecord> {
        let columns = vec![
            Column::new("reference", "缴费流水号", "Number", |paid: &PaymentRecord, _| {
                paid.reference.clone()
            }),
            Column::new("amount", "金额（元）", "Yuan", |paid: &PaymentRecord, _| yuan(paid.amount_fen))
                .number()
                .by(|paid| paid.amount_fen),
            Column::new("paid", "缴费时间", "Paid at", |paid: &PaymentRecord, _| clock(paid.paid_at)),
            Column::new("entered", "录入", "Entered", |paid: &PaymentRecord, _| entered_by(&paid.entered)),
        ];
        let empty = Phrase::new("没有缴费记录", "Nothing was paid");
        Table::new("payments", Phrase::new("缴费记录", "Payments"), empty, columns, &self.asked)
            .whole(evidence.payments.clone(), view.look.language)
    }
}

/// What is known of a point, in short.
fn sheet(view: &View, evidence: &PointEvidence, orderable: &Orderable) -> Markup {
    let language = view.look.language;
    let none = || html! { (view.say("无", "none")) };
    let warn = |words: &str| state(Tone::Warn, words);
    let protections = evidence.protections.iter().map(|kind| labels::protection(*kind).of(language));
    let protections = protections.collect::<Vec<_>>().join(language.of("、", ", "));
    html! { section.sheet {
        h2 { (inert(&evidence.number)) }
        (facts(&[
            (view.say("用户", "Customer"), html! { (inert(&evidence.customer.0)) " " (inert(&evidence.customer.1)) }),
            (view.say("电能表", "Meter"), match &evidence.meter {
                Some(address) => html! { a.code href={ "/meters/" (address) } { (address) } },
                None => none(),
            }),
            (view.say("远程停复电", "From here"), orderable_state(view, orderable)),
            (view.say("保护", "Protected"), if protections.is_empty() { none() } else { warn(&protections) }),
            (view.say("欠费", "Owes"), arrears(view, evidence)),
            (view.say("户表核对", "Meter checked"), identity(view, evidence)),
            (view.say("最近抄到", "Last read"), evidence.last_read.map_or_else(none, time)),
            (view.say("停电通知须提前", "Notice ahead by"), html! {
                (super::components::lasting(language, evidence.terms.notice_least.as_secs())) " – "
                (super::components::lasting(language, evidence.terms.notice_most.as_secs()))
            }),
        ]))
        p.no-print {
            @if view.may(Action::RequestCut) && evidence.protections.is_empty() && *orderable == Orderable::Yes {
                a href={ "/orders/new?kind=cut&reason=arrears&points=" (escaped(&evidence.number)) } {
                    (view.say("申请停电", "Ask for a cut"))
                }
            }
        }
    } }
}

/// Whether a meter can be cut and restored from here.
#[must_use]
pub fn orderable_state(view: &View, orderable: &Orderable) -> Markup {
    match orderable.why() {
        None => state(Tone::Good, view.say("可以", "possible")),
        Some(why) => html! {
            (state(Tone::Warn, view.say("不能", "not possible"))) " " (inert(view.look.language.words(&why)))
        },
    }
}

fn arrears(view: &View, evidence: &PointEvidence) -> Markup {
    let Some(owed) = &evidence.arrears else { return html! { (view.say("无", "nothing")) } };
    html! {
        b { (yuan(owed.left_fen)) } " " (view.say("元", "yuan"))
        @if owed.left_fen != owed.amount_fen { " (" (view.say("清单 ", "listed ")) (yuan(owed.amount_fen)) ")" }
        " " (view.say("自 ", "since ")) (time(owed.since))
        " " small { (view.say("截至 ", "as of ")) (time(owed.as_of)) " " (inert(&owed.entered.1)) }
    }
}

fn identity(view: &View, evidence: &PointEvidence) -> Markup {
    let Some(checked) = &evidence.identity else {
        return state(Tone::Warn, view.say("从未核对", "never checked"));
    };
    html! {
        (time(checked.verified_at)) " " (inert(&checked.verified_by)) " " span.code { (inert(&checked.meter)) } " "
        @if checked.is_crossed { (state(Tone::Bad, view.say("串户", "crossed wiring"))) }
        @if !checked.is_current { (state(Tone::Warn, view.say("不是现在的表", "not the meter of now"))) }
    }
}

fn entered_by((at, by): &(Moment, String)) -> String {
    format!("{} {by}", clock(*at))
}

fn yuan(fen: i64) -> String {
    Quantity::new(fen, 2).to_string()
}

fn clock(at: Moment) -> String {
    at.in_china().to_string()
}

/// The point with this number, within what this account may see.
async fn point_of(
    services: &Services,
    caller: &Caller,
    number: &str,
) -> Result<crate::store::NumberedPoint, Problem> {
    let known = points(services, caller, &[number]).await?;
    found(&known, number).cloned()
}

/// The billing service has no pages; it says what was paid by the API.
const ENTER: Rule = Rule::May(Action::EnterEvidence);

#[cfg(test)]
pub(crate) mod tests;
