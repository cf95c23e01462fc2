//! What is due becomes versions.

use chaobiao::billing::{OpenDay, Settled, open_days};
use chaobiao::domain::{
    Day, Id, Open, Quality, RegisterReading, RunMeter, RunOutcome, Suspicion, Transformers, TransformersFrom,
};
use chaobiao::store::billing::Which;
use chaobiao::store::{Address, Batch, Decided, Decision, Large};

use super::{
    by_hand, daily, exchange, freeze, install, item, ledger, live, outbox, push, rules, save, settle,
};
use crate::readings::{day, minutes};
use crate::{Fresh, midnight, on_both};

const FIRST: &str = "2026-11-20";
const SECOND: &str = "2026-11-21";
const THIRD: &str = "2026-11-22";

fn night(day: &str) -> chaobiao::domain::Moment {
    midnight(day).plus(minutes(20))
}

async fn open(fresh: &Fresh, last: &str) -> Vec<OpenDay> {
    let days = (day(FIRST), day(last));
    let now = midnight("2026-12-24");
    open_days(&fresh.store, &rules(), days, None, now).await.unwrap()
}

#[tokio::test]
async fn i07_a_night_becomes_registers_and_the_day_before_exact_to_the_last_digit() {
    on_both(async |fresh| {
        install(&fresh.store, 1, "7.5/5").await;
        let tariff = |at, value| RegisterReading { item: item("1.8.2"), ..freeze(1, at, value) };
        let demand = RegisterReading { item: item("1.6.0"), ..freeze(1, midnight(SECOND), 12) };
        save(&fresh.store, &[freeze(1, midnight(FIRST), 100_001), tariff(midnight(FIRST), 3)], night(FIRST))
            .await;
        let first = settle(&fresh.store, night(FIRST)).await;
        assert_eq!(first, Settled { registers: 2, consumptions: 0, open: 2 }, "the day before is open");
        save(
            &fresh.store,
            &[freeze(1, midnight(SECOND), 223_458), tariff(midnight(SECOND), 4), demand],
            night(SECOND),
        )
        .await;
        let second = settle(&fresh.store, night(SECOND)).await;
        assert_eq!(second, Settled { registers: 3, consumptions: 2, open: 0 });
        assert_eq!(settle(&fresh.store, night(SECOND)).await, Settled::default(), "again changes nothing");
        let of_day = |rest: &str| format!("P1 {rest}");
        assert_eq!(
            daily(fresh).await,
            [
                of_day("1-0:1.8.0 0 2026-11-20 18.518550 kWh ok"),
                of_day("1-0:1.8.2 2 2026-11-20 0.000150 kWh ok"),
            ]
        );
        assert_eq!(push(&fresh.store, night(SECOND)).await.delivered, 7);
        assert_eq!(
            ledger(fresh).await,
            [
                "register/P1/1-0:1.8.0/2026-11-20T00:00:00+08:00/1 100001 0",
                "consumption/P1/1-0:1.8.0/2026-11-20/1 18518550 0",
                "register/P1/1-0:1.8.2/2026-11-20T00:00:00+08:00/1 3 0",
                "consumption/P1/1-0:1.8.2/2026-11-20/1 150 0",
                "register/P1/1-0:1.8.0/2026-11-21T00:00:00+08:00/1 223458 0",
                "register/P1/1-0:1.8.2/2026-11-21T00:00:00+08:00/1 4 0",
                "register/P1/1-0:1.6.0/2026-11-21T00:00:00+08:00/1 12 0",
            ]
        );
    })
    .await;
}

#[tokio::test]
async fn f14_a_live_read_stands_in_as_an_estimate_until_the_freeze_comes() {
    on_both(async |fresh| {
        install(&fresh.store, 1, "1").await;
        let at = midnight(SECOND).plus(minutes(10));
        let known = [freeze(1, midnight(FIRST), 0), live(1, at, 510), freeze(1, midnight(THIRD), 900)];
        save(&fresh.store, &known, night(THIRD)).await;
        settle(&fresh.store, night(THIRD)).await;
        assert_eq!(
            daily(fresh).await,
            [
                "P1 1-0:1.8.0 0 2026-11-20 0.051000 kWh estimated",
                "P1 1-0:1.8.0 0 2026-11-21 0.039000 kWh estimated",
            ],
            "together what the register moved"
        );
        let lines = fresh.store.billing_lines(Which::OfDay(day(SECOND), Some("P1"))).await.unwrap();
        assert_eq!(
            (lines[0].content.read_at, lines[0].content.value),
            (Some(at), Some((510, Quality::Estimated)))
        );
        push(&fresh.store, night(THIRD)).await;

        save(&fresh.store, &[freeze(1, midnight(SECOND), 500)], night(THIRD)).await;
        let settled = settle(&fresh.store, night(THIRD)).await;
        assert_eq!(settled, Settled { registers: 1, consumptions: 2, open: 0 });
        assert_eq!(
            daily(fresh).await,
            ["P1 1-0:1.8.0 0 2026-11-20 0.050000 kWh ok", "P1 1-0:1.8.0 0 2026-11-21 0.040000 kWh ok"]
        );
        push(&fresh.store, night(THIRD)).await;
        let second: Vec<String> =
            ledger(fresh).await.into_iter().filter(|line| line.contains("/2 ")).collect();
        assert_eq!(
            second,
            [
                "consumption/P1/1-0:1.8.0/2026-11-20/2 50000 0",
                "register/P1/1-0:1.8.0/2026-11-21T00:00:00+08:00/2 500 0",
                "consumption/P1/1-0:1.8.0/2026-11-21/2 40000 0",
            ]
        );
    })
    .await;
}

/// It rises and is cleared: what it shows minutes later says nothing of the midnight.
#[tokio::test]
async fn f14_a_maximum_demand_that_was_read_live_stands_for_no_midnight() {
    on_both(async |fresh| {
        install(&fresh.store, 1, "1").await;
        let demand = |reading| RegisterReading { item: item("1.6.0"), ..reading };
        let at = midnight(SECOND).plus(minutes(10));
        save(&fresh.store, &[live(1, at, 510), demand(live(1, at, 12))], night(SECOND)).await;
        let settled = settle(&fresh.store, night(SECOND)).await;
        assert_eq!(settled.registers, 1, "the energy alone");
        push(&fresh.store, night(SECOND)).await;
        let said = ledger(fresh).await;
        assert!(said.len() == 1 && said[0].starts_with("register/P1/1-0:1.8.0/"), "{said:?}");
        save(&fresh.store, &[demand(freeze(1, midnight(SECOND), 700))], night(SECOND)).await;
        settle(&fresh.store, night(SECOND)).await;
        push(&fresh.store, night(SECOND)).await;
        let said = ledger(fresh).await;
        assert_eq!(said[1], "register/P1/1-0:1.6.0/2026-11-21T00:00:00+08:00/1 700 0");
    })
    .await;
}

#[tokio::test]
async fn f16_what_was_read_behind_a_change_of_transformers_closes_nothing_before_it() {
    on_both(async |fresh| {
        install(&fresh.store, 1, "40").await;
        let transformers = Transformers { ct: "80".parse().unwrap(), ..Transformers::NONE };
        let change = TransformersFrom { from: midnight(SECOND), transformers };
        fresh.store.change_transformers(Id::new(1), change, night(SECOND)).await.unwrap();
        let at = midnight(SECOND).plus(minutes(10));
        let known = [freeze(1, midnight(FIRST), 0), live(1, at, 510), freeze(1, midnight(THIRD), 900)];
        save(&fresh.store, &known, night(THIRD)).await;
        settle(&fresh.store, night(THIRD)).await;
        assert_eq!(
            daily(fresh).await,
            ["P1 1-0:1.8.0 0 2026-11-21 3.120000 kWh estimated"],
            "the ten minutes are not multiplied by what was there before"
        );
        let why = Open::NoReading { meter: Id::new(1), at: midnight(SECOND) };
        assert_eq!(open(fresh, FIRST).await.iter().map(|open| open.why).collect::<Vec<_>>(), [why]);
        save(&fresh.store, &[freeze(1, midnight(SECOND), 500)], night(THIRD)).await;
        settle(&fresh.store, night(THIRD)).await;
        assert_eq!(
            daily(fresh).await,
            ["P1 1-0:1.8.0 0 2026-11-20 2.000000 kWh ok", "P1 1-0:1.8.0 0 2026-11-21 3.200000 kWh ok"]
        );
    })
    .await;
}

#[tokio::test]
async fn f16_a_swap_at_noon_is_open_until_both_readings_are_there() {
    on_both(async |fresh| {
        install(&fresh.store, 1, "40").await;
        let noon = midnight(FIRST).plus(minutes(720));
        save(&fresh.store, &[freeze(1, midnight(FIRST), 1_000_000)], night(FIRST)).await;
        let new = exchange(&fresh.store, 1, 1, 2, noon).await.number();
        save(&fresh.store, &[freeze(new, midnight(SECOND), 70_030), by_hand(new, noon, 30)], night(SECOND))
            .await;
        assert_eq!(settle(&fresh.store, night(SECOND)).await.open, 2, "and the day before the first reading");
        let told = open(fresh, FIRST).await;
        let why = Open::NoReading { meter: Id::new(1), at: noon };
        assert_eq!((told.len(), told[0].why, told[0].meter.as_deref()), (1, why, Some("000000000001")));
        assert_eq!(daily(fresh).await, [""; 0]);

        save(&fresh.store, &[by_hand(1, noon, 1_050_000)], night(SECOND)).await;
        assert_eq!(settle(&fresh.store, night(SECOND)).await.consumptions, 1);
        assert_eq!(daily(fresh).await, ["P1 1-0:1.8.0 0 2026-11-20 480.000000 kWh ok"]);
        assert_eq!(open(fresh, FIRST).await, []);
        let lines = fresh.store.billing_lines(Which::OfDay(day(FIRST), None)).await.unwrap();
        let lineage = &lines.last().unwrap().content.lineage;
        for said in
            ["\"rule\":\"difference\"", "000000000001", "000000000002", "\"multiplier\":\"40\"", "105.0000"]
        {
            assert!(lineage.contains(said), "{said} is not in {lineage}");
        }
    })
    .await;
}

/// The old meter went on counting elsewhere and was read for three nights as that of point 1.
#[tokio::test]
async fn f16_a_swap_told_after_three_pushed_days_is_corrected_from_that_day_on() {
    on_both(async |fresh| {
        install(&fresh.store, 1, "1").await;
        let nights = ["2026-11-20", "2026-11-21", "2026-11-22", "2026-11-23"];
        for (night_of, value) in nights.into_iter().zip([0, 1_000, 5_000, 9_000]) {
            save(&fresh.store, &[freeze(1, midnight(night_of), value)], night(night_of)).await;
            settle(&fresh.store, night(night_of)).await;
            push(&fresh.store, night(night_of)).await;
        }
        assert_eq!(daily(fresh).await.len(), 3);
        let told = night("2026-11-23").plus(minutes(600));
        let noon = midnight("2026-11-20").plus(minutes(720));
        let new = exchange(&fresh.store, 1, 1, 2, noon).await.number();
        let settled = settle(&fresh.store, told).await;
        assert_eq!((settled.registers, settled.consumptions), (3, 3), "all taken back");
        assert_eq!(daily(fresh).await, [""; 0]);
        push(&fresh.store, told).await;
        let taken_back = ledger(fresh).await.into_iter().filter(|line| line.ends_with("/2 - -")).count();
        assert_eq!(taken_back, 6, "no wrong value stays with the receiver");

        let read = [
            by_hand(1, noon, 400),
            by_hand(new, noon, 7),
            freeze(new, midnight("2026-11-21"), 57),
            freeze(new, midnight("2026-11-22"), 207),
        ];
        save(&fresh.store, &read, told).await;
        settle(&fresh.store, told).await;
        push(&fresh.store, told).await;
        assert_eq!(
            daily(fresh).await,
            ["P1 1-0:1.8.0 0 2026-11-20 0.045000 kWh ok", "P1 1-0:1.8.0 0 2026-11-21 0.015000 kWh ok"]
        );
        let still: Vec<(Day, Open)> =
            open(fresh, "2026-11-22").await.into_iter().map(|open| (open.day, open.why)).collect();
        let lacking = Open::NoReading { meter: Id::new(new), at: midnight("2026-11-23") };
        assert_eq!(still, [(day("2026-11-22"), lacking)]);
        assert!(
            outbox(fresh).await.iter().all(|line| line.ends_with("delivered")),
            "{:?}",
            outbox(fresh).await
        );
    })
    .await;
}

/// Two swaps told in one night: what the first meter showed since is taken back, though the second was there for a day.
#[tokio::test]
async fn f16_two_swaps_told_at_once_take_back_what_was_billed_of_the_first_meter() {
    on_both(async |fresh| {
        install(&fresh.store, 1, "1").await;
        let known =
            [freeze(1, midnight(FIRST), 0), freeze(1, midnight(SECOND), 10), freeze(1, midnight(THIRD), 20)];
        save(&fresh.store, &known, night(THIRD)).await;
        settle(&fresh.store, night(THIRD)).await;
        assert_eq!(daily(fresh).await.len(), 2);
        exchange(&fresh.store, 1, 1, 2, midnight(FIRST).plus(minutes(720))).await;
        exchange(&fresh.store, 1, 2, 3, midnight(SECOND).plus(minutes(720))).await;
        settle(&fresh.store, night(THIRD)).await;
        assert_eq!(daily(fresh).await, [""; 0]);
        push(&fresh.store, night(THIRD)).await;
        let left: Vec<String> =
            ledger(fresh).await.into_iter().filter(|line| !line.ends_with(" - -")).collect();
        assert_eq!(left, ["register/P1/1-0:1.8.0/2026-11-20T00:00:00+08:00/1 0 0"]);
    })
    .await;
}

#[tokio::test]
async fn f16_an_old_meter_that_measures_elsewhere_bills_the_other_point_from_then_on() {
    on_both(async |fresh| {
        install(&fresh.store, 2, "1").await;
        let noon = midnight(FIRST).plus(minutes(720));
        let start = [freeze(1, midnight(FIRST), 100), freeze(2, midnight(FIRST), 50)];
        save(&fresh.store, &start, night(FIRST)).await;
        let third = exchange(&fresh.store, 1, 1, 3, noon).await.number();
        assert_eq!(exchange(&fresh.store, 2, 2, 1, noon.plus(minutes(60))).await, Id::new(1));
        let moved = noon.plus(minutes(60));
        let known = [
            by_hand(1, noon, 160),
            by_hand(third, noon, 0),
            by_hand(2, moved, 80),
            by_hand(1, moved, 160),
            freeze(third, midnight(SECOND), 5),
            freeze(1, midnight(SECOND), 170),
        ];
        save(&fresh.store, &known, night(SECOND)).await;
        settle(&fresh.store, night(SECOND)).await;
        assert_eq!(
            daily(fresh).await,
            ["P1 1-0:1.8.0 0 2026-11-20 0.006500 kWh ok", "P2 1-0:1.8.0 0 2026-11-20 0.004000 kWh ok",]
        );
    })
    .await;
}

#[tokio::test]
async fn f16_transformers_told_late_correct_the_days_since() {
    on_both(async |fresh| {
        install(&fresh.store, 1, "1").await;
        let known = [
            freeze(1, midnight(FIRST), 0),
            freeze(1, midnight(SECOND), 100),
            freeze(1, midnight(THIRD), 300),
        ];
        save(&fresh.store, &known, night(THIRD)).await;
        settle(&fresh.store, night(THIRD)).await;
        let transformers = Transformers { ct: "40".parse().unwrap(), ..Transformers::NONE };
        let change = TransformersFrom { from: midnight(SECOND), transformers };
        fresh.store.change_transformers(Id::new(1), change, night(THIRD)).await.unwrap();
        let settled = settle(&fresh.store, night(THIRD)).await;
        assert_eq!((settled.registers, settled.consumptions), (0, 1), "registers are not multiplied");
        assert_eq!(
            daily(fresh).await,
            ["P1 1-0:1.8.0 0 2026-11-20 0.010000 kWh ok", "P1 1-0:1.8.0 0 2026-11-21 0.800000 kWh ok"]
        );
    })
    .await;
}

#[tokio::test]
async fn f15_a_suspect_value_is_billed_only_when_a_person_accepts_it() {
    on_both(async |fresh| {
        install(&fresh.store, 1, "1").await;
        let mut doubtful = freeze(1, midnight(SECOND), 100);
        doubtful.quality = Quality::Suspect(Suspicion::TariffSum);
        save(&fresh.store, &[freeze(1, midnight(FIRST), 0), doubtful], night(SECOND)).await;
        let settled = settle(&fresh.store, night(SECOND)).await;
        assert_eq!((settled.registers, settled.consumptions), (1, 0));
        let waiting = fresh.store.open_reviews(10).await.unwrap();
        let decided = Decided { decision: Decision::Accept, by: "王", note: "", now: night(SECOND) };
        fresh.store.decide_review(waiting[0].id, decided).await.unwrap();
        let settled = settle(&fresh.store, night(SECOND)).await;
        assert_eq!((settled.registers, settled.consumptions), (1, 1));
        assert_eq!(daily(fresh).await, ["P1 1-0:1.8.0 0 2026-11-20 0.010000 kWh ok"]);
    })
    .await;
}

#[tokio::test]
async fn f15_a_register_that_cannot_be_right_leaves_its_day_open_with_the_reason() {
    on_both(async |fresh| {
        install(&fresh.store, 1, "1").await;
        let known = [freeze(1, midnight(FIRST), 500), freeze(1, midnight(SECOND), 100)];
        save(&fresh.store, &known, night(SECOND)).await;
        let settled = settle(&fresh.store, night(SECOND)).await;
        assert_eq!((settled.registers, settled.consumptions), (2, 0));
        let told = open(fresh, FIRST).await;
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].why.kind(), "implausible");
    })
    .await;
}

async fn decide(fresh: &Fresh, decision: Decision) {
    let waiting = fresh.store.open_reviews(10).await.unwrap();
    assert_eq!(waiting.len(), 1);
    let decided = Decided { decision, by: "王", note: "", now: night(SECOND) };
    fresh.store.decide_review(waiting[0].id, decided).await.unwrap();
}

#[tokio::test]
async fn i04_what_persons_decided_is_billed_however_often_the_freeze_is_read_again() {
    on_both(async |fresh| {
        install(&fresh.store, 1, "1").await;
        let frozen = freeze(1, midnight(SECOND), 100);
        save(&fresh.store, &[freeze(1, midnight(FIRST), 0), frozen.clone()], night(SECOND)).await;
        save(&fresh.store, &[by_hand(1, midnight(SECOND), 90)], night(SECOND)).await;
        decide(fresh, Decision::Accept).await;
        settle(&fresh.store, night(SECOND)).await;
        let as_decided = ["P1 1-0:1.8.0 0 2026-11-20 0.009000 kWh ok"];
        assert_eq!(daily(fresh).await, as_decided);
        save(&fresh.store, &[frozen], night(THIRD)).await;
        assert_eq!(settle(&fresh.store, night(THIRD)).await, Settled::default());
        assert_eq!(fresh.store.open_reviews(10).await.unwrap(), [], "they had both before them");
        save(&fresh.store, &[freeze(1, midnight(SECOND), 110)], night(THIRD)).await;
        assert_eq!(settle(&fresh.store, night(THIRD)).await, Settled::default());
        assert_eq!(daily(fresh).await, as_decided, "another value waits for them");
        decide(fresh, Decision::Accept).await;
        settle(&fresh.store, night(THIRD)).await;
        assert_eq!(daily(fresh).await, ["P1 1-0:1.8.0 0 2026-11-20 0.011000 kWh ok"]);
    })
    .await;
}

#[tokio::test]
async fn i04_what_persons_put_aside_is_not_billed_when_it_is_read_again() {
    on_both(async |fresh| {
        install(&fresh.store, 1, "1").await;
        let frozen = freeze(1, midnight(SECOND), 100);
        let mut doubtful = frozen.clone();
        doubtful.quality = Quality::Suspect(Suspicion::Clock);
        save(&fresh.store, &[freeze(1, midnight(FIRST), 0), doubtful], night(SECOND)).await;
        decide(fresh, Decision::Reject).await;
        settle(&fresh.store, night(SECOND)).await;
        save(&fresh.store, std::slice::from_ref(&frozen), night(THIRD)).await;
        assert_eq!(settle(&fresh.store, night(THIRD)).await, Settled::default());
        assert_eq!(daily(fresh).await, [""; 0]);
        // Nor does it take the place of what a person read instead.
        save(&fresh.store, &[by_hand(1, midnight(SECOND), 90)], night(THIRD)).await;
        save(&fresh.store, &[frozen], night(THIRD)).await;
        settle(&fresh.store, night(THIRD)).await;
        assert_eq!(daily(fresh).await, ["P1 1-0:1.8.0 0 2026-11-20 0.009000 kWh ok"]);
        assert_eq!(fresh.store.open_reviews(10).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn f33_of_two_entries_of_transformers_for_one_instant_the_later_one_counts_by_whatever_clock() {
    on_both(async |fresh| {
        install(&fresh.store, 1, "1").await;
        let known = [freeze(1, midnight(FIRST), 0), freeze(1, midnight(SECOND), 100)];
        save(&fresh.store, &known, night(SECOND)).await;
        // The clock is put back between the two.
        for (ct, entered) in [("40", THIRD), ("30", SECOND), ("20", SECOND)] {
            let transformers = Transformers { ct: ct.parse().unwrap(), ..Transformers::NONE };
            let change = TransformersFrom { from: midnight(FIRST), transformers };
            fresh.store.change_transformers(Id::new(1), change, night(entered)).await.unwrap();
        }
        settle(&fresh.store, night(THIRD)).await;
        assert_eq!(daily(fresh).await, ["P1 1-0:1.8.0 0 2026-11-20 0.200000 kWh ok"]);
    })
    .await;
}

#[tokio::test]
async fn i04_no_program_can_change_what_was_handed_over() {
    on_both(async |fresh| {
        install(&fresh.store, 1, "1").await;
        let known = [freeze(1, midnight(FIRST), 0), freeze(1, midnight(SECOND), 100)];
        save(&fresh.store, &known, night(SECOND)).await;
        settle(&fresh.store, night(SECOND)).await;
        push(&fresh.store, night(SECOND)).await;
        let tables = ["billing_value", "outbox", "billing_ledger"];
        let before = fresh.content(&tables).await;
        for sql in [
            "UPDATE billing_value SET value = 5",
            "DELETE FROM billing_value",
            "UPDATE billing_ledger SET value = 5",
            "DELETE FROM billing_ledger",
            "DELETE FROM outbox",
            "UPDATE outbox SET version = 2",
            "UPDATE outbox SET key = 'x'",
            "UPDATE outbox SET state = 1",
        ] {
            assert!(fresh.run(sql).await.is_err(), "{sql}");
        }
        assert_eq!(fresh.content(&tables).await, before);
    })
    .await;
}

#[tokio::test]
async fn days_that_were_let_go_are_not_computed_anew() {
    on_both(async |fresh| {
        install(&fresh.store, 1, "1").await;
        let known = [freeze(1, midnight("2026-09-01"), 0), freeze(1, midnight("2026-09-02"), 100)];
        save(&fresh.store, &known, night(SECOND)).await;
        settle(&fresh.store, night(SECOND)).await;
        push(&fresh.store, night(SECOND)).await;
        crate::rules::may_go(fresh).await;
        fresh.store.let_go(Large::Registers, day("2026-10-01")).await.unwrap();
        let transformers = Transformers { ct: "40".parse().unwrap(), ..Transformers::NONE };
        let change = TransformersFrom { from: midnight("2026-09-01"), transformers };
        fresh.store.change_transformers(Id::new(1), change, night(THIRD)).await.unwrap();
        assert_eq!(settle(&fresh.store, night(THIRD)).await, Settled::default(), "nothing is taken back");
        for large in [Large::BillingValues, Large::Outbox, Large::BillingLedger] {
            assert!(fresh.store.let_go(large, day("2026-10-01")).await.unwrap() > 0, "{large:?}");
        }
        assert_eq!(fresh.content(&["billing_value", "outbox", "billing_ledger"]).await, [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn i05_what_is_accepted_while_others_settle_stays_due() {
    on_both(async |fresh| {
        let Address::Postgres(_) = &fresh.address else { return };
        install(&fresh.store, 1, "1").await;
        let known = [freeze(1, midnight(FIRST), 0), live(1, midnight(SECOND).plus(minutes(5)), 100)];
        save(&fresh.store, &known, night(SECOND)).await;
        let settling = fresh.store.settling(100).await.unwrap().unwrap();
        let again = RegisterReading { item: item("1.8.1"), ..known[1].clone() };
        save(&fresh.store, &[again], night(SECOND)).await;
        settling.book(&[], &[], night(SECOND)).await.unwrap();
        let due: Vec<_> = fresh.store.due(100).await.unwrap().into_iter().map(|due| due.as_of).collect();
        assert_eq!(due, [midnight(SECOND).plus(minutes(5))]);
    })
    .await;
}

#[tokio::test]
async fn what_comes_while_it_is_settled_is_saved_and_settled_after_it() {
    on_both(async |fresh| {
        install(&fresh.store, 3, "1").await;
        let at = midnight(FIRST);
        let first: Vec<_> = (1..=3).map(|meter| freeze(meter, at, 100)).collect();
        save(&fresh.store, &first, night(FIRST)).await;
        let settling = fresh.store.settling(100).await.unwrap().unwrap();
        // More of the same instants, with what became of the meters in their run.
        let registers = (1..=3).map(|meter| RegisterReading { item: item("1.8.1"), ..freeze(meter, at, 40) });
        let outcome = |meter| RunMeter {
            run: Id::new(1),
            meter: Id::new(meter),
            outcome: RunOutcome::Read,
            detail: None,
            holes: None,
        };
        let registers = registers.collect();
        let batch = Batch { registers, outcomes: (1..=3).map(outcome).collect(), ..Batch::default() };
        let booking = async {
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
            settling.book(&[], &[], night(FIRST)).await
        };
        let (saved, booked) = tokio::join!(fresh.store.save(&batch, night(FIRST)), booking);
        saved.unwrap();
        booked.unwrap();
        let due = fresh.store.due(10).await.unwrap();
        assert_eq!(due.len(), 3, "it is due again: {due:?}");
    })
    .await;
}
