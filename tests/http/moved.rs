//! A meter that moved from one area to another: each sees what it told while it was there. (T16)

use std::time::Duration;

use axum::http::StatusCode;
use chaobiao::domain::{
    Day, DayCurve, Fetch, Id, Item, Meter, MeterPath, MeterProtocol, Moment, Quality, RegisterReading,
    SlotValue, SlotsPerDay, Source,
};
use chaobiao::store::archive::Exchange;
use chaobiao::store::{Batch, MeterEvent};

use crate::orders::Town;
use crate::rig::Somebody;

const MOVED: &str = "000000000001";

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn meter(number: u32) -> Meter {
    Meter {
        address: number.to_string().parse().unwrap(),
        asset_number: None,
        protocol: MeterProtocol::Dlt2007,
        profile: None,
        path: MeterPath::Line { line: "L1".to_owned(), baud: None, parity: None },
    }
}

/// The meter of the first home goes to the second at noon of the 15th, and tells of the days on both sides of it.
async fn moved(town: &Town) {
    let store = &town.rig.services.store;
    let noon = day("2026-11-15").start().plus(Duration::from_secs(12 * 3600));
    for (point, removed, installed) in [(1, 1, 7), (2, 2, 1)] {
        let removed = meter(removed).address;
        let exchange = Exchange { point: Id::new(point), removed, installed: meter(installed), at: noon };
        store.exchange_meter(&exchange).await.unwrap();
    }
    let item = Item::parse("1.8.0").unwrap();
    let mut batch = Batch::default();
    for (number, at) in
        [("2026-11-14", 1111), ("2026-11-17", 2222)].map(|(day_of, value)| (value, day(day_of)))
    {
        let start = at.start();
        let fetch = Fetch {
            id: store.new_fetch_id(start),
            meter: Id::new(1),
            items: vec![item],
            from: start,
            until: start,
            source: Source::Freeze,
            collected_at: start.plus(Duration::from_secs(300)),
            frames: vec![0x68, 0x16],
            run: None,
        };
        batch.registers.push(RegisterReading {
            meter: Id::new(1),
            item,
            as_of: start,
            value: number,
            meter_time: None,
            collected_at: fetch.collected_at,
            source: Source::Freeze,
            quality: Quality::Good,
            fetch: Some(fetch.id),
        });
        let id = fetch.id;
        batch.fetches.push(fetch);
        let mut curve = DayCurve::new(Id::new(1), item, at, SlotsPerDay::QUARTER_HOURS);
        let noon: Moment = start.plus(Duration::from_secs(12 * 3600));
        assert!(curve.fill(noon, SlotValue { value: number + 1, quality: Quality::Good }));
        batch.curves.push((id, curve));
        batch.notes.events.push(MeterEvent {
            meter: Id::new(1),
            kind: "03110000".to_owned(),
            began: format!("{at} 06:00:00"),
            record: format!("[\"{number}\"]"),
            collected_at: start.plus(Duration::from_secs(8 * 3600)),
        });
    }
    // What the meter has kept of the first home and tells at the second.
    batch.notes.events.push(MeterEvent {
        meter: Id::new(1),
        kind: "03110000".to_owned(),
        began: "2026-11-13 06:00:00".to_owned(),
        record: "[\"1119\"]".to_owned(),
        collected_at: day("2026-11-17").start(),
    });
    store.save(&batch, town.now()).await.unwrap();
}

async fn all_told(town: &Town, who: &Somebody) -> String {
    let mut told = String::new();
    let span = "from=2026-11-10&until=2026-11-20";
    for path in [
        format!("/api/v1/meters/{MOVED}"),
        format!("/api/v1/meters/{MOVED}/latest"),
        format!("/api/v1/meters/{MOVED}/registers?{span}"),
        format!("/api/v1/meters/{MOVED}/intervals?item=1.8.0&{span}"),
        format!("/api/v1/meters/{MOVED}/events"),
        format!("/meters/{MOVED}?part=curve&item=1.8.0&{span}"),
        format!("/meters/{MOVED}?part=registers&{span}"),
        format!("/meters/{MOVED}?part=events"),
        format!("/meters/{MOVED}?part=fetches&{span}"),
        "/events".to_owned(),
    ] {
        let answer = town.rig.get(&path, Some(who)).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {answer:?}");
        told.push_str(&answer.body);
    }
    told
}

#[tokio::test]
async fn t16_a_meter_that_moved_tells_each_area_of_its_own_time_there() {
    let town = Town::new().await;
    moved(&town).await;
    let li = all_told(&town, &town.li).await;
    for part in ["0.1111", "0.1112", "0.2222", "0.2223", "1119", "P1", "2026-11-14 06:00:00"] {
        assert!(li.contains(part), "whoever sees all areas sees {part}: {li}");
    }
    let far = all_told(&town, &town.elsewhere[0]).await;
    for part in ["0.2222", "0.2223", "P2"] {
        assert!(far.contains(part), "{part}: {far}");
    }
    for part in ["0.1111", "0.1112", "1111", "1119", "\"P1\"", ">P1<", "2026-11-14 06:00", "2026-11-13 06:00"]
    {
        assert!(!far.contains(part), "{part} is of the first home: {far}");
    }
    // Its frames, one by one.
    let fetches =
        town.rig.services.store.fetches(Id::new(1), day("2026-11-10").start(), day("2026-11-20").start());
    for (fetch, status) in fetches.await.unwrap().iter().zip([StatusCode::NOT_FOUND, StatusCode::OK]) {
        let path = format!("/meters/{MOVED}/fetches/{}", fetch.id);
        assert_eq!(town.rig.get(&path, Some(&town.elsewhere[0])).await.status, status, "{path}");
        assert_eq!(town.rig.get(&path, Some(&town.li)).await.status, StatusCode::OK);
    }
}
