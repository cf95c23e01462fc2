//! Changes that need two persons (变更审批): exchanges of meters, other transformers, what becomes of suspect reads, what people
//! have read, what terminals are to hold of their meters.
//!
//! A proposal is never edited: whoever has made a mistake takes it back and makes another one (T17). It is confirmed with
//! the second factor of the second person, exactly as it is shown.

mod beside;
mod form;
mod reads;
pub(super) mod records;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use super::components::{Tone, facts, second_factor, state, time, token};
use super::handlers::{answer, answer_as, answer_of};
use super::sent::Sent;
use super::table::{Asked, Column, Table, escaped};
use super::view::View;
use super::words::{Language, Phrase, inert};
use crate::domain::access::Action;
use crate::domain::proposal::{Change, MayNot, Proposal, ProposalState};
use crate::domain::{Id, Moment};
use crate::http::auth::confirm_second_factor;
use crate::http::brought::LARGEST_FORM;
use crate::http::reads_import::compared;
use crate::http::routes::{Routes, Rule};
use crate::http::{Caller, Problem, Services};
use crate::store::terminal::ArchiveSetting;
use crate::store::view::ReviewLine;
use crate::store::{ProposalError, Verdict};

pub use beside::Beside;
pub use form::{ProposalForm, ProposalKind};
pub use reads::ComparedRead;

pub(super) fn routes() -> Routes {
    Routes::default()
        .page("/proposals", Action::SeeCustomers, list)
        .page("/proposals/new", PROPOSE, form::new)
        .form("/proposals", PROPOSE, form::propose)
        .taking(LARGEST_FORM)
        .page("/proposals/{id}", Action::SeeCustomers, show)
        .form("/proposals/{id}/confirm", CONFIRM, confirm)
        .form("/proposals/{id}/refuse", CONFIRM, refuse)
        .form("/proposals/{id}/withdraw", PROPOSE, withdraw)
}

/// What the page of all proposals is called.
pub const TITLE: Phrase = Phrase::new("变更审批", "Changes of two persons");

/// What the page of one is called.
pub const TITLE_OF_ONE: Phrase = Phrase::new("变更", "Change");

/// The proposals.
#[derive(Clone, Debug)]
pub struct ProposalsPage {
    /// The newest ones.
    pub proposals: Vec<Proposal>,
    /// What the address says.
    pub asked: Asked,
}

/// One proposal.
#[derive(Clone, Debug)]
pub struct ProposalPage {
    /// The proposal.
    pub proposal: Proposal,
    /// The suspect read it is about, while that waits.
    pub review: Option<ReviewLine>,
    /// How the reads it is about stand to what is known from their meters.
    pub compared: Vec<ComparedRead>,
    /// What is known of what it would change, while it waits.
    pub beside: Beside,
    /// What became of the records of a terminal, once they were confirmed.
    pub setting: Option<ArchiveSetting>,
    /// What the address says.
    pub asked: Asked,
}

async fn list(
    State(services): State<Services>,
    caller: Caller,
    view: View,
    asked: Asked,
) -> Result<Response, Problem> {
    let store = &services.store;
    let found = store.proposals(asked.value("state") == Some("open"), i64::MAX, NEWEST).await?;
    let proposals = store.proposals_within(found, &caller.acting.regions).await?;
    let page = ProposalsPage { proposals, asked };
    answer(&services, &view, TITLE, (page.markup(&view), page.file(&view))).await
}

async fn show(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
    view: View,
    asked: Asked,
) -> Result<Response, Problem> {
    let page = ProposalPage { asked, ..load(&services, &caller, id).await? };
    let number = id.to_string();
    answer_of(&services, &view, (TITLE_OF_ONE, &number), (page.markup(&view), page.file(&view))).await
}

async fn confirm(Path(id): Path<i64>, sent: Sent) -> Result<Response, Problem> {
    let Sent { services, caller, typed, .. } = &sent;
    let proposal = load(services, caller, id).await?.proposal;
    let done = async {
        // What cannot be confirmed uses no code up.
        let may = proposal.may_be_decided_by(&caller.acting, sent.now());
        may.map_err(ProposalError::MayNot)?;
        confirm_second_factor(services, &caller.acting, typed.text("code")).await?;
        decide(services, caller, proposal.id, Verdict::Confirm).await
    };
    let done = done.await;
    ended(sent, id, done).await
}

async fn refuse(Path(id): Path<i64>, sent: Sent) -> Result<Response, Problem> {
    decided(sent, id, Verdict::Refuse).await
}

async fn withdraw(Path(id): Path<i64>, sent: Sent) -> Result<Response, Problem> {
    decided(sent, id, Verdict::Withdraw).await
}

/// Decides what needs no code.
async fn decided(sent: Sent, id: i64, verdict: Verdict) -> Result<Response, Problem> {
    let proposal = load(&sent.services, &sent.caller, id).await?.proposal;
    let done = decide(&sent.services, &sent.caller, proposal.id, verdict).await;
    ended(sent, id, done).await
}

async fn decide(
    services: &Services,
    caller: &Caller,
    id: Id<Proposal>,
    verdict: Verdict,
) -> Result<(), Problem> {
    let (profiles, now) = (services.profiles(), services.clock.now());
    services.store.decide_proposal(id, verdict, &caller.acting, &profiles, now).await?;
    services.judge_cuts_again();
    Ok(())
}

/// The proposal as it stands then, with why it was not decided.
async fn ended(sent: Sent, id: i64, done: Result<(), Problem>) -> Result<Response, Problem> {
    let Err(problem) = done else { return Ok(Redirect::to(&format!("/proposals/{id}")).into_response()) };
    let (Sent { services, caller, view, .. }, status) = sent.refused(problem)?;
    let page = load(&services, &caller, id).await?;
    Ok(answer_as(status, &view, TITLE_OF_ONE, &page.markup(&view)))
}

async fn load(services: &Services, caller: &Caller, id: i64) -> Result<ProposalPage, Problem> {
    let (store, regions) = (&services.store, &caller.acting.regions);
    let found = store.proposal(Id::new(id)).await?.into_iter().collect();
    let within = store.proposals_within(found, regions).await?;
    let proposal = within.into_iter().next().ok_or_else(Problem::not_there)?;
    let review = match &proposal.change {
        Change::DecideReview(decision) => {
            let waiting = store.review_lines(regions, MOST_REVIEWS).await?;
            waiting.into_iter().find(|line| line.review.number() == decision.review)
        }
        _ => None,
    };
    let compared = match &proposal.change {
        Change::EnterReads(entered) => compared(services, entered).await?,
        _ => Vec::new(),
    };
    let beside = match proposal.state {
        ProposalState::Open => Beside::of(services, &proposal.change, regions).await?,
        _ => Beside::default(),
    };
    let setting = store.setting_of(proposal.id).await?;
    Ok(ProposalPage { proposal, review, compared, beside, setting, asked: Asked::default() })
}

impl ProposalsPage {
    /// The page without what is around it.
    #[must_use]
    pub fn markup(&self, view: &View) -> Markup {
        html! {
            p.no-print {
                @if view.may(Action::ProposeMeterChange) {
                    a.button href="/proposals/new?change=exchange_meter" { (view.say("提出换表", "Propose an exchange")) } " "
                    a.button href="/proposals/new?change=change_transformers" {
                        (view.say("提出倍率变更", "Propose other transformers"))
                    } " "
                }
                @if view.may(Action::ProposeReview) {
                    a.button href="/proposals/new?change=enter_reads" { (view.say("录入人工抄表", "Enter what people have read")) } " "
                }
                a href="/billing#reviews" { (view.say("待复核的示值", "Suspect reads")) } " · "
                @if self.asked.value("state") == Some("open") {
                    a href="/proposals" { (view.say("全部变更", "All changes")) }
                } @else {
                    a href="/proposals?state=open" { (view.say("只看待确认", "Only those that wait")) }
                }
            }
            (self.table(view).markup(view))
        }
    }

    /// The file of the list, when that is what was asked for.
    #[must_use]
    pub fn file(&self, view: &View) -> Option<String> {
        self.table(view).file(view.look.language)
    }

    fn table(&self, view: &View) -> Table<(Moment, Proposal)> {
        let rows = self.proposals.iter().map(|proposal| (view.now, proposal.clone())).collect();
        let empty = Phrase::new("没有变更", "No change");
        Table::new("", TITLE, empty, columns(), &self.asked).whole(rows, view.look.language)
    }
}

fn columns() -> Vec<Column<(Moment, Proposal)>> {
    type Row = (Moment, Proposal);
    vec![
        Column::new("id", "编号", "Number", |(_, proposal): &Row, _| proposal.id.to_string())
            .shown(|(_, proposal), _| html! { a href={ "/proposals/" (proposal.id) } { (proposal.id) } })
            .by(|(_, proposal)| proposal.id.number()),
        Column::new("change", "类型", "Kind", |(_, proposal): &Row, language| {
            name(&proposal.change).of(language).to_owned()
        }),
        Column::new("of", "对象", "Of what", |(_, proposal): &Row, _| of_what(&proposal.change)),
        Column::new("to", "内容", "To what", |(_, proposal): &Row, language| {
            to_what(&proposal.change, language)
        }),
        Column::new("state", "状态", "State", |(now, proposal): &Row, language| {
            stands(proposal, *now).1.of(language).to_owned()
        })
        .shown(|(now, proposal), view| {
            let (tone, words) = stands(proposal, *now);
            state(tone, words.of(view.look.language))
        }),
        Column::new("reason", "原因", "Why", |(_, proposal): &Row, _| proposal.reason.clone()),
        Column::new("by", "提出人", "Proposed by", |(_, proposal): &Row, _| proposal.proposed_as.clone()),
        Column::new("at", "提出时间", "Proposed at", |(_, proposal): &Row, _| {
            clock(proposal.proposed_at)
        }),
        Column::new("decided_by", "确认人", "Decided by", |(_, proposal): &Row, _| {
            proposal.decided_as.clone().unwrap_or_default()
        }),
        Column::new("decided_at", "处理时间", "Decided at", |(_, proposal): &Row, _| {
            proposal.decided_at.map(clock).unwrap_or_default()
        }),
    ]
}

impl ProposalPage {
    /// The page without what is around it.
    #[must_use]
    pub fn markup(&self, view: &View) -> Markup {
        let proposal = &self.proposal;
        let (tone, words) = stands(proposal, view.now);
        html! {
            section.sheet.verdict data-tone=(tone.key()) {
                p.answer { (name(&proposal.change).of(view.look.language)) " " (inert(&of_what(&proposal.change))) }
                p { (state(tone, words.of(view.look.language))) }
            }
            section.sheet {
                (self.change(view))
                (self.persons(view))
            }
            (self.decide(view))
            p.no-print { a href="/proposals" { "◀ " (TITLE.of(view.look.language)) } }
        }
    }

    /// The file of its list, when that is what was asked for.
    #[must_use]
    pub fn file(&self, view: &View) -> Option<String> {
        let language = view.look.language;
        match &self.proposal.change {
            Change::EnterReads(entered) => {
                reads::table(entered, &self.compared, (&self.asked, language)).file(language)
            }
            Change::SetTerminalArchive(archive) => {
                records::table(archive, self.setting.as_ref(), (&self.asked, language)).file(language)
            }
            _ => None,
        }
    }

    fn change(&self, view: &View) -> Markup {
        let link = |point: &str| html! { a href={ "/meters?q=" (escaped(point)) } { (inert(point)) } };
        match &self.proposal.change {
            Change::ExchangeMeter(exchange) => html! {
                (facts(&[
                    (view.say("计量点", "Point"), link(&exchange.point)),
                    (view.say("换表时间", "When"), time(Moment::from_micros(exchange.at))),
                    (view.say("拆除电能表", "Taken out"), html! { span.code { (inert(&exchange.removed)) } }),
                    (view.say("新装电能表", "Put in"), html! { span.code { (inert(&exchange.installed)) } }),
                    (view.say("新表资产编号", "Its asset number"),
                        html! { (inert(exchange.asset_number.as_deref().unwrap_or_default())) }),
                    (view.say("规约", "Protocol"), html! { (inert(&exchange.protocol)) }),
                    (view.say("表型", "Profile"), html! { (inert(exchange.profile.as_deref().unwrap_or_default())) }),
                ]))
                (beside::registers(view, exchange, &self.beside))
            },
            Change::ChangeTransformers(change) => html! {
                (facts(&[
                    (view.say("计量点", "Point"), link(&change.point)),
                    (view.say("生效时间", "From"), time(Moment::from_micros(change.from))),
                    ("CT", html! { (inert(&change.ct)) }),
                    ("PT", html! { (inert(&change.vt)) }),
                    (
                        view.say("新倍率", "Multiplier"),
                        html! { (to_what(&self.proposal.change, view.look.language)) },
                    ),
                ]))
                (beside::transformers(view, change, &self.beside))
            },
            Change::DecideReview(decision) => html! {
                p { (to_what(&self.proposal.change, view.look.language)) }
                @match &self.review {
                    None => p { (view.say("该复核已处理。", "This review is closed.")) },
                    Some(line) => (facts(&[
                        (view.say("通信地址", "Meter"), html! {
                            a.code href={ "/meters/" (line.address) "?part=registers" } { (line.address) } }),
                        (view.say("计量点", "Point"), html! { (inert(line.point.as_deref().unwrap_or_default())) }),
                        (view.say("项目", "Item"), html! { (view.say(&line.item.name_zh(), &line.item.name_en())) }),
                        (view.say("数据时间", "As of"), time(line.as_of)),
                        (view.say("可疑值", "Suspect value"), html! { (line.item.quantity(line.value)) }),
                        (view.say("当时有效值", "Value that counted"),
                            html! { @if let Some(value) = line.current { (line.item.quantity(value)) } }),
                        (view.say("疑点", "What is wrong"),
                            super::labels::quality_state(line.quality, view.look.language)),
                    ])),
                }
                p.hint { (view.say("复核编号 ", "Review ")) (decision.review) }
            },
            Change::EnterReads(entered) => reads::reads(view, entered, &self.compared, &self.asked),
            Change::SetTerminalArchive(archive) => {
                records::records(view, archive, self.setting.as_ref(), &self.asked)
            }
            Change::SettleOrder(settlement) => facts(&[
                (
                    view.say("工单", "Order"),
                    html! {
                    a href={ "/orders/" (settlement.order) } { (settlement.order) } },
                ),
                (view.say("计量点", "Point"), link(&settlement.point)),
                (
                    view.say("现场情况", "Found"),
                    html! { (to_what(&self.proposal.change, view.look.language)) },
                ),
                (view.say("核实时间", "When"), time(settlement.at())),
                (view.say("现场核实人", "Who was there"), html! { (inert(&settlement.seen_by)) }),
                (view.say("依据", "What shows it"), html! { (inert(&settlement.evidence)) }),
            ]),
        }
    }

    fn persons(&self, view: &View) -> Markup {
        let Proposal { reason, proposed_as, proposed_at, expires_at, decided_as, decided_at, .. } =
            &self.proposal;
        html! { (facts(&[
            (view.say("原因", "Why"), html! { (inert(reason)) }),
            (view.say("提出人", "Proposed by"), html! { (inert(proposed_as)) " " (time(*proposed_at)) }),
            (view.say("有效至", "May be confirmed until"), time(*expires_at)),
            (view.say("确认人", "Decided by"), html! {
                (inert(decided_as.as_deref().unwrap_or_default()))
                @if let Some(at) = decided_at { " " (time(*at)) }
            }),
        ])) }
    }

    /// What whoever looks may do about it, or why not.
    fn decide(&self, view: &View) -> Markup {
        let Some(acting) = &view.acting else { return html! {} };
        let id = self.proposal.id;
        let may_decide = self.proposal.may_be_decided_by(acting, view.now);
        html! {
            @match may_decide {
                Ok(()) => (self.confirm_form(view)),
                // What it says of the role is of no use to whoever only looks.
                Err(MayNot::SamePerson | MayNot::NewRole) if self.proposal.state == ProposalState::Open => {
                    @let text = may_decide.map_err(|why| why.to_string()).err().unwrap_or_default();
                    @let (en, zh) = text.split_once("  ").unwrap_or((&text, &text));
                    p { (state(Tone::Warn, view.say(zh, en))) }
                },
                Err(_) => {},
            }
            @if self.proposal.may_be_withdrawn_by(acting, view.now).is_ok() {
                form.no-print method="post" action={ "/proposals/" (id) "/withdraw" } {
                    (token(view))
                    button.quiet { (view.say("撤回", "Take it back")) }
                }
            }
        }
    }

    fn confirm_form(&self, view: &View) -> Markup {
        let id = self.proposal.id;
        html! {
            form.sheet.no-print method="post" action={ "/proposals/" (id) "/confirm" } {
                h2 { (view.say("确认", "Confirm")) }
                @if matches!(self.proposal.change, Change::SetTerminalArchive(_)) {
                    p { (view.say(
                        "确认后向终端下发上面所列记录并回读；下发前终端档案若已变则不下发。换了表的测量点在核对电能表前不采信。",
                        "The records above are sent to the terminal and read back. Nothing is sent if it holds something else \
                         by then. Points with another meter are not believed before that meter was asked.")) }
                } @else if matches!(self.proposal.change, Change::SettleOrder(_)) {
                    p { (view.say(
                        "确认后该计量点的工单办结，注明由现场核实得知，不作为电能表回读的证明；记入审计日志。",
                        "The order ends at this point, told as found by people on site and never as proven by the meter; it is \
                         entered in the audit log.")) }
                } @else {
                    p { (view.say(
                        "确认后立即按上面所列内容变更，并记入审计日志；结算随之重算。",
                        "What stands above is changed at once and entered in the audit log; settlements follow.")) }
                }
                (token(view))
                (second_factor(view))
                button { (view.say("确认变更", "Confirm")) }
            }
            form.no-print method="post" action={ "/proposals/" (id) "/refuse" } {
                (token(view))
                button.quiet { (view.say("不同意", "Refuse")) }
            }
        }
    }
}

/// What a kind of change is called.
const fn name(change: &Change) -> Phrase {
    match change {
        Change::ExchangeMeter(_) => Phrase::new("换表", "exchange of a meter"),
        Change::ChangeTransformers(_) => Phrase::new("倍率变更", "other transformers"),
        Change::DecideReview(_) => Phrase::new("示值复核", "decision on a suspect read"),
        Change::EnterReads(_) => Phrase::new("人工抄表", "what people have read"),
        Change::SetTerminalArchive(_) => Phrase::new("终端档案下发", "records of a terminal"),
        Change::SettleOrder(_) => Phrase::new("现场核实办结", "end of an order as found on site"),
    }
}

fn of_what(change: &Change) -> String {
    match change {
        Change::ExchangeMeter(exchange) => exchange.point.clone(),
        Change::ChangeTransformers(change) => change.point.clone(),
        Change::DecideReview(decision) => decision.review.to_string(),
        Change::EnterReads(entered) => reads::of_what(entered),
        Change::SetTerminalArchive(archive) => archive.terminal.clone(),
        Change::SettleOrder(settlement) => format!("{} {}", settlement.order, settlement.point),
    }
}

fn to_what(change: &Change, language: Language) -> String {
    match change {
        Change::ExchangeMeter(exchange) => format!("{} → {}", exchange.removed, exchange.installed),
        Change::ChangeTransformers(change) => {
            let multiplier = change.transformers().and_then(|transformers| transformers.multiplier().ok());
            let times = multiplier.map(|multiplier| format!(" × {multiplier}")).unwrap_or_default();
            format!("CT {} PT {}{times}", change.ct, change.vt)
        }
        Change::DecideReview(decision) if decision.accept => {
            language.of("采用该值", "the value counts").to_owned()
        }
        Change::DecideReview(_) => language.of("不采用该值", "the value does not count").to_owned(),
        Change::EnterReads(entered) => entered.file.clone(),
        Change::SetTerminalArchive(archive) => {
            let (added, changed, removed) = archive.counts();
            match language {
                Language::Chinese => format!("新增 {added}，修改 {changed}，删除 {removed}"),
                Language::English => format!("{added} added, {changed} changed, {removed} removed"),
            }
        }
        Change::SettleOrder(settlement) => {
            settlement.found().map_or("", |found| language.of(found.zh(), found.en())).to_owned()
        }
    }
}

fn stands(proposal: &Proposal, now: Moment) -> (Tone, Phrase) {
    match proposal.state {
        ProposalState::Open if now >= proposal.expires_at => (Tone::Quiet, Phrase::new("已过期", "expired")),
        ProposalState::Open => (Tone::Waiting, Phrase::new("待第二人确认", "waits for the second person")),
        // What became of it stands beside it.
        ProposalState::Confirmed if matches!(proposal.change, Change::SetTerminalArchive(_)) => {
            (Tone::Quiet, Phrase::new("已确认，结果见详情", "confirmed; see what became of it"))
        }
        ProposalState::Confirmed => (Tone::Good, Phrase::new("已确认并生效", "confirmed and made")),
        ProposalState::Refused => (Tone::Warn, Phrase::new("不同意", "refused")),
        ProposalState::Withdrawn => (Tone::Quiet, Phrase::new("已撤回", "taken back")),
    }
}

fn clock(at: Moment) -> String {
    at.in_china().to_string()
}

/// Proposals that are listed.
const NEWEST: u32 = 1000;
/// Suspect reads that are looked through.
const MOST_REVIEWS: u32 = 5000;

const PROPOSE: Rule = Rule::MayOneOf(&[Action::ProposeMeterChange, Action::ProposeReview]);
const CONFIRM: Rule = Rule::MayOneOf(&[Action::ConfirmMeterChange, Action::ConfirmReview]);

#[cfg(test)]
pub(crate) mod tests;
