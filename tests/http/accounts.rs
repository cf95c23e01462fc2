//! Accounts: who makes them, who confirms, and what two accounts of one person may not. (T17)

use axum::body::Body;
use axum::http::{Method, StatusCode};
use chaobiao::domain::access::{Regions, Role};

use crate::rig::{Answer, PASSWORD, Rig, Somebody, request};

async fn make(rig: &Rig, who: &Somebody, person: &str, name: &str, role: &str) -> Answer {
    let code = rig.code(who);
    let body = serde_json::json!({ "person": person, "name": name, "role": role, "code": code }).to_string();
    rig.json(Method::POST, "/api/v1/accounts", Some(who), &body).await
}

/// Does something to an account that takes the second factor of whoever does it.
async fn open(rig: &Rig, who: &Somebody, id: i64, what: &str) -> Answer {
    let body = serde_json::json!({ "code": rig.code(who) }).to_string();
    rig.json(Method::POST, &format!("/api/v1/accounts/{id}/{what}"), Some(who), &body).await
}

/// Confirms a role as it was seen in this version.
async fn confirm(rig: &Rig, who: &Somebody, id: i64, seen: i64, code: &str) -> Answer {
    let request = request(Method::POST, &format!("/api/v1/proposed-roles/{id}/confirm"), Some(who))
        .header("content-type", "application/json")
        .header("x-csrf-token", &who.csrf)
        .header("if-match", format!("\"{seen}\""));
    rig.send(request.body(Body::from(format!(r#"{{"code":"{code}"}}"#))).unwrap()).await
}

/// The version of an account, as its proposal is listed.
async fn seen(rig: &Rig, who: &Somebody, id: i64) -> i64 {
    let listed = rig.get("/api/v1/proposed-roles", Some(who)).await.json();
    let all = listed["accounts"].as_array().unwrap();
    let one = all.iter().find(|account| account["id"] == id);
    one.unwrap_or_else(|| panic!("{listed}"))["version"].as_i64().unwrap()
}

async fn set_role(rig: &Rig, who: &Somebody, id: i64, version: Option<i64>, role: &str) -> Answer {
    let mut request = request(Method::PUT, &format!("/api/v1/accounts/{id}/role"), Some(who))
        .header("content-type", "application/json")
        .header("x-csrf-token", &who.csrf);
    if let Some(version) = version {
        request = request.header("if-match", format!("\"{version}\""));
    }
    let body = serde_json::json!({ "role": role, "code": rig.code(who) }).to_string();
    rig.send(request.body(Body::from(body)).unwrap()).await
}

fn id(answer: &Answer) -> i64 {
    answer.json()["account"]["id"].as_i64().unwrap_or_else(|| panic!("{answer:?}"))
}

#[tokio::test]
async fn t17_who_becomes_approver_is_confirmed_by_another_approver() {
    let rig = Rig::new().await;
    let admin = rig.signed_in("admin", Role::Admin).await;
    let first = make(&rig, &admin, "王", "wang", "approver").await;
    assert_eq!(first.json()["account"]["is_enabled"], true, "nobody could confirm the first one");
    let approver = rig.signed_in("zhao", Role::Approver).await;
    let second = make(&rig, &admin, "李", "li", "approver").await;
    assert_eq!(second.json()["account"]["is_enabled"], false, "{second:?}");
    assert_eq!(second.json()["account"]["proposed_role"], "approver");
    let enabled = open(&rig, &admin, id(&second), "enable").await;
    assert_eq!(enabled.code(), "same_person", "an administrator does not get round it");
    assert_eq!(confirm(&rig, &admin, id(&second), 1, "1").await.code(), "not_allowed");
    let version = seen(&rig, &approver, id(&second)).await;
    let waiting = rig.get("/api/v1/proposed-roles", Some(&approver)).await;
    assert_eq!(waiting.json()["meta"]["count"], 1);
    let early = confirm(&rig, &approver, id(&second), version, &rig.code(&approver)).await;
    assert_eq!(early.code(), "role_too_new", "who was made an approver today makes no other today");
    rig.clock.advance(std::time::Duration::from_secs(86_400));
    let approver = rig.sign_in(approver).await;
    let wrong = confirm(&rig, &approver, id(&second), version, "000000").await;
    assert_eq!(wrong.code(), "factor_refused", "whoever sits down at an open session confirms nothing");
    let confirmed = confirm(&rig, &approver, id(&second), version, &rig.code(&approver)).await;
    assert_eq!(confirmed.json()["account"]["is_enabled"], true, "{confirmed:?}");
    assert_eq!(confirmed.json()["account"]["role_since"], rig.services.clock.now().to_string());
    let again = confirm(&rig, &approver, id(&second), version, &rig.code(&approver)).await;
    assert_eq!(again.status, StatusCode::NOT_FOUND);
    let audited = rig.audited().await;
    assert_eq!((audited["account.confirm_role"], audited["account.add"]), (1, 4));
}

/// An administrator who puts every approver out of the way still makes none alone.
#[tokio::test]
async fn t17_t32_approvers_that_are_disabled_reset_or_demoted_are_still_asked_and_it_is_told() {
    let rig = Rig::new().await;
    let admin = rig.signed_in("admin", Role::Admin).await;
    let first = make(&rig, &admin, "王", "wang", "approver").await;
    let wang = id(&first);
    for (what, told) in [("disable", 1), ("reset", 2)] {
        let judged = rig.judged();
        let done = open(&rig, &admin, wang, what).await;
        assert!(judged.has_changed().unwrap() || what != "disable", "no cut leaves by their approval (F45)");
        assert_eq!(done.status, StatusCode::OK, "{done:?}");
        let made = make(&rig, &admin, "李", &format!("li{told}"), "approver").await;
        assert_eq!(made.json()["account"]["is_enabled"], false, "{what}: {made:?}");
        let alarms = rig.get("/api/v1/alarms?kind=approver_changed", Some(&admin)).await.json();
        let all = alarms["alarms"].as_array().unwrap();
        let of_wang = all.iter().find(|alarm| alarm["subject"] == "account wang");
        assert_eq!(of_wang.unwrap_or_else(|| panic!("{alarms}"))["count"], told + 1, "{alarms}");
    }
    let shown = rig.get(&format!("/api/v1/accounts/{wang}"), Some(&admin)).await;
    let version = shown.json()["account"]["version"].as_i64();
    let judged = rig.judged();
    let demoted = set_role(&rig, &admin, wang, version, "viewer").await;
    assert!(judged.has_changed().unwrap(), "nor by a role that is changed");
    assert_eq!(demoted.json()["account"]["role"], "approver", "it waits for another approver: {demoted:?}");
}

/// Neither a role that is proposed in its place nor one that was refused opens an account that nobody has confirmed.
#[tokio::test]
async fn t17_t32_an_account_that_was_never_confirmed_stays_shut_whatever_becomes_of_its_proposal() {
    let rig = Rig::new().await;
    let admin = rig.signed_in("admin", Role::Admin).await;
    let approver = rig.signed_in("zhao", Role::Approver).await;
    let ghost = id(&make(&rig, &admin, "鬼", "ghost", "approver").await);
    let show =
        async || rig.get(&format!("/api/v1/accounts/{ghost}"), Some(&admin)).await.json()["account"].clone();
    for role in ["admin", "approver"] {
        let version = show().await["version"].as_i64();
        let proposed = set_role(&rig, &admin, ghost, version, role).await;
        assert_eq!(proposed.json()["account"]["proposed_role"], role, "{proposed:?}");
        assert_eq!(open(&rig, &admin, ghost, "enable").await.code(), "same_person", "{role} in its place");
    }
    let refuse = format!("/api/v1/proposed-roles/{ghost}/refuse");
    assert_eq!(rig.json(Method::POST, &refuse, Some(&approver), "").await.status, StatusCode::OK);
    assert_eq!(open(&rig, &admin, ghost, "enable").await.code(), "same_person", "it was refused");
    assert_eq!(open(&rig, &admin, ghost, "reset").await.status, StatusCode::OK);
    assert_eq!(open(&rig, &admin, ghost, "enable").await.code(), "same_person", "it was reset");
    let page = rig.get("/users", Some(&admin)).await.body;
    assert!(!page.contains(&format!("/users/{ghost}/enable")), "the page offers what is possible");
    // As somebody who may look only it is nobody's concern.
    let version = show().await["version"].as_i64();
    assert_eq!(set_role(&rig, &admin, ghost, version, "viewer").await.json()["account"]["role"], "viewer");
    let opened = open(&rig, &admin, ghost, "enable").await;
    assert_eq!(
        (&opened.json()["account"]["is_enabled"], &opened.json()["account"]["role"]),
        (&true.into(), &"viewer".into())
    );
    let kinds = rig.get("/api/v1/alarms?kind=approver_changed", Some(&admin)).await.json();
    assert_eq!(kinds["alarms"][0]["subject"], "account ghost", "{kinds}");
}

/// The same on the form of the page, where an administrator may change an account while somebody looks at it.
#[tokio::test]
async fn t17_a_role_is_confirmed_as_it_was_seen() {
    let rig = Rig::new().await;
    let admin = rig.signed_in("admin", Role::Admin).await;
    let approver = rig.somebody("zhao", Role::Approver, Regions::All).await;
    let zhou = id(&make(&rig, &admin, "周", "zhou", "viewer").await);
    rig.clock.advance(std::time::Duration::from_secs(2 * 86_400));
    let (admin, approver) = (rig.sign_in(admin).await, rig.sign_in(approver).await);
    let version = async || {
        rig.get(&format!("/api/v1/accounts/{zhou}"), Some(&admin)).await.json()["account"]["version"].as_i64()
    };
    set_role(&rig, &admin, zhou, version().await, "approver").await;
    let looked_at = seen(&rig, &approver, zhou).await;
    let page = rig.get("/roles", Some(&approver)).await.body;
    assert!(page.contains(&format!("name=\"seen\" value=\"{looked_at}\"")), "{page}");
    set_role(&rig, &admin, zhou, version().await, "admin").await;
    let code = rig.code(&approver);
    let other = confirm(&rig, &approver, zhou, looked_at, &code).await;
    assert_eq!(
        (other.status, other.code().as_str()),
        (StatusCode::PRECONDITION_FAILED, "stale"),
        "{other:?}"
    );
    let fields = [("seen", looked_at.to_string()), ("code", code.clone())];
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let on_page = rig.form(&format!("/roles/{zhou}/confirm"), Some(&approver), &fields).await;
    assert_eq!(on_page.status, StatusCode::PRECONDITION_FAILED, "{on_page:?}");
    let without = rig
        .json(
            Method::POST,
            &format!("/api/v1/proposed-roles/{zhou}/confirm"),
            Some(&approver),
            r#"{"code":"1"}"#,
        )
        .await;
    assert_eq!(without.code(), "if_match_required");
    assert_eq!(
        rig.services.store.account(chaobiao::domain::Id::new(zhou)).await.unwrap().unwrap().role,
        Role::Viewer
    );
    let now = seen(&rig, &approver, zhou).await;
    let confirmed = confirm(&rig, &approver, zhou, now, &code).await;
    assert_eq!(confirmed.json()["account"]["role"], "admin", "the code was not used up: {confirmed:?}");
}

/// Whoever has got hold of the open session of an administrator makes nobody and becomes nobody.
#[tokio::test]
async fn t17_t32_an_open_session_of_an_administrator_opens_no_account() {
    let rig = Rig::new().await;
    let admin = rig.signed_in("admin", Role::Admin).await;
    let li = id(&make(&rig, &admin, "李", "li", "operator").await);
    let wang = id(&make(&rig, &admin, "王", "wang", "approver").await);
    let zhao = rig.signed_in("zhao", Role::Approver).await;
    let before = rig.services.store.account(chaobiao::domain::Id::new(li)).await.unwrap();
    for code in ["", "000000"] {
        let with = |more: &str| format!(r#"{{{more}"code":"{code}"}}"#);
        let refused = if code.is_empty() { "code_missing" } else { "factor_refused" };
        let ghost = with(r#""person":"p","name":"ghost","role":"viewer","#);
        assert_eq!(rig.json(Method::POST, "/api/v1/accounts", Some(&admin), &ghost).await.code(), refused);
        for what in ["enable", "reset", "disable", "unlock"] {
            let path = format!("/api/v1/accounts/{li}/{what}");
            assert_eq!(
                rig.json(Method::POST, &path, Some(&admin), &with("")).await.code(),
                refused,
                "{what}"
            );
        }
        for (what, body) in [("role", r#""role":"auditor","#), ("areas", r#""areas":null,"#)] {
            let path = format!("/api/v1/accounts/{li}/{what}");
            let version = before.as_ref().unwrap().version;
            let put = request(Method::PUT, &path, Some(&admin))
                .header("content-type", "application/json")
                .header("x-csrf-token", &admin.csrf)
                .header("if-match", format!("\"{version}\""));
            let put = rig.send(put.body(Body::from(with(body))).unwrap()).await;
            let is_locked = put.code() == "too_many" && code == "000000";
            assert!(put.code() == refused || is_locked, "{what}: {put:?}");
        }
        rig.clock.advance(std::time::Duration::from_secs(600));
    }
    assert_eq!(rig.services.store.account(chaobiao::domain::Id::new(li)).await.unwrap(), before);
    assert!(rig.services.store.account_named("ghost").await.unwrap().is_none());
    // With the code an operator is reset, and that is told; an approver stays shut until another approver has confirmed.
    rig.clock.advance(std::time::Duration::from_secs(600));
    let admin = rig.sign_in(admin).await;
    assert_eq!(open(&rig, &admin, li, "reset").await.status, StatusCode::OK);
    let told = rig.get("/api/v1/alarms?kind=account_changed", Some(&admin)).await.json();
    let of_li: Vec<_> =
        told["alarms"].as_array().unwrap().iter().map(|alarm| (&alarm["subject"], &alarm["count"])).collect();
    assert_eq!(of_li, [(&"account li".into(), &2.into())], "made and reset: {told}");
    let reset = open(&rig, &admin, wang, "reset").await.json();
    assert_eq!(
        (&reset["account"]["is_enabled"], &reset["account"]["proposed_role"]),
        (&false.into(), &"approver".into())
    );
    assert!(reset["one_time_password"].is_string());
    assert_eq!(open(&rig, &admin, wang, "enable").await.code(), "same_person");
    rig.clock.advance(std::time::Duration::from_secs(86_400));
    let zhao = rig.sign_in(zhao).await;
    let version = seen(&rig, &zhao, wang).await;
    let confirmed = confirm(&rig, &zhao, wang, version, &rig.code(&zhao)).await.json();
    assert_eq!(confirmed["account"]["is_enabled"], true, "{confirmed}");
}

/// Where nobody could confirm it, whoever has the machine helps.
#[tokio::test]
async fn t17_the_machine_itself_is_the_way_back_in() {
    let rig = Rig::new().await;
    let admin = rig.signed_in("admin", Role::Admin).await;
    rig.somebody("zhao", Role::Approver, Regions::All).await;
    let ghost = id(&make(&rig, &admin, "王", "wang", "approver").await);
    let services = &rig.services;
    let accounts = chaobiao::http::auth::Accounts {
        store: &services.store,
        clock: &services.clock,
        passwords: services.passwords(),
        by: chaobiao::http::auth::By::CommandLine("root"),
    };
    let opened = accounts.enable(chaobiao::domain::Id::new(ghost), true).await.unwrap();
    assert!(opened.is_enabled && opened.is_confirmed && opened.proposed.is_none(), "{opened:?}");
    assert_eq!(rig.audited().await["account.confirm_role"], 1);
}

#[tokio::test]
async fn t17_nobody_grants_themselves_or_another_account_of_theirs() {
    let rig = Rig::new().await;
    let admin = rig.signed_in("admin", Role::Admin).await;
    let own = admin.account.id.number();
    let granted = set_role(&rig, &admin, own, Some(admin.account.version), "approver").await;
    assert_eq!(granted.code(), "own_account");
    for what in ["disable", "reset", "enable"] {
        assert_eq!(open(&rig, &admin, own, what).await.code(), "own_account", "{what}");
    }
    // The person of `admin` is called so, too.
    for role in ["operator", "approver", "auditor"] {
        assert_eq!(make(&rig, &admin, "admin", "second", role).await.code(), "role_held", "{role}");
    }
    assert_eq!(make(&rig, &admin, "admin", "second", "viewer").await.status, StatusCode::CREATED);
    let third = make(&rig, &admin, "李", "li", "operator").await;
    assert_eq!(third.status, StatusCode::CREATED);
    assert_eq!(make(&rig, &admin, "李", "li2", "approver").await.code(), "role_held");
}

#[tokio::test]
async fn edits_that_race_are_told_apart_by_their_version() {
    let rig = Rig::new().await;
    let admin = rig.signed_in("admin", Role::Admin).await;
    let made = make(&rig, &admin, "李", "li", "viewer").await;
    let path = format!("/api/v1/accounts/{}", id(&made));
    let shown = rig.get(&path, Some(&admin)).await;
    let version: i64 = shown.header("etag").trim_matches('"').parse().unwrap();
    let without = set_role(&rig, &admin, id(&made), None, "operator").await;
    assert_eq!(without.status, StatusCode::PRECONDITION_REQUIRED);
    let one = set_role(&rig, &admin, id(&made), Some(version), "operator").await;
    assert_eq!(one.status, StatusCode::OK, "{one:?}");
    let other = set_role(&rig, &admin, id(&made), Some(version), "auditor").await;
    assert_eq!((other.status, other.code().as_str()), (StatusCode::PRECONDITION_FAILED, "stale"));
    let shown = rig.get(&path, Some(&admin)).await;
    assert_eq!(shown.json()["account"]["role"], "operator");
}

#[tokio::test]
async fn t10_an_account_is_made_reset_and_finished_with_forms_alone() {
    let rig = Rig::new().await;
    let admin = rig.signed_in("admin", Role::Admin).await;
    let fields = [("person", "王敏"), ("name", "wang"), ("role", "approver"), ("areas", "")];
    let without = rig.form("/users", Some(&admin), &fields).await;
    assert!(
        without.status == StatusCode::UNPROCESSABLE_ENTITY && without.body.contains("动态口令"),
        "{without:?}"
    );
    let code = rig.code(&admin);
    let fields = [&fields[..], &[("code", code.as_str())]].concat();
    let made = rig.form("/users", Some(&admin), &fields).await;
    assert_eq!(made.status, StatusCode::OK, "{made:?}");
    let password = between(&made.body, "wang ", "<");
    let fields = [("name", "wang"), ("password", &*password), ("code", ""), ("next", "/")];
    let entered = rig.form("/login", None, &fields).await;
    assert_eq!(entered.status, StatusCode::SEE_OTHER, "{entered:?}");
    let mut who = Somebody { cookie: cookie(&entered), ..admin.clone() };
    let page = rig.get("/welcome", Some(&who)).await;
    who.csrf = between(&page.body, "name=\"csrf\" value=\"", "\"");
    let weak = rig
        .form("/welcome/password", Some(&who), &[("password", "wang2026wang"), ("again", "wang2026wang")])
        .await;
    assert_eq!(weak.status, StatusCode::UNPROCESSABLE_ENTITY);
    let set = rig.form("/welcome/password", Some(&who), &[("password", PASSWORD), ("again", PASSWORD)]).await;
    assert_eq!((set.status, set.header("location")), (StatusCode::SEE_OTHER, "/welcome"), "{set:?}");
    assert_eq!(
        rig.get("/welcome", Some(&who)).await.header("location"),
        "/login?next=/welcome",
        "a new session"
    );
    who.cookie = cookie(&set);
    let page = rig.get("/welcome", Some(&who)).await;
    who.csrf = between(&page.body, "name=\"csrf\" value=\"", "\"");
    let secret = between(&page.body, "name=\"secret\" value=\"", "\"");
    let totp =
        chaobiao::http::auth::Totp::of(&chaobiao::store::access::FactorSecret(secret.clone())).unwrap();
    let wrong = rig.form("/welcome/factor", Some(&who), &[("secret", &secret), ("code", "123456")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let short = rig.form("/welcome/factor", Some(&who), &[("secret", "AAAA"), ("code", "123456")]).await;
    assert_eq!(short.header("location"), "/welcome", "a short key is not taken");
    let code = totp.code_at(rig.services.clock.now());
    let set = rig.form("/welcome/factor", Some(&who), &[("secret", &secret), ("code", &code)]).await;
    assert_eq!((set.status, set.header("location")), (StatusCode::SEE_OTHER, "/"), "{set:?}");
    who.cookie = cookie(&set);
    let page = rig.get("/account", Some(&who)).await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(rig.get("/roles", Some(&who)).await.status, StatusCode::OK);
    let path = format!("/users/{}/reset", account(&rig, "wang").await);
    let reset = rig.form(&path, Some(&admin), &[("code", &rig.code(&admin))]).await;
    assert_eq!(reset.status, StatusCode::OK);
    assert!(!reset.body.contains(&password));
    assert_eq!(rig.get("/account", Some(&who)).await.status, StatusCode::SEE_OTHER, "its sessions ended");
    let after = rig.services.store.account_named("wang").await.unwrap().unwrap();
    assert!(after.is_unfinished() && after.factor.is_none());
}

/// Neither by the form nor on the command line; and who guesses is not told which passwords are over.
#[tokio::test]
async fn t10_a_one_time_password_is_over_after_three_days() {
    let rig = Rig::new().await;
    let admin = rig.signed_in("admin", Role::Admin).await;
    let made = make(&rig, &admin, "李", "li", "operator").await;
    let until = rig.services.clock.now().plus(chaobiao::domain::access::ONE_TIME_FOR);
    assert_eq!(made.json()["one_time_password_until"], until.to_string(), "{made:?}");
    let password = made.json()["one_time_password"].as_str().unwrap().to_owned();
    let enter = async |password: &str| {
        let fields = [("name", "li"), ("password", password), ("code", ""), ("next", "/")];
        rig.form("/login", None, &fields).await
    };
    rig.clock.set(until.minus(std::time::Duration::from_secs(1)));
    let (one, two) = (enter(&password).await, enter(&password).await);
    let session = |answer: &Answer| Somebody { cookie: cookie(answer), ..admin.clone() };
    assert_eq!(
        rig.get("/welcome", Some(&session(&one))).await.status,
        StatusCode::SEE_OTHER,
        "ended by the second"
    );
    assert_eq!(rig.get("/welcome", Some(&session(&two))).await.status, StatusCode::OK);
    rig.clock.set(until);
    let over = enter(&password).await;
    assert_eq!(over.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        over.body.contains("一次性密码已过期，请联系管理员") && over.header("set-cookie").is_empty(),
        "{over:?}"
    );
    assert!(!enter("guess").await.body.contains("已过期"));
    let on_machine = chaobiao::http::auth::known_by_password(
        &rig.services.store,
        ("li", &password),
        "command line",
        rig.services.clock.now(),
    );
    assert_eq!(on_machine.await.unwrap_err().kind(), "one_time_over");
    let entries = rig.services.store.audit_after(0, 1000).await.unwrap();
    let refused: Vec<_> = entries.iter().filter(|entry| entry.action == "login.refused").collect();
    let why: Vec<_> = refused.iter().map(|entry| entry.detail.contains("one_time_over")).collect();
    assert_eq!(why, [true, false, true], "{refused:?}");
    // It is counted as a wrong one is, and the page tells the administrator.
    enter(&password).await;
    enter(&password).await;
    assert_eq!(enter(&password).await.status, StatusCode::TOO_MANY_REQUESTS);
    let admin = rig.sign_in(admin).await;
    assert!(rig.get("/users", Some(&admin)).await.body.contains("一次性密码已过期，请重置"));
    let reset = open(&rig, &admin, id(&made), "reset").await.json();
    let again = enter(reset["one_time_password"].as_str().unwrap()).await;
    assert_eq!(again.status, StatusCode::SEE_OTHER, "{again:?}");
}

#[tokio::test]
async fn t32_an_administrator_sees_no_customer_and_no_audit() {
    let rig = Rig::new().await;
    let admin = rig.signed_in("admin", Role::Admin).await;
    for route in chaobiao::http::routes().all().filter(|route| !route.changes()) {
        let is_closed =
            ["/audit", "/api/v1/audit", "/loss", "/billing"].iter().any(|path| route.path.starts_with(path));
        if is_closed {
            let answer = rig.get(&crate::forged::filled(&route.path), Some(&admin)).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", route.path);
        }
    }
    let page = rig.get("/users", Some(&admin)).await;
    assert_eq!(page.status, StatusCode::OK, "{page:?}");
}

#[tokio::test]
async fn i25_a_page_shows_what_was_done_and_by_whom() {
    let rig = Rig::new().await;
    let admin = rig.signed_in("admin", Role::Admin).await;
    let auditor = rig.signed_in("sun", Role::Auditor).await;
    make(&rig, &admin, "<script>alert(1)</script>", "li", "viewer").await;
    let page = rig.get("/audit?action=account.", Some(&auditor)).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("账号li") && !page.body.contains("login.done</code>"), "{}", page.body);
    assert!(!page.body.contains("<script>alert"));
    let verified = rig.get("/audit/verify", Some(&auditor)).await;
    assert!(verified.body.contains("完整无误"), "{}", verified.body);
    let list = rig.get("/api/v1/audit?limit=1", Some(&auditor)).await.json();
    assert_eq!(list["entries"][0]["action"], "account.add");
    let cursor = list["meta"]["next_cursor"].as_str().unwrap();
    let next = rig.get(&format!("/api/v1/audit?limit=1&cursor={cursor}"), Some(&auditor)).await.json();
    assert_eq!(next["entries"][0]["number"].as_i64().unwrap() + 1, cursor.parse::<i64>().unwrap());
    let file = rig.form("/audit/export", Some(&auditor), &[]).await;
    assert_eq!(file.header("content-type"), "text/csv; charset=utf-8");
    assert!(file.body.contains("audit.export"), "that it was written out is in it");
    let (users, _) = (rig.get("/users", Some(&admin)).await, ());
    assert!(users.body.contains("&lt;script&gt;") && !users.body.contains("<script>alert"));
}

async fn account(rig: &Rig, name: &str) -> i64 {
    rig.services.store.account_named(name).await.unwrap().unwrap().id.number()
}

fn cookie(answer: &Answer) -> String {
    answer.header("set-cookie").split(';').next().unwrap().to_owned()
}

fn between(text: &str, before: &str, after: &str) -> String {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("no {before} in {text}"));
    rest.split_once(after).unwrap().0.to_owned()
}

#[tokio::test]
async fn t16_an_account_of_a_region_is_bound_to_it() {
    let rig = Rig::new().await;
    let who = rig.somebody("li", Role::Operator, Regions::Areas(Vec::new())).await;
    assert_eq!(who.account.acting("x").regions, Regions::Areas(Vec::new()));
    assert!(!who.account.acting("x").regions.hold(None));
}
