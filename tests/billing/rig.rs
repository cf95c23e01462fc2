//! A database with points and their nights, and a configuration that names receivers.

use std::path::Path;
use std::time::Duration;

use chaobiao::billing::{Pushed, Receivers, Rules, push_once, settle_due};
use chaobiao::clock::ManualClock;
use chaobiao::config::Config;
use chaobiao::domain::{
    ArchiveEntry, Customer, Day, Id, Item, Meter, MeterPath, MeterProtocol, MeteringPoint, Moment, PointRole,
    Quality, RegisterReading, Source, Transformers,
};
use chaobiao::store::archive::Saving;
use chaobiao::store::billing::ReceiverStatus;
use chaobiao::store::{Address, Batch, Migrations, Store};

use crate::receiver::{Receiver, SECRET, tls_file};

/// The first day that has a register; the registers of each day after it rise by `USED`.
pub(crate) const FIRST: &str = "2026-11-20";
/// In 0.0001 kWh.
pub(crate) const USED: i64 = 12_500;

pub(crate) fn day(text: &str) -> Day {
    text.parse().unwrap()
}

pub(crate) struct Rig {
    pub(crate) store: Store,
    pub(crate) manual: ManualClock,
    pub(crate) folder: tempfile::TempDir,
    receivers: String,
}

/// `[[billing.receivers]]` for a receiver by HTTP without encryption.
pub(crate) fn http(receiver: &Receiver) -> String {
    section(&format!("url = \"http://{}/readings\"", receiver.address))
}

/// The same with encryption, known by these keys.
pub(crate) fn https(receiver: &Receiver, known_by: &str) -> String {
    section(&format!("url = \"https://localhost:{}/readings\"\n{known_by}", receiver.address.port()))
}

pub(crate) fn ca() -> String {
    format!("ca_file = \"{}\"", tls_file("ca.pem").display())
}

fn section(url: &str) -> String {
    format!("[[billing.receivers]]\nname = \"marketing\"\n{url}\nsecret_file = \"secret\"\nwithin = \"2s\"\n")
}

impl Rig {
    /// So many points, with registers of so many midnights, settled for these receivers and the ledger.
    pub(crate) async fn new(points: i64, days: i64, receivers: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("secret"), SECRET).unwrap();
        let store =
            Store::open(&Address::Sqlite(folder.path().join("store.db")), Migrations::Run).await.unwrap();
        let entries: Vec<_> = (1..=points).map(entry).collect();
        store.save_archive(&entries, day("2026-01-01").start(), Saving::Save).await.unwrap();
        let manual = ManualClock::still(day(FIRST).plus(days).start());
        let rig = Self { store, manual, folder, receivers: receivers.to_owned() };
        rig.introduce().await;
        for number in 0..days {
            rig.night(points, number).await;
        }
        rig
    }

    /// Reads the registers of a midnight, and settles.
    pub(crate) async fn night(&self, points: i64, number: i64) {
        let at = day(FIRST).plus(number).start();
        let registers = (1..=points).map(|meter| reading(meter, at, 1_000_000 + number * USED)).collect();
        self.store.save(&Batch { registers, ..Batch::default() }, self.now()).await.unwrap();
        settle_due(&self.store, &Rules::of(&self.config()), self.now()).await.unwrap();
    }

    /// A meter is read for what it froze at an instant.
    pub(crate) async fn frozen(&self, meter: i64, at: Moment, value: i64) {
        let registers = vec![reading(meter, at, value)];
        self.store.save(&Batch { registers, ..Batch::default() }, self.now()).await.unwrap();
    }

    /// What a person read of a meter at an instant.
    pub(crate) async fn by_hand(&self, meter: i64, at: Moment, value: i64) {
        let registers = vec![RegisterReading { source: Source::Manual, ..reading(meter, at, value) }];
        self.store.save(&Batch { registers, ..Batch::default() }, self.now()).await.unwrap();
    }

    pub(crate) fn now(&self) -> Moment {
        self.manual.clock().now()
    }

    pub(crate) fn later(&self, seconds: u64) {
        self.manual.advance(Duration::from_secs(seconds));
    }

    /// Where the configuration is, as it is now.
    pub(crate) fn file(&self) -> String {
        let file = self.folder.path().join("chaobiao.toml");
        let text = format!(
            "[database]\npath = \"store.db\"\n[collection]\nregisters = [\"1.8.0\"]\n{}",
            self.receivers
        );
        std::fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    }

    pub(crate) fn config(&self) -> Config {
        Config::load(Path::new(&self.file())).map_err(|error| error.to_string()).unwrap().config
    }

    pub(crate) fn name(&mut self, receivers: &str) {
        receivers.clone_into(&mut self.receivers);
    }

    pub(crate) fn receivers(&self) -> Receivers {
        Receivers::of(&self.config(), &self.store, &self.manual.clock())
    }

    pub(crate) async fn introduce(&self) {
        self.receivers().introduce(&self.store, self.now()).await.unwrap();
    }

    /// Offers the receiver behind the ledger its next batch.
    pub(crate) async fn push(&self) -> Pushed {
        let Receivers(mut receivers) = self.receivers();
        let receiver = receivers.last_mut().unwrap();
        push_once(&self.store, &mut receiver.sink, &receiver.settings, self.now()).await.unwrap()
    }

    /// Pushes until nothing is left that may be offered now.
    pub(crate) async fn push_all(&self) {
        while self.push().await.offered > 0 {}
    }

    /// How a receiver is.
    pub(crate) async fn status(&self, name: &str) -> ReceiverStatus {
        let all = self.store.receiver_statuses().await.unwrap();
        all.into_iter().find(|status| status.name == name).unwrap()
    }

    /// What was said when the receiver last did not take something.
    pub(crate) async fn trouble(&self) -> String {
        self.status("marketing").await.last_error.map(|(_, said)| said).unwrap_or_default()
    }
}

fn reading(meter: i64, at: Moment, value: i64) -> RegisterReading {
    RegisterReading {
        meter: Id::new(meter),
        item: Item::parse("1.8.0").unwrap(),
        as_of: at,
        value,
        meter_time: None,
        collected_at: at.plus(Duration::from_secs(300)),
        source: Source::Freeze,
        quality: Quality::Good,
        fetch: None,
    }
}

fn entry(number: i64) -> ArchiveEntry {
    ArchiveEntry {
        customer: Customer { number: format!("C{number}"), name: String::new(), class: None },
        point: MeteringPoint {
            number: format!("P{number}"),
            customer: format!("C{number}"),
            role: PointRole::Customer,
            area: Some(format!("A{}", number % 2)),
            route: Some(format!("R{}", number % 2)),
            protection: None,
        },
        is_unprotected: true,
        feeder: None,
        reading_day: None,
        meter: Meter {
            address: format!("2024111{number:05}").parse().unwrap(),
            asset_number: None,
            protocol: MeterProtocol::Dlt2007,
            profile: None,
            path: MeterPath::Line { line: "L1".to_owned(), baud: None, parity: None },
        },
        transformers: Some(Transformers::NONE),
        installed_at: Some(day("2025-01-01").start()),
        first_reading: None,
    }
}
