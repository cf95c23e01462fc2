//! What is counted by triggers is what counting says, whatever is changed, in whichever order.

use std::collections::HashMap;

use chaobiao::domain::access::Regions;
use chaobiao::domain::{
    ArchiveEntry, Coded, Day, Id, Meter, MeterPath, MissingCause, Moment, PointRole, Run, RunKind, RunMeter,
    RunOutcome,
};
use chaobiao::store::archive::{Exchange, Saving};
use chaobiao::store::view::{Flow, PushesSeen};
use chaobiao::store::{Address, Batch, Large, Migrations, RunPlan, Store};
use simulator::seed::Seed;

use crate::archive::{entry, meter};
use crate::billing::item;
use crate::readings::{day, minutes};
use crate::{Fresh, midnight, on_both};

const DAY: &str = "2026-11-22";
const METERS: u32 = 9;

/// Fails where counts are not what counting says.
pub(crate) async fn counts_are_right(fresh: &Fresh, after: &str) {
    let counted = [
        (
            "SELECT at, receiver, state, versions FROM outbox_count WHERE versions <> 0",
            "SELECT at, receiver, state, count(*) FROM outbox GROUP BY 1, 2, 3",
        ),
        (
            "SELECT run_id, area_id, area, line, outcome, cause, meters, holes FROM run_count \
             WHERE meters <> 0 OR holes <> 0",
            "SELECT r.run_id, coalesce(w.area_id, 0), w.area, w.line, r.outcome, coalesce(r.cause, 0), count(*), \
                 coalesce(sum(r.holes), 0) \
             FROM run_meter r JOIN meter_list w ON w.meter_id = r.meter_id GROUP BY 1, 2, 3, 4, 5, 6",
        ),
        (
            "SELECT at, area_id, role, item, known, value FROM area_use WHERE known <> 0 OR value <> 0",
            "SELECT b.at, p.area_id, p.role, b.item, count(*), sum(b.value) FROM billing_value b \
             JOIN item i ON i.id = b.item AND i.tariff = 0 JOIN metering_point p ON p.id = b.point_id \
             WHERE b.kind = 2 AND b.value IS NOT NULL AND p.area_id IS NOT NULL AND NOT EXISTS (SELECT 1 \
                 FROM billing_value n WHERE n.point_id = b.point_id AND n.item = b.item AND n.kind = b.kind \
                     AND n.at = b.at AND n.version > b.version) GROUP BY 1, 2, 3, 4",
        ),
    ];
    for (kept, slow) in counted {
        for (one, other) in [(kept, slow), (slow, kept)] {
            let differ = format!(
                "SELECT CAST(count(*) AS text) FROM (SELECT * FROM ({one}) AS a EXCEPT SELECT * FROM ({other}) AS b) AS d"
            );
            assert_eq!(fresh.texts(&differ).await, ["0"], "after {after}: {one}");
        }
    }
}

/// A meter of one of three areas or none, on one of two lines.
fn placed(number: u32, draw: u64) -> ArchiveEntry {
    let mut entry = entry(number);
    entry.point.area = (!draw.is_multiple_of(4)).then(|| format!("台区{}", draw % 4));
    entry.feeder = entry.point.area.as_ref().map(|_| "F20".to_owned());
    let line = format!("L{}", draw / 4 % 2);
    entry.meter.path = MeterPath::Line { line, baud: None, parity: None };
    entry
}

async fn begin(store: &Store, meters: u32, now: Moment) -> Run {
    let meters: Vec<Id<Meter>> = (1..=i64::from(meters)).map(Id::new).collect();
    let deadline = now.plus(minutes(360));
    let plan = RunPlan { scope: "site", day: day(DAY), kind: RunKind::Nightly, meters: &meters, deadline };
    store.begin_run(&plan, now).await.unwrap()
}

fn outcome(run: &Run, draw: u64) -> RunMeter {
    let outcome = match draw % 4 {
        0 => RunOutcome::Waiting,
        1 => RunOutcome::Missing(MissingCause::Silent),
        2 => RunOutcome::Missing(MissingCause::LineDown),
        _ => RunOutcome::Read,
    };
    let holes = (draw / 4)
        .is_multiple_of(2)
        .then(|| (u32::try_from(draw / 8 % 97).unwrap(), Some(MissingCause::Silent)));
    let meter = i64::try_from(draw / 1024 % u64::from(METERS)).unwrap() + 1;
    RunMeter { run: run.id, meter: Id::new(meter), outcome, detail: None, holes }
}

#[tokio::test]
async fn meters_of_a_run_are_counted_where_the_list_has_them_now() {
    on_both(async |fresh| {
        let (store, now) = (&fresh.store, midnight(DAY).plus(minutes(5)));
        let entries: Vec<_> = (1..=METERS).map(|number| placed(number, u64::from(number))).collect();
        store.save_archive(&entries, now, Saving::Confirmed).await.unwrap();
        let mut run = begin(store, METERS - 2, now).await;
        let seed = Seed::new(16).named("counts of runs");
        let mut done = [0_u32; 4];
        for step in 0..60 {
            let draw = seed.number(step);
            let kind = usize::try_from(draw % 8).unwrap().min(3);
            done[kind] += 1;
            match kind {
                0 => {
                    let number = u32::try_from(draw / 8 % u64::from(METERS)).unwrap() + 1;
                    store.save_archive(&[placed(number, draw / 1024)], now, Saving::Confirmed).await.unwrap();
                }
                1 => drop(store.end_run(run.id, MissingCause::OutOfTime, now).await.unwrap()),
                2 => run = begin(store, METERS, now).await,
                _ => {
                    let draws = (0..3).map(|place| seed.numbered(step).number(place));
                    let outcomes = draws.map(|draw| outcome(&run, draw)).collect();
                    store.save(&Batch { outcomes, ..Batch::default() }, now).await.unwrap();
                }
            }
            counts_are_right(fresh, &format!("step {step}, {kind}")).await;
        }
        assert!(done.iter().all(|times| *times > 2), "{done:?}");
        let groups = store.night_groups(run.id, &Regions::All).await.unwrap();
        assert_eq!(groups.iter().map(|group| group.meters).sum::<u64>(), u64::from(METERS));
        fresh.run("DELETE FROM run_meter WHERE meter_id = 3").await.unwrap();
        counts_are_right(fresh, "a meter that was taken out").await;
    })
    .await;
}

/// On PostgreSQL, a batch of outcomes and an archive that moves its meters are written by two at once.
#[tokio::test]
async fn counts_of_a_run_stand_when_its_meters_are_moved_meanwhile() {
    on_both(async |fresh| {
        if !matches!(fresh.address, Address::Postgres(_)) {
            return;
        }
        let now = midnight(DAY).plus(minutes(5));
        let entries: Vec<_> = (1..=METERS).map(|number| placed(number, u64::from(number))).collect();
        fresh.store.save_archive(&entries, now, Saving::Confirmed).await.unwrap();
        let run = begin(&fresh.store, METERS, now).await;
        let other = Store::open(&fresh.address, Migrations::Check).await.unwrap();
        let seed = Seed::new(17).named("moved meanwhile");
        let moving = async {
            for step in 0..40 {
                let draw = seed.named("moves").number(step);
                let entries: Vec<_> = (1..=METERS).map(|number| placed(number, draw >> number)).collect();
                other.save_archive(&entries, now, Saving::Confirmed).await.unwrap();
            }
        };
        let reading = async {
            for step in 0..120 {
                let draws = (0..4).map(|place| seed.numbered(step).number(place));
                let outcomes = draws.map(|draw| outcome(&run, draw)).collect();
                fresh.store.save(&Batch { outcomes, ..Batch::default() }, now).await.unwrap();
                // What was read stays read: let the next ones be counted anew.
                fresh.run("UPDATE run_meter SET outcome = 0, cause = NULL WHERE outcome = 1").await.unwrap();
            }
        };
        tokio::join!(moving, reading);
        counts_are_right(fresh, "both").await;
        other.close().await;
    })
    .await;
}

#[tokio::test]
async fn versions_of_the_outbox_are_counted_through_all_states() {
    on_both(async |fresh| {
        fresh.store.make_partitions([day(DAY), day("2026-10-01")].into_iter()).await.unwrap();
        let seed = Seed::new(18).named("counts of the outbox");
        for step in 0..40 {
            let draw = seed.number(step);
            let receiver = if draw.is_multiple_of(2) { "ledger" } else { "billing" };
            let at = midnight(if draw.is_multiple_of(3) { DAY } else { "2026-10-01" }).micros();
            fresh
                .run(&format!(
                    "INSERT INTO outbox (point_id, item, kind, at, version, receiver, key, state, next_at, tries) VALUES \
                     ({step}, 64, 1, {at}, 1, '{receiver}', 'a{step}', 1, 0, 0), ({step}, 64, 2, {at}, 1, '{receiver}', 'b{step}', 1, 0, 0)"
                ))
                .await
                .unwrap();
            let state = draw / 8 % 5 + 1;
            let more = draw / 64 % (step + 1);
            fresh
                .run(&format!(
                    "UPDATE outbox SET state = {state}, tries = tries + 1 WHERE state NOT IN (3, 4) AND point_id >= {more}"
                ))
                .await
                .unwrap();
            counts_are_right(fresh, &format!("step {step}")).await;
        }
        let counts = fresh.store.push_counts(day(DAY), &PushesSeen::of(&Regions::All)).await.unwrap();
        assert!(counts.len() > 3, "{counts:?}");
        let of_one = fresh.store.outbox_counts("ledger").await.unwrap();
        let told = fresh.texts("SELECT CAST(count(*) AS text) FROM outbox WHERE receiver = 'ledger'").await;
        assert_eq!(told, [of_one.iter().map(|(_, count)| count).sum::<u64>().to_string()]);
        crate::rules::may_go(fresh).await;
        assert!(fresh.store.let_go(Large::Outbox, day("2026-11-01")).await.unwrap() > 0);
        counts_are_right(fresh, "letting a month go").await;
    })
    .await;
}

/// What areas used on a day, counted row by row: area, kind, points, of which it is known, forward and reverse.
async fn slow_flows(fresh: &Fresh, of: Day, [forward, reverse]: [i64; 2]) -> Vec<String> {
    let (at, next) = (of.start().micros(), of.next().start().micros());
    let current = |of: &str, item: i64| {
        format!(
            "LEFT JOIN billing_value {of} ON {of}.point_id = p.id AND {of}.item = {item} AND {of}.kind = 2 AND {of}.at = {at} \
             AND NOT EXISTS (SELECT 1 FROM billing_value n WHERE n.point_id = {of}.point_id AND n.item = {of}.item \
                 AND n.kind = {of}.kind AND n.at = {of}.at AND n.version > {of}.version)"
        )
    };
    let (forward, reverse) = (current("f", forward), current("r", reverse));
    let sql = format!(
        "SELECT a.name || ' ' || p.role || ' ' || count(*) || ' ' || count(f.value) || ' ' || coalesce(sum(f.value), 0) \
             || ' ' || coalesce(sum(r.value), 0) \
         FROM metering_point p JOIN transformer_area a ON a.id = p.area_id {forward} {reverse} \
         WHERE EXISTS (SELECT 1 FROM installation i WHERE i.point_id = p.id AND i.installed_at < {next} \
             AND (i.removed_at IS NULL OR i.removed_at > {at})) \
         GROUP BY a.id, a.name, p.role ORDER BY a.name, p.role"
    );
    fresh.texts(&sql).await
}

/// Points that had a meter on a day and have no consumption of it, looked for row by row.
async fn slow_open(fresh: &Fresh, of: Day, item: i64) -> Vec<String> {
    let (at, next) = (of.start().micros(), of.next().start().micros());
    let sql = format!(
        "SELECT p.number FROM metering_point p \
         WHERE EXISTS (SELECT 1 FROM installation i WHERE i.point_id = p.id AND i.installed_at < {next} \
                 AND (i.removed_at IS NULL OR i.removed_at > {at})) \
             AND NOT EXISTS (SELECT 1 FROM billing_value b WHERE b.point_id = p.id AND b.item = {item} AND b.kind = 2 \
                 AND b.at = {at} AND b.value IS NOT NULL AND NOT EXISTS (SELECT 1 FROM billing_value n \
                     WHERE n.point_id = b.point_id AND n.item = b.item AND n.kind = b.kind AND n.at = b.at \
                         AND n.version > b.version)) \
         ORDER BY p.number"
    );
    fresh.texts(&sql).await
}

#[tokio::test]
async fn what_areas_used_follows_versions_moved_points_and_meters() {
    on_both(async |fresh| {
        let (store, now) = (&fresh.store, midnight("2026-11-01"));
        let checked = |number: u32, draw: u64| {
            let mut entry = placed(number, draw);
            entry.point.role = if (draw / 8).is_multiple_of(3) { PointRole::AreaCheck } else { PointRole::Customer };
            entry
        };
        let entries: Vec<_> = (1..=METERS).map(|number| checked(number, u64::from(number) * 5)).collect();
        store.save_archive(&entries, now, Saving::Confirmed).await.unwrap();
        let days: Vec<Day> = (0..4).map(|further| day("2026-11-19").plus(further)).collect();
        store.make_partitions(days.iter().copied()).await.unwrap();
        let items = ["1.8.0", "2.8.0", "1.8.1"].map(|code| i64::from(item(code).key().number()));
        let seed = Seed::new(19).named("use of areas");
        let (mut versions, mut moves, mut open_points) = (HashMap::new(), 0, 0);
        for step in 0..80 {
            let draw = seed.number(step);
            let number = draw / 8 % u64::from(METERS) + 1;
            if draw.is_multiple_of(8) {
                let number = u32::try_from(number).unwrap();
                if !swapped(number) {
                    store.save_archive(&[checked(number, draw / 1024)], now, Saving::Confirmed).await.unwrap();
                    moves += 1;
                }
            } else {
                let of = days[usize::try_from(draw / 1024 % 4).unwrap()];
                let item = items[usize::try_from(draw / 4096 % 3).unwrap()];
                let kind = if (draw / 16_384).is_multiple_of(5) { 1 } else { 2 };
                let version = versions.entry((number, of, item, kind)).and_modify(|version| *version += 1).or_insert(1);
                let (value, quality) = match draw / 65_536 % 4 {
                    0 => ("NULL".to_owned(), "NULL"),
                    _ => ((draw / 262_144 % 1000).to_string(), "0"),
                };
                fresh
                    .run(&format!(
                        "INSERT INTO billing_value (point_id, item, kind, at, version, value, quality, lineage, settled_at) \
                         SELECT id, {item}, {kind}, {}, {version}, {value}, {quality}, '{{}}', 0 \
                         FROM metering_point WHERE number = 'P{number}'",
                        of.start().micros()
                    ))
                    .await
                    .unwrap();
            }
            if step == 40 {
                for number in (1..=METERS).filter(|number| swapped(*number)) {
                    let site = store.site_meter(number.to_string().parse().unwrap()).await.unwrap().unwrap();
                    let at = days[usize::try_from(number).unwrap() % 4].start().plus(minutes(600));
                    let (removed, installed) = (site.meter.address, meter(number + 100));
                    store.exchange_meter(&Exchange { point: site.point_id, removed, installed, at }).await.unwrap();
                }
            }
            counts_are_right(fresh, &format!("step {step}")).await;
            if step % 8 > 0 {
                continue;
            }
            let flows = store.area_flows((days[0], days[3]), &Regions::All).await.unwrap();
            for of in &days {
                let mut told = Vec::new();
                for area in flows.iter().filter(|area| area.day == *of) {
                    for (role, flow) in [(PointRole::Customer, area.customers), (PointRole::AreaCheck, area.check)] {
                        let Flow { points, known, forward, reverse } = flow;
                        let row = format!("{} {} {points} {known} {forward} {reverse}", area.name, role.code());
                        told.extend((points > 0).then_some(row));
                    }
                }
                let with_check: Vec<_> = flows.iter().filter(|area| area.day == *of).map(|area| &area.name).collect();
                let mut slow = slow_flows(fresh, *of, [items[0], items[1]]).await;
                slow.retain(|row| with_check.iter().any(|name| row.starts_with(&format!("{name} "))));
                told.sort();
                slow.sort();
                assert_eq!(told, slow, "step {step}, {of}");
                let open = store.points_without_consumption(*of, &Regions::All, 99).await.unwrap();
                assert_eq!(open, slow_open(fresh, *of, items[0]).await, "step {step}, {of}");
                open_points += open.len();
            }
        }
        assert!(moves > 3 && open_points > 20, "{moves} {open_points}");
        assert!(versions.values().any(|versions| *versions > 2), "{versions:?}");
        crate::rules::may_go(fresh).await;
        store.let_go(Large::BillingValues, day("2026-12-01")).await.unwrap();
        counts_are_right(fresh, "letting a month go").await;
    })
    .await;
}

/// Meters that are exchanged in the middle.
const fn swapped(number: u32) -> bool {
    number.is_multiple_of(3)
}
