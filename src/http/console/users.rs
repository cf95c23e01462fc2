//! Persons and their accounts (用户管理), and roles that wait for an approver.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use maud::{Markup, html};

use super::components::{Tone, field, second_factor, state, token};
use super::handlers::answer;
use super::layout;
use super::sent::Sent;
use super::table::{Asked, Column, Table};
use super::typed::Typed;
use super::view::{Told, View};
use super::words::{Language, Phrase, inert};
use crate::domain::Coded;
use crate::domain::Id;
use crate::domain::access::{Action, Regions, Role};
use crate::http::api::accounts::{accounts, managing, may_confirm_role, receivers_of, regions_of, role_of};
use crate::http::auth::{Accounts, Decision, OneTimeLogin, Wanted};
use crate::http::routes::Routes;
use crate::http::{Caller, Problem, Services};
use crate::store::access::AccountRecord;

pub(super) fn routes() -> Routes {
    Routes::default()
        .page("/users", Action::ManageAccounts, page)
        .form("/users", Action::ManageAccounts, add)
        .form("/users/{id}/enable", Action::ManageAccounts, enable)
        .form("/users/{id}/disable", Action::ManageAccounts, disable)
        .form("/users/{id}/reset", Action::ManageAccounts, reset)
        .form("/users/{id}/unlock", Action::ManageAccounts, unlock)
        .form("/users/{id}/role", Action::ManageAccounts, set_role)
        .form("/users/{id}/areas", Action::ManageAccounts, set_areas)
        .form("/users/{id}/receivers", Action::ManageAccounts, set_receivers)
        .page("/roles", Action::ConfirmLimits, proposed)
        .form("/roles/{id}/confirm", Action::ConfirmLimits, confirm)
        .form("/roles/{id}/refuse", Action::ConfirmLimits, refuse)
}

/// What the page shows.
struct UsersPage {
    accounts: Vec<Line>,
    /// A login that was made just now, shown this once.
    made: Option<OneTimeLogin>,
    /// What the address says.
    asked: Asked,
}

/// An account with the names of the transformer areas it is bound to.
type Line = (AccountRecord, Vec<String>);

async fn page(State(services): State<Services>, view: View, asked: Asked) -> Result<Response, Problem> {
    let page = UsersPage { accounts: listed(&services).await?, made: None, asked };
    answer(&services, &view, TITLE, (page.markup(&view), page.table(&view).file(view.look.language))).await
}

/// Accounts with the names of the transformer areas they are bound to.
async fn listed(services: &Services) -> Result<Vec<Line>, Problem> {
    let mut listed = Vec::new();
    for account in services.store.accounts().await? {
        let areas = services.store.area_names(account.id).await?;
        listed.push((account, areas));
    }
    Ok(listed)
}

async fn add(sent: Sent) -> Result<Response, Problem> {
    let made = made(&sent).await;
    let text = |name: &'static str| (name, sent.typed.text(name).to_owned());
    let kept = match made {
        Ok(_) => Vec::new(),
        Err(_) => {
            vec![text("person"), text("name"), text("role"), ("areas", sent.typed.whole("areas").to_owned())]
        }
    };
    let view = View { kept, ..sent.view };
    told(Sent { view, ..sent }, made.map(Some)).await
}

/// Makes the account that was written.
async fn made(Sent { services, caller, typed, .. }: &Sent) -> Result<OneTimeLogin, Problem> {
    let regions = typed_areas(services, typed.whole("areas")).await?;
    let role = role_of(typed.text("role"))?;
    let receivers = receivers_of(services, role, &lines(typed.whole("receivers"))).await?;
    let wanted = Wanted { person: typed.text("person"), name: typed.text("name"), role, regions: &regions };
    let accounts = managing(services, caller, typed.text("code")).await?;
    let made = accounts.add(&wanted).await?;
    if !receivers.is_empty() {
        accounts.set_receivers(made.account.id, None, &receivers).await?;
    }
    Ok(made.login)
}

async fn enable(Path(id): Path<i64>, sent: Sent) -> Result<Response, Problem> {
    let done = async { sent.managing().await?.enable(Id::new(id), true).await.map_err(Problem::from) };
    let done = done.await.map(|_| None);
    told(sent, done).await
}

async fn disable(Path(id): Path<i64>, sent: Sent) -> Result<Response, Problem> {
    let done = async { sent.managing().await?.enable(Id::new(id), false).await.map_err(Problem::from) };
    let done = done.await.inspect(|_| sent.services.judge_cuts_again()).map(|_| None);
    told(sent, done).await
}

async fn reset(Path(id): Path<i64>, sent: Sent) -> Result<Response, Problem> {
    let done = async { sent.managing().await?.reset(Id::new(id)).await.map_err(Problem::from) };
    let done = done.await.map(|made| Some(made.login));
    told(sent, done).await
}

async fn unlock(Path(id): Path<i64>, sent: Sent) -> Result<Response, Problem> {
    let done = async { sent.managing().await?.unlock(Id::new(id)).await.map_err(Problem::from) };
    let done = done.await.map(|()| None);
    told(sent, done).await
}

async fn set_role(Path(id): Path<i64>, sent: Sent) -> Result<Response, Problem> {
    let done = async {
        let role = role_of(sent.typed.text("role"))?;
        sent.managing().await?.set_role(Id::new(id), None, role).await.map_err(Problem::from)
    };
    let done = done.await.inspect(|_| sent.services.judge_cuts_again()).map(|_| None);
    told(sent, done).await
}

async fn set_areas(Path(id): Path<i64>, sent: Sent) -> Result<Response, Problem> {
    let done = async {
        let regions = typed_areas(&sent.services, sent.typed.whole("areas")).await?;
        sent.managing().await?.set_regions(Id::new(id), None, &regions).await.map_err(Problem::from)
    };
    let done = done.await.map(|_| None);
    told(sent, done).await
}

async fn set_receivers(Path(id): Path<i64>, sent: Sent) -> Result<Response, Problem> {
    let done = async {
        let account = sent.services.store.account(Id::new(id)).await?.ok_or_else(Problem::not_there)?;
        let written = lines(sent.typed.whole("receivers"));
        let receivers = receivers_of(&sent.services, account.role, &written).await?;
        sent.managing().await?.set_receivers(Id::new(id), None, &receivers).await.map_err(Problem::from)
    };
    let done = done.await.map(|_| None);
    told(sent, done).await
}

impl Sent {
    /// Accounts as whoever sent it may manage them, once the second factor is shown.
    async fn managing(&self) -> Result<Accounts<'_>, Problem> {
        managing(&self.services, &self.caller, self.typed.text("code")).await
    }
}

async fn proposed(State(services): State<Services>, view: View) -> Result<Response, Problem> {
    let mut waiting = listed(&services).await?;
    waiting.retain(|(account, _)| account.proposed.is_some());
    let content = proposals(&view, &waiting);
    Ok(Html(layout::page(&view, ROLES, &content).into_string()).into_response())
}

async fn confirm(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
    typed: Typed,
) -> Result<Redirect, Problem> {
    let seen = typed.text("seen").parse().map_err(|_| Problem::stale())?;
    may_confirm_role(&services, &caller, Id::new(id), seen).await?;
    let decision = Decision::Confirm { seen };
    let accounts = managing(&services, &caller, typed.text("code")).await?;
    accounts.decide_role(Id::new(id), caller.acting.person, decision).await?;
    services.judge_cuts_again();
    Ok(Redirect::to("/roles"))
}

async fn refuse(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Redirect, Problem> {
    accounts(&services, &caller).decide_role(Id::new(id), caller.acting.person, Decision::Refuse).await?;
    Ok(Redirect::to("/roles"))
}

/// Names of transformer areas, one a line; all areas where there is none.
async fn typed_areas(services: &Services, typed: &str) -> Result<Regions, Problem> {
    let names = lines(typed);
    regions_of(services, (!names.is_empty()).then_some(names.as_slice())).await
}

/// What is typed one a line.
fn lines(typed: &str) -> Vec<String> {
    typed.lines().map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// The page again, or with what is shown once, or with what was wrong.
async fn told(sent: Sent, done: Result<Option<OneTimeLogin>, Problem>) -> Result<Response, Problem> {
    let Sent { services, view, .. } = sent;
    match done {
        Ok(None) => Ok(Redirect::to("/users").into_response()),
        Ok(made) => draw(&services, view, made, StatusCode::OK).await,
        Err(problem) if problem.status.is_client_error() => {
            let view = View { told: Some(Told::refused(problem.words)), ..view };
            draw(&services, view, None, problem.status).await
        }
        Err(problem) => Err(problem),
    }
}

async fn draw(
    services: &Services,
    view: View,
    made: Option<OneTimeLogin>,
    status: StatusCode,
) -> Result<Response, Problem> {
    let view = View { here: "/users".to_owned(), ..view };
    let accounts = listed(services).await?;
    let content = UsersPage { accounts, made, asked: Asked::default() }.markup(&view);
    Ok((status, Html(layout::page(&view, TITLE, &content).into_string())).into_response())
}

impl UsersPage {
    fn table(&self, view: &View) -> Table<Line> {
        let columns = vec![
            Column::new("name", "账号", "Account", |(account, _): &Line, _| account.name.clone()),
            Column::new("person", "人员", "Person", |(account, _): &Line, _| account.person_name.clone()),
            Column::new("role", "角色", "Role", |(account, _): &Line, language| {
                let own = role_name(language, account.role);
                match account.proposed {
                    Some((role, _)) => format!("{own} → {}", role_name(language, role)),
                    None => own.to_owned(),
                }
            })
            .shown(|(account, _), view| {
                html! {
                    (role_name(view.look.language, account.role))
                    @if let Some((role, _)) = account.proposed {
                        " → " (state(Tone::Waiting, role_name(view.look.language, role)))
                    }
                }
            }),
            Column::new("since", "角色起始", "Role since", |(account, _): &Line, _| {
                account.role_since.in_china().to_string()
            })
            .by(|(account, _)| account.role_since.micros()),
            Column::new("areas", "台区", "Areas", where_it_is),
            Column::new("receivers", "接收方", "Receivers", |(account, _): &Line, language| match account
                .sees_receivers()
            {
                Some([]) => language.of("未绑定", "none yet").to_owned(),
                Some(receivers) => receivers.join(language.of("、", ", ")),
                None => String::new(),
            }),
            Column::new("state", "状态", "State", |(account, _): &Line, language| {
                standing(account).1.of(language).to_owned()
            })
            .shown(|(account, _), view| {
                let (tone, words) = match account.is_enabled && account.one_time_is_over(view.now) {
                    true => (Tone::Warn, OVER),
                    false => standing(account),
                };
                state(tone, words.of(view.look.language))
            }),
            Column::new("change", "操作", "Change", |_: &Line, _| String::new())
                .shown(|(account, areas), view| {
                    let person = view.acting.as_ref().map(|acting| acting.person);
                    html! { @if person != Some(account.person) { (changes(view, account, areas)) } }
                })
                .unsorted(),
        ];
        let empty = Phrase::new("没有账号", "No account");
        Table::new("", TITLE, empty, columns, &self.asked).whole(self.accounts.clone(), view.look.language)
    }

    fn markup(&self, view: &View) -> Markup {
        html! {
            @if let Some(login) = &self.made {
                p.told role="status" data-tone="good" {
                    (view.say("一次性密码，只显示这一次：", "A one-time password, shown this once: "))
                    code.secret { (login.name) " " (login.password) }
                    " " (view.say("有效期至 ", "good until ")) (view.time(login.until))
                }
            }
            (self.table(view).markup(view))
            h2 { (view.say("新建账号", "New account")) }
            form.card method="post" action="/users" {
                (token(view))
                (field(view.say("人员姓名（同名即同一人）", "Person (the same name is the same person)"), &html! {
                    input name="person" value=(view.kept("person")) required maxlength="64" autocomplete="off";
                }))
                (field(view.say("账号", "Name to sign in with"), &html! {
                    input name="name" value=(view.kept("name")) required minlength="2" maxlength="32" autocomplete="off";
                }))
                (field(view.say("角色", "Role"), &roles(view, Role::from_name(view.kept("role")).unwrap_or(Role::Viewer))))
                (field(view.say("台区，每行一个；留空为全部", "Transformer areas, one a line; all where empty"), &html! {
                    textarea name="areas" rows="2" { (view.kept("areas")) }
                }))
                (field(view.say("接收方，每行一个（仅营销系统账号）", "Receivers, one a line (billing service only)"), &html! {
                    textarea name="receivers" rows="2" {}
                }))
                (second_factor(view))
                button { (view.say("新建", "Make")) }
                p.hint { (view.say(
                    "审批人和管理员的新角色、重置均须由另一名审批人确认，确认前账号不能启用；新角色 24 小时内不能审批。",
                    "An approver confirms who becomes approver or administrator, and such an account that was reset; it stays disabled until then. A new role approves nothing for 24 hours."))
                }
            }
        }
    }
}

/// Where an account sees and acts.
fn where_it_is((account, areas): &Line, language: Language) -> String {
    if account.regions == Regions::All { language.of("全部", "all").to_owned() } else { areas.join("、") }
}

const fn standing(account: &AccountRecord) -> (Tone, Phrase) {
    if !account.is_confirmed && account.proposed.is_some() {
        (Tone::Waiting, Phrase::new("待审批人确认", "waits for an approver"))
    } else if !account.is_confirmed {
        (Tone::Quiet, Phrase::new("角色被驳回，请另选角色", "its role was refused: choose another"))
    } else if !account.is_enabled {
        (Tone::Quiet, Phrase::new("已停用", "disabled"))
    } else if account.is_unfinished() {
        (Tone::Waiting, Phrase::new("待本人完成设置", "to be finished by its owner"))
    } else {
        (Tone::Good, Phrase::new("可用", "enabled"))
    }
}

fn changes(view: &View, account: &AccountRecord, areas: &[String]) -> Markup {
    let to = |what: &str| format!("/users/{}/{what}", account.id);
    let proven = |what: &str, zh: &'static str, en: &'static str| {
        html! { form method="post" action=(to(what)) {
            (token(view)) (second_factor(view)) button.quiet { (view.say(zh, en)) }
        } }
    };
    html! {
        details {
            summary { (view.say("修改", "Change")) }
            @if account.is_enabled { (proven("disable", "停用", "Disable")) }
            (proven("unlock", "解除登录锁定", "Unlock"))
            @if !account.is_enabled && account.is_confirmed { (proven("enable", "启用", "Enable")) }
            (proven("reset", "重置密码和双因素", "Reset password and second factor"))
            form method="post" action=(to("role")) {
                (token(view))
                (roles(view, account.role))
                (second_factor(view))
                button.quiet { (view.say("更改角色", "Change role")) }
            }
            form method="post" action=(to("areas")) {
                (token(view))
                textarea name="areas" rows="2" aria-label=(view.say("台区", "Areas")) { (areas.join("\n")) }
                (second_factor(view))
                button.quiet { (view.say("更改台区", "Change areas")) }
            }
            @if let Some(receivers) = account.sees_receivers() {
                form method="post" action=(to("receivers")) {
                    (token(view))
                    textarea name="receivers" rows="2" aria-label=(view.say("接收方", "Receivers")) {
                        (receivers.join("\n"))
                    }
                    (second_factor(view))
                    button.quiet { (view.say("更改接收方", "Change receivers")) }
                }
            }
        }
    }
}

fn proposals(view: &View, waiting: &[Line]) -> Markup {
    let name = |role: Role| role_name(view.look.language, role);
    html! {
        @if waiting.is_empty() { p { (view.say("没有待确认的角色。", "No role waits to be confirmed.")) } }
        @for (account, areas) in waiting {
            @if let Some((role, _)) = account.proposed {
                section.card {
                    h2 { (inert(&account.person_name)) " (" (inert(&account.name)) ")" }
                    @if account.is_confirmed { p { (name(account.role)) " → " strong { (name(role)) } } }
                    @else { p { strong { (name(role)) } " " (view.say("（新账号或已重置）", "(new, or reset)")) } }
                    p { (view.say("台区：", "Areas: "))
                        (inert(&where_it_is(&(account.clone(), areas.clone()), view.look.language))) }
                    form method="post" action={ "/roles/" (account.id) "/confirm" } {
                        (token(view))
                        input type="hidden" name="seen" value=(account.version);
                        (second_factor(view))
                        button { (view.say("确认", "Confirm")) }
                    }
                    form method="post" action={ "/roles/" (account.id) "/refuse" } {
                        (token(view))
                        button.quiet { (view.say("驳回", "Refuse")) }
                    }
                }
            }
        }
    }
}

fn roles(view: &View, chosen: Role) -> Markup {
    html! {
        select name="role" aria-label=(view.say("角色", "Role")) {
            @for (role, _, key) in Role::TABLE {
                option value=(key) selected[*role == chosen] { (role_name(view.look.language, *role)) }
            }
        }
    }
}

/// What a role is called.
pub(super) const fn role_name(language: Language, role: Role) -> &'static str {
    match role {
        Role::Viewer => language.of("查看员", "viewer"),
        Role::Operator => language.of("值班员", "operator"),
        Role::Approver => language.of("审批人", "approver"),
        Role::Admin => language.of("管理员", "administrator"),
        Role::Auditor => language.of("审计员", "auditor"),
        Role::Billing => language.of("营销系统", "billing service"),
    }
}

const OVER: Phrase = Phrase::new("一次性密码已过期，请重置", "its one-time password is over: reset it");
const TITLE: Phrase = Phrase::new("用户管理", "Users");
const ROLES: Phrase = Phrase::new("待确认的角色", "Roles to confirm");
