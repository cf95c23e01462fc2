//! A site with some homes behind a simulated concentrator that dials in, and many terminals besides.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use chaobiao::app::Site;
use chaobiao::clock::Clock;
use chaobiao::config::{Config, KeyFile};
use chaobiao::domain::{
    ArchiveEntry, AuditEntry, Customer, Meter, MeterPath, MeterProtocol, MeteringPoint, Moment, PointRole,
    Transformers,
};
use chaobiao::http::auth::start_session;
use chaobiao::store::archive::Saving;
use chaobiao::store::{Address, Migrations, NewSecret, SecretDigits, SecretScope, Store};
use dlt645::address::MeterAddress;
use dlt645::control::Control;
use dlt645::frame::Frame;
use dlt645::password::{DigitOrder, Level, Password};
use gdw1376::address::TerminalAddress;
use simulator::concentrator::settings::Settings;
use simulator::concentrator::{Concentrator, Setup};
use simulator::instant::At;
use simulator::seed::Seed;
use simulator::serve::{LiveConcentrator, Server};
use simulator::world::World;
use simulator::world::file::BusEntry;
use simulator::world::generate::Plan;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::crowd;
use crate::ready::{Home, homes, make_people};

const PASSWORD: &str = "739154";

/// A site that is served.
pub(crate) struct Served {
    pub(crate) site: Arc<Site>,
    pub(crate) live: LiveConcentrator,
    /// The homes behind the concentrator, with their meters.
    pub(crate) homes: Vec<(Home, MeterAddress)>,
    /// Where terminals dial in.
    pub(crate) terminals: SocketAddr,
    /// Where the console is, and the cookie of somebody who has signed in.
    pub(crate) console: SocketAddr,
    pub(crate) cookie: String,
    server: Server,
    tasks: TaskTracker,
    stop: CancellationToken,
    _folder: tempfile::TempDir,
}

impl Served {
    /// With so many homes behind the concentrator, and so many other terminals in the archive.
    pub(crate) async fn start(count: u64, others: u16) -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap());
        let (clock, address) = (Clock::system(), Address::Sqlite(folder.path().join("site.db")));
        let now = clock.now();
        let ours: TerminalAddress = "1100-3039".parse().unwrap();
        let (setup, addresses) = behind(ours, count, now);
        let key = KeyFile::make(&folder.path().join("key")).unwrap();
        let homes = furnish(&address, &key, (ours, &addresses), others, now).await;
        let file = folder.path().join("chaobiao.toml");
        let config = Config::parse(&file, &config(now)).unwrap().config;
        let site = Arc::new(Site::start(config, clock, 7).await.unwrap());
        let console = site.open_console().await.unwrap().unwrap();
        let account = site.store.account_named("li").await.unwrap().unwrap();
        let secret = start_session(&site.services(), &account, "127.0.0.1").await.unwrap();
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let at = console.at;
        let (serving, stopping) = (Arc::clone(&site), stop.clone());
        tasks.spawn(async move { serving.serve(Some(console), &stopping).await });
        let terminals = site.terminals.listening().unwrap();
        let server = Server::new();
        let live = server.concentrator(Concentrator::new(setup));
        dial(&live, terminals, &tasks, &stop);
        while !site.terminals.status(ours).is_some_and(|status| status.is_online) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let cookie = format!("chaobiao_session={secret}");
        let homes = homes.into_iter().zip(addresses).collect();
        Self { site, live, homes, terminals, console: at, cookie, server, tasks, stop, _folder: folder }
    }

    /// How many terminals are there.
    pub(crate) fn online(&self) -> usize {
        self.site.terminals.all().iter().filter(|status| status.is_online).count()
    }

    pub(crate) async fn close(self) {
        let Self { site, server, tasks, stop, .. } = self;
        stop.cancel();
        server.stop().await;
        tasks.close();
        tasks.wait().await;
        Arc::into_inner(site).unwrap().close().await;
    }
}

/// Carries the connections of the concentrator to the port.
fn dial(live: &LiveConcentrator, to: SocketAddr, tasks: &TaskTracker, stop: &CancellationToken) {
    let (mut dials, stop, each) = (live.memory(), stop.clone(), tasks.clone());
    tasks.spawn(async move {
        while let Some(Some(mut near)) = stop.run_until_cancelled(dials.recv()).await {
            let stop = stop.clone();
            each.spawn(async move {
                let carried = async {
                    let mut far = TcpStream::connect(to).await?;
                    tokio::io::copy_bidirectional(&mut near, &mut far).await
                };
                drop(stop.run_until_cancelled(carried).await);
            });
        }
    });
}

/// The concentrator; the relay of its first meter is open.
fn behind(terminal: TerminalAddress, count: u64, now: Moment) -> (Setup, Vec<MeterAddress>) {
    let bus = BusEntry { name: "line".into(), tcp: None, pty: None, baud: 2400, echo: false };
    let plan = Plan {
        meters: usize::try_from(count).unwrap(),
        seed: 4711,
        first_address: "202411110001".parse().unwrap(),
        lines: vec![bus],
        is_varied: false,
    };
    let mut world = plan.draw().unwrap();
    for meter in &mut world.meter {
        (meter.clock_drift_ppm, meter.clock_offset_seconds) = (0, 0);
    }
    let at = At::from_civil(now.civil().unwrap());
    let (_, fitted) = World::build(&world).unwrap().fit(at).pop().unwrap();
    let mut meters: Vec<_> = fitted.iter().map(|shared| shared.lock().unwrap().meter.clone()).collect();
    let [_, digits @ ..] = Password::new(Level::CONTROL, PASSWORD, DigitOrder::LowFirst).unwrap().wire();
    meters.iter_mut().for_each(|meter| assert!(meter.passwords_mut().set(2, digits)));
    let first = meters.first_mut().unwrap();
    let [p0, p1, p2] = digits;
    // Until the end of the century.
    let order = [0x02, p0, p1, p2, 0x2A, 0, 0, 0, 0x1A, 0, 0, 0, 0, 0x01, 0x01, 0x90];
    let frame = Frame { address: first.address(), control: Control(0x1C), data: &order };
    assert!(first.answer(at, &frame).is_some());
    first.advance(at);
    assert!(first.relay().is_open());
    let addresses = meters.iter().map(|meter| meter.address().as_meter().unwrap()).collect();
    let setup = Setup::new(terminal, at, Seed::new(5)).with_meters(meters);
    (Setup { settings: Settings::swift(), ..setup }, addresses)
}

/// The database with its archive, its people and the passwords of the homes.
async fn furnish(
    address: &Address,
    key: &KeyFile,
    (terminal, meters): (TerminalAddress, &[MeterAddress]),
    others: u16,
    now: Moment,
) -> Vec<Home> {
    let store = Store::open(address, Migrations::Run).await.unwrap();
    let mut entries: Vec<_> =
        (1..).zip(meters).map(|(point, meter)| archived(*meter, terminal, point)).collect();
    for number in 0..others {
        let meter = MeterAddress::from_number(10_000 + u64::from(number)).unwrap();
        entries.push(archived(meter, crowd::of(number), 1));
    }
    store.save_archive(&entries, now, Saving::Confirmed).await.unwrap();
    make_people(address, now).await;
    let sites = store.site_meters().await.unwrap();
    let all = homes(&store, address).await;
    let home_of = |meter: &MeterAddress| {
        let site = sites.iter().find(|site| site.meter.address == *meter).unwrap();
        *all.iter().find(|home| home.meter == site.meter_id).unwrap()
    };
    let homes: Vec<Home> = meters.iter().map(home_of).collect();
    let vault = store.open_vault(key, now).await.unwrap();
    let secret = |home: &Home| NewSecret {
        scope: SecretScope::Meter(home.meter),
        level: Level::CONTROL,
        digits: SecretDigits::new(PASSWORD.as_bytes()).unwrap(),
    };
    let secrets: Vec<_> = homes.iter().map(secret).collect();
    let entry = AuditEntry::of_system(now, "secret.replace", "passwords");
    store.replace_secrets(&vault, &secrets, &entry).await.unwrap();
    store.close().await;
    homes
}

/// No night comes while a test runs.
fn config(now: Moment) -> String {
    let is_morning = now.civil().unwrap().hour() < 12;
    let (start, deadline) = if is_morning { ("20:00", "21:00") } else { ("05:00", "06:00") };
    format!(
        "[database]\npath = \"site.db\"\n[http]\nlisten = \"127.0.0.1:0\"\nrequests_per_minute = 100000\n[secrets]\nkey_file = \"key\"\n\
         [collection]\nstart = \"{start}\"\ndeadline = \"{deadline}\"\n\
         [terminals]\nlisten = \"127.0.0.1:0\"\n"
    )
}

fn archived(meter: MeterAddress, terminal: TerminalAddress, point: u16) -> ArchiveEntry {
    let customer = format!("C{meter}");
    ArchiveEntry {
        customer: Customer { number: customer.clone(), name: "王".to_owned(), class: None },
        point: MeteringPoint {
            number: format!("P{meter}"),
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
            address: meter,
            asset_number: None,
            protocol: MeterProtocol::Dlt2007,
            profile: Some("645-2007-single-phase".to_owned()),
            path: MeterPath::Terminal {
                terminal: terminal.to_string(),
                measuring_point: point,
                port: Some(31),
                baud: None,
                parity: None,
            },
        },
        transformers: Some(Transformers::NONE),
        installed_at: None,
        first_reading: None,
    }
}
