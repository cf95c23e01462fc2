//! `chaobiao orders` as an operator meets it.
#![expect(clippy::unwrap_used, reason = "a failing step must end its test")]

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use chaobiao::clock::Clock;
use chaobiao::domain::access::Regions;
use chaobiao::domain::{
    ArchiveEntry, ClockOffset, Customer, Id, Item, Meter, MeterPath, MeterProtocol, MeteringPoint, Moment,
    PointRole, Quality, RegisterReading, Source, Transformers,
};
use chaobiao::store::archive::Saving;
use chaobiao::store::supply::OrderFilter;
use chaobiao::store::{Address, Batch, Migrations, Notes, Store};
use serde_json::Value;

#[path = "support/operator.rs"]
mod operator;

use operator::add_li;

fn orders(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chaobiao"));
    command.current_dir(folder).arg("orders").args(arguments);
    let Output { status, stderr, .. } = command
        .args(["--database", "store.db", "--as", "li", "--password-file", "password"])
        .output()
        .unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

/// One order command with `--json`: its exit code, what it printed and what it said. The environment claims somebody else.
fn as_json(folder: &Path, arguments: &[&str]) -> (Option<i32>, Vec<Value>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chaobiao"));
    command.current_dir(folder).env("USER", "mallory").env("SUDO_USER", "mallory");
    command.arg("orders").args(arguments).args(["--json", "--database", "store.db"]);
    if !matches!(arguments.first(), Some(&("stop" | "list" | "show"))) {
        command.args(["--as", "li", "--password-file", "password"]);
    }
    let Output { status, stdout, stderr } = command.output().unwrap();
    let printed = String::from_utf8(stdout).unwrap();
    let printed = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (status.code(), printed, String::from_utf8(stderr).unwrap())
}

#[tokio::test]
async fn each_order_of_the_console_is_given_here_and_told_to_programs_by_the_names_of_the_api() {
    let folder = tempfile::tempdir().unwrap();
    let address = Address::Sqlite(folder.path().join("store.db"));
    let store = Store::open(&address, Migrations::Run).await.unwrap();
    let now = Clock::system().now();
    let entries: Vec<_> = (1..=9).map(entry).collect();
    store.save_archive(&entries, now.minus(Duration::from_secs(86_400)), Saving::Save).await.unwrap();
    add_li(&store, folder.path(), now).await;
    let folder = folder.path();
    // Ending a hold may cut, and nobody is cut without a list of those who must not be.
    std::fs::write(folder.join("protected.csv"), "point_number,kind,reason,until\nP9,medical,呼吸机,\n")
        .unwrap();
    assert_eq!(as_json(folder, &["import", "protections", "protected.csv"]).1[0]["entered"], 1);
    std::fs::write(
        folder.join("known.csv"),
        "point_number,meter_address,verified_at,verified_by,crossed\nP6,6,2026-11-01,li,no\n",
    )
    .unwrap();
    let (code, entered, said) = as_json(folder, &["import", "identities", "known.csv"]);
    assert_eq!((code, &entered[0]["entered"]), (Some(0), &1.into()), "{said}");
    let site = store.site_meters().await.unwrap().into_iter().find(|site| site.point.number == "P6").unwrap();
    store
        .save(&Batch { registers: vec![reading(site.meter_id, now)], ..Batch::default() }, now)
        .await
        .unwrap();
    let note = ["--safety-note", "the customer stands beside the meter"];
    for (arguments, kind) in [
        (&["restore", "P1", "Q7", "--reason", "other"][..], "close_permit"),
        (&["allow-close", "P2", "--reason", "settled"], "close_permit"),
        (&["direct-close", "P3", "--reason", "mistake", note[0], note[1]], "direct_close"),
        (&["alarm", "on", "P4", "--reason", "arrears"], "alarm_on"),
        (&["alarm", "off", "P4", "--reason", "settled"], "alarm_off"),
        (&["hold", "P5", "--reason", "protection"], "hold_on"),
        (&["end-hold", "P6"], "hold_off"),
    ] {
        let (code, printed, said) = as_json(folder, arguments);
        assert_eq!((code, printed.len()), (Some(0), 1), "{arguments:?}: {said}");
        let id = printed[0]["id"].as_str().unwrap();
        assert!(id.len() == 19 && printed[0]["state"].is_string(), "{printed:?}");
        let left_out: Vec<_> =
            printed[0]["refused"].as_array().unwrap().iter().map(|one| &one["of"]).collect();
        assert_eq!(left_out, if arguments.contains(&"Q7") { vec!["Q7"] } else { Vec::new() });
        let (code, shown, _) = as_json(folder, &["show", id]);
        assert_eq!((code, &shown[0]["id"], &shown[0]["kind"]), (Some(0), &id.into(), &kind.into()));
        assert!(shown[0]["steps"][0]["by"] == "li", "{shown:?}");
    }
    let (_, listed, _) = as_json(folder, &["list"]);
    assert!(listed.len() == 7 && listed.iter().all(|order| order["id"].is_string()), "{listed:?}");
    let waiting = listed[0]["id"].as_str().unwrap();
    let (code, printed, said) = as_json(folder, &["cancel", waiting]);
    assert_eq!((code, &printed[0]["state"]), (Some(0), &"cancelled".into()), "{said}");
    // What the rules refuse is told to programs, too.
    let (code, printed, _) = as_json(folder, &["cut", "P7"]);
    let reasons = printed[0]["reasons"].as_array().unwrap();
    assert!(code == Some(1) && reasons.iter().all(|reason| reason["detail_zh"].is_string()), "{printed:?}");
    assert!(!reasons.is_empty());
    store.close().await;
}

fn reading(meter: Id<Meter>, at: Moment) -> RegisterReading {
    RegisterReading {
        meter,
        item: Item::parse("1.8.0").unwrap(),
        as_of: at,
        value: 1_000_000,
        meter_time: None,
        collected_at: at,
        source: Source::Live,
        quality: Quality::Good,
        fetch: None,
    }
}

#[tokio::test]
async fn t27_who_stops_all_cuts_and_whose_list_failed_is_entered_whatever_the_environment_says() {
    let folder = tempfile::tempdir().unwrap();
    let address = Address::Sqlite(folder.path().join("store.db"));
    let store = Store::open(&address, Migrations::Run).await.unwrap();
    add_li(&store, folder.path(), Clock::system().now()).await;
    let user = nix::unistd::User::from_uid(nix::unistd::getuid()).unwrap().unwrap().name;
    let (code, printed, said) = as_json(folder.path(), &["stop", "--reason", "fire"]);
    assert_eq!(
        (code, &printed[0]["by"], &printed[0]["is_stopped"]),
        (Some(0), &user.as_str().into(), &true.into()),
        "{said}"
    );
    std::fs::write(folder.path().join("bad.csv"), "point_number,kind,reason,until\nP9,medical,x,\n").unwrap();
    let (code, printed, said) = as_json(folder.path(), &["import", "protections", "bad.csv"]);
    assert_eq!((code, &printed[0]["line"]), (Some(1), &2.into()), "{said}");
    std::fs::write(folder.path().join("calendar.csv"), "day,kind,transformer_area\n2026-12-31,holiday,\n")
        .unwrap();
    let (code, printed, said) = as_json(folder.path(), &["import", "calendar", "calendar.csv"]);
    assert_eq!((code, &printed[0]["entered"]), (Some(0), &1.into()), "{said}");
    let entries = store.audit_after(0, 100).await.unwrap();
    let of = |action: &str| {
        let entry = entries.iter().find(|entry| entry.action == action).unwrap();
        (entry.actor.as_str(), entry.source.as_str(), entry.result.as_str())
    };
    assert_eq!(of("stop.press"), (user.as_str(), "command line", "done"));
    assert_eq!(of("protection.load"), ("li", "command line", "failed"));
    assert_eq!(store.halts().await.unwrap()[0].by, user);
    store.close().await;
}

fn entry(number: u32) -> ArchiveEntry {
    ArchiveEntry {
        customer: Customer { number: format!("C{number}"), name: "王".to_owned(), class: None },
        point: MeteringPoint {
            number: format!("P{number}"),
            customer: format!("C{number}"),
            role: PointRole::Customer,
            area: None,
            route: None,
            protection: None,
        },
        is_unprotected: true,
        feeder: None,
        reading_day: None,
        meter: Meter {
            address: number.to_string().parse().unwrap(),
            asset_number: None,
            protocol: MeterProtocol::Dlt2007,
            profile: None,
            path: MeterPath::Line { line: "L1".to_owned(), baud: None, parity: None },
        },
        transformers: Some(Transformers::NONE),
        installed_at: None,
        first_reading: None,
    }
}

#[tokio::test]
async fn i12_one_wrong_number_keeps_nobody_waiting_for_supply_at_the_machine() {
    let folder = tempfile::tempdir().unwrap();
    let address = Address::Sqlite(folder.path().join("store.db"));
    let store = Store::open(&address, Migrations::Run).await.unwrap();
    let now = Clock::system().now();
    let entries: Vec<_> = (1..=60).map(entry).collect();
    store.save_archive(&entries, now, Saving::Confirmed).await.unwrap();
    add_li(&store, folder.path(), now).await;

    let all: Vec<_> = (1..=60).map(|number| format!("P{number}")).collect();
    let mut arguments = vec!["restore", "--reason", "other", "Q7", "P1"];
    arguments.extend(all.iter().map(String::as_str));
    let (code, told) = orders(folder.path(), &arguments);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("left out: Q7") && told.contains("没有此计量点"), "{told}");
    let found = store.supply_orders(&OrderFilter::default(), &Regions::All, i64::MAX, 10).await.unwrap();
    assert_eq!(found.iter().map(|order| order.content.points.len()).collect::<Vec<_>>(), [60]);
    let (code, told) = orders(folder.path(), &["hold", "--reason", "protection", "Q7", "P1"]);
    assert_eq!(code, Some(0), "{told}");
    let (code, told) = orders(folder.path(), &["restore", "--reason", "settled", "Q7"]);
    assert!(code == Some(1) && told.contains("Q7"), "{told}");
    // Who is to be cut is named without a fault.
    let (code, told) = orders(folder.path(), &["cut", "Q7", "P1"]);
    assert!(code == Some(1) && told.contains("Q7"), "{told}");
    store.close().await;
}

#[tokio::test]
async fn f14_a_person_confirms_the_clock_of_the_machine_once_and_sees_what_for() {
    let folder = tempfile::tempdir().unwrap();
    let address = Address::Sqlite(folder.path().join("store.db"));
    let store = Store::open(&address, Migrations::Run).await.unwrap();
    let now = Clock::system().now();
    store.save_archive(&[entry(1), entry(2)], now, Saving::Confirmed).await.unwrap();
    add_li(&store, folder.path(), now).await;
    let clock = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chaobiao"));
        command.current_dir(folder.path()).arg("clock").args(arguments).args(["--database", "store.db"]);
        let Output { status, stdout, stderr } = command.output().unwrap();
        let told = [stdout, stderr].map(|text| String::from_utf8(text).unwrap()).concat();
        (status.code(), told)
    };
    let confirm = ["confirm", "--as", "li", "--password-file", "password"];
    let (code, told) = clock(&confirm);
    assert!(code == Some(1) && told.contains("nothing to confirm") && told.contains("无需确认"), "{told}");
    let meters: Vec<_> = store.site_meters().await.unwrap().into_iter().map(|site| site.meter_id).collect();
    let hour = Duration::from_secs(3600);
    let offset =
        |hours, fast| ClockOffset { at: now.minus(hour * hours), fast_us: fast, uncertainty: hour / 3600 };
    let doubted_clocks = vec![(meters[0], offset(5, 1_200_000_000)), (meters[1], offset(40, -420_000_000))];
    let notes = Notes { doubted_clocks, ..Notes::default() };
    store.save(&Batch { notes, ..Batch::default() }, now).await.unwrap();
    let (code, told) = clock(&["show"]);
    assert!(code == Some(0) && told.contains("000000000001  +1200 s"), "{told}");
    assert!(told.contains("1 meters do not bear out") && !told.contains("000000000002"), "{told}");
    let (code, told) = clock(&["show", "--json"]);
    assert!(code == Some(0) && told.contains("\"fast_seconds\":1200") && told.lines().count() == 1, "{told}");
    assert!(store.confirmed_clocks(&meters).await.unwrap().is_empty(), "nobody has said so yet");
    let (code, told) = clock(&confirm);
    assert!(code == Some(0) && told.contains("已确认本机时钟正确"), "{told}");
    let confirmed = store.confirmed_clocks(&meters).await.unwrap();
    assert_eq!(confirmed.into_iter().collect::<Vec<_>>(), [(meters[0], offset(5, 1_200_000_000))]);
    store.close().await;
}
