//! PERFORMANCE goal 16: how much of a large neighbourhood is with billing before the window ends, when one meter in a hundred
//! is silent, one answer in a hundred comes with noise, and one line in a hundred is down for half an hour.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chaobiao::domain::{MissingCause, Moment};
use chaobiao::store::Address;
use dlt645::address::MeterAddress;
use simulator::fault::Plan as Faults;
use simulator::seed::Seed;

use crate::month::setting;
use crate::postgres::Cluster;
use crate::rig::{Town, TownPlan, config, day, set_clocks, world};

/// On each line.
const METERS: usize = 32;

#[tokio::test]
#[ignore = "takes half a minute: tests/check.sh ci; 100,000 meters in tests/check.sh nightly"]
async fn goal_16_all_that_can_be_reached_is_with_billing_and_the_others_are_named() {
    let Some(cluster) = Cluster::shared() else { return };
    let lines = setting("LINES", 20);
    let mut world = world(lines * METERS, lines, 9600, 16, false);
    set_clocks(&mut world);
    let meters = world.meter.len();
    let today = day("2026-11-22");
    let config = config(&world, "[collection]\nrepair_days = 0\n[intervals]\nrepair_days = 1\n");
    let mut plan = TownPlan::new(world, config, today, Address::Postgres(cluster.new_database().await));
    let mut faults = Faults::new(Seed::new(16).named("faults"));
    faults.add("noise=0.34%").unwrap();
    plan.faults = Some(faults);
    let town = Town::new(plan).await;
    let silent: BTreeSet<MeterAddress> =
        town.meters.iter().skip(50).step_by(100).map(|(meter, _)| meter.address).collect();
    silent.iter().for_each(|address| town.swap_voice(*address, &mut None));
    let down: Vec<_> = town.wires.iter().step_by(100).map(|wire| &wire.is_cut).collect();
    down.iter().for_each(|is_cut| is_cut.store(true, Ordering::Relaxed));
    let head_end = town.head_end();
    let back = async {
        town.clock.sleep_until(today.start().plus(Duration::from_secs(1800))).await;
        down.iter().for_each(|is_cut| is_cut.store(false, Ordering::Relaxed));
    };
    let (report, ()) = tokio::join!(town.night(&head_end, today), back);
    town.bill().await;
    let window = town.config.collection.deadline.on(today);
    // The night itself goes on with the silent ones until the window ends.
    assert!(report.run.ended_at.unwrap() <= window.plus(Duration::from_secs(1)));
    let newest =
        format!("SELECT max(collected_at) FROM register_ledger WHERE as_of = {}", today.start().micros());
    let read_by = Moment::from_micros(town.ask(&newest).await);
    let billed = town
        .ask(&format!(
            "SELECT count(DISTINCT point_id) FROM billing_ledger WHERE kind = 1 AND value IS NOT NULL AND at = {}",
            today.start().micros()
        ))
        .await;
    let (billed, reachable) = (usize::try_from(billed).unwrap(), meters - silent.len());
    println!(
        "{meters} meters on {lines} lines, {} silent, {} lines down for half an hour, {} answers with noise: {billed} of \
         {reachable} reachable ones are with billing {:?} after midnight, {} questions",
        silent.len(),
        down.len(),
        town.faults(),
        read_by.since(today.start()),
        town.requests()
    );
    assert!(read_by < window, "the last one was read at {read_by}");
    assert!(billed * 1000 >= reachable * 999, "{billed} of {reachable}");
    let missing = town.missing(today).await;
    let is_named = |address| missing.get(address) == Some(&MissingCause::Silent);
    assert!(silent.iter().all(is_named), "the silent ones are named: {missing:?}");
    assert_eq!(missing.len() + billed, meters, "{missing:?}");
    head_end.close().await;
    town.close().await;
}
