use super::*;
use crate::domain::ClockOffset;
use crate::domain::access::Role;
use crate::domain::relay::StatusWord3;
use crate::domain::{
    CustomerClass, Day, Id, PointRole, Quality, RegisterReading, Run, RunKind, RunState, Source, Suspicion,
};
use crate::http::console::view::sample as view;
use crate::http::console::words::Language;
use crate::http::console::{meters, orders};
use crate::store::LedgerEntry;
use std::time::Duration;

pub(crate) fn sheet() -> MeterSheet {
    let from = "2026-01-01".parse::<Day>().unwrap().start();
    MeterSheet {
        line: meters::line(7),
        profile: Some("645-2007-single-phase".to_owned()),
        measuring_point: None,
        class: Some(CustomerClass::Residential),
        role: Some(PointRole::Customer),
        feeder: Some("10kV 朝阳线".to_owned()),
        route: Some("R12".to_owned()),
        protection: Some("居家医疗设备".to_owned()),
        area: Some(Id::new(3)),
        point: Some(Id::new(7)),
        stays: vec![Stay {
            point: "P0000007".to_owned(),
            from,
            until: None,
            multiplier: Some((4000, "200/5".to_owned(), "1".to_owned())),
        }],
        within: Default::default(),
    }
}

fn entry(value: i64, version: i64, quality: Quality) -> LedgerEntry {
    let as_of = "2026-11-28".parse::<Day>().unwrap().start();
    LedgerEntry {
        reading: RegisterReading {
            meter: Id::new(7),
            item: Item::parse("1.8.0").unwrap(),
            as_of,
            value,
            meter_time: Some("2026-11-28 00:00".to_owned()),
            collected_at: as_of.plus(Duration::from_secs(431)),
            source: Source::Freeze,
            quality,
            fetch: Some(Id::new(99)),
        },
        version,
        is_current: quality == Quality::Good,
        recorded_at: as_of.plus(Duration::from_secs(432)),
        decided_by: None,
        note: None,
    }
}

pub(crate) fn fetched() -> FetchPage {
    let as_of = "2026-11-28".parse::<Day>().unwrap().start();
    let frames = "FEFE6812907856341268910833333433896745335416";
    let bytes = (0..frames.len() / 2).map(|at| u8::from_str_radix(&frames[2 * at..2 * at + 2], 16).unwrap());
    FetchPage {
        sheet: sheet(),
        fetch: Fetch {
            id: Id::new(99),
            meter: Id::new(7),
            items: vec![Item::parse("1.8.0").unwrap()],
            from: as_of,
            until: as_of,
            source: Source::Freeze,
            collected_at: as_of.plus(Duration::from_secs(431)),
            frames: bytes.chain([0x0D, 0x0A]).collect(),
            run: Some(Id::new(1)),
        },
        run: Some(Run {
            id: Id::new(1),
            scope: "site".to_owned(),
            day: Day::of(as_of),
            kind: RunKind::Nightly,
            state: RunState::Done,
            planned: 1,
            started_at: as_of,
            deadline: as_of,
            ended_at: None,
        }),
        brought: vec![entry(12_345_600, 1, Quality::Good)],
    }
}

pub(crate) fn pages(asked: &Asked) -> Vec<(&'static str, MeterPage)> {
    let now = "2026-11-28".parse::<Day>().unwrap().start();
    let event = |kind: &str, began: &str| MeterEvent {
        meter: Id::new(7),
        kind: kind.to_owned(),
        began: began.to_owned(),
        record: serde_json::to_string(&dlt645::explain::data("03300401".parse().unwrap(), &[0x11; 16]))
            .unwrap(),
        collected_at: now,
    };
    let clock = |fast_us| ClockSession {
        offset: ClockOffset { at: now, fast_us, uncertainty: Duration::from_millis(700) },
        is_doubted: fast_us > 0,
    };
    let words = StatusWords {
        meter: Id::new(7),
        day: Day::of(now),
        words: "{\"04000501\":\"0004\",\"04000503\":\"0010\"}".to_owned(),
        collected_at: now,
    };
    let stretch = (now.minus(Duration::from_secs(86_400)), now);
    let entries =
        vec![entry(12_345_600, 1, Quality::Good), entry(5, 2, Quality::Suspect(Suspicion::BackwardStep))];
    let parts = vec![
        Part::Curve(curve::sample()),
        Part::Registers(RegistersPart { stretch, entries }),
        Part::Events(vec![
            event("03110000", "2026-11-21 10:00:00"),
            event("03300400", "2026-11-20 09:00:00"),
        ]),
        Part::Clock(vec![clock(-1_250_000), clock(412_000_000)]),
        Part::Status(Some(words)),
        Part::Fetches(vec![fetched().fetch]),
        Part::Orders(orders::tests::listed()),
    ];
    let relay =
        RelaySeen { word: StatusWord3::from_bits(0x0050), at: now, source: RelaySource::Order(Id::new(7)) };
    parts
        .into_iter()
        .map(|part| {
            (
                part.name(),
                MeterPage {
                    sheet: sheet(),
                    orderable: Some(Orderable::NoLines),
                    relay: Some(relay),
                    part,
                    asked: asked.clone(),
                },
            )
        })
        .collect()
}

fn drawn(name: &str, language: Language) -> String {
    let pages = pages(&Asked::default());
    let (_, page) = pages.iter().find(|(known, _)| *known == name).unwrap();
    page.markup(&view(language, Role::Operator)).into_string()
}

#[test]
fn a_page_says_whether_anything_was_sent_to_a_clock() {
    let said = |came: &str| {
        let pages = pages(&Asked(vec![("set".to_owned(), came.to_owned())]));
        let (_, page) = pages.iter().find(|(known, _)| *known == "clock").unwrap();
        page.markup(&view(Language::English, Role::Operator)).into_string()
    };
    let (set, left) = ("The clock was set and read back.", "nothing was sent");
    assert!(said("done").contains(set) && !said("done").contains(left));
    assert!(said("not_needed").contains(left) && !said("not_needed").contains(set));
    assert!(!said("<x>").contains(set) && !said("<x>").contains(left));
}

#[test]
fn every_part_of_a_meter_is_drawn() {
    for (name, zh, en) in [
        ("curve", "由相邻两点示值相减", "Differences of neighbouring registers"),
        ("registers", "可疑：倒走", "suspect: ran back"),
        ("events", "掉电", "power-down"),
        ("clock", "412.0", "-1.2"),
        ("status", "继电器", "relay"),
        ("fetches", "冻结", "freeze"),
        ("orders", "已核实断开", "verified open"),
    ] {
        let (chinese, english) = (drawn(name, Language::Chinese), drawn(name, Language::English));
        assert!(chinese.contains(zh), "{name} {zh}: {chinese}");
        assert!(english.contains(en), "{name} {en}: {english}");
        assert!(chinese.contains("居家医疗设备") && english.contains("protected"), "{name}");
    }
    assert_eq!(Part::asked(&Asked(vec![("part".to_owned(), "clock".to_owned())])), "clock");
    assert_eq!(Part::asked(&Asked(vec![("part".to_owned(), "x".to_owned())])), "curve");
}

#[test]
fn a_register_leads_to_its_frame_and_the_frame_is_explained() {
    assert!(drawn("registers", Language::Chinese).contains("href=\"/meters/202411110007/fetches/99\""));
    let text = fetched().markup(&view(Language::English, Role::Operator)).into_string();
    for part in [
        "68 12 90 78 56 34 12 68 91 08",
        "forward active energy, total",
        "1234.56",
        "sound",
        "0D 0A",
        "/?day=2026-11-28",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_meter_that_cannot_be_cut_from_here_says_so_and_is_not_offered() {
    let (_, mut page) = pages(&Asked::default()).into_iter().next().unwrap();
    let drawn = |page: &MeterPage| page.markup(&view(Language::Chinese, Role::Operator)).into_string();
    let text = drawn(&page);
    assert!(text.contains("本进程未接线路") && !text.contains("kind=cut&"), "{text}");
    assert!(text.contains("kind=close_permit"), "giving supply back is always offered");
    assert!(text.contains("/proposals/new?change=exchange_meter"), "{text}");
    page.orderable = Some(Orderable::Yes);
    let text = drawn(&page);
    assert!(text.contains("可以") && text.contains("kind=cut"), "{text}");
}

#[test]
fn i13_the_relay_is_shown_as_it_was_last_read_with_when_and_by_whom() {
    let (_, mut page) = pages(&Asked::default()).into_iter().next().unwrap();
    let zh = |page: &MeterPage| page.markup(&view(Language::Chinese, Role::Operator)).into_string();
    let text = zh(&page);
    for part in ["断开", "href=\"/orders/7\"", "2026-11-28 00:00:00", "?part=orders"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let seen = page.relay.unwrap();
    page.relay =
        Some(RelaySeen { word: StatusWord3::from_bits(0), source: RelaySource::Read(Id::new(3)), ..seen });
    let text = zh(&page);
    assert!(text.contains("闭合") && text.contains("href=\"/reads/3\""), "{text}");
    page.relay = Some(RelaySeen { source: RelaySource::Night, ..seen });
    assert!(zh(&page).contains("夜间采集"));
    page.relay = None;
    assert!(zh(&page).contains("从未读到"));
}

#[test]
fn t32_an_administrator_sees_a_meter_without_its_customer() {
    for (name, page) in pages(&Asked::default()) {
        let text = page.markup(&view(Language::Chinese, Role::Admin)).into_string();
        assert!(!text.contains("王小明"), "{name}");
    }
}

#[test]
fn each_part_has_its_file() {
    let asked = Asked(vec![("csv".to_owned(), "all".to_owned())]);
    for (name, page) in pages(&asked) {
        let file = page.file(&view(Language::English, Role::Operator));
        assert!(file.is_some(), "{name}");
    }
}
