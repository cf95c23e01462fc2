//! `chaobiao orders` as an operator meets it.
#![expect(clippy::unwrap_used, reason = "a failing step must end its test")]

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use chaobiao::clock::Clock;
use chaobiao::domain::access::{Regions, Role};
use chaobiao::domain::{
    ArchiveEntry, AuditEntry, ClockOffset, Customer, Meter, MeterPath, MeterProtocol, MeteringPoint, Moment,
    PointRole, Transformers,
};
use chaobiao::http::auth::Passwords;
use chaobiao::store::access::{AccountChange, NewAccount};
use chaobiao::store::archive::Saving;
use chaobiao::store::supply::OrderFilter;
use chaobiao::store::{Address, Batch, Migrations, Notes, Store};

const PASSWORD: &str = "horse battery staple";

fn orders(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chaobiao"));
    command.current_dir(folder).arg("orders").args(arguments);
    let Output { status, stderr, .. } = command
        .args(["--database", "store.db", "--as", "li", "--password-file", "password"])
        .output()
        .unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
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

/// The account of an operator, and its password in a file.
async fn add_li(store: &Store, folder: &Path, now: Moment) {
    let (hash, regions) = (Passwords::default().hash(PASSWORD).await.unwrap(), Regions::All);
    let said = |action| AuditEntry::of_system(now, action, "account li");
    let new = NewAccount {
        person: "li",
        name: "li",
        role: Role::Operator,
        regions: &regions,
        password: &hash,
        proposed_by: None,
    };
    let id = store.add_account(&new, &said("account.add")).await.unwrap();
    let change = AccountChange::SetPassword(&hash);
    store.change_account(id, None, &change, &said("account.password")).await.unwrap();
    std::fs::write(folder.join("password"), format!("{PASSWORD}\n")).unwrap();
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
    assert!(code == Some(2) && told.contains("Q7"), "{told}");
    // Who is to be cut is named without a fault.
    let (code, told) = orders(folder.path(), &["cut", "Q7", "P1"]);
    assert!(code == Some(2) && told.contains("Q7"), "{told}");
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
