//! A street: homes that can be cut on one line, a store with their password, and a head-end that may be killed and begun
//! again, in paused time.

#[path = "heard.rs"]
pub(crate) mod heard;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chaobiao::channel::{Channel, ChannelSettings, Lines};
use chaobiao::clock::{Clock, ManualClock};
use chaobiao::config::{Config, KeyFile};
use chaobiao::domain::access::Regions;
use chaobiao::domain::supply::{Ceilings, OrderState, SupplyOrder};
use chaobiao::domain::{
    ArchiveEntry, AuditEntry, Customer, Day, Id, Meter, MeterPath, MeterProtocol, MeteringPoint, Moment,
    PointRole, Transformers,
};
use chaobiao::link::Dialler;
use chaobiao::store::archive::Saving;
use chaobiao::store::supply::OrderView;
use chaobiao::store::{Address, AuditFilter, Migrations, NewSecret, SecretDigits, SecretScope, Store, Vault};
use chaobiao::supply::field::{FieldParts, Fields};
use chaobiao::supply::security::SecurityModule;
use chaobiao::supply::{Supply, SupplyParts, SupplySettings};
use dlt645::address::MeterAddress;
use dlt645::frame::{MAX_DATA, WireFrame};
use dlt645::password::{DigitOrder, Level, Password};
use simulator::bus::Bus;
use simulator::bus::rate::{Parity, Rate};
use simulator::bus::settings::Settings as BusSettings;
use simulator::instant::At;
use simulator::meter::relay::RelayKind;
use simulator::serve::{LiveBus, Server};
use simulator::station::Station;
use simulator::world::World;
use simulator::world::file::BusEntry;
use simulator::world::fitted::Shared;
use simulator::world::generate::Plan;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use heard::Heard;

use crate::ready::{Home, homes, make_people, make_ready, protect};

/// The password of the meters on their level of control.
pub(crate) const PASSWORD: &str = "739154";

/// A home and its meter.
pub(crate) struct House {
    pub(crate) home: Home,
    pub(crate) meter: Shared,
    pub(crate) heard: Arc<Mutex<Heard>>,
}

/// Where the line breaks: after so many bytes of the next order.
#[derive(Default)]
pub(crate) struct Cutter {
    after: AtomicUsize,
    is_set: AtomicBool,
    is_cut: AtomicBool,
    cut: Notify,
}

impl Cutter {
    /// Cuts the line after so many bytes of the next order.
    pub(crate) fn set(&self, after: usize) {
        self.after.store(after, Ordering::SeqCst);
        self.is_set.store(true, Ordering::SeqCst);
    }

    /// Returns when it is cut.
    pub(crate) async fn cut(&self) {
        self.cut.notified().await;
    }

    /// Lets everything pass again.
    pub(crate) fn mend(&self) {
        self.is_set.store(false, Ordering::SeqCst);
        self.is_cut.store(false, Ordering::SeqCst);
    }
}

pub(crate) struct Street {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) manual: ManualClock,
    pub(crate) houses: Vec<House>,
    pub(crate) cutter: Arc<Cutter>,
    pub(crate) folder: tempfile::TempDir,
    config: Config,
    key: KeyFile,
    bus: LiveBus<Arc<Mutex<Heard>>>,
    start: Moment,
    pace: Pace,
    server: Server,
}

/// How time runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pace {
    Paused,
    Real,
}

/// The head-end of a street. It may be killed and begun again; the street goes on.
pub(crate) struct HeadEnd {
    pub(crate) supply: Supply,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Street {
    /// So many homes that nothing stands against cutting, and one that is protected.
    pub(crate) async fn new(count: usize) -> Self {
        // In memory, where there is such a place: a disk would be most of what is measured.
        let folder = tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap());
        let address = Address::Sqlite(folder.path().join("store.db"));
        let start = "2026-11-21".parse::<Day>().unwrap().start().plus(Duration::from_secs(19 * 3600));
        let store = Store::open(&address, Migrations::Run).await.unwrap().in_simulated_time();
        Self::furnished((folder, address), store, (start, Pace::Paused), count).await
    }

    /// The same on this database, from now on and in real time.
    pub(crate) async fn on(address: &Address, count: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(address, Migrations::Run).await.unwrap();
        let now = (Clock::system().now(), Pace::Real);
        Self::furnished((folder, address.clone()), store, now, count).await
    }

    async fn furnished(
        (folder, address): (tempfile::TempDir, Address),
        store: Store,
        (start, pace): (Moment, Pace),
        count: usize,
    ) -> Self {
        let (entry, fitted) = fitted(count + 1, start);
        let addresses: Vec<_> =
            fitted.iter().map(|meter| meter.lock().unwrap().meter.address().as_meter().unwrap()).collect();
        let mut entries: Vec<_> =
            (1..).zip(&addresses).map(|(number, address)| archived(number, *address, "line")).collect();
        // Others besides, elsewhere: two percent of all are a few.
        for number in 10_000..10_000 + 50 * u64::try_from(count).unwrap() {
            entries.push(archived(number, MeterAddress::from_number(number).unwrap(), "another line"));
        }
        store.save_archive(&entries, start, Saving::Confirmed).await.unwrap();
        make_people(&address, start).await;
        let all = homes(&store, &address).await;
        make_ready(&store, &address, &all[..count], start).await;
        protect(&store, all[count], start).await;
        let key = KeyFile::make(&folder.path().join("key")).unwrap();
        let config = config(folder.path(), 7001);
        keep_password(&store, &key, &all[..=count], PASSWORD, start).await;
        if pace == Pace::Paused {
            tokio::time::pause();
        }
        let manual = ManualClock::running(start);
        let houses =
            all.iter().zip(&fitted).take(count).map(|(home, meter)| house(*home, meter)).collect::<Vec<_>>();
        let server = Server::new();
        let rate = Rate::new(entry.baud, Parity::Even).unwrap();
        let settings = BusSettings { rate, ..BusSettings::default() };
        let stations: Vec<_> = houses.iter().map(|house| Arc::clone(&house.heard)).collect();
        let bus = server.run(Bus::new(settings, stations));
        Self {
            store,
            clock: manual.clock(),
            manual,
            houses,
            cutter: Arc::default(),
            folder,
            config,
            key,
            bus,
            start,
            pace,
            server,
        }
    }

    /// Begins the head-end.
    pub(crate) async fn head_end(&self) -> HeadEnd {
        self.head_end_with(&self.store).await
    }

    /// The same with a way of its own to the database.
    pub(crate) async fn head_end_with(&self, store: &Store) -> HeadEnd {
        self.head_end_of(store, &self.config, None).await
    }

    /// The same by another configuration, with a security module.
    pub(crate) async fn head_end_of(
        &self,
        store: &Store,
        config: &Config,
        security: Option<Arc<dyn SecurityModule>>,
    ) -> HeadEnd {
        self.cutter.mend();
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let (bus, cutter, wires) = (self.bus.clone(), Arc::clone(&self.cutter), tasks.clone());
        let dial = move || {
            let (ours, theirs) = tokio::io::duplex(1024);
            let (bus, cutter) = (bus.memory(), Arc::clone(&cutter));
            wires.spawn(async move { drop(wire(ours, bus, &cutter).await) });
            Some(theirs)
        };
        let (dialler, folder) = (Dialler::memory(dial, true), self.folder.path());
        let line = Channel::spawn(ChannelSettings::new("line"), dialler, Box::new(()), &tasks, stop.clone());
        let (store, lines) = ((store, &self.clock), Lines::of([line]));
        HeadEnd::with_module(store, (config, folder), &self.key, (lines, security), (tasks, stop)).await
    }

    /// Lets time run as it does, and puts the line on a port of this machine.
    pub(crate) async fn in_real_time(&self) -> u16 {
        if self.pace == Pace::Paused {
            tokio::time::resume();
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (bus, cutter, wires) = (self.bus.clone(), Arc::clone(&self.cutter), TaskTracker::new());
        let each = wires.clone();
        wires.spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let (bus, cutter) = (bus.memory(), Arc::clone(&cutter));
                each.spawn(async move {
                    // What has reached the line goes on when the program is gone.
                    let mut bus = wire(near, bus, &cutter).await;
                    let rest = bus.read_to_end(&mut Vec::new()).await;
                    drop(rest);
                });
            }
        });
        port
    }

    pub(crate) fn stop_file(&self) -> PathBuf {
        self.folder.path().join("STOP")
    }

    /// How an order stands.
    pub(crate) async fn view(&self, id: Id<SupplyOrder>) -> OrderView {
        self.store.supply_order(id, &Regions::All).await.unwrap().unwrap()
    }

    /// Waits until the only point of an order is in one of these states; says in which.
    pub(crate) async fn until(&self, id: Id<SupplyOrder>, states: &[OrderState]) -> OrderState {
        let limit = self.clock.now().plus(Duration::from_secs(3 * 86_400));
        loop {
            let view = self.view(id).await;
            let state = view.points[0].state;
            if states.contains(&state) {
                return state;
            }
            assert!(self.clock.now() < limit, "it stays {state:?}: {:?}", view.points[0]);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// Whether the contact of a home is really open.
    pub(crate) fn is_open(&self, place: usize) -> bool {
        let at = self.bus.now().world(At::from_civil(self.start.civil().unwrap()));
        let mut fitted = self.houses[place].meter.lock().unwrap();
        fitted.meter.advance(at);
        fitted.meter.relay().is_open()
    }

    /// Sets the clock of a meter off by so many seconds.
    pub(crate) fn set_clock_off(&self, place: usize, seconds: i64) {
        let at = self.bus.now().world(At::from_civil(self.start.civil().unwrap()));
        self.houses[place].meter.lock().unwrap().meter.truth_mut().clock_mut().jump(at, seconds);
    }

    /// The time of the world.
    pub(crate) fn at(&self) -> At {
        self.bus.now().world(At::from_civil(self.start.civil().unwrap()))
    }

    /// The key of the passwords that are kept.
    pub(crate) const fn key(&self) -> &KeyFile {
        &self.key
    }

    /// What opens the passwords that are kept.
    pub(crate) async fn vault(&self) -> Vault {
        self.store.open_vault(&self.key, self.clock.now()).await.unwrap()
    }

    /// Keeps passwords of meters.
    pub(crate) async fn keep(&self, homes: &[Home], digits: &str) {
        keep_password(&self.store, &self.key, homes, digits, self.clock.now()).await;
    }

    /// The profiles of the head-end.
    pub(crate) const fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) fn relay(&self, place: usize, kind: RelayKind) {
        self.houses[place].meter.lock().unwrap().meter.relay_mut().set_kind(kind);
    }

    /// N1 of the orders that a home heard.
    pub(crate) fn orders(&self, place: usize) -> Vec<u8> {
        self.houses[place].heard.lock().unwrap().orders.clone()
    }

    pub(crate) fn with<T>(&self, place: usize, act: impl FnOnce(&mut Heard) -> T) -> T {
        act(&mut self.houses[place].heard.lock().unwrap())
    }

    /// Orders that a terminal kept for later reach the meter of a home.
    pub(crate) fn deliver(&self, place: usize) {
        let now = self.bus.now();
        self.with(place, |heard| {
            heard.is_slow = false;
            for bytes in std::mem::take(&mut heard.kept) {
                let mut plain = [0; MAX_DATA];
                let frame = WireFrame::parse(&bytes).unwrap().frame(&mut plain);
                assert!(heard.hear(now, &frame).is_some(), "the meter takes no order of another");
            }
        });
    }

    pub(crate) async fn close(self) {
        self.server.stop().await;
        if self.pace == Pace::Paused {
            tokio::time::resume();
        }
        self.store.close().await;
    }
}

impl HeadEnd {
    /// The head-end of the street whose files are in a folder, with its line on a port: in another process.
    pub(crate) async fn elsewhere(folder: &Path, port: u16, now: Moment) -> Self {
        let store = Store::open(&Address::Sqlite(folder.join("store.db")), Migrations::Check).await.unwrap();
        let (config, key) = (config(folder, port), KeyFile::load(&folder.join("key")).unwrap());
        let dialler = Dialler::of(&config.lines[0]).unwrap();
        let clock = ManualClock::running(now).clock();
        let ends = (TaskTracker::new(), CancellationToken::new());
        Self::of((&store, &clock), (&config, folder), &key, dialler, ends).await
    }

    async fn of(
        (store, clock): (&Store, &Clock),
        (config, folder): (&Config, &Path),
        key: &KeyFile,
        dialler: Dialler,
        (tasks, stop): (TaskTracker, CancellationToken),
    ) -> Self {
        let line = Channel::spawn(ChannelSettings::new("line"), dialler, Box::new(()), &tasks, stop.clone());
        Self::on_lines((store, clock), (config, folder), key, Lines::of([line]), (tasks, stop)).await
    }

    /// On these lines.
    pub(crate) async fn on_lines(
        (store, clock): (&Store, &Clock),
        (config, folder): (&Config, &Path),
        key: &KeyFile,
        lines: Lines,
        ends: (TaskTracker, CancellationToken),
    ) -> Self {
        Self::with_module((store, clock), (config, folder), key, (lines, None), ends).await
    }

    async fn with_module(
        (store, clock): (&Store, &Clock),
        (config, folder): (&Config, &Path),
        key: &KeyFile,
        (lines, security): (Lines, Option<Arc<dyn SecurityModule>>),
        (tasks, stop): (TaskTracker, CancellationToken),
    ) -> Self {
        let vault = store.open_vault(key, clock.now()).await.unwrap();
        let parts =
            FieldParts { store: store.clone(), clock: clock.clone(), lines, vault: Some(vault), security };
        let settings = SupplySettings {
            ceilings: Ceilings::BUILT_IN,
            stop_file: Some(folder.join("STOP")),
            valid_for: Duration::from_secs(300),
            poll: Duration::from_secs(1),
            seed: 7,
        };
        let fields = Fields::new(config, parts);
        let supply =
            Supply::new(SupplyParts { store: store.clone(), clock: clock.clone(), fields, settings });
        Self { supply, tasks, stop }
    }

    /// Works for as long as `act` lasts, and gives what it gives. Whatever is being done then is dropped.
    pub(crate) async fn during<T>(&self, act: impl Future<Output = T>) -> T {
        tokio::select! {
            biased;
            () = self.supply.run(&self.stop) => panic!("it ended"),
            done = act => done,
        }
    }

    /// Ends it as a kill would: nothing more reaches the line.
    pub(crate) async fn kill(self, street: &Street) {
        street.cutter.is_cut.store(true, Ordering::SeqCst);
        self.close().await;
    }

    pub(crate) async fn close(self) {
        self.stop.cancel();
        drop(self.supply);
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// Carries bytes between a head-end and the bus, until it is cut.
async fn wire(
    mut ours: impl AsyncRead + AsyncWrite + Unpin,
    mut bus: DuplexStream,
    cutter: &Cutter,
) -> DuplexStream {
    let (mut up, mut down) = ([0; 512], [0; 512]);
    loop {
        tokio::select! {
            read = ours.read(&mut up) => {
                let Ok(count @ 1..) = read else { return bus };
                let mut bytes = &up[..count];
                if cutter.is_cut.load(Ordering::SeqCst) {
                    continue;
                }
                let start = bytes.iter().position(|byte| *byte == 0x68).unwrap_or(0);
                let is_order = matches!(bytes.get(start + 8), Some(0x18 | 0x1C));
                let is_cut = is_order && cutter.is_set.load(Ordering::SeqCst);
                if is_cut {
                    bytes = &bytes[..cutter.after.load(Ordering::SeqCst).min(count)];
                    cutter.is_cut.store(true, Ordering::SeqCst);
                }
                if bus.write_all(bytes).await.is_err() {
                    return bus;
                }
                if is_cut {
                    cutter.cut.notify_one();
                }
            }
            read = bus.read(&mut down) => {
                let Ok(count @ 1..) = read else { return bus };
                if !cutter.is_cut.load(Ordering::SeqCst) && ours.write_all(&down[..count]).await.is_err() {
                    return bus;
                }
            }
        }
    }
}

fn house(home: Home, meter: &Shared) -> House {
    let password = Password::new(Level::CONTROL, PASSWORD, DigitOrder::LowFirst).unwrap();
    let [_, digits @ ..] = password.wire();
    assert!(meter.lock().unwrap().meter.passwords_mut().set(2, digits));
    let meter = Arc::clone(meter);
    let heard = Heard::of(Arc::clone(&meter));
    House { home, meter, heard: Arc::new(Mutex::new(heard)) }
}

async fn keep_password(store: &Store, key: &KeyFile, homes: &[Home], digits: &str, now: Moment) {
    let vault = store.open_vault(key, now).await.unwrap();
    let secrets: Vec<_> = homes
        .iter()
        .map(|home| NewSecret {
            scope: SecretScope::Meter(home.meter),
            level: Level::CONTROL,
            digits: SecretDigits::new(digits.as_bytes()).unwrap(),
        })
        .collect();
    let entry = AuditEntry::of_system(now, "secret.replace", "passwords");
    store.replace_secrets(&vault, &secrets, &entry).await.unwrap();
}

fn config(folder: &Path, port: u16) -> Config {
    let text =
        format!("[database]\npath = \"unused.db\"\n[[line]]\nname = \"line\"\ntcp = \"127.0.0.1:{port}\"\n");
    Config::parse(&folder.join("amr.toml"), &text).unwrap().config
}

fn fitted(count: usize, start: Moment) -> (BusEntry, Vec<Shared>) {
    let bus = BusEntry { name: "line".into(), tcp: None, pty: None, baud: 2400, echo: false };
    let plan = Plan {
        meters: count,
        seed: 4711,
        first_address: "202411110001".parse().unwrap(),
        lines: vec![bus],
        is_varied: false,
    };
    let mut world = plan.draw().unwrap();
    for meter in &mut world.meter {
        meter.clock_drift_ppm = 0;
        meter.clock_offset_seconds = 0;
    }
    World::build(&world).unwrap().fit(At::from_civil(start.civil().unwrap())).pop().unwrap()
}

pub(crate) fn archived(number: u64, address: MeterAddress, line: &str) -> ArchiveEntry {
    let (customer, point) = (format!("C{number:05}"), format!("P{number:05}"));
    ArchiveEntry {
        customer: Customer { number: customer.clone(), name: "王".to_owned(), class: None },
        point: MeteringPoint {
            number: point,
            customer,
            role: PointRole::Customer,
            area: None,
            route: None,
            protection: None,
        },
        is_unprotected: true,
        feeder: None,
        reading_day: None,
        meter: Meter {
            address,
            asset_number: None,
            protocol: MeterProtocol::Dlt2007,
            profile: Some("645-2007-single-phase".to_owned()),
            path: MeterPath::Line { line: line.to_owned(), baud: None, parity: None },
        },
        transformers: Some(Transformers::NONE),
        installed_at: None,
        first_reading: None,
    }
}

/// Results of the entries of frames in the audit log, the oldest first, and that of the last whole attempt at something.
pub(crate) async fn entered(street: &Street, attempt: &str) -> (Vec<String>, String) {
    let all = street.store.audit_before(&AuditFilter::default(), i64::MAX, 500).await.unwrap();
    let of = |action: &str| {
        let found = all.iter().rev().filter(|record| record.action == action);
        found.map(|record| record.result.clone()).collect::<Vec<String>>()
    };
    (of("meter.frame"), of(attempt).pop().unwrap_or_default())
}
