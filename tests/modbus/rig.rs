//! A line with Modbus meters, a store, and the head-end between them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chaobiao::billing::{Rules, settle_due};
use chaobiao::channel::{Channel, ChannelSettings, Lines};
use chaobiao::clock::{Clock, ManualClock};
use chaobiao::collect::on_demand::{OnDemand, ReadRequest};
use chaobiao::collect::{Collector, NightReport, Settings};
use chaobiao::config::Config;
use chaobiao::domain::access::{Acting, Regions, Role};
use chaobiao::domain::{
    ArchiveEntry, Customer, Day, Id, Meter, MeterPath, MeterProtocol, MeteringPoint, PointRole, ReadAnswer,
    ReadGroup, RegisterReading,
};
use chaobiao::link::Dialler;
use chaobiao::store::archive::Saving;
use chaobiao::store::{Address, Migrations, Store};
use dlt645::address::MeterAddress;
use simulator::bus::Bus;
use simulator::bus::rate::{Parity, Rate};
use simulator::bus::settings::Settings as BusSettings;
use simulator::fault::{Injector, Plan};
use simulator::serve::{LiveBus, Server};
use simulator::station::ModbusMeter;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The same as a file.
pub(crate) const MAP_FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/profiles/modbus-example.toml");
pub(crate) const MAP: &str = include_str!("../../deploy/profiles/modbus-example.toml");

pub(crate) type Shared = Arc<Mutex<ModbusMeter>>;

pub(crate) struct Rig {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) config: Config,
    pub(crate) meters: Vec<Shared>,
    pub(crate) bus: LiveBus<Shared>,
    pub(crate) collector: Collector,
    on_demand: OnDemand,
    tasks: TaskTracker,
    stop: CancellationToken,
    server: Server,
    _manual: ManualClock,
    _folder: tempfile::TempDir,
}

pub(crate) fn tonight() -> Day {
    "2026-11-22".parse().unwrap()
}

pub(crate) fn rate() -> Rate {
    Rate::new(9600, Parity::None).unwrap()
}

/// The address of a unit in the archive.
pub(crate) fn address(unit: u8) -> MeterAddress {
    MeterAddress::from_number(7_000 + u64::from(unit)).unwrap()
}

/// What the energy of a unit shows, in 0.01 kWh: the total, four tariffs that add up to it, and the reverse total.
pub(crate) fn energies(unit: u8) -> [u32; 6] {
    let tariff = |number: u32| u32::from(unit) * 100_000 + number * 1_000;
    let tariffs = [1, 2, 3, 4].map(tariff);
    let [one, two, three, four] = tariffs;
    [tariffs.iter().sum(), one, two, three, four, u32::from(unit) * 7]
}

/// A meter as the example map has it.
pub(crate) fn meter(unit: u8) -> ModbusMeter {
    showing(unit, energies(unit))
}

/// The same with these energies, in 0.01 kWh.
pub(crate) fn showing(unit: u8, energies: [u32; 6]) -> ModbusMeter {
    let halves =
        |number: u32| [u16::try_from(number >> 16).unwrap(), u16::try_from(number & 0xFFFF).unwrap()];
    let words = energies.into_iter().flat_map(halves);
    let own = u16::from(unit);
    let power = [0x4000, 0x4580]; // 4104 W, the low register first
    ModbusMeter::new(unit, rate())
        .with(3, 4096, words)
        .with(4, 0, [2300 + own, 2310 + own, 2320 + own, 5000 + own, 6000 + own, 7000 + own])
        .with(4, 8, power)
}

fn entry(unit: u8) -> ArchiveEntry {
    let number = format!("P{unit}");
    ArchiveEntry {
        customer: Customer { number: number.clone(), name: String::new(), class: None },
        point: MeteringPoint {
            number: number.clone(),
            customer: number,
            role: PointRole::Customer,
            area: None,
            route: None,
            protection: None,
        },
        is_unprotected: false,
        feeder: None,
        reading_day: None,
        meter: Meter {
            address: address(unit),
            asset_number: None,
            protocol: MeterProtocol::Modbus,
            profile: Some("modbus-example".to_owned()),
            path: MeterPath::Line { line: "L1".to_owned(), baud: None, parity: None },
        },
        transformers: None,
        installed_at: Some(tonight().plus(-30).start()),
        first_reading: None,
    }
}

impl Rig {
    pub(crate) async fn new(meters: Vec<ModbusMeter>, faults: Option<Plan>, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let profiles = folder.path().join("profiles");
        std::fs::create_dir(&profiles).unwrap();
        std::fs::write(profiles.join("modbus-example.toml"), MAP).unwrap();
        let text = format!(
            "[database]\npath = \"unused.db\"\n[profiles]\ndirectory = {profiles:?}\n{more}\n\
             [[line]]\nname = \"L1\"\ntcp = \"127.0.0.1:7001\"\nbaud = 9600\nparity = \"none\"\n"
        );
        let config = Config::parse("site.toml".as_ref(), &text).unwrap().config;
        let address = Address::Sqlite(folder.path().join("site.db"));
        let store = Store::open(&address, Migrations::Run).await.unwrap().in_simulated_time();
        let start = tonight().start().minus(Duration::from_secs(600));
        let archive: Vec<ArchiveEntry> = meters.iter().map(|meter| entry(meter.unit)).collect();
        store.save_archive(&archive, start, Saving::Save).await.unwrap();
        tokio::time::pause();
        let manual = ManualClock::running(start);
        let clock = manual.clock();
        let meters: Vec<Shared> = meters.into_iter().map(|meter| Arc::new(Mutex::new(meter))).collect();
        let settings = BusSettings { rate: rate(), ..BusSettings::default() };
        let mut bus = Bus::new(settings, meters.clone());
        if let Some(plan) = faults {
            bus = bus.with_faults(Injector::new(plan));
        }
        let server = Server::new();
        let bus = server.run(bus);
        let (tasks, stop, ends) = (TaskTracker::new(), CancellationToken::new(), bus.clone());
        let dialler = Dialler::memory(move || Some(ends.memory()), true);
        let settings = ChannelSettings::of(&config.lines[0], &config.collection, 1);
        let line = Channel::spawn(settings, dialler, Box::new(()), &tasks, stop.clone());
        let lines = Lines::of([line]);
        let of = Settings::of(&config);
        let collector = Collector::new(store.clone(), clock.clone(), lines, of, &tasks, stop.clone());
        let on_demand = OnDemand::new(collector.clone(), config.on_demand, &tasks, stop.clone());
        Self {
            store,
            clock,
            config,
            meters,
            bus,
            collector,
            on_demand,
            tasks,
            stop,
            server,
            _manual: manual,
            _folder: folder,
        }
    }

    /// Waits for the night of a day and runs it.
    pub(crate) async fn night(&self, day: Day) -> NightReport {
        self.clock.sleep_until(self.collector.night(day).start).await;
        self.collector.run_night(day, &self.stop).await.unwrap()
    }

    /// The number of a meter in the store.
    pub(crate) async fn number(&self, unit: u8) -> Id<Meter> {
        let sites = self.store.site_meters().await.unwrap();
        sites.into_iter().find(|site| site.meter.address == address(unit)).unwrap().meter_id
    }

    /// Everything that is kept of a meter's registers.
    pub(crate) async fn kept(&self, unit: u8) -> Vec<RegisterReading> {
        let (from, until) = (tonight().plus(-1).start(), tonight().plus(40).start());
        let ledger = self.store.ledger(self.number(unit).await, from, until).await.unwrap();
        ledger.into_iter().map(|kept| kept.reading).collect()
    }

    pub(crate) async fn settle(&self) {
        settle_due(&self.store, &Rules::of(&self.config), self.clock.now()).await.unwrap();
    }

    /// Reads groups of a meter while somebody waits.
    pub(crate) async fn read(&self, unit: u8, groups: &[ReadGroup]) -> Vec<ReadAnswer> {
        let by = Acting {
            person: Id::new(1),
            account: Id::new(1),
            name: "li".to_owned(),
            role: Role::Operator,
            role_since: tonight().previous().start(),
            regions: Regions::All,
            source: "10.0.0.7".to_owned(),
            request: None,
        };
        let request =
            ReadRequest { meters: vec![address(unit)], groups: groups.to_vec(), ..ReadRequest::default() };
        let mut changes = self.on_demand.changes();
        let job = self.on_demand.submit(&by, &request).await.unwrap().job.id;
        while !self.on_demand.job(&by, job).await.unwrap().state.has_ended() {
            changes.recv().await.unwrap();
        }
        self.on_demand.answers(&by, job, self.number(unit).await).await.unwrap()
    }

    pub(crate) async fn close(self) {
        self.stop.cancel();
        drop((self.collector, self.on_demand));
        self.tasks.close();
        self.tasks.wait().await;
        self.server.stop().await;
        tokio::time::resume();
        self.store.close().await;
    }
}
