//! Every value says how it came, when, and by which exchange: those of curves, those of registers, and what billing has of them.

use std::time::Duration;

use chaobiao::domain::{
    Day, DayCurve, Fetch, Id, Item, Quality, RegisterReading, RunKind, SlotValue, SlotsPerDay, Source,
};
use chaobiao::store::{Batch, RunPlan};

use crate::bound::hand_over;
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

/// Two midnights of the first home: the first was frozen and read in a run, the second a person wrote down. Gives the exchange and
/// the run of the first.
async fn read(town: &Town, day: Day) -> [String; 2] {
    let store = &town.rig.services.store;
    let plan = RunPlan {
        scope: "site",
        day,
        kind: RunKind::Nightly,
        meters: &[Id::new(1)],
        deadline: town.now().plus(Duration::from_secs(3600)),
    };
    let run = store.begin_run(&plan, town.now()).await.unwrap().id;
    let item = Item::parse("1.8.0").unwrap();
    let fetch = Fetch {
        id: store.new_fetch_id(town.now()),
        meter: Id::new(1),
        items: vec![item],
        from: day.start(),
        until: day.start(),
        source: Source::Freeze,
        collected_at: day.start().plus(Duration::from_secs(360)),
        frames: vec![0x68, 0x16],
        run: Some(run),
    };
    let reading = |at: Day, value, source, fetch| RegisterReading {
        meter: Id::new(1),
        item,
        as_of: at.start(),
        value,
        meter_time: Some(format!("{at} 00:00")),
        collected_at: at.start().plus(Duration::from_secs(360)),
        source,
        quality: Quality::Good,
        fetch,
    };
    let id = fetch.id;
    let registers =
        vec![reading(day, 1000, Source::Freeze, Some(id)), reading(day.next(), 1400, Source::Manual, None)];
    hand_over(town, &Batch { fetches: vec![fetch], registers, ..Batch::default() }).await;
    [id.to_string(), run.to_string()]
}

#[tokio::test]
async fn what_billing_has_leads_to_the_exchange_the_run_and_the_frames_of_each_read() {
    let town = Town::new().await;
    let day = Day::of(town.now()).previous();
    let [fetch, run] = read(&town, day).await;
    let pushes = town.rig.get(&format!("/api/v1/billing/pushes?day={day}"), Some(&town.li)).await.json();
    let of = |kind: &str| {
        let all = pushes["pushes"].as_array().unwrap();
        all.iter().find(|push| push["kind"] == kind).unwrap()["lineage"].clone()
    };
    let frames = format!("/meters/{METER}/fetches/{fetch}");
    let (register, used) = (of("register"), of("consumption"));
    for read in [&register["reading"], &used["parts"][0]["opening"]] {
        assert_eq!(
            (&read["fetch"], &read["run"], &read["run_day"], &read["frames"]),
            (&fetch.clone().into(), &run.clone().into(), &day.to_string().into(), &frames.clone().into()),
            "{pushes}"
        );
        assert_eq!((&read["value"], &read["version"]), (&"0.1000".into(), &1.into()), "{pushes}");
    }
    let by_hand = &used["parts"][0]["closing"];
    assert!(by_hand["fetch"].is_null() && by_hand["frames"].is_null(), "{pushes}");
    assert_eq!(by_hand["source"], "manual", "what was there stays");
    let page = town.rig.get(&format!("/billing?day={day}"), Some(&town.li)).await.body;
    assert!(page.contains(&format!("href=\"{frames}\"")), "{page}");
    let next = day.next();
    let registers = format!("href=\"/meters/{METER}?part=registers&amp;from={next}&amp;until={next}\"");
    assert!(page.contains(&registers), "{page}");
    let shown = town.rig.get(&frames, Some(&town.li)).await;
    assert!(shown.status.is_success() && shown.body.contains("0.1000"), "{shown:?}");
}

#[tokio::test]
async fn the_newest_values_say_their_version_the_time_of_the_meter_and_their_exchange() {
    let town = Town::new().await;
    let day = Day::of(town.now()).previous();
    let [by_record, _] = told(&town).await;
    let path = format!("/api/v1/meters/{METER}/latest");
    let latest = town.rig.get(&path, Some(&town.li)).await.json();
    let slot = &latest["values"][0];
    assert_eq!(
        (&slot["fetch"], &slot["meter_time"]),
        (&by_record.to_string().into(), &"2026-11-14 00:30:00".into()),
        "{latest}"
    );
    assert!(
        slot["version"].is_null() && slot["source"] == "load record",
        "a curve has no versions: {latest}"
    );
    read(&town, day).await;
    let latest = town.rig.get(&path, Some(&town.li)).await.json();
    let [value] = latest["values"].as_array().unwrap().as_slice() else { panic!("{latest}") };
    assert_eq!((&value["version"], &value["is_current"]), (&1.into(), &true.into()), "{latest}");
    assert_eq!(value["meter_time"], format!("{} 00:00", day.next()), "{latest}");
    assert!(value["fetch"].is_null() && value["source"] == "manual", "a person wrote it down: {latest}");
}
