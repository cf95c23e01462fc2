//! Curves that come as whole days, and slot by slot.

use std::time::{Duration, Instant};

use chaobiao::domain::{Day, DayCurve, Fetch, Id, Item, Moment, Quality, SlotValue, SlotsPerDay, Source};
use chaobiao::store::{Address, Batch, Migrations, Store};
use sqlx::PgConnection;

use crate::twin::{self, Rows};
use crate::{ROUNDS, Times, number, ratio, run, set};

const ITEM: &str = "1.8.0";
const SLOTS: i64 = 96;
/// Day rows in one batch: what a group of visits brings, and the most that is merged in one statement.
const A_BATCH: i64 = 500;
/// Narrow rows in one COPY or one INSERT.
const A_CHUNK: usize = 10_000;

pub(crate) fn first_day() -> Day {
    "2026-11-01".parse().unwrap()
}

/// The start of a day of this number, in microseconds.
pub(crate) fn start(day: i64) -> i64 {
    Day::from_number(day).unwrap().start().micros()
}

/// What a meter counts: it grows from slot to slot, and differs from meter to meter.
pub(crate) fn value(meter: i64, day: i64, slot: i64) -> i64 {
    (meter % 977) * 100_000 + (day % 365) * 50_000 + slot * 500 + meter % 7
}

fn values(meter: i64, day: i64) -> Vec<i64> {
    (0..SLOTS).map(|slot| value(meter, day, slot)).collect()
}

pub(crate) fn item() -> Item {
    Item::parse(ITEM).unwrap()
}

fn key() -> i64 {
    item().key().number().into()
}

/// As the collector brings them: each meter's curve with the exchange that brought it.
pub(crate) fn batch(
    store: &Store,
    meters: std::ops::Range<i64>,
    day: i64,
    slots: std::ops::Range<i64>,
) -> Batch {
    let mut batch = Batch::default();
    let of = Day::from_number(day).unwrap();
    let instant = |slot| Moment::from_micros(start(day) + slot * (86_400_000_000 / SLOTS));
    for meter in meters {
        let fetch = Fetch {
            id: store.new_fetch_id(now(day)),
            meter: Id::new(meter),
            items: vec![item()],
            from: instant(slots.start),
            until: instant(slots.end - 1),
            source: Source::LoadRecord,
            collected_at: now(day),
            frames: vec![0x68; 40],
            run: None,
        };
        let good = |slot| {
            slots
                .contains(&slot)
                .then(|| SlotValue { value: value(meter, day, slot), quality: Quality::Good })
        };
        let slots = SlotsPerDay::new(SLOTS).unwrap();
        let curve = DayCurve::of_values(fetch.meter, item(), of, slots, (0..SLOTS).map(good).collect());
        batch.curves.push((fetch.id, curve));
        batch.fetches.push(fetch);
    }
    batch
}

fn now(day: i64) -> Moment {
    Moment::from_micros(start(day + 1)).plus(Duration::from_secs(600))
}

/// Batches of some meters.
pub(crate) fn batches(store: &Store, meters: i64, day: i64, slots: std::ops::Range<i64>) -> Vec<Batch> {
    let mut all = Vec::new();
    let mut from = 1;
    while from <= meters {
        all.push(batch(store, from..(from + A_BATCH).min(meters + 1), day, slots.clone()));
        from += A_BATCH;
    }
    all
}

pub(crate) async fn save(store: &Store, batches: &[Batch], day: i64) -> (Duration, u64) {
    let began = Instant::now();
    let mut filled = 0;
    for batch in batches {
        filled += u64::try_from(store.save(batch, now(day)).await.unwrap().filled).unwrap();
    }
    (began.elapsed(), filled)
}

/// Goal 9.
pub(crate) async fn whole_days(store: &Store, direct: &mut PgConnection) {
    let meters = i64::try_from(set("CHAOBIAO_BENCH_METERS", 10_000)).unwrap();
    let readings = u64::try_from(meters * SLOTS).unwrap();
    run(direct, twin::NARROW).await;
    run(direct, twin::BARE_DAYS).await;
    let [mut ours, mut again, mut narrow, mut bare] = [const { Vec::new() }; 4].map(Times);
    for round in 0..i64::try_from(ROUNDS).unwrap() {
        let day = first_day().number() + round;
        twin::partitions(direct, day).await;
        let batches = batches(store, meters, day, 0..SLOTS);
        let (time, filled) = save(store, &batches, day).await;
        assert_eq!(filled, readings);
        ours.push(time);
        narrow.push(copy_narrow(direct, meters, day).await);
        let (time, filled) = save(store, &batches, day).await;
        assert_eq!(filled, 0, "what is there already is not filled again");
        again.push(time);
        bare.push(copy_days(direct, meters, day).await);
    }
    println!(
        "# Whole days: {readings} readings a round, durable, with the exchange that brought each curve and its newest value"
    );
    println!("product, {A_BATCH} curves a commit      {}", ours.rate(readings));
    println!("the same again                   {}", again.rate(readings));
    println!("COPY of a row a reading          {}", narrow.rate(readings));
    println!("COPY of a row a day              {}", bare.rate(readings));
    println!("product by COPY of a row a reading {} (goal 5)", ratio(narrow.median(), ours.median()));
    println!("product by COPY of a row a day     {} (goal 0.55)", ratio(bare.median(), ours.median()));
    println!("again by first                     {} (goal 0.8)\n", ratio(ours.median(), again.median()));
}

async fn copy_narrow(direct: &mut PgConnection, meters: i64, day: i64) -> Duration {
    let (first, step) = (start(day), 86_400_000_000 / SLOTS);
    let all: Vec<(i64, i64)> =
        (1..=meters).flat_map(|meter| (0..SLOTS).map(move |slot| (meter, slot))).collect();
    let key = i32::try_from(key()).unwrap();
    let began = Instant::now();
    for chunk in all.chunks(A_CHUNK) {
        let mut rows = Rows::new();
        for (meter, slot) in chunk {
            let meter_id = i32::try_from(*meter).unwrap();
            rows.row(4).int4(meter_id).int4(key).int8(first + slot * step).int8(value(*meter, day, *slot));
        }
        rows.copy(direct, "narrow").await;
    }
    began.elapsed()
}

async fn copy_days(direct: &mut PgConnection, meters: i64, day: i64) -> Duration {
    let all: Vec<(i64, Vec<i64>)> = (1..=meters).map(|meter| (meter, values(meter, day))).collect();
    let began = Instant::now();
    for chunk in all.chunks(usize::try_from(A_BATCH).unwrap()) {
        let mut rows = Rows::new();
        for (meter, values) in chunk {
            rows.row(6).int8(*meter).int8(key()).int8(day).int8(SLOTS).array(values).null();
        }
        rows.copy(direct, "bare_day").await;
    }
    began.elapsed()
}

/// Goal 10: the next slot of every meter, as every quarter of an hour brings it.
pub(crate) async fn single_slots(store: &Store, direct: &mut PgConnection) {
    let meters = i64::try_from(set("CHAOBIAO_BENCH_METERS", 10_000)).unwrap();
    let readings = u64::try_from(meters).unwrap();
    let day = first_day().number() + 10;
    twin::partitions(direct, day).await;
    let [mut ours, mut narrow] = [const { Vec::new() }; 2].map(Times);
    let all: Vec<i64> = (1..=meters).collect();
    for slot in 0..2 * i64::try_from(ROUNDS).unwrap() {
        let (time, filled) = save(store, &batches(store, meters, day, slot..slot + 1), day).await;
        assert_eq!(filled, readings);
        let at = start(day) + slot * (86_400_000_000 / SLOTS);
        let began = Instant::now();
        for chunk in all.chunks(A_CHUNK) {
            let values: Vec<i64> = chunk.iter().map(|meter| value(*meter, day, slot)).collect();
            let insert = "INSERT INTO narrow SELECT m, $1, $2, v FROM unnest($3::int[], $4::bigint[]) AS t (m, v) ON CONFLICT DO NOTHING";
            let ids: Vec<i32> = chunk.iter().map(|meter| i32::try_from(*meter).unwrap()).collect();
            let key = i32::try_from(key()).unwrap();
            sqlx::query(insert)
                .bind(key)
                .bind(at)
                .bind(ids)
                .bind(values)
                .execute(&mut *direct)
                .await
                .unwrap();
        }
        // The first fills new rows.
        if slot > 0 {
            ours.push(time);
            narrow.push(began.elapsed());
        }
    }
    println!("# One slot of every meter: {readings} readings a round, durable");
    println!("product, {A_BATCH} meters a commit      {}", ours.rate(readings));
    println!("INSERT of rows a reading         {}", narrow.rate(readings));
    println!("product by INSERT                  {} (goal 0.7)\n", ratio(narrow.median(), ours.median()));
}

/// Goal 11, with what stands beside the curves told apart.
pub(crate) async fn bytes(direct: &mut PgConnection, of: &str) {
    let size = |table: &str| {
        format!(
            "SELECT coalesce(sum(pg_total_relation_size(inhrelid)), 0)::bigint FROM pg_inherits \
             WHERE inhparent = '{table}'::regclass AND pg_relation_size(inhrelid) > 0"
        )
    };
    let readings = number(direct, "SELECT count(*) FROM narrow").await;
    println!("# Bytes a reading, tables with their indexes, {readings} readings, {of}, PostgreSQL");
    for table in ["interval_day", "narrow", "bare_day", "meter_fetch"] {
        let bytes = number(direct, &size(table)).await * 10 / readings;
        println!("{table:<14} {}.{}", bytes / 10, bytes % 10);
    }
    println!();
}

/// The same for a file of SQLite: how much it grows by curves of whole days.
pub(crate) async fn bytes_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let store = Store::open(&Address::Sqlite(file.clone()), Migrations::Run).await.unwrap();
    let (meters, day) = (2_000, first_day().number());
    let mut time = Times::default();
    for round in 0..i64::try_from(ROUNDS).unwrap() {
        time.push(save(&store, &batches(&store, meters, day + round, 0..SLOTS), day + round).await.0);
    }
    store.close().await;
    let readings = u64::try_from(meters * SLOTS).unwrap();
    let sqlite = sqlx::sqlite::SqliteConnectOptions::new().filename(&file);
    let mut direct = <sqlx::SqliteConnection as sqlx::Connection>::connect_with(&sqlite).await.unwrap();
    let curves: i64 = sqlx::query_scalar("SELECT sum(length(v) + coalesce(length(q), 0)) FROM interval_day")
        .fetch_one(&mut direct)
        .await
        .unwrap();
    let whole = std::fs::metadata(&file).unwrap().len();
    let all = readings * ROUNDS;
    println!("# SQLite: {} readings", all);
    println!("product, {A_BATCH} curves a commit      {}", time.rate(readings));
    println!(
        "bytes a reading: the curves alone {}, the whole file with exchanges and catalogue {}\n",
        u64::try_from(curves).unwrap() / all,
        whole / all
    );
}
