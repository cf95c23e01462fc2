//! Signing in and out, and what an account has to set before anything else.

use axum::Form;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::components::{field, token};
use super::layout;
use super::looking::inside;
use super::view::{Told, View};
use super::words::Phrase;
use crate::config::Words;
use crate::http::api::accounts::accounts;
use crate::http::auth::{
    LoginError, ManageError, SigningIn, Totp, cookie_of, sign_in, sign_out, start_session,
};
use crate::http::routes::{Routes, Rule};
use crate::http::{Asked, Caller, Problem, Services, Source};
use crate::store::access::{AccountRecord, FactorSecret};

pub(super) fn routes() -> Routes {
    Routes::default()
        .page("/login", Rule::Everybody, form)
        .form("/login", Rule::Everybody, enter)
        .form("/logout", Rule::Unfinished, leave)
        .page("/welcome", Rule::Unfinished, welcome)
        .form("/welcome/password", Rule::Unfinished, first_password)
        .form("/welcome/factor", Rule::Unfinished, first_factor)
}

/// Where to go on.
#[derive(Deserialize)]
struct Next {
    #[serde(default)]
    next: String,
    /// What was sent when the session was over already: `form` or `stop`.
    #[serde(default)]
    lost: String,
}

/// What somebody types to sign in.
#[derive(Deserialize)]
struct Typed {
    name: String,
    password: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    next: String,
}

async fn form(view: View, caller: Option<Caller>, Asked(asked): Asked<Next>) -> Response {
    let next = inside(&asked.next);
    if caller.is_some() {
        return Redirect::to(next).into_response();
    }
    let view = View { told: lost(&asked.lost), ..view };
    Html(layout::page(&view, LOGIN, &login_form(&view, "", next)).into_string()).into_response()
}

/// That what was sent is not done, as the session was over.
fn lost(what: &str) -> Option<Told> {
    let words = match what {
        "stop" => Words::of(
            "NOTHING WAS STOPPED: the session was over; sign in and press STOP again",
            "没有急停！会话已结束，请登录后重新急停",
        ),
        "form" => Words::of(
            "the session was over: what was sent was not done; sign in and send it again",
            "会话已结束，刚才提交的内容没有执行，请登录后重新提交",
        ),
        _ => return None,
    };
    Some(Told::refused(words))
}

async fn enter(
    State(services): State<Services>,
    view: View,
    Source(source): Source,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    let Typed { name, password, code, next } = &typed;
    let next = inside(next);
    let given = SigningIn { name, password, code, source: &source };
    let (status, words) = match sign_in(&services, given).await {
        Ok(signed) => {
            let cookie = cookie_of(Some(&signed.secret), services.settings.behind_tls);
            return Ok(([(header::SET_COOKIE, cookie)], Redirect::to(next)).into_response());
        }
        Err(LoginError::Store(error)) => return Err(error.into()),
        Err(LoginError::NoRandomness(_)) => return Err(Problem::internal()),
        Err(LoginError::Wrong) => (
            StatusCode::UNPROCESSABLE_ENTITY,
            Words::of("name, password or code are wrong", "账号、密码或动态口令错误"),
        ),
        Err(LoginError::Expired) => (
            StatusCode::UNPROCESSABLE_ENTITY,
            Words::of(
                "this one-time password is not good any more: ask an administrator for a new one",
                "一次性密码已过期，请联系管理员重置密码",
            ),
        ),
        Err(LoginError::Locked(left)) => {
            let minutes = left.as_secs().div_ceil(60);
            let words = Words::new(
                format!("too many attempts: the next may be made in {minutes} min"),
                format!("尝试次数过多，请在 {minutes} 分钟后重试"),
            );
            (StatusCode::TOO_MANY_REQUESTS, words)
        }
    };
    let view = View { told: Some(Told::refused(words)), here: "/login".to_owned(), ..view };
    let page = layout::page(&view, LOGIN, &login_form(&view, name, next));
    Ok((status, Html(page.into_string())).into_response())
}

async fn leave(State(services): State<Services>, caller: Caller) -> Result<Response, Problem> {
    sign_out(&services, &caller).await?;
    let cookie = cookie_of(None, services.settings.behind_tls);
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/login")).into_response())
}

fn login_form(view: &View, name: &str, next: &str) -> Markup {
    html! {
        form.card method="post" action="/login" {
            input type="hidden" name="next" value=(next);
            (field(view.say("账号", "Name"), &html! {
                input name="name" value=(name) required maxlength="64" autocomplete="username" autofocus;
            }))
            (field(view.say("密码", "Password"), &html! {
                input type="password" name="password" required maxlength="128" autocomplete="current-password";
            }))
            (field(view.say("动态口令（审批人、管理员）", "Code (approvers and administrators)"), &html! {
                input name="code" inputmode="numeric" maxlength="6" autocomplete="one-time-code";
            }))
            button { (view.say("登录", "Sign in")) }
        }
    }
}

/// What an account still has to set, one thing after the other.
async fn welcome(view: View, caller: Caller) -> Result<Response, Problem> {
    if !caller.account.is_unfinished() {
        return Ok(Redirect::to("/").into_response());
    }
    let totp = Totp::draw().map_err(|_| Problem::internal())?;
    Ok(Html(layout::page(&view, WELCOME, &unfinished(&view, &caller.account, &totp)).into_string())
        .into_response())
}

fn unfinished(view: &View, account: &AccountRecord, totp: &Totp) -> Markup {
    if account.must_set_password {
        return html! {
            p { (view.say("请设置自己的密码，之后一次性密码作废。", "Set a password of your own; the one-time password ends with it.")) }
            form.card method="post" action="/welcome/password" {
                (token(view))
                (new_password(view))
                button { (view.say("设置密码", "Set password")) }
            }
        };
    }
    let secret = totp.secret().0;
    html! {
        p { (view.say(
            "本角色须使用双因素验证。请在手机验证器应用中手动输入以下密钥，再填写它显示的六位动态口令。",
            "This role needs a second factor. Type this key into an authenticator, then the six digits that it shows."))
        }
        p { code.secret { (grouped(&secret)) } }
        form.card method="post" action="/welcome/factor" {
            (token(view))
            input type="hidden" name="secret" value=(secret);
            (field(view.say("动态口令", "Code"), &html! {
                input name="code" required inputmode="numeric" maxlength="6" autocomplete="one-time-code";
            }))
            button { (view.say("启用", "Set up")) }
        }
    }
}

/// Two fields for a new password.
pub(super) fn new_password(view: &View) -> Markup {
    html! {
        (field(view.say("新密码（至少 10 个字符）", "New password (at least 10 characters)"), &html! {
            input type="password" name="password" required minlength="10" maxlength="128" autocomplete="new-password";
        }))
        (field(view.say("再输入一次", "Once more"), &html! {
            input type="password" name="again" required minlength="10" maxlength="128" autocomplete="new-password";
        }))
    }
}

/// A new password, twice.
#[derive(Deserialize)]
struct Twice {
    password: String,
    again: String,
}

/// A key and a code that shows that an authenticator has it.
#[derive(Deserialize)]
struct Factor {
    secret: String,
    code: String,
}

async fn first_password(
    State(services): State<Services>,
    view: View,
    caller: Caller,
    Form(twice): Form<Twice>,
) -> Result<Response, Problem> {
    if !caller.account.must_set_password {
        return Ok(Redirect::to("/welcome").into_response());
    }
    if twice.password != twice.again {
        return Ok(again(&view, &caller, different()));
    }
    match accounts(&services, &caller).set_password(&caller.account, &twice.password).await {
        Ok(account) => go_on(&services, &account, &caller).await,
        Err(error @ ManageError::Weak(_)) => Ok(again(&view, &caller, Problem::from(error).words)),
        Err(error) => Err(error.into()),
    }
}

async fn first_factor(
    State(services): State<Services>,
    view: View,
    caller: Caller,
    Form(factor): Form<Factor>,
) -> Result<Response, Problem> {
    let is_due = !caller.account.must_set_password && caller.account.factor.is_none();
    let is_whole = factor.secret.len() == SECRET_LETTERS;
    let totp = Totp::of(&FactorSecret(factor.secret)).filter(|_| is_due && is_whole);
    let Some(totp) = totp else { return Ok(Redirect::to("/welcome").into_response()) };
    match accounts(&services, &caller).set_factor(&caller.account, &totp, &factor.code).await {
        Ok(account) => go_on(&services, &account, &caller).await,
        Err(error @ ManageError::Code) => {
            let words = Problem::from(error).words;
            let view = View { told: Some(Told::refused(words)), here: "/welcome".to_owned(), ..view };
            let page = layout::page(&view, WELCOME, &unfinished(&view, &caller.account, &totp));
            Ok((StatusCode::UNPROCESSABLE_ENTITY, Html(page.into_string())).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

/// The first page again, with what was wrong.
fn again(view: &View, caller: &Caller, words: Words) -> Response {
    let Ok(totp) = Totp::draw() else { return Problem::internal().into_response() };
    let view = View { told: Some(Told::refused(words)), here: "/welcome".to_owned(), ..view.clone() };
    let page = layout::page(&view, WELCOME, &unfinished(&view, &caller.account, &totp));
    (StatusCode::UNPROCESSABLE_ENTITY, Html(page.into_string())).into_response()
}

pub(super) fn different() -> Words {
    Words::of("the two passwords differ", "两次输入的密码不一致")
}

/// A new session in the place of the one that the change has ended.
pub(super) async fn go_on(
    services: &Services,
    account: &AccountRecord,
    caller: &Caller,
) -> Result<Response, Problem> {
    let started = start_session(services, account, &caller.acting.source).await;
    let secret = started.map_err(|error| match error {
        LoginError::Store(error) => error.into(),
        _ => Problem::internal(),
    })?;
    let cookie = cookie_of(Some(&secret), services.settings.behind_tls);
    let next = if account.is_unfinished() { "/welcome" } else { "/" };
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(next)).into_response())
}

/// A key in groups of four, as it is typed.
fn grouped(secret: &str) -> String {
    let letters: Vec<char> = secret.chars().collect();
    letters.chunks(4).map(String::from_iter).collect::<Vec<_>>().join(" ")
}

const LOGIN: Phrase = Phrase::new("登录", "Sign in");
const WELCOME: Phrase = Phrase::new("完成账号设置", "Finish your account");
/// 160 bits in base32.
const SECRET_LETTERS: usize = 32;
