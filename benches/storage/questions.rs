//! What people ask of two days of all meters, and of one meter's month, beside a twin with a row a reading (goal 12).

use std::time::Instant;

use chaobiao::store::Store;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::curves::{batches, first_day, item, save, start};
use crate::{ROUNDS, Times, ratio, run, set, twin};

pub(crate) async fn ask(store: &Store, direct: &mut PgConnection) {
    let meters = i64::try_from(set("CHAOBIAO_BENCH_ALL_METERS", 100_000)).unwrap();
    let day = first_day().number() + 20;
    for day in [day, day + 1] {
        twin::partitions(direct, day).await;
        // One in a thousand is missing on the second day.
        save(
            store,
            &batches(store, meters - meters / 1000 * (day - first_day().number() - 20), day, 0..96),
            day,
        )
        .await;
    }
    // The month of one meter, and of some beside it.
    for day in day - 19..day {
        twin::partitions(direct, day).await;
        save(store, &batches(store, 500, day, 0..96), day).await;
    }
    run(
        direct,
        "INSERT INTO narrow SELECT d.meter_id, d.item, d.day * 86400000000 - 28800000000 + (s.slot - 1) * (86400000000 / d.slots), s.value \
         FROM interval_day d CROSS JOIN LATERAL unnest(d.v) WITH ORDINALITY AS s (value, slot) ON CONFLICT DO NOTHING",
    )
    .await;
    run(direct, "VACUUM ANALYZE").await;
    let key = item().key().number();
    let (today, yesterday) = (day + 1, day);
    let (from, until) = (start(today), start(today + 1));
    let questions = [
        (
            "the newest value of every meter",
            50,
            format!("SELECT meter_id, value FROM latest WHERE item = {key}"),
            format!(
                "SELECT DISTINCT ON (meter_id) meter_id, value FROM narrow WHERE item = {key} AND at >= {} ORDER BY meter_id, at DESC",
                start(yesterday)
            ),
        ),
        (
            "meters without a whole day",
            150,
            format!(
                "SELECT m.id FROM generate_series(1, {meters}) AS m (id) WHERE NOT EXISTS (SELECT 1 FROM interval_day d \
                WHERE d.meter_id = m.id AND d.item = {key} AND d.day = {today} AND cardinality(d.v) = 96 AND array_position(d.v, NULL) IS NULL)"
            ),
            format!(
                "SELECT m.id FROM generate_series(1, {meters}) AS m (id) LEFT JOIN (SELECT meter_id, count(*) AS n FROM narrow \
                WHERE item = {key} AND at >= {from} AND at < {until} GROUP BY meter_id) c ON c.meter_id = m.id WHERE coalesce(c.n, 0) < 96"
            ),
        ),
        (
            "the month of one meter",
            10,
            format!(
                "SELECT day, v FROM interval_day WHERE meter_id = 77 AND item = {key} AND day BETWEEN {} AND {today}",
                day - 19
            ),
            format!(
                "SELECT at, value FROM narrow WHERE meter_id = 77 AND item = {key} AND at >= {} AND at < {until}",
                start(day - 19)
            ),
        ),
        (
            "the day's use of every meter",
            150,
            format!(
                "SELECT a.meter_id, b.value - a.value FROM \
                (SELECT meter_id, v[1] AS value FROM interval_day WHERE item = {key} AND day = {yesterday} OFFSET 0) a JOIN \
                (SELECT meter_id, v[1] AS value FROM interval_day WHERE item = {key} AND day = {today} OFFSET 0) b USING (meter_id)"
            ),
            format!(
                "SELECT a.meter_id, b.value - a.value FROM narrow a JOIN narrow b ON b.meter_id = a.meter_id AND b.item = a.item \
                AND b.at = {from} WHERE a.item = {key} AND a.at = {}",
                start(yesterday)
            ),
        ),
    ];
    println!("# Questions to {meters} meters with two days of 96 values, PostgreSQL");
    for (name, goal, ours, narrow) in questions {
        let [mut our_times, mut twin_times] = [const { Vec::new() }; 2].map(Times);
        let mut rows = [0, 0];
        for _ in 0..ROUNDS {
            for (place, (sql, times)) in
                [(&ours, &mut our_times), (&narrow, &mut twin_times)].into_iter().enumerate()
            {
                let began = Instant::now();
                let found = sqlx::query(AssertSqlSafe(sql.clone())).fetch_all(&mut *direct).await.unwrap();
                times.push(began.elapsed());
                rows[place] = found.len();
            }
        }
        println!(
            "{name:<32} product {} (goal {goal} ms), a row a reading {}, {} of it (goal 0.5); {} and {} rows",
            our_times.millis(),
            twin_times.millis(),
            ratio(our_times.median(), twin_times.median()),
            rows[0],
            rows[1]
        );
    }
}
