//! Sessions: new at each sign-in, ended by time, by signing out, and by whatever changes the account. (T11)

use std::time::Duration;

use axum::http::{Method, StatusCode};
use chaobiao::config::Http;
use chaobiao::domain::AuditEntry;
use chaobiao::domain::access::{Regions, Role};
use chaobiao::http::auth::{SigningIn, confirm_second_factor, first_login, sign_in};
use chaobiao::store::access::AccountChange;

use crate::rig::{PASSWORD, Rig, Somebody, morning};

async fn counts(rig: &Rig, who: &Somebody) -> bool {
    let answer = rig.get("/api/v1/session", Some(who)).await;
    assert!([StatusCode::OK, StatusCode::UNAUTHORIZED].contains(&answer.status), "{answer:?}");
    answer.status == StatusCode::OK
}

#[tokio::test]
async fn t11_a_session_ends_when_idle_and_after_a_day_of_work_in_any_case() {
    let rig = Rig::new().await;
    let idle = rig.signed_in("idle", Role::Operator).await;
    let busy = rig.signed_in("busy", Role::Operator).await;
    let minute = Duration::from_secs(60);
    for passed in 1..=(8 * 60) {
        assert_eq!(counts(&rig, &busy).await, passed <= 480, "after {} min", passed - 1);
        rig.clock.advance(minute);
    }
    assert!(!counts(&rig, &busy).await, "after 8 h");
    assert!(!counts(&rig, &idle).await);
    let again = rig.sign_in(idle).await;
    rig.clock.advance(minute * 14);
    assert!(counts(&rig, &again).await);
    rig.clock.advance(minute * 15);
    assert!(!counts(&rig, &again).await);
}

#[tokio::test]
async fn f33_a_clock_that_is_set_back_prolongs_no_session() {
    let rig = Rig::new().await;
    let who = rig.signed_in("li", Role::Operator).await;
    rig.clock.set(morning().minus(Duration::from_secs(30)));
    assert!(counts(&rig, &who).await, "a correction");
    rig.clock.set(morning().minus(Duration::from_secs(3600)));
    assert!(!counts(&rig, &who).await, "a step");
}

#[tokio::test]
async fn t11_signing_out_and_every_change_of_the_account_end_its_sessions() {
    let rig = Rig::new().await;
    let hash = rig.somebody("model", Role::Viewer, Regions::All).await.account.password;
    let changes = [
        AccountChange::Enable(false),
        AccountChange::SetPassword(&hash),
        AccountChange::Reset { password: &hash, by: None },
        AccountChange::SetRole(Role::Viewer),
        AccountChange::SetRegions(&Regions::All),
    ];
    for (number, change) in changes.iter().enumerate() {
        let who = rig.signed_in(&format!("user{number}"), Role::Operator).await;
        assert!(counts(&rig, &who).await);
        let entry = AuditEntry::of_system(morning(), "account.change", "account");
        rig.services.store.change_account(who.account.id, None, change, &entry).await.unwrap();
        assert!(!counts(&rig, &who).await, "{change:?}");
    }
    let who = rig.signed_in("last", Role::Operator).await;
    let left = rig.form("/logout", Some(&who), &[]).await;
    assert_eq!(left.status, StatusCode::SEE_OTHER, "{left:?}");
    assert!(left.header("set-cookie").contains("Max-Age=0"));
    assert!(!counts(&rig, &who).await);
    assert_eq!(rig.audited().await["login.ended"], 1);
}

#[tokio::test]
async fn t11_an_account_has_three_sessions_and_the_oldest_gives_way() {
    let rig = Rig::new().await;
    let account = rig.somebody("li", Role::Operator, Regions::All).await;
    let mut all = Vec::new();
    for _ in 0..5 {
        rig.clock.advance(Duration::from_secs(1));
        all.push(rig.sign_in(account.clone()).await);
    }
    let mut left = Vec::new();
    for who in &all {
        left.push(counts(&rig, who).await);
    }
    assert_eq!(left, [false, false, true, true, true]);
}

#[tokio::test]
async fn t11_the_cookie_is_new_at_each_login_and_careful() {
    let rig = Rig::with(Http { behind_tls: true, ..Http::default() }).await;
    let who = rig.somebody("li", Role::Operator, Regions::All).await;
    let planted = Somebody { cookie: format!("chaobiao_session={}", "a".repeat(64)), ..who };
    let fields = [("name", "LI "), ("password", PASSWORD), ("code", ""), ("next", "/")];
    let mut cookies = Vec::new();
    for _ in 0..2 {
        let answer = rig.form("/login", Some(&planted), &fields).await;
        assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/"), "{answer:?}");
        let cookie = answer.header("set-cookie").to_owned();
        for part in ["HttpOnly", "SameSite=Strict", "Secure", "Path=/"] {
            assert!(cookie.contains(part), "{cookie}");
        }
        assert!(!cookie.contains(&"a".repeat(64)), "a cookie that somebody planted is not taken over");
        cookies.push(cookie);
    }
    assert_ne!(cookies[0], cookies[1]);
    assert!(!counts(&rig, &planted).await);
    let kept = rig.services.store.login_session(cookies[0].split(['=', ';']).nth(1).unwrap()).await.unwrap();
    assert!(kept.is_none(), "only hashes are kept");
}

#[tokio::test]
async fn t10_the_first_login_is_made_once_and_must_be_finished() {
    let rig = Rig::new().await;
    let (store, clock) = (&rig.services.store, &rig.services.clock);
    let login = first_login(store, clock).await.unwrap().unwrap();
    assert_eq!(first_login(store, clock).await.unwrap(), None);
    assert!(!format!("{login:?}").contains(&login.password));
    let given = SigningIn { name: &login.name, password: &login.password, code: "", source: "here" };
    let signed = sign_in(&rig.services, given).await.unwrap();
    let who = rig.somebody("x", Role::Viewer, Regions::All).await;
    let who =
        Somebody { cookie: format!("chaobiao_session={}", signed.secret), account: signed.account, ..who };
    let refused = rig.get("/api/v1/accounts", Some(&who)).await;
    assert_eq!((refused.status, refused.code().as_str()), (StatusCode::FORBIDDEN, "login_unfinished"));
    let led = rig.get("/users", Some(&who)).await;
    assert_eq!((led.status, led.header("location")), (StatusCode::SEE_OTHER, "/welcome"));
    let page = rig.get("/welcome", Some(&who)).await;
    assert_eq!(page.status, StatusCode::OK, "{page:?}");
}

#[tokio::test]
async fn t11_a_code_of_the_second_factor_counts_once() {
    let rig = Rig::new().await;
    let who = rig.somebody("wang", Role::Approver, Regions::All).await;
    let code = |rig: &Rig| who.totp.code_at(rig.services.clock.now());
    let with = async |code: &str| {
        let given = SigningIn { name: "wang", password: PASSWORD, code, source: "here" };
        sign_in(&rig.services, given).await.is_ok()
    };
    assert!(!with("").await && !with("000000").await);
    assert!(with(&code(&rig)).await);
    assert!(!with(&code(&rig)).await, "the same code again");
    let acting = who.account.acting("here");
    confirm_second_factor(&rig.services, &acting, &code(&rig)).await.unwrap_err();
    rig.clock.advance(Duration::from_secs(30));
    confirm_second_factor(&rig.services, &acting, &code(&rig)).await.unwrap();
    confirm_second_factor(&rig.services, &acting, &code(&rig)).await.unwrap_err();
    rig.clock.advance(Duration::from_secs(30));
    let at_once: Vec<_> = futures_util::future::join_all(
        (0..8).map(|_| confirm_second_factor(&rig.services, &acting, Box::leak(code(&rig).into_boxed_str()))),
    )
    .await;
    assert!(at_once.iter().filter(|done| done.is_ok()).count() <= 1, "{at_once:?}");
}

#[tokio::test]
async fn t11_a_token_has_its_scopes_its_day_and_no_more_than_its_account() {
    let rig = Rig::new().await;
    let who = rig.signed_in("li", Role::Operator).await;
    let make = |body: &str| {
        let body = body.to_owned();
        let (rig, who) = (&rig, &who);
        async move { rig.json(Method::POST, "/api/v1/tokens", Some(who), &body).await }
    };
    for (body, code) in [
        (r#"{"name":"n","scopes":["approve_cut"],"days":1,"password":"tree lamp river 9"}"#, "token_scopes"),
        (r#"{"name":"n","scopes":["nothing"],"days":1,"password":"tree lamp river 9"}"#, "token_scopes"),
        (r#"{"name":"n","scopes":[],"days":1,"password":"tree lamp river 9"}"#, "token_scopes"),
        (r#"{"name":"n","scopes":["see_status"],"days":0,"password":"tree lamp river 9"}"#, "token_days"),
        (r#"{"name":" ","scopes":["see_status"],"days":1,"password":"tree lamp river 9"}"#, "token_name"),
    ] {
        assert_eq!(make(body).await.code(), code, "{body}");
    }
    let made =
        make(r#"{"name":"robot","scopes":["see_status"],"days":1,"password":"tree lamp river 9"}"#).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let secret = made.json()["token_secret"].as_str().unwrap().to_owned();
    let id = made.json()["token"]["id"].as_i64().unwrap();
    assert_eq!(
        make(r#"{"name":"robot","scopes":["see_status"],"days":1,"password":"tree lamp river 9"}"#)
            .await
            .code(),
        "name_taken"
    );
    let ask = async |method: Method, path: &str| {
        let request = axum::http::Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {secret}"))
            .header("content-type", "application/json");
        let body = r#"{"name":"more","scopes":["see_status"],"days":1,"password":"tree lamp river 9"}"#;
        rig.send(request.body(axum::body::Body::from(body)).unwrap()).await.status
    };
    assert_eq!(ask(Method::GET, "/api/v1/health").await, StatusCode::OK);
    assert_eq!(ask(Method::GET, "/api/v1/audit").await, StatusCode::FORBIDDEN);
    assert_eq!(ask(Method::POST, "/api/v1/tokens").await, StatusCode::FORBIDDEN, "a token makes no token");
    for (method, page) in [(Method::GET, "/"), (Method::GET, "/meters"), (Method::POST, "/orders")] {
        assert_eq!(
            ask(method, page).await,
            StatusCode::FORBIDDEN,
            "{page}: its scopes are those of the interface"
        );
    }
    for (password, code) in [("", "password_missing"), ("guess", "password_refused")] {
        let body = format!(r#"{{"name":"n","scopes":["see_status"],"days":1,"password":"{password}"}}"#);
        assert_eq!(make(&body).await.code(), code, "an open session alone makes none");
        let form = [("name", "n"), ("scope", "see_status"), ("days", "1"), ("current", password)];
        let form = rig.form("/account/tokens", Some(&who), &form).await;
        assert_eq!(form.status, StatusCode::UNPROCESSABLE_ENTITY, "{form:?}");
    }
    rig.clock.advance(Duration::from_secs(86_400));
    assert_eq!(ask(Method::GET, "/api/v1/health").await, StatusCode::UNAUTHORIZED, "its day is over");
    rig.clock.set(morning());
    assert_eq!(ask(Method::GET, "/api/v1/health").await, StatusCode::OK);
    let gone = rig.json(Method::DELETE, &format!("/api/v1/tokens/{id}"), Some(&who), "").await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT, "{gone:?}");
    assert_eq!(ask(Method::GET, "/api/v1/health").await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn rights_of_a_token_are_ticked_by_name_and_none_is_beforehand() {
    let rig = Rig::new().await;
    let who = rig.signed_in("li", Role::Operator).await;
    let page = rig.get("/account", Some(&who)).await.body;
    assert!(page.contains("value=\"request_cut\"") && page.contains("申请停电"), "{page}");
    assert!(!page.contains("checked") && !page.contains("value=\"approve_cut\""), "{page}");
    let mut form = vec![("name", "robot"), ("scope", "see_status"), ("scope", "press_stop"), ("days", "0")];
    form.push(("current", "tree lamp river 9"));
    let refused = rig.form("/account/tokens", Some(&who), &form).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let is_ticked = |scope: &str| refused.body.contains(&format!("value=\"{scope}\" checked"));
    assert!(is_ticked("see_status") && is_ticked("press_stop") && !is_ticked("restore"), "{}", refused.body);
    form[3] = ("days", "9");
    let made = rig.form("/account/tokens", Some(&who), &form).await;
    assert_eq!(made.status, StatusCode::OK, "{made:?}");
    assert!(made.body.contains("查看运行状态、急停"), "{}", made.body);
    let file = rig.get("/account?csv=all&reason=x", Some(&who)).await.body;
    assert!(file.contains("see_status press_stop"), "{file}");
}

/// Whoever reacts to a session that was stolen is rid of what was made from it.
#[tokio::test]
async fn t11_a_new_password_ends_the_tokens_of_its_account() {
    let rig = Rig::new().await;
    let (who, other) = (rig.signed_in("li", Role::Operator).await, rig.signed_in("wang", Role::Viewer).await);
    let mut secrets = Vec::new();
    for somebody in [&who, &other] {
        let body = r#"{"name":"robot","scopes":["see_status"],"days":9,"password":"tree lamp river 9"}"#;
        let made = rig.json(Method::POST, "/api/v1/tokens", Some(somebody), body).await.json();
        secrets.push(made["token_secret"].as_str().unwrap().to_owned());
    }
    let counts = async |secret: &String| {
        let request =
            axum::http::Request::get("/api/v1/health").header("authorization", format!("Bearer {secret}"));
        rig.send(request.body(axum::body::Body::empty()).unwrap()).await.status == StatusCode::OK
    };
    assert!(counts(&secrets[0]).await && counts(&secrets[1]).await);
    let page = rig.get("/account", Some(&who)).await.body;
    assert!(page.contains("全部接口令牌随之失效") && page.contains("name=\"current\""), "{page}");
    let fields = [("current", PASSWORD), ("password", "lamp river tree 8"), ("again", "lamp river tree 8")];
    let changed = rig.form("/account/password", Some(&who), &fields).await;
    assert_eq!(changed.status, StatusCode::SEE_OTHER, "{changed:?}");
    assert!(!counts(&secrets[0]).await, "it was made before");
    assert!(counts(&secrets[1]).await, "that of somebody else stays");
    let entries = rig.services.store.audit_after(0, 1000).await.unwrap();
    let told = entries.iter().rfind(|entry| entry.action == "account.password").unwrap();
    assert_eq!(told.detail, r#"{"tokens_ended":1}"#);
}
