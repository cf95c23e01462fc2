//! One home: its meter on its line, a store with its password, and the head-end's view of it, in paused time.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chaobiao::channel::{Channel, ChannelHandle, ChannelSettings, Lane, Lines};
use chaobiao::clock::{Clock, ManualClock};
use chaobiao::config::{Config, KeyFile};
use chaobiao::domain::relay::{Expectation, Look, Proof, Told, judge};
use chaobiao::domain::{
    ArchiveEntry, AuditEntry, Customer, Day, Meter, MeterPath, MeterProtocol, MeteringPoint, Moment,
    PointRole, Transformers,
};
use chaobiao::link::{Dialler, Tap};
use chaobiao::store::archive::Saving;
use chaobiao::store::{Address, Migrations, NewSecret, SecretDigits, SecretScope, Store, Taken, Tenure};
use chaobiao::supply::field::{Before, Field, FieldOrder, FieldParts, Fields, Sent};
use chaobiao::supply::security::SecurityModule;
use dlt645::address::MeterAddress;
use dlt645::control::Function;
use dlt645::data_id::DataId;
use dlt645::frame::{Frame, MAX_DATA, WireFrame};
use dlt645::password::{Credentials, DigitOrder, Level, OperatorCode, Password};
use dlt645::relay::Command;
use dlt645::request::Request;
use simulator::bus::Bus;
use simulator::bus::moment::Moment as BusMoment;
use simulator::bus::rate::{Parity, Rate};
use simulator::bus::settings::Settings as BusSettings;
use simulator::instant::At;
use simulator::meter::relay::RelayKind;
use simulator::serve::{LiveBus, Server};
use simulator::station::{Reply, Station};
use simulator::world::World;
use simulator::world::file::BusEntry;
use simulator::world::fitted::Shared;
use simulator::world::generate::Plan;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The password that the meter has on its level of control.
pub(crate) const PASSWORD: &str = "739154";

/// What happens to the answer to the next order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meddling {
    /// It is lost.
    Lost,
    /// It comes so much later.
    Late(Duration),
}

/// A meter whose answers to orders may be meddled with, and which counts the orders it heard.
pub(crate) struct Meddled {
    meter: Shared,
    pub(crate) next: VecDeque<Meddling>,
    /// Control codes and data of all that changes a meter.
    pub(crate) heard: Vec<(u8, Vec<u8>)>,
    /// Of these, how many were answered with "wrong password or not authorised".
    pub(crate) unauthorised: usize,
}

impl Station for Meddled {
    fn hear(&mut self, now: BusMoment, request: &Frame<'_>) -> Option<Reply> {
        let reply = self.meter.hear(now, request);
        let is_read = matches!(request.control.function(), Function::READ | Function::READ_SUBSEQUENT);
        if is_read {
            return reply;
        }
        self.heard.push((request.control.0, request.data.to_vec()));
        self.unauthorised += usize::from(reply.as_ref().is_some_and(is_unauthorised));
        match self.next.pop_front() {
            Some(Meddling::Lost) => None,
            Some(Meddling::Late(by)) => reply.map(|reply| Reply { delay: reply.delay + by, ..reply }),
            None => reply,
        }
    }

    fn rate(&self, now: BusMoment) -> Rate {
        self.meter.rate(now)
    }
}

fn is_unauthorised(reply: &Reply) -> bool {
    let start = reply.bytes.iter().position(|byte| *byte == 0x68).unwrap();
    let frame = WireFrame::parse(&reply.bytes[start..]).unwrap();
    let mut room = [0; MAX_DATA];
    let data = frame.unmask(&mut room);
    frame.control().is_refusal() && data.first().is_some_and(|word| word & 0x04 != 0)
}

/// What a home is made of.
pub(crate) struct Home {
    pub(crate) start: Moment,
    pub(crate) more: String,
    pub(crate) protocol: MeterProtocol,
    pub(crate) profile: Option<String>,
    pub(crate) asset: Option<String>,
    pub(crate) kept: Option<&'static str>,
    pub(crate) has_key: bool,
    pub(crate) offset_seconds: i64,
    pub(crate) tap: Box<dyn Tap + Send>,
    pub(crate) security: Option<Arc<dyn SecurityModule>>,
    /// The path to the bus may be cut.
    pub(crate) cut: Option<Cut>,
    /// The site is held by a lease that nobody renews.
    pub(crate) is_leased: bool,
}

impl Default for Home {
    fn default() -> Self {
        let day: Day = "2026-11-21".parse().unwrap();
        Self {
            // In the evening, when something flows.
            start: day.start().plus(Duration::from_secs(19 * 3600)),
            more: String::new(),
            protocol: MeterProtocol::Dlt2007,
            profile: Some("645-2007-single-phase".to_owned()),
            asset: None,
            kept: Some(PASSWORD),
            has_key: true,
            offset_seconds: 0,
            tap: Box::new(()),
            security: None,
            cut: None,
            is_leased: false,
        }
    }
}

pub(crate) struct Rig {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    /// Its clocks stand still without it.
    pub(crate) manual: ManualClock,
    pub(crate) field: Field,
    pub(crate) meter: Shared,
    pub(crate) address: MeterAddress,
    pub(crate) line: ChannelHandle,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) key: KeyFile,
    bus: LiveBus<Arc<Mutex<Meddled>>>,
    meddled: Arc<Mutex<Meddled>>,
    start: Moment,
    server: Server,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Rig {
    pub(crate) async fn new(home: Home) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = Address::Sqlite(folder.path().join("store.db"));
        let store = Store::open(&address, Migrations::Run).await.unwrap().in_simulated_time();
        let key = KeyFile::make(&folder.path().join("key")).unwrap();
        let tenure = match home.is_leased.then_some(Tenure::take(&address, "test", "1")) {
            Some(taking) => match taking.await.unwrap() {
                Taken::Ours(tenure) => Some(tenure),
                Taken::Held(holder) => panic!("{holder:?}"),
            },
            None => None,
        };
        let store = store.holding(tenure);
        tokio::time::pause();
        let manual = ManualClock::running(home.start);
        let clock = manual.clock();
        let server = Server::new();
        let (mut entry, fitted) = fitted(&home);
        entry.baud = 2400;
        let meter = fitted.first().cloned().unwrap();
        let meter_address = meter.lock().unwrap().meter.address().as_meter().unwrap();
        assert!(meter.lock().unwrap().meter.passwords_mut().set(2, wire(PASSWORD)));
        let meddled = Arc::new(Mutex::new(Meddled {
            meter: Arc::clone(&meter),
            next: VecDeque::new(),
            heard: Vec::new(),
            unauthorised: 0,
        }));
        let rate = Rate::new(entry.baud, Parity::Even).unwrap();
        let settings = BusSettings { rate, ..BusSettings::default() };
        let bus = server.run(Bus::new(settings, vec![Arc::clone(&meddled)]));
        let archived = archived(&home, meter_address);
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let dialler = dialler(bus.clone(), home.cut.clone(), tasks.clone());
        let line = Channel::spawn(ChannelSettings::new("line"), dialler, home.tap, &tasks, stop.clone());
        let text = format!(
            "[database]\npath = \"unused.db\"\n[[line]]\nname = \"line\"\ntcp = \"127.0.0.1:7001\"\n{}",
            home.more
        );
        let config = Config::parse(&folder.path().join("amr.toml"), &text).unwrap().config;
        store.save_archive(&[archived], home.start, Saving::Save).await.unwrap();
        let site = store.site_meter(meter_address).await.unwrap().unwrap();
        let vault = store.open_vault(&key, home.start).await.unwrap();
        if let Some(kept) = home.kept {
            let secret = NewSecret {
                scope: SecretScope::Meter(site.meter_id),
                level: Level::CONTROL,
                digits: SecretDigits::new(kept.as_bytes()).unwrap(),
            };
            let entry = AuditEntry::of_system(home.start, "secret.replace", "passwords");
            store.replace_secrets(&vault, &[secret], &entry).await.unwrap();
        }
        let parts = FieldParts {
            store: store.clone(),
            clock: clock.clone(),
            lines: Lines::of([line.clone()]),
            vault: home.has_key.then_some(vault),
            security: home.security,
        };
        let field = Fields::new(&config, parts).of(site).unwrap();
        Self {
            store,
            clock,
            manual,
            field,
            meter,
            address: meter_address,
            line,
            folder,
            key,
            bus,
            meddled,
            start: home.start,
            server,
            tasks,
            stop,
        }
    }

    /// Meddles with the answers to the next orders.
    pub(crate) fn meddle(&self, next: impl IntoIterator<Item = Meddling>) {
        self.meddled.lock().unwrap().next.extend(next);
    }

    /// What the meter heard that was no read.
    pub(crate) fn orders(&self) -> Vec<(u8, Vec<u8>)> {
        self.meddled.lock().unwrap().heard.clone()
    }

    /// How often it said "wrong password or not authorised".
    pub(crate) fn unauthorised(&self) -> usize {
        self.meddled.lock().unwrap().unauthorised
    }

    pub(crate) fn relay(&self, kind: RelayKind) {
        self.meter.lock().unwrap().meter.relay_mut().set_kind(kind);
    }

    /// The contact, as it really is.
    pub(crate) fn is_open(&self) -> bool {
        let at = self.at();
        let mut fitted = self.meter.lock().unwrap();
        fitted.meter.advance(at);
        fitted.meter.relay().is_open()
    }

    /// The world's time, as the bus counts it.
    pub(crate) fn at(&self) -> At {
        let start = At::from_civil(self.start.civil().unwrap());
        self.bus.now().world(start)
    }

    /// Writes a parameter of the meter, as a workshop would.
    pub(crate) fn set(&self, id: &str, value: &[u8]) {
        let id: DataId = id.parse().unwrap();
        let password = Password::new(Level::PARAMETERS, "000000", DigitOrder::LowFirst).unwrap();
        let credentials = Credentials { password, operator: OperatorCode::default() };
        let request = Request::write(self.address, id, credentials, value).unwrap();
        let mut room = Vec::new();
        let reply = self.meter.lock().unwrap().meter.answer(self.at(), &request.frame(&mut room)).unwrap();
        assert_eq!(reply.frame[8], 0x94);
    }

    pub(crate) async fn before(&self) -> Before {
        self.field.before(Lane::Control).await.unwrap()
    }

    pub(crate) fn order(&self, command: Command, before: &Before) -> FieldOrder {
        let lane = if command.is_cut_class() { Lane::Control } else { Lane::Restore };
        FieldOrder {
            command,
            lane,
            clock: before.clock,
            ahead: MINUTE * 5,
            expires: Instant::now() + MINUTE * 4,
            operator: "0000002A".parse().unwrap(),
        }
    }

    /// Reads what is read before, and orders.
    pub(crate) async fn send(&self, command: Command) -> (Before, Sent) {
        let before = self.before().await;
        let sent = self.field.send(&self.order(command, &before)).await;
        (before, sent)
    }

    /// Looks after so many seconds each, and judges.
    pub(crate) async fn watch(
        &self,
        (before, told): (&Before, Told),
        expectation: Expectation,
        after: &[u64],
    ) -> (Vec<Look>, Proof) {
        let mut looks = Vec::new();
        for seconds in after {
            tokio::time::sleep(Duration::from_secs(*seconds)).await;
            looks.push(self.field.look(Lane::Control).await.unwrap());
        }
        let rules = self.field.rules(before.trip_delay.map(|delay| delay.value));
        let proof = judge(before.look().as_ref(), &looks, expectation, told, &rules);
        (looks, proof)
    }

    pub(crate) async fn close(self) {
        self.stop.cancel();
        drop((self.field, self.line));
        self.tasks.close();
        self.tasks.wait().await;
        self.server.stop().await;
        tokio::time::resume();
        self.store.close().await;
    }
}

/// After how many more bytes to the bus its path breaks, once.
pub(crate) type Cut = Arc<Mutex<Option<usize>>>;

fn dialler(bus: LiveBus<Arc<Mutex<Meddled>>>, cut: Option<Cut>, tasks: TaskTracker) -> Dialler {
    let dial = move || {
        let Some(cut) = cut.clone() else { return Some(bus.memory()) };
        let (ours, theirs) = duplex(1);
        tasks.spawn(pass(theirs, bus.memory(), cut));
        Some(ours)
    };
    Dialler::memory(dial, true)
}

/// Passes bytes both ways until one end closes or the path is cut.
async fn pass(mut head_end: DuplexStream, mut bus: DuplexStream, cut: Cut) {
    let (mut sent, mut answered) = ([0], [0; 64]);
    loop {
        tokio::select! {
            read = head_end.read(&mut sent) => {
                if read.unwrap_or(0) == 0 || is_cut(&cut) || bus.write_all(&sent).await.is_err() {
                    return;
                }
            }
            read = bus.read(&mut answered) => {
                let count = read.unwrap_or(0);
                if count == 0 || head_end.write_all(&answered[..count]).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Counts a byte, and says whether it does not pass any more.
fn is_cut(cut: &Cut) -> bool {
    let mut cut = cut.lock().unwrap();
    match *cut {
        Some(0) => {
            *cut = None;
            true
        }
        Some(left) => {
            *cut = Some(left - 1);
            false
        }
        None => false,
    }
}

/// The frame's part of what came of an order.
pub(crate) fn told(sent: &Sent) -> Told {
    sent.carried().unwrap_or_else(|| panic!("{sent:?}")).told
}

/// The digits of a password as they stand on the wire.
pub(crate) fn wire(password: &str) -> [u8; 3] {
    let password = Password::new(Level::CONTROL, password, DigitOrder::LowFirst).unwrap();
    let [_, digits @ ..] = password.wire();
    digits
}

pub(crate) fn fitted(home: &Home) -> (BusEntry, Vec<Shared>) {
    let bus = BusEntry { name: "line".into(), tcp: None, pty: None, baud: 2400, echo: false };
    let plan = Plan {
        meters: 1,
        seed: 4711,
        first_address: "202411110001".parse().unwrap(),
        lines: vec![bus],
        is_varied: false,
    };
    let mut world = plan.draw().unwrap();
    for meter in &mut world.meter {
        meter.clock_drift_ppm = 0;
        meter.clock_offset_seconds = home.offset_seconds;
    }
    let start = At::from_civil(home.start.civil().unwrap());
    World::build(&world).unwrap().fit(start).pop().unwrap()
}

pub(crate) fn archived(home: &Home, address: MeterAddress) -> ArchiveEntry {
    let text = |text: &str| text.to_owned();
    ArchiveEntry {
        customer: Customer { number: text("1"), name: text("王"), class: None },
        point: MeteringPoint {
            number: text("00001"),
            customer: text("1"),
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
            asset_number: home.asset.clone(),
            protocol: home.protocol,
            profile: home.profile.clone(),
            path: MeterPath::Line { line: text("line"), baud: None, parity: None },
        },
        transformers: Some(Transformers::NONE),
        installed_at: None,
        first_reading: None,
    }
}

/// A file in a rig's folder.
pub(crate) fn file(rig: &Rig, name: &str) -> PathBuf {
    rig.folder.path().join(name)
}

pub(crate) const MINUTE: Duration = Duration::from_secs(60);
