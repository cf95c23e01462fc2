//! What happens while an order is on its way: in whichever order the transactions come, no intent is kept behind an event
//! that stands against it (F45).

use chaobiao::domain::access::Regions;
use chaobiao::domain::supply::{Ceilings, OrderState};
use chaobiao::store::supply::{AttemptOutcome, Intended, Limits};
use chaobiao::store::{Address, AuditFilter, Migrations, Store};
use simulator::seed::Seed;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::happening::{EVENTS, happen, undo};
use super::ready::{acting, cut};
use super::steps::{armed, intend, intend_within};
use super::{LIMITS, approved, now, shown, town};
use crate::{Fresh, empty_databases};

/// What came of the interleavings of one event.
#[derive(Default)]
struct Counts {
    /// The event came first, and nothing was kept.
    first: u32,
    /// The intent was kept first.
    late: u32,
}

#[tokio::test]
async fn f45_no_intent_is_kept_behind_an_event_that_stands_against_it() {
    race(&in_memory().await, 12, 20_261_128).await;
}

#[tokio::test]
#[ignore = "long: a thousand interleavings of each event"]
async fn f45_a_thousand_interleavings_of_each_event() {
    race(&in_memory().await, 1000, 45).await;
}

#[tokio::test]
async fn f45_nor_is_any_on_postgresql() {
    for (folder, address) in empty_databases().await.into_iter().skip(1) {
        let store = Store::open(&address, Migrations::Run).await.unwrap();
        let fresh = Fresh { store, address, folder };
        race(&fresh, 3, 7).await;
        fresh.store.close().await;
    }
}

/// An order of several points that two have let pass one ceiling, while another one is lowered: what is kept is kept before.
#[tokio::test]
async fn f45_f51_of_an_order_that_two_let_pass_no_intent_is_kept_behind_a_lower_ceiling() {
    let fresh = in_memory().await;
    let homes = town(&fresh, 3).await;
    let store = &fresh.store;
    let limits = Limits { ceilings: Ceilings { day: 1, ..Ceilings::BUILT_IN }, ..LIMITS };
    let (mut first, mut late, mut between) = (0, 0, 0);
    for round in 0..40 {
        let draw = Seed::new(51).named("lower ceiling").number(round);
        let id = store.ask_order(&acting("li", now()), &cut(&homes, now()), &limits, now()).await.unwrap().id;
        for name in ["wang", "zhao"] {
            let seen = shown(store, id, &limits, now()).await;
            store.approve_order(&acting(name, now()), id, &seen, &limits, now()).await.unwrap();
        }
        for home in &homes {
            assert_eq!(store.arm_point((id, home.point), now(), &limits, now()).await.unwrap(), []);
        }
        let steps = async {
            let mut kept = Vec::new();
            for home in &homes {
                pause(draw % 5).await;
                if matches!(intend_within(store, id, *home, &limits).await, Intended::Kept(_)) {
                    kept.push(*home);
                }
            }
            kept
        };
        let lowered = async {
            pause(draw / 5 % 23).await;
            let lower = Ceilings { hour: 1, ..Ceilings::BUILT_IN };
            store.tighten_ceilings(&acting("admin", now()), lower, now()).await.unwrap();
        };
        let (kept, ()) = tokio::join!(steps, lowered);
        let of = async |order, action: &str| {
            let filter = AuditFilter { order, action: Some(action.to_owned()), ..AuditFilter::default() };
            store.audit_before(&filter, i64::MAX, 9).await.unwrap()
        };
        let happened = of(None, "ceiling.tighten").await[0].number;
        let intents = of(Some(id.number()), "order.intent").await;
        assert_eq!(intents.len(), kept.len());
        assert!(intents.iter().all(|intent| intent.number < happened), "an intent was kept behind it");
        match kept.len() {
            0 => first += 1,
            3 => late += 1,
            _ => between += 1,
        }
        for home in kept {
            let (attempt, _) = store.last_attempt(id, home.point).await.unwrap().unwrap();
            store.note_outcome(&attempt, (AttemptOutcome::NotSent, ""), now(), now()).await.unwrap();
        }
        store.cancel_order(&acting("li", now()), id, now()).await.unwrap();
        undo(&fresh, now()).await;
    }
    println!("f45 seed 51 lower ceiling, two approved: {first} before, {between} between, {late} behind");
    assert!(first + between > 0 && late + between > 0, "{first} {between} {late}");
    fresh.store.close().await;
}

/// A change that another transaction has made and not committed yet: the intent waits for it, and is judged by it.
#[tokio::test]
async fn f45_a_change_that_is_being_made_is_waited_for_on_postgresql() {
    for (folder, address) in empty_databases().await.into_iter().skip(1) {
        let Address::Postgres(url) = &address else { continue };
        let mut other = PgConnection::connect(url).await.unwrap();
        let mut watch = PgConnection::connect(url).await.unwrap();
        let store = Store::open(&address, Migrations::Run).await.unwrap();
        let fresh = Fresh { store, address: address.clone(), folder };
        let homes = town(&fresh, 3).await;
        let [one, two, three] = [0, 1, 2].map(|place| homes[place].point);
        let changes = [
            format!("UPDATE installation SET removed_at = {} WHERE point_id = {one}", now().micros()),
            format!("UPDATE metering_point SET customer_id = customer_id + 100 WHERE id = {two}"),
            // Behind the others, since it holds for all.
            format!("UPDATE account SET is_enabled = 0 WHERE name = 'wang' AND {three} > 0"),
        ];
        let mut ids = Vec::new();
        for home in &homes {
            ids.push(armed(&fresh.store, &cut(&[*home], now()), now()).await);
        }
        for ((change, home), id) in changes.into_iter().zip(&homes).zip(ids) {
            sqlx::raw_sql(AssertSqlSafe(format!("BEGIN; {change}"))).execute(&mut other).await.unwrap();
            let mut intending = std::pin::pin!(intend(&fresh.store, id, *home, now()));
            let waits = async {
                loop {
                    let waiting: i64 = sqlx::query_scalar(
                        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
                    )
                    .fetch_one(&mut watch)
                    .await
                    .unwrap();
                    if waiting > 0 {
                        return;
                    }
                }
            };
            tokio::select! {
                found = &mut intending => panic!("it was not waited for: {found:?}"),
                () = waits => {}
            }
            sqlx::raw_sql("COMMIT").execute(&mut other).await.unwrap();
            let found = intending.await;
            assert!(matches!(&found, Intended::Objected(objections) if !objections.is_empty()), "{found:?}");
        }
        fresh.store.close().await;
    }
}

/// A database that no disk slows down, where there is such a place.
async fn in_memory() -> Fresh {
    let folder = tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap());
    let address = Address::Sqlite(folder.path().join("store.db"));
    let store = Store::open(&address, Migrations::Run).await.unwrap();
    Fresh { store, address, folder }
}

async fn race(fresh: &Fresh, rounds: u32, seed: u64) {
    let count = u32::try_from(EVENTS.len()).unwrap();
    let homes = town(fresh, rounds * count).await;
    let mut homes = homes.into_iter();
    for (event, _) in EVENTS {
        let mut counts = Counts::default();
        for round in 0..rounds {
            let draw = Seed::new(seed).named(event).number(u64::from(round));
            let home = homes.next().unwrap();
            let id = approved(&fresh.store, &cut(&[home], now()), now()).await;
            let steps = async {
                pause(draw % 7).await;
                let armed = fresh.store.arm_point((id, home.point), now(), &LIMITS, now()).await.unwrap();
                pause(draw / 7 % 7).await;
                (armed.is_empty(), intend(&fresh.store, id, home, now()).await)
            };
            let other = async {
                pause(draw / 49 % 19).await;
                happen(fresh, event, id, home, now()).await;
            };
            let ((_, intended), ()) = if draw.is_multiple_of(2) {
                tokio::join!(steps, other)
            } else {
                let (other, steps) = tokio::join!(other, steps);
                (steps, other)
            };
            judge(fresh, event, id.number(), &intended, &mut counts).await;
            settle(fresh, id, home, &intended).await;
            undo(fresh, now()).await;
        }
        println!("f45 seed {seed} {event}: {} stopped, {} sent before", counts.first, counts.late);
        assert_eq!(counts.first + counts.late, rounds);
        // Of a few rounds all may fall on one side.
        assert!(counts.first > 0 || rounds < 50, "{event} never came first");
    }
}

/// Lets others go ahead so many times.
async fn pause(turns: u64) {
    for _ in 0..turns {
        tokio::task::yield_now().await;
    }
    if turns > 3 {
        // A round trip to the database on another connection, as a real pause.
        tokio::task::spawn_blocking(|| ()).await.unwrap();
    }
}

/// An intent that is kept stands in the audit log in front of the event.
async fn judge(fresh: &Fresh, event: &str, order: i64, intended: &Intended, counts: &mut Counts) {
    if let Intended::Objected(_) = intended {
        counts.first += 1;
        return;
    }
    let filter =
        AuditFilter { order: Some(order), action: Some("order.intent".into()), ..AuditFilter::default() };
    let intent = fresh.store.audit_before(&filter, i64::MAX, 1).await.unwrap().remove(0).number;
    let of_event = match event {
        "payment" => "evidence.payment",
        "protection" => "protection.add",
        "withdrawal" => "order.withdraw",
        "lower ceiling" => "ceiling.tighten",
        "stop" => "stop.press",
        "no list" => "protection.load",
        "calendar" => "calendar.add",
        "restore" => "order.submit",
        "crossed" => "evidence.identity",
        // These two leave no entry here: the account and the meter are changed by others.
        "swap" | "disabled approver" => {
            counts.late += 1;
            return;
        }
        // What is being sent does not expire.
        "expiry" => {
            let filter = AuditFilter { action: Some("order.expire".into()), ..AuditFilter::default() };
            let expired = fresh.store.audit_before(&filter, i64::MAX, 1).await.unwrap();
            let is_expired = expired.iter().any(|entry| entry.object.contains(&order.to_string()));
            assert!(!is_expired, "an intent was kept for an order that has expired");
            counts.late += 1;
            return;
        }
        other => panic!("{other}"),
    };
    let filter = AuditFilter { action: Some(of_event.into()), ..AuditFilter::default() };
    let happened = fresh.store.audit_before(&filter, i64::MAX, 1).await.unwrap().remove(0).number;
    assert!(intent < happened, "{event}: an intent was kept behind it");
    counts.late += 1;
}

/// Ends an order that was sent, so that it weighs on no ceiling.
async fn settle(
    fresh: &Fresh,
    id: chaobiao::domain::Id<chaobiao::domain::supply::SupplyOrder>,
    home: super::ready::Home,
    intended: &Intended,
) {
    let view = fresh.store.supply_order(id, &Regions::All).await.unwrap().unwrap();
    if let Intended::Kept(_) = intended {
        let (attempt, _) = fresh.store.last_attempt(id, home.point).await.unwrap().unwrap();
        fresh.store.note_outcome(&attempt, (AttemptOutcome::NotSent, ""), now(), now()).await.unwrap();
    }
    let open = [OrderState::Submitted, OrderState::Approved, OrderState::Armed, OrderState::Sending];
    if open.contains(&view.order.state) {
        fresh.store.cancel_order(&acting("li", now()), id, now()).await.unwrap();
    }
}
