//! A small site that is served again and again from its first day: its meters live in one process, and each service begins
//! with a fresh copy of the same database and a receiver that has seen nothing.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use chaobiao::clock::Clock;
use chaobiao::domain::{Day, Moment, RunState};
use chaobiao::store::{Address, Migrations, Store};
use nix::sys::signal::Signal;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use tokio::time::{Instant, sleep};

use crate::disk::Disk;
use crate::odd_disk::{FewFiles, Fragile};
use crate::ports;
use crate::postgres::Cluster;
use crate::receiver::{Receiver, SECRET, takes};

/// How many meters are read.
pub(crate) const METERS: usize = 2;

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Gone already, or to be gone now.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    /// Its end, if it comes in time.
    async fn ended_within(&mut self, limit: Duration) -> Option<ExitStatus> {
        let until = Instant::now() + limit;
        while Instant::now() < until {
            if let Some(status) = self.0.try_wait().unwrap() {
                return Some(status);
            }
            // Another process works: there is no event to wait for here.
            sleep(Duration::from_millis(20)).await;
        }
        None
    }

    fn terminate(&self) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.0.id()).unwrap());
        nix::sys::signal::kill(pid, Signal::SIGTERM).unwrap();
    }
}

/// The meters, and the database as it is before the first service.
pub(crate) struct Site {
    folder: tempfile::TempDir,
    cluster: Option<&'static Cluster>,
    /// The database that is copied.
    first: Address,
    config: String,
    _meters: Running,
}

/// What is left of a service in the end: readings, versions that took effect at the receiver, lines of files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) readings: BTreeSet<String>,
    pub(crate) pushed: BTreeSet<String>,
    pub(crate) filed: BTreeSet<String>,
}

/// A service from beginning to end.
#[derive(Debug)]
pub(crate) struct Lived {
    pub(crate) left: Left,
    /// The points that were met before the order was carried out, and after it unless it was a kill.
    pub(crate) met: Vec<String>,
    /// Where the order was carried out.
    pub(crate) struck: Option<String>,
    /// How often keys came to the receiver again.
    pub(crate) repeated: usize,
}

/// What is wrong with a disk.
pub(crate) enum Trouble<'a> {
    /// So many bytes are left.
    Bytes(&'a Disk, u64),
    /// It takes no more files.
    Files(&'a FewFiles),
    /// Nothing on it can be changed.
    ReadOnly(&'a Fragile),
}

impl Trouble<'_> {
    fn begin(&self) {
        match self {
            Self::Bytes(disk, left) => disk.fill(*left),
            Self::Files(disk) => assert!(disk.take_all() > 0, "there were none left"),
            Self::ReadOnly(disk) => disk.fail(),
        }
    }

    fn end(&self) {
        match self {
            Self::Bytes(disk, _) => disk.make_room(),
            Self::Files(disk) => disk.give_back(),
            Self::ReadOnly(disk) => disk.mend(),
        }
    }

    /// How it stands in the readiness of a service.
    const fn reason(&self) -> &'static str {
        match self {
            Self::Bytes(..) | Self::Files(_) => "database_full",
            Self::ReadOnly(_) => "\"database\"",
        }
    }

    /// It is over only once nobody uses the disk.
    const fn ends_service(&self) -> bool {
        matches!(self, Self::ReadOnly(_))
    }

    /// Of files alone, as long as nobody is refused anything, the service finds out when it looks: once a minute.
    const fn lasts(&self) -> Duration {
        if matches!(self, Self::Files(_)) { Duration::from_secs(66) } else { FULL_FOR }
    }
}

/// A service on a full disk.
#[derive(Debug)]
pub(crate) struct Full {
    pub(crate) left: Left,
    pub(crate) database: Address,
    /// How often it was begun.
    pub(crate) starts: usize,
    /// How often it said that the disk is full when it was asked whether it is ready.
    pub(crate) refusals: usize,
    /// How long after there was room it said that it is ready.
    pub(crate) ready_after: Option<Duration>,
}

fn chaobiao() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chaobiao"));
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

fn succeed(command: &mut Command) -> Output {
    let output = command.stdout(Stdio::piped()).output().unwrap();
    let talk = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{command:?}: {talk}{}", String::from_utf8_lossy(&output.stdout));
    output
}

impl Site {
    /// Draws a world, lets it live, and brings its archive into a database: a file, or one of this server.
    pub(crate) async fn open(cluster: Option<&'static Cluster>) -> Self {
        Self::open_in(tempfile::tempdir().unwrap(), cluster).await
    }

    /// With all of it on this disk, which is full now and then: the database is a file.
    pub(crate) async fn open_on(disk: &Path) -> Self {
        Self::open_in(tempfile::tempdir_in(disk).unwrap(), None).await
    }

    async fn open_in(folder: tempfile::TempDir, cluster: Option<&'static Cluster>) -> Self {
        let path = |name: &str| folder.path().join(name).display().to_string();
        let port = ports::two_free().to_string();
        let (world, archive, drawn) = (path("world.toml"), path("archive.csv"), path("drawn.toml"));
        let meters = METERS.to_string();
        let mut draw = chaobiao();
        draw.args(["simulate", "world", "--meters", &meters, "--lines", "1", "--seed", "5", "--plain"]);
        draw.args(["--first-port", &port, "--archive", &archive, "--config", &drawn]);
        std::fs::write(&world, succeed(&mut draw).stdout).unwrap();
        let mut child = chaobiao()
            .args(["simulate", "--world", &world, "--unpaced", "--json"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        assert!(first.contains("listen"), "{first}");
        let config = std::fs::read_to_string(&drawn).unwrap();
        let first = match cluster {
            None => Address::Sqlite(folder.path().join("first.db")),
            Some(cluster) => Address::Postgres(cluster.new_database().await),
        };
        let site = Self { folder, cluster, first: first.clone(), config, _meters: Running(child) };
        let (file, _) = site.configured("import", &first, None);
        succeed(chaobiao().args(["meters", "import", &archive, "-c"]).arg(file));
        site
    }

    /// A configuration over this database, in a folder of its own.
    fn configured(&self, name: &str, database: &Address, receiver: Option<&Receiver>) -> (PathBuf, PathBuf) {
        let folder = self.folder.path().join(name);
        std::fs::create_dir_all(folder.join("files")).unwrap();
        std::fs::write(folder.join("secret"), SECRET).unwrap();
        let place = match database {
            Address::Sqlite(path) => format!("path = \"{}\"", path.display()),
            Address::Postgres(url) => {
                std::fs::write(folder.join("url"), url).unwrap();
                "url_file = \"url\"".to_owned()
            }
        };
        let drawn: Vec<&str> = self.config.lines().filter(|line| !line.starts_with("path = ")).collect();
        let mut text = drawn.join("\n").replace("[database]", &format!("[database]\n{place}"));
        text.push_str(
            "\n[collection]\nstart = \"00:00\"\ndeadline = \"23:59\"\nrepair_days = 1\npasses = 0\n\
             events = false\n[intervals]\nrepair_days = 1\n[http]\nlisten = \"127.0.0.1:0\"\n\
             [audit]\nanchor_file = \"anchor\"\n",
        );
        if let Some(receiver) = receiver {
            text.push_str(&format!(
                "[billing]\nlease = \"5s\"\nretry_most = \"1s\"\n\
                 [[billing.receivers]]\nname = \"marketing\"\nurl = \"http://{}/readings\"\n\
                 secret_file = \"secret\"\nwithin = \"2s\"\n\
                 [[billing.receivers]]\nname = \"files\"\nkind = \"csv\"\ndirectory = \"files\"\n",
                receiver.address
            ));
        }
        let file = folder.join("chaobiao.toml");
        std::fs::write(&file, text).unwrap();
        (file, folder)
    }

    /// The database as it was before the first service.
    async fn copy(&self, name: &str) -> Address {
        match (&self.first, self.cluster) {
            (Address::Postgres(url), Some(_)) => {
                let (server, first) = url.rsplit_once('/').unwrap();
                let mut connection = PgConnection::connect(&format!("{server}/postgres")).await.unwrap();
                let sql = format!("CREATE DATABASE {first}_{name} TEMPLATE {first} STRATEGY file_copy");
                sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
                connection.close().await.unwrap();
                Address::Postgres(format!("{server}/{first}_{name}"))
            }
            (Address::Sqlite(first), _) => {
                let copy = self.folder.path().join(format!("{name}.db"));
                std::fs::copy(first, &copy).unwrap();
                Address::Sqlite(copy)
            }
            _ => unreachable!("a database on a server without one"),
        }
    }

    async fn drop_copy(&self, copy: &Address) {
        if let Address::Postgres(url) = copy {
            let (server, name) = url.rsplit_once('/').unwrap();
            let mut connection = PgConnection::connect(&format!("{server}/postgres")).await.unwrap();
            let sql = format!("DROP DATABASE {name} WITH (FORCE)");
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
        }
    }

    /// Serves until a night is read and handed over, with this order for the first process; one that is killed is begun
    /// again. `expected` says when everything is there.
    pub(crate) async fn live(&self, name: &str, order: Option<&str>, expected: Option<&Left>) -> Lived {
        let receiver = Receiver::plain(takes()).await;
        let copy = self.copy(name).await;
        let (config, folder) = self.configured(name, &copy, Some(&receiver));
        let (log, met) = (folder.join("log"), folder.join("met"));
        let serve = |order: Option<&str>| {
            let log = std::fs::File::options().create(true).append(true).open(&log).unwrap();
            let mut command = chaobiao();
            command.arg("serve").arg("-c").arg(&config).stderr(log);
            if let Some(order) = order {
                command.env("CHAOBIAO_FAILPOINTS_MET", &met).env("CHAOBIAO_FAILPOINT", order);
            }
            Running(command.spawn().unwrap())
        };
        // The highest number meets no point: nothing happens, and all is noted.
        let order = order.unwrap_or("fail 18446744073709551615");
        let mut serving = serve(Some(order));
        let told = || std::fs::read_to_string(&log).unwrap_or_default();
        let points = || std::fs::read_to_string(&met).unwrap_or_default();
        let until = Instant::now() + PATIENCE;
        let mut killed = false;
        let left = loop {
            assert!(Instant::now() < until, "{order}: not everything is there in time\n{}", told());
            if !killed && let Some(status) = serving.0.try_wait().unwrap() {
                let at_start = order.starts_with("fail") && !status.success();
                assert!(order.starts_with("kill") || at_start, "{order}: it ended: {status}\n{}", told());
                killed = true;
                // As the system does it: a service that ends by itself is begun again.
                serving = serve(None);
            }
            if let Some(left) = self.left(&copy, &receiver, &folder, expected).await {
                break left;
            }
            sleep(Duration::from_millis(50)).await;
        };
        serving.terminate();
        let ended = serving.ended_within(Duration::from_secs(20)).await;
        // Some steps are of its end: one that is killed there has still ended.
        let is_killed_at_its_end = !killed && order.starts_with("kill");
        // One that was begun again a moment ago may not listen yet.
        let is_told_early = |status: &ExitStatus| {
            killed
                && status.signal().and_then(|number| Signal::try_from(number).ok()) == Some(Signal::SIGTERM)
        };
        let ended = ended.filter(|status| status.success() || is_killed_at_its_end || is_told_early(status));
        assert!(ended.is_some(), "{order}: it does not stop\n{}", told());
        let repeated = receiver.books(|books| {
            assert_eq!(books.contradicted, [""; 0], "{order}: came again with other bytes");
            assert_eq!(books.order.len(), books.effects.len(), "{order}");
            books.repeated
        });
        // What took effect in the meantime would have been one too many.
        let at_the_end = self.left(&copy, &receiver, &folder, None).await;
        assert_eq!(at_the_end.as_ref(), Some(&left), "{order}");
        self.drop_copy(&copy).await;
        let points = points();
        let met: Vec<String> =
            points.lines().filter(|line| !line.starts_with('!')).map(str::to_owned).collect();
        let struck = points.lines().find_map(|line| line.strip_prefix("! ")).map(str::to_owned);
        std::fs::remove_dir_all(&folder).unwrap();
        Lived { left, met, struck, repeated }
    }

    /// Serves on a disk that has a trouble, from the beginning or once it serves, as the system does: again when it has ended.
    /// After a while the trouble is over, and it has to come to its end.
    pub(crate) async fn live_full(
        &self,
        name: &str,
        (trouble, begins_full): (&Trouble<'_>, bool),
        expected: &Left,
    ) -> Full {
        let receiver = Receiver::plain(takes()).await;
        let database = self.copy(name).await;
        let (config, folder) = self.configured(name, &database, Some(&receiver));
        let port = ports::two_free();
        let text = std::fs::read_to_string(&config).unwrap().replace("baud = ", "capture = true\nbaud = ");
        let watched = format!("{text}[metrics]\nlisten = \"127.0.0.1:{port}\"\n");
        std::fs::write(&config, watched).unwrap();
        let log = folder.join("log");
        let serve = || {
            let log = std::fs::File::options().create(true).append(true).open(&log).unwrap();
            Running(chaobiao().arg("serve").arg("-c").arg(&config).stderr(log).spawn().unwrap())
        };
        std::fs::write(&log, "").unwrap();
        let (began, mut full_at, mut room_at, mut ready_after) =
            (Instant::now(), None, None::<Instant>, None);
        if begins_full {
            trouble.begin();
            full_at = Some(began);
        }
        let (mut serving, mut starts, mut refusals) = (serve(), 1, 0);
        let told = || std::fs::read_to_string(&log).unwrap_or_default();
        let left = loop {
            assert!(
                began.elapsed() < PATIENCE * 2 + trouble.lasts(),
                "{name}: not everything is there in time\n{}",
                told()
            );
            if let Some(status) = serving.0.try_wait().unwrap() {
                assert_eq!(status.code(), Some(1), "{}", told());
                starts += 1;
                serving = serve();
            }
            let ready = readiness(port);
            let refused = |ready: &String| ready.contains(trouble.reason());
            refusals += usize::from(ready.as_ref().is_some_and(refused));
            if full_at.is_none() && ready.is_some() {
                trouble.begin();
                full_at = Some(Instant::now());
            }
            match room_at {
                None if full_at.is_some_and(|at| at.elapsed() >= trouble.lasts()) => {
                    if trouble.ends_service() {
                        serving.terminate();
                        let ended = serving.ended_within(Duration::from_secs(20)).await;
                        assert!(ended.is_some(), "it does not stop\n{}", told());
                    }
                    trouble.end();
                    if trouble.ends_service() {
                        starts += 1;
                        serving = serve();
                    }
                    room_at = Some(Instant::now());
                }
                None => self.is_kept_before_it_is_told(&database, &receiver).await,
                Some(at) if ready_after.is_none() && ready.is_some_and(|ready| ready.contains("200 OK")) => {
                    ready_after = Some(at.elapsed());
                }
                Some(_) => {
                    if let Some(left) = self.left(&database, &receiver, &folder, Some(expected)).await {
                        break left;
                    }
                }
            }
            sleep(Duration::from_millis(100)).await;
        };
        serving.terminate();
        let ended = serving.ended_within(Duration::from_secs(20)).await;
        assert!(ended.is_some_and(|status| status.success()), "it does not stop\n{}", told());
        assert!(!told().contains("panicked"), "{}", told());
        receiver.books(|books| assert_eq!(books.contradicted, [""; 0], "came again with other bytes"));
        Full { left, database, starts, refusals, ready_after }
    }

    /// A receiver has nothing that is not in the outbox.
    async fn is_kept_before_it_is_told(&self, database: &Address, receiver: &Receiver) {
        let Address::Sqlite(path) = database else { return };
        let keys: BTreeSet<String> = receiver.books(|books| books.effects.keys().cloned().collect());
        let options = SqliteConnectOptions::new().filename(path).read_only(true);
        // It may be in the middle of beginning.
        let Ok(mut connection) = SqliteConnection::connect_with(&options).await else { return };
        let kept: Vec<(String,)> = sqlx::query_as("SELECT key FROM outbox WHERE receiver = 'marketing'")
            .fetch_all(&mut connection)
            .await
            .unwrap_or_default();
        let kept: BTreeSet<String> = kept.into_iter().map(|(key,)| key).collect();
        assert!(keys.is_subset(&kept), "told and not kept: {:?}", keys.difference(&kept).next());
    }

    /// What there is, once the run is over and nothing waits for a receiver; as much as is expected, where that is known.
    async fn left(
        &self,
        database: &Address,
        receiver: &Receiver,
        folder: &Path,
        expected: Option<&Left>,
    ) -> Option<Left> {
        if receiver.effects() == 0 || expected.is_some_and(|left| receiver.effects() < left.pushed.len()) {
            return None;
        }
        let store = Store::open_with(database, Migrations::Check, 1).await.ok()?;
        let left = collected(&store).await;
        store.close().await;
        let readings = left?;
        let pushed = receiver.books(|books| books.effects.keys().cloned().collect());
        let mut filed = BTreeSet::new();
        for entry in std::fs::read_dir(folder.join("files")).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "csv") {
                let text = std::fs::read_to_string(&path).unwrap();
                for line in text.lines().skip(1) {
                    assert!(filed.insert(line.to_owned()), "filed twice: {line}");
                }
            }
        }
        Some(Left { readings, pushed, filed })
    }
}

/// The readings, once the only run is over and all that waits for billing has been taken.
async fn collected(store: &Store) -> Option<BTreeSet<String>> {
    let runs = store.newest_runs(10).await.ok()?;
    let [run] = &runs[..] else { return None };
    if run.state == RunState::Running {
        return None;
    }
    assert_eq!(run.state, RunState::Done);
    let receivers = store.receiver_statuses().await.ok()?;
    if receivers.len() < 3 || receivers.iter().any(|receiver| receiver.waiting > 0) {
        return None;
    }
    assert!(receivers.iter().all(|receiver| receiver.parked == 0), "{receivers:?}");
    let mut readings = BTreeSet::new();
    for site in store.site_meters().await.ok()? {
        let (from, until) = (Moment::from_micros(0), Moment::from_micros(i64::MAX));
        for entry in store.ledger(site.meter_id, from, until).await.ok()? {
            let reading = &entry.reading;
            let line = format!(
                "{} {} {} {} v{} {}",
                site.meter.address,
                reading.item.code(),
                reading.as_of,
                reading.value,
                entry.version,
                entry.is_current
            );
            assert!(readings.insert(line.clone()), "accepted twice: {line}");
        }
    }
    Some(readings)
}

/// What the port for machines says of being ready, if somebody answers there.
fn readiness(port: u16) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: site\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

/// How long a disk is full.
const FULL_FOR: Duration = Duration::from_secs(8);

/// The day in China.
pub(crate) fn today() -> Day {
    Day::of(Clock::system().now())
}

/// Longer than anything here takes on a busy machine: after a kill everything goes on within a minute (F26).
const PATIENCE: Duration = Duration::from_secs(60);
