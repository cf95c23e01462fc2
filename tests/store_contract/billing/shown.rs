//! What points used on days as it is listed, and what leads from it to the exchanges.

use chaobiao::billing::{End, origins, traced};
use chaobiao::domain::access::Regions;
use chaobiao::domain::{Id, Quality};
use chaobiao::store::billing::{DayConsumption, Span};
use chaobiao::store::{Batch, RunPlan};

use super::{freeze, install, item, save, settle};
use crate::readings::{day, fetch};
use crate::{Fresh, midnight, on_both};

fn told(found: &[DayConsumption]) -> Vec<String> {
    let one = |found: &DayConsumption| {
        let value = found.content.value.map(|(value, _)| value);
        format!("{} {} {value:?} {}", found.point_number, found.key.day, found.version)
    };
    found.iter().map(one).collect()
}

/// Three points that used 100, 200 and 300 on the 20th and the same on the 21st.
async fn used(fresh: &Fresh) {
    install(&fresh.store, 3, "1").await;
    let midnights = ["2026-11-20", "2026-11-21", "2026-11-22"].map(midnight);
    let now = midnight("2026-11-23");
    for (step, at) in (0_i64..).zip(midnights) {
        let readings: Vec<_> = (1..=3).map(|meter| freeze(meter, at, 1000 + 100 * meter * step)).collect();
        save(&fresh.store, &readings, now).await;
    }
    settle(&fresh.store, now).await;
}

#[tokio::test]
async fn t16_consumptions_are_listed_by_page_within_the_areas_of_an_account() {
    on_both(async |fresh| {
        used(fresh).await;
        let (store, all, of) = (&fresh.store, Regions::All, day("2026-11-20"));
        let first = store.consumptions_of_day(of, None, None, (&all, 2)).await.unwrap();
        assert_eq!(told(&first), ["P1 2026-11-20 Some(10000) 1", "P2 2026-11-20 Some(20000) 1"]);
        let last = first.last().unwrap().key;
        let after = [last.item.key().number().into(), last.point.number()];
        let rest = store.consumptions_of_day(of, None, Some(after), (&all, 2)).await.unwrap();
        assert_eq!(told(&rest), ["P3 2026-11-20 Some(30000) 1"]);
        let other = store.consumptions_of_day(of, Some(item("2.8.0")), None, (&all, 9)).await.unwrap();
        assert!(other.is_empty(), "{other:?}");
        let nowhere = Regions::Areas(Vec::new());
        assert!(store.consumptions_of_day(of, None, None, (&nowhere, 9)).await.unwrap().is_empty());

        // A later version takes the place of an earlier one.
        save(store, &[freeze(2, midnight("2026-11-21"), 1250)], midnight("2026-11-24")).await;
        settle(store, midnight("2026-11-24")).await;
        let days = (day("2026-11-20"), day("2026-11-21"));
        let point = store.consumptions_of_point(Id::new(2), days, Some(item("1.8.0"))).await.unwrap();
        let span = Span { of: Id::new(2), from: midnight("2026-11-20"), until: midnight("2026-11-21") };
        let newest = store.values_between(&[span], &[item("1.8.0")]).await.unwrap();
        assert_eq!(point.len(), 2, "{point:?}");
        for found in &point {
            assert_eq!((found.version, &found.content), {
                let newest = &newest[&found.key];
                (newest.version, &newest.content)
            });
        }
        let one = (day("2026-11-21"), day("2026-11-21"));
        assert_eq!(store.consumptions_of_point(Id::new(2), one, None).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_value_leads_to_the_exchanges_and_runs_of_its_reads() {
    on_both(async |fresh| {
        let store = &fresh.store;
        install(store, 1, "1").await;
        let (from, until, now) = (midnight("2026-11-20"), midnight("2026-11-21"), midnight("2026-11-22"));
        let plan = RunPlan {
            scope: "site",
            day: day("2026-11-20"),
            kind: chaobiao::domain::RunKind::Nightly,
            meters: &[Id::new(1)],
            deadline: now,
        };
        let run = store.begin_run(&plan, from).await.unwrap().id;
        let mut first = fetch(fresh, 1, "1.8.0", (from, from), chaobiao::domain::Source::Freeze);
        first.run = Some(run);
        let mut second = fetch(fresh, 1, "1.8.0", (until, until), chaobiao::domain::Source::Freeze);
        second.run = None;
        let mut registers = vec![freeze(1, from, 1000), freeze(1, until, 1400)];
        registers[0].fetch = Some(first.id);
        registers[1].fetch = Some(second.id);
        let (opening, closing) = (first.id, second.id);
        let batch = Batch { fetches: vec![first, second], registers, ..Batch::default() };
        store.save(&batch, now).await.unwrap();
        settle(store, now).await;
        let [used] = store
            .consumptions_of_day(day("2026-11-20"), None, None, (&Regions::All, 9))
            .await
            .unwrap()
            .try_into()
            .unwrap();
        assert_eq!(used.content.value.map(|(_, quality)| quality), Some(Quality::Good));
        let values = [(used.key.item, used.content.lineage.as_str()), (item("2.8.0"), "{}")];
        let [reads, none] = origins(store, &values).await.unwrap().try_into().unwrap();
        assert!(none.is_empty());
        let seen: Vec<_> = reads.iter().map(|read| (read.end, read.fetch(), read.run())).collect();
        assert_eq!(
            seen,
            [(End::Opening, Some(opening), Some(run)), (End::Closing, Some(closing), None)],
            "{reads:?}"
        );
        let traced = traced(&used.content.lineage, &reads);
        let frames = |end: &str| traced["parts"][0][end]["frames"].clone();
        assert_eq!(frames("opening"), format!("/meters/000000000001/fetches/{opening}"));
        assert_eq!(frames("closing"), format!("/meters/000000000001/fetches/{closing}"));
        assert_eq!(traced["parts"][0]["opening"]["run_day"], "2026-11-20");
    })
    .await;
}

#[tokio::test]
async fn the_newest_values_have_their_versions() {
    on_both(async |fresh| {
        let store = &fresh.store;
        install(store, 1, "1").await;
        let (at, later) = (midnight("2026-11-20"), midnight("2026-11-21"));
        save(store, &[freeze(1, at, 1000)], later).await;
        save(store, &[freeze(1, later, 1400)], midnight("2026-11-22")).await;
        save(store, &[freeze(1, later, 1401)], midnight("2026-11-23")).await;
        let entries = store.ledger_of_latest(Id::new(1)).await.unwrap();
        let all = store.ledger(Id::new(1), later, later).await.unwrap();
        assert!(entries.len() > 1 && entries == all, "the versions of that instant alone: {entries:?}");
        assert_eq!(entries.iter().filter(|entry| entry.is_current).count(), 1);
    })
    .await;
}
