//! Guessing: locked after a few failures, whatever is guessed, and not forgotten by a restart. (T9)

use std::time::Duration;

use axum::http::{Method, StatusCode};
use chaobiao::config::Http;
use chaobiao::domain::AlarmKind;
use chaobiao::domain::access::{Regions, Role};
use chaobiao::http::auth::{Accounts, By, LoginError, SigningIn, sign_in};
use chaobiao::store::alarm::AlarmFilter;

use crate::rig::{PASSWORD, Rig, morning};

async fn attempt(rig: &Rig, name: &str, password: &str, source: &str) -> Result<(), LoginError> {
    sign_in(&rig.services, SigningIn { name, password, code: "", source }).await.map(|_| ())
}

#[tokio::test]
async fn t09_five_failures_lock_an_account_and_the_right_password_does_not_help() {
    let rig = Rig::new().await;
    rig.somebody("li", Role::Operator, Regions::All).await;
    for name in ["li", "nobody"] {
        for guess in 0..5 {
            let refused = attempt(&rig, name, &format!("guess {guess}"), "a").await.unwrap_err();
            assert!(matches!(refused, LoginError::Wrong), "{name}: {refused}");
        }
        let locked = attempt(&rig, name, PASSWORD, "a").await.unwrap_err();
        assert!(
            matches!(locked, LoginError::Locked(left) if left == Duration::from_secs(300)),
            "{name}: {locked}"
        );
        let elsewhere = attempt(&rig, name, PASSWORD, "b").await.unwrap_err();
        assert!(matches!(elsewhere, LoginError::Locked(_)), "from another source");
    }
    let audited = rig.audited().await;
    assert_eq!((audited["login.refused"], audited["login.locked"]), (10, 2));
    let filter = AlarmFilter { kind: Some(AlarmKind::LoginLocked), ..AlarmFilter::default() };
    let told = rig.services.store.alarms(&filter, &Regions::All, i64::MAX, 10).await.unwrap();
    let subjects: Vec<_> = told.iter().map(|alarm| alarm.subject.as_str()).collect();
    assert_eq!(subjects, ["account nobody", "account li"]);
    rig.clock.advance(Duration::from_secs(300));
    attempt(&rig, "li", "wrong again", "a").await.unwrap_err();
    let twice = attempt(&rig, "li", PASSWORD, "a").await.unwrap_err();
    assert!(matches!(twice, LoginError::Locked(left) if left == Duration::from_secs(600)), "{twice}");
    rig.clock.set(morning().minus(Duration::from_secs(86_400 * 365)));
    let back = attempt(&rig, "li", PASSWORD, "a").await.unwrap_err();
    assert!(matches!(back, LoginError::Locked(left) if left == Duration::from_secs(600)), "F33: {back}");
    rig.clock.advance(Duration::from_secs(600));
    attempt(&rig, "li", PASSWORD, "a").await.unwrap();
    attempt(&rig, "li", "wrong", "a").await.unwrap_err();
    attempt(&rig, "li", PASSWORD, "a").await.unwrap();
}

#[tokio::test]
async fn t09_ten_thousand_guesses_in_a_day_get_a_few_answers() {
    let rig = Rig::new().await;
    rig.somebody("li", Role::Operator, Regions::All).await;
    let mut answered = 0;
    for guess in 0..10_000_u32 {
        rig.clock.advance(Duration::from_millis(8640));
        let refused = attempt(&rig, "li", &format!("guess {guess}"), "a").await.unwrap_err();
        answered += u32::from(matches!(refused, LoginError::Wrong));
    }
    println!("{answered} of 10,000 guesses in a day were looked at");
    assert!((6..=16).contains(&answered), "{answered}");
}

#[tokio::test]
async fn t09_one_guess_on_each_of_many_accounts_locks_their_source() {
    let rig = Rig::with(Http { lock_source_after: 8, ..Http::default() }).await;
    rig.somebody("li", Role::Operator, Regions::All).await;
    let mut wrong = 0;
    for number in 0..100 {
        let refused = attempt(&rig, &format!("user{number}"), "guess", "a").await.unwrap_err();
        wrong += u32::from(matches!(refused, LoginError::Wrong));
    }
    assert_eq!(wrong, 8);
    assert!(matches!(attempt(&rig, "li", PASSWORD, "a").await, Err(LoginError::Locked(_))));
    attempt(&rig, "li", PASSWORD, "b").await.unwrap();
}

#[tokio::test]
async fn t09_guesses_at_once_are_counted_one_by_one() {
    let rig = Rig::new().await;
    rig.somebody("li", Role::Operator, Regions::All).await;
    let all = (0..12).map(|_| attempt(&rig, "li", "guess", "a"));
    let refused = futures_util::future::join_all(all).await;
    let wrong = refused.iter().filter(|refused| matches!(refused, Err(LoginError::Wrong))).count();
    assert_eq!(wrong, 5, "{refused:?}");
}

#[tokio::test]
async fn t09_the_page_says_the_same_for_an_unknown_name() {
    let rig = Rig::new().await;
    rig.somebody("li", Role::Operator, Regions::All).await;
    rig.somebody("wang", Role::Admin, Regions::All).await;
    let mut bodies = Vec::new();
    for (name, password, code) in
        [("li", "guess", ""), ("nobody", "guess", ""), ("wang", PASSWORD, "000000"), ("wang", "guess", "")]
    {
        let fields = [("name", name), ("password", password), ("code", code), ("next", "/")];
        let answer = rig.form("/login", None, &fields).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{answer:?}");
        assert_eq!(answer.header("set-cookie"), "");
        bodies.push(answer.body.replace(&format!("value=\"{name}\""), "NAME"));
    }
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]), "{bodies:?}");
}

/// Who has an open session and its password has the second factor still to guess, and gets no more guesses for the password.
#[tokio::test]
async fn t09_t11_a_right_password_takes_no_wrong_code_away() {
    let rig = Rig::new().await;
    let who = rig.signed_in("chen", Role::Approver).await;
    let lift = async |code: &str| {
        let body = serde_json::json!({ "kind": "stop", "code": code }).to_string();
        rig.json(Method::POST, "/api/v1/stop/lift", Some(&who), &body).await.code()
    };
    let mut looked_at = 0;
    for _ in 0..4 {
        for guess in 0..4 {
            let code = lift(&format!("00000{guess}")).await;
            assert!(code == "factor_refused" || code == "too_many", "{code}");
            looked_at += i32::from(code == "factor_refused");
        }
        let fields = [("current", PASSWORD), ("password", "weak"), ("again", "weak")];
        let right = rig.form("/account/password", Some(&who), &fields).await;
        assert_eq!(right.status, StatusCode::UNPROCESSABLE_ENTITY, "{right:?}");
    }
    assert_eq!(looked_at, 5, "of 16 guesses");
    let now = rig.services.clock.now();
    assert_eq!(lift(&who.totp.code_at(now)).await, "too_many", "the right one comes too late");
    // The other way round: a right password alone takes no failed sign-in away.
    for _ in 0..3 {
        attempt(&rig, "chen", PASSWORD, "b").await.unwrap_err();
    }
    let fields = [("current", PASSWORD), ("password", "weak"), ("again", "weak")];
    rig.form("/account/password", Some(&who), &fields).await;
    for expected in ["login_refused", "login_refused", "login_locked"] {
        let refused = attempt(&rig, "chen", PASSWORD, "b").await.unwrap_err();
        assert_eq!(refused.kind(), expected);
    }
    // After the lock the right code counts, and takes the wrong ones away.
    rig.clock.advance(Duration::from_secs(301));
    assert_eq!(lift(&rig.code(&who)).await, "not_there", "nothing is stopped");
    for guess in 0..4 {
        assert_eq!(lift(&format!("00000{guess}")).await, "factor_refused");
    }
}

#[tokio::test]
async fn t09_there_is_a_second_way_to_unlock_an_account() {
    let rig = Rig::new().await;
    let who = rig.somebody("li", Role::Operator, Regions::All).await;
    for _ in 0..5 {
        attempt(&rig, "li", "guess", "a").await.unwrap_err();
    }
    let services = &rig.services;
    let accounts = Accounts {
        store: &services.store,
        clock: &services.clock,
        passwords: services.passwords(),
        by: By::CommandLine("root"),
    };
    accounts.unlock(who.account.id).await.unwrap();
    attempt(&rig, "li", PASSWORD, "a").await.unwrap();
    assert_eq!(rig.audited().await["account.unlock"], 1);
}
