//! Every value of a curve says how it came, when, and by which exchange.

use std::time::Duration;

use chaobiao::domain::{Day, DayCurve, Fetch, Id, Item, Quality, SlotValue, SlotsPerDay, Source};
use chaobiao::store::Batch;

use crate::orders::Town;

const METER: &str = "000000000001";

/// Two slots by the first exchange, which had a hole between them, and that one by a second, as a poll.
async fn told(town: &Town) -> [Id<Fetch>; 2] {
    let store = &town.rig.services.store;
    let day: Day = "2026-11-14".parse().unwrap();
    let (item, slots) = (Item::parse("1.8.0").unwrap(), SlotsPerDay::QUARTER_HOURS);
    let at = |slot: u64| day.start().plus(Duration::from_secs(900 * slot));
    let mut ids = Vec::new();
    for (source, span, filled) in [(Source::LoadRecord, (0, 2), vec![0, 2]), (Source::Live, (1, 1), vec![1])]
    {
        let fetch = Fetch {
            id: store.new_fetch_id(at(4)),
            meter: Id::new(1),
            items: vec![item],
            from: at(span.0),
            until: at(span.1),
            source,
            collected_at: at(90 + span.0),
            frames: vec![0x68, 0x16],
            run: None,
        };
        let mut curve = DayCurve::new(Id::new(1), item, day, slots);
        for slot in filled {
            let value = SlotValue { value: 10_000 + i64::try_from(slot).unwrap(), quality: Quality::Good };
            assert!(curve.fill(at(slot), value));
        }
        ids.push(fetch.id);
        let batch = Batch { curves: vec![(fetch.id, curve)], fetches: vec![fetch], ..Batch::default() };
        store.save(&batch, town.now()).await.unwrap();
    }
    ids.try_into().unwrap()
}

#[tokio::test]
async fn each_value_of_a_curve_says_how_and_when_it_came_and_by_which_exchange() {
    let town = Town::new().await;
    let [first, second] = told(&town).await.map(|id| id.to_string());
    let path = format!("/api/v1/meters/{METER}/intervals?item=1.8.0&from=2026-11-14&until=2026-11-14");
    let answer = town.rig.get(&path, Some(&town.li)).await;
    let answer: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    let shown = |place: usize, name: &str| answer["values"][place][name].clone();
    for (place, fetch, source, meter_time) in [
        (0, &first, "load record", Some("2026-11-14 00:00:00")),
        (1, &second, "live", None),
        (2, &first, "load record", Some("2026-11-14 00:30:00")),
    ] {
        assert_eq!((shown(place, "fetch"), shown(place, "source")), (fetch.as_str().into(), source.into()));
        assert_eq!(shown(place, "meter_time").as_str(), meter_time, "{place}");
    }
    assert_eq!(shown(1, "collected_at"), "2026-11-14T14:45:00Z");
    let file = town.rig.get(&format!("{path}&format=csv&reason=x"), Some(&town.li)).await.body;
    assert!(file.lines().next().unwrap().ends_with(",fetch"), "{file}");
    assert!(file.lines().nth(2).unwrap().ends_with(&format!("\"{second}\"")), "{file}");
    let page = format!("/meters/{METER}?part=curve&item=1.8.0&from=2026-11-14&until=2026-11-14");
    let page = town.rig.get(&page, Some(&town.li)).await.body;
    for fetch in [first, second] {
        let link = format!("/meters/{METER}/fetches/{fetch}");
        assert!(page.contains(&link), "{link}");
        assert!(town.rig.get(&link, Some(&town.li)).await.status.is_success());
    }
}
