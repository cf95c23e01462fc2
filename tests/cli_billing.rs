//! `chaobiao billing` as a user meets it.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a failing step must end its test")]

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use chaobiao::billing::{LedgerSink, Rules, push_once, settle_due};
use chaobiao::clock::ManualClock;
use chaobiao::config::Config;
use chaobiao::domain::proposal::{Change, MeterExchange, ReviewDecision, Shown};
use chaobiao::domain::{
    ArchiveEntry, Customer, Day, Fetch, Id, Item, Meter, MeterPath, MeterProtocol, MeteringPoint, Moment,
    PointRole, Quality, RegisterReading, Source, Suspicion, Transformers,
};
use chaobiao::store::archive::Saving;
use chaobiao::store::{Address, Batch, Migrations, Store};

#[path = "support/operator.rs"]
mod operator;

fn chaobiao(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_chaobiao")).args(["billing", "list"]).args(arguments).output().unwrap()
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

fn midnight(day: &str) -> Moment {
    day.parse::<Day>().unwrap().start()
}

fn entry() -> ArchiveEntry {
    ArchiveEntry {
        customer: Customer { number: "C1".to_owned(), name: String::new(), class: None },
        point: MeteringPoint {
            number: "P1".to_owned(),
            customer: "C1".to_owned(),
            role: PointRole::Customer,
            area: None,
            route: None,
            protection: None,
        },
        is_unprotected: true,
        feeder: None,
        reading_day: None,
        meter: Meter {
            address: "202411110001".parse().unwrap(),
            asset_number: None,
            protocol: MeterProtocol::Dlt2007,
            profile: None,
            path: MeterPath::Line { line: "L1".to_owned(), baud: None, parity: None },
        },
        transformers: Some(Transformers { ct: "40".parse().unwrap(), ..Transformers::NONE }),
        installed_at: Some(midnight("2025-01-01")),
        first_reading: None,
    }
}

fn reading(at: Moment, value: i64, source: Source) -> RegisterReading {
    RegisterReading {
        meter: Id::new(1),
        item: Item::parse("1.8.0").unwrap(),
        as_of: at,
        value,
        meter_time: None,
        collected_at: at,
        source,
        quality: Quality::Good,
        fetch: None,
    }
}

fn fetch(id: Id<Fetch>, at: Moment) -> Fetch {
    Fetch {
        id,
        meter: Id::new(1),
        items: vec![Item::parse("1.8.0").unwrap()],
        from: at,
        until: at,
        source: Source::Freeze,
        collected_at: at,
        frames: vec![0x68, 0x16],
        run: None,
    }
}

/// A configuration and a database with one point: 20 November is delivered, the 21st waits, the 22nd is open.
async fn prepare(folder: &Path) -> String {
    let config = folder.join("chaobiao.toml");
    std::fs::write(&config, "[database]\npath = \"store.db\"\n[collection]\nregisters = [\"1.8.0\"]\n")
        .unwrap();
    let rules = Rules::of(&Config::load(&config).unwrap().config);
    let store = Store::open(&Address::Sqlite(folder.join("store.db")), Migrations::Run).await.unwrap();
    let now = midnight("2025-11-23");
    store.save_archive(&[entry()], midnight("2025-01-01"), Saving::Save).await.unwrap();
    let late = midnight("2025-11-22").plus(Duration::from_secs(600));
    let steps = [
        vec![
            reading(midnight("2025-11-20"), 12_345_600, Source::Freeze),
            reading(midnight("2025-11-21"), 12_357_950, Source::Freeze),
        ],
        vec![reading(late, 12_360_000, Source::Live)],
    ];
    let mut sink = LedgerSink::new(store.clone(), ManualClock::still(now).clock());
    for (place, mut registers) in steps.into_iter().enumerate() {
        // What an exchange brought, and what the others stand for came by none.
        let fetch = fetch(store.new_fetch_id(now), midnight("2025-11-20"));
        if place == 0 {
            registers[0].fetch = Some(fetch.id);
        }
        let fetches = Vec::from_iter((place == 0).then_some(fetch));
        store.save(&Batch { fetches, registers, ..Batch::default() }, now).await.unwrap();
        settle_due(&store, &rules, now).await.unwrap();
        if place == 0 {
            let settings = Config::load(&config).unwrap().config.billing;
            push_once(&store, &mut sink, &settings, now).await.unwrap();
        }
    }
    store.close().await;
    config.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_was_pushed_what_waits_and_what_is_open_is_listed() {
    let folder = tempfile::tempdir().unwrap();
    let config = prepare(folder.path()).await;
    let list = |more: &[&str]| {
        let done = chaobiao(&[&["-c", config.as_str()], more].concat());
        assert_eq!(done.status.code(), Some(0), "{}", text(done.stderr));
        (text(done.stdout), text(done.stderr))
    };
    let (day, told) = list(&["--day", "2025-11-20"]);
    let lines: Vec<&str> = day.lines().collect();
    assert_eq!(lines.len(), 4, "{day}");
    assert!(lines[2].contains("1234.5600 kWh") && lines[2].contains("register 示值"), "{day}");
    assert!(
        lines[3].contains("49.400000 kWh") && lines[3].contains("delivered 已送达 2025-11-23 00:00:00"),
        "{day}"
    );
    assert!(told.contains("2 delivered 已送达, 0 open 未结"), "{told}");

    let (newest, told) = list(&[]);
    assert!(newest.contains("8.200000 kWh") && newest.contains("estimated 估算"), "{newest}");
    assert!(newest.contains("ledger: waiting 等待"), "{newest}");
    assert!(told.contains("waiting"), "{told}");

    let (open, _) = list(&["--open", "--day", "2025-11-22"]);
    assert!(open.contains("no accepted reading of meter 202411110001 at 2025-11-23 00:00:00"), "{open}");
    assert!(open.contains("无有效示值"), "{open}");

    let (json, _) = list(&["--point", "P1", "--json"]);
    let first: serde_json::Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!(first["key"], "register/P1/1-0:1.8.0/2025-11-20T00:00:00+08:00/1");
    assert_eq!((&first["value"], &first["state"]), (&"1234.5600".into(), &"delivered".into()));
    assert_eq!(first["lineage"]["meter"], "202411110001");
    let read = &first["lineage"]["reading"];
    let fetch = read["fetch"].as_str().unwrap();
    assert_eq!(read["frames"], format!("/meters/202411110001/fetches/{fetch}"), "{json}");
    let closing = |line: &str| {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        value["lineage"]["parts"][0]["closing"].clone()
    };
    let closings: Vec<_> = json.lines().map(closing).filter(|read| read.is_object()).collect();
    assert!(!closings.is_empty() && closings.iter().all(|read| read["fetch"].is_null()), "{json}");
    let last: serde_json::Value =
        serde_json::from_str(list(&["--day", "2025-11-22", "--json"]).0.lines().last().unwrap()).unwrap();
    assert_eq!((&last["what"], &last["reason"]), (&"open".into(), &"no_reading".into()));
    assert_eq!(last["at"], "2025-11-22T16:00:00Z");
}

#[tokio::test]
async fn what_cannot_be_listed_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let config = prepare(folder.path()).await;
    let database = folder.path().join("store.db");
    let none = folder.path().join("none.db");
    for (arguments, code, said) in [
        (vec!["-c", config.as_str(), "--point", "P9"], 1, "P9"),
        (vec!["-c", config.as_str(), "--day", "2025-11-31"], 2, "no such day"),
        (vec!["--database", database.to_str().unwrap(), "--open"], 2, "-c"),
        (vec!["--database", none.to_str().unwrap()], 1, "no such database"),
    ] {
        let done = chaobiao(&arguments);
        let told = text(done.stderr);
        assert_eq!(done.status.code(), Some(code), "{arguments:?}: {told}");
        assert!(told.contains(said), "{told}");
        assert!(!none.exists(), "nothing is made");
    }
    let plain = chaobiao(&["--database", database.to_str().unwrap()]);
    assert_eq!(plain.status.code(), Some(0));
}

/// Another command of `billing` with `--json`, of a folder: its exit code, what it printed and what it said.
fn billing(folder: &Path, arguments: &[&str]) -> (Option<i32>, Vec<serde_json::Value>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chaobiao"));
    let done = command.current_dir(folder).arg("billing").args(arguments).arg("--json").output().unwrap();
    let printed = text(done.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (done.status.code(), printed, text(done.stderr))
}

#[tokio::test]
async fn suspect_values_and_exchanges_are_listed_and_a_decision_waits_for_another_person() {
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path()).await;
    let folder = folder.path();
    let store = Store::open(&Address::Sqlite(folder.join("store.db")), Migrations::Check).await.unwrap();
    let now = chaobiao::clock::Clock::system().now();
    operator::add_li(&store, folder, now).await;
    let suspect = Quality::Suspect(Suspicion::LargeStep);
    let far =
        RegisterReading { quality: suspect, ..reading(midnight("2025-11-22"), 99_999_900, Source::Freeze) };
    store.save(&Batch { registers: vec![far], ..Batch::default() }, now).await.unwrap();
    let (code, waiting, said) = billing(folder, &["review", "list"]);
    assert_eq!((code, waiting.len(), &waiting[0]["value"]), (Some(0), 1, &"9999.9900".into()), "{said}");
    assert_eq!((&waiting[0]["point"], &waiting[0]["meter"]), (&"P1".into(), &"202411110001".into()));
    let review = waiting[0]["id"].to_string();
    let li = ["--reason", "looked at", "--as", "li", "--password-file", "password"];
    let decide =
        |review: &str, how: &str| billing(folder, &[&["review", "decide", review, how], &li[..]].concat());
    assert_eq!(decide("99", "--accept").0, Some(1), "there is none");
    let (code, proposed, said) = decide(&review, "--reject");
    assert_eq!((code, &proposed[0]["accept"]), (Some(0), &false.into()), "{said}");
    assert!(said.contains("待另一人在控制台确认"), "{said}");
    let proposals = store.proposals(true, i64::MAX, 10).await.unwrap();
    let decision = Change::DecideReview(ReviewDecision { review: review.parse().unwrap(), accept: false });
    assert_eq!((proposals[0].proposed_as.as_str(), &proposals[0].change), ("li", &decision));
    assert_eq!(billing(folder, &["review", "list"]).1.len(), 1, "one person alone decides nothing");

    assert_eq!(billing(folder, &["swaps"]).1, Vec::<serde_json::Value>::new());
    let li = store.account_named("li").await.unwrap().unwrap().acting("test");
    let swap = Change::ExchangeMeter(MeterExchange {
        point: "P1".to_owned(),
        removed: "202411110001".to_owned(),
        installed: "202411110009".to_owned(),
        asset_number: None,
        protocol: "645-2007".to_owned(),
        profile: None,
        at: midnight("2025-11-22").micros(),
        closing: vec![Shown { item: "1-0:1.8.0".to_owned(), value: 12_360_000 }],
        opening: Vec::new(),
    });
    store.propose(&swap, "burnt", &li, now).await.unwrap();
    let (code, swaps, said) = billing(folder, &["swaps", "--point", "P1"]);
    assert_eq!((code, swaps.len(), &swaps[0]["state"]), (Some(0), 1, &"open".into()), "{said}");
    assert_eq!(swaps[0]["change"]["installed"], "202411110009");
    assert_eq!(billing(folder, &["swaps", "--point", "P2"]).1.len(), 0);
    let shown =
        Command::new(env!("CARGO_BIN_EXE_chaobiao")).current_dir(folder).args(["billing", "swaps"]).output();
    let shown = text(shown.unwrap().stdout);
    assert!(shown.contains("1236.0000 kWh") && shown.contains("待确认"), "{shown}");
    store.close().await;
}
