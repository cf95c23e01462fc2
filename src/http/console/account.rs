//! One's own account: its password, and the tokens of one's programs.

use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::components::{Tone, field, state, token};
use super::handlers::answer;
use super::layout;
use super::login::{different, go_on, new_password};
use super::rights;
use super::table::{Asked, Column, Table};
use super::typed::Typed;
use super::view::{Told, View};
use super::words::Phrase;
use crate::config::Words;
use crate::domain::access::Action;
use crate::http::api::accounts::accounts;
use crate::http::api::tokens::{NewTokenAsked, make, take_back};
use crate::http::auth::{ManageError, confirm_password};
use crate::http::routes::{Routes, Rule};
use crate::http::{Caller, Problem, Services};
use crate::store::access::TokenRecord;

pub(super) fn routes() -> Routes {
    Routes::default()
        .page("/account", Rule::SignedIn, page)
        .form("/account/password", Rule::SignedIn, change_password)
        .form("/account/tokens", Rule::SignedIn, add_token)
        .form("/account/tokens/{id}/end", Rule::SignedIn, end_token)
}

/// What the page shows.
struct AccountPage {
    caller: Caller,
    tokens: Vec<TokenRecord>,
    /// A token that was made just now, shown this once.
    made: Option<String>,
    /// What the address says.
    asked: Asked,
}

/// Another password.
#[derive(Deserialize)]
struct NewPassword {
    current: String,
    password: String,
    again: String,
}

async fn page(
    State(services): State<Services>,
    view: View,
    caller: Caller,
    asked: Asked,
) -> Result<Response, Problem> {
    let page = AccountPage { asked, ..load(&services, caller).await? };
    let file = page.table(&view).file(view.look.language);
    answer(&services, &view, TITLE, (page.markup(&view), file)).await
}

async fn load(services: &Services, caller: Caller) -> Result<AccountPage, Problem> {
    let tokens = services.store.tokens(caller.acting.account).await?;
    Ok(AccountPage { caller, tokens, made: None, asked: Asked::default() })
}

async fn change_password(
    State(services): State<Services>,
    view: View,
    caller: Caller,
    Form(given): Form<NewPassword>,
) -> Result<Response, Problem> {
    let told = |words| View { told: Some(Told::refused(words)), ..view.clone() };
    let refused = StatusCode::UNPROCESSABLE_ENTITY;
    if given.password != given.again {
        return draw(&services, told(different()), caller, None, refused).await;
    }
    if !confirm_password(&services, &caller, &given.current).await? {
        let words = Words::of("the present password is wrong", "当前密码错误");
        return draw(&services, told(words), caller, None, refused).await;
    }
    match accounts(&services, &caller).set_password(&caller.account, &given.password).await {
        Ok(account) => go_on(&services, &account, &caller).await,
        Err(error @ ManageError::Weak(_)) => {
            draw(&services, told(Problem::from(error).words), caller, None, refused).await
        }
        Err(error) => Err(error.into()),
    }
}

async fn add_token(
    State(services): State<Services>,
    view: View,
    caller: Caller,
    typed: Typed,
) -> Result<Response, Problem> {
    let Typed(Asked(fields)) = &typed;
    let ticked = fields.iter().filter(|(name, _)| name == "scope").map(|(_, scope)| scope.clone());
    let scopes: Vec<String> = ticked.collect();
    let days = typed.text("days").parse().unwrap_or(0);
    if !caller.has_session() {
        return Err(Problem::not_allowed());
    }
    let (name, password) = (typed.text("name"), typed.whole("current"));
    let asked = NewTokenAsked { name, scopes: &scopes, days, password };
    match make(&services, &caller, asked).await {
        Ok((_, secret)) => draw(&services, view, caller, Some(secret), StatusCode::OK).await,
        Err(problem) if problem.status.is_client_error() => {
            let told = Some(Told::refused(problem.words));
            let text = |name: &str| typed.text(name).to_owned();
            let kept = vec![("name", text("name")), ("scope", scopes.join(" ")), ("days", text("days"))];
            draw(&services, View { told, kept, ..view }, caller, None, problem.status).await
        }
        Err(problem) => Err(problem),
    }
}

async fn end_token(
    State(services): State<Services>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Redirect, Problem> {
    take_back(&services, &caller, id).await?;
    Ok(Redirect::to("/account"))
}

async fn draw(
    services: &Services,
    view: View,
    caller: Caller,
    made: Option<String>,
    status: StatusCode,
) -> Result<Response, Problem> {
    let view = View { here: "/account".to_owned(), ..view };
    let content = AccountPage { made, ..load(services, caller).await? }.markup(&view);
    Ok((status, Html(layout::page(&view, TITLE, &content).into_string())).into_response())
}

impl AccountPage {
    fn markup(&self, view: &View) -> Markup {
        html! {
            h2 { (view.say("修改密码", "Change password")) }
            form.card method="post" action="/account/password" {
                (token(view))
                (field(view.say("当前密码", "Present password"), &html! {
                    input type="password" name="current" required maxlength="128" autocomplete="current-password";
                }))
                (new_password(view))
                button { (view.say("修改", "Change")) }
                p.hint { (view.say(
                    "其他会话和全部接口令牌随之失效，接入的程序须换用新令牌。",
                    "All other sessions and all tokens end with it: programs need new ones."))
                }
            }
            @let days = view.kept("days");
            h2 { (view.say("接口令牌", "Tokens of programs")) }
            @if let Some(secret) = &self.made {
                p.told role="status" data-tone="good" {
                    (view.say("令牌只显示这一次：", "Shown this once: ")) code.secret { (secret) }
                }
            }
            (self.table(view).markup(view))
            form.card method="post" action="/account/tokens" {
                (token(view))
                (field(view.say("名称", "Name"), &html! { input name="name" value=(view.kept("name")) required maxlength="64"; }))
                fieldset.ticks {
                    legend { (view.say("权限（只勾选程序需要的）", "Rights (tick only what the program needs)")) }
                    @let ticked = view.kept("scope");
                    @for action in self.rights() {
                        label { input type="checkbox" name="scope" value=(action.name())
                            checked[ticked.split(' ').any(|scope| scope == action.name())]; " "
                            (rights::name(action).of(view.look.language)) }
                    }
                }
                (field(view.say("有效天数", "Days"), &html! {
                    input type="number" name="days" required min="1" max="366" value=(if days.is_empty() { "90" } else { days });
                }))
                (field(view.say("当前密码", "Present password"), &html! {
                    input type="password" name="current" required maxlength="128" autocomplete="current-password";
                }))
                button { (view.say("生成令牌", "Make a token")) }
            }
        }
    }

    fn rights(&self) -> impl Iterator<Item = Action> {
        Action::all().filter(|action| self.caller.may(*action))
    }

    fn table(&self, view: &View) -> Table<(TokenRecord, bool)> {
        type Line = (TokenRecord, bool);
        let columns = vec![
            Column::new("name", "名称", "Name", |(each, _): &Line, _| each.name.clone()),
            Column::new("scopes", "权限", "Rights", |(each, _): &Line, language| {
                rights::names(&each.scopes, language)
            })
            .wide(),
            Column::new("codes", "权限代码", "Codes of the rights", |(each, _): &Line, _| {
                each.scopes.iter().map(|action| action.name()).collect::<Vec<_>>().join(" ")
            })
            .in_file(),
            Column::new("until", "到期", "Until", |(each, _): &Line, _| {
                each.expires_at.in_china().to_string()
            })
            .by(|(each, _)| each.expires_at.micros()),
            Column::new("state", "状态", "State", |(_, holds): &Line, language| {
                if *holds { language.of("有效", "good") } else { language.of("已失效", "ended") }.to_owned()
            })
            .shown(|(_, holds), view| match holds {
                true => state(Tone::Good, view.say("有效", "good")),
                false => state(Tone::Quiet, view.say("已失效", "ended")),
            }),
            Column::new("end", "收回", "Take back", |_: &Line, _| String::new())
                .shown(|(each, holds), view| {
                    html! { @if *holds {
                        form method="post" action={ "/account/tokens/" (each.id) "/end" } {
                            (token(view))
                            button.quiet { (view.say("收回", "Take back")) }
                        }
                    } }
                })
                .unsorted(),
        ];
        let lines = self.tokens.iter().map(|each| (each.clone(), each.holds(view.now))).collect();
        let (caption, empty) =
            (Phrase::new("接口令牌", "Tokens of programs"), Phrase::new("没有令牌。", "There is none."));
        Table::new("", caption, empty, columns, &self.asked).whole(lines, view.look.language)
    }
}

const TITLE: Phrase = Phrase::new("我的账号", "My account");
