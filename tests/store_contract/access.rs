//! Accounts, sessions, tokens, attempts and keys of requests, on both databases.

use std::collections::HashSet;
use std::time::Duration;

use chaobiao::config::KeyFile;
use chaobiao::domain::access::{Account, Action, ONE_TIME_FOR, Regions, RequestKey, Role};
use chaobiao::domain::{AuditEntry, Id, Moment};
use chaobiao::store::access::{
    AccountChange, Attempt, AttemptPolicy, Claim, FactorSecret, NewAccount, NewSession, NewToken,
    PasswordHash, SessionLimits,
};
use chaobiao::store::{Migrations, Refusal, Store, StoreError};

use crate::{midnight, on_both};

const LIMITS: SessionLimits =
    SessionLimits { idle: Duration::from_secs(900), total: Duration::from_secs(8 * 3600), most: 2 };

fn entry(at: Moment) -> AuditEntry {
    AuditEntry::of_system(at, "account.change", "account li")
}

async fn add(store: &Store, person: &str, name: &str, role: Role) -> Result<Id<Account>, StoreError> {
    let password = PasswordHash("$argon2id$x".to_owned());
    let new =
        NewAccount { person, name, role, regions: &Regions::All, password: &password, proposed_by: None };
    store.add_account(&new, &entry(midnight("2026-11-22"))).await
}

fn refusal<T: std::fmt::Debug>(result: Result<T, StoreError>) -> Refusal {
    match result {
        Err(StoreError::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn t17_a_person_is_one_person_and_holds_one_of_the_roles_that_exclude_each_other() {
    on_both(async |fresh| {
        let store = &fresh.store;
        assert!(!store.has_accounts().await.unwrap());
        let one = add(store, "李娜", "li", Role::Operator).await.unwrap();
        let other = add(store, "李娜", "li2", Role::Viewer).await.unwrap();
        let account = store.account(one).await.unwrap().unwrap();
        assert_eq!(account.person, store.account(other).await.unwrap().unwrap().person);
        assert!(account.must_set_password && account.is_enabled && account.factor.is_none());
        assert_eq!(account.one_time_until, Some(midnight("2026-11-22").plus(ONE_TIME_FOR)));
        assert_eq!(refusal(add(store, "王", "li", Role::Viewer).await), Refusal::NameTaken);
        for role in [Role::Approver, Role::Admin, Role::Auditor] {
            assert_eq!(refusal(add(store, "李娜", "li3", role).await), Refusal::RoleHeld);
            let change = AccountChange::SetRole(role);
            let changed = store.change_account(other, None, &change, &entry(midnight("2026-11-22"))).await;
            assert_eq!(refusal(changed), Refusal::RoleHeld);
            let change = AccountChange::ProposeRole { role, by: account.person };
            let changed = store.change_account(other, None, &change, &entry(midnight("2026-11-22"))).await;
            assert_eq!(refusal(changed), Refusal::RoleHeld);
        }
        assert_eq!(store.accounts().await.unwrap().len(), 2);
        assert_eq!(store.audit_head().await.unwrap().number, 2, "what was refused left nothing");
    })
    .await;
}

#[tokio::test]
async fn t17_a_role_is_confirmed_by_a_third_person_and_counts_from_then_on() {
    on_both(async |fresh| {
        let store = &fresh.store;
        let (noon, later) = (midnight("2026-11-22"), midnight("2026-11-23"));
        let admin = add(store, "赵", "zhao", Role::Admin).await.unwrap();
        let admin = store.account(admin).await.unwrap().unwrap().person;
        let approver = add(store, "王", "wang", Role::Approver).await.unwrap();
        let approver = store.account(approver).await.unwrap().unwrap().person;
        let li = add(store, "李", "li", Role::Viewer).await.unwrap();
        let propose = AccountChange::ProposeRole { role: Role::Approver, by: admin };
        let proposed = store.change_account(li, Some(1), &propose, &entry(noon)).await.unwrap();
        assert_eq!((proposed.role, proposed.proposed), (Role::Viewer, Some((Role::Approver, admin))));
        let stale = store.change_account(li, Some(1), &AccountChange::DropProposal, &entry(noon)).await;
        assert_eq!(refusal(stale), Refusal::Stale);
        for by in [admin, proposed.person] {
            let confirmed =
                store.change_account(li, None, &AccountChange::ConfirmRole { by }, &entry(later)).await;
            assert_eq!(refusal(confirmed), Refusal::SamePerson);
        }
        let confirm = AccountChange::ConfirmRole { by: approver };
        let confirmed = store.change_account(li, None, &confirm, &entry(later)).await.unwrap();
        assert_eq!((confirmed.role, confirmed.role_since, confirmed.proposed), (Role::Approver, later, None));
        let again = store.change_account(li, None, &confirm, &entry(later)).await;
        assert_eq!(refusal(again), Refusal::NotThere);
        let password = PasswordHash("new".to_owned());
        let reset = AccountChange::Reset { password: &password, by: None };
        let much_later = midnight("2026-12-23");
        let reset = store.change_account(li, None, &reset, &entry(much_later)).await.unwrap();
        assert_eq!(reset.role_since, much_later, "whoever got the new password approves nothing for a day");
        // One that has to be confirmed again stays shut whatever becomes of the proposal.
        let again = AccountChange::Reset { password: &password, by: Some(admin) };
        let shut = store.change_account(li, None, &again, &entry(much_later)).await.unwrap();
        assert_eq!((shut.is_enabled, shut.is_confirmed), (false, false));
        assert_eq!(shut.proposed, Some((Role::Approver, admin)));
        for change in
            [AccountChange::ProposeRole { role: Role::Viewer, by: admin }, AccountChange::DropProposal]
        {
            store.change_account(li, None, &change, &entry(much_later)).await.unwrap();
            let opened =
                store.change_account(li, None, &AccountChange::Enable(true), &entry(much_later)).await;
            assert_eq!(refusal(opened), Refusal::SamePerson, "{change:?}");
        }
        let propose = AccountChange::ProposeRole { role: Role::Approver, by: admin };
        store.change_account(li, None, &propose, &entry(much_later)).await.unwrap();
        let confirmed = store.change_account(li, None, &confirm, &entry(much_later)).await.unwrap();
        assert!(confirmed.is_enabled && confirmed.is_confirmed);
    })
    .await;
}

#[tokio::test]
async fn t11_sessions_are_limited_and_end_with_changes() {
    on_both(async |fresh| {
        let store = &fresh.store;
        let at = midnight("2026-11-22");
        let li = add(store, "李", "li", Role::Operator).await.unwrap();
        let open = async |hash: &str, at: Moment| {
            let new = NewSession { hash, account: li, source: "10.0.0.7", limits: LIMITS };
            store.open_session(&new, &entry(at)).await.unwrap();
        };
        for (number, hash) in ["one", "two", "three"].into_iter().enumerate() {
            open(hash, at.plus(Duration::from_secs(u64::try_from(number).unwrap()))).await;
        }
        assert_eq!(store.login_session("one").await.unwrap(), None, "the oldest gave way");
        let session = store.login_session("three").await.unwrap().unwrap();
        assert!(session.holds(at.plus(Duration::from_secs(901)), LIMITS));
        assert!(!session.holds(at.plus(Duration::from_secs(902)), LIMITS));
        assert!(!session.holds(at.minus(Duration::from_secs(3600)), LIMITS), "F33");
        store.touch_session("three", at.plus(Duration::from_secs(800))).await.unwrap();
        let session = store.login_session("three").await.unwrap().unwrap();
        assert!(session.holds(at.plus(Duration::from_secs(1600)), LIMITS));
        open("four", at.plus(Duration::from_secs(20_000))).await;
        assert_eq!(store.login_session("three").await.unwrap(), None, "what is over is taken away");
        store.end_session("four", &entry(at)).await.unwrap();
        assert_eq!(store.login_session("four").await.unwrap(), None);
        open("five", at).await;
        store.change_account(li, None, &AccountChange::Enable(false), &entry(at)).await.unwrap();
        assert_eq!(store.login_session("five").await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn t10_a_step_of_the_second_factor_is_used_once() {
    on_both(async |fresh| {
        let store = &fresh.store;
        let at = midnight("2026-11-22");
        let wang = add(store, "王", "wang", Role::Approver).await.unwrap();
        let secret = FactorSecret("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ".to_owned());
        let set = AccountChange::SetFactor { secret: &secret, step: 10 };
        let account = store.change_account(wang, None, &set, &entry(at)).await.unwrap();
        assert!(!format!("{account:?}").contains("GEZDG"), "it is not shown");
        assert_eq!(account.factor.unwrap().last_step, 10);
        let used = futures_util::future::join_all((0..10).map(|_| store.use_factor_step(wang, 11))).await;
        assert_eq!(used.into_iter().filter(|used| *used.as_ref().unwrap()).count(), 1);
        assert!(!store.use_factor_step(wang, 10).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn t24_secrets_of_second_factors_are_sealed_where_there_is_a_key_file() {
    on_both(async |fresh| {
        let store = &fresh.store;
        let at = midnight("2026-11-22");
        let (wang, chen) = (
            add(store, "王", "wang", Role::Approver).await.unwrap(),
            add(store, "陈", "chen", Role::Approver).await.unwrap(),
        );
        let secret = |text: &str| FactorSecret(text.repeat(4));
        let set = async |store: &Store, account, secret: &FactorSecret| {
            let set = AccountChange::SetFactor { secret, step: 10 };
            store.change_account(account, None, &set, &entry(at)).await.unwrap();
        };
        let opened = async |store: &Store, account| {
            let kept = store.account(account).await.unwrap().unwrap().factor.unwrap().secret;
            store.open_factor(account, &kept)
        };
        let kept = async || {
            fresh.texts("SELECT factor_secret FROM account WHERE factor_secret IS NOT NULL ORDER BY id").await
        };
        set(store, wang, &secret("GEZDGNBV")).await;
        assert_eq!(kept().await, ["GEZDGNBV".repeat(4)], "nothing to seal it with");

        let key = KeyFile::make(&fresh.folder().join("key")).unwrap();
        let vault = store.open_vault(&key, at).await.unwrap();
        assert_eq!(store.seal_factors(vault.clone(), &entry(at)).await.unwrap(), 1);
        assert_eq!(store.seal_factors(vault.clone(), &entry(at)).await.unwrap(), 0);
        set(store, chen, &secret("MFRGGZDF")).await;
        let texts = kept().await;
        assert!(texts.iter().all(|text| text.starts_with("sealed:") && text.len() > 100), "{texts:?}");
        assert_eq!(opened(store, wang).await, Some(secret("GEZDGNBV")));
        assert_eq!(opened(store, chen).await, Some(secret("MFRGGZDF")));

        // What is sealed opens neither without the key nor at another account.
        let elsewhere = Store::open(&fresh.address, Migrations::Check).await.unwrap();
        assert_eq!(opened(&elsewhere, wang).await, None);
        elsewhere.seal_factors(vault, &entry(at)).await.unwrap();
        assert_eq!(opened(&elsewhere, wang).await, Some(secret("GEZDGNBV")));
        let of_wang = store.account(wang).await.unwrap().unwrap().factor.unwrap().secret;
        assert_eq!(store.open_factor(chen, &of_wang), None);
        elsewhere.close().await;
    })
    .await;
}

#[tokio::test]
async fn t17_of_two_changes_at_once_one_gives_a_person_a_role_that_excludes_the_other() {
    on_both(async |fresh| {
        let store = &fresh.store;
        for number in 0..8 {
            let person = format!("李{number}");
            let one = add(store, &person, &format!("a{number}"), Role::Viewer).await.unwrap();
            let other = add(store, &person, &format!("b{number}"), Role::Viewer).await.unwrap();
            let entry = entry(midnight("2026-11-22"));
            let (operator, approver) =
                (AccountChange::SetRole(Role::Operator), AccountChange::SetRole(Role::Approver));
            let given = tokio::join!(
                store.change_account(one, None, &operator, &entry),
                store.change_account(other, None, &approver, &entry)
            );
            let given = [given.0, given.1];
            assert_eq!(given.iter().filter(|given| given.is_ok()).count(), 1, "{person}: {given:?}");
            let refused = given.into_iter().find(Result::is_err).unwrap();
            assert_eq!(refusal(refused), Refusal::RoleHeld);
        }
    })
    .await;
}

#[tokio::test]
async fn t09_many_attempts_at_once_count_as_many() {
    on_both(async |fresh| {
        let store = &fresh.store;
        let minute = Duration::from_secs(60);
        let policy = AttemptPolicy { of_account: 5, of_source: 100, lock: minute };
        let now = midnight("2026-11-22");
        let many = (0..24).map(|number| {
            let source = format!("10.0.0.{number}");
            async move { store.begin_attempt("li", &source, policy, now).await.unwrap() }
        });
        let made = futures_util::future::join_all(many).await;
        let counted = made.iter().filter(|made| matches!(made, Attempt::Counted { .. })).count();
        assert_eq!(counted, 5, "{made:?}");
        assert_eq!(made.iter().filter(|made| **made == Attempt::Counted { locks: true }).count(), 1);
        // A day later nobody has tried again: the names and sources are forgotten with the next who signs in.
        let rows = "SELECT CAST(count(*) AS text) FROM login_attempt";
        assert_ne!(fresh.texts(rows).await, ["0"]);
        let li = add(store, "李", "li", Role::Viewer).await.unwrap();
        for (hours, kept) in [(23, false), (49, true)] {
            let entry = entry(now.plus(minute * 60 * hours));
            let hash = format!("hash {hours}");
            let new = NewSession { hash: &hash, account: li, source: "10.0.0.7", limits: LIMITS };
            store.open_session(&new, &entry).await.unwrap();
            assert_eq!(fresh.texts(rows).await == ["0"], kept, "after {hours} hours");
        }
    })
    .await;
}

#[tokio::test]
async fn t09_attempts_are_counted_and_not_forgotten() {
    on_both(async |fresh| {
        let store = &fresh.store;
        let at = midnight("2026-11-22");
        let minute = Duration::from_secs(60);
        let policy = AttemptPolicy { of_account: 3, of_source: 5, lock: minute };
        let begin = |name: &'static str, at| store.begin_attempt(name, "10.0.0.7", policy, at);
        for locks in [false, false, true] {
            assert_eq!(begin("li", at).await.unwrap(), Attempt::Counted { locks });
        }
        assert_eq!(begin("li", at).await.unwrap(), Attempt::Locked(minute));
        let back = at.minus(minute * 600);
        assert_eq!(begin("li", back).await.unwrap(), Attempt::Locked(minute), "F33");
        assert_eq!(begin("li", back.plus(minute)).await.unwrap(), Attempt::Counted { locks: true });
        assert_eq!(begin("li", back.plus(minute)).await.unwrap(), Attempt::Locked(minute * 2));
        store.forget_attempts("li", "10.0.0.7").await.unwrap();
        assert_eq!(begin("li", back.plus(minute)).await.unwrap(), Attempt::Counted { locks: false });
        assert_eq!(begin("wang", back.plus(minute)).await.unwrap(), Attempt::Counted { locks: true });
        assert_eq!(begin("zhao", back.plus(minute)).await.unwrap(), Attempt::Locked(minute), "the source");
        let day = back.plus(minute * 3000);
        assert_eq!(begin("zhao", day).await.unwrap(), Attempt::Counted { locks: false }, "after a day");
        store.unlock("zhao", &entry(day)).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn t18_a_key_belongs_to_one_request_and_keeps_its_answer_a_month() {
    on_both(async |fresh| {
        let store = &fresh.store;
        let at = midnight("2026-11-22");
        let li = add(store, "李", "li", Role::Operator).await.unwrap();
        let request =
            |key: &str, hash: &str| RequestKey { account: li, key: key.to_owned(), hash: hash.to_owned() };
        let keyed = |request: &RequestKey| AuditEntry { request: Some(request.clone()), ..entry(at) };
        let (first, other) = (request("key-00001", "a"), request("key-00001", "b"));
        assert_eq!(store.claim(&first).await.unwrap(), Claim::New);
        store.settle_key(&first, (201, "{}"), at).await.unwrap();
        assert_eq!(store.claim(&first).await.unwrap(), Claim::New, "what did nothing has no key");
        let head = store.audit(&keyed(&first)).await.unwrap();
        let Claim::Done(found) = store.claim(&first).await.unwrap() else { panic!("it was done") };
        assert_eq!((found.number, found.action.as_str()), (head.number, "account.change"));
        assert_eq!(store.claim(&other).await.unwrap(), Claim::Other);
        for again in [&first, &other] {
            assert_eq!(refusal(store.audit(&keyed(again)).await), Refusal::DoneBefore);
        }
        assert_eq!(store.audit_head().await.unwrap(), head, "and what it wanted to do is undone");
        store.settle_key(&first, (201, "{}"), at).await.unwrap();
        let answered = Claim::Answered { status: 201, answer: "{}".to_owned() };
        let month = at.plus(Duration::from_secs(30 * 86_400));
        store.settle_key(&request("key-00009", "x"), (201, "{}"), month).await.unwrap();
        assert_eq!(store.claim(&first).await.unwrap(), answered);
        // A clock that has leapt ten years ahead lets no key go: the request would be done a second time (F33).
        let leapt = at.plus(Duration::from_secs(3650 * 86_400));
        let ahead = request("key-00008", "y");
        store.audit(&AuditEntry { request: Some(ahead.clone()), ..entry(leapt) }).await.unwrap();
        store.settle_key(&ahead, (201, "{}"), leapt).await.unwrap();
        assert_eq!(store.claim(&first).await.unwrap(), answered);
        let later = at.plus(Duration::from_secs(34 * 86_400));
        let second = request("key-00007", "z");
        let of_then = entry(later.minus(Duration::from_secs(86_400)));
        store.audit(&AuditEntry { request: Some(second), ..of_then }).await.unwrap();
        store.settle_key(&request("key-00009", "x"), (201, "{}"), later).await.unwrap();
        assert_eq!(store.claim(&first).await.unwrap(), Claim::New);
        let race = keyed(&request("key-00002", "a"));
        let raced = futures_util::future::join_all((0..8).map(|_| store.audit(&race))).await;
        assert_eq!(raced.into_iter().filter(Result::is_ok).count(), 1);
        let refused = AuditEntry { request: Some(request("key-00003", "a")), ..entry(at) }.ending("refused");
        store.audit(&refused).await.unwrap();
        assert_eq!(
            store.claim(&request("key-00003", "a")).await.unwrap(),
            Claim::New,
            "nor what was refused"
        );
    })
    .await;
}

#[tokio::test]
async fn t18_a_key_that_an_earlier_version_took_is_not_done_again() {
    on_both(async |fresh| {
        let li = add(&fresh.store, "李", "li", Role::Operator).await.unwrap();
        let taken = format!(
            "INSERT INTO idempotency (account_id, key, request_hash, created_at) VALUES ({li}, 'key-00001', 'a', 0)"
        );
        fresh.run(&taken).await.unwrap();
        let request = RequestKey { account: li, key: "key-00001".to_owned(), hash: "a".to_owned() };
        assert_eq!(fresh.store.claim(&request).await.unwrap(), Claim::Open);
    })
    .await;
}

#[tokio::test]
async fn tokens_are_kept_by_their_hash_and_end() {
    on_both(async |fresh| {
        let store = &fresh.store;
        let at = midnight("2026-11-22");
        let li = add(store, "李", "li", Role::Operator).await.unwrap();
        let new = NewToken {
            account: li,
            name: "robot",
            hash: "hash",
            scopes: &[Action::SeeStatus, Action::RequestCut],
            expires_at: at.plus(Duration::from_secs(86_400)),
        };
        let id = store.add_token(&new, &entry(at)).await.unwrap();
        assert_eq!(refusal(store.add_token(&new, &entry(at)).await), Refusal::NameTaken);
        let (token, account) = store.token("hash").await.unwrap().unwrap();
        assert_eq!((token.id, account.id, token.scopes.len()), (id, li, 2));
        assert!(
            token.holds(at)
                && !token.holds(new.expires_at)
                && !token.holds(at.minus(Duration::from_secs(61)))
        );
        assert_eq!(store.token("other").await.unwrap(), None);
        store.end_token(li, id, &entry(at)).await.unwrap();
        assert_eq!(refusal(store.end_token(li, id, &entry(at)).await), Refusal::NotThere);
        assert!(!store.token("hash").await.unwrap().unwrap().0.holds(at));
        let second = store.add_token(&NewToken { name: "two", hash: "h2", ..new }, &entry(at)).await.unwrap();
        store.change_account(li, None, &AccountChange::SetRole(Role::Viewer), &entry(at)).await.unwrap();
        let all = store.tokens(li).await.unwrap();
        assert!(
            all.iter().any(|token| token.id == second) && all.iter().all(|token| token.ended_at.is_some())
        );
    })
    .await;
}

#[tokio::test]
async fn t16_regions_are_kept_by_area() {
    on_both(async |fresh| {
        let store = &fresh.store;
        let at = midnight("2026-11-22");
        fresh
            .run("INSERT INTO transformer_area (id, name) VALUES (7, '东1'), (8, '东2'), (9, '西')")
            .await
            .unwrap();
        let regions = store.areas_named(&["东2", "东1"]).await.unwrap().unwrap();
        assert_eq!(store.areas_named(&["东2", "无"]).await.unwrap(), None);
        let li = add(store, "李", "li", Role::Operator).await.unwrap();
        assert_eq!(store.account(li).await.unwrap().unwrap().regions, Regions::All);
        let set = AccountChange::SetRegions(&regions);
        let account = store.change_account(li, None, &set, &entry(at)).await.unwrap();
        assert_eq!(account.regions, Regions::Areas(vec![Id::new(7), Id::new(8)]));
        assert_eq!(store.area_names(li).await.unwrap(), ["东1", "东2"]);
        let none = AccountChange::SetRegions(&Regions::Areas(Vec::new()));
        let account = store.change_account(li, None, &none, &entry(at)).await.unwrap();
        assert_eq!(account.regions, Regions::Areas(Vec::new()), "none is not all (F38)");
    })
    .await;
}

#[tokio::test]
async fn t10_a_one_time_password_has_an_end_until_its_owner_sets_another() {
    on_both(async |fresh| {
        let store = &fresh.store;
        let (first, later) = (midnight("2026-11-22"), midnight("2026-12-22"));
        let li = add(store, "李", "li", Role::Operator).await.unwrap();
        let account = store.account(li).await.unwrap().unwrap();
        let until = first.plus(ONE_TIME_FOR);
        assert!(
            !account.one_time_is_over(until.minus(Duration::from_micros(1)))
                && account.one_time_is_over(until)
        );
        let password = PasswordHash("own".to_owned());
        let own = AccountChange::SetPassword(&password);
        let account = store.change_account(li, None, &own, &entry(first)).await.unwrap();
        assert_eq!((account.one_time_until, account.one_time_is_over(later)), (None, false));
        // What has an end no more gets none by the way of a demonstration.
        let kept = AccountChange::KeepOneTime(later);
        let account = store.change_account(li, None, &kept, &entry(first)).await.unwrap();
        assert_eq!((account.one_time_until, account.must_set_password), (None, false));
        let reset = AccountChange::Reset { password: &password, by: None };
        let account = store.change_account(li, None, &reset, &entry(later)).await.unwrap();
        assert_eq!(account.one_time_until, Some(later.plus(ONE_TIME_FOR)));
        // One that was out before there was an end, and got none, is over.
        fresh.run("UPDATE account SET one_time_until = NULL").await.unwrap();
        assert!(store.account(li).await.unwrap().unwrap().one_time_is_over(first));
    })
    .await;
}

#[tokio::test]
async fn t09_tokens_that_nobody_has_are_counted_apart_from_passwords() {
    on_both(async |fresh| {
        let store = &fresh.store;
        let at = midnight("2026-11-22");
        let policy = AttemptPolicy { of_account: 3, of_source: 2, lock: Duration::from_secs(60) };
        for locks in [false, true] {
            assert_eq!(store.begin_token("10.0.0.7", policy, at).await.unwrap(), Attempt::Counted { locks });
        }
        let locked = store.begin_token("10.0.0.7", policy, at).await.unwrap();
        assert_eq!(locked, Attempt::Locked(policy.lock));
        let signing_in = store.begin_attempt("li", "10.0.0.7", policy, at).await.unwrap();
        assert_eq!(signing_in, Attempt::Counted { locks: false });
        let li = add(store, "李", "li", Role::Operator).await.unwrap();
        let new = |name: &'static str, hash: &'static str, days: u64| NewToken {
            account: li,
            name,
            hash,
            scopes: &[Action::SeeStatus],
            expires_at: at.plus(Duration::from_secs(days * 86_400)),
        };
        for (name, hash, days) in [("a", "counts", 9), ("b", "over", 1), ("c", "taken back", 9)] {
            store.add_token(&new(name, hash, days), &entry(at)).await.unwrap();
        }
        let taken_back = store.token("taken back").await.unwrap().unwrap().0.id;
        store.end_token(li, taken_back, &entry(at)).await.unwrap();
        let day = at.plus(Duration::from_secs(86_400));
        assert_eq!(store.token_hashes(day).await.unwrap(), HashSet::from(["counts".to_owned()]));
        let password = PasswordHash("new".to_owned());
        let change = AccountChange::SetPassword(&password);
        store.change_account(li, None, &change, &entry(at)).await.unwrap();
        assert!(store.token_hashes(at).await.unwrap().is_empty(), "a new password ends them");
        let told = fresh.texts("SELECT detail FROM audit ORDER BY number DESC LIMIT 1").await;
        assert_eq!(told, [r#"{"tokens_ended":2}"#]);
    })
    .await;
}

#[tokio::test]
async fn t16_receivers_of_a_billing_service_are_kept_by_name() {
    on_both(async |fresh| {
        let store = &fresh.store;
        let at = midnight("2026-11-22");
        let billing = add(store, "营销", "billing", Role::Billing).await.unwrap();
        let seen = async || store.account(billing).await.unwrap().unwrap();
        assert_eq!(seen().await.sees_receivers(), Some([].as_slice()), "none is not all");
        let names = ["b_c".to_owned(), "a".to_owned()];
        let change = AccountChange::SetReceivers(&names);
        let changed = store.change_account(billing, None, &change, &entry(at)).await.unwrap();
        assert_eq!(changed.sees_receivers(), Some(["a".to_owned(), "b_c".to_owned()].as_slice()));
        store
            .change_account(billing, None, &AccountChange::SetReceivers(&names[..1]), &entry(at))
            .await
            .unwrap();
        assert_eq!(seen().await.receivers, names[..1]);
        store.change_account(billing, None, &AccountChange::SetRole(Role::Viewer), &entry(at)).await.unwrap();
        assert_eq!(seen().await.sees_receivers(), None, "whoever looks sees those of all");
    })
    .await;
}
