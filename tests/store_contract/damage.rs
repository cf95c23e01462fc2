//! Bits that flip where the store keeps its rows: found, told, and never used (F42).

use chaobiao::domain::{AlarmKind, Coded, Id, Quality, RegisterReading, Suspicion};
use chaobiao::store::billing::Which;
use chaobiao::store::{Address, Large, SEALED};

use crate::billing::{freeze, install, item, ledger, outbox, push, save, settle};
use crate::readings::{brought, curve, curves, night};
use crate::{Fresh, midnight, on_both};

/// Does to rows what no program may.
async fn flip(fresh: &Fresh, sql: &str) {
    let free = match &fresh.address {
        Address::Sqlite(_) => {
            let triggers = fresh
                .texts("SELECT name FROM sqlite_schema WHERE type = 'trigger' AND sql LIKE '%UPDATE ON%'")
                .await;
            triggers.iter().map(|name| format!("DROP TRIGGER {name};")).collect()
        }
        Address::Postgres(_) => "SET session_replication_role = replica;".to_owned(),
    };
    fresh.run(&format!("{free}{sql}")).await.unwrap();
}

/// What is told.
async fn told(fresh: &Fresh) -> Vec<String> {
    let kind = AlarmKind::StoreDamaged.code();
    fresh.texts(&format!("SELECT subject FROM alarm WHERE kind = {kind} ORDER BY subject")).await
}

/// A point with registers of three midnights, settled and handed over.
async fn three_days(fresh: &Fresh) {
    install(&fresh.store, 1, "1").await;
    let values = [("2026-11-20", 1_000_000), ("2026-11-21", 1_010_000), ("2026-11-22", 1_030_000)];
    let readings: Vec<_> = values.iter().map(|(at, value)| freeze(1, midnight(at), *value)).collect();
    save(&fresh.store, &readings, night()).await;
    settle(&fresh.store, night()).await;
}

#[tokio::test]
async fn f42_a_flipped_register_is_told_is_not_billed_and_heals_when_it_is_read_again() {
    on_both(async |fresh| {
        three_days(fresh).await;
        push(&fresh.store, night()).await;
        let before = ledger(fresh).await;
        let at = midnight("2026-11-21");
        flip(
            fresh,
            &format!("UPDATE register_ledger SET value = value + 65536 WHERE as_of = {}", at.micros()),
        )
        .await;
        let key = freeze(1, at, 0).key();
        assert!(fresh.store.accepted(&[key]).await.unwrap().is_empty());
        let shown = fresh.store.ledger(Id::new(1), at, at).await.unwrap();
        let damaged = Quality::Suspect(Suspicion::Damaged);
        assert_eq!((shown[0].reading.quality, shown[0].is_current), (damaged, false));
        // Something else of that day comes in: what is damaged is taken for nothing, and what was said is taken back.
        save(
            &fresh.store,
            &[RegisterReading { item: item("1.6.0"), ..freeze(1, midnight("2026-11-20"), 500) }],
            night(),
        )
        .await;
        settle(&fresh.store, night()).await;
        push(&fresh.store, night()).await;
        assert_eq!(told(fresh).await, ["register_ledger 2026-11-21"]);
        let after = ledger(fresh).await;
        assert!(after.iter().all(|line| !line.contains("65536") && !line.contains("75536")), "{after:?}");
        let taken_back = |line: &&String| line.contains("consumption/P1/1-0:1.8.0/2026-11-20/2 - -");
        assert_eq!(after.iter().filter(taken_back).count(), 1, "{before:?} {after:?}");
        // The meter still has its freeze.
        save(&fresh.store, &[freeze(1, at, 1_010_000)], night()).await;
        settle(&fresh.store, night()).await;
        push(&fresh.store, night()).await;
        assert_eq!(fresh.store.accepted(&[key]).await.unwrap()[&key].version, 2);
        let healed = ledger(fresh).await;
        let said = |line: &&String| line.contains("consumption/P1/1-0:1.8.0/2026-11-20/3 1000000 0");
        assert_eq!(healed.iter().filter(said).count(), 1, "{healed:?}");
    })
    .await;
}

#[tokio::test]
async fn f42_a_flipped_billing_value_is_offered_to_nobody_and_is_computed_anew() {
    on_both(async |fresh| {
        three_days(fresh).await;
        let at = midnight("2026-11-20").micros();
        flip(fresh, &format!("UPDATE billing_value SET value = value + 1 WHERE kind = 2 AND at = {at}"))
            .await;
        push(&fresh.store, night()).await;
        let key = "consumption/P1/1-0:1.8.0/2026-11-20";
        let of_it =
            |lines: Vec<String>| lines.into_iter().filter(|line| line.starts_with(key)).collect::<Vec<_>>();
        assert_eq!(of_it(ledger(fresh).await), [""; 0]);
        assert_eq!(of_it(outbox(fresh).await), [format!("{key}/1 parked")]);
        assert_eq!(told(fresh).await, ["billing_value 2026-11-20"]);
        settle(&fresh.store, night()).await;
        push(&fresh.store, night()).await;
        assert_eq!(of_it(ledger(fresh).await), [format!("{key}/2 1000000 0")]);
        assert_eq!(of_it(outbox(fresh).await), [format!("{key}/1 superseded"), format!("{key}/2 delivered")]);
        let lines = fresh.store.billing_lines(Which::OfPoint("P1")).await.unwrap();
        let shown = lines.iter().find(|line| line.content.lineage.contains("damaged")).unwrap();
        assert_eq!(shown.content.value, None, "what is damaged is shown as nothing");
    })
    .await;
}

#[tokio::test]
async fn f42_a_flipped_curve_is_not_shown_and_nothing_is_put_beside_it() {
    on_both(async |fresh| {
        let whole = curve(1, "1.8.0", 96, &[Some(1), None, Some(3)]);
        fresh.store.save(&brought(fresh, whole.clone()), night()).await.unwrap();
        let wrong = match &fresh.address {
            Address::Sqlite(_) => "UPDATE interval_day SET v = '[1,null,7]'",
            Address::Postgres(_) => "UPDATE interval_day SET v = '{1,NULL,7}'",
        };
        flip(fresh, wrong).await;
        assert_eq!(curves(fresh, 1, "1.8.0").await, []);
        let before = fresh.content(&["interval_day"]).await;
        let more = curve(1, "1.8.0", 96, &[Some(1), Some(2), Some(3), Some(4)]);
        let receipt = fresh.store.save(&brought(fresh, more), night()).await.unwrap();
        assert_eq!((receipt.filled, receipt.conflicts.len()), (0, 0));
        assert_eq!(fresh.content(&["interval_day"]).await, before);
        assert_eq!(told(fresh).await, ["interval_day 2026-11-21"]);
    })
    .await;
}

#[tokio::test]
async fn f42_any_flipped_number_of_a_row_is_found_by_looking() {
    on_both(async |fresh| {
        three_days(fresh).await;
        fresh
            .store
            .save(&brought(fresh, curve(1, "16.7.0", 96, &[Some(-5), None, Some(7)])), night())
            .await
            .unwrap();
        let damaged = async |table: Large| fresh.store.look_for_damage(table).await.unwrap().damaged.len();
        for table in SEALED {
            let looked = fresh.store.look_for_damage(table).await.unwrap();
            assert!(looked.rows > 0 && looked.damaged.is_empty(), "{looked:?}");
        }
        let rows = [
            (Large::Registers, &["as_of", "value", "quality", "source", "version", "item"][..], 64),
            (Large::BillingValues, &["value", "read_at", "version", "kind"], 64),
            (Large::BillingValues, &["quality"], 1),
            (Large::Intervals, &["slots"], -48),
        ];
        for (table, columns, by) in rows {
            for column in columns {
                let change =
                    |sign: &str| format!("UPDATE {} SET {column} = {column} {sign} {by}", table.name());
                flip(fresh, &change("+")).await;
                let all = fresh.store.look_for_damage(table).await.unwrap();
                let with_it =
                    fresh.texts(&format!("SELECT CAST(count({column}) AS text) FROM {}", table.name())).await;
                assert_eq!(all.damaged.len().to_string(), with_it[0], "{column} of {}", table.name());
                flip(fresh, &change("-")).await;
                assert_eq!(damaged(table).await, 0, "{column} was put back");
            }
        }
        let lineage = "UPDATE billing_value SET lineage = replace(lineage, '0', '1')";
        flip(fresh, lineage).await;
        assert!(damaged(Large::BillingValues).await > 0);
        assert_eq!(fresh.store.damaged_pages().await.unwrap(), [""; 0]);
        // What was written before there were seals is taken as it is.
        flip(fresh, "UPDATE billing_value SET seal = NULL").await;
        assert_eq!(damaged(Large::BillingValues).await, 0);
    })
    .await;
}
