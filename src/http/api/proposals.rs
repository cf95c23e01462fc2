//! `/api/v1/proposals`: changes that one person proposes and another confirms (T17).
#![expect(unused_qualifications, reason = "what utoipa makes of parameters")]

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::accounts::ListMeta;
use super::changes::{ChangeShown, change_of, change_shown};
use super::terminal_records::{SettingShown, setting_shown};
use super::written::{LONGEST, some_words};
use crate::domain::access::Action;
use crate::domain::proposal::{MayNot, Proposal};
use crate::domain::{Coded, Id};
use crate::http::auth::confirm_second_factor;
use crate::http::once::Once;
use crate::http::routes::{Routes, Rule};
use crate::http::{Asked, Caller, Given, Problem, ProblemReason, Services};
use crate::store::{AuditRecord, DoesNotFit, ProposalError, Verdict};

pub(super) fn routes() -> Routes {
    Routes::default()
        .api::<__path_list, _, _>(Action::SeeCustomers, list)
        .api::<__path_propose, _, _>(PROPOSE, propose)
        .api::<__path_show, _, _>(Action::SeeCustomers, show)
        .api::<__path_confirm, _, _>(CONFIRM, confirm)
        .api::<__path_refuse, _, _>(CONFIRM, refuse)
        .api::<__path_withdraw, _, _>(PROPOSE, withdraw)
}

/// A proposed change and what became of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProposalShown {
    /// Its number.
    id: i64,
    change: ChangeShown,
    /// Why.
    reason: String,
    /// open, confirmed, refused or withdrawn.
    state: String,
    /// The account that proposed it.
    proposed_by: String,
    /// When, RFC 3339.
    proposed_at: String,
    /// Until when it may be confirmed, RFC 3339.
    expires_at: String,
    /// The account that decided.
    decided_by: Option<String>,
    /// When, RFC 3339.
    decided_at: Option<String>,
}

/// Proposals, the newest first.
#[derive(Debug, Serialize, ToSchema)]
struct ProposalsAnswer {
    proposals: Vec<ProposalShown>,
    meta: ListMeta,
}

/// One proposal.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProposalAnswer {
    proposal: ProposalShown,
    /// What became of the records of a terminal, once they were confirmed.
    setting: Option<SettingShown>,
}

/// A change to be proposed.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ProposalBody {
    change: ChangeShown,
    /// Why.
    reason: String,
}

/// The second factor of whoever decides.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FactorBody {
    /// The six digits that the second factor shows now; each counts once.
    pub(super) code: String,
}

/// Which proposals.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct ProposalsAsked {
    /// Only those that wait for the second person.
    #[serde(default)]
    open: bool,
    /// Where to go on: `next_cursor` of the answer before.
    cursor: Option<i64>,
    /// How many at most, 1 to 500; those of other regions are left out.
    limit: Option<u32>,
}

/// Proposed changes, the newest first
#[utoipa::path(get, path = "/api/v1/proposals", tag = "proposals",
    params(ProposalsAsked), responses((status = 200, body = ProposalsAnswer)))]
async fn list(
    State(services): State<Services>,
    caller: Caller,
    Asked(asked): Asked<ProposalsAsked>,
) -> Result<Json<ProposalsAnswer>, Problem> {
    let limit = asked.limit.unwrap_or(100).clamp(1, 500);
    let before = asked.cursor.unwrap_or(i64::MAX);
    let found = services.store.proposals(asked.open, before, limit).await?;
    let is_full = u32::try_from(found.len()).unwrap_or(u32::MAX) >= limit;
    let next_cursor = found.last().filter(|_| is_full).map(|proposal| proposal.id.to_string());
    let within = services.store.proposals_within(found, &caller.acting.regions).await?;
    let proposals: Vec<_> = within.into_iter().map(shown).collect();
    let meta = ListMeta { count: proposals.len(), next_cursor };
    Ok(Json(ProposalsAnswer { proposals, meta }))
}

/// Propose a change
///
/// An exchange of a meter, other transformers, what becomes of a suspect read, what people have read, or records of a
/// terminal. Another person has to confirm it.
#[utoipa::path(post, path = "/api/v1/proposals", tag = "proposals",
    request_body = ProposalBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "the same request with the same key is done once")),
    responses((status = 201, body = ProposalAnswer)))]
async fn propose(
    State(services): State<Services>,
    caller: Caller,
    headers: HeaderMap,
    Given(body): Given<ProposalBody>,
) -> Result<Response, Problem> {
    let text = format!("proposal {}", serde_json::to_string(&body).unwrap_or_default());
    let work = async |caller: Caller| {
        let change = change_of(&body.change)?;
        if !caller.may(change.proposing()) {
            return Err(Problem::not_allowed());
        }
        let reason = some_words(&body.reason, LONGEST)?;
        let id = services.store.propose(&change, reason, &caller.acting, services.clock.now()).await?;
        Ok((StatusCode::CREATED, answered(&services, find(&services, &caller, id).await?).await?))
    };
    let again = async |entry: AuditRecord| {
        let proposal = find(&services, &caller, number_in(&entry, "proposal ")?).await?;
        Ok((StatusCode::CREATED, answered(&services, proposal).await?))
    };
    Once { services: &services, caller: &caller, headers: &headers }.answer(&text, work, again).await
}

/// The number of what an entry tells of.
pub(super) fn number_in<T>(entry: &AuditRecord, what: &str) -> Result<Id<T>, Problem> {
    let number = entry.object.strip_prefix(what).and_then(|number| number.parse().ok());
    number.map(Id::new).ok_or_else(Problem::internal)
}

/// One proposed change
#[utoipa::path(get, path = "/api/v1/proposals/{id}", tag = "proposals",
    params(("id" = i64, Path)), responses((status = 200, body = ProposalAnswer)))]
async fn show(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Json<ProposalAnswer>, Problem> {
    Ok(Json(answered(&services, find(&services, &caller, Id::new(id)).await?).await?))
}

/// Confirm a change as another person than proposed it: it is made
#[utoipa::path(post, path = "/api/v1/proposals/{id}/confirm", tag = "proposals",
    request_body = FactorBody, params(("id" = i64, Path),
        ("Idempotency-Key" = Option<String>, Header, description = "the same request with the same key is done once; its code is not part of it")),
    responses((status = 200, body = ProposalAnswer)))]
async fn confirm(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
    headers: HeaderMap,
    Given(body): Given<FactorBody>,
) -> Result<Response, Problem> {
    let work = async |by: Caller| {
        let proposal = find(&services, &caller, Id::new(id)).await?;
        if !caller.may(proposal.change.confirming()) {
            return Err(Problem::not_allowed());
        }
        // What cannot be confirmed uses no code up.
        let now = services.clock.now();
        proposal.may_be_decided_by(&caller.acting, now).map_err(ProposalError::MayNot)?;
        confirm_second_factor(&services, &caller.acting, &body.code).await?;
        Ok((StatusCode::OK, decide(&services, &by, proposal.id, Verdict::Confirm).await?.0))
    };
    let again = async |_: AuditRecord| {
        let proposal = find(&services, &caller, Id::new(id)).await?;
        Ok((StatusCode::OK, answered(&services, proposal).await?))
    };
    let once = Once { services: &services, caller: &caller, headers: &headers };
    once.answer(&format!("confirm proposal {id}"), work, again).await
}

/// Refuse a change as another person than proposed it
#[utoipa::path(post, path = "/api/v1/proposals/{id}/refuse", tag = "proposals",
    params(("id" = i64, Path)), responses((status = 200, body = ProposalAnswer)))]
async fn refuse(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Json<ProposalAnswer>, Problem> {
    let proposal = find(&services, &caller, Id::new(id)).await?;
    if !caller.may(proposal.change.confirming()) {
        return Err(Problem::not_allowed());
    }
    decide(&services, &caller, proposal.id, Verdict::Refuse).await
}

/// Take back what one has proposed
#[utoipa::path(post, path = "/api/v1/proposals/{id}/withdraw", tag = "proposals",
    params(("id" = i64, Path)), responses((status = 200, body = ProposalAnswer)))]
async fn withdraw(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Json<ProposalAnswer>, Problem> {
    let proposal = find(&services, &caller, Id::new(id)).await?;
    if !caller.may(proposal.change.proposing()) {
        return Err(Problem::not_allowed());
    }
    decide(&services, &caller, proposal.id, Verdict::Withdraw).await
}

async fn decide(
    services: &Services,
    caller: &Caller,
    id: Id<Proposal>,
    verdict: Verdict,
) -> Result<Json<ProposalAnswer>, Problem> {
    let (profiles, now) = (services.profiles(), services.clock.now());
    services.store.decide_proposal(id, verdict, &caller.acting, &profiles, now).await?;
    services.judge_cuts_again();
    Ok(Json(answered(services, find(services, caller, id).await?).await?))
}

/// A proposal that whoever asks may see.
pub(super) async fn find(
    services: &Services,
    caller: &Caller,
    id: Id<Proposal>,
) -> Result<Proposal, Problem> {
    let found = services.store.proposal(id).await?.into_iter().collect();
    let within = services.store.proposals_within(found, &caller.acting.regions).await?;
    within.into_iter().next().ok_or_else(Problem::not_there)
}

/// A proposal with what became of it.
pub(super) async fn answered(services: &Services, proposal: Proposal) -> Result<ProposalAnswer, Problem> {
    let setting = services.store.setting_of(proposal.id).await?.as_ref().map(setting_shown);
    Ok(ProposalAnswer { proposal: shown(proposal), setting })
}

pub(crate) fn shown(proposal: Proposal) -> ProposalShown {
    ProposalShown {
        id: proposal.id.number(),
        change: change_shown(&proposal.change),
        reason: proposal.reason,
        state: proposal.state.name().to_owned(),
        proposed_by: proposal.proposed_as,
        proposed_at: proposal.proposed_at.to_string(),
        expires_at: proposal.expires_at.to_string(),
        decided_by: proposal.decided_as,
        decided_at: proposal.decided_at.map(|at| at.to_string()),
    }
}

impl From<ProposalError> for Problem {
    fn from(error: ProposalError) -> Self {
        let code = error.kind();
        match error {
            ProposalError::Faults(faults) => {
                let reasons = faults.iter().map(|fault| {
                    let (detail, detail_zh) = both(&fault.to_string());
                    ProblemReason { code: fault.kind().to_owned(), of: None, detail, detail_zh }
                });
                let en = "the change cannot be; the reasons are listed";
                Self::unacceptable(code, en, "变更内容有误，原因见列表").because(reasons.collect())
            }
            ProposalError::MayNot(why) => {
                let (en, zh) = both(&why.to_string());
                match why {
                    MayNot::Role => Self::not_allowed(),
                    MayNot::SamePerson | MayNot::NotTheirs | MayNot::NewRole => {
                        Self::new(StatusCode::FORBIDDEN, code, &en, &zh)
                    }
                    MayNot::Decided | MayNot::Expired => Self::new(StatusCode::CONFLICT, code, &en, &zh),
                }
            }
            ProposalError::NotThere => Self::not_there(),
            ProposalError::DoesNotFit(what) => {
                let (en, zh) = match what {
                    DoesNotFit::Removed => (
                        "the meter taken out does not measure the point then",
                        "拆除的电能表当时不在该计量点",
                    ),
                    DoesNotFit::Installed => {
                        ("the meter put in measures another point", "新装的电能表已装在其他计量点")
                    }
                    DoesNotFit::Profile => (
                        "there is no register map of that name in the profiles of the configuration",
                        "配置的表型中没有该名称的寄存器表",
                    ),
                    DoesNotFit::Unit => (
                        "another Modbus meter of the line has that unit number, the last three digits of the address",
                        "同一线路上已有相同单元号（地址末三位）的 Modbus 表",
                    ),
                    DoesNotFit::BehindTerminal => (
                        "the meter taken out is read through a terminal; Modbus meters are read on lines only",
                        "拆除的电能表经采集终端抄读；Modbus 表只能接在线路上",
                    ),
                    DoesNotFit::Review => ("the review is closed", "该复核已处理"),
                    DoesNotFit::Read => {
                        ("a meter that was read was not there then", "有抄表记录的电能表当时不在该计量点")
                    }
                    DoesNotFit::TerminalArchive => (
                        "a record names another meter at its point than our archive, or takes one of ours away",
                        "档案记录与主站档案不符：该测量点的表不同，或将删除主站在用的表",
                    ),
                    DoesNotFit::NotUnknown => (
                        "what became of the order at the point is not unknown: there is nothing to settle",
                        "该计量点的执行结果并非未知，无需现场核实办结",
                    ),
                    DoesNotFit::FoundTooEarly => (
                        "it was found while the order might yet be obeyed: somebody has to look after that",
                        "核实时间早于命令可能执行的时间，须在其后再次到现场核实",
                    ),
                    DoesNotFit::StillThere => (
                        "by the archive the meter still measures the point: enter its exchange first",
                        "档案中该电能表仍在该计量点，请先办理换表",
                    ),
                    DoesNotFit::StillDark => (
                        "supply was ordered back and found to be away: give it back first",
                        "该工单为复电而现场仍断开，请先恢复供电",
                    ),
                    DoesNotFit::SettingOpen => (
                        "records that were confirmed before wait for the terminal, or what became of them is unknown",
                        "该终端此前确认的档案下发尚未结束或结果未知",
                    ),
                };
                Self::new(StatusCode::CONFLICT, code, en, zh)
            }
            ProposalError::Store(error) => error.into(),
        }
    }
}

/// A sentence in English and in Chinese, of a text that has both.
fn both(text: &str) -> (String, String) {
    let (en, zh) = text.split_once("  ").unwrap_or((text, text));
    (en.to_owned(), zh.to_owned())
}

const PROPOSE: Rule = Rule::MayOneOf(&[Action::ProposeMeterChange, Action::ProposeReview]);
const CONFIRM: Rule = Rule::MayOneOf(&[Action::ConfirmMeterChange, Action::ConfirmReview]);
