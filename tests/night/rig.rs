//! A town: its meters on their lines, a store, and the head-end between them, in one process and in paused time.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chaobiao::channel::{Channel, ChannelSettings, Lines};
use chaobiao::clock::{Clock, ManualClock};
use chaobiao::collect::{Collector, NightReport, Settings, keep_reports};
use chaobiao::config::Config;
use chaobiao::domain::{
    ArchiveEntry, Coded, Customer, CustomerClass, Day, Id, Meter, MeterPath, MeterProtocol, MeteringPoint,
    Moment, PointRole,
};
use chaobiao::link::{CaptureSettings, Captures, Dialler};
use chaobiao::store::archive::Saving;
use chaobiao::store::{Address, Migrations, Store};
use chaobiao::terminal::{TerminalSettings, Terminals};
use dlt645::address::MeterAddress;
use gdw1376::address::TerminalAddress;
use simulator::bus::Bus;
use simulator::bus::rate::{Parity, Rate};
use simulator::bus::settings::{Pace, Settings as BusSettings};
use simulator::concentrator::{Concentrator, Setup};
use simulator::fault::{Counts, Injector, Plan as Faults};
use simulator::instant::At;
use simulator::meter::{Editions, Manners, Meter as SimulatedMeter};
use simulator::seed::Seed;
use simulator::serve::{LiveBus, LiveConcentrator, Server};
use simulator::world::World;
use simulator::world::file::{BusEntry, EditionName, LoadName, MeterEntry, WorldFile};
use simulator::world::fitted::Shared;
use simulator::world::generate::Plan;
use sqlx::postgres::PgRow;
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{AssertSqlSafe, Connection, FromRow, PgConnection, SqliteConnection};
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What a town is made of.
pub(crate) struct TownPlan {
    pub(crate) world: WorldFile,
    pub(crate) faults: Option<Faults>,
    /// The first moment.
    pub(crate) start: Moment,
    pub(crate) config: Config,
    pub(crate) address: Address,
    /// What is written into the archive; that of the world's meters, unless a test says something else.
    pub(crate) archive: Vec<ArchiveEntry>,
    /// Whether its lines take their time.
    pub(crate) pace: Pace,
    /// What becomes of the terminals, those lines of the world that have the name of one.
    pub(crate) terminals: fn(Setup) -> Setup,
}

impl TownPlan {
    /// A town without faults; its time begins ten minutes before a day.
    pub(crate) fn new(world: WorldFile, config: Config, first: Day, address: Address) -> Self {
        let start = first.start().minus(Duration::from_secs(600));
        let mut archive: Vec<ArchiveEntry> = world.meter.iter().map(entry).collect();
        let mut points: HashMap<String, u16> = HashMap::new();
        for entry in &mut archive {
            if let MeterPath::Terminal { terminal, measuring_point, .. } = &mut entry.meter.path {
                let point = points.entry(terminal.clone()).or_default();
                *point += 1;
                *measuring_point = *point;
            }
        }
        Self {
            world,
            faults: None,
            start,
            config,
            address,
            archive,
            pace: Pace::Paced,
            terminals: |setup| setup,
        }
    }
}

pub(crate) struct Town {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) config: Config,
    pub(crate) address: Address,
    /// The meters with their settings.
    pub(crate) meters: Vec<(MeterEntry, Shared)>,
    pub(crate) wires: Vec<Wire>,
    pub(crate) terminals: Vec<Behind>,
    server: Server,
    manual: ManualClock,
}

/// A line of the town.
pub(crate) struct Wire {
    pub(crate) name: String,
    pub(crate) bus: LiveBus<Shared>,
    /// Nobody who dials it gets through.
    pub(crate) is_cut: Arc<AtomicBool>,
}

/// A terminal of the town.
pub(crate) struct Behind {
    pub(crate) address: TerminalAddress,
    pub(crate) live: LiveConcentrator,
    /// Its connections, as it dials them.
    dials: Arc<tokio::sync::Mutex<mpsc::Receiver<DuplexStream>>>,
}

/// The head-end in a town. It may be killed and begun again; the town goes on.
pub(crate) struct HeadEnd {
    pub(crate) collector: Collector,
    pub(crate) terminals: Terminals,
    pub(crate) lines: Lines,
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
}

/// A drawn neighbourhood.
pub(crate) fn world(meters: usize, lines: usize, baud: u32, seed: u64, is_varied: bool) -> WorldFile {
    let bus = |number| BusEntry { name: format!("line {number}"), tcp: None, pty: None, baud, echo: false };
    let plan = Plan {
        meters,
        seed,
        first_address: "202411110001".parse().unwrap(),
        lines: (1..=lines).map(bus).collect(),
        is_varied,
    };
    plan.draw().unwrap()
}

/// The configuration of a town: its lines, and a few words more.
pub(crate) fn config(world: &WorldFile, more: &str) -> Config {
    let mut text = format!("[database]\npath = \"unused.db\"\n{more}\n");
    let lines = world.bus.iter().filter(|bus| bus.name.parse::<TerminalAddress>().is_err());
    for (number, bus) in lines.enumerate() {
        text.push_str(&format!("[[line]]\nname = \"{}\"\ntcp = \"127.0.0.1:{}\"\n", bus.name, 7001 + number));
        text.push_str(&format!("baud = {}\n", bus.baud));
    }
    Config::parse("town.toml".as_ref(), &text).unwrap().config
}

pub(crate) fn day(text: &str) -> Day {
    text.parse().unwrap()
}

/// The world's time of a moment.
pub(crate) fn at(moment: Moment) -> At {
    At::from_civil(moment.civil().unwrap())
}

impl Town {
    /// Opens the store and lets the town live. Time is paused from then on.
    pub(crate) async fn new(plan: TownPlan) -> Self {
        let TownPlan { world, faults, start, config, address, archive, pace, terminals: of_terminal } = plan;
        let store = Store::open(&address, Migrations::Run).await.unwrap().in_simulated_time();
        store.save_archive(&archive, start, Saving::Save).await.unwrap();
        tokio::time::pause();
        let server = Server::new();
        let manual = ManualClock::running(start);
        let (mut meters, mut wires, mut terminals) = (Vec::new(), Vec::new(), Vec::new());
        for (number, (entry, fitted)) in (0..).zip(World::build(&world).unwrap().fit(at(start))) {
            if let Ok(address) = entry.name.parse() {
                let own = world.meter.iter().filter(|meter| meter.bus == entry.name).cloned();
                let inside: Vec<_> =
                    fitted.iter().map(|shared| shared.lock().unwrap().meter.clone()).collect();
                meters.extend(own.zip(fitted));
                let setup = Setup::new(address, at(start), Seed::new(number)).with_meters(inside);
                let live = server.concentrator(Concentrator::new(of_terminal(setup)));
                let dials = Arc::new(tokio::sync::Mutex::new(live.memory()));
                terminals.push(Behind { address, live, dials });
                continue;
            }
            let rate = Rate::new(entry.baud, Parity::Even).unwrap();
            let settings = BusSettings { rate, echo: entry.echo, pace, ..BusSettings::default() };
            let mut bus = Bus::new(settings, fitted.clone());
            if let Some(plan) = &faults {
                bus = bus.with_faults(Injector::new(plan.of_bus(number)));
            }
            let own = world.meter.iter().filter(|meter| meter.bus == entry.name).cloned();
            meters.extend(own.zip(fitted));
            wires.push(Wire { name: entry.name, bus: server.run(bus), is_cut: Arc::default() });
        }
        let clock = manual.clock();
        Self { store, clock, config, address, meters, wires, terminals, server, manual }
    }

    /// Starts the head-end: its lines and its collector.
    pub(crate) fn head_end(&self) -> HeadEnd {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let settings = Settings::of(&self.config);
        let open = |(number, wire): (u64, &Wire)| {
            let line = self.config.lines.iter().find(|line| line.name == wire.name).unwrap();
            let (bus, is_cut) = (wire.bus.clone(), Arc::clone(&wire.is_cut));
            let dial = move || (!is_cut.load(Ordering::Relaxed)).then(|| bus.memory());
            let settings = ChannelSettings::of(line, &self.config.collection, number);
            Channel::spawn(settings, Dialler::memory(dial, true), Box::new(()), &tasks, stop.clone())
        };
        let lines = Lines::of((0..).zip(&self.wires).map(open).collect::<Vec<_>>());
        let (store, clock) = (self.store.clone(), self.clock.clone());
        let terminals = Terminals::without_port(&self.config.terminals, clock.clone(), &tasks, &stop);
        let captures = Captures::start(CaptureSettings::of(&self.config.capture), clock.clone()).unwrap();
        let lines = lines.with_terminals(terminals.clone(), &self.config, &captures, 1, &tasks, &stop);
        let collector = Collector::new(store, clock, lines.clone(), settings, &tasks, stop.clone());
        for (number, terminal) in (1..).zip(&self.terminals) {
            terminals.adopt(terminal.address, TerminalSettings::default());
            let (dials, terminals, stop) = (Arc::clone(&terminal.dials), terminals.clone(), stop.clone());
            tasks.spawn(async move {
                let mut dials = dials.lock().await;
                while let Some(Some(stream)) = stop.run_until_cancelled(dials.recv()).await {
                    terminals.attach(stream, ([10, 0, 0, 1], number).into());
                }
            });
        }
        let reports = terminals.reports().unwrap();
        tasks.spawn(keep_reports(collector.clone(), reports, stop.clone()));
        HeadEnd { collector, terminals, lines, tasks, stop }
    }

    /// Waits for the night of a day and runs it.
    pub(crate) async fn night(&self, head_end: &HeadEnd, day: Day) -> NightReport {
        self.clock.sleep_until(head_end.collector.night(day).start).await;
        head_end.collector.run_night(day, &head_end.stop).await.unwrap()
    }

    /// What a query of one number says, asked as another program would.
    pub(crate) async fn ask(&self, sql: &str) -> i64 {
        let rows: Vec<(i64,)> = self.rows(sql).await;
        rows.first().unwrap().0
    }

    /// The rows of a query, asked as another program would.
    pub(crate) async fn rows<T>(&self, sql: &str) -> Vec<T>
    where
        T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.address {
            Address::Sqlite(path) => {
                let options = SqliteConnectOptions::new().filename(path);
                let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
                sqlx::query_as(sql).fetch_all(&mut connection).await.unwrap()
            }
            Address::Postgres(url) => {
                let mut connection = PgConnection::connect(url).await.unwrap();
                sqlx::query_as(sql).fetch_all(&mut connection).await.unwrap()
            }
        }
    }

    /// Sets the clock of the head-end; the town's own time goes on.
    pub(crate) fn set_clock(&self, to: Moment) {
        self.manual.set(to);
    }

    /// How many requests the meters have heard on all lines.
    pub(crate) fn requests(&self) -> u64 {
        self.wires.iter().map(|wire| wire.bus.with(|bus| bus.requests())).sum()
    }

    /// How often each fault happened.
    pub(crate) fn faults(&self) -> Counts {
        let count = |wire: &Wire| wire.bus.with(|bus| *bus.faults().unwrap().counts());
        self.wires.iter().map(count).fold(Counts::default(), |all, own| all.plus(&own))
    }

    /// The meter with this address.
    pub(crate) fn shared(&self, address: MeterAddress) -> &Shared {
        self.meters.iter().find(|(entry, _)| entry.address == address).map(|(_, meter)| meter).unwrap()
    }

    /// The numbers the store gives the meters.
    pub(crate) async fn numbers(&self) -> Vec<(Id<Meter>, MeterAddress)> {
        let sites = self.store.site_meters().await.unwrap();
        sites.into_iter().map(|site| (site.meter_id, site.meter.address)).collect()
    }

    /// The number of the meter with this address.
    pub(crate) async fn number(&self, address: MeterAddress) -> Id<Meter> {
        self.numbers().await.into_iter().find(|(_, known)| *known == address).unwrap().0
    }

    /// Lets a meter fall silent, or talk again: it goes on counting and freezing, and hears another address.
    pub(crate) fn swap_voice(&self, address: MeterAddress, other: &mut Option<SimulatedMeter>) {
        let mut fitted = self.shared(address).lock().unwrap();
        *other = match other.take() {
            Some(voice) => {
                fitted.meter = voice;
                None
            }
            None => {
                let nobody = MeterAddress::from_number(999_999_000_000 + address.number() % 1000).unwrap();
                let manners = Manners::default();
                let mute = SimulatedMeter::new(nobody, Editions::BOTH, manners, fitted.meter.truth().clone());
                Some(std::mem::replace(&mut fitted.meter, mute))
            }
        };
    }

    /// Gives a meter the address of another one, as a mistake of whoever put it in.
    pub(crate) fn rename(&self, address: MeterAddress, new: MeterAddress) {
        let mut fitted = self.shared(address).lock().unwrap();
        let truth = fitted.meter.truth().clone();
        fitted.meter = SimulatedMeter::new(new, Editions::ONLY_2007, Manners::default(), truth);
    }

    pub(crate) async fn close(self) {
        self.server.stop().await;
        tokio::time::resume();
        self.store.close().await;
    }
}

impl HeadEnd {
    /// Ends it. Whatever the collector was doing must have been dropped before.
    pub(crate) async fn close(self) {
        self.stop.cancel();
        drop((self.collector, self.terminals, self.lines));
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// The archive's entry of a meter.
pub(crate) fn entry(meter: &MeterEntry) -> ArchiveEntry {
    let customer = &meter.customer;
    let is_three_phase = matches!(meter.load, LoadName::Shop | LoadName::Factory);
    let (protocol, profile) = match meter.edition {
        _ if meter.modbus.is_some() => (MeterProtocol::Modbus, "modbus-example"),
        EditionName::E1997 => (MeterProtocol::Dlt1997, "645-1997"),
        _ if is_three_phase => (MeterProtocol::Dlt2007, "645-2007-three-phase"),
        _ => (MeterProtocol::Dlt2007, "645-2007-single-phase"),
    };
    let civil = meter.installed_at.0.civil().unwrap();
    let ratio = customer.multiplier.to_string().parse().unwrap();
    ArchiveEntry {
        customer: Customer {
            number: customer.number.clone(),
            name: customer.name.clone(),
            class: CustomerClass::from_name(&customer.class),
        },
        point: MeteringPoint {
            number: customer.point.clone(),
            customer: customer.number.clone(),
            role: PointRole::Customer,
            area: Some(customer.transformer_area.clone()),
            route: Some(customer.route.clone()),
            protection: None,
        },
        is_unprotected: true,
        feeder: Some(customer.feeder.clone()),
        reading_day: Some(customer.reading_day),
        meter: Meter {
            address: meter.address,
            asset_number: None,
            protocol,
            profile: Some(profile.to_owned()),
            path: match meter.bus.parse::<TerminalAddress>() {
                Err(_) => MeterPath::Line { line: meter.bus.clone(), baud: None, parity: None },
                // Where it stands among those of its terminal is for the town to say.
                Ok(terminal) => MeterPath::Terminal {
                    terminal: terminal.to_string(),
                    measuring_point: 1,
                    port: Some(31),
                    baud: None,
                    parity: None,
                },
            },
        },
        transformers: Some(chaobiao::domain::Transformers {
            ct: ratio,
            ..chaobiao::domain::Transformers::NONE
        }),
        installed_at: Some(Moment::from_civil(civil)),
        first_reading: None,
    }
}

/// Clocks that were looked after: none has drifted by more than a minute since it was put in.
pub(crate) fn set_clocks(world: &mut WorldFile) {
    world.meter.iter_mut().for_each(|meter| meter.clock_drift_ppm = 0);
}

/// Faults of every kind, each as often.
pub(crate) fn all_faults(share: &str, seed: u64) -> Faults {
    let mut faults = Faults::new(Seed::new(seed).named("faults"));
    faults.add(&format!("all={share}")).unwrap();
    faults
}
