//! F33: what waits follows a clock that was set back.

use std::time::Duration;

use chaobiao::domain::AuditEntry;

use crate::{midnight, on_both};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn f33_what_waits_follows_a_clock_that_was_set_back_and_what_is_over_stays() {
    on_both(async |fresh| {
        let now = midnight("2026-11-22");
        fresh.store.make_partitions(std::iter::once("2026-11-22".parse().unwrap())).await.unwrap();
        let at = now.micros();
        let soon = now.plus(Duration::from_secs(25 * 3600)).micros();
        let past = now.minus(HOUR).micros();
        let mut sql = String::new();
        // Waiting, leased, delivered; waiting and due.
        for (number, state, next) in [(1, 1, soon), (2, 2, soon), (3, 3, soon), (4, 1, past)] {
            sql += &format!(
                "INSERT INTO outbox (point_id, item, kind, at, version, receiver, key, state, next_at, tries) \
                 VALUES ({number}, 1, 1, {at}, 1, 'r', 'key {number}', {state}, {next}, 1);\
                 INSERT INTO alarm_message (alarm_id, channel, number, tells, state, next_at, tries, repeat_at) \
                 VALUES ({number}, 'c', 1, 1, {state}, {next}, 1, {next});"
            );
        }
        sql += &format!(
            "INSERT INTO billing_receiver (name, kind, since, is_configured, rest_until) \
             VALUES ('r', 'http', 0, 1, {soon}), ('s', 'http', 0, 1, {past});"
        );
        fresh.run(&sql).await.unwrap();
        // The clock showed a day later.
        let moved = fresh.store.follow_clock(-24 * 3_600_000_000, now).await.unwrap();
        assert_eq!(moved, 2 + 1 + 2 + 3);
        let hour = now.plus(HOUR).micros();
        let of = async |sql: &str| fresh.texts(sql).await;
        let expected = [hour, hour, soon, past].map(|at| at.to_string());
        assert_eq!(of("SELECT CAST(next_at AS text) FROM outbox ORDER BY point_id").await, expected);
        assert_eq!(of("SELECT CAST(next_at AS text) FROM alarm_message ORDER BY alarm_id").await, expected);
        let repeats = [hour, hour, hour, past].map(|at| at.to_string());
        assert_eq!(of("SELECT CAST(repeat_at AS text) FROM alarm_message ORDER BY alarm_id").await, repeats);
        let rests = [hour, past].map(|at| at.to_string());
        let rest = "SELECT CAST(rest_until AS text) FROM billing_receiver WHERE name IN ('r', 's') ORDER BY name";
        assert_eq!(of(rest).await, rests);
    })
    .await;
}

#[tokio::test]
async fn f33_when_something_was_noted_last_is_known() {
    on_both(async |fresh| {
        assert_eq!(fresh.store.last_noted().await.unwrap(), None);
        let late = midnight("2026-11-23");
        for at in [late, late.minus(HOUR)] {
            fresh.store.audit(&AuditEntry::of_system(at, "test", "test")).await.unwrap();
            assert_eq!(
                fresh.store.last_noted().await.unwrap(),
                Some(at),
                "the newest, not the one of the latest time"
            );
        }
    })
    .await;
}
