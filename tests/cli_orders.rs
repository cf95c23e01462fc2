//! `chaobiao orders` as an operator meets it.
#![expect(clippy::unwrap_used, reason = "a failing step must end its test")]

use std::path::Path;
use std::process::{Command, Output};

use chaobiao::clock::Clock;
use chaobiao::domain::access::{Regions, Role};
use chaobiao::domain::{
    ArchiveEntry, AuditEntry, Customer, Meter, MeterPath, MeterProtocol, MeteringPoint, PointRole,
    Transformers,
};
use chaobiao::http::auth::Passwords;
use chaobiao::store::access::{AccountChange, NewAccount};
use chaobiao::store::archive::Saving;
use chaobiao::store::supply::OrderFilter;
use chaobiao::store::{Address, Migrations, Store};

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

#[tokio::test]
async fn i12_one_wrong_number_keeps_nobody_waiting_for_supply_at_the_machine() {
    let folder = tempfile::tempdir().unwrap();
    let address = Address::Sqlite(folder.path().join("store.db"));
    let store = Store::open(&address, Migrations::Run).await.unwrap();
    let now = Clock::system().now();
    let entries: Vec<_> = (1..=60).map(entry).collect();
    store.save_archive(&entries, now, Saving::Confirmed).await.unwrap();
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
    std::fs::write(folder.path().join("password"), format!("{PASSWORD}\n")).unwrap();

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
