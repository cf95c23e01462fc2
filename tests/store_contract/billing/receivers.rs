//! Who is given billing values besides the ledger, on both databases.

use std::time::Duration;

use chaobiao::domain::access::{Regions, Role};
use chaobiao::domain::{Day, Item};
use chaobiao::store::billing::{LeaseEnd, RetryKeys};

use super::{freeze, install, push, rules, save};
use crate::readings::minutes;
use crate::{midnight, on_both};

/// Registers of two midnights and the consumption between, of two points, for the ledger and another receiver.
#[tokio::test]
async fn f39_a_receiver_rests_as_a_whole_and_is_then_offered_the_oldest_days_first() {
    on_both(async |fresh| {
        let store = &fresh.store;
        install(store, 2, "1").await;
        let now = midnight("2026-11-21").plus(minutes(20));
        store.know_receivers(&[("ledger", "ledger"), ("other", "http")], now).await.unwrap();
        let mut rules = rules();
        rules.receivers.push("other".to_owned());
        for day in ["2026-11-21", "2026-11-20"] {
            save(store, &[freeze(1, midnight(day), 100), freeze(2, midnight(day), 100)], now).await;
            chaobiao::billing::settle_due(store, &rules, now).await.unwrap();
        }
        let until = now.plus(Duration::from_secs(60));
        store.rest_receiver("other", until, now).await.unwrap();
        assert!(store.lease_outbox("other", 2, until, now).await.unwrap().records.is_empty());
        assert_eq!(store.next_outbox("other").await.unwrap(), Some(until));
        let lease = store.lease_outbox("other", 2, until.plus(minutes(1)), until).await.unwrap();
        let days: Vec<String> = lease.records.iter().map(|record| record.key.day.to_string()).collect();
        assert_eq!(days, ["2026-11-20", "2026-11-20"]);
        let error = || "no".to_owned();
        let ends = |end: fn(String) -> LeaseEnd| {
            lease.records.iter().map(|record| (record.key, record.version, end(error()))).collect::<Vec<_>>()
        };
        store
            .end_lease("other", lease.token, &ends(|error| LeaseEnd::Refused { error }), until)
            .await
            .unwrap();
        let all = store.receiver_statuses().await.unwrap();
        let other = all.iter().find(|status| status.name == "other").unwrap();
        assert_eq!(
            (other.kind.as_str(), other.is_configured, other.waiting, other.parked),
            ("http", true, 4, 2)
        );
        assert_eq!(other.oldest_waiting, Some("2026-11-20".parse::<Day>().unwrap()));
        assert_eq!(other.last_error, Some((until, "no".to_owned())));

        // Of their own region only, one key or all.
        let mut acting = crate::proposals::acting(1, Role::Operator);
        acting.regions = Regions::Areas(Vec::new());
        assert_eq!(store.retry_parked("other", RetryKeys::All, &acting, until).await.unwrap(), 0);
        acting.regions = Regions::All;
        let key = lease.records[0].text.as_str();
        assert_eq!(store.retry_parked("other", RetryKeys::One(key), &acting, until).await.unwrap(), 1);
        assert_eq!(store.retry_parked("other", RetryKeys::All, &acting, until).await.unwrap(), 1);
        let audited = fresh.texts("SELECT object FROM audit WHERE action = 'billing.retry'").await;
        assert_eq!(audited, ["receiver other", "receiver other"]);

        // One that comes later is filled from its day on, and once.
        store.know_receivers(&[("ledger", "ledger"), ("late", "csv")], until).await.unwrap();
        let day: Day = "2026-11-21".parse().unwrap();
        assert_eq!(store.fill_outbox("late", day, until).await.unwrap(), 2);
        assert_eq!(store.fill_outbox("late", day, until).await.unwrap(), 0);
        store.note_filled("late", day).await.unwrap();
        assert_eq!(store.filled_from("late").await.unwrap(), Some(day));
        let all = store.receiver_statuses().await.unwrap();
        let left_out: Vec<_> =
            all.iter().map(|status| (status.name.as_str(), status.is_configured)).collect();
        assert_eq!(left_out, [("late", true), ("ledger", true), ("other", false)]);

        // What we say of a day, and what the ledger has of it.
        assert!(store.entered_of(day, None).await.unwrap().is_empty());
        push(store, until).await;
        let (ours, theirs) =
            (store.said_of(day, None).await.unwrap(), store.entered_of(day, None).await.unwrap());
        assert_eq!((ours.len(), &ours), (2, &theirs));
        assert_eq!((ours[0].item, ours[0].value), (Item::parse("1.8.0").unwrap(), 100));
        assert!(store.said_of(day, Some("no such route")).await.unwrap().is_empty());
        assert_eq!(store.routes_of_points().await.unwrap().len(), 2);
    })
    .await;
}
