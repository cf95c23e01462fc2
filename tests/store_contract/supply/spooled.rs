//! An audit log that takes no entry: what gives supply back or holds cuts back goes on, and its entries wait (T26).

use chaobiao::domain::AuditEntry;
use chaobiao::domain::access::RequestKey;
use chaobiao::domain::supply::{HaltKind, OrderState};
use chaobiao::store::access::Claim;
use chaobiao::store::supply::{AttemptOutcome, Intended, SupplyError};
use chaobiao::store::{Address, AuditRecord, Loss, Store, StoreError};

use super::ready::{HOUR, acting, cut, restore};
use super::steps::{armed, intend, state};
use super::{LIMITS, approve, now, town};
use crate::{Fresh, on_both};

/// Has the log refuse every entry, as a trigger, a right that is missing or a damaged table would.
async fn shut(fresh: &Fresh) {
    let sql = match &fresh.address {
        Address::Sqlite(_) => {
            "CREATE TRIGGER shut BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'shut'); END"
        }
        Address::Postgres(_) => {
            "CREATE TRIGGER shut BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION refuse('shut')"
        }
    };
    fresh.run(sql).await.unwrap();
}

async fn opened(fresh: &Fresh) {
    let sql = match &fresh.address {
        Address::Sqlite(_) => "DROP TRIGGER shut",
        Address::Postgres(_) => "DROP TRIGGER shut ON audit",
    };
    fresh.run(sql).await.unwrap();
}

fn is_refused<T>(done: Result<T, impl Into<SupplyError>>) -> bool {
    let Err(error) = done else { return false };
    matches!(error.into(), SupplyError::Store(error) if error.kind() == "audit_refused")
}

async fn waiting(store: &Store) -> u64 {
    store.spooled().await.unwrap().map_or(0, |waiting| waiting.count)
}

fn actions(entries: &[AuditRecord]) -> Vec<&str> {
    entries.iter().map(|entry| entry.action.as_str()).collect()
}

#[tokio::test]
async fn t26_supply_is_given_back_and_cuts_are_held_while_the_log_takes_no_entry_and_all_is_entered_behind() {
    on_both(async |fresh| {
        let homes = town(fresh, 4).await;
        let (store, li, wang) = (&fresh.store, acting("li", now()), acting("wang", now()));
        let sent = armed(store, &cut(&homes[..1], now()), now()).await;
        assert!(matches!(intend(store, sent, homes[0], now()).await, Intended::Kept(_)));
        let open = store.ask_order(&li, &cut(&homes[1..2], now()), &LIMITS, now()).await.unwrap().id;
        approve(store, open, "wang", now()).await.unwrap();
        let mine = store.ask_order(&li, &cut(&homes[2..3], now()), &LIMITS, now()).await.unwrap().id;
        let before = store.audit_head().await.unwrap();
        shut(fresh).await;

        // Nothing that takes supply away, or makes that easier.
        let asked = store.ask_order(&li, &cut(&homes[3..], now()), &LIMITS, now()).await;
        assert!(is_refused(asked.map(drop)));
        assert!(is_refused(approve(store, mine, "wang", now()).await));
        assert!(is_refused(store.arm_point((open, homes[1].point), now(), &LIMITS, now()).await));
        assert!(is_refused(store.loosen_ceilings(&wang, now()).await));
        assert_eq!(
            (state(store, mine).await, state(store, open).await),
            (OrderState::Submitted, OrderState::Approved)
        );
        assert_eq!(waiting(store).await, 0, "what is refused leaves nothing behind");

        // What gives it back goes to the meter, each step with its entry.
        let back = store.ask_order(&li, &restore(&homes[3..], now()), &LIMITS, now()).await.unwrap();
        assert_eq!(back.state, OrderState::Approved);
        assert_eq!(store.arm_point((back.id, homes[3].point), now(), &LIMITS, now()).await.unwrap(), []);
        assert!(matches!(intend(store, back.id, homes[3], now()).await, Intended::Kept(_)));
        // What has happened is kept, also of a cut that had left.
        let attempt = store.last_attempt(sent, homes[0].point).await.unwrap().unwrap().0;
        store.note_outcome(&attempt, (AttemptOutcome::Accepted, "9C"), now(), now()).await.unwrap();
        assert_eq!(state(store, sent).await, OrderState::Accepted);
        store.cancel_order(&li, open, now()).await.unwrap();
        store.press_stop(&li, "smoke", now()).await.unwrap();
        assert!(is_refused(store.lift_halt(&wang, HaltKind::Stop, now()).await));
        assert_eq!(
            store.halts().await.unwrap()[0].lifted_by,
            [""; 0],
            "who wanted it is not kept without its entry"
        );
        let all = ["order.submit", "order.arm", "order.intent", "order.sent", "order.cancel", "stop.press"];
        assert_eq!((waiting(store).await, store.audit_head().await.unwrap()), (6, before));
        assert!(matches!(store.enter_spooled(now()).await, Err(StoreError::AuditRefused(_))));
        assert_eq!(waiting(store).await, 6);

        // It takes entries again: in their order, with their own time, each once, whoever enters them.
        opened(fresh).await;
        store.audit(&AuditEntry::of_system(now().plus(HOUR), "test", "between")).await.unwrap();
        let later = now().plus(HOUR * 2);
        let (one, other) = tokio::join!(store.enter_spooled(later), store.enter_spooled(later));
        assert_eq!(one.unwrap() + other.unwrap(), 6);
        assert_eq!((waiting(store).await, store.enter_spooled(later).await.unwrap()), (0, 0));
        let entries = store.audit_after(before.number + 1, 100).await.unwrap();
        assert_eq!(actions(&entries), all);
        for entry in &entries {
            assert_eq!(entry.at, now());
            assert!(entry.detail.contains(&format!("\"spooled_until\":\"{later}\"")), "{entry:?}");
        }
        assert_eq!((entries[0].actor.as_str(), entries[0].order), ("li", Some(back.id.number())));
        let end = store.verify_audit(&[before]).await.unwrap().unwrap();
        assert_eq!(end.number, before.number + 7);
        // And cuts go on.
        approve(store, mine, "wang", now()).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn t18_t26_a_restore_with_a_key_is_done_once_whether_its_entry_waits_or_not() {
    on_both(async |fresh| {
        let homes = town(fresh, 1).await;
        let (store, li) = (&fresh.store, acting("li", now()));
        let request = RequestKey { account: li.account, key: "key-00001".to_owned(), hash: "a".to_owned() };
        let keyed = chaobiao::domain::access::Acting { request: Some(request.clone()), ..li };
        shut(fresh).await;
        let asked = store.ask_order(&keyed, &restore(&homes, now()), &LIMITS, now()).await.unwrap();
        let again = store.ask_order(&keyed, &restore(&homes, now()), &LIMITS, now()).await;
        assert!(
            matches!(
                again,
                Err(SupplyError::Store(StoreError::Refused(chaobiao::store::Refusal::DoneBefore)))
            ),
            "{again:?}"
        );
        let known = async || match store.claim(&request).await.unwrap() {
            Claim::Done(entry) => (entry.action.clone(), entry.order, entry.number > 0),
            other => panic!("{other:?}"),
        };
        let done = |is_entered| ("order.submit".to_owned(), Some(asked.id.number()), is_entered);
        assert_eq!((known().await, waiting(store).await), (done(false), 1));
        opened(fresh).await;
        assert_eq!(store.enter_spooled(now()).await.unwrap(), 1);
        assert_eq!(known().await, done(true));
    })
    .await;
}

/// What waits is entered in portions: a log that refuses in the middle has those before it, and the others go on waiting.
#[tokio::test]
async fn t26_entries_that_wait_are_neither_lost_nor_doubled_where_entering_them_breaks_off() {
    on_both(async |fresh| {
        let store = &fresh.store;
        shut(fresh).await;
        for number in 0..250 {
            let entry = AuditEntry::of_system(now(), "order.seen", format!("point {number}"));
            store.audit_or_spool(&entry).await.unwrap();
        }
        opened(fresh).await;
        let sql = match &fresh.address {
            Address::Sqlite(_) => {
                "CREATE TRIGGER shut BEFORE INSERT ON audit WHEN NEW.object = 'point 230' BEGIN SELECT RAISE(ABORT, 'shut'); END"
            }
            Address::Postgres(_) => {
                "CREATE TRIGGER shut BEFORE INSERT ON audit FOR EACH ROW WHEN (NEW.object = 'point 230') \
                 EXECUTE FUNCTION refuse('shut')"
            }
        };
        fresh.run(sql).await.unwrap();
        assert!(matches!(store.enter_spooled(now()).await, Err(StoreError::AuditRefused(_))));
        assert_eq!((waiting(store).await, store.audit_head().await.unwrap().number), (50, 200));
        opened(fresh).await;
        assert_eq!(store.enter_spooled(now()).await.unwrap(), 50);
        let entries = store.audit_after(0, 1000).await.unwrap();
        let objects: Vec<_> = entries.iter().map(|entry| entry.object.clone()).collect();
        assert_eq!(objects, (0..250).map(|number| format!("point {number}")).collect::<Vec<_>>());
        store.verify_audit(&[]).await.unwrap().unwrap();
    })
    .await;
}

/// A copy that was behind and has taken the place of the database: the STOP that waited is among what is gone.
#[tokio::test]
async fn f31_an_entry_that_waited_and_is_gone_with_what_it_told_of_is_found_out() {
    on_both(async |fresh| {
        let store = &fresh.store;
        shut(fresh).await;
        store.press_stop(&acting("li", now()), "smoke", now()).await.unwrap();
        assert_eq!(store.is_audit_there().await.unwrap(), None);
        for sql in ["DELETE FROM audit_spool", "UPDATE audit_spool SET result = 'other'"] {
            assert!(fresh.run(sql).await.is_err(), "{sql}");
        }
        opened(fresh).await;
        assert_eq!(store.enter_spooled(now()).await.unwrap(), 1);
        assert_eq!(store.is_audit_there().await.unwrap(), None, "it is in the log");
        assert!(fresh.run("UPDATE audit_spool SET entered = NULL").await.is_err(), "it is entered once");

        shut(fresh).await;
        store.audit_or_spool(&AuditEntry::of_system(now(), "test", "waits")).await.unwrap();
        fresh
            .run(match &fresh.address {
                Address::Sqlite(_) => "DROP TRIGGER audit_spool_is_kept",
                Address::Postgres(_) => "DROP TRIGGER audit_spool_is_kept ON audit_spool",
            })
            .await
            .unwrap();
        fresh.run("DELETE FROM audit_spool WHERE entered IS NULL").await.unwrap();
        let loss = Loss::Waiting { id: 2 };
        assert_eq!(store.is_audit_there().await.unwrap(), Some(loss));
        store.halt_for_loss(loss, now()).await.unwrap();
        let halts = store.halts().await.unwrap();
        let held = halts.iter().find(|halt| halt.kind == HaltKind::DatabaseBehind).unwrap();
        assert_eq!(held.reason, "waiting 2");
    })
    .await;
}
