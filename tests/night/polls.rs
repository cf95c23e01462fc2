//! Polls of slots: nobody who is still to be asked waits for what was read to be kept.

use std::time::Duration;

use chaobiao::store::Address;
use simulator::bus::settings::Pace;

use crate::rig::{Town, TownPlan, config, day, set_clocks, world};

/// How long a line with so many meters takes for a slot.
async fn polled(meters: usize) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(meters, 1, 9600, 68, false);
    set_clocks(&mut world);
    world.meter.iter_mut().for_each(|meter| meter.answer_delay_ms = 50);
    let config = config(&world, "[intervals]\nmode = \"poll\"\nitems = [\"1.8.0\"]\n");
    let (today, file) = (day("2026-11-21"), folder.path().join("town.db"));
    let mut plan = TownPlan::new(world, config, today, Address::Sqlite(file));
    plan.pace = Pace::Unpaced;
    let town = Town::new(plan).await;
    let head_end = town.head_end();
    let slot = town.config.intervals.slots.instant(today, 1);
    town.clock.sleep_until(slot).await;
    let report = head_end.collector.poll_slot(slot, &head_end.stop).await.unwrap();
    assert_eq!((report.planned, report.read), (meters, meters), "what is counted is kept");
    let mut last = slot;
    for (id, _) in town.numbers().await {
        let curves = town.store.curves(&[id], &town.config.intervals.items, today, today).await.unwrap();
        assert_eq!(curves.iter().map(|curve| curve.count()).sum::<usize>(), 1);
        let fetches = town.store.fetches(id, slot, slot).await.unwrap();
        last = fetches.iter().map(|fetch| fetch.collected_at).fold(last, std::cmp::max);
    }
    head_end.close().await;
    town.close().await;
    last.since(slot)
}

#[tokio::test]
async fn f31_a_poll_takes_as_long_as_the_line_does() {
    let (one, twelve) = (polled(1).await, polled(12).await);
    assert!(twelve <= (one + Duration::from_millis(60)) * 12, "{one:?} {twelve:?}");
}
